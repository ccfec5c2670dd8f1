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
  return same || (zero && fold->bits[whole].half) ? dio_opt_fold_to_value (fold, i, whole)
                                                  : DIO_FOLDED_NOT;
}

/* A lane that is a half. */
static DioOptFolded
fold_lane (DioOptFold *fold, uint32_t i)
{
  const DioIrOp *op = &fold->ops[i];
  if ((op->immediate & 0xff) != 3)
    return DIO_FOLDED_NOT;
  return dio_opt_fold_to_op (fold, i, op->immediate >> 8 ? DIO_IR_VEC_HIGH : DIO_IR_VEC_LOW,
                             op->arguments[0], 0);
}

/* A shift by nothing. */
static DioOptFolded
fold_operation (DioOptFold *fold, uint32_t i)
{
  const DioIrOp *op = &fold->ops[i];
  unsigned amount = DIO_IR_IMMEDIATE_N (op->immediate) >> 8;
  return DIO_IR_IMMEDIATE_NAME (op->immediate) == DIO_IR_VEC_shl && amount == 0
             ? dio_opt_fold_to_value (fold, i, op->arguments[0])
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
  case DIO_IR_VEC_LANE:
    return fold_lane (fold, i);
  case DIO_IR_VEC1:
    return fold_operation (fold, i);
  default:
    return DIO_FOLDED_NOT;
  }
}
