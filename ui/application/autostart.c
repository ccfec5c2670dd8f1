/* SPDX-License-Identifier: GPL-3.0-or-later
 * Diorama starts when the person logs in. */
#include "config.h"

#include "ui/application/autostart.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>

#define ENTRY DIO_APP_ID ".desktop"
#define PORTAL "org.freedesktop.portal.Desktop"
#define REPLACED " (deleted)" /* proc(5), of a program whose file an update has replaced */

struct DioAutostart {
  DioSettings *settings;
  char *path; /* of the entry; NULL: by the portal */
  void (*failed) (const char *message, gpointer data);
  gpointer data;
  gulong handler;
  GDBusConnection *bus; /* while the portal is asked */
  unsigned asked;       /* how often, as an answer may be to an older question */
  guint response;
  GCancellable *cancellable;
};

/* ---- The entry ---- */

/* An argument of "Exec", which is escaped once more as any text of the file. */
static char *
quote (const char *argument)
{
  GString *quoted = g_string_new ("\"");

  for (const char *c = argument; *c; c++) {
    if (strchr ("\"`$\\", *c))
      g_string_append_c (quoted, '\\');
    if (*c == '%')
      g_string_append_c (quoted, '%');
    g_string_append_c (quoted, *c);
  }
  g_string_append_c (quoted, '"');
  return g_string_free (quoted, FALSE);
}

/* The installed command if it is what runs: its name outlives an update that moves it. */
static char *
command (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *installed = g_find_program_in_path ("diorama");

  if (self && g_str_has_suffix (self, REPLACED))
    self[strlen (self) - strlen (REPLACED)] = '\0';
  if (!self || g_strcmp0 (self, installed) == 0)
    return g_strdup ("diorama --" DIO_AUTOSTART_OPTION);
  g_autofree char *quoted = quote (self);
  return g_strconcat (quoted, " --" DIO_AUTOSTART_OPTION, NULL);
}

/* Other programs switch it off by these keys. */
static gboolean
entry_is_on (const char *path)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  const char *group = G_KEY_FILE_DESKTOP_GROUP, *gnome = "X-GNOME-Autostart-enabled";

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, NULL))
    return FALSE;
  return !g_key_file_get_boolean (file, group, G_KEY_FILE_DESKTOP_KEY_HIDDEN, NULL)
         && (!g_key_file_has_key (file, group, gnome, NULL)
             || g_key_file_get_boolean (file, group, gnome, NULL));
}

static gboolean
entry_write (const char *path, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  const char *group = G_KEY_FILE_DESKTOP_GROUP;
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *exec = command ();

  g_mkdir_with_parents (folder, 0700);
  g_key_file_set_string (file, group, G_KEY_FILE_DESKTOP_KEY_TYPE, "Application");
  g_key_file_set_string (file, group, G_KEY_FILE_DESKTOP_KEY_NAME, "Diorama");
  g_key_file_set_string (file, group, G_KEY_FILE_DESKTOP_KEY_EXEC, exec);
  g_key_file_set_string (file, group, G_KEY_FILE_DESKTOP_KEY_ICON, DIO_APP_ID);
  g_key_file_set_boolean (file, group, G_KEY_FILE_DESKTOP_KEY_NO_DISPLAY, TRUE);
  return g_key_file_save_to_file (file, path, error);
}

static gboolean
entry_switch (const char *path, gboolean on, GError **error)
{
  if (on)
    return entry_write (path, error);
  if (g_unlink (path) == 0 || errno == ENOENT)
    return TRUE;
  g_set_error_literal (error, G_FILE_ERROR, g_file_error_from_errno (errno), g_strerror (errno));
  return FALSE;
}

/* ---- The portal ---- */

static void
set_quietly (DioAutostart *self, gboolean on)
{
  g_signal_handler_block (self->settings, self->handler);
  g_object_set (self->settings, "start-at-login", on, NULL);
  g_signal_handler_unblock (self->settings, self->handler);
}

static void
stop_asking (DioAutostart *self)
{
  if (self->response)
    g_dbus_connection_signal_unsubscribe (self->bus, self->response);
  self->response = 0;
  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  g_clear_object (&self->bus);
}

static void
fail (DioAutostart *self, const char *message)
{
  gboolean on;

  g_object_get (self->settings, "start-at-login", &on, NULL);
  set_quietly (self, !on);
  self->failed (message, self->data);
}

static void
response_cb (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
             const char *name, GVariant *parameters, gpointer data)
{
  DioAutostart *self = data;
  g_autoptr (GVariant) results = NULL;
  guint32 code = 1;
  gboolean wanted, on = FALSE;

  if (g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(ua{sv})")))
    g_variant_get (parameters, "(u@a{sv})", &code, &results);
  if (results)
    g_variant_lookup (results, "autostart", "b", &on);
  g_object_get (self->settings, "start-at-login", &wanted, NULL);
  stop_asking (self);
  if (wanted && (code != 0 || !on))
    fail (self, _ ("Your desktop does not allow Diorama to start at log-in"));
}

static void
asked_cb (GObject *object, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply =
      g_dbus_connection_call_finish (G_DBUS_CONNECTION (object), result, &error);

  if (reply || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  stop_asking (data);
  fail (data, error->message);
}

/* The answer comes to an object whose path is known before, so that none is missed. */
static void
portal_switch (DioAutostart *self, gboolean on)
{
  g_autoptr (GError) error = NULL;
  GVariantBuilder options;
  const char *const line[] = { "diorama", "--" DIO_AUTOSTART_OPTION, NULL };

  stop_asking (self);
  self->bus = g_bus_get_sync (G_BUS_TYPE_SESSION, NULL, &error);
  if (!self->bus) {
    fail (self, error->message);
    return;
  }
  g_autofree char *sender = g_strdup (g_dbus_connection_get_unique_name (self->bus) + 1);
  g_autofree char *token = g_strdup_printf ("diorama_autostart_%u", ++self->asked);
  g_autofree char *handle = g_strconcat ("/org/freedesktop/portal/desktop/request/",
                                         g_strdelimit (sender, ".", '_'), "/", token, NULL);
  self->cancellable = g_cancellable_new ();
  self->response = g_dbus_connection_signal_subscribe (
      self->bus, PORTAL, "org.freedesktop.portal.Request", "Response", handle, NULL,
      G_DBUS_SIGNAL_FLAGS_NONE, response_cb, self, NULL);
  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&options, "{sv}", "handle_token", g_variant_new_string (token));
  g_variant_builder_add (&options, "{sv}", "autostart", g_variant_new_boolean (on));
  g_variant_builder_add (&options, "{sv}", "commandline", g_variant_new_strv (line, -1));
  g_variant_builder_add (&options, "{sv}", "reason",
                         g_variant_new_string (_ ("Bring back suspended machines")));
  g_dbus_connection_call (self->bus, PORTAL, "/org/freedesktop/portal/desktop",
                          "org.freedesktop.portal.Background", "RequestBackground",
                          g_variant_new ("(sa{sv})", "", &options), G_VARIANT_TYPE ("(o)"),
                          G_DBUS_CALL_FLAGS_NONE, -1, self->cancellable, asked_cb, self);
}

/* ---- Both ---- */

static void
wish_cb (DioAutostart *self)
{
  g_autoptr (GError) error = NULL;
  gboolean on;

  g_object_get (self->settings, "start-at-login", &on, NULL);
  if (!self->path)
    portal_switch (self, on);
  else if (!entry_switch (self->path, on, &error))
    fail (self, error->message);
}

DioAutostart *
dio_autostart_new (DioSettings *settings, const char *folder,
                   void (*failed) (const char *message, gpointer data), gpointer data)
{
  DioAutostart *self = g_new0 (DioAutostart, 1);

  self->settings = g_object_ref (settings);
  self->failed = failed;
  self->data = data;
  self->handler =
      g_signal_connect_swapped (settings, "notify::start-at-login", G_CALLBACK (wish_cb), self);
  if (folder) {
    gboolean on;
    self->path = g_build_filename (folder, ENTRY, NULL);
    g_object_get (settings, "start-at-login", &on, NULL);
    if (on != entry_is_on (self->path))
      set_quietly (self, !on);
  }
  return self;
}

void
dio_autostart_free (DioAutostart *self)
{
  stop_asking (self);
  g_signal_handler_disconnect (self->settings, self->handler);
  g_object_unref (self->settings);
  g_free (self->path);
  g_free (self);
}
