/* SPDX-License-Identifier: GPL-3.0-or-later
 * Rounds of AES, SHA-1 and SHA-256, and carry-less products, where the host has instructions.
 *
 * The host's work on other pieces: AES with the key at the end of a round and not at its beginning;
 * SHA-1 with the words in the opposite order and the constants added by the instruction; SHA-256
 * two rounds at a time on states that mix both halves. */
#include "core/jit/x86_64/x64-simd-private.h"

static void
legacy (DioX64Gen *g, uint32_t enc, DioX64Xmm dst, DioX64Xmm src)
{
  dio_x64_put_rr (&g->a, enc, dst, src, 0);
}

/* ---- AES ---- */

/* The key first, and one of zeros last. */
static void
aes_round (DioX64Gen *g, const DioIrOp *op, uint32_t enc)
{
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_0, a, b);
  dio_x64_simd_zero (g, SIMD_1);
  dio_x64_simd_3 (g, enc, SIMD_0, SIMD_0, SIMD_1);
  dio_x64_simd_finish (g, SIMD_0);
}

static bool
lower_aese (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  if (!g->cpu.aes)
    return false;
  aes_round (g, op, P (BINARY_128, aesenclast));
  return true;
}

static bool
lower_aesd (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  if (!g->cpu.aes)
    return false;
  aes_round (g, op, P (BINARY_128, aesdeclast));
  return true;
}

/* With the first half of the round, if that is for nobody else; or alone, by undoing that half. */
static bool
lower_aesmc (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  if (!g->cpu.aes)
    return false;
  if (g->values[op->arguments[0]].where == X64_LAZY) {
    aes_round (g, &g->ops[op->arguments[0]], P (BINARY_128, aesenc));
    return true;
  }
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0);
  dio_x64_simd_zero (g, SIMD_1);
  dio_x64_simd_3 (g, P (BINARY_128, aesdeclast), SIMD_0, a, SIMD_1);
  dio_x64_simd_3 (g, P (BINARY_128, aesenc), SIMD_0, SIMD_0, SIMD_1);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

static bool
lower_aesimc (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  if (!g->cpu.aes)
    return false;
  if (g->values[op->arguments[0]].where == X64_LAZY) {
    aes_round (g, &g->ops[op->arguments[0]], P (BINARY_128, aesdec));
    return true;
  }
  dio_x64_simd_2 (g, P (UNARY_128, aesimc), SIMD_0, dio_x64_simd_operand (g, op, 0));
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

static bool
lower_pmull (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  if (!g->cpu.pclmul || SIMD_SIZE (n) != 3)
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  dio_x64_simd_3i (g, P (BINARY_IMM_128, pclmulqdq), SIMD_0, a, b, 0);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

/* ---- SHA-1 ---- */

#define REVERSED 0x1b /* for pshufd */

/* The words have their constant in them already, which the instruction of @kind adds once more. */
static bool
sha1_rounds (DioX64Gen *g, const DioIrOp *op, unsigned kind)
{
  static const uint32_t constants[] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc };
  if (!g->cpu.sha)
    return false;
  DioX64Xmm state = dio_x64_simd_operand (g, op, 0), e = dio_x64_simd_operand (g, op, 1);
  DioX64Xmm words = dio_x64_simd_operand (g, op, 2);
  DioX64Xmm t = dio_x64_take_xmm (g);
  dio_x64_simd_3m (g, P (BINARY, psubd), SIMD_1, words, dio_x64_simd_lanes (g, 2, constants[kind]));
  dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), SIMD_1, SIMD_1, REVERSED);
  dio_x64_simd_shift (g, P (SHIFT, pslldq), t, e, 12);
  dio_x64_simd_3 (g, P (BINARY, paddd), SIMD_1, SIMD_1, t);
  dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), SIMD_0, state, REVERSED);
  dio_x64_sha1rnds4_xxi (&g->a, SIMD_0, SIMD_1, (uint8_t) kind);
  dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), SIMD_0, SIMD_0, REVERSED);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

static bool
lower_sha1c (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return sha1_rounds (g, op, 0);
}

static bool
lower_sha1p (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return sha1_rounds (g, op, 1);
}

static bool
lower_sha1m (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return sha1_rounds (g, op, 2);
}

/* @dst's lanes rotated to the left; changes @t. */
static void
rotate (DioX64Gen *g, DioX64Xmm dst, DioX64Xmm t, unsigned by)
{
  dio_x64_simd_shift (g, P (SHIFT, psrld), t, dst, 32 - by);
  dio_x64_simd_shift (g, P (SHIFT, pslld), dst, dst, by);
  dio_x64_simd_3 (g, P (BINARY, por), dst, dst, t);
}

static bool
lower_sha1h (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0);
  dio_x64_movq_rx (&g->a, 4, DIO_X64_RCX, a);
  dio_x64_shift_ri (&g->a, DIO_X64_ROL, 4, DIO_X64_RCX, 30);
  dio_x64_movq_xr (&g->a, 4, SIMD_0, DIO_X64_RCX);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

static bool
lower_sha1su0 (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  DioX64Xmm c = dio_x64_simd_operand (g, op, 2);
  dio_x64_simd_3i (g, P (BINARY_IMM, shufpd), SIMD_0, a, b, 1);
  dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_0, SIMD_0, a);
  dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_0, SIMD_0, c);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

/* The last word depends on the first of the new ones. */
static bool
lower_sha1su1 (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  DioX64Xmm t = dio_x64_take_xmm (g);
  dio_x64_simd_shift (g, P (SHIFT, psrldq), SIMD_0, b, 4);
  dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_0, SIMD_0, a);
  rotate (g, SIMD_0, SIMD_1, 1);
  dio_x64_simd_shift (g, P (SHIFT, pslldq), t, SIMD_0, 12);
  rotate (g, t, SIMD_1, 1);
  dio_x64_simd_3 (g, P (BINARY, pxor), SIMD_0, SIMD_0, t);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

/* ---- SHA-256 ---- */

#define SWAPPED 0xb1 /* for pshufd: pairs */

/* With a to h from the highest lane down, the host has a, b, e, f in one register and c, d, g, h in
 * the other; after two rounds the first is new and what it was before is the second. */
static bool
sha256_rounds (DioX64Gen *g, const DioIrOp *op, bool upper)
{
  if (!g->cpu.sha)
    return false;
  DioX64Xmm abcd = dio_x64_simd_operand (g, op, upper ? 1 : 0);
  DioX64Xmm efgh = dio_x64_simd_operand (g, op, upper ? 0 : 1);
  DioX64Xmm words = dio_x64_simd_operand (g, op, 2);
  DioX64Xmm abef = dio_x64_take_xmm (g);
  dio_x64_simd_3 (g, P (BINARY, punpcklqdq), abef, efgh, abcd);
  dio_x64_simd_3 (g, P (BINARY, punpckhqdq), SIMD_1, efgh, abcd);
  dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), abef, abef, SWAPPED);
  dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), SIMD_1, SIMD_1, SWAPPED);
  dio_x64_simd_move (g, SIMD_0, words);
  legacy (g, P (BINARY_SSE, sha256rnds2), SIMD_1, abef);
  dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), SIMD_0, words, 0x0e);
  legacy (g, P (BINARY_SSE, sha256rnds2), abef, SIMD_1);
  dio_x64_simd_3 (g, upper ? P (BINARY, punpcklqdq) : P (BINARY, punpckhqdq), abef, abef, SIMD_1);
  dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), SIMD_0, abef, SWAPPED);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

static bool
lower_sha256h (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return sha256_rounds (g, op, false);
}

static bool
lower_sha256h2 (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  return sha256_rounds (g, op, true);
}

static bool
lower_sha256su0 (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  if (!g->cpu.sha)
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  dio_x64_simd_move (g, SIMD_0, a);
  legacy (g, P (BINARY_SSE, sha256msg1), SIMD_0, b);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

static bool
lower_sha256su1 (DioX64Gen *g, const DioIrOp *op, unsigned n)
{
  if (!g->cpu.sha)
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0), b = dio_x64_simd_operand (g, op, 1);
  DioX64Xmm c = dio_x64_simd_operand (g, op, 2);
  dio_x64_simd_3i (g, P (BINARY_IMM, palignr), SIMD_0, c, b, 4);
  dio_x64_simd_3 (g, P (BINARY, paddd), SIMD_0, SIMD_0, a);
  legacy (g, P (BINARY_SSE, sha256msg2), SIMD_0, c);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

DioX64SimdLower *const dio_x64_simd_by_crypto[DIO_IR_N_VEC] = {
  [DIO_IR_VEC_aese] = lower_aese,           [DIO_IR_VEC_aesd] = lower_aesd,
  [DIO_IR_VEC_aesmc] = lower_aesmc,         [DIO_IR_VEC_aesimc] = lower_aesimc,
  [DIO_IR_VEC_pmull] = lower_pmull,         [DIO_IR_VEC_sha1c] = lower_sha1c,
  [DIO_IR_VEC_sha1p] = lower_sha1p,         [DIO_IR_VEC_sha1m] = lower_sha1m,
  [DIO_IR_VEC_sha1h] = lower_sha1h,         [DIO_IR_VEC_sha1su0] = lower_sha1su0,
  [DIO_IR_VEC_sha1su1] = lower_sha1su1,     [DIO_IR_VEC_sha256h] = lower_sha256h,
  [DIO_IR_VEC_sha256h2] = lower_sha256h2,   [DIO_IR_VEC_sha256su0] = lower_sha256su0,
  [DIO_IR_VEC_sha256su1] = lower_sha256su1,
};
