/* SPDX-License-Identifier: GPL-3.0-or-later
 * Lanes of floating point on the host's vector unit, for guests whose rules are a matter of their
 * mode (DioFpMode).
 *
 * While compiled code runs the mode in force rounds to nearest and flushes nothing (see
 * DioJitVcpu.fp_block); MXCSR collects the guest's exceptions, which are the host's but in two
 * cases: which NaN comes out, and underflow, for a guest that calls tiny what is so before
 * rounding, where a result has been rounded up to the smallest normal number. Whenever one of these
 * comes out all lanes are done again by the function. Where MXCSR traps (x64-trap.c) sums,
 * products, quotients and roots are not looked at for that: two quiet NaNs give the first, as the
 * guest wants it, and all other NaNs trap.
 *
 * Operands of less than a register are repeated in all of it: so no lane raises what another does
 * not. */
#include "core/fp/fp-types.h"
#include "core/jit/x86_64/x64-simd-private.h"

/* Of cmpps, cmppd. */
enum { CMP_EQ, CMP_LT, CMP_LE, CMP_UNORD, CMP_EQ_OR_UNORD = 8 /* AVX */ };
/* Of roundps, roundpd. */
#define ROUND_QUIETLY 8

/* ---- Modes ---- */

static bool
mode_with_constant (const DioX64Gen *g, const DioIrOp *op, DioX64Mode *mode, int64_t *constant)
{
  return dio_x64_constant (g, op->arguments[1], constant)
         && dio_x64_mode_of (g, op->arguments[0], mode);
}

bool
dio_x64_mode_of (const DioX64Gen *g, uint32_t value, DioX64Mode *mode)
{
  const DioIrOp *op = &g->ops[value];
  int64_t constant;
  switch (op->opcode) {
  case DIO_IR_CONST:
    *mode = (DioX64Mode){ 0, (uint64_t) op->immediate };
    return true;
  case DIO_IR_FP_MODE:
    *mode = (DioX64Mode){ UINT64_MAX, 0 };
    return true;
  case DIO_IR_AND:
    if (!mode_with_constant (g, op, mode, &constant))
      return false;
    mode->keep &= (uint64_t) constant;
    mode->set &= (uint64_t) constant;
    return true;
  case DIO_IR_OR:
    if (!mode_with_constant (g, op, mode, &constant))
      return false;
    mode->set |= (uint64_t) constant;
    return true;
  default:
    return false;
  }
}

int
dio_x64_mode_rounding (const DioX64Gen *g, uint32_t value)
{
  DioX64Mode mode;
  if (!dio_x64_mode_of (g, value, &mode) || mode.set >> DIO_FP_SCALE_SHIFT
      || (mode.set & DIO_FP_FLUSH))
    return -1;
  return (int) (mode.set & DIO_FP_ROUND_MASK);
}

/* ---- Lanes ---- */

typedef struct {
  const DioIrOp *op;
  unsigned name, lanes, w; /* w: bytes of a lane */
  int rounding;            /* or -1 */
  DioX64SimdCall call;
  DioX64Xmm in[3]; /* operands, repeated */
} Work;

static bool
is_double (const Work *work)
{
  return work->w == 8;
}

/* The encoding of ...ps, or that of ...pd. */
static uint32_t
packed (const Work *work, uint32_t enc)
{
  return enc | (is_double (work) ? DIO_X64_66 : 0);
}

static void
repeat_operands (DioX64Gen *g, Work *work)
{
  unsigned bytes = work->lanes * work->w;
  for (unsigned i = 0; i < work->call.n; i++) {
    DioX64Xmm from = (DioX64Xmm) work->call.operands[i];
    work->in[i] = from;
    if (bytes == 16)
      continue;
    work->in[i] = dio_x64_take_xmm (g);
    dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), work->in[i], from, bytes == 8 ? 0x44 : 0x00);
  }
}

/* Zeros above the lanes that count. */
static void
trim (DioX64Gen *g, const Work *work, DioX64Xmm reg)
{
  unsigned bytes = work->lanes * work->w;
  if (bytes == 8)
    dio_x64_simd_low (g, reg, reg);
  else if (bytes == 4)
    dio_x64_simd_3m (g, P (BINARY, pand), reg, reg, dio_x64_simd_constant (g, UINT32_MAX, 0));
}

static uint64_t
in_lane (const Work *work, uint64_t f32, uint64_t f64)
{
  return is_double (work) ? f64 : f32;
}

static DioX64Mem
lanes_of (DioX64Gen *g, const Work *work, uint64_t f32, uint64_t f64)
{
  return dio_x64_simd_lanes (g, is_double (work) ? 3 : 2, in_lane (work, f32, f64));
}

/* Takes the register of the result: no others may be taken until that is made in xmm0 and
 * finish_in() has it. */
static DioX64Xmm
take_result (DioX64Gen *g, Work *work)
{
  DioX64Xmm dst = dio_x64_result_xmm (g);
  dio_x64_simd_call_to (g, &work->call, dst);
  return dst;
}

/* Goes to the function where lanes of xmm1 are all ones. */
static DioX64SimdCold *
leave_where_marked (DioX64Gen *g, const Work *work)
{
  DioX64SimdCold *cold = dio_x64_simd_cold (g, &work->call);
  (is_double (work) ? dio_x64_movmskpd : dio_x64_movmskps) (&g->a, DIO_X64_RCX, SIMD_1);
  dio_x64_test_rr (&g->a, 4, DIO_X64_RCX, DIO_X64_RCX);
  dio_x64_jcc_label (&g->a, DIO_X64_CC_NE, &cold->label);
  return cold;
}

static DioX64SimdCold *
leave_if (DioX64Gen *g, Work *work, DioX64Xmm *dst)
{
  *dst = take_result (g, work);
  return leave_where_marked (g, work);
}

static void
finish_in (DioX64Gen *g, const Work *work, DioX64SimdCold *cold, DioX64Xmm dst)
{
  trim (g, work, SIMD_0);
  dio_x64_simd_move (g, dst, SIMD_0);
  dio_x64_bind (&g->a, &cold->back);
  dio_x64_define_xmm (g, dst, false);
}

/* Both, when the result is in xmm0 already. */
static void
finish_unless (DioX64Gen *g, Work *work)
{
  DioX64Xmm dst;
  DioX64SimdCold *cold = leave_if (g, work, &dst);
  finish_in (g, work, cold, dst);
}

/* Results in xmm0 by the instructions from @from on, with traps and nothing to look at. @dst was
 * taken before them, as what makes room for it is not run after a trap. See trap_if_tiny() of
 * x64-simd-scalar.c. */
static void
finish_trapping (DioX64Gen *g, Work *work, DioX64Xmm dst, uint32_t from, bool tiny)
{
  if (tiny)
    dio_x64_simd_3m (g, packed (work, P (BINARY, mulps)), SIMD_1, SIMD_0,
                     lanes_of (g, work, 0x3f000000, UINT64_C (0x3fe0000000000000)));
  DioX64SimdCold *cold = dio_x64_simd_cold (g, &work->call);
  cold->trap = (DioX64Range){ from, dio_x64_here (g) };
  finish_in (g, work, cold, dst);
}

static void
mark_nans (DioX64Gen *g, const Work *work, DioX64Xmm a, DioX64Xmm b)
{
  dio_x64_simd_3i (g, packed (work, P (BINARY_IMM, cmpps)), SIMD_1, a, b, CMP_UNORD);
}

/* Of results in xmm0; the smallest normal number too if @tiny. */
static void
mark_results (DioX64Gen *g, const Work *work, bool tiny)
{
  if (!tiny) {
    mark_nans (g, work, SIMD_0, SIMD_0);
    return;
  }
  uint32_t compare = packed (work, P (BINARY_IMM, cmpps));
  DioX64Mem sign = lanes_of (g, work, 0x7fffffff, INT64_MAX);
  dio_x64_simd_3m (g, P (BINARY, pand), SIMD_1, SIMD_0, sign);
  DioX64Mem smallest = lanes_of (g, work, 0x00800000, UINT64_C (0x0010000000000000));
  if (g->cpu.avx) {
    dio_x64_put_vex_rm (&g->a, compare | DIO_X64_IMM8, SIMD_1, SIMD_1, smallest, CMP_EQ_OR_UNORD);
    return;
  }
  DioX64Xmm t = dio_x64_take_xmm (g);
  dio_x64_movaps_xm (&g->a, t, smallest);
  dio_x64_simd_3i (g, compare, t, t, SIMD_1, CMP_EQ);
  dio_x64_simd_3i (g, compare, SIMD_1, SIMD_1, SIMD_1, CMP_UNORD);
  dio_x64_simd_3 (g, P (BINARY, por), SIMD_1, SIMD_1, t);
}

/* ---- Operations ---- */

static bool
arithmetic (DioX64Gen *g, Work *work, uint32_t enc, bool tiny)
{
  if (work->rounding != DIO_FP_RNE)
    return false;
  repeat_operands (g, work);
  DioX64Xmm dst = g->traps ? take_result (g, work) : SIMD_0;
  uint32_t from = dio_x64_here (g);
  dio_x64_simd_3 (g, packed (work, enc), SIMD_0, work->in[0], work->in[1]);
  if (g->traps) {
    finish_trapping (g, work, dst, from, tiny);
    return true;
  }
  mark_results (g, work, tiny);
  finish_unless (g, work);
  return true;
}

static bool
root (DioX64Gen *g, Work *work)
{
  if (work->rounding != DIO_FP_RNE)
    return false;
  repeat_operands (g, work);
  DioX64Xmm dst = g->traps ? take_result (g, work) : SIMD_0;
  uint32_t from = dio_x64_here (g);
  dio_x64_simd_2 (g, packed (work, P (UNARY, sqrtps)), SIMD_0, work->in[0]);
  if (g->traps) {
    finish_trapping (g, work, dst, from, false);
    return true;
  }
  mark_results (g, work, false);
  finish_unless (g, work);
  return true;
}

static bool
fused (DioX64Gen *g, Work *work)
{
  if (work->rounding != DIO_FP_RNE || !g->cpu.fma)
    return false;
  repeat_operands (g, work);
  DioX64Xmm dst = take_result (g, work);
  dio_x64_simd_move (g, SIMD_0, work->in[0]);
  uint32_t from = dio_x64_here (g);
  dio_x64_vfma_packed (&g->a, DIO_X64_FMADD, DIO_X64_FMA_213, work->w, SIMD_0, work->in[1],
                       work->in[2]);
  uint32_t to = dio_x64_here (g);
  mark_results (g, work, true);
  DioX64SimdCold *cold = leave_where_marked (g, work);
  if (g->traps)
    cold->trap = (DioX64Range){ from, to };
  finish_in (g, work, cold, dst);
  return true;
}

/* Both ways round, as the host gives the second of two zeros; of zeros with different signs one is
 * smaller. */
static bool
extreme (DioX64Gen *g, Work *work, bool larger)
{
  uint32_t enc = packed (work, larger ? P (BINARY, maxps) : P (BINARY, minps));
  DioX64Xmm dst;
  repeat_operands (g, work);
  DioX64Xmm t = dio_x64_take_xmm (g);
  mark_nans (g, work, work->in[0], work->in[1]);
  DioX64SimdCold *cold = leave_if (g, work, &dst);
  dio_x64_simd_3 (g, enc, SIMD_0, work->in[0], work->in[1]);
  dio_x64_simd_3 (g, enc, t, work->in[1], work->in[0]);
  dio_x64_simd_3 (g, larger ? P (BINARY, pand) : P (BINARY, por), SIMD_0, SIMD_0, t);
  finish_in (g, work, cold, dst);
  return true;
}

static bool
compare (DioX64Gen *g, Work *work, unsigned condition)
{
  repeat_operands (g, work);
  dio_x64_simd_3i (g, packed (work, P (BINARY_IMM, cmpps)), SIMD_0, work->in[0], work->in[1],
                   condition);
  trim (g, work, SIMD_0);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

static bool
flush (DioX64Gen *g, Work *work)
{
  if (work->rounding < 0)
    return false;
  dio_x64_simd_move (g, SIMD_0, (DioX64Xmm) work->call.operands[0]);
  trim (g, work, SIMD_0);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

int
dio_x64_round_control (int rounding)
{
  static const int8_t controls[] = {
    [DIO_FP_RNE] = 0, [DIO_FP_RTZ] = 3, [DIO_FP_RDN] = 1, [DIO_FP_RUP] = 2, [DIO_FP_RMM] = -1
  };
  return rounding >= 0 && rounding <= DIO_FP_RMM ? controls[rounding] : -1;
}

static bool
round_lanes (DioX64Gen *g, Work *work, bool exact)
{
  int control = dio_x64_round_control (work->rounding);
  if (control < 0 || !g->cpu.sse41)
    return false;
  uint32_t enc = is_double (work) ? P (UNARY_IMM, roundpd) : P (UNARY_IMM, roundps);
  repeat_operands (g, work);
  dio_x64_simd_2i (g, enc, SIMD_0, work->in[0], (unsigned) control | (exact ? 0 : ROUND_QUIETLY));
  mark_results (g, work, false);
  finish_unless (g, work);
  return true;
}

/* What does not fit comes out as the lowest number. */
static bool
to_integer (DioX64Gen *g, Work *work)
{
  int control = dio_x64_round_control (work->rounding);
  bool rounds = work->rounding == DIO_FP_RDN || work->rounding == DIO_FP_RUP;
  if (control < 0 || (rounds && !g->cpu.sse41))
    return false;
  repeat_operands (g, work);
  DioX64Xmm from = work->in[0];
  if (rounds) {
    dio_x64_simd_2i (g, P (UNARY_IMM, roundps), SIMD_0, from, (unsigned) control);
    from = SIMD_0;
  }
  dio_x64_simd_2 (g, work->rounding == DIO_FP_RNE ? P (UNARY, cvtps2dq) : P (UNARY, cvttps2dq),
                  SIMD_0, from);
  dio_x64_simd_3m (g, P (BINARY, pcmpeqd), SIMD_1, SIMD_0, dio_x64_simd_lanes (g, 2, 0x80000000));
  finish_unless (g, work);
  return true;
}

static bool
from_integer (DioX64Gen *g, Work *work)
{
  if (work->rounding != DIO_FP_RNE)
    return false;
  repeat_operands (g, work);
  dio_x64_simd_2 (g, P (UNARY, cvtdq2ps), SIMD_0, work->in[0]);
  trim (g, work, SIMD_0);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

/* Halves of 16 bits are exact, so that only their sum is rounded. */
static bool
from_unsigned (DioX64Gen *g, Work *work)
{
  if (work->rounding != DIO_FP_RNE)
    return false;
  repeat_operands (g, work);
  dio_x64_simd_shift (g, P (SHIFT, psrld), SIMD_1, work->in[0], 16);
  dio_x64_simd_3m (g, P (BINARY, pand), SIMD_0, work->in[0], dio_x64_simd_lanes (g, 2, 0xffff));
  dio_x64_simd_2 (g, P (UNARY, cvtdq2ps), SIMD_1, SIMD_1);
  dio_x64_simd_2 (g, P (UNARY, cvtdq2ps), SIMD_0, SIMD_0);
  dio_x64_simd_3m (g, P (BINARY, mulps), SIMD_1, SIMD_1,
                   dio_x64_simd_lanes (g, 2, 0x47800000)); /* 65536 */
  dio_x64_simd_3 (g, P (BINARY, addps), SIMD_0, SIMD_0, SIMD_1);
  trim (g, work, SIMD_0);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

/* Negative numbers and those from 2^31 on go to the function. */
static bool
to_unsigned (DioX64Gen *g, Work *work)
{
  int control = dio_x64_round_control (work->rounding);
  if (control < 0 || !g->cpu.sse41)
    return false;
  DioX64Xmm dst;
  repeat_operands (g, work);
  dio_x64_simd_3m (g, P (BINARY, pcmpgtd), SIMD_1, work->in[0],
                   dio_x64_simd_lanes (g, 2, 0x4effffff));
  dio_x64_simd_3 (g, P (BINARY, por), SIMD_1, SIMD_1, work->in[0]);
  DioX64SimdCold *cold = leave_if (g, work, &dst);
  dio_x64_simd_2i (g, P (UNARY_IMM, roundps), SIMD_0, work->in[0], (unsigned) control);
  dio_x64_simd_2 (g, P (UNARY, cvttps2dq), SIMD_0, SIMD_0);
  finish_in (g, work, cold, dst);
  return true;
}

/* One lane after the other. */
static bool
to_quad (DioX64Gen *g, Work *work)
{
  DioX64Asm *a = &g->a;
  int control = dio_x64_round_control (work->rounding);
  if (control < 0 || !g->cpu.sse41)
    return false;
  repeat_operands (g, work);
  dio_x64_simd_2i (g, P (UNARY_IMM, roundpd), SIMD_0, work->in[0], (unsigned) control);
  dio_x64_cvtts2si (a, 8, 8, DIO_X64_RCX, SIMD_0);
  dio_x64_simd_3 (g, P (BINARY, punpckhqdq), SIMD_0, SIMD_0, SIMD_0);
  dio_x64_cvtts2si (a, 8, 8, DIO_X64_RDX, SIMD_0);
  dio_x64_movq_xr (a, 8, SIMD_0, DIO_X64_RCX);
  dio_x64_movq_xr (a, 8, SIMD_1, DIO_X64_RDX);
  dio_x64_simd_3 (g, P (BINARY, punpcklqdq), SIMD_0, SIMD_0, SIMD_1);
  dio_x64_simd_3m (g, P (BINARY, pcmpeqq), SIMD_1, SIMD_0,
                   dio_x64_simd_lanes (g, 3, UINT64_C (1) << 63));
  finish_unless (g, work);
  return true;
}

static bool
from_quad (DioX64Gen *g, Work *work)
{
  DioX64Asm *a = &g->a;
  if (work->rounding != DIO_FP_RNE || !g->cpu.sse41)
    return false;
  repeat_operands (g, work);
  dio_x64_movq_rx (a, 8, DIO_X64_RCX, work->in[0]);
  dio_x64_pextr (a, 8, DIO_X64_RDX, work->in[0], 1);
  dio_x64_simd_zero (g, SIMD_0);
  dio_x64_simd_zero (g, SIMD_1);
  dio_x64_cvtsi2s (a, 8, 8, SIMD_0, DIO_X64_RCX);
  dio_x64_cvtsi2s (a, 8, 8, SIMD_1, DIO_X64_RDX);
  dio_x64_simd_3 (g, P (BINARY, punpcklqdq), SIMD_0, SIMD_0, SIMD_1);
  trim (g, work, SIMD_0);
  dio_x64_simd_finish (g, SIMD_0);
  return true;
}

/* Lanes have 64 bits on both sides. */
static bool
between_formats (DioX64Gen *g, Work *work, bool to_single)
{
  if (work->rounding != DIO_FP_RNE || work->lanes != 2)
    return false;
  DioX64Xmm from = (DioX64Xmm) work->call.operands[0];
  if (!to_single) {
    dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), SIMD_0, from, 0x88);
    dio_x64_simd_2 (g, P (UNARY_128, cvtps2pd), SIMD_0, SIMD_0);
    mark_results (g, work, false);
    finish_unless (g, work);
    return true;
  }
  dio_x64_simd_2 (g, P (UNARY_128, cvtpd2ps), SIMD_0, from);
  work->w = 4;
  mark_results (g, work, true); /* of the zeros above too, which are neither */
  dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), SIMD_0, SIMD_0, 0xd8);
  work->lanes = 4;
  finish_unless (g, work);
  return true;
}

static bool
by_name (DioX64Gen *g, Work *work)
{
  switch (work->name) {
  case DIO_IR_FP_add32:
  case DIO_IR_FP_add64: /* a tiny sum is exact */
    return arithmetic (g, work, P (BINARY, addps), false);
  case DIO_IR_FP_sub32:
  case DIO_IR_FP_sub64:
    return arithmetic (g, work, P (BINARY, subps), false);
  case DIO_IR_FP_mul32:
  case DIO_IR_FP_mul64:
    return arithmetic (g, work, P (BINARY, mulps), true);
  case DIO_IR_FP_div32:
  case DIO_IR_FP_div64:
    return arithmetic (g, work, P (BINARY, divps), true);
  case DIO_IR_FP_sqrt32:
  case DIO_IR_FP_sqrt64:
    return root (g, work);
  case DIO_IR_FP_fma32:
  case DIO_IR_FP_fma64:
    return fused (g, work);
  case DIO_IR_FP_min32:
  case DIO_IR_FP_min64:
  case DIO_IR_FP_minm32:
  case DIO_IR_FP_minm64:
    return work->rounding >= 0 && extreme (g, work, false);
  case DIO_IR_FP_max32:
  case DIO_IR_FP_max64:
  case DIO_IR_FP_maxm32:
  case DIO_IR_FP_maxm64:
    return work->rounding >= 0 && extreme (g, work, true);
  case DIO_IR_FP_eq32:
  case DIO_IR_FP_eq64:
    return compare (g, work, CMP_EQ);
  case DIO_IR_FP_lt32:
  case DIO_IR_FP_lt64:
    return compare (g, work, CMP_LT);
  case DIO_IR_FP_le32:
  case DIO_IR_FP_le64:
    return compare (g, work, CMP_LE);
  case DIO_IR_FP_flush32:
  case DIO_IR_FP_flush64:
    return flush (g, work);
  case DIO_IR_FP_round32:
  case DIO_IR_FP_round64:
    return round_lanes (g, work, false);
  case DIO_IR_FP_roundx32:
  case DIO_IR_FP_roundx64:
    return round_lanes (g, work, true);
  case DIO_IR_FP_f32_to_i32:
    return to_integer (g, work);
  case DIO_IR_FP_i32_to_f32:
    return from_integer (g, work);
  case DIO_IR_FP_f32_to_u32:
    return to_unsigned (g, work);
  case DIO_IR_FP_u32_to_f32:
    return from_unsigned (g, work);
  case DIO_IR_FP_f64_to_i64:
    return to_quad (g, work);
  case DIO_IR_FP_i64_to_f64:
    return from_quad (g, work);
  case DIO_IR_FP_f32_to_f64:
    return between_formats (g, work, false);
  case DIO_IR_FP_f64_to_f32:
    return between_formats (g, work, true);
  default:
    return false;
  }
}

bool
dio_x64_simd_float (DioX64Gen *g, const DioIrOp *op)
{
  Work work = { .op = op,
                .name = DIO_IR_IMMEDIATE_NAME (op->immediate),
                .lanes = (unsigned) (op->immediate >> 16 & 0xff),
                .w = (unsigned) (op->immediate >> 24 & 0xff) / 8 };
  if (!dio_x64_simd_call_lanes (g, op, &work.call)) {
    g->failed = true;
    return true;
  }
  work.rounding =
      op->opcode == DIO_IR_VEC_FP_TEST2 ? 0 : dio_x64_mode_rounding (g, op->arguments[0]);
  if (!by_name (g, &work))
    dio_x64_simd_call_all (g, &work.call);
  return true;
}
