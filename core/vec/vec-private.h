/* SPDX-License-Identifier: GPL-3.0-or-later
 * How vector functions are written: an expression for one lane, in a type that holds any lane. */
#pragma once

#include "core/vec/vec.h"

typedef union {
  DioVec vec;
  int8_t s0[16];
  int16_t s1[8];
  int32_t s2[4];
  int64_t s3[2];
  uint8_t u0[16];
  uint16_t u1[8];
  uint32_t u2[4];
  uint64_t u3[2];
} Lanes;

typedef __int128 Wide;

#define VEC_SIZE(n) ((n) &0xff)
#define VEC_AMOUNT(n) ((n) >> 8 & 0x7f)
#define LANE_BITS(size) (8 << (size))
#define LANE_MAX(kind, size)                                                                       \
  (kind##_IS_SIGNED ? ((Wide) 1 << (LANE_BITS (size) - 1)) - 1 : ((Wide) 1 << LANE_BITS (size)) - 1)
#define LANE_MIN(kind, size) (kind##_IS_SIGNED ? -((Wide) 1 << (LANE_BITS (size) - 1)) : (Wide) 0)
#define s_IS_SIGNED 1
#define u_IS_SIGNED 0

/* A loop over the lanes for each size; @type is what the expression computes in, x, y and z are the
 * lanes of a, b and c, `bits` their number of bits. */
#define EACH(kind, size, type, expression)                                                         \
  for (unsigned i = 0; i < 16u >> (size); i++) {                                                   \
    type x = (type) a_.kind##size[i];                                                              \
    type y = (type) b_.kind##size[i];                                                              \
    type z = (type) c_.kind##size[i];                                                              \
    const int bits = LANE_BITS (size);                                                             \
    (void) x;                                                                                      \
    (void) y;                                                                                      \
    (void) z;                                                                                      \
    (void) bits;                                                                                   \
    r_.u##size[i] = (__typeof__ (r_.u##size[0])) (expression);                                     \
  }
#define ALL_SIZES(kind, narrow, wide, expression)                                                  \
  switch (VEC_SIZE (n)) {                                                                          \
  case 0:                                                                                          \
    EACH (kind, 0, narrow, expression);                                                            \
    break;                                                                                         \
  case 1:                                                                                          \
    EACH (kind, 1, narrow, expression);                                                            \
    break;                                                                                         \
  case 2:                                                                                          \
    EACH (kind, 2, narrow, expression);                                                            \
    break;                                                                                         \
  default:                                                                                         \
    EACH (kind, 3, wide, expression);                                                              \
    break;                                                                                         \
  }

#define VEC_1(name, kind, narrow, wide, expression)                                                \
  DioVec dio_vec_##name (unsigned n, DioVec a)                                                     \
  {                                                                                                \
    Lanes a_ = { a }, b_ = a_, c_ = a_, r_;                                                        \
    ALL_SIZES (kind, narrow, wide, expression)                                                     \
    return r_.vec;                                                                                 \
  }
#define VEC_2(name, kind, narrow, wide, expression)                                                \
  DioVec dio_vec_##name (unsigned n, DioVec a, DioVec b)                                           \
  {                                                                                                \
    Lanes a_ = { a }, b_ = { b }, c_ = a_, r_;                                                     \
    ALL_SIZES (kind, narrow, wide, expression)                                                     \
    return r_.vec;                                                                                 \
  }
#define VEC_SAT_1(name, kind, narrow, wide, expression)                                            \
  DioVec dio_vec_##name (unsigned n, uint8_t *saturated, DioVec a)                                 \
  {                                                                                                \
    Lanes a_ = { a }, b_ = a_, c_ = a_, r_;                                                        \
    ALL_SIZES (kind, narrow, wide, expression)                                                     \
    return r_.vec;                                                                                 \
  }
#define VEC_SAT_2(name, kind, narrow, wide, expression)                                            \
  DioVec dio_vec_##name (unsigned n, uint8_t *saturated, DioVec a, DioVec b)                       \
  {                                                                                                \
    Lanes a_ = { a }, b_ = { b }, c_ = a_, r_;                                                     \
    ALL_SIZES (kind, narrow, wide, expression)                                                     \
    return r_.vec;                                                                                 \
  }
#define VEC_SAT_3(name, kind, narrow, wide, expression)                                            \
  DioVec dio_vec_##name (unsigned n, uint8_t *saturated, DioVec a, DioVec b, DioVec c)             \
  {                                                                                                \
    Lanes a_ = { a }, b_ = { b }, c_ = { c }, r_;                                                  \
    ALL_SIZES (kind, narrow, wide, expression)                                                     \
    return r_.vec;                                                                                 \
  }

static DIO_ALWAYS_INLINE Wide
vec_clamp (Wide value, Wide low, Wide high, uint8_t *saturated)
{
  if (value < low || value > high)
    *saturated = 1;
  return value < low ? low : value > high ? high : value;
}

#define SIGNED_CLAMP(v)                                                                            \
  vec_clamp (v, -((Wide) 1 << (bits - 1)), ((Wide) 1 << (bits - 1)) - 1, saturated)
#define UNSIGNED_CLAMP(v) vec_clamp (v, 0, ((Wide) 1 << bits) - 1, saturated)
