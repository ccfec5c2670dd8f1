/* SPDX-License-Identifier: GPL-3.0-or-later
 * Words that everything about guest floating point shares: rounding, flags, rules of a guest. */
#pragma once

#include "core/base/base-types.h"

/* Rounding directions; the values are RISC-V's frm. */
typedef enum {
  DIO_FP_RNE = 0, /* nearest, ties to even */
  DIO_FP_RTZ = 1, /* towards zero */
  DIO_FP_RDN = 2, /* down */
  DIO_FP_RUP = 3, /* up */
  DIO_FP_RMM = 4, /* nearest, ties away from zero */
} DioFpRound;

/* Exception flags; the bits are RISC-V's fflags. */
enum {
  DIO_FP_NX = 1 << 0,       /* inexact */
  DIO_FP_UF = 1 << 1,       /* underflow: tiny after rounding, and inexact */
  DIO_FP_OF = 1 << 2,       /* overflow */
  DIO_FP_DZ = 1 << 3,       /* division by zero */
  DIO_FP_NV = 1 << 4,       /* invalid */
  DIO_FP_DENORMAL = 1 << 5, /* a denormal operand was flushed to zero (arm's IDC) */
};

/* How one operation is done: a DioFpRound, or'ed with the rules of the guest. RISC-V's rules are
 * all zero, so there a mode is a bare DioFpRound. */
typedef uint32_t DioFpMode;
#define DIO_FP_ROUND_MASK 7u
/* A NaN result is the first NaN operand, made quiet, instead of the default NaN; an FMA of
 * infinity, zero and a quiet NaN is not invalid (x86). */
#define DIO_FP_NAN_FIRST (1u << 3)
/* The default NaN is negative (x86). */
#define DIO_FP_NAN_NEGATIVE (1u << 4)

/* A NaN result is the first signalling NaN operand, made quiet, or else the first quiet one; of an
 * FMA the addend counts as the first. Infinity times zero plus a quiet NaN is invalid and gives the
 * default NaN. FMIN and FMAX follow (arm). */
#define DIO_FP_NAN_ARM (1u << 5)
/* Tiny is what is so before rounding (arm). */
#define DIO_FP_TINY_BEFORE (1u << 6)
#define DIO_FP_RULES_ARM (DIO_FP_NAN_ARM | DIO_FP_TINY_BEFORE)
/* With DIO_FP_NAN_ARM: NaN results are the default NaN all the same (FPCR.DN). */
#define DIO_FP_NAN_DEFAULT (1u << 7)
/* Denormal operands and results become zeros of their sign; DIO_FP_DENORMAL tells of the first,
 * DIO_FP_UF of the second (FPCR.FZ). */
#define DIO_FP_FLUSH (1u << 8)
/* Half precision has no infinities and NaNs, but one more exponent (FPCR.AHP). */
#define DIO_FP_HALF_ALTERNATIVE (1u << 9)

/* From here up: how many fraction bits the integer of a conversion has. */
#define DIO_FP_SCALE_SHIFT 16

/* Classes, as RISC-V's fclass numbers them. */
typedef enum {
  DIO_FP_CLASS_NEG_INF,
  DIO_FP_CLASS_NEG_NORMAL,
  DIO_FP_CLASS_NEG_SUBNORMAL,
  DIO_FP_CLASS_NEG_ZERO,
  DIO_FP_CLASS_POS_ZERO,
  DIO_FP_CLASS_POS_SUBNORMAL,
  DIO_FP_CLASS_POS_NORMAL,
  DIO_FP_CLASS_POS_INF,
  DIO_FP_CLASS_SNAN,
  DIO_FP_CLASS_QNAN,
} DioFpClass;

#define DIO_FP32_SIGN UINT32_C (0x80000000)
#define DIO_FP32_INF UINT32_C (0x7f800000)
#define DIO_FP32_NAN UINT32_C (0x7fc00000)
#define DIO_FP64_SIGN UINT64_C (0x8000000000000000)
#define DIO_FP64_INF UINT64_C (0x7ff0000000000000)
#define DIO_FP64_NAN UINT64_C (0x7ff8000000000000)
