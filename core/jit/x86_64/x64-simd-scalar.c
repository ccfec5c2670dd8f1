/* SPDX-License-Identifier: GPL-3.0-or-later
 * Single numbers of floating point, for guests whose rules are a matter of their mode: as lanes are
 * done (x64-simd-fp.c), in words. What is not here is done as for other guests (x64-float.c). */
#include <string.h>

#include "core/fp/fp-types.h"
#include "core/jit/x86_64/x64-simd-private.h"

typedef struct {
  DioX64Cold cold;
  unsigned w; /* bytes of the result */
  DioX64Xmm in[3], to, dst;
  unsigned clean[3]; /* of the operands: see dio_x64_clean_of() */
  unsigned result;   /* of the result */
  bool in_place;     /* one instruction, of which nothing is looked at afterwards */
} Work;

static unsigned
width_of (int64_t name)
{
  const char *text = dio_ir_fp_names[name];
  return g_str_has_suffix (text, "32") ? 4 : 8;
}

/* What extends a word that is there itself is that, for its upper half does not matter. */
static uint32_t
looked_through (const DioX64Gen *g, uint32_t value)
{
  while (g->values[value].where == X64_LAZY && dio_x64_fp_is_low (g, value))
    value = g->ops[value].arguments[g->ops[value].opcode == DIO_IR_FP_CALL1];
  return value;
}

/* Are only 32 bits of a lazy value taken? */
static bool
is_single (const DioX64Gen *g, uint32_t value)
{
  const DioIrOp *op = &g->ops[value];
  if (op->opcode == DIO_IR_FP_CALL1)
    return is_single (g, op->arguments[1]);
  return op->opcode == DIO_IR_ZEXT32;
}

/* Of a vector in memory only the word is loaded. */
static DioX64Xmm
operand (DioX64Gen *g, uint32_t value, unsigned *clean)
{
  uint32_t from = looked_through (g, value);
  const DioX64Value *v = &g->values[from];
  DioX64Xmm reg;
  if (from != value && dio_x64_is_wide (g, from) && v->where == X64_VAR
      && g->region->host[v->reg] < 0) {
    reg = dio_x64_load_low (g, value, from, is_single (g, value) ? 4 : 8);
    from = value;
  } else {
    reg = dio_x64_xmm_of (g, from);
  }
  *clean = dio_x64_clean_of (g, from);
  return reg;
}

DioX64Xmm
dio_x64_fp_operand (DioX64Gen *g, uint32_t value)
{
  unsigned clean;
  return operand (g, value, &clean);
}

static void
take_operands (DioX64Gen *g, Work *work, const DioIrOp *op)
{
  for (unsigned i = 0; i + 1u < dio_ir_op_info[op->opcode].n_arguments; i++)
    work->in[i] = operand (g, op->arguments[i + 1], &work->clean[i]);
}

/* The registers of the result of @op: where it is made is not where an operand is, as the function
 * may want that yet; but an instruction that traps has written nothing. A result without zeros
 * above it is not made in a guest register: who computes with it need not wait until it has them
 * there. */
static void
begin (DioX64Gen *g, Work *work, const DioIrOp *op)
{
  g->aside = !work->result;
  g->apart = !work->in_place;
  work->cold = dio_x64_fp_cold (g, op, 1);
  work->to = work->dst = dio_x64_result_xmm (g);
  for (unsigned i = 0; i + 1u < dio_ir_op_info[op->opcode].n_arguments; i++)
    if (work->in[i] == work->dst && !work->in_place)
      work->to = SIMD_0;
  work->cold.result = (int8_t) work->dst;
  work->cold.result_xmm = true;
  work->cold.single = work->w == 4;
  work->cold.trap.from = dio_x64_here (g);
}

static void
finish (DioX64Gen *g, Work *work)
{
  dio_x64_simd_move (g, work->dst, work->to);
  dio_x64_bind (&g->a, &work->cold.back);
  dio_x64_define_clean (g, work->dst, work->w == 4, work->result);
  g_array_append_val (g->colds, work->cold);
}

/* Does the result of an instruction of @w bytes have zeros above them when it takes what is there
 * from an operand? Not 0 if so. */
static unsigned
kept (unsigned clean, unsigned w)
{
  return clean && clean <= w ? w : 0;
}

/* The other way round, if that gives zeros above the result. */
static void
swap_if_clean (Work *work)
{
  if (kept (work->clean[0], work->w) || !kept (work->clean[1], work->w))
    return;
  DioX64Xmm in = work->in[0];
  unsigned clean = work->clean[0];
  work->in[0] = work->in[1];
  work->clean[0] = work->clean[1];
  work->in[1] = in;
  work->clean[1] = clean;
}

/* Half of a normal number is tiny, and traps, if that is less than twice the smallest one; what is
 * smaller itself has trapped where it was made. */
static void
trap_if_tiny (DioX64Gen *g, Work *work)
{
  bool wide = work->w == 8;
  DioX64Mem half = dio_x64_simd_lanes (
      g, wide ? 3 : 2, wide ? UINT64_C (0x3fe0000000000000) : UINT64_C (0x3f000000));
  dio_x64_vfp_xxm (&g->a, DIO_X64_FP_MUL, work->w, SIMD_1, work->to, half);
}

/* A NaN is unordered, which looks like equal: with @tiny one comparison finds the smallest normal
 * number too. */
static void
check (DioX64Gen *g, Work *work, bool nan, bool tiny)
{
  if ((nan && !tiny) || (nan && g->traps)) {
    dio_x64_ucomis (&g->a, work->w, work->to, work->to);
    dio_x64_jcc_label (&g->a, DIO_X64_CC_P, &work->cold.label);
  }
  if (tiny && g->traps)
    trap_if_tiny (g, work);
  work->cold.trap.to = dio_x64_here (g);
  if (!tiny || g->traps)
    return;
  bool wide = work->w == 8;
  unsigned size = wide ? 3 : 2;
  dio_x64_simd_3m (g, P (BINARY, pand), SIMD_1, work->to,
                   dio_x64_simd_lanes (g, size, wide ? (uint64_t) INT64_MAX : 0x7fffffff));
  dio_x64_ucomis_xm (
      &g->a, work->w, SIMD_1,
      dio_x64_simd_lanes (g, size, wide ? UINT64_C (0x0010000000000000) : UINT64_C (0x00800000)));
  dio_x64_jcc_label (&g->a, DIO_X64_CC_E, &work->cold.label);
}

static void
scalar (DioX64Gen *g, DioX64Fp kind, unsigned w, DioX64Xmm dst, DioX64Xmm x, DioX64Xmm y)
{
  if (g->cpu.avx) {
    dio_x64_vfp_xxx (&g->a, kind, w, dst, x, y);
    return;
  }
  dio_x64_simd_move (g, dst, x);
  dio_x64_fp_xx (&g->a, kind, w, dst, y);
}

static bool
arithmetic (DioX64Gen *g, const DioIrOp *op, DioX64Fp kind, bool tiny)
{
  Work work = { .w = width_of (op->immediate) };
  take_operands (g, &work, op);
  Work order = work;
  if ((kind == DIO_X64_FP_ADD || kind == DIO_X64_FP_MUL) && !g->traps)
    swap_if_clean (&order); /* NaNs are the function's, by the operands as they were */
  work.result = kept (order.clean[0], work.w);
  work.in_place = g->traps && !tiny;
  begin (g, &work, op);
  scalar (g, kind, work.w, work.to, order.in[0], order.in[kind == DIO_X64_FP_SQRT ? 0 : 1]);
  check (g, &work, !g->traps, tiny); /* of two quiet NaNs the host too gives the first */
  finish (g, &work);
  return true;
}

static bool
fused (DioX64Gen *g, const DioIrOp *op)
{
  Work work = { .w = width_of (op->immediate) };
  if (!g->cpu.fma)
    return false;
  take_operands (g, &work, op);
  Work order = work;
  swap_if_clean (&order);
  bool addend = kept (order.clean[2], work.w);
  work.result = kept (order.clean[addend ? 2 : 0], work.w);
  begin (g, &work, op);
  dio_x64_simd_move (g, work.to, order.in[addend ? 2 : 0]);
  dio_x64_vfma (&g->a, DIO_X64_FMADD, addend ? DIO_X64_FMA_231 : DIO_X64_FMA_213, work.w, work.to,
                order.in[addend ? 0 : 1], order.in[addend ? 1 : 2]);
  check (g, &work, true, true);
  finish (g, &work);
  return true;
}

static bool
between_formats (DioX64Gen *g, const DioIrOp *op, bool to_single)
{
  Work work = { .w = to_single ? 4 : 8 };
  take_operands (g, &work, op);
  work.result = kept (work.clean[0], 8) ? work.w : 0;
  begin (g, &work, op);
  if (to_single && work.result) { /* both halves, of which the upper one is 0 */
    dio_x64_simd_2 (g, P (UNARY_128, cvtpd2ps), work.to, work.in[0]);
  } else {
    dio_x64_simd_move (g, work.to, work.in[0]);
    (to_single ? dio_x64_cvtsd2ss : dio_x64_cvtss2sd) (&g->a, work.to, work.to);
  }
  check (g, &work, !g->traps, to_single);
  finish (g, &work);
  return true;
}

/* See extreme() of x64-simd-fp.c. */
static bool
extreme (DioX64Gen *g, const DioIrOp *op, bool larger)
{
  Work work = { .w = width_of (op->immediate) };
  DioX64Fp kind = larger ? DIO_X64_FP_MAX : DIO_X64_FP_MIN;
  take_operands (g, &work, op);
  unsigned first = kept (work.clean[0], work.w), second = kept (work.clean[1], work.w);
  work.result = larger ? MAX (first, second) : MIN (first, second);
  begin (g, &work, op);
  dio_x64_ucomis (&g->a, work.w, work.in[0], work.in[1]);
  dio_x64_jcc_label (&g->a, DIO_X64_CC_P, &work.cold.label);
  work.cold.trap.to = dio_x64_here (g);
  scalar (g, kind, work.w, work.to, work.in[0], work.in[1]);
  scalar (g, kind, work.w, SIMD_1, work.in[1], work.in[0]);
  dio_x64_simd_3 (g, larger ? P (BINARY, pand) : P (BINARY, por), work.to, work.to, SIMD_1);
  finish (g, &work);
  return true;
}

/* @x by its bits to rcx without the sign, and to the function unless it is less than @limit. */
static void
check_limit (DioX64Gen *g, DioX64Cold *cold, unsigned w, DioX64Xmm x, uint64_t limit)
{
  dio_x64_movq_rx (&g->a, w, DIO_X64_RCX, x);
  dio_x64_alu_rr (&g->a, DIO_X64_ADD, w, DIO_X64_RCX, DIO_X64_RCX);
  dio_x64_mov_ri (&g->a, DIO_X64_RDX, limit << 1);
  dio_x64_alu_rr (&g->a, DIO_X64_CMP, w, DIO_X64_RCX, DIO_X64_RDX);
  dio_x64_jcc_label (&g->a, DIO_X64_CC_AE, &cold->label);
}

/* From here on all numbers are integers. */
#define NO_FRACTION_64 UINT64_C (0x4330000000000000)
#define NO_FRACTION_32 UINT64_C (0x4b000000)

/* @x, less than that, to the nearest integer and ties away from zero, which the host cannot: the
 * integral part, and the integral part of twice the rest. All of it is exact; the sign of a zero is
 * lost. Changes xmm1; @to is not @x. */
static void
round_away (DioX64Gen *g, unsigned w, DioX64Xmm to, DioX64Xmm x)
{
  const uint8_t truncate = 3 | 8;
  dio_x64_rounds (&g->a, w, to, x, truncate);
  scalar (g, DIO_X64_FP_SUB, w, SIMD_1, x, to);
  dio_x64_fp_xx (&g->a, DIO_X64_FP_ADD, w, SIMD_1, SIMD_1);
  dio_x64_rounds (&g->a, w, SIMD_1, SIMD_1, truncate);
  dio_x64_fp_xx (&g->a, DIO_X64_FP_ADD, w, to, SIMD_1);
}

static bool
round_to_away (DioX64Gen *g, const DioIrOp *op)
{
  Work work = { .w = width_of (op->immediate) };
  bool wide = work.w == 8;
  if (!g->cpu.sse41)
    return false;
  take_operands (g, &work, op);
  begin (g, &work, op);
  check_limit (g, &work.cold, work.w, work.in[0], wide ? NO_FRACTION_64 : NO_FRACTION_32);
  round_away (g, work.w, work.to, work.in[0]);
  dio_x64_simd_3m (
      g, P (BINARY, pand), SIMD_1, work.in[0],
      dio_x64_simd_lanes (g, wide ? 3 : 2, wide ? UINT64_C (1) << 63 : UINT64_C (1) << 31));
  dio_x64_simd_3 (g, P (BINARY, por), work.to, work.to, SIMD_1);
  finish (g, &work);
  return true;
}

static bool
round_to_integral (DioX64Gen *g, const DioIrOp *op, int rounding, bool exact)
{
  Work work = { .w = width_of (op->immediate) };
  if (rounding == DIO_FP_RMM && !exact)
    return round_to_away (g, op);
  int control = dio_x64_round_control (rounding);
  if (control < 0 || !g->cpu.sse41)
    return false;
  take_operands (g, &work, op);
  begin (g, &work, op);
  dio_x64_rounds (&g->a, work.w, work.to, work.in[0], (uint8_t) (control | (exact ? 0 : 8)));
  check (g, &work, !g->traps, false);
  finish (g, &work);
  return true;
}

/* Where the host has no such conversion: what may not fit, and what is negative of unsigned ones,
 * by the function before the host could note that it was inexact. */
static bool
to_integer (DioX64Gen *g, const DioIrOp *op, int rounding)
{
  static const struct {
    uint16_t name;
    uint8_t w_fp, w_int;
    bool is_signed;
    uint64_t limit;
  } table[] = {
    { DIO_IR_FP_f32_to_i32, 4, 4, true, 0x4f000000 },
    { DIO_IR_FP_f32_to_i64, 4, 8, true, 0x5f000000 },
    { DIO_IR_FP_f32_to_u32, 4, 4, false, 0x4f800000 },
    { DIO_IR_FP_f32_to_u64, 4, 8, false, 0x5f000000 },
    { DIO_IR_FP_f64_to_i32, 8, 4, true, UINT64_C (0x41dfffffffc00000) },
    { DIO_IR_FP_f64_to_i64, 8, 8, true, UINT64_C (0x43e0000000000000) },
    { DIO_IR_FP_f64_to_u32, 8, 4, false, UINT64_C (0x41efffffffe00000) },
    { DIO_IR_FP_f64_to_u64, 8, 8, false, UINT64_C (0x43e0000000000000) },
  };
  unsigned i = 0;
  while (i < G_N_ELEMENTS (table) && table[i].name != op->immediate)
    i++;
  bool rounds = rounding == DIO_FP_RDN || rounding == DIO_FP_RUP;
  bool away = rounding == DIO_FP_RMM;
  if (i == G_N_ELEMENTS (table) || (away && !table[i].is_signed)
      || ((rounds || away) && !g->cpu.sse41) || (table[i].is_signed && !rounds && !away))
    return false;
  DioX64Asm *a = &g->a;
  unsigned w = table[i].w_fp, w_int = table[i].w_int;
  DioX64Xmm x = dio_x64_fp_operand (g, op->arguments[1]);
  DioX64Cold cold = dio_x64_fp_cold (g, op, 1);
  DioX64Reg dst = g->values[g->at].last ? dio_x64_result_gpr (g, UINT32_MAX) : DIO_X64_RDX;
  cold.result = (int8_t) dst;
  if (table[i].is_signed) {
    uint64_t whole = w == 8 ? NO_FRACTION_64 : NO_FRACTION_32;
    check_limit (g, &cold, w, x, away ? MIN (table[i].limit, whole) : table[i].limit);
  } else {
    dio_x64_movq_rx (a, w, DIO_X64_RCX, x);
    dio_x64_mov_ri (a, DIO_X64_RDX, table[i].limit);
    dio_x64_alu_rr (a, DIO_X64_CMP, w, DIO_X64_RCX, DIO_X64_RDX);
    dio_x64_jcc_label (a, DIO_X64_CC_AE, &cold.label);
  }
  if (away) {
    dio_x64_cvts2si (a, w, 8, DIO_X64_RCX, x); /* notes whether it is inexact */
    round_away (g, w, SIMD_0, x);
    x = SIMD_0;
  } else if (rounds) {
    dio_x64_rounds (a, w, SIMD_0, x, (uint8_t) dio_x64_round_control (rounding));
    x = SIMD_0;
  }
  (rounding == DIO_FP_RNE ? dio_x64_cvts2si
                          : dio_x64_cvtts2si) (a, w, table[i].is_signed ? w_int : 8, dst, x);
  if (table[i].is_signed && w_int == 4)
    dio_x64_movsx_rr (a, 4, dst, dst);
  dio_x64_bind (a, &cold.back);
  if (g->values[g->at].last)
    dio_x64_define_gpr (g, dst);
  g_array_append_val (g->colds, cold);
  return true;
}

/* Nothing is flushed. */
static bool
flush (DioX64Gen *g, const DioIrOp *op)
{
  uint32_t value = op->arguments[1];
  if (g->values[value].where != X64_XMM && g->values[value].where != X64_LAZY) {
    DioX64Reg from = dio_x64_gpr_of (g, value);
    DioX64Reg dst = dio_x64_result_gpr (g, value);
    dio_x64_mov_rr (&g->a, op->immediate == DIO_IR_FP_flush32 ? 4 : 8, dst, from);
    dio_x64_define_gpr (g, dst);
    return true;
  }
  DioX64Xmm from = dio_x64_fp_operand (g, value);
  DioX64Xmm dst = dio_x64_result_xmm (g);
  dio_x64_simd_move (g, dst, from);
  dio_x64_define_xmm (g, dst, op->immediate == DIO_IR_FP_flush32);
  return true;
}

static bool
call (DioX64Gen *g, const DioIrOp *op)
{
  int rounding = dio_x64_mode_rounding (g, op->arguments[0]);
  if (rounding < 0)
    return false;
  switch (op->immediate) {
  case DIO_IR_FP_round32:
  case DIO_IR_FP_round64:
    return round_to_integral (g, op, rounding, false);
  case DIO_IR_FP_roundx32:
  case DIO_IR_FP_roundx64:
    return round_to_integral (g, op, rounding, true);
  case DIO_IR_FP_min32:
  case DIO_IR_FP_min64:
  case DIO_IR_FP_minm32:
  case DIO_IR_FP_minm64:
    return extreme (g, op, false);
  case DIO_IR_FP_max32:
  case DIO_IR_FP_max64:
  case DIO_IR_FP_maxm32:
  case DIO_IR_FP_maxm64:
    return extreme (g, op, true);
  case DIO_IR_FP_flush32:
  case DIO_IR_FP_flush64:
    return flush (g, op);
  default:
    break;
  }
  if (to_integer (g, op, rounding))
    return true;
  if (rounding != DIO_FP_RNE)
    return false;
  switch (op->immediate) {
  case DIO_IR_FP_add32:
  case DIO_IR_FP_add64:
    return arithmetic (g, op, DIO_X64_FP_ADD, false);
  case DIO_IR_FP_sub32:
  case DIO_IR_FP_sub64:
    return arithmetic (g, op, DIO_X64_FP_SUB, false);
  case DIO_IR_FP_mul32:
  case DIO_IR_FP_mul64:
    return arithmetic (g, op, DIO_X64_FP_MUL, true);
  case DIO_IR_FP_div32:
  case DIO_IR_FP_div64:
    return arithmetic (g, op, DIO_X64_FP_DIV, true);
  case DIO_IR_FP_sqrt32:
  case DIO_IR_FP_sqrt64:
    return arithmetic (g, op, DIO_X64_FP_SQRT, false);
  case DIO_IR_FP_fma32:
  case DIO_IR_FP_fma64:
    return fused (g, op);
  case DIO_IR_FP_f32_to_f64:
    return between_formats (g, op, false);
  case DIO_IR_FP_f64_to_f32:
    return between_formats (g, op, true);
  default:
    return false;
  }
}

/* Is the comparison @op done once more, by a condition, before anybody can see which exceptions it
 * has raised? Then that raises them: as a signalling one, if it is one. A poll comes before the
 * condition of a branch back. */
static bool
is_repeated (DioX64Gen *g, const DioIrOp *op, bool quiet)
{
  const DioJitBlock *block = g->block;
  bool polls = (block->taken != DIO_JIT_NO_BLOCK && block->taken <= g->index)
               || (block->next != DIO_JIT_NO_BLOCK && block->next <= g->index);
  for (uint32_t i = g->at + 1; i < g->n_ops; i++) {
    const DioIrOp *user = &g->ops[i], *holds = &g->ops[user->arguments[0]];
    bool is_branch = user->opcode == DIO_IR_BRANCH;
    if ((is_branch ? !polls : user->opcode == DIO_IR_SELECT || user->opcode == DIO_IR_WIDEN)
        && g->values[i].where != X64_LAZY && (is_branch || g->values[i].last)
        && dio_x64_is_fp_holds (holds->opcode) && holds->arguments[0] == op->arguments[0]
        && holds->arguments[1] == op->arguments[1]
        && (quiet || is_branch || (holds->immediate & 15) > 1) && (holds->immediate & 15) < 14) {
      g->values[user->arguments[0]].signals = !quiet;
      return true;
    }
    if (dio_ir_op_info[user->opcode].effects & (DIO_IR_FAULT | DIO_IR_END))
      return false;
  }
  return false;
}

/* Negative, zero, carry, overflow as arm has them after a comparison. Moves leave the flags. */
static bool
compare (DioX64Gen *g, const DioIrOp *op)
{
  DioX64Asm *a = &g->a;
  bool quiet = op->immediate == DIO_IR_FP_compare32 || op->immediate == DIO_IR_FP_compare64;
  if (!quiet && op->immediate != DIO_IR_FP_comparee32 && op->immediate != DIO_IR_FP_comparee64)
    return false;
  if (!g->values[g->at].last && is_repeated (g, op, quiet))
    return true;
  DioX64Xmm x = dio_x64_fp_operand (g, op->arguments[0]);
  DioX64Xmm y = dio_x64_fp_operand (g, op->arguments[1]);
  bool wanted = g->values[g->at].last != 0;
  DioX64Reg dst = wanted ? dio_x64_result_gpr (g, UINT32_MAX) : DIO_X64_RCX;
  (quiet ? dio_x64_ucomis : dio_x64_comis) (a, width_of (op->immediate), x, y);
  if (!wanted)
    return true;
  static const struct {
    uint8_t cc;
    uint32_t flags;
  } rest[] = { { DIO_X64_CC_B, UINT32_C (8) << 28 },
               { DIO_X64_CC_E, UINT32_C (6) << 28 },
               { DIO_X64_CC_P, UINT32_C (3) << 28 } };
  dio_x64_put_o (a, 0xb8, DIO_X64_RCX, UINT32_C (2) << 28, 4);
  for (unsigned i = 0; i < G_N_ELEMENTS (rest); i++) {
    dio_x64_put_o (a, 0xb8, DIO_X64_RDX, rest[i].flags, 4);
    dio_x64_cmov (a, (DioX64Cc) rest[i].cc, 4, DIO_X64_RCX, DIO_X64_RDX);
  }
  dio_x64_mov_rr (a, 4, dst, DIO_X64_RCX);
  dio_x64_define_gpr (g, dst);
  return true;
}

/* What was made as a single has anything above it, where doubles have zeros. */
static void
widen_operands (DioX64Gen *g, const DioIrOp *op)
{
  for (unsigned i = 0; i < dio_ir_op_info[op->opcode].n_arguments; i++) {
    uint32_t value = looked_through (g, op->arguments[i]);
    DioX64Value *v = &g->values[value];
    if (!v->single || (v->where != X64_XMM && v->where != X64_SPILL))
      continue;
    DioX64Xmm reg = dio_x64_xmm_of (g, value);
    dio_x64_movq_rx (&g->a, 4, DIO_X64_RCX, reg);
    dio_x64_movq_xr (&g->a, 4, reg, DIO_X64_RCX);
    v->single = false;
  }
}

/* Unordered is below, equal, and has its parity; the other way round it is never above. So there is
 * a condition for all but equality. */
bool
dio_x64_fp_holds (DioX64Gen *g, const DioIrOp *op, DioX64Cc *cc)
{
  static const struct {
    uint8_t cc;
    bool swapped;
  } table[] = {
    { DIO_X64_CC_E, false },  /* equal */
    { DIO_X64_CC_BE, true },  /* not less */
    { DIO_X64_CC_A, true },   /* less */
    { DIO_X64_CC_P, false },  /* unordered */
    { DIO_X64_CC_B, true },   /* greater or unordered */
    { DIO_X64_CC_AE, false }, /* greater or equal */
    { DIO_X64_CC_A, false },  /* greater */
  };
  unsigned condition = (unsigned) op->immediate & 15;
  if (op->opcode == DIO_IR_FP_HOLDS_64)
    widen_operands (g, op);
  if (condition >> 1 == 7) {
    dio_x64_alu_rr (&g->a, DIO_X64_CMP, 4, DIO_X64_RDX, DIO_X64_RDX);
    *cc = DIO_X64_CC_E;
    return true;
  }
  DioX64Xmm x = dio_x64_fp_operand (g, op->arguments[0]);
  DioX64Xmm y = dio_x64_fp_operand (g, op->arguments[1]);
  bool swapped = table[condition >> 1].swapped;
  bool signals = g->values[op - g->ops].signals;
  (signals ? dio_x64_comis : dio_x64_ucomis) (&g->a, op->opcode == DIO_IR_FP_HOLDS_32 ? 4 : 8,
                                              swapped ? y : x, swapped ? x : y);
  *cc = (DioX64Cc) (table[condition >> 1].cc ^ (condition & 1));
  return condition >> 1 != 0;
}

DioX64Cc
dio_x64_fp_holds_one (DioX64Gen *g, const DioIrOp *op)
{
  DioX64Cc cc;
  if ((op->immediate & 15) >> 1 != 0 && dio_x64_fp_holds (g, op, &cc))
    return cc;
  if (op->opcode == DIO_IR_FP_HOLDS_64)
    widen_operands (g, op);
  DioX64Xmm x = dio_x64_fp_operand (g, op->arguments[0]);
  DioX64Xmm y = dio_x64_fp_operand (g, op->arguments[1]);
  uint32_t equal =
      op->opcode == DIO_IR_FP_HOLDS_32 ? P (BINARY_IMM_128, cmpss) : P (BINARY_IMM_128, cmpsd);
  dio_x64_simd_3i (g, equal, SIMD_0, x, y, 0);
  dio_x64_movq_rx (&g->a, 4, DIO_X64_RDX, SIMD_0);
  dio_x64_test_rr (&g->a, 4, DIO_X64_RDX, DIO_X64_RDX);
  return op->immediate & 1 ? DIO_X64_CC_E : DIO_X64_CC_NE;
}

/* Signs, of what is in a vector register and is wanted in one. */
static bool
bitwise (DioX64Gen *g, const DioIrOp *op)
{
  int64_t constant;
  uint32_t value = op->arguments[0], from = looked_through (g, value);
  const DioX64Value *v = &g->values[from];
  bool xmm = v->where == X64_XMM
             || (v->where == X64_VAR && v->reg >= DIO_JIT_F && g->region->host[v->reg] >= 0);
  if (!g->values[g->at].want_xmm || !xmm || !dio_x64_constant (g, op->arguments[1], &constant))
    return false;
  bool single = v->where == X64_XMM && v->single, is_and = op->opcode == DIO_IR_AND;
  if (single && !is_and && (uint64_t) constant >> 32)
    return false;
  unsigned clean;
  DioX64Xmm x = operand (g, value, &clean);
  DioX64Mem mask = dio_x64_simd_constant (g, (uint64_t) constant, 0);
  DioX64Xmm dst = dio_x64_result_xmm (g);
  dio_x64_simd_3m (g, is_and ? P (BINARY, pand) : P (BINARY, pxor), dst, x, mask);
  bool low = clean == 4 && (is_and || !((uint64_t) constant >> 32));
  dio_x64_define_clean (g, dst, single, single ? 0 : low ? 4 : is_and ? 8 : kept (clean, 8));
  return true;
}

static bool
is_in_xmm (const DioX64Gen *g, uint32_t value)
{
  const DioX64Value *v = &g->values[looked_through (g, value)];
  return (v->where == X64_XMM && !v->single)
         || (v->where == X64_VAR && v->reg >= DIO_JIT_F && g->region->host[v->reg] >= 0);
}

/* All ones in the low 64 bits of xmm0 if the comparison of numbers @op holds, else zeros; above is
 * anything. False: there is no such instruction. */
static bool
mask_of_fp (DioX64Gen *g, const DioIrOp *op)
{
  /* Of the even conditions: predicates that raise for signalling NaNs alone. */
  static const uint8_t table[] = {
    0x00, /* equal */
    0x15, /* not less */
    0x11, /* less */
    0x03, /* unordered */
    0x16, /* greater or unordered */
    0x1d, /* greater or equal */
    0x1e, /* greater */
  };
  /* And the inverse of each, in the same order. */
  static const uint8_t inverse[] = { 0x04, 0x11, 0x15, 0x07, 0x12, 0x19, 0x1a };
  unsigned condition = (unsigned) op->immediate & 15;
  bool wide = op->opcode == DIO_IR_FP_HOLDS_64;
  if (!g->cpu.avx || !dio_x64_is_fp_holds (op->opcode) || condition >> 1 == 7)
    return false;
  if (wide)
    widen_operands (g, op);
  DioX64Xmm x = dio_x64_fp_operand (g, op->arguments[0]);
  DioX64Xmm y = dio_x64_fp_operand (g, op->arguments[1]);
  unsigned predicate = (condition & 1 ? inverse : table)[condition >> 1];
  if (g->values[op - g->ops].signals)
    predicate ^= 0x10;
  dio_x64_simd_3i (g, wide ? P (BINARY_IMM_128, cmpsd) : P (BINARY_IMM_128, cmpss), SIMD_0, x, y,
                   predicate);
  if (!wide)
    dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), SIMD_0, SIMD_0, 0);
  return true;
}

/* The same of any truth; true: with zeros above. */
static bool
mask_of_truth (DioX64Gen *g, uint32_t truth)
{
  DioX64Asm *a = &g->a;
  if (mask_of_fp (g, &g->ops[truth]))
    return false;
  DioX64Cc cc = dio_x64_gen_flags (g, truth);
  dio_x64_setcc (a, cc, DIO_X64_RCX);
  dio_x64_movzx_rr (a, 1, DIO_X64_RCX, DIO_X64_RCX);
  dio_x64_neg (a, 8, DIO_X64_RCX);
  dio_x64_movq_xr (a, 8, SIMD_0, DIO_X64_RCX);
  return true;
}

/* By a mask, as the moves to general registers and back take longer. */
static bool
select_xmm (DioX64Gen *g, const DioIrOp *op)
{
  if (!g->values[g->at].want_xmm || !g->cpu.sse41 || !is_in_xmm (g, op->arguments[1])
      || !is_in_xmm (g, op->arguments[2]))
    return false;
  unsigned clean[2];
  DioX64Xmm yes = operand (g, op->arguments[1], &clean[0]);
  DioX64Xmm no = operand (g, op->arguments[2], &clean[1]);
  bool low = mask_of_truth (g, op->arguments[0]);
  bool half = clean[1] && (low || clean[0]);
  DioX64Xmm dst = dio_x64_result_xmm (g);
  DioX64Xmm to = dst == yes && yes != no ? SIMD_1 : dst;
  dio_x64_simd_blend (g, to, no, yes, SIMD_0);
  dio_x64_simd_move (g, dst, to);
  dio_x64_define_clean (g, dst, false, clean[0] == 4 && clean[1] == 4 ? 4 : half ? 8 : 0);
  return true;
}

static bool
takes_doubles (int64_t name)
{
  const char *text = dio_ir_fp_names[name];
  return g_str_has_prefix (text, "f64") || (!strstr (text, "_to_") && width_of (name) == 8);
}

static bool
takes_singles (int64_t name)
{
  const char *text = dio_ir_fp_names[name];
  return g_str_has_prefix (text, "f32") || (!strstr (text, "_to_") && width_of (name) == 4);
}

/* One that flushes nothing. */
static bool
is_flush (const DioX64Gen *g, const DioIrOp *op)
{
  return op->opcode == DIO_IR_FP_CALL1
         && (op->immediate == DIO_IR_FP_flush32 || op->immediate == DIO_IR_FP_flush64)
         && dio_x64_mode_rounding (g, op->arguments[0]) >= 0;
}

bool
dio_x64_fp_looks_through (const DioX64Gen *g, const DioIrOp *user, unsigned argument,
                          const DioIrOp *value)
{
  bool has_mode = user->opcode >= DIO_IR_FP_CALL1 && user->opcode <= DIO_IR_FP_CALL3;
  switch (user->opcode) {
  case DIO_IR_FLAGS_FP_32:
  case DIO_IR_FP_HOLDS_32:
    return value->opcode == DIO_IR_ZEXT32 || is_flush (g, value);
  case DIO_IR_FLAGS_FP_64:
  case DIO_IR_FP_HOLDS_64:
    return value->opcode == DIO_IR_VEC_LOW || is_flush (g, value);
  case DIO_IR_FP_TEST2:
    if (is_flush (g, value))
      return true;
    break;
  default:
    if (!has_mode || argument == 0)
      return false;
    break;
  }
  return (value->opcode == DIO_IR_VEC_LOW && takes_doubles (user->immediate))
         || (value->opcode == DIO_IR_ZEXT32 && takes_singles (user->immediate));
}

bool
dio_x64_simd_scalar (DioX64Gen *g, const DioIrOp *op)
{
  bool by_name = dio_ir_op_info[op->opcode].immediate == DIO_IR_IMM_FP;
  if (by_name ? takes_doubles (op->immediate) : op->opcode == DIO_IR_FLAGS_FP_64)
    widen_operands (g, op);
  switch (op->opcode) {
  case DIO_IR_FP_CALL1:
  case DIO_IR_FP_CALL2:
  case DIO_IR_FP_CALL3:
    return call (g, op);
  case DIO_IR_FP_TEST2:
    return compare (g, op);
  case DIO_IR_XOR:
  case DIO_IR_AND:
    return bitwise (g, op);
  case DIO_IR_SELECT:
    return select_xmm (g, op);
  case DIO_IR_FP_MODE: /* lazy */
    return true;
  default:
    return false;
  }
}
