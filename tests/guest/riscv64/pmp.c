/* SPDX-License-Identifier: GPL-3.0-or-later
 * Physical memory protection: OFF, TOR, NA4, NAPOT; priorities, partial matches, locks, MPRV, page
 * tables, instruction fetch at the granularity of four bytes. */
#include "guest.h"

static uint8_t area[16384] __attribute__ ((aligned (16384)));

enum { OFF = 0, TOR = 1 << 3, NA4 = 2 << 3, NAPOT = 3 << 3, R = 1, W = 2, X = 4, L = 0x80 };

static void
set_config (unsigned entry, uint8_t config)
{
  unsigned shift = entry % 8 * 8;
  uint64_t keep = ~(0xffull << shift), bits = (uint64_t) config << shift;
  if (entry < 8)
    csr_write (pmpcfg0, (csr_read (pmpcfg0) & keep) | bits);
  else
    csr_write (pmpcfg2, (csr_read (pmpcfg2) & keep) | bits);
}

static uint8_t
get_config (unsigned entry)
{
  return (entry < 8 ? csr_read (pmpcfg0) : csr_read (pmpcfg2)) >> (entry % 8 * 8);
}

static void
set_address (unsigned entry, uint64_t value)
{
  switch (entry) {
  case 0:
    csr_write (pmpaddr0, value);
    break;
  case 1:
    csr_write (pmpaddr1, value);
    break;
  case 2:
    csr_write (pmpaddr2, value);
    break;
  case 3:
    csr_write (pmpaddr3, value);
    break;
  case 4:
    csr_write (pmpaddr4, value);
    break;
  }
}

static uint64_t
napot (uint64_t base, uint64_t size)
{
  return base >> 2 | ((size >> 3) - 1);
}

static void
clear (void)
{
  for (unsigned i = 0; i < 5; i++) {
    set_config (i, 0);
    set_address (i, 0);
  }
}

static void
put_ecall (void *at)
{
  ((volatile uint16_t *) at)[0] = 0x0073;
  ((volatile uint16_t *) at)[1] = 0;
  __asm__ volatile("fence.i" ::: "memory");
}

static void
expect_at (int line, unsigned priv, const char *code, uint64_t address, int cause)
{
  struct outcome o = probe (priv, code, address, 0x73);
  if (cause < 0) {
    CHECK_EQ_AT (line, o.taken, 0);
    return;
  }
  CHECK_EQ_AT (line, o.taken, M);
  CHECK_EQ_AT (line, o.cause, cause);
  CHECK_EQ_AT (line, o.tval, address);
}
#define expect(...) expect_at (__LINE__, __VA_ARGS__)

/* Every permission by each mode of matching, for a range and its neighbours. */
static void
test_modes (void)
{
  uint64_t base = (uint64_t) area + 4096;
  static const uint64_t sizes[] = { 4, 8, 64, 4096, 8192 };
  for (unsigned s = 0; s < 5; s++) {
    uint64_t size = sizes[s];
    uint64_t start = size == 8192 ? (uint64_t) area + 8192 : base;
    for (unsigned mode = TOR; mode <= NAPOT; mode += TOR)
      for (unsigned bits = 0; bits < 8; bits++) {
        if ((bits & (R | W)) == W || (mode == NA4 && size != 4) || (mode == NAPOT && size < 8))
          continue;
        clear ();
        unsigned entry = 1;
        if (mode == TOR) {
          set_address (0, start >> 2);
          set_address (1, (start + size) >> 2);
        } else {
          set_address (1, mode == NA4 ? start >> 2 : napot (start, size));
        }
        set_config (entry, mode | bits);
        CHECK_EQ (get_config (entry), mode | bits);
        for (unsigned priv = 0; priv <= S; priv++) {
          put_ecall ((void *) start);
          put_ecall ((void *) (start + size - 4));
          expect (priv, p_lw, start, bits & R ? -1 : LOAD_ACCESS);
          expect (priv, p_lw, start + size - 4, bits & R ? -1 : LOAD_ACCESS);
          expect (priv, p_sw, start, bits & W ? -1 : STORE_ACCESS);
          expect (priv, p_sw, start + size - 4, bits & W ? -1 : STORE_ACCESS);
          put_ecall ((void *) start);
          put_ecall ((void *) (start + size - 4));
          expect (priv, p_jump, start, bits & X ? -1 : FETCH_ACCESS);
          expect (priv, p_jump, start + size - 4, bits & X ? -1 : FETCH_ACCESS);
          /* The last entry grants everything to the neighbours. */
          expect (priv, p_lw, start - 4, -1);
          expect (priv, p_lw, start + size, -1);
          expect (priv, p_sw, start - 4, -1);
          expect (priv, p_sw, start + size, -1);
          put_ecall ((void *) (start - 4));
          put_ecall ((void *) (start + size));
          expect (priv, p_jump, start - 4, -1);
          expect (priv, p_jump, start + size, -1);
        }
        /* M is not concerned. */
        expect (M, p_lw, start, -1);
        expect (M, p_sw, start, -1);
        put_ecall ((void *) start);
        expect (M, p_jump, start, -1);
      }
  }
  clear ();
}

/* An access that an entry matches in part fails, whatever the entries say. */
static void
test_partial (void)
{
  uint64_t base = (uint64_t) area + 4096 + 64;
  set_address (0, base >> 2);
  set_config (0, NA4 | R | W | X);
  expect (S, p_lw, base, -1);
  expect (S, p_ld, base, LOAD_ACCESS);
  expect (S, p_sd, base, STORE_ACCESS);
  expect (S, p_ld, base + 8, -1);
  expect (S, p_lw, base - 2, LOAD_ACCESS);
  expect (S, p_lw, base + 2, LOAD_ACCESS);
  expect (S, p_lrd, base, LOAD_ACCESS);
  expect (S, p_amoaddd, base, STORE_ACCESS);
  expect (S, p_amoaddw, base, -1);
  clear ();
}

static void
test_priority (void)
{
  uint64_t base = (uint64_t) area;
  set_address (0, napot (base + 4096, 4096));
  set_config (0, NAPOT | R);
  set_address (1, napot (base, 16384));
  set_config (1, NAPOT | R | W);
  set_address (2, napot (base, 16384));
  set_config (2, NAPOT);
  expect (U, p_sw, base, -1);
  expect (U, p_sw, base + 4096, STORE_ACCESS);
  expect (U, p_lw, base + 4096, -1);
  expect (U, p_sw, base + 8192, -1);
  put_ecall (area);
  expect (U, p_jump, base, FETCH_ACCESS);
  /* A TOR entry whose range is empty matches nothing. */
  clear ();
  set_address (0, (base + 8192) >> 2);
  set_address (1, (base + 4096) >> 2);
  set_config (1, TOR);
  expect (U, p_lw, base + 4096, -1);
  /* TOR of entry 0 begins at 0. */
  clear ();
  set_address (0, base >> 2);
  set_config (0, TOR | R | X); /* the programs's code is in here */
  expect (U, p_lw, base - 4, -1);
  expect (U, p_sw, base - 4, STORE_ACCESS);
  expect (U, p_sw, base, -1);
  clear ();
}

/* Without any match, S and U may do nothing and M everything. */
static void
test_no_match (void)
{
  uint64_t code = (uint64_t) probe_start;
  set_address (0, napot (code, 4096));
  set_config (0, NAPOT | R | X);
  csr_write (pmpcfg2, 0);
  expect (S, p_nop, 0, -1);
  expect (S, p_lw, (uint64_t) area, LOAD_ACCESS);
  expect (S, p_lw, code, -1);
  expect (U, p_sw, (uint64_t) area, STORE_ACCESS);
  expect (U, p_jump, (uint64_t) area, FETCH_ACCESS);
  expect (M, p_sw, (uint64_t) area, -1);
  pmp_open ();
  expect (S, p_lw, (uint64_t) area, -1);
  clear ();
}

/* MPRV: with the rights of MPP. */
static void
test_mprv (void)
{
  uint64_t base = (uint64_t) area + 4096;
  set_address (0, napot (base, 4096));
  set_config (0, NAPOT | R);
  for (unsigned priv = 0; priv <= S; priv++) {
    CHECK_EQ (probe (M, p_mpp_lb, base, priv << 11).taken, 0);
    struct outcome o = probe (M, p_mpp_sb, base, priv << 11);
    CHECK_EQ (o.taken, M);
    CHECK_EQ (o.cause, STORE_ACCESS);
    CHECK_EQ (o.epc, (uint64_t) p_mpp_sb_at);
    CHECK_EQ (o.status & MSTATUS_MPRV, MSTATUS_MPRV); /* a trap leaves it */
  }
  CHECK_EQ (probe (M, p_mpp_sb, base, 3 << 11).taken, 0);
  clear ();
}

/* A page table that S may not read, or not write for A and D: access faults. */
static void
test_page_tables (void)
{
  uint64_t *root = new_root (SV39);
  uint64_t va = 0x1000000000;
  uint64_t *pte = pte_of (root, SV39, va, 0);
  uint64_t table = (uint64_t) pte & ~(PAGE - 1);
  *pte = pte_for ((uint64_t) area, PTE_V | PTE_R | PTE_W);
  set_satp (SV39, 0, root);
  sfence_all ();
  csr_write (0x30a, MENVCFG_ADUE);
  set_address (0, napot (table, 4096));
  set_config (0, NAPOT);
  sfence_all ();
  expect (S, p_lw, va, LOAD_ACCESS);
  expect (S, p_sw, va, STORE_ACCESS);
  expect (S, p_jump, va, FETCH_ACCESS);
  set_config (0, NAPOT | R);
  sfence_all ();
  expect (S, p_lw, va, LOAD_ACCESS); /* A cannot be set */
  CHECK_EQ (*pte & PTE_A, 0);
  *pte |= PTE_A;
  expect (S, p_lw, va, -1);
  expect (S, p_sw, va, STORE_ACCESS); /* nor D */
  set_config (0, NAPOT | R | W);
  sfence_all ();
  expect (S, p_sw, va, -1);
  CHECK_EQ (*pte & PTE_D, PTE_D);
  /* The page itself. */
  set_address (0, napot ((uint64_t) area, 4096));
  set_config (0, NAPOT | R);
  sfence_all ();
  expect (S, p_lw, va, -1);
  expect (S, p_sw, va, STORE_ACCESS);
  clear ();
  sfence_all ();
  expect (S, p_sw, va, -1);
  csr_write (0x30a, 0);
  satp_off ();
}

/* What is granted of a part of a superpage is not granted of the rest. */
static void
test_superpage (void)
{
  const uint64_t size = PAGE << 9, va = 0x1000000000;
  uint64_t *root = new_root (SV39);
  uint64_t start = (uint64_t) area & ~(size - 1), inside = (uint64_t) area - start;
  *pte_of (root, SV39, va, 1) = pte_for (start, PTE_RWX);
  set_satp (SV39, 0, root);
  for (unsigned bits = 0; bits < 4; bits++) {
    if (bits == W)
      continue;
    set_address (0, napot ((uint64_t) area + PAGE, PAGE));
    set_config (0, NAPOT | bits);
    sfence_all ();
    for (unsigned round = 0; round < 2; round++) {
      for (unsigned page = 0; page < 3; page++) {
        uint64_t at = va + inside + page * PAGE;
        expect (S, p_lw, at, page != 1 || bits & R ? -1 : LOAD_ACCESS);
        expect (S, p_sw, at, page != 1 || bits & W ? -1 : STORE_ACCESS);
      }
    }
  }
  clear ();
  sfence_all ();
  satp_off ();
}

/* Code up to a border within a page, and an instruction over it. */
static void
test_fetch_border (void)
{
  uint64_t base = (uint64_t) area + 8192;
  volatile uint32_t *code = (volatile uint32_t *) base;
  code[0] = 0x00150513; /* addi a0, a0, 1 */
  code[1] = 0x00150513;
  code[2] = 0x00150513;
  code[3] = 0x00000073;
  __asm__ volatile("fence.i" ::: "memory");
  struct outcome o = probe (S, (void *) base, 10, 0);
  CHECK_EQ (o.taken, 0);
  CHECK_EQ (o.a0, 13);
  set_address (0, (base + 8) >> 2);
  set_config (0, NA4 | R);
  o = probe (S, (void *) base, 10, 0);
  CHECK_EQ (o.taken, M);
  CHECK_EQ (o.cause, FETCH_ACCESS);
  CHECK_EQ (o.epc, base + 8);
  CHECK_EQ (o.tval, base + 8);
  CHECK_EQ (o.a0, 12);
  set_config (0, NA4 | R | X);
  o = probe (S, (void *) base, 10, 0);
  CHECK_EQ (o.taken, 0);
  CHECK_EQ (o.a0, 13);
  clear ();
}

/* Locked entries bind M too and cannot be changed; last test, as nothing undoes it. */
static void
test_lock (void)
{
  uint64_t base = (uint64_t) area + 4096;
  set_address (0, base >> 2);
  set_address (1, (base + 4096) >> 2);
  set_config (1, L | TOR | R);
  expect (M, p_lw, base, -1);
  expect (M, p_sw, base, STORE_ACCESS);
  put_ecall ((void *) (base - 4));
  expect (M, p_jump, base, FETCH_ACCESS);
  expect (M, p_jump, base - 4, -1);
  expect (S, p_sw, base, STORE_ACCESS);
  set_config (1, 0);
  CHECK_EQ (get_config (1), L | TOR | R);
  uint64_t old = csr_read (pmpaddr1);
  set_address (1, old + 1024);
  CHECK_EQ (csr_read (pmpaddr1), old);
  /* The bottom of a locked range is locked with it. */
  old = csr_read (pmpaddr0);
  set_address (0, 0);
  CHECK_EQ (csr_read (pmpaddr0), old);
  /* A locked NAPOT one does not lock its neighbour. */
  set_address (3, napot (base + 8192, 4096));
  set_config (3, L | NAPOT | W | R);
  set_address (2, 77);
  CHECK_EQ (csr_read (pmpaddr2), 77);
  put_ecall ((void *) (base + 8192));
  expect (M, p_jump, base + 8192, FETCH_ACCESS);
  expect (M, p_sw, base + 8192, -1);
}

int
main (void)
{
  /* WARL: 54 bits of address, W without R is not kept, reserved bits read 0. */
  csr_write (pmpaddr0, UINT64_MAX);
  CHECK_EQ (csr_read (pmpaddr0), BIT (54) - 1);
  set_address (0, 0);
  set_config (0, W);
  CHECK (get_config (0) == 0 || get_config (0) == (R | W));
  set_config (0, 0x60);
  CHECK_EQ (get_config (0), 0);
  clear ();
  test_modes ();
  test_partial ();
  test_priority ();
  test_no_match ();
  test_mprv ();
  test_page_tables ();
  test_superpage ();
  test_fetch_border ();
  test_lock ();
  return 0;
}
