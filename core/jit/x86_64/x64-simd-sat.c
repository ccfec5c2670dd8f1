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
  if (SIMD_SIZE (n) > 1)
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  dio_x64_simd_3 (g, saturating, SIMD_0, a, b);
  dio_x64_simd_3 (g, wrapping, SIMD_1, a, b);
  dio_x64_simd_3 (g, P (BINARY, pcmpeqb), SIMD_1, SIMD_1, SIMD_0);
  note_saturation (g);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

#define SUM(name, bytes, words, wrapping)                                                          \
  static bool name (DioX64Gen *g, const DioIrOp *op, unsigned n)                                   \
  {                                                                                                \
    return sum (g, op, n, SIMD_SIZE (n) ? P (BINARY, words) : P (BINARY, bytes),                   \
                wrapping[SIMD_SIZE (n)]);                                                          \
  }
SUM (lower_sqadd, paddsb, paddsw, dio_x64_simd_add)
SUM (lower_uqadd, paddusb, paddusw, dio_x64_simd_add)
SUM (lower_sqsub, psubsb, psubsw, dio_x64_simd_sub)
SUM (lower_uqsub, psubusb, psubusw, dio_x64_simd_sub)

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

/* ---- Upper halves of doubled products, of 16 bits: only the square of the lowest number
 * overflows, and only its result is the lowest number ---- */

static void
finish_product (DioX64Gen *g)
{
  dio_x64_simd_3m (g, P (BINARY, pcmpeqw), SIMD_1, SIMD_0, dio_x64_simd_lanes (g, 1, 0x8000));
  dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_0, SIMD_0, SIMD_1);
  DioX64Xmm ones = dio_x64_take_xmm (g);
  dio_x64_simd_ones (g, ones);
  dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_1, SIMD_1, ones);
  note_saturation (g);
  dio_x64_simd_finish (g, SIMD_0);
}

static bool
lower_sqdmulh (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  if (SIMD_SIZE (n) != 1)
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  dio_x64_simd_3 (g, P (BINARY, pmulhw), SIMD_0, a, b);
  dio_x64_simd_3 (g, P (BINARY, pmullw), SIMD_1, a, b);
  dio_x64_simd_shift (g, P (SHIFT, psllw), SIMD_0, SIMD_0, 1);
  dio_x64_simd_shift (g, P (SHIFT, psrlw), SIMD_1, SIMD_1, 15);
  dio_x64_simd_3 (g, P (BINARY, por), SIMD_0, SIMD_0, SIMD_1);
  finish_product (g);
  return true;
}

static bool
lower_sqrdmulh (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  if (SIMD_SIZE (n) != 1 || !g->cpu.ssse3)
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  dio_x64_simd_3 (g, P (BINARY, pmulhrsw), SIMD_0, a, b);
  finish_product (g);
  return true;
}

DioX64SimdLower *const dio_x64_simd_by_sat[DIO_IR_N_VEC] = {
  [DIO_IR_VEC_sqadd] = lower_sqadd,       [DIO_IR_VEC_uqadd] = lower_uqadd,
  [DIO_IR_VEC_sqsub] = lower_sqsub,       [DIO_IR_VEC_uqsub] = lower_uqsub,
  [DIO_IR_VEC_sqshrn] = lower_sqshrn,     [DIO_IR_VEC_uqshrn] = lower_uqshrn,
  [DIO_IR_VEC_sqshrun] = lower_sqshrun,   [DIO_IR_VEC_sqdmulh] = lower_sqdmulh,
  [DIO_IR_VEC_sqrdmulh] = lower_sqrdmulh,
};
