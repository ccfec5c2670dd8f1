/* SPDX-License-Identifier: GPL-3.0-or-later
 * Settings: defaults, what is kept, broken files. */
#include <glib/gstdio.h>

#include "ui/console/console-view.h"
#include "ui/preferences/settings.h"

static void
test_kept (void)
{
  g_autofree char *folder = g_dir_make_tmp ("dio-settings-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "sub", "settings.ini", NULL);
  g_autofree char *sub = g_path_get_dirname (path);
  DioSettings *settings = dio_settings_new (path);
  DioConsoleScaling scaling;
  DioCloseAction close_action;
  gboolean follow, capture, f11, maximized;
  int width, height;

  g_object_get (settings, "scaling", &scaling, "follow-window", &follow, "capture", &capture,
                "reserve-f11", &f11, "close-action", &close_action, NULL);
  g_assert_cmpint (scaling, ==, DIO_CONSOLE_SCALING_FIT);
  g_assert_cmpint (close_action, ==, DIO_CLOSE_ASK);
  g_assert_true (follow && capture && f11);
  g_assert_false (dio_settings_get_window (settings, "library", &width, &height, &maximized));

  g_object_set (settings, "scaling", DIO_CONSOLE_SCALING_ACTUAL, "capture", FALSE, "close-action",
                DIO_CLOSE_KEEP_RUNNING, NULL);
  dio_settings_set_window (settings, "a]strange\n[key", 800, 600, TRUE);
  g_assert_finalize_object (settings);

  settings = dio_settings_new (path);
  g_object_get (settings, "scaling", &scaling, "capture", &capture, "follow-window", &follow,
                "close-action", &close_action, NULL);
  g_assert_cmpint (scaling, ==, DIO_CONSOLE_SCALING_ACTUAL);
  g_assert_cmpint (close_action, ==, DIO_CLOSE_KEEP_RUNNING);
  g_assert_false (capture);
  g_assert_true (follow);
  g_assert_true (
      dio_settings_get_window (settings, "a]strange\n[key", &width, &height, &maximized));
  g_assert_cmpint (width, ==, 800);
  g_assert_cmpint (height, ==, 600);
  g_assert_true (maximized);
  g_assert_finalize_object (settings);

  g_unlink (path);
  g_rmdir (sub);
  g_rmdir (folder);
}

static void
test_broken (void)
{
  static const char *const contents[] = {
    "",
    "no key file at all",
    "[preferences]\nscaling=sideways\ncapture=perhaps\n",
    "[preferences]\nscaling=\n[window library]\nwidth=-5\nheight=99999999999\n",
  };
  g_autofree char *folder = g_dir_make_tmp ("dio-settings-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "settings.ini", NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (contents); i++) {
    DioConsoleScaling scaling;
    gboolean capture, maximized;
    int width, height;
    g_assert_true (g_file_set_contents (path, contents[i], -1, NULL));
    g_autoptr (DioSettings) settings = dio_settings_new (path);
    g_object_get (settings, "scaling", &scaling, "capture", &capture, NULL);
    g_assert_cmpint (scaling, ==, DIO_CONSOLE_SCALING_FIT);
    g_assert_true (capture);
    g_assert_false (dio_settings_get_window (settings, "library", &width, &height, &maximized));
  }
  g_unlink (path);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ui/preferences/settings/kept", test_kept);
  g_test_add_func ("/ui/preferences/settings/broken", test_broken);
  return g_test_run ();
}
