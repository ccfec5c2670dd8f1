/* SPDX-License-Identifier: GPL-3.0-or-later
 * The settings of a machine that is off: what it is made of. Nothing changes before Save. */
#pragma once

#include <adwaita.h>

#include "app/model/model-machine.h"

#define DIO_TYPE_SETTINGS_WINDOW (dio_settings_window_get_type ())
G_DECLARE_FINAL_TYPE (DioSettingsWindow, dio_settings_window, DIO, SETTINGS_WINDOW, AdwWindow)

/* @parent may be NULL. @item is one of the library, and not broken. */
GtkWidget *dio_settings_window_new (GtkWindow *parent, DioMachineItem *item);
