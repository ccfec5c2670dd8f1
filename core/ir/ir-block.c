/* SPDX-License-Identifier: GPL-3.0-or-later
 * Blocks of intermediate representation: the operations, building, uses. */
#include "core/ir/ir-block.h"

#include <string.h>

#define TYPE_v DIO_IR_VOID
#define TYPE_b DIO_IR_I1
#define TYPE_w DIO_IR_I64
#define TYPE_q DIO_IR_V128
/* Argument types are filled in from strings: see dio_ir_op_info's users. A string's letters are
 * constant, so the table stays constant. */
#define LETTER_AT(s, i) ((s)[(i) < sizeof (s) ? (i) : 0])
#define LETTER(s, i)                                                                               \
  (sizeof (s) - 1 <= (i)     ? DIO_IR_VOID                                                         \
   : LETTER_AT (s, i) == 'b' ? DIO_IR_I1                                                           \
   : LETTER_AT (s, i) == 'q' ? DIO_IR_V128                                                         \
                             : DIO_IR_I64)
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

const char *const dio_ir_vec_names[DIO_IR_N_VEC] = {
#define X(name) #name,
#include "core/ir/ir-vec.inc"
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
  block->pc_zeros = 0;
}

unsigned
dio_ir_flags_use (DioIrOpcode opcode)
{
  switch (opcode) {
  case DIO_IR_FLAGS_ADD_32:
  case DIO_IR_FLAGS_ADD_64:
  case DIO_IR_FLAGS_SUB_32:
  case DIO_IR_FLAGS_SUB_64:
  case DIO_IR_FLAGS_LOGIC_32:
  case DIO_IR_FLAGS_LOGIC_64:
  case DIO_IR_FLAGS_FP_32:
  case DIO_IR_FLAGS_FP_64:
  case DIO_IR_SET_NZCV:
    return DIO_IR_FLAGS_SET;
  case DIO_IR_FLAGS_ADC_32:
  case DIO_IR_FLAGS_ADC_64:
    return DIO_IR_FLAGS_READ | DIO_IR_FLAGS_SET;
  case DIO_IR_FLAGS_UNLESS:
    return DIO_IR_FLAGS_CHANGE;
  case DIO_IR_GET_NZCV:
  case DIO_IR_CARRY:
  case DIO_IR_CONDITION:
    return DIO_IR_FLAGS_READ;
  default:
    return 0;
  }
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

void
dio_ir_block_count_uses (const DioIrBlock *block, uint8_t *uses)
{
  memset (uses, 0, block->ops->len);
  for (uint32_t i = 0; i < block->ops->len; i++) {
    const DioIrOp *op = dio_ir_block_op (block, i);
    for (unsigned a = 0; a < dio_ir_op_info[op->opcode].n_arguments; a++)
      uses[op->arguments[a]] += uses[op->arguments[a]] < UINT8_MAX;
  }
}
