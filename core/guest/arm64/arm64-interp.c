/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fast handlers: the semantic functions of arm64 with immediate evaluation, one handler a leaf. */
#include "core/guest/arm64/arm64-interp-private.h"

#define INTERP_UNALIGNED
#define INTERP_USER_TLB c->cpu->user_tlb
#include "core/interp/interp-memory-fast.h"

#define ILLEGAL_IF(condition)                                                                      \
  do {                                                                                             \
    if (DIO_UNLIKELY (condition))                                                                  \
      return DIO_SEM_SLOW;                                                                         \
  } while (0)
#define TRAP_IF(condition, exception, value) ILLEGAL_IF (condition)
#define FP_REQUIRE() ILLEGAL_IF (c->cpu->fp_slow)

/* Of FP only what the host's FPU does at once: the rest is for the slow handler, as a call in a
 * fast one would cost all its paths a stack frame. */
#define FP_TRY(type, call)                                                                         \
  ({                                                                                               \
    type result_ = 0;                                                                              \
    if (DIO_UNLIKELY (!call))                                                                      \
      return DIO_SEM_SLOW;                                                                         \
    (Val) result_;                                                                                 \
  })
#define FP_CALL1(name, rounding, a)                                                                \
  FP_TRY (__typeof__ (dio_fp_##name (0, NULL, 0)),                                                 \
          dio_fp_try_##name ((DioFpMode) (rounding), &c->cpu->fp_flags, (a), &result_))
#define FP_CALL2(name, rounding, a, b)                                                             \
  FP_TRY (__typeof__ (dio_fp_##name (0, NULL, 0, 0)),                                              \
          dio_fp_try_##name ((DioFpMode) (rounding), &c->cpu->fp_flags, (a), (b), &result_))
#define FP_CALL3(name, rounding, a, b, d)                                                          \
  FP_TRY (__typeof__ (dio_fp_##name (0, NULL, 0, 0, 0)),                                           \
          dio_fp_try_##name ((DioFpMode) (rounding), &c->cpu->fp_flags, (a), (b), (d), &result_))
#define FP_TEST1(name, a)                                                                          \
  FP_TRY (__typeof__ (dio_fp_##name (NULL, 0)),                                                    \
          dio_fp_try_##name (&c->cpu->fp_flags, (a), &result_))
#define FP_TEST2(name, a, b)                                                                       \
  FP_TRY (__typeof__ (dio_fp_##name (NULL, 0, 0)),                                                 \
          dio_fp_try_##name (&c->cpu->fp_flags, (a), (b), &result_))
#define FP_PURE1(name, a) FP_TRY (__typeof__ (dio_fp_##name (0)), dio_fp_try_##name ((a), &result_))

#define SEM(name) static DIO_ALWAYS_INLINE DioSemEnd fast_##name (Context *c, const DioInsn *o)
#include "core/guest/arm64/arm64-sem-int.h"

#include "core/guest/arm64/arm64-sem-mem.h"

#include "core/guest/arm64/arm64-sem-fp.h"

#include "core/guest/arm64/arm64-sem-simd.h"

#include "core/guest/arm64/arm64-sem-struct.h"

/* ---- Handlers ---- */

#define PASTE(a, b) PASTE_1 (a, b)
#define PASTE_1(a, b) a##b

/* By kind: the slow handler, and where the offset of a jump is. Those that cannot miss name any
 * handler; the code that would use it is dead. */
#define SLOW_plain(leaf) a64_slow_illegal
#define SLOW_load(leaf) PASTE (a64_slow_, DIO_A64_OF_##leaf)
#define SLOW_store(leaf) PASTE (a64_slow_, DIO_A64_OF_##leaf)
#define SLOW_atomic(leaf) PASTE (a64_slow_, DIO_A64_OF_##leaf)
#define SLOW_fp(leaf) PASTE (a64_slow_, DIO_A64_OF_##leaf)
#define SLOW_fence(leaf) PASTE (a64_slow_, DIO_A64_OF_##leaf)
#define SLOW_branch(leaf) a64_slow_illegal
#define SLOW_jump(leaf) a64_slow_illegal
#define SLOW_jump_register(leaf) a64_slow_illegal
#define OFFSET_plain 0
#define OFFSET_load 0
#define OFFSET_store 0
#define OFFSET_atomic 0
#define OFFSET_fp 0
#define OFFSET_fence 0
#define OFFSET_branch ip->insn.wide
#define OFFSET_jump ip->insn.wide
#define OFFSET_jump_register 0

/* The operands, with those that are always the same made constants. */
#define OPERANDS(pins)                                                                             \
  DioInsn o = ip->insn;                                                                            \
  pins;                                                                                            \
  (void) o

/* What follows a semantic function that has ended in @end; constant but for a branch's outcome, so
 * most of it is dead code in every handler. */
#define FINISH(end, slow, jump, offset)                                                            \
  do {                                                                                             \
    if ((end) == DIO_SEM_NEXT) {                                                                   \
      ip++;                                                                                        \
      DIO_INTERP_DISPATCH ();                                                                      \
    }                                                                                              \
    if ((end) == DIO_SEM_BRANCH || (end) == DIO_SEM_JUMP) {                                        \
      if ((jump) == DIO_INTERP_JUMP_FAR) {                                                         \
        cpu->pc = dio_interp_pc (ip, bias, A64_SHIFT) + (uint64_t) (int64_t) (offset);             \
        count = count - ip->insn.run + 1;                                                          \
        DIO_INTERP_TAIL (dio_interp_op_go);                                                        \
      }                                                                                            \
      DioInterpSlot *to_ = (DioInterpSlot *) ((uintptr_t) ip + (uintptr_t) (intptr_t) (offset));   \
      count = count + to_->insn.run - ip->insn.run + 1;                                            \
      ip = to_;                                                                                    \
      if ((jump) == DIO_INTERP_JUMP_BACK                                                           \
          && DIO_UNLIKELY (atomic_load_explicit (&cpu->cpu.kicked, memory_order_relaxed)))         \
        DIO_INTERP_TAIL (dio_interp_op_poll);                                                      \
      if ((jump) == DIO_INTERP_JUMP_BACK && DIO_UNLIKELY (--cpu->sample == 0))                     \
        DIO_INTERP_TAIL (dio_interp_op_sample);                                                    \
      DIO_INTERP_DISPATCH ();                                                                      \
    }                                                                                              \
    if ((end) == DIO_SEM_TARGET) {                                                                 \
      count = count - ip->insn.run + 1;                                                            \
      DIO_INTERP_TRY_GO (context.target, A64_SHIFT);                                               \
      cpu->pc = context.target;                                                                    \
      DIO_INTERP_TAIL (dio_interp_op_enter);                                                       \
    }                                                                                              \
    DIO_INTERP_TAIL (slow);                                                                        \
  } while (0)

#define FAST(prefix, leaf, sem, kind, pins, jump)                                                  \
  static DIO_INTERP_HANDLER DioInterpSlot *prefix##leaf (DIO_INTERP_ARGS)                          \
  {                                                                                                \
    CONTEXT;                                                                                       \
    OPERANDS (pins);                                                                               \
    DioSemEnd end = fast_##sem (&context, &o);                                                     \
    FINISH (end, SLOW_##kind (leaf), jump, OFFSET_##kind);                                         \
  }
#define JUMPS(leaf, sem, kind, pins)                                                               \
  FAST (op_, leaf, sem, kind, pins, DIO_INTERP_JUMP_AHEAD)                                         \
  FAST (op_back_, leaf, sem, kind, pins, DIO_INTERP_JUMP_BACK)                                     \
  FAST (op_far_, leaf, sem, kind, pins, DIO_INTERP_JUMP_FAR)
#define SIMPLE(leaf, sem, kind, pins) FAST (op_, leaf, sem, kind, pins, DIO_INTERP_JUMP_AHEAD)

#define DEFINE_plain SIMPLE
#define DEFINE_load SIMPLE
#define DEFINE_store SIMPLE
#define DEFINE_atomic SIMPLE
#define DEFINE_fp SIMPLE
#define DEFINE_fence SIMPLE
#define DEFINE_branch JUMPS
#define DEFINE_jump JUMPS
#define DEFINE_jump_register SIMPLE
#define DEFINE_call(leaf, sem, kind, pins)
#define DEFINE_system(leaf, sem, kind, pins)
#define DEFINE_end(leaf, sem, kind, pins)
#define DEFINE(leaf, sem, bytes, kind, pins) DEFINE_##kind (leaf, sem, kind, pins)

DIO_A64_LEAVES (DEFINE)
DIO_A64_ALIASES (DEFINE)

#define TABLE_plain(leaf, prefix) op_##leaf
#define TABLE_load(leaf, prefix) op_##leaf
#define TABLE_store(leaf, prefix) op_##leaf
#define TABLE_atomic(leaf, prefix) op_##leaf
#define TABLE_fp(leaf, prefix) op_##leaf
#define TABLE_fence(leaf, prefix) op_##leaf
#define TABLE_jump_register(leaf, prefix) op_##leaf
#define TABLE_branch(leaf, prefix) prefix##leaf
#define TABLE_jump(leaf, prefix) prefix##leaf
#define TABLE_call(leaf, prefix) a64_slow_##leaf
#define TABLE_system(leaf, prefix) a64_slow_##leaf
#define TABLE_end(leaf, prefix) a64_slow_##leaf
#define TABLE_AHEAD(leaf, sem, bytes, kind, pins) TABLE_##kind (leaf, op_),
#define TABLE_BACK(leaf, sem, bytes, kind, pins) TABLE_##kind (leaf, op_back_),
#define TABLE_FAR(leaf, sem, bytes, kind, pins) TABLE_##kind (leaf, op_far_),

/* clang-format off */
static const DioInterpHandler handlers[DIO_INTERP_N_JUMPS][DIO_A64_N_FORMS] = {
  [DIO_INTERP_JUMP_AHEAD] = {
    a64_slow_illegal, DIO_A64_LEAVES (TABLE_AHEAD) DIO_A64_ALIASES (TABLE_AHEAD)
  },
  [DIO_INTERP_JUMP_BACK] = {
    a64_slow_illegal, DIO_A64_LEAVES (TABLE_BACK) DIO_A64_ALIASES (TABLE_BACK)
  },
  [DIO_INTERP_JUMP_FAR] = {
    a64_slow_illegal, DIO_A64_LEAVES (TABLE_FAR) DIO_A64_ALIASES (TABLE_FAR)
  },
};
/* clang-format on */

/* ---- Slots ---- */

void
a64_place_zero_registers (DioInsn *insn)
{
  unsigned operands = dio_a64_leaf_info[insn->leaf].operands;
  if ((operands & DIO_OPERAND_RD_X) && insn->rd == 31)
    insn->rd = DIO_A64_SINK;
  if ((operands & DIO_OPERAND_RS1_X) && insn->rs1 == 31)
    insn->rs1 = DIO_A64_ZERO;
  if ((operands & DIO_OPERAND_RS2_X) && insn->rs2 == 31)
    insn->rs2 = DIO_A64_ZERO;
  if ((operands & DIO_OPERAND_RS3_X) && insn->rs3 == 31)
    insn->rs3 = DIO_A64_ZERO;
  if ((operands & DIO_OPERAND_RS3_T) && insn->rs3 == 31)
    insn->rs3 = DIO_A64_SINK;
}

/* Puts the handler for @raw and its operands into the slot with number @index of a page, or -1 for
 * a loose one; its kind. */
static unsigned
prepare (DioInterpSlot *slot, uint32_t raw, int index)
{
  DioInsn insn;
  dio_a64_decode (raw, &insn);
  const DioLeafInfo *info = &dio_a64_leaf_info[insn.leaf];
  unsigned number = dio_a64_alias (&insn);
  DioInterpJumpKind jump = DIO_INTERP_JUMP_AHEAD;

  a64_place_zero_registers (&insn);
  slot->insn = insn;
  slot->insn.run = 0;
  if (info->kind == DIO_LEAF_BRANCH || info->kind == DIO_LEAF_JUMP) {
    int64_t target = (int64_t) index * 4 + insn.wide;
    if (index >= 0 && target >= 0 && target < (int64_t) DIO_PAGE_SIZE) {
      /* From bytes of code to bytes of slots. */
      jump = insn.wide <= 0 ? DIO_INTERP_JUMP_BACK : DIO_INTERP_JUMP_AHEAD;
      slot->insn.wide = insn.wide * 4;
    } else {
      jump = DIO_INTERP_JUMP_FAR;
    }
  }
  slot->handler = handlers[jump][number];
  return info->kind;
}

void
a64_decode_run (DioInterpSlot *slots, const uint8_t *host, unsigned first)
{
  const unsigned end = DIO_PAGE_SIZE / 4;
  const uint32_t *words = (const uint32_t *) (const void *) host;
  unsigned at = first;
  bool ended = false;
  while (!ended && at < end && slots[at].handler == dio_interp_op_decode) {
    unsigned kind = prepare (&slots[at], __atomic_load_n (&words[at], __ATOMIC_RELAXED), (int) at);
    ended = kind == DIO_LEAF_JUMP || kind == DIO_LEAF_JUMP_REGISTER || kind == DIO_LEAF_END;
    at++;
  }
  unsigned run = ended ? 0 : slots[at].insn.run;
  while (at-- > first)
    slots[at].insn.run = (uint16_t) ++run;
}

void
a64_decode_loose (DioInterpSlot *slot, uint32_t raw)
{
  prepare (slot, raw, -1);
}
