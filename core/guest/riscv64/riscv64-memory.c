/* SPDX-License-Identifier: GPL-3.0-or-later
 * What riscv64 accesses do when the TLB does not have their page: slow paths of loads, stores,
 * atomics and fetches, devices, misalignment, and the cache-block operations. */
#include "core/guest/riscv64/riscv64-priv.h"
#include "core/interp/interp-host.h"

/* ---- Loads and stores ---- */

/* Before an access to a device: what others asked of us happens first, so that a guest that sends
 * an interrupt to another hart has its earlier stores to code seen (dio_rv_service_requests()). */
static void
before_io (DioRiscv64 *hart)
{
  if (DIO_UNLIKELY (atomic_load_explicit (&hart->interp.requests, memory_order_relaxed)))
    dio_rv_service_requests (hart);
}

static DioRvExc
load_page (DioRiscv64 *hart, DioGva va, unsigned size, uint64_t *value)
{
  /* A misaligned access within a page that is there, or a page in the victim level. */
  const uint8_t *host = dio_tlb_hit_read (&hart->interp.tlb, va & ~(DioGva) (size - 1), size);
  if (!host && dio_tlb_recall (hart->interp.tlb.data_set, va, DIO_TLB_READ))
    host = dio_tlb_hit_read (&hart->interp.tlb, va & ~(DioGva) (size - 1), size);
  if (host) {
    *value = dio_interp_host_read (host + (va & (size - 1)), size);
    return DIO_RV_EXC_NONE;
  }
  RvPage page;
  DioRvExc exc = rv_translate (hart, hart->interp.tlb.data_set, va, size, DIO_RV_LOAD,
                               rv_data_privilege (hart), &page);
  if (DIO_UNLIKELY (exc != DIO_RV_EXC_NONE))
    return exc;
  if (DIO_LIKELY (page.info.ram)) {
    *value = dio_interp_host_read (
        page.info.ram->host + page.info.ram_offset + (va & DIO_PAGE_MASK), size);
    return DIO_RV_EXC_NONE;
  }
  before_io (hart);
  if (dio_interp_io_read (&hart->interp, page.gpa | (va & DIO_PAGE_MASK), size, value))
    return DIO_RV_EXC_NONE;
  hart->exc_tval = va;
  return DIO_RV_EXC_LOAD_ACCESS;
}

/* @length bytes (1 to 7) at @va, within a page. */
static DioRvExc
load_bytes (DioRiscv64 *hart, DioGva va, unsigned length, uint64_t *value)
{
  *value = 0;
  for (unsigned i = 0; i < length; i++) {
    uint64_t byte;
    DioRvExc exc = load_page (hart, va + i, 1, &byte);
    if (exc != DIO_RV_EXC_NONE)
      return exc;
    *value |= byte << (8 * i);
  }
  return DIO_RV_EXC_NONE;
}

DioRvExc
dio_rv_load_slow (DioRiscv64 *hart, DioGva va, unsigned size, uint64_t *value)
{
  if (DIO_LIKELY (!dio_interp_crosses_page (va, size)))
    return load_page (hart, va, size, value);
  unsigned first = DIO_PAGE_SIZE - (va & DIO_PAGE_MASK);
  uint64_t low, high;
  DioRvExc exc = load_bytes (hart, va, first, &low);
  if (exc == DIO_RV_EXC_NONE)
    exc = load_bytes (hart, va + first, size - first, &high);
  if (exc == DIO_RV_EXC_NONE)
    *value = low | high << (8 * first);
  return exc;
}

static DioRvExc
store_page (DioRiscv64 *hart, DioGva va, unsigned size, uint64_t value)
{
  uint8_t *host = dio_tlb_hit_write (&hart->interp.tlb, va & ~(DioGva) (size - 1), size);
  if (!host && dio_tlb_recall (hart->interp.tlb.data_set, va, DIO_TLB_WRITE))
    host = dio_tlb_hit_write (&hart->interp.tlb, va & ~(DioGva) (size - 1), size);
  if (host) {
    dio_interp_host_write (host + (va & (size - 1)), size, value);
    return DIO_RV_EXC_NONE;
  }
  RvPage page;
  DioRvExc exc = rv_translate (hart, hart->interp.tlb.data_set, va, size, DIO_RV_STORE,
                               rv_data_privilege (hart), &page);
  if (DIO_UNLIKELY (exc != DIO_RV_EXC_NONE))
    return exc;
  if (DIO_LIKELY (page.info.ram && !page.info.readonly)) {
    uint64_t offset = page.info.ram_offset + (va & DIO_PAGE_MASK);
    dio_interp_host_write (page.info.ram->host + offset, size, value);
    dio_ram_note_write (page.info.ram, offset, size);
    return DIO_RV_EXC_NONE;
  }
  before_io (hart);
  if (dio_interp_io_write (&hart->interp, page.gpa | (va & DIO_PAGE_MASK), size, value))
    return DIO_RV_EXC_NONE;
  hart->exc_tval = va;
  return DIO_RV_EXC_STORE_ACCESS;
}

/* May @size bytes at @va, within a page, be written? A device may still refuse. */
static DioRvExc
check_store (DioRiscv64 *hart, DioGva va, unsigned size)
{
  RvPage page;
  DioRvExc exc = rv_translate (hart, hart->interp.tlb.data_set, va, size, DIO_RV_STORE,
                               rv_data_privilege (hart), &page);
  if (exc != DIO_RV_EXC_NONE || page.info.io || page.info.ram)
    return exc;
  hart->exc_tval = va;
  return DIO_RV_EXC_STORE_ACCESS;
}

DioRvExc
dio_rv_store_slow (DioRiscv64 *hart, DioGva va, unsigned size, uint64_t value)
{
  if (DIO_LIKELY (!dio_interp_crosses_page (va, size)))
    return store_page (hart, va, size, value);
  /* Both pages must be writable before the first byte is written. */
  unsigned first = DIO_PAGE_SIZE - (va & DIO_PAGE_MASK);
  DioRvExc exc = check_store (hart, va, first);
  if (exc == DIO_RV_EXC_NONE)
    exc = check_store (hart, va + first, size - first);
  for (unsigned i = 0; exc == DIO_RV_EXC_NONE && i < size; i++)
    exc = store_page (hart, va + i, 1, (value >> (8 * i)) & 0xff);
  return exc;
}

DioRvExc
dio_rv_atomic_pointer (DioRiscv64 *hart, DioGva va, unsigned size, DioRvAccess access, void **host,
                       DioGpa *gpa)
{
  if (DIO_UNLIKELY (va & (size - 1))) {
    hart->exc_tval = va;
    return access == DIO_RV_LOAD ? DIO_RV_EXC_LOAD_MISALIGNED : DIO_RV_EXC_STORE_MISALIGNED;
  }
  RvPage page;
  DioRvExc exc = rv_translate (hart, hart->interp.tlb.data_set, va, size, access,
                               rv_data_privilege (hart), &page);
  if (DIO_UNLIKELY (exc != DIO_RV_EXC_NONE))
    return exc;
  if (DIO_UNLIKELY (!page.info.ram || (access == DIO_RV_STORE && page.info.readonly))) {
    hart->exc_tval = va;
    return rv_access_fault (access);
  }
  uint64_t offset = page.info.ram_offset + (va & DIO_PAGE_MASK);
  *host = page.info.ram->host + offset;
  *gpa = page.gpa | (va & DIO_PAGE_MASK);
  if (access == DIO_RV_STORE && page.pmp_mixed)
    dio_ram_note_write (page.info.ram, offset, size); /* else rv_translate() did */
  return DIO_RV_EXC_NONE;
}

DioRvExc
dio_rv_fetch_page (DioRiscv64 *hart, DioGva va, const uint8_t **host, DioRam **ram,
                   uint64_t *ram_offset)
{
  RvPage page;
  unsigned size = va & 2 ? 2 : 4;
  DioRvExc exc =
      rv_translate (hart, hart->interp.tlb.code_set, va, size, DIO_RV_FETCH, hart->priv, &page);
  if (DIO_UNLIKELY (exc != DIO_RV_EXC_NONE))
    return exc;
  if (DIO_UNLIKELY (!page.info.ram)) {
    hart->exc_tval = va;
    return DIO_RV_EXC_FETCH_ACCESS;
  }
  hart->interp.fetch_partial = page.pmp_mixed;
  *host = page.info.ram->host + page.info.ram_offset;
  *ram = page.info.ram;
  *ram_offset = page.info.ram_offset;
  return DIO_RV_EXC_NONE;
}

bool
rv_fetch_page (DioInterpCpu *cpu, DioGva va, const uint8_t **host, DioRam **ram,
               uint64_t *ram_offset)
{
  DioRiscv64 *hart = (DioRiscv64 *) cpu;
  hart->exc_cause = dio_rv_fetch_page (hart, va, host, ram, ram_offset);
  return hart->exc_cause == DIO_RV_EXC_NONE;
}

/* The half-word of code at @pc, by itself. */
static bool
fetch_parcel (DioInterpCpu *cpu, uint64_t pc, uint16_t *parcel)
{
  const uint8_t *host = dio_tlb_hit_execute (&cpu->tlb, pc);
  if (!host) {
    DioRam *ram;
    uint64_t ram_offset;
    if (!rv_fetch_page (cpu, pc, &host, &ram, &ram_offset))
      return false;
    host += pc & DIO_PAGE_MASK;
  }
  *parcel = __atomic_load_n ((const uint16_t *) (const void *) host, __ATOMIC_RELAXED);
  return true;
}

bool
rv_fetch_loose (DioInterpCpu *cpu, uint32_t *raw)
{
  uint16_t low = 0, high = 0;
  bool done = fetch_parcel (cpu, cpu->pc, &low)
              && ((low & 3) != 3 || fetch_parcel (cpu, cpu->pc + 2, &high));
  *raw = low | (uint32_t) high << 16;
  return done;
}

/* ---- Cache-block operations ---- */

enum {
  CBO_INVAL = 0,
  CBO_CLEAN = 1,
  CBO_FLUSH = 2,
  CBO_ZERO = 4,
};

/* Guest kernels clear their pages with this one, hence the look at the TLB first. Each double word
 * is written whole, as memory is shared with other harts. */
static DioRvExc
zero_block (DioRiscv64 *hart, DioGva va, DioGva block)
{
  uint64_t *host = dio_tlb_hit_write (&hart->interp.tlb, block, 8);
  DioRvExc exc = DIO_RV_EXC_NONE;
  if (DIO_LIKELY (host)) {
    for (unsigned i = 0; i < DIO_RV_CBO_BLOCK / 8; i++)
      __atomic_store_n (&host[i], 0, __ATOMIC_RELAXED);
    return exc;
  }
  RvPage page;
  exc = rv_translate (hart, hart->interp.tlb.data_set, block, DIO_RV_CBO_BLOCK, DIO_RV_STORE,
                      rv_data_privilege (hart), &page);
  for (unsigned i = 0; exc == DIO_RV_EXC_NONE && i < DIO_RV_CBO_BLOCK; i += 8)
    exc = store_page (hart, block + i, 8, 0);
  if (exc != DIO_RV_EXC_NONE)
    hart->exc_tval = va;
  return exc;
}

DioRvExc
dio_rv_cbo (DioRiscv64 *hart, DioGva va, unsigned op)
{
  bool allowed;
  switch (op) {
  case CBO_INVAL:
    allowed = rv_envcfg_allows (hart, RV_ENVCFG_CBIE);
    break;
  case CBO_CLEAN:
  case CBO_FLUSH:
    allowed = rv_envcfg_allows (hart, RV_ENVCFG_CBCFE);
    break;
  case CBO_ZERO:
    allowed = !hart->no_clear;
    break;
  default:
    allowed = false;
    break;
  }
  if (!allowed)
    return DIO_RV_EXC_ILLEGAL;

  DioGva block = va & ~(DioGva) (DIO_RV_CBO_BLOCK - 1);
  if (op == CBO_ZERO)
    return zero_block (hart, va, block);

  /* Memory is coherent: the rest is the check that a load or a store would be allowed. What is
   * reported is a store. */
  RvPage page;
  DioRvExc exc = rv_translate (hart, hart->interp.tlb.data_set, block, DIO_RV_CBO_BLOCK,
                               DIO_RV_LOAD, rv_data_privilege (hart), &page);
  if (exc != DIO_RV_EXC_NONE)
    exc = rv_translate (hart, hart->interp.tlb.data_set, block, DIO_RV_CBO_BLOCK, DIO_RV_STORE,
                        rv_data_privilege (hart), &page);
  if (exc == DIO_RV_EXC_NONE && !page.info.ram && !page.info.io)
    exc = DIO_RV_EXC_STORE_ACCESS; /* nothing is there */
  if (exc != DIO_RV_EXC_NONE)
    hart->exc_tval = va;
  return exc;
}
