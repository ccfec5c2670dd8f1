/* SPDX-License-Identifier: GPL-3.0-or-later
 * The file that holds one state of a machine but for its RAM and disks: named sections, compressed,
 * with checksums. A reader skips sections that it does not know; what is in them has versions of
 * its own. Hostile when read. */
#pragma once

#include "core/file/file-util.h"

#define DIO_STATE_FILE_MAX_SECTIONS 64
#define DIO_STATE_FILE_MAX_BYTES (UINT64_C (1) << 29) /* of all sections, not compressed */

/* Names of sections. */
#define DIO_STATE_DEVICES "devices"     /* a visitor's: see vm-snapshot.h */
#define DIO_STATE_RAM "ram"             /* a visitor's: see state-ram.h */
#define DIO_STATE_CONFIG "config"       /* machine.json as it was */
#define DIO_STATE_THUMBNAIL "thumbnail" /* PNG */
#define DIO_STATE_VARIABLES "variables" /* of firmware, of a machine that was off: the file */

typedef struct DioStateFile DioStateFile;

DioStateFile *dio_state_file_new (void);
void dio_state_file_free (DioStateFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DioStateFile, dio_state_file_free)

/* A section called @name (15 bytes at most); @bytes is shared. */
void dio_state_file_add (DioStateFile *file, const char *name, GBytes *bytes);

/* Borrowed; NULL when there is no such section. */
GBytes *dio_state_file_get (DioStateFile *file, const char *name);

/* Writes NAME in @dir_fd atomically; it is on the disk afterwards. *@size (may be NULL) gets its
 * size. */
bool dio_state_file_write (DioStateFile *file, DioFiles *files, int dir_fd, const char *name,
                           uint64_t *size, GError **error);

/* Reads all of it, or with @only that section alone. */
DioStateFile *dio_state_file_read (DioFiles *files, int dir_fd, const char *name, const char *only,
                                   GError **error);
