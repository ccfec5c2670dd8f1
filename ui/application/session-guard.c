/* SPDX-License-Identifier: GPL-3.0-or-later
 * The end of the session.
 *
 * GTK, with "register-session", passes on what the session manager says: "query-end" before the
 * end, and g_application_quit() at the end. While machines are being ended an inhibitor keeps the
 * session; when it goes, the session manager goes on. Who logs out all the same makes the
 * application quit, and dio_session_guard_settle() finishes what was begun. */
#include "config.h"

#include "ui/application/session-guard.h"

#include <glib-unix.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <unistd.h>

struct DioSessionGuard {
  GtkApplication *application;
  DioSettings *settings;
  DioSessionGuardFuncs funcs;
  gpointer data;
  gulong handler;
  guint cookie; /* of the inhibitor; 0: none */
  guint signals[3];
  gboolean ending, quit;
  gboolean settling;
};

static void
release (DioSessionGuard *guard)
{
  if (guard->cookie)
    gtk_application_uninhibit (guard->application, guard->cookie);
  guard->cookie = 0;
}

static void
inhibit (DioSessionGuard *guard, const char *reason)
{
  release (guard);
  guard->cookie = gtk_application_inhibit (guard->application,
                                           gtk_application_get_active_window (guard->application),
                                           GTK_APPLICATION_INHIBIT_LOGOUT, reason);
}

static void
ended_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  DioSessionGuard *guard = user_data;
  guint left;
  g_auto (GStrv) ids = dio_session_end_finish (result, &left);

  guard->ending = FALSE;
  if (left)
    g_printerr ("diorama: %s\n", _ ("There was no time to suspend every machine"));
  if (*ids)
    dio_settings_add_suspended (guard->settings, (const char *const *) ids);
  release (guard);
  if (guard->settling)
    return;
  if (guard->quit)
    g_application_quit (G_APPLICATION (guard->application));
  else if (*ids)
    guard->funcs.suspended (guard->data);
}

void
dio_session_guard_end (DioSessionGuard *guard, DioSessionAction action, gboolean quit)
{
  guard->quit |= quit;
  if (guard->ending)
    return;
  guard->ending = TRUE;
  g_autoptr (GPtrArray) items = guard->funcs.list_active (guard->data);
  dio_session_end_async (items, action, DIO_SESSION_SECONDS, ended_cb, guard);
}

static DioSessionEnd
wish (DioSessionGuard *guard)
{
  DioSessionEnd end;

  g_object_get (guard->settings, "session-end", &end, NULL);
  return end;
}

static DioSessionAction
action_of (DioSessionEnd end)
{
  /* Nobody can be asked any more. */
  return end == DIO_SESSION_END_SHUT_DOWN ? DIO_SESSION_SHUT_DOWN : DIO_SESSION_SUSPEND;
}

static void
query_end_cb (DioSessionGuard *guard)
{
  DioSessionEnd end = wish (guard);
  g_autoptr (GPtrArray) active = guard->funcs.list_active (guard->data);

  if (active->len == 0)
    return;
  if (end == DIO_SESSION_END_ASK) {
    inhibit (guard, _ ("Machines are running"));
    guard->funcs.ask (guard->data);
    return;
  }
  inhibit (guard, end == DIO_SESSION_END_SUSPEND ? _ ("Machines are being suspended")
                                                 : _ ("Machines are being shut down"));
  dio_session_guard_end (guard, action_of (end), FALSE);
}

/* The end of a session may send more than one. */
static gboolean
signal_cb (gpointer data)
{
  DioSessionGuard *guard = data;

  dio_session_guard_end (guard, action_of (wish (guard)), TRUE);
  return G_SOURCE_CONTINUE;
}

/* Who presses Ctrl+C again does not want to wait. */
static gboolean
interrupt_cb (gpointer data)
{
  DioSessionGuard *guard = data;

  if (guard->quit && guard->ending)
    _exit (128 + SIGINT);
  return signal_cb (data);
}

void
dio_session_guard_settle (DioSessionGuard *guard)
{
  g_autoptr (GPtrArray) active = guard->funcs.list_active (guard->data);

  guard->settling = TRUE;
  if (!guard->ending && active->len > 0)
    dio_session_guard_end (guard, action_of (wish (guard)), TRUE);
  while (guard->ending)
    g_main_context_iteration (NULL, TRUE);
}

DioSessionGuard *
dio_session_guard_new (GtkApplication *application, DioSettings *settings,
                       const DioSessionGuardFuncs *funcs, gpointer data)
{
  DioSessionGuard *guard = g_new0 (DioSessionGuard, 1);

  guard->application = application;
  guard->settings = g_object_ref (settings);
  guard->funcs = *funcs;
  guard->data = data;
  guard->handler =
      g_signal_connect_swapped (application, "query-end", G_CALLBACK (query_end_cb), guard);
  guard->signals[0] = g_unix_signal_add (SIGTERM, signal_cb, guard);
  guard->signals[1] = g_unix_signal_add (SIGHUP, signal_cb, guard);
  guard->signals[2] = g_unix_signal_add (SIGINT, interrupt_cb, guard);
  return guard;
}

void
dio_session_guard_free (DioSessionGuard *guard)
{
  for (gsize i = 0; i < G_N_ELEMENTS (guard->signals); i++)
    g_source_remove (guard->signals[i]);
  g_signal_handler_disconnect (guard->application, guard->handler);
  g_object_unref (guard->settings);
  g_free (guard);
}
