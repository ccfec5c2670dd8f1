/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes virtio-gpu before a display that reads every pixel it is shown. */
#include <stdlib.h>
#include <string.h>

#include "hw/display/display-rect.h"
#include "hw/virtio/virtio.h"
#include "tests/fuzz/fuzz-virtio.h"

typedef struct {
  DioDisplay display;
  const DioDisplaySourceOps *ops;
  void *opaque;
  volatile unsigned sum;
} Display;

static Display *
the_display (void)
{
  static Display display;

  return &display;
}

static void
update (DioDisplay *display, uint32_t scanout, const DioSurface *surface, const DioRect *rect)
{
  if (!surface)
    return;
  if (!dio_rect_is_within (rect, surface->width, surface->height)
      || surface->width > DIO_DISPLAY_MAX_SIZE || surface->height > DIO_DISPLAY_MAX_SIZE)
    abort ();
  for (uint32_t y = rect->y; y < rect->y + rect->height; y += 1 + rect->height / 16)
    for (uint32_t x = rect->x; x < rect->x + rect->width; x += 1 + rect->width / 16)
      ((Display *) display)->sum += surface->pixels[(size_t) y * surface->stride + 4 * x + 3];
}

static void
cursor_define (DioDisplay *display, uint32_t scanout, const uint8_t *pixels, uint32_t width,
               uint32_t height, uint32_t hot_x, uint32_t hot_y)
{
  if (pixels)
    ((Display *) display)->sum += pixels[width * height * 4 - 1];
}

static void
cursor_move (DioDisplay *display, uint32_t scanout, int32_t x, int32_t y)
{
}

static void
set_source (DioDisplay *display, const DioDisplaySourceOps *ops, void *opaque)
{
  ((Display *) display)->ops = ops;
  ((Display *) display)->opaque = opaque;
}

static void
prepare (DioMachineHost *host)
{
  static const DioDisplayOps ops = { update, cursor_define, cursor_move, set_source };

  the_display ()->display.ops = &ops;
  host->display = &the_display ()->display;
}

static void
set_up (DioDevice *dev, DioMachine *machine)
{
  dio_device_set (dev, "memory", "16M", NULL);
  dio_device_set (dev, "outputs", "2", NULL);
}

static size_t
command (const uint8_t c[8], DioGpa memory, uint8_t out[128], uint32_t *in)
{
  static const uint8_t formats[] = { 1, 2, 3, 4, 67, 68, 121, 134 };
  uint32_t type = c[0] & 16 ? 0x300 + (c[0] & 1) : 0x100 + (c[0] & 15);
  uint32_t id = c[1] & 3, scanout = c[1] >> 2 & 1, x = c[2], y = c[3], w = c[4], h = c[5];
  uint32_t words[32] = { type, c[1] >> 7, c[6], 0, 0, 0 }, *arg = words + 6;

  if (c[7] & 1)
    w = h = 64;
  *in = c[0] & 32 ? 24 : 1056;
  switch (type) {
  case 0x101: { /* create */
    const uint32_t create[] = { id, formats[c[2] & 7], w << (c[7] >> 4), h << (c[7] >> 4) };

    memcpy (arg, create, sizeof create);
    break;
  }
  case 0x103: /* scan-out, flush, transfer: a rectangle first */
  case 0x104:
  case 0x105: {
    const uint32_t scan[] = { x, y, w, h, scanout, id };
    const uint32_t flush[] = { x, y, w, h, id, 0 };
    const uint32_t transfer[] = { x, y, w, h, c[6] * 4u, 0, id, 0 };

    memcpy (arg,
            type == 0x103   ? scan
            : type == 0x104 ? flush
                            : transfer,
            type == 0x105 ? sizeof transfer : sizeof scan);
    break;
  }
  case 0x106: { /* attach: up to three runs */
    const uint32_t n = c[6] & 3;

    arg[0] = id;
    arg[1] = n;
    for (uint32_t i = 0; i < n; i++) {
      arg[2 + 4 * i] = (uint32_t) memory + c[2 + i] * 0x100u;
      arg[4 + 4 * i] = c[7] & 2 ? UINT32_MAX : c[4] * c[5] * 2u;
    }
    break;
  }
  case 0x300:
  case 0x301: {
    const uint32_t cursor[] = { scanout, x, y, 0, id, w, h, 0 };

    memcpy (arg, cursor, sizeof cursor);
    break;
  }
  default:
    arg[0] = type == 0x10a ? scanout : id;
    break;
  }
  memcpy (out, words, 96);
  return 96;
}

static void
event (DioDevice *dev, uint32_t what)
{
  Display *display = the_display ();

  display->ops->set_preferred_size (display->opaque, what & 3, what >> 2 & 0x3fff, what >> 16, what,
                                    0);
}

const FuzzVirtio fuzz_virtio = {
  .type = &dio_virtio_gpu_type,
  .prepare = prepare,
  .set_up = set_up,
  .command = command,
  .event = event,
};
