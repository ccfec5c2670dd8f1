/* SPDX-License-Identifier: GPL-3.0-or-later
 * Zeros and discards in qcow2 images. Whole clusters change in their entries only. */
#include <errno.h>

#include "core/backend/block/qcow2-private.h"

typedef enum {
  DISCARD,    /* contents do not matter any more */
  ZERO_UNMAP, /* zeros, and the space is given back */
  ZERO_KEEP,  /* zeros, the space is kept */
} Wish;

static bool
has_backing_at (const Qcow2 *qcow2, uint64_t index)
{
  const DioBlockNode *backing = qcow2->node.backing;
  return backing && index << qcow2->header.cluster_bits < backing->size;
}

/* The entry that stands for zeros and has no space of its own. */
static Qcow2Entry
nothing (const Qcow2 *qcow2, bool hides_backing)
{
  if (qcow2->l2_entry_bytes == 16)
    return (Qcow2Entry){ 0, hides_backing ? QCOW2_ALL_ZERO : 0 };
  return (Qcow2Entry){ hides_backing ? QCOW2_ZERO : 0, 0 };
}

/* The entry that the cluster @index with @old gets; false when only writing zeros will do. */
static bool
wished_entry (const Qcow2 *qcow2, Wish wish, uint64_t index, Qcow2Entry old, Qcow2Entry *new)
{
  bool backing = has_backing_at (qcow2, index);
  bool own =
      old.value & QCOW2_COPIED && old.value & QCOW2_OFFSET_MASK && !(old.value & QCOW2_COMPRESSED);
  *new = old;
  if (qcow2->header.version < 3 && backing)
    return wish == DISCARD; /* which does nothing then */
  if (wish == ZERO_KEEP && own) {
    if (qcow2->header.version < 3)
      return false;
    if (qcow2->l2_entry_bytes == 16)
      new->bitmap = QCOW2_ALL_ZERO;
    else
      new->value |= QCOW2_ZERO;
    return true;
  }
  *new = nothing (qcow2, backing);
  return true;
}

/* Changes the entries of the clusters [@first, @end) in one table. *done is how many are; the next
 * one wants zeros to be written. */
static int
change_locked (Qcow2 *qcow2, Wish wish, uint64_t first, uint64_t end, uint64_t *done)
{
  int result;
  *done = 0;
  if (qcow2->corrupt || qcow2->failed)
    return -EIO;
  end = MIN (end, (first / qcow2->l2_entries + 1) * qcow2->l2_entries);
  Qcow2Table *table = dio_qcow2_get_l2 (qcow2, first, false, &result);
  if (result < 0)
    return result;
  bool hides = has_backing_at (qcow2, first);
  if (!table && (!hides || (wish == DISCARD && qcow2->header.version < 3))) {
    *done = end - first;
    return 0;
  }
  for (uint64_t index = first; index < end; index++) {
    Qcow2Entry new, old = dio_qcow2_get_entry (qcow2, table, index);
    if (!wished_entry (qcow2, wish, index, old, &new))
      return 0;
    if (new.value != old.value || new.bitmap != old.bitmap) {
      table = dio_qcow2_get_l2 (qcow2, index, true, &result);
      if (!table)
        return result;
      if (!dio_qcow2_make_room (qcow2, 1))
        return -ENOMEM;
      dio_qcow2_set_entry (qcow2, table, index, new);
      if ((new.value ^ old.value) & QCOW2_OFFSET_MASK || old.value & QCOW2_COMPRESSED)
        dio_qcow2_drop_entry (qcow2, old);
    }
    *done += 1;
  }
  return 0;
}

static int
write_zeros (Qcow2 *qcow2, uint64_t offset, uint64_t length)
{
  if (!length || dio_qcow2_is_zero (qcow2, offset, length))
    return 0;
  g_autofree void *zeros = g_try_malloc0 (MIN (length, qcow2->cluster_size));
  int result = zeros ? 0 : -ENOMEM;
  while (length && result == 0) {
    size_t here = MIN (length, qcow2->cluster_size);
    result = dio_qcow2_write (&qcow2->node, offset, &(struct iovec){ zeros, here }, 1);
    offset += here;
    length -= here;
  }
  return result;
}

static int
change_clusters (Qcow2 *qcow2, Wish wish, uint64_t first, uint64_t end)
{
  int result = dio_qcow2_flush_much (qcow2);
  while (first < end && result == 0) {
    Qcow2Range range;
    uint64_t done;
    dio_qcow2_lock_range (qcow2, &range, first, end - 1);
    pthread_mutex_lock (&qcow2->lock);
    result = change_locked (qcow2, wish, first, end, &done);
    pthread_mutex_unlock (&qcow2->lock);
    dio_qcow2_unlock_range (qcow2, &range);
    if (result == 0 && done == 0) {
      uint64_t offset = first << qcow2->header.cluster_bits;
      result = write_zeros (qcow2, offset, MIN (qcow2->cluster_size, qcow2->node.size - offset));
      done = 1;
    }
    first += done;
    if (result == 0 && first < end)
      result = dio_qcow2_flush_much (qcow2);
  }
  return result;
}

/* The whole clusters in [@offset, @end); the disk's last may be a part of one. */
static void
whole_clusters (const Qcow2 *qcow2, uint64_t offset, uint64_t end, uint64_t *first, uint64_t *last)
{
  *first = dio_qcow2_clusters (qcow2, offset);
  *last =
      end == qcow2->node.size ? dio_qcow2_clusters (qcow2, end) : end >> qcow2->header.cluster_bits;
}

int
dio_qcow2_discard (DioBlockNode *node, uint64_t offset, uint64_t length)
{
  Qcow2 *qcow2 = (Qcow2 *) node;
  uint64_t first, last;
  whole_clusters (qcow2, offset, offset + length, &first, &last);
  return first < last ? change_clusters (qcow2, DISCARD, first, last) : 0;
}

int
dio_qcow2_write_zeroes (DioBlockNode *node, uint64_t offset, uint64_t length, bool unmap)
{
  Qcow2 *qcow2 = (Qcow2 *) node;
  uint64_t first, last, end = offset + length;
  whole_clusters (qcow2, offset, end, &first, &last);
  if (first >= last)
    return write_zeros (qcow2, offset, length);
  uint64_t start = first << qcow2->header.cluster_bits;
  uint64_t stop = MIN (last << qcow2->header.cluster_bits, end);
  int result = write_zeros (qcow2, offset, start - offset);
  if (result == 0)
    result = change_clusters (qcow2, unmap ? ZERO_UNMAP : ZERO_KEEP, first, last);
  if (result == 0)
    result = write_zeros (qcow2, stop, end - stop);
  return result;
}
