/* SPDX-License-Identifier: GPL-3.0-or-later
 * The window with the tree of a machine's snapshots. */
#pragma once

#include <adwaita.h>

#include "app/model/model-machine.h"

#define DIO_TYPE_SNAPSHOTS_WINDOW (dio_snapshots_window_get_type ())
G_DECLARE_FINAL_TYPE (DioSnapshotsWindow, dio_snapshots_window, DIO, SNAPSHOTS_WINDOW, AdwWindow)

/* Above @parent. */
GtkWidget *dio_snapshots_window_new (GtkWindow *parent, DioMachineItem *item);
