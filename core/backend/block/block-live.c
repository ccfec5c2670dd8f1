/* SPDX-License-Identifier: GPL-3.0-or-later
 * Merging of images while the machine that has them open runs.
 *
 * Only images below the one that is written are merged, so the upper one never changes meanwhile.
 * What it has is written into the lower one; where it has something, nobody who reads the chain
 * gets as far as the lower one, and where it has nothing, the lower one is not written. So readers
 * see the same at any time, and need not be kept out.
 *
 * The lower image was opened for reading. A second, independent node that writes would change the
 * tables of the file behind the back of the first, and could use clusters again that the first one
 * still takes for data. So it is opened anew, for writing, in the place of the first. */
#include "core/backend/block/block-live.h"

#include <errno.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* What stands on the image @path; NULL when that is the uppermost or not there. */
static DioBlockNode *
find_above (DioBlock *block, const char *path)
{
  for (DioBlockNode *node = dio_block_get_node (block); node && node->backing; node = node->backing)
    if (strcmp (node->backing->path, path) == 0)
      return node;
  return NULL;
}

bool
dio_block_can_merge_live (DioBlock *block, const char *upper)
{
  const DioBlockNode *above = find_above (block, upper);
  const DioBlockNode *lower = above ? above->backing->backing : NULL;
  return lower && above->backing->readonly && lower->readonly
         && lower->size == above->backing->size;
}

typedef struct {
  DioBlock *block;
  const DioBlockJob *job;
} Live;

static bool
progress_cb (uint64_t done, uint64_t total, void *data)
{
  Live *live = data;
  const DioBlockJob *job = live->job;
  return !dio_block_is_ending (live->block)
         && (!job || !job->progress || job->progress (done, total, job->data));
}

static bool
open_lower (DioBlock *block, DioBlockNode *upper, GError **error)
{
  dio_block_begin_change (block);
  bool good = dio_block_node_reopen_below (upper, error);
  dio_block_end_change (block);
  return good;
}

/* The lower image is one again that is only read; the upper one goes if it is not needed. What
 * cannot be put in order in it is lost space at most: its data is on the disk. */
static void
finish (DioBlock *block, DioBlockNode *above, bool merged)
{
  DioBlockNode *upper = above->backing, *lower = upper->backing;
  dio_block_begin_change (block);
  dio_block_node_seal (lower);
  if (merged)
    above->backing = lower;
  dio_block_end_change (block);
  if (!merged)
    return;
  upper->backing = NULL;
  dio_block_node_close (upper);
}

bool
dio_block_merge_live (DioBlock *block, const char *upper, const DioBlockJob *job,
                      DioBlockMerged merged, void *data, GError **error)
{
  Live live = { block, job };
  const DioBlockJob inner = { progress_cb, &live };
  if (!dio_block_can_merge_live (block, upper)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_BUSY,
                 _ ("The disk “%s” cannot be merged while the machine runs"), upper);
    return false;
  }
  DioBlockNode *above = find_above (block, upper);
  if (!open_lower (block, above->backing, error))
    return false;
  bool good = dio_block_merge (above->backing, &inner, error) && merged (data, error);
  if (!good) /* not while requests wait */
    dio_block_node_flush (above->backing->backing);
  finish (block, above, good);
  return good;
}
