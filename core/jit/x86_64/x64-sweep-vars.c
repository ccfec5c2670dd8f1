/* SPDX-License-Identifier: GPL-3.0-or-later
 * Where guest registers are while a loop sweeps over memory. Nobody but its ways out shows them, so
 * the loop may have more of them in host registers than the region has, and others than that has:
 *
 * - Two general registers that only pass on what is loaded and stored, as in a loop that copies by
 *   LDP and STP, are one vector (DioJitSweepPair). The host registers that they have in the region
 *   are free for others meanwhile.
 * - Those that have none in the region get one for as long as there are any.
 * - Those that the loop does not mention lend theirs: they are in the CPU structure meanwhile.
 *
 * The first version and what is behind the loop know nothing of this: registers move when it has
 * been found that the sweep is worth while, and back with each way out. */
#include "core/jit/x86_64/x64-gen.h"

/* ---- Which ---- */

static int
free_xmm (const DioX64Gen *g, unsigned taken)
{
  for (int reg = X64_FIRST_PINNABLE_XMM; reg < 16; reg++)
    if (g->xmm_owner[reg] == X64_FREE && !(taken >> reg & 1))
      return reg;
  return -1;
}

/* Pairs as there are vector registers for, and the general ones that they leave. */
static void
find_pairs (DioX64Gen *g, DioX64SweepVars *vars)
{
  unsigned taken = 0, n = 0;
  DioJitSweepPair found[DIO_JIT_SWEEP_PAIRS];
  unsigned n_found =
      dio_jit_sweep_find_pairs (g->region, g->block->ir, found, G_N_ELEMENTS (found));
  for (; g->guest->v && n < n_found; n++) {
    int xmm = free_xmm (g, taken);
    if (xmm < 0)
      break;
    taken |= 1u << xmm;
    const uint8_t halves[] = { found[n].low, found[n].high };
    DioX64SweepPair *pair = &vars->pairs[n];
    *pair = (DioX64SweepPair){ .pair = found[n], .xmm = (uint8_t) xmm };
    for (unsigned i = 0; i < 2; i++) {
      pair->homes[i] = g->region->host[halves[i]];
      if (pair->homes[i] >= 0)
        vars->left |= 1u << pair->homes[i];
      vars->joined |= UINT64_C (1) << halves[i];
    }
  }
  vars->n_pairs = n;
}

/* The register of a variable that the loop does not mention, or -1. */
static int
borrow (DioX64Gen *g, DioX64SweepVars *vars)
{
  const DioJitBlock *block = g->block;
  uint64_t idle = g->region->pinned & UINT32_MAX
                  & ~(block->used | block->defined | vars->joined | vars->lending);
  if (!idle)
    return -1;
  unsigned var = (unsigned) __builtin_ctzll (idle);
  int8_t reg = g->region->host[var];
  vars->lenders[vars->n_lenders++] = (DioX64SweepVar){ .var = (uint8_t) var, .reg = (uint8_t) reg };
  vars->lending |= UINT64_C (1) << var;
  vars->left |= 1u << reg;
  vars->given |= 1u << reg;
  return reg;
}

/* A register that nothing has while the loop sweeps, or -1. */
static int
take (DioX64Gen *g, DioX64SweepVars *vars)
{
  unsigned left = vars->left & ~vars->given;
  if (left) {
    int reg = __builtin_ctz (left);
    vars->given |= 1u << reg;
    return reg;
  }
  int reg = dio_x64_free_pinnable (g);
  if (reg < 0)
    return borrow (g, vars);
  g->gpr_owner[reg] = X64_TAKEN;
  return reg;
}

static void
give_to_vars (DioX64Gen *g, DioX64SweepVars *vars, uint64_t wanted, bool written)
{
  wanted &= ~(g->region->pinned | vars->joined) & UINT32_MAX;
  for (; wanted; wanted &= wanted - 1) {
    int reg = take (g, vars);
    if (reg < 0)
      return;
    vars->vars[vars->n_vars++] = (DioX64SweepVar){ .var = (uint8_t) __builtin_ctzll (wanted),
                                                   .reg = (uint8_t) reg,
                                                   .written = written };
  }
}

void
dio_x64_sweep_find_vars (DioX64Gen *g)
{
  DioX64SweepVars *vars = &g->sweep_vars;
  *vars = (DioX64SweepVars){ 0 };
  find_pairs (g, vars);
  give_to_vars (g, vars, g->block->defined, true);
  for (unsigned i = 0; i < g->sweep->n; i++)
    g->sweep_addends[i] = (int8_t) take (g, vars);
  give_to_vars (g, vars, g->block->used & ~g->block->defined, false);
}

bool
dio_x64_sweep_is_left (const DioX64Gen *g, int reg)
{
  return reg >= 0 && (g->sweep_vars.left >> reg & 1);
}

/* ---- In ---- */

static bool
are_one_in_memory (const DioX64SweepPair *pair)
{
  return pair->homes[0] < 0 && pair->homes[1] < 0 && pair->pair.high == pair->pair.low + 1;
}

static void
load_half (DioX64Gen *g, DioX64Xmm dst, int8_t home, unsigned var)
{
  if (home >= 0)
    dio_x64_movq_xr (&g->a, 8, dst, (DioX64Reg) home);
  else
    dio_x64_movs_xm (&g->a, 8, dst, dio_x64_var_mem (g, var));
}

static void
load_pair (DioX64Gen *g, const DioX64SweepPair *pair)
{
  DioX64Xmm xmm = (DioX64Xmm) pair->xmm;
  if (are_one_in_memory (pair)) {
    dio_x64_movups_xm (&g->a, xmm, dio_x64_var_mem (g, pair->pair.low));
    return;
  }
  load_half (g, xmm, pair->homes[0], pair->pair.low);
  load_half (g, DIO_X64_XMM0, pair->homes[1], pair->pair.high);
  dio_x64_punpcklqdq_xx (&g->a, xmm, DIO_X64_XMM0);
}

/* Values are found by the registers that variables have for the region: these change. No value is
 * what a lender has. */
static void
change_hosts (DioX64Gen *g, bool in)
{
  const DioX64SweepVars *vars = &g->sweep_vars;
  int8_t *host = g->region->host;
  for (unsigned i = 0; i < vars->n_pairs; i++) {
    const DioX64SweepPair *pair = &vars->pairs[i];
    host[pair->pair.low] = in ? -1 : pair->homes[0];
    host[pair->pair.high] = in ? -1 : pair->homes[1];
    host[pair->pair.vector] = in ? (int8_t) pair->xmm : -1;
  }
  for (unsigned i = 0; i < vars->n_vars; i++)
    host[vars->vars[i].var] = in ? (int8_t) vars->vars[i].reg : -1;
}

/* Of a lender that is not needed the region has nothing in its register. */
static bool
is_needed (const DioX64Gen *g, const DioX64SweepVar *lender)
{
  return g->block->needed >> lender->var & 1;
}

void
dio_x64_sweep_enter_vars (DioX64Gen *g)
{
  const DioX64SweepVars *vars = &g->sweep_vars;
  for (unsigned i = 0; i < vars->n_lenders; i++)
    if (is_needed (g, &vars->lenders[i]))
      dio_x64_mov_mr (&g->a, 8, dio_x64_var_mem (g, vars->lenders[i].var),
                      (DioX64Reg) vars->lenders[i].reg);
  for (unsigned i = 0; i < vars->n_pairs; i++)
    load_pair (g, &vars->pairs[i]);
  for (unsigned i = 0; i < vars->n_vars; i++)
    dio_x64_mov_rm (&g->a, 8, (DioX64Reg) vars->vars[i].reg,
                    dio_x64_var_mem (g, vars->vars[i].var));
  change_hosts (g, true);
}

DioIrBlock *
dio_x64_sweep_ir (const DioX64Gen *g)
{
  const DioX64SweepVars *vars = &g->sweep_vars;
  DioJitSweepPair pairs[DIO_JIT_SWEEP_PAIRS];
  for (unsigned i = 0; i < vars->n_pairs; i++)
    pairs[i] = vars->pairs[i].pair;
  DioIrBlock *ir = dio_jit_sweep_join_pairs (g->block->ir, pairs, vars->n_pairs);
  dio_jit_sweep_index (ir, g->sweep);
  return ir;
}

void
dio_x64_sweep_keep_addends (DioX64Gen *g)
{
  for (unsigned i = 0; i < g->sweep->n; i++)
    if (g->sweep_addends[i] >= 0)
      g->gpr_owner[g->sweep_addends[i]] = X64_TAKEN;
}

/* ---- Out ---- */

static void
store_half (DioX64Gen *g, DioX64Xmm src, int8_t home, unsigned var, bool written)
{
  if (home >= 0)
    dio_x64_movq_rx (&g->a, 8, (DioX64Reg) home, src);
  else if (written)
    dio_x64_movs_mx (&g->a, 8, dio_x64_var_mem (g, var), src);
}

static void
store_pair (DioX64Gen *g, const DioX64SweepPair *pair)
{
  DioX64Xmm xmm = (DioX64Xmm) pair->xmm;
  bool written = pair->pair.written;
  if (are_one_in_memory (pair)) {
    if (written)
      dio_x64_movups_mx (&g->a, dio_x64_var_mem (g, pair->pair.low), xmm);
    return;
  }
  store_half (g, xmm, pair->homes[0], pair->pair.low, written);
  dio_x64_movaps_xx (&g->a, DIO_X64_XMM0, xmm);
  dio_x64_punpckhqdq_xx (&g->a, DIO_X64_XMM0, DIO_X64_XMM0);
  store_half (g, DIO_X64_XMM0, pair->homes[1], pair->pair.high, written);
}

void
dio_x64_sweep_leave_vars (DioX64Gen *g)
{
  const DioX64SweepVars *vars = &g->sweep_vars;
  for (unsigned i = 0; i < vars->n_vars; i++) {
    const DioX64SweepVar *var = &vars->vars[i];
    if (var->written)
      dio_x64_mov_mr (&g->a, 8, dio_x64_var_mem (g, var->var), (DioX64Reg) var->reg);
    g->dirty &= ~(UINT64_C (1) << var->var);
  }
  for (unsigned i = 0; i < vars->n_pairs; i++) {
    store_pair (g, &vars->pairs[i]);
    g->dirty &= ~(UINT64_C (1) << vars->pairs[i].pair.vector);
  }
  for (unsigned i = 0; i < vars->n_lenders; i++)
    if (is_needed (g, &vars->lenders[i]))
      dio_x64_mov_rm (&g->a, 8, (DioX64Reg) vars->lenders[i].reg,
                      dio_x64_var_mem (g, vars->lenders[i].var));
}

void
dio_x64_sweep_end_vars (DioX64Gen *g)
{
  change_hosts (g, false);
}
