/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of the crash images that other tests rely on: known images of small logs, and mistakes that
 * must be found. */
#include <string.h>
#include <unistd.h>

#include "core/file/file-util.h"
#include "tests/support/replay.h"

typedef struct {
  char *folder;
  int dir;
  FilesLog *log;
  DioFiles *files;
  GHashTable *seen; /* contents of the file "x", or "-", to how often */
  unsigned lost;    /* images that lack what was acknowledged */
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->folder = g_dir_make_tmp ("dio-replay-XXXXXX", NULL);
  f->dir = dio_file_open (dio_files_host (), AT_FDCWD, f->folder, O_RDONLY | O_DIRECTORY, 0);
  g_assert_true (dio_file_write_atomic (dio_files_host (), f->dir, "x", "abc", 3, NULL));
  f->log = files_log_new (dio_files_host (), f->folder);
  f->files = &f->log->files;
  f->seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_hash_table_unref (f->seen);
  files_log_free (f->log);
  dio_file_close (dio_files_host (), f->dir);
  g_assert_true (dio_file_remove_tree (dio_files_host (), AT_FDCWD, f->folder, NULL));
  g_free (f->folder);
}

static void
see_cb (const ReplayImage *image, void *data)
{
  Fixture *f = data;
  g_autofree char *path = g_build_filename (image->root, "x", NULL);
  char *text = NULL;
  if (!g_file_get_contents (path, &text, NULL, NULL))
    text = g_strdup ("-");
  if (image->acknowledged == 1 && strcmp (text, "new") != 0)
    f->lost++;
  g_hash_table_add (f->seen, text);
}

static bool
saw (Fixture *f, const char *text)
{
  return g_hash_table_contains (f->seen, text);
}

/* Each of two writes may be missing until the sync, none after. */
static void
test_writes (Fixture *f, gconstpointer data)
{
  int fd = dio_file_open (f->files, f->dir, "x", O_RDWR, 0);
  g_assert_cmpint (dio_file_write (f->files, fd, "n", 1, 0), ==, 0);
  g_assert_cmpint (dio_file_write (f->files, fd, "ew", 2, 1), ==, 0);
  g_assert_cmpint (dio_file_datasync (f->files, fd), ==, 0);
  files_log_mark (f->log, 1);
  g_assert_cmpuint (replay_images (f->log, 1, 0, see_cb, f), >, 4);
  g_assert_true (saw (f, "abc") && saw (f, "nbc") && saw (f, "aew") && saw (f, "new"));
  g_assert_cmpuint (g_hash_table_size (f->seen), ==, 4);
  g_assert_cmpuint (f->lost, ==, 0);

  /* Later ones do not touch what is durable. */
  g_hash_table_remove_all (f->seen);
  g_assert_cmpint (dio_file_truncate (f->files, fd, 5), ==, 0);
  dio_file_close (f->files, fd);
  replay_images (f->log, 1, 0, see_cb, f);
  g_assert_cmpuint (f->lost, ==, 0);
}

/* The sync of another file promises nothing. */
static void
test_other_sync (Fixture *f, gconstpointer data)
{
  int fd = dio_file_open (f->files, f->dir, "x", O_RDWR, 0);
  int other = dio_file_open (f->files, f->dir, "y", O_RDWR | O_CREAT, 0600);
  g_assert_cmpint (dio_file_write (f->files, fd, "new", 3, 0), ==, 0);
  g_assert_cmpint (dio_file_sync (f->files, other), ==, 0);
  files_log_mark (f->log, 1);
  dio_file_close (f->files, fd);
  dio_file_close (f->files, other);
  replay_images (f->log, 1, 0, see_cb, f);
  g_assert_cmpuint (f->lost, >, 0);
}

static void
test_atomic (Fixture *f, gconstpointer data)
{
  g_assert_true (dio_file_write_atomic (f->files, f->dir, "x", "new", 3, NULL));
  files_log_mark (f->log, 1);
  replay_images (f->log, 1, 0, see_cb, f);
  g_assert_true (saw (f, "abc") && saw (f, "new"));
  g_assert_cmpuint (g_hash_table_size (f->seen), ==, 2);
  g_assert_cmpuint (f->lost, ==, 0);
}

/* The same without the sync of the file, and without that of the folder. */
static void
test_careless (Fixture *f, gconstpointer data)
{
  int fd = dio_file_open (f->files, f->dir, "t", O_RDWR | O_CREAT, 0600);
  g_assert_cmpint (dio_file_write (f->files, fd, "new", 3, 0), ==, 0);
  g_assert_cmpint (dio_file_rename (f->files, f->dir, "t", f->dir, "x", 0), ==, 0);
  g_assert_cmpint (dio_file_sync (f->files, f->dir), ==, 0);
  replay_images (f->log, 1, 0, see_cb, f);
  g_assert_true (saw (f, "")); /* the name without the data */

  g_assert_cmpint (dio_file_write (f->files, fd, "new", 3, 0), ==, 0);
  g_assert_cmpint (dio_file_sync (f->files, fd), ==, 0);
  g_assert_cmpint (dio_file_unlink (f->files, f->dir, "x", 0), ==, 0);
  g_assert_cmpint (dio_file_link (f->files, f->dir, ".", f->dir, "none"), <, 0);
  dio_file_close (f->files, fd);
  g_hash_table_remove_all (f->seen);
  replay_images (f->log, 1, 0, see_cb, f);
  g_assert_true (saw (f, "-") && saw (f, "new"));
}

/* Large writes are torn, at either size, and the file's holes count. */
static void
test_torn (Fixture *f, gconstpointer data)
{
  char text[8193];
  memset (text, 'n', sizeof text - 1);
  text[8192] = '\0';
  int fd = dio_file_open (f->files, f->dir, "x", O_RDWR, 0);
  g_assert_cmpint (dio_file_write (f->files, fd, text, 8192, 0), ==, 0);
  g_assert_cmpint (dio_file_sync (f->files, fd), ==, 0);
  g_assert_cmpint (dio_file_allocate (f->files, fd, FALLOC_FL_ZERO_RANGE, 3, 8190), ==, 0);
  dio_file_close (f->files, fd);
  replay_images (f->log, 7, 0, see_cb, f);
  g_assert_cmpuint (g_hash_table_size (f->seen), >=, 4);
  g_assert_true (saw (f, text));
  g_assert_true (saw (f, "nnn")); /* zeros end the string */

  /* A part of the images is a part of these; the same seed takes the same. */
  unsigned some = replay_images (f->log, 7, 5, see_cb, f);
  g_assert_cmpuint (some, ==, replay_images (f->log, 7, 5, see_cb, f));
  g_assert_cmpuint (some, <, 20);
}

/* Folders, and files in them, appear when their names are synced. */
static void
test_folders (Fixture *f, gconstpointer data)
{
  g_assert_cmpint (dio_file_mkdir (f->files, f->dir, "d", 0700), ==, 0);
  int dir = dio_file_open (f->files, f->dir, "d", O_RDONLY | O_DIRECTORY, 0);
  g_assert_true (dio_file_write_atomic (f->files, dir, "x", "new", 3, NULL));
  g_assert_cmpint (dio_file_rename (f->files, f->dir, "d/x", f->dir, "x", 0), ==, 0);
  g_assert_cmpint (dio_file_sync (f->files, dir), ==, 0);
  files_log_mark (f->log, 1);
  dio_file_close (f->files, dir);
  replay_images (f->log, 1, 0, see_cb, f);
  g_assert_cmpuint (f->lost, ==, 0);
  g_assert_cmpuint (g_hash_table_size (f->seen), ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func)                                                                            \
  g_test_add ("/core/file/replay/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("writes", test_writes);
  ADD ("other-sync", test_other_sync);
  ADD ("atomic", test_atomic);
  ADD ("careless", test_careless);
  ADD ("torn", test_torn);
  ADD ("folders", test_folders);
#undef ADD
  return g_test_run ();
}
