/* SPDX-License-Identifier: GPL-3.0-or-later
 * A client of the agent that many guests run (qemu-ga): one JSON object per line each way over a
 * port of the machine. Whether an agent is there is only known by its answer.
 *
 * What comes from the guest is hostile: lines and their nesting are bounded, what nobody waits for
 * is dropped unread, and every call has a time limit. Everything here is called on the thread of
 * the main context that the client was made on, and calls back on it. */
#pragma once

#include <gio/gio.h>

#include "core/backend/backend-char.h"

typedef enum {
  DIO_AGENT_PING,
  DIO_AGENT_SET_TIME,  /* the guest's wall clock becomes the host's */
  DIO_AGENT_SHUT_DOWN, /* done when it is sent: an agent that obeys gives no answer */
} DioAgentCommand;

typedef struct DioAgent DioAgent;

DioAgent *dio_agent_new (void);

/* Calls that wait fail with G_IO_ERROR_CANCELLED. After the machine that has its line. */
void dio_agent_free (DioAgent *agent);

/* The line that the machine's port is connected to (DioMachineHost.agent). The client's. */
DioChar *dio_agent_get_char (DioAgent *agent);

/* Asks, after the calls before it; again and again until an agent listens or @timeout_ms are over
 * (DIO_ERROR_FAILED, as when the agent refuses). */
void dio_agent_call_async (DioAgent *agent, DioAgentCommand command, unsigned timeout_ms,
                           GAsyncReadyCallback callback, gpointer user_data);
gboolean dio_agent_call_finish (DioAgent *agent, GAsyncResult *result, GError **error);
