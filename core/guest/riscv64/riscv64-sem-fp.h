/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the floating-point instructions of riscv64 mean, in the vocabulary of
 * core/guest/guest-sem.h. Arithmetic is that of core/fp/fp.h; RISC-V's rules are its mode 0.
 *
 * Included by each file that gives the vocabulary a meaning; hence no include guard, and no
 * includes but of constants. */
#include "core/guest/riscv64/riscv64-fli.h"

#define FP_ADDRESS ADD (GET_X (o->rs1), CONST (o->imm))
#define SIGN32 CONST (INT64_C (0x80000000))
#define SIGN64 CONST (INT64_MIN)
#define NO_ROUNDING CONST (DIO_FP_RNE)

/* Loads and stores. */

SEM (flw)
{
  FP_REQUIRE ();
  Val value = LOAD (u32, FP_ADDRESS);
  SET_F32 (o->rd, value);
  NEXT;
}

SEM (fld)
{
  FP_REQUIRE ();
  Val value = LOAD (u64, FP_ADDRESS);
  SET_F (o->rd, value);
  NEXT;
}

SEM (fsw)
{
  FP_REQUIRE ();
  STORE (32, FP_ADDRESS, GET_F (o->rs2));
  NEXT;
}

SEM (fsd)
{
  FP_REQUIRE ();
  STORE (64, FP_ADDRESS, GET_F (o->rs2));
  NEXT;
}

/* Arithmetic. */

#define FP_ARITHMETIC(name, op, GET, SET)                                                          \
  SEM (name)                                                                                       \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val rounding = FP_ROUNDING (o->rm);                                                            \
    Val result = FP_CALL2 (op, rounding, GET (o->rs1), GET (o->rs2));                              \
    SET (o->rd, result);                                                                           \
    NEXT;                                                                                          \
  }

FP_ARITHMETIC (fadd_s, add32, GET_F32, SET_F32)
FP_ARITHMETIC (fsub_s, sub32, GET_F32, SET_F32)
FP_ARITHMETIC (fmul_s, mul32, GET_F32, SET_F32)
FP_ARITHMETIC (fdiv_s, div32, GET_F32, SET_F32)
FP_ARITHMETIC (fadd_d, add64, GET_F, SET_F)
FP_ARITHMETIC (fsub_d, sub64, GET_F, SET_F)
FP_ARITHMETIC (fmul_d, mul64, GET_F, SET_F)
FP_ARITHMETIC (fdiv_d, div64, GET_F, SET_F)

/* Changed signs of operands are exact, and a NaN result is canonical anyway. */
#define FP_FUSED(name, op, GET, SET, NEGATE_PRODUCT, NEGATE_ADDEND, SIGN)                          \
  SEM (name)                                                                                       \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val rounding = FP_ROUNDING (o->rm);                                                            \
    Val factor = GET (o->rs1), addend = GET (o->rs3);                                              \
    if (NEGATE_PRODUCT)                                                                            \
      factor = XOR (factor, SIGN);                                                                 \
    if (NEGATE_ADDEND)                                                                             \
      addend = XOR (addend, SIGN);                                                                 \
    Val result = FP_CALL3 (op, rounding, factor, GET (o->rs2), addend);                            \
    SET (o->rd, result);                                                                           \
    NEXT;                                                                                          \
  }

FP_FUSED (fmadd_s, fma32, GET_F32, SET_F32, false, false, SIGN32)
FP_FUSED (fmsub_s, fma32, GET_F32, SET_F32, false, true, SIGN32)
FP_FUSED (fnmsub_s, fma32, GET_F32, SET_F32, true, false, SIGN32)
FP_FUSED (fnmadd_s, fma32, GET_F32, SET_F32, true, true, SIGN32)
FP_FUSED (fmadd_d, fma64, GET_F, SET_F, false, false, SIGN64)
FP_FUSED (fmsub_d, fma64, GET_F, SET_F, false, true, SIGN64)
FP_FUSED (fnmsub_d, fma64, GET_F, SET_F, true, false, SIGN64)
FP_FUSED (fnmadd_d, fma64, GET_F, SET_F, true, true, SIGN64)

/* One operand, rounded: roots and all conversions. A reserved rounding direction is illegal even
 * where the result is always exact. */
#define AS_RETURNED(a) (a)
#define FP_CONVERSION(name, op, GET, SET, EXTEND)                                                  \
  SEM (name)                                                                                       \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val rounding = FP_ROUNDING (o->rm);                                                            \
    Val result = FP_CALL1 (op, rounding, GET (o->rs1));                                            \
    SET (o->rd, EXTEND (result));                                                                  \
    NEXT;                                                                                          \
  }

FP_CONVERSION (fsqrt_s, sqrt32, GET_F32, SET_F32, AS_RETURNED)
FP_CONVERSION (fsqrt_d, sqrt64, GET_F, SET_F, AS_RETURNED)
FP_CONVERSION (fcvt_s_d, f64_to_f32, GET_F, SET_F32, AS_RETURNED)
FP_CONVERSION (fcvt_d_s, f32_to_f64, GET_F32, SET_F, AS_RETURNED)
FP_CONVERSION (fcvt_w_s, f32_to_i32, GET_F32, SET_X, AS_RETURNED)
FP_CONVERSION (fcvt_wu_s, f32_to_u32, GET_F32, SET_X, SEXT32)
FP_CONVERSION (fcvt_l_s, f32_to_i64, GET_F32, SET_X, AS_RETURNED)
FP_CONVERSION (fcvt_lu_s, f32_to_u64, GET_F32, SET_X, AS_RETURNED)
FP_CONVERSION (fcvt_w_d, f64_to_i32, GET_F, SET_X, AS_RETURNED)
FP_CONVERSION (fcvt_wu_d, f64_to_u32, GET_F, SET_X, SEXT32)
FP_CONVERSION (fcvt_l_d, f64_to_i64, GET_F, SET_X, AS_RETURNED)
FP_CONVERSION (fcvt_lu_d, f64_to_u64, GET_F, SET_X, AS_RETURNED)
FP_CONVERSION (fcvt_s_w, i32_to_f32, GET_X, SET_F32, AS_RETURNED)
FP_CONVERSION (fcvt_s_wu, u32_to_f32, GET_X, SET_F32, AS_RETURNED)
FP_CONVERSION (fcvt_s_l, i64_to_f32, GET_X, SET_F32, AS_RETURNED)
FP_CONVERSION (fcvt_s_lu, u64_to_f32, GET_X, SET_F32, AS_RETURNED)
FP_CONVERSION (fcvt_d_w, i32_to_f64, GET_X, SET_F, AS_RETURNED)
FP_CONVERSION (fcvt_d_wu, u32_to_f64, GET_X, SET_F, AS_RETURNED)
FP_CONVERSION (fcvt_d_l, i64_to_f64, GET_X, SET_F, AS_RETURNED)
FP_CONVERSION (fcvt_d_lu, u64_to_f64, GET_X, SET_F, AS_RETURNED)
FP_CONVERSION (fround_s, round32, GET_F32, SET_F32, AS_RETURNED)
FP_CONVERSION (froundnx_s, roundx32, GET_F32, SET_F32, AS_RETURNED)
FP_CONVERSION (fround_d, round64, GET_F, SET_F, AS_RETURNED)
FP_CONVERSION (froundnx_d, roundx64, GET_F, SET_F, AS_RETURNED)

SEM (fcvtmod_w_d)
{
  FP_REQUIRE ();
  Val result = FP_TEST1 (f64_to_i32_mod, GET_F (o->rs1));
  SET_X (o->rd, result);
  NEXT;
}

#define FP_EXTREMUM(name, op, GET, SET)                                                            \
  SEM (name)                                                                                       \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val result = FP_CALL2 (op, NO_ROUNDING, GET (o->rs1), GET (o->rs2));                           \
    SET (o->rd, result);                                                                           \
    NEXT;                                                                                          \
  }

FP_EXTREMUM (fmin_s, min32, GET_F32, SET_F32)
FP_EXTREMUM (fmax_s, max32, GET_F32, SET_F32)
FP_EXTREMUM (fmin_d, min64, GET_F, SET_F)
FP_EXTREMUM (fmax_d, max64, GET_F, SET_F)
FP_EXTREMUM (fminm_s, minm32, GET_F32, SET_F32)
FP_EXTREMUM (fmaxm_s, maxm32, GET_F32, SET_F32)
FP_EXTREMUM (fminm_d, minm64, GET_F, SET_F)
FP_EXTREMUM (fmaxm_d, maxm64, GET_F, SET_F)

/* Comparisons. */

#define FP_COMPARISON(name, op, GET)                                                               \
  SEM (name)                                                                                       \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val result = FP_TEST2 (op, GET (o->rs1), GET (o->rs2));                                        \
    SET_X (o->rd, result);                                                                         \
    NEXT;                                                                                          \
  }

FP_COMPARISON (feq_s, eq32, GET_F32)
FP_COMPARISON (flt_s, lt32, GET_F32)
FP_COMPARISON (fle_s, le32, GET_F32)
FP_COMPARISON (fltq_s, ltq32, GET_F32)
FP_COMPARISON (fleq_s, leq32, GET_F32)
FP_COMPARISON (feq_d, eq64, GET_F)
FP_COMPARISON (flt_d, lt64, GET_F)
FP_COMPARISON (fle_d, le64, GET_F)
FP_COMPARISON (fltq_d, ltq64, GET_F)
FP_COMPARISON (fleq_d, leq64, GET_F)

/* Signs, moves, classes, constants. */

#define FSGNJ(a, b, SIGN) OR (AND (a, NOT (SIGN)), AND (b, SIGN))
#define FSGNJN(a, b, SIGN) OR (AND (a, NOT (SIGN)), AND (NOT (b), SIGN))
#define FSGNJX(a, b, SIGN) XOR (a, AND (b, SIGN))

#define FP_SIGN_INJECTION(name, WORD, GET, SET, SIGN)                                              \
  SEM (name)                                                                                       \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val result = WORD (GET (o->rs1), GET (o->rs2), SIGN);                                          \
    SET (o->rd, result);                                                                           \
    NEXT;                                                                                          \
  }

FP_SIGN_INJECTION (fsgnj_s, FSGNJ, GET_F32, SET_F32, SIGN32)
FP_SIGN_INJECTION (fsgnjn_s, FSGNJN, GET_F32, SET_F32, SIGN32)
FP_SIGN_INJECTION (fsgnjx_s, FSGNJX, GET_F32, SET_F32, SIGN32)
FP_SIGN_INJECTION (fsgnj_d, FSGNJ, GET_F, SET_F, SIGN64)
FP_SIGN_INJECTION (fsgnjn_d, FSGNJN, GET_F, SET_F, SIGN64)
FP_SIGN_INJECTION (fsgnjx_d, FSGNJX, GET_F, SET_F, SIGN64)

SEM (fclass_s)
{
  FP_REQUIRE ();
  SET_X (o->rd, FP_PURE1 (class32, GET_F32 (o->rs1)));
  NEXT;
}

SEM (fclass_d)
{
  FP_REQUIRE ();
  SET_X (o->rd, FP_PURE1 (class64, GET_F (o->rs1)));
  NEXT;
}

/* The moves of a word do not look at the boxing. */
SEM (fmv_x_w)
{
  FP_REQUIRE ();
  SET_X (o->rd, SEXT32 (GET_F (o->rs1)));
  NEXT;
}

SEM (fmv_w_x)
{
  FP_REQUIRE ();
  SET_F32 (o->rd, ZEXT32 (GET_X (o->rs1)));
  NEXT;
}

SEM (fmv_x_d)
{
  FP_REQUIRE ();
  SET_X (o->rd, GET_F (o->rs1));
  NEXT;
}

SEM (fmv_d_x)
{
  FP_REQUIRE ();
  SET_F (o->rd, GET_X (o->rs1));
  NEXT;
}

SEM (fli_s)
{
  FP_REQUIRE ();
  SET_F32 (o->rd, CONST (dio_rv_fli32[o->rs1 & 31]));
  NEXT;
}

SEM (fli_d)
{
  FP_REQUIRE ();
  SET_F (o->rd, CONST (dio_rv_fli64 (o->rs1)));
  NEXT;
}

#undef FP_ADDRESS
#undef SIGN32
#undef SIGN64
#undef NO_ROUNDING
#undef FP_ARITHMETIC
#undef FP_FUSED
#undef AS_RETURNED
#undef FP_CONVERSION
#undef FP_EXTREMUM
#undef FP_COMPARISON
#undef FSGNJ
#undef FSGNJN
#undef FSGNJX
#undef FP_SIGN_INJECTION
