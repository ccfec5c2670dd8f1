/* SPDX-License-Identifier: GPL-3.0-or-later
 * What could be on the disk after a power cut: crash images from a log of file operations.
 *
 * The rules are those that POSIX promises, and no better file system: data of a file is on the disk
 * for sure after a sync of that file, names after a sync of their folder; until then each write,
 * truncation and hole is there, not there, or (writes) there in some of its sectors, independently
 * of all others. Names change in order, as in the journal of a file system. */
#pragma once

#include "tests/support/files-log.h"

typedef struct {
  const char *root;      /* the folder as it was found when the power came back; may be changed */
  uint64_t acknowledged; /* the newest mark before the cut; 0: none */
  bool at_end;           /* the cut came after the last operation */
  unsigned number;       /* of the image: the same seed makes the same one */
  const char *how;       /* "image 7: 12 of 40 operations, torn at 512", for messages */
} ReplayImage;

typedef void (*ReplayCheck) (const ReplayImage *image, void *data);

/* Calls @check with about @most of all crash images of @log (0: with all of them), chosen by @seed:
 * every prefix of the operations; and at each sync none of the operations since the last, all of
 * them but one, random subsets, and writes torn at 512 and 4096 bytes. Returns how many. */
unsigned replay_images (FilesLog *log, guint32 seed, unsigned most, ReplayCheck check, void *data);
