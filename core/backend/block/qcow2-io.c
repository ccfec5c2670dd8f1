/* SPDX-License-Identifier: GPL-3.0-or-later
 * Reading and writing of guest data in qcow2 images. */
#include <errno.h>
#include <string.h>

#include "core/backend/block/qcow2-private.h"

/* Clusters that one write allocates at a time. */
#define MAX_RUN 128

/* ---- What is where ---- */

/* What a piece of guest data is, from some offset on. */
typedef struct {
  DioBlockExtentKind kind;
  uint64_t length;
  uint64_t host;  /* DATA */
  uint64_t entry; /* COMPRESSED */
} Piece;

/* The unit of @offset alone. */
static Piece
classify_unit (Qcow2 *qcow2, const Qcow2Table *table, uint64_t offset)
{
  uint64_t index = offset >> qcow2->header.cluster_bits;
  uint64_t within = offset & (qcow2->cluster_size - 1);
  uint64_t in_unit = offset & (qcow2->unit - 1);
  Qcow2Entry entry = dio_qcow2_get_entry (qcow2, table, index);
  Piece piece = { .length = qcow2->unit - in_unit, .entry = entry.value };
  piece.kind = dio_qcow2_classify (qcow2, entry, within / qcow2->unit, &piece.host);
  if (piece.kind == DIO_BLOCK_COMPRESSED)
    piece.length = qcow2->cluster_size - within;
  piece.host += in_unit;
  return piece;
}

/* As much of [@offset, @offset + @length) as is the same and, for DATA, in a row. */
static int
find_piece_locked (Qcow2 *qcow2, uint64_t offset, uint64_t length, Piece *piece)
{
  int result;
  uint64_t covered = qcow2->l2_entries << qcow2->header.cluster_bits;
  uint64_t in_table = covered - offset % covered;
  length = MIN (length, in_table);
  Qcow2Table *table =
      dio_qcow2_get_l2 (qcow2, offset >> qcow2->header.cluster_bits, false, &result);
  if (result < 0)
    return result;
  if (!table) {
    *piece = (Piece){ .kind = DIO_BLOCK_UNALLOCATED, .length = length };
    return 0;
  }
  *piece = classify_unit (qcow2, table, offset);
  while (piece->length < length && piece->kind != DIO_BLOCK_COMPRESSED) {
    Piece next = classify_unit (qcow2, table, offset + piece->length);
    if (next.kind != piece->kind
        || (piece->kind == DIO_BLOCK_DATA && next.host != piece->host + piece->length))
      break;
    piece->length += next.length;
  }
  piece->length = MIN (piece->length, length);
  return 0;
}

static int
find_piece (Qcow2 *qcow2, uint64_t offset, uint64_t length, Piece *piece)
{
  pthread_mutex_lock (&qcow2->lock);
  int result = find_piece_locked (qcow2, offset, length, piece);
  pthread_mutex_unlock (&qcow2->lock);
  return result;
}

int
dio_qcow2_map (DioBlockNode *node, uint64_t offset, uint64_t length, DioBlockExtent *extent)
{
  Piece piece;
  int result = find_piece ((Qcow2 *) node, offset, length, &piece);
  if (result == 0)
    *extent = (DioBlockExtent){ piece.kind, piece.length, piece.host };
  return result;
}

/* ---- Reading ---- */

static int
read_piece (Qcow2 *qcow2, const Piece *piece, uint64_t offset, const struct iovec *iov, int n_iov)
{
  DioBlockNode *node = &qcow2->node;
  switch (piece->kind) {
  case DIO_BLOCK_DATA: {
    int64_t done = dio_file_readv (node->files, node->fd, iov, n_iov, piece->host);
    if (done >= 0)
      dio_iov_zero (iov, n_iov, (uint64_t) done); /* never written: the file ends before */
    return (int) MIN (done, 0);
  }
  case DIO_BLOCK_COMPRESSED:
    return dio_qcow2_unpack (qcow2, piece->entry, offset & (qcow2->cluster_size - 1), iov, n_iov);
  case DIO_BLOCK_ZERO:
    dio_iov_zero (iov, n_iov, 0);
    return 0;
  case DIO_BLOCK_UNALLOCATED:
    return dio_block_node_read_backing (node, offset, iov, n_iov);
  }
  return -EIO;
}

int
dio_qcow2_read (DioBlockNode *node, uint64_t offset, const struct iovec *iov, int n_iov)
{
  Qcow2 *qcow2 = (Qcow2 *) node;
  g_autofree struct iovec *part = g_new (struct iovec, n_iov);
  uint64_t length = dio_iov_length (iov, n_iov);
  unsigned epoch = dio_qcow2_begin_read (qcow2);
  int result = 0;
  for (uint64_t done = 0; done < length && result == 0;) {
    Piece piece;
    result = find_piece (qcow2, offset + done, length - done, &piece);
    if (result < 0)
      break;
    int used = dio_iov_slice (part, iov, n_iov, done, piece.length);
    result = read_piece (qcow2, &piece, offset + done, part, used);
    done += piece.length;
  }
  dio_qcow2_end_read (qcow2, epoch);
  return result;
}

bool
dio_qcow2_is_zero (Qcow2 *qcow2, uint64_t offset, uint64_t length)
{
  const DioBlockNode *backing = qcow2->node.backing;
  for (uint64_t done = 0; done < length;) {
    Piece piece;
    if (find_piece (qcow2, offset + done, length - done, &piece) < 0)
      return false;
    bool nothing =
        piece.kind == DIO_BLOCK_UNALLOCATED && (!backing || offset + done >= backing->size);
    if (piece.kind != DIO_BLOCK_ZERO && !nothing)
      return false;
    done += piece.length;
  }
  return true;
}

/* ---- Writing ---- */

/* A run of clusters that a write treats alike. */
typedef struct {
  uint64_t first, count; /* guest clusters */
  uint64_t host;
  bool in_place; /* all that the entries say stays true */
  bool own;      /* the host clusters are these entries' already, but the entries change */
  bool fresh;    /* the host clusters read as zeros */
} Run;

static bool
is_in_place (const Qcow2 *qcow2, Qcow2Entry entry)
{
  if (!(entry.value & QCOW2_COPIED) || !(entry.value & QCOW2_OFFSET_MASK))
    return false;
  if (qcow2->l2_entry_bytes == 16)
    return entry.bitmap == QCOW2_ALL_ALLOCATED;
  return qcow2->header.version < 3 || !(entry.value & QCOW2_ZERO);
}

static bool
is_own (Qcow2Entry entry)
{
  return entry.value & QCOW2_COPIED && entry.value & QCOW2_OFFSET_MASK
         && !(entry.value & QCOW2_COMPRESSED);
}

static int
plan_locked (Qcow2 *qcow2, uint64_t first, uint64_t count, Run *run)
{
  int result;
  if (qcow2->corrupt || qcow2->failed)
    return -EIO;
  count = MIN (MIN (count, MAX_RUN), qcow2->l2_entries - first % qcow2->l2_entries);
  Qcow2Table *table = dio_qcow2_get_l2 (qcow2, first, true, &result);
  if (!table)
    return result;
  Qcow2Entry entry = dio_qcow2_get_entry (qcow2, table, first);
  *run = (Run){ first, 1, entry.value & QCOW2_OFFSET_MASK };
  run->in_place = is_in_place (qcow2, entry);
  run->own = is_own (entry);
  if (run->own && !dio_qcow2_check_data_offset (qcow2, run->host))
    return -EIO;
  if (run->own && !run->in_place)
    return 0;
  for (; run->count < count; run->count++) {
    entry = dio_qcow2_get_entry (qcow2, table, first + run->count);
    uint64_t host = entry.value & QCOW2_OFFSET_MASK;
    if (is_own (entry) != run->own || is_in_place (qcow2, entry) != run->in_place
        || (run->own && host != run->host + run->count * qcow2->cluster_size))
      break;
    if (run->own && !dio_qcow2_check_data_offset (qcow2, host))
      return -EIO;
  }
  if (run->own)
    return 0;
  int64_t got = dio_qcow2_allocate (qcow2, run->count, &run->host, &run->fresh);
  if (got < 0)
    return (int) got;
  run->count = (uint64_t) got;
  return 0;
}

/* Points the entries to where the data is now. */
static int
link_locked (Qcow2 *qcow2, const Run *run)
{
  int result;
  Qcow2Table *table = dio_qcow2_get_l2 (qcow2, run->first, true, &result);
  if (!table)
    return result;
  if (!dio_qcow2_make_room (qcow2, run->count))
    return -ENOMEM;
  for (uint64_t i = 0; i < run->count; i++) {
    Qcow2Entry old = dio_qcow2_get_entry (qcow2, table, run->first + i);
    Qcow2Entry new = { (run->host + i * qcow2->cluster_size) | QCOW2_COPIED,
                       qcow2->l2_entry_bytes == 16 ? QCOW2_ALL_ALLOCATED : 0 };
    dio_qcow2_set_entry (qcow2, table, run->first + i, new);
    if (!run->own)
      dio_qcow2_drop_entry (qcow2, old);
  }
  return 0;
}

/* What lies beside the data in a new cluster: guest bytes [@offset, @offset + @length). NULL and 0
 * in *result when nothing has to be written. */
static uint8_t *
fill_beside (Qcow2 *qcow2, uint64_t offset, uint64_t length, bool fresh, int *result)
{
  uint64_t size = qcow2->node.size;
  uint64_t there = offset < size ? MIN (length, size - offset) : 0;
  *result = 0;
  if (!length || (fresh && dio_qcow2_is_zero (qcow2, offset, there)))
    return NULL;
  uint8_t *data = g_try_malloc0 (length);
  if (!data)
    *result = -ENOMEM;
  else if (there)
    *result = dio_qcow2_read (&qcow2->node, offset, &(struct iovec){ data, there }, 1);
  if (*result)
    g_clear_pointer (&data, g_free);
  return data;
}

/* Writes @iov for guest @offset into the clusters of @run, with what belongs beside it. */
static int
write_run (Qcow2 *qcow2, const Run *run, uint64_t offset, const struct iovec *iov, int n_iov)
{
  DioBlockNode *node = &qcow2->node;
  uint64_t start = run->first << qcow2->header.cluster_bits;
  uint64_t end = start + run->count * qcow2->cluster_size;
  uint64_t length = dio_iov_length (iov, n_iov);
  uint64_t before = offset - start, after = end - offset - length;
  if (run->in_place)
    return dio_file_writev (node->files, node->fd, iov, n_iov, run->host + before);
  int result;
  g_autofree uint8_t *head = fill_beside (qcow2, start, before, run->fresh, &result);
  if (result < 0)
    return result;
  g_autofree uint8_t *tail = fill_beside (qcow2, offset + length, after, run->fresh, &result);
  if (result < 0)
    return result;
  g_autofree struct iovec *all = g_new (struct iovec, n_iov + 2);
  int used = 0;
  if (head)
    all[used++] = (struct iovec){ head, before };
  memcpy (all + used, iov, (size_t) n_iov * sizeof *iov);
  used += n_iov;
  if (tail)
    all[used++] = (struct iovec){ tail, after };
  return dio_file_writev (node->files, node->fd, all, used, run->host + (head ? 0 : before));
}

/* Writes what one run covers of [@offset, @end); *done is how much. */
static int
write_some (Qcow2 *qcow2, uint64_t offset, uint64_t end, const struct iovec *iov, int n_iov,
            uint64_t skip, uint64_t *done)
{
  Run run;
  uint64_t first = offset >> qcow2->header.cluster_bits;
  pthread_mutex_lock (&qcow2->lock);
  int result = plan_locked (qcow2, first, dio_qcow2_clusters (qcow2, end) - first, &run);
  pthread_mutex_unlock (&qcow2->lock);
  if (result < 0)
    return result;
  uint64_t run_end = (run.first + run.count) << qcow2->header.cluster_bits;
  *done = MIN (run_end, end) - offset;
  g_autofree struct iovec *part = g_new (struct iovec, n_iov);
  int used = dio_iov_slice (part, iov, n_iov, skip, *done);
  result = write_run (qcow2, &run, offset, part, used);
  if (run.in_place)
    return result;
  pthread_mutex_lock (&qcow2->lock);
  if (result == 0)
    result = link_locked (qcow2, &run);
  if (result < 0 && !run.own)
    dio_qcow2_release (qcow2, run.host, run.count);
  pthread_mutex_unlock (&qcow2->lock);
  return result;
}

int
dio_qcow2_write (DioBlockNode *node, uint64_t offset, const struct iovec *iov, int n_iov)
{
  Qcow2 *qcow2 = (Qcow2 *) node;
  Qcow2Range range;
  uint64_t length = dio_iov_length (iov, n_iov);
  unsigned bits = qcow2->header.cluster_bits;
  int result = dio_qcow2_flush_much (qcow2);
  if (result < 0)
    return result;
  dio_qcow2_lock_range (qcow2, &range, offset >> bits, (offset + length - 1) >> bits);
  for (uint64_t done = 0, some; done < length && result == 0; done += some)
    result = write_some (qcow2, offset + done, offset + length, iov, n_iov, done, &some);
  dio_qcow2_unlock_range (qcow2, &range);
  return result;
}
