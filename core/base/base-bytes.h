/* SPDX-License-Identifier: GPL-3.0-or-later
 * Numbers in formats and protocols: at any address, in a byte order. */
#pragma once

#include <glib.h>
#include <stdint.h>
#include <string.h>

#define DIO_BYTES(bits, order, ORDER)                                                              \
  static inline uint##bits##_t dio_get_##order##bits (const void *at)                              \
  {                                                                                                \
    uint##bits##_t value;                                                                          \
    memcpy (&value, at, sizeof value);                                                             \
    return GUINT##bits##_FROM_##ORDER (value);                                                     \
  }                                                                                                \
  static inline void dio_put_##order##bits (void *at, uint##bits##_t value)                        \
  {                                                                                                \
    value = GUINT##bits##_TO_##ORDER (value);                                                      \
    memcpy (at, &value, sizeof value);                                                             \
  }

DIO_BYTES (16, le, LE)
DIO_BYTES (32, le, LE)
DIO_BYTES (64, le, LE)
DIO_BYTES (16, be, BE)
DIO_BYTES (32, be, BE)
DIO_BYTES (64, be, BE)
#undef DIO_BYTES
