/* SPDX-License-Identifier: GPL-3.0-or-later
 * Calls on files that are begun and end later, without a thread that waits: an io_uring.
 *
 * A ring belongs to one `DioFiles`. Layers see each call before it begins (`DioFiles.intercept`),
 * and one that wants to do everything itself keeps there from being a ring. There is none either
 * where the kernel or a sandbox forbids it: who uses a ring has to manage without.
 *
 * All functions: one thread at a time. None blocks but dio_file_ring_free(). */
#pragma once

#include "core/file/file.h"

typedef struct DioFileRing DioFileRing;

/* At most @entries calls may be under way. NULL: there are no rings here. */
DioFileRing *dio_file_ring_new (DioFiles *files, unsigned entries);

/* Nothing may be under way. NULL is fine. */
void dio_file_ring_free (DioFileRing *ring);

/* Readable when calls have ended; the ring's. */
int dio_file_ring_get_fd (DioFileRing *ring);

/* Begins a READ, WRITE, SYNC or DATASYNC with the next submission. Its vectors stay until it ends.
 * False: it is none of these, or too much is under way. */
bool dio_file_ring_begin (DioFileRing *ring, const DioFileCall *call, void *data);

/* Hands what was begun to the kernel, all at once. 0, or -errno: try again later. */
int dio_file_ring_submit (DioFileRing *ring);

/* Makes the descriptor unreadable until more ends; before dio_file_ring_next(). */
void dio_file_ring_reset (DioFileRing *ring);

/* A call that has ended: its @data, and the result as a call's, which may be short, -EINTR or
 * -EAGAIN. False: no more have. */
bool dio_file_ring_next (DioFileRing *ring, void **data, int64_t *result);
