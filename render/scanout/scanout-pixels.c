/* SPDX-License-Identifier: GPL-3.0-or-later
 * Rows of pixels: conversion to BGRX, alpha of cursors, scaling down.
 *
 * The loops have no branches and load through memcpy, so that compilers make vector code of them
 * for sources of any alignment. Words are little-endian, as on every host we build for: BGRX in
 * memory is 0xXXRRGGBB. */
#include "render/scanout/scanout-pixels.h"

#include <string.h>

#define OPAQUE UINT32_C (0xff000000)

unsigned
dio_pixels_format_size (DioPixelFormat format)
{
  switch (format) {
  case DIO_FORMAT_BGRX8888:
  case DIO_FORMAT_BGRA8888:
  case DIO_FORMAT_RGBX8888:
  case DIO_FORMAT_RGBA8888:
  case DIO_FORMAT_XRGB8888:
  case DIO_FORMAT_ARGB8888:
  case DIO_FORMAT_XBGR8888:
  case DIO_FORMAT_ABGR8888:
    return 4;
  case DIO_FORMAT_RGB565:
    return 2;
  }
  return 0;
}

static DIO_ALWAYS_INLINE uint32_t
load32 (const uint8_t *source)
{
  uint32_t word;
  memcpy (&word, source, sizeof word);
  return word;
}

static DIO_ALWAYS_INLINE uint16_t
load16 (const uint8_t *source)
{
  uint16_t word;
  memcpy (&word, source, sizeof word);
  return word;
}

void
dio_pixels_convert_row (uint32_t *restrict target, const uint8_t *restrict source,
                        DioPixelFormat format, size_t count)
{
  switch (format) {
  case DIO_FORMAT_BGRX8888:
  case DIO_FORMAT_BGRA8888:
    for (size_t i = 0; i < count; i++)
      target[i] = load32 (source + 4 * i) | OPAQUE;
    break;
  case DIO_FORMAT_RGBX8888:
  case DIO_FORMAT_RGBA8888:
    for (size_t i = 0; i < count; i++) {
      uint32_t p = load32 (source + 4 * i);
      target[i] = (p & 0x0000ff00) | (p & 0xff) << 16 | (p >> 16 & 0xff) | OPAQUE;
    }
    break;
  case DIO_FORMAT_XRGB8888:
  case DIO_FORMAT_ARGB8888:
    for (size_t i = 0; i < count; i++)
      target[i] = __builtin_bswap32 (load32 (source + 4 * i)) | OPAQUE;
    break;
  case DIO_FORMAT_XBGR8888:
  case DIO_FORMAT_ABGR8888:
    for (size_t i = 0; i < count; i++)
      target[i] = load32 (source + 4 * i) >> 8 | OPAQUE;
    break;
  case DIO_FORMAT_RGB565:
    for (size_t i = 0; i < count; i++) {
      uint32_t p = load16 (source + 2 * i);
      uint32_t r = p >> 11, g = p >> 5 & 0x3f, b = p & 0x1f;
      r = r << 3 | r >> 2;
      g = g << 2 | g >> 4;
      b = b << 3 | b >> 2;
      target[i] = OPAQUE | r << 16 | g << 8 | b;
    }
    break;
  }
}

void
dio_pixels_premultiply (uint32_t *pixels, size_t count)
{
  bool straight = false;

  for (size_t i = 0; i < count && !straight; i++) {
    uint32_t p = pixels[i], a = p >> 24;
    straight = (p >> 16 & 0xff) > a || (p >> 8 & 0xff) > a || (p & 0xff) > a;
  }
  if (!straight)
    return;

  for (size_t i = 0; i < count; i++) {
    uint32_t p = pixels[i], a = p >> 24;
    uint32_t r = ((p >> 16 & 0xff) * a + 127) / 255;
    uint32_t g = ((p >> 8 & 0xff) * a + 127) / 255;
    uint32_t b = ((p & 0xff) * a + 127) / 255;
    pixels[i] = a << 24 | r << 16 | g << 8 | b;
  }
}

void
dio_pixels_scale_down (uint32_t *target, uint32_t target_width, uint32_t target_height,
                       const uint8_t *source, uint32_t width, uint32_t height, uint32_t stride)
{
  for (uint32_t y = 0; y < target_height; y++) {
    uint32_t y0 = (uint64_t) y * height / target_height;
    uint32_t y1 = (uint64_t) (y + 1) * height / target_height;
    uint32_t rows = y1 - y0 < 4 ? y1 - y0 : 4;

    for (uint32_t x = 0; x < target_width; x++) {
      uint32_t x0 = (uint64_t) x * width / target_width;
      uint32_t x1 = (uint64_t) (x + 1) * width / target_width;
      uint32_t columns = x1 - x0 < 4 ? x1 - x0 : 4;
      uint32_t r = 0, g = 0, b = 0;

      for (uint32_t j = 0; j < rows; j++) {
        const uint8_t *row = source + (size_t) (y0 + j * (y1 - y0) / rows) * stride;
        for (uint32_t i = 0; i < columns; i++) {
          uint32_t p = load32 (row + (size_t) (x0 + i * (x1 - x0) / columns) * 4);
          r += p >> 16 & 0xff;
          g += p >> 8 & 0xff;
          b += p & 0xff;
        }
      }
      uint32_t n = rows * columns;
      *target++ = OPAQUE | (r + n / 2) / n << 16 | (g + n / 2) / n << 8 | (b + n / 2) / n;
    }
  }
}
