/* SPDX-License-Identifier: GPL-3.0-or-later
 * Instructions of SSE and AVX. Users include "core/jit/x86_64/x64-asm.h".
 *
 * All functions for packed instructions come from x64-vector.inc: dio_x64_paddb_xx (a, dst, src),
 * dio_x64_vpaddb_xxx (a, dst, s1, s2), dio_x64_pshufd_xxi (a, dst, src, imm) and so on. */
#pragma once

#include "core/jit/x86_64/x64-emit.h"

/* clang-format off */
typedef enum {
  DIO_X64_FP_SQRT = 0x51, DIO_X64_FP_ADD = 0x58, DIO_X64_FP_MUL = 0x59, DIO_X64_FP_SUB = 0x5c,
  DIO_X64_FP_MIN = 0x5d, DIO_X64_FP_DIV = 0x5e, DIO_X64_FP_MAX = 0x5f,
} DioX64Fp;

/* +(x * y) + z, +(x * y) - z, -(x * y) + z, -(x * y) - z. */
typedef enum {
  DIO_X64_FMADD = 0x98, DIO_X64_FMSUB = 0x9a, DIO_X64_FNMADD = 0x9c, DIO_X64_FNMSUB = 0x9e,
} DioX64Fma;

/* Which operands (d = 1, s1 = 2, s2 = 3) are x, y and z. */
typedef enum {
  DIO_X64_FMA_132 = 0x00, DIO_X64_FMA_213 = 0x10, DIO_X64_FMA_231 = 0x20,
} DioX64FmaOrder;
/* clang-format on */

enum {
  DIO_X64_DIGIT_SHIFT = 24,
};

/* Any instruction of these shapes: @prefix is 0 or DIO_X64_66, _F3, _F2, @map is DIO_X64_0F, _0F38
 * or _0F3A. To @prefix DIO_X64_W and DIO_X64_L may be or-ed. Unary AVX instructions have s1 = 0. */
static inline void
dio_x64_sse_op_xx (DioX64Asm *a, uint32_t prefix, uint32_t map, uint8_t opcode, DioX64Xmm dst,
                   DioX64Xmm src)
{
  dio_x64_put_rr (a, prefix | map | opcode, dst, src, 0);
}

static inline void
dio_x64_sse_op_xm (DioX64Asm *a, uint32_t prefix, uint32_t map, uint8_t opcode, DioX64Xmm dst,
                   DioX64Mem mem)
{
  dio_x64_put_rm (a, prefix | map | opcode, dst, mem, 0);
}

static inline void
dio_x64_sse_op_xxi (DioX64Asm *a, uint32_t prefix, uint32_t map, uint8_t opcode, DioX64Xmm dst,
                    DioX64Xmm src, uint8_t imm)
{
  dio_x64_put_rr (a, prefix | map | opcode | DIO_X64_IMM8, dst, src, imm);
}

static inline void
dio_x64_sse_op_xmi (DioX64Asm *a, uint32_t prefix, uint32_t map, uint8_t opcode, DioX64Xmm dst,
                    DioX64Mem mem, uint8_t imm)
{
  dio_x64_put_rm (a, prefix | map | opcode | DIO_X64_IMM8, dst, mem, imm);
}

static inline void
dio_x64_vex_op_xxx (DioX64Asm *a, uint32_t prefix, uint32_t map, uint8_t opcode, DioX64Xmm dst,
                    DioX64Xmm s1, DioX64Xmm s2)
{
  dio_x64_put_vex_rr (a, prefix | map | opcode, dst, s1, s2, 0);
}

static inline void
dio_x64_vex_op_xxm (DioX64Asm *a, uint32_t prefix, uint32_t map, uint8_t opcode, DioX64Xmm dst,
                    DioX64Xmm s1, DioX64Mem s2)
{
  dio_x64_put_vex_rm (a, prefix | map | opcode, dst, s1, s2, 0);
}

static inline void
dio_x64_vex_op_xxxi (DioX64Asm *a, uint32_t prefix, uint32_t map, uint8_t opcode, DioX64Xmm dst,
                     DioX64Xmm s1, DioX64Xmm s2, uint8_t imm)
{
  dio_x64_put_vex_rr (a, prefix | map | opcode | DIO_X64_IMM8, dst, s1, s2, imm);
}

static inline void
dio_x64_vex_op_xxmi (DioX64Asm *a, uint32_t prefix, uint32_t map, uint8_t opcode, DioX64Xmm dst,
                     DioX64Xmm s1, DioX64Mem s2, uint8_t imm)
{
  dio_x64_put_vex_rm (a, prefix | map | opcode | DIO_X64_IMM8, dst, s1, s2, imm);
}

/* The packed instructions. */

/* clang-format off */
#define DIO_X64_SSE(name, enc)                                                                    \
  static inline void dio_x64_##name##_xx (DioX64Asm *a, DioX64Xmm dst, DioX64Xmm src)             \
  { dio_x64_put_rr (a, enc, dst, src, 0); }                                                       \
  static inline void dio_x64_##name##_xm (DioX64Asm *a, DioX64Xmm dst, DioX64Mem mem)             \
  { dio_x64_put_rm (a, enc, dst, mem, 0); }

#define DIO_X64_SSE_IMM(name, enc)                                                                \
  static inline void dio_x64_##name##_xxi (DioX64Asm *a, DioX64Xmm dst, DioX64Xmm src, uint8_t imm) \
  { dio_x64_put_rr (a, (enc) | DIO_X64_IMM8, dst, src, imm); }                                    \
  static inline void dio_x64_##name##_xmi (DioX64Asm *a, DioX64Xmm dst, DioX64Mem mem, uint8_t imm) \
  { dio_x64_put_rm (a, (enc) | DIO_X64_IMM8, dst, mem, imm); }

#define DIO_X64_VEX3(name, enc, rrr, rrm)                                                         \
  static inline void dio_x64_v##name##_##rrr (DioX64Asm *a, DioX64Xmm dst, DioX64Xmm s1, DioX64Xmm s2) \
  { dio_x64_put_vex_rr (a, enc, dst, s1, s2, 0); }                                                \
  static inline void dio_x64_v##name##_##rrm (DioX64Asm *a, DioX64Xmm dst, DioX64Xmm s1, DioX64Mem s2) \
  { dio_x64_put_vex_rm (a, enc, dst, s1, s2, 0); }

#define DIO_X64_VEX3_IMM(name, enc, rrri, rrmi)                                                   \
  static inline void dio_x64_v##name##_##rrri (DioX64Asm *a, DioX64Xmm dst, DioX64Xmm s1,         \
                                               DioX64Xmm s2, uint8_t imm)                         \
  { dio_x64_put_vex_rr (a, (enc) | DIO_X64_IMM8, dst, s1, s2, imm); }                             \
  static inline void dio_x64_v##name##_##rrmi (DioX64Asm *a, DioX64Xmm dst, DioX64Xmm s1,         \
                                               DioX64Mem s2, uint8_t imm)                         \
  { dio_x64_put_vex_rm (a, (enc) | DIO_X64_IMM8, dst, s1, s2, imm); }

#define DIO_X64_VEX2(name, enc, rr, rm)                                                           \
  static inline void dio_x64_v##name##_##rr (DioX64Asm *a, DioX64Xmm dst, DioX64Xmm src)          \
  { dio_x64_put_vex_rr (a, enc, dst, 0, src, 0); }                                                \
  static inline void dio_x64_v##name##_##rm (DioX64Asm *a, DioX64Xmm dst, DioX64Mem mem)          \
  { dio_x64_put_vex_rm (a, enc, dst, 0, mem, 0); }

#define DIO_X64_VEX2_IMM(name, enc, rri, rmi)                                                     \
  static inline void dio_x64_v##name##_##rri (DioX64Asm *a, DioX64Xmm dst, DioX64Xmm src, uint8_t imm) \
  { dio_x64_put_vex_rr (a, (enc) | DIO_X64_IMM8, dst, 0, src, imm); }                             \
  static inline void dio_x64_v##name##_##rmi (DioX64Asm *a, DioX64Xmm dst, DioX64Mem mem, uint8_t imm) \
  { dio_x64_put_vex_rm (a, (enc) | DIO_X64_IMM8, dst, 0, mem, imm); }

#define DIO_X64_BINARY_128(name, enc) DIO_X64_SSE (name, enc) DIO_X64_VEX3 (name, enc, xxx, xxm)
#define DIO_X64_BINARY(name, enc)                                                                 \
  DIO_X64_BINARY_128 (name, enc) DIO_X64_VEX3 (name, (enc) | DIO_X64_L, yyy, yym)
#define DIO_X64_BINARY_SSE(name, enc) DIO_X64_SSE (name, enc)
#define DIO_X64_BINARY_VEX(name, enc)                                                             \
  DIO_X64_VEX3 (name, enc, xxx, xxm) DIO_X64_VEX3 (name, (enc) | DIO_X64_L, yyy, yym)
#define DIO_X64_BINARY_IMM_128(name, enc)                                                         \
  DIO_X64_SSE_IMM (name, enc) DIO_X64_VEX3_IMM (name, enc, xxxi, xxmi)
#define DIO_X64_BINARY_IMM(name, enc)                                                             \
  DIO_X64_BINARY_IMM_128 (name, enc) DIO_X64_VEX3_IMM (name, (enc) | DIO_X64_L, yyyi, yymi)
#define DIO_X64_BINARY_IMM_SSE(name, enc) DIO_X64_SSE_IMM (name, enc)
#define DIO_X64_UNARY_VEX_128(name, enc) DIO_X64_VEX2 (name, enc, xx, xm)
#define DIO_X64_UNARY_128(name, enc) DIO_X64_SSE (name, enc) DIO_X64_VEX2 (name, enc, xx, xm)
#define DIO_X64_UNARY(name, enc)                                                                  \
  DIO_X64_UNARY_128 (name, enc) DIO_X64_VEX2 (name, (enc) | DIO_X64_L, yy, ym)
#define DIO_X64_UNARY_IMM_128(name, enc)                                                          \
  DIO_X64_SSE_IMM (name, enc) DIO_X64_VEX2_IMM (name, enc, xxi, xmi)
#define DIO_X64_UNARY_IMM(name, enc)                                                              \
  DIO_X64_UNARY_IMM_128 (name, enc) DIO_X64_VEX2_IMM (name, (enc) | DIO_X64_L, yyi, ymi)

/* The destination of the VEX form is in vvvv (NDD), as the field reg holds the digit. */
#define DIO_X64_SHIFT_ENC(enc) (((enc) & ((1 << DIO_X64_DIGIT_SHIFT) - 1)) | DIO_X64_IMM8)
#define DIO_X64_SHIFT(name, enc)                                                                  \
  static inline void dio_x64_##name##_xi (DioX64Asm *a, DioX64Xmm dst, uint8_t count)             \
  { dio_x64_put_rr (a, DIO_X64_SHIFT_ENC (enc), (enc) >> DIO_X64_DIGIT_SHIFT, dst, count); }      \
  static inline void dio_x64_v##name##_xxi (DioX64Asm *a, DioX64Xmm dst, DioX64Xmm src, uint8_t count) \
  { dio_x64_put_vex_rr (a, DIO_X64_SHIFT_ENC (enc), (enc) >> DIO_X64_DIGIT_SHIFT, dst, src, count); } \
  static inline void dio_x64_v##name##_yyi (DioX64Asm *a, DioX64Xmm dst, DioX64Xmm src, uint8_t count) \
  { dio_x64_put_vex_rr (a, DIO_X64_SHIFT_ENC (enc) | DIO_X64_L, (enc) >> DIO_X64_DIGIT_SHIFT, dst, src, count); }

#define X(kind, name, enc) DIO_X64_##kind (name, enc)
#include "core/jit/x86_64/x64-vector.inc"
#undef X
/* clang-format on */

/* Moves between registers: w = 4 (movd, clears the rest of the XMM register) or 8 (movq). */
static inline void
dio_x64_movq_xr (DioX64Asm *a, unsigned w, DioX64Xmm dst, DioX64Reg src)
{
  dio_x64_put_rr (a, 0x6e | DIO_X64_0F | DIO_X64_66 | dio_x64_wide (w), dst, src, 0);
}

static inline void
dio_x64_movq_rx (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Xmm src)
{
  dio_x64_put_rr (a, 0x7e | DIO_X64_0F | DIO_X64_66 | dio_x64_wide (w), src, dst, 0);
}

/* All 128 bits: the way to copy a register whatever is in it. */
static inline void
dio_x64_movaps_xx (DioX64Asm *a, DioX64Xmm dst, DioX64Xmm src)
{
  dio_x64_put_rr (a, 0x28 | DIO_X64_0F, dst, src, 0);
}

/* Loads and stores of 128 bits: movaps wants a multiple of 16. */
static inline void
dio_x64_movaps_xm (DioX64Asm *a, DioX64Xmm dst, DioX64Mem mem)
{
  dio_x64_put_rm (a, 0x28 | DIO_X64_0F, dst, mem, 0);
}

static inline void
dio_x64_movaps_mx (DioX64Asm *a, DioX64Mem mem, DioX64Xmm src)
{
  dio_x64_put_rm (a, 0x29 | DIO_X64_0F, src, mem, 0);
}

static inline void
dio_x64_movups_xm (DioX64Asm *a, DioX64Xmm dst, DioX64Mem mem)
{
  dio_x64_put_rm (a, 0x10 | DIO_X64_0F, dst, mem, 0);
}

static inline void
dio_x64_movups_mx (DioX64Asm *a, DioX64Mem mem, DioX64Xmm src)
{
  dio_x64_put_rm (a, 0x11 | DIO_X64_0F, src, mem, 0);
}

static inline void
dio_x64_movdqu_xm (DioX64Asm *a, DioX64Xmm dst, DioX64Mem mem)
{
  dio_x64_put_rm (a, 0x6f | DIO_X64_0F | DIO_X64_F3, dst, mem, 0);
}

static inline void
dio_x64_movdqu_mx (DioX64Asm *a, DioX64Mem mem, DioX64Xmm src)
{
  dio_x64_put_rm (a, 0x7f | DIO_X64_0F | DIO_X64_F3, src, mem, 0);
}

/* Scalar floating point: w = 4 for ...ss, 8 for ...sd, the rest of dst stays as it was. */
static inline uint32_t
dio_x64_scalar (unsigned w)
{
  return DIO_X64_0F | (w == 8 ? DIO_X64_F2 : DIO_X64_F3);
}

/* A load clears the rest of the register. */
static inline void
dio_x64_movs_xm (DioX64Asm *a, unsigned w, DioX64Xmm dst, DioX64Mem mem)
{
  dio_x64_put_rm (a, 0x10 | dio_x64_scalar (w), dst, mem, 0);
}

static inline void
dio_x64_movs_mx (DioX64Asm *a, unsigned w, DioX64Mem mem, DioX64Xmm src)
{
  dio_x64_put_rm (a, 0x11 | dio_x64_scalar (w), src, mem, 0);
}

static inline void
dio_x64_movs_xx (DioX64Asm *a, unsigned w, DioX64Xmm dst, DioX64Xmm src)
{
  dio_x64_put_rr (a, 0x10 | dio_x64_scalar (w), dst, src, 0);
}

static inline void
dio_x64_fp_xx (DioX64Asm *a, DioX64Fp op, unsigned w, DioX64Xmm dst, DioX64Xmm src)
{
  dio_x64_put_rr (a, op | dio_x64_scalar (w), dst, src, 0);
}

static inline void
dio_x64_fp_xm (DioX64Asm *a, DioX64Fp op, unsigned w, DioX64Xmm dst, DioX64Mem mem)
{
  dio_x64_put_rm (a, op | dio_x64_scalar (w), dst, mem, 0);
}

/* AVX: dst = s1 op s2 and the rest of s1; the root is that of s2. */
static inline void
dio_x64_vfp_xxx (DioX64Asm *a, DioX64Fp op, unsigned w, DioX64Xmm dst, DioX64Xmm s1, DioX64Xmm s2)
{
  dio_x64_put_vex_rr (a, op | dio_x64_scalar (w), dst, s1, s2, 0);
}

static inline void
dio_x64_vfp_xxm (DioX64Asm *a, DioX64Fp op, unsigned w, DioX64Xmm dst, DioX64Xmm s1, DioX64Mem s2)
{
  dio_x64_put_vex_rm (a, op | dio_x64_scalar (w), dst, s1, s2, 0);
}

/* Unordered: ZF, PF and CF; else as an unsigned comparison. */
static inline void
dio_x64_ucomis (DioX64Asm *a, unsigned w, DioX64Xmm x, DioX64Xmm y)
{
  dio_x64_put_rr (a, 0x2e | DIO_X64_0F | (w == 8 ? DIO_X64_66 : 0), x, y, 0);
}

static inline void
dio_x64_ucomis_xm (DioX64Asm *a, unsigned w, DioX64Xmm x, DioX64Mem y)
{
  dio_x64_put_rm (a, 0x2e | DIO_X64_0F | (w == 8 ? DIO_X64_66 : 0), x, y, 0);
}

/* The same, but quiet NaNs raise the invalid exception as well. */
static inline void
dio_x64_comis (DioX64Asm *a, unsigned w, DioX64Xmm x, DioX64Xmm y)
{
  dio_x64_put_rr (a, 0x2f | DIO_X64_0F | (w == 8 ? DIO_X64_66 : 0), x, y, 0);
}

static inline void
dio_x64_comis_xm (DioX64Asm *a, unsigned w, DioX64Xmm x, DioX64Mem y)
{
  dio_x64_put_rm (a, 0x2f | DIO_X64_0F | (w == 8 ? DIO_X64_66 : 0), x, y, 0);
}

/* From a signed integer of @w_int = 4 or 8 bytes. */
static inline void
dio_x64_cvtsi2s (DioX64Asm *a, unsigned w_fp, unsigned w_int, DioX64Xmm dst, DioX64Reg src)
{
  dio_x64_put_rr (a, 0x2a | dio_x64_scalar (w_fp) | dio_x64_wide (w_int), dst, src, 0);
}

/* To a signed integer, towards zero (cvtt) or as MXCSR says; out of range gives the lowest number.
 */
static inline void
dio_x64_cvtts2si (DioX64Asm *a, unsigned w_fp, unsigned w_int, DioX64Reg dst, DioX64Xmm src)
{
  dio_x64_put_rr (a, 0x2c | dio_x64_scalar (w_fp) | dio_x64_wide (w_int), dst, src, 0);
}

static inline void
dio_x64_cvts2si (DioX64Asm *a, unsigned w_fp, unsigned w_int, DioX64Reg dst, DioX64Xmm src)
{
  dio_x64_put_rr (a, 0x2d | dio_x64_scalar (w_fp) | dio_x64_wide (w_int), dst, src, 0);
}

static inline void
dio_x64_cvtss2sd (DioX64Asm *a, DioX64Xmm dst, DioX64Xmm src)
{
  dio_x64_put_rr (a, 0x5a | DIO_X64_0F | DIO_X64_F3, dst, src, 0);
}

static inline void
dio_x64_cvtsd2ss (DioX64Asm *a, DioX64Xmm dst, DioX64Xmm src)
{
  dio_x64_put_rr (a, 0x5a | DIO_X64_0F | DIO_X64_F2, dst, src, 0);
}

/* SSE4.1. @imm: 0 nearest even, 1 down, 2 up, 3 to zero, 4 as MXCSR says; + 8 never inexact. */
static inline void
dio_x64_rounds (DioX64Asm *a, unsigned w, DioX64Xmm dst, DioX64Xmm src, uint8_t imm)
{
  uint32_t opcode = w == 8 ? 0x0b : 0x0a;
  dio_x64_put_rr (a, opcode | DIO_X64_0F3A | DIO_X64_66 | DIO_X64_IMM8, dst, src, imm);
}

static inline uint32_t
dio_x64_vfma_enc (DioX64Fma kind, DioX64FmaOrder order, unsigned w)
{
  return (kind + order) | DIO_X64_0F38 | DIO_X64_66 | dio_x64_wide (w);
}

/* FMA, scalar and packed (128 bits); w = 4 or 8. */
static inline void
dio_x64_vfma (DioX64Asm *a, DioX64Fma kind, DioX64FmaOrder order, unsigned w, DioX64Xmm d,
              DioX64Xmm s1, DioX64Xmm s2)
{
  dio_x64_put_vex_rr (a, dio_x64_vfma_enc (kind, order, w) | 1, d, s1, s2, 0);
}

static inline void
dio_x64_vfma_xxm (DioX64Asm *a, DioX64Fma kind, DioX64FmaOrder order, unsigned w, DioX64Xmm d,
                  DioX64Xmm s1, DioX64Mem s2)
{
  dio_x64_put_vex_rm (a, dio_x64_vfma_enc (kind, order, w) | 1, d, s1, s2, 0);
}

static inline void
dio_x64_vfma_packed (DioX64Asm *a, DioX64Fma kind, DioX64FmaOrder order, unsigned w, DioX64Xmm d,
                     DioX64Xmm s1, DioX64Xmm s2)
{
  dio_x64_put_vex_rr (a, dio_x64_vfma_enc (kind, order, w), d, s1, s2, 0);
}

static inline void
dio_x64_ldmxcsr (DioX64Asm *a, DioX64Mem mem)
{
  dio_x64_put_rm (a, 0xae | DIO_X64_0F, 2, mem, 0);
}

static inline void
dio_x64_stmxcsr (DioX64Asm *a, DioX64Mem mem)
{
  dio_x64_put_rm (a, 0xae | DIO_X64_0F, 3, mem, 0);
}

/* After code that used YMM registers, before code that uses SSE. */
static inline void
dio_x64_vzeroupper (DioX64Asm *a)
{
  dio_x64_put_bytes (a, 0x77f8c5, 3);
}

static inline void
dio_x64_pmovmskb (DioX64Asm *a, DioX64Reg dst, DioX64Xmm src)
{
  dio_x64_put_rr (a, 0xd7 | DIO_X64_0F | DIO_X64_66, dst, src, 0);
}

static inline void
dio_x64_movmskps (DioX64Asm *a, DioX64Reg dst, DioX64Xmm src)
{
  dio_x64_put_rr (a, 0x50 | DIO_X64_0F, dst, src, 0);
}

static inline void
dio_x64_movmskpd (DioX64Asm *a, DioX64Reg dst, DioX64Xmm src)
{
  dio_x64_put_rr (a, 0x50 | DIO_X64_0F | DIO_X64_66, dst, src, 0);
}

static inline uint32_t
dio_x64_pinsr_enc (unsigned w)
{
  uint32_t enc = w == 1   ? 0x20 | DIO_X64_0F3A
                 : w == 2 ? 0xc4 | DIO_X64_0F
                 : w == 4 ? 0x22 | DIO_X64_0F3A
                          : 0x22 | DIO_X64_0F3A | DIO_X64_W;
  return enc | DIO_X64_66 | DIO_X64_IMM8;
}

/* One element of @w bytes; SSE4.1 but for w = 2. */
static inline void
dio_x64_pinsr (DioX64Asm *a, unsigned w, DioX64Xmm dst, DioX64Reg src, unsigned lane)
{
  dio_x64_put_rr (a, dio_x64_pinsr_enc (w), dst, src, (int32_t) lane);
}

static inline void
dio_x64_pinsr_xm (DioX64Asm *a, unsigned w, DioX64Xmm dst, DioX64Mem src, unsigned lane)
{
  dio_x64_put_rm (a, dio_x64_pinsr_enc (w), dst, src, (int32_t) lane);
}

static inline uint32_t
dio_x64_pextr_enc (unsigned w)
{
  uint32_t enc = w == 1 ? 0x14 : w == 2 ? 0x15 : w == 4 ? 0x16 : 0x16 | DIO_X64_W;
  return enc | DIO_X64_0F3A | DIO_X64_66 | DIO_X64_IMM8;
}

/* Zero-extended to 64 bits. */
static inline void
dio_x64_pextr (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Xmm src, unsigned lane)
{
  if (w == 2)
    dio_x64_put_rr (a, 0xc5 | DIO_X64_0F | DIO_X64_66 | DIO_X64_IMM8, dst, src, (int32_t) lane);
  else
    dio_x64_put_rr (a, dio_x64_pextr_enc (w), src, dst, (int32_t) lane);
}

static inline void
dio_x64_pextr_mx (DioX64Asm *a, unsigned w, DioX64Mem mem, DioX64Xmm src, unsigned lane)
{
  dio_x64_put_rm (a, dio_x64_pextr_enc (w), src, mem, (int32_t) lane);
}

/* AVX: each element of @dst is that of @s2 where the highest bit of @mask is set, else that of @s1.
 */
static inline void
dio_x64_vblendv (DioX64Asm *a, unsigned w, DioX64Xmm dst, DioX64Xmm s1, DioX64Xmm s2,
                 DioX64Xmm mask)
{
  uint32_t opcode = w == 1 ? 0x4c : w == 4 ? 0x4a : 0x4b;
  dio_x64_put_vex_rr (a, opcode | DIO_X64_0F3A | DIO_X64_66 | DIO_X64_IMM8, dst, s1, s2,
                      (int32_t) (mask << 4));
}
