/* SPDX-License-Identifier: GPL-3.0-or-later
 * Condition flags that nobody sees: removes operations that set them, when all are set anew before
 * something reads them, may fault (a fault finds all of the guest's state) or leaves the block. */
#include "core/opt/opt-private.h"

typedef enum { OTHER, READS, SETS, CHANGES } Use;

static Use
use_of (const DioIrOp *op)
{
  switch (op->opcode) {
  case DIO_IR_FLAGS_ADD_32:
  case DIO_IR_FLAGS_ADD_64:
  case DIO_IR_FLAGS_SUB_32:
  case DIO_IR_FLAGS_SUB_64:
  case DIO_IR_FLAGS_LOGIC_32:
  case DIO_IR_FLAGS_LOGIC_64:
  case DIO_IR_SET_NZCV:
    return SETS;
  case DIO_IR_FLAGS_ADC_32:
  case DIO_IR_FLAGS_ADC_64:
  case DIO_IR_FLAGS_UNLESS:
    return CHANGES;
  case DIO_IR_GET_NZCV:
  case DIO_IR_CARRY:
  case DIO_IR_CONDITION:
    return READS;
  default:
    return dio_opt_info (op)->effects & (DIO_IR_FAULT | DIO_IR_END) ? READS : OTHER;
  }
}

unsigned
dio_opt_flags (DioOptContext *context, DioIrBlock *block)
{
  DioIrOp *ops = dio_opt_ops (block);
  bool seen = true;
  unsigned removed = 0;
  for (uint32_t i = block->ops->len; i-- > 0;) {
    Use use = use_of (&ops[i]);
    if ((use == SETS || use == CHANGES) && !seen) {
      ops[i].opcode = DIO_IR_NOP;
      removed++;
    } else if (use != OTHER) {
      seen = use != SETS;
    }
  }
  return removed;
}
