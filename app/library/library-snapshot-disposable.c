/* SPDX-License-Identifier: GPL-3.0-or-later
 * Runs that leave nothing behind: the disks are only read, and what is written goes into overlays
 * that no tree names. So there is nothing to undo, and a crash leaves files that whoever opens the
 * bundle the next time removes. */
#include <dirent.h>
#include <string.h>

#include "app/library/library-snapshot-private.h"
#include "core/backend/block/block-create.h"

static gboolean
add_overlay (DioSnapshots *self, DioDiskConfig *disk, GError **error)
{
  g_autoptr (DioBlockNode) node = dio_disk_config_open (
      disk, self->files, DIO_BLOCK_OPEN_READONLY | DIO_BLOCK_OPEN_UNLOCKED, error);
  if (!node)
    return FALSE;
  g_autofree char *id = g_uuid_string_random ();
  g_autofree char *name = g_strconcat (id, DIO_SNAPSHOT_DISPOSABLE_SUFFIX, NULL);
  g_autofree char *path = g_build_filename (self->path, DIO_SNAPSHOT_FOLDER, name, NULL);
  DioBlockCreate create = {
    .format = "qcow2",
    .size = node->size,
    .backing = node->path,
    .backing_format = node->driver->format,
  };
  if (!dio_block_create (self->files, path, &create, error))
    return FALSE;
  if (!disk->chain)
    dio_disk_config_add_image (disk, disk->path, disk->format ? disk->format : "raw");
  dio_disk_config_add_image (disk, path, "qcow2");
  return TRUE;
}

gboolean
dio_snapshots_add_disposable (DioSnapshots *self, DioMachineConfig *config, GError **error)
{
  if (!dio_snapshots_make_folder (self, error))
    return FALSE;
  pthread_mutex_lock (&self->lock);
  self->disposable = TRUE;
  pthread_mutex_unlock (&self->lock);
  config->variables_fixed = true;
  /* Each such run is a life of its own. */
  memset (config->generation, 0, sizeof config->generation);
  for (guint i = 0; config->disks && i < config->disks->len; i++) {
    DioDiskConfig *disk = g_ptr_array_index (config->disks, i);
    if (!disk->readonly && !add_overlay (self, disk, error)) {
      dio_snapshots_end_disposable (self);
      return FALSE;
    }
  }
  return TRUE;
}

void
dio_snapshots_end_disposable (DioSnapshots *self)
{
  pthread_mutex_lock (&self->lock);
  if (self->disposable) {
    self->disposable = FALSE;
    dio_snapshots_remove_orphans (self);
  }
  pthread_mutex_unlock (&self->lock);
}
