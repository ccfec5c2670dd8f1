/* SPDX-License-Identifier: GPL-3.0-or-later
 * A scan-out: frames pass from a display device's thread to the presenting thread through a triple
 * buffer with damage, without either waiting for the other. Newest wins; damage of frames the
 * presenter skipped is accumulated, so no tile is lost. */
#pragma once

#include <glib.h>

#include "core/backend/backend-display.h"

#define DIO_SCANOUT_TILES 16 /* per side: 16 x 16 tiles, one bit each */

typedef struct DioScanout DioScanout;

/* A frame as the presenter sees it: always BGRX8888, X bytes 0xff. Valid until the next acquire. */
typedef struct {
  uint32_t width, height; /* 0 when the scan-out is off */
  uint32_t stride;        /* bytes */
  const uint8_t *pixels;
  uint64_t serial;                   /* grows with every published frame */
  bool mode_changed;                 /* size differs from the previously acquired frame */
  uint32_t tile_width, tile_height;  /* pixels; the last row and column may be smaller */
  uint32_t dirty[DIO_SCANOUT_TILES]; /* bit x of row y: changed since the last acquire */
  int64_t publish_time_us;           /* g_get_monotonic_time() of the newest damage */
} DioFrame;

typedef struct {
  uint32_t width, height, hot_x, hot_y;
  GBytes *pixels; /* BGRA8888 premultiplied; NULL: hidden */
  int32_t x, y;
  uint64_t serial; /* grows when the image changes */
} DioScanoutCursor;

/* @notify: called on the publishing thread when there is something new (a frame or a cursor) and
 * the presenter had taken everything before (coalesced); may be NULL and may be set later, when the
 * presenter should look once by itself. After the call returns, the old one is not running. */
DioScanout *dio_scanout_new (void);
void dio_scanout_free (DioScanout *scanout);
void dio_scanout_set_notify (DioScanout *scanout, void (*notify) (void *data), void *data);

/* The side for the machine (DioMachineHost.display). Scan-out 0 is shown. */
DioDisplay *dio_scanout_get_display (DioScanout *scanout);

/* Presenting thread only. False when nothing is new (then @frame repeats the last one without
 * dirty tiles). */
bool dio_scanout_acquire (DioScanout *scanout, DioFrame *frame);

/* A copy of the newest frame, for thumbnails and screenshots; any thread. @max_width 0: full size,
 * else scaled down keeping aspect. NULL when off. BGRX, stride width*4. */
GBytes *dio_scanout_snapshot (DioScanout *scanout, uint32_t max_width, uint32_t *width,
                              uint32_t *height);
bool dio_scanout_write_png (DioScanout *scanout, const char *path, GError **error);

/* The cursor; the caller owns a reference to cursor->pixels. False when the device never defined
 * one. Any thread. */
bool dio_scanout_get_cursor (DioScanout *scanout, DioScanoutCursor *cursor);

/* Tells the device the person's window size; any thread. */
void dio_scanout_set_preferred_size (DioScanout *scanout, uint32_t width, uint32_t height,
                                     uint32_t width_mm, uint32_t height_mm);
