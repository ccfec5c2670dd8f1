/* SPDX-License-Identifier: GPL-3.0-or-later
 * Vector operations that change the size or the places of lanes: narrowing, widening, neighbours,
 * all lanes to one, permutations. */
#include "core/jit/x86_64/x64-simd-private.h"

#define LANE_BITS(size) (8u << (size))
#define NOTHING 0x80 /* pshufb makes it zero */

static void
shuffle (DioX64Gen *g, DioX64Xmm dst, DioX64Xmm a, const uint8_t bytes[16])
{
  dio_x64_simd_3m (g, P (BINARY, pshufb), dst, a, dio_x64_simd_bytes (g, bytes));
}

/* ---- Narrowing and widening ---- */

static bool
lower_shrn (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  unsigned size = SIMD_SIZE (n), amount = SIMD_AMOUNT (n);
  bool round = n >> 8 & 0x80 && amount;
  uint8_t bytes[16];
  if (size > 2 || !g->cpu.ssse3)
    return false;
  DioX64Xmm from = dio_x64_simd_operand (g, op, 0);
  if (round) {
    dio_x64_simd_3m (g, dio_x64_simd_add[size + 1], SIMD_0, from,
                     dio_x64_simd_lanes (g, size + 1, UINT64_C (1) << (amount - 1)));
    from = SIMD_0;
  }
  /* Whole bytes need no shift. */
  if (amount % 8) {
    dio_x64_simd_shift (g, dio_x64_simd_shr[size + 1], SIMD_0, from, amount);
    from = SIMD_0;
    amount = 0;
  }
  for (unsigned i = 0; i < 16; i++)
    bytes[i] = i < 8 ? (uint8_t) ((i >> size << (size + 1)) + (i & ((1u << size) - 1)) + amount / 8)
                     : NOTHING;
  shuffle (g, SIMD_0, from, bytes);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

static bool
widen (DioX64Gen *g, const DioIrOp *op, uint32_t enc)
{
  if (!dio_x64_simd_has (g, enc))
    return false;
  DioX64Xmm from = dio_x64_simd_operand (g, op, 0);
  DioX64Xmm dst = dio_x64_result_xmm (g);
  dio_x64_simd_2 (g, enc, dst, from);
  dio_x64_define_xmm (g, dst, false);
  return true;
}

static bool
lower_sxtl (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  static const uint32_t encodings[] = { P (UNARY_128, pmovsxbw), P (UNARY_128, pmovsxwd),
                                        P (UNARY_128, pmovsxdq), 0 };
  return widen (g, op, encodings[SIMD_SIZE (n)]);
}

static bool
lower_uxtl (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  static const uint32_t encodings[] = { P (UNARY_128, pmovzxbw), P (UNARY_128, pmovzxwd),
                                        P (UNARY_128, pmovzxdq), 0 };
  return widen (g, op, encodings[SIMD_SIZE (n)]);
}

/* ---- Permutations ---- */

static bool
lower_rev (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  unsigned size = SIMD_SIZE (n), flip = (1u << SIMD_AMOUNT (n)) - (1u << size);
  uint8_t bytes[16];
  if (!g->cpu.ssse3)
    return false;
  for (unsigned i = 0; i < 16; i++)
    bytes[i] = (uint8_t) (i ^ flip);
  shuffle (g, SIMD_0, dio_x64_simd_operand (g, op, 0), bytes);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

static bool
lower_ext (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  if (!g->cpu.ssse3)
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  dio_x64_simd_3i (g, P (BINARY_IMM, palignr), SIMD_0, b, a, SIMD_AMOUNT (n) & 15);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

static bool
is_zero (const DioX64Gen *g, uint32_t value)
{
  const DioIrOp *op = &g->ops[value];
  int64_t low, high;
  return op->opcode == DIO_IR_VEC_MAKE && dio_x64_constant (g, op->arguments[0], &low)
         && dio_x64_constant (g, op->arguments[1], &high) && !(low | high);
}

/* Indices from 16 on get their highest bit set, and the others keep it clear: pshufb makes zeros of
 * the former, or the blend keeps what was there. */
static bool
lower_lookup (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  if (!g->cpu.sse41)
    return false;
  DioX64Xmm other = dio_x64_simd_operand (g, op, 0);
  DioX64Xmm table = dio_x64_simd_operand (g, op, 1), index = dio_x64_simd_operand (g, op, 2);
  DioX64Xmm first = index;
  if (SIMD_AMOUNT (n)) {
    dio_x64_simd_3m (g, P (BINARY, psubb), SIMD_0, index,
                     dio_x64_simd_lanes (g, 0, 16 * SIMD_AMOUNT (n)));
    first = SIMD_0;
  }
  dio_x64_simd_3m (g, P (BINARY, paddusb), SIMD_0, first, dio_x64_simd_lanes (g, 0, 0x70));
  dio_x64_simd_3 (g, P (BINARY, pshufb), SIMD_1, table, SIMD_0);
  if (!is_zero (g, op->arguments[0]))
    dio_x64_simd_blend (g, SIMD_1, SIMD_1, other, SIMD_0);
  dio_x64_simd_finish (g, SIMD_1);
  return true;
}

static bool
lower_zip1 (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  static const uint32_t encodings[] = { P (BINARY, punpcklbw), P (BINARY, punpcklwd),
                                        P (BINARY, punpckldq), P (BINARY, punpcklqdq) };
  return dio_x64_simd_one (g, op, encodings[SIMD_SIZE (n)]);
}

static bool
lower_zip2 (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  static const uint32_t encodings[] = { P (BINARY, punpckhbw), P (BINARY, punpckhwd),
                                        P (BINARY, punpckhdq), P (BINARY, punpckhqdq) };
  return dio_x64_simd_one (g, op, encodings[SIMD_SIZE (n)]);
}

/* Lanes of 8 or 16 bits are packed with unsigned saturation, which the cleared upper half of what
 * is packed does not need. */
static void
unzip_small (DioX64Gen *g, unsigned size, bool odd, DioX64Xmm dst, DioX64Xmm a, DioX64Xmm b)
{
  if (odd) {
    dio_x64_simd_shift (g, dio_x64_simd_shr[size + 1], dst, a, LANE_BITS (size));
    dio_x64_simd_shift (g, dio_x64_simd_shr[size + 1], SIMD_1, b, LANE_BITS (size));
  } else {
    DioX64Mem mask = dio_x64_simd_lanes (g, size + 1, size ? 0xffff : 0xff);
    dio_x64_simd_3m (g, P (BINARY, pand), dst, a, mask);
    dio_x64_simd_3m (g, P (BINARY, pand), SIMD_1, b, mask);
  }
  dio_x64_simd_3 (g, size ? P (BINARY, packusdw) : P (BINARY, packuswb), dst, dst, SIMD_1);
}

bool
dio_x64_simd_unzip (DioX64Gen *g, unsigned size, bool odd, DioX64Xmm dst, DioX64Xmm a, DioX64Xmm b)
{
  switch (size) {
  case 0:
  case 1:
    if (size == 1 && !g->cpu.sse41)
      return false;
    unzip_small (g, size, odd, dst, a, b);
    return true;
  case 2:
    dio_x64_simd_3i (g, P (BINARY_IMM, shufps), dst, a, b, odd ? 0xdd : 0x88);
    return true;
  default:
    dio_x64_simd_3 (g, odd ? P (BINARY, punpckhqdq) : P (BINARY, punpcklqdq), dst, a, b);
    return true;
  }
}

static bool
unzip (DioX64Gen *g, const DioIrOp *op, unsigned n, bool odd)
{
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  if (!dio_x64_simd_unzip (g, SIMD_SIZE (n), odd, SIMD_0, a, b))
    return false;
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

static bool
lower_uzp1 (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return unzip (g, op, n, false);
}

static bool
lower_uzp2 (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return unzip (g, op, n, true);
}

static bool
transpose (DioX64Gen *g, const DioIrOp *op, unsigned n, bool odd)
{
  unsigned size = SIMD_SIZE (n);
  if (size == 3)
    return (odd ? lower_zip2 : lower_zip1) (g, op, n);
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  if (size == 2) {
    dio_x64_simd_3i (g, P (BINARY_IMM, shufps), SIMD_0, a, b, odd ? 0xdd : 0x88);
    dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), SIMD_0, SIMD_0, 0xd8);
  } else {
    DioX64Xmm moved = odd ? a : b, kept = odd ? b : a;
    uint64_t mask = size ? 0xffff : 0xff;
    dio_x64_simd_shift (g, odd ? dio_x64_simd_shr[size + 1] : dio_x64_simd_shl[size + 1], SIMD_0,
                        moved, LANE_BITS (size));
    dio_x64_simd_3m (g, P (BINARY, pand), SIMD_1, kept,
                     dio_x64_simd_lanes (g, size + 1, odd ? mask << LANE_BITS (size) : mask));
    dio_x64_simd_3 (g, P (BINARY, por), SIMD_0, SIMD_0, SIMD_1);
  }
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

static bool
lower_trn1 (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return transpose (g, op, n, false);
}

static bool
lower_trn2 (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return transpose (g, op, n, true);
}

/* ---- Neighbours ---- */

/* Of one vector twice, with lanes of 8 or 16 bits: each with the one above it, then every other. */
static void
pairwise_same (DioX64Gen *g, unsigned size, DioX64Xmm a, uint32_t enc)
{
  dio_x64_simd_shift (g, dio_x64_simd_shr[size + 1], SIMD_0, a, LANE_BITS (size));
  dio_x64_simd_3 (g, enc, SIMD_0, SIMD_0, a);
  dio_x64_simd_3m (g, P (BINARY, pand), SIMD_0, SIMD_0,
                   dio_x64_simd_lanes (g, size + 1, size ? 0xffff : 0xff));
  dio_x64_simd_3 (g, size ? P (BINARY, packusdw) : P (BINARY, packuswb), SIMD_0, SIMD_0, SIMD_0);
  dio_x64_simd_finish (g, SIMD_0);
}

static bool
pairwise (DioX64Gen *g, const DioIrOp *op, unsigned n, uint32_t enc)
{
  unsigned size = SIMD_SIZE (n);
  if (!dio_x64_simd_has (g, enc) || (size == 1 && !g->cpu.sse41))
    return false;
  if (size < 2 && op->arguments[0] == op->arguments[1]) {
    pairwise_same (g, size, dio_x64_simd_operand (g, op, 0), enc);
    return true;
  }
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  DioX64Xmm even = dio_x64_take_xmm (g);
  dio_x64_simd_unzip (g, size, false, even, a, b);
  dio_x64_simd_unzip (g, size, true, SIMD_0, a, b);
  dio_x64_simd_3 (g, enc, SIMD_0, SIMD_0, even);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

static bool
lower_addp (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  unsigned size = SIMD_SIZE (n);
  if ((size == 1 || size == 2) && g->cpu.ssse3)
    return dio_x64_simd_one (g, op, size == 1 ? P (BINARY, phaddw) : P (BINARY, phaddd));
  return pairwise (g, op, n, dio_x64_simd_add[size]);
}

static bool
lower_smaxp (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return pairwise (g, op, n, dio_x64_simd_extreme (SIMD_SIZE (n), true, true));
}

static bool
lower_sminp (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return pairwise (g, op, n, dio_x64_simd_extreme (SIMD_SIZE (n), true, false));
}

static bool
lower_umaxp (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return pairwise (g, op, n, dio_x64_simd_extreme (SIMD_SIZE (n), false, true));
}

static bool
lower_uminp (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return pairwise (g, op, n, dio_x64_simd_extreme (SIMD_SIZE (n), false, false));
}

/* Unsigned pairs of 16 or 32 bits in xmm0. */
static void
add_unsigned_pairs (DioX64Gen *g, unsigned size, DioX64Xmm a)
{
  dio_x64_simd_shift (g, dio_x64_simd_shr[size + 1], SIMD_1, a, LANE_BITS (size));
  dio_x64_simd_3m (g, P (BINARY, pand), SIMD_0, a,
                   dio_x64_simd_lanes (g, size + 1, UINT64_MAX >> (64 - LANE_BITS (size))));
  dio_x64_simd_3 (g, dio_x64_simd_add[size + 1], SIMD_0, SIMD_0, SIMD_1);
}

static bool
lower_uaddlp (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  unsigned size = SIMD_SIZE (n);
  add_unsigned_pairs (g, size, dio_x64_simd_operand (g, op, 0));
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

/* Products with one, added in pairs; the instruction for bytes takes signed ones second. */
static bool
lower_saddlp (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  unsigned size = SIMD_SIZE (n);
  if (size == 0 ? !g->cpu.ssse3 : size == 2 && !g->cpu.sse41)
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0);
  dio_x64_movaps_xm (&g->a, SIMD_0, dio_x64_simd_lanes (g, size, 1));
  if (size == 2) {
    dio_x64_simd_shift (g, P (SHIFT, psrlq), SIMD_1, a, 32);
    dio_x64_simd_3 (g, P (BINARY, pmuldq), SIMD_1, SIMD_1, SIMD_0);
    dio_x64_simd_3 (g, P (BINARY, pmuldq), SIMD_0, SIMD_0, a);
    dio_x64_simd_3 (g, P (BINARY, paddq), SIMD_0, SIMD_0, SIMD_1);
  } else {
    dio_x64_simd_3 (g, size ? P (BINARY, pmaddwd) : P (BINARY, pmaddubsw), SIMD_0, SIMD_0, a);
  }
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

/* ---- All lanes to one ---- */

/* xmm0 with all its lanes of @size combined in the lowest, and zeros above that of @out bytes. */
static void
reduce (DioX64Gen *g, unsigned size, uint32_t enc, unsigned out)
{
  dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), SIMD_1, SIMD_0, 0x4e);
  dio_x64_simd_3 (g, enc, SIMD_0, SIMD_0, SIMD_1);
  if (size <= 2) {
    dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), SIMD_1, SIMD_0, 0xb1);
    dio_x64_simd_3 (g, enc, SIMD_0, SIMD_0, SIMD_1);
  }
  if (size <= 1) {
    dio_x64_simd_2i (g, P (UNARY_IMM, pshuflw), SIMD_1, SIMD_0, 0xb1);
    dio_x64_simd_3 (g, enc, SIMD_0, SIMD_0, SIMD_1);
  }
  if (size == 0) {
    dio_x64_simd_shift (g, P (SHIFT, psrlw), SIMD_1, SIMD_0, 8);
    dio_x64_simd_3 (g, enc, SIMD_0, SIMD_0, SIMD_1);
  }
  dio_x64_simd_3m (g, P (BINARY, pand), SIMD_0, SIMD_0,
                   dio_x64_simd_constant (g, UINT64_MAX >> (64 - 8 * out), 0));
  dio_x64_simd_finish (g, SIMD_0);
}

/* All of it or the lower half with zeros. */
static DioX64Xmm
part (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0);
  if (SIMD_AMOUNT (n))
    return a;
  dio_x64_simd_low (g, SIMD_0, a);
  return SIMD_0;
}

static bool
extreme_of_all (DioX64Gen *g, const DioIrOp *op, unsigned n, bool is_signed, bool larger)
{
  uint32_t enc = dio_x64_simd_extreme (SIMD_SIZE (n), is_signed, larger);
  if (!dio_x64_simd_has (g, enc))
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0);
  dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), SIMD_0, a, SIMD_AMOUNT (n) ? 0xe4 : 0x44);
  reduce (g, SIMD_SIZE (n), enc, 1u << SIMD_SIZE (n));
  return true;
}

static bool
lower_smaxv (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return extreme_of_all (g, op, n, true, true);
}

static bool
lower_sminv (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return extreme_of_all (g, op, n, true, false);
}

static bool
lower_umaxv (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return extreme_of_all (g, op, n, false, true);
}

static bool
lower_uminv (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return extreme_of_all (g, op, n, false, false);
}

/* The sum of bytes as two numbers. */
static void
sum_bytes (DioX64Gen *g, DioX64Xmm a, unsigned out)
{
  dio_x64_simd_zero (g, SIMD_1);
  dio_x64_simd_3 (g, P (BINARY, psadbw), SIMD_0, a, SIMD_1);
  reduce (g, 3, P (BINARY, paddq), out);
}

static bool
lower_addv (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  unsigned size = SIMD_SIZE (n);
  DioX64Xmm a = part (g, op, n);
  if (size == 0) {
    sum_bytes (g, a, 1);
    return true;
  }
  dio_x64_simd_move (g, SIMD_0, a);
  reduce (g, size, dio_x64_simd_add[size], 1u << size);
  return true;
}

static bool
lower_uaddlv (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  unsigned size = SIMD_SIZE (n);
  DioX64Xmm a = part (g, op, n);
  if (size == 0) {
    sum_bytes (g, a, 2);
    return true;
  }
  add_unsigned_pairs (g, size, a);
  reduce (g, size + 1, dio_x64_simd_add[size + 1], 2u << size);
  return true;
}

static bool
lower_saddlv (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  if (SIMD_SIZE (n) != 1)
    return false;
  DioX64Xmm a = part (g, op, n);
  dio_x64_simd_3m (g, P (BINARY, pmaddwd), SIMD_0, a, dio_x64_simd_lanes (g, 1, 1));
  reduce (g, 2, P (BINARY, paddd), 4);
  return true;
}

/* ---- Sums of products of bytes ---- */

static bool
dot (DioX64Gen *g, const DioIrOp *op, uint32_t widened)
{
  if (!g->cpu.sse41)
    return false;
  DioX64Xmm sum = dio_x64_simd_operand (g, op, 0);
  DioX64Xmm b = dio_x64_simd_operand (g, op, 1), c = dio_x64_simd_operand (g, op, 2);
  DioX64Xmm t = dio_x64_take_xmm (g);
  dio_x64_simd_2 (g, widened, SIMD_0, b);
  dio_x64_simd_2 (g, widened, SIMD_1, c);
  dio_x64_simd_3 (g, P (BINARY, pmaddwd), t, SIMD_0, SIMD_1);
  dio_x64_simd_shift (g, P (SHIFT, psrldq), SIMD_0, b, 8);
  dio_x64_simd_shift (g, P (SHIFT, psrldq), SIMD_1, c, 8);
  dio_x64_simd_2 (g, widened, SIMD_0, SIMD_0);
  dio_x64_simd_2 (g, widened, SIMD_1, SIMD_1);
  dio_x64_simd_3 (g, P (BINARY, pmaddwd), SIMD_0, SIMD_0, SIMD_1);
  dio_x64_simd_3 (g, P (BINARY, phaddd), t, t, SIMD_0);
  dio_x64_simd_3 (g, P (BINARY, paddd), t, t, sum);
  dio_x64_simd_finish (g, t);
  return true;
}

static bool
lower_sdot (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return dot (g, op, P (UNARY_128, pmovsxbw));
}

static bool
lower_udot (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return dot (g, op, P (UNARY_128, pmovzxbw));
}

DioX64SimdLower *const dio_x64_simd_by_place[DIO_IR_N_VEC] = {
  [DIO_IR_VEC_shrn] = lower_shrn,     [DIO_IR_VEC_sxtl] = lower_sxtl,
  [DIO_IR_VEC_uxtl] = lower_uxtl,     [DIO_IR_VEC_rev] = lower_rev,
  [DIO_IR_VEC_ext] = lower_ext,       [DIO_IR_VEC_lookup] = lower_lookup,
  [DIO_IR_VEC_zip1] = lower_zip1,     [DIO_IR_VEC_zip2] = lower_zip2,
  [DIO_IR_VEC_uzp1] = lower_uzp1,     [DIO_IR_VEC_uzp2] = lower_uzp2,
  [DIO_IR_VEC_trn1] = lower_trn1,     [DIO_IR_VEC_trn2] = lower_trn2,
  [DIO_IR_VEC_addp] = lower_addp,     [DIO_IR_VEC_smaxp] = lower_smaxp,
  [DIO_IR_VEC_sminp] = lower_sminp,   [DIO_IR_VEC_umaxp] = lower_umaxp,
  [DIO_IR_VEC_uminp] = lower_uminp,   [DIO_IR_VEC_saddlp] = lower_saddlp,
  [DIO_IR_VEC_uaddlp] = lower_uaddlp, [DIO_IR_VEC_addv] = lower_addv,
  [DIO_IR_VEC_smaxv] = lower_smaxv,   [DIO_IR_VEC_sminv] = lower_sminv,
  [DIO_IR_VEC_umaxv] = lower_umaxv,   [DIO_IR_VEC_uminv] = lower_uminv,
  [DIO_IR_VEC_saddlv] = lower_saddlv, [DIO_IR_VEC_uaddlv] = lower_uaddlv,
  [DIO_IR_VEC_sdot] = lower_sdot,     [DIO_IR_VEC_udot] = lower_udot,
};
