/* SPDX-License-Identifier: GPL-3.0-or-later
 * The snapshot before the reboot that ends an installation: taken once, of machines that were made
 * to install something, and nothing that goes wrong with it keeps the machine from its reboot. */
#include <glib/gstdio.h>
#include <string.h>

#include "app/library/library-bundle.h"
#include "app/model/model-snapshots.h"
#include "tests/app/app-fixture.h"

#define DISK (UINT64_C (64) << 20)
#define NAME "Before the installer’s reboot"
#define RESETS "dummy:still dummy:reset-after=100"

static DioMachineItem *
make (Fixture *fixture, const char *append, gboolean installer)
{
  fixture_set_up (fixture);
  g_autoptr (DioMachineConfig) config = fixture_config (fixture, "Test", append);
  if (installer)
    config->initrd = g_strdup (fixture->kernel);
  return fixture_create_with (fixture, config, DISK, "raw");
}

/* What an installer does. */
static void
install (DioMachineItem *item)
{
  g_autofree char *path = g_build_filename (dio_machine_item_get_path (item), "disk0.raw", NULL);
  g_autofree char *bytes = g_malloc (1 << 20);
  memset (bytes, 0xa5, 1 << 20);
  FILE *file = fopen (path, "r+");
  g_assert_nonnull (file);
  for (unsigned i = 0; i < 40; i++)
    g_assert_cmpuint (fwrite (bytes, 1 << 20, 1, file), ==, 1);
  fclose (file);
}

static gboolean
is_installing (DioMachineItem *item)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioManifest) manifest =
      dio_bundle_load (dio_files_host (), dio_machine_item_get_path (item), &error);
  g_assert_no_error (error);
  return manifest->config->installing;
}

static void
note_state_cb (DioMachineItem *item, GParamSpec *pspec, GString *states)
{
  static const char letters[] = {
    [DIO_ITEM_OFF] = 'o',    [DIO_ITEM_STARTING] = 's', [DIO_ITEM_RUNNING] = 'r',
    [DIO_ITEM_PAUSED] = 'p', [DIO_ITEM_STOPPING] = 't',
  };
  g_string_append_c (states, letters[dio_machine_item_get_state (item)]);
}

/* Starts it and goes on until its states are those. */
static void
run (DioMachineItem *item, const char *wanted)
{
  g_autoptr (GString) states = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  gulong handler = g_signal_connect (item, "notify::state", G_CALLBACK (note_state_cb), states);
  fixture_command (item, dio_machine_item_start_async, &error);
  g_assert_no_error (error);
  for (unsigned i = 0; i < 500 && !g_str_equal (states->str, wanted); i++)
    fixture_iterate (20);
  fixture_iterate (300);
  g_assert_cmpstr (states->str, ==, wanted);
  g_signal_handler_disconnect (item, handler);
}

static guint
count (DioMachineItem *item)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioSnapshots) tree = dio_machine_item_get_snapshots (item, &error);
  g_assert_no_error (error);
  g_autoptr (GPtrArray) list = dio_snapshots_list (tree);
  guint found = 0;
  for (guint i = 0; i < list->len; i++) {
    const DioSnapshotInfo *info = g_ptr_array_index (list, i);
    if (!g_str_equal (info->name, NAME))
      continue;
    g_assert_cmpint (info->kind, ==, DIO_SNAPSHOT_AUTOMATIC);
    found++;
  }
  return found;
}

static void
snapped_cb (GObject *object, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  dio_machine_item_snapshot_finish (DIO_MACHINE_ITEM (object), result, NULL, &error);
  g_assert_no_error (error);
  *(gboolean *) data = TRUE;
}

/* Once, with disks alone: who goes back to it starts what was installed. */
static void
test_once (void)
{
  Fixture fixture;
  gboolean over = FALSE;
  g_autoptr (DioMachineItem) item = make (&fixture, RESETS, TRUE);
  g_assert_true (is_installing (item));
  install (item);
  run (item, "srpr");
  g_assert_null (dio_machine_item_get_error (item));
  g_assert_cmpuint (count (item), ==, 1);
  g_assert_false (is_installing (item));
  fixture_turn_off (item);
  run (item, "sr");
  g_assert_cmpuint (count (item), ==, 1);
  fixture_turn_off (item);

  g_autoptr (DioSnapshots) tree = dio_machine_item_get_snapshots (item, NULL);
  g_autoptr (DioSnapshotInfo) info = dio_snapshots_find (tree, NAME, NULL);
  g_assert_cmpuint (info->memory, ==, 0);
  dio_machine_item_snapshot_async (item, DIO_SNAPSHOT_REVERT, info->id, NULL, NULL, NULL,
                                   snapped_cb, &over);
  fixture_wait_flag (&over);
  run (item, "sr");
  fixture_turn_off (item);
  fixture_tear_down (&fixture);
}

/* A reboot of an installer that has not begun yet, or of a machine that keeps nothing. */
static void
test_not_yet (void)
{
  Fixture fixture;
  g_autoptr (DioMachineItem) item = make (&fixture, RESETS, TRUE);
  run (item, "srpr");
  g_assert_cmpuint (count (item), ==, 0);
  g_assert_true (is_installing (item));
  fixture_turn_off (item);
  install (item);
  dio_machine_item_set_disposable (item, TRUE);
  run (item, "srpr");
  fixture_turn_off (item);
  g_assert_cmpuint (count (item), ==, 0);
  g_assert_true (is_installing (item));
  run (item, "srpr");
  g_assert_cmpuint (count (item), ==, 1);
  fixture_turn_off (item);
  fixture_tear_down (&fixture);
}

static void
test_no_installer (void)
{
  Fixture fixture;
  g_autoptr (DioMachineItem) item = make (&fixture, RESETS, FALSE);
  g_assert_false (is_installing (item));
  install (item);
  run (item, "sr");
  g_assert_cmpuint (count (item), ==, 0);
  fixture_turn_off (item);
  fixture_tear_down (&fixture);
}

/* Many installers offer that instead of a reboot. */
static void
test_turned_off (void)
{
  Fixture fixture;
  g_autoptr (DioMachineItem) item = make (&fixture, "dummy:still dummy:off-after=100", TRUE);
  run (item, "srto");
  g_assert_true (is_installing (item));
  install (item);
  run (item, "srto");
  g_assert_false (is_installing (item));
  g_assert_cmpuint (count (item), ==, 0);
  fixture_tear_down (&fixture);
}

/* It is told, and the machine reboots. */
static void
test_failure (void)
{
  Fixture fixture;
  g_autoptr (DioMachineItem) item = make (&fixture, RESETS, TRUE);
  install (item);
  g_free (fixture_fill_row (dio_machine_item_get_path (item), DIO_SNAPSHOT_MANUAL));
  run (item, "srpr");
  g_assert_cmpuint (count (item), ==, 0);
  g_assert_nonnull (dio_machine_item_get_error (item));
  g_assert_nonnull (strstr (dio_machine_item_get_error (item), "before the installer’s reboot"));
  g_assert_false (is_installing (item));
  fixture_turn_off (item);
  fixture_tear_down (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/app/installer/once", test_once);
  g_test_add_func ("/app/installer/not-yet", test_not_yet);
  g_test_add_func ("/app/installer/no-installer", test_no_installer);
  g_test_add_func ("/app/installer/turned-off", test_turned_off);
  g_test_add_func ("/app/installer/failure", test_failure);
  return fixture_run_tests ();
}
