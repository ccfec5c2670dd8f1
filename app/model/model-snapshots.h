/* SPDX-License-Identifier: GPL-3.0-or-later
 * Snapshots of a machine as the user interface and the command line use them: one asynchronous
 * function for all that can be done, whether the machine is off, runs here or in another process.
 */
#pragma once

#include "app/library/library-snapshot.h"
#include "app/model/model-machine.h"

/* How long a deleted snapshot can be brought back. */
#define DIO_SNAPSHOT_GRACE_SECONDS 30

typedef enum {
  DIO_SNAPSHOT_TAKE,     /* @name, @note: may be NULL; the result is the id */
  DIO_SNAPSHOT_REVERT,   /* @id; the state before is kept as an automatic snapshot */
  DIO_SNAPSHOT_DISCARD,  /* the same, but what is now is thrown away */
  DIO_SNAPSHOT_DELETE,   /* @id; it can be brought back for a while */
  DIO_SNAPSHOT_UNDELETE, /* @id */
  DIO_SNAPSHOT_PURGE,    /* what was deleted goes at once */
  DIO_SNAPSHOT_RENAME,   /* @id, @name */
  DIO_SNAPSHOT_NOTE,     /* @id, @note */
  DIO_SNAPSHOT_SAVE,     /* suspends: the state is kept, the machine is off afterwards */
  DIO_SNAPSHOT_FORGET,   /* what was suspended is thrown away */
  DIO_SNAPSHOT_CLONE,    /* @id, @name of the new machine; @note not NULL: a linked one */
} DioSnapshotAction;

/* Does @action; strings are copied. The machine's state may change: a revert of a machine that runs
 * stops it and starts it again from the snapshot. */
void dio_machine_item_snapshot_async (DioMachineItem *self, DioSnapshotAction action,
                                      const char *id, const char *name, const char *note,
                                      GCancellable *cancellable, GAsyncReadyCallback callback,
                                      gpointer user_data);

/* FALSE and @error, or TRUE; *@id (may be NULL) gets the id of what was taken, to be freed. */
gboolean dio_machine_item_snapshot_finish (DioMachineItem *self, GAsyncResult *result, char **id,
                                           GError **error);

/* The tree for looking; to be unreferenced. Reads a small file; NULL and @error when that cannot be
 * had. */
DioSnapshots *dio_machine_item_get_snapshots (DioMachineItem *self, GError **error);

/* How far long work with snapshots (taking, cloning, merging) has come, 0 to 1; negative: there is
 * none. */
double dio_machine_item_get_snapshot_progress (DioMachineItem *self);

/* What that work is, in words for people; NULL: there is none. *@awaited: a person has begun it.
 * The signal "snapshot-work" tells that it is another. Main thread. */
const char *dio_machine_item_get_snapshot_work (DioMachineItem *self, gboolean *awaited);

/* Cancels that work, whoever began it; nothing is half-done afterwards. What a merge would have
 * given back is given back by the next one. Nothing when there is none. Main thread. */
void dio_machine_item_cancel_snapshot (DioMachineItem *self);

/* How long the guest stood still for the last snapshot that was taken, in nanoseconds. */
gint64 dio_machine_item_get_snapshot_pause (DioMachineItem *self);

/* True when the next start goes on where the machine was suspended. Reads a small file. */
gboolean dio_machine_item_is_suspended (DioMachineItem *self);

/* Takes an automatic snapshot every @minutes (0: none) while the machine runs here, and keeps the
 * newest @keep of them. */
void dio_machine_item_schedule_snapshots (DioMachineItem *self, unsigned minutes, unsigned keep);
