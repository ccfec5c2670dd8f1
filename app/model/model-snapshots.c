/* SPDX-License-Identifier: GPL-3.0-or-later
 * Snapshots of a machine: each action is a chain of steps, on workers where they block and on the
 * main context between. */
#include "app/model/model-snapshots.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/model/model-machine-private.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "render/scanout/scanout-png.h"

/* A remote snapshot takes as long as the memory takes to write. */
#define REMOTE_TIMEOUT_MS (30 * 60 * 1000)
#define THUMBNAIL_WIDTH 320
#define MERGE_DELAY_SECONDS 3

static const char *const action_names[] = {
  [DIO_SNAPSHOT_TAKE] = "take",         [DIO_SNAPSHOT_REVERT] = "revert",
  [DIO_SNAPSHOT_DISCARD] = "discard",   [DIO_SNAPSHOT_DELETE] = "delete",
  [DIO_SNAPSHOT_UNDELETE] = "undelete", [DIO_SNAPSHOT_PURGE] = "purge",
  [DIO_SNAPSHOT_RENAME] = "rename",     [DIO_SNAPSHOT_NOTE] = "note",
  [DIO_SNAPSHOT_SAVE] = "save",         [DIO_SNAPSHOT_FORGET] = "forget",
  [DIO_SNAPSHOT_CLONE] = "clone",
};

typedef struct {
  DioSnapshotAction action;
  char *id, *name, *note;
  DioSnapshotKind kind;
  unsigned keep; /* of automatic ones; 0: all */

  char *path;
  char *machine_name;
  DioSnapshots *snapshots;
  DioLock *lock; /* while the machine is off */
  DioPool *pool;
  _Atomic int *progress; /* of the item, which the task keeps */
  DioSnapshotTake *take;
  DioSnapshot snapshot;
  DioScanoutBox *scanout_box;
  char *taken;     /* id */
  bool off;        /* the machine was when this began */
  bool installed;  /* just now, and the machine is held before its reboot */
  GPtrArray *lent; /* the disks of the machine that runs, for a worker that merges */
  bool moved;      /* the tree has, and with it the disks */
  gulong handler;
  DioSnapshotState state; /* to restart from */
  DioMachineConfig *config;
} Job;

static void
job_free (gpointer data)
{
  Job *job = data;
  g_clear_pointer (&job->take, dio_snapshot_take_free);
  g_clear_pointer (&job->snapshot.devices, g_bytes_unref);
  dio_snapshot_state_clear (&job->state);
  g_clear_pointer (&job->config, dio_machine_config_free);
  g_clear_pointer (&job->scanout_box, dio_scanout_box_unref);
  g_clear_pointer (&job->lent, g_ptr_array_unref);
  g_clear_pointer (&job->snapshots, dio_snapshots_unref);
  g_clear_pointer (&job->lock, dio_lock_release);
  g_free (job->id);
  g_free (job->name);
  g_free (job->note);
  g_free (job->path);
  g_free (job->machine_name);
  g_free (job->taken);
  g_free (job);
}

static gboolean
is_on (DioMachineItem *self)
{
  return self->state == DIO_ITEM_RUNNING || self->state == DIO_ITEM_PAUSED;
}

static void
set_work (DioMachineItem *self, char *work, gboolean awaited)
{
  g_free (self->snapshot_work);
  self->snapshot_work = work;
  self->snapshot_awaited = awaited;
  g_signal_emit_by_name (self, "snapshot-work");
}

/* The end of every chain. */
static void
finish (GTask *task, GError *error)
{
  DioMachineItem *self = g_task_get_source_object (task);
  Job *job = g_task_get_task_data (task);
  if (job->progress) {
    self->snapshot_progress = -1;
    if (self->snapshot_cancellable == g_task_get_cancellable (task)) {
      g_clear_object (&self->snapshot_cancellable);
      set_work (self, NULL, FALSE);
    }
  }
  /* Before anyone hears of it: they may start the machine. */
  g_clear_pointer (&job->take, dio_snapshot_take_free);
  g_clear_pointer (&job->snapshots, dio_snapshots_unref);
  g_clear_pointer (&job->lock, dio_lock_release);
  if (job->off) {
    self->snapshot_jobs--;
    dio_machine_item_reload (self);
  }
  g_signal_emit_by_name (self, "snapshots-changed");
  if (error)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

/* Runs @func on a worker, then @callback here; both get the job's task. */
static void
on_worker (GTask *task, GTaskThreadFunc func, GAsyncReadyCallback callback)
{
  DioMachineItem *self = g_task_get_source_object (task);
  g_autoptr (GTask) work = g_task_new (self, g_task_get_cancellable (task), callback, task);
  g_task_set_check_cancellable (work, FALSE);
  g_task_set_return_on_cancel (work, FALSE);
  g_task_set_task_data (work, g_task_get_task_data (task), NULL);
  g_task_run_in_thread (work, func);
}

static void
return_result (GTask *work, gboolean good, GError *error)
{
  if (good)
    g_task_return_boolean (work, TRUE);
  else
    g_task_return_error (work, error);
}

/* The tree, writable: that of the running machine, or with the lock of one that is off. */
static gboolean
open_tree (Job *job, GError **error)
{
  if (job->snapshots)
    return TRUE;
  int fd = open (job->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    dio_set_error_errno (error, errno, _ ("“%s” cannot be opened"), job->machine_name);
    return FALSE;
  }
  job->lock = dio_lock_take (dio_files_host (), fd, DIO_LOCK_FILE, job->machine_name, error);
  close (fd);
  if (job->lock)
    job->snapshots = dio_snapshots_open (dio_files_host (), job->path, TRUE, error);
  return job->snapshots != NULL;
}

/* ---- Taking ---- */

typedef struct {
  Job *job;
  GCancellable *cancellable;
} Watch;

static bool
progress_cb (uint64_t done, uint64_t total, void *data)
{
  Watch *watch = data;
  if (total)
    atomic_store (watch->job->progress, (int) (done * 1000 / total));
  return !g_cancellable_is_cancelled (watch->cancellable);
}

static GBytes *
make_thumbnail (Job *job)
{
  uint32_t width, height;
  g_autoptr (GBytes) pixels =
      job->scanout_box
          ? dio_scanout_snapshot (job->scanout_box->scanout, THUMBNAIL_WIDTH, &width, &height)
          : NULL;
  return pixels ? dio_scanout_pixels_to_png (pixels, width, height, NULL) : NULL;
}

/* What was taken is written; the machine runs on meanwhile. */
static void
write_thread (GTask *work, gpointer source, gpointer data, GCancellable *cancellable)
{
  Job *job = data;
  GError *error = NULL;
  Watch watch = { job, cancellable };
  g_autoptr (GBytes) thumbnail = make_thumbnail (job);
  job->taken = dio_snapshot_take_finish (
      job->take, job->snapshot.devices, g_steal_pointer (&job->snapshot.freeze),
      job->snapshot.memory, thumbnail, job->pool, progress_cb, &watch, &error);
  g_clear_pointer (&job->take, dio_snapshot_take_free);
  if (job->taken && job->keep)
    dio_snapshots_prune (job->snapshots, job->keep, NULL);
  return_result (work, job->taken != NULL, error);
}

static bool
point_cb (void *data, GError **error)
{
  Job *job = data;
  return job->kind == DIO_SNAPSHOT_SUSPEND || dio_snapshot_take_disks (job->take, error);
}

static void after_take (GTask *task);

static void
written_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  GError *error = NULL;
  DioMachineItem *self = DIO_MACHINE_ITEM (source);
  Job *job = g_task_get_task_data (task);
  if (g_task_propagate_boolean (G_TASK (result), &error)) {
    after_take (task);
    return;
  }
  /* A machine that was to be suspended goes on. */
  if (job->snapshot.stay && self->bridge)
    dio_bridge_command_async (self->bridge, DIO_BRIDGE_RESUME, NULL, NULL);
  finish (task, error);
}

static void
pointed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  GError *error = NULL;
  DioMachineItem *self = g_task_get_source_object (task);
  Job *job = g_task_get_task_data (task);
  if (!dio_bridge_command_finish (self->bridge, result, &error)) {
    finish (task, error);
    return;
  }
  self->snapshot_pause_ns = job->snapshot.pause_ns;
  on_worker (task, write_thread, written_cb);
}

static gboolean make_room (Job *job, GCancellable *cancellable, GError **error);

/* First: whoever goes back to the snapshot has the system installed. */
static gboolean
end_installing (Job *job, GError **error)
{
  return !job->installed || dio_bundle_end_installing (dio_files_host (), job->path, error);
}

static void
begin_thread (GTask *work, gpointer source, gpointer data, GCancellable *cancellable)
{
  Job *job = data;
  GError *error = NULL;
  if (open_tree (job, &error) && end_installing (job, &error)
      && make_room (job, cancellable, &error))
    job->take = dio_snapshots_begin (job->snapshots, job->kind, job->name, job->note, &error);
  /* The machine is off: there are disks alone, and nobody writes them. */
  if (job->take && job->lock && !dio_snapshot_take_disks (job->take, &error))
    g_clear_pointer (&job->take, dio_snapshot_take_free);
  return_result (work, job->take != NULL, error);
}

static void
begun_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  GError *error = NULL;
  DioMachineItem *self = DIO_MACHINE_ITEM (source);
  Job *job = g_task_get_task_data (task);
  if (!g_task_propagate_boolean (G_TASK (result), &error)) {
    finish (task, error);
    return;
  }
  if (job->lock) {
    on_worker (task, write_thread, written_cb);
    return;
  }
  if (!self->bridge || !is_on (self)) {
    finish (task, g_error_new (DIO_ERROR, DIO_ERROR_BUSY, _ ("“%s” is not running"), self->name));
    return;
  }
  if (job->kind != DIO_SNAPSHOT_SUSPEND)
    job->snapshot.overlays = dio_snapshot_take_get_overlays (job->take, &job->snapshot.n_overlays);
  job->snapshot.before_reset = job->installed;
  job->snapshot.point = point_cb;
  job->snapshot.data = job;
  if (self->scanout_box)
    job->scanout_box = g_atomic_rc_box_acquire (self->scanout_box);
  dio_bridge_snapshot_async (self->bridge, &job->snapshot, pointed_cb, task);
}

static char *
words_of (DioMachineItem *self, const Job *job)
{
  g_autoptr (DioSnapshots) tree = dio_machine_item_get_snapshots (self, NULL);
  g_autoptr (DioSnapshotInfo) info = NULL;
  g_autofree char *deleted = NULL;
  switch (job->action) {
  case DIO_SNAPSHOT_SAVE:
    return g_strdup (_ ("Suspending"));
  case DIO_SNAPSHOT_REVERT:
    info = tree ? dio_snapshots_find (tree, job->id, NULL) : NULL;
    return g_strdup_printf (_ ("Going back to “%s”"), info ? info->name : "");
  case DIO_SNAPSHOT_CLONE:
    return g_strdup_printf (_ ("Making “%s”"), job->name ? job->name : "");
  case DIO_SNAPSHOT_PURGE:
    /* Translators: the deleted snapshot's disk is merged with the next. */
    deleted = tree ? dio_snapshots_name_deleted (tree) : NULL;
    return deleted ? g_strdup_printf (_ ("Merging “%s”"), deleted)
                   : g_strdup (_ ("Merging deleted snapshots"));
  default:
    return g_strdup (_ ("Taking a snapshot"));
  }
}

static void
begin_progress (GTask *task)
{
  DioMachineItem *self = g_task_get_source_object (task);
  Job *job = g_task_get_task_data (task);
  gboolean by_itself =
      job->keep || (job->action == DIO_SNAPSHOT_TAKE && job->kind == DIO_SNAPSHOT_AUTOMATIC);
  self->snapshot_progress = 0;
  job->progress = &self->snapshot_progress;
  g_set_object (&self->snapshot_cancellable, g_task_get_cancellable (task));
  set_work (self, words_of (self, job), !by_itself);
}

static void
start_taking (GTask *task)
{
  DioMachineItem *self = g_task_get_source_object (task);
  Job *job = g_task_get_task_data (task);
  if (job->kind == DIO_SNAPSHOT_AUTOMATIC && is_on (self) && self->bridge)
    job->lent = dio_bridge_lend_disks (self->bridge);
  begin_progress (task);
  on_worker (task, begin_thread, begun_cb);
}

/* ---- Small changes ---- */

static gboolean
change (Job *job, GError **error)
{
  g_autofree char *pending = NULL;
  DioSnapshotKind kind;
  switch (job->action) {
  case DIO_SNAPSHOT_DELETE:
    return dio_snapshots_delete (job->snapshots, job->id, error);
  case DIO_SNAPSHOT_UNDELETE:
    return dio_snapshots_undelete (job->snapshots, job->id, error);
  case DIO_SNAPSHOT_RENAME:
    return dio_snapshots_rename (job->snapshots, job->id, job->name, error);
  case DIO_SNAPSHOT_NOTE:
    return dio_snapshots_set_note (job->snapshots, job->id, job->note, error);
  case DIO_SNAPSHOT_FORGET:
    pending = dio_snapshots_get_pending (job->snapshots, &kind);
    return !pending || dio_snapshots_clear_pending (job->snapshots, error);
  case DIO_SNAPSHOT_REVERT:
  case DIO_SNAPSHOT_DISCARD:
    return dio_snapshots_revert (job->snapshots, job->id, error);
  case DIO_SNAPSHOT_TAKE:
  case DIO_SNAPSHOT_SAVE:
  case DIO_SNAPSHOT_CLONE:
  case DIO_SNAPSHOT_PURGE:
    break;
  }
  return FALSE;
}

/* Only reads what never changes, so it needs no lock. */
static void
clone_thread (GTask *work, gpointer source, gpointer data, GCancellable *cancellable)
{
  Job *job = data;
  GError *error = NULL;
  Watch watch = { job, cancellable };
  g_autofree char *library = g_path_get_dirname (job->path);
  g_autofree char *path = NULL;
  if (!job->snapshots)
    job->snapshots = dio_snapshots_open (dio_files_host (), job->path, FALSE, &error);
  if (job->snapshots)
    path = dio_snapshots_clone (job->snapshots, job->id, library, job->name, job->note != NULL,
                                progress_cb, &watch, &error);
  return_result (work, path != NULL, error);
}

/* The machine whose disks are lent is being turned off, which must not wait. */
static gboolean
is_ending (const Job *job)
{
  for (guint i = 0; job->lent && i < job->lent->len; i++)
    if (dio_block_is_ending (g_ptr_array_index (job->lent, i)))
      return TRUE;
  return FALSE;
}

static bool
purge_progress_cb (uint64_t done, uint64_t total, void *data)
{
  Watch *watch = data;
  return progress_cb (done, total, data) && !is_ending (watch->job);
}

/* Merging takes as long as copying, and ends when somebody wants to start the machine. */
static gboolean
purge (Job *job, GCancellable *cancellable, GError **error)
{
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  Watch watch = { job, cancellable };
  dio_snapshots_lend (job->snapshots, job->lent);
  gboolean good =
      dio_snapshots_purge (job->snapshots, job->keep ? now - DIO_SNAPSHOT_GRACE_SECONDS : now,
                           purge_progress_cb, &watch, NULL, error);
  dio_snapshots_lend (job->snapshots, NULL);
  /* Not only when the main context gets to it: the machine may wait to be freed. */
  g_clear_pointer (&job->lent, g_ptr_array_unref);
  return good;
}

/* What is taken by itself, on a schedule or before something that cannot be undone, must not end at
 * the number of images that a disk can stand on: others like it go. */
static gboolean
make_room (Job *job, GCancellable *cancellable, GError **error)
{
  gint64 until = g_get_real_time () / G_USEC_PER_SEC - DIO_SNAPSHOT_GRACE_SECONDS;
  Watch watch = { job, cancellable };
  if (job->kind != DIO_SNAPSHOT_AUTOMATIC)
    return TRUE;
  dio_snapshots_lend (job->snapshots, job->lent);
  gboolean good =
      dio_snapshots_make_room (job->snapshots, job->id, until, purge_progress_cb, &watch, error);
  dio_snapshots_lend (job->snapshots, NULL);
  g_clear_pointer (&job->lent, g_ptr_array_unref);
  return good;
}

static void
change_thread (GTask *work, gpointer source, gpointer data, GCancellable *cancellable)
{
  Job *job = data;
  GError *error = NULL;
  gboolean good = open_tree (job, &error)
                  && (job->action == DIO_SNAPSHOT_PURGE ? purge (job, cancellable, &error)
                                                        : change (job, &error));
  return_result (work, good, error);
}

static gboolean
purge_cb (gpointer data)
{
  DioMachineItem *self = data;
  self->purge_source = 0;
  /* A failure shows when a person cleans up. */
  g_clear_object (&self->merge_cancellable);
  self->merge_cancellable = g_cancellable_new ();
  dio_machine_item_snapshot_async (self, DIO_SNAPSHOT_PURGE, "late", NULL, NULL,
                                   self->merge_cancellable, NULL, NULL);
  return G_SOURCE_REMOVE;
}

/* Unless one is to come sooner or later anyway. */
static void
purge_in (DioMachineItem *self, unsigned seconds)
{
  if (!self->purge_source)
    self->purge_source = g_timeout_add_seconds (seconds, purge_cb, self);
}

/* After a purge: what was deleted since its timer was set has some of its grace left. */
static void
purge_rest (DioMachineItem *self, const Job *job)
{
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  gint64 first = dio_snapshots_next_deleted (job->snapshots, now - DIO_SNAPSHOT_GRACE_SECONDS);
  if (first)
    purge_in (self, (unsigned) CLAMP (first + DIO_SNAPSHOT_GRACE_SECONDS + 1 - now, 1,
                                      DIO_SNAPSHOT_GRACE_SECONDS + 1));
}

static void
changed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  GError *error = NULL;
  DioMachineItem *self = DIO_MACHINE_ITEM (source);
  Job *job = g_task_get_task_data (task);
  gboolean good = g_task_propagate_boolean (G_TASK (result), &error);
  if (good && job->action == DIO_SNAPSHOT_DELETE)
    purge_in (self, DIO_SNAPSHOT_GRACE_SECONDS + 1);
  /* Cut off by somebody who wanted to work. */
  if (good && job->action == DIO_SNAPSHOT_PURGE && is_on (self) && self->snapshots
      && dio_snapshots_can_merge (self->snapshots, TRUE))
    purge_in (self, MERGE_DELAY_SECONDS);
  if (good && job->action == DIO_SNAPSHOT_PURGE)
    purge_rest (self, job);
  finish (task, error);
}

/* ---- Going back ---- */

/* Of a machine that is on, and stands still: everything but the last step, so that it can go on as
 * it was when something fails. */
static void
revert_thread (GTask *work, gpointer source, gpointer data, GCancellable *cancellable)
{
  Job *job = data;
  GError *error = NULL;
  g_autoptr (DioManifest) manifest = NULL;
  gboolean reverted = dio_snapshots_revert (job->snapshots, job->id, &error);
  job->moved = reverted || dio_snapshots_may_start_from (job->snapshots, job->id);
  if (reverted)
    manifest = dio_bundle_load (dio_files_host (), job->path, &error);
  if (manifest)
    job->config = dio_snapshots_prepare (job->snapshots, manifest, &error);
  gboolean good = job->config && dio_snapshots_load_pending (job->snapshots, &job->state, &error);
  if (good && !job->state.devices)
    good = dio_snapshots_clear_pending (job->snapshots, &error);
  return_result (work, good, error);
}

static void
started_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;
  dio_machine_item_command_finish (DIO_MACHINE_ITEM (source), result, &error);
  finish (user_data, error);
}

static void
reverted_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  GError *error = NULL;
  DioMachineItem *self = DIO_MACHINE_ITEM (source);
  Job *job = g_task_get_task_data (task);
  if (g_task_propagate_boolean (G_TASK (result), &error) && is_on (self)) {
    dio_machine_item_restart (self, g_steal_pointer (&job->config), &job->state,
                              g_task_new (self, NULL, started_cb, task));
    return;
  }
  /* Its disks are not those of the tree any more once that has moved: what it wrote from then on
   * would be lost. The next start goes on from the snapshot. */
  if (self->state == DIO_ITEM_PAUSED && self->bridge)
    dio_bridge_command_async (self->bridge, job->moved ? DIO_BRIDGE_STOP : DIO_BRIDGE_RESUME, NULL,
                              NULL);
  if (!error)
    error = g_error_new (DIO_ERROR, DIO_ERROR_BUSY, _ ("“%s” is not running"), self->name);
  finish (task, error);
}

static void
paused_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  GError *error = NULL;
  DioMachineItem *self = g_task_get_source_object (task);
  if (dio_bridge_command_finish (self->bridge, result, &error))
    on_worker (task, revert_thread, reverted_cb);
  else
    finish (task, error);
}

static void
revert_live (GTask *task)
{
  DioMachineItem *self = g_task_get_source_object (task);
  if (self->state == DIO_ITEM_PAUSED)
    on_worker (task, revert_thread, reverted_cb);
  else if (self->bridge)
    dio_bridge_command_async (self->bridge, DIO_BRIDGE_PAUSE, paused_cb, task);
  else
    finish (task, g_error_new (DIO_ERROR, DIO_ERROR_BUSY, _ ("“%s” is not running"), self->name));
}

/* ---- Suspending ---- */

static void
off_cb (DioMachineItem *self, GParamSpec *pspec, gpointer user_data)
{
  GTask *task = user_data;
  Job *job = g_task_get_task_data (task);
  if (dio_machine_item_is_active (self))
    return;
  g_signal_handler_disconnect (self, job->handler);
  finish (task, NULL);
}

/* Its state is kept; it is turned off. */
static void
turn_off (GTask *task)
{
  DioMachineItem *self = g_task_get_source_object (task);
  Job *job = g_task_get_task_data (task);
  g_clear_pointer (&job->snapshots, dio_snapshots_unref);
  if (!dio_machine_item_is_active (self)) {
    finish (task, NULL);
    return;
  }
  job->handler = g_signal_connect (self, "notify::state", G_CALLBACK (off_cb), task);
  dio_machine_item_force_off_async (self, NULL, NULL, NULL);
}

/* What the schedule pruned goes for good. */
static void
purge_soon (DioMachineItem *self, const Job *job)
{
  if (job->keep)
    purge_in (self, DIO_SNAPSHOT_GRACE_SECONDS + 1);
}

static void
after_take (GTask *task)
{
  Job *job = g_task_get_task_data (task);
  if (job->action == DIO_SNAPSHOT_TAKE) {
    purge_soon (g_task_get_source_object (task), job);
    finish (task, NULL);
  } else if (job->action == DIO_SNAPSHOT_SAVE)
    turn_off (task);
  else if (job->lock)
    on_worker (task, change_thread, changed_cb);
  else
    revert_live (task);
}

/* ---- Other processes ---- */

static void
ask_thread (GTask *work, gpointer source, gpointer data, GCancellable *cancellable)
{
  Job *job = data;
  GError *error = NULL;
  DioMachineItem *self = source;
  g_autoptr (JsonObject) request = json_object_new ();
  json_object_set_string_member (request, "command", "snapshot");
  json_object_set_string_member (request, "action", action_names[job->action]);
  const char *const values[][2] = { { "id", job->id },
                                    { "name", job->name },
                                    { "note", job->note } };
  for (unsigned i = 0; i < G_N_ELEMENTS (values); i++)
    if (values[i][1])
      json_object_set_string_member (request, values[i][0], values[i][1]);
  g_autoptr (JsonObject) reply = dio_control_request (self->id, request, REMOTE_TIMEOUT_MS, &error);
  if (reply) {
    job->taken = g_strdup (json_object_get_string_member_with_default (reply, "id", NULL));
    job->snapshot.pause_ns = json_object_get_int_member_with_default (reply, "pause-ns", 0);
  }
  return_result (work, reply != NULL, error);
}

static void
asked_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;
  Job *job = g_task_get_task_data (user_data);
  DIO_MACHINE_ITEM (source)->snapshot_pause_ns = job->snapshot.pause_ns;
  g_task_propagate_boolean (G_TASK (result), &error);
  finish (user_data, error);
}

static void
answered_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  DioControlCall *call = user_data;
  g_autoptr (GError) error = NULL;
  g_autofree char *id = NULL;
  if (!dio_machine_item_snapshot_finish (DIO_MACHINE_ITEM (source), result, &id, &error)) {
    dio_control_call_fail (call, error);
    return;
  }
  JsonObject *reply = json_object_new ();
  if (id)
    json_object_set_string_member (reply, "id", id);
  json_object_set_int_member (reply, "pause-ns", DIO_MACHINE_ITEM (source)->snapshot_pause_ns);
  dio_control_call_reply (call, reply);
}

static const char *
get_string (JsonObject *request, const char *name)
{
  JsonNode *node = json_object_get_member (request, name);
  return node && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;
}

void
dio_machine_snapshots_handle (DioMachineItem *self, DioControlCall *call, JsonObject *request)
{
  const char *name = get_string (request, "action");
  for (guint i = 0; i < G_N_ELEMENTS (action_names); i++)
    if (g_strcmp0 (name, action_names[i]) == 0) {
      dio_machine_item_snapshot_async (self, i, get_string (request, "id"),
                                       get_string (request, "name"), get_string (request, "note"),
                                       NULL, answered_cb, call);
      return;
    }
  g_autoptr (GError) error = g_error_new (DIO_ERROR, DIO_ERROR_UNSUPPORTED, "%s",
                                          _ ("The request’s command is not known"));
  dio_control_call_fail (call, error);
}

/* ---- The public functions ---- */

static gboolean
needs_id (DioSnapshotAction action)
{
  switch (action) {
  case DIO_SNAPSHOT_TAKE:
  case DIO_SNAPSHOT_PURGE:
  case DIO_SNAPSHOT_SAVE:
  case DIO_SNAPSHOT_FORGET:
    return FALSE;
  default:
    return TRUE;
  }
}

/* Why @action is not possible now, or NULL. */
static const char *
refusal (DioMachineItem *self, const Job *job)
{
  gboolean on = is_on (self), off = self->state == DIO_ITEM_OFF;
  if (!self->path)
    return _ ("“%s” is not in the library and has no snapshots");
  if (self->state == DIO_ITEM_BROKEN)
    return _ ("“%s” cannot be used");
  if (needs_id (job->action) && !job->id)
    return _ ("It was not said which snapshot of “%s”");
  if (job->action == DIO_SNAPSHOT_SAVE && !on)
    return _ ("“%s” is not running");
  if (job->action == DIO_SNAPSHOT_FORGET && !off)
    return _ ("“%s” is running");
  if (!on && !off)
    return _ ("“%s” is just starting or stopping");
  if (self->disposable && on
      && (job->action == DIO_SNAPSHOT_TAKE || job->action == DIO_SNAPSHOT_SAVE
          || job->action == DIO_SNAPSHOT_REVERT || job->action == DIO_SNAPSHOT_DISCARD))
    return _ ("“%s” runs without keeping changes: turn it off first");
  return NULL;
}

static void
start_job (GTask *task)
{
  DioMachineItem *self = g_task_get_source_object (task);
  Job *job = g_task_get_task_data (task);
  gboolean on = is_on (self);
  job->snapshots = on && self->snapshots ? dio_snapshots_ref (self->snapshots) : NULL;
  job->pool = self->host.pool;
  job->off = !on;
  self->snapshot_jobs += job->off;
  switch (job->action) {
  case DIO_SNAPSHOT_TAKE:
    start_taking (task);
    break;
  case DIO_SNAPSHOT_SAVE:
    job->kind = DIO_SNAPSHOT_SUSPEND;
    job->snapshot.stay = true;
    start_taking (task);
    break;
  case DIO_SNAPSHOT_REVERT:
    /* Translators: the name of a snapshot. */
    job->name = g_strdup (_ ("Before going back"));
    job->kind = DIO_SNAPSHOT_AUTOMATIC;
    job->snapshot.stay = on;
    start_taking (task);
    break;
  case DIO_SNAPSHOT_DISCARD:
    if (on)
      revert_live (task);
    else
      on_worker (task, change_thread, changed_cb);
    break;
  case DIO_SNAPSHOT_CLONE:
  case DIO_SNAPSHOT_PURGE:
    if (on && self->bridge && job->action == DIO_SNAPSHOT_PURGE)
      job->lent = dio_bridge_lend_disks (self->bridge);
    begin_progress (task);
    on_worker (task, job->action == DIO_SNAPSHOT_CLONE ? clone_thread : change_thread, changed_cb);
    break;
  default:
    on_worker (task, change_thread, changed_cb);
    break;
  }
}

void
dio_machine_item_snapshot_async (DioMachineItem *self, DioSnapshotAction action, const char *id,
                                 const char *name, const char *note, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (DIO_IS_MACHINE_ITEM (self));
  g_autoptr (GCancellable) own = cancellable ? g_object_ref (cancellable) : g_cancellable_new ();
  GTask *task = g_task_new (self, own, callback, user_data);
  g_task_set_source_tag (task, dio_machine_item_snapshot_async);
  /* What was done before it could be cancelled is done. */
  g_task_set_check_cancellable (task, FALSE);
  Job *job = g_new0 (Job, 1);
  job->action = action;
  job->id = g_strdup (id);
  job->name = g_strdup (name);
  job->note = g_strdup (note);
  job->path = g_strdup (self->path);
  job->machine_name = g_strdup (self->name);
  job->keep = action == DIO_SNAPSHOT_PURGE && id ? 1 : 0;
  g_task_set_task_data (task, job, job_free);
  if (self->path && !dio_machine_item_is_active (self))
    dio_machine_item_reload (self);
  if (self->state == DIO_ITEM_ELSEWHERE) {
    on_worker (task, ask_thread, asked_cb);
    return;
  }
  const char *format = refusal (self, job);
  if (!format) {
    start_job (task);
    return;
  }
  GString *text = g_string_new (format);
  g_string_replace (text, "%s", self->name, 1);
  g_task_return_new_error (task, DIO_ERROR, DIO_ERROR_BUSY, "%s", text->str);
  g_string_free (text, TRUE);
  g_object_unref (task);
}

gboolean
dio_machine_item_snapshot_finish (DioMachineItem *self, GAsyncResult *result, char **id,
                                  GError **error)
{
  Job *job = g_task_get_task_data (G_TASK (result));
  if (id)
    *id = g_steal_pointer (&job->taken);
  return g_task_propagate_boolean (G_TASK (result), error);
}

DioSnapshots *
dio_machine_item_get_snapshots (DioMachineItem *self, GError **error)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), NULL);
  if (self->snapshots)
    return dio_snapshots_ref (self->snapshots);
  if (self->path)
    return dio_snapshots_open (dio_files_host (), self->path, FALSE, error);
  g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
               _ ("“%s” is not in the library and has no snapshots"), self->name);
  return NULL;
}

double
dio_machine_item_get_snapshot_progress (DioMachineItem *self)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), -1);
  return atomic_load (&self->snapshot_progress) / 1000.0;
}

const char *
dio_machine_item_get_snapshot_work (DioMachineItem *self, gboolean *awaited)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), NULL);
  *awaited = self->snapshot_awaited;
  return self->snapshot_work;
}

void
dio_machine_item_cancel_snapshot (DioMachineItem *self)
{
  g_return_if_fail (DIO_IS_MACHINE_ITEM (self));
  if (self->snapshot_cancellable)
    g_cancellable_cancel (self->snapshot_cancellable);
}

gint64
dio_machine_item_get_snapshot_pause (DioMachineItem *self)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), 0);
  return self->snapshot_pause_ns;
}

gboolean
dio_machine_item_is_suspended (DioMachineItem *self)
{
  DioSnapshotKind kind = DIO_SNAPSHOT_MANUAL;
  if (!self->path || dio_machine_item_is_active (self))
    return FALSE;
  g_autoptr (DioSnapshots) snapshots = dio_machine_item_get_snapshots (self, NULL);
  g_autofree char *pending = snapshots ? dio_snapshots_get_pending (snapshots, &kind) : NULL;
  return pending && kind == DIO_SNAPSHOT_SUSPEND;
}

/* ---- The schedule ---- */

static void
scheduled_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  DioMachineItem *self = DIO_MACHINE_ITEM (source);
  g_autoptr (GError) error = NULL;
  self->schedule_busy = FALSE;
  /* Nobody asked for it just now, but somebody relies on it. */
  if (!dio_machine_item_snapshot_finish (self, result, NULL, &error)
      && self->state == DIO_ITEM_RUNNING
      && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    g_autofree char *words =
        g_strdup_printf (_ ("The scheduled snapshot could not be taken: %s"), error->message);
    dio_machine_item_set_error (self, words);
  }
}

/* Whatever else is done with snapshots is waited for, or makes room: nothing is left out but what
 * the one before takes too long for. */
static gboolean
schedule_cb (gpointer data)
{
  DioMachineItem *self = data;
  if (self->state != DIO_ITEM_RUNNING || self->schedule_busy)
    return G_SOURCE_CONTINUE;
  self->schedule_busy = TRUE;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GTask *task = g_task_new (self, cancellable, scheduled_cb, NULL);
  Job *job = g_new0 (Job, 1);
  job->action = DIO_SNAPSHOT_TAKE;
  job->kind = DIO_SNAPSHOT_AUTOMATIC;
  job->keep = self->schedule_keep;
  job->path = g_strdup (self->path);
  job->machine_name = g_strdup (self->name);
  g_task_set_task_data (task, job, job_free);
  start_job (task);
  return G_SOURCE_CONTINUE;
}

void
dio_machine_item_schedule_snapshots (DioMachineItem *self, unsigned minutes, unsigned keep)
{
  g_return_if_fail (DIO_IS_MACHINE_ITEM (self));
  g_clear_handle_id (&self->schedule_source, g_source_remove);
  self->schedule_keep = keep;
  if (minutes && self->path)
    self->schedule_source = g_timeout_add_seconds (minutes * 60, schedule_cb, self);
}

/* ---- Before the reboot that ends an installation ---- */

/* What a system takes at least; installers write less before they have begun. */
#define INSTALLED_BYTES (INT64_C (32) << 20)

static gint64
allocated (const char *path)
{
  struct stat st;
  return stat (path, &st) == 0 ? (gint64) st.st_blocks * 512 : 0;
}

/* They began empty, perhaps in another run of the machine. */
static gint64
written (const DioMachineConfig *config)
{
  gint64 bytes = 0;
  for (guint i = 0; config->disks && i < config->disks->len; i++) {
    const DioDiskConfig *disk = g_ptr_array_index (config->disks, i);
    if (disk->readonly)
      continue;
    if (!disk->chain)
      bytes += allocated (disk->path);
    for (guint j = 0; disk->chain && j < disk->chain->len; j++)
      bytes += allocated (((const DioBlockImage *) g_ptr_array_index (disk->chain, j))->path);
  }
  return bytes;
}

gboolean
dio_machine_installer_is_done (DioMachineItem *self)
{
  const DioMachineConfig *config = self->config;
  return self->path && !self->disposable && config->installing
         && written (config) >= INSTALLED_BYTES;
}

typedef struct {
  DioMachineItem *self;
  char *complaint; /* or NULL */
} Release;

static void
released_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Release *release = user_data;
  /* Only now: what a machine was paused for is forgotten when it goes on. */
  if (release->complaint && is_on (release->self))
    dio_machine_item_set_error (release->self, release->complaint);
  g_object_unref (release->self);
  g_free (release->complaint);
  g_free (release);
}

/* @complaint is taken. */
static void
let_go (DioMachineItem *self, DioBridgeCommand command, char *complaint)
{
  Release *release = g_new (Release, 1);
  *release = (Release){ g_object_ref (self), complaint };
  if (self->bridge)
    dio_bridge_command_async (self->bridge, command, released_cb, release);
  else
    released_cb (NULL, NULL, release);
}

static void
installer_taken_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  DioMachineItem *self = DIO_MACHINE_ITEM (source);
  g_autoptr (GError) error = NULL;
  char *complaint = NULL;
  if (!dio_machine_item_snapshot_finish (self, result, NULL, &error)
      && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    complaint = g_strdup_printf (
        _ ("The snapshot before the installer’s reboot could not be taken: %s"), error->message);
  let_go (self, DIO_BRIDGE_RELEASE, complaint);
}

/* With the disks alone, as they are: the guest that called for its reset has nothing else that
 * anybody could go on with. */
void
dio_machine_installer_held (DioMachineItem *self)
{
  if (!dio_machine_installer_is_done (self)) {
    let_go (self, DIO_BRIDGE_RESET, NULL);
    return;
  }
  self->config->installing = false;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GTask *task = g_task_new (self, cancellable, installer_taken_cb, NULL);
  Job *job = g_new0 (Job, 1);
  job->action = DIO_SNAPSHOT_TAKE;
  job->kind = DIO_SNAPSHOT_AUTOMATIC;
  job->installed = true;
  /* Translators: the name of a snapshot. */
  job->name = g_strdup (_ ("Before the installer’s reboot"));
  job->keep = self->schedule_source ? self->schedule_keep : 0;
  job->path = g_strdup (self->path);
  job->machine_name = g_strdup (self->name);
  g_task_set_task_data (task, job, job_free);
  start_job (task);
}

void
dio_machine_snapshots_run_begins (DioMachineItem *self)
{
  const DioMachineConfig *config = self->config;
  if (!self->disposable)
    dio_machine_item_schedule_snapshots (self, config->snapshot_hours * 60, config->snapshot_keep);
}

void
dio_machine_snapshots_run_over (DioMachineItem *self)
{
  dio_machine_item_schedule_snapshots (self, 0, 0);
  if (self->snapshots) {
    dio_snapshots_end_disposable (self->snapshots);
    /* What it had open can be merged now: soon, and not by a command that is about to end. */
    dio_snapshots_set_running (self->snapshots, FALSE);
    if (dio_snapshots_can_merge (self->snapshots, FALSE))
      purge_in (self, MERGE_DELAY_SECONDS);
  }
  self->disposable = FALSE;
  g_clear_pointer (&self->snapshots, dio_snapshots_unref);
}

void
dio_machine_snapshots_stop (DioMachineItem *self)
{
  g_clear_handle_id (&self->purge_source, g_source_remove);
  g_clear_handle_id (&self->schedule_source, g_source_remove);
  g_clear_object (&self->merge_cancellable);
  g_clear_object (&self->snapshot_cancellable);
}
