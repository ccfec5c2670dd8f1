/* SPDX-License-Identifier: GPL-3.0-or-later
 * A run of a machine of the library, from its start to its end: what model-machine.h draws as
 * OFF -> STARTING -> RUNNING <-> PAUSED -> STOPPING -> OFF. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "app/job/job-thread.h"
#include "app/model/model-machine-private.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define MERGE_ENDS_MS 5000
#define STATS_ROW_TICKS 60

static void
journal (DioMachineItem *self, const char *kind, const char *reason, unsigned count,
         const char *message)
{
  if (self->journal)
    dio_journal_add (self->journal, kind, reason, self->exit_code, count, message,
                     g_get_real_time ());
}

/* The end of a run: picture kept, machine freed, host sides freed, lock released. */

typedef struct {
  DioScanoutBox *scanout_box;
  DioSnapshots *snapshots;
  char *path;
  GBytes *pixels;
  uint32_t width, height;
  gboolean installed; /* by an installer that turned the machine off */
} Farewell;

static void
farewell_free (gpointer data)
{
  Farewell *farewell = data;
  dio_scanout_box_unref (farewell->scanout_box);
  dio_snapshots_unref (farewell->snapshots);
  g_clear_pointer (&farewell->pixels, g_bytes_unref);
  g_free (farewell->path);
  g_free (farewell);
}

static void
farewell_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Farewell *farewell = task_data;
  /* A snapshot that is being written needs the machine's memory to its end. */
  if (farewell->snapshots)
    dio_snapshots_wait (farewell->snapshots);
  if (farewell->installed)
    dio_bundle_end_installing (dio_files_host (), farewell->path, NULL);
  farewell->pixels = dio_scanout_snapshot (farewell->scanout_box->scanout, DIO_THUMBNAIL_WIDTH,
                                           &farewell->width, &farewell->height);
  if (farewell->pixels && farewell->path)
    dio_machine_thumbnail_save (farewell->path, farewell->pixels, farewell->width,
                                farewell->height);
  g_task_return_boolean (task, TRUE);
}

static const char *
stop_sentence (DioMachineItem *self)
{
  if (self->stop_message)
    return self->stop_message;
  switch (self->stop_reason) {
  case DIO_STOP_CRASHED:
    return _ ("The guest system stopped with a failure");
  case DIO_STOP_ERROR:
    return _ ("The machine could not go on");
  case DIO_STOP_GUEST_OFF:
  case DIO_STOP_FORCED:
  case DIO_STOP_NONE:
    break;
  }
  return NULL;
}

static void
scanout_clear (gpointer data)
{
  DioScanoutBox *box = data;
  dio_scanout_free (box->scanout);
}

void
dio_scanout_box_unref (DioScanoutBox *box)
{
  g_atomic_rc_box_release_full (box, scanout_clear);
}

/* @error: why the start failed; NULL after a run. */
static void
run_over (DioMachineItem *self, GError *error)
{
  DioStopReason reason = self->stop_reason;
  g_autofree char *sentence = g_strdup (error ? error->message : stop_sentence (self));
  gboolean was_running = !error;
  g_autoptr (GTask) start_task = g_steal_pointer (&self->start_task);
  /* The scan-out and the input outlive the notification, so that whoever shows them can let go in
   * its handler; which may also start the machine again. */
  DioScanoutBox *scanout_box = g_steal_pointer (&self->scanout_box);
  DioInput *input = g_steal_pointer (&self->input);
  self->scanout = NULL;
  g_clear_pointer (&self->control, dio_control_free);
  g_clear_pointer (&self->typer, dio_typer_free);
  g_clear_pointer (&self->bridge, dio_bridge_unref);
  dio_machine_snapshots_run_over (self);
  g_clear_pointer (&self->serial, dio_char_free);
  g_clear_pointer (&self->agent, dio_agent_free);
  g_clear_pointer (&self->lock, dio_lock_release);
  g_clear_pointer (&self->stop_message, g_free);
  self->closing = FALSE;
  self->launched = FALSE;
  if (error || reason == DIO_STOP_ERROR || reason == DIO_STOP_CRASHED)
    dio_machine_item_set_error (self, sentence);
  dio_machine_item_set_engine_note (self, NULL);
  /* Somebody else may have been faster. */
  dio_machine_item_set_state (
      self, error && self->path && dio_machine_item_is_locked_by_others (self) ? DIO_ITEM_ELSEWHERE
                                                                               : DIO_ITEM_OFF);
  g_clear_pointer (&input, dio_input_free);
  g_clear_pointer (&scanout_box, dio_scanout_box_unref);
  if (start_task && error)
    g_task_return_error (start_task, g_error_copy (error));
  else if (start_task)
    g_task_return_new_error (start_task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "%s",
                             _ ("The machine was stopped while it started"));
  if (was_running)
    g_signal_emit_by_name (self, "stopped", reason, sentence);
  g_clear_error (&error);
  g_object_unref (self);
}

typedef struct {
  DioMachineItem *self;
  GError *error;
} Closing;

static void
journal_closed_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Closing *closing = user_data;
  run_over (closing->self, closing->error);
  g_free (closing);
}

static void
journal_close_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  if (task_data) {
    dio_journal_close (task_data);
    dio_journal_flush ();
  }
  g_task_return_boolean (task, TRUE);
}

/* The bundle is let go, for somebody to move it, only when nothing writes into it any more. */
static void
close_journal (Closing *closing)
{
  g_autoptr (GTask) task = g_task_new (closing->self, NULL, journal_closed_cb, closing);
  g_task_set_task_data (task, g_steal_pointer (&closing->self->journal), NULL);
  dio_job_thread_run (task, journal_close_thread);
}

static void
closed_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Closing *closing = user_data;
  dio_bridge_close_finish (closing->self->bridge, result);
  close_journal (closing);
}

static void
farewell_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  DioMachineItem *self = DIO_MACHINE_ITEM (object);
  Farewell *farewell = g_task_get_task_data (G_TASK (result));
  if (farewell->pixels)
    dio_machine_thumbnail_set (self, farewell->pixels, farewell->width, farewell->height);
  dio_bridge_close_async (self->bridge, closed_cb, user_data);
}

/* Ends the run. @error (consumed) when it never began. */
static void
begin_close (DioMachineItem *self, GError *error)
{
  if (self->closing) {
    g_clear_error (&error);
    return;
  }
  self->closing = TRUE;
  if (self->resets)
    journal (self, "reset", NULL, self->resets, NULL);
  self->resets = 0;
  if (error)
    journal (self, "error", NULL, 1, error->message);
  else {
    journal (self, "stopped", dio_journal_reason (self->stop_reason), 1, self->stop_message);
    DioMachineStats stats;
    if (self->journal && self->bridge && dio_bridge_get_stats (self->bridge, &stats))
      dio_journal_add_stats (self->journal, &stats);
    self->closing = FALSE;
    dio_machine_item_set_state (self, DIO_ITEM_STOPPING);
    self->closing = TRUE;
  }
  Closing *closing = g_new (Closing, 1);
  closing->self = self;
  closing->error = error;
  if (!self->bridge) {
    close_journal (closing);
    return;
  }
  if (error) {
    dio_bridge_close_async (self->bridge, closed_cb, closing);
    return;
  }
  Farewell *farewell = g_new0 (Farewell, 1);
  farewell->scanout_box = g_atomic_rc_box_acquire (self->scanout_box);
  farewell->path = g_strdup (self->path);
  farewell->snapshots = self->snapshots ? dio_snapshots_ref (self->snapshots) : NULL;
  farewell->installed =
      self->stop_reason == DIO_STOP_GUEST_OFF && dio_machine_installer_is_done (self);
  g_autoptr (GTask) task = g_task_new (self, NULL, farewell_cb, closing);
  g_task_set_task_data (task, farewell, farewell_free);
  dio_job_thread_run (task, farewell_thread);
}

/* The bridge's callbacks. */

static void
state_event (DioMachineItem *self, const DioBridgeEvent *event)
{
  switch (event->state) {
  case DIO_MACHINE_CREATED:
    break;
  case DIO_MACHINE_RUNNING:
    journal (self, "running", NULL, 1, event->message);
    /* What it was paused for may be over; if it is not, the same is said again. */
    if (self->state == DIO_ITEM_PAUSED) {
      dio_machine_item_set_error (self, NULL);
      dio_machine_agent_set_time (self);
    }
    if (self->start_task == NULL || self->launched)
      dio_machine_item_set_state (self, DIO_ITEM_RUNNING);
    break;
  case DIO_MACHINE_PAUSED:
    journal (self, "paused", NULL, 1, event->message);
    dio_input_release_all (self->input);
    dio_machine_item_set_state (self, DIO_ITEM_PAUSED);
    if (event->held)
      dio_machine_installer_held (self);
    break;
  case DIO_MACHINE_STOPPED:
    self->stop_reason = event->reason;
    self->exit_code = event->exit_code;
    g_free (self->stop_message);
    self->stop_message = g_strdup (event->message);
    /* While it starts, the start's own result ends it. */
    if (self->launched)
      begin_close (self, NULL);
    break;
  }
}

static void
bridge_event_cb (const DioBridgeEvent *event, gpointer data)
{
  DioMachineItem *self = data;
  if (self->closing)
    return;
  switch (event->kind) {
  case DIO_EVENT_STATE:
    state_event (self, event);
    break;
  case DIO_EVENT_RESET:
    /* Into the journal once a second at most. */
    self->resets += event->count;
    break;
  case DIO_EVENT_ERROR:
    journal (self, "error", NULL, event->count, event->message);
    dio_machine_item_set_error (self, event->message);
    break;
  }
}

static void
bridge_stats_cb (const DioMachineStats *stats, gpointer data)
{
  DioMachineItem *self = data;
  if (self->resets)
    journal (self, "reset", NULL, self->resets, NULL);
  self->resets = 0;
  if (self->journal && ++self->ticks % STATS_ROW_TICKS == 0)
    dio_journal_add_stats (self->journal, stats);
  dio_machine_thumbnail_tick (self);
}

static const DioBridgeCallbacks bridge_callbacks = {
  .event = bridge_event_cb,
  .stats = bridge_stats_cb,
};

/* Starting. */

typedef struct {
  char *path;
  char *name;
  DioLock *lock;
  DioMachineConfig *config;
  DioSnapshots *snapshots;
  DioSnapshotState state;
  char *id;
  gboolean disposable;
  gboolean merging; /* was; it ends soon */
} Prepare;

static void
prepare_free (gpointer data)
{
  Prepare *prepare = data;
  g_clear_pointer (&prepare->lock, dio_lock_release);
  g_clear_pointer (&prepare->config, dio_machine_config_free);
  dio_snapshot_state_clear (&prepare->state);
  g_clear_pointer (&prepare->snapshots, dio_snapshots_unref);
  g_free (prepare->path);
  g_free (prepare->name);
  g_free (prepare->id);
  g_free (prepare);
}

/* A merge that was told to end has the lock for a moment yet. */
static DioLock *
take_lock (Prepare *prepare, int fd, GError **error)
{
  for (unsigned i = 0; prepare->merging && i < MERGE_ENDS_MS; i += 10) {
    DioLock *lock = dio_lock_take (dio_files_host (), fd, DIO_LOCK_FILE, prepare->name, NULL);
    if (lock)
      return lock;
    g_usleep (10000);
  }
  return dio_lock_take (dio_files_host (), fd, DIO_LOCK_FILE, prepare->name, error);
}

static void
prepare_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Prepare *prepare = task_data;
  GError *error = NULL;
  int fd = open (prepare->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    dio_set_error_errno (&error, errno, _ ("“%s” cannot be opened"), prepare->name);
  else {
    prepare->lock = take_lock (prepare, fd, &error);
    close (fd);
  }
  /* First, as it may have to finish a revert. */
  if (prepare->lock)
    prepare->snapshots = dio_snapshots_open (dio_files_host (), prepare->path, TRUE, &error);
  if (prepare->snapshots) {
    /* Read again under the lock: this is what runs. */
    g_autoptr (DioManifest) manifest = dio_bundle_load (dio_files_host (), prepare->path, &error);
    if (manifest)
      prepare->config = dio_snapshots_prepare (prepare->snapshots, manifest, &error);
    if (prepare->config)
      prepare->id = g_strdup (manifest->id);
    if (prepare->config && prepare->disposable
        && !dio_snapshots_add_disposable (prepare->snapshots, prepare->config, &error))
      g_clear_pointer (&prepare->config, dio_machine_config_free);
    if (prepare->config && dio_snapshots_load_pending (prepare->snapshots, &prepare->state, &error)
        && !prepare->state.devices && !prepare->disposable)
      dio_snapshots_clear_pending (prepare->snapshots, &error); /* it was off */
  }
  if (error)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static const char *
engine_note (DioEngine engine)
{
  return dio_engine_in_force (engine) == DIO_ENGINE_COMPILER
             ? _ ("Compiled by Diorama’s own engine")
             : _ ("Interpreted by Diorama’s own engine");
}

static void
launched_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  DioMachineItem *self = user_data;
  GError *error = NULL;
  if (!dio_bridge_launch_finish (self->bridge, result, &error)) {
    begin_close (self, error);
    return;
  }
  self->launched = TRUE;
  DioMachineState state = DIO_MACHINE_RUNNING;
  if (self->stop_reason != DIO_STOP_NONE)
    state = DIO_MACHINE_STOPPED; /* faster off than on */
  g_autoptr (GTask) task = g_steal_pointer (&self->start_task);
  dio_machine_item_set_engine_note (self, engine_note (self->config->engine));
  dio_machine_item_set_state (self, DIO_ITEM_RUNNING);
  dio_machine_snapshots_run_begins (self);
  if (task)
    g_task_return_boolean (task, TRUE);
  if (state == DIO_MACHINE_STOPPED)
    begin_close (self, NULL);
  else if (self->stop_requested)
    dio_bridge_command_async (self->bridge, DIO_BRIDGE_STOP, NULL, NULL);
}

/* The console socket; a machine runs without it too. */
static DioChar *
serial_socket (DioMachineItem *self, GError **error)
{
  g_autofree char *path = dio_control_path (self->id, "serial", error);
  return path ? dio_char_socket_new (path, error) : NULL;
}

/* What other processes reach the machine by. It runs without that too: they are told why not. */
static void
listen_to_others (DioMachineItem *self)
{
  g_autoptr (GError) error = NULL;
  DioChar *console = serial_socket (self, &error);
  if (self->serial && console)
    self->serial = dio_char_mux_new (self->serial, console);
  else if (console)
    self->serial = console;
  if (console)
    dio_machine_remote_listen (self, &error);
  if (error)
    g_message (_ ("Other processes cannot control “%s”: %s"), self->name, error->message);
}

/* Before a machine that was loaded runs. Its control thread. */
static bool
restored_cb (void *data, GError **error)
{
  return dio_snapshots_clear_pending (data, error);
}

static void
set_restore (DioMachineItem *self, DioSnapshotState *state)
{
  DioRestore restore = {
    .devices = state->devices,
    .again = state->again || self->disposable,
    .map = state->map,
    .store = dio_snapshots_get_store (self->snapshots, NULL),
    .ready = self->disposable ? NULL : restored_cb, /* the next start begins there again */
    .data = self->snapshots,
  };
  dio_bridge_set_restore (self->bridge, &restore);
  state->map = NULL;
}

/* Makes the bridge and what is behind it. @state may be NULL or have nothing. */
static void
launch_engine (DioMachineItem *self, DioSnapshotState *state)
{
  DioMachineHost host = self->host;
  host.display = &self->counting.display;
  host.input = self->input;
  host.serial = self->serial;
  g_clear_pointer (&self->agent, dio_agent_free);
  self->agent = dio_agent_new ();
  host.agent = dio_agent_get_char (self->agent);
  self->bridge = dio_bridge_new (&bridge_callbacks, self);
  if (state && state->devices) {
    set_restore (self, state);
    dio_machine_agent_set_time (self);
  }
  dio_bridge_launch_async (self->bridge, self->config, &host, NULL, launched_cb, self);
}

static void
launch (DioMachineItem *self, DioSnapshotState *state)
{
  self->scanout = dio_scanout_new ();
  self->scanout_box = g_atomic_rc_box_new (DioScanoutBox);
  self->scanout_box->scanout = self->scanout;
  self->input = dio_input_new ();
  self->typer = dio_typer_new (self->input);
  dio_typer_set_held (self->typer, TRUE);
  dio_machine_thumbnail_init (self);
  self->serial = g_steal_pointer (&self->next_serial);
  if (self->path) {
    listen_to_others (self);
    self->journal = dio_journal_open (self->path);
    journal (self, "starting", NULL, 1, NULL);
  }
  launch_engine (self, state);
}

typedef struct {
  DioMachineItem *self;
  DioSnapshotState state;
} Restart;

static void
old_closed_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Restart *restart = user_data;
  DioMachineItem *self = restart->self;
  dio_bridge_close_finish (self->bridge, result);
  g_clear_pointer (&self->bridge, dio_bridge_unref);
  self->closing = FALSE;
  launch_engine (self, &restart->state);
  dio_snapshot_state_clear (&restart->state);
  g_free (restart);
}

void
dio_machine_item_restart (DioMachineItem *self, DioMachineConfig *config, DioSnapshotState *state,
                          GTask *task)
{
  Restart *restart = g_new0 (Restart, 1);
  restart->self = self;
  restart->state = *state;
  *state = (DioSnapshotState){ 0 };
  self->start_task = task;
  self->launched = FALSE;
  self->stop_requested = FALSE;
  self->stop_reason = DIO_STOP_NONE;
  dio_machine_item_set_config (self, config);
  dio_machine_item_set_state (self, DIO_ITEM_STARTING);
  /* Nothing of the old machine counts from here on. */
  self->closing = TRUE;
  journal (self, "reverted", NULL, 1, NULL);
  dio_bridge_close_async (self->bridge, old_closed_cb, restart);
}

static void
prepared_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  DioMachineItem *self = DIO_MACHINE_ITEM (object);
  Prepare *prepare = g_task_get_task_data (G_TASK (result));
  GError *error = NULL;
  /* Taken over in any case: the task may live on in its thread for a moment. */
  self->lock = g_steal_pointer (&prepare->lock);
  self->snapshots = g_steal_pointer (&prepare->snapshots);
  if (self->snapshots)
    dio_snapshots_set_running (self->snapshots, TRUE);
  if (!g_task_propagate_boolean (G_TASK (result), &error)) {
    begin_close (self, error);
    return;
  }
  if (g_strcmp0 (prepare->id, self->id) != 0) {
    error = g_error_new (DIO_ERROR, DIO_ERROR_CONFIG, "%s: id: %s", DIO_MANIFEST_FILE,
                         _ ("it was changed meanwhile; open the library again"));
    begin_close (self, error);
    return;
  }
  dio_machine_item_set_config (self, g_steal_pointer (&prepare->config));
  launch (self, &prepare->state);
}

static const char *
refusal_to_start (DioMachineItem *self)
{
  switch (self->state) {
  case DIO_ITEM_OFF:
    return NULL;
  case DIO_ITEM_STARTING:
  case DIO_ITEM_RUNNING:
  case DIO_ITEM_PAUSED:
    return _ ("“%s” is running already");
  case DIO_ITEM_STOPPING:
    return _ ("“%s” is just stopping; start it again when it is off");
  case DIO_ITEM_ELSEWHERE: /* taking the lock tells who has it, if it still has it */
  case DIO_ITEM_BROKEN:
    break;
  }
  return NULL;
}

void
dio_machine_item_start_async (DioMachineItem *self, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (DIO_IS_MACHINE_ITEM (self));
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, dio_machine_item_start_async);
  if (self->path && !dio_machine_item_is_active (self))
    dio_machine_item_reload (self);
  const char *refusal = refusal_to_start (self);
  /* Only this start was meant. */
  if ((refusal || self->state == DIO_ITEM_BROKEN) && !dio_machine_item_is_active (self))
    self->disposable = FALSE;
  if (self->state == DIO_ITEM_BROKEN) {
    g_task_return_new_error (task, DIO_ERROR, DIO_ERROR_CONFIG, "%s: %s", self->name, self->error);
    return;
  }
  if (refusal) {
    dio_machine_item_return_busy (self, task, refusal);
    return;
  }
  g_object_ref (self); /* until run_over() */
  self->start_task = g_steal_pointer (&task);
  self->launched = FALSE;
  self->stop_requested = FALSE;
  self->stop_reason = DIO_STOP_NONE;
  self->exit_code = 0;
  self->resets = 0;
  self->ticks = 0;
  dio_machine_item_set_error (self, NULL);
  dio_machine_item_set_state (self, DIO_ITEM_STARTING);
  if (!self->path) {
    launch (self, NULL);
    return;
  }
  Prepare *prepare = g_new0 (Prepare, 1);
  prepare->path = g_strdup (self->path);
  prepare->name = g_strdup (self->name);
  prepare->disposable = self->disposable;
  prepare->merging = self->merge_cancellable && self->snapshot_progress >= 0;
  g_cancellable_cancel (self->merge_cancellable);
  g_autoptr (GTask) work = g_task_new (self, NULL, prepared_cb, NULL);
  g_task_set_task_data (work, prepare, prepare_free);
  dio_job_thread_run (work, prepare_thread);
}

void
dio_machine_item_set_disposable (DioMachineItem *self, gboolean disposable)
{
  g_return_if_fail (DIO_IS_MACHINE_ITEM (self));
  if (!dio_machine_item_is_active (self))
    self->disposable = disposable && self->path;
}

gboolean
dio_machine_item_is_disposable (DioMachineItem *self)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), FALSE);
  return self->disposable;
}
