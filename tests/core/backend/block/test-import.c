/* SPDX-License-Identifier: GPL-3.0-or-later
 * Images of other programs, made by qemu-img: the same bytes come out of them, by reading and by
 * converting, and damaged ones are refused or fail to be read. */
#include <errno.h>
#include <string.h>

#include "core/backend/block/block-job.h"
#include "core/base/base-error.h"
#include "tests/core/backend/block/rig.h"

#define SIZE (20 * MIB + 512)
#define DAMAGES 300

typedef struct {
  const char *name;
  const char *format;      /* ours */
  const char *qemu_format; /* and theirs */
  const char *options;     /* of qemu-img */
  const char *extents;     /* kind of those with something in them */
} Kind;

static const Kind kinds[] = {
  { "vmdk", "vmdk", "vmdk", "subformat=monolithicSparse", "data" },
  { "vmdk-stream", "vmdk", "vmdk", "subformat=streamOptimized", "compressed" },
  { "vmdk-zeroed", "vmdk", "vmdk", "subformat=monolithicSparse,zeroed_grain=on", "data" },
  { "vdi", "vdi", "vdi", "static=off", "data" },
  { "vdi-static", "vdi", "vdi", "static=on", "data" },
  { "vhd", "vhd", "vpc", "subformat=dynamic,force_size=on", "data" },
  { "vhd-fixed", "vhd", "vpc", "subformat=fixed,force_size=on", "data" },
  { "vhdx", "vhdx", "vhdx", "subformat=dynamic,block_size=1048576", "data" },
  { "vhdx-fixed", "vhdx", "vhdx", "subformat=fixed,block_size=2097152", "data" },
};

typedef struct {
  char *folder, *path, *raw, *copy;
  uint8_t *bytes;
  const Kind *kind;
} Fixture;

/* Data that is dense in places, sparse in others, and some that can be compressed. */
static void
fill (uint8_t *bytes)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (7);
  for (unsigned i = 0; i < 40; i++) {
    uint64_t at = (uint64_t) (g_rand_double (random) * (double) (10 * MIB));
    uint64_t length = (uint64_t) g_rand_int_range (random, 1, 300 * KIB);
    bool noise = g_rand_boolean (random);
    for (uint64_t k = 0; k < length; k++)
      bytes[at + k] = noise ? (uint8_t) g_rand_int (random) : (uint8_t) (i + k / 100);
  }
  memset (bytes + SIZE - 512, 0x5a, 512);
}

static void
fixture_init (Fixture *f, const Kind *kind)
{
  *f = (Fixture){ .folder = rig_folder_new (), .kind = kind, .bytes = g_malloc0 (SIZE) };
  f->path = g_strdup_printf ("%s/disk.%s", f->folder, kind->format);
  f->raw = g_build_filename (f->folder, "raw", NULL);
  f->copy = g_build_filename (f->folder, "copy", NULL);
  fill (f->bytes);
  g_assert_true (g_file_set_contents (f->raw, (char *) f->bytes, SIZE, NULL));
  g_autofree char *output = NULL;
  if (rig_run (&output, "qemu-img", "convert", "-f", "raw", "-O", kind->qemu_format, "-o",
               kind->options, f->raw, f->path, NULL))
    g_error ("qemu-img: %s", output);
}

static void
fixture_clear (Fixture *f)
{
  rig_folder_free (f->folder);
  g_free (f->path);
  g_free (f->raw);
  g_free (f->copy);
  g_free (f->bytes);
}

static DioBlockNode *
try_open (Fixture *f, GError **error)
{
  return dio_block_node_open (dio_files_host (), f->path, f->kind->format, DIO_BLOCK_OPEN_READONLY,
                              NULL, error);
}

static void
check_random_reads (DioBlockNode *node, const uint8_t *bytes)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (3);
  g_autofree uint8_t *got = g_malloc (3 * MIB);
  for (unsigned i = 0; i < 200; i++) {
    uint64_t length = (uint64_t) g_rand_int_range (random, 1, i % 10 ? 64 * KIB : 3 * MIB);
    uint64_t at = (uint64_t) (g_rand_double (random) * (double) (SIZE - length));
    uint64_t half = length / 2;
    struct iovec iov[] = { { got, half }, { got + half, length - half } };
    g_assert_cmpint (dio_block_node_readv (node, at, iov, 2), ==, 0);
    g_assert_cmpint (memcmp (got, bytes + at, length), ==, 0);
  }
}

/* Zeros are known without reading, and data is where it is said to be. */
static void
check_map (const Fixture *f, DioBlockNode *node)
{
  uint64_t zeros = 0;
  bool seen = false;
  for (uint64_t at = 0; at < node->size;) {
    DioBlockExtent extent;
    g_assert_cmpint (dio_block_node_map (node, at, node->size - at, &extent), ==, 0);
    g_assert_cmpuint (extent.length, >, 0);
    bool packed = extent.kind == DIO_BLOCK_COMPRESSED;
    if (extent.kind == DIO_BLOCK_ZERO)
      zeros += extent.length;
    else
      seen |= packed == g_str_equal (f->kind->extents, "compressed");
    at += extent.length;
  }
  g_assert_true (seen);
  if (!strstr (f->kind->name, "fixed") && !strstr (f->kind->name, "static"))
    g_assert_cmpuint (zeros, >, 5 * MIB);
}

static void
test_contents (gconstpointer data)
{
  Fixture f;
  g_autoptr (GError) error = NULL;
  fixture_init (&f, data);
  g_assert_cmpstr (dio_block_detect (dio_files_host (), f.path), ==, f.kind->format);
  DioBlockNode *node = try_open (&f, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (node->size, >=, SIZE);
  g_assert_cmpuint (node->size, <, SIZE + MIB);
  check_random_reads (node, f.bytes);
  check_map (&f, node);

  const DioBlockCreate create = { .format = "qcow2" };
  g_assert_true (dio_block_convert (node, f.copy, &create, NULL, &error));
  g_assert_no_error (error);
  dio_block_node_close (node);
  g_autofree char *output = NULL;
  if (rig_run (&output, "qemu-img", "compare", "-f", f.kind->qemu_format, "-F", "qcow2", f.path,
               f.copy, NULL))
    g_error ("qemu-img compare: %s", output);
  fixture_clear (&f);
}

/* Nothing in the file changes, and writing is refused with the way out. */
static void
test_only_read (gconstpointer data)
{
  Fixture f;
  g_autoptr (GError) error = NULL;
  fixture_init (&f, data);
  g_assert_null (dio_block_node_open (dio_files_host (), f.path, f.kind->format, 0, NULL, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "read-only"));
  DioBlockNode *node = try_open (&f, NULL);
  g_assert_cmpint (dio_block_node_write (node, 0, f.bytes, 512), ==, -EROFS);
  dio_block_node_close (node);
  fixture_clear (&f);
}

static void
read_all (DioBlockNode *node)
{
  g_autofree uint8_t *bytes = g_malloc (MIB);
  DioBlockExtent extent;
  for (uint64_t at = 0; at < MIN (node->size, 64 * MIB); at += MIB) {
    dio_block_node_read (node, at, bytes, (size_t) MIN (MIB, node->size - at));
    dio_block_node_map (node, at, node->size - at, &extent);
  }
}

/* Bytes of headers and tables changed at random: no more than an error comes of it. */
static void
test_damaged (gconstpointer data)
{
  Fixture f;
  g_autofree char *image = NULL;
  gsize length;
  unsigned refused = 0;
  fixture_init (&f, data);
  g_assert_true (g_file_get_contents (f.path, &image, &length, NULL));
  g_autoptr (GRand) random = g_rand_new_with_seed (11);
  int fd = dio_file_open (dio_files_host (), AT_FDCWD, f.path, O_RDWR, 0);
  for (unsigned i = 0; i < DAMAGES; i++) {
    /* The start, the end, and where VHDX has its tables. */
    gsize spot = i % 3 == 0 ? 0 : i % 3 == 1 ? length - 1024 : 64 * KIB * (1 + i % 5);
    gsize at = MIN (spot + (gsize) g_rand_int_range (random, 0, 1024), length - 8);
    uint8_t junk[8];
    for (unsigned k = 0; k < sizeof junk; k++)
      junk[k] = i & 1 ? 0xff : (uint8_t) g_rand_int (random);
    gsize n = (gsize) g_rand_int_range (random, 1, 9);
    g_assert_cmpint (dio_file_write (dio_files_host (), fd, junk, n, at), ==, 0);
    g_autoptr (GError) error = NULL;
    DioBlockNode *node = try_open (&f, &error);
    refused += !node;
    if (!node)
      g_assert_nonnull (error);
    else if (i % 16 == 0)
      read_all (node);
    dio_block_node_close (node);
    g_assert_cmpint (dio_file_write (dio_files_host (), fd, image + at, n, at), ==, 0);
  }
  /* Without what tells the format it is certain. */
  static const uint8_t zeros[512];
  g_autoptr (GError) error = NULL;
  dio_file_write (dio_files_host (), fd, zeros, 128, 0);
  dio_file_write (dio_files_host (), fd, zeros, 512, length - 512);
  g_assert_null (try_open (&f, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
  g_test_message ("%u of %u refused", refused, DAMAGES);
  dio_file_close (dio_files_host (), fd);
  fixture_clear (&f);
}

/* A file that ends early: every byte that is read is right, or there is an error. */
static void
test_cut (gconstpointer data)
{
  Fixture f;
  fixture_init (&f, data);
  g_autofree uint8_t *got = g_malloc (SIZE);
  struct statx status;
  int fd = dio_file_open (dio_files_host (), AT_FDCWD, f.path, O_RDWR, 0);
  dio_file_stat (dio_files_host (), fd, "", AT_EMPTY_PATH, &status);
  bool failed = false;
  for (uint64_t size = status.stx_size; size > 512; size = size / 2) {
    g_assert_cmpint (dio_file_truncate (dio_files_host (), fd, size - 1), ==, 0);
    DioBlockNode *node = try_open (&f, NULL);
    for (uint64_t at = 0; node && at + 64 * KIB <= SIZE; at += 64 * KIB)
      if (dio_block_node_read (node, at, got, 64 * KIB) == 0)
        g_assert_cmpint (memcmp (got, f.bytes + at, 64 * KIB), ==, 0);
      else
        failed = true;
    failed |= !node;
    dio_block_node_close (node);
  }
  g_assert_true (failed);
  dio_file_close (dio_files_host (), fd);
  fixture_clear (&f);
}

/* What needs other files is refused with a sentence that says so; their names are not looked at. */
static void
refuse (const char *format, const char *path, const char *word)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (
      dio_block_node_open (dio_files_host (), path, format, DIO_BLOCK_OPEN_READONLY, NULL, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
  if (!strstr (error->message, word))
    g_error ("unexpected: %s", error->message);
}

static void
test_not_alone (void)
{
  g_autofree char *folder = rig_folder_new ();
  g_autofree char *base = g_build_filename (folder, "base.vmdk", NULL);
  g_autofree char *top = g_build_filename (folder, "top.vmdk", NULL);
  g_autofree char *flat = g_build_filename (folder, "flat.vmdk", NULL);
  g_assert_cmpint (rig_run (NULL, "qemu-img", "create", "-q", "-f", "vmdk", base, "10M", NULL), ==,
                   0);
  g_assert_cmpint (
      rig_run (NULL, "qemu-img", "create", "-q", "-f", "vmdk", "-b", base, "-F", "vmdk", top, NULL),
      ==, 0);
  g_assert_cmpint (rig_run (NULL, "qemu-img", "create", "-q", "-f", "vmdk", "-o",
                            "subformat=monolithicFlat", flat, "10M", NULL),
                   ==, 0);
  refuse ("vmdk", top, "differs from another image");
  refuse ("vmdk", flat, "in other files");
  refuse ("vdi", base, "not a VDI image");
  refuse ("vhd", base, "not a VHD image");
  refuse ("vhdx", base, "not a VHDX image");
  rig_folder_free (g_steal_pointer (&folder));
}

static void
add (const char *name, const Kind *kind, GTestDataFunc test)
{
  g_autofree char *path = g_strdup_printf ("/core/backend/block/import/%s/%s", name, kind->name);
  g_test_add_data_func (path, kind, test);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (kinds); i++) {
    add ("contents", &kinds[i], test_contents);
    add ("only-read", &kinds[i], test_only_read);
    add ("damaged", &kinds[i], test_damaged);
    add ("cut", &kinds[i], test_cut);
  }
  g_test_add_func ("/core/backend/block/import/not-alone", test_not_alone);
  return g_test_run ();
}
