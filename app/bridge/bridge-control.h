/* SPDX-License-Identifier: GPL-3.0-or-later
 * The control socket of a running machine: other processes of the same person ask for things over
 * a UNIX socket (mode 0600, peer checked), one JSON object per line each way.
 *
 *   -> {"command": "pause"}
 *   <- {"ok": true}            or  {"ok": false, "code": 7, "error": "a sentence"}
 *
 * What comes in is hostile: lines are bounded, clients are few, and a client that stalls is
 * dropped. */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

#define DIO_CONTROL_MAX_LINE (64u << 10)
#define DIO_CONTROL_MAX_CLIENTS 16
#define DIO_CONTROL_TIMEOUT_MS 30000

typedef struct DioControl DioControl;
typedef struct DioControlCall DioControlCall;

/* Answers @command, now or later, exactly once through dio_control_call_*(). Main context. */
typedef void (*DioControlHandler) (DioControlCall *call, const char *command, JsonObject *request,
                                   gpointer data);

/* "$XDG_RUNTIME_DIR/diorama/ID.KIND" (KIND "sock" or "serial"); makes the folder (0700). NULL and
 * @error when it cannot be made, belongs to somebody else, or the path is too long for a socket.
 * Caller frees. */
char *dio_control_path (const char *id, const char *kind, GError **error);

/* Listens for machine @id on the thread-default main context. */
DioControl *dio_control_new (const char *id, DioControlHandler handler, gpointer data,
                             GError **error);

/* Stops listening, drops clients, removes the socket. Calls not answered yet may still be. */
void dio_control_free (DioControl *control);

/* Answers a call; @reply (consumed, may be NULL) gets "ok": true. The call is gone afterwards. */
void dio_control_call_reply (DioControlCall *call, JsonObject *reply);
void dio_control_call_fail (DioControlCall *call, const GError *error);

/* The client: asks the machine @id, blocking up to @timeout_ms. NULL and @error when nobody
 * listens, or what the other side answered. Any thread. */
JsonObject *dio_control_request (const char *id, JsonObject *request, unsigned timeout_ms,
                                 GError **error);
