/* SPDX-License-Identifier: GPL-3.0-or-later
 * The bridge: a queue under a short lock, an eventfd in the main context. */
#include "app/bridge/bridge.h"

#include <errno.h>
#include <glib-unix.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "app/job/job-thread.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define STATS_MS 1000

typedef enum {
  MESSAGE_EVENT,
  MESSAGE_DONE,
} MessageKind;

typedef struct {
  MessageKind kind;
  DioBridgeEvent event;
  GTask *task; /* of DONE, with its result in @error */
  GError *error;
} Message;

struct DioBridge {
  gatomicrefcount references;
  DioBridgeCallbacks callbacks; /* cleared by the owner's unref */
  gpointer data;
  GMainContext *context;
  GSource *wake_source;
  GSource *stats_source;
  int wake_fd;
  _Atomic bool wake_pending;

  pthread_mutex_t lock; /* the queue */
  GQueue messages;
  unsigned n_events;

  /* Main context only. */
  DioMachine *machine;
  gboolean launched;
  gboolean restores;
  DioRestore restore; /* when it restores; the machine's until it has started */
  gboolean has_stats;
  DioMachineStats last_stats;
};

static DioBridge *
ref (DioBridge *bridge)
{
  g_atomic_ref_count_inc (&bridge->references);
  return bridge;
}

static void
unref (DioBridge *bridge)
{
  if (!g_atomic_ref_count_dec (&bridge->references))
    return;
  g_assert (!bridge->machine);
  g_assert (g_queue_is_empty (&bridge->messages));
  g_clear_pointer (&bridge->restore.devices, g_bytes_unref);
  g_clear_pointer (&bridge->restore.map, dio_ram_map_free);
  close (bridge->wake_fd);
  pthread_mutex_destroy (&bridge->lock);
  g_main_context_unref (bridge->context);
  g_free (bridge);
}

static void
message_free (Message *message)
{
  g_free (message->event.message);
  g_clear_object (&message->task);
  g_clear_error (&message->error);
  g_free (message);
}

/* Any thread. */

static void
wake (DioBridge *bridge)
{
  if (atomic_exchange (&bridge->wake_pending, true))
    return;
  uint64_t one = 1;
  while (write (bridge->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
    continue;
}

/* True when @event only repeats the newest message, which then counts one more. */
static gboolean
coalesce_locked (DioBridge *bridge, const DioMachineEvent *event)
{
  Message *last = g_queue_peek_tail (&bridge->messages);
  if (!last || last->kind != MESSAGE_EVENT || last->event.kind != event->kind
      || event->kind == DIO_EVENT_STATE || g_strcmp0 (last->event.message, event->message) != 0)
    return FALSE;
  last->event.count++;
  last->event.time_us = event->time_us;
  return TRUE;
}

/* Makes room: the oldest event that is no change of state, or else the oldest state. */
static void
drop_one_locked (DioBridge *bridge)
{
  GList *victim = NULL;
  for (GList *link = bridge->messages.head; link; link = link->next) {
    const Message *message = link->data;
    if (message->kind != MESSAGE_EVENT)
      continue;
    if (!victim)
      victim = link;
    if (message->event.kind != DIO_EVENT_STATE) {
      victim = link;
      break;
    }
  }
  if (!victim)
    return;
  message_free (victim->data);
  g_queue_delete_link (&bridge->messages, victim);
  bridge->n_events--;
}

void
dio_bridge_post_event (DioBridge *bridge, const DioMachineEvent *event)
{
  pthread_mutex_lock (&bridge->lock);
  if (!coalesce_locked (bridge, event)) {
    if (bridge->n_events >= DIO_BRIDGE_MAX_EVENTS)
      drop_one_locked (bridge);
    Message *message = g_new0 (Message, 1);
    message->kind = MESSAGE_EVENT;
    message->event = (DioBridgeEvent){
      .kind = event->kind,
      .state = event->state,
      .reason = event->reason,
      .exit_code = event->exit_code,
      .time_us = event->time_us,
      .count = 1,
      .held = event->held,
      .message = g_strdup (event->message),
    };
    g_queue_push_tail (&bridge->messages, message);
    bridge->n_events++;
  }
  pthread_mutex_unlock (&bridge->lock);
  wake (bridge);
}

static void
machine_event_cb (const DioMachineEvent *event, void *data)
{
  dio_bridge_post_event (data, event);
}

typedef struct {
  DioBridge *bridge;
  GTask *task;
} Pending;

/* The machine's control thread. */
static void
command_done_cb (DioMachine *machine, const GError *error, void *data)
{
  Pending *pending = data;
  DioBridge *bridge = pending->bridge;
  Message *message = g_new0 (Message, 1);
  message->kind = MESSAGE_DONE;
  message->task = pending->task;
  message->error = error ? g_error_copy (error) : NULL;
  g_free (pending);
  pthread_mutex_lock (&bridge->lock);
  g_queue_push_tail (&bridge->messages, message);
  pthread_mutex_unlock (&bridge->lock);
  wake (bridge);
  unref (bridge);
}

static Pending *
pending_new (DioBridge *bridge, GTask *task)
{
  Pending *pending = g_new (Pending, 1);
  pending->bridge = ref (bridge);
  pending->task = task;
  return pending;
}

/* Main context. */

static void
deliver (DioBridge *bridge, Message *message)
{
  if (message->kind == MESSAGE_EVENT) {
    if (bridge->callbacks.event)
      bridge->callbacks.event (&message->event, bridge->data);
  } else if (message->error)
    g_task_return_error (message->task, g_steal_pointer (&message->error));
  else
    g_task_return_boolean (message->task, TRUE);
  message_free (message);
}

static void
dispatch_messages (DioBridge *bridge)
{
  ref (bridge);
  for (;;) {
    pthread_mutex_lock (&bridge->lock);
    Message *message = g_queue_pop_head (&bridge->messages);
    if (message && message->kind == MESSAGE_EVENT)
      bridge->n_events--;
    pthread_mutex_unlock (&bridge->lock);
    if (!message)
      break;
    deliver (bridge, message);
  }
  unref (bridge);
}

static gboolean
wake_cb (int fd, GIOCondition condition, gpointer data)
{
  DioBridge *bridge = data;
  uint64_t count;
  /* Cleared before the queue is read: what is posted from now on wakes again. */
  if (read (fd, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR)
    g_warning ("reading an eventfd: %s", g_strerror (errno));
  atomic_store (&bridge->wake_pending, false);
  dispatch_messages (bridge);
  return G_SOURCE_CONTINUE;
}

static gboolean
stats_cb (gpointer data)
{
  DioBridge *bridge = data;
  DioMachineStats stats;
  if (dio_bridge_get_stats (bridge, &stats) && bridge->callbacks.stats)
    bridge->callbacks.stats (&stats, bridge->data);
  return G_SOURCE_CONTINUE;
}

static void
clear_source (GSource **source)
{
  if (*source)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

DioBridge *
dio_bridge_new (const DioBridgeCallbacks *callbacks, gpointer data)
{
  DioBridge *bridge = g_new0 (DioBridge, 1);
  g_atomic_ref_count_init (&bridge->references);
  bridge->callbacks = *callbacks;
  bridge->data = data;
  bridge->context = g_main_context_ref_thread_default ();
  pthread_mutex_init (&bridge->lock, NULL);
  g_queue_init (&bridge->messages);
  bridge->wake_fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (bridge->wake_fd < 0)
    g_error ("eventfd: %s", g_strerror (errno));
  bridge->wake_source = g_unix_fd_source_new (bridge->wake_fd, G_IO_IN);
  g_source_set_callback (bridge->wake_source, G_SOURCE_FUNC (wake_cb), bridge, NULL);
  g_source_attach (bridge->wake_source, bridge->context);
  return bridge;
}

void
dio_bridge_unref (DioBridge *bridge)
{
  if (!bridge)
    return;
  bridge->callbacks = (DioBridgeCallbacks){ 0 };
  clear_source (&bridge->wake_source);
  clear_source (&bridge->stats_source);
  /* Results of commands must not be lost. */
  dispatch_messages (bridge);
  unref (bridge);
}

typedef struct {
  DioMachineConfig *config;
  DioMachineHost host;
} Launch;

static void
launch_free (gpointer data)
{
  Launch *launch = data;
  dio_machine_config_free (launch->config);
  g_free (launch);
}

static void
machine_free_cb (gpointer data)
{
  dio_machine_free (data);
}

static void
build_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Launch *launch = task_data;
  GError *error = NULL;
  DioMachine *machine = dio_machine_new (launch->config, &launch->host, &error);
  if (machine)
    g_task_return_pointer (task, machine, machine_free_cb);
  else
    g_task_return_error (task, error);
}

static void
built_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Pending *pending = user_data;
  DioBridge *bridge = pending->bridge;
  GError *error = NULL;
  DioMachine *machine = g_task_propagate_pointer (G_TASK (result), &error);
  if (!machine) {
    g_task_return_error (pending->task, error);
    g_object_unref (pending->task);
    g_free (pending);
    unref (bridge);
    return;
  }
  bridge->machine = machine;
  bridge->stats_source = g_timeout_source_new (STATS_MS);
  g_source_set_callback (bridge->stats_source, stats_cb, bridge, NULL);
  g_source_attach (bridge->stats_source, bridge->context);
  if (bridge->restores)
    dio_machine_restore (machine, &bridge->restore, command_done_cb, pending);
  else
    dio_machine_start (machine, command_done_cb, pending);
}

void
dio_bridge_set_restore (DioBridge *bridge, DioRestore *restore)
{
  g_return_if_fail (!bridge->launched);
  bridge->restores = TRUE;
  bridge->restore = *restore;
  g_bytes_ref (bridge->restore.devices);
  restore->map = NULL;
}

void
dio_bridge_launch_async (DioBridge *bridge, const DioMachineConfig *config,
                         const DioMachineHost *host, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (!bridge->launched);
  bridge->launched = TRUE;
  GTask *outer = g_task_new (NULL, cancellable, callback, user_data);
  g_task_set_source_tag (outer, dio_bridge_launch_async);
  Launch *launch = g_new0 (Launch, 1);
  launch->config = dio_machine_config_copy (config);
  launch->host = *host;
  launch->host.event = machine_event_cb;
  launch->host.data = bridge;
  /* Not cancellable itself: the machine must come back to be freed. */
  g_autoptr (GTask) build = g_task_new (NULL, NULL, built_cb, pending_new (bridge, outer));
  g_task_set_task_data (build, launch, launch_free);
  dio_job_thread_run (build, build_thread);
}

gboolean
dio_bridge_launch_finish (DioBridge *bridge, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
dio_bridge_command_async (DioBridge *bridge, DioBridgeCommand command, GAsyncReadyCallback callback,
                          gpointer user_data)
{
  static void (*const functions[]) (DioMachine * machine, DioMachineDone done, void *data) = {
    [DIO_BRIDGE_PAUSE] = dio_machine_pause,
    [DIO_BRIDGE_RESUME] = dio_machine_resume,
    [DIO_BRIDGE_RESET] = dio_machine_reset,
    [DIO_BRIDGE_RELEASE] = dio_machine_release,
    [DIO_BRIDGE_POWER_BUTTON] = dio_machine_power_button,
    [DIO_BRIDGE_STOP] = dio_machine_stop,
  };
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  g_task_set_source_tag (task, dio_bridge_command_async);
  if (!bridge->machine) {
    g_task_return_new_error (task, DIO_ERROR, DIO_ERROR_BUSY, "%s",
                             _ ("The machine is not running"));
    g_object_unref (task);
    return;
  }
  functions[command](bridge->machine, command_done_cb, pending_new (bridge, task));
}

void
dio_bridge_snapshot_async (DioBridge *bridge, DioSnapshot *snapshot, GAsyncReadyCallback callback,
                           gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  g_task_set_source_tag (task, dio_bridge_snapshot_async);
  if (bridge->machine) {
    dio_machine_snapshot (bridge->machine, snapshot, command_done_cb, pending_new (bridge, task));
    return;
  }
  g_task_return_new_error (task, DIO_ERROR, DIO_ERROR_BUSY, "%s", _ ("The machine is not running"));
  g_object_unref (task);
}

GPtrArray *
dio_bridge_lend_disks (DioBridge *bridge)
{
  const GPtrArray *disks = bridge->machine ? bridge->machine->disks : NULL;
  if (!disks)
    return NULL;
  GPtrArray *lent = g_ptr_array_new_with_free_func ((GDestroyNotify) dio_block_give_back);
  for (guint i = 0; i < disks->len; i++)
    g_ptr_array_add (lent, dio_block_lend (g_ptr_array_index (disks, i)));
  return lent;
}

gboolean
dio_bridge_command_finish (DioBridge *bridge, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
close_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  dio_machine_free (task_data);
  g_task_return_boolean (task, TRUE);
}

static void
closed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Pending *pending = user_data;
  dispatch_messages (pending->bridge);
  g_task_return_boolean (pending->task, TRUE);
  g_object_unref (pending->task);
  unref (pending->bridge);
  g_free (pending);
}

void
dio_bridge_close_async (DioBridge *bridge, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *outer = g_task_new (NULL, NULL, callback, user_data);
  clear_source (&bridge->stats_source);
  DioMachineStats stats;
  dio_bridge_get_stats (bridge, &stats);
  g_autoptr (GTask) task = g_task_new (NULL, NULL, closed_cb, pending_new (bridge, outer));
  g_task_set_task_data (task, g_steal_pointer (&bridge->machine), NULL);
  dio_job_thread_run (task, close_thread);
}

void
dio_bridge_close_finish (DioBridge *bridge, GAsyncResult *result)
{
  g_task_propagate_boolean (G_TASK (result), NULL);
}

gboolean
dio_bridge_get_stats (DioBridge *bridge, DioMachineStats *stats)
{
  if (bridge->machine) {
    dio_machine_get_stats (bridge->machine, &bridge->last_stats);
    bridge->has_stats = TRUE;
  }
  if (bridge->has_stats)
    *stats = bridge->last_stats;
  return bridge->has_stats;
}
