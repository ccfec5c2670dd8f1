/* SPDX-License-Identifier: GPL-3.0-or-later
 * The application with its windows. Main thread. */
#pragma once

#include <adwaita.h>

#include "app/model/model-library.h"

#define DIO_TYPE_APPLICATION (dio_application_get_type ())
G_DECLARE_FINAL_TYPE (DioApplication, dio_application, DIO, APPLICATION, AdwApplication)

/* @host is borrowed. @only: a machine that is shown instead of the library, started at once, and
 * ends the application when it stops; NULL normally. */
DioApplication *dio_application_new (const DioMachineHost *host, DioMachineItem *only);

/* Makes templates, style and icons known; dio_ui_run() does it by itself. */
void dio_ui_register_resources (void);

/* Runs the whole user interface: returns the exit status. Says so on standard error when there is
 * no display. To be called early, while the process has few threads. */
int dio_ui_run (int argc, char **argv, const DioMachineHost *host);

/* A window on @item alone, which is started; returns when it is off. Not 0 when there is no
 * display; what became of the machine is known by watching it. */
int dio_ui_run_item (DioMachineItem *item, const DioMachineHost *host);

/* The same for a single machine that is not in the library (`diorama run` with a window). The
 * status is not 0 when the machine did not end by itself or ended with an error. */
int dio_ui_run_machine (const DioMachineConfig *config, const DioMachineHost *host);
