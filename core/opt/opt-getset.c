/* SPDX-License-Identifier: GPL-3.0-or-later
 * Guest registers: a block reads each register at most once from the state and writes it only when
 * somebody may look.
 *
 * Forwards: a GET behind a GET or SET of the same register is the value of that, and a SET of the
 * value that the register holds already does nothing. Nothing but SET changes a register, except,
 * to be safe, the system operations.
 *
 * Backwards: a SET is dead if another SET of the register follows before anything can look at the
 * state: an operation that may fault or leave (which shows the state before its instruction, in
 * which all earlier SETs are done), or a fence, at which an engine may serve requests of others. No
 * GET is in between: forwards it became a value. */
#include "core/opt/opt-private.h"

#define NONE UINT32_MAX
/* Integer registers, then those of floating point, then vectors. */
#define N_REGISTERS 96

static inline bool
is_get (const DioIrOp *op)
{
  return op->opcode == DIO_IR_GET_X || op->opcode == DIO_IR_GET_F || op->opcode == DIO_IR_GET_V;
}

static inline bool
is_set (const DioIrOp *op)
{
  return op->opcode == DIO_IR_SET_X || op->opcode == DIO_IR_SET_F || op->opcode == DIO_IR_SET_V;
}

static inline unsigned
register_of (const DioIrOp *op)
{
  bool fp = op->opcode == DIO_IR_GET_F || op->opcode == DIO_IR_SET_F;
  bool vector = op->opcode == DIO_IR_GET_V || op->opcode == DIO_IR_SET_V;
  return (unsigned) op->immediate + (fp ? 32 : vector ? 64 : 0);
}

static unsigned
forward (DioIrOp *ops, uint32_t n, uint32_t *replacement)
{
  uint32_t value[N_REGISTERS];
  unsigned removed = 0;
  memset (value, 0xff, sizeof value);
  for (uint32_t i = 0; i < n; i++) {
    DioIrOp *op = &ops[i];
    replacement[i] = i;
    dio_opt_rename (op, replacement);
    if (is_get (op)) {
      uint32_t *known = &value[register_of (op)];
      if (*known == NONE) {
        *known = i;
        continue;
      }
      replacement[i] = *known;
      op->opcode = DIO_IR_NOP;
      removed++;
    } else if (is_set (op)) {
      uint32_t *known = &value[register_of (op)];
      if (*known == op->arguments[0]) {
        op->opcode = DIO_IR_NOP;
        removed++;
      }
      *known = op->arguments[0];
    } else if (dio_opt_is_system (op)) {
      memset (value, 0xff, sizeof value);
    }
  }
  return removed;
}

static unsigned
backward (DioIrOp *ops, uint32_t n)
{
  uint64_t overwritten[2] = { 0 }; /* before anybody looks */
  unsigned removed = 0;
  for (uint32_t i = n; i-- > 0;) {
    DioIrOp *op = &ops[i];
    if (is_set (op)) {
      uint64_t bit = UINT64_C (1) << register_of (op) % 64;
      uint64_t *words = &overwritten[register_of (op) / 64];
      if (*words & bit) {
        op->opcode = DIO_IR_NOP;
        removed++;
      }
      *words |= bit;
    } else if ((dio_opt_info (op)->effects & (DIO_IR_FAULT | DIO_IR_END))
               || op->opcode == DIO_IR_FENCE) {
      overwritten[0] = overwritten[1] = 0;
    }
  }
  return removed;
}

unsigned
dio_opt_getset (DioOptContext *context, DioIrBlock *block)
{
  dio_opt_reserve (context, block);
  DioIrOp *ops = dio_opt_ops (block);
  unsigned removed = forward (ops, block->ops->len, context->replacement);
  return removed + backward (ops, block->ops->len);
}
