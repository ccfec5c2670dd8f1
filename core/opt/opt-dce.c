/* SPDX-License-Identifier: GPL-3.0-or-later
 * Dead code: removes operations that do nothing but give a value which nobody uses.
 *
 * One walk from the end, so that the arguments of what is removed are seen as unused in turn. An
 * operation that may fault stays, used or not: the fault is its effect. So do operations on
 * floating-point numbers that raise flags. */
#include "core/opt/opt-private.h"

unsigned
dio_opt_dce (DioOptContext *context, DioIrBlock *block)
{
  unsigned removed = 0;
  dio_opt_reserve (context, block);
  uint8_t *used = context->uses;
  DioIrOp *ops = dio_opt_ops (block);
  memset (used, 0, block->ops->len);
  for (uint32_t i = block->ops->len; i-- > 0;) {
    DioIrOp *op = &ops[i];
    if (!used[i] && dio_opt_is_removable (op)) {
      op->opcode = DIO_IR_NOP;
      removed++;
      continue;
    }
    for (unsigned a = 0, n = dio_opt_info (op)->n_arguments; a < n; a++)
      used[op->arguments[a]] = true;
  }
  return removed;
}
