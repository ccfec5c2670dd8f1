/* SPDX-License-Identifier: GPL-3.0-or-later
 * Vector functions that treat each lane alike. */
#include "core/vec/vec-private.h"

/* ---- Arithmetic ---- */

static DIO_ALWAYS_INLINE uint32_t
multiply_polynomials (uint32_t x, uint32_t y)
{
  uint32_t product = 0;
  for (unsigned i = 0; i < 8; i++)
    product ^= y >> i & 1 ? x << i : 0;
  return product;
}

/* Of bytes only. */
DioVec
dio_vec_pmul (unsigned n, DioVec a, DioVec b)
{
  Lanes x = { a }, y = { b }, r;
  for (unsigned i = 0; i < 16; i++)
    r.u0[i] = (uint8_t) multiply_polynomials (x.u0[i], y.u0[i]);
  return r.vec;
}

static DIO_ALWAYS_INLINE unsigned
count_sign (int64_t x, int bits)
{
  uint64_t differs =
      (uint64_t) (x ^ x >> 1) & (bits == 64 ? UINT64_MAX : (UINT64_C (1) << bits) - 1);
  return differs ? (unsigned) (__builtin_clzll (differs) - (64 - bits) - 1) : (unsigned) bits - 1;
}

static DIO_ALWAYS_INLINE unsigned
count_zeros (uint64_t x, int bits)
{
  return x ? (unsigned) (__builtin_clzll (x) - (64 - bits)) : (unsigned) bits;
}

static DIO_ALWAYS_INLINE uint8_t
reverse_byte (uint64_t x)
{
  x = (x & 0x55) << 1 | (x >> 1 & 0x55);
  x = (x & 0x33) << 2 | (x >> 2 & 0x33);
  return (uint8_t) (x << 4 | x >> 4);
}

/* clang-format off */
VEC_2 (mul, u, uint32_t, uint64_t, x * y)
VEC_2 (shadd, s, int64_t, Wide, (x + y) >> 1)
VEC_2 (uhadd, u, uint64_t, Wide, (x + y) >> 1)
VEC_2 (shsub, s, int64_t, Wide, (x - y) >> 1)
VEC_2 (uhsub, u, int64_t, Wide, (x - y) >> 1)
VEC_2 (srhadd, s, int64_t, Wide, (x + y + 1) >> 1)
VEC_2 (urhadd, u, int64_t, Wide, (x + y + 1) >> 1)
VEC_2 (smax, s, int32_t, int64_t, x > y ? x : y)
VEC_2 (smin, s, int32_t, int64_t, x < y ? x : y)
VEC_2 (umax, u, uint32_t, uint64_t, x > y ? x : y)
VEC_2 (umin, u, uint32_t, uint64_t, x < y ? x : y)
VEC_2 (sabd, s, int64_t, Wide, x > y ? x - y : y - x)
VEC_2 (uabd, u, uint32_t, uint64_t, x > y ? x - y : y - x)
VEC_2 (cmgt, s, int32_t, int64_t, x > y ? -1 : 0)
VEC_2 (cmge, s, int32_t, int64_t, x >= y ? -1 : 0)
VEC_2 (cmhi, u, uint32_t, uint64_t, x > y ? -1 : 0)
VEC_2 (cmhs, u, uint32_t, uint64_t, x >= y ? -1 : 0)
VEC_2 (cmeq, u, uint32_t, uint64_t, x == y ? -1 : 0)
VEC_2 (cmtst, u, uint32_t, uint64_t, x & y ? -1 : 0)
VEC_1 (abs, s, int64_t, Wide, x < 0 ? -x : x)
VEC_1 (neg, u, uint32_t, uint64_t, -x)
VEC_1 (cls, s, int64_t, int64_t, count_sign (x, bits))
VEC_1 (clz, u, uint64_t, uint64_t, count_zeros (x, bits))
VEC_1 (cnt, u, uint32_t, uint64_t, __builtin_popcountll (x))
VEC_1 (rbit, u, uint32_t, uint64_t, reverse_byte (x))
/* clang-format on */

/* ---- Shifts ---- */

static DIO_ALWAYS_INLINE Wide
shift_right (Wide x, int by, bool round)
{
  if (by > 65)
    by = 65;
  return round && by > 0 ? (x + ((Wide) 1 << (by - 1))) >> by : x >> by;
}

/* By the signed low byte of @y. */
static DIO_ALWAYS_INLINE Wide
shift (Wide x, uint64_t y, bool round)
{
  int by = (int8_t) y;
  if (by < 0)
    return shift_right (x, -by, round);
  return by >= 64 ? 0 : (Wide) ((unsigned __int128) x << by);
}

/* The same for results that are clamped afterwards: what is shifted out at the top counts. */
static DIO_ALWAYS_INLINE Wide
shift_exact (Wide x, uint64_t y, bool round, int bits)
{
  int by = (int8_t) y;
  if (by < 0)
    return shift_right (x, -by, round);
  if (by >= bits && x != 0)
    return x < 0 ? -((Wide) 1 << 100) : (Wide) 1 << 100;
  return by >= bits ? 0 : (Wide) ((unsigned __int128) x << by);
}

/* clang-format off */
VEC_2 (sshl, s, Wide, Wide, shift (x, (uint64_t) y, false))
VEC_2 (ushl, u, Wide, Wide, shift (x, (uint64_t) y, false))
VEC_2 (srshl, s, Wide, Wide, shift (x, (uint64_t) y, true))
VEC_2 (urshl, u, Wide, Wide, shift (x, (uint64_t) y, true))
VEC_1 (shl, u, uint32_t, uint64_t, x << VEC_AMOUNT (n))
VEC_1 (sshr, s, int64_t, int64_t, x >> (VEC_AMOUNT (n) > 63 ? 63 : VEC_AMOUNT (n)))
VEC_1 (ushr, u, uint64_t, uint64_t, VEC_AMOUNT (n) > 63 ? 0 : x >> VEC_AMOUNT (n))
VEC_1 (srshr, s, Wide, Wide, shift_right (x, (int) VEC_AMOUNT (n), true))
VEC_1 (urshr, u, Wide, Wide, shift_right (x, (int) VEC_AMOUNT (n), true))
VEC_2 (sli, u, uint64_t, uint64_t,
       (x & ((UINT64_C (1) << VEC_AMOUNT (n)) - 1)) | y << VEC_AMOUNT (n))
VEC_2 (sri, u, unsigned __int128, unsigned __int128,
       (x & ~((((unsigned __int128) 1 << bits) - 1) >> VEC_AMOUNT (n))) | y >> VEC_AMOUNT (n))

/* ---- Saturating ---- */

VEC_SAT_2 (sqadd, s, Wide, Wide, SIGNED_CLAMP (x + y))
VEC_SAT_2 (uqadd, u, Wide, Wide, UNSIGNED_CLAMP (x + y))
VEC_SAT_2 (sqsub, s, Wide, Wide, SIGNED_CLAMP (x - y))
VEC_SAT_2 (uqsub, u, Wide, Wide, UNSIGNED_CLAMP (x - y))
/* Signed a plus unsigned b, and the other way round. */
VEC_SAT_2 (suqadd, s, Wide, Wide, SIGNED_CLAMP (x + (y & (((Wide) 1 << bits) - 1))))
VEC_SAT_2 (usqadd, s, Wide, Wide, UNSIGNED_CLAMP ((x & (((Wide) 1 << bits) - 1)) + y))
VEC_SAT_2 (sqshl, s, Wide, Wide, SIGNED_CLAMP (shift_exact (x, (uint64_t) y, false, bits)))
VEC_SAT_2 (uqshl, u, Wide, Wide, UNSIGNED_CLAMP (shift_exact (x, (uint64_t) y, false, bits)))
VEC_SAT_2 (sqrshl, s, Wide, Wide, SIGNED_CLAMP (shift_exact (x, (uint64_t) y, true, bits)))
VEC_SAT_2 (uqrshl, u, Wide, Wide, UNSIGNED_CLAMP (shift_exact (x, (uint64_t) y, true, bits)))
VEC_SAT_1 (sqshl_by, s, Wide, Wide, SIGNED_CLAMP ((Wide) ((unsigned __int128) x << VEC_AMOUNT (n))))
VEC_SAT_1 (uqshl_by, u, Wide, Wide, UNSIGNED_CLAMP (x << VEC_AMOUNT (n)))
VEC_SAT_1 (sqshlu_by, s, Wide, Wide,
           UNSIGNED_CLAMP ((Wide) ((unsigned __int128) x << VEC_AMOUNT (n))))
VEC_SAT_1 (sqabs, s, Wide, Wide, SIGNED_CLAMP (x < 0 ? -x : x))
VEC_SAT_1 (sqneg, s, Wide, Wide, SIGNED_CLAMP (-x))
VEC_SAT_2 (sqdmulh, s, Wide, Wide, SIGNED_CLAMP ((2 * x * y) >> bits))
VEC_SAT_2 (sqrdmulh, s, Wide, Wide, SIGNED_CLAMP ((2 * x * y + ((Wide) 1 << (bits - 1))) >> bits))
#define UWIDE(x) ((unsigned __int128) (x))
VEC_SAT_3 (sqrdmlah, s, Wide, Wide,
           SIGNED_CLAMP ((Wide) ((UWIDE (x) << bits) + 2 * UWIDE (y) * UWIDE (z) + (UWIDE (1) << (bits - 1))) >> bits))
VEC_SAT_3 (sqrdmlsh, s, Wide, Wide,
           SIGNED_CLAMP ((Wide) ((UWIDE (x) << bits) - 2 * UWIDE (y) * UWIDE (z) + (UWIDE (1) << (bits - 1))) >> bits))
/* clang-format on */
