/* SPDX-License-Identifier: GPL-3.0-or-later
 * Where values are: registers, spill slots, guest registers. See x64-gen.h. */
#include <string.h>

#include "core/jit/x86_64/x64-simd-private.h"

/* Operations looked through between the one that makes a value and the SET that takes it. */
#define HINT_WINDOW 6

static const uint8_t gpr_order[] = {
  DIO_X64_RAX, DIO_X64_R11, DIO_X64_R10, DIO_X64_R9,  DIO_X64_R8,
  DIO_X64_RDI, DIO_X64_RSI, DIO_X64_R13, DIO_X64_R12, DIO_X64_RBX,
};

DioX64Mem
dio_x64_var_mem (const DioX64Gen *g, unsigned var)
{
  if (var < DIO_JIT_F)
    return dio_x64_state (g, g->guest->x + 8 * (int32_t) var);
  if (g->guest->v)
    return dio_x64_state (g, g->guest->v + 16 * (int32_t) (var - DIO_JIT_F));
  return dio_x64_state (g, g->guest->f + 8 * (int32_t) (var - DIO_JIT_F));
}

static DioX64Mem
spill_mem (unsigned slot)
{
  return dio_x64_mem (DIO_X64_RSP, 8 * (int32_t) slot);
}

/* ---- Constants ---- */

bool
dio_x64_constant (const DioX64Gen *g, uint32_t value, int64_t *constant)
{
  if (g->ops[value].opcode != DIO_IR_CONST)
    return false;
  *constant = g->ops[value].immediate;
  return true;
}

bool
dio_x64_constant32 (const DioX64Gen *g, uint32_t value, int32_t *constant)
{
  if (g->ops[value].opcode != DIO_IR_CONST
      || g->ops[value].immediate != (int32_t) g->ops[value].immediate)
    return false;
  *constant = (int32_t) g->ops[value].immediate;
  return true;
}

/* ---- Registers ---- */

static void
lock_gpr (DioX64Gen *g, unsigned reg)
{
  g->gpr_locked |= 1u << reg;
}

static void
lock_xmm (DioX64Gen *g, unsigned reg)
{
  g->xmm_locked |= 1u << reg;
}

/* Of one word, or the first of two. */
static unsigned
take_slot (DioX64Gen *g, bool wide)
{
  uint64_t unused = ~g->spills & ((UINT64_C (1) << X64_SPILLS) - 1);
  if (wide)
    unused &= unused >> 1;
  if (!unused) {
    g->failed = true;
    return 0;
  }
  unsigned slot = (unsigned) __builtin_ctzll (unused);
  g->spills |= (wide ? UINT64_C (3) : UINT64_C (1)) << slot;
  return slot;
}

/* Is a value that names @var used by operation @from or later? */
static bool
alias_lives (const DioX64Gen *g, unsigned var, uint32_t from)
{
  for (int32_t value = g->alias[var]; value >= 0; value = g->values[value].alias)
    if (g->values[value].last >= from || g->values[value].bound)
      return true;
  return false;
}

static bool flush_value (DioX64Gen *g, uint32_t value);

static void
spill_gpr (DioX64Gen *g, unsigned reg)
{
  DioX64Value *value = &g->values[g->gpr_owner[reg]];
  if (value->bound && flush_value (g, (uint32_t) g->gpr_owner[reg]))
    return;
  unsigned slot = take_slot (g, false);
  dio_x64_mov_mr (&g->a, 8, spill_mem (slot), reg);
  value->where = X64_SPILL;
  value->reg = (uint8_t) slot;
  g->moved |= value->bound != 0;
  value->vector = false;
  value->single = false;
  g->gpr_owner[reg] = X64_FREE;
}

static void
spill_xmm (DioX64Gen *g, unsigned reg)
{
  dio_x64_nans_settle (g, (DioX64Xmm) reg);
  DioX64Value *value = &g->values[g->xmm_owner[reg]];
  if (value->bound && flush_value (g, (uint32_t) g->xmm_owner[reg]))
    return;
  bool wide = dio_x64_is_wide (g, (uint32_t) g->xmm_owner[reg]);
  unsigned slot = take_slot (g, wide);
  dio_x64_store_xmm (g, wide, spill_mem (slot), reg);
  value->where = X64_SPILL;
  value->reg = (uint8_t) slot;
  g->moved |= value->bound != 0;
  value->vector = true;
  g->xmm_owner[reg] = X64_FREE;
}

static uint32_t
next_use (const DioX64Gen *g, int32_t value)
{
  const DioX64Value *v = &g->values[value];
  return v->last < g->at ? UINT32_MAX : v->last;
}

/* The unlocked register whose value is used last, or only to be written to a guest register. */
static int
victim (const DioX64Gen *g, const int32_t *owners, uint32_t locked)
{
  int best = -1;
  for (int reg = 0; reg < 16; reg++) {
    if (owners[reg] < 0 || (locked >> reg & 1))
      continue;
    if (best < 0 || next_use (g, owners[reg]) > next_use (g, owners[best]))
      best = reg;
  }
  return best;
}

int
dio_x64_free_gpr (const DioX64Gen *g)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (gpr_order); i++)
    if (g->gpr_owner[gpr_order[i]] == X64_FREE && !(g->gpr_locked >> gpr_order[i] & 1))
      return gpr_order[i];
  return -1;
}

DioX64Reg
dio_x64_take_gpr (DioX64Gen *g)
{
  int reg = dio_x64_free_gpr (g);
  if (reg < 0) {
    reg = victim (g, g->gpr_owner, g->gpr_locked);
    if (reg >= 0)
      spill_gpr (g, (unsigned) reg);
    else if (dio_x64_drop_group (g))
      reg = dio_x64_free_gpr (g);
    if (reg < 0) {
      g->failed = true;
      return DIO_X64_RAX;
    }
  }
  lock_gpr (g, (unsigned) reg);
  return (DioX64Reg) reg;
}

static int
free_xmm (const DioX64Gen *g)
{
  for (int i = 2; i < 16; i++)
    if (g->xmm_owner[i] == X64_FREE && !(g->xmm_locked >> i & 1))
      return i;
  return -1;
}

DioX64Xmm
dio_x64_take_xmm (DioX64Gen *g)
{
  int reg = free_xmm (g);
  if (reg < 0) {
    reg = victim (g, g->xmm_owner, g->xmm_locked);
    if (reg < 0) {
      g->failed = true;
      return DIO_X64_XMM2;
    }
    spill_xmm (g, (unsigned) reg);
  }
  dio_x64_nans_overwrite (g, (DioX64Xmm) reg);
  lock_xmm (g, (unsigned) reg);
  return (DioX64Xmm) reg;
}

void
dio_x64_evict_gpr (DioX64Gen *g, DioX64Reg reg)
{
  for (unsigned i = 0; i < X64_GROUPS; i++)
    if (g->groups[i].active && g->groups[i].reg == reg) {
      g->groups[i].active = false;
      g->gpr_owner[reg] = X64_FREE;
    }
  if (g->gpr_owner[reg] < 0) {
    lock_gpr (g, reg);
    return;
  }
  lock_gpr (g, reg);
  int32_t owner = g->gpr_owner[reg];
  int other = dio_x64_free_gpr (g);
  if (other < 0) {
    spill_gpr (g, reg);
    return;
  }
  dio_x64_mov_rr (&g->a, 8, (DioX64Reg) other, reg);
  g->gpr_owner[other] = owner;
  g->gpr_owner[reg] = X64_FREE;
  g->values[owner].reg = (uint8_t) other;
  g->moved |= g->values[owner].bound != 0;
  lock_gpr (g, (unsigned) other);
}

/* ---- Where values are ---- */

static void
add_alias (DioX64Gen *g, uint32_t value, unsigned var)
{
  g->values[value].where = X64_VAR;
  g->values[value].reg = (uint8_t) var;
  g->values[value].alias = g->alias[var];
  g->alias[var] = (int32_t) value;
}

static void
drop_alias (DioX64Gen *g, uint32_t value)
{
  int32_t *link = &g->alias[g->values[value].reg];
  while (*link >= 0 && *link != (int32_t) value)
    link = &g->values[*link].alias;
  if (*link >= 0)
    *link = g->values[value].alias;
}

static void
leave (DioX64Gen *g, uint32_t value)
{
  DioX64Value *v = &g->values[value];
  g->moved |= v->bound != 0;
  switch (v->where) {
  case X64_VAR:
    drop_alias (g, value);
    break;
  case X64_GPR: /* the result may have taken it over */
    if (g->gpr_owner[v->reg] == (int32_t) value)
      g->gpr_owner[v->reg] = X64_FREE;
    break;
  case X64_XMM:
    if (g->xmm_owner[v->reg] == (int32_t) value) {
      g->xmm_owner[v->reg] = X64_FREE;
      dio_x64_nans_overwrite (g, (DioX64Xmm) v->reg);
    }
    break;
  case X64_SPILL:
    g->spills &= ~((dio_x64_is_wide (g, value) ? UINT64_C (3) : UINT64_C (1)) << v->reg);
    break;
  default:
    break;
  }
  v->where = X64_NOWHERE;
}

static void
settle_gpr (DioX64Gen *g, uint32_t value, unsigned reg)
{
  leave (g, value);
  g->values[value].where = X64_GPR;
  g->values[value].reg = (uint8_t) reg;
  g->gpr_owner[reg] = (int32_t) value;
}

static void
settle_xmm (DioX64Gen *g, uint32_t value, unsigned reg, bool single)
{
  leave (g, value);
  g->values[value].where = X64_XMM;
  g->values[value].reg = (uint8_t) reg;
  g->values[value].single = single;
  g->values[value].clean = 0;
  g->xmm_owner[reg] = (int32_t) value;
}

bool
dio_x64_in_memory (DioX64Gen *g, uint32_t value, DioX64Mem *mem)
{
  const DioX64Value *v = &g->values[value];
  if (v->where == X64_SPILL && !v->single) {
    *mem = spill_mem (v->reg);
    return true;
  }
  if (v->where == X64_VAR && g->region->host[v->reg] < 0) {
    *mem = dio_x64_var_mem (g, v->reg);
    return true;
  }
  return false;
}

/* @offset from the page's start; optimisation adds constants of any size to it. */
static void
make_pc (DioX64Gen *g, DioX64Reg reg, int64_t offset)
{
  if (offset != (int32_t) offset) {
    dio_x64_mov_ri (&g->a, reg, (uint64_t) offset);
    dio_x64_alu_rm (&g->a, DIO_X64_ADD, 8, reg, X64_VCPU (g, page));
    return;
  }
  dio_x64_mov_rm (&g->a, 8, reg, X64_VCPU (g, page));
  if (offset)
    dio_x64_alu_ri (&g->a, DIO_X64_ADD, 8, reg, (int32_t) offset);
}

static void
make_lazy (DioX64Gen *g, DioX64Reg reg, uint32_t value)
{
  const DioIrOp *op = &g->ops[value];
  if (op->opcode == DIO_IR_CONST) {
    dio_x64_mov_ri (&g->a, reg, (uint64_t) op->immediate);
  } else if (op->opcode == DIO_IR_PC) {
    make_pc (g, reg, g->block->offset + op->immediate);
  } else if (op->opcode == DIO_IR_FP_ROUNDING) {
    dio_x64_mov_ri (&g->a, reg, 0);
  } else {
    g->failed = true; /* comparisons are made by who uses them */
  }
}

void
dio_x64_move_to_gpr (DioX64Gen *g, DioX64Reg reg, uint32_t value)
{
  const DioX64Value *v = &g->values[value];
  DioX64Mem mem;
  if (v->where == X64_LAZY)
    make_lazy (g, reg, value);
  else if (v->where == X64_GPR) {
    if (v->reg != reg)
      dio_x64_mov_rr (&g->a, 8, reg, v->reg);
  } else if (v->where == X64_XMM)
    dio_x64_movq_rx (&g->a, v->single ? 4 : 8, reg, v->reg);
  else if (v->where == X64_SPILL)
    dio_x64_mov_rm (&g->a, v->single ? 4 : 8, reg, spill_mem (v->reg));
  else if (dio_x64_in_memory (g, value, &mem))
    dio_x64_mov_rm (&g->a, 8, reg, mem);
  else if (v->where == X64_VAR && v->reg >= DIO_JIT_F)
    dio_x64_movq_rx (&g->a, 8, reg, (DioX64Xmm) g->region->host[v->reg]);
  else if (v->where == X64_VAR) {
    if (g->region->host[v->reg] != (int8_t) reg)
      dio_x64_mov_rr (&g->a, 8, reg, (DioX64Reg) g->region->host[v->reg]);
  } else
    g->failed = true;
}

int
dio_x64_register_of (const DioX64Gen *g, uint32_t value)
{
  const DioX64Value *v = &g->values[value];
  if (v->where == X64_GPR)
    return v->reg;
  if (v->where == X64_VAR && v->reg < DIO_JIT_F)
    return g->region->host[v->reg];
  return -1;
}

DioX64Reg
dio_x64_gpr_of (DioX64Gen *g, uint32_t value)
{
  const DioX64Value *v = &g->values[value];
  if (v->where == X64_GPR) {
    lock_gpr (g, v->reg);
    return v->reg;
  }
  if (v->where == X64_VAR && v->reg < DIO_JIT_F && g->region->host[v->reg] >= 0)
    return (DioX64Reg) g->region->host[v->reg];
  DioX64Reg reg = dio_x64_take_gpr (g);
  dio_x64_move_to_gpr (g, reg, value);
  /* A lazy value is not kept, as its place may be wanted for others; it is made again. */
  if (v->where != X64_LAZY)
    settle_gpr (g, value, reg);
  return reg;
}

static void
move_to_xmm (DioX64Gen *g, DioX64Xmm reg, uint32_t value)
{
  const DioX64Value *v = &g->values[value];
  DioX64Mem mem;
  int64_t constant;
  if (v->where == X64_XMM) {
    if (v->reg != reg)
      dio_x64_movaps_xx (&g->a, reg, v->reg);
  } else if (v->where == X64_VAR && v->reg >= DIO_JIT_F && g->region->host[v->reg] >= 0) {
    if (g->region->host[v->reg] != (int8_t) reg)
      dio_x64_movaps_xx (&g->a, reg, (DioX64Xmm) g->region->host[v->reg]);
  } else if (v->where == X64_SPILL) {
    dio_x64_load_xmm (g, dio_x64_is_wide (g, value), reg, spill_mem (v->reg));
  } else if (dio_x64_in_memory (g, value, &mem)) {
    dio_x64_load_xmm (g, dio_x64_is_wide (g, value), reg, mem);
  } else if (v->where == X64_GPR) {
    dio_x64_movq_xr (&g->a, 8, reg, v->reg);
  } else if (v->where == X64_VAR) {
    dio_x64_movq_xr (&g->a, 8, reg, (DioX64Reg) g->region->host[v->reg]);
  } else if (dio_x64_constant (g, value, &constant) && constant == 0) {
    dio_x64_pxor_xx (&g->a, reg, reg);
  } else {
    make_lazy (g, DIO_X64_RCX, value);
    dio_x64_movq_xr (&g->a, 8, reg, DIO_X64_RCX);
  }
}

DioX64Xmm
dio_x64_xmm_of (DioX64Gen *g, uint32_t value)
{
  const DioX64Value *v = &g->values[value];
  if (v->where == X64_XMM) {
    lock_xmm (g, v->reg);
    return (DioX64Xmm) v->reg;
  }
  if (v->where == X64_VAR && v->reg >= DIO_JIT_F && g->region->host[v->reg] >= 0)
    return (DioX64Xmm) g->region->host[v->reg];
  DioX64Xmm reg = dio_x64_take_xmm (g);
  move_to_xmm (g, reg, value);
  if (v->where != X64_LAZY) {
    settle_xmm (g, value, reg, v->where == X64_SPILL && v->single);
    g->values[value].clean = dio_x64_is_wide (g, value) ? 0 : 8; /* by a load or move of 64 bits */
  }
  return reg;
}

/* ---- Results ---- */

/* A vector of @value and zeros? */
static bool
is_made_of (const DioX64Gen *g, const DioIrOp *op, uint32_t value)
{
  int64_t high;
  return op->opcode == DIO_IR_VEC_MAKE && op->arguments[0] == value
         && dio_x64_constant (g, op->arguments[1], &high) && high == 0;
}

/* The variable that the result of the operation at hand goes to, if its register may be written at
 * once: nothing may look at the old contents from here to the SET. */
static int
hint (const DioX64Gen *g)
{
  uint32_t result = g->at;
  for (uint32_t i = g->at + 1; i < g->n_ops && i <= g->at + HINT_WINDOW; i++) {
    const DioIrOp *op = &g->ops[i];
    if (!g->aside && is_made_of (g, op, result)) {
      result = i;
      continue;
    }
    if (dio_jit_is_set (op) && op->arguments[0] == result) {
      int var = dio_jit_var (op);
      return g->region->host[var] >= 0 && !alias_lives (g, (unsigned) var, g->at + 1) ? var : -1;
    }
    if (op->opcode != DIO_IR_NOP && op->opcode != DIO_IR_CONST && op->opcode != DIO_IR_PC)
      return -1;
  }
  return -1;
}

DioX64Reg
dio_x64_result_gpr (DioX64Gen *g, uint32_t reuse)
{
  int var = hint (g);
  if (var >= 0 && var < DIO_JIT_F)
    return (DioX64Reg) g->region->host[var];
  if (reuse != UINT32_MAX && !g->values[reuse].bound && g->values[reuse].where == X64_GPR
      && g->values[reuse].last <= g->at) {
    lock_gpr (g, g->values[reuse].reg);
    return g->values[reuse].reg;
  }
  return dio_x64_take_gpr (g);
}

DioX64Xmm
dio_x64_result_xmm (DioX64Gen *g)
{
  int var = hint (g);
  if (var >= DIO_JIT_F)
    return (DioX64Xmm) g->region->host[var];
  if (g->apart && free_xmm (g) >= 0)
    return dio_x64_take_xmm (g);
  /* The register of an operand that is not used again, the first first. */
  const DioIrOp *op = &g->ops[g->at];
  for (unsigned a = 0; a < dio_ir_op_info[op->opcode].n_arguments; a++) {
    const DioX64Value *v = &g->values[op->arguments[a]];
    if (v->where == X64_XMM && !v->bound && v->last <= g->at
        && g->xmm_owner[v->reg] == (int32_t) op->arguments[a])
      return (DioX64Xmm) v->reg;
  }
  return dio_x64_take_xmm (g);
}

void
dio_x64_define_gpr (DioX64Gen *g, DioX64Reg reg)
{
  if (g->values[g->at].last == 0)
    return; /* nobody uses it */
  int var = hint (g);
  if (var >= 0 && var < DIO_JIT_F && g->region->host[var] == (int8_t) reg) {
    add_alias (g, g->at, (unsigned) var);
    return;
  }
  g->values[g->at].where = X64_GPR;
  g->values[g->at].reg = (uint8_t) reg;
  g->gpr_owner[reg] = (int32_t) g->at;
}

/* What a guest register takes unboxed is 64 bits. */
static void
clear_upper (DioX64Gen *g, DioX64Xmm reg)
{
  dio_x64_movq_rx (&g->a, 4, DIO_X64_RCX, reg);
  dio_x64_movq_xr (&g->a, 4, reg, DIO_X64_RCX);
}

static void
define_xmm (DioX64Gen *g, DioX64Xmm reg, bool single, unsigned clean)
{
  if (g->values[g->at].last == 0)
    return;
  int var = hint (g);
  if (var >= DIO_JIT_F && g->region->host[var] == (int8_t) reg) {
    bool word = g->guest->v && !dio_x64_is_wide (g, g->at);
    if (word && !single && !clean) {
      dio_x64_simd_low (g, reg, reg);
      clean = 8;
    } else if (single && clean != 4) {
      clear_upper (g, reg);
      clean = 4;
    }
    g->clean[var - DIO_JIT_F] = (uint8_t) clean;
    add_alias (g, g->at, (unsigned) var);
    return;
  }
  g->values[g->at].where = X64_XMM;
  g->values[g->at].reg = (uint8_t) reg;
  g->values[g->at].single = single && clean != 4;
  g->values[g->at].clean = (uint8_t) clean;
  g->xmm_owner[reg] = (int32_t) g->at;
}

void
dio_x64_define_xmm (DioX64Gen *g, DioX64Xmm reg, bool single)
{
  dio_x64_define_clean (g, reg, single, 0);
}

void
dio_x64_define_clean (DioX64Gen *g, DioX64Xmm reg, bool single, unsigned clean)
{
  dio_x64_nans_overwrite (g, reg);
  define_xmm (g, reg, single, clean);
}

unsigned
dio_x64_clean_of (const DioX64Gen *g, uint32_t value)
{
  const DioX64Value *v = &g->values[value];
  if (v->where == X64_XMM)
    return v->single && v->clean > 4 ? 0 : v->clean;
  if (g->guest->v && v->where == X64_VAR && v->reg >= DIO_JIT_F && g->region->host[v->reg] >= 0)
    return g->clean[v->reg - DIO_JIT_F];
  return 0;
}

void
dio_x64_define_same (DioX64Gen *g, uint32_t value)
{
  const DioX64Value *v = &g->values[value];
  unsigned clean = dio_x64_clean_of (g, value);
  if (v->where == X64_VAR) {
    if (g->values[g->at].last)
      add_alias (g, g->at, v->reg);
    return;
  }
  DioX64Xmm from = dio_x64_xmm_of (g, value);
  DioX64Xmm dst = dio_x64_result_xmm (g);
  if (dst != from)
    dio_x64_movaps_xx (&g->a, dst, from);
  dio_x64_define_clean (g, dst, false, clean);
}

DioX64Xmm
dio_x64_load_low (DioX64Gen *g, uint32_t value, uint32_t vector, unsigned w)
{
  DioX64Mem mem;
  DioX64Xmm reg = dio_x64_take_xmm (g);
  if (!dio_x64_in_memory (g, vector, &mem))
    g->failed = true;
  else
    dio_x64_movs_xm (&g->a, w, reg, mem);
  settle_xmm (g, value, reg, false);
  g->values[value].clean = (uint8_t) w;
  return reg;
}

void
dio_x64_define_double (DioX64Gen *g, DioX64Xmm reg, uint16_t operands)
{
  if (g->values[g->at].last)
    dio_x64_nans_result (g, reg, operands);
  else
    dio_x64_nans_overwrite (g, reg);
  define_xmm (g, reg, false, 0);
}

/* ---- Guest registers ---- */

/* Values that name @var and live on get a place of their own. */
static void
save_aliases (DioX64Gen *g, unsigned var, uint32_t but)
{
  int32_t next;
  for (int32_t value = g->alias[var]; value >= 0; value = next) {
    next = g->values[value].alias;
    if (value == (int32_t) but || (g->values[value].last < g->at && !g->values[value].bound))
      continue;
    if (var >= DIO_JIT_F) {
      DioX64Xmm reg = dio_x64_take_xmm (g);
      unsigned clean = dio_x64_clean_of (g, (uint32_t) value);
      move_to_xmm (g, reg, (uint32_t) value);
      settle_xmm (g, (uint32_t) value, reg, false);
      g->values[value].clean = (uint8_t) clean;
    } else {
      DioX64Reg reg = dio_x64_take_gpr (g);
      dio_x64_move_to_gpr (g, reg, (uint32_t) value);
      settle_gpr (g, (uint32_t) value, reg);
    }
  }
}

/* ---- Bindings ---- */

#define SAVED_SPILLS 50 /* behind what the stubs save and the return address */

static void
unbind (DioX64Gen *g, unsigned var)
{
  int32_t value = g->binding[var];
  if (value < 0)
    return;
  g->binding[var] = -1;
  g->moved = true;
  if (--g->values[value].bound == 0 && g->values[value].last < g->at)
    leave (g, (uint32_t) value);
}

static DioJitPlace
place_of (DioX64Gen *g, unsigned var)
{
  uint32_t value = (uint32_t) g->binding[var];
  const DioX64Value *v = &g->values[value];
  const DioIrOp *op = &g->ops[value];
  DioJitPlace place = { .var = (uint8_t) var, .kind = DIO_JIT_PLACE_SAVED };
  switch (v->where) {
  case X64_GPR:
    place.slot = v->reg;
    break;
  case X64_XMM:
    place.slot = (uint16_t) (16 + 2 * v->reg);
    break;
  case X64_SPILL:
    place.slot = (uint16_t) (SAVED_SPILLS + v->reg);
    break;
  case X64_VAR: /* with a host register: see bind() */
    place.slot = (uint16_t) (v->reg < DIO_JIT_F ? g->region->host[v->reg]
                                                : 16 + 2 * g->region->host[v->reg]);
    break;
  default:
    place.kind = op->opcode == DIO_IR_PC ? DIO_JIT_PLACE_PC : DIO_JIT_PLACE_CONSTANT;
    place.value = op->immediate + (op->opcode == DIO_IR_PC ? g->block->offset : 0);
    if (op->opcode != DIO_IR_PC && op->opcode != DIO_IR_CONST)
      g->failed = true;
    break;
  }
  return place;
}

static void
store_place (DioX64Gen *g, const DioJitPlace *place)
{
  DioX64Mem mem = dio_x64_var_mem (g, place->var);
  if (place->kind == DIO_JIT_PLACE_CONSTANT && place->value == (int32_t) place->value) {
    dio_x64_mov_mi (&g->a, 8, mem, (int32_t) place->value);
    return;
  }
  DioX64Reg reg = DIO_X64_RCX;
  if (place->kind == DIO_JIT_PLACE_CONSTANT) {
    dio_x64_mov_ri (&g->a, reg, (uint64_t) place->value);
  } else if (place->kind == DIO_JIT_PLACE_PC) {
    dio_x64_mov_rm (&g->a, 8, reg, X64_VCPU (g, page));
    dio_x64_lea (&g->a, 8, reg, dio_x64_mem (reg, (int32_t) place->value));
  } else if (place->slot >= SAVED_SPILLS && place->var >= DIO_JIT_F && g->guest->v) {
    dio_x64_movups_xm (&g->a, DIO_X64_XMM0, spill_mem (place->slot - SAVED_SPILLS));
    dio_x64_movups_mx (&g->a, mem, DIO_X64_XMM0);
    return;
  } else if (place->slot >= SAVED_SPILLS) {
    dio_x64_mov_rm (&g->a, 8, reg, spill_mem (place->slot - SAVED_SPILLS));
  } else if (place->slot >= 16) {
    dio_x64_store_xmm (g, place->var >= DIO_JIT_F && g->guest->v, mem,
                       (DioX64Xmm) ((place->slot - 16) / 2));
    return;
  } else {
    reg = (DioX64Reg) place->slot;
  }
  dio_x64_mov_mr (&g->a, 8, mem, reg);
}

void
dio_x64_store_places (DioX64Gen *g, uint32_t first, uint32_t count)
{
  for (uint32_t i = first; i < first + count; i++) {
    DioJitPlace place = g_array_index (g->code->places, DioJitPlace, i);
    store_place (g, &place);
  }
}

void
dio_x64_snapshot (DioX64Gen *g)
{
  if (!g->moved)
    return;
  g->places = g->code->places->len;
  for (unsigned var = 0; var < DIO_JIT_N_VARS; var++) {
    if (g->binding[var] < 0)
      continue;
    DioJitPlace place = place_of (g, var);
    g_array_append_val (g->code->places, place);
  }
  g->n_places = g->code->places->len - g->places;
  g->moved = false;
}

/* Values that name what the CPU structure has as @var get a place of their own before. */
static void
flush_var (DioX64Gen *g, unsigned var)
{
  save_aliases (g, var, UINT32_MAX);
  if (g->binding[var] < 0)
    return; /* by save_aliases(), for want of a register */
  dio_x64_nans_settle_value (g, (uint32_t) g->binding[var]);
  DioJitPlace place = place_of (g, var);
  store_place (g, &place);
  unbind (g, var);
}

void
dio_x64_flush (DioX64Gen *g)
{
  for (unsigned var = 0; var < DIO_JIT_N_VARS; var++)
    if (g->binding[var] >= 0)
      flush_var (g, var);
}

/* Frees the register of @value, which is bound: it is in the CPU structure from now on. False if
 * that would overwrite what another value still names. */
static bool
flush_value (DioX64Gen *g, uint32_t value)
{
  for (unsigned var = 0; var < DIO_JIT_N_VARS; var++)
    if (g->binding[var] == (int32_t) value && alias_lives (g, var, g->at))
      return false;
  unsigned home = DIO_JIT_N_VARS;
  for (unsigned var = 0; var < DIO_JIT_N_VARS; var++) {
    if (g->binding[var] != (int32_t) value)
      continue;
    DioJitPlace place = place_of (g, var);
    store_place (g, &place);
    g->binding[var] = -1;
    home = var;
  }
  g->moved = true;
  g->values[value].bound = 0;
  leave (g, value);
  if (g->values[value].last >= g->at)
    add_alias (g, value, home);
  return true;
}

static void
bind (DioX64Gen *g, unsigned var, uint32_t value, bool same)
{
  const DioX64Value *v = &g->values[value];
  if (g->binding[var] == (int32_t) value)
    return;
  if (!same && v->where == X64_VAR && g->region->host[v->reg] < 0) {
    /* What another variable has in memory may be overwritten by a flush. */
    if (v->reg < DIO_JIT_F)
      dio_x64_gpr_of (g, value);
    else
      dio_x64_xmm_of (g, value);
  }
  unbind (g, var);
  if (same)
    return;
  g->binding[var] = (int32_t) value;
  g->values[value].bound++;
  g->moved = true;
}

void
dio_x64_set_var (DioX64Gen *g, unsigned var, uint32_t value)
{
  DioX64Value *v = &g->values[value];
  int8_t host = g->region->host[var];
  bool same = v->where == X64_VAR && v->reg == var;
  /* Of a single the upper half may be anything in its register. */
  if (v->single && (v->where == X64_XMM || v->where == X64_SPILL))
    dio_x64_gpr_of (g, value);
  if (host < 0) {
    bind (g, var, value, same);
    return;
  }
  if (!same)
    save_aliases (g, var, value);
  g->dirty |= UINT64_C (1) << var;
  if (same)
    return;
  if (var >= DIO_JIT_F)
    g->clean[var - DIO_JIT_F] = (uint8_t) dio_x64_clean_of (g, value);
  if (var >= DIO_JIT_F)
    move_to_xmm (g, (DioX64Xmm) host, value);
  else
    dio_x64_move_to_gpr (g, (DioX64Reg) host, value);
  /* The place it had is free for others from now on. */
  bool whole = v->where == X64_GPR || (v->where == X64_XMM && !v->single);
  if (whole && v->last > g->at) {
    leave (g, value);
    add_alias (g, value, var);
  }
}

/* ---- Blocks and operations ---- */

static void
reset_owners (DioX64Gen *g)
{
  for (unsigned i = 0; i < 16; i++) {
    g->gpr_owner[i] = X64_TAKEN;
    g->xmm_owner[i] = i < 2 ? X64_TAKEN : X64_FREE;
  }
  for (unsigned i = 0; i < G_N_ELEMENTS (gpr_order); i++)
    g->gpr_owner[gpr_order[i]] = X64_FREE;
  for (unsigned var = 0; var < DIO_JIT_N_VARS; var++) {
    g->alias[var] = g->binding[var] = -1;
    if (g->region->host[var] < 0)
      continue;
    if (var < DIO_JIT_F)
      g->gpr_owner[g->region->host[var]] = X64_TAKEN;
    else
      g->xmm_owner[g->region->host[var]] = X64_TAKEN;
  }
  g->gpr_locked = g->xmm_locked = 0;
  g->spills = 0;
  g->moved = true;
}

static bool
fp_argument (const DioIrOp *op, unsigned argument)
{
  switch (op->opcode) {
  case DIO_IR_SET_F:
  case DIO_IR_UNBOX:
  case DIO_IR_BOX:
  case DIO_IR_FP_TEST1:
  case DIO_IR_FP_TEST2:
  case DIO_IR_FLAGS_FP_32:
  case DIO_IR_FLAGS_FP_64:
    return true;
  case DIO_IR_FP_CALL1:
    return argument > 0
           && (op->immediate < DIO_IR_FP_i32_to_f32 || op->immediate > DIO_IR_FP_u64_to_f64);
  case DIO_IR_FP_CALL2:
  case DIO_IR_FP_CALL3:
    return argument > 0;
  default:
    return false;
  }
}

/* Nothing happens between the operations: what the first one takes is still there. */
static bool
is_quiet (const DioX64Gen *g, uint32_t from, uint32_t to)
{
  for (uint32_t i = from + 1; i < to; i++)
    if (dio_ir_op_info[g->ops[i].opcode].effects & ~DIO_IR_READ)
      return false;
  return true;
}

/* SEXT32 of an operation that can be done in 32 bits, with no use but this. */
static bool
is_word_pair (const DioX64Gen *g, uint32_t outer, const uint8_t *uses)
{
  const DioIrOp *op = &g->ops[outer];
  if ((op->opcode != DIO_IR_SEXT32 && op->opcode != DIO_IR_ZEXT32)
      || g->values[outer].where == X64_LAZY)
    return false;
  uint32_t inner = op->arguments[0];
  if (uses[inner] != 1)
    return false;
  int64_t count;
  switch (g->ops[inner].opcode) {
  case DIO_IR_ADD:
  case DIO_IR_SUB:
  case DIO_IR_MUL:
  case DIO_IR_AND:
  case DIO_IR_OR:
  case DIO_IR_XOR:
  case DIO_IR_NEG:
  case DIO_IR_NOT:
    break;
  case DIO_IR_SHL:
    if (!dio_x64_constant (g, g->ops[inner].arguments[1], &count) || count < 0 || count > 31)
      return false;
    break;
  default:
    return false;
  }
  return is_quiet (g, inner, outer);
}

/* The inversion that ANDN makes. */
static void
mark_inversion (DioX64Gen *g, uint32_t at, const uint8_t *uses)
{
  for (unsigned i = 0; i < 2; i++) {
    uint32_t value = g->ops[at].arguments[i];
    if (g->ops[value].opcode != DIO_IR_NOT || uses[value] != 1 || !is_quiet (g, value, at))
      continue;
    g->values[value].where = X64_LAZY;
    return;
  }
}

/* Does the low half tell all of @value, by its sign? */
static bool
is_word (const DioX64Gen *g, uint32_t value)
{
  int32_t constant;
  return g->ops[value].opcode == DIO_IR_SEXT32 || g->ops[value].opcode == DIO_IR_LOAD_S32
         || dio_x64_constant32 (g, value, &constant);
}

/* Of the comparison at @at: two words are compared without being extended, and of a number that is
 * compared with zero bits are tested without being cut out. */
static void
mark_compared (DioX64Gen *g, uint32_t at, const uint8_t *uses)
{
  const DioIrOp *op = &g->ops[at];
  int64_t zero;
  uint32_t first = op->arguments[0];
  if (op->opcode <= DIO_IR_NE && g->ops[first].opcode == DIO_IR_AND && uses[first] == 1
      && dio_x64_constant (g, op->arguments[1], &zero) && zero == 0)
    g->values[first].where = X64_LAZY;
  if (!is_word (g, first) || !is_word (g, op->arguments[1]))
    return;
  for (unsigned i = 0; i < 2; i++)
    if (g->ops[op->arguments[i]].opcode == DIO_IR_SEXT32 && uses[op->arguments[i]] == 1)
      g->values[op->arguments[i]].where = X64_LAZY;
}

static void
mark_lazy (DioX64Gen *g, const uint8_t *uses)
{
  for (uint32_t i = 0; i < g->n_ops; i++)
    if (dio_x64_is_compare (g->ops[i].opcode))
      mark_compared (g, i, uses);
  for (uint32_t i = 0; i < g->n_ops && g->cpu.bmi1; i++)
    if (g->ops[i].opcode == DIO_IR_AND && g->values[i].where != X64_LAZY)
      mark_inversion (g, i, uses);
  for (uint32_t i = 0; i < g->n_ops; i++)
    if (is_word_pair (g, i, uses))
      g->values[g->ops[i].arguments[0]].where = X64_LAZY;
}

static void
use (DioX64Gen *g, uint32_t value, uint32_t by)
{
  if (g->values[value].last < by)
    g->values[value].last = by;
  /* What is made only when it is used needs its operands until then. */
  if (g->values[value].where != X64_LAZY)
    return;
  const DioIrOp *op = &g->ops[value];
  for (unsigned a = 0; a < dio_ir_op_info[op->opcode].n_arguments; a++)
    use (g, op->arguments[a], by);
}

/* What flags that wait are made of is used at the end. */
static void
use_flags (DioX64Gen *g)
{
  dio_x64_sweep_find_flags (g);
  const DioIrOp *op = &g->ops[g->sweep_flags];
  for (unsigned a = 0; a < dio_ir_op_info[op->opcode].n_arguments; a++)
    use (g, op->arguments[a], g->n_ops - 2);
}

/* To the last operation, where they may be left pending. */
static void
use_late_flags (DioX64Gen *g)
{
  const DioIrOp *op = &g->ops[g->late_flags];
  for (unsigned a = 0; a < dio_ir_op_info[op->opcode].n_arguments; a++)
    use (g, op->arguments[a], g->n_ops - 1);
}

static uint8_t
clean_on_entry (const DioJitBlock *block, unsigned var)
{
  if (block->clean[DIO_JIT_CLEAN_4] >> var & 1)
    return 4;
  return block->clean[DIO_JIT_CLEAN_8] >> var & 1 ? 8 : 0;
}

void
dio_x64_start_block (DioX64Gen *g)
{
  if (g->n_ops > g->max_values) {
    g->max_values = g->n_ops * 2;
    g->values = g_renew (DioX64Value, g->values, g->max_values);
  }
  reset_owners (g);
  g->dirty = g->block->dirty;
  g->boxed = 0;
  g->counted = g->settled = false;
  for (unsigned var = DIO_JIT_F; var < DIO_JIT_N_VARS; var++)
    g->clean[var - DIO_JIT_F] = g->plain ? 0 : clean_on_entry (g->block, var);
  for (unsigned i = 0; i < X64_GROUPS; i++)
    g->groups[i].active = false;
  g_autofree uint8_t *uses = g_malloc (g->n_ops + 1);
  dio_ir_block_count_uses (g->block->ir, uses);
  for (uint32_t i = 0; i < g->n_ops; i++) {
    unsigned opcode = g->ops[i].opcode;
    bool lazy = opcode == DIO_IR_CONST || opcode == DIO_IR_PC || opcode == DIO_IR_FP_ROUNDING
                || dio_x64_is_compare (opcode);
    g->values[i] = (DioX64Value){ .where = lazy ? X64_LAZY : X64_NOWHERE, .alias = -1 };
  }
  mark_lazy (g, uses);
  if (g->guest->v)
    dio_x64_simd_mark_lazy (g, uses);
  for (uint32_t i = 0; i < g->n_ops; i++) {
    const DioIrOp *op = &g->ops[i];
    if (g->values[i].where == X64_LAZY)
      continue;
    for (unsigned a = 0; a < dio_ir_op_info[op->opcode].n_arguments; a++) {
      use (g, op->arguments[a], i);
      g->values[op->arguments[a]].want_xmm |= fp_argument (op, a);
    }
  }
  dio_x64_find_late_flags (g);
  if (g->late_flags)
    use_late_flags (g);
  if (g->sweep)
    use_flags (g);
  if (g->guest->v)
    dio_x64_simd_want (g);
}

void
dio_x64_name_var (DioX64Gen *g, unsigned var)
{
  if (g->binding[var] >= 0)
    flush_var (g, var);
  add_alias (g, g->at, var);
}

static void
drop_dead (DioX64Gen *g, uint32_t value)
{
  DioX64Value *v = &g->values[value];
  if (v->where == X64_LAZY) {
    const DioIrOp *op = &g->ops[value];
    for (unsigned a = 0; a < dio_ir_op_info[op->opcode].n_arguments; a++)
      drop_dead (g, op->arguments[a]);
    return;
  }
  if (v->last <= g->at && !v->bound)
    leave (g, value);
}

void
dio_x64_end_op (DioX64Gen *g)
{
  const DioIrOp *op = &g->ops[g->at];
  for (unsigned a = 0; a < dio_ir_op_info[op->opcode].n_arguments; a++)
    drop_dead (g, op->arguments[a]);
  g->gpr_locked = g->xmm_locked = 0;
  g->aside = g->apart = false;
}
