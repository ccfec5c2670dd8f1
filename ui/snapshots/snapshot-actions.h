/* SPDX-License-Identifier: GPL-3.0-or-later
 * The commands that concern a machine's snapshots, as the action group "snapshot". */
#pragma once

#include <adwaita.h>

#include "app/model/model-snapshots.h"

/* Gives @widget the actions take, cancel, revert-last, show and, with the id of a snapshot,
 * revert, delete, rename, note and clone. Results are told in @toasts. */
void dio_snapshot_actions_attach (GtkWidget *widget, DioMachineItem *item, AdwToastOverlay *toasts);
