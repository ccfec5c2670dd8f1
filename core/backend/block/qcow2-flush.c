/* SPDX-License-Identifier: GPL-3.0-or-later
 * Bringing tables to the disk in an order that survives a power cut at any moment; see
 * qcow2-private.h for the rules. */
#include <errno.h>
#include <string.h>

#include "core/backend/block/qcow2-private.h"

/* Changes of L2 tables as they were when the flush began. */
typedef struct {
  uint64_t index, offset;
  uint32_t from, to;
  uint8_t *data;
} Change;

typedef struct {
  Change *changes; /* of tables that the disk knows */
  size_t n_changes, changes_capacity;
  uint64_t *links; /* L1 entries of those it does not */
  size_t n_links, links_capacity;
  Qcow2Spans unreferenced;
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
batch_clear (Batch *batch)
{
  for (size_t i = 0; i < batch->n_changes; i++)
    g_free (batch->changes[i].data);
  g_free (batch->changes);
  g_free (batch->links);
  g_free (batch->unreferenced.spans);
}

static int
add_link (Batch *batch, uint64_t index)
{
  if (!dio_memory_grow (&batch->links, &batch->links_capacity, batch->n_links + 1,
                        sizeof *batch->links))
    return -ENOMEM;
  batch->links[batch->n_links++] = index;
  return 0;
}

static int
add_change (Batch *batch, const Qcow2Table *table)
{
  uint32_t length = table->dirty_to - table->dirty_from;
  if (!dio_memory_grow (&batch->changes, &batch->changes_capacity, batch->n_changes + 1,
                        sizeof *batch->changes))
    return -ENOMEM;
  uint8_t *data = g_try_malloc (length);
  if (!data)
    return -ENOMEM;
  memcpy (data, table->data + table->dirty_from, length);
  batch->changes[batch->n_changes++] =
      (Change){ table->index, table->offset, table->dirty_from, table->dirty_to, data };
  return 0;
}

/* ---- Before the first sync ---- */

static int
write_table_locked (Qcow2 *qcow2, const Qcow2Table *table)
{
  return dio_file_write (qcow2->node.files, qcow2->node.fd, table->data + table->dirty_from,
                         table->dirty_to - table->dirty_from, table->offset + table->dirty_from);
}

/* Tables that nothing on the disk points to are written right away, changes of others kept. */
static int
collect_table (Qcow2 *qcow2, Qcow2Table *table, Batch *batch)
{
  int result = table->unlinked ? add_link (batch, table->index) : add_change (batch, table);
  if (result == 0 && table->unlinked)
    result = write_table_locked (qcow2, table);
  if (result < 0)
    return result;
  table->flushing = true;
  dio_qcow2_table_clean (&qcow2->l2, table);
  return 0;
}

static void
take_spans_locked (Qcow2 *qcow2, Batch *batch)
{
  batch->unreferenced = qcow2->unreferenced;
  qcow2->unreferenced = (Qcow2Spans){ 0 };
}

static int
collect_locked (Qcow2 *qcow2, Batch *batch)
{
  if (qcow2->failed)
    return -EIO;
  for (GList *link = qcow2->l2.lru.head; link; link = link->next) {
    Qcow2Table *table = link->data;
    int result = 0;
    if (table->dirty_from != table->dirty_to) {
      result = collect_table (qcow2, table, batch);
    } else if (table->unlinked) {
      result = add_link (batch, table->index);
      table->flushing |= result == 0;
    }
    if (result < 0)
      return result;
  }
  take_spans_locked (qcow2, batch);
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
write_link_locked (Qcow2 *qcow2, uint64_t index)
{
  uint64_t entry = GUINT64_TO_BE (qcow2->l1[index]);
  return dio_file_write (qcow2->node.files, qcow2->node.fd, &entry, sizeof entry,
                         qcow2->header.l1_offset + index * 8);
}

static int
write_changes_locked (Qcow2 *qcow2, const Batch *batch)
{
  DioBlockNode *node = &qcow2->node;
  for (size_t i = 0; i < batch->n_changes; i++) {
    const Change *change = &batch->changes[i];
    int result = dio_file_write (node->files, node->fd, change->data, change->to - change->from,
                                 change->offset + change->from);
    if (result < 0)
      return result;
  }
  int result = 0;
  for (size_t i = 0; i < batch->n_links && result == 0; i++)
    result = write_link_locked (qcow2, batch->links[i]);
  return result;
}

/* What the batch wanted to be given back is so next time. Without memory for what came meanwhile
 * as well, that is lost space, which a check finds. */
static void
restore_spans_locked (Qcow2 *qcow2, Batch *batch)
{
  if (!batch->unreferenced.n)
    return;
  Qcow2Spans newer = qcow2->unreferenced;
  qcow2->unreferenced = batch->unreferenced;
  batch->unreferenced = newer;
  if (!newer.n || !dio_qcow2_make_room (qcow2, newer.n))
    return;
  memcpy (qcow2->unreferenced.spans + qcow2->unreferenced.n, newer.spans,
          newer.n * sizeof *newer.spans);
  qcow2->unreferenced.n += newer.n;
}

/* What the batch wanted is to be tried again. */
static void
restore_locked (Qcow2 *qcow2, Batch *batch)
{
  for (size_t i = 0; i < batch->n_changes; i++) {
    const Change *change = &batch->changes[i];
    Qcow2Table *table = dio_qcow2_cache_find (&qcow2->l2, change->index);
    table->flushing = false;
    dio_qcow2_table_dirty (&qcow2->l2, table, change->from, change->to);
  }
  for (size_t i = 0; i < batch->n_links; i++) {
    uint64_t index = batch->links[i];
    Qcow2Table *table = dio_qcow2_cache_find (&qcow2->l2, index);
    table->flushing = false;
    dio_qcow2_table_dirty (&qcow2->l2, table, 0, (uint32_t) qcow2->cluster_size);
  }
  restore_spans_locked (qcow2, batch);
}

static void
settle_locked (Qcow2 *qcow2, const Batch *batch)
{
  for (size_t i = 0; i < batch->n_changes; i++) {
    uint64_t index = batch->changes[i].index;
    dio_qcow2_cache_find (&qcow2->l2, index)->flushing = false;
  }
  for (size_t i = 0; i < batch->n_links; i++) {
    uint64_t index = batch->links[i];
    Qcow2Table *table = dio_qcow2_cache_find (&qcow2->l2, index);
    table->flushing = table->unlinked = false;
  }
}

/* ---- Giving back what nothing points to ---- */

static int
compare_spans (const void *a, const void *b)
{
  const Qcow2Span *first = a, *second = b;
  return first->offset < second->offset ? -1 : first->offset > second->offset;
}

/* The cluster at @offset becomes a part of @holes if it gets free. What there is no memory for
 * keeps its space in the file, as it may. */
static void
add_hole_locked (Qcow2 *qcow2, Qcow2Spans *holes, uint64_t offset)
{
  if (dio_qcow2_get_count (qcow2, offset >> qcow2->header.cluster_bits) != 1)
    return;
  Qcow2Span *last = holes->n ? &holes->spans[holes->n - 1] : NULL;
  if (last && last->offset + last->length == offset)
    last->length += qcow2->cluster_size;
  else if (dio_memory_grow (&holes->spans, &holes->capacity, holes->n + 1, sizeof *holes->spans))
    holes->spans[holes->n++] = (Qcow2Span){ offset, qcow2->cluster_size };
}

/* The clusters that get free with this, as spans. */
static void
find_holes_locked (Qcow2 *qcow2, Qcow2Spans *list, Qcow2Spans *holes)
{
  qsort (list->spans, list->n, sizeof *list->spans, compare_spans);
  for (size_t i = 0; i < list->n; i++)
    for (uint64_t done = 0; done < list->spans[i].length; done += qcow2->cluster_size)
      add_hole_locked (qcow2, holes, list->spans[i].offset + done);
}

static void
lower_locked (Qcow2 *qcow2, const Qcow2Spans *list)
{
  for (size_t i = 0; i < list->n; i++) {
    const Qcow2Span *span = &list->spans[i];
    for (uint64_t done = 0; done < span->length; done += qcow2->cluster_size) {
      uint64_t index = (span->offset + done) >> qcow2->header.cluster_bits;
      int64_t count = dio_qcow2_get_count (qcow2, index);
      if (count == 0)
        dio_qcow2_mark_corrupt (qcow2, "a used cluster is counted as free", index);
      if (count <= 0)
        continue; /* a cluster is lost, no more */
      dio_qcow2_set_count (qcow2, index, (uint64_t) count - 1);
      if (count == 1)
        dio_qcow2_remove_metadata (qcow2, index);
    }
  }
}

static void
give_back (Qcow2 *qcow2, Qcow2Spans *list)
{
  Qcow2Spans holes = { 0 };
  if (!list->n)
    return;
  dio_qcow2_wait_readers (qcow2);
  pthread_mutex_lock (&qcow2->lock);
  find_holes_locked (qcow2, list, &holes);
  pthread_mutex_unlock (&qcow2->lock);
  /* Before anybody can get the clusters. */
  for (size_t i = 0; i < holes.n; i++)
    dio_block_node_punch (&qcow2->node, holes.spans[i].offset, holes.spans[i].length);
  g_free (holes.spans);
  pthread_mutex_lock (&qcow2->lock);
  lower_locked (qcow2, list);
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
  if (result == 0 && batch->n_changes + batch->n_links) {
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

/* ---- The same without memory ---- */

/* Tables, those that nothing on the disk points to or the others. */
static int
write_tables_locked (Qcow2 *qcow2, bool unlinked)
{
  int result = 0;
  for (GList *link = qcow2->l2.lru.head; link && result == 0; link = link->next) {
    const Qcow2Table *table = link->data;
    if (table->unlinked == unlinked && table->dirty_from != table->dirty_to)
      result = write_table_locked (qcow2, table);
  }
  return result;
}

static int
write_links_locked (Qcow2 *qcow2)
{
  int result = 0;
  for (GList *link = qcow2->l2.lru.head; link && result == 0; link = link->next) {
    const Qcow2Table *table = link->data;
    if (table->unlinked)
      result = write_link_locked (qcow2, table->index);
  }
  return result;
}

/* Nothing changes meanwhile, so nothing has to be set aside; but everybody waits for two syncs.
 * What fails stays as it is, to be tried again. */
static int
flush_locked (Qcow2 *qcow2, Batch *batch)
{
  int result = qcow2->failed ? -EIO : write_tables_locked (qcow2, true);
  if (result == 0)
    result = write_counts_locked (qcow2);
  if (result == 0)
    result = dio_qcow2_sync (qcow2);
  if (result == 0)
    result = write_tables_locked (qcow2, false);
  if (result == 0)
    result = write_links_locked (qcow2);
  if (result == 0)
    result = dio_qcow2_sync (qcow2);
  if (result < 0)
    return result;
  for (GList *link = qcow2->l2.lru.head; link; link = link->next) {
    Qcow2Table *table = link->data;
    dio_qcow2_table_clean (&qcow2->l2, table);
    table->unlinked = false;
  }
  take_spans_locked (qcow2, batch);
  return 0;
}

/* ---- All of it ---- */

int
dio_qcow2_flush (Qcow2 *qcow2)
{
  Batch batch = { 0 };
  pthread_mutex_lock (&qcow2->flush_lock);
  int result = flush_batch (qcow2, &batch);
  if (result == -ENOMEM) {
    batch_clear (&batch);
    batch = (Batch){ 0 };
    pthread_mutex_lock (&qcow2->lock);
    result = flush_locked (qcow2, &batch);
    pthread_mutex_unlock (&qcow2->lock);
  }
  if (result == 0)
    give_back (qcow2, &batch.unreferenced);
  pthread_mutex_unlock (&qcow2->flush_lock);
  batch_clear (&batch);
  return result;
}

int
dio_qcow2_flush_much (Qcow2 *qcow2)
{
  pthread_mutex_lock (&qcow2->lock);
  bool much = qcow2->l2.n_dirty > qcow2->l2.most / 2 || qcow2->unreferenced.n > 4096;
  pthread_mutex_unlock (&qcow2->lock);
  return much ? dio_qcow2_flush (qcow2) : 0;
}
