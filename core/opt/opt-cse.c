/* SPDX-License-Identifier: GPL-3.0-or-later
 * Common subexpressions: an operation that repeats an earlier one is the value of that.
 *
 * Sound for pure operations only, which give the same whenever their arguments are the same: not
 * loads, as memory may change in between, nor reads of registers, which are getset's. Truth values
 * are left alone too: a comparison right before the branch or selection that uses it costs less
 * than a truth value that is kept.
 *
 * The table is open-addressed and at most half full. */
#include "core/opt/opt-private.h"

/* Slots hold indices; no operation with a value comes first in a block. */
#define EMPTY 0

static inline bool
is_candidate (const DioIrOp *op)
{
  const DioIrOpInfo *info = dio_opt_info (op);
  return (info->result == DIO_IR_I64 || info->result == DIO_IR_V128)
         && info->effects == DIO_IR_PURE;
}

static inline uint32_t
hash (const DioIrOp *op, unsigned n)
{
  uint64_t mixed = op->opcode + (uint64_t) op->immediate * UINT64_C (0x9e3779b97f4a7c15);
  for (unsigned a = 0; a < n; a++)
    mixed = (mixed ^ op->arguments[a]) * UINT64_C (0xbf58476d1ce4e5b9);
  mixed *= UINT64_C (0x94d049bb133111eb);
  return (uint32_t) (mixed >> 32);
}

static inline bool
same (const DioIrOp *a, const DioIrOp *b, unsigned n)
{
  if (a->opcode != b->opcode || a->immediate != b->immediate)
    return false;
  for (unsigned i = 0; i < n; i++)
    if (a->arguments[i] != b->arguments[i])
      return false;
  return true;
}

/* Lets a + b and b + a look the same, with constants, which fold puts behind, still there. */
static inline void
order_arguments (const DioIrOp *ops, DioIrOp *op)
{
  uint32_t a = op->arguments[0], b = op->arguments[1];
  if (dio_opt_is_commutative (op->opcode) && a > b && ops[b].opcode != DIO_IR_CONST) {
    op->arguments[0] = b;
    op->arguments[1] = a;
  }
}

unsigned
dio_opt_cse (DioOptContext *context, DioIrBlock *block)
{
  uint32_t n = block->ops->len, mask = 3;
  unsigned removed = 0;
  dio_opt_reserve (context, block);
  while (mask < 2 * n)
    mask = 2 * mask + 1;
  uint32_t *replacement = context->replacement, *table = context->table;
  DioIrOp *ops = dio_opt_ops (block);
  memset (table, 0, ((size_t) mask + 1) * sizeof *table);
  for (uint32_t i = 0; i < n; i++) {
    DioIrOp *op = &ops[i];
    unsigned arguments = dio_opt_info (op)->n_arguments;
    replacement[i] = i;
    dio_opt_rename (op, replacement);
    if (i == 0 || !is_candidate (op))
      continue;
    order_arguments (ops, op);
    uint32_t slot = hash (op, arguments) & mask;
    while (table[slot] != EMPTY && !same (&ops[table[slot]], op, arguments))
      slot = (slot + 1) & mask;
    if (table[slot] == EMPTY) {
      table[slot] = i;
      continue;
    }
    replacement[i] = table[slot];
    op->opcode = DIO_IR_NOP;
    removed++;
  }
  return removed;
}
