/* SPDX-License-Identifier: GPL-3.0-or-later
 * The generation of a bundle's machine: what its guest sees as the identifier of "Virtual Machine
 * Generation ID". It stays from start to start, and is another when the machine goes back to a
 * snapshot (whose revert forgets it), is a clone, or when its bundle was copied or came from a
 * backup. What cannot be told is a copy of the whole file system, block by block or as a snapshot
 * of its own, and an older file of a disk put into the bundle by hand.
 *
 * Who calls holds the bundle's lock. Any thread; blocks. */
#pragma once

#include "core/file/file.h"
#include "core/vm/vm-machine.h"

#define DIO_GENERATION_FILE "generation"

/* The identifier of @machine, a UUID, in the bundle opened as @bundle_fd: a new one if the bundle
 * has none, or one of another machine or place. All zero when that cannot be kept. */
void dio_generation_take (DioFiles *files, int bundle_fd, const char *machine,
                          uint8_t id[DIO_GENERATION_BYTES]);

/* Before a machine becomes what it was: the next dio_generation_take() makes a new one, whatever
 * happens from here on. */
gboolean dio_generation_forget (DioFiles *files, int bundle_fd, GError **error);
