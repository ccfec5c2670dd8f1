/* SPDX-License-Identifier: GPL-3.0-or-later
 * Condition flags that nobody sees: removes operations that set them, when all are set anew before
 * something reads them, may fault (a fault finds all of the guest's state) or leaves the block. */
#include "core/opt/opt-private.h"

unsigned
dio_opt_flags (DioOptContext *context, DioIrBlock *block)
{
  DioIrOp *ops = dio_opt_ops (block);
  bool seen = true;
  unsigned removed = 0;
  for (uint32_t i = block->ops->len; i-- > 0;) {
    unsigned use = dio_ir_flags_use (ops[i].opcode);
    if ((use & (DIO_IR_FLAGS_SET | DIO_IR_FLAGS_CHANGE)) && !seen) {
      ops[i].opcode = DIO_IR_NOP;
      removed++;
    } else if (use || (dio_opt_info (&ops[i])->effects & (DIO_IR_FAULT | DIO_IR_END))) {
      seen = use != DIO_IR_FLAGS_SET;
    }
  }
  return removed;
}
