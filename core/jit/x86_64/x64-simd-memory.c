/* SPDX-License-Identifier: GPL-3.0-or-later
 * Code for atomic operations on vectors, by the guest's functions: plain loads and stores are done
 * as those of words (x64-memory.c). */
#include "core/jit/x86_64/x64-simd-private.h"

/* The first argument is the address, the others are vectors. */
static void
by_access (DioX64Gen *g, const DioIrOp *op)
{
  const DioIrOpInfo *info = &dio_ir_op_info[op->opcode];
  bool wanted = g->values[g->at].last != 0, vector = info->result == DIO_IR_V128;
  int8_t vectors[2] = { 0 };
  DioX64Reg base = dio_x64_gpr_of (g, op->arguments[0]);
  for (unsigned i = 1; i < info->n_arguments; i++)
    vectors[i - 1] = (int8_t) dio_x64_simd_operand (g, op, i);
  unsigned dst = !wanted  ? 0
                 : vector ? (unsigned) dio_x64_result_xmm (g)
                          : (unsigned) dio_x64_result_gpr (g, UINT32_MAX);
  DioX64Cold *cold = dio_x64_access_cold (g, op, base);
  for (unsigned i = 1; i < info->n_arguments; i++)
    cold->args[cold->n_args++] = vectors[i - 1];
  cold->result = wanted ? (int8_t) dst : -1;
  dio_x64_jmp_label (&g->a, &cold->label);
  dio_x64_bind (&g->a, &cold->back);
  if (vector)
    dio_x64_define_xmm (g, (DioX64Xmm) dst, false);
  else
    dio_x64_define_gpr (g, (DioX64Reg) dst);
}

bool
dio_x64_simd_memory (DioX64Gen *g, const DioIrOp *op)
{
  switch (op->opcode) {
  case DIO_IR_LOAD_RESERVED_V128:
  case DIO_IR_STORE_CONDITIONAL_V128:
  case DIO_IR_COMPARE_SWAP_V128:
    by_access (g, op);
    return true;
  default:
    return false;
  }
}
