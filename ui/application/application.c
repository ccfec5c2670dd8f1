/* SPDX-License-Identifier: GPL-3.0-or-later
 * The application with its windows.
 *
 * It stays while a machine is active, also without a window. Quitting with active machines asks:
 * suspend them, press their power buttons and quit when they are off, force them off, or stay. What
 * the end of the session does is session-guard.c's business. */
#include "config.h"

#include "ui/application/application.h"

#include <glib/gi18n.h>

#include "app/model/model-snapshots.h"
#include "ui/application/autostart.h"
#include "ui/application/session-guard.h"
#include "ui/create/create-window.h"
#include "ui/library/library-window.h"
#include "ui/preferences/preferences-window.h"
#include "ui/widgets/dialogs.h"
#include "ui/window/machine-window.h"

struct _DioApplication {
  AdwApplication parent_instance;

  const DioMachineHost *host;
  DioMachineItem *only;
  DioLibrary *library;
  DioSettings *settings;
  DioSessionGuard *guard;
  DioAutostart *autostart; /* NULL for a single machine */
  GHashTable *watched;     /* DioMachineItem */
  gboolean offered;        /* to resume what the last session's end suspended */
  gboolean held;           /* for active machines */
  gboolean quitting;       /* as soon as all are off */
  guint patience;          /* source that ends the wait for guests that do not turn off, or 0 */
};

/* How long a guest may take to turn off before the person is asked again. */
#define PATIENCE_SECONDS 20

G_DEFINE_FINAL_TYPE (DioApplication, dio_application, ADW_TYPE_APPLICATION)

static guint
count_active (DioApplication *self)
{
  if (self->only)
    return dio_machine_item_is_active (self->only);
  return self->library ? dio_library_count_active (self->library) : 0;
}

/* What the end of a session suspended is remembered until it went on or its state was thrown away;
 * so neither a crash nor a “not now” loses anything. A machine that is not to be found or cannot be
 * read may come back. */
static void
drop_resumed (DioApplication *self)
{
  g_auto (GStrv) ids = NULL;

  if (!self->library || !self->settings)
    return;
  ids = dio_settings_get_suspended (self->settings);
  for (guint i = 0; ids[i]; i++) {
    DioMachineItem *item = dio_library_find (self->library, ids[i]);
    if (item && dio_machine_item_get_state (item) != DIO_ITEM_BROKEN
        && !dio_machine_item_is_suspended (item))
      dio_settings_remove_suspended (self->settings, ids[i]);
  }
}

static void
watch_activity_cb (DioApplication *self)
{
  gboolean active = count_active (self) > 0;

  drop_resumed (self);
  if (active && !self->held)
    g_application_hold (G_APPLICATION (self));
  else if (!active && self->held)
    g_application_release (G_APPLICATION (self));
  self->held = active;
  if (!active && self->quitting)
    g_application_quit (G_APPLICATION (self));
}

/* A window on a machine that is no longer there shows nothing true. */
static void
close_windows_of_gone (DioApplication *self)
{
  g_autoptr (GList) windows = g_list_copy (gtk_application_get_windows (GTK_APPLICATION (self)));

  for (GList *l = windows; l; l = l->next) {
    DioMachineItem *item =
        DIO_IS_MACHINE_WINDOW (l->data) ? dio_machine_window_get_item (l->data) : NULL;
    if (item && dio_library_find (self->library, dio_machine_item_get_id (item)) != item)
      gtk_window_destroy (l->data);
  }
}

static void
items_changed_cb (DioApplication *self)
{
  GListModel *model = G_LIST_MODEL (self->library);

  close_windows_of_gone (self);

  for (guint i = 0; i < g_list_model_get_n_items (model); i++) {
    g_autoptr (DioMachineItem) item = g_list_model_get_item (model, i);
    if (!g_hash_table_contains (self->watched, item)) {
      g_hash_table_add (self->watched, g_object_ref (item));
      g_signal_connect_object (item, "notify::state", G_CALLBACK (watch_activity_cb), self,
                               G_CONNECT_SWAPPED);
    }
  }
  watch_activity_cb (self);
}

/* Windows */

static GtkWindow *
find_window (DioApplication *self, GType type)
{
  for (GList *l = gtk_application_get_windows (GTK_APPLICATION (self)); l; l = l->next)
    if (G_TYPE_CHECK_INSTANCE_TYPE (l->data, type))
      return l->data;
  return NULL;
}

static void show_library (DioApplication *self);

static void
delete_cb (DioApplication *self, DioMachineWindow *window)
{
  show_library (self);
  dio_library_window_delete (DIO_LIBRARY_WINDOW (find_window (self, DIO_TYPE_LIBRARY_WINDOW)),
                             dio_machine_window_get_item (window));
}

static GtkWindow *
open_machine (DioApplication *self, DioMachineItem *item)
{
  GtkWindow *window = NULL;

  for (GList *l = gtk_application_get_windows (GTK_APPLICATION (self)); l; l = l->next)
    if (DIO_IS_MACHINE_WINDOW (l->data) && dio_machine_window_get_item (l->data) == item)
      window = l->data;
  if (!window) {
    window = GTK_WINDOW (dio_machine_window_new (ADW_APPLICATION (self), item, self->settings));
    g_signal_connect_object (window, "delete", G_CALLBACK (delete_cb), self, G_CONNECT_SWAPPED);
  }
  gtk_window_present (window);
  return window;
}

static void
open_machine_cb (DioApplication *self, DioMachineItem *item)
{
  open_machine (self, item);
}

static void
created_cb (DioApplication *self, DioMachineItem *item, gboolean start)
{
  if (start)
    gtk_widget_activate_action (GTK_WIDGET (open_machine (self, item)), "machine.start", NULL);
}

static void
create_machine (DioApplication *self, const char *path)
{
  GtkWindow *parent = find_window (self, DIO_TYPE_LIBRARY_WINDOW);
  GtkWidget *window = dio_create_window_new (parent, self->library, self->host, path);

  g_signal_connect_object (window, "created", G_CALLBACK (created_cb), self, G_CONNECT_SWAPPED);
  gtk_window_present (GTK_WINDOW (window));
}

static void
create_cb (DioApplication *self, const char *path)
{
  create_machine (self, path);
}

static gboolean library_closing_cb (DioApplication *self, GtkWindow *window);

static void
show_library (DioApplication *self)
{
  GtkWindow *window = find_window (self, DIO_TYPE_LIBRARY_WINDOW);

  if (self->only)
    return;
  if (!window) {
    window =
        GTK_WINDOW (dio_library_window_new (ADW_APPLICATION (self), self->library, self->settings));
    g_signal_connect_object (window, "open-machine", G_CALLBACK (open_machine_cb), self,
                             G_CONNECT_SWAPPED);
    g_signal_connect_object (window, "create", G_CALLBACK (create_cb), self, G_CONNECT_SWAPPED);
    g_signal_connect_object (window, "close-request", G_CALLBACK (library_closing_cb), self,
                             G_CONNECT_SWAPPED);
  }
  gtk_window_present (window);
}

/* Quitting */

static GPtrArray *
list_active (gpointer data)
{
  DioApplication *self = DIO_APPLICATION (data);
  GPtrArray *active = g_ptr_array_new_with_free_func (g_object_unref);

  if (self->only && dio_machine_item_is_active (self->only))
    g_ptr_array_add (active, g_object_ref (self->only));
  for (guint i = 0; self->library && i < g_list_model_get_n_items (G_LIST_MODEL (self->library));
       i++) {
    g_autoptr (DioMachineItem) item = g_list_model_get_item (G_LIST_MODEL (self->library), i);
    if (dio_machine_item_is_active (item))
      g_ptr_array_add (active, g_steal_pointer (&item));
  }
  return active;
}

static void
for_each_active (DioApplication *self, void (*act) (DioMachineItem *item))
{
  g_autoptr (GPtrArray) active = list_active (self);

  for (guint i = 0; i < active->len; i++)
    act (g_ptr_array_index (active, i));
}

static void
press_power_button (DioMachineItem *item)
{
  dio_machine_item_power_button_async (item, NULL, NULL, NULL);
}

static void
force_off (DioMachineItem *item)
{
  dio_machine_item_force_off_async (item, NULL, NULL, NULL);
}

static void ask_to_quit (DioApplication *self, GtkWindow *parent, gboolean background);

/* Some guests do not listen to their power button: the person decides what becomes of them. */
static gboolean
patience_over_cb (gpointer data)
{
  DioApplication *self = DIO_APPLICATION (data);

  self->patience = 0;
  if (self->quitting && count_active (self) > 0) {
    self->quitting = FALSE;
    ask_to_quit (self, gtk_application_get_active_window (GTK_APPLICATION (self)), FALSE);
  }
  return G_SOURCE_REMOVE;
}

static void
quit_response_cb (AdwMessageDialog *dialog, const char *response, DioApplication *self)
{
  /* GTK 4.8 lets the dialog, which goes later, reach for a parent that is gone. */
  gtk_window_set_transient_for (GTK_WINDOW (dialog), NULL);
  if (g_str_equal (response, "background")) {
    GtkWindow *library = find_window (self, DIO_TYPE_LIBRARY_WINDOW);
    if (library)
      gtk_window_destroy (library);
    return;
  }
  self->quitting = !g_str_equal (response, "cancel");
  g_clear_handle_id (&self->patience, g_source_remove);
  if (g_str_equal (response, "shut-down")) {
    for_each_active (self, press_power_button);
    self->patience = g_timeout_add_seconds (PATIENCE_SECONDS, patience_over_cb, self);
  }
  if (g_str_equal (response, "force"))
    for_each_active (self, force_off);
  if (g_str_equal (response, "suspend"))
    dio_session_guard_end (self->guard, DIO_SESSION_SUSPEND, TRUE);
  watch_activity_cb (self);
}

/* @background: offers to go on without the library window. */
static void
ask_to_quit (DioApplication *self, GtkWindow *parent, gboolean background)
{
  guint count = count_active (self);
  g_autofree char *heading = g_strdup_printf (
      g_dngettext (GETTEXT_PACKAGE, "%u Machine Is Running", "%u Machines Are Running", count),
      count);
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (adw_message_dialog_new (
      parent, heading,
      _ ("Shutting down presses the power button and waits for the machine to turn itself off. "
         "Forcing it off loses work that is not saved in it.")));
  gboolean kept = !self->only || !dio_machine_item_is_ephemeral (self->only);

  adw_message_dialog_add_responses (dialog, "cancel", _ ("_Cancel"), "force",
                                    _ ("_Force Off and Quit"), "shut-down",
                                    _ ("_Shut Down and Quit"), NULL);
  if (kept)
    adw_message_dialog_add_response (dialog, "suspend", _ ("S_uspend and Quit"));
  if (background) {
    adw_message_dialog_add_response (dialog, "background", _ ("_Keep Running"));
    adw_message_dialog_set_response_appearance (dialog, "background", ADW_RESPONSE_SUGGESTED);
  }
  adw_message_dialog_set_response_appearance (dialog, "force", ADW_RESPONSE_DESTRUCTIVE);
  adw_message_dialog_set_default_response (dialog, background ? "background" : "shut-down");
  adw_message_dialog_set_close_response (dialog, "cancel");
  g_signal_connect_object (dialog, "response", G_CALLBACK (quit_response_cb), self, 0);
  gtk_window_present (GTK_WINDOW (dialog));
}

static gboolean
library_closing_cb (DioApplication *self, GtkWindow *window)
{
  DioCloseAction action;

  /* Another window keeps the application in sight. */
  if (count_active (self) == 0 || find_window (self, DIO_TYPE_MACHINE_WINDOW))
    return GDK_EVENT_PROPAGATE;
  g_object_get (self->settings, "close-action", &action, NULL);
  if (action == DIO_CLOSE_KEEP_RUNNING)
    return GDK_EVENT_PROPAGATE;
  ask_to_quit (self, window, TRUE);
  return GDK_EVENT_STOP;
}

static void
quit_action (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  DioApplication *self = DIO_APPLICATION (data);

  if (count_active (self) == 0)
    g_application_quit (G_APPLICATION (self));
  else
    ask_to_quit (self, gtk_application_get_active_window (GTK_APPLICATION (self)), FALSE);
}

/* The end of the session */

static void
ask_at_end (gpointer data)
{
  DioApplication *self = DIO_APPLICATION (data);

  ask_to_quit (self, gtk_application_get_active_window (GTK_APPLICATION (self)), FALSE);
}

/* The machines of @library that @settings remember and that are still suspended. */
static GPtrArray *
find_suspended (DioLibrary *library, DioSettings *settings)
{
  GPtrArray *found = g_ptr_array_new_with_free_func (g_object_unref);
  g_auto (GStrv) ids = dio_settings_get_suspended (settings);

  for (guint i = 0; ids[i]; i++) {
    DioMachineItem *item = dio_library_find (library, ids[i]);
    if (item && dio_machine_item_is_suspended (item))
      g_ptr_array_add (found, g_object_ref (item));
  }
  return found;
}

static void
resume_all (GPtrArray *items)
{
  for (guint i = 0; i < items->len; i++)
    dio_machine_item_start_async (g_ptr_array_index (items, i), NULL, NULL, NULL);
}

static void
resume_cb (AdwToast *toast, GPtrArray *items)
{
  resume_all (items);
}

static void
items_free (gpointer items, GClosure *closure)
{
  g_ptr_array_unref (items);
}

static void
offer_to_resume (DioApplication *self, GPtrArray *items)
{
  const char *name = dio_machine_item_get_name (g_ptr_array_index (items, 0));
  g_autofree char *escaped = g_markup_escape_text (name, -1);
  g_autofree char *title =
      items->len == 1 ? g_strdup_printf (_ ("“%s” is suspended"), escaped)
                      : g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%u machine is suspended",
                                                      "%u machines are suspended", items->len),
                                         items->len);
  AdwToast *toast = adw_toast_new (title);

  adw_toast_set_button_label (toast, _ ("_Resume"));
  adw_toast_set_timeout (toast, 0);
  g_signal_connect_data (toast, "button-clicked", G_CALLBACK (resume_cb), g_ptr_array_ref (items),
                         items_free, 0);
  dio_library_window_add_toast (DIO_LIBRARY_WINDOW (find_window (self, DIO_TYPE_LIBRARY_WINDOW)),
                                toast);
}

/* What the end of a session suspended goes on, or may go on. */
static void
restore_session (DioApplication *self, gboolean automatic)
{
  g_autoptr (GPtrArray) items = find_suspended (self->library, self->settings);

  if (items->len == 0)
    return;
  if (automatic)
    resume_all (items);
  else
    offer_to_resume (self, items);
}

static void
restore_cancelled (gpointer data)
{
  DioApplication *self = DIO_APPLICATION (data);

  /* Without the window the next start offers it. */
  if (find_window (self, DIO_TYPE_LIBRARY_WINDOW))
    restore_session (self, FALSE);
}

static void
restore_once (DioApplication *self)
{
  gboolean automatic;

  if (self->offered)
    return;
  self->offered = TRUE;
  g_object_get (self->settings, "resume-suspended", &automatic, NULL);
  restore_session (self, automatic);
}

/* Other actions */

static void
new_machine_action (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  DioApplication *self = DIO_APPLICATION (data);

  show_library (self);
  create_machine (self, NULL);
}

static void
library_action (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  show_library (DIO_APPLICATION (data));
}

static void
preferences_action (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  DioApplication *self = DIO_APPLICATION (data);
  GtkWindow *parent = gtk_application_get_active_window (GTK_APPLICATION (self));

  gtk_window_present (GTK_WINDOW (dio_preferences_window_new (parent, self->settings)));
}

static void
about_action (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  DioApplication *self = DIO_APPLICATION (data);
  static const char *const developers[] = { "The Diorama developers", NULL };

  adw_show_about_window (
      gtk_application_get_active_window (GTK_APPLICATION (self)), "application-name", _ ("Diorama"),
      "application-icon", DIO_APP_ID, "version", DIO_VERSION, "developer-name",
      _ ("The Diorama developers"), "developers", developers, "license-type", GTK_LICENSE_GPL_3_0,
      "comments",
      _ ("Whole computers in windows, for this and other kinds of processors, on an "
         "engine of its own."),
      /* Translators: put your name here, and your address if you like, one a line. */
      "translator-credits", _ ("translator-credits"), NULL);
}

static void
autostart_failed (const char *message, gpointer data)
{
  GtkWindow *window = gtk_application_get_active_window (GTK_APPLICATION (data));

  g_printerr ("diorama: %s\n", message);
  if (ADW_IS_PREFERENCES_WINDOW (window))
    adw_preferences_window_add_toast (ADW_PREFERENCES_WINDOW (window), adw_toast_new (message));
}

/* Started at log-in only to bring machines back: without any there is nothing to show. */
static int
dio_application_local_options (GApplication *application, GVariantDict *options)
{
  DioApplication *self = DIO_APPLICATION (application);
  g_autoptr (DioSettings) settings = NULL;
  g_autoptr (DioLibrary) library = NULL;
  g_autoptr (GPtrArray) items = NULL;

  if (!g_variant_dict_contains (options, DIO_AUTOSTART_OPTION))
    return -1;
  library = dio_library_new (NULL, self->host, NULL);
  if (!library)
    return -1; /* to be told why */
  settings = dio_settings_new (NULL);
  items = find_suspended (library, settings);
  return items->len > 0 ? -1 : 0;
}

static void
dio_application_startup (GApplication *application)
{
  static const GActionEntry entries[] = {
    { "about", about_action },
    { "library", library_action },
    { "new-machine", new_machine_action },
    { "preferences", preferences_action },
    { "quit", quit_action },
  };
  static const struct {
    const char *action;
    const char *accels[3];
  } shortcuts[] = {
    { "app.library", { "<Control>l" } },
    { "app.new-machine", { "<Control>n" } },
    { "app.preferences", { "<Control>comma" } },
    { "app.quit", { "<Control>q" } },
    { "machine.settings", { "<Alt>Return" } },
    { "snapshot.show", { "F9" } },
    { "snapshot.take", { "<Control><Shift>s" } },
    { "win.fullscreen", { "F11" } },
    { "win.screenshot", { "<Control><Shift>p" } },
    { "win.search", { "<Control>f" } },
    { "win.show-help-overlay", { "<Control>question" } },
    { "win.type-text", { "<Control><Shift>t" } },
    { "window.close", { "<Control>w" } },
  };
  static const DioSessionGuardFuncs guard_funcs = { list_active, ask_at_end, restore_cancelled };
  DioApplication *self = DIO_APPLICATION (application);

  G_APPLICATION_CLASS (dio_application_parent_class)->startup (application);
  g_action_map_add_action_entries (G_ACTION_MAP (self), entries, G_N_ELEMENTS (entries), self);
  for (gsize i = 0; i < G_N_ELEMENTS (shortcuts); i++)
    gtk_application_set_accels_for_action (GTK_APPLICATION (self), shortcuts[i].action,
                                           shortcuts[i].accels);
  gtk_window_set_default_icon_name (DIO_APP_ID);
  self->settings = dio_settings_new (NULL);
  self->guard = dio_session_guard_new (GTK_APPLICATION (self), self->settings, &guard_funcs, self);
  if (!self->only) {
    g_autofree char *folder = g_build_filename (g_get_user_config_dir (), "autostart", NULL);
    gboolean flatpak = g_file_test ("/.flatpak-info", G_FILE_TEST_EXISTS);
    self->autostart =
        dio_autostart_new (self->settings, flatpak ? NULL : folder, autostart_failed, self);
  }
}

/* A library that cannot be opened: says why, and there is nothing else to do. */
static void
fail_without_library (DioApplication *self, const GError *error)
{
  GtkWidget *dialog =
      adw_message_dialog_new (NULL, _ ("The Library Cannot Be Opened"), error->message);

  g_printerr ("diorama: %s\n", error->message);
  adw_message_dialog_add_response (ADW_MESSAGE_DIALOG (dialog), "quit", _ ("_Quit"));
  gtk_window_set_application (GTK_WINDOW (dialog), GTK_APPLICATION (self));
  gtk_window_present (GTK_WINDOW (dialog));
}

static gboolean
ensure_library (DioApplication *self)
{
  g_autoptr (GError) error = NULL;

  if (self->library)
    return TRUE;
  self->library = dio_library_new (NULL, self->host, &error);
  if (!self->library) {
    fail_without_library (self, error);
    return FALSE;
  }
  g_signal_connect_object (self->library, "items-changed", G_CALLBACK (items_changed_cb), self,
                           G_CONNECT_SWAPPED);
  items_changed_cb (self);
  return TRUE;
}

static void
only_stopped_cb (DioApplication *self)
{
  watch_activity_cb (self);
  if (!dio_machine_item_is_active (self->only))
    g_application_quit (G_APPLICATION (self));
}

static void
dio_application_activate (GApplication *application)
{
  DioApplication *self = DIO_APPLICATION (application);

  if (!self->only) {
    if (ensure_library (self)) {
      show_library (self);
      restore_once (self);
    }
    return;
  }
  if (find_window (self, DIO_TYPE_MACHINE_WINDOW))
    return;
  GtkWindow *window = open_machine (self, self->only);
  g_signal_connect_object (self->only, "notify::state", G_CALLBACK (only_stopped_cb), self,
                           G_CONNECT_SWAPPED);
  gtk_widget_activate_action (GTK_WIDGET (window), "machine.start", NULL);
}

static void
dio_application_open (GApplication *application, GFile **files, int count, const char *hint)
{
  DioApplication *self = DIO_APPLICATION (application);
  g_autofree char *path = g_file_get_path (files[0]);

  if (!ensure_library (self))
    return;
  show_library (self);
  create_machine (self, path);
}

static void
dio_application_shutdown (GApplication *application)
{
  DioApplication *self = DIO_APPLICATION (application);

  if (self->guard)
    dio_session_guard_settle (self->guard);
  /* Windows first: they borrow from the machines. */
  for (GList *l; (l = gtk_application_get_windows (GTK_APPLICATION (self)));)
    gtk_window_destroy (l->data);
  g_clear_pointer (&self->watched, g_hash_table_unref);
  g_clear_object (&self->library);
  g_clear_pointer (&self->guard, dio_session_guard_free);
  g_clear_pointer (&self->autostart, dio_autostart_free);
  g_clear_object (&self->settings);
  G_APPLICATION_CLASS (dio_application_parent_class)->shutdown (application);
}

static void
dio_application_finalize (GObject *object)
{
  DioApplication *self = DIO_APPLICATION (object);

  g_clear_handle_id (&self->patience, g_source_remove);
  g_clear_object (&self->only);
  G_OBJECT_CLASS (dio_application_parent_class)->finalize (object);
}

static void
dio_application_class_init (DioApplicationClass *klass)
{
  GApplicationClass *application_class = G_APPLICATION_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = dio_application_finalize;
  application_class->startup = dio_application_startup;
  application_class->activate = dio_application_activate;
  application_class->handle_local_options = dio_application_local_options;
  application_class->open = dio_application_open;
  application_class->shutdown = dio_application_shutdown;
}

static void
dio_application_init (DioApplication *self)
{
  self->watched = g_hash_table_new_full (NULL, NULL, g_object_unref, NULL);
  g_application_add_main_option (G_APPLICATION (self), DIO_AUTOSTART_OPTION, 0,
                                 G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, "", NULL);
}

DioApplication *
dio_application_new (const DioMachineHost *host, DioMachineItem *only)
{
  DioApplication *self =
      g_object_new (DIO_TYPE_APPLICATION, "application-id", DIO_APP_ID, "resource-base-path",
                    "/org/diorama/Diorama", "register-session", TRUE, "flags",
                    only ? G_APPLICATION_NON_UNIQUE : G_APPLICATION_HANDLES_OPEN, NULL);

  self->host = host;
  self->only = only ? g_object_ref (only) : NULL;
  return self;
}
