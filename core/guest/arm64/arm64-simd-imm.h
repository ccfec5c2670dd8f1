/* SPDX-License-Identifier: GPL-3.0-or-later
 * How immediates of arm64's vector instructions are to be read, and which are reserved. */
#pragma once

#include "core/guest/arm64/arm64-bitmask.h"
#include "core/guest/arm64/arm64-fp-imm.h"

/* A lane is chosen by five bits: the lowest one that is set tells the size, those above are the
 * index. */
static inline bool
dio_a64_is_lane_number (int imm5)
{
  return (imm5 & 15) != 0;
}

static inline unsigned
dio_a64_lane_size (int imm5)
{
  return (unsigned) __builtin_ctz ((unsigned) imm5 | 16);
}

static inline unsigned
dio_a64_lane_index (int imm5)
{
  return (unsigned) imm5 >> (dio_a64_lane_size (imm5) + 1);
}

/* The same with Q as the lowest bit: no double words in half a register. */
static inline bool
dio_a64_is_lane (int imm5q)
{
  return dio_a64_is_lane_number (imm5q >> 1) && (imm5q & 0x1f) != 0x10;
}

static inline bool
dio_a64_is_byte_or_half (int imm5)
{
  return (imm5 & 3) != 0;
}

static inline bool
dio_a64_is_no_double (int imm5)
{
  return (imm5 & 7) != 0;
}

/* A shift is immh:immb of seven bits, of which the highest set one tells the size. */
static inline unsigned
dio_a64_shift_size (int shift)
{
  return 31 - (unsigned) __builtin_clz ((unsigned) shift | 8) - 3;
}

static inline bool
dio_a64_is_scalar_shift (int shift)
{
  return shift >= 8;
}

static inline bool
dio_a64_is_scalar_narrow_shift (int shift)
{
  return shift >= 8 && shift < 64;
}

static inline bool
dio_a64_is_scalar_fp_shift (int shift)
{
  return shift >= 32;
}

/* With Q as the lowest bit. */
static inline bool
dio_a64_is_shift (int shiftq)
{
  return shiftq >= 16 && (shiftq < 128 || (shiftq & 1));
}

static inline bool
dio_a64_is_narrow_shift (int shiftq)
{
  return shiftq >= 16 && shiftq < 128;
}

static inline bool
dio_a64_is_fp_shift (int shiftq)
{
  return shiftq >= 64 && (shiftq < 128 || (shiftq & 1));
}

/* What MOVI, MVNI, ORR, BIC (AdvSIMDExpandImm) put into each half, before inversion. */
static inline uint64_t
dio_a64_simd_constant (unsigned cmode, bool op, unsigned imm8)
{
  const uint64_t words = UINT64_C (0x0000000100000001), halves = UINT64_C (0x0001000100010001);
  uint64_t mask = 0;
  if (cmode < 8)
    return ((uint64_t) imm8 << (cmode / 2 * 8)) * words;
  if (cmode < 12)
    return ((uint64_t) imm8 << (cmode / 2 % 2 * 8)) * halves;
  if (cmode == 12)
    return ((uint64_t) imm8 << 8 | 0xff) * words;
  if (cmode == 13)
    return ((uint64_t) imm8 << 16 | 0xffff) * words;
  if (cmode == 14 && !op)
    return imm8 * UINT64_C (0x0101010101010101);
  if (cmode == 14) {
    for (unsigned i = 0; i < 8; i++)
      mask |= imm8 >> i & 1 ? UINT64_C (0xff) << (8 * i) : 0;
    return mask;
  }
  return op ? dio_a64_expand_fp64 (imm8) : dio_a64_expand_fp32 (imm8) * words;
}
