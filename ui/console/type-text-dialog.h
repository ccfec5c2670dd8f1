/* SPDX-License-Identifier: GPL-3.0-or-later
 * Asks for a text and types it into a machine as key presses. */
#pragma once

#include <adwaita.h>

#include "app/model/model-machine.h"

#define DIO_TYPE_TYPE_TEXT_DIALOG (dio_type_text_dialog_get_type ())
G_DECLARE_FINAL_TYPE (DioTypeTextDialog, dio_type_text_dialog, DIO, TYPE_TEXT_DIALOG, AdwWindow)

GtkWidget *dio_type_text_dialog_new (GtkWindow *parent, DioMachineItem *item);
