/* SPDX-License-Identifier: GPL-3.0-or-later
 * Taking snapshots. There are two commits: one while the machine stands still, by which its disks
 * go on in overlays, so that nothing it writes from then on gets into what the snapshot has; and
 * when everything is on the disk the one that makes the snapshot. A crash in between leaves longer
 * chains, which are merged later, and nothing else. */
#include <string.h>

#include "app/library/library-snapshot-private.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

struct DioSnapshotTake {
  DioSnapshots *snapshots;
  DioSnapshotInfo *info;
  DioStore *store;
  DioManifest *manifest;
  char **overlays; /* absolute, for each disk of the configuration */
  guint n_overlays;
  DioSnapshotDisks after; /* with the overlays */
  gboolean disks_in_tree; /* or may be, as below */
  gboolean in_tree;       /* or may be: the outcome of the commit is not known */
};

static gboolean
has_name_locked (DioSnapshots *self, const char *name)
{
  for (guint i = 0; i < self->infos->len; i++)
    if (strcmp (((DioSnapshotInfo *) g_ptr_array_index (self->infos, i))->name, name) == 0)
      return TRUE;
  return FALSE;
}

/* Behind the highest number of those that were taken by themselves: numbers go on although the
 * older of them go. */
static guint
next_automatic_locked (DioSnapshots *self)
{
  guint64 highest = 0;
  for (guint i = 0; i < self->infos->len; i++) {
    const DioSnapshotInfo *info = g_ptr_array_index (self->infos, i);
    const char *digits = strpbrk (info->name, "0123456789");
    guint64 number = digits ? g_ascii_strtoull (digits, NULL, 10) : 0;
    if (info->kind == DIO_SNAPSHOT_AUTOMATIC && number < G_MAXINT)
      highest = MAX (highest, number);
  }
  return (guint) highest + 1;
}

/* The first number that is free. */
static char *
made_up_name (DioSnapshots *self, DioSnapshotKind kind)
{
  char *name = NULL;
  pthread_mutex_lock (&self->lock);
  guint first = kind == DIO_SNAPSHOT_AUTOMATIC ? next_automatic_locked (self) : 1;
  for (guint i = first; !name; i++) {
    /* Translators: the name of a snapshot that was taken by itself, with its number. */
    name = kind == DIO_SNAPSHOT_AUTOMATIC ? g_strdup_printf (_ ("Automatic %u"), i)
                                          /* Translators: of one that got no other name. */
                                          : g_strdup_printf (_ ("Snapshot %u"), i);
    if (has_name_locked (self, name))
      g_clear_pointer (&name, g_free);
  }
  pthread_mutex_unlock (&self->lock);
  return name;
}

static gboolean
check_room (DioSnapshots *self, GError **error)
{
  pthread_mutex_lock (&self->lock);
  gboolean full = self->infos->len >= DIO_SNAPSHOT_MAX;
  pthread_mutex_unlock (&self->lock);
  if (full)
    g_set_error (error, DIO_ERROR, DIO_ERROR_FULL,
                 _ ("A machine cannot have more than %u snapshots; delete some"), DIO_SNAPSHOT_MAX);
  return !full;
}

/* A disk that stands on too many could not be opened again. */
static gboolean
check_chain (GPtrArray *images, const char *file, const char *path, GError **error)
{
  unsigned n = dio_snapshots_row_length (images, file);
  if (n <= DIO_SNAPSHOT_MAX_ROW)
    return TRUE;
  g_set_error (error, DIO_ERROR, DIO_ERROR_FULL,
               _ ("The disk “%s” stands on %u snapshots, one on the other, and more are not "
                  "possible; delete some that are not needed"),
               path, n - 1);
  return FALSE;
}

static gboolean
make_overlay (DioSnapshotTake *take, guint index, const DioDiskConfig *disk, GError **error)
{
  DioSnapshots *self = take->snapshots;
  GPtrArray *images = take->after.images;
  if (*disk->path == '/') {
    g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                 _ ("The disk “%s” lies outside of the machine’s folder, so that no snapshot can "
                    "hold it; move it into the folder"),
                 disk->path);
    return FALSE;
  }
  const DioSnapshotDisk *now = dio_snapshots_find_disk (take->after.disks, disk->path);
  const char *image = now ? now->image : disk->path;
  if (!dio_snapshots_find_image (images, image))
    dio_snapshots_add_image (images, image, disk->format, 0, NULL);
  if (!check_chain (images, image, disk->path, error))
    return FALSE;
  g_ptr_array_add (take->info->disks, g_strdup (image));
  g_autofree char *file = dio_snapshots_make_overlay (
      self, images, g_ptr_array_index (take->info->disks, take->info->disks->len - 1), error);
  if (!file)
    return FALSE;
  take->overlays[index] = g_build_filename (self->path, file, NULL);
  dio_snapshots_put_disk (take->after.disks, disk->path, file);
  return TRUE;
}

/* All that takes time is done before the machine stands still. */
static gboolean
make_overlays (DioSnapshotTake *take, GError **error)
{
  DioSnapshots *self = take->snapshots;
  const GPtrArray *disks = take->manifest->config->disks;
  pthread_mutex_lock (&self->lock);
  dio_snapshots_save_disks_locked (self, &take->after);
  pthread_mutex_unlock (&self->lock);
  take->n_overlays = disks ? disks->len : 0;
  take->overlays = g_new0 (char *, take->n_overlays + 1);
  for (guint i = 0; i < take->n_overlays; i++) {
    const DioDiskConfig *disk = g_ptr_array_index (disks, i);
    if (!disk->readonly && !make_overlay (take, i, disk, error))
      return FALSE;
  }
  return TRUE;
}

DioSnapshotTake *
dio_snapshots_begin (DioSnapshots *self, DioSnapshotKind kind, const char *name, const char *note,
                     GError **error)
{
  g_autofree char *title = name ? g_strdup (name) : made_up_name (self, kind);
  if (!dio_snapshots_check_name (title, error) || !check_room (self, error))
    return NULL;
  if (note && (strlen (note) > DIO_SNAPSHOT_MAX_NOTE || !g_utf8_validate (note, -1, NULL))) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG, "%s", _ ("The note is too long"));
    return NULL;
  }
  DioStore *store = dio_snapshots_get_store (self, error);
  DioManifest *manifest = store ? dio_bundle_load (self->files, self->path, error) : NULL;
  if (!manifest)
    return NULL;
  DioSnapshotTake *take = g_new0 (DioSnapshotTake, 1);
  take->snapshots = dio_snapshots_ref (self);
  take->store = store;
  take->manifest = manifest;
  take->info = g_new0 (DioSnapshotInfo, 1);
  take->info->id = g_uuid_string_random ();
  take->info->name = g_steal_pointer (&title);
  take->info->note = note && *note ? g_strdup (note) : NULL;
  take->info->kind = kind;
  take->info->time_s = g_get_real_time () / G_USEC_PER_SEC;
  take->info->disks = dio_snapshot_disk_list ();
  dio_snapshots_enter (self);
  if (kind != DIO_SNAPSHOT_SUSPEND && !make_overlays (take, error))
    g_clear_pointer (&take, dio_snapshot_take_free);
  return take;
}

char *const *
dio_snapshot_take_get_overlays (DioSnapshotTake *take, guint *n)
{
  *n = take->n_overlays;
  return take->overlays;
}

/* What the images that are frozen now take; the file of the disk itself counts for the machine. */
static void
count_disks (DioSnapshotTake *take)
{
  DioSnapshots *self = take->snapshots;
  for (guint i = 0; i < take->info->disks->len; i++) {
    const char *file = g_ptr_array_index (take->info->disks, i);
    struct statx status;
    if (strchr (file, '/')
        && dio_file_stat (self->files, self->bundle_fd, file, AT_SYMLINK_NOFOLLOW, &status) == 0)
      take->info->stored += status.stx_blocks * 512;
  }
}

gboolean
dio_snapshot_take_disks (DioSnapshotTake *take, GError **error)
{
  DioSnapshots *self = take->snapshots;
  DioSnapshotDisks before = { 0 };
  if (!take->info->disks->len)
    return TRUE;
  pthread_mutex_lock (&self->lock);
  dio_snapshots_save_disks_locked (self, &before);
  dio_snapshots_restore_disks_locked (self, &take->after);
  take->disks_in_tree = TRUE; /* from here on nothing is removed that the tree might name */
  gboolean good = dio_snapshots_commit_locked (self, error);
  if (!good)
    dio_snapshots_restore_disks_locked (self, &before);
  pthread_mutex_unlock (&self->lock);
  dio_snapshots_clear_disks (&before);
  if (good)
    count_disks (take);
  return good;
}

/* The map of the snapshot that the machine came from, when its pages are tracked since then. */
static DioRamMap *
parent_map (DioSnapshots *self, DioStore *store)
{
  pthread_mutex_lock (&self->lock);
  g_autofree char *tracked = g_strdup (self->tracked);
  pthread_mutex_unlock (&self->lock);
  if (!tracked)
    return NULL;
  g_autofree char *name = dio_snapshot_state_name (tracked);
  g_autoptr (DioStateFile) state =
      dio_state_file_read (self->files, self->dir_fd, name, DIO_STATE_RAM, NULL);
  return state ? dio_snapshots_load_map (self, store, state, NULL, NULL) : NULL;
}

static gboolean
write_memory (DioSnapshotTake *take, DioStoreWriter *writer, DioRamFreeze *freeze, guint64 memory,
              DioStateFile *state, DioPool *pool, DioFileProgress progress, void *data,
              GError **error)
{
  g_autoptr (DioRamMap) parent = parent_map (take->snapshots, take->store);
  g_autoptr (DioRamMap) map =
      dio_ram_save (freeze, memory, parent, writer, pool, progress, data, NULL, error);
  if (!map)
    return FALSE;
  DioVisitor *visitor = dio_visitor_new_save ();
  gboolean good = dio_ram_map_save (map, writer, visitor, error);
  g_autoptr (GBytes) bytes = dio_visitor_finish_save (visitor);
  if (good && !bytes)
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY, "%s",
                 _ ("There is not enough memory for making the snapshot"));
  if (!good || !bytes)
    return FALSE;
  dio_state_file_add (state, DIO_STATE_RAM, bytes);
  /* As people gave it; behind it there may be the firmware's ROM. */
  take->info->memory = take->manifest->config->memory;
  return TRUE;
}

static void
add_to_tree_locked (DioSnapshots *self, DioSnapshotInfo *info)
{
  info->parent = g_strdup (self->current);
  g_ptr_array_add (self->infos, dio_snapshot_info_copy (info));
  if (info->kind == DIO_SNAPSHOT_SUSPEND) {
    g_free (self->pending);
    self->pending = g_strdup (info->id);
  } else {
    g_free (self->current);
    self->current = g_strdup (info->id);
  }
}

static gboolean
commit_take (DioSnapshotTake *take, GError **error)
{
  DioSnapshots *self = take->snapshots;
  pthread_mutex_lock (&self->lock);
  g_autofree char *old_current = g_strdup (self->current);
  g_autofree char *old_pending = g_strdup (self->pending);
  add_to_tree_locked (self, take->info);
  take->in_tree = TRUE; /* from here on nothing is removed that the tree might name */
  gboolean good = dio_snapshots_commit_locked (self, error);
  if (!good) {
    g_ptr_array_set_size (self->infos, (int) self->infos->len - 1);
    g_free (self->current);
    g_free (self->pending);
    self->current = g_steal_pointer (&old_current);
    self->pending = g_steal_pointer (&old_pending);
  } else if (take->info->memory) {
    g_free (self->tracked);
    self->tracked = g_strdup (take->info->id);
  }
  pthread_mutex_unlock (&self->lock);
  return good;
}

/* @freeze ends here in any case. */
char *
dio_snapshot_take_finish (DioSnapshotTake *take, GBytes *devices, DioRamFreeze *freeze,
                          guint64 memory, GBytes *thumbnail, DioPool *pool,
                          DioFileProgress progress, void *data, GError **error)
{
  DioSnapshots *self = take->snapshots;
  gsize length;
  guint64 size = 0;
  g_autoptr (DioStateFile) state = dio_state_file_new ();
  g_autofree char *text = dio_manifest_to_text (take->manifest, &length);
  g_autoptr (GBytes) config = g_bytes_new (text, length);
  dio_state_file_add (state, DIO_STATE_CONFIG, config);
  if (devices)
    dio_state_file_add (state, DIO_STATE_DEVICES, devices);
  if (thumbnail)
    dio_state_file_add (state, DIO_STATE_THUMBNAIL, thumbnail);

  DioStoreWriter *writer = dio_store_begin (take->store);
  g_autofree char *name = dio_snapshot_state_name (take->info->id);
  gboolean good = devices || dio_snapshots_add_variables (self, state, error);
  good = good
         && (!freeze
             || write_memory (take, writer, freeze, memory, state, pool, progress, data, error));
  take->info->stored += dio_store_writer_size (writer);
  good = good && dio_store_commit (writer, error)
         && dio_state_file_write (state, self->files, self->dir_fd, name, &size, error);
  take->info->stored += size;
  good = good && commit_take (take, error);
  dio_store_writer_free (writer);
  if (freeze)
    dio_ram_freeze_end (freeze, good);
  return good ? g_strdup (take->info->id) : NULL;
}

void
dio_snapshot_take_free (DioSnapshotTake *take)
{
  if (!take)
    return;
  DioSnapshots *self = take->snapshots;
  if (!take->in_tree) {
    g_autofree char *state = dio_snapshot_state_name (take->info->id);
    dio_file_unlink (self->files, self->dir_fd, state, 0);
  }
  for (guint i = 0; i < take->n_overlays && !take->disks_in_tree; i++)
    if (take->overlays[i])
      dio_file_unlink (self->files, AT_FDCWD, take->overlays[i], 0);
  dio_snapshots_leave (self);
  for (guint i = 0; i < take->n_overlays; i++)
    g_free (take->overlays[i]);
  g_free (take->overlays);
  dio_snapshots_clear_disks (&take->after);
  dio_snapshot_info_free (take->info);
  dio_manifest_free (take->manifest);
  dio_snapshots_unref (self);
  g_free (take);
}
