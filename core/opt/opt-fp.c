/* SPDX-License-Identifier: GPL-3.0-or-later
 * Floating-point preconditions: a block asks once whether the unit is on, and once for the dynamic
 * rounding direction.
 *
 * FP_REQUIRE faults when the unit is off and marks its state dirty otherwise; FP_ROUNDING faults
 * when the direction is reserved and gives it otherwise. Behind the first of each the second one
 * cannot fault, changes nothing and gives the same, unless a system operation in between has
 * changed the control registers. Nothing else in a block can: a trap or an interrupt leaves it. */
#include "core/opt/opt-private.h"

#define NONE UINT32_MAX

unsigned
dio_opt_fp (DioOptContext *context, DioIrBlock *block)
{
  bool required = false;
  uint32_t rounding = NONE;
  unsigned removed = 0;
  dio_opt_reserve (context, block);
  uint32_t *replacement = context->replacement;
  DioIrOp *ops = dio_opt_ops (block);
  for (uint32_t i = 0; i < block->ops->len; i++) {
    DioIrOp *op = &ops[i];
    replacement[i] = i;
    dio_opt_rename (op, replacement);
    if (dio_opt_is_system (op)) {
      required = false;
      rounding = NONE;
    } else if (op->opcode == DIO_IR_FP_REQUIRE) {
      if (required) {
        op->opcode = DIO_IR_NOP;
        removed++;
      }
      required = true;
    } else if (op->opcode == DIO_IR_FP_ROUNDING) {
      if (rounding != NONE) {
        replacement[i] = rounding;
        op->opcode = DIO_IR_NOP;
        removed++;
      } else {
        rounding = i;
      }
    }
  }
  return removed;
}
