/* SPDX-License-Identifier: GPL-3.0-or-later
 * Guest floating point: exact results and flags, on the host's FPU where that is provably the same.
 *
 * The fast paths never read or write the host's flags (an stmxcsr or ldmxcsr costs more than the
 * operation, and flags in the host's register would be polluted by any C code that runs between
 * guest instructions). They rest on this instead: with rounding to nearest and the inexact flag
 * already set - it is sticky, so after the first inexact operation of a program it nearly always
 * is - an operation whose result is a normal number above the smallest one can change nothing else.
 * So one look at the result replaces the flags: infinities, NaNs and what may underflow go to the
 * exact integer code of fp-soft.h. Additions cannot underflow inexactly; where exactness is cheap
 * to see (additions by their exact error term, conversions by converting back), the inexact flag
 * need not be set beforehand.
 *
 * Precondition: the thread's host FPU state is the default one (nearest, no flush to zero): engine
 * threads call dio_fp_host_enter() before they run guest code. Semantics: fp-soft.h, same names
 * without "soft". */
#pragma once

#include <string.h>

#include "core/fp/fp-soft.h"

/* How a fast path leaves for the exact code. Who includes this may define it otherwise (with the
 * parameter `flags` at hand), to leave in its own way. */
#ifndef DIO_FP_SLOW
#define DIO_FP_SLOW(call) return call
#endif

/* Brings the calling thread's host FPU into the default state; the result goes to
 * dio_fp_host_leave(), which restores what was there. */
uint64_t dio_fp_host_enter (void);
void dio_fp_host_leave (uint64_t saved);

static DIO_ALWAYS_INLINE float
dio_fp_float (uint32_t raw)
{
  float value;

  memcpy (&value, &raw, sizeof value);
  return value;
}

static DIO_ALWAYS_INLINE uint32_t
dio_fp_raw32 (float value)
{
  uint32_t raw;

  memcpy (&raw, &value, sizeof raw);
  return raw;
}

static DIO_ALWAYS_INLINE double
dio_fp_double (uint64_t raw)
{
  double value;

  memcpy (&value, &raw, sizeof value);
  return value;
}

static DIO_ALWAYS_INLINE uint64_t
dio_fp_raw64 (double value)
{
  uint64_t raw;

  memcpy (&raw, &value, sizeof raw);
  return raw;
}

static DIO_ALWAYS_INLINE bool
dio_fp_is_rne (DioFpMode mode)
{
  return DIO_LIKELY ((mode & DIO_FP_ROUND_MASK) == DIO_FP_RNE);
}

/* Not an infinity, not a NaN. */
static DIO_ALWAYS_INLINE bool
dio_fp_finite32 (uint32_t raw)
{
  return DIO_LIKELY ((raw & ~DIO_FP32_SIGN) < DIO_FP32_INF);
}

static DIO_ALWAYS_INLINE bool
dio_fp_finite64 (uint64_t raw)
{
  return DIO_LIKELY ((raw & ~DIO_FP64_SIGN) < DIO_FP64_INF);
}

/* Finite and larger than the smallest normal number, so neither tiny nor rounded up from tiny. */
static DIO_ALWAYS_INLINE bool
dio_fp_plain32 (uint32_t raw)
{
  return DIO_LIKELY ((raw << 1) - (UINT32_C (1) << 24) - 1 < UINT32_C (0xfe000000) - 1);
}

static DIO_ALWAYS_INLINE bool
dio_fp_plain64 (uint64_t raw)
{
  return DIO_LIKELY ((raw << 1) - (UINT64_C (1) << 53) - 1 < UINT64_C (0xffc0000000000000) - 1);
}

/* Continuations of the fast paths, out of line: fp-host.c. */
uint32_t dio_fp_add32_slow (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t b);
uint64_t dio_fp_add64_slow (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b);
uint32_t dio_fp_sub32_slow (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t b);
uint64_t dio_fp_sub64_slow (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b);

uint32_t dio_fp_fma32 (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t b, uint32_t c);
uint64_t dio_fp_fma64 (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b, uint64_t c);
int32_t dio_fp_f32_to_i32 (DioFpMode mode, uint8_t *flags, uint32_t a);
uint32_t dio_fp_f32_to_u32 (DioFpMode mode, uint8_t *flags, uint32_t a);
int64_t dio_fp_f32_to_i64 (DioFpMode mode, uint8_t *flags, uint32_t a);
uint64_t dio_fp_f32_to_u64 (DioFpMode mode, uint8_t *flags, uint32_t a);
int32_t dio_fp_f64_to_i32 (DioFpMode mode, uint8_t *flags, uint64_t a);
uint32_t dio_fp_f64_to_u32 (DioFpMode mode, uint8_t *flags, uint64_t a);
int64_t dio_fp_f64_to_i64 (DioFpMode mode, uint8_t *flags, uint64_t a);
uint64_t dio_fp_f64_to_u64 (DioFpMode mode, uint8_t *flags, uint64_t a);
uint32_t dio_fp_i64_to_f32 (DioFpMode mode, uint8_t *flags, int64_t a);
uint32_t dio_fp_u64_to_f32 (DioFpMode mode, uint8_t *flags, uint64_t a);
uint64_t dio_fp_i64_to_f64 (DioFpMode mode, uint8_t *flags, int64_t a);
uint64_t dio_fp_u64_to_f64 (DioFpMode mode, uint8_t *flags, uint64_t a);

/* The functions of both formats. W is the width, T the host's type of it. */
#define DIO_FP_INLINE(W, T)                                                                        \
  static DIO_ALWAYS_INLINE uint##W##_t dio_fp_add##W (DioFpMode mode, uint8_t *flags,              \
                                                      uint##W##_t a, uint##W##_t b)                \
  {                                                                                                \
    if (dio_fp_is_rne (mode) && DIO_LIKELY (*flags & DIO_FP_NX)) {                                 \
      uint##W##_t r = dio_fp_raw##W (dio_fp_##T (a) + dio_fp_##T (b));                             \
                                                                                                   \
      if (dio_fp_finite##W (r))                                                                    \
        return r;                                                                                  \
    }                                                                                              \
    DIO_FP_SLOW (dio_fp_add##W##_slow (mode, flags, a, b));                                        \
  }                                                                                                \
                                                                                                   \
  static DIO_ALWAYS_INLINE uint##W##_t dio_fp_sub##W (DioFpMode mode, uint8_t *flags,              \
                                                      uint##W##_t a, uint##W##_t b)                \
  {                                                                                                \
    if (dio_fp_is_rne (mode) && DIO_LIKELY (*flags & DIO_FP_NX)) {                                 \
      uint##W##_t r = dio_fp_raw##W (dio_fp_##T (a) - dio_fp_##T (b));                             \
                                                                                                   \
      if (dio_fp_finite##W (r))                                                                    \
        return r;                                                                                  \
    }                                                                                              \
    DIO_FP_SLOW (dio_fp_sub##W##_slow (mode, flags, a, b));                                        \
  }                                                                                                \
                                                                                                   \
  static DIO_ALWAYS_INLINE uint##W##_t dio_fp_mul##W (DioFpMode mode, uint8_t *flags,              \
                                                      uint##W##_t a, uint##W##_t b)                \
  {                                                                                                \
    if (dio_fp_is_rne (mode) && DIO_LIKELY (*flags & DIO_FP_NX)) {                                 \
      uint##W##_t r = dio_fp_raw##W (dio_fp_##T (a) * dio_fp_##T (b));                             \
                                                                                                   \
      if (dio_fp_plain##W (r))                                                                     \
        return r;                                                                                  \
    }                                                                                              \
    DIO_FP_SLOW (dio_fp_soft_mul##W (mode, flags, a, b));                                          \
  }                                                                                                \
                                                                                                   \
  static DIO_ALWAYS_INLINE uint##W##_t dio_fp_div##W (DioFpMode mode, uint8_t *flags,              \
                                                      uint##W##_t a, uint##W##_t b)                \
  {                                                                                                \
    if (dio_fp_is_rne (mode) && DIO_LIKELY (*flags & DIO_FP_NX)) {                                 \
      uint##W##_t r = dio_fp_raw##W (dio_fp_##T (a) / dio_fp_##T (b));                             \
                                                                                                   \
      if (dio_fp_plain##W (r))                                                                     \
        return r;                                                                                  \
    }                                                                                              \
    DIO_FP_SLOW (dio_fp_soft_div##W (mode, flags, a, b));                                          \
  }                                                                                                \
                                                                                                   \
  static DIO_ALWAYS_INLINE bool dio_fp_eq##W (uint8_t *flags, uint##W##_t a, uint##W##_t b)        \
  {                                                                                                \
    if (DIO_LIKELY (!__builtin_isunordered (dio_fp_##T (a), dio_fp_##T (b))))                      \
      return dio_fp_##T (a) == dio_fp_##T (b);                                                     \
    DIO_FP_SLOW (dio_fp_soft_eq##W (flags, a, b));                                                 \
  }                                                                                                \
                                                                                                   \
  static DIO_ALWAYS_INLINE bool dio_fp_lt##W (uint8_t *flags, uint##W##_t a, uint##W##_t b)        \
  {                                                                                                \
    if (DIO_LIKELY (!__builtin_isunordered (dio_fp_##T (a), dio_fp_##T (b))))                      \
      return dio_fp_##T (a) < dio_fp_##T (b);                                                      \
    *flags |= DIO_FP_NV;                                                                           \
    return false;                                                                                  \
  }                                                                                                \
                                                                                                   \
  static DIO_ALWAYS_INLINE bool dio_fp_le##W (uint8_t *flags, uint##W##_t a, uint##W##_t b)        \
  {                                                                                                \
    if (DIO_LIKELY (!__builtin_isunordered (dio_fp_##T (a), dio_fp_##T (b))))                      \
      return dio_fp_##T (a) <= dio_fp_##T (b);                                                     \
    *flags |= DIO_FP_NV;                                                                           \
    return false;                                                                                  \
  }                                                                                                \
                                                                                                   \
  static DIO_ALWAYS_INLINE uint##W##_t dio_fp_min##W (DioFpMode mode, uint8_t *flags,              \
                                                      uint##W##_t a, uint##W##_t b)                \
  {                                                                                                \
    if (dio_fp_##T (a) < dio_fp_##T (b))                                                           \
      return a;                                                                                    \
    if (dio_fp_##T (b) < dio_fp_##T (a))                                                           \
      return b;                                                                                    \
    DIO_FP_SLOW (dio_fp_soft_min##W (mode, flags, a, b));                                          \
  }                                                                                                \
                                                                                                   \
  static DIO_ALWAYS_INLINE uint##W##_t dio_fp_max##W (DioFpMode mode, uint8_t *flags,              \
                                                      uint##W##_t a, uint##W##_t b)                \
  {                                                                                                \
    if (dio_fp_##T (b) < dio_fp_##T (a))                                                           \
      return a;                                                                                    \
    if (dio_fp_##T (a) < dio_fp_##T (b))                                                           \
      return b;                                                                                    \
    DIO_FP_SLOW (dio_fp_soft_max##W (mode, flags, a, b));                                          \
  }

/* clang-format off */
DIO_FP_INLINE (32, float)
DIO_FP_INLINE (64, double)
/* clang-format on */

#undef DIO_FP_INLINE

/* A root is never tiny; that of -0 is -0, of other negative numbers a NaN. */
static DIO_ALWAYS_INLINE uint32_t
dio_fp_sqrt32 (DioFpMode mode, uint8_t *flags, uint32_t a)
{
  if (dio_fp_is_rne (mode) && DIO_LIKELY (*flags & DIO_FP_NX)) {
    uint32_t r = dio_fp_raw32 (__builtin_sqrtf (dio_fp_float (a)));

    if (dio_fp_finite32 (r))
      return r;
  }
  DIO_FP_SLOW (dio_fp_soft_sqrt32 (mode, flags, a));
}

static DIO_ALWAYS_INLINE uint64_t
dio_fp_sqrt64 (DioFpMode mode, uint8_t *flags, uint64_t a)
{
  if (dio_fp_is_rne (mode) && DIO_LIKELY (*flags & DIO_FP_NX)) {
    uint64_t r = dio_fp_raw64 (__builtin_sqrt (dio_fp_double (a)));

    if (dio_fp_finite64 (r))
      return r;
  }
  DIO_FP_SLOW (dio_fp_soft_sqrt64 (mode, flags, a));
}

static DIO_ALWAYS_INLINE uint64_t
dio_fp_f32_to_f64 (DioFpMode mode, uint8_t *flags, uint32_t a)
{
  if (dio_fp_finite32 (a))
    return dio_fp_raw64 ((double) dio_fp_float (a));
  DIO_FP_SLOW (dio_fp_soft_f32_to_f64 (mode, flags, a));
}

static DIO_ALWAYS_INLINE uint32_t
dio_fp_f64_to_f32 (DioFpMode mode, uint8_t *flags, uint64_t a)
{
  if (dio_fp_is_rne (mode)) {
    float value = (float) dio_fp_double (a);
    uint32_t r = dio_fp_raw32 (value);

    if (dio_fp_plain32 (r)) {
      if ((double) value != dio_fp_double (a))
        *flags |= DIO_FP_NX;
      return r;
    }
  }
  DIO_FP_SLOW (dio_fp_soft_f64_to_f32 (mode, flags, a));
}

/* An int32_t or uint32_t as a double is exact in every direction. */
static DIO_ALWAYS_INLINE uint64_t
dio_fp_i32_to_f64 (DioFpMode mode, uint8_t *flags, int32_t a)
{
  return dio_fp_raw64 (a);
}

static DIO_ALWAYS_INLINE uint64_t
dio_fp_u32_to_f64 (DioFpMode mode, uint8_t *flags, uint32_t a)
{
  return dio_fp_raw64 (a);
}

static DIO_ALWAYS_INLINE uint32_t
dio_fp_i32_to_f32 (DioFpMode mode, uint8_t *flags, int32_t a)
{
  return dio_fp_i64_to_f32 (mode, flags, a);
}

static DIO_ALWAYS_INLINE uint32_t
dio_fp_u32_to_f32 (DioFpMode mode, uint8_t *flags, uint32_t a)
{
  return dio_fp_i64_to_f32 (mode, flags, a);
}

/* What has no fast path: rare, or quick enough as it is. */
static inline uint32_t
dio_fp_minm32 (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t b)
{
  return dio_fp_soft_minm32 (mode, flags, a, b);
}

static inline uint32_t
dio_fp_maxm32 (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t b)
{
  return dio_fp_soft_maxm32 (mode, flags, a, b);
}

static inline uint64_t
dio_fp_minm64 (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b)
{
  return dio_fp_soft_minm64 (mode, flags, a, b);
}

static inline uint64_t
dio_fp_maxm64 (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b)
{
  return dio_fp_soft_maxm64 (mode, flags, a, b);
}

static inline bool
dio_fp_ltq32 (uint8_t *flags, uint32_t a, uint32_t b)
{
  return dio_fp_soft_ltq32 (flags, a, b);
}

static inline bool
dio_fp_leq32 (uint8_t *flags, uint32_t a, uint32_t b)
{
  return dio_fp_soft_leq32 (flags, a, b);
}

static inline bool
dio_fp_ltq64 (uint8_t *flags, uint64_t a, uint64_t b)
{
  return dio_fp_soft_ltq64 (flags, a, b);
}

static inline bool
dio_fp_leq64 (uint8_t *flags, uint64_t a, uint64_t b)
{
  return dio_fp_soft_leq64 (flags, a, b);
}

/* A mask with the bit of the class set: 1 << DioFpClass. */
static inline uint32_t
dio_fp_class32 (uint32_t a)
{
  return UINT32_C (1) << dio_fp_soft_class32 (a);
}

static inline uint32_t
dio_fp_class64 (uint64_t a)
{
  return UINT32_C (1) << dio_fp_soft_class64 (a);
}

/* To an integral value, without and with (roundx) the inexact flag. */
static inline uint32_t
dio_fp_round32 (DioFpMode mode, uint8_t *flags, uint32_t a)
{
  return dio_fp_soft_round32 (mode, flags, a, false);
}

static inline uint32_t
dio_fp_roundx32 (DioFpMode mode, uint8_t *flags, uint32_t a)
{
  return dio_fp_soft_round32 (mode, flags, a, true);
}

static inline uint64_t
dio_fp_round64 (DioFpMode mode, uint8_t *flags, uint64_t a)
{
  return dio_fp_soft_round64 (mode, flags, a, false);
}

static inline uint64_t
dio_fp_roundx64 (DioFpMode mode, uint8_t *flags, uint64_t a)
{
  return dio_fp_soft_round64 (mode, flags, a, true);
}

static inline int32_t
dio_fp_f64_to_i32_mod (uint8_t *flags, uint64_t a)
{
  return dio_fp_soft_f64_to_i32_mod (flags, a);
}
