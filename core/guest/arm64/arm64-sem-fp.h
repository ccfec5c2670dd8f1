/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the scalar floating-point instructions of A64 mean, and the loads and stores of vector
 * registers, in the vocabulary of core/guest/guest-sem.h. Arithmetic is that of core/fp/fp.h.
 *
 * Included after arm64-sem-mem.h; no include guard, and no includes but of constants. */
#include "core/guest/arm64/arm64-fp-imm.h"

/* A scalar is the low end of a vector register; writing it clears the rest. */
#define GET_d(r) VEC_LOW (GET_V (r))
#define GET_s(r) ZEXT32 (GET_d (r))
#define GET_h(r) ZEXT16 (GET_d (r))
#define GET_b(r) ZEXT8 (GET_d (r))
#define SET_d(r, v) SET_V (r, VEC_MAKE (v, CONST (0)))
#define SET_s(r, v) SET_d (r, v)
#define SET_h(r, v) SET_d (r, v)
#define SIGN_s CONST (INT64_C (0x80000000))
#define SIGN_d CONST (INT64_MIN)
/* The mode in force but for its direction. */
#define FP_MODE_TO(direction) OR (AND (FP_MODE (), CONST (~7)), CONST (direction))

/* ---- Arithmetic ---- */

#define FP_UNARY(name, F, op, mode)                                                                \
  SEM (name##_##F)                                                                                 \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val result = FP_CALL1 (op, mode, GET_##F (o->rs1));                                            \
    SET_##F (o->rd, result);                                                                       \
    NEXT;                                                                                          \
  }
#define FP_BINARY(name, F, op)                                                                     \
  SEM (name##_##F)                                                                                 \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val result = FP_CALL2 (op, FP_MODE (), GET_##F (o->rs1), GET_##F (o->rs2));                    \
    SET_##F (o->rd, result);                                                                       \
    NEXT;                                                                                          \
  }
#define FP_FUSED(name, F, op, negate_product, negate_addend)                                       \
  SEM (name##_##F)                                                                                 \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val factor = GET_##F (o->rs1), addend = GET_##F (o->rs3);                                      \
    if (negate_product)                                                                            \
      factor = XOR (factor, SIGN_##F);                                                             \
    if (negate_addend)                                                                             \
      addend = XOR (addend, SIGN_##F);                                                             \
    Val result = FP_CALL3 (op, FP_MODE (), factor, GET_##F (o->rs2), addend);                      \
    SET_##F (o->rd, result);                                                                       \
    NEXT;                                                                                          \
  }

#define FP_ARITHMETIC(F, W)                                                                        \
  SEM (fmov_##F)                                                                                   \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    SET_##F (o->rd, GET_##F (o->rs1));                                                             \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (fabs_##F)                                                                                   \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    SET_##F (o->rd, AND (GET_##F (o->rs1), NOT (SIGN_##F)));                                       \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (fneg_##F)                                                                                   \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    SET_##F (o->rd, XOR (GET_##F (o->rs1), SIGN_##F));                                             \
    NEXT;                                                                                          \
  }                                                                                                \
  FP_UNARY (fsqrt, F, sqrt##W, FP_MODE ())                                                         \
  FP_UNARY (frintn, F, round##W, FP_MODE_TO (DIO_FP_RNE))                                          \
  FP_UNARY (frintp, F, round##W, FP_MODE_TO (DIO_FP_RUP))                                          \
  FP_UNARY (frintm, F, round##W, FP_MODE_TO (DIO_FP_RDN))                                          \
  FP_UNARY (frintz, F, round##W, FP_MODE_TO (DIO_FP_RTZ))                                          \
  FP_UNARY (frinta, F, round##W, FP_MODE_TO (DIO_FP_RMM))                                          \
  FP_UNARY (frinti, F, round##W, FP_MODE ())                                                       \
  FP_UNARY (frintx, F, roundx##W, FP_MODE ())                                                      \
  FP_BINARY (fadd, F, add##W)                                                                      \
  FP_BINARY (fsub, F, sub##W)                                                                      \
  FP_BINARY (fmul, F, mul##W)                                                                      \
  FP_BINARY (fdiv, F, div##W)                                                                      \
  FP_BINARY (fmax, F, maxm##W)                                                                     \
  FP_BINARY (fmin, F, minm##W)                                                                     \
  FP_BINARY (fmaxnm, F, max##W)                                                                    \
  FP_BINARY (fminnm, F, min##W)                                                                    \
  SEM (fnmul_##F)                                                                                  \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val result = FP_CALL2 (mul##W, FP_MODE (), GET_##F (o->rs1), GET_##F (o->rs2));                \
    SET_##F (o->rd, XOR (result, SIGN_##F));                                                       \
    NEXT;                                                                                          \
  }                                                                                                \
  FP_FUSED (fmadd, F, fma##W, false, false)                                                        \
  FP_FUSED (fmsub, F, fma##W, true, false)                                                         \
  FP_FUSED (fnmadd, F, fma##W, true, true)                                                         \
  FP_FUSED (fnmsub, F, fma##W, false, true)

FP_ARITHMETIC (s, 32)
FP_ARITHMETIC (d, 64)

#define FP_CONVERT(name, from, to, op)                                                             \
  SEM (name)                                                                                       \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val result = FP_CALL1 (op, FP_MODE (), GET_##from (o->rs1));                                   \
    SET_##to (o->rd, result);                                                                      \
    NEXT;                                                                                          \
  }

FP_CONVERT (fcvt_sd, s, d, f32_to_f64)
FP_CONVERT (fcvt_sh, s, h, f32_to_f16)
FP_CONVERT (fcvt_ds, d, s, f64_to_f32)
FP_CONVERT (fcvt_dh, d, h, f64_to_f16)
FP_CONVERT (fcvt_hs, h, s, f16_to_f32)
FP_CONVERT (fcvt_hd, h, d, f16_to_f64)

/* ---- Comparisons ---- */

#define FP_COMPARISON(name, F, op, W, first, second)                                               \
  SEM (name##_##F)                                                                                 \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val a = FP_CALL1 (flush##W, FP_MODE (), first);                                                \
    Val b = FP_CALL1 (flush##W, FP_MODE (), second);                                               \
    FLAGS_COMPARE (op, W, a, b);                                                                   \
    NEXT;                                                                                          \
  }
/* When the condition does not hold nothing is compared: as if two zeros were. */
#define FP_CONDITIONAL(name, F, op, W)                                                             \
  SEM (name##_##F)                                                                                 \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val really = CONDITION (o->rs3);                                                               \
    Val x = SELECT (really, GET_##F (o->rs1), CONST (0));                                          \
    Val y = SELECT (really, GET_##F (o->rs2), CONST (0));                                          \
    Val a = FP_CALL1 (flush##W, FP_MODE (), x);                                                    \
    Val b = FP_CALL1 (flush##W, FP_MODE (), y);                                                    \
    FLAGS_COMPARE (op, W, a, b);                                                                   \
    FLAGS_UNLESS (really, o->rd);                                                                  \
    NEXT;                                                                                          \
  }
#define FP_COMPARISONS(F, W)                                                                       \
  FP_COMPARISON (fcmp, F, compare, W, GET_##F (o->rs1), GET_##F (o->rs2))                          \
  FP_COMPARISON (fcmpe, F, comparee, W, GET_##F (o->rs1), GET_##F (o->rs2))                        \
  FP_COMPARISON (fcmp_zero, F, compare, W, GET_##F (o->rs1), CONST (0))                            \
  FP_COMPARISON (fcmpe_zero, F, comparee, W, GET_##F (o->rs1), CONST (0))                          \
  FP_CONDITIONAL (fccmp, F, compare, W)                                                            \
  FP_CONDITIONAL (fccmpe, F, comparee, W)                                                          \
  SEM (fcsel_##F)                                                                                  \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    SET_##F (o->rd, SELECT (CONDITION (o->rs3), GET_##F (o->rs1), GET_##F (o->rs2)));              \
    NEXT;                                                                                          \
  }

FP_COMPARISONS (s, 32)
FP_COMPARISONS (d, 64)

/* ---- Moves ---- */

SEM (fmov_imm_s)
{
  FP_REQUIRE ();
  SET_s (o->rd, CONST ((int64_t) dio_a64_expand_fp32 ((unsigned) o->wide)));
  NEXT;
}

SEM (fmov_imm_d)
{
  FP_REQUIRE ();
  SET_d (o->rd, CONST (dio_a64_expand_fp64 ((unsigned) o->wide)));
  NEXT;
}

SEM (fmov_w_s)
{
  FP_REQUIRE ();
  SET_X (o->rd, GET_s (o->rs1));
  NEXT;
}

SEM (fmov_x_d)
{
  FP_REQUIRE ();
  SET_X (o->rd, GET_d (o->rs1));
  NEXT;
}

SEM (fmov_x_top)
{
  FP_REQUIRE ();
  SET_X (o->rd, VEC_HIGH (GET_V (o->rs1)));
  NEXT;
}

SEM (fmov_s_w)
{
  FP_REQUIRE ();
  SET_s (o->rd, ZEXT32 (GET_X (o->rs1)));
  NEXT;
}

SEM (fmov_d_x)
{
  FP_REQUIRE ();
  SET_d (o->rd, GET_X (o->rs1));
  NEXT;
}

SEM (fmov_top_x)
{
  FP_REQUIRE ();
  SET_V (o->rd, VEC_MAKE (VEC_LOW (GET_V (o->rd)), GET_X (o->rs1)));
  NEXT;
}

/* ---- Integers ---- */

#define FP_TO_INTEGER(name, W, F, mode, op)                                                        \
  SEM (name##_##W##_##F)                                                                           \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val result = FP_CALL1 (op, mode, GET_##F (o->rs1));                                            \
    SET_##W (o->rd, result);                                                                       \
    NEXT;                                                                                          \
  }
#define FP_FROM_INTEGER(name, W, F, mode, op, EXTEND)                                              \
  SEM (name##_##W##_##F)                                                                           \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val result = FP_CALL1 (op, mode, EXTEND (GET_X (o->rs1)));                                     \
    SET_##F (o->rd, result);                                                                       \
    NEXT;                                                                                          \
  }
#define FBITS CONST ((int64_t) (64 - o->imm) << DIO_FP_SCALE_SHIFT)
#define FP_INTEGERS(W, F, fi, fu, if_, uf_, SIGNED, UNSIGNED)                                      \
  FP_TO_INTEGER (fcvtns, W, F, FP_MODE_TO (DIO_FP_RNE), fi)                                        \
  FP_TO_INTEGER (fcvtnu, W, F, FP_MODE_TO (DIO_FP_RNE), fu)                                        \
  FP_TO_INTEGER (fcvtas, W, F, FP_MODE_TO (DIO_FP_RMM), fi)                                        \
  FP_TO_INTEGER (fcvtau, W, F, FP_MODE_TO (DIO_FP_RMM), fu)                                        \
  FP_TO_INTEGER (fcvtps, W, F, FP_MODE_TO (DIO_FP_RUP), fi)                                        \
  FP_TO_INTEGER (fcvtpu, W, F, FP_MODE_TO (DIO_FP_RUP), fu)                                        \
  FP_TO_INTEGER (fcvtms, W, F, FP_MODE_TO (DIO_FP_RDN), fi)                                        \
  FP_TO_INTEGER (fcvtmu, W, F, FP_MODE_TO (DIO_FP_RDN), fu)                                        \
  FP_TO_INTEGER (fcvtzs, W, F, FP_MODE_TO (DIO_FP_RTZ), fi)                                        \
  FP_TO_INTEGER (fcvtzu, W, F, FP_MODE_TO (DIO_FP_RTZ), fu)                                        \
  FP_TO_INTEGER (fcvtzs_fixed, W, F, OR (FP_MODE_TO (DIO_FP_RTZ), FBITS), fi)                      \
  FP_TO_INTEGER (fcvtzu_fixed, W, F, OR (FP_MODE_TO (DIO_FP_RTZ), FBITS), fu)                      \
  FP_FROM_INTEGER (scvtf, W, F, FP_MODE (), if_, SIGNED)                                           \
  FP_FROM_INTEGER (ucvtf, W, F, FP_MODE (), uf_, UNSIGNED)                                         \
  FP_FROM_INTEGER (scvtf_fixed, W, F, OR (FP_MODE (), FBITS), if_, SIGNED)                         \
  FP_FROM_INTEGER (ucvtf_fixed, W, F, OR (FP_MODE (), FBITS), uf_, UNSIGNED)

FP_INTEGERS (w, s, f32_to_i32, f32_to_u32, i64_to_f32, u64_to_f32, SEXT32, ZEXT32)
FP_INTEGERS (x, s, f32_to_i64, f32_to_u64, i64_to_f32, u64_to_f32, SIGNED_x, UNSIGNED_x)
FP_INTEGERS (w, d, f64_to_i32, f64_to_u32, i64_to_f64, u64_to_f64, SEXT32, ZEXT32)
FP_INTEGERS (x, d, f64_to_i64, f64_to_u64, i64_to_f64, u64_to_f64, SIGNED_x, UNSIGNED_x)

SEM (fjcvtzs_w_d)
{
  FP_REQUIRE ();
  Val result = FP_CALL1 (f64_to_i32_js, FP_MODE (), GET_d (o->rs1));
  SET_NZCV (SHL (AND (SHR (result, CONST (32)), CONST (1)), CONST (30)));
  SET_w (o->rd, result);
  NEXT;
}

/* ---- Loads and stores ---- */

#define LOADED_V_b(address) VEC_MAKE (LOAD (u8, address), CONST (0))
#define LOADED_V_h(address) VEC_MAKE (LOAD (u16, address), CONST (0))
#define LOADED_V_s(address) VEC_MAKE (LOAD (u32, address), CONST (0))
#define LOADED_V_d(address) VEC_MAKE (LOAD (u64, address), CONST (0))
#define LOADED_V_q(address) LOAD_V128 (address)
#define STORE_V_b(address, vec) STORE (8, address, VEC_LOW (vec))
#define STORE_V_h(address, vec) STORE (16, address, VEC_LOW (vec))
#define STORE_V_s(address, vec) STORE (32, address, VEC_LOW (vec))
#define STORE_V_d(address, vec) STORE (64, address, VEC_LOW (vec))
#define STORE_V_q(address, vec) STORE_V128 (address, vec)

#define VECTOR_ACCESS(F, log2, scale)                                                              \
  SEM (ldr_uimm_##F)                                                                               \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val address = ADD (BASE (o->rs1), CONST ((int64_t) o->imm * (1 << (scale))));                  \
    Vec value = LOADED_V_##F (address);                                                            \
    SET_V (o->rd, value);                                                                          \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (ldur_u_##F)                                                                                 \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Vec value = LOADED_V_##F (ADDRESS);                                                            \
    SET_V (o->rd, value);                                                                          \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (ldr_post_##F)                                                                               \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val address = BASE (o->rs1);                                                                   \
    Vec value = LOADED_V_##F (address);                                                            \
    SET_V (o->rd, value);                                                                          \
    SET_SP (o->rs1, ADD (address, CONST (o->imm)));                                                \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (ldr_pre_##F)                                                                                \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val address = ADDRESS;                                                                         \
    Vec value = LOADED_V_##F (address);                                                            \
    SET_V (o->rd, value);                                                                          \
    SET_SP (o->rs1, address);                                                                      \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (ldr_reg_##F)                                                                                \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Vec value = LOADED_V_##F (INDEXED (log2));                                                     \
    SET_V (o->rd, value);                                                                          \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (str_uimm_##F)                                                                               \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val address = ADD (BASE (o->rs1), CONST ((int64_t) o->imm * (1 << (scale))));                  \
    STORE_V_##F (address, GET_V (o->rs3));                                                         \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (stur_u_##F)                                                                                 \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    STORE_V_##F (ADDRESS, GET_V (o->rs3));                                                         \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (str_post_##F)                                                                               \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val address = BASE (o->rs1);                                                                   \
    STORE_V_##F (address, GET_V (o->rs3));                                                         \
    SET_SP (o->rs1, ADD (address, CONST (o->imm)));                                                \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (str_pre_##F)                                                                                \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val address = ADDRESS;                                                                         \
    STORE_V_##F (address, GET_V (o->rs3));                                                         \
    SET_SP (o->rs1, address);                                                                      \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (str_reg_##F)                                                                                \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    STORE_V_##F (INDEXED (log2), GET_V (o->rs3));                                                  \
    NEXT;                                                                                          \
  }

VECTOR_ACCESS (b, 0, 0)
VECTOR_ACCESS (h, 1, 0)
VECTOR_ACCESS (s, 2, 0)
VECTOR_ACCESS (d, 3, 0)
VECTOR_ACCESS (q, 4, 4)

#define VECTOR_LITERAL(F)                                                                          \
  SEM (ldr_lit_##F)                                                                                \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Vec value = LOADED_V_##F (ADD (PC, CONST (o->wide)));                                          \
    SET_V (o->rd, value);                                                                          \
    NEXT;                                                                                          \
  }

VECTOR_LITERAL (s)
VECTOR_LITERAL (d)
VECTOR_LITERAL (q)

/* Pairs of s and d are one access of 8 or 16 bytes, those of q two. */
#define LOADED_PAIR_s                                                                              \
  Val pair = LOAD (u64, address);                                                                  \
  Vec first = VEC_MAKE (ZEXT32 (pair), CONST (0));                                                 \
  Vec second = VEC_MAKE (SHR (pair, CONST (32)), CONST (0))
#define LOADED_PAIR_d                                                                              \
  Vec pair = LOAD_V128 (address);                                                                  \
  Vec first = VEC_MAKE (VEC_LOW (pair), CONST (0));                                                \
  Vec second = VEC_MAKE (VEC_HIGH (pair), CONST (0))
#define LOADED_PAIR_q                                                                              \
  Vec first = LOAD_V128 (address);                                                                 \
  Vec second = LOAD_V128 (ADD (address, CONST (16)))
#define STORE_VECTORS_s STORE (64, address, OR (GET_s (o->rs3), SHL (GET_s (o->rs2), CONST (32))))
#define STORE_VECTORS_d STORE_V128 (address, VEC_MAKE (GET_d (o->rs3), GET_d (o->rs2)))
#define STORE_VECTORS_q                                                                            \
  do {                                                                                             \
    STORE_V128 (address, GET_V (o->rs3));                                                          \
    STORE_V128 (ADD (address, CONST (16)), GET_V (o->rs2));                                        \
  } while (0)

#define VECTOR_PAIRS(F, scale)                                                                     \
  SEM (ldp_off_##F)                                                                                \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val address = ADD (BASE (o->rs1), CONST ((int64_t) o->imm * (1 << (scale))));                  \
    LOADED_PAIR_##F;                                                                               \
    SET_V (o->rd, first);                                                                          \
    SET_V (o->rs3, second);                                                                        \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (ldp_post_##F)                                                                               \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val address = BASE (o->rs1);                                                                   \
    LOADED_PAIR_##F;                                                                               \
    SET_V (o->rd, first);                                                                          \
    SET_V (o->rs3, second);                                                                        \
    SET_SP (o->rs1, ADD (address, CONST ((int64_t) o->imm *(1 << (scale)))));                      \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (ldp_pre_##F)                                                                                \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val address = ADD (BASE (o->rs1), CONST ((int64_t) o->imm * (1 << (scale))));                  \
    LOADED_PAIR_##F;                                                                               \
    SET_V (o->rd, first);                                                                          \
    SET_V (o->rs3, second);                                                                        \
    SET_SP (o->rs1, address);                                                                      \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (stp_off_##F)                                                                                \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val address = ADD (BASE (o->rs1), CONST ((int64_t) o->imm * (1 << (scale))));                  \
    STORE_VECTORS_##F;                                                                             \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (stp_post_##F)                                                                               \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val address = BASE (o->rs1);                                                                   \
    STORE_VECTORS_##F;                                                                             \
    SET_SP (o->rs1, ADD (address, CONST ((int64_t) o->imm *(1 << (scale)))));                      \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (stp_pre_##F)                                                                                \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val address = ADD (BASE (o->rs1), CONST ((int64_t) o->imm * (1 << (scale))));                  \
    STORE_VECTORS_##F;                                                                             \
    SET_SP (o->rs1, address);                                                                      \
    NEXT;                                                                                          \
  }

VECTOR_PAIRS (s, 0)
VECTOR_PAIRS (d, 0)
VECTOR_PAIRS (q, 4)
