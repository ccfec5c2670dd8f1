/* SPDX-License-Identifier: GPL-3.0-or-later
 * Code that changes: after fence.i what was written is executed, whatever alias or width it was
 * written through. */
#include "guest.h"

static uint8_t area[3 * 4096] __attribute__ ((aligned (4096)));

static void
fence_i (void)
{
  __asm__ volatile("fence.i" ::: "memory");
}

static uint32_t
li_a0 (uint32_t value) /* addi a0, x0, value */
{
  return value << 20 | 10 << 7 | 0x13;
}

/* The address goes through a register: clang 14 forgets the offset of a call to a constant one. */
static uint64_t
call (uint8_t *at)
{
  uint64_t (*function) (void) = (uint64_t (*) (void)) at;
  __asm__ volatile("" : "+r"(function));
  return function ();
}

static void
put_function (uint8_t *at, uint32_t value)
{
  volatile uint16_t *half = (volatile uint16_t *) at;
  half[0] = li_a0 (value);
  half[1] = li_a0 (value) >> 16;
  half[2] = 0x8082; /* ret */
}

static void
test_rewrite (void)
{
  for (unsigned i = 0; i < 500; i++) {
    put_function (area, i);
    fence_i ();
    CHECK_EQ (call (area), i);
  }
  /* Over a page border. */
  for (unsigned i = 0; i < 200; i++) {
    put_function (area + 4094, i);
    fence_i ();
    CHECK_EQ (call (area + 4094), i);
  }
  /* The second half only. */
  for (unsigned i = 0; i < 200; i++) {
    *(volatile uint16_t *) (area + 4096) = li_a0 (i) >> 16;
    fence_i ();
    CHECK_EQ (call (area + 4094), i);
  }
  /* A byte of an immediate, by byte stores, double words, AMO. */
  put_function (area + 8, 0);
  for (unsigned i = 0; i < 100; i++) {
    area[8 + 3] = i;
    fence_i ();
    CHECK_EQ (call (area + 8), i << 4);
  }
  for (unsigned i = 0; i < 100; i++) {
    *(volatile uint64_t *) (area + 8) = (uint64_t) 0x8082 << 32 | li_a0 (i);
    fence_i ();
    CHECK_EQ (call (area + 8), i);
  }
  for (unsigned i = 0; i < 100; i++) {
    uint32_t old;
    __asm__ volatile("amoswap.w %0, %1, (%2)"
                     : "=&r"(old)
                     : "r"(li_a0 (i)), "r"(area + 8)
                     : "memory");
    fence_i ();
    CHECK_EQ (call (area + 8), i);
  }
  /* Code that rewrites its own page while it runs: the next function of the page. */
  put_function (area + 64, 1);
  put_function (area + 128, 2);
  for (unsigned i = 0; i < 100; i++) {
    call (area + 64);
    put_function (area + 128, i);
    fence_i ();
    CHECK_EQ (call (area + 128), i);
    CHECK_EQ (call (area + 64), 1);
  }
}

/* Data and code in one page: stores to the data are seen, also without a fence. */
static void
test_mixed_page (void)
{
  volatile uint64_t *data = (volatile uint64_t *) (area + 2048);
  put_function (area, 42);
  fence_i ();
  for (unsigned i = 0; i < 2000; i++) {
    *data = i;
    CHECK_EQ (call (area), 42);
    CHECK_EQ (*data, i);
  }
}

/* Written through one address, executed through another; and the page moved under the code. */
static void
test_aliases (void)
{
  uint64_t *root = new_root (SV39);
  uint64_t code_va = 0x1000000000, data_va = 0x1000400000;
  *pte_of (root, SV39, code_va, 0) =
      pte_for ((uint64_t) area, PTE_V | PTE_R | PTE_X | PTE_A | PTE_D);
  *pte_of (root, SV39, data_va, 0) = pte_for ((uint64_t) area, PTE_RW);
  set_satp (SV39, 1, root);
  sfence_all ();
  for (unsigned i = 0; i < 100; i++) {
    /* addi a0, x0, i; ecall */
    CHECK_EQ (probe (S, p_sw, data_va, li_a0 (i)).taken, 0);
    CHECK_EQ (probe (S, p_sw, data_va + 4, 0x73).taken, 0);
    fence_i ();
    struct outcome o = probe (S, p_jump, code_va, 0);
    CHECK_EQ (o.taken, 0);
    CHECK_EQ (o.a0, i);
  }
  for (unsigned page = 0; page < 3; page++) {
    *(volatile uint32_t *) (area + 4096 * page) = li_a0 (100 + page);
    *(volatile uint32_t *) (area + 4096 * page + 4) = 0x73;
  }
  fence_i ();
  for (unsigned i = 0; i < 30; i++) {
    *pte_of (root, SV39, code_va, 0) =
        pte_for ((uint64_t) area + 4096 * (i % 3), PTE_V | PTE_R | PTE_X | PTE_A | PTE_D);
    sfence_va (code_va);
    CHECK_EQ (probe (S, p_jump, code_va, 0).a0, 100 + i % 3);
  }
  /* Another address space with other code at the same address. */
  uint64_t *other = new_root (SV39);
  *pte_of (root, SV39, code_va, 0) = pte_for ((uint64_t) area, PTE_V | PTE_X | PTE_A);
  *pte_of (other, SV39, code_va, 0) = pte_for ((uint64_t) area + 4096, PTE_V | PTE_X | PTE_A);
  sfence_all ();
  for (unsigned i = 0; i < 30; i++) {
    set_satp (SV39, 1 + i % 2, i % 2 ? other : root);
    CHECK_EQ (probe (S, p_jump, code_va, 0).a0, 100 + i % 2);
  }
  satp_off ();
}

int
main (void)
{
  test_rewrite ();
  test_mixed_page ();
  test_aliases ();
  return 0;
}
