/* SPDX-License-Identifier: GPL-3.0-or-later
 * Files that are dropped on the library and on the wizard. */
#include <adwaita.h>
#include <glib/gstdio.h>
#include <string.h>

#include "tests/support/dummy-machine.h"
#include "ui/application/application.h"
#include "ui/create/create-window.h"
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

typedef struct {
  DioMachineHost host;
  char *folder, *ini, *machines;
  DioLibrary *library;
} Fixture;

static void
set_up (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  f->host = (DioMachineHost){ .boards = dio_dummy_boards, .devices = dio_dummy_devices };
  f->folder = g_dir_make_tmp ("dio-library-window-XXXXXX", NULL);
  f->ini = g_build_filename (f->folder, "settings.ini", NULL);
  f->machines = g_build_filename (f->folder, "machines", NULL);
  f->library = dio_library_new (f->machines, &f->host, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *f)
{
  g_object_unref (f->library);
  g_assert_cmpint (g_rmdir (f->machines), ==, 0);
  g_unlink (f->ini);
  g_assert_cmpint (g_rmdir (f->folder), ==, 0);
  g_free (f->folder);
  g_free (f->ini);
  g_free (f->machines);
}

static void
test_drop_on_library (void)
{
  Fixture f;
  g_autofree char *created = NULL;
  g_autoptr (GError) error = NULL;
  set_up (&f);
  g_autoptr (DioSettings) settings = dio_settings_new (f.ini);
  g_autoptr (AdwApplication) application =
      adw_application_new ("org.diorama.Test", G_APPLICATION_NON_UNIQUE);
  g_application_register (G_APPLICATION (application), NULL, &error);
  g_assert_no_error (error);
  GtkWidget *window = dio_library_window_new (application, f.library, settings);
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
  tear_down (&f);
}

/* The button that the review begins with; NULL before it. */
static GtkWidget *
start_button (GtkWidget *window)
{
  GtkWidget *focus = gtk_window_get_focus (GTK_WINDOW (window));
  return focus && gtk_widget_has_css_class (focus, "suggested-action") ? focus : NULL;
}

/* The wizard goes on to its review with a kernel that is dropped on it. */
static void
test_drop_on_wizard (void)
{
  Fixture f;
  guint8 image[0x2000] = { 0 };
  set_up (&f);
  g_autofree char *path = g_build_filename (f.folder, "linux", NULL);
  memcpy (image + 0x30, "RISCV\0\0\0RSC\x05", 12);
  image[0x11] = 0x20; /* the size of the image */
  g_assert_true (g_file_set_contents (path, (const char *) image, sizeof image, NULL));
  GtkWidget *window = dio_create_window_new (NULL, f.library, &f.host, NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);

  g_assert_null (start_button (window));
  g_assert_true (drop (window, &file, 1));
  while (!start_button (window))
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (gtk_widget_get_sensitive (start_button (window)));

  gtk_window_destroy (GTK_WINDOW (window));
  while (g_main_context_iteration (NULL, FALSE)) {
  }
  g_unlink (path);
  tear_down (&f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  dio_ui_register_resources ();
  adw_init ();
  g_test_add_func ("/ui/drop/library", test_drop_on_library);
  g_test_add_func ("/ui/drop/wizard", test_drop_on_wizard);
  return g_test_run ();
}
