/* SPDX-License-Identifier: GPL-3.0-or-later
 * Support of the bare-metal test programs: exceptions, probes, page tables, CPUs, the interrupt
 * controller. */
#include "guest.h"

/* start.S knows the places. */
struct context {
  uint64_t regs[12];
  uint64_t sp;
  uint64_t probing;
  struct outcome outcome;
  uint64_t unused[44];
};
_Static_assert(sizeof (struct context) == 512, "start.S knows the size");
extern struct context contexts[8];

void probe_run (uint64_t spsr, const void *code, uint64_t x0, uint64_t x1);
__attribute__ ((noreturn)) void probe_leave (void);
extern const char start_other[];

void (*volatile irq_handler[8]) (struct frame *frame, unsigned kind);

unsigned
begin_failure (void)
{
  sysreg_write (sctlr_el1, SCTLR_RES1);
  isb ();
  return cpu_id ();
}

/* ---- Exceptions and probes ---- */

#define END_OF_PROBE 0xfff

void exception_c (struct frame *frame, unsigned vector);

void
exception_c (struct frame *frame, unsigned vector)
{
  struct context *context = &contexts[cpu_id ()];
  if (context->probing) {
    bool ended = frame->esr == (EC_SVC << 26 | ESR_IL | END_OF_PROBE) && vector % 4 == SYNC;
    context->outcome = (struct outcome){
      .vector = ended ? -1 : (int64_t) vector,
      .esr = frame->esr,
      .elr = frame->elr,
      .far = frame->far,
      .spsr = frame->spsr,
      .x0 = frame->x[0],
    };
    probe_leave ();
  }
  void (*handler) (struct frame *, unsigned) = irq_handler[cpu_id ()];
  if (vector % 4 != SYNC && handler) {
    handler (frame, vector % 4);
    return;
  }
  begin_failure ();
  puts_ ("vector ");
  put_hex (vector);
  puts_ (" elr ");
  put_hex (frame->elr);
  puts_ (" far ");
  put_hex (frame->far);
  puts_ (" x30 ");
  put_hex (frame->x[30]);
  fail (__FILE__, __LINE__, "unexpected exception: esr", frame->esr, 0);
}

uint64_t
probe_address (unsigned mode, const void *code)
{
  if (mode == EL0 && (sysreg_read (sctlr_el1) & SCTLR_M))
    return (uint64_t) code - (uint64_t) probe_start + U_CODE;
  return (uint64_t) code;
}

struct outcome
probe_spsr (uint64_t spsr, const void *code, uint64_t x0, uint64_t x1)
{
  probe_run (spsr, (const void *) probe_address (spsr & 15, code), x0, x1);
  return contexts[cpu_id ()].outcome;
}

struct outcome
probe (unsigned mode, const void *code, uint64_t x0, uint64_t x1)
{
  return probe_spsr (PSTATE_DAIF | mode, code, x0, x1);
}

static void
put_code (uint32_t first, uint32_t second)
{
  probe_slot[0] = first;
  probe_slot[1] = second;
  __asm__ volatile("dsb ish\n\tic ivau, %0\n\tdsb ish\n\tisb" ::"r"(probe_slot) : "memory");
}

struct outcome
probe_insn (unsigned mode, uint32_t insn, uint64_t x0, uint64_t x1)
{
  put_code (0xd503201f, insn); /* nop */
  return probe (mode, probe_slot, x0, x1);
}

struct outcome
probe_stack (unsigned mode, uint32_t insn, uint64_t sp)
{
  put_code (0x9100001f, insn); /* mov sp, x0 */
  return probe (mode, probe_slot, sp, 0);
}

/* ---- Page tables ---- */

#define POOL_TABLES 60
static uint8_t pool[POOL_TABLES][1 << 16] __attribute__ ((aligned (1 << 16)));
static unsigned pool_used, pool_kept;
static const uint64_t *common; /* what CPUs begin with, or NULL */

uint64_t *
new_table (unsigned grain)
{
  if (pool_used == POOL_TABLES)
    fail (__FILE__, __LINE__, "page tables", pool_used, 0);
  uint64_t *table = (uint64_t *) pool[pool_used++];
  for (unsigned i = 0; i < 1u << (grain - 3); i++)
    table[i] = 0;
  return table;
}

void
free_tables (void)
{
  pool_used = pool_kept;
}

uint64_t *
pte_of (uint64_t *root, unsigned grain, uint64_t va, unsigned level)
{
  uint64_t *table = root;
  for (unsigned l = grain == 16 ? 1 : 0;; l++) {
    unsigned shift = level_shift (grain, l), bits = grain - 3;
    uint64_t *pte = &table[va >> shift & ((BIT (bits) - 1) & ((BIT (48) - 1) >> shift))];
    if (l == level)
      return pte;
    if (!(*pte & PTE_VALID))
      *pte = (uint64_t) new_table (grain) | PTE_TABLE | PTE_VALID;
    table = (uint64_t *) (*pte & 0xffffffffffffull & ~(BIT (grain) - 1));
  }
}

uint64_t *
new_root (unsigned grain)
{
  uint64_t *root = new_table (grain), size = BIT (level_shift (grain, 2));
  for (uint64_t va = 0; va < 0x10000000; va += size)
    *pte_of (root, grain, va, 2) = leaf (va, 2, PTE_IO);
  for (uint64_t va = 0x40000000; va < 0x44000000; va += size)
    *pte_of (root, grain, va, 2) = leaf (va, 2, PTE_RW | PTE_UXN);
  for (uint64_t i = 0; i < (uint64_t) (probe_end - probe_start); i += BIT (grain))
    *pte_of (root, grain, U_CODE + i, 3) =
        leaf ((uint64_t) probe_start + i, 3, PTE_RW | PTE_USER | PTE_READONLY | PTE_PXN);
  return root;
}

/* 48 bits in both halves; the upper half is off. */
uint64_t
tcr_for (unsigned grain)
{
  uint64_t tg0 = grain == 12 ? 0 : grain == 14 ? 2 : 1, tg1 = grain == 12 ? 2 : grain == 14 ? 1 : 3;
  return 16 | tg0 << 14 | 3ull << 12 | 16ull << 16 | BIT (23) | tg1 << 30 | 3ull << 28 | 4ull << 32;
}

void
mmu_on (const uint64_t *root, unsigned grain, unsigned asid, uint64_t tcr)
{
  sysreg_write (mair_el1, 0xff);
  sysreg_write (tcr_el1, tcr_for (grain) | BIT (36) | tcr); /* ASIDs of 16 bits */
  sysreg_write (ttbr0_el1, (uint64_t) root | (uint64_t) asid << 48);
  isb ();
  tlbi_all ();
  sysreg_write (sctlr_el1, SCTLR_RES1 | SCTLR_M);
  isb ();
}

void
mmu_off (void)
{
  if (common) {
    mmu_on (common, 12, 0, 0);
    return;
  }
  sysreg_write (sctlr_el1, SCTLR_RES1);
  isb ();
  tlbi_all ();
}

__attribute__ ((weak)) bool
begins_translated (void)
{
  return true;
}

void begin (void);

/* Before main(). */
void
begin (void)
{
  if (!begins_translated ())
    return;
  common = new_root (12);
  pool_kept = pool_used;
  mmu_on (common, 12, 0, 0);
}

/* ---- CPUs ---- */

static void (*volatile work[8]) (unsigned cpu);

int64_t
psci (uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
  register uint64_t x0 __asm__("x0") = function;
  register uint64_t x1 __asm__("x1") = a;
  register uint64_t x2 __asm__("x2") = b;
  register uint64_t x3 __asm__("x3") = c;
  __asm__ volatile("hvc #0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x3) : "memory");
  return (int64_t) x0;
}

void run_work (unsigned cpu);

/* Of a CPU that is on: its function, then it is off again, so that it takes no time of the host. */
void
run_work (unsigned cpu)
{
  if (common)
    mmu_on (common, 12, 0, 0);
  work[cpu](cpu);
  psci (PSCI_CPU_OFF, 0, 0, 0);
  fail (__FILE__, __LINE__, "CPU_OFF returned", cpu, 0);
}

#define PSCI_ALREADY_ON (-4)

/* It may be about to go off; or there is no such CPU. */
void
start_cpu (unsigned cpu, void (*function) (unsigned cpu))
{
  while (psci (PSCI_AFFINITY_INFO, cpu, 0, 0) == 0)
    relax ();
  work[cpu] = function;
  dsb ();
  while (psci (PSCI_CPU_ON, cpu, (uint64_t) start_other, cpu) == PSCI_ALREADY_ON)
    relax ();
}

unsigned
count_cpus (void)
{
  unsigned count = 1;
  while (psci (PSCI_AFFINITY_INFO, count, 0, 0) >= 0)
    count++;
  return count;
}

static volatile uint64_t done;
static void (*volatile running) (unsigned cpu);

static void
run_and_count (unsigned cpu)
{
  running (cpu);
  __atomic_fetch_add (&done, 1, __ATOMIC_SEQ_CST);
}

void
everywhere (unsigned cpus, void (*function) (unsigned cpu))
{
  done = 0;
  running = function;
  for (unsigned i = 1; i < cpus; i++)
    start_cpu (i, run_and_count);
  run_and_count (0);
  while (done != cpus)
    relax ();
  dsb ();
}

void
barrier (unsigned cpus)
{
  static volatile uint64_t arrived, generation;
  uint64_t mine = generation;
  if (__atomic_fetch_add (&arrived, 1, __ATOMIC_SEQ_CST) + 1 == cpus) {
    arrived = 0;
    dsb ();
    generation = mine + 1;
  } else {
    while (generation == mine)
      relax ();
  }
  dsb ();
}

/* ---- The interrupt controller ---- */

#define SGI_FRAME 0x10000

/* Where the state of @id is: of this CPU or the distributor. */
static uint64_t
state_of (unsigned id)
{
  return id < 32 ? gicr (cpu_id ()) + SGI_FRAME : GICD;
}

static volatile uint32_t *
bits_of (unsigned id, unsigned offset)
{
  return mmio32 (state_of (id) + offset + id / 32 * 4);
}

void
gic_init (void)
{
  *mmio32 (GICD) = 0;
  for (unsigned id = 32; id < 288; id += 32) {
    *bits_of (id, 0x80) = UINT32_MAX;
    *bits_of (id, 0x180) = UINT32_MAX;
    *bits_of (id, 0x280) = UINT32_MAX;
    *bits_of (id, 0x380) = UINT32_MAX;
  }
  for (unsigned id = 32; id < 288; id++) {
    gic_priority (id, 0xa0);
    gic_route (id, 0);
  }
  *mmio32 (GICD) = 0x12; /* affinity routing, group 1 */
}

void
gic_init_cpu (void)
{
  *mmio32 (gicr (cpu_id ()) + 0x14) = 0; /* awake */
  *bits_of (0, 0x80) = UINT32_MAX;
  *bits_of (0, 0x180) = UINT32_MAX;
  *bits_of (0, 0x280) = UINT32_MAX;
  *bits_of (0, 0x380) = UINT32_MAX;
  for (unsigned id = 0; id < 32; id++)
    gic_priority (id, 0xa0);
  icc_write (ICC_CTLR, 0);
  icc_write (ICC_PMR, 0xf8);
  icc_write (ICC_BPR1, 0);
  icc_write (ICC_BPR0, 0);
  icc_write (ICC_IGRPEN0, 0);
  icc_write (ICC_IGRPEN1, 1);
  isb ();
}

void
gic_enable (unsigned id, bool on)
{
  *bits_of (id, on ? 0x100 : 0x180) = 1u << id % 32;
}

void
gic_priority (unsigned id, unsigned priority)
{
  *mmio8 (state_of (id) + 0x400 + id) = (uint8_t) priority;
}

void
gic_set_pending (unsigned id, bool on)
{
  *bits_of (id, on ? 0x200 : 0x280) = 1u << id % 32;
}

bool
gic_is_pending (unsigned id)
{
  return *bits_of (id, 0x200) >> id % 32 & 1;
}

bool
gic_is_active (unsigned id)
{
  return *bits_of (id, 0x300) >> id % 32 & 1;
}

void
gic_edge (unsigned id, bool edge)
{
  volatile uint32_t *word = mmio32 (state_of (id) + 0xc00 + id / 16 * 4);
  uint32_t bit = 2u << id % 16 * 2;
  *word = edge ? *word | bit : *word & ~bit;
}

void
gic_route (unsigned spi, unsigned cpu)
{
  *mmio64 (GICD + 0x6000 + 8 * spi) = cpu;
}
