/* SPDX-License-Identifier: GPL-3.0-or-later
 * The check of qcow2 images: walks all that points to clusters, counts, and compares with the
 * counts of the image. A repair first raises counts, then corrects flags, then lowers counts, so
 * that it may be cut short as well. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/backend/block/qcow2-private.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define MAX_CLUSTERS (UINT64_C (1) << 30) /* 64 TiB at 64 KiB */
#define MAX_LINES 50

/* Beside the count of a cluster. */
#define IS_TABLE 0x8000u /* a header, L1, reference table or block: only one of them */
#define IS_L2 0x4000u
#define COUNT_MASK 0x3fffu

typedef struct {
  Qcow2 *qcow2;
  DioQcow2Check *check;
  DioQcow2Repair repair;
  uint16_t *seen;
  uint8_t *seen_blocks; /* whether any of the clusters of a block of counts was seen */
  uint64_t n_clusters;
  unsigned lines;
  bool damaged;   /* beyond what counts and flags can repair */
  bool no_memory; /* so that nothing is known */
  DioFileProgress progress;
  void *data;
} Walk;

static void
note (Walk *walk, const char *text, uint64_t offset)
{
  if (walk->check->text && walk->lines++ < MAX_LINES)
    g_string_append_printf (walk->check->text, "%s: %" PRIu64 "\n", text, offset);
}

static void
corruption (Walk *walk, const char *text, uint64_t offset)
{
  walk->check->corruptions++;
  note (walk, text, offset);
}

static void
damage (Walk *walk, const char *text, uint64_t offset)
{
  walk->damaged = true;
  corruption (walk, text, offset);
}

static bool
go_on (Walk *walk, uint64_t done, uint64_t total)
{
  return !walk->progress || walk->progress (done, total, walk->data);
}

/* ---- Counting ---- */

/* Counts one use of a cluster as data (@kind 0), L2 or another table. */
static void
mark_cluster (Walk *walk, uint64_t index, unsigned kind)
{
  uint16_t *seen = &walk->seen[index];
  bool clash = kind == IS_TABLE ? *seen != 0
               : kind == IS_L2  ? *seen && !(*seen & IS_L2)
                                : *seen & (IS_TABLE | IS_L2);
  if (clash)
    damage (walk, _ ("A cluster is used for two things, at byte"),
            index << walk->qcow2->header.cluster_bits);
  if (*seen == 0) {
    uint64_t end = (index + 1) << walk->qcow2->header.cluster_bits;
    walk->seen_blocks[index / walk->qcow2->counts] = 1;
    walk->check->used++;
    walk->check->image_end = MAX (walk->check->image_end, end);
  }
  if ((*seen & COUNT_MASK) < COUNT_MASK)
    *seen += 1;
  *seen |= (uint16_t) kind;
}

/* False when no file could have this there. */
static bool
mark (Walk *walk, uint64_t offset, uint64_t length, unsigned kind)
{
  unsigned bits = walk->qcow2->header.cluster_bits;
  uint64_t size = walk->n_clusters << bits;
  if (offset > size || length > size - offset
      || (kind && offset & (walk->qcow2->cluster_size - 1))) {
    damage (walk, _ ("Something should be where the file has nothing, at byte"), offset);
    return false;
  }
  for (uint64_t index = offset >> bits; length && index <= (offset + length - 1) >> bits; index++)
    mark_cluster (walk, index, kind);
  return true;
}

static void
mark_entry (Walk *walk, Qcow2Entry entry)
{
  Qcow2 *qcow2 = walk->qcow2;
  if (entry.value & QCOW2_COMPRESSED) {
    Qcow2Span span = dio_qcow2_compressed_span (qcow2, entry.value);
    /* The last sector may be behind the end. */
    uint64_t size = walk->n_clusters << qcow2->header.cluster_bits;
    uint64_t end = MIN (span.offset + span.length, size);
    mark (walk, span.offset, span.offset < end ? end - span.offset : span.length, 0);
    return;
  }
  uint64_t offset = entry.value & QCOW2_OFFSET_MASK;
  if (!offset)
    return;
  if (offset & (qcow2->cluster_size - 1))
    damage (walk, _ ("Data does not start at a cluster, at byte"), offset);
  else
    mark (walk, offset, qcow2->cluster_size, 0);
}

/* The table at @offset as it is on the disk. */
static uint8_t *
read_l2 (Walk *walk, uint64_t offset)
{
  DioBlockNode *node = &walk->qcow2->node;
  uint8_t *data = g_try_malloc (walk->qcow2->cluster_size);
  int64_t got = data
                    ? dio_file_read (node->files, node->fd, data, walk->qcow2->cluster_size, offset)
                    : -ENOMEM;
  if (got == (int64_t) walk->qcow2->cluster_size)
    return data;
  walk->no_memory |= !data;
  walk->check->errors++;
  note (walk, _ ("A table cannot be read, at byte"), offset);
  g_free (data);
  return NULL;
}

static bool
walk_l1 (Walk *walk, const uint64_t *l1, uint32_t entries)
{
  Qcow2 *qcow2 = walk->qcow2;
  for (uint32_t i = 0; i < entries; i++) {
    uint64_t offset = l1[i] & QCOW2_OFFSET_MASK;
    if (!offset || !mark (walk, offset, qcow2->cluster_size, IS_L2))
      continue;
    if (!go_on (walk, i, entries))
      return false;
    g_autofree uint8_t *data = read_l2 (walk, offset);
    Qcow2Table table = { .data = data };
    for (uint64_t k = 0; data && k < qcow2->l2_entries; k++)
      mark_entry (walk, dio_qcow2_get_entry (qcow2, &table, k));
  }
  return true;
}

static bool
walk_snapshots (Walk *walk, GError **error)
{
  Qcow2 *qcow2 = walk->qcow2;
  DioBlockNode *node = &qcow2->node;
  g_autoptr (GPtrArray) snapshots = dio_qcow2_list_snapshots (node, error);
  if (!snapshots)
    return false;
  uint64_t bytes = 0;
  for (guint i = 0; i < snapshots->len; i++) {
    const DioQcow2Snapshot *snapshot = g_ptr_array_index (snapshots, i);
    uint64_t length = (uint64_t) snapshot->l1_size * 8;
    g_autofree uint64_t *l1 = g_try_malloc0 (length + 8);
    bytes = snapshot->end;
    if (!mark (walk, snapshot->l1_offset, length, IS_TABLE))
      continue;
    if (!l1
        || dio_file_read (node->files, node->fd, l1, length, snapshot->l1_offset)
               != (int64_t) length) {
      walk->no_memory |= !l1;
      walk->check->errors++;
      continue;
    }
    for (uint32_t k = 0; k < snapshot->l1_size; k++)
      l1[k] = GUINT64_FROM_BE (l1[k]);
    if (!walk_l1 (walk, l1, snapshot->l1_size))
      return false;
  }
  if (bytes)
    mark (walk, qcow2->header.snapshots_offset, bytes, IS_TABLE);
  return true;
}

/* Blocks of counts; one that cannot be is forgotten in a repair. */
static void
walk_blocks (Walk *walk)
{
  Qcow2 *qcow2 = walk->qcow2;
  for (uint64_t i = 0; i < qcow2->n_reftable; i++) {
    uint64_t offset = qcow2->reftable[i] & QCOW2_OFFSET_MASK;
    if (!offset || mark (walk, offset, qcow2->cluster_size, IS_TABLE))
      continue;
    walk->check->errors++;
  }
}

static bool
count_all (Walk *walk, GError **error)
{
  Qcow2 *qcow2 = walk->qcow2;
  const Qcow2Header *header = &qcow2->header;
  mark (walk, 0, 1, IS_TABLE);
  mark (walk, header->reftable_offset, header->reftable_clusters * qcow2->cluster_size, IS_TABLE);
  walk_blocks (walk);
  if (header->l1_size)
    mark (walk, header->l1_offset, (uint64_t) header->l1_size * 8, IS_TABLE);
  if (!walk_l1 (walk, qcow2->l1, header->l1_size) || !walk_snapshots (walk, error)) {
    if (error && !*error)
      g_set_error_literal (error, DIO_ERROR, DIO_ERROR_CANCELLED, _ ("Cancelled"));
    return false;
  }
  return true;
}

/* ---- Comparing ---- */

typedef enum { LOOK, RAISE, LOWER } Pass;

static int
compare_cluster (Walk *walk, uint64_t index, Pass pass)
{
  Qcow2 *qcow2 = walk->qcow2;
  uint64_t offset = index << qcow2->header.cluster_bits;
  unsigned seen = walk->seen[index] & COUNT_MASK;
  int64_t count = dio_qcow2_get_count (qcow2, index);
  if (count < 0) {
    walk->no_memory |= count == -ENOMEM;
    if (pass == LOOK) {
      walk->check->errors++;
      note (walk, _ ("A reference count cannot be read, for byte"), offset);
    }
    return 0;
  }
  if (seen == COUNT_MASK || count == seen)
    return 0;
  bool low = count < seen;
  if (pass == LOOK && low)
    corruption (walk, _ ("A cluster is counted too low, at byte"), offset);
  else if (pass == LOOK) {
    walk->check->leaks++;
    note (walk, _ ("A cluster is lost, at byte"), offset);
  } else if (low == (pass == RAISE)) {
    int result = dio_qcow2_set_count (qcow2, index, seen);
    if (result < 0)
      return result;
    walk->check->fixed++;
  }
  return 0;
}

static int
compare_all (Walk *walk, Pass pass)
{
  Qcow2 *qcow2 = walk->qcow2;
  int result = 0;
  for (uint64_t block = 0; block * qcow2->counts < walk->n_clusters && result == 0; block++) {
    bool counted = block < qcow2->n_reftable && qcow2->reftable[block] & QCOW2_OFFSET_MASK;
    /* Where nothing was seen and nothing is counted, nothing can be wrong. */
    if (!counted && !walk->seen_blocks[block])
      continue;
    uint64_t end = MIN ((block + 1) * qcow2->counts, walk->n_clusters);
    for (uint64_t index = block * qcow2->counts; index < end && result == 0; index++)
      result = compare_cluster (walk, index, pass);
  }
  return result;
}

/* Nothing of ours is written yet: what this makes dirty goes to the disk here. */
static int
write_counts (Qcow2 *qcow2)
{
  int result = dio_qcow2_write_blocks (qcow2);
  if (result == 0)
    result = dio_qcow2_sync (qcow2);
  if (result == 0 && qcow2->reftable_dirty_from != qcow2->reftable_dirty_to) {
    result = dio_qcow2_write_reftable (qcow2);
    if (result == 0)
      result = dio_qcow2_sync (qcow2);
  }
  return result;
}

/* ---- The flag that says "this cluster is mine alone" ---- */

/* The flag that @value should have; -1 when it has no cluster. */
static int
wanted_flag (Walk *walk, uint64_t value)
{
  Qcow2 *qcow2 = walk->qcow2;
  uint64_t offset = value & QCOW2_OFFSET_MASK;
  if (value & QCOW2_COMPRESSED || !offset || offset & (qcow2->cluster_size - 1)
      || offset >> qcow2->header.cluster_bits >= walk->n_clusters)
    return -1;
  int64_t count = dio_qcow2_get_count (qcow2, offset >> qcow2->header.cluster_bits);
  return count <= 0 ? -1 : count == 1; /* 0 was found before */
}

/* Looks at one pointer; true when it was changed. */
static bool
check_flag (Walk *walk, uint64_t *value)
{
  int wanted = wanted_flag (walk, *value);
  bool has = *value & QCOW2_COPIED;
  if (wanted < 0 || wanted == has)
    return false;
  /* Without the flag a write copies, which costs a little: not worth a word. */
  if (has)
    corruption (walk, _ ("A cluster is shared but marked as not shared, at byte"),
                *value & QCOW2_OFFSET_MASK);
  /* To say that nobody else has it takes to know of everybody. */
  bool known = has || !(walk->damaged || walk->check->errors);
  if (walk->repair != DIO_QCOW2_REPAIR_ALL || !known)
    return false;
  *value ^= QCOW2_COPIED;
  walk->check->fixed += has;
  return true;
}

static int
check_l2_flags (Walk *walk, uint64_t offset)
{
  Qcow2 *qcow2 = walk->qcow2;
  DioBlockNode *node = &qcow2->node;
  g_autofree uint8_t *data = read_l2 (walk, offset);
  bool changed = false;
  for (uint64_t i = 0; data && i < qcow2->l2_entries; i++) {
    uint8_t *at = data + i * qcow2->l2_entry_bytes;
    uint64_t value = dio_get_be64 (at);
    if (check_flag (walk, &value)) {
      dio_put_be64 (at, value);
      changed = true;
    }
  }
  return changed ? dio_file_write (node->files, node->fd, data, qcow2->cluster_size, offset) : 0;
}

static int
check_flags (Walk *walk)
{
  Qcow2 *qcow2 = walk->qcow2;
  DioBlockNode *node = &qcow2->node;
  int result = 0;
  for (uint32_t i = 0; i < qcow2->header.l1_size && result == 0; i++) {
    uint64_t offset = qcow2->l1[i] & QCOW2_OFFSET_MASK;
    if (!offset || offset & (qcow2->cluster_size - 1)
        || offset >> qcow2->header.cluster_bits >= walk->n_clusters)
      continue;
    if (check_flag (walk, &qcow2->l1[i])) {
      uint64_t entry = GUINT64_TO_BE (qcow2->l1[i]);
      result = dio_file_write (node->files, node->fd, &entry, sizeof entry,
                               qcow2->header.l1_offset + (uint64_t) i * 8);
    }
    if (result == 0)
      result = check_l2_flags (walk, offset);
  }
  return result;
}

/* ---- The whole ---- */

static int
repair (Walk *walk)
{
  Qcow2 *qcow2 = walk->qcow2;
  int result = 0;
  /* New blocks of counts go behind everything: what is counted as free may not be. */
  qcow2->free_hint = walk->n_clusters;
  if (walk->repair == DIO_QCOW2_REPAIR_ALL) {
    result = compare_all (walk, RAISE);
    if (result == 0)
      result = write_counts (qcow2);
    if (result == 0)
      result = check_flags (walk);
    if (result == 0)
      result = dio_qcow2_sync (qcow2);
  }
  /* With damaged tables nobody knows what is lost and what is somebody's. */
  if (result == 0 && !walk->damaged && !walk->check->errors)
    result = compare_all (walk, LOWER);
  if (result == 0)
    result = write_counts (qcow2);
  qcow2->free_hint = 0;
  if (result < 0 || walk->repair != DIO_QCOW2_REPAIR_ALL || walk->damaged || walk->check->errors)
    return result;
  uint64_t bits = qcow2->header.incompatible & ~(QCOW2_DIRTY | QCOW2_CORRUPT);
  return bits == qcow2->header.incompatible ? 0 : dio_qcow2_set_incompatible (qcow2, bits);
}

bool
dio_qcow2_check (DioBlockNode *node, DioQcow2Repair how, DioQcow2Check *check,
                 DioFileProgress progress, void *data, GError **error)
{
  Qcow2 *qcow2 = (Qcow2 *) node;
  GString *text = check->text;
  *check = (DioQcow2Check){ .text = text };
  int64_t size = dio_file_seek (node->files, node->fd, 0, SEEK_END);
  uint64_t clusters = size < 0 ? 0 : dio_qcow2_clusters (qcow2, (uint64_t) size);
  g_autofree uint16_t *seen =
      clusters && clusters <= MAX_CLUSTERS ? g_try_malloc0 (clusters * sizeof *seen) : NULL;
  g_autofree uint8_t *seen_blocks = seen ? g_try_malloc0 (clusters / qcow2->counts + 1) : NULL;
  if (!seen_blocks) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY,
                 _ ("The disk “%s” is too large to be checked here"), node->path);
    return false;
  }
  Walk walk = { .qcow2 = qcow2,
                .check = check,
                .repair = how,
                .seen = seen,
                .seen_blocks = seen_blocks,
                .n_clusters = clusters,
                .progress = progress,
                .data = data };
  if (!count_all (&walk, error))
    return false;
  compare_all (&walk, LOOK);
  if (walk.no_memory) {
    dio_set_error_errno (error, ENOMEM, _ ("The disk “%s” could not be read"), node->path);
    return false;
  }
  if (how == DIO_QCOW2_REPAIR_NOTHING || (qcow2->header.autoclear & QCOW2_BITMAPS))
    /* The clusters of bitmaps are none of ours to count, nor to give away. */
    check_flags (&walk);
  int result = 0;
  if (how != DIO_QCOW2_REPAIR_NOTHING && !(qcow2->header.autoclear & QCOW2_BITMAPS))
    result = repair (&walk);
  if (result == 0)
    return true;
  dio_set_error_errno (error, -result, _ ("The disk “%s” could not be repaired"), node->path);
  return false;
}
