/* SPDX-License-Identifier: GPL-3.0-or-later
 * Functions that compiled code calls: where to go on. */
#include "core/base/base-clock.h"
#include "core/fp/fp.h"
#include "core/tier/tier-private.h"

/* What polls should be apart at most, and how near they may come, in instructions, to have it so.
 */
#define SLICE_NS 40000
#define MIN_SLICE 512

/* The host address of what is at cpu->pc, or NULL: an exception, or code that cannot be compiled.
 */
static const uint8_t *
fetch (DioInterpCpu *cpu)
{
  uint64_t pc = cpu->pc;
  const DioInterpGuest *guest = cpu->decoder->guest;
  const uint8_t *host = dio_tlb_hit_execute (&cpu->tlb, pc);
  if (DIO_UNLIKELY (pc & (guest->parcel - 1)))
    return NULL;
  if (!host && dio_tlb_recall (cpu->tlb.code_set, pc, DIO_TLB_EXECUTE))
    host = dio_tlb_hit_execute (&cpu->tlb, pc);
  if (!host) {
    DioRam *ram;
    uint64_t offset;
    if (!guest->fetch_page (cpu, pc, &host, &ram, &offset) || cpu->fetch_partial)
      return NULL;
    host += pc & DIO_PAGE_MASK;
  }
  return host;
}

const uint8_t *
dio_tier_lookup (void *vcpu)
{
  DioInterpCpu *cpu = vcpu;
  DioRam *ram = cpu->cpu.machine->ram;
  cpu->jit.stats->lookups++;
  const uint8_t *host = fetch (cpu);
  if (host < ram->host || host >= ram->host + ram->size)
    return NULL;
  DioJitEntry *entry = dio_jit_entry (cpu->tier->jit, (uint64_t) (host - ram->host));
  const uint8_t *code = entry ? dio_tier_code (cpu, entry, TIER_EXIT_HEAT) : NULL;
  if (code)
    dio_tlb_fill_jump (&cpu->tlb, cpu->pc, code);
  else
    cpu->jit.stats->lookup_misses++;
  return code;
}

/* Kicks are noticed at polls, after so many instructions, which may be slow ones. */
static void
adapt_slice (DioJitVcpu *jit)
{
  int64_t now = dio_host_now (), spent = now - jit->polled;
  if (jit->polled && spent > SLICE_NS)
    jit->slice = MAX (jit->slice / 2, MIN_SLICE);
  else if (jit->polled && spent < SLICE_NS / 4)
    jit->slice = MIN (jit->slice * 2, DIO_JIT_BUDGET);
  jit->polled = now;
}

/* Traps are many, and this vCPU has not taken note yet. */
static bool
traps_in_vain (const DioInterpCpu *cpu)
{
  return cpu->tier->guest->layout.fp_traps && !(cpu->jit.fp_block & DIO_JIT_FP_CHECKED)
         && !dio_jit_fp_traps (cpu->tier->jit);
}

const uint8_t *
dio_tier_poll (void *vcpu)
{
  DioInterpCpu *cpu = vcpu;
  if (atomic_load_explicit (&cpu->cpu.kicked, memory_order_relaxed) || traps_in_vain (cpu))
    return NULL;
  cpu->jit.stats->polls++;
  adapt_slice (&cpu->jit);
  cpu->cpu.stats.instructions = dio_tier_retired (cpu);
  dio_tier_set_budget (cpu, cpu->cpu.stats.instructions);
  uint64_t fp = dio_fp_host_enter ();
  dio_tier_synchronise (cpu);
  dio_fp_host_leave (fp);
  return dio_tier_lookup (vcpu);
}

/* After something that may come again without any block being run to its end. */
static const uint8_t *
go_on (DioInterpCpu *cpu)
{
  return DIO_UNLIKELY (cpu->jit.budget < 0) ? dio_tier_poll (cpu) : dio_tier_lookup (cpu);
}

/* An instruction that traps is none, but takes its time. */
static void
charge_trap (DioInterpCpu *cpu)
{
  cpu->jit.budget--;
  cpu->jit.base--;
}

static bool
step (DioInterpCpu *cpu)
{
  cpu->jit.stats->interpreted++;
  uint64_t before = dio_tier_retired (cpu);
  cpu->cpu.stats.instructions = before;
  bool running = dio_interp_engine_step (cpu);
  cpu->jit.budget -= (int64_t) (cpu->cpu.stats.instructions - before);
  charge_trap (cpu);
  return running;
}

const uint8_t *
dio_tier_interpret (void *vcpu)
{
  DioInterpCpu *cpu = vcpu;
  dio_tier_fp_collect (cpu);
  bool running = step (cpu);
  dio_tier_fp_refresh (cpu);
  return running ? go_on (cpu) : NULL;
}

/* Is what is compiled at pc for those that trap? Then it goes. */
static bool
drops_trapping (DioInterpCpu *cpu)
{
  const uint8_t *at = dio_tlb_hit_execute (&cpu->tlb, cpu->pc);
  if (!at || !dio_jit_drop_trapping (cpu->tier->jit, (uint64_t) (at - cpu->cpu.machine->ram->host)))
    return false;
  dio_tier_synchronise (cpu);
  return true;
}

const uint8_t *
dio_tier_fp_enter (void *vcpu)
{
  DioInterpCpu *cpu = vcpu;
  if ((cpu->jit.fp_block & DIO_JIT_FP_CHECKED) && drops_trapping (cpu))
    return dio_tier_lookup (vcpu);
  /* It may be the rounding that the region does not have. */
  if (!(cpu->jit.fp_block & DIO_JIT_FP_OFF) || !cpu->tier->guest->fp_prepare (cpu))
    return dio_tier_interpret (vcpu);
  cpu->jit.fp_block &= (uint8_t) ~DIO_JIT_FP_OFF;
  return dio_tier_lookup (vcpu);
}

const uint8_t *
dio_tier_fault (void *vcpu)
{
  DioInterpCpu *cpu = vcpu;
  /* An access, which has nothing to do with floating point. */
  if (cpu->tier->guest->again && cpu->tier->guest->again (cpu))
    return step (cpu) ? go_on (cpu) : NULL;
  cpu->jit.stats->faults++;
  cpu->decoder->guest->take_exception (cpu);
  charge_trap (cpu);
  return go_on (cpu);
}
