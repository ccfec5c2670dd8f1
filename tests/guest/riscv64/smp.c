/* SPDX-License-Identifier: GPL-3.0-or-later
 * Several harts: locks, LR/SC and AMO under contention, message passing, store buffering with
 * fences, software interrupts, remote changes of page tables and of code. */
#include "guest.h"

#define ROUNDS 4000
#define MAX_HARTS 8

static unsigned n_harts;
static volatile uint64_t present;
static volatile uint64_t done;

static void
amo_add (volatile uint64_t *at, uint64_t value)
{
  __asm__ volatile("amoadd.d x0, %1, (%0)" ::"r"(at), "r"(value) : "memory");
}

static void
fence (void)
{
  __asm__ volatile("fence rw, rw" ::: "memory");
}

/* How often to do what needs all harts at once: the host may have fewer cores. */
static uint64_t
rounds (uint64_t wanted)
{
  return n_harts > 2 ? wanted / 10 : wanted;
}

/* Runs @function on all harts and waits. */
static void
everywhere (void (*function) (unsigned hart))
{
  done = 0;
  fence ();
  for (unsigned i = 1; i < n_harts; i++)
    start_cpu (i, function);
  function (0);
  while (done != n_harts)
    relax ();
  fence ();
}

static void
finish (void)
{
  fence ();
  amo_add (&done, 1);
}

static void
barrier (void)
{
  static volatile uint64_t arrived, generation;
  uint64_t mine = generation;
  fence ();
  uint64_t before;
  __asm__ volatile("amoadd.d.aqrl %0, %1, (%2)"
                   : "=&r"(before)
                   : "r"(1ull), "r"(&arrived)
                   : "memory");
  if (before + 1 == n_harts) {
    arrived = 0;
    fence ();
    generation = mine + 1;
  } else {
    while (generation == mine)
      relax ();
  }
  fence ();
}

/* ---- A spin lock around a plain counter ---- */

static volatile uint32_t lock;
static volatile uint64_t plain_counter, amo_counter, lrsc_counter;
static volatile uint32_t lrsc_words[2];

static void
count (unsigned hart)
{
  for (unsigned i = 0; i < ROUNDS; i++) {
    uint32_t taken;
    do
      __asm__ volatile("amoswap.w.aq %0, %1, (%2)" : "=&r"(taken) : "r"(1), "r"(&lock) : "memory");
    while (taken);
    plain_counter = plain_counter + 1;
    __asm__ volatile("amoswap.w.rl x0, x0, (%0)" ::"r"(&lock) : "memory");

    amo_add (&amo_counter, hart + 1);
    __asm__ volatile("1: lr.d t0, (%0)\n\taddi t0, t0, 1\n\tsc.d t1, t0, (%0)\n\tbnez t1, 1b" ::"r"(
                         &lrsc_counter)
                     : "t0", "t1", "memory");
    /* Two words of one double word, by different harts. */
    __asm__ volatile("1: lr.w t0, (%0)\n\taddi t0, t0, 1\n\tsc.w t1, t0, (%0)\n\tbnez t1, 1b" ::"r"(
                         &lrsc_words[hart & 1])
                     : "t0", "t1", "memory");
  }
  finish ();
}

/* ---- Message passing: data, then flag ---- */

static volatile uint64_t message, flag;

static void
pass_messages (unsigned hart)
{
  if (hart > 1) {
    finish ();
    return;
  }
  for (uint64_t i = 1; i <= ROUNDS; i++) {
    if (hart == 0) {
      message = i * 3;
      __asm__ volatile("fence w, w" ::: "memory");
      flag = i;
      while (flag != 0)
        relax ();
      fence ();
    } else {
      while (flag != i)
        relax ();
      __asm__ volatile("fence r, r" ::: "memory");
      CHECK_EQ (message, i * 3);
      fence ();
      flag = 0;
    }
  }
  finish ();
}

/* ---- Store buffering (Dekker): with fences at least one sees the other ---- */

static volatile uint64_t sb[2][16] __attribute__ ((aligned (128)));
static volatile uint64_t seen[2];

static void
store_buffering (unsigned hart)
{
  for (uint64_t i = 1; i <= rounds (400); i++) {
    if (hart < 2) {
      sb[hart][0] = i;
      fence ();
      seen[hart] = sb[!hart][0];
    }
    barrier ();
    if (hart == 0)
      CHECK (seen[0] == i || seen[1] == i);
    barrier ();
  }
  finish ();
}

/* ---- Software interrupts, ping and pong ---- */

static volatile uint64_t pings[MAX_HARTS];

static void
on_ipi (struct frame *frame)
{
  (void) frame;
  unsigned hart = hart_id ();
  CHECK_EQ (csr_read (mcause), INTERRUPT | MSI);
  *clint_msip (hart) = 0;
  fence ();
  pings[hart]++;
}

static void
exchange_ipis (unsigned hart)
{
  trap_handler[hart] = on_ipi;
  csr_write (mie, BIT (MSI));
  csr_set (mstatus, MSTATUS_MIE);
  barrier ();
  unsigned next = (hart + 1) % n_harts;
  for (uint64_t i = 1; i <= rounds (200); i++) {
    uint64_t before = pings[next];
    *clint_msip (next) = 1;
    while (pings[next] == before)
      if (i % 2)
        __asm__ volatile("nop");
  }
  barrier ();
  /* Asleep: an interrupt wakes. */
  uint64_t base = pings[hart];
  barrier ();
  for (uint64_t i = 0; i < rounds (100); i++) {
    if (hart == 0) {
      for (unsigned other = 1; other < n_harts; other++) {
        uint64_t before = pings[other];
        *clint_msip (other) = 1;
        while (pings[other] == before)
          relax ();
      }
    } else {
      while (pings[hart] <= base + i) {
        csr_clear (mstatus, MSTATUS_MIE);
        if (pings[hart] <= base + i)
          __asm__ volatile("wfi"); /* pinged since: does not wait */
        csr_set (mstatus, MSTATUS_MIE);
      }
    }
    barrier ();
  }
  csr_clear (mstatus, MSTATUS_MIE);
  csr_write (mie, 0);
  trap_handler[hart] = NULL;
  finish ();
}

/* ---- Remote sfence: one hart changes a page, the others see it after their own fence ---- */

static uint8_t pages[2][4096] __attribute__ ((aligned (4096)));
static uint64_t *shared_root;
#define SHARED_VA 0x1000000000ull

static void
shoot_down (unsigned hart)
{
  set_satp (SV39, 5, shared_root);
  sfence_all ();
  for (uint64_t i = 1; i <= rounds (200); i++) {
    barrier ();
    if (hart == 0) {
      *pte_of (shared_root, SV39, SHARED_VA, 0) = pte_for ((uint64_t) pages[i & 1], PTE_RW);
      fence ();
    }
    barrier ();
    sfence_va (SHARED_VA);
    CHECK_EQ (probe (S, p_ld, SHARED_VA, 0).a0, i & 1);
    CHECK_EQ (probe (S, p_sd, SHARED_VA + 8 + 8 * hart, i).taken, 0);
    CHECK_EQ (((volatile uint64_t *) pages[i & 1])[1 + hart], i);
  }
  barrier ();
  satp_off ();
  finish ();
}

/* ---- A and D of one PTE set by several harts: no bit is lost ---- */

static void
mark_together (unsigned hart)
{
  set_satp (SV39, 6, shared_root);
  csr_write (0x30a, MENVCFG_ADUE);
  sfence_all ();
  uint64_t *pte = pte_of (shared_root, SV39, SHARED_VA + PAGE, 0);
  for (uint64_t i = 1; i <= rounds (200); i++) {
    barrier ();
    if (hart == 0)
      *pte = pte_for ((uint64_t) pages[0], PTE_V | PTE_R | PTE_W);
    barrier ();
    sfence_va (SHARED_VA + PAGE);
    if (hart & 1)
      CHECK_EQ (probe (S, p_lw, SHARED_VA + PAGE, 0).taken, 0);
    else
      CHECK_EQ (probe (S, p_sw, SHARED_VA + PAGE + 2048, 0).taken, 0);
    barrier ();
    if (hart == 0)
      CHECK_EQ (*pte, pte_for ((uint64_t) pages[0], PTE_RW));
  }
  barrier ();
  satp_off ();
  finish ();
}

/* ---- Code patched by one hart, executed by the others after fence.i ---- */

static uint8_t code[4096] __attribute__ ((aligned (4096)));

static void
patch (unsigned hart)
{
  for (uint64_t i = 1; i <= rounds (200); i++) {
    barrier ();
    if (hart == i % n_harts) {
      volatile uint16_t *half = (volatile uint16_t *) code;
      uint32_t insn = (uint32_t) i << 20 | 10 << 7 | 0x13;
      half[0] = insn;
      half[1] = insn >> 16;
      half[2] = 0x8082;
      fence ();
    }
    barrier ();
    __asm__ volatile("fence.i" ::: "memory");
    CHECK_EQ (((uint64_t (*) (void)) code) (), i);
  }
  finish ();
}

static void
report (unsigned hart)
{
  (void) hart;
  amo_add (&present, 1);
  finish ();
}

int
main (void)
{
  /* How many harts there are: those that answer. */
  n_harts = 1;
  for (unsigned i = 1; i < MAX_HARTS; i++)
    start_cpu (i, report);
  uint64_t until = csr_read (time) + 500000;
  while (csr_read (time) < until)
    relax ();
  n_harts = 1 + done;
  puts_ ("harts: ");
  put_hex (n_harts);
  puts_ ("\n");
  CHECK (n_harts > 1);

  everywhere (count);
  CHECK_EQ (plain_counter, (uint64_t) ROUNDS * n_harts);
  CHECK_EQ (amo_counter, (uint64_t) ROUNDS * n_harts * (n_harts + 1) / 2);
  CHECK_EQ (lrsc_counter, (uint64_t) ROUNDS * n_harts);
  CHECK_EQ (lrsc_words[0] + lrsc_words[1], (uint64_t) ROUNDS * n_harts);
  everywhere (pass_messages);
  everywhere (store_buffering);
  everywhere (exchange_ipis);
  *(volatile uint64_t *) pages[0] = 0;
  *(volatile uint64_t *) pages[1] = 1;
  shared_root = new_root (SV39);
  *pte_of (shared_root, SV39, SHARED_VA, 0) = pte_for ((uint64_t) pages[0], PTE_RW);
  everywhere (shoot_down);
  everywhere (mark_together);
  everywhere (patch);
  return 0;
}
