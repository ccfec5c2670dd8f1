/* SPDX-License-Identifier: GPL-3.0-or-later
 * arm64 exceptions, return from them, interrupts, the generic timer, and what firmware does for a
 * system (PSCI). */
#include <sched.h>

#include "core/guest/arm64/arm64-priv.h"
#include "core/tier/tier.h"
#include "core/vm/vm-machine.h"

#define NS_PER_TICK (1000000000 / DIO_A64_TIMER_HZ)

/* ---- Noting exceptions ---- */

static void
note (DioArm64 *cpu, uint32_t syndrome, bool after)
{
  cpu->exception.syndrome = syndrome;
  cpu->exception.has_far = false;
  cpu->exception.after = after;
}

void
dio_a64_raise (DioArm64 *cpu, DioA64Exception exception, uint64_t value)
{
  switch (exception) {
  case DIO_A64_UNDEFINED:
    note (cpu, A64_ESR (A64_EC_UNKNOWN, 0), false);
    break;
  case DIO_A64_SVC:
    note (cpu, A64_ESR (A64_EC_SVC, value & 0xffff), true);
    break;
  case DIO_A64_BRK:
    note (cpu, A64_ESR (A64_EC_BRK, value & 0xffff), false);
    break;
  case DIO_A64_FP_OFF:
    note (cpu, A64_ESR (A64_EC_FP, 1 << 24 | 0xe << 20), false);
    break;
  case DIO_A64_ALIGNMENT:
    a64_abort (cpu, value, DIO_A64_LOAD, A64_FSC_ALIGNMENT);
    break;
  case DIO_A64_ALIGNMENT_STORE:
    a64_abort (cpu, value, DIO_A64_STORE, A64_FSC_ALIGNMENT);
    break;
  case DIO_A64_PC_ALIGNMENT:
    note (cpu, A64_ESR (A64_EC_PC_ALIGNMENT, 0), false);
    cpu->exception.has_far = true;
    cpu->exception.far = value;
    break;
  case DIO_A64_SP_ALIGNMENT:
    note (cpu, A64_ESR (A64_EC_SP_ALIGNMENT, 0), false);
    break;
  }
}

/* ---- Stack pointers and PSTATE ---- */

static unsigned
stack_in_force (const DioArm64 *cpu)
{
  return cpu->el != 0 && cpu->spsel ? 1 : 0;
}

/* Changes EL and SPSel, and with them the stack pointer in x[31]. */
static void
set_level (DioArm64 *cpu, unsigned el, unsigned spsel)
{
  cpu->sp[stack_in_force (cpu)] = cpu->x[DIO_A64_SP];
  cpu->el = (uint8_t) el;
  cpu->spsel = (uint8_t) spsel;
  cpu->x[DIO_A64_SP] = cpu->sp[stack_in_force (cpu)];
}

void
a64_set_spsel (DioArm64 *cpu, unsigned spsel)
{
  set_level (cpu, cpu->el, spsel);
}

uint64_t
dio_a64_nzcv (const DioArm64 *cpu)
{
  return (cpu->nf >> 63) << 31 | (uint64_t) (cpu->zf == 0) << 30 | cpu->cf << 29
         | (cpu->vf >> 63) << 28;
}

void
dio_a64_set_nzcv (DioArm64 *cpu, uint64_t nzcv)
{
  cpu->nf = nzcv << 32;
  cpu->zf = !(nzcv & A64_BIT (30));
  cpu->cf = nzcv >> 29 & 1;
  cpu->vf = nzcv << 35;
}

void
a64_rights_update (DioArm64 *cpu)
{
  unsigned fpen = cpu->cpacr >> 20 & 3;
  cpu->fp_slow = !(fpen == 3 || (fpen == 1 && cpu->el == 1));
  cpu->no_clear = cpu->el == 0 && !(cpu->sctlr & A64_SCTLR_DZE);
  cpu->stack_mask = cpu->sctlr & (cpu->el == 0 ? A64_SCTLR_SA0 : A64_SCTLR_SA) ? 15 : 0;
}

/* Takes over flags, masks, EL and stack pointer from a saved program status. */
void
a64_set_pstate (DioArm64 *cpu, uint64_t spsr)
{
  dio_a64_set_nzcv (cpu, spsr & A64_NZCV);
  cpu->pstate = (uint32_t) (spsr & A64_PSTATE_KEPT);
  set_level (cpu, spsr >> 2 & 1, spsr & 1);
  a64_rights_update (cpu);
  a64_mmu_select (cpu);
}

/* ---- Taking exceptions ---- */

/* At what synchronises the context: from here on code is what memory says, if the guest said so. */
static void
synchronise_code (DioArm64 *cpu)
{
  if (DIO_LIKELY (!cpu->forget_code))
    return;
  cpu->forget_code = false;
  dio_interp_engine_forget (&cpu->interp);
  dio_tier_barrier (&cpu->interp);
}

static void
enter_handler (DioArm64 *cpu, uint64_t pc, unsigned kind)
{
  DioInterpCpu *interp = &cpu->interp;
  unsigned from = cpu->el == 0 ? 0x400 : cpu->spsel ? 0x200 : 0;
  cpu->spsr = dio_a64_nzcv (cpu) | cpu->pstate | (cpu->el ? 4u | cpu->spsel : 0);
  cpu->elr = pc;
  cpu->reservation = UINTPTR_MAX;
  cpu->pstate |= A64_PSTATE_DAIF;
  cpu->pstate &= ~(uint32_t) A64_PSTATE_IL;
  if (!(cpu->sctlr & A64_SCTLR_SPAN))
    cpu->pstate |= A64_PSTATE_PAN;
  set_level (cpu, 1, 1);
  a64_rights_update (cpu);
  a64_mmu_select (cpu);
  interp->pc = cpu->vbar + from + kind;
  synchronise_code (cpu);
}

void
a64_take_exception (DioInterpCpu *interp)
{
  DioArm64 *cpu = DIO_ARM64 (interp);
  interp->cpu.stats.traps++;
  if (cpu->exception.has_far && (cpu->exception.syndrome & A64_ISS_WNR))
    a64_judge_atomic (cpu);
  cpu->esr = cpu->exception.syndrome;
  if (cpu->exception.has_far)
    cpu->far = cpu->exception.far;
  enter_handler (cpu, interp->pc + (cpu->exception.after ? 4 : 0), 0);
}

bool
a64_goes_on (DioCpu *base)
{
  DioArm64 *cpu = DIO_ARM64 (base);
  uint32_t requests = atomic_load (&cpu->interp.requests);
  if (cpu->off)
    return requests & A64_REQUEST_ON;
  return requests || atomic_load (&cpu->irq_lines) != 0;
}

bool
a64_has_work (DioCpu *base)
{
  DioArm64 *cpu = DIO_ARM64 (base);
  if (atomic_load (&cpu->interp.requests))
    return true;
  return !cpu->off && atomic_load (&cpu->irq_lines) != 0;
}

void
a64_poll (DioInterpCpu *interp)
{
  DioArm64 *cpu = DIO_ARM64 (interp);
  a64_service_requests (cpu);
  uint32_t lines = atomic_load_explicit (&cpu->irq_lines, memory_order_acquire);
  if (DIO_LIKELY (!lines))
    return;
  if ((lines & 2) && !(cpu->pstate & A64_PSTATE_F)) {
    interp->cpu.stats.interrupts++;
    enter_handler (cpu, interp->pc, 0x100);
  } else if ((lines & 1) && !(cpu->pstate & A64_PSTATE_I)) {
    interp->cpu.stats.interrupts++;
    enter_handler (cpu, interp->pc, 0x80);
  }
}

/* ---- System instructions ---- */

static bool
undefined (DioArm64 *cpu)
{
  dio_a64_raise (cpu, DIO_A64_UNDEFINED, 0);
  return false;
}

bool
dio_a64_yield (DioArm64 *cpu)
{
  sched_yield ();
  return true;
}

/* Events are not modelled: waiting for one may end at any time. */
bool
dio_a64_wfe (DioArm64 *cpu)
{
  sched_yield ();
  return true;
}

bool
dio_a64_wfi (DioArm64 *cpu)
{
  if (cpu->el == 0 && !(cpu->sctlr & A64_SCTLR_NTWI)) {
    note (cpu, A64_ESR (A64_EC_WFX, 1 << 24 | 0xe << 20), false);
    return false;
  }
  return true;
}

bool
dio_a64_eret (DioArm64 *cpu)
{
  if (cpu->el == 0)
    return undefined (cpu);
  uint64_t spsr = cpu->spsr, mode = spsr & 31;
  cpu->reservation = UINTPTR_MAX;
  cpu->interp.pc = cpu->elr;
  synchronise_code (cpu);
  if (mode != 0 && mode != 4 && mode != 5) {
    /* An illegal return: flags and masks are taken over, and nothing can be executed. */
    cpu->pstate = (uint32_t) (spsr & A64_PSTATE_KEPT) | (uint32_t) A64_PSTATE_IL;
    dio_a64_set_nzcv (cpu, spsr & A64_NZCV);
    note (cpu, A64_ESR (A64_EC_ILLEGAL_STATE, 0), false);
    return false;
  }
  a64_set_pstate (cpu, spsr);
  return true;
}

bool
dio_a64_clrex (DioArm64 *cpu)
{
  cpu->reservation = UINTPTR_MAX;
  return true;
}

bool
dio_a64_dsb (DioArm64 *cpu)
{
  atomic_thread_fence (memory_order_seq_cst);
  a64_service_requests (cpu);
  a64_wait_for_others (cpu);
  return true;
}

bool
dio_a64_isb (DioArm64 *cpu)
{
  a64_service_requests (cpu);
  synchronise_code (cpu);
  return true;
}

/* ---- Power State Coordination Interface, versions 0.2 to 1.0 ---- */

enum {
  PSCI_VERSION = 0x84000000,
  PSCI_CPU_SUSPEND = 0x84000001,
  PSCI_CPU_OFF = 0x84000002,
  PSCI_CPU_ON = 0x84000003,
  PSCI_AFFINITY_INFO = 0x84000004,
  PSCI_MIGRATE_INFO_TYPE = 0x84000006,
  PSCI_SYSTEM_OFF = 0x84000008,
  PSCI_SYSTEM_RESET = 0x84000009,
  PSCI_FEATURES = 0x8400000a,
  SMCCC_VERSION = 0x80000000,
};
#define PSCI_64 0x40000000
#define PSCI_NOT_SUPPORTED (-1)
#define PSCI_INVALID_PARAMETERS (-2)
#define PSCI_ALREADY_ON (-4)
#define PSCI_ON_PENDING (-5)

static DioArm64 *
cpu_of_affinity (DioArm64 *cpu, uint64_t affinity)
{
  DioMachine *machine = cpu->interp.cpu.machine;
  for (unsigned i = 0; i < machine->n_cpus; i++) {
    DioArm64 *other = DIO_ARM64 (machine->cpus[i]);
    if (other && (other->mpidr & UINT64_C (0xff00ffffff)) == (affinity & UINT64_C (0xff00ffffff)))
      return other;
  }
  return NULL;
}

static int64_t
psci_cpu_on (DioArm64 *cpu)
{
  DioArm64 *other = cpu_of_affinity (cpu, cpu->x[1]);
  if (!other)
    return PSCI_INVALID_PARAMETERS;
  if (!other->off)
    return PSCI_ALREADY_ON;
  if (atomic_load (&other->interp.requests) & A64_REQUEST_ON)
    return PSCI_ON_PENDING;
  pthread_mutex_lock (&other->mmu->lock);
  other->mmu->entry = cpu->x[2];
  other->mmu->context = cpu->x[3];
  pthread_mutex_unlock (&other->mmu->lock);
  atomic_fetch_or (&other->interp.requests, A64_REQUEST_ON);
  dio_cpu_kick (&other->interp.cpu);
  return 0;
}

static int64_t
psci_features (uint32_t function)
{
  switch (function & ~(uint32_t) PSCI_64) {
  case PSCI_VERSION:
  case PSCI_CPU_SUSPEND:
  case PSCI_CPU_OFF:
  case PSCI_CPU_ON:
  case PSCI_AFFINITY_INFO:
  case PSCI_MIGRATE_INFO_TYPE:
  case PSCI_SYSTEM_OFF:
  case PSCI_SYSTEM_RESET:
  case PSCI_FEATURES:
  case SMCCC_VERSION:
    return 0;
  default:
    return PSCI_NOT_SUPPORTED;
  }
}

static int64_t
psci (DioArm64 *cpu)
{
  switch ((uint32_t) cpu->x[0] & ~(uint32_t) PSCI_64) {
  case PSCI_VERSION:
    return 0x10000; /* 1.0 */
  case SMCCC_VERSION:
    return 0x10001; /* 1.1 */
  case PSCI_CPU_SUSPEND:
    return 0; /* as if woken at once; the guest halts by itself when it is idle */
  case PSCI_CPU_OFF:
    cpu->off = true;
    return 0;
  case PSCI_CPU_ON:
    return psci_cpu_on (cpu);
  case PSCI_AFFINITY_INFO: {
    DioArm64 *other = cpu_of_affinity (cpu, cpu->x[1]);
    return other ? other->off : PSCI_INVALID_PARAMETERS;
  }
  case PSCI_MIGRATE_INFO_TYPE:
    return 2; /* no trusted OS that would have to migrate */
  case PSCI_SYSTEM_OFF:
    cpu->off = true; /* does not return */
    dio_machine_guest_power_off (cpu->interp.cpu.machine, DIO_STOP_GUEST_OFF, 0);
    return 0;
  case PSCI_SYSTEM_RESET:
    cpu->off = true; /* the same */
    dio_machine_guest_reset (cpu->interp.cpu.machine);
    return 0;
  case PSCI_FEATURES:
    return psci_features ((uint32_t) cpu->x[1]);
  default:
    return PSCI_NOT_SUPPORTED;
  }
}

/* The instruction ends in a halt, so that a CPU that is off does nothing more; others go on. */
static bool
firmware_call (DioArm64 *cpu)
{
  if (cpu->el == 0)
    return undefined (cpu);
  cpu->x[0] = (uint64_t) psci (cpu);
  if (!cpu->off)
    atomic_fetch_or (&cpu->interp.requests, A64_REQUEST_GO_ON);
  return true;
}

bool
dio_a64_hvc (DioArm64 *cpu)
{
  return firmware_call (cpu);
}

bool
dio_a64_smc (DioArm64 *cpu)
{
  return firmware_call (cpu);
}

/* ---- The generic timer ---- */

uint64_t
a64_time (DioArm64 *cpu)
{
  return (uint64_t) dio_clock_now (cpu->interp.cpu.machine->clock) / NS_PER_TICK;
}

/* Sets the line and arms the alarm by control and compare. vCPU thread, or the loop's when the
 * alarm has rung: who comes last has seen the last change, and leaves the line by that. */
void
a64_timer_update (DioA64Timer *timer)
{
  pthread_mutex_lock (&timer->lock);
  uint32_t control = __atomic_load_n (&timer->control, __ATOMIC_ACQUIRE);
  uint64_t compare = __atomic_load_n (&timer->compare, __ATOMIC_ACQUIRE);
  bool due = (control & 1) && a64_time (timer->cpu) >= compare;
  dio_irq_set (&timer->irq, due && !(control & 2));
  if (!(control & 1) || due || compare > INT64_MAX / NS_PER_TICK)
    dio_timer_cancel (timer->timer);
  else
    dio_timer_set (timer->timer, (int64_t) compare * NS_PER_TICK);
  pthread_mutex_unlock (&timer->lock);
}

/* The line is the controller's to load, later; it may have been low although the time had come,
 * when the alarm was still to ring. So it rings once the machine runs. */
void
a64_timer_loaded (DioA64Timer *timer)
{
  dio_timer_set (timer->timer, dio_clock_now (timer->cpu->interp.cpu.machine->clock));
}

void
a64_timer_fired (void *data)
{
  a64_timer_update (data);
}
