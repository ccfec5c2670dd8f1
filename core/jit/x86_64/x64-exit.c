/* SPDX-License-Identifier: GPL-3.0-or-later
 * Code for the ends of blocks, for ways into and out of regions, and what is put behind the rest.
 *
 * Instructions are counted once a block, at its end, by taking them from the budget; where the way
 * may be a loop (an edge back, or out of the region) the sign of what is left sends it to the poll,
 * which finds the guest at an instruction with all of the CPU structure up to date. */
#include "core/jit/x86_64/x64-gen.h"

DioX64Cold *
dio_x64_cold (DioX64Gen *g, DioX64ColdKind kind)
{
  dio_x64_snapshot (g);
  DioX64Cold cold = { .kind = kind,
                      .places = g->places,
                      .n_places = g->n_places,
                      .label = DIO_X64_LABEL_INIT,
                      .back = DIO_X64_LABEL_INIT,
                      .dirty = g->dirty,
                      .offset = g->offset,
                      .retired = g->retired,
                      .nans = g->nans,
                      .value = -1,
                      .result = -1 };
  g_array_append_val (g->colds, cold);
  return &g_array_index (g->colds, DioX64Cold, g->colds->len - 1);
}

void
dio_x64_store_dirty (DioX64Gen *g, uint64_t dirty)
{
  for (; dirty; dirty &= dirty - 1) {
    unsigned var = (unsigned) __builtin_ctzll (dirty);
    if (var < DIO_JIT_F)
      dio_x64_mov_mr (&g->a, 8, dio_x64_var_mem (g, var), (DioX64Reg) g->region->host[var]);
    else
      dio_x64_store_xmm (g, g->guest->v, dio_x64_var_mem (g, var),
                         (DioX64Xmm) g->region->host[var]);
  }
}

/* ---- Out of the region ---- */

/* To the virtual address in rax, by the jump table: one entry of 16 bytes for each address, chosen
 * by bits of its place in the page and of the page.
 *
 * Returns too. A stack of calls was built and measured: the guest's address pushed, entries called
 * by the host's call, returns comparing the address on top before a ret, the stack emptied with
 * every way out of compiled code (which makes it as exact as the table), spill slots off the stack.
 * A return was three instructions instead of eight, a call three more. Over 12 interleaved runs of
 * recursion, qsort, tree (tests/bench/linux/calls.c), core, sort, records and database each, by the
 * processor's time, it was 1.006 times as fast on riscv64 and 0.986 times on arm64 (single programs
 * 0.92 to 1.14, which is the noise), for 4 % more code. The host predicts the table's jumps as well
 * as its returns; what calls cost is registers that are stored and loaded again. */
static void
jump_by_table (DioX64Gen *g)
{
  DioX64Asm *a = &g->a;
  dio_x64_mov_rr (a, 4, DIO_X64_RCX, DIO_X64_RAX);
  dio_x64_shift_ri (a, DIO_X64_SHR, 4, DIO_X64_RCX, DIO_TLB_JUMP_BITS);
  dio_x64_alu_rr (a, DIO_X64_XOR, 4, DIO_X64_RCX, DIO_X64_RAX);
  dio_x64_alu_ri (a, DIO_X64_AND, 4, DIO_X64_RCX, (DIO_TLB_JUMPS - 1) << 1);
  dio_x64_mov_rm (a, 8, DIO_X64_RDX, dio_x64_state (g, g->guest->tlb_jumps));
  dio_x64_alu_mr (a, DIO_X64_CMP, 8, dio_x64_mem_index (DIO_X64_RDX, DIO_X64_RCX, 3, 0),
                  DIO_X64_RAX);
  dio_x64_jcc_abs (a, DIO_X64_CC_NE, g->jit->stubs.jump);
  dio_x64_jmp_m (a, dio_x64_mem_index (DIO_X64_RDX, DIO_X64_RCX, 3, 8));
}

/* To @target, bytes from the start of the page. The flags are those of what is left of the budget.
 */
static void
leave_to (DioX64Gen *g, int64_t target, uint64_t dirty)
{
  DioX64Asm *a = &g->a;
  dio_x64_store_dirty (g, dirty);
  if (target < 0 || target >= (int64_t) DIO_PAGE_SIZE) {
    dio_x64_mov_rm (a, 8, DIO_X64_RAX, X64_VCPU (g, page));
    dio_x64_lea (a, 8, DIO_X64_RAX, dio_x64_mem (DIO_X64_RAX, (int32_t) target));
    dio_x64_jcc_abs (a, DIO_X64_CC_S, g->jit->stubs.poll_far);
    jump_by_table (g);
    return;
  }
  dio_x64_mov_ri (a, DIO_X64_RAX, (uint64_t) target);
  dio_x64_jcc_abs (a, DIO_X64_CC_S, g->jit->stubs.poll_near);
  DioJitEntry *entry = dio_jit_entry (g->jit, g->region->page + (uint64_t) target);
  if (entry)
    dio_x64_jmp_m (a, dio_x64_mem_abs (&entry->code));
  else
    dio_x64_jmp_abs (a, g->jit->stubs.miss);
}

void
dio_x64_cold_exit (DioX64Gen *g, DioX64Cold *cold)
{
  dio_x64_bind (&g->a, &cold->label);
  dio_x64_store_held (g, &cold->held);
  dio_x64_test_rr (&g->a, 8, X64_BUDGET, X64_BUDGET);
  leave_to (g, cold->constant, cold->dirty);
}

/* ---- Ends of blocks ---- */

/* Does a plain version come to @to with all that is taken for granted there? */
static bool
brings_all (const DioX64Gen *g, const DioJitBlock *to)
{
  for (uint64_t rest = to->clean[DIO_JIT_CLEAN_8]; rest; rest &= rest - 1) {
    unsigned var = (unsigned) __builtin_ctzll (rest), has = g->clean[var - DIO_JIT_F];
    bool single = to->clean[DIO_JIT_CLEAN_4] >> var & 1;
    if (has != 4 && (single || has != 8))
      return false;
  }
  return true;
}

DioX64Label *
dio_x64_block_label (DioX64Gen *g, unsigned to)
{
  if (!g->plain || brings_all (g, &g->region->blocks[to]))
    return &g->blocks[to];
  g->plain_wanted |= UINT64_C (1) << to;
  return &g->plain_blocks[to];
}

static void
count (DioX64Gen *g)
{
  if (g->block->n_insns)
    dio_x64_alu_ri (&g->a, DIO_X64_SUB, 8, X64_BUDGET, g->block->n_insns);
  else
    dio_x64_test_rr (&g->a, 8, X64_BUDGET, X64_BUDGET);
}

/* Goes out at @offset when the budget is used up, with @give_back instructions not done yet. */
static void
poll (DioX64Gen *g, unsigned offset, unsigned give_back, const DioX64Held *held)
{
  DioX64Cold *cold = dio_x64_cold (g, X64_COLD_POLL);
  cold->held = *held;
  cold->offset = (uint16_t) offset;
  cold->constant = give_back;
  dio_x64_jcc_label (&g->a, DIO_X64_CC_S, &cold->label);
}

/* The edge to block @to, or to @target if that is DIO_JIT_NO_BLOCK. */
static void
go (DioX64Gen *g, unsigned to, int64_t target, bool flags, const DioX64Held *held)
{
  if (to == DIO_JIT_NO_BLOCK) {
    dio_x64_store_held (g, held);
    if (!flags)
      dio_x64_test_rr (&g->a, 8, X64_BUDGET, X64_BUDGET);
    leave_to (g, target, g->dirty);
  } else if (to != g->following) {
    dio_x64_jmp_label (&g->a, dio_x64_block_label (g, to));
  }
}

static void
exit_block (DioX64Gen *g, const DioIrOp *op)
{
  int64_t target = g->block->offset + op->immediate;
  DioX64Held held = { 0 };
  /* Behind a branch that was not taken, whose block has been counted. */
  if (g->counted) {
    if (g->block->next == DIO_JIT_NO_BLOCK)
      held = dio_x64_hold_flags (g);
    go (g, g->block->next, target, false, &held);
    return;
  }
  dio_x64_flush (g);
  held = dio_x64_hold_flags (g);
  count (g);
  if (g->block->end == DIO_JIT_END_INTERPRET) {
    dio_x64_store_dirty (g, g->dirty);
    dio_x64_mov_ri (&g->a, DIO_X64_RAX, (uint64_t) target);
    dio_x64_jmp_abs (&g->a, g->jit->stubs.interpret);
    return;
  }
  if (g->block->next_back)
    poll (g, (unsigned) target, 0, &held);
  go (g, g->block->next, target, true, &held);
}

/* To @label if the comparison of floating-point numbers @op holds. */
static void
jump_if_fp (DioX64Gen *g, const DioIrOp *op, DioX64Label *label)
{
  DioX64Cc cc;
  DioX64Label unordered = DIO_X64_LABEL_INIT;
  if (dio_x64_fp_holds (g, op, &cc)) {
    dio_x64_jcc_label (&g->a, cc, label);
    return;
  }
  dio_x64_jcc_label (&g->a, DIO_X64_CC_P, cc == DIO_X64_CC_E ? &unordered : label);
  dio_x64_jcc_label (&g->a, cc, label);
  dio_x64_bind (&g->a, &unordered);
}

static void
jump_if (DioX64Gen *g, uint32_t truth, DioX64Label *label)
{
  if (dio_x64_is_fp_holds (g->ops[truth].opcode))
    jump_if_fp (g, &g->ops[truth], label);
  else
    dio_x64_jcc_label (&g->a, dio_x64_gen_flags (g, truth), label);
}

/* Of a sweep over memory: the budget is what its rounds take, and when it is used up so may be all
 * of it, or not. The count comes behind the comparison, and is that of the whole on the way out. */
static void
branch_in_sweep (DioX64Gen *g, const DioIrOp *op)
{
  DioX64Asm *a = &g->a;
  DioX64Label out = DIO_X64_LABEL_INIT, on = DIO_X64_LABEL_INIT;
  const DioX64Held held = { 0 }; /* stored already */
  uint32_t truth = op->arguments[0];
  dio_x64_sweep_hold_flags (g);
  if (dio_x64_is_fp_holds (g->ops[truth].opcode)) {
    jump_if (g, truth, &on);
    dio_x64_jmp_label (a, &out);
  } else {
    dio_x64_jcc_label (a, (DioX64Cc) (dio_x64_gen_flags (g, truth) ^ 1), &out);
  }
  dio_x64_bind (a, &on);
  count (g);
  dio_x64_jcc_label (a, DIO_X64_CC_NS, &g->sweep_top);
  dio_x64_sweep_store_flags (g);
  dio_x64_sweep_leave_vars (g);
  dio_x64_sweep_give_back (g);
  poll (g, g->offset, 1, &held);
  dio_x64_jmp_label (a, &g->blocks[g->index]);
  dio_x64_bind (a, &out);
  dio_x64_sweep_store_flags (g);
  dio_x64_sweep_leave_vars (g);
  dio_x64_sweep_end_vars (g);
  dio_x64_sweep_note_short (g);
  dio_x64_sweep_give_back (g);
  count (g);
  poll (g, g->offset, 1, &held);
}

/* Where the branch goes to when it is taken. */
static DioX64Label *
taken_label (DioX64Gen *g)
{
  DioJitSweep sweep;
  DioX64Label *label = dio_x64_block_label (g, g->block->taken);
  if (label != &g->blocks[g->block->taken] || !dio_jit_sweep_find (g->region, g->index, &sweep))
    return label;
  g->swept |= UINT64_C (1) << g->index;
  return &g->sweeps[g->index];
}

/* The poll comes before the comparison, at the branch itself: so a loop has one jump more and not
 * two. */
static void
branch (DioX64Gen *g, const DioIrOp *op)
{
  dio_x64_flush (g);
  g->counted = true;
  if (g->sweep) {
    branch_in_sweep (g, op);
    return;
  }
  DioX64Held held = dio_x64_hold_flags (g);
  count (g);
  if (g->block->taken_back || g->block->next_back)
    poll (g, g->offset, 1, &held);
  if (g->block->taken != DIO_JIT_NO_BLOCK) {
    jump_if (g, op->arguments[0], taken_label (g));
    return;
  }
  DioX64Cold cold = *dio_x64_cold (g, X64_COLD_EXIT);
  uint32_t index = g->colds->len - 1;
  cold.constant = g->block->offset + op->immediate;
  cold.held = held;
  jump_if (g, op->arguments[0], &cold.label);
  g_array_index (g->colds, DioX64Cold, index) = cold;
}

static void
jump (DioX64Gen *g, const DioIrOp *op)
{
  dio_x64_flush (g);
  DioX64Reg target = dio_x64_gpr_of (g, op->arguments[0]);
  count (g);
  dio_x64_store_dirty (g, g->dirty);
  if (target != DIO_X64_RAX)
    dio_x64_mov_rr (&g->a, 8, DIO_X64_RAX, target);
  dio_x64_jcc_abs (&g->a, DIO_X64_CC_S, g->jit->stubs.poll_far);
  jump_by_table (g);
}

static void
trap_if (DioX64Gen *g, const DioIrOp *op)
{
  DioX64Cc cc = dio_x64_gen_flags (g, op->arguments[0]);
  DioX64Cold *cold = dio_x64_cold (g, X64_COLD_INTERPRET);
  dio_x64_jcc_label (&g->a, cc, &cold->label);
}

bool
dio_x64_gen_exit (DioX64Gen *g, const DioIrOp *op)
{
  switch (op->opcode) {
  case DIO_IR_EXIT:
    exit_block (g, op);
    return true;
  case DIO_IR_BRANCH:
    branch (g, op);
    return true;
  case DIO_IR_JUMP:
    jump (g, op);
    return true;
  case DIO_IR_TRAP_IF:
  case DIO_IR_ILLEGAL_IF:
    trap_if (g, op);
    return true;
  default:
    return false;
  }
}

/* ---- Behind the rest ---- */

static void
cold_interpret (DioX64Gen *g, DioX64Cold *cold)
{
  dio_x64_bind (&g->a, &cold->label);
  dio_x64_nans_replace (g, cold->nans);
  dio_x64_store_dirty (g, cold->dirty);
  dio_x64_store_places (g, cold->places, cold->n_places);
  if (cold->retired)
    dio_x64_alu_ri (&g->a, DIO_X64_SUB, 8, X64_BUDGET, cold->retired);
  dio_x64_mov_ri (&g->a, DIO_X64_RAX, cold->offset);
  dio_x64_jmp_abs (&g->a, g->jit->stubs.interpret);
}

static void
cold_poll (DioX64Gen *g, DioX64Cold *cold)
{
  dio_x64_bind (&g->a, &cold->label);
  if (cold->constant)
    dio_x64_alu_ri (&g->a, DIO_X64_ADD, 8, X64_BUDGET, (int32_t) cold->constant);
  dio_x64_store_held (g, &cold->held);
  dio_x64_store_dirty (g, cold->dirty);
  dio_x64_mov_ri (&g->a, DIO_X64_RAX, cold->offset);
  dio_x64_jmp_abs (&g->a, g->jit->stubs.poll_near);
}

static void
cold_nan (DioX64Gen *g, DioX64Cold *cold)
{
  dio_x64_bind (&g->a, &cold->label);
  dio_x64_movs_xm (&g->a, 8, (DioX64Xmm) cold->result,
                   dio_x64_mem_abs (cold->single ? g->jit->stubs.nan32 : g->jit->stubs.nan64));
  dio_x64_jmp_label (&g->a, &cold->back);
}

static void
cold_nans (DioX64Gen *g, DioX64Cold *cold)
{
  dio_x64_bind (&g->a, &cold->label);
  dio_x64_nans_replace (g, cold->nans);
  dio_x64_jmp_label (&g->a, &cold->back);
}

void
dio_x64_gen_colds (DioX64Gen *g)
{
  for (unsigned i = 0; i < g->colds->len; i++) {
    DioX64Cold *cold = &g_array_index (g->colds, DioX64Cold, i);
    switch (cold->kind) {
    case X64_COLD_ACCESS:
      dio_x64_cold_access (g, cold);
      break;
    case X64_COLD_MEMBER:
      dio_x64_cold_member (g, cold);
      break;
    case X64_COLD_INTERPRET:
      cold_interpret (g, cold);
      break;
    case X64_COLD_NAN:
      cold_nan (g, cold);
      break;
    case X64_COLD_NANS:
      cold_nans (g, cold);
      break;
    case X64_COLD_FP:
      dio_x64_cold_fp (g, cold);
      break;
    case X64_COLD_FLAGS:
      dio_x64_cold_flags (g, cold);
      break;
    case X64_COLD_POLL:
      cold_poll (g, cold);
      break;
    default:
      dio_x64_cold_exit (g, cold);
      break;
    }
  }
  dio_x64_simd_colds (g);
}

/* ---- Into the region ---- */

/* Always DIO_JIT_FAR_BYTES: the page that runs is that of the address in rax. */
static void
far_entry (DioX64Gen *g, unsigned offset)
{
  dio_x64_put_bytes (&g->a, 0x808d48, 3); /* lea rax, [rax - offset] */
  dio_x64_put_bytes (&g->a, (uint32_t) - (int32_t) offset, 4);
  dio_x64_put_bytes (&g->a, 0x858948, 3); /* mov [rbp + page], rax */
  dio_x64_put_bytes (&g->a, (uint32_t) X64_VCPU (g, page).disp, 4);
}

static void
load_needed (DioX64Gen *g, uint64_t needed)
{
  for (; needed; needed &= needed - 1) {
    unsigned var = (unsigned) __builtin_ctzll (needed);
    if (var < DIO_JIT_F)
      dio_x64_mov_rm (&g->a, 8, (DioX64Reg) g->region->host[var], dio_x64_var_mem (g, var));
    else
      dio_x64_load_xmm (g, g->guest->v, (DioX64Xmm) g->region->host[var], dio_x64_var_mem (g, var));
  }
}

/* To the block @index, in the version that what has been loaded allows. */
static void
enter (DioX64Gen *g, unsigned index)
{
  const DioJitBlock *block = &g->region->blocks[index];
  uint64_t rest = block->clean[DIO_JIT_CLEAN_8];
  if (rest) {
    dio_x64_alu_rr (&g->a, DIO_X64_XOR, 4, DIO_X64_RCX, DIO_X64_RCX);
    for (; rest; rest &= rest - 1) {
      unsigned var = (unsigned) __builtin_ctzll (rest);
      DioX64Mem mem = dio_x64_var_mem (g, var);
      mem.disp += 8;
      dio_x64_alu_rm (&g->a, DIO_X64_OR, 8, DIO_X64_RCX, mem);
      mem.disp -= 4;
      if (block->clean[DIO_JIT_CLEAN_4] >> var & 1)
        dio_x64_alu_rm (&g->a, DIO_X64_OR, 8, DIO_X64_RCX, mem);
    }
    dio_x64_jcc_label (&g->a, DIO_X64_CC_NE, &g->plain_blocks[index]);
  }
  dio_x64_jmp_label (&g->a, &g->blocks[index]);
}

uint64_t
dio_x64_plain_entries (const DioX64Gen *g)
{
  uint64_t blocks = 0;
  for (unsigned i = 0; i < g->region->n_blocks; i++)
    if (g->region->blocks[i].entry && g->region->blocks[i].clean[DIO_JIT_CLEAN_8])
      blocks |= UINT64_C (1) << i;
  return blocks;
}

void
dio_x64_gen_entries (DioX64Gen *g)
{
  for (unsigned i = 0; i < g->region->n_blocks; i++) {
    const DioJitBlock *block = &g->region->blocks[i];
    if (!block->entry)
      continue;
    far_entry (g, block->offset);
    g->code->entries[i] = (uint32_t) dio_x64_size (&g->a);
    if (g->region->checks_fp) {
      DioX64Label on = DIO_X64_LABEL_INIT;
      dio_x64_test_mi (&g->a, 1, X64_VCPU (g, fp_block), g->fp_mask);
      dio_x64_jcc_label (&g->a, DIO_X64_CC_E, &on);
      dio_x64_mov_ri (&g->a, DIO_X64_RAX, block->offset);
      dio_x64_jmp_abs (&g->a, g->jit->stubs.fp_enter);
      dio_x64_bind (&g->a, &on);
    }
    load_needed (g, block->needed);
    enter (g, i);
  }
}
