/* SPDX-License-Identifier: GPL-3.0-or-later
 * Changing the tree of snapshots: names, going back, deleting. */
#include <errno.h>
#include <string.h>

#include "app/library/library-journal.h"
#include "app/library/library-snapshot-private.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define MARKERS 4 /* threads that mark */

/* ---- Names and notes ---- */

typedef void (*Change) (DioSnapshotInfo *info, const void *value);

/* Changes one snapshot and commits; on failure it is as it was. */
static gboolean
change (DioSnapshots *self, const char *id, Change func, const void *value, GError **error)
{
  pthread_mutex_lock (&self->lock);
  DioSnapshotInfo *info = dio_snapshots_require_locked (self, id, error);
  gboolean good = FALSE;
  if (info) {
    DioSnapshotInfo *before = dio_snapshot_info_copy (info);
    func (info, value);
    good = dio_snapshots_commit_locked (self, error);
    if (!good) {
      guint index = 0;
      g_ptr_array_find (self->infos, info, &index);
      g_ptr_array_index (self->infos, index) = g_steal_pointer (&before);
      dio_snapshot_info_free (info);
    }
    dio_snapshot_info_free (before);
  }
  pthread_mutex_unlock (&self->lock);
  return good;
}

/* What a person has called something, or written something about, does not go by itself. */
static void
keep_for_good (DioSnapshotInfo *info)
{
  if (info->kind == DIO_SNAPSHOT_AUTOMATIC)
    info->kind = DIO_SNAPSHOT_MANUAL;
}

static void
set_name (DioSnapshotInfo *info, const void *value)
{
  keep_for_good (info);
  g_free (info->name);
  info->name = g_strdup (value);
}

static void
set_note (DioSnapshotInfo *info, const void *value)
{
  const char *note = value;
  keep_for_good (info);
  g_free (info->note);
  info->note = note && *note ? g_strdup (note) : NULL;
}

static void
set_deleted (DioSnapshotInfo *info, const void *value)
{
  info->deleted_s = *(const gint64 *) value;
}

gboolean
dio_snapshots_rename (DioSnapshots *self, const char *id, const char *name, GError **error)
{
  return dio_snapshots_check_name (name, error) && change (self, id, set_name, name, error);
}

gboolean
dio_snapshots_set_note (DioSnapshots *self, const char *id, const char *note, GError **error)
{
  if (note && (strlen (note) > DIO_SNAPSHOT_MAX_NOTE || !g_utf8_validate (note, -1, NULL))) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG, "%s", _ ("The note is too long"));
    return FALSE;
  }
  return change (self, id, set_note, note, error);
}

gboolean
dio_snapshots_delete (DioSnapshots *self, const char *id, GError **error)
{
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  return change (self, id, set_deleted, &now, error);
}

gboolean
dio_snapshots_undelete (DioSnapshots *self, const char *id, GError **error)
{
  gint64 never = 0;
  return change (self, id, set_deleted, &never, error);
}

char *
dio_snapshots_name_deleted (DioSnapshots *self)
{
  const DioSnapshotInfo *found = NULL;
  guint n = 0;
  pthread_mutex_lock (&self->lock);
  for (guint i = 0; i < self->infos->len; i++) {
    const DioSnapshotInfo *info = g_ptr_array_index (self->infos, i);
    if (!info->deleted_s)
      continue;
    found = info;
    n++;
  }
  char *name = n == 1 ? g_strdup (found->name) : NULL;
  pthread_mutex_unlock (&self->lock);
  return name;
}

gint64
dio_snapshots_next_deleted (DioSnapshots *self, gint64 after_s)
{
  gint64 first = 0;
  pthread_mutex_lock (&self->lock);
  for (guint i = 0; i < self->infos->len; i++) {
    gint64 deleted_s = ((const DioSnapshotInfo *) g_ptr_array_index (self->infos, i))->deleted_s;
    if (deleted_s > after_s && (!first || deleted_s < first))
      first = deleted_s;
  }
  pthread_mutex_unlock (&self->lock);
  return first;
}

/* ---- Pruning ---- */

static gboolean
prune_all (DioSnapshots *self, unsigned keep, GError **error)
{
  g_autoptr (GPtrArray) list = dio_snapshots_list (self);
  for (guint i = list->len; i > 0; i--) {
    const DioSnapshotInfo *info = g_ptr_array_index (list, i - 1);
    if (info->kind != DIO_SNAPSHOT_AUTOMATIC)
      continue;
    if (keep)
      keep--;
    else if (!dio_snapshots_delete (self, info->id, error))
      return FALSE;
  }
  return TRUE;
}

/* The oldest automatic one in a row that is longer than it should be when all is merged, so that
 * its going makes that shorter. The newest stays, and @except. Caller frees. */
static char *
find_victim_locked (DioSnapshots *self, const char *except)
{
  const DioSnapshotInfo *found = NULL, *newest = NULL;
  for (guint i = self->infos->len; i > 0; i--) {
    const DioSnapshotInfo *info = g_ptr_array_index (self->infos, i - 1);
    if (info->kind != DIO_SNAPSHOT_AUTOMATIC || info->deleted_s)
      continue;
    if (!newest)
      newest = info;
    else if (g_strcmp0 (info->id, except) != 0 && dio_snapshots_lengthens_row_locked (self, info))
      found = info;
  }
  return found ? g_strdup (found->id) : NULL;
}

static gboolean
shorten_rows (DioSnapshots *self, const char *except, gint64 deleted_s, GError **error)
{
  for (;;) {
    pthread_mutex_lock (&self->lock);
    g_autofree char *id = find_victim_locked (self, except);
    pthread_mutex_unlock (&self->lock);
    if (!id || !change (self, id, set_deleted, &deleted_s, error))
      return !id;
  }
}

gboolean
dio_snapshots_prune (DioSnapshots *self, unsigned keep, GError **error)
{
  return prune_all (self, keep, error)
         && shorten_rows (self, NULL, g_get_real_time () / G_USEC_PER_SEC, error);
}

gboolean
dio_snapshots_make_room (DioSnapshots *self, const char *except, gint64 until_s,
                         DioFileProgress progress, void *data, GError **error)
{
  pthread_mutex_lock (&self->lock);
  gboolean enough = dio_snapshots_has_room_locked (self);
  pthread_mutex_unlock (&self->lock);
  return enough
         || (shorten_rows (self, except, until_s, error)
             && dio_snapshots_purge (self, until_s, progress, data, NULL, error));
}

/* ---- Going back ---- */

GPtrArray *
dio_snapshots_written_disks (const DioMachineConfig *config)
{
  GPtrArray *disks = g_ptr_array_new ();
  for (guint i = 0; config->disks && i < config->disks->len; i++) {
    DioDiskConfig *disk = g_ptr_array_index (config->disks, i);
    if (!disk->readonly)
      g_ptr_array_add (disks, disk);
  }
  return disks;
}

static void
add_install (GPtrArray *installs, const char *to)
{
  DioSnapshotInstall *install = g_new0 (DioSnapshotInstall, 1);
  install->from = g_strdup_printf (DIO_SNAPSHOT_REVERT_PREFIX "%08x-%s", g_random_int (), to);
  install->to = g_strdup (to);
  g_ptr_array_add (installs, install);
}

static const char *
last_from (GPtrArray *installs)
{
  return ((DioSnapshotInstall *) g_ptr_array_index (installs, installs->len - 1))->from;
}

static DioManifest *
manifest_of (DioStateFile *state, GError **error)
{
  GBytes *bytes = dio_state_file_get (state, DIO_STATE_CONFIG);
  if (!bytes) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, "%s",
                 _ ("The snapshot does not say what machine it is of"));
    return NULL;
  }
  gsize length;
  const char *text = g_bytes_get_data (bytes, &length);
  return dio_manifest_parse (text, length, DIO_MANIFEST_FILE, error);
}

/* True when nothing is to be done to make @now (may be NULL) @manifest. */
static gboolean
is_same (const DioManifest *manifest, const DioManifest *now)
{
  gsize length;
  g_autofree char *one = dio_manifest_to_text (manifest, &length);
  g_autofree char *other = now ? dio_manifest_to_text (now, &length) : NULL;
  return g_strcmp0 (one, other) == 0;
}

/* machine.json as the snapshot has it, under a name that @installs then knows. */
static gboolean
put_manifest (DioSnapshots *self, const DioManifest *manifest, const DioManifest *now,
              GPtrArray *installs, GError **error)
{
  if (is_same (manifest, now))
    return TRUE;
  gsize length;
  g_autofree char *text = dio_manifest_to_text (manifest, &length);
  add_install (installs, DIO_MANIFEST_FILE);
  if (!dio_file_write_atomic (self->files, self->bundle_fd, last_from (installs), text, length,
                              error))
    return FALSE;
  return TRUE;
}

/* The same for the variables of firmware; those of a machine that ran come with its devices. */
static gboolean
put_variables (DioSnapshots *self, const DioSnapshotInfo *info, GPtrArray *installs, GError **error)
{
  struct statx status;
  gboolean put;
  gboolean there = dio_file_stat (self->files, self->bundle_fd, DIO_BUNDLE_VARIABLES,
                                  AT_SYMLINK_NOFOLLOW, &status)
                   == 0;
  if (info->memory)
    return TRUE;
  add_install (installs, DIO_BUNDLE_VARIABLES);
  gboolean good = dio_snapshots_put_variables (self, info->id, self->bundle_fd,
                                               last_from (installs), there, &put, error);
  if (!good || !put)
    g_ptr_array_set_size (installs, (int) installs->len - 1);
  return good;
}

gboolean
dio_snapshots_check_disks (const GPtrArray *disks, const DioSnapshotInfo *info, GError **error)
{
  if (disks->len != info->disks->len) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, "%s",
                 _ ("The snapshot has other disks than its machine"));
    return FALSE;
  }
  for (guint i = 0; i < disks->len; i++) {
    const DioDiskConfig *disk = g_ptr_array_index (disks, i);
    if (*disk->path == '/' || strchr (disk->path, '/')) {
      g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                   _ ("The disk “%s” lies outside of the machine’s folder"), disk->path);
      return FALSE;
    }
  }
  return TRUE;
}

/* New overlays on what the snapshot has; @after knows them then. */
static gboolean
put_overlays (DioSnapshots *self, const DioSnapshotInfo *info, const GPtrArray *disks,
              DioSnapshotDisks *after, GPtrArray *made, GError **error)
{
  for (guint i = 0; i < disks->len; i++) {
    const DioDiskConfig *disk = g_ptr_array_index (disks, i);
    char *file =
        dio_snapshots_make_overlay (self, after->images, g_ptr_array_index (info->disks, i), error);
    if (!file)
      return FALSE;
    g_ptr_array_add (made, file);
    dio_snapshots_put_disk (after->disks, disk->path, file);
  }
  return TRUE;
}

/* *@tried: the tree on the disk may be the new one, even if this fails. */
static gboolean
commit_revert (DioSnapshots *self, const char *id, GPtrArray *installs, DioSnapshotDisks *after,
               gboolean *tried, GError **error)
{
  DioSnapshotDisks before = { 0 };
  pthread_mutex_lock (&self->lock);
  g_autofree char *old_current = g_steal_pointer (&self->current);
  g_autofree char *old_pending = g_steal_pointer (&self->pending);
  dio_snapshots_save_disks_locked (self, &before);
  dio_snapshots_restore_disks_locked (self, after);
  self->current = g_strdup (id);
  self->pending = g_strdup (id);
  GPtrArray *none = self->installs;
  self->installs = g_ptr_array_ref (installs);
  g_autoptr (GPtrArray) files = dio_snapshots_drop_images_locked (self);
  *tried = TRUE;
  gboolean good = dio_snapshots_commit_locked (self, error);
  if (good) {
    /* Committed: what fails now is done when the bundle is opened next. */
    g_ptr_array_unref (none);
    good = dio_snapshots_install_locked (self, error);
    dio_snapshots_remove_files (self, files);
  } else {
    dio_snapshots_restore_disks_locked (self, &before);
    g_ptr_array_unref (self->installs);
    self->installs = none;
    g_free (self->current);
    g_free (self->pending);
    self->current = g_steal_pointer (&old_current);
    self->pending = g_steal_pointer (&old_pending);
  }
  pthread_mutex_unlock (&self->lock);
  dio_snapshots_clear_disks (&before);
  return good;
}

DioManifest *
dio_snapshots_load_manifest (DioSnapshots *self, const char *id, GError **error)
{
  g_autofree char *name = dio_snapshot_state_name (id);
  g_autoptr (DioStateFile) state =
      dio_state_file_read (self->files, self->dir_fd, name, DIO_STATE_CONFIG, error);
  return state ? manifest_of (state, error) : NULL;
}

/* Everything that the commit needs. */
static gboolean
put_files (DioSnapshots *self, const DioSnapshotInfo *info, const DioManifest *manifest,
           const DioManifest *now, GPtrArray *installs, DioSnapshotDisks *after, GPtrArray *made,
           GError **error)
{
  g_autoptr (GPtrArray) disks = dio_snapshots_written_disks (manifest->config);
  if (!dio_snapshots_check_disks (disks, info, error)
      || !put_overlays (self, info, disks, after, made, error)
      || !put_manifest (self, manifest, now, installs, error)
      || !put_variables (self, info, installs, error))
    return FALSE;
  int result = installs->len ? dio_file_sync (self->files, self->bundle_fd) : 0;
  if (result < 0)
    dio_set_error_errno (error, -result, _ ("The folder “%s” cannot be written"), self->path);
  return result == 0;
}

/* What is damaged is no place to go to: nothing has changed yet. */
static gboolean
can_be_loaded (DioSnapshots *self, const char *id, GError **error)
{
  DioSnapshotState state;
  gboolean good = dio_snapshots_load_state (self, id, &state, error);
  dio_snapshot_state_clear (&state);
  return good;
}

static gboolean
revert (DioSnapshots *self, const DioSnapshotInfo *info, GError **error)
{
  DioSnapshotDisks after = { 0 };
  gboolean tried = FALSE;
  g_autoptr (DioManifest) manifest = dio_snapshots_load_manifest (self, info->id, error);
  g_autoptr (DioManifest) now = manifest ? dio_bundle_load (self->files, self->path, error) : NULL;
  if (!now)
    return FALSE;
  /* What it is stays; how it is called, too. */
  g_free (manifest->id);
  manifest->id = g_strdup (now->id);
  g_free (manifest->config->name);
  manifest->config->name = g_strdup (now->config->name);
  g_autoptr (GPtrArray) made = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) installs =
      g_ptr_array_new_with_free_func ((GDestroyNotify) dio_snapshot_install_free);
  pthread_mutex_lock (&self->lock);
  dio_snapshots_save_disks_locked (self, &after);
  pthread_mutex_unlock (&self->lock);
  gboolean good = can_be_loaded (self, info->id, error)
                  && put_files (self, info, manifest, now, installs, &after, made, error)
                  && dio_generation_forget (self->files, self->bundle_fd, error)
                  && commit_revert (self, info->id, installs, &after, &tried, error);
  if (!good && !tried)
    dio_snapshots_remove_files (self, made);
  dio_snapshots_clear_disks (&after);
  return good;
}

gboolean
dio_snapshots_revert (DioSnapshots *self, const char *id, GError **error)
{
  dio_snapshots_enter (self); /* first, as a merge changes what is where */
  pthread_mutex_lock (&self->lock);
  const DioSnapshotInfo *found = dio_snapshots_require_locked (self, id, error);
  DioSnapshotInfo *info = found ? dio_snapshot_info_copy (found) : NULL;
  pthread_mutex_unlock (&self->lock);
  gboolean good = info && revert (self, info, error);
  dio_snapshots_leave (self);
  dio_snapshot_info_free (info);
  return good;
}

/* ---- Deleting for good ---- */

typedef struct {
  DioSnapshots *self;
  DioStore *store;
  DioStoreMarks *marks;
  GPtrArray *ids;
  gint next;
  gint failed;
  int no_memory;
} Marking;

static gpointer
mark_thread (gpointer data)
{
  Marking *marking = data;
  for (;;) {
    guint i = (guint) g_atomic_int_add (&marking->next, 1);
    if (i >= marking->ids->len || g_atomic_int_get (&marking->failed))
      return NULL;
    g_autoptr (GError) error = NULL;
    g_autofree char *name = dio_snapshot_state_name (g_ptr_array_index (marking->ids, i));
    g_autoptr (DioStateFile) state = dio_state_file_read (
        marking->self->files, marking->self->dir_fd, name, DIO_STATE_RAM, &error);
    if (state)
      dio_ram_map_free (
          dio_snapshots_load_map (marking->self, marking->store, state, marking->marks, &error));
    if (g_error_matches (error, DIO_ERROR, DIO_ERROR_MEMORY))
      g_atomic_int_set (&marking->no_memory, 1);
    if (error)
      g_atomic_int_set (&marking->failed, 1);
  }
}

/* Marks all chunks of @ids with several threads. FALSE when one of the snapshots is damaged or
 * could not be read: then nothing may be swept, as it could be of use yet. */
static gboolean
mark (DioSnapshots *self, DioStore *store, DioStoreMarks *marks, GPtrArray *ids, GError **error)
{
  Marking marking = { .self = self, .store = store, .marks = marks, .ids = ids };
  GThread *threads[MARKERS];
  for (unsigned i = 0; i < MARKERS; i++)
    threads[i] = g_thread_try_new ("dio-mark", mark_thread, &marking, NULL);
  mark_thread (&marking);
  for (unsigned i = 0; i < MARKERS; i++)
    if (threads[i])
      g_thread_join (threads[i]);
  if (marking.no_memory)
    dio_store_fail_memory (error);
  else if (marking.failed)
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, "%s",
                 _ ("Some snapshot is damaged, so that nothing is cleaned up; “diorama snapshot "
                    "verify” tells more"));
  return !marking.failed;
}

/* Takes what was deleted out of the tree; children go to its parent. */
static void
drop_deleted_locked (DioSnapshots *self, gint64 until_s)
{
  for (guint i = 0; i < self->infos->len;) {
    DioSnapshotInfo *info = g_ptr_array_index (self->infos, i);
    /* The running machine may still get its memory from there. */
    if (!info->deleted_s || info->deleted_s > until_s || g_strcmp0 (info->id, self->tracked) == 0
        || g_strcmp0 (info->id, self->pending) == 0) {
      i++;
      continue;
    }
    for (guint j = 0; j < self->infos->len; j++) {
      DioSnapshotInfo *child = g_ptr_array_index (self->infos, j);
      if (g_strcmp0 (child->parent, info->id) == 0) {
        g_free (child->parent);
        child->parent = g_strdup (info->parent);
      }
    }
    if (g_strcmp0 (self->current, info->id) == 0) {
      g_free (self->current);
      self->current = g_strdup (info->parent);
    }
    g_ptr_array_remove_index (self->infos, i);
  }
}

static gboolean
sweep (DioSnapshots *self, DioFileProgress progress, void *data, guint64 *freed, GError **error)
{
  DioStore *store = dio_snapshots_get_store (self, error);
  if (!store)
    return FALSE;
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
  pthread_mutex_lock (&self->lock);
  for (guint i = 0; i < self->infos->len; i++) {
    const DioSnapshotInfo *info = g_ptr_array_index (self->infos, i);
    if (info->memory)
      g_ptr_array_add (ids, g_strdup (info->id));
  }
  pthread_mutex_unlock (&self->lock);
  g_autoptr (DioStoreMarks) marks = dio_store_marks_new (store, error);
  if (!marks)
    return FALSE;
  if (!mark (self, store, marks, ids, error))
    return FALSE;
  return dio_store_sweep (marks, progress, data, freed, error);
}

typedef struct {
  DioSnapshots *self;
  DioFileProgress progress;
  void *data;
} Sweeping;

/* Who waits comes first, as with a merge: a snapshot by schedule above all. */
static bool
sweep_progress_cb (uint64_t done, uint64_t total, void *data)
{
  Sweeping *sweeping = data;
  pthread_mutex_lock (&sweeping->self->lock);
  bool wanted = sweeping->self->n_waiting > 0;
  pthread_mutex_unlock (&sweeping->self->lock);
  return !wanted && (!sweeping->progress || sweeping->progress (done, total, sweeping->data));
}

/* *@later: it was cut off for somebody who waits, and is to be done again. */
static gboolean
sweep_giving_way (DioSnapshots *self, DioFileProgress progress, void *data, guint64 *freed,
                  gboolean *later, GError **error)
{
  Sweeping sweeping = { self, progress, data };
  GError *local = NULL;
  gboolean good = sweep (self, sweep_progress_cb, &sweeping, freed, &local);
  pthread_mutex_lock (&self->lock);
  *later = self->n_waiting && g_error_matches (local, DIO_ERROR, DIO_ERROR_CANCELLED);
  self->unswept = *later;
  pthread_mutex_unlock (&self->lock);
  if (*later)
    g_clear_error (&local);
  if (local)
    g_propagate_error (error, local);
  return good || *later;
}

gboolean
dio_snapshots_purge (DioSnapshots *self, gint64 until_s, DioFileProgress progress, void *data,
                     guint64 *freed, GError **error)
{
  if (freed)
    *freed = 0;
  if (self->dir_fd < 0)
    return TRUE;
  dio_snapshots_enter (self);
  pthread_mutex_lock (&self->lock);
  guint before = self->infos->len;
  drop_deleted_locked (self, until_s);
  g_autoptr (GPtrArray) files = dio_snapshots_drop_images_locked (self);
  gboolean good = (before == self->infos->len && !files->len && !self->uncertain)
                  || dio_snapshots_commit_locked (self, error);
  if (good) {
    dio_snapshots_remove_files (self, files);
    dio_snapshots_remove_orphans (self);
  }
  pthread_mutex_unlock (&self->lock);
  gboolean later = FALSE;
  good = good && sweep_giving_way (self, progress, data, freed, &later, error)
         && (later || dio_snapshots_merge (self, progress, data, error));
  if (good && !later) { /* those that a crash has left */
    pthread_mutex_lock (&self->lock);
    dio_snapshots_name_backings_locked (self, NULL);
    pthread_mutex_unlock (&self->lock);
  }
  dio_snapshots_leave (self);
  return good;
}

/* ---- Verifying ---- */

static gboolean
is_whole (DioSnapshots *self, DioStore *store, const DioSnapshotInfo *info)
{
  g_autofree char *name = dio_snapshot_state_name (info->id);
  g_autoptr (DioStateFile) state =
      dio_state_file_read (self->files, self->dir_fd, name, NULL, NULL);
  if (!state)
    return FALSE;
  for (guint i = 0; i < info->disks->len; i++) {
    struct statx status;
    for (const DioSnapshotImage *image =
             dio_snapshots_find_image (self->images, g_ptr_array_index (info->disks, i));
         image; image = dio_snapshots_find_image (self->images, image->backing))
      if (dio_file_stat (self->files, self->bundle_fd, image->file, AT_SYMLINK_NOFOLLOW, &status)
          < 0)
        return FALSE;
  }
  if (!info->memory)
    return TRUE;
  g_autoptr (DioRamMap) map = dio_snapshots_load_map (self, store, state, NULL, NULL);
  return map && dio_ram_map_is_complete (map, store);
}

gboolean
dio_snapshots_verify (DioSnapshots *self, DioFileProgress progress, void *data, guint64 *damaged,
                      GError **error)
{
  guint64 files = 0;
  *damaged = 0;
  if (self->dir_fd < 0)
    return TRUE;
  DioStore *store = dio_snapshots_get_store (self, error);
  if (!store)
    return FALSE;
  dio_snapshots_enter (self);
  for (guint i = 0; i < self->infos->len; i++)
    files += !is_whole (self, store, g_ptr_array_index (self->infos, i));
  gboolean good = dio_store_verify (store, progress, data, damaged, error);
  dio_snapshots_leave (self);
  *damaged += files;
  return good;
}
