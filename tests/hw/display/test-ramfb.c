/* SPDX-License-Identifier: GPL-3.0-or-later
 * The framebuffer in guest memory: what is drawn is shown, changes of rows are, and what makes no
 * sense is refused. */
#include "hw/display/ramfb.h"

#include <stdatomic.h>
#include <string.h>

#include "core/backend/backend-display.h"
#include "hw/display/display-rect.h"
#include "hw/firmware/fw-cfg.h"
#include "tests/support/hw-bench.h"

#define FW_CFG UINT64_C (0x9020000)
#define REQUEST DIO_HW_BENCH_RAM
#define BUFFER (DIO_HW_BENCH_RAM + 0x1000)
#define PICTURE (DIO_HW_BENCH_RAM + 0x10000)
#define END (DIO_HW_BENCH_RAM + DIO_HW_BENCH_RAM_SIZE)

#define FIRST_FILE 0x20 /* the only one */
#define XR24 0x34325258u
#define RG16 0x36314752u

enum {
  DMA_ERROR = 1,
  DMA_SELECT = 8,
  DMA_WRITE = 16,
};

/* Big-endian in the guest. */
typedef struct __attribute__ ((packed)) {
  uint64_t address;
  uint32_t fourcc, flags, width, height, stride;
} Config;

typedef struct {
  DioDisplay display;
  DioHwBench *bench;
  DioDevice *cfg, *fb;
  pthread_mutex_t lock;
  unsigned updates;
  bool on;
  DioSurface shown;
  DioRect damage;
  uint32_t pixels[64]; /* the first ones of the surface */
} Fixture;

static void
update (DioDisplay *display, uint32_t scanout, const DioSurface *surface, const DioRect *rect)
{
  Fixture *f = (Fixture *) display;

  pthread_mutex_lock (&f->lock);
  g_assert_cmpuint (scanout, ==, 0);
  f->updates++;
  f->on = surface != NULL;
  if (surface) {
    g_assert_true (dio_rect_is_within (rect, surface->width, surface->height));
    f->shown = *surface;
    f->damage = *rect;
    memcpy (f->pixels, surface->pixels,
            MIN (sizeof f->pixels, (size_t) surface->stride * surface->height));
  }
  pthread_mutex_unlock (&f->lock);
}

static const DioDisplayOps display_ops = { .update = update };

static void
set_up (Fixture *f, gconstpointer data)
{
  pthread_mutex_init (&f->lock, NULL);
  f->display.ops = &display_ops;
  f->bench = dio_hw_bench_new ();
  f->bench->machine->host.display = &f->display;
  f->cfg = dio_device_new (&dio_fw_cfg_type, "fw-cfg");
  dio_hw_bench_add (f->bench, f->cfg, FW_CFG, 0);
  f->fb = dio_device_new (&dio_ramfb_type, "display");
  dio_hw_bench_add (f->bench, f->fb, 0, 0);
  dio_ramfb_connect (f->fb, f->cfg);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_hw_bench_free (f->bench);
  pthread_mutex_destroy (&f->lock);
}

static void
put (Fixture *f, DioGpa gpa, const void *data, size_t size)
{
  g_assert_true (dio_dma_write (f->bench->machine->space, gpa, data, size));
}

/* As firmware does it: the whole structure by one request. */
static void
configure (Fixture *f, uint64_t address, uint32_t fourcc, uint32_t width, uint32_t height,
           uint32_t stride)
{
  const Config config = {
    GUINT64_TO_BE (address), GUINT32_TO_BE (fourcc), 0,
    GUINT32_TO_BE (width),   GUINT32_TO_BE (height), GUINT32_TO_BE (stride),
  };
  struct {
    uint32_t control, length;
    uint64_t address;
  } request = {
    GUINT32_TO_BE (FIRST_FILE << 16 | DMA_SELECT | DMA_WRITE),
    GUINT32_TO_BE (sizeof config),
    GUINT64_TO_BE (BUFFER),
  };

  put (f, BUFFER, &config, sizeof config);
  put (f, REQUEST, &request, sizeof request);
  dio_hw_bench_write (f->bench, FW_CFG + 16, 8, GUINT64_SWAP_LE_BE (REQUEST));
  g_assert_true (dio_dma_read (f->bench->machine->space, REQUEST, &request, sizeof request));
  g_assert_cmphex (request.control, ==, 0);
}

/* Waits for the next update of the display; false when none comes. */
static bool
wait_for (Fixture *f, unsigned updates)
{
  for (int i = 0; i < 5000; i++) {
    pthread_mutex_lock (&f->lock);
    bool done = f->updates >= updates;
    pthread_mutex_unlock (&f->lock);
    if (done)
      return true;
    g_usleep (1000);
  }
  return false;
}

static void
assert_shown (Fixture *f, uint32_t width, uint32_t height, DioPixelFormat format)
{
  pthread_mutex_lock (&f->lock);
  g_assert_true (f->on);
  g_assert_cmpuint (f->shown.width, ==, width);
  g_assert_cmpuint (f->shown.height, ==, height);
  g_assert_cmpuint (f->shown.format, ==, format);
  pthread_mutex_unlock (&f->lock);
}

static void
test_shows (Fixture *f, gconstpointer data)
{
  const uint32_t first[2] = { 0x112233, 0x445566 }, second[2] = { 0x778899, 0xaabbcc };
  const uint32_t red = 0xff0000;

  /* A pixel of every row is behind what is shown of it. */
  put (f, PICTURE, first, sizeof first);
  put (f, PICTURE + 12, second, sizeof second);
  configure (f, PICTURE, XR24, 2, 3, 12);
  g_assert_true (wait_for (f, 1));
  assert_shown (f, 2, 3, DIO_FORMAT_BGRX8888);
  g_assert_cmpuint (f->damage.height, ==, 3);
  g_assert_cmphex (f->pixels[0], ==, first[0]);
  g_assert_cmphex (f->pixels[1], ==, first[1]);
  g_assert_cmphex (f->pixels[2], ==, second[0]);
  g_assert_cmphex (f->pixels[4], ==, 0);

  /* Then only the rows that change. */
  put (f, PICTURE + 2 * 12 + 4, &red, sizeof red);
  g_assert_true (wait_for (f, 2));
  g_assert_cmpuint (f->damage.y, ==, 2);
  g_assert_cmpuint (f->damage.height, ==, 1);
  g_assert_cmphex (f->pixels[5], ==, red);

  /* Another mode, without a stride. */
  configure (f, PICTURE, RG16, 8, 4, 0);
  g_assert_true (wait_for (f, 3));
  assert_shown (f, 8, 4, DIO_FORMAT_RGB565);
  g_assert_cmpuint (f->shown.stride, ==, 16);
}

/* What is refused switches the display off, as the guest does not know any more what it shows. */
static void
test_refuses (Fixture *f, gconstpointer data)
{
  static const struct {
    uint64_t address;
    uint32_t fourcc, width, height, stride;
  } cases[] = {
    { PICTURE, 0, 16, 16, 64 },
    { PICTURE, XR24, 0, 16, 64 },
    { PICTURE, XR24, 16, 0, 64 },
    { PICTURE, XR24, 16, 16, 63 },
    { PICTURE, XR24, DIO_DISPLAY_MAX_SIZE + 1, 16, 0 },
    { PICTURE, XR24, 16, UINT32_MAX, 0 },
    { PICTURE, XR24, UINT32_MAX, UINT32_MAX, UINT32_MAX },
    { PICTURE, XR24, 0x40000001, 1, 4 },
    { PICTURE, XR24, DIO_DISPLAY_MAX_SIZE, DIO_DISPLAY_MAX_SIZE, 0 },
    { PICTURE, XR24, 16, 16, UINT32_MAX },
    { 0, XR24, 16, 16, 64 },
    { FW_CFG, XR24, 16, 16, 64 },
    { UINT64_MAX - 3, XR24, 16, 16, 64 },
    { UINT64_MAX - 16 * 64 + 1, XR24, 16, 16, 64 },
    { END - 16 * 64 + 1, XR24, 16, 16, 64 },
    { END, XR24, 16, 16, 64 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++) {
    unsigned before = f->updates;
    configure (f, PICTURE, XR24, 16, 16, 64);
    g_assert_true (wait_for (f, before + 1));
    assert_shown (f, 16, 16, DIO_FORMAT_BGRX8888);
    before = f->updates;
    configure (f, cases[i].address, cases[i].fourcc, cases[i].width, cases[i].height,
               cases[i].stride);
    g_assert_true (wait_for (f, before + 1));
    g_assert_false (f->on);
  }
  /* The last byte of memory is the last of a picture. */
  unsigned before = f->updates;
  configure (f, END - 16 * 64, XR24, 16, 16, 64);
  g_assert_true (wait_for (f, before + 1));
  assert_shown (f, 16, 16, DIO_FORMAT_BGRX8888);
  /* And a reset ends it. */
  before = f->updates;
  dio_device_reset (f->cfg);
  g_assert_true (wait_for (f, before + 1));
  g_assert_false (f->on);
}

/* The state of fw_cfg is enough to show the picture again. */
static void
test_state (Fixture *f, gconstpointer data)
{
  const uint32_t colour = 0x123456;

  put (f, PICTURE, &colour, sizeof colour);
  configure (f, PICTURE, XR24, 1, 1, 4);
  g_assert_true (wait_for (f, 1));
  g_autoptr (GBytes) saved = dio_hw_bench_save (f->cfg);
  unsigned before = f->updates;
  dio_device_reset (f->cfg);
  g_assert_true (wait_for (f, before + 1));
  g_assert_false (f->on);
  before = f->updates;
  dio_hw_bench_load (f->cfg, saved, true);
  g_assert_true (wait_for (f, before + 1));
  assert_shown (f, 1, 1, DIO_FORMAT_BGRX8888);
  g_assert_cmphex (f->pixels[0], ==, colour);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/hw/ramfb/shows", Fixture, NULL, set_up, test_shows, tear_down);
  g_test_add ("/hw/ramfb/refuses", Fixture, NULL, set_up, test_refuses, tear_down);
  g_test_add ("/hw/ramfb/state", Fixture, NULL, set_up, test_state, tear_down);
  return g_test_run ();
}
