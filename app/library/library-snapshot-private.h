/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the files of library-snapshot share. */
#pragma once

#include <pthread.h>

#include "app/library/library-generation.h"
#include "app/library/library-snapshot.h"

#define DIO_SNAPSHOT_TREE "tree.json"
#define DIO_SNAPSHOT_TREE_VERSION 2 /* 1: disks are copies in the folder of the snapshots */
#define DIO_SNAPSHOT_TREE_MAX_BYTES (16u << 20)

#define DIO_SNAPSHOT_REVERT_PREFIX "revert-"

#define DIO_SNAPSHOT_IMAGE_SUFFIX ".qcow2"
#define DIO_SNAPSHOT_DISPOSABLE_SUFFIX                                                             \
  ".disposable" /* in no tree; gone when the machine is off                                        \
                 */
#define DIO_SNAPSHOT_MAX_IMAGES (4 * DIO_SNAPSHOT_MAX)

/* An image of a disk. Names are files, relative to the bundle. */
typedef struct {
  char *file;
  char *format;
  char *backing; /* the image that it stands on; NULL: none */
  guint64 size;  /* bytes of the disk; 0: not known yet */
} DioSnapshotImage;

/* Where a disk of the machine as it is now ends. */
typedef struct {
  char *path; /* in machine.json */
  char *image;
} DioSnapshotDisk;

/* A copy of what there is of both. */
typedef struct {
  GPtrArray *images, *disks;
} DioSnapshotDisks;

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
  gboolean busy;       /* one long operation at a time */
  guint n_waiting;     /* for that; a merge and a sweep make room */
  gboolean unswept;    /* a sweep did */
  gboolean disposable; /* it runs in overlays that are thrown away */
  gboolean running;    /* a machine has the disks open */
  GPtrArray *lent;     /* of DioBlock*: the disks of that machine, for a merge; NULL: none are */
  gboolean uncertain;  /* what tree.json says: a commit failed */
  DioStore *store;
  GPtrArray *infos; /* of DioSnapshotInfo*, oldest first */
  char *current;
  char *pending;       /* to be loaded at the next start */
  char *tracked;       /* not on disk: whose memory the running machine still shares */
  GPtrArray *installs; /* of DioSnapshotInstall* */
  GPtrArray *images;   /* of DioSnapshotImage*; each behind the one that it stands on */
  GPtrArray *disks;    /* of DioSnapshotDisk*; those that have a chain */
};

/* library-snapshot-tree.c: the text of the tree, with the lock held. */
gboolean dio_snapshots_parse_locked (DioSnapshots *self, const char *text, gsize length,
                                     GError **error);
gboolean dio_snapshots_commit_locked (DioSnapshots *self, GError **error);
DioSnapshotInfo *dio_snapshots_get_locked (DioSnapshots *self, const char *id);
gboolean dio_snapshots_check_name (const char *name, GError **error);
/* Of a snapshot, as it was. */
DioManifest *dio_snapshots_load_manifest (DioSnapshots *self, const char *id, GError **error);
/* The disks that snapshots hold, in order: those that are written. Borrowed. */
GPtrArray *dio_snapshots_written_disks (const DioMachineConfig *config);
/* False when these (as above) are not the disks of the snapshot. */
gboolean dio_snapshots_check_disks (const GPtrArray *disks, const DioSnapshotInfo *info,
                                    GError **error);
void dio_snapshot_install_free (DioSnapshotInstall *install);

/* library-snapshot-variables.c: the variables of firmware, of machines that are off. Those of one
 * that runs are in its flash. */
gboolean dio_snapshots_add_variables (DioSnapshots *self, DioStateFile *state, GError **error);
/* What the snapshot @id has as NAME in the bundle @fd; without any, nothing or (@empty) a file that
 * says so. *@put: NAME is there. */
gboolean dio_snapshots_put_variables (DioSnapshots *self, const char *id, int fd, const char *name,
                                      gboolean empty, gboolean *put, GError **error);

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
/* The whole state of the snapshot @id, as for dio_snapshots_load_pending(). */
gboolean dio_snapshots_load_state (DioSnapshots *self, const char *id, DioSnapshotState *state,
                                   GError **error);
/* Does the renames that the tree asks for. */
gboolean dio_snapshots_install_locked (DioSnapshots *self, GError **error);
/* Removes files that the tree does not name. */
void dio_snapshots_remove_orphans (DioSnapshots *self);

/* library-snapshot-disks.c: images and disks. Lists are those of a tree, or copies of them. */
void dio_snapshot_image_free (DioSnapshotImage *image);
void dio_snapshot_disk_free (DioSnapshotDisk *disk);
GPtrArray *dio_snapshots_new_images (void);
GPtrArray *dio_snapshots_new_disks (void);
DioSnapshotImage *dio_snapshots_find_image (GPtrArray *images, const char *file);
DioSnapshotDisk *dio_snapshots_find_disk (GPtrArray *disks, const char *path);
DioSnapshotImage *dio_snapshots_add_image (GPtrArray *images, const char *file, const char *format,
                                           guint64 size, const char *backing);
/* The disk @path ends in @image from now on. */
void dio_snapshots_put_disk (GPtrArray *disks, const char *path, const char *image);
/* With the images that it stands on. */
DioBlockNode *dio_snapshots_open_image (DioSnapshots *self, GPtrArray *images, const char *file,
                                        DioBlockOpenFlags flags, GError **error);
/* Makes an empty overlay on @below and adds it to @images; returns its file. */
char *dio_snapshots_make_overlay (DioSnapshots *self, GPtrArray *images, const char *below,
                                  GError **error);
/* Has the headers of the overlays, those on the image @only or (NULL) all, name what they stand on,
 * for other programs. Nothing here looks at them. Blocks. */
void dio_snapshots_name_backings_locked (DioSnapshots *self, const char *only);
/* How many images @file stands on, with itself. */
unsigned dio_snapshots_row_length (GPtrArray *images, const char *file);

/* No disk stands on so many that there could be no overlay. */
gboolean dio_snapshots_has_room_locked (DioSnapshots *self);

/* @info, which is not deleted, is alone in keeping an image from being merged that a disk stands
 * on, and that disk stands on more than DIO_SNAPSHOT_ROW that nobody deleted. */
gboolean dio_snapshots_lengthens_row_locked (DioSnapshots *self, const DioSnapshotInfo *info);

/* True when snapshots or other images stand on the image @file. */
gboolean dio_snapshots_is_base_locked (DioSnapshots *self, const char *file);
/* Takes what nobody needs out of the tree; returns the files, to be removed after the commit. */
GPtrArray *dio_snapshots_drop_images_locked (DioSnapshots *self);
void dio_snapshots_remove_file (DioSnapshots *self, const char *file);
void dio_snapshots_remove_files (DioSnapshots *self, GPtrArray *files);
void dio_snapshots_save_disks_locked (DioSnapshots *self, DioSnapshotDisks *saved);
void dio_snapshots_restore_disks_locked (DioSnapshots *self, DioSnapshotDisks *saved);
void dio_snapshots_clear_disks (DioSnapshotDisks *saved);
/* Merges images as long as there are some to merge and nobody else wants to work; entered. */
gboolean dio_snapshots_merge (DioSnapshots *self, DioFileProgress progress, void *data,
                              GError **error);
