/* SPDX-License-Identifier: GPL-3.0-or-later
 * The software TLB of one vCPU: guest-virtual page -> host pointer, for RAM only.
 *
 * Sets by privilege, so that a change of privilege flushes nothing. A direct-mapped first level
 * with separate read, write and execute tags in one entry and one addend; a small fully associative
 * victim level behind it. A tag is the page's virtual address; the low bits of a valid tag are 0,
 * so that one compare of (address & ~(page_mask & ~(size-1))) covers miss, page crossing and
 * misalignment. An invalid tag is DIO_TLB_INVALID, which no masked address equals.
 *
 * I/O pages, read-only pages (for writes) and pages with DIO_PAGE_SLOW_WRITE flags (for writes) are
 * never entered: those accesses always take the slow path. Owned by the vCPU thread; others ask
 * through request flags. */
#pragma once

#include "core/mem/mem-ram.h"

#define DIO_TLB_BITS 10
#define DIO_TLB_ENTRIES (1u << DIO_TLB_BITS)
#define DIO_TLB_VICTIMS 8
#define DIO_TLB_INVALID UINT64_C (1)

/* Sets. Guests with more privilege levels fold them: riscv64 M (bare) and S share nothing. */
enum {
  DIO_TLB_USER,
  DIO_TLB_SUPERVISOR,     /* S without SUM access to user pages */
  DIO_TLB_SUPERVISOR_SUM, /* S with SUM (and MPRV variants) */
  DIO_TLB_MACHINE,
  DIO_TLB_SETS
};

typedef struct {
  uint64_t read;
  uint64_t write;
  uint64_t execute;
  uintptr_t addend; /* host address = guest-virtual address + addend */
} DioTlbEntry;

typedef struct {
  DioTlbEntry entries[DIO_TLB_SETS][DIO_TLB_ENTRIES];
  DioTlbEntry victims[DIO_TLB_SETS][DIO_TLB_VICTIMS];
  uint8_t victim_next[DIO_TLB_SETS];
  uint64_t misses;
} DioTlb;
