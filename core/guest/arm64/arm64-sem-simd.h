/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the vector instructions of A64 mean, in the vocabulary of core/guest/guest-sem.h. Lanes of
 * integers are the work of core/vec/vec.h, those of floating point of core/fp/fp.h.
 *
 * Included after arm64-sem-fp.h; no include guard, and no includes but of constants. */
#include "core/guest/arm64/arm64-simd-imm.h"

#define NO_VEC VEC_MAKE (CONST (0), CONST (0))
#define LOW_HALF(vec) VEC_MAKE (VEC_LOW (vec), CONST (0))
#define HIGH_HALF(vec) VEC_MAKE (VEC_HIGH (vec), CONST (0))

/* rs3: size and Q. Instructions on half a register read zeros above and clear what is there. */
#define SIZE (o->rs3 >> 1)
#define FULL (o->rs3 & 1)
#define IN(r) (FULL ? GET_V (r) : LOW_HALF (GET_V (r)))
#define OUT(vec)                                                                                   \
  do {                                                                                             \
    Vec out_ = (vec);                                                                              \
    SET_V (o->rd, FULL ? out_ : LOW_HALF (out_));                                                  \
  } while (0)
/* Where Q chooses the half that a widening instruction reads or a narrowing one writes. */
#define IN_HALF(r) (FULL ? HIGH_HALF (GET_V (r)) : LOW_HALF (GET_V (r)))
#define OUT_HALF(vec)                                                                              \
  do {                                                                                             \
    Vec out_ = (vec);                                                                              \
    SET_V (o->rd, FULL ? VEC_MAKE (VEC_LOW (GET_V (o->rd)), VEC_LOW (out_)) : LOW_HALF (out_));    \
  } while (0)
/* Scalars: rs3 is the size; the other lanes are zero. */
#define LANE_MASK(size) CONST (UINT64_MAX >> (64 - (8 << (size))))
#define IN_LANE(size, r) VEC_MAKE (AND (VEC_LOW (GET_V (r)), LANE_MASK (size)), CONST (0))
#define OUT_LANE(size, vec)                                                                        \
  do {                                                                                             \
    Vec out_ = (vec);                                                                              \
    SET_V (o->rd, VEC_MAKE (AND (VEC_LOW (out_), LANE_MASK (size)), CONST (0)));                   \
  } while (0)

#define SIMD(name, body)                                                                           \
  SEM (name)                                                                                       \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    body;                                                                                          \
    NEXT;                                                                                          \
  }

/* ---- Three registers of one kind ---- */

#define VEC_BINARY(name)                                                                           \
  SIMD (name##_v, Vec result = VEC2 (name, SIZE, GET_V (o->rs1), GET_V (o->rs2)); OUT (result))
#define VEC_BINARY_SAT(name)                                                                       \
  SIMD (name##_v, Vec result = VEC_SAT2 (name, SIZE, IN (o->rs1), IN (o->rs2)); OUT (result))
/* What is between the two registers, or in one after the other when they are halves. */
#define VEC_PAIRWISE(name)                                                                         \
  SIMD (name##_v, Vec both = VEC_MAKE (VEC_LOW (GET_V (o->rs1)), VEC_LOW (GET_V (o->rs2)));        \
        OUT (FULL ? VEC2 (name, SIZE, GET_V (o->rs1), GET_V (o->rs2))                              \
                  : VEC2 (name, SIZE, both, NO_VEC)))
#define VEC_ACCUMULATE(name, how, op)                                                              \
  SIMD (name##_v, Vec made = VEC2 (op, SIZE, GET_V (o->rs1), GET_V (o->rs2));                      \
        OUT (VEC2 (how, SIZE, GET_V (o->rd), made)))

VEC_BINARY (shadd)
VEC_BINARY (srhadd)
VEC_BINARY (shsub)
VEC_BINARY (smax)
VEC_BINARY (smin)
VEC_BINARY (sabd)
VEC_BINARY (mul)
VEC_BINARY (uhadd)
VEC_BINARY (urhadd)
VEC_BINARY (uhsub)
VEC_BINARY (umax)
VEC_BINARY (umin)
VEC_BINARY (uabd)
VEC_BINARY (pmul)
VEC_BINARY (cmgt)
VEC_BINARY (cmge)
VEC_BINARY (sshl)
VEC_BINARY (srshl)
VEC_BINARY (cmtst)
VEC_BINARY (cmhi)
VEC_BINARY (cmhs)
VEC_BINARY (ushl)
VEC_BINARY (urshl)
VEC_BINARY (cmeq)
VEC_BINARY (add)
VEC_BINARY (sub)
VEC_BINARY_SAT (sqadd)
VEC_BINARY_SAT (sqsub)
VEC_BINARY_SAT (sqshl)
VEC_BINARY_SAT (sqrshl)
VEC_BINARY_SAT (uqadd)
VEC_BINARY_SAT (uqsub)
VEC_BINARY_SAT (uqshl)
VEC_BINARY_SAT (uqrshl)
VEC_BINARY_SAT (sqdmulh)
VEC_BINARY_SAT (sqrdmulh)
VEC_PAIRWISE (smaxp)
VEC_PAIRWISE (sminp)
VEC_PAIRWISE (umaxp)
VEC_PAIRWISE (uminp)
VEC_PAIRWISE (addp)
VEC_ACCUMULATE (saba, add, sabd)
VEC_ACCUMULATE (uaba, add, uabd)
VEC_ACCUMULATE (mla, add, mul)
VEC_ACCUMULATE (mls, sub, mul)

#define VEC_LOGIC(name, op) SIMD (name##_v, OUT (VEC2 (op, 3, GET_V (o->rs1), GET_V (o->rs2))))

VEC_LOGIC (and, and)
VEC_LOGIC (bic, bic)
VEC_LOGIC (orr, or)
VEC_LOGIC (orn, orn)
VEC_LOGIC (eor, xor)
SIMD (bsl_v, OUT (VEC3 (bsl, 3, GET_V (o->rd), GET_V (o->rs1), GET_V (o->rs2))))
SIMD (bit_v, OUT (VEC3 (bsl, 3, GET_V (o->rs2), GET_V (o->rs1), GET_V (o->rd))))
SIMD (bif_v, OUT (VEC3 (bsl, 3, GET_V (o->rs2), GET_V (o->rd), GET_V (o->rs1))))

#define LANE_BINARY(name)                                                                          \
  SIMD (name##_z, OUT_LANE (o->rs3, VEC2 (name, o->rs3, IN_LANE (o->rs3, o->rs1),                  \
                                          IN_LANE (o->rs3, o->rs2))))
#define LANE_BINARY_SAT(name)                                                                      \
  SIMD (name##_z,                                                                                  \
        Vec result = VEC_SAT2 (name, o->rs3, IN_LANE (o->rs3, o->rs1), IN_LANE (o->rs3, o->rs2));  \
        OUT_LANE (o->rs3, result))

LANE_BINARY_SAT (sqadd)
LANE_BINARY_SAT (sqsub)
LANE_BINARY_SAT (sqshl)
LANE_BINARY_SAT (sqrshl)
LANE_BINARY_SAT (uqadd)
LANE_BINARY_SAT (uqsub)
LANE_BINARY_SAT (uqshl)
LANE_BINARY_SAT (uqrshl)
LANE_BINARY_SAT (sqdmulh)
LANE_BINARY_SAT (sqrdmulh)
LANE_BINARY (cmgt)
LANE_BINARY (cmge)
LANE_BINARY (sshl)
LANE_BINARY (srshl)
LANE_BINARY (add)
LANE_BINARY (cmtst)
LANE_BINARY (cmhi)
LANE_BINARY (cmhs)
LANE_BINARY (ushl)
LANE_BINARY (urshl)
LANE_BINARY (sub)
LANE_BINARY (cmeq)

/* ---- Floating point of lanes: rs3 is whether they are double words, and Q ---- */

#define DOUBLE (o->rs3 >> 1)
#define LANES ((FULL ? 4 : 2) >> DOUBLE)
#define FP_SIGN(lanes_are_double)                                                                  \
  VEC_DUP ((lanes_are_double) ? 3 : 2, (lanes_are_double) ? SIGN_d : SIGN_s)

/* @double_, @lanes: one lane for scalars. */
#define LANES_1(op, double_, lanes, mode, a)                                                       \
  ((double_) ? VEC_FP1 (op##64, 64, lanes, mode, a) : VEC_FP1 (op##32, 32, lanes, mode, a))
#define LANES_2(op, double_, lanes, mode, a, b)                                                    \
  ((double_) ? VEC_FP2 (op##64, 64, lanes, mode, a, b) : VEC_FP2 (op##32, 32, lanes, mode, a, b))
#define LANES_3(op, double_, lanes, mode, a, b, d)                                                 \
  ((double_) ? VEC_FP3 (op##64, 64, lanes, mode, a, b, d)                                          \
             : VEC_FP3 (op##32, 32, lanes, mode, a, b, d))
#define LANES_TEST(op, double_, lanes, a, b)                                                       \
  ((double_) ? VEC_FP_TEST2 (op##64, 64, lanes, a, b) : VEC_FP_TEST2 (op##32, 32, lanes, a, b))
#define FLUSHED(double_, lanes, a) LANES_1 (flush, double_, lanes, FP_MODE (), a)

/* Both forms of an instruction: all lanes, and a scalar, where rs3 is just the size. */
#define VECTOR_AND_SCALAR(X, ...)                                                                  \
  X (_v, DOUBLE, LANES, __VA_ARGS__)                                                               \
  X (_z, o->rs3, 1, __VA_ARGS__)

#define FP_LANES_2(suffix, double_, lanes, name, op)                                               \
  SIMD (name##suffix,                                                                              \
        Vec result = LANES_2 (op, double_, lanes, FP_MODE (), GET_V (o->rs1), GET_V (o->rs2));     \
        SET_V (o->rd, result))
#define FP_VECTOR(name, op) FP_LANES_2 (_v, DOUBLE, LANES, name, op)

FP_VECTOR (fadd, add)
FP_VECTOR (fsub, sub)
FP_VECTOR (fmul, mul)
FP_VECTOR (fdiv, div)
FP_VECTOR (fmax, maxm)
FP_VECTOR (fmin, minm)
FP_VECTOR (fmaxnm, max)
FP_VECTOR (fminnm, min)
VECTOR_AND_SCALAR (FP_LANES_2, fmulx, mulx)
VECTOR_AND_SCALAR (FP_LANES_2, frecps, recip_step)
VECTOR_AND_SCALAR (FP_LANES_2, frsqrts, rsqrt_step)

#define FP_DIFFERENCE(suffix, double_, lanes, ...)                                                 \
  SIMD (fabd##suffix,                                                                              \
        Vec result = LANES_2 (sub, double_, lanes, FP_MODE (), GET_V (o->rs1), GET_V (o->rs2));    \
        SET_V (o->rd, VEC2 (bic, 3, result, FP_SIGN (double_))))
VECTOR_AND_SCALAR (FP_DIFFERENCE, )

SIMD (fmla_v, Vec result = LANES_3 (fma, DOUBLE, LANES, FP_MODE (), GET_V (o->rs1), GET_V (o->rs2),
                                    GET_V (o->rd));
      SET_V (o->rd, result))
SIMD (fmls_v, Vec factor = VEC2 (xor, 3, GET_V (o->rs1), FP_SIGN (DOUBLE));
      Vec result = LANES_3 (fma, DOUBLE, LANES, FP_MODE (), factor, GET_V (o->rs2), GET_V (o->rd));
      SET_V (o->rd, result))

/* Comparisons; @first and @second are registers, with @clear without their signs. */
#define FP_COMPARE(name, suffix, double_, lanes, op, first, second, clear)                         \
  SIMD (                                                                                           \
      name##suffix, Vec x = first; Vec y = second; if (clear) {                                    \
        x = VEC2 (bic, 3, x, FP_SIGN (double_));                                                   \
        y = VEC2 (bic, 3, y, FP_SIGN (double_));                                                   \
      } Vec a = FLUSHED (double_, lanes, x);                                                       \
      Vec b = FLUSHED (double_, lanes, y); Vec result = LANES_TEST (op, double_, lanes, a, b);     \
      SET_V (o->rd, result))
#define FP_COMPARES(suffix, double_, lanes, ...)                                                   \
  FP_COMPARE (fcmeq, suffix, double_, lanes, eq, GET_V (o->rs1), GET_V (o->rs2), false)            \
  FP_COMPARE (fcmge, suffix, double_, lanes, le, GET_V (o->rs2), GET_V (o->rs1), false)            \
  FP_COMPARE (fcmgt, suffix, double_, lanes, lt, GET_V (o->rs2), GET_V (o->rs1), false)            \
  FP_COMPARE (facge, suffix, double_, lanes, le, GET_V (o->rs2), GET_V (o->rs1), true)             \
  FP_COMPARE (facgt, suffix, double_, lanes, lt, GET_V (o->rs2), GET_V (o->rs1), true)             \
  FP_COMPARE (fcmeqz, suffix, double_, lanes, eq, GET_V (o->rs1), NO_VEC, false)                   \
  FP_COMPARE (fcmgez, suffix, double_, lanes, le, NO_VEC, GET_V (o->rs1), false)                   \
  FP_COMPARE (fcmgtz, suffix, double_, lanes, lt, NO_VEC, GET_V (o->rs1), false)                   \
  FP_COMPARE (fcmlez, suffix, double_, lanes, le, GET_V (o->rs1), NO_VEC, false)                   \
  FP_COMPARE (fcmltz, suffix, double_, lanes, lt, GET_V (o->rs1), NO_VEC, false)
VECTOR_AND_SCALAR (FP_COMPARES, )

/* Pairs: even lanes with odd ones, of both registers or of one after the other. */
#define FP_PAIRWISE(name, op)                                                                      \
  SIMD (name##_v, Vec both = VEC_MAKE (VEC_LOW (GET_V (o->rs1)), VEC_LOW (GET_V (o->rs2)));        \
        Vec x = FULL ? GET_V (o->rs1) : both; Vec y = FULL ? GET_V (o->rs2) : NO_VEC;              \
        Vec even = VEC2 (uzp1, 2 + DOUBLE, x, y); Vec odd = VEC2 (uzp2, 2 + DOUBLE, x, y);         \
        Vec result = LANES_2 (op, DOUBLE, LANES, FP_MODE (), even, odd); SET_V (o->rd, result))    \
  SIMD (name##_z, Vec odd = VEC2 (uzp2, 2 + o->rs3, GET_V (o->rs1), NO_VEC);                       \
        Vec result = LANES_2 (op, o->rs3, 1, FP_MODE (), GET_V (o->rs1), odd);                     \
        SET_V (o->rd, result))
FP_PAIRWISE (faddp, add)
FP_PAIRWISE (fmaxp, maxm)
FP_PAIRWISE (fminp, minm)
FP_PAIRWISE (fmaxnmp, max)
FP_PAIRWISE (fminnmp, min)

#define FP_ACROSS(name, op)                                                                        \
  SIMD (name##_v, Vec all = GET_V (o->rs1);                                                        \
        Vec two = VEC_FP2 (op##32, 32, 2, FP_MODE (), VEC2 (uzp1, 2, all, all),                    \
                           VEC2 (uzp2, 2, all, all));                                              \
        Vec result = VEC_FP2 (op##32, 32, 1, FP_MODE (), two, VEC2 (uzp2, 2, two, two));           \
        SET_V (o->rd, result))
FP_ACROSS (fmaxv, maxm)
FP_ACROSS (fminv, minm)
FP_ACROSS (fmaxnmv, max)
FP_ACROSS (fminnmv, min)

/* One operand. */
#define FP_LANES_1(suffix, double_, lanes, name, op, mode)                                         \
  SIMD (name##suffix, Vec result = LANES_1 (op, double_, lanes, mode, GET_V (o->rs1));             \
        SET_V (o->rd, result))
#define FP_VECTOR_1(name, op, mode) FP_LANES_1 (_v, DOUBLE, LANES, name, op, mode)
FP_VECTOR_1 (fsqrt, sqrt, FP_MODE ())
FP_VECTOR_1 (frintn, round, FP_MODE_TO (DIO_FP_RNE))
FP_VECTOR_1 (frintp, round, FP_MODE_TO (DIO_FP_RUP))
FP_VECTOR_1 (frintm, round, FP_MODE_TO (DIO_FP_RDN))
FP_VECTOR_1 (frintz, round, FP_MODE_TO (DIO_FP_RTZ))
FP_VECTOR_1 (frinta, round, FP_MODE_TO (DIO_FP_RMM))
FP_VECTOR_1 (frinti, round, FP_MODE ())
FP_VECTOR_1 (frintx, roundx, FP_MODE ())
VECTOR_AND_SCALAR (FP_LANES_1, frecpe, recip, FP_MODE ())
VECTOR_AND_SCALAR (FP_LANES_1, frsqrte, rsqrt, FP_MODE ())
FP_LANES_1 (_z, o->rs3, 1, frecpx, recipx, FP_MODE ())
SIMD (fabs_v, OUT (VEC2 (bic, 3, GET_V (o->rs1), FP_SIGN (DOUBLE))))
SIMD (fneg_v, OUT (VEC2 (xor, 3, GET_V (o->rs1), FP_SIGN (DOUBLE))))

/* Integers: of the size of the lane. */
#define TO_INT_LANES(suffix, double_, lanes, name, sign, mode)                                     \
  SIMD (name##suffix,                                                                              \
        Vec result = (double_) ? VEC_FP1 (f64_to_##sign##64, 64, lanes, mode, GET_V (o->rs1))      \
                               : VEC_FP1 (f32_to_##sign##32, 32, lanes, mode, GET_V (o->rs1));     \
        SET_V (o->rd, result))
#define FROM_INT_LANES(suffix, double_, lanes, name, sign, mode)                                   \
  SIMD (name##suffix,                                                                              \
        Vec result = (double_) ? VEC_FP1 (sign##64_to_f64, 64, lanes, mode, GET_V (o->rs1))        \
                               : VEC_FP1 (sign##32_to_f32, 32, lanes, mode, GET_V (o->rs1));       \
        SET_V (o->rd, result))
VECTOR_AND_SCALAR (TO_INT_LANES, fcvtns, i, FP_MODE_TO (DIO_FP_RNE))
VECTOR_AND_SCALAR (TO_INT_LANES, fcvtnu, u, FP_MODE_TO (DIO_FP_RNE))
VECTOR_AND_SCALAR (TO_INT_LANES, fcvtps, i, FP_MODE_TO (DIO_FP_RUP))
VECTOR_AND_SCALAR (TO_INT_LANES, fcvtpu, u, FP_MODE_TO (DIO_FP_RUP))
VECTOR_AND_SCALAR (TO_INT_LANES, fcvtms, i, FP_MODE_TO (DIO_FP_RDN))
VECTOR_AND_SCALAR (TO_INT_LANES, fcvtmu, u, FP_MODE_TO (DIO_FP_RDN))
VECTOR_AND_SCALAR (TO_INT_LANES, fcvtzs, i, FP_MODE_TO (DIO_FP_RTZ))
VECTOR_AND_SCALAR (TO_INT_LANES, fcvtzu, u, FP_MODE_TO (DIO_FP_RTZ))
VECTOR_AND_SCALAR (TO_INT_LANES, fcvtas, i, FP_MODE_TO (DIO_FP_RMM))
VECTOR_AND_SCALAR (TO_INT_LANES, fcvtau, u, FP_MODE_TO (DIO_FP_RMM))
VECTOR_AND_SCALAR (FROM_INT_LANES, scvtf, i, FP_MODE ())
VECTOR_AND_SCALAR (FROM_INT_LANES, ucvtf, u, FP_MODE ())

/* Fixed point: imm is immh:immb, and Q with vectors. */
#define FIXED_DOUBLE(shift) ((shift) >= 64)
#define FIXED_BITS(shift)                                                                          \
  CONST ((int64_t) ((FIXED_DOUBLE (shift) ? 128 : 64) - (shift)) << DIO_FP_SCALE_SHIFT)
#define FIXED_V(X, name, sign, mode)                                                               \
  X (_fixed_v, FIXED_DOUBLE (o->imm >> 1), (o->imm & 1 ? 4 : 2) >> FIXED_DOUBLE (o->imm >> 1),     \
     name, sign, OR (mode, FIXED_BITS (o->imm >> 1)))                                              \
  X (_fixed_z, FIXED_DOUBLE (o->imm), 1, name, sign, OR (mode, FIXED_BITS (o->imm)))
FIXED_V (TO_INT_LANES, fcvtzs, i, FP_MODE_TO (DIO_FP_RTZ))
FIXED_V (TO_INT_LANES, fcvtzu, u, FP_MODE_TO (DIO_FP_RTZ))
FIXED_V (FROM_INT_LANES, scvtf, i, FP_MODE ())
FIXED_V (FROM_INT_LANES, ucvtf, u, FP_MODE ())

/* Between formats: the upper bit of rs3 is whether single and double are meant, or half and single.
 */
SIMD (fcvtl_n, Vec narrow = IN_HALF (o->rs1);
      Vec wide = DOUBLE ? VEC2 (zip1, 2, narrow, NO_VEC) : VEC2 (zip1, 1, narrow, NO_VEC);
      Vec result = DOUBLE ? VEC_FP1 (f32_to_f64, 64, 2, FP_MODE (), wide)
                          : VEC_FP1 (f16_to_f32, 32, 4, FP_MODE (), wide);
      SET_V (o->rd, result))
SIMD (fcvtn_n, Vec wide = DOUBLE ? VEC_FP1 (f64_to_f32, 64, 2, FP_MODE (), GET_V (o->rs1))
                                 : VEC_FP1 (f32_to_f16, 32, 4, FP_MODE (), GET_V (o->rs1));
      OUT_HALF (DOUBLE ? VEC2 (uzp1, 2, wide, NO_VEC) : VEC2 (uzp1, 1, wide, NO_VEC)))
SIMD (fcvtxn_n, Vec wide = VEC_FP1 (f64_to_f32_odd, 64, 2, FP_MODE (), GET_V (o->rs1));
      OUT_HALF (VEC2 (uzp1, 2, wide, NO_VEC)))
SIMD (fcvtxn_z, Vec result = VEC_FP1 (f64_to_f32_odd, 64, 1, FP_MODE (), GET_V (o->rs1));
      SET_V (o->rd, result))

/* ---- Widening and narrowing ---- */

#define WIDE_SIZE (SIZE + 1)
#define LONG(sign, r) VEC1 (sign##xtl, SIZE, IN_HALF (r))
#define LONG_BINARY(name, sign, op)                                                                \
  SIMD (name##_n, SET_V (o->rd, VEC2 (op, WIDE_SIZE, LONG (sign, o->rs1), LONG (sign, o->rs2))))
#define LONG_ACCUMULATE(name, sign, how, op)                                                       \
  SIMD (name##_n, Vec made = VEC2 (op, WIDE_SIZE, LONG (sign, o->rs1), LONG (sign, o->rs2));       \
        SET_V (o->rd, VEC2 (how, WIDE_SIZE, GET_V (o->rd), made)))
#define WIDE_BINARY(name, sign, op)                                                                \
  SIMD (name##_n, SET_V (o->rd, VEC2 (op, WIDE_SIZE, GET_V (o->rs1), LONG (sign, o->rs2))))
#define NARROW_BINARY(name, op, round)                                                             \
  SIMD (name##_n, Vec wide = VEC2 (op, WIDE_SIZE, GET_V (o->rs1), GET_V (o->rs2));                 \
        OUT_HALF (VEC1 (shrn, DIO_VEC_N (SIZE, (8 << SIZE) | (round)), wide)))

LONG_BINARY (saddl, s, add)
LONG_BINARY (uaddl, u, add)
LONG_BINARY (ssubl, s, sub)
LONG_BINARY (usubl, u, sub)
LONG_BINARY (sabdl, s, sabd)
LONG_BINARY (uabdl, u, uabd)
LONG_BINARY (smull, s, mul)
LONG_BINARY (umull, u, mul)
LONG_ACCUMULATE (sabal, s, add, sabd)
LONG_ACCUMULATE (uabal, u, add, uabd)
LONG_ACCUMULATE (smlal, s, add, mul)
LONG_ACCUMULATE (umlal, u, add, mul)
LONG_ACCUMULATE (smlsl, s, sub, mul)
LONG_ACCUMULATE (umlsl, u, sub, mul)
WIDE_BINARY (saddw, s, add)
WIDE_BINARY (uaddw, u, add)
WIDE_BINARY (ssubw, s, sub)
WIDE_BINARY (usubw, u, sub)
NARROW_BINARY (addhn, add, 0)
NARROW_BINARY (raddhn, add, DIO_VEC_ROUND)
NARROW_BINARY (subhn, sub, 0)
NARROW_BINARY (rsubhn, sub, DIO_VEC_ROUND)
SIMD (pmull_n, SET_V (o->rd, VEC2 (pmull, 0, IN_HALF (o->rs1), IN_HALF (o->rs2))))
SIMD (pmull64_n, SET_V (o->rd, VEC2 (pmull, 3, IN_HALF (o->rs1), IN_HALF (o->rs2))))

/* Doubling products; @size of the narrow lanes, @a and @b in the lower halves. */
#define DOUBLING(name, how, suffix, size, a, b, out)                                               \
  SIMD (name##suffix, Vec product = VEC_SAT2 (sqdmull, size, a, b);                                \
        Vec result = VEC_SAT2 (how, (size) + 1, GET_V (o->rd), product); out)
#define DOUBLING_ONLY(name, suffix, size, a, b, out)                                               \
  SIMD (name##suffix, Vec result = VEC_SAT2 (sqdmull, size, a, b); out)

DOUBLING (sqdmlal, sqadd, _n, SIZE, IN_HALF (o->rs1), IN_HALF (o->rs2), SET_V (o->rd, result))
DOUBLING (sqdmlsl, sqsub, _n, SIZE, IN_HALF (o->rs1), IN_HALF (o->rs2), SET_V (o->rd, result))
DOUBLING_ONLY (sqdmull, _n, SIZE, IN_HALF (o->rs1), IN_HALF (o->rs2), SET_V (o->rd, result))

/* For scalars the accumulator has other lanes, which must not saturate. */
#define DOUBLING_LANE(name, how, suffix, size, b)                                                  \
  SIMD (name##suffix, Vec product = VEC_SAT2 (sqdmull, size, IN_LANE (size, o->rs1), b);           \
        Vec result = VEC_SAT2 (how, (size) + 1, IN_LANE ((size) + 1, o->rd), product);             \
        OUT_LANE ((size) + 1, result))
#define DOUBLING_LANE_ONLY(name, suffix, size, b)                                                  \
  SIMD (name##suffix, Vec result = VEC_SAT2 (sqdmull, size, IN_LANE (size, o->rs1), b);            \
        OUT_LANE ((size) + 1, result))

DOUBLING_LANE (sqdmlal, sqadd, _nz, o->rs3, IN_LANE (o->rs3, o->rs2))
DOUBLING_LANE (sqdmlsl, sqsub, _nz, o->rs3, IN_LANE (o->rs3, o->rs2))
DOUBLING_LANE_ONLY (sqdmull, _nz, o->rs3, IN_LANE (o->rs3, o->rs2))

/* ---- Two registers ---- */

#define VEC_UNARY(name, op, n) SIMD (name##_v, OUT (VEC1 (op, n, GET_V (o->rs1))))
VEC_UNARY (rev64, rev, DIO_VEC_N (SIZE, 3))
VEC_UNARY (rev32, rev, DIO_VEC_N (SIZE, 2))
VEC_UNARY (rev16, rev, DIO_VEC_N (SIZE, 1))
VEC_UNARY (saddlp, saddlp, SIZE)
VEC_UNARY (uaddlp, uaddlp, SIZE)
VEC_UNARY (cls, cls, SIZE)
VEC_UNARY (clz, clz, SIZE)
VEC_UNARY (cnt, cnt, 0)
VEC_UNARY (not, not, 3)
VEC_UNARY (rbit, rbit, 0)
VEC_UNARY (abs, abs, SIZE)
VEC_UNARY (neg, neg, SIZE)
VEC_UNARY (urecpe, urecpe, 2)
VEC_UNARY (ursqrte, ursqrte, 2)
SIMD (sadalp_v, OUT (VEC2 (add, WIDE_SIZE, GET_V (o->rd), VEC1 (saddlp, SIZE, GET_V (o->rs1)))))
SIMD (uadalp_v, OUT (VEC2 (add, WIDE_SIZE, GET_V (o->rd), VEC1 (uaddlp, SIZE, GET_V (o->rs1)))))

#define VEC_UNARY_SAT(name)                                                                        \
  SIMD (name##_v, Vec result = VEC_SAT1 (name, SIZE, IN (o->rs1)); OUT (result))                   \
  SIMD (name##_z, Vec result = VEC_SAT1 (name, o->rs3, IN_LANE (o->rs3, o->rs1));                  \
        OUT_LANE (o->rs3, result))
#define VEC_ACCUMULATE_SAT(name)                                                                   \
  SIMD (name##_v, Vec result = VEC_SAT2 (name, SIZE, IN (o->rd), IN (o->rs1)); OUT (result))       \
  SIMD (name##_z,                                                                                  \
        Vec result = VEC_SAT2 (name, o->rs3, IN_LANE (o->rs3, o->rd), IN_LANE (o->rs3, o->rs1));   \
        OUT_LANE (o->rs3, result))
VEC_UNARY_SAT (sqabs)
VEC_UNARY_SAT (sqneg)
VEC_ACCUMULATE_SAT (suqadd)
VEC_ACCUMULATE_SAT (usqadd)

#define VEC_WITH_ZERO(name, op, first, second)                                                     \
  SIMD (name##_v, OUT (VEC2 (op, SIZE, first, second)))                                            \
  SIMD (name##_z, OUT_LANE (3, VEC2 (op, 3, first, second)))
VEC_WITH_ZERO (cmgtz, cmgt, GET_V (o->rs1), NO_VEC)
VEC_WITH_ZERO (cmgez, cmge, GET_V (o->rs1), NO_VEC)
VEC_WITH_ZERO (cmeqz, cmeq, GET_V (o->rs1), NO_VEC)
VEC_WITH_ZERO (cmltz, cmgt, NO_VEC, GET_V (o->rs1))
VEC_WITH_ZERO (cmlez, cmge, NO_VEC, GET_V (o->rs1))
SIMD (abs_z, OUT_LANE (3, VEC1 (abs, 3, GET_V (o->rs1))))
SIMD (neg_z, OUT_LANE (3, VEC1 (neg, 3, GET_V (o->rs1))))

SIMD (xtn_n, OUT_HALF (VEC1 (shrn, SIZE, GET_V (o->rs1))))
SIMD (shll_n, Vec wide = VEC1 (uxtl, SIZE, IN_HALF (o->rs1));
      SET_V (o->rd, VEC1 (shl, DIO_VEC_N (WIDE_SIZE, 8 << SIZE), wide)))
#define NARROW_SAT(name, op)                                                                       \
  SIMD (name##_n, Vec result = VEC_SAT1 (op, SIZE, GET_V (o->rs1)); OUT_HALF (result))             \
  SIMD (name##_z, Vec result = VEC_SAT1 (op, o->rs3, IN_LANE (o->rs3 + 1, o->rs1));                \
        OUT_LANE (o->rs3, result))
NARROW_SAT (sqxtn, sqshrn)
NARROW_SAT (uqxtn, uqshrn)
NARROW_SAT (sqxtun, sqshrun)

/* ---- All lanes to one ---- */

#define ACROSS(name)                                                                               \
  SIMD (name##_v, SET_V (o->rd, VEC1 (name, DIO_VEC_N (SIZE, FULL), GET_V (o->rs1))))
ACROSS (addv)
ACROSS (smaxv)
ACROSS (sminv)
ACROSS (umaxv)
ACROSS (uminv)
ACROSS (saddlv)
ACROSS (uaddlv)
SIMD (addp_z, Vec all = GET_V (o->rs1);
      SET_V (o->rd, VEC_MAKE (ADD (VEC_LOW (all), VEC_HIGH (all)), CONST (0))))

/* ---- Places ---- */

#define LANE5 (o->imm >> 1)
#define OUT_IF(full, vec)                                                                          \
  do {                                                                                             \
    Vec out_ = (vec);                                                                              \
    SET_V (o->rd, (full) ? out_ : LOW_HALF (out_));                                                \
  } while (0)
#define LANE_OF(imm5, r) VEC_LANE (dio_a64_lane_size (imm5), dio_a64_lane_index (imm5), GET_V (r))

SIMD (dup_v, OUT_IF (o->imm & 1, VEC_DUP (dio_a64_lane_size (LANE5), LANE_OF (LANE5, o->rs1))))
SIMD (dup_x, OUT_IF (o->imm & 1, VEC_DUP (dio_a64_lane_size (LANE5), GET_X (o->rs1))))
SIMD (dup_z, SET_V (o->rd, VEC_MAKE (LANE_OF (o->imm, o->rs1), CONST (0))))
#define SIGNED_LANE                                                                                \
  (dio_a64_lane_size (o->imm) == 0   ? SEXT8 (LANE_OF (o->imm, o->rs1))                            \
   : dio_a64_lane_size (o->imm) == 1 ? SEXT16 (LANE_OF (o->imm, o->rs1))                           \
                                     : SEXT32 (LANE_OF (o->imm, o->rs1)))
SIMD (smov_w, SET_w (o->rd, SIGNED_LANE))
SIMD (smov_x, SET_X (o->rd, SIGNED_LANE))
SIMD (umov_w, SET_X (o->rd, LANE_OF (o->imm, o->rs1)))
SIMD (umov_x, SET_X (o->rd, LANE_OF (o->imm, o->rs1)))
SIMD (ins_x, SET_V (o->rd, VEC_INSERT (dio_a64_lane_size (o->imm), dio_a64_lane_index (o->imm),
                                       GET_V (o->rd), GET_X (o->rs1))))
/* rs2: the lane that is read, in units of bytes. */
SIMD (ins_v, Val value = VEC_LANE (dio_a64_lane_size (o->imm), o->rs2 >> dio_a64_lane_size (o->imm),
                                   GET_V (o->rs1));
      SET_V (o->rd, VEC_INSERT (dio_a64_lane_size (o->imm), dio_a64_lane_index (o->imm),
                                GET_V (o->rd), value)))

/* Halves are put together to one register first, as their lanes are those of it. */
#define UNZIP(name)                                                                                \
  SIMD (name##_v, Vec both = VEC_MAKE (VEC_LOW (GET_V (o->rs1)), VEC_LOW (GET_V (o->rs2)));        \
        OUT (FULL ? VEC2 (name, SIZE, GET_V (o->rs1), GET_V (o->rs2))                              \
                  : VEC2 (name, SIZE, both, NO_VEC)))
UNZIP (uzp1)
UNZIP (uzp2)
SIMD (trn1_v, OUT (VEC2 (trn1, SIZE, GET_V (o->rs1), GET_V (o->rs2))))
SIMD (trn2_v, OUT (VEC2 (trn2, SIZE, GET_V (o->rs1), GET_V (o->rs2))))
SIMD (zip1_v, OUT (VEC2 (zip1, SIZE, GET_V (o->rs1), GET_V (o->rs2))))
SIMD (zip2_v, Vec all = VEC2 (zip1, SIZE, GET_V (o->rs1), GET_V (o->rs2));
      OUT (FULL ? VEC2 (zip2, SIZE, GET_V (o->rs1), GET_V (o->rs2)) : HIGH_HALF (all)))
SIMD (ext_v, SET_V (o->rd, VEC2 (ext, DIO_VEC_N (0, o->imm), GET_V (o->rs1), GET_V (o->rs2))))
SIMD (ext_half_v, Vec both = VEC_MAKE (VEC_LOW (GET_V (o->rs1)), VEC_LOW (GET_V (o->rs2)));
      Vec result = VEC2 (ext, DIO_VEC_N (0, o->imm), both, NO_VEC);
      SET_V (o->rd, LOW_HALF (result)))

/* imm: one register of the table less than there are; rs3: Q. */
#define LOOK_UP(name, other)                                                                       \
  SIMD (name##_v, Vec result = other;                                                              \
        for (int i = 0; i <= o->imm; i++) result =                                                 \
            VEC3 (lookup, DIO_VEC_N (0, i), result, GET_V ((o->rs1 + i) % 32), GET_V (o->rs2));    \
        OUT (result))
LOOK_UP (tbl, NO_VEC)
LOOK_UP (tbx, GET_V (o->rd))

/* ---- Constants ---- */

#define CONSTANT(op) CONST (dio_a64_simd_constant (o->rs1, op, (unsigned) o->imm))
#define BOTH_HALVES(v) VEC_MAKE (v, FULL ? (v) : CONST (0))
/* cmode with the lowest bit set, below 12: into what is there. */
#define CONSTANT_MERGES (o->rs1 < 12 && (o->rs1 & 1))
SIMD (movi_v, OUT (CONSTANT_MERGES ? VEC2 (or, 3, GET_V (o->rd), BOTH_HALVES (CONSTANT (false)))
                                   : BOTH_HALVES (CONSTANT (false))))
SIMD (movi_not_v, OUT (CONSTANT_MERGES ? VEC2 (bic, 3, GET_V (o->rd), BOTH_HALVES (CONSTANT (true)))
                       : (o->rs1 >= 14) ? BOTH_HALVES (CONSTANT (true))
                                        : BOTH_HALVES (NOT (CONSTANT (true)))))
SIMD (fmov_v, OUT (BOTH_HALVES (CONSTANT (false))))
SIMD (fmov_d_v, OUT (BOTH_HALVES (CONSTANT (true))))

/* ---- Shifts by a constant ---- */

#define SHIFT_SIZE(shift) dio_a64_shift_size (shift)
#define RIGHT_BY(shift) ((16 << SHIFT_SIZE (shift)) - (shift))
#define LEFT_BY(shift) ((shift) - (8 << SHIFT_SIZE (shift)))
#define RIGHT_N(shift) DIO_VEC_N (SHIFT_SIZE (shift), RIGHT_BY (shift))
#define LEFT_N(shift) DIO_VEC_N (SHIFT_SIZE (shift), LEFT_BY (shift))
#define VSHIFT (o->imm >> 1)
#define VSHIFT_FULL (o->imm & 1)
#define VSHIFT_IN(r) (VSHIFT_FULL ? GET_V (r) : LOW_HALF (GET_V (r)))

#define SHIFTS(name, expression_v, expression_z)                                                   \
  SIMD (name##_v, OUT_IF (VSHIFT_FULL, expression_v))                                              \
  SIMD (name##_z, OUT_LANE (3, expression_z))
#define SHIFT_RIGHT(name, op)                                                                      \
  SHIFTS (name, VEC1 (op, RIGHT_N (VSHIFT), GET_V (o->rs1)),                                       \
          VEC1 (op, RIGHT_N (o->imm), GET_V (o->rs1)))
#define SHIFT_ADD(name, op)                                                                        \
  SHIFTS (                                                                                         \
      name,                                                                                        \
      VEC2 (add, SHIFT_SIZE (VSHIFT), GET_V (o->rd), VEC1 (op, RIGHT_N (VSHIFT), GET_V (o->rs1))), \
      VEC2 (add, 3, GET_V (o->rd), VEC1 (op, RIGHT_N (o->imm), GET_V (o->rs1))))
SHIFT_RIGHT (sshr, sshr)
SHIFT_RIGHT (ushr, ushr)
SHIFT_RIGHT (srshr, srshr)
SHIFT_RIGHT (urshr, urshr)
SHIFT_ADD (ssra, sshr)
SHIFT_ADD (usra, ushr)
SHIFT_ADD (srsra, srshr)
SHIFT_ADD (ursra, urshr)
SHIFTS (shl, VEC1 (shl, LEFT_N (VSHIFT), GET_V (o->rs1)),
        VEC1 (shl, LEFT_N (o->imm), GET_V (o->rs1)))
SHIFTS (sri, VEC2 (sri, RIGHT_N (VSHIFT), GET_V (o->rd), GET_V (o->rs1)),
        VEC2 (sri, RIGHT_N (o->imm), GET_V (o->rd), GET_V (o->rs1)))
SHIFTS (sli, VEC2 (sli, LEFT_N (VSHIFT), GET_V (o->rd), GET_V (o->rs1)),
        VEC2 (sli, LEFT_N (o->imm), GET_V (o->rd), GET_V (o->rs1)))

#define SHIFT_SAT(name, op)                                                                        \
  SIMD (name##_v, Vec result = VEC_SAT1 (op, LEFT_N (VSHIFT), VSHIFT_IN (o->rs1));                 \
        OUT_IF (VSHIFT_FULL, result))                                                              \
  SIMD (name##_z,                                                                                  \
        Vec result = VEC_SAT1 (op, LEFT_N (o->imm), IN_LANE (SHIFT_SIZE (o->imm), o->rs1));        \
        OUT_LANE (SHIFT_SIZE (o->imm), result))
SHIFT_SAT (sqshl_imm, sqshl_by)
SHIFT_SAT (uqshl_imm, uqshl_by)
SHIFT_SAT (sqshlu, sqshlu_by)

#define NARROW_N(shift, round) DIO_VEC_N (SHIFT_SIZE (shift), RIGHT_BY (shift) | (round))
#define OUT_HALF_IF(full, vec)                                                                     \
  do {                                                                                             \
    Vec out_ = (vec);                                                                              \
    SET_V (o->rd, (full) ? VEC_MAKE (VEC_LOW (GET_V (o->rd)), VEC_LOW (out_)) : LOW_HALF (out_));  \
  } while (0)
SIMD (shrn_n, OUT_HALF_IF (VSHIFT_FULL, VEC1 (shrn, NARROW_N (VSHIFT, 0), GET_V (o->rs1))))
SIMD (rshrn_n,
      OUT_HALF_IF (VSHIFT_FULL, VEC1 (shrn, NARROW_N (VSHIFT, DIO_VEC_ROUND), GET_V (o->rs1))))
#define SHIFT_NARROW_SAT(name, op, round)                                                          \
  SIMD (name##_n, Vec result = VEC_SAT1 (op, NARROW_N (VSHIFT, round), GET_V (o->rs1));            \
        OUT_HALF_IF (VSHIFT_FULL, result))                                                         \
  SIMD (name##_z, Vec result = VEC_SAT1 (op, NARROW_N (o->imm, round),                             \
                                         IN_LANE (SHIFT_SIZE (o->imm) + 1, o->rs1));               \
        OUT_LANE (SHIFT_SIZE (o->imm), result))
SHIFT_NARROW_SAT (sqshrn, sqshrn, 0)
SHIFT_NARROW_SAT (sqrshrn, sqshrn, DIO_VEC_ROUND)
SHIFT_NARROW_SAT (uqshrn, uqshrn, 0)
SHIFT_NARROW_SAT (uqrshrn, uqshrn, DIO_VEC_ROUND)
SHIFT_NARROW_SAT (sqshrun, sqshrun, 0)
SHIFT_NARROW_SAT (sqrshrun, sqshrun, DIO_VEC_ROUND)

#define SHIFT_LONG(name, sign)                                                                     \
  SIMD (name##_n, Vec from = GET_V (o->rs1);                                                       \
        Vec wide = VEC1 (sign##xtl, SHIFT_SIZE (VSHIFT),                                           \
                         VSHIFT_FULL ? HIGH_HALF (from) : LOW_HALF (from));                        \
        SET_V (o->rd, VEC1 (shl, DIO_VEC_N (SHIFT_SIZE (VSHIFT) + 1, LEFT_BY (VSHIFT)), wide)))
SHIFT_LONG (sshll, s)
SHIFT_LONG (ushll, u)

/* ---- By element: imm is its index, rs3 is Q ---- */

#define ELEMENT(size) VEC_DUP (size, VEC_LANE (size, (unsigned) o->imm, GET_V (o->rs2)))
#define ELEMENT_ALONE(size) VEC_MAKE (VEC_LANE (size, (unsigned) o->imm, GET_V (o->rs2)), CONST (0))

#define BY_ELEMENT(F, size)                                                                        \
  SIMD (mul_e_##F, OUT (VEC2 (mul, size, GET_V (o->rs1), ELEMENT (size))))                         \
  SIMD (mla_e_##F, Vec product = VEC2 (mul, size, GET_V (o->rs1), ELEMENT (size));                 \
        OUT (VEC2 (add, size, GET_V (o->rd), product)))                                            \
  SIMD (mls_e_##F, Vec product = VEC2 (mul, size, GET_V (o->rs1), ELEMENT (size));                 \
        OUT (VEC2 (sub, size, GET_V (o->rd), product)))                                            \
  SIMD (sqdmulh_e_##F, Vec result = VEC_SAT2 (sqdmulh, size, IN (o->rs1), ELEMENT (size));         \
        OUT (result))                                                                              \
  SIMD (sqrdmulh_e_##F, Vec result = VEC_SAT2 (sqrdmulh, size, IN (o->rs1), ELEMENT (size));       \
        OUT (result))                                                                              \
  SIMD (sqdmulh_ez_##F,                                                                            \
        Vec result = VEC_SAT2 (sqdmulh, size, IN_LANE (size, o->rs1), ELEMENT_ALONE (size));       \
        OUT_LANE (size, result))                                                                   \
  SIMD (sqrdmulh_ez_##F,                                                                           \
        Vec result = VEC_SAT2 (sqrdmulh, size, IN_LANE (size, o->rs1), ELEMENT_ALONE (size));      \
        OUT_LANE (size, result))                                                                   \
  SIMD (sqrdmlah_e_##F,                                                                            \
        Vec result = VEC_SAT3 (sqrdmlah, size, IN (o->rd), IN (o->rs1), ELEMENT (size));           \
        OUT (result))                                                                              \
  SIMD (sqrdmlsh_e_##F,                                                                            \
        Vec result = VEC_SAT3 (sqrdmlsh, size, IN (o->rd), IN (o->rs1), ELEMENT (size));           \
        OUT (result))                                                                              \
  SIMD (sqrdmlah_ez_##F, Vec result = VEC_SAT3 (sqrdmlah, size, IN_LANE (size, o->rd),             \
                                                IN_LANE (size, o->rs1), ELEMENT_ALONE (size));     \
        OUT_LANE (size, result))                                                                   \
  SIMD (sqrdmlsh_ez_##F, Vec result = VEC_SAT3 (sqrdmlsh, size, IN_LANE (size, o->rd),             \
                                                IN_LANE (size, o->rs1), ELEMENT_ALONE (size));     \
        OUT_LANE (size, result))                                                                   \
  LONG_BY_ELEMENT (smull_ne_##F, s, size, made)                                                    \
  LONG_BY_ELEMENT (umull_ne_##F, u, size, made)                                                    \
  LONG_BY_ELEMENT (smlal_ne_##F, s, size, VEC2 (add, (size) + 1, GET_V (o->rd), made))             \
  LONG_BY_ELEMENT (umlal_ne_##F, u, size, VEC2 (add, (size) + 1, GET_V (o->rd), made))             \
  LONG_BY_ELEMENT (smlsl_ne_##F, s, size, VEC2 (sub, (size) + 1, GET_V (o->rd), made))             \
  LONG_BY_ELEMENT (umlsl_ne_##F, u, size, VEC2 (sub, (size) + 1, GET_V (o->rd), made))             \
  DOUBLING (sqdmlal, sqadd, _ne_##F, size, IN_HALF (o->rs1), ELEMENT (size),                       \
            SET_V (o->rd, result))                                                                 \
  DOUBLING (sqdmlsl, sqsub, _ne_##F, size, IN_HALF (o->rs1), ELEMENT (size),                       \
            SET_V (o->rd, result))                                                                 \
  DOUBLING_ONLY (sqdmull, _ne_##F, size, IN_HALF (o->rs1), ELEMENT (size), SET_V (o->rd, result))  \
  DOUBLING_LANE (sqdmlal, sqadd, _nez_##F, size, ELEMENT_ALONE (size))                             \
  DOUBLING_LANE (sqdmlsl, sqsub, _nez_##F, size, ELEMENT_ALONE (size))                             \
  DOUBLING_LANE_ONLY (sqdmull, _nez_##F, size, ELEMENT_ALONE (size))
#define LONG_BY_ELEMENT(name, sign, size, result)                                                  \
  SIMD (name, Vec x = VEC1 (sign##xtl, size, IN_HALF (o->rs1));                                    \
        Vec y = VEC1 (sign##xtl, size, ELEMENT (size)); Vec made = VEC2 (mul, (size) + 1, x, y);   \
        SET_V (o->rd, result))

BY_ELEMENT (h, 1)
BY_ELEMENT (s, 2)

SIMD (sqrdmlah_v, Vec result = VEC_SAT3 (sqrdmlah, SIZE, IN (o->rd), IN (o->rs1), IN (o->rs2));
      OUT (result))
SIMD (sqrdmlsh_v, Vec result = VEC_SAT3 (sqrdmlsh, SIZE, IN (o->rd), IN (o->rs1), IN (o->rs2));
      OUT (result))
SIMD (sqrdmlah_z, Vec result = VEC_SAT3 (sqrdmlah, o->rs3, IN_LANE (o->rs3, o->rd),
                                         IN_LANE (o->rs3, o->rs1), IN_LANE (o->rs3, o->rs2));
      OUT_LANE (o->rs3, result))
SIMD (sqrdmlsh_z, Vec result = VEC_SAT3 (sqrdmlsh, o->rs3, IN_LANE (o->rs3, o->rd),
                                         IN_LANE (o->rs3, o->rs1), IN_LANE (o->rs3, o->rs2));
      OUT_LANE (o->rs3, result))

/* Floating point: all lanes, or one. */
#define FP_BY_ELEMENT_1(suffix, W, lanes, element, sign)                                           \
  SIMD (fmul##suffix,                                                                              \
        Vec result = VEC_FP2 (mul##W, W, lanes, FP_MODE (), GET_V (o->rs1), element);              \
        SET_V (o->rd, result))                                                                     \
  SIMD (fmulx##suffix,                                                                             \
        Vec result = VEC_FP2 (mulx##W, W, lanes, FP_MODE (), GET_V (o->rs1), element);             \
        SET_V (o->rd, result))                                                                     \
  SIMD (fmla##suffix, Vec result = VEC_FP3 (fma##W, W, lanes, FP_MODE (), GET_V (o->rs1), element, \
                                            GET_V (o->rd));                                        \
        SET_V (o->rd, result))                                                                     \
  SIMD (fmls##suffix, Vec factor = VEC2 (xor, 3, GET_V (o->rs1), FP_SIGN (sign));                  \
        Vec result = VEC_FP3 (fma##W, W, lanes, FP_MODE (), factor, element, GET_V (o->rd));       \
        SET_V (o->rd, result))
FP_BY_ELEMENT_1 (_e_s, 32, FULL ? 4 : 2, ELEMENT (2), false)
FP_BY_ELEMENT_1 (_e_d, 64, 2, ELEMENT (3), true)
FP_BY_ELEMENT_1 (_ez_s, 32, 1, ELEMENT (2), false)
FP_BY_ELEMENT_1 (_ez_d, 64, 1, ELEMENT (3), true)

#define DOT(name)                                                                                  \
  SIMD (name##_v, OUT (VEC3 (name, 2, GET_V (o->rd), GET_V (o->rs1), GET_V (o->rs2))))             \
  SIMD (name##_e, OUT (VEC3 (name, 2, GET_V (o->rd), GET_V (o->rs1), ELEMENT (2))))
DOT (sdot)
DOT (udot)

/* ---- Complex numbers: real parts in even lanes. imm is the rotation in right angles; that of an
 * addition is 1 or 3. ---- */

/* The sign bits of even, odd lanes. */
#define SIGN_PARTS(double_, even, odd)                                                             \
  ((double_) ? VEC_MAKE (CONST ((even) ? INT64_MIN : 0), CONST ((odd) ? INT64_MIN : 0))            \
             : VEC_DUP (3, CONST (((even) ? INT64_C (0x80000000) : 0) | ((odd) ? INT64_MIN : 0))))
#define PARTS_SWAPPED(double_, vec)                                                                \
  ((double_) ? VEC_MAKE (VEC_HIGH (vec), VEC_LOW (vec)) : VEC1 (rev, DIO_VEC_N (2, 3), vec))

SIMD (fcadd_v, Vec other = GET_V (o->rs2);
      Vec turned = VEC2 (xor, 3, PARTS_SWAPPED (DOUBLE, other),
                         SIGN_PARTS (DOUBLE, o->imm == 0, o->imm == 1));
      Vec result = LANES_2 (add, DOUBLE, LANES, FP_MODE (), GET_V (o->rs1), turned);
      SET_V (o->rd, result))

#define COMPLEX_FUSED(name, double_, lanes, rotation, second)                                      \
  SIMD (name, Vec a = GET_V (o->rs1); Vec b = second;                                              \
        Vec part =                                                                                 \
            (rotation) &1 ? VEC2 (trn2, 2 + (double_), a, a) : VEC2 (trn1, 2 + (double_), a, a);   \
        Vec turned = (rotation) &1 ? PARTS_SWAPPED (double_, b) : b;                               \
        Vec factor =                                                                               \
            VEC2 (xor, 3, turned,                                                                  \
                  SIGN_PARTS (double_, (rotation) == 1 || (rotation) == 2, (rotation) >= 2));      \
        Vec result = LANES_3 (fma, double_, lanes, FP_MODE (), part, factor, GET_V (o->rd));       \
        SET_V (o->rd, result))
COMPLEX_FUSED (fcmla_v, DOUBLE, LANES, o->imm, GET_V (o->rs2))
/* imm: the index, and the rotation. */
#define COMPLEX_ELEMENT VEC_DUP (3, VEC_LANE (3, (unsigned) o->imm >> 2, GET_V (o->rs2)))
COMPLEX_FUSED (fcmla_e, 0, 4, o->imm & 3, COMPLEX_ELEMENT)

/* ---- Cryptography ---- */

SIMD (aese, SET_V (o->rd, VEC2 (aese, 0, GET_V (o->rd), GET_V (o->rs1))))
SIMD (aesd, SET_V (o->rd, VEC2 (aesd, 0, GET_V (o->rd), GET_V (o->rs1))))
SIMD (aesmc, SET_V (o->rd, VEC1 (aesmc, 0, GET_V (o->rs1))))
SIMD (aesimc, SET_V (o->rd, VEC1 (aesimc, 0, GET_V (o->rs1))))
#define CRYPTO_3(name)                                                                             \
  SIMD (name, SET_V (o->rd, VEC3 (name, 2, GET_V (o->rd), GET_V (o->rs1), GET_V (o->rs2))))
CRYPTO_3 (sha1c)
CRYPTO_3 (sha1p)
CRYPTO_3 (sha1m)
CRYPTO_3 (sha1su0)
CRYPTO_3 (sha256h)
CRYPTO_3 (sha256h2)
CRYPTO_3 (sha256su1)
SIMD (sha1h, SET_V (o->rd, VEC1 (sha1h, 2, GET_V (o->rs1))))
SIMD (sha1su1, SET_V (o->rd, VEC2 (sha1su1, 2, GET_V (o->rd), GET_V (o->rs1))))
SIMD (sha256su0, SET_V (o->rd, VEC2 (sha256su0, 2, GET_V (o->rd), GET_V (o->rs1))))
