/* SPDX-License-Identifier: GPL-3.0-or-later
 * The constants of fli.s and fli.d (Zfa), by the number in the instruction's rs1 field. */
#pragma once

#include "core/fp/fp-types.h"

static const uint32_t dio_rv_fli32[32] = {
  0xbf800000,   /* -1 */
  0x00800000,   /* the smallest normal number */
  0x37800000,   /* 2^-16 */
  0x38000000,   /* 2^-15 */
  0x3b800000,   /* 2^-8 */
  0x3c000000,   /* 2^-7 */
  0x3d800000,   /* 2^-4 */
  0x3e000000,   /* 2^-3 */
  0x3e800000,   /* 0.25 */
  0x3ea00000,   /* 0.3125 */
  0x3ec00000,   /* 0.375 */
  0x3ee00000,   /* 0.4375 */
  0x3f000000,   /* 0.5 */
  0x3f200000,   /* 0.625 */
  0x3f400000,   /* 0.75 */
  0x3f600000,   /* 0.875 */
  0x3f800000,   /* 1 */
  0x3fa00000,   /* 1.25 */
  0x3fc00000,   /* 1.5 */
  0x3fe00000,   /* 1.75 */
  0x40000000,   /* 2 */
  0x40200000,   /* 2.5 */
  0x40400000,   /* 3 */
  0x40800000,   /* 4 */
  0x41000000,   /* 8 */
  0x41800000,   /* 16 */
  0x43000000,   /* 128 */
  0x43800000,   /* 256 */
  0x47000000,   /* 2^15 */
  0x47800000,   /* 2^16 */
  DIO_FP32_INF, /* infinity */
  DIO_FP32_NAN, /* the canonical NaN */
};

/* All but the smallest normal number, infinity and NaN are those above, converted. */
static DIO_ALWAYS_INLINE uint64_t
dio_rv_fli64 (unsigned index)
{
  uint64_t single = dio_rv_fli32[index & 31];

  if (index == 1)
    return UINT64_C (0x0010000000000000);
  if (index >= 30)
    return index == 30 ? DIO_FP64_INF : DIO_FP64_NAN;
  return (single >> 31 << 63) | (((single & 0x7fffffff) << 29) + (UINT64_C (896) << 52));
}
