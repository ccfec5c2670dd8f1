/* SPDX-License-Identifier: GPL-3.0-or-later
 * Narrowing: what nobody sees the upper half of is not extended, and a rotation of 32 bits that was
 * written as two shifts is one.
 *
 * Guests with registers of 64 bits extend each result of a 32-bit instruction. Where such a result
 * goes only into operations whose low half depends on low halves alone (sums, products, logic,
 * shifts to the left, stores of words, other extensions) the extension changes nothing that is
 * seen. Whose upper half is seen is found backwards, as users come after what they use.
 *
 * (x << n) | (zext32 (x) >> (32 - n)) has the low half of x rotated by n; sign-extended, if the
 * left shift is, as its bit 31 is that of the whole. */
#include "core/opt/opt-private.h"

typedef struct {
  DioIrOp *ops;
  uint32_t n;
  uint8_t *wide; /* bits 63..32 of the value are seen */
  uint32_t *replacement;
  unsigned removed;
} Narrow;

/* Does argument @a of @op matter in its low half only, if the result does? */
static bool
passes_low_half (const DioIrOp *op, unsigned a)
{
  switch (op->opcode) {
  case DIO_IR_ADD:
  case DIO_IR_SUB:
  case DIO_IR_MUL:
  case DIO_IR_AND:
  case DIO_IR_OR:
  case DIO_IR_XOR:
  case DIO_IR_NOT:
  case DIO_IR_NEG:
    return true;
  case DIO_IR_SHL:
    return a == 0;
  case DIO_IR_SELECT:
    return a > 0;
  default:
    return false;
  }
}

/* Does it, whatever is seen of the result? */
static bool
takes_low_half (const DioIrOp *op, unsigned a)
{
  switch (op->opcode) {
  case DIO_IR_SEXT8:
  case DIO_IR_SEXT16:
  case DIO_IR_SEXT32:
  case DIO_IR_ZEXT8:
  case DIO_IR_ZEXT16:
  case DIO_IR_ZEXT32:
  case DIO_IR_ROTL32:
  case DIO_IR_ROTR32:
    return true;
  case DIO_IR_STORE_8:
  case DIO_IR_STORE_16:
  case DIO_IR_STORE_32:
    return a == 1;
  default:
    return false;
  }
}

static void
find_wide (Narrow *narrow)
{
  memset (narrow->wide, 0, narrow->n);
  for (uint32_t i = narrow->n; i-- > 0;) {
    const DioIrOp *op = &narrow->ops[i];
    for (unsigned a = 0, n = dio_opt_info (op)->n_arguments; a < n; a++)
      if (!takes_low_half (op, a) && (narrow->wide[i] || !passes_low_half (op, a)))
        narrow->wide[op->arguments[a]] = true;
  }
}

/* x << n, sign-extended or not, with n from 1 to 31. */
static bool
is_left_shift (const Narrow *narrow, uint32_t value, bool *is_signed, const DioIrOp **shift)
{
  const DioIrOp *op = &narrow->ops[value];
  *is_signed = op->opcode == DIO_IR_SEXT32;
  if (*is_signed)
    op = &narrow->ops[op->arguments[0]];
  *shift = op;
  const DioIrOp *amount = &narrow->ops[op->arguments[1]];
  return op->opcode == DIO_IR_SHL && amount->opcode == DIO_IR_CONST && amount->immediate >= 1
         && amount->immediate <= 31;
}

/* zext32 (@x) >> @n. */
static bool
is_right_shift (const Narrow *narrow, uint32_t value, uint32_t x, int64_t n)
{
  const DioIrOp *op = &narrow->ops[value];
  if (op->opcode != DIO_IR_SHR || narrow->ops[op->arguments[1]].opcode != DIO_IR_CONST
      || narrow->ops[op->arguments[1]].immediate != n)
    return false;
  const DioIrOp *extended = &narrow->ops[op->arguments[0]];
  return extended->opcode == DIO_IR_ZEXT32 && extended->arguments[0] == x;
}

/* Makes the operation at @i, a sum of the two halves, a rotation. */
static bool
rotate (Narrow *narrow, uint32_t i, uint32_t left, uint32_t right)
{
  DioIrOp *op = &narrow->ops[i];
  const DioIrOp *shift;
  bool is_signed;
  if (!is_left_shift (narrow, left, &is_signed, &shift))
    return false;
  uint32_t x = shift->arguments[0], amount = shift->arguments[1];
  if (!is_right_shift (narrow, right, x, 32 - narrow->ops[amount].immediate))
    return false;
  if (!narrow->wide[i]) {
    op->opcode = DIO_IR_ROTL32;
    op->arguments[0] = x;
    op->arguments[1] = amount;
    return true;
  }
  /* The rotation goes where a NOP leaves the room. */
  if (!is_signed || narrow->ops[i - 1].opcode != DIO_IR_NOP)
    return false;
  narrow->ops[i - 1] = *op;
  narrow->ops[i - 1].opcode = DIO_IR_ROTL32;
  narrow->ops[i - 1].arguments[0] = x;
  narrow->ops[i - 1].arguments[1] = amount;
  op->opcode = DIO_IR_SEXT32;
  op->arguments[0] = i - 1;
  return true;
}

unsigned
dio_opt_narrow (DioOptContext *context, DioIrBlock *block)
{
  dio_opt_reserve (context, block);
  Narrow narrow = {
    .ops = dio_opt_ops (block),
    .n = block->ops->len,
    .wide = context->uses,
    .replacement = context->replacement,
  };
  find_wide (&narrow);
  for (uint32_t i = 0; i < narrow.n; i++) {
    DioIrOp *op = &narrow.ops[i];
    narrow.replacement[i] = i;
    dio_opt_rename (op, narrow.replacement);
    if ((op->opcode == DIO_IR_SEXT32 || op->opcode == DIO_IR_ZEXT32) && !narrow.wide[i]) {
      narrow.replacement[i] = op->arguments[0];
      op->opcode = DIO_IR_NOP;
      narrow.removed++;
    } else if (op->opcode == DIO_IR_OR || op->opcode == DIO_IR_XOR || op->opcode == DIO_IR_ADD) {
      (void) (rotate (&narrow, i, op->arguments[0], op->arguments[1])
              || rotate (&narrow, i, op->arguments[1], op->arguments[0]));
    }
  }
  return narrow.removed;
}
