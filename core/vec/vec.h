/* SPDX-License-Identifier: GPL-3.0-or-later
 * What guests do with 128-bit vectors of integers.
 *
 * All functions are pure but for *@saturated, which is set when a saturating one has changed a
 * result, and may be called from any thread. @n describes the lanes: bits 0 to 7 are log2 of their
 * bytes (VEC_SIZE), bits 8 and up what the function says, mostly an amount (VEC_AMOUNT). Names are
 * those of arm's instructions, as most of them are; core/ir/ir-vec.inc lists them. Narrowing
 * functions give their result in the lower half, widening ones take it from there; @n is about the
 * narrow lanes. */
#pragma once

#include "core/vec/vec-types.h"

#define DIO_VEC_N(size, amount) ((unsigned) (size) | (unsigned) (amount) << 8)

static DIO_ALWAYS_INLINE DioVec
dio_vec_and (unsigned n, DioVec a, DioVec b)
{
  return a & b;
}

static DIO_ALWAYS_INLINE DioVec
dio_vec_or (unsigned n, DioVec a, DioVec b)
{
  return a | b;
}

static DIO_ALWAYS_INLINE DioVec
dio_vec_xor (unsigned n, DioVec a, DioVec b)
{
  return a ^ b;
}

/* a without the bits of b; a with the bits that b has not. */
static DIO_ALWAYS_INLINE DioVec
dio_vec_bic (unsigned n, DioVec a, DioVec b)
{
  return a & ~b;
}

static DIO_ALWAYS_INLINE DioVec
dio_vec_orn (unsigned n, DioVec a, DioVec b)
{
  return a | ~b;
}

static DIO_ALWAYS_INLINE DioVec
dio_vec_not (unsigned n, DioVec a)
{
  return ~a;
}

/* The bits of @b where @mask has ones, else of @c. */
static DIO_ALWAYS_INLINE DioVec
dio_vec_bsl (unsigned n, DioVec mask, DioVec b, DioVec c)
{
  return (b & mask) | (c & ~mask);
}

typedef uint8_t DioVecU8 __attribute__ ((vector_size (16)));
typedef uint16_t DioVecU16 __attribute__ ((vector_size (16)));
typedef uint32_t DioVecU32 __attribute__ ((vector_size (16)));

#define DIO_VEC_SIMPLE(name, op)                                                                   \
  static DIO_ALWAYS_INLINE DioVec dio_vec_##name (unsigned n, DioVec a, DioVec b)                  \
  {                                                                                                \
    switch (n) {                                                                                   \
    case 0:                                                                                        \
      return (DioVec) ((DioVecU8) a op (DioVecU8) b);                                              \
    case 1:                                                                                        \
      return (DioVec) ((DioVecU16) a op (DioVecU16) b);                                            \
    case 2:                                                                                        \
      return (DioVec) ((DioVecU32) a op (DioVecU32) b);                                            \
    default:                                                                                       \
      return a op b;                                                                               \
    }                                                                                              \
  }

/* clang-format off */
DIO_VEC_SIMPLE (add, +)
DIO_VEC_SIMPLE (sub, -)
/* clang-format on */
#undef DIO_VEC_SIMPLE

/* All lanes are @value; one lane, zero-extended; @vec with another value in a lane. */
static DIO_ALWAYS_INLINE DioVec
dio_vec_dup (unsigned n, uint64_t value)
{
  switch (n) {
  case 0:
    value = (uint8_t) value * UINT64_C (0x0101010101010101);
    break;
  case 1:
    value = (uint16_t) value * UINT64_C (0x0001000100010001);
    break;
  case 2:
    value = (uint32_t) value * UINT64_C (0x0000000100000001);
    break;
  default:
    break;
  }
  return dio_vec_make (value, value);
}

static DIO_ALWAYS_INLINE uint64_t
dio_vec_lane (unsigned n, unsigned index, DioVec vec)
{
  unsigned bit = index << (n + 3);
  uint64_t half = bit & 64 ? vec[1] : vec[0];
  return n == 3 ? half : half >> (bit & 63) & ((UINT64_C (1) << (8 << n)) - 1);
}

static DIO_ALWAYS_INLINE DioVec
dio_vec_insert (unsigned n, unsigned index, DioVec vec, uint64_t value)
{
  unsigned bit = index << (n + 3);
  uint64_t mask = n == 3 ? UINT64_MAX : ((UINT64_C (1) << (8 << n)) - 1) << (bit & 63);
  uint64_t half = bit & 64 ? vec[1] : vec[0];
  half = (half & ~mask) | (value << (bit & 63) & mask);
  return bit & 64 ? dio_vec_make (vec[0], half) : dio_vec_make (half, vec[1]);
}

#define DIO_VEC_1(name) DioVec dio_vec_##name (unsigned n, DioVec a);
#define DIO_VEC_2(name) DioVec dio_vec_##name (unsigned n, DioVec a, DioVec b);
#define DIO_VEC_3(name) DioVec dio_vec_##name (unsigned n, DioVec a, DioVec b, DioVec c);
#define DIO_VEC_SAT_1(name) DioVec dio_vec_##name (unsigned n, uint8_t *saturated, DioVec a);
#define DIO_VEC_SAT_2(name)                                                                        \
  DioVec dio_vec_##name (unsigned n, uint8_t *saturated, DioVec a, DioVec b);
#define DIO_VEC_SAT_3(name)                                                                        \
  DioVec dio_vec_##name (unsigned n, uint8_t *saturated, DioVec a, DioVec b, DioVec c);

/* clang-format off */
/* Arithmetic of lanes. */
DIO_VEC_2 (mul) DIO_VEC_2 (pmul)
DIO_VEC_2 (shadd) DIO_VEC_2 (uhadd) DIO_VEC_2 (srhadd) DIO_VEC_2 (urhadd)
DIO_VEC_2 (shsub) DIO_VEC_2 (uhsub)
DIO_VEC_2 (smax) DIO_VEC_2 (smin) DIO_VEC_2 (umax) DIO_VEC_2 (umin)
DIO_VEC_2 (sabd) DIO_VEC_2 (uabd)
DIO_VEC_2 (cmgt) DIO_VEC_2 (cmge) DIO_VEC_2 (cmhi) DIO_VEC_2 (cmhs) DIO_VEC_2 (cmeq)
DIO_VEC_2 (cmtst)
DIO_VEC_1 (abs) DIO_VEC_1 (neg) DIO_VEC_1 (cls) DIO_VEC_1 (clz) DIO_VEC_1 (cnt) DIO_VEC_1 (rbit)
/* Shifts by the low byte of each lane of b, to the right when it is negative; by an amount; with
 * insertion into a. */
DIO_VEC_2 (sshl) DIO_VEC_2 (ushl) DIO_VEC_2 (srshl) DIO_VEC_2 (urshl)
DIO_VEC_1 (shl) DIO_VEC_1 (sshr) DIO_VEC_1 (ushr) DIO_VEC_1 (srshr) DIO_VEC_1 (urshr)
DIO_VEC_2 (sli) DIO_VEC_2 (sri)
/* Saturating. */
DIO_VEC_SAT_2 (sqadd) DIO_VEC_SAT_2 (uqadd) DIO_VEC_SAT_2 (sqsub) DIO_VEC_SAT_2 (uqsub)
DIO_VEC_SAT_2 (suqadd) DIO_VEC_SAT_2 (usqadd)
DIO_VEC_SAT_2 (sqshl) DIO_VEC_SAT_2 (uqshl) DIO_VEC_SAT_2 (sqrshl) DIO_VEC_SAT_2 (uqrshl)
DIO_VEC_SAT_2 (sqdmulh) DIO_VEC_SAT_2 (sqrdmulh)
DIO_VEC_SAT_3 (sqrdmlah) DIO_VEC_SAT_3 (sqrdmlsh)
DIO_VEC_SAT_1 (sqabs) DIO_VEC_SAT_1 (sqneg)
DIO_VEC_SAT_1 (sqshl_by) DIO_VEC_SAT_1 (uqshl_by) DIO_VEC_SAT_1 (sqshlu_by)
/* Narrowing by a shift to the right, with DIO_VEC_ROUND in the amount rounded: signed to signed,
 * unsigned to unsigned, signed to unsigned, or just cut off. */
#define DIO_VEC_ROUND 0x80
DIO_VEC_1 (shrn) DIO_VEC_SAT_1 (sqshrn) DIO_VEC_SAT_1 (uqshrn) DIO_VEC_SAT_1 (sqshrun)
/* Widening. */
DIO_VEC_1 (sxtl) DIO_VEC_1 (uxtl) DIO_VEC_2 (pmull) DIO_VEC_SAT_2 (sqdmull)
/* Neighbours: sums of pairs as lanes of twice the size; pairs of a and then of b. */
DIO_VEC_1 (saddlp) DIO_VEC_1 (uaddlp)
DIO_VEC_2 (addp) DIO_VEC_2 (smaxp) DIO_VEC_2 (sminp) DIO_VEC_2 (umaxp) DIO_VEC_2 (uminp)
/* All lanes to one, of the lower half if the amount is 0. */
DIO_VEC_1 (addv) DIO_VEC_1 (smaxv) DIO_VEC_1 (sminv) DIO_VEC_1 (umaxv) DIO_VEC_1 (uminv)
DIO_VEC_1 (saddlv) DIO_VEC_1 (uaddlv)
/* Places. rev: lanes within containers of 1 << amount bytes; ext: bytes of a and then b from
 * @amount on; lookup: bytes of @b by those of @c that are in 16 * amount + 0 to 15, else of @a. */
DIO_VEC_1 (rev) DIO_VEC_2 (ext) DIO_VEC_3 (lookup)
DIO_VEC_2 (uzp1) DIO_VEC_2 (uzp2) DIO_VEC_2 (trn1) DIO_VEC_2 (trn2) DIO_VEC_2 (zip1)
DIO_VEC_2 (zip2)
/* Of 32-bit lanes: a plus the sums of four products of bytes; estimates (core/fp/fp-soft.h). */
DIO_VEC_3 (sdot) DIO_VEC_3 (udot) DIO_VEC_1 (urecpe) DIO_VEC_1 (ursqrte)
/* Cryptography. */
DIO_VEC_2 (aese) DIO_VEC_2 (aesd) DIO_VEC_1 (aesmc) DIO_VEC_1 (aesimc)
DIO_VEC_3 (sha1c) DIO_VEC_3 (sha1p) DIO_VEC_3 (sha1m) DIO_VEC_3 (sha1su0)
DIO_VEC_2 (sha1su1) DIO_VEC_1 (sha1h)
DIO_VEC_3 (sha256h) DIO_VEC_3 (sha256h2) DIO_VEC_2 (sha256su0) DIO_VEC_3 (sha256su1)
/* clang-format on */

#undef DIO_VEC_1
#undef DIO_VEC_2
#undef DIO_VEC_3
#undef DIO_VEC_SAT_1
#undef DIO_VEC_SAT_2
#undef DIO_VEC_SAT_3
