/* SPDX-License-Identifier: GPL-3.0-or-later
 * The commands of one machine as actions. */
#include "config.h"

#include "ui/widgets/machine-actions.h"

#include <glib/gi18n.h>

#include "ui/disks/disks-window.h"
#include "ui/settings/settings-window.h"
#include "ui/widgets/dialogs.h"

typedef struct {
  DioMachineItem *item;
  GtkWidget *widget; /* weak; outlives the group normally, as it owns it */
  GSimpleActionGroup *group;
} Context;

static void
context_free (gpointer data)
{
  Context *context = data;

  g_clear_weak_pointer (&context->widget);
  g_object_unref (context->item);
  g_free (context);
}

/* What waits for a command's result. */
typedef struct {
  GtkWidget *widget; /* weak */
  char *heading;
} Waiting;

static void
done_cb (GObject *object, GAsyncResult *result, gpointer data)
{
  DioMachineItem *item = DIO_MACHINE_ITEM (object);
  Waiting *waiting = data;
  g_autoptr (GError) error = NULL;

  if (!dio_machine_item_command_finish (item, result, &error) && waiting->widget
      && gtk_widget_get_root (waiting->widget))
    dio_dialogs_error (waiting->widget, waiting->heading, error);
  g_clear_weak_pointer (&waiting->widget);
  g_free (waiting->heading);
  g_free (waiting);
}

/* @format is the heading of the message about a failure, with the machine's name. */
static G_GNUC_PRINTF (2, 3) Waiting *wait_with (Context *context, const char *format, ...)
{
  Waiting *waiting = g_new0 (Waiting, 1);
  va_list arguments;

  va_start (arguments, format);
  waiting->heading = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_weak_pointer (&waiting->widget, context->widget);
  return waiting;
}

static const char *
name (Context *context)
{
  return dio_machine_item_get_name (context->item);
}

static void
start (Context *context)
{
  /* A machine's window has a bar that says so and stays. */
  if (GTK_IS_WINDOW (context->widget))
    dio_machine_item_start_async (context->item, NULL, NULL, NULL);
  else
    dio_machine_item_start_async (
        context->item, NULL, done_cb,
        wait_with (context, _ ("“%s” could not be started"), name (context)));
}

static void
pause_machine (Context *context)
{
  dio_machine_item_pause_async (
      context->item, NULL, done_cb,
      wait_with (context, _ ("“%s” could not be paused"), name (context)));
}

static void
resume (Context *context)
{
  dio_machine_item_resume_async (context->item, NULL, done_cb,
                                 wait_with (context, _ ("“%s” could not go on"), name (context)));
}

static void
start_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  start (data);
}

/* Nothing that it writes is kept. */
static void
start_disposable_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  Context *context = data;

  dio_machine_item_set_disposable (context->item, TRUE);
  start (context);
}

static void
pause_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  pause_machine (data);
}

static void
resume_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  resume (data);
}

static void
toggle_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  Context *context = data;

  switch (dio_machine_item_get_state (context->item)) {
  case DIO_ITEM_OFF:
    start (context);
    break;
  case DIO_ITEM_RUNNING:
    pause_machine (context);
    break;
  case DIO_ITEM_PAUSED:
    resume (context);
    break;
  default:
    break;
  }
}

static void
power_button_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  Context *context = data;

  dio_machine_item_power_button_async (
      context->item, NULL, done_cb,
      wait_with (context, _ ("The power button of “%s” could not be pressed"), name (context)));
}

static void
reset_confirmed (gpointer data)
{
  Context *context = data;

  dio_machine_item_reset_async (context->item, NULL, done_cb,
                                wait_with (context, _ ("“%s” could not be reset"), name (context)));
}

static void
reset_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  Context *context = data;
  g_autofree char *heading =
      g_strdup_printf (_ ("Reset “%s”?"), dio_machine_item_get_name (context->item));

  dio_dialogs_confirm (context->widget, heading,
                       _ ("It starts again at once. Work that is not saved in it is lost."),
                       _ ("_Reset"), reset_confirmed, context);
}

static void
force_off_confirmed (gpointer data)
{
  Context *context = data;

  dio_machine_item_force_off_async (
      context->item, NULL, done_cb,
      wait_with (context, _ ("“%s” could not be turned off"), name (context)));
}

static void
force_off_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  Context *context = data;
  g_autofree char *heading =
      g_strdup_printf (_ ("Force “%s” Off?"), dio_machine_item_get_name (context->item));

  dio_dialogs_confirm (context->widget, heading,
                       _ ("This is like pulling the plug. Work that is not saved in the machine is "
                          "lost, and its disks may need repair."),
                       _ ("_Force Off"), force_off_confirmed, context);
}

static void
rename_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  Context *context = data;

  dio_dialogs_rename (context->widget, context->item);
}

static void
settings_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  Context *context = data;
  GtkRoot *root = gtk_widget_get_root (context->widget);

  gtk_window_present (GTK_WINDOW (
      dio_settings_window_new (GTK_IS_WINDOW (root) ? GTK_WINDOW (root) : NULL, context->item)));
}

static void
disks_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  Context *context = data;
  GtkRoot *root = gtk_widget_get_root (context->widget);

  gtk_window_present (GTK_WINDOW (
      dio_disks_window_new (GTK_IS_WINDOW (root) ? GTK_WINDOW (root) : NULL, context->item)));
}

static void
show_folder_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  Context *context = data;
  GtkRoot *root = gtk_widget_get_root (context->widget);
  g_autofree char *uri = g_filename_to_uri (dio_machine_item_get_path (context->item), NULL, NULL);

  if (uri)
    gtk_show_uri (GTK_IS_WINDOW (root) ? GTK_WINDOW (root) : NULL, uri, GDK_CURRENT_TIME);
}

static void
state_cb (Context *context)
{
  DioItemState state = dio_machine_item_get_state (context->item);
  gboolean off = state == DIO_ITEM_OFF, running = state == DIO_ITEM_RUNNING;
  gboolean paused = state == DIO_ITEM_PAUSED, elsewhere = state == DIO_ITEM_ELSEWHERE;
  const struct {
    const char *name;
    gboolean enabled;
  } actions[] = {
    { "start", off },
    { "start-disposable", off && !dio_machine_item_is_ephemeral (context->item) },
    { "pause", running },
    { "resume", paused },
    { "toggle", off || running || paused },
    /* These reach the other process. */
    { "power-button", running || elsewhere },
    { "reset", running || paused || elsewhere },
    { "force-off", dio_machine_item_is_active (context->item) || elsewhere },
    { "settings", off && !dio_machine_item_is_ephemeral (context->item) },
    { "disks", state != DIO_ITEM_BROKEN && !dio_machine_item_is_ephemeral (context->item) },
    { "rename", state != DIO_ITEM_BROKEN && state != DIO_ITEM_ELSEWHERE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (actions); i++) {
    GAction *action = g_action_map_lookup_action (G_ACTION_MAP (context->group), actions[i].name);
    g_simple_action_set_enabled (G_SIMPLE_ACTION (action), actions[i].enabled);
  }
}

static void
group_gone_cb (gpointer data, GObject *group)
{
  Context *context = data;

  g_signal_handlers_disconnect_by_data (context->item, context);
  context_free (context);
}

void
dio_machine_actions_attach (GtkWidget *widget, DioMachineItem *item)
{
  static const GActionEntry entries[] = {
    { "start", start_cb },   { "start-disposable", start_disposable_cb },
    { "pause", pause_cb },   { "resume", resume_cb },
    { "toggle", toggle_cb }, { "power-button", power_button_cb },
    { "reset", reset_cb },   { "force-off", force_off_cb },
    { "rename", rename_cb }, { "settings", settings_cb },
    { "disks", disks_cb },   { "show-folder", show_folder_cb },
  };

  if (!item) {
    gtk_widget_insert_action_group (widget, "machine", NULL);
    return;
  }
  g_autoptr (GSimpleActionGroup) group = g_simple_action_group_new ();
  Context *context = g_new0 (Context, 1);
  context->item = g_object_ref (item);
  context->group = group;
  g_set_weak_pointer (&context->widget, widget);
  g_action_map_add_action_entries (G_ACTION_MAP (group), entries, G_N_ELEMENTS (entries), context);
  g_signal_connect_swapped (item, "notify::state", G_CALLBACK (state_cb), context);
  g_object_weak_ref (G_OBJECT (group), group_gone_cb, context);
  state_cb (context);
  gtk_widget_insert_action_group (widget, "machine", G_ACTION_GROUP (group));
}
