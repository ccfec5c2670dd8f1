/* SPDX-License-Identifier: GPL-3.0-or-later
 * Vector operations that treat each lane alike: logic, arithmetic, comparisons, shifts. */
#include "core/jit/x86_64/x64-simd-private.h"

#define SIGN_BIT(size) (UINT64_C (1) << ((8 << (size)) - 1))
#define LANE_BITS(size) (8u << (size))

const uint32_t dio_x64_simd_add[4] = { P (BINARY, paddb), P (BINARY, paddw), P (BINARY, paddd),
                                       P (BINARY, paddq) };
const uint32_t dio_x64_simd_sub[4] = { P (BINARY, psubb), P (BINARY, psubw), P (BINARY, psubd),
                                       P (BINARY, psubq) };
const uint32_t dio_x64_simd_equal[4] = { P (BINARY, pcmpeqb), P (BINARY, pcmpeqw),
                                         P (BINARY, pcmpeqd), P (BINARY, pcmpeqq) };
const uint32_t dio_x64_simd_greater[4] = { P (BINARY, pcmpgtb), P (BINARY, pcmpgtw),
                                           P (BINARY, pcmpgtd), P (BINARY, pcmpgtq) };
const uint32_t dio_x64_simd_shl[4] = { 0, P (SHIFT, psllw), P (SHIFT, pslld), P (SHIFT, psllq) };
const uint32_t dio_x64_simd_shr[4] = { 0, P (SHIFT, psrlw), P (SHIFT, psrld), P (SHIFT, psrlq) };
const uint32_t dio_x64_simd_sar[4] = { 0, P (SHIFT, psraw), P (SHIFT, psrad), 0 };

uint32_t
dio_x64_simd_extreme (unsigned size, bool is_signed, bool larger)
{
  static const uint32_t all[2][2][4] = {
    { { P (BINARY, pminub), P (BINARY, pminuw), P (BINARY, pminud), 0 },
      { P (BINARY, pmaxub), P (BINARY, pmaxuw), P (BINARY, pmaxud), 0 } },
    { { P (BINARY, pminsb), P (BINARY, pminsw), P (BINARY, pminsd), 0 },
      { P (BINARY, pmaxsb), P (BINARY, pmaxsw), P (BINARY, pmaxsd), 0 } },
  };
  return all[is_signed][larger][size];
}

#define ONE(name, function, encoding)                                                              \
  static bool name (DioX64Gen *g, const DioIrOp *op, unsigned n)                                   \
  {                                                                                                \
    (void) n;                                                                                      \
    return function (g, op, encoding);                                                             \
  }

/* ---- Logic ---- */

ONE (lower_and, dio_x64_simd_one, P (BINARY, pand))
ONE (lower_or, dio_x64_simd_one, P (BINARY, por))
ONE (lower_xor, dio_x64_simd_one, P (BINARY, pxor))
ONE (lower_bic, dio_x64_simd_one_swapped, P (BINARY, pandn))

static bool
lower_orn (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  dio_x64_simd_ones (g, SIMD_0);
  dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_0, SIMD_0, b);
  dio_x64_simd_3 (g, P (BINARY, por), SIMD_0, SIMD_0, a);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

static bool
lower_not (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0);
  dio_x64_simd_ones (g, SIMD_0);
  dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_0, SIMD_0, a);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

/* ((b ^ c) & mask) ^ c */
static bool
lower_bsl (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  DioX64Xmm mask = dio_x64_simd_operand (g, op, 0);
  DioX64Xmm b = dio_x64_simd_operand (g, op, 1), c = dio_x64_simd_operand (g, op, 2);
  dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_0, b, c);
  dio_x64_simd_3 (g, P (BINARY, pand), SIMD_0, SIMD_0, mask);
  dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_0, SIMD_0, c);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

/* ---- Sums and products ---- */

ONE (lower_add, dio_x64_simd_one, dio_x64_simd_add[SIMD_SIZE (n)])
ONE (lower_sub, dio_x64_simd_one, dio_x64_simd_sub[SIMD_SIZE (n)])

static bool
lower_neg (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0);
  dio_x64_simd_zero (g, SIMD_0);
  dio_x64_simd_3 (g, dio_x64_simd_sub[SIMD_SIZE (n)], SIMD_0, SIMD_0, a);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

static bool
lower_abs (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  static const uint32_t encodings[4] = { P (UNARY, pabsb), P (UNARY, pabsw), P (UNARY, pabsd), 0 };
  uint32_t enc = encodings[SIMD_SIZE (n)];
  if (!(enc ? g->cpu.ssse3 : g->cpu.sse42))
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0);
  if (enc) {
    dio_x64_simd_2 (g, enc, SIMD_0, a);
  } else {
    dio_x64_simd_zero (g, SIMD_1);
    dio_x64_simd_3 (g, P (BINARY, pcmpgtq), SIMD_1, SIMD_1, a);
    dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_0, a, SIMD_1);
    dio_x64_simd_3 (g, P (BINARY, psubq), SIMD_0, SIMD_0, SIMD_1);
  }
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

/* Products of words, of the even bytes and of the odd ones. */
static void
multiply_bytes (DioX64Gen *g, DioX64Xmm a, DioX64Xmm b)
{
  DioX64Xmm t = dio_x64_take_xmm (g);
  dio_x64_simd_3 (g, P (BINARY, pmullw), SIMD_0, a, b);
  dio_x64_simd_shift (g, P (SHIFT, psrlw), SIMD_1, a, 8);
  dio_x64_simd_shift (g, P (SHIFT, psrlw), t, b, 8);
  dio_x64_simd_3 (g, P (BINARY, pmullw), SIMD_1, SIMD_1, t);
  dio_x64_simd_shift (g, P (SHIFT, psllw), SIMD_1, SIMD_1, 8);
  dio_x64_simd_3m (g, P (BINARY, pand), SIMD_0, SIMD_0, dio_x64_simd_lanes (g, 1, 0xff));
  dio_x64_simd_3 (g, P (BINARY, por), SIMD_0, SIMD_0, SIMD_1);
}

/* Low halves, and both cross products one place up. */
static void
multiply_quads (DioX64Gen *g, DioX64Xmm a, DioX64Xmm b)
{
  DioX64Xmm t = dio_x64_take_xmm (g);
  dio_x64_simd_shift (g, P (SHIFT, psrlq), SIMD_0, a, 32);
  dio_x64_simd_3 (g, P (BINARY, pmuludq), SIMD_0, SIMD_0, b);
  dio_x64_simd_shift (g, P (SHIFT, psrlq), SIMD_1, b, 32);
  dio_x64_simd_3 (g, P (BINARY, pmuludq), SIMD_1, SIMD_1, a);
  dio_x64_simd_3 (g, P (BINARY, paddq), SIMD_0, SIMD_0, SIMD_1);
  dio_x64_simd_shift (g, P (SHIFT, psllq), SIMD_0, SIMD_0, 32);
  dio_x64_simd_3 (g, P (BINARY, pmuludq), t, a, b);
  dio_x64_simd_3 (g, P (BINARY, paddq), SIMD_0, SIMD_0, t);
}

/* Is @value lanes of 32 bits, extended? */
static bool
is_extended (const DioX64Gen *g, uint32_t value, DioIrVec how)
{
  const DioIrOp *op = &g->ops[value];
  return op->opcode == DIO_IR_VEC1 && op->immediate == DIO_IR_VEC_IMMEDIATE (how, 2);
}

static bool
lower_mul (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  unsigned size = SIMD_SIZE (n);
  if (size == 1 || (size == 2 && g->cpu.sse41))
    return dio_x64_simd_one (g, op, size == 1 ? P (BINARY, pmullw) : P (BINARY, pmulld));
  if (size == 2)
    return false;
  uint32_t x = op->arguments[0], y = op->arguments[1];
  if (size == 3 && is_extended (g, x, DIO_IR_VEC_uxtl) && is_extended (g, y, DIO_IR_VEC_uxtl))
    return dio_x64_simd_one (g, op, P (BINARY, pmuludq));
  if (size == 3 && is_extended (g, x, DIO_IR_VEC_sxtl) && is_extended (g, y, DIO_IR_VEC_sxtl)
      && g->cpu.sse41)
    return dio_x64_simd_one (g, op, P (BINARY, pmuldq));
  (size ? multiply_quads : multiply_bytes) (g, dio_x64_xmm_of (g, x), dio_x64_xmm_of (g, y));
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

/* ---- Means ---- */

/* Halved sums: (a & b) + ((a ^ b) >> 1), and up (a | b) - ((a ^ b) >> 1), of unsigned lanes. Signed
 * ones are so with their sign bits flipped, and back. */
static bool
halve (DioX64Gen *g, const DioIrOp *op, unsigned n, bool is_signed, bool up)
{
  unsigned size = SIMD_SIZE (n);
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  DioX64Xmm t = dio_x64_take_xmm (g);
  dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_0, a, b);
  if (size == 0) {
    dio_x64_simd_shift (g, P (SHIFT, psrlw), SIMD_0, SIMD_0, 1);
    dio_x64_simd_3m (g, P (BINARY, pand), SIMD_0, SIMD_0, dio_x64_simd_lanes (g, 0, 0x7f));
  } else {
    dio_x64_simd_shift (g, dio_x64_simd_shr[size], SIMD_0, SIMD_0, 1);
  }
  dio_x64_simd_move (g, SIMD_1, a);
  dio_x64_simd_move (g, t, b);
  if (is_signed) {
    DioX64Mem sign = dio_x64_simd_lanes (g, size, SIGN_BIT (size));
    dio_x64_simd_3m (g, P (BINARY, pxor), SIMD_1, SIMD_1, sign);
    dio_x64_simd_3m (g, P (BINARY, pxor), t, t, sign);
  }
  dio_x64_simd_3 (g, up ? P (BINARY, por) : P (BINARY, pand), t, t, SIMD_1);
  dio_x64_simd_3 (g, up ? dio_x64_simd_sub[size] : dio_x64_simd_add[size], t, t, SIMD_0);
  if (is_signed)
    dio_x64_simd_3m (g, P (BINARY, pxor), t, t, dio_x64_simd_lanes (g, size, SIGN_BIT (size)));
  dio_x64_simd_finish (g, t);
  return true;
}

static bool
lower_shadd (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return halve (g, op, n, true, false);
}

static bool
lower_uhadd (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return halve (g, op, n, false, false);
}

static bool
lower_srhadd (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return halve (g, op, n, true, true);
}

static bool
lower_urhadd (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  if (SIMD_SIZE (n) < 2)
    return dio_x64_simd_one (g, op, SIMD_SIZE (n) ? P (BINARY, pavgw) : P (BINARY, pavgb));
  return halve (g, op, n, false, true);
}

/* ---- Smaller and larger ---- */

ONE (lower_smax, dio_x64_simd_one, dio_x64_simd_extreme (SIMD_SIZE (n), true, true))
ONE (lower_smin, dio_x64_simd_one, dio_x64_simd_extreme (SIMD_SIZE (n), true, false))
ONE (lower_umax, dio_x64_simd_one, dio_x64_simd_extreme (SIMD_SIZE (n), false, true))
ONE (lower_umin, dio_x64_simd_one, dio_x64_simd_extreme (SIMD_SIZE (n), false, false))

static bool
difference (DioX64Gen *g, const DioIrOp *op, unsigned n, bool is_signed)
{
  uint32_t larger = dio_x64_simd_extreme (SIMD_SIZE (n), is_signed, true);
  uint32_t smaller = dio_x64_simd_extreme (SIMD_SIZE (n), is_signed, false);
  if (!dio_x64_simd_has (g, larger))
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  dio_x64_simd_3 (g, larger, SIMD_0, a, b);
  dio_x64_simd_3 (g, smaller, SIMD_1, a, b);
  dio_x64_simd_3 (g, dio_x64_simd_sub[SIMD_SIZE (n)], SIMD_0, SIMD_0, SIMD_1);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

static bool
lower_sabd (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return difference (g, op, n, true);
}

static bool
lower_uabd (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return difference (g, op, n, false);
}

/* ---- Comparisons ---- */

ONE (lower_cmeq, dio_x64_simd_one, dio_x64_simd_equal[SIMD_SIZE (n)])
ONE (lower_cmgt, dio_x64_simd_one, dio_x64_simd_greater[SIMD_SIZE (n)])

static void
finish_inverted (DioX64Gen *g, bool invert)
{
  if (invert) {
    dio_x64_simd_ones (g, SIMD_1);
    dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_0, SIMD_0, SIMD_1);
  }
  dio_x64_simd_finish (g, SIMD_0);
}

/* a >= b: not b > a. */
static bool
lower_cmge (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  uint32_t enc = dio_x64_simd_greater[SIMD_SIZE (n)];
  if (!dio_x64_simd_has (g, enc))
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  dio_x64_simd_3 (g, enc, SIMD_0, b, a);
  finish_inverted (g, true);
  return true;
}

/* a >= b in xmm0, unsigned: a is the larger; or of 64 bits not b > a with the signs flipped. True
 * if it is inverted. */
static bool
unsigned_not_below (DioX64Gen *g, unsigned size, DioX64Xmm a, DioX64Xmm b)
{
  uint32_t larger = dio_x64_simd_extreme (size, false, true);
  if (larger) {
    dio_x64_simd_3 (g, larger, SIMD_0, a, b);
    dio_x64_simd_3 (g, dio_x64_simd_equal[size], SIMD_0, SIMD_0, a);
    return false;
  }
  DioX64Mem sign = dio_x64_simd_lanes (g, 3, SIGN_BIT (3));
  dio_x64_simd_3m (g, P (BINARY, pxor), SIMD_0, b, sign);
  dio_x64_simd_3m (g, P (BINARY, pxor), SIMD_1, a, sign);
  dio_x64_simd_3 (g, P (BINARY, pcmpgtq), SIMD_0, SIMD_0, SIMD_1);
  return true;
}

static bool
compare_unsigned (DioX64Gen *g, const DioIrOp *op, unsigned n, bool strict)
{
  unsigned size = SIMD_SIZE (n);
  if (size == 3 ? !g->cpu.sse42 : !dio_x64_simd_has (g, dio_x64_simd_extreme (size, false, true)))
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  bool inverted = unsigned_not_below (g, size, strict ? b : a, strict ? a : b);
  finish_inverted (g, inverted != strict);
  return true;
}

static bool
lower_cmhs (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return compare_unsigned (g, op, n, false);
}

static bool
lower_cmhi (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return compare_unsigned (g, op, n, true);
}

static bool
lower_cmtst (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  uint32_t enc = dio_x64_simd_equal[SIMD_SIZE (n)];
  if (!dio_x64_simd_has (g, enc))
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  dio_x64_simd_3 (g, P (BINARY, pand), SIMD_0, a, b);
  dio_x64_simd_zero (g, SIMD_1);
  dio_x64_simd_3 (g, enc, SIMD_0, SIMD_0, SIMD_1);
  finish_inverted (g, true);
  return true;
}

/* ---- Shifts by a number ---- */

/* Bytes are shifted as words, without what comes in from the neighbour. */
static void
shift_logical (DioX64Gen *g, unsigned size, bool left, unsigned amount, DioX64Xmm dst, DioX64Xmm a)
{
  const uint32_t *encodings = left ? dio_x64_simd_shl : dio_x64_simd_shr;
  dio_x64_simd_shift (g, encodings[MAX (size, 1)], dst, a, amount);
  if (size > 0)
    return;
  uint64_t mask = left ? 0xffu << amount : 0xffu >> amount;
  dio_x64_simd_3m (g, P (BINARY, pand), dst, dst, dio_x64_simd_lanes (g, 0, mask));
}

/* Where there is none: (x >> n ^ m) - m, with m the sign bit where it has gone. */
static void
shift_signed (DioX64Gen *g, unsigned size, unsigned amount, DioX64Xmm dst, DioX64Xmm a)
{
  amount = MIN (amount, LANE_BITS (size) - 1);
  if (dio_x64_simd_sar[size]) {
    dio_x64_simd_shift (g, dio_x64_simd_sar[size], dst, a, amount);
    return;
  }
  shift_logical (g, size, false, amount, dst, a);
  DioX64Mem sign = dio_x64_simd_lanes (g, size, SIGN_BIT (size) >> amount);
  dio_x64_simd_3m (g, P (BINARY, pxor), dst, dst, sign);
  dio_x64_simd_3m (g, dio_x64_simd_sub[size], dst, dst, sign);
}

/* Rounding adds the highest of the bits that are shifted out. */
void
dio_x64_simd_shift_lanes (DioX64Gen *g, unsigned size, bool is_signed, bool round, unsigned amount,
                          DioX64Xmm dst, DioX64Xmm a)
{
  round &= amount > 0;
  if (round) {
    shift_logical (g, size, false, amount - 1, SIMD_1, a);
    dio_x64_simd_3m (g, P (BINARY, pand), SIMD_1, SIMD_1, dio_x64_simd_lanes (g, size, 1));
  }
  if (is_signed)
    shift_signed (g, size, amount, dst, a);
  else
    shift_logical (g, size, false, amount, dst, a);
  if (round)
    dio_x64_simd_3 (g, dio_x64_simd_add[size], dst, dst, SIMD_1);
}

static bool
shift_right (DioX64Gen *g, const DioIrOp *op, unsigned n, bool is_signed, bool round)
{
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0);
  dio_x64_simd_shift_lanes (g, SIMD_SIZE (n), is_signed, round, SIMD_AMOUNT (n), SIMD_0, a);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

static bool
lower_sshr (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return shift_right (g, op, n, true, false);
}

static bool
lower_ushr (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return shift_right (g, op, n, false, false);
}

static bool
lower_srshr (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return shift_right (g, op, n, true, true);
}

static bool
lower_urshr (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return shift_right (g, op, n, false, true);
}

static bool
lower_shl (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0);
  shift_logical (g, SIMD_SIZE (n), true, SIMD_AMOUNT (n), SIMD_0, a);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

/* The bits of a that b, shifted, does not reach stay. */
static bool
shift_into (DioX64Gen *g, const DioIrOp *op, unsigned n, bool left)
{
  unsigned size = SIMD_SIZE (n), amount = SIMD_AMOUNT (n), bits = LANE_BITS (size);
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  uint64_t ones = UINT64_MAX >> (64 - bits);
  uint64_t kept = left             ? (UINT64_C (1) << amount) - 1
                  : amount == bits ? ones
                                   : ones & ~(ones >> amount);
  shift_logical (g, size, left, amount, SIMD_0, b);
  dio_x64_simd_3m (g, P (BINARY, pand), SIMD_1, a, dio_x64_simd_lanes (g, size, kept));
  dio_x64_simd_3 (g, P (BINARY, por), SIMD_0, SIMD_0, SIMD_1);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

static bool
lower_sli (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return shift_into (g, op, n, true);
}

static bool
lower_sri (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return shift_into (g, op, n, false);
}

DioX64SimdLower *const dio_x64_simd_by_lane[DIO_IR_N_VEC] = {
  [DIO_IR_VEC_and] = lower_and,       [DIO_IR_VEC_or] = lower_or,
  [DIO_IR_VEC_xor] = lower_xor,       [DIO_IR_VEC_bic] = lower_bic,
  [DIO_IR_VEC_orn] = lower_orn,       [DIO_IR_VEC_not] = lower_not,
  [DIO_IR_VEC_bsl] = lower_bsl,       [DIO_IR_VEC_add] = lower_add,
  [DIO_IR_VEC_sub] = lower_sub,       [DIO_IR_VEC_neg] = lower_neg,
  [DIO_IR_VEC_abs] = lower_abs,       [DIO_IR_VEC_mul] = lower_mul,
  [DIO_IR_VEC_shadd] = lower_shadd,   [DIO_IR_VEC_uhadd] = lower_uhadd,
  [DIO_IR_VEC_srhadd] = lower_srhadd, [DIO_IR_VEC_urhadd] = lower_urhadd,
  [DIO_IR_VEC_smax] = lower_smax,     [DIO_IR_VEC_smin] = lower_smin,
  [DIO_IR_VEC_umax] = lower_umax,     [DIO_IR_VEC_umin] = lower_umin,
  [DIO_IR_VEC_sabd] = lower_sabd,     [DIO_IR_VEC_uabd] = lower_uabd,
  [DIO_IR_VEC_cmeq] = lower_cmeq,     [DIO_IR_VEC_cmgt] = lower_cmgt,
  [DIO_IR_VEC_cmge] = lower_cmge,     [DIO_IR_VEC_cmhs] = lower_cmhs,
  [DIO_IR_VEC_cmhi] = lower_cmhi,     [DIO_IR_VEC_cmtst] = lower_cmtst,
  [DIO_IR_VEC_sshr] = lower_sshr,     [DIO_IR_VEC_ushr] = lower_ushr,
  [DIO_IR_VEC_srshr] = lower_srshr,   [DIO_IR_VEC_urshr] = lower_urshr,
  [DIO_IR_VEC_shl] = lower_shl,       [DIO_IR_VEC_sli] = lower_sli,
  [DIO_IR_VEC_sri] = lower_sri,
};
