/* SPDX-License-Identifier: GPL-3.0-or-later
 * Names of menu items for screen readers, where GTK gives none. */
#pragma once

#include <gtk/gtk.h>

/* For every menu of the process from now on. Once, after GTK is initialised. */
void dio_menu_names_init (void);
