/* SPDX-License-Identifier: GPL-3.0-or-later
 * Disks of other programs: a machine gets a copy that it can write to. */
#include "app/library/library-bundle-private.h"

gboolean
dio_bundle_must_import (const DioDiskConfig *disk)
{
  return dio_block_is_import (disk->format) && !disk->readonly;
}

gboolean
dio_bundle_import_disk (DioFiles *files, const char *path, const char *name, DioDiskConfig *disk,
                        const DioBlockJob *job, GError **error)
{
  const DioBlockCreate create = { .format = "qcow2" };
  g_autofree char *file = g_build_filename (path, name, NULL);
  DioBlockNode *from =
      dio_block_node_open (files, disk->path, disk->format, DIO_BLOCK_OPEN_READONLY, NULL, error);
  gboolean good = from && dio_block_convert (from, file, &create, job, error);
  dio_block_node_close (from);
  if (!good)
    return FALSE;
  g_free (disk->path);
  g_free (disk->format);
  disk->path = g_strdup (name);
  disk->format = g_strdup (create.format);
  return TRUE;
}
