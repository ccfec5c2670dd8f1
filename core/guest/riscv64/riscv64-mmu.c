/* SPDX-License-Identifier: GPL-3.0-or-later
 * riscv64 memory management: Sv39/48/57 translation, PMP, and the filling and flushing of the TLB.
 *
 * What is cached where:
 * - the TLB (core/mem/mem-tlb.h) holds whole translations, permissions of page table and PMP
 *   merged, in sets per privilege and address space (riscv64-priv.h);
 * - behind it its second level holds more of them, shared by all sets;
 * - the page-walk cache holds where the last and last-but-one tables of recently walked parts of
 *   an address space are, so that a TLB miss reads one PTE and not five;
 * - the last PMP range that answered, for M and for S/U.
 * An invalid PTE is never cached in any of them. sfence.vma with an address drops that page from
 * every set it may be in and the walk-cache entries above it; without an address it drops the walk
 * cache as a whole. A change of satp drops nothing but the supervisor set's non-global entries
 * (tables are tagged with the whole of satp). */
#include <string.h>

#include "core/guest/riscv64/riscv64-priv.h"
#include "core/vm/vm-machine.h"

#define PTE_V RV_BIT (0)
#define PTE_R RV_BIT (1)
#define PTE_W RV_BIT (2)
#define PTE_X RV_BIT (3)
#define PTE_U RV_BIT (4)
#define PTE_G RV_BIT (5)
#define PTE_A RV_BIT (6)
#define PTE_D RV_BIT (7)
#define PTE_PPN_SHIFT 10
#define PTE_RESERVED (UINT64_C (0x7f) << 54)
#define PTE_PBMT (UINT64_C (3) << 61)
#define PTE_N RV_BIT (63)

#define NAPOT_64K 8 /* the low four bits of a PPN with N set */

static DioRvExc
page_fault (DioRvAccess access)
{
  return access == DIO_RV_LOAD    ? DIO_RV_EXC_LOAD_PAGE
         : access == DIO_RV_STORE ? DIO_RV_EXC_STORE_PAGE
                                  : DIO_RV_EXC_FETCH_PAGE;
}

static unsigned
needed_permission (DioRvAccess access)
{
  return access == DIO_RV_LOAD    ? DIO_TLB_READ
         : access == DIO_RV_STORE ? DIO_TLB_WRITE
                                  : DIO_TLB_EXECUTE;
}

/* ---- PMP ---- */

static unsigned
pmp_permissions (uint8_t config, bool machine)
{
  if (machine && !(config & RV_PMP_L))
    return DIO_TLB_READ | DIO_TLB_WRITE | DIO_TLB_EXECUTE;
  return (config & RV_PMP_R ? DIO_TLB_READ : 0) | (config & RV_PMP_W ? DIO_TLB_WRITE : 0)
         | (config & RV_PMP_X ? DIO_TLB_EXECUTE : 0);
}

/* Without a matching entry M may do everything and the others nothing. */
static unsigned
pmp_default (bool machine)
{
  return machine ? DIO_TLB_READ | DIO_TLB_WRITE | DIO_TLB_EXECUTE : 0;
}

/* What PMP grants for all of [first, last]; an access that only a part of an entry matches fails.
 */
static unsigned
pmp_check (const DioRiscv64Mmu *mmu, DioGpa first, DioGpa last, bool machine)
{
  for (unsigned i = 0; i < mmu->n_pmp; i++) {
    if (!mmu->pmp[i].on || mmu->pmp[i].first > last || mmu->pmp[i].last < first)
      continue;
    if (mmu->pmp[i].first > first || mmu->pmp[i].last < last)
      return 0;
    return pmp_permissions (mmu->pmp[i].config, machine);
  }
  return pmp_default (machine);
}

/* What PMP grants for the 4 KiB page at @gpa; *@mixed when it is not the same for all of it.
 * Remembers the widest range around the page with the same answer. */
static unsigned
pmp_page_slow (DioRiscv64Mmu *mmu, DioGpa gpa, bool machine, bool *mixed)
{
  DioGpa last = gpa | DIO_PAGE_MASK;
  RvPmpRange range = { .first = 0, .last = UINT64_MAX, .permissions = pmp_default (machine) };
  for (unsigned i = 0; i < mmu->n_pmp; i++) {
    if (!mmu->pmp[i].on)
      continue;
    if (mmu->pmp[i].last < gpa) { /* below: limits the range */
      range.first = MAX (range.first, mmu->pmp[i].last + 1);
    } else if (mmu->pmp[i].first > last) { /* above */
      range.last = MIN (range.last, mmu->pmp[i].first - 1);
    } else if (mmu->pmp[i].first > gpa || mmu->pmp[i].last < last) {
      *mixed = true;
      return 0;
    } else {
      range.first = MAX (range.first, mmu->pmp[i].first);
      range.last = MIN (range.last, mmu->pmp[i].last);
      range.permissions = pmp_permissions (mmu->pmp[i].config, machine);
      break;
    }
  }
  *mixed = false;
  mmu->pmp_last[machine] = range;
  return range.permissions;
}

static DIO_ALWAYS_INLINE unsigned
pmp_page (DioRiscv64Mmu *mmu, DioGpa gpa, bool machine, bool *mixed)
{
  const RvPmpRange *range = &mmu->pmp_last[machine];
  if (DIO_LIKELY (gpa >= range->first && (gpa | DIO_PAGE_MASK) <= range->last)) {
    *mixed = false;
    return range->permissions;
  }
  return pmp_page_slow (mmu, gpa, machine, mixed);
}

/* Does PMP grant the same for all of the block of @gpa, for whose page it was just asked? */
static bool
pmp_is_block (const DioRiscv64Mmu *mmu, DioGpa gpa, bool machine)
{
  const RvPmpRange *range = &mmu->pmp_last[machine];
  return (gpa & ~DIO_TLB_BLOCK_MASK) >= range->first && (gpa | DIO_TLB_BLOCK_MASK) <= range->last;
}

void
rv_mmu_pmp_changed (DioRiscv64 *hart)
{
  DioRiscv64Mmu *mmu = hart->mmu;
  mmu->n_pmp = 0;
  for (unsigned i = 0; i < RV_PMP_ENTRIES; i++) {
    uint8_t config = hart->pmpcfg[i];
    uint64_t addr = hart->pmpaddr[i];
    DioGpa first = 0, last = 0;
    bool on = true;
    switch ((config >> RV_PMP_A_SHIFT) & 3) {
    case 0: /* OFF */
      on = false;
      break;
    case 1: /* TOR */
      first = i > 0 ? hart->pmpaddr[i - 1] << 2 : 0;
      on = addr << 2 > first;
      last = (addr << 2) - 1;
      break;
    case 2: /* NA4 */
      first = addr << 2;
      last = first + 3;
      break;
    case 3: /* NAPOT: as many low ones, so much the bigger; all ones covers everything */
    {
      uint64_t span = addr ^ (addr + 1);
      first = (addr & ~span) << 2;
      last = ((addr | span) << 2) | 3;
      break;
    }
    }
    mmu->pmp[i].first = first;
    mmu->pmp[i].last = last;
    mmu->pmp[i].config = config;
    mmu->pmp[i].on = on;
    if (on)
      mmu->n_pmp = i + 1;
  }
  for (unsigned machine = 0; machine < 2; machine++)
    mmu->pmp_last[machine] = (RvPmpRange){ .first = 1, .last = 0 };
  rv_mmu_flush (hart);
}

/* ---- Translation ---- */

/* The host pointer of the page-table page at @gpa, if it is RAM that S-mode accesses may read. */
static uint64_t *
table_pointer (DioRiscv64 *hart, DioGpa gpa)
{
  bool mixed;
  unsigned granted = pmp_page (hart->mmu, gpa, false, &mixed);
  /* A table in a page of which PMP grants parts only: not worth exactness per PTE; all or none. */
  if (mixed || !(granted & DIO_TLB_READ))
    return NULL;
  DioPageInfo info = dio_space_lookup_page (hart->interp.cpu.space, gpa);
  return info.ram ? (uint64_t *) (void *) (info.ram->host + info.ram_offset) : NULL;
}

/* Sets A (and D) in the PTE at @slot (of the table at @table_gpa), unless it is no longer @pte. */
static DioRvExc
update_pte (DioRiscv64 *hart, DioGpa table_gpa, uint64_t *slot, uint64_t pte, uint64_t bits,
            DioRvAccess access, bool *changed)
{
  bool mixed;
  unsigned granted = pmp_page (hart->mmu, table_gpa, false, &mixed);
  DioPageInfo info = dio_space_lookup_page (hart->interp.cpu.space, table_gpa);
  if (!(granted & DIO_TLB_WRITE) || !info.ram || info.readonly)
    return rv_access_fault (access);
  dio_ram_begin_write (info.ram, (uint8_t *) slot - info.ram->host, sizeof *slot);
  *changed = !__atomic_compare_exchange_n (slot, &pte, pte | bits, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
  if (!*changed)
    dio_ram_note_write (info.ram, (uint8_t *) slot - info.ram->host, sizeof *slot);
  return DIO_RV_EXC_NONE;
}

/* Walks the page table for @va with the rights of @priv (S or U): PrivSpec 12.3.2. */
static DioRvExc
walk (DioRiscv64 *hart, DioGva va, DioRvAccess access, unsigned priv, RvPage *page, bool *global)
{
  DioRiscv64Mmu *mmu = hart->mmu;
  uint64_t satp = hart->satp;
  int levels = 3 + (int) (satp >> RV_SATP_MODE_SHIFT) - RV_SATP_SV39;

  /* All bits above the translated ones must equal the highest of them. */
  int64_t top = (int64_t) va >> (11 + 9 * levels);
  if (DIO_UNLIKELY (top != 0 && top != -1))
    return page_fault (access);

  uint64_t *table;
  DioGpa table_gpa;
  int level;
  *global = false;
  const RvWalkEntry *hit_2m = &mmu->walk_2m[(va >> 21) % RV_WALK_2M];
  const RvWalkEntry *hit_1g = &mmu->walk_1g[(va >> 30) % RV_WALK_1G];
  if (DIO_LIKELY (hit_2m->tag == va >> 21 && hit_2m->satp == satp
                  && hit_2m->generation == mmu->walk_generation)) {
    level = 0;
    table = hit_2m->table;
    table_gpa = hit_2m->gpa;
    *global = hit_2m->global;
  } else if (hit_1g->tag == va >> 30 && hit_1g->satp == satp
             && hit_1g->generation == mmu->walk_generation) {
    level = 1;
    table = hit_1g->table;
    table_gpa = hit_1g->gpa;
    *global = hit_1g->global;
  } else {
    level = levels - 1;
    table_gpa = (satp & RV_SATP_PPN) << DIO_PAGE_SHIFT;
    table = table_pointer (hart, table_gpa);
    if (!table)
      return rv_access_fault (access);
  }

  for (;;) {
    uint64_t *slot = &table[(va >> (12 + 9 * level)) & 0x1ff];
    uint64_t pte = __atomic_load_n (slot, __ATOMIC_RELAXED);
    if (!(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W || (pte & PTE_RESERVED))
      return page_fault (access);
    *global |= (pte & PTE_G) != 0;
    uint64_t ppn = (pte >> PTE_PPN_SHIFT) & RV_SATP_PPN;

    if (!(pte & (PTE_R | PTE_X))) {
      if (level == 0 || (pte & (PTE_D | PTE_A | PTE_U | PTE_PBMT | PTE_N)))
        return page_fault (access);
      level--;
      table_gpa = ppn << DIO_PAGE_SHIFT;
      table = table_pointer (hart, table_gpa);
      if (!table)
        return rv_access_fault (access);
      if (level == 0)
        mmu->walk_2m[(va >> 21) % RV_WALK_2M] = (RvWalkEntry){ .tag = va >> 21,
                                                               .satp = satp,
                                                               .table = table,
                                                               .gpa = table_gpa,
                                                               .generation = mmu->walk_generation,
                                                               .global = *global };
      else if (level == 1)
        mmu->walk_1g[(va >> 30) % RV_WALK_1G] = (RvWalkEntry){ .tag = va >> 30,
                                                               .satp = satp,
                                                               .table = table,
                                                               .gpa = table_gpa,
                                                               .generation = mmu->walk_generation,
                                                               .global = *global };
      continue;
    }

    uint64_t size_mask = (DIO_PAGE_SIZE << (9 * level)) - 1;
    if (pte & PTE_N) {
      if (level != 0 || (ppn & 0xf) != NAPOT_64K)
        return page_fault (access);
      size_mask = 16 * DIO_PAGE_SIZE - 1;
      ppn &= ~UINT64_C (0xf);
    }
    DioGpa base = ppn << DIO_PAGE_SHIFT;
    if (base & size_mask)
      return page_fault (access); /* misaligned superpage */
    if ((pte & PTE_PBMT) && (!(hart->menvcfg & RV_ENVCFG_PBMTE) || (pte & PTE_PBMT) == PTE_PBMT))
      return page_fault (access);

    bool user = (pte & PTE_U) != 0;
    if (priv == DIO_RV_U ? !user
                         : user && (access == DIO_RV_FETCH || !(hart->mstatus & RV_MSTATUS_SUM)))
      return page_fault (access);
    unsigned permissions = 0;
    if ((pte & PTE_R) || ((hart->mstatus & RV_MSTATUS_MXR) && (pte & PTE_X)))
      permissions |= DIO_TLB_READ;
    if (pte & PTE_W)
      permissions |= DIO_TLB_WRITE;
    if ((pte & PTE_X) && user == (priv == DIO_RV_U))
      permissions |= DIO_TLB_EXECUTE;
    if (!(permissions & needed_permission (access)))
      return page_fault (access);

    uint64_t marks = PTE_A | (access == DIO_RV_STORE ? PTE_D : 0);
    if (DIO_UNLIKELY ((pte & marks) != marks)) {
      if (!(hart->menvcfg & RV_ENVCFG_ADUE))
        return page_fault (access);
      bool changed = false;
      DioRvExc exc = update_pte (hart, table_gpa, slot, pte, marks, access, &changed);
      if (exc != DIO_RV_EXC_NONE)
        return exc;
      if (changed)
        continue; /* somebody else wrote the PTE: look again */
      pte |= marks;
    }
    if (!(pte & PTE_D))
      permissions &= ~(unsigned) DIO_TLB_WRITE; /* the next store has to set D */

    page->gpa = (base | (va & size_mask)) & ~DIO_PAGE_MASK;
    page->va_mask = ~size_mask;
    page->permissions = permissions;
    return DIO_RV_EXC_NONE;
  }
}

/* ---- Both levels of the TLB ---- */

/* Flushes the page of @va from both levels. */
static void
flush_page (DioRiscv64 *hart, unsigned set, DioGva va)
{
  dio_tlb_flush_page (&hart->interp.tlb.sets[set], va);
  dio_tlb_second_drop (&hart->interp.tlb, &hart->interp.tlb.sets[set], va);
}

/* Enters the page, which is RAM, in the first level. */
static void
enter_page (DioRiscv64 *hart, DioTlbSet *set, DioGva va, DioRvAccess access, DioRam *ram,
            uint64_t ram_offset, uint64_t va_mask, unsigned enter)
{
  _Atomic uint8_t *flags = &ram->page_flags[ram_offset >> DIO_PAGE_SHIFT];
  if (access == DIO_RV_STORE && (enter & DIO_TLB_WRITE))
    dio_ram_begin_write (ram, ram_offset, DIO_PAGE_SIZE);
  if ((enter & DIO_TLB_WRITE) && (atomic_load (flags) & DIO_PAGE_SLOW_WRITE)) {
    /* Noted for the whole page, here and not after the store: from now on the page is an ordinary
     * one, and whoever decodes it meanwhile asks us to give the entry up again. */
    if (access == DIO_RV_STORE)
      dio_ram_note_write (ram, ram_offset, DIO_PAGE_SIZE);
    else
      enter &= ~(unsigned) DIO_TLB_WRITE;
  }
  dio_tlb_fill (set, va, va_mask, ram->host + ram_offset, enter);
}

/* Enters the page, which is of the machine's RAM, in the second level. */
static void
second_fill (DioRiscv64 *hart, const DioTlbSet *set, DioGva va, bool machine, const RvPage *page,
             unsigned enter)
{
  const uint8_t *host = page->info.ram->host + page->info.ram_offset;
  bool block = pmp_is_block (hart->mmu, page->gpa, machine)
               && dio_tlb_is_block (hart->interp.cpu.space, page->va_mask, page->gpa, host);
  dio_tlb_second_fill (&hart->interp.tlb, set, va, page->va_mask, page->gpa, host,
                       page->info.ram_offset, enter, block);
}

/* Answers from the second level, for all of @access. */
static bool
second_find (DioRiscv64 *hart, DioTlbSet *set, DioGva va, DioRvAccess access, RvPage *page)
{
  DioTlbSecond found;
  if (!dio_tlb_second_find (&hart->interp.tlb, set, va, needed_permission (access), &found))
    return false;
  DioRam *ram = hart->interp.cpu.machine->ram;
  unsigned permissions = dio_tlb_second_permissions (&found);
  *page = (RvPage){ .gpa = dio_tlb_second_gpa (&found),
                    .va_mask = dio_tlb_second_mask (&found),
                    .permissions = permissions & ~(unsigned) DIO_TLB_LOCAL,
                    .info = { .ram = ram, .ram_offset = found.ram_offset } };
  enter_page (hart, set, va, access, ram, found.ram_offset, page->va_mask, permissions);
  return true;
}

DioRvExc
rv_translate (DioRiscv64 *hart, DioTlbSet *set, DioGva va, unsigned size, DioRvAccess access,
              unsigned priv, RvPage *page)
{
  hart->interp.tlb.misses++;
  hart->interp.cpu.stats.tlb_misses++;
  bool machine = priv == DIO_RV_M;
  bool global = true;
  if (second_find (hart, set, va, access, page))
    return DIO_RV_EXC_NONE;
  DioRvExc exc = DIO_RV_EXC_NONE;
  if (machine || hart->satp >> RV_SATP_MODE_SHIFT == RV_SATP_BARE) {
    page->gpa = va & ~DIO_PAGE_MASK;
    page->va_mask = ~DIO_PAGE_MASK;
    page->permissions = DIO_TLB_READ | DIO_TLB_WRITE | DIO_TLB_EXECUTE;
    if (DIO_UNLIKELY (va & ~RV_GPA_MASK))
      exc = rv_access_fault (access);
  } else {
    exc = walk (hart, va, access, priv, page, &global);
  }
  if (DIO_UNLIKELY (exc != DIO_RV_EXC_NONE)) {
    hart->exc_tval = va;
    return exc;
  }

  unsigned granted = pmp_page (hart->mmu, page->gpa, machine, &page->pmp_mixed);
  if (DIO_UNLIKELY (page->pmp_mixed)) {
    DioGpa first = page->gpa | (va & DIO_PAGE_MASK);
    granted = pmp_check (hart->mmu, first, first + size - 1, machine);
  }
  page->permissions &= granted;
  if (DIO_UNLIKELY (!(granted & needed_permission (access)))) {
    hart->exc_tval = va;
    return rv_access_fault (access);
  }

  page->info = dio_space_lookup_page (hart->interp.cpu.space, page->gpa);
  DioRam *ram = page->info.ram;
  if (!ram)
    return DIO_RV_EXC_NONE;
  if (page->pmp_mixed) {
    if (access == DIO_RV_STORE && !page->info.readonly)
      dio_ram_begin_write (ram, page->info.ram_offset, DIO_PAGE_SIZE);
    return DIO_RV_EXC_NONE;
  }
  unsigned enter = page->permissions;
  if (page->info.readonly)
    enter &= ~(unsigned) DIO_TLB_WRITE;
  if (!global)
    enter |= DIO_TLB_LOCAL;
  if (ram == hart->interp.cpu.machine->ram && set != &hart->interp.tlb.sets[RV_SET_TRANSIENT])
    second_fill (hart, set, va, machine, page, enter);
  enter_page (hart, set, va, access, ram, page->info.ram_offset, page->va_mask, enter);
  return DIO_RV_EXC_NONE;
}

/* ---- Sets and flushes ---- */

void
rv_mmu_select (DioRiscv64 *hart)
{
  rv_rights_update (hart);
  DioRiscv64Mmu *mmu = hart->mmu;
  unsigned user_set = RV_SET_SLOTS + 2 * mmu->slot;
  unsigned code = hart->priv == DIO_RV_M   ? RV_SET_MACHINE
                  : hart->priv == DIO_RV_S ? RV_SET_SUPERVISOR
                                           : user_set;
  unsigned priv = rv_data_privilege (hart);
  unsigned data;
  if (priv == DIO_RV_M)
    data = RV_SET_MACHINE;
  else if (DIO_UNLIKELY (hart->mstatus & RV_MSTATUS_MXR))
    data = RV_SET_TRANSIENT;
  else if (priv == DIO_RV_U)
    data = user_set;
  else
    data = hart->mstatus & RV_MSTATUS_SUM ? user_set + 1 : RV_SET_SUPERVISOR;
  if (DIO_UNLIKELY (data == RV_SET_TRANSIENT))
    dio_tlb_flush_set (&hart->interp.tlb.sets[RV_SET_TRANSIENT]);
  dio_tlb_select (&hart->interp.tlb, data, code);
}

static void
flush_slot (DioRiscv64 *hart, unsigned slot)
{
  dio_tlb_flush_set (&hart->interp.tlb.sets[RV_SET_SLOTS + 2 * slot]);
  dio_tlb_flush_set (&hart->interp.tlb.sets[RV_SET_SLOTS + 2 * slot + 1]);
}

void
rv_mmu_satp_changed (DioRiscv64 *hart)
{
  DioRiscv64Mmu *mmu = hart->mmu;
  uint64_t old = mmu->slots[mmu->slot].satp;
  if (old == hart->satp && mmu->slots[mmu->slot].valid)
    return;
  if ((old ^ hart->satp) >> RV_SATP_MODE_SHIFT)
    dio_tlb_flush_set (&hart->interp.tlb.sets[RV_SET_SUPERVISOR]);
  else
    dio_tlb_flush_local (&hart->interp.tlb.sets[RV_SET_SUPERVISOR]);

  unsigned slot = RV_SLOTS;
  unsigned oldest = 0;
  for (unsigned i = 0; i < RV_SLOTS; i++) {
    if (mmu->slots[i].valid && mmu->slots[i].satp == hart->satp)
      slot = i;
    uint64_t age = mmu->slots[i].valid ? mmu->slots[i].stamp : 0;
    if (age < (mmu->slots[oldest].valid ? mmu->slots[oldest].stamp : 0))
      oldest = i;
  }
  if (slot == RV_SLOTS) {
    slot = oldest;
    flush_slot (hart, slot);
    mmu->slots[slot].satp = hart->satp;
    mmu->slots[slot].valid = true;
  }
  mmu->slots[slot].stamp = ++mmu->clock;
  mmu->slot = slot;
  rv_mmu_select (hart);
}

static void
forget_walks (DioRiscv64Mmu *mmu)
{
  if (++mmu->walk_generation == 0) { /* wrapped: no old entry may look valid */
    memset (mmu->walk_2m, 0, sizeof mmu->walk_2m);
    memset (mmu->walk_1g, 0, sizeof mmu->walk_1g);
    mmu->walk_generation = 1;
  }
}

/* All translations of S and U; the sets of slots not in force are flushed when they are taken. */
static void
flush_translations (DioRiscv64 *hart)
{
  DioRiscv64Mmu *mmu = hart->mmu;
  forget_walks (mmu);
  for (unsigned i = 0; i < RV_SLOTS; i++)
    if (i == mmu->slot)
      flush_slot (hart, i);
    else
      mmu->slots[i].valid = false;
  dio_tlb_flush_set (&hart->interp.tlb.sets[RV_SET_SUPERVISOR]);
  dio_tlb_flush_set (&hart->interp.tlb.sets[RV_SET_TRANSIENT]);
}

void
rv_mmu_flush (DioRiscv64 *hart)
{
  flush_translations (hart);
  dio_tlb_flush_set (&hart->interp.tlb.sets[RV_SET_MACHINE]);
}

DioRvExc
dio_rv_sfence_vma (DioRiscv64 *hart, bool has_va, uint64_t va, bool has_asid, uint64_t asid)
{
  if (hart->priv == DIO_RV_U || (hart->priv == DIO_RV_S && (hart->mstatus & RV_MSTATUS_TVM)))
    return DIO_RV_EXC_ILLEGAL;
  DioRiscv64Mmu *mmu = hart->mmu;
  DioTlbSet *sets = hart->interp.tlb.sets;
  if (!has_va && !has_asid) {
    flush_translations (hart);
  } else {
    asid &= RV_SATP_ASID;
    for (unsigned i = 0; i < RV_SLOTS; i++) {
      if (!mmu->slots[i].valid
          || (has_asid && ((mmu->slots[i].satp >> RV_SATP_ASID_SHIFT) & RV_SATP_ASID) != asid))
        continue;
      if (has_va) {
        flush_page (hart, RV_SET_SLOTS + 2 * i, va);
        flush_page (hart, RV_SET_SLOTS + 2 * i + 1, va);
      } else if (i == mmu->slot) {
        flush_slot (hart, i);
      } else {
        mmu->slots[i].valid = false;
      }
    }
    if (has_va) {
      mmu->walk_2m[(va >> 21) % RV_WALK_2M].generation = mmu->walk_generation - 1;
      mmu->walk_1g[(va >> 30) % RV_WALK_1G].generation = mmu->walk_generation - 1;
      flush_page (hart, RV_SET_SUPERVISOR, va);
    } else {
      forget_walks (mmu);
      dio_tlb_flush_local (&sets[RV_SET_SUPERVISOR]);
    }
    dio_tlb_flush_set (&sets[RV_SET_TRANSIENT]);
  }
  return DIO_RV_EXC_NONE;
}

DioRvExc
dio_rv_sfence_inval (DioRiscv64 *hart)
{
  return hart->priv == DIO_RV_U ? DIO_RV_EXC_ILLEGAL : DIO_RV_EXC_NONE;
}

/* ---- Requests of other threads ---- */

void
rv_mmu_request_flush_write (DioRiscv64 *hart, uint64_t ram_offset)
{
  DioRiscv64Mmu *mmu = hart->mmu;
  unsigned i = 0;
  pthread_mutex_lock (&mmu->lock);
  while (i < mmu->n_flush && mmu->flush_pages[i] != (ram_offset & ~DIO_PAGE_MASK))
    i++;
  if (ram_offset == UINT64_MAX || i == RV_FLUSH_QUEUE)
    mmu->flush_all++;
  else if (i == mmu->n_flush)
    mmu->flush_pages[mmu->n_flush++] = ram_offset & ~DIO_PAGE_MASK;
  pthread_mutex_unlock (&mmu->lock);
  atomic_fetch_or (&hart->interp.requests, RV_REQUEST_FLUSH_WRITE);
  dio_cpu_kick (&hart->interp.cpu);
}

void
dio_rv_service_requests (DioRiscv64 *hart)
{
  if (!atomic_exchange (&hart->interp.requests, 0))
    return;
  DioRiscv64Mmu *mmu = hart->mmu;
  DioRam *ram = hart->interp.cpu.machine->ram;
  uint64_t pages[RV_FLUSH_QUEUE];
  pthread_mutex_lock (&mmu->lock);
  unsigned n = mmu->n_flush, all = mmu->flush_all;
  memcpy (pages, mmu->flush_pages, n * sizeof *pages);
  pthread_mutex_unlock (&mmu->lock);
  if (all)
    dio_tlb_flush_write (&hart->interp.tlb, NULL, ram);
  for (unsigned i = 0; i < n && !all; i++)
    dio_tlb_flush_write (&hart->interp.tlb, ram->host + pages[i], ram);
  /* Only now: until here rv_mmu_doubt_code() has to know of them. */
  pthread_mutex_lock (&mmu->lock);
  mmu->flush_all -= all;
  mmu->n_flush -= n;
  memmove (mmu->flush_pages, mmu->flush_pages + n, mmu->n_flush * sizeof *pages);
  pthread_mutex_unlock (&mmu->lock);
}

/* Other harts may have stored to pages of code through entries that they were asked to flush and
 * did not yet. What they stored before something that this hart has seen must be seen by its
 * fence.i (Unprivileged ISA, Zifencei), and they note it later: so such pages are decoded anew. */
void
rv_mmu_doubt_code (DioRiscv64 *hart)
{
  DioMachine *machine = hart->interp.cpu.machine;
  dio_interp_await_marks (machine->ram);
  for (unsigned i = 0; i < machine->n_cpus; i++) {
    DioRiscv64 *other = (DioRiscv64 *) machine->cpus[i];
    if (!other || other == hart)
      continue;
    uint64_t pages[RV_FLUSH_QUEUE];
    pthread_mutex_lock (&other->mmu->lock);
    unsigned n = other->mmu->n_flush;
    bool all = other->mmu->flush_all;
    memcpy (pages, other->mmu->flush_pages, n * sizeof *pages);
    pthread_mutex_unlock (&other->mmu->lock);
    if (all)
      dio_ram_doubt_code (machine->ram, UINT64_MAX);
    for (unsigned k = 0; k < n && !all; k++)
      dio_ram_doubt_code (machine->ram, pages[k]);
  }
}

void
rv_code_page_set (DioInterpCpu *cpu, DioRam *ram, uint64_t ram_offset)
{
  DioRiscv64 *hart = (DioRiscv64 *) cpu;
  DioMachine *machine = hart->interp.cpu.machine;
  dio_tlb_flush_write (&hart->interp.tlb, ram->host + (ram_offset & ~DIO_PAGE_MASK), NULL);
  for (unsigned i = 0; i < machine->n_cpus; i++)
    if (machine->cpus[i] && machine->cpus[i] != &hart->interp.cpu)
      rv_mmu_request_flush_write ((DioRiscv64 *) machine->cpus[i], ram_offset);
}

/* ---- Life ---- */

bool
rv_mmu_init (DioRiscv64 *hart, GError **error)
{
  hart->mmu = g_new0 (DioRiscv64Mmu, 1);
  hart->mmu->walk_generation = 1;
  pthread_mutex_init (&hart->mmu->lock, NULL);
  return dio_tlb_init (&hart->interp.tlb, RV_SETS, error)
         && dio_tlb_add_second (&hart->interp.tlb, error);
}

void
rv_mmu_free (DioRiscv64 *hart)
{
  dio_tlb_clear (&hart->interp.tlb);
  if (hart->mmu)
    pthread_mutex_destroy (&hart->mmu->lock);
  g_clear_pointer (&hart->mmu, g_free);
}

void
rv_mmu_reset (DioRiscv64 *hart)
{
  DioRiscv64Mmu *mmu = hart->mmu;
  for (unsigned i = 0; i < RV_SLOTS; i++) {
    mmu->slots[i].valid = i == 0;
    mmu->slots[i].stamp = 0;
  }
  mmu->slot = 0;
  mmu->slots[0].satp = hart->satp;
  rv_mmu_pmp_changed (hart); /* flushes */
  rv_mmu_select (hart);
}
