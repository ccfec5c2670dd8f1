/* SPDX-License-Identifier: GPL-3.0-or-later
 * Instructions counted exactly in compiled loops, interrupts that come into endless ones, also
 * those of faults, and waiting. */
#include "guest.h"

/* minstret over a loop of @n rounds of three instructions. */
static uint64_t __attribute__ ((noinline)) count_loop (uint64_t n)
{
  uint64_t before, after;
  __asm__ volatile("csrr %0, minstret\n"
                   "1:\n"
                   "addi %2, %2, -1\n"
                   "nop\n"
                   "bnez %2, 1b\n"
                   "csrr %1, minstret\n"
                   : "=&r"(before), "=&r"(after), "+&r"(n)::"memory");
  return after - before;
}

/* The same with a call and memory in it. */
static uint64_t __attribute__ ((noinline)) count_calls (uint64_t n)
{
  static volatile uint64_t word;
  uint64_t before, after;
  __asm__ volatile("j 3f\n"
                   ".balign 4096\n"
                   "2:\n"
                   "ld t1, 0(%3)\n"
                   "addi t1, t1, 1\n"
                   "sd t1, 0(%3)\n"
                   "jr t0\n"
                   ".balign 4096\n"
                   "3:\n"
                   "la t2, 2b\n"
                   "csrr %0, minstret\n"
                   "1:\n"
                   "addi %2, %2, -1\n"
                   "jalr t0, t2\n"
                   "bnez %2, 1b\n"
                   "csrr %1, minstret\n"
                   : "=&r"(before), "=&r"(after), "+&r"(n)
                   : "r"(&word)
                   : "t0", "t1", "t2", "memory");
  return after - before;
}

static void
test_counts (void)
{
  for (uint64_t n = 1; n < 300; n++) {
    CHECK_EQ (count_loop (n), 3 * n + 1);
    CHECK_EQ (count_calls (n), 7 * n + 1);
  }
  for (uint64_t n = 1000; n < 200000; n = n * 3 + 7) {
    CHECK_EQ (count_loop (n), 3 * n + 1);
    CHECK_EQ (count_calls (n), 7 * n + 1);
  }
}

/* A count that is written, stopped and taken up again. */
static void
test_writes (void)
{
  for (unsigned i = 0; i < 200; i++) {
    csr_write (minstret, 0x123456789a);
    uint64_t first = csr_read (minstret);
    CHECK (first >= 0x123456789a && first < 0x123456789a + 8);
    csr_set (mcountinhibit, 4);
    uint64_t stopped = csr_read (minstret);
    count_loop (100);
    CHECK_EQ (csr_read (minstret), stopped);
    csr_clear (mcountinhibit, 4);
    CHECK_EQ (count_loop (10), 31);
  }
}

static volatile unsigned fired;

static void
on_timer (struct frame *frame)
{
  (void) frame;
  CHECK_EQ (csr_read (mcause), INTERRUPT | MTI);
  *clint_mtimecmp (0) = UINT64_MAX;
  fired++;
}

/* Loops that nothing but an interrupt ends; with and without a store in them. */
static void
test_interrupts (void)
{
  static volatile uint64_t word;
  trap_handler[0] = on_timer;
  csr_write (mie, BIT (MTI));
  csr_set (mstatus, MSTATUS_MIE);
  for (unsigned i = 0; i < 30; i++) {
    fired = 0;
    *clint_mtimecmp (0) = *CLINT_MTIME + 2000; /* 0.2 ms */
    if (i & 1)
      while (!fired) {
      }
    else
      while (!fired)
        word++;
    CHECK_EQ (fired, 1);
  }
  /* Asleep. */
  for (unsigned i = 0; i < 30; i++) {
    fired = 0;
    *clint_mtimecmp (0) = *CLINT_MTIME + 2000;
    while (!fired)
      __asm__ volatile("wfi" ::: "memory");
    CHECK_EQ (fired, 1);
  }
  /* Pending but off: wfi goes on. */
  csr_clear (mstatus, MSTATUS_MIE);
  *clint_mtimecmp (0) = 0;
  for (unsigned i = 0; i < 100; i++)
    __asm__ volatile("wfi" ::: "memory");
  *clint_mtimecmp (0) = UINT64_MAX;
  trap_handler[0] = 0;
}

/* Loops in which no instruction comes to its end: a handler that faults itself, on a load, on an
 * illegal instruction, on a fetch. Only an interrupt to M gets out of them. */
static void
test_faults (void)
{
  static uint32_t code[8];
  code[0] = 0x10559073; /* csrw stvec, a1 */
  code[1] = 0x00053503; /* ld a0, 0(a0) */
  code[4] = 0x00053503;
  code[6] = 0;
  __asm__ volatile("fence.i" ::: "memory");
  const uint64_t handlers[] = { (uint64_t) &code[4], (uint64_t) &code[6], HOLE };
  csr_write (medeleg, BIT (LOAD_ACCESS) | BIT (ILLEGAL) | BIT (FETCH_ACCESS));
  csr_write (mie, BIT (MTI));
  for (unsigned i = 0; i < 12; i++) {
    struct outcome o;
    do {
      *clint_mtimecmp (0) = *CLINT_MTIME + 5000;
      o = probe (S, code, HOLE, handlers[i % 3]);
      *clint_mtimecmp (0) = UINT64_MAX;
      /* Again if the host was busy and the time was over before the handler was reached. */
    } while (o.epc == (uint64_t) &code[0] || o.epc == (uint64_t) &code[1]);
    CHECK_EQ (o.cause, INTERRUPT | MTI);
    CHECK_EQ (o.epc, handlers[i % 3]);
  }
  csr_write (mie, 0);
  csr_write (medeleg, 0);
}

int
main (void)
{
  test_counts ();
  test_faults ();
  test_writes ();
  test_interrupts ();
  return 0;
}
