/* SPDX-License-Identifier: GPL-3.0-or-later
 * What only qcow2 images have: internal snapshots, a check, facts of the header. All of this
 * blocks. Functions take nodes of the format qcow2. */
#pragma once

#include "core/backend/block/block-node.h"

typedef struct {
  unsigned version;
  uint64_t cluster_size;
  unsigned refcount_bits;
  bool lazy_refcounts, extended_l2, dirty, corrupt;
  const char *compression;    /* "zlib" or "zstd" */
  const char *backing_name;   /* as it stands in the image, for people only; may be NULL */
  const char *backing_format; /* the same */
  unsigned n_snapshots;
} DioQcow2Info;

void dio_qcow2_get_info (DioBlockNode *node, DioQcow2Info *info);

/* The name of the backing image in the header of a file, to be told when there is none in the
 * manifest. NULL: none, or no qcow2 image. */
char *dio_qcow2_peek_backing (DioFiles *files, const char *path);

/* Has the header of @file in the folder @dir_fd, an overlay of dio_block_create(), say that @name
 * of
 * @format is what it stands on. Only for other programs. The image may be open, if nobody else does
 * the same meanwhile; power cuts leave the old name or the new one. Blocks; writes nothing when it
 * says so already. False for a header that others made (-ENOTSUP) or that cannot be written. */
bool dio_qcow2_set_backing_name (DioFiles *files, int dir_fd, const char *file, const char *name,
                                 const char *format, GError **error);

typedef struct {
  char *id, *name;
  uint64_t size;       /* of the disk */
  uint64_t state_size; /* of the machine's memory that QEMU saved with it */
  int64_t date_s;      /* since 1970 */
  uint64_t clock_ns;
  uint64_t l1_offset;
  uint32_t l1_size;
  uint64_t end; /* of its entry, from the start of the list */
} DioQcow2Snapshot;

/* The internal snapshots, oldest first; of DioQcow2Snapshot*. NULL and @error when they cannot be
 * read. */
GPtrArray *dio_qcow2_list_snapshots (DioBlockNode *node, GError **error);

/* Shows a read-only node as it was in the snapshot @id (its id, or its name). */
bool dio_qcow2_show_snapshot (DioBlockNode *node, const char *id, GError **error);

typedef struct {
  uint64_t corruptions; /* what may cost data */
  uint64_t leaks;       /* clusters that are only lost space */
  uint64_t errors;      /* what could not be read */
  uint64_t fixed;       /* of both */
  uint64_t used;        /* clusters with data or tables */
  uint64_t image_end;   /* bytes up to the last used cluster */
  GString *text;        /* one line for each of the first findings; may be NULL */
} DioQcow2Check;

typedef enum {
  DIO_QCOW2_REPAIR_NOTHING,
  DIO_QCOW2_REPAIR_LEAKS,
  DIO_QCOW2_REPAIR_ALL,
} DioQcow2Repair;

/* Compares all references with the counts, without other users of the node. False when the check
 * itself was not possible. @progress may be NULL. */
bool dio_qcow2_check (DioBlockNode *node, DioQcow2Repair repair, DioQcow2Check *check,
                      DioFileProgress progress, void *data, GError **error);
