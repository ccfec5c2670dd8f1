/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the two halves of the machine window share. */
#pragma once

#include "ui/console/console-view.h"
#include "ui/snapshots/snapshot-progress.h"
#include "ui/window/machine-window.h"

struct _DioMachineWindow {
  AdwApplicationWindow parent_instance;

  DioMachineItem *item;
  DioSettings *settings;
  char *dismissed_error;
  guint pill_timeout;
  guint bar_timeout;
  gboolean fullscreen;
  gboolean close_confirmed;

  AdwToastOverlay *toasts;
  AdwHeaderBar *header_bar;
  AdwWindowTitle *window_title;
  GtkButton *toggle_button;
  GtkToggleButton *keyboard_button;
  GtkWidget *disposable_tag;
  GtkMenuButton *menu_button;
  GtkMenuButton *snapshots_button;
  GtkInfoBar *error_bar;
  GtkLabel *error_label;
  GtkButton *error_close_button;
  GtkOverlay *overlay;
  GtkStack *stack;
  GtkPicture *last_picture;
  AdwStatusPage *off_page;
  GtkButton *start_button;
  GtkButton *settings_button;
  GtkButton *power_button;
  GtkButton *folder_button;
  GtkButton *delete_button;
  GtkSpinner *spinner;
  GtkScrolledWindow *scroller;
  DioConsoleView *console;
  GtkRevealer *paused_revealer;
  DioSnapshotProgress *snapshot_progress;
  GtkRevealer *pill_revealer;
  GtkLabel *pill_label;
  GtkRevealer *bar_revealer;
  GtkBox *bar;
  GtkButton *bar_toggle_button;
  GtkLabel *bar_label;
  GtkMenuButton *bar_menu_button;
};

/* machine-window-actions.c */
void dio_machine_window_install_actions (GtkWidgetClass *widget_class);
void dio_machine_window_add_actions (DioMachineWindow *self);
void dio_machine_window_update_actions (DioMachineWindow *self);

/* Emits "delete". */
void dio_machine_window_emit_delete (DioMachineWindow *self);

/* Says something over the screen for a few seconds. */
void dio_machine_window_show_pill (DioMachineWindow *self, const char *text);
