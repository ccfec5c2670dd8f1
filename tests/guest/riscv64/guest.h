/* SPDX-License-Identifier: GPL-3.0-or-later
 * The small world of the bare-metal riscv64 test programs: checks, probes that run one instruction
 * at a chosen privilege and say how it trapped, page tables, and the board's few devices.
 *
 * A program is a main() in M-mode on hart 0; the others wait in wfi until start_cpu(). It ends
 * with pass() or with the line of the first CHECK that failed as exit code. */
#pragma once

#include "../program.h"

/* ---- CSRs ---- */

#define csr_read(csr)                                                                              \
  ({                                                                                               \
    uint64_t csr_value_;                                                                           \
    __asm__ volatile("csrr %0, " #csr : "=r"(csr_value_)::"memory");                               \
    csr_value_;                                                                                    \
  })
#define csr_write(csr, value)                                                                      \
  __asm__ volatile("csrw " #csr ", %0" ::"r"((uint64_t) (value)) : "memory")
#define csr_set(csr, value)                                                                        \
  __asm__ volatile("csrs " #csr ", %0" ::"r"((uint64_t) (value)) : "memory")
#define csr_clear(csr, value)                                                                      \
  __asm__ volatile("csrc " #csr ", %0" ::"r"((uint64_t) (value)) : "memory")
#define csr_swap(csr, value)                                                                       \
  ({                                                                                               \
    uint64_t csr_old_;                                                                             \
    __asm__ volatile("csrrw %0, " #csr ", %1"                                                      \
                     : "=r"(csr_old_)                                                              \
                     : "r"((uint64_t) (value))                                                     \
                     : "memory");                                                                  \
    csr_old_;                                                                                      \
  })

/* Those that the assembler may not know. */
#define MENVCFG 0x30a
#define SENVCFG 0x10a
#define STIMECMP 0x14d

#define MSTATUS_SIE BIT (1)
#define MSTATUS_MIE BIT (3)
#define MSTATUS_SPIE BIT (5)
#define MSTATUS_MPIE BIT (7)
#define MSTATUS_SPP BIT (8)
#define MSTATUS_MPP (3ull << 11)
#define MSTATUS_FS (3ull << 13)
#define MSTATUS_MPRV BIT (17)
#define MSTATUS_SUM BIT (18)
#define MSTATUS_MXR BIT (19)
#define MSTATUS_TVM BIT (20)
#define MSTATUS_TW BIT (21)
#define MSTATUS_TSR BIT (22)

#define MENVCFG_ADUE BIT (61)
#define MENVCFG_PBMTE BIT (62)
#define MENVCFG_STCE BIT (63)

#define INTERRUPT BIT (63)

enum { U = 0, S = 1, M = 3 };

enum {
  FETCH_MISALIGNED,
  FETCH_ACCESS,
  ILLEGAL,
  BREAKPOINT,
  LOAD_MISALIGNED,
  LOAD_ACCESS,
  STORE_MISALIGNED,
  STORE_ACCESS,
  ECALL_U,
  ECALL_S,
  ECALL_M = 11,
  FETCH_PAGE,
  LOAD_PAGE,
  STORE_PAGE = 15,
};

enum { SSI = 1, MSI = 3, STI = 5, MTI = 7, SEI = 9, MEI = 11 };

/* ---- Probes ---- */

/* How a probe ended: by its ecall (taken is 0), or by a trap to S or M. */
struct outcome {
  uint64_t taken; /* 0, or the privilege that took the trap */
  uint64_t cause;
  uint64_t epc;
  uint64_t tval;
  uint64_t status; /* mstatus or sstatus in the handler */
  uint64_t a0;     /* register a0 then */
};

/* Runs @code (in section .probe, see probe.S) at privilege @priv with a0 and a1, everything else
 * (satp, mstatus...) as the caller set it. In U-mode under translation the code runs at its alias.
 */
struct outcome probe (unsigned priv, const void *code, uint64_t a0, uint64_t a1);

extern const char probe_start[], probe_end[];

/* The probes: a0 is the address (and the result), a1 the value. All end with an ecall. */
extern const char p_nop[], p_lb[], p_lh[], p_lw[], p_ld[], p_sb[], p_sh[], p_sw[], p_sd[], p_jump[],
    p_lrd[], p_lrw[], p_scd[], p_amoaddd[], p_amoaddw[], p_ebreak[], p_illegal[], p_wfi[], p_mret[],
    p_sret[], p_sfence[], p_sinval[], p_winval[], p_cbo_zero[], p_cbo_inval[], p_cbo_clean[],
    p_cbo_flush[], p_fadd[], p_mpp_lb[], p_mpp_sb[], p_spin[], p_ecall_a0[];

/* p_mpp_*: in M with MPRV, and MPP from a1 (in place). These are the instructions under test. */
extern const char p_mpp_lb_at[], p_mpp_sb_at[];

/* Executes "csrr a0, N" or "csrw N, a1" for any N at privilege @priv. */
struct outcome probe_csr_read (unsigned priv, unsigned csr);
struct outcome probe_csr_write (unsigned priv, unsigned csr, uint64_t value);
/* Executes any 32-bit instruction. */
struct outcome probe_insn (unsigned priv, uint32_t insn, uint64_t a0, uint64_t a1);
/* Where probe_insn() puts it. */
extern uint32_t probe_slot[];

/* Traps outside probes: interrupts by default fail the test. The handler runs in M with interrupts
 * off and may change mepc. */
struct frame {
  uint64_t x[32]; /* caller-saved ones only are there: ra, t0-t6, a0-a7 */
};
extern void (*volatile trap_handler[8]) (struct frame *frame); /* per hart */

/* ---- Page tables ---- */

#define PTE_V BIT (0)
#define PTE_R BIT (1)
#define PTE_W BIT (2)
#define PTE_X BIT (3)
#define PTE_U BIT (4)
#define PTE_G BIT (5)
#define PTE_A BIT (6)
#define PTE_D BIT (7)
#define PTE_RW (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)
#define PTE_RWX (PTE_RW | PTE_X)
#define PTE_N BIT (63)
#define PTE_PBMT(n) ((uint64_t) (n) << 61)

#define SV39 8ull
#define SV48 9ull
#define SV57 10ull

#define PAGE 4096ull

/* Where the code of the probes is seen by U-mode. */
#define U_CODE 0x40000000ull

uint64_t *new_table (void);
void free_tables (void);
/* A root for @mode with the program's gigabyte mapped for S at its own address, I/O for S, and the
 * probes for U at U_CODE. */
uint64_t *new_root (unsigned mode);
/* The PTE for @va at @level (0: 4 KiB), making the tables above. */
uint64_t *pte_of (uint64_t *root, unsigned mode, uint64_t va, unsigned level);
static inline uint64_t
pte_for (uint64_t pa, uint64_t flags)
{
  return (pa >> 12 << 10) | flags;
}
void set_satp (unsigned mode, unsigned asid, const uint64_t *root);
void satp_off (void);
static inline void
sfence_all (void)
{
  __asm__ volatile("sfence.vma" ::: "memory");
}
static inline void
sfence_va (uint64_t va)
{
  __asm__ volatile("sfence.vma %0, x0" ::"r"(va) : "memory");
}
static inline void
sfence_asid (uint64_t asid)
{
  __asm__ volatile("sfence.vma x0, %0" ::"r"(asid) : "memory");
}
static inline void
sfence_va_asid (uint64_t va, uint64_t asid)
{
  __asm__ volatile("sfence.vma %0, %1" ::"r"(va), "r"(asid) : "memory");
}
/* PMP entry 15 lets S and U do everything: main() starts so. */
void pmp_open (void);

/* ---- Harts and devices ---- */

static inline unsigned
hart_id (void)
{
  return csr_read (mhartid);
}

/* Lets another hart have the host's processor. */
static inline void
relax (void)
{
  __asm__ volatile(".word 0x0100000f" ::: "memory");
}

static inline volatile uint32_t *
clint_msip (unsigned hart)
{
  return (volatile uint32_t *) (0x2000000ull + 4 * hart);
}
static inline volatile uint64_t *
clint_mtimecmp (unsigned hart)
{
  return (volatile uint64_t *) (0x2004000ull + 8 * hart);
}
#define CLINT_MTIME ((volatile uint64_t *) 0x200bff8ull)
#define PLIC 0xc000000ull
#define UART 0x10000000ull
#define UART_IRQ 10
#define FINISHER 0x100000ull
#define HOLE 0x18000000ull /* nothing is there */
