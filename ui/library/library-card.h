/* SPDX-License-Identifier: GPL-3.0-or-later
 * A machine in the library: its picture, state, name and one quiet line. */
#pragma once

#include <gtk/gtk.h>

#include "app/model/model-machine.h"

#define DIO_TYPE_LIBRARY_CARD (dio_library_card_get_type ())
G_DECLARE_FINAL_TYPE (DioLibraryCard, dio_library_card, DIO, LIBRARY_CARD, GtkFlowBoxChild)

GtkWidget *dio_library_card_new (DioMachineItem *item);
DioMachineItem *dio_library_card_get_item (DioLibraryCard *self);

/* Opens the context menu at the card's middle (Menu key, Shift+F10). */
void dio_library_card_popup_menu (DioLibraryCard *self);
