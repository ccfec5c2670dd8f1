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
 * to see (sums and products by their exact error, conversions by converting back), the inexact flag
 * need not be set beforehand.
 *
 * Each operation has two forms. dio_fp_try_NAME (..., result) does only what the host can do, makes
 * no calls, and returns false with nothing changed otherwise: for an interpreter's handlers, which
 * then take their slow way. dio_fp_NAME (...) always does it.
 *
 * Precondition: the thread's host FPU state is the default one (nearest, no flush to zero): engine
 * threads call dio_fp_host_enter() before they run guest code. Semantics: fp-soft.h, same names
 * without "soft". */
#pragma once

#include <string.h>

#include "core/fp/fp-soft.h"

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
  return DIO_LIKELY ((mode & (DIO_FP_ROUND_MASK | DIO_FP_FLUSH)) == DIO_FP_RNE);
}

/* Are denormal operands numbers like others? */
static DIO_ALWAYS_INLINE bool
dio_fp_is_gradual (DioFpMode mode)
{
  return DIO_LIKELY (!(mode & DIO_FP_FLUSH));
}

/* Is the integer of a conversion one without fraction bits? */
static DIO_ALWAYS_INLINE bool
dio_fp_is_unscaled (DioFpMode mode)
{
  return DIO_LIKELY (mode >> DIO_FP_SCALE_SHIFT == 0);
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

/* ---- The host's fused multiply-add; without it (dio_fp_host_has_fma() is false) the integer code
 * does the work. In assembler for x86-64, where the compiler may use it only in functions of their
 * own, which an inlined fast path cannot be. ---- */

static DIO_ALWAYS_INLINE bool
dio_fp_host_has_fma (void)
{
#if defined(__x86_64__)
  return DIO_LIKELY (__builtin_cpu_supports ("fma"));
#elif defined(__aarch64__) || defined(__riscv_flen)
  return true;
#else
  return false;
#endif
}

static DIO_ALWAYS_INLINE float
dio_fp_host_fma32 (float a, float b, float c)
{
#if defined(__x86_64__)
  __asm__("vfmadd213ss %2, %1, %0" : "+x"(a) : "x"(b), "x"(c));
  return a;
#else
  return __builtin_fmaf (a, b, c);
#endif
}

static DIO_ALWAYS_INLINE double
dio_fp_host_fma64 (double a, double b, double c)
{
#if defined(__x86_64__)
  __asm__("vfmadd213sd %2, %1, %0" : "+x"(a) : "x"(b), "x"(c));
  return a;
#else
  return __builtin_fma (a, b, c);
#endif
}

/* ---- Sums and products before the inexact flag is set ----
 * The rounding error of a sum is a number of the same format, and Knuth's two-sum computes it
 * exactly as long as nothing overflows. That of a product is one unless it lies below the
 * subnormals. */

#define DIO_FP_TWO_SUM(W, T)                                                                       \
  static DIO_ALWAYS_INLINE bool dio_fp_note_sum##W (uint8_t *flags, T x, T y, T sum)               \
  {                                                                                                \
    T y_part = sum - x;                                                                            \
    T error = (x - (sum - y_part)) + (y - y_part);                                                 \
                                                                                                   \
    if (!dio_fp_finite##W (dio_fp_raw##W (error)))                                                 \
      return false;                                                                                \
    if (error != 0)                                                                                \
      *flags |= DIO_FP_NX;                                                                         \
    return true;                                                                                   \
  }

/* clang-format off */
DIO_FP_TWO_SUM (32, float)
DIO_FP_TWO_SUM (64, double)
/* clang-format on */

#undef DIO_FP_TWO_SUM

static DIO_ALWAYS_INLINE bool
dio_fp_note_product32 (uint8_t *flags, float x, float y, float product)
{
  if ((double) x * (double) y != (double) product)
    *flags |= DIO_FP_NX;
  return true;
}

static DIO_ALWAYS_INLINE bool
dio_fp_note_product64 (uint8_t *flags, double x, double y, double product)
{
  const uint64_t least = UINT64_C (0x0700000000000000); /* 2^-911: the error is above 2^-1020 */

  if (!dio_fp_host_has_fma () || (dio_fp_raw64 (product) & ~DIO_FP64_SIGN) < least)
    return false;
  if (dio_fp_host_fma64 (x, y, -product) != 0)
    *flags |= DIO_FP_NX;
  return true;
}

/* ---- What the host can do. W is the width, T the host's type of it. ---- */

#define DIO_FP_TRY(W, T)                                                                           \
  static DIO_ALWAYS_INLINE bool dio_fp_try_add##W (DioFpMode mode, uint8_t *flags, uint##W##_t a,  \
                                                   uint##W##_t b, uint##W##_t *result)             \
  {                                                                                                \
    T x = dio_fp_##T (a), y = dio_fp_##T (b), sum = x + y;                                         \
                                                                                                   \
    *result = dio_fp_raw##W (sum);                                                                 \
    return dio_fp_is_rne (mode) && dio_fp_finite##W (*result)                                      \
           && (DIO_LIKELY (*flags & DIO_FP_NX) || dio_fp_note_sum##W (flags, x, y, sum));          \
  }                                                                                                \
                                                                                                   \
  static DIO_ALWAYS_INLINE bool dio_fp_try_sub##W (DioFpMode mode, uint8_t *flags, uint##W##_t a,  \
                                                   uint##W##_t b, uint##W##_t *result)             \
  {                                                                                                \
    return dio_fp_try_add##W (mode, flags, a, b ^ DIO_FP##W##_SIGN, result);                       \
  }                                                                                                \
                                                                                                   \
  static DIO_ALWAYS_INLINE bool dio_fp_try_mul##W (DioFpMode mode, uint8_t *flags, uint##W##_t a,  \
                                                   uint##W##_t b, uint##W##_t *result)             \
  {                                                                                                \
    T x = dio_fp_##T (a), y = dio_fp_##T (b), product = x * y;                                     \
                                                                                                   \
    *result = dio_fp_raw##W (product);                                                             \
    if (DIO_UNLIKELY (product == 0))                                                               \
      return (x == 0 || y == 0) && dio_fp_is_gradual (mode);                                       \
    return dio_fp_is_rne (mode) && dio_fp_plain##W (*result)                                       \
           && (DIO_LIKELY (*flags & DIO_FP_NX) || dio_fp_note_product##W (flags, x, y, product));  \
  }                                                                                                \
                                                                                                   \
  static DIO_ALWAYS_INLINE bool dio_fp_try_div##W (DioFpMode mode, uint8_t *flags, uint##W##_t a,  \
                                                   uint##W##_t b, uint##W##_t *result)             \
  {                                                                                                \
    *result = dio_fp_raw##W (dio_fp_##T (a) / dio_fp_##T (b));                                     \
    return dio_fp_is_rne (mode) && DIO_LIKELY (*flags & DIO_FP_NX) && dio_fp_plain##W (*result);   \
  }                                                                                                \
                                                                                                   \
  static DIO_ALWAYS_INLINE bool dio_fp_try_fma##W (DioFpMode mode, uint8_t *flags, uint##W##_t a,  \
                                                   uint##W##_t b, uint##W##_t c,                   \
                                                   uint##W##_t *result)                            \
  {                                                                                                \
    if (!dio_fp_is_rne (mode) || !DIO_LIKELY (*flags & DIO_FP_NX) || !dio_fp_host_has_fma ())      \
      return false;                                                                                \
    *result = dio_fp_raw##W (dio_fp_host_fma##W (dio_fp_##T (a), dio_fp_##T (b), dio_fp_##T (c))); \
    return dio_fp_plain##W (*result);                                                              \
  }                                                                                                \
                                                                                                   \
  static DIO_ALWAYS_INLINE bool dio_fp_try_eq##W (uint8_t *flags, uint##W##_t a, uint##W##_t b,    \
                                                  bool *result)                                    \
  {                                                                                                \
    *result = dio_fp_##T (a) == dio_fp_##T (b);                                                    \
    return DIO_LIKELY (!__builtin_isunordered (dio_fp_##T (a), dio_fp_##T (b)));                   \
  }                                                                                                \
                                                                                                   \
  static DIO_ALWAYS_INLINE bool dio_fp_try_lt##W (uint8_t *flags, uint##W##_t a, uint##W##_t b,    \
                                                  bool *result)                                    \
  {                                                                                                \
    *result = dio_fp_##T (a) < dio_fp_##T (b);                                                     \
    return DIO_LIKELY (!__builtin_isunordered (dio_fp_##T (a), dio_fp_##T (b)));                   \
  }                                                                                                \
                                                                                                   \
  static DIO_ALWAYS_INLINE bool dio_fp_try_le##W (uint8_t *flags, uint##W##_t a, uint##W##_t b,    \
                                                  bool *result)                                    \
  {                                                                                                \
    *result = dio_fp_##T (a) <= dio_fp_##T (b);                                                    \
    return DIO_LIKELY (!__builtin_isunordered (dio_fp_##T (a), dio_fp_##T (b)));                   \
  }                                                                                                \
                                                                                                   \
  /* Not for equal numbers: zeros have signs. */                                                   \
  static DIO_ALWAYS_INLINE bool dio_fp_try_min##W (DioFpMode mode, uint8_t *flags, uint##W##_t a,  \
                                                   uint##W##_t b, uint##W##_t *result)             \
  {                                                                                                \
    bool less = dio_fp_##T (a) < dio_fp_##T (b);                                                   \
                                                                                                   \
    *result = less ? a : b;                                                                        \
    return (less || dio_fp_##T (b) < dio_fp_##T (a)) && dio_fp_is_gradual (mode);                  \
  }                                                                                                \
                                                                                                   \
  static DIO_ALWAYS_INLINE bool dio_fp_try_max##W (DioFpMode mode, uint8_t *flags, uint##W##_t a,  \
                                                   uint##W##_t b, uint##W##_t *result)             \
  {                                                                                                \
    bool less = dio_fp_##T (a) < dio_fp_##T (b);                                                   \
                                                                                                   \
    *result = less ? b : a;                                                                        \
    return (less || dio_fp_##T (b) < dio_fp_##T (a)) && dio_fp_is_gradual (mode);                  \
  }

/* clang-format off */
DIO_FP_TRY (32, float)
DIO_FP_TRY (64, double)
/* clang-format on */

#undef DIO_FP_TRY

/* A root is never tiny; that of -0 is -0, of other negative numbers a NaN. */
static DIO_ALWAYS_INLINE bool
dio_fp_try_sqrt32 (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t *result)
{
  *result = dio_fp_raw32 (__builtin_sqrtf (dio_fp_float (a)));
  return dio_fp_is_rne (mode) && DIO_LIKELY (*flags & DIO_FP_NX) && dio_fp_finite32 (*result);
}

static DIO_ALWAYS_INLINE bool
dio_fp_try_sqrt64 (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t *result)
{
  *result = dio_fp_raw64 (__builtin_sqrt (dio_fp_double (a)));
  return dio_fp_is_rne (mode) && DIO_LIKELY (*flags & DIO_FP_NX) && dio_fp_finite64 (*result);
}

static DIO_ALWAYS_INLINE bool
dio_fp_try_f32_to_f64 (DioFpMode mode, uint8_t *flags, uint32_t a, uint64_t *result)
{
  *result = dio_fp_raw64 ((double) dio_fp_float (a));
  return dio_fp_finite32 (a) && dio_fp_is_gradual (mode);
}

static DIO_ALWAYS_INLINE bool
dio_fp_try_f64_to_f32 (DioFpMode mode, uint8_t *flags, uint64_t a, uint32_t *result)
{
  float value = (float) dio_fp_double (a);

  *result = dio_fp_raw32 (value);
  if (!dio_fp_is_rne (mode) || !dio_fp_plain32 (*result))
    return false;
  if ((double) value != dio_fp_double (a))
    *flags |= DIO_FP_NX;
  return true;
}

/* To integers: truncate, then correct by the direction. Within +-2^62 nothing overflows. */
static DIO_ALWAYS_INLINE bool
dio_fp_try_integral (DioFpMode mode, double value, int64_t *result, bool *inexact)
{
  if (!DIO_LIKELY (value > -0x1p62 && value < 0x1p62) || !dio_fp_is_gradual (mode)
      || !dio_fp_is_unscaled (mode))
    return false;
  int64_t whole = (int64_t) value;
  double back = (double) whole; /* exact: |whole| came out of a double */

  *inexact = back != value;
  switch (mode & DIO_FP_ROUND_MASK) {
  case DIO_FP_RTZ:
    break;
  case DIO_FP_RDN:
    whole -= back > value;
    break;
  case DIO_FP_RUP:
    whole += back < value;
    break;
  default: {
    /* Exact: the fraction of a double. */
    double rest = value - back;
    bool even = (mode & DIO_FP_ROUND_MASK) == DIO_FP_RNE && !(whole & 1);

    whole += rest > 0.5 || (rest == 0.5 && !even);
    whole -= rest < -0.5 || (rest == -0.5 && !even);
    break;
  }
  }
  *result = whole;
  return true;
}

#define DIO_FP_TRY_TO_INTEGER(W, T, TYPE, NAME, LOW, HIGH)                                         \
  static DIO_ALWAYS_INLINE bool dio_fp_try_f##W##_to_##NAME (DioFpMode mode, uint8_t *flags,       \
                                                             uint##W##_t a, TYPE *result)          \
  {                                                                                                \
    int64_t whole = 0;                                                                             \
    bool inexact = false;                                                                          \
                                                                                                   \
    if (!dio_fp_try_integral (mode, (double) dio_fp_##T (a), &whole, &inexact)                     \
        || !DIO_LIKELY (whole >= (LOW) && whole <= (HIGH)))                                        \
      return false;                                                                                \
    if (inexact)                                                                                   \
      *flags |= DIO_FP_NX;                                                                         \
    *result = (TYPE) whole;                                                                        \
    return true;                                                                                   \
  }

/* clang-format off */
DIO_FP_TRY_TO_INTEGER (32, float, int32_t, i32, INT32_MIN, INT32_MAX)
DIO_FP_TRY_TO_INTEGER (32, float, uint32_t, u32, 0, UINT32_MAX)
DIO_FP_TRY_TO_INTEGER (32, float, int64_t, i64, INT64_MIN, INT64_MAX)
DIO_FP_TRY_TO_INTEGER (32, float, uint64_t, u64, 0, INT64_MAX)
DIO_FP_TRY_TO_INTEGER (64, double, int32_t, i32, INT32_MIN, INT32_MAX)
DIO_FP_TRY_TO_INTEGER (64, double, uint32_t, u32, 0, UINT32_MAX)
DIO_FP_TRY_TO_INTEGER (64, double, int64_t, i64, INT64_MIN, INT64_MAX)
DIO_FP_TRY_TO_INTEGER (64, double, uint64_t, u64, 0, INT64_MAX)
/* clang-format on */

#undef DIO_FP_TRY_TO_INTEGER

/* From integers: exact in every direction when they have no more bits than the format. */
#define DIO_FP_TRY_FROM_INTEGER(W, T, BITS)                                                        \
  static DIO_ALWAYS_INLINE bool dio_fp_try_i64_to_f##W (DioFpMode mode, uint8_t *flags, int64_t a, \
                                                        uint##W##_t *result)                       \
  {                                                                                                \
    *result = dio_fp_raw##W ((T) a);                                                               \
    return dio_fp_is_unscaled (mode)                                                               \
           && (DIO_LIKELY ((uint64_t) a + (UINT64_C (1) << BITS) <= UINT64_C (1) << (BITS + 1))    \
               || (dio_fp_is_rne (mode) && (*flags & DIO_FP_NX)));                                 \
  }                                                                                                \
                                                                                                   \
  static DIO_ALWAYS_INLINE bool dio_fp_try_u64_to_f##W (DioFpMode mode, uint8_t *flags,            \
                                                        uint64_t a, uint##W##_t *result)           \
  {                                                                                                \
    return DIO_LIKELY (a <= INT64_MAX)                                                             \
           && dio_fp_try_i64_to_f##W (mode, flags, (int64_t) a, result);                           \
  }                                                                                                \
                                                                                                   \
  static DIO_ALWAYS_INLINE bool dio_fp_try_i32_to_f##W (DioFpMode mode, uint8_t *flags, int32_t a, \
                                                        uint##W##_t *result)                       \
  {                                                                                                \
    return dio_fp_try_i64_to_f##W (mode, flags, a, result);                                        \
  }                                                                                                \
                                                                                                   \
  static DIO_ALWAYS_INLINE bool dio_fp_try_u32_to_f##W (DioFpMode mode, uint8_t *flags,            \
                                                        uint32_t a, uint##W##_t *result)           \
  {                                                                                                \
    return dio_fp_try_i64_to_f##W (mode, flags, a, result);                                        \
  }

/* clang-format off */
DIO_FP_TRY_FROM_INTEGER (32, float, 24)
DIO_FP_TRY_FROM_INTEGER (64, double, 53)
/* clang-format on */

#undef DIO_FP_TRY_FROM_INTEGER

/* ---- The whole operations ---- */

#define DIO_FP_2(NAME, T)                                                                          \
  static DIO_ALWAYS_INLINE T dio_fp_##NAME (DioFpMode mode, uint8_t *flags, T a, T b)              \
  {                                                                                                \
    T result;                                                                                      \
                                                                                                   \
    return dio_fp_try_##NAME (mode, flags, a, b, &result)                                          \
               ? result                                                                            \
               : dio_fp_soft_##NAME (mode, flags, a, b);                                           \
  }

#define DIO_FP_3(NAME, T)                                                                          \
  static DIO_ALWAYS_INLINE T dio_fp_##NAME (DioFpMode mode, uint8_t *flags, T a, T b, T c)         \
  {                                                                                                \
    T result;                                                                                      \
                                                                                                   \
    return dio_fp_try_##NAME (mode, flags, a, b, c, &result)                                       \
               ? result                                                                            \
               : dio_fp_soft_##NAME (mode, flags, a, b, c);                                        \
  }

#define DIO_FP_1(NAME, A, T)                                                                       \
  static DIO_ALWAYS_INLINE T dio_fp_##NAME (DioFpMode mode, uint8_t *flags, A a)                   \
  {                                                                                                \
    T result;                                                                                      \
                                                                                                   \
    return dio_fp_try_##NAME (mode, flags, a, &result) ? result                                    \
                                                       : dio_fp_soft_##NAME (mode, flags, a);      \
  }

#define DIO_FP_COMPARE(NAME, A)                                                                    \
  static DIO_ALWAYS_INLINE bool dio_fp_##NAME (uint8_t *flags, A a, A b)                           \
  {                                                                                                \
    bool result;                                                                                   \
                                                                                                   \
    return dio_fp_try_##NAME (flags, a, b, &result) ? result : dio_fp_soft_##NAME (flags, a, b);   \
  }

/* clang-format off */
DIO_FP_2 (add32, uint32_t)
DIO_FP_2 (sub32, uint32_t)
DIO_FP_2 (mul32, uint32_t)
DIO_FP_2 (div32, uint32_t)
DIO_FP_2 (min32, uint32_t)
DIO_FP_2 (max32, uint32_t)
DIO_FP_2 (add64, uint64_t)
DIO_FP_2 (sub64, uint64_t)
DIO_FP_2 (mul64, uint64_t)
DIO_FP_2 (div64, uint64_t)
DIO_FP_2 (min64, uint64_t)
DIO_FP_2 (max64, uint64_t)
DIO_FP_3 (fma32, uint32_t)
DIO_FP_3 (fma64, uint64_t)
DIO_FP_1 (sqrt32, uint32_t, uint32_t)
DIO_FP_1 (sqrt64, uint64_t, uint64_t)
DIO_FP_1 (f32_to_f64, uint32_t, uint64_t)
DIO_FP_1 (f64_to_f32, uint64_t, uint32_t)
DIO_FP_1 (f32_to_i32, uint32_t, int32_t)
DIO_FP_1 (f32_to_u32, uint32_t, uint32_t)
DIO_FP_1 (f32_to_i64, uint32_t, int64_t)
DIO_FP_1 (f32_to_u64, uint32_t, uint64_t)
DIO_FP_1 (f64_to_i32, uint64_t, int32_t)
DIO_FP_1 (f64_to_u32, uint64_t, uint32_t)
DIO_FP_1 (f64_to_i64, uint64_t, int64_t)
DIO_FP_1 (f64_to_u64, uint64_t, uint64_t)
DIO_FP_1 (i64_to_f32, int64_t, uint32_t)
DIO_FP_1 (u64_to_f32, uint64_t, uint32_t)
DIO_FP_1 (i64_to_f64, int64_t, uint64_t)
DIO_FP_1 (u64_to_f64, uint64_t, uint64_t)
DIO_FP_COMPARE (eq32, uint32_t)
DIO_FP_COMPARE (lt32, uint32_t)
DIO_FP_COMPARE (le32, uint32_t)
DIO_FP_COMPARE (eq64, uint64_t)
DIO_FP_COMPARE (lt64, uint64_t)
DIO_FP_COMPARE (le64, uint64_t)
/* clang-format on */

#undef DIO_FP_1
#undef DIO_FP_2
#undef DIO_FP_3
#undef DIO_FP_COMPARE

/* 32-bit integers are 64-bit ones. */
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

static DIO_ALWAYS_INLINE uint64_t
dio_fp_i32_to_f64 (DioFpMode mode, uint8_t *flags, int32_t a)
{
  return dio_fp_i64_to_f64 (mode, flags, a);
}

static DIO_ALWAYS_INLINE uint64_t
dio_fp_u32_to_f64 (DioFpMode mode, uint8_t *flags, uint32_t a)
{
  return dio_fp_i64_to_f64 (mode, flags, a);
}

/* ---- What has no fast form: rare, or quick enough as it is. The try form never does it. ---- */

#define DIO_FP_SOFT_2(NAME, T)                                                                     \
  static inline T dio_fp_##NAME (DioFpMode mode, uint8_t *flags, T a, T b)                         \
  {                                                                                                \
    return dio_fp_soft_##NAME (mode, flags, a, b);                                                 \
  }                                                                                                \
  static DIO_ALWAYS_INLINE bool dio_fp_try_##NAME (DioFpMode mode, uint8_t *flags, T a, T b,       \
                                                   T *result)                                      \
  {                                                                                                \
    return false;                                                                                  \
  }

#define DIO_FP_SOFT_ROUND(NAME, W, EXACT)                                                          \
  static inline uint##W##_t dio_fp_##NAME##W (DioFpMode mode, uint8_t *flags, uint##W##_t a)       \
  {                                                                                                \
    return dio_fp_soft_round##W (mode, flags, a, EXACT);                                           \
  }                                                                                                \
  static DIO_ALWAYS_INLINE bool dio_fp_try_##NAME##W (DioFpMode mode, uint8_t *flags,              \
                                                      uint##W##_t a, uint##W##_t *result)          \
  {                                                                                                \
    return false;                                                                                  \
  }

#define DIO_FP_SOFT_COMPARE(NAME, A)                                                               \
  static inline bool dio_fp_##NAME (uint8_t *flags, A a, A b)                                      \
  {                                                                                                \
    return dio_fp_soft_##NAME (flags, a, b);                                                       \
  }                                                                                                \
  static DIO_ALWAYS_INLINE bool dio_fp_try_##NAME (uint8_t *flags, A a, A b, bool *result)         \
  {                                                                                                \
    return false;                                                                                  \
  }

/* A mask with the bit of the class set: 1 << DioFpClass. */
#define DIO_FP_SOFT_CLASS(W)                                                                       \
  static inline uint32_t dio_fp_class##W (uint##W##_t a)                                           \
  {                                                                                                \
    return UINT32_C (1) << dio_fp_soft_class##W (a);                                               \
  }                                                                                                \
  static DIO_ALWAYS_INLINE bool dio_fp_try_class##W (uint##W##_t a, uint32_t *result)              \
  {                                                                                                \
    return false;                                                                                  \
  }

/* clang-format off */
DIO_FP_SOFT_2 (minm32, uint32_t)
DIO_FP_SOFT_2 (maxm32, uint32_t)
DIO_FP_SOFT_2 (minm64, uint64_t)
DIO_FP_SOFT_2 (maxm64, uint64_t)
/* To an integral value, without and with (roundx) the inexact flag. */
DIO_FP_SOFT_ROUND (round, 32, false)
DIO_FP_SOFT_ROUND (roundx, 32, true)
DIO_FP_SOFT_ROUND (round, 64, false)
DIO_FP_SOFT_ROUND (roundx, 64, true)
DIO_FP_SOFT_COMPARE (ltq32, uint32_t)
DIO_FP_SOFT_COMPARE (leq32, uint32_t)
DIO_FP_SOFT_COMPARE (ltq64, uint64_t)
DIO_FP_SOFT_COMPARE (leq64, uint64_t)
DIO_FP_SOFT_CLASS (32)
DIO_FP_SOFT_CLASS (64)
/* clang-format on */

#undef DIO_FP_SOFT_2
#undef DIO_FP_SOFT_ROUND
#undef DIO_FP_SOFT_COMPARE
#undef DIO_FP_SOFT_CLASS

static inline int32_t
dio_fp_f64_to_i32_mod (uint8_t *flags, uint64_t a)
{
  return dio_fp_soft_f64_to_i32_mod (flags, a);
}

static DIO_ALWAYS_INLINE bool
dio_fp_try_f64_to_i32_mod (uint8_t *flags, uint64_t a, int32_t *result)
{
  return false;
}

/* ---- arm ---- */

#define DIO_FP_ARM(W, T)                                                                           \
  static DIO_ALWAYS_INLINE bool dio_fp_try_flush##W (DioFpMode mode, uint8_t *flags,               \
                                                     uint##W##_t a, uint##W##_t *result)           \
  {                                                                                                \
    *result = a;                                                                                   \
    return dio_fp_is_gradual (mode);                                                               \
  }                                                                                                \
  static DIO_ALWAYS_INLINE uint##W##_t dio_fp_flush##W (DioFpMode mode, uint8_t *flags,            \
                                                        uint##W##_t a)                             \
  {                                                                                                \
    return dio_fp_is_gradual (mode) ? a : dio_fp_soft_flush##W (mode, flags, a);                   \
  }                                                                                                \
  static DIO_ALWAYS_INLINE bool dio_fp_try_mulx##W (DioFpMode mode, uint8_t *flags, uint##W##_t a, \
                                                    uint##W##_t b, uint##W##_t *result)            \
  {                                                                                                \
    return dio_fp_try_mul##W (mode, flags, a, b, result);                                          \
  }                                                                                                \
  static DIO_ALWAYS_INLINE bool dio_fp_try_compare##W (uint8_t *flags, uint##W##_t a,              \
                                                       uint##W##_t b, uint32_t *result)            \
  {                                                                                                \
    T x = dio_fp_##T (a), y = dio_fp_##T (b);                                                      \
    *result = (x < y ? UINT32_C (8) : x == y ? UINT32_C (6) : UINT32_C (2)) << 28;                 \
    return DIO_LIKELY (!__builtin_isunordered (x, y));                                             \
  }                                                                                                \
  static DIO_ALWAYS_INLINE bool dio_fp_try_comparee##W (uint8_t *flags, uint##W##_t a,             \
                                                        uint##W##_t b, uint32_t *result)           \
  {                                                                                                \
    return dio_fp_try_compare##W (flags, a, b, result);                                            \
  }                                                                                                \
  static DIO_ALWAYS_INLINE uint##W##_t dio_fp_mulx##W (DioFpMode mode, uint8_t *flags,             \
                                                       uint##W##_t a, uint##W##_t b)               \
  {                                                                                                \
    uint##W##_t result;                                                                            \
    return dio_fp_try_mulx##W (mode, flags, a, b, &result)                                         \
               ? result                                                                            \
               : dio_fp_soft_mulx##W (mode, flags, a, b);                                          \
  }                                                                                                \
  static DIO_ALWAYS_INLINE uint32_t dio_fp_compare##W (uint8_t *flags, uint##W##_t a,              \
                                                       uint##W##_t b)                              \
  {                                                                                                \
    uint32_t result;                                                                               \
    return dio_fp_try_compare##W (flags, a, b, &result) ? result                                   \
                                                        : dio_fp_soft_compare##W (flags, a, b);    \
  }                                                                                                \
  static DIO_ALWAYS_INLINE uint32_t dio_fp_comparee##W (uint8_t *flags, uint##W##_t a,             \
                                                        uint##W##_t b)                             \
  {                                                                                                \
    uint32_t result;                                                                               \
    return dio_fp_try_comparee##W (flags, a, b, &result) ? result                                  \
                                                         : dio_fp_soft_comparee##W (flags, a, b);  \
  }

#define DIO_FP_ARM_2(NAME, T)                                                                      \
  static inline T dio_fp_##NAME (DioFpMode mode, uint8_t *flags, T a, T b)                         \
  {                                                                                                \
    return dio_fp_soft_##NAME (mode, flags, a, b);                                                 \
  }                                                                                                \
  static DIO_ALWAYS_INLINE bool dio_fp_try_##NAME (DioFpMode mode, uint8_t *flags, T a, T b,       \
                                                   T *result)                                      \
  {                                                                                                \
    return false;                                                                                  \
  }

#define DIO_FP_ARM_1(NAME, A, T)                                                                   \
  static inline T dio_fp_##NAME (DioFpMode mode, uint8_t *flags, A a)                              \
  {                                                                                                \
    return dio_fp_soft_##NAME (mode, flags, a);                                                    \
  }                                                                                                \
  static DIO_ALWAYS_INLINE bool dio_fp_try_##NAME (DioFpMode mode, uint8_t *flags, A a, T *result) \
  {                                                                                                \
    return false;                                                                                  \
  }

/* clang-format off */
DIO_FP_ARM (32, float)
DIO_FP_ARM (64, double)
DIO_FP_ARM_2 (recip_step32, uint32_t)
DIO_FP_ARM_2 (rsqrt_step32, uint32_t)
DIO_FP_ARM_2 (recip_step64, uint64_t)
DIO_FP_ARM_2 (rsqrt_step64, uint64_t)
DIO_FP_ARM_1 (recip32, uint32_t, uint32_t)
DIO_FP_ARM_1 (rsqrt32, uint32_t, uint32_t)
DIO_FP_ARM_1 (recipx32, uint32_t, uint32_t)
DIO_FP_ARM_1 (recip64, uint64_t, uint64_t)
DIO_FP_ARM_1 (rsqrt64, uint64_t, uint64_t)
DIO_FP_ARM_1 (recipx64, uint64_t, uint64_t)
DIO_FP_ARM_1 (f64_to_i32_js, uint64_t, uint64_t)
DIO_FP_ARM_1 (f64_to_f32_odd, uint64_t, uint32_t)
DIO_FP_ARM_1 (f16_to_f32, uint32_t, uint32_t)
DIO_FP_ARM_1 (f16_to_f64, uint32_t, uint64_t)
DIO_FP_ARM_1 (f32_to_f16, uint32_t, uint32_t)
DIO_FP_ARM_1 (f64_to_f16, uint64_t, uint32_t)
/* clang-format on */

#undef DIO_FP_ARM
#undef DIO_FP_ARM_1
#undef DIO_FP_ARM_2
