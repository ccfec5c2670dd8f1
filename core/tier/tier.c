/* SPDX-License-Identifier: GPL-3.0-or-later
 * A CPU on the compiler: its life, ways into compiled code, and time and floating point while that
 * runs. */
#include "core/fp/fp.h"
#include "core/mem/mem-lazy.h"
#include "core/tier/tier-check.h"
#include "core/tier/tier-private.h"
#include "core/vm/vm-machine.h"

/* While memory comes from a snapshot, each access may take as long as thousands of instructions:
 * then kicks are looked for more often. */
#define LAZY_BUDGET 256

/* ---- Time, instructions, floating point ---- */

void
dio_tier_set_budget (DioInterpCpu *cpu, uint64_t instructions)
{
  int64_t budget = dio_ram_count_absent (cpu->cpu.machine->ram) ? LAZY_BUDGET : cpu->jit.slice;
  cpu->jit.base = instructions + (uint64_t) budget;
  cpu->jit.budget = budget;
}

/* MXCSR: invalid, denormal, division by zero, overflow, underflow, precision. */
uint8_t
dio_tier_fp_exceptions (uint32_t mxcsr)
{
  return (uint8_t) ((mxcsr & 1 ? DIO_FP_NV : 0) | (mxcsr & 4 ? DIO_FP_DZ : 0)
                    | (mxcsr & 8 ? DIO_FP_OF : 0) | (mxcsr & 16 ? DIO_FP_UF : 0)
                    | (mxcsr & 32 ? DIO_FP_NX : 0));
}

void
dio_tier_fp_collect (DioInterpCpu *cpu)
{
  if (DIO_UNLIKELY (cpu->jit.mxcsr & 0x3d))
    *dio_tier_fp_flags (cpu) |= dio_tier_fp_exceptions (cpu->jit.mxcsr);
}

/* MXCSR without exceptions, and what keeps compiled code from computing. */
void
dio_tier_fp_refresh (DioInterpCpu *cpu)
{
  static const uint16_t controls[] = {
    [DIO_FP_RNE] = 0x0000, [DIO_FP_RTZ] = 0x6000, [DIO_FP_RDN] = 0x2000, [DIO_FP_RUP] = 0x4000
  };
  const DioTierGuest *guest = cpu->tier->guest;
  uint8_t mode = guest->layout.frm ? *((const uint8_t *) cpu + guest->layout.frm) : DIO_FP_RNE;
  bool has_mode = mode < G_N_ELEMENTS (controls);
  cpu->jit.mxcsr = 0x1f80u | (has_mode ? controls[mode] : 0);
  cpu->jit.fp_block = (guest->fp_ready (cpu) ? 0 : DIO_JIT_FP_OFF)
                      | (mode != DIO_FP_RNE ? DIO_JIT_FP_DIRECTED : 0)
                      | (has_mode ? 0 : DIO_JIT_FP_NO_MODE);
  if (!guest->layout.fp_traps)
    return;
  /* Where every NaN becomes the default one the host would let them through. */
  uint32_t rules = *(const DioFpMode *) (const void *) ((const char *) cpu + guest->layout.fp_mode);
  if (dio_jit_fp_traps (cpu->tier->jit) && !(rules & DIO_FP_NAN_DEFAULT))
    cpu->jit.mxcsr &= ~DIO_JIT_FP_TRAPS;
  else
    cpu->jit.fp_block |= DIO_JIT_FP_CHECKED;
}

/* ---- In and out ---- */

static bool
enter (DioInterpCpu *cpu, uint64_t address)
{
  DioJit *jit = cpu->tier->jit;
  dio_tier_synchronise (cpu);
  DioJitEntry *entry = dio_jit_entry (jit, address);
  const uint8_t *code = entry ? dio_tier_code (cpu, entry, 0) : NULL;
  if (!code)
    return false;
  dio_tier_set_budget (cpu, cpu->cpu.stats.instructions);
  cpu->jit.polled = 0;
  dio_tier_fp_refresh (cpu);
  cpu->jit.stats->enters++;
  if (DIO_UNLIKELY (cpu->tier->check))
    dio_tier_check_begin (cpu, code, cpu->cpu.machine->ram->host + address);
  dio_jit_run (jit, cpu, code);
  dio_tier_fp_collect (cpu);
  cpu->cpu.stats.instructions = dio_tier_retired (cpu);
  dio_jit_outside (jit, cpu->cpu.index);
  return true;
}

static bool
sample (DioInterpCpu *cpu, uint64_t address)
{
  DioJitEntry *entry = dio_jit_entry (cpu->tier->jit, address);
  return entry && dio_tier_code (cpu, entry, TIER_SAMPLE_PERIOD);
}

void
dio_tier_synchronise (DioInterpCpu *cpu)
{
  if (dio_jit_synchronise (cpu->tier->jit, cpu->cpu.index))
    dio_tlb_flush_jumps (&cpu->tlb);
}

void
dio_tier_barrier (DioInterpCpu *cpu)
{
  if (cpu->tier)
    dio_tier_synchronise (cpu);
}

/* ---- Life ---- */

static const DioCompiler compiler = { .free = dio_jit_free, .get_stats = dio_jit_get_stats };
static const DioInterpCompiler interp_compiler = { .enter = enter, .sample = sample };

static bool
make_compiler (DioMachine *machine, const DioTierGuest *guest, GError **error)
{
  DioJitOptions options;
  dio_jit_options_init (&options);
  if (!dio_jit_options_parse (&options, machine->config->compiler, error))
    return false;
  DioJitGuest seen = guest->layout;
  seen.lookup = dio_tier_lookup;
  seen.interpret = dio_tier_interpret;
  seen.poll = dio_tier_poll;
  seen.fp_enter = dio_tier_fp_enter;
  seen.fault = dio_tier_fault;
  memcpy (seen.access, dio_tier_accesses, sizeof seen.access);
  if (options.check)
    dio_tier_check_watch (&seen);
  machine->jit = dio_jit_new (&seen, machine->ram, machine->config->cpus, &options, error);
  machine->compiler = &compiler;
  return machine->jit;
}

static bool
compiles (const DioMachine *machine)
{
  return machine->config && dio_engine_in_force (machine->config->engine) == DIO_ENGINE_COMPILER;
}

bool
dio_tier_init (DioInterpCpu *cpu, const DioTierGuest *guest, GError **error)
{
  DioMachine *machine = cpu->cpu.machine;
  if (!compiles (machine))
    return true;
  if (!machine->jit && !make_compiler (machine, guest, error))
    return false;
  cpu->tier = g_new0 (DioTier, 1);
  *cpu->tier = (DioTier){
    .guest = guest,
    .jit = machine->jit,
    .optimiser = dio_opt_context_new (),
  };
  cpu->jit.stats = dio_jit_stats (machine->jit);
  cpu->jit.slice = DIO_JIT_BUDGET;
  bool at_once = dio_jit_options (machine->jit)->hot == 0;
  dio_interp_engine_set_compiler (cpu, &interp_compiler, at_once ? 1 : TIER_SAMPLE_PERIOD);
  if (dio_jit_options (machine->jit)->check)
    dio_tier_check_init (cpu);
  guest->add_jumps (cpu);
  return true;
}

void
dio_tier_free (DioInterpCpu *cpu)
{
  if (!cpu->tier)
    return;
  dio_tier_check_free (cpu);
  dio_opt_context_free (cpu->tier->optimiser);
  g_clear_pointer (&cpu->tier, g_free);
}
