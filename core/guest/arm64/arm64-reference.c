/* SPDX-License-Identifier: GPL-3.0-or-later
 * The semantic functions of arm64 once more, for the checker: with immediate evaluation on
 * registers of their own, and memory as compiled code has found it. */
#include <inttypes.h>
#include <string.h>

#include "core/guest/arm64/arm64-disasm.h"
#include "core/guest/arm64/arm64-interp-private.h"
#include "core/guest/arm64/arm64-tier.h"

#undef FENCE
#define TIER_REFERENCE (((Checked *) c)->reference)
#include "core/tier/tier-reference-vec.h"

/* Of the CPU only the registers are used: from x up to what describes an exception. */
typedef struct {
  DioTierState head;
  DioArm64 cpu;
} State;

typedef struct {
  Context context;
  DioTierReference *reference;
} Checked;

/* ---- Traps and floating point ---- */

#define ILLEGAL_IF(condition)                                                                      \
  do {                                                                                             \
    if (condition)                                                                                 \
      return DIO_SEM_TRAP;                                                                         \
  } while (0)
#define TRAP_IF(condition, exception, value) ILLEGAL_IF (condition)
#define FP_REQUIRE() ILLEGAL_IF (c->cpu->fp_slow)
#define FLAGS &c->cpu->fp_flags
#define FP_CALL1(name, rounding, a) ((Val) dio_fp_##name ((DioFpMode) (rounding), FLAGS, (a)))
#define FP_CALL2(name, rounding, a, b)                                                             \
  ((Val) dio_fp_##name ((DioFpMode) (rounding), FLAGS, (a), (b)))
#define FP_CALL3(name, rounding, a, b, d)                                                          \
  ((Val) dio_fp_##name ((DioFpMode) (rounding), FLAGS, (a), (b), (d)))
#define FP_TEST1(name, a) ((Val) dio_fp_##name (FLAGS, (a)))
#define FP_TEST2(name, a, b) ((Val) dio_fp_##name (FLAGS, (a), (b)))
#define FP_PURE1(name, a) ((Val) dio_fp_##name (a))

/* ---- What is not compiled ---- */

#define NEVER()                                                                                    \
  do {                                                                                             \
    TIER_REFERENCE->why = "an instruction was compiled that has no compiled form";                 \
    return DIO_SEM_TRAP;                                                                           \
  } while (0)
#define NEVER_OF(type, a, b, d)                                                                    \
  ({                                                                                               \
    (void) (a);                                                                                    \
    (void) (b);                                                                                    \
    (void) (d);                                                                                    \
    NEVER ();                                                                                      \
    (type){ 0 };                                                                                   \
  })
#define COMPARE_SWAP(bits, address, expected, v) NEVER_OF (Val, (address), (expected), (v))
#define CSR(op, csr, operand) NEVER_OF (Val, (operand), 0, 0)
#define SYSTEM0(name) NEVER ()
#define CACHE_BLOCK(op, address) NEVER ()
#define RAISE(exception, value) NEVER ()
#define ILLEGAL NEVER ()

#define SEM(name) static DioSemEnd do_##name (Context *c, const DioInsn *o)
#include "core/guest/arm64/arm64-sem-int.h"

#include "core/guest/arm64/arm64-sem-mem.h"

#include "core/guest/arm64/arm64-sem-fp.h"

#include "core/guest/arm64/arm64-sem-simd.h"

#include "core/guest/arm64/arm64-sem-struct.h"

#include "core/guest/arm64/arm64-sem-sys.h"

/* ---- By leaf ---- */

#define DO(leaf, sem, bytes, kind, pins) do_##sem,
static DioSemEnd (*const functions[DIO_A64_N_LEAVES]) (Context *c,
                                                       const DioInsn *o) = { do_illegal,
                                                                             DIO_A64_LEAVES (DO) };

static DioSemEnd
step (DioTierReference *reference, uint32_t raw)
{
  State *state = (State *) (void *) reference->state;
  Checked checked = {
    .context = { .cpu = &state->cpu, .bias = state->head.pc },
    .reference = reference,
  };
  DioInsn insn;
  dio_a64_decode (raw, &insn);
  a64_place_zero_registers (&insn);
  DioSemEnd end = functions[insn.leaf](&checked.context, &insn);
  state->head.fp_flags = state->cpu.fp_flags;
  switch (end) {
  case DIO_SEM_NEXT:
  case DIO_SEM_CHANGED:
    state->head.pc += 4;
    return end;
  case DIO_SEM_BRANCH:
  case DIO_SEM_JUMP:
    state->head.pc += (uint64_t) (int64_t) insn.wide;
    return end;
  case DIO_SEM_TARGET:
    state->head.pc = checked.context.target;
    return end;
  default:
    return DIO_SEM_TRAP;
  }
}

/* ---- The state ---- */

static void
take (const DioInterpCpu *cpu, DioTierState *head)
{
  State *state = (State *) (void *) head;
  const size_t first = offsetof (DioArm64, x), end = offsetof (DioArm64, exception);
  memcpy ((char *) &state->cpu + first, (const char *) cpu + first, end - first);
  state->cpu.fp_flags = head->fp_flags;
}

static const char *
compare (const DioTierState *head_want, const DioTierState *head_have)
{
  const DioArm64 *want = &((const State *) (const void *) head_want)->cpu;
  const DioArm64 *have = &((const State *) (const void *) head_have)->cpu;
  if (memcmp (want->x, have->x, 32 * sizeof want->x[0]) != 0)
    return "registers";
  if (memcmp (want->v, have->v, sizeof want->v) != 0 || want->saturated != have->saturated)
    return "vector registers";
  if (dio_a64_nzcv (want) != dio_a64_nzcv (have))
    return "condition flags";
  if (memcmp (want->thread, have->thread, sizeof want->thread) != 0)
    return "the thread's registers";
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
  const DioArm64 *want = &((const State *) (const void *) head_want)->cpu;
  const DioArm64 *have = &((const State *) (const void *) head_have)->cpu;
  for (unsigned i = 0; i < 32; i++)
    put_pair (text, "x", i, want->x[i], have->x[i]);
  for (unsigned i = 0; i < 32; i++) {
    put_pair (text, "v low ", i, want->v[i][0], have->v[i][0]);
    put_pair (text, "v high ", i, want->v[i][1], have->v[i][1]);
  }
  for (unsigned i = 0; i < 2; i++)
    put_pair (text, "thread ", i, want->thread[i], have->thread[i]);
  g_string_append_printf (text, "  nzcv: %08" PRIx64 ", %08" PRIx64 "\n", dio_a64_nzcv (want),
                          dio_a64_nzcv (have));
}

static void
disassemble (GString *text, uint32_t raw, uint64_t pc)
{
  char line[DIO_A64_DISASM_SIZE];
  dio_a64_disassemble (raw, pc, line, sizeof line);
  g_string_append (text, line);
}

const DioTierChecked dio_a64_checked = {
  .state_size = sizeof (State),
  .take = take,
  .step = step,
  .compare = compare,
  .print = print,
  .disassemble = disassemble,
};
