/* SPDX-License-Identifier: GPL-3.0-or-later
 * Support of the tests of disk images. */
#include "tests/core/backend/block/rig.h"

#include <stdarg.h>
#include <string.h>

/* clang-format off */
const RigKind rig_kinds[] = {
  { "plain", { .format = "qcow2" } },
  { "tiny", { .format = "qcow2", .cluster_size = 512 } },
  { "v2", { .format = "qcow2", .version = 2, .cluster_size = 4096 } },
  { "one-bit", { .format = "qcow2", .cluster_size = 1024, .refcount_bits = 1 } },
  { "64-bit", { .format = "qcow2", .cluster_size = 512, .refcount_bits = 64 } },
  { "lazy", { .format = "qcow2", .cluster_size = 4096, .lazy_refcounts = true } },
  { "extended", { .format = "qcow2", .cluster_size = 16384, .extended_l2 = true } },
  { NULL },
};
/* clang-format on */

char *
rig_folder_new (void)
{
  char *folder = g_dir_make_tmp ("dio-disk-XXXXXX", NULL);
  g_assert_nonnull (folder);
  return folder;
}

void
rig_folder_free (char *folder)
{
  g_assert_true (dio_file_remove_tree (dio_files_host (), AT_FDCWD, folder, NULL));
  g_free (folder);
}

int
rig_run (char **output, const char *program, ...)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *out = NULL;
  g_autofree char *err = NULL;
  int status;
  va_list args;
  g_ptr_array_add (argv, (char *) program);
  va_start (args, program);
  for (char *arg = va_arg (args, char *); arg; arg = va_arg (args, char *))
    g_ptr_array_add (argv, arg);
  va_end (args);
  g_ptr_array_add (argv, NULL);
  g_spawn_sync (NULL, (char **) argv->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err,
                &status, &error);
  g_assert_no_error (error);
  if (output)
    *output = g_strconcat (out, err, NULL);
  return g_spawn_check_wait_status (status, &error) ? 0 : error->code;
}

void
rig_check_clean (const char *path)
{
  g_autofree char *output = NULL;
  int status = rig_run (&output, "qemu-img", "check", "-f", "qcow2", path, NULL);
  if (status)
    g_error ("qemu-img check of %s: %d\n%s", path, status, output);
}

void
rig_check_leaks_only (const char *path, const char *how)
{
  g_autofree char *output = NULL;
  int status = rig_run (&output, "qemu-img", "check", "-f", "qcow2", path, NULL);
  if (status && status != 3)
    g_error ("qemu-img check of %s (%s): %d\n%s", path, how, status, output);
}

void
rig_create (DioFiles *files, const char *path, const RigKind *kind, uint64_t size)
{
  g_autoptr (GError) error = NULL;
  DioBlockCreate create = kind->create;
  create.size = size;
  dio_block_create (files, path, &create, &error);
  g_assert_no_error (error);
}

DioBlockNode *
rig_open (DioFiles *files, const char *path, const char *format, DioBlockOpenFlags flags,
          DioBlockNode *backing)
{
  g_autoptr (GError) error = NULL;
  DioBlockNode *node = dio_block_node_open (files, path, format, flags, backing, &error);
  g_assert_no_error (error);
  return node;
}

/* ---- Random changes ---- */

static uint64_t
random_below (RigModel *model, uint64_t end)
{
  return ((uint64_t) g_rand_int (model->random) << 16 ^ g_rand_int (model->random)) % end;
}

/* Sizes from one sector to the most, small ones more often; mostly not at clusters. */
static void
random_range (RigModel *model, uint64_t *offset, uint64_t *length)
{
  uint64_t most = model->most >> g_rand_int_range (model->random, 0, 8);
  uint64_t sectors = model->node->size / 512;
  uint64_t count = 1 + random_below (model, MAX (most / 512, 1));
  count = MIN (count, sectors);
  uint64_t first = random_below (model, sectors - count + 1);
  if (g_rand_boolean (model->random))
    first &= ~UINT64_C (127); /* 64 KiB */
  *offset = first * 512;
  *length = count * 512;
}

static int
change_data (RigModel *model, uint64_t offset, uint64_t length)
{
  g_autofree uint8_t *data = g_malloc (length);
  struct iovec iov[9];
  int n = 0;
  uint8_t value = (uint8_t) g_rand_int (model->random);
  for (uint64_t i = 0; i < length; i++)
    data[i] = (uint8_t) (value + i / 512 * 7 + i);
  for (uint64_t at = 0; at < length; n++) {
    uint64_t part = random_below (model, 20000);
    part = n == 8 ? length - at : MIN (part, length - at);
    iov[n] = (struct iovec){ data + at, part };
    at += part;
  }
  int result = dio_block_node_writev (model->node, offset, iov, n);
  if (result == 0)
    memcpy (model->bytes + offset, data, length);
  return result;
}

int
rig_change (RigModel *model, uint64_t *offset, uint64_t *length)
{
  int result;
  random_range (model, offset, length);
  switch (g_rand_int_range (model->random, 0, 10)) {
  case 0:
  case 1:
    result =
        dio_block_node_write_zeroes (model->node, *offset, *length, g_rand_boolean (model->random));
    if (result == 0)
      memset (model->bytes + *offset, 0, *length);
    return result;
  case 2:
    if (model->keep_discarded)
      return 0;
    result = dio_block_node_discard (model->node, *offset, *length);
    /* What is there now is as good as anything. */
    if (result == 0)
      result = dio_block_node_read (model->node, *offset, model->bytes + *offset, *length);
    return result;
  case 3:
    *length = 0;
    return dio_block_node_flush (model->node);
  default:
    return change_data (model, *offset, *length);
  }
}

void
rig_compare (DioBlockNode *node, const uint8_t *bytes)
{
  g_autofree uint8_t *got = g_malloc (MIB);
  for (uint64_t at = 0; at < node->size; at += MIB) {
    uint64_t length = MIN (MIB, node->size - at);
    g_assert_cmpint (dio_block_node_read (node, at, got, length), ==, 0);
    if (memcmp (got, bytes + at, length) == 0)
      continue;
    for (uint64_t i = 0; i < length; i++)
      if (got[i] != bytes[at + i])
        g_error ("%s: byte %" G_GUINT64_FORMAT " is %02x and should be %02x", node->path, at + i,
                 got[i], bytes[at + i]);
  }
}
