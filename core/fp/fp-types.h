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
  DIO_FP_NX = 1 << 0, /* inexact */
  DIO_FP_UF = 1 << 1, /* underflow: tiny after rounding, and inexact */
  DIO_FP_OF = 1 << 2, /* overflow */
  DIO_FP_DZ = 1 << 3, /* division by zero */
  DIO_FP_NV = 1 << 4, /* invalid */
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
