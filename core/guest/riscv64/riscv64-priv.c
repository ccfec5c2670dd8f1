/* SPDX-License-Identifier: GPL-3.0-or-later
 * riscv64 traps and interrupts, return from them, and waiting for them. */
#include <sched.h>

#include "core/guest/riscv64/riscv64-priv.h"
#include "core/vm/vm-machine.h"

#define NS_PER_TICK (1000000000 / DIO_RV_TIMEBASE_HZ)

/* ---- Time ---- */

uint64_t
rv_time (DioRiscv64 *hart)
{
  return (uint64_t) dio_clock_now (hart->interp.cpu.machine->clock) / NS_PER_TICK;
}

static bool
stimer_due (DioRiscv64 *hart)
{
  return rv_time (hart) >= __atomic_load_n (&hart->stimecmp, __ATOMIC_SEQ_CST);
}

/* The loop's thread. The line is a hint that the hart verifies (timer_pending()): stimecmp may have
 * been moved on in this very moment. */
void
rv_stimer_fired (void *data)
{
  DioRiscv64 *hart = data;
  if (!stimer_due (hart))
    return;
  if (!(atomic_fetch_or (&hart->irq_lines, RV_STIP) & RV_STIP))
    dio_cpu_kick (&hart->interp.cpu);
}

void
rv_stimer_update (DioRiscv64 *hart)
{
  if (!(hart->menvcfg & RV_ENVCFG_STCE)) {
    atomic_fetch_and (&hart->irq_lines, ~RV_STIP);
    dio_timer_cancel (hart->stimer);
    return;
  }
  if (stimer_due (hart)) {
    atomic_fetch_or (&hart->irq_lines, RV_STIP);
    return;
  }
  atomic_fetch_and (&hart->irq_lines, ~RV_STIP);
  if (hart->stimecmp > INT64_MAX / NS_PER_TICK)
    dio_timer_cancel (hart->stimer);
  else
    dio_timer_set (hart->stimer, (int64_t) hart->stimecmp * NS_PER_TICK);
}

/* ---- Interrupts ---- */

/* mip.STIP under Sstc, from the hint in the lines: with it set the time decides, so that a hint
 * that came late for an older stimecmp is never seen. */
static bool
timer_pending (DioRiscv64 *hart)
{
  if (stimer_due (hart))
    return true;
  atomic_fetch_and (&hart->irq_lines, ~RV_STIP);
  if (!stimer_due (hart))
    return false;
  /* It has become due in between: the loop's hint may be the one just removed. */
  atomic_fetch_or (&hart->irq_lines, RV_STIP);
  return true;
}

uint64_t
rv_interrupts (DioRiscv64 *hart)
{
  uint64_t lines = atomic_load_explicit (&hart->irq_lines, memory_order_acquire);
  uint64_t pending = lines | hart->mip_soft;
  if (DIO_UNLIKELY (lines & RV_STIP) && !timer_pending (hart))
    pending &= ~RV_STIP;
  return pending;
}

bool
dio_rv_interrupt_pending (DioRiscv64 *hart)
{
  uint64_t pending = atomic_load (&hart->irq_lines) | hart->mip_soft;
  return (pending & hart->mie) != 0;
}

void
rv_take_noted (DioInterpCpu *cpu)
{
  DioRiscv64 *hart = (DioRiscv64 *) cpu;
  DioRvExc cause = hart->exc_cause;
  uint64_t tval = hart->exc_tval;
  if (cause == DIO_RV_EXC_ILLEGAL) {
    /* The instruction's bits. It was fetched a moment ago, so this does not fail but in races that
     * the guest makes with itself. */
    uint32_t raw;
    (void) rv_fetch_loose (cpu, &raw);
    tval = raw;
  }
  dio_rv_take_exception (hart, cause, cpu->pc, tval);
}

void
rv_poll (DioInterpCpu *cpu)
{
  DioRiscv64 *hart = (DioRiscv64 *) cpu;
  if (atomic_load_explicit (&cpu->requests, memory_order_relaxed))
    dio_rv_service_requests (hart);
  dio_rv_take_interrupt (hart);
}

/* Of several, the first of this order (PrivSpec 3.1.9). */
static unsigned
first_interrupt (uint64_t pending)
{
  static const uint8_t order[] = { DIO_RV_IRQ_MEIP, DIO_RV_IRQ_MSIP, DIO_RV_IRQ_MTIP,
                                   DIO_RV_IRQ_SEIP, DIO_RV_IRQ_SSIP };
  for (unsigned i = 0; i < G_N_ELEMENTS (order); i++)
    if (pending & RV_BIT (order[i]))
      return order[i];
  return DIO_RV_IRQ_STIP;
}

/* ---- Traps ---- */

static void
set_privilege (DioRiscv64 *hart, unsigned priv)
{
  hart->priv = priv;
  rv_mmu_select (hart);
}

static void
enter_handler (DioRiscv64 *hart, bool supervisor, uint64_t cause, uint64_t pc, uint64_t tval)
{
  uint64_t status = hart->mstatus;
  uint64_t vector;
  hart->reservation = UINT64_MAX;
  if (supervisor) {
    hart->scause = cause;
    hart->sepc = pc;
    hart->stval = tval;
    vector = hart->stvec;
    status &= ~(RV_MSTATUS_SPIE | RV_MSTATUS_SPP | RV_MSTATUS_SIE);
    if (hart->mstatus & RV_MSTATUS_SIE)
      status |= RV_MSTATUS_SPIE;
    if (hart->priv == DIO_RV_S)
      status |= RV_MSTATUS_SPP;
  } else {
    hart->mcause = cause;
    hart->mepc = pc;
    hart->mtval = tval;
    vector = hart->mtvec;
    status &= ~(RV_MSTATUS_MPIE | RV_MSTATUS_MPP | RV_MSTATUS_MIE);
    if (hart->mstatus & RV_MSTATUS_MIE)
      status |= RV_MSTATUS_MPIE;
    status |= (uint64_t) hart->priv << RV_MSTATUS_MPP_SHIFT;
  }
  hart->mstatus = status;
  hart->interp.pc = vector & ~UINT64_C (3);
  if ((vector & 1) && (cause & RV_CAUSE_INTERRUPT))
    hart->interp.pc += 4 * (cause & ~RV_CAUSE_INTERRUPT);
  set_privilege (hart, supervisor ? DIO_RV_S : DIO_RV_M);
}

void
dio_rv_take_exception (DioRiscv64 *hart, DioRvExc cause, uint64_t pc, uint64_t tval)
{
  hart->interp.cpu.stats.traps++;
  bool supervisor = hart->priv != DIO_RV_M && (hart->medeleg & RV_BIT (cause));
  enter_handler (hart, supervisor, cause, pc, tval);
}

bool
dio_rv_take_interrupt (DioRiscv64 *hart)
{
  if (!dio_rv_interrupt_pending (hart))
    return false;
  uint64_t pending = rv_interrupts (hart) & hart->mie;
  uint64_t machine = pending & ~hart->mideleg;
  uint64_t supervisor = pending & hart->mideleg;
  if (hart->priv == DIO_RV_M && !(hart->mstatus & RV_MSTATUS_MIE))
    machine = 0;
  if (hart->priv == DIO_RV_M || (hart->priv == DIO_RV_S && !(hart->mstatus & RV_MSTATUS_SIE)))
    supervisor = 0;
  if (!machine && !supervisor)
    return false;
  hart->interp.cpu.stats.interrupts++;
  unsigned number = first_interrupt (machine ? machine : supervisor);
  enter_handler (hart, !machine, RV_CAUSE_INTERRUPT | number, hart->interp.pc, 0);
  return true;
}

DioRvExc
dio_rv_mret (DioRiscv64 *hart)
{
  if (hart->priv != DIO_RV_M)
    return DIO_RV_EXC_ILLEGAL;
  uint64_t status = hart->mstatus;
  unsigned priv = (status & RV_MSTATUS_MPP) >> RV_MSTATUS_MPP_SHIFT;
  hart->mstatus &= ~(RV_MSTATUS_MIE | RV_MSTATUS_MPP);
  if (status & RV_MSTATUS_MPIE)
    hart->mstatus |= RV_MSTATUS_MIE;
  hart->mstatus |= RV_MSTATUS_MPIE;
  if (priv != DIO_RV_M)
    hart->mstatus &= ~RV_MSTATUS_MPRV;
  hart->interp.pc = hart->mepc;
  set_privilege (hart, priv);
  return DIO_RV_EXC_NONE;
}

DioRvExc
dio_rv_sret (DioRiscv64 *hart)
{
  if (hart->priv == DIO_RV_U || (hart->priv == DIO_RV_S && (hart->mstatus & RV_MSTATUS_TSR)))
    return DIO_RV_EXC_ILLEGAL;
  uint64_t status = hart->mstatus;
  hart->mstatus &= ~(RV_MSTATUS_SIE | RV_MSTATUS_SPP | RV_MSTATUS_MPRV);
  if (status & RV_MSTATUS_SPIE)
    hart->mstatus |= RV_MSTATUS_SIE;
  hart->mstatus |= RV_MSTATUS_SPIE;
  hart->interp.pc = hart->sepc;
  set_privilege (hart, status & RV_MSTATUS_SPP ? DIO_RV_S : DIO_RV_U);
  return DIO_RV_EXC_NONE;
}

/* A hart that spins waits for another one, whose thread may be waiting for this one's processor.
 * Only a spin that lasts gives it away: to yield is expensive when the host is busy. */
DioRvExc
dio_rv_pause (DioRiscv64 *hart)
{
  if (hart->interp.cpu.machine->n_cpus > 1 && ++hart->pauses % RV_PAUSES_PER_YIELD == 0)
    sched_yield ();
  return DIO_RV_EXC_NONE;
}

DioRvExc
dio_rv_wfi (DioRiscv64 *hart)
{
  if (hart->priv == DIO_RV_U || (hart->priv == DIO_RV_S && (hart->mstatus & RV_MSTATUS_TW)))
    return DIO_RV_EXC_ILLEGAL;
  /* With something pending that the guest does not take there is no wait, and its loop is a spin:
   * OpenSBI's harts are so until they are started. */
  return dio_rv_interrupt_pending (hart) ? dio_rv_pause (hart) : DIO_RV_EXC_NONE;
}
