/* SPDX-License-Identifier: GPL-3.0-or-later
 * Moves between vectors and words: two words together, lanes out of vectors and into them, a word
 * in all lanes. */
#include "core/jit/x86_64/x64-simd-private.h"

/* ---- Two words together ---- */

typedef enum { HALF_ZERO, HALF_CONSTANT, HALF_LOW, HALF_HIGH, HALF_VALUE } HalfKind;

typedef struct {
  HalfKind kind;
  uint32_t value; /* LOW, HIGH: the vector; VALUE: the word */
  uint64_t constant;
} Half;

static Half
half_of (const DioX64Gen *g, uint32_t value)
{
  const DioIrOp *op = &g->ops[value];
  bool lazy = g->values[value].where == X64_LAZY;
  if (op->opcode == DIO_IR_CONST)
    return (Half){ op->immediate ? HALF_CONSTANT : HALF_ZERO, 0, (uint64_t) op->immediate };
  if (lazy && op->opcode == DIO_IR_VEC_LOW)
    return (Half){ HALF_LOW, op->arguments[0], 0 };
  if (lazy && op->opcode == DIO_IR_VEC_HIGH)
    return (Half){ HALF_HIGH, op->arguments[0], 0 };
  return (Half){ HALF_VALUE, value, 0 };
}

static bool
is_of_vector (const Half *half)
{
  return half->kind == HALF_LOW || half->kind == HALF_HIGH;
}

/* Both halves from vectors. */
static void
join_halves (DioX64Gen *g, const Half *low, const Half *high)
{
  DioX64Xmm a = dio_x64_xmm_of (g, low->value), b = dio_x64_xmm_of (g, high->value);
  if (low->kind == high->kind)
    dio_x64_simd_one_of (g, low->kind == HALF_LOW ? P (BINARY, punpcklqdq) : P (BINARY, punpckhqdq),
                         a, b, -1);
  else
    dio_x64_simd_one_of (g, P (BINARY_IMM, shufpd), a, b, low->kind == HALF_LOW ? 2 : 1);
}

/* A vector's half and zeros. */
static void
lone_half (DioX64Gen *g, const Half *half)
{
  DioX64Xmm a = dio_x64_xmm_of (g, half->value);
  DioX64Xmm dst = dio_x64_result_xmm (g);
  if (half->kind == HALF_LOW)
    dio_x64_simd_low (g, dst, a);
  else
    dio_x64_simd_shift (g, P (SHIFT, psrldq), dst, a, 8);
  dio_x64_define_clean (g, dst, false, 8);
}

static void
zero_extend_single (DioX64Gen *g, DioX64Xmm dst, DioX64Xmm a)
{
  if (g->cpu.sse41) {
    dio_x64_simd_3i (g, P (BINARY_IMM_128, insertps), dst, dst, a, 0x0e);
    return;
  }
  dio_x64_movq_rx (&g->a, 4, DIO_X64_RCX, a);
  dio_x64_movq_xr (&g->a, 4, dst, DIO_X64_RCX);
}

/* A word and zeros, in xmm0. */
static void
low_value (DioX64Gen *g, uint32_t value)
{
  const DioX64Value *v = &g->values[value];
  DioX64Mem mem;
  if (v->where == X64_XMM && v->single)
    zero_extend_single (g, SIMD_0, dio_x64_xmm_of (g, value));
  else if (v->where == X64_XMM)
    dio_x64_simd_low (g, SIMD_0, dio_x64_xmm_of (g, value));
  else if (dio_x64_in_memory (g, value, &mem))
    dio_x64_movs_xm (&g->a, 8, SIMD_0, mem);
  else
    dio_x64_movq_xr (&g->a, 8, SIMD_0, dio_x64_gpr_of (g, value));
}

static void
put_low (DioX64Gen *g, const Half *half)
{
  switch (half->kind) {
  case HALF_ZERO:
    dio_x64_simd_zero (g, SIMD_0);
    break;
  case HALF_CONSTANT:
    dio_x64_movaps_xm (&g->a, SIMD_0, dio_x64_simd_constant (g, half->constant, 0));
    break;
  case HALF_LOW:
    dio_x64_simd_low (g, SIMD_0, dio_x64_xmm_of (g, half->value));
    break;
  case HALF_HIGH:
    dio_x64_simd_shift (g, P (SHIFT, psrldq), SIMD_0, dio_x64_xmm_of (g, half->value), 8);
    break;
  default:
    low_value (g, half->value);
    break;
  }
}

static void
put_high (DioX64Gen *g, const Half *half)
{
  switch (half->kind) {
  case HALF_ZERO:
    break;
  case HALF_CONSTANT:
    dio_x64_simd_3m (g, P (BINARY, punpcklqdq), SIMD_0, SIMD_0,
                     dio_x64_simd_constant (g, half->constant, 0));
    break;
  case HALF_LOW:
    dio_x64_simd_3 (g, P (BINARY, punpcklqdq), SIMD_0, SIMD_0, dio_x64_xmm_of (g, half->value));
    break;
  case HALF_HIGH:
    dio_x64_simd_3i (g, P (BINARY_IMM, shufpd), SIMD_0, SIMD_0, dio_x64_xmm_of (g, half->value), 2);
    break;
  default:
    dio_x64_movq_xr (&g->a, 8, SIMD_1, dio_x64_gpr_of (g, half->value));
    dio_x64_simd_3 (g, P (BINARY, punpcklqdq), SIMD_0, SIMD_0, SIMD_1);
    break;
  }
}

static void
load_constant (DioX64Gen *g, uint64_t low, uint64_t high)
{
  DioX64Xmm dst = dio_x64_result_xmm (g);
  if (low | high)
    dio_x64_movaps_xm (&g->a, dst, dio_x64_simd_constant (g, low, high));
  else
    dio_x64_simd_zero (g, dst);
  dio_x64_define_clean (g, dst, false, high ? 0 : low >> 32 ? 8 : 4);
}

static void
make (DioX64Gen *g, const DioIrOp *op)
{
  Half low = half_of (g, op->arguments[0]), high = half_of (g, op->arguments[1]);
  if (low.kind == HALF_VALUE && high.kind == HALF_ZERO && dio_x64_clean_of (g, low.value)) {
    dio_x64_define_same (g, low.value);
    return;
  }
  if (low.kind <= HALF_CONSTANT && high.kind <= HALF_CONSTANT) {
    load_constant (g, low.constant, high.constant);
  } else if (is_of_vector (&low) && is_of_vector (&high)) {
    join_halves (g, &low, &high);
  } else if (is_of_vector (&low) && high.kind == HALF_ZERO) {
    lone_half (g, &low);
  } else {
    put_low (g, &low);
    put_high (g, &high);
    dio_x64_simd_finish_clean (g, SIMD_0, high.kind == HALF_ZERO ? 8 : 0);
  }
}

/* ---- Words of vectors ---- */

/* Lane @index of @size bytes of @from into @dst, zero-extended. */
static void
extract (DioX64Gen *g, DioX64Reg dst, DioX64Xmm from, unsigned size, unsigned index)
{
  DioX64Asm *a = &g->a;
  if (size >= 4 && index == 0) {
    dio_x64_movq_rx (a, size, dst, from);
  } else if (size == 2 || g->cpu.sse41) {
    dio_x64_pextr (a, size, dst, from, index);
  } else if (size == 1) {
    dio_x64_pextr (a, 2, dst, from, index / 2);
    if (index & 1)
      dio_x64_shift_ri (a, DIO_X64_SHR, 4, dst, 8);
    dio_x64_movzx_rr (a, 1, dst, dst);
  } else {
    dio_x64_simd_shift (g, P (SHIFT, psrldq), SIMD_0, from, index * size);
    dio_x64_movq_rx (a, size, dst, SIMD_0);
  }
}

static void
lane (DioX64Gen *g, uint32_t vector, unsigned size, unsigned index)
{
  DioX64Mem mem;
  if (dio_x64_in_memory (g, vector, &mem)) {
    DioX64Reg dst = dio_x64_result_gpr (g, UINT32_MAX);
    mem.disp += (int32_t) (size * index);
    dio_x64_movzx_rm (&g->a, size, dst, mem);
    dio_x64_define_gpr (g, dst);
    return;
  }
  DioX64Xmm from = dio_x64_xmm_of (g, vector);
  DioX64Reg dst = dio_x64_result_gpr (g, UINT32_MAX);
  extract (g, dst, from, size, index);
  dio_x64_define_gpr (g, dst);
}

/* For the FPU: stays where it is, with something above. */
static void
low_for_fpu (DioX64Gen *g, const DioIrOp *op, bool single)
{
  DioX64Xmm from = dio_x64_simd_operand (g, op, 0);
  DioX64Xmm dst = dio_x64_result_xmm (g);
  dio_x64_simd_move (g, dst, from);
  dio_x64_define_xmm (g, dst, single);
}

static bool
zero_extend (DioX64Gen *g, const DioIrOp *op)
{
  if (!g->values[g->at].want_xmm || g->values[op->arguments[0]].where != X64_XMM)
    return false;
  low_for_fpu (g, op, true);
  return true;
}

static void
low (DioX64Gen *g, const DioIrOp *op)
{
  if (g->values[g->at].want_xmm)
    low_for_fpu (g, op, false);
  else
    lane (g, op->arguments[0], 8, 0);
}

static void
insert (DioX64Gen *g, const DioIrOp *op)
{
  unsigned size = 1u << (op->immediate & 0xff), index = (unsigned) (op->immediate >> 8);
  DioX64Xmm from = dio_x64_simd_operand (g, op, 0);
  DioX64Reg word = dio_x64_gpr_of (g, op->arguments[1]);
  if (size == 2 || g->cpu.sse41) {
    DioX64Xmm dst = dio_x64_result_xmm (g);
    dio_x64_simd_move (g, dst, from);
    dio_x64_pinsr (&g->a, size, dst, word, index);
    dio_x64_define_xmm (g, dst, false);
    return;
  }
  DioX64Mem mem = dio_x64_mem (DIO_X64_RSP, X64_OPERANDS);
  dio_x64_movups_mx (&g->a, mem, from);
  mem.disp += (int32_t) (size * index);
  dio_x64_mov_mr (&g->a, size, mem, word);
  dio_x64_movups_xm (&g->a, SIMD_0, dio_x64_mem (DIO_X64_RSP, X64_OPERANDS));
  dio_x64_simd_finish (g, SIMD_0);
}

/* ---- The same in all lanes ---- */

static void
spread_bytes (DioX64Gen *g, DioX64Xmm from, unsigned size, unsigned index)
{
  uint8_t bytes[16];
  for (unsigned i = 0; i < 16; i++)
    bytes[i] = (uint8_t) (index * size + i % size);
  dio_x64_simd_3m (g, P (BINARY, pshufb), SIMD_0, from, dio_x64_simd_bytes (g, bytes));
}

/* Lane @index of @from to all of xmm0. */
static void
spread (DioX64Gen *g, DioX64Xmm from, unsigned log2, unsigned index)
{
  if (log2 == 3) {
    dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), SIMD_0, from, index ? 0xee : 0x44);
  } else if (log2 == 2) {
    dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), SIMD_0, from, index * 0x55);
  } else if (g->cpu.ssse3) {
    spread_bytes (g, from, 1u << log2, index);
  } else { /* the lowest lane */
    dio_x64_simd_move (g, SIMD_0, from);
    if (log2 == 0)
      dio_x64_simd_3 (g, P (BINARY, punpcklbw), SIMD_0, SIMD_0, SIMD_0);
    dio_x64_simd_2i (g, P (UNARY_IMM, pshuflw), SIMD_0, SIMD_0, 0);
    dio_x64_simd_2i (g, P (UNARY_IMM, pshufd), SIMD_0, SIMD_0, 0);
  }
}

static void
repeat (DioX64Gen *g, const DioIrOp *op)
{
  unsigned size = (unsigned) op->immediate & 3;
  uint32_t value = op->arguments[0];
  const DioIrOp *from = &g->ops[value];
  int64_t constant;
  if (dio_x64_constant (g, value, &constant)) {
    DioX64Xmm dst = dio_x64_result_xmm (g);
    dio_x64_movaps_xm (&g->a, dst, dio_x64_simd_lanes (g, size, (uint64_t) constant));
    dio_x64_define_xmm (g, dst, false);
    return;
  }
  if (from->opcode == DIO_IR_VEC_LANE && g->values[value].where == X64_LAZY) {
    spread (g, dio_x64_xmm_of (g, from->arguments[0]), size, (unsigned) (from->immediate >> 8));
  } else {
    low_value (g, value);
    spread (g, SIMD_0, size, 0);
  }
  dio_x64_simd_finish (g, SIMD_0);
}

/* ---- All ---- */

bool
dio_x64_simd_words (DioX64Gen *g, const DioIrOp *op)
{
  switch (op->opcode) {
  case DIO_IR_VEC_MAKE:
    make (g, op);
    return true;
  case DIO_IR_VEC_LOW:
    low (g, op);
    return true;
  case DIO_IR_VEC_HIGH:
    lane (g, op->arguments[0], 8, 1);
    return true;
  case DIO_IR_VEC_LANE:
    lane (g, op->arguments[0], 1u << (op->immediate & 0xff), (unsigned) (op->immediate >> 8));
    return true;
  case DIO_IR_VEC_INSERT:
    insert (g, op);
    return true;
  case DIO_IR_VEC_DUP:
    repeat (g, op);
    return true;
  case DIO_IR_ZEXT32:
    return zero_extend (g, op);
  default:
    return false;
  }
}
