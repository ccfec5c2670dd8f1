/* SPDX-License-Identifier: GPL-3.0-or-later
 * Locks on image files that QEMU and its tools respect, and the other way round. */
#pragma once

#include <glib.h>

#include "core/file/file.h"

/* False and DIO_ERROR_BUSY when somebody else's use of the image contradicts ours. The locks go
 * with @fd. A file system without locks is fine, with a message. */
bool dio_block_lock (DioFiles *files, int fd, const char *path, bool readonly, GError **error);

/* Lets another descriptor of ours write to the image that @fd has for reading (true), or not any
 * more (false, which counts when the other is closed). */
void dio_block_lock_share (DioFiles *files, int fd, bool share);

/* The image is only read from now on. */
void dio_block_unlock_write (DioFiles *files, int fd);
