/* SPDX-License-Identifier: GPL-3.0-or-later
 * Long work on disk images: copying, converting, compacting, merging. All of this blocks, on nodes
 * that nothing else uses meanwhile; a cancelled or interrupted job leaves all images that were
 * there with the contents that they had. */
#pragma once

#include "core/backend/block/block-create.h"
#include "core/backend/block/block-node.h"

typedef struct {
  DioFileProgress progress; /* may be NULL; false cancels, with DIO_ERROR_CANCELLED */
  void *data;
} DioBlockJob;

/* Copies what @from with its chain has to @to, which reads as zeros and is as large at least. Zeros
 * are not written. Ends with a flush. */
bool dio_block_copy (DioBlockNode *from, DioBlockNode *to, const DioBlockJob *job, GError **error);

/* Fails unless the two (with their chains) have the same contents. */
bool dio_block_verify (DioBlockNode *a, DioBlockNode *b, const DioBlockJob *job, GError **error);

/* Writes the contents of @from with its chain into the new image @path, whose size @create need not
 * give. The name appears when all is done, verified and on the disk. */
bool dio_block_convert (DioBlockNode *from, const char *path, const DioBlockCreate *create,
                        const DioBlockJob *job, GError **error);

/* Writes the image @path anew without what it does not need, compares, and puts the new one in the
 * place of the old one. @backing (consumed) is the chain below, as for dio_block_node_open(). */
bool dio_block_compact (DioFiles *files, const char *path, const char *format,
                        DioBlockNode *backing, const DioBlockJob *job, GError **error);

/* Writes what @top has into its backing node, which must be writable, and makes that as large as
 * @top. Whatever happens meanwhile, @top reads as before, and the job may be done again; afterwards
 * the backing node reads as @top does, and @top may go. No other overlay may stand on the backing
 * image. */
bool dio_block_merge (DioBlockNode *top, const DioBlockJob *job, GError **error);
