/* SPDX-License-Identifier: GPL-3.0-or-later
 * The instruction engine whatever the guest: pages of decoded instructions and the form of a
 * handler.
 *
 * A decoded page holds one 16-byte slot per parcel (the smallest instruction length) of a physical
 * page of code: the handler and the operands of the instruction that starts there. The PC is a
 * function of the slot's address: pc = ip / (16 / parcel) + bias, where bias belongs to the virtual
 * page that is being executed. Behind the last slot is one that leaves for the next page. Slots are
 * decoded at first execution, a straight run at a time.
 *
 * Instructions are counted by runs, not one by one. insn.run of a slot is the number of
 * instructions from it to the next unconditional jump (or the page's end), itself included; it
 * depends on nothing but the bytes of the page. `count` is always what will have been retired when
 * the current run has come to its end, so count - ip->insn.run is what was retired before ip, and
 * only taken branches and exits have arithmetic to do. An undecoded slot has run 0.
 *
 * A guest describes itself in a DioInterpGuest, and its CPU starts with a DioInterpCpu; its
 * handlers are its semantic functions with immediate evaluation. Everything in here belongs to
 * the vCPU thread. */
#pragma once

#include "config.h"

#include <stdatomic.h>

#include "core/guest/guest-sem.h"
#include "core/jit/jit.h"
#include "core/mem/mem-tlb.h"
#include "core/vm/vm-cpu.h"

typedef struct DioInterpSlot DioInterpSlot;
typedef struct DioInterpCpu DioInterpCpu;
typedef struct DioInterpEngine DioInterpEngine;

/* The engine's registers: handlers pass them on. */
#define DIO_INTERP_ARGS                                                                            \
  DioInterpSlot *ip, DioInterpCpu *cpu, uint64_t count, DioTlbTable *tlb, uint64_t bias

typedef DioInterpSlot *(*DioInterpHandler) (DIO_INTERP_ARGS);

struct DioInterpSlot {
  DioInterpHandler handler;
  DioInsn insn;
};

_Static_assert(sizeof (DioInterpSlot) == 16, "slot addresses are PCs times a power of two");

/* The common head of the CPU instances of guests. */
struct DioInterpCpu {
  DioCpu cpu;
  DioInterpEngine *engine; /* in force: one of the two below */
  uint64_t pc;
  /* Loads and stores go through tlb.data, fetches through tlb.code. */
  DioTlb tlb;
  _Atomic uint32_t requests; /* of other threads; cpu.kicked is set with it */
  int32_t sample;            /* jumps until the interpreter looks where it is */
  int32_t sample_period;
  bool fetch_partial;       /* see DioInterpGuest.fetch_page */
  DioInterpEngine *decoder; /* the engine with the decoded pages */
  DioInterpEngine *stepper; /* one that runs a single instruction, where there is a compiler */
  DioJitVcpu jit;           /* what compiled code keeps */
  struct DioTier *tier;     /* see core/tier, or NULL: nothing is compiled */
};

/* What the engine must know of a guest. All are called on the vCPU thread. */
typedef struct {
  unsigned parcel; /* bytes of the smallest instruction: 2 or 4 */
  /* Translates the page of @va for fetch: host pointer to its start, and where it is in RAM; enters
   * it in tlb.code. False: the exception is noted in the CPU. Sets cpu->fetch_partial when only a
   * part of the page may be executed: nothing was entered then, and the answer holds for the
   * instruction at @va only. (Guests that have nothing of the kind leave it false.) */
  bool (*fetch_page) (DioInterpCpu *cpu, DioGva va, const uint8_t **host, DioRam **ram,
                      uint64_t *ram_offset);
  /* A page of RAM is about to be decoded for the first time: drops write entries to it. */
  void (*code_page_set) (DioInterpCpu *cpu, DioRam *ram, uint64_t ram_offset);
  /* Decodes from slot @first of a page whose bytes are at @host until the end of the run, or to
   * where it is decoded already. */
  void (*decode_run) (DioInterpSlot *slots, const uint8_t *host, unsigned first);
  /* The instruction at cpu->pc, in whatever pages it lies. False: the exception is noted. */
  bool (*fetch_loose) (DioInterpCpu *cpu, uint32_t *raw);
  /* Decodes @raw into a slot that is in no page; the next instruction's slot leads to @next. */
  void (*decode_loose) (DioInterpSlot *slot, uint32_t raw);
  /* Takes the noted exception at cpu->pc. */
  void (*take_exception) (DioInterpCpu *cpu);
  /* Serves requests, and takes the highest pending enabled interrupt at cpu->pc if any. */
  void (*poll) (DioInterpCpu *cpu);
  /* Is there a reason not to halt? */
  bool (*has_work) (DioCpu *cpu);
} DioInterpGuest;

/* What a compiler does when the interpreter comes to a place. @address: of it in RAM. vCPU thread.
 */
typedef struct {
  /* Runs compiled code from cpu->pc on; false if there is none (any more). cpu->pc and
   * cpu.stats.instructions are exact before and after. Then engine->exit tells whether the engine
   * must be left: DIO_EXIT_HALT. */
  bool (*enter) (DioInterpCpu *cpu, uint64_t address);
  /* The interpreter is often there. True when there is compiled code from now on. */
  bool (*sample) (DioInterpCpu *cpu, uint64_t address);
} DioInterpCompiler;

/* One handler ends by calling the next, which must cost a jump and no stack. clang promises that
 * with musttail; gcc does it from -O2 on, which the build tells. Otherwise handlers return to a
 * loop. (test-riscv64-engine runs on a small stack to prove it.) */
#if defined(__clang__)
#define DIO_INTERP_TAIL_CALLS 1
#define DIO_INTERP_MUSTTAIL __attribute__ ((musttail))
#elif DIO_OPTIMIZED && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define DIO_INTERP_TAIL_CALLS 1
#define DIO_INTERP_MUSTTAIL
#else
#define DIO_INTERP_TAIL_CALLS 0
#endif

#if DIO_INTERP_TAIL_CALLS
#define DIO_INTERP_TAIL(function) DIO_INTERP_MUSTTAIL return (function) (ip, cpu, count, tlb, bias)
#define DIO_INTERP_DISPATCH() DIO_INTERP_TAIL (ip->handler)
#else
#define DIO_INTERP_TAIL(function) return (function) (ip, cpu, count, tlb, bias)
#define DIO_INTERP_DISPATCH()                                                                      \
  do {                                                                                             \
    cpu->engine->count = count;                                                                    \
    cpu->engine->tlb = tlb;                                                                        \
    cpu->engine->bias = bias;                                                                      \
    return ip;                                                                                     \
  } while (0)
#endif

/* Two equal handlers stay two: gcc would make one a jump to the other. */
#if defined(__clang__)
#define DIO_INTERP_HANDLER DIO_NOINLINE
#else
#define DIO_INTERP_HANDLER __attribute__ ((noinline, no_icf))
#endif

/* Where the decoded form of the host page behind a code-TLB entry is; indexed like the TLB. */
typedef struct {
  uintptr_t host; /* of the page's start, or 1 */
  DioInterpSlot *slots;
} DioInterpJump;

/* A decoded page; its slots are in the arena at the same index. */
typedef struct {
  uintptr_t host; /* 0: free */
  DioRam *ram;
  uint64_t ram_offset;
  uint32_t write_gen;
  uint32_t next; /* in the hash chain, or UINT32_MAX */
  bool used;     /* since the clock hand passed */
} DioInterpPage;

/* An instruction that cannot live in a page: one that crosses into the next page, whose page only
 * partly belongs to the guest's code, or that is stepped. Its slot and those that lead back to the
 * pages. */
typedef struct {
  uint32_t raw;
  bool valid;
  DioInterpSlot slots[3];
} DioInterpLoose;

#define DIO_INTERP_LOOSE 64

struct DioInterpEngine {
  DioInterpJump jumps[DIO_TLB_ENTRIES];
  const DioInterpGuest *guest;
  const DioInterpCompiler *compiler; /* or NULL */
  unsigned page_slots;
  unsigned stride;
  unsigned shift; /* log2 of slot bytes per byte of code */

  /* Between a handler and what it tails into. */
  DioSemEnd end;
  DioExit exit;
  uint64_t bias;
  uint64_t count;
  DioTlbTable *tlb;

  DioInterpPage *pages;
  DioInterpSlot *arena;
  size_t arena_size;
  uint32_t n_pages; /* in use at most */
  uint32_t max_pages;
  uint32_t hand;
  uint32_t *buckets;
  DioInterpLoose loose[DIO_INTERP_LOOSE];
  bool step; /* leave after one instruction */
};

/* How an instruction that jumps is handled: its target is in the page, ahead or behind (behind
 * polls), or needs a look-up. */
typedef enum {
  DIO_INTERP_JUMP_AHEAD,
  DIO_INTERP_JUMP_BACK,
  DIO_INTERP_JUMP_FAR,
  DIO_INTERP_N_JUMPS
} DioInterpJumpKind;

bool dio_interp_engine_init (DioInterpCpu *cpu, const DioInterpGuest *guest, GError **error);
void dio_interp_engine_free (DioInterpCpu *cpu);
/* The CPU type's run(). */
DioExit dio_interp_engine_run (DioInterpCpu *cpu);
/* From now on every page is validated again before it is entered. */
void dio_interp_engine_forget (DioInterpCpu *cpu);

/* From now on asks @compiler every @sample_period jumps about where it is. */
void dio_interp_engine_set_compiler (DioInterpCpu *cpu, const DioInterpCompiler *compiler,
                                     int32_t sample_period);
/* Marks a page of RAM as code; the generation from which its bytes may be read. */
uint32_t dio_interp_engine_watch_page (DioInterpCpu *cpu, DioRam *ram, uint64_t ram_offset);
/* Waits until the pages that any vCPU marks at this moment are marked for all of them. For barriers
 * of code. */
void dio_interp_await_marks (const DioRam *ram);
/* The slots of the decoded page at @host, or NULL. */
DioInterpSlot *dio_interp_engine_slots (DioInterpCpu *cpu, const uint8_t *host);
/* Runs the one instruction at cpu->pc; false when the engine must be left then (DIO_EXIT_HALT).
 * cpu.stats.instructions is exact before and after. */
bool dio_interp_engine_step (DioInterpCpu *cpu);

/* Handlers that are no instructions. cpu->pc and count (retired) are right on entry of those marked
 * *, and ip, tlb, bias mean nothing. */
DioInterpSlot *dio_interp_op_decode (DIO_INTERP_ARGS);
DioInterpSlot *dio_interp_op_page_end (DIO_INTERP_ARGS);
DioInterpSlot *dio_interp_op_straddle (DIO_INTERP_ARGS); /* of an instruction in two pages */
DioInterpSlot *dio_interp_op_poll (DIO_INTERP_ARGS);     /* ip is next; somebody kicked */
DioInterpSlot *dio_interp_op_end (DIO_INTERP_ARGS);      /* acts on engine->end */
DioInterpSlot *dio_interp_op_compiled (DIO_INTERP_ARGS); /* ip has compiled code */
DioInterpSlot *dio_interp_op_sample (DIO_INTERP_ARGS);   /* ip is next; is it hot? */
DioInterpSlot *dio_interp_op_go (DIO_INTERP_ARGS);       /* * */
DioInterpSlot *dio_interp_op_enter (DIO_INTERP_ARGS);    /* * */

static DIO_ALWAYS_INLINE uint64_t
dio_interp_pc (const DioInterpSlot *ip, uint64_t bias, unsigned shift)
{
  return ((uintptr_t) ip >> shift) + bias;
}

/* Continues at @target if its page is decoded and in the code TLB; falls through if not. count is
 * what was retired before @target. Where parcels have two bytes @target is even. */
#define DIO_INTERP_TRY_GO(target, shift)                                                           \
  do {                                                                                             \
    uint64_t target_ = (target);                                                                   \
    unsigned index_ = dio_tlb_index (target_);                                                     \
    const DioTlbTable *code_ = cpu->tlb.code;                                                      \
    const DioInterpJump *jump_ = &cpu->engine->jumps[index_];                                      \
    uint64_t page_ = target_ & ~DIO_PAGE_MASK;                                                     \
    if (DIO_LIKELY (code_->execute[index_] == page_                                                \
                    && jump_->host == page_ + code_->addend[index_]                                \
                    && ((shift) == 3 || !(target_ & 3))                                            \
                    && !atomic_load_explicit (&cpu->cpu.kicked, memory_order_relaxed))) {          \
      bias = page_ - ((uintptr_t) jump_->slots >> (shift));                                        \
      ip = (DioInterpSlot *) ((uintptr_t) jump_->slots + ((target_ & DIO_PAGE_MASK) << (shift)));  \
      count += ip->insn.run;                                                                       \
      if (DIO_UNLIKELY (--cpu->sample == 0))                                                       \
        DIO_INTERP_TAIL (dio_interp_op_sample);                                                    \
      DIO_INTERP_DISPATCH ();                                                                      \
    }                                                                                              \
  } while (0)
