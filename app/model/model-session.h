/* SPDX-License-Identifier: GPL-3.0-or-later
 * What becomes of machines that run when the person's session ends. Main thread. */
#pragma once

#include "app/model/model-machine.h"

typedef enum {
  DIO_SESSION_SUSPEND,
  DIO_SESSION_SHUT_DOWN, /* who does not turn off by itself soon is suspended */
} DioSessionAction;

/* Half of the time is for guests that turn themselves off: first by their power button, then by
 * their agent, too. */
#define DIO_SESSION_SECONDS 40

/* Ends every machine of @items (of DioMachineItem) that is active, or gives up after @seconds.
 * Machines that are not kept, which cannot be suspended, are turned off. The machines are looked at
 * again and again, so that one that is just starting is waited for and a snapshot under way is no
 * failure. */
void dio_session_end_async (GPtrArray *items, DioSessionAction action, unsigned seconds,
                            GAsyncReadyCallback callback, gpointer user_data);

/* The ids of the machines that were suspended, NULL-terminated, to be freed. @left (may be NULL)
 * gets how many are still active. */
char **dio_session_end_finish (GAsyncResult *result, guint *left);
