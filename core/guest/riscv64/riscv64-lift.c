/* SPDX-License-Identifier: GPL-3.0-or-later
 * The semantic functions of riscv64 with IR construction: the front end of every compiler. */
#include "core/guest/riscv64/riscv64-lift.h"

#include "core/guest/riscv64/riscv64-cpu.h"
#include "core/guest/riscv64/riscv64-leaves.h"
#include "core/ir/ir-sem.h"

/* ---- Words of this guest ---- */

#define GET_X(r) ((r) ? ir_append (c, DIO_IR_GET_X, (r)) : CONST (0))
#define SET_X(r, v)                                                                                \
  do {                                                                                             \
    Val set_ = (v);                                                                                \
    if (r)                                                                                         \
      ir_immediate (c, DIO_IR_SET_X, (r), set_, set_);                                             \
  } while (0)
#define IS_ZERO_REG(r) ((r) == 0)
#define GET_F(r) ir_append (c, DIO_IR_GET_F, (r))
#define SET_F(r, v)                                                                                \
  do {                                                                                             \
    Val set_ = (v);                                                                                \
    ir_immediate (c, DIO_IR_SET_F, (r), set_, set_);                                               \
  } while (0)
#define GET_F32(r) ir_unary (c, DIO_IR_UNBOX, GET_F (r))
#define SET_F32(r, v) SET_F (r, ir_unary (c, DIO_IR_BOX, v))

static Val
ir_rounding (DioIrContext *c, int rm)
{
  if (rm == 7)
    return ir_append (c, DIO_IR_FP_ROUNDING, 0);
  Val rounding = CONST (rm);
  if (rm > 4)
    ILLEGAL_IF (CONST (1));
  return rounding;
}
#define FP_ROUNDING(rm) ir_rounding (c, (rm))

static Val
ir_csr (DioIrContext *c, DioRvCsrOp op, unsigned csr, Val operand)
{
  static const DioIrOpcode opcodes[] = {
    [DIO_RV_CSR_READ] = DIO_IR_CSR_READ,
    [DIO_RV_CSR_WRITE] = DIO_IR_CSR_WRITE,
    [DIO_RV_CSR_SET] = DIO_IR_CSR_SET,
    [DIO_RV_CSR_CLEAR] = DIO_IR_CSR_CLEAR,
  };
  return ir_immediate (c, opcodes[op], csr & 0xfff, operand, operand);
}
#define CSR(op, csr, operand) ir_csr (c, (op), (unsigned) (csr), (operand))

#define SEM(name) static DioSemEnd lift_##name (DioIrContext *c, const DioInsn *o)
#include "core/guest/riscv64/riscv64-sem-fp.h"
#include "core/guest/riscv64/riscv64-sem-int.h"
#include "core/guest/riscv64/riscv64-sem-sys.h"

/* ---- Blocks ---- */

#define LIFT(leaf, sem, bytes, kind, pins) lift_##sem,
static DioSemEnd (*const lifts[DIO_RV_N_LEAVES]) (DioIrContext *c,
                                                  const DioInsn *o) = { lift_illegal,
                                                                        DIO_RV_LEAVES (LIFT) };

/* What only holds a value, or concerns floating point. */
static bool
is_plain_register (unsigned csr)
{
  switch (csr) {
  case 0x001: /* fflags, frm, fcsr */
  case 0x002:
  case 0x003:
  case 0x140: /* sscratch, sepc, scause, stval */
  case 0x141:
  case 0x142:
  case 0x143:
  case 0x340: /* mscratch, mepc, mcause, mtval */
  case 0x341:
  case 0x342:
  case 0x343:
    return true;
  default:
    return false;
  }
}

/* What may be read at any time. */
static bool
is_readable (unsigned csr)
{
  switch (csr) {
  case 0x100: /* sstatus, sie, stvec, satp */
  case 0x104:
  case 0x105:
  case 0x180:
  case 0x300: /* mstatus, mie, mtvec */
  case 0x304:
  case 0x305:
  case 0xc01: /* time */
  case 0xf14: /* mhartid */
    return true;
  default:
    return is_plain_register (csr);
  }
}

/* Kernels turn interrupts off by csrrci of sstatus with this bit alone: nothing becomes pending and
 * no translation changes. */
#define SSTATUS 0x100
#define SSTATUS_SIE 2

bool
dio_rv_is_plain_csr (const DioInsn *insn)
{
  unsigned csr = (unsigned) insn->imm & 0xfff;
  if (insn->leaf == DIO_RV_LEAF_CSRRCI && csr == SSTATUS && insn->rs1 == SSTATUS_SIE)
    return true;
  switch (insn->leaf) {
  case DIO_RV_LEAF_CSRRW:
  case DIO_RV_LEAF_CSRRWI:
    return is_plain_register (csr);
  case DIO_RV_LEAF_CSRRS:
  case DIO_RV_LEAF_CSRRC:
  case DIO_RV_LEAF_CSRRSI:
  case DIO_RV_LEAF_CSRRCI:
    return insn->rs1 ? is_plain_register (csr) : is_readable (csr);
  default:
    return false;
  }
}

static DioSemEnd
lift_one (DioIrContext *c, const DioInsn *insn)
{
  ir_append (c, DIO_IR_INSN, c->offset);
  g_array_index (c->block->ops, DioIrOp, c->block->ops->len - 1).leaf = insn->leaf;
  ir_note (c, dio_rv_leaf_info[insn->leaf].name);
  c->plain = dio_rv_is_plain_csr (insn);
  return lifts[insn->leaf](c, insn);
}

size_t
dio_rv_lift (DioIrBlock *block, const uint8_t *code, size_t length, unsigned max)
{
  DioIrContext context = { .block = block };
  DioSemEnd end = DIO_SEM_NEXT;
  size_t at = 0;
  block->pc_zeros = 1;
  for (unsigned n = 0; n < max && (end == DIO_SEM_NEXT || end == DIO_SEM_BRANCH); n++) {
    if (length - at < 2)
      break;
    uint32_t raw = code[at] | (uint32_t) code[at + 1] << 8;
    if ((raw & 3) == 3) {
      if (length - at < 4)
        break;
      raw |= (uint32_t) code[at + 2] << 16 | (uint32_t) code[at + 3] << 24;
    }
    DioInsn insn;
    context.length = dio_rv_decode (raw, &insn);
    context.offset = (int64_t) at;
    end = lift_one (&context, &insn);
    at += context.length;
  }
  if (end == DIO_SEM_NEXT || end == DIO_SEM_BRANCH) {
    if (!block->ops->len)
      ir_append (&context, DIO_IR_INSN, 0);
    ir_append (&context, DIO_IR_EXIT, (int64_t) at);
  }
  return at;
}
