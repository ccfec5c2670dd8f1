/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of long work on images: converting, compacting, merging, cancelling. */
#include "core/backend/block/block-job.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "core/base/base-error.h"
#include "tests/core/backend/block/rig.h"

#define SIZE (3 * MIB + 1024)

typedef struct {
  char *folder, *disk, *base, *copy;
  RigModel model;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->folder = rig_folder_new ();
  f->disk = g_build_filename (f->folder, "disk", NULL);
  f->base = g_build_filename (f->folder, "base", NULL);
  f->copy = g_build_filename (f->folder, "copy", NULL);
  f->model = (RigModel){ .bytes = g_malloc0 (SIZE), .most = 300 * KIB };
  f->model.random = g_rand_new_with_seed (g_test_rand_int ());
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  rig_folder_free (f->folder);
  g_free (f->disk);
  g_free (f->base);
  g_free (f->copy);
  g_free (f->model.bytes);
  g_rand_free (f->model.random);
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

static void
fill (Fixture *f, DioBlockNode *node, unsigned changes)
{
  uint64_t offset, length;
  f->model.node = node;
  for (unsigned i = 0; i < changes; i++)
    g_assert_cmpint (rig_change (&f->model, &offset, &length), ==, 0);
}

/* "base" (qcow2) with "disk" on it. */
static void
make_chain (Fixture *f, const RigKind *kind, uint64_t base_size)
{
  RigKind overlay = *kind;
  overlay.create.backing = "base";
  overlay.create.backing_format = "qcow2";
  rig_create (dio_files_host (), f->base, kind, base_size);
  DioBlockNode *node = rig_open (dio_files_host (), f->base, "qcow2", 0, NULL);
  fill (f, node, 20);
  g_assert_cmpint (dio_block_node_close (node), ==, 0);
  rig_create (dio_files_host (), f->disk, &overlay, SIZE);
  node = rig_open (dio_files_host (), f->base, "qcow2", DIO_BLOCK_OPEN_READONLY, NULL);
  node = rig_open (dio_files_host (), f->disk, "qcow2", 0, node);
  if (base_size > SIZE) /* what the base has behind is not the overlay's */
    rig_compare (node, f->model.bytes);
  fill (f, node, 30);
  g_assert_cmpint (dio_block_node_close (node), ==, 0);
}

static DioBlockNode *
open_chain (Fixture *f, DioBlockOpenFlags flags, DioBlockOpenFlags base_flags)
{
  DioBlockNode *base = rig_open (dio_files_host (), f->base, "qcow2", base_flags, NULL);
  return rig_open (dio_files_host (), f->disk, "qcow2", flags, base);
}

static void
expect_copy (Fixture *f, const char *path, const char *format)
{
  DioBlockNode *node = rig_open (dio_files_host (), path, format, DIO_BLOCK_OPEN_READONLY, NULL);
  g_assert_cmpuint (node->size, ==, SIZE);
  rig_compare (node, f->model.bytes);
  dio_block_node_close (node);
}

static bool
count_cb (uint64_t done, uint64_t total, void *data)
{
  g_assert_cmpuint (done, <=, total);
  return --*(int *) data >= 0;
}

/* A chain into one image, of each kind. */
static void
test_convert (Fixture *f, gconstpointer data)
{
  const DioBlockCreate kinds[] = {
    { .format = "raw" },
    { .format = "qcow2" },
    { .format = "qcow2", .cluster_size = 512, .version = 2 },
  };
  make_chain (f, &rig_kinds[0], 2 * MIB);
  for (size_t i = 0; i < G_N_ELEMENTS (kinds); i++) {
    g_autoptr (GError) error = NULL;
    int steps = 1000;
    const DioBlockJob job = { count_cb, &steps };
    DioBlockNode *from = open_chain (f, DIO_BLOCK_OPEN_READONLY, DIO_BLOCK_OPEN_READONLY);
    dio_block_convert (from, f->copy, &kinds[i], &job, &error);
    g_assert_no_error (error);
    g_assert_cmpint (steps, <, 997);
    g_assert_false (dio_block_convert (from, f->copy, &kinds[i], &job, &error));
    g_assert_error (error, DIO_ERROR, DIO_ERROR_EXISTS);
    dio_block_node_close (from);
    expect_copy (f, f->copy, kinds[i].format);
    if (g_str_equal (kinds[i].format, "qcow2"))
      rig_check_clean (f->copy);
    unlink (f->copy);
  }
  g_assert_cmpuint (count_files (f), ==, 2);
}

/* At whatever moment the person cancels, nothing is left and nothing changed. */
static void
test_cancel (Fixture *f, gconstpointer data)
{
  const DioBlockCreate create = { .format = "qcow2" };
  g_autofree char *before = NULL, *after = NULL;
  gsize length, length_after;
  rig_create (dio_files_host (), f->disk, &rig_kinds[1], SIZE);
  DioBlockNode *node = rig_open (dio_files_host (), f->disk, "qcow2", 0, NULL);
  fill (f, node, 30);
  dio_block_node_close (node);
  g_assert_true (g_file_get_contents (f->disk, &before, &length, NULL));
  unsigned cancelled = 0;
  for (int limit = 0;; limit++) {
    g_autoptr (GError) error = NULL;
    int steps = limit;
    const DioBlockJob job = { count_cb, &steps };
    node = rig_open (dio_files_host (), f->disk, "qcow2", DIO_BLOCK_OPEN_READONLY, NULL);
    bool converted = dio_block_convert (node, f->copy, &create, &job, &error);
    dio_block_node_close (node);
    if (converted)
      break;
    g_assert_error (error, DIO_ERROR, DIO_ERROR_CANCELLED);
    g_clear_error (&error);
    steps = limit;
    g_assert_false (dio_block_compact (dio_files_host (), f->disk, "qcow2", NULL, &job, &error));
    g_assert_error (error, DIO_ERROR, DIO_ERROR_CANCELLED);
    g_assert_cmpuint (count_files (f), ==, 1);
    cancelled++;
  }
  g_assert_cmpuint (cancelled, >=, 5);
  g_assert_true (g_file_get_contents (f->disk, &after, &length_after, NULL));
  g_assert_cmpmem (before, length, after, length_after);
}

/* A disk that was full and is empty now, and an overlay that keeps what it stands on. */
static void
test_compact (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  DioQcow2Info info;
  struct stat full, compact;
  const RigKind kind = { "v2", { .format = "qcow2", .version = 2, .cluster_size = 8192 } };
  rig_create (dio_files_host (), f->disk, &kind, SIZE);
  DioBlockNode *node = rig_open (dio_files_host (), f->disk, "qcow2", 0, NULL);
  memset (f->model.bytes, 1, SIZE);
  g_assert_cmpint (dio_block_node_write (node, 0, f->model.bytes, SIZE), ==, 0);
  memset (f->model.bytes, 0, 2 * MIB);
  g_assert_cmpint (dio_block_node_write (node, 0, f->model.bytes, 2 * MIB), ==, 0);
  dio_block_node_close (node);
  g_assert_cmpint (stat (f->disk, &full), ==, 0);
  g_assert_true (dio_block_compact (dio_files_host (), f->disk, "qcow2", NULL, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (stat (f->disk, &compact), ==, 0);
  g_assert_cmpint (compact.st_size, <, full.st_size / 2);
  g_assert_cmpint (compact.st_mode & 0777, ==, 0600);
  expect_copy (f, f->disk, "qcow2");
  rig_check_clean (f->disk);
  node = rig_open (dio_files_host (), f->disk, "qcow2", DIO_BLOCK_OPEN_READONLY, NULL);
  dio_qcow2_get_info (node, &info);
  g_assert_cmpuint (info.version, ==, 2);
  g_assert_cmpuint (info.cluster_size, ==, 8192);
  /* In use: not now. */
  g_assert_false (dio_block_compact (dio_files_host (), f->disk, "qcow2", NULL, NULL, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_BUSY);
  g_clear_error (&error);
  dio_block_node_close (node);
  unlink (f->disk);

  for (const RigKind *each = rig_kinds; each->name; each++) {
    memset (f->model.bytes, 0, SIZE);
    make_chain (f, each, 2 * MIB);
    node = rig_open (dio_files_host (), f->base, "qcow2", DIO_BLOCK_OPEN_READONLY, NULL);
    g_assert_true (dio_block_compact (dio_files_host (), f->disk, "qcow2", node, NULL, &error));
    g_assert_no_error (error);
    node = open_chain (f, DIO_BLOCK_OPEN_READONLY, DIO_BLOCK_OPEN_READONLY);
    rig_compare (node, f->model.bytes);
    dio_qcow2_get_info (node, &info);
    g_assert_cmpstr (info.backing_name, ==, "base");
    g_assert_cmpstr (info.backing_format, ==, "qcow2");
    dio_block_node_close (node);
    rig_check_clean (f->disk);
    g_assert_cmpuint (count_files (f), ==, 2);
    unlink (f->disk);
    unlink (f->base);
  }
}

/* Snapshots inside would be lost. */
static void
test_compact_snapshots (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  rig_create (dio_files_host (), f->disk, &rig_kinds[0], SIZE);
  g_assert_cmpint (rig_run (NULL, "qemu-img", "snapshot", "-c", "one", f->disk, NULL), ==, 0);
  g_assert_false (dio_block_compact (dio_files_host (), f->disk, "qcow2", NULL, NULL, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED);
  g_assert_cmpuint (count_files (f), ==, 1);
}

/* Into a smaller and into a larger image, cancelled a few times before. */
static void
test_merge (Fixture *f, gconstpointer data)
{
  for (const RigKind *kind = rig_kinds; kind->name; kind++) {
    g_autoptr (GError) error = NULL;
    memset (f->model.bytes, 0, SIZE);
    make_chain (f, kind, 2 * MIB);
    DioBlockNode *top = NULL;
    for (int limit = 0;; limit++) {
      int steps = limit;
      const DioBlockJob job = { count_cb, &steps };
      top = open_chain (f, 0, 0);
      bool done = dio_block_merge (top, &job, &error);
      rig_compare (top, f->model.bytes);
      g_assert_cmpint (dio_block_node_close (top), ==, 0);
      if (done)
        break;
      g_assert_error (error, DIO_ERROR, DIO_ERROR_CANCELLED);
      g_clear_error (&error);
    }
    expect_copy (f, f->base, "qcow2");
    rig_check_clean (f->base);
    unlink (f->disk);
    unlink (f->base);
  }

  /* The base was larger; what is behind the overlay's end goes. */
  const RigKind overlay = { "o", { .format = "qcow2", .backing = "base" } };
  g_autoptr (GError) error = NULL;
  rig_create (dio_files_host (), f->base, &rig_kinds[0], 9 * MIB);
  rig_create (dio_files_host (), f->disk, &overlay, SIZE);
  DioBlockNode *node = open_chain (f, 0, 0);
  memset (f->model.bytes, 0, SIZE);
  g_assert_cmpint (dio_block_node_write (node->backing, 8 * MIB, f->folder, 16), ==, 0);
  fill (f, node, 20);
  g_assert_true (dio_block_merge (node, NULL, &error));
  dio_block_node_close (node);
  expect_copy (f, f->base, "qcow2");
}

int
main (int argc, char **argv)
{
  if (g_access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", FALSE);
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func)                                                                            \
  g_test_add ("/core/backend/block/job/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("convert", test_convert);
  ADD ("cancel", test_cancel);
  ADD ("compact", test_compact);
  ADD ("compact-snapshots", test_compact_snapshots);
  ADD ("merge", test_merge);
#undef ADD
  return g_test_run ();
}
