/* SPDX-License-Identifier: GPL-3.0-or-later
 * Bundles: the folders NAME.diorama that machines are, and the folder that holds them.
 *
 *   NAME.diorama/  machine.json  kernel  initrd  firmware  variables.fd  disk0.qcow2
 *                  journal.sqlite  lock  thumbnail.png  generation
 *   LIBRARY/       *.diorama  .trash/ID/NAME.diorama  .NAME.diorama.XXXXXXXX.new  .lock
 *
 * A bundle is made under a hidden name and shown by one rename, so that a crash leaves nothing
 * half-made in sight; what it leaves is cleaned by the next process. All of this blocks; any
 * thread. Files are reached through the `DioFiles` given (dio_files_host()). */
#pragma once

#include "app/library/library-lock.h"
#include "app/library/library-manifest.h"
#include "core/file/file-util.h"

#define DIO_BUNDLE_SUFFIX ".diorama"
#define DIO_BUNDLE_DISK_FORMAT "qcow2"       /* of new disks */
#define DIO_BUNDLE_VARIABLES "variables.fd"  /* of firmware: made by a machine that has it */
#define DIO_BUNDLE_MAX_VARIABLES (64u << 20) /* bytes of the file */
#define DIO_BUNDLE_TRASH ".trash"
#define DIO_BUNDLE_TRASH_DAYS 30
#define DIO_BUNDLE_MAX_THUMBNAIL (8u << 20) /* bytes of the file */

/* The default library: $DIORAMA_LIBRARY or $XDG_DATA_HOME/diorama/machines. Caller frees. */
char *dio_bundle_default_library (void);

/* The folder name (without suffix) for a machine called @name: no separators, no leading dot, none
 * of the characters that other systems refuse, at most 200 bytes. Never empty. Caller frees. */
char *dio_bundle_folder_name (const char *name);

/* Reads the manifest of the bundle at @path. */
DioManifest *dio_bundle_load (DioFiles *files, const char *path, GError **error);

/* Writes it atomically. */
gboolean dio_bundle_save (DioFiles *files, const char *path, const DioManifest *manifest,
                          GError **error);

/* The configuration to run: every name resolved, every file inside the bundle checked to be a
 * regular file reached without symbolic links. Errors name machine.json, the key and the file. */
DioMachineConfig *dio_bundle_prepare (DioFiles *files, const char *path,
                                      const DioManifest *manifest, GError **error);

/* Makes a bundle for @config in @library: copies firmware, kernel and initrd into it, uses
 * existing disks where they are, creates a disk of @new_disk_size bytes unless that is 0, of
 * @new_disk_format (NULL: DIO_BUNDLE_DISK_FORMAT).
 * Returns the path of the new bundle; on failure nothing is left. @progress gets bytes copied in
 * all. */
char *dio_bundle_create (DioFiles *files, const char *library, const DioMachineConfig *config,
                         guint64 new_disk_size, const char *new_disk_format,
                         GCancellable *cancellable, DioFileProgress progress, void *data,
                         GError **error);

/* The same for a bundle called @name that @fill puts everything into, at @path and opened as @fd.
 */
typedef gboolean (*DioBundleFill) (const char *path, int fd, void *data, GError **error);
char *dio_bundle_create_with (DioFiles *files, const char *library, const char *name,
                              DioBundleFill fill, void *data, GError **error);

/* Removes what crashed processes left behind and trash older than DIO_BUNDLE_TRASH_DAYS. Never
 * fails: what cannot be removed stays. */
void dio_bundle_clean_library (DioFiles *files, const char *library);

/* Absolute paths of the bundles of @library, sorted by folder name. NULL when it cannot be read. */
char **dio_bundle_list (const char *library, GError **error);

/* Moves the bundle at @path, whose identity is @id, to the trash of its library; fails when it is
 * in use. */
gboolean dio_bundle_trash (DioFiles *files, const char *path, const char *id, const char *name,
                           GError **error);

/* Brings the bundle with @id back; returns its path (another folder name when taken). */
char *dio_bundle_restore (DioFiles *files, const char *library, const char *id, GError **error);

/* Changes the name in machine.json of the bundle at @path; other keys stay as they are on disk. */
gboolean dio_bundle_rename (DioFiles *files, const char *path, const char *name, GError **error);

/* Is there what a system may be installed from: a medium that is only read, or a kernel with its
 * initial RAM disk? With a new disk, its first, such a machine is one that is being installed. */
gboolean dio_bundle_has_installer (const DioMachineConfig *config);

/* The installation of the machine at @path is over. Whoever runs it may do so. */
gboolean dio_bundle_end_installing (DioFiles *files, const char *path, GError **error);

/* Makes the bundle at @path, which must not be in use, into what @config says; its name may change
 * too. Files of @config that are not in the bundle already are copied into it, but for disks, which
 * are used where they are; those it no longer names are removed, but for disks, which stay. A
 * disk of @new_disk_size bytes and @new_disk_format (NULL: DIO_BUNDLE_DISK_FORMAT) is added unless
 * that is 0. On failure everything is as before. */
gboolean dio_bundle_configure (DioFiles *files, const char *path, const DioMachineConfig *config,
                               guint64 new_disk_size, const char *new_disk_format,
                               GCancellable *cancellable, GError **error);

/* FALSE and a sentence when the bundle at @path cannot be called @name. */
gboolean dio_bundle_check_new_name (DioFiles *files, const char *path, const char *name,
                                    GError **error);

/* Gives the bundle at @path, a copy of another, an identity of its own. */
gboolean dio_bundle_renew_identity (DioFiles *files, const char *path, GError **error);

/* Serialises changes of the set of names in @library across processes. Short. */
DioLock *dio_bundle_lock_library (DioFiles *files, const char *library, GError **error);

/* @file as seen from the bundle at @path: a borrowed part of it when it lies inside, else NULL. */
const char *dio_bundle_inside (const char *path, const char *file);

/* Two names that people would take for the same: case and Unicode composition do not count. */
gboolean dio_bundle_same_name (const char *a, const char *b);
