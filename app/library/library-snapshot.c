/* SPDX-License-Identifier: GPL-3.0-or-later
 * The snapshots of a bundle: opening, looking, starting from one. */
#include "app/library/library-snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "app/library/library-snapshot-private.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define STATE_SUFFIX ".state"
#define OLD_DISK_SUFFIX ".disk" /* of version 1 */
#define MIN_PREFIX 4

char *
dio_snapshot_state_name (const char *id)
{
  return g_strconcat (id, STATE_SUFFIX, NULL);
}

/* ---- Opening ---- */

static gboolean
is_named (DioSnapshots *self, const char *file)
{
  for (guint i = 0; i < self->infos->len; i++) {
    const DioSnapshotInfo *info = g_ptr_array_index (self->infos, i);
    g_autofree char *state = dio_snapshot_state_name (info->id);
    if (strcmp (file, state) == 0)
      return TRUE;
  }
  g_autofree char *image = g_strconcat (DIO_SNAPSHOT_FOLDER "/", file, NULL);
  return dio_snapshots_find_image (self->images, image) != NULL;
}

static DIR *
open_listing (int dir_fd)
{
  int fd = openat (dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;
  if (!dir && fd >= 0)
    close (fd);
  return dir;
}

void
dio_snapshots_remove_orphans (DioSnapshots *self)
{
  if (self->uncertain)
    return; /* the tree on the disk may name what this one does not */
  DIR *dir = self->dir_fd >= 0 ? open_listing (self->dir_fd) : NULL;
  for (struct dirent *entry; dir && (entry = readdir (dir));)
    if ((g_str_has_suffix (entry->d_name, STATE_SUFFIX)
         || g_str_has_suffix (entry->d_name, OLD_DISK_SUFFIX)
         || g_str_has_suffix (entry->d_name, DIO_SNAPSHOT_IMAGE_SUFFIX)
         || (!self->disposable && g_str_has_suffix (entry->d_name, DIO_SNAPSHOT_DISPOSABLE_SUFFIX)))
        && !is_named (self, entry->d_name))
      dio_file_unlink (self->files, self->dir_fd, entry->d_name, 0);
  if (dir)
    closedir (dir);
  dir = open_listing (self->bundle_fd);
  for (struct dirent *entry; dir && (entry = readdir (dir));)
    if (g_str_has_prefix (entry->d_name, DIO_SNAPSHOT_REVERT_PREFIX))
      dio_file_unlink (self->files, self->bundle_fd, entry->d_name, 0);
  if (dir)
    closedir (dir);
}

gboolean
dio_snapshots_install_locked (DioSnapshots *self, GError **error)
{
  for (guint i = 0; i < self->installs->len; i++) {
    const DioSnapshotInstall *install = g_ptr_array_index (self->installs, i);
    int result = dio_file_rename (self->files, self->bundle_fd, install->from, self->bundle_fd,
                                  install->to, 0);
    if (result < 0 && result != -ENOENT) { /* or it was done before */
      dio_set_error_errno (error, -result, _ ("“%s” cannot be put in its place"), install->to);
      return FALSE;
    }
  }
  if (!self->installs->len)
    return TRUE;
  int result = dio_file_sync (self->files, self->bundle_fd);
  if (result < 0) {
    dio_set_error_errno (error, -result, _ ("The folder “%s” cannot be written"), self->path);
    return FALSE;
  }
  /* The next commit says so. Until then doing it again changes nothing: the names are used once. */
  g_ptr_array_set_size (self->installs, 0);
  return TRUE;
}

static gboolean
load_tree (DioSnapshots *self, GError **error)
{
  g_autoptr (GError) local = NULL;
  gsize length;
  self->dir_fd = dio_file_open_beneath (self->files, self->bundle_fd, DIO_SNAPSHOT_FOLDER,
                                        O_RDONLY | O_DIRECTORY, 0);
  if (self->dir_fd == -ENOENT)
    return TRUE;
  if (self->dir_fd < 0) {
    /* An empty tree would be written over one that only could not be read. */
    dio_set_error_errno (error, -self->dir_fd, _ ("The folder of the snapshots cannot be opened"));
    return FALSE;
  }
  g_autofree char *text = dio_file_load (self->files, self->dir_fd, DIO_SNAPSHOT_TREE,
                                         DIO_SNAPSHOT_TREE_MAX_BYTES, &length, &local);
  if (text)
    return dio_snapshots_parse_locked (self, text, length, error);
  if (g_error_matches (local, DIO_ERROR, DIO_ERROR_NOT_FOUND))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

DioSnapshots *
dio_snapshots_open (DioFiles *files, const char *path, gboolean writable, GError **error)
{
  int fd = dio_file_open (files, AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0) {
    dio_set_error_errno (error, -fd, _ ("The folder “%s” cannot be opened"), path);
    return NULL;
  }
  DioSnapshots *self = g_new0 (DioSnapshots, 1);
  g_atomic_ref_count_init (&self->references);
  self->files = files;
  self->path = g_strdup (path);
  self->writable = writable;
  self->bundle_fd = fd;
  self->infos = g_ptr_array_new_with_free_func ((GDestroyNotify) dio_snapshot_info_free);
  self->installs = g_ptr_array_new_with_free_func ((GDestroyNotify) dio_snapshot_install_free);
  self->images = dio_snapshots_new_images ();
  self->disks = dio_snapshots_new_disks ();
  pthread_mutex_init (&self->lock, NULL);
  pthread_cond_init (&self->idle, NULL);
  gboolean good = load_tree (self, error);
  if (good && writable) {
    good = dio_snapshots_install_locked (self, error);
    if (good)
      dio_snapshots_remove_orphans (self);
  }
  if (!good)
    g_clear_pointer (&self, dio_snapshots_unref);
  return self;
}

DioSnapshots *
dio_snapshots_ref (DioSnapshots *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

void
dio_snapshots_unref (DioSnapshots *self)
{
  if (!self || !g_atomic_ref_count_dec (&self->references))
    return;
  g_clear_pointer (&self->store, dio_store_free);
  if (self->dir_fd >= 0)
    dio_file_close (self->files, self->dir_fd);
  dio_file_close (self->files, self->bundle_fd);
  g_ptr_array_unref (self->infos);
  g_ptr_array_unref (self->installs);
  g_ptr_array_unref (self->images);
  g_ptr_array_unref (self->disks);
  g_clear_pointer (&self->lent, g_ptr_array_unref);
  pthread_mutex_destroy (&self->lock);
  pthread_cond_destroy (&self->idle);
  g_free (self->current);
  g_free (self->pending);
  g_free (self->tracked);
  g_free (self->path);
  g_free (self);
}

void
dio_snapshots_enter (DioSnapshots *self)
{
  pthread_mutex_lock (&self->lock);
  self->n_waiting++;
  while (self->busy)
    pthread_cond_wait (&self->idle, &self->lock);
  self->n_waiting--;
  self->busy = TRUE;
  pthread_mutex_unlock (&self->lock);
}

void
dio_snapshots_leave (DioSnapshots *self)
{
  pthread_mutex_lock (&self->lock);
  self->busy = FALSE;
  pthread_cond_signal (&self->idle);
  pthread_mutex_unlock (&self->lock);
}

void
dio_snapshots_wait (DioSnapshots *self)
{
  dio_snapshots_enter (self);
  dio_snapshots_leave (self);
}

static gboolean
make_folder_locked (DioSnapshots *self, GError **error)
{
  if (self->dir_fd >= 0)
    return TRUE;
  int result = dio_file_mkdir (self->files, self->bundle_fd, DIO_SNAPSHOT_FOLDER, 0700);
  if (result == -EEXIST)
    result = 0;
  if (result == 0)
    result = dio_file_sync (self->files, self->bundle_fd);
  if (result == 0)
    self->dir_fd = result = dio_file_open_beneath (self->files, self->bundle_fd,
                                                   DIO_SNAPSHOT_FOLDER, O_RDONLY | O_DIRECTORY, 0);
  if (result >= 0)
    return TRUE;
  dio_set_error_errno (error, -result, _ ("The folder of the snapshots cannot be made"));
  return FALSE;
}

gboolean
dio_snapshots_make_folder (DioSnapshots *self, GError **error)
{
  pthread_mutex_lock (&self->lock);
  gboolean good = make_folder_locked (self, error);
  pthread_mutex_unlock (&self->lock);
  return good;
}

DioStore *
dio_snapshots_get_store (DioSnapshots *self, GError **error)
{
  pthread_mutex_lock (&self->lock);
  if (!self->store && (self->dir_fd >= 0 || (self->writable && make_folder_locked (self, error))))
    self->store = dio_store_open (self->files, self->dir_fd, self->writable, error);
  else if (!self->store && error && !*error)
    g_set_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND, "%s", _ ("There are no snapshots"));
  DioStore *store = self->store;
  pthread_mutex_unlock (&self->lock);
  return store;
}

/* ---- Looking ---- */

static gboolean
is_listed (const DioSnapshotInfo *info)
{
  return !info->deleted_s && info->kind != DIO_SNAPSHOT_SUSPEND;
}

/* The nearest ancestor that is listed. */
static const char *
listed_parent_locked (DioSnapshots *self, const DioSnapshotInfo *info)
{
  for (const char *id = info->parent; id;) {
    const DioSnapshotInfo *parent = dio_snapshots_get_locked (self, id);
    if (!parent || is_listed (parent))
      return parent ? parent->id : NULL;
    id = parent->parent;
  }
  return NULL;
}

static DioSnapshotInfo *
listed_copy_locked (DioSnapshots *self, const DioSnapshotInfo *info)
{
  DioSnapshotInfo *copy = dio_snapshot_info_copy (info);
  g_free (copy->parent);
  copy->parent = g_strdup (listed_parent_locked (self, info));
  return copy;
}

GPtrArray *
dio_snapshots_list (DioSnapshots *self)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) dio_snapshot_info_free);
  pthread_mutex_lock (&self->lock);
  for (guint i = 0; i < self->infos->len; i++) {
    const DioSnapshotInfo *info = g_ptr_array_index (self->infos, i);
    if (!is_listed (info))
      continue;
    g_ptr_array_add (list, listed_copy_locked (self, info));
  }
  pthread_mutex_unlock (&self->lock);
  return list;
}

char *
dio_snapshots_get_current (DioSnapshots *self)
{
  pthread_mutex_lock (&self->lock);
  const DioSnapshotInfo *info = dio_snapshots_get_locked (self, self->current);
  const char *id =
      !info || is_listed (info) ? (info ? info->id : NULL) : listed_parent_locked (self, info);
  char *copy = g_strdup (id);
  pthread_mutex_unlock (&self->lock);
  return copy;
}

DioSnapshotInfo *
dio_snapshots_require_locked (DioSnapshots *self, const char *id, GError **error)
{
  DioSnapshotInfo *info = dio_snapshots_get_locked (self, id);
  if (!info)
    g_set_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND, _ ("There is no snapshot “%s”"), id);
  return info;
}

/* @how 0: the id, 1: the name, 2: the beginning of the id. *@count gets how many there are. */
static DioSnapshotInfo *
match_locked (DioSnapshots *self, const char *name, unsigned how, unsigned *count)
{
  DioSnapshotInfo *found = NULL;
  *count = 0;
  for (guint i = 0; i < self->infos->len; i++) {
    DioSnapshotInfo *info = g_ptr_array_index (self->infos, i);
    gboolean same = how == 0   ? strcmp (info->id, name) == 0
                    : how == 1 ? dio_bundle_same_name (info->name, name)
                               : g_str_has_prefix (info->id, name);
    if (!same || !is_listed (info))
      continue;
    found = info;
    ++*count;
  }
  return found;
}

DioSnapshotInfo *
dio_snapshots_find (DioSnapshots *self, const char *name, GError **error)
{
  DioSnapshotInfo *found = NULL;
  unsigned count = 0;
  pthread_mutex_lock (&self->lock);
  for (unsigned how = 0; how < (strlen (name) < MIN_PREFIX ? 2 : 3) && !count; how++)
    found = match_locked (self, name, how, &count);
  if (count == 1)
    found = listed_copy_locked (self, found);
  pthread_mutex_unlock (&self->lock);
  if (count == 1)
    return found;
  if (count)
    g_set_error (error, DIO_ERROR, DIO_ERROR_EXISTS,
                 _ ("There are several snapshots “%s”; say which by its number"), name);
  else
    g_set_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND, _ ("There is no snapshot “%s”"), name);
  return NULL;
}

GBytes *
dio_snapshots_get_thumbnail (DioSnapshots *self, const char *id)
{
  g_autofree char *name = dio_snapshot_state_name (id);
  g_autoptr (DioStateFile) state =
      self->dir_fd < 0
          ? NULL
          : dio_state_file_read (self->files, self->dir_fd, name, DIO_STATE_THUMBNAIL, NULL);
  GBytes *bytes = state ? dio_state_file_get (state, DIO_STATE_THUMBNAIL) : NULL;
  return bytes ? g_bytes_ref (bytes) : NULL;
}

/* ---- Starting from a snapshot ---- */

DioRamMap *
dio_snapshots_load_map (DioSnapshots *self, DioStore *store, DioStateFile *state,
                        DioStoreMarks *marks, GError **error)
{
  GBytes *bytes = dio_state_file_get (state, DIO_STATE_RAM);
  if (!bytes)
    return NULL;
  g_autoptr (GError) local = NULL;
  DioVisitor *visitor = dio_visitor_new_load (bytes);
  DioRamMap *map = dio_ram_map_load (visitor, store, marks, &local);
  if (!dio_visitor_finish_load (visitor, local ? NULL : &local)) {
    g_clear_pointer (&map, dio_ram_map_free);
  }
  if (local)
    g_propagate_error (error, g_steal_pointer (&local));
  return map;
}

void
dio_snapshot_state_clear (DioSnapshotState *state)
{
  g_clear_pointer (&state->devices, g_bytes_unref);
  g_clear_pointer (&state->map, dio_ram_map_free);
}

gboolean
dio_snapshots_load_state (DioSnapshots *self, const char *id, DioSnapshotState *state,
                          GError **error)
{
  g_autoptr (GError) local = NULL;
  *state = (DioSnapshotState){ 0 };
  DioStore *store = dio_snapshots_get_store (self, error);
  g_autofree char *name = dio_snapshot_state_name (id);
  g_autoptr (DioStateFile) file =
      store ? dio_state_file_read (self->files, self->dir_fd, name, NULL, error) : NULL;
  if (!file)
    return FALSE;
  GBytes *devices = dio_state_file_get (file, DIO_STATE_DEVICES);
  if (!devices)
    return TRUE; /* of a machine that was off */
  state->map = dio_snapshots_load_map (self, store, file, NULL, &local);
  if (!state->map && !local)
    g_set_error (&local, DIO_ERROR, DIO_ERROR_FORMAT, _ ("The snapshot file “%s” is damaged"),
                 name);
  if (local) {
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  state->devices = g_bytes_ref (devices);
  pthread_mutex_lock (&self->lock);
  const DioSnapshotInfo *info = dio_snapshots_get_locked (self, id);
  state->again = !info || info->kind != DIO_SNAPSHOT_SUSPEND;
  pthread_mutex_unlock (&self->lock);
  return TRUE;
}

gboolean
dio_snapshots_load_pending (DioSnapshots *self, DioSnapshotState *state, GError **error)
{
  *state = (DioSnapshotState){ 0 };
  g_autofree char *id = dio_snapshots_get_pending (self, NULL);
  return !id || dio_snapshots_load_state (self, id, state, error);
}

char *
dio_snapshots_get_pending (DioSnapshots *self, DioSnapshotKind *kind)
{
  pthread_mutex_lock (&self->lock);
  char *id = g_strdup (self->pending);
  const DioSnapshotInfo *info = dio_snapshots_get_locked (self, id);
  if (info && kind)
    *kind = info->kind;
  pthread_mutex_unlock (&self->lock);
  return id;
}

gboolean
dio_snapshots_clear_pending (DioSnapshots *self, GError **error)
{
  gboolean good = TRUE;
  pthread_mutex_lock (&self->lock);
  if (self->pending) {
    DioSnapshotInfo *info = dio_snapshots_get_locked (self, self->pending);
    /* Its chunks are the machine's memory until they have all come; a purge looks at `tracked`. */
    g_free (self->tracked);
    self->tracked = g_strdup (info && info->memory ? info->id : NULL);
    if (info && info->kind == DIO_SNAPSHOT_SUSPEND && !info->deleted_s)
      info->deleted_s = g_get_real_time () / G_USEC_PER_SEC;
    g_clear_pointer (&self->pending, g_free);
    good = dio_snapshots_commit_locked (self, error);
  }
  pthread_mutex_unlock (&self->lock);
  return good;
}
