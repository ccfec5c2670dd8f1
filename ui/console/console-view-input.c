/* SPDX-License-Identifier: GPL-3.0-or-later
 * Keyboard and pointer of the console widget.
 *
 * Keys are taken by a controller on the window in the capture phase. It is added when the widget is
 * realized, after the application has added its accelerators, and so comes before them: Ctrl+W
 * belongs to the guest while the screen has the focus. */
#include "config.h"

#include "ui/console/console-view-private.h"

#include <linux/input-event-codes.h>
#include <math.h>

#ifdef GDK_WINDOWING_WAYLAND
#include <gdk/wayland/gdkwayland.h>
#endif
#ifdef GDK_WINDOWING_X11
#include <gdk/x11/gdkx.h>
#endif

#include "ui/console/console-keys.h"

#define PIXELS_PER_DETENT 20.0

static gboolean
has_hardware_codes (GdkDisplay *display)
{
#ifdef GDK_WINDOWING_X11
  if (GDK_IS_X11_DISPLAY (display))
    return TRUE;
#endif
#ifdef GDK_WINDOWING_WAYLAND
  if (GDK_IS_WAYLAND_DISPLAY (display))
    return TRUE;
#endif
  return FALSE;
}

void
dio_console_view_release_keys (DioConsoleView *self)
{
  for (gsize i = 0; i < G_N_ELEMENTS (self->down); i++)
    self->down[i] = 0;
  self->ctrl = self->alt = self->chord = FALSE;
  if (self->input)
    dio_input_release_all (self->input);
}

static gboolean
others_are_down (DioConsoleView *self)
{
  for (gsize i = 0; i < G_N_ELEMENTS (self->down); i++)
    switch (self->down[i]) {
    case 0:
    case KEY_LEFTCTRL:
    case KEY_RIGHTCTRL:
    case KEY_LEFTALT:
      break;
    default:
      return TRUE;
    }
  return FALSE;
}

/* Keeps track of Ctrl+Alt; TRUE when the chord is complete with this event. AltGr is no Alt. */
static gboolean
track_chord (DioConsoleView *self, guint16 code, gboolean down)
{
  gboolean is_ctrl = code == KEY_LEFTCTRL || code == KEY_RIGHTCTRL;
  gboolean is_alt = code == KEY_LEFTALT;

  if (is_ctrl)
    self->ctrl = down;
  if (is_alt)
    self->alt = down;
  if (!is_ctrl && !is_alt) {
    self->chord = FALSE;
    return FALSE;
  }
  if (down) {
    self->chord = self->ctrl && self->alt && !others_are_down (self);
    return FALSE;
  }
  gboolean complete = self->chord;
  self->chord = FALSE;
  return complete;
}

static gboolean
key_pressed_cb (GtkEventControllerKey *controller, guint keyval, guint keycode,
                GdkModifierType modifiers, DioConsoleView *self)
{
  const GdkModifierType mask = GDK_CONTROL_MASK | GDK_ALT_MASK | GDK_SHIFT_MASK | GDK_SUPER_MASK;

  if (!self->captured || !self->input)
    return GDK_EVENT_PROPAGATE;
  guint16 code = dio_console_keys_from_event (
      has_hardware_codes (gtk_widget_get_display (GTK_WIDGET (self))), keyval, keycode);
  if (code == KEY_F11 && self->reserve_f11 && !(modifiers & mask))
    return GDK_EVENT_PROPAGATE;
  /* A repeat: the guest repeats by itself. */
  if (!code || keycode >= G_N_ELEMENTS (self->down) || self->down[keycode])
    return GDK_EVENT_STOP;

  self->down[keycode] = code;
  track_chord (self, code, TRUE);
  dio_input_key (self->input, code, true);
  return GDK_EVENT_STOP;
}

static void
key_released_cb (GtkEventControllerKey *controller, guint keyval, guint keycode,
                 GdkModifierType modifiers, DioConsoleView *self)
{
  if (keycode >= G_N_ELEMENTS (self->down) || !self->down[keycode])
    return;
  guint16 code = self->down[keycode];
  self->down[keycode] = 0;
  if (self->input)
    dio_input_key (self->input, code, false);
  if (track_chord (self, code, FALSE)) {
    dio_console_view_release_keys (self);
    dio_console_view_emit_released (self);
  }
}

static void
update_inhibition (DioConsoleView *self)
{
  GtkNative *native = gtk_widget_get_native (GTK_WIDGET (self));
  GdkSurface *surface = native ? gtk_native_get_surface (native) : NULL;

  if (!surface || !GDK_IS_TOPLEVEL (surface))
    return;
  if (self->captured && self->capture)
    gdk_toplevel_inhibit_system_shortcuts (GDK_TOPLEVEL (surface), NULL);
  else
    gdk_toplevel_restore_system_shortcuts (GDK_TOPLEVEL (surface));
}

void
dio_console_view_update_captured (DioConsoleView *self)
{
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (self));
  gboolean captured = root && gtk_root_get_focus (root) == GTK_WIDGET (self)
                      && gtk_window_is_active (GTK_WINDOW (root)) && self->input;

  if (captured == self->captured)
    return;
  dio_console_view_release_keys (self);
  dio_console_view_set_captured (self, captured);
  update_inhibition (self);
}

static void
move_pointer (DioConsoleView *self, double x, double y)
{
  guint32 guest_x, guest_y;

  if (self->input && dio_console_view_map_point (self, x, y, &guest_x, &guest_y))
    dio_input_move_absolute (self->input, guest_x, guest_y);
}

static void
motion_cb (GtkEventControllerMotion *controller, double x, double y, DioConsoleView *self)
{
  move_pointer (self, x, y);
}

static guint16
code_of_button (guint button)
{
  switch (button) {
  case GDK_BUTTON_PRIMARY:
    return BTN_LEFT;
  case GDK_BUTTON_MIDDLE:
    return BTN_MIDDLE;
  case GDK_BUTTON_SECONDARY:
    return BTN_RIGHT;
  case 8:
    return BTN_SIDE;
  case 9:
    return BTN_EXTRA;
  default:
    return 0;
  }
}

static void
move_to_event (DioConsoleView *self, GdkEvent *event)
{
  GtkNative *native = gtk_widget_get_native (GTK_WIDGET (self));
  double x, y, surface_x, surface_y;

  if (!gdk_event_get_position (event, &x, &y))
    return;
  gtk_native_get_surface_transform (native, &surface_x, &surface_y);
  if (gtk_widget_translate_coordinates (GTK_WIDGET (native), GTK_WIDGET (self), x - surface_x,
                                        y - surface_y, &x, &y))
    move_pointer (self, x, y);
}

/* Buttons and touch. A gesture would take some events away and hold others back. */
static gboolean
event_cb (GtkEventControllerLegacy *controller, GdkEvent *event, DioConsoleView *self)
{
  GdkEventType type = gdk_event_get_event_type (event);
  gboolean down = type == GDK_BUTTON_PRESS || type == GDK_TOUCH_BEGIN;
  guint16 code = BTN_LEFT;

  switch (type) {
  case GDK_BUTTON_PRESS:
  case GDK_BUTTON_RELEASE:
    code = code_of_button (gdk_button_event_get_button (event));
    break;
  case GDK_TOUCH_UPDATE:
    move_to_event (self, event);
    return GDK_EVENT_STOP;
  case GDK_TOUCH_BEGIN:
  case GDK_TOUCH_END:
  case GDK_TOUCH_CANCEL:
    break;
  default:
    return GDK_EVENT_PROPAGATE;
  }
  if (!self->input)
    return GDK_EVENT_PROPAGATE;
  if (down && !gtk_widget_has_focus (GTK_WIDGET (self)))
    gtk_widget_grab_focus (GTK_WIDGET (self));
  if (code) {
    move_to_event (self, event);
    dio_input_key (self->input, code, down);
  }
  return GDK_EVENT_STOP;
}

/* GDK before 4.10 takes left for right in the steps of a wheel on Wayland. */
static gboolean
is_mirrored (GtkEventController *controller)
{
#ifdef GDK_WINDOWING_WAYLAND
  GdkEvent *event = gtk_event_controller_get_current_event (controller);

  return event && gtk_check_version (4, 10, 0) && gdk_event_get_event_type (event) == GDK_SCROLL
         && gdk_scroll_event_get_direction (event) != GDK_SCROLL_SMOOTH
         && GDK_IS_WAYLAND_DISPLAY (gdk_event_get_display (event));
#else
  return FALSE;
#endif
}

static gboolean
scroll_cb (GtkEventControllerScroll *controller, double dx, double dy, DioConsoleView *self)
{
  double detent = gtk_event_controller_scroll_get_unit (controller) == GDK_SCROLL_UNIT_SURFACE
                      ? PIXELS_PER_DETENT
                      : 1;

  if (!self->input)
    return GDK_EVENT_PROPAGATE;
  if (is_mirrored (GTK_EVENT_CONTROLLER (controller)))
    dx = -dx;
  self->scroll_x += dx / detent;
  self->scroll_y += dy / detent;
  int columns = trunc (self->scroll_x), lines = trunc (self->scroll_y);
  self->scroll_x -= columns;
  self->scroll_y -= lines;
  if (columns || lines)
    dio_input_wheel (self->input, columns, -lines);
  return GDK_EVENT_STOP;
}

static void
realize_cb (DioConsoleView *self)
{
  GtkWidget *root = GTK_WIDGET (gtk_widget_get_root (GTK_WIDGET (self)));
  GtkEventController *keys = gtk_event_controller_key_new ();

  gtk_event_controller_set_propagation_phase (keys, GTK_PHASE_CAPTURE);
  g_signal_connect_object (keys, "key-pressed", G_CALLBACK (key_pressed_cb), self, 0);
  g_signal_connect_object (keys, "key-released", G_CALLBACK (key_released_cb), self, 0);
  gtk_widget_add_controller (root, keys);
  g_object_set_data (G_OBJECT (self), "key-controller", keys);
  g_signal_connect_object (root, "notify::focus-widget",
                           G_CALLBACK (dio_console_view_update_captured), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (root, "notify::is-active", G_CALLBACK (dio_console_view_update_captured),
                           self, G_CONNECT_SWAPPED);
}

static void
unrealize_cb (DioConsoleView *self)
{
  GtkWidget *root = GTK_WIDGET (gtk_widget_get_root (GTK_WIDGET (self)));
  GtkEventController *keys = g_object_steal_data (G_OBJECT (self), "key-controller");

  g_signal_handlers_disconnect_by_data (root, self);
  if (keys)
    gtk_widget_remove_controller (root, keys);
  if (self->captured) {
    dio_console_view_release_keys (self);
    dio_console_view_set_captured (self, FALSE);
    update_inhibition (self);
  }
}

void
dio_console_view_init_input (DioConsoleView *self)
{
  GtkWidget *widget = GTK_WIDGET (self);
  GtkEventController *motion = gtk_event_controller_motion_new ();
  GtkEventController *legacy = gtk_event_controller_legacy_new ();
  GtkEventController *scroll =
      gtk_event_controller_scroll_new (GTK_EVENT_CONTROLLER_SCROLL_BOTH_AXES);

  g_signal_connect (motion, "enter", G_CALLBACK (motion_cb), self);
  g_signal_connect (motion, "motion", G_CALLBACK (motion_cb), self);
  gtk_widget_add_controller (widget, motion);
  g_signal_connect (legacy, "event", G_CALLBACK (event_cb), self);
  gtk_widget_add_controller (widget, legacy);
  g_signal_connect (scroll, "scroll", G_CALLBACK (scroll_cb), self);
  gtk_widget_add_controller (widget, scroll);

  g_signal_connect (self, "realize", G_CALLBACK (realize_cb), NULL);
  g_signal_connect (self, "unrealize", G_CALLBACK (unrealize_cb), NULL);
  g_signal_connect (self, "notify::capture", G_CALLBACK (update_inhibition), NULL);
}
