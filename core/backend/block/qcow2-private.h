/* SPDX-License-Identifier: GPL-3.0-or-later
 * Inside of the qcow2 driver. The format is described in QEMU's docs/interop/qcow2.txt.
 *
 * The file is a set of clusters with a count of references each. A two-level table (L1, L2) maps
 * guest clusters to host clusters; another one (reference table, reference blocks) holds the
 * counts.
 *
 * What has to be true of the file at any moment, so that a power cut never costs more than clusters
 * that nobody uses (leaks):
 *
 *   1. a cluster's count is on the disk before a pointer to it is;
 *   2. so is its content: data of guests, tables, blocks of counts;
 *   3. a pointer is gone from the disk before the count is lowered and the cluster used again.
 *
 * Changes are made to tables in memory. dio_qcow2_flush() brings them to the disk: new counts and
 * new tables; a sync; L2 entries and L1 entries; a sync; and then lowers the counts of what these
 * entries no longer point to. Data is written when it comes, and entries change in memory only
 * after that, so the first sync covers it. A flush without such changes is one sync.
 *
 * Locks: `flush_lock`, then ranges of guest clusters (writers; see qcow2-range.c), then `lock` for
 * all tables in memory. No data is transferred with `lock` held, tables are. */
#pragma once

#include <pthread.h>

#include "core/backend/block/block-node.h"
#include "core/backend/block/qcow2.h"
#include "core/base/base-bytes.h"
#include "core/base/base-memory.h"

#define QCOW2_MAGIC 0x514649fbu
#define QCOW2_MIN_CLUSTER_BITS 9
#define QCOW2_MAX_CLUSTER_BITS 21
#define QCOW2_MAX_L1_BYTES (UINT64_C (32) << 20)
#define QCOW2_MAX_REFTABLE_BYTES (UINT64_C (8) << 20)
#define QCOW2_MAX_SNAPSHOTS 8192 /* a small array */
#define QCOW2_MAX_SNAPSHOT_BYTES (UINT64_C (64) << 20)
#define QCOW2_MAX_EXTENSION_BYTES (UINT32_C (64) << 10)

#define QCOW2_OFFSET_MASK UINT64_C (0x00fffffffffffe00)
#define QCOW2_COPIED (UINT64_C (1) << 63)
#define QCOW2_COMPRESSED (UINT64_C (1) << 62)
#define QCOW2_ZERO UINT64_C (1)
#define QCOW2_SUBCLUSTERS 32
#define QCOW2_ALL_ALLOCATED UINT64_C (0x00000000ffffffff)
#define QCOW2_ALL_ZERO UINT64_C (0xffffffff00000000)

#define QCOW2_DIRTY (UINT64_C (1) << 0)
#define QCOW2_CORRUPT (UINT64_C (1) << 1)
#define QCOW2_EXTERNAL_DATA (UINT64_C (1) << 2)
#define QCOW2_COMPRESSION (UINT64_C (1) << 3)
#define QCOW2_EXTENDED_L2 (UINT64_C (1) << 4)
#define QCOW2_LAZY (UINT64_C (1) << 0)
#define QCOW2_BITMAPS (UINT64_C (1) << 0)

enum { QCOW2_ZLIB = 0, QCOW2_ZSTD = 1 };

/* Bytes of tables that are kept in memory. */
#define QCOW2_CACHE_BYTES (UINT64_C (16) << 20)

typedef struct {
  uint32_t version, cluster_bits, length;
  uint64_t size;
  uint64_t backing_offset;
  uint32_t backing_length;
  uint32_t encryption;
  uint32_t l1_size;
  uint64_t l1_offset;
  uint64_t reftable_offset;
  uint32_t reftable_clusters;
  uint32_t n_snapshots;
  uint64_t snapshots_offset;
  uint64_t incompatible, compatible, autoclear;
  uint32_t refcount_order;
  uint8_t compression;
} Qcow2Header;

/* Where fields that change lie in the header. */
enum {
  QCOW2_AT_SIZE = 24,
  QCOW2_AT_L1_SIZE = 36,
  QCOW2_AT_REFTABLE = 48,
  QCOW2_AT_INCOMPATIBLE = 72,
  QCOW2_AT_AUTOCLEAR = 88,
};

/* An L2 table (by its index in L1) or a block of counts (by its index in the reference table),
 * cluster-sized, as on the disk. */
typedef struct Qcow2Table {
  uint64_t index;
  uint64_t offset;
  uint8_t *data;
  uint32_t dirty_from, dirty_to; /* bytes; equal: clean */
  bool unlinked;                 /* the pointer to it is not on the disk yet */
  bool flushing;                 /* what a flush took from it is not on the disk yet */
  GList link;                    /* in Qcow2Cache.lru */
  struct Qcow2Table *next;       /* in its bucket */
} Qcow2Table;

typedef struct {
  Qcow2Table **buckets; /* by index, which has n_buckets, a power of two; NULL: none yet */
  uint64_t n_buckets;
  GQueue lru; /* most recently used first */
  unsigned most, n_dirty;
} Qcow2Cache;

typedef struct Qcow2Range {
  struct Qcow2Range *next;
  uint64_t first, last;
} Qcow2Range;

typedef struct {
  uint64_t offset, length; /* whole clusters */
} Qcow2Span;

typedef struct {
  Qcow2Span *spans;
  size_t n, capacity;
} Qcow2Spans;

typedef struct {
  DioBlockNode node;
  Qcow2Header header;
  uint64_t cluster_size;
  unsigned l2_entry_bytes;
  uint64_t l2_entries; /* per table */
  uint64_t unit;       /* what one entry or one bit of it decides: a cluster or a subcluster */
  uint64_t counts;     /* per block */
  bool sparse;         /* what lies behind the end of the file reads as zeros */
  char *backing_name, *backing_format;

  pthread_mutex_t flush_lock;

  pthread_mutex_t range_lock;
  pthread_cond_t range_freed;
  Qcow2Range *ranges;
  unsigned readers[2]; /* by the parity of the epoch in which they began */
  unsigned epoch;

  pthread_mutex_t lock;
  uint64_t *l1; /* header.l1_size entries */
  Qcow2Cache l2, blocks;
  uint64_t *reftable;
  uint64_t n_reftable;
  uint64_t reftable_dirty_from, reftable_dirty_to; /* entries */
  DioSet metadata;         /* numbers of the clusters that guests' data must never reach */
  uint64_t free_hint;      /* no cluster below is free */
  uint64_t fresh;          /* clusters from here on were never written */
  Qcow2Spans unreferenced; /* no pointer in memory any more, the counts still up */
  bool failed;             /* a sync has failed: nothing can be promised any more */
  bool corrupt;

  pthread_mutex_t unpack_lock;
  uint64_t unpacked_entry; /* whose cluster is in `unpacked`; 0: none */
  uint8_t *unpacked;
} Qcow2;

static inline uint64_t
dio_qcow2_clusters (const Qcow2 *qcow2, uint64_t bytes)
{
  return (bytes + qcow2->cluster_size - 1) >> qcow2->header.cluster_bits;
}

/* ---- qcow2-header.c ---- */

/* Reads and checks the header and what hangs on it: the extensions, the name of the backing image.
 */
bool dio_qcow2_read_header (Qcow2 *qcow2, uint64_t file_size, GError **error);

/* Changes bits of the features and syncs. 0 or -errno. */
int dio_qcow2_set_incompatible (Qcow2 *qcow2, uint64_t bits);
int dio_qcow2_clear_autoclear (Qcow2 *qcow2);

/* The image is broken: says so in the header, and nothing is written any more. Returns -EIO. */
int dio_qcow2_mark_corrupt (Qcow2 *qcow2, const char *what, uint64_t offset);

/* ---- qcow2-cache.c; `lock` held ---- */

void dio_qcow2_cache_init (Qcow2Cache *cache, uint64_t table_bytes);
void dio_qcow2_cache_clear (Qcow2Cache *cache);

/* The table that is in memory; or NULL. */
Qcow2Table *dio_qcow2_cache_find (Qcow2Cache *cache, uint64_t index);

/* Forgets a table, changed or not. */
void dio_qcow2_cache_drop (Qcow2Cache *cache, Qcow2Table *table);

/* A new entry, with zeros (@read false) or from the file. NULL and -errno in *result. */
Qcow2Table *dio_qcow2_cache_add (Qcow2 *qcow2, Qcow2Cache *cache, uint64_t index, uint64_t offset,
                                 bool read, int *result);
void dio_qcow2_table_dirty (Qcow2Cache *cache, Qcow2Table *table, uint32_t from, uint32_t to);
void dio_qcow2_table_clean (Qcow2Cache *cache, Qcow2Table *table);

/* ---- qcow2-count.c; `lock` held ---- */

/* The number of references to the cluster @index, or -errno. */
int64_t dio_qcow2_get_count (Qcow2 *qcow2, uint64_t index);
int dio_qcow2_set_count (Qcow2 *qcow2, uint64_t index, uint64_t count);

/* Up to @want clusters in a row, from *offset on, with a count of one; *fresh tells whether they
 * are known to read as zeros. Returns how many, or -errno. */
int64_t dio_qcow2_allocate (Qcow2 *qcow2, uint64_t want, uint64_t *offset, bool *fresh);

/* The same for all of @clusters, as a table of tables needs them. 0 or -errno, and then none is
 * taken. */
int dio_qcow2_allocate_row (Qcow2 *qcow2, uint64_t clusters, uint64_t *offset);

/* Takes back what no pointer was ever made to. */
void dio_qcow2_release (Qcow2 *qcow2, uint64_t offset, uint64_t clusters);

/* Room for @more notes of what is not referenced any more. False: there is no memory. */
bool dio_qcow2_make_room (Qcow2 *qcow2, uint64_t more);

/* Notes that one reference less is there, in memory; there is room. */
void dio_qcow2_unreference (Qcow2 *qcow2, uint64_t offset, uint64_t length);

/* The set of clusters with tables; there is room for what is added. */
static inline bool
dio_qcow2_is_metadata (const Qcow2 *qcow2, uint64_t cluster)
{
  return dio_set_contains (&qcow2->metadata, &(uint64_t){ cluster + 1 });
}

static inline bool
dio_qcow2_add_metadata (Qcow2 *qcow2, uint64_t cluster)
{
  return dio_set_add (&qcow2->metadata, &(uint64_t){ cluster + 1 });
}

static inline void
dio_qcow2_remove_metadata (Qcow2 *qcow2, uint64_t cluster)
{
  dio_set_remove (&qcow2->metadata, &(uint64_t){ cluster + 1 });
}

/* Writes the changed blocks of counts. 0 or -errno. */
int dio_qcow2_write_blocks (Qcow2 *qcow2);
int dio_qcow2_write_reftable (Qcow2 *qcow2);

/* True when guest data may be at the host cluster @offset; otherwise the image is marked corrupt.
 */
bool dio_qcow2_check_data_offset (Qcow2 *qcow2, uint64_t offset);

/* ---- qcow2-map.c; `lock` held ---- */

/* An entry of an L2 table. */
typedef struct {
  uint64_t value, bitmap;
} Qcow2Entry;

/* The table of the guest cluster @index: NULL and 0 in *result where there is none. @change: it is
 * made, or made our own, so that its entries may be set. */
Qcow2Table *dio_qcow2_get_l2 (Qcow2 *qcow2, uint64_t index, bool change, int *result);
Qcow2Entry dio_qcow2_get_entry (const Qcow2 *qcow2, const Qcow2Table *table, uint64_t index);
void dio_qcow2_set_entry (Qcow2 *qcow2, Qcow2Table *table, uint64_t index, Qcow2Entry entry);

/* What is in the @unit'th unit of the cluster of @entry, its host offset if it is DATA. */
DioBlockExtentKind dio_qcow2_classify (const Qcow2 *qcow2, Qcow2Entry entry, uint64_t unit,
                                       uint64_t *host);

/* Drops the references of @entry; there is room for one note. */
void dio_qcow2_drop_entry (Qcow2 *qcow2, Qcow2Entry entry);

/* The part of the file that a compressed cluster lies in. */
Qcow2Span dio_qcow2_compressed_span (const Qcow2 *qcow2, uint64_t entry);

/* ---- qcow2-unpack.c ---- */

/* Reads from @skip on in the compressed cluster of @entry. 0 or -errno. */
int dio_qcow2_unpack (Qcow2 *qcow2, uint64_t entry, uint64_t skip, const struct iovec *iov,
                      int n_iov);

/* ---- qcow2-range.c ---- */

/* Waits until nobody else changes these guest clusters. */
void dio_qcow2_lock_range (Qcow2 *qcow2, Qcow2Range *range, uint64_t first, uint64_t last);
void dio_qcow2_unlock_range (Qcow2 *qcow2, Qcow2Range *range);

/* Readers take no range. What they look at is not used for anything else before they are done:
 * dio_qcow2_wait_readers() waits for all that have begun. One caller at a time. */
unsigned dio_qcow2_begin_read (Qcow2 *qcow2);
void dio_qcow2_end_read (Qcow2 *qcow2, unsigned epoch);
void dio_qcow2_wait_readers (Qcow2 *qcow2);

/* ---- qcow2-flush.c ---- */

/* Everything to the disk. */
int dio_qcow2_flush (Qcow2 *qcow2);

/* The same if so much waits that it should not get more. */
int dio_qcow2_flush_much (Qcow2 *qcow2);

/* A sync that is not tried again after it has failed. */
int dio_qcow2_sync (Qcow2 *qcow2);

/* ---- qcow2-io.c ---- */

int dio_qcow2_read (DioBlockNode *node, uint64_t offset, const struct iovec *iov, int n_iov);
int dio_qcow2_write (DioBlockNode *node, uint64_t offset, const struct iovec *iov, int n_iov);
int dio_qcow2_map (DioBlockNode *node, uint64_t offset, uint64_t length, DioBlockExtent *extent);

/* True when this reads as zeros, and no other image has to be asked for that. */
bool dio_qcow2_is_zero (Qcow2 *qcow2, uint64_t offset, uint64_t length);

/* ---- qcow2-zero.c ---- */

int dio_qcow2_discard (DioBlockNode *node, uint64_t offset, uint64_t length);
int dio_qcow2_write_zeroes (DioBlockNode *node, uint64_t offset, uint64_t length, bool unmap);

/* ---- qcow2-resize.c ---- */

bool dio_qcow2_resize (DioBlockNode *node, uint64_t size, GError **error);
