/* SPDX-License-Identifier: GPL-3.0-or-later
 * Blocks of intermediate representation: building, text, checks. */
#include "core/ir/ir-block.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/base-error.h"

#define TYPE_v DIO_IR_VOID
#define TYPE_b DIO_IR_I1
#define TYPE_w DIO_IR_I64
/* Argument types are filled in from strings: see dio_ir_op_info's users. A string's letters are
 * constant, so the table stays constant. */
#define LETTER(s, i)                                                                               \
  (sizeof (s) - 1 > (i) ? ((s)[(i) < sizeof (s) ? (i) : 0] == 'b' ? DIO_IR_I1 : DIO_IR_I64)        \
                        : DIO_IR_VOID)
#define PURE DIO_IR_PURE
#define READ DIO_IR_READ
#define FAULT DIO_IR_FAULT
#define EFFECT DIO_IR_EFFECT
#define END DIO_IR_END

const DioIrOpInfo dio_ir_op_info[DIO_IR_N_OPS] = {
#define X(id, text, type, letters, imm, flags)                                                     \
  { .name = text,                                                                                  \
    .result = TYPE_##type,                                                                         \
    .n_arguments = sizeof (letters) - 1,                                                           \
    .effects = flags,                                                                              \
    .immediate = DIO_IR_IMM_##imm,                                                                 \
    .arguments = { LETTER (letters, 0), LETTER (letters, 1), LETTER (letters, 2),                  \
                   LETTER (letters, 3) } },
#include "core/ir/ir-ops.inc"
#undef X
};

const char *const dio_ir_fp_names[DIO_IR_N_FP] = {
#define X(name) #name,
#include "core/ir/ir-fp.inc"
#undef X
};

DioIrBlock *
dio_ir_block_new (void)
{
  DioIrBlock *block = g_new0 (DioIrBlock, 1);
  block->ops = g_array_new (FALSE, FALSE, sizeof (DioIrOp));
  return block;
}

void
dio_ir_block_free (DioIrBlock *block)
{
  if (!block)
    return;
  g_array_unref (block->ops);
  g_free (block);
}

void
dio_ir_block_clear (DioIrBlock *block)
{
  g_array_set_size (block->ops, 0);
}

uint32_t
dio_ir_block_append (DioIrBlock *block, DioIrOpcode opcode, int64_t immediate, uint32_t a,
                     uint32_t b, uint32_t c, uint32_t d)
{
  DioIrOp op = {
    .opcode = (uint16_t) opcode,
    .arguments = { a, b, c, d },
    .immediate = immediate,
  };
  g_array_append_val (block->ops, op);
  return block->ops->len - 1;
}

/* ---- Text ---- */

static void
append_immediate (GString *out, const DioIrOp *op, const DioIrOpInfo *info)
{
  switch (info->immediate) {
  case DIO_IR_IMM_NONE:
    break;
  case DIO_IR_IMM_NUMBER:
    g_string_append_printf (out, " %" PRId64, op->immediate);
    break;
  case DIO_IR_IMM_X:
    g_string_append_printf (out, " x%" PRId64, op->immediate);
    break;
  case DIO_IR_IMM_F:
    g_string_append_printf (out, " f%" PRId64, op->immediate);
    break;
  case DIO_IR_IMM_PC:
    g_string_append_printf (out, " %+" PRId64, op->immediate);
    break;
  case DIO_IR_IMM_FP:
    g_string_append_printf (out, ".%s", dio_ir_fp_names[op->immediate]);
    break;
  case DIO_IR_IMM_ORDER:
    g_string_append_printf (out, " 0x%" PRIx64, (uint64_t) op->immediate);
    break;
  case DIO_IR_IMM_SYSTEM:
    break;
  }
}

char *
dio_ir_block_to_text (const DioIrBlock *block)
{
  GString *out = g_string_new (NULL);
  for (uint32_t i = 0; i < block->ops->len; i++) {
    const DioIrOp *op = dio_ir_block_op (block, i);
    const DioIrOpInfo *info = &dio_ir_op_info[op->opcode];
    if (op->opcode != DIO_IR_INSN)
      g_string_append (out, "  ");
    if (info->result != DIO_IR_VOID)
      g_string_append_printf (out, "%%%u = ", i);
    g_string_append (out, info->name);
    append_immediate (out, op, info);
    bool first = info->immediate == DIO_IR_IMM_NONE || info->immediate == DIO_IR_IMM_FP;
    for (unsigned a = 0; a < info->n_arguments; a++, first = false)
      g_string_append_printf (out, "%s %%%u", first ? "" : ",", op->arguments[a]);
    if (op->note)
      g_string_append_printf (out, " %s", op->note);
    if (info->result == DIO_IR_I1)
      g_string_append (out, " : i1");
    g_string_append_c (out, '\n');
  }
  return g_string_free (out, FALSE);
}

/* ---- Checks ---- */

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
    /* x0 is a constant and no destination. */
    return op->immediate >= 1 && op->immediate < 32;
  case DIO_IR_IMM_F:
    return op->immediate >= 0 && op->immediate < 32;
  case DIO_IR_IMM_FP:
    return op->immediate >= 0 && op->immediate < DIO_IR_N_FP;
  case DIO_IR_IMM_SYSTEM:
    return op->note != NULL;
  default:
    return true;
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
    affected |= (info->effects & DIO_IR_EFFECT) != 0;
    /* A branch that is not taken goes on. */
    ended = (info->effects & DIO_IR_END) && op->opcode != DIO_IR_BRANCH;
  }
  if (!ended) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FAILED, "the block does not end");
    return false;
  }
  return true;
}
