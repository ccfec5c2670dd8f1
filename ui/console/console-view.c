/* SPDX-License-Identifier: GPL-3.0-or-later
 * The widget that shows a guest's screen and takes keys and pointer for it.
 *
 * Frames: the scan-out's notify (any thread) makes a source of the main context ready, which
 * coalesces by itself. A lone change is painted at the next opportunity; when changes come close
 * together a tick callback takes over, which looks at the scan-out right before painting and so
 * shows the newest frame with the least delay. It goes away as soon as changes are rare again, as
 * it keeps the frame clock running: a console whose cursor blinks costs a few paintings a second.
 *
 * Phase: a guest that draws at the rate of the frame clock stays at one distance from its ticks; by
 * chance that may be nearly a whole frame of delay. When the guest is that steady and the distance
 * is bad, one frame is left out and the ticks start again a little after the next one is due. Where
 * the compositor owns the phase this does not help, so it is tried only a few times.
 *
 * Keyboard: while the widget has the focus every key goes to the guest, but for the chord
 * Ctrl+Alt (both down, nothing else pressed, then let go) and, if wished, F11; see
 * console-view-input.c. */
#include "config.h"

#include "ui/console/console-view-private.h"

#include <glib/gi18n.h>
#include <math.h>

#define BURST_US (100 * 1000) /* changes closer than this start the tick, a longer gap ends it */
#define FOLLOW_DELAY_MS 300

/* Phase of the tick, in microseconds. */
#define PHASE_BAD 8000      /* mean delay that is worth a frame left out */
#define PHASE_AIM 3000      /* delay aimed at */
#define PHASE_UNSTEADY 1500 /* mean deviation of the guest's period that forbids it */
#define PHASE_FRAMES 32     /* frames to judge by */
#define PHASE_TRIES 3

G_DEFINE_FINAL_TYPE (DioConsoleView, dio_console_view, GTK_TYPE_WIDGET)
G_DEFINE_ENUM_TYPE (DioConsoleScaling, dio_console_scaling,
                    G_DEFINE_ENUM_VALUE (DIO_CONSOLE_SCALING_FIT, "fit"),
                    G_DEFINE_ENUM_VALUE (DIO_CONSOLE_SCALING_ACTUAL, "actual"))

enum {
  PROP_0,
  PROP_SCALING,
  PROP_FOLLOW_WINDOW,
  PROP_CAPTURE,
  PROP_RESERVE_F11,
  PROP_CAPTURED,
  PROP_GUEST_WIDTH,
  PROP_GUEST_HEIGHT,
  N_PROPS
};

enum { RELEASED, N_SIGNALS };

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];

/* The picture's place, in device pixels. */
static void
update_target (DioConsoleView *self)
{
  int unit = gtk_widget_get_scale_factor (GTK_WIDGET (self));
  int width = gtk_widget_get_width (GTK_WIDGET (self)) * unit;
  int height = gtk_widget_get_height (GTK_WIDGET (self)) * unit;
  DioConsoleTarget target = { .scale_factor = unit };

  if (self->frame.width && self->scaling == DIO_CONSOLE_SCALING_ACTUAL) {
    target.width = self->frame.width;
    target.height = self->frame.height;
  } else if (self->frame.width && width > 0 && height > 0) {
    if ((gint64) width * self->frame.height <= (gint64) height * self->frame.width) {
      target.width = width;
      target.height = MAX ((gint64) width * self->frame.height / self->frame.width, 1);
    } else {
      target.width = MAX ((gint64) height * self->frame.width / self->frame.height, 1);
      target.height = height;
    }
  }
  target.x = MAX ((width - target.width) / 2, 0);
  target.y = MAX ((height - target.height) / 2, 0);
  self->target = target;
}

static void
update_cursor (DioConsoleView *self)
{
  DioScanoutCursor cursor;

  if (!dio_scanout_get_cursor (self->scanout, &cursor))
    return;
  if (cursor.serial != self->cursor_serial) {
    g_autoptr (GdkCursor) shape = NULL;
    if (cursor.pixels) {
      g_autoptr (GdkTexture) texture =
          gdk_memory_texture_new (cursor.width, cursor.height, GDK_MEMORY_B8G8R8A8_PREMULTIPLIED,
                                  cursor.pixels, (gsize) cursor.width * 4);
      shape = gdk_cursor_new_from_texture (texture, cursor.hot_x, cursor.hot_y, NULL);
    } else {
      shape = gdk_cursor_new_from_name ("none", NULL);
    }
    gtk_widget_set_cursor (GTK_WIDGET (self), shape);
    self->cursor_serial = cursor.serial;
  }
  if (cursor.pixels)
    g_bytes_unref (cursor.pixels);
}

static void
update_description (DioConsoleView *self)
{
  g_autofree char *text = NULL;

  if (self->frame.width)
    /* Translators: the size of the guest's screen in pixels. */
    text = g_strdup_printf (_ ("%u × %u pixels"), self->frame.width, self->frame.height);
  else
    text = g_strdup (_ ("The screen is off"));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, text,
                                  -1);
}

/* Looks at the scan-out; TRUE when there was something new. */
static gboolean
take_frame (DioConsoleView *self)
{
  DioFrame frame;

  if (!self->scanout || !self->presenter)
    return FALSE;
  gboolean fresh = dio_scanout_acquire (self->scanout, &frame);
  update_cursor (self);
  if (!fresh)
    return FALSE;

  /* A scan-out that was shown elsewhere before may not think this a change. */
  frame.mode_changed = frame.width != self->frame.width || frame.height != self->frame.height;
  self->frame = frame;
  self->presenter->ops->update (self->presenter, &frame);
  if (frame.mode_changed) {
    update_target (self);
    update_description (self);
    gtk_widget_queue_resize (GTK_WIDGET (self));
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_GUEST_WIDTH]);
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_GUEST_HEIGHT]);
  }
  gtk_widget_queue_draw (GTK_WIDGET (self));
  return TRUE;
}

/* Averages the guest's period and its delay; TRUE when the ticks should start anew, at
 * phase.restart_us. */
static gboolean
judge_phase (DioConsoleView *self, gint64 clock_period, gint64 now)
{
  DioConsolePhase *phase = &self->phase;
  double period = self->frame.publish_time_us - phase->last_publish_us;
  double delay = now - self->frame.publish_time_us;

  phase->last_publish_us = self->frame.publish_time_us;
  if (phase->frames == 0) {
    phase->period = clock_period;
    phase->deviation = 0;
    phase->delay = delay;
  } else {
    phase->deviation += (fabs (period - phase->period) - phase->deviation) / 16;
    phase->period += (period - phase->period) / 16;
    phase->delay += (delay - phase->delay) / 16;
  }
  phase->frames++;
  if (phase->frames < PHASE_FRAMES || phase->tries >= PHASE_TRIES || phase->delay < PHASE_BAD
      || phase->deviation > PHASE_UNSTEADY
      || fabs (phase->period - clock_period) > clock_period / 32.0)
    return FALSE;

  gint64 due = phase->last_publish_us;
  while (due + PHASE_AIM < now + clock_period + 1000)
    due += (gint64) phase->period;
  phase->restart_us = due + PHASE_AIM;
  phase->frames = 0;
  phase->tries++;
  return TRUE;
}

static gboolean
tick_cb (GtkWidget *widget, GdkFrameClock *clock, gpointer data)
{
  DioConsoleView *self = DIO_CONSOLE_VIEW (widget);
  gint64 now = g_get_monotonic_time ();
  gboolean slow = now - self->last_frame_us > BURST_US;
  gint64 clock_period;

  if (take_frame (self)) {
    self->last_frame_us = now;
    gdk_frame_clock_get_refresh_info (clock, now, &clock_period, NULL);
    if (!slow && judge_phase (self, clock_period, now)) {
      g_source_set_ready_time (self->wake, self->phase.restart_us);
      slow = TRUE;
    }
  }
  if (slow)
    self->tick = 0;
  return slow ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

static gboolean
wake_cb (gpointer data)
{
  DioConsoleView *self = DIO_CONSOLE_VIEW (data);
  gint64 now = g_get_monotonic_time ();

  g_source_set_ready_time (self->wake, -1);
  if (self->tick || !gtk_widget_get_mapped (GTK_WIDGET (self)))
    return G_SOURCE_CONTINUE;
  if (now < self->phase.restart_us) {
    g_source_set_ready_time (self->wake, self->phase.restart_us);
    return G_SOURCE_CONTINUE;
  }
  if (take_frame (self)) {
    if (now - self->last_frame_us < BURST_US) {
      if (!self->phase.restart_us)
        self->phase.tries = 0;
      self->phase.frames = 0;
      self->tick = gtk_widget_add_tick_callback (GTK_WIDGET (self), tick_cb, NULL, NULL);
    }
    self->last_frame_us = now;
  }
  self->phase.restart_us = 0;
  return G_SOURCE_CONTINUE;
}

static gboolean
wake_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  return callback (data);
}

static GSourceFuncs wake_funcs = { .dispatch = wake_dispatch };

/* Publishing thread. */
static void
notify_cb (void *data)
{
  g_source_set_ready_time (data, 0);
}

static void
add_wake (DioConsoleView *self)
{
  self->wake = g_source_new (&wake_funcs, sizeof (GSource));
  g_source_set_static_name (self->wake, "dio-console-wake");
  g_source_set_callback (self->wake, wake_cb, self, NULL);
  g_source_set_ready_time (self->wake, 0); /* what is there already */
  g_source_attach (self->wake, NULL);
  dio_scanout_set_notify (self->scanout, notify_cb, self->wake);
}

static void
remove_wake (DioConsoleView *self)
{
  if (self->scanout)
    dio_scanout_set_notify (self->scanout, NULL, NULL);
  if (self->wake)
    g_source_destroy (self->wake);
  g_clear_pointer (&self->wake, g_source_unref);
  if (self->tick)
    gtk_widget_remove_tick_callback (GTK_WIDGET (self), self->tick);
  self->tick = 0;
}

/* A new presenter has seen nothing: give it the whole of the last frame. */
static void
show_last_frame (DioConsoleView *self)
{
  DioFrame frame = self->frame;

  if (!self->presenter)
    return;
  memset (frame.dirty, 0xff, sizeof frame.dirty);
  frame.mode_changed = TRUE;
  self->presenter->ops->update (self->presenter, &frame);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

/* Shows @scanout and sends input to @input; both borrowed until replaced, NULL for none. */
void
dio_console_view_set_machine (DioConsoleView *self, DioScanout *scanout, DioInput *input)
{
  g_return_if_fail (DIO_IS_CONSOLE_VIEW (self));

  if (self->scanout == scanout && self->input == input)
    return;
  dio_console_view_release_keys (self);
  remove_wake (self);
  self->scanout = scanout;
  self->input = input;
  self->frame = (DioFrame){ 0 };
  self->cursor_serial = 0;
  gtk_widget_set_cursor (GTK_WIDGET (self), NULL);

  if (scanout) {
    DioFrame frame;
    dio_scanout_acquire (scanout, &frame);
    self->frame = frame;
    add_wake (self);
    dio_console_view_schedule_follow (self);
  }
  dio_console_view_update_captured (self);
  show_last_frame (self);
  update_target (self);
  update_description (self);
  gtk_widget_queue_resize (GTK_WIDGET (self));
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_GUEST_WIDTH]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_GUEST_HEIGHT]);
}

/* Millimetres of @pixels of @widget's monitor, guessed at 96 dpi where it does not say. */
static guint32
to_millimetres (GtkWidget *widget, int pixels, gboolean vertical)
{
  GdkSurface *surface = gtk_native_get_surface (gtk_widget_get_native (widget));
  GdkMonitor *monitor =
      gdk_display_get_monitor_at_surface (gtk_widget_get_display (widget), surface);
  double per_pixel = 25.4 / 96;

  if (monitor) {
    GdkRectangle geometry;
    gdk_monitor_get_geometry (monitor, &geometry);
    int size = vertical ? geometry.height : geometry.width;
    int mm = vertical ? gdk_monitor_get_height_mm (monitor) : gdk_monitor_get_width_mm (monitor);
    /* Projectors and nested displays say 0 or nonsense. */
    if (size > 0 && mm > 0 && (double) mm / size > 0.05 && (double) mm / size < 1)
      per_pixel = (double) mm / size;
  }
  return MAX (lround (pixels * per_pixel), 1);
}

static gboolean
follow_cb (gpointer data)
{
  DioConsoleView *self = DIO_CONSOLE_VIEW (data);
  GtkWidget *widget = GTK_WIDGET (self);
  GtkWidget *area = gtk_widget_get_ancestor (widget, GTK_TYPE_SCROLLED_WINDOW);

  self->follow_timeout = 0;
  if (!self->scanout || !self->follow_window || !gtk_widget_get_mapped (widget))
    return G_SOURCE_REMOVE;
  /* At 1:1 the widget is as large as the guest; the hole it is seen through is what counts. */
  if (!area)
    area = widget;
  int unit = gtk_widget_get_scale_factor (widget);
  int width = gtk_widget_get_width (area), height = gtk_widget_get_height (area);
  if (width < 1 || height < 1)
    return G_SOURCE_REMOVE;
  dio_scanout_set_preferred_size (self->scanout, width * unit, height * unit,
                                  to_millimetres (widget, width, FALSE),
                                  to_millimetres (widget, height, TRUE));
  return G_SOURCE_REMOVE;
}

void
dio_console_view_schedule_follow (DioConsoleView *self)
{
  g_clear_handle_id (&self->follow_timeout, g_source_remove);
  if (self->scanout && self->follow_window && gtk_widget_get_mapped (GTK_WIDGET (self)))
    self->follow_timeout = g_timeout_add (FOLLOW_DELAY_MS, follow_cb, self);
}

static void
dio_console_view_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  DioConsoleView *self = DIO_CONSOLE_VIEW (widget);

  update_target (self);
  dio_console_view_schedule_follow (self);
}

static void
dio_console_view_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                          int *natural, int *minimum_baseline, int *natural_baseline)
{
  DioConsoleView *self = DIO_CONSOLE_VIEW (widget);
  int unit = gtk_widget_get_scale_factor (widget);
  guint32 pixels =
      orientation == GTK_ORIENTATION_HORIZONTAL ? self->frame.width : self->frame.height;
  int size = (pixels + unit - 1) / unit;

  *natural = MAX (size, 1);
  *minimum = self->scaling == DIO_CONSOLE_SCALING_ACTUAL ? *natural : 1;
}

static void
dio_console_view_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  DioConsoleView *self = DIO_CONSOLE_VIEW (widget);
  graphene_rect_t area =
      GRAPHENE_RECT_INIT (0, 0, gtk_widget_get_width (widget), gtk_widget_get_height (widget));

  gtk_snapshot_append_color (snapshot, &(GdkRGBA){ 0, 0, 0, 1 }, &area);
  if (self->presenter)
    self->presenter->ops->snapshot (self->presenter, &self->target, snapshot);
}

static void
dio_console_view_realize (GtkWidget *widget)
{
  DioConsoleView *self = DIO_CONSOLE_VIEW (widget);

  GTK_WIDGET_CLASS (dio_console_view_parent_class)->realize (widget);
  self->presenter = dio_console_presenter_new (widget);
  show_last_frame (self);
}

static void
dio_console_view_unrealize (GtkWidget *widget)
{
  DioConsoleView *self = DIO_CONSOLE_VIEW (widget);

  if (self->presenter)
    self->presenter->ops->free (self->presenter);
  self->presenter = NULL;
  GTK_WIDGET_CLASS (dio_console_view_parent_class)->unrealize (widget);
}

static void
dio_console_view_map (GtkWidget *widget)
{
  DioConsoleView *self = DIO_CONSOLE_VIEW (widget);

  GTK_WIDGET_CLASS (dio_console_view_parent_class)->map (widget);
  if (self->wake)
    g_source_set_ready_time (self->wake, 0);
  dio_console_view_schedule_follow (self);
}

static void
scale_factor_cb (DioConsoleView *self)
{
  update_target (self);
  gtk_widget_queue_resize (GTK_WIDGET (self));
}

void
dio_console_view_set_scaling (DioConsoleView *self, DioConsoleScaling scaling)
{
  g_return_if_fail (DIO_IS_CONSOLE_VIEW (self));

  if (self->scaling == scaling)
    return;
  self->scaling = scaling;
  update_target (self);
  gtk_widget_queue_resize (GTK_WIDGET (self));
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SCALING]);
}

DioConsoleScaling
dio_console_view_get_scaling (DioConsoleView *self)
{
  g_return_val_if_fail (DIO_IS_CONSOLE_VIEW (self), DIO_CONSOLE_SCALING_FIT);
  return self->scaling;
}

gboolean
dio_console_view_get_captured (DioConsoleView *self)
{
  g_return_val_if_fail (DIO_IS_CONSOLE_VIEW (self), FALSE);
  return self->captured;
}

void
dio_console_view_set_captured (DioConsoleView *self, gboolean captured)
{
  if (self->captured == captured)
    return;
  self->captured = captured;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CAPTURED]);
}

void
dio_console_view_emit_released (DioConsoleView *self)
{
  g_signal_emit (self, signals[RELEASED], 0);
}

const char *
dio_console_view_get_presenter (DioConsoleView *self)
{
  g_return_val_if_fail (DIO_IS_CONSOLE_VIEW (self), NULL);
  return self->presenter ? self->presenter->ops->name : NULL;
}

gboolean
dio_console_view_map_point (DioConsoleView *self, double x, double y, guint32 *guest_x,
                            guint32 *guest_y)
{
  const DioConsoleTarget *target = &self->target;

  if (target->width <= 0 || target->height <= 0)
    return FALSE;
  /* The centre of the last pixel is the end of the axis. */
  double across = (x * target->scale_factor - target->x) / MAX (target->width - 1, 1);
  double down = (y * target->scale_factor - target->y) / MAX (target->height - 1, 1);
  *guest_x = lround (CLAMP (across, 0, 1) * DIO_INPUT_ABS_MAX);
  *guest_y = lround (CLAMP (down, 0, 1) * DIO_INPUT_ABS_MAX);
  return TRUE;
}

static void
dio_console_view_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  DioConsoleView *self = DIO_CONSOLE_VIEW (object);

  switch (id) {
  case PROP_SCALING:
    g_value_set_enum (value, self->scaling);
    break;
  case PROP_FOLLOW_WINDOW:
    g_value_set_boolean (value, self->follow_window);
    break;
  case PROP_CAPTURE:
    g_value_set_boolean (value, self->capture);
    break;
  case PROP_RESERVE_F11:
    g_value_set_boolean (value, self->reserve_f11);
    break;
  case PROP_CAPTURED:
    g_value_set_boolean (value, self->captured);
    break;
  case PROP_GUEST_WIDTH:
    g_value_set_uint (value, self->frame.width);
    break;
  case PROP_GUEST_HEIGHT:
    g_value_set_uint (value, self->frame.height);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
dio_console_view_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  DioConsoleView *self = DIO_CONSOLE_VIEW (object);

  switch (id) {
  case PROP_SCALING:
    dio_console_view_set_scaling (self, g_value_get_enum (value));
    break;
  case PROP_FOLLOW_WINDOW:
    self->follow_window = g_value_get_boolean (value);
    dio_console_view_schedule_follow (self);
    break;
  case PROP_CAPTURE:
    self->capture = g_value_get_boolean (value);
    break;
  case PROP_RESERVE_F11:
    self->reserve_f11 = g_value_get_boolean (value);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
dio_console_view_dispose (GObject *object)
{
  DioConsoleView *self = DIO_CONSOLE_VIEW (object);

  dio_console_view_set_machine (self, NULL, NULL);
  g_clear_handle_id (&self->follow_timeout, g_source_remove);
  G_OBJECT_CLASS (dio_console_view_parent_class)->dispose (object);
}

static void
dio_console_view_class_init (DioConsoleViewClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  const GParamFlags both = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;
  const GParamFlags readable = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->dispose = dio_console_view_dispose;
  object_class->get_property = dio_console_view_get_property;
  object_class->set_property = dio_console_view_set_property;
  widget_class->size_allocate = dio_console_view_size_allocate;
  widget_class->measure = dio_console_view_measure;
  widget_class->snapshot = dio_console_view_snapshot;
  widget_class->realize = dio_console_view_realize;
  widget_class->unrealize = dio_console_view_unrealize;
  widget_class->map = dio_console_view_map;

  properties[PROP_SCALING] =
      g_param_spec_enum ("scaling", NULL, NULL, DIO_TYPE_CONSOLE_SCALING, DIO_CONSOLE_SCALING_FIT,
                         both | G_PARAM_EXPLICIT_NOTIFY);
  properties[PROP_FOLLOW_WINDOW] = g_param_spec_boolean ("follow-window", NULL, NULL, TRUE, both);
  properties[PROP_CAPTURE] = g_param_spec_boolean ("capture", NULL, NULL, TRUE, both);
  properties[PROP_RESERVE_F11] = g_param_spec_boolean ("reserve-f11", NULL, NULL, TRUE, both);
  properties[PROP_CAPTURED] = g_param_spec_boolean ("captured", NULL, NULL, FALSE, readable);
  properties[PROP_GUEST_WIDTH] =
      g_param_spec_uint ("guest-width", NULL, NULL, 0, G_MAXUINT, 0, readable);
  properties[PROP_GUEST_HEIGHT] =
      g_param_spec_uint ("guest-height", NULL, NULL, 0, G_MAXUINT, 0, readable);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  signals[RELEASED] = g_signal_new ("released", DIO_TYPE_CONSOLE_VIEW, G_SIGNAL_RUN_LAST, 0, NULL,
                                    NULL, NULL, G_TYPE_NONE, 0);

  gtk_widget_class_set_css_name (widget_class, "console");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
}

static void
dio_console_view_init (DioConsoleView *self)
{
  self->follow_window = TRUE;
  self->capture = TRUE;
  self->reserve_f11 = TRUE;
  gtk_widget_set_focusable (GTK_WIDGET (self), TRUE);
  gtk_widget_set_overflow (GTK_WIDGET (self), GTK_OVERFLOW_HIDDEN);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ ("Screen of the machine"), -1);
  g_signal_connect (self, "notify::scale-factor", G_CALLBACK (scale_factor_cb), NULL);
  dio_console_view_init_input (self);
}

GtkWidget *
dio_console_view_new (void)
{
  return g_object_new (DIO_TYPE_CONSOLE_VIEW, NULL);
}
