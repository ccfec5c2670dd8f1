/* SPDX-License-Identifier: GPL-3.0-or-later
 * New machines that start from a snapshot. A linked one has the same files under second names: the
 * packs of chunks, which never change, and the images that the snapshot's disks stand on, which
 * whoever wants to write them replaces by a copy first. So neither machine can harm the other, and
 * the space is given back when the last of them lets go. */
#include <string.h>

#include "app/library/library-snapshot-private.h"
#include "core/backend/block/block-job.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* NAME of one folder in another: a second name for the same file, or a copy. */
static gboolean
share (DioSnapshots *self, int from_fd, const char *folder, int to_fd, const char *name,
       gboolean linked, GError **error)
{
  if (linked && dio_file_link (self->files, from_fd, name, to_fd, name) == 0)
    return TRUE;
  g_autofree char *from = g_build_filename (folder, name, NULL);
  return dio_file_copy (self->files, from, to_fd, name, NULL, NULL, error);
}

static gboolean
share_file (DioSnapshots *self, int to_fd, const char *name, gboolean linked, GError **error)
{
  g_autofree char *folder = g_build_filename (self->path, DIO_SNAPSHOT_FOLDER, NULL);
  return share (self, self->dir_fd, folder, to_fd, name, linked, error);
}

/* The chunks of one snapshot alone. */
static gboolean
copy_chunks (DioStore *from, DioStore *to, const DioRamMap *map, DioVisitor *visitor,
             DioFileProgress progress, void *data, GError **error)
{
  g_autoptr (DioStoreWriter) writer = dio_store_begin (to);
  g_autofree uint8_t *chunk = g_malloc (DIO_RAM_CHUNK);
  for (uint64_t i = 0; i < map->n; i++) {
    DioChunkId id;
    if (dio_chunk_id_is_zero (&map->ids[i]))
      continue;
    if (progress && i % 64 == 0 && !progress (i * DIO_RAM_CHUNK, map->size, data)) {
      g_set_error (error, DIO_ERROR, DIO_ERROR_CANCELLED, "%s", _ ("Cancelled"));
      return FALSE;
    }
    if (!dio_store_get (from, &map->ids[i], chunk, DIO_RAM_CHUNK, error)
        || !dio_store_put (writer, chunk, DIO_RAM_CHUNK, &id, error))
      return FALSE;
  }
  return dio_ram_map_save (map, writer, visitor, error) && dio_store_commit (writer, error);
}

typedef struct {
  DioSnapshots *self;
  DioSnapshotInfo *info;
  DioManifest *manifest;
  DioSnapshotDisks disks; /* of @self */
  gboolean linked;
  DioFileProgress progress;
  void *data;
} Clone;

static gboolean
clone_memory (Clone *clone, DioStateFile *state, int to_fd, GError **error)
{
  DioSnapshots *self = clone->self;
  DioStore *store = dio_snapshots_get_store (self, error);
  if (!store || !clone->info->memory)
    return store != NULL;
  if (clone->linked) {
    g_auto (GStrv) packs = dio_store_list_packs (store);
    for (char **pack = packs; *pack; pack++)
      if (!share_file (self, to_fd, *pack, TRUE, error))
        return FALSE;
    return TRUE;
  }
  g_autoptr (DioStore) to = dio_store_open (self->files, to_fd, true, error);
  g_autoptr (DioRamMap) map = to ? dio_snapshots_load_map (self, store, state, NULL, error) : NULL;
  if (!map)
    return FALSE;
  DioVisitor *visitor = dio_visitor_new_save ();
  gboolean good = copy_chunks (store, to, map, visitor, clone->progress, clone->data, error);
  g_bytes_unref (dio_visitor_finish_save (visitor));
  return good;
}

/* The images that @file stands on, and itself, in the other bundle under the same names. Both only
 * ever read them: who has to write one makes a copy of it first. */
static gboolean
link_images (Clone *clone, DioSnapshots *other, const char *file, GError **error)
{
  DioSnapshots *self = clone->self;
  const DioSnapshotImage *image = dio_snapshots_find_image (clone->disks.images, file);
  if (dio_snapshots_find_image (other->images, file))
    return TRUE;
  if (!image || (image->backing && !link_images (clone, other, image->backing, error)))
    return FALSE;
  dio_snapshots_add_image (other->images, file, image->format, image->size, image->backing);
  return share (self, self->bundle_fd, self->path, other->bundle_fd, file, TRUE, error);
}

/* A disk of its own, with all that the chain has. */
static gboolean
copy_disk (Clone *clone, DioSnapshots *other, const DioDiskConfig *disk, const char *file,
           GError **error)
{
  const DioBlockJob job = { clone->progress, clone->data };
  const DioBlockCreate create = { .format = disk->format };
  g_autofree char *path = g_build_filename (other->path, disk->path, NULL);
  g_autoptr (DioBlockNode) node =
      dio_snapshots_open_image (clone->self, clone->disks.images, file,
                                DIO_BLOCK_OPEN_READONLY | DIO_BLOCK_OPEN_UNLOCKED, error);
  if (!node || !dio_block_convert (node, path, &create, &job, error))
    return FALSE;
  dio_snapshots_add_image (other->images, disk->path, disk->format, node->size, NULL);
  return TRUE;
}

/* What the snapshot of the new bundle has, and an overlay on it. */
static gboolean
clone_disk (Clone *clone, DioSnapshots *other, const DioDiskConfig *disk, char **file,
            GError **error)
{
  if (clone->linked ? !link_images (clone, other, *file, error)
                    : !copy_disk (clone, other, disk, *file, error))
    return FALSE;
  if (!clone->linked) {
    g_free (*file);
    *file = g_strdup (disk->path);
  }
  g_autofree char *overlay = dio_snapshots_make_overlay (other, other->images, *file, error);
  if (overlay)
    dio_snapshots_put_disk (other->disks, disk->path, overlay);
  return overlay != NULL;
}

static gboolean
clone_disks (Clone *clone, DioSnapshots *other, DioSnapshotInfo *info, GError **error)
{
  g_autoptr (GPtrArray) disks = dio_snapshots_written_disks (clone->manifest->config);
  if (!dio_snapshots_check_disks (disks, info, error))
    return FALSE;
  for (guint i = 0; i < disks->len; i++)
    if (!clone_disk (clone, other, g_ptr_array_index (disks, i),
                     (char **) &g_ptr_array_index (info->disks, i), error))
      return FALSE;
  return TRUE;
}

/* snapshots/ of the new bundle: one snapshot, which the first start loads. */
static gboolean
clone_tree (Clone *clone, const char *path, int bundle_fd, GError **error)
{
  DioSnapshots *self = clone->self;
  g_autoptr (DioSnapshots) other = dio_snapshots_open (self->files, path, TRUE, error);
  if (!other || !dio_snapshots_make_folder (other, error))
    return FALSE;
  g_autofree char *state_name = dio_snapshot_state_name (clone->info->id);
  g_autoptr (DioStateFile) state =
      dio_state_file_read (self->files, self->dir_fd, state_name, NULL, error);
  if (!state || !share_file (self, other->dir_fd, state_name, clone->linked, error))
    return FALSE;
  DioSnapshotInfo *info = dio_snapshot_info_copy (clone->info);
  g_clear_pointer (&info->parent, g_free);
  if (!clone_disks (clone, other, info, error)
      || !clone_memory (clone, state, other->dir_fd, error)) {
    dio_snapshot_info_free (info);
    return FALSE;
  }
  pthread_mutex_lock (&other->lock);
  g_ptr_array_add (other->infos, info);
  other->current = g_strdup (info->id);
  other->pending = g_strdup (info->id);
  gboolean good = dio_snapshots_commit_locked (other, error);
  pthread_mutex_unlock (&other->lock);
  return good;
}

/* Files of the bundle that the machine starts from, and its disks as they were. */
static gboolean
clone_files (Clone *clone, const char *path, int fd, GError **error)
{
  DioSnapshots *self = clone->self;
  const DioMachineConfig *config = clone->manifest->config;
  const char *const boot[] = { config->firmware, config->kernel, config->initrd };
  for (guint i = 0; i < G_N_ELEMENTS (boot); i++) {
    if (!boot[i] || *boot[i] == '/')
      continue;
    g_autofree char *from = g_build_filename (self->path, boot[i], NULL);
    if (!dio_file_copy (self->files, from, fd, boot[i], NULL, NULL, error))
      return FALSE;
  }
  gsize length;
  g_autofree char *text = dio_manifest_to_text (clone->manifest, &length);
  if (!dio_file_write_atomic (self->files, fd, DIO_MANIFEST_FILE, text, length, error))
    return FALSE;
  gboolean put;
  if (!clone->info->memory
      && !dio_snapshots_put_variables (self, clone->info->id, fd, DIO_BUNDLE_VARIABLES, FALSE, &put,
                                       error))
    return FALSE;
  return clone_tree (clone, path, fd, error);
}

static gboolean
fill_cb (const char *path, int fd, void *data, GError **error)
{
  return clone_files (data, path, fd, error);
}

char *
dio_snapshots_clone (DioSnapshots *self, const char *id, const char *library, const char *name,
                     gboolean linked, DioFileProgress progress, void *data, GError **error)
{
  if (!dio_manifest_check_name (name, error))
    return NULL;
  Clone clone = { self, NULL, NULL, { 0 }, linked, progress, data };
  char *path = NULL;
  dio_snapshots_enter (self); /* first, as a merge changes what is where */
  pthread_mutex_lock (&self->lock);
  const DioSnapshotInfo *found = dio_snapshots_require_locked (self, id, error);
  clone.info = found ? dio_snapshot_info_copy (found) : NULL;
  dio_snapshots_save_disks_locked (self, &clone.disks);
  pthread_mutex_unlock (&self->lock);
  clone.manifest = found ? dio_snapshots_load_manifest (self, id, error) : NULL;
  if (clone.manifest) {
    g_free (clone.manifest->id);
    clone.manifest->id = g_uuid_string_random ();
    g_free (clone.manifest->config->name);
    clone.manifest->config->name = g_strdup (name);
    path = dio_bundle_create_with (self->files, library, name, fill_cb, &clone, error);
  }
  dio_snapshots_leave (self);
  dio_snapshots_clear_disks (&clone.disks);
  dio_manifest_free (clone.manifest);
  dio_snapshot_info_free (clone.info);
  return path;
}
