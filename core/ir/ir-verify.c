/* SPDX-License-Identifier: GPL-3.0-or-later
 * What every pass and every code generator may rely on in a block. */
#include "core/base/base-error.h"
#include "core/ir/ir-block.h"

static bool
complain (GError **error, const DioIrBlock *block, uint32_t index, const char *what)
{
  const DioIrOp *op = dio_ir_block_op (block, index);
  const char *name = op->opcode < DIO_IR_N_OPS ? dio_ir_op_info[op->opcode].name : "?";
  g_set_error (error, DIO_ERROR, DIO_ERROR_FAILED, "operation %u (%s): %s", index, name, what);
  return false;
}

static bool
verify_immediate (const DioIrOp *op, const DioIrOpInfo *info)
{
  switch (info->immediate) {
  case DIO_IR_IMM_X:
  case DIO_IR_IMM_V:
  case DIO_IR_IMM_F:
    return op->immediate >= 0 && op->immediate < 32;
  case DIO_IR_IMM_FP:
    return op->immediate >= 0 && op->immediate < DIO_IR_N_FP;
  case DIO_IR_IMM_VEC:
    return op->immediate >= 0 && DIO_IR_IMMEDIATE_NAME (op->immediate) < DIO_IR_N_VEC;
  case DIO_IR_IMM_LANES:
    return op->immediate >= 0 && DIO_IR_IMMEDIATE_NAME (op->immediate) < DIO_IR_N_FP;
  case DIO_IR_IMM_PC:
  case DIO_IR_IMM_DISPLACEMENT:
    return op->immediate >= -DIO_IR_MAX_OFFSET && op->immediate <= DIO_IR_MAX_OFFSET;
  case DIO_IR_IMM_SHIFT:
    return op->immediate >= 1 && op->immediate <= 3;
  case DIO_IR_IMM_SYSTEM:
    return op->note != NULL;
  default:
    return true;
  }
}

/* Effects that may happen again, when the instruction is started once more after a fault: a store
 * writes the same again, and order is order. */
static bool
is_repeatable (unsigned opcode)
{
  switch (opcode) {
  case DIO_IR_FENCE:
  case DIO_IR_STORE_8:
  case DIO_IR_STORE_16:
  case DIO_IR_STORE_32:
  case DIO_IR_STORE_64:
  case DIO_IR_STORE_V128:
    return true;
  default:
    return false;
  }
}

bool
dio_ir_block_verify (const DioIrBlock *block, GError **error)
{
  bool inside = false, affected = false, ended = false;
  for (uint32_t i = 0; i < block->ops->len; i++) {
    const DioIrOp *op = dio_ir_block_op (block, i);
    if (op->opcode >= DIO_IR_N_OPS)
      return complain (error, block, i, "no such operation");
    const DioIrOpInfo *info = &dio_ir_op_info[op->opcode];
    if (ended)
      return complain (error, block, i, "follows the end of the block");
    if (op->opcode == DIO_IR_INSN) {
      inside = true;
      affected = false;
    } else if (!inside) {
      return complain (error, block, i, "belongs to no instruction");
    }
    for (unsigned a = 0; a < info->n_arguments; a++) {
      if (op->arguments[a] >= i)
        return complain (error, block, i, "argument is not an earlier value");
      const DioIrOp *from = dio_ir_block_op (block, op->arguments[a]);
      if (dio_ir_op_info[from->opcode].result != info->arguments[a])
        return complain (error, block, i, "argument of the wrong type");
    }
    if (!verify_immediate (op, info))
      return complain (error, block, i, "impossible immediate");
    if ((info->effects & DIO_IR_FAULT) && affected)
      return complain (error, block, i, "may fault after an effect");
    affected |= (info->effects & DIO_IR_EFFECT) != 0 && !is_repeatable (op->opcode);
    /* A branch that is not taken goes on. */
    ended = (info->effects & DIO_IR_END) && op->opcode != DIO_IR_BRANCH;
  }
  if (!ended) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FAILED, "the block does not end");
    return false;
  }
  return true;
}
