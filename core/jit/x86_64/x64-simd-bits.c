/* SPDX-License-Identifier: GPL-3.0-or-later
 * Vector operations on the bits of each lane: shifts by other lanes, counts, reversal. */
#include "core/jit/x86_64/x64-simd-private.h"

/* ---- Shifts by lanes: both ways at once, by counts of a byte, of which the one that is not meant
 * is large; the sign of the count chooses ---- */

typedef struct {
  bool is_signed, round;
} Kind;

/* Lanes of 32 bits of @a by the low bytes of those of @b into @dst, which is neither, nor xmm0
 * or 1. Rounding adds the highest of the bits that are shifted out. */
static void
shift_words (DioX64Gen *g, Kind kind, DioX64Xmm dst, DioX64Xmm a, DioX64Xmm b)
{
  uint32_t right = kind.is_signed ? P (BINARY_VEX, psravd) : P (BINARY_VEX, psrlvd);
  DioX64Mem byte = dio_x64_simd_lanes (g, 2, 0xff);
  dio_x64_simd_zero (g, SIMD_0);
  dio_x64_simd_3 (g, P (BINARY, psubd), SIMD_0, SIMD_0, b);
  dio_x64_simd_3m (g, P (BINARY, pand), SIMD_0, SIMD_0, byte);
  dio_x64_simd_3 (g, right, dst, a, SIMD_0);
  if (kind.round) {
    dio_x64_simd_ones (g, SIMD_1);
    dio_x64_simd_3 (g, P (BINARY, paddd), SIMD_0, SIMD_0, SIMD_1);
    dio_x64_simd_3 (g, right, SIMD_0, a, SIMD_0);
    dio_x64_simd_3m (g, P (BINARY, pand), SIMD_0, SIMD_0, dio_x64_simd_lanes (g, 2, 1));
    dio_x64_simd_3 (g, P (BINARY, paddd), dst, dst, SIMD_0);
  }
  dio_x64_simd_3m (g, P (BINARY, pand), SIMD_1, b, byte);
  dio_x64_simd_3 (g, P (BINARY_VEX, psllvd), SIMD_1, a, SIMD_1);
  dio_x64_simd_shift (g, P (SHIFT, pslld), SIMD_0, b, 24);
  dio_x64_vblendv (&g->a, 4, dst, SIMD_1, dst, SIMD_0);
}

/* Of 16 bits: even ones and odd ones as lanes of 32. */
static void
shift_halves (DioX64Gen *g, Kind kind, DioX64Xmm dst, DioX64Xmm a, DioX64Xmm b)
{
  DioX64Xmm x = dio_x64_take_xmm (g), y = dio_x64_take_xmm (g), odd = dio_x64_take_xmm (g);
  uint32_t right = kind.is_signed ? P (SHIFT, psrad) : P (SHIFT, psrld);
  dio_x64_simd_shift (g, P (SHIFT, pslld), x, a, 16);
  dio_x64_simd_shift (g, right, x, x, 16);
  shift_words (g, kind, dst, x, b);
  dio_x64_simd_shift (g, right, x, a, 16);
  dio_x64_simd_shift (g, P (SHIFT, psrld), y, b, 16);
  shift_words (g, kind, odd, x, y);
  dio_x64_simd_shift (g, P (SHIFT, pslld), odd, odd, 16);
  dio_x64_simd_3i (g, P (BINARY_IMM, pblendw), dst, dst, odd, 0xaa);
}

/* Of 64 bits, not rounded. To the right signed ones are shifted with their sign bit flipped, by 63
 * at most, and that bit is taken away where it has gone. */
static void
shift_quads (DioX64Gen *g, Kind kind, DioX64Xmm dst, DioX64Xmm a, DioX64Xmm b)
{
  const uint64_t sign = UINT64_C (1) << 63;
  dio_x64_simd_zero (g, SIMD_0);
  dio_x64_simd_3 (g, P (BINARY, psubq), SIMD_0, SIMD_0, b);
  dio_x64_simd_3m (g, P (BINARY, pand), SIMD_0, SIMD_0, dio_x64_simd_lanes (g, 3, 0xff));
  if (kind.is_signed) {
    dio_x64_simd_3m (g, P (BINARY, pminud), SIMD_0, SIMD_0, dio_x64_simd_lanes (g, 3, 63));
    dio_x64_simd_3m (g, P (BINARY, pxor), dst, a, dio_x64_simd_lanes (g, 3, sign));
    dio_x64_simd_3 (g, P (BINARY_VEX, psrlvq), dst, dst, SIMD_0);
    dio_x64_movaps_xm (&g->a, SIMD_1, dio_x64_simd_lanes (g, 3, sign));
    dio_x64_simd_3 (g, P (BINARY_VEX, psrlvq), SIMD_1, SIMD_1, SIMD_0);
    dio_x64_simd_3 (g, P (BINARY, psubq), dst, dst, SIMD_1);
  } else {
    dio_x64_simd_3 (g, P (BINARY_VEX, psrlvq), dst, a, SIMD_0);
  }
  dio_x64_simd_3m (g, P (BINARY, pand), SIMD_1, b, dio_x64_simd_lanes (g, 3, 0xff));
  dio_x64_simd_3 (g, P (BINARY_VEX, psllvq), SIMD_1, a, SIMD_1);
  dio_x64_simd_shift (g, P (SHIFT, psllq), SIMD_0, b, 56);
  dio_x64_vblendv (&g->a, 8, dst, SIMD_1, dst, SIMD_0);
}

static bool
shift_by_lanes (DioX64Gen *g, const DioIrOp *op, unsigned n, Kind kind)
{
  unsigned size = SIMD_SIZE (n);
  if (!g->cpu.avx2 || size == 0 || (size == 3 && kind.round))
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  DioX64Xmm t = dio_x64_take_xmm (g);
  (size == 1 ? shift_halves : size == 2 ? shift_words : shift_quads) (g, kind, t, a, b);
  dio_x64_simd_finish (g, t);
  return true;
}

static bool
lower_sshl (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return shift_by_lanes (g, op, n, (Kind){ true, false });
}

static bool
lower_ushl (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return shift_by_lanes (g, op, n, (Kind){ false, false });
}

static bool
lower_srshl (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return shift_by_lanes (g, op, n, (Kind){ true, true });
}

static bool
lower_urshl (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return shift_by_lanes (g, op, n, (Kind){ false, true });
}

/* ---- Bits ---- */

/* Each nibble looked up: @low for the lower one, @high for the upper; xmm0 and xmm1. */
static void
by_nibbles (DioX64Gen *g, DioX64Xmm a, const uint8_t low[16], const uint8_t high[16])
{
  DioX64Xmm t = dio_x64_take_xmm (g);
  DioX64Mem mask = dio_x64_simd_lanes (g, 0, 0x0f);
  dio_x64_simd_shift (g, P (SHIFT, psrlw), SIMD_1, a, 4);
  dio_x64_simd_3m (g, P (BINARY, pand), SIMD_1, SIMD_1, mask);
  dio_x64_simd_3m (g, P (BINARY, pand), t, a, mask);
  dio_x64_movaps_xm (&g->a, SIMD_0, dio_x64_simd_bytes (g, low));
  dio_x64_simd_3 (g, P (BINARY, pshufb), SIMD_0, SIMD_0, t);
  dio_x64_movaps_xm (&g->a, t, dio_x64_simd_bytes (g, high));
  dio_x64_simd_3 (g, P (BINARY, pshufb), t, t, SIMD_1);
  dio_x64_simd_move (g, SIMD_1, t);
}

static bool
lower_cnt (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  static const uint8_t counts[16] = { 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4 };
  if (!g->cpu.ssse3 || SIMD_SIZE (n) != 0)
    return false;
  by_nibbles (g, dio_x64_simd_operand (g, op, 0), counts, counts);
  dio_x64_simd_3 (g, P (BINARY, paddb), SIMD_0, SIMD_0, SIMD_1);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

static bool
lower_rbit (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  static const uint8_t to_high[16] = { 0x00, 0x80, 0x40, 0xc0, 0x20, 0xa0, 0x60, 0xe0,
                                       0x10, 0x90, 0x50, 0xd0, 0x30, 0xb0, 0x70, 0xf0 };
  static const uint8_t to_low[16] = { 0x0, 0x8, 0x4, 0xc, 0x2, 0xa, 0x6, 0xe,
                                      0x1, 0x9, 0x5, 0xd, 0x3, 0xb, 0x7, 0xf };
  if (!g->cpu.ssse3 || SIMD_SIZE (n) != 0)
    return false;
  by_nibbles (g, dio_x64_simd_operand (g, op, 0), to_high, to_low);
  dio_x64_simd_3 (g, P (BINARY, por), SIMD_0, SIMD_0, SIMD_1);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

/* Of bytes by nibbles, the lower one's counts only when the upper is zero; in xmm0. The same way
 * from halves of lanes to lanes. */
static void
leading_zeros (DioX64Gen *g, unsigned size, DioX64Xmm a)
{
  static const uint8_t low[16] = { 8, 7, 6, 6, 5, 5, 5, 5, 4, 4, 4, 4, 4, 4, 4, 4 };
  static const uint8_t high[16] = { 8, 3, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0 };
  by_nibbles (g, a, low, high);
  dio_x64_simd_3 (g, P (BINARY, pminub), SIMD_0, SIMD_0, SIMD_1);
  for (unsigned half = 0; half < size; half++) {
    unsigned bits = 8u << half;
    dio_x64_simd_3m (g, dio_x64_simd_equal[half], SIMD_1, SIMD_0,
                     dio_x64_simd_lanes (g, half, bits));
    dio_x64_simd_shift (g, dio_x64_simd_shr[half + 1], SIMD_1, SIMD_1, bits);
    dio_x64_simd_3 (g, P (BINARY, pand), SIMD_1, SIMD_1, SIMD_0);
    dio_x64_simd_shift (g, dio_x64_simd_shr[half + 1], SIMD_0, SIMD_0, bits);
    dio_x64_simd_3 (g, dio_x64_simd_add[half + 1], SIMD_0, SIMD_0, SIMD_1);
  }
}

static bool
lower_clz (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  if (!g->cpu.ssse3 || SIMD_SIZE (n) > 2)
    return false;
  leading_zeros (g, SIMD_SIZE (n), dio_x64_simd_operand (g, op, 0));
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

/* Leading zeros where a bit differs from the next, but for the sign itself. */
static bool
lower_cls (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  unsigned size = SIMD_SIZE (n);
  if (!g->cpu.ssse3 || size > 2)
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), t = dio_x64_take_xmm (g);
  dio_x64_simd_shift_lanes (g, size, true, false, 1, t, a);
  dio_x64_simd_3 (g, P (BINARY, pxor), t, t, a);
  leading_zeros (g, size, t);
  dio_x64_simd_ones (g, SIMD_1);
  dio_x64_simd_3 (g, dio_x64_simd_add[size], SIMD_0, SIMD_0, SIMD_1);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

DioX64SimdLower *const dio_x64_simd_by_bit[DIO_IR_N_VEC] = {
  [DIO_IR_VEC_sshl] = lower_sshl,   [DIO_IR_VEC_ushl] = lower_ushl,
  [DIO_IR_VEC_srshl] = lower_srshl, [DIO_IR_VEC_urshl] = lower_urshl,
  [DIO_IR_VEC_cnt] = lower_cnt,     [DIO_IR_VEC_rbit] = lower_rbit,
  [DIO_IR_VEC_clz] = lower_clz,     [DIO_IR_VEC_cls] = lower_cls,
};
