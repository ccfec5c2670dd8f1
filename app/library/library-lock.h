/* SPDX-License-Identifier: GPL-3.0-or-later
 * Locks between processes (and between two users of one file in one process): an open file
 * description lock on a small file that also says who holds it. The file stays when the lock goes;
 * the kernel drops the lock of a process that dies. */
#pragma once

#include <gio/gio.h>

#include "core/file/file.h"

#define DIO_LOCK_FILE "lock"

typedef struct DioLock DioLock;

/* Takes the lock NAME in @dir_fd, or fails at once with DIO_ERROR_BUSY and a message that names
 * @what and who holds it. Any thread. */
DioLock *dio_lock_take (DioFiles *files, int dir_fd, const char *name, const char *what,
                        GError **error);

/* The same, but waits. */
DioLock *dio_lock_wait (DioFiles *files, int dir_fd, const char *name, const char *what,
                        GError **error);

void dio_lock_release (DioLock *lock);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DioLock, dio_lock_release)

/* True when somebody holds the lock; @who (may be NULL) gets "diorama start, process 1234" or NULL
 * when that cannot be told. Takes nothing. Any thread. */
gboolean dio_lock_is_held (DioFiles *files, int dir_fd, const char *name, char **who);
