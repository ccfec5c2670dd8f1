/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the passes share: scratch memory, renaming of values, kinds of operations. */
#pragma once

#include <string.h>

#include "core/opt/opt-bits.h"
#include "core/opt/opt.h"

struct DioOptContext {
  uint32_t capacity;     /* operations that the arrays hold */
  uint32_t *replacement; /* by which value another one is replaced, or itself */
  uint8_t *uses;
  uint8_t *other_uses;
  DioOptBits *bits;
  uint32_t *table; /* 4 * capacity */
  DioOptStatistics statistics;
};

/* Makes the arrays large enough for @block. */
void dio_opt_reserve (DioOptContext *context, const DioIrBlock *block);

static inline DioIrOp *
dio_opt_ops (DioIrBlock *block)
{
  return (DioIrOp *) (void *) block->ops->data;
}

static inline const DioIrOpInfo *
dio_opt_info (const DioIrOp *op)
{
  return &dio_ir_op_info[op->opcode];
}

/* Lets the arguments of @op be what replaces them. Everything before @op has been visited, and what
 * replaces a value is never replaced itself. */
static inline void
dio_opt_rename (DioIrOp *op, const uint32_t *replacement)
{
  for (unsigned a = 0, n = dio_opt_info (op)->n_arguments; a < n; a++)
    op->arguments[a] = replacement[op->arguments[a]];
}

/* Nothing is lost with the operation if nobody uses its value. */
static inline bool
dio_opt_is_removable (const DioIrOp *op)
{
  const DioIrOpInfo *info = dio_opt_info (op);
  return info->result != DIO_IR_VOID && !(info->effects & ~DIO_IR_READ);
}

/* The privileged functions of the guest, which may do anything to the state of the CPU. */
static inline bool
dio_opt_is_system (const DioIrOp *op)
{
  switch (op->opcode) {
  case DIO_IR_SYSTEM:
  case DIO_IR_CSR_READ:
  case DIO_IR_CSR_WRITE:
  case DIO_IR_CSR_SET:
  case DIO_IR_CSR_CLEAR:
  case DIO_IR_CACHE_BLOCK:
  case DIO_IR_FENCE_VMA:
    return true;
  default:
    return false;
  }
}

/* Accesses with a displacement. */
static inline bool
dio_opt_is_access (const DioIrOp *op)
{
  return dio_opt_info (op)->immediate == DIO_IR_IMM_DISPLACEMENT;
}

static inline bool
dio_opt_is_commutative (DioIrOpcode opcode)
{
  switch (opcode) {
  case DIO_IR_ADD:
  case DIO_IR_MUL:
  case DIO_IR_MULH:
  case DIO_IR_MULHU:
  case DIO_IR_AND:
  case DIO_IR_OR:
  case DIO_IR_XOR:
  case DIO_IR_EQ:
  case DIO_IR_NE:
    return true;
  default:
    return false;
  }
}

/* Is it one of those of two numbers? */
static inline bool
dio_opt_is_comparison (DioIrOpcode opcode)
{
  return opcode >= DIO_IR_EQ && opcode <= DIO_IR_GEU;
}

/* The comparison that is true where @opcode is false: they come in pairs. */
_Static_assert(DIO_IR_NE == DIO_IR_EQ + 1 && DIO_IR_LT == DIO_IR_EQ + 2
                   && DIO_IR_GE == DIO_IR_EQ + 3 && DIO_IR_LTU == DIO_IR_EQ + 4
                   && DIO_IR_GEU == DIO_IR_EQ + 5,
               "comparisons are listed in pairs");

static inline DioIrOpcode
dio_opt_inverse (DioIrOpcode opcode)
{
  return DIO_IR_EQ + ((opcode - DIO_IR_EQ) ^ 1);
}
