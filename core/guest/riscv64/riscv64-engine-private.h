/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the parts of the riscv64 instruction engine share: pages of decoded instructions and the
 * form of a handler.
 *
 * A decoded page holds one 16-byte slot per half-word of a physical page of code: the handler and
 * the operands of the instruction that starts there. A 4-byte instruction at slot i is followed by
 * slot i + 2, so the PC is a function of the slot's address: pc = (ip >> 3) + bias, where bias
 * belongs to the virtual page that is being executed. Behind the last slot is one that leaves for
 * the next page. Slots are decoded at first execution, a straight run at a time.
 *
 * Instructions are counted by runs, not one by one. insn.run of a slot is the number of
 * instructions from it to the next unconditional jump (or the page's end), itself included; it
 * depends on nothing but the bytes of the page. `count` is always what will have been retired when
 * the current run has come to its end, so count - ip->insn.run is what was retired before ip, and
 * only taken branches and exits have arithmetic to do. An undecoded slot has run 0.
 *
 * Everything in here belongs to the vCPU thread. */
#pragma once

#include "config.h"

#include <stdatomic.h>

#include "core/guest/guest-sem.h"
#include "core/guest/riscv64/riscv64-cpu.h"
#include "core/guest/riscv64/riscv64-leaves.h"

typedef struct DioRvSlot DioRvSlot;

/* The engine's registers: handlers pass them on. */
#define DIO_RV_HANDLER_ARGS                                                                        \
  DioRvSlot *ip, DioRiscv64 *hart, uint64_t count, DioTlbEntry *tlb, uint64_t bias

typedef DioRvSlot *(*DioRvHandler) (DIO_RV_HANDLER_ARGS);

struct DioRvSlot {
  DioRvHandler handler;
  DioInsn insn;
};

_Static_assert(sizeof (DioRvSlot) == 16, "slot addresses are PCs times 8");

#define DIO_RV_PAGE_SLOTS ((unsigned) (DIO_PAGE_SIZE / 2))
#define DIO_RV_SINK 32 /* x[32] takes what is written to x0 */

/* One handler ends by calling the next, which must cost a jump and no stack. clang promises that
 * with musttail; gcc does it from -O2 on, which the build tells (test-riscv64-engine runs on a
 * small stack to prove it). Otherwise handlers return to a loop. */
#if defined(__clang__)
#define DIO_RV_TAIL_CALLS 1
#define DIO_RV_MUSTTAIL __attribute__ ((musttail))
#elif DIO_OPTIMIZED && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define DIO_RV_TAIL_CALLS 1
#define DIO_RV_MUSTTAIL
#else
#define DIO_RV_TAIL_CALLS 0
#endif

#if DIO_RV_TAIL_CALLS
#define DIO_RV_TAIL(function) DIO_RV_MUSTTAIL return (function) (ip, hart, count, tlb, bias)
#define DIO_RV_DISPATCH() DIO_RV_TAIL (ip->handler)
#else
#define DIO_RV_TAIL(function) return (function) (ip, hart, count, tlb, bias)
#define DIO_RV_DISPATCH()                                                                          \
  do {                                                                                             \
    hart->engine->count = count;                                                                   \
    hart->engine->tlb = tlb;                                                                       \
    hart->engine->bias = bias;                                                                     \
    return ip;                                                                                     \
  } while (0)
#endif

/* Where the decoded form of the host page behind a code-TLB entry is; indexed like the TLB. */
typedef struct {
  uintptr_t host; /* of the page's start, or 1 */
  DioRvSlot *slots;
} DioRvJump;

/* A decoded page; its slots are in the arena at the same index. */
typedef struct {
  uintptr_t host; /* 0: free */
  DioRam *ram;
  uint64_t ram_offset;
  uint32_t write_gen;
  uint32_t next; /* in the hash chain, or UINT32_MAX */
  bool used;     /* since the clock hand passed */
} DioRvPage;

/* An instruction that cannot live in a page: one that crosses into the next page, or whose page
 * only partly belongs to the guest's code. One slot for it and two that lead back to the pages. */
typedef struct {
  uint32_t raw;
  bool valid;
  DioRvSlot slots[3];
} DioRvLoose;

#define DIO_RV_LOOSE 64

typedef struct DioRiscv64Engine {
  DioRvJump jumps[DIO_TLB_ENTRIES];

  /* Between a handler and what it tails into. */
  DioSemEnd end;
  DioRvExc cause;
  DioExit exit;
  uint64_t bias;
  uint64_t count;
  DioTlbEntry *tlb;

  DioRvPage *pages;
  DioRvSlot *arena;
  size_t arena_size;
  uint32_t n_pages; /* in use at most */
  uint32_t max_pages;
  uint32_t hand;
  uint32_t *buckets;
  uint32_t n_buckets;
  DioRvLoose loose[DIO_RV_LOOSE];
  bool step; /* leave after one instruction */
} DioRiscv64Engine;

/* How an instruction that jumps is handled: its target is in the page, ahead or behind (behind
 * polls), or needs a look-up. */
typedef enum { DIO_RV_JUMP_AHEAD, DIO_RV_JUMP_BACK, DIO_RV_JUMP_FAR, DIO_RV_N_JUMPS } DioRvJumpKind;

/* What a slot was decoded to: for dio_rv_interp_fuse(). */
typedef struct {
  uint16_t leaf;
  uint16_t form; /* of riscv64-interp.c */
} DioRvForm;

/* riscv64-interp.c: puts the handler for @insn (just decoded, @length bytes) and its operands into
 * @slot, with run 0. @index: of the slot in its page, or -1 for a loose instruction. */
DioRvForm dio_rv_interp_prepare (DioRvSlot *slot, const DioInsn *insn, unsigned length, int index);
/* Lets @first do @second too, which follows it, if there is a handler for the two. */
void dio_rv_interp_fuse (DioRvSlot *first, DioRvForm first_form, const DioRvSlot *second,
                         DioRvForm second_form);

/* riscv64-engine.c: from now on every page is validated again before it is entered. */
void dio_rv_engine_forget (DioRiscv64Engine *engine);
/* Marks a page of RAM as code; the generation from which its bytes may be read. */
uint32_t dio_rv_engine_watch_page (DioRiscv64 *hart, DioRam *ram, uint64_t ram_offset);
/* The slots of the decoded page at @host, or NULL. */
DioRvSlot *dio_rv_engine_slots (DioRiscv64Engine *engine, const uint8_t *host);
/* Takes @cause at hart->pc. */
void dio_rv_engine_take (DioRiscv64 *hart, DioRvExc cause);
/* Runs the one instruction at hart->pc; false when the engine must be left then (DIO_EXIT_HALT).
 * cpu.stats.instructions is exact before and after. */
bool dio_rv_engine_step (DioRiscv64 *hart);

/* riscv64-engine.c: handlers that are no instructions. hart->pc and count (retired) are right on
 * entry of those marked *, and ip, tlb, bias mean nothing. */
DioRvSlot *dio_rv_op_decode (DIO_RV_HANDLER_ARGS);
DioRvSlot *dio_rv_op_page_end (DIO_RV_HANDLER_ARGS);
DioRvSlot *dio_rv_op_straddle (DIO_RV_HANDLER_ARGS);
DioRvSlot *dio_rv_op_poll (DIO_RV_HANDLER_ARGS);     /* ip is next; somebody kicked */
DioRvSlot *dio_rv_op_end (DIO_RV_HANDLER_ARGS);      /* acts on engine->end */
DioRvSlot *dio_rv_op_compiled (DIO_RV_HANDLER_ARGS); /* ip has compiled code */
DioRvSlot *dio_rv_op_sample (DIO_RV_HANDLER_ARGS);   /* ip is next; is it hot? */
DioRvSlot *dio_rv_op_go (DIO_RV_HANDLER_ARGS);       /* * */
DioRvSlot *dio_rv_op_enter (DIO_RV_HANDLER_ARGS);    /* * */

static DIO_ALWAYS_INLINE uint64_t
dio_rv_slot_pc (const DioRvSlot *ip, uint64_t bias)
{
  return ((uintptr_t) ip >> 3) + bias;
}

/* Continues at @target if its page is decoded and in the code TLB; falls through if not. count is
 * what was retired before @target. */
#define DIO_RV_TRY_GO(target)                                                                      \
  do {                                                                                             \
    uint64_t target_ = (target);                                                                   \
    unsigned index_ = dio_tlb_index (target_);                                                     \
    const DioTlbEntry *entry_ = &hart->tlb.code[index_];                                           \
    const DioRvJump *jump_ = &hart->engine->jumps[index_];                                         \
    uint64_t page_ = target_ & ~DIO_PAGE_MASK;                                                     \
    if (DIO_LIKELY (entry_->execute == page_ && jump_->host == page_ + entry_->addend              \
                    && !atomic_load_explicit (&hart->cpu.kicked, memory_order_relaxed))) {         \
      bias = page_ - ((uintptr_t) jump_->slots >> 3);                                              \
      ip = (DioRvSlot *) ((uintptr_t) jump_->slots + ((target_ & DIO_PAGE_MASK) << 3));            \
      count += ip->insn.run;                                                                       \
      if (DIO_UNLIKELY (--hart->sample == 0))                                                      \
        DIO_RV_TAIL (dio_rv_op_sample);                                                            \
      DIO_RV_DISPATCH ();                                                                          \
    }                                                                                              \
  } while (0)
