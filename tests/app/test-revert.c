/* SPDX-License-Identifier: GPL-3.0-or-later
 * Going back while the machine runs, and failing at it: before the tree has changed the machine
 * goes on, after that it must not, as its disks are not those of the tree any more. */
#include <fcntl.h>
#include <unistd.h>

#include "app/library/library-snapshot-private.h"
#include "app/model/model-snapshots.h"
#include "tests/app/app-fixture.h"

#define DISK (UINT64_C (8) << 20)

/* ---- The failure ---- */

static gint failures; /* how many of the next loads fail */

gboolean __real_dio_snapshots_load_pending (DioSnapshots *self, DioSnapshotState *state,
                                            GError **error);
gboolean __wrap_dio_snapshots_load_pending (DioSnapshots *self, DioSnapshotState *state,
                                            GError **error);

gboolean
__wrap_dio_snapshots_load_pending (DioSnapshots *self, DioSnapshotState *state, GError **error)
{
  if (g_atomic_int_get (&failures) == 0)
    return __real_dio_snapshots_load_pending (self, state, error);
  g_atomic_int_dec_and_test (&failures);
  *state = (DioSnapshotState){ 0 };
  g_set_error (error, DIO_ERROR, DIO_ERROR_IO, "injected");
  return FALSE;
}

/* ---- A machine with a disk ---- */

typedef struct {
  gboolean over;
  gboolean good;
  char *id;
  GError *error;
} Answer;

static void
snapped_cb (GObject *object, GAsyncResult *result, gpointer data)
{
  Answer *answer = data;
  answer->good = dio_machine_item_snapshot_finish (DIO_MACHINE_ITEM (object), result, &answer->id,
                                                   &answer->error);
  answer->over = TRUE;
}

static Answer
snapshot (DioMachineItem *item, DioSnapshotAction action, const char *id)
{
  Answer answer = { 0 };
  dio_machine_item_snapshot_async (item, action, id, NULL, NULL, NULL, snapped_cb, &answer);
  fixture_wait_flag (&answer.over);
  g_assert_true (answer.good == !answer.error);
  if (action != DIO_SNAPSHOT_TAKE)
    g_clear_pointer (&answer.id, g_free); /* that of what was before */
  return answer;
}

static DioMachineItem *
make (Fixture *fixture)
{
  g_autoptr (DioMachineConfig) config = fixture_config (fixture, "Test", "dummy:still");
  return fixture_create_with (fixture, config, DISK, NULL);
}

static void
start (DioMachineItem *item)
{
  g_autoptr (GError) error = NULL;
  fixture_command (item, dio_machine_item_start_async, &error);
  g_assert_no_error (error);
  fixture_wait_state (item, DIO_ITEM_RUNNING);
}

/* The disk as the bundle has it now. */
static DioBlockNode *
open_disk (DioMachineItem *item, DioBlockOpenFlags flags)
{
  g_autoptr (GError) error = NULL;
  const char *path = dio_machine_item_get_path (item);
  g_autoptr (DioSnapshots) tree = dio_snapshots_open (dio_files_host (), path, FALSE, &error);
  g_assert_no_error (error);
  g_autoptr (DioManifest) manifest = dio_bundle_load (dio_files_host (), path, &error);
  g_assert_no_error (error);
  g_autoptr (DioMachineConfig) config = dio_snapshots_prepare (tree, manifest, &error);
  g_assert_no_error (error);
  DioBlockNode *node =
      dio_disk_config_open (g_ptr_array_index (config->disks, 0), dio_files_host (), flags, &error);
  g_assert_no_error (error);
  return node;
}

static void
set_byte (DioMachineItem *item, guint8 byte)
{
  g_autoptr (DioBlockNode) node = open_disk (item, 0);
  g_assert_cmpint (dio_block_node_write (node, 4096, &byte, 1), ==, 0);
}

static guint8
get_byte (DioMachineItem *item)
{
  guint8 byte = 0xff;
  g_autoptr (DioBlockNode) node =
      open_disk (item, DIO_BLOCK_OPEN_READONLY | DIO_BLOCK_OPEN_UNLOCKED);
  g_assert_cmpint (dio_block_node_read (node, 4096, &byte, 1), ==, 0);
  return byte;
}

/* The name of the top image of the disk, as the bundle has it now. */
static char *
top_of (DioMachineItem *item)
{
  g_autoptr (DioBlockNode) node =
      open_disk (item, DIO_BLOCK_OPEN_READONLY | DIO_BLOCK_OPEN_UNLOCKED);
  return g_strdup (node->path);
}

/* A machine that runs; its disk had 1 in the snapshot *@id and has 2 now. */
static DioMachineItem *
set_up (Fixture *fixture, char **id)
{
  fixture_set_up (fixture);
  DioMachineItem *item = make (fixture);
  set_byte (item, 1);
  start (item);
  Answer taken = snapshot (item, DIO_SNAPSHOT_TAKE, NULL);
  g_assert_no_error (taken.error);
  *id = taken.id;
  fixture_turn_off (item);
  set_byte (item, 2);
  start (item);
  return item;
}

/* ---- Tests ---- */

/* The tree has moved: the machine is off, the message is told, and the next start goes on from the
 * snapshot. */
static void
test_behind_commit (gconstpointer data)
{
  Fixture fixture;
  g_autofree char *id = NULL;
  g_autoptr (DioMachineItem) item = set_up (&fixture, &id);
  g_autofree char *old_top = top_of (item);
  if (data) {
    g_autoptr (GError) error = NULL;
    fixture_command (item, dio_machine_item_pause_async, &error);
    g_assert_no_error (error);
  }
  g_atomic_int_set (&failures, 1);
  Answer answer = snapshot (item, DIO_SNAPSHOT_REVERT, id);
  g_assert_error (answer.error, DIO_ERROR, DIO_ERROR_IO);
  g_assert_cmpint (g_atomic_int_get (&failures), ==, 0);
  g_clear_error (&answer.error);
  fixture_wait_state (item, DIO_ITEM_OFF);

  g_autofree char *new_top = top_of (item);
  g_assert_cmpstr (old_top, !=, new_top);
  g_assert_cmpuint (get_byte (item), ==, 1);
  {
    g_autoptr (DioSnapshots) tree = dio_machine_item_get_snapshots (item, NULL);
    g_autofree char *pending = dio_snapshots_get_pending (tree, NULL);
    g_autoptr (GPtrArray) list = dio_snapshots_list (tree);
    g_assert_cmpstr (pending, ==, id);
    g_assert_cmpuint (list->len, ==, 2);
  }
  start (item);
  {
    g_autoptr (DioSnapshots) tree = dio_machine_item_get_snapshots (item, NULL);
    g_assert_null (dio_snapshots_get_pending (tree, NULL));
  }
  fixture_turn_off (item);
  /* What was before is there as well. */
  g_autoptr (DioSnapshots) tree = dio_machine_item_get_snapshots (item, NULL);
  g_autoptr (DioSnapshotInfo) before = dio_snapshots_find (tree, "Before going back", NULL);
  g_assert_nonnull (before);
  answer = snapshot (item, DIO_SNAPSHOT_DISCARD, before->id);
  g_assert_no_error (answer.error);
  g_assert_cmpuint (get_byte (item), ==, 2);
  fixture_tear_down (&fixture);
}

/* What is seen to be damaged is no place to go to: the machine goes on. */
static void
test_damaged (void)
{
  Fixture fixture;
  g_autofree char *id = NULL;
  g_autoptr (DioMachineItem) item = set_up (&fixture, &id);
  g_autofree char *old_top = top_of (item);
  g_autofree char *name = g_strconcat (id, ".state", NULL);
  g_autofree char *path =
      g_build_filename (dio_machine_item_get_path (item), DIO_SNAPSHOT_FOLDER, name, NULL);
  GStatBuf status;
  g_assert_cmpint (g_stat (path, &status), ==, 0);
  g_assert_cmpint (truncate (path, status.st_size - 1), ==, 0);
  Answer answer = snapshot (item, DIO_SNAPSHOT_DISCARD, id);
  g_assert_error (answer.error, DIO_ERROR, DIO_ERROR_FORMAT);
  g_clear_error (&answer.error);
  fixture_wait_state (item, DIO_ITEM_RUNNING);
  g_autofree char *new_top = top_of (item);
  g_assert_cmpstr (old_top, ==, new_top);
  fixture_turn_off (item);
  g_assert_cmpuint (get_byte (item), ==, 2);
  fixture_tear_down (&fixture);
}

/* And without a failure. */
static void
test_good (void)
{
  Fixture fixture;
  g_autofree char *id = NULL;
  g_autoptr (DioMachineItem) item = set_up (&fixture, &id);
  Answer answer = snapshot (item, DIO_SNAPSHOT_REVERT, id);
  g_assert_no_error (answer.error);
  fixture_wait_state (item, DIO_ITEM_RUNNING);
  g_assert_cmpuint (get_byte (item), ==, 1);
  fixture_turn_off (item);
  fixture_tear_down (&fixture);
}

/* What is kept before going back finds room, and not at the cost of where that goes. */
static void
test_full_row (void)
{
  Fixture fixture;
  g_autofree char *id = NULL;
  g_autoptr (DioMachineItem) item = set_up (&fixture, &id);
  fixture_turn_off (item);
  g_autofree char *oldest =
      fixture_fill_row (dio_machine_item_get_path (item), DIO_SNAPSHOT_AUTOMATIC);
  Answer by_hand = snapshot (item, DIO_SNAPSHOT_TAKE, NULL);
  g_assert_error (by_hand.error, DIO_ERROR, DIO_ERROR_FULL);
  g_clear_error (&by_hand.error);
  Answer answer = snapshot (item, DIO_SNAPSHOT_REVERT, oldest);
  g_assert_no_error (answer.error);
  g_autoptr (DioSnapshots) tree = dio_machine_item_get_snapshots (item, NULL);
  g_autoptr (DioSnapshotInfo) before = dio_snapshots_find (tree, "Before going back", NULL);
  g_autoptr (DioSnapshotInfo) target = dio_snapshots_find (tree, oldest, NULL);
  g_autoptr (DioSnapshotInfo) first = dio_snapshots_find (tree, id, NULL);
  g_assert_true (before && target && first);
  g_assert_cmpuint (get_byte (item), ==, 2);
  fixture_tear_down (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/app/revert/behind-commit/running", NULL, test_behind_commit);
  g_test_add_data_func ("/app/revert/behind-commit/paused", "paused", test_behind_commit);
  g_test_add_func ("/app/revert/damaged", test_damaged);
  g_test_add_func ("/app/revert/full-row", test_full_row);
  g_test_add_func ("/app/revert/good", test_good);
  return fixture_run_tests ();
}
