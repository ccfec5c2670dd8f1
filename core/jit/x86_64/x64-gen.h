/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the parts of the x86-64 code generator share.
 *
 * A region is generated in one pass over its blocks, in the order of their addresses. Guest
 * registers that are used much have a host register for the whole of the region
 * (DioJitRegion.host); the others are in the CPU structure, which instructions reach as memory
 * operands. Values of the IR live no longer than their block: in a register that no guest register
 * has, in a spill slot on the stack, as another name for a guest register that has not been written
 * since, or not at all until they are used (constants, comparisons).
 *
 *   rbp       the CPU structure, pointing at DioJitGuest.base
 *   r14       the TLB for data, DIO_TLB_CONTROL_BIAS bytes behind the start of its table
 *   r15       instructions left until the next poll
 *   rsp       spill slots
 *   rcx, rdx  scratch; never hold a value from one operation to the next
 *   xmm0, 1   scratch
 *
 * Code that is seldom run (TLB misses, NaNs, exits) is put behind the rest: see DioX64Cold. */
#pragma once

#include "core/jit/jit-private.h"
#include "core/jit/jit-sweep.h"
#include "core/jit/x86_64/x64-asm.h"
#include "core/jit/x86_64/x64-features.h"

#define X64_STATE DIO_X64_RBP
#define X64_TLB DIO_X64_R14
/* From there to a member of DioTlbTable. */
#define X64_TLB_BIAS ((int32_t) DIO_TLB_CONTROL_BIAS)
#define X64_TLB_AT(member) ((int32_t) offsetof (DioTlbTable, member) - X64_TLB_BIAS)
#define X64_BUDGET DIO_X64_R15
#define X64_SPILLS 56
/* Behind the spill slots: operands of functions, and the registers that calls change. */
#define X64_OPERANDS (X64_SPILLS * 8)
#define X64_KEPT_GPRS (X64_OPERANDS + 4 * 16)
#define X64_KEPT_XMMS (X64_KEPT_GPRS + 7 * 8)
/* With the six registers pushed and the return address: a multiple of 16. */
#define X64_SWEEP_SLOTS (X64_KEPT_XMMS + 14 * 16)
#define X64_N_SWEEP_SLOTS (DIO_JIT_SWEEP_POINTERS + 2)
#define X64_FRAME (X64_SWEEP_SLOTS + X64_N_SWEEP_SLOTS * 8)
_Static_assert(X64_FRAME % 16 == 8, "the stack is aligned at calls");

typedef enum {
  X64_NOWHERE, /* not made yet, or dead */
  X64_LAZY, /* made where it is used: constants, PCs, comparisons, the inner half of a fused pair */
  X64_VAR,  /* what a guest register holds */
  X64_GPR,
  X64_XMM,
  X64_SPILL, /* on the stack; a vector has two slots */
} DioX64Where;

typedef struct {
  uint8_t where;
  uint8_t reg;   /* GPR, XMM: number; VAR: variable; SPILL: slot */
  bool single;   /* XMM: only the low 32 bits count, the value is these zero-extended */
  bool want_xmm; /* some use is by the FPU */
  bool vector;   /* SPILL: was in an XMM register */
  bool signals;  /* FP_HOLDS: raises for quiet NaNs too */
  uint8_t clean; /* XMM: 4 or 8 when the register has zeros above so many bytes; else 0 */
  uint8_t bound; /* guest registers that it is to be written to: see dio_x64_set_var() */
  uint32_t last; /* operation that uses it last, or 0 */
  int32_t alias; /* VAR: next value that names the same variable, or -1 */
} DioX64Value;

typedef enum {
  X64_COLD_ACCESS,    /* load or store through the access stub */
  X64_COLD_MEMBER,    /* load or store of a group without the group's probe */
  X64_COLD_INTERPRET, /* leave before the instruction, for the interpreter */
  X64_COLD_NAN,       /* canonical NaN into an XMM register */
  X64_COLD_NANS,      /* where `nans` are NaNs */
  X64_COLD_FP,        /* the operation by a function, result into a register */
  X64_COLD_FLAGS,     /* works out flags that are pending */
  X64_COLD_POLL,      /* the budget is used up; goes on at `offset` */
  X64_COLD_EXIT,      /* to another place */
} DioX64ColdKind;

/* Accesses of a block through the same base share one probe of the TLB, if they are within one
 * page: `reg` has what to add to their addresses, or 0 when each has to look for itself. */
typedef struct {
  bool active;
  bool write; /* the page was found writable */
  uint8_t reg;
  uint32_t base; /* value */
  int32_t shift; /* from it to what is in the register of the first member's address */
  int32_t low, high;
  uint32_t last; /* operation */
} DioX64Group;

#define X64_GROUPS 2

/* What is known of a value that is a mode (DioFpMode): bits that are those of the mode in force,
 * and bits that are set. */
typedef struct {
  uint64_t keep, set;
} DioX64Mode;

/* Instructions whose traps go to a cold path: x64-trap.c; empty if @to is 0. */
typedef struct {
  uint32_t from, to;
} DioX64Range;

/* Condition flags that a way out leaves pending: the operation and its operands, in registers or
 * constants. */
typedef struct {
  uint8_t opcode; /* or 0 */
  uint8_t n;
  bool xmm;
  int8_t regs[2]; /* or -1 */
  int64_t constants[2];
} DioX64Held;

typedef struct {
  uint8_t kind;
  DioX64Label label, back;
  DioX64Range trap;
  DioX64Held held; /* POLL, EXIT */
  uint64_t dirty;
  uint32_t places, n_places; /* of guest registers that are not where they belong */
  uint16_t offset;           /* in the page, of the instruction; POLL: to go on at */
  uint16_t retired;          /* instructions of the block before it */
  uint16_t opcode;           /* ACCESS: of the IR; FP: number of the function */
  uint16_t nans;             /* XMM registers in which a NaN becomes the guest's first: x64-nan.c */
  uint16_t groups; /* ACCESS: registers of groups to clear, as a call may change the TLB */
  int8_t base;     /* ACCESS: address register */
  int32_t disp;
  int8_t value; /* ACCESS: register stored, or -1: constant */
  bool value_xmm;
  bool leads;       /* MEMBER: the first of its group */
  int64_t constant; /* ACCESS: stored; EXIT: target, from the page's start; POLL: to give back */
  int8_t result;    /* ACCESS, NAN, FP: register, or -1 */
  bool result_xmm;
  bool single;
  int8_t n_args;
  int8_t args[3];  /* FP: registers; see arg_xmm. ACCESS: vectors */
  uint8_t arg_xmm; /* bit i: args[i] is an XMM register */
  uint8_t arg_single;
  DioX64Mode mode; /* FP */
} DioX64Cold;

/* Where guest registers are within a sweep: x64-sweep-vars.c. */
typedef struct {
  DioJitSweepPair pair;
  uint8_t xmm;
  int8_t homes[2]; /* host registers of the halves in the region, or -1 */
} DioX64SweepPair;

typedef struct {
  uint8_t var, reg;
  bool written;
} DioX64SweepVar;

typedef struct {
  unsigned n_pairs, n_vars, n_lenders;
  DioX64SweepPair pairs[DIO_JIT_SWEEP_PAIRS];
  DioX64SweepVar vars[16], lenders[16];
  uint64_t joined, lending; /* variables that are in pairs, and that lend */
  unsigned left, given;     /* registers of the region that these leave, and those of them in use */
} DioX64SweepVars;

typedef struct {
  DioX64Asm a;
  DioJit *jit;
  const DioJitGuest *guest;
  DioX64Features cpu;
  DioJitRegion *region;
  DioJitBlock *block;
  unsigned index;     /* of the block */
  unsigned following; /* the block that comes next in memory, or DIO_JIT_NO_BLOCK */
  DioJitCode *code;
  GArray *colds;

  const DioIrOp *ops;
  uint32_t n_ops;
  uint32_t at;
  DioX64Value *values; /* one for each operation */
  uint32_t max_values;
  int32_t gpr_owner[16]; /* value, or X64_FREE, X64_TAKEN */
  int32_t xmm_owner[16];
  int32_t alias[DIO_JIT_N_VARS];
  int32_t binding[DIO_JIT_N_VARS]; /* value, or -1 */
  DioX64Group groups[X64_GROUPS];
  bool moved;                      /* some binding or its place is not as in the last snapshot */
  uint32_t places, n_places;       /* the last snapshot in code->places */
  uint32_t gpr_locked, xmm_locked; /* operands of the operation at hand */
  uint64_t spills;                 /* slots in use */
  uint64_t dirty;
  uint8_t clean[DIO_JIT_N_VARS - DIO_JIT_F]; /* as of values: of vectors with a host register */
  uint64_t boxed;                            /* F variables known to hold a well-boxed single */
  uint16_t offset, retired;
  uint16_t nans;        /* XMM registers that may have another NaN than the guest's: x64-nan.c */
  uint8_t nan_root[16]; /* of such a register: which is a NaN if it is one */
  uint8_t fp_mask;      /* bits of fp_block with which the region must not compute */
  bool aside;           /* the result of the operation at hand is not made in a guest register */
  bool apart;           /* nor in that of an operand, if another is free */
  bool traps;           /* MXCSR traps what is invalid or tiny: x64-trap.c */
  bool settled;         /* no condition flags are pending */
  uint32_t late_flags;  /* operation whose condition flags the ways out leave pending, or 0 */
  bool counted;         /* the block's instructions are off the budget */
  bool failed;

  GArray *simd_colds; /* x64-simd.c */
  GPtrArray *pool;
  struct DioX64SimdLast *last;

  DioX64Label blocks[DIO_JIT_MAX_BLOCKS];
  /* Versions of blocks for who comes without what DioJitBlock.clean says. */
  DioX64Label plain_blocks[DIO_JIT_MAX_BLOCKS];
  uint64_t plain_wanted, plain_done; /* sets of blocks */
  bool plain;                        /* such a version is generated */

  /* x64-sweep.c */
  DioJitSweep *sweep; /* of the block at hand, when its second version is generated; else NULL */
  uint64_t swept;     /* blocks that have one */
  int8_t sweep_addends[DIO_JIT_SWEEP_POINTERS]; /* registers, or -1: on the stack */
  DioX64SweepVars sweep_vars;
  uint32_t sweep_flags; /* operation whose condition flags its ways out leave pending, or 0 */
  DioX64Label sweep_top;
  DioX64Label sweeps[DIO_JIT_MAX_BLOCKS]; /* where the first version goes to go round */
} DioX64Gen;

#define X64_FREE (-1)
#define X64_TAKEN (-2)

/* ---- x64-values.c ---- */

void dio_x64_start_block (DioX64Gen *g);
/* Drops what the operation at hand used last, and unlocks its operands. */
void dio_x64_end_op (DioX64Gen *g);
bool dio_x64_constant (const DioX64Gen *g, uint32_t value, int64_t *constant);
/* Constant that fits a sign-extended immediate. */
bool dio_x64_constant32 (const DioX64Gen *g, uint32_t value, int32_t *constant);
/* @value in a register, which stays as it is until the end of the operation. */
DioX64Reg dio_x64_gpr_of (DioX64Gen *g, uint32_t value);
DioX64Xmm dio_x64_xmm_of (DioX64Gen *g, uint32_t value);
/* True and @mem if @value is 64 bits in memory. */
bool dio_x64_in_memory (DioX64Gen *g, uint32_t value, DioX64Mem *mem);
/* A register for a result: that of the variable that it will be set to, if that is possible, or
 * that of the operand @reuse (or UINT32_MAX) if this is its last use, or a free one. It may be that
 * of an operand: what is read after it is written must be looked at. define_* then says that
 * operation `at` is there. */
DioX64Reg dio_x64_take_gpr (DioX64Gen *g);
DioX64Xmm dio_x64_take_xmm (DioX64Gen *g);
DioX64Reg dio_x64_result_gpr (DioX64Gen *g, uint32_t reuse);
DioX64Xmm dio_x64_result_xmm (DioX64Gen *g);
void dio_x64_define_gpr (DioX64Gen *g, DioX64Reg reg);
void dio_x64_define_xmm (DioX64Gen *g, DioX64Xmm reg, bool single);
/* The same, with zeros above @clean bytes (4, 8; 0: not known). A number that becomes the low end
 * of a vector with a host register, and zeros above it, is what that register has at once. */
void dio_x64_define_clean (DioX64Gen *g, DioX64Xmm reg, bool single, unsigned clean);
/* Above how many bytes (4, 8) the register that @value is in has zeros, or 0. */
unsigned dio_x64_clean_of (const DioX64Gen *g, uint32_t value);
/* The operation at hand, a vector, is the word @value with zeros above it, which is in a register
 * that has them: gives it that register, or another. */
void dio_x64_define_same (DioX64Gen *g, uint32_t value);
/* The low @w bytes of @vector, which is in memory, in a register from now on as @value. */
DioX64Xmm dio_x64_load_low (DioX64Gen *g, uint32_t value, uint32_t vector, unsigned w);
/* A double computed from the XMM registers @operands, whose NaN may still be the host's. */
void dio_x64_define_double (DioX64Gen *g, DioX64Xmm reg, uint16_t operands);
/* The register that @value is in now, or -1. */
int dio_x64_register_of (const DioX64Gen *g, uint32_t value);
/* Copies @value into @reg, which must not belong to another value. */
void dio_x64_move_to_gpr (DioX64Gen *g, DioX64Reg reg, uint32_t value);
/* Makes @reg free of values. */
void dio_x64_evict_gpr (DioX64Gen *g, DioX64Reg reg);
/* The operation at hand is what @var holds. */
void dio_x64_name_var (DioX64Gen *g, unsigned var);
/* Writes @value to @var: at once when it has a host register; else it is bound to it, and reaches
 * the CPU structure at the end of the block if it has not been replaced. Whoever leaves in between
 * knows the places of such values from a snapshot. */
void dio_x64_set_var (DioX64Gen *g, unsigned var, uint32_t value);
/* Writes all that is bound. */
void dio_x64_flush (DioX64Gen *g);
/* Makes places and n_places what is bound now. */
void dio_x64_snapshot (DioX64Gen *g);
void dio_x64_store_places (DioX64Gen *g, uint32_t first, uint32_t count);
/* A vector? */
static inline bool
dio_x64_is_wide (const DioX64Gen *g, uint32_t value)
{
  return dio_ir_op_info[g->ops[value].opcode].result == DIO_IR_V128;
}
/* All of a vector, or the low word. */
static inline void
dio_x64_load_xmm (DioX64Gen *g, bool wide, DioX64Xmm dst, DioX64Mem mem)
{
  if (wide)
    dio_x64_movups_xm (&g->a, dst, mem);
  else
    dio_x64_movs_xm (&g->a, 8, dst, mem);
}
static inline void
dio_x64_store_xmm (DioX64Gen *g, bool wide, DioX64Mem mem, DioX64Xmm src)
{
  if (wide)
    dio_x64_movups_mx (&g->a, mem, src);
  else
    dio_x64_movs_mx (&g->a, 8, mem, src);
}
/* Where the CPU structure has @var. */
DioX64Mem dio_x64_var_mem (const DioX64Gen *g, unsigned var);
static inline DioX64Mem
dio_x64_state (const DioX64Gen *g, int32_t offset)
{
  return dio_x64_mem (X64_STATE, offset - g->guest->base);
}
static inline DioX64Mem
dio_x64_vcpu (const DioX64Gen *g, size_t member)
{
  return dio_x64_state (g, g->guest->jit + (int32_t) member);
}
#define X64_VCPU(g, member) dio_x64_vcpu (g, offsetof (DioJitVcpu, member))

/* ---- Operations: x64-integer-ops.c, x64-memory.c, x64-float.c, x64-exit.c ---- */

/* True when the operation was one of these. */
bool dio_x64_gen_integer (DioX64Gen *g, const DioIrOp *op);
bool dio_x64_gen_memory (DioX64Gen *g, const DioIrOp *op);
bool dio_x64_gen_float (DioX64Gen *g, const DioIrOp *op);
bool dio_x64_gen_exit (DioX64Gen *g, const DioIrOp *op);
/* What guests with vector registers use: x64-simd.c. */
bool dio_x64_gen_simd (DioX64Gen *g, const DioIrOp *op);
/* Of a block that begins: which values are made where they are used (see there). @uses: of each. */
void dio_x64_simd_mark_lazy (DioX64Gen *g, const uint8_t *uses);
/* Then: which are best made in an XMM register. */
void dio_x64_simd_want (DioX64Gen *g);
/* Behind the rest: what is seldom run, and constants. */
void dio_x64_simd_colds (DioX64Gen *g);
/* Condition flags and what is kept per thread: x64-flags.c. */
bool dio_x64_gen_state (DioX64Gen *g, const DioIrOp *op);
/* Of a block that begins: which condition flags only its ways out show, if any. */
void dio_x64_find_late_flags (DioX64Gen *g);
/* At the block's end: their operands stay where this says to the end of the operation. And what a
 * way out makes of it. */
DioX64Held dio_x64_hold_flags (DioX64Gen *g);
void dio_x64_store_held (DioX64Gen *g, const DioX64Held *held);
/* Control registers and the system: x64-control.c. */
bool dio_x64_gen_control (DioX64Gen *g, const DioIrOp *op);

/* What fp_mask must be. */
uint8_t dio_x64_fp_mask (const DioX64Gen *g);

/* The comparison @value as flags: emits it, returns the condition for true. */
DioX64Cc dio_x64_gen_flags (DioX64Gen *g, uint32_t value);
bool dio_x64_is_compare (unsigned opcode);

DioX64Cold *dio_x64_cold (DioX64Gen *g, DioX64ColdKind kind);
void dio_x64_gen_colds (DioX64Gen *g);
/* The access @op through @base by its function alone: what it stores and its result are to come. */
DioX64Cold *dio_x64_access_cold (DioX64Gen *g, const DioIrOp *op, DioX64Reg base);
void dio_x64_cold_access (DioX64Gen *g, DioX64Cold *cold);
void dio_x64_cold_member (DioX64Gen *g, DioX64Cold *cold);
/* Gives up a group of accesses for its register; false if there is none. */
bool dio_x64_drop_group (DioX64Gen *g);
int dio_x64_free_gpr (const DioX64Gen *g);
/* A free one of those that a region may give to guest registers, or -1. */
int dio_x64_free_pinnable (const DioX64Gen *g);
#define X64_FIRST_PINNABLE_XMM 6
void dio_x64_cold_fp (DioX64Gen *g, DioX64Cold *cold);
void dio_x64_cold_flags (DioX64Gen *g, DioX64Cold *cold);
void dio_x64_cold_exit (DioX64Gen *g, DioX64Cold *cold);
/* False: nothing is known. x64-simd-fp.c */
bool dio_x64_mode_of (const DioX64Gen *g, uint32_t value, DioX64Mode *mode);
/* The direction, if that is all that is special about it, or -1. */
int dio_x64_mode_rounding (const DioX64Gen *g, uint32_t value);
/* Is a lazy value the low end of a vector, or a number where nothing is flushed? */
static inline bool
dio_x64_fp_is_low (const DioX64Gen *g, uint32_t value)
{
  return g->ops[value].opcode == DIO_IR_VEC_LOW || g->ops[value].opcode == DIO_IR_ZEXT32
         || g->ops[value].opcode == DIO_IR_FP_CALL1;
}
/* Floating-point numbers are compared: FP_HOLDS. Emits the comparison, in an order that makes the
 * result a condition of the host; false: that takes two, equal and not unordered, or their inverse.
 */
bool dio_x64_fp_holds (DioX64Gen *g, const DioIrOp *op, DioX64Cc *cc);
/* The same where one is wanted. Changes rdx. */
DioX64Cc dio_x64_fp_holds_one (DioX64Gen *g, const DioIrOp *op);
/* The words of flags by a comparison: FLAGS_FP. x64-flags.c has the rest. */
static inline bool
dio_x64_is_fp_holds (unsigned opcode)
{
  return opcode == DIO_IR_FP_HOLDS_32 || opcode == DIO_IR_FP_HOLDS_64;
}
/* What a value of floating point is in: when it is lazy, the vector whose low end it is. */
DioX64Xmm dio_x64_fp_operand (DioX64Gen *g, uint32_t value);
/* A cold path, not listed yet, that does @op by its function with the operands from @first on. */
DioX64Cold dio_x64_fp_cold (DioX64Gen *g, const DioIrOp *op, unsigned first);
/* The operations of core/fp, by name: arguments[3] is the mode. x64-stubs.c */
typedef uint64_t DioX64FpFunction (const uint64_t *arguments, uint8_t *flags);
extern DioX64FpFunction *const dio_x64_fp_functions[DIO_IR_N_FP];
/* ---- x64-trap.c ---- */

/* Where code goes that is made next. */
static inline uint32_t
dio_x64_here (const DioX64Gen *g)
{
  return (uint32_t) dio_x64_size (&g->a);
}
/* Instructions of @range that trap go on at @target, which is bound. */
void dio_x64_trap (DioX64Gen *g, const DioX64Range *range, const DioX64Label *target);

/* ---- x64-nan.c ---- */

/* @op is to come: looks at what it would show. */
void dio_x64_nans_before (DioX64Gen *g, const DioIrOp *op);
/* @dst is the result of arithmetic with the registers @operands. Everything else that is written to
 * a register goes by _overwrite(). */
void dio_x64_nans_result (DioX64Gen *g, DioX64Xmm dst, uint16_t operands);
void dio_x64_nans_overwrite (DioX64Gen *g, DioX64Xmm reg);
/* The registers that can have NaNs only if a result of the registers @operands is one. */
uint16_t dio_x64_nans_of (const DioX64Gen *g, uint16_t operands);
void dio_x64_nans_settle (DioX64Gen *g, DioX64Xmm reg);
void dio_x64_nans_settle_value (DioX64Gen *g, uint32_t value);
void dio_x64_nans_settle_all (DioX64Gen *g);
/* In cold code: NaNs in the registers @nans become the guest's. */
void dio_x64_nans_replace (DioX64Gen *g, uint16_t nans);

/* ---- x64-sweep.c ---- */

/* Of the second version of a block, which has started: what comes before the first operation. */
void dio_x64_sweep_begin (DioX64Gen *g);
/* Finds registers for what it takes, before anything else of it. */
void dio_x64_sweep_find_vars (DioX64Gen *g);
/* Is @reg (or -1) one that variables of the region have until the rounds begin? */
bool dio_x64_sweep_is_left (const DioX64Gen *g, int reg);
/* Code that moves variables to where the rounds have them, which is where they are from now on. */
void dio_x64_sweep_enter_vars (DioX64Gen *g);
/* The block with variables as they are there, for who generates the rounds. */
DioIrBlock *dio_x64_sweep_ir (const DioX64Gen *g);
/* When the block has been started anew with that. */
void dio_x64_sweep_keep_addends (DioX64Gen *g);
/* Code that moves them back, on each way out; changes no flags. */
void dio_x64_sweep_leave_vars (DioX64Gen *g);
/* From now on they are where the region has them. */
void dio_x64_sweep_end_vars (DioX64Gen *g);
/* The register with what to add to the address of the access at hand: maybe rcx. */
DioX64Reg dio_x64_sweep_addend (DioX64Gen *g);
/* Makes the budget what is left of all of it; the host's flags are its own. */
void dio_x64_sweep_give_back (DioX64Gen *g);
/* Before that, where the loop is left: was it worth while? */
void dio_x64_sweep_note_short (DioX64Gen *g);
/* Which condition flags are only shown behind it: x64-flags.c. What they are made of is held in
 * registers until the ways out, that store it. */
void dio_x64_sweep_find_flags (DioX64Gen *g);
void dio_x64_sweep_hold_flags (DioX64Gen *g);
void dio_x64_sweep_store_flags (DioX64Gen *g);
/* The @size bytes at rdx: what to add to their address to @addend, and where they are in their page
 * to rdx; or to @miss if the first level of the TLB does not have them in one page. Changes rcx. */
void dio_x64_probe_rdx (DioX64Gen *g, int32_t size, bool write, DioX64Reg addend,
                        DioX64Label *miss);

/* The version of block @to that may be gone on to from the one at hand. */
DioX64Label *dio_x64_block_label (DioX64Gen *g, unsigned to);

/* Stores all of @dirty into the CPU structure. */
void dio_x64_store_dirty (DioX64Gen *g, uint64_t dirty);
void dio_x64_gen_entries (DioX64Gen *g);
/* The blocks of which an entry wants a plain version. */
uint64_t dio_x64_plain_entries (const DioX64Gen *g);
/* After an access or other call out of line: a fault here finds the state by this. */
void dio_x64_site (DioX64Gen *g, const DioX64Cold *cold);
