/* SPDX-License-Identifier: GPL-3.0-or-later
 * The window of one machine: its screen and the commands around it. */
#pragma once

#include <adwaita.h>

#include "app/model/model-machine.h"
#include "ui/preferences/settings.h"

#define DIO_TYPE_MACHINE_WINDOW (dio_machine_window_get_type ())
G_DECLARE_FINAL_TYPE (DioMachineWindow, dio_machine_window, DIO, MACHINE_WINDOW,
                      AdwApplicationWindow)

/* Signal "delete": the person wants the machine, which cannot be used, gone. */
GtkWidget *dio_machine_window_new (AdwApplication *application, DioMachineItem *item,
                                   DioSettings *settings);
DioMachineItem *dio_machine_window_get_item (DioMachineWindow *self);
