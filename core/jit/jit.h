/* SPDX-License-Identifier: GPL-3.0-or-later
 * The compiler of a machine: compiled regions by physical address, shared by all of its vCPUs.
 *
 * An entry (DioJitEntry) is a place of guest code, named by its address in RAM, at which compiled
 * code may be entered. Entries never move and are never freed while the machine lives; compiled
 * code jumps through them, so giving an entry other code, or none, takes one store and patches no
 * code. Jumps to other virtual pages go through the jump table of the translation regime in force
 * (core/mem/mem-tlb.h), which says where the code of a virtual address is.
 *
 * Compiled code does not depend on where its page is mapped. DioJitVcpu.page is the virtual address
 * of the page that runs, and every PC is relative to it.
 *
 * A unit is what was compiled at once: a region's code, with all that is needed to find the state
 * of the guest at an access that faults. A unit goes when its page was written (from the guest's
 * next instruction barrier on) or with the segment of code memory it is in, when that is the oldest
 * and room is wanted; the memory is used again when every vCPU has been seen outside of it. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "core/jit/jit-options.h"
#include "core/jit/jit-region.h"
#include "core/jit/jit-stats.h"
#include "core/mem/mem-ram.h"
#include "core/mem/mem-tlb.h"

typedef struct DioJit DioJit;
typedef struct DioJitUnit DioJitUnit;

typedef struct DioJitEntry {
  /* Where code goes that is in the same page; never NULL: the way out when nothing is compiled.
   * Others enter DIO_JIT_FAR_BYTES earlier, with the virtual address in the first scratch register,
   * which sets DioJitVcpu.page. */
  _Atomic (const uint8_t *) code;
  uint64_t address;                    /* in RAM */
  _Atomic (struct DioJitEntry *) next; /* in its bucket */
  DioJitUnit *unit;                    /* under the lock */
  _Atomic uint32_t heat;
  bool compiling; /* under the lock: somebody is at it, or it is not worth trying */
} DioJitEntry;

/* What compiled code keeps of a vCPU, a part of the guest's CPU structure. */
typedef struct {
  uint64_t page;    /* virtual address of the page that runs */
  int64_t budget;   /* instructions left until the next poll; in a register while code runs */
  uint64_t base;    /* retired instructions = base - budget */
  uint64_t frame;   /* stack pointer of compiled code */
  uint32_t mxcsr;   /* the host's FPU in guest mode */
  uint8_t fp_block; /* not 0: FP instructions go the slow way */
  uint8_t pad[3];
  int32_t slice;  /* the budget between two polls */
  int64_t polled; /* when that was, by the host's clock */
  uint64_t scratch[4];
  /* While compiled code runs, for x64-trap.c: the compiler; how many traps there were since the
   * host's clock showed that second; an instruction is done with nothing trapped. */
  DioJit *runs;
  uint32_t traps, traps_since;
  bool stepping;
  uint64_t refills;    /* accesses that the TLB's second level has answered, not in stats yet */
  uint64_t sweeps;     /* begun, not in stats yet: x64-sweep.c */
  uint32_t sweep_wait; /* rounds to pass by until the next is tried */
  DioJitStats *stats;  /* the machine's */
  /* An empty TLB and jump table, for who wants to see all accesses. */
  DioTlbTable *no_tlb;
  DioTlbJump *no_jumps;
} DioJitVcpu;

/* DioJitVcpu.fp_block of a guest whose rounding is in MXCSR, see DioJitGuest.frm. */
enum {
  DIO_JIT_FP_OFF = 1 << 0,      /* not to be used, or not yet marked as used */
  DIO_JIT_FP_DIRECTED = 1 << 1, /* rounds in a direction, not to nearest */
  DIO_JIT_FP_NO_MODE = 1 << 2,  /* the host cannot round like this, or nobody */
  DIO_JIT_FP_CHECKED = 1 << 3,  /* of a guest with fp_traps: MXCSR traps nothing */
};

/* MXCSR's masks of what traps in compiled code of such a guest: invalid, underflow. */
#define DIO_JIT_FP_TRAPS 0x880u

/* Condition flags that compiled code has not worked out, a part of the CPU structure: the operation
 * that sets them, and its operands. Outside of compiled code `opcode` is 0, and the flags are where
 * DioJitGuest.flags says. */
typedef struct {
  uint64_t a, b;
  uint64_t opcode; /* and instead of b, with DIO_JIT_PENDING_CONSTANT, a number from bit 8 on */
} DioJitPending;

#define DIO_JIT_PENDING_CONSTANT 0x80
_Static_assert(DIO_IR_FLAGS_FP_64 < DIO_JIT_PENDING_CONSTANT, "the operations have seven bits");

#define DIO_JIT_BUDGET 16384 /* at most */
#define DIO_JIT_FAR_BYTES 14

/* A part of the CPU structure that must be 0, or must not, for compiled code to go on by itself. */
typedef struct {
  int32_t at;
  uint8_t bytes; /* 1 or 4 */
  bool zero;
} DioJitCondition;

#define DIO_JIT_CONDITIONS 2

/* What an operation on a control register or of the system comes to as a rule. When a condition
 * does not hold the interpreter does the instruction. */
typedef struct {
  DioJitCondition conditions[DIO_JIT_CONDITIONS];
  unsigned n_conditions;
  enum {
    DIO_JIT_CONTROL_FENCE, /* all earlier accesses are seen before all later ones */
    DIO_JIT_CONTROL_NOTHING,
    DIO_JIT_CONTROL_CONSTANT, /* reads as `mask` */
    DIO_JIT_CONTROL_READ,     /* bits `mask` of the word */
    DIO_JIT_CONTROL_WRITE,    /* the operand to bits `mask` of the word */
    DIO_JIT_CONTROL_SET,      /* bits `mask` of the word, whatever the operand */
    DIO_JIT_CONTROL_CLEAR,
  } action;
  int32_t word;  /* in the CPU structure */
  uint8_t bytes; /* of it that matter, 4 or 8; the mask is of all of them if these are 8 */
  uint64_t mask;
} DioJitControl;

/* How compiled code sees a guest: where things are in its CPU structure (bytes from the start), and
 * functions it calls. `vcpu` is that structure. Functions that return code say where to go on: the
 * far way into an entry, or NULL to leave compiled code. */
typedef struct {
  int32_t base; /* what the state register points at: the middle of the integer registers */
  /* requests: 0 if they need not be looked for at fences. */
  int32_t x, f, pc, jit, tlb_data, tlb_jumps, requests, reservation, reservation_value, fflags;
  /* Of a guest with vector registers (then it has no file f), else 0: the registers, the byte that
   * saturating operations set, and the word of its rules and modes of floating point (DioFpMode).
   * While fp_block is 0 that rounds to nearest and flushes nothing. */
  int32_t v, saturated, fp_mode;
  /* MXCSR may trap what is invalid or tiny while compiled code runs, in which nothing then looks
   * for these (x64-trap.c): not so with DIO_JIT_FP_CHECKED in fp_block. */
  bool fp_traps;
  /* Condition flags as x64-flags.c has them, and words per thread, for guests that keep these. */
  int32_t flags, thread;
  /* DioJitPending of a guest with condition flags, or 0: these are always worked out. */
  int32_t pending;
  /* The byte with the direction in which FP_ROUNDING rounds (DioFpMode), or 0: that is always to
   * nearest while fp_block is 0. */
  int32_t frm;
  /* DioTlb.second, for compiled code that searches it by itself, or 0. What is in it must be in the
   * RAM of the machine, and tlb_data the table of a DioTlbSet. */
  int32_t tlb_second;
  /* Pointer to the entries of the TLB for accesses with the rights of programs, of a guest that has
   * such, and a byte that is set while the guest may not clear blocks of 64 bytes. */
  int32_t tlb_user, no_clear;
  /* How compiled code does CSR_READ, CSR_WRITE or SYSTEM, which is @op; @constant: its operand if
   * that is known, or NULL. False: by the interpreter. NULL: by the functions below. Any thread. */
  bool (*control) (const DioIrOp *op, const int64_t *constant, DioJitControl *control);
  /* At pc, by the code TLB. */
  const uint8_t *(*lookup) (void *vcpu);
  /* Runs the one instruction at pc by the interpreter, then as lookup. */
  const uint8_t *(*interpret) (void *vcpu);
  /* The budget is used up or somebody kicked: refills it, or NULL. pc is exact. */
  const uint8_t *(*poll) (void *vcpu);
  /* pc is where a region with floating point begins, and fp_block is set: clears it, if the guest
   * may compute, or runs the instruction by the interpreter; then as lookup. */
  const uint8_t *(*fp_enter) (void *vcpu);
  /* Takes the exception that an access below has left, at pc, then as lookup. */
  const uint8_t *(*fault) (void *vcpu);
  /* Any memory operation of the IR, in full; false: an exception, to be taken by fault(). Vectors
   * come in DioJitVcpu.scratch, in the order of the arguments, and go back in its first half. */
  bool (*access[DIO_IR_N_OPS]) (void *vcpu, uint64_t va, uint64_t value, uint64_t *result);
} DioJitGuest;

/* Where a guest register is that is not in the CPU structure nor in a host register of its own. */
typedef struct {
  uint8_t var;
  uint8_t kind;  /* DIO_JIT_PLACE_* */
  uint16_t slot; /* SAVED: of the registers and spill slots on the stack; a vector has two */
  int64_t value; /* CONSTANT: the value, PC: offset from the page's start */
} DioJitPlace;

enum { DIO_JIT_PLACE_SAVED, DIO_JIT_PLACE_CONSTANT, DIO_JIT_PLACE_PC };

/* Access sites of a unit: what a fault there finds. */
typedef struct {
  uint32_t at;      /* of the return address in the unit's code */
  uint16_t offset;  /* of the instruction in the page */
  uint16_t retired; /* instructions of the block before it, which the budget does not know of yet */
  uint32_t places, n_places; /* in the unit's list */
  uint64_t dirty;            /* variables whose host register is newer than the CPU structure */
} DioJitSite;

/* Where an operation of floating point that traps goes on, in the unit's code. */
typedef struct {
  uint32_t from, to; /* its instructions */
  uint32_t target;
} DioJitTrap;

struct DioJitUnit {
  const uint8_t *code; /* executable address */
  uint32_t size;
  uint32_t segment;
  uint64_t page;
  uint16_t n_insns, n_blocks, n_sites, n_entries;
  DioJitSite *sites; /* by `at` */
  DioJitPlace *places;
  DioJitTrap *traps;
  uint32_t n_traps;
  bool trapping;         /* compiled for a vCPU whose MXCSR traps */
  DioJitEntry **entries; /* that lead into it */
  DioJitUnit *page_next; /* of the same page */
  int8_t host[DIO_JIT_N_VARS];
};

/* A compiler for a machine with @ram; @guest is copied. NULL: this host has none, or no memory for
 * it. */
DioJit *dio_jit_new (const DioJitGuest *guest, DioRam *ram, unsigned n_vcpus,
                     const DioJitOptions *options, GError **error);
void dio_jit_free (DioJit *jit);
void dio_jit_get_stats (DioJit *jit, DioJitStats *stats);
/* Where vCPU threads count what they do; lost increments do not matter. */
DioJitStats *dio_jit_stats (DioJit *jit);
const DioJitOptions *dio_jit_options (const DioJit *jit);

/* The entry at @address in RAM, made if it is not there; NULL when there are too many. Any thread,
 * without a lock. */
DioJitEntry *dio_jit_entry (DioJit *jit, uint64_t address);
/* The code of the unit that has @at in it, for people; it stays while the caller is in compiled
 * code. */
void dio_jit_code_around (DioJit *jit, const uint8_t *at, const uint8_t **code, uint32_t *size);
/* Is @far_code, which was to be entered at @address, compiled from what the page holds now? And the
 * write generation of that. */
bool dio_jit_is_current (DioJit *jit, uint64_t address, const uint8_t *far_code,
                         uint32_t *generation);
/* Its code for who comes from another page, or NULL. */
const uint8_t *dio_jit_entry_far (const DioJit *jit, const DioJitEntry *entry);

/* Compiling. begin: true when nobody has compiled @entry nor is at it. The page must be watched for
 * writes with @generation read before its bytes. finish() takes the region's code generation and
 * publishes it; abandon() gives up, for good if it made no sense. */
bool dio_jit_begin (DioJit *jit, DioJitEntry *entry);
bool dio_jit_finish (DioJit *jit, DioJitEntry *entry, DioJitRegion *region, uint32_t generation);
void dio_jit_abandon (DioJit *jit, DioJitEntry *entry);

/* Throws out units of pages that were written since they were compiled. Cheap when no page of code
 * was written. Returns true when the caller must empty its jump tables: compiled code that they
 * lead to has gone since this vCPU asked last. vCPU thread, outside of compiled code. */
bool dio_jit_synchronise (DioJit *jit, unsigned vcpu);

/* Enters compiled code, pc in the CPU structure; returns when a function of the guest has said to
 * leave. Before, dio_jit_synchronise() must have been asked; after, dio_jit_outside() says that the
 * vCPU has nothing of the compiled code in hand. */
void dio_jit_run (DioJit *jit, void *vcpu, const uint8_t *code);
void dio_jit_outside (DioJit *jit, unsigned vcpu);

/* Does new code rely on traps of the FPU (DioJitGuest.fp_traps)? Not where these have come often.
 * Any thread. */
bool dio_jit_fp_traps (const DioJit *jit);
/* No new code does. */
void dio_jit_forgo_traps (DioJit *jit);
/* A vCPU that traps nothing has come to the entry at @address in RAM, whose code relies on traps:
 * throws out the code of its page. False: that was not why it was not entered. As after a change of
 * code the caller must synchronise. vCPU thread. */
bool dio_jit_drop_trapping (DioJit *jit, uint64_t address);
/* Where to go on after the instruction at @at trapped, or NULL; @inside: it is compiled code. In a
 * handler of signals of the thread that was in it. */
const uint8_t *dio_jit_trap_target (DioJit *jit, const uint8_t *at, bool *inside);

/* From the thunks: brings the CPU structure up to date at the access that returns to @at. @saved:
 * the host's general registers, then its vector registers, two words each, by number. */
void dio_jit_sync_site (DioJit *jit, void *vcpu, const uint8_t *at, const uint64_t *saved);
