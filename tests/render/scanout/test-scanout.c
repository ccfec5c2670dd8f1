/* SPDX-License-Identifier: GPL-3.0-or-later
 * Scan-outs: no tile lost whatever is skipped, formats, hostile sizes, cursor, pictures. */
#include <cairo.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/base-error.h"
#include "render/scanout/scanout-pixels.h"
#include "render/scanout/scanout-png.h"
#include "render/scanout/scanout.h"

/* A presenter that copies nothing but the tiles it is told of. */
typedef struct {
  uint32_t width, height;
  uint32_t *pixels;
} Mirror;

static void
mirror_take (Mirror *mirror, const DioFrame *frame)
{
  if (frame->mode_changed) {
    g_free (mirror->pixels);
    mirror->width = frame->width;
    mirror->height = frame->height;
    mirror->pixels = g_new0 (uint32_t, MAX ((size_t) frame->width * frame->height, 1));
  }
  g_assert_cmpuint (mirror->width, ==, frame->width);
  g_assert_cmpuint (mirror->height, ==, frame->height);
  for (uint32_t row = 0; row < DIO_SCANOUT_TILES; row++)
    for (uint32_t column = 0; column < DIO_SCANOUT_TILES; column++) {
      if (!(frame->dirty[row] >> column & 1))
        continue;
      uint32_t x0 = column * frame->tile_width, y0 = row * frame->tile_height;
      uint32_t x1 = MIN (x0 + frame->tile_width, frame->width);
      for (uint32_t y = y0; y < MIN (y0 + frame->tile_height, frame->height); y++)
        if (x0 < x1)
          memcpy (mirror->pixels + (size_t) y * frame->width + x0,
                  frame->pixels + (size_t) y * frame->stride + x0 * 4, (x1 - x0) * 4);
    }
}

typedef struct {
  DioSurface surface;
  uint8_t *pixels;
} Guest;

static void
guest_set_mode (Guest *guest, uint32_t width, uint32_t height)
{
  g_free (guest->pixels);
  guest->surface = (DioSurface){
    .width = width, .height = height, .stride = width * 4 + 12, .format = DIO_FORMAT_BGRX8888
  };
  guest->pixels = g_malloc ((size_t) guest->surface.stride * height);
  memset (guest->pixels, 0x5a, (size_t) guest->surface.stride * height);
  guest->surface.pixels = guest->pixels;
}

static DioRect
guest_draw (Guest *guest, GRand *rand)
{
  DioRect r;
  r.x = g_rand_int_range (rand, 0, guest->surface.width);
  r.y = g_rand_int_range (rand, 0, guest->surface.height);
  r.width = g_rand_int_range (rand, 1, guest->surface.width - r.x + 1);
  r.height = g_rand_int_range (rand, 1, guest->surface.height - r.y + 1);
  uint32_t colour = g_rand_int (rand);
  for (uint32_t y = r.y; y < r.y + r.height; y++)
    for (uint32_t x = r.x; x < r.x + r.width; x++)
      memcpy (guest->pixels + (size_t) y * guest->surface.stride + x * 4, &colour, 4);
  return r;
}

static void
assert_mirrors (const Mirror *mirror, const Guest *guest)
{
  g_assert_cmpuint (mirror->width, ==, guest->surface.width);
  g_assert_cmpuint (mirror->height, ==, guest->surface.height);
  for (uint32_t y = 0; y < mirror->height; y++)
    for (uint32_t x = 0; x < mirror->width; x++) {
      uint32_t p;
      memcpy (&p, guest->pixels + (size_t) y * guest->surface.stride + x * 4, 4);
      g_assert_cmphex (mirror->pixels[(size_t) y * mirror->width + x], ==, p | 0xff000000);
    }
}

/* Random drawing, mode changes, and a presenter that comes by only now and then. */
static void
test_skipped_frames (void)
{
  for (unsigned seed = 0; seed < 40; seed++) {
    g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
    DioScanout *scanout = dio_scanout_new ();
    DioDisplay *display = dio_scanout_get_display (scanout);
    Guest guest = { 0 };
    Mirror mirror = { 0 };
    DioFrame frame;

    guest_set_mode (&guest, 97, 55);
    for (unsigned step = 0; step < 200; step++) {
      if (g_rand_int_range (rand, 0, 40) == 0) {
        /* Also there and back again within frames that nobody sees. */
        guest_set_mode (&guest, g_rand_boolean (rand) ? 97 : g_rand_int_range (rand, 1, 130), 55);
        display->ops->update (display, 0, &guest.surface, NULL);
      }
      DioRect r = guest_draw (&guest, rand);
      display->ops->update (display, 0, &guest.surface, &r);
      if (g_rand_int_range (rand, 0, 4) == 0) {
        g_assert_true (dio_scanout_acquire (scanout, &frame));
        mirror_take (&mirror, &frame);
        assert_mirrors (&mirror, &guest);
        g_assert_false (dio_scanout_acquire (scanout, &frame));
        for (unsigned row = 0; row < DIO_SCANOUT_TILES; row++)
          g_assert_cmphex (frame.dirty[row], ==, 0);
        g_assert_false (frame.mode_changed);
      }
    }
    g_free (mirror.pixels);
    g_free (guest.pixels);
    dio_scanout_free (scanout);
  }
}

/* Damage is not reported twice to a presenter that keeps up, and covers little more than the
 * rectangle. */
static void
test_damage_is_tight (void)
{
  DioScanout *scanout = dio_scanout_new ();
  DioDisplay *display = dio_scanout_get_display (scanout);
  Guest guest = { 0 };
  DioFrame frame;

  guest_set_mode (&guest, 160, 160);
  display->ops->update (display, 0, &guest.surface, NULL);
  g_assert_true (dio_scanout_acquire (scanout, &frame));
  g_assert_true (frame.mode_changed);
  g_assert_cmphex (frame.dirty[15], ==, 0xffff);
  g_assert_cmpuint (frame.tile_width, ==, 10);

  for (unsigned i = 0; i < 6; i++) {
    display->ops->update (display, 0, &guest.surface, &(DioRect){ 10 * i, 20, 10, 1 });
    g_assert_true (dio_scanout_acquire (scanout, &frame));
    for (unsigned row = 0; row < DIO_SCANOUT_TILES; row++)
      g_assert_cmphex (frame.dirty[row], ==, row == 2 ? 1u << i : 0);
  }

  /* Two frames, one look: both. */
  display->ops->update (display, 0, &guest.surface, &(DioRect){ 0, 0, 1, 1 });
  display->ops->update (display, 0, &guest.surface, &(DioRect){ 159, 159, 1, 1 });
  g_assert_true (dio_scanout_acquire (scanout, &frame));
  g_assert_cmphex (frame.dirty[0], ==, 1);
  g_assert_cmphex (frame.dirty[15], ==, 0x8000);

  g_free (guest.pixels);
  dio_scanout_free (scanout);
}

typedef struct {
  DioScanout *scanout;
  Guest guest;
  atomic_bool done;
} Race;

static void *
race_publish (void *data)
{
  Race *race = data;
  DioDisplay *display = dio_scanout_get_display (race->scanout);
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);

  for (unsigned i = 0; i < 4000; i++) {
    DioRect r = guest_draw (&race->guest, rand);
    display->ops->update (display, 0, &race->guest.surface, &r);
  }
  atomic_store (&race->done, true);
  return NULL;
}

static void
test_two_threads (void)
{
  Race race = { .scanout = dio_scanout_new () };
  Mirror mirror = { 0 };
  DioFrame frame;
  pthread_t thread;
  uint64_t last = 0;

  guest_set_mode (&race.guest, 64, 48);
  g_assert_cmpint (pthread_create (&thread, NULL, race_publish, &race), ==, 0);
  while (!atomic_load (&race.done)) {
    if (!dio_scanout_acquire (race.scanout, &frame))
      continue;
    g_assert_cmpuint (frame.serial, >, last);
    last = frame.serial;
    mirror_take (&mirror, &frame);
    g_autoptr (GBytes) picture = dio_scanout_snapshot (race.scanout, 16, NULL, NULL);
    g_assert_nonnull (picture);
  }
  pthread_join (thread, NULL);
  if (dio_scanout_acquire (race.scanout, &frame))
    mirror_take (&mirror, &frame);
  assert_mirrors (&mirror, &race.guest);

  g_free (mirror.pixels);
  g_free (race.guest.pixels);
  dio_scanout_free (race.scanout);
}

static void
count_cb (void *data)
{
  ++*(unsigned *) data;
}

static void
test_notify_coalesces (void)
{
  DioScanout *scanout = dio_scanout_new ();
  DioDisplay *display = dio_scanout_get_display (scanout);
  Guest guest = { 0 };
  DioFrame frame;
  unsigned count = 0;

  dio_scanout_set_notify (scanout, count_cb, &count);
  guest_set_mode (&guest, 32, 32);
  display->ops->update (display, 0, &guest.surface, NULL);
  display->ops->update (display, 0, &guest.surface, NULL);
  g_assert_cmpuint (count, ==, 1);
  dio_scanout_acquire (scanout, &frame);
  display->ops->update (display, 0, &guest.surface, NULL);
  g_assert_cmpuint (count, ==, 2);
  dio_scanout_acquire (scanout, &frame);
  display->ops->cursor_define (display, 0, NULL, 0, 0, 0, 0);
  g_assert_cmpuint (count, ==, 3);

  g_free (guest.pixels);
  dio_scanout_free (scanout);
}

static void
test_off (void)
{
  DioScanout *scanout = dio_scanout_new ();
  DioDisplay *display = dio_scanout_get_display (scanout);
  Guest guest = { 0 };
  DioFrame frame;

  g_assert_false (dio_scanout_acquire (scanout, &frame));
  g_assert_cmpuint (frame.width, ==, 0);
  g_assert_null (frame.pixels);
  g_assert_null (dio_scanout_snapshot (scanout, 0, NULL, NULL));

  display->ops->update (display, 0, NULL, NULL); /* off while off: nothing new */
  g_assert_false (dio_scanout_acquire (scanout, &frame));

  guest_set_mode (&guest, 32, 32);
  display->ops->update (display, 0, &guest.surface, NULL);
  g_assert_true (dio_scanout_acquire (scanout, &frame));
  display->ops->update (display, 0, NULL, NULL);
  g_assert_true (dio_scanout_acquire (scanout, &frame));
  g_assert_true (frame.mode_changed);
  g_assert_cmpuint (frame.width, ==, 0);
  g_assert_null (dio_scanout_snapshot (scanout, 0, NULL, NULL));

  /* On again in the old mode with a small rectangle: everything comes. */
  display->ops->update (display, 0, &guest.surface, &(DioRect){ 0, 0, 1, 1 });
  g_assert_true (dio_scanout_acquire (scanout, &frame));
  g_assert_cmphex (frame.dirty[15], ==, 0xffff);

  g_free (guest.pixels);
  dio_scanout_free (scanout);
}

static void
test_formats (void)
{
  static const struct {
    DioPixelFormat format;
    uint8_t bytes[4];
    uint32_t expected;
  } cases[] = {
    { DIO_FORMAT_BGRX8888, { 0x11, 0x22, 0x33, 0x00 }, 0xff332211 },
    { DIO_FORMAT_BGRA8888, { 0x11, 0x22, 0x33, 0x44 }, 0xff332211 },
    { DIO_FORMAT_RGBX8888, { 0x33, 0x22, 0x11, 0x00 }, 0xff332211 },
    { DIO_FORMAT_RGBA8888, { 0x33, 0x22, 0x11, 0x44 }, 0xff332211 },
    { DIO_FORMAT_XRGB8888, { 0x00, 0x33, 0x22, 0x11 }, 0xff332211 },
    { DIO_FORMAT_ARGB8888, { 0x44, 0x33, 0x22, 0x11 }, 0xff332211 },
    { DIO_FORMAT_XBGR8888, { 0x00, 0x11, 0x22, 0x33 }, 0xff332211 },
    { DIO_FORMAT_ABGR8888, { 0x44, 0x11, 0x22, 0x33 }, 0xff332211 },
    { DIO_FORMAT_RGB565, { 0x1f, 0xf8 }, 0xffff00ff },
    { DIO_FORMAT_RGB565, { 0xe0, 0x07 }, 0xff00ff00 },
    { DIO_FORMAT_RGB565, { 0x00, 0x84 }, 0xff848200 },
  };

  for (unsigned c = 0; c < G_N_ELEMENTS (cases); c++) {
    unsigned size = dio_pixels_format_size (cases[c].format);
    /* Odd offset and a count that leaves a rest after whole vectors. */
    uint8_t source[37 * 4 + 1];
    uint32_t target[38];
    for (unsigned i = 0; i < 37; i++)
      memcpy (source + 1 + i * size, cases[c].bytes, size);
    target[37] = 0x12345678;
    dio_pixels_convert_row (target, source + 1, cases[c].format, 37);
    for (unsigned i = 0; i < 37; i++)
      g_assert_cmphex (target[i], ==, cases[c].expected);
    g_assert_cmphex (target[37], ==, 0x12345678);
  }
  g_assert_cmpuint (dio_pixels_format_size ((DioPixelFormat) 99), ==, 0);
}

static void
test_hostile (void)
{
  DioScanout *scanout = dio_scanout_new ();
  DioDisplay *display = dio_scanout_get_display (scanout);
  uint8_t pixel[4096] = { 0 };
  DioFrame frame;
  DioSurface bad[] = {
    { .width = 8193, .height = 1, .stride = 8193 * 4, .pixels = pixel },
    { .width = 1, .height = UINT32_MAX, .stride = 4, .pixels = pixel },
    { .width = UINT32_MAX, .height = 1, .stride = UINT32_MAX, .pixels = pixel },
    { .width = 0, .height = 10, .stride = 4, .pixels = pixel },
    { .width = 10, .height = 0, .stride = 40, .pixels = pixel },
    { .width = 10, .height = 10, .stride = 39, .pixels = pixel },
    { .width = 10, .height = 10, .stride = 40, .format = 77, .pixels = pixel },
    { .width = 10, .height = 10, .stride = 40, .pixels = NULL },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++)
    display->ops->update (display, 0, &bad[i], NULL);
  g_assert_false (dio_scanout_acquire (scanout, &frame));

  DioSurface good = { .width = 32, .height = 32, .stride = 128, .pixels = pixel };
  display->ops->update (display, 1, &good, NULL); /* no such scan-out */
  g_assert_false (dio_scanout_acquire (scanout, &frame));
  display->ops->update (display, 0, &good, NULL);
  g_assert_true (dio_scanout_acquire (scanout, &frame));

  /* Rectangles outside are ignored, those that stick out are cut. */
  const DioRect outside[] = {
    { 32, 0, 1, 1 },
    { 0, 32, 1, 1 },
    { UINT32_MAX, UINT32_MAX, 9, 9 },
    { 0, 0, 0, 5 },
  };
  for (unsigned i = 0; i < G_N_ELEMENTS (outside); i++)
    display->ops->update (display, 0, &good, &outside[i]);
  g_assert_false (dio_scanout_acquire (scanout, &frame));
  display->ops->update (display, 0, &good, &(DioRect){ 31, 31, UINT32_MAX, UINT32_MAX });
  g_assert_true (dio_scanout_acquire (scanout, &frame));
  g_assert_cmphex (frame.dirty[15], ==, 0x8000);
  g_assert_cmphex (frame.dirty[14], ==, 0);

  display->ops->cursor_define (display, 0, pixel, UINT32_MAX, UINT32_MAX, 0, 0);
  DioScanoutCursor cursor;
  g_assert_true (dio_scanout_get_cursor (scanout, &cursor));
  g_assert_null (cursor.pixels);
  dio_scanout_free (scanout);
}

static void
test_cursor (void)
{
  DioScanout *scanout = dio_scanout_new ();
  DioDisplay *display = dio_scanout_get_display (scanout);
  DioScanoutCursor cursor;
  const uint32_t straight[2] = { 0x80ffffff, 0xff102030 };
  const uint32_t premultiplied[2] = { 0x80808080, 0x00000000 };

  g_assert_false (dio_scanout_get_cursor (scanout, &cursor));

  display->ops->cursor_define (display, 0, (const uint8_t *) straight, 2, 1, 9, 9);
  display->ops->cursor_move (display, 0, -5, 7);
  g_assert_true (dio_scanout_get_cursor (scanout, &cursor));
  const uint32_t *pixels = g_bytes_get_data (cursor.pixels, NULL);
  g_assert_cmphex (pixels[0], ==, 0x80808080);
  g_assert_cmphex (pixels[1], ==, 0xff102030);
  g_assert_cmpuint (cursor.hot_x, ==, 1);
  g_assert_cmpuint (cursor.hot_y, ==, 0);
  g_assert_cmpint (cursor.x, ==, -5);
  g_assert_cmpint (cursor.y, ==, 7);
  uint64_t serial = cursor.serial;
  g_bytes_unref (cursor.pixels);

  display->ops->cursor_define (display, 0, (const uint8_t *) premultiplied, 2, 1, 0, 0);
  g_assert_true (dio_scanout_get_cursor (scanout, &cursor));
  g_assert_cmpmem (g_bytes_get_data (cursor.pixels, NULL), 8, premultiplied, 8);
  g_assert_cmpuint (cursor.serial, >, serial);
  g_bytes_unref (cursor.pixels);
  dio_scanout_free (scanout);
}

static void
test_pictures (void)
{
  DioScanout *scanout = dio_scanout_new ();
  DioDisplay *display = dio_scanout_get_display (scanout);
  Guest guest = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("dio-scanout-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "picture.png", NULL);
  g_autofree char *nowhere = g_build_filename (folder, "missing", "picture.png", NULL);

  g_assert_false (dio_scanout_write_png (scanout, path, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND);
  g_clear_error (&error);

  /* Columns of white and black make grey, the aspect stays. */
  guest_set_mode (&guest, 640, 400);
  for (uint32_t y = 0; y < 400; y++)
    for (uint32_t x = 0; x < 640; x++)
      memset (guest.pixels + (size_t) y * guest.surface.stride + x * 4, x & 1 ? 0xff : 0, 4);
  display->ops->update (display, 0, &guest.surface, NULL);

  uint32_t width, height;
  g_autoptr (GBytes) small = dio_scanout_snapshot (scanout, 320, &width, &height);
  g_assert_cmpuint (width, ==, 320);
  g_assert_cmpuint (height, ==, 200);
  const uint32_t *pixels = g_bytes_get_data (small, NULL);
  for (unsigned i = 0; i < width * height; i++)
    g_assert_cmphex (pixels[i], ==, 0xff808080);

  g_assert_true (dio_scanout_write_png (scanout, path, &error));
  g_assert_no_error (error);
  int w, h;
  g_autoptr (GBytes) read = dio_scanout_read_png (path, &w, &h);
  g_autoptr (GBytes) full = dio_scanout_snapshot (scanout, 0, &width, &height);
  g_assert_cmpint (w, ==, 640);
  g_assert_cmpint (h, ==, 400);
  g_assert_cmpuint (width, ==, 640);
  g_assert_true (g_bytes_equal (read, full));

  g_assert_false (dio_scanout_write_png (scanout, nowhere, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_IO);
  g_assert_null (dio_scanout_read_png (nowhere, &w, &h));

  g_unlink (path);
  g_rmdir (folder);
  g_free (guest.pixels);
  dio_scanout_free (scanout);
}

static struct {
  uint32_t width, height, width_mm;
  unsigned calls;
} preferred;

static void
set_preferred_size (void *opaque, uint32_t scanout, uint32_t width, uint32_t height,
                    uint32_t width_mm, uint32_t height_mm)
{
  g_assert_true (opaque == &preferred);
  preferred.width = width;
  preferred.height = height;
  preferred.width_mm = width_mm;
  preferred.calls++;
}

static void
test_preferred_size (void)
{
  static const DioDisplaySourceOps ops = { .set_preferred_size = set_preferred_size };
  DioScanout *scanout = dio_scanout_new ();
  DioDisplay *display = dio_scanout_get_display (scanout);

  dio_scanout_set_preferred_size (scanout, 800, 600, 0, 0); /* nobody there */
  display->ops->set_source (display, &ops, &preferred);
  dio_scanout_set_preferred_size (scanout, 0, 600, 0, 0);
  g_assert_cmpuint (preferred.calls, ==, 0);
  dio_scanout_set_preferred_size (scanout, 100000, 600, 300, 200);
  g_assert_cmpuint (preferred.calls, ==, 1);
  g_assert_cmpuint (preferred.width, ==, DIO_DISPLAY_MAX_SIZE);
  g_assert_cmpuint (preferred.height, ==, 600);
  g_assert_cmpuint (preferred.width_mm, ==, 300);
  display->ops->set_source (display, NULL, NULL);
  dio_scanout_set_preferred_size (scanout, 800, 600, 0, 0);
  g_assert_cmpuint (preferred.calls, ==, 1);
  dio_scanout_free (scanout);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/render/scanout/skipped-frames", test_skipped_frames);
  g_test_add_func ("/render/scanout/damage-is-tight", test_damage_is_tight);
  g_test_add_func ("/render/scanout/two-threads", test_two_threads);
  g_test_add_func ("/render/scanout/notify-coalesces", test_notify_coalesces);
  g_test_add_func ("/render/scanout/off", test_off);
  g_test_add_func ("/render/scanout/formats", test_formats);
  g_test_add_func ("/render/scanout/hostile", test_hostile);
  g_test_add_func ("/render/scanout/cursor", test_cursor);
  g_test_add_func ("/render/scanout/pictures", test_pictures);
  g_test_add_func ("/render/scanout/preferred-size", test_preferred_size);
  return g_test_run ();
}
