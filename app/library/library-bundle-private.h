/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the parts of library-bundle share. */
#pragma once

#include "app/library/library-bundle.h"
#include "core/backend/block/block-job.h"

/* Room that is asked for beside the files, for machine.json and the journal. */
#define DIO_BUNDLE_SPACE_MARGIN (G_GUINT64_CONSTANT (1) << 20)

/* A descriptor of the folder @path, or -1. */
int dio_bundle_open_folder (DioFiles *files, const char *path, GError **error);

/* Adds the size of the file @path (NULL: none) to @total. */
gboolean dio_bundle_add_size (DioFiles *files, const char *path, guint64 *total, GError **error);

/* FALSE when a machine of @library is called @name. Hold the library's lock. */
gboolean dio_bundle_require_free_name (DioFiles *files, const char *library, const char *name,
                                       GError **error);

/* Will the disk that is about to be added be the first that can be written to? */
gboolean dio_bundle_is_first_disk (const DioMachineConfig *config);

/* Is @disk an image that only can be read, to be written to? */
gboolean dio_bundle_must_import (const DioDiskConfig *disk);

/* Makes it the qcow2 image NAME in the bundle at @path, and @disk that. */
gboolean dio_bundle_import_disk (DioFiles *files, const char *path, const char *name,
                                 DioDiskConfig *disk, const DioBlockJob *job, GError **error);
