/* SPDX-License-Identifier: GPL-3.0-or-later
 * The library window: files that are dropped on it. */
#include <adwaita.h>
#include <glib/gstdio.h>

#include "tests/support/dummy-machine.h"
#include "ui/application/application.h"
#include "ui/library/library-window.h"

static void
create_cb (DioLibraryWindow *window, const char *path, char **created)
{
  g_free (*created);
  *created = g_strdup (path);
}

static GtkEventController *
find_drop_target (GtkWidget *widget)
{
  g_autoptr (GListModel) controllers = gtk_widget_observe_controllers (widget);

  for (guint i = 0; i < g_list_model_get_n_items (controllers); i++) {
    g_autoptr (GtkEventController) controller = g_list_model_get_item (controllers, i);
    if (GTK_IS_DROP_TARGET (controller))
      return controller; /* the widget holds it */
  }
  g_assert_not_reached ();
}

/* What GTK does when @files are let go over the window; whether they were taken. */
static gboolean
drop (GtkWidget *window, GFile **files, gsize count)
{
  GtkEventController *target = find_drop_target (window);
  g_auto (GValue) value = G_VALUE_INIT;
  GSList *list = NULL;
  gboolean taken = FALSE;

  for (gsize i = count; i-- > 0;)
    list = g_slist_prepend (list, g_object_ref (files[i]));
  g_value_init (&value, GDK_TYPE_FILE_LIST);
  g_value_take_boxed (&value, list);
  g_signal_emit_by_name (target, "drop", &value, 10.0, 10.0, &taken);
  return taken;
}

static void
test_drop (void)
{
  const DioMachineHost host = { .boards = dio_dummy_boards, .devices = dio_dummy_devices };
  g_autofree char *folder = g_dir_make_tmp ("dio-library-window-XXXXXX", NULL);
  g_autofree char *ini = g_build_filename (folder, "settings.ini", NULL);
  g_autofree char *machines = g_build_filename (folder, "machines", NULL);
  g_autofree char *created = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (DioLibrary) library = dio_library_new (machines, &host, &error);
  g_assert_no_error (error);
  g_autoptr (DioSettings) settings = dio_settings_new (ini);
  g_autoptr (AdwApplication) application =
      adw_application_new ("org.diorama.Test", G_APPLICATION_NON_UNIQUE);
  g_application_register (G_APPLICATION (application), NULL, &error);
  g_assert_no_error (error);
  GtkWidget *window = dio_library_window_new (application, library, settings);
  g_signal_connect (window, "create", G_CALLBACK (create_cb), &created);

  g_autoptr (GFile) one = g_file_new_for_path ("/tmp/one.iso");
  g_autoptr (GFile) two = g_file_new_for_path ("/tmp/two.iso");
  g_autoptr (GFile) remote = g_file_new_for_uri ("nowhere://example/three.iso");
  g_assert_true (drop (window, (GFile *[]){ one, two }, 2));
  g_assert_cmpstr (created, ==, "/tmp/one.iso");
  g_clear_pointer (&created, g_free);
  g_assert_false (drop (window, NULL, 0));
  g_assert_false (drop (window, (GFile *[]){ remote }, 1));
  g_assert_null (created);

  gtk_window_destroy (GTK_WINDOW (window));
  g_assert_cmpint (g_rmdir (machines), ==, 0);
  g_unlink (ini);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  dio_ui_register_resources ();
  adw_init ();
  g_test_add_func ("/ui/library-window/drop", test_drop);
  return g_test_run ();
}
