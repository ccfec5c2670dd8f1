/* SPDX-License-Identifier: GPL-3.0-or-later
 * The interpreter's handlers: the semantic functions of riscv64 with immediate evaluation.
 *
 * Every leaf has a fast handler: the semantic function inlined, with memory accesses by TLB hit
 * only, then a jump to the next handler. Engine state travels in argument registers, so a handler
 * touches memory for guest registers and its slot only; it makes no calls and has no stack frame
 * (floating point aside). What it cannot do it does not begin: it jumps to the leaf's slow handler,
 * which calls the same semantic function compiled with the full memory path, as a function of its
 * own. Leaves of kind system and end have only the slow one. */
#include "core/guest/riscv64/riscv64-engine-private.h"

#include "core/fp/fp.h"
#include "core/interp/interp-sem.h"

typedef struct {
  DioRiscv64 *hart;
  DioRvSlot *ip;
  uint64_t bias;
  uint64_t target;
  DioTlbEntry *tlb;
  unsigned length;
} Context;

/* ---- Words of this guest ---- */

/* Register numbers that the compiler sees as constants (pinned operands) may be x0; those that a
 * slot holds are not, or x[0] itself does the same. */
#define IS_ZERO_REG(r) ((r) == 0 || (r) == DIO_RV_SINK)
#define IS_KNOWN_ZERO(r) (__builtin_constant_p (r) && IS_ZERO_REG (r))
#define GET_X(r) (IS_KNOWN_ZERO (r) ? 0 : c->hart->x[r])
#define SET_X(r, v)                                                                                \
  do {                                                                                             \
    Val set_ = (v);                                                                                \
    if (!IS_KNOWN_ZERO (r))                                                                        \
      c->hart->x[r] = set_;                                                                        \
  } while (0)
#define PC dio_rv_slot_pc (c->ip, c->bias)
#define NEXT_PC (PC + c->length)

#define GET_F(r) (c->hart->f[r])
#define SET_F(r, v)                                                                                \
  do {                                                                                             \
    c->hart->f[r] = (v);                                                                           \
  } while (0)
#define GET_F32(r) interp_unbox (c->hart->f[r])
#define SET_F32(r, v) SET_F (r, (v) | UINT64_C (0xffffffff00000000))

#define JUMP_REGISTER(v)                                                                           \
  do {                                                                                             \
    c->target = (v);                                                                               \
    return DIO_SEM_TARGET;                                                                         \
  } while (0)

static DIO_ALWAYS_INLINE uint64_t
interp_unbox (uint64_t f)
{
  return DIO_LIKELY (f >> 32 == 0xffffffff) ? (uint32_t) f : DIO_FP32_NAN;
}

static DIO_ALWAYS_INLINE uint64_t
interp_load_reserved (Context *c, void *host, unsigned size)
{
  uint64_t value = size == 4 ? __atomic_load_n ((uint32_t *) host, __ATOMIC_SEQ_CST)
                             : __atomic_load_n ((uint64_t *) host, __ATOMIC_SEQ_CST);
  c->hart->reservation = (uintptr_t) host;
  c->hart->reservation_value = value;
  return size == 4 ? SEXT32 (value) : value;
}

/* By compare and swap on the remembered value, which guests cannot tell from a reservation unless
 * they depend on noticing that a word was changed and changed back. */
static DIO_ALWAYS_INLINE uint64_t
interp_store_conditional (Context *c, void *host, unsigned size, uint64_t value)
{
  bool held = c->hart->reservation == (uintptr_t) host;
  c->hart->reservation = UINT64_MAX;
  return !(held && interp_host_replace (host, size, c->hart->reservation_value, value));
}

/* Only a store followed by a load needs more of the host than program order, if the host is x86;
 * elsewhere the compiler's acquire-release fence is right for the weaker ones. */
static DIO_ALWAYS_INLINE void
interp_fence (unsigned sets)
{
  bool writes_before = sets & 0x50, reads_after = sets & 0x0a;
  if (writes_before && reads_after)
    atomic_thread_fence (memory_order_seq_cst);
  else
    atomic_thread_fence (memory_order_acq_rel);
}

/* FP operations: exceptions are or'ed into the sticky flags by the operation. */
#define FP_CALL1(name, rounding, a)                                                                \
  ((Val) dio_fp_##name ((DioFpMode) (rounding), &c->hart->fflags, (a)))
#define FP_CALL2(name, rounding, a, b)                                                             \
  ((Val) dio_fp_##name ((DioFpMode) (rounding), &c->hart->fflags, (a), (b)))
#define FP_CALL3(name, rounding, a, b, d)                                                          \
  ((Val) dio_fp_##name ((DioFpMode) (rounding), &c->hart->fflags, (a), (b), (d)))
#define FP_TEST1(name, a) ((Val) (int64_t) dio_fp_##name (&c->hart->fflags, (a)))
#define FP_TEST2(name, a, b) ((Val) (int64_t) dio_fp_##name (&c->hart->fflags, (a), (b)))
#define FP_PURE1(name, a) ((Val) dio_fp_##name (a))

/* ---- The fast variant ---- */

#define SEM(name) static DIO_ALWAYS_INLINE DioSemEnd fast_##name (Context *c, const DioInsn *o)
#include "core/interp/interp-memory-fast.h"
#define FENCE(sets)                                                                                \
  do {                                                                                             \
    if (DIO_UNLIKELY (atomic_load_explicit (&c->hart->requests, memory_order_relaxed)))            \
      return DIO_SEM_SLOW;                                                                         \
    interp_fence (sets);                                                                           \
  } while (0)
#define ILLEGAL_IF(condition)                                                                      \
  do {                                                                                             \
    if (DIO_UNLIKELY (condition))                                                                  \
      return DIO_SEM_SLOW;                                                                         \
  } while (0)
#define TRAP_IF(condition, exception, tval) ILLEGAL_IF (condition)
/* FS becomes dirty before the first FP instruction, whatever that does, so that fast handlers need
 * not mark it (PrivSpec 3.1.6.6 allows to be imprecise in this direction). */
#define FP_REQUIRE() ILLEGAL_IF (c->hart->fp_slow)
#define FP_ROUNDING(rm)                                                                            \
  ({                                                                                               \
    unsigned rounding_ = (rm) == 7 ? c->hart->frm : (unsigned) (rm);                               \
    ILLEGAL_IF (rounding_ > DIO_FP_RMM);                                                           \
    (Val) rounding_;                                                                               \
  })
#include "core/guest/riscv64/riscv64-sem-fp.h"
#include "core/guest/riscv64/riscv64-sem-int.h"
#undef SEM
#undef FENCE
#undef ILLEGAL_IF
#undef TRAP_IF
#undef FP_REQUIRE

/* ---- The slow variant ---- */

static DIO_ALWAYS_INLINE bool
raise_exception (Context *c, DioRvExc cause, uint64_t tval)
{
  c->hart->engine->cause = cause;
  c->hart->exc_tval = tval;
  return false;
}

static inline bool
check (Context *c, DioRvExc cause)
{
  c->hart->engine->cause = cause;
  return cause == DIO_RV_EXC_NONE;
}

static inline bool
interp_load_slow (Context *c, uint64_t va, unsigned size, uint64_t *value)
{
  return check (c, dio_rv_load_slow (c->hart, va, size, value));
}

static inline bool
interp_store_slow (Context *c, uint64_t va, unsigned size, uint64_t value)
{
  return check (c, dio_rv_store_slow (c->hart, va, size, value));
}

static inline void *
interp_atomic_slow (Context *c, uint64_t va, unsigned size, bool write)
{
  void *host = NULL;
  DioGpa gpa;
  if (!check (c, dio_rv_atomic_pointer (c->hart, va, size, write ? DIO_RV_STORE : DIO_RV_LOAD,
                                        &host, &gpa)))
    return NULL;
  return host;
}

#define SEM(name) static inline DioSemEnd slow_##name (Context *c, const DioInsn *o)
#include "core/interp/interp-memory-slow.h"
#define FENCE(sets)                                                                                \
  do {                                                                                             \
    dio_rv_service_requests (c->hart);                                                             \
    interp_fence (sets);                                                                           \
  } while (0)
#define RAISE(exception, tval)                                                                     \
  do {                                                                                             \
    raise_exception (c, (exception), (tval));                                                      \
    return DIO_SEM_TRAP;                                                                           \
  } while (0)
#define TRAP_IF(condition, exception, tval)                                                        \
  do {                                                                                             \
    if (condition)                                                                                 \
      RAISE (exception, tval);                                                                     \
  } while (0)
#define ILLEGAL RAISE (DIO_RV_EXC_ILLEGAL, 0) /* who takes it fetches tval */
#define ILLEGAL_IF(condition) TRAP_IF (condition, DIO_RV_EXC_ILLEGAL, 0)
#define FP_REQUIRE()                                                                               \
  do {                                                                                             \
    ILLEGAL_IF (!(c->hart->mstatus & UINT64_C (3) << 13));                                         \
    dio_rv_fp_dirty (c->hart);                                                                     \
  } while (0)
#define ENVIRONMENT_CALL RAISE ((DioRvExc) (DIO_RV_EXC_ECALL_U + c->hart->priv), 0)
#define CHECKED(call)                                                                              \
  do {                                                                                             \
    if (!check (c, (call)))                                                                        \
      return DIO_SEM_TRAP;                                                                         \
  } while (0)
#define SYSTEM0(name) CHECKED (dio_rv_##name (c->hart))
#define CSR(op, csr, operand)                                                                      \
  ({                                                                                               \
    uint64_t old_ = 0;                                                                             \
    CHECKED (dio_rv_csr_access (c->hart, (csr) &0xfff, (op), (operand), &old_));                   \
    old_;                                                                                          \
  })
#define CACHE_BLOCK(op, address) CHECKED (dio_rv_cbo (c->hart, (address), (op)))
#define FENCE_VMA(has_va, va, has_asid, asid)                                                      \
  CHECKED (dio_rv_sfence_vma (c->hart, (has_va), (va), (has_asid), (asid)))

static DioRvExc
dio_rv_fence_i (DioRiscv64 *hart)
{
  dio_rv_service_requests (hart);
  dio_rv_engine_forget (hart->engine);
  return DIO_RV_EXC_NONE;
}

#include "core/guest/riscv64/riscv64-sem-fp.h"
#include "core/guest/riscv64/riscv64-sem-int.h"
#include "core/guest/riscv64/riscv64-sem-sys.h"

/* ---- Handlers ---- */

/* A slow handler inlined into a fast one would give it a stack frame; and of two equal handlers gcc
 * would make one a jump to the other. */
#if defined(__clang__)
#define DIO_RV_HANDLER DIO_NOINLINE
#else
#define DIO_RV_HANDLER __attribute__ ((noinline, no_icf))
#endif

#define CONTEXT(bytes)                                                                             \
  Context context = { .hart = hart, .ip = ip, .bias = bias, .tlb = tlb, .length = (bytes) }

/* What follows a fast semantic function that has ended in @end; constant but for a branch's
 * outcome, so most of it is dead code in every handler. */
#define FINISH(leaf, end, bytes, jump, offset)                                                     \
  do {                                                                                             \
    if ((end) == DIO_SEM_NEXT) {                                                                   \
      ip += (bytes) / 2;                                                                           \
      DIO_RV_DISPATCH ();                                                                          \
    }                                                                                              \
    if ((end) == DIO_SEM_BRANCH || (end) == DIO_SEM_JUMP) {                                        \
      if ((jump) == DIO_RV_JUMP_FAR) {                                                             \
        hart->pc = dio_rv_slot_pc (ip, bias) + (uint64_t) (int64_t) (offset);                      \
        count = count - ip->insn.run + 1;                                                          \
        DIO_RV_TAIL (dio_rv_op_go);                                                                \
      }                                                                                            \
      DioRvSlot *to_ = (DioRvSlot *) ((uintptr_t) ip + (uintptr_t) (intptr_t) (offset));           \
      count = count + to_->insn.run - ip->insn.run + 1;                                            \
      ip = to_;                                                                                    \
      if ((jump) == DIO_RV_JUMP_BACK                                                               \
          && DIO_UNLIKELY (atomic_load_explicit (&hart->cpu.kicked, memory_order_relaxed)))        \
        DIO_RV_TAIL (dio_rv_op_poll);                                                              \
      DIO_RV_DISPATCH ();                                                                          \
    }                                                                                              \
    if ((end) == DIO_SEM_TARGET) {                                                                 \
      count = count - ip->insn.run + 1;                                                            \
      DIO_RV_TRY_GO (context.target);                                                              \
      hart->pc = context.target;                                                                   \
      DIO_RV_TAIL (dio_rv_op_enter);                                                               \
    }                                                                                              \
    DIO_RV_TAIL (op_slow_##leaf);                                                                  \
  } while (0)

/* The operands, with those that are always the same made constants. */
#define OPERANDS(pins)                                                                             \
  DioInsn o = ip->insn;                                                                            \
  pins

#define SLOW_HANDLER(leaf, sem, bytes)                                                             \
  static DIO_COLD DioSemEnd run_slow_##leaf (DIO_RV_HANDLER_ARGS)                                  \
  {                                                                                                \
    CONTEXT (bytes);                                                                               \
    hart->pc = dio_rv_slot_pc (ip, bias);                                                          \
    hart->cpu.stats.instructions = count - ip->insn.run;                                           \
    DioSemEnd end = slow_##sem (&context, &ip->insn);                                              \
    hart->engine->end = end;                                                                       \
    return end;                                                                                    \
  }                                                                                                \
  static DIO_RV_HANDLER DioRvSlot *op_slow_##leaf (DIO_RV_HANDLER_ARGS)                            \
  {                                                                                                \
    if (DIO_LIKELY (run_slow_##leaf (ip, hart, count, tlb, bias) == DIO_SEM_NEXT)) {               \
      ip += (bytes) / 2;                                                                           \
      DIO_RV_DISPATCH ();                                                                          \
    }                                                                                              \
    count -= ip->insn.run;                                                                         \
    ip += (bytes) / 2;                                                                             \
    DIO_RV_TAIL (dio_rv_op_end);                                                                   \
  }

#define FAST_HANDLER(prefix, leaf, sem, bytes, pins, jump, offset)                                 \
  static DIO_RV_HANDLER DioRvSlot *prefix##leaf (DIO_RV_HANDLER_ARGS)                              \
  {                                                                                                \
    CONTEXT (bytes);                                                                               \
    OPERANDS (pins);                                                                               \
    DioSemEnd end = fast_##sem (&context, &o);                                                     \
    FINISH (leaf, end, bytes, jump, offset);                                                       \
  }

/* Plain leaves have no slow variant: nothing in them can miss. */
#define PLAIN_HANDLER(leaf, sem, bytes, pins)                                                      \
  static DIO_RV_HANDLER DioRvSlot *op_##leaf (DIO_RV_HANDLER_ARGS)                                 \
  {                                                                                                \
    CONTEXT (bytes);                                                                               \
    OPERANDS (pins);                                                                               \
    (void) fast_##sem (&context, &o);                                                              \
    ip += (bytes) / 2;                                                                             \
    DIO_RV_DISPATCH ();                                                                            \
  }

#define BOTH(leaf, sem, bytes, pins)                                                               \
  SLOW_HANDLER (leaf, sem, bytes)                                                                  \
  FAST_HANDLER (op_, leaf, sem, bytes, pins, DIO_RV_JUMP_AHEAD, 0)
#define JUMPS(leaf, sem, bytes, pins, offset)                                                      \
  SLOW_HANDLER (leaf, sem, bytes)                                                                  \
  FAST_HANDLER (op_, leaf, sem, bytes, pins, DIO_RV_JUMP_AHEAD, offset)                            \
  FAST_HANDLER (op_back_, leaf, sem, bytes, pins, DIO_RV_JUMP_BACK, offset)                        \
  FAST_HANDLER (op_far_, leaf, sem, bytes, pins, DIO_RV_JUMP_FAR, offset)

#define DEFINE_plain(leaf, sem, bytes, pins) PLAIN_HANDLER (leaf, sem, bytes, pins)
#define DEFINE_load(leaf, sem, bytes, pins) BOTH (leaf, sem, bytes, pins)
#define DEFINE_store(leaf, sem, bytes, pins) BOTH (leaf, sem, bytes, pins)
#define DEFINE_atomic(leaf, sem, bytes, pins) BOTH (leaf, sem, bytes, pins)
#define DEFINE_fp(leaf, sem, bytes, pins) BOTH (leaf, sem, bytes, pins)
#define DEFINE_jump_register(leaf, sem, bytes, pins) BOTH (leaf, sem, bytes, pins)
#define DEFINE_branch(leaf, sem, bytes, pins) JUMPS (leaf, sem, bytes, pins, ip->insn.imm)
#define DEFINE_jump(leaf, sem, bytes, pins) JUMPS (leaf, sem, bytes, pins, ip->insn.wide)
#define DEFINE_system(leaf, sem, bytes, pins) SLOW_HANDLER (leaf, sem, bytes)
#define DEFINE_end(leaf, sem, bytes, pins) SLOW_HANDLER (leaf, sem, bytes)
#define DEFINE(leaf, sem, bytes, kind, pins) DEFINE_##kind (leaf, sem, bytes, pins)

DEFINE (illegal, illegal, 4, end, )
DIO_RV_LEAVES (DEFINE)

/* Common instructions with an operand that needs no work: the same functions with that operand
 * pinned. They get numbers behind the leaves. */
#define DIO_RV_SPECIAL(X)                                                                          \
  X (nop2, nop, 2, plain, )                                                                        \
  X (nop4, nop, 4, plain, )                                                                        \
  X (li, addi, 4, plain, o.rs1 = 0)                                                                \
  X (mv, addi, 4, plain, o.imm = 0)                                                                \
  X (j, jal, 4, jump, o.rd = 0)                                                                    \
  X (jr, jalr, 4, jump_register, o.rd = 0)                                                         \
  X (beqz, beq, 4, branch, o.rs2 = 0)                                                              \
  X (bnez, bne, 4, branch, o.rs2 = 0)                                                              \
  X (bltz, blt, 4, branch, o.rs2 = 0)                                                              \
  X (bgez, bge, 4, branch, o.rs2 = 0)                                                              \
  X (blez, bge, 4, branch, o.rs1 = 0)                                                              \
  X (bgtz, blt, 4, branch, o.rs1 = 0)

DIO_RV_SPECIAL (DEFINE)

#define SPECIAL_NUMBER(leaf, sem, bytes, kind, pins) SPECIAL_##leaf,
enum { SPECIAL_FIRST = DIO_RV_N_LEAVES - 1, DIO_RV_SPECIAL (SPECIAL_NUMBER) N_HANDLERS };

#define TABLE_plain(leaf, prefix) op_##leaf
#define TABLE_load(leaf, prefix) op_##leaf
#define TABLE_store(leaf, prefix) op_##leaf
#define TABLE_atomic(leaf, prefix) op_##leaf
#define TABLE_fp(leaf, prefix) op_##leaf
#define TABLE_jump_register(leaf, prefix) op_##leaf
#define TABLE_branch(leaf, prefix) prefix##leaf
#define TABLE_jump(leaf, prefix) prefix##leaf
#define TABLE_system(leaf, prefix) op_slow_##leaf
#define TABLE_end(leaf, prefix) op_slow_##leaf
#define TABLE_AHEAD(leaf, sem, bytes, kind, pins) TABLE_##kind (leaf, op_),
#define TABLE_BACK(leaf, sem, bytes, kind, pins) TABLE_##kind (leaf, op_back_),
#define TABLE_FAR(leaf, sem, bytes, kind, pins) TABLE_##kind (leaf, op_far_),

static const DioRvHandler handlers[DIO_RV_N_JUMPS][N_HANDLERS] = {
  [DIO_RV_JUMP_AHEAD] = { op_slow_illegal,
                          DIO_RV_LEAVES (TABLE_AHEAD) DIO_RV_SPECIAL (TABLE_AHEAD) },
  [DIO_RV_JUMP_BACK] = { op_slow_illegal, DIO_RV_LEAVES (TABLE_BACK) DIO_RV_SPECIAL (TABLE_BACK) },
  [DIO_RV_JUMP_FAR] = { op_slow_illegal, DIO_RV_LEAVES (TABLE_FAR) DIO_RV_SPECIAL (TABLE_FAR) },
};

/* The number of the handler that does @insn with the least work. */
static unsigned
specialise (const DioInsn *insn)
{
  switch (insn->leaf) {
  case DIO_RV_LEAF_ADDI:
    return insn->rs1 == 0 ? SPECIAL_li : insn->imm == 0 ? SPECIAL_mv : insn->leaf;
  case DIO_RV_LEAF_JAL:
    return insn->rd == 0 ? SPECIAL_j : insn->leaf;
  case DIO_RV_LEAF_JALR:
    return insn->rd == 0 ? SPECIAL_jr : insn->leaf;
  case DIO_RV_LEAF_BEQ:
    return insn->rs2 == 0 ? SPECIAL_beqz : insn->leaf;
  case DIO_RV_LEAF_BNE:
    return insn->rs2 == 0 ? SPECIAL_bnez : insn->leaf;
  case DIO_RV_LEAF_BLT:
    return insn->rs2 == 0 ? SPECIAL_bltz : insn->rs1 == 0 ? SPECIAL_bgtz : insn->leaf;
  case DIO_RV_LEAF_BGE:
    return insn->rs2 == 0 ? SPECIAL_bgez : insn->rs1 == 0 ? SPECIAL_blez : insn->leaf;
  default:
    return insn->leaf;
  }
}

void
dio_rv_interp_prepare (DioRvSlot *slot, const DioInsn *insn, unsigned length, int index)
{
  const DioLeafInfo *info = &dio_rv_leaf_info[insn->leaf];
  unsigned number = specialise (insn);
  DioRvJumpKind jump = DIO_RV_JUMP_FAR;

  slot->insn = *insn;
  slot->insn.run = 0;
  if (info->kind == DIO_LEAF_BRANCH || info->kind == DIO_LEAF_JUMP) {
    int32_t offset = info->kind == DIO_LEAF_BRANCH ? insn->imm : insn->wide;
    int32_t target = index * 2 + offset;
    if (index >= 0 && target >= 0 && target < (int32_t) DIO_PAGE_SIZE) {
      /* From bytes of code to bytes of slots, at most 8 * 4094. */
      jump = offset <= 0 ? DIO_RV_JUMP_BACK : DIO_RV_JUMP_AHEAD;
      if (info->kind == DIO_LEAF_BRANCH)
        slot->insn.imm = (int16_t) (offset * 8);
      else
        slot->insn.wide = offset * 8;
    }
  }
  if ((info->operands & DIO_OPERAND_RD_X) && insn->rd == 0) {
    slot->insn.rd = DIO_RV_SINK;
    if (info->kind == DIO_LEAF_PLAIN)
      number = length == 2 ? SPECIAL_nop2 : SPECIAL_nop4;
  }
  slot->handler = handlers[jump][number];
}
