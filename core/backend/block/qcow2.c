/* SPDX-License-Identifier: GPL-3.0-or-later
 * qcow2 images: opening and closing. */
#include "core/backend/block/qcow2.h"

#include <errno.h>
#include <string.h>

#include "core/backend/block/qcow2-private.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* ---- Opening ---- */

static bool
fail (const Qcow2 *qcow2, GError **error, const char *reason)
{
  g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("The disk “%s” cannot be used: %s"),
               qcow2->node.path, reason);
  return false;
}

static uint64_t *
read_table (Qcow2 *qcow2, uint64_t offset, uint64_t entries, bool whole, GError **error)
{
  DioBlockNode *node = &qcow2->node;
  g_autofree uint64_t *table = g_try_malloc0 (entries * 8 + 8);
  int64_t got = table ? dio_file_read (node->files, node->fd, table, entries * 8, offset) : -ENOMEM;
  if (got < 0) {
    dio_set_error_errno (error, (int) -got, _ ("The disk “%s” could not be read"), node->path);
    return NULL;
  }
  if (whole && (uint64_t) got < entries * 8) {
    fail (qcow2, error, _ ("its file is shorter than it should be"));
    return NULL;
  }
  for (uint64_t i = 0; i < entries; i++)
    table[i] = GUINT64_FROM_BE (table[i]);
  return g_steal_pointer (&table);
}

/* 0, -EEXIST when some of these clusters are in use for something else, -ENOMEM; a @result that is
 * not 0 stays. */
static int
claim (Qcow2 *qcow2, int result, uint64_t offset, uint64_t length)
{
  uint64_t first = offset >> qcow2->header.cluster_bits;
  uint64_t count = dio_qcow2_clusters (qcow2, length);
  if (result)
    return result;
  if (!dio_set_reserve (&qcow2->metadata, count))
    return -ENOMEM;
  bool good = (offset & (qcow2->cluster_size - 1)) == 0;
  for (uint64_t i = 0; i < count; i++)
    good &= dio_qcow2_add_metadata (qcow2, first + i);
  return good ? 0 : -EEXIST;
}

/* Notes where tables are, which guest data must never reach. */
static bool
claim_tables (Qcow2 *qcow2, GError **error)
{
  const Qcow2Header *header = &qcow2->header;
  uint64_t reftable_bytes = header->reftable_clusters * qcow2->cluster_size;
  int result = claim (qcow2, 0, 0, 1);
  result = claim (qcow2, result, header->reftable_offset, reftable_bytes);
  result = claim (qcow2, result, header->l1_offset, (uint64_t) header->l1_size * 8);
  for (uint64_t i = 0; i < qcow2->n_reftable; i++)
    if (qcow2->reftable[i] & QCOW2_OFFSET_MASK)
      result = claim (qcow2, result, qcow2->reftable[i] & QCOW2_OFFSET_MASK, 1);
  for (uint64_t i = 0; i < header->l1_size; i++)
    if (qcow2->l1[i] & QCOW2_OFFSET_MASK)
      result = claim (qcow2, result, qcow2->l1[i] & QCOW2_OFFSET_MASK, 1);
  if (header->n_snapshots) {
    g_autoptr (GPtrArray) snapshots = dio_qcow2_list_snapshots (&qcow2->node, error);
    if (!snapshots)
      return false;
    result = claim (qcow2, result, header->snapshots_offset, 1);
    for (guint i = 0; i < snapshots->len; i++) {
      const DioQcow2Snapshot *snapshot = g_ptr_array_index (snapshots, i);
      result = claim (qcow2, result, snapshot->l1_offset, (uint64_t) snapshot->l1_size * 8);
    }
  }
  if (result == -EEXIST)
    return fail (qcow2, error,
                 _ ("its tables overlap. Check it with “diorama disk check --repair”, or attach "
                    "it read-only"));
  if (result < 0)
    dio_set_error_errno (error, -result, _ ("The disk “%s” could not be read"), qcow2->node.path);
  return result == 0;
}

static bool
check_backing (const Qcow2 *qcow2, DioBlockOpenFlags flags, GError **error)
{
  const DioBlockNode *node = &qcow2->node;
  bool wanted = qcow2->backing_name && *qcow2->backing_name;
  if (flags & DIO_BLOCK_OPEN_CHECK || wanted == (node->backing != NULL))
    return true;
  if (node->backing)
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT,
                 _ ("The disk “%s” is no overlay, but is to be used as one"), node->path);
  else
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT,
                 _ ("The disk “%s” is an overlay of “%s”. Names inside of disks are not followed: "
                    "merge the two first, with “diorama disk convert --backing”"),
                 node->path, qcow2->backing_name);
  return false;
}

static bool
load_tables (Qcow2 *qcow2, GError **error)
{
  const Qcow2Header *header = &qcow2->header;
  qcow2->n_reftable = header->reftable_clusters * qcow2->cluster_size / 8;
  qcow2->l1 = read_table (qcow2, header->l1_offset, header->l1_size, true, error);
  if (qcow2->l1)
    qcow2->reftable = read_table (qcow2, header->reftable_offset, qcow2->n_reftable, false, error);
  return qcow2->reftable != NULL;
}

/* Repairs what a crash with deferred counts left. */
static bool
recover (Qcow2 *qcow2, GError **error)
{
  DioQcow2Check check = { 0 };
  if (!dio_qcow2_check (&qcow2->node, DIO_QCOW2_REPAIR_ALL, &check, NULL, NULL, error))
    return false;
  if (check.errors || check.corruptions > check.fixed)
    return fail (qcow2, error,
                 _ ("it was not closed and is damaged. Check it with “diorama disk check "
                    "--repair”, or attach it read-only"));
  return true;
}

static bool
prepare_writing (Qcow2 *qcow2, GError **error)
{
  if (qcow2->header.incompatible & QCOW2_CORRUPT)
    return fail (qcow2, error,
                 _ ("it is marked as damaged. Check it with “diorama disk check --repair”, or "
                    "attach it read-only"));
  if (qcow2->header.incompatible & QCOW2_DIRTY && !recover (qcow2, error))
    return false;
  if (!claim_tables (qcow2, error))
    return false;
  int result = dio_qcow2_clear_autoclear (qcow2);
  if (result == 0 && qcow2->header.compatible & QCOW2_LAZY)
    result = dio_qcow2_set_incompatible (qcow2, qcow2->header.incompatible | QCOW2_DIRTY);
  if (result < 0)
    dio_set_error_errno (error, -result, _ ("The disk “%s” could not be written"),
                         qcow2->node.path);
  return result == 0;
}

static void
init (Qcow2 *qcow2)
{
  dio_set_init (&qcow2->metadata, sizeof (uint64_t));
  pthread_mutex_init (&qcow2->flush_lock, NULL);
  pthread_mutex_init (&qcow2->range_lock, NULL);
  pthread_cond_init (&qcow2->range_freed, NULL);
  pthread_mutex_init (&qcow2->lock, NULL);
  pthread_mutex_init (&qcow2->unpack_lock, NULL);
}

static void
clear (Qcow2 *qcow2)
{
  dio_qcow2_cache_clear (&qcow2->l2);
  dio_qcow2_cache_clear (&qcow2->blocks);
  dio_set_clear (&qcow2->metadata);
  g_free (qcow2->unreferenced.spans);
  g_free (qcow2->l1);
  g_free (qcow2->reftable);
  g_free (qcow2->unpacked);
  g_free (qcow2->backing_name);
  g_free (qcow2->backing_format);
  pthread_mutex_destroy (&qcow2->flush_lock);
  pthread_mutex_destroy (&qcow2->range_lock);
  pthread_cond_destroy (&qcow2->range_freed);
  pthread_mutex_destroy (&qcow2->lock);
  pthread_mutex_destroy (&qcow2->unpack_lock);
}

static void
derive (Qcow2 *qcow2, uint64_t file_size)
{
  struct statx status;
  const Qcow2Header *header = &qcow2->header;
  bool extended = header->incompatible & QCOW2_EXTENDED_L2;
  qcow2->cluster_size = UINT64_C (1) << header->cluster_bits;
  qcow2->l2_entry_bytes = extended ? 16 : 8;
  qcow2->l2_entries = qcow2->cluster_size / qcow2->l2_entry_bytes;
  qcow2->unit = extended ? qcow2->cluster_size / QCOW2_SUBCLUSTERS : qcow2->cluster_size;
  qcow2->counts = (qcow2->cluster_size * 8) >> header->refcount_order;
  qcow2->fresh = dio_qcow2_clusters (qcow2, file_size);
  qcow2->sparse = dio_file_stat (qcow2->node.files, qcow2->node.fd, "", AT_EMPTY_PATH, &status) == 0
                  && S_ISREG (status.stx_mode);
  qcow2->node.size = header->size;
  dio_qcow2_cache_init (&qcow2->l2, qcow2->cluster_size);
  dio_qcow2_cache_init (&qcow2->blocks, qcow2->cluster_size);
}

/* ---- The driver ---- */

static int
driver_flush (DioBlockNode *node)
{
  return dio_qcow2_flush ((Qcow2 *) node);
}

/* Twice, as what the first one gives back lowers counts. */
static int
finish (Qcow2 *qcow2)
{
  int result = dio_qcow2_flush (qcow2);
  if (result == 0 && qcow2->blocks.n_dirty)
    result = dio_qcow2_flush (qcow2);
  if (result == 0 && qcow2->header.incompatible & QCOW2_DIRTY && !qcow2->corrupt) {
    result = dio_qcow2_write_blocks (qcow2);
    if (result == 0)
      result = dio_qcow2_sync (qcow2);
    if (result == 0)
      result = dio_qcow2_set_incompatible (qcow2, qcow2->header.incompatible & ~QCOW2_DIRTY);
  }
  return result;
}

static int
driver_seal (DioBlockNode *node)
{
  return finish ((Qcow2 *) node);
}

static int
driver_close (DioBlockNode *node)
{
  Qcow2 *qcow2 = (Qcow2 *) node;
  int result = node->readonly ? 0 : finish (qcow2);
  clear (qcow2);
  return result;
}

static const DioBlockDriver qcow2_driver = {
  .format = "qcow2",
  .read = dio_qcow2_read,
  .write = dio_qcow2_write,
  .flush = driver_flush,
  .discard = dio_qcow2_discard,
  .write_zeroes = dio_qcow2_write_zeroes,
  .map = dio_qcow2_map,
  .resize = dio_qcow2_resize,
  .seal = driver_seal,
  .close = driver_close,
};

DioBlockNode *
dio_block_qcow2_open (const DioBlockNode *node, uint64_t file_size, DioBlockOpenFlags flags,
                      GError **error)
{
  Qcow2 *qcow2 = g_new0 (Qcow2, 1);
  qcow2->node = *node;
  qcow2->node.driver = &qcow2_driver;
  init (qcow2);
  bool good = dio_qcow2_read_header (qcow2, file_size, error);
  if (good) {
    derive (qcow2, file_size);
    good = check_backing (qcow2, flags, error) && load_tables (qcow2, error)
           && (node->readonly || flags & DIO_BLOCK_OPEN_CHECK || prepare_writing (qcow2, error));
  }
  if (good)
    return &qcow2->node;
  clear (qcow2);
  g_free (qcow2);
  return NULL;
}
