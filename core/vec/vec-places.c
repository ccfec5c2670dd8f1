/* SPDX-License-Identifier: GPL-3.0-or-later
 * Vector functions that change the size or the places of lanes. */
#include "core/vec/vec-private.h"

#include <string.h>

#include "core/fp/fp-soft.h"

/* ---- Narrowing: lane i of the result is made from lane i of twice the size ---- */

static DIO_ALWAYS_INLINE Wide
right (Wide x, unsigned n)
{
  unsigned by = VEC_AMOUNT (n);
  bool round = n >> 8 & DIO_VEC_ROUND;
  return round && by ? (x + ((Wide) 1 << (by - 1))) >> by : x >> by;
}

#define NARROW_EACH(kind, from, to, expression)                                                    \
  for (unsigned i = 0; i < 16u >> (from); i++) {                                                   \
    Wide x = right (a_.kind##from[i], n);                                                          \
    const int bits = LANE_BITS (to);                                                               \
    (void) bits;                                                                                   \
    r_.u##to[i] = (__typeof__ (r_.u##to[0])) (expression);                                         \
  }
#define NARROW_ALL(kind, expression)                                                               \
  Lanes a_ = { a }, r_ = { { 0, 0 } };                                                             \
  switch (VEC_SIZE (n)) {                                                                          \
  case 0:                                                                                          \
    NARROW_EACH (kind, 1, 0, expression);                                                          \
    break;                                                                                         \
  case 1:                                                                                          \
    NARROW_EACH (kind, 2, 1, expression);                                                          \
    break;                                                                                         \
  default:                                                                                         \
    NARROW_EACH (kind, 3, 2, expression);                                                          \
    break;                                                                                         \
  }                                                                                                \
  return r_.vec

DioVec
dio_vec_shrn (unsigned n, DioVec a)
{
  NARROW_ALL (u, x);
}

DioVec
dio_vec_sqshrn (unsigned n, uint8_t *saturated, DioVec a)
{
  NARROW_ALL (s, SIGNED_CLAMP (x));
}

DioVec
dio_vec_uqshrn (unsigned n, uint8_t *saturated, DioVec a)
{
  NARROW_ALL (u, UNSIGNED_CLAMP (x));
}

DioVec
dio_vec_sqshrun (unsigned n, uint8_t *saturated, DioVec a)
{
  NARROW_ALL (s, UNSIGNED_CLAMP (x));
}

/* ---- Widening ---- */

#define WIDEN_EACH(kind, from, to, expression)                                                     \
  for (unsigned i = 0; i < 16u >> (to); i++) {                                                     \
    Wide x = a_.kind##from[i], y = b_.kind##from[i];                                               \
    const int bits = LANE_BITS (to);                                                               \
    (void) y;                                                                                      \
    (void) bits;                                                                                   \
    r_.u##to[i] = (__typeof__ (r_.u##to[0])) (expression);                                         \
  }
#define WIDEN_ALL(kind, second, expression)                                                        \
  Lanes a_ = { a }, b_ = { second }, r_;                                                           \
  switch (VEC_SIZE (n)) {                                                                          \
  case 0:                                                                                          \
    WIDEN_EACH (kind, 0, 1, expression);                                                           \
    break;                                                                                         \
  case 1:                                                                                          \
    WIDEN_EACH (kind, 1, 2, expression);                                                           \
    break;                                                                                         \
  default:                                                                                         \
    WIDEN_EACH (kind, 2, 3, expression);                                                           \
    break;                                                                                         \
  }                                                                                                \
  return r_.vec

DioVec
dio_vec_sxtl (unsigned n, DioVec a)
{
  WIDEN_ALL (s, a, x);
}

DioVec
dio_vec_uxtl (unsigned n, DioVec a)
{
  WIDEN_ALL (u, a, x);
}

DioVec
dio_vec_sqdmull (unsigned n, uint8_t *saturated, DioVec a, DioVec b)
{
  WIDEN_ALL (s, b, SIGNED_CLAMP (2 * x * y));
}

/* Bytes to 16 bits, or 64 bits to 128. */
DioVec
dio_vec_pmull (unsigned n, DioVec a, DioVec b)
{
  Lanes x = { a }, y = { b }, r = { { 0, 0 } };
  if (VEC_SIZE (n) == 0) {
    for (unsigned i = 0; i < 8; i++)
      for (unsigned bit = 0; bit < 8; bit++)
        r.u1[i] ^= (uint16_t) (y.u0[i] >> bit & 1 ? x.u0[i] << bit : 0);
    return r.vec;
  }
  unsigned __int128 product = 0, factor = x.u3[0];
  for (uint64_t bits = y.u3[0]; bits; bits &= bits - 1)
    product ^= factor << __builtin_ctzll (bits);
  return dio_vec_make ((uint64_t) product, (uint64_t) (product >> 64));
}

/* ---- Neighbours ---- */

#define LONG_PAIRS(kind, from, to)                                                                 \
  for (unsigned i = 0; i < 16u >> (to); i++)                                                       \
  r_.u##to[i] = (__typeof__ (r_.u##to[0])) ((Wide) a_.kind##from[2 * i] + a_.kind##from[2 * i + 1])
#define ADD_LONG_PAIRS(kind)                                                                       \
  Lanes a_ = { a }, r_;                                                                            \
  switch (VEC_SIZE (n)) {                                                                          \
  case 0:                                                                                          \
    LONG_PAIRS (kind, 0, 1);                                                                       \
    break;                                                                                         \
  case 1:                                                                                          \
    LONG_PAIRS (kind, 1, 2);                                                                       \
    break;                                                                                         \
  default:                                                                                         \
    LONG_PAIRS (kind, 2, 3);                                                                       \
    break;                                                                                         \
  }                                                                                                \
  return r_.vec

DioVec
dio_vec_saddlp (unsigned n, DioVec a)
{
  ADD_LONG_PAIRS (s);
}

DioVec
dio_vec_uaddlp (unsigned n, DioVec a)
{
  ADD_LONG_PAIRS (u);
}

#define PAIRS(name, op)                                                                            \
  DioVec dio_vec_##name (unsigned n, DioVec a, DioVec b)                                           \
  {                                                                                                \
    return op (n, dio_vec_uzp1 (n, a, b), dio_vec_uzp2 (n, a, b));                                 \
  }

/* clang-format off */
PAIRS (addp, dio_vec_add)
PAIRS (smaxp, dio_vec_smax)
PAIRS (sminp, dio_vec_smin)
PAIRS (umaxp, dio_vec_umax)
PAIRS (uminp, dio_vec_umin)
/* clang-format on */

/* ---- All lanes to one ---- */

static DIO_ALWAYS_INLINE Wide
lane_as (unsigned size, unsigned i, DioVec a, bool is_signed)
{
  uint64_t lane = dio_vec_lane (size, i, a);
  unsigned up = 64 - LANE_BITS (size);
  return is_signed ? (int64_t) (lane << up) >> up : (Wide) lane;
}

#define REDUCE(name, is_signed, expression)                                                        \
  DioVec dio_vec_##name (unsigned n, DioVec a)                                                     \
  {                                                                                                \
    unsigned size = VEC_SIZE (n), lanes = (VEC_AMOUNT (n) ? 16u : 8u) >> size;                     \
    Wide r = lane_as (size, 0, a, is_signed);                                                      \
    for (unsigned i = 1; i < lanes; i++) {                                                         \
      Wide x = lane_as (size, i, a, is_signed);                                                    \
      r = (expression);                                                                            \
    }                                                                                              \
    return dio_vec_make ((uint64_t) r & RESULT_MASK, 0);                                           \
  }

/* clang-format off */
#define RESULT_MASK (UINT64_MAX >> (64 - LANE_BITS (size)))
REDUCE (addv, false, r + x)
REDUCE (smaxv, true, r > x ? r : x)
REDUCE (sminv, true, r < x ? r : x)
REDUCE (umaxv, false, r > x ? r : x)
REDUCE (uminv, false, r < x ? r : x)
#undef RESULT_MASK
#define RESULT_MASK (UINT64_MAX >> (64 - LANE_BITS (size + 1)))
REDUCE (saddlv, true, r + x)
REDUCE (uaddlv, false, r + x)
/* clang-format on */

/* ---- Places ---- */

DioVec
dio_vec_rev (unsigned n, DioVec a)
{
  unsigned flip = (1u << (VEC_AMOUNT (n) - VEC_SIZE (n))) - 1;
  DioVec r = a;
  for (unsigned i = 0; i < 16u >> VEC_SIZE (n); i++)
    r = dio_vec_insert (VEC_SIZE (n), i, r, dio_vec_lane (VEC_SIZE (n), i ^ flip, a));
  return r;
}

DioVec
dio_vec_ext (unsigned n, DioVec a, DioVec b)
{
  uint8_t bytes[32];
  DioVec r;
  memcpy (bytes, &a, 16);
  memcpy (bytes + 16, &b, 16);
  memcpy (&r, bytes + (VEC_AMOUNT (n) & 15), 16);
  return r;
}

DioVec
dio_vec_lookup (unsigned n, DioVec a, DioVec b, DioVec c)
{
  Lanes r = { a }, table = { b }, index = { c };
  unsigned first = 16 * VEC_AMOUNT (n);
  for (unsigned i = 0; i < 16; i++) {
    unsigned place = index.u0[i] - first;
    if (place < 16)
      r.u0[i] = table.u0[place];
  }
  return r.vec;
}

/* @from: which of the lanes of a and then b goes to lane i. */
#define PERMUTE_EACH(size, from)                                                                   \
  for (unsigned i = 0; i < 16u >> (size); i++) {                                                   \
    const unsigned lanes = 16u >> (size);                                                          \
    unsigned k = (from);                                                                           \
    r_.u##size[i] = k < lanes ? a_.u##size[k] : b_.u##size[k - lanes];                             \
  }
#define PERMUTE(name, from)                                                                        \
  DioVec dio_vec_##name (unsigned n, DioVec a, DioVec b)                                           \
  {                                                                                                \
    Lanes a_ = { a }, b_ = { b }, r_;                                                              \
    switch (VEC_SIZE (n)) {                                                                        \
    case 0:                                                                                        \
      PERMUTE_EACH (0, from);                                                                      \
      break;                                                                                       \
    case 1:                                                                                        \
      PERMUTE_EACH (1, from);                                                                      \
      break;                                                                                       \
    case 2:                                                                                        \
      PERMUTE_EACH (2, from);                                                                      \
      break;                                                                                       \
    default:                                                                                       \
      PERMUTE_EACH (3, from);                                                                      \
      break;                                                                                       \
    }                                                                                              \
    return r_.vec;                                                                                 \
  }

/* clang-format off */
PERMUTE (uzp1, 2 * i)
PERMUTE (uzp2, 2 * i + 1)
PERMUTE (trn1, (i & ~1u) + (i & 1) * lanes)
PERMUTE (trn2, (i | 1u) + (i & 1 ? lanes : 0))
PERMUTE (zip1, i / 2 + (i & 1) * lanes)
PERMUTE (zip2, (lanes + i) / 2 + (i & 1) * lanes)
/* clang-format on */

/* ---- Of 32-bit lanes ---- */

DioVec
dio_vec_sdot (unsigned n, DioVec a, DioVec b, DioVec c)
{
  Lanes r = { a }, x = { b }, y = { c };
  for (unsigned i = 0; i < 16; i++)
    r.u2[i / 4] += (uint32_t) (x.s0[i] * y.s0[i]);
  return r.vec;
}

DioVec
dio_vec_udot (unsigned n, DioVec a, DioVec b, DioVec c)
{
  Lanes r = { a }, x = { b }, y = { c };
  for (unsigned i = 0; i < 16; i++)
    r.u2[i / 4] += (uint32_t) x.u0[i] * y.u0[i];
  return r.vec;
}

DioVec
dio_vec_urecpe (unsigned n, DioVec a)
{
  Lanes r = { a };
  for (unsigned i = 0; i < 4; i++)
    r.u2[i] = dio_fp_soft_recip_u32 (r.u2[i]);
  return r.vec;
}

DioVec
dio_vec_ursqrte (unsigned n, DioVec a)
{
  Lanes r = { a };
  for (unsigned i = 0; i < 4; i++)
    r.u2[i] = dio_fp_soft_rsqrt_u32 (r.u2[i]);
  return r.vec;
}
