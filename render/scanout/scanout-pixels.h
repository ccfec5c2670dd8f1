/* SPDX-License-Identifier: GPL-3.0-or-later
 * Rows of pixels: conversion to BGRX, alpha of cursors, scaling down. Pure functions, any thread.
 */
#pragma once

#include "core/backend/backend-display.h"

/* Bytes of one pixel, 0 for a value that is no format. */
unsigned dio_pixels_format_size (DioPixelFormat format);

/* Converts @count pixels from @source (any alignment) to BGRX with X = 0xff. */
void dio_pixels_convert_row (uint32_t *target, const uint8_t *source, DioPixelFormat format,
                             size_t count);

/* Makes @count BGRA pixels premultiplied, whatever they were: an image in which some colour exceeds
 * its alpha cannot be premultiplied and is multiplied, any other is left alone. */
void dio_pixels_premultiply (uint32_t *pixels, size_t count);

/* Scales a BGRX picture down (target sizes not above the source's, none 0) by averaging up to 4 x 4
 * points of the area under each target pixel. Strides are in bytes. */
void dio_pixels_scale_down (uint32_t *target, uint32_t target_width, uint32_t target_height,
                            const uint8_t *source, uint32_t width, uint32_t height,
                            uint32_t stride);
