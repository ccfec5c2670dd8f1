/* SPDX-License-Identifier: GPL-3.0-or-later
 * The disks of a machine: what they are, and what can be done with their files. Works at once, not
 * on a copy. */
#pragma once

#include <adwaita.h>

#include "app/model/model-machine.h"

#define DIO_TYPE_DISKS_WINDOW (dio_disks_window_get_type ())
G_DECLARE_FINAL_TYPE (DioDisksWindow, dio_disks_window, DIO, DISKS_WINDOW, AdwWindow)

/* @parent may be NULL. @item is one of the library, and not broken. */
GtkWidget *dio_disks_window_new (GtkWindow *parent, DioMachineItem *item);
