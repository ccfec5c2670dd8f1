/* SPDX-License-Identifier: GPL-3.0-or-later
 * A machine of the library as the user interface sees it: a GObject on the main thread in front of
 * a bundle on disk and, while it runs, of the engine behind the bridge. No engine pointer gets out,
 * but for the scan-out and the input, which are made for two threads. */
#pragma once

#include <gio/gio.h>

#include "core/backend/backend-input.h"
#include "core/vm/vm-machine.h"
#include "render/scanout/scanout.h"

#define DIO_TYPE_MACHINE_ITEM (dio_machine_item_get_type ())
G_DECLARE_FINAL_TYPE (DioMachineItem, dio_machine_item, DIO, MACHINE_ITEM, GObject)

/* What the library shows. OFF covers never started, powered off, and after an error. */
typedef enum {
  DIO_ITEM_OFF,
  DIO_ITEM_STARTING,
  DIO_ITEM_RUNNING,
  DIO_ITEM_PAUSED,
  DIO_ITEM_STOPPING,
  DIO_ITEM_ELSEWHERE, /* another process runs it */
  DIO_ITEM_BROKEN,    /* its machine.json cannot be used; "error" says why */
} DioItemState;

#define DIO_TYPE_ITEM_STATE (dio_item_state_get_type ())
GType dio_item_state_get_type (void);

/* Properties (all notify on the main thread):
 *   "id" (string, construct-only), "name" (string), "state" (DioItemState), "arch" (string, for
 * people: "RISC-V"), "error" (string or NULL: why the last run or load failed), "engine-note"
 * (string), "has-system" (boolean: there is something that could start; looks at the disks). While
 * STOPPING (notify::state) the last picture and the statistics can still be had. Signals:
 * "thumbnail-changed": dio_machine_item_get_thumbnail() has a new picture (at most once a second).
 * "stopped" (DioStopReason reason, const char *message).
 * "snapshots-changed". "snapshot-work" (see model-snapshots.h). */
const char *dio_machine_item_get_id (DioMachineItem *self);
const char *dio_machine_item_get_name (DioMachineItem *self);
DioItemState dio_machine_item_get_state (DioMachineItem *self);
const char *dio_machine_item_get_error (DioMachineItem *self);
const char *dio_machine_item_get_path (DioMachineItem *self); /* the bundle */
/* Borrowed, replaced whole on change; NULL when BROKEN. */
const DioMachineConfig *dio_machine_item_get_config (DioMachineItem *self);
/* True in STARTING, RUNNING, PAUSED, STOPPING. */
gboolean dio_machine_item_is_active (DioMachineItem *self);

/* Renames (the bundle keeps its folder name); FALSE and @error for an empty or taken name. */
gboolean dio_machine_item_rename (DioMachineItem *self, const char *name, GError **error);

/* Checks what @config would make of the machine, as dio_library_validate() does for a new one. */
gboolean dio_machine_item_validate (DioMachineItem *self, const DioMachineConfig *config,
                                    guint64 new_disk_size, const char **field, GError **error);

/* Makes the machine, which must be off, into @config (whose files are named by absolute paths, as
 * dio_machine_item_get_config() does), with a new disk of @new_disk_size bytes unless that is 0, of
 * @new_disk_format (NULL: qcow2). On failure it is as before. Finished by
 * dio_machine_item_command_finish(). */
void dio_machine_item_configure_async (DioMachineItem *self, const DioMachineConfig *config,
                                       guint64 new_disk_size, const char *new_disk_format,
                                       GCancellable *cancellable, GAsyncReadyCallback callback,
                                       gpointer user_data);

/* The boards there are; static, NULL-terminated. */
const DioBoardType *const *dio_machine_item_get_boards (DioMachineItem *self);

/* The last picture: BGRX pixels, stride width*4; NULL if there never was one. Live while running,
 * the last frame (kept in the bundle as thumbnail.png) afterwards. */
GBytes *dio_machine_item_get_thumbnail (DioMachineItem *self, int *width, int *height);

/* Commands. All are asynchronous with a GAsyncReadyCallback on the main context, finish with
 * dio_machine_item_command_finish(). */
void dio_machine_item_start_async (DioMachineItem *self, GCancellable *cancellable,
                                   GAsyncReadyCallback callback, gpointer user_data);
/* The next start alone leaves nothing behind: what it writes to disks is thrown away when it is
 * off. Only for a machine of the library that is off. */
void dio_machine_item_set_disposable (DioMachineItem *self, gboolean disposable);
gboolean dio_machine_item_is_disposable (DioMachineItem *self);
void dio_machine_item_pause_async (DioMachineItem *self, GCancellable *cancellable,
                                   GAsyncReadyCallback callback, gpointer user_data);
void dio_machine_item_resume_async (DioMachineItem *self, GCancellable *cancellable,
                                    GAsyncReadyCallback callback, gpointer user_data);
void dio_machine_item_reset_async (DioMachineItem *self, GCancellable *cancellable,
                                   GAsyncReadyCallback callback, gpointer user_data);
void dio_machine_item_power_button_async (DioMachineItem *self, GCancellable *cancellable,
                                          GAsyncReadyCallback callback, gpointer user_data);
/* Asks the agent in the guest, for guests that do not hear their power button. Nothing happens
 * without an agent. */
void dio_machine_item_ask_to_shut_down (DioMachineItem *self);

void dio_machine_item_force_off_async (DioMachineItem *self, GCancellable *cancellable,
                                       GAsyncReadyCallback callback, gpointer user_data);
gboolean dio_machine_item_command_finish (DioMachineItem *self, GAsyncResult *result,
                                          GError **error);

/* While active, else NULL. Borrowed; valid until "state" leaves the active states. */
DioScanout *dio_machine_item_get_scanout (DioMachineItem *self);
DioInput *dio_machine_item_get_input (DioMachineItem *self);

/* Types @text (UTF-8) as key presses for a US keyboard layout, at a pace slow guests follow. Fails
 * at once, naming the first character that no key makes. Runs in the background; a second call
 * queues. */
gboolean dio_machine_item_type_text (DioMachineItem *self, const char *text, GError **error);

/* Presses @codes (evdev) together in order, releases in reverse. */
void dio_machine_item_send_keys (DioMachineItem *self, const guint16 *codes, gsize count);

/* Moves the pointer to a pixel of the picture and, with a @button (evdev BTN_LEFT and so on; 0:
 * none), clicks there. Fails when there is no such pixel. Runs in the background; a second call
 * queues. */
gboolean dio_machine_item_click (DioMachineItem *self, guint x, guint y, guint16 button,
                                 GError **error);

/* Writes the current picture as PNG. The first blocks for tens of milliseconds; the other does it
 * on a worker, finished by dio_machine_item_command_finish(). */
gboolean dio_machine_item_save_screenshot (DioMachineItem *self, const char *path, GError **error);
void dio_machine_item_save_screenshot_async (DioMachineItem *self, const char *path,
                                             GAsyncReadyCallback callback, gpointer user_data);

/* The statistics sampled last (about once a second while active); FALSE when not active. */
gboolean dio_machine_item_get_stats (DioMachineItem *self, DioMachineStats *stats);

/* What the guest gave with its last power-off or crash. */
int dio_machine_item_get_exit_code (DioMachineItem *self);

/* A machine without a bundle, for `diorama run`: nothing is kept, no other process finds it. @host
 * as for dio_library_new(). */
DioMachineItem *dio_machine_item_new_ephemeral (const DioMachineConfig *config,
                                                const DioMachineHost *host);

/* True for those. */
gboolean dio_machine_item_is_ephemeral (DioMachineItem *self);

/* The host side of the first serial port from the next start on (takes ownership), beside the
 * socket that `diorama console` connects to. */
void dio_machine_item_set_serial (DioMachineItem *self, DioChar *serial);
