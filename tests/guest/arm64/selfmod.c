/* SPDX-License-Identifier: GPL-3.0-or-later
 * Code that changes: what was written is executed after IC IVAU and what synchronises, be it isb, a
 * return from an exception or taking one; through an alias; in a loop; the running page itself. */
#include "guest.h"

#define LOOPS 400
#define MOVZ(value) (0xd2800000u | (uint32_t) (value) << 5) /* movz x0, #value */
#define RET 0xd65f03c0u
#define SVC_END 0xd401ffe1u

static uint32_t code[1024] __attribute__ ((aligned (4096)));

static void
clean (const void *at)
{
  __asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0\n\tdsb ish" ::"r"(at) : "memory");
}

static uint64_t
call (const void *at)
{
  return ((uint64_t (*) (void)) at) ();
}

static void
put (volatile uint32_t *at, uint32_t insn)
{
  *at = insn;
  clean ((const void *) at);
}

static void
test_isb (void)
{
  for (unsigned place = 0; place < 1024; place += 341) {
    put (&code[place + (place == 1023 ? -1 : 0)], RET);
    for (unsigned i = 0; i < LOOPS; i++) {
      unsigned at = place == 1023 ? 1022 : place;
      put (&code[at], MOVZ (i));
      put (&code[at + 1], RET);
      isb ();
      CHECK_EQ (call (&code[at]), i);
      CHECK_EQ (call (&code[at]), i);
    }
  }
}

/* Without an isb: the return into the code synchronises. */
static void
test_return (void)
{
  volatile uint32_t *at = probe_slot;
  put (at + 1, SVC_END);
  for (unsigned i = 0; i < LOOPS; i++) {
    put (at, MOVZ (i));
    CHECK_EQ (probe (i & 1 ? EL1 : EL0, probe_slot, 0, 0).x0, i);
  }
}

/* Nor there: the handler is entered by an exception. */
static void
test_exception (void)
{
  static uint32_t table[512] __attribute__ ((aligned (2048)));
  uint64_t old = sysreg_read (vbar_el1);
  put (&table[0x200 / 4 + 1], 0xd69f03e0); /* eret */
  sysreg_write (vbar_el1, table);
  isb ();
  for (unsigned i = 0; i < LOOPS; i++) {
    uint64_t value;
    put (&table[0x200 / 4], MOVZ (i));
    __asm__ volatile("svc #1\n\tmov %0, x0" : "=r"(value)::"x0", "memory");
    CHECK_EQ (value, i);
  }
  sysreg_write (vbar_el1, old);
  isb ();
}

/* A loop whose body changes each time round: it stores the next instruction over itself. */
static void
test_loop (void)
{
  uint64_t sum = 0;
  /* 0: str w2, [x1]; dc cvau, x1; dsb ish; ic ivau, x1; dsb ish; isb; target; ret */
  static const uint32_t body[] = { 0xb9000022, 0xd50b7b21, 0xd5033b9f, 0xd50b7521,
                                   0xd5033b9f, 0xd5033fdf, MOVZ (0),   RET };
  for (unsigned i = 0; i < 8; i++)
    put (&code[i], body[i]);
  isb ();
  for (unsigned i = 0; i < LOOPS; i++) {
    register uint64_t x0 __asm__("x0") = 0;
    register uint64_t x1 __asm__("x1") = (uint64_t) &code[6];
    register uint64_t x2 __asm__("x2") = MOVZ (i);
    __asm__ volatile("blr %3" : "+r"(x0) : "r"(x1), "r"(x2), "r"(code) : "x30", "memory");
    sum += x0;
  }
  CHECK_EQ (sum, LOOPS * (LOOPS - 1) / 2);
}

/* Written at one address, run at another. */
static void
test_alias (void)
{
  uint64_t *root = new_root (12), va = 0x800000000000ull;
  *pte_of (root, 12, va, 3) = leaf ((uint64_t) code, 3, PTE_RW | PTE_READONLY);
  mmu_on (root, 12, 1, 0);
  put (&code[1], RET);
  for (unsigned i = 0; i < LOOPS; i++) {
    put (&code[0], MOVZ (i));
    isb ();
    CHECK_EQ (call ((const void *) va), i);
    CHECK_EQ (call (code), i);
  }
  mmu_off ();
  free_tables ();
}

/* Data beside code that runs: stores to its page are no changes of it. */
static void
test_data (void)
{
  volatile uint64_t *data = (volatile uint64_t *) &code[512];
  put (&code[0], MOVZ (77));
  put (&code[1], RET);
  isb ();
  for (unsigned i = 0; i < 5000; i++) {
    data[i % 128] = i;
    CHECK_EQ (call (code), 77);
    CHECK_EQ (data[i % 128], i);
  }
}

int
main (void)
{
  test_isb ();
  test_return ();
  test_exception ();
  test_loop ();
  test_alias ();
  test_data ();
  return 0;
}
