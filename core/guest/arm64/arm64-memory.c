/* SPDX-License-Identifier: GPL-3.0-or-later
 * What arm64 accesses do when the TLB does not have their page: slow paths of loads, stores,
 * atomics and fetches, devices, page crossing. */
#include "core/guest/arm64/arm64-priv.h"
#include "core/interp/interp-host.h"
#include "core/vm/vm-machine.h"

/* ---- Pieces within a page ---- */

/* The set that an access uses. */
static DioTlbSet *
set_of (DioArm64 *cpu, bool user)
{
  return user ? a64_user_set (cpu) : cpu->interp.tlb.data_set;
}

static const uint8_t *
recall (DioArm64 *cpu, DioGva va, bool user, unsigned right)
{
  DioTlbSet *set = set_of (cpu, user);
  DioGva page = va & ~DIO_PAGE_MASK;
  for (unsigned i = 0; i < 2; i++) {
    unsigned index = dio_tlb_index (va);
    if ((right == DIO_TLB_READ ? set->table.read : set->table.write)[index] == page)
      return (const uint8_t *) (va + set->table.addend[index]);
    if (!dio_tlb_recall (set, va, right))
      break;
  }
  return NULL;
}

/* Before an access to a device what others asked of us happens, so that a guest that sends an
 * interrupt to another CPU has its earlier stores to code seen. */
static void
before_io (DioArm64 *cpu)
{
  if (DIO_UNLIKELY (atomic_load_explicit (&cpu->interp.requests, memory_order_relaxed)))
    a64_service_requests (cpu);
}

/* What the registers of @raw, which accesses @size bytes at once, want to be a multiple of: pairs
 * are aligned by register, structures by element (ArmARM B2.5.2). */
static unsigned
alignment_of (uint32_t raw, unsigned size)
{
  bool vector = raw >> 26 & 1;
  unsigned log2 = raw >> 10 & 3, opcode = raw >> 14 & 3;
  if ((raw & 0x3a000000) == 0x28000000)
    return vector ? 4u << (raw >> 30) : raw >> 31 ? 8 : 4;
  if ((raw & 0xbe000000) != 0x0c000000)
    return size;
  if (!(raw >> 24 & 1) || opcode == 3) /* whole registers, or one element to all lanes */
    return 1u << log2;
  return opcode == 2 ? 4u << (log2 & 1) : 1u << opcode;
}

/* The same of the instruction that runs, which compiled code does not tell: there the strictest is
 * assumed, and the interpreter judges again (a64_alignment_noted()). */
static unsigned
wanted_alignment (DioArm64 *cpu, unsigned size)
{
  uint32_t raw;
  if (cpu->pc_unknown)
    return size;
  __typeof__ (cpu->exception) exception = cpu->exception;
  bool fetched = a64_fetch_loose (&cpu->interp, &raw);
  cpu->exception = exception;
  return fetched ? MIN (alignment_of (raw, size), size) : size;
}

bool
a64_alignment_noted (const DioArm64 *cpu)
{
  unsigned ec = cpu->exception.syndrome >> 26;
  return (ec == A64_EC_DATA_LOWER || ec == A64_EC_DATA_SAME)
         && (cpu->exception.syndrome & 0x3f) == A64_FSC_ALIGNMENT;
}

/* Device memory takes aligned accesses only (ArmARM B2.7.2), and all memory with SCTLR_EL1.A. */
static bool
check_alignment (DioArm64 *cpu, const A64Page *page, DioGva va, unsigned size, DioA64Access access)
{
  if (DIO_LIKELY (!page->strict || (va & (size - 1)) == 0))
    return true;
  if ((va & (wanted_alignment (cpu, size) - 1)) == 0)
    return true;
  a64_abort (cpu, va, access, A64_FSC_ALIGNMENT);
  return false;
}

/* The bytes of a device that an access is of are moved at once, but for those of a pair or a
 * structure that are not aligned as a whole. */
static unsigned
piece_of (const A64Page *page, DioGva va, unsigned size)
{
  return page->strict && (va & (size - 1)) ? (unsigned) (va & -va) : size;
}

static bool
io_read (DioArm64 *cpu, const A64Page *page, DioGva va, unsigned size, uint64_t *value)
{
  unsigned piece = piece_of (page, va, size);
  uint64_t all = 0, part = 0;
  before_io (cpu);
  for (unsigned i = 0; i < size; i += piece) {
    if (!dio_interp_io_read (&cpu->interp, page->gpa | ((va + i) & DIO_PAGE_MASK), piece, &part))
      return false;
    all |= part << (8 * i);
  }
  *value = all;
  return true;
}

static bool
io_write (DioArm64 *cpu, const A64Page *page, DioGva va, unsigned size, uint64_t value)
{
  unsigned piece = piece_of (page, va, size);
  uint64_t mask = piece < 8 ? (UINT64_C (1) << (8 * piece)) - 1 : UINT64_MAX;
  before_io (cpu);
  for (unsigned i = 0; i < size; i += piece)
    if (!dio_interp_io_write (&cpu->interp, page->gpa | ((va + i) & DIO_PAGE_MASK), piece,
                              value >> (8 * i) & mask))
      return false;
  return true;
}

static bool
load_page (DioArm64 *cpu, DioGva va, unsigned size, bool user, uint64_t *value)
{
  const uint8_t *host = recall (cpu, va, user, DIO_TLB_READ);
  if (host) {
    *value = dio_interp_host_read (host, size);
    return true;
  }
  A64Page page;
  if (!a64_translate (cpu, va, DIO_A64_LOAD, user, &page)
      || !check_alignment (cpu, &page, va, size, DIO_A64_LOAD))
    return false;
  if (DIO_LIKELY (page.info.ram)) {
    *value = dio_interp_host_read (
        page.info.ram->host + page.info.ram_offset + (va & DIO_PAGE_MASK), size);
    return true;
  }
  if (io_read (cpu, &page, va, size, value))
    return true;
  a64_abort (cpu, va, DIO_A64_LOAD, A64_FSC_EXTERNAL);
  return false;
}

static bool
store_page (DioArm64 *cpu, DioGva va, unsigned size, bool user, uint64_t value)
{
  uint8_t *host = (uint8_t *) (uintptr_t) recall (cpu, va, user, DIO_TLB_WRITE);
  if (host) {
    dio_interp_host_write (host, size, value);
    return true;
  }
  A64Page page;
  if (!a64_translate (cpu, va, DIO_A64_STORE, user, &page)
      || !check_alignment (cpu, &page, va, size, DIO_A64_STORE))
    return false;
  if (DIO_LIKELY (page.info.ram && !page.info.readonly)) {
    uint64_t offset = page.info.ram_offset + (va & DIO_PAGE_MASK);
    dio_interp_host_write (page.info.ram->host + offset, size, value);
    dio_ram_note_write (page.info.ram, offset, size);
    return true;
  }
  if (io_write (cpu, &page, va, size, value))
    return true;
  a64_abort (cpu, va, DIO_A64_STORE, A64_FSC_EXTERNAL);
  return false;
}

/* @length bytes (1 to 7) at @va, within a page. */
static bool
load_bytes (DioArm64 *cpu, DioGva va, unsigned length, bool user, uint64_t *value)
{
  *value = 0;
  for (unsigned i = 0; i < length; i++) {
    uint64_t byte = 0;
    if (!load_page (cpu, va + i, 1, user, &byte))
      return false;
    *value |= byte << (8 * i);
  }
  return true;
}

/* May a load that is not aligned begin? */
static bool
check_load (DioArm64 *cpu, DioGva va, unsigned size, bool user)
{
  A64Page page;
  return recall (cpu, va, user, DIO_TLB_READ)
         || (a64_translate (cpu, va, DIO_A64_LOAD, user, &page)
             && check_alignment (cpu, &page, va, size, DIO_A64_LOAD));
}

/* May all of a store that is not aligned be done? */
static bool
check_stores (DioArm64 *cpu, DioGva va, unsigned size, bool user)
{
  A64Page page;
  return a64_translate (cpu, va, DIO_A64_STORE, user, &page)
         && check_alignment (cpu, &page, va, size, DIO_A64_STORE)
         && a64_translate (cpu, (va + size - 1) & ~DIO_PAGE_MASK, DIO_A64_STORE, user, &page);
}

/* ---- Loads and stores ---- */

bool
dio_a64_load_slow (DioArm64 *cpu, DioGva va, unsigned size, bool user, uint64_t *value)
{
  if (DIO_LIKELY (!dio_interp_crosses_page (va, size)))
    return load_page (cpu, va, size, user, value);
  unsigned first = DIO_PAGE_SIZE - (va & DIO_PAGE_MASK);
  uint64_t low, high;
  if (!check_load (cpu, va, size, user) || !load_bytes (cpu, va, first, user, &low)
      || !load_bytes (cpu, va + first, size - first, user, &high))
    return false;
  *value = low | high << (8 * first);
  return true;
}

bool
dio_a64_store_slow (DioArm64 *cpu, DioGva va, unsigned size, bool user, uint64_t value)
{
  if (DIO_LIKELY (!dio_interp_crosses_page (va, size)))
    return store_page (cpu, va, size, user, value);
  /* Both pages must be writable before the first byte is written. */
  if (!check_stores (cpu, va, size, user))
    return false;
  for (unsigned i = 0; i < size; i++)
    if (!store_page (cpu, va + i, 1, user, (value >> (8 * i)) & 0xff))
      return false;
  return true;
}

bool
dio_a64_load_v128_slow (DioArm64 *cpu, DioGva va, DioVec *value)
{
  uint64_t low, high;
  if ((va & 15) && !check_load (cpu, va, 16, false))
    return false;
  if (!dio_a64_load_slow (cpu, va, 8, false, &low)
      || !dio_a64_load_slow (cpu, va + 8, 8, false, &high))
    return false;
  *value = dio_vec_make (low, high);
  return true;
}

bool
dio_a64_store_v128_slow (DioArm64 *cpu, DioGva va, DioVec value)
{
  if ((va & 15) && !check_stores (cpu, va, 16, false))
    return false;
  return dio_a64_store_slow (cpu, va, 8, false, value[0])
         && dio_a64_store_slow (cpu, va + 8, 8, false, value[1]);
}

void *
dio_a64_atomic_pointer (DioArm64 *cpu, DioGva va, unsigned size, bool write)
{
  DioA64Access access = write ? DIO_A64_STORE : DIO_A64_LOAD;
  if (DIO_UNLIKELY (va & (size - 1))) {
    a64_abort (cpu, va, access, A64_FSC_ALIGNMENT);
    return NULL;
  }
  A64Page page;
  if (!a64_translate (cpu, va, access, false, &page))
    return NULL;
  if (DIO_UNLIKELY (!page.info.ram || (write && page.info.readonly))) {
    a64_abort (cpu, va, access, A64_FSC_EXTERNAL);
    return NULL;
  }
  return page.info.ram->host + page.info.ram_offset + (va & DIO_PAGE_MASK);
}

/* ---- Faults of atomics ---- */

/* Atomic operations, CAS and CASP of any size (ArmARM C4.1). */
static bool
is_atomic (uint32_t raw)
{
  return (raw & 0x3f200c00) == 0x38200000 || (raw & 0x3fa07c00) == 0x08a07c00
         || (raw & 0xbfa07c00) == 0x08207c00;
}

void
a64_judge_atomic (DioArm64 *cpu)
{
  unsigned ec = cpu->exception.syndrome >> 26, status = cpu->exception.syndrome & 0x3f;
  A64Page page;
  uint32_t raw;
  if (ec != A64_EC_DATA_LOWER && ec != A64_EC_DATA_SAME)
    return;
  __typeof__ (cpu->exception) exception = cpu->exception;
  bool fetched = a64_fetch_loose (&cpu->interp, &raw);
  cpu->exception = exception;
  if (!fetched || !is_atomic (raw))
    return;
  bool readable = status != A64_FSC_ALIGNMENT
                  && a64_probe (cpu, cpu->exception.far, DIO_A64_LOAD, cpu->el == 0, &page) < 0
                  && (status != A64_FSC_EXTERNAL || page.info.ram);
  if (!readable)
    cpu->exception.syndrome &= ~(uint32_t) A64_ISS_WNR;
}

bool
dio_a64_zero_block (DioArm64 *cpu, DioGva va)
{
  DioGva block = va & ~UINT64_C (63);
  A64Page page;
  if (cpu->no_clear)
    return a64_trap_user (cpu);
  uint8_t *host = (uint8_t *) (uintptr_t) recall (cpu, block, false, DIO_TLB_WRITE);
  if (DIO_LIKELY (host)) {
    for (unsigned i = 0; i < 64; i += 8)
      dio_interp_host_write (host + i, 8, 0);
    return true;
  }
  if (!a64_translate (cpu, va, DIO_A64_STORE, false, &page))
    return false;
  if (page.device) {
    a64_abort (cpu, va, DIO_A64_STORE, A64_FSC_ALIGNMENT);
    return false;
  }
  for (unsigned i = 0; i < 64; i += 8)
    if (!store_page (cpu, block + i, 8, false, 0)) {
      cpu->exception.far = va;
      return false;
    }
  return true;
}

bool
a64_fetch_page (DioInterpCpu *interp, DioGva va, const uint8_t **host, DioRam **ram,
                uint64_t *ram_offset)
{
  DioArm64 *cpu = DIO_ARM64 (interp);
  A64Page page;
  if (DIO_UNLIKELY (va & 3)) {
    dio_a64_raise (cpu, DIO_A64_PC_ALIGNMENT, va);
    return false;
  }
  if (!a64_translate (cpu, va, DIO_A64_FETCH, cpu->el == 0, &page))
    return false;
  if (DIO_UNLIKELY (!page.info.ram)) {
    a64_abort (cpu, va, DIO_A64_FETCH, A64_FSC_EXTERNAL);
    return false;
  }
  *host = page.info.ram->host + page.info.ram_offset;
  *ram = page.info.ram;
  *ram_offset = page.info.ram_offset;
  return true;
}

bool
a64_fetch_loose (DioInterpCpu *interp, uint32_t *raw)
{
  uint64_t pc = interp->pc;
  const uint8_t *host = pc & 3 ? NULL : dio_tlb_hit_execute (&interp->tlb, pc);
  if (!host) {
    DioRam *ram;
    uint64_t ram_offset;
    if (!a64_fetch_page (interp, pc, &host, &ram, &ram_offset))
      return false;
    host += pc & DIO_PAGE_MASK;
  }
  *raw = __atomic_load_n ((const uint32_t *) (const void *) host, __ATOMIC_RELAXED);
  return true;
}
