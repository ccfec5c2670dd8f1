/* SPDX-License-Identifier: GPL-3.0-or-later
 * The disks of a machine: what their files are, and long work on them while the machine is off. */
#pragma once

#include "app/model/model-machine.h"

typedef struct {
  char *path;
  char *format;
  gboolean readonly;
  guint64 size;      /* as the guest sees it */
  guint64 allocated; /* of the host's disk */
  char *backing;     /* the names of what it stands on, for people; NULL: nothing */
  gboolean chained;  /* by snapshots */
  char *error;       /* why nothing is known of it, or NULL */
} DioDiskInfo;

typedef enum {
  DIO_DISK_GROW,
  DIO_DISK_COMPACT,
  DIO_DISK_MOVE,
} DioDiskAction;

/* Looks at all disks, also of a machine that runs. The result is an array of DioDiskInfo*. */
void dio_machine_item_inspect_disks_async (DioMachineItem *self, GAsyncReadyCallback callback,
                                           gpointer user_data);
GPtrArray *dio_machine_item_inspect_disks_finish (DioMachineItem *self, GAsyncResult *result,
                                                  GError **error);

/* Why no disk of the machine can be changed now, or NULL; @action cannot be done to @disk for
 * that reason alone. To be freed. Reads a small file. */
char *dio_machine_item_refuse_disk_action (DioMachineItem *self, const DioDiskInfo *disk,
                                           DioDiskAction action);

/* Does @action to the disk that is number @index in the configuration: GROW makes it @size bytes
 * large; COMPACT writes it anew without what it does not need, compares, and swaps; MOVE puts its
 * file into @folder and tells the configuration. What is cancelled or fails leaves the disk as it
 * was. Finished by dio_machine_item_command_finish(). */
void dio_machine_item_disk_async (DioMachineItem *self, DioDiskAction action, guint index,
                                  guint64 size, const char *folder, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer user_data);

/* How far it has come, 0 to 1; negative: nothing is being done. */
double dio_machine_item_get_disk_progress (DioMachineItem *self);
