/* SPDX-License-Identifier: GPL-3.0-or-later
 * The riscv64 CPU type: life of a hart, its interrupt lines, its state, and what it calls itself.
 */
#include <inttypes.h>
#include <string.h>

#include "core/guest/riscv64/riscv64-priv.h"
#include "core/guest/riscv64/riscv64-tier.h"
#include "core/vm/vm-machine.h"

/* Svadu without Svade: A and D are set by hardware from reset on, and an operating system may rely
 * on it. */
#define MENVCFG_RESET RV_ENVCFG_ADUE

const char dio_rv_isa_string[] =
    "rv64imafdc_zicbom_zicbop_zicboz_zicntr_zicond_zicsr_zifencei_zihintpause_zihpm"
    "_zfa_zba_zbb_zbs_sstc_svadu_svinval_svnapot_svpbmt";

/* clang-format off */
const char *const dio_rv_isa_extensions[] = {
  "i", "m", "a", "f", "d", "c",
  "zicbom", "zicbop", "zicboz", "zicntr", "zicond", "zicsr", "zifencei", "zihintpause", "zihpm",
  "zfa", "zba", "zbb", "zbs",
  "sstc", "svadu", "svinval", "svnapot", "svpbmt",
  NULL,
};
/* clang-format on */

const char dio_rv_mmu_type[] = "riscv,sv57";

static bool
hart_has_work (DioCpu *cpu)
{
  return dio_rv_interrupt_pending ((DioRiscv64 *) cpu);
}

static const DioInterpGuest guest = {
  .parcel = 2,
  .fetch_page = rv_fetch_page,
  .code_page_set = rv_code_page_set,
  .decode_run = rv_decode_run,
  .fetch_loose = rv_fetch_loose,
  .decode_loose = rv_decode_loose,
  .take_exception = rv_take_noted,
  .poll = rv_poll,
  .has_work = hart_has_work,
};

static void
hart_reset (DioCpu *cpu)
{
  DioRiscv64 *hart = (DioRiscv64 *) cpu;
  memset (hart->x, 0, sizeof hart->x);
  memset (hart->f, 0, sizeof hart->f);
  hart->interp.pc = 0;
  hart->priv = DIO_RV_M;
  hart->frm = hart->fflags = 0;
  hart->fp_slow = true;
  hart->reservation = UINT64_MAX;
  hart->exc_tval = 0;
  /* The lines are wires of the devices; they keep their level. */
  atomic_fetch_and (&hart->irq_lines, ~RV_STIP);
  hart->mip_soft = 0;
  hart->mstatus = 0;
  hart->mie = hart->mideleg = hart->medeleg = 0;
  hart->mtvec = hart->mscratch = hart->mepc = hart->mcause = hart->mtval = 0;
  hart->mcounteren = hart->mcountinhibit = 0;
  hart->menvcfg = MENVCFG_RESET;
  hart->stvec = hart->sscratch = hart->sepc = hart->scause = hart->stval = 0;
  hart->satp = hart->scounteren = hart->senvcfg = 0;
  hart->stimecmp = UINT64_MAX;
  memset (hart->pmpcfg, 0, sizeof hart->pmpcfg);
  memset (hart->pmpaddr, 0, sizeof hart->pmpaddr);
  rv_counter_write (hart, false, 0);
  rv_counter_write (hart, true, 0);
  rv_stimer_update (hart);
  rv_mmu_reset (hart);
}

static void
hart_free (DioCpu *cpu)
{
  DioRiscv64 *hart = (DioRiscv64 *) cpu;
  g_clear_pointer (&hart->stimer, dio_timer_free);
  dio_tier_free (&hart->interp);
  dio_interp_engine_free (&hart->interp);
  rv_mmu_free (hart);
  g_free (hart);
}

static DioCpu *
hart_create (DioMachine *machine, unsigned index, GError **error)
{
  DioRiscv64 *hart = g_new0 (DioRiscv64, 1);
  hart->interp.cpu.type = &dio_cpu_riscv64;
  hart->interp.cpu.machine = machine;
  hart->interp.cpu.space = machine->space;
  hart->interp.cpu.index = index;
  hart->stimer = dio_timer_new (machine->loop, machine->clock, rv_stimer_fired, hart);
  if (!rv_mmu_init (hart, error) || !dio_interp_engine_init (&hart->interp, &guest, error)
      || !dio_tier_init (&hart->interp, &dio_rv_tier_guest, error)) {
    hart_free (&hart->interp.cpu);
    return NULL;
  }
  hart_reset (&hart->interp.cpu);
  return &hart->interp.cpu;
}

static DioExit
hart_run (DioCpu *cpu)
{
  return dio_interp_engine_run ((DioInterpCpu *) cpu);
}

static void
hart_flush_write (DioCpu *cpu, uint64_t ram_offset)
{
  rv_mmu_request_flush_write ((DioRiscv64 *) cpu, ram_offset);
}

/* ---- State ---- */

static void
visit_registers (DioRiscv64 *hart, DioVisitor *visitor)
{
  char name[8];
  for (unsigned i = 1; i < 32; i++) {
    g_snprintf (name, sizeof name, "x%u", i);
    dio_visit_u64 (visitor, name, &hart->x[i]);
  }
  for (unsigned i = 0; i < 32; i++) {
    g_snprintf (name, sizeof name, "f%u", i);
    dio_visit_u64 (visitor, name, &hart->f[i]);
  }
  dio_visit_u64 (visitor, "pc", &hart->interp.pc);
  dio_visit_u8 (visitor, "priv", &hart->priv);
  dio_visit_u8 (visitor, "frm", &hart->frm);
  dio_visit_u8 (visitor, "fflags", &hart->fflags);
}

static void
visit_csrs (DioRiscv64 *hart, DioVisitor *visitor)
{
  uint64_t lines = atomic_load (&hart->irq_lines);
  dio_visit_u64 (visitor, "irq-lines", &lines);
  atomic_store (&hart->irq_lines, lines & RV_ALL_INTERRUPTS);
  dio_visit_u64 (visitor, "mip", &hart->mip_soft);
  dio_visit_u64 (visitor, "mstatus", &hart->mstatus);
  dio_visit_u64 (visitor, "mie", &hart->mie);
  dio_visit_u64 (visitor, "mideleg", &hart->mideleg);
  dio_visit_u64 (visitor, "medeleg", &hart->medeleg);
  dio_visit_u64 (visitor, "mtvec", &hart->mtvec);
  dio_visit_u64 (visitor, "mscratch", &hart->mscratch);
  dio_visit_u64 (visitor, "mepc", &hart->mepc);
  dio_visit_u64 (visitor, "mcause", &hart->mcause);
  dio_visit_u64 (visitor, "mtval", &hart->mtval);
  dio_visit_u64 (visitor, "mcounteren", &hart->mcounteren);
  dio_visit_u64 (visitor, "menvcfg", &hart->menvcfg);
  dio_visit_u64 (visitor, "mcountinhibit", &hart->mcountinhibit);
  dio_visit_u64 (visitor, "stvec", &hart->stvec);
  dio_visit_u64 (visitor, "sscratch", &hart->sscratch);
  dio_visit_u64 (visitor, "sepc", &hart->sepc);
  dio_visit_u64 (visitor, "scause", &hart->scause);
  dio_visit_u64 (visitor, "stval", &hart->stval);
  dio_visit_u64 (visitor, "satp", &hart->satp);
  dio_visit_u64 (visitor, "scounteren", &hart->scounteren);
  dio_visit_u64 (visitor, "senvcfg", &hart->senvcfg);
  dio_visit_u64 (visitor, "stimecmp", &hart->stimecmp);
  char name[16];
  for (unsigned i = 0; i < RV_PMP_ENTRIES; i++) {
    g_snprintf (name, sizeof name, "pmpcfg%u", i);
    dio_visit_u64 (visitor, name, &hart->pmpcfg[i]);
    g_snprintf (name, sizeof name, "pmpaddr%u", i);
    dio_visit_u64 (visitor, name, &hart->pmpaddr[i]);
  }
}

/* Brings loaded values to what writes of the CSRs could have made of them. */
static void
legalize (DioRiscv64 *hart, DioVisitor *visitor)
{
  if (hart->priv != DIO_RV_U && hart->priv != DIO_RV_S && hart->priv != DIO_RV_M)
    dio_visitor_fail (visitor, "There is no privilege level %u", hart->priv);
  if (hart->interp.pc & 1)
    dio_visitor_fail (visitor, "The program counter is odd");
  if (dio_visitor_failed (visitor)) {
    hart->priv = DIO_RV_M;
    hart->interp.pc = 0;
  }
  hart->frm &= 7;
  hart->fflags &= 0x1f;
  hart->mip_soft &= RV_S_INTERRUPTS;
  if ((hart->mstatus & RV_MSTATUS_MPP) == UINT64_C (2) << RV_MSTATUS_MPP_SHIFT)
    hart->mstatus &= ~RV_MSTATUS_MPP;
  hart->mstatus &= RV_MSTATUS_WRITABLE;
  hart->fp_slow = (hart->mstatus & RV_MSTATUS_FS) != RV_MSTATUS_FS;
  hart->mie &= RV_ALL_INTERRUPTS;
  hart->mideleg &= RV_S_INTERRUPTS;
  hart->medeleg &= RV_MEDELEG_WRITABLE;
  hart->mtvec = rv_legal_tvec (hart->mtvec);
  hart->stvec = rv_legal_tvec (hart->stvec);
  hart->mepc &= ~UINT64_C (1);
  hart->sepc &= ~UINT64_C (1);
  hart->mcounteren = (uint32_t) hart->mcounteren;
  hart->scounteren = (uint32_t) hart->scounteren;
  hart->menvcfg = rv_legal_envcfg (hart->menvcfg, 0, RV_MENVCFG_WRITABLE);
  hart->senvcfg = rv_legal_envcfg (hart->senvcfg, 0, RV_SENVCFG_WRITABLE);
  hart->satp = rv_legal_satp (hart->satp, 0);
  for (unsigned i = 0; i < RV_PMP_ENTRIES; i++) {
    hart->pmpcfg[i] = rv_legal_pmpcfg (hart->pmpcfg[i]);
    hart->pmpaddr[i] &= RV_PMPADDR_MASK;
  }
}

static void
hart_state (DioCpu *cpu, DioVisitor *visitor)
{
  DioRiscv64 *hart = (DioRiscv64 *) cpu;
  uint64_t cycle = rv_counter_read (hart, false);
  uint64_t instret = rv_counter_read (hart, true);
  dio_visit_begin (visitor, "riscv64", 1);
  visit_registers (hart, visitor);
  visit_csrs (hart, visitor);
  dio_visit_u64 (visitor, "mcycle", &cycle);
  dio_visit_u64 (visitor, "minstret", &instret);
  dio_visit_end (visitor);
  if (!dio_visitor_is_loading (visitor))
    return;

  legalize (hart, visitor);
  hart->mcountinhibit &= RV_COUNTER_CY | RV_COUNTER_IR;
  rv_counter_write (hart, false, cycle);
  rv_counter_write (hart, true, instret);
  hart->reservation = UINT64_MAX;
  rv_stimer_update (hart);
  rv_mmu_reset (hart);
}

/* What was asked for before is done first: the pages of those requests count as written. */
static void
hart_drop_writes (DioCpu *cpu)
{
  DioRiscv64 *hart = (DioRiscv64 *) cpu;
  dio_rv_service_requests (hart);
  dio_tlb_flush_write (&hart->interp.tlb, NULL, NULL);
}

static void
hart_dump (DioCpu *cpu, GString *out)
{
  static const char *const names[32] = {
    "zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
    "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
    "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
  };
  static const char privileges[] = { 'U', 'S', '-', 'M' };
  DioRiscv64 *hart = (DioRiscv64 *) cpu;
  g_string_append_printf (out, "hart %u  pc %016" PRIx64 "  privilege %c\n", cpu->index,
                          hart->interp.pc, privileges[hart->priv & 3]);
  for (unsigned i = 0; i < 32; i++)
    g_string_append_printf (out, "%4s %016" PRIx64 "%s", names[i], hart->x[i],
                            i % 4 == 3 ? "\n" : "  ");
  g_string_append_printf (
      out, "mstatus %016" PRIx64 "  mie %03" PRIx64 "  mip %03" PRIx64 "  satp %016" PRIx64 "\n",
      rv_mstatus (hart), hart->mie, rv_interrupts (hart), hart->satp);
  g_string_append_printf (
      out, "mepc %016" PRIx64 "  mcause %" PRIx64 "  mtval %016" PRIx64 "  mtvec %016" PRIx64 "\n",
      hart->mepc, hart->mcause, hart->mtval, hart->mtvec);
  g_string_append_printf (
      out, "sepc %016" PRIx64 "  scause %" PRIx64 "  stval %016" PRIx64 "  stvec %016" PRIx64 "\n",
      hart->sepc, hart->scause, hart->stval, hart->stvec);
}

const DioCpuType dio_cpu_riscv64 = {
  .id = "riscv64",
  .arch = DIO_ARCH_RISCV64,
  .create = hart_create,
  .free = hart_free,
  .reset = hart_reset,
  .run = hart_run,
  .has_work = hart_has_work,
  .state = hart_state,
  .flush_write = hart_flush_write,
  .drop_writes = hart_drop_writes,
  .dump = hart_dump,
};

/* ---- For boards ---- */

static void
set_line (void *opaque, unsigned number, bool level)
{
  DioRiscv64 *hart = opaque;
  uint64_t bit = RV_BIT (number);
  if (!level)
    atomic_fetch_and (&hart->irq_lines, ~bit);
  else if (!(atomic_fetch_or (&hart->irq_lines, bit) & bit))
    dio_cpu_kick (&hart->interp.cpu);
}

DioIrq
dio_rv_irq (DioMachine *machine, unsigned index, unsigned irq)
{
  g_return_val_if_fail (index < machine->n_cpus, (DioIrq){ 0 });
  return (DioIrq){ .set = set_line, .opaque = machine->cpus[index], .number = irq };
}

void
dio_rv_set_entry (DioCpu *cpu, uint64_t pc, uint64_t a0, uint64_t a1, uint64_t a2)
{
  DioRiscv64 *hart = (DioRiscv64 *) cpu;
  hart->interp.pc = pc;
  hart->priv = DIO_RV_M;
  hart->x[10] = a0;
  hart->x[11] = a1;
  hart->x[12] = a2;
  rv_mmu_select (hart);
}
