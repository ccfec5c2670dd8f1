/* SPDX-License-Identifier: GPL-3.0-or-later
 * Checks of a configuration before anything is made: for forms, the command line and the library.
 */
#pragma once

#include "core/vm/vm-machine.h"

/* The board of @config among those of @host (the first of its architecture when none is named), or
 * NULL. Static. */
const DioBoardType *dio_validate_find_board (const DioMachineConfig *config,
                                             const DioMachineHost *host);

/* Everything but the name: architecture, limits of the board, files there and what they should be.
 * On failure *@field is set to a static name as for dio_library_validate(). Reads a few KiB of
 * files; any thread. */
gboolean dio_validate_config (const DioMachineConfig *config, const DioMachineHost *host,
                              const char **field, GError **error);

/* Loads firmware, kernel and initrd into scratch memory as a machine would at its start: finds
 * what is truncated, damaged or too large. Takes up to a second; on a worker. */
gboolean dio_validate_loads (const DioMachineConfig *config, const char **field, GError **error);

/* A new disk of @size bytes (0: none) on the file system of the folder @path. */
gboolean dio_validate_new_disk (const char *path, guint64 size, const char **field, GError **error);
