/* SPDX-License-Identifier: GPL-3.0-or-later
 * The library window: all machines as a grid of cards. */
#pragma once

#include <adwaita.h>

#include "app/model/model-library.h"
#include "ui/preferences/settings.h"

#define DIO_TYPE_LIBRARY_WINDOW (dio_library_window_get_type ())
G_DECLARE_FINAL_TYPE (DioLibraryWindow, dio_library_window, DIO, LIBRARY_WINDOW,
                      AdwApplicationWindow)

/* Signals: "open-machine" (DioMachineItem): the person opened a card; "create" (const char *path or
 * NULL): wants a new machine, from a dropped file perhaps. */
GtkWidget *dio_library_window_new (AdwApplication *application, DioLibrary *library,
                                   DioSettings *settings);

/* Moves @item to the trash and offers to undo that. */
void dio_library_window_delete (DioLibraryWindow *self, DioMachineItem *item);

void dio_library_window_add_toast (DioLibraryWindow *self, AdwToast *toast);
