/* SPDX-License-Identifier: GPL-3.0-or-later
 * The display interface: a display device on one side (hw), something that shows scan-outs on the
 * other (render). Both are small ops structs that never include each other. */
#pragma once

#include "core/base/base-types.h"

typedef struct DioDisplay DioDisplay;

#define DIO_DISPLAY_MAX_SIZE 8192 /* pixels per side; larger modes are refused by devices */

/* Pixel formats by byte order in memory, 32 bits each; X means the byte has no meaning. */
typedef enum {
  DIO_FORMAT_BGRX8888, /* B G R X: the common one (DRM XRGB8888) */
  DIO_FORMAT_BGRA8888,
  DIO_FORMAT_RGBX8888,
  DIO_FORMAT_RGBA8888,
  DIO_FORMAT_XRGB8888, /* X R G B in memory */
  DIO_FORMAT_ARGB8888,
  DIO_FORMAT_XBGR8888,
  DIO_FORMAT_ABGR8888,
  DIO_FORMAT_RGB565, /* 16 bits, little-endian */
} DioPixelFormat;

typedef struct {
  uint32_t x, y, width, height;
} DioRect;

/* What a device shows: device memory that stays valid and unmoved only during the call. */
typedef struct {
  uint32_t width, height;
  uint32_t stride; /* bytes */
  DioPixelFormat format;
  const uint8_t *pixels;
} DioSurface;

/* Implemented by a display device; called by the presenting side from any thread. */
typedef struct {
  /* The person's window wants this size in guest pixels, and is so many millimetres wide. */
  void (*set_preferred_size) (void *opaque, uint32_t scanout, uint32_t width, uint32_t height,
                              uint32_t width_mm, uint32_t height_mm);
} DioDisplaySourceOps;

/* Implemented by render; called by the device from its loop or vCPU threads, one call at a time. */
typedef struct {
  /* Pixels of @rect (clipped by the caller to the surface) changed; the callee copies before
   * returning. A surface of another size or format than before is a mode change. NULL @surface: the
   * scan-out is off. */
  void (*update) (DioDisplay *display, uint32_t scanout, const DioSurface *surface,
                  const DioRect *rect);
  /* A new cursor image (@pixels BGRA8888 premultiplied-alpha not assumed, copied), NULL hides. */
  void (*cursor_define) (DioDisplay *display, uint32_t scanout, const uint8_t *pixels,
                         uint32_t width, uint32_t height, uint32_t hot_x, uint32_t hot_y);
  void (*cursor_move) (DioDisplay *display, uint32_t scanout, int32_t x, int32_t y);
  /* The device introduces itself; NULL ops when it goes away (then no call is in progress). */
  void (*set_source) (DioDisplay *display, const DioDisplaySourceOps *ops, void *opaque);
} DioDisplayOps;

struct DioDisplay {
  const DioDisplayOps *ops;
};
