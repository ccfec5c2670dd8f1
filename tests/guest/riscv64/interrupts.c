/* SPDX-License-Identifier: GPL-3.0-or-later
 * Interrupts: sources, priorities, enables, delegation, vectors, WFI, the timer of S-mode (Sstc)
 * and the interrupt controllers. */
#include "guest.h"

#define MSI_BIT BIT (MSI)
#define MTI_BIT BIT (MTI)
#define SSI_BIT BIT (SSI)
#define STI_BIT BIT (STI)
#define SEI_BIT BIT (SEI)
#define MEI_BIT BIT (MEI)

static uint64_t
now (void)
{
  return *CLINT_MTIME;
}

static void
quiet (void)
{
  csr_clear (mstatus, MSTATUS_MIE | MSTATUS_SIE | MSTATUS_MPIE | MSTATUS_SPIE);
  csr_write (mie, 0);
  csr_write (mideleg, 0);
  csr_write (0x30a, 0);
  csr_write (mip, 0);
  *clint_msip (0) = 0;
  *clint_mtimecmp (0) = UINT64_MAX;
}

/* Waits until mip has exactly @bits of @mask. */
#define wait_pending(mask, bits) wait_pending_at (__LINE__, mask, bits)
static void
wait_pending_at (int line, uint64_t mask, uint64_t bits)
{
  uint64_t end = now () + 20000000;
  while ((csr_read (mip) & mask) != (bits)) {
    if (now () > end)
      fail (__FILE__, line, "mip", csr_read (mip), bits);
  }
}

/* Software's bits and how they are seen. */
static void
test_bits (void)
{
  quiet ();
  csr_write (mie, UINT64_MAX);
  CHECK_EQ (csr_read (mie), 0xaaa);
  CHECK_EQ (csr_read (sie), 0);
  csr_write (mideleg, 0x222);
  CHECK_EQ (csr_read (sie), 0x222);
  csr_write (sie, 0);
  CHECK_EQ (csr_read (mie), 0x888);
  csr_write (sie, UINT64_MAX);
  CHECK_EQ (csr_read (mie), 0xaaa);
  csr_write (mie, 0);

  csr_write (mip, UINT64_MAX);
  CHECK_EQ (csr_read (mip), 0x222);
  CHECK_EQ (csr_read (sip), 0x222);
  csr_write (sip, 0); /* S clears SSIP only */
  CHECK_EQ (csr_read (mip), 0x220);
  csr_write (sip, UINT64_MAX);
  CHECK_EQ (csr_read (mip), 0x222);
  csr_write (mideleg, SEI_BIT);
  CHECK_EQ (csr_read (sip), SEI_BIT);
  csr_clear (sip, SSI_BIT); /* not delegated: not S's */
  CHECK_EQ (csr_read (mip), 0x222);
  csr_write (mip, 0);
  CHECK_EQ (csr_read (mip), 0);

  *clint_msip (0) = 1;
  wait_pending (0xaaa, MSI_BIT);
  csr_write (mip, 0); /* read-only there */
  CHECK_EQ (csr_read (mip), MSI_BIT);
  *clint_msip (0) = 0;
  wait_pending (0xaaa, 0);
  *clint_mtimecmp (0) = now ();
  wait_pending (0xaaa, MTI_BIT);
  *clint_mtimecmp (0) = UINT64_MAX;
  wait_pending (0xaaa, 0);
}

/* Makes all six pending, and takes them one by one in the order of priority. */
static void
test_priorities (void)
{
  static const uint8_t order[] = { MSI, MTI, SEI, SSI, STI };
  quiet ();
  *clint_msip (0) = 1;
  *clint_mtimecmp (0) = 0;
  csr_write (mip, SSI_BIT | STI_BIT | SEI_BIT);
  wait_pending (0xaaa, MSI_BIT | MTI_BIT | SSI_BIT | STI_BIT | SEI_BIT);
  uint64_t enabled = MSI_BIT | MTI_BIT | SSI_BIT | STI_BIT | SEI_BIT;
  for (unsigned i = 0; i < 5; i++) {
    csr_write (mie, enabled);
    struct outcome o = probe (S, p_spin, 0, 0); /* S: M's interrupts are on whatever MIE says */
    CHECK_EQ (o.taken, M);
    CHECK_EQ (o.cause, INTERRUPT | order[i]);
    CHECK_EQ (o.tval, 0);
    CHECK_EQ (o.epc, (uint64_t) p_spin);
    CHECK_EQ ((o.status & MSTATUS_MPP) >> 11, S);
    enabled &= ~BIT (order[i]);
  }
  /* The same when delegated: M's first, then S's in their order. */
  static const uint8_t delegated[] = { MSI, MTI, SEI, SSI, STI };
  csr_write (mideleg, 0x222);
  enabled = 0xaaa;
  for (unsigned i = 0; i < 5; i++) {
    csr_write (mie, enabled);
    csr_set (mstatus, MSTATUS_SIE);
    struct outcome o = probe (S, p_spin, 0, 0);
    CHECK_EQ (o.taken, i < 2 ? M : S);
    CHECK_EQ (o.cause, INTERRUPT | delegated[i]);
    if (i >= 2) {
      CHECK_EQ (o.status & MSTATUS_SIE, 0);
      CHECK_EQ (o.status & MSTATUS_SPIE, MSTATUS_SPIE);
      CHECK_EQ (o.status & MSTATUS_SPP, MSTATUS_SPP);
    }
    enabled &= ~BIT (delegated[i]);
  }
  quiet ();
}

/* When an interrupt is taken and when not. */
static void
test_enables (void)
{
  for (unsigned priv = U; priv <= M; priv += priv + 1)
    for (unsigned mie_on = 0; mie_on < 2; mie_on++)
      for (unsigned sie_on = 0; sie_on < 2; sie_on++)
        for (unsigned to_s = 0; to_s < 2; to_s++)
          for (unsigned enabled = 0; enabled < 2; enabled++) {
            quiet ();
            csr_write (mip, SSI_BIT);
            csr_write (mideleg, to_s ? SSI_BIT : 0);
            csr_write (mie, enabled ? SSI_BIT : 0);
            csr_set (mstatus, (mie_on ? MSTATUS_MPIE : 0) | (sie_on ? MSTATUS_SIE : 0));
            struct outcome o = probe (priv, p_nop, 0, 0);
            bool expected =
                enabled && (to_s ? priv == U || (priv == S && sie_on) : priv != M || mie_on);
            CHECK_EQ ((o.cause & INTERRUPT) != 0 && o.taken != 0, expected);
            if (expected)
              CHECK_EQ (o.taken, to_s ? S : M);
            csr_write (mip, 0);
          }
  quiet ();
}

/* An interrupt enabled by a CSR write is taken before the next instruction. */
static volatile uint64_t taken_epc, taken_cause, taken_count;

static void
note_handler (struct frame *frame)
{
  (void) frame;
  taken_epc = csr_read (mepc);
  taken_cause = csr_read (mcause);
  taken_count++;
  csr_write (mie, 0);
}

static void
test_immediate (void)
{
  quiet ();
  trap_handler[0] = note_handler;
  csr_write (mie, SSI_BIT);
  csr_write (mip, SSI_BIT);
  uint64_t expected;
  __asm__ volatile("la %0, 1f\n\t"
                   "csrsi mstatus, 8\n"
                   "1:\n\t"
                   "nop\n\tnop\n\t"
                   : "=r"(expected)::"memory");
  CHECK_EQ (taken_count, 1);
  CHECK_EQ (taken_cause, INTERRUPT | SSI);
  CHECK_EQ (taken_epc, expected);
  csr_clear (mstatus, MSTATUS_MIE);
  csr_write (mip, 0);
  csr_write (mie, SSI_BIT);
  csr_set (mstatus, MSTATUS_MIE);
  __asm__ volatile("la %0, 1f\n\t"
                   "csrsi mip, 2\n"
                   "1:\n\t"
                   "nop\n\tnop\n\t"
                   : "=r"(expected)::"memory");
  CHECK_EQ (taken_count, 2);
  CHECK_EQ (taken_epc, expected);
  quiet ();
  trap_handler[0] = NULL;
}

/* Vectored mode: interrupts go to base + 4 * cause, exceptions to base. */
extern char vector_table[], vector_hit[];
__asm__("  .text\n"
        "  .option push\n  .option norvc\n"
        "  .balign 256\n"
        "vector_table:\n"
        "  j v0\n  j v1\n  j v2\n  j v3\n  j v4\n  j v5\n  j v6\n  j v7\n"
        "  j v8\n  j v9\n  j v10\n  j v11\n"
        "v0: li t0, 0\n j vector_hit\n"
        "v1: li t0, 1\n j vector_hit\n"
        "v2: li t0, 2\n j vector_hit\n"
        "v3: li t0, 3\n j vector_hit\n"
        "v4: li t0, 4\n j vector_hit\n"
        "v5: li t0, 5\n j vector_hit\n"
        "v6: li t0, 6\n j vector_hit\n"
        "v7: li t0, 7\n j vector_hit\n"
        "v8: li t0, 8\n j vector_hit\n"
        "v9: li t0, 9\n j vector_hit\n"
        "v10: li t0, 10\n j vector_hit\n"
        "v11: li t0, 11\n"
        "vector_hit:\n"
        "  csrw mie, x0\n"
        "  csrr t1, mcause\n"
        "  bltz t1, 1f\n"
        "  csrr t1, mepc\n"
        "  addi t1, t1, 4\n"
        "  csrw mepc, t1\n"
        "1: mret\n"
        "  .option pop\n");

static uint64_t
vector_of (uint64_t enable, bool exception)
{
  uint64_t hit;
  __asm__ volatile("li t0, -1\n\t"
                   "csrw mie, %1\n\t"
                   "csrsi mstatus, 8\n\t"
                   "beqz %2, 1f\n\t"
                   ".option push\n\t.option norvc\n\tebreak\n\t.option pop\n"
                   "1:\n\t"
                   "csrci mstatus, 8\n\t"
                   "mv %0, t0"
                   : "=r"(hit)
                   : "r"(enable), "r"((uint64_t) exception)
                   : "t0", "t1", "memory");
  return hit;
}

static void
test_vectors (void)
{
  quiet ();
  uint64_t old = csr_read (mtvec);
  csr_write (mtvec, (uint64_t) vector_table | 1);
  CHECK_EQ (csr_read (mtvec), (uint64_t) vector_table | 1);
  *clint_msip (0) = 1;
  *clint_mtimecmp (0) = 0;
  csr_write (mip, SSI_BIT | STI_BIT | SEI_BIT);
  wait_pending (0xaaa, 0x2aa);
  static const uint8_t causes[] = { SSI, MSI, STI, MTI, SEI };
  for (unsigned i = 0; i < 5; i++)
    CHECK_EQ (vector_of (BIT (causes[i]), false), causes[i]);
  CHECK_EQ (vector_of (0, true), 0);
  CHECK_EQ (vector_of (0, false), UINT64_MAX);
  csr_write (mtvec, (uint64_t) vector_table);
  CHECK_EQ (vector_of (SEI_BIT, false), 0);
  /* Reserved modes are not kept. */
  csr_write (mtvec, (uint64_t) vector_table | 3);
  CHECK (csr_read (mtvec) == ((uint64_t) vector_table | 1)
         || csr_read (mtvec) == (uint64_t) vector_table);
  csr_write (mtvec, old);
  quiet ();
}

/* WFI ends when something enabled in mie is pending, whatever the global enables and delegation
 * say. */
static void
test_wfi (void)
{
  quiet ();
  csr_write (mie, MTI_BIT);
  uint64_t start = now ();
  *clint_mtimecmp (0) = start + 20000; /* 2 ms */
  while (now () < start + 20000)
    __asm__ volatile("wfi");
  CHECK (csr_read (mip) & MTI_BIT);
  CHECK (now () < start + 20000000);
  /* Already pending: no wait. */
  for (unsigned i = 0; i < 1000; i++)
    __asm__ volatile("wfi");
  /* In S, with the interrupt of M on: it is taken, after the wfi. */
  *clint_mtimecmp (0) = now () + 20000;
  struct outcome o;
  do
    o = probe (S, p_wfi, 0, 0);
  while (o.taken == 0);
  CHECK_EQ (o.cause, INTERRUPT | MTI);
  CHECK_EQ (o.epc, (uint64_t) p_wfi + 4);
  quiet ();
  /* Delegated and off in S: wakes, and is not taken. */
  csr_write (mideleg, SSI_BIT);
  csr_write (mie, SSI_BIT);
  csr_write (mip, SSI_BIT);
  CHECK_EQ (probe (S, p_wfi, 0, 0).taken, 0);
  quiet ();
}

static void
test_sstc (void)
{
  quiet ();
  csr_write (0x30a, MENVCFG_STCE);
  CHECK_EQ (csr_read (0x30a) & MENVCFG_STCE, MENVCFG_STCE);
  csr_write (0x14d, UINT64_MAX);
  CHECK_EQ (csr_read (mip) & STI_BIT, 0);
  csr_write (mip, STI_BIT); /* not software's any more */
  CHECK_EQ (csr_read (mip) & STI_BIT, 0);
  csr_write (0x14d, 0);
  CHECK_EQ (csr_read (mip) & STI_BIT, STI_BIT); /* at once */
  csr_write (mip, 0);
  CHECK_EQ (csr_read (mip) & STI_BIT, STI_BIT);
  csr_write (0x14d, UINT64_MAX);
  CHECK_EQ (csr_read (mip) & STI_BIT, 0);
  csr_write (0x14d, csr_read (time) + 20000);
  CHECK_EQ (csr_read (mip) & STI_BIT, 0);
  wait_pending (STI_BIT, STI_BIT);
  CHECK (csr_read (time) >= csr_read (0x14d));

  /* Taken in S; many times, each not before its time. */
  csr_write (mcounteren, 7);
  csr_write (mideleg, STI_BIT);
  csr_write (mie, STI_BIT);
  for (unsigned i = 0; i < 50; i++) {
    uint64_t due = csr_read (time) + 500 * (i % 7);
    csr_write (0x14d, due);
    struct outcome o = probe (U, p_spin, 0, 0);
    CHECK_EQ (o.taken, S);
    CHECK_EQ (o.cause, INTERRUPT | STI);
    CHECK (csr_read (time) >= due);
  }
  /* And out of wfi. */
  for (unsigned i = 0; i < 20; i++) {
    uint64_t due = csr_read (time) + 3000 * (i % 5);
    csr_write (0x14d, due);
    while (!(csr_read (mip) & STI_BIT))
      __asm__ volatile("wfi");
    CHECK (csr_read (time) >= due);
  }

  /* S may use it with STCE and mcounteren.TM. */
  csr_write (mie, 0);
  CHECK_EQ (probe_csr_write (U, STIMECMP, 1).cause, ILLEGAL);
  CHECK_EQ (probe_csr_write (S, STIMECMP, UINT64_MAX).taken, 0);
  CHECK_EQ (csr_read (0x14d), UINT64_MAX);
  csr_write (mcounteren, 5);
  CHECK_EQ (probe_csr_write (S, STIMECMP, 1).cause, ILLEGAL);
  csr_write (mcounteren, 7);
  csr_write (0x30a, 0);
  CHECK_EQ (probe_csr_read (S, STIMECMP).cause, ILLEGAL);
  CHECK_EQ (csr_read (0x14d), UINT64_MAX);
  /* Without STCE the bit is software's again. */
  csr_write (0x14d, 0);
  csr_write (mip, 0);
  CHECK_EQ (csr_read (mip) & STI_BIT, 0);
  csr_write (mip, STI_BIT);
  CHECK_EQ (csr_read (mip) & STI_BIT, STI_BIT);
  csr_write (0x14d, UINT64_MAX);
  quiet ();
}

/* The UART's "transmitter empty" through the PLIC to MEIP and SEIP; SEIP is line or software bit,
 * and csrrs of mip must not make the line stick. */
static void
test_external (void)
{
  quiet ();
  *mmio32 (PLIC + 4 * UART_IRQ) = 1;        /* priority */
  *mmio32 (PLIC + 0x2000) = 1u << UART_IRQ; /* enable for M of hart 0 */
  *mmio32 (PLIC + 0x2080) = 1u << UART_IRQ; /* and for S */
  *mmio32 (PLIC + 0x200000) = 0;            /* thresholds */
  *mmio32 (PLIC + 0x201000) = 0;
  *mmio8 (UART + 1) = 2; /* interrupt when the transmitter is empty */
  wait_pending (0xaaa, MEI_BIT | SEI_BIT);
  csr_set (mip, SSI_BIT);
  csr_write (mie, MEI_BIT | SEI_BIT);
  struct outcome o = probe (U, p_spin, 0, 0);
  CHECK_EQ (o.cause, INTERRUPT | MEI);
  csr_write (mie, SEI_BIT);
  csr_write (mideleg, SEI_BIT);
  o = probe (U, p_spin, 0, 0);
  CHECK_EQ (o.taken, S);
  CHECK_EQ (o.cause, INTERRUPT | SEI);
  *mmio8 (UART + 1) = 0;
  uint32_t claimed = *mmio32 (PLIC + 0x200004);
  if (claimed)
    *mmio32 (PLIC + 0x200004) = claimed;
  wait_pending (0xaaa, SSI_BIT);
  csr_clear (mip, SSI_BIT);
  CHECK_EQ (csr_read (mip), 0);
  *mmio32 (PLIC + 0x2000) = 0;
  *mmio32 (PLIC + 0x2080) = 0;
  quiet ();
}

int
main (void)
{
  test_bits ();
  test_priorities ();
  test_enables ();
  test_immediate ();
  test_vectors ();
  test_wfi ();
  test_sstc ();
  test_external ();
  return 0;
}
