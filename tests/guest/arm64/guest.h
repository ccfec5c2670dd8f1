/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the bare-metal test programs share: system registers, probes that run one instruction at a
 * chosen exception level and say how it ended, page tables, the interrupt controller and timers.
 *
 * A program is a main() at EL1 on CPU 0; the others are off until start_cpu(). It ends with pass()
 * or with the line of the first CHECK that failed as exit code. */
#pragma once

#include "../program.h"

/* ---- System registers ---- */

#define sysreg_read(name)                                                                          \
  ({                                                                                               \
    uint64_t sysreg_value_;                                                                        \
    __asm__ volatile("mrs %0, " #name : "=r"(sysreg_value_)::"memory");                            \
    sysreg_value_;                                                                                 \
  })
#define sysreg_write(name, value)                                                                  \
  __asm__ volatile("msr " #name ", %0" ::"r"((uint64_t) (value)) : "memory")
#define tlbi(operation, value)                                                                     \
  __asm__ volatile("dsb ish\n\ttlbi " #operation                                                   \
                   ", %0\n\tdsb ish\n\tisb" ::"r"((uint64_t) (value))                              \
                   : "memory")
#define tlbi_all() __asm__ volatile("dsb ish\n\ttlbi vmalle1\n\tdsb ish\n\tisb" ::: "memory")
#define isb() __asm__ volatile("isb" ::: "memory")
#define dsb() __asm__ volatile("dsb sy" ::: "memory")
#define wfi() __asm__ volatile("wfi" ::: "memory")
#define wfe() __asm__ volatile("wfe" ::: "memory")
#define sev() __asm__ volatile("dsb ish\n\tsev" ::: "memory")

#define PSTATE_F BIT (6)
#define PSTATE_I BIT (7)
#define PSTATE_DAIF (15ull << 6)
#define PSTATE_PAN BIT (22)
#define PSTATE_NZCV (15ull << 28)

#define irqs_on() __asm__ volatile("msr daifclr, #3" ::: "memory")
#define irqs_off() __asm__ volatile("msr daifset, #3" ::: "memory")

#define SCTLR_M BIT (0)
#define SCTLR_SA BIT (3)
#define SCTLR_SA0 BIT (4)
#define SCTLR_UMA BIT (9)
#define SCTLR_DZE BIT (14)
#define SCTLR_UCT BIT (15)
#define SCTLR_NTWI BIT (16)
#define SCTLR_NTWE BIT (18)
#define SCTLR_WXN BIT (19)
#define SCTLR_SPAN BIT (23)
#define SCTLR_UCI BIT (26)
#define SCTLR_RES1 0x30d00800ull

/* ---- Exceptions ---- */

enum {
  EC_UNKNOWN = 0x00,
  EC_WFX = 0x01,
  EC_FP = 0x07,
  EC_ILLEGAL = 0x0e,
  EC_SVC = 0x15,
  EC_SYSREG = 0x18,
  EC_FETCH_LOWER = 0x20,
  EC_FETCH_SAME = 0x21,
  EC_PC_ALIGNMENT = 0x22,
  EC_DATA_LOWER = 0x24,
  EC_DATA_SAME = 0x25,
  EC_SP_ALIGNMENT = 0x26,
  EC_BRK = 0x3c,
};

/* Fault status; the first ones + level. */
enum {
  FSC_ADDRESS_SIZE = 0x00,
  FSC_TRANSLATION = 0x04,
  FSC_ACCESS = 0x08,
  FSC_PERMISSION = 0x0c,
  FSC_EXTERNAL = 0x10,
  FSC_EXTERNAL_WALK = 0x14,
  FSC_ALIGNMENT = 0x21,
};
#define ISS_WNR BIT (6)
#define ISS_CM BIT (8)
#define ESR_IL BIT (25)

/* Numbers of vectors: from where, and what. */
enum { FROM_SP0 = 0, FROM_SAME = 4, FROM_LOWER = 8 };
enum { SYNC = 0, IRQ = 1, FIQ = 2, SERROR = 3 };

struct frame {
  uint64_t x[31];
  uint64_t elr, spsr, esr, far;
  uint64_t unused;
};

/* Interrupts outside probes go to this function of their CPU, with interrupts masked; without one
 * they fail the test, as other exceptions do. */
extern void (*volatile irq_handler[8]) (struct frame *frame, unsigned kind);

/* ---- Probes ---- */

/* How a probe ended: by its own call (@vector is -1), or by an exception. */
struct outcome {
  int64_t vector;
  uint64_t esr, elr, far, spsr;
  uint64_t x0; /* then */
};
static inline unsigned
ec_of (struct outcome o)
{
  return o.esr >> 26;
}
static inline unsigned
iss_of (struct outcome o)
{
  return o.esr & 0x1ffffff;
}

enum { EL0 = 0, EL1T = 4, EL1 = 5 };

/* Runs @code (in section .probe, see probe.S) at level @mode with x0 and x1, all else as the caller
 * set it, interrupts masked. At EL0 under translation the code runs at its alias. */
struct outcome probe (unsigned mode, const void *code, uint64_t x0, uint64_t x1);
uint64_t probe_address (unsigned mode, const void *code);
/* The same with any SPSR. */
struct outcome probe_spsr (uint64_t spsr, const void *code, uint64_t x0, uint64_t x1);
/* Executes any instruction. */
struct outcome probe_insn (unsigned mode, uint32_t insn, uint64_t x0, uint64_t x1);
/* The same behind one that moves x0 to the stack pointer. */
struct outcome probe_stack (unsigned mode, uint32_t insn, uint64_t sp);
extern uint32_t probe_slot[];

extern const char probe_start[], probe_end[];

/* x0 is the address (and the result), x1 the value; of p_stxr x1 the address. */
extern const char p_nop[], p_ldrb[], p_ldr[], p_ldrw[], p_str[], p_strb[], p_ldp[], p_stp[],
    p_ldtr[], p_sttr[], p_ldxr[], p_stxr[], p_ldar[], p_ldadd[], p_cas[], p_casp[], p_swpb[],
    p_br[], p_svc[], p_brk[], p_udf[], p_hlt[], p_eret[], p_wfi[], p_wfe[], p_dczva[], p_dccvac[],
    p_icivau[], p_fadd[], p_mrs_ctr[], p_mrs_daif[], p_msr_daifset[], p_mrs_cntvct[],
    p_mrs_cntv_ctl[], p_mrs_sctlr[], p_mrs_currentel[], p_hvc[], p_spin[];
/* x0 is the stack pointer; the fourth instruction is an access by it. */
extern const char p_sp_same[], p_sp_add[], p_sp_sub[], p_sp_pre[], p_sp_post[], p_sp_move[],
    p_sp_index[];
extern const uint32_t stack_accesses[], stack_vectors[], stack_others[], stack_end[];

/* ---- Page tables ---- */

#define PTE_VALID BIT (0)
#define PTE_TABLE BIT (1) /* at level 3 a page */
#define PTE_USER BIT (6)
#define PTE_READONLY BIT (7)
#define PTE_SHARED (3ull << 8)
#define PTE_AF BIT (10)
#define PTE_NG BIT (11)
#define PTE_DBM BIT (51)
#define PTE_PXN BIT (53)
#define PTE_UXN BIT (54)
#define TABLE_PXN BIT (59)
#define TABLE_UXN BIT (60)
#define TABLE_NO_USER BIT (61)
#define TABLE_READONLY BIT (62)
#define PTE_RW (PTE_VALID | PTE_SHARED | PTE_AF)
#define PTE_IO (PTE_RW | PTE_PXN | PTE_UXN)

/* Where the code of the probes is seen by EL0. */
#define U_CODE 0x100000000000ull

/* Tables of 48 bits of address with granules of 1 << @grain (12, 14, 16) bytes. */
uint64_t *new_table (unsigned grain);
void free_tables (void);
/* Memory and devices for EL1 at their own addresses, the probes for EL0 at U_CODE. */
uint64_t *new_root (unsigned grain);
/* The descriptor for @va at @level, with the tables above. */
uint64_t *pte_of (uint64_t *root, unsigned grain, uint64_t va, unsigned level);
/* Bits of address below those that @level translates. */
static inline unsigned
level_shift (unsigned grain, unsigned level)
{
  return grain + (grain - 3) * (3 - level);
}
/* A block, or a page at level 3. */
static inline uint64_t
leaf (uint64_t pa, unsigned level, uint64_t flags)
{
  return pa | flags | (level == 3 ? PTE_TABLE : 0);
}
/* Turns translation on: @root for the lower half, TCR with @tcr beside sizes and granules. */
void mmu_on (const uint64_t *root, unsigned grain, unsigned asid, uint64_t tcr);
/* Back to what the program began with. */
void mmu_off (void);
/* Programs begin with translation on, as new_root (12) has it, so that memory is not a device's;
 * but for one that has this function, which says false. */
bool begins_translated (void);
uint64_t tcr_for (unsigned grain);

/* ---- CPUs ---- */

static inline unsigned
cpu_id (void)
{
  return sysreg_read (mpidr_el1) & 0xff;
}
/* How many there are. */
unsigned count_cpus (void);
int64_t psci (uint64_t function, uint64_t a, uint64_t b, uint64_t c);
enum {
  PSCI_CPU_OFF = 0x84000002,
  PSCI_SYSTEM_OFF = 0x84000008,
  PSCI_SYSTEM_RESET = 0x84000009,
};
#define PSCI_CPU_ON 0xc4000003ull
#define PSCI_AFFINITY_INFO 0xc4000004ull
/* Lets another CPU have the host's processor. */
static inline void
relax (void)
{
  __asm__ volatile("yield" ::: "memory");
}
/* Runs @function on CPUs 0 to @cpus - 1 and waits for all. */
void everywhere (unsigned cpus, void (*function) (unsigned cpu));
/* All of the @cpus meet. */
void barrier (unsigned cpus);

/* ---- Devices ---- */

#define UART 0x9000000ull
#define UART_INTID 33
#define FINISHER 0x100000ull
#define HOLE 0xb800000ull /* nothing is there */

#define GICD 0x8000000ull
#define GITS 0x8080000ull
static inline uint64_t
gicr (unsigned cpu)
{
  return 0x80a0000ull + 0x20000ull * cpu;
}
static inline volatile uint64_t *
mmio64 (uint64_t address)
{
  return (volatile uint64_t *) address;
}

/* The distributor forwards, all interrupts are off, of group 1 and of priority 0xa0. */
void gic_init (void);
/* The same for what is the calling CPU's, and its interface: all priorities, group 1 on. */
void gic_init_cpu (void);
/* Interrupts of this CPU (below 32) or shared ones. */
void gic_enable (unsigned id, bool on);
void gic_priority (unsigned id, unsigned priority);
void gic_set_pending (unsigned id, bool on);
bool gic_is_pending (unsigned id);
bool gic_is_active (unsigned id);
void gic_edge (unsigned id, bool edge);
void gic_route (unsigned spi, unsigned cpu);

#define ICC_PMR s3_0_c4_c6_0
#define ICC_IAR0 s3_0_c12_c8_0
#define ICC_EOIR0 s3_0_c12_c8_1
#define ICC_HPPIR0 s3_0_c12_c8_2
#define ICC_BPR0 s3_0_c12_c8_3
#define ICC_AP0R0 s3_0_c12_c8_4
#define ICC_AP1R0 s3_0_c12_c9_0
#define ICC_DIR s3_0_c12_c11_1
#define ICC_RPR s3_0_c12_c11_3
#define ICC_SGI1R s3_0_c12_c11_5
#define ICC_SGI0R s3_0_c12_c11_7
#define ICC_IAR1 s3_0_c12_c12_0
#define ICC_EOIR1 s3_0_c12_c12_1
#define ICC_HPPIR1 s3_0_c12_c12_2
#define ICC_BPR1 s3_0_c12_c12_3
#define ICC_CTLR s3_0_c12_c12_4
#define ICC_SRE s3_0_c12_c12_5
#define ICC_IGRPEN0 s3_0_c12_c12_6
#define ICC_IGRPEN1 s3_0_c12_c12_7
/* For registers that are named by a macro. */
#define icc_read(name) sysreg_read_ (name)
#define icc_write(name, value) sysreg_write_ (name, value)
#define sysreg_read_(name) sysreg_read (name)
#define sysreg_write_(name, value) sysreg_write (name, value)

#define SPURIOUS 1023
#define PPI_VIRTUAL 27
#define PPI_PHYSICAL 30

/* Sends SGI @id to CPU @cpu (of the first sixteen). */
static inline void
send_sgi (unsigned id, unsigned cpu)
{
  dsb ();
  icc_write (ICC_SGI1R, (uint64_t) id << 24 | 1ull << cpu);
  isb ();
}

#define TIMER_HZ 62500000ull
static inline uint64_t
now (void)
{
  return sysreg_read (cntvct_el0);
}
/* Waits until @condition; fails after some seconds. */
#define WAIT_FOR(condition)                                                                        \
  do {                                                                                             \
    uint64_t wait_end_ = now () + 10 * TIMER_HZ;                                                   \
    while (!(condition)) {                                                                         \
      relax ();                                                                                    \
      if (now () > wait_end_)                                                                      \
        fail (__FILE__, __LINE__, "waiting for " #condition, 0, 0);                                \
    }                                                                                              \
  } while (0)
