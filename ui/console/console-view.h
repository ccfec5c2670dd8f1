/* SPDX-License-Identifier: GPL-3.0-or-later
 * The widget that shows a guest's screen and takes keys and pointer for it. It knows a scan-out and
 * an input, not a machine. */
#pragma once

#include <gtk/gtk.h>

#include "core/backend/backend-input.h"
#include "render/scanout/scanout.h"

typedef enum {
  DIO_CONSOLE_SCALING_FIT,    /* as large as the window allows, aspect kept */
  DIO_CONSOLE_SCALING_ACTUAL, /* one guest pixel is one screen pixel */
} DioConsoleScaling;

#define DIO_TYPE_CONSOLE_SCALING (dio_console_scaling_get_type ())
GType dio_console_scaling_get_type (void);

#define DIO_TYPE_CONSOLE_VIEW (dio_console_view_get_type ())
G_DECLARE_FINAL_TYPE (DioConsoleView, dio_console_view, DIO, CONSOLE_VIEW, GtkWidget)

/* Properties: "scaling"; "follow-window" (the guest is told the widget's size); "capture" (system
 * shortcuts go to the guest while the keyboard does); "reserve-f11" (F11 is left to the window);
 * "captured" (read-only: keys go to the guest now); "guest-width", "guest-height" (read-only, 0
 * when the screen is off).
 * Signal "released": the person pressed the chord that lets the keyboard go. */
GtkWidget *dio_console_view_new (void);

/* Shows @scanout and sends input to @input; both borrowed until replaced, NULL for none. */
void dio_console_view_set_machine (DioConsoleView *self, DioScanout *scanout, DioInput *input);

void dio_console_view_set_scaling (DioConsoleView *self, DioConsoleScaling scaling);
DioConsoleScaling dio_console_view_get_scaling (DioConsoleView *self);
gboolean dio_console_view_get_captured (DioConsoleView *self);

/* The presenter in use ("gl", "tiles"); NULL before the widget is realized. */
const char *dio_console_view_get_presenter (DioConsoleView *self);

/* Where a point of the widget lies in the guest's picture, 0..DIO_INPUT_ABS_MAX; points beside the
 * picture are moved to its edge. FALSE when there is no picture. */
gboolean dio_console_view_map_point (DioConsoleView *self, double x, double y, guint32 *guest_x,
                                     guint32 *guest_y);
