/* SPDX-License-Identifier: GPL-3.0-or-later
 * Code for vectors of 128 bits: the instructions that all lowerings are made of, constants, and
 * which lowering or function does what.
 *
 * A vector is in an XMM register, in two spill slots, or is what a guest register holds. Halves
 * that are only put together again, lanes that are only spread, and modes of floating point are
 * lazy (X64_LAZY): who uses them looks at what they are made of. */
#include <string.h>

#include "core/jit/x86_64/x64-simd-private.h"

/* ---- Instructions ---- */

static bool
has_0f38 (const DioX64Gen *g, unsigned opcode)
{
  if (opcode >= 0xc8 && opcode <= 0xcd)
    return g->cpu.sha;
  if (opcode >= 0xdb && opcode <= 0xdf)
    return g->cpu.aes;
  if ((opcode >= 0x45 && opcode <= 0x47) || opcode >= 0x58)
    return g->cpu.avx2;
  if (opcode == 0x37)
    return g->cpu.sse42;
  bool ssse3 = opcode <= 0x0b || (opcode >= 0x1c && opcode <= 0x1e);
  return ssse3 ? g->cpu.ssse3 : g->cpu.sse41;
}

bool
dio_x64_simd_has (const DioX64Gen *g, uint32_t enc)
{
  switch (enc & DIO_X64_0F3A) {
  case DIO_X64_0F38:
    return has_0f38 (g, enc & 0xff);
  case DIO_X64_0F3A:
    return (enc & 0xff) == 0x0f   ? g->cpu.ssse3
           : (enc & 0xff) == 0x44 ? g->cpu.pclmul
           : (enc & 0xff) == 0xcc ? g->cpu.sha
                                  : g->cpu.sse41;
  default:
    return enc != 0;
  }
}

/* The newest instruction of AVX that has made xmm0. */
typedef enum { THREE, THREE_MEMORY, TWO, SHIFTS } Shape;

typedef struct DioX64SimdLast {
  Shape shape;
  uint32_t enc;
  int32_t imm;
  DioX64Xmm a, b;
  DioX64Mem mem;
  int32_t fixups; /* of the label of mem, before */
  uint8_t *start, *end;
} Last;

void
dio_x64_simd_move (DioX64Gen *g, DioX64Xmm dst, DioX64Xmm a)
{
  if (dst != a)
    dio_x64_movaps_xx (&g->a, dst, a);
}

static void
emit (DioX64Gen *g, const Last *last, DioX64Xmm dst)
{
  DioX64Asm *a = &g->a;
  switch (last->shape) {
  case THREE:
    dio_x64_put_vex_rr (a, last->enc, dst, last->a, last->b, last->imm);
    break;
  case THREE_MEMORY:
    dio_x64_put_vex_rm (a, last->enc, dst, last->a, last->mem, last->imm);
    break;
  case TWO:
    dio_x64_put_vex_rr (a, last->enc, dst, 0, last->a, last->imm);
    break;
  default:
    dio_x64_put_vex_rr (a, DIO_X64_SHIFT_ENC (last->enc), last->enc >> DIO_X64_DIGIT_SHIFT, dst,
                        last->a, last->imm);
    break;
  }
}

static void
emit_noted (DioX64Gen *g, Last last, DioX64Xmm dst)
{
  DioX64Label *label = last.shape == THREE_MEMORY ? last.mem.target : NULL;
  last.fixups = label ? label->fixups : 0;
  last.start = g->a.at;
  emit (g, &last, dst);
  last.end = dst == SIMD_0 && !g->a.overflow ? g->a.at : NULL;
  if (!g->last)
    g->last = g_new (Last, 1);
  *g->last = last;
}

/* Makes what has just been made in xmm0 in @dst instead; false if that is not the newest
 * instruction. */
static bool
redirect (DioX64Gen *g, DioX64Xmm dst)
{
  Last *last = g->last;
  if (!last || !last->end || last->end != g->a.at)
    return false;
  if (last->shape == THREE_MEMORY && last->mem.target)
    ((DioX64Label *) last->mem.target)->fixups = last->fixups;
  g->a.at = last->start;
  emit (g, last, dst);
  last->end = NULL;
  return true;
}

void
dio_x64_simd_3 (DioX64Gen *g, uint32_t enc, DioX64Xmm dst, DioX64Xmm a, DioX64Xmm b)
{
  if (g->cpu.avx) {
    emit_noted (g, (Last){ .shape = THREE, .enc = enc, .a = a, .b = b }, dst);
    return;
  }
  g_assert (dst != b || dst == a || g->failed);
  dio_x64_simd_move (g, dst, a);
  dio_x64_put_rr (&g->a, enc, dst, b, 0);
}

void
dio_x64_simd_3m (DioX64Gen *g, uint32_t enc, DioX64Xmm dst, DioX64Xmm a, DioX64Mem b)
{
  if (g->cpu.avx) {
    emit_noted (g, (Last){ .shape = THREE_MEMORY, .enc = enc, .a = a, .mem = b }, dst);
    return;
  }
  dio_x64_simd_move (g, dst, a);
  dio_x64_put_rm (&g->a, enc, dst, b, 0);
}

void
dio_x64_simd_3i (DioX64Gen *g, uint32_t enc, DioX64Xmm dst, DioX64Xmm a, DioX64Xmm b, unsigned imm)
{
  if (g->cpu.avx) {
    emit_noted (
        g,
        (Last){ .shape = THREE, .enc = enc | DIO_X64_IMM8, .a = a, .b = b, .imm = (int32_t) imm },
        dst);
    return;
  }
  g_assert (dst != b || dst == a || g->failed);
  dio_x64_simd_move (g, dst, a);
  dio_x64_put_rr (&g->a, enc | DIO_X64_IMM8, dst, b, (int32_t) imm);
}

void
dio_x64_simd_2 (DioX64Gen *g, uint32_t enc, DioX64Xmm dst, DioX64Xmm a)
{
  if (g->cpu.avx)
    emit_noted (g, (Last){ .shape = TWO, .enc = enc, .a = a }, dst);
  else
    dio_x64_put_rr (&g->a, enc, dst, a, 0);
}

void
dio_x64_simd_2i (DioX64Gen *g, uint32_t enc, DioX64Xmm dst, DioX64Xmm a, unsigned imm)
{
  if (g->cpu.avx)
    emit_noted (g, (Last){ .shape = TWO, .enc = enc | DIO_X64_IMM8, .a = a, .imm = (int32_t) imm },
                dst);
  else
    dio_x64_put_rr (&g->a, enc | DIO_X64_IMM8, dst, a, (int32_t) imm);
}

void
dio_x64_simd_shift (DioX64Gen *g, uint32_t enc, DioX64Xmm dst, DioX64Xmm a, unsigned count)
{
  if (g->cpu.avx) {
    emit_noted (g, (Last){ .shape = SHIFTS, .enc = enc, .a = a, .imm = (int32_t) count }, dst);
    return;
  }
  dio_x64_simd_move (g, dst, a);
  dio_x64_put_rr (&g->a, DIO_X64_SHIFT_ENC (enc), enc >> DIO_X64_DIGIT_SHIFT, dst, (int32_t) count);
}

/* movq */
void
dio_x64_simd_low (DioX64Gen *g, DioX64Xmm dst, DioX64Xmm a)
{
  dio_x64_simd_2 (g, DIO_X64_F3 | DIO_X64_0F | 0x7e, dst, a);
}

void
dio_x64_simd_blend (DioX64Gen *g, DioX64Xmm dst, DioX64Xmm no, DioX64Xmm yes, DioX64Xmm mask)
{
  if (g->cpu.avx) {
    dio_x64_vblendv (&g->a, 1, dst, no, yes, mask);
    return;
  }
  g_assert ((mask == SIMD_0 && dst != mask && (dst != yes || yes == no)) || g->failed);
  dio_x64_simd_move (g, dst, no);
  dio_x64_put_rr (&g->a, P (BINARY_SSE, pblendvb), dst, yes, 0);
}

/* ---- Constants ---- */

typedef struct {
  uint64_t words[2];
  DioX64Label label;
} Constant;

/* Constants do not move, as operands point to their labels. */
DioX64Mem
dio_x64_simd_constant (DioX64Gen *g, uint64_t low, uint64_t high)
{
  if (!g->pool)
    g->pool = g_ptr_array_new_with_free_func (g_free);
  for (unsigned i = 0; i < g->pool->len; i++) {
    Constant *known = g->pool->pdata[i];
    if (known->words[0] == low && known->words[1] == high)
      return dio_x64_mem_label (&known->label, 0);
  }
  Constant *constant = g_new (Constant, 1);
  *constant = (Constant){ { low, high }, DIO_X64_LABEL_INIT };
  g_ptr_array_add (g->pool, constant);
  return dio_x64_mem_label (&constant->label, 0);
}

DioX64Mem
dio_x64_simd_lanes (DioX64Gen *g, unsigned size, uint64_t lane)
{
  for (unsigned bits = 8u << size; bits < 64; bits *= 2) {
    lane &= (UINT64_C (1) << bits) - 1;
    lane |= lane << bits;
  }
  return dio_x64_simd_constant (g, lane, lane);
}

DioX64Mem
dio_x64_simd_bytes (DioX64Gen *g, const uint8_t bytes[16])
{
  uint64_t words[2];
  memcpy (words, bytes, 16);
  return dio_x64_simd_constant (g, words[0], words[1]);
}

void
dio_x64_simd_zero (DioX64Gen *g, DioX64Xmm dst)
{
  dio_x64_simd_3 (g, P (BINARY, pxor), dst, dst, dst);
}

void
dio_x64_simd_ones (DioX64Gen *g, DioX64Xmm dst)
{
  dio_x64_simd_3 (g, P (BINARY, pcmpeqd), dst, dst, dst);
}

static void
place_constants (DioX64Gen *g)
{
  while ((uintptr_t) (g->a.at + g->a.exec_delta) & 15 && !g->a.overflow)
    dio_x64_put_bytes (&g->a, 0xcc, 1);
  for (unsigned i = 0; i < g->pool->len && !g->a.overflow; i++) {
    Constant *constant = g->pool->pdata[i];
    dio_x64_bind (&g->a, &constant->label);
    dio_x64_put_bytes (&g->a, constant->words[0], 8);
    dio_x64_put_bytes (&g->a, constant->words[1], 8);
  }
}

void
dio_x64_simd_colds (DioX64Gen *g)
{
  for (unsigned i = 0; g->simd_colds && i < g->simd_colds->len; i++) {
    DioX64SimdCold *cold = &g_array_index (g->simd_colds, DioX64SimdCold, i);
    dio_x64_bind (&g->a, &cold->label);
    dio_x64_trap (g, &cold->trap, &cold->label);
    dio_x64_simd_call (g, &cold->call);
    dio_x64_jmp_label (&g->a, &cold->back);
  }
  if (g->pool)
    place_constants (g);
}

DioX64SimdCold *
dio_x64_simd_cold (DioX64Gen *g, const DioX64SimdCall *call)
{
  if (!g->simd_colds)
    g->simd_colds = g_array_new (FALSE, FALSE, sizeof (DioX64SimdCold));
  DioX64SimdCold cold = { .call = *call, .label = DIO_X64_LABEL_INIT, .back = DIO_X64_LABEL_INIT };
  g_array_append_val (g->simd_colds, cold);
  return &g_array_index (g->simd_colds, DioX64SimdCold, g->simd_colds->len - 1);
}

/* ---- Results ---- */

void
dio_x64_simd_finish_clean (DioX64Gen *g, DioX64Xmm from, unsigned clean)
{
  DioX64Xmm dst = dio_x64_result_xmm (g);
  if (from != SIMD_0 || !redirect (g, dst))
    dio_x64_simd_move (g, dst, from);
  dio_x64_define_clean (g, dst, false, clean);
}

void
dio_x64_simd_finish (DioX64Gen *g, DioX64Xmm from)
{
  dio_x64_simd_finish_clean (g, from, 0);
}

void
dio_x64_simd_one_of (DioX64Gen *g, uint32_t enc, DioX64Xmm a, DioX64Xmm b, int imm)
{
  DioX64Xmm dst = dio_x64_result_xmm (g);
  DioX64Xmm to = !g->cpu.avx && dst == b && dst != a ? SIMD_0 : dst;
  if (imm >= 0)
    dio_x64_simd_3i (g, enc, to, a, b, (unsigned) imm);
  else
    dio_x64_simd_3 (g, enc, to, a, b);
  dio_x64_simd_move (g, dst, to);
  dio_x64_define_xmm (g, dst, false);
}

bool
dio_x64_simd_one (DioX64Gen *g, const DioIrOp *op, uint32_t enc)
{
  if (!dio_x64_simd_has (g, enc))
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 0);
  dio_x64_simd_one_of (g, enc, a, dio_x64_simd_operand (g, op, 1), -1);
  return true;
}

bool
dio_x64_simd_one_swapped (DioX64Gen *g, const DioIrOp *op, uint32_t enc)
{
  if (!dio_x64_simd_has (g, enc))
    return false;
  DioX64Xmm a = dio_x64_simd_operand (g, op, 1);
  dio_x64_simd_one_of (g, enc, a, dio_x64_simd_operand (g, op, 0), -1);
  return true;
}

/* ---- What is lazy ---- */

/* Can @user do without @value having been made? */
static bool
looks_through (const DioX64Gen *g, const DioIrOp *user, const DioIrOp *value)
{
  switch (user->opcode) {
  case DIO_IR_VEC_MAKE:
    return value->opcode == DIO_IR_VEC_LOW || value->opcode == DIO_IR_VEC_HIGH;
  case DIO_IR_VEC_DUP:
    return value->opcode == DIO_IR_VEC_LANE && (value->immediate & 0xff) == user->immediate
           && (user->immediate >= 2 || g->cpu.ssse3);
  case DIO_IR_VEC1:
    /* A round of AES but for its key. */
    return g->cpu.aes && value->opcode == DIO_IR_VEC2
           && ((DIO_IR_IMMEDIATE_NAME (user->immediate) == DIO_IR_VEC_aesmc
                && DIO_IR_IMMEDIATE_NAME (value->immediate) == DIO_IR_VEC_aese)
               || (DIO_IR_IMMEDIATE_NAME (user->immediate) == DIO_IR_VEC_aesimc
                   && DIO_IR_IMMEDIATE_NAME (value->immediate) == DIO_IR_VEC_aesd));
  default:
    return false;
  }
}

/* @depth 1: what others look through that are lazy themselves now. */
static void
count_through (const DioX64Gen *g, uint8_t *through, unsigned depth)
{
  memset (through, 0, g->n_ops);
  for (uint32_t i = 0; i < g->n_ops; i++) {
    const DioIrOp *op = &g->ops[i];
    for (unsigned a = 0; a < dio_ir_op_info[op->opcode].n_arguments; a++) {
      const DioIrOp *from = &g->ops[op->arguments[a]];
      bool low =
          from->opcode != DIO_IR_ZEXT32 || g->ops[from->arguments[0]].opcode == DIO_IR_VEC_LOW;
      bool is_through = looks_through (g, op, from)
                        || (low && dio_x64_fp_looks_through (g, op, a, from))
                        || (depth && op->opcode == DIO_IR_ZEXT32 && g->values[i].where == X64_LAZY);
      through[op->arguments[a]] += is_through && through[op->arguments[a]] < UINT8_MAX;
    }
  }
}

void
dio_x64_simd_mark_lazy (DioX64Gen *g, const uint8_t *uses)
{
  g_autofree uint8_t *through = g_malloc (g->n_ops + 1);
  DioX64Mode mode;
  for (uint32_t i = 0; i < g->n_ops; i++)
    if (g->ops[i].opcode != DIO_IR_CONST && dio_x64_mode_of (g, i, &mode) && mode.keep)
      g->values[i].where = X64_LAZY;
  for (unsigned depth = 0; depth < 2; depth++) {
    count_through (g, through, depth);
    for (uint32_t i = 0; i < g->n_ops; i++)
      if (through[i] && through[i] == uses[i] && uses[i] < UINT8_MAX)
        g->values[i].where = X64_LAZY;
  }
}

void
dio_x64_simd_want (DioX64Gen *g)
{
  for (uint32_t i = g->n_ops; i-- > 0;) {
    const DioIrOp *op = &g->ops[i];
    unsigned argument = 0;
    bool want = op->opcode == DIO_IR_ZEXT32 && g->values[i].want_xmm;
    if (op->opcode == DIO_IR_VEC_MAKE) {
      const DioIrOp *high = &g->ops[op->arguments[1]];
      want = high->opcode == DIO_IR_CONST && high->immediate == 0;
    } else if (op->opcode == DIO_IR_FP_CALL1 && g->values[i].where == X64_LAZY) {
      argument = want = true;
    } else if (op->opcode == DIO_IR_XOR || op->opcode == DIO_IR_AND) {
      want = g->values[i].want_xmm && g->ops[op->arguments[1]].opcode == DIO_IR_CONST;
    } else if (op->opcode == DIO_IR_STORE_32 || op->opcode == DIO_IR_STORE_64) {
      argument = 1;
      want = g->ops[op->arguments[1]].opcode == DIO_IR_VEC_LOW;
    }
    if (op->opcode == DIO_IR_SELECT && g->values[i].want_xmm)
      g->values[op->arguments[1]].want_xmm = g->values[op->arguments[2]].want_xmm = true;
    if (want)
      g->values[op->arguments[argument]].want_xmm = true;
  }
}

/* ---- All ---- */

static bool
lower (DioX64Gen *g, const DioIrOp *op)
{
  unsigned name = DIO_IR_IMMEDIATE_NAME (op->immediate), n = DIO_IR_IMMEDIATE_N (op->immediate);
  DioX64SimdLower *const *const tables[] = { dio_x64_simd_by_lane, dio_x64_simd_by_bit,
                                             dio_x64_simd_by_place, dio_x64_simd_by_sat,
                                             dio_x64_simd_by_crypto };
  for (unsigned i = 0; i < G_N_ELEMENTS (tables); i++)
    if (tables[i][name])
      return tables[i][name](g, op, n);
  return false;
}

static bool
vector_operation (DioX64Gen *g, const DioIrOp *op)
{
  switch (op->opcode) {
  case DIO_IR_VEC1:
  case DIO_IR_VEC2:
  case DIO_IR_VEC3:
  case DIO_IR_VEC_SAT1:
  case DIO_IR_VEC_SAT2:
  case DIO_IR_VEC_SAT3:
    if (!lower (g, op))
      dio_x64_simd_by_function (g, op);
    return true;
  case DIO_IR_VEC_FP1:
  case DIO_IR_VEC_FP2:
  case DIO_IR_VEC_FP3:
  case DIO_IR_VEC_FP_TEST2:
    return dio_x64_simd_float (g, op);
  case DIO_IR_CRC32:
    return dio_x64_simd_crc32 (g, op);
  default:
    return dio_x64_simd_scalar (g, op);
  }
}

bool
dio_x64_gen_simd (DioX64Gen *g, const DioIrOp *op)
{
  return dio_x64_simd_words (g, op) || dio_x64_simd_memory (g, op) || vector_operation (g, op);
}
