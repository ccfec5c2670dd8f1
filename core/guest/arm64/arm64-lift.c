/* SPDX-License-Identifier: GPL-3.0-or-later
 * The semantic functions of arm64 with IR construction: the front end of every compiler.
 *
 * x31 of the intermediate representation is the stack pointer; the zero register is the constant 0,
 * and nothing is written to it. */
#include "core/guest/arm64/arm64-lift.h"

#include "core/fp/fp-types.h"
#include "core/guest/arm64/arm64-control.h"
#include "core/guest/arm64/arm64-cpu.h"
#include "core/guest/arm64/arm64-leaves.h"
#include "core/ir/ir-sem.h"
#include "core/vec/vec.h"

/* ---- The stack pointer ---- */

#define STACK_MASK 15

/* Is @v, which becomes the stack pointer, so many times 16 bytes away from it? */
static bool
keeps_stack (const DioIrContext *c, Val v)
{
  const DioIrOp *op = dio_ir_block_op (c->block, v.index);
  if (op->opcode != DIO_IR_ADD && op->opcode != DIO_IR_SUB)
    return false;
  const DioIrOp *from = dio_ir_block_op (c->block, op->arguments[0]);
  const DioIrOp *by = dio_ir_block_op (c->block, op->arguments[1]);
  return from->opcode == DIO_IR_GET_X && from->immediate == DIO_A64_SP && by->opcode == DIO_IR_CONST
         && !(by->immediate & STACK_MASK);
}

/* Once in a block, and again when the stack pointer has become another one: as code moves it by
 * multiples of 16, that is one test for most blocks. A misaligned one is the interpreter's, that
 * knows whether it is allowed. */
static void
require_stack (DioIrContext *c)
{
  if (c->stack_checked)
    return;
  c->stack_checked = true;
  uint32_t stack = dio_ir_block_append (c->block, DIO_IR_GET_X, DIO_A64_SP, 0, 0, 0, 0);
  uint32_t mask = dio_ir_block_append (c->block, DIO_IR_CONST, STACK_MASK, 0, 0, 0, 0);
  uint32_t zero = dio_ir_block_append (c->block, DIO_IR_CONST, 0, 0, 0, 0, 0);
  uint32_t low = dio_ir_block_append (c->block, DIO_IR_AND, 0, stack, mask, 0, 0);
  uint32_t truth = dio_ir_block_append (c->block, DIO_IR_NE, 0, low, zero, 0, 0);
  dio_ir_block_append (c->block, DIO_IR_TRAP_IF, DIO_A64_SP_ALIGNMENT, truth, zero, 0, 0);
}

/* ---- Words of this guest ---- */

#define GET_SP(r) ir_append (c, DIO_IR_GET_X, (r))
#define SET_SP(r, v)                                                                               \
  do {                                                                                             \
    Val set_ = (v);                                                                                \
    if ((r) == DIO_A64_SP && !keeps_stack (c, set_))                                               \
      c->stack_checked = false;                                                                    \
    ir_immediate (c, DIO_IR_SET_X, (r), set_, set_);                                               \
  } while (0)
#define REQUIRE_STACK() require_stack (c)
#define GET_X(r) ((r) == 31 ? CONST (0) : GET_SP (r))
#define SET_X(r, v)                                                                                \
  do {                                                                                             \
    Val value_ = (v);                                                                              \
    if ((r) != 31)                                                                                 \
      SET_SP (r, value_);                                                                          \
  } while (0)
#define GET_X_AFTER(r) GET_X ((r) + 1)
#define SET_X_AFTER(r, v) SET_X ((r) + 1, v)

static Val
ir_csr (DioIrContext *c, DioA64CsrOp op, unsigned number, Val operand)
{
  /* Whoever compares once more may raise exceptions once more, which may be cleared here. */
  if (c->flags.kind == IR_FLAGS_FP)
    c->flags.kind = IR_FLAGS_UNKNOWN;
  c->stack_checked &= c->plain;
  return ir_immediate (c, op == DIO_A64_CSR_READ ? DIO_IR_CSR_READ : DIO_IR_CSR_WRITE, number,
                       operand, operand);
}
#define CSR(op, number, operand) ir_csr (c, (op), (unsigned) (number) &0xffff, (operand))

#define SEM(name) static DioSemEnd lift_##name (DioIrContext *c, const DioInsn *o)
#include "core/guest/arm64/arm64-sem-int.h"

#include "core/guest/arm64/arm64-sem-mem.h"

#include "core/guest/arm64/arm64-sem-fp.h"

#include "core/guest/arm64/arm64-sem-simd.h"

#include "core/guest/arm64/arm64-sem-struct.h"

#include "core/guest/arm64/arm64-sem-sys.h"

/* ---- Blocks ---- */

#define LIFT(leaf, sem, bytes, kind, pins) lift_##sem,
static DioSemEnd (*const lifts[DIO_A64_N_LEAVES]) (DioIrContext *c,
                                                   const DioInsn *o) = { lift_illegal,
                                                                         DIO_A64_LEAVES (LIFT) };

static DioSemEnd
lift_one (DioIrContext *c, const DioInsn *insn)
{
  ir_append (c, DIO_IR_INSN, c->offset);
  g_array_index (c->block->ops, DioIrOp, c->block->ops->len - 1).leaf = insn->leaf;
  ir_note (c, dio_a64_leaf_info[insn->leaf].name);
  c->plain = dio_a64_is_plain (insn);
  return lifts[insn->leaf](c, insn);
}

size_t
dio_a64_lift (DioIrBlock *block, const uint8_t *code, size_t length, unsigned max)
{
  DioIrContext context = { .block = block, .length = 4 };
  DioSemEnd end = DIO_SEM_NEXT;
  size_t at = 0;
  for (unsigned n = 0; n < max && (end == DIO_SEM_NEXT || end == DIO_SEM_BRANCH); n++) {
    if (length - at < 4)
      break;
    uint32_t raw = code[at] | (uint32_t) code[at + 1] << 8 | (uint32_t) code[at + 2] << 16
                   | (uint32_t) code[at + 3] << 24;
    DioInsn insn;
    dio_a64_decode (raw, &insn);
    context.offset = (int64_t) at;
    end = lift_one (&context, &insn);
    at += 4;
  }
  if (end == DIO_SEM_NEXT || end == DIO_SEM_BRANCH) {
    if (!block->ops->len)
      ir_append (&context, DIO_IR_INSN, 0);
    ir_append (&context, DIO_IR_EXIT, (int64_t) at);
  }
  return at;
}
