/* SPDX-License-Identifier: GPL-3.0-or-later
 * Diorama starts when the person logs in, to bring back what the end of the session suspended. By
 * the autostart specification of freedesktop.org, in a Flatpak by the Background portal. Main
 * thread. */
#pragma once

#include "ui/preferences/settings.h"

/* What starts the application so that it ends at once when there is nothing to bring back. */
#define DIO_AUTOSTART_OPTION "restore"

typedef struct DioAutostart DioAutostart;

/* Follows "start-at-login" of @settings. The entry in @folder ($XDG_CONFIG_HOME/autostart) says
 * whether it is on at first, as other programs may switch it, too; NULL: the portal is asked. What
 * cannot be done is undone in @settings, and told to @failed. */
DioAutostart *dio_autostart_new (DioSettings *settings, const char *folder,
                                 void (*failed) (const char *message, gpointer data),
                                 gpointer data);
void dio_autostart_free (DioAutostart *autostart);
