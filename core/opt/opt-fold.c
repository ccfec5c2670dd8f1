/* SPDX-License-Identifier: GPL-3.0-or-later
 * Folding: operations on constants become constants, and others simpler or nothing where arithmetic
 * or what is known of the width of values allows it.
 *
 * One walk from the start: when an operation is looked at, its arguments are final. Each rule is an
 * equation between values of 64 bits that holds for all values, or for all that the widths of
 * opt-bits.h admit; constants are computed by the interpreter's expressions (opt-eval.h). Only pure
 * operations are removed, and traps and branches whose condition is known to be false; an operation
 * that may fault is at most changed into one that faults alike (the sign of a load).
 *
 * Each time a rule applies, the operation gets smaller by some measure (arguments closer to the
 * start, fewer bits, a simpler opcode); in case that is wrong somewhere there is a limit. */
#include "core/opt/opt-eval.h"
#include "core/opt/opt-fold-private.h"

#define MAX_ROUNDS 8
/* Of arguments of arguments that lose their last use at once; the rest is left to dce. */
#define MAX_RELEASE 8

static void
use (DioOptFold *fold, uint32_t value)
{
  fold->uses[value] += fold->uses[value] < UINT8_MAX;
}

static void
release (DioOptFold *fold, uint32_t value, unsigned depth)
{
  DioIrOp *op = &fold->ops[value];
  if (fold->uses[value] == UINT8_MAX || --fold->uses[value] || !dio_opt_is_removable (op)
      || depth == MAX_RELEASE)
    return;
  for (unsigned a = 0, n = dio_opt_info (op)->n_arguments; a < n; a++)
    release (fold, op->arguments[a], depth + 1);
  op->opcode = DIO_IR_NOP;
  fold->removed++;
}

static void
release_arguments (DioOptFold *fold, const DioIrOp *op)
{
  for (unsigned a = 0, n = dio_opt_info (op)->n_arguments; a < n; a++)
    release (fold, op->arguments[a], 0);
}

DioOptFolded
dio_opt_fold_to_op (DioOptFold *fold, uint32_t i, DioIrOpcode opcode, uint32_t a, uint32_t b)
{
  DioIrOp old = fold->ops[i];
  unsigned n = dio_ir_op_info[opcode].n_arguments;
  fold->ops[i] = (DioIrOp){ .opcode = (uint16_t) opcode, .arguments = { a, b } };
  if (n > 0)
    use (fold, a);
  if (n > 1)
    use (fold, b);
  /* Only now, for what the operation still uses must not lose its last use in between. */
  release_arguments (fold, &old);
  return DIO_FOLDED_AGAIN;
}

DioOptFolded
dio_opt_fold_to_op_with (DioOptFold *fold, uint32_t i, DioIrOpcode opcode, uint32_t a,
                         uint32_t slot, int64_t constant)
{
  if (!fold_is_single (fold, slot))
    return DIO_FOLDED_NOT;
  fold->ops[slot].immediate = constant;
  fold->bits[slot] = dio_opt_bits (fold->ops, slot, fold->bits);
  return dio_opt_fold_to_op (fold, i, opcode, a, slot);
}

DioOptFolded
dio_opt_fold_to_constant (DioOptFold *fold, uint32_t i, int64_t constant)
{
  dio_opt_fold_to_op (fold, i, DIO_IR_CONST, 0, 0);
  fold->ops[i].immediate = constant;
  return DIO_FOLDED_DONE;
}

DioOptFolded
dio_opt_fold_to_nothing (DioOptFold *fold, uint32_t i)
{
  dio_opt_fold_to_op (fold, i, DIO_IR_NOP, 0, 0);
  fold->removed++;
  return DIO_FOLDED_DONE;
}

DioOptFolded
dio_opt_fold_to_value (DioOptFold *fold, uint32_t i, uint32_t value)
{
  unsigned uses = (unsigned) fold->uses[value] + fold->uses[i];
  fold->uses[value] = (uint8_t) MIN (uses, UINT8_MAX);
  fold->uses[i] = 0;
  fold->replacement[i] = value;
  return dio_opt_fold_to_nothing (fold, i);
}

void
dio_opt_fold_set_argument (DioOptFold *fold, uint32_t i, unsigned argument, uint32_t value)
{
  uint32_t old = fold->ops[i].arguments[argument];
  fold->ops[i].arguments[argument] = value;
  use (fold, value);
  release (fold, old, 0);
}

bool
dio_opt_fold_strip (DioOptFold *fold, uint32_t i, unsigned argument, unsigned width)
{
  bool changed = false;
  for (;;) {
    uint32_t value = fold->ops[i].arguments[argument];
    const DioIrOp *op = &fold->ops[value];
    int64_t mask = 0;
    bool keeps = fold_width (op->opcode) >= width;
    if (op->opcode == DIO_IR_AND && fold_is_constant (fold, op->arguments[1], &mask))
      keeps = (~mask & fold_mask (width)) == 0;
    if (!keeps || !fold_is_single (fold, value))
      return changed;
    dio_opt_fold_set_argument (fold, i, argument, op->arguments[0]);
    changed = true;
  }
}

/* ---- The walk ---- */

/* Constants stand behind. */
static void
order_arguments (DioOptFold *fold, DioIrOp *op)
{
  int64_t constant;
  if (!dio_opt_is_commutative (op->opcode) || !fold_is_constant (fold, op->arguments[0], &constant)
      || fold_is_constant (fold, op->arguments[1], &constant))
    return;
  uint32_t a = op->arguments[0];
  op->arguments[0] = op->arguments[1];
  op->arguments[1] = a;
}

/* Whether @op is a pure operation on constants; then its value. */
static bool
evaluate (DioOptFold *fold, const DioIrOp *op, uint64_t *result)
{
  const DioIrOpInfo *info = dio_opt_info (op);
  uint64_t values[2] = { 0 };
  if (info->effects != DIO_IR_PURE || info->result != DIO_IR_I64 || !info->n_arguments
      || info->n_arguments > G_N_ELEMENTS (values))
    return false;
  for (unsigned a = 0; a < info->n_arguments; a++) {
    const DioIrOp *from = &fold->ops[op->arguments[a]];
    if (from->opcode != DIO_IR_CONST)
      return false;
    values[a] = (uint64_t) from->immediate;
  }
  return dio_opt_evaluate (op, values[0], values[1], result);
}

static DioOptFolded
fold_once (DioOptFold *fold, uint32_t i)
{
  DioIrOp *op = &fold->ops[i];
  uint64_t result;
  dio_opt_rename (op, fold->replacement);
  order_arguments (fold, op);
  if (evaluate (fold, op, &result))
    return dio_opt_fold_to_constant (fold, i, (int64_t) result);
  DioOptFolded folded = dio_opt_fold_arithmetic (fold, i);
  if (folded == DIO_FOLDED_NOT)
    folded = dio_opt_fold_bits (fold, i);
  if (folded == DIO_FOLDED_NOT)
    folded = dio_opt_fold_truth (fold, i);
  if (folded == DIO_FOLDED_NOT)
    folded = dio_opt_fold_vectors (fold, i);
  return folded;
}

void
dio_opt_fold_visit (DioOptFold *fold, uint32_t i)
{
  unsigned rounds = 0;
  while (dio_opt_info (&fold->ops[i])->n_arguments && fold_once (fold, i) == DIO_FOLDED_AGAIN
         && ++rounds < MAX_ROUNDS)
    ;
  fold->bits[i] = dio_opt_bits (fold->ops, i, fold->bits);
}

unsigned
dio_opt_fold (DioOptContext *context, DioIrBlock *block)
{
  dio_opt_reserve (context, block);
  DioOptFold fold = {
    .ops = dio_opt_ops (block),
    .replacement = context->replacement,
    .uses = context->uses,
    .bits = context->bits,
    .pc_zeros = fold_mask (block->pc_zeros),
  };
  dio_ir_block_count_uses (block, fold.uses);
  for (uint32_t i = 0; i < block->ops->len; i++) {
    fold.replacement[i] = i;
    dio_opt_fold_visit (&fold, i);
  }
  return fold.removed;
}
