/* SPDX-License-Identifier: GPL-3.0-or-later
 * Code for operations on integers. */
#include "core/jit/x86_64/x64-gen.h"

/* ---- Two operands ---- */

/* dst = dst op value, 32 or 64 bits. */
static void
alu_value (DioX64Gen *g, DioX64Alu op, unsigned w, DioX64Reg dst, uint32_t value)
{
  int32_t constant;
  int64_t wide;
  DioX64Mem mem;
  if (dio_x64_constant32 (g, value, &constant))
    dio_x64_alu_ri (&g->a, op, w, dst, constant);
  else if (w == 4 && dio_x64_constant (g, value, &wide))
    dio_x64_alu_ri (&g->a, op, w, dst, (int32_t) wide);
  else if (dio_x64_in_memory (g, value, &mem) && g->values[value].last <= g->at)
    dio_x64_alu_rm (&g->a, op, w, dst, mem);
  else
    dio_x64_alu_rr (&g->a, op, w, dst, dio_x64_gpr_of (g, value));
}

static bool
commutes (unsigned opcode)
{
  return opcode == DIO_IR_ADD || opcode == DIO_IR_MUL || opcode == DIO_IR_AND || opcode == DIO_IR_OR
         || opcode == DIO_IR_XOR;
}

/* dst = x + y; dst may be a register of either. */
static void
add (DioX64Gen *g, unsigned w, DioX64Reg dst, uint32_t x, uint32_t y)
{
  int rx = dio_x64_register_of (g, x), ry = dio_x64_register_of (g, y);
  int32_t constant;
  if (rx >= 0 && rx != (int) dst && dio_x64_constant32 (g, y, &constant)) {
    dio_x64_lea (&g->a, w, dst, dio_x64_mem (rx, constant));
  } else if (rx >= 0 && ry >= 0 && rx != (int) dst && ry != (int) dst) {
    dio_x64_lea (&g->a, w, dst, dio_x64_mem_index (rx, (DioX64Reg) ry, 0, 0));
  } else {
    dio_x64_move_to_gpr (g, dst, x);
    alu_value (g, DIO_X64_ADD, w, dst, y);
  }
}

static void
multiply (DioX64Gen *g, unsigned w, DioX64Reg dst, uint32_t x, uint32_t y)
{
  int32_t constant;
  DioX64Mem mem;
  if (dio_x64_constant32 (g, y, &constant)) {
    dio_x64_imul_rri (&g->a, w, dst, dio_x64_gpr_of (g, x), constant);
    return;
  }
  dio_x64_move_to_gpr (g, dst, x);
  if (dio_x64_in_memory (g, y, &mem))
    dio_x64_imul_rm (&g->a, w, dst, mem);
  else
    dio_x64_imul_rr (&g->a, w, dst, dio_x64_gpr_of (g, y));
}

static void
two_operands (DioX64Gen *g, unsigned opcode, unsigned w, DioX64Reg dst, uint32_t x, uint32_t y)
{
  static const uint8_t alu[DIO_IR_N_OPS] = { [DIO_IR_SUB] = DIO_X64_SUB,
                                             [DIO_IR_AND] = DIO_X64_AND,
                                             [DIO_IR_OR] = DIO_X64_OR,
                                             [DIO_IR_XOR] = DIO_X64_XOR };
  if (opcode == DIO_IR_ADD) {
    add (g, w, dst, x, y);
  } else if (opcode == DIO_IR_MUL) {
    multiply (g, w, dst, x, y);
  } else {
    dio_x64_move_to_gpr (g, dst, x);
    alu_value (g, (DioX64Alu) alu[opcode], w, dst, y);
  }
}

/* Which argument of @op is an inversion that is made with it, or -1. */
static int
inverted_argument (const DioX64Gen *g, const DioIrOp *op)
{
  for (int i = 0; i < 2 && op->opcode == DIO_IR_AND; i++)
    if (g->ops[op->arguments[i]].opcode == DIO_IR_NOT
        && g->values[op->arguments[i]].where == X64_LAZY)
      return i;
  return -1;
}

/* The operation at hand, its result in @dst, from the operands of @op, in @w bytes. */
static void
binary_into (DioX64Gen *g, const DioIrOp *op, unsigned w, DioX64Reg dst)
{
  uint32_t x = op->arguments[0], y = op->arguments[1];
  int64_t constant;
  int inverted = inverted_argument (g, op);
  if (inverted >= 0) {
    DioX64Reg not = dio_x64_gpr_of (g, g->ops[op->arguments[inverted]].arguments[0]);
    dio_x64_andn (&g->a, w, dst, not, dio_x64_gpr_of (g, op->arguments[!inverted]));
    return;
  }
  if (commutes (op->opcode) && dio_x64_constant (g, x, &constant)) {
    x = op->arguments[1];
    y = op->arguments[0];
  }
  if (dio_x64_register_of (g, y) != (int) dst || dio_x64_register_of (g, x) == (int) dst) {
    two_operands (g, op->opcode, w, dst, x, y);
  } else if (commutes (op->opcode)) {
    two_operands (g, op->opcode, w, dst, y, x);
  } else {
    two_operands (g, op->opcode, w, DIO_X64_RCX, x, y);
    dio_x64_mov_rr (&g->a, w, dst, DIO_X64_RCX);
  }
}

static void
binary (DioX64Gen *g, const DioIrOp *op)
{
  DioX64Reg dst = dio_x64_result_gpr (g, op->arguments[0]);
  binary_into (g, op, 8, dst);
  dio_x64_define_gpr (g, dst);
}

static void
add_shifted (DioX64Gen *g, const DioIrOp *op)
{
  DioX64Reg x = dio_x64_gpr_of (g, op->arguments[0]);
  DioX64Reg y = dio_x64_gpr_of (g, op->arguments[1]);
  DioX64Reg dst = dio_x64_result_gpr (g, op->arguments[0]);
  dio_x64_lea (&g->a, 8, dst, dio_x64_mem_index (x, y, (unsigned) op->immediate, 0));
  dio_x64_define_gpr (g, dst);
}

/* ---- One operand ---- */

static void
one_operand (DioX64Gen *g, const DioIrOp *op)
{
  uint32_t x = op->arguments[0];
  DioX64Reg dst = dio_x64_result_gpr (g, x);
  dio_x64_move_to_gpr (g, dst, x);
  switch (op->opcode) {
  case DIO_IR_NOT:
    dio_x64_not (&g->a, 8, dst);
    break;
  case DIO_IR_NEG:
    dio_x64_neg (&g->a, 8, dst);
    break;
  default:
    dio_x64_bswap (&g->a, 8, dst);
    break;
  }
  dio_x64_define_gpr (g, dst);
}

/* SEXT32 or ZEXT32 of what can be done in 32 bits. */
static void
word_pair (DioX64Gen *g, const DioIrOp *op)
{
  const DioIrOp *inner = &g->ops[op->arguments[0]];
  DioX64Reg dst = dio_x64_result_gpr (g, inner->arguments[0]);
  if (inner->opcode == DIO_IR_SHL) {
    dio_x64_move_to_gpr (g, dst, inner->arguments[0]);
    dio_x64_shift_ri (&g->a, DIO_X64_SHL, 4, dst, (unsigned) g->ops[inner->arguments[1]].immediate);
  } else if (inner->opcode == DIO_IR_NEG || inner->opcode == DIO_IR_NOT) {
    dio_x64_move_to_gpr (g, dst, inner->arguments[0]);
    (inner->opcode == DIO_IR_NEG ? dio_x64_neg : dio_x64_not) (&g->a, 4, dst);
  } else {
    binary_into (g, inner, 4, dst);
  }
  if (op->opcode == DIO_IR_SEXT32)
    dio_x64_movsx_rr (&g->a, 4, dst, dst);
  dio_x64_define_gpr (g, dst);
}

static void
extend (DioX64Gen *g, const DioIrOp *op)
{
  uint32_t x = op->arguments[0];
  unsigned w = op->opcode == DIO_IR_SEXT8 || op->opcode == DIO_IR_ZEXT8     ? 1
               : op->opcode == DIO_IR_SEXT16 || op->opcode == DIO_IR_ZEXT16 ? 2
                                                                            : 4;
  bool sign = op->opcode <= DIO_IR_SEXT32;
  if (g->values[x].where == X64_LAZY && g->ops[x].opcode != DIO_IR_CONST
      && g->ops[x].opcode != DIO_IR_PC) {
    word_pair (g, op);
    return;
  }
  DioX64Mem mem;
  if (dio_x64_in_memory (g, x, &mem)) {
    DioX64Reg dst = dio_x64_result_gpr (g, UINT32_MAX);
    (sign ? dio_x64_movsx_rm : dio_x64_movzx_rm) (&g->a, w, dst, mem);
    dio_x64_define_gpr (g, dst);
    return;
  }
  DioX64Reg src = dio_x64_gpr_of (g, x);
  DioX64Reg dst = dio_x64_result_gpr (g, x);
  (sign ? dio_x64_movsx_rr : dio_x64_movzx_rr) (&g->a, w, dst, src);
  dio_x64_define_gpr (g, dst);
}

/* lzcnt and tzcnt give 64 for 0; without them bsr and bsf leave that to us. */
static void
count_bits (DioX64Gen *g, const DioIrOp *op)
{
  DioX64Reg src = dio_x64_gpr_of (g, op->arguments[0]);
  DioX64Reg dst = dio_x64_result_gpr (g, UINT32_MAX);
  if (op->opcode == DIO_IR_CLZ && g->cpu.lzcnt) {
    dio_x64_lzcnt (&g->a, 8, dst, src);
  } else if (op->opcode == DIO_IR_CTZ && g->cpu.bmi1) {
    dio_x64_tzcnt (&g->a, 8, dst, src);
  } else if (op->opcode == DIO_IR_CLZ) {
    dio_x64_mov_ri (&g->a, DIO_X64_RDX, 127);
    dio_x64_bsr (&g->a, 8, DIO_X64_RCX, src);
    dio_x64_cmov (&g->a, DIO_X64_CC_E, 8, DIO_X64_RCX, DIO_X64_RDX);
    dio_x64_alu_ri (&g->a, DIO_X64_XOR, 4, DIO_X64_RCX, 63);
    dio_x64_mov_rr (&g->a, 8, dst, DIO_X64_RCX);
  } else {
    dio_x64_mov_ri (&g->a, DIO_X64_RDX, 64);
    dio_x64_bsf (&g->a, 8, DIO_X64_RCX, src);
    dio_x64_cmov (&g->a, DIO_X64_CC_E, 8, DIO_X64_RCX, DIO_X64_RDX);
    dio_x64_mov_rr (&g->a, 8, dst, DIO_X64_RCX);
  }
  dio_x64_define_gpr (g, dst);
}

/* x = x - ((x >> 1) & 5555...), and so on (Hacker's Delight 5-1), where there is no popcnt. */
static void
population (DioX64Gen *g, const DioIrOp *op)
{
  DioX64Reg src = dio_x64_gpr_of (g, op->arguments[0]);
  DioX64Reg dst = dio_x64_result_gpr (g, UINT32_MAX);
  if (g->cpu.popcnt) {
    dio_x64_popcnt (&g->a, 8, dst, src);
    dio_x64_define_gpr (g, dst);
    return;
  }
  DioX64Reg mask = dio_x64_take_gpr (g);
  const DioX64Reg x = DIO_X64_RCX, y = DIO_X64_RDX;
  dio_x64_mov_rr (&g->a, 8, x, src);
  dio_x64_mov_rr (&g->a, 8, y, x);
  dio_x64_shift_ri (&g->a, DIO_X64_SHR, 8, y, 1);
  dio_x64_mov_ri (&g->a, mask, UINT64_C (0x5555555555555555));
  dio_x64_alu_rr (&g->a, DIO_X64_AND, 8, y, mask);
  dio_x64_alu_rr (&g->a, DIO_X64_SUB, 8, x, y);
  dio_x64_mov_ri (&g->a, mask, UINT64_C (0x3333333333333333));
  dio_x64_mov_rr (&g->a, 8, y, x);
  dio_x64_shift_ri (&g->a, DIO_X64_SHR, 8, y, 2);
  dio_x64_alu_rr (&g->a, DIO_X64_AND, 8, x, mask);
  dio_x64_alu_rr (&g->a, DIO_X64_AND, 8, y, mask);
  dio_x64_alu_rr (&g->a, DIO_X64_ADD, 8, x, y);
  dio_x64_mov_rr (&g->a, 8, y, x);
  dio_x64_shift_ri (&g->a, DIO_X64_SHR, 8, y, 4);
  dio_x64_alu_rr (&g->a, DIO_X64_ADD, 8, x, y);
  dio_x64_mov_ri (&g->a, mask, UINT64_C (0x0f0f0f0f0f0f0f0f));
  dio_x64_alu_rr (&g->a, DIO_X64_AND, 8, x, mask);
  dio_x64_mov_ri (&g->a, mask, UINT64_C (0x0101010101010101));
  dio_x64_imul_rr (&g->a, 8, x, mask);
  dio_x64_shift_ri (&g->a, DIO_X64_SHR, 8, x, 56);
  dio_x64_mov_rr (&g->a, 8, dst, x);
  dio_x64_define_gpr (g, dst);
}

/* As ORC_B() of core/interp/interp-sem.h. */
static void
or_combine (DioX64Gen *g, const DioIrOp *op)
{
  DioX64Reg src = dio_x64_gpr_of (g, op->arguments[0]);
  DioX64Reg dst = dio_x64_result_gpr (g, UINT32_MAX);
  const DioX64Reg x = DIO_X64_RCX, low = DIO_X64_RDX;
  dio_x64_mov_ri (&g->a, low, UINT64_C (0x7f7f7f7f7f7f7f7f));
  dio_x64_mov_rr (&g->a, 8, x, src);
  dio_x64_alu_rr (&g->a, DIO_X64_AND, 8, x, low);
  dio_x64_alu_rr (&g->a, DIO_X64_ADD, 8, x, low);
  dio_x64_alu_rr (&g->a, DIO_X64_OR, 8, x, src);
  dio_x64_not (&g->a, 8, low);
  dio_x64_alu_rr (&g->a, DIO_X64_AND, 8, x, low);
  dio_x64_shift_ri (&g->a, DIO_X64_SHR, 8, x, 7);
  dio_x64_mov_ri (&g->a, low, 255);
  dio_x64_imul_rr (&g->a, 8, x, low);
  dio_x64_mov_rr (&g->a, 8, dst, x);
  dio_x64_define_gpr (g, dst);
}

/* ---- Shifts ---- */

static void
shift (DioX64Gen *g, const DioIrOp *op)
{
  unsigned w = op->opcode == DIO_IR_ROTL32 || op->opcode == DIO_IR_ROTR32 ? 4 : 8;
  DioX64Shift kind = op->opcode == DIO_IR_SHL                                   ? DIO_X64_SHL
                     : op->opcode == DIO_IR_SHR                                 ? DIO_X64_SHR
                     : op->opcode == DIO_IR_SAR                                 ? DIO_X64_SAR
                     : op->opcode == DIO_IR_ROTL || op->opcode == DIO_IR_ROTL32 ? DIO_X64_ROL
                                                                                : DIO_X64_ROR;
  uint32_t x = op->arguments[0], count = op->arguments[1];
  int64_t constant;
  if (dio_x64_constant (g, count, &constant)) {
    DioX64Reg dst = dio_x64_result_gpr (g, x);
    unsigned bits = (unsigned) constant & (8 * w - 1);
    int src = dio_x64_register_of (g, x);
    bool copies = kind < DIO_X64_SHL && g->cpu.bmi2 && src >= 0 && src != (int) dst;
    if (!copies)
      dio_x64_move_to_gpr (g, dst, x);
    if (copies)
      dio_x64_rorx (&g->a, w, dst, (DioX64Reg) src,
                    kind == DIO_X64_ROR ? bits : -bits & (8 * w - 1));
    else if (bits)
      dio_x64_shift_ri (&g->a, kind, w, dst, bits);
    else if (w == 4)
      dio_x64_mov_rr (&g->a, 4, dst, dst);
    dio_x64_define_gpr (g, dst);
    return;
  }
  if (g->cpu.bmi2 && kind >= DIO_X64_SHL) {
    DioX64Reg by = dio_x64_gpr_of (g, count);
    DioX64Reg src = dio_x64_gpr_of (g, x);
    DioX64Reg dst = dio_x64_result_gpr (g, x);
    if (kind == DIO_X64_SHL)
      dio_x64_shlx (&g->a, 8, dst, src, by);
    else if (kind == DIO_X64_SHR)
      dio_x64_shrx (&g->a, 8, dst, src, by);
    else
      dio_x64_sarx (&g->a, 8, dst, src, by);
    dio_x64_define_gpr (g, dst);
    return;
  }
  /* The count goes to rcx before the result may overwrite it. */
  DioX64Reg dst = dio_x64_result_gpr (g, x);
  dio_x64_move_to_gpr (g, DIO_X64_RCX, count);
  dio_x64_move_to_gpr (g, dst, x);
  dio_x64_shift_cl (&g->a, kind, w, dst);
  dio_x64_define_gpr (g, dst);
}

/* ---- Multiplication and division ---- */

static void
multiply_high (DioX64Gen *g, const DioIrOp *op)
{
  dio_x64_evict_gpr (g, DIO_X64_RAX);
  DioX64Reg x = dio_x64_gpr_of (g, op->arguments[0]);
  DioX64Reg y = dio_x64_gpr_of (g, op->arguments[1]);
  DioX64Reg dst = dio_x64_result_gpr (g, UINT32_MAX);
  dio_x64_mov_rr (&g->a, 8, DIO_X64_RAX, x);
  if (op->opcode == DIO_IR_MULH) {
    dio_x64_imul1 (&g->a, 8, y);
  } else if (op->opcode == DIO_IR_MULHU) {
    dio_x64_mul1 (&g->a, 8, y);
  } else {
    /* Of signed x and unsigned y: the unsigned product, less y << 64 if x is negative. */
    dio_x64_mov_rr (&g->a, 8, DIO_X64_RCX, x);
    dio_x64_shift_ri (&g->a, DIO_X64_SAR, 8, DIO_X64_RCX, 63);
    dio_x64_alu_rr (&g->a, DIO_X64_AND, 8, DIO_X64_RCX, y);
    dio_x64_mul1 (&g->a, 8, y);
    dio_x64_alu_rr (&g->a, DIO_X64_SUB, 8, DIO_X64_RDX, DIO_X64_RCX);
  }
  dio_x64_mov_rr (&g->a, 8, dst, DIO_X64_RDX);
  dio_x64_define_gpr (g, dst);
}

/* RISC-V rules: x / 0 is all ones, x % 0 is x, and the most negative number divided by -1 is
 * itself, remainder 0. Halves of 32 bits divide several times faster on many processors. */
static void
divide (DioX64Gen *g, const DioIrOp *op)
{
  bool is_signed = op->opcode == DIO_IR_DIV || op->opcode == DIO_IR_REM;
  bool remainder = op->opcode == DIO_IR_REM || op->opcode == DIO_IR_REMU;
  DioX64Label zero = DIO_X64_LABEL_INIT, minus = DIO_X64_LABEL_INIT, wide = DIO_X64_LABEL_INIT,
              done = DIO_X64_LABEL_INIT;

  dio_x64_evict_gpr (g, DIO_X64_RAX);
  dio_x64_move_to_gpr (g, DIO_X64_RCX, op->arguments[1]);
  dio_x64_move_to_gpr (g, DIO_X64_RAX, op->arguments[0]);
  DioX64Reg dst = dio_x64_result_gpr (g, UINT32_MAX);
  dio_x64_test_rr (&g->a, 8, DIO_X64_RCX, DIO_X64_RCX);
  dio_x64_jcc_label (&g->a, DIO_X64_CC_E, &zero);
  if (is_signed) {
    dio_x64_alu_ri (&g->a, DIO_X64_CMP, 8, DIO_X64_RCX, -1);
    dio_x64_jcc_label (&g->a, DIO_X64_CC_E, &minus);
  }
  /* Both non-negative and below 2^32: the same in 32 bits, unsigned. */
  dio_x64_mov_rr (&g->a, 8, DIO_X64_RDX, DIO_X64_RAX);
  dio_x64_alu_rr (&g->a, DIO_X64_OR, 8, DIO_X64_RDX, DIO_X64_RCX);
  dio_x64_shift_ri (&g->a, DIO_X64_SHR, 8, DIO_X64_RDX, 32);
  dio_x64_jcc_label (&g->a, DIO_X64_CC_NE, &wide);
  dio_x64_div1 (&g->a, 4, DIO_X64_RCX); /* edx is 0 */
  dio_x64_jmp_label (&g->a, &done);
  dio_x64_bind (&g->a, &wide);
  if (is_signed) {
    dio_x64_cqo (&g->a, 8);
    dio_x64_idiv1 (&g->a, 8, DIO_X64_RCX);
  } else {
    dio_x64_alu_rr (&g->a, DIO_X64_XOR, 4, DIO_X64_RDX, DIO_X64_RDX);
    dio_x64_div1 (&g->a, 8, DIO_X64_RCX);
  }
  dio_x64_jmp_label (&g->a, &done);
  if (is_signed) {
    dio_x64_bind (&g->a, &minus);
    dio_x64_neg (&g->a, 8, DIO_X64_RAX);
    dio_x64_alu_rr (&g->a, DIO_X64_XOR, 4, DIO_X64_RDX, DIO_X64_RDX);
    dio_x64_jmp_label (&g->a, &done);
  }
  dio_x64_bind (&g->a, &zero);
  dio_x64_mov_rr (&g->a, 8, DIO_X64_RDX, DIO_X64_RAX);
  dio_x64_mov_ri (&g->a, DIO_X64_RAX, UINT64_MAX);
  dio_x64_bind (&g->a, &done);
  dio_x64_mov_rr (&g->a, 8, dst, remainder ? DIO_X64_RDX : DIO_X64_RAX);
  dio_x64_define_gpr (g, dst);
}

/* ---- Comparisons ---- */

bool
dio_x64_is_compare (unsigned opcode)
{
  return (opcode >= DIO_IR_EQ && opcode <= DIO_IR_GEU) || dio_x64_is_fp_holds (opcode);
}

static DioX64Cc
swapped (DioX64Cc cc)
{
  switch (cc) {
  case DIO_X64_CC_L:
    return DIO_X64_CC_G;
  case DIO_X64_CC_GE:
    return DIO_X64_CC_LE;
  case DIO_X64_CC_B:
    return DIO_X64_CC_A;
  case DIO_X64_CC_AE:
    return DIO_X64_CC_BE;
  default:
    return cc;
  }
}

/* What is compared when that is done in 32 bits: an extension that is made by nobody else. */
static uint32_t
strip_extension (const DioX64Gen *g, uint32_t value, unsigned *w)
{
  if (g->ops[value].opcode != DIO_IR_SEXT32 || g->values[value].where != X64_LAZY)
    return value;
  *w = 4;
  return g->ops[value].arguments[0];
}

/* Is it the outcome of @x & @y that is looked at? The flags of that. */
static bool
test_bits (DioX64Gen *g, uint32_t value)
{
  const DioIrOp *op = &g->ops[value];
  int64_t constant;
  DioX64Mem mem;
  if (op->opcode != DIO_IR_AND || g->values[value].where != X64_LAZY)
    return false;
  uint32_t x = op->arguments[0], y = op->arguments[1];
  if (!dio_x64_constant (g, y, &constant)) {
    DioX64Reg left = dio_x64_gpr_of (g, x);
    dio_x64_test_rr (&g->a, 8, left, dio_x64_gpr_of (g, y));
    return true;
  }
  unsigned w = constant == (uint32_t) constant ? 4 : 8;
  if (w == 8 && constant != (int32_t) constant)
    dio_x64_test_rr (&g->a, 8, dio_x64_gpr_of (g, x), dio_x64_gpr_of (g, y));
  else if (dio_x64_in_memory (g, x, &mem) && g->values[x].last <= g->at)
    dio_x64_test_mi (&g->a, w, mem, (int32_t) constant);
  else
    dio_x64_test_ri (&g->a, w, dio_x64_gpr_of (g, x), (int32_t) constant);
  return true;
}

DioX64Cc
dio_x64_gen_flags (DioX64Gen *g, uint32_t value)
{
  static const uint8_t conditions[] = { DIO_X64_CC_E,  DIO_X64_CC_NE, DIO_X64_CC_L,
                                        DIO_X64_CC_GE, DIO_X64_CC_B,  DIO_X64_CC_AE };
  const DioIrOp *op = &g->ops[value];
  if (op->opcode == DIO_IR_CONDITION) {
    DioX64Reg truth = dio_x64_gpr_of (g, value);
    dio_x64_test_rr (&g->a, 4, truth, truth);
    return DIO_X64_CC_NE;
  }
  if (dio_x64_is_fp_holds (op->opcode))
    return dio_x64_fp_holds_one (g, op);
  if (!dio_x64_is_compare (op->opcode)) {
    g->failed = true;
    return DIO_X64_CC_E;
  }
  DioX64Cc cc = (DioX64Cc) conditions[op->opcode - DIO_IR_EQ];
  uint32_t x = op->arguments[0], y = op->arguments[1];
  int64_t constant;
  int32_t imm;
  DioX64Mem mem;
  if (dio_x64_constant (g, x, &constant) && !dio_x64_constant (g, y, &constant)) {
    uint32_t swap = x;
    x = y;
    y = swap;
    cc = swapped (cc);
  }
  if (test_bits (g, x))
    return cc;
  unsigned w = 8;
  x = strip_extension (g, x, &w);
  y = strip_extension (g, y, &w);
  if (dio_x64_constant32 (g, y, &imm) && dio_x64_in_memory (g, x, &mem)
      && g->values[x].last <= g->at) {
    dio_x64_alu_mi (&g->a, DIO_X64_CMP, w, mem, imm);
    return cc;
  }
  DioX64Reg left = dio_x64_gpr_of (g, x);
  if (dio_x64_constant32 (g, y, &imm) && imm == 0)
    dio_x64_test_rr (&g->a, w, left, left);
  else
    alu_value (g, DIO_X64_CMP, w, left, y);
  return cc;
}

/* A truth value as a number. */
static void
widen (DioX64Gen *g, const DioIrOp *op)
{
  DioX64Cc cc = dio_x64_gen_flags (g, op->arguments[0]);
  DioX64Reg dst = dio_x64_result_gpr (g, UINT32_MAX);
  dio_x64_setcc (&g->a, cc, DIO_X64_RCX);
  dio_x64_movzx_rr (&g->a, 1, dst, DIO_X64_RCX);
  dio_x64_define_gpr (g, dst);
}

/* Does the comparison @value, or what is made with it, read @reg? */
static bool
reads_register (const DioX64Gen *g, uint32_t value, DioX64Reg reg)
{
  const DioIrOp *op = &g->ops[value];
  if (g->values[value].where != X64_LAZY)
    return dio_x64_register_of (g, value) == (int) reg;
  for (unsigned a = 0; a < dio_ir_op_info[op->opcode].n_arguments; a++)
    if (reads_register (g, op->arguments[a], reg))
      return true;
  return false;
}

/* The flags come last but for the conditional move, and no constant is made behind them. The result
 * may have the register of any operand: of the second one it is there unless the first is wanted,
 * of the first the other way round, and of what is compared it must wait in rcx, which the
 * comparison does not use. */
static void
select_value (DioX64Gen *g, const DioIrOp *op)
{
  uint32_t truth = op->arguments[0];
  DioX64Reg yes = dio_x64_gpr_of (g, op->arguments[1]);
  int no = dio_x64_register_of (g, op->arguments[2]);
  if (no >= 0)
    dio_x64_gpr_of (g, op->arguments[2]); /* locks it */
  DioX64Reg dst = dio_x64_result_gpr (g, op->arguments[2]);
  if (dst == yes && no >= 0) {
    DioX64Cc cc = dio_x64_gen_flags (g, truth);
    dio_x64_cmov (&g->a, cc ^ 1, 8, dst, (DioX64Reg) no);
  } else {
    bool waits = no != (int) dst && (dst == yes || reads_register (g, truth, dst));
    DioX64Reg at = waits ? DIO_X64_RCX : dst;
    dio_x64_move_to_gpr (g, at, op->arguments[2]);
    DioX64Cc cc = dio_x64_gen_flags (g, truth);
    dio_x64_cmov (&g->a, cc, 8, at, yes);
    if (waits)
      dio_x64_mov_rr (&g->a, 8, dst, DIO_X64_RCX);
  }
  dio_x64_define_gpr (g, dst);
}

/* ---- All ---- */

bool
dio_x64_gen_integer (DioX64Gen *g, const DioIrOp *op)
{
  switch (op->opcode) {
  case DIO_IR_ADD:
  case DIO_IR_SUB:
  case DIO_IR_MUL:
  case DIO_IR_AND:
  case DIO_IR_OR:
  case DIO_IR_XOR:
    binary (g, op);
    return true;
  case DIO_IR_ADD_SHL:
    add_shifted (g, op);
    return true;
  case DIO_IR_MULH:
  case DIO_IR_MULHU:
  case DIO_IR_MULHSU:
    multiply_high (g, op);
    return true;
  case DIO_IR_DIV:
  case DIO_IR_DIVU:
  case DIO_IR_REM:
  case DIO_IR_REMU:
    divide (g, op);
    return true;
  case DIO_IR_NOT:
  case DIO_IR_NEG:
  case DIO_IR_BSWAP:
    one_operand (g, op);
    return true;
  case DIO_IR_SHL:
  case DIO_IR_SHR:
  case DIO_IR_SAR:
  case DIO_IR_ROTL:
  case DIO_IR_ROTR:
  case DIO_IR_ROTL32:
  case DIO_IR_ROTR32:
    shift (g, op);
    return true;
  case DIO_IR_CLZ:
  case DIO_IR_CTZ:
    count_bits (g, op);
    return true;
  case DIO_IR_CPOP:
    population (g, op);
    return true;
  case DIO_IR_ORC_B:
    or_combine (g, op);
    return true;
  case DIO_IR_SEXT8:
  case DIO_IR_SEXT16:
  case DIO_IR_SEXT32:
  case DIO_IR_ZEXT8:
  case DIO_IR_ZEXT16:
  case DIO_IR_ZEXT32:
    extend (g, op);
    return true;
  case DIO_IR_WIDEN:
    widen (g, op);
    return true;
  case DIO_IR_SELECT:
    select_value (g, op);
    return true;
  default:
    return false;
  }
}
