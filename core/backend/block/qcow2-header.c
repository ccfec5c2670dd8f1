/* SPDX-License-Identifier: GPL-3.0-or-later
 * The header of qcow2 images, and the snapshots that hang on it. All values are hostile. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/backend/block/qcow2-private.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define HEADER_V2 72
#define HEADER_V3 104
#define HEADER_READ 112
#define MAX_BACKING_NAME 1023
#define MAX_SNAPSHOT_EXTRA 1024

enum {
  EXTENSION_END = 0,
  EXTENSION_BACKING_FORMAT = 0xe2792aca,
};

/* ---- Reading ---- */

static bool
fail (const Qcow2 *qcow2, GError **error, DioError code, const char *reason)
{
  g_set_error (error, DIO_ERROR, code, _ ("The disk “%s” cannot be used: %s"), qcow2->node.path,
               reason);
  return false;
}

static void
parse (Qcow2Header *header, const uint8_t *bytes)
{
  header->version = dio_get_be32 (bytes + 4);
  header->backing_offset = dio_get_be64 (bytes + 8);
  header->backing_length = dio_get_be32 (bytes + 16);
  header->cluster_bits = dio_get_be32 (bytes + 20);
  header->size = dio_get_be64 (bytes + QCOW2_AT_SIZE);
  header->encryption = dio_get_be32 (bytes + 32);
  header->l1_size = dio_get_be32 (bytes + QCOW2_AT_L1_SIZE);
  header->l1_offset = dio_get_be64 (bytes + 40);
  header->reftable_offset = dio_get_be64 (bytes + QCOW2_AT_REFTABLE);
  header->reftable_clusters = dio_get_be32 (bytes + 56);
  header->n_snapshots = dio_get_be32 (bytes + 60);
  header->snapshots_offset = dio_get_be64 (bytes + 64);
  header->refcount_order = 4;
  header->length = HEADER_V2;
  if (header->version < 3)
    return;
  header->incompatible = dio_get_be64 (bytes + QCOW2_AT_INCOMPATIBLE);
  header->compatible = dio_get_be64 (bytes + 80);
  header->autoclear = dio_get_be64 (bytes + QCOW2_AT_AUTOCLEAR);
  header->refcount_order = dio_get_be32 (bytes + 96);
  header->length = dio_get_be32 (bytes + 100);
  if (header->length > HEADER_V3)
    header->compression = bytes[104];
}

static bool
check_features (const Qcow2 *qcow2, GError **error)
{
  const Qcow2Header *header = &qcow2->header;
  const uint64_t known =
      QCOW2_DIRTY | QCOW2_CORRUPT | QCOW2_EXTERNAL_DATA | QCOW2_COMPRESSION | QCOW2_EXTENDED_L2;
  if (header->encryption)
    return fail (qcow2, error, DIO_ERROR_UNSUPPORTED,
                 _ ("it is encrypted, which Diorama cannot read; convert it with qemu-img first"));
  if (header->incompatible & QCOW2_EXTERNAL_DATA)
    return fail (qcow2, error, DIO_ERROR_UNSUPPORTED,
                 _ ("its data lies in another file, which Diorama does not follow; convert it with "
                    "qemu-img first"));
  if (header->incompatible & ~known)
    return fail (qcow2, error, DIO_ERROR_UNSUPPORTED,
                 _ ("it uses features that are newer than this Diorama; update Diorama"));
  bool other = header->compression != QCOW2_ZLIB;
  if (header->compression > QCOW2_ZSTD || other != !!(header->incompatible & QCOW2_COMPRESSION))
    return fail (qcow2, error, DIO_ERROR_UNSUPPORTED,
                 _ ("its compression is not known to this Diorama; update Diorama"));
  return true;
}

/* True when @bytes from @offset on are clusters that a file may have. */
static bool
is_table (const Qcow2Header *header, uint64_t offset, uint64_t bytes)
{
  uint64_t mask = (UINT64_C (1) << header->cluster_bits) - 1;
  return (offset & mask) == 0 && offset <= DIO_BLOCK_MAX_SIZE && bytes <= DIO_BLOCK_MAX_SIZE;
}

static bool
check_layout (const Qcow2 *qcow2, uint64_t file_size, GError **error)
{
  const Qcow2Header *header = &qcow2->header;
  const char *bad = _ ("its header is damaged");
  if (header->cluster_bits < QCOW2_MIN_CLUSTER_BITS || header->cluster_bits > QCOW2_MAX_CLUSTER_BITS
      || header->refcount_order > 6)
    return fail (qcow2, error, DIO_ERROR_FORMAT, bad);
  uint64_t cluster = UINT64_C (1) << header->cluster_bits;
  bool extended = header->incompatible & QCOW2_EXTENDED_L2;
  if (header->version >= 3
      && (header->length < HEADER_V3 || header->length > cluster || header->length % 8))
    return fail (qcow2, error, DIO_ERROR_FORMAT, bad);
  if (header->size > DIO_BLOCK_MAX_SIZE || header->size % DIO_BLOCK_SECTOR
      || (extended && header->cluster_bits < 14))
    return fail (qcow2, error, DIO_ERROR_FORMAT, bad);
  uint64_t l1_bytes = (uint64_t) header->l1_size * 8;
  uint64_t reftable_bytes = (uint64_t) header->reftable_clusters * cluster;
  if (l1_bytes > QCOW2_MAX_L1_BYTES || reftable_bytes > QCOW2_MAX_REFTABLE_BYTES || !reftable_bytes
      || header->n_snapshots > QCOW2_MAX_SNAPSHOTS)
    return fail (qcow2, error, DIO_ERROR_FORMAT,
                 _ ("its tables are larger than any that are in use"));
  uint64_t l2_entries = cluster / (extended ? 16 : 8);
  uint64_t covered = l2_entries << header->cluster_bits;
  if (header->size && header->l1_size < (header->size - 1) / covered + 1)
    return fail (qcow2, error, DIO_ERROR_FORMAT, bad);
  if (!is_table (header, header->l1_offset, l1_bytes)
      || !is_table (header, header->reftable_offset, reftable_bytes)
      || (header->n_snapshots && !is_table (header, header->snapshots_offset, 0))
      || (header->l1_size && !header->l1_offset) || !header->reftable_offset)
    return fail (qcow2, error, DIO_ERROR_FORMAT, bad);
  if (header->l1_offset + l1_bytes > file_size
      || header->reftable_offset + reftable_bytes > file_size + cluster)
    return fail (qcow2, error, DIO_ERROR_FORMAT, _ ("its file is shorter than it should be"));
  if (header->backing_offset
      && (header->backing_length > MAX_BACKING_NAME || header->backing_offset > cluster
          || header->backing_length > cluster - header->backing_offset))
    return fail (qcow2, error, DIO_ERROR_FORMAT, bad);
  return true;
}

/* The extensions that lie between the header and the name of the backing image, in the first
 * cluster. Only one of them matters here. */
static void
read_extensions (Qcow2 *qcow2, const uint8_t *bytes, uint64_t length)
{
  uint64_t at = qcow2->header.length;
  uint64_t end = qcow2->header.backing_offset ? MIN (qcow2->header.backing_offset, length) : length;
  while (at + 8 <= end) {
    uint32_t type = dio_get_be32 (bytes + at);
    uint32_t size = dio_get_be32 (bytes + at + 4);
    at += 8;
    if (type == EXTENSION_END || size > end - at)
      return;
    if (type == EXTENSION_BACKING_FORMAT && !qcow2->backing_format && size < 64)
      qcow2->backing_format = g_strndup ((const char *) bytes + at, size);
    at += (uint64_t) (size + 7) & ~UINT64_C (7);
  }
}

bool
dio_qcow2_read_header (Qcow2 *qcow2, uint64_t file_size, GError **error)
{
  DioBlockNode *node = &qcow2->node;
  Qcow2Header *header = &qcow2->header;
  uint8_t bytes[HEADER_READ] = { 0 };
  int64_t got = dio_file_read (node->files, node->fd, bytes, sizeof bytes, 0);
  if (got < 0) {
    dio_set_error_errno (error, (int) -got, _ ("The disk “%s” could not be read"), node->path);
    return false;
  }
  if (got < HEADER_V2 || dio_get_be32 (bytes) != QCOW2_MAGIC)
    return fail (qcow2, error, DIO_ERROR_FORMAT, _ ("it is not a qcow2 image"));
  parse (header, bytes);
  if (header->version != 2 && header->version != 3)
    return fail (qcow2, error, DIO_ERROR_UNSUPPORTED, _ ("its version of qcow2 is not known"));
  if (!check_features (qcow2, error) || !check_layout (qcow2, file_size, error))
    return false;

  uint64_t length = MIN (file_size, UINT64_C (1) << header->cluster_bits);
  g_autofree uint8_t *cluster = g_try_malloc0 (length);
  got = cluster ? dio_file_read (node->files, node->fd, cluster, length, 0) : -ENOMEM;
  if (got == -ENOMEM) {
    dio_set_error_errno (error, ENOMEM, _ ("The disk “%s” could not be read"), node->path);
    return false;
  }
  if (got < (int64_t) length)
    return fail (qcow2, error, DIO_ERROR_IO, _ ("its header cannot be read"));
  read_extensions (qcow2, cluster, length);
  if (header->backing_offset && header->backing_length
      && header->backing_offset + header->backing_length <= length)
    qcow2->backing_name =
        g_strndup ((const char *) cluster + header->backing_offset, header->backing_length);
  return true;
}

char *
dio_qcow2_peek_backing (DioFiles *files, const char *path)
{
  Qcow2 qcow2 = { .node = { .files = files, .path = (char *) path } };
  qcow2.node.fd = dio_file_open (files, AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0);
  if (qcow2.node.fd < 0)
    return NULL;
  int64_t size = dio_file_seek (files, qcow2.node.fd, 0, SEEK_END);
  if (size > 0)
    dio_qcow2_read_header (&qcow2, (uint64_t) size, NULL);
  dio_file_close (files, qcow2.node.fd);
  g_free (qcow2.backing_format);
  return qcow2.backing_name;
}

/* ---- Changing ---- */

static int
write_field (Qcow2 *qcow2, uint64_t at, uint64_t value)
{
  uint8_t bytes[8];
  dio_put_be64 (bytes, value);
  return dio_file_write (qcow2->node.files, qcow2->node.fd, bytes, sizeof bytes, at);
}

int
dio_qcow2_set_incompatible (Qcow2 *qcow2, uint64_t bits)
{
  if (qcow2->header.version < 3)
    return 0; /* it has no place for them */
  int result = write_field (qcow2, QCOW2_AT_INCOMPATIBLE, bits);
  if (result == 0)
    result = dio_qcow2_sync (qcow2);
  if (result == 0)
    qcow2->header.incompatible = bits;
  return result;
}

int
dio_qcow2_clear_autoclear (Qcow2 *qcow2)
{
  if (!qcow2->header.autoclear)
    return 0;
  int result = write_field (qcow2, QCOW2_AT_AUTOCLEAR, 0);
  if (result == 0)
    result = dio_qcow2_sync (qcow2);
  if (result == 0)
    qcow2->header.autoclear = 0;
  return result;
}

int
dio_qcow2_mark_corrupt (Qcow2 *qcow2, const char *what, uint64_t offset)
{
  if (qcow2->corrupt || qcow2->node.readonly)
    return -EIO;
  g_warning ("The disk “%s” is damaged (%s at %" PRIu64 "); nothing more is written to it",
             qcow2->node.path, what, offset);
  qcow2->corrupt = true;
  dio_qcow2_set_incompatible (qcow2, qcow2->header.incompatible | QCOW2_CORRUPT);
  return -EIO;
}

void
dio_qcow2_get_info (DioBlockNode *node, DioQcow2Info *info)
{
  Qcow2 *qcow2 = (Qcow2 *) node;
  const Qcow2Header *header = &qcow2->header;
  *info = (DioQcow2Info){
    .version = header->version,
    .cluster_size = qcow2->cluster_size,
    .refcount_bits = 1u << header->refcount_order,
    .lazy_refcounts = header->compatible & QCOW2_LAZY,
    .extended_l2 = header->incompatible & QCOW2_EXTENDED_L2,
    .dirty = header->incompatible & QCOW2_DIRTY,
    .corrupt = header->incompatible & QCOW2_CORRUPT,
    .compression = header->compression == QCOW2_ZSTD ? "zstd" : "zlib",
    .backing_name = qcow2->backing_name,
    .backing_format = qcow2->backing_format,
    .n_snapshots = header->n_snapshots,
  };
}

/* ---- Snapshots ---- */

static void
snapshot_free (void *data)
{
  DioQcow2Snapshot *snapshot = data;
  g_free (snapshot->id);
  g_free (snapshot->name);
  g_free (snapshot);
}

/* Reads the entry at *at and moves behind it. NULL when that is not possible; with an @error when
 * the reason is not the image. */
static DioQcow2Snapshot *
read_snapshot (Qcow2 *qcow2, uint64_t *at, GError **error)
{
  DioBlockNode *node = &qcow2->node;
  uint8_t bytes[40];
  if (dio_file_read (node->files, node->fd, bytes, sizeof bytes, *at) != sizeof bytes)
    return NULL;
  uint16_t id_length = dio_get_be16 (bytes + 12);
  uint16_t name_length = dio_get_be16 (bytes + 14);
  uint32_t extra_length = dio_get_be32 (bytes + 36);
  if (extra_length > MAX_SNAPSHOT_EXTRA)
    return NULL;
  size_t length = (size_t) extra_length + id_length + name_length;
  g_autofree uint8_t *rest = g_try_malloc0 (length + 1);
  if (!rest) {
    dio_set_error_errno (error, ENOMEM, _ ("The disk “%s” could not be read"), node->path);
    return NULL;
  }
  if (dio_file_read (node->files, node->fd, rest, length, *at + sizeof bytes) != (int64_t) length)
    return NULL;
  DioQcow2Snapshot *snapshot = g_new0 (DioQcow2Snapshot, 1);
  snapshot->l1_offset = dio_get_be64 (bytes);
  snapshot->l1_size = dio_get_be32 (bytes + 8);
  snapshot->date_s = dio_get_be32 (bytes + 16);
  snapshot->clock_ns = dio_get_be64 (bytes + 24);
  snapshot->state_size = extra_length >= 8 ? dio_get_be64 (rest) : dio_get_be32 (bytes + 32);
  snapshot->size = extra_length >= 16 ? dio_get_be64 (rest + 8) : qcow2->header.size;
  snapshot->id = g_strndup ((char *) rest + extra_length, id_length);
  snapshot->name = g_strndup ((char *) rest + extra_length + id_length, name_length);
  *at = (*at + sizeof bytes + length + 7) & ~UINT64_C (7);
  return snapshot;
}

GPtrArray *
dio_qcow2_list_snapshots (DioBlockNode *node, GError **error)
{
  Qcow2 *qcow2 = (Qcow2 *) node;
  g_autoptr (GPtrArray) snapshots = g_ptr_array_new_with_free_func (snapshot_free);
  uint64_t at = qcow2->header.snapshots_offset;
  uint64_t end = at + QCOW2_MAX_SNAPSHOT_BYTES;
  for (uint32_t i = 0; i < qcow2->header.n_snapshots; i++) {
    GError *local = NULL;
    DioQcow2Snapshot *snapshot = at < end ? read_snapshot (qcow2, &at, &local) : NULL;
    if (local) {
      g_propagate_error (error, local);
      return NULL;
    }
    if (snapshot) {
      snapshot->end = at - qcow2->header.snapshots_offset;
      g_ptr_array_add (snapshots, snapshot);
    }
    if (!snapshot || snapshot->l1_size > QCOW2_MAX_L1_BYTES / 8
        || !is_table (&qcow2->header, snapshot->l1_offset, 0) || snapshot->size > DIO_BLOCK_MAX_SIZE
        || snapshot->size % DIO_BLOCK_SECTOR) {
      g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT,
                   _ ("The list of snapshots in the disk “%s” is damaged"), node->path);
      return NULL;
    }
  }
  return g_steal_pointer (&snapshots);
}

static bool
show (Qcow2 *qcow2, const DioQcow2Snapshot *snapshot, GError **error)
{
  DioBlockNode *node = &qcow2->node;
  size_t bytes = (size_t) snapshot->l1_size * 8;
  uint64_t covered = qcow2->l2_entries << qcow2->header.cluster_bits;
  g_autofree uint64_t *l1 = g_try_malloc0 (bytes + 8);
  int64_t got =
      l1 ? dio_file_read (node->files, node->fd, l1, bytes, snapshot->l1_offset) : -ENOMEM;
  if (!l1) {
    dio_set_error_errno (error, ENOMEM, _ ("The disk “%s” could not be read"), node->path);
    return false;
  }
  if (got < (int64_t) bytes
      || (snapshot->size && snapshot->l1_size < (snapshot->size - 1) / covered + 1)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT,
                 _ ("The snapshot “%s” in the disk “%s” is damaged"), snapshot->name, node->path);
    return false;
  }
  for (uint32_t i = 0; i < snapshot->l1_size; i++)
    l1[i] = GUINT64_FROM_BE (l1[i]);
  g_free (qcow2->l1);
  qcow2->l1 = g_steal_pointer (&l1);
  qcow2->header.l1_size = snapshot->l1_size;
  node->size = snapshot->size;
  dio_qcow2_cache_clear (&qcow2->l2);
  dio_qcow2_cache_init (&qcow2->l2, qcow2->cluster_size);
  return true;
}

bool
dio_qcow2_show_snapshot (DioBlockNode *node, const char *id, GError **error)
{
  g_return_val_if_fail (node->readonly, false);
  g_autoptr (GPtrArray) snapshots = dio_qcow2_list_snapshots (node, error);
  if (!snapshots)
    return false;
  for (unsigned by_name = 0; by_name < 2; by_name++)
    for (guint i = 0; i < snapshots->len; i++) {
      DioQcow2Snapshot *snapshot = g_ptr_array_index (snapshots, i);
      if (g_str_equal (by_name ? snapshot->name : snapshot->id, id))
        return show ((Qcow2 *) node, snapshot, error);
    }
  g_set_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND,
               _ ("There is no snapshot “%s” in the disk “%s”"), id, node->path);
  return false;
}
