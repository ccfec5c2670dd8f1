/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the files of library-snapshot share. */
#pragma once

#include <pthread.h>

#include "app/library/library-snapshot.h"

#define DIO_SNAPSHOT_TREE "tree.json"
#define DIO_SNAPSHOT_TREE_VERSION 1
#define DIO_SNAPSHOT_TREE_MAX_BYTES (16u << 20)

#define DIO_SNAPSHOT_REVERT_PREFIX "revert-"

/* A file that replaces another, both in the bundle. */
typedef struct {
  char *from, *to;
} DioSnapshotInstall;

struct DioSnapshots {
  gatomicrefcount references;
  DioFiles *files;
  char *path;
  gboolean writable;
  int bundle_fd;
  int dir_fd; /* of the snapshots; -1: there is none yet */

  pthread_mutex_t lock; /* of what follows */
  pthread_cond_t idle;
  gboolean busy; /* one long operation at a time */
  DioStore *store;
  GPtrArray *infos; /* of DioSnapshotInfo*, oldest first */
  char *current;
  char *pending;       /* to be loaded at the next start */
  char *tracked;       /* not on disk: whose memory the running machine still shares */
  GPtrArray *installs; /* of DioSnapshotInstall* */
};

/* library-snapshot-tree.c: the text of the tree, with the lock held. */
gboolean dio_snapshots_parse_locked (DioSnapshots *self, const char *text, gsize length,
                                     GError **error);
gboolean dio_snapshots_commit_locked (DioSnapshots *self, GError **error);
DioSnapshotInfo *dio_snapshots_get_locked (DioSnapshots *self, const char *id);
gboolean dio_snapshots_check_name (const char *name, GError **error);
void dio_snapshot_install_free (DioSnapshotInstall *install);

/* library-snapshot.c */
DioSnapshotInfo *dio_snapshots_require_locked (DioSnapshots *self, const char *id, GError **error);
/* Waits for other long operations, and lets them in again. Any threads. */
void dio_snapshots_enter (DioSnapshots *self);
void dio_snapshots_leave (DioSnapshots *self);
/* The folder and the store, made when they are not there. */
gboolean dio_snapshots_make_folder (DioSnapshots *self, GError **error);
char *dio_snapshot_state_name (const char *id);
GPtrArray *dio_snapshot_disk_list (void);
/* Reads the RAM map of a snapshot; @marks as for dio_ram_map_load(). NULL without an error: the
 * machine was off. */
DioRamMap *dio_snapshots_load_map (DioSnapshots *self, DioStore *store, DioStateFile *state,
                                   DioStoreMarks *marks, GError **error);
/* Does the renames that the tree asks for. */
gboolean dio_snapshots_install_locked (DioSnapshots *self, GError **error);
/* Removes files that the tree does not name. */
void dio_snapshots_remove_orphans (DioSnapshots *self);
