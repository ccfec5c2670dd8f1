/* SPDX-License-Identifier: GPL-3.0-or-later
 * Code for control registers and what else the system does: words of the CPU structure in line, as
 * the guest says (DioJitControl), floating-point flags on the host's register of them, and the rest
 * by functions or by the interpreter. */
#include "core/jit/x86_64/x64-gen.h"

/* ---- Words of the CPU structure ---- */

static void
check_conditions (DioX64Gen *g, const DioJitControl *control, DioX64Cold *cold)
{
  for (unsigned i = 0; i < control->n_conditions; i++) {
    const DioJitCondition *condition = &control->conditions[i];
    dio_x64_alu_mi (&g->a, DIO_X64_CMP, condition->bytes, dio_x64_state (g, condition->at), 0);
    dio_x64_jcc_label (&g->a, condition->zero ? DIO_X64_CC_NE : DIO_X64_CC_E, &cold->label);
  }
}

static void
write_word (DioX64Gen *g, const DioJitControl *control, DioX64Reg value)
{
  DioX64Mem word = dio_x64_state (g, control->word);
  if (control->bytes == 8 || control->mask == UINT32_MAX) {
    dio_x64_mov_mr (&g->a, control->bytes, word, value);
    return;
  }
  dio_x64_mov_rr (&g->a, 4, DIO_X64_RDX, value);
  dio_x64_alu_ri (&g->a, DIO_X64_AND, 4, DIO_X64_RDX, (int32_t) control->mask);
  dio_x64_alu_mi (&g->a, DIO_X64_AND, 4, word, (int32_t) ~control->mask);
  dio_x64_alu_mr (&g->a, DIO_X64_OR, 4, word, DIO_X64_RDX);
}

static void
read_word (DioX64Gen *g, const DioJitControl *control, DioX64Reg dst)
{
  dio_x64_mov_rm (&g->a, control->bytes, dst, dio_x64_state (g, control->word));
  if (control->bytes == 4 && control->mask != UINT32_MAX)
    dio_x64_alu_ri (&g->a, DIO_X64_AND, 4, dst, (int32_t) control->mask);
}

static void
act (DioX64Gen *g, const DioJitControl *control, DioX64Reg value, DioX64Reg dst)
{
  DioX64Mem word = dio_x64_state (g, control->word);
  switch (control->action) {
  case DIO_JIT_CONTROL_FENCE:
    dio_x64_lock_alu_mi (&g->a, DIO_X64_OR, 4, dio_x64_mem (DIO_X64_RSP, X64_FRAME - 8), 0);
    break;
  case DIO_JIT_CONTROL_NOTHING:
    break;
  case DIO_JIT_CONTROL_CONSTANT:
    dio_x64_mov_ri (&g->a, dst, control->mask);
    break;
  case DIO_JIT_CONTROL_READ:
    read_word (g, control, dst);
    break;
  case DIO_JIT_CONTROL_WRITE:
    write_word (g, control, value);
    break;
  case DIO_JIT_CONTROL_SET:
    dio_x64_alu_mi (&g->a, DIO_X64_OR, 4, word, (int32_t) control->mask);
    break;
  case DIO_JIT_CONTROL_CLEAR:
    dio_x64_alu_mi (&g->a, DIO_X64_AND, 4, word, (int32_t) ~control->mask);
    break;
  }
}

/* As the guest says, or by the interpreter. */
static void
by_guest (DioX64Gen *g, const DioIrOp *op)
{
  int64_t constant;
  bool has_operand = op->opcode != DIO_IR_SYSTEM;
  bool is_constant = has_operand && dio_x64_constant (g, op->arguments[0], &constant);
  DioJitControl control = { 0 };
  bool known = g->guest->control (op, is_constant ? &constant : NULL, &control);
  bool writes = known && control.action == DIO_JIT_CONTROL_WRITE;
  bool wanted = op->opcode == DIO_IR_CSR_READ && g->values[g->at].last;
  DioX64Reg value = writes ? dio_x64_gpr_of (g, op->arguments[0]) : DIO_X64_RDX;
  DioX64Reg dst = wanted ? dio_x64_result_gpr (g, UINT32_MAX) : DIO_X64_RCX;
  DioX64Cold *cold = dio_x64_cold (g, X64_COLD_INTERPRET);
  if (known) {
    check_conditions (g, &control, cold);
    act (g, &control, value, dst);
  } else {
    dio_x64_jmp_label (&g->a, &cold->label);
  }
  if (wanted)
    dio_x64_define_gpr (g, dst);
}

/* ---- Floating-point flags ---- */

/* The flags become the operand. Loading MXCSR is slow, and guests mostly put back what they have
 * read (C libraries do around each quiet comparison): as long as the host has collected nothing,
 * rcx, that is not in the new value, it may keep it. Always loaded when rcx is the old value. */
static void
write_fp_flags (DioX64Gen *g, const DioX64Cold *cold, bool wanted)
{
  DioX64Asm *a = &g->a;
  DioX64Mem flags = dio_x64_state (g, g->guest->fflags), mxcsr = X64_VCPU (g, scratch);
  DioX64Label done = DIO_X64_LABEL_INIT;
  if (cold->value < 0)
    dio_x64_mov_ri (a, DIO_X64_RDX, cold->constant & 0x1f);
  else {
    dio_x64_mov_rr (a, 4, DIO_X64_RDX, (DioX64Reg) cold->value);
    dio_x64_alu_ri (a, DIO_X64_AND, 4, DIO_X64_RDX, 0x1f);
  }
  dio_x64_mov_mr (a, 1, flags, DIO_X64_RDX);
  if (!wanted) {
    dio_x64_alu_rr (a, DIO_X64_OR, 4, DIO_X64_RCX, DIO_X64_RDX);
    dio_x64_alu_rr (a, DIO_X64_CMP, 4, DIO_X64_RCX, DIO_X64_RDX);
    dio_x64_jcc_label (a, DIO_X64_CC_E, &done);
  }
  dio_x64_alu_mi (a, DIO_X64_AND, 4, mxcsr, ~0x3f);
  dio_x64_ldmxcsr (a, mxcsr);
  dio_x64_bind (a, &done);
}

/* The guest's exception flags: what it has set itself, and what the host has collected since. */
static void
fp_flags (DioX64Gen *g, const DioIrOp *op, const DioX64Cold *cold, bool wanted)
{
  DioX64Asm *a = &g->a;
  DioX64Mem mxcsr = X64_VCPU (g, scratch);
  dio_x64_stmxcsr (a, mxcsr);
  dio_x64_mov_rm (a, 4, DIO_X64_RCX, mxcsr);
  dio_x64_alu_ri (a, DIO_X64_AND, 4, DIO_X64_RCX, 0x3f);
  dio_x64_lea (a, 8, DIO_X64_RDX, dio_x64_mem_abs (g->jit->stubs.flags));
  dio_x64_movzx_rm (a, 1, DIO_X64_RCX, dio_x64_mem_index (DIO_X64_RDX, DIO_X64_RCX, 0, 0));
  if (wanted) {
    dio_x64_movzx_rm (a, 1, DIO_X64_RDX, dio_x64_state (g, g->guest->fflags));
    dio_x64_alu_rr (a, DIO_X64_OR, 4, DIO_X64_RCX, DIO_X64_RDX);
  }
  if (op->opcode == DIO_IR_CSR_WRITE)
    write_fp_flags (g, cold, wanted);
  if (wanted)
    dio_x64_mov_rr (a, 8, (DioX64Reg) cold->result, DIO_X64_RCX);
}

/* fflags in line while the guest may compute, frm only if it stays to nearest or is read. */
static void
fp_register (DioX64Gen *g, const DioIrOp *op, DioX64Cold *cold, bool wanted)
{
  DioX64Asm *a = &g->a;
  if (op->opcode == DIO_IR_CSR_WRITE && op->immediate == 2 && cold->value < 0 && cold->constant) {
    dio_x64_jmp_label (a, &cold->label);
    return;
  }
  bool any_mode = g->guest->frm && (op->immediate == 1 || op->opcode == DIO_IR_CSR_READ);
  dio_x64_test_mi (a, 1, X64_VCPU (g, fp_block), any_mode ? DIO_JIT_FP_OFF : 0xff);
  dio_x64_jcc_label (a, DIO_X64_CC_NE, &cold->label);
  if (op->immediate == 1) {
    fp_flags (g, op, cold, wanted);
    return;
  }
  if (op->opcode == DIO_IR_CSR_WRITE && cold->value >= 0) {
    dio_x64_test_rr (a, 8, (DioX64Reg) cold->value, (DioX64Reg) cold->value);
    dio_x64_jcc_label (a, DIO_X64_CC_NE, &cold->label);
  }
  if (wanted && g->guest->frm)
    dio_x64_movzx_rm (a, 1, (DioX64Reg) cold->result, dio_x64_state (g, g->guest->frm));
  else if (wanted)
    dio_x64_mov_ri (a, (DioX64Reg) cold->result, 0);
}

/* ---- By functions ---- */

/* A control register: its number takes the place of the address. */
static void
by_function (DioX64Gen *g, const DioIrOp *op)
{
  int32_t constant = 0;
  bool is_constant = dio_x64_constant32 (g, op->arguments[0], &constant);
  bool wanted = g->values[g->at].last != 0;
  int value = is_constant ? -1 : (int) dio_x64_gpr_of (g, op->arguments[0]);
  DioX64Reg dst = wanted ? dio_x64_result_gpr (g, UINT32_MAX) : DIO_X64_RCX;
  DioX64Cold *cold = dio_x64_access_cold (g, op, DIO_X64_RAX);
  cold->base = -1;
  cold->disp = (int32_t) op->immediate;
  cold->value = (int8_t) value;
  cold->constant = constant;
  cold->result = wanted ? (int8_t) dst : -1;
  if (op->immediate <= 2 && op->opcode <= DIO_IR_CSR_WRITE)
    fp_register (g, op, cold, wanted);
  else
    dio_x64_jmp_label (&g->a, &cold->label);
  dio_x64_bind (&g->a, &cold->back);
  if (wanted)
    dio_x64_define_gpr (g, dst);
}

bool
dio_x64_gen_control (DioX64Gen *g, const DioIrOp *op)
{
  bool is_register = op->opcode >= DIO_IR_CSR_READ && op->opcode <= DIO_IR_CSR_CLEAR;
  if (g->guest->control && (is_register || op->opcode == DIO_IR_SYSTEM))
    by_guest (g, op);
  else if (is_register)
    by_function (g, op);
  else
    return false;
  return true;
}
