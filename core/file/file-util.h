/* SPDX-License-Identifier: GPL-3.0-or-later
 * What is done with whole files: atomic writing, safe opening inside a folder, copying, removal of
 * trees. All may block; any thread. */
#pragma once

#include <glib.h>

#include "core/file/file.h"

/* Writes @length bytes as NAME in the folder @dir_fd so that either the old or the new contents are
 * there after a crash: temporary file, fsync, rename, fsync of the folder. Mode 0600. */
bool dio_file_write_atomic (DioFiles *files, int dir_fd, const char *name, const void *data,
                            size_t length, GError **error);

/* Reads NAME in @dir_fd, a regular file (no symbolic link) of at most @max bytes; the result has a
 * zero byte behind its end. */
char *dio_file_load (DioFiles *files, int dir_fd, const char *name, size_t max, size_t *length,
                     GError **error);

/* True when @path is a relative path of plain components: no "..", no empty or "." component. */
bool dio_file_is_inside (const char *path);

/* Opens the relative @path below @dir_fd with the O_* @flags, following no symbolic link on the
 * way; it must be a regular file. -1 and @error otherwise. Close the result. */
int dio_file_open_inside (DioFiles *files, int dir_fd, const char *path, int flags, GError **error);

/* How far something long has come; false asks it to stop, which it does with DIO_ERROR_CANCELLED
 * and without leaving anything half-done. @total may be 0: unknown. On the thread that does the
 * work. */
typedef bool (*DioFileProgress) (uint64_t done, uint64_t total, void *data);

/* Copies the file @source to NAME in @dir_fd (which must not exist), sharing blocks where the file
 * system can and keeping holes; data is on disk when it returns. @progress (may be NULL) gets bytes
 * so far. */
bool dio_file_copy (DioFiles *files, const char *source, int dir_fd, const char *name,
                    DioFileProgress progress, void *data, GError **error);

/* Removes the file or folder tree NAME in @dir_fd; never follows a symbolic link. False and @error
 * for the first thing that could not be removed; absent is fine. */
bool dio_file_remove_tree (DioFiles *files, int dir_fd, const char *name, GError **error);

/* Fails with DIO_ERROR_NO_SPACE when the file system of @dir_fd has less than @bytes free for this
 * person. @where names it in the message. */
bool dio_file_check_space (DioFiles *files, int dir_fd, uint64_t bytes, const char *where,
                           GError **error);
