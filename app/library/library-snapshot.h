/* SPDX-License-Identifier: GPL-3.0-or-later
 * The snapshots of a bundle: a tree in snapshots/tree.json, whose rename is the one commit point.
 *
 *   NAME.diorama/snapshots/  tree.json  ID.state  ID.qcow2 (overlays)  *.pack (chunks of memory)
 *
 * What is named nowhere in the tree is left over from something that did not end; it goes when the
 * bundle is opened for writing the next time. A revert puts new files beside the old ones, commits
 * a tree that says which replace which, and then renames: whoever opens the bundle after a crash
 * finishes the renames.
 *
 * Disks: at the instant of a snapshot the image that a disk is written to becomes one that is only
 * read, and the disk goes on in an overlay (library-snapshot-disks.c). Which image stands on which,
 * and of what format each is, stands in the tree alone. Small files that the machine changes, as
 * variables of a firmware, belong into the state file, whole (dio_snapshot_take_finish()).
 *
 * Everything blocks; any thread, several at a time. Who changes something holds the bundle's lock.
 */
#pragma once

#include "app/library/library-bundle.h"
#include "core/state/state-file.h"
#include "core/state/state-ram.h"

#define DIO_SNAPSHOT_FOLDER "snapshots"
#define DIO_SNAPSHOT_MAX 4096
/* Images in a row that a disk can stand on: with the new overlay there is room for one that a
 * disposable run needs. What is taken by itself leaves some of them to people. */
#define DIO_SNAPSHOT_MAX_ROW (DIO_BLOCK_MAX_CHAIN - 2)
#define DIO_SNAPSHOT_ROW 48
#define DIO_SNAPSHOT_MAX_NAME 100  /* characters */
#define DIO_SNAPSHOT_MAX_NOTE 4096 /* bytes */

typedef enum {
  DIO_SNAPSHOT_MANUAL,
  DIO_SNAPSHOT_AUTOMATIC, /* before a revert or an installer's reboot, or on a schedule */
  DIO_SNAPSHOT_SUSPEND,   /* not in the tree: where a suspended machine goes on */
} DioSnapshotKind;

typedef struct {
  char *id;     /* a lower-case UUID */
  char *parent; /* id, or NULL */
  char *name;
  char *note; /* may be NULL */
  gint64 time_s;
  DioSnapshotKind kind;
  guint64 memory;   /* bytes of RAM; 0: the machine was off */
  guint64 stored;   /* bytes on the disk that came with it */
  gint64 deleted_s; /* when it was deleted; 0: it was not. It goes for good some time later */
  GPtrArray *disks; /* of char*: the images that its disks end in, relative to the bundle */
} DioSnapshotInfo;

void dio_snapshot_info_free (DioSnapshotInfo *info);
DioSnapshotInfo *dio_snapshot_info_copy (const DioSnapshotInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DioSnapshotInfo, dio_snapshot_info_free)

typedef struct DioSnapshots DioSnapshots;

/* Opens the tree of the bundle at @path; a bundle without one has an empty tree. @writable finishes
 * what a crash left half-done. */
DioSnapshots *dio_snapshots_open (DioFiles *files, const char *path, gboolean writable,
                                  GError **error);
DioSnapshots *dio_snapshots_ref (DioSnapshots *self);
void dio_snapshots_unref (DioSnapshots *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DioSnapshots, dio_snapshots_unref)

/* The chains of the disks of @config, which is as in machine.json: nothing is resolved yet. */
void dio_snapshots_add_chains (DioSnapshots *self, DioMachineConfig *config);

/* The configuration to run, as dio_bundle_prepare() makes it, with the chains of the disks and, of
 * a tree that is writable, the generation (library-generation.h). */
DioMachineConfig *dio_snapshots_prepare (DioSnapshots *self, DioManifest *manifest, GError **error);

/* For a run that leaves nothing behind: overlays above the disks of @config, which
 * dio_snapshots_prepare() made. They are in no tree, and go with dio_snapshots_end_disposable() or
 * when the bundle is opened the next time. */
gboolean dio_snapshots_add_disposable (DioSnapshots *self, DioMachineConfig *config,
                                       GError **error);
void dio_snapshots_end_disposable (DioSnapshots *self);

/* False when the file @path belongs to a bundle whose snapshots stand on it, so that nobody may
 * write to it; with @resize also for the image that its machine writes, as the tree knows its size.
 * Other files are none of its business. Any thread; reads a small file. */
gboolean dio_snapshots_check_file (DioFiles *files, const char *path, gboolean resize,
                                   GError **error);

/* A machine has the disks of the configuration open. Their images are merged only with the help of
 * dio_snapshots_lend(). */
void dio_snapshots_set_running (DioSnapshots *self, gboolean running);

/* The disks of the machine that runs (of DioBlock*, lent by dio_block_lend(); shared), for a purge
 * to merge what is below those that are written; NULL takes them back. Only around a purge. */
void dio_snapshots_lend (DioSnapshots *self, GPtrArray *blocks);

/* True when a sweep was cut off, or images wait to be merged by dio_snapshots_purge() and can be
 * now; with @lent: if the disks of the running machine are lent. */
gboolean dio_snapshots_can_merge (DioSnapshots *self, gboolean lent);

/* All that are not deleted and no suspend, oldest first; of DioSnapshotInfo*, owned. Parents are
 * such that are listed. */
GPtrArray *dio_snapshots_list (DioSnapshots *self);

/* The one that the machine as it is now came from; NULL when there is none. Caller frees. */
char *dio_snapshots_get_current (DioSnapshots *self);

/* By id, by an unambiguous beginning of it (4 characters at least) or by name; NULL and @error. */
DioSnapshotInfo *dio_snapshots_find (DioSnapshots *self, const char *name, GError **error);

/* PNG, or NULL. */
GBytes *dio_snapshots_get_thumbnail (DioSnapshots *self, const char *id);

/* Waits until nothing long is under way. */
void dio_snapshots_wait (DioSnapshots *self);

/* The chunk store; lives as long as the tree. Made when there is none yet and the tree is writable.
 */
DioStore *dio_snapshots_get_store (DioSnapshots *self, GError **error);

/* ---- Taking: begin, go on in overlays while the machine stands still, finish ---- */

typedef struct DioSnapshotTake DioSnapshotTake;

/* @name NULL: one is made up. */
DioSnapshotTake *dio_snapshots_begin (DioSnapshots *self, DioSnapshotKind kind, const char *name,
                                      const char *note, GError **error);
/* The files of the overlays, one for each of the *@n disks of the configuration or NULL; the
 * take's. They are empty, and stand on what the disks are now. */
char *const *dio_snapshot_take_get_overlays (DioSnapshotTake *take, guint *n);
/* While nothing is written: commits that the disks go on in the overlays. Not for a suspend. If
 * that fails they go on where they are. */
gboolean dio_snapshot_take_disks (DioSnapshotTake *take, GError **error);
/* Writes all and commits; returns the id. @devices and @freeze NULL: the machine is off. */
char *dio_snapshot_take_finish (DioSnapshotTake *take, GBytes *devices, DioRamFreeze *freeze,
                                guint64 memory, GBytes *thumbnail, DioPool *pool,
                                DioFileProgress progress, void *data, GError **error);
/* What was not finished is removed. */
void dio_snapshot_take_free (DioSnapshotTake *take);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DioSnapshotTake, dio_snapshot_take_free)

/* ---- Going back ---- */

/* Makes the machine, which is off, what it was: its configuration and its disks; its memory is
 * loaded at the next start. */
gboolean dio_snapshots_revert (DioSnapshots *self, const char *id, GError **error);

/* What the tree on the disk says, whatever a commit that failed has told: TRUE when the next start
 * is from @id, or may be. */
gboolean dio_snapshots_may_start_from (DioSnapshots *self, const char *id);

typedef struct {
  GBytes *devices;
  DioRamMap *map;
  gboolean again; /* of a snapshot, not of a machine that was suspended */
} DioSnapshotState;
void dio_snapshot_state_clear (DioSnapshotState *state);

/* What the next start has to load; nothing (TRUE, and no devices) for a cold start. */
gboolean dio_snapshots_load_pending (DioSnapshots *self, DioSnapshotState *state, GError **error);

/* The id of it, or NULL. Caller frees. */
char *dio_snapshots_get_pending (DioSnapshots *self, DioSnapshotKind *kind);

/* Before a machine that was loaded runs: from now on its disks are others. */
gboolean dio_snapshots_clear_pending (DioSnapshots *self, GError **error);

/* ---- Changing ---- */

gboolean dio_snapshots_rename (DioSnapshots *self, const char *id, const char *name,
                               GError **error);
gboolean dio_snapshots_set_note (DioSnapshots *self, const char *id, const char *note,
                                 GError **error);
/* In any order. Deleted ones can be brought back until they are purged. */
gboolean dio_snapshots_delete (DioSnapshots *self, const char *id, GError **error);
gboolean dio_snapshots_undelete (DioSnapshots *self, const char *id, GError **error);

/* Removes for good what was deleted before @until_s (real time), and chunks and images that nothing
 * needs; merges images. Ends early, without an error, when somebody else wants to change the tree
 * and images remain to be merged. */
gboolean dio_snapshots_purge (DioSnapshots *self, gint64 until_s, DioFileProgress progress,
                              void *data, guint64 *freed, GError **error);

/* The name of the one that was deleted and is not gone yet, to be freed. NULL: none, or several. */
char *dio_snapshots_name_deleted (DioSnapshots *self);

/* When that of the deleted ones was deleted which is the first after @after_s; 0: there is none. */
gint64 dio_snapshots_next_deleted (DioSnapshots *self, gint64 after_s);

/* Deletes the oldest automatic ones but for the newest @keep, and as many more of them, but for the
 * newest, as it takes for no disk to stand on more than DIO_SNAPSHOT_ROW images when all is merged.
 * One that a person named, or wrote a note about, is no automatic one any more. */
gboolean dio_snapshots_prune (DioSnapshots *self, unsigned keep, GError **error);

/* When a disk stands on so many images that no snapshot can be taken: deletes automatic ones as a
 * prune does, but not @except (may be NULL), at once, and purges what was deleted up to @until_s.
 * There may be no room yet afterwards: dio_snapshots_begin() says why. */
gboolean dio_snapshots_make_room (DioSnapshots *self, const char *except, gint64 until_s,
                                  DioFileProgress progress, void *data, GError **error);

/* Reads everything. *@damaged counts chunks and files that are not as they should be. */
gboolean dio_snapshots_verify (DioSnapshots *self, DioFileProgress progress, void *data,
                               guint64 *damaged, GError **error);

/* A new machine called @name in @library that starts from the snapshot @id. @linked shares files
 * (which never change) with this one by hard links, where that is possible. Returns its path. */
char *dio_snapshots_clone (DioSnapshots *self, const char *id, const char *library,
                           const char *name, gboolean linked, DioFileProgress progress, void *data,
                           GError **error);
