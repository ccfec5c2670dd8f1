/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fast handlers: the semantic functions of riscv64 with immediate evaluation, one handler a leaf,
 * and some for pairs. See riscv64-interp-private.h. */

#include "core/guest/riscv64/riscv64-interp-private.h"

#include "core/interp/interp-memory-fast.h"

/* Behind the fence: who asks because it begins to decode a page must be seen here, or see there
 * what was stored before. */
#define FENCE(sets)                                                                                \
  do {                                                                                             \
    interp_fence (sets);                                                                           \
    if (DIO_UNLIKELY (atomic_load_explicit (&c->hart->interp.requests, memory_order_relaxed)))     \
      return DIO_SEM_SLOW;                                                                         \
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
          dio_fp_try_##name ((DioFpMode) (rounding), &c->hart->fflags, (a), &result_))
#define FP_CALL2(name, rounding, a, b)                                                             \
  FP_TRY (__typeof__ (dio_fp_##name (0, NULL, 0, 0)),                                              \
          dio_fp_try_##name ((DioFpMode) (rounding), &c->hart->fflags, (a), (b), &result_))
#define FP_CALL3(name, rounding, a, b, d)                                                          \
  FP_TRY (__typeof__ (dio_fp_##name (0, NULL, 0, 0, 0)),                                           \
          dio_fp_try_##name ((DioFpMode) (rounding), &c->hart->fflags, (a), (b), (d), &result_))
#define FP_TEST1(name, a)                                                                          \
  FP_TRY (__typeof__ (dio_fp_##name (NULL, 0)), dio_fp_try_##name (&c->hart->fflags, (a), &result_))
#define FP_TEST2(name, a, b)                                                                       \
  FP_TRY (__typeof__ (dio_fp_##name (NULL, 0, 0)),                                                 \
          dio_fp_try_##name (&c->hart->fflags, (a), (b), &result_))
#define FP_PURE1(name, a) FP_TRY (__typeof__ (dio_fp_##name (0)), dio_fp_try_##name ((a), &result_))

#define SEM(name) static DIO_ALWAYS_INLINE DioSemEnd fast_##name (Context *c, const DioInsn *o)
#include "core/guest/riscv64/riscv64-sem-fp.h"
#include "core/guest/riscv64/riscv64-sem-int.h"

/* ---- Handlers ---- */

#define PASTE(a, b) PASTE_1 (a, b)
#define PASTE_1(a, b) a##b

/* By kind: the slow handler, and where the offset of a jump is. Those that cannot miss name any
 * handler; the code that would use it is dead. */
#define SLOW_plain(leaf) dio_rv_slow_illegal
#define SLOW_load(leaf) dio_rv_slow_##leaf
#define SLOW_store(leaf) dio_rv_slow_##leaf
#define SLOW_atomic(leaf) dio_rv_slow_##leaf
#define SLOW_fp(leaf) dio_rv_slow_##leaf
#define SLOW_fence(leaf) dio_rv_slow_##leaf
#define SLOW_branch(leaf) dio_rv_slow_illegal
#define SLOW_jump(leaf) dio_rv_slow_illegal
#define SLOW_jump_register(leaf) dio_rv_slow_illegal
#define OFFSET_plain 0
#define OFFSET_load 0
#define OFFSET_store 0
#define OFFSET_atomic 0
#define OFFSET_fp 0
#define OFFSET_fence 0
#define OFFSET_branch ip->insn.imm
#define OFFSET_jump ip->insn.wide
#define OFFSET_jump_register 0

/* The operands, with those that are always the same made constants. */
#define OPERANDS(pins)                                                                             \
  DioInsn o = ip->insn;                                                                            \
  pins;                                                                                            \
  (void) o

/* What follows a semantic function that has ended in @end; constant but for a branch's outcome, so
 * most of it is dead code in every handler. */
#define FINISH(end, slow, bytes, jump, offset)                                                     \
  do {                                                                                             \
    if ((end) == DIO_SEM_NEXT) {                                                                   \
      ip += (bytes) / 2;                                                                           \
      DIO_INTERP_DISPATCH ();                                                                      \
    }                                                                                              \
    if ((end) == DIO_SEM_BRANCH || (end) == DIO_SEM_JUMP) {                                        \
      if ((jump) == DIO_INTERP_JUMP_FAR) {                                                         \
        cpu->pc = dio_interp_pc (ip, bias, RV_SHIFT) + (uint64_t) (int64_t) (offset);              \
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
      DIO_INTERP_TRY_GO (context.target, RV_SHIFT);                                                \
      cpu->pc = context.target;                                                                    \
      DIO_INTERP_TAIL (dio_interp_op_enter);                                                       \
    }                                                                                              \
    DIO_INTERP_TAIL (slow);                                                                        \
  } while (0)

#define FAST(prefix, leaf, sem, bytes, kind, pins, jump)                                           \
  static DIO_INTERP_HANDLER DioInterpSlot *prefix##leaf (DIO_INTERP_ARGS)                          \
  {                                                                                                \
    CONTEXT (bytes);                                                                               \
    OPERANDS (pins);                                                                               \
    DioSemEnd end = fast_##sem (&context, &o);                                                     \
    FINISH (end, SLOW_##kind (leaf), bytes, jump, OFFSET_##kind);                                  \
  }
#define JUMPS(leaf, sem, bytes, kind, pins)                                                        \
  FAST (op_, leaf, sem, bytes, kind, pins, DIO_INTERP_JUMP_AHEAD)                                  \
  FAST (op_back_, leaf, sem, bytes, kind, pins, DIO_INTERP_JUMP_BACK)                              \
  FAST (op_far_, leaf, sem, bytes, kind, pins, DIO_INTERP_JUMP_FAR)
#define SIMPLE(leaf, sem, bytes, kind, pins)                                                       \
  FAST (op_, leaf, sem, bytes, kind, pins, DIO_INTERP_JUMP_AHEAD)

#define DEFINE_plain SIMPLE
#define DEFINE_load SIMPLE
#define DEFINE_store SIMPLE
#define DEFINE_atomic SIMPLE
#define DEFINE_fp SIMPLE
#define DEFINE_fence SIMPLE
#define DEFINE_branch JUMPS
#define DEFINE_jump JUMPS
#define DEFINE_jump_register SIMPLE
#define DEFINE_system(leaf, sem, bytes, kind, pins)
#define DEFINE_end(leaf, sem, bytes, kind, pins)
#define DEFINE(leaf, sem, bytes, kind, pins) DEFINE_##kind (leaf, sem, bytes, kind, pins)

DIO_RV_LEAVES (DEFINE)
DIO_RV_ALIASES (DEFINE)

#define TABLE_plain(leaf, prefix) op_##leaf
#define TABLE_load(leaf, prefix) op_##leaf
#define TABLE_store(leaf, prefix) op_##leaf
#define TABLE_atomic(leaf, prefix) op_##leaf
#define TABLE_fp(leaf, prefix) op_##leaf
#define TABLE_fence(leaf, prefix) op_##leaf
#define TABLE_jump_register(leaf, prefix) op_##leaf
#define TABLE_branch(leaf, prefix) prefix##leaf
#define TABLE_jump(leaf, prefix) prefix##leaf
#define TABLE_system(leaf, prefix) dio_rv_slow_##leaf
#define TABLE_end(leaf, prefix) dio_rv_slow_##leaf
#define TABLE_AHEAD(leaf, sem, bytes, kind, pins) TABLE_##kind (leaf, op_),
#define TABLE_BACK(leaf, sem, bytes, kind, pins) TABLE_##kind (leaf, op_back_),
#define TABLE_FAR(leaf, sem, bytes, kind, pins) TABLE_##kind (leaf, op_far_),

/* clang-format off */
static const DioInterpHandler handlers[DIO_INTERP_N_JUMPS][DIO_RV_N_FORMS] = {
  [DIO_INTERP_JUMP_AHEAD] = {
    dio_rv_slow_illegal, DIO_RV_LEAVES (TABLE_AHEAD) DIO_RV_ALIASES (TABLE_AHEAD)
  },
  [DIO_INTERP_JUMP_BACK] = {
    dio_rv_slow_illegal, DIO_RV_LEAVES (TABLE_BACK) DIO_RV_ALIASES (TABLE_BACK)
  },
  [DIO_INTERP_JUMP_FAR] = {
    dio_rv_slow_illegal, DIO_RV_LEAVES (TABLE_FAR) DIO_RV_ALIASES (TABLE_FAR)
  },
};
/* clang-format on */

/* ---- Fused pairs ----
 *
 * Two instructions that often follow each other in one handler: the jump between them is saved, and
 * when the second uses what the first has made (@pin says where), the value stays in a register of
 * the host instead of going through memory. The second one's slot stays as it is, for those that
 * jump to it and for its slow path. riscv64-fusions.inc lists what was counted to pay. */

#define PIN_none
#define PIN_rs1 o.rs1 = made;
#define PIN_rs2 o.rs2 = made;
#define PIN_both o.rs1 = o.rs2 = made;

#define FUSED(a, jump_a, b, jump_b, pin)                                                           \
  static DIO_INTERP_HANDLER DioInterpSlot *fused_##a##_##jump_a##_##b##_##jump_b##_##pin (         \
      DIO_INTERP_ARGS)                                                                             \
  {                                                                                                \
    CONTEXT (DIO_RV_BYTES_##a);                                                                    \
    uint8_t made;                                                                                  \
    DioSemEnd end;                                                                                 \
    {                                                                                              \
      OPERANDS (DIO_RV_PINS_##a);                                                                  \
      made = o.rd;                                                                                 \
      end = PASTE (fast_, DIO_RV_SEM_##a) (&context, &o);                                          \
    }                                                                                              \
    if (end != DIO_SEM_NEXT)                                                                       \
      FINISH (end, PASTE (SLOW_, DIO_RV_KIND_##a) (a), DIO_RV_BYTES_##a, DIO_INTERP_JUMP_##jump_a, \
              PASTE (OFFSET_, DIO_RV_KIND_##a));                                                   \
    ip += DIO_RV_BYTES_##a / 2;                                                                    \
    context.ip = ip;                                                                               \
    context.length = DIO_RV_BYTES_##b;                                                             \
    {                                                                                              \
      OPERANDS (DIO_RV_PINS_##b PIN_##pin);                                                        \
      (void) made;                                                                                 \
      end = PASTE (fast_, DIO_RV_SEM_##b) (&context, &o);                                          \
    }                                                                                              \
    FINISH (end, PASTE (SLOW_, DIO_RV_KIND_##b) (b), DIO_RV_BYTES_##b, DIO_INTERP_JUMP_##jump_b,   \
            PASTE (OFFSET_, DIO_RV_KIND_##b));                                                     \
  }
#define X FUSED
#include "core/guest/riscv64/riscv64-fusions.inc"
#undef X

/* Numbers of all forms by name as the list of pairs writes them. */
#define NUMBER(leaf, sem, bytes, kind, pins) FORM_##leaf,
enum { FORM_illegal, DIO_RV_LEAVES (NUMBER) DIO_RV_ALIASES (NUMBER) };

enum {
  USES_none,
  USES_rs1,
  USES_rs2,
  USES_both,
};

/* A form with its kind of jump as one number, and a pair of these with what the second uses. */
#define FORM(number, jump) ((number) *DIO_INTERP_N_JUMPS + (jump))
#define PAIR(first, second, uses) (((first) << 16 | (second)) << 2 | (uses))

/* What a slot was decoded to. */
typedef struct {
  uint16_t leaf;
  uint16_t form;
} Form;

static DioInterpHandler
find_pair (unsigned first, unsigned second, unsigned uses)
{
  switch (PAIR (first, second, uses)) {
#define X(a, jump_a, b, jump_b, pin)                                                               \
  case PAIR (FORM (FORM_##a, DIO_INTERP_JUMP_##jump_a), FORM (FORM_##b, DIO_INTERP_JUMP_##jump_b), \
             USES_##pin):                                                                          \
    return fused_##a##_##jump_a##_##b##_##jump_b##_##pin;
#include "core/guest/riscv64/riscv64-fusions.inc"
#undef X
  default:
    return NULL;
  }
}

/* Does the second read, as rs1 or rs2, the register that the first writes? */
static unsigned
uses_of (const DioInterpSlot *first, const DioLeafInfo *first_info, const DioInterpSlot *second,
         const DioLeafInfo *second_info)
{
  unsigned a = first_info->operands, b = second_info->operands, uses = USES_none;
  bool x = a & DIO_OPERAND_RD_X, f = a & DIO_OPERAND_RD_F;
  if (((x && (b & DIO_OPERAND_RS1_X)) || (f && (b & DIO_OPERAND_RS1_F)))
      && first->insn.rd == second->insn.rs1)
    uses |= USES_rs1;
  if (((x && (b & DIO_OPERAND_RS2_X)) || (f && (b & DIO_OPERAND_RS2_F)))
      && first->insn.rd == second->insn.rs2)
    uses |= USES_rs2;
  return uses;
}

/* Lets @first do @second too, which follows it, if there is a handler for the two. */
static void
fuse (DioInterpSlot *first, Form first_form, const DioInterpSlot *second, Form second_form)
{
  unsigned uses = uses_of (first, &dio_rv_leaf_info[first_form.leaf], second,
                           &dio_rv_leaf_info[second_form.leaf]);
  /* What uses more may also be done by a handler that assumes less. */
  DioInterpHandler handler = find_pair (first_form.form, second_form.form, uses);
  if (!handler && uses == USES_both)
    handler = find_pair (first_form.form, second_form.form, USES_rs1);
  if (!handler && uses == USES_both)
    handler = find_pair (first_form.form, second_form.form, USES_rs2);
  if (!handler && uses != USES_none)
    handler = find_pair (first_form.form, second_form.form, USES_none);
  if (handler)
    first->handler = handler;
}

/* ---- Slots ---- */

/* Puts the handler for @insn (just decoded, @length bytes) and its operands into @slot, with run 0.
 * @index: of the slot in its page, or -1 for a loose instruction. */
static Form
prepare (DioInterpSlot *slot, const DioInsn *insn, unsigned length, int index)
{
  const DioLeafInfo *info = &dio_rv_leaf_info[insn->leaf];
  unsigned number = dio_rv_alias (insn);
  DioInterpJumpKind jump = DIO_INTERP_JUMP_AHEAD;

  slot->insn = *insn;
  slot->insn.run = 0;
  if (info->kind == DIO_LEAF_BRANCH || info->kind == DIO_LEAF_JUMP) {
    int32_t offset = info->kind == DIO_LEAF_BRANCH ? insn->imm : insn->wide;
    int32_t target = index * 2 + offset;
    if (index >= 0 && target >= 0 && target < (int32_t) DIO_PAGE_SIZE) {
      /* From bytes of code to bytes of slots, at most 8 * 4094. */
      jump = offset <= 0 ? DIO_INTERP_JUMP_BACK : DIO_INTERP_JUMP_AHEAD;
      if (info->kind == DIO_LEAF_BRANCH)
        slot->insn.imm = (int16_t) (offset * 8);
      else
        slot->insn.wide = offset * 8;
    } else {
      jump = DIO_INTERP_JUMP_FAR;
    }
  }
  if ((info->operands & DIO_OPERAND_RD_X) && insn->rd == 0) {
    slot->insn.rd = RV_SINK;
    if (info->kind == DIO_LEAF_PLAIN)
      number = length == 2 ? DIO_RV_LEAF_C_NOP : DIO_RV_LEAF_PREFETCH_I; /* plain hints */
  }
  slot->handler = handlers[jump][number];
  return (Form){ .leaf = insn->leaf, .form = (uint16_t) FORM (number, jump) };
}

static uint16_t
read_parcel (const uint8_t *host)
{
  return __atomic_load_n ((const uint16_t *) (const void *) host, __ATOMIC_RELAXED);
}

void
rv_decode_run (DioInterpSlot *slots, const uint8_t *host, unsigned first)
{
  const unsigned page_end = DIO_PAGE_SIZE / 2;
  uint16_t trail[DIO_PAGE_SIZE / 2];
  unsigned n_trail = 0, at = first;
  Form last_form = { 0 };
  bool ended = false;

  while (!ended && at < page_end && slots[at].handler == dio_interp_op_decode) {
    uint32_t raw = read_parcel (host + 2 * at);
    trail[n_trail++] = (uint16_t) at;
    if ((raw & 3) == 3 && at == page_end - 1) {
      slots[at].handler = dio_interp_op_straddle;
      at = page_end;
      break;
    }
    if ((raw & 3) == 3)
      raw |= (uint32_t) read_parcel (host + 2 * at + 2) << 16;
    DioInsn insn;
    unsigned length = dio_rv_decode (raw, &insn);
    uint8_t kind = dio_rv_leaf_info[insn.leaf].kind;
    Form form = prepare (&slots[at], &insn, length, (int) at);
    if (n_trail > 1)
      fuse (&slots[trail[n_trail - 2]], last_form, &slots[at], form);
    last_form = form;
    ended = kind == DIO_LEAF_JUMP || kind == DIO_LEAF_JUMP_REGISTER || kind == DIO_LEAF_END;
    at += length / 2;
  }
  unsigned run = ended ? 0 : slots[at].insn.run;
  while (n_trail)
    slots[trail[--n_trail]].insn.run = (uint16_t) ++run;
}

void
rv_decode_loose (DioInterpSlot *slot, uint32_t raw)
{
  DioInsn insn;
  unsigned length = dio_rv_decode (raw, &insn);
  prepare (slot, &insn, length, -1);
}
