/* SPDX-License-Identifier: GPL-3.0-or-later
 * State of an arm64 CPU, and the border between its instructions (decoder, semantics) and the
 * system architecture (exceptions, MMU, system registers). EL0 and EL1, AArch64 only. */
#pragma once

#include "core/base/base-loop.h"
#include "core/fp/fp-types.h"
#include "core/interp/interp-engine.h"
#include "core/vec/vec-types.h"

/* Places in x[] beside x0 to x30. Operands of instructions name the zero register where they are
 * read from and the sink where they write; the semantic functions see 31 for both but in the
 * interpreter. */
enum {
  DIO_A64_SP = 31,
  DIO_A64_ZERO = 32,
  DIO_A64_SINK = 33,
};

/* What semantic functions raise. */
typedef enum {
  DIO_A64_UNDEFINED,
  DIO_A64_SVC,             /* value: the immediate */
  DIO_A64_BRK,             /* the same */
  DIO_A64_FP_OFF,          /* access to the vector registers is not enabled */
  DIO_A64_ALIGNMENT,       /* of a load; value: the address */
  DIO_A64_ALIGNMENT_STORE, /* of a store */
  DIO_A64_PC_ALIGNMENT,    /* value: the address */
  DIO_A64_SP_ALIGNMENT,
} DioA64Exception;

typedef enum {
  DIO_A64_CSR_READ,
  DIO_A64_CSR_WRITE,
} DioA64CsrOp;

/* Numbers of system registers: op0 (two bits), op1, CRn, CRm, op2, as encoded. Those with op0 = 0
 * are the fields of PSTATE, with op0 = 1 the operations of SYS. */
#define DIO_A64_SYSREG(op0, op1, crn, crm, op2)                                                    \
  ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
#define DIO_A64_PSTATE_SPSEL DIO_A64_SYSREG (0, 0, 4, 0, 5)
#define DIO_A64_PSTATE_PAN DIO_A64_SYSREG (0, 0, 4, 0, 4)
#define DIO_A64_PSTATE_SSBS DIO_A64_SYSREG (0, 3, 4, 0, 1)
#define DIO_A64_PSTATE_DAIFSET DIO_A64_SYSREG (0, 3, 4, 0, 6)
#define DIO_A64_PSTATE_DAIFCLR DIO_A64_SYSREG (0, 3, 4, 0, 7)

typedef enum {
  DIO_A64_LOAD,
  DIO_A64_STORE,
  DIO_A64_FETCH,
} DioA64Access;

/* The interrupt controller's CPU interface, which is a set of system registers: asked for those
 * numbers that are nobody else's. False: undefined. vCPU thread. */
typedef struct {
  bool (*access) (void *opaque, unsigned index, DioA64CsrOp op, unsigned number, uint64_t *value);
} DioA64CpuInterface;

enum {
  DIO_A64_TIMER_VIRTUAL,
  DIO_A64_TIMER_PHYSICAL,
  DIO_A64_N_TIMERS,
};

typedef struct DioArm64 DioArm64;
/* From the DioCpu or DioInterpCpu that it starts with; through void, as vectors make it more
 * aligned than those are. */
#define DIO_ARM64(cpu) ((DioArm64 *) (void *) (cpu))

/* A comparator of the generic timer. */
typedef struct {
  DioArm64 *cpu;
  pthread_mutex_t lock; /* of the line and the alarm, which the vCPU and the alarm itself set */
  DioTimer *timer;
  DioIrq irq; /* set by the board */
  uint64_t compare;
  uint32_t control; /* ENABLE, IMASK; ISTATUS is computed */
  bool level;
} DioA64Timer;

struct DioArm64 {
  DioInterpCpu interp;

  /* Hot: the instruction engine. */
  uint64_t x[34];
  /* Flags: negative when nf < 0, zero when zf == 0, carry is cf (0 or 1), overflow when vf < 0. */
  uint64_t nf, zf, cf, vf;
  DioJitPending pending; /* outside of compiled code there are none */
  DioVec v[32];
  DioFpMode fp_mode;  /* from FPCR */
  uint8_t fp_flags;   /* DIO_FP_*, sticky */
  uint8_t saturated;  /* FPSR.QC */
  bool fp_slow;       /* vector registers are not accessible: those instructions go the slow way */
  bool no_clear;      /* DC ZVA is not allowed */
  uint8_t stack_mask; /* bits of the stack pointer that must be zero where it is a base */
  uint8_t el;
  DioTlbTable *user_tlb; /* for loads and stores with the rights of EL0 */
  uint64_t thread[2];    /* TPIDR_EL0, TPIDRRO_EL0 */
  uintptr_t reservation; /* host address, or UINTPTR_MAX */
  uint64_t reservation_value[2];

  bool pc_unknown; /* an access of compiled code is under way, whose instruction only that tells */

  /* The noted exception. */
  struct {
    uint32_t syndrome; /* as ESR_EL1 */
    bool has_far;
    bool after; /* the preferred return address is the next instruction's */
    uint64_t far;
  } exception;

  /* The rest is of the system architecture. */
  uint32_t pstate; /* as SPSR_EL1 without the flags, EL and SPSel */
  uint32_t fpcr;
  uint8_t spsel;
  bool forget_code;  /* caches of code were invalidated since the last barrier */
  bool asked_others; /* requests were made that the next barrier waits for */
  _Atomic bool runs; /* is in run(), where others' requests take effect late */
  uint64_t sp[2];    /* of the stack pointers, the one not in force */
  uint64_t elr, spsr, esr, far, vbar, sctlr, ttbr[2], tcr, mair, cpacr, contextidr, tpidr_el1, par,
      cntkctl, mdscr, csselr, amair, actlr, afsr[2], oslock;
  uint64_t midr, mpidr;
  _Atomic uint32_t irq_lines; /* bit 0: IRQ, bit 1: FIQ */
  _Atomic bool off;           /* waits for PSCI CPU_ON */
  DioA64Timer timers[DIO_A64_N_TIMERS];
  const DioA64CpuInterface *interface;
  void *interface_opaque;
  struct DioArm64Mmu *mmu;
};

/* ---- Provided by the system architecture ---- */

/* Notes an exception; the engine takes it. */
void dio_a64_raise (DioArm64 *cpu, DioA64Exception exception, uint64_t value);
/* One access to a system register, or a system operation. False: an exception is noted and nothing
 * else done. */
bool dio_a64_csr_access (DioArm64 *cpu, DioA64CsrOp op, unsigned number, uint64_t *value);
uint64_t dio_a64_nzcv (const DioArm64 *cpu);
void dio_a64_set_nzcv (DioArm64 *cpu, uint64_t nzcv);
uint32_t dio_a64_fpsr (const DioArm64 *cpu);
void dio_a64_set_fpsr (DioArm64 *cpu, uint32_t value);
void dio_a64_set_fpcr (DioArm64 *cpu, uint32_t value);

/* System instructions without operands: SYSTEM0 (name). False as above. */
bool dio_a64_yield (DioArm64 *cpu);
bool dio_a64_wfe (DioArm64 *cpu);
bool dio_a64_wfi (DioArm64 *cpu);
bool dio_a64_hvc (DioArm64 *cpu);
bool dio_a64_smc (DioArm64 *cpu);
bool dio_a64_eret (DioArm64 *cpu);
bool dio_a64_clrex (DioArm64 *cpu);
bool dio_a64_dsb (DioArm64 *cpu);
bool dio_a64_isb (DioArm64 *cpu);

/* The slow path of memory: translation, devices, page crossing; fills the TLB. @size 1, 2, 4, 8;
 * @user: with the rights of EL0. False: an exception is noted. */
bool dio_a64_load_slow (DioArm64 *cpu, DioGva va, unsigned size, bool user, uint64_t *value);
bool dio_a64_store_slow (DioArm64 *cpu, DioGva va, unsigned size, bool user, uint64_t value);
bool dio_a64_load_v128_slow (DioArm64 *cpu, DioGva va, DioVec *value);
bool dio_a64_store_v128_slow (DioArm64 *cpu, DioGva va, DioVec value);
/* For atomics: a host pointer to naturally aligned RAM, or NULL and an exception is noted. */
void *dio_a64_atomic_pointer (DioArm64 *cpu, DioGva va, unsigned size, bool write);
/* DC ZVA. */
bool dio_a64_zero_block (DioArm64 *cpu, DioGva va);

/* ---- For boards (arm64.c) ---- */

extern const DioCpuType dio_cpu_arm64;
/* Lines into CPU @index: 0 IRQ, 1 FIQ. */
DioIrq dio_a64_irq (DioMachine *machine, unsigned index, unsigned line);
/* Entry state: pc, x0 to x3, EL1 with interrupts masked and the MMU off. CPU 0 runs, the others
 * wait for PSCI. */
void dio_a64_set_entry (DioCpu *cpu, uint64_t pc, uint64_t x0);
/* Ticks of the generic timer per second, of virtual time. */
#define DIO_A64_TIMER_HZ 62500000
