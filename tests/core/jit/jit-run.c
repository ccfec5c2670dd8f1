/* SPDX-License-Identifier: GPL-3.0-or-later
 * Blocks run by the compiler. */
#include "tests/core/jit/jit-run.h"

#include <string.h>

#include "core/fp/fp.h"
#include "core/interp/interp-sem.h"

/* Blocks are this far from each other at least, and end before the page does. */
#define STRIDE 4
#define LAST_OFFSET 4000

typedef struct JitRunCpu {
  uint64_t x[33], f[32], pc;
  DioVec v[32];
  DioFpMode fp_mode;
  uint8_t saturated;
  uint64_t reservation, reservation_value;
  DioJitVcpu jit;
  DioTlb tlb;
  uint32_t requests;
  uint8_t fflags, frm;
  uint8_t *memory;
  uint8_t *own; /* memory instead of that of the state, of own_bytes */
  uint64_t own_bytes;
  uint64_t faulty_page; /* all accesses to it fault */
  unsigned left;        /* accesses until one faults */
  bool faulted;
  uint64_t fault_address;
  unsigned calls; /* of access functions */
  bool rounds;    /* as frm says */
} JitRunCpu;

static const uint8_t *
leave (void *vcpu)
{
  return NULL;
}

static const uint8_t *
leave_by_fault (void *vcpu)
{
  ((JitRunCpu *) vcpu)->faulted = true;
  return NULL;
}

/* False when this access is to fault. */
static bool
may_access (JitRunCpu *cpu, uint64_t va)
{
  cpu->fault_address = va;
  return (va & ~(uint64_t) DIO_PAGE_MASK) != cpu->faulty_page && cpu->left-- > 0;
}

static uint8_t *
byte_at (JitRunCpu *cpu, uint64_t va)
{
  return cpu->own ? &cpu->own[va % cpu->own_bytes] : &cpu->memory[va % IR_EVAL_MEMORY];
}

static uint64_t
get (JitRunCpu *cpu, uint64_t va, unsigned size)
{
  uint64_t value = 0;
  cpu->calls++;
  for (unsigned i = 0; i < size; i++)
    value |= (uint64_t) *byte_at (cpu, va + i) << (8 * i);
  return value;
}

static void
put (JitRunCpu *cpu, uint64_t va, unsigned size, uint64_t value)
{
  cpu->calls++;
  for (unsigned i = 0; i < size; i++)
    *byte_at (cpu, va + i) = (uint8_t) (value >> (8 * i));
}

#define LOAD_FUNCTION(NAME, kind)                                                                  \
  static bool load_##NAME (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)              \
  {                                                                                                \
    if (!may_access (vcpu, va))                                                                    \
      return false;                                                                                \
    *result = INTERP_WIDEN_##kind (get (vcpu, va, INTERP_SIZE_##kind));                            \
    return true;                                                                                   \
  }
LOAD_FUNCTION (S8, s8)
LOAD_FUNCTION (U8, u8)
LOAD_FUNCTION (S16, s16)
LOAD_FUNCTION (U16, u16)
LOAD_FUNCTION (S32, s32)
LOAD_FUNCTION (U32, u32)
LOAD_FUNCTION (U64, u64)

#define STORE_FUNCTION(bits)                                                                       \
  static bool store_##bits (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)             \
  {                                                                                                \
    if (!may_access (vcpu, va))                                                                    \
      return false;                                                                                \
    put (vcpu, va, (bits) / 8, value);                                                             \
    return true;                                                                                   \
  }
STORE_FUNCTION (8)
STORE_FUNCTION (16)
STORE_FUNCTION (32)
STORE_FUNCTION (64)

static bool
load_V128 (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)
{
  JitRunCpu *cpu = vcpu;
  if (!may_access (cpu, va))
    return false;
  cpu->jit.scratch[0] = get (cpu, va, 8);
  cpu->jit.scratch[1] = get (cpu, va + 8, 8);
  return true;
}

static bool
compare_swap_V128 (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)
{
  JitRunCpu *cpu = vcpu;
  uint64_t *scratch = cpu->jit.scratch;
  uint64_t expected[] = { scratch[0], scratch[1] };
  if (!load_V128 (vcpu, va, value, result))
    return false;
  if (scratch[0] == expected[0] && scratch[1] == expected[1]) {
    put (cpu, va, 8, scratch[2]);
    put (cpu, va + 8, 8, scratch[3]);
  }
  return true;
}

static bool
store_V128 (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)
{
  JitRunCpu *cpu = vcpu;
  if (!may_access (cpu, va))
    return false;
  put (cpu, va, 8, cpu->jit.scratch[0]);
  put (cpu, va + 8, 8, cpu->jit.scratch[1]);
  return true;
}

/* clang-format off */
#define AMOS(X, bits)                                                                              \
  X (swap, bits) X (add, bits) X (xor, bits) X (and, bits) X (or, bits)                            \
  X (min, bits) X (max, bits) X (minu, bits) X (maxu, bits)
/* clang-format on */
#define AMO_FUNCTION(op, bits)                                                                     \
  static bool amo_##op##_##bits (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)        \
  {                                                                                                \
    if (!may_access (vcpu, va))                                                                    \
      return false;                                                                                \
    uint##bits##_t cell = (uint##bits##_t) get (vcpu, va, (bits) / 8);                             \
    *result = interp_amo_##op##_##bits (&cell, value);                                             \
    put (vcpu, va, (bits) / 8, cell);                                                              \
    return true;                                                                                   \
  }
AMOS (AMO_FUNCTION, 32)
AMOS (AMO_FUNCTION, 64)
#define AMO_ENTRY(op, bits) [DIO_IR_AMO_##op##_##bits] = amo_##op##_##bits,

/* What both kinds of guests have alike. */
#define COMMON                                                                                     \
  .base = offsetof (JitRunCpu, x) + 16 * sizeof (uint64_t), .x = offsetof (JitRunCpu, x),          \
  .pc = offsetof (JitRunCpu, pc), .jit = offsetof (JitRunCpu, jit),                                \
  .tlb_data = offsetof (JitRunCpu, tlb.data), .tlb_jumps = offsetof (JitRunCpu, tlb.jumps),        \
  .tlb_second = offsetof (JitRunCpu, tlb.second), .requests = offsetof (JitRunCpu, requests),      \
  .reservation = offsetof (JitRunCpu, reservation),                                                \
  .reservation_value = offsetof (JitRunCpu, reservation_value),                                    \
  .fflags = offsetof (JitRunCpu, fflags), .lookup = leave, .interpret = leave, .fp_enter = leave,  \
  .poll = leave, .fault = leave_by_fault,                                                          \
  .access = { [DIO_IR_LOAD_S8] = load_S8,                                                          \
              [DIO_IR_LOAD_U8] = load_U8,                                                          \
              [DIO_IR_LOAD_S16] = load_S16,                                                        \
              [DIO_IR_LOAD_U16] = load_U16,                                                        \
              [DIO_IR_LOAD_S32] = load_S32,                                                        \
              [DIO_IR_LOAD_U32] = load_U32,                                                        \
              [DIO_IR_LOAD_U64] = load_U64,                                                        \
              [DIO_IR_STORE_8] = store_8,                                                          \
              [DIO_IR_STORE_16] = store_16,                                                        \
              [DIO_IR_STORE_32] = store_32,                                                        \
              [DIO_IR_STORE_64] = store_64,                                                        \
              [DIO_IR_LOAD_V128] = load_V128,                                                      \
              [DIO_IR_STORE_V128] = store_V128,                                                    \
              [DIO_IR_LOAD_RESERVED_V128] = load_V128,                                             \
              [DIO_IR_COMPARE_SWAP_V128] = compare_swap_V128,                                      \
              AMOS (AMO_ENTRY, 32) AMOS (AMO_ENTRY, 64) }

static const DioJitGuest guest = {
  .f = offsetof (JitRunCpu, f),
  .frm = offsetof (JitRunCpu, frm),
  COMMON,
};

static const DioJitGuest vector_guest = {
  .v = offsetof (JitRunCpu, v),
  .saturated = offsetof (JitRunCpu, saturated),
  .fp_mode = offsetof (JitRunCpu, fp_mode),
  COMMON,
};

static JitRun *
new_run (const char *text, unsigned vcpus, const DioJitGuest *kind, bool with_traps)
{
  g_autoptr (GError) error = NULL;
  DioJitOptions options;
  dio_jit_options_init (&options);
  dio_jit_options_parse (&options, text, &error);
  g_assert_no_error (error);

  JitRun *run = g_new0 (JitRun, 1);
  run->ram = dio_ram_new (JIT_RUN_RAM, "jit-run", &error);
  g_assert_no_error (error);
  DioJitGuest traps = *kind;
  traps.fp_traps = with_traps || (kind->v && options.traps);
  run->jit = dio_jit_new (&traps, run->ram, vcpus, &options, &error);
  g_assert_no_error (error);
  JitRunCpu *cpu = run->cpu = g_new0 (JitRunCpu, 1);
  cpu->faulty_page = UINT64_MAX; /* none */
  cpu->rounds = kind->frm;
  g_assert_true (dio_tlb_init (&cpu->tlb, JIT_RUN_SETS, NULL));
  g_assert_true (dio_tlb_add_second (&cpu->tlb, NULL));
  for (unsigned set = 0; set < JIT_RUN_SETS; set++)
    dio_tlb_add_jumps (&cpu->tlb, set);
  return run;
}

JitRun *
jit_run_new (const char *options, unsigned vcpus)
{
  return new_run (options, vcpus, &guest, false);
}

JitRun *
jit_run_new_with_vectors (const char *options)
{
  return new_run (options, 1, &vector_guest, false);
}

JitRun *
jit_run_new_with_traps (void)
{
  return new_run ("", 1, &vector_guest, true);
}

void
jit_run_map (JitRun *run, uint64_t page, uint8_t *host)
{
  dio_tlb_fill (run->cpu->tlb.data_set, page, ~DIO_PAGE_MASK, host, DIO_TLB_READ | DIO_TLB_WRITE);
}

void
jit_run_give_memory (JitRun *run, uint8_t *memory, uint64_t bytes)
{
  run->cpu->own = memory;
  run->cpu->own_bytes = bytes;
}

void
jit_run_let_fault (JitRun *run, uint64_t page)
{
  run->cpu->faulty_page = page;
}

int64_t
jit_run_budget (JitRun *run)
{
  return run->cpu->jit.budget;
}

uint64_t
jit_run_sweeps (JitRun *run)
{
  DioJitStats stats;
  dio_jit_get_stats (run->jit, &stats);
  return stats.sweeps;
}

void
jit_run_free (JitRun *run)
{
  dio_jit_free (run->jit);
  dio_tlb_clear (&run->cpu->tlb);
  dio_ram_free (run->ram);
  g_free (run->cpu);
  g_free (run);
}

DioTlb *
jit_run_tlb (JitRun *run)
{
  return &run->cpu->tlb;
}

unsigned
jit_run_take_calls (JitRun *run)
{
  unsigned calls = run->cpu->calls;
  run->cpu->calls = 0;
  return calls;
}

static DioJitBlock
block_of (const JitRunBlock *from, unsigned offset)
{
  DioJitBlock block = { .offset = (uint16_t) offset,
                        .bytes = 4,
                        .taken = from->taken,
                        .next = from->next,
                        .entry = from->entry,
                        .ir = from->ir };
  for (uint32_t i = 0; i < from->ir->ops->len; i++)
    block.n_insns =
        (uint16_t) (block.n_insns + (dio_ir_block_op (from->ir, i)->opcode == DIO_IR_INSN));
  return block;
}

DioJitEntry *
jit_run_compile_region (JitRun *run, uint64_t address, const JitRunBlock *blocks, unsigned n)
{
  DioJitRegion *region = g_new0 (DioJitRegion, 1);
  region->page = address & ~(uint64_t) DIO_PAGE_MASK;
  region->n_blocks = n;
  for (unsigned i = 0; i < n; i++)
    region->blocks[i] = block_of (&blocks[i], (address & DIO_PAGE_MASK) + i * JIT_RUN_STRIDE);
  DioJitEntry *entry = dio_jit_entry (run->jit, address);
  g_assert_nonnull (entry);
  uint32_t generation = atomic_load (&run->ram->page_write_gen[address >> DIO_PAGE_SHIFT]);
  atomic_fetch_or (&run->ram->page_flags[address >> DIO_PAGE_SHIFT], DIO_PAGE_CODE);
  bool done =
      dio_jit_begin (run->jit, entry) && dio_jit_finish (run->jit, entry, region, generation);
  for (unsigned i = 0; i < n; i++)
    dio_ir_block_free (blocks[i].ir);
  g_free (region);
  return done ? entry : NULL;
}

DioJitEntry *
jit_run_compile_at (JitRun *run, uint64_t address, DioIrBlock *ir)
{
  JitRunBlock block = {
    .ir = ir, .taken = DIO_JIT_NO_BLOCK, .next = DIO_JIT_NO_BLOCK, .entry = true
  };
  return jit_run_compile_region (run, address, &block, 1);
}

DioJitEntry *
jit_run_compile_loop (JitRun *run, uint64_t address, DioIrBlock *ir, DioIrBlock *outer)
{
  bool branches = outer && dio_ir_block_op (outer, outer->ops->len - 2)->opcode == DIO_IR_BRANCH;
  JitRunBlock blocks[] = {
    { .ir = ir, .taken = 0, .next = outer ? 1 : DIO_JIT_NO_BLOCK, .entry = true },
    { .ir = outer, .taken = branches ? 0 : DIO_JIT_NO_BLOCK, .next = DIO_JIT_NO_BLOCK },
  };
  return jit_run_compile_region (run, address, blocks, outer ? 2 : 1);
}

DioJitEntry *
jit_run_compile (JitRun *run, DioIrBlock *ir)
{
  if ((run->next & DIO_PAGE_MASK) > LAST_OFFSET)
    run->next = (run->next | DIO_PAGE_MASK) + 1;
  uint64_t address = run->next;
  run->next += STRIDE;
  return jit_run_compile_at (run, address, ir);
}

static uint8_t
exceptions (uint32_t mxcsr)
{
  return (uint8_t) ((mxcsr & 1 ? DIO_FP_NV : 0) | (mxcsr & 4 ? DIO_FP_DZ : 0)
                    | (mxcsr & 8 ? DIO_FP_OF : 0) | (mxcsr & 16 ? DIO_FP_UF : 0)
                    | (mxcsr & 32 ? DIO_FP_NX : 0));
}

static uint32_t
control_of (uint8_t frm)
{
  static const uint32_t controls[] = { 0x0000, 0x6000, 0x2000, 0x4000 };
  g_assert_cmpuint (frm, <, G_N_ELEMENTS (controls));
  return 0x1f80 | controls[frm];
}

IrEvalExit
jit_run (JitRun *run, DioJitEntry *entry, IrEvalState *state)
{
  JitRunCpu *cpu = run->cpu;
  memcpy (cpu->x, state->x, sizeof state->x);
  memcpy (cpu->f, state->f, sizeof state->f);
  memcpy (cpu->v, state->v, sizeof state->v);
  cpu->fp_mode = state->fp_mode;
  cpu->saturated = state->saturated;
  cpu->left = state->fault_rate ? state->accesses : UINT_MAX;
  cpu->faulted = false;
  cpu->pc = state->pc;
  cpu->fflags = state->fflags;
  cpu->memory = state->memory;
  cpu->frm = cpu->rounds ? state->frm : 0;
  cpu->jit.mxcsr = control_of (cpu->frm);
  cpu->jit.fp_block = cpu->frm ? DIO_JIT_FP_DIRECTED : 0;
  if (dio_jit_fp_traps (run->jit))
    cpu->jit.mxcsr &= ~DIO_JIT_FP_TRAPS;
  cpu->jit.budget = DIO_JIT_BUDGET;
  dio_jit_synchronise (run->jit, 0);
  const uint8_t *code = dio_jit_entry_far (run->jit, entry);
  g_assert_nonnull (code);
  dio_jit_run (run->jit, cpu, code);
  dio_jit_outside (run->jit, 0);
  memcpy (state->x, cpu->x, sizeof state->x);
  memcpy (state->f, cpu->f, sizeof state->f);
  memcpy (state->v, cpu->v, sizeof state->v);
  state->saturated = cpu->saturated;
  state->fflags = cpu->fflags | exceptions (cpu->jit.mxcsr);
  if (cpu->faulted)
    return (IrEvalExit){ .end = IR_EVAL_FAULT,
                         .target = cpu->fault_address,
                         .instruction = (int64_t) (cpu->pc - state->pc) };
  return (IrEvalExit){ .end = IR_EVAL_LEAVE, .target = cpu->pc };
}

IrEvalExit
jit_run_as (JitRun *run, DioJitEntry *entry, IrEvalState *state, const IrEvalState *expected,
            IrEvalExit want)
{
  state->accesses = expected->accesses;
  if (want.end != IR_EVAL_FAULT)
    state->fault_rate = 0;
  IrEvalExit have = jit_run (run, entry, state);
  if (want.end != IR_EVAL_FAULT)
    have.instruction = want.instruction;
  state->log = expected->log;
  return have;
}
