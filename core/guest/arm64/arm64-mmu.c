/* SPDX-License-Identifier: GPL-3.0-or-later
 * arm64 memory management: stage 1 translation with granules of 4, 16 and 64 KiB, and the filling
 * and flushing of the TLB.
 *
 * The TLB has a set for EL1, one for EL1 with PAN, which sees no page of programs, and sets for
 * programs (EL0) by ASID; behind these its second level. Entries of EL1's sets for pages that are
 * not global are local (core/mem/mem-tlb.h): they go when the ASID changes. As the architecture has
 * it, a table that changes under the same ASID changes nothing before a TLBI (ArmARM D5.10). Guest
 * pages bigger than 4 KiB are entered in slices. */
#include <sched.h>
#include <string.h>

#include "core/guest/arm64/arm64-priv.h"
#include "core/tier/tier.h"
#include "core/vm/vm-machine.h"

#define DESC_VALID A64_BIT (0)
#define DESC_TABLE A64_BIT (1) /* or, at level 3, a page */
#define DESC_USER A64_BIT (6)  /* AP[1] */
#define DESC_READONLY A64_BIT (7)
#define DESC_AF A64_BIT (10)
#define DESC_NG A64_BIT (11)
#define DESC_DBM A64_BIT (51)
#define DESC_PXN A64_BIT (53)
#define DESC_UXN A64_BIT (54)
#define TABLE_PXN A64_BIT (59)
#define TABLE_UXN A64_BIT (60)
#define TABLE_NO_USER A64_BIT (61)
#define TABLE_READONLY A64_BIT (62)
#define DESC_ADDRESS UINT64_C (0x0000fffffffff000)

#define TCR_EPD0 A64_BIT (7)
#define TCR_A1 A64_BIT (22) /* the ASID is that of TTBR1 */
#define TCR_EPD1 A64_BIT (23)
#define TCR_TBI0 A64_BIT (37)
#define TCR_TBI1 A64_BIT (38)
#define TCR_HA A64_BIT (39)
#define TCR_HD A64_BIT (40)
#define TCR_E0PD0 A64_BIT (55)
#define TCR_E0PD1 A64_BIT (56)

static unsigned
needed_permission (DioA64Access access)
{
  return access == DIO_A64_LOAD    ? DIO_TLB_READ
         : access == DIO_A64_STORE ? DIO_TLB_WRITE
                                   : DIO_TLB_EXECUTE;
}

void
a64_abort (DioArm64 *cpu, DioGva va, DioA64Access access, unsigned status)
{
  bool lower = cpu->el == 0;
  unsigned ec = access == DIO_A64_FETCH ? lower ? A64_EC_FETCH_LOWER : A64_EC_FETCH_SAME
                : lower                 ? A64_EC_DATA_LOWER
                                        : A64_EC_DATA_SAME;
  cpu->exception.syndrome = A64_ESR (ec, status | (access == DIO_A64_STORE ? A64_ISS_WNR : 0));
  cpu->exception.has_far = true;
  cpu->exception.after = false;
  cpu->exception.far = va;
}

/* ---- The walk ---- */

/* What TCR_EL1 says about one half of the address space. */
typedef struct {
  uint64_t table;
  unsigned size;  /* bits of address */
  unsigned out;   /* bits of physical address */
  unsigned grain; /* log2 of the granule */
  bool disabled;
} Half;

static bool
choose_half (const DioArm64 *cpu, DioGva va, bool user, Half *half)
{
  static const uint8_t grains[2][4] = { { 12, 16, 14, 12 }, { 12, 14, 12, 16 } };
  static const uint8_t outs[8] = { 32,          36,          40,          42,
                                   A64_PA_BITS, A64_PA_BITS, A64_PA_BITS, A64_PA_BITS };
  bool upper = va >> 55 & 1;
  uint64_t tcr = cpu->tcr;
  unsigned zeros = (upper ? tcr >> 16 : tcr) & 63;
  half->size = 64 - MAX (MIN (zeros, 39), 16);
  half->out = outs[tcr >> 32 & 7];
  half->grain = grains[upper][(upper ? tcr >> 30 : tcr >> 14) & 3];
  half->disabled =
      (tcr & (upper ? TCR_EPD1 : TCR_EPD0)) || (user && (tcr & (upper ? TCR_E0PD1 : TCR_E0PD0)));
  half->table = cpu->ttbr[upper] & UINT64_C (0x0000fffffffffffe);
  /* All bits above the translated ones are copies of bit 55, but for an ignored top byte. */
  uint64_t checked = UINT64_MAX << half->size;
  if (tcr & (upper ? TCR_TBI1 : TCR_TBI0))
    checked &= UINT64_MAX >> 8;
  return (va & checked) == (upper ? checked : 0);
}

static uint64_t *
table_pointer (DioArm64 *cpu, DioGpa gpa, DioPageInfo *info)
{
  *info = dio_space_lookup_page (cpu->interp.cpu.space, gpa & ~DIO_PAGE_MASK);
  if (!info->ram)
    return NULL;
  return (uint64_t *) (void *) (info->ram->host + info->ram_offset + (gpa & DIO_PAGE_MASK));
}

/* Sets bits of a descriptor that hardware manages; false when somebody else changed it meanwhile or
 * it cannot be written. */
static bool
update (uint64_t *slot, const DioPageInfo *info, uint64_t *desc, uint64_t to)
{
  if (info->readonly)
    return false;
  dio_ram_begin_write (info->ram, (uint8_t *) slot - info->ram->host, sizeof *slot);
  if (!__atomic_compare_exchange_n (slot, desc, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    return false;
  *desc = to;
  dio_ram_note_write (info->ram, (uint8_t *) slot - info->ram->host, sizeof *slot);
  return true;
}

/* What a leaf descriptor grants, with the restrictions of the tables above it. */
static unsigned
grants (const DioArm64 *cpu, uint64_t desc, uint64_t tables, bool user)
{
  bool for_user = (desc & DESC_USER) && !(tables & TABLE_NO_USER);
  bool writable = !(desc & DESC_READONLY) && !(tables & TABLE_READONLY);
  bool readable = user ? for_user : !(for_user && (cpu->pstate & A64_PSTATE_PAN));
  bool never = user ? (desc & DESC_UXN) || (tables & TABLE_UXN)
                    : (desc & DESC_PXN) || (tables & TABLE_PXN) || (for_user && writable);
  unsigned permissions = 0;
  if (readable)
    permissions |= DIO_TLB_READ | (writable ? DIO_TLB_WRITE : 0);
  /* EL0 may execute what it cannot read. */
  if (!never && !((cpu->sctlr & A64_SCTLR_WXN) && writable && (for_user || !user)))
    permissions |= DIO_TLB_EXECUTE;
  return permissions;
}

/* Memory attributes by their index in MAIR_EL1 (ArmARM D13.2.97). */
static void
set_memory (A64Page *page, uint8_t attributes, unsigned shareable)
{
  page->attributes = attributes;
  page->device = (attributes & 0xf0) == 0;
  /* Devices, and memory that no cache holds, are everybody's. */
  page->shareable = page->device || attributes == A64_MEMORY_UNCACHED ? 2 : (uint8_t) shareable;
}

/* Fault status, or -1. */
static int
walk (DioArm64 *cpu, DioGva va, DioA64Access access, bool user, bool touch, A64Page *page,
      bool *global)
{
  Half half;
  if (!choose_half (cpu, va, user, &half) || half.disabled)
    return A64_FSC_TRANSLATION;

  unsigned stride = half.grain - 3;
  unsigned level = 4 - (half.size - half.grain + stride - 1) / stride;
  unsigned top = half.size - half.grain - stride * (3 - level); /* bits of the first index */
  DioGpa table = half.table & ~((UINT64_C (8) << top) - 1);
  uint64_t tables = 0;
  if (half.table >> half.out)
    return A64_FSC_ADDRESS_SIZE;

  for (bool first = true;; first = false) {
    unsigned shift = half.grain + stride * (3 - level);
    uint64_t index = va >> shift & ((UINT64_C (1) << (first ? top : stride)) - 1);
    DioPageInfo info;
    uint64_t *slot = table_pointer (cpu, table + 8 * index, &info);
    if (!slot)
      return A64_FSC_EXTERNAL_WALK + (int) level;
    uint64_t desc = __atomic_load_n (slot, __ATOMIC_RELAXED);
    if (!(desc & DESC_VALID))
      return A64_FSC_TRANSLATION + (int) level;
    if (level < 3 && (desc & DESC_TABLE)) {
      if ((desc & DESC_ADDRESS) >> half.out)
        return A64_FSC_ADDRESS_SIZE + (int) level;
      tables |= desc;
      table = desc & DESC_ADDRESS & ~((UINT64_C (1) << half.grain) - 1);
      level++;
      continue;
    }
    bool block_allowed = level == 2 || (level == 1 && half.grain == 12);
    if (level == 3 ? !(desc & DESC_TABLE) : !block_allowed)
      return A64_FSC_TRANSLATION + (int) level;
    if ((desc & DESC_ADDRESS) >> half.out)
      return A64_FSC_ADDRESS_SIZE + (int) level;

    if (!(desc & DESC_AF)) {
      if (!(cpu->tcr & TCR_HA))
        return A64_FSC_ACCESS_FLAG + (int) level;
      if (touch && !update (slot, &info, &desc, desc | DESC_AF))
        continue; /* read it again */
    }
    unsigned permissions = grants (cpu, desc, tables, user);
    if (!(permissions & needed_permission (access))) {
      /* A clean page that hardware may mark dirty. */
      bool dirty = access == DIO_A64_STORE && (cpu->tcr & TCR_HD) && (desc & DESC_DBM)
                   && (grants (cpu, desc & ~DESC_READONLY, tables, user) & DIO_TLB_WRITE);
      if (!dirty)
        return A64_FSC_PERMISSION + (int) level;
      if (touch && !update (slot, &info, &desc, desc & ~DESC_READONLY))
        continue;
      permissions = grants (cpu, desc & ~DESC_READONLY, tables, user);
    }
    uint64_t inside = (UINT64_C (1) << shift) - 1;
    page->gpa = ((desc & DESC_ADDRESS & ~inside) | (va & inside)) & ~DIO_PAGE_MASK;
    page->va_mask = ~inside;
    page->permissions = permissions;
    set_memory (page, (uint8_t) (cpu->mair >> (8 * (desc >> 2 & 7))), desc >> 8 & 3);
    *global = !(desc & DESC_NG);
    return -1;
  }
}

static int
translate (DioArm64 *cpu, DioGva va, DioA64Access access, bool user, bool touch, A64Page *page,
           bool *global)
{
  int status = -1;
  *global = true;
  if (cpu->sctlr & A64_SCTLR_M) {
    status = walk (cpu, va, access, user, touch, page, global);
  } else {
    page->gpa = va & ~DIO_PAGE_MASK;
    page->va_mask = ~DIO_PAGE_MASK;
    page->permissions = DIO_TLB_READ | DIO_TLB_WRITE | DIO_TLB_EXECUTE;
    set_memory (page, A64_MEMORY_DEVICE, 0); /* for data; of code that says nothing (D5.2.9) */
    if (va >> A64_PA_BITS)
      status = A64_FSC_ADDRESS_SIZE;
  }
  if (status >= 0)
    return status;
  page->strict = page->device || (cpu->sctlr & A64_SCTLR_A);
  page->info = dio_space_lookup_page (cpu->interp.cpu.space, page->gpa);
  return status;
}

int
a64_probe (DioArm64 *cpu, DioGva va, DioA64Access access, bool user, A64Page *page)
{
  bool global;
  return translate (cpu, va, access, user, false, page, &global);
}

/* Enters the page, which is RAM, in the first level. */
static void
enter_page (DioTlbSet *set, DioGva va, DioA64Access access, const A64Page *page, unsigned enter)
{
  DioRam *ram = page->info.ram;
  uint64_t offset = page->info.ram_offset;
  _Atomic uint8_t *flags = &ram->page_flags[offset >> DIO_PAGE_SHIFT];
  if (access == DIO_A64_STORE && (enter & DIO_TLB_WRITE))
    dio_ram_begin_write (ram, offset, DIO_PAGE_SIZE);
  if ((enter & DIO_TLB_WRITE) && (atomic_load (flags) & DIO_PAGE_SLOW_WRITE)) {
    /* Noted for the whole page, here and not after the store: from now on the page is an ordinary
     * one, and whoever decodes it meanwhile asks us to give the entry up again. */
    if (access == DIO_A64_STORE)
      dio_ram_note_write (ram, offset, DIO_PAGE_SIZE);
    else
      enter &= ~(unsigned) DIO_TLB_WRITE;
  }
  dio_tlb_fill (set, va, page->va_mask, ram->host + offset, enter);
}

/* Enters the page, which is of the machine's RAM, in the second level. */
static void
second_fill (DioArm64 *cpu, const DioTlbSet *set, DioGva va, const A64Page *page, unsigned enter)
{
  const uint8_t *host = page->info.ram->host + page->info.ram_offset;
  bool block = dio_tlb_is_block (cpu->interp.cpu.space, page->va_mask, page->gpa, host);
  dio_tlb_second_fill (&cpu->interp.tlb, set, va, page->va_mask, page->gpa, host,
                       page->info.ram_offset, enter, block);
}

/* Answers from the second level, for all of @access. */
static bool
second_find (DioArm64 *cpu, DioTlbSet *set, DioGva va, DioA64Access access, A64Page *page)
{
  DioTlbSecond found;
  if (!dio_tlb_second_find (&cpu->interp.tlb, set, va, needed_permission (access), &found))
    return false;
  unsigned permissions = dio_tlb_second_permissions (&found);
  *page =
      (A64Page){ .gpa = dio_tlb_second_gpa (&found),
                 .va_mask = dio_tlb_second_mask (&found),
                 .permissions = permissions & ~(unsigned) DIO_TLB_LOCAL,
                 .info = { .ram = cpu->interp.cpu.machine->ram, .ram_offset = found.ram_offset } };
  enter_page (set, va, access, page, permissions);
  return true;
}

bool
a64_translate (DioArm64 *cpu, DioGva va, DioA64Access access, bool user, A64Page *page)
{
  DioTlb *tlb = &cpu->interp.tlb;
  user |= cpu->el == 0;
  DioTlbSet *set = access == DIO_A64_FETCH ? tlb->code_set
                   : user                  ? a64_user_set (cpu)
                                           : tlb->data_set;
  bool global;
  tlb->misses++;
  cpu->interp.cpu.stats.tlb_misses++;
  if (second_find (cpu, set, va, access, page))
    return true;
  int status = translate (cpu, va, access, user, true, page, &global);
  if (DIO_UNLIKELY (status >= 0)) {
    a64_abort (cpu, va, access, (unsigned) status);
    return false;
  }

  DioRam *ram = page->info.ram;
  /* With a tag in the top byte it would not be found by who invalidates the address. */
  bool tagged = (uint64_t) ((int64_t) (va << 8) >> 8) != va;
  if (!ram || DIO_UNLIKELY (tagged || (page->strict && access != DIO_A64_FETCH))) {
    if (ram && access == DIO_A64_STORE && !page->info.readonly)
      dio_ram_begin_write (ram, page->info.ram_offset, DIO_PAGE_SIZE);
    return true;
  }
  unsigned enter = page->permissions;
  if (page->strict)
    enter &= DIO_TLB_EXECUTE;
  if (page->info.readonly)
    enter &= ~(unsigned) DIO_TLB_WRITE;
  if (!global)
    enter |= DIO_TLB_LOCAL;
  if (ram == cpu->interp.cpu.machine->ram)
    second_fill (cpu, set, va, page, enter);
  enter_page (set, va, access, page, enter);
  return true;
}

/* ---- Sets and flushes ---- */

void
a64_mmu_select (DioArm64 *cpu)
{
  unsigned user = A64_SET_SPACES + cpu->mmu->slot;
  unsigned code = cpu->el == 0 ? user : A64_SET_SYSTEM;
  unsigned data = cpu->el != 0 && (cpu->pstate & A64_PSTATE_PAN) ? A64_SET_SYSTEM_PAN : code;
  dio_tlb_select (&cpu->interp.tlb, data, code);
  cpu->user_tlb = &a64_user_set (cpu)->table;
}

static void
flush_slot (DioArm64 *cpu, unsigned slot)
{
  dio_tlb_flush_set (&cpu->interp.tlb.sets[A64_SET_SPACES + slot]);
}

/* Those not in force are flushed when they are taken. */
static void
forget_slot (DioArm64 *cpu, unsigned slot)
{
  if (slot == cpu->mmu->slot)
    flush_slot (cpu, slot);
  else
    cpu->mmu->slots[slot].valid = false;
}

/* The slot of address space @asid, or else the one that was used least lately. */
static unsigned
find_slot (const DioArm64Mmu *mmu, unsigned asid, bool *found)
{
  unsigned oldest = 0;
  uint64_t oldest_stamp = UINT64_MAX;
  *found = true;
  for (unsigned i = 0; i < A64_SPACES; i++) {
    uint64_t stamp = mmu->slots[i].valid ? mmu->slots[i].stamp : 0;
    if (mmu->slots[i].valid && mmu->slots[i].asid == asid)
      return i;
    if (stamp < oldest_stamp) {
      oldest = i;
      oldest_stamp = stamp;
    }
  }
  *found = false;
  return oldest;
}

void
a64_mmu_space_changed (DioArm64 *cpu)
{
  DioArm64Mmu *mmu = cpu->mmu;
  unsigned asid = (unsigned) (cpu->ttbr[cpu->tcr & TCR_A1 ? 1 : 0] >> 48);
  bool found = mmu->slots[mmu->slot].valid && mmu->slots[mmu->slot].asid == asid;
  if (!found) {
    dio_tlb_flush_local (&cpu->interp.tlb.sets[A64_SET_SYSTEM]);
    dio_tlb_flush_local (&cpu->interp.tlb.sets[A64_SET_SYSTEM_PAN]);
    mmu->slot = find_slot (mmu, asid, &found);
    if (!found)
      flush_slot (cpu, mmu->slot);
    mmu->slots[mmu->slot].valid = true;
    mmu->slots[mmu->slot].asid = (uint16_t) asid;
    mmu->slots[mmu->slot].stamp = ++mmu->clock;
  }
  a64_mmu_select (cpu);
}

/* Who has asked for the same before and was not heard yet has kicked, or is about to. */
static void
request_of (DioArm64 *cpu, DioArm64 *other, uint32_t request)
{
  if (!(atomic_fetch_or (&other->interp.requests, request) & request))
    dio_cpu_kick (&other->interp.cpu);
  cpu->asked_others = true;
}

void
a64_mmu_flush (DioArm64 *cpu)
{
  for (unsigned i = 0; i < A64_SPACES; i++)
    forget_slot (cpu, i);
  dio_tlb_flush_set (&cpu->interp.tlb.sets[A64_SET_SYSTEM]);
  dio_tlb_flush_set (&cpu->interp.tlb.sets[A64_SET_SYSTEM_PAN]);
}

void
a64_mmu_invalidate_all (DioArm64 *cpu, bool broadcast)
{
  a64_mmu_flush (cpu);
  if (broadcast)
    a64_request_others (cpu, A64_REQUEST_FLUSH_TLB);
}

static void
invalidate_space (DioArm64 *cpu, unsigned asid)
{
  const DioArm64Mmu *mmu = cpu->mmu;
  for (unsigned i = 0; i < A64_SPACES; i++)
    if (mmu->slots[i].valid && mmu->slots[i].asid == asid)
      forget_slot (cpu, i);
  dio_tlb_flush_local (&cpu->interp.tlb.sets[A64_SET_SYSTEM]);
  dio_tlb_flush_local (&cpu->interp.tlb.sets[A64_SET_SYSTEM_PAN]);
}

/* In every address space, as the page may be global. */
static void
invalidate_page (DioArm64 *cpu, DioGva va)
{
  DioTlb *tlb = &cpu->interp.tlb;
  for (unsigned i = 0; i < A64_N_SETS; i++) {
    if (i >= A64_SET_SPACES && !cpu->mmu->slots[i - A64_SET_SPACES].valid)
      continue;
    dio_tlb_flush_page (&tlb->sets[i], va);
    dio_tlb_second_drop (tlb, &tlb->sets[i], va);
  }
}

/* Tells all others of @what. Who has been told of as much as it can note flushes everything. */
static void
invalidate_others (DioArm64 *cpu, A64Invalidation what)
{
  DioMachine *machine = cpu->interp.cpu.machine;
  for (unsigned i = 0; i < machine->n_cpus; i++) {
    DioArm64 *other = DIO_ARM64 (machine->cpus[i]);
    if (!other || other == cpu)
      continue;
    DioArm64Mmu *mmu = other->mmu;
    uint32_t request = A64_REQUEST_FLUSH_TLB;
    pthread_mutex_lock (&mmu->lock);
    if (mmu->n_invalidations < A64_INVALIDATIONS) {
      mmu->invalidations[mmu->n_invalidations++] = what;
      request = A64_REQUEST_INVALIDATE;
    }
    pthread_mutex_unlock (&mmu->lock);
    request_of (cpu, other, request);
  }
}

void
a64_mmu_invalidate_space (DioArm64 *cpu, unsigned asid, bool broadcast)
{
  invalidate_space (cpu, asid);
  if (broadcast)
    invalidate_others (cpu, (A64Invalidation){ .space = true, .value = asid });
}

void
a64_mmu_invalidate_page (DioArm64 *cpu, DioGva va, bool broadcast)
{
  invalidate_page (cpu, va);
  if (broadcast)
    invalidate_others (cpu, (A64Invalidation){ .value = va });
}

/* ---- Requests of other threads ---- */

void
a64_request_others (DioArm64 *cpu, uint32_t request)
{
  DioMachine *machine = cpu->interp.cpu.machine;
  for (unsigned i = 0; i < machine->n_cpus; i++) {
    DioArm64 *other = DIO_ARM64 (machine->cpus[i]);
    if (!other || other == cpu)
      continue;
    request_of (cpu, other, request);
  }
}

/* A CPU that does not run guest code serves requests before it does. Meanwhile our own are served,
 * as the other may be waiting for us. */
void
a64_wait_for_others (DioArm64 *cpu)
{
  const uint32_t awaited = A64_REQUEST_FLUSH_TLB | A64_REQUEST_INVALIDATE | A64_REQUEST_FORGET_CODE;
  DioMachine *machine = cpu->interp.cpu.machine;
  if (DIO_LIKELY (!cpu->asked_others))
    return;
  cpu->asked_others = false;
  for (unsigned i = 0; i < machine->n_cpus; i++) {
    DioArm64 *other = DIO_ARM64 (machine->cpus[i]);
    while (other && other != cpu && other->runs && (other->interp.requests & awaited)) {
      a64_service_requests (cpu);
      sched_yield ();
    }
  }
}

void
a64_mmu_request_flush_write (DioArm64 *cpu, uint64_t ram_offset)
{
  DioArm64Mmu *mmu = cpu->mmu;
  uint32_t request = A64_REQUEST_FLUSH_WRITE_ALL;
  pthread_mutex_lock (&mmu->lock);
  if (ram_offset != UINT64_MAX && mmu->n_flush < A64_FLUSH_QUEUE) {
    mmu->flush_pages[mmu->n_flush++] = ram_offset & ~DIO_PAGE_MASK;
    request = A64_REQUEST_FLUSH_WRITE_PAGES;
  }
  pthread_mutex_unlock (&mmu->lock);
  atomic_fetch_or (&cpu->interp.requests, request);
  dio_cpu_kick (&cpu->interp.cpu);
}

static void
flush_writes (DioArm64 *cpu, bool all)
{
  DioArm64Mmu *mmu = cpu->mmu;
  DioRam *ram = cpu->interp.cpu.machine->ram;
  uint64_t pages[A64_FLUSH_QUEUE];
  pthread_mutex_lock (&mmu->lock);
  unsigned n = mmu->n_flush;
  memcpy (pages, mmu->flush_pages, n * sizeof *pages);
  mmu->n_flush = 0;
  pthread_mutex_unlock (&mmu->lock);
  if (all) {
    dio_tlb_flush_write (&cpu->interp.tlb, NULL, ram);
    return;
  }
  for (unsigned i = 0; i < n; i++)
    dio_tlb_flush_write (&cpu->interp.tlb, ram->host + pages[i], ram);
}

/* What others have told, or everything when @all. */
static void
invalidate_told (DioArm64 *cpu, bool all)
{
  DioArm64Mmu *mmu = cpu->mmu;
  A64Invalidation told[A64_INVALIDATIONS];
  pthread_mutex_lock (&mmu->lock);
  unsigned n = mmu->n_invalidations;
  memcpy (told, mmu->invalidations, n * sizeof *told);
  mmu->n_invalidations = 0;
  pthread_mutex_unlock (&mmu->lock);
  if (all)
    a64_mmu_flush (cpu);
  for (unsigned i = 0; i < n && !all; i++) {
    if (told[i].space)
      invalidate_space (cpu, (unsigned) told[i].value);
    else
      invalidate_page (cpu, told[i].value);
  }
}

void
a64_service_requests (DioArm64 *cpu)
{
  uint32_t requests = atomic_exchange (&cpu->interp.requests, 0);
  if (DIO_LIKELY (!requests))
    return;
  if (requests & (A64_REQUEST_FLUSH_WRITE_PAGES | A64_REQUEST_FLUSH_WRITE_ALL))
    flush_writes (cpu, requests & A64_REQUEST_FLUSH_WRITE_ALL);
  if (requests & (A64_REQUEST_FLUSH_TLB | A64_REQUEST_INVALIDATE))
    invalidate_told (cpu, requests & A64_REQUEST_FLUSH_TLB);
  if (requests & A64_REQUEST_FORGET_CODE) {
    dio_interp_engine_forget (&cpu->interp);
    dio_tier_barrier (&cpu->interp);
  }
  if ((requests & A64_REQUEST_ON) && cpu->off) {
    pthread_mutex_lock (&cpu->mmu->lock);
    uint64_t entry = cpu->mmu->entry, context = cpu->mmu->context;
    pthread_mutex_unlock (&cpu->mmu->lock);
    dio_a64_set_entry (&cpu->interp.cpu, entry, context);
    cpu->off = false;
  }
}

void
a64_mmu_code_page_set (DioInterpCpu *interp, DioRam *ram, uint64_t ram_offset)
{
  DioMachine *machine = interp->cpu.machine;
  dio_tlb_flush_write (&interp->tlb, ram->host + (ram_offset & ~DIO_PAGE_MASK), NULL);
  for (unsigned i = 0; i < machine->n_cpus; i++)
    if (machine->cpus[i] && machine->cpus[i] != &interp->cpu)
      a64_mmu_request_flush_write (DIO_ARM64 (machine->cpus[i]), ram_offset);
}

/* ---- Life ---- */

bool
a64_mmu_init (DioArm64 *cpu, GError **error)
{
  cpu->mmu = g_new0 (DioArm64Mmu, 1);
  pthread_mutex_init (&cpu->mmu->lock, NULL);
  cpu->mmu->slots[0].valid = true;
  return dio_tlb_init (&cpu->interp.tlb, A64_N_SETS, error)
         && dio_tlb_add_second (&cpu->interp.tlb, error);
}

void
a64_mmu_free (DioArm64 *cpu)
{
  dio_tlb_clear (&cpu->interp.tlb);
  if (cpu->mmu)
    pthread_mutex_destroy (&cpu->mmu->lock);
  g_clear_pointer (&cpu->mmu, g_free);
}
