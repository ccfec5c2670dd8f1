/* SPDX-License-Identifier: GPL-3.0-or-later
 * A scan-out: a triple buffer with damage between a display device and a presenter.
 *
 * Of the three buffers the publisher owns one (back), the presenter one (front), and the third is
 * on offer in @shared, together with a bit that says whether the presenter has yet to take it. Each
 * side trades its buffer for the offered one by one atomic exchange, so neither waits.
 *
 * Two kinds of damage are kept, in tiles:
 *   missing[b]  what buffer b has not got, because it was elsewhere when those tiles changed. The
 *               publisher copies exactly these from the device's surface before it offers b.
 *   pending     what the presenter has not seen: damage of the frames since the last one that it
 *               took. It travels with the offered buffer. When the presenter takes the offer
 *               between our look at @shared and the exchange, tiles are reported twice; never lost.
 *
 * @lock serialises publishers with snapshots only; the presenter never takes it in acquire(). */
#include "render/scanout/scanout.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/base-log.h"
#include "render/scanout/scanout-pixels.h"

#define BUFFERS 3
#define FRESH 4u /* in @shared: the presenter has yet to take the offered buffer */
#define MAX_CURSOR 512

typedef struct {
  uint8_t *pixels;
  size_t capacity;
  uint32_t width, height;
  uint64_t serial;
  int64_t publish_time_us;
  uint32_t dirty[DIO_SCANOUT_TILES]; /* for the presenter */
} Buffer;

struct DioScanout {
  DioDisplay display; /* first: the device's handle */

  Buffer buffers[BUFFERS];
  _Atomic unsigned shared;

  pthread_mutex_t lock; /* publisher's fields, and @newest against snapshots */
  unsigned back;
  unsigned newest; /* last published; not written until published over */
  uint32_t width, height;
  uint64_t serial;
  uint32_t missing[BUFFERS][DIO_SCANOUT_TILES];
  uint32_t pending[DIO_SCANOUT_TILES];
  DioRateLimit limit;

  /* Presenter's fields. */
  unsigned front;
  uint32_t seen_width, seen_height;

  pthread_mutex_t cursor_lock;
  DioScanoutCursor cursor;

  pthread_mutex_t notify_lock;
  void (*notify) (void *data);
  void *notify_data;
  _Atomic bool notified;

  pthread_mutex_t source_lock;
  const DioDisplaySourceOps *source_ops;
  void *source_opaque;
};

static void
wake (DioScanout *self)
{
  if (atomic_exchange (&self->notified, true))
    return;
  pthread_mutex_lock (&self->notify_lock);
  if (self->notify)
    self->notify (self->notify_data);
  pthread_mutex_unlock (&self->notify_lock);
}

static uint32_t
tile_size (uint32_t pixels)
{
  return (pixels + DIO_SCANOUT_TILES - 1) / DIO_SCANOUT_TILES;
}

/* Bits first..last of a row of tiles. */
static uint32_t
tile_mask (uint32_t first, uint32_t last)
{
  return (UINT32_C (2) << last) - (UINT32_C (1) << first);
}

static bool
ensure_buffer (Buffer *buffer, uint32_t width, uint32_t height)
{
  size_t size = (size_t) width * height * 4;

  /* A small mode after a huge one gives the memory back. */
  if (size > buffer->capacity || size < buffer->capacity / 4) {
    uint8_t *pixels = g_try_malloc (size);
    if (!pixels)
      return false;
    g_free (buffer->pixels);
    buffer->pixels = pixels;
    buffer->capacity = size;
  }
  buffer->width = width;
  buffer->height = height;
  return true;
}

/* Brings the tiles of @missing in @buffer up to date, neighbouring tiles of a row in one run. */
static void
copy_tiles (Buffer *buffer, const DioSurface *surface, const uint32_t *missing)
{
  uint32_t tile_width = tile_size (surface->width), tile_height = tile_size (surface->height);
  unsigned pixel_size = dio_pixels_format_size (surface->format);
  size_t stride = (size_t) surface->width * 4;

  for (uint32_t row = 0; row < DIO_SCANOUT_TILES; row++) {
    uint32_t y0 = row * tile_height, y1 = MIN (y0 + tile_height, surface->height);
    uint32_t bits = missing[row];

    while (bits) {
      uint32_t first = __builtin_ctz (bits);
      uint32_t length = __builtin_ctz (~(bits >> first));
      uint32_t x0 = first * tile_width;
      uint32_t x1 = MIN ((first + length) * tile_width, surface->width);

      bits &= ~tile_mask (first, first + length - 1);
      for (uint32_t y = y0; x0 < x1 && y < y1; y++) {
        /* Rows of the buffer start at multiples of 4 bytes in malloc'ed memory. */
        uint32_t *target = (uint32_t *) (void *) (buffer->pixels + y * stride) + x0;
        const uint8_t *source = surface->pixels + (size_t) y * surface->stride;
        dio_pixels_convert_row (target, source + (size_t) x0 * pixel_size, surface->format,
                                x1 - x0);
      }
    }
  }
}

/* Offers the back buffer. @damage is what changed since the last published frame. */
static void
publish_locked (DioScanout *self, const uint32_t *damage)
{
  Buffer *buffer = &self->buffers[self->back];

  if (!(atomic_load_explicit (&self->shared, memory_order_acquire) & FRESH))
    memset (self->pending, 0, sizeof self->pending);
  for (unsigned row = 0; row < DIO_SCANOUT_TILES; row++)
    self->pending[row] |= damage[row];

  memcpy (buffer->dirty, self->pending, sizeof buffer->dirty);
  buffer->serial = ++self->serial;
  buffer->publish_time_us = g_get_monotonic_time ();

  self->newest = self->back;
  self->back = atomic_exchange (&self->shared, self->back | FRESH) & ~FRESH;
}

static void
damage_all (DioScanout *self, uint32_t *damage)
{
  uint32_t all = tile_mask (0, DIO_SCANOUT_TILES - 1);

  for (unsigned row = 0; row < DIO_SCANOUT_TILES; row++) {
    damage[row] = all;
    for (unsigned b = 0; b < BUFFERS; b++)
      self->missing[b][row] = all;
  }
}

static bool
is_usable (const DioSurface *surface)
{
  unsigned size = dio_pixels_format_size (surface->format);

  return surface->pixels && surface->width && surface->height && size
         && surface->width <= DIO_DISPLAY_MAX_SIZE && surface->height <= DIO_DISPLAY_MAX_SIZE
         && surface->stride >= (uint64_t) surface->width * size;
}

static bool
update_locked (DioScanout *self, const DioSurface *surface, const DioRect *rect)
{
  uint32_t damage[DIO_SCANOUT_TILES] = { 0 };
  Buffer *buffer = &self->buffers[self->back];

  if (!surface) {
    if (!self->width)
      return false;
    self->width = self->height = 0;
    damage_all (self, damage);
    buffer->width = buffer->height = 0;
    publish_locked (self, damage);
    return true;
  }

  if (!is_usable (surface)) {
    dio_log_guest (&self->limit, "scanout", "surface %ux%u, stride %u, format %u refused",
                   surface->width, surface->height, surface->stride, surface->format);
    return false;
  }

  if (surface->width != self->width || surface->height != self->height) {
    damage_all (self, damage);
    self->width = surface->width;
    self->height = surface->height;
  } else {
    DioRect whole = { 0, 0, surface->width, surface->height };
    const DioRect *r = rect ? rect : &whole;
    if (r->x >= surface->width || r->y >= surface->height || !r->width || !r->height)
      return false;
    uint32_t x1 = (uint32_t) MIN ((uint64_t) r->x + r->width, surface->width) - 1;
    uint32_t y1 = (uint32_t) MIN ((uint64_t) r->y + r->height, surface->height) - 1;
    uint32_t tile_width = tile_size (surface->width), tile_height = tile_size (surface->height);
    uint32_t mask = tile_mask (r->x / tile_width, x1 / tile_width);

    for (uint32_t row = r->y / tile_height; row <= y1 / tile_height; row++) {
      damage[row] = mask;
      for (unsigned b = 0; b < BUFFERS; b++)
        self->missing[b][row] |= mask;
    }
  }

  if (!ensure_buffer (buffer, surface->width, surface->height)) {
    dio_log_guest (&self->limit, "scanout", "no memory for %ux%u", surface->width, surface->height);
    self->width = self->height = 0; /* the next update tries again, whole */
    return false;
  }
  copy_tiles (buffer, surface, self->missing[self->back]);
  memset (self->missing[self->back], 0, sizeof self->missing[self->back]);
  publish_locked (self, damage);
  return true;
}

static void
scanout_update (DioDisplay *display, uint32_t index, const DioSurface *surface, const DioRect *rect)
{
  DioScanout *self = (DioScanout *) display;

  if (index != 0)
    return;
  pthread_mutex_lock (&self->lock);
  bool published = update_locked (self, surface, rect);
  pthread_mutex_unlock (&self->lock);
  if (published)
    wake (self);
}

static void
scanout_cursor_define (DioDisplay *display, uint32_t index, const uint8_t *pixels, uint32_t width,
                       uint32_t height, uint32_t hot_x, uint32_t hot_y)
{
  DioScanout *self = (DioScanout *) display;
  GBytes *bytes = NULL;

  if (index != 0)
    return;
  if (pixels && width && height && width <= MAX_CURSOR && height <= MAX_CURSOR) {
    size_t size = (size_t) width * height * 4;
    uint32_t *copy = g_malloc (size);
    memcpy (copy, pixels, size);
    dio_pixels_premultiply (copy, (size_t) width * height);
    bytes = g_bytes_new_take (copy, size);
  } else {
    width = height = hot_x = hot_y = 0;
  }

  pthread_mutex_lock (&self->cursor_lock);
  GBytes *old = self->cursor.pixels;
  self->cursor.pixels = bytes;
  self->cursor.width = width;
  self->cursor.height = height;
  self->cursor.hot_x = width ? MIN (hot_x, width - 1) : 0;
  self->cursor.hot_y = height ? MIN (hot_y, height - 1) : 0;
  self->cursor.serial++;
  pthread_mutex_unlock (&self->cursor_lock);

  if (old)
    g_bytes_unref (old);
  wake (self);
}

static void
scanout_cursor_move (DioDisplay *display, uint32_t index, int32_t x, int32_t y)
{
  DioScanout *self = (DioScanout *) display;

  if (index != 0)
    return;
  pthread_mutex_lock (&self->cursor_lock);
  self->cursor.x = x;
  self->cursor.y = y;
  pthread_mutex_unlock (&self->cursor_lock);
}

static void
scanout_set_source (DioDisplay *display, const DioDisplaySourceOps *ops, void *opaque)
{
  DioScanout *self = (DioScanout *) display;

  pthread_mutex_lock (&self->source_lock);
  self->source_ops = ops;
  self->source_opaque = opaque;
  pthread_mutex_unlock (&self->source_lock);
}

static const DioDisplayOps display_ops = {
  .update = scanout_update,
  .cursor_define = scanout_cursor_define,
  .cursor_move = scanout_cursor_move,
  .set_source = scanout_set_source,
};

/* A scan-out that is off. Any thread. */
DioScanout *
dio_scanout_new (void)
{
  DioScanout *self = g_new0 (DioScanout, 1);

  self->display.ops = &display_ops;
  self->back = self->newest = 0;
  atomic_init (&self->shared, 1);
  self->front = 2;
  pthread_mutex_init (&self->lock, NULL);
  pthread_mutex_init (&self->cursor_lock, NULL);
  pthread_mutex_init (&self->notify_lock, NULL);
  pthread_mutex_init (&self->source_lock, NULL);
  return self;
}

/* Frees; neither side may be in a call any more. */
void
dio_scanout_free (DioScanout *self)
{
  if (!self)
    return;
  for (unsigned b = 0; b < BUFFERS; b++)
    g_free (self->buffers[b].pixels);
  if (self->cursor.pixels)
    g_bytes_unref (self->cursor.pixels);
  pthread_mutex_destroy (&self->lock);
  pthread_mutex_destroy (&self->cursor_lock);
  pthread_mutex_destroy (&self->notify_lock);
  pthread_mutex_destroy (&self->source_lock);
  g_free (self);
}

void
dio_scanout_set_notify (DioScanout *self, void (*notify) (void *data), void *data)
{
  pthread_mutex_lock (&self->notify_lock);
  self->notify = notify;
  self->notify_data = data;
  pthread_mutex_unlock (&self->notify_lock);
}

DioDisplay *
dio_scanout_get_display (DioScanout *self)
{
  return &self->display;
}

bool
dio_scanout_acquire (DioScanout *self, DioFrame *frame)
{
  /* Before the look, so that a frame published after it wakes again. */
  atomic_store (&self->notified, false);

  bool fresh = atomic_load_explicit (&self->shared, memory_order_relaxed) & FRESH;
  if (fresh)
    self->front = atomic_exchange (&self->shared, self->front) & ~FRESH;

  const Buffer *buffer = &self->buffers[self->front];
  *frame = (DioFrame){
    .width = buffer->width,
    .height = buffer->height,
    .stride = buffer->width * 4,
    .pixels = buffer->width ? buffer->pixels : NULL,
    .serial = buffer->serial,
    .tile_width = tile_size (buffer->width),
    .tile_height = tile_size (buffer->height),
    .publish_time_us = buffer->publish_time_us,
  };
  if (fresh) {
    frame->mode_changed = buffer->width != self->seen_width || buffer->height != self->seen_height;
    self->seen_width = buffer->width;
    self->seen_height = buffer->height;
    memcpy (frame->dirty, buffer->dirty, sizeof frame->dirty);
  }
  return fresh;
}

GBytes *
dio_scanout_snapshot (DioScanout *self, uint32_t max_width, uint32_t *width, uint32_t *height)
{
  uint32_t w = 0, h = 0;
  uint32_t *pixels = NULL;

  pthread_mutex_lock (&self->lock);
  const Buffer *buffer = &self->buffers[self->newest];
  if (self->serial && buffer->width) {
    w = buffer->width;
    h = buffer->height;
    if (max_width && max_width < w) {
      h = MAX ((uint64_t) h * max_width / w, 1);
      w = max_width;
    }
    pixels = g_try_malloc ((size_t) w * h * 4);
  }
  if (pixels && w == buffer->width)
    memcpy (pixels, buffer->pixels, (size_t) w * h * 4);
  else if (pixels)
    dio_pixels_scale_down (pixels, w, h, buffer->pixels, buffer->width, buffer->height,
                           buffer->width * 4);
  pthread_mutex_unlock (&self->lock);

  if (!pixels)
    return NULL;
  if (width)
    *width = w;
  if (height)
    *height = h;
  return g_bytes_new_take (pixels, (size_t) w * h * 4);
}

bool
dio_scanout_get_cursor (DioScanout *self, DioScanoutCursor *cursor)
{
  pthread_mutex_lock (&self->cursor_lock);
  *cursor = self->cursor;
  if (cursor->pixels)
    g_bytes_ref (cursor->pixels);
  pthread_mutex_unlock (&self->cursor_lock);
  return cursor->serial != 0;
}

void
dio_scanout_set_preferred_size (DioScanout *self, uint32_t width, uint32_t height,
                                uint32_t width_mm, uint32_t height_mm)
{
  if (!width || !height)
    return;
  width = MIN (width, DIO_DISPLAY_MAX_SIZE);
  height = MIN (height, DIO_DISPLAY_MAX_SIZE);

  pthread_mutex_lock (&self->source_lock);
  if (self->source_ops && self->source_ops->set_preferred_size)
    self->source_ops->set_preferred_size (self->source_opaque, 0, width, height, width_mm,
                                          height_mm);
  pthread_mutex_unlock (&self->source_lock);
}
