/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes the tree of a bundle's snapshots: the input is snapshots/tree.json. What can be opened is
 * listed, written again and read again, and is the same; then all in it is deleted and purged,
 * which is all that the files in it, which are not there, leave to be done. Nothing outside of the
 * bundle changes. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/library/library-snapshot-private.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static char folder[] = "/tmp/dio-fuzz-tree-XXXXXX";
static char *bundle, *tree_file, *outside;

static void
silent (const char *domain, GLogLevelFlags level, const char *message, void *data)
{
}

static void
clean_up (void)
{
  dio_file_remove_tree (dio_files_host (), AT_FDCWD, folder, NULL);
}

static void
set_up (void)
{
  if (bundle)
    return;
  g_log_set_default_handler (silent, NULL);
  if (!mkdtemp (folder))
    abort ();
  bundle = g_build_filename (folder, "Fuzz.diorama", NULL);
  tree_file = g_build_filename (bundle, DIO_SNAPSHOT_FOLDER, DIO_SNAPSHOT_TREE, NULL);
  outside = g_build_filename (folder, "disk0.qcow2", NULL);
  if (!g_file_set_contents (outside, "outside", -1, NULL))
    abort ();
  atexit (clean_up);
}

/* A bundle with one disk, which images may name. */
static void
make_bundle (const uint8_t *data, size_t size)
{
  g_autofree char *snapshots = g_build_filename (bundle, DIO_SNAPSHOT_FOLDER, NULL);
  g_autofree char *disk = g_build_filename (bundle, "disk0.raw", NULL);
  if (g_mkdir_with_parents (snapshots, 0700) != 0 || !g_file_set_contents (disk, "a disk", -1, NULL)
      || !g_file_set_contents (tree_file, (const char *) data, (gssize) size, NULL))
    abort ();
}

static void
commit (DioSnapshots *tree)
{
  pthread_mutex_lock (&tree->lock);
  bool good = dio_snapshots_commit_locked (tree, NULL);
  pthread_mutex_unlock (&tree->lock);
  if (!good)
    abort ();
}

/* What was written reads as the same, so that it is written the same again. */
static void
write_again (DioSnapshots *tree)
{
  g_autofree char *first = NULL, *second = NULL;
  commit (tree);
  if (!g_file_get_contents (tree_file, &first, NULL, NULL))
    abort ();
  g_autoptr (DioSnapshots) again = dio_snapshots_open (dio_files_host (), bundle, FALSE, NULL);
  if (!again)
    abort ();
  commit (again);
  if (!g_file_get_contents (tree_file, &second, NULL, NULL) || strcmp (first, second) != 0)
    abort ();
}

static void
delete_all (DioSnapshots *tree)
{
  g_autoptr (GPtrArray) list = dio_snapshots_list (tree);
  for (guint i = 0; i < list->len; i++) {
    const DioSnapshotInfo *info = g_ptr_array_index (list, i);
    g_autoptr (DioSnapshotInfo) found = dio_snapshots_find (tree, info->id, NULL);
    if (!found || !dio_snapshots_delete (tree, info->id, NULL))
      abort ();
    if (i == 0)
      dio_snapshots_revert (tree, info->id, NULL);
  }
  dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, NULL);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  set_up ();
  make_bundle (data, size);
  DioSnapshots *tree = dio_snapshots_open (dio_files_host (), bundle, TRUE, NULL);
  if (tree) {
    g_free (dio_snapshots_get_current (tree));
    write_again (tree);
    delete_all (tree);
    dio_snapshots_unref (tree);
  }
  g_autofree char *text = NULL;
  if (!g_file_get_contents (outside, &text, NULL, NULL) || strcmp (text, "outside") != 0)
    abort ();
  dio_file_remove_tree (dio_files_host (), AT_FDCWD, bundle, NULL);
  return 0;
}
