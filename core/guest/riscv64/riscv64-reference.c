/* SPDX-License-Identifier: GPL-3.0-or-later
 * The semantic functions of riscv64 once more, for the checker: with immediate evaluation on a
 * state of their own, and memory as compiled code has found it. */
#include <inttypes.h>
#include <string.h>

#include "core/fp/fp.h"
#include "core/guest/riscv64/riscv64-disasm.h"
#include "core/guest/riscv64/riscv64-leaves.h"
#include "core/guest/riscv64/riscv64-tier.h"
#include "core/tier/tier-reference.h"

typedef struct {
  DioTierState head;
  uint64_t x[32], f[32];
  uint8_t frm;
  bool fp_off; /* FS is not dirty */
} State;

#define CONTROL_FP_OFF 8 /* beside frm */

typedef struct {
  DioTierReference *reference;
  State *state;
  uint64_t target;
  unsigned length;
} Context;

/* ---- Registers ---- */

#define IS_ZERO_REG(r) ((r) == 0)
#define GET_X(r) (c->state->x[r])
#define SET_X(r, v)                                                                                \
  do {                                                                                             \
    Val set_ = (v);                                                                                \
    if ((r) != 0)                                                                                  \
      c->state->x[r] = set_;                                                                       \
  } while (0)
#define GET_F(r) (c->state->f[r])
#define SET_F(r, v)                                                                                \
  do {                                                                                             \
    c->state->f[r] = (v);                                                                          \
  } while (0)
#define GET_F32(r) UNBOX (c->state->f[r])
#define SET_F32(r, v) SET_F (r, BOX (v))
#define PC (c->state->head.pc)
#define NEXT_PC (PC + c->length)
#define JUMP_REGISTER(v)                                                                           \
  do {                                                                                             \
    c->target = (v);                                                                               \
    return DIO_SEM_TARGET;                                                                         \
  } while (0)

/* ---- Traps and floating point ---- */

#define ILLEGAL_IF(condition)                                                                      \
  do {                                                                                             \
    if (condition)                                                                                 \
      return DIO_SEM_TRAP;                                                                         \
  } while (0)
#define TRAP_IF(condition, exception, tval) ILLEGAL_IF (condition)
#define FP_REQUIRE() ILLEGAL_IF (c->state->fp_off)
#define FP_ROUNDING(rm)                                                                            \
  ({                                                                                               \
    unsigned rounding_ = (rm) == 7 ? c->state->frm : (unsigned) (rm);                              \
    ILLEGAL_IF (rounding_ > DIO_FP_RMM);                                                           \
    (Val) rounding_;                                                                               \
  })
#define FLAGS &c->state->head.fp_flags
#define FP_CALL1(name, rounding, a) ((Val) dio_fp_##name ((DioFpMode) (rounding), FLAGS, (a)))
#define FP_CALL2(name, rounding, a, b)                                                             \
  ((Val) dio_fp_##name ((DioFpMode) (rounding), FLAGS, (a), (b)))
#define FP_CALL3(name, rounding, a, b, d)                                                          \
  ((Val) dio_fp_##name ((DioFpMode) (rounding), FLAGS, (a), (b), (d)))
#define FP_TEST1(name, a) ((Val) dio_fp_##name (FLAGS, (a)))
#define FP_TEST2(name, a, b) ((Val) dio_fp_##name (FLAGS, (a), (b)))
#define FP_PURE1(name, a) ((Val) dio_fp_##name (a))

/* Of the system instructions some accesses to control registers are compiled. */
static const uint16_t csr_opcodes[] = {
  [DIO_RV_CSR_READ] = DIO_IR_CSR_READ,
  [DIO_RV_CSR_WRITE] = DIO_IR_CSR_WRITE,
  [DIO_RV_CSR_SET] = DIO_IR_CSR_SET,
  [DIO_RV_CSR_CLEAR] = DIO_IR_CSR_CLEAR,
};

/* fflags, frm, fcsr. */
static uint64_t
access_fp_register (State *state, DioRvCsrOp op, unsigned csr, uint64_t operand)
{
  unsigned mask = csr == 1 ? 0x1f : csr == 2 ? 0xe0 : 0xff, shift = csr == 2 ? 5 : 0;
  unsigned old = (state->head.fp_flags | (unsigned) state->frm << 5) & mask;
  unsigned bits = (unsigned) (operand << shift) & mask;
  unsigned now = op == DIO_RV_CSR_WRITE   ? bits
                 : op == DIO_RV_CSR_SET   ? old | bits
                 : op == DIO_RV_CSR_CLEAR ? old & ~bits
                                          : old;
  if (csr & 1)
    state->head.fp_flags = now & 0x1f;
  if (csr & 2)
    state->frm = (uint8_t) (now >> 5);
  return old >> shift;
}

/* What code generators may do in line, and so is not recorded: reading fflags and frm, and writing
 * them while the rounding stays as it is. */
static bool
is_in_line (const State *state, DioRvCsrOp op, unsigned csr, uint64_t operand)
{
  if (state->fp_off || csr == 3)
    return false;
  return op == DIO_RV_CSR_READ
         || (op == DIO_RV_CSR_WRITE && (csr == 1 || (operand == 0 && state->frm == DIO_FP_RNE)));
}

static bool
do_fp_register (Context *c, DioRvCsrOp op, unsigned csr, uint64_t operand, uint64_t *result)
{
  State state = *c->state;
  uint64_t old = access_fp_register (&state, op, csr, operand);
  if (is_in_line (c->state, op, csr, operand)) {
    *c->state = state;
    *result = old;
    return true;
  }
  if (!dio_tier_replay (c->reference, csr_opcodes[op], csr, operand, result))
    return false;
  const DioTierAccess *access = c->reference->last;
  c->state->head.fp_flags = access->fp_flags;
  c->state->frm = access->control & 7;
  c->state->fp_off = access->control & CONTROL_FP_OFF;
  if (*result != old || state.head.fp_flags != access->fp_flags || state.frm != c->state->frm)
    c->reference->why = "another value of fflags or frm";
  return !c->reference->why;
}

static bool
do_csr (Context *c, DioRvCsrOp op, unsigned csr, uint64_t operand, uint64_t *result)
{
  if (csr >= 1 && csr <= 3)
    return do_fp_register (c, op, csr, operand, result);
  return dio_tier_replay (c->reference, csr_opcodes[op], csr, operand, result);
}

#define CSR(op, csr, operand)                                                                      \
  ({                                                                                               \
    uint64_t result_ = 0;                                                                          \
    if (!do_csr (c, (op), (unsigned) (csr) &0xfff, (operand), &result_))                           \
      return DIO_SEM_TRAP;                                                                         \
    result_;                                                                                       \
  })
#define NEVER()                                                                                    \
  do {                                                                                             \
    c->reference->why = "a system instruction was compiled";                                       \
    return DIO_SEM_TRAP;                                                                           \
  } while (0)
#define SYSTEM0(name) NEVER ()
#define CACHE_BLOCK(op, address) NEVER ()
#define FENCE_VMA(has_va, va, has_asid, asid) NEVER ()
#define RAISE(exception, tval) NEVER ()
#define ILLEGAL NEVER ()
#define ENVIRONMENT_CALL NEVER ()

#define SEM(name) static DioSemEnd do_##name (Context *c, const DioInsn *o)
#include "core/guest/riscv64/riscv64-sem-fp.h"
#include "core/guest/riscv64/riscv64-sem-int.h"
#include "core/guest/riscv64/riscv64-sem-sys.h"

/* ---- By leaf ---- */

#define DO_plain(sem) do_##sem
#define DO_load(sem) do_##sem
#define DO_store(sem) do_##sem
#define DO_atomic(sem) do_##sem
#define DO_branch(sem) do_##sem
#define DO_jump(sem) do_##sem
#define DO_jump_register(sem) do_##sem
#define DO_fp(sem) do_##sem
#define DO_fence(sem) do_##sem
#define DO_system(sem) do_##sem
#define DO_end(sem) do_##sem
#define DO(leaf, sem, bytes, kind, pins) DO_##kind (sem),
static DioSemEnd (*const functions[DIO_RV_N_LEAVES]) (Context *c,
                                                      const DioInsn *o) = { do_illegal,
                                                                            DIO_RV_LEAVES (DO) };

static DioSemEnd
step (DioTierReference *reference, uint32_t raw)
{
  Context c = { .reference = reference, .state = (State *) reference->state };
  DioInsn insn;
  c.length = dio_rv_decode (raw, &insn);
  DioSemEnd end = functions[insn.leaf](&c, &insn);
  switch (end) {
  case DIO_SEM_NEXT:
  case DIO_SEM_CHANGED:
    reference->state->pc += c.length;
    return end;
  case DIO_SEM_BRANCH:
    reference->state->pc += (uint64_t) (int64_t) insn.imm;
    return end;
  case DIO_SEM_JUMP:
    reference->state->pc += (uint64_t) (int64_t) insn.wide;
    return end;
  case DIO_SEM_TARGET:
    reference->state->pc = c.target;
    return end;
  default:
    return DIO_SEM_TRAP;
  }
}

/* ---- The state ---- */

static void
take (const DioInterpCpu *cpu, DioTierState *head)
{
  const DioRiscv64 *hart = (const DioRiscv64 *) cpu;
  State *state = (State *) head;
  memcpy (state->x, hart->x, sizeof state->x);
  memcpy (state->f, hart->f, sizeof state->f);
  state->frm = hart->frm;
  state->fp_off = hart->fp_slow;
}

static uint32_t
control (const DioInterpCpu *cpu)
{
  const DioRiscv64 *hart = (const DioRiscv64 *) cpu;
  return hart->frm | (hart->fp_slow ? CONTROL_FP_OFF : 0u);
}

static const char *
compare (const DioTierState *head_want, const DioTierState *head_have)
{
  const State *want = (const State *) head_want, *have = (const State *) head_have;
  if (memcmp (want->x, have->x, sizeof want->x) != 0)
    return "registers";
  if (memcmp (want->f, have->f, sizeof want->f) != 0)
    return "floating-point registers";
  return NULL;
}

static void
put_pair (GString *text, const char *name, unsigned number, uint64_t want, uint64_t have)
{
  if (want != have)
    g_string_append_printf (text, "  %s%u: interpreter %016" PRIx64 ", compiled %016" PRIx64 "\n",
                            name, number, want, have);
}

static void
print (GString *text, const DioTierState *head_want, const DioTierState *head_have)
{
  const State *want = (const State *) head_want, *have = (const State *) head_have;
  for (unsigned i = 0; i < 32; i++)
    put_pair (text, "x", i, want->x[i], have->x[i]);
  for (unsigned i = 0; i < 32; i++)
    put_pair (text, "f", i, want->f[i], have->f[i]);
}

static void
disassemble (GString *text, uint32_t raw, uint64_t pc)
{
  char line[DIO_RV_DISASM_SIZE];
  dio_rv_disassemble (raw, pc, line, sizeof line);
  g_string_append (text, line);
}

const DioTierChecked dio_rv_checked = {
  .state_size = sizeof (State),
  .take = take,
  .control = control,
  .step = step,
  .compare = compare,
  .print = print,
  .disassemble = disassemble,
};
