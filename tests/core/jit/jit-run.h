/* SPDX-License-Identifier: GPL-3.0-or-later
 * Blocks of intermediate representation run by the compiler, on the machine of
 * tests/support/ir-eval.h: a guest that is nothing but registers and a small memory. */
#pragma once

#include "core/jit/jit.h"
#include "tests/support/ir-eval.h"

#define JIT_RUN_RAM (UINT64_C (64) << 20)
#define JIT_RUN_SETS 4

typedef struct {
  DioRam *ram;
  DioJit *jit;
  uint64_t next; /* address that was not compiled yet */
  struct JitRunCpu *cpu;
} JitRun;

/* @options: of core/jit/jit-options.h. */
JitRun *jit_run_new (const char *options, unsigned vcpus);
/* The same, of a guest that has vector registers and none of floating point; with "traps", whose
 * floating point traps (DioJitGuest.fp_traps). */
JitRun *jit_run_new_with_vectors (const char *options);
/* The same, which traps until that is given up. */
JitRun *jit_run_new_with_traps (void);
void jit_run_free (JitRun *run);

/* The TLB, with a second level; empty unless a test fills it. */
DioTlb *jit_run_tlb (JitRun *run);
/* How many loads and stores have left compiled code since the last call of this. */
unsigned jit_run_take_calls (JitRun *run);

/* A region of one block, at an address of its own, from @ir, which it takes; NULL when it is
 * refused. */
DioJitEntry *jit_run_compile (JitRun *run, DioIrBlock *ir);
/* The same at @address. */
DioJitEntry *jit_run_compile_at (JitRun *run, uint64_t address, DioIrBlock *ir);

/* The same, whose branch goes back to it when it is taken; and else on to @outer (or NULL), whose
 * branch, if it has one, goes there too. */
DioJitEntry *jit_run_compile_loop (JitRun *run, uint64_t address, DioIrBlock *ir,
                                   DioIrBlock *outer);

/* A region of @n blocks; they begin JIT_RUN_STRIDE bytes after each other, the first at @address,
 * and may be entered where they say so. The entry of the first; IR is taken. */
typedef struct {
  DioIrBlock *ir;
  uint8_t taken, next; /* as those of DioJitBlock */
  bool entry;
} JitRunBlock;

#define JIT_RUN_STRIDE 64

DioJitEntry *jit_run_compile_region (JitRun *run, uint64_t address, const JitRunBlock *blocks,
                                     unsigned n);

/* From now on what is not in the TLB is in @memory, not in that of the state; addresses wrap around
 * @bytes. */
void jit_run_give_memory (JitRun *run, uint8_t *memory, uint64_t bytes);
/* Accesses to @page fault, unless the TLB has it. */
void jit_run_let_fault (JitRun *run, uint64_t page);
/* What the last run has left of its budget, that is DIO_JIT_BUDGET. */
int64_t jit_run_budget (JitRun *run);
/* DioJitStats.sweeps. */
uint64_t jit_run_sweeps (JitRun *run);

/* Lets accesses to @page find @host in the TLB, from now on. */
void jit_run_map (JitRun *run, uint64_t page, uint8_t *host);

/* Runs @entry from and to @state, whose pc must be that of the entry in its page. Accesses do not
 * fault; or if its fault_rate is not 0, that one does which follows state->accesses others. The
 * rounding is one of the host's. */
IrEvalExit jit_run (JitRun *run, DioJitEntry *entry, IrEvalState *state);

/* The same from where the reference began that came to @expected and @want, faulting where it did;
 * what compiled code does not tell is taken from there, so that the rest can be compared. */
IrEvalExit jit_run_as (JitRun *run, DioJitEntry *entry, IrEvalState *state,
                       const IrEvalState *expected, IrEvalExit want);
