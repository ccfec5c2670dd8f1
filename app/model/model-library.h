/* SPDX-License-Identifier: GPL-3.0-or-later
 * The library: the list of machines of this user, kept in step with the folder on disk (also when
 * the command line of another process changes it). A GListModel of DioMachineItem, newest last. */
#pragma once

#include "app/model/model-machine.h"

#define DIO_TYPE_LIBRARY (dio_library_get_type ())
G_DECLARE_FINAL_TYPE (DioLibrary, dio_library, DIO, LIBRARY, GObject)

/* Opens (and creates) the library folder; NULL @path means $DIORAMA_LIBRARY or
 * $XDG_DATA_HOME/diorama/machines. @host gives the tables and the pool; display, input, serial and
 * event are filled in per machine. Main thread. */
DioLibrary *dio_library_new (const char *path, const DioMachineHost *host, GError **error);

const char *dio_library_get_path (DioLibrary *self);

/* A machine by id or by name; borrowed; NULL if there is none (or the name is ambiguous). */
DioMachineItem *dio_library_find (DioLibrary *self, const char *id_or_name);

/* A name that is free: @base, "@base 2", ... */
char *dio_library_free_name (DioLibrary *self, const char *base);

/* Checks a configuration without making anything. On failure @field (may be NULL) is set to the
 * static name of the offending field ("name", "memory", "cpus", "disk-size", "kernel", "initrd",
 * "firmware", "disk") so that a form can explain next to it. @new_disk_size 0: no new disk. */
gboolean dio_library_validate (DioLibrary *self, const DioMachineConfig *config,
                               guint64 new_disk_size, const char **field, GError **error);

/* Makes a bundle: kernel and initrd are copied into it, an existing disk file is used where it is,
 * a new disk of @new_disk_size bytes and @new_disk_format (NULL: qcow2) is created inside. Leaves
 * nothing behind on failure. Blocking part runs in a worker. create_finish and restore: the caller
 * owns a reference. */
void dio_library_create_async (DioLibrary *self, const DioMachineConfig *config,
                               guint64 new_disk_size, const char *new_disk_format,
                               GCancellable *cancellable, GAsyncReadyCallback callback,
                               gpointer user_data);
DioMachineItem *dio_library_create_finish (DioLibrary *self, GAsyncResult *result, GError **error);

/* Moves a machine (not active) to the library's trash; undo brings it back under the same id. The
 * trash is emptied of entries older than 30 days at start. */
gboolean dio_library_trash (DioLibrary *self, DioMachineItem *item, GError **error);
DioMachineItem *dio_library_restore (DioLibrary *self, const char *id, GError **error);

/* Number of active machines, for the question at quit. */
guint dio_library_count_active (DioLibrary *self);
