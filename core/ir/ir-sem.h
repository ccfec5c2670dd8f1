/* SPDX-License-Identifier: GPL-3.0-or-later
 * The vocabulary of core/guest/guest-sem.h with IR construction: the same semantic functions,
 * compiled against this, append operations to a block.
 *
 * A Val is a structure, so that a semantic function that computes with guest values in C does not
 * compile. Truth values are i1; they widen to i64 where a number is wanted, and a number becomes a
 * truth value by comparison with 0. */
#pragma once

#include "core/guest/guest-sem.h"
#include "core/ir/ir-block.h"

typedef struct {
  uint32_t index;
} Val;

#include "core/ir/ir-flags.h"

typedef struct {
  DioIrBlock *block;
  int64_t offset; /* of the instruction from the start of the block */
  unsigned length;
  bool
      plain; /* NEXT_CHANGED is NEXT: what the instruction changes is nothing that code relies on */
  bool stack_checked; /* a guest that has aligned stack pointers: looked at in this block before */
  IrFlags flags;
} DioIrContext;

static inline Val
ir_append (DioIrContext *c, DioIrOpcode opcode, int64_t immediate)
{
  return (Val){ dio_ir_block_append (c->block, opcode, immediate, 0, 0, 0, 0) };
}

static inline DioIrType
ir_type (DioIrContext *c, Val v)
{
  return dio_ir_op_info[dio_ir_block_op (c->block, v.index)->opcode].result;
}

/* @v as an i64. */
static inline uint32_t
ir_word (DioIrContext *c, Val v)
{
  if (ir_type (c, v) == DIO_IR_I1)
    return dio_ir_block_append (c->block, DIO_IR_WIDEN, 0, v.index, 0, 0, 0);
  return v.index;
}

/* @v as an i1. */
static inline uint32_t
ir_truth (DioIrContext *c, Val v)
{
  if (ir_type (c, v) == DIO_IR_I1)
    return v.index;
  Val zero = ir_append (c, DIO_IR_CONST, 0);
  return dio_ir_block_append (c->block, DIO_IR_NE, 0, v.index, zero.index, 0, 0);
}

static inline Val
ir_unary (DioIrContext *c, DioIrOpcode opcode, Val a)
{
  uint32_t x = ir_word (c, a);
  return (Val){ dio_ir_block_append (c->block, opcode, 0, x, 0, 0, 0) };
}

static inline Val
ir_binary (DioIrContext *c, DioIrOpcode opcode, Val a, Val b)
{
  uint32_t x = ir_word (c, a), y = ir_word (c, b);
  return (Val){ dio_ir_block_append (c->block, opcode, 0, x, y, 0, 0) };
}

static inline Val
ir_immediate (DioIrContext *c, DioIrOpcode opcode, int64_t immediate, Val a, Val b)
{
  uint32_t x = ir_word (c, a), y = ir_word (c, b);
  return (Val){ dio_ir_block_append (c->block, opcode, immediate, x, y, 0, 0) };
}

static inline Val
ir_select (DioIrContext *c, Val condition, Val a, Val b)
{
  uint32_t x = ir_word (c, a), y = ir_word (c, b), t = ir_truth (c, condition);
  return (Val){ dio_ir_block_append (c->block, DIO_IR_SELECT, 0, t, x, y, 0) };
}

static inline Val
ir_fp (DioIrContext *c, DioIrOpcode opcode, DioIrFp name, Val a, Val b, Val d, Val e)
{
  unsigned n = dio_ir_op_info[opcode].n_arguments;
  uint32_t w = ir_word (c, a), x = n > 1 ? ir_word (c, b) : 0, y = n > 2 ? ir_word (c, d) : 0;
  uint32_t z = n > 3 ? ir_word (c, e) : 0;
  return (Val){ dio_ir_block_append (c->block, opcode, name, w, x, y, z) };
}

static inline void
ir_note (DioIrContext *c, const char *note)
{
  g_array_index (c->block->ops, DioIrOp, c->block->ops->len - 1).note = note;
}

/* C leaves the order in which arguments are evaluated to the compiler, but the order of operations
 * must not depend on it: words with several values evaluate them from left to right, into variables
 * whose names are unique (nested uses would shadow each other). */
#define IR_BINARY(opcode, a, b) IR_BINARY_1 (opcode, a, b, __COUNTER__)
#define IR_BINARY_1(opcode, a, b, n) IR_BINARY_2 (opcode, a, b, n)
#define IR_BINARY_2(opcode, a, b, n)                                                               \
  ({                                                                                               \
    Val ir_a_##n = (a);                                                                            \
    Val ir_b_##n = (b);                                                                            \
    ir_binary (c, opcode, ir_a_##n, ir_b_##n);                                                     \
  })
#define IR_SELECT(condition, a, b) IR_SELECT_1 (condition, a, b, __COUNTER__)
#define IR_SELECT_1(condition, a, b, n) IR_SELECT_2 (condition, a, b, n)
#define IR_SELECT_2(condition, a, b, n)                                                            \
  ({                                                                                               \
    Val ir_c_##n = (condition);                                                                    \
    Val ir_a_##n = (a);                                                                            \
    Val ir_b_##n = (b);                                                                            \
    ir_select (c, ir_c_##n, ir_a_##n, ir_b_##n);                                                   \
  })
#define IR_FP(opcode, name, w, x, y, z) IR_FP_1 (opcode, DIO_IR_FP_##name, w, x, y, z, __COUNTER__)
#define IR_FP_1(opcode, name, w, x, y, z, n) IR_FP_2 (opcode, name, w, x, y, z, n)
#define IR_FP_2(opcode, name, w, x, y, z, n)                                                       \
  ({                                                                                               \
    Val ir_w_##n = (w);                                                                            \
    Val ir_x_##n = (x);                                                                            \
    Val ir_y_##n = (y);                                                                            \
    Val ir_z_##n = (z);                                                                            \
    ir_fp (c, opcode, name, ir_w_##n, ir_x_##n, ir_y_##n, ir_z_##n);                               \
  })
#define IR_NONE ((Val){ 0 })

#define CONST(n) ir_append (c, DIO_IR_CONST, (int64_t) (n))
#define PC ir_append (c, DIO_IR_PC, c->offset)
#define NEXT_PC ir_append (c, DIO_IR_PC, c->offset + c->length)

#define ADD(a, b) IR_BINARY (DIO_IR_ADD, a, b)
#define SUB(a, b) IR_BINARY (DIO_IR_SUB, a, b)
#define MUL(a, b) IR_BINARY (DIO_IR_MUL, a, b)
#define MULH(a, b) IR_BINARY (DIO_IR_MULH, a, b)
#define MULHU(a, b) IR_BINARY (DIO_IR_MULHU, a, b)
#define MULHSU(a, b) IR_BINARY (DIO_IR_MULHSU, a, b)
#define DIV(a, b) IR_BINARY (DIO_IR_DIV, a, b)
#define DIVU(a, b) IR_BINARY (DIO_IR_DIVU, a, b)
#define REM(a, b) IR_BINARY (DIO_IR_REM, a, b)
#define REMU(a, b) IR_BINARY (DIO_IR_REMU, a, b)
#define AND(a, b) IR_BINARY (DIO_IR_AND, a, b)
#define OR(a, b) IR_BINARY (DIO_IR_OR, a, b)
#define XOR(a, b) IR_BINARY (DIO_IR_XOR, a, b)
#define NOT(a) ir_unary (c, DIO_IR_NOT, a)
#define NEG(a) ir_unary (c, DIO_IR_NEG, a)
#define SHL(a, b) IR_BINARY (DIO_IR_SHL, a, b)
#define SHR(a, b) IR_BINARY (DIO_IR_SHR, a, b)
#define SAR(a, b) IR_BINARY (DIO_IR_SAR, a, b)
#define ROTL(a, b) IR_BINARY (DIO_IR_ROTL, a, b)
#define ROTR(a, b) IR_BINARY (DIO_IR_ROTR, a, b)
#define ROTL32(a, b) IR_BINARY (DIO_IR_ROTL32, a, b)
#define ROTR32(a, b) IR_BINARY (DIO_IR_ROTR32, a, b)
#define CLZ(a) ir_unary (c, DIO_IR_CLZ, a)
#define CTZ(a) ir_unary (c, DIO_IR_CTZ, a)
#define CPOP(a) ir_unary (c, DIO_IR_CPOP, a)
#define BSWAP(a) ir_unary (c, DIO_IR_BSWAP, a)
#define ORC_B(a) ir_unary (c, DIO_IR_ORC_B, a)
#define SEXT8(a) ir_unary (c, DIO_IR_SEXT8, a)
#define SEXT16(a) ir_unary (c, DIO_IR_SEXT16, a)
#define SEXT32(a) ir_unary (c, DIO_IR_SEXT32, a)
#define ZEXT8(a) ir_unary (c, DIO_IR_ZEXT8, a)
#define ZEXT16(a) ir_unary (c, DIO_IR_ZEXT16, a)
#define ZEXT32(a) ir_unary (c, DIO_IR_ZEXT32, a)
#define EQ(a, b) IR_BINARY (DIO_IR_EQ, a, b)
#define NE(a, b) IR_BINARY (DIO_IR_NE, a, b)
#define LT(a, b) IR_BINARY (DIO_IR_LT, a, b)
#define GE(a, b) IR_BINARY (DIO_IR_GE, a, b)
#define LTU(a, b) IR_BINARY (DIO_IR_LTU, a, b)
#define GEU(a, b) IR_BINARY (DIO_IR_GEU, a, b)
#define SELECT(condition, a, b) IR_SELECT (condition, a, b)

#define LOAD(kind, address) ir_unary (c, IR_LOAD_##kind, address)
#define IR_LOAD_s8 DIO_IR_LOAD_S8
#define IR_LOAD_u8 DIO_IR_LOAD_U8
#define IR_LOAD_s16 DIO_IR_LOAD_S16
#define IR_LOAD_u16 DIO_IR_LOAD_U16
#define IR_LOAD_s32 DIO_IR_LOAD_S32
#define IR_LOAD_u32 DIO_IR_LOAD_U32
#define IR_LOAD_u64 DIO_IR_LOAD_U64
#define STORE(bits, address, v) ((void) IR_BINARY (IR_BITS (STORE, bits), address, v))
#define IR_BITS(opcode, bits) IR_BITS_1 (opcode, bits)
#define IR_BITS_1(opcode, bits) DIO_IR_##opcode##_##bits
#define LOAD_RESERVED(bits, address) ir_unary (c, DIO_IR_LOAD_RESERVED_##bits, address)
#define STORE_CONDITIONAL(bits, address, v) IR_BINARY (DIO_IR_STORE_CONDITIONAL_##bits, address, v)
#define AMO(op, bits, address, v) IR_BINARY (DIO_IR_AMO_##op##_##bits, address, v)
#define FENCE(sets) ((void) ir_append (c, DIO_IR_FENCE, (sets)))

#define TRAP_IF(condition, exception, tval)                                                        \
  do {                                                                                             \
    uint32_t tval_ = ir_word (c, tval), truth_ = ir_truth (c, condition);                          \
    dio_ir_block_append (c->block, DIO_IR_TRAP_IF, (exception), truth_, tval_, 0, 0);              \
  } while (0)
#define ILLEGAL_IF(condition)                                                                      \
  ((void) dio_ir_block_append (c->block, DIO_IR_ILLEGAL_IF, 0, ir_truth (c, condition), 0, 0, 0))

#define FP_REQUIRE() ((void) ir_append (c, DIO_IR_FP_REQUIRE, 0))
#define FP_CALL1(name, rounding, a) IR_FP (DIO_IR_FP_CALL1, name, rounding, a, IR_NONE, IR_NONE)
#define FP_CALL2(name, rounding, a, b) IR_FP (DIO_IR_FP_CALL2, name, rounding, a, b, IR_NONE)
#define FP_CALL3(name, rounding, a, b, d) IR_FP (DIO_IR_FP_CALL3, name, rounding, a, b, d)
#define FP_TEST1(name, a) IR_FP (DIO_IR_FP_TEST1, name, a, IR_NONE, IR_NONE, IR_NONE)
#define FP_TEST2(name, a, b) IR_FP (DIO_IR_FP_TEST2, name, a, b, IR_NONE, IR_NONE)
#define FP_PURE1(name, a) IR_FP (DIO_IR_FP_PURE1, name, a, IR_NONE, IR_NONE, IR_NONE)

#define SYSTEM0(name)                                                                              \
  do {                                                                                             \
    ir_append (c, DIO_IR_SYSTEM, 0);                                                               \
    ir_note (c, #name);                                                                            \
  } while (0)
#define CACHE_BLOCK(op, address) ((void) ir_immediate (c, DIO_IR_CACHE_BLOCK, op, address, address))
#define FENCE_VMA(has_va, va, has_asid, asid)                                                      \
  ((void) ir_immediate (c, DIO_IR_FENCE_VMA, (has_va) | (has_asid) << 1, va, asid))

/* ---- Vectors and flags ---- */

typedef struct {
  uint32_t index;
} Vec;

/* Stands for an argument that is not there. */
typedef struct {
  char none;
} IrNothing;

static inline uint32_t
ir_vec_index (DioIrContext *c, Vec v)
{
  return v.index;
}

static inline uint32_t
ir_nothing_index (DioIrContext *c, IrNothing v)
{
  return 0;
}

/* An operation of any types: its arguments are evaluated from left to right. */
#define IR_INDEX(v)                                                                                \
  _Generic((v), Val : ir_word, Vec : ir_vec_index, IrNothing : ir_nothing_index) (c, (v))
#define IR_OP(result, opcode, immediate, x, y, z, w)                                               \
  IR_OP_1 (result, opcode, immediate, x, y, z, w, __COUNTER__)
#define IR_OP_1(result, opcode, immediate, x, y, z, w, n)                                          \
  IR_OP_2 (result, opcode, immediate, x, y, z, w, n)
#define IR_OP_2(result, opcode, immediate, x, y, z, w, n)                                          \
  ({                                                                                               \
    __auto_type ir_x_##n = (x);                                                                    \
    __auto_type ir_y_##n = (y);                                                                    \
    __auto_type ir_z_##n = (z);                                                                    \
    __auto_type ir_w_##n = (w);                                                                    \
    uint32_t ir_i_##n = IR_INDEX (ir_x_##n);                                                       \
    uint32_t ir_j_##n = IR_INDEX (ir_y_##n);                                                       \
    uint32_t ir_k_##n = IR_INDEX (ir_z_##n);                                                       \
    uint32_t ir_l_##n = IR_INDEX (ir_w_##n);                                                       \
    (result){ dio_ir_block_append (c->block, (opcode), (immediate), ir_i_##n, ir_j_##n, ir_k_##n,  \
                                   ir_l_##n) };                                                    \
  })
#define IR_NOTHING ((IrNothing){ 0 })
#define IR_OP0(result, opcode, immediate)                                                          \
  IR_OP (result, opcode, immediate, IR_NOTHING, IR_NOTHING, IR_NOTHING, IR_NOTHING)
#define IR_OP1(result, opcode, immediate, x)                                                       \
  IR_OP (result, opcode, immediate, x, IR_NOTHING, IR_NOTHING, IR_NOTHING)
#define IR_OP2(result, opcode, immediate, x, y)                                                    \
  IR_OP (result, opcode, immediate, x, y, IR_NOTHING, IR_NOTHING)
#define IR_OP3(result, opcode, immediate, x, y, z)                                                 \
  IR_OP (result, opcode, immediate, x, y, z, IR_NOTHING)

#define GET_V(r) IR_OP0 (Vec, DIO_IR_GET_V, (r))
#define SET_V(r, vec) ((void) IR_OP1 (Val, DIO_IR_SET_V, (r), vec))
#define VEC_MAKE(low, high) IR_OP2 (Vec, DIO_IR_VEC_MAKE, 0, low, high)
#define VEC_LOW(vec) IR_OP1 (Val, DIO_IR_VEC_LOW, 0, vec)
#define VEC_HIGH(vec) IR_OP1 (Val, DIO_IR_VEC_HIGH, 0, vec)
#define VEC_DUP(n, v) IR_OP1 (Vec, DIO_IR_VEC_DUP, (n), v)
#define VEC_LANE(n, index, vec)                                                                    \
  IR_OP1 (Val, DIO_IR_VEC_LANE, (int64_t) (n) | (int64_t) (index) << 8, vec)
#define VEC_INSERT(n, index, vec, v)                                                               \
  IR_OP2 (Vec, DIO_IR_VEC_INSERT, (int64_t) (n) | (int64_t) (index) << 8, vec, v)
#define IR_VEC(name, n) DIO_IR_VEC_IMMEDIATE (DIO_IR_VEC_##name, n)
#define VEC1(name, n, a) IR_OP1 (Vec, DIO_IR_VEC1, IR_VEC (name, n), a)
#define VEC2(name, n, a, b) IR_OP2 (Vec, DIO_IR_VEC2, IR_VEC (name, n), a, b)
#define VEC3(name, n, a, b, d) IR_OP3 (Vec, DIO_IR_VEC3, IR_VEC (name, n), a, b, d)
#define VEC_SAT1(name, n, a) IR_OP1 (Vec, DIO_IR_VEC_SAT1, IR_VEC (name, n), a)
#define VEC_SAT2(name, n, a, b) IR_OP2 (Vec, DIO_IR_VEC_SAT2, IR_VEC (name, n), a, b)
#define VEC_SAT3(name, n, a, b, d) IR_OP3 (Vec, DIO_IR_VEC_SAT3, IR_VEC (name, n), a, b, d)
#define IR_LANES(name, W, lanes) DIO_IR_LANES_IMMEDIATE (DIO_IR_FP_##name, lanes, W)
#define VEC_FP1(name, W, lanes, mode, a)                                                           \
  IR_OP2 (Vec, DIO_IR_VEC_FP1, IR_LANES (name, W, lanes), mode, a)
#define VEC_FP2(name, W, lanes, mode, a, b)                                                        \
  IR_OP3 (Vec, DIO_IR_VEC_FP2, IR_LANES (name, W, lanes), mode, a, b)
#define VEC_FP3(name, W, lanes, mode, a, b, d)                                                     \
  IR_OP (Vec, DIO_IR_VEC_FP3, IR_LANES (name, W, lanes), mode, a, b, d)
#define VEC_FP_TEST2(name, W, lanes, a, b)                                                         \
  IR_OP2 (Vec, DIO_IR_VEC_FP_TEST2, IR_LANES (name, W, lanes), a, b)
#define FP_MODE() IR_OP0 (Val, DIO_IR_FP_MODE, 0)
#define CRC32(polynomial, bytes, crc, v)                                                           \
  IR_OP2 (Val, DIO_IR_CRC32, (bytes) | (int64_t) (polynomial) << 8, crc, v)

#define LOAD_V128(address) IR_OP1 (Vec, DIO_IR_LOAD_V128, 0, address)
#define STORE_V128(address, vec) ((void) IR_OP2 (Val, DIO_IR_STORE_V128, 0, address, vec))
#define LOAD_USER(kind, address) IR_OP1 (Val, IR_LOAD_USER_##kind, 0, address)
#define IR_LOAD_USER_s8 DIO_IR_LOAD_USER_S8
#define IR_LOAD_USER_u8 DIO_IR_LOAD_USER_U8
#define IR_LOAD_USER_s16 DIO_IR_LOAD_USER_S16
#define IR_LOAD_USER_u16 DIO_IR_LOAD_USER_U16
#define IR_LOAD_USER_s32 DIO_IR_LOAD_USER_S32
#define IR_LOAD_USER_u32 DIO_IR_LOAD_USER_U32
#define IR_LOAD_USER_u64 DIO_IR_LOAD_USER_U64
#define STORE_USER(bits, address, v) ((void) IR_OP2 (Val, DIO_IR_STORE_USER_##bits, 0, address, v))
#define LOAD_RESERVED_V128(address) IR_OP1 (Vec, DIO_IR_LOAD_RESERVED_V128, 0, address)
#define STORE_CONDITIONAL_V128(address, vec)                                                       \
  IR_OP2 (Val, DIO_IR_STORE_CONDITIONAL_V128, 0, address, vec)
#define COMPARE_SWAP(bits, address, expected, v)                                                   \
  IR_OP3 (Val, DIO_IR_COMPARE_SWAP_##bits, 0, address, expected, v)
#define COMPARE_SWAP_V128(address, expected, vec)                                                  \
  IR_OP3 (Vec, DIO_IR_COMPARE_SWAP_V128, 0, address, expected, vec)

/* ---- Flags ---- */

static inline Val
ir_compare (DioIrContext *c, bool invert, DioIrOpcode opcode, DioIrOpcode inverse, Val a, Val b)
{
  return ir_binary (c, invert ? inverse : opcode, a, b);
}

/* A truth that is known. */
static inline Val
ir_known (DioIrContext *c, bool truth)
{
  return ir_binary (c, truth ? DIO_IR_EQ : DIO_IR_NE, CONST (0), CONST (0));
}

/* @cond of flags that tell of the number @v, without carry and overflow. */
static inline Val
ir_condition_of_sign (DioIrContext *c, unsigned cond, Val v)
{
  bool invert = cond & 1;
  Val zero = CONST (0);
  switch (cond >> 1) {
  case 0:
    return ir_compare (c, invert, DIO_IR_EQ, DIO_IR_NE, v, zero);
  case 2:
    return ir_compare (c, invert, DIO_IR_LT, DIO_IR_GE, v, zero);
  case 5:
    return ir_compare (c, invert, DIO_IR_GE, DIO_IR_LT, v, zero);
  case 6:
    return ir_compare (c, invert, DIO_IR_LT, DIO_IR_GE, zero, v);
  default: /* carry, overflow, carry and not zero */
    return ir_known (c, invert);
  }
}

/* @cond of the difference of @a and @b. False: it cannot be told by a comparison. */
static inline bool
ir_condition_of_sub (DioIrContext *c, unsigned cond, Val a, Val b, bool narrow, Val *truth)
{
  bool invert = cond & 1;
  switch (cond >> 1) {
  case 0:
    *truth = ir_compare (c, invert, DIO_IR_EQ, DIO_IR_NE, a, b);
    return true;
  case 1:
    *truth = ir_compare (c, invert, DIO_IR_GEU, DIO_IR_LTU, a, b);
    return true;
  case 2: {
    Val difference = ir_binary (c, DIO_IR_SUB, a, b);
    if (narrow)
      difference = ir_unary (c, DIO_IR_SEXT32, difference);
    *truth = ir_condition_of_sign (c, cond, difference);
    return true;
  }
  case 4:
    *truth = ir_compare (c, invert, DIO_IR_LTU, DIO_IR_GEU, b, a);
    return true;
  case 5:
    *truth = ir_compare (c, invert, DIO_IR_GE, DIO_IR_LT, a, b);
    return true;
  case 6:
    *truth = ir_compare (c, invert, DIO_IR_LT, DIO_IR_GE, b, a);
    return true;
  default:
    return false;
  }
}

/* The same of the sum. */
static inline bool
ir_condition_of_add (DioIrContext *c, unsigned cond, Val a, Val b, bool narrow, Val *truth)
{
  if (cond >> 1 != 0 && cond >> 1 != 1 && cond >> 1 != 2)
    return false;
  Val sum = ir_binary (c, DIO_IR_ADD, a, b);
  if (narrow)
    sum = ir_unary (c, DIO_IR_SEXT32, sum);
  if (cond >> 1 == 1)
    *truth = ir_compare (c, cond & 1, DIO_IR_LTU, DIO_IR_GEU, sum, a);
  else
    *truth = ir_condition_of_sign (c, cond, sum);
  return true;
}

/* Numbers of 32 bits are compared with their sign extended, which keeps the unsigned order too. */
static inline bool
ir_condition_of (DioIrContext *c, unsigned cond, Val *truth)
{
  const IrFlags *flags = &c->flags;
  if (flags->kind == IR_FLAGS_UNKNOWN)
    return false;
  bool narrow = flags->bits == 32;
  if (flags->kind == IR_FLAGS_FP) {
    DioIrOpcode opcode = narrow ? DIO_IR_FP_HOLDS_32 : DIO_IR_FP_HOLDS_64;
    uint32_t x = ir_word (c, flags->a), y = ir_word (c, flags->b);
    *truth = (Val){ dio_ir_block_append (c->block, opcode, cond, x, y, 0, 0) };
    return true;
  }
  Val a = narrow ? ir_unary (c, DIO_IR_SEXT32, flags->a) : flags->a;
  if (flags->kind == IR_FLAGS_LOGIC) {
    *truth = ir_condition_of_sign (c, cond, a);
    return true;
  }
  Val b = narrow ? ir_unary (c, DIO_IR_SEXT32, flags->b) : flags->b;
  return flags->kind == IR_FLAGS_SUB ? ir_condition_of_sub (c, cond, a, b, narrow, truth)
                                     : ir_condition_of_add (c, cond, a, b, narrow, truth);
}

static inline Val
ir_condition (DioIrContext *c, unsigned cond)
{
  Val truth;
  if (cond >> 1 == 7)
    return ir_known (c, true);
  if (!ir_condition_of (c, cond, &truth))
    return ir_append (c, DIO_IR_CONDITION, cond);
  if (!c->flags.unless)
    return truth;
  Val otherwise = CONST (ir_flags_hold (c->flags.nzcv, cond));
  Val chosen = ir_select (c, c->flags.condition, truth, otherwise);
  return ir_binary (c, DIO_IR_NE, chosen, CONST (0));
}

static inline Val
ir_carry (DioIrContext *c)
{
  Val truth;
  if (c->flags.unless || !ir_condition_of (c, 2, &truth))
    return ir_append (c, DIO_IR_CARRY, 0);
  return (Val){ ir_word (c, truth) };
}

static inline void
ir_flags (DioIrContext *c, DioIrOpcode opcode, IrFlagsKind kind, unsigned bits, Val a, Val b)
{
  uint32_t x = ir_word (c, a), y = ir_word (c, b);
  dio_ir_block_append (c->block, opcode, 0, x, y, 0, 0);
  c->flags = (IrFlags){ .kind = kind, .bits = bits, .a = { x }, .b = { y } };
}

static inline void
ir_flags_unless (DioIrContext *c, Val condition, unsigned nzcv)
{
  uint32_t truth = ir_truth (c, condition);
  dio_ir_block_append (c->block, DIO_IR_FLAGS_UNLESS, nzcv, truth, 0, 0, 0);
  if (c->flags.unless)
    c->flags.kind = IR_FLAGS_UNKNOWN;
  c->flags.unless = true;
  c->flags.condition = (Val){ truth };
  c->flags.nzcv = nzcv;
}

#define IR_FLAGS2(name, bits, a, b)                                                                \
  do {                                                                                             \
    Val ir_flags_a_ = (a);                                                                         \
    Val ir_flags_b_ = (b);                                                                         \
    ir_flags (c, IR_BITS (FLAGS_##name, bits), IR_FLAGS_##name, (bits), ir_flags_a_, ir_flags_b_); \
  } while (0)
#define IR_FLAGS_ADC IR_FLAGS_UNKNOWN
#define FLAGS_ADD(bits, a, b) IR_FLAGS2 (ADD, bits, a, b)
#define FLAGS_SUB(bits, a, b) IR_FLAGS2 (SUB, bits, a, b)
#define FLAGS_ADC(bits, a, b) IR_FLAGS2 (ADC, bits, a, b)
#define FLAGS_LOGIC(bits, v)                                                                       \
  do {                                                                                             \
    Val ir_flags_v_ = (v);                                                                         \
    ir_flags (c, IR_BITS (FLAGS_LOGIC, bits), IR_FLAGS_LOGIC, (bits), ir_flags_v_, ir_flags_v_);   \
  } while (0)
/* The exceptions of the comparison once, then flags and conditions of it, which have none. */
#define FLAGS_COMPARE(name, bits, a, b)                                                            \
  do {                                                                                             \
    Val ir_flags_x_ = (a);                                                                         \
    Val ir_flags_y_ = (b);                                                                         \
    (void) IR_FP (DIO_IR_FP_TEST2, name##bits, ir_flags_x_, ir_flags_y_, IR_NONE, IR_NONE);        \
    ir_flags (c, DIO_IR_FLAGS_FP_##bits, IR_FLAGS_FP, (bits), ir_flags_x_, ir_flags_y_);           \
  } while (0)
#define FLAGS_UNLESS(condition, nzcv) ir_flags_unless (c, condition, (nzcv))
#define SET_NZCV(v)                                                                                \
  do {                                                                                             \
    (void) IR_OP1 (Val, DIO_IR_SET_NZCV, 0, v);                                                    \
    c->flags.kind = IR_FLAGS_UNKNOWN;                                                              \
  } while (0)
#define GET_NZCV() IR_OP0 (Val, DIO_IR_GET_NZCV, 0)
#define CARRY() ir_carry (c)
#define CONDITION(condition) ir_condition (c, (condition))
#define GET_THREAD(n) IR_OP0 (Val, DIO_IR_GET_THREAD, (n))
#define SET_THREAD(n, v) ((void) IR_OP1 (Val, DIO_IR_SET_THREAD, (n), v))

/* Enders. */
#define NEXT return DIO_SEM_NEXT
#define BRANCH_IF(condition, to)                                                                   \
  do {                                                                                             \
    uint32_t truth_ = ir_truth (c, condition);                                                     \
    dio_ir_block_append (c->block, DIO_IR_BRANCH, c->offset + (to), truth_, 0, 0, 0);              \
    return DIO_SEM_BRANCH;                                                                         \
  } while (0)
#define JUMP(to)                                                                                   \
  do {                                                                                             \
    ir_append (c, DIO_IR_EXIT, c->offset + (to));                                                  \
    return DIO_SEM_JUMP;                                                                           \
  } while (0)
#define JUMP_REGISTER(v)                                                                           \
  do {                                                                                             \
    ir_unary (c, DIO_IR_JUMP, v);                                                                  \
    return DIO_SEM_TARGET;                                                                         \
  } while (0)
#define RAISE(exception, tval)                                                                     \
  do {                                                                                             \
    Val tval_ = tval;                                                                              \
    ir_immediate (c, DIO_IR_TRAP, exception, tval_, tval_);                                        \
    return DIO_SEM_TRAP;                                                                           \
  } while (0)
#define IR_ENDER(opcode, end)                                                                      \
  do {                                                                                             \
    ir_append (c, opcode, c->offset + c->length);                                                  \
    return end;                                                                                    \
  } while (0)
#define ILLEGAL IR_ENDER (DIO_IR_ILLEGAL, DIO_SEM_TRAP)
#define ENVIRONMENT_CALL IR_ENDER (DIO_IR_ENVIRONMENT_CALL, DIO_SEM_TRAP)
#define NEXT_HALTED IR_ENDER (DIO_IR_HALT, DIO_SEM_HALT)
#define RETURN_TO_PC IR_ENDER (DIO_IR_RETURN, DIO_SEM_RETURN)
#define NEXT_CHANGED(whether)                                                                      \
  do {                                                                                             \
    if (!(whether) || c->plain)                                                                    \
      NEXT;                                                                                        \
    IR_ENDER (DIO_IR_CHANGED, DIO_SEM_CHANGED);                                                    \
  } while (0)
