/* SPDX-License-Identifier: GPL-3.0-or-later
 * The arm64 CPU type: life of a CPU, its interrupt lines, its state. */
#include <inttypes.h>
#include <string.h>

#include "core/guest/arm64/arm64-priv.h"
#include "core/guest/arm64/arm64-tier.h"
#include "core/vm/vm-machine.h"

/* No vendor's part: an architecture-defined implementation of nobody, revision 0. */
#define MIDR UINT64_C (0x000f0510)

static const DioInterpGuest guest = {
  .parcel = 4,
  .fetch_page = a64_fetch_page,
  .code_page_set = a64_mmu_code_page_set,
  .decode_run = a64_decode_run,
  .fetch_loose = a64_fetch_loose,
  .decode_loose = a64_decode_loose,
  .take_exception = a64_take_exception,
  .poll = a64_poll,
  .has_work = a64_goes_on,
};

static void
reset_system (DioArm64 *cpu)
{
  cpu->el = 1;
  cpu->spsel = 1;
  cpu->pstate = (uint32_t) A64_PSTATE_DAIF;
  memset (cpu->sp, 0, sizeof cpu->sp);
  cpu->elr = cpu->spsr = cpu->esr = cpu->far = cpu->vbar = 0;
  cpu->sctlr = A64_SCTLR_RES1 | A64_SCTLR_SPAN;
  cpu->ttbr[0] = cpu->ttbr[1] = cpu->tcr = cpu->mair = cpu->cpacr = 0;
  cpu->contextidr = cpu->tpidr_el1 = cpu->par = cpu->cntkctl = cpu->mdscr = cpu->csselr = 0;
  cpu->midr = MIDR;
  /* Up to 16 CPUs share the last level of affinity. */
  cpu->mpidr =
      A64_BIT (31) | (cpu->interp.cpu.index & 15) | (uint64_t) (cpu->interp.cpu.index >> 4) << 8;
  cpu->forget_code = false;
  cpu->off = cpu->interp.cpu.index != 0;
  for (unsigned i = 0; i < DIO_A64_N_TIMERS; i++) {
    cpu->timers[i].control = 0;
    cpu->timers[i].compare = 0;
    a64_timer_update (&cpu->timers[i]);
  }
}

static void
cpu_reset (DioCpu *base)
{
  DioArm64 *cpu = DIO_ARM64 (base);
  memset (cpu->x, 0, sizeof cpu->x);
  memset (cpu->v, 0, sizeof cpu->v);
  dio_a64_set_nzcv (cpu, 0);
  dio_a64_set_fpcr (cpu, 0);
  dio_a64_set_fpsr (cpu, 0);
  memset (cpu->thread, 0, sizeof cpu->thread);
  cpu->reservation = UINTPTR_MAX;
  cpu->interp.pc = 0;
  reset_system (cpu);
  a64_rights_update (cpu);
  a64_mmu_flush (cpu);
  a64_mmu_space_changed (cpu);
}

static void
cpu_free (DioCpu *base)
{
  DioArm64 *cpu = DIO_ARM64 (base);
  for (unsigned i = 0; i < DIO_A64_N_TIMERS; i++) {
    g_clear_pointer (&cpu->timers[i].timer, dio_timer_free);
    pthread_mutex_destroy (&cpu->timers[i].lock);
  }
  dio_tier_free (&cpu->interp);
  dio_interp_engine_free (&cpu->interp);
  a64_mmu_free (cpu);
  g_free (cpu);
}

static DioCpu *
cpu_create (DioMachine *machine, unsigned index, GError **error)
{
  DioArm64 *cpu = g_new0 (DioArm64, 1);
  cpu->interp.cpu.type = &dio_cpu_arm64;
  cpu->interp.cpu.machine = machine;
  cpu->interp.cpu.space = machine->space;
  cpu->interp.cpu.index = index;
  for (unsigned i = 0; i < DIO_A64_N_TIMERS; i++) {
    cpu->timers[i].cpu = cpu;
    pthread_mutex_init (&cpu->timers[i].lock, NULL);
    cpu->timers[i].timer =
        dio_timer_new (machine->loop, machine->clock, a64_timer_fired, &cpu->timers[i]);
  }
  if (!a64_mmu_init (cpu, error) || !dio_interp_engine_init (&cpu->interp, &guest, error)
      || !dio_tier_init (&cpu->interp, &dio_a64_tier_guest, error)) {
    cpu_free (&cpu->interp.cpu);
    return NULL;
  }
  cpu_reset (&cpu->interp.cpu);
  return &cpu->interp.cpu;
}

static DioExit
cpu_run (DioCpu *base)
{
  DioArm64 *cpu = DIO_ARM64 (base);
  /* Before the engine serves requests: from now on others wait for us. */
  cpu->runs = true;
  if (cpu->off)
    a64_service_requests (cpu);
  DioExit exit = cpu->off ? DIO_EXIT_HALT : dio_interp_engine_run (&cpu->interp);
  cpu->runs = false;
  return exit;
}

static void
cpu_flush_write (DioCpu *base, uint64_t ram_offset)
{
  a64_mmu_request_flush_write (DIO_ARM64 (base), ram_offset);
}

/* ---- State ---- */

static void
visit_registers (DioArm64 *cpu, DioVisitor *visitor)
{
  char name[8];
  uint64_t nzcv = dio_a64_nzcv (cpu), fpcr = cpu->fpcr, fpsr = dio_a64_fpsr (cpu);
  for (unsigned i = 0; i < 32; i++) {
    g_snprintf (name, sizeof name, "x%u", i);
    dio_visit_u64 (visitor, name, &cpu->x[i]);
  }
  for (unsigned i = 0; i < 32; i++) {
    uint64_t low = cpu->v[i][0], high = cpu->v[i][1];
    g_snprintf (name, sizeof name, "d%u", i);
    dio_visit_u64 (visitor, name, &low);
    g_snprintf (name, sizeof name, "h%u", i);
    dio_visit_u64 (visitor, name, &high);
    cpu->v[i] = dio_vec_make (low, high);
  }
  dio_visit_u64 (visitor, "pc", &cpu->interp.pc);
  dio_visit_u64 (visitor, "nzcv", &nzcv);
  dio_visit_u64 (visitor, "fpcr", &fpcr);
  dio_visit_u64 (visitor, "fpsr", &fpsr);
  dio_a64_set_nzcv (cpu, nzcv);
  dio_a64_set_fpcr (cpu, (uint32_t) fpcr);
  dio_a64_set_fpsr (cpu, (uint32_t) fpsr);
}

static void
visit_system (DioArm64 *cpu, DioVisitor *visitor)
{
  uint64_t pstate = cpu->pstate, el = cpu->el, spsel = cpu->spsel, off = cpu->off;
  const struct {
    const char *name;
    uint64_t *value;
  } words[] = {
    { "pstate", &pstate },
    { "el", &el },
    { "spsel", &spsel },
    { "off", &off },
    { "sp-el0", &cpu->sp[0] },
    { "sp-el1", &cpu->sp[1] },
    { "tpidr-el0", &cpu->thread[0] },
    { "tpidrro-el0", &cpu->thread[1] },
    { "tpidr-el1", &cpu->tpidr_el1 },
    { "elr", &cpu->elr },
    { "spsr", &cpu->spsr },
    { "esr", &cpu->esr },
    { "far", &cpu->far },
    { "vbar", &cpu->vbar },
    { "sctlr", &cpu->sctlr },
    { "ttbr0", &cpu->ttbr[0] },
    { "ttbr1", &cpu->ttbr[1] },
    { "tcr", &cpu->tcr },
    { "mair", &cpu->mair },
    { "cpacr", &cpu->cpacr },
    { "contextidr", &cpu->contextidr },
    { "par", &cpu->par },
    { "cntkctl", &cpu->cntkctl },
    { "csselr", &cpu->csselr },
    { "cntv-cval", &cpu->timers[DIO_A64_TIMER_VIRTUAL].compare },
    { "cntp-cval", &cpu->timers[DIO_A64_TIMER_PHYSICAL].compare },
  };
  for (unsigned i = 0; i < G_N_ELEMENTS (words); i++)
    dio_visit_u64 (visitor, words[i].name, words[i].value);
  dio_visit_u32 (visitor, "cntv-ctl", &cpu->timers[DIO_A64_TIMER_VIRTUAL].control);
  dio_visit_u32 (visitor, "cntp-ctl", &cpu->timers[DIO_A64_TIMER_PHYSICAL].control);
  cpu->pstate = (uint32_t) (pstate & A64_PSTATE_KEPT);
  cpu->el = el & 1;
  cpu->spsel = spsel & 1;
  cpu->off = off & 1;
}

static void
cpu_state (DioCpu *base, DioVisitor *visitor)
{
  DioArm64 *cpu = DIO_ARM64 (base);
  dio_visit_begin (visitor, "arm64", 1);
  visit_registers (cpu, visitor);
  visit_system (cpu, visitor);
  dio_visit_end (visitor);
  if (!dio_visitor_is_loading (visitor))
    return;
  cpu->sctlr = (cpu->sctlr & A64_SCTLR_WRITABLE) | A64_SCTLR_RES1;
  cpu->vbar &= ~UINT64_C (0x7ff);
  cpu->reservation = UINTPTR_MAX;
  for (unsigned i = 0; i < DIO_A64_N_TIMERS; i++) {
    cpu->timers[i].control &= 3;
    a64_timer_loaded (&cpu->timers[i]);
  }
  a64_rights_update (cpu);
  a64_mmu_flush (cpu);
  a64_mmu_space_changed (cpu);
}

static void
cpu_dump (DioCpu *base, GString *out)
{
  DioArm64 *cpu = DIO_ARM64 (base);
  g_string_append_printf (out, "cpu %u  pc %016" PRIx64 "  EL%u  pstate %08" PRIx64 "%s\n",
                          base->index, cpu->interp.pc, cpu->el, dio_a64_nzcv (cpu) | cpu->pstate,
                          cpu->off ? "  off" : "");
  for (unsigned i = 0; i < 32; i++)
    g_string_append_printf (out, "%3s%-2u %016" PRIx64 "%s", i == 31 ? "sp" : "x", i, cpu->x[i],
                            i % 4 == 3 ? "\n" : "  ");
  g_string_append_printf (
      out, "elr %016" PRIx64 "  spsr %08" PRIx64 "  esr %08" PRIx64 "  far %016" PRIx64 "\n",
      cpu->elr, cpu->spsr, cpu->esr, cpu->far);
  g_string_append_printf (
      out, "sctlr %08" PRIx64 "  tcr %016" PRIx64 "  ttbr %016" PRIx64 " %016" PRIx64 "\n",
      cpu->sctlr, cpu->tcr, cpu->ttbr[0], cpu->ttbr[1]);
}

const DioCpuType dio_cpu_arm64 = {
  .id = "arm64",
  .arch = DIO_ARCH_ARM64,
  .create = cpu_create,
  .free = cpu_free,
  .reset = cpu_reset,
  .run = cpu_run,
  .has_work = a64_has_work,
  .state = cpu_state,
  .flush_write = cpu_flush_write,
  .dump = cpu_dump,
};

/* ---- For boards ---- */

static void
set_line (void *opaque, unsigned number, bool level)
{
  DioArm64 *cpu = opaque;
  uint32_t bit = 1u << number;
  if (!level)
    atomic_fetch_and (&cpu->irq_lines, ~bit);
  else if (!(atomic_fetch_or (&cpu->irq_lines, bit) & bit))
    dio_cpu_kick (&cpu->interp.cpu);
}

DioIrq
dio_a64_irq (DioMachine *machine, unsigned index, unsigned line)
{
  g_return_val_if_fail (index < machine->n_cpus && line < 2, (DioIrq){ 0 });
  return (DioIrq){ .set = set_line, .opaque = machine->cpus[index], .number = line };
}

void
dio_a64_set_entry (DioCpu *base, uint64_t pc, uint64_t x0)
{
  DioArm64 *cpu = DIO_ARM64 (base);
  cpu_reset (base);
  cpu->off = false;
  cpu->interp.pc = pc;
  cpu->x[0] = x0;
}
