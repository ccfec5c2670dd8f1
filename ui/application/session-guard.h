/* SPDX-License-Identifier: GPL-3.0-or-later
 * Keeps what runs from being lost when the person's session ends: by the session manager, which
 * asks first, or by a signal, which does not. Main thread. */
#pragma once

#include <gtk/gtk.h>

#include "app/model/model-session.h"
#include "ui/preferences/settings.h"

typedef struct DioSessionGuard DioSessionGuard;

typedef struct {
  /* The machines that are active; to be unreferenced. */
  GPtrArray *(*list_active) (gpointer data);
  /* The session manager asks, and the person wants to be asked. */
  void (*ask) (gpointer data);
  /* Machines were suspended, and the application goes on: the log-out was cancelled perhaps. */
  void (*suspended) (gpointer data);
} DioSessionGuardFuncs;

/* @application is borrowed, and must be the running one. */
DioSessionGuard *dio_session_guard_new (GtkApplication *application, DioSettings *settings,
                                        const DioSessionGuardFuncs *funcs, gpointer data);

/* Ends all machines and notes which of them were suspended; @quit: ends the application then. */
void dio_session_guard_end (DioSessionGuard *guard, DioSessionAction action, gboolean quit);

/* While the application shuts down, as a session manager may make it without patience: ends what is
 * still active before it returns, in bounds. */
void dio_session_guard_settle (DioSessionGuard *guard);

void dio_session_guard_free (DioSessionGuard *guard);
