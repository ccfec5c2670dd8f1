/* SPDX-License-Identifier: GPL-3.0-or-later
 * Starting at log-in: the entry, and what is said to the Background portal. */
#include <gio/gio.h>
#include <glib/gstdio.h>

#include "config.h"
#include "ui/application/autostart.h"

typedef struct {
  char *folder, *ini;
  DioSettings *settings;
  DioAutostart *autostart;
  guint failures;
} Fixture;

static void
failed_cb (const char *message, gpointer data)
{
  Fixture *f = data;

  g_assert_nonnull (message);
  f->failures++;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->folder = g_dir_make_tmp ("dio-autostart-XXXXXX", NULL);
  f->ini = g_build_filename (f->folder, "settings.ini", NULL);
  f->settings = dio_settings_new (f->ini);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_pointer (&f->autostart, dio_autostart_free);
  g_assert_finalize_object (f->settings);
  g_unlink (f->ini);
  g_assert_cmpint (g_rmdir (f->folder), ==, 0);
  g_free (f->ini);
  g_free (f->folder);
}

static gboolean
is_on (Fixture *f)
{
  gboolean on;

  g_object_get (f->settings, "start-at-login", &on, NULL);
  return on;
}

static void
wish (Fixture *f, gboolean on)
{
  g_object_set (f->settings, "start-at-login", on, NULL);
}

static void
begin (Fixture *f, const char *folder)
{
  g_clear_pointer (&f->autostart, dio_autostart_free);
  f->autostart = dio_autostart_new (f->settings, folder, failed_cb, f);
}

static void
test_entry (Fixture *f, gconstpointer data)
{
  static const char *const off[] = { "Hidden=true", "X-GNOME-Autostart-enabled=false" };
  g_autofree char *folder = g_build_filename (f->folder, "sub", NULL);
  g_autofree char *path = g_build_filename (folder, DIO_APP_ID ".desktop", NULL);
  g_autofree char *text = NULL;

  begin (f, folder);
  wish (f, TRUE);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_nonnull (strstr (text, "[Desktop Entry]\n"));
  g_assert_nonnull (strstr (text, " --restore\n"));
  begin (f, folder);
  g_assert_true (is_on (f));

  for (gsize i = 0; i < G_N_ELEMENTS (off); i++) {
    g_autofree char *other = g_strconcat (text, off[i], "\n", NULL);
    g_assert_true (g_file_set_contents (path, other, -1, NULL));
    wish (f, TRUE);
    g_assert_true (g_file_set_contents (path, other, -1, NULL));
    begin (f, folder);
    g_assert_false (is_on (f));
    /* Looking changed nothing. */
    g_autofree char *after = NULL;
    g_assert_true (g_file_get_contents (path, &after, NULL, NULL));
    g_assert_cmpstr (after, ==, other);
  }
  wish (f, TRUE);
  wish (f, FALSE);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_cmpuint (f->failures, ==, 0);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

/* An update has put another file in the place of the program that runs. */
static void
test_replaced (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  if (g_test_subprocess ()) {
    g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
    g_autofree char *path = g_build_filename (f->folder, DIO_APP_ID ".desktop", NULL);
    g_autofree char *text = NULL;
    g_assert_cmpint (g_unlink (program), ==, 0);
    begin (f, f->folder);
    wish (f, TRUE);
    g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
    g_assert_nonnull (strstr (text, program));
    g_assert_null (strstr (text, "(deleted)"));
    g_assert_cmpint (g_unlink (path), ==, 0);
    return;
  }
  g_autofree char *copy = g_build_filename (f->folder, "program", NULL);
  g_autoptr (GFile) from = g_file_new_for_path ("/proc/self/exe"), to = g_file_new_for_path (copy);
  g_assert_true (g_file_copy (from, to, G_FILE_COPY_NONE, NULL, NULL, NULL, &error));
  g_autoptr (GSubprocess) run =
      g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE, &error, copy, "--GTestSubprocess", "-p",
                        "/ui/autostart/replaced", NULL);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_wait_check (run, NULL, &error));
  g_assert_no_error (error);
}

/* Where there can be no entry. */
static void
test_refused (Fixture *f, gconstpointer data)
{
  g_autofree char *folder = g_build_filename (f->ini, "sub", NULL);

  begin (f, folder);
  wish (f, TRUE);
  g_assert_cmpuint (f->failures, ==, 1);
  g_assert_false (is_on (f));
}

/* ---- The portal ---- */

typedef struct {
  GDBusConnection *bus;
  guint32 code;
  gboolean allow;
  guint calls;
  gboolean wanted;
  char *line;
  gboolean hold; /* the answer, until the next question */
  char *held;
} Portal;

static void
respond (Portal *portal, GDBusConnection *bus, const char *to, const char *handle, gboolean on)
{
  GVariantBuilder results;

  g_variant_builder_init (&results, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&results, "{sv}", "autostart", g_variant_new_boolean (on));
  g_assert_true (
      g_dbus_connection_emit_signal (bus, to, handle, "org.freedesktop.portal.Request", "Response",
                                     g_variant_new ("(ua{sv})", portal->code, &results), NULL));
}

static void
method_cb (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
           const char *method, GVariant *parameters, GDBusMethodInvocation *invocation,
           gpointer data)
{
  Portal *portal = data;
  g_autoptr (GVariant) options = g_variant_get_child_value (parameters, 1);
  g_autofree const char **line = NULL;
  const char *token = NULL;

  g_assert_true (g_variant_lookup (options, "handle_token", "&s", &token));
  g_assert_true (g_variant_lookup (options, "autostart", "b", &portal->wanted));
  g_assert_true (g_variant_lookup (options, "commandline", "^a&s", &line));
  g_free (portal->line);
  portal->line = g_strjoinv (" ", (char **) line);
  g_autofree char *name = g_strdelimit (g_strdup (sender + 1), ".", '_');
  g_autofree char *handle =
      g_strdup_printf ("/org/freedesktop/portal/desktop/request/%s/%s", name, token);
  g_dbus_method_invocation_return_value (invocation, g_variant_new ("(o)", handle));
  portal->calls++;
  if (portal->hold) {
    portal->held = g_steal_pointer (&handle);
    return;
  }
  if (portal->held)
    respond (portal, bus, sender, portal->held, FALSE);
  g_clear_pointer (&portal->held, g_free);
  respond (portal, bus, sender, handle, portal->allow && portal->wanted);
}

static void
offer (Portal *portal, GTestDBus *bus)
{
  static const GDBusInterfaceVTable table = { method_cb, NULL, NULL, { 0 } };
  g_autoptr (GDBusNodeInfo) node = g_dbus_node_info_new_for_xml (
      "<node><interface name='org.freedesktop.portal.Background'><method name='RequestBackground'>"
      "<arg type='s' direction='in'/><arg type='a{sv}' direction='in'/>"
      "<arg type='o' direction='out'/></method></interface></node>",
      NULL);

  portal->bus =
      g_dbus_connection_new_for_address_sync (g_test_dbus_get_bus_address (bus),
                                              G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                                  | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                              NULL, NULL, NULL);
  g_assert_nonnull (portal->bus);
  g_assert_cmpuint (
      g_dbus_connection_register_object (portal->bus, "/org/freedesktop/portal/desktop",
                                         node->interfaces[0], &table, portal, NULL, NULL),
      !=, 0);
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
      portal->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
      "RequestName", g_variant_new ("(su)", "org.freedesktop.portal.Desktop", 0), NULL, 0, -1, NULL,
      NULL);
  g_assert_nonnull (reply);
}

static void
wait_calls (Portal *portal, guint calls)
{
  while (portal->calls < calls)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_portal (Fixture *f, gconstpointer data)
{
  GTestDBus *bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  Portal portal = { .allow = TRUE };

  g_test_dbus_up (bus);
  /* Nobody there. */
  begin (f, NULL);
  wish (f, TRUE);
  while (f->failures == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (is_on (f));

  offer (&portal, bus);
  wish (f, TRUE);
  wait_calls (&portal, 1);
  g_assert_true (portal.wanted);
  g_assert_cmpstr (portal.line, ==, "diorama --restore");
  wish (f, FALSE);
  wait_calls (&portal, 2);
  g_assert_false (portal.wanted);
  g_assert_cmpuint (f->failures, ==, 1);
  g_assert_false (is_on (f));

  /* An answer to the question before is none to this one. */
  wish (f, TRUE);
  wait_calls (&portal, 3);
  portal.hold = TRUE;
  wish (f, FALSE);
  wait_calls (&portal, 4);
  portal.hold = FALSE;
  wish (f, TRUE);
  wait_calls (&portal, 5);
  for (guint i = 0; i < 20; i++) {
    g_usleep (5000);
    while (g_main_context_iteration (NULL, FALSE))
      ;
  }
  g_assert_cmpuint (f->failures, ==, 1);
  g_assert_true (is_on (f));
  wish (f, FALSE);
  wait_calls (&portal, 6);

  /* Refused by the person, and by the desktop. */
  for (guint i = 0; i < 2; i++) {
    portal.code = i;
    portal.allow = FALSE;
    wish (f, TRUE);
    while (f->failures < 2 + i)
      g_main_context_iteration (NULL, TRUE);
    g_assert_false (is_on (f));
  }
  g_clear_pointer (&f->autostart, dio_autostart_free);
  g_assert_true (g_dbus_connection_close_sync (portal.bus, NULL, NULL));
  g_object_unref (portal.bus);
  g_free (portal.line);
  g_test_dbus_down (bus);
  g_object_unref (bus);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/ui/autostart/entry", Fixture, NULL, set_up, test_entry, tear_down);
  g_test_add ("/ui/autostart/replaced", Fixture, NULL, set_up, test_replaced, tear_down);
  g_test_add ("/ui/autostart/refused", Fixture, NULL, set_up, test_refused, tear_down);
  g_test_add ("/ui/autostart/portal", Fixture, NULL, set_up, test_portal, tear_down);
  return g_test_run ();
}
