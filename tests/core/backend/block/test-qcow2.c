/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of qcow2 images against a model in memory and against QEMU's tools. */
#include "tests/core/backend/block/rig.h"

#include <errno.h>
#include <string.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <unistd.h>

#include "core/base/base-error.h"
#include "tests/support/files-fail.h"

typedef struct {
  char *folder, *path, *raw;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->folder = rig_folder_new ();
  f->path = g_build_filename (f->folder, "disk.qcow2", NULL);
  f->raw = g_build_filename (f->folder, "model.raw", NULL);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  rig_folder_free (f->folder);
  g_free (f->path);
  g_free (f->raw);
}

/* qemu-img sees the same bytes as the model. */
static void
compare_with_qemu (Fixture *f, const char *path, const uint8_t *bytes, uint64_t size)
{
  g_autofree char *output = NULL;
  g_assert_true (g_file_set_contents (f->raw, (const char *) bytes, (gssize) size, NULL));
  int status =
      rig_run (&output, "qemu-img", "compare", "-f", "qcow2", "-F", "raw", path, f->raw, NULL);
  if (status)
    g_error ("qemu-img compare: %s", output);
}

static void
check_own (DioBlockNode *node)
{
  g_autoptr (GError) error = NULL;
  DioQcow2Check check = { .text = g_string_new (NULL) };
  g_assert_true (dio_qcow2_check (node, DIO_QCOW2_REPAIR_NOTHING, &check, NULL, NULL, &error));
  g_assert_no_error (error);
  if (check.corruptions || check.leaks || check.errors)
    g_error ("%s: %s", node->path, check.text->str);
  g_string_free (check.text, TRUE);
}

/* Random changes of all kinds of images, opened anew now and then. */
static void
test_random (Fixture *f, gconstpointer data)
{
  const RigKind *kind = data;
  uint64_t size = 5 * MIB + 3 * 512;
  RigModel model = { .bytes = g_malloc0 (size), .most = 400 * KIB };
  model.random = g_rand_new_with_seed (g_test_rand_int ());
  rig_create (dio_files_host (), f->path, kind, size);
  rig_check_clean (f->path);
  for (unsigned round = 0; round < 4; round++) {
    uint64_t offset, length;
    model.node = rig_open (dio_files_host (), f->path, "qcow2", 0, NULL);
    g_assert_cmpuint (model.node->size, ==, size);
    for (unsigned i = 0; i < 120; i++)
      g_assert_cmpint (rig_change (&model, &offset, &length), ==, 0);
    rig_compare (model.node, model.bytes);
    g_assert_cmpint (dio_block_node_flush (model.node), ==, 0);
    rig_compare (model.node, model.bytes);
    g_assert_cmpint (dio_block_node_close (model.node), ==, 0);
    rig_check_clean (f->path);
    compare_with_qemu (f, f->path, model.bytes, size);
    DioBlockNode *node =
        rig_open (dio_files_host (), f->path, "qcow2", DIO_BLOCK_OPEN_READONLY, NULL);
    rig_compare (node, model.bytes);
    check_own (node);
    dio_block_node_close (node);
  }
  g_rand_free (model.random);
  g_free (model.bytes);
}

/* ---- Images of QEMU ---- */

/* What qemu-img makes with many options: read, changed, and read again by both. */
static void
test_qemu_images (Fixture *f, gconstpointer data)
{
  /* clang-format off */
  static const char *const options[] = {
    "compat=0.10", "compat=1.1,lazy_refcounts=on", "cluster_size=512", "cluster_size=2M",
    "preallocation=metadata", "preallocation=falloc", "refcount_bits=1,cluster_size=4k",
    "refcount_bits=64", "extended_l2=on", "extended_l2=on,cluster_size=16k",
  };
  /* clang-format on */
  uint64_t size = 3 * MIB + 512;
  for (size_t i = 0; i < G_N_ELEMENTS (options); i++) {
    g_autofree char *output = NULL;
    RigModel model = { .bytes = g_malloc0 (size), .most = 300 * KIB };
    uint64_t offset, length;
    model.random = g_rand_new_with_seed ((guint32) i);
    g_assert_cmpint (rig_run (NULL, "qemu-img", "create", "-q", "-f", "qcow2", "-o", options[i],
                              f->path, "3146240", NULL),
                     ==, 0);
    memset (model.bytes + 100 * KIB, 0x5a, 200 * KIB);
    memset (model.bytes + 250 * KIB, 0, 30 * KIB);
    g_assert_cmpint (rig_run (&output, "qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 100k 200k",
                              "-c", "write -z 250k 30k", f->path, NULL),
                     ==, 0);
    model.node = rig_open (dio_files_host (), f->path, "qcow2", 0, NULL);
    rig_compare (model.node, model.bytes);
    for (unsigned k = 0; k < 40; k++)
      g_assert_cmpint (rig_change (&model, &offset, &length), ==, 0);
    g_assert_cmpint (dio_block_node_close (model.node), ==, 0);
    rig_check_clean (f->path);
    compare_with_qemu (f, f->path, model.bytes, size);
    g_rand_free (model.random);
    g_free (model.bytes);
    unlink (f->path);
  }
}

/* Compressed clusters are read, and written over. */
static void
test_compressed (Fixture *f, gconstpointer data)
{
  static const char *const options[] = { "compression_type=zlib", "compression_type=zstd",
                                         "compression_type=zlib,cluster_size=4k",
                                         "compression_type=zstd,extended_l2=on" };
  uint64_t size = 2 * MIB;
  for (size_t i = 0; i < G_N_ELEMENTS (options); i++) {
    RigModel model = { .bytes = g_malloc0 (size), .most = 100 * KIB };
    DioBlockExtent extent;
    uint64_t offset, length;
    model.random = g_rand_new_with_seed ((guint32) i);
    for (uint64_t k = 0; k < size; k++)
      model.bytes[k] = (uint8_t) (k / 100 * (k / 65536));
    g_assert_true (g_file_set_contents (f->raw, (char *) model.bytes, (gssize) size, NULL));
    g_assert_cmpint (rig_run (NULL, "qemu-img", "convert", "-c", "-O", "qcow2", "-o", options[i],
                              f->raw, f->path, NULL),
                     ==, 0);
    model.node = rig_open (dio_files_host (), f->path, "qcow2", 0, NULL);
    g_assert_cmpint (dio_block_node_map (model.node, MIB, 512, &extent), ==, 0);
    g_assert_cmpint (extent.kind, ==, DIO_BLOCK_COMPRESSED);
    rig_compare (model.node, model.bytes);
    for (unsigned k = 0; k < 30; k++)
      g_assert_cmpint (rig_change (&model, &offset, &length), ==, 0);
    rig_compare (model.node, model.bytes);
    g_assert_cmpint (dio_block_node_close (model.node), ==, 0);
    rig_check_clean (f->path);
    compare_with_qemu (f, f->path, model.bytes, size);
    g_rand_free (model.random);
    g_free (model.bytes);
    unlink (f->path);
  }
}

/* ---- Chains ---- */

static void
fill_random (RigModel *model, unsigned changes)
{
  uint64_t offset, length;
  for (unsigned i = 0; i < changes; i++)
    g_assert_cmpint (rig_change (model, &offset, &length), ==, 0);
}

/* Three images of different sizes and formats, the ends of the lower ones within clusters. */
static void
test_chain (Fixture *f, gconstpointer data)
{
  g_autofree char *middle = g_build_filename (f->folder, "middle.qcow2", NULL);
  g_autofree char *base = g_build_filename (f->folder, "base.raw", NULL);
  uint64_t base_size = MIB + 1536, size = 3 * MIB;
  const RigKind kinds[] = {
    { "base", { .format = "raw" } },
    { "middle",
      { .format = "qcow2", .cluster_size = 4096, .backing = "base.raw", .backing_format = "raw" } },
    { "top", { .format = "qcow2", .backing = "middle.qcow2", .backing_format = "qcow2" } },
  };
  RigModel model = { .bytes = g_malloc0 (size), .most = 300 * KIB };
  model.random = g_rand_new_with_seed (g_test_rand_int ());
  rig_create (dio_files_host (), base, &kinds[0], base_size);
  model.node = rig_open (dio_files_host (), base, "raw", 0, NULL);
  fill_random (&model, 20);
  dio_block_node_close (model.node);
  rig_create (dio_files_host (), middle, &kinds[1], 2 * MIB);
  DioBlockNode *below = rig_open (dio_files_host (), base, "raw", DIO_BLOCK_OPEN_READONLY, NULL);
  model.node = rig_open (dio_files_host (), middle, "qcow2", 0, below);
  fill_random (&model, 20);
  rig_compare (model.node, model.bytes);
  dio_block_node_close (model.node);
  rig_create (dio_files_host (), f->path, &kinds[2], size);
  below = rig_open (dio_files_host (), base, "raw", DIO_BLOCK_OPEN_READONLY, NULL);
  below = rig_open (dio_files_host (), middle, "qcow2", DIO_BLOCK_OPEN_READONLY, below);
  model.node = rig_open (dio_files_host (), f->path, "qcow2", 0, below);
  fill_random (&model, 30);
  rig_compare (model.node, model.bytes);

  /* Above all, what grows shows nothing of what lies below. */
  g_assert_cmpint (dio_block_node_write_zeroes (model.node, MIB, MIB, true), ==, 0);
  memset (model.bytes + MIB, 0, MIB);
  g_assert_true (dio_block_node_resize (model.node, 512 * KIB, NULL));
  g_assert_true (dio_block_node_resize (model.node, size, NULL));
  memset (model.bytes + 512 * KIB, 0, size - 512 * KIB);
  rig_compare (model.node, model.bytes);
  g_assert_cmpint (dio_block_node_close (model.node), ==, 0);
  rig_check_clean (f->path);
  compare_with_qemu (f, f->path, model.bytes, size);
  g_rand_free (model.random);
  g_free (model.bytes);
}

/* Names in images are not followed, and who opens has to know what is there. */
static void
test_names (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  const RigKind overlay = {
    "overlay", { .format = "qcow2", .backing = "/etc/passwd", .backing_format = "raw" }
  };
  rig_create (dio_files_host (), f->path, &overlay, MIB);
  g_assert_null (dio_block_node_open (dio_files_host (), f->path, "qcow2", DIO_BLOCK_OPEN_READONLY,
                                      NULL, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "/etc/passwd"));
  g_autofree char *name = dio_qcow2_peek_backing (dio_files_host (), f->path);
  g_assert_cmpstr (name, ==, "/etc/passwd");
  g_clear_error (&error);

  const RigKind raw = { "raw", { .format = "raw" } };
  rig_create (dio_files_host (), f->raw, &raw, MIB);
  g_assert_null (dio_qcow2_peek_backing (dio_files_host (), f->raw));
  unlink (f->path);
  rig_create (dio_files_host (), f->path, &rig_kinds[0], MIB);
  DioBlockNode *below = rig_open (dio_files_host (), f->raw, "raw", DIO_BLOCK_OPEN_READONLY, NULL);
  g_assert_null (dio_block_node_open (dio_files_host (), f->path, "qcow2", 0, below, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
  g_clear_error (&error);
  /* A raw disk stands on nothing. */
  below = rig_open (dio_files_host (), f->path, "qcow2", DIO_BLOCK_OPEN_READONLY, NULL);
  g_assert_null (dio_block_node_open (dio_files_host (), f->raw, "raw", 0, below, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
}

/* ---- Snapshots inside ---- */

static void
test_snapshots (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  uint64_t size = 2 * MIB;
  RigModel model = { .bytes = g_malloc0 (size), .most = 300 * KIB };
  model.random = g_rand_new_with_seed (g_test_rand_int ());
  g_autofree uint8_t *then = NULL;
  rig_create (dio_files_host (), f->path, &rig_kinds[0], size);
  for (unsigned round = 0; round < 2; round++) {
    model.node = rig_open (dio_files_host (), f->path, "qcow2", 0, NULL);
    fill_random (&model, 20);
    g_assert_cmpint (dio_block_node_close (model.node), ==, 0);
    if (!then)
      then = g_memdup2 (model.bytes, size);
    g_assert_cmpint (
        rig_run (NULL, "qemu-img", "snapshot", "-c", round ? "second" : "first", f->path, NULL), ==,
        0);
  }
  model.node = rig_open (dio_files_host (), f->path, "qcow2", 0, NULL);
  fill_random (&model, 20);
  rig_compare (model.node, model.bytes);
  g_assert_cmpint (dio_block_node_close (model.node), ==, 0);
  rig_check_clean (f->path);
  compare_with_qemu (f, f->path, model.bytes, size);

  DioBlockNode *node =
      rig_open (dio_files_host (), f->path, "qcow2", DIO_BLOCK_OPEN_READONLY, NULL);
  check_own (node);
  g_autoptr (GPtrArray) snapshots = dio_qcow2_list_snapshots (node, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (snapshots->len, ==, 2);
  g_assert_cmpstr (((DioQcow2Snapshot *) g_ptr_array_index (snapshots, 0))->name, ==, "first");
  g_assert_true (dio_qcow2_show_snapshot (node, "first", &error));
  rig_compare (node, then);
  g_assert_false (dio_qcow2_show_snapshot (node, "third", &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND);
  dio_block_node_close (node);

  /* Deleting them leaves a good image with what is there now. */
  g_assert_cmpint (rig_run (NULL, "qemu-img", "snapshot", "-d", "first", f->path, NULL), ==, 0);
  model.node = rig_open (dio_files_host (), f->path, "qcow2", 0, NULL);
  fill_random (&model, 20);
  rig_compare (model.node, model.bytes);
  g_assert_cmpint (dio_block_node_close (model.node), ==, 0);
  rig_check_clean (f->path);
  g_rand_free (model.random);
  g_free (model.bytes);
}

/* ---- Sizes ---- */

static void
test_resize (Fixture *f, gconstpointer data)
{
  for (const RigKind *kind = rig_kinds; kind->name; kind++) {
    uint64_t most = 40 * MIB;
    RigModel model = { .bytes = g_malloc0 (most), .most = 200 * KIB };
    model.random = g_rand_new_with_seed (g_test_rand_int ());
    rig_create (dio_files_host (), f->path, kind, MIB);
    model.node = rig_open (dio_files_host (), f->path, "qcow2", 0, NULL);
    for (unsigned i = 0; i < 6; i++) {
      uint64_t old = model.node->size;
      uint64_t size = (uint64_t) g_rand_int_range (model.random, 1, (gint32) (most / 512)) * 512;
      g_autoptr (GError) error = NULL;
      fill_random (&model, 10);
      g_assert_true (dio_block_node_resize (model.node, size, &error));
      g_assert_no_error (error);
      if (size < old)
        memset (model.bytes + size, 0, old - size);
      rig_compare (model.node, model.bytes);
    }
    uint64_t size = model.node->size;
    g_assert_cmpint (dio_block_node_close (model.node), ==, 0);
    rig_check_clean (f->path);
    compare_with_qemu (f, f->path, model.bytes, size);
    g_rand_free (model.random);
    g_free (model.bytes);
    unlink (f->path);
  }
}

/* An L1 table that is longer than what one block of counts counts: its row of clusters is found at
 * once, and not by filling the file with blocks that break each other's row. */
static void
test_large_l1 (Fixture *f, gconstpointer data)
{
  static const uint64_t sizes[] = { 600 * MIB, 601 * MIB, 3000 * MIB, 20000 * MIB };
  const DioBlockCreate create = { .format = "qcow2", .size = MIB, .cluster_size = 512 };
  g_autoptr (GError) error = NULL;
  uint8_t written[4096], read[sizeof written];
  g_assert_true (dio_block_create (dio_files_host (), f->path, &create, &error));
  g_assert_no_error (error);
  DioBlockNode *node = rig_open (dio_files_host (), f->path, "qcow2", 0, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++) {
    struct stat status;
    memset (written, (int) i + 1, sizeof written);
    g_assert_cmpint (dio_block_node_write (node, i * 8192, written, sizeof written), ==, 0);
    g_assert_true (dio_block_node_resize (node, sizes[i], &error));
    g_assert_no_error (error);
    g_assert_cmpint (dio_block_node_write (node, sizes[i] - 4096, written, sizeof written), ==, 0);
    g_assert_cmpint (dio_block_node_flush (node), ==, 0);
    g_assert_cmpint (stat (f->path, &status), ==, 0);
    g_assert_cmpint (status.st_size, <, 8 * MIB); /* the tables are up to 4.9 MiB of it */
  }
  for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++) {
    memset (written, (int) i + 1, sizeof written);
    g_assert_cmpint (dio_block_node_read (node, i * 8192, read, sizeof read), ==, 0);
    g_assert_cmpmem (read, sizeof read, written, sizeof written);
    g_assert_cmpint (dio_block_node_read (node, sizes[i] - 4096, read, sizeof read), ==, 0);
    g_assert_cmpmem (read, sizeof read, written, sizeof written);
  }
  g_assert_cmpint (dio_block_node_close (node), ==, 0);
  rig_check_clean (f->path);
}

/* ---- Damage ---- */

static void
poke (Fixture *f, uint64_t at, uint64_t value, unsigned bytes)
{
  uint8_t data[8];
  for (unsigned i = 0; i < bytes; i++)
    data[i] = (uint8_t) (value >> (8 * (bytes - 1 - i)));
  int fd = open (f->path, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (pwrite (fd, data, bytes, (off_t) at), ==, bytes);
  close (fd);
}

static uint64_t
peek (Fixture *f, uint64_t at)
{
  uint64_t value;
  int fd = open (f->path, O_RDONLY | O_CLOEXEC);
  g_assert_cmpint (pread (fd, &value, 8, (off_t) at), ==, 8);
  close (fd);
  return GUINT64_FROM_BE (value);
}

static void
make_small (Fixture *f)
{
  static const uint8_t bytes[200 * 1024] = { 1 };
  unlink (f->path);
  rig_create (dio_files_host (), f->path, &rig_kinds[0], 4 * MIB);
  DioBlockNode *node = rig_open (dio_files_host (), f->path, "qcow2", 0, NULL);
  g_assert_cmpint (dio_block_node_write (node, 0, bytes, sizeof bytes), ==, 0);
  g_assert_cmpint (dio_block_node_close (node), ==, 0);
}

/* Impossible values are refused in words, whatever the image is opened for. */
static void
test_bad_headers (Fixture *f, gconstpointer data)
{
  /* clang-format off */
  static const struct { uint64_t at, value; unsigned bytes; } bad[] = {
    { 0, 0x514649fa, 4 }, { 4, 1, 4 }, { 4, 4, 4 }, { 20, 8, 4 }, { 20, 22, 4 }, { 20, 63, 4 },
    { 24, 1, 8 }, { 24, UINT64_MAX, 8 }, { 24, UINT64_C (1) << 62, 8 }, { 32, 1, 4 }, { 32, 2, 4 },
    { 36, 0, 4 }, { 36, 0xffffffff, 4 }, { 40, 1, 8 }, { 40, UINT64_C (1) << 60, 8 },
    { 40, UINT64_MAX & ~UINT64_C (65535), 8 }, { 48, 512, 8 }, { 48, 0, 8 },
    { 48, UINT64_C (1) << 50, 8 }, { 56, 0, 4 }, { 56, 0xffffffff, 4 }, { 60, 0xffffffff, 4 },
    { 72, 4, 8 }, { 72, 32, 8 }, { 72, 8, 8 }, { 96, 7, 4 }, { 96, 0xffffffff, 4 }, { 100, 96, 4 },
    { 100, 0xfffffff8, 4 }, { 100, 107, 4 }, { 104, 9, 1 }, { 104, 1, 1 },
  };
  /* clang-format on */
  for (size_t i = 0; i < G_N_ELEMENTS (bad); i++)
    for (unsigned readonly = 0; readonly < 2; readonly++) {
      g_autoptr (GError) error = NULL;
      make_small (f);
      poke (f, bad[i].at, bad[i].value, bad[i].bytes);
      DioBlockNode *node =
          dio_block_node_open (dio_files_host (), f->path, "qcow2",
                               readonly ? DIO_BLOCK_OPEN_READONLY : 0, NULL, &error);
      if (node)
        g_error ("%u: %" G_GUINT64_FORMAT " at %" G_GUINT64_FORMAT " was taken", readonly,
                 bad[i].value, bad[i].at);
      g_assert_true (error->domain == DIO_ERROR);
      g_assert_nonnull (strstr (error->message, f->path));
    }
}

/* Pointers into tables never let the guest write there, and say so in the image. */
static void
test_bad_pointers (Fixture *f, gconstpointer data)
{
  make_small (f);
  uint64_t l1 = peek (f, 40);
  uint64_t l2 = peek (f, l1) & UINT64_C (0x00fffffffffffe00);
  const uint64_t targets[] = { peek (f, 48), l1, l2, 512 };
  for (size_t i = 0; i < G_N_ELEMENTS (targets); i++) {
    uint8_t bytes[512] = { 0xff };
    g_autoptr (GError) error = NULL;
    make_small (f);
    g_autofree char *before = NULL, *after = NULL;
    gsize length;
    poke (f, l2, (UINT64_C (1) << 63) | targets[i], 8);
    g_assert_true (g_file_get_contents (f->path, &before, &length, NULL));
    DioBlockNode *node = dio_block_node_open (dio_files_host (), f->path, "qcow2", 0, NULL, &error);
    g_assert_no_error (error);
    g_test_expect_message ("diorama-core", G_LOG_LEVEL_WARNING, "*damaged*");
    g_assert_cmpint (dio_block_node_write (node, 0, bytes, 512), ==, -EIO);
    g_assert_cmpint (dio_block_node_write (node, MIB, bytes, 512), ==, -EIO);
    dio_block_node_close (node);
    g_test_assert_expected_messages ();
    g_assert_true (g_file_get_contents (f->path, &after, &length, NULL));
    g_assert_cmpuint (peek (f, 72), ==, 2);
    after[79] = 0; /* the mark alone differs */
    g_assert_cmpmem (before, length, after, length);
    g_assert_null (dio_block_node_open (dio_files_host (), f->path, "qcow2", 0, NULL, &error));
    g_assert_nonnull (strstr (error->message, "damaged"));
  }
}

/* A header, or all tables, counted as free: nothing is put there. */
static void
test_bad_counts (Fixture *f, gconstpointer data)
{
  for (unsigned all = 0; all < 2; all++) {
    static const uint8_t bytes[512] = { 1 };
    make_small (f);
    uint64_t reftable = peek (f, 48);
    poke (f, all ? reftable : peek (f, reftable), 0, all ? 8 : 2);
    DioBlockNode *node = rig_open (dio_files_host (), f->path, "qcow2", 0, NULL);
    g_test_expect_message ("diorama-core", G_LOG_LEVEL_WARNING, "*damaged*");
    g_assert_cmpint (dio_block_node_write (node, 2 * MIB, bytes, 512), ==, -EIO);
    dio_block_node_close (node);
    g_test_assert_expected_messages ();
    g_assert_cmpuint (peek (f, 0) >> 32, ==, 0x514649fb);
    g_assert_cmpuint (peek (f, 72), ==, 2);
  }

  /* A pointer to no table that says that the table is not shared. */
  static const uint8_t bytes[512] = { 1 };
  make_small (f);
  unlink (f->path);
  rig_create (dio_files_host (), f->path, &rig_kinds[1], 4 * MIB);
  poke (f, peek (f, 40) + 8 * 5, UINT64_C (1) << 63, 8);
  DioBlockNode *node = rig_open (dio_files_host (), f->path, "qcow2", 0, NULL);
  g_assert_cmpint (dio_block_node_write (node, 5 * 32 * KIB, bytes, 512), ==, 0);
  g_assert_cmpint (dio_block_node_discard (node, 5 * 32 * KIB, 32 * KIB), ==, 0);
  g_assert_cmpint (dio_block_node_close (node), ==, 0);
  rig_check_clean (f->path);
}

static void
repair (Fixture *f, DioQcow2Repair how, DioQcow2Check *check)
{
  g_autoptr (GError) error = NULL;
  DioBlockNode *node = rig_open (dio_files_host (), f->path, "qcow2", DIO_BLOCK_OPEN_CHECK, NULL);
  g_assert_true (dio_qcow2_check (node, how, check, NULL, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (dio_block_node_close (node), ==, 0);
}

static void
test_repair (Fixture *f, gconstpointer data)
{
  DioQcow2Check check = { 0 };
  make_small (f);
  uint64_t block = peek (f, peek (f, 48));
  uint64_t l1 = peek (f, 40);
  /* Clusters: header, table, block, L1, L2, four of data. */
  poke (f, block + 2 * 20, 1, 2);
  repair (f, DIO_QCOW2_REPAIR_NOTHING, &check);
  g_assert_cmpuint (check.leaks, ==, 0); /* behind the end of the file there is nothing to lose */
  poke (f, block + 2 * 20, 0, 2);
  poke (f, block + 2 * 6, 7, 2);
  repair (f, DIO_QCOW2_REPAIR_NOTHING, &check);
  g_assert_cmpuint (check.leaks, ==, 1);
  g_assert_cmpuint (check.corruptions, ==, 1); /* and marked as not shared */
  repair (f, DIO_QCOW2_REPAIR_LEAKS, &check);
  g_assert_cmpuint (check.fixed, ==, 1);
  rig_check_clean (f->path);

  poke (f, block + 2 * 5, 0, 2);
  poke (f, block + 2 * 3, 0, 2);
  repair (f, DIO_QCOW2_REPAIR_NOTHING, &check);
  g_assert_cmpuint (check.corruptions, ==, 2);
  repair (f, DIO_QCOW2_REPAIR_LEAKS, &check);
  repair (f, DIO_QCOW2_REPAIR_ALL, &check);
  rig_check_clean (f->path);

  /* No counts at all. */
  poke (f, peek (f, 48), 0, 8);
  poke (f, 72, 2, 8);
  repair (f, DIO_QCOW2_REPAIR_ALL, &check);
  rig_check_clean (f->path);
  g_assert_cmpuint (peek (f, 72), ==, 0);

  /* Two tables in one place are beyond that. */
  poke (f, l1, peek (f, 48), 8);
  repair (f, DIO_QCOW2_REPAIR_ALL, &check);
  g_assert_cmpuint (check.corruptions, >, check.fixed);
}

/* A crash with lazy counts: the next opening puts them in order. */
static void
test_lazy (Fixture *f, gconstpointer data)
{
  static uint8_t bytes[300 * 1024];
  g_autofree char *copy = g_build_filename (f->folder, "copy", NULL);
  int dir = open (f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const RigKind lazy = { "lazy", { .format = "qcow2", .lazy_refcounts = true } };
  memset (bytes, 3, sizeof bytes);
  rig_create (dio_files_host (), f->path, &lazy, 4 * MIB);
  DioBlockNode *node = rig_open (dio_files_host (), f->path, "qcow2", 0, NULL);
  g_assert_cmpint (dio_block_node_write (node, 0, bytes, sizeof bytes), ==, 0);
  g_assert_cmpint (dio_block_node_flush (node), ==, 0);
  g_assert_true (dio_file_copy (dio_files_host (), f->path, dir, "copy", NULL, NULL, NULL));
  close (dir);
  g_assert_cmpint (dio_block_node_close (node), ==, 0);
  rig_check_clean (f->path);

  g_assert_cmpint (rename (copy, f->path), ==, 0);
  g_assert_cmpuint (peek (f, 72), ==, 1);
  node = rig_open (dio_files_host (), f->path, "qcow2", 0, NULL);
  g_autofree uint8_t *in = g_malloc (sizeof bytes);
  g_assert_cmpint (dio_block_node_read (node, 0, in, sizeof bytes), ==, 0);
  g_assert_cmpmem (in, sizeof bytes, bytes, sizeof bytes);
  g_assert_cmpint (dio_block_node_close (node), ==, 0);
  g_assert_cmpuint (peek (f, 72), ==, 0);
  rig_check_clean (f->path);
}

/* ---- Threads ---- */

typedef struct {
  DioBlockNode *node;
  unsigned number, count;
  uint8_t *bytes;
  uint64_t size;
} Writer;

/* Changes pieces that are its own, in clusters that are not. */
static void *
write_pieces (void *data)
{
  Writer *writer = data;
  GRand *random = g_rand_new_with_seed (writer->number);
  uint64_t pieces = writer->size / 4096 / writer->count;
  uint8_t in[4096];
  for (unsigned i = 0; i < 400; i++) {
    uint64_t piece = (uint64_t) g_rand_int_range (random, 0, (gint32) pieces);
    uint64_t at = (piece * writer->count + writer->number) * 4096;
    switch (g_rand_int_range (random, 0, 8)) {
    case 0:
      g_assert_cmpint (dio_block_node_flush (writer->node), ==, 0);
      break;
    case 1:
      memset (writer->bytes + at, 0, 4096);
      g_assert_cmpint (dio_block_node_write_zeroes (writer->node, at, 4096, true), ==, 0);
      break;
    case 2:
    case 3:
      g_assert_cmpint (dio_block_node_read (writer->node, at, in, 4096), ==, 0);
      g_assert_cmpmem (in, 4096, writer->bytes + at, 4096);
      break;
    default:
      memset (writer->bytes + at, (int) g_rand_int (random), 4096);
      g_assert_cmpint (dio_block_node_write (writer->node, at, writer->bytes + at, 4096), ==, 0);
    }
  }
  g_rand_free (random);
  return NULL;
}

static void
test_threads (Fixture *f, gconstpointer data)
{
  enum { COUNT = 4 };
  uint64_t size = 2 * MIB;
  for (const RigKind *kind = rig_kinds; kind->name; kind++) {
    g_autofree uint8_t *bytes = g_malloc0 (size);
    pthread_t threads[COUNT];
    Writer writers[COUNT];
    FilesDelay delay;
    files_delay_init (&delay, dio_files_host (), 20);
    rig_create (dio_files_host (), f->path, kind, size);
    DioBlockNode *node = rig_open (&delay.files, f->path, "qcow2", 0, NULL);
    for (unsigned i = 0; i < COUNT; i++) {
      writers[i] = (Writer){ node, i, COUNT, bytes, size };
      g_assert_cmpint (pthread_create (&threads[i], NULL, write_pieces, &writers[i]), ==, 0);
    }
    for (unsigned i = 0; i < COUNT; i++)
      pthread_join (threads[i], NULL);
    rig_compare (node, bytes);
    g_assert_cmpint (dio_block_node_close (node), ==, 0);
    rig_check_clean (f->path);
    compare_with_qemu (f, f->path, bytes, size);
    unlink (f->path);
  }
}

/* QEMU's tools keep away from an image in use. */
static void
test_locks (Fixture *f, gconstpointer data)
{
  g_autofree char *output = NULL;
  make_small (f);
  DioBlockNode *node = rig_open (dio_files_host (), f->path, "qcow2", 0, NULL);
  g_assert_cmpint (rig_run (&output, "qemu-img", "info", f->path, NULL), !=, 0);
  g_assert_nonnull (strstr (output, "lock"));
  g_assert_null (dio_block_node_open (dio_files_host (), f->path, "qcow2", DIO_BLOCK_OPEN_READONLY,
                                      NULL, NULL));
  DioBlockNode *look = rig_open (dio_files_host (), f->path, "qcow2",
                                 DIO_BLOCK_OPEN_READONLY | DIO_BLOCK_OPEN_UNLOCKED, NULL);
  dio_block_node_close (look);
  dio_block_node_close (node);
  g_assert_cmpint (rig_run (NULL, "qemu-img", "info", f->path, NULL), ==, 0);
}

int
main (int argc, char **argv)
{
  if (g_access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", FALSE); /* nothing here is about the disk below */
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func)                                                                            \
  g_test_add ("/core/backend/block/qcow2/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("qemu-images", test_qemu_images);
  ADD ("compressed", test_compressed);
  ADD ("chain", test_chain);
  ADD ("names", test_names);
  ADD ("snapshots", test_snapshots);
  ADD ("resize", test_resize);
  ADD ("large-l1", test_large_l1);
  ADD ("bad-headers", test_bad_headers);
  ADD ("bad-pointers", test_bad_pointers);
  ADD ("bad-counts", test_bad_counts);
  ADD ("repair", test_repair);
  ADD ("lazy", test_lazy);
  ADD ("threads", test_threads);
  ADD ("locks", test_locks);
#undef ADD
  for (const RigKind *kind = rig_kinds; kind->name; kind++) {
    g_autofree char *name = g_strconcat ("/core/backend/block/qcow2/random/", kind->name, NULL);
    g_test_add (name, Fixture, kind, set_up, test_random, tear_down);
  }
  return g_test_run ();
}
