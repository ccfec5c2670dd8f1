/* SPDX-License-Identifier: GPL-3.0-or-later
 * The wizard that makes a machine: where its system comes from, then everything to review. */
#pragma once

#include <adwaita.h>

#include "app/model/model-library.h"

#define DIO_TYPE_CREATE_WINDOW (dio_create_window_get_type ())
G_DECLARE_FINAL_TYPE (DioCreateWindow, dio_create_window, DIO, CREATE_WINDOW, AdwWindow)

/* Signal "created" (DioMachineItem, gboolean start). @host is borrowed. @path: a file to begin
 * with, or NULL. */
GtkWidget *dio_create_window_new (GtkWindow *parent, DioLibrary *library,
                                  const DioMachineHost *host, const char *path);
