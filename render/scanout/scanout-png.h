/* SPDX-License-Identifier: GPL-3.0-or-later
 * Pictures of a scan-out as PNG files. Any thread; blocking. */
#pragma once

#include "render/scanout/scanout.h"

/* BGRX pixels (stride width * 4) as a PNG file in memory. */
GBytes *dio_scanout_pixels_to_png (GBytes *pixels, uint32_t width, uint32_t height, GError **error);

/* Writes BGRX pixels (stride width * 4). The file appears whole or not at all. */
bool dio_scanout_write_pixels_png (GBytes *pixels, uint32_t width, uint32_t height,
                                   const char *path, GError **error);

/* Reads a picture back as BGRX; NULL when it cannot be read (it is only a thumbnail). */
GBytes *dio_scanout_read_png (const char *path, int *width, int *height);
