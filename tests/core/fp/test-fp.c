/* SPDX-License-Identifier: GPL-3.0-or-later
 * core/fp against two implementations that are not ours: the host's SSE unit in its four rounding
 * directions (values, NaNs and all flags), and the compiler run-time's quadruple precision for ties
 * away from zero, which no host has. Every case goes through the integer code and through the
 * host-assisted code of fp.h, with the inexact flag clear and set beforehand. */
#include <glib.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/fp/fp.h"
#include "tests/core/fp/fp-operands.h"

#define CASES 60000

typedef uint64_t (*SoftFunc) (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b, uint64_t c);

/* Wraps functions of both widths to SoftFunc. */
#define WRAP2(NAME, W)                                                                             \
  static uint64_t soft_##NAME##W (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b,          \
                                  uint64_t c)                                                      \
  {                                                                                                \
    return dio_fp_soft_##NAME##W (mode, flags, (uint##W##_t) a, (uint##W##_t) b);                  \
  }                                                                                                \
  static uint64_t fast_##NAME##W (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b,          \
                                  uint64_t c)                                                      \
  {                                                                                                \
    return dio_fp_##NAME##W (mode, flags, (uint##W##_t) a, (uint##W##_t) b);                       \
  }
#define WRAP1(NAME, W, CAST)                                                                       \
  static uint64_t soft_##NAME (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b, uint64_t c) \
  {                                                                                                \
    return (CAST) dio_fp_soft_##NAME (mode, flags, (uint##W##_t) a);                               \
  }                                                                                                \
  static uint64_t fast_##NAME (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b, uint64_t c) \
  {                                                                                                \
    return (CAST) dio_fp_##NAME (mode, flags, (uint##W##_t) a);                                    \
  }
#define WRAP_COMPARE(NAME, W)                                                                      \
  static uint64_t soft_##NAME##W (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b,          \
                                  uint64_t c)                                                      \
  {                                                                                                \
    return dio_fp_soft_##NAME##W (flags, (uint##W##_t) a, (uint##W##_t) b);                        \
  }                                                                                                \
  static uint64_t fast_##NAME##W (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b,          \
                                  uint64_t c)                                                      \
  {                                                                                                \
    return dio_fp_##NAME##W (flags, (uint##W##_t) a, (uint##W##_t) b);                             \
  }
#define WRAP_FMA(W)                                                                                \
  static uint64_t soft_fma##W (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b, uint64_t c) \
  {                                                                                                \
    return dio_fp_soft_fma##W (mode, flags, (uint##W##_t) a, (uint##W##_t) b, (uint##W##_t) c);    \
  }                                                                                                \
  static uint64_t fast_fma##W (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b, uint64_t c) \
  {                                                                                                \
    return dio_fp_fma##W (mode, flags, (uint##W##_t) a, (uint##W##_t) b, (uint##W##_t) c);         \
  }

/* clang-format off */
WRAP2 (add, 32) WRAP2 (add, 64)
WRAP2 (sub, 32) WRAP2 (sub, 64)
WRAP2 (mul, 32) WRAP2 (mul, 64)
WRAP2 (div, 32) WRAP2 (div, 64)
WRAP2 (min, 32) WRAP2 (min, 64)
WRAP2 (max, 32) WRAP2 (max, 64)
WRAP1 (sqrt32, 32, uint32_t) WRAP1 (sqrt64, 64, uint64_t)
WRAP1 (f32_to_i32, 32, uint32_t) WRAP1 (f64_to_i32, 64, uint32_t)
WRAP1 (f32_to_u32, 32, uint32_t) WRAP1 (f64_to_u32, 64, uint32_t)
WRAP1 (f32_to_i64, 32, uint64_t) WRAP1 (f64_to_i64, 64, uint64_t)
WRAP1 (f32_to_u64, 32, uint64_t) WRAP1 (f64_to_u64, 64, uint64_t)
WRAP1 (i64_to_f32, 64, uint32_t) WRAP1 (i64_to_f64, 64, uint64_t)
WRAP1 (u64_to_f32, 64, uint32_t) WRAP1 (u64_to_f64, 64, uint64_t)
WRAP1 (f32_to_f64, 32, uint64_t) WRAP1 (f64_to_f32, 64, uint32_t)
WRAP_COMPARE (eq, 32) WRAP_COMPARE (eq, 64)
WRAP_COMPARE (lt, 32) WRAP_COMPARE (lt, 64)
WRAP_COMPARE (le, 32) WRAP_COMPARE (le, 64)
WRAP_FMA (32) WRAP_FMA (64)
    /* clang-format on */

    static uint64_t
    soft_round32 (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b, uint64_t c)
{
  return dio_fp_soft_round32 (mode, flags, (uint32_t) a, true);
}

static uint64_t
soft_round64 (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b, uint64_t c)
{
  return dio_fp_soft_round64 (mode, flags, a, true);
}

/* The operands of an operation: bit patterns of floats, doubles, or integers. */
typedef enum {
  OPERANDS_32 = 32,
  OPERANDS_64 = 64,
  OPERANDS_INT = 1,
} Operands;

static uint64_t
random_operand (uint64_t *state, Operands operands, uint64_t other)
{
  uint64_t r;

  switch (operands) {
  case OPERANDS_32:
    return (uint32_t) fp_random_operand (state, 23, 8, other);
  case OPERANDS_64:
    return fp_random_operand (state, 52, 11, other);
  default:
    r = fp_random (state);
    r >>= fp_random (state) & 63;
    if (fp_random (state) & 1)
      r &= ~((UINT64_C (1) << (fp_random (state) & 63)) - 1);
    r += (fp_random (state) & 3) - 1;
    return fp_random (state) & 1 ? r : -r;
  }
}

static bool
is_nan32 (uint64_t a)
{
  return (a & 0x7fffffff) > DIO_FP32_INF;
}

static bool
is_nan64 (uint64_t a)
{
  return (a & ~DIO_FP64_SIGN) > DIO_FP64_INF;
}

/* One seed makes every case; a failure names it by operands. */
static uint64_t
test_seed (void)
{
  const char *text = g_getenv ("DIO_TEST_SEED");

  return (text != NULL ? strtoull (text, NULL, 0) : 1) * UINT64_C (0x9e3779b97f4a7c15) | 1;
}

static void
check (const char *what, DioFpMode mode, uint64_t a, uint64_t b, uint64_t c, uint64_t expected,
       uint8_t expected_flags, uint64_t actual, const uint8_t *actual_flags)
{
  if (G_LIKELY (expected == actual && expected_flags == *actual_flags))
    return;
  g_test_message ("%s mode %#x a %#" PRIx64 " b %#" PRIx64 " c %#" PRIx64 ": expected %#" PRIx64
                  " flags %#x, have %#" PRIx64 " flags %#x",
                  what, mode, a, b, c, expected, expected_flags, actual, *actual_flags);
  g_test_fail ();
}

#if defined(__x86_64__)

typedef uint64_t (*HostFunc) (uint32_t csr, uint8_t *flags, uint64_t a, uint64_t b, uint64_t c);

static uint8_t
flags_of_mxcsr (uint32_t csr)
{
  return (csr & 0x20 ? DIO_FP_NX : 0) | (csr & 0x10 ? DIO_FP_UF : 0) | (csr & 0x08 ? DIO_FP_OF : 0)
         | (csr & 0x04 ? DIO_FP_DZ : 0) | (csr & 0x01 ? DIO_FP_NV : 0);
}

/* The instruction between two settings of MXCSR in one piece of assembler, so that no compiler can
 * move it out of its rounding direction. */
#define HOST(NAME, CODE, R)                                                                        \
  static uint64_t host_##NAME (uint32_t csr, uint8_t *flags, uint64_t a, uint64_t b, uint64_t c)   \
  {                                                                                                \
    uint32_t normal = 0x1f80;                                                                      \
    uint64_t r = 0;                                                                                \
                                                                                                   \
    __asm__ volatile("ldmxcsr %[csr]\n\t"                                                          \
                     "movq %[a], %%xmm0\n\t"                                                       \
                     "movq %[b], %%xmm1\n\t"                                                       \
                     "movq %[c], %%xmm2\n\t" CODE "\n\t"                                           \
                     "stmxcsr %[csr]\n\t"                                                          \
                     "ldmxcsr %[normal]"                                                           \
                     : [csr] "+m"(csr), [r] "+&r"(r)                                               \
                     : [a] "r"(a), [b] "r"(b), [c] "r"(c), [normal] "m"(normal)                    \
                     : "xmm0", "xmm1", "xmm2", "cc");                                              \
    *flags = flags_of_mxcsr (csr);                                                                 \
    return R;                                                                                      \
  }
#define HOST_FP(NAME, CODE, W) HOST (NAME, CODE "\n\tmovq %%xmm0, %[r]", (uint##W##_t) r)

/* clang-format off */
HOST_FP (add32, "addss %%xmm1, %%xmm0", 32)
HOST_FP (add64, "addsd %%xmm1, %%xmm0", 64)
HOST_FP (sub32, "subss %%xmm1, %%xmm0", 32)
HOST_FP (sub64, "subsd %%xmm1, %%xmm0", 64)
HOST_FP (mul32, "mulss %%xmm1, %%xmm0", 32)
HOST_FP (mul64, "mulsd %%xmm1, %%xmm0", 64)
HOST_FP (div32, "divss %%xmm1, %%xmm0", 32)
HOST_FP (div64, "divsd %%xmm1, %%xmm0", 64)
HOST_FP (sqrt32, "sqrtss %%xmm0, %%xmm0", 32)
HOST_FP (sqrt64, "sqrtsd %%xmm0, %%xmm0", 64)
HOST_FP (fma32, "vfmadd213ss %%xmm2, %%xmm1, %%xmm0", 32)
HOST_FP (fma64, "vfmadd213sd %%xmm2, %%xmm1, %%xmm0", 64)
HOST_FP (f32_to_f64, "cvtss2sd %%xmm0, %%xmm0", 64)
HOST_FP (f64_to_f32, "cvtsd2ss %%xmm0, %%xmm0", 32)
HOST_FP (i64_to_f32, "cvtsi2ssq %[a], %%xmm0", 32)
HOST_FP (i64_to_f64, "cvtsi2sdq %[a], %%xmm0", 64)
HOST_FP (round32, "roundss $4, %%xmm0, %%xmm0", 32)
HOST_FP (round64, "roundsd $4, %%xmm0, %%xmm0", 64)
HOST (f32_to_i64, "cvtss2siq %%xmm0, %[r]", r)
HOST (f64_to_i64, "cvtsd2siq %%xmm0, %[r]", r)
HOST (f32_to_i32, "cvtss2sil %%xmm0, %k[r]", (uint32_t) r)
HOST (f64_to_i32, "cvtsd2sil %%xmm0, %k[r]", (uint32_t) r)
/* clang-format on */

typedef struct {
  const char *name;
  SoftFunc soft, fast;
  HostFunc host;
  Operands operands;
  unsigned result; /* 32, 64: floating point; 1: other */
  bool fma;
} HostCase;

#define BOTH(NAME) #NAME, soft_##NAME, fast_##NAME, host_##NAME
static const HostCase host_cases[] = {
  { BOTH (add32), OPERANDS_32, 32 },
  { BOTH (add64), OPERANDS_64, 64 },
  { BOTH (sub32), OPERANDS_32, 32 },
  { BOTH (sub64), OPERANDS_64, 64 },
  { BOTH (mul32), OPERANDS_32, 32 },
  { BOTH (mul64), OPERANDS_64, 64 },
  { BOTH (div32), OPERANDS_32, 32 },
  { BOTH (div64), OPERANDS_64, 64 },
  { BOTH (sqrt32), OPERANDS_32, 32 },
  { BOTH (sqrt64), OPERANDS_64, 64 },
  { BOTH (fma32), OPERANDS_32, 32, true },
  { BOTH (fma64), OPERANDS_64, 64, true },
  { BOTH (f32_to_f64), OPERANDS_32, 64 },
  { BOTH (f64_to_f32), OPERANDS_64, 32 },
  { BOTH (i64_to_f32), OPERANDS_INT, 32 },
  { BOTH (i64_to_f64), OPERANDS_INT, 64 },
  { BOTH (f32_to_i32), OPERANDS_32, 1 },
  { BOTH (f64_to_i32), OPERANDS_64, 1 },
  { BOTH (f32_to_i64), OPERANDS_32, 1 },
  { BOTH (f64_to_i64), OPERANDS_64, 1 },
  { "round32", soft_round32, soft_round32, host_round32, OPERANDS_32, 32 },
  { "round64", soft_round64, soft_round64, host_round64, OPERANDS_64, 64 },
};

/* MXCSR.RC of RNE, RTZ, RDN, RUP. */
static const uint32_t mxcsr_of_round[] = { 0x1f80, 0x7f80, 0x3f80, 0x5f80 };

/* What a conversion out of range gives: x86 says only that it is invalid. */
static uint64_t
saturate (const HostCase *op, uint64_t a)
{
  bool narrow = strstr (op->name, "_to_i32") != NULL;
  bool nan = op->operands == OPERANDS_32 ? is_nan32 (a) : is_nan64 (a);
  bool sign = a >> (op->operands - 1) & 1;

  if (narrow)
    return nan || !sign ? INT32_MAX : 0x80000000;
  return nan || !sign ? INT64_MAX : DIO_FP64_SIGN;
}

static void
check_with (const HostCase *op, SoftFunc func, DioFpMode mode, uint64_t a, uint64_t b, uint64_t c,
            uint64_t expected, uint8_t expected_flags)
{
  for (unsigned before = 0; before <= DIO_FP_NX; before++) {
    uint8_t flags = (uint8_t) before;
    uint64_t actual = func (mode, &flags, a, b, c);

    check (op->name, mode, a, b, c, expected, expected_flags | (uint8_t) before, actual, &flags);
  }
}

/* Now and then, operands that random choice hardly finds: a result on the border between tiny and
 * normal, an addend that cancels the product but for a few units. */
static void
aim (const HostCase *op, unsigned i, uint64_t a, uint64_t *b, uint64_t *c)
{
  bool narrow = op->operands == OPERANDS_32;
  uint64_t sign = UINT64_C (1) << (op->operands - 1), mask = sign | (sign - 1);
  uint64_t min = narrow ? UINT32_C (1) << 23 : UINT64_C (1) << 52;
  HostFunc mul = narrow ? host_mul32 : host_mul64, div = narrow ? host_div32 : host_div64;
  uint8_t ignored;

  if ((i & 7) == 1 && (op->host == mul || op->fma))
    *b = (div (0x1f80, &ignored, min, a, 0) + (*b & 3) - 1) & mask;
  if ((i & 7) == 1 && op->host == div)
    *b = (div (0x1f80, &ignored, a, min, 0) + (*b & 3) - 1) & mask;
  if ((i & 7) == 1 && op->fma)
    *c &= sign | 3;
  if ((i & 3) == 0 && op->fma)
    *c = ((mul (0x1f80, &ignored, a, *b, 0) ^ sign) + (*c & 3) - 1) & mask;
}

static void
test_host (gconstpointer data)
{
  const HostCase *op = data;
  uint64_t state = test_seed ();
  bool propagates = op->result != 1 && !op->fma;

  if (op->fma && !__builtin_cpu_supports ("fma")) {
    g_test_skip ("the host has no FMA");
    return;
  }
  for (unsigned i = 0; i < CASES && !g_test_failed (); i++) {
    uint64_t a = random_operand (&state, op->operands, 0);
    uint64_t b = random_operand (&state, op->operands, a);
    uint64_t c = random_operand (&state, op->operands, b);

    aim (op, i, a, &b, &c);
    for (unsigned round = DIO_FP_RNE; round <= DIO_FP_RUP; round++) {
      uint8_t flags;
      uint64_t host = op->host (mxcsr_of_round[round], &flags, a, b, c), expected = host;

      if (propagates) {
        DioFpMode x86 = round | DIO_FP_NAN_FIRST | DIO_FP_NAN_NEGATIVE;

        check_with (op, op->soft, x86, a, b, c, host, flags);
        check_with (op, op->fast, x86, a, b, c, host, flags);
      }
      if (op->result == 32 && is_nan32 (host))
        expected = DIO_FP32_NAN;
      if (op->result == 64 && is_nan64 (host))
        expected = DIO_FP64_NAN;
      if (op->result == 1 && (flags & DIO_FP_NV))
        expected = saturate (op, a);
      if (op->fma) {
        bool zero_a = (a << 1 & (op->operands == OPERANDS_32 ? UINT32_MAX : UINT64_MAX)) == 0;
        bool zero_b = (b << 1 & (op->operands == OPERANDS_32 ? UINT32_MAX : UINT64_MAX)) == 0;
        uint64_t inf = op->operands == OPERANDS_32 ? DIO_FP32_INF : DIO_FP64_INF;
        uint64_t sign = UINT64_C (1) << (op->operands - 1);

        /* RISC-V, F 11.6: infinity times zero is invalid even when the addend is a quiet NaN. */
        if ((zero_a && (b & ~sign) == inf) || (zero_b && (a & ~sign) == inf))
          flags |= DIO_FP_NV;
      }
      check_with (op, op->soft, round, a, b, c, expected, flags);
      check_with (op, op->fast, round, a, b, c, expected, flags);
    }
  }
}

/* Comparisons, minimum and maximum against comiss and ucomiss. */
static void
test_compare (void)
{
  uint64_t state = test_seed ();

  for (unsigned i = 0; i < CASES && !g_test_failed (); i++) {
    uint64_t a = random_operand (&state, OPERANDS_64, 0);
    uint64_t b = random_operand (&state, OPERANDS_64, a);
    uint32_t a32 = (uint32_t) random_operand (&state, OPERANDS_32, 0);
    uint32_t b32 = (uint32_t) random_operand (&state, OPERANDS_32, a32);
    uint8_t host_flags, host_flags32;

    /* A subtraction is invalid for signalling NaNs, and for infinities, which comparisons are not.
     */
    host_sub64 (0x1f80, &host_flags, a, b, 0);
    host_sub32 (0x1f80, &host_flags32, a32, b32, 0);
    bool nan = is_nan64 (a) || is_nan64 (b), nan32 = is_nan32 (a32) || is_nan32 (b32);
    uint8_t quiet = nan ? host_flags & DIO_FP_NV : 0, signal = nan ? DIO_FP_NV : 0;
    uint8_t quiet32 = nan32 ? host_flags32 & DIO_FP_NV : 0, signal32 = nan32 ? DIO_FP_NV : 0;
    volatile double x = dio_fp_double (a), y = dio_fp_double (b);
    volatile float x32 = dio_fp_float (a32), y32 = dio_fp_float (b32);

#define CHECK_COMPARE(NAME, OP, FLAGS)                                                             \
  do {                                                                                             \
    uint8_t flags = 0;                                                                             \
    uint64_t r = soft_##NAME##64(0, &flags, a, b, 0);                                              \
    check (#NAME "64 soft", 0, a, b, 0, x OP y, FLAGS, r, &flags);                                 \
    flags = 0;                                                                                     \
    r = fast_##NAME##64(0, &flags, a, b, 0);                                                       \
    check (#NAME "64", 0, a, b, 0, x OP y, FLAGS, r, &flags);                                      \
    flags = 0;                                                                                     \
    r = soft_##NAME##32(0, &flags, a32, b32, 0);                                                   \
    check (#NAME "32 soft", 0, a32, b32, 0, x32 OP y32, FLAGS##32, r, &flags);                     \
    flags = 0;                                                                                     \
    r = fast_##NAME##32(0, &flags, a32, b32, 0);                                                   \
    check (#NAME "32", 0, a32, b32, 0, x32 OP y32, FLAGS##32, r, &flags);                          \
  } while (0)
    CHECK_COMPARE (eq, ==, quiet);
    CHECK_COMPARE (lt, <, signal);
    CHECK_COMPARE (le, <=, signal);
#undef CHECK_COMPARE
    uint8_t flags = 0;
    check ("ltq64", 0, a, b, 0, x < y, quiet, dio_fp_soft_ltq64 (&flags, a, b), &flags);
    flags = 0;
    check ("leq32", 0, a32, b32, 0, x32 <= y32, quiet32, dio_fp_soft_leq32 (&flags, a32, b32),
           &flags);

    uint64_t min = is_nan64 (a)   ? is_nan64 (b) ? DIO_FP64_NAN : b
                   : is_nan64 (b) ? a
                   : x < y        ? a
                   : y < x        ? b
                                  : a | b;
    uint64_t max = is_nan64 (a)   ? is_nan64 (b) ? DIO_FP64_NAN : b
                   : is_nan64 (b) ? a
                   : x < y        ? b
                   : y < x        ? a
                                  : a & b;
    flags = 0;
    check ("min64 soft", 0, a, b, 0, min, quiet, dio_fp_soft_min64 (0, &flags, a, b), &flags);
    flags = 0;
    check ("min64", 0, a, b, 0, min, quiet, dio_fp_min64 (0, &flags, a, b), &flags);
    flags = 0;
    check ("max64 soft", 0, a, b, 0, max, quiet, dio_fp_soft_max64 (0, &flags, a, b), &flags);
    flags = 0;
    check ("max64", 0, a, b, 0, max, quiet, dio_fp_max64 (0, &flags, a, b), &flags);
    flags = 0;
    check ("minm64", 0, a, b, 0, nan ? DIO_FP64_NAN : min, quiet,
           dio_fp_soft_minm64 (0, &flags, a, b), &flags);
    flags = 0;
    check ("maxm64", 0, a, b, 0, nan ? DIO_FP64_NAN : max, quiet,
           dio_fp_soft_maxm64 (0, &flags, a, b), &flags);
  }
}

#endif /* __x86_64__ */

#if defined(__SIZEOF_FLOAT128__)

typedef union {
  __float128 value;
  unsigned __int128 raw;
} Quad;

/* An exact quadruple-precision value in the normal range of the format, ties away: half a unit is
 * added to the bit pattern, and the rest cut off. */
static uint64_t
quad_to_rmm (Quad q, unsigned fraction, unsigned exponent, bool *in_range, uint8_t *flags)
{
  unsigned drop = 112 - fraction;
  unsigned __int128 magnitude = q.raw << 1 >> 1;
  uint64_t sign = (uint64_t) (q.raw >> 127) << (fraction + exponent);
  unsigned __int128 cut;
  int biased;

  *flags = (magnitude & (((unsigned __int128) 1 << drop) - 1)) != 0 ? DIO_FP_NX : 0;
  cut = (magnitude + ((unsigned __int128) 1 << (drop - 1))) >> drop;
  biased = (int) (cut >> fraction) - 16383 + (1 << (exponent - 1)) - 1;
  *in_range = biased >= 2 && biased < (1 << exponent) - 2;
  return sign | (uint64_t) biased << fraction | ((uint64_t) cut & ((UINT64_C (1) << fraction) - 1));
}

static void
check_rmm (const char *name, SoftFunc soft, SoftFunc fast, uint64_t a, uint64_t b, uint64_t c,
           Quad exact, unsigned width, unsigned *count)
{
  bool in_range;
  uint8_t expected_flags, flags = 0;
  uint64_t expected =
      quad_to_rmm (exact, width == 32 ? 23 : 52, width == 32 ? 8 : 11, &in_range, &expected_flags);

  if (!in_range)
    return;
  uint64_t actual = soft (DIO_FP_RMM, &flags, a, b, c);
  check (name, DIO_FP_RMM, a, b, c, expected, expected_flags, actual, &flags);
  flags = 0;
  actual = fast (DIO_FP_RMM, &flags, a, b, c);
  check (name, DIO_FP_RMM, a, b, c, expected, expected_flags, actual, &flags);
  (*count)++;
}

static int
exponent_of (uint64_t a, unsigned width)
{
  return width == 32 ? (int) (a >> 23 & 0xff) - 127 : (int) (a >> 52 & 0x7ff) - 1023;
}

static void
test_ties_away (void)
{
  uint64_t state = test_seed ();
  unsigned count = 0;

  for (unsigned i = 0; i < CASES && !g_test_failed (); i++) {
    uint64_t a = random_operand (&state, OPERANDS_64, 0);
    uint64_t b = random_operand (&state, OPERANDS_64, a);
    int distance = abs (exponent_of (a, 64) - exponent_of (b, 64));
    __float128 x = dio_fp_double (a), y = dio_fp_double (b);
    uint64_t n = random_operand (&state, OPERANDS_INT, 0);

    if (!is_nan64 (a) && !is_nan64 (b)) {
      check_rmm ("mul64", soft_mul64, fast_mul64, a, b, 0, (Quad){ x * y }, 64, &count);
      if (distance < 58) {
        check_rmm ("add64", soft_add64, fast_add64, a, b, 0, (Quad){ x + y }, 64, &count);
        check_rmm ("sub64", soft_sub64, fast_sub64, a, b, 0, (Quad){ x - y }, 64, &count);
      }
      check_rmm ("f64_to_f32", soft_f64_to_f32, fast_f64_to_f32, a, 0, 0, (Quad){ x }, 32, &count);
    }
    check_rmm ("i64_to_f64", soft_i64_to_f64, fast_i64_to_f64, n, 0, 0,
               (Quad){ (__float128) (int64_t) n }, 64, &count);
    check_rmm ("u64_to_f64", soft_u64_to_f64, fast_u64_to_f64, n, 0, 0, (Quad){ (__float128) n },
               64, &count);
    check_rmm ("i64_to_f32", soft_i64_to_f32, fast_i64_to_f32, n, 0, 0,
               (Quad){ (__float128) (int64_t) n }, 32, &count);
    check_rmm ("u64_to_f32", soft_u64_to_f32, fast_u64_to_f32, n, 0, 0, (Quad){ (__float128) n },
               32, &count);

    uint64_t a32 = random_operand (&state, OPERANDS_32, 0);
    uint64_t b32 = random_operand (&state, OPERANDS_32, a32);
    uint64_t c32 = random_operand (&state, OPERANDS_32, b32);
    __float128 x32 = dio_fp_float ((uint32_t) a32), y32 = dio_fp_float ((uint32_t) b32);
    __float128 z32 = dio_fp_float ((uint32_t) c32);

    if (!is_nan32 (a32) && !is_nan32 (b32) && !is_nan32 (c32)) {
      int product = exponent_of (a32, 32) + exponent_of (b32, 32);

      check_rmm ("mul32", soft_mul32, fast_mul32, a32, b32, 0, (Quad){ x32 * y32 }, 32, &count);
      if (abs (exponent_of (a32, 32) - exponent_of (b32, 32)) < 85)
        check_rmm ("add32", soft_add32, fast_add32, a32, b32, 0, (Quad){ x32 + y32 }, 32, &count);
      if (abs (product - exponent_of (c32, 32)) < 60)
        check_rmm ("fma32", soft_fma32, fast_fma32, a32, b32, c32, (Quad){ x32 * y32 + z32 }, 32,
                   &count);
    }

    /* To integers: half is added to the magnitude, exactly. */
    if (!is_nan64 (a) && exponent_of (a, 64) < 62) {
      __float128 magnitude = x < 0 ? -x : x;
      int64_t whole = (int64_t) (magnitude + 0.5Q);
      uint8_t expected_flags = (__float128) whole != magnitude ? DIO_FP_NX : 0, flags = 0;
      uint64_t expected = (uint64_t) (x < 0 ? -whole : whole);

      check ("f64_to_i64", DIO_FP_RMM, a, 0, 0, expected, expected_flags,
             soft_f64_to_i64 (DIO_FP_RMM, &flags, a, 0, 0), &flags);
      flags = 0;
      check ("f64_to_i64", DIO_FP_RMM, a, 0, 0, expected, expected_flags,
             fast_f64_to_i64 (DIO_FP_RMM, &flags, a, 0, 0), &flags);
      volatile double back = (double) whole;
      flags = 0;
      check ("round64", DIO_FP_RMM, a, 0, 0, dio_fp_raw64 (back) | (a & DIO_FP64_SIGN),
             expected_flags,
             exponent_of (a, 64) < 53 ? soft_round64 (DIO_FP_RMM, &flags, a, 0, 0)
                                      : dio_fp_raw64 (back) | (a & DIO_FP64_SIGN),
             &flags);
    }
  }
  g_test_message ("%u cases", count);
  g_assert_cmpuint (count, >, CASES * 4);
}

#endif

/* The fast paths against the integer code, where no host instruction says what is right. */
static void
test_fast_is_soft (void)
{
  static const struct {
    const char *name;
    SoftFunc soft, fast;
    Operands operands;
  } ops[] = {
    { "f32_to_u32", soft_f32_to_u32, fast_f32_to_u32, OPERANDS_32 },
    { "f64_to_u32", soft_f64_to_u32, fast_f64_to_u32, OPERANDS_64 },
    { "f32_to_u64", soft_f32_to_u64, fast_f32_to_u64, OPERANDS_32 },
    { "f64_to_u64", soft_f64_to_u64, fast_f64_to_u64, OPERANDS_64 },
    { "u64_to_f32", soft_u64_to_f32, fast_u64_to_f32, OPERANDS_INT },
    { "u64_to_f64", soft_u64_to_f64, fast_u64_to_f64, OPERANDS_INT },
    { "div32", soft_div32, fast_div32, OPERANDS_32 },
    { "div64", soft_div64, fast_div64, OPERANDS_64 },
    { "sqrt32", soft_sqrt32, fast_sqrt32, OPERANDS_32 },
    { "sqrt64", soft_sqrt64, fast_sqrt64, OPERANDS_64 },
    { "fma64", soft_fma64, fast_fma64, OPERANDS_64 },
    { "min32", soft_min32, fast_min32, OPERANDS_32 },
    { "max32", soft_max32, fast_max32, OPERANDS_32 },
    { "min64", soft_min64, fast_min64, OPERANDS_64 },
    { "max64", soft_max64, fast_max64, OPERANDS_64 },
  };

  for (unsigned k = 0; k < G_N_ELEMENTS (ops); k++) {
    uint64_t state = test_seed ();

    for (unsigned i = 0; i < CASES / 2 && !g_test_failed (); i++) {
      uint64_t a = random_operand (&state, ops[k].operands, 0);
      uint64_t b = random_operand (&state, ops[k].operands, a);
      uint64_t c = random_operand (&state, ops[k].operands, b);

      for (unsigned round = DIO_FP_RNE; round <= DIO_FP_RMM; round++) {
        for (unsigned before = 0; before <= DIO_FP_NX; before++) {
          uint8_t expected_flags = (uint8_t) before, flags = (uint8_t) before;
          uint64_t expected = ops[k].soft (round, &expected_flags, a, b, c);
          uint64_t actual = ops[k].fast (round, &flags, a, b, c);

          check (ops[k].name, round, a, b, c, expected, expected_flags, actual, &flags);
        }
      }
    }
  }
}

/* Unsigned conversions by their definition on signed ones and on halves. */
static void
test_unsigned (void)
{
  static const struct {
    uint64_t a;
    DioFpRound round;
    uint64_t u64;
    uint8_t flags64;
    uint32_t u32;
    uint8_t flags32;
  } cases[] = {
    { 0x0000000000000000, DIO_FP_RNE, 0, 0, 0, 0 },
    { 0x8000000000000000, DIO_FP_RNE, 0, 0, 0, 0 },
    { 0xbfe0000000000000, DIO_FP_RNE, 0, DIO_FP_NX, 0, DIO_FP_NX },   /* -0.5 */
    { 0xbfe0000000000000, DIO_FP_RMM, 0, DIO_FP_NV, 0, DIO_FP_NV },   /* -0.5 to -1 */
    { 0xbfe0000000000000, DIO_FP_RDN, 0, DIO_FP_NV, 0, DIO_FP_NV },   /* -0.5 to -1 */
    { 0xbfefffffffffffff, DIO_FP_RTZ, 0, DIO_FP_NX, 0, DIO_FP_NX },   /* above -1 */
    { 0xbff0000000000000, DIO_FP_RTZ, 0, DIO_FP_NV, 0, DIO_FP_NV },   /* -1 */
    { 0x3fe0000000000000, DIO_FP_RMM, 1, DIO_FP_NX, 1, DIO_FP_NX },   /* 0.5 */
    { 0x0000000000000001, DIO_FP_RUP, 1, DIO_FP_NX, 1, DIO_FP_NX },   /* the least */
    { 0x41efffffffe00000, DIO_FP_RNE, UINT32_MAX, 0, UINT32_MAX, 0 }, /* 2^32 - 1 */
    { 0x41efffffffefffff, DIO_FP_RNE, UINT32_MAX, DIO_FP_NX, UINT32_MAX, DIO_FP_NX },
    { 0x41effffffff00000, DIO_FP_RNE, UINT64_C (1) << 32, DIO_FP_NX, UINT32_MAX, DIO_FP_NV },
    { 0x41effffffff00000, DIO_FP_RTZ, UINT32_MAX, DIO_FP_NX, UINT32_MAX, DIO_FP_NX },
    { 0x43efffffffffffff, DIO_FP_RNE, UINT64_C (0xfffffffffffff800), 0, UINT32_MAX, DIO_FP_NV },
    { 0x43f0000000000000, DIO_FP_RTZ, UINT64_MAX, DIO_FP_NV, UINT32_MAX, DIO_FP_NV }, /* 2^64 */
    { 0x43e0000000000000, DIO_FP_RTZ, UINT64_C (1) << 63, 0, UINT32_MAX, DIO_FP_NV }, /* 2^63 */
    { 0x7ff0000000000000, DIO_FP_RTZ, UINT64_MAX, DIO_FP_NV, UINT32_MAX, DIO_FP_NV },
    { 0xfff0000000000000, DIO_FP_RTZ, 0, DIO_FP_NV, 0, DIO_FP_NV },
    { 0xfff8000000000000, DIO_FP_RTZ, UINT64_MAX, DIO_FP_NV, UINT32_MAX, DIO_FP_NV },
    { 0x7ff0000000000001, DIO_FP_RTZ, UINT64_MAX, DIO_FP_NV, UINT32_MAX, DIO_FP_NV },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++) {
    uint8_t flags = 0;

    check ("f64_to_u64 soft", cases[i].round, cases[i].a, 0, 0, cases[i].u64, cases[i].flags64,
           dio_fp_soft_f64_to_u64 (cases[i].round, &flags, cases[i].a), &flags);
    flags = 0;
    check ("f64_to_u64", cases[i].round, cases[i].a, 0, 0, cases[i].u64, cases[i].flags64,
           dio_fp_f64_to_u64 (cases[i].round, &flags, cases[i].a), &flags);
    flags = 0;
    check ("f64_to_u32 soft", cases[i].round, cases[i].a, 0, 0, cases[i].u32, cases[i].flags32,
           dio_fp_soft_f64_to_u32 (cases[i].round, &flags, cases[i].a), &flags);
    flags = 0;
    check ("f64_to_u32", cases[i].round, cases[i].a, 0, 0, cases[i].u32, cases[i].flags32,
           dio_fp_f64_to_u32 (cases[i].round, &flags, cases[i].a), &flags);
  }
}

static void
test_modular (void)
{
  static const struct {
    double a;
    int32_t result;
    uint8_t flags;
  } cases[] = {
    { 0.0, 0, 0 },
    { -0.75, 0, DIO_FP_NX },
    { 1.5, 1, DIO_FP_NX },
    { -1.0, -1, 0 },
    { 2147483647.0, INT32_MAX, 0 },
    { 2147483648.0, INT32_MIN, DIO_FP_NV },
    { 4294967301.0, 5, DIO_FP_NV },
    { -4294967301.5, -5, DIO_FP_NV },
    { 0x1.0000000000001p83, INT32_MIN, DIO_FP_NV }, /* 2^83 + 2^31 */
    { 0x1.0000000000001p84, 0, DIO_FP_NV },
    { 0x1.a0ccdd340ce03p127, 0, DIO_FP_NV },
    { -0x1.8p1000, 0, DIO_FP_NV },
    { __builtin_inf (), 0, DIO_FP_NV },
    { __builtin_nan (""), 0, DIO_FP_NV },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++) {
    uint8_t flags = 0;
    int32_t result = dio_fp_soft_f64_to_i32_mod (&flags, dio_fp_raw64 (cases[i].a));

    check ("f64_to_i32_mod", 0, dio_fp_raw64 (cases[i].a), 0, 0, (uint32_t) cases[i].result,
           cases[i].flags, (uint32_t) result, &flags);
  }
}

static void
test_class (void)
{
  static const struct {
    uint64_t a;
    uint32_t a32;
    DioFpClass expected;
  } cases[] = {
    { 0xfff0000000000000, 0xff800000, DIO_FP_CLASS_NEG_INF },
    { 0xffefffffffffffff, 0xff7fffff, DIO_FP_CLASS_NEG_NORMAL },
    { 0x8010000000000000, 0x80800000, DIO_FP_CLASS_NEG_NORMAL },
    { 0x800fffffffffffff, 0x807fffff, DIO_FP_CLASS_NEG_SUBNORMAL },
    { 0x8000000000000001, 0x80000001, DIO_FP_CLASS_NEG_SUBNORMAL },
    { 0x8000000000000000, 0x80000000, DIO_FP_CLASS_NEG_ZERO },
    { 0x0000000000000000, 0x00000000, DIO_FP_CLASS_POS_ZERO },
    { 0x0000000000000001, 0x00000001, DIO_FP_CLASS_POS_SUBNORMAL },
    { 0x0010000000000000, 0x00800000, DIO_FP_CLASS_POS_NORMAL },
    { 0x7fefffffffffffff, 0x7f7fffff, DIO_FP_CLASS_POS_NORMAL },
    { 0x7ff0000000000000, 0x7f800000, DIO_FP_CLASS_POS_INF },
    { 0x7ff0000000000001, 0x7f800001, DIO_FP_CLASS_SNAN },
    { 0xfff7ffffffffffff, 0xffbfffff, DIO_FP_CLASS_SNAN },
    { 0x7ff8000000000000, 0x7fc00000, DIO_FP_CLASS_QNAN },
    { 0xffffffffffffffff, 0xffffffff, DIO_FP_CLASS_QNAN },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_assert_cmpint (dio_fp_soft_class64 (cases[i].a), ==, cases[i].expected);
    g_assert_cmpint (dio_fp_soft_class32 (cases[i].a32), ==, cases[i].expected);
  }
}

/* Entering guest code undoes what a library did to the thread's FPU, and leaving restores it. */
static void
test_host_state (void)
{
  fp_random (&(uint64_t){ 1 });
#if defined(__x86_64__)
  uint64_t before = dio_fp_host_enter ();
  dio_fp_host_leave (0xffc0); /* flush to zero, denormals are zero, round to zero */
  uint64_t spoilt = dio_fp_host_enter ();
  uint8_t flags = DIO_FP_NX;

  g_assert_cmphex (spoilt & 0xffc0, ==, 0xffc0);
  g_assert_cmphex (dio_fp_add64 (0, &flags, 1, 1), ==, 2);
  dio_fp_host_leave (before);
#endif
}

/* ---- arm's rules ---- */

#define ARM DIO_FP_RULES_ARM
#define SNAN32 UINT32_C (0xff812345)
#define QNAN32 UINT32_C (0x7fc54321)

static void
arm32 (const char *what, uint32_t expected, uint8_t expected_flags, uint32_t actual,
       const uint8_t *flags)
{
  if (actual != expected || *flags != expected_flags)
    g_error ("%s: expected %08x %02x, have %08x %02x", what, expected, expected_flags, actual,
             *flags);
}

#define EXPECT_ARM(expected, flag_bits, call)                                                      \
  do {                                                                                             \
    uint8_t flags = 0;                                                                             \
    uint32_t actual = call;                                                                        \
    arm32 (#call, (expected), (flag_bits), actual, &flags);                                        \
  } while (0)

static void
test_arm_nans (void)
{
  /* A signalling NaN goes first, made quiet; else the first operand; or the default NaN. */
  EXPECT_ARM (0xffc12345, DIO_FP_NV, dio_fp_add32 (ARM, &flags, QNAN32, SNAN32));
  EXPECT_ARM (QNAN32, 0, dio_fp_mul32 (ARM, &flags, QNAN32, 0xffc00001));
  EXPECT_ARM (DIO_FP32_NAN, DIO_FP_NV,
              dio_fp_add32 (ARM | DIO_FP_NAN_DEFAULT, &flags, QNAN32, SNAN32));
  /* Of a multiply-add the addend is the first; infinity times zero beats a quiet one. */
  EXPECT_ARM (0x7fc00009, 0, dio_fp_fma32 (ARM, &flags, QNAN32, 0x3f800000, 0x7fc00009));
  EXPECT_ARM (DIO_FP32_NAN, DIO_FP_NV, dio_fp_fma32 (ARM, &flags, DIO_FP32_INF, 0, QNAN32));
  /* maxnm: a quiet NaN loses against a number, a signalling one does not. */
  EXPECT_ARM (0x3f800000, 0, dio_fp_max32 (ARM, &flags, QNAN32, 0x3f800000));
  EXPECT_ARM (0xffc12345, DIO_FP_NV, dio_fp_max32 (ARM, &flags, SNAN32, 0x3f800000));
  EXPECT_ARM (QNAN32, 0, dio_fp_maxm32 (ARM, &flags, QNAN32, 0x3f800000));
  EXPECT_ARM (0, DIO_FP_NV, (uint32_t) dio_fp_f32_to_i32 (ARM, &flags, QNAN32));
}

static void
test_arm_tiny (void)
{
  const uint32_t least_normal = 0x00800000, half = 0x3f000000, below_one = 0x3f7ffffe;
  /* Tiny before rounding, though not after it. */
  EXPECT_ARM (least_normal, DIO_FP_NX | DIO_FP_UF,
              dio_fp_mul32 (ARM, &flags, least_normal + 1, below_one));
  EXPECT_ARM (least_normal, DIO_FP_NX,
              dio_fp_mul32 (DIO_FP_RNE, &flags, least_normal + 1, below_one));
  EXPECT_ARM (0, DIO_FP_UF, dio_fp_mul32 (ARM | DIO_FP_FLUSH, &flags, least_normal, half));
  EXPECT_ARM (0x80000000, DIO_FP_DENORMAL,
              dio_fp_mul32 (ARM | DIO_FP_FLUSH, &flags, 0x80000001, half));
  EXPECT_ARM (half, DIO_FP_DENORMAL, dio_fp_add32 (ARM | DIO_FP_FLUSH, &flags, half, 1));
  EXPECT_ARM (half, DIO_FP_NX, dio_fp_add32 (ARM, &flags, half, 1));
}

static void
test_arm_half (void)
{
  const DioFpMode alternative = ARM | DIO_FP_HALF_ALTERNATIVE;
  EXPECT_ARM (0x3f800000, 0, dio_fp_f16_to_f32 (ARM, &flags, 0x3c00));
  EXPECT_ARM (0x33800000, 0, dio_fp_f16_to_f32 (ARM, &flags, 0x0001));
  EXPECT_ARM (DIO_FP32_INF, 0, dio_fp_f16_to_f32 (ARM, &flags, 0x7c00));
  EXPECT_ARM (0x47800000, 0, dio_fp_f16_to_f32 (alternative, &flags, 0x7c00));
  EXPECT_ARM (0x7bff, 0, dio_fp_f32_to_f16 (ARM, &flags, 0x477fe000));
  EXPECT_ARM (0x7c00, DIO_FP_OF | DIO_FP_NX, dio_fp_f32_to_f16 (ARM, &flags, 0x477ff000));
  EXPECT_ARM (0x7c00, 0, dio_fp_f32_to_f16 (alternative, &flags, 0x47800000));
  EXPECT_ARM (0x7fff, DIO_FP_NV, dio_fp_f32_to_f16 (alternative, &flags, 0x48000000));
  EXPECT_ARM (0xffff, DIO_FP_NV, dio_fp_f32_to_f16 (alternative, &flags, 0xff800000));
  EXPECT_ARM (0x8000, DIO_FP_NV, dio_fp_f32_to_f16 (alternative, &flags, SNAN32));
  EXPECT_ARM (0x7e0a, 0, dio_fp_f32_to_f16 (ARM, &flags, QNAN32 & 0x7fc1ffff));
}

static void
test_arm_others (void)
{
  const DioFpMode fixed = ARM | 8u << DIO_FP_SCALE_SHIFT;
  EXPECT_ARM (0x180, 0, (uint32_t) dio_fp_f32_to_i32 (fixed | DIO_FP_RTZ, &flags, 0x3fc00000));
  EXPECT_ARM (0x3fc00000, 0, dio_fp_i64_to_f32 (fixed, &flags, 0x180));
  EXPECT_ARM (0x40000000, 0, dio_fp_mulx32 (ARM, &flags, DIO_FP32_INF, 0));
  EXPECT_ARM (0x3fc00000, 0, dio_fp_rsqrt_step32 (ARM, &flags, DIO_FP32_INF, 0));
  EXPECT_ARM (0x3eff8000, 0, dio_fp_recip32 (ARM, &flags, 0x40000000));
  EXPECT_ARM (0x7f800000, DIO_FP_DZ, dio_fp_recip32 (ARM, &flags, 0));
  EXPECT_ARM (0x3f7f8000, 0, dio_fp_rsqrt32 (ARM, &flags, 0x3f800000));
  EXPECT_ARM (0x60000000, 0, dio_fp_compare32 (&flags, 0, 0x80000000));
  EXPECT_ARM (0x30000000, 0, dio_fp_compare32 (&flags, QNAN32, 0));
  EXPECT_ARM (0x30000000, DIO_FP_NV, dio_fp_comparee32 (&flags, QNAN32, 0));
  EXPECT_ARM (0x3f800001, DIO_FP_NX,
              dio_fp_f64_to_f32_odd (ARM, &flags, UINT64_C (0x3ff0000000000001)));
  uint8_t flags = 0;
  g_assert_cmphex (dio_fp_f64_to_i32_js (ARM, &flags, UINT64_C (0x4059000000000000)), ==,
                   UINT64_C (0x100000064));
  g_assert_cmphex (dio_fp_f64_to_i32_js (ARM, &flags, DIO_FP64_SIGN), ==, 0);
  g_assert_cmphex (flags, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#if defined(__x86_64__)
  for (unsigned i = 0; i < G_N_ELEMENTS (host_cases); i++) {
    g_autofree char *path = g_strdup_printf ("/core/fp/host/%s", host_cases[i].name);

    g_test_add_data_func (path, &host_cases[i], test_host);
  }
  g_test_add_func ("/core/fp/compare", test_compare);
#endif
#if defined(__SIZEOF_FLOAT128__)
  g_test_add_func ("/core/fp/ties-away", test_ties_away);
#endif
  g_test_add_func ("/core/fp/fast-is-soft", test_fast_is_soft);
  g_test_add_func ("/core/fp/unsigned", test_unsigned);
  g_test_add_func ("/core/fp/modular", test_modular);
  g_test_add_func ("/core/fp/class", test_class);
  g_test_add_func ("/core/fp/host-state", test_host_state);
  g_test_add_func ("/core/fp/arm/nans", test_arm_nans);
  g_test_add_func ("/core/fp/arm/tiny", test_arm_tiny);
  g_test_add_func ("/core/fp/arm/half", test_arm_half);
  g_test_add_func ("/core/fp/arm/others", test_arm_others);
  return g_test_run ();
}
