/* SPDX-License-Identifier: GPL-3.0-or-later
 * Rules of folding: comparisons, what is selected by them, traps and branches.
 *
 * There are no constant truth values, so a comparison with a known outcome stays as it is, and
 * those who use it look through it. A comparison is copied rather than shared: right before its
 * user it costs nothing but the host's compare instruction. A condition of the flags is no
 * comparison: it is known where it stands only. Nor are those of floating point. */
#include "core/opt/opt-eval.h"
#include "core/opt/opt-fold-private.h"

/* The outcome of the comparison at @truth if it is always the same, else -1. */
static int
outcome (const DioOptFold *fold, uint32_t truth)
{
  const DioIrOp *op = &fold->ops[truth];
  uint32_t a = op->arguments[0], b = op->arguments[1];
  int64_t x, y;
  uint64_t result;
  if (op->opcode == DIO_IR_FP_HOLDS_32 || op->opcode == DIO_IR_FP_HOLDS_64)
    return fold_is_constant (fold, a, &x) && fold_is_constant (fold, b, &y)
                   && dio_opt_evaluate (op, (uint64_t) x, (uint64_t) y, &result)
               ? (int) result
               : -1;
  if (!dio_opt_is_comparison (op->opcode))
    return -1;
  bool equal_holds = op->opcode == DIO_IR_EQ || op->opcode == DIO_IR_GE || op->opcode == DIO_IR_GEU;
  if (a == b)
    return equal_holds;
  if (!fold_is_constant (fold, b, &y))
    return -1;
  if (fold_is_constant (fold, a, &x))
    return dio_opt_evaluate (op, (uint64_t) x, (uint64_t) y, &result) ? (int) result : -1;
  uint64_t possible = fold_possible (fold, a), bound = (uint64_t) y;
  switch (op->opcode) {
  case DIO_IR_EQ:
    return bound & ~possible ? 0 : -1;
  case DIO_IR_NE:
    return bound & ~possible ? 1 : -1;
  case DIO_IR_LTU:
    return bound == 0 ? 0 : bound > possible ? 1 : -1;
  case DIO_IR_GEU:
    return bound == 0 ? 1 : bound > possible ? 0 : -1;
  default:
    return -1;
  }
}

/* x == c or x != c. */
static DioOptFolded
fold_equality (DioOptFold *fold, uint32_t i, int64_t c)
{
  const DioIrOp *op = &fold->ops[i];
  DioIrOpcode opcode = op->opcode;
  uint32_t a = op->arguments[0], b = op->arguments[1];
  const DioIrOp *from = &fold->ops[a];
  int64_t c1;
  if (from->opcode == DIO_IR_WIDEN && (c == 0 || c == 1)) {
    const DioIrOp *truth = &fold->ops[from->arguments[0]];
    if (!dio_opt_is_comparison (truth->opcode))
      return DIO_FOLDED_NOT;
    bool same = (opcode == DIO_IR_EQ) == (c == 1);
    return dio_opt_fold_to_op (fold, i, same ? truth->opcode : dio_opt_inverse (truth->opcode),
                               truth->arguments[0], truth->arguments[1]);
  }
  if (!fold_is_single (fold, a))
    return DIO_FOLDED_NOT;
  if (from->opcode == DIO_IR_ADD && fold_is_constant (fold, from->arguments[1], &c1))
    return dio_opt_fold_to_op_with (fold, i, opcode, from->arguments[0], b,
                                    (int64_t) ((uint64_t) c - (uint64_t) c1));
  if (from->opcode == DIO_IR_XOR && fold_is_constant (fold, from->arguments[1], &c1))
    return dio_opt_fold_to_op_with (fold, i, opcode, from->arguments[0], b, c ^ c1);
  if (c == 0 && (from->opcode == DIO_IR_SUB || from->opcode == DIO_IR_XOR))
    return dio_opt_fold_to_op (fold, i, opcode, from->arguments[0], from->arguments[1]);
  return DIO_FOLDED_NOT;
}

static DioOptFolded
fold_comparison (DioOptFold *fold, uint32_t i)
{
  const DioIrOp *op = &fold->ops[i];
  uint32_t a = op->arguments[0], b = op->arguments[1];
  int64_t c;
  bool less = op->opcode == DIO_IR_LTU, not_less = op->opcode == DIO_IR_GEU;
  if (fold_is_constant (fold, b, &c)) {
    if (op->opcode == DIO_IR_EQ || op->opcode == DIO_IR_NE)
      return fold_equality (fold, i, c);
    /* Below 1 is 0. */
    if (c == 1 && (less || not_less))
      return dio_opt_fold_to_op_with (fold, i, less ? DIO_IR_EQ : DIO_IR_NE, a, b, 0);
  } else if (fold_is_constant (fold, a, &c) && c == 0 && (less || not_less)) {
    /* 0 is below all but 0. */
    return dio_opt_fold_to_op (fold, i, less ? DIO_IR_NE : DIO_IR_EQ, b, a);
  }
  return DIO_FOLDED_NOT;
}

static DioOptFolded
fold_select (DioOptFold *fold, uint32_t i)
{
  const DioIrOp *op = &fold->ops[i];
  uint32_t truth = op->arguments[0], a = op->arguments[1], b = op->arguments[2];
  int known = outcome (fold, truth);
  int64_t x, y;
  if (known >= 0)
    return dio_opt_fold_to_value (fold, i, known ? a : b);
  if (a == b)
    return dio_opt_fold_to_value (fold, i, a);
  if (!fold_is_constant (fold, a, &x) || !fold_is_constant (fold, b, &y))
    return DIO_FOLDED_NOT;
  if (x == y)
    return dio_opt_fold_to_value (fold, i, a);
  if (x == 1 && y == 0)
    return dio_opt_fold_to_op (fold, i, DIO_IR_WIDEN, truth, 0);
  if (x == 0 && y == 1 && fold_is_single (fold, truth)
      && dio_opt_is_comparison (fold->ops[truth].opcode)) {
    fold->ops[truth].opcode = (uint16_t) dio_opt_inverse (fold->ops[truth].opcode);
    return dio_opt_fold_to_op (fold, i, DIO_IR_WIDEN, truth, 0);
  }
  return DIO_FOLDED_NOT;
}

DioOptFolded
dio_opt_fold_truth (DioOptFold *fold, uint32_t i)
{
  DioIrOp *op = &fold->ops[i];
  int known;
  switch (op->opcode) {
  case DIO_IR_EQ:
  case DIO_IR_NE:
  case DIO_IR_LT:
  case DIO_IR_GE:
  case DIO_IR_LTU:
  case DIO_IR_GEU:
    return fold_comparison (fold, i);
  case DIO_IR_SELECT:
    return fold_select (fold, i);
  case DIO_IR_WIDEN:
    known = outcome (fold, op->arguments[0]);
    return known < 0 ? DIO_FOLDED_NOT : dio_opt_fold_to_constant (fold, i, known);
  case DIO_IR_TRAP_IF:
  case DIO_IR_ILLEGAL_IF:
  case DIO_IR_BRANCH:
    /* Those that always leave stay: what follows them would have to go. */
    return outcome (fold, op->arguments[0]) == 0 ? dio_opt_fold_to_nothing (fold, i)
                                                 : DIO_FOLDED_NOT;
  case DIO_IR_JUMP:
    if (fold->ops[op->arguments[0]].opcode == DIO_IR_PC) {
      int64_t offset = fold->ops[op->arguments[0]].immediate;
      dio_opt_fold_to_op (fold, i, DIO_IR_EXIT, 0, 0);
      op->immediate = offset;
      return DIO_FOLDED_DONE;
    }
    return DIO_FOLDED_NOT;
  default:
    return DIO_FOLDED_NOT;
  }
}
