/* SPDX-License-Identifier: GPL-3.0-or-later
 * Merging of images while the machine that has them open runs. */
#pragma once

#include "core/backend/block/block-job.h"
#include "core/backend/block/block.h"

/* From its success on whoever opens the chain anew does so without the upper image. The thread that
 * merges. */
typedef bool (*DioBlockMerged) (void *data, GError **error);

/* True when both images are in the chain of @block, @upper (a path) on another, neither is the one
 * that is written, and both are of the same size. Nobody may change the chain meanwhile. */
bool dio_block_can_merge_live (DioBlock *block, const char *upper);

/* Merges the image @upper of such a chain into the one below while requests go on; they wait twice
 * for some milliseconds. The contents of the disk are right at any moment, with the upper image and
 * without, so that the merge may be cut off anywhere: by a failure, by the job's progress, or by
 * the end of @block, for which DIO_ERROR_CANCELLED is set. When all is on the disk @merged is
 * called; if it succeeds the upper image leaves the chain, is closed, and may be removed.
 *
 * Blocks: for a thread of its own. @block must be lent, and nothing else may change its chain. */
bool dio_block_merge_live (DioBlock *block, const char *upper, const DioBlockJob *job,
                           DioBlockMerged merged, void *data, GError **error);
