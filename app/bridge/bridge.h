/* SPDX-License-Identifier: GPL-3.0-or-later
 * The bridge between a machine's threads and the main context: small messages one way, commands
 * with results the other way. No engine pointer passes it.
 *
 * Everything here is called on the thread of the main context the bridge was made on, and calls
 * back on it; the main context never waits for the machine. Events pass through a bounded queue
 * with one coalesced wake-up: a guest that resets a thousand times a second is one event with a
 * count, and the newest state always arrives. */
#pragma once

#include <gio/gio.h>

#include "core/vm/vm-snapshot.h"

#define DIO_BRIDGE_MAX_EVENTS 256

typedef struct DioBridge DioBridge;

/* A DioMachineEvent that may stand for several. */
typedef struct {
  DioMachineEventKind kind;
  DioMachineState state;
  DioStopReason reason;
  int exit_code;
  gint64 time_us;
  unsigned count;
  bool held;
  char *message; /* may be NULL */
} DioBridgeEvent;

typedef struct {
  void (*event) (const DioBridgeEvent *event, gpointer data);
  /* Once a second while the machine exists. */
  void (*stats) (const DioMachineStats *stats, gpointer data);
} DioBridgeCallbacks;

typedef enum {
  DIO_BRIDGE_PAUSE,
  DIO_BRIDGE_RESUME,
  DIO_BRIDGE_RESET,
  DIO_BRIDGE_RELEASE,
  DIO_BRIDGE_POWER_BUTTON,
  DIO_BRIDGE_STOP,
} DioBridgeCommand;

DioBridge *dio_bridge_new (const DioBridgeCallbacks *callbacks, gpointer data);

/* The owner's reference; callbacks do not come any more. The machine must have been closed. */
void dio_bridge_unref (DioBridge *bridge);

/* Builds the machine on a worker and starts it. @host gives the tables and the host sides; its
 * event function is the bridge's business. Once only. */
void dio_bridge_launch_async (DioBridge *bridge, const DioMachineConfig *config,
                              const DioMachineHost *host, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data);
gboolean dio_bridge_launch_finish (DioBridge *bridge, GAsyncResult *result, GError **error);

/* Before the launch: the machine starts from this state. What it points to is taken or shared. */
void dio_bridge_set_restore (DioBridge *bridge, DioRestore *restore);

/* Takes the state of the machine; @snapshot is the caller's, and must stay until the end. Its
 * freeze has to be ended before the machine is closed. Finished by dio_bridge_command_finish(). */
void dio_bridge_snapshot_async (DioBridge *bridge, DioSnapshot *snapshot,
                                GAsyncReadyCallback callback, gpointer user_data);

/* The disks of the machine, of DioBlock*, lent until the array is freed: the machine is not freed
 * before. NULL when there is no machine. */
GPtrArray *dio_bridge_lend_disks (DioBridge *bridge);

/* Fails with DIO_ERROR_BUSY when there is no machine. */
void dio_bridge_command_async (DioBridge *bridge, DioBridgeCommand command,
                               GAsyncReadyCallback callback, gpointer user_data);
gboolean dio_bridge_command_finish (DioBridge *bridge, GAsyncResult *result, GError **error);

/* Stops and frees the machine on a worker. When it is finished, every event was delivered and the
 * host sides may be freed. Not while launching. */
void dio_bridge_close_async (DioBridge *bridge, GAsyncReadyCallback callback, gpointer user_data);
void dio_bridge_close_finish (DioBridge *bridge, GAsyncResult *result);

/* The machine's counters now, or as they were when it was closed; FALSE when there never was one.
 */
gboolean dio_bridge_get_stats (DioBridge *bridge, DioMachineStats *stats);

/* For tests, and what the machine calls: hands an event over. Any thread; never blocks for long. */
void dio_bridge_post_event (DioBridge *bridge, const DioMachineEvent *event);
