/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fusion: shapes that a host does in one instruction.
 *
 *  - The constant of an address becomes the displacement of the access, if nothing but accesses
 *    uses the sum; otherwise the sum is in a register anyway, and its base need not live on.
 *    Addresses wrap at 64 bits, before and after.
 *  - a + (b << n) and small odd products become ADD_SHL.
 *  - A truth value with one use is made right before the branch or selection that uses it.
 *
 * What loses its last use here is removed here, so that the counts stay true. */
#include "core/opt/opt-private.h"

typedef struct {
  DioIrOp *ops;
  uint32_t n;
  uint8_t *uses;
  uint8_t *other_uses; /* than as the address of an access with a displacement */
  unsigned removed;
} Fuse;

/* UINT8_MAX stands for that or more and stays. */
static inline void
add_one (uint8_t *count)
{
  *count += *count < UINT8_MAX;
}

static inline void
take_one (uint8_t *count)
{
  *count -= *count < UINT8_MAX;
}

static void
count_uses (Fuse *fuse)
{
  memset (fuse->uses, 0, fuse->n);
  memset (fuse->other_uses, 0, fuse->n);
  for (uint32_t i = 0; i < fuse->n; i++) {
    const DioIrOp *op = &fuse->ops[i];
    bool access = dio_opt_is_access (op);
    for (unsigned a = 0, n = dio_opt_info (op)->n_arguments; a < n; a++) {
      add_one (&fuse->uses[op->arguments[a]]);
      if (!access || a > 0)
        add_one (&fuse->other_uses[op->arguments[a]]);
    }
  }
}

/* Removes a pure operation without uses. */
static void
remove_op (Fuse *fuse, DioIrOp *op)
{
  for (unsigned a = 0, n = dio_opt_info (op)->n_arguments; a < n; a++) {
    take_one (&fuse->uses[op->arguments[a]]);
    take_one (&fuse->other_uses[op->arguments[a]]);
  }
  op->opcode = DIO_IR_NOP;
  fuse->removed++;
}

/* Whether @op is one of @opcode with a constant behind. */
static bool
has_constant (const Fuse *fuse, const DioIrOp *op, DioIrOpcode opcode, int64_t *constant)
{
  if (op->opcode != opcode || fuse->ops[op->arguments[1]].opcode != DIO_IR_CONST)
    return false;
  *constant = fuse->ops[op->arguments[1]].immediate;
  return true;
}

static void
fuse_address (Fuse *fuse, DioIrOp *op)
{
  for (;;) {
    uint32_t base = op->arguments[0];
    DioIrOp *sum = &fuse->ops[base];
    int64_t constant, displacement;
    if (fuse->other_uses[base] || !has_constant (fuse, sum, DIO_IR_ADD, &constant)
        || __builtin_add_overflow (op->immediate, constant, &displacement)
        || displacement < -DIO_IR_MAX_OFFSET || displacement > DIO_IR_MAX_OFFSET)
      return;
    op->immediate = displacement;
    op->arguments[0] = sum->arguments[0];
    add_one (&fuse->uses[op->arguments[0]]);
    take_one (&fuse->uses[base]);
    if (!fuse->uses[base])
      remove_op (fuse, sum);
  }
}

/* Makes op = a + (b << n) of an addition of @a and what is at @shifted, if that is such a shift. */
static bool
fuse_shift (Fuse *fuse, DioIrOp *op, uint32_t a, uint32_t shifted)
{
  DioIrOp *shift = &fuse->ops[shifted];
  int64_t amount;
  if (fuse->uses[shifted] != 1 || fuse->ops[a].opcode == DIO_IR_CONST
      || !has_constant (fuse, shift, DIO_IR_SHL, &amount))
    return false;
  amount &= 63;
  if (amount < 1 || amount > 3)
    return false;
  op->opcode = DIO_IR_ADD_SHL;
  op->immediate = amount;
  op->arguments[0] = a;
  op->arguments[1] = shift->arguments[0];
  add_one (&fuse->uses[op->arguments[1]]);
  add_one (&fuse->other_uses[op->arguments[1]]);
  fuse->uses[shifted] = fuse->other_uses[shifted] = 0;
  remove_op (fuse, shift);
  return true;
}

/* x * 3 is x + (x << 1), and so on. */
static void
fuse_product (Fuse *fuse, DioIrOp *op)
{
  int64_t factor;
  if (!has_constant (fuse, op, DIO_IR_MUL, &factor) || (factor != 3 && factor != 5 && factor != 9))
    return;
  take_one (&fuse->uses[op->arguments[1]]);
  take_one (&fuse->other_uses[op->arguments[1]]);
  op->opcode = DIO_IR_ADD_SHL;
  op->immediate = factor == 3 ? 1 : factor == 5 ? 2 : 3;
  op->arguments[1] = op->arguments[0];
  add_one (&fuse->uses[op->arguments[0]]);
  add_one (&fuse->other_uses[op->arguments[0]]);
}

/* Moves the comparison of the operation at @user behind all that comes before it, if a NOP leaves
 * the room. */
static void
fuse_truth (Fuse *fuse, uint32_t user)
{
  uint32_t truth = fuse->ops[user].arguments[0], before = user - 1;
  while (fuse->ops[before].opcode == DIO_IR_NOP)
    before--;
  if (fuse->ops[truth].opcode == DIO_IR_CONDITION || fuse->uses[truth] != 1 || before == truth
      || before == user - 1)
    return;
  fuse->ops[before + 1] = fuse->ops[truth];
  fuse->uses[before + 1] = 1;
  fuse->ops[truth].opcode = DIO_IR_NOP;
  fuse->uses[truth] = 0;
  fuse->ops[user].arguments[0] = before + 1;
}

unsigned
dio_opt_fuse (DioOptContext *context, DioIrBlock *block)
{
  dio_opt_reserve (context, block);
  Fuse fuse = {
    .ops = dio_opt_ops (block),
    .n = block->ops->len,
    .uses = context->uses,
    .other_uses = context->other_uses,
  };
  count_uses (&fuse);
  for (uint32_t i = 0; i < fuse.n; i++) {
    DioIrOp *op = &fuse.ops[i];
    if (dio_opt_is_access (op))
      fuse_address (&fuse, op);
    else if (op->opcode == DIO_IR_ADD)
      (void) (fuse_shift (&fuse, op, op->arguments[0], op->arguments[1])
              || fuse_shift (&fuse, op, op->arguments[1], op->arguments[0]));
    else if (op->opcode == DIO_IR_MUL)
      fuse_product (&fuse, op);
    else if (op->opcode == DIO_IR_BRANCH || op->opcode == DIO_IR_SELECT)
      fuse_truth (&fuse, i);
  }
  return fuse.removed;
}
