/* SPDX-License-Identifier: GPL-3.0-or-later
 * The presenter of a console: puts frames of a scan-out into a GTK snapshot. Main thread. */
#pragma once

#include <gtk/gtk.h>

#include "render/scanout/scanout.h"

typedef struct DioConsolePresenter DioConsolePresenter;

/* Where the picture goes, in device pixels from the widget's corner, and how many of them one unit
 * of the widget has. */
typedef struct {
  int x, y, width, height;
  int scale_factor;
} DioConsoleTarget;

typedef struct {
  const char *name;
  /* Takes note of @frame's damage; the frame's pixels stay valid until the next call. */
  void (*update) (DioConsolePresenter *self, const DioFrame *frame);
  /* Draws the frame of the last update. */
  void (*snapshot) (DioConsolePresenter *self, const DioConsoleTarget *target,
                    GtkSnapshot *snapshot);
  void (*free) (DioConsolePresenter *self);
} DioConsolePresenterOps;

struct DioConsolePresenter {
  const DioConsolePresenterOps *ops;
};

/* Textures on a GPU; NULL when @widget's display has no OpenGL, or only one in software (unless
 * @allow_software). @widget must be realized. */
DioConsolePresenter *dio_console_presenter_gl_new (GtkWidget *widget, gboolean allow_software);

/* Retained tiles, for GSK's cairo renderer. */
DioConsolePresenter *dio_console_presenter_tiles_new (void);

/* The one that suits; $DIORAMA_PRESENTER ("gl" or "tiles") insists. Never NULL. */
DioConsolePresenter *dio_console_presenter_new (GtkWidget *widget);
