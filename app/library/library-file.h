/* SPDX-License-Identifier: GPL-3.0-or-later
 * Files of a library: atomic writing, safe opening inside a folder, copying, removal of trees. All
 * may block; any thread. */
#pragma once

#include <gio/gio.h>

/* Writes @length bytes as NAME in the folder @dir_fd so that either the old or the new contents are
 * there after a crash: temporary file, fsync, rename, fsync of the folder. Mode 0600. */
gboolean dio_file_write_atomic (int dir_fd, const char *name, const void *data, gsize length,
                                GError **error);

/* Reads NAME in @dir_fd, a regular file (no symbolic link) of at most @max bytes; the result has a
 * zero byte behind its end. */
char *dio_file_read (int dir_fd, const char *name, gsize max, gsize *length, GError **error);

/* True when @path is a relative path of plain components: no "..", no empty or "." component. */
gboolean dio_file_is_inside (const char *path);

/* Opens the relative @path below @dir_fd for reading, following no symbolic link on the way; it
 * must be a regular file. -1 and @error otherwise. Close the result. */
int dio_file_open_inside (int dir_fd, const char *path, GError **error);

/* Copies the file @source to NAME in @dir_fd (which must not exist), sharing blocks where the file
 * system can; data is on disk when it returns. @progress (may be NULL) gets bytes copied so far. */
typedef void (*DioFileProgress) (guint64 bytes, gpointer data);
gboolean dio_file_copy (const char *source, int dir_fd, const char *name, GCancellable *cancellable,
                        DioFileProgress progress, gpointer data, GError **error);

/* Removes the file or folder tree NAME in @dir_fd; never follows a symbolic link. FALSE with errno
 * in @error for the first thing that could not be removed; absent is fine. */
gboolean dio_file_remove_tree (int dir_fd, const char *name, GError **error);

/* Fails with DIO_ERROR_NO_SPACE when the file system of @dir_fd has less than @bytes free for this
 * person. @where names it in the message. */
gboolean dio_file_check_space (int dir_fd, guint64 bytes, const char *where, GError **error);
