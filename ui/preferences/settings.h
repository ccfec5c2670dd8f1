/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a person chose for the application, kept in $XDG_CONFIG_HOME/diorama/settings.ini. Main
 * thread. */
#pragma once

#include <glib-object.h>

typedef enum {
  DIO_CLOSE_ASK,
  DIO_CLOSE_KEEP_RUNNING,
} DioCloseAction;

#define DIO_TYPE_CLOSE_ACTION (dio_close_action_get_type ())
GType dio_close_action_get_type (void);

/* What becomes of running machines when the person logs out. */
typedef enum {
  DIO_SESSION_END_SUSPEND,
  DIO_SESSION_END_SHUT_DOWN,
  DIO_SESSION_END_ASK,
} DioSessionEnd;

#define DIO_TYPE_SESSION_END (dio_session_end_get_type ())
GType dio_session_end_get_type (void);

#define DIO_TYPE_SETTINGS (dio_settings_get_type ())
G_DECLARE_FINAL_TYPE (DioSettings, dio_settings, DIO, SETTINGS, GObject)

/* Properties: "scaling" (DioConsoleScaling of new windows), "follow-window", "capture",
 * "reserve-f11", "close-action", "session-end", "resume-suspended" (at the next start, those that
 * the end of a session suspended), "start-at-login" (to bring them back; see autostart.h). Each
 * change is written at once. */

/* Reads @path, NULL for the usual place. A file that is missing or broken gives the defaults. */
DioSettings *dio_settings_new (const char *path);

/* The size a window had when it was closed, by a key of its own; FALSE when unknown. */
gboolean dio_settings_get_window (DioSettings *self, const char *key, int *width, int *height,
                                  gboolean *maximized);
void dio_settings_set_window (DioSettings *self, const char *key, int width, int height,
                              gboolean maximized);

/* The ids of machines that were suspended because the session ended, NULL-terminated, to be freed.
 * They stay until they are removed, which is when the machine went on or will not. */
void dio_settings_add_suspended (DioSettings *self, const char *const *ids);
char **dio_settings_get_suspended (DioSettings *self);
void dio_settings_remove_suspended (DioSettings *self, const char *id);
