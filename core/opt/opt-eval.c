/* SPDX-License-Identifier: GPL-3.0-or-later
 * Evaluation of operations on constants: the words of the interpreter, by operation. */
#include "core/opt/opt-eval.h"

#include "core/fp/fp.h"
#include "core/interp/interp-sem.h"

#define UNARY(name)                                                                                \
  case DIO_IR_##name:                                                                              \
    *result = name (a);                                                                            \
    return true;
#define BINARY(name)                                                                               \
  case DIO_IR_##name:                                                                              \
    *result = name (a, b);                                                                         \
    return true;

static bool
evaluate_fp (int64_t function, uint64_t a, uint64_t *result)
{
  switch (function) {
  case DIO_IR_FP_class32:
    *result = dio_fp_class32 ((uint32_t) a);
    return true;
  case DIO_IR_FP_class64:
    *result = dio_fp_class64 (a);
    return true;
  default:
    return false;
  }
}

/* Condition @number of A64 by flags in bits 31 to 28. */
static bool
holds (uint32_t nzcv, unsigned number)
{
  bool n = nzcv >> 31, z = nzcv >> 30 & 1, c = nzcv >> 29 & 1, v = nzcv >> 28 & 1;
  const bool even[] = { z, c, n, v, c && !z, n == v, n == v && !z };
  return number >> 1 == 7 || even[number >> 1] != (number & 1);
}

bool
dio_opt_evaluate (const DioIrOp *op, uint64_t a, uint64_t b, uint64_t *result)
{
  uint8_t exceptions = 0; /* are those of the comparison before */
  switch (op->opcode) {
  case DIO_IR_FP_HOLDS_32:
    *result = holds (dio_fp_soft_compare32 (&exceptions, (uint32_t) a, (uint32_t) b),
                     (unsigned) op->immediate & 15);
    return true;
  case DIO_IR_FP_HOLDS_64:
    *result = holds (dio_fp_soft_compare64 (&exceptions, a, b), (unsigned) op->immediate & 15);
    return true;
  case DIO_IR_CONST:
    *result = CONST (op->immediate);
    return true;
  case DIO_IR_ADD_SHL:
    *result = ADD (a, SHL (b, CONST (op->immediate)));
    return true;
  case DIO_IR_CRC32:
    *result = CRC32 ((DioVecCrc) (op->immediate >> 8 & 1), (unsigned) op->immediate & 15, a, b);
    return true;
  case DIO_IR_FP_PURE1:
    return evaluate_fp (op->immediate, a, result);
#include "core/interp/interp-words.inc"
  default:
    return false;
  }
}
