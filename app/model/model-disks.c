/* SPDX-License-Identifier: GPL-3.0-or-later
 * Disks of a machine that is off: the bundle is locked while something is done, so that nobody
 * starts the machine, and so is the image. */
#include "app/model/model-disks.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/job/job-thread.h"
#include "app/library/library-bundle-private.h"
#include "app/model/model-machine-private.h"
#include "core/backend/block/block-job.h"
#include "core/backend/block/qcow2.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* ---- Looking ---- */

static void
info_free (gpointer data)
{
  DioDiskInfo *info = data;
  g_free (info->path);
  g_free (info->format);
  g_free (info->backing);
  g_free (info->error);
  g_free (info);
}

/* The disks as the bundle has them now, each with its chain. */
static DioMachineConfig *
load_disks (const char *bundle, GError **error)
{
  DioFiles *files = dio_files_host ();
  g_autoptr (DioManifest) manifest = dio_bundle_load (files, bundle, error);
  g_autoptr (DioSnapshots) snapshots =
      manifest ? dio_snapshots_open (files, bundle, FALSE, error) : NULL;
  if (!snapshots)
    return NULL;
  dio_snapshots_add_chains (snapshots, manifest->config);
  return dio_manifest_resolve (manifest, bundle);
}

static guint64
allocated_bytes (const char *path)
{
  struct stat st;
  return stat (path, &st) == 0 ? (guint64) st.st_blocks * 512 : 0;
}

/* The images of the chain, but for the uppermost, which is the one that is written. */
static void
look_at_chain (DioDiskInfo *info, const DioDiskConfig *disk)
{
  GString *below = g_string_new (NULL);
  info->allocated = 0;
  for (guint i = disk->chain->len; i > 0; i--) {
    const DioBlockImage *image = g_ptr_array_index (disk->chain, i - 1);
    g_autofree char *name = g_filename_display_basename (image->path);
    info->allocated += allocated_bytes (image->path);
    if (i < disk->chain->len)
      g_string_append_printf (below, "%s%s", below->len ? ", " : "", name);
  }
  info->chained = TRUE;
  info->backing = g_string_free (below, below->len == 0);
}

static void
look_into (DioDiskInfo *info, const DioDiskConfig *disk)
{
  g_autoptr (GError) error = NULL;
  info->allocated = allocated_bytes (info->path);
  g_autoptr (DioBlockNode) node = dio_disk_config_open (
      disk, dio_files_host (),
      DIO_BLOCK_OPEN_READONLY | DIO_BLOCK_OPEN_CHECK | DIO_BLOCK_OPEN_UNLOCKED, &error);
  if (!node) {
    info->error = g_strdup (error->message);
    return;
  }
  info->size = node->size;
  if (disk->chain) {
    look_at_chain (info, disk);
    return;
  }
  if (strcmp (info->format, "qcow2") != 0)
    return;
  DioQcow2Info qcow2;
  dio_qcow2_get_info (node, &qcow2);
  info->backing = qcow2.backing_name ? g_utf8_make_valid (qcow2.backing_name, -1) : NULL;
}

static void
inspect_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  GError *error = NULL;
  g_autoptr (DioMachineConfig) config = load_disks (task_data, &error);
  if (!config) {
    g_task_return_error (task, error);
    return;
  }
  GPtrArray *infos = g_ptr_array_new_with_free_func (info_free);
  for (guint i = 0; config->disks && i < config->disks->len; i++) {
    const DioDiskConfig *disk = g_ptr_array_index (config->disks, i);
    DioDiskInfo *info = g_new0 (DioDiskInfo, 1);
    info->path = g_strdup (disk->path);
    info->format = g_strdup (disk->format ? disk->format : "raw");
    info->readonly = disk->readonly;
    look_into (info, disk);
    g_ptr_array_add (infos, info);
  }
  g_task_return_pointer (task, infos, (GDestroyNotify) g_ptr_array_unref);
}

void
dio_machine_item_inspect_disks_async (DioMachineItem *self, GAsyncReadyCallback callback,
                                      gpointer user_data)
{
  g_return_if_fail (DIO_IS_MACHINE_ITEM (self));
  g_return_if_fail (self->path);
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, user_data);
  g_task_set_task_data (task, g_strdup (self->path), g_free);
  dio_job_thread_run (task, inspect_thread);
}

GPtrArray *
dio_machine_item_inspect_disks_finish (DioMachineItem *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* ---- What is not possible ---- */

/* A state is kept that was saved with the disk as it is now. */
static gboolean
has_state (DioMachineItem *self)
{
  g_autoptr (DioSnapshots) snapshots = dio_machine_item_get_snapshots (self, NULL);
  g_autofree char *pending = snapshots ? dio_snapshots_get_pending (snapshots, NULL) : NULL;
  return pending != NULL;
}

char *
dio_machine_item_refuse_disk_action (DioMachineItem *self, const DioDiskInfo *disk,
                                     DioDiskAction action)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), NULL);
  if (dio_machine_item_is_active (self) || self->state == DIO_ITEM_ELSEWHERE)
    return g_strdup (_ ("The machine is running. Turn it off first."));
  if (self->configuring)
    return g_strdup (_ ("The machine is just being changed."));
  if (!disk)
    return NULL;
  if (disk->error)
    return g_strdup (disk->error);
  if (disk->chained && action != DIO_DISK_COMPACT)
    return g_strdup (_ ("Snapshots need this disk as it is."));
  if (action == DIO_DISK_MOVE)
    return NULL;
  if (disk->readonly)
    return g_strdup (_ ("The machine only reads this disk."));
  if (!g_str_equal (disk->format, "raw") && !g_str_equal (disk->format, "qcow2"))
    return g_strdup (_ ("Disks of this format are only read."));
  if (disk->backing && !disk->chained)
    return g_strdup (_ ("The disk stands on another one."));
  if (action == DIO_DISK_GROW && has_state (self))
    return g_strdup (_ ("The machine is suspended. Resume it and turn it off first."));
  return NULL;
}

/* ---- Doing ---- */

typedef struct {
  DioDiskAction action;
  guint index;
  guint64 size;
  char *folder;
  char *bundle, *name;
  char *path, *format; /* of the disk, as it was asked for */
  GCancellable *cancellable;
  _Atomic int *progress; /* of the item, which the task keeps */
} Work;

static void
work_free (gpointer data)
{
  Work *work = data;
  g_clear_object (&work->cancellable);
  g_free (work->folder);
  g_free (work->bundle);
  g_free (work->name);
  g_free (work->path);
  g_free (work->format);
  g_free (work);
}

static bool
progress_cb (uint64_t done, uint64_t total, void *data)
{
  Work *work = data;
  if (total)
    atomic_store (work->progress, (int) ((double) done / (double) total * 1000));
  return !g_cancellable_is_cancelled (work->cancellable);
}

static gboolean
grow (Work *work, GError **error)
{
  DioBlockNode *node =
      dio_block_node_open (dio_files_host (), work->path, work->format, 0, NULL, error);
  if (!node)
    return FALSE;
  gboolean good = work->size >= node->size;
  if (!good)
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("“%s” is larger than that already, and a smaller disk would lose data"),
                 work->path);
  good = good && dio_block_node_resize (node, work->size, error);
  int closed = dio_block_node_close (node);
  if (good && closed < 0)
    dio_set_error_errno (error, -closed, _ ("The disk “%s” could not be written"), work->path);
  return good && closed >= 0;
}

/* The manifest names @path from now on. */
static gboolean
tell_manifest (Work *work, const char *path, GError **error)
{
  DioFiles *files = dio_files_host ();
  g_autoptr (DioManifest) manifest = dio_bundle_load (files, work->bundle, error);
  if (!manifest)
    return FALSE;
  GPtrArray *disks = manifest->config->disks;
  DioDiskConfig *disk =
      disks && work->index < disks->len ? g_ptr_array_index (disks, work->index) : NULL;
  const char *inside = dio_bundle_inside (work->bundle, work->path);
  if (!disk || (g_strcmp0 (disk->path, inside) != 0 && g_strcmp0 (disk->path, work->path) != 0)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG, "%s",
                 _ ("The disks were changed meanwhile; look at them again"));
    return FALSE;
  }
  inside = dio_bundle_inside (work->bundle, path);
  g_free (disk->path);
  disk->path = g_strdup (inside ? inside : path);
  return dio_bundle_save (files, work->bundle, manifest, error);
}

/* The file under its new name, beside the old one: a link where that is possible, else a copy. */
static gboolean
put_into (Work *work, int dir_fd, const char *name, GError **error)
{
  DioFiles *files = dio_files_host ();
  struct stat st;
  int result = dio_file_link (files, AT_FDCWD, work->path, dir_fd, name);
  if (result == 0)
    return TRUE;
  if (result == -EEXIST) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_EXISTS, _ ("“%s” is there already"), name);
    return FALSE;
  }
  guint64 bytes = stat (work->path, &st) == 0 ? (guint64) st.st_blocks * 512 : 0;
  return dio_file_check_space (files, dir_fd, bytes + DIO_BUNDLE_SPACE_MARGIN, work->folder, error)
         && dio_file_copy (files, work->path, dir_fd, name, progress_cb, work, error);
}

static gboolean
move_into (Work *work, int dir_fd, GError **error)
{
  DioFiles *files = dio_files_host ();
  g_autofree char *name = g_path_get_basename (work->path);
  g_autofree char *path = g_build_filename (work->folder, name, NULL);
  if (!put_into (work, dir_fd, name, error))
    return FALSE;
  /* On the disk before anything relies on it; a folder that cannot be synced is left at that. */
  dio_file_sync (files, dir_fd);
  if (!tell_manifest (work, path, error)) {
    dio_file_unlink (files, dir_fd, name, 0);
    return FALSE;
  }
  dio_file_unlink (files, AT_FDCWD, work->path, 0);
  return TRUE;
}

/* A disk may lie in the bundle of another machine, which has snapshots. */
static gboolean
check_file (Work *work, const char *path, GError **error)
{
  return dio_snapshots_check_file (dio_files_host (), path, work->action != DIO_DISK_COMPACT,
                                   error);
}

/* Nobody else may write to the image meanwhile. */
static gboolean
move_disk (Work *work, GError **error)
{
  DioFiles *files = dio_files_host ();
  g_autoptr (DioBlockNode) node = dio_block_node_open (
      files, work->path, work->format, DIO_BLOCK_OPEN_READONLY | DIO_BLOCK_OPEN_CHECK, NULL, error);
  if (!node)
    return FALSE;
  int dir_fd = dio_file_open (files, AT_FDCWD, work->folder, O_RDONLY | O_DIRECTORY, 0);
  if (dir_fd < 0) {
    dio_set_error_errno (error, -dir_fd, _ ("The folder “%s” cannot be opened"), work->folder);
    return FALSE;
  }
  gboolean good = move_into (work, dir_fd, error);
  dio_file_close (files, dir_fd);
  return good;
}

/* The image that is written, alone or on top of what snapshots have. */
static gboolean
compact (Work *work, const DioDiskConfig *disk, GError **error)
{
  DioFiles *files = dio_files_host ();
  DioBlockJob job = { progress_cb, work };
  if (!disk->chain)
    return dio_block_compact (files, work->path, work->format, NULL, &job, error);
  DioDiskConfig below = { .path = disk->path, .readonly = true, .chain = g_ptr_array_new () };
  for (guint i = 0; i + 1 < disk->chain->len; i++)
    g_ptr_array_add (below.chain, g_ptr_array_index (disk->chain, i));
  const DioBlockImage *top = g_ptr_array_index (disk->chain, disk->chain->len - 1);
  DioBlockNode *backing = below.chain->len
                              ? dio_disk_config_open (&below, files, DIO_BLOCK_OPEN_READONLY, error)
                              : NULL;
  gboolean good = (backing || !below.chain->len)
                  && dio_block_compact (files, top->path, top->format, backing, &job, error);
  g_ptr_array_unref (below.chain);
  return good;
}

static gboolean
act (Work *work, GError **error)
{
  g_autoptr (DioMachineConfig) config = load_disks (work->bundle, error);
  if (!config)
    return FALSE;
  const DioDiskConfig *disk = config->disks && work->index < config->disks->len
                                  ? g_ptr_array_index (config->disks, work->index)
                                  : NULL;
  if (!disk || g_strcmp0 (disk->path, work->path) != 0) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG, "%s",
                 _ ("The disks were changed meanwhile; look at them again"));
    return FALSE;
  }
  if (disk->chain && work->action != DIO_DISK_COMPACT) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_BUSY, "%s", _ ("Snapshots need this disk as it is."));
    return FALSE;
  }
  const DioBlockImage *top =
      disk->chain ? g_ptr_array_index (disk->chain, disk->chain->len - 1) : NULL;
  if (!check_file (work, top ? top->path : work->path, error))
    return FALSE;
  switch (work->action) {
  case DIO_DISK_GROW:
    return grow (work, error);
  case DIO_DISK_COMPACT:
    return compact (work, disk, error);
  case DIO_DISK_MOVE:
    return move_disk (work, error);
  }
  return FALSE;
}

static void
work_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Work *work = task_data;
  DioFiles *files = dio_files_host ();
  GError *error = NULL;
  int fd = dio_bundle_open_folder (files, work->bundle, &error);
  g_autoptr (DioLock) lock =
      fd < 0 ? NULL : dio_lock_take (files, fd, DIO_LOCK_FILE, work->name, &error);
  gboolean good = lock && act (work, &error);
  if (fd >= 0)
    dio_file_close (files, fd);
  g_clear_pointer (&lock, dio_lock_release);
  if (good)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
worked_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  DioMachineItem *self = DIO_MACHINE_ITEM (object);
  GError *error = NULL;
  gboolean good = g_task_propagate_boolean (G_TASK (result), &error);
  self->configuring = FALSE;
  self->disk_progress = -1;
  dio_machine_item_reload (self);
  if (good)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static Work *
new_work (DioMachineItem *self, DioDiskAction action, guint index, guint64 size, const char *folder,
          GCancellable *cancellable)
{
  const DioDiskConfig *disk = g_ptr_array_index (self->config->disks, index);
  Work *work = g_new0 (Work, 1);
  work->action = action;
  work->index = index;
  work->size = size;
  work->folder = g_strdup (folder);
  work->bundle = g_strdup (self->path);
  work->name = g_strdup (self->name);
  work->path = g_strdup (disk->path);
  work->format = g_strdup (disk->format ? disk->format : "raw");
  work->cancellable = cancellable ? g_object_ref (cancellable) : NULL;
  work->progress = &self->disk_progress;
  return work;
}

void
dio_machine_item_disk_async (DioMachineItem *self, DioDiskAction action, guint index, guint64 size,
                             const char *folder, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (DIO_IS_MACHINE_ITEM (self));
  g_return_if_fail (self->path && self->config && self->config->disks);
  g_return_if_fail (index < self->config->disks->len);
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, user_data);
  g_autofree char *refusal = dio_machine_item_refuse_disk_action (self, NULL, action);
  if (!refusal && action == DIO_DISK_GROW && has_state (self))
    refusal = g_strdup (_ ("The machine is suspended. Resume it and turn it off first."));
  if (refusal) {
    g_task_return_new_error (task, DIO_ERROR, DIO_ERROR_BUSY, "%s", refusal);
    return;
  }
  self->configuring = TRUE;
  self->disk_progress = 0;
  Work *work = new_work (self, action, index, size, folder, cancellable);
  g_autoptr (GTask) inner = g_task_new (self, NULL, worked_cb, g_steal_pointer (&task));
  g_task_set_task_data (inner, work, work_free);
  dio_job_thread_run (inner, work_thread);
}

double
dio_machine_item_get_disk_progress (DioMachineItem *self)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), -1);
  return atomic_load (&self->disk_progress) / 1000.0;
}
