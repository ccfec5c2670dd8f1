/* SPDX-License-Identifier: GPL-3.0-or-later
 * Ending the machines at the end of the session.
 *
 * A timer looks at each machine and does the next thing for it. Polling is no loss here, and it
 * covers what commands in a chain would not: machines that are just starting or stopping, and a
 * failure that is over soon, as when a snapshot is being taken. */
#include "app/model/model-session.h"

#include "app/model/model-snapshots.h"

#define TICK_MS 100
#define RETRY_US (500 * 1000)

typedef struct {
  DioMachineItem *item;
  gboolean pressed;   /* its power button */
  gboolean asked;     /* its agent */
  gboolean busy;      /* a command is under way */
  gint64 retry_us;    /* not before */
  gboolean suspended; /* as far as it is known */
} Machine;

typedef struct {
  GArray *machines; /* Machine */
  DioSessionAction action;
  gint64 agent_us;    /* from when on agents of guests that did not hear are asked */
  gint64 patience_us; /* until when guests may turn off by themselves */
  gint64 deadline_us;
} Ending;

static void
clear_machine (gpointer data)
{
  Machine *machine = data;
  g_object_unref (machine->item);
}

static void
ending_free (gpointer data)
{
  Ending *ending = data;
  g_array_unref (ending->machines);
  g_free (ending);
}

/* A command's answer finds its machine by the item: nothing here is freed before the task. */
static Machine *
find_machine (GTask *task, gpointer item)
{
  Ending *ending = g_task_get_task_data (task);
  for (guint i = 0; i < ending->machines->len; i++) {
    Machine *machine = &g_array_index (ending->machines, Machine, i);
    if (machine->item == item)
      return machine;
  }
  return NULL;
}

static void
suspended_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Machine *machine = find_machine (task, object);
  machine->busy = FALSE;
  machine->suspended =
      dio_machine_item_snapshot_finish (DIO_MACHINE_ITEM (object), result, NULL, NULL);
  machine->retry_us = g_get_monotonic_time () + RETRY_US;
}

static void
told_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  dio_machine_item_command_finish (DIO_MACHINE_ITEM (object), result, NULL);
  find_machine (task, object)->busy = FALSE;
}

static void
suspend (GTask *task, Machine *machine)
{
  machine->busy = TRUE;
  dio_machine_item_snapshot_async (machine->item, DIO_SNAPSHOT_SAVE, NULL, NULL, NULL, NULL,
                                   suspended_cb, g_object_ref (task));
}

/* A machine that runs or is paused. */
static void
end_machine (GTask *task, Machine *machine, gint64 now)
{
  const Ending *ending = g_task_get_task_data (task);
  gboolean running = dio_machine_item_get_state (machine->item) == DIO_ITEM_RUNNING;
  gboolean patient =
      ending->action == DIO_SESSION_SHUT_DOWN && running && now < ending->patience_us;
  if (patient && !machine->pressed) {
    machine->pressed = machine->busy = TRUE;
    dio_machine_item_power_button_async (machine->item, NULL, told_cb, g_object_ref (task));
  } else if (patient) {
    if (!machine->asked && now >= ending->agent_us)
      dio_machine_item_ask_to_shut_down (machine->item);
    machine->asked |= now >= ending->agent_us;
  } else if (dio_machine_item_is_ephemeral (machine->item)) {
    machine->busy = TRUE;
    dio_machine_item_force_off_async (machine->item, NULL, told_cb, g_object_ref (task));
  } else if (now >= machine->retry_us) {
    suspend (task, machine);
  }
}

/* How many are not off yet. */
static guint
step (GTask *task)
{
  Ending *ending = g_task_get_task_data (task);
  gint64 now = g_get_monotonic_time ();
  guint left = 0;
  for (guint i = 0; i < ending->machines->len; i++) {
    Machine *machine = &g_array_index (ending->machines, Machine, i);
    DioItemState state = dio_machine_item_get_state (machine->item);
    left += machine->busy || dio_machine_item_is_active (machine->item);
    if (!machine->busy && (state == DIO_ITEM_RUNNING || state == DIO_ITEM_PAUSED))
      end_machine (task, machine, now);
  }
  return left;
}

static gboolean
tick_cb (gpointer data)
{
  GTask *task = data;
  const Ending *ending = g_task_get_task_data (task);
  guint left = step (task);
  if (left > 0 && g_get_monotonic_time () < ending->deadline_us)
    return G_SOURCE_CONTINUE;
  g_task_return_int (task, left);
  return G_SOURCE_REMOVE;
}

void
dio_session_end_async (GPtrArray *items, DioSessionAction action, unsigned seconds,
                       GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  Ending *ending = g_new0 (Ending, 1);
  gint64 span = (gint64) seconds * G_USEC_PER_SEC;
  ending->machines = g_array_new (FALSE, TRUE, sizeof (Machine));
  g_array_set_clear_func (ending->machines, clear_machine);
  ending->action = action;
  ending->agent_us = g_get_monotonic_time () + span / 4;
  ending->patience_us = g_get_monotonic_time () + span / 2;
  ending->deadline_us = g_get_monotonic_time () + span;
  for (guint i = 0; i < items->len; i++) {
    Machine machine = { .item = g_object_ref (g_ptr_array_index (items, i)) };
    g_array_append_val (ending->machines, machine);
  }
  g_task_set_task_data (task, ending, ending_free);
  if (step (task) == 0) {
    g_task_return_int (task, 0);
    g_object_unref (task);
    return;
  }
  g_timeout_add_full (G_PRIORITY_DEFAULT, TICK_MS, tick_cb, task, g_object_unref);
}

char **
dio_session_end_finish (GAsyncResult *result, guint *left)
{
  const Ending *ending = g_task_get_task_data (G_TASK (result));
  GStrvBuilder *ids = g_strv_builder_new ();
  gssize count = g_task_propagate_int (G_TASK (result), NULL);
  if (left)
    *left = (guint) count;
  for (guint i = 0; i < ending->machines->len; i++) {
    const Machine *machine = &g_array_index (ending->machines, Machine, i);
    if (machine->suspended)
      g_strv_builder_add (ids, dio_machine_item_get_id (machine->item));
  }
  char **result_ids = g_strv_builder_end (ids);
  g_strv_builder_unref (ids);
  return result_ids;
}
