/* SPDX-License-Identifier: GPL-3.0-or-later
 * Bringing tables to the disk in an order that survives a power cut at any moment; see
 * qcow2-private.h for the rules. */
#include <errno.h>

#include "core/backend/block/qcow2-private.h"

/* Changes of L2 tables as they were when the flush began. */
typedef struct {
  uint64_t index, offset;
  uint32_t from, to;
  uint8_t *data;
} Change;

typedef struct {
  GArray *changes;      /* of Change: of tables that the disk knows */
  GArray *links;        /* of uint64_t: L1 entries of those it does not */
  GArray *unreferenced; /* of Qcow2Span */
} Batch;

int
dio_qcow2_sync (Qcow2 *qcow2)
{
  if (qcow2->failed)
    return -EIO;
  int result = dio_file_datasync (qcow2->node.files, qcow2->node.fd);
  if (result < 0)
    qcow2->failed = true;
  return result;
}

/* The same without `lock`, which must not be held during a sync of much data. */
static int
sync_unlocked (Qcow2 *qcow2)
{
  int result = dio_file_datasync (qcow2->node.files, qcow2->node.fd);
  if (result < 0) {
    pthread_mutex_lock (&qcow2->lock);
    qcow2->failed = true;
    pthread_mutex_unlock (&qcow2->lock);
  }
  return result;
}

static void
change_clear (void *data)
{
  g_free (((Change *) data)->data);
}

static void
batch_init (Batch *batch)
{
  batch->changes = g_array_new (FALSE, FALSE, sizeof (Change));
  g_array_set_clear_func (batch->changes, change_clear);
  batch->links = g_array_new (FALSE, FALSE, sizeof (uint64_t));
  batch->unreferenced = g_array_new (FALSE, FALSE, sizeof (Qcow2Span));
}

static void
batch_clear (Batch *batch)
{
  g_array_unref (batch->changes);
  g_array_unref (batch->links);
  g_array_unref (batch->unreferenced);
}

/* ---- Before the first sync ---- */

/* Tables that nothing on the disk points to are written right away, changes of others kept. */
static int
collect_table (Qcow2 *qcow2, Qcow2Table *table, Batch *batch)
{
  DioBlockNode *node = &qcow2->node;
  uint32_t length = table->dirty_to - table->dirty_from;
  if (table->unlinked) {
    g_array_append_val (batch->links, table->index);
    int result = dio_file_write (node->files, node->fd, table->data + table->dirty_from, length,
                                 table->offset + table->dirty_from);
    if (result < 0)
      return result;
  } else {
    Change change = { table->index, table->offset, table->dirty_from, table->dirty_to,
                      g_memdup2 (table->data + table->dirty_from, length) };
    g_array_append_val (batch->changes, change);
  }
  table->flushing = true;
  dio_qcow2_table_clean (&qcow2->l2, table);
  return 0;
}

static int
collect_locked (Qcow2 *qcow2, Batch *batch)
{
  if (qcow2->failed)
    return -EIO;
  for (GList *link = qcow2->l2.lru.head; link; link = link->next) {
    Qcow2Table *table = link->data;
    if (table->dirty_from != table->dirty_to) {
      int result = collect_table (qcow2, table, batch);
      if (result < 0)
        return result;
    } else if (table->unlinked) {
      g_array_append_val (batch->links, table->index);
      table->flushing = true;
    }
  }
  g_array_append_vals (batch->unreferenced, qcow2->unreferenced->data, qcow2->unreferenced->len);
  g_array_set_size (qcow2->unreferenced, 0);
  return 0;
}

/* Counts first. A new block of counts is on the disk before the reference table points to it; that
 * is rare enough (2 GiB apart) to let everybody wait for the sync. */
static int
write_counts_locked (Qcow2 *qcow2)
{
  bool lazy = qcow2->header.incompatible & QCOW2_DIRTY;
  bool grown = qcow2->reftable_dirty_from != qcow2->reftable_dirty_to;
  int result = lazy && !grown ? 0 : dio_qcow2_write_blocks (qcow2);
  if (result < 0 || !grown)
    return result;
  result = dio_qcow2_sync (qcow2);
  return result ? result : dio_qcow2_write_reftable (qcow2);
}

/* ---- After it ---- */

static int
write_changes_locked (Qcow2 *qcow2, const Batch *batch)
{
  DioBlockNode *node = &qcow2->node;
  for (guint i = 0; i < batch->changes->len; i++) {
    const Change *change = &g_array_index (batch->changes, Change, i);
    int result = dio_file_write (node->files, node->fd, change->data, change->to - change->from,
                                 change->offset + change->from);
    if (result < 0)
      return result;
  }
  for (guint i = 0; i < batch->links->len; i++) {
    uint64_t index = g_array_index (batch->links, uint64_t, i);
    uint64_t entry = GUINT64_TO_BE (qcow2->l1[index]);
    int result = dio_file_write (node->files, node->fd, &entry, sizeof entry,
                                 qcow2->header.l1_offset + index * 8);
    if (result < 0)
      return result;
  }
  return 0;
}

/* What the batch wanted is to be tried again. */
static void
restore_locked (Qcow2 *qcow2, const Batch *batch)
{
  for (guint i = 0; i < batch->changes->len; i++) {
    const Change *change = &g_array_index (batch->changes, Change, i);
    Qcow2Table *table = dio_qcow2_cache_find (&qcow2->l2, change->index);
    table->flushing = false;
    dio_qcow2_table_dirty (&qcow2->l2, table, change->from, change->to);
  }
  for (guint i = 0; i < batch->links->len; i++) {
    uint64_t index = g_array_index (batch->links, uint64_t, i);
    Qcow2Table *table = dio_qcow2_cache_find (&qcow2->l2, index);
    table->flushing = false;
    dio_qcow2_table_dirty (&qcow2->l2, table, 0, (uint32_t) qcow2->cluster_size);
  }
  g_array_append_vals (qcow2->unreferenced, batch->unreferenced->data, batch->unreferenced->len);
}

static void
settle_locked (Qcow2 *qcow2, const Batch *batch)
{
  for (guint i = 0; i < batch->changes->len; i++) {
    uint64_t index = g_array_index (batch->changes, Change, i).index;
    dio_qcow2_cache_find (&qcow2->l2, index)->flushing = false;
  }
  for (guint i = 0; i < batch->links->len; i++) {
    uint64_t index = g_array_index (batch->links, uint64_t, i);
    Qcow2Table *table = dio_qcow2_cache_find (&qcow2->l2, index);
    table->flushing = table->unlinked = false;
  }
}

/* ---- Giving back what nothing points to ---- */

static int
compare_spans (gconstpointer a, gconstpointer b)
{
  const Qcow2Span *first = a, *second = b;
  return first->offset < second->offset ? -1 : first->offset > second->offset;
}

/* The clusters that get free with this, as spans. */
static GArray *
find_holes_locked (Qcow2 *qcow2, GArray *spans)
{
  GArray *holes = g_array_new (FALSE, FALSE, sizeof (Qcow2Span));
  g_array_sort (spans, compare_spans);
  for (guint i = 0; i < spans->len; i++) {
    const Qcow2Span *span = &g_array_index (spans, Qcow2Span, i);
    for (uint64_t done = 0; done < span->length; done += qcow2->cluster_size) {
      uint64_t offset = span->offset + done;
      if (dio_qcow2_get_count (qcow2, offset >> qcow2->header.cluster_bits) != 1)
        continue;
      Qcow2Span *last = holes->len ? &g_array_index (holes, Qcow2Span, holes->len - 1) : NULL;
      Qcow2Span hole = { offset, qcow2->cluster_size };
      if (last && last->offset + last->length == offset)
        last->length += qcow2->cluster_size;
      else
        g_array_append_val (holes, hole);
    }
  }
  return holes;
}

static void
lower_locked (Qcow2 *qcow2, const GArray *spans)
{
  for (guint i = 0; i < spans->len; i++) {
    const Qcow2Span *span = &g_array_index (spans, Qcow2Span, i);
    for (uint64_t done = 0; done < span->length; done += qcow2->cluster_size) {
      uint64_t index = (span->offset + done) >> qcow2->header.cluster_bits;
      int64_t count = dio_qcow2_get_count (qcow2, index);
      if (count == 0)
        dio_qcow2_mark_corrupt (qcow2, "a used cluster is counted as free", index);
      if (count <= 0)
        continue; /* a cluster is lost, no more */
      dio_qcow2_set_count (qcow2, index, (uint64_t) count - 1);
      if (count == 1)
        g_hash_table_remove (qcow2->metadata, GSIZE_TO_POINTER (index + 1));
    }
  }
}

static void
give_back (Qcow2 *qcow2, GArray *spans)
{
  if (!spans->len)
    return;
  dio_qcow2_wait_readers (qcow2);
  pthread_mutex_lock (&qcow2->lock);
  GArray *holes = find_holes_locked (qcow2, spans);
  pthread_mutex_unlock (&qcow2->lock);
  /* Before anybody can get the clusters. */
  for (guint i = 0; i < holes->len; i++) {
    const Qcow2Span *hole = &g_array_index (holes, Qcow2Span, i);
    dio_block_node_punch (&qcow2->node, hole->offset, hole->length);
  }
  g_array_unref (holes);
  pthread_mutex_lock (&qcow2->lock);
  lower_locked (qcow2, spans);
  pthread_mutex_unlock (&qcow2->lock);
}

/* ---- The whole ---- */

static int
flush_batch (Qcow2 *qcow2, Batch *batch)
{
  pthread_mutex_lock (&qcow2->lock);
  int result = collect_locked (qcow2, batch);
  if (result == 0)
    result = write_counts_locked (qcow2);
  pthread_mutex_unlock (&qcow2->lock);
  if (result == 0)
    result = sync_unlocked (qcow2);
  if (result == 0 && batch->changes->len + batch->links->len) {
    pthread_mutex_lock (&qcow2->lock);
    result = write_changes_locked (qcow2, batch);
    pthread_mutex_unlock (&qcow2->lock);
    if (result == 0)
      result = sync_unlocked (qcow2);
  }
  pthread_mutex_lock (&qcow2->lock);
  if (result == 0)
    settle_locked (qcow2, batch);
  else
    restore_locked (qcow2, batch);
  pthread_mutex_unlock (&qcow2->lock);
  return result;
}

int
dio_qcow2_flush (Qcow2 *qcow2)
{
  Batch batch;
  batch_init (&batch);
  pthread_mutex_lock (&qcow2->flush_lock);
  int result = flush_batch (qcow2, &batch);
  if (result == 0)
    give_back (qcow2, batch.unreferenced);
  pthread_mutex_unlock (&qcow2->flush_lock);
  batch_clear (&batch);
  return result;
}

int
dio_qcow2_flush_much (Qcow2 *qcow2)
{
  pthread_mutex_lock (&qcow2->lock);
  bool much = qcow2->l2.n_dirty > qcow2->l2.most / 2 || qcow2->unreferenced->len > 4096;
  pthread_mutex_unlock (&qcow2->lock);
  return much ? dio_qcow2_flush (qcow2) : 0;
}
