/* SPDX-License-Identifier: GPL-3.0-or-later
 * Inside of the system architecture of arm64: what arm64-*.c share. */
#pragma once

#include <pthread.h>

#include "core/guest/arm64/arm64-cpu.h"

#define A64_BIT(n) (UINT64_C (1) << (n))

/* SPSR_EL1 and PSTATE. */
#define A64_PSTATE_F A64_BIT (6)
#define A64_PSTATE_I A64_BIT (7)
#define A64_PSTATE_A A64_BIT (8)
#define A64_PSTATE_D A64_BIT (9)
#define A64_PSTATE_DAIF (UINT64_C (15) << 6)
#define A64_PSTATE_SSBS A64_BIT (12)
#define A64_PSTATE_IL A64_BIT (20)
#define A64_PSTATE_PAN A64_BIT (22)
#define A64_PSTATE_KEPT (A64_PSTATE_DAIF | A64_PSTATE_SSBS | A64_PSTATE_IL | A64_PSTATE_PAN)
#define A64_NZCV UINT64_C (0xf0000000)

/* ESR_EL1. */
#define A64_ESR_IL A64_BIT (25)
#define A64_ESR(ec, iss) ((uint32_t) (ec) << 26 | (uint32_t) A64_ESR_IL | (uint32_t) (iss))
enum {
  A64_EC_UNKNOWN = 0x00,
  A64_EC_WFX = 0x01,
  A64_EC_FP = 0x07,
  A64_EC_ILLEGAL_STATE = 0x0e,
  A64_EC_SVC = 0x15,
  A64_EC_SYSREG = 0x18,
  A64_EC_FETCH_LOWER = 0x20,
  A64_EC_FETCH_SAME = 0x21,
  A64_EC_PC_ALIGNMENT = 0x22,
  A64_EC_DATA_LOWER = 0x24,
  A64_EC_DATA_SAME = 0x25,
  A64_EC_SP_ALIGNMENT = 0x26,
  A64_EC_BRK = 0x3c,
};
/* Fault status; + the level of the table for the first four. */
enum {
  A64_FSC_ADDRESS_SIZE = 0x00,
  A64_FSC_TRANSLATION = 0x04,
  A64_FSC_ACCESS_FLAG = 0x08,
  A64_FSC_PERMISSION = 0x0c,
  A64_FSC_EXTERNAL = 0x10,
  A64_FSC_EXTERNAL_WALK = 0x14,
  A64_FSC_ALIGNMENT = 0x21,
};
#define A64_ISS_WNR A64_BIT (6)
#define A64_ISS_CM A64_BIT (8)

/* Lines of 64 bytes; IDC: code needs no cleaning of data, but IC and barriers. */
#define A64_CTR UINT64_C (0x9444c004)
#define A64_DCZID 4 /* 64 bytes */

/* SCTLR_EL1. */
#define A64_SCTLR_M A64_BIT (0)
#define A64_SCTLR_A A64_BIT (1)
#define A64_SCTLR_SA A64_BIT (3)
#define A64_SCTLR_SA0 A64_BIT (4)
#define A64_SCTLR_UMA A64_BIT (9)
#define A64_SCTLR_DZE A64_BIT (14)
#define A64_SCTLR_UCT A64_BIT (15)
#define A64_SCTLR_NTWI A64_BIT (16)
#define A64_SCTLR_WXN A64_BIT (19)
#define A64_SCTLR_SPAN A64_BIT (23)
#define A64_SCTLR_UCI A64_BIT (26)
#define A64_SCTLR_RES1 UINT64_C (0x30500800) /* without SPAN, which is a bit */
#define A64_SCTLR_WRITABLE                                                                         \
  (A64_SCTLR_RES1 | A64_SCTLR_M | A64_SCTLR_A | A64_BIT (2) | A64_SCTLR_SA | A64_SCTLR_SA0         \
   | A64_BIT (5) | A64_SCTLR_UMA | A64_BIT (12) | A64_SCTLR_DZE | A64_SCTLR_UCT | A64_SCTLR_NTWI   \
   | A64_BIT (18) | A64_SCTLR_WXN | A64_SCTLR_SPAN | A64_SCTLR_UCI)

/* Memory attributes, as in MAIR_EL1: Device-nGnRnE; Normal, Non-cacheable. */
#define A64_MEMORY_DEVICE 0x00
#define A64_MEMORY_UNCACHED 0x44

/* PAR_EL1. */
#define A64_PAR_F A64_BIT (0)
#define A64_PAR_NS A64_BIT (9)
#define A64_PAR_RES1 A64_BIT (11)

/* Physical addresses, as ID_AA64MMFR0_EL1.PARange says. */
#define A64_PA_BITS 44

/* Sets of the TLB: the system, the system with PAN, and programs in each of a few slots, so that a
 * switch between address spaces whose number (ASID) is known flushes nothing. */
enum {
  A64_SET_SYSTEM,
  A64_SET_SYSTEM_PAN,
  A64_SET_SPACES,
};
#define A64_SPACES 8
#define A64_N_SETS (A64_SET_SPACES + A64_SPACES)

/* Requests of other threads. */
enum {
  A64_REQUEST_FLUSH_WRITE_PAGES = 1 << 0,
  A64_REQUEST_FLUSH_WRITE_ALL = 1 << 1,
  A64_REQUEST_FLUSH_TLB = 1 << 2,
  A64_REQUEST_FORGET_CODE = 1 << 3,
  A64_REQUEST_ON = 1 << 4,
  A64_REQUEST_GO_ON = 1 << 5, /* of its own: there is no reason to halt */
  A64_REQUEST_INVALIDATE = 1 << 6,
};

#define A64_FLUSH_QUEUE 64
/* More than so many pages at once are all of the TLB. */
#define A64_INVALIDATIONS 32

/* What another CPU has told to invalidate. */
typedef struct {
  bool space;     /* all of an address space that is not global, or else a page */
  uint64_t value; /* ASID, or address */
} A64Invalidation;

typedef struct DioArm64Mmu {
  unsigned slot; /* the slot in force */
  struct {
    bool valid; /* an invalid one is flushed when it is taken */
    uint16_t asid;
    uint64_t stamp; /* of the last use */
  } slots[A64_SPACES];
  uint64_t clock;
  pthread_mutex_t lock; /* of what follows */
  uint64_t flush_pages[A64_FLUSH_QUEUE];
  unsigned n_flush;
  A64Invalidation invalidations[A64_INVALIDATIONS];
  unsigned n_invalidations;
  uint64_t entry, context; /* of CPU_ON */
} DioArm64Mmu;

/* A translated page. */
typedef struct {
  DioGpa gpa; /* of the 4 KiB page */
  uint64_t va_mask;
  unsigned permissions; /* DIO_TLB_* */
  uint8_t attributes;   /* as in MAIR_EL1 */
  uint8_t shareable;    /* as in descriptors */
  bool device;          /* not Normal memory */
  bool strict;          /* nothing misaligned: such data is never in the TLB */
  DioPageInfo info;
} A64Page;

/* arm64-mmu.c. Translates @va for @access with the rights of EL0, if that is in force or asked for
 * by @user, or else of EL1; enters the page in the TLB. False: an exception is noted. */
bool a64_translate (DioArm64 *cpu, DioGva va, DioA64Access access, bool user, A64Page *page);
/* The same without an exception or an entry, for AT and debuggers: the fault status or -1. */
int a64_probe (DioArm64 *cpu, DioGva va, DioA64Access access, bool user, A64Page *page);
/* Notes a data or instruction abort. */
void a64_abort (DioArm64 *cpu, DioGva va, DioA64Access access, unsigned status);
/* Before an abort of a store is taken: one of an instruction that reads and writes is not one of a
 * write when reading alone would have done the same (ArmARM, ISS encoding for a Data Abort, WnR).
 */
void a64_judge_atomic (DioArm64 *cpu);
/* Chooses the TLB sets for EL and PAN. */
void a64_mmu_select (DioArm64 *cpu);
/* The same, and the slot for the number of the address space, which may be another now. */
void a64_mmu_space_changed (DioArm64 *cpu);
void a64_mmu_flush (DioArm64 *cpu);
/* What accesses with the rights of programs use. */
static inline DioTlbSet *
a64_user_set (DioArm64 *cpu)
{
  return &cpu->interp.tlb.sets[A64_SET_SPACES + cpu->mmu->slot];
}
/* TLBI: of a page (@va) whatever its address space, of address space @asid (everything not global),
 * or of everything; on all CPUs when @broadcast. */
void a64_mmu_invalidate_page (DioArm64 *cpu, DioGva va, bool broadcast);
void a64_mmu_invalidate_space (DioArm64 *cpu, unsigned asid, bool broadcast);
void a64_mmu_invalidate_all (DioArm64 *cpu, bool broadcast);
bool a64_mmu_init (DioArm64 *cpu, GError **error);
void a64_mmu_free (DioArm64 *cpu);
void a64_mmu_request_flush_write (DioArm64 *cpu, uint64_t ram_offset);
void a64_mmu_code_page_set (DioInterpCpu *interp, DioRam *ram, uint64_t ram_offset);
void a64_service_requests (DioArm64 *cpu);
void a64_request_others (DioArm64 *cpu, uint32_t request);
/* At the barrier after TLBI and IC: returns when the others have done what was asked of them. */
void a64_wait_for_others (DioArm64 *cpu);

/* arm64-memory.c */
/* Is the noted exception that of a misaligned access to data? */
bool a64_alignment_noted (const DioArm64 *cpu);
bool a64_fetch_loose (DioInterpCpu *interp, uint32_t *raw);
bool a64_fetch_page (DioInterpCpu *interp, DioGva va, const uint8_t **host, DioRam **ram,
                     uint64_t *ram_offset);

/* arm64-priv.c */
void a64_take_exception (DioInterpCpu *interp);
void a64_poll (DioInterpCpu *interp);
/* Is there something to do: for the thread of a CPU, and for guest code that would halt. */
bool a64_has_work (DioCpu *cpu);
bool a64_goes_on (DioCpu *cpu);
void a64_set_pstate (DioArm64 *cpu, uint64_t spsr);
void a64_set_spsel (DioArm64 *cpu, unsigned spsel);
uint64_t a64_time (DioArm64 *cpu);
void a64_timer_update (DioA64Timer *timer);
/* Its registers were loaded, with the machine standing still. */
void a64_timer_loaded (DioA64Timer *timer);
void a64_timer_fired (void *data);
/* What EL and control registers allow, where it is looked at all the time. */
void a64_rights_update (DioArm64 *cpu);

/* arm64-sysreg.c. Notes that EL0 tried what it may not: false. */
bool a64_trap_user (DioArm64 *cpu);

/* arm64-interp.c */
void a64_decode_run (DioInterpSlot *slots, const uint8_t *host, unsigned first);
void a64_decode_loose (DioInterpSlot *slot, uint32_t raw);
