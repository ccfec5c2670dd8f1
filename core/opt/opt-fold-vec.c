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

/* Both halves of one vector. */
static DioOptFolded
fold_make (DioOptFold *fold, uint32_t i)
{
  const DioIrOp *low = &fold->ops[fold->ops[i].arguments[0]];
  const DioIrOp *high = &fold->ops[fold->ops[i].arguments[1]];
  if (low->opcode != DIO_IR_VEC_LOW || high->opcode != DIO_IR_VEC_HIGH
      || low->arguments[0] != high->arguments[0])
    return DIO_FOLDED_NOT;
  return dio_opt_fold_to_value (fold, i, low->arguments[0]);
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
