/* SPDX-License-Identifier: GPL-3.0-or-later
 * New sizes of qcow2 images. The header changes in one write of neighbouring fields, after what it
 * speaks of is on the disk. */
#include <errno.h>
#include <string.h>

#include "core/backend/block/qcow2-private.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* Writes size, L1 size and L1 offset, which lie within one sector. */
static int
write_header (Qcow2 *qcow2, uint64_t size, uint32_t l1_size, uint64_t l1_offset)
{
  DioBlockNode *node = &qcow2->node;
  uint8_t fields[24];
  dio_put_be64 (fields, size);
  dio_put_be32 (fields + 8, qcow2->header.encryption);
  dio_put_be32 (fields + 12, l1_size);
  dio_put_be64 (fields + 16, l1_offset);
  int result = dio_file_write (node->files, node->fd, fields, sizeof fields, QCOW2_AT_SIZE);
  return result ? result : dio_qcow2_sync (qcow2);
}

static int
write_l1 (Qcow2 *qcow2, uint32_t entries, uint64_t offset)
{
  DioBlockNode *node = &qcow2->node;
  uint64_t bytes = (uint64_t) entries * 8;
  g_autofree uint64_t *table = g_try_malloc0 (bytes);
  if (!table)
    return -ENOMEM;
  for (uint32_t i = 0; i < qcow2->header.l1_size; i++)
    table[i] = GUINT64_TO_BE (qcow2->l1[i]);
  return dio_file_write (node->files, node->fd, table, bytes, offset);
}

/* All memory that the step to a larger table takes, as there is no way back from that. */
static int
make_room (Qcow2 *qcow2, uint32_t entries, uint64_t clusters)
{
  uint64_t *grown = g_try_renew (uint64_t, qcow2->l1, entries);
  if (grown)
    qcow2->l1 = grown;
  if (!grown || !dio_set_reserve (&qcow2->metadata, clusters) || !dio_qcow2_make_room (qcow2, 1))
    return -ENOMEM;
  return 0;
}

/* A larger L1 table somewhere else; the header gets it together with @size. */
static int
move_l1 (Qcow2 *qcow2, uint64_t size, uint32_t entries)
{
  uint64_t offset = 0;
  uint64_t old_offset = qcow2->header.l1_offset;
  uint64_t old_bytes = (uint64_t) qcow2->header.l1_size * 8;
  uint64_t clusters = dio_qcow2_clusters (qcow2, (uint64_t) entries * 8);
  int result = dio_qcow2_allocate_row (qcow2, clusters, &offset);
  if (result < 0)
    return result;
  result = write_l1 (qcow2, entries, offset);
  /* Counts first, as ever; the flush also brings what the old table does not point to yet. */
  if (result == 0)
    result = dio_qcow2_flush (qcow2);
  if (result == 0)
    result = write_l1 (qcow2, entries, offset);
  if (result == 0)
    result = dio_qcow2_sync (qcow2);
  if (result == 0)
    result = make_room (qcow2, entries, clusters);
  if (result < 0) {
    dio_qcow2_release (qcow2, offset, clusters);
    return result;
  }
  result = write_header (qcow2, size, entries, offset);
  if (result < 0) {
    qcow2->failed = true; /* which table counts is not known */
    return result;
  }
  for (uint64_t i = 0; i < clusters; i++)
    dio_qcow2_add_metadata (qcow2, (offset >> qcow2->header.cluster_bits) + i);
  memset (qcow2->l1 + qcow2->header.l1_size, 0, (entries - qcow2->header.l1_size) * 8);
  if (old_bytes)
    dio_qcow2_unreference (qcow2, old_offset, old_bytes);
  qcow2->header.l1_size = entries;
  qcow2->header.l1_offset = offset;
  return 0;
}

/* What lies behind the old end must not come back: leftovers of this image, and what the backing
 * image has there. */
static int
clear_gain (Qcow2 *qcow2, uint64_t old_size)
{
  DioBlockNode *node = &qcow2->node;
  uint64_t covered = qcow2->l2_entries << qcow2->header.cluster_bits;
  uint64_t end = node->size;
  for (uint64_t at = old_size; at < end;) {
    uint64_t next = MIN ((at / covered + 1) * covered, end);
    bool backing = node->backing && at < node->backing->size;
    if (backing || qcow2->l1[at / covered]) {
      int result = dio_qcow2_write_zeroes (node, at, next - at, true);
      if (result < 0)
        return result;
    }
    at = next;
  }
  return 0;
}

static int
grow (Qcow2 *qcow2, uint64_t size)
{
  uint64_t old_size = qcow2->node.size;
  uint64_t covered = qcow2->l2_entries << qcow2->header.cluster_bits;
  uint64_t entries = (size + covered - 1) / covered;
  if (entries * 8 > QCOW2_MAX_L1_BYTES)
    return -EFBIG;
  /* Leftovers go first: the size is what makes them visible. */
  int result = dio_qcow2_flush (qcow2);
  if (result == 0 && entries > qcow2->header.l1_size)
    result = move_l1 (qcow2, qcow2->header.size, (uint32_t) entries);
  if (result == 0) {
    qcow2->node.size = size;
    result = clear_gain (qcow2, old_size);
    if (result == 0)
      result = dio_qcow2_flush (qcow2);
    if (result == 0)
      result = write_header (qcow2, size, qcow2->header.l1_size, qcow2->header.l1_offset);
  }
  return result;
}

static int
shrink (Qcow2 *qcow2, uint64_t size)
{
  uint64_t old_size = qcow2->node.size;
  int result = dio_qcow2_flush (qcow2);
  if (result == 0)
    result = write_header (qcow2, size, qcow2->header.l1_size, qcow2->header.l1_offset);
  if (result < 0)
    return result;
  /* Only then, as the data is gone with that; what a cut leaves here is lost space. */
  uint64_t first = dio_qcow2_clusters (qcow2, size) << qcow2->header.cluster_bits;
  if (first < old_size)
    result = dio_qcow2_discard (&qcow2->node, first, old_size - first);
  return result ? result : dio_qcow2_flush (qcow2);
}

bool
dio_qcow2_resize (DioBlockNode *node, uint64_t size, GError **error)
{
  Qcow2 *qcow2 = (Qcow2 *) node;
  uint64_t old_size = node->size;
  if (qcow2->header.n_snapshots && qcow2->header.version < 3) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                 _ ("The disk “%s” has snapshots of an old kind that keep its size; delete them "
                    "with qemu-img first"),
                 node->path);
    return false;
  }
  int result = size > old_size ? grow (qcow2, size) : size < old_size ? shrink (qcow2, size) : 0;
  if (result < 0) {
    node->size = old_size;
    return dio_block_fail_resize (node, size, result, error);
  }
  node->size = qcow2->header.size = size;
  return true;
}
