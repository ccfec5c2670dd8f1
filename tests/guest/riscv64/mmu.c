/* SPDX-License-Identifier: GPL-3.0-or-later
 * Address translation in Sv39, Sv48 and Sv57: permissions, A and D both ways, superpages, Svnapot,
 * Svpbmt, malformed entries, canonical addresses, address-space numbers, global pages, sfence.vma.
 */
#include "guest.h"

#define DATA_VA 0x1000200000ull /* unused by new_root() */

static uint8_t pages[32][4096] __attribute__ ((aligned (131072)));
static unsigned mode;
static uint64_t *root;

static uint64_t
first_word (unsigned page)
{
  return *(volatile uint64_t *) pages[page];
}

static void
setup (unsigned new_mode)
{
  mode = new_mode;
  satp_off ();
  free_tables ();
  root = new_root (mode);
  set_satp (mode, 1, root);
  sfence_all ();
  csr_clear (mstatus, MSTATUS_SUM | MSTATUS_MXR | MSTATUS_MPRV);
  csr_write (0x30a, 0); /* menvcfg: A and D are software's */
  for (unsigned i = 0; i < 32; i++)
    *(volatile uint64_t *) pages[i] = 0x1234567800000000 + i;
}

/* A page whose code is "ecall": what fetch probes jump to. */
static void
put_ecall (void *at)
{
  *(volatile uint32_t *) at = 0x00000073;
  __asm__ volatile("fence.i" ::: "memory");
}

enum { LOAD, STORE, FETCH };

static unsigned
page_fault_of (unsigned access)
{
  return access == LOAD ? LOAD_PAGE : access == STORE ? STORE_PAGE : FETCH_PAGE;
}

/* Accesses @va at @priv, in M with MPRV when @mprv (MPP is then @priv). Returns the cause, or -1.
 */
static int
attempt (unsigned priv, bool mprv, unsigned access, uint64_t va, int line)
{
  struct outcome o;
  uint64_t epc;
  if (mprv) {
    o = probe (M, access == LOAD ? p_mpp_lb : p_mpp_sb, va, (uint64_t) priv << 11);
    epc = (uint64_t) (access == LOAD ? p_mpp_lb_at : p_mpp_sb_at);
  } else {
    o = probe (priv, access == LOAD ? p_lb : access == STORE ? p_sb : p_jump, va, 0x73);
    epc = (uint64_t) (access == LOAD ? p_lb : p_sb);
    if (priv == U)
      epc += U_CODE - (uint64_t) probe_start;
    if (access == FETCH)
      epc = va;
  }
  if (o.taken == 0)
    return -1;
  CHECK_EQ_AT (line, o.taken, M);
  CHECK_EQ_AT (line, o.tval, va);
  CHECK_EQ_AT (line, o.epc, epc);
  return o.cause;
}

#define EXPECT(priv, access, va, cause)                                                            \
  CHECK_EQ ((uint64_t) attempt (priv, false, access, va, __LINE__), (uint64_t) (int64_t) (cause))

/* Every combination of R, W, X, U, SUM, MXR, privilege and access against the rules. */
static void
test_permissions (void)
{
  uint64_t *pte = pte_of (root, mode, DATA_VA, 0);
  put_ecall (pages[0]);
  for (unsigned bits = 0; bits < 16; bits++) {
    bool r = bits & 1, w = bits & 2, x = bits & 4, user = bits & 8;
    if (!r && !x && !w)
      continue; /* that is a pointer to a table */
    *pte = pte_for ((uint64_t) pages[0], PTE_V | PTE_A | PTE_D | (r ? PTE_R : 0) | (w ? PTE_W : 0)
                                             | (x ? PTE_X : 0) | (user ? PTE_U : 0));
    sfence_va (DATA_VA);
    for (unsigned how = 0; how < 4; how++)
      for (unsigned sum = 0; sum < 2; sum++)
        for (unsigned mxr = 0; mxr < 2; mxr++)
          for (unsigned access = LOAD; access <= FETCH; access++) {
            bool mprv = how >= 2;
            unsigned priv = how & 1 ? S : U;
            if (mprv && access == FETCH)
              continue;
            bool reserved = w && !r;
            bool right = access == LOAD ? r || (mxr && x) : access == STORE ? w : x;
            bool level = priv == U ? user : !user || (sum && access != FETCH);
            csr_clear (mstatus, MSTATUS_SUM | MSTATUS_MXR);
            csr_set (mstatus, (sum ? MSTATUS_SUM : 0) | (mxr ? MSTATUS_MXR : 0));
            int expected = !reserved && right && level ? -1 : (int) page_fault_of (access);
            int got = attempt (priv, mprv, access, DATA_VA, __LINE__);
            if (got != expected) {
              puts_ ("bits ");
              put_hex (bits);
              puts_ (" how/sum/mxr/access ");
              put_hex (how << 12 | sum << 8 | mxr << 4 | access);
            }
            CHECK_EQ (got, expected);
            put_ecall (pages[0]);
          }
  }
  csr_clear (mstatus, MSTATUS_SUM | MSTATUS_MXR);
  *pte = 0;
  sfence_va (DATA_VA);
  EXPECT (S, LOAD, DATA_VA, LOAD_PAGE);
  EXPECT (S, STORE, DATA_VA, STORE_PAGE);
  EXPECT (S, FETCH, DATA_VA, FETCH_PAGE);
  /* Atomics: LR reports a load, SC and AMO a store. */
  CHECK_EQ (probe (S, p_lrd, DATA_VA, 0).cause, LOAD_PAGE);
  CHECK_EQ (probe (S, p_amoaddd, DATA_VA, 0).cause, STORE_PAGE);
  *pte = pte_for ((uint64_t) pages[0], PTE_V | PTE_R | PTE_A | PTE_D);
  sfence_va (DATA_VA);
  CHECK_EQ (probe (S, p_lrd, DATA_VA, 0).taken, 0);
  CHECK_EQ (probe (S, p_amoaddd, DATA_VA, 0).cause, STORE_PAGE);
  *pte = 0;
  sfence_va (DATA_VA);
}

static void
test_accessed_dirty (bool hardware)
{
  uint64_t *pte = pte_of (root, mode, DATA_VA, 0);
  csr_write (0x30a, hardware ? MENVCFG_ADUE : 0);
  if ((csr_read (0x30a) & MENVCFG_ADUE) != (hardware ? MENVCFG_ADUE : 0))
    return; /* an oracle without Svadu */
  put_ecall (pages[0]);
  for (unsigned access = LOAD; access <= FETCH; access++) {
    uint64_t flags = PTE_V | PTE_R | PTE_W | PTE_X;
    *pte = pte_for ((uint64_t) pages[0], flags);
    sfence_va (DATA_VA);
    EXPECT (S, access, DATA_VA, hardware ? -1 : (int) page_fault_of (access));
    uint64_t expected = !hardware ? 0 : access == STORE ? PTE_A | PTE_D : PTE_A;
    CHECK_EQ (*pte, pte_for ((uint64_t) pages[0], flags | expected));

    *pte = pte_for ((uint64_t) pages[0], flags | PTE_A);
    sfence_va (DATA_VA);
    EXPECT (S, LOAD, DATA_VA, -1); /* enters the page without D */
    EXPECT (S, access, DATA_VA, hardware || access != STORE ? -1 : STORE_PAGE);
    expected = hardware && access == STORE ? PTE_A | PTE_D : PTE_A;
    CHECK_EQ (*pte, pte_for ((uint64_t) pages[0], flags | expected));
    put_ecall (pages[0]);
  }
  /* A refused access sets nothing. */
  *pte = pte_for ((uint64_t) pages[0], PTE_V | PTE_R);
  sfence_va (DATA_VA);
  EXPECT (S, STORE, DATA_VA, STORE_PAGE);
  CHECK_EQ (*pte, pte_for ((uint64_t) pages[0], PTE_V | PTE_R));
  /* An SC that fails for want of a reservation, an AMO: these are stores. */
  *pte = pte_for ((uint64_t) pages[0], PTE_V | PTE_R | PTE_W | PTE_A);
  sfence_va (DATA_VA);
  struct outcome o = probe (S, p_amoaddd, DATA_VA, 0);
  CHECK_EQ (o.taken, hardware ? 0 : M);
  CHECK_EQ (*pte & PTE_D, hardware ? PTE_D : 0);
  *pte = 0;
  sfence_va (DATA_VA);
  csr_write (0x30a, 0);
}

static void
test_superpages (void)
{
  for (unsigned level = 1; level <= mode - SV39 + 2; level++) {
    uint64_t size = PAGE << (9 * level);
    uint64_t va = (mode == SV39 ? 0x2000000000ull : 0x400000000000ull) & ~(size - 1);
    if (level == mode - SV39 + 2)
      va = size * 100; /* top level: another gigapage, 512 GiB page, ... below the hole */
    uint64_t *pte = pte_of (root, mode, va, level);
    uint64_t base = (uint64_t) pages & ~(size - 1);
    uint64_t offset = (uint64_t) pages[5] - base;
    *pte = pte_for (base, PTE_RWX);
    sfence_all ();
    struct outcome o = probe (S, p_ld, va + offset, 0);
    CHECK_EQ (o.taken, 0);
    CHECK_EQ (o.a0, first_word (5));
    CHECK_EQ (probe (S, p_ld, va + offset + PAGE, 0).a0, first_word (6));

    /* sfence.vma with any address of the superpage takes all of it. */
    *pte = 0;
    sfence_va (va);
    EXPECT (S, LOAD, va + offset, LOAD_PAGE);
    EXPECT (S, LOAD, va + offset + PAGE, LOAD_PAGE);

    /* Misaligned: any bit of the lower PPN fields set. */
    for (unsigned bit = 0; bit < 9 * level; bit++) {
      *pte = pte_for (base, PTE_RWX) ^ BIT (10 + bit);
      sfence_all ();
      EXPECT (S, LOAD, va + offset, LOAD_PAGE);
      EXPECT (S, STORE, va + offset, STORE_PAGE);
      EXPECT (S, FETCH, va + offset, FETCH_PAGE);
    }
    *pte = 0;
    sfence_all ();
  }
}

static void
test_malformed (void)
{
  uint64_t *pte = pte_of (root, mode, DATA_VA, 0);
  uint64_t good = pte_for ((uint64_t) pages[1], PTE_RWX);
  *pte = good;
  sfence_va (DATA_VA);
  EXPECT (S, LOAD, DATA_VA, -1);
  for (unsigned bit = 54; bit <= 60; bit++) {
    *pte = good | BIT (bit);
    sfence_va (DATA_VA);
    EXPECT (S, LOAD, DATA_VA, LOAD_PAGE);
    EXPECT (S, STORE, DATA_VA, STORE_PAGE);
  }
  /* Bits 8 and 9 are software's. */
  *pte = good | BIT (8) | BIT (9);
  sfence_va (DATA_VA);
  EXPECT (S, LOAD, DATA_VA, -1);
  /* A pointer at the last level. */
  *pte = pte_for ((uint64_t) new_table (), PTE_V);
  sfence_va (DATA_VA);
  EXPECT (S, LOAD, DATA_VA, LOAD_PAGE);
  *pte = good;
  /* A, D, U and the page's own bits mean nothing in a pointer and must be 0. */
  uint64_t *pointer = pte_of (root, mode, DATA_VA, 1);
  uint64_t old = *pointer;
  uint64_t bad[] = { PTE_A, PTE_D, PTE_U, PTE_N, PTE_PBMT (1), PTE_PBMT (2), BIT (54), BIT (60) };
  csr_write (0x30a, MENVCFG_PBMTE);
  for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    *pointer = old | bad[i];
    sfence_all ();
    EXPECT (S, LOAD, DATA_VA, LOAD_PAGE);
  }
  csr_write (0x30a, 0);
  *pointer = old & ~PTE_V;
  sfence_all ();
  EXPECT (S, LOAD, DATA_VA, LOAD_PAGE);
  /* A table that is not in memory: an access fault of the access. */
  *pointer = pte_for (HOLE, PTE_V);
  sfence_all ();
  EXPECT (S, LOAD, DATA_VA, LOAD_ACCESS);
  EXPECT (S, STORE, DATA_VA, STORE_ACCESS);
  EXPECT (S, FETCH, DATA_VA, FETCH_ACCESS);
  *pointer = old;
  /* A page that is not in memory. */
  *pte = pte_for (HOLE, PTE_RWX);
  sfence_all ();
  EXPECT (S, LOAD, DATA_VA, LOAD_ACCESS);
  EXPECT (S, STORE, DATA_VA, STORE_ACCESS);
  EXPECT (S, FETCH, DATA_VA, FETCH_ACCESS);
  *pte = 0;
  sfence_all ();
}

static void
test_napot (void)
{
  uint64_t va = DATA_VA;
  uint64_t block = (uint64_t) pages[16];
  for (unsigned i = 0; i < 16; i++)
    *pte_of (root, mode, va + i * PAGE, 0) = pte_for (block | 8 * PAGE, PTE_RW | PTE_N);
  sfence_all ();
  if (probe (S, p_ld, va, 0).taken != 0) {
    puts_ ("(no Svnapot)\n");
    return;
  }
  for (unsigned i = 0; i < 16; i++) {
    struct outcome o = probe (S, p_ld, va + i * PAGE, 0);
    CHECK_EQ (o.taken, 0);
    CHECK_EQ (o.a0, first_word (16 + i));
  }
  /* Other codes are reserved. */
  uint64_t *pte = pte_of (root, mode, va, 0);
  for (unsigned low = 0; low < 16; low++) {
    *pte = pte_for (block | low * PAGE, PTE_RW | PTE_N);
    sfence_all ();
    EXPECT (S, LOAD, va, low == 8 ? -1 : LOAD_PAGE);
  }
  for (unsigned i = 0; i < 16; i++)
    *pte_of (root, mode, va + i * PAGE, 0) = 0;
  /* Not at higher levels. */
  uint64_t *big = pte_of (root, mode, DATA_VA + 0x40000000, 1);
  *big = pte_for ((uint64_t) pages & ~0x1fffffull, PTE_RW | PTE_N);
  sfence_all ();
  EXPECT (S, LOAD, DATA_VA + 0x40000000, LOAD_PAGE);
  *big = 0;
  sfence_all ();
}

static void
test_pbmt (void)
{
  uint64_t *pte = pte_of (root, mode, DATA_VA, 0);
  csr_write (0x30a, MENVCFG_PBMTE);
  if (!(csr_read (0x30a) & MENVCFG_PBMTE))
    return;
  for (unsigned enabled = 0; enabled < 2; enabled++)
    for (unsigned type = 0; type < 4; type++) {
      csr_write (0x30a, enabled ? MENVCFG_PBMTE : 0);
      *pte = pte_for ((uint64_t) pages[2], PTE_RW | PTE_PBMT (type));
      sfence_all ();
      bool good = type == 0 || (enabled && type != 3);
      EXPECT (S, LOAD, DATA_VA, good ? -1 : LOAD_PAGE);
      EXPECT (S, STORE, DATA_VA, good ? -1 : STORE_PAGE);
    }
  csr_write (0x30a, 0);
  *pte = 0;
  sfence_all ();
}

/* All bits above the translated ones equal the highest of these. */
static void
test_canonical (void)
{
  unsigned bits = 39 + 9 * (mode - SV39);
  uint64_t high = -(1ull << (bits - 1)); /* the lowest address of the upper half */
  uint64_t *pte = pte_of (root, mode, high & (BIT (bits) - 1), 0);
  *pte = pte_for ((uint64_t) pages[3], PTE_RWX);
  put_ecall (pages[3]);
  sfence_all ();
  EXPECT (S, LOAD, high, -1);
  EXPECT (S, FETCH, high, -1);
  for (unsigned bit = bits; bit < 64; bit++) {
    EXPECT (S, LOAD, high ^ BIT (bit), LOAD_PAGE);
    EXPECT (S, STORE, high ^ BIT (bit), STORE_PAGE);
    EXPECT (S, FETCH, high ^ BIT (bit), FETCH_PAGE);
    EXPECT (S, LOAD, DATA_VA ^ BIT (bit), LOAD_PAGE);
  }
  EXPECT (S, LOAD, BIT (bits - 1), LOAD_PAGE);
  EXPECT (S, LOAD, high - 1, LOAD_PAGE);
  *pte = 0;
  sfence_all ();
}

/* Two address spaces with different pages at one address; switching needs no fence. */
static void
test_asids (void)
{
  csr_write (satp, (uint64_t) mode << 60 | 0xffffull << 44 | (uint64_t) root >> 12);
  CHECK_EQ ((csr_read (satp) >> 44) & 0xffff, 0xffff);
  set_satp (mode, 1, root);

  uint64_t *roots[12];
  for (unsigned i = 0; i < 12; i++) {
    roots[i] = i < 2 ? new_root (mode) : roots[i & 1];
    if (i < 2) {
      *pte_of (roots[i], mode, DATA_VA, 0) = pte_for ((uint64_t) pages[i], PTE_RW);
      *pte_of (roots[i], mode, DATA_VA + PAGE, 0) =
          pte_for ((uint64_t) pages[4 + i], PTE_RW | PTE_U);
    }
  }
  for (unsigned round = 0; round < 3; round++)
    for (unsigned i = 0; i < 12; i++) {
      set_satp (mode, 10 + i, roots[i]);
      CHECK_EQ (probe (S, p_ld, DATA_VA, 0).a0, first_word (i & 1));
      CHECK_EQ (probe (U, p_ld, DATA_VA + PAGE, 0).a0, first_word (4 + (i & 1)));
      csr_set (mstatus, MSTATUS_SUM);
      CHECK_EQ (probe (S, p_ld, DATA_VA + PAGE, 0).a0, first_word (4 + (i & 1)));
      csr_clear (mstatus, MSTATUS_SUM);
    }

  /* Each form of the fence makes a change seen. */
  for (unsigned form = 0; form < 5; form++) {
    for (unsigned user = 0; user < 2; user++) {
      uint64_t va = DATA_VA + user * PAGE;
      unsigned priv = user ? U : S;
      uint64_t *pte = pte_of (roots[0], mode, va, 0);
      uint64_t old = *pte;
      set_satp (mode, 10, roots[0]);
      CHECK_EQ (probe (priv, p_ld, va, 0).taken, 0);
      set_satp (mode, 11, roots[1]);
      CHECK_EQ (probe (priv, p_ld, va, 0).taken, 0);
      *pte = pte_for ((uint64_t) pages[9], old & 0x3ff);
      if (form == 0)
        sfence_all ();
      else if (form == 1)
        sfence_va (va);
      else if (form == 2)
        sfence_asid (10);
      else if (form == 3)
        sfence_va_asid (va, 10);
      else {
        probe (S, p_winval, 0, 0);
        probe (S, p_sinval, va, 10);
        probe (S, p_winval, 0, 0);
      }
      CHECK_EQ (probe (priv, p_ld, va, 0).a0, first_word (user ? 5 : 1));
      set_satp (mode, 10, roots[0]);
      CHECK_EQ (probe (priv, p_ld, va, 0).a0, first_word (9));
      *pte = old;
      sfence_all ();
    }
  }

  /* A global page is the same in every address space. */
  for (unsigned i = 0; i < 2; i++)
    *pte_of (roots[i], mode, DATA_VA + 2 * PAGE, 0) = pte_for ((uint64_t) pages[7], PTE_RW | PTE_G);
  sfence_all ();
  for (unsigned i = 0; i < 12; i++) {
    set_satp (mode, 10 + i, roots[i]);
    CHECK_EQ (probe (S, p_ld, DATA_VA + 2 * PAGE, 0).a0, first_word (7));
  }
  for (unsigned i = 0; i < 2; i++)
    *pte_of (roots[i], mode, DATA_VA + 2 * PAGE, 0) = 0;
  sfence_va (DATA_VA + 2 * PAGE);
  for (unsigned i = 0; i < 12; i++) {
    set_satp (mode, 10 + i, roots[i]);
    EXPECT (S, LOAD, DATA_VA + 2 * PAGE, LOAD_PAGE);
  }

  /* An entry that was invalid may be used as soon as it is valid, after a fence. */
  *pte_of (roots[1], mode, DATA_VA + 2 * PAGE, 0) = pte_for ((uint64_t) pages[8], PTE_RW);
  sfence_va_asid (DATA_VA + 2 * PAGE, 21);
  CHECK_EQ (probe (S, p_ld, DATA_VA + 2 * PAGE, 0).a0, first_word (8));
  set_satp (mode, 1, root);
  sfence_all ();
}

/* More pages than the TLB has room for in one place, and back. */
static void
test_conflicts (void)
{
  for (unsigned i = 0; i < 24; i++)
    *pte_of (root, mode, DATA_VA + i * 0x400000ull, 0) = pte_for ((uint64_t) pages[i], PTE_RW);
  sfence_all ();
  for (unsigned round = 0; round < 3; round++)
    for (unsigned i = 0; i < 24; i++) {
      CHECK_EQ (probe (S, p_ld, DATA_VA + i * 0x400000ull, 0).a0, first_word (i));
      CHECK_EQ (probe (S, p_sd, DATA_VA + i * 0x400000ull + 8, round * 100 + i).taken, 0);
      CHECK_EQ (((volatile uint64_t *) pages[i])[1], round * 100 + i);
    }
  for (unsigned i = 0; i < 24; i++) {
    *pte_of (root, mode, DATA_VA + i * 0x400000ull, 0) = 0;
    sfence_va (DATA_VA + i * 0x400000ull);
  }
  for (unsigned i = 0; i < 24; i++)
    EXPECT (S, LOAD, DATA_VA + i * 0x400000ull, LOAD_PAGE);
}

static void
test_satp (void)
{
  uint64_t value = csr_read (satp);
  for (unsigned m = 1; m < 16; m++) {
    if (m >= SV39 && m <= SV57)
      continue;
    csr_write (satp, (uint64_t) m << 60 | 5);
    CHECK_EQ (csr_read (satp), value);
  }
  csr_write (satp, 0);
  CHECK_EQ (csr_read (satp), 0);
  /* Bare: S sees physical addresses at once. */
  sfence_all ();
  CHECK_EQ (probe (S, p_ld, (uint64_t) pages[1], 0).a0, first_word (1));
  set_satp (mode, 1, root);
  sfence_all ();
  EXPECT (S, LOAD, DATA_VA + 0x40000000, LOAD_PAGE);
}

/* Misaligned accesses over a page border: the part that faults is named, and nothing of a store
 * that faults is done. Instructions too. */
static void
test_crossing (void)
{
  uint64_t *low = pte_of (root, mode, DATA_VA, 0);
  uint64_t *high = pte_of (root, mode, DATA_VA + PAGE, 0);
  *low = pte_for ((uint64_t) pages[10], PTE_RWX);
  *high = pte_for ((uint64_t) pages[3], PTE_RWX);
  sfence_all ();
  volatile uint8_t *end = pages[10] + 4088, *start = pages[3];
  for (unsigned i = 0; i < 8; i++) {
    end[i] = 0x10 + i;
    start[i] = 0x20 + i;
  }
  for (unsigned at = 1; at < 8; at++) {
    uint64_t expected = 0;
    for (unsigned i = 0; i < 8; i++)
      expected |= (uint64_t) (at + i < 8 ? 0x10 + at + i : 0x20 + at + i - 8) << (8 * i);
    CHECK_EQ (probe (S, p_ld, DATA_VA + 4088 + at, 0).a0, expected);
    CHECK_EQ (probe (S, p_sd, DATA_VA + 4088 + at, expected).taken, 0);
    CHECK_EQ (probe (S, p_ld, DATA_VA + 4088 + at, 0).a0, expected);
  }
  CHECK_EQ (probe (S, p_lh, DATA_VA + 4095, 0).a0, 0x2017);
  CHECK_EQ (probe (S, p_lw, DATA_VA + 4093, 0).a0, 0x20171615);

  *high = 0;
  sfence_va (DATA_VA + PAGE);
  struct outcome o = probe (S, p_ld, DATA_VA + 4092, 0);
  CHECK_EQ (o.cause, LOAD_PAGE);
  CHECK_EQ (o.tval, DATA_VA + PAGE);
  CHECK_EQ (o.epc, (uint64_t) p_ld);
  o = probe (S, p_sd, DATA_VA + 4092, UINT64_MAX);
  CHECK_EQ (o.cause, STORE_PAGE);
  CHECK_EQ (o.tval, DATA_VA + PAGE);
  CHECK_EQ (end[4], 0x14);
  CHECK_EQ (end[7], 0x17);
  *high = pte_for ((uint64_t) pages[3], PTE_V | PTE_R | PTE_A | PTE_D);
  sfence_va (DATA_VA + PAGE);
  o = probe (S, p_sw, DATA_VA + 4093, UINT64_MAX);
  CHECK_EQ (o.cause, STORE_PAGE);
  CHECK_EQ (o.tval, DATA_VA + PAGE);
  CHECK_EQ (end[5], 0x15);
  *high = pte_for ((uint64_t) pages[3], PTE_RWX);
  *low = 0;
  sfence_all ();
  o = probe (S, p_sd, DATA_VA + 4092, UINT64_MAX);
  CHECK_EQ (o.cause, STORE_PAGE);
  CHECK_EQ (o.tval, DATA_VA + 4092);
  CHECK_EQ (start[0], 0x20);

  /* An instruction over the border: "ecall" at the last two bytes of a page. */
  *low = pte_for ((uint64_t) pages[10], PTE_RWX);
  *high = 0;
  *(volatile uint16_t *) (pages[10] + 4094) = 0x0073;
  *(volatile uint16_t *) pages[3] = 0;
  __asm__ volatile("fence.i" ::: "memory");
  sfence_all ();
  o = probe (S, p_jump, DATA_VA + 4094, 0);
  CHECK_EQ (o.cause, FETCH_PAGE);
  CHECK_EQ (o.epc, DATA_VA + 4094);
  CHECK_EQ (o.tval, DATA_VA + PAGE);
  *high = pte_for ((uint64_t) pages[3], PTE_RWX);
  sfence_va (DATA_VA + PAGE);
  o = probe (S, p_jump, DATA_VA + 4094, 0);
  CHECK_EQ (o.taken, 0);
  CHECK_EQ (o.epc, DATA_VA + 4094);
  /* A compressed one there (c.nop) is in one page only; the next one is not. */
  *(volatile uint16_t *) (pages[10] + 4094) = 0x0001;
  *(volatile uint32_t *) pages[3] = 0x00000073;
  __asm__ volatile("fence.i" ::: "memory");
  *high = 0;
  sfence_all ();
  o = probe (S, p_jump, DATA_VA + 4094, 0);
  CHECK_EQ (o.cause, FETCH_PAGE);
  CHECK_EQ (o.epc, DATA_VA + PAGE);
  CHECK_EQ (o.tval, DATA_VA + PAGE);
  *low = 0;
  sfence_all ();
}

int
main (void)
{
  for (unsigned m = SV39; m <= SV57; m++) {
    csr_write (satp, (uint64_t) m << 60);
    if (csr_read (satp) >> 60 != m) {
      CHECK_EQ (m, SV57); /* only an oracle may lack it */
      continue;
    }
    setup (m);
    test_permissions ();
    test_accessed_dirty (false);
    test_accessed_dirty (true);
    setup (m);
    test_superpages ();
    test_malformed ();
    setup (m);
    test_napot ();
    test_pbmt ();
    test_canonical ();
    setup (m);
    test_asids ();
    setup (m);
    test_conflicts ();
    test_satp ();
    test_crossing ();
  }
  satp_off ();
  return 0;
}
