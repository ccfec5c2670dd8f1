/* SPDX-License-Identifier: GPL-3.0-or-later
 * Support of the bare-metal test programs: probes, page tables, harts. */
#include "guest.h"

struct context {
  uint64_t regs[16];
  struct outcome outcome;
  uint64_t unused[42];
};
_Static_assert(sizeof (struct context) == 512, "start.S knows the size");
extern struct context contexts[8];

void probe_run (unsigned priv, const void *code, uint64_t a0, uint64_t a1);

void (*volatile hart_functions[8]) (unsigned hart);
void (*volatile trap_handler[8]) (struct frame *frame);

unsigned
begin_failure (void)
{
  csr_clear (mstatus, MSTATUS_MPRV);
  return hart_id ();
}

void trap_c (struct frame *frame);

void
trap_c (struct frame *frame)
{
  void (*handler) (struct frame * frame) = trap_handler[hart_id ()];
  if (handler) {
    handler (frame);
    return;
  }
  puts_ ("mepc ");
  put_hex (csr_read (mepc));
  puts_ (" mtval ");
  put_hex (csr_read (mtval));
  fail (__FILE__, __LINE__, "unexpected trap: mcause", csr_read (mcause), 0);
}

struct outcome
probe (unsigned priv, const void *code, uint64_t a0, uint64_t a1)
{
  uint64_t address = (uint64_t) code;
  if (priv == U && csr_read (satp) != 0)
    address = address - (uint64_t) probe_start + U_CODE;
  probe_run (priv, (const void *) address, a0, a1);
  struct outcome outcome = contexts[hart_id ()].outcome;
  if (outcome.taken == M && outcome.cause == (priv == U ? ECALL_U : priv == S ? ECALL_S : ECALL_M))
    outcome.taken = 0;
  return outcome;
}

struct outcome
probe_insn (unsigned priv, uint32_t insn, uint64_t a0, uint64_t a1)
{
  probe_slot[0] = insn;
  __asm__ volatile("fence.i" ::: "memory");
  return probe (priv, probe_slot, a0, a1);
}

struct outcome
probe_csr_read (unsigned priv, unsigned csr)
{
  return probe_insn (priv, csr << 20 | 2 << 12 | 10 << 7 | 0x73, 0, 0);
}

struct outcome
probe_csr_write (unsigned priv, unsigned csr, uint64_t value)
{
  return probe_insn (priv, csr << 20 | 11 << 15 | 1 << 12 | 0x73, 0, value);
}

/* ---- Page tables ---- */

#define POOL_PAGES 128
static uint64_t pool[POOL_PAGES][512] __attribute__ ((aligned (4096)));
static unsigned pool_used;

uint64_t *
new_table (void)
{
  if (pool_used == POOL_PAGES)
    fail (__FILE__, __LINE__, "page tables", pool_used, 0);
  uint64_t *table = pool[pool_used++];
  for (unsigned i = 0; i < 512; i++)
    table[i] = 0;
  return table;
}

void
free_tables (void)
{
  pool_used = 0;
}

uint64_t *
pte_of (uint64_t *root, unsigned mode, uint64_t va, unsigned level)
{
  uint64_t *table = root;
  for (unsigned l = mode - SV39 + 2; l > level; l--) {
    uint64_t *pte = &table[(va >> (12 + 9 * l)) & 511];
    if (!(*pte & PTE_V))
      *pte = pte_for ((uint64_t) new_table (), PTE_V);
    table = (uint64_t *) (*pte >> 10 << 12);
  }
  return &table[(va >> (12 + 9 * level)) & 511];
}

uint64_t *
new_root (unsigned mode)
{
  uint64_t *root = new_table ();
  *pte_of (root, mode, 0x80000000, 2) = pte_for (0x80000000, PTE_RWX | PTE_G);
  for (uint64_t va = 0; va < 0x14000000; va += 0x200000)
    *pte_of (root, mode, va, 1) = pte_for (va, PTE_RW);
  for (uint64_t i = 0; i < (uint64_t) (probe_end - probe_start); i += PAGE)
    *pte_of (root, mode, U_CODE + i, 0) =
        pte_for ((uint64_t) probe_start + i, PTE_V | PTE_R | PTE_X | PTE_U | PTE_A | PTE_D);
  return root;
}

void
set_satp (unsigned mode, unsigned asid, const uint64_t *root)
{
  csr_write (satp, (uint64_t) mode << 60 | (uint64_t) asid << 44 | (uint64_t) root >> 12);
}

void
satp_off (void)
{
  csr_write (satp, 0);
  sfence_all ();
}

void
pmp_open (void)
{
  csr_write (pmpaddr15, UINT64_MAX);
  csr_write (pmpcfg2, 0x1full << 56);
}

/* ---- Harts ---- */

void
start_cpu (unsigned hart, void (*function) (unsigned hart))
{
  hart_functions[hart] = function;
  __asm__ volatile("fence" ::: "memory");
  *clint_msip (hart) = 1;
}
