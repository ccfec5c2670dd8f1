/* SPDX-License-Identifier: GPL-3.0-or-later
 * What DioLibrary and the parts of DioMachineItem share. */
#pragma once

#include "app/bridge/bridge-agent.h"
#include "app/bridge/bridge-control.h"
#include "app/bridge/bridge.h"
#include "app/library/library-bundle.h"
#include "app/library/library-journal.h"
#include "app/library/library-snapshot.h"
#include "app/model/model-machine.h"
#include "app/model/model-snapshots.h"
#include "app/model/model-typing.h"

/* A display in front of the scan-out's that counts what passes, so that an idle picture is not
 * scaled down once a second for nothing. */
typedef struct {
  DioDisplay display;
  DioDisplay *target;
  _Atomic guint updates;
} DioCountingDisplay;

/* The scan-out with a count of who uses it: a worker may be looking when the machine ends. */
typedef struct {
  DioScanout *scanout;
} DioScanoutBox;

void dio_scanout_box_unref (DioScanoutBox *box);

struct _DioMachineItem {
  GObject parent_instance;

  char *id;
  char *path; /* NULL: ephemeral */
  DioMachineHost host;
  DioMachineConfig *config;
  char *name;
  char *error;
  char *engine_note;
  DioItemState state;

  /* While active. */
  DioLock *lock;
  DioJournal *journal;
  DioSnapshots *snapshots; /* outlives the bridge's machine */
  DioBridge *bridge;
  DioScanoutBox *scanout_box;
  DioScanout *scanout; /* in the box */
  DioInput *input;
  DioChar *serial;      /* what the machine got */
  DioChar *next_serial; /* given for the next start */
  DioAgent *agent;      /* outlives the bridge's machine, as the host sides do */
  DioTyper *typer;
  DioControl *control;
  DioCountingDisplay counting;
  GTask *start_task;
  gboolean launched;       /* the machine exists */
  gboolean stop_requested; /* while it started */
  gboolean closing;
  gboolean configuring;      /* its lock is ours meanwhile */
  _Atomic int disk_progress; /* per mille; -1: nothing is being done to a disk */
  DioStopReason stop_reason;
  char *stop_message;
  int exit_code;
  unsigned resets; /* not in the journal yet */
  unsigned ticks;
  guint seen_updates;
  gboolean thumbnail_busy;

  /* Snapshots. */
  _Atomic int snapshot_progress; /* per mille; -1: none is being taken */
  unsigned snapshot_jobs;        /* while it is off: its lock is ours meanwhile */
  guint purge_source;
  GCancellable *snapshot_cancellable; /* of what has progress */
  GCancellable *merge_cancellable;    /* of what goes on by itself while the machine is off */
  char *snapshot_work;                /* what that is, in words */
  gboolean snapshot_awaited;          /* a person has begun it */
  gint64 snapshot_pause_ns;           /* of the last one */
  unsigned schedule_keep;
  gboolean schedule_busy; /* a snapshot of the schedule is being taken */
  gboolean disposable;    /* the next start, and while it runs */
  guint schedule_source;

  /* Thumbnail. */
  GBytes *thumbnail;
  int thumbnail_width, thumbnail_height;
  gboolean thumbnail_loaded;
};

/* The item of the bundle at @path. Never fails: a bundle that cannot be used is BROKEN. */
DioMachineItem *dio_machine_item_new_bundle (const char *path, const DioMachineHost *host);

/* Replaces the machine that runs or is paused by one of @config (taken) that starts from @state
 * (taken); who shows it keeps screen and keyboard. @task (taken) gets the result. */
void dio_machine_item_restart (DioMachineItem *self, DioMachineConfig *config,
                               DioSnapshotState *state, GTask *task);

/* Looks at the bundle again: machine.json and who runs it. */
void dio_machine_item_reload (DioMachineItem *self);

/* Setters that notify. set_config() takes @config. */
void dio_machine_item_set_state (DioMachineItem *self, DioItemState state);
void dio_machine_item_set_config (DioMachineItem *self, DioMachineConfig *config);
void dio_machine_item_set_error (DioMachineItem *self, const char *text);
void dio_machine_item_set_engine_note (DioMachineItem *self, const char *note);

/* Does another process run the bundle? */
gboolean dio_machine_item_is_locked_by_others (DioMachineItem *self);

/* Refuses @task with a sentence in which %s is the name. */
void dio_machine_item_return_busy (DioMachineItem *self, GTask *task, const char *format);

/* What went wrong before does not matter any more. */
void dio_machine_item_clear_error (DioMachineItem *self);

/* model-agent.c: the guest's wall clock becomes the host's, if an agent runs in the guest. The
 * guest stood still, in a saved state or paused. */
void dio_machine_agent_set_time (DioMachineItem *self);

/* model-remote.c: the control socket while active, and asking another process. */
void dio_machine_remote_listen (DioMachineItem *self, GError **error);
void dio_machine_remote_command_async (DioMachineItem *self, const char *command,
                                       GAsyncReadyCallback callback, gpointer user_data);

/* model-snapshots.c */
void dio_machine_snapshots_handle (DioMachineItem *self, DioControlCall *call, JsonObject *request);
/* Timers of the schedule and late merges, and overlays that are thrown away. */
void dio_machine_snapshots_run_begins (DioMachineItem *self);
void dio_machine_snapshots_run_over (DioMachineItem *self);
/* The machine is held before a reset that its guest asked for: takes a snapshot if the system has
 * been installed just now; in any case it goes on. */
void dio_machine_installer_held (DioMachineItem *self);
/* What is being installed is on the disks. */
gboolean dio_machine_installer_is_done (DioMachineItem *self);
/* Ends timers. */
void dio_machine_snapshots_stop (DioMachineItem *self);

/* model-thumbnail.c */
void dio_machine_thumbnail_init (DioMachineItem *self);
void dio_machine_thumbnail_tick (DioMachineItem *self);
/* Called on a worker with the last picture; writes thumbnail.png. */
void dio_machine_thumbnail_save (const char *path, GBytes *pixels, int width, int height);
void dio_machine_thumbnail_set (DioMachineItem *self, GBytes *pixels, int width, int height);
#define DIO_THUMBNAIL_WIDTH 384
