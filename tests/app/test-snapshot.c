/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of a bundle's snapshots: the tree, going back, deleting in any order, clones; then the same
 * with the power cut at any moment and with each call failing. */
#include "app/library/library-snapshot.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/library/library-snapshot-private.h"
#include "core/backend/block/block-live.h"
#include "core/backend/block/qcow2.h"
#include "core/base/base-error.h"
#include "tests/support/files-fail.h"
#include "tests/support/replay.h"

#define MIB (UINT64_C (1) << 20)
#define MEMORY (64 * MIB)
#define USED (2 * MIB) /* of it, not zeros */
#define DISK (1 * MIB)
#define BLOCK (UINT64_C (32) << 10) /* 32 of them, one bit each */
#define STATES 1000

/* What a disk holds is the state of a number. */
static struct {
  uint32_t from, changed;
} states[STATES];

typedef struct {
  char *library;
  char *path;
  DioRam *ram;
} Fixture;

/* The disk as the machine has it now; what it holds is told by the number of its first block. */
static DioBlockNode *
open_disk (DioFiles *files, const char *path, DioBlockOpenFlags flags)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioSnapshots) tree = dio_snapshots_open (files, path, FALSE, &error);
  g_assert_no_error (error);
  g_autoptr (DioManifest) manifest = dio_bundle_load (files, path, &error);
  g_assert_no_error (error);
  g_autoptr (DioMachineConfig) config = dio_snapshots_prepare (tree, manifest, &error);
  g_assert_no_error (error);
  DioBlockNode *node =
      dio_disk_config_open (g_ptr_array_index (config->disks, 0), files, flags, &error);
  g_assert_no_error (error);
  return node;
}

/* Which number the block @block has in the state @number: each state changes a part of the one that
 * it came from. */
static uint32_t
writer_of (uint32_t number, unsigned block)
{
  while (block && states[number].from && !(states[number].changed >> block & 1))
    number = states[number].from;
  return number;
}

static uint32_t
word_of (uint32_t number, unsigned i)
{
  return writer_of (number, i * 4 / BLOCK) * 65536 + i / 128; /* the same in a sector */
}

/* The state that all of the disk has, or 0. */
static uint32_t
get_node (DioBlockNode *node)
{
  g_autofree uint32_t *words = g_malloc (DISK);
  if (node->size != DISK || dio_block_node_read (node, 0, words, DISK) < 0)
    return 0;
  uint32_t number = words[0] / 65536;
  for (unsigned i = 0; i < DISK / 4 && number && number < STATES; i++)
    if (words[i] != word_of (number, i))
      return 0;
  return number < STATES ? number : 0;
}

static uint32_t
get_disk (const char *path)
{
  g_autoptr (DioBlockNode) node = open_disk (dio_files_host (), path, DIO_BLOCK_OPEN_READONLY);
  return get_node (node);
}

/* The disk becomes @number: some blocks of it are written. */
static void
set_disk_through (DioFiles *files, const char *path, uint32_t number)
{
  uint32_t words[BLOCK / 4];
  DioBlockNode *node = open_disk (files, path, 0);
  states[number].from = get_node (node);
  states[number].changed = states[number].from ? number * UINT32_C (2654435761) | 1 : UINT32_MAX;
  for (unsigned block = 0; block < DISK / BLOCK; block++) {
    if (!(states[number].changed >> block & 1))
      continue;
    for (unsigned i = 0; i < BLOCK / 4; i++)
      words[i] = word_of (number, block * (BLOCK / 4) + i);
    g_assert_cmpint (dio_block_node_write (node, block * BLOCK, words, BLOCK), ==, 0);
  }
  g_assert_cmpint (dio_block_node_close (node), ==, 0);
}

static void
set_disk (const char *path, uint32_t number)
{
  set_disk_through (dio_files_host (), path, number);
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
  const char *format = g_strcmp0 (data, "qcow2") == 0 ? "qcow2" : "raw";
  memset (states, 0, sizeof states);
  g_autoptr (GError) error = NULL;
  g_autoptr (DioMachineConfig) config = dio_machine_config_new ();
  f->library = g_dir_make_tmp ("dio-snapshots-XXXXXX", NULL);
  config->name = g_strdup ("Tree");
  config->arch = DIO_ARCH_RISCV64;
  config->memory = MEMORY;
  f->path = dio_bundle_create (dio_files_host (), f->library, config, DISK, format, NULL, NULL,
                               NULL, &error);
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

/* A snapshot called @number; when the machine goes on before it is on the disk, that is done by
 * @go_on. */
static char *
take_with (Fixture *f, DioSnapshots *tree, uint32_t number, DioSnapshotKind kind,
           void (*go_on) (void *data), void *data, GError **error)
{
  g_autofree char *name = g_strdup_printf ("%u", number);
  g_autoptr (GBytes) devices = g_bytes_new (name, strlen (name));
  g_autoptr (DioSnapshotTake) it = dio_snapshots_begin (tree, kind, name, "a note", error);
  if (!it || (kind != DIO_SNAPSHOT_SUSPEND && !dio_snapshot_take_disks (it, error)))
    return NULL;
  DioRamFreeze *freeze = dio_ram_freeze (f->ram, error);
  g_assert_nonnull (freeze);
  if (go_on)
    go_on (data);
  return dio_snapshot_take_finish (it, devices, freeze, MEMORY, NULL, NULL, NULL, NULL, error);
}

static char *
take (Fixture *f, DioSnapshots *tree, uint32_t number, DioSnapshotKind kind, GError **error)
{
  return take_with (f, tree, number, kind, NULL, NULL, error);
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

static bool
disk_is (DioSnapshots *tree, const char *file, uint32_t number)
{
  g_autoptr (DioBlockNode) node = dio_snapshots_open_image (
      tree, tree->images, file, DIO_BLOCK_OPEN_READONLY | DIO_BLOCK_OPEN_UNLOCKED, NULL);
  return node && get_node (node) == number;
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
  if (!ram || (info->disks->len && !disk_is (tree, g_ptr_array_index (info->disks, 0), number)))
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

/* What the headers of overlays call the images below is where those are. */
static void
check_names (DioSnapshots *tree, const char *path, const char *how)
{
  g_autofree char *folder = g_build_filename (path, DIO_SNAPSHOT_FOLDER, NULL);
  for (guint i = 0; i < tree->images->len; i++) {
    const DioSnapshotImage *image = g_ptr_array_index (tree->images, i);
    struct statx status;
    g_autofree char *file = g_build_filename (path, image->file, NULL);
    int result = dio_file_stat (dio_files_host (), AT_FDCWD, file, AT_SYMLINK_NOFOLLOW, &status);
    if (!image->backing || result < 0 || status.stx_nlink > 1)
      continue;
    g_autofree char *name = dio_qcow2_peek_backing (dio_files_host (), file);
    g_autofree char *below = g_canonicalize_filename (name ? name : "", folder);
    g_autofree char *expected = g_build_filename (path, image->backing, NULL);
    if (strcmp (below, expected) != 0)
      g_error ("%s: %s names %s, and stands on %s", how, image->file, name, image->backing);
  }
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
  g_assert_cmpuint (get_disk (f->path), ==, 1);
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
      check_names (tree, f->path, "deleted");
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
  g_assert_false (state.again);
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
  g_assert_cmpuint (get_disk (path), ==, 2);
  g_assert_cmpuint (count_whole (copy, path), ==, 1);
  DioSnapshotState state;
  guint64 damaged;
  g_assert_true (dio_snapshots_load_pending (copy, &state, &error));
  g_assert_true (state.again);
  g_assert_true (memory_is (state.map, dio_snapshots_get_store (copy, NULL), 2));
  dio_snapshot_state_clear (&state);
  g_assert_true (dio_snapshots_verify (copy, NULL, NULL, &damaged, &error));
  g_assert_cmpuint (damaged, ==, 0);
  g_assert_true (dio_snapshots_purge (copy, G_MAXINT64, NULL, NULL, NULL, &error));
  g_assert_cmpuint (count_whole (copy, path), ==, 1);
}

/* ---- The generation ---- */

typedef struct {
  uint8_t id[DIO_GENERATION_BYTES];
} Generation;

/* What the machine of the bundle at @path gets when it starts. */
static Generation
generation_of (DioFiles *files, const char *path, gboolean writable, gboolean disposable)
{
  g_autoptr (GError) error = NULL;
  Generation generation;
  g_autoptr (DioSnapshots) tree = dio_snapshots_open (files, path, writable, &error);
  g_assert_no_error (error);
  g_autoptr (DioManifest) manifest = dio_bundle_load (dio_files_host (), path, &error);
  g_assert_no_error (error);
  g_autoptr (DioMachineConfig) config = dio_snapshots_prepare (tree, manifest, &error);
  g_assert_no_error (error);
  if (disposable) {
    g_assert_true (dio_snapshots_add_disposable (tree, config, &error));
    dio_snapshots_end_disposable (tree);
  }
  memcpy (generation.id, config->generation, sizeof generation.id);
  return generation;
}

static gboolean
same_generation (Generation a, Generation b)
{
  return memcmp (a.id, b.id, sizeof a.id) == 0;
}

static Generation
start_generation (const char *path)
{
  static const Generation none;
  Generation generation = generation_of (dio_files_host (), path, TRUE, FALSE);
  g_assert_false (same_generation (generation, none));
  /* It starts the next time with the same. */
  g_assert_true (
      same_generation (generation, generation_of (dio_files_host (), path, TRUE, FALSE)));
  return generation;
}

static void
run_tool (const char *tool, const char *from, const char *to)
{
  const char *argv[] = { tool, strcmp (tool, "cp") == 0 ? "-a" : "-T", from, to, NULL };
  int status;
  g_assert_true (g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                               NULL, &status, NULL));
  g_assert_cmpint (status, ==, 0);
}

/* It stays from start to start, wherever the bundle is moved to, and is never one that another
 * machine has, or this had before it went back. */
static void
test_generation (Fixture *f, gconstpointer data)
{
  static const Generation none;
  g_autoptr (GError) error = NULL;
  g_assert_true (same_generation (none, generation_of (dio_files_host (), f->path, FALSE, FALSE)));
  Generation first = start_generation (f->path);
  g_assert_true (same_generation (none, generation_of (dio_files_host (), f->path, TRUE, TRUE)));

  g_autofree char *moved = g_build_filename (f->library, "Moved.diorama", NULL);
  g_assert_cmpint (rename (f->path, moved), ==, 0);
  g_assert_true (same_generation (first, start_generation (moved)));
  g_assert_cmpint (rename (moved, f->path), ==, 0);
  run_tool ("cp", f->path, moved);
  g_assert_false (same_generation (first, start_generation (moved)));
  g_assert_true (same_generation (first, start_generation (f->path)));
  /* Of the copy, put where the other one was: back from a backup. */
  g_autofree char *file = g_build_filename (f->path, DIO_GENERATION_FILE, NULL);
  g_autofree char *backup = g_build_filename (f->library, "backup", NULL);
  run_tool ("cp", file, backup);
  run_tool ("mv", backup, file);
  Generation second = start_generation (f->path);
  g_assert_false (same_generation (first, second));
  /* Another identity in the same place. */
  g_assert_true (dio_bundle_renew_identity (dio_files_host (), f->path, &error));
  Generation third = start_generation (f->path);
  g_assert_false (same_generation (second, third));
  /* What is not ours is not taken. */
  g_assert_true (g_file_set_contents (file, "1 nonsense", -1, NULL));
  g_assert_false (same_generation (third, start_generation (f->path)));
}

static void
test_generation_back (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  Generation first = start_generation (f->path);
  DioSnapshots *tree = open_tree (dio_files_host (), f->path);
  g_autofree char *one = change_and_take (f, tree, 1);
  g_assert_true (same_generation (first, start_generation (f->path)));
  g_autofree char *linked =
      dio_snapshots_clone (tree, one, f->library, "Linked", TRUE, NULL, NULL, &error);
  g_autofree char *full =
      dio_snapshots_clone (tree, one, f->library, "Full", FALSE, NULL, NULL, &error);
  g_assert_no_error (error);
  Generation of_linked = start_generation (linked), of_full = start_generation (full);
  g_assert_false (same_generation (first, of_linked) || same_generation (first, of_full)
                  || same_generation (of_linked, of_full));
  g_assert_true (dio_snapshots_revert (tree, one, &error));
  Generation second = start_generation (f->path);
  g_assert_false (same_generation (first, second));
  g_assert_true (dio_snapshots_revert (tree, one, &error));
  g_assert_false (same_generation (second, start_generation (f->path)));
  dio_snapshots_unref (tree);
}

/* Where it cannot be kept, the machine starts with one that nobody has. */
static void
test_generation_fails (Fixture *f, gconstpointer data)
{
  static const Generation none;
  g_autofree char *file = g_build_filename (f->path, DIO_GENERATION_FILE, NULL);
  unsigned nth = 0;
  FilesFail fail;
  do {
    g_unlink (file);
    files_fail_init (&fail, dio_files_host ());
    fail.ops =
        FILES_OP (DIO_FILE_OP_WRITE) | FILES_OP (DIO_FILE_OP_SYNC) | FILES_OP (DIO_FILE_OP_RENAME);
    fail.error = ENOSPC;
    fail.nth = ++nth;
    Generation got = generation_of (&fail.files, f->path, TRUE, FALSE);
    g_assert_true (same_generation (got, none) == (fail.failed > 0));
  } while (fail.failed);
  g_assert_cmpuint (nth, ==, 5); /* each of the file and of the folder */
}

/* ---- The variables of firmware ---- */

static void
set_variables (Fixture *f, const char *text)
{
  g_autofree char *path = g_build_filename (f->path, DIO_BUNDLE_VARIABLES, NULL);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
assert_variables (const char *bundle, const char *text)
{
  g_autofree char *path = g_build_filename (bundle, DIO_BUNDLE_VARIABLES, NULL);
  g_autofree char *found = NULL;
  g_file_get_contents (path, &found, NULL, NULL);
  g_assert_cmpstr (found, ==, text);
}

static char *
take_off (DioSnapshots *tree, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioSnapshotTake) it =
      dio_snapshots_begin (tree, DIO_SNAPSHOT_MANUAL, name, NULL, &error);
  g_assert_true (dio_snapshot_take_disks (it, &error));
  char *id = dio_snapshot_take_finish (it, NULL, NULL, 0, NULL, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return id;
}

/* Of a machine that is off they are in its snapshots; of one that runs they are in its flash. */
static void
test_variables (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  DioSnapshots *tree = open_tree (dio_files_host (), f->path);
  g_autofree char *none = take_off (tree, "none");
  assert_variables (f->path, NULL);
  g_assert_true (dio_snapshots_revert (tree, none, &error));
  assert_variables (f->path, NULL);
  set_variables (f, "one");
  g_autofree char *one = take_off (tree, "one");
  set_variables (f, "two");
  g_autofree char *two = change_and_take (f, tree, 2);
  set_variables (f, "three");
  g_assert_true (dio_snapshots_revert (tree, two, &error));
  assert_variables (f->path, "three");
  g_assert_true (dio_snapshots_revert (tree, one, &error));
  assert_variables (f->path, "one");
  g_assert_true (dio_snapshots_revert (tree, none, &error));
  assert_variables (f->path, ""); /* erased */

  g_autofree char *copy =
      dio_snapshots_clone (tree, one, f->library, "Copy", FALSE, NULL, NULL, &error);
  g_assert_no_error (error);
  assert_variables (copy, "one");
  g_autofree char *empty =
      dio_snapshots_clone (tree, none, f->library, "Empty", FALSE, NULL, NULL, &error);
  g_assert_no_error (error);
  assert_variables (empty, NULL);
  dio_snapshots_unref (tree);
}

static DioMachineConfig *
prepare (DioSnapshots *tree, const char *path)
{
  g_autoptr (DioManifest) manifest = dio_bundle_load (dio_files_host (), path, NULL);
  return dio_snapshots_prepare (tree, manifest, NULL);
}

static void
write_and_look (DioMachineConfig *config, uint32_t before)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioBlockNode) node =
      dio_disk_config_open (g_ptr_array_index (config->disks, 0), dio_files_host (), 0, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (get_node (node), ==, before);
  g_assert_cmpint (dio_block_node_write_zeroes (node, 0, DISK, true), ==, 0);
  g_assert_cmpuint (get_node (node), ==, 0);
}

static guint
count_files (const char *path)
{
  g_autofree char *folder = g_build_filename (path, DIO_SNAPSHOT_FOLDER, NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint count = 0;
  while (dir && g_dir_read_name (dir))
    count++;
  return count;
}

/* Whether there were snapshots or not, and after a crash of it. */
static void
test_disposable (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  DioSnapshots *tree = open_tree (dio_files_host (), f->path);
  set_disk (f->path, 1);
  for (uint32_t round = 1; round < 4; round++) {
    guint before = count_files (f->path);
    DioMachineConfig *config = prepare (tree, f->path);
    g_assert_true (dio_snapshots_add_disposable (tree, config, &error));
    g_assert_cmpuint (count_files (f->path), ==, before + 1);
    write_and_look (config, round);
    /* Cleaning up meanwhile does not take it away. */
    dio_snapshots_set_running (tree, TRUE);
    g_assert_true (dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, &error));
    g_assert_cmpuint (count_files (f->path), ==, before + 1);
    dio_snapshots_set_running (tree, FALSE);
    if (round == 2) { /* a crash */
      dio_snapshots_unref (tree);
      tree = open_tree (dio_files_host (), f->path);
    } else {
      dio_snapshots_end_disposable (tree);
    }
    g_assert_cmpuint (count_files (f->path), ==, before);
    g_assert_cmpuint (get_disk (f->path), ==, round);
    dio_machine_config_free (config);
    g_free (change_and_take (f, tree, round + 1));
  }
  dio_snapshots_unref (tree);
}

/* A row of snapshots ends where the machine still starts, also for a run without keeping changes,
 * and a deleted one makes room. */
static void
test_long_row (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioSnapshots) tree = open_tree (dio_files_host (), f->path);
  g_autofree char *middle = NULL;
  uint32_t n;
  set_disk (f->path, 1);
  for (n = 1; n < 100; n++) {
    g_autofree char *id = take (f, tree, n, DIO_SNAPSHOT_MANUAL, &error);
    if (!id)
      break;
    if (n == 30)
      middle = g_steal_pointer (&id);
  }
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FULL);
  g_assert_nonnull (strstr (error->message, "delete some"));
  g_clear_error (&error);
  g_assert_cmpuint (n, ==, DIO_BLOCK_MAX_CHAIN - 1);
  g_assert_cmpuint (get_disk (f->path), ==, 1);
  g_autoptr (DioMachineConfig) config = prepare (tree, f->path);
  g_assert_true (dio_snapshots_add_disposable (tree, config, &error));
  write_and_look (config, 1);
  dio_snapshots_end_disposable (tree);

  g_assert_true (dio_snapshots_delete (tree, middle, &error));
  g_assert_true (dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, &error));
  g_free (change_and_take (f, tree, n));
  g_assert_cmpuint (get_disk (f->path), ==, n);
}

static char *
take_automatic (DioSnapshots *tree, const char *name, GError **error)
{
  g_autoptr (DioSnapshotTake) it =
      dio_snapshots_begin (tree, DIO_SNAPSHOT_AUTOMATIC, name, NULL, error);
  if (!it || !dio_snapshot_take_disks (it, error))
    return NULL;
  return dio_snapshot_take_finish (it, NULL, NULL, 0, NULL, NULL, NULL, NULL, error);
}

static guint
row_of (DioSnapshots *tree)
{
  const DioSnapshotDisk *disk = g_ptr_array_index (tree->disks, 0);
  return dio_snapshots_row_length (tree->images, disk->image);
}

static gboolean
has (DioSnapshots *tree, const char *id)
{
  g_autoptr (DioSnapshotInfo) info = dio_snapshots_find (tree, id, NULL);
  return info != NULL;
}

/* Nothing prunes, and yet those that are taken by themselves go on: the oldest of them make room,
 * but for what a person named or wrote about, and where it goes back to. */
static void
test_room (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioSnapshots) tree = open_tree (dio_files_host (), f->path);
  g_autofree char *hand = NULL, *named = NULL, *noted = NULL, *target = NULL, *plain = NULL;
  char **const kept[] = { &named, &noted, &target, &plain };
  set_disk (f->path, 1);
  hand = take (f, tree, 1, DIO_SNAPSHOT_MANUAL, &error);
  for (uint32_t i = 0; i < 150; i++) {
    set_disk (f->path, 2 + i);
    g_assert_true (dio_snapshots_make_room (tree, target, 1, NULL, NULL, &error));
    g_assert_no_error (error);
    g_assert_true (i < 61 ? row_of (tree) == i + 2 : row_of (tree) <= DIO_SNAPSHOT_MAX_ROW);
    g_autofree char *id = take_automatic (tree, NULL, &error);
    g_assert_no_error (error);
    if (i < G_N_ELEMENTS (kept))
      *kept[i] = g_steal_pointer (&id);
    if (i == 10) {
      g_assert_true (dio_snapshots_rename (tree, named, "Mine", &error));
      g_assert_true (dio_snapshots_set_note (tree, noted, "Why", &error));
    }
  }
  g_assert_true (has (tree, hand) && has (tree, named) && has (tree, noted) && has (tree, target));
  g_assert_false (has (tree, plain));
  g_assert_cmpuint (get_disk (f->path), ==, 151);
  g_assert_true (
      disk_is (tree, ((DioSnapshotDisk *) g_ptr_array_index (tree->disks, 0))->image, 151));
}

/* The schedule keeps no more of them than there is room for, and leaves some to people; what these
 * took, it does not touch. */
static void
test_row (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioSnapshots) tree = open_tree (dio_files_host (), f->path);
  set_disk (f->path, 1);
  for (uint32_t i = 1; i <= 20; i++)
    g_free (take (f, tree, i, DIO_SNAPSHOT_MANUAL, &error));
  for (uint32_t i = 0; i < 60; i++) {
    g_free (take_automatic (tree, NULL, &error));
    g_assert_no_error (error);
    g_assert_true (dio_snapshots_prune (tree, 100, &error));
    g_assert_true (dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, &error));
    g_assert_cmpuint (row_of (tree), <=, DIO_SNAPSHOT_ROW);
  }
  g_assert_cmpuint (row_of (tree), ==, DIO_SNAPSHOT_ROW);
  for (uint32_t i = 21; i <= 61; i++)
    g_free (take (f, tree, i, DIO_SNAPSHOT_MANUAL, NULL));
  /* The row is that of people now, but for the newest. */
  g_assert_true (dio_snapshots_prune (tree, 100, &error));
  g_assert_true (dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, &error));
  g_autoptr (GPtrArray) list = dio_snapshots_list (tree);
  guint by_hand = 0;
  for (guint i = 0; i < list->len; i++)
    by_hand += ((DioSnapshotInfo *) g_ptr_array_index (list, i))->kind == DIO_SNAPSHOT_MANUAL;
  g_assert_cmpuint (list->len - by_hand, >=, 1);
  g_assert_cmpuint (by_hand, >, 20);
}

/* What is taken by itself has numbers that go on although the older of them go. */
static void
test_numbers (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioSnapshots) tree = open_tree (dio_files_host (), f->path);
  for (unsigned i = 1; i < 6; i++) {
    g_autofree char *name = g_strdup_printf ("Automatic %u", i);
    g_autoptr (DioSnapshotTake) it =
        dio_snapshots_begin (tree, DIO_SNAPSHOT_AUTOMATIC, NULL, NULL, &error);
    g_assert_true (dio_snapshot_take_disks (it, &error));
    g_free (dio_snapshot_take_finish (it, NULL, NULL, 0, NULL, NULL, NULL, NULL, &error));
    g_assert_no_error (error);
    dio_snapshot_take_free (g_steal_pointer (&it));
    g_autoptr (DioSnapshotInfo) info = dio_snapshots_find (tree, name, &error);
    g_assert_no_error (error);
    g_assert_cmpint (info->kind, ==, DIO_SNAPSHOT_AUTOMATIC);
    g_assert_true (dio_snapshots_prune (tree, 1, &error));
    g_assert_true (dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, &error));
  }
}

/* What a running machine has open is not merged, and all of it is when the machine is off. */
static void
test_running (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioSnapshots) tree = open_tree (dio_files_host (), f->path);
  dio_snapshots_set_running (tree, TRUE);
  for (uint32_t i = 1; i < 5; i++) {
    g_autofree char *id = change_and_take (f, tree, i);
    g_assert_true (dio_snapshots_delete (tree, id, &error));
  }
  set_disk (f->path, 5);
  g_clear_pointer (&tree->tracked, g_free);
  g_assert_true (dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, &error));
  g_assert_cmpuint (tree->images->len, ==, 5);
  g_assert_false (dio_snapshots_can_merge (tree, FALSE));
  dio_snapshots_set_running (tree, FALSE);
  g_assert_true (dio_snapshots_can_merge (tree, FALSE));
  g_assert_true (dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, &error));
  g_assert_cmpuint (tree->images->len, ==, 0);
  g_assert_cmpuint (get_disk (f->path), ==, 5);
}

/* ---- Merging below the disk of a machine that runs ---- */

typedef struct {
  Fixture *f;
  DioSnapshots *tree;
  FilesLog *log; /* may be NULL */
  DioLoop *loop;
  DioPool *pool;
  DioBlock *block;
  GPtrArray *lent;
  unsigned calls; /* of the merge's progress */
  uint32_t number;
} Running;

static void
running_start (Running *running, Fixture *f, DioFiles *files, DioSnapshots *tree)
{
  g_autoptr (GError) error = NULL;
  *running = (Running){ .f = f, .tree = tree, .pool = dio_pool_new (2) };
  running->loop = dio_loop_new ("test", &error);
  running->block = dio_block_new (open_disk (files, f->path, 0), running->loop, running->pool);
  running->lent = g_ptr_array_new_with_free_func ((GDestroyNotify) dio_block_give_back);
  g_ptr_array_add (running->lent, dio_block_lend (running->block));
  dio_snapshots_set_running (tree, TRUE);
  dio_snapshots_lend (tree, running->lent);
}

static void
running_end (Running *running)
{
  dio_snapshots_lend (running->tree, NULL);
  dio_snapshots_set_running (running->tree, FALSE);
  g_ptr_array_unref (running->lent);
  dio_block_free (running->block);
  dio_loop_free (running->loop);
  dio_pool_free (running->pool);
}

static void
written_cb (DioBlockRequest *request, int result)
{
  g_assert_cmpint (result, ==, 0);
}

/* The guest writes as set_disk() does, and flushes. */
static void
running_write (Running *running, uint32_t number)
{
  uint32_t words[BLOCK / 4];
  struct iovec iov = { words, sizeof words };
  states[number].from = get_node (dio_block_get_node (running->block));
  g_assert_cmpuint (states[number].from, !=, 0);
  states[number].changed = number * UINT32_C (2654435761) | 1;
  for (unsigned block = 0; block <= DISK / BLOCK; block++) {
    DioBlockRequest request = { .op = DIO_BLOCK_FLUSH, .done = written_cb };
    if (block < DISK / BLOCK && !(states[number].changed >> block & 1))
      continue;
    for (unsigned i = 0; i < BLOCK / 4 && block < DISK / BLOCK; i++)
      words[i] = word_of (number, block * (BLOCK / 4) + i);
    if (block < DISK / BLOCK)
      request =
          (DioBlockRequest){ DIO_BLOCK_WRITE, block * BLOCK, BLOCK, &iov, 1, .done = written_cb };
    dio_block_submit (running->block, &request);
    dio_block_drain (running->block);
  }
}

/* The guest writes now and then while its images are merged. */
static bool
running_progress_cb (uint64_t done, uint64_t total, void *data)
{
  Running *running = data;
  if (running->calls++ % 4 != 1 || running->number + 1 >= STATES)
    return true;
  running_write (running, ++running->number);
  if (running->log)
    files_log_mark (running->log, running->number);
  return true;
}

/* Of a disk with three snapshots two go, in the middle and below; what is left are the third, which
 * took in the others, and the image that is written. */
static void
test_live (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioSnapshots) tree = open_tree (dio_files_host (), f->path);
  Running running;
  char *ids[4] = { NULL };
  for (uint32_t i = 1; i < 4; i++)
    ids[i] = change_and_take (f, tree, i);
  set_disk (f->path, 4);
  g_clear_pointer (&tree->tracked, g_free);
  running_start (&running, f, dio_files_host (), tree);
  running.number = 4;
  g_assert_false (dio_snapshots_can_merge (tree, TRUE));
  g_assert_true (dio_snapshots_delete (tree, ids[2], &error));
  g_assert_true (dio_snapshots_delete (tree, ids[1], &error));
  g_assert_true (
      dio_snapshots_purge (tree, G_MAXINT64, running_progress_cb, &running, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (running.number, >, 4);
  g_assert_cmpuint (tree->images->len, ==, 2);
  g_assert_false (dio_snapshots_can_merge (tree, TRUE));
  DioBlockNode *node = dio_block_get_node (running.block);
  g_assert_cmpuint (get_node (node), ==, running.number);
  g_assert_nonnull (node->backing);
  g_assert_null (node->backing->backing);
  g_assert_cmpuint (count_whole (tree, f->path), ==, 1);
  running_write (&running, ++running.number);
  uint32_t last = running.number;
  /* A machine with other images than the tree, as during a revert, is none to merge with. */
  set_memory (f->ram, last);
  g_free (take (f, tree, last, DIO_SNAPSHOT_MANUAL, &error));
  g_assert_no_error (error);
  g_assert_true (dio_snapshots_delete (tree, ids[3], &error));
  g_assert_true (dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, &error));
  g_assert_cmpuint (tree->images->len, ==, 3);
  running_end (&running);
  g_assert_cmpuint (get_disk (f->path), ==, last);
  g_assert_true (dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, &error));
  g_assert_cmpuint (tree->images->len, ==, 2);
  g_assert_cmpuint (get_disk (f->path), ==, last);
  g_assert_cmpuint (count_whole (tree, f->path), ==, 1);
  for (unsigned i = 1; i < 4; i++)
    g_free (ids[i]);
}

/* Room is made below a guest that writes, so that what is taken by itself goes on while it runs. */
static void
test_live_room (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioSnapshots) tree = open_tree (dio_files_host (), f->path);
  Running running;
  set_disk (f->path, 1);
  g_autofree char *hand = take (f, tree, 1, DIO_SNAPSHOT_MANUAL, &error);
  g_clear_pointer (&tree->tracked, g_free);
  for (uint32_t number = 2; number <= 4; number++) {
    while (row_of (tree) <= DIO_SNAPSHOT_MAX_ROW) {
      g_free (take_automatic (tree, NULL, &error));
      g_assert_no_error (error);
    }
    set_disk (f->path, number);
    g_assert_null (take_automatic (tree, NULL, &error));
    g_assert_error (error, DIO_ERROR, DIO_ERROR_FULL);
    g_clear_error (&error);
    running_start (&running, f, dio_files_host (), tree);
    running.number = number + 4;
    running_write (&running, running.number);
    g_assert_true (dio_snapshots_make_room (tree, NULL, 1, running_progress_cb, &running, &error));
    g_assert_no_error (error);
    g_assert_cmpuint (running.number, >, number + 4);
    g_assert_cmpuint (row_of (tree), <=, DIO_SNAPSHOT_MAX_ROW);
    guint images = 0;
    for (DioBlockNode *node = dio_block_get_node (running.block); node; node = node->backing)
      images++;
    g_assert_cmpuint (images, ==, row_of (tree));
    g_assert_cmpuint (get_node (dio_block_get_node (running.block)), ==, running.number);
    g_free (take_automatic (tree, NULL, &error));
    g_assert_no_error (error);
    uint32_t last = running.number;
    running_end (&running);
    g_assert_cmpuint (get_disk (f->path), ==, last);
    g_assert_true (has (tree, hand));
    set_disk (f->path, number); /* of which the next begins */
  }
}

/* Other programs follow the names in the images, and find what Diorama finds: with the machine off,
 * and after a merge below an image that was written meanwhile. */
static void
check_by_qemu (DioSnapshots *tree, const char *path, uint32_t number)
{
  g_autofree char *file = g_build_filename (
      path, ((DioSnapshotDisk *) g_ptr_array_index (tree->disks, 0))->image, NULL);
  g_autofree char *raw = g_build_filename (path, "qemu.raw", NULL);
  const char *const argv[] = { "qemu-img", "convert", "-O", "raw", file, raw, NULL };
  int status;
  g_assert_true (g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                               NULL, &status, NULL));
  g_assert_cmpint (status, ==, 0);
  g_autoptr (DioBlockNode) node =
      dio_block_node_open (dio_files_host (), raw, "raw", DIO_BLOCK_OPEN_READONLY, NULL, NULL);
  g_assert_nonnull (node);
  g_assert_cmpuint (get_node (node), ==, number);
}

static void
test_names (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *qemu = g_find_program_in_path ("qemu-img");
  g_autoptr (DioSnapshots) tree = open_tree (dio_files_host (), f->path);
  Running running;
  char *ids[5] = { NULL };
  g_assert_nonnull (qemu);
  for (uint32_t i = 1; i < 5; i++)
    ids[i] = change_and_take (f, tree, i);
  set_disk (f->path, 5);
  g_clear_pointer (&tree->tracked, g_free);
  check_by_qemu (tree, f->path, 5);
  g_assert_true (dio_snapshots_delete (tree, ids[2], &error));
  g_assert_true (dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, &error));
  g_assert_cmpuint (tree->images->len, ==, 4);
  check_names (tree, f->path, "merged");
  check_by_qemu (tree, f->path, 5);
  running_start (&running, f, dio_files_host (), tree);
  running.number = 5;
  g_assert_true (dio_snapshots_delete (tree, ids[3], &error));
  g_assert_true (dio_snapshots_delete (tree, ids[1], &error));
  g_assert_true (
      dio_snapshots_purge (tree, G_MAXINT64, running_progress_cb, &running, NULL, &error));
  g_assert_cmpuint (tree->images->len, ==, 2);
  g_assert_cmpuint (running.number, >, 5);
  uint32_t last = running.number;
  running_end (&running);
  check_names (tree, f->path, "merged live");
  check_by_qemu (tree, f->path, last);
  for (unsigned i = 1; i < 5; i++)
    g_free (ids[i]);
}

typedef struct {
  DioSnapshots *tree;
  GThread *thread;
} Taker;

static gpointer
begin_thread (gpointer data)
{
  Taker *taker = data;
  g_autoptr (GError) error = NULL;
  DioSnapshotTake *it =
      dio_snapshots_begin (taker->tree, DIO_SNAPSHOT_AUTOMATIC, "meanwhile", NULL, &error);
  g_assert_no_error (error);
  return it;
}

static guint
count_waiting (DioSnapshots *tree)
{
  pthread_mutex_lock (&tree->lock);
  guint n = tree->n_waiting;
  pthread_mutex_unlock (&tree->lock);
  return n;
}

static bool
take_meanwhile_cb (uint64_t done, uint64_t total, void *data)
{
  Taker *taker = data;
  if (taker->thread)
    return true;
  taker->thread = g_thread_new ("take", begin_thread, taker);
  while (!count_waiting (taker->tree))
    g_thread_yield ();
  return true;
}

/* A long sweep makes room for who wants to take a snapshot, and is finished later. */
static void
test_sweep_gives_way (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioSnapshots) tree = open_tree (dio_files_host (), f->path);
  DioStore *store = dio_snapshots_get_store (tree, NULL);
  Taker taker = { tree, NULL };
  DioStoreInfo info;
  for (uint32_t i = 1; i < 5; i++) {
    g_autofree char *id = change_and_take (f, tree, i);
    g_assert_true (dio_snapshots_delete (tree, id, &error));
  }
  g_clear_pointer (&tree->tracked, g_free);
  g_assert_true (dio_snapshots_purge (tree, G_MAXINT64, take_meanwhile_cb, &taker, NULL, &error));
  g_assert_no_error (error);
  g_assert_nonnull (taker.thread);
  DioSnapshotTake *it = g_thread_join (taker.thread);
  dio_store_get_info (store, &info);
  g_assert_cmpuint (info.packs, >=, 3); /* the first one may be gone */
  g_assert_true (dio_snapshots_can_merge (tree, FALSE));
  dio_snapshot_take_free (it);
  g_assert_true (dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, &error));
  dio_store_get_info (store, &info);
  g_assert_cmpuint (info.packs, ==, 0);
  g_assert_false (dio_snapshots_can_merge (tree, FALSE));
}

/* Weeks of snapshots by schedule, of which three are kept, while the machine never stops. */
static void
test_schedule (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioSnapshots) tree = open_tree (dio_files_host (), f->path);
  set_disk (f->path, 1);
  set_memory (f->ram, 1);
  Running running;
  running_start (&running, f, dio_files_host (), tree);
  running.number = 1;
  for (unsigned i = 0; i < 100; i++) {
    g_autofree char *name = g_strdup_printf ("%u", running.number);
    g_autoptr (GBytes) devices = g_bytes_new (name, strlen (name));
    set_memory (f->ram, running.number);
    g_autoptr (DioSnapshotTake) it =
        dio_snapshots_begin (tree, DIO_SNAPSHOT_AUTOMATIC, name, NULL, &error);
    g_assert_no_error (error);
    guint n;
    DioBlockNode *node = dio_block_get_node (running.block);
    DioBlockNode *top =
        dio_block_node_open (dio_files_host (), dio_snapshot_take_get_overlays (it, &n)[0], "qcow2",
                             DIO_BLOCK_OPEN_KEEP, node, &error);
    g_assert_no_error (error);
    g_assert_true (dio_snapshot_take_disks (it, &error));
    dio_block_node_seal (node);
    dio_block_set_node (running.block, top);
    DioRamFreeze *freeze = dio_ram_freeze (f->ram, &error);
    g_free (dio_snapshot_take_finish (it, devices, freeze, MEMORY, NULL, NULL, NULL, NULL, &error));
    g_assert_no_error (error);
    dio_snapshot_take_free (g_steal_pointer (&it));
    g_assert_true (dio_snapshots_prune (tree, 3, &error));
    g_assert_true (
        dio_snapshots_purge (tree, G_MAXINT64, running_progress_cb, &running, NULL, &error));
    g_assert_no_error (error);
    running_write (&running, ++running.number);
    g_assert_cmpuint (tree->images->len, <=, 5);
  }
  g_assert_cmpuint (count_whole (tree, f->path), ==, 3);
  uint32_t last = running.number;
  running_end (&running);
  g_assert_cmpuint (get_disk (f->path), ==, last);
}

/* A tree from before there were overlays: each disk is a whole copy. */
static void
test_old_version (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  DioSnapshots *tree = open_tree (dio_files_host (), f->path);
  g_autofree char *id = change_and_take (f, tree, 1);
  dio_snapshots_unref (tree);
  int fd = dio_file_open (dio_files_host (), AT_FDCWD, f->path, O_RDONLY | O_DIRECTORY, 0);
  g_autofree char *disk = g_build_filename (f->path, "disk0.raw", NULL);
  g_autofree char *copy = g_strdup_printf ("snapshots/%s-disk0.disk", id);
  g_autofree char *text = g_strdup_printf (
      "{\"version\": 1, \"current\": \"%s\", \"snapshots\": [{\"id\": \"%s\", \"name\": \"1\", "
      "\"memory\": %u, \"disks\": [\"%s-disk0.disk\"]}]}",
      id, id, (unsigned) MEMORY, id);
  g_assert_true (dio_file_copy (dio_files_host (), disk, fd, copy, NULL, NULL, &error));
  g_autofree char *file = g_build_filename (f->path, "snapshots", "tree.json", NULL);
  g_assert_true (g_file_set_contents (file, text, -1, &error));
  dio_file_close (dio_files_host (), fd);

  set_disk (f->path, 2); /* into the file itself, as that version did */
  tree = open_tree (dio_files_host (), f->path);
  g_assert_cmpuint (count_whole (tree, f->path), ==, 1);
  g_free (change_and_take (f, tree, 3));
  g_assert_true (dio_snapshots_revert (tree, id, &error));
  g_assert_cmpuint (get_disk (f->path), ==, 1);
  g_assert_true (dio_snapshots_clear_pending (tree, &error));
  g_assert_cmpuint (count_whole (tree, f->path), ==, 2);
  dio_snapshots_unref (tree);
}

/* ---- Power cuts ---- */

enum {
  TAKEN_ONE = 1,
  WRITTEN_TWO,
  TAKEN_TWO,
  REVERTED,
  WRITTEN_THREE,
  WRITTEN_FOUR, /* while the third is taken */
  TAKEN_THREE,
  CLONED,
  DELETED_ONE,
  PURGED_ONE,
  DELETED_TWO,
  PURGED_TWO,
  DELETED_THREE,
  PURGED_THREE,
  COMPACTED,
  N_STEPS,
};

/* After each step: how many snapshots there are, and what the disk holds. Until the next step it is
 * that one's. */
/* clang-format off */
static const struct {
  unsigned snapshots;
  uint32_t disk;
} steps[N_STEPS] = {
  [0] = { 0, 1 },
  [TAKEN_ONE] = { 1, 1 },
  [WRITTEN_TWO] = { 1, 2 },
  [TAKEN_TWO] = { 2, 2 },
  [REVERTED] = { 2, 1 },
  [WRITTEN_THREE] = { 2, 3 },
  [WRITTEN_FOUR] = { 2, 4 },
  [TAKEN_THREE] = { 3, 4 },
  [CLONED] = { 3, 4 },
  [DELETED_ONE] = { 2, 4 },
  [PURGED_ONE] = { 2, 4 },
  [DELETED_TWO] = { 1, 4 },
  [PURGED_TWO] = { 1, 4 },
  [DELETED_THREE] = { 0, 4 },
  [PURGED_THREE] = { 0, 4 },
  [COMPACTED] = { 0, 4 },
};
/* clang-format on */

typedef struct {
  unsigned images, clones, judged;
  uint32_t last;      /* state of the disk */
  unsigned qemu_each; /* every so many images are judged by qemu-img too; 0: none is */
} Cut;

/* Each sector is of one state or the other. */
static bool
is_between (DioBlockNode *node, uint32_t a, uint32_t b)
{
  g_autofree uint32_t *words = g_malloc (DISK);
  if (node->size != DISK || dio_block_node_read (node, 0, words, DISK) < 0)
    return false;
  for (unsigned i = 0; i < DISK / 4; i++)
    if (words[i] != word_of (a, i) && words[i] != word_of (b, i))
      return false;
  return true;
}

static void
judge_by_qemu (const char *file, const char *how)
{
  g_autofree char *json = g_strdup_printf (
      "json:{\"driver\":\"qcow2\",\"backing\":null,\"file\":{\"driver\":\"file\",\"filename\":"
      "\"%s\"}}",
      file);
  const char *const argv[] = { "qemu-img", "check", json, NULL };
  g_autofree char *output = NULL;
  int status = 0;
  g_assert_true (g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output,
                               NULL, &status, NULL));
  /* Clusters that are only lost are all that there may be. */
  if (status != 0 && (!WIFEXITED (status) || WEXITSTATUS (status) != 3))
    g_error ("%s: qemu-img check of %s: %d\n%s", how, file, status, output);
}

static void
judge_images (DioSnapshots *tree, const char *path, const char *how)
{
  for (guint i = 0; i < tree->images->len; i++) {
    const DioSnapshotImage *image = g_ptr_array_index (tree->images, i);
    g_autofree char *file = g_build_filename (path, image->file, NULL);
    if (strcmp (image->format, "qcow2") == 0)
      judge_by_qemu (file, how);
  }
}

/* All snapshots are what they were; returns how many there are. */
static unsigned
judge_snapshots (DioSnapshots *tree, const char *path, const char *how)
{
  g_autoptr (GPtrArray) list = dio_snapshots_list (tree);
  for (guint i = 0; i < list->len; i++) {
    const DioSnapshotInfo *info = g_ptr_array_index (list, i);
    if (!is_whole (tree, path, info))
      g_error ("%s: snapshot %s is not whole", how, info->name);
  }
  return list->len;
}

static void
judge_disk (const char *path, uint32_t a, uint32_t b, const char *how)
{
  g_autoptr (DioBlockNode) node = open_disk (dio_files_host (), path, DIO_BLOCK_OPEN_READONLY);
  if (!is_between (node, a, b))
    g_error ("%s: the disk is neither %u nor %u", how, a, b);
}

/* @a and @b: what the disk may hold. */
static unsigned
judge_bundle (Cut *cut, const char *path, uint32_t a, uint32_t b, const char *how)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioSnapshots) tree = dio_snapshots_open (dio_files_host (), path, TRUE, &error);
  if (!tree)
    g_error ("%s: %s", how, error->message);
  if (cut->qemu_each && cut->images % cut->qemu_each == 0) {
    judge_images (tree, path, how);
    cut->judged++;
  }
  unsigned count = judge_snapshots (tree, path, how);
  judge_disk (path, a, b, how);
  /* A revert is a whole one or none. */
  g_autofree char *pending = dio_snapshots_get_pending (tree, NULL);
  if (pending) {
    g_autoptr (DioSnapshotInfo) info = dio_snapshots_find (tree, pending, NULL);
    if (!info || get_disk (path) != (uint32_t) atoi (info->name))
      g_error ("%s: the revert is not whole", how);
  }
  /* What was interrupted is done again, and changes nothing. */
  if (tree->dir_fd >= 0 && !dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, &error))
    g_error ("%s: %s", how, error->message);
  g_assert_cmpuint (judge_snapshots (tree, path, how), ==, count);
  judge_disk (path, a, b, how);
  check_names (tree, path, how);
  return count;
}

/* What is there when the library is opened again. */
static void
check_cut_cb (const ReplayImage *image, void *data)
{
  Cut *cut = data;
  guint64 step = image->acknowledged, next = MIN (step + 1, N_STEPS - 1);
  g_autofree char *path = g_build_filename (image->root, "Tree.diorama", NULL);
  g_autofree char *copy = g_build_filename (image->root, "Copy.diorama", NULL);
  unsigned count = judge_bundle (cut, path, steps[step].disk, steps[next].disk, image->how);
  if (count < MIN (steps[step].snapshots, steps[next].snapshots)
      || count > MAX (steps[step].snapshots, steps[next].snapshots))
    g_error ("%s: %u snapshots after step %u", image->how, count, (unsigned) step);
  bool has_copy = g_file_test (copy, G_FILE_TEST_EXISTS);
  if (has_copy && judge_bundle (cut, copy, 2, 2, image->how) != 1)
    g_error ("%s: the copy has no snapshot", image->how);
  if (!has_copy && step >= CLONED)
    g_error ("%s: the copy is gone", image->how);
  cut->clones += has_copy;
  cut->images++;
}

typedef struct {
  Fixture *f;
  FilesLog *log;
} GoOn;

static void
write_four_cb (void *data)
{
  GoOn *go_on = data;
  set_disk_through (&go_on->log->files, go_on->f->path, 4);
  files_log_mark (go_on->log, WRITTEN_FOUR);
}

/* A step of each kind. */
static void
do_all (Fixture *f, FilesLog *log, const char *format, gboolean linked)
{
  g_autoptr (GError) error = NULL;
  DioFiles *files = &log->files;
  DioSnapshots *tree = open_tree (files, f->path);
  set_memory (f->ram, 1);
  g_autofree char *one = take (f, tree, 1, DIO_SNAPSHOT_MANUAL, &error);
  g_assert_no_error (error);
  files_log_mark (log, TAKEN_ONE);
  set_memory (f->ram, 2);
  set_disk_through (files, f->path, 2);
  files_log_mark (log, WRITTEN_TWO);
  g_autofree char *two = take (f, tree, 2, DIO_SNAPSHOT_MANUAL, &error);
  g_assert_no_error (error);
  files_log_mark (log, TAKEN_TWO);
  g_assert_true (dio_snapshots_revert (tree, one, &error));
  files_log_mark (log, REVERTED);
  g_assert_true (dio_snapshots_clear_pending (tree, &error));
  set_memory (f->ram, 3);
  set_disk_through (files, f->path, 3);
  files_log_mark (log, WRITTEN_THREE);
  GoOn go_on = { f, log };
  g_autofree char *three =
      take_with (f, tree, 3, DIO_SNAPSHOT_MANUAL, write_four_cb, &go_on, &error);
  g_assert_no_error (error);
  files_log_mark (log, TAKEN_THREE);
  g_free (dio_snapshots_clone (tree, two, f->library, "Copy", linked, NULL, NULL, &error));
  g_assert_no_error (error);
  files_log_mark (log, CLONED);
  const char *const ids[] = { one, two, three };
  for (unsigned i = 0; i < 3; i++) {
    g_assert_true (dio_snapshots_delete (tree, ids[i], &error));
    files_log_mark (log, DELETED_ONE + 2 * i);
    /* As a machine that is off: what it came from is not needed for its memory. */
    g_clear_pointer (&tree->tracked, g_free);
    g_assert_true (dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, &error));
    g_assert_no_error (error);
    files_log_mark (log, PURGED_ONE + 2 * i);
  }
  g_assert_cmpuint (tree->images->len, ==, 0); /* the disk is one file again */
  g_assert_cmpuint (tree->disks->len, ==, 0);
  dio_snapshots_unref (tree);
  g_autofree char *disk = g_strconcat (f->path, "/disk0.", format, NULL);
  g_assert_true (dio_block_compact (files, disk, format, NULL, NULL, &error));
  files_log_mark (log, COMPACTED);
}

static void
test_power_cut (Fixture *f, gconstpointer data)
{
  const char *text = g_getenv ("CRASH_IMAGES");
  Cut cut = { .qemu_each = text ? 1 : 16 };
  g_autofree char *qemu = g_find_program_in_path ("qemu-img");
  if (!qemu)
    cut.qemu_each = 0;
  set_disk (f->path, 1);
  FilesLog *log = files_log_new (dio_files_host (), f->library);
  do_all (f, log, data, g_str_has_suffix (g_test_get_path (), "linked"));
  replay_images (log, text ? g_test_rand_int () : 3, text ? (unsigned) atoi (text) : 200,
                 check_cut_cb, &cut);
  g_test_message ("%u crash images, %u with the clone, %u judged by qemu-img too", cut.images,
                  cut.clones, cut.judged);
  g_assert_cmpuint (cut.images, >, 150);
  g_assert_cmpuint (cut.clones, >, 20);
  files_log_free (log);
}

/* The power is cut while images are merged below a disk that is written. */
static void
check_live_cut_cb (const ReplayImage *image, void *data)
{
  Cut *cut = data;
  uint32_t number = image->acknowledged ? (uint32_t) image->acknowledged : 4;
  g_autofree char *path = g_build_filename (image->root, "Tree.diorama", NULL);
  unsigned count = judge_bundle (cut, path, number, MIN (number + 1, cut->last), image->how);
  if (count < 1 || count > 3 || (image->acknowledged && count != 1))
    g_error ("%s: %u snapshots", image->how, count);
  cut->images++;
}

static void
test_live_power_cut (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  const char *text = g_getenv ("CRASH_IMAGES");
  g_autofree char *qemu = g_find_program_in_path ("qemu-img");
  Cut cut = { .qemu_each = !qemu ? 0 : text ? 1 : 16 };
  char *ids[4] = { NULL };
  DioSnapshots *tree = open_tree (dio_files_host (), f->path);
  for (uint32_t i = 1; i < 4; i++)
    ids[i] = change_and_take (f, tree, i);
  dio_snapshots_unref (tree);
  set_disk (f->path, 4);

  FilesLog *log = files_log_new (dio_files_host (), f->library);
  tree = open_tree (&log->files, f->path);
  Running running;
  running_start (&running, f, &log->files, tree);
  running.log = log;
  running.number = 4;
  g_assert_true (dio_snapshots_delete (tree, ids[2], &error));
  g_assert_true (dio_snapshots_delete (tree, ids[1], &error));
  files_log_mark (log, 4);
  g_assert_true (
      dio_snapshots_purge (tree, G_MAXINT64, running_progress_cb, &running, NULL, &error));
  g_assert_cmpuint (tree->images->len, ==, 2);
  running_write (&running, ++running.number);
  files_log_mark (log, running.number);
  cut.last = running.number;
  running_end (&running);
  dio_snapshots_unref (tree);
  replay_images (log, text ? g_test_rand_int () : 3, text ? (unsigned) atoi (text) : 200,
                 check_live_cut_cb, &cut);
  g_test_message ("%u crash images, %u judged by qemu-img too", cut.images, cut.judged);
  g_assert_cmpuint (cut.images, >, 100);
  files_log_free (log);
  for (unsigned i = 1; i < 4; i++)
    g_free (ids[i]);
}

/* ---- Failing calls ---- */

/* A run of everything; each step may fail. */
static void
run_all (Fixture *f, DioFiles *files, GError **error)
{
  g_autoptr (DioSnapshots) tree = dio_snapshots_open (files, f->path, TRUE, error);
  g_autofree char *id = tree ? take (f, tree, 8, DIO_SNAPSHOT_MANUAL, error) : NULL;
  if (!id || !dio_snapshots_revert (tree, id, error) || !dio_snapshots_clear_pending (tree, error))
    return;
  g_autofree char *copy =
      dio_snapshots_clone (tree, id, f->library, "Copy", TRUE, NULL, NULL, error);
  g_clear_pointer (&tree->tracked, g_free); /* no memory of a running machine comes from it */
  if (copy && dio_snapshots_delete (tree, id, error))
    dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, error);
}

/* Whether the tree has moved is known, however the revert fails: a running machine depends on it.
 */
static void
test_failing_revert (Fixture *f, gconstpointer data)
{
  static const FilesFailHow hows[] = { FILES_FAIL, FILES_FAIL_AFTER };
  unsigned moved = 0, stayed = 0;
  FilesFail fail;
  files_fail_init (&fail, dio_files_host ());
  g_autoptr (DioSnapshots) first = open_tree (dio_files_host (), f->path);
  g_autofree char *one = change_and_take (f, first, 1);
  for (unsigned kind = 0; kind < G_N_ELEMENTS (hows); kind++)
    for (unsigned nth = 1;; nth++) {
      g_autoptr (DioSnapshots) tree = open_tree (&fail.files, f->path);
      fail = (FilesFail){ .files = fail.files, .nth = nth, .error = EIO, .how = hows[kind] };
      gboolean good = dio_snapshots_revert (tree, one, NULL);
      fail.nth = 0;
      gboolean may = dio_snapshots_may_start_from (tree, one);
      dio_snapshots_unref (g_steal_pointer (&tree));
      tree = open_tree (dio_files_host (), f->path);
      g_autofree char *pending = dio_snapshots_get_pending (tree, NULL);
      g_assert_true (may == (pending != NULL));
      g_assert_true (!good || pending);
      moved += !good && may;
      stayed += !may;
      g_assert_true (dio_snapshots_clear_pending (tree, NULL));
      if (!fail.failed)
        break;
    }
  g_test_message ("%u failures before the commit, %u behind it", stayed, moved);
  g_assert_cmpuint (moved, >=, 2);
  g_assert_cmpuint (stayed, >, 5);
}

/* A clone that there is has all of its disk. */
static void
check_clone (Fixture *f)
{
  g_autofree char *copy = g_build_filename (f->library, "Copy.diorama", NULL);
  if (!g_file_test (copy, G_FILE_TEST_EXISTS))
    return;
  g_assert_cmpuint (get_disk (copy), ==, 8);
  g_assert_true (dio_file_remove_tree (dio_files_host (), AT_FDCWD, copy, NULL));
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
      g_assert_cmpuint (get_disk (f->path), ==, 8);
      check_clone (f);
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
    "{\"version\": 3}",
    "{\"version\": 1, \"snapshots\": [1]}",
    "{\"version\": 1, \"snapshots\": [{\"id\": \"../x\", \"name\": \"a\"}]}",
    "{\"version\": 1, \"install\": [{\"from\": \"../../x\", \"to\": \"y\"}]}",
    "{\"version\": 1, \"install\": [{\"from\": \"x\", \"to\": \"a/b\"}]}",
    ("{\"version\": 1, \"snapshots\": [{\"id\": \"2b0f7d5c-6b0f-4d6e-9d4f-0c7c1c0f5d11\", "
     "\"name\": \"a\", \"disks\": [\"../../../etc/passwd\"]}]}"),
    ("{\"version\": 2, \"snapshots\": [{\"id\": \"2b0f7d5c-6b0f-4d6e-9d4f-0c7c1c0f5d11\", "
     "\"name\": \"a\", \"disks\": [\"disk0.raw\"]}]}"), /* nothing is said of it */
    "{\"version\": 2, \"images\": [{\"file\": \"/etc/passwd\", \"format\": \"raw\"}]}",
    "{\"version\": 2, \"images\": [{\"file\": \"snapshots/../x\", \"format\": \"raw\"}]}",
    "{\"version\": 2, \"images\": [{\"file\": \"x\", \"format\": \"magic\"}]}",
    "{\"version\": 2, \"images\": [{\"file\": \"x\", \"format\": \"raw\", \"backing\": \"x\"}]}",
    ("{\"version\": 2, \"images\": [{\"file\": \"x\", \"format\": \"raw\"}, {\"file\": \"x\", "
     "\"format\": \"raw\"}]}"),
    "{\"version\": 2, \"disks\": [{\"path\": \"x\", \"image\": \"x\"}]}",
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
  if (g_access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", FALSE);
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func, data)                                                                      \
  g_test_add ("/app/library/snapshot/" name, Fixture, data, set_up, func, tear_down)
  ADD ("tree", test_tree, NULL);
  ADD ("delete", test_delete, NULL);
  ADD ("suspend", test_suspend, NULL);
  ADD ("prune", test_prune, NULL);
  ADD ("long-row", test_long_row, NULL);
  ADD ("room/raw", test_room, "raw");
  ADD ("room/qcow2", test_room, "qcow2");
  ADD ("row", test_row, "qcow2");
  ADD ("numbers", test_numbers, NULL);
  ADD ("clone/linked", test_clone, "linked");
  ADD ("clone/full", test_clone, NULL);
  ADD ("generation/place", test_generation, NULL);
  ADD ("generation/back", test_generation_back, NULL);
  ADD ("generation/fails", test_generation_fails, NULL);
  ADD ("disposable/raw", test_disposable, "raw");
  ADD ("disposable/qcow2", test_disposable, "qcow2");
  ADD ("variables", test_variables, NULL);
  ADD ("running", test_running, NULL);
  ADD ("live/raw", test_live, "raw");
  ADD ("live/qcow2", test_live, "qcow2");
  ADD ("live/room/raw", test_live_room, "raw");
  ADD ("live/room/qcow2", test_live_room, "qcow2");
  ADD ("names/raw", test_names, "raw");
  ADD ("names/qcow2", test_names, "qcow2");
  ADD ("sweep-gives-way", test_sweep_gives_way, NULL);
  ADD ("schedule", test_schedule, "qcow2");
  ADD ("old-version", test_old_version, NULL);
  ADD ("hostile", test_hostile, NULL);
  ADD ("power-cut/raw/linked", test_power_cut, "raw");
  ADD ("power-cut/raw/full", test_power_cut, "raw");
  ADD ("power-cut/qcow2/linked", test_power_cut, "qcow2");
  ADD ("power-cut/qcow2/full", test_power_cut, "qcow2");
  ADD ("power-cut/live/raw", test_live_power_cut, "raw");
  ADD ("power-cut/live/qcow2", test_live_power_cut, "qcow2");
  ADD ("failing-calls", test_failing_calls, NULL);
  ADD ("failing-revert", test_failing_revert, NULL);
#undef ADD
  return g_test_run ();
}
