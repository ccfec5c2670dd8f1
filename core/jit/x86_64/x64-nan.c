/* SPDX-License-Identifier: GPL-3.0-or-later
 * Which NaN comes out of arithmetic in double precision, for guests that have but one.
 *
 * A result of the host that is a NaN must become the guest's before anybody can tell. To compare
 * each result with itself at once takes a third of the time of such code, so it is put off:
 * registers with results that were not looked at are pending. Who computes with a pending register
 * has a NaN as result if there was one, so one look at the last of a chain is enough for all of it:
 * `root` of a register is the one to look at. One comparison looks at two registers.
 *
 * Looked at is what is about to be seen: stored, moved to an integer, saved elsewhere, and
 * everything at the end of a block. Comparisons cannot tell NaNs from each other. Where compiled
 * code may be left in between, at accesses that miss and before instructions for the interpreter,
 * the way out, which is behind the rest, replaces the NaNs among the pending registers first. */
#include "core/jit/x86_64/x64-gen.h"

/* Each pending register costs 15 bytes in every way out. */
#define MAX_PENDING 6

static uint16_t
bit (int reg)
{
  return (uint16_t) (1u << reg);
}

/* The registers that @root stands for, itself among them. */
static uint16_t
chain_of (const DioX64Gen *g, int root)
{
  uint16_t chain = 0;
  for (unsigned rest = g->nans; rest; rest &= rest - 1) {
    int reg = __builtin_ctz (rest);
    if (g->nan_root[reg] == root)
      chain |= bit (reg);
  }
  return chain;
}

static uint16_t
roots (const DioX64Gen *g)
{
  uint16_t all = 0;
  for (unsigned rest = g->nans; rest; rest &= rest - 1)
    all |= bit (g->nan_root[__builtin_ctz (rest)]);
  return all;
}

/* Looks at @root and, as that is free, at another. */
static void
look (DioX64Gen *g, int root)
{
  uint16_t others = (uint16_t) (roots (g) & ~bit (root));
  int other = others ? __builtin_ctz (others) : root;
  DioX64Cold *cold = dio_x64_cold (g, X64_COLD_NANS);
  cold->nans = (uint16_t) (chain_of (g, root) | chain_of (g, other));
  dio_x64_ucomis (&g->a, 8, (DioX64Xmm) root, (DioX64Xmm) other);
  dio_x64_jcc_label (&g->a, DIO_X64_CC_P, &cold->label);
  dio_x64_bind (&g->a, &cold->back);
  g->nans &= (uint16_t) ~cold->nans;
}

void
dio_x64_nans_settle (DioX64Gen *g, DioX64Xmm reg)
{
  if (g->nans & bit (reg))
    look (g, g->nan_root[reg]);
}

void
dio_x64_nans_settle_all (DioX64Gen *g)
{
  while (g->nans)
    look (g, g->nan_root[__builtin_ctz (g->nans)]);
}

void
dio_x64_nans_overwrite (DioX64Gen *g, DioX64Xmm reg)
{
  if (!(g->nans & bit (reg)))
    return;
  g->nans &= (uint16_t) ~bit (reg);
  for (unsigned rest = chain_of (g, reg); rest; rest &= rest - 1)
    g->nan_root[__builtin_ctz (rest)] = (uint8_t) __builtin_ctz (rest);
}

/* The roots among the registers @operands. */
static uint16_t
roots_among (const DioX64Gen *g, uint16_t operands)
{
  uint16_t found = 0;
  for (unsigned rest = operands & g->nans; rest; rest &= rest - 1)
    if (g->nan_root[__builtin_ctz (rest)] == __builtin_ctz (rest))
      found |= bit (__builtin_ctz (rest));
  return found;
}

uint16_t
dio_x64_nans_of (const DioX64Gen *g, uint16_t operands)
{
  uint16_t chains = 0;
  for (unsigned rest = roots_among (g, operands); rest; rest &= rest - 1)
    chains |= chain_of (g, __builtin_ctz (rest));
  return chains;
}

void
dio_x64_nans_result (DioX64Gen *g, DioX64Xmm dst, uint16_t operands)
{
  uint16_t chains = dio_x64_nans_of (g, operands);
  if (!(roots_among (g, operands) & bit (dst)))
    dio_x64_nans_overwrite (g, dst);
  for (unsigned rest = chains & ~bit (dst); rest; rest &= rest - 1)
    g->nan_root[__builtin_ctz (rest)] = (uint8_t) dst;
  g->nans |= bit (dst);
  g->nan_root[dst] = (uint8_t) dst;
  if (__builtin_popcount (g->nans) > MAX_PENDING)
    dio_x64_nans_settle_all (g);
}

/* ---- Before an operation ---- */

void
dio_x64_nans_settle_value (DioX64Gen *g, uint32_t value)
{
  const DioX64Value *v = &g->values[value];
  if (v->where == X64_XMM) {
    dio_x64_nans_settle (g, (DioX64Xmm) v->reg);
  } else if (v->where == X64_VAR && v->reg >= DIO_JIT_F && g->region->host[v->reg] >= 0) {
    dio_x64_nans_settle (g, (DioX64Xmm) g->region->host[v->reg]);
  } else if (v->where == X64_LAZY) {
    const DioIrOp *op = &g->ops[value];
    for (unsigned a = 0; a < dio_ir_op_info[op->opcode].n_arguments; a++)
      dio_x64_nans_settle_value (g, op->arguments[a]);
  }
}

/* A guest register takes a value: nothing is seen if that is in its register already, or stays
 * where it is. */
static void
before_set (DioX64Gen *g, const DioIrOp *op)
{
  unsigned var = (unsigned) dio_jit_var (op);
  int host = g->region->host[var];
  const DioX64Value *v = &g->values[op->arguments[0]];
  if (host < 0 || (v->where == X64_VAR && v->reg == var))
    return;
  dio_x64_nans_settle_value (g, op->arguments[0]);
  dio_x64_nans_settle (g, (DioX64Xmm) host);
}

/* Whose results, functions' too, do not depend on which NaN an operand is. */
static bool
is_blind (const DioIrOp *op)
{
  switch (op->opcode) {
  case DIO_IR_FP_CALL1:
    return op->immediate == DIO_IR_FP_sqrt64;
  case DIO_IR_FP_CALL2:
    return op->immediate == DIO_IR_FP_add64 || op->immediate == DIO_IR_FP_sub64
           || op->immediate == DIO_IR_FP_mul64 || op->immediate == DIO_IR_FP_div64;
  case DIO_IR_FP_CALL3:
    return op->immediate == DIO_IR_FP_fma64;
  case DIO_IR_FP_TEST2:
    return true;
  default:
    return false;
  }
}

/* Can compiled code be left only by ways out that know what is pending? */
static bool
is_prepared (const DioIrOp *op)
{
  switch (op->opcode) {
  case DIO_IR_FP_REQUIRE:
  case DIO_IR_FP_ROUNDING:
  case DIO_IR_FP_CALL1:
  case DIO_IR_FP_CALL2:
  case DIO_IR_FP_CALL3:
  case DIO_IR_FP_TEST1:
  case DIO_IR_FP_TEST2:
    return true;
  default:
    return (op->opcode >= DIO_IR_LOAD_S8 && op->opcode <= DIO_IR_LOAD_U64)
           || (op->opcode >= DIO_IR_STORE_8 && op->opcode <= DIO_IR_STORE_64)
           || !(dio_ir_op_info[op->opcode].effects & ~DIO_IR_READ);
  }
}

void
dio_x64_nans_before (DioX64Gen *g, const DioIrOp *op)
{
  if (!g->nans)
    return;
  if (op->opcode == DIO_IR_SET_F) {
    before_set (g, op);
    return;
  }
  if (is_blind (op))
    return;
  if (op->opcode != DIO_IR_SET_X && !is_prepared (op)) {
    dio_x64_nans_settle_all (g);
    return;
  }
  for (unsigned a = 0; a < dio_ir_op_info[op->opcode].n_arguments; a++)
    dio_x64_nans_settle_value (g, op->arguments[a]);
}

/* ---- Behind the rest ---- */

void
dio_x64_nans_replace (DioX64Gen *g, uint16_t nans)
{
  for (unsigned rest = nans; rest; rest &= rest - 1) {
    DioX64Xmm reg = (DioX64Xmm) __builtin_ctz (rest);
    DioX64Label number = DIO_X64_LABEL_INIT;
    dio_x64_ucomis (&g->a, 8, reg, reg);
    dio_x64_jcc_label (&g->a, DIO_X64_CC_NP, &number);
    dio_x64_movs_xm (&g->a, 8, reg, dio_x64_mem_abs (g->jit->stubs.nan64));
    dio_x64_bind (&g->a, &number);
  }
}
