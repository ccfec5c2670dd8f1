/* SPDX-License-Identifier: GPL-3.0-or-later
 * Making of disk images. Blocks; any thread. */
#pragma once

#include "core/backend/block/block-node.h"

/* Creates a sparse raw image of @size bytes, mode 0600, failing if it exists; checks that the file
 * system can hold the file's size. */
bool dio_block_create_raw (DioFiles *files, const char *path, uint64_t size, GError **error);
