/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fast paths on the host's FPU that are too long to inline. fp.h says on what they rest. */
#include "core/fp/fp.h"

#include <fenv.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#define HOST_FMA __attribute__ ((target ("fma")))
#define HOST_HAS_FMA() __builtin_cpu_supports ("fma")
#elif defined(__aarch64__) || defined(__riscv_flen)
#define HOST_FMA
#define HOST_HAS_FMA() true
#else
#define HOST_FMA
#define HOST_HAS_FMA() false
#endif

uint64_t
dio_fp_host_enter (void)
{
#if defined(__x86_64__)
  unsigned saved = _mm_getcsr ();

  _mm_setcsr (0x1f80);
  return saved;
#else
  int saved = fegetround ();

  fesetround (FE_TONEAREST);
  return (uint64_t) saved;
#endif
}

void
dio_fp_host_leave (uint64_t saved)
{
#if defined(__x86_64__)
  _mm_setcsr ((unsigned) saved);
#else
  fesetround ((int) saved);
#endif
}

/* ---- Additions before the inexact flag is set: the rounding error of a sum is a number of the
 * same format, and Knuth's two-sum computes it exactly as long as nothing overflows. ---- */

#define TWO_SUM(W, T)                                                                              \
  static DIO_ALWAYS_INLINE bool two_sum##W (uint8_t *flags, uint##W##_t a, uint##W##_t b,          \
                                            uint##W##_t *result)                                   \
  {                                                                                                \
    T x = dio_fp_##T (a), y = dio_fp_##T (b);                                                      \
    T sum = x + y;                                                                                 \
    T y_part = sum - x;                                                                            \
    T error = (x - (sum - y_part)) + (y - y_part);                                                 \
                                                                                                   \
    *result = dio_fp_raw##W (sum);                                                                 \
    if (!dio_fp_finite##W (*result) || !dio_fp_finite##W (dio_fp_raw##W (error)))                  \
      return false;                                                                                \
    if (error != 0)                                                                                \
      *flags |= DIO_FP_NX;                                                                         \
    return true;                                                                                   \
  }                                                                                                \
  uint##W##_t dio_fp_add##W##_slow (DioFpMode mode, uint8_t *flags, uint##W##_t a, uint##W##_t b)  \
  {                                                                                                \
    uint##W##_t result;                                                                            \
                                                                                                   \
    if (dio_fp_is_rne (mode) && two_sum##W (flags, a, b, &result))                                 \
      return result;                                                                               \
    return dio_fp_soft_add##W (mode, flags, a, b);                                                 \
  }                                                                                                \
  uint##W##_t dio_fp_sub##W##_slow (DioFpMode mode, uint8_t *flags, uint##W##_t a, uint##W##_t b)  \
  {                                                                                                \
    uint##W##_t result;                                                                            \
                                                                                                   \
    if (dio_fp_is_rne (mode) && two_sum##W (flags, a, b ^ DIO_FP##W##_SIGN, &result))              \
      return result;                                                                               \
    return dio_fp_soft_sub##W (mode, flags, a, b);                                                 \
  }

/* clang-format off */
TWO_SUM (32, float)
TWO_SUM (64, double)
/* clang-format on */

/* ---- Fused multiply-add ---- */

HOST_FMA static uint32_t
fma32_host (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t b, uint32_t c)
{
  uint32_t r = dio_fp_raw32 (__builtin_fmaf (dio_fp_float (a), dio_fp_float (b), dio_fp_float (c)));

  if (dio_fp_plain32 (r))
    return r;
  return dio_fp_soft_fma32 (mode, flags, a, b, c);
}

HOST_FMA static uint64_t
fma64_host (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b, uint64_t c)
{
  uint64_t r =
      dio_fp_raw64 (__builtin_fma (dio_fp_double (a), dio_fp_double (b), dio_fp_double (c)));

  if (dio_fp_plain64 (r))
    return r;
  return dio_fp_soft_fma64 (mode, flags, a, b, c);
}

uint32_t
dio_fp_fma32 (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t b, uint32_t c)
{
  if (dio_fp_is_rne (mode) && (*flags & DIO_FP_NX) && HOST_HAS_FMA ())
    return fma32_host (mode, flags, a, b, c);
  return dio_fp_soft_fma32 (mode, flags, a, b, c);
}

uint64_t
dio_fp_fma64 (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b, uint64_t c)
{
  if (dio_fp_is_rne (mode) && (*flags & DIO_FP_NX) && HOST_HAS_FMA ())
    return fma64_host (mode, flags, a, b, c);
  return dio_fp_soft_fma64 (mode, flags, a, b, c);
}

/* ---- To integers: truncate on the host, then correct by the direction. Within +-2^62 nothing
 * overflows; the limits of the narrower types are checked on the integer. ---- */

static DIO_ALWAYS_INLINE bool
round_to_i64 (DioFpMode mode, double value, int64_t *result, bool *inexact)
{
  if (!(value > -0x1p62 && value < 0x1p62))
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
    /* Exact: the fraction of a double, or its complement to 1. */
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

#define TO_INTEGER(W, T, TYPE, NAME, LOW, HIGH)                                                    \
  TYPE dio_fp_f##W##_to_##NAME (DioFpMode mode, uint8_t *flags, uint##W##_t a)                     \
  {                                                                                                \
    int64_t whole;                                                                                 \
    bool inexact;                                                                                  \
                                                                                                   \
    if (DIO_LIKELY (round_to_i64 (mode, (double) dio_fp_##T (a), &whole, &inexact))                \
        && DIO_LIKELY (whole >= (LOW) && whole <= (HIGH))) {                                       \
      if (inexact)                                                                                 \
        *flags |= DIO_FP_NX;                                                                       \
      return (TYPE) whole;                                                                         \
    }                                                                                              \
    return dio_fp_soft_f##W##_to_##NAME (mode, flags, a);                                          \
  }

/* clang-format off */
TO_INTEGER (32, float, int32_t, i32, INT32_MIN, INT32_MAX)
TO_INTEGER (32, float, uint32_t, u32, 0, UINT32_MAX)
TO_INTEGER (32, float, int64_t, i64, INT64_MIN, INT64_MAX)
TO_INTEGER (32, float, uint64_t, u64, 0, INT64_MAX)
TO_INTEGER (64, double, int32_t, i32, INT32_MIN, INT32_MAX)
TO_INTEGER (64, double, uint32_t, u32, 0, UINT32_MAX)
TO_INTEGER (64, double, int64_t, i64, INT64_MIN, INT64_MAX)
TO_INTEGER (64, double, uint64_t, u64, 0, INT64_MAX)
/* clang-format on */

/* ---- From integers ---- */

/* True when @a has so few bits that it is exact as a float or double with @bits. */
static DIO_ALWAYS_INLINE bool
small_integer (int64_t a, unsigned bits)
{
  return (uint64_t) a + (UINT64_C (1) << bits) <= UINT64_C (1) << (bits + 1);
}

uint32_t
dio_fp_i64_to_f32 (DioFpMode mode, uint8_t *flags, int64_t a)
{
  if (DIO_LIKELY (small_integer (a, 24)) || (dio_fp_is_rne (mode) && (*flags & DIO_FP_NX)))
    return dio_fp_raw32 ((float) a);
  return dio_fp_soft_i64_to_f32 (mode, flags, a);
}

uint32_t
dio_fp_u64_to_f32 (DioFpMode mode, uint8_t *flags, uint64_t a)
{
  if (DIO_LIKELY (a <= UINT64_C (1) << 24)
      || (a <= INT64_MAX && dio_fp_is_rne (mode) && (*flags & DIO_FP_NX)))
    return dio_fp_raw32 ((float) (int64_t) a);
  return dio_fp_soft_u64_to_f32 (mode, flags, a);
}

uint64_t
dio_fp_i64_to_f64 (DioFpMode mode, uint8_t *flags, int64_t a)
{
  if (DIO_LIKELY (small_integer (a, 53)) || (dio_fp_is_rne (mode) && (*flags & DIO_FP_NX)))
    return dio_fp_raw64 ((double) a);
  return dio_fp_soft_i64_to_f64 (mode, flags, a);
}

uint64_t
dio_fp_u64_to_f64 (DioFpMode mode, uint8_t *flags, uint64_t a)
{
  if (DIO_LIKELY (a <= UINT64_C (1) << 53)
      || (a <= INT64_MAX && dio_fp_is_rne (mode) && (*flags & DIO_FP_NX)))
    return dio_fp_raw64 ((double) (int64_t) a);
  return dio_fp_soft_u64_to_f64 (mode, flags, a);
}
