/* SPDX-License-Identifier: GPL-3.0-or-later
 * A layer of files that records everything that changes a folder tree, with the data, so that
 * replay.h can tell what could be on the disk after a power cut at any moment. */
#pragma once

#include <glib.h>
#include <pthread.h>

#include "core/file/file.h"

/* A file or folder that exists, existed or will exist; known by its index in `objects`. */
typedef struct {
  bool folder;
  GByteArray *data;  /* of a file, when logging began */
  GHashTable *names; /* of a folder, when logging began: name to index + 1 */
} FilesLogObject;

/* Of OPEN only what creates is here; copies and clones are WRITEs. */
typedef struct {
  DioFileOp op;          /* DIO_FILE_N_OPS: a mark */
  unsigned object;       /* of data: the file; of names: the folder; of syncs: what is synced */
  unsigned other_object; /* RENAME, LINK: the other folder */
  unsigned target;       /* OPEN, MKDIR, LINK, RENAME: what the name stands for */
  char *name, *other_name;
  int flags;
  uint64_t offset, length; /* of a mark: its value */
  uint8_t *data;           /* of a WRITE */
} FilesLogEntry;

typedef struct {
  DioFiles files;
  pthread_mutex_t lock;
  GPtrArray *objects; /* of FilesLogObject*; the root is 0 */
  GPtrArray *entries; /* of FilesLogEntry* */
  GHashTable *inodes; /* of the objects that exist now: inode to index + 1 */
} FilesLog;

/* Takes the state of the folder @root; what lies elsewhere passes unrecorded. */
FilesLog *files_log_new (DioFiles *below, const char *root);
void files_log_free (FilesLog *log);

/* Notes that @value holds from now on: usually the number of an operation that was promised to be
 * on the disk. Any thread. */
void files_log_mark (FilesLog *log, uint64_t value);
