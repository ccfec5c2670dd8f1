/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of what is done with whole files. Each of the calls fails once; nothing half-made stays. */
#include "core/file/file-util.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base-error.h"
#include "tests/support/files-fail.h"

#define MIB (UINT64_C (1) << 20)

typedef struct {
  char *folder;
  int dir;
  FilesFail fail;
  DioFiles *files;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->folder = g_dir_make_tmp ("dio-file-XXXXXX", NULL);
  f->dir = dio_file_open (dio_files_host (), AT_FDCWD, f->folder, O_RDONLY | O_DIRECTORY, 0);
  files_fail_init (&f->fail, dio_files_host ());
  f->files = &f->fail.files;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_file_close (dio_files_host (), f->dir);
  g_assert_true (dio_file_remove_tree (dio_files_host (), AT_FDCWD, f->folder, NULL));
  g_free (f->folder);
}

static unsigned
count_files (Fixture *f)
{
  unsigned count = 0;
  GDir *dir = g_dir_open (f->folder, 0, NULL);
  while (g_dir_read_name (dir))
    count++;
  g_dir_close (dir);
  return count;
}

static char *
load (Fixture *f, const char *name)
{
  size_t length;
  return dio_file_load (dio_files_host (), f->dir, name, 100, &length, NULL);
}

/* Whatever fails, the old or the new contents are there. */
static void
test_atomic (Fixture *f, gconstpointer data)
{
  g_assert_true (dio_file_write_atomic (f->files, f->dir, "name", "old", 3, NULL));
  unsigned calls = f->fail.count;
  g_assert_cmpuint (calls, >=, 5);
  for (f->fail.nth = 1; f->fail.nth <= calls; f->fail.nth++) {
    g_autoptr (GError) error = NULL;
    f->fail.count = 0;
    f->fail.error = ENOSPC;
    bool good = dio_file_write_atomic (f->files, f->dir, "name", "new", 3, &error);
    g_assert_false (good);
    g_assert_error (error, DIO_ERROR, DIO_ERROR_NO_SPACE);
    g_autofree char *text = load (f, "name");
    /* The last call syncs the folder: the new name is there, only not for sure. */
    g_assert_cmpstr (text, ==, f->fail.nth == calls ? "new" : "old");
    g_assert_cmpuint (count_files (f), ==, 1);
  }
}

static void
test_load (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *big = g_strnfill (20000, 'x');
  size_t length = 0;
  g_assert_true (dio_file_write_atomic (f->files, f->dir, "big", big, 20000, NULL));
  g_autofree char *text = dio_file_load (f->files, f->dir, "big", 20000, &length, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (length, ==, 20000);
  g_assert_cmpstr (text, ==, big);
  g_assert_null (dio_file_load (f->files, f->dir, "big", 19999, &length, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_null (dio_file_load (f->files, f->dir, ".", 10, &length, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_cmpint (symlinkat ("big", f->dir, "link"), ==, 0);
  g_assert_null (dio_file_load (f->files, f->dir, "link", 30000, &length, &error));
  g_assert_nonnull (strstr (error->message, "symbolic link"));
}

static bool
count_cb (uint64_t done, uint64_t total, void *data)
{
  g_assert_cmpuint (done, <=, total);
  return --*(int *) data >= 0;
}

/* Data, holes and the end are those of the source, with and without the kernel's help. */
static void
test_copy (Fixture *f, gconstpointer data)
{
  g_autofree char *source = g_build_filename (f->folder, "source", NULL);
  g_autofree char *bytes = g_malloc (5 * MIB);
  struct statx status;
  for (size_t i = 0; i < 5 * MIB; i++)
    bytes[i] = (char) (i * 31 + (i >> 12));
  int fd = dio_file_open (f->files, f->dir, "source", O_RDWR | O_CREAT, 0600);
  g_assert_cmpint (dio_file_truncate (f->files, fd, 64 * MIB + 777), ==, 0);
  g_assert_cmpint (dio_file_write (f->files, fd, bytes, 5 * MIB, 20 * MIB), ==, 0);
  dio_file_close (f->files, fd);
  for (unsigned kernel = 0; kernel < 2; kernel++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *copied = g_malloc (5 * MIB);
    int steps = 1000;
    f->fail.ops = FILES_OP (DIO_FILE_OP_COPY) | FILES_OP (DIO_FILE_OP_CLONE);
    f->fail.count = 0;
    f->fail.nth = kernel ? 0 : 1;
    f->fail.for_ever = true;
    f->fail.error = EXDEV;
    g_assert_true (dio_file_copy (f->files, source, f->dir, "copy", count_cb, &steps, &error));
    g_assert_no_error (error);
    g_assert_cmpint (steps, <, 1000);
    fd = dio_file_open (f->files, f->dir, "copy", O_RDONLY, 0);
    g_assert_cmpint (dio_file_stat (f->files, fd, "", AT_EMPTY_PATH, &status), ==, 0);
    g_assert_cmpuint (status.stx_size, ==, 64 * MIB + 777);
    g_assert_cmpuint (status.stx_blocks * 512, <, 8 * MIB);
    g_assert_cmpint (dio_file_read (f->files, fd, copied, 5 * MIB, 20 * MIB), ==, 5 * MIB);
    g_assert_cmpmem (copied, 5 * MIB, bytes, 5 * MIB);
    dio_file_close (f->files, fd);
    g_assert_false (dio_file_copy (f->files, source, f->dir, "copy", NULL, NULL, &error));
    g_assert_error (error, DIO_ERROR, DIO_ERROR_EXISTS);
    dio_file_unlink (f->files, f->dir, "copy", 0);
  }
}

static void
test_copy_failures (Fixture *f, gconstpointer data)
{
  g_autofree char *source = g_build_filename (f->folder, "source", NULL);
  g_autoptr (GError) error = NULL;
  g_assert_true (dio_file_write_atomic (f->files, f->dir, "source", "data", 4, NULL));
  for (int steps = 0; steps < 2; steps++) {
    int left = steps;
    g_assert_false (dio_file_copy (f->files, source, f->dir, "copy", count_cb, &left, &error));
    g_assert_error (error, DIO_ERROR, DIO_ERROR_CANCELLED);
    g_clear_error (&error);
    g_assert_cmpuint (count_files (f), ==, 1);
  }
  unsigned failures = 0;
  f->fail.error = EDQUOT;
  for (f->fail.nth = 1;; f->fail.nth++) {
    f->fail.count = 0;
    f->fail.failed = 0;
    bool good = dio_file_copy (f->files, source, f->dir, "copy", NULL, NULL, &error);
    g_clear_error (&error);
    if (!f->fail.failed)
      break;
    failures += !good;
    g_assert_cmpuint (count_files (f), ==, good ? 2 : 1);
    if (good)
      dio_file_unlink (dio_files_host (), f->dir, "copy", 0);
  }
  g_assert_cmpuint (failures, >=, 5);
}

static void
test_tree (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_assert_cmpint (dio_file_mkdir (f->files, f->dir, "tree", 0700), ==, 0);
  g_assert_cmpint (dio_file_mkdir (f->files, f->dir, "tree/deep", 0700), ==, 0);
  g_assert_cmpint (symlinkat ("/etc", f->dir, "tree/link"), ==, 0);
  dio_file_close (f->files, dio_file_open (f->files, f->dir, "tree/deep/f", O_CREAT | O_RDWR, 0));
  f->fail.ops = FILES_OP (DIO_FILE_OP_OPEN);
  f->fail.count = 0;
  f->fail.nth = 2;
  f->fail.error = EMFILE;
  g_assert_false (dio_file_remove_tree (f->files, f->dir, "tree", &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  f->fail.nth = 0;
  g_assert_true (dio_file_remove_tree (f->files, f->dir, "tree", &error));
  g_assert_no_error (error);
  g_assert_true (dio_file_remove_tree (f->files, f->dir, "tree", &error));
  g_assert_cmpuint (count_files (f), ==, 0);
}

static void
test_inside (Fixture *f, gconstpointer data)
{
  static const char *const outside[] = { "", "/x", "a//b", "./a", "a/../b", "a/.", "..", "a/" };
  g_autoptr (GError) error = NULL;
  g_assert_true (dio_file_is_inside ("a/b"));
  for (size_t i = 0; i < G_N_ELEMENTS (outside); i++) {
    g_assert_false (dio_file_is_inside (outside[i]));
    g_assert_cmpint (dio_file_open_inside (f->files, f->dir, outside[i], O_RDONLY, &error), ==, -1);
    g_assert_error (error, DIO_ERROR, DIO_ERROR_CONFIG);
    g_clear_error (&error);
  }
  g_assert_cmpint (dio_file_mkdir (f->files, f->dir, "a", 0700), ==, 0);
  g_assert_cmpint (dio_file_open_inside (f->files, f->dir, "a", O_RDONLY, &error), ==, -1);
  g_assert_nonnull (strstr (error->message, "not a regular file"));
  g_clear_error (&error);
  g_assert_true (dio_file_write_atomic (f->files, f->dir, "b", "b", 1, NULL));
  int fd = dio_file_open_inside (f->files, f->dir, "b", O_RDWR, &error);
  g_assert_no_error (error);
  dio_file_close (f->files, fd);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/core/file/util/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("atomic", test_atomic);
  ADD ("load", test_load);
  ADD ("copy", test_copy);
  ADD ("copy-failures", test_copy_failures);
  ADD ("tree", test_tree);
  ADD ("inside", test_inside);
#undef ADD
  return g_test_run ();
}
