/* SPDX-License-Identifier: GPL-3.0-or-later
 * Counts of references to clusters: which are free, and how the tables of counts grow.
 *
 * A raised count may reach the disk at any time. A lowered one must not before the pointer is gone
 * from the disk, so counts are lowered (dio_qcow2_set_count()) only when that is so, or when there
 * never was a pointer. */
#include <errno.h>
#include <string.h>

#include "core/backend/block/qcow2-private.h"

/* ---- Numbers of 1 to 64 bits ---- */

static uint64_t
get_number (const uint8_t *data, unsigned order, uint64_t index)
{
  switch (order) {
  case 3:
    return data[index];
  case 4:
    return dio_get_be16 (data + index * 2);
  case 5:
    return dio_get_be32 (data + index * 4);
  case 6:
    return dio_get_be64 (data + index * 8);
  default: {
    unsigned bits = 1u << order;
    unsigned per_byte = 8 / bits;
    return (data[index / per_byte] >> (index % per_byte * bits)) & ((1u << bits) - 1);
  }
  }
}

static void
put_number (uint8_t *data, unsigned order, uint64_t index, uint64_t value)
{
  if (order < 3) {
    unsigned bits = 1u << order;
    unsigned per_byte = 8 / bits;
    unsigned shift = (unsigned) (index % per_byte) * bits;
    uint8_t *byte = &data[index / per_byte];
    *byte = (uint8_t) ((*byte & ~(((1u << bits) - 1) << shift)) | value << shift);
    return;
  }
  uint8_t bytes[8];
  unsigned length = 1u << (order - 3);
  dio_put_be64 (bytes, value);
  memcpy (data + index * length, bytes + 8 - length, length);
}

static uint64_t
most_count (const Qcow2 *qcow2)
{
  unsigned bits = 1u << qcow2->header.refcount_order;
  return bits == 64 ? UINT64_MAX : (UINT64_C (1) << bits) - 1;
}

/* ---- Blocks ---- */

/* The block of counts with the number @index; NULL and 0 where there is none. */
static Qcow2Table *
get_block (Qcow2 *qcow2, uint64_t index, int *result)
{
  *result = 0;
  uint64_t offset = index < qcow2->n_reftable ? qcow2->reftable[index] & QCOW2_OFFSET_MASK : 0;
  if (!offset)
    return NULL;
  Qcow2Table *block = dio_qcow2_cache_find (&qcow2->blocks, index);
  if (block)
    return block;
  if (offset & (qcow2->cluster_size - 1)) {
    *result = dio_qcow2_mark_corrupt (qcow2, "a block of reference counts", offset);
    return NULL;
  }
  return dio_qcow2_cache_add (qcow2, &qcow2->blocks, index, offset, true, result);
}

static void
put_count (Qcow2 *qcow2, Qcow2Table *block, uint64_t index, uint64_t count)
{
  unsigned order = qcow2->header.refcount_order;
  uint64_t within = index % qcow2->counts;
  uint32_t from = (uint32_t) ((within << order) / 8);
  uint32_t to = (uint32_t) ((((within + 1) << order) + 7) / 8);
  put_number (block->data, order, within, count);
  dio_qcow2_table_dirty (&qcow2->blocks, block, from, to);
}

int64_t
dio_qcow2_get_count (Qcow2 *qcow2, uint64_t index)
{
  int result;
  Qcow2Table *block = get_block (qcow2, index / qcow2->counts, &result);
  if (!block)
    return result;
  uint64_t count = get_number (block->data, qcow2->header.refcount_order, index % qcow2->counts);
  return (int64_t) MIN (count, (uint64_t) INT64_MAX);
}

static void
dirty_reftable (Qcow2 *qcow2, uint64_t index)
{
  if (qcow2->reftable_dirty_from == qcow2->reftable_dirty_to) {
    qcow2->reftable_dirty_from = index;
    qcow2->reftable_dirty_to = index + 1;
  } else {
    qcow2->reftable_dirty_from = MIN (qcow2->reftable_dirty_from, index);
    qcow2->reftable_dirty_to = MAX (qcow2->reftable_dirty_to, index + 1);
  }
}

static void
touch (Qcow2 *qcow2, uint64_t cluster)
{
  qcow2->fresh = MAX (qcow2->fresh, cluster + 1);
}

/* Puts a new block for the counts number @index at @cluster. */
static Qcow2Table *
place_block (Qcow2 *qcow2, uint64_t index, uint64_t cluster, int *result)
{
  uint64_t offset = cluster << qcow2->header.cluster_bits;
  if (!dio_set_reserve (&qcow2->metadata, 1)) {
    *result = -ENOMEM;
    return NULL;
  }
  Qcow2Table *block = dio_qcow2_cache_add (qcow2, &qcow2->blocks, index, offset, false, result);
  if (!block)
    return NULL;
  block->unlinked = true;
  dio_qcow2_table_dirty (&qcow2->blocks, block, 0, (uint32_t) qcow2->cluster_size);
  qcow2->reftable[index] = offset;
  dirty_reftable (qcow2, index);
  dio_qcow2_add_metadata (qcow2, cluster);
  touch (qcow2, cluster);
  return block;
}

/* False when the image says that a cluster with tables is free. */
static bool
may_use (Qcow2 *qcow2, uint64_t index)
{
  return index && !dio_qcow2_is_metadata (qcow2, index);
}

/* The first cluster from @from on that nobody uses. Without a block all are free. */
static int64_t
find_free (Qcow2 *qcow2, uint64_t from)
{
  for (uint64_t index = from; index < (UINT64_C (1) << 55) >> qcow2->header.cluster_bits; index++) {
    int64_t count = dio_qcow2_get_count (qcow2, index);
    if (count < 0)
      return count;
    if (count == 0 && !may_use (qcow2, index))
      return dio_qcow2_mark_corrupt (qcow2, "tables are counted as free",
                                     index << qcow2->header.cluster_bits);
    if (count == 0)
      return (int64_t) index;
  }
  return -EFBIG;
}

/* ---- Growth of the reference table (rule: new table, sync, header, sync) ---- */

/* Takes back the first @n blocks that place_blocks() made. */
static void
take_back_blocks (Qcow2 *qcow2, uint64_t base, uint64_t n)
{
  uint64_t first = base / qcow2->counts;
  for (uint64_t i = 0; i < n; i++) {
    dio_qcow2_cache_drop (&qcow2->blocks, dio_qcow2_cache_find (&qcow2->blocks, first + i));
    dio_qcow2_remove_metadata (qcow2, base + i);
    qcow2->reftable[first + i] = 0;
  }
}

/* The blocks that count the clusters from @base on, where they start themselves. All or none. */
static int
place_blocks (Qcow2 *qcow2, uint64_t base, uint64_t n_blocks)
{
  int result = 0;
  uint64_t from = qcow2->reftable_dirty_from, to = qcow2->reftable_dirty_to;
  for (uint64_t i = 0; i < n_blocks; i++)
    if (!place_block (qcow2, base / qcow2->counts + i, base + i, &result)) {
      take_back_blocks (qcow2, base, i);
      qcow2->reftable_dirty_from = from;
      qcow2->reftable_dirty_to = to;
      return result;
    }
  return 0;
}

/* Counts the blocks from @base on and the table of @clusters clusters behind them. */
static int
count_reftable (Qcow2 *qcow2, uint64_t base, uint64_t n_blocks, uint64_t clusters)
{
  for (uint64_t i = 0; i < n_blocks + clusters; i++) {
    int result;
    Qcow2Table *block = get_block (qcow2, (base + i) / qcow2->counts, &result);
    if (!block)
      return result ? result : -EIO;
    put_count (qcow2, block, base + i, 1);
    dio_qcow2_add_metadata (qcow2, base + i);
    touch (qcow2, base + i);
  }
  return 0;
}

/* @table is room for what is written. */
static int
switch_reftable (Qcow2 *qcow2, uint64_t *table, uint64_t offset, uint64_t clusters)
{
  DioBlockNode *node = &qcow2->node;
  uint8_t fields[12];
  for (uint64_t i = 0; i < qcow2->n_reftable; i++)
    table[i] = GUINT64_TO_BE (qcow2->reftable[i]);
  int result = dio_qcow2_write_blocks (qcow2);
  if (result == 0)
    result = dio_file_write (node->files, node->fd, table, qcow2->n_reftable * 8, offset);
  if (result == 0)
    result = dio_qcow2_sync (qcow2);
  if (result < 0)
    return result;
  dio_put_be64 (fields, offset);
  dio_put_be32 (fields + 8, (uint32_t) clusters);
  result = dio_file_write (node->files, node->fd, fields, sizeof fields, QCOW2_AT_REFTABLE);
  return result ? result : dio_qcow2_sync (qcow2);
}

/* All memory that the growth of the table to @entries takes, before anything is changed. */
static uint64_t *
prepare_reftable (Qcow2 *qcow2, uint64_t entries, uint64_t clusters)
{
  g_autofree uint64_t *written = g_try_new (uint64_t, entries);
  uint64_t *grown = g_try_renew (uint64_t, qcow2->reftable, entries);
  if (grown)
    qcow2->reftable = grown;
  if (!grown || !dio_set_reserve (&qcow2->metadata, clusters) || !dio_qcow2_make_room (qcow2, 1))
    return NULL;
  return g_steal_pointer (&written);
}

static int
grow_reftable (Qcow2 *qcow2, uint64_t least)
{
  uint64_t per_cluster = qcow2->cluster_size / 8;
  uint64_t old_entries = qcow2->n_reftable;
  uint64_t old_offset = qcow2->header.reftable_offset;
  uint64_t old_clusters = qcow2->header.reftable_clusters;
  uint64_t base = MAX (old_entries * qcow2->counts, qcow2->fresh);
  base = (base + qcow2->counts - 1) / qcow2->counts * qcow2->counts;
  uint64_t n_blocks = 1, clusters = 0;
  for (unsigned i = 0; i < 8; i++) { /* each depends on the other; settles at once */
    uint64_t entries = MAX (least + 1, base / qcow2->counts + n_blocks);
    clusters = (entries + entries / 2 + per_cluster - 1) / per_cluster;
    n_blocks = (n_blocks + clusters + qcow2->counts - 1) / qcow2->counts;
  }
  if (clusters * qcow2->cluster_size > QCOW2_MAX_REFTABLE_BYTES)
    return -EFBIG;
  g_autofree uint64_t *table =
      prepare_reftable (qcow2, clusters * per_cluster, n_blocks + clusters);
  if (!table)
    return -ENOMEM;
  qcow2->n_reftable = clusters * per_cluster;
  memset (qcow2->reftable + old_entries, 0, (qcow2->n_reftable - old_entries) * 8);
  uint64_t offset = (base + n_blocks) << qcow2->header.cluster_bits;
  int result = place_blocks (qcow2, base, n_blocks);
  if (result < 0) {
    qcow2->n_reftable = old_entries;
    return result;
  }
  result = count_reftable (qcow2, base, n_blocks, clusters);
  if (result == 0)
    result = switch_reftable (qcow2, table, offset, clusters);
  if (result < 0) {
    /* Which table the header names is not known, or half of it is in memory: no way on from here.
     */
    qcow2->failed = true;
    return result;
  }
  qcow2->header.reftable_offset = offset;
  qcow2->header.reftable_clusters = (uint32_t) clusters;
  qcow2->reftable_dirty_from = qcow2->reftable_dirty_to = 0;
  for (GList *link = qcow2->blocks.lru.head; link; link = link->next)
    ((Qcow2Table *) link->data)->unlinked = false;
  /* The old table's clusters stay used until the next flush has nothing else to do with them. */
  dio_qcow2_unreference (qcow2, old_offset, old_clusters * qcow2->cluster_size);
  for (uint64_t i = 0; i < old_clusters; i++)
    dio_qcow2_remove_metadata (qcow2, (old_offset >> qcow2->header.cluster_bits) + i);
  return 0;
}

/* Makes the block number @index. It counts itself, or another block counts it. */
static Qcow2Table *
make_block (Qcow2 *qcow2, uint64_t index, int *result)
{
  for (;;) {
    if (index >= qcow2->n_reftable) {
      *result = grow_reftable (qcow2, index);
      if (*result)
        return NULL;
    }
    Qcow2Table *block = get_block (qcow2, index, result);
    if (block || *result)
      return block;
    int64_t cluster = find_free (qcow2, qcow2->free_hint);
    if (cluster < 0) {
      *result = (int) cluster;
      return NULL;
    }
    uint64_t counted_by = (uint64_t) cluster / qcow2->counts;
    if (counted_by >= qcow2->n_reftable) {
      *result = grow_reftable (qcow2, counted_by);
      if (*result)
        return NULL;
      continue;
    }
    /* Where the cluster's own block is missing, it becomes that one first. */
    Qcow2Table *counter = get_block (qcow2, counted_by, result);
    if (*result)
      return NULL;
    if (!place_block (qcow2, counter ? index : counted_by, (uint64_t) cluster, result))
      return NULL;
    counter = get_block (qcow2, counted_by, result);
    if (!counter)
      return NULL;
    put_count (qcow2, counter, (uint64_t) cluster, 1);
  }
}

int
dio_qcow2_set_count (Qcow2 *qcow2, uint64_t index, uint64_t count)
{
  int result;
  if (count > most_count (qcow2))
    return -EFBIG;
  Qcow2Table *block = get_block (qcow2, index / qcow2->counts, &result);
  if (!block && result == 0 && count)
    block = make_block (qcow2, index / qcow2->counts, &result);
  if (!block)
    return result;
  put_count (qcow2, block, index, count);
  if (count == 0)
    qcow2->free_hint = MIN (qcow2->free_hint, index);
  return 0;
}

/* ---- Writing ---- */

int
dio_qcow2_write_blocks (Qcow2 *qcow2)
{
  DioBlockNode *node = &qcow2->node;
  if (!qcow2->blocks.n_dirty)
    return 0;
  for (GList *link = qcow2->blocks.lru.head; link; link = link->next) {
    Qcow2Table *block = link->data;
    if (block->dirty_from == block->dirty_to)
      continue;
    int result =
        dio_file_write (node->files, node->fd, block->data + block->dirty_from,
                        block->dirty_to - block->dirty_from, block->offset + block->dirty_from);
    if (result < 0)
      return result;
    dio_qcow2_table_clean (&qcow2->blocks, block);
  }
  return 0;
}

/* In pieces, as a flush must not need memory. */
int
dio_qcow2_write_reftable (Qcow2 *qcow2)
{
  DioBlockNode *node = &qcow2->node;
  uint64_t entries[512];
  for (uint64_t at = qcow2->reftable_dirty_from; at < qcow2->reftable_dirty_to;) {
    uint64_t count = MIN (qcow2->reftable_dirty_to - at, G_N_ELEMENTS (entries));
    for (uint64_t i = 0; i < count; i++)
      entries[i] = GUINT64_TO_BE (qcow2->reftable[at + i]);
    int result = dio_file_write (node->files, node->fd, entries, count * 8,
                                 qcow2->header.reftable_offset + at * 8);
    if (result < 0)
      return result;
    at += count;
  }
  qcow2->reftable_dirty_from = qcow2->reftable_dirty_to = 0;
  for (GList *link = qcow2->blocks.lru.head; link; link = link->next)
    ((Qcow2Table *) link->data)->unlinked = false;
  return 0;
}

/* ---- Allocation ---- */

int64_t
dio_qcow2_allocate (Qcow2 *qcow2, uint64_t want, uint64_t *offset, bool *fresh)
{
  uint64_t first;
  for (;;) {
    int64_t found = find_free (qcow2, qcow2->free_hint);
    if (found < 0)
      return found;
    first = (uint64_t) found;
    int result;
    if (get_block (qcow2, first / qcow2->counts, &result))
      break;
    /* Its block may take the very cluster: look again. */
    if (result == 0)
      make_block (qcow2, first / qcow2->counts, &result);
    if (result < 0)
      return result;
  }
  uint64_t count = 0;
  uint64_t end = (first / qcow2->counts + 1) * qcow2->counts;
  *fresh = qcow2->sparse && first >= qcow2->fresh;
  while (count < want && first + count < end) {
    int64_t used = dio_qcow2_get_count (qcow2, first + count);
    if (used < 0)
      return used;
    bool same = *fresh == (qcow2->sparse && first + count >= qcow2->fresh);
    if (used > 0 || !same || !may_use (qcow2, first + count))
      break;
    count++;
  }
  for (uint64_t i = 0; i < count; i++) {
    int result = dio_qcow2_set_count (qcow2, first + i, 1);
    if (result < 0)
      return result;
    touch (qcow2, first + i);
  }
  qcow2->free_hint = first + count;
  *offset = first << qcow2->header.cluster_bits;
  return (int64_t) count;
}

/* The first @clusters in a row that nobody uses, from *start on. 0 or -errno. */
static int
find_free_row (Qcow2 *qcow2, uint64_t clusters, uint64_t *start)
{
  int64_t at = find_free (qcow2, *start);
  for (uint64_t have = 0; at >= 0 && have < clusters;) {
    int64_t next = find_free (qcow2, (uint64_t) at + have);
    if (next == at + (int64_t) have) {
      have++;
    } else {
      at = next;
      have = next >= 0;
    }
  }
  *start = at < 0 ? 0 : (uint64_t) at;
  return at < 0 ? (int) at : 0;
}

/* The blocks that count the clusters from @start on. They lie behind these: one that is made while
 * the clusters are taken would take one of them, the first that it counts, and no row could be
 * longer than what one block counts. *@made: there are new ones, or another table of them, which
 * may lie just there. */
static int
make_blocks_for_row (Qcow2 *qcow2, uint64_t start, uint64_t clusters, bool *made)
{
  int result = 0;
  *made = false;
  for (uint64_t i = start / qcow2->counts; i <= (start + clusters - 1) / qcow2->counts; i++) {
    if (get_block (qcow2, i, &result))
      continue;
    if (result == 0) {
      qcow2->free_hint = start + clusters;
      *made = true;
      make_block (qcow2, i, &result);
    }
    if (result < 0)
      return result;
  }
  return 0;
}

static int
find_counted_row (Qcow2 *qcow2, uint64_t clusters, uint64_t *start)
{
  uint64_t hint = qcow2->free_hint;
  bool made = true;
  int result = 0;
  while (made && result == 0) {
    *start = hint;
    result = find_free_row (qcow2, clusters, start);
    if (result == 0)
      result = make_blocks_for_row (qcow2, *start, clusters, &made);
  }
  qcow2->free_hint = hint;
  return result;
}

int
dio_qcow2_allocate_row (Qcow2 *qcow2, uint64_t clusters, uint64_t *offset)
{
  uint64_t start = 0;
  int result = find_counted_row (qcow2, clusters, &start);
  *offset = start << qcow2->header.cluster_bits;
  for (uint64_t i = 0; i < clusters && result == 0; i++) {
    result = dio_qcow2_set_count (qcow2, start + i, 1);
    if (result < 0)
      dio_qcow2_release (qcow2, *offset, i);
    else
      touch (qcow2, start + i);
  }
  return result;
}

void
dio_qcow2_release (Qcow2 *qcow2, uint64_t offset, uint64_t clusters)
{
  for (uint64_t i = 0; i < clusters; i++)
    dio_qcow2_set_count (qcow2, (offset >> qcow2->header.cluster_bits) + i, 0);
}

bool
dio_qcow2_make_room (Qcow2 *qcow2, uint64_t more)
{
  Qcow2Spans *list = &qcow2->unreferenced;
  return dio_memory_grow (&list->spans, &list->capacity, list->n + more, sizeof *list->spans);
}

void
dio_qcow2_unreference (Qcow2 *qcow2, uint64_t offset, uint64_t length)
{
  uint64_t start = offset & ~(qcow2->cluster_size - 1);
  uint64_t end = dio_qcow2_clusters (qcow2, offset + length) << qcow2->header.cluster_bits;
  Qcow2Spans *list = &qcow2->unreferenced;
  g_return_if_fail (list->n < list->capacity);
  list->spans[list->n++] = (Qcow2Span){ start, end - start };
}

bool
dio_qcow2_check_data_offset (Qcow2 *qcow2, uint64_t offset)
{
  uint64_t cluster = offset >> qcow2->header.cluster_bits;
  if ((offset & (qcow2->cluster_size - 1)) == 0 && !dio_qcow2_is_metadata (qcow2, cluster))
    return true;
  dio_qcow2_mark_corrupt (qcow2, "data of the guest lies in tables", offset);
  return false;
}
