/* SPDX-License-Identifier: GPL-3.0-or-later
 * Rectangles that a guest chose: the only place where they are checked and clipped. */
#pragma once

#include "core/backend/backend-display.h"

/* True when @rect (which may be empty) lies within @width x @height; never overflows. */
static inline bool
dio_rect_is_within (const DioRect *rect, uint32_t width, uint32_t height)
{
  return rect->x <= width && rect->width <= width - rect->x && rect->y <= height
         && rect->height <= height - rect->y;
}

/* The part of @a in @b, relative to the corner of @b; false when it is empty. Both have been found
 * within something, so that their sides do not overflow. */
static inline bool
dio_rect_clip (const DioRect *a, const DioRect *b, DioRect *out)
{
  uint64_t left = a->x > b->x ? a->x : b->x;
  uint64_t top = a->y > b->y ? a->y : b->y;
  uint64_t right_a = (uint64_t) a->x + a->width, right_b = (uint64_t) b->x + b->width;
  uint64_t bottom_a = (uint64_t) a->y + a->height, bottom_b = (uint64_t) b->y + b->height;
  uint64_t right = right_a < right_b ? right_a : right_b;
  uint64_t bottom = bottom_a < bottom_b ? bottom_a : bottom_b;

  if (left >= right || top >= bottom)
    return false;
  *out = (DioRect){
    .x = (uint32_t) (left - b->x),
    .y = (uint32_t) (top - b->y),
    .width = (uint32_t) (right - left),
    .height = (uint32_t) (bottom - top),
  };
  return true;
}
