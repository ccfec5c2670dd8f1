/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the rules of folding share: the state of the walk, and the few ways to change an operation.
 *
 * A rule looks at the operation at an index and at those that made its arguments, which are folded
 * already. It keeps the counts of uses true; hence all changes go through the functions here. New
 * operations have no room, so a rule that needs another constant takes one that only the operation
 * itself uses, and gives up otherwise. It also gives up where it would keep a second value alive
 * instead of saving one: the argument of an argument is used only if that argument is then gone. */
#pragma once

#include "core/opt/opt-private.h"

typedef struct {
  DioIrOp *ops;
  uint32_t *replacement;
  uint8_t *uses;
  DioOptBits *bits;
  uint64_t pc_zeros; /* a mask of the low bits that are 0 in the address of the block */
  unsigned removed;
} DioOptFold;

typedef enum {
  DIO_FOLDED_NOT,
  DIO_FOLDED_AGAIN, /* the operation is another one now: look for more */
  DIO_FOLDED_DONE,  /* it is a constant, or gone */
} DioOptFolded;

/* The rules, by what they are about. */
DioOptFolded dio_opt_fold_arithmetic (DioOptFold *fold, uint32_t i);
DioOptFolded dio_opt_fold_bits (DioOptFold *fold, uint32_t i);
DioOptFolded dio_opt_fold_vectors (DioOptFold *fold, uint32_t i);
DioOptFolded dio_opt_fold_truth (DioOptFold *fold, uint32_t i);

/* The operation at @i becomes a constant, or the earlier value @value, or nothing. */
DioOptFolded dio_opt_fold_to_constant (DioOptFold *fold, uint32_t i, int64_t constant);
DioOptFolded dio_opt_fold_to_value (DioOptFold *fold, uint32_t i, uint32_t value);
DioOptFolded dio_opt_fold_to_nothing (DioOptFold *fold, uint32_t i);

/* It becomes @opcode of as many of @a and @b as that has arguments, with the immediate 0. */
DioOptFolded dio_opt_fold_to_op (DioOptFold *fold, uint32_t i, DioIrOpcode opcode, uint32_t a,
                                 uint32_t b);

/* It becomes @opcode of @a and @constant, for which it takes the constant at @slot, one of its
 * arguments or of one of theirs; nothing happens if that has other uses. */
DioOptFolded dio_opt_fold_to_op_with (DioOptFold *fold, uint32_t i, DioIrOpcode opcode, uint32_t a,
                                      uint32_t slot, int64_t constant);

void dio_opt_fold_set_argument (DioOptFold *fold, uint32_t i, unsigned argument, uint32_t value);

/* Folds the operation at @i, an earlier one, again after a rule has changed it. */
void dio_opt_fold_visit (DioOptFold *fold, uint32_t i);

static inline bool
fold_is_constant (const DioOptFold *fold, uint32_t value, int64_t *constant)
{
  *constant = fold->ops[value].immediate;
  return fold->ops[value].opcode == DIO_IR_CONST;
}

static inline bool
fold_is_single (const DioOptFold *fold, uint32_t value)
{
  return fold->uses[value] == 1;
}

/* Whether @value is made by @opcode for one user only. */
static inline bool
fold_is_own (const DioOptFold *fold, uint32_t value, DioIrOpcode opcode)
{
  return fold->ops[value].opcode == opcode && fold_is_single (fold, value);
}

/* The low @n bits. */
static inline uint64_t
fold_mask (unsigned n)
{
  return n >= 64 ? UINT64_MAX : (UINT64_C (1) << n) - 1;
}

/* The bits that may be set in @value. */
static inline uint64_t
fold_possible (const DioOptFold *fold, uint32_t value)
{
  return fold_mask (fold->bits[value].zero_from);
}

/* For an operation that extends its argument or at least keeps its low bits: how many; else 0. */
static inline unsigned
fold_width (DioIrOpcode opcode)
{
  switch (opcode) {
  case DIO_IR_SEXT8:
  case DIO_IR_ZEXT8:
    return 8;
  case DIO_IR_SEXT16:
  case DIO_IR_ZEXT16:
    return 16;
  case DIO_IR_SEXT32:
  case DIO_IR_ZEXT32:
  case DIO_IR_BOX:
    return 32;
  default:
    return 0;
  }
}

/* Of the argument only the low @width bits matter: skips operations that change only others. */
bool dio_opt_fold_strip (DioOptFold *fold, uint32_t i, unsigned argument, unsigned width);
