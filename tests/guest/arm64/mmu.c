/* SPDX-License-Identifier: GPL-3.0-or-later
 * Translation with every granule: pages, blocks, what is no descriptor, access flags and dirty
 * state, permissions of both levels, PAN, ASIDs, TLB maintenance, tags, the upper half, sizes. */
#include "guest.h"

bool
begins_translated (void)
{
  return false;
}

static uint8_t area[4 << 16] __attribute__ ((aligned (1 << 16)));
static uint64_t *root;
static unsigned grain;

#define VA 0x800000000000ull /* nothing else is near it */

static uint64_t
physical (unsigned page)
{
  return (uint64_t) area + ((uint64_t) page << grain);
}

static volatile uint64_t *
word_of (unsigned page)
{
  return (volatile uint64_t *) physical (page);
}

static void
put (uint64_t va, unsigned level, uint64_t desc)
{
  *pte_of (root, grain, va, level) = desc;
  tlbi_all ();
}

static struct outcome
access (unsigned mode, const char *code, uint64_t va)
{
  return probe (mode, code, va, 0x1234);
}

static void
check_fault_at (int line, struct outcome o, unsigned mode, unsigned status, bool write, uint64_t va)
{
  CHECK_EQ_AT (line, o.vector, mode == EL0 ? FROM_LOWER : FROM_SAME);
  CHECK_EQ_AT (line, ec_of (o), mode == EL0 ? EC_DATA_LOWER : EC_DATA_SAME);
  CHECK_EQ_AT (line, iss_of (o), status | (write ? ISS_WNR : 0));
  CHECK_EQ_AT (line, o.far, va);
}
#define CHECK_FAULT(mode, code, va, status, write)                                                 \
  check_fault_at (__LINE__, access (mode, code, va), mode, status, write, va)
#define CHECK_DONE(mode, code, va) CHECK_EQ (access (mode, code, va).vector, -1)

static void
begin (unsigned of)
{
  grain = of;
  for (unsigned i = 0; i < 4; i++)
    *word_of (i) = 0x100 + i;
  root = new_root (grain);
  mmu_on (root, grain, 1, 0);
}

static void
end (void)
{
  mmu_off ();
  free_tables ();
}

/* ---- Where a walk ends ---- */

static void
test_levels (void)
{
  unsigned first = grain == 16 ? 1 : 0;
  for (unsigned level = first; level < 4; level++) {
    bool block = level == 3 || level == 2 || (level == 1 && grain == 12);
    uint64_t va = VA + 0x10, inside = BIT (level_shift (grain, level)) - 1;
    put (va, level, 0);
    CHECK_FAULT (EL1, p_ldr, va, FSC_TRANSLATION + level, false);
    CHECK_FAULT (EL1, p_str, va, FSC_TRANSLATION + level, true);
    /* At level 3 bit 1 makes it a page; elsewhere, where there are no blocks, nothing does. */
    if (level == 3) {
      put (va, level, physical (0) | PTE_RW);
      CHECK_FAULT (EL1, p_ldr, va, FSC_TRANSLATION + level, false);
    } else if (!block) {
      put (va, level, PTE_RW);
      CHECK_FAULT (EL1, p_ldr, va, FSC_TRANSLATION + level, false);
    }
    if (block) {
      /* The block that the area is in: the same place in it. */
      uint64_t at = VA + (physical (1) & inside);
      put (at, level, leaf (physical (1) & ~inside, level, PTE_RW));
      CHECK_EQ (access (EL1, p_ldr, at).x0, 0x101);
      put (at, level, leaf (physical (1) & ~inside, level, PTE_RW) & ~PTE_AF);
      CHECK_FAULT (EL1, p_ldr, at, FSC_ACCESS + level, false);
      put (at, level, leaf (physical (1) & ~inside, level, PTE_RW | PTE_READONLY));
      CHECK_FAULT (EL1, p_str, at, FSC_PERMISSION + level, true);
      CHECK_FAULT (EL0, p_ldr, at, FSC_PERMISSION + level, false);
      /* No memory there, and no memory where the next table should be. */
      put (at, level, leaf (BIT (43), level, PTE_RW));
      CHECK_FAULT (EL1, p_ldr, at, FSC_EXTERNAL, false);
      put (at, level, 0);
    }
    if (level < 3) {
      put (va, level, (0x20000000ull & ~(BIT (grain) - 1)) | PTE_TABLE | PTE_VALID);
      CHECK_FAULT (EL1, p_ldr, va, FSC_EXTERNAL_WALK + level + 1, false);
    }
    put (va, level, 0);
  }
  /* Outside of the lower half. */
  CHECK_FAULT (EL1, p_ldr, BIT (48), FSC_TRANSLATION, false);
  CHECK_FAULT (EL1, p_ldr, 0xffff000000000000, FSC_TRANSLATION, false);
}

/* Output addresses beyond the implemented or configured size. */
static void
test_address_size (void)
{
  put (VA, 3, leaf (BIT (44), 3, PTE_RW));
  CHECK_FAULT (EL1, p_ldr, VA, FSC_ADDRESS_SIZE + 3, false);
  sysreg_write (tcr_el1, sysreg_read (tcr_el1) & ~(7ull << 32)); /* 32 bits */
  isb ();
  tlbi_all ();
  put (VA, 3, leaf (BIT (32), 3, PTE_RW));
  CHECK_FAULT (EL1, p_ldr, VA, FSC_ADDRESS_SIZE + 3, false);
  put (VA, 3, leaf (physical (0), 3, PTE_RW));
  CHECK_DONE (EL1, p_ldr, VA);
  put (VA, 2, BIT (33) | PTE_TABLE | PTE_VALID);
  CHECK_FAULT (EL1, p_ldr, VA, FSC_ADDRESS_SIZE + 2, false);
  put (VA, 2, 0);
  sysreg_write (tcr_el1, sysreg_read (tcr_el1) | 4ull << 32);
  isb ();
  tlbi_all ();
}

/* ---- Permissions ---- */

static bool
may (unsigned mode, const char *code, uint64_t va)
{
  struct outcome o = access (mode, code, va);
  if (o.vector != -1)
    CHECK_EQ (iss_of (o) & 0x3f, FSC_PERMISSION + 3);
  return o.vector == -1;
}

static bool
may_execute (unsigned mode, uint64_t va)
{
  struct outcome o = probe (mode, p_br, va, 0);
  if (o.vector != -1) {
    CHECK_EQ (ec_of (o), mode == EL0 ? EC_FETCH_LOWER : EC_FETCH_SAME);
    CHECK_EQ (iss_of (o), FSC_PERMISSION + 3);
    CHECK_EQ (o.far, va);
    CHECK_EQ (o.elr, va);
  }
  return o.vector == -1;
}

static void
test_permissions (void)
{
  static const uint32_t code[] = { 0xd503201f, 0xd401ffe1 }; /* nop; svc #0xfff */
  volatile uint32_t *at = (volatile uint32_t *) (physical (2) + 0x20);
  at[0] = code[0];
  at[1] = code[1];
  for (unsigned i = 0; i < 64; i++) {
    bool user = i & 1, readonly = i & 2, pxn = i & 4, uxn = i & 8, wxn = i & 16, pan = i & 32;
    uint64_t flags = (user ? PTE_USER : 0) | (readonly ? PTE_READONLY : 0) | (pxn ? PTE_PXN : 0)
                     | (uxn ? PTE_UXN : 0);
    put (VA, 3, leaf (physical (2), 3, PTE_RW | flags));
    CHECK_EQ (may (EL0, p_ldr, VA), user);
    CHECK_EQ (may (EL0, p_str, VA), user && !readonly);
    uint64_t spsr = PSTATE_DAIF | EL1 | (pan ? PSTATE_PAN : 0);
    struct outcome o = probe_spsr (spsr, p_ldr, VA, 0);
    CHECK_EQ (o.vector == -1, !(user && pan));
    o = probe_spsr (spsr, p_str, VA, 0);
    CHECK_EQ (o.vector == -1, !(user && pan) && !readonly);
    /* With the rights of EL0 whatever PAN says. */
    o = probe_spsr (spsr, p_ldtr, VA, 0);
    CHECK_EQ (o.vector == -1, user);
    o = probe_spsr (spsr, p_sttr, VA, 0);
    CHECK_EQ (o.vector == -1, user && !readonly);
    if (!(user && !readonly))
      CHECK_EQ (ec_of (o), EC_DATA_SAME);
    sysreg_write (s3_0_c4_c2_3, 0);

    /* Execution; where EL0 may write EL1 never executes. WXN would take our own code. */
    if (wxn)
      continue;
    CHECK_EQ (may_execute (EL0, VA + 0x20), !uxn); /* readable or not */
    CHECK_EQ (may_execute (EL1, VA + 0x20), !pxn && !(user && !readonly));
  }
}

/* With WXN what may be written is not executed, by who may write it. */
static void
test_wxn (void)
{
  const uint64_t start = 0x40000000, size = BIT (level_shift (grain, 2));
  uint64_t end = start + size < start + 0x4000000 ? start + size : start + 0x4000000;
  volatile uint32_t *at = (volatile uint32_t *) (physical (2) + 0x20);
  at[0] = 0xd503201f;
  at[1] = 0xd401ffe1;
  /* Our own code, which is at the start of memory, must be read-only then. */
  mmu_off ();
  *pte_of (root, grain, start, 2) = 0;
  for (uint64_t va = start; va < end; va += BIT (grain))
    *pte_of (root, grain, va, 3) =
        leaf (va, 3, PTE_RW | PTE_UXN | (va < (uint64_t) probe_end ? PTE_READONLY : 0));
  mmu_on (root, grain, 1, 0);
  for (unsigned wxn = 0; wxn < 2; wxn++) {
    sysreg_write (sctlr_el1, SCTLR_RES1 | SCTLR_M | (wxn ? SCTLR_WXN : 0));
    isb ();
    put (VA, 3, leaf (physical (2), 3, PTE_RW));
    CHECK_EQ (may_execute (EL1, VA + 0x20), !wxn);
    CHECK (may_execute (EL0, VA + 0x20)); /* which cannot write */
    put (VA, 3, leaf (physical (2), 3, PTE_RW | PTE_READONLY));
    CHECK (may_execute (EL1, VA + 0x20));
    put (VA, 3, leaf (physical (2), 3, PTE_RW | PTE_USER));
    CHECK_EQ (may_execute (EL0, VA + 0x20), !wxn);
    put (VA, 3, leaf (physical (2), 3, PTE_RW | PTE_USER | PTE_READONLY));
    CHECK (may_execute (EL0, VA + 0x20));
  }
  sysreg_write (sctlr_el1, SCTLR_RES1 | SCTLR_M);
  isb ();
  tlbi_all ();
}

/* Which of its two accesses an atomic's fault is of. */
static void
test_atomics (unsigned mode)
{
  static const char *const codes[] = { p_ldadd, p_cas, p_casp, p_swpb };
  for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    put (VA, 3, 0);
    CHECK_FAULT (mode, codes[i], VA, FSC_TRANSLATION + 3, false);
    put (VA, 3, leaf (physical (0), 3, PTE_RW | PTE_USER) & ~PTE_AF);
    CHECK_FAULT (mode, codes[i], VA, FSC_ACCESS + 3, false);
    put (VA, 3, leaf (physical (0), 3, PTE_RW | PTE_USER | PTE_READONLY));
    CHECK_FAULT (mode, codes[i], VA, FSC_PERMISSION + 3, true);
    if (mode == EL0) {
      put (VA, 3, leaf (physical (0), 3, PTE_RW));
      CHECK_FAULT (mode, codes[i], VA, FSC_PERMISSION + 3, false);
    }
    put (VA, 3, leaf (physical (0), 3, PTE_RW | PTE_USER));
    CHECK_DONE (mode, codes[i], VA);
  }
}

/* Device memory takes no misaligned accesses, whatever is behind it. */
static void
test_device (unsigned mode)
{
  const uint64_t device = PTE_RW | PTE_USER | 1 << 2, last = VA + BIT (grain);
  put (VA, 3, leaf (physical (0), 3, device));
  put (last, 3, leaf (physical (1), 3, device));
  for (unsigned i = 0; i < 2; i++) { /* the second time it would be in a TLB */
    CHECK_DONE (mode, p_ldr, VA + 8);
    CHECK_DONE (mode, p_str, VA + 8);
    CHECK_DONE (mode, p_ldrb, VA + 3);
    CHECK_DONE (mode, p_strb, VA + 3);
    CHECK_FAULT (mode, p_ldr, VA + 4, FSC_ALIGNMENT, false);
    CHECK_FAULT (mode, p_str, VA + 1, FSC_ALIGNMENT, true);
    CHECK_FAULT (mode, p_ldrw, VA + 2, FSC_ALIGNMENT, false);
    CHECK_FAULT (mode, p_ldr, last - 4, FSC_ALIGNMENT, false);
    CHECK_FAULT (mode, p_str, last - 4, FSC_ALIGNMENT, true);
    if (mode == EL1)
      CHECK_FAULT (mode, p_dczva, VA + 64, FSC_ALIGNMENT, true);
  }
  put (VA, 3, leaf (physical (0), 3, PTE_RW | PTE_USER));
  CHECK_DONE (mode, p_ldr, VA + 4);
  CHECK_DONE (mode, p_str, VA + 1);
  put (last, 3, leaf (physical (1), 3, PTE_RW | PTE_USER));
  CHECK_DONE (mode, p_ldr, last - 4);
}

/* Tables above restrict what is below them. */
static void
test_tables (void)
{
  volatile uint32_t *at = (volatile uint32_t *) (physical (2) + 0x20);
  at[0] = 0xd503201f;
  at[1] = 0xd401ffe1;
  for (unsigned level = grain == 16 ? 1 : 0; level < 3; level++) {
    put (VA, 3, leaf (physical (2), 3, PTE_RW | PTE_USER));
    uint64_t *table = pte_of (root, grain, VA, level), plain = *table;
    CHECK (may (EL0, p_str, VA));
    *table = plain | TABLE_READONLY;
    tlbi_all ();
    CHECK (!may (EL0, p_str, VA));
    CHECK (!may (EL1, p_str, VA));
    CHECK (may (EL0, p_ldr, VA));
    CHECK (may_execute (EL1, VA + 0x20)); /* EL0 cannot write it any more */
    *table = plain | TABLE_NO_USER;
    tlbi_all ();
    CHECK (!may (EL0, p_ldr, VA));
    CHECK (may (EL1, p_str, VA));
    *table = plain | TABLE_UXN;
    tlbi_all ();
    CHECK (!may_execute (EL0, VA + 0x20));
    *table = plain | TABLE_PXN | TABLE_READONLY;
    tlbi_all ();
    CHECK (!may_execute (EL1, VA + 0x20));
    CHECK (may_execute (EL0, VA + 0x20));
    *table = plain;
    tlbi_all ();
  }
}

/* ---- Flags that hardware sets ---- */

static void
test_hardware_flags (void)
{
  uint64_t clean = leaf (physical (0), 3, (PTE_RW & ~PTE_AF) | PTE_READONLY | PTE_DBM);
  volatile uint64_t *pte = pte_of (root, grain, VA, 3);
  uint64_t tcr = sysreg_read (tcr_el1);
  put (VA, 3, clean);
  CHECK_FAULT (EL1, p_ldr, VA, FSC_ACCESS + 3, false);
  CHECK_EQ (*pte, clean);
  sysreg_write (tcr_el1, tcr | BIT (39)); /* HA */
  isb ();
  CHECK_DONE (EL1, p_ldr, VA);
  CHECK_EQ (*pte, clean | PTE_AF);
  CHECK_FAULT (EL1, p_str, VA, FSC_PERMISSION + 3, true);
  sysreg_write (tcr_el1, tcr | BIT (39) | BIT (40)); /* and HD */
  isb ();
  CHECK_DONE (EL1, p_ldr, VA);
  CHECK_EQ (*pte, clean | PTE_AF);
  CHECK_DONE (EL1, p_str, VA);
  CHECK_EQ (*pte, (clean | PTE_AF) & ~PTE_READONLY);
  /* Without DBM read-only stays so. */
  put (VA, 3, leaf (physical (0), 3, PTE_RW | PTE_READONLY));
  CHECK_FAULT (EL1, p_str, VA, FSC_PERMISSION + 3, true);
  sysreg_write (tcr_el1, tcr);
  isb ();
}

/* ---- Address spaces and maintenance ---- */

static uint64_t
read_word (uint64_t va)
{
  return *(volatile uint64_t *) va;
}

static void
set_asid (unsigned asid)
{
  sysreg_write (ttbr0_el1, (uint64_t) root | (uint64_t) asid << 48);
  isb ();
}

static void
test_asids (void)
{
  volatile uint64_t *pte = pte_of (root, grain, VA, 3);
  set_asid (1);
  put (VA, 3, leaf (physical (0), 3, PTE_RW | PTE_NG));
  CHECK_EQ (read_word (VA), 0x100);
  *pte = leaf (physical (1), 3, PTE_RW | PTE_NG);
  dsb ();
  set_asid (2); /* has not seen the page before */
  CHECK_EQ (read_word (VA), 0x101);
  *pte = leaf (physical (2), 3, PTE_RW | PTE_NG);
  tlbi (aside1, 2ull << 48);
  CHECK_EQ (read_word (VA), 0x102);
  set_asid (1);
  tlbi (aside1, 1ull << 48);
  CHECK_EQ (read_word (VA), 0x102);
  /* A global page is every address space's. */
  put (VA, 3, leaf (physical (3), 3, PTE_RW));
  CHECK_EQ (read_word (VA), 0x103);
  set_asid (0xffff);
  CHECK_EQ (read_word (VA), 0x103);
  CHECK_EQ (sysreg_read (ttbr0_el1) >> 48, 0xffff);
  set_asid (1);
}

/* Every form of TLBI by address, of pages and of blocks. */
static void
test_maintenance (void)
{
  for (unsigned form = 0; form < 5; form++)
    for (unsigned round = 0; round < 8; round++) {
      uint64_t offset = round & 1 ? BIT (grain) - 8 : 0;
      unsigned page = round & 3;
      *(volatile uint64_t *) (physical (page) + BIT (grain) - 8) = 0x100 + page;
      *pte_of (root, grain, VA, 3) = leaf (physical (page), 3, PTE_RW | (round & 4 ? PTE_NG : 0));
      uint64_t operand = ((VA + offset) >> 12 & 0xfffffffffff) | 1ull << 48;
      switch (form) {
      case 0:
        tlbi (vae1, operand);
        break;
      case 1:
        tlbi (vaae1, operand);
        break;
      case 2:
        tlbi (vale1, operand);
        break;
      case 3:
        tlbi (vaale1is, operand);
        break;
      case 4:
        tlbi (vae1is, operand);
        break;
      }
      CHECK_EQ (read_word (VA + offset), 0x100 + page);
      CHECK_EQ (read_word (VA + 8 * page) != 0 || page != 0, 1);
    }
  /* A block that has been used all over goes with one address in it. */
  uint64_t size = BIT (level_shift (grain, 2)), va = VA + (4ull << level_shift (grain, 1));
  uint64_t block = (uint64_t) area & ~(size - 1);
  put (va, 2, leaf (block, 2, PTE_RW));
  for (unsigned i = 0; i < 4; i++)
    CHECK_EQ (read_word (va + (physical (i) - block)), 0x100 + i);
  *pte_of (root, grain, va, 2) = 0;
  tlbi (vaae1, (va + 0x5000) >> 12);
  for (unsigned i = 0; i < 4; i++)
    CHECK_FAULT (EL1, p_ldr, va + (physical (i) - block), FSC_TRANSLATION + 2, false);
  for (unsigned i = 0; i < 4; i++)
    *word_of (i) = 0x100 + i;
}

static void
test_at (void)
{
  put (VA, 3, leaf (physical (1), 3, PTE_RW));
  __asm__ volatile("at s1e1r, %0\n\tisb" ::"r"(VA + 0x18) : "memory");
  uint64_t par = sysreg_read (par_el1);
  CHECK_EQ (par & 1, 0);
  CHECK_EQ (par & 0xfffffffff000, physical (1));
  __asm__ volatile("at s1e0r, %0\n\tisb" ::"r"(VA) : "memory");
  par = sysreg_read (par_el1);
  CHECK_EQ (par & 0x7f, 1 | (FSC_PERMISSION + 3) << 1);
  put (VA, 3, 0);
  __asm__ volatile("at s1e1w, %0\n\tisb" ::"r"(VA) : "memory");
  par = sysreg_read (par_el1);
  CHECK_EQ (par & 0x7f, 1 | (FSC_TRANSLATION + 3) << 1);
}

#define AT_S1E1R 0xd5087800 /* of x0 */

static uint64_t
par_of (uint64_t va)
{
  CHECK_EQ (probe_insn (EL1, AT_S1E1R, va, 0).vector, -1);
  return sysreg_read (par_el1);
}

/* All of PAR_EL1: attributes as MAIR has them; who shares it as the descriptor says, but outer
 * shareable for devices and what no cache holds. */
static void
test_par (void)
{
  static const struct {
    uint8_t memory;
    bool outer;
  } kinds[] = { { 0xff, false }, { 0x44, true }, { 0xbb, false }, { 0x4f, false },
                { 0x00, true },  { 0x04, true }, { 0x0c, true },  { 0xf4, false } };
  uint64_t mair = 0, old = sysreg_read (mair_el1);
  for (unsigned i = 0; i < 8; i++)
    mair |= (uint64_t) kinds[i].memory << 8 * i;
  sysreg_write (mair_el1, mair);
  isb ();
  tlbi_all ();
  for (unsigned i = 0; i < 8; i++)
    for (uint64_t share = 0; share < 4; share += share ? 1 : 2) {
      put (VA, 3, leaf (physical (1), 3, (PTE_RW & ~PTE_SHARED) | share << 8 | i << 2));
      CHECK_EQ (par_of (VA + 0x123), (uint64_t) kinds[i].memory << 56 | physical (1) | BIT (11)
                                         | BIT (9) | (kinds[i].outer ? 2 : share) << 7);
    }
  sysreg_write (mair_el1, old);
  isb ();
  put (VA, 3, 0);
  CHECK_EQ (par_of (VA), BIT (11) | (FSC_TRANSLATION + 3) << 1 | 1);
  put (VA, 3, leaf (physical (1), 3, PTE_RW) & ~PTE_AF);
  CHECK_EQ (par_of (VA), BIT (11) | (FSC_ACCESS + 3) << 1 | 1);
  put (VA, 3, leaf (BIT (44), 3, PTE_RW));
  CHECK_EQ (par_of (VA), BIT (11) | (FSC_ADDRESS_SIZE + 3) << 1 | 1);
  /* No table there: that is an abort, of a write and of cache maintenance and the like. */
  uint64_t *table = pte_of (root, grain, VA, 2), plain = *table;
  sysreg_write (par_el1, 0x5a);
  put (VA, 2, (0x20000000ull & ~(BIT (grain) - 1)) | PTE_TABLE | PTE_VALID);
  struct outcome o = probe_insn (EL1, AT_S1E1R, VA + 8, 0);
  CHECK_EQ (o.vector, FROM_SAME);
  CHECK_EQ (o.esr,
            (uint64_t) EC_DATA_SAME << 26 | ESR_IL | ISS_CM | ISS_WNR | (FSC_EXTERNAL_WALK + 3));
  CHECK_EQ (o.far, VA + 8);
  put (VA, 2, plain);
}

/* Without translation addresses are what they are, and memory is Device-nGnRnE. */
static void
test_par_off (void)
{
  CHECK_EQ (par_of (physical (1) + 8), physical (1) | BIT (11) | BIT (9) | 2 << 7);
  CHECK_EQ (par_of (BIT (44)), BIT (11) | FSC_ADDRESS_SIZE << 1 | 1);
}

static void
test_tags (void)
{
  uint64_t tcr = sysreg_read (tcr_el1);
  put (VA, 3, leaf (physical (2), 3, PTE_RW));
  CHECK_FAULT (EL1, p_ldr, VA | 0x5aull << 56, FSC_TRANSLATION, false);
  sysreg_write (tcr_el1, tcr | BIT (37)); /* TBI0 */
  isb ();
  tlbi_all ();
  *word_of (2) = 0x102;
  CHECK_EQ (read_word (VA | 0x5aull << 56), 0x102);
  put (VA, 3, 0);
  CHECK_FAULT (EL1, p_ldr, VA | 0x7full << 56, FSC_TRANSLATION + 3, false);
  sysreg_write (tcr_el1, tcr);
  isb ();
  tlbi_all ();
}

/* The upper half has its own table and size; a walk may begin at any level. */
static void
test_upper_half (void)
{
  uint64_t tcr = sysreg_read (tcr_el1), *upper = new_table (grain);
  sysreg_write (ttbr1_el1, upper);
  CHECK_FAULT (EL1, p_ldr, 0xffffff0000000000, FSC_TRANSLATION, false); /* disabled */
  for (unsigned size = 25; size <= 48; size++) {
    unsigned stride = grain - 3, level = 4 - (size - grain + stride - 1) / stride;
    uint64_t va = UINT64_MAX << size, shift = level_shift (grain, level);
    sysreg_write (tcr_el1, (tcr & ~(63ull << 16 | BIT (23))) | (uint64_t) (64 - size) << 16);
    isb ();
    for (unsigned i = 0; i < BIT (stride); i++)
      upper[i] = 0;
    tlbi_all ();
    CHECK_FAULT (EL1, p_ldr, va, FSC_TRANSLATION + level, false);
    CHECK_FAULT (EL1, p_ldr, va - 8, FSC_TRANSLATION, false);
    bool block = level == 3 || level == 2 || (level == 1 && grain == 12);
    if (!block)
      continue;
    uint64_t inside = BIT (shift) - 1;
    upper[0] = leaf (physical (1) & ~inside, level, PTE_RW);
    tlbi_all ();
    CHECK_EQ (read_word (va + (physical (1) & inside)), 0x101);
  }
  sysreg_write (tcr_el1, tcr);
  isb ();
  tlbi_all ();
}

int
main (void)
{
  for (unsigned of = 12; of <= 16; of += 2) {
    begin (of);
    test_levels ();
    test_address_size ();
    test_permissions ();
    begin (of);
    test_tables ();
    test_hardware_flags ();
    begin (of);
    test_asids ();
    test_maintenance ();
    test_at ();
    test_par ();
    test_tags ();
    test_upper_half ();
    test_atomics (EL0);
    test_atomics (EL1);
    test_device (EL0);
    test_device (EL1);
    test_wxn ();
    end ();
  }
  test_par_off ();
  return 0;
}
