/* SPDX-License-Identifier: GPL-3.0-or-later
 * The preferences of the application; each row applies at once. */
#pragma once

#include <adwaita.h>

#include "ui/preferences/settings.h"

#define DIO_TYPE_PREFERENCES_WINDOW (dio_preferences_window_get_type ())
G_DECLARE_FINAL_TYPE (DioPreferencesWindow, dio_preferences_window, DIO, PREFERENCES_WINDOW,
                      AdwPreferencesWindow)

GtkWidget *dio_preferences_window_new (GtkWindow *parent, DioSettings *settings);
