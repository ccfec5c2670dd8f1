/* SPDX-License-Identifier: GPL-3.0-or-later
 * How wide the value of an operation can be: one rule for each operation, from the bounds that the
 * widths of its arguments give. */
#include "core/opt/opt-bits.h"

#define WIDE 64

/* Both bounds may come out too wide, and one may follow from the other. */
static inline DioOptBits
make_bits (unsigned zero_from, unsigned sign_from)
{
  zero_from = MIN (zero_from, WIDE);
  sign_from = MIN (MAX (sign_from, 1), MIN (zero_from + 1, WIDE));
  return (DioOptBits){ .zero_from = (uint8_t) zero_from, .sign_from = (uint8_t) sign_from };
}

static inline DioOptBits
below (unsigned bits)
{
  return make_bits (bits, WIDE);
}

static inline DioOptBits
extended_from (unsigned bits)
{
  return make_bits (WIDE, bits);
}

static DioOptBits
bits_of_constant (int64_t value)
{
  unsigned leading = value ? (unsigned) __builtin_clzll ((uint64_t) value) : 64;
  return make_bits (64 - leading, 64 - (unsigned) __builtin_clrsbll (value));
}

static DioOptBits
bits_of_fp (const DioIrOp *op)
{
  switch (op->immediate) {
  case DIO_IR_FP_f32_to_i32:
  case DIO_IR_FP_f64_to_i32:
  case DIO_IR_FP_f64_to_i32_mod:
    return extended_from (32);
  case DIO_IR_FP_add32:
  case DIO_IR_FP_sub32:
  case DIO_IR_FP_mul32:
  case DIO_IR_FP_div32:
  case DIO_IR_FP_sqrt32:
  case DIO_IR_FP_fma32:
  case DIO_IR_FP_min32:
  case DIO_IR_FP_max32:
  case DIO_IR_FP_minm32:
  case DIO_IR_FP_maxm32:
  case DIO_IR_FP_f32_to_u32:
  case DIO_IR_FP_f64_to_u32:
  case DIO_IR_FP_i32_to_f32:
  case DIO_IR_FP_u32_to_f32:
  case DIO_IR_FP_i64_to_f32:
  case DIO_IR_FP_u64_to_f32:
  case DIO_IR_FP_f64_to_f32:
  case DIO_IR_FP_round32:
  case DIO_IR_FP_roundx32:
    return below (32);
  case DIO_IR_FP_class32:
  case DIO_IR_FP_class64:
    return below (10);
  case DIO_IR_FP_eq32:
  case DIO_IR_FP_lt32:
  case DIO_IR_FP_le32:
  case DIO_IR_FP_ltq32:
  case DIO_IR_FP_leq32:
  case DIO_IR_FP_eq64:
  case DIO_IR_FP_lt64:
  case DIO_IR_FP_le64:
  case DIO_IR_FP_ltq64:
  case DIO_IR_FP_leq64:
    return below (1);
  default:
    return below (WIDE);
  }
}

/* Of a sign extension from @width bits: it does nothing if the value is that narrow, and also keeps
 * zeros if the sign bit is one of them. */
static DioOptBits
bits_of_sext (DioOptBits a, unsigned width)
{
  return make_bits (a.zero_from < width ? a.zero_from : WIDE, MIN (a.sign_from, width));
}

/* Of shifts; @amount is -1 where it is not constant. */
static DioOptBits
bits_of_shift (DioIrOpcode opcode, DioOptBits a, int amount)
{
  unsigned n = amount < 0 ? 0 : (unsigned) amount;
  unsigned zeros = a.zero_from > n ? a.zero_from - n : 0;
  switch (opcode) {
  case DIO_IR_SHL:
    return amount < 0 ? below (WIDE) : make_bits (a.zero_from + n, a.sign_from + n);
  case DIO_IR_SHR:
    return make_bits (zeros, amount == 0 ? a.sign_from : WIDE);
  default:
    return make_bits (a.zero_from < WIDE ? zeros : WIDE, a.sign_from > n ? a.sign_from - n : 1);
  }
}

/* ---- Vectors ---- */

/* Does the operation with these names give a half, whatever its operands are? */
static bool
gives_half (unsigned name)
{
  switch (name) {
  case DIO_IR_VEC_shrn:
  case DIO_IR_VEC_sqshrn:
  case DIO_IR_VEC_uqshrn:
  case DIO_IR_VEC_sqshrun:
  case DIO_IR_VEC_addv:
  case DIO_IR_VEC_smaxv:
  case DIO_IR_VEC_sminv:
  case DIO_IR_VEC_umaxv:
  case DIO_IR_VEC_uminv:
  case DIO_IR_VEC_saddlv:
  case DIO_IR_VEC_uaddlv:
  case DIO_IR_VEC_sha1h:
    return true;
  default:
    return false;
  }
}

/* Does it treat each lane alike, and give zero for zeros? */
static bool
keeps_half (unsigned name)
{
  switch (name) {
  case DIO_IR_VEC_and:
  case DIO_IR_VEC_or:
  case DIO_IR_VEC_xor:
  case DIO_IR_VEC_bic:
  case DIO_IR_VEC_bsl:
  case DIO_IR_VEC_add:
  case DIO_IR_VEC_sub:
  case DIO_IR_VEC_mul:
  case DIO_IR_VEC_smax:
  case DIO_IR_VEC_smin:
  case DIO_IR_VEC_umax:
  case DIO_IR_VEC_umin:
  case DIO_IR_VEC_cmgt:
  case DIO_IR_VEC_cmhi:
  case DIO_IR_VEC_cmtst:
  case DIO_IR_VEC_abs:
  case DIO_IR_VEC_neg:
  case DIO_IR_VEC_cnt:
  case DIO_IR_VEC_rev:
  case DIO_IR_VEC_shl:
  case DIO_IR_VEC_sshr:
  case DIO_IR_VEC_ushr:
  case DIO_IR_VEC_srshr:
  case DIO_IR_VEC_urshr:
    return true;
  default:
    return false;
  }
}

/* Of an operation on @n vectors. */
static bool
half_of_vec (const DioIrOp *op, unsigned n, const DioOptBits *bits)
{
  unsigned name = DIO_IR_IMMEDIATE_NAME (op->immediate);
  bool all = keeps_half (name);
  for (unsigned a = 0; a < n; a++)
    all &= bits[op->arguments[a]].half;
  return all || gives_half (name);
}

/* Is the upper half of the vector that @op makes known to be zero? */
static bool
is_half (const DioIrOp *ops, const DioIrOp *op, const DioOptBits *bits)
{
  switch (op->opcode) {
  case DIO_IR_VEC_MAKE:
    return ops[op->arguments[1]].opcode == DIO_IR_CONST && ops[op->arguments[1]].immediate == 0;
  case DIO_IR_VEC_FP1:
  case DIO_IR_VEC_FP2:
  case DIO_IR_VEC_FP3:
  case DIO_IR_VEC_FP_TEST2:
    return (op->immediate >> 16 & 0xff) * (op->immediate >> 24 & 0xff) <= 64;
  case DIO_IR_VEC_INSERT:
    return bits[op->arguments[0]].half && (op->immediate >> 8) << (op->immediate & 0xff) < 8;
  case DIO_IR_VEC1:
  case DIO_IR_VEC2:
  case DIO_IR_VEC3:
    return half_of_vec (op, dio_ir_op_info[op->opcode].n_arguments, bits);
  case DIO_IR_VEC_SAT1:
    return gives_half (DIO_IR_IMMEDIATE_NAME (op->immediate));
  default:
    return false;
  }
}

DioOptBits
dio_opt_bits (const DioIrOp *ops, uint32_t index, const DioOptBits *bits)
{
  static const DioOptBits unknown = { .zero_from = WIDE, .sign_from = WIDE };
  const DioIrOp *op = &ops[index];
  unsigned n = dio_ir_op_info[op->opcode].n_arguments;
  DioOptBits a = n > 0 ? bits[op->arguments[0]] : unknown;
  DioOptBits b = n > 1 ? bits[op->arguments[1]] : unknown;
  bool constant = n > 1 && ops[op->arguments[1]].opcode == DIO_IR_CONST;
  uint64_t c = constant ? (uint64_t) ops[op->arguments[1]].immediate : 0;
  unsigned zeros = MAX (a.zero_from, b.zero_from), signs = MAX (a.sign_from, b.sign_from);

  if (dio_ir_op_info[op->opcode].result == DIO_IR_V128)
    return (DioOptBits){ WIDE, WIDE, is_half (ops, op, bits) };
  switch (op->opcode) {
  case DIO_IR_CONST:
    return bits_of_constant (op->immediate);
  case DIO_IR_ADD:
    return make_bits (zeros + 1, signs + 1);
  case DIO_IR_ADD_SHL:
    return make_bits (MAX (a.zero_from, b.zero_from + op->immediate) + 1,
                      MAX (a.sign_from, b.sign_from + op->immediate) + 1);
  case DIO_IR_SUB:
    /* Of two that are below 2^n, the difference is between -2^n and 2^n. */
    return extended_from (MIN (zeros, signs) + 1);
  case DIO_IR_MUL:
    return make_bits (a.zero_from + b.zero_from, a.sign_from + b.sign_from);
  case DIO_IR_MULHU:
    return below (MAX (a.zero_from + b.zero_from, WIDE) - WIDE);
  case DIO_IR_DIV:
    /* The lowest number divided by -1 is one more than the highest. */
    return extended_from (a.sign_from + 1);
  case DIO_IR_DIVU:
    return below (constant && c ? a.zero_from : WIDE);
  case DIO_IR_REM:
    /* Never larger than the dividend, and of its sign. */
    return make_bits (a.zero_from, a.sign_from);
  case DIO_IR_REMU:
    return below (constant && c ? MIN (a.zero_from, b.zero_from) : a.zero_from);
  case DIO_IR_AND:
    return make_bits (MIN (a.zero_from, b.zero_from), signs);
  case DIO_IR_OR:
  case DIO_IR_XOR:
    return make_bits (zeros, signs);
  case DIO_IR_SELECT:
    return make_bits (MAX (b.zero_from, bits[op->arguments[2]].zero_from),
                      MAX (b.sign_from, bits[op->arguments[2]].sign_from));
  case DIO_IR_NOT:
    return extended_from (a.sign_from);
  case DIO_IR_NEG:
    return extended_from (a.sign_from + 1);
  case DIO_IR_SHL:
  case DIO_IR_SHR:
  case DIO_IR_SAR:
    return bits_of_shift (op->opcode, a, constant ? (int) (c & 63) : -1);
  case DIO_IR_CLZ:
  case DIO_IR_CTZ:
  case DIO_IR_CPOP:
    return below (7);
  case DIO_IR_ORC_B:
    return below ((a.zero_from + 7u) & ~7u);
  case DIO_IR_SEXT8:
    return bits_of_sext (a, 8);
  case DIO_IR_SEXT16:
    return bits_of_sext (a, 16);
  case DIO_IR_SEXT32:
    return bits_of_sext (a, 32);
  case DIO_IR_ZEXT8:
    return below (MIN (a.zero_from, 8));
  case DIO_IR_ZEXT16:
    return below (MIN (a.zero_from, 16));
  case DIO_IR_ZEXT32:
    return below (MIN (a.zero_from, 32));
  case DIO_IR_ROTL32:
  case DIO_IR_ROTR32:
  case DIO_IR_UNBOX:
  case DIO_IR_LOAD_U32:
    return below (32);
  case DIO_IR_BOX:
    return extended_from (33);
  case DIO_IR_LOAD_U8:
    return below (8);
  case DIO_IR_LOAD_U16:
    return below (16);
  case DIO_IR_LOAD_S8:
    return extended_from (8);
  case DIO_IR_LOAD_S16:
    return extended_from (16);
  case DIO_IR_LOAD_S32:
  case DIO_IR_LOAD_RESERVED_32:
  case DIO_IR_AMO_swap_32:
  case DIO_IR_AMO_add_32:
  case DIO_IR_AMO_xor_32:
  case DIO_IR_AMO_and_32:
  case DIO_IR_AMO_or_32:
  case DIO_IR_AMO_min_32:
  case DIO_IR_AMO_max_32:
  case DIO_IR_AMO_minu_32:
  case DIO_IR_AMO_maxu_32:
    return extended_from (32);
  case DIO_IR_EQ:
  case DIO_IR_NE:
  case DIO_IR_LT:
  case DIO_IR_GE:
  case DIO_IR_LTU:
  case DIO_IR_GEU:
  case DIO_IR_WIDEN:
  case DIO_IR_STORE_CONDITIONAL_32:
  case DIO_IR_STORE_CONDITIONAL_64:
    return below (1);
  case DIO_IR_FP_ROUNDING:
    return below (3);
  case DIO_IR_FP_CALL1:
  case DIO_IR_FP_CALL2:
  case DIO_IR_FP_CALL3:
  case DIO_IR_FP_TEST1:
  case DIO_IR_FP_TEST2:
  case DIO_IR_FP_PURE1:
    return bits_of_fp (op);
  case DIO_IR_VEC_LANE:
    return below (8u << (op->immediate & 3));
  case DIO_IR_CRC32:
    return below (32);
  default:
    return unknown;
  }
}
