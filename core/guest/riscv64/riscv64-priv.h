/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the files of the riscv64 privileged architecture share: fields of CSRs, the address-space
 * slots and caches of the MMU. The instruction engine sees riscv64-cpu.h only. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "core/guest/riscv64/riscv64-cpu.h"

#define RV_BIT(n) (UINT64_C (1) << (n))

#define RV_MSTATUS_SIE RV_BIT (1)
#define RV_MSTATUS_MIE RV_BIT (3)
#define RV_MSTATUS_SPIE RV_BIT (5)
#define RV_MSTATUS_MPIE RV_BIT (7)
#define RV_MSTATUS_SPP RV_BIT (8)
#define RV_MSTATUS_MPP_SHIFT 11
#define RV_MSTATUS_MPP (UINT64_C (3) << RV_MSTATUS_MPP_SHIFT)
#define RV_MSTATUS_FS (UINT64_C (3) << 13)
#define RV_MSTATUS_MPRV RV_BIT (17)
#define RV_MSTATUS_SUM RV_BIT (18)
#define RV_MSTATUS_MXR RV_BIT (19)
#define RV_MSTATUS_TVM RV_BIT (20)
#define RV_MSTATUS_TW RV_BIT (21)
#define RV_MSTATUS_TSR RV_BIT (22)
#define RV_MSTATUS_UXL (UINT64_C (2) << 32) /* read-only: 64 bits */
#define RV_MSTATUS_SXL (UINT64_C (2) << 34)
#define RV_MSTATUS_SD RV_BIT (63) /* computed on read */

#define RV_SSTATUS_WRITABLE                                                                        \
  (RV_MSTATUS_SIE | RV_MSTATUS_SPIE | RV_MSTATUS_SPP | RV_MSTATUS_FS | RV_MSTATUS_SUM              \
   | RV_MSTATUS_MXR)
#define RV_MSTATUS_WRITABLE                                                                        \
  (RV_SSTATUS_WRITABLE | RV_MSTATUS_MIE | RV_MSTATUS_MPIE | RV_MSTATUS_MPP | RV_MSTATUS_MPRV       \
   | RV_MSTATUS_TVM | RV_MSTATUS_TW | RV_MSTATUS_TSR)

#define RV_SSIP RV_BIT (DIO_RV_IRQ_SSIP)
#define RV_MSIP RV_BIT (DIO_RV_IRQ_MSIP)
#define RV_STIP RV_BIT (DIO_RV_IRQ_STIP)
#define RV_MTIP RV_BIT (DIO_RV_IRQ_MTIP)
#define RV_SEIP RV_BIT (DIO_RV_IRQ_SEIP)
#define RV_MEIP RV_BIT (DIO_RV_IRQ_MEIP)
#define RV_S_INTERRUPTS (RV_SSIP | RV_STIP | RV_SEIP)
#define RV_ALL_INTERRUPTS (RV_S_INTERRUPTS | RV_MSIP | RV_MTIP | RV_MEIP)
#define RV_CAUSE_INTERRUPT RV_BIT (63)

/* All synchronous causes that lower privileges can raise. */
#define RV_MEDELEG_WRITABLE UINT64_C (0xb3ff)

#define RV_ENVCFG_FIOM RV_BIT (0)
#define RV_ENVCFG_CBIE_SHIFT 4
#define RV_ENVCFG_CBIE (UINT64_C (3) << RV_ENVCFG_CBIE_SHIFT)
#define RV_ENVCFG_CBCFE RV_BIT (6)
#define RV_ENVCFG_CBZE RV_BIT (7)
#define RV_ENVCFG_ADUE RV_BIT (61)
#define RV_ENVCFG_PBMTE RV_BIT (62)
#define RV_ENVCFG_STCE RV_BIT (63)
#define RV_SENVCFG_WRITABLE (RV_ENVCFG_FIOM | RV_ENVCFG_CBIE | RV_ENVCFG_CBCFE | RV_ENVCFG_CBZE)
#define RV_MENVCFG_WRITABLE                                                                        \
  (RV_SENVCFG_WRITABLE | RV_ENVCFG_ADUE | RV_ENVCFG_PBMTE | RV_ENVCFG_STCE)

#define RV_COUNTER_CY RV_BIT (0)
#define RV_COUNTER_TM RV_BIT (1)
#define RV_COUNTER_IR RV_BIT (2)

#define RV_SATP_MODE_SHIFT 60
#define RV_SATP_ASID_SHIFT 44
#define RV_SATP_ASID UINT64_C (0xffff)
#define RV_SATP_PPN ((UINT64_C (1) << 44) - 1)
#define RV_SATP_BARE 0
#define RV_SATP_SV39 8
#define RV_SATP_SV48 9
#define RV_SATP_SV57 10

#define RV_PMP_ENTRIES 16
#define RV_PMP_R RV_BIT (0)
#define RV_PMP_W RV_BIT (1)
#define RV_PMP_X RV_BIT (2)
#define RV_PMP_A_SHIFT 3
#define RV_PMP_L RV_BIT (7)
#define RV_PMPADDR_MASK ((UINT64_C (1) << 54) - 1)

/* About ten microseconds of a spin loop. */
#define RV_PAUSES_PER_YIELD 256

/* Physical addresses have 56 bits. */
#define RV_GPA_MASK ((UINT64_C (1) << 56) - 1)

/* The sets of the TLB. The supervisor set is shared by all address spaces: what is not global in it
 * (G bit) goes at a switch. User memory, and memory as S sees it with SUM, has a pair of sets in
 * each of a few address-space slots, so that a switch between address spaces whose number (ASID)
 * is known is a change of pointers. */
enum {
  RV_SET_MACHINE,
  RV_SET_SUPERVISOR,
  RV_SET_TRANSIENT, /* loads with MXR: emptied whenever it comes into force */
  RV_SET_SLOTS,     /* user set of slot 0, SUM set of slot 0, user set of slot 1, ... */
};
#define RV_SLOTS 8
#define RV_SETS (RV_SET_SLOTS + 2 * RV_SLOTS)

/* A page-walk cache: where the table with the PTEs of a 2 MiB (or 1 GiB) part of an address space
 * is. */
typedef struct {
  uint64_t tag; /* va >> 21 (va >> 30) */
  uint64_t satp;
  uint64_t *table; /* host pointer */
  DioGpa gpa;
  uint32_t generation; /* valid when equal to DioRiscv64Mmu.walk_generation */
  bool global;         /* a G bit was seen above */
} RvWalkEntry;

#define RV_WALK_2M 128
#define RV_WALK_1G 16

/* A range of physical memory and what PMP grants there. */
typedef struct {
  DioGpa first, last; /* both inclusive; first > last: empty */
  unsigned permissions;
} RvPmpRange;

enum {
  RV_REQUEST_FLUSH_WRITE = 1 << 0, /* what DioRiscv64Mmu says */
};

#define RV_FLUSH_QUEUE 32

typedef struct DioRiscv64Mmu {
  unsigned slot; /* the slot in force */
  struct {
    uint64_t satp;
    uint64_t stamp; /* of last use */
    bool valid;     /* when not: the sets may hold old entries and are flushed before use */
  } slots[RV_SLOTS];
  uint64_t clock;

  uint32_t walk_generation;
  RvWalkEntry walk_2m[RV_WALK_2M];
  RvWalkEntry walk_1g[RV_WALK_1G];

  /* PMP entries as ranges, and for M [1] and S/U [0] the last range that answered. */
  unsigned n_pmp; /* entries up to the last one that is on */
  struct {
    DioGpa first, last;
    uint8_t config;
    bool on;
  } pmp[RV_PMP_ENTRIES];
  RvPmpRange pmp_last[2];

  /* Pages whose write entries others asked to drop; under the lock. */
  pthread_mutex_t lock;
  DioRam *flush_ram;
  uint64_t flush_pages[RV_FLUSH_QUEUE];
  unsigned n_flush, flush_all; /* all pages, so often */
} DioRiscv64Mmu;

/* A translated page. */
typedef struct {
  DioGpa gpa;           /* of the page's start */
  uint64_t va_mask;     /* of the guest page, maybe bigger than 4 KiB */
  unsigned permissions; /* DIO_TLB_* that the page table and PMP grant */
  bool pmp_mixed;       /* PMP does not say the same for the whole 4 KiB: check each access */
  DioPageInfo info;
} RvPage;

/* ---- riscv64-mmu.c ---- */

static inline DioRvExc
rv_access_fault (DioRvAccess access)
{
  return access == DIO_RV_LOAD    ? DIO_RV_EXC_LOAD_ACCESS
         : access == DIO_RV_STORE ? DIO_RV_EXC_STORE_ACCESS
                                  : DIO_RV_EXC_FETCH_ACCESS;
}

/* The privilege with which loads and stores are made. */
static DIO_ALWAYS_INLINE unsigned
rv_data_privilege (const DioRiscv64 *hart)
{
  if (DIO_UNLIKELY (hart->priv == DIO_RV_M && (hart->mstatus & RV_MSTATUS_MPRV)))
    return (hart->mstatus & RV_MSTATUS_MPP) >> RV_MSTATUS_MPP_SHIFT;
  return hart->priv;
}

/* Does xenvcfg at all levels above the hart's privilege have some of @bits? */
static inline bool
rv_envcfg_allows (const DioRiscv64 *hart, uint64_t bits)
{
  if (hart->priv < DIO_RV_M && !(hart->menvcfg & bits))
    return false;
  return hart->priv != DIO_RV_U || (hart->senvcfg & bits);
}

/* After the privilege was changed: who may write xenvcfg does not depend on it. */
static inline void
rv_rights_update (DioRiscv64 *hart)
{
  hart->no_clear = !rv_envcfg_allows (hart, RV_ENVCFG_CBZE);
}

/* Translates for @access of @size bytes within one page, checks PMP, and enters what may be entered
 * into @set. On an exception tval is set. */
DioRvExc rv_translate (DioRiscv64 *hart, DioTlbSet *set, DioGva va, unsigned size,
                       DioRvAccess access, unsigned priv, RvPage *page);

bool rv_mmu_init (DioRiscv64 *hart, GError **error);
void rv_mmu_free (DioRiscv64 *hart);
/* After reset or load of state: forgets everything cached. */
void rv_mmu_reset (DioRiscv64 *hart);
/* Selects the TLB sets for privilege, MPRV, MXR, SUM and satp as they are now, and what else comes
 * with the privilege. */
void rv_mmu_select (DioRiscv64 *hart);
/* After satp was changed. */
void rv_mmu_satp_changed (DioRiscv64 *hart);
/* After pmpcfg, pmpaddr changed. */
void rv_mmu_pmp_changed (DioRiscv64 *hart);
/* After something that all cached translations depend on changed (menvcfg.PBMTE, ADUE). */
void rv_mmu_flush (DioRiscv64 *hart);
void rv_mmu_request_flush_write (DioRiscv64 *hart, uint64_t ram_offset);
/* Before fence.i: what others have not flushed yet may have changed. */
void rv_mmu_doubt_code (DioRiscv64 *hart);

/* ---- riscv64-priv.c ---- */

/* mip as it reads: lines, software bits, timer. Any thread (the timer bit is exact on the hart's
 * own). */
uint64_t rv_interrupts (DioRiscv64 *hart);
uint64_t rv_time (DioRiscv64 *hart);
/* After stimecmp or menvcfg.STCE was changed: the pending bit and the host's timer. */
void rv_stimer_update (DioRiscv64 *hart);
void rv_stimer_fired (void *hart);

/* What the engine asks, see DioInterpGuest: riscv64-memory.c, riscv64-mmu.c, riscv64-priv.c,
 * riscv64-interp.c */
bool rv_fetch_page (DioInterpCpu *cpu, DioGva va, const uint8_t **host, DioRam **ram,
                    uint64_t *ram_offset);
bool rv_fetch_loose (DioInterpCpu *cpu, uint32_t *raw);
void rv_code_page_set (DioInterpCpu *cpu, DioRam *ram, uint64_t ram_offset);
void rv_take_noted (DioInterpCpu *cpu);
void rv_poll (DioInterpCpu *cpu);
void rv_decode_run (DioInterpSlot *slots, const uint8_t *host, unsigned first);
void rv_decode_loose (DioInterpSlot *slot, uint32_t raw);

/* ---- riscv64-csr.c ---- */

uint64_t rv_mstatus (const DioRiscv64 *hart);
/* Sets mstatus within @mask, WARL, with all consequences. */
void rv_set_mstatus (DioRiscv64 *hart, uint64_t value, uint64_t mask);
uint64_t rv_counter_read (DioRiscv64 *hart, bool instret);
void rv_counter_write (DioRiscv64 *hart, bool instret, uint64_t value);
/* WARL filters, also used on loaded state. */
uint64_t rv_legal_satp (uint64_t value, uint64_t old);
uint64_t rv_legal_tvec (uint64_t value);
uint64_t rv_legal_envcfg (uint64_t value, uint64_t old, uint64_t writable);
uint8_t rv_legal_pmpcfg (uint8_t value);
