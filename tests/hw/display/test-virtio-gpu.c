/* SPDX-License-Identifier: GPL-3.0-or-later
 * virtio-gpu before a display that keeps what it is shown. */
#include <string.h>

#include "hw/display/display-rect.h"
#include "hw/virtio/virtio.h"
#include "tests/hw/virtio/driver-pci.h"

enum {
  GET_DISPLAY_INFO = 0x0100,
  CREATE_2D,
  UNREF,
  SET_SCANOUT,
  FLUSH,
  TRANSFER,
  ATTACH,
  DETACH,
  GET_EDID = 0x010a,
  UPDATE_CURSOR = 0x0300,
  MOVE_CURSOR,
  OK = 0x1100,
  OK_INFO = 0x1101,
  OK_EDID = 0x1104,
  ERR_UNSPEC = 0x1200,
  ERR_MEMORY,
  ERR_SCANOUT,
  ERR_RESOURCE,
  ERR_PARAMETER = 0x1205,
};

#define MAX_SHOWN 256

typedef struct {
  DioDisplay display;
  const DioDisplaySourceOps *source;
  void *source_opaque;
  unsigned updates, cursors, moves;
  bool off;
  uint32_t width, height, cursor_width;
  DioPixelFormat format;
  DioRect damage;
  uint32_t shown[MAX_SHOWN][MAX_SHOWN]; /* what a person would see */
  uint32_t cursor[64 * 64], hot_x, hot_y;
  int32_t x, y;
} FakeDisplay;

static void
update (DioDisplay *display, uint32_t scanout, const DioSurface *surface, const DioRect *rect)
{
  FakeDisplay *fake = (FakeDisplay *) display;

  if (scanout)
    return;
  fake->updates++;
  fake->off = !surface;
  if (!surface)
    return;
  fake->width = surface->width;
  fake->height = surface->height;
  fake->format = surface->format;
  fake->damage = *rect;
  g_assert_true (dio_rect_is_within (rect, surface->width, surface->height));
  g_assert_cmpuint (rect->width, >, 0);
  g_assert_cmpuint (rect->height, >, 0);
  for (uint32_t y = rect->y; y < rect->y + rect->height && y < MAX_SHOWN; y++)
    for (uint32_t x = rect->x; x < rect->x + rect->width && x < MAX_SHOWN; x++)
      memcpy (&fake->shown[y][x], surface->pixels + (size_t) y * surface->stride + 4 * x, 4);
}

static void
cursor_define (DioDisplay *display, uint32_t scanout, const uint8_t *pixels, uint32_t width,
               uint32_t height, uint32_t hot_x, uint32_t hot_y)
{
  FakeDisplay *fake = (FakeDisplay *) display;

  if (scanout)
    return;
  fake->cursors++;
  fake->cursor_width = pixels ? width : 0;
  if (pixels)
    memcpy (fake->cursor, pixels, sizeof fake->cursor);
  fake->hot_x = hot_x;
  fake->hot_y = hot_y;
}

static void
cursor_move (DioDisplay *display, uint32_t scanout, int32_t x, int32_t y)
{
  FakeDisplay *fake = (FakeDisplay *) display;

  if (scanout)
    return;
  fake->moves++;
  fake->x = x;
  fake->y = y;
}

static void
set_source (DioDisplay *display, const DioDisplaySourceOps *ops, void *opaque)
{
  FakeDisplay *fake = (FakeDisplay *) display;

  fake->source = ops;
  fake->source_opaque = opaque;
}

static const DioDisplayOps display_ops = { update, cursor_define, cursor_move, set_source };

typedef struct {
  Bench *bench;
  Driver driver;
  FakeDisplay fake;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  static const char *const properties[] = { "memory=32M", "outputs=2", "width=1024", NULL };
  DioMachineHost host = { .display = &f->fake.display };
  DioVirtioDevice *vdev;

  f->fake.display.ops = &display_ops;
  f->bench = bench_new (&host, false);
  vdev = bench_add (f->bench, &dio_virtio_gpu_type, "display", properties, NULL, NULL);
  bench_run (f->bench, dio_machine_start);
  driver_probe (&f->driver, f->bench, vdev);
  driver_start (&f->driver, UINT64_MAX, 64);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  bench_free (f->bench);
  g_assert_null (f->fake.source);
}

/* A command made of the words @args; returns the type of the response. */
static uint32_t
command_words (Fixture *f, uint32_t type, const uint32_t *args, unsigned n_args)
{
  uint32_t words[64] = { type, 1, 0x1234, 0x5678 };
  uint32_t response[6];

  g_assert_cmpuint (6 + n_args, <=, G_N_ELEMENTS (words));
  memcpy (words + 6, args, n_args * 4);
  g_assert_cmpuint (driver_call (&f->driver, type >= UPDATE_CURSOR && type <= MOVE_CURSOR, words,
                                 24 + 4 * n_args, response, sizeof response),
                    ==, sizeof response);
  g_assert_cmphex (response[1], ==, 1); /* the fence is signalled */
  g_assert_cmphex (response[2], ==, 0x1234);
  g_assert_cmphex (response[3], ==, 0x5678);
  return response[0];
}

#define command(f, type, ...)                                                                      \
  command_words (f, type, (const uint32_t[]){ __VA_ARGS__ },                                       \
                 sizeof ((const uint32_t[]){ __VA_ARGS__ }) / 4)

static uint32_t
attach (Fixture *f, uint32_t id, const DioGpa *pages, const uint32_t *lengths, unsigned n)
{
  g_autofree uint32_t *words = g_new0 (uint32_t, 8 + 4 * (gsize) n);
  uint32_t response[6];

  words[0] = ATTACH;
  words[6] = id;
  words[7] = n;
  for (unsigned i = 0; i < n; i++) {
    words[8 + 4 * i] = (uint32_t) pages[i];
    words[9 + 4 * i] = (uint32_t) (pages[i] >> 32);
    words[10 + 4 * i] = lengths[i];
  }
  driver_call (&f->driver, 0, words, 32 + 16 * n, response, sizeof response);
  return response[0];
}

static void
test_info (Fixture *f, gconstpointer data)
{
  uint32_t request[8] = { GET_DISPLAY_INFO }, info[102], edid_answer[264];
  const uint8_t *edid = (const uint8_t *) (edid_answer + 8);

  g_assert_cmpuint (driver_read (&f->driver, f->driver.config + 8, 4), ==, 2);
  g_assert_cmpuint (driver_call (&f->driver, 0, request, 24, info, sizeof info), ==, 408);
  g_assert_cmphex (info[0], ==, OK_INFO);
  g_assert_cmpuint (info[6 + 2], ==, 1024);
  g_assert_cmpuint (info[6 + 3], ==, 800);
  g_assert_cmpuint (info[6 + 4], ==, 1);
  g_assert_cmpuint (info[12 + 4], ==, 0); /* the second is not connected */

  request[0] = GET_EDID;
  g_assert_cmpuint (driver_call (&f->driver, 0, request, 32, edid_answer, sizeof edid_answer), ==,
                    1056);
  g_assert_cmphex (edid_answer[0], ==, OK_EDID);
  g_assert_cmpuint (edid_answer[6], ==, 128);
  g_assert_cmphex (edid[1], ==, 0xff);
  g_assert_cmpuint (edid[56] | (edid[58] >> 4) << 8, ==, 1024);
  g_assert_cmphex (command (f, GET_EDID, 2, 0), ==, ERR_SCANOUT);
  /* A driver with less room than the answer gets what fits. */
  request[0] = GET_DISPLAY_INFO;
  g_assert_cmpuint (driver_call (&f->driver, 0, request, 24, info, 10), ==, 10);
}

static void
test_resize (Fixture *f, gconstpointer data)
{
  uint32_t request[6] = { GET_DISPLAY_INFO }, info[102];
  uint8_t generation = (uint8_t) driver_read (&f->driver, f->driver.common + 21, 1);

  driver_read (&f->driver, f->driver.isr, 1);
  f->fake.source->set_preferred_size (f->fake.source_opaque, 0, 1600, 900, 400, 225);
  f->fake.source->set_preferred_size (f->fake.source_opaque, 1, 10, 100000, 0, 0);
  f->fake.source->set_preferred_size (f->fake.source_opaque, 2, 800, 600, 0, 0);
  f->fake.source->set_preferred_size (f->fake.source_opaque, 0, 0, 0, 0, 0);
  bench_settle (f->bench);
  g_assert_cmpint (driver_read (&f->driver, f->driver.isr, 1), ==, 2);
  g_assert_cmpint (driver_read (&f->driver, f->driver.common + 21, 1), !=, generation);
  g_assert_cmphex (driver_read (&f->driver, f->driver.config, 4), ==, 1);
  driver_write (&f->driver, f->driver.config + 4, 4, 1);
  g_assert_cmphex (driver_read (&f->driver, f->driver.config, 4), ==, 0);
  driver_call (&f->driver, 0, request, 24, info, sizeof info);
  g_assert_cmpuint (info[6 + 2], ==, 1600);
  g_assert_cmpuint (info[6 + 3], ==, 900);
  g_assert_cmpuint (info[12 + 2], ==, 320); /* bounded */
  g_assert_cmpuint (info[12 + 3], ==, DIO_DISPLAY_MAX_SIZE);
  g_assert_cmpuint (info[12 + 4], ==, 1);
  /* The same once more is no event. */
  driver_read (&f->driver, f->driver.isr, 1);
  f->fake.source->set_preferred_size (f->fake.source_opaque, 0, 1600, 900, 400, 225);
  bench_settle (f->bench);
  g_assert_cmphex (driver_read (&f->driver, f->driver.config, 4), ==, 0);

  /* While paused it waits. */
  bench_run (f->bench, dio_machine_pause);
  f->fake.source->set_preferred_size (f->fake.source_opaque, 0, 1280, 720, 0, 0);
  bench_settle (f->bench);
  g_assert_cmphex (driver_read (&f->driver, f->driver.config, 4), ==, 0);
  bench_run (f->bench, dio_machine_resume);
  bench_settle (f->bench);
  g_assert_cmphex (driver_read (&f->driver, f->driver.config, 4), ==, 1);
}

#define W 61
#define H 47

/* Random transfers and flushes with scattered pages, against a model; what is shown is what was
 * transferred and flushed, nothing else. */
static void
test_picture (Fixture *f, gconstpointer data)
{
  Arena *arena = &f->bench->arena;
  static uint32_t guest[W * H], host[W * H], seen[H][W];
  DioGpa pages[64];
  uint32_t lengths[64], left = sizeof guest;
  unsigned n = 0;

  g_assert_cmphex (command (f, CREATE_2D, 5, 2, W, H), ==, OK);
  while (left) {
    uint32_t part = (uint32_t) g_test_rand_int_range (200, 900);

    lengths[n] = MIN (left, part);
    pages[n] = arena_alloc (arena, lengths[n] + 16, 1);
    left -= lengths[n++];
  }
  g_assert_cmphex (attach (f, 5, pages, lengths, n), ==, OK);
  g_assert_cmphex (command (f, SET_SCANOUT, 0, 0, W, H, 0, 5), ==, OK);
  g_assert_cmpuint (f->fake.width, ==, W);
  g_assert_cmpint (f->fake.format, ==, DIO_FORMAT_BGRX8888);

  for (unsigned round = 0; round < 300; round++) {
    DioRect r = { (uint32_t) g_test_rand_int_range (0, W), (uint32_t) g_test_rand_int_range (0, H),
                  0, 0 };
    unsigned updates = f->fake.updates;
    uint32_t at = 0;

    r.width = (uint32_t) g_test_rand_int_range (0, (int) (W + 1 - r.x));
    r.height = (uint32_t) g_test_rand_int_range (0, (int) (H + 1 - r.y));
    if (round % 10 == 0)
      r = (DioRect){ 0, r.y, W, r.height };
    for (unsigned i = 0; i < W * H; i++)
      guest[i] = (uint32_t) g_test_rand_int ();
    for (unsigned i = 0; i < n; i++) {
      memcpy (arena_at (arena, pages[i]), (uint8_t *) guest + at, lengths[i]);
      at += lengths[i];
    }
    g_assert_cmphex (
        command (f, TRANSFER, r.x, r.y, r.width, r.height, (r.y * W + r.x) * 4, 0, 5, 0), ==, OK);
    for (uint32_t y = r.y; y < r.y + r.height; y++)
      memcpy (&host[y * W + r.x], &guest[y * W + r.x], r.width * 4);

    g_assert_cmphex (command (f, FLUSH, r.x, r.y, r.width, r.height, 5, 0), ==, OK);
    if (r.width && r.height) {
      g_assert_cmpuint (f->fake.updates, ==, updates + 1);
      g_assert_cmpmem (&f->fake.damage, sizeof r, &r, sizeof r);
    } else {
      g_assert_cmpuint (f->fake.updates, ==, updates);
    }
    for (uint32_t y = r.y; y < r.y + r.height; y++)
      memcpy (&seen[y][r.x], &host[y * W + r.x], r.width * 4);
    for (uint32_t y = 0; y < H; y++)
      g_assert_cmpmem (f->fake.shown[y], W * 4, seen[y], W * 4);
  }
}

static void
test_formats (Fixture *f, gconstpointer data)
{
  static const struct {
    uint32_t format;
    DioPixelFormat expected;
  } formats[] = {
    { 1, DIO_FORMAT_BGRA8888 },   { 2, DIO_FORMAT_BGRX8888 },   { 3, DIO_FORMAT_ARGB8888 },
    { 4, DIO_FORMAT_XRGB8888 },   { 67, DIO_FORMAT_RGBA8888 },  { 68, DIO_FORMAT_XBGR8888 },
    { 121, DIO_FORMAT_ABGR8888 }, { 134, DIO_FORMAT_RGBX8888 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++) {
    g_assert_cmphex (command (f, CREATE_2D, i + 1, formats[i].format, 16, 16), ==, OK);
    g_assert_cmphex (command (f, SET_SCANOUT, 0, 0, 16, 16, 0, i + 1), ==, OK);
    g_assert_cmpint (f->fake.format, ==, formats[i].expected);
  }
  for (uint32_t format = 0; format < 256; format++) {
    bool known = false;

    for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++)
      known |= formats[i].format == format;
    if (!known)
      g_assert_cmphex (command (f, CREATE_2D, 1000, format, 16, 16), ==, ERR_PARAMETER);
  }
}

/* Part of a resource as the scan-out; another resource of the same shape; off. */
static void
test_scanouts (Fixture *f, gconstpointer data)
{
  unsigned updates;

  g_assert_cmphex (command (f, CREATE_2D, 1, 2, 200, 100), ==, OK);
  g_assert_cmphex (command (f, CREATE_2D, 2, 2, 200, 100), ==, OK);
  g_assert_cmphex (command (f, SET_SCANOUT, 100, 20, 50, 60, 0, 1), ==, OK);
  g_assert_cmpuint (f->fake.width, ==, 50);
  g_assert_cmpuint (f->fake.height, ==, 60);
  /* Damage is relative to the scan-out, and outside of it nobody hears of it. */
  g_assert_cmphex (command (f, FLUSH, 90, 30, 20, 10, 1, 0), ==, OK);
  g_assert_cmpuint (f->fake.damage.x, ==, 0);
  g_assert_cmpuint (f->fake.damage.y, ==, 10);
  g_assert_cmpuint (f->fake.damage.width, ==, 10);
  updates = f->fake.updates;
  g_assert_cmphex (command (f, FLUSH, 0, 0, 100, 100, 1, 0), ==, OK);
  g_assert_cmphex (command (f, FLUSH, 0, 0, 200, 100, 2, 0), ==, OK);
  g_assert_cmpuint (f->fake.updates, ==, updates);
  /* A page flip: the next flush, however small, shows the whole new page. */
  g_assert_cmphex (command (f, SET_SCANOUT, 100, 20, 50, 60, 0, 2), ==, OK);
  g_assert_cmpuint (f->fake.updates, ==, updates);
  g_assert_cmphex (command (f, FLUSH, 100, 20, 1, 1, 2, 0), ==, OK);
  g_assert_cmpuint (f->fake.updates, ==, updates + 1);
  g_assert_cmpuint (f->fake.damage.width, ==, 50);
  g_assert_cmpuint (f->fake.damage.height, ==, 60);

  g_assert_cmphex (command (f, SET_SCANOUT, 0, 0, 0, 0, 0, 0), ==, OK);
  g_assert_true (f->fake.off);
  /* What Linux does to set a mode: the same mode keeps its picture, another one waits. */
  g_assert_cmphex (command (f, SET_SCANOUT, 0, 0, 49, 60, 0, 0), ==, OK);
  g_assert_true (f->fake.off);
  g_assert_cmphex (command (f, SET_SCANOUT, 0, 0, 50, 60, 0, 0), ==, OK);
  g_assert_false (f->fake.off);
  g_assert_cmpuint (f->fake.width, ==, 50);
  g_assert_cmphex (command (f, FLUSH, 100, 20, 1, 1, 2, 0), ==, OK);
  g_assert_cmpuint (f->fake.damage.width, ==, 1);
  g_assert_cmphex (command (f, SET_SCANOUT, 0, 0, 0, 0, 0, 0), ==, OK);
  g_assert_cmphex (command (f, UNREF, 2, 0), ==, OK);
  g_assert_cmphex (command (f, SET_SCANOUT, 0, 0, 50, 60, 0, 0), ==, OK);
  g_assert_true (f->fake.off);
  g_assert_cmphex (command (f, CREATE_2D, 2, 2, 200, 100), ==, OK);
  /* Unreferencing what is shown turns it off too. */
  g_assert_cmphex (command (f, SET_SCANOUT, 0, 0, 200, 100, 0, 1), ==, OK);
  g_assert_false (f->fake.off);
  g_assert_cmphex (command (f, UNREF, 1, 0), ==, OK);
  g_assert_true (f->fake.off);
  g_assert_cmphex (command (f, SET_SCANOUT, 0, 0, 200, 100, 0, 2), ==, OK);
  driver_reset (&f->driver);
  g_assert_true (f->fake.off);
}

static void
test_mistakes (Fixture *f, gconstpointer data)
{
  const uint32_t max = UINT32_MAX;
  DioGpa page = arena_alloc (&f->bench->arena, 4096, 4096), wild = 0x1000;
  uint32_t length = 4096, huge = UINT32_MAX, words[8] = { ATTACH }, response[6];

  g_assert_cmphex (command (f, CREATE_2D, 0, 2, 16, 16), ==, ERR_RESOURCE);
  g_assert_cmphex (command (f, CREATE_2D, 1, 2, 32, 32), ==, OK);
  g_assert_cmphex (command (f, CREATE_2D, 1, 2, 16, 16), ==, ERR_RESOURCE);
  g_assert_cmphex (command (f, CREATE_2D, 2, 2, 0, 16), ==, ERR_PARAMETER);
  g_assert_cmphex (command (f, CREATE_2D, 2, 2, max, max), ==, ERR_PARAMETER);
  g_assert_cmphex (command (f, CREATE_2D, 2, 2, 0x8000, 0x8000), ==, ERR_PARAMETER);
  g_assert_cmphex (command (f, CREATE_2D, 2, 2, 16384, 16384), ==, ERR_MEMORY); /* quota */

  g_assert_cmphex (command (f, UNREF, 9, 0), ==, ERR_RESOURCE);
  g_assert_cmphex (command (f, SET_SCANOUT, 0, 0, 32, 32, 2, 1), ==, ERR_SCANOUT);
  g_assert_cmphex (command (f, SET_SCANOUT, 0, 0, 32, 32, 0, 9), ==, ERR_RESOURCE);
  g_assert_cmphex (command (f, SET_SCANOUT, 0, 0, 33, 32, 0, 1), ==, ERR_PARAMETER);
  g_assert_cmphex (command (f, SET_SCANOUT, 0, 0, 0, 32, 0, 1), ==, ERR_PARAMETER);
  g_assert_cmphex (command (f, SET_SCANOUT, 1, 0, max, 32, 0, 1), ==, ERR_PARAMETER);
  g_assert_cmphex (command (f, FLUSH, 0, 0, 33, 1, 1, 0), ==, ERR_PARAMETER);
  g_assert_cmphex (command (f, FLUSH, max, max, 2, 2, 1, 0), ==, ERR_PARAMETER);
  g_assert_cmphex (command (f, FLUSH, 0, 0, 1, 1, 9, 0), ==, ERR_RESOURCE);

  /* Transfers without, with too little and with wild backing. */
  g_assert_cmphex (command (f, TRANSFER, 0, 0, 32, 32, 0, 0, 1, 0), ==, ERR_PARAMETER);
  g_assert_cmphex (attach (f, 9, &page, &length, 1), ==, ERR_RESOURCE);
  g_assert_cmphex (command (f, DETACH, 1, 0), ==, ERR_UNSPEC);
  g_assert_cmphex (attach (f, 1, &page, &length, 1), ==, OK);
  g_assert_cmphex (attach (f, 1, &page, &length, 1), ==, ERR_UNSPEC);
  g_assert_cmphex (command (f, TRANSFER, 0, 0, 32, 32, 0, 0, 1, 0), ==, OK);
  g_assert_cmphex (command (f, TRANSFER, 0, 0, 32, 32, 4, 0, 1, 0), ==, ERR_PARAMETER);
  g_assert_cmphex (command (f, TRANSFER, 0, 0, 32, 32, max, max, 1, 0), ==, ERR_PARAMETER);
  g_assert_cmphex (command (f, TRANSFER, 1, 1, 32, 1, 0, 0, 1, 0), ==, ERR_PARAMETER);
  g_assert_cmphex (command (f, TRANSFER, 31, 31, 1, 1, 4092, 0, 1, 0), ==, OK);
  g_assert_cmphex (command (f, TRANSFER, 31, 31, 1, 1, 4093, 0, 1, 0), ==, ERR_PARAMETER);
  g_assert_cmphex (command (f, TRANSFER, 0, 0, 0, 0, 0, 0, 1, 0), ==, OK);
  g_assert_cmphex (command (f, DETACH, 1, 0), ==, OK);
  g_assert_cmphex (attach (f, 1, &wild, &huge, 1), ==, OK);
  g_assert_cmphex (command (f, TRANSFER, 0, 0, 32, 32, 0, 0, 1, 0), ==, ERR_UNSPEC);
  g_assert_cmphex (command (f, DETACH, 1, 0), ==, OK);
  wild = UINT64_MAX - 5;
  g_assert_cmphex (attach (f, 1, &wild, &length, 1), ==, ERR_PARAMETER);

  /* More entries than there are bytes. */
  words[6] = 1;
  words[7] = 65536;
  driver_call (&f->driver, 0, words, 32, response, sizeof response);
  g_assert_cmphex (response[0], ==, ERR_PARAMETER);
  words[7] = max;
  driver_call (&f->driver, 0, words, 32, response, sizeof response);
  g_assert_cmphex (response[0], ==, ERR_PARAMETER);

  /* Unknown, and cut short. */
  g_assert_cmphex (command (f, 0x0107 + 1, 0, 0), ==, ERR_UNSPEC);
  g_assert_cmphex (command (f, CREATE_2D, 7, 2, 16), ==, ERR_UNSPEC);
  driver_call (&f->driver, 0, words, 3, response, sizeof response);
  g_assert_cmphex (response[0], ==, ERR_UNSPEC);
}

/* However many resources, the memory stays below the limit, and it comes back. */
static void
test_quota (Fixture *f, gconstpointer data)
{
  for (unsigned round = 0; round < 3; round++) {
    uint32_t id = 1;

    while (command (f, CREATE_2D, id, 2, 512, 512) == OK)
      id++;
    g_assert_cmpuint (id - 1, ==, 31); /* MiB, of 32 */
    while (command (f, CREATE_2D, id, 2, 1, 1) == OK)
      id++;
    g_assert_cmpuint (id, <, 8192);
    while (--id)
      g_assert_cmphex (command (f, UNREF, id, 0), ==, OK);
  }
}

static void
test_cursor (Fixture *f, gconstpointer data)
{
  Arena *arena = &f->bench->arena;
  DioGpa page = arena_alloc (arena, 64 * 64 * 4, 4096);
  uint32_t length = 64 * 64 * 4;

  for (unsigned i = 0; i < 64 * 64; i++)
    ((uint32_t *) arena_at (arena, page))[i] = 0x80010203; /* bytes 03 02 01 80 */
  g_assert_cmphex (command (f, CREATE_2D, 1, 1, 64, 64), ==, OK);
  g_assert_cmphex (attach (f, 1, &page, &length, 1), ==, OK);
  g_assert_cmphex (command (f, TRANSFER, 0, 0, 64, 64, 0, 0, 1, 0), ==, OK);
  g_assert_cmphex (command (f, UPDATE_CURSOR, 0, 10, 20, 0, 1, 5, 900, 0), ==, OK);
  g_assert_cmpuint (f->fake.cursor_width, ==, 64);
  g_assert_cmphex (f->fake.cursor[0], ==, 0x80010203);
  g_assert_cmpuint (f->fake.hot_x, ==, 5);
  g_assert_cmpuint (f->fake.hot_y, ==, 63);
  g_assert_cmpint (f->fake.x, ==, 10);
  g_assert_cmphex (command (f, MOVE_CURSOR, 0, (uint32_t) -3, 30, 0, 0, 0, 0, 0), ==, OK);
  g_assert_cmpint (f->fake.x, ==, -3);
  g_assert_cmpint (f->fake.y, ==, 30);
  g_assert_cmpuint (f->fake.cursor_width, ==, 64);

  /* Another order of the bytes; without alpha it is opaque. */
  g_assert_cmphex (command (f, CREATE_2D, 2, 134, 64, 64), ==, OK);
  g_assert_cmphex (attach (f, 2, &page, &length, 1), ==, OK);
  g_assert_cmphex (command (f, TRANSFER, 0, 0, 64, 64, 0, 0, 2, 0), ==, OK);
  g_assert_cmphex (command (f, UPDATE_CURSOR, 0, 0, 0, 0, 2, 0, 0, 0), ==, OK);
  g_assert_cmphex (f->fake.cursor[4095], ==, 0xff030201);

  g_assert_cmphex (command (f, UPDATE_CURSOR, 0, 0, 0, 0, 0, 0, 0, 0), ==, OK);
  g_assert_cmpuint (f->fake.cursor_width, ==, 0);
  g_assert_cmphex (command (f, UPDATE_CURSOR, 7, 0, 0, 0, 0, 0, 0, 0), ==, ERR_SCANOUT);
  g_assert_cmphex (command (f, UPDATE_CURSOR, 0, 0, 0, 0, 77, 0, 0, 0), ==, ERR_RESOURCE);
  g_assert_cmphex (command (f, CREATE_2D, 3, 1, 63, 64), ==, OK);
  g_assert_cmphex (command (f, UPDATE_CURSOR, 0, 0, 0, 0, 3, 0, 0, 0), ==, ERR_PARAMETER);
}

static void
test_state (Fixture *f, gconstpointer data)
{
  Arena *arena = &f->bench->arena;
  DioGpa page = arena_alloc (arena, 8192, 4096);
  uint32_t length = 8192;
  DioDevice *dev = &f->driver.vdev->pci.dev;
  g_autoptr (GBytes) saved = NULL;
  gsize size;
  unsigned refused = 0;

  memset (arena_at (arena, page), 0x77, 8192);
  g_assert_cmphex (command (f, CREATE_2D, 40, 2, 32, 32), ==, OK);
  g_assert_cmphex (command (f, CREATE_2D, 3, 1, 64, 64), ==, OK);
  g_assert_cmphex (attach (f, 40, &page, &length, 1), ==, OK);
  g_assert_cmphex (command (f, TRANSFER, 0, 0, 32, 32, 0, 0, 40, 0), ==, OK);
  g_assert_cmphex (command (f, SET_SCANOUT, 4, 4, 20, 20, 0, 40), ==, OK);
  g_assert_cmphex (command (f, UPDATE_CURSOR, 0, 1, 2, 0, 3, 4, 5, 0), ==, OK);
  bench_run (f->bench, dio_machine_pause);
  bench_round_trip (dev);
  saved = bench_save (dev);

  /* Into a device in another state: the picture comes back, and the backing works. */
  bench_run (f->bench, dio_machine_resume);
  g_assert_cmphex (command (f, UNREF, 40, 0), ==, OK);
  g_assert_cmphex (command (f, CREATE_2D, 41, 2, 100, 100), ==, OK);
  bench_run (f->bench, dio_machine_pause);
  memset (f->fake.shown, 0, sizeof f->fake.shown);
  g_assert_false (bench_load (dev, g_bytes_new_static ("", 0)));

  for (unsigned round = 0; round < 300; round++) {
    const void *bytes = g_bytes_get_data (saved, &size);
    uint8_t *copy = g_memdup2 (bytes, size);
    g_autoptr (GBytes) bad = NULL;
    /* Mostly in the numbers, not in the pixels. */
    gsize at = round & 1 ? (gsize) g_test_rand_int_range (0, (int) size)
                         : size - 1 - (gsize) g_test_rand_int_range (0, 700) % size;

    copy[at] ^= 1 << g_test_rand_int_range (0, 8);
    bad = g_bytes_new_take (copy, size);
    refused += !bench_load (dev, bad);
  }
  g_test_message ("%u of 300 refused", refused);
  g_assert_true (bench_load (dev, saved));
  g_assert_cmphex (f->fake.shown[19][19], ==, 0x77777777);
  g_assert_cmpuint (f->fake.cursor_width, ==, 64);
  g_assert_cmpuint (f->fake.hot_y, ==, 5);
  bench_run (f->bench, dio_machine_resume);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/hw/display/gpu/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("info", test_info);
  ADD ("resize", test_resize);
  ADD ("picture", test_picture);
  ADD ("formats", test_formats);
  ADD ("scanouts", test_scanouts);
  ADD ("mistakes", test_mistakes);
  ADD ("quota", test_quota);
  ADD ("cursor", test_cursor);
  ADD ("state", test_state);
  return g_test_run ();
}
