/* SPDX-License-Identifier: GPL-3.0-or-later
 * The disks of a machine.
 *
 * Each disk is a group of rows, made anew when something has changed. One thing is done at a time,
 * with progress at the top; what cannot be done now is insensitive and says why. */
#include "config.h"

#include "ui/disks/disks-window.h"

#include <glib/gi18n.h>

#include "app/model/model-disks.h"
#include "core/base/base-error.h"
#include "ui/widgets/dialogs.h"
#include "ui/widgets/showing.h"

#define GIB (UINT64_C (1) << 30)
#define MAX_GIB 16384
#define PROGRESS_MS 100

struct _DioDisksWindow {
  AdwWindow parent_instance;

  DioMachineItem *item;      /* NULL: closed */
  GPtrArray *infos;          /* of DioDiskInfo* */
  GPtrArray *groups;         /* of GtkWidget*, borrowed */
  GCancellable *cancellable; /* while something is done */
  guint progress_source;
  DioDiskAction action; /* that is being done */
  guint64 before;       /* what the disk took */
  guint index;          /* of it */

  AdwWindowTitle *window_title;
  GtkRevealer *work_revealer;
  GtkProgressBar *progress;
  AdwToastOverlay *toasts;
  GtkStack *stack;
  AdwPreferencesPage *page;
};

G_DEFINE_FINAL_TYPE (DioDisksWindow, dio_disks_window, ADW_TYPE_WINDOW)

static void inspect (DioDisksWindow *self);

/* ---- Doing something ---- */

static const char *
progress_words (DioDiskAction action)
{
  switch (action) {
  case DIO_DISK_GROW:
    return _ ("Growing");
  case DIO_DISK_COMPACT:
    return _ ("Compacting");
  case DIO_DISK_MOVE:
    return _ ("Moving");
  }
  return "";
}

static const char *
failure_heading (DioDiskAction action)
{
  switch (action) {
  case DIO_DISK_GROW:
    return _ ("The disk did not grow");
  case DIO_DISK_COMPACT:
    return _ ("The disk was not compacted");
  case DIO_DISK_MOVE:
    return _ ("The disk was not moved");
  }
  return "";
}

static gboolean
progress_cb (gpointer data)
{
  DioDisksWindow *self = DIO_DISKS_WINDOW (data);
  double fraction = dio_machine_item_get_disk_progress (self->item);

  if (fraction > 0)
    gtk_progress_bar_set_fraction (self->progress, fraction);
  else
    gtk_progress_bar_pulse (self->progress);
  return G_SOURCE_CONTINUE;
}

static void
show_work (DioDisksWindow *self, gboolean busy)
{
  const char *words = progress_words (self->action);

  gtk_revealer_set_reveal_child (self->work_revealer, busy);
  gtk_widget_set_sensitive (GTK_WIDGET (self->page), !busy);
  g_clear_handle_id (&self->progress_source, g_source_remove);
  if (!busy)
    return;
  gtk_progress_bar_set_fraction (self->progress, 0);
  gtk_progress_bar_set_text (self->progress, words);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->progress), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  words, -1);
  self->progress_source = g_timeout_add (PROGRESS_MS, progress_cb, self);
}

static void
add_toast (DioDisksWindow *self, const char *title)
{
  adw_toast_overlay_add_toast (self->toasts, adw_toast_new (title));
}

static void
done_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (DioDisksWindow) self = DIO_DISKS_WINDOW (user_data);
  g_autoptr (GError) error = NULL;
  gboolean good = dio_machine_item_command_finish (DIO_MACHINE_ITEM (object), result, &error);

  if (!self->item)
    return; /* closed meanwhile */
  show_work (self, FALSE);
  g_clear_object (&self->cancellable);
  if (!good)
    self->before = 0;
  if (good && self->action != DIO_DISK_COMPACT)
    add_toast (self, self->action == DIO_DISK_GROW
                         ? _ ("The disk is larger now; its system has to be told in the machine")
                         : _ ("The disk was moved"));
  else if (g_error_matches (error, DIO_ERROR, DIO_ERROR_CANCELLED))
    add_toast (self, _ ("Cancelled; nothing was changed"));
  else if (error)
    dio_dialogs_error (GTK_WIDGET (self), failure_heading (self->action), error);
  inspect (self);
}

static void
act (DioDisksWindow *self, DioDiskAction action, guint index, guint64 size, const char *folder)
{
  const DioDiskInfo *info = g_ptr_array_index (self->infos, index);

  if (self->cancellable)
    return;
  self->cancellable = g_cancellable_new ();
  self->action = action;
  self->index = index;
  self->before = action == DIO_DISK_COMPACT ? info->allocated : 0;
  show_work (self, TRUE);
  dio_machine_item_disk_async (self->item, action, index, size, folder, self->cancellable, done_cb,
                               g_object_ref (self));
}

static void
cancel_cb (DioDisksWindow *self)
{
  if (self->cancellable)
    g_cancellable_cancel (self->cancellable);
}

/* ---- Rows ---- */

static guint
index_of (gpointer widget)
{
  return GPOINTER_TO_UINT (g_object_get_data (widget, "index"));
}

static void
grow_cb (GtkWidget *button, DioDisksWindow *self)
{
  GtkSpinButton *spin = g_object_get_data (G_OBJECT (button), "spin");

  act (self, DIO_DISK_GROW, index_of (button), (guint64) gtk_spin_button_get_value (spin) * GIB,
       NULL);
}

static void
compact_cb (GtkWidget *button, DioDisksWindow *self)
{
  act (self, DIO_DISK_COMPACT, index_of (button), 0, NULL);
}

static void
folder_cb (GtkFileChooserNative *chooser, int response, DioDisksWindow *self)
{
  g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (chooser));
  g_autofree char *path = file ? g_file_get_path (file) : NULL;

  if (response == GTK_RESPONSE_ACCEPT && path && self->item)
    act (self, DIO_DISK_MOVE, index_of (chooser), 0, path);
  gtk_native_dialog_destroy (GTK_NATIVE_DIALOG (chooser));
  g_object_unref (chooser);
}

static void
move_cb (GtkWidget *button, DioDisksWindow *self)
{
  GtkFileChooserNative *chooser =
      gtk_file_chooser_native_new (_ ("Choose a Folder for the Disk"), GTK_WINDOW (self),
                                   GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, _ ("_Move Here"), NULL);

  g_object_set_data (G_OBJECT (chooser), "index", GUINT_TO_POINTER (index_of (button)));
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (chooser), TRUE);
  g_signal_connect_object (chooser, "response", G_CALLBACK (folder_cb), self, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (chooser));
}

static GtkWidget *
add_row (AdwPreferencesGroup *group, const char *title, const char *subtitle)
{
  GtkWidget *row = adw_action_row_new ();
  g_autofree char *escaped = subtitle ? g_markup_escape_text (subtitle, -1) : NULL;

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  if (escaped)
    adw_action_row_set_subtitle (ADW_ACTION_ROW (row), escaped);
  adw_preferences_group_add (group, row);
  return row;
}

static void
add_value (AdwPreferencesGroup *group, const char *title, const char *value)
{
  GtkWidget *row = add_row (group, title, NULL);
  GtkWidget *label = gtk_label_new (value);

  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_MIDDLE);
  gtk_widget_add_css_class (label, "dim-label");
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), label);
}

/* A row with a button; @reason (consumed): why it cannot be pressed. */
static GtkWidget *
add_action (DioDisksWindow *self, AdwPreferencesGroup *group, const char *title,
            const char *subtitle, const char *verb, char *reason, guint index, GCallback callback)
{
  GtkWidget *row = add_row (group, title, reason ? reason : subtitle);
  GtkWidget *button = gtk_button_new_with_mnemonic (verb);

  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  gtk_widget_set_sensitive (button, reason == NULL); /* the reason stays readable */
  g_object_set_data (G_OBJECT (button), "index", GUINT_TO_POINTER (index));
  g_signal_connect_object (button, "clicked", callback, self, 0);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), button);
  g_free (reason);
  return button;
}

static void
add_grow (DioDisksWindow *self, AdwPreferencesGroup *group, const DioDiskInfo *info, guint index)
{
  guint64 now = (info->size + GIB - 1) / GIB;
  GtkWidget *button = add_action (
      self, group, _ ("Grow"), _ ("In GiB. Nothing is lost; it cannot be made smaller again."),
      _ ("_Grow"), dio_machine_item_refuse_disk_action (self->item, info, DIO_DISK_GROW), index,
      G_CALLBACK (grow_cb));
  GtkWidget *row = gtk_widget_get_ancestor (button, ADW_TYPE_ACTION_ROW);
  GtkWidget *spin = gtk_spin_button_new_with_range ((double) MAX (now, 1), MAX_GIB, 1);

  gtk_spin_button_set_value (GTK_SPIN_BUTTON (spin), (double) now + 1);
  gtk_widget_set_valign (spin, GTK_ALIGN_CENTER);
  gtk_widget_set_sensitive (spin, gtk_widget_get_sensitive (button));
  gtk_accessible_update_property (GTK_ACCESSIBLE (spin), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ ("New size in GiB"), -1);
  g_object_set_data (G_OBJECT (button), "spin", spin);
  /* Suffixes stand in the order in which they came. */
  g_object_ref (button);
  adw_action_row_remove (ADW_ACTION_ROW (row), button);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), spin);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), button);
  g_object_unref (button);
}

static void
add_facts (AdwPreferencesGroup *group, const DioDiskInfo *info)
{
  g_autofree char *size = g_format_size_full (info->size, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *allocated = g_format_size_full (info->allocated, G_FORMAT_SIZE_IEC_UNITS);

  add_value (group, _ ("Format"), info->format);
  if (!info->error)
    add_value (group, _ ("Size"), size);
  add_value (group, _ ("Space on This Computer"), allocated);
  if (info->backing)
    add_value (group, _ ("Stands On"), info->backing);
}

static GtkWidget *
new_group (DioDisksWindow *self, const DioDiskInfo *info, guint index)
{
  AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  g_autofree char *name = g_filename_display_basename (info->path);
  g_autofree char *folder = g_path_get_dirname (info->path);
  gboolean inside = g_str_equal (folder, dio_machine_item_get_path (self->item));
  g_autofree char *place =
      inside ? g_strdup (_ ("In the machine’s folder")) : g_filename_display_name (folder);
  g_autofree char *title = g_markup_escape_text (name, -1);
  g_autofree char *description = g_markup_escape_text (place, -1);

  adw_preferences_group_set_title (group, title);
  adw_preferences_group_set_description (group, description);
  add_facts (group, info);
  add_grow (self, group, info, index);
  add_action (self, group, _ ("Compact"),
              _ ("Gives unused space back. The copy is compared before it takes the disk’s place."),
              _ ("C_ompact"),
              dio_machine_item_refuse_disk_action (self->item, info, DIO_DISK_COMPACT), index,
              G_CALLBACK (compact_cb));
  add_action (self, group, _ ("Move"), _ ("To another folder, or another drive"), _ ("_Move…"),
              dio_machine_item_refuse_disk_action (self->item, info, DIO_DISK_MOVE), index,
              G_CALLBACK (move_cb));
  return GTK_WIDGET (group);
}

static void
show_disks (DioDisksWindow *self)
{
  for (guint i = 0; i < self->groups->len; i++)
    adw_preferences_page_remove (self->page, g_ptr_array_index (self->groups, i));
  g_ptr_array_set_size (self->groups, 0);
  for (guint i = 0; self->infos && i < self->infos->len; i++) {
    GtkWidget *group = new_group (self, g_ptr_array_index (self->infos, i), i);
    adw_preferences_page_add (self->page, ADW_PREFERENCES_GROUP (group));
    g_ptr_array_add (self->groups, group);
  }
  dio_showing_stack (self->stack, self->groups->len ? "disks" : "none");
}

static void
tell_compacted (DioDisksWindow *self)
{
  const DioDiskInfo *info =
      self->index < self->infos->len ? g_ptr_array_index (self->infos, self->index) : NULL;

  if (!self->before || !info)
    return;
  g_autofree char *old = g_format_size_full (self->before, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *new = g_format_size_full (info->allocated, G_FORMAT_SIZE_IEC_UNITS);
  /* Translators: sizes of a disk before and after. */
  g_autofree char *title = g_strdup_printf (_ ("Compacted: %s before, %s now"), old, new);
  self->before = 0;
  add_toast (self, title);
}

static void
inspected_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (DioDisksWindow) self = DIO_DISKS_WINDOW (user_data);
  GPtrArray *infos =
      dio_machine_item_inspect_disks_finish (DIO_MACHINE_ITEM (object), result, NULL);

  if (!self->item || !infos) {
    g_clear_pointer (&infos, g_ptr_array_unref);
    return;
  }
  g_clear_pointer (&self->infos, g_ptr_array_unref);
  self->infos = infos;
  show_disks (self);
  if (!self->cancellable)
    tell_compacted (self);
}

static void
inspect (DioDisksWindow *self)
{
  dio_machine_item_inspect_disks_async (self->item, inspected_cb, g_object_ref (self));
}

static void
state_cb (DioDisksWindow *self)
{
  if (self->item && !self->cancellable)
    inspect (self);
}

/* ---- The window ---- */

static void
dio_disks_window_dispose (GObject *object)
{
  DioDisksWindow *self = DIO_DISKS_WINDOW (object);

  cancel_cb (self);
  g_clear_object (&self->cancellable);
  g_clear_handle_id (&self->progress_source, g_source_remove);
  if (self->item)
    g_signal_handlers_disconnect_by_data (self->item, self);
  g_clear_object (&self->item);
  G_OBJECT_CLASS (dio_disks_window_parent_class)->dispose (object);
}

static void
dio_disks_window_finalize (GObject *object)
{
  DioDisksWindow *self = DIO_DISKS_WINDOW (object);

  g_clear_pointer (&self->infos, g_ptr_array_unref);
  g_ptr_array_unref (self->groups);
  G_OBJECT_CLASS (dio_disks_window_parent_class)->finalize (object);
}

static void
dio_disks_window_class_init (DioDisksWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = dio_disks_window_dispose;
  G_OBJECT_CLASS (klass)->finalize = dio_disks_window_finalize;

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/diorama/Diorama/ui/disks-window.ui");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_DIALOG);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
  gtk_widget_class_bind_template_child (widget_class, DioDisksWindow, window_title);
  gtk_widget_class_bind_template_child (widget_class, DioDisksWindow, work_revealer);
  gtk_widget_class_bind_template_child (widget_class, DioDisksWindow, progress);
  gtk_widget_class_bind_template_child (widget_class, DioDisksWindow, toasts);
  gtk_widget_class_bind_template_child (widget_class, DioDisksWindow, stack);
  gtk_widget_class_bind_template_child (widget_class, DioDisksWindow, page);
  gtk_widget_class_bind_template_callback (widget_class, cancel_cb);
}

static void
dio_disks_window_init (DioDisksWindow *self)
{
  self->groups = g_ptr_array_new ();
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
dio_disks_window_new (GtkWindow *parent, DioMachineItem *item)
{
  g_return_val_if_fail (dio_machine_item_get_config (item), NULL);
  DioDisksWindow *self = g_object_new (DIO_TYPE_DISKS_WINDOW, "transient-for", parent, NULL);

  self->item = g_object_ref (item);
  adw_window_title_set_subtitle (self->window_title, dio_machine_item_get_name (item));
  g_signal_connect_swapped (item, "notify::state", G_CALLBACK (state_cb), self);
  inspect (self);
  return GTK_WIDGET (self);
}
