/* SPDX-License-Identifier: GPL-3.0-or-later
 * The two-level table from guest clusters to host clusters. */
#include <errno.h>
#include <string.h>

#include "core/backend/block/qcow2-private.h"

/* Gives L1 entry @at a table of its own: a new one, or a copy of @shared. */
static Qcow2Table *
own_table (Qcow2 *qcow2, uint64_t at, Qcow2Table *shared, int *result)
{
  uint64_t offset;
  bool fresh;
  int64_t got = dio_qcow2_allocate (qcow2, 1, &offset, &fresh);
  if (got < 0) {
    *result = (int) got;
    return NULL;
  }
  Qcow2Table *table = NULL;
  /* Only now: the allocation may have made a table of its own. */
  if (!dio_set_reserve (&qcow2->metadata, 1) || (shared && !dio_qcow2_make_room (qcow2, 1))) {
    *result = -ENOMEM;
  } else if (shared) {
    table = shared;
    /* Others still point to the old one, which is no longer ours to protect from the guest: the
     * snapshot's own entries of `metadata` do that. */
    dio_qcow2_unreference (qcow2, shared->offset, qcow2->cluster_size);
  } else {
    table = dio_qcow2_cache_add (qcow2, &qcow2->l2, at, offset, false, result);
  }
  if (!table) {
    dio_qcow2_release (qcow2, offset, 1);
    return NULL;
  }
  table->offset = offset;
  table->unlinked = true;
  dio_qcow2_table_dirty (&qcow2->l2, table, 0, (uint32_t) qcow2->cluster_size);
  qcow2->l1[at] = offset | QCOW2_COPIED;
  dio_qcow2_add_metadata (qcow2, offset >> qcow2->header.cluster_bits);
  return table;
}

Qcow2Table *
dio_qcow2_get_l2 (Qcow2 *qcow2, uint64_t index, bool change, int *result)
{
  uint64_t at = index / qcow2->l2_entries;
  *result = 0;
  if (at >= qcow2->header.l1_size) {
    *result = -EIO;
    return NULL;
  }
  uint64_t offset = qcow2->l1[at] & QCOW2_OFFSET_MASK;
  Qcow2Table *table = NULL;
  if (offset) {
    table = dio_qcow2_cache_find (&qcow2->l2, at);
    if (!table && offset & (qcow2->cluster_size - 1)) {
      *result = dio_qcow2_mark_corrupt (qcow2, "an L2 table", offset);
      return NULL;
    }
    if (!table)
      table = dio_qcow2_cache_add (qcow2, &qcow2->l2, at, offset, true, result);
    if (!table)
      return NULL;
  }
  if (change && (!table || !(qcow2->l1[at] & QCOW2_COPIED)))
    table = own_table (qcow2, at, table, result);
  return table;
}

Qcow2Entry
dio_qcow2_get_entry (const Qcow2 *qcow2, const Qcow2Table *table, uint64_t index)
{
  if (!table)
    return (Qcow2Entry){ 0, 0 };
  const uint8_t *at = table->data + index % qcow2->l2_entries * qcow2->l2_entry_bytes;
  return (Qcow2Entry){ dio_get_be64 (at), qcow2->l2_entry_bytes == 16 ? dio_get_be64 (at + 8) : 0 };
}

void
dio_qcow2_set_entry (Qcow2 *qcow2, Qcow2Table *table, uint64_t index, Qcow2Entry entry)
{
  uint32_t from = (uint32_t) (index % qcow2->l2_entries * qcow2->l2_entry_bytes);
  dio_put_be64 (table->data + from, entry.value);
  if (qcow2->l2_entry_bytes == 16)
    dio_put_be64 (table->data + from + 8, entry.bitmap);
  dio_qcow2_table_dirty (&qcow2->l2, table, from, from + qcow2->l2_entry_bytes);
}

DioBlockExtentKind
dio_qcow2_classify (const Qcow2 *qcow2, Qcow2Entry entry, uint64_t unit, uint64_t *host)
{
  uint64_t offset = entry.value & QCOW2_OFFSET_MASK;
  if (entry.value & QCOW2_COMPRESSED)
    return DIO_BLOCK_COMPRESSED;
  *host = offset + unit * qcow2->unit;
  if (qcow2->l2_entry_bytes == 16) {
    if (entry.bitmap >> (QCOW2_SUBCLUSTERS + unit) & 1)
      return DIO_BLOCK_ZERO;
    return entry.bitmap >> unit & 1 && offset ? DIO_BLOCK_DATA : DIO_BLOCK_UNALLOCATED;
  }
  if (qcow2->header.version >= 3 && entry.value & QCOW2_ZERO)
    return DIO_BLOCK_ZERO;
  return offset ? DIO_BLOCK_DATA : DIO_BLOCK_UNALLOCATED;
}

Qcow2Span
dio_qcow2_compressed_span (const Qcow2 *qcow2, uint64_t entry)
{
  unsigned shift = 62 - (qcow2->header.cluster_bits - 8);
  uint64_t offset = entry & ((UINT64_C (1) << shift) - 1);
  uint64_t sectors = (entry >> shift) & ((UINT64_C (1) << (qcow2->header.cluster_bits - 8)) - 1);
  return (Qcow2Span){ offset, (sectors + 1) * 512 - (offset & 511) };
}

void
dio_qcow2_drop_entry (Qcow2 *qcow2, Qcow2Entry entry)
{
  if (entry.value & QCOW2_COMPRESSED) {
    Qcow2Span span = dio_qcow2_compressed_span (qcow2, entry.value);
    dio_qcow2_unreference (qcow2, span.offset, span.length);
  } else if (entry.value & QCOW2_OFFSET_MASK) {
    dio_qcow2_unreference (qcow2, entry.value & QCOW2_OFFSET_MASK, qcow2->cluster_size);
  }
}
