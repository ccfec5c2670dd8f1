/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the two halves of the console view share: console-view.c shows, console-view-input.c takes
 * input. */
#pragma once

#include "ui/console/console-presenter.h"
#include "ui/console/console-view.h"

#define DIO_CONSOLE_MAX_KEYS 768 /* evdev codes below this are remembered */

/* How the guest's frames lie to the ticks of the frame clock, in microseconds. */
typedef struct {
  double period, deviation, delay; /* moving averages */
  gint64 last_publish_us;
  gint64 restart_us; /* when the ticks start again; 0 normally */
  guint frames, tries;
} DioConsolePhase;

struct _DioConsoleView {
  GtkWidget parent_instance;

  DioScanout *scanout;
  DioInput *input;
  DioConsolePresenter *presenter;
  DioFrame frame; /* the last one taken; its pixels belong to the scan-out */
  DioConsoleTarget target;
  guint64 cursor_serial;
  GSource *wake;
  guint tick;
  gint64 last_frame_us;
  DioConsolePhase phase;
  guint follow_timeout;

  DioConsoleScaling scaling;
  gboolean follow_window, capture, reserve_f11, captured;

  guint16 down[DIO_CONSOLE_MAX_KEYS]; /* by hardware key: the code that went down, 0 up */
  gboolean chord;                     /* Ctrl and Alt are down and nothing else was pressed */
  gboolean ctrl, alt;
  double scroll_x, scroll_y;
};

void dio_console_view_init_input (DioConsoleView *self);
void dio_console_view_schedule_follow (DioConsoleView *self);
void dio_console_view_set_captured (DioConsoleView *self, gboolean captured);
/* To be called when the focus, the window's activity or the input changed. */
void dio_console_view_update_captured (DioConsoleView *self);
void dio_console_view_emit_released (DioConsoleView *self);
/* Lets go of everything that is down in the guest. */
void dio_console_view_release_keys (DioConsoleView *self);
