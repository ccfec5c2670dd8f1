/* SPDX-License-Identifier: GPL-3.0-or-later
 * The commands that concern snapshots. */
#include "config.h"

#include "ui/snapshots/snapshot-actions.h"

#include <glib/gi18n.h>

#include "core/base/base-error.h"
#include "ui/snapshots/snapshots-window.h"
#include "ui/widgets/dialogs.h"

#define TOAST_SECONDS 10 /* time to change one's mind */

typedef struct {
  DioMachineItem *item;
  GtkWidget *widget;       /* weak */
  AdwToastOverlay *toasts; /* weak */
  GSimpleActionGroup *group;
  GCancellable *cancellable; /* of what is being taken */
} Context;

static void
context_free (Context *context)
{
  g_clear_weak_pointer (&context->widget);
  g_clear_weak_pointer (&context->toasts);
  g_clear_object (&context->cancellable);
  g_object_unref (context->item);
  g_free (context);
}

/* ---- Results ---- */

typedef struct {
  GtkWidget *widget;         /* weak */
  AdwToastOverlay *toasts;   /* weak */
  GSimpleActionGroup *group; /* with its context */
  DioSnapshotAction action;
  char *id;
  char *name; /* of the snapshot */
} Waiting;

static void
waiting_free (Waiting *waiting)
{
  g_clear_weak_pointer (&waiting->widget);
  g_clear_weak_pointer (&waiting->toasts);
  g_object_unref (waiting->group);
  g_free (waiting->id);
  g_free (waiting->name);
  g_free (waiting);
}

static const char *
failure_heading (DioSnapshotAction action)
{
  switch (action) {
  case DIO_SNAPSHOT_TAKE:
    return _ ("The snapshot was not taken");
  case DIO_SNAPSHOT_REVERT:
  case DIO_SNAPSHOT_DISCARD:
    return _ ("The machine did not go back");
  case DIO_SNAPSHOT_CLONE:
    return _ ("The new machine was not made");
  case DIO_SNAPSHOT_SAVE:
    return _ ("The machine was not suspended");
  default:
    return _ ("The snapshot was not changed");
  }
}

static char *
success_title (const Waiting *waiting)
{
  g_autofree char *name = g_markup_escape_text (waiting->name ? waiting->name : "", -1);
  switch (waiting->action) {
  case DIO_SNAPSHOT_TAKE:
    return g_strdup (_ ("Snapshot taken"));
  case DIO_SNAPSHOT_REVERT:
    return g_strdup_printf (_ ("Went back to “%s”"), name);
  case DIO_SNAPSHOT_DELETE:
    return g_strdup_printf (_ ("“%s” deleted"), name);
  case DIO_SNAPSHOT_CLONE:
    return g_strdup (_ ("The new machine is in the library"));
  default:
    return NULL;
  }
}

static gboolean
undo_over_cb (gpointer data)
{
  g_autoptr (AdwToast) toast = data;
  adw_toast_dismiss (toast);
  return G_SOURCE_REMOVE;
}

/* None is offered when it is too late: a toast that has the focus stays longer than its time. */
static void
offer_undo (Waiting *waiting, AdwToast *toast)
{
  adw_toast_set_timeout (toast, TOAST_SECONDS);
  adw_toast_set_button_label (toast, _ ("_Undo"));
  adw_toast_set_action_name (toast, "snapshot.undelete");
  adw_toast_set_action_target (toast, "s", waiting->id);
  g_timeout_add_seconds (DIO_SNAPSHOT_GRACE_SECONDS, undo_over_cb, g_object_ref (toast));
}

static void
tell_success (Waiting *waiting)
{
  g_autofree char *title = success_title (waiting);
  if (!title || !waiting->toasts)
    return;
  AdwToast *toast = adw_toast_new (title);
  if (waiting->action == DIO_SNAPSHOT_DELETE)
    offer_undo (waiting, toast);
  adw_toast_overlay_add_toast (waiting->toasts, toast);
}

static void
update_actions (Context *context)
{
  gboolean busy = context->cancellable != NULL;
  const struct {
    const char *name;
    gboolean enabled;
  } actions[] = {
    { "take", !busy },
    { "cancel", busy },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (actions); i++) {
    GAction *action = g_action_map_lookup_action (G_ACTION_MAP (context->group), actions[i].name);
    g_simple_action_set_enabled (G_SIMPLE_ACTION (action), actions[i].enabled);
  }
}

/* Where too many are what is wrong, the tree is where they can be deleted. */
static void
tell_failure (const Waiting *waiting, const GError *error)
{
  const char *heading = failure_heading (waiting->action);
  if (!waiting->widget || !gtk_widget_get_root (waiting->widget)
      || g_error_matches (error, DIO_ERROR, DIO_ERROR_CANCELLED))
    return;
  if (g_error_matches (error, DIO_ERROR, DIO_ERROR_FULL)
      && !DIO_IS_SNAPSHOTS_WINDOW (waiting->widget))
    dio_dialogs_error_with (waiting->widget, heading, error, _ ("_Show Snapshots"),
                            "snapshot.show");
  else
    dio_dialogs_error (waiting->widget, heading, error);
}

static void
done_cb (GObject *object, GAsyncResult *result, gpointer data)
{
  Waiting *waiting = data;
  g_autoptr (GError) error = NULL;
  Context *context = g_object_get_data (G_OBJECT (waiting->group), "context");

  if (waiting->action == DIO_SNAPSHOT_TAKE || waiting->action == DIO_SNAPSHOT_CLONE) {
    g_clear_object (&context->cancellable);
    update_actions (context);
  }
  if (dio_machine_item_snapshot_finish (DIO_MACHINE_ITEM (object), result, NULL, &error))
    tell_success (waiting);
  else
    tell_failure (waiting, error);
  waiting_free (waiting);
}

static void
act (Context *context, DioSnapshotAction action, const char *id, const char *name, const char *note)
{
  Waiting *waiting = g_new0 (Waiting, 1);
  g_autoptr (DioSnapshots) tree = dio_machine_item_get_snapshots (context->item, NULL);
  g_autoptr (DioSnapshotInfo) info = tree && id ? dio_snapshots_find (tree, id, NULL) : NULL;

  g_set_weak_pointer (&waiting->widget, context->widget);
  g_set_weak_pointer (&waiting->toasts, context->toasts);
  waiting->group = g_object_ref (context->group);
  waiting->action = action;
  waiting->id = g_strdup (id);
  waiting->name = g_strdup (info ? info->name : NULL);
  if (action == DIO_SNAPSHOT_TAKE || action == DIO_SNAPSHOT_CLONE) {
    g_set_object (&context->cancellable, NULL);
    context->cancellable = g_cancellable_new ();
    update_actions (context);
  }
  dio_machine_item_snapshot_async (context->item, action, id, name, note, context->cancellable,
                                   done_cb, waiting);
}

/* ---- Actions ---- */

static void
take_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  act (data, DIO_SNAPSHOT_TAKE, NULL, NULL, NULL);
}

static void
cancel_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  Context *context = data;
  if (context->cancellable)
    g_cancellable_cancel (context->cancellable);
}

static void
revert_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  act (data, DIO_SNAPSHOT_REVERT, g_variant_get_string (parameter, NULL), NULL, NULL);
}

static void
revert_last_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  Context *context = data;
  g_autoptr (DioSnapshots) tree = dio_machine_item_get_snapshots (context->item, NULL);
  g_autofree char *current = tree ? dio_snapshots_get_current (tree) : NULL;
  if (current)
    act (context, DIO_SNAPSHOT_REVERT, current, NULL, NULL);
  else if (context->toasts)
    adw_toast_overlay_add_toast (context->toasts, adw_toast_new (_ ("There is no snapshot yet")));
}

static void
delete_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  act (data, DIO_SNAPSHOT_DELETE, g_variant_get_string (parameter, NULL), NULL, NULL);
}

static void
undelete_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  act (data, DIO_SNAPSHOT_UNDELETE, g_variant_get_string (parameter, NULL), NULL, NULL);
}

static void
suspend_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  act (data, DIO_SNAPSHOT_SAVE, NULL, NULL, NULL);
}

static void
show_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  Context *context = data;
  GtkRoot *root = gtk_widget_get_root (context->widget);
  gtk_window_present (GTK_WINDOW (dio_snapshots_window_new (GTK_WINDOW (root), context->item)));
}

/* ---- Questions ---- */

typedef struct {
  GSimpleActionGroup *group;
  char *id;
  DioSnapshotAction action;
} Question;

static void
question_free (gpointer data)
{
  Question *question = data;
  g_object_unref (question->group);
  g_free (question->id);
  g_free (question);
}

static void
answered_cb (const char *text, gboolean checked, gpointer data)
{
  Question *question = data;
  Context *context = g_object_get_data (G_OBJECT (question->group), "context");
  if (question->action == DIO_SNAPSHOT_NOTE)
    act (context, question->action, question->id, NULL, text);
  else
    act (context, question->action, question->id, text, checked ? "linked" : NULL);
}

static void
ask (Context *context, DioSnapshotAction action, GVariant *parameter, const char *heading,
     const char *verb, const char *check_label)
{
  const char *id = g_variant_get_string (parameter, NULL);
  g_autoptr (DioSnapshots) tree = dio_machine_item_get_snapshots (context->item, NULL);
  g_autoptr (DioSnapshotInfo) info = tree ? dio_snapshots_find (tree, id, NULL) : NULL;
  if (!info)
    return;
  Question *question = g_new0 (Question, 1);
  question->group = g_object_ref (context->group);
  question->id = g_strdup (id);
  question->action = action;
  g_autofree char *text = NULL;
  if (action == DIO_SNAPSHOT_NOTE)
    text = g_strdup (info->note ? info->note : "");
  else if (action == DIO_SNAPSHOT_CLONE)
    /* Translators: the name of a new machine: that of the old one, that of the snapshot. */
    text = g_strdup_printf (_ ("%s, %s"), dio_machine_item_get_name (context->item), info->name);
  else
    text = g_strdup (info->name);
  dio_dialogs_ask_text (context->widget, heading, text, verb, action == DIO_SNAPSHOT_NOTE,
                        check_label, answered_cb, question, question_free);
}

static void
rename_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  ask (data, DIO_SNAPSHOT_RENAME, parameter, _ ("Rename Snapshot"), _ ("_Rename"), NULL);
}

static void
note_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  ask (data, DIO_SNAPSHOT_NOTE, parameter, _ ("Note of the Snapshot"), _ ("_Save"), NULL);
}

static void
clone_cb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  ask (data, DIO_SNAPSHOT_CLONE, parameter, _ ("New Machine from Here"), _ ("_Create"),
       _ ("_Share files with this machine"));
}

void
dio_snapshot_actions_attach (GtkWidget *widget, DioMachineItem *item, AdwToastOverlay *toasts)
{
  static const GActionEntry entries[] = {
    { "take", take_cb },
    { "cancel", cancel_cb },
    { "revert-last", revert_last_cb },
    { "show", show_cb },
    { "suspend", suspend_cb },
    { "revert", revert_cb, "s" },
    { "delete", delete_cb, "s" },
    { "undelete", undelete_cb, "s" },
    { "rename", rename_cb, "s" },
    { "note", note_cb, "s" },
    { "clone", clone_cb, "s" },
  };
  g_autoptr (GSimpleActionGroup) group = g_simple_action_group_new ();
  Context *context = g_new0 (Context, 1);

  context->item = g_object_ref (item);
  context->group = group;
  g_set_weak_pointer (&context->widget, widget);
  g_set_weak_pointer (&context->toasts, toasts);
  g_action_map_add_action_entries (G_ACTION_MAP (group), entries, G_N_ELEMENTS (entries), context);
  g_object_set_data_full (G_OBJECT (group), "context", context, (GDestroyNotify) context_free);
  update_actions (context);
  gtk_widget_insert_action_group (widget, "snapshot", G_ACTION_GROUP (group));
}
