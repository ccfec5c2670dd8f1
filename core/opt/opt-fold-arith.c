/* SPDX-License-Identifier: GPL-3.0-or-later
 * Rules of folding: arithmetic and logic. */
#include "core/opt/opt-fold-private.h"

/* (x op c1) op c is x op (c1 op c). */
static DioOptFolded
fold_chain (DioOptFold *fold, uint32_t i, int64_t c)
{
  const DioIrOp *op = &fold->ops[i];
  uint32_t a = op->arguments[0], b = op->arguments[1];
  const DioIrOp *inner = &fold->ops[a];
  int64_t c1;
  if (!fold_is_own (fold, a, op->opcode) || !fold_is_constant (fold, inner->arguments[1], &c1))
    return DIO_FOLDED_NOT;
  uint64_t x = (uint64_t) c1, y = (uint64_t) c;
  uint64_t both = op->opcode == DIO_IR_ADD   ? x + y
                  : op->opcode == DIO_IR_MUL ? x * y
                  : op->opcode == DIO_IR_AND ? (x & y)
                  : op->opcode == DIO_IR_OR  ? (x | y)
                                             : (x ^ y);
  return dio_opt_fold_to_op_with (fold, i, op->opcode, inner->arguments[0], b, (int64_t) both);
}

static DioOptFolded
fold_pc (DioOptFold *fold, uint32_t i, uint32_t pc, int64_t c)
{
  int64_t offset;
  if (__builtin_add_overflow (fold->ops[pc].immediate, c, &offset) || offset < -DIO_IR_MAX_OFFSET
      || offset > DIO_IR_MAX_OFFSET)
    return DIO_FOLDED_NOT;
  dio_opt_fold_to_op (fold, i, DIO_IR_PC, 0, 0);
  fold->ops[i].immediate = offset;
  return DIO_FOLDED_DONE;
}

static DioOptFolded
fold_add (DioOptFold *fold, uint32_t i)
{
  uint32_t a = fold->ops[i].arguments[0], b = fold->ops[i].arguments[1];
  int64_t c;
  if (fold_is_constant (fold, b, &c)) {
    if (c == 0)
      return dio_opt_fold_to_value (fold, i, a);
    if (fold->ops[a].opcode == DIO_IR_PC)
      return fold_pc (fold, i, a, c);
    return fold_chain (fold, i, c);
  }
  if (fold_is_own (fold, b, DIO_IR_NEG))
    return dio_opt_fold_to_op (fold, i, DIO_IR_SUB, a, fold->ops[b].arguments[0]);
  if (fold_is_own (fold, a, DIO_IR_NEG))
    return dio_opt_fold_to_op (fold, i, DIO_IR_SUB, b, fold->ops[a].arguments[0]);
  return DIO_FOLDED_NOT;
}

static DioOptFolded
fold_sub (DioOptFold *fold, uint32_t i)
{
  uint32_t a = fold->ops[i].arguments[0], b = fold->ops[i].arguments[1];
  int64_t c;
  if (a == b)
    return dio_opt_fold_to_constant (fold, i, 0);
  if (fold_is_constant (fold, b, &c)) {
    if (c == 0)
      return dio_opt_fold_to_value (fold, i, a);
    return dio_opt_fold_to_op_with (fold, i, DIO_IR_ADD, a, b, (int64_t) (0 - (uint64_t) c));
  }
  if (fold_is_constant (fold, a, &c) && c == 0)
    return dio_opt_fold_to_op (fold, i, DIO_IR_NEG, b, 0);
  if (fold_is_constant (fold, a, &c) && c == -1)
    return dio_opt_fold_to_op (fold, i, DIO_IR_NOT, b, 0);
  if (fold_is_own (fold, b, DIO_IR_NEG))
    return dio_opt_fold_to_op (fold, i, DIO_IR_ADD, a, fold->ops[b].arguments[0]);
  return DIO_FOLDED_NOT;
}

/* The n of a power 2^n, else -1. */
static int
logarithm (int64_t c)
{
  return c && !((uint64_t) c & ((uint64_t) c - 1)) ? __builtin_ctzll ((uint64_t) c) : -1;
}

static DioOptFolded
fold_mul (DioOptFold *fold, uint32_t i)
{
  uint32_t a = fold->ops[i].arguments[0], b = fold->ops[i].arguments[1];
  int64_t c;
  if (!fold_is_constant (fold, b, &c))
    return DIO_FOLDED_NOT;
  if (c == 0)
    return dio_opt_fold_to_constant (fold, i, 0);
  if (c == 1)
    return dio_opt_fold_to_value (fold, i, a);
  if (c == -1)
    return dio_opt_fold_to_op (fold, i, DIO_IR_NEG, a, 0);
  if (logarithm (c) > 0)
    return dio_opt_fold_to_op_with (fold, i, DIO_IR_SHL, a, b, logarithm (c));
  return fold_chain (fold, i, c);
}

/* The upper halves of products by 0. */
static DioOptFolded
fold_mulh (DioOptFold *fold, uint32_t i)
{
  int64_t c;
  for (unsigned argument = 0; argument < 2; argument++)
    if (fold_is_constant (fold, fold->ops[i].arguments[argument], &c) && c == 0)
      return dio_opt_fold_to_constant (fold, i, 0);
  return DIO_FOLDED_NOT;
}

/* By constants. Dividing by 0 gives ones and the dividend. */
static DioOptFolded
fold_divide (DioOptFold *fold, uint32_t i)
{
  const DioIrOp *op = &fold->ops[i];
  uint32_t a = op->arguments[0], b = op->arguments[1];
  bool quotient = op->opcode == DIO_IR_DIV || op->opcode == DIO_IR_DIVU;
  bool is_signed = op->opcode == DIO_IR_DIV || op->opcode == DIO_IR_REM;
  int64_t c;
  if (!fold_is_constant (fold, b, &c))
    return DIO_FOLDED_NOT;
  if (c == 0)
    return quotient ? dio_opt_fold_to_constant (fold, i, -1) : dio_opt_fold_to_value (fold, i, a);
  if (c == 1)
    return quotient ? dio_opt_fold_to_value (fold, i, a) : dio_opt_fold_to_constant (fold, i, 0);
  if (is_signed) {
    if (c != -1)
      return DIO_FOLDED_NOT;
    return quotient ? dio_opt_fold_to_op (fold, i, DIO_IR_NEG, a, 0)
                    : dio_opt_fold_to_constant (fold, i, 0);
  }
  if (logarithm (c) < 0)
    return DIO_FOLDED_NOT;
  return quotient ? dio_opt_fold_to_op_with (fold, i, DIO_IR_SHR, a, b, logarithm (c))
                  : dio_opt_fold_to_op_with (fold, i, DIO_IR_AND, a, b,
                                             (int64_t) fold_mask ((unsigned) logarithm (c)));
}

/* x & c, by the bits that x can have at all. */
static DioOptFolded
fold_mask_off (DioOptFold *fold, uint32_t i, int64_t c)
{
  uint32_t a = fold->ops[i].arguments[0], b = fold->ops[i].arguments[1];
  uint64_t possible = fold_possible (fold, a), mask = (uint64_t) c & possible;
  const DioIrOp *from = &fold->ops[a];
  if (mask == 0)
    return dio_opt_fold_to_constant (fold, i, 0);
  if (mask == possible)
    return dio_opt_fold_to_value (fold, i, a);
  if (from->opcode == DIO_IR_PC && ~(uint64_t) c <= fold->pc_zeros
      && !((uint64_t) from->immediate & ~(uint64_t) c))
    return dio_opt_fold_to_value (fold, i, a);
  if (dio_opt_fold_strip (fold, i, 0, 64 - (unsigned) __builtin_clzll ((uint64_t) c)))
    return DIO_FOLDED_AGAIN;
  if (c == UINT8_MAX)
    return dio_opt_fold_to_op (fold, i, DIO_IR_ZEXT8, a, 0);
  if (c == UINT16_MAX)
    return dio_opt_fold_to_op (fold, i, DIO_IR_ZEXT16, a, 0);
  if (c == UINT32_MAX)
    return dio_opt_fold_to_op (fold, i, DIO_IR_ZEXT32, a, 0);
  /* One that fits the immediate of an instruction. */
  if (c != (int32_t) c && (int64_t) mask == (int32_t) mask && (int64_t) mask != c)
    return dio_opt_fold_to_op_with (fold, i, DIO_IR_AND, a, b, (int64_t) mask);
  return fold_chain (fold, i, c);
}

static DioOptFolded
fold_and (DioOptFold *fold, uint32_t i)
{
  uint32_t a = fold->ops[i].arguments[0], b = fold->ops[i].arguments[1];
  int64_t c;
  if (a == b)
    return dio_opt_fold_to_value (fold, i, a);
  if (fold_is_constant (fold, b, &c))
    return fold_mask_off (fold, i, c);
  return DIO_FOLDED_NOT;
}

/* (x & c1) | (y & c2), as sign injections of floating point are written: x if y is x and the masks
 * cover it; x ^ c2 if y is ~x and they cover it without an overlap. */
static DioOptFolded
fold_injection (DioOptFold *fold, uint32_t i, uint32_t a, uint32_t b)
{
  const DioIrOp *left = &fold->ops[a], *right = &fold->ops[b];
  int64_t c1, c2;
  if (left->opcode != DIO_IR_AND || right->opcode != DIO_IR_AND
      || !fold_is_constant (fold, left->arguments[1], &c1)
      || !fold_is_constant (fold, right->arguments[1], &c2))
    return DIO_FOLDED_NOT;
  uint32_t x = left->arguments[0], y = right->arguments[0];
  uint64_t possible = fold_possible (fold, x);
  if (x == y && !(~(uint64_t) (c1 | c2) & possible))
    return dio_opt_fold_to_value (fold, i, x);
  if (fold->ops[y].opcode == DIO_IR_NOT && fold->ops[y].arguments[0] == x
      && !(~(uint64_t) (c1 ^ c2) & possible))
    return dio_opt_fold_to_op (fold, i, DIO_IR_XOR, x, right->arguments[1]);
  return DIO_FOLDED_NOT;
}

static DioOptFolded
fold_or (DioOptFold *fold, uint32_t i)
{
  uint32_t a = fold->ops[i].arguments[0], b = fold->ops[i].arguments[1];
  int64_t c;
  if (a == b)
    return dio_opt_fold_to_value (fold, i, a);
  if (fold_is_constant (fold, b, &c)) {
    if (c == 0)
      return dio_opt_fold_to_value (fold, i, a);
    if (c == -1)
      return dio_opt_fold_to_constant (fold, i, -1);
    return fold_chain (fold, i, c);
  }
  DioOptFolded folded = fold_injection (fold, i, a, b);
  return folded == DIO_FOLDED_NOT ? fold_injection (fold, i, b, a) : folded;
}

/* x ^ (x & c) is x & ~c. */
static DioOptFolded
fold_cleared (DioOptFold *fold, uint32_t i, uint32_t x, uint32_t masked)
{
  const DioIrOp *op = &fold->ops[masked];
  int64_t c;
  if (!fold_is_own (fold, masked, DIO_IR_AND) || op->arguments[0] != x
      || !fold_is_constant (fold, op->arguments[1], &c))
    return DIO_FOLDED_NOT;
  return dio_opt_fold_to_op_with (fold, i, DIO_IR_AND, x, op->arguments[1], ~c);
}

/* 1 - t of a truth value t: its comparison the other way round, in the place of the number. */
static DioOptFolded
fold_inverted (DioOptFold *fold, uint32_t i, uint32_t widened)
{
  if (!fold_is_own (fold, widened, DIO_IR_WIDEN))
    return DIO_FOLDED_NOT;
  const DioIrOp *truth = &fold->ops[fold->ops[widened].arguments[0]];
  dio_opt_fold_to_op (fold, widened, dio_opt_inverse (truth->opcode), truth->arguments[0],
                      truth->arguments[1]);
  fold->bits[widened] = dio_opt_bits (fold->ops, widened, fold->bits);
  return dio_opt_fold_to_op (fold, i, DIO_IR_WIDEN, widened, 0);
}

static DioOptFolded
fold_xor (DioOptFold *fold, uint32_t i)
{
  uint32_t a = fold->ops[i].arguments[0], b = fold->ops[i].arguments[1];
  DioOptFolded folded = DIO_FOLDED_NOT;
  int64_t c;
  if (a == b)
    return dio_opt_fold_to_constant (fold, i, 0);
  if (fold_is_constant (fold, b, &c)) {
    if (c == 0)
      return dio_opt_fold_to_value (fold, i, a);
    if (c == -1)
      return dio_opt_fold_to_op (fold, i, DIO_IR_NOT, a, 0);
    if (c == 1)
      folded = fold_inverted (fold, i, a);
    return folded == DIO_FOLDED_NOT ? fold_chain (fold, i, c) : folded;
  }
  folded = fold_cleared (fold, i, a, b);
  return folded == DIO_FOLDED_NOT ? fold_cleared (fold, i, b, a) : folded;
}

/* Operations that undo themselves, and -(a - b). */
static DioOptFolded
fold_unary (DioOptFold *fold, uint32_t i)
{
  const DioIrOp *op = &fold->ops[i];
  const DioIrOp *from = &fold->ops[op->arguments[0]];
  if (from->opcode == op->opcode)
    return dio_opt_fold_to_value (fold, i, from->arguments[0]);
  if (op->opcode == DIO_IR_NEG && fold_is_own (fold, op->arguments[0], DIO_IR_SUB))
    return dio_opt_fold_to_op (fold, i, DIO_IR_SUB, from->arguments[1], from->arguments[0]);
  return DIO_FOLDED_NOT;
}

DioOptFolded
dio_opt_fold_arithmetic (DioOptFold *fold, uint32_t i)
{
  switch (fold->ops[i].opcode) {
  case DIO_IR_ADD:
    return fold_add (fold, i);
  case DIO_IR_SUB:
    return fold_sub (fold, i);
  case DIO_IR_MUL:
    return fold_mul (fold, i);
  case DIO_IR_MULH:
  case DIO_IR_MULHU:
  case DIO_IR_MULHSU:
    return fold_mulh (fold, i);
  case DIO_IR_DIV:
  case DIO_IR_DIVU:
  case DIO_IR_REM:
  case DIO_IR_REMU:
    return fold_divide (fold, i);
  case DIO_IR_AND:
    return fold_and (fold, i);
  case DIO_IR_OR:
    return fold_or (fold, i);
  case DIO_IR_XOR:
    return fold_xor (fold, i);
  case DIO_IR_NOT:
  case DIO_IR_NEG:
  case DIO_IR_BSWAP:
    return fold_unary (fold, i);
  default:
    return DIO_FOLDED_NOT;
  }
}
