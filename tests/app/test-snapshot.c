/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of a bundle's snapshots: the tree, going back, deleting in any order, clones; then the same
 * with the power cut at any moment and with each call failing. */
#include "app/library/library-snapshot.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "core/base/base-error.h"
#include "tests/support/files-fail.h"
#include "tests/support/replay.h"

#define MIB (UINT64_C (1) << 20)
#define MEMORY (64 * MIB)
#define USED (2 * MIB) /* of it, not zeros */
#define DISK (1 * MIB)

typedef struct {
  char *library;
  char *path;
  DioRam *ram;
} Fixture;

/* What memory and disk hold is told by one number. */
static void
set_disk_through (DioFiles *files, const char *path, uint32_t number)
{
  g_autofree char *disk = g_build_filename (path, "disk0.raw", NULL);
  g_autofree uint32_t *words = g_malloc (DISK);
  for (unsigned i = 0; i < DISK / 4; i++)
    words[i] = number + i / 1024;
  int fd = dio_file_open (files, AT_FDCWD, disk, O_RDWR, 0);
  g_assert_cmpint (dio_file_write (files, fd, words, DISK, 0), ==, 0);
  g_assert_cmpint (dio_file_sync (files, fd), ==, 0);
  dio_file_close (files, fd);
}

static void
set_disk (const char *path, uint32_t number)
{
  set_disk_through (dio_files_host (), path, number);
}

/* 0 when it is not all of one number. */
static uint32_t
get_disk (const char *folder, const char *name)
{
  g_autofree char *disk = g_build_filename (folder, name, NULL);
  g_autofree char *text = NULL;
  gsize length;
  if (!g_file_get_contents (disk, &text, &length, NULL) || length != DISK)
    return 0;
  const uint32_t *words = (const uint32_t *) (void *) text;
  for (unsigned i = 0; i < DISK / 4; i++)
    if (words[i] != words[0] + i / 1024)
      return 0;
  return words[0];
}

static void
set_memory (DioRam *ram, uint32_t number)
{
  dio_ram_begin_write (ram, 0, USED);
  for (unsigned i = 0; i < USED / 4; i++)
    ((uint32_t *) (void *) ram->host)[i] = number * 7919 + i / 4096;
  dio_ram_note_write (ram, 0, USED);
}

static bool
memory_is (const DioRamMap *map, DioStore *store, uint32_t number)
{
  uint32_t words[DIO_RAM_CHUNK / 4];
  for (uint64_t i = 0; i < map->n; i++) {
    if (!dio_store_get (store, &map->ids[i], words, DIO_RAM_CHUNK, NULL))
      return false;
    uint64_t first = i * DIO_RAM_CHUNK / 4;
    uint32_t expected = i * DIO_RAM_CHUNK < USED ? number * 7919 + (uint32_t) (first / 4096) : 0;
    if (words[0] != expected || words[DIO_RAM_CHUNK / 4 - 1] != expected)
      return false;
  }
  return true;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioMachineConfig) config = dio_machine_config_new ();
  f->library = g_dir_make_tmp ("dio-snapshots-XXXXXX", NULL);
  config->name = g_strdup ("Tree");
  config->arch = DIO_ARCH_RISCV64;
  config->memory = MEMORY;
  f->path = dio_bundle_create (dio_files_host (), f->library, config, DISK, "raw", NULL, NULL, NULL,
                               &error);
  g_assert_no_error (error);
  f->ram = dio_ram_new (MEMORY, "test", &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_ram_free (f->ram);
  g_assert_true (dio_file_remove_tree (dio_files_host (), AT_FDCWD, f->library, NULL));
  g_free (f->library);
  g_free (f->path);
}

static DioSnapshots *
open_tree (DioFiles *files, const char *path)
{
  g_autoptr (GError) error = NULL;
  DioSnapshots *tree = dio_snapshots_open (files, path, TRUE, &error);
  g_assert_no_error (error);
  return tree;
}

/* Everything becomes @number; then a snapshot called so. */
static char *
take (Fixture *f, DioSnapshots *tree, uint32_t number, DioSnapshotKind kind, GError **error)
{
  g_autofree char *name = g_strdup_printf ("%u", number);
  g_autoptr (GBytes) devices = g_bytes_new (name, strlen (name));
  g_autoptr (DioSnapshotTake) it = dio_snapshots_begin (tree, kind, name, "a note", error);
  if (!it || (kind != DIO_SNAPSHOT_SUSPEND && !dio_snapshot_take_disks (it, error)))
    return NULL;
  DioRamFreeze *freeze = dio_ram_freeze (f->ram, error);
  g_assert_nonnull (freeze);
  return dio_snapshot_take_finish (it, devices, freeze, MEMORY, NULL, NULL, NULL, NULL, error);
}

static char *
change_and_take (Fixture *f, DioSnapshots *tree, uint32_t number)
{
  g_autoptr (GError) error = NULL;
  set_disk (f->path, number);
  set_memory (f->ram, number);
  char *id = take (f, tree, number, DIO_SNAPSHOT_MANUAL, &error);
  g_assert_no_error (error);
  return id;
}

/* The snapshot's memory and disks are all of the number it is called by. */
static bool
is_whole (DioSnapshots *tree, const char *path, const DioSnapshotInfo *info)
{
  uint32_t number = (uint32_t) atoi (info->name);
  g_autofree char *folder = g_build_filename (path, DIO_SNAPSHOT_FOLDER, NULL);
  g_autofree char *name = g_strconcat (info->id, ".state", NULL);
  int dir = dio_file_open (dio_files_host (), AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
  g_autoptr (DioStateFile) state = dio_state_file_read (dio_files_host (), dir, name, NULL, NULL);
  dio_file_close (dio_files_host (), dir);
  GBytes *ram = state ? dio_state_file_get (state, DIO_STATE_RAM) : NULL;
  if (!ram || (info->disks->len && get_disk (folder, g_ptr_array_index (info->disks, 0)) != number))
    return false;
  DioStore *store = dio_snapshots_get_store (tree, NULL);
  DioVisitor *visitor = dio_visitor_new_load (ram);
  g_autoptr (DioRamMap) map = dio_ram_map_load (visitor, store, NULL, NULL);
  return dio_visitor_finish_load (visitor, NULL) && map && memory_is (map, store, number);
}

static guint
count_whole (DioSnapshots *tree, const char *path)
{
  g_autoptr (GPtrArray) list = dio_snapshots_list (tree);
  for (guint i = 0; i < list->len; i++)
    g_assert_true (is_whole (tree, path, g_ptr_array_index (list, i)));
  return list->len;
}

static void
test_tree (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  DioSnapshots *tree = open_tree (dio_files_host (), f->path);
  g_assert_null (dio_snapshots_get_current (tree));
  g_autofree char *one = change_and_take (f, tree, 1);
  g_autofree char *two = change_and_take (f, tree, 2);
  g_autofree char *three = change_and_take (f, tree, 3);
  g_assert_cmpuint (count_whole (tree, f->path), ==, 3);
  g_autoptr (DioSnapshotInfo) found = dio_snapshots_find (tree, "3", &error);
  g_assert_cmpstr (found->id, ==, three);
  g_assert_cmpstr (found->parent, ==, two);
  g_assert_cmpstr (found->note, ==, "a note");
  /* The third shares what did not change: nothing but its index and disk comes. */
  g_assert_cmpuint (found->stored, <, 3 * DISK);

  g_assert_true (dio_snapshots_revert (tree, one, &error));
  g_assert_cmpuint (get_disk (f->path, "disk0.raw"), ==, 1);
  DioSnapshotState state;
  g_assert_true (dio_snapshots_load_pending (tree, &state, &error));
  g_assert_cmpmem (g_bytes_get_data (state.devices, NULL), 1, "1", 1);
  g_assert_true (memory_is (state.map, dio_snapshots_get_store (tree, NULL), 1));
  dio_snapshot_state_clear (&state);
  g_assert_true (dio_snapshots_clear_pending (tree, &error));
  g_assert_true (dio_snapshots_load_pending (tree, &state, &error));
  g_assert_null (state.devices);

  /* A branch. */
  g_autofree char *four = change_and_take (f, tree, 4);
  dio_snapshots_unref (tree);
  tree = open_tree (dio_files_host (), f->path);
  g_autoptr (DioSnapshotInfo) branch = dio_snapshots_find (tree, four, &error);
  g_assert_cmpstr (branch->parent, ==, one);
  g_autofree char *current = dio_snapshots_get_current (tree);
  g_assert_cmpstr (current, ==, four);
  g_assert_cmpuint (count_whole (tree, f->path), ==, 4);

  /* Names. */
  g_assert_true (dio_snapshots_rename (tree, four, "Vierter", &error));
  g_assert_false (dio_snapshots_rename (tree, four, "a\nb", NULL));
  g_assert_true (dio_snapshots_set_note (tree, four, "", &error));
  g_autoptr (DioSnapshotInfo) renamed = dio_snapshots_find (tree, "vierter", &error);
  g_assert_null (renamed->note);
  g_assert_null (dio_snapshots_find (tree, "fünfter", NULL));
  g_assert_true (dio_snapshots_rename (tree, four, "4", &error));
  dio_snapshots_unref (tree);
}

/* In every order of three, with and without a change of mind. */
static void
test_delete (Fixture *f, gconstpointer data)
{
  static const unsigned orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                         { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
  for (unsigned order = 0; order < 6; order++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (DioSnapshots) tree = open_tree (dio_files_host (), f->path);
    char *ids[3];
    for (unsigned i = 0; i < 3; i++)
      ids[i] = change_and_take (f, tree, 10 * (order + 1) + i);
    for (unsigned i = 0; i < 3; i++) {
      guint64 freed;
      const char *id = ids[orders[order][i]];
      g_assert_true (dio_snapshots_delete (tree, id, &error));
      g_assert_cmpuint (count_whole (tree, f->path), ==, 2 - i);
      g_assert_true (dio_snapshots_undelete (tree, id, &error));
      g_assert_cmpuint (count_whole (tree, f->path), ==, 3 - i);
      g_assert_true (dio_snapshots_delete (tree, id, &error));
      g_assert_true (dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, &freed, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (count_whole (tree, f->path), ==, 2 - i);
    }
    for (unsigned i = 0; i < 3; i++)
      g_free (ids[i]);
  }
  /* The last one taken is kept while the machine runs; a new process has no need of it. */
  g_autoptr (DioSnapshots) tree = open_tree (dio_files_host (), f->path);
  g_assert_true (dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, NULL));
  DioStoreInfo info;
  dio_store_get_info (dio_snapshots_get_store (tree, NULL), &info);
  g_assert_cmpuint (info.packs, ==, 0);
}

static void
test_suspend (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  DioSnapshots *tree = open_tree (dio_files_host (), f->path);
  set_memory (f->ram, 5);
  g_free (take (f, tree, 5, DIO_SNAPSHOT_SUSPEND, &error));
  g_assert_no_error (error);
  dio_snapshots_unref (tree);
  tree = open_tree (dio_files_host (), f->path);
  g_assert_cmpuint (count_whole (tree, f->path), ==, 0);
  DioSnapshotKind kind = DIO_SNAPSHOT_MANUAL;
  g_autofree char *pending = dio_snapshots_get_pending (tree, &kind);
  g_assert_nonnull (pending);
  g_assert_cmpint (kind, ==, DIO_SNAPSHOT_SUSPEND);
  DioSnapshotState state;
  g_assert_true (dio_snapshots_load_pending (tree, &state, &error));
  g_assert_true (memory_is (state.map, dio_snapshots_get_store (tree, NULL), 5));
  g_assert_true (dio_snapshots_clear_pending (tree, &error));
  /* Its memory is in use still. */
  g_assert_true (dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, &error));
  g_assert_true (memory_is (state.map, dio_snapshots_get_store (tree, NULL), 5));
  dio_snapshot_state_clear (&state);
  dio_snapshots_unref (tree);
}

static void
test_prune (Fixture *f, gconstpointer data)
{
  g_autoptr (DioSnapshots) tree = open_tree (dio_files_host (), f->path);
  g_free (change_and_take (f, tree, 1));
  for (unsigned i = 2; i < 6; i++) {
    set_disk (f->path, i);
    set_memory (f->ram, i);
    g_free (take (f, tree, i, DIO_SNAPSHOT_AUTOMATIC, NULL));
  }
  g_assert_true (dio_snapshots_prune (tree, 2, NULL));
  g_assert_cmpuint (count_whole (tree, f->path), ==, 3);
  g_autoptr (DioSnapshotInfo) info = dio_snapshots_find (tree, "4", NULL);
  g_autoptr (DioSnapshotInfo) parent = dio_snapshots_find (tree, "1", NULL);
  g_assert_cmpstr (info->parent, ==, parent->id);
}

static void
test_clone (Fixture *f, gconstpointer linked)
{
  g_autoptr (GError) error = NULL;
  DioSnapshots *tree = open_tree (dio_files_host (), f->path);
  g_free (change_and_take (f, tree, 1));
  g_autofree char *two = change_and_take (f, tree, 2);
  g_free (change_and_take (f, tree, 3));
  g_autofree char *path =
      dio_snapshots_clone (tree, two, f->library, "Copy", linked != NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_null (
      dio_snapshots_clone (tree, two, f->library, "Copy", FALSE, NULL, NULL, NULL)); /* taken */
  dio_snapshots_unref (tree);
  /* It needs nothing of the first. */
  g_autofree char *folder = g_path_get_basename (f->path);
  int library = dio_file_open (dio_files_host (), AT_FDCWD, f->library, O_RDONLY | O_DIRECTORY, 0);
  g_assert_true (dio_file_remove_tree (dio_files_host (), library, folder, NULL));
  dio_file_close (dio_files_host (), library);

  g_autoptr (DioSnapshots) copy = open_tree (dio_files_host (), path);
  g_autoptr (DioManifest) manifest = dio_bundle_load (dio_files_host (), path, &error);
  g_assert_cmpstr (manifest->config->name, ==, "Copy");
  g_assert_cmpuint (get_disk (path, "disk0.raw"), ==, 2);
  g_assert_cmpuint (count_whole (copy, path), ==, 1);
  DioSnapshotState state;
  guint64 damaged;
  g_assert_true (dio_snapshots_load_pending (copy, &state, &error));
  g_assert_true (memory_is (state.map, dio_snapshots_get_store (copy, NULL), 2));
  dio_snapshot_state_clear (&state);
  g_assert_true (dio_snapshots_verify (copy, NULL, NULL, &damaged, &error));
  g_assert_cmpuint (damaged, ==, 0);
  g_assert_true (dio_snapshots_purge (copy, G_MAXINT64, NULL, NULL, NULL, &error));
  g_assert_cmpuint (count_whole (copy, path), ==, 1);
}

/* ---- Power cuts ---- */

enum {
  TAKEN_ONE = 1,
  TAKEN_TWO,
  REVERTED,
  TAKEN_THREE,
  DELETED,
  PURGED,
};

typedef struct {
  unsigned images;
} Cut;

/* What is there when the bundle is opened again. */
static void
check_cut_cb (const ReplayImage *image, void *data)
{
  Cut *cut = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (DioSnapshots) tree = dio_snapshots_open (dio_files_host (), image->root, TRUE, &error);
  if (!tree)
    g_error ("%s: %s", image->how, error->message);
  g_autoptr (GPtrArray) list = dio_snapshots_list (tree);
  for (guint i = 0; i < list->len; i++) {
    const DioSnapshotInfo *info = g_ptr_array_index (list, i);
    if (!is_whole (tree, image->root, info))
      g_error ("%s: snapshot %s is not whole", image->how, info->name);
  }
  /* How many there are at least and at most after each step. */
  static const unsigned at_least[] = { 0, 1, 2, 2, 2, 2, 2 };
  static const unsigned at_most[] = { 1, 2, 2, 3, 3, 2, 2 };
  if (list->len < at_least[image->acknowledged] || list->len > at_most[image->acknowledged])
    g_error ("%s: %u snapshots after step %u", image->how, list->len,
             (unsigned) image->acknowledged);
  /* A revert is a whole one or none. */
  g_autofree char *pending = dio_snapshots_get_pending (tree, NULL);
  if (pending) {
    g_autoptr (DioSnapshotInfo) info = dio_snapshots_find (tree, pending, NULL);
    if (!info || get_disk (image->root, "disk0.raw") != (uint32_t) atoi (info->name))
      g_error ("%s: the revert is not whole", image->how);
  }
  g_autoptr (DioManifest) manifest = dio_bundle_load (dio_files_host (), image->root, &error);
  if (!manifest)
    g_error ("%s: %s", image->how, error->message);
  cut->images++;
}

static void
test_power_cut (Fixture *f, gconstpointer data)
{
  Cut cut = { 0 };
  g_autoptr (GError) error = NULL;
  set_disk (f->path, 1);
  set_memory (f->ram, 1);
  FilesLog *log = files_log_new (dio_files_host (), f->path);
  DioSnapshots *tree = open_tree (&log->files, f->path);
  g_autofree char *one = take (f, tree, 1, DIO_SNAPSHOT_MANUAL, &error);
  files_log_mark (log, TAKEN_ONE);
  set_memory (f->ram, 2);
  set_disk_through (&log->files, f->path, 2);
  g_autofree char *two = take (f, tree, 2, DIO_SNAPSHOT_MANUAL, &error);
  g_assert_null (two ? NULL : error);
  files_log_mark (log, TAKEN_TWO);
  g_assert_true (dio_snapshots_revert (tree, one, &error));
  files_log_mark (log, REVERTED);
  g_assert_true (dio_snapshots_clear_pending (tree, &error));
  set_memory (f->ram, 3);
  set_disk_through (&log->files, f->path, 3);
  g_free (take (f, tree, 3, DIO_SNAPSHOT_MANUAL, &error));
  files_log_mark (log, TAKEN_THREE);
  g_assert_true (dio_snapshots_delete (tree, one, &error));
  files_log_mark (log, DELETED);
  g_assert_true (dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, &error));
  g_assert_no_error (error);
  files_log_mark (log, PURGED);
  dio_snapshots_unref (tree);
  replay_images (log, 3, 400, check_cut_cb, &cut);
  g_test_message ("%u crash images", cut.images);
  g_assert_cmpuint (cut.images, >, 250);
  files_log_free (log);
}

/* ---- Failing calls ---- */

/* A run of everything; each step may fail. */
static void
run_all (Fixture *f, DioFiles *files, GError **error)
{
  g_autoptr (DioSnapshots) tree = dio_snapshots_open (files, f->path, TRUE, error);
  g_autofree char *id = tree ? take (f, tree, 8, DIO_SNAPSHOT_MANUAL, error) : NULL;
  if (id && dio_snapshots_revert (tree, id, error) && dio_snapshots_clear_pending (tree, error)
      && dio_snapshots_delete (tree, id, error))
    dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, error);
}

static void
test_failing_calls (Fixture *f, gconstpointer data)
{
  static const int errors[] = { EIO, ENOSPC };
  static const FilesFailHow hows[] = { FILES_FAIL, FILES_FAIL_AFTER };
  FilesFail fail;
  files_fail_init (&fail, dio_files_host ());
  DioSnapshots *first = open_tree (dio_files_host (), f->path);
  g_free (change_and_take (f, first, 7));
  dio_snapshots_unref (first);
  set_disk (f->path, 8);
  set_memory (f->ram, 8);
  unsigned injected = 0;
  for (unsigned kind = 0; kind < 4; kind++)
    for (unsigned nth = 1;; nth += 1 + nth / 40) {
      fail.nth = nth;
      fail.count = fail.failed = 0;
      fail.error = errors[kind % 2];
      fail.how = hows[kind / 2];
      g_autoptr (GError) error = NULL;
      run_all (f, &fail.files, &error);
      fail.nth = 0;
      injected += fail.failed;
      /* The old one is whole, what else is listed as well, and the disk is one or the other. */
      g_autoptr (DioSnapshots) tree = open_tree (dio_files_host (), f->path);
      g_assert_cmpuint (count_whole (tree, f->path), >=, 1);
      g_assert_cmpuint (get_disk (f->path, "disk0.raw"), ==, 8);
      g_autoptr (GPtrArray) list = dio_snapshots_list (tree);
      for (guint i = 1; i < list->len; i++)
        g_assert_true (dio_snapshots_delete (
            tree, ((DioSnapshotInfo *) g_ptr_array_index (list, i))->id, NULL));
      g_assert_true (dio_snapshots_clear_pending (tree, NULL));
      if (!fail.failed)
        break;
    }
  g_test_message ("%u failures", injected);
  g_assert_cmpuint (injected, >, 100);
}

/* Trees that somebody made up. */
static void
test_hostile (Fixture *f, gconstpointer data)
{
  static const char *const texts[] = {
    "",
    "[]",
    "{\"version\": 2}",
    "{\"version\": 1, \"snapshots\": [1]}",
    "{\"version\": 1, \"snapshots\": [{\"id\": \"../x\", \"name\": \"a\"}]}",
    "{\"version\": 1, \"install\": [{\"from\": \"../../x\", \"to\": \"y\"}]}",
    "{\"version\": 1, \"install\": [{\"from\": \"x\", \"to\": \"a/b\"}]}",
    ("{\"version\": 1, \"snapshots\": [{\"id\": \"2b0f7d5c-6b0f-4d6e-9d4f-0c7c1c0f5d11\", "
     "\"name\": \"a\", \"disks\": [\"../../../etc/passwd\"]}]}"),
  };
  g_autofree char *folder = g_build_filename (f->path, DIO_SNAPSHOT_FOLDER, NULL);
  g_autofree char *file = g_build_filename (folder, "tree.json", NULL);
  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  for (unsigned i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_true (g_file_set_contents (file, texts[i], -1, NULL));
    g_assert_null (dio_snapshots_open (dio_files_host (), f->path, TRUE, &error));
    g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func, data)                                                                      \
  g_test_add ("/app/library/snapshot/" name, Fixture, data, set_up, func, tear_down)
  ADD ("tree", test_tree, NULL);
  ADD ("delete", test_delete, NULL);
  ADD ("suspend", test_suspend, NULL);
  ADD ("prune", test_prune, NULL);
  ADD ("clone/linked", test_clone, "linked");
  ADD ("clone/full", test_clone, NULL);
  ADD ("hostile", test_hostile, NULL);
  ADD ("power-cut", test_power_cut, NULL);
  ADD ("failing-calls", test_failing_calls, NULL);
#undef ADD
  return g_test_run ();
}
