/* SPDX-License-Identifier: GPL-3.0-or-later
 * A monitor's description (EDID 1.4) for a scan-out of any size. */
#pragma once

#include "core/base/base-types.h"

#define DIO_EDID_MAX_SIZE 256

typedef struct {
  uint32_t width, height;       /* preferred mode, pixels; 1 .. 16384 */
  uint32_t width_mm, height_mm; /* of the picture; 0: as for 96 pixels an inch */
  uint32_t serial;              /* tells the outputs of one machine apart */
} DioEdidInfo;

/* Writes the description and returns its size: 128 bytes, or 256 when the mode needs a DisplayID
 * extension because a side exceeds 4095 pixels. */
size_t dio_edid_build (const DioEdidInfo *info, uint8_t edid[DIO_EDID_MAX_SIZE]);
