/* SPDX-License-Identifier: GPL-3.0-or-later
 * Making of disk images. Blocks; any thread. */
#pragma once

#include "core/backend/block/block-node.h"

typedef struct {
  const char *format;
  uint64_t size; /* bytes, a multiple of 512 */
  /* The rest is for qcow2 only. 0, NULL and false stand for what most want. */
  uint64_t cluster_size;  /* 512 to 2 MiB; 0: 64 KiB */
  unsigned version;       /* 2 or 3; 0: 3 */
  unsigned refcount_bits; /* 1 to 64; 0: 16 */
  bool lazy_refcounts;    /* version 3 */
  bool extended_l2;       /* version 3, clusters of 16 KiB and more */
  const char *backing;    /* name to note for other programs; Diorama never opens it */
  const char *backing_format;
} DioBlockCreate;

/* Creates an image, mode 0600, failing if it exists. It is on the disk when this returns, and no
 * image at all after a crash before that. */
bool dio_block_create (DioFiles *files, const char *path, const DioBlockCreate *create,
                       GError **error);

/* ---- For formats ---- */

/* False and @error when these options make no image. */
bool dio_qcow2_check_create (const DioBlockCreate *create, GError **error);

/* Writes an empty image into @fd: everything, a sync, and then the header. 0 or -errno. */
int dio_qcow2_write_empty (DioFiles *files, int fd, const DioBlockCreate *create);
