/* SPDX-License-Identifier: GPL-3.0-or-later
 * Code in pages: across a border, one page at two addresses, pages that move under running code,
 * address spaces, targets that are not there, pages that PMP takes away. Everything runs often
 * enough to be compiled first. */
#include "emit.h"

#define LOOPS 2000

static uint8_t area[24 * 4096] __attribute__ ((aligned (4096)));

#define CODE_VA 0x1000000000ull
#define OTHER_VA 0x1000800000ull
#define DATA_VA 0x1000a00000ull
#define PTE_CODE (PTE_V | PTE_R | PTE_X | PTE_A | PTE_D)

static uint8_t *
page (unsigned number)
{
  return area + 4096 * number;
}

static void
map (uint64_t *root, uint64_t va, const void *to, uint64_t flags)
{
  *pte_of (root, SV39, va, 0) = pte_for ((uint64_t) to, flags);
}

/* a0 = @value; ret */
static void
put_function (void *at, unsigned value)
{
  struct emitter e = { at };
  emit (&e, ADDI (A0, 0, (int) value));
  emit (&e, RET);
}

/* Calls [a1] a0 times and adds what it returns; the sum in a0. */
static void
put_caller (void *at)
{
  struct emitter e = { at };
  emit (&e, ADDI (S1, A0, 0));
  emit (&e, ADDI (A3, 0, 0));
  uint16_t *loop = e.at;
  emit (&e, JALR (RA, A1, 0));
  emit (&e, ADD (A3, A3, A0));
  emit (&e, ADDI (S1, S1, -1));
  emit (&e, BNE (S1, 0, back_to (&e, loop)));
  emit (&e, ADDI (A0, A3, 0));
  emit (&e, ECALL);
}

/* A loop over the border of two pages, with an instruction of which each has a half. */
static void
test_border (void)
{
  for (unsigned first = 4070; first < 4096; first += 2) {
    struct emitter e = { (uint16_t *) (page (0) + first) };
    uint16_t *loop = e.at;
    emit (&e, ADDI (A2, A2, 1));
    emit (&e, C_NOP);
    for (unsigned i = 0; i < 6; i++)
      emit (&e, ADDI (A3, A3, 2));
    emit (&e, ADD (A4, A4, A2));
    emit (&e, BNE (A2, A0, back_to (&e, loop)));
    emit (&e, ADD (A0, A4, A3));
    emit (&e, SD (0, 0, A1));
    emit (&e, ECALL);
    fence_i ();
    /* First to where a2 to a4 are cleared. */
    struct emitter clear = { (uint16_t *) page (3) };
    emit (&clear, ADDI (A2, 0, 0));
    emit (&clear, ADDI (A3, 0, 0));
    emit (&clear, ADDI (A4, 0, 0));
    emit (&clear, JALR (0, T2, 0));
    struct emitter go = { (uint16_t *) page (4) };
    emit (&go, LD (T2, 0, A1));
    emit (&go, LD (T0, 8, A1));
    emit (&go, JALR (0, T0, 0));
    fence_i ();
    volatile uint64_t targets[2] = { (uint64_t) loop, (uint64_t) page (3) };
    uint64_t n = LOOPS;
    struct outcome o = probe (M, page (4), n, (uint64_t) targets);
    CHECK_EQ (o.taken, 0);
    CHECK_EQ (o.a0, n * (n + 1) / 2 + 12 * n);
    CHECK_EQ (targets[0], 0);
  }
}

/* Position-dependent code at two addresses: auipc gives each its own. */
static void
test_two_addresses (void)
{
  uint64_t *root = new_root (SV39);
  struct emitter e = { (uint16_t *) page (0) };
  emit (&e, 0x17 | A0 << 7); /* auipc a0, 0 */
  emit (&e, RET);
  put_caller (page (1));
  map (root, CODE_VA, page (0), PTE_CODE);
  map (root, OTHER_VA, page (0), PTE_CODE);
  fence_i ();
  set_satp (SV39, 1, root);
  sfence_all ();
  for (unsigned i = 0; i < 200; i++) {
    uint64_t va = i & 1 ? CODE_VA : OTHER_VA;
    CHECK_EQ (probe (S, page (1), 20, va).a0, 20 * va);
  }
  satp_off ();
  free_tables ();
}

/* The loop itself changes the PTE of the page it calls, and says so with sfence.vma. */
static void
test_move_from_code (void)
{
  uint64_t *root = new_root (SV39);
  static volatile uint64_t ptes[2];
  put_function (page (0), 3);
  put_function (page (1), 5);
  ptes[0] = pte_for ((uint64_t) page (0), PTE_CODE);
  ptes[1] = pte_for ((uint64_t) page (1), PTE_CODE);
  uint64_t *pte = pte_of (root, SV39, CODE_VA, 0);
  *pte = ptes[0];
  static volatile uint64_t arguments[3];
  arguments[0] = (uint64_t) pte;
  arguments[1] = (uint64_t) ptes;
  arguments[2] = CODE_VA;

  struct emitter e = { (uint16_t *) page (2) };
  emit (&e, ADDI (S1, A0, 0));
  emit (&e, LD (A4, 0, A1));
  emit (&e, LD (A5, 8, A1));
  emit (&e, LD (A6, 16, A1));
  emit (&e, ADDI (A3, 0, 0));
  emit (&e, LD (T0, 0, A5));
  emit (&e, LD (T1, 8, A5));
  uint16_t *loop = e.at;
  emit (&e, JALR (RA, A6, 0));
  emit (&e, ADD (A3, A3, A0));
  emit (&e, SD (T1, 0, A4)); /* to the other page */
  emit (&e, SFENCE_VMA (A6));
  emit (&e, ADD (T2, T0, 0));
  emit (&e, ADD (T0, T1, 0));
  emit (&e, ADD (T1, T2, 0));
  emit (&e, ADDI (S1, S1, -1));
  emit (&e, BNE (S1, 0, back_to (&e, loop)));
  emit (&e, ADDI (A0, A3, 0));
  emit (&e, ECALL);
  fence_i ();
  set_satp (SV39, 1, root);
  sfence_all ();
  CHECK_EQ (probe (S, page (2), LOOPS, (uint64_t) arguments).a0, LOOPS / 2 * (3 + 5));
  satp_off ();
  free_tables ();
}

/* Address spaces 0 to 20 with other code at the same address, in no order. More of them than
 * implementations keep apart. */
static void
test_address_spaces (void)
{
  enum { SPACES = 21 };
  uint64_t *roots[SPACES];
  uint64_t *base = new_root (SV39);
  put_caller (page (22));
  for (unsigned i = 0; i < SPACES; i++) {
    roots[i] = new_table ();
    for (unsigned k = 0; k < 512; k++)
      roots[i][k] = base[k];
    put_function (page (i), 100 + i);
    map (roots[i], CODE_VA, page (i), PTE_CODE);
  }
  fence_i ();
  sfence_all ();
  unsigned random = 1;
  for (unsigned i = 0; i < LOOPS; i++) {
    random = random * 1103515245 + 12345;
    unsigned space = (random >> 16) % SPACES;
    set_satp (SV39, space, roots[space]);
    CHECK_EQ (probe (S, page (22), 7, CODE_VA).a0, 7 * (100 + space));
  }
  satp_off ();
  free_tables ();
}

/* From a loop that has run: jumps to odd addresses, to where nothing is mapped, to data. */
static void
test_targets (void)
{
  uint64_t *root = new_root (SV39);
  put_function (page (0), 1);
  put_caller (page (1));
  map (root, CODE_VA, page (0), PTE_CODE);
  map (root, DATA_VA, page (0), PTE_RW);
  fence_i ();
  set_satp (SV39, 1, root);
  sfence_all ();
  for (unsigned i = 0; i < 60; i++) {
    CHECK_EQ (probe (S, page (1), 50, CODE_VA + (i & 1)).a0, 50);
    uint64_t bad = i % 3 == 0 ? OTHER_VA + 8 * i : i % 3 == 1 ? DATA_VA : 1ull << 60;
    struct outcome o = probe (S, page (1), 50, bad);
    CHECK_EQ (o.taken, M);
    CHECK_EQ (o.cause, FETCH_PAGE);
    CHECK_EQ (o.epc, bad);
    CHECK_EQ (o.tval, bad);
    CHECK_EQ (o.a0, 50);
  }
  satp_off ();
  /* Where no memory is. */
  for (unsigned i = 0; i < 20; i++) {
    CHECK_EQ (probe (S, page (1), 50, (uint64_t) page (0)).a0, 50);
    struct outcome o = probe (S, page (1), 50, HOLE);
    CHECK_EQ (o.cause, FETCH_ACCESS);
    CHECK_EQ (o.epc, HOLE);
  }
  free_tables ();
}

/* PMP takes a page of compiled code away, and gives it back; then the half of it. */
static void
test_pmp (void)
{
  uint64_t address = (uint64_t) page (0);
  put_function (page (0), 9);
  put_function (page (0) + 2048, 11);
  put_caller (page (1));
  fence_i ();
  for (unsigned i = 0; i < 40; i++) {
    CHECK_EQ (probe (S, page (1), 100, address).a0, 900);
    CHECK_EQ (probe (S, page (1), 100, address + 2048).a0, 1100);
    csr_write (pmpaddr0, address >> 2 | 0x1ff); /* 4 KiB, read and write */
    csr_write (pmpcfg0, 0x1b);
    sfence_all ();
    struct outcome o = probe (S, page (1), 100, address);
    CHECK_EQ (o.cause, FETCH_ACCESS);
    CHECK_EQ (o.epc, address);
    csr_write (pmpaddr0, (address + 2048) >> 2 | 0xff); /* 2 KiB */
    sfence_all ();
    CHECK_EQ (probe (S, page (1), 100, address).a0, 900);
    o = probe (S, page (1), 100, address + 2048);
    CHECK_EQ (o.cause, FETCH_ACCESS);
    CHECK_EQ (o.epc, address + 2048);
    csr_write (pmpcfg0, 0);
    sfence_all ();
  }
}

int
main (void)
{
  test_border ();
  test_two_addresses ();
  test_move_from_code ();
  test_address_spaces ();
  test_targets ();
  test_pmp ();
  return 0;
}
