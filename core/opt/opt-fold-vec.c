/* SPDX-License-Identifier: GPL-3.0-or-later
 * Folding of words that go into vectors and come out again: numbers of floating point are the low
 * ends of vector registers, and every instruction packs its result and unpacks its operands. */
#include "core/opt/opt-fold-private.h"

/* A half of two words put together. */
static DioOptFolded
fold_half (DioOptFold *fold, uint32_t i, unsigned half)
{
  const DioIrOp *from = &fold->ops[fold->ops[i].arguments[0]];
  return from->opcode == DIO_IR_VEC_MAKE ? dio_opt_fold_to_value (fold, i, from->arguments[half])
                                         : DIO_FOLDED_NOT;
}

/* Is the upper half of what @op makes known to be zero? */
static bool
is_half (const DioOptFold *fold, const DioIrOp *op)
{
  int64_t high;
  switch (op->opcode) {
  case DIO_IR_VEC_MAKE:
    return fold_is_constant (fold, op->arguments[1], &high) && high == 0;
  case DIO_IR_VEC_FP1:
  case DIO_IR_VEC_FP2:
  case DIO_IR_VEC_FP3:
  case DIO_IR_VEC_FP_TEST2:
    return (op->immediate >> 16 & 0xff) * (op->immediate >> 24 & 0xff) <= 64;
  case DIO_IR_VEC1:
  case DIO_IR_VEC_SAT1:
    break;
  default:
    return false;
  }
  switch (DIO_IR_IMMEDIATE_NAME (op->immediate)) {
  case DIO_IR_VEC_shrn:
  case DIO_IR_VEC_sqshrn:
  case DIO_IR_VEC_uqshrn:
  case DIO_IR_VEC_sqshrun:
  case DIO_IR_VEC_addv:
  case DIO_IR_VEC_smaxv:
  case DIO_IR_VEC_sminv:
  case DIO_IR_VEC_umaxv:
  case DIO_IR_VEC_uminv:
  case DIO_IR_VEC_saddlv:
  case DIO_IR_VEC_uaddlv:
  case DIO_IR_VEC_sha1h:
    return true;
  default:
    return false;
  }
}

/* Both halves of one vector, or the lower one and zero when there is no more. */
static DioOptFolded
fold_make (DioOptFold *fold, uint32_t i)
{
  const DioIrOp *low = &fold->ops[fold->ops[i].arguments[0]];
  const DioIrOp *high = &fold->ops[fold->ops[i].arguments[1]];
  if (low->opcode != DIO_IR_VEC_LOW)
    return DIO_FOLDED_NOT;
  uint32_t whole = low->arguments[0];
  bool same = high->opcode == DIO_IR_VEC_HIGH && high->arguments[0] == whole;
  bool zero = high->opcode == DIO_IR_CONST && high->immediate == 0;
  return same || (zero && is_half (fold, &fold->ops[whole]))
             ? dio_opt_fold_to_value (fold, i, whole)
             : DIO_FOLDED_NOT;
}

DioOptFolded
dio_opt_fold_vectors (DioOptFold *fold, uint32_t i)
{
  switch (fold->ops[i].opcode) {
  case DIO_IR_VEC_LOW:
    return fold_half (fold, i, 0);
  case DIO_IR_VEC_HIGH:
    return fold_half (fold, i, 1);
  case DIO_IR_VEC_MAKE:
    return fold_make (fold, i);
  default:
    return DIO_FOLDED_NOT;
  }
}
