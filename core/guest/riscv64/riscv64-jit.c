/* SPDX-License-Identifier: GPL-3.0-or-later
 * riscv64 on the compiler: which code is compiled, the way into it, and what it calls.
 *
 * The interpreter runs everything at first. Where it jumps often (it looks every 16 jumps) and
 * where compiled code leaves to, heat is counted; hot places are compiled with what can be reached
 * from them. The slot of a compiled entry in a decoded page has the handler dio_interp_op_compiled,
 * so the interpreter finds compiled code without looking for it.
 *
 * Instructions that have no compiled form (system instructions, those that cross into the next
 * page) are run one at a time by the interpreter, from compiled code. */
#include "core/guest/riscv64/riscv64-jit.h"

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/fp/fp.h"
#include "core/guest/riscv64/riscv64-check.h"
#include "core/guest/riscv64/riscv64-priv.h"
#include "core/guest/riscv64/riscv64-region.h"
#include "core/interp/interp-sem.h"
#include "core/jit/jit.h"
#include "core/opt/opt.h"
#include "core/vm/vm-machine.h"

/* How many jumps of the interpreter pass between two looks at where it is. */
#define SAMPLE_PERIOD 16
/* Heat of an exit of compiled code; a sample of the interpreter is SAMPLE_PERIOD. */
#define EXIT_HEAT 4

/* ---- Time, instructions, floating point ---- */

uint64_t
dio_rv_jit_retired (const DioRiscv64 *hart)
{
  return hart->jit.base - (uint64_t) hart->jit.budget;
}

static void
set_budget (DioRiscv64 *hart, uint64_t instructions)
{
  hart->jit.base = instructions + DIO_JIT_BUDGET;
  hart->jit.budget = DIO_JIT_BUDGET;
}

/* MXCSR: invalid, denormal, division by zero, overflow, underflow, precision. */
uint8_t
dio_rv_jit_exceptions (uint32_t mxcsr)
{
  return (uint8_t) ((mxcsr & 1 ? DIO_FP_NV : 0) | (mxcsr & 4 ? DIO_FP_DZ : 0)
                    | (mxcsr & 8 ? DIO_FP_OF : 0) | (mxcsr & 16 ? DIO_FP_UF : 0)
                    | (mxcsr & 32 ? DIO_FP_NX : 0));
}

static void
collect_exceptions (DioRiscv64 *hart)
{
  if (DIO_UNLIKELY (hart->jit.mxcsr & 0x3d))
    hart->fflags |= dio_rv_jit_exceptions (hart->jit.mxcsr);
}

static void
refresh_fp (DioRiscv64 *hart)
{
  hart->jit.mxcsr = 0x1f80;
  hart->jit.fp_block = hart->fp_slow || hart->frm != DIO_FP_RNE;
}

/* ---- Compiling ---- */

/* A decoded slot was at least on the way of something that was run. */
static bool
slot_was_run (void *data, unsigned offset)
{
  const DioInterpSlot *slots = data;
  return !slots || slots[offset / 2].handler != dio_interp_op_decode;
}

static void
mark_entries (const DioJitRegion *region, DioInterpSlot *slots)
{
  for (unsigned i = 0; i < region->n_blocks && slots; i++)
    if (region->blocks[i].entry
        && slots[region->blocks[i].offset / 2].handler != dio_interp_op_decode)
      slots[region->blocks[i].offset / 2].handler = dio_interp_op_compiled;
}

static void
compile (DioRiscv64 *hart, DioJitEntry *entry)
{
  DioJit *jit = hart->interp.cpu.machine->jit;
  DioRam *ram = hart->interp.cpu.machine->ram;
  if (!dio_jit_begin (jit, entry))
    return;
  uint64_t page = entry->address & ~(uint64_t) DIO_PAGE_MASK;
  uint32_t generation = dio_interp_engine_watch_page (&hart->interp, ram, page);
  DioInterpSlot *slots = dio_interp_engine_slots (&hart->interp, ram->host + page);
  /* A copy, as others may write meanwhile: then it is compiled in vain, but from one text. */
  g_autofree uint8_t *bytes = g_memdup2 (ram->host + page, DIO_PAGE_SIZE);
  DioJitRegion *region = g_new (DioJitRegion, 1);
  region->page = page;
  dio_rv_region_build (region, bytes, entry->address & DIO_PAGE_MASK, slot_was_run,
                       dio_jit_options (jit)->whole ? NULL : slots);
  for (unsigned i = 0; i < region->n_blocks; i++)
    dio_opt_block (hart->optimiser, region->blocks[i].ir);
  if (dio_jit_finish (jit, entry, region, generation))
    mark_entries (region, slots);
  dio_rv_region_clear (region);
  g_free (region);
}

/* The code of @entry, compiled now if it has become hot by @heat more. */
static const uint8_t *
code_of (DioRiscv64 *hart, DioJitEntry *entry, unsigned heat)
{
  DioJit *jit = hart->interp.cpu.machine->jit;
  const uint8_t *code = dio_jit_entry_far (jit, entry);
  if (DIO_LIKELY (code) || !heat)
    return code;
  if (atomic_fetch_add_explicit (&entry->heat, heat, memory_order_relaxed) + heat
      < dio_jit_options (jit)->hot)
    return NULL;
  /* The compiler and GLib compute in floating point too, where the flags are the guest's. */
  uint64_t fp = dio_fp_host_enter ();
  compile (hart, entry);
  dio_fp_host_leave (fp);
  return dio_jit_entry_far (jit, entry);
}

static bool
sample (DioInterpCpu *cpu, uint64_t address)
{
  DioRiscv64 *hart = (DioRiscv64 *) cpu;
  DioJitEntry *entry = dio_jit_entry (hart->interp.cpu.machine->jit, address);
  return entry && code_of (hart, entry, SAMPLE_PERIOD);
}

/* ---- Functions that compiled code calls ---- */

static const uint8_t *
lookup (void *vcpu)
{
  DioRiscv64 *hart = vcpu;
  DioRam *ram = hart->interp.cpu.machine->ram;
  uint64_t pc = hart->interp.pc;
  hart->jit.stats->lookups++;
  const uint8_t *host = dio_tlb_hit_execute (&hart->interp.tlb, pc);
  if (!host && dio_tlb_recall (hart->interp.tlb.code_set, pc, DIO_TLB_EXECUTE))
    host = dio_tlb_hit_execute (&hart->interp.tlb, pc);
  if (!host) {
    DioRam *of;
    uint64_t offset;
    if (dio_rv_fetch_page (hart, pc, &host, &of, &offset) != DIO_RV_EXC_NONE
        || hart->interp.fetch_partial)
      return NULL;
    host += pc & DIO_PAGE_MASK;
  }
  if (host < ram->host || host >= ram->host + ram->size)
    return NULL;
  DioJitEntry *entry = dio_jit_entry (hart->interp.cpu.machine->jit, (uint64_t) (host - ram->host));
  const uint8_t *code = entry ? code_of (hart, entry, EXIT_HEAT) : NULL;
  if (code)
    dio_tlb_fill_jump (&hart->interp.tlb, pc, code);
  else
    hart->jit.stats->lookup_misses++;
  return code;
}

static const uint8_t *
poll (void *vcpu)
{
  DioRiscv64 *hart = vcpu;
  if (atomic_load_explicit (&hart->interp.cpu.kicked, memory_order_relaxed))
    return NULL;
  hart->jit.stats->polls++;
  set_budget (hart, dio_rv_jit_retired (hart));
  hart->interp.cpu.stats.instructions = hart->jit.base - DIO_JIT_BUDGET;
  uint64_t fp = dio_fp_host_enter ();
  dio_rv_jit_synchronise (hart);
  dio_fp_host_leave (fp);
  return lookup (vcpu);
}

/* After something that may come again without any block being run to its end. */
static const uint8_t *
go_on (DioRiscv64 *hart)
{
  return DIO_UNLIKELY (hart->jit.budget < 0) ? poll (hart) : lookup (hart);
}

static const uint8_t *
interpret (void *vcpu)
{
  DioRiscv64 *hart = vcpu;
  hart->jit.stats->interpreted++;
  collect_exceptions (hart);
  uint64_t before = dio_rv_jit_retired (hart);
  hart->interp.cpu.stats.instructions = before;
  bool running = dio_interp_engine_step (&hart->interp);
  hart->jit.budget -= (int64_t) (hart->interp.cpu.stats.instructions - before);
  /* An instruction that traps is none, but takes its time. */
  hart->jit.budget--;
  hart->jit.base--;
  refresh_fp (hart);
  return running ? go_on (hart) : NULL;
}

/* FS becomes dirty with the way into a region that computes, whether it comes to that or not: it
 * may be imprecise in this direction (PrivSpec 3.1.6.6). */
static const uint8_t *
fp_enter (void *vcpu)
{
  DioRiscv64 *hart = vcpu;
  if (!(hart->mstatus & RV_MSTATUS_FS) || hart->frm != DIO_FP_RNE)
    return interpret (vcpu);
  dio_rv_fp_dirty (hart);
  hart->jit.fp_block = false;
  return lookup (vcpu);
}

static const uint8_t *
fault (void *vcpu)
{
  DioRiscv64 *hart = vcpu;
  hart->jit.stats->faults++;
  rv_take_noted (&hart->interp);
  hart->jit.budget--;
  hart->jit.base--;
  return go_on (hart);
}

static bool
check (DioRiscv64 *hart, DioRvExc cause)
{
  hart->jit.stats->slow_accesses++;
  hart->exc_cause = cause;
  return cause == DIO_RV_EXC_NONE;
}

#define LOAD_FUNCTION(kind)                                                                        \
  static bool load_##kind (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)              \
  {                                                                                                \
    (void) value;                                                                                  \
    uint64_t loaded = 0;                                                                           \
    DioRvExc cause = dio_rv_load_slow (vcpu, va, INTERP_SIZE_##kind, &loaded);                     \
    *result = INTERP_WIDEN_##kind (loaded);                                                        \
    return check (vcpu, cause);                                                                    \
  }
LOAD_FUNCTION (s8)
LOAD_FUNCTION (u8)
LOAD_FUNCTION (s16)
LOAD_FUNCTION (u16)
LOAD_FUNCTION (s32)
LOAD_FUNCTION (u32)
LOAD_FUNCTION (u64)

#define STORE_FUNCTION(bits)                                                                       \
  static bool store_##bits (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)             \
  {                                                                                                \
    (void) result;                                                                                 \
    return check (vcpu, dio_rv_store_slow (vcpu, va, (bits) / 8, value));                          \
  }
STORE_FUNCTION (8)
STORE_FUNCTION (16)
STORE_FUNCTION (32)
STORE_FUNCTION (64)

static void *
atomic_pointer (DioRiscv64 *hart, uint64_t va, unsigned size, DioRvAccess access)
{
  void *host = NULL;
  DioGpa gpa;
  return check (hart, dio_rv_atomic_pointer (hart, va, size, access, &host, &gpa)) ? host : NULL;
}

/* As interp_atomic_done() of the interpreter. */
static void
atomic_done (DioRiscv64 *hart, const void *host, unsigned size)
{
  DioRam *ram = hart->interp.cpu.machine->ram;
  uint64_t offset = (uintptr_t) host - (uintptr_t) ram->host;
  if (offset < ram->size)
    dio_ram_note_write (ram, offset, size);
}

#define AMO_FUNCTION(op, bits)                                                                     \
  static bool amo_##op##_##bits (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)        \
  {                                                                                                \
    void *host = atomic_pointer (vcpu, va, (bits) / 8, DIO_RV_STORE);                              \
    if (!host)                                                                                     \
      return false;                                                                                \
    *result = interp_amo_##op##_##bits (host, value);                                              \
    atomic_done (vcpu, host, (bits) / 8);                                                          \
    return true;                                                                                   \
  }
#define AMO_FUNCTIONS(bits)                                                                        \
  AMO_FUNCTION (swap, bits)                                                                        \
  AMO_FUNCTION (add, bits)                                                                         \
  AMO_FUNCTION (xor, bits)                                                                         \
  AMO_FUNCTION (and, bits)                                                                         \
  AMO_FUNCTION (or, bits)                                                                          \
  AMO_FUNCTION (min, bits)                                                                         \
  AMO_FUNCTION (max, bits)                                                                         \
  AMO_FUNCTION (minu, bits)                                                                        \
  AMO_FUNCTION (maxu, bits)
AMO_FUNCTIONS (32)
AMO_FUNCTIONS (64)

#define RESERVED_FUNCTIONS(bits, SIGNED)                                                           \
  static bool reserve_##bits (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)           \
  {                                                                                                \
    DioRiscv64 *hart = vcpu;                                                                       \
    void *host = atomic_pointer (hart, va, (bits) / 8, DIO_RV_LOAD);                               \
    if (!host)                                                                                     \
      return false;                                                                                \
    value = __atomic_load_n ((uint##bits##_t *) host, __ATOMIC_SEQ_CST);                           \
    hart->reservation = (uintptr_t) host;                                                          \
    hart->reservation_value = value;                                                               \
    *result = SIGNED (value);                                                                      \
    return true;                                                                                   \
  }                                                                                                \
  static bool conditional_##bits (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)       \
  {                                                                                                \
    DioRiscv64 *hart = vcpu;                                                                       \
    void *host = atomic_pointer (hart, va, (bits) / 8, DIO_RV_STORE);                              \
    if (!host)                                                                                     \
      return false;                                                                                \
    bool held = hart->reservation == (uintptr_t) host;                                             \
    hart->reservation = UINT64_MAX;                                                                \
    *result = !(held && interp_host_replace (host, (bits) / 8, hart->reservation_value, value));   \
    atomic_done (hart, host, (bits) / 8);                                                          \
    return true;                                                                                   \
  }
#define AS_IS(v) (v)
RESERVED_FUNCTIONS (32, SEXT32)
RESERVED_FUNCTIONS (64, AS_IS)

/* Those of floating point see the exceptions that the host's FPU has collected, and change how it
 * computes. */
static bool
csr_access (DioRiscv64 *hart, DioRvCsrOp op, uint64_t csr, uint64_t value, uint64_t *result)
{
  bool fp = csr <= 3;
  if (fp) {
    hart->jit.mxcsr = (uint32_t) dio_fp_host_enter ();
    collect_exceptions (hart);
  }
  DioRvExc cause = dio_rv_csr_access (hart, (unsigned) csr, op, value, result);
  if (fp)
    refresh_fp (hart);
  return check (hart, cause);
}

#define CSR_FUNCTION(name, op)                                                                     \
  static bool csr_##name (void *vcpu, uint64_t csr, uint64_t value, uint64_t *result)              \
  {                                                                                                \
    return csr_access (vcpu, op, csr, value, result);                                              \
  }
CSR_FUNCTION (read, DIO_RV_CSR_READ)
CSR_FUNCTION (write, DIO_RV_CSR_WRITE)
CSR_FUNCTION (set, DIO_RV_CSR_SET)
CSR_FUNCTION (clear, DIO_RV_CSR_CLEAR)

#define AMO_ENTRIES(bits)                                                                          \
  [DIO_IR_AMO_swap_##bits] = amo_swap_##bits, [DIO_IR_AMO_add_##bits] = amo_add_##bits,            \
  [DIO_IR_AMO_xor_##bits] = amo_xor_##bits, [DIO_IR_AMO_and_##bits] = amo_and_##bits,              \
  [DIO_IR_AMO_or_##bits] = amo_or_##bits, [DIO_IR_AMO_min_##bits] = amo_min_##bits,                \
  [DIO_IR_AMO_max_##bits] = amo_max_##bits, [DIO_IR_AMO_minu_##bits] = amo_minu_##bits,            \
  [DIO_IR_AMO_maxu_##bits] = amo_maxu_##bits

const DioJitGuest dio_rv_jit_guest = {
  .base = offsetof (DioRiscv64, x) + 16 * sizeof (uint64_t),
  .x = offsetof (DioRiscv64, x),
  .f = offsetof (DioRiscv64, f),
  .pc = offsetof (DioRiscv64, interp.pc),
  .jit = offsetof (DioRiscv64, jit),
  .tlb_data = offsetof (DioRiscv64, interp.tlb.data),
  .tlb_jumps = offsetof (DioRiscv64, interp.tlb.jumps),
  .requests = offsetof (DioRiscv64, interp.requests),
  .reservation = offsetof (DioRiscv64, reservation),
  .reservation_value = offsetof (DioRiscv64, reservation_value),
  .fflags = offsetof (DioRiscv64, fflags),
  .lookup = lookup,
  .interpret = interpret,
  .fp_enter = fp_enter,
  .poll = poll,
  .fault = fault,
  .access = {
    [DIO_IR_LOAD_S8] = load_s8,
    [DIO_IR_LOAD_U8] = load_u8,
    [DIO_IR_LOAD_S16] = load_s16,
    [DIO_IR_LOAD_U16] = load_u16,
    [DIO_IR_LOAD_S32] = load_s32,
    [DIO_IR_LOAD_U32] = load_u32,
    [DIO_IR_LOAD_U64] = load_u64,
    [DIO_IR_STORE_8] = store_8,
    [DIO_IR_STORE_16] = store_16,
    [DIO_IR_STORE_32] = store_32,
    [DIO_IR_STORE_64] = store_64,
    [DIO_IR_LOAD_RESERVED_32] = reserve_32,
    [DIO_IR_LOAD_RESERVED_64] = reserve_64,
    [DIO_IR_STORE_CONDITIONAL_32] = conditional_32,
    [DIO_IR_STORE_CONDITIONAL_64] = conditional_64,
    [DIO_IR_CSR_READ] = csr_read,
    [DIO_IR_CSR_WRITE] = csr_write,
    [DIO_IR_CSR_SET] = csr_set,
    [DIO_IR_CSR_CLEAR] = csr_clear,
    AMO_ENTRIES (32),
    AMO_ENTRIES (64),
  },
};

/* ---- In and out ---- */

static bool
enter (DioInterpCpu *cpu, uint64_t address)
{
  DioRiscv64 *hart = (DioRiscv64 *) cpu;
  DioJit *jit = hart->interp.cpu.machine->jit;
  dio_rv_jit_synchronise (hart);
  DioJitEntry *entry = dio_jit_entry (jit, address);
  const uint8_t *code = entry ? code_of (hart, entry, 0) : NULL;
  if (!code)
    return false;
  set_budget (hart, hart->interp.cpu.stats.instructions);
  refresh_fp (hart);
  hart->jit.stats->enters++;
  if (DIO_UNLIKELY (hart->check))
    dio_rv_check_begin (hart, code, hart->interp.cpu.machine->ram->host + address);
  dio_jit_run (jit, hart, code);
  collect_exceptions (hart);
  hart->interp.cpu.stats.instructions = dio_rv_jit_retired (hart);
  dio_jit_outside (jit, hart->interp.cpu.index);
  return true;
}

void
dio_rv_jit_synchronise (DioRiscv64 *hart)
{
  if (dio_jit_synchronise (hart->interp.cpu.machine->jit, hart->interp.cpu.index))
    dio_tlb_flush_jumps (&hart->interp.tlb);
}

void
dio_rv_jit_barrier (DioRiscv64 *hart)
{
  if (hart->interp.cpu.machine->jit)
    dio_rv_jit_synchronise (hart);
}

static const DioCompiler compiler = { .free = dio_jit_free, .get_stats = dio_jit_get_stats };

static bool
make_compiler (DioMachine *machine, GError **error)
{
  DioJitOptions options;
  dio_jit_options_init (&options);
  if (!dio_jit_options_parse (&options, machine->config->compiler, error))
    return false;
  const DioJitGuest *guest = options.check ? &dio_rv_check_guest : &dio_rv_jit_guest;
  machine->jit = dio_jit_new (guest, machine->ram, machine->config->cpus, &options, error);
  machine->compiler = &compiler;
  return machine->jit;
}

static bool
compiles (const DioMachine *machine)
{
  return machine->config && dio_engine_in_force (machine->config->engine) == DIO_ENGINE_COMPILER;
}

static const DioInterpCompiler interp_compiler = { .enter = enter, .sample = sample };

bool
dio_rv_jit_init (DioRiscv64 *hart, GError **error)
{
  if (!compiles (hart->interp.cpu.machine))
    return true;
  if (!hart->interp.cpu.machine->jit && !make_compiler (hart->interp.cpu.machine, error))
    return false;
  hart->jit.stats = dio_jit_stats (hart->interp.cpu.machine->jit);
  bool at_once = dio_jit_options (hart->interp.cpu.machine->jit)->hot == 0;
  dio_interp_engine_set_compiler (&hart->interp, &interp_compiler, at_once ? 1 : SAMPLE_PERIOD);
  if (dio_jit_options (hart->interp.cpu.machine->jit)->check)
    dio_rv_check_init (hart);
  hart->optimiser = dio_opt_context_new ();
  dio_tlb_add_jumps (&hart->interp.tlb, RV_SET_MACHINE);
  dio_tlb_add_jumps (&hart->interp.tlb, RV_SET_SUPERVISOR);
  for (unsigned i = 0; i < RV_SLOTS; i++)
    dio_tlb_add_jumps (&hart->interp.tlb, RV_SET_SLOTS + 2 * i);
  return true;
}

void
dio_rv_jit_free (DioRiscv64 *hart)
{
  dio_rv_check_free (hart);
  g_clear_pointer (&hart->optimiser, dio_opt_context_free);
}
