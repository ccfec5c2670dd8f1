/* SPDX-License-Identifier: GPL-3.0-or-later
 * Rules of folding: shifts, extensions, and values of which only the low bits matter. */
#include "core/opt/opt-fold-private.h"

static DioIrOpcode
extension (bool is_signed, unsigned width)
{
  switch (width) {
  case 8:
    return is_signed ? DIO_IR_SEXT8 : DIO_IR_ZEXT8;
  case 16:
    return is_signed ? DIO_IR_SEXT16 : DIO_IR_ZEXT16;
  default:
    return is_signed ? DIO_IR_SEXT32 : DIO_IR_ZEXT32;
  }
}

/* ---- Shifts ---- */

/* (x << k) >> n, how compilers extend where there is no instruction for it: the extension of the
 * low 64 - k bits, shifted by the difference. */
static DioOptFolded
fold_shift_pair (DioOptFold *fold, uint32_t i, unsigned n)
{
  uint32_t a = fold->ops[i].arguments[0], b = fold->ops[i].arguments[1];
  DioIrOpcode opcode = fold->ops[i].opcode;
  const DioIrOp *left = &fold->ops[a];
  int64_t c;
  if (!fold_is_own (fold, a, DIO_IR_SHL) || !fold_is_constant (fold, left->arguments[1], &c))
    return DIO_FOLDED_NOT;
  unsigned k = c & 63;
  if (k != 32 && k != 48 && k != 56)
    return DIO_FOLDED_NOT;
  DioIrOpcode extend = extension (opcode == DIO_IR_SAR, 64 - k);
  if (n == k)
    return dio_opt_fold_to_op (fold, i, extend, left->arguments[0], 0);
  if (!fold_is_single (fold, b))
    return DIO_FOLDED_NOT;
  dio_opt_fold_to_op (fold, a, extend, left->arguments[0], 0);
  dio_opt_fold_visit (fold, a);
  a = fold->replacement[a];
  fold->ops[i].arguments[0] = a;
  if (n < k)
    return dio_opt_fold_to_op_with (fold, i, DIO_IR_SHL, a, b, k - n);
  return dio_opt_fold_to_op_with (fold, i, opcode, a, b, n - k);
}

/* (x >> k) >> n, and so on. */
static DioOptFolded
fold_shift_chain (DioOptFold *fold, uint32_t i, unsigned n)
{
  const DioIrOp *op = &fold->ops[i];
  uint32_t a = op->arguments[0], b = op->arguments[1];
  const DioIrOp *inner = &fold->ops[a];
  int64_t k;
  if (!fold_is_own (fold, a, op->opcode) || !fold_is_constant (fold, inner->arguments[1], &k))
    return DIO_FOLDED_NOT;
  int64_t both = (k & 63) + n;
  if (both > 63 && op->opcode != DIO_IR_SAR)
    return dio_opt_fold_to_constant (fold, i, 0);
  return dio_opt_fold_to_op_with (fold, i, op->opcode, inner->arguments[0], b, MIN (both, 63));
}

static DioOptFolded
fold_shift (DioOptFold *fold, uint32_t i)
{
  const DioIrOp *op = &fold->ops[i];
  uint32_t a = op->arguments[0], b = op->arguments[1];
  int64_t c;
  if (!fold_is_constant (fold, b, &c))
    return dio_opt_fold_strip (fold, i, 1, 6) ? DIO_FOLDED_AGAIN : DIO_FOLDED_NOT;
  unsigned n = c & 63;
  if (n == 0)
    return dio_opt_fold_to_value (fold, i, a);
  if (op->opcode == DIO_IR_SHR && fold->bits[a].zero_from <= n)
    return dio_opt_fold_to_constant (fold, i, 0);
  DioOptFolded folded = fold_shift_chain (fold, i, n);
  if (folded == DIO_FOLDED_NOT && op->opcode != DIO_IR_SHL)
    folded = fold_shift_pair (fold, i, n);
  if (folded == DIO_FOLDED_NOT && c != n)
    folded = dio_opt_fold_to_op_with (fold, i, op->opcode, a, b, n);
  return folded;
}

static DioOptFolded
fold_rotate (DioOptFold *fold, uint32_t i)
{
  const DioIrOp *op = &fold->ops[i];
  bool narrow = op->opcode == DIO_IR_ROTL32 || op->opcode == DIO_IR_ROTR32;
  unsigned last = narrow ? 31 : 63;
  int64_t c;
  if (narrow && dio_opt_fold_strip (fold, i, 0, 32))
    return DIO_FOLDED_AGAIN;
  if (!fold_is_constant (fold, op->arguments[1], &c))
    return dio_opt_fold_strip (fold, i, 1, narrow ? 5 : 6) ? DIO_FOLDED_AGAIN : DIO_FOLDED_NOT;
  if ((c & last) == 0 && narrow)
    return dio_opt_fold_to_op (fold, i, DIO_IR_ZEXT32, op->arguments[0], 0);
  if ((c & last) == 0)
    return dio_opt_fold_to_value (fold, i, op->arguments[0]);
  return DIO_FOLDED_NOT;
}

/* ---- Extensions ---- */

/* How many arguments of @op give its low bits from nothing but their own low bits. */
static unsigned
narrow_arguments (const DioOptFold *fold, const DioIrOp *op)
{
  int64_t c;
  switch (op->opcode) {
  case DIO_IR_ADD:
  case DIO_IR_SUB:
  case DIO_IR_MUL:
  case DIO_IR_AND:
  case DIO_IR_OR:
  case DIO_IR_XOR:
    return 2;
  case DIO_IR_NOT:
  case DIO_IR_NEG:
    return 1;
  case DIO_IR_SHL:
    return fold_is_constant (fold, op->arguments[1], &c) ? 1 : 0;
  default:
    return 0;
  }
}

/* Lets the operation at @value, of which only the low bits are used, do without extensions of its
 * arguments. */
static bool
narrow (DioOptFold *fold, uint32_t value, unsigned width)
{
  bool changed = false;
  if (!fold_is_single (fold, value))
    return false;
  for (unsigned a = 0, n = narrow_arguments (fold, &fold->ops[value]); a < n; a++)
    changed |= dio_opt_fold_strip (fold, value, a, width);
  if (changed)
    fold->bits[value] = dio_opt_bits (fold->ops, value, fold->bits);
  return changed;
}

/* The load of the same width that extends the other way; else NOP. */
static DioIrOpcode
other_load (DioIrOpcode opcode, bool is_signed, unsigned width)
{
  switch (opcode) {
  case DIO_IR_LOAD_S8:
    return !is_signed && width == 8 ? DIO_IR_LOAD_U8 : DIO_IR_NOP;
  case DIO_IR_LOAD_U8:
    return is_signed && width == 8 ? DIO_IR_LOAD_S8 : DIO_IR_NOP;
  case DIO_IR_LOAD_S16:
    return !is_signed && width == 16 ? DIO_IR_LOAD_U16 : DIO_IR_NOP;
  case DIO_IR_LOAD_U16:
    return is_signed && width == 16 ? DIO_IR_LOAD_S16 : DIO_IR_NOP;
  case DIO_IR_LOAD_S32:
    return !is_signed && width == 32 ? DIO_IR_LOAD_U32 : DIO_IR_NOP;
  case DIO_IR_LOAD_U32:
    return is_signed && width == 32 ? DIO_IR_LOAD_S32 : DIO_IR_NOP;
  default:
    return DIO_IR_NOP;
  }
}

static DioOptFolded
fold_extension (DioOptFold *fold, uint32_t i, bool is_signed, unsigned width)
{
  uint32_t a = fold->ops[i].arguments[0];
  if (is_signed ? fold->bits[a].sign_from <= width : fold->bits[a].zero_from <= width)
    return dio_opt_fold_to_value (fold, i, a);
  if (dio_opt_fold_strip (fold, i, 0, width) || narrow (fold, a, width))
    return DIO_FOLDED_AGAIN;
  DioIrOpcode load = other_load (fold->ops[a].opcode, is_signed, width);
  if (load == DIO_IR_NOP || !fold_is_single (fold, a))
    return DIO_FOLDED_NOT;
  fold->ops[a].opcode = (uint16_t) load;
  fold->bits[a] = dio_opt_bits (fold->ops, a, fold->bits);
  return dio_opt_fold_to_value (fold, i, a);
}

/* A boxed number is well boxed. The other way round is another value for numbers that are not. */
static DioOptFolded
fold_unbox (DioOptFold *fold, uint32_t i)
{
  const DioIrOp *from = &fold->ops[fold->ops[i].arguments[0]];
  if (from->opcode != DIO_IR_BOX)
    return DIO_FOLDED_NOT;
  return dio_opt_fold_to_op (fold, i, DIO_IR_ZEXT32, from->arguments[0], 0);
}

/* An argument of which the operation takes the low @width bits. */
static DioOptFolded
fold_low (DioOptFold *fold, uint32_t i, unsigned argument, unsigned width)
{
  return dio_opt_fold_strip (fold, i, argument, width) ? DIO_FOLDED_AGAIN : DIO_FOLDED_NOT;
}

DioOptFolded
dio_opt_fold_bits (DioOptFold *fold, uint32_t i)
{
  switch (fold->ops[i].opcode) {
  case DIO_IR_SHL:
  case DIO_IR_SHR:
  case DIO_IR_SAR:
    return fold_shift (fold, i);
  case DIO_IR_ROTL:
  case DIO_IR_ROTR:
  case DIO_IR_ROTL32:
  case DIO_IR_ROTR32:
    return fold_rotate (fold, i);
  case DIO_IR_SEXT8:
    return fold_extension (fold, i, true, 8);
  case DIO_IR_SEXT16:
    return fold_extension (fold, i, true, 16);
  case DIO_IR_SEXT32:
    return fold_extension (fold, i, true, 32);
  case DIO_IR_ZEXT8:
    return fold_extension (fold, i, false, 8);
  case DIO_IR_ZEXT16:
    return fold_extension (fold, i, false, 16);
  case DIO_IR_ZEXT32:
    return fold_extension (fold, i, false, 32);
  case DIO_IR_UNBOX:
    return fold_unbox (fold, i);
  case DIO_IR_BOX:
    return fold_low (fold, i, 0, 32);
  case DIO_IR_STORE_8:
    return fold_low (fold, i, 1, 8);
  case DIO_IR_STORE_16:
    return fold_low (fold, i, 1, 16);
  case DIO_IR_STORE_32:
  case DIO_IR_STORE_CONDITIONAL_32:
  case DIO_IR_AMO_swap_32:
  case DIO_IR_AMO_add_32:
  case DIO_IR_AMO_xor_32:
  case DIO_IR_AMO_and_32:
  case DIO_IR_AMO_or_32:
  case DIO_IR_AMO_min_32:
  case DIO_IR_AMO_max_32:
  case DIO_IR_AMO_minu_32:
  case DIO_IR_AMO_maxu_32:
    return fold_low (fold, i, 1, 32);
  default:
    return DIO_FOLDED_NOT;
  }
}
