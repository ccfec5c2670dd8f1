/* SPDX-License-Identifier: GPL-3.0-or-later
 * machine.json: what a machine of the library is made of. The format is data/machine.schema.json
 * and documented there; this is its reader, checker and writer.
 *
 * A manifest is hostile input: a bundle may come from anywhere. File names in it are plain names
 * inside the bundle; only a disk may be an absolute path, which the person chose when making the
 * machine. */
#pragma once

#include <json-glib/json-glib.h>

#include "core/vm/vm-machine.h"

#define DIO_MANIFEST_FILE "machine.json"
#define DIO_MANIFEST_VERSION 1
#define DIO_MANIFEST_MAX_BYTES (1u << 20)
#define DIO_MANIFEST_MAX_DISKS 16
#define DIO_MANIFEST_MAX_NAME 100    /* characters */
#define DIO_MANIFEST_MAX_APPEND 2048 /* bytes */
#define DIO_MANIFEST_MIN_MEMORY (G_GUINT64_CONSTANT (64) << 20)
#define DIO_MANIFEST_MAX_MEMORY (G_GUINT64_CONSTANT (1) << 40)
#define DIO_MANIFEST_MAX_CPUS 64
/* Of the limits of a disk, per second. With less a guest would take it for broken. */
#define DIO_MANIFEST_MIN_DISK_BYTES (G_GUINT64_CONSTANT (1) << 16)
#define DIO_MANIFEST_MAX_DISK_BYTES (G_GUINT64_CONSTANT (1) << 40)
#define DIO_MANIFEST_MIN_DISK_OPERATIONS 10
#define DIO_MANIFEST_MAX_DISK_OPERATIONS 1000000
#define DIO_MANIFEST_MAX_SNAPSHOT_HOURS 8760
#define DIO_MANIFEST_MAX_SNAPSHOT_KEEP 48  /* DIO_SNAPSHOT_ROW: of more there is no room */
#define DIO_MANIFEST_OLD_SNAPSHOT_KEEP 100 /* read, and taken for the above */
#define DIO_MANIFEST_SNAPSHOT_KEEP 10      /* where nothing is said */

typedef struct {
  char *id;         /* a lower-case UUID */
  gint64 created_s; /* seconds since 1970 */
  /* As in the file: names relative to the bundle, but for external disks. */
  DioMachineConfig *config;
  JsonObject *raw; /* as read, so that unknown keys survive; NULL for a new machine */
} DioManifest;

/* A manifest with a new identity for @config (copied). */
DioManifest *dio_manifest_new (const DioMachineConfig *config);
void dio_manifest_free (DioManifest *manifest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DioManifest, dio_manifest_free)

/* Reads the text of a manifest. Errors name @file, the key and the reason: "machine.json: memory:
 * 3 MiB is less than the minimum of 64 MiB". DIO_ERROR_FORMAT for syntax, DIO_ERROR_UNSUPPORTED
 * for a newer version, DIO_ERROR_CONFIG for values. Any thread. */
DioManifest *dio_manifest_parse (const char *text, gsize length, const char *file, GError **error);

/* The text to be written, ending in a newline. Unknown keys of the file it came from are kept. */
char *dio_manifest_to_text (const DioManifest *manifest, gsize *length);

/* The configuration with names made absolute for the bundle at @path. Caller owns. */
DioMachineConfig *dio_manifest_resolve (const DioManifest *manifest, const char *path);

/* FALSE when @text names no kind of graphics. */
gboolean dio_manifest_parse_graphics (const char *text, DioGraphics *graphics);

/* FALSE and a sentence when these cannot be the limits of a disk; 0 is none. */
gboolean dio_manifest_check_limits (const DioBlockLimits *limits, GError **error);

/* "at most 10 MiB and 100 operations per second"; NULL when there are none. Caller frees. */
char *dio_manifest_describe_limits (const DioBlockLimits *limits);

/* FALSE and a sentence when @name cannot be the name of a machine. */
gboolean dio_manifest_check_name (const char *name, GError **error);
