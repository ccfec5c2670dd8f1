/* SPDX-License-Identifier: GPL-3.0-or-later
 * What can be done with the disks of a machine that is off, and what is left when it fails. */
#include "app/model/model-disks.h"
#include "app/model/model-snapshots.h"
#include "core/backend/block/block-create.h"
#include "tests/app/app-fixture.h"

typedef struct {
  gboolean over;
  gboolean good;
  GError *error;
  GPtrArray *infos;
} Answer;

static void
inspected_cb (GObject *object, GAsyncResult *result, gpointer data)
{
  Answer *answer = data;
  answer->infos =
      dio_machine_item_inspect_disks_finish (DIO_MACHINE_ITEM (object), result, &answer->error);
  answer->over = TRUE;
}

static GPtrArray *
inspect (DioMachineItem *item)
{
  Answer answer = { 0 };
  dio_machine_item_inspect_disks_async (item, inspected_cb, &answer);
  fixture_wait_flag (&answer.over);
  g_assert_no_error (answer.error);
  return answer.infos;
}

static void
done_cb (GObject *object, GAsyncResult *result, gpointer data)
{
  Answer *answer = data;
  answer->good =
      dio_machine_item_command_finish (DIO_MACHINE_ITEM (object), result, &answer->error);
  answer->over = TRUE;
}

static Answer
act (DioMachineItem *item, DioDiskAction action, guint64 size, const char *folder,
     GCancellable *cancellable)
{
  Answer answer = { 0 };
  dio_machine_item_disk_async (item, action, 0, size, folder, cancellable, done_cb, &answer);
  fixture_wait_flag (&answer.over);
  g_assert_true (answer.good == !answer.error);
  return answer;
}

static void
expect_good (DioMachineItem *item, DioDiskAction action, guint64 size, const char *folder)
{
  Answer answer = act (item, action, size, folder, NULL);
  g_assert_no_error (answer.error);
}

static void
expect_error (DioMachineItem *item, DioDiskAction action, guint64 size, const char *folder,
              GCancellable *cancellable, int code)
{
  Answer answer = act (item, action, size, folder, cancellable);
  g_assert_error (answer.error, DIO_ERROR, code);
  g_clear_error (&answer.error);
}

static DioMachineItem *
make (Fixture *fixture)
{
  g_autoptr (DioMachineConfig) config = fixture_config (fixture, "Test", "dummy:still");
  return fixture_create_with (fixture, config, 64 << 20, NULL);
}

static const char *
path_of (DioMachineItem *item)
{
  const DioDiskConfig *disk = g_ptr_array_index (dio_machine_item_get_config (item)->disks, 0);
  return disk->path;
}

static void
test_grow (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  g_autoptr (DioMachineItem) item = make (&fixture);
  expect_good (item, DIO_DISK_GROW, 96 << 20, NULL);
  g_autoptr (GPtrArray) infos = inspect (item);
  const DioDiskInfo *info = g_ptr_array_index (infos, 0);
  g_assert_cmpuint (info->size, ==, 96 << 20);
  g_assert_cmpstr (info->format, ==, "qcow2");
  g_assert_cmpuint (info->allocated, >, 0);
  g_assert_null (info->error);
  g_assert_null (info->backing);
  expect_error (item, DIO_DISK_GROW, 64 << 20, NULL, NULL, DIO_ERROR_CONFIG);
  fixture_tear_down (&fixture);
}

static void
test_move (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  g_autoptr (DioMachineItem) item = make (&fixture);
  g_autofree char *old = g_strdup (path_of (item));
  g_autofree char *name = g_path_get_basename (old);
  g_autofree char *folder = fixture_path (&fixture, "elsewhere");
  g_autofree char *new = g_build_filename (folder, name, NULL);
  g_autoptr (GError) error = NULL;

  expect_error (item, DIO_DISK_MOVE, 0, folder, NULL, DIO_ERROR_NOT_FOUND);
  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  /* What is there already stays, and so does the disk. */
  g_file_set_contents (new, "mine", -1, &error);
  g_assert_no_error (error);
  expect_error (item, DIO_DISK_MOVE, 0, folder, NULL, DIO_ERROR_EXISTS);
  g_assert_cmpstr (path_of (item), ==, old);
  g_assert_true (g_file_test (old, G_FILE_TEST_EXISTS));
  g_unlink (new);

  expect_good (item, DIO_DISK_MOVE, 0, folder);
  g_assert_cmpstr (path_of (item), ==, new);
  g_assert_false (g_file_test (old, G_FILE_TEST_EXISTS));
  /* And home again, where it is named without its folder. */
  expect_good (item, DIO_DISK_MOVE, 0, dio_machine_item_get_path (item));
  g_assert_cmpstr (path_of (item), ==, old);
  g_assert_false (g_file_test (new, G_FILE_TEST_EXISTS));
  fixture_tear_down (&fixture);
}

static void
snapped_cb (GObject *object, GAsyncResult *result, gpointer data)
{
  Answer *answer = data;
  answer->good =
      dio_machine_item_snapshot_finish (DIO_MACHINE_ITEM (object), result, NULL, &answer->error);
  answer->over = TRUE;
}

/* A snapshot stands on the disk: it must not get another size or place. What is written since may
 * be compacted. */
static void
test_snapshot (void)
{
  Fixture fixture;
  Answer answer = { 0 };
  fixture_set_up (&fixture);
  g_autoptr (DioMachineItem) item = make (&fixture);
  g_autofree char *before = NULL, *after = NULL;
  gsize length, now;
  dio_machine_item_snapshot_async (item, DIO_SNAPSHOT_TAKE, NULL, "Base", NULL, NULL, snapped_cb,
                                   &answer);
  fixture_wait_flag (&answer.over);
  g_assert_no_error (answer.error);
  g_assert_true (g_file_get_contents (path_of (item), &before, &length, NULL));
  expect_error (item, DIO_DISK_GROW, 96 << 20, NULL, NULL, DIO_ERROR_BUSY);
  expect_error (item, DIO_DISK_MOVE, 0, fixture.folder, NULL, DIO_ERROR_BUSY);
  expect_good (item, DIO_DISK_COMPACT, 0, NULL);
  g_autoptr (GPtrArray) infos = inspect (item);
  const DioDiskInfo *info = g_ptr_array_index (infos, 0);
  g_autofree char *refusal = dio_machine_item_refuse_disk_action (item, info, DIO_DISK_GROW);
  g_assert_true (info->chained);
  g_assert_nonnull (info->backing);
  g_assert_nonnull (refusal);
  g_assert_cmpuint (info->size, ==, 64 << 20);
  g_assert_true (g_file_get_contents (path_of (item), &after, &now, NULL));
  g_assert_cmpmem (before, length, after, now);
  /* All of it is still a machine. */
  g_autoptr (GError) error = NULL;
  fixture_command (item, dio_machine_item_start_async, &error);
  g_assert_no_error (error);
  fixture_command (item, dio_machine_item_force_off_async, &error);
  fixture_wait_state (item, DIO_ITEM_OFF);
  fixture_tear_down (&fixture);
}

/* The same when the disk lies in the bundle of another machine. */
static void
test_foreign (void)
{
  Fixture fixture;
  Answer answer = { 0 };
  fixture_set_up (&fixture);
  g_autoptr (DioMachineItem) item = make (&fixture);
  g_autoptr (DioMachineConfig) config = fixture_config (&fixture, "Other", "dummy:still");
  dio_machine_config_add_disk (config, path_of (item), "qcow2", false);
  g_autoptr (DioMachineItem) other = fixture_create_with (&fixture, config, 0, NULL);
  fixture_wait_state (other, DIO_ITEM_OFF);
  expect_good (other, DIO_DISK_GROW, 96 << 20, NULL);
  dio_machine_item_snapshot_async (item, DIO_SNAPSHOT_TAKE, NULL, "Base", NULL, NULL, snapped_cb,
                                   &answer);
  fixture_wait_flag (&answer.over);
  g_assert_no_error (answer.error);
  expect_error (other, DIO_DISK_GROW, 128 << 20, NULL, NULL, DIO_ERROR_BUSY);
  expect_error (other, DIO_DISK_COMPACT, 0, NULL, NULL, DIO_ERROR_BUSY);
  expect_error (other, DIO_DISK_MOVE, 0, fixture.folder, NULL, DIO_ERROR_BUSY);
  fixture_tear_down (&fixture);
}

/* Cancelled before it begins: everything is as it was, and nothing is left over. */
static void
test_cancel (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  g_autoptr (DioMachineItem) item = make (&fixture);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree char *before = NULL, *after = NULL;
  gsize length, now;
  g_assert_true (g_file_get_contents (path_of (item), &before, &length, NULL));
  g_cancellable_cancel (cancellable);
  expect_error (item, DIO_DISK_COMPACT, 0, NULL, cancellable, DIO_ERROR_CANCELLED);
  g_assert_true (g_file_get_contents (path_of (item), &after, &now, NULL));
  g_assert_cmpmem (before, length, after, now);
  g_autoptr (GDir) dir = g_dir_open (dio_machine_item_get_path (item), 0, NULL);
  for (const char *name; (name = g_dir_read_name (dir));)
    g_assert_false (g_str_has_suffix (name, ".tmp"));
  expect_good (item, DIO_DISK_COMPACT, 0, NULL);
  fixture_tear_down (&fixture);
}

static void
test_running (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  g_autoptr (DioMachineItem) item = make (&fixture);
  g_autoptr (GError) error = NULL;
  fixture_command (item, dio_machine_item_start_async, &error);
  g_assert_no_error (error);
  expect_error (item, DIO_DISK_COMPACT, 0, NULL, NULL, DIO_ERROR_BUSY);
  g_autoptr (GPtrArray) infos = inspect (item);
  g_assert_cmpuint (infos->len, ==, 1);
  fixture_command (item, dio_machine_item_force_off_async, &error);
  fixture_wait_state (item, DIO_ITEM_OFF);
  fixture_tear_down (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/app/disks/grow", test_grow);
  g_test_add_func ("/app/disks/move", test_move);
  g_test_add_func ("/app/disks/snapshot", test_snapshot);
  g_test_add_func ("/app/disks/foreign", test_foreign);
  g_test_add_func ("/app/disks/cancel", test_cancel);
  g_test_add_func ("/app/disks/running", test_running);
  return fixture_run_tests ();
}
