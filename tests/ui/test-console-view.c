/* SPDX-License-Identifier: GPL-3.0-or-later
 * The console widget: what it paints pixel by pixel with either presenter, where the pointer is,
 * and that it lets go of what it borrowed. */
#include <adwaita.h>
#include <string.h>

#include "ui/console/console-view-private.h"

#define WIDTH 70
#define HEIGHT 50

typedef struct {
  DioScanout *scanout;
  DioInput *input;
  uint32_t pixels[WIDTH * HEIGHT];
  DioSurface surface;
  GtkWidget *window;
  DioConsoleView *view;
} Fixture;

static void
wait_ms (guint ms)
{
  gint64 end = g_get_monotonic_time () + ms * 1000;

  while (g_get_monotonic_time () < end) {
    g_main_context_iteration (NULL, FALSE);
    g_usleep (500);
  }
}

static void
publish (Fixture *f, const DioRect *rect)
{
  DioDisplay *display = dio_scanout_get_display (f->scanout);

  display->ops->update (display, 0, &f->surface, rect);
  wait_ms (60);
}

static void
set_up (Fixture *f, const char *presenter, int width, int height)
{
  memset (f, 0, sizeof *f);
  g_setenv ("DIORAMA_PRESENTER", presenter, TRUE);
  f->scanout = dio_scanout_new ();
  f->input = dio_input_new ();
  f->surface =
      (DioSurface){ WIDTH, HEIGHT, WIDTH * 4, DIO_FORMAT_BGRX8888, (const uint8_t *) f->pixels };
  for (unsigned i = 0; i < WIDTH * HEIGHT; i++)
    f->pixels[i] = i * 2654435761u & 0xffffff;

  f->view = DIO_CONSOLE_VIEW (dio_console_view_new ());
  f->window = gtk_window_new ();
  gtk_window_set_decorated (GTK_WINDOW (f->window), FALSE);
  gtk_window_set_default_size (GTK_WINDOW (f->window), width, height);
  gtk_window_set_child (GTK_WINDOW (f->window), GTK_WIDGET (f->view));
  dio_console_view_set_machine (f->view, f->scanout, f->input);
  gtk_window_present (GTK_WINDOW (f->window));
  wait_ms (200);
  publish (f, NULL);
}

static void
tear_down (Fixture *f)
{
  dio_console_view_set_machine (f->view, NULL, NULL);
  gtk_window_destroy (GTK_WINDOW (f->window));
  wait_ms (20);
  dio_input_free (f->input);
  dio_scanout_free (f->scanout);
}

/* The widget's picture, rendered as the window is. */
static uint32_t *
render (Fixture *f, int *width, int *height)
{
  GtkWidget *widget = GTK_WIDGET (f->view);
  g_autoptr (GdkPaintable) paintable = gtk_widget_paintable_new (widget);
  g_autoptr (GtkSnapshot) snapshot = gtk_snapshot_new ();

  *width = gtk_widget_get_width (widget);
  *height = gtk_widget_get_height (widget);
  gdk_paintable_snapshot (paintable, snapshot, *width, *height);
  GskRenderNode *node = gtk_snapshot_to_node (snapshot);
  GskRenderer *renderer = gtk_native_get_renderer (gtk_widget_get_native (widget));
  g_autoptr (GdkTexture) texture =
      gsk_renderer_render_texture (renderer, node, &GRAPHENE_RECT_INIT (0, 0, *width, *height));
  uint32_t *data = g_new (uint32_t, (gsize) *width * *height);
  gdk_texture_download (texture, (guchar *) data, (gsize) *width * 4);
  gsk_render_node_unref (node);
  return data;
}

/* At 1:1 every pixel is the guest's, also after small changes. */
static void
test_pixels (gconstpointer presenter)
{
  Fixture f;
  int width, height;

  set_up (&f, presenter, WIDTH, HEIGHT);
  if (g_strcmp0 (dio_console_view_get_presenter (f.view), presenter) != 0) {
    g_test_skip ("no OpenGL here");
    tear_down (&f);
    return;
  }
  /* More rounds than there are textures, so that each is used again. */
  for (unsigned round = 0; round < 9; round++) {
    DioRect rect = { 5 * round, 4 * round, 20, 9 };
    if (round > 0) {
      for (uint32_t y = rect.y; y < rect.y + rect.height; y++)
        for (uint32_t x = rect.x; x < rect.x + rect.width; x++)
          f.pixels[y * WIDTH + x] ^= 0x5a3c96;
      publish (&f, &rect);
    }
    g_autofree uint32_t *data = render (&f, &width, &height);
    g_assert_cmpint (width, ==, WIDTH);
    g_assert_cmpint (height, ==, HEIGHT);
    for (int i = 0; i < WIDTH * HEIGHT; i++)
      g_assert_cmphex (data[i] & 0xffffff, ==, f.pixels[i]);
  }
  tear_down (&f);
}

/* Twice as large: sharp pixels, black bars beside, nothing stretched. */
static void
test_integer_zoom (void)
{
  Fixture f;
  int width, height;

  set_up (&f, "tiles", 2 * WIDTH + 40, 2 * HEIGHT);
  g_autofree uint32_t *data = render (&f, &width, &height);
  g_assert_cmpint (width, ==, 2 * WIDTH + 40);
  for (int y = 0; y < 2 * HEIGHT; y++)
    for (int x = 0; x < width; x++) {
      uint32_t expected =
          x < 20 || x >= 20 + 2 * WIDTH ? 0 : f.pixels[y / 2 * WIDTH + (x - 20) / 2];
      g_assert_cmphex (data[y * width + x] & 0xffffff, ==, expected);
    }
  tear_down (&f);
}

/* A single colour stays one at odd scales: no seams between tiles. */
static void
test_no_seams (void)
{
  static const int sizes[] = { 33, 71, 91, 133, 200, 317 };

  for (gsize s = 0; s < G_N_ELEMENTS (sizes); s++) {
    Fixture f;
    int width, height;
    set_up (&f, "tiles", sizes[s], sizes[s] * HEIGHT / WIDTH);
    for (unsigned i = 0; i < WIDTH * HEIGHT; i++)
      f.pixels[i] = 0x80a0c0;
    publish (&f, NULL);
    g_autofree uint32_t *data = render (&f, &width, &height);
    const DioConsoleTarget *target = &f.view->target;
    for (int y = target->y; y < target->y + target->height; y++)
      for (int x = target->x; x < target->x + target->width; x++)
        g_assert_cmphex (data[y * width + x] & 0xffffff, ==, 0x80a0c0);
    tear_down (&f);
  }
}

static void
test_pointer (void)
{
  Fixture f;
  guint32 x, y;

  set_up (&f, "tiles", 2 * WIDTH + 40, 2 * HEIGHT);
  g_assert_true (dio_console_view_map_point (f.view, 20, 0, &x, &y));
  g_assert_cmpuint (x, ==, 0);
  g_assert_cmpuint (y, ==, 0);
  g_assert_true (dio_console_view_map_point (f.view, 20 + 2 * WIDTH - 1, 2 * HEIGHT - 1, &x, &y));
  g_assert_cmpuint (x, ==, DIO_INPUT_ABS_MAX);
  g_assert_cmpuint (y, ==, DIO_INPUT_ABS_MAX);
  g_assert_true (dio_console_view_map_point (f.view, 20 + WIDTH - 0.5, HEIGHT - 0.5, &x, &y));
  g_assert_cmpint (ABS ((int) x - DIO_INPUT_ABS_MAX / 2), <=, 1);
  /* Beside the picture: its edge. */
  g_assert_true (dio_console_view_map_point (f.view, -500, 1e9, &x, &y));
  g_assert_cmpuint (x, ==, 0);
  g_assert_cmpuint (y, ==, DIO_INPUT_ABS_MAX);

  DioDisplay *display = dio_scanout_get_display (f.scanout);
  display->ops->update (display, 0, NULL, NULL);
  wait_ms (60);
  g_assert_false (dio_console_view_map_point (f.view, 20, 0, &x, &y));
  tear_down (&f);
}

static struct {
  unsigned downs, ups;
  uint16_t last;
} keys;

static void
events_cb (void *opaque, const DioInputEvent *events, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (events[i].kind == DIO_INPUT_KEY) {
      keys.downs += events[i].value != 0;
      keys.ups += events[i].value == 0;
      keys.last = events[i].code;
    }
}

/* What is down in the guest goes up when the machine is taken away or the widget dies. */
static void
test_lets_go (void)
{
  static const DioInputSinkOps ops = { .events = events_cb };
  Fixture f;

  set_up (&f, "tiles", WIDTH, HEIGHT);
  memset (&keys, 0, sizeof keys);
  unsigned sink = dio_input_add_sink (f.input, DIO_INPUT_WANTS_KEYBOARD, &ops, NULL);
  dio_input_key (f.input, 30, true);
  g_assert_cmpuint (keys.downs, ==, 1);
  dio_console_view_set_machine (f.view, NULL, NULL);
  g_assert_cmpuint (keys.ups, ==, 1);
  g_assert_cmpuint (keys.last, ==, 30);

  /* Frames that come after it let go do not reach it. */
  publish (&f, NULL);
  g_assert_cmpuint (f.view->frame.width, ==, 0);
  dio_input_remove_sink (f.input, sink);
  tear_down (&f);
}

static void
test_cursor (void)
{
  Fixture f;
  const uint32_t arrow[4] = { 0xffffffff, 0, 0, 0xff000000 };

  set_up (&f, "tiles", WIDTH, HEIGHT);
  g_assert_null (gtk_widget_get_cursor (GTK_WIDGET (f.view)));
  DioDisplay *display = dio_scanout_get_display (f.scanout);
  display->ops->cursor_define (display, 0, (const uint8_t *) arrow, 2, 2, 1, 0);
  wait_ms (60);
  GdkCursor *cursor = gtk_widget_get_cursor (GTK_WIDGET (f.view));
  g_assert_nonnull (gdk_cursor_get_texture (cursor));
  g_assert_cmpint (gdk_cursor_get_hotspot_x (cursor), ==, 1);
  display->ops->cursor_define (display, 0, NULL, 0, 0, 0, 0);
  wait_ms (60);
  cursor = gtk_widget_get_cursor (GTK_WIDGET (f.view));
  g_assert_cmpstr (gdk_cursor_get_name (cursor), ==, "none");
  tear_down (&f);
}

/* Ticks go away when the guest is still: an idle console costs nothing. */
static void
test_ticks_stop (void)
{
  Fixture f;

  set_up (&f, "tiles", WIDTH, HEIGHT);
  for (unsigned i = 0; i < 10; i++) {
    DioDisplay *display = dio_scanout_get_display (f.scanout);
    display->ops->update (display, 0, &f.surface, &(DioRect){ i, i, 1, 1 });
    wait_ms (10);
  }
  g_assert_cmpuint (f.view->tick, !=, 0);
  wait_ms (400);
  g_assert_cmpuint (f.view->tick, ==, 0);
  tear_down (&f);
}

static void
test_follow (void)
{
  Fixture f;
  gboolean follow;

  set_up (&f, "tiles", WIDTH, HEIGHT);
  g_object_get (f.view, "follow-window", &follow, NULL);
  g_assert_true (follow);
  g_object_set (f.view, "scaling", DIO_CONSOLE_SCALING_ACTUAL, NULL);
  int minimum;
  gtk_widget_measure (GTK_WIDGET (f.view), GTK_ORIENTATION_HORIZONTAL, -1, &minimum, NULL, NULL,
                      NULL);
  g_assert_cmpint (minimum, ==, WIDTH);
  tear_down (&f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  adw_init ();
  g_test_add_data_func ("/ui/console/view/pixels/tiles", "tiles", test_pixels);
  g_test_add_data_func ("/ui/console/view/pixels/gl", "gl", test_pixels);
  g_test_add_func ("/ui/console/view/integer-zoom", test_integer_zoom);
  g_test_add_func ("/ui/console/view/no-seams", test_no_seams);
  g_test_add_func ("/ui/console/view/pointer", test_pointer);
  g_test_add_func ("/ui/console/view/lets-go", test_lets_go);
  g_test_add_func ("/ui/console/view/cursor", test_cursor);
  g_test_add_func ("/ui/console/view/ticks-stop", test_ticks_stop);
  g_test_add_func ("/ui/console/view/follow", test_follow);
  return g_test_run ();
}
