/* SPDX-License-Identifier: GPL-3.0-or-later
 * Code for condition flags that guests keep (negative, zero, carry, overflow), and for what they
 * keep per thread.
 *
 * In the CPU structure the flags are four words, DioJitGuest.flags: negative when the first is,
 * zero when the second is 0, the third is the carry (0 or 1), overflow when the fourth is negative.
 * So setting them costs no more than storing what the host has computed, and most conditions are
 * one comparison in memory. Conditions of flags that are set in the same block are comparisons
 * already (core/ir/ir-flags.h), and flags that nobody sees are not set (core/opt/opt-flags.c).
 *
 * Flags that nothing in the region reads before they are set anew, as those of a loop's end, are
 * only for those who look at the guest from outside, at a fault or an interrupt: these are pending,
 * which is their operands in the CPU structure (DioJitPending). Who reads flags that may be pending
 * has them worked out first. */
#include "core/jit/x86_64/x64-gen.h"

enum { NEGATIVE, ZERO, CARRY, OVERFLOW };

static DioX64Mem
flag (const DioX64Gen *g, unsigned n)
{
  return dio_x64_state (g, g->guest->flags + 8 * (int32_t) n);
}

/* The byte with the sign of the overflow. */
static DioX64Mem
overflow_sign (const DioX64Gen *g)
{
  return dio_x64_state (g, g->guest->flags + 8 * OVERFLOW + 7);
}

/* ---- Pending ---- */

static DioX64Mem
pending (const DioX64Gen *g, size_t member)
{
  return dio_x64_state (g, g->guest->pending + (int32_t) member);
}
#define PENDING(g, member) pending (g, offsetof (DioJitPending, member))

/* None are pending any more. */
static void
note_settled (DioX64Gen *g)
{
  if (g->guest->pending && !g->settled)
    dio_x64_mov_mi (&g->a, 8, PENDING (g, opcode), 0);
  g->settled = true;
}

static void
settle (DioX64Gen *g)
{
  if (!g->guest->pending || g->settled)
    return;
  DioX64Cold *cold = dio_x64_cold (g, X64_COLD_FLAGS);
  dio_x64_alu_mi (&g->a, DIO_X64_CMP, 4, PENDING (g, opcode), 0);
  dio_x64_jcc_label (&g->a, DIO_X64_CC_NE, &cold->label);
  dio_x64_bind (&g->a, &cold->back);
  g->settled = true;
}

void
dio_x64_cold_flags (DioX64Gen *g, DioX64Cold *cold)
{
  dio_x64_bind (&g->a, &cold->label);
  dio_x64_call_abs (&g->a, g->jit->stubs.settle_flags);
  dio_x64_jmp_label (&g->a, &cold->back);
}

static uint32_t
unflushed (const DioX64Gen *g, uint32_t value)
{
  bool flush = g->ops[value].opcode == DIO_IR_FP_CALL1 && g->values[value].where == X64_LAZY;
  return flush ? g->ops[value].arguments[1] : value;
}

static void
store_operand (DioX64Gen *g, DioX64Mem mem, uint32_t value, bool fp)
{
  int32_t constant;
  if (dio_x64_constant32 (g, unflushed (g, value), &constant))
    dio_x64_mov_mi (&g->a, 8, mem, constant);
  else if (fp)
    dio_x64_movs_mx (&g->a, 8, mem, dio_x64_fp_operand (g, value));
  else
    dio_x64_mov_mr (&g->a, 8, mem, dio_x64_gpr_of (g, value));
}

/* The second operand, if it fits beside the operation. */
static bool
small_constant (const DioX64Gen *g, const DioIrOp *op, int32_t *constant)
{
  return dio_ir_op_info[op->opcode].n_arguments > 1
         && dio_x64_constant32 (g, unflushed (g, op->arguments[1]), constant)
         && *constant == ((int32_t) ((uint32_t) *constant << 8) >> 8);
}

static bool
is_fp (unsigned opcode)
{
  return opcode == DIO_IR_FLAGS_FP_32 || opcode == DIO_IR_FLAGS_FP_64;
}

static void
store_pending (DioX64Gen *g, const DioIrOp *op)
{
  bool fp = is_fp (op->opcode);
  store_operand (g, PENDING (g, a), op->arguments[0], fp);
  int32_t constant, word = op->opcode;
  if (small_constant (g, op, &constant))
    word |= (int32_t) ((uint32_t) constant << 8) | DIO_JIT_PENDING_CONSTANT;
  else if (dio_ir_op_info[op->opcode].n_arguments > 1)
    store_operand (g, PENDING (g, b), op->arguments[1], fp);
  dio_x64_mov_mi (&g->a, 8, PENDING (g, opcode), word);
  g->settled = false;
}

/* ---- Left to the ways out ---- */

void
dio_x64_find_late_flags (DioX64Gen *g)
{
  uint32_t at = g->n_ops;
  g->late_flags = 0;
  while (at > 0 && !dio_ir_flags_use (g->ops[at - 1].opcode))
    at--;
  if (!at-- || !g->guest->pending || g->sweep)
    return;
  unsigned opcode = g->ops[at].opcode;
  bool may_wait = (opcode >= DIO_IR_FLAGS_ADD_32 && opcode <= DIO_IR_FLAGS_SUB_64)
                  || opcode == DIO_IR_FLAGS_LOGIC_32 || opcode == DIO_IR_FLAGS_LOGIC_64
                  || is_fp (opcode);
  if (may_wait && dio_jit_region_flags (g->region, g->index, at + 1) == DIO_JIT_FLAGS_LEFT)
    g->late_flags = at;
}

DioX64Held
dio_x64_hold_flags (DioX64Gen *g)
{
  DioX64Held held = { .regs = { -1, -1 } };
  const DioIrOp *op = &g->ops[g->late_flags];
  if (!g->late_flags)
    return held;
  held.opcode = (uint8_t) op->opcode;
  held.n = dio_ir_op_info[op->opcode].n_arguments;
  held.xmm = is_fp (op->opcode);
  for (unsigned a = 0; a < held.n; a++) {
    uint32_t value = op->arguments[a];
    if (!dio_x64_constant (g, unflushed (g, value), &held.constants[a]))
      held.regs[a] =
          (int8_t) (held.xmm ? dio_x64_fp_operand (g, value) : dio_x64_gpr_of (g, value));
  }
  return held;
}

/* The host's flags are left alone. */
void
dio_x64_store_held (DioX64Gen *g, const DioX64Held *held)
{
  const DioX64Mem mems[] = { PENDING (g, a), PENDING (g, b) };
  for (unsigned a = 0; held->opcode && a < held->n; a++) {
    if (held->regs[a] >= 0 && held->xmm) {
      dio_x64_movs_mx (&g->a, 8, mems[a], (DioX64Xmm) held->regs[a]);
    } else if (held->regs[a] >= 0) {
      dio_x64_mov_mr (&g->a, 8, mems[a], (DioX64Reg) held->regs[a]);
    } else {
      dio_x64_mov_ri (&g->a, DIO_X64_RCX, (uint64_t) held->constants[a]);
      dio_x64_mov_mr (&g->a, 8, mems[a], DIO_X64_RCX);
    }
  }
  if (held->opcode)
    dio_x64_mov_mi (&g->a, 8, PENDING (g, opcode), held->opcode);
}

/* True when the flags of @op need not be worked out here. Within a sweep nobody sees them. */
static bool
put_off (DioX64Gen *g, const DioIrOp *op)
{
  if (!g->guest->pending)
    return false;
  DioJitFlags flags = dio_jit_region_flags (g->region, g->index, g->at + 1);
  if (flags == DIO_JIT_FLAGS_READ)
    return false;
  bool shown = flags != DIO_JIT_FLAGS_DEAD && !(g->late_flags && g->at == g->late_flags);
  if (shown && !(g->sweep && g->at <= g->sweep_flags))
    store_pending (g, op);
  return true;
}

/* ---- Of sweeps ---- */

void
dio_x64_sweep_find_flags (DioX64Gen *g)
{
  uint32_t at = g->n_ops;
  g->sweep_flags = 0;
  while (at > 0 && !dio_ir_flags_use (g->ops[at - 1].opcode))
    at--;
  if (!at-- || !g->guest->pending)
    return;
  unsigned opcode = g->ops[at].opcode;
  bool may_wait = (opcode >= DIO_IR_FLAGS_ADD_32 && opcode <= DIO_IR_FLAGS_SUB_64)
                  || opcode == DIO_IR_FLAGS_LOGIC_32 || opcode == DIO_IR_FLAGS_LOGIC_64;
  DioJitFlags flags = dio_jit_region_flags (g->region, g->index, at + 1);
  if (may_wait && (flags == DIO_JIT_FLAGS_LEFT || flags == DIO_JIT_FLAGS_SHOWN))
    g->sweep_flags = at;
}

void
dio_x64_sweep_hold_flags (DioX64Gen *g)
{
  int32_t constant;
  const DioIrOp *op = &g->ops[g->sweep_flags];
  for (unsigned a = 0; g->sweep_flags && a < dio_ir_op_info[op->opcode].n_arguments; a++)
    if (!dio_x64_constant32 (g, op->arguments[a], &constant))
      dio_x64_gpr_of (g, op->arguments[a]);
}

void
dio_x64_sweep_store_flags (DioX64Gen *g)
{
  if (g->sweep_flags)
    store_pending (g, &g->ops[g->sweep_flags]);
}

/* ---- Setting ---- */

/* Negative and zero by the result in rdx. Leaves the host's flags alone. */
static void
set_by_result (DioX64Gen *g, unsigned width)
{
  if (width == 4)
    dio_x64_movsx_rr (&g->a, 4, DIO_X64_RDX, DIO_X64_RDX);
  dio_x64_mov_mr (&g->a, 8, flag (g, NEGATIVE), DIO_X64_RDX);
  dio_x64_mov_mr (&g->a, 8, flag (g, ZERO), DIO_X64_RDX);
}

static void
set_arithmetic (DioX64Gen *g, const DioIrOp *op, DioX64Alu alu, unsigned width)
{
  DioX64Asm *a = &g->a;
  int64_t constant;
  if (alu == DIO_X64_ADC)
    settle (g);
  else if (put_off (g, op))
    return;
  note_settled (g);
  bool is_constant = dio_x64_constant (g, op->arguments[1], &constant)
                     && (width == 4 || constant == (int32_t) constant);
  DioX64Reg x = dio_x64_gpr_of (g, op->arguments[0]);
  DioX64Reg y = is_constant ? DIO_X64_RCX : dio_x64_gpr_of (g, op->arguments[1]);
  dio_x64_mov_rr (a, width, DIO_X64_RDX, x);
  if (alu == DIO_X64_ADC) {
    dio_x64_movzx_rm (a, 1, DIO_X64_RCX, flag (g, CARRY));
    dio_x64_alu_ri (a, DIO_X64_ADD, 1, DIO_X64_RCX, -1); /* the host's carry */
  }
  if (is_constant)
    dio_x64_alu_ri (a, alu, width, DIO_X64_RDX, (int32_t) constant);
  else
    dio_x64_alu_rr (a, alu, width, DIO_X64_RDX, y);
  /* No borrow is a carry. */
  dio_x64_setcc (a, alu == DIO_X64_SUB ? DIO_X64_CC_AE : DIO_X64_CC_B, DIO_X64_RCX);
  dio_x64_mov_mr (a, 1, flag (g, CARRY), DIO_X64_RCX);
  dio_x64_setcc (a, DIO_X64_CC_O, DIO_X64_RCX);
  set_by_result (g, width);
  dio_x64_neg (a, 1, DIO_X64_RCX);
  dio_x64_mov_mr (a, 1, overflow_sign (g), DIO_X64_RCX);
}

static void
set_logic (DioX64Gen *g, const DioIrOp *op, unsigned width)
{
  if (put_off (g, op))
    return;
  note_settled (g);
  dio_x64_mov_rr (&g->a, 8, DIO_X64_RDX, dio_x64_gpr_of (g, op->arguments[0]));
  set_by_result (g, width);
  dio_x64_mov_mi (&g->a, 1, flag (g, CARRY), 0);
  dio_x64_mov_mi (&g->a, 1, overflow_sign (g), 0);
}

/* Negative and no carry: less. Overflow: unordered. Zero: equal, and not unordered. */
static void
set_fp (DioX64Gen *g, const DioIrOp *op, unsigned width)
{
  DioX64Asm *a = &g->a;
  if (put_off (g, op))
    return;
  note_settled (g);
  DioX64Xmm x = dio_x64_fp_operand (g, op->arguments[0]);
  DioX64Xmm y = dio_x64_fp_operand (g, op->arguments[1]);
  dio_x64_ucomis (a, width, y, x);
  dio_x64_setcc (a, DIO_X64_CC_A, DIO_X64_RCX);
  dio_x64_movzx_rr (a, 1, DIO_X64_RCX, DIO_X64_RCX);
  dio_x64_mov_rr (a, 4, DIO_X64_RDX, DIO_X64_RCX);
  dio_x64_alu_ri (a, DIO_X64_XOR, 4, DIO_X64_RDX, 1);
  dio_x64_mov_mr (a, 8, flag (g, CARRY), DIO_X64_RDX);
  dio_x64_neg (a, 8, DIO_X64_RCX);
  dio_x64_mov_mr (a, 8, flag (g, NEGATIVE), DIO_X64_RCX);
  dio_x64_ucomis (a, width, x, y);
  dio_x64_setcc (a, DIO_X64_CC_P, DIO_X64_RCX);
  dio_x64_setcc (a, DIO_X64_CC_NE, DIO_X64_RDX);
  dio_x64_alu_rr (a, DIO_X64_OR, 4, DIO_X64_RDX, DIO_X64_RCX);
  dio_x64_movzx_rr (a, 1, DIO_X64_RDX, DIO_X64_RDX);
  dio_x64_mov_mr (a, 8, flag (g, ZERO), DIO_X64_RDX);
  dio_x64_neg (a, 1, DIO_X64_RCX);
  dio_x64_mov_mr (a, 1, overflow_sign (g), DIO_X64_RCX);
}

/* Four bits, when the condition does not hold. */
static void
set_unless (DioX64Gen *g, const DioIrOp *op)
{
  DioX64Label holds = DIO_X64_LABEL_INIT;
  unsigned nzcv = (unsigned) op->immediate;
  DioX64Cc cc = dio_x64_gen_flags (g, op->arguments[0]);
  dio_x64_jcc_label (&g->a, cc, &holds);
  if (g->guest->pending && !g->settled)
    dio_x64_mov_mi (&g->a, 8, PENDING (g, opcode), 0);
  dio_x64_mov_mi (&g->a, 8, flag (g, NEGATIVE), nzcv & 8 ? -1 : 0);
  dio_x64_mov_mi (&g->a, 8, flag (g, ZERO), !(nzcv & 4));
  dio_x64_mov_mi (&g->a, 8, flag (g, CARRY), (nzcv & 2) != 0);
  dio_x64_mov_mi (&g->a, 8, flag (g, OVERFLOW), nzcv & 1 ? -1 : 0);
  dio_x64_bind (&g->a, &holds);
}

/* Bit @from of @value as a number in rdx. */
static void
bit_of (DioX64Gen *g, DioX64Reg value, unsigned from)
{
  dio_x64_mov_rr (&g->a, 4, DIO_X64_RDX, value);
  dio_x64_shift_ri (&g->a, DIO_X64_SHR, 4, DIO_X64_RDX, from);
  dio_x64_alu_ri (&g->a, DIO_X64_AND, 4, DIO_X64_RDX, 1);
}

static void
set_all (DioX64Gen *g, const DioIrOp *op)
{
  DioX64Asm *a = &g->a;
  DioX64Reg value = dio_x64_gpr_of (g, op->arguments[0]);
  note_settled (g);
  dio_x64_mov_rr (a, 8, DIO_X64_RDX, value);
  dio_x64_shift_ri (a, DIO_X64_SHL, 8, DIO_X64_RDX, 32);
  dio_x64_mov_mr (a, 8, flag (g, NEGATIVE), DIO_X64_RDX);
  dio_x64_shift_ri (a, DIO_X64_SHL, 8, DIO_X64_RDX, 3);
  dio_x64_mov_mr (a, 8, flag (g, OVERFLOW), DIO_X64_RDX);
  bit_of (g, value, 29);
  dio_x64_mov_mr (a, 8, flag (g, CARRY), DIO_X64_RDX);
  bit_of (g, value, 30);
  dio_x64_alu_ri (a, DIO_X64_XOR, 4, DIO_X64_RDX, 1);
  dio_x64_mov_mr (a, 8, flag (g, ZERO), DIO_X64_RDX);
}

/* ---- Reading ---- */

/* Adds rcx, a bit, to the number in rdx, at @bit. */
static void
add_bit (DioX64Gen *g, unsigned bit)
{
  dio_x64_shift_ri (&g->a, DIO_X64_SHL, 4, DIO_X64_RCX, bit);
  dio_x64_alu_rr (&g->a, DIO_X64_OR, 4, DIO_X64_RDX, DIO_X64_RCX);
}

static void
get_all (DioX64Gen *g)
{
  DioX64Asm *a = &g->a;
  DioX64Reg dst = dio_x64_result_gpr (g, UINT32_MAX);
  settle (g);
  dio_x64_alu_mi (a, DIO_X64_CMP, 8, flag (g, ZERO), 0);
  dio_x64_setcc (a, DIO_X64_CC_E, DIO_X64_RCX);
  dio_x64_movzx_rr (a, 1, DIO_X64_RCX, DIO_X64_RCX);
  dio_x64_mov_rm (a, 8, DIO_X64_RDX, flag (g, NEGATIVE));
  dio_x64_shift_ri (a, DIO_X64_SHR, 8, DIO_X64_RDX, 63);
  dio_x64_shift_ri (a, DIO_X64_SHL, 4, DIO_X64_RDX, 31);
  add_bit (g, 30);
  dio_x64_movzx_rm (a, 1, DIO_X64_RCX, flag (g, CARRY));
  add_bit (g, 29);
  dio_x64_movzx_rm (a, 1, DIO_X64_RCX, overflow_sign (g));
  dio_x64_shift_ri (a, DIO_X64_SHR, 4, DIO_X64_RCX, 7);
  add_bit (g, 28);
  dio_x64_mov_rr (a, 4, dst, DIO_X64_RDX);
  dio_x64_define_gpr (g, dst);
}

/* Sign of rcx: negative differs from overflow. */
static void
compare_signs (DioX64Gen *g)
{
  dio_x64_mov_rm (&g->a, 8, DIO_X64_RCX, flag (g, NEGATIVE));
  dio_x64_alu_rm (&g->a, DIO_X64_XOR, 8, DIO_X64_RCX, flag (g, OVERFLOW));
}

/* The host's condition for the even @condition, of the flags that this computes. */
static DioX64Cc
test_condition (DioX64Gen *g, unsigned condition)
{
  DioX64Asm *a = &g->a;
  switch (condition >> 1) {
  case 0:
    dio_x64_alu_mi (a, DIO_X64_CMP, 8, flag (g, ZERO), 0);
    return DIO_X64_CC_E;
  case 1:
    dio_x64_alu_mi (a, DIO_X64_CMP, 1, flag (g, CARRY), 0);
    return DIO_X64_CC_NE;
  case 2:
    dio_x64_alu_mi (a, DIO_X64_CMP, 8, flag (g, NEGATIVE), 0);
    return DIO_X64_CC_S;
  case 3:
    dio_x64_alu_mi (a, DIO_X64_CMP, 8, flag (g, OVERFLOW), 0);
    return DIO_X64_CC_S;
  case 4: /* all ones if there is a carry */
    dio_x64_mov_rm (a, 8, DIO_X64_RCX, flag (g, CARRY));
    dio_x64_neg (a, 8, DIO_X64_RCX);
    dio_x64_test_mr (a, 8, flag (g, ZERO), DIO_X64_RCX);
    return DIO_X64_CC_NE;
  case 5:
    compare_signs (g);
    return DIO_X64_CC_NS;
  case 6: /* all ones if the signs are equal */
    compare_signs (g);
    dio_x64_shift_ri (a, DIO_X64_SAR, 8, DIO_X64_RCX, 63);
    dio_x64_not (a, 8, DIO_X64_RCX);
    dio_x64_test_mr (a, 8, flag (g, ZERO), DIO_X64_RCX);
    return DIO_X64_CC_NE;
  default:
    dio_x64_alu_rr (a, DIO_X64_CMP, 4, DIO_X64_RCX, DIO_X64_RCX);
    return DIO_X64_CC_E;
  }
}

/* As 0 or 1 in a register, since the flags may be others when it is wanted. */
static void
condition (DioX64Gen *g, const DioIrOp *op)
{
  unsigned number = (unsigned) op->immediate;
  DioX64Reg dst = dio_x64_result_gpr (g, UINT32_MAX);
  settle (g);
  DioX64Cc cc = test_condition (g, number);
  if ((number & 1) && number >> 1 != 7)
    cc ^= 1;
  dio_x64_setcc (&g->a, cc, DIO_X64_RCX);
  dio_x64_movzx_rr (&g->a, 1, dst, DIO_X64_RCX);
  dio_x64_define_gpr (g, dst);
}

/* ---- Words in the CPU structure ---- */

static void
get_word (DioX64Gen *g, DioX64Mem mem)
{
  DioX64Reg dst = dio_x64_result_gpr (g, UINT32_MAX);
  dio_x64_mov_rm (&g->a, 8, dst, mem);
  dio_x64_define_gpr (g, dst);
}

bool
dio_x64_gen_state (DioX64Gen *g, const DioIrOp *op)
{
  switch (op->opcode) {
  case DIO_IR_FLAGS_ADD_32:
    set_arithmetic (g, op, DIO_X64_ADD, 4);
    return true;
  case DIO_IR_FLAGS_ADD_64:
    set_arithmetic (g, op, DIO_X64_ADD, 8);
    return true;
  case DIO_IR_FLAGS_SUB_32:
    set_arithmetic (g, op, DIO_X64_SUB, 4);
    return true;
  case DIO_IR_FLAGS_SUB_64:
    set_arithmetic (g, op, DIO_X64_SUB, 8);
    return true;
  case DIO_IR_FLAGS_ADC_32:
    set_arithmetic (g, op, DIO_X64_ADC, 4);
    return true;
  case DIO_IR_FLAGS_ADC_64:
    set_arithmetic (g, op, DIO_X64_ADC, 8);
    return true;
  case DIO_IR_FLAGS_LOGIC_32:
    set_logic (g, op, 4);
    return true;
  case DIO_IR_FLAGS_LOGIC_64:
    set_logic (g, op, 8);
    return true;
  case DIO_IR_FLAGS_FP_32:
    set_fp (g, op, 4);
    return true;
  case DIO_IR_FLAGS_FP_64:
    set_fp (g, op, 8);
    return true;
  case DIO_IR_FLAGS_UNLESS:
    set_unless (g, op);
    return true;
  case DIO_IR_SET_NZCV:
    set_all (g, op);
    return true;
  case DIO_IR_GET_NZCV:
    get_all (g);
    return true;
  case DIO_IR_CARRY:
    settle (g);
    get_word (g, flag (g, CARRY));
    return true;
  case DIO_IR_CONDITION:
    condition (g, op);
    return true;
  case DIO_IR_GET_THREAD:
    get_word (g, dio_x64_state (g, g->guest->thread + 8 * (int32_t) op->immediate));
    return true;
  case DIO_IR_SET_THREAD:
    dio_x64_mov_mr (&g->a, 8, dio_x64_state (g, g->guest->thread + 8 * (int32_t) op->immediate),
                    dio_x64_gpr_of (g, op->arguments[0]));
    return true;
  default:
    return false;
  }
}
