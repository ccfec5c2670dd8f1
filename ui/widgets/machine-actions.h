/* SPDX-License-Identifier: GPL-3.0-or-later
 * The commands of one machine as actions: start, pause, resume, toggle, power-button, reset,
 * force-off, settings, rename, show-folder. They are enabled as the machine's state allows;
 * failures are told in a dialog above @widget, but for a start in a machine's own window. Main
 * thread. */
#pragma once

#include <gtk/gtk.h>

#include "app/model/model-machine.h"

/* Inserts the group as "machine" into @widget, which owns it; NULL @item removes it. */
void dio_machine_actions_attach (GtkWidget *widget, DioMachineItem *item);
