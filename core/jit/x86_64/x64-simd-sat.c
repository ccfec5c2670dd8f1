/* SPDX-License-Identifier: GPL-3.0-or-later
 * Saturating vector operations: what the host saturates alike, and whether it did. */
#include "core/jit/x86_64/x64-simd-private.h"

/* The byte that says so is set where xmm1 is not all ones: saturation has changed some lane. */
static void
note_saturation (DioX64Gen *g)
{
  DioX64Asm *a = &g->a;
  dio_x64_pmovmskb (a, DIO_X64_RCX, SIMD_1);
  dio_x64_alu_ri (a, DIO_X64_CMP, 4, DIO_X64_RCX, 0xffff);
  dio_x64_setcc (a, DIO_X64_CC_NE, DIO_X64_RCX);
  dio_x64_alu_mr (a, DIO_X64_OR, 1, dio_x64_state (g, g->guest->saturated), DIO_X64_RCX);
}

/* ---- Sums: compared with those that wrap around ---- */

static bool
sum (DioX64Gen *g, const DioIrOp *op, unsigned n, uint32_t saturating, uint32_t wrapping)
{
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  dio_x64_simd_3 (g, saturating, SIMD_0, a, b);
  dio_x64_simd_3 (g, wrapping, SIMD_1, a, b);
  dio_x64_simd_3 (g, P (BINARY, pcmpeqb), SIMD_1, SIMD_1, SIMD_0);
  note_saturation (g);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

/* Of 32 bits: min (a, ~b) + b, max (a, b) - b. */
static bool
unsigned_words (DioX64Gen *g, const DioIrOp *op, bool minus)
{
  uint32_t add = minus ? P (BINARY, psubd) : P (BINARY, paddd);
  if (!g->cpu.sse41)
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  if (minus) {
    dio_x64_simd_3 (g, P (BINARY, pmaxud), SIMD_0, a, b);
  } else {
    dio_x64_simd_ones (g, SIMD_0);
    dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_0, SIMD_0, b);
    dio_x64_simd_3 (g, P (BINARY, pminud), SIMD_0, SIMD_0, a);
  }
  dio_x64_simd_3 (g, add, SIMD_0, SIMD_0, b);
  dio_x64_simd_3 (g, add, SIMD_1, a, b);
  dio_x64_simd_3 (g, P (BINARY, pcmpeqd), SIMD_1, SIMD_1, SIMD_0);
  note_saturation (g);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

/* Of 32 bits: where the sign is not that of both operands, or of a difference not that of the first
 * while the second had the other, it is the first operand's that counts. */
static bool
signed_words (DioX64Gen *g, const DioIrOp *op, bool minus)
{
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  DioX64Xmm t = dio_x64_take_xmm (g);
  dio_x64_simd_3 (g, minus ? P (BINARY, psubd) : P (BINARY, paddd), SIMD_0, a, b);
  dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_1, SIMD_0, a);
  dio_x64_simd_3 (g, P (BINARY, pxor), t, minus ? a : SIMD_0, b);
  dio_x64_simd_3 (g, P (BINARY, pand), SIMD_1, SIMD_1, t);
  dio_x64_simd_shift (g, P (SHIFT, psrad), SIMD_1, SIMD_1, 31);
  dio_x64_simd_shift (g, P (SHIFT, psrad), t, a, 31);
  dio_x64_simd_3m (g, P (BINARY, pxor), t, t, dio_x64_simd_lanes (g, 2, 0x7fffffff));
  dio_x64_simd_3 (g, P (BINARY, pxor), t, t, SIMD_0);
  dio_x64_simd_3 (g, P (BINARY, pand), t, t, SIMD_1);
  dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_0, SIMD_0, t);
  dio_x64_simd_ones (g, t);
  dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_1, SIMD_1, t);
  note_saturation (g);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

#define SUM(name, bytes, words, wrapping, of_32, minus)                                            \
  static bool name (DioX64Gen *g, const DioIrOp *op, unsigned n)                                   \
  {                                                                                                \
    if (SIMD_SIZE (n) > 1)                                                                         \
      return SIMD_SIZE (n) == 2 && of_32 (g, op, minus);                                           \
    return sum (g, op, n, SIMD_SIZE (n) ? P (BINARY, words) : P (BINARY, bytes),                   \
                wrapping[SIMD_SIZE (n)]);                                                          \
  }
SUM (lower_sqadd, paddsb, paddsw, dio_x64_simd_add, signed_words, false)
SUM (lower_uqadd, paddusb, paddusw, dio_x64_simd_add, unsigned_words, false)
SUM (lower_sqsub, psubsb, psubsw, dio_x64_simd_sub, signed_words, true)
SUM (lower_uqsub, psubusb, psubusw, dio_x64_simd_sub, unsigned_words, true)

/* ---- Narrowing ---- */

/* Packs xmm0, lanes of twice @size, into both halves of @dst. */
typedef struct {
  bool is_signed, to_signed;
} Narrowing;

static void
pack (DioX64Gen *g, unsigned size, Narrowing how, DioX64Xmm dst)
{
  uint32_t enc = how.to_signed ? (size ? P (BINARY, packssdw) : P (BINARY, packsswb))
                               : (size ? P (BINARY, packusdw) : P (BINARY, packuswb));
  dio_x64_simd_3 (g, enc, dst, SIMD_0, SIMD_0);
}

/* What is packed takes its operands for signed: unsigned ones are cut to the largest result before.
 * Widened again, the result is what there was, unless something was cut. */
static bool
narrow (DioX64Gen *g, const DioIrOp *op, unsigned n, Narrowing how)
{
  unsigned size = SIMD_SIZE (n);
  if (size > 1 || !g->cpu.sse41)
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0);
  DioX64Xmm packed = dio_x64_take_xmm (g);
  if (SIMD_AMOUNT (n))
    dio_x64_simd_shift_lanes (g, size + 1, how.is_signed, n >> 8 & 0x80, SIMD_AMOUNT (n), SIMD_0,
                              a);
  else
    dio_x64_simd_move (g, SIMD_0, a);
  if (how.is_signed) {
    uint32_t widen = how.to_signed ? (size ? P (UNARY_128, pmovsxwd) : P (UNARY_128, pmovsxbw))
                                   : (size ? P (UNARY_128, pmovzxwd) : P (UNARY_128, pmovzxbw));
    pack (g, size, how, packed);
    dio_x64_simd_2 (g, widen, SIMD_1, packed);
    dio_x64_simd_3 (g, P (BINARY, pcmpeqb), SIMD_1, SIMD_1, SIMD_0);
  } else {
    dio_x64_simd_3m (g, size ? P (BINARY, pminud) : P (BINARY, pminuw), packed, SIMD_0,
                     dio_x64_simd_lanes (g, size + 1, size ? 0xffff : 0xff));
    dio_x64_simd_3 (g, P (BINARY, pcmpeqb), SIMD_1, SIMD_0, packed);
    dio_x64_simd_move (g, SIMD_0, packed);
    pack (g, size, how, packed);
  }
  note_saturation (g);
  dio_x64_simd_low (g, packed, packed);
  dio_x64_simd_finish (g, packed);
  return true;
}

static bool
lower_sqshrn (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return narrow (g, op, n, (Narrowing){ true, true });
}

static bool
lower_uqshrn (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return narrow (g, op, n, (Narrowing){ false, false });
}

static bool
lower_sqshrun (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return narrow (g, op, n, (Narrowing){ true, false });
}

/* ---- Doubled products, or their upper halves: only the square of the lowest number overflows, and
 * only its result is the lowest number ---- */

static void
finish_product (DioX64Gen *g, unsigned size)
{
  dio_x64_simd_3m (g, dio_x64_simd_equal[size], SIMD_1, SIMD_0,
                   dio_x64_simd_lanes (g, size, UINT64_C (1) << ((8 << size) - 1)));
  dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_0, SIMD_0, SIMD_1);
  DioX64Xmm ones = dio_x64_take_xmm (g);
  dio_x64_simd_ones (g, ones);
  dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_1, SIMD_1, ones);
  note_saturation (g);
  dio_x64_simd_finish (g, SIMD_0);
}

/* Products of even and odd lanes of 32 bits, doubled by the places they are taken from. */
static bool
upper_words (DioX64Gen *g, const DioIrOp *op, bool round)
{
  if (!g->cpu.sse41)
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  DioX64Xmm t = dio_x64_take_xmm (g);
  dio_x64_simd_shift (g, P (SHIFT, psrlq), SIMD_0, a, 32);
  dio_x64_simd_shift (g, P (SHIFT, psrlq), SIMD_1, b, 32);
  dio_x64_simd_3 (g, P (BINARY, pmuldq), SIMD_0, SIMD_0, SIMD_1);
  dio_x64_simd_3 (g, P (BINARY, pmuldq), t, a, b);
  if (round) {
    DioX64Mem half = dio_x64_simd_lanes (g, 3, UINT64_C (1) << 30);
    dio_x64_simd_3m (g, P (BINARY, paddq), SIMD_0, SIMD_0, half);
    dio_x64_simd_3m (g, P (BINARY, paddq), t, t, half);
  }
  dio_x64_simd_shift (g, P (SHIFT, psllq), SIMD_0, SIMD_0, 1);
  dio_x64_simd_shift (g, P (SHIFT, psrlq), t, t, 31);
  dio_x64_simd_3i (g, P (BINARY_IMM, pblendw), SIMD_0, SIMD_0, t, 0x33);
  finish_product (g, 2);
  return true;
}

static bool
lower_sqdmull (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  unsigned size = SIMD_SIZE (n);
  if (size == 0 || size > 2 || (size == 2 && !g->cpu.sse41))
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  if (size == 1) {
    dio_x64_simd_3 (g, P (BINARY, pmullw), SIMD_0, a, b);
    dio_x64_simd_3 (g, P (BINARY, pmulhw), SIMD_1, a, b);
    dio_x64_simd_3 (g, P (BINARY, punpcklwd), SIMD_0, SIMD_0, SIMD_1);
    dio_x64_simd_3 (g, P (BINARY, paddd), SIMD_0, SIMD_0, SIMD_0);
  } else {
    dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), SIMD_0, a, 0x50);
    dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), SIMD_1, b, 0x50);
    dio_x64_simd_3 (g, P (BINARY, pmuldq), SIMD_0, SIMD_0, SIMD_1);
    dio_x64_simd_3 (g, P (BINARY, paddq), SIMD_0, SIMD_0, SIMD_0);
  }
  finish_product (g, size + 1);
  return true;
}

static bool
lower_sqdmulh (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  if (SIMD_SIZE (n) == 2)
    return upper_words (g, op, false);
  if (SIMD_SIZE (n) != 1)
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  dio_x64_simd_3 (g, P (BINARY, pmulhw), SIMD_0, a, b);
  dio_x64_simd_3 (g, P (BINARY, pmullw), SIMD_1, a, b);
  dio_x64_simd_shift (g, P (SHIFT, psllw), SIMD_0, SIMD_0, 1);
  dio_x64_simd_shift (g, P (SHIFT, psrlw), SIMD_1, SIMD_1, 15);
  dio_x64_simd_3 (g, P (BINARY, por), SIMD_0, SIMD_0, SIMD_1);
  finish_product (g, 1);
  return true;
}

static bool
lower_sqrdmulh (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  if (SIMD_SIZE (n) == 2)
    return upper_words (g, op, true);
  if (SIMD_SIZE (n) != 1 || !g->cpu.ssse3)
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  dio_x64_simd_3 (g, P (BINARY, pmulhrsw), SIMD_0, a, b);
  finish_product (g, 1);
  return true;
}

DioX64SimdLower *const dio_x64_simd_by_sat[DIO_IR_N_VEC] = {
  [DIO_IR_VEC_sqadd] = lower_sqadd,       [DIO_IR_VEC_uqadd] = lower_uqadd,
  [DIO_IR_VEC_sqsub] = lower_sqsub,       [DIO_IR_VEC_uqsub] = lower_uqsub,
  [DIO_IR_VEC_sqshrn] = lower_sqshrn,     [DIO_IR_VEC_uqshrn] = lower_uqshrn,
  [DIO_IR_VEC_sqshrun] = lower_sqshrun,   [DIO_IR_VEC_sqdmulh] = lower_sqdmulh,
  [DIO_IR_VEC_sqrdmulh] = lower_sqrdmulh, [DIO_IR_VEC_sqdmull] = lower_sqdmull,
};
