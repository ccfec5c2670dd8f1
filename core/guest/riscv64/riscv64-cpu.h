/* SPDX-License-Identifier: GPL-3.0-or-later
 * State of a riscv64 hart, and the border between the instruction engine (decode, semantics, run
 * loop) and the privileged architecture (CSRs, traps, MMU, PMP). */
#pragma once

#include "core/base/base-loop.h"
#include "core/interp/interp-engine.h"

typedef enum {
  DIO_RV_U = 0,
  DIO_RV_S = 1,
  DIO_RV_M = 3,
} DioRvPriv;

/* Exception codes (PrivSpec mcause). */
typedef enum {
  DIO_RV_EXC_FETCH_MISALIGNED = 0,
  DIO_RV_EXC_FETCH_ACCESS = 1,
  DIO_RV_EXC_ILLEGAL = 2,
  DIO_RV_EXC_BREAKPOINT = 3,
  DIO_RV_EXC_LOAD_MISALIGNED = 4,
  DIO_RV_EXC_LOAD_ACCESS = 5,
  DIO_RV_EXC_STORE_MISALIGNED = 6,
  DIO_RV_EXC_STORE_ACCESS = 7,
  DIO_RV_EXC_ECALL_U = 8,
  DIO_RV_EXC_ECALL_S = 9,
  DIO_RV_EXC_ECALL_M = 11,
  DIO_RV_EXC_FETCH_PAGE = 12,
  DIO_RV_EXC_LOAD_PAGE = 13,
  DIO_RV_EXC_STORE_PAGE = 15,
  DIO_RV_EXC_NONE = -1,
} DioRvExc;

/* Interrupt numbers: the argument of the board's DioIrq into a hart. */
enum {
  DIO_RV_IRQ_SSIP = 1,
  DIO_RV_IRQ_MSIP = 3,
  DIO_RV_IRQ_STIP = 5,
  DIO_RV_IRQ_MTIP = 7,
  DIO_RV_IRQ_SEIP = 9,
  DIO_RV_IRQ_MEIP = 11,
};

typedef enum {
  DIO_RV_LOAD,
  DIO_RV_STORE, /* AMO and SC report as store */
  DIO_RV_FETCH,
} DioRvAccess;

typedef struct DioRiscv64 {
  DioInterpCpu interp;

  /* Hot: the instruction engine. */
  uint64_t x[33]; /* x[0] stays 0; x[32] is where the engine sends what is written to x0 */
  uint64_t f[32];
  uint8_t priv; /* DioRvPriv */
  uint8_t frm;
  uint8_t fflags;       /* sticky, merged from the host lazily if the engine does so */
  uint8_t fp_slow;      /* mstatus.FS is not dirty: FP instructions go the slow way */
  bool no_clear;        /* cbo.zero is not allowed */
  uint64_t reservation; /* host address of LR, or UINT64_MAX */
  uint64_t reservation_value;

  /* The noted exception; tval is set by whoever returns an exception. */
  DioRvExc exc_cause;
  uint64_t exc_tval;

  uint32_t pauses; /* executed, for dio_rv_pause() */

  /* Interrupts: lines from outside are OR'ed atomically here; software-writable bits live in
   * mip_soft. */
  _Atomic uint64_t irq_lines;
  uint64_t mip_soft;

  /* Privileged state. */
  uint64_t mstatus, mie, mideleg, medeleg, mtvec, mscratch, mepc, mcause, mtval, mcounteren,
      menvcfg, mcountinhibit;
  uint64_t stvec, sscratch, sepc, scause, stval, satp, scounteren, senvcfg, stimecmp;
  uint64_t pmpcfg[16]; /* one byte used per entry */
  uint64_t pmpaddr[16];
  uint64_t cycle_offset, instret_offset;
  DioTimer *stimer;          /* Sstc */
  struct DioRiscv64Mmu *mmu; /* page-walk cache, PMP ranges, address-space slots (riscv64-mmu.c) */
} DioRiscv64;

/* ---- Provided by the privileged architecture (riscv64-priv.c, riscv64-mmu.c, riscv64-csr.c) ----
 */

typedef enum {
  DIO_RV_CSR_READ,  /* csrrs, csrrc with rs1 = x0 */
  DIO_RV_CSR_WRITE, /* csrrw */
  DIO_RV_CSR_SET,   /* csrrs */
  DIO_RV_CSR_CLEAR, /* csrrc */
} DioRvCsrOp;

/* One whole CSR instruction: checks, reads the old value into @old (always, also for csrrw with
 * rd = x0: no CSR here has read side effects), modifies. DIO_RV_EXC_NONE or an exception (illegal)
 * with nothing changed. The instruction engine uses this one only: SET and CLEAR are not a read
 * and a write in sequence (mip.SEIP).
 * A write may change translation, privilege sets or pending interrupts: the engine re-reads its
 * cached facts after any op but READ (tlb.data, tlb.code, fp_slow, frm) and polls interrupts.
 * cpu.stats.instructions must count exactly those retired before this instruction. */
DioRvExc dio_rv_csr_access (DioRiscv64 *hart, unsigned csr, DioRvCsrOp op, uint64_t operand,
                            uint64_t *old);

/* Enters the trap handler: sets pc, privilege, cause. @pc is that of the faulting instruction. */
void dio_rv_take_exception (DioRiscv64 *hart, DioRvExc cause, uint64_t pc, uint64_t tval);
/* Takes the highest pending enabled interrupt if any; true if pc changed. */
bool dio_rv_take_interrupt (DioRiscv64 *hart);
/* True when an enabled-in-mie interrupt is pending, whatever mstatus says (WFI wake-up). Any
 * thread. */
bool dio_rv_interrupt_pending (DioRiscv64 *hart);

DioRvExc dio_rv_mret (DioRiscv64 *hart); /* set pc and privilege */
DioRvExc dio_rv_sret (DioRiscv64 *hart);
DioRvExc dio_rv_pause (DioRiscv64 *hart);
DioRvExc dio_rv_wfi (DioRiscv64 *hart); /* NONE: the engine leaves run() with DIO_EXIT_HALT */
/* sfence.vma and sinval.vma. */
DioRvExc dio_rv_sfence_vma (DioRiscv64 *hart, bool has_va, uint64_t va, bool has_asid,
                            uint64_t asid);
/* sfence.w.inval and sfence.inval.ir: checks privilege only, the work is done by sinval.vma. */
DioRvExc dio_rv_sfence_inval (DioRiscv64 *hart);
/* Sets mstatus.FS to dirty: to be called (or done) before any write of f, fflags or frm. */
static inline void
dio_rv_fp_dirty (DioRiscv64 *hart)
{
  hart->mstatus |= UINT64_C (3) << 13;
  hart->fp_slow = false;
}

/* The slow path of memory: translation, PMP, A/D update, MMIO, misalignment and page crossing;
 * fills the TLB. @size 1, 2, 4, 8; values zero-extended. */
DioRvExc dio_rv_load_slow (DioRiscv64 *hart, DioGva va, unsigned size, uint64_t *value);
DioRvExc dio_rv_store_slow (DioRiscv64 *hart, DioGva va, unsigned size, uint64_t value);
/* For AMO, LR, SC: translates for the access and gives a host pointer to naturally aligned RAM;
 * access fault for I/O. AMO and SC count as stores and note the write themselves. */
DioRvExc dio_rv_atomic_pointer (DioRiscv64 *hart, DioGva va, unsigned size, DioRvAccess access,
                                void **host, DioGpa *gpa);
/* Translates the page of @va for fetch: host pointer to the start of the page, and where it is in
 * RAM (@ram_offset, of the start of the page). Enters the page in tlb.code, so that the next fetch
 * may find it with dio_tlb_hit_execute(). Code outside RAM: access fault.
 * interp.fetch_partial is set when PMP lets only a part of the page be executed: nothing was
 * entered then, the answer holds for the aligned 4 bytes of @va only, and the engine asks again for
 * each instruction. */
DioRvExc dio_rv_fetch_page (DioRiscv64 *hart, DioGva va, const uint8_t **host, DioRam **ram,
                            uint64_t *ram_offset);
/* cbo.*: permission check and zeroing; @op is the immediate: 0 inval, 1 clean, 2 flush, 4 zero. */
DioRvExc dio_rv_cbo (DioRiscv64 *hart, DioGva va, unsigned op);

/* Handles interp.requests (TLB flushes asked by others). vCPU thread; the engine calls it on entry
 * of run(), at polls when cpu.kicked or requests are set, and in fence and fence.i: a page that
 * another hart has begun to execute must not be written unnoticed beyond those points. */
void dio_rv_service_requests (DioRiscv64 *hart);

/* ---- For boards (riscv64.c) ---- */

extern const DioCpuType dio_cpu_riscv64;
/* An interrupt line into hart @index of @machine (DIO_RV_IRQ_*). */
DioIrq dio_rv_irq (DioMachine *machine, unsigned index, unsigned irq);
/* Entry state for firmware: pc, a0 = hart id, a1, a2, privilege M. All harts start. */
void dio_rv_set_entry (DioCpu *cpu, uint64_t pc, uint64_t a0, uint64_t a1, uint64_t a2);
/* The timebase in Hz (rdtime, mtime): 10 MHz of virtual time. */
#define DIO_RV_TIMEBASE_HZ 10000000
/* ISA string for the device tree ("rv64imafdc_zicbom_..."), the multi-letter extension list, and
 * the largest MMU mode ("riscv,sv57"). */
extern const char dio_rv_isa_string[];
extern const char *const dio_rv_isa_extensions[]; /* ends with NULL */
extern const char dio_rv_mmu_type[];
/* Bytes of a cache block of cbo.* (riscv,cbom-block-size, riscv,cboz-block-size). */
#define DIO_RV_CBO_BLOCK 64
