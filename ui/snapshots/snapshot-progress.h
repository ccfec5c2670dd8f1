/* SPDX-License-Identifier: GPL-3.0-or-later
 * What is being done with the snapshots of a machine: words, how far it is, and a button that ends
 * it. Invisible when there is nothing that takes long. Main thread. */
#pragma once

#include <adwaita.h>

#include "app/model/model-machine.h"

#define DIO_TYPE_SNAPSHOT_PROGRESS (dio_snapshot_progress_get_type ())
G_DECLARE_FINAL_TYPE (DioSnapshotProgress, dio_snapshot_progress, DIO, SNAPSHOT_PROGRESS, AdwBin)

/* Once. @all: also of what goes on by itself, as a merge. */
void dio_snapshot_progress_set_item (DioSnapshotProgress *self, DioMachineItem *item, gboolean all);
