/* SPDX-License-Identifier: GPL-3.0-or-later
 * Code for floating point: on the host's FPU where that has the guest's results and flags, by the
 * functions of core/fp elsewhere.
 *
 * While compiled code runs MXCSR is the guest's: its rounding, nothing trapped (but for guests that
 * want it, x64-trap.c), exceptions collected in its sticky bits, which the way out of compiled code
 * hands to the guest's own. SSE detects tininess after rounding, as RISC-V does, and the exceptions
 * of both correspond one to one. What differs is which NaN comes out: RISC-V has one. So every
 * result is compared with itself, doubles as late as possible: x64-nan.c.
 *
 * What rounds dynamically is right in any mode that MXCSR has. To nearest, which the code of some
 * compilers always names, is taken to be in force, and the region is not entered when it is not: so
 * one bit is all of rounding that a region depends on. The other modes, where they are named, are
 * left to functions but for conversions to integers: switching MXCSR for one operation took 50 ns,
 * the function 15. Ties away from zero, which MXCSR lacks, is left to the interpreter when it is in
 * force, as all of floating point while it is off or not yet marked as used: DioJitVcpu.fp_block.
 */
#include "core/jit/x86_64/x64-gen.h"

/* DioFpMode: IEEE directions, RISC-V's numbers. */
#define ROUND_NEAREST 0
#define ROUND_TO_ZERO 1
#define ROUND_DOWN 2
#define ROUND_UP 3
#define ROUND_DYNAMIC 7

/* The rounding of @op, or -1: not known. */
static int
rounding_of (const DioX64Gen *g, const DioIrOp *op)
{
  const DioIrOp *from = &g->ops[op->arguments[0]];
  if (g->guest->v)
    return dio_x64_mode_rounding (g, op->arguments[0]);
  if (from->opcode == DIO_IR_FP_ROUNDING)
    return g->guest->frm ? ROUND_DYNAMIC : ROUND_NEAREST;
  return from->opcode == DIO_IR_CONST ? (int) from->immediate : -1;
}

/* MXCSR has it, as the region is entered only then. */
static bool
is_in_force (int rounding)
{
  return rounding == ROUND_DYNAMIC || rounding == ROUND_NEAREST;
}

/* Does @op, which names rounding to nearest, give the same in every mode? */
static bool
is_exact (const DioIrOp *op)
{
  switch (op->immediate) {
  case DIO_IR_FP_i32_to_f64:
  case DIO_IR_FP_u32_to_f64:
  case DIO_IR_FP_f32_to_f64:
  case DIO_IR_FP_min32:
  case DIO_IR_FP_max32:
  case DIO_IR_FP_minm32:
  case DIO_IR_FP_maxm32:
  case DIO_IR_FP_min64:
  case DIO_IR_FP_max64:
  case DIO_IR_FP_minm64:
  case DIO_IR_FP_maxm64:
    return true;
  default:
    return false;
  }
}

static bool
needs_nearest (const DioIrBlock *block)
{
  for (uint32_t i = 0; i < block->ops->len; i++) {
    const DioIrOp *op = dio_ir_block_op (block, i);
    if (op->opcode < DIO_IR_FP_CALL1 || op->opcode > DIO_IR_FP_CALL3 || is_exact (op))
      continue;
    const DioIrOp *rounding = dio_ir_block_op (block, op->arguments[0]);
    if (rounding->opcode == DIO_IR_CONST && rounding->immediate == ROUND_NEAREST)
      return true;
  }
  return false;
}

uint8_t
dio_x64_fp_mask (const DioX64Gen *g)
{
  if (!g->guest->frm)
    return g->traps ? 0xff : (uint8_t) ~DIO_JIT_FP_CHECKED;
  for (unsigned i = 0; i < g->region->n_blocks; i++)
    if (needs_nearest (g->region->blocks[i].ir))
      return DIO_JIT_FP_OFF | DIO_JIT_FP_NO_MODE | DIO_JIT_FP_DIRECTED;
  return DIO_JIT_FP_OFF | DIO_JIT_FP_NO_MODE;
}

/* ---- By function ---- */

static void
add_argument (DioX64Gen *g, DioX64Cold *cold, uint32_t value)
{
  const DioX64Value *v = &g->values[value];
  bool xmm = v->where == X64_XMM || (v->where == X64_VAR && v->reg >= DIO_JIT_F)
             || (v->where == X64_LAZY && dio_x64_fp_is_low (g, value));
  unsigned i = (unsigned) cold->n_args++;
  cold->args[i] =
      (int8_t) (xmm ? (int) dio_x64_fp_operand (g, value) : (int) dio_x64_gpr_of (g, value));
  cold->arg_xmm |= (uint8_t) (xmm << i);
  cold->arg_single |= (uint8_t) ((xmm && v->where == X64_XMM && v->single) << i);
}

DioX64Cold
dio_x64_fp_cold (DioX64Gen *g, const DioIrOp *op, unsigned first)
{
  DioX64Cold cold = { .kind = X64_COLD_FP,
                      .opcode = (uint16_t) op->immediate,
                      .result = -1,
                      .label = DIO_X64_LABEL_INIT,
                      .back = DIO_X64_LABEL_INIT };
  if (first) {
    int rounding = rounding_of (g, op);
    cold.mode.set = (uint64_t) rounding;
    if (g->guest->v ? !dio_x64_mode_of (g, op->arguments[0], &cold.mode) : rounding < 0)
      g->failed = true;
  }
  for (unsigned i = first; i < dio_ir_op_info[op->opcode].n_arguments; i++)
    add_argument (g, &cold, op->arguments[i]);
  return cold;
}

static void
result_to_xmm (DioX64Cold *cold, DioX64Xmm dst, bool single)
{
  cold->result = (int8_t) dst;
  cold->result_xmm = true;
  cold->single = single;
}

void
dio_x64_cold_fp (DioX64Gen *g, DioX64Cold *cold)
{
  DioX64Asm *a = &g->a;
  dio_x64_bind (a, &cold->label);
  dio_x64_trap (g, &cold->trap, &cold->label);
  dio_x64_nans_replace (g, cold->nans);
  for (int i = 0; i < cold->n_args; i++) {
    DioX64Mem mem = dio_x64_vcpu (g, offsetof (DioJitVcpu, scratch) + 8 * (size_t) i);
    if (!(cold->arg_xmm >> i & 1)) {
      dio_x64_mov_mr (a, 8, mem, (DioX64Reg) cold->args[i]);
    } else if (cold->arg_single >> i & 1) {
      dio_x64_movq_rx (a, 4, DIO_X64_RCX, (DioX64Xmm) cold->args[i]);
      dio_x64_mov_mr (a, 8, mem, DIO_X64_RCX);
    } else {
      dio_x64_movs_mx (a, 8, mem, (DioX64Xmm) cold->args[i]);
    }
  }
  DioX64Mem mode = dio_x64_vcpu (g, offsetof (DioJitVcpu, scratch) + 24);
  if (g->guest->frm && cold->mode.set == ROUND_DYNAMIC) {
    dio_x64_movzx_rm (a, 1, DIO_X64_RCX, dio_x64_state (g, g->guest->frm));
    dio_x64_mov_mr (a, 8, mode, DIO_X64_RCX);
  } else if (cold->mode.keep) {
    dio_x64_mov_rm (a, 4, DIO_X64_RCX, dio_x64_state (g, g->guest->fp_mode));
    dio_x64_alu_ri (a, DIO_X64_AND, 4, DIO_X64_RCX, (int32_t) cold->mode.keep);
    dio_x64_alu_ri (a, DIO_X64_OR, 4, DIO_X64_RCX, (int32_t) cold->mode.set);
    dio_x64_mov_mr (a, 8, mode, DIO_X64_RCX);
  } else {
    dio_x64_mov_mi (a, 8, mode, (int32_t) cold->mode.set);
  }
  dio_x64_call_abs (a, g->jit->stubs.fp[cold->opcode]);
  if (cold->result >= 0 && cold->result_xmm)
    dio_x64_movq_xr (a, 8, (DioX64Xmm) cold->result, DIO_X64_RCX);
  else if (cold->result >= 0)
    dio_x64_mov_rr (a, 8, (DioX64Reg) cold->result, DIO_X64_RCX);
  dio_x64_jmp_label (a, &cold->back);
}

static bool
gives_float (int64_t name)
{
  return name < DIO_IR_FP_eq32 || (name >= DIO_IR_FP_i32_to_f32 && name <= DIO_IR_FP_roundx64);
}

static bool
gives_single (int64_t name)
{
  switch (name) {
  case DIO_IR_FP_min32:
  case DIO_IR_FP_max32:
  case DIO_IR_FP_minm32:
  case DIO_IR_FP_maxm32:
  case DIO_IR_FP_f64_to_f32:
  case DIO_IR_FP_round32:
  case DIO_IR_FP_roundx32:
    return true;
  default:
    return name <= DIO_IR_FP_fma32
           || (name >= DIO_IR_FP_i32_to_f32 && name <= DIO_IR_FP_u64_to_f32);
  }
}

/* Always by the function. */
static void
by_function (DioX64Gen *g, const DioIrOp *op, unsigned first)
{
  DioX64Cold cold = dio_x64_fp_cold (g, op, first);
  bool xmm = gives_float (op->immediate);
  bool wanted = g->values[g->at].last != 0;
  if (xmm)
    result_to_xmm (&cold, dio_x64_result_xmm (g), gives_single (op->immediate));
  else
    cold.result = wanted ? (int8_t) dio_x64_result_gpr (g, UINT32_MAX) : -1;
  dio_x64_jmp_label (&g->a, &cold.label);
  dio_x64_bind (&g->a, &cold.back);
  if (xmm)
    dio_x64_define_clean (g, (DioX64Xmm) cold.result, cold.single, cold.single ? 4 : 8);
  else if (wanted)
    dio_x64_define_gpr (g, (DioX64Reg) cold.result);
  g_array_append_val (g->colds, cold);
}

/* ---- Arithmetic ---- */

/* The result in @dst of an operation on the XMM registers @operands (bits), with @w bytes. */
static void
define_result (DioX64Gen *g, DioX64Xmm dst, unsigned w, unsigned operands)
{
  if (w == 8 && !g->guest->v) {
    dio_x64_define_double (g, dst, (uint16_t) operands);
    return;
  }
  DioX64Cold *cold = dio_x64_cold (g, X64_COLD_NAN);
  cold->result = (int8_t) dst;
  cold->single = w == 4;
  dio_x64_ucomis (&g->a, w, dst, dst);
  dio_x64_jcc_label (&g->a, DIO_X64_CC_P, &cold->label);
  dio_x64_bind (&g->a, &cold->back);
  dio_x64_define_xmm (g, dst, w == 4);
}

static void
arithmetic (DioX64Gen *g, const DioIrOp *op, DioX64Fp kind, unsigned w)
{
  DioX64Asm *a = &g->a;
  DioX64Xmm x = dio_x64_xmm_of (g, op->arguments[1]);
  DioX64Xmm y = dio_x64_xmm_of (g, op->arguments[2]);
  DioX64Xmm dst = dio_x64_result_xmm (g);
  if (g->cpu.avx) {
    dio_x64_vfp_xxx (a, kind, w, dst, x, y);
  } else if (dst == y && dst != x) {
    dio_x64_movaps_xx (a, DIO_X64_XMM0, x);
    dio_x64_fp_xx (a, kind, w, DIO_X64_XMM0, y);
    dio_x64_movaps_xx (a, dst, DIO_X64_XMM0);
  } else {
    if (dst != x)
      dio_x64_movaps_xx (a, dst, x);
    dio_x64_fp_xx (a, kind, w, dst, y);
  }
  define_result (g, dst, w, 1u << x | 1u << y);
}

static void
square_root (DioX64Gen *g, const DioIrOp *op, unsigned w)
{
  DioX64Xmm x = dio_x64_xmm_of (g, op->arguments[1]);
  DioX64Xmm dst = dio_x64_result_xmm (g);
  if (g->cpu.avx)
    dio_x64_vfp_xxx (&g->a, DIO_X64_FP_SQRT, w, dst, x, x);
  else
    dio_x64_fp_xx (&g->a, DIO_X64_FP_SQRT, w, dst, x);
  define_result (g, dst, w, 1u << x);
}

/* A NaN goes to the function: whether infinity times zero plus a quiet NaN is invalid is a matter
 * of the architecture. That is a look at the operands too. */
static void
fused (DioX64Gen *g, const DioIrOp *op, unsigned w)
{
  if (!g->cpu.fma || !is_in_force (rounding_of (g, op))) {
    by_function (g, op, 1);
    return;
  }
  DioX64Xmm x = dio_x64_xmm_of (g, op->arguments[1]);
  DioX64Xmm y = dio_x64_xmm_of (g, op->arguments[2]);
  DioX64Xmm z = dio_x64_xmm_of (g, op->arguments[3]);
  DioX64Cold cold = dio_x64_fp_cold (g, op, 1);
  DioX64Xmm dst = dio_x64_result_xmm (g);
  result_to_xmm (&cold, dst, w == 4);
  cold.nans = dio_x64_nans_of (g, (uint16_t) (1u << x | 1u << y | 1u << z));
  g->nans &= (uint16_t) ~cold.nans;
  dio_x64_movaps_xx (&g->a, DIO_X64_XMM0, x);
  dio_x64_vfma (&g->a, DIO_X64_FMADD, DIO_X64_FMA_213, w, DIO_X64_XMM0, y, z);
  dio_x64_ucomis (&g->a, w, DIO_X64_XMM0, DIO_X64_XMM0);
  dio_x64_jcc_label (&g->a, DIO_X64_CC_P, &cold.label);
  dio_x64_movaps_xx (&g->a, dst, DIO_X64_XMM0);
  dio_x64_bind (&g->a, &cold.back);
  dio_x64_define_xmm (g, dst, w == 4);
  g_array_append_val (g->colds, cold);
}

/* ---- Conversions ---- */

static void
from_integer (DioX64Gen *g, const DioIrOp *op, unsigned w_fp, unsigned w_int, bool is_signed)
{
  DioX64Reg x = dio_x64_gpr_of (g, op->arguments[1]);
  if (!is_signed && w_int == 8) {
    DioX64Cold cold = dio_x64_fp_cold (g, op, 1);
    DioX64Xmm dst = dio_x64_result_xmm (g);
    result_to_xmm (&cold, dst, w_fp == 4);
    dio_x64_test_rr (&g->a, 8, x, x);
    dio_x64_jcc_label (&g->a, DIO_X64_CC_S, &cold.label);
    dio_x64_pxor_xx (&g->a, dst, dst);
    dio_x64_cvtsi2s (&g->a, w_fp, 8, dst, x);
    dio_x64_bind (&g->a, &cold.back);
    dio_x64_define_clean (g, dst, w_fp == 4, w_fp);
    g_array_append_val (g->colds, cold);
    return;
  }
  DioX64Xmm dst = dio_x64_result_xmm (g);
  if (!is_signed) {
    dio_x64_mov_rr (&g->a, 4, DIO_X64_RCX, x);
    x = DIO_X64_RCX;
    w_int = 8;
  }
  dio_x64_pxor_xx (&g->a, dst, dst); /* the conversion would wait for what was there */
  dio_x64_cvtsi2s (&g->a, w_fp, w_int, dst, x);
  dio_x64_define_clean (g, dst, w_fp == 4, w_fp);
}

static bool
is_directed (int rounding)
{
  return rounding == ROUND_DOWN || rounding == ROUND_UP;
}

/* Can to_integer() do it? */
static bool
is_conversion (const DioX64Gen *g, int rounding)
{
  return is_in_force (rounding) || rounding == ROUND_TO_ZERO
         || (is_directed (rounding) && g->cpu.sse41);
}

/* Bit 3 of what ROUNDSD takes: inexact is not raised. */
#define ROUND_UNNOTED 8

/* Rounding up or down takes two steps, and 32 bits a third: then a number that does not fit may
 * have a fraction, and only when it fits it is known that its loss is to be noted. */
static void
convert_directed (DioX64Gen *g, DioX64Cold *cold, DioX64Reg dst, DioX64Xmm x, bool up,
                  unsigned w_fp, unsigned w_int)
{
  uint8_t control = (uint8_t) ((up ? 2 : 1) | (w_int == 4 ? ROUND_UNNOTED : 0));
  dio_x64_rounds (&g->a, w_fp, DIO_X64_XMM0, x, control);
  dio_x64_cvtts2si (&g->a, w_fp, w_int, dst, DIO_X64_XMM0);
  dio_x64_alu_ri (&g->a, DIO_X64_CMP, w_int, dst, 1);
  dio_x64_jcc_label (&g->a, DIO_X64_CC_O, &cold->label);
  if (w_int == 4)
    dio_x64_cvtts2si (&g->a, w_fp, 4, DIO_X64_RCX, x);
}

/* What does not fit comes out as the most negative number, with the flag set that RISC-V wants too:
 * the function then gives the right value, and decides about that number itself. */
static void
to_integer (DioX64Gen *g, const DioIrOp *op, unsigned w_fp, unsigned w_int)
{
  DioX64Xmm x = dio_x64_fp_operand (g, op->arguments[1]);
  DioX64Cold cold = dio_x64_fp_cold (g, op, 1);
  DioX64Reg dst = g->values[g->at].last ? dio_x64_result_gpr (g, UINT32_MAX) : DIO_X64_RDX;
  cold.result = (int8_t) dst;
  int rounding = rounding_of (g, op);
  if (is_directed (rounding)) {
    convert_directed (g, &cold, dst, x, rounding == ROUND_UP, w_fp, w_int);
  } else {
    cold.trap.from = dio_x64_here (g);
    (rounding == ROUND_TO_ZERO ? dio_x64_cvtts2si : dio_x64_cvts2si) (&g->a, w_fp, w_int, dst, x);
    cold.trap.to = dio_x64_here (g);
    if (!g->traps) {
      dio_x64_alu_ri (&g->a, DIO_X64_CMP, w_int, dst, 1);
      dio_x64_jcc_label (&g->a, DIO_X64_CC_O, &cold.label);
    }
  }
  if (w_int == 4)
    dio_x64_movsx_rr (&g->a, 4, dst, dst);
  dio_x64_bind (&g->a, &cold.back);
  if (g->values[g->at].last)
    dio_x64_define_gpr (g, dst);
  g_array_append_val (g->colds, cold);
}

/* The first of the exponents, with the sign before them, of what to_unsigned() does not do. In
 * other modes than towards 0 what fits may not any more when it is rounded. */
static int32_t
unsigned_limit (int rounding, unsigned w_fp, unsigned w_int)
{
  int32_t bits = w_int == 8 ? 63 : rounding == ROUND_TO_ZERO ? 32 : 31;
  return bits + (w_fp == 8 ? 1023 : 127);
}

/* To an unsigned number: as to a signed one of 64 bits, unless it has the sign or is too large.
 * For guests with vectors x64-simd-scalar.c does it. */
static bool
to_unsigned (DioX64Gen *g, const DioIrOp *op, int rounding, unsigned w_fp, unsigned w_int)
{
  if (g->guest->v || (!is_in_force (rounding) && rounding != ROUND_TO_ZERO))
    return false;
  DioX64Xmm x = dio_x64_fp_operand (g, op->arguments[1]);
  DioX64Cold cold = dio_x64_fp_cold (g, op, 1);
  DioX64Reg dst = g->values[g->at].last ? dio_x64_result_gpr (g, UINT32_MAX) : DIO_X64_RDX;
  cold.result = (int8_t) dst;
  dio_x64_movq_rx (&g->a, w_fp, DIO_X64_RCX, x);
  dio_x64_shift_ri (&g->a, DIO_X64_SHR, w_fp, DIO_X64_RCX, w_fp == 8 ? 52 : 23);
  dio_x64_alu_ri (&g->a, DIO_X64_CMP, 4, DIO_X64_RCX, unsigned_limit (rounding, w_fp, w_int));
  dio_x64_jcc_label (&g->a, DIO_X64_CC_AE, &cold.label);
  (rounding == ROUND_TO_ZERO ? dio_x64_cvtts2si : dio_x64_cvts2si) (&g->a, w_fp, 8, dst, x);
  dio_x64_bind (&g->a, &cold.back);
  if (g->values[g->at].last)
    dio_x64_define_gpr (g, dst);
  g_array_append_val (g->colds, cold);
  return true;
}

static void
between_formats (DioX64Gen *g, const DioIrOp *op, bool to_single)
{
  DioX64Xmm x = dio_x64_xmm_of (g, op->arguments[1]);
  DioX64Xmm dst = dio_x64_result_xmm (g);
  (to_single ? dio_x64_cvtsd2ss : dio_x64_cvtss2sd) (&g->a, dst, x);
  define_result (g, dst, to_single ? 4 : 8, 0);
}

/* ---- By name ---- */

static bool
call1 (DioX64Gen *g, const DioIrOp *op)
{
  int rounding = rounding_of (g, op);
  /* With fraction bits, or other NaNs: the rest is x64-simd-scalar.c's. */
  if (g->guest->v && (rounding < 0 || op->immediate == DIO_IR_FP_f32_to_f64))
    return false;
  switch (op->immediate) {
  case DIO_IR_FP_i32_to_f64: /* always exact */
    from_integer (g, op, 8, 4, true);
    return true;
  case DIO_IR_FP_u32_to_f64:
    from_integer (g, op, 8, 4, false);
    return true;
  case DIO_IR_FP_f32_to_f64:
    between_formats (g, op, false);
    return true;
  case DIO_IR_FP_f32_to_i32:
  case DIO_IR_FP_f64_to_i32:
    if (is_conversion (g, rounding))
      to_integer (g, op, op->immediate == DIO_IR_FP_f32_to_i32 ? 4 : 8, 4);
    return is_conversion (g, rounding);
  case DIO_IR_FP_f32_to_i64:
  case DIO_IR_FP_f64_to_i64:
    if (is_conversion (g, rounding))
      to_integer (g, op, op->immediate == DIO_IR_FP_f32_to_i64 ? 4 : 8, 8);
    return is_conversion (g, rounding);
  case DIO_IR_FP_f32_to_u32:
    return to_unsigned (g, op, rounding, 4, 4);
  case DIO_IR_FP_f64_to_u32:
    return to_unsigned (g, op, rounding, 8, 4);
  case DIO_IR_FP_f32_to_u64:
    return to_unsigned (g, op, rounding, 4, 8);
  case DIO_IR_FP_f64_to_u64:
    return to_unsigned (g, op, rounding, 8, 8);
  default:
    break;
  }
  if (!is_in_force (rounding))
    return false;
  switch (op->immediate) {
  case DIO_IR_FP_sqrt32:
    square_root (g, op, 4);
    return true;
  case DIO_IR_FP_sqrt64:
    square_root (g, op, 8);
    return true;
  case DIO_IR_FP_i32_to_f32:
    from_integer (g, op, 4, 4, true);
    return true;
  case DIO_IR_FP_u32_to_f32:
    from_integer (g, op, 4, 4, false);
    return true;
  case DIO_IR_FP_i64_to_f32:
    from_integer (g, op, 4, 8, true);
    return true;
  case DIO_IR_FP_u64_to_f32:
    from_integer (g, op, 4, 8, false);
    return true;
  case DIO_IR_FP_i64_to_f64:
    from_integer (g, op, 8, 8, true);
    return true;
  case DIO_IR_FP_u64_to_f64:
    from_integer (g, op, 8, 8, false);
    return true;
  case DIO_IR_FP_f64_to_f32:
    between_formats (g, op, true);
    return true;
  default:
    return false;
  }
}

static bool
call2 (DioX64Gen *g, const DioIrOp *op)
{
  static const struct {
    uint8_t name, kind, w;
  } table[] = {
    { DIO_IR_FP_add32, DIO_X64_FP_ADD, 4 }, { DIO_IR_FP_sub32, DIO_X64_FP_SUB, 4 },
    { DIO_IR_FP_mul32, DIO_X64_FP_MUL, 4 }, { DIO_IR_FP_div32, DIO_X64_FP_DIV, 4 },
    { DIO_IR_FP_add64, DIO_X64_FP_ADD, 8 }, { DIO_IR_FP_sub64, DIO_X64_FP_SUB, 8 },
    { DIO_IR_FP_mul64, DIO_X64_FP_MUL, 8 }, { DIO_IR_FP_div64, DIO_X64_FP_DIV, 8 },
  };
  if (!is_in_force (rounding_of (g, op)))
    return false;
  for (unsigned i = 0; i < G_N_ELEMENTS (table); i++)
    if (table[i].name == op->immediate) {
      arithmetic (g, op, (DioX64Fp) table[i].kind, table[i].w);
      return true;
    }
  return false;
}

/* ---- Comparisons ---- */

/* x < y is y above x: an unordered pair counts as below. Quiet ones raise for signalling NaNs only.
 */
static bool
compare (DioX64Gen *g, const DioIrOp *op)
{
  static const struct {
    uint8_t name, w, cc;
    bool quiet;
  } table[] = {
    { DIO_IR_FP_eq32, 4, DIO_X64_CC_E, true },   { DIO_IR_FP_lt32, 4, DIO_X64_CC_A, false },
    { DIO_IR_FP_le32, 4, DIO_X64_CC_AE, false }, { DIO_IR_FP_ltq32, 4, DIO_X64_CC_A, true },
    { DIO_IR_FP_leq32, 4, DIO_X64_CC_AE, true }, { DIO_IR_FP_eq64, 8, DIO_X64_CC_E, true },
    { DIO_IR_FP_lt64, 8, DIO_X64_CC_A, false },  { DIO_IR_FP_le64, 8, DIO_X64_CC_AE, false },
    { DIO_IR_FP_ltq64, 8, DIO_X64_CC_A, true },  { DIO_IR_FP_leq64, 8, DIO_X64_CC_AE, true },
  };
  unsigned i = 0;
  while (i < G_N_ELEMENTS (table) && table[i].name != op->immediate)
    i++;
  if (i == G_N_ELEMENTS (table))
    return false;
  DioX64Xmm x = dio_x64_fp_operand (g, op->arguments[0]);
  DioX64Xmm y = dio_x64_fp_operand (g, op->arguments[1]);
  bool equal = table[i].cc == DIO_X64_CC_E;
  (table[i].quiet ? dio_x64_ucomis : dio_x64_comis) (&g->a, table[i].w, equal ? x : y,
                                                     equal ? y : x);
  if (!g->values[g->at].last)
    return true;
  dio_x64_setcc (&g->a, (DioX64Cc) table[i].cc, DIO_X64_RCX);
  if (equal) {
    dio_x64_setcc (&g->a, DIO_X64_CC_NP, DIO_X64_RDX);
    dio_x64_alu_rr (&g->a, DIO_X64_AND, 4, DIO_X64_RCX, DIO_X64_RDX);
  }
  DioX64Reg dst = dio_x64_result_gpr (g, UINT32_MAX);
  dio_x64_movzx_rr (&g->a, 1, dst, DIO_X64_RCX);
  dio_x64_define_gpr (g, dst);
  return true;
}

/* ---- NaN boxing ---- */

/* Ones above the single, or it reads as the canonical NaN. */
static void
unbox (DioX64Gen *g, const DioIrOp *op)
{
  DioX64Xmm x = dio_x64_xmm_of (g, op->arguments[0]);
  DioX64Xmm dst = dio_x64_result_xmm (g);
  DioX64Cold *cold = dio_x64_cold (g, X64_COLD_NAN);
  cold->result = (int8_t) dst;
  cold->single = true;
  dio_x64_movq_rx (&g->a, 8, DIO_X64_RCX, x);
  if (dst != x)
    dio_x64_movaps_xx (&g->a, dst, x);
  dio_x64_shift_ri (&g->a, DIO_X64_SAR, 8, DIO_X64_RCX, 32);
  dio_x64_alu_ri (&g->a, DIO_X64_CMP, 4, DIO_X64_RCX, -1);
  dio_x64_jcc_label (&g->a, DIO_X64_CC_NE, &cold->label);
  dio_x64_bind (&g->a, &cold->back);
  dio_x64_define_xmm (g, dst, true);
}

static void
box (DioX64Gen *g, const DioIrOp *op)
{
  DioX64Xmm x = dio_x64_xmm_of (g, op->arguments[0]);
  DioX64Xmm dst = dio_x64_result_xmm (g);
  if (dst != x)
    dio_x64_movaps_xx (&g->a, dst, x);
  dio_x64_sse_op_xm (&g->a, DIO_X64_66, DIO_X64_0F, 0xeb /* por */, dst,
                     dio_x64_mem_abs (g->jit->stubs.box));
  dio_x64_define_xmm (g, dst, false);
}

/* ---- All ---- */

bool
dio_x64_gen_float (DioX64Gen *g, const DioIrOp *op)
{
  switch (op->opcode) {
  case DIO_IR_FP_REQUIRE: {
    if (g->region->checks_fp)
      return true;
    DioX64Cold *cold = dio_x64_cold (g, X64_COLD_INTERPRET);
    dio_x64_test_mi (&g->a, 1, X64_VCPU (g, fp_block), g->fp_mask);
    dio_x64_jcc_label (&g->a, DIO_X64_CC_NE, &cold->label);
    return true;
  }
  case DIO_IR_FP_ROUNDING: /* lazy: what MXCSR has, as FP_REQUIRE has made sure */
    return true;
  case DIO_IR_UNBOX:
    unbox (g, op);
    return true;
  case DIO_IR_BOX:
    box (g, op);
    return true;
  case DIO_IR_FP_CALL1:
    if (!call1 (g, op))
      by_function (g, op, 1);
    return true;
  case DIO_IR_FP_CALL2:
    if (!call2 (g, op))
      by_function (g, op, 1);
    return true;
  case DIO_IR_FP_CALL3:
    fused (g, op, op->immediate == DIO_IR_FP_fma32 ? 4 : 8);
    return true;
  case DIO_IR_FP_TEST1:
    by_function (g, op, 0);
    return true;
  case DIO_IR_FP_TEST2:
    if (!compare (g, op))
      by_function (g, op, 0);
    return true;
  case DIO_IR_FP_PURE1:
    by_function (g, op, 0);
    return true;
  default:
    return false;
  }
}
