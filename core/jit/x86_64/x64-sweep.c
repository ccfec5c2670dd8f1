/* SPDX-License-Identifier: GPL-3.0-or-later
 * Code for loops that sweep over memory (jit-sweep.h): a second version of the block, without
 * probes of the TLB.
 *
 * When the first version goes round it comes here: each pointer is looked up once, and the rounds
 * are counted until one of them would leave its page. They are done without another look: what the
 * TLB has changes only by what this vCPU does itself, on the slow way of an access or at a poll.
 * What others ask for, a flush, the protection of a page with code, of one that a snapshot shares
 * or whose writes are noted, is a request that it finds there or at a fence; none of these is in
 * the block, and a sweep does not go past the poll. So the rounds are folded into the budget: for
 * as long as the sweep takes it is no more than their instructions, the rest is on the stack and
 * comes back with each way out. The first version does the round that goes into another page.
 *
 * A sweep pays after three rounds. Where it ends before, or is not possible, `sweep_wait` lets some
 * rounds pass by until it is tried again. */
#include "core/jit/x86_64/x64-gen.h"

#define MIN_ROUNDS 3
#define WAIT 8
#define LOOP_ALIGNMENT 16
/* Division by multiplication: exact for numbers below 2^12 and divisors up to 2^12. */
#define RECIPROCAL_SHIFT 24
_Static_assert(DIO_PAGE_SHIFT <= 12 && DIO_JIT_SWEEP_STEP <= 4096, "the division is exact");

static DioX64Mem
slot (unsigned number)
{
  return dio_x64_mem (DIO_X64_RSP, X64_SWEEP_SLOTS + 8 * (int32_t) number);
}
#define SLOT_REST DIO_JIT_SWEEP_POINTERS
#define SLOT_SHORT (DIO_JIT_SWEEP_POINTERS + 1)
_Static_assert(SLOT_SHORT < X64_N_SWEEP_SLOTS, "there is room");

/* ---- Before ---- */

/* @var shifted left to @dst. */
static void
load_term (DioX64Gen *g, DioX64Reg dst, unsigned var, unsigned shift)
{
  int8_t host = g->region->host[var];
  if (host >= 0)
    dio_x64_mov_rr (&g->a, 8, dst, (DioX64Reg) host);
  else
    dio_x64_mov_rm (&g->a, 8, dst, dio_x64_var_mem (g, var));
  if (shift)
    dio_x64_shift_ri (&g->a, DIO_X64_SHL, 8, dst, shift);
}

/* The lowest address of the next round to rdx. */
static void
load_pointer (DioX64Gen *g, const DioJitSweepPointer *pointer)
{
  load_term (g, DIO_X64_RDX, pointer->vars[0], pointer->shifts[0]);
  for (unsigned i = 1; i < pointer->n_terms; i++) {
    load_term (g, DIO_X64_RCX, pointer->vars[i], pointer->shifts[i]);
    dio_x64_alu_rr (&g->a, DIO_X64_ADD, 8, DIO_X64_RDX, DIO_X64_RCX);
  }
  if (pointer->low)
    dio_x64_alu_ri (&g->a, DIO_X64_ADD, 8, DIO_X64_RDX, pointer->low);
}

/* Edx, where in its page the pointer is, becomes the number of rounds after the next that stay
 * there. */
static void
count_rounds (DioX64Gen *g, const DioJitSweepPointer *pointer)
{
  DioX64Asm *a = &g->a;
  uint32_t step = (uint32_t) (pointer->step < 0 ? -pointer->step : pointer->step);
  if (pointer->step > 0) {
    dio_x64_neg (a, 4, DIO_X64_RDX);
    dio_x64_alu_ri (a, DIO_X64_ADD, 4, DIO_X64_RDX,
                    (int32_t) DIO_PAGE_SIZE - (pointer->high - pointer->low));
  }
  if (!(step & (step - 1))) {
    if (step > 1)
      dio_x64_shift_ri (a, DIO_X64_SHR, 4, DIO_X64_RDX, (unsigned) __builtin_ctz (step));
    return;
  }
  dio_x64_imul_rri (a, 8, DIO_X64_RDX, DIO_X64_RDX,
                    (int32_t) ((1u << RECIPROCAL_SHIFT) / step + 1));
  dio_x64_shift_ri (a, DIO_X64_SHR, 8, DIO_X64_RDX, RECIPROCAL_SHIFT);
}

/* Adds @var to @reg. */
static void
add_base (DioX64Gen *g, DioX64Reg reg, unsigned var)
{
  int8_t host = g->region->host[var];
  if (host >= 0)
    dio_x64_alu_rr (&g->a, DIO_X64_ADD, 8, reg, (DioX64Reg) host);
  else
    dio_x64_alu_rm (&g->a, DIO_X64_ADD, 8, reg, dio_x64_var_mem (g, var));
}

/* Looks up all pointers, or goes to @fail; the rounds to eax. */
static void
look_up (DioX64Gen *g, const DioJitSweep *sweep, DioX64Label *fail)
{
  DioX64Asm *a = &g->a;
  dio_x64_mov_ri (a, DIO_X64_RAX, DIO_PAGE_SIZE);
  for (unsigned i = 0; i < sweep->n; i++) {
    const DioJitSweepPointer *pointer = &sweep->pointers[i];
    int8_t reg = dio_x64_sweep_is_left (g, g->sweep_addends[i]) ? -1 : g->sweep_addends[i];
    load_pointer (g, pointer);
    dio_x64_probe_rdx (g, pointer->high - pointer->low, pointer->write,
                       reg >= 0 ? (DioX64Reg) reg : DIO_X64_RCX, fail);
    if (pointer->indexed)
      add_base (g, reg >= 0 ? (DioX64Reg) reg : DIO_X64_RCX, pointer->base);
    if (reg < 0)
      dio_x64_mov_mr (a, 8, slot (i), DIO_X64_RCX);
    if (!pointer->step)
      continue;
    count_rounds (g, pointer);
    dio_x64_alu_rr (a, DIO_X64_CMP, 4, DIO_X64_RDX, DIO_X64_RAX);
    dio_x64_cmov (a, DIO_X64_CC_B, 4, DIO_X64_RAX, DIO_X64_RDX);
  }
  dio_x64_alu_ri (a, DIO_X64_CMP, 4, DIO_X64_RAX, MIN_ROUNDS);
  dio_x64_jcc_label (a, DIO_X64_CC_B, fail);
}

/* Eax more rounds after the next become the budget, if that is not less. */
static void
divide_budget (DioX64Gen *g)
{
  DioX64Asm *a = &g->a;
  dio_x64_imul_rri (a, 4, DIO_X64_RAX, DIO_X64_RAX, g->block->n_insns);
  dio_x64_alu_rr (a, DIO_X64_CMP, 8, DIO_X64_RAX, X64_BUDGET);
  dio_x64_cmov (a, DIO_X64_CC_G, 8, DIO_X64_RAX, X64_BUDGET);
  dio_x64_alu_rr (a, DIO_X64_SUB, 8, X64_BUDGET, DIO_X64_RAX);
  dio_x64_mov_mr (a, 8, slot (SLOT_REST), X64_BUDGET);
  dio_x64_mov_rr (a, 8, X64_BUDGET, DIO_X64_RAX);
  dio_x64_alu_ri (a, DIO_X64_SUB, 8, DIO_X64_RAX, MIN_ROUNDS * g->block->n_insns);
  dio_x64_mov_mr (a, 8, slot (SLOT_SHORT), DIO_X64_RAX);
}

/* Addends whose registers variables have had. */
static void
load_addends (DioX64Gen *g, const DioJitSweep *sweep)
{
  for (unsigned i = 0; i < sweep->n; i++)
    if (dio_x64_sweep_is_left (g, g->sweep_addends[i]))
      dio_x64_mov_rm (&g->a, 8, (DioX64Reg) g->sweep_addends[i], slot (i));
}

void
dio_x64_sweep_begin (DioX64Gen *g)
{
  DioX64Asm *a = &g->a;
  DioX64Label fail = DIO_X64_LABEL_INIT, try = DIO_X64_LABEL_INIT;
  dio_x64_bind (a, &g->sweeps[g->index]);
  dio_x64_sweep_find_vars (g);
  dio_x64_alu_mi (a, DIO_X64_CMP, 4, X64_VCPU (g, sweep_wait), 0);
  dio_x64_jcc_label (a, DIO_X64_CC_E, &try);
  dio_x64_alu_mi (a, DIO_X64_SUB, 4, X64_VCPU (g, sweep_wait), 1);
  dio_x64_jmp_label (a, &g->blocks[g->index]);
  dio_x64_bind (a, &fail);
  dio_x64_mov_mi (a, 4, X64_VCPU (g, sweep_wait), WAIT);
  dio_x64_jmp_label (a, &g->blocks[g->index]);
  dio_x64_bind (a, &try);
  look_up (g, g->sweep, &fail);
  divide_budget (g);
  dio_x64_alu_mi (a, DIO_X64_ADD, 8, X64_VCPU (g, sweeps), 1);
  dio_x64_sweep_enter_vars (g);
  load_addends (g, g->sweep);
  dio_x64_nop (a, -(uintptr_t) (a->at + a->exec_delta) & (LOOP_ALIGNMENT - 1));
  dio_x64_bind (a, &g->sweep_top);
}

/* ---- Within, and after ---- */

DioX64Reg
dio_x64_sweep_addend (DioX64Gen *g)
{
  unsigned pointer = g->sweep->pointer[g->at];
  int8_t reg = g->sweep_addends[pointer];
  if (reg >= 0)
    return (DioX64Reg) reg;
  dio_x64_mov_rm (&g->a, 8, DIO_X64_RCX, slot (pointer));
  return DIO_X64_RCX;
}

void
dio_x64_sweep_give_back (DioX64Gen *g)
{
  dio_x64_alu_rm (&g->a, DIO_X64_ADD, 8, X64_BUDGET, slot (SLOT_REST));
}

void
dio_x64_sweep_note_short (DioX64Gen *g)
{
  DioX64Label enough = DIO_X64_LABEL_INIT;
  dio_x64_alu_rm (&g->a, DIO_X64_CMP, 8, X64_BUDGET, slot (SLOT_SHORT));
  dio_x64_jcc_label (&g->a, DIO_X64_CC_LE, &enough);
  dio_x64_mov_mi (&g->a, 4, X64_VCPU (g, sweep_wait), WAIT);
  dio_x64_bind (&g->a, &enough);
}
