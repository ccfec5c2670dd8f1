/* SPDX-License-Identifier: GPL-3.0-or-later
 * arm64 system registers and system operations (MSR, MRS, SYS), and what the CPU says it is.
 *
 * Registers whose value nobody acts on are plain words of DioArm64; a table says who may access
 * which. What is not in it is the interrupt controller's or undefined. */
#include <stddef.h>

#include "core/guest/arm64/arm64-priv.h"
#include "core/vm/vm-machine.h"

#define SYSREG DIO_A64_SYSREG
#define CTR_EL0 SYSREG (3, 3, 0, 0, 1)

/* ---- Identification ---- */

/* What is implemented is said here, and nothing else. CSV2, CSV3, SSBS (as always safe) and E0PD
 * keep kernels from working around faults of hardware that is not there. */
typedef struct {
  unsigned number;
  uint64_t value;
} IdRegister;

static const IdRegister id_registers[] = {
  /* EL0 and EL1 in AArch64, FP and Advanced SIMD, CSV2, CSV3. */
  { SYSREG (3, 0, 0, 4, 0), UINT64_C (0x1100000000000011) }, /* ID_AA64PFR0_EL1 */
  { SYSREG (3, 0, 0, 4, 1), 0x20 },                          /* ID_AA64PFR1_EL1: SSBS */
  { SYSREG (3, 0, 0, 5, 0), 0x6 },                           /* ID_AA64DFR0_EL1: v8 debug */
  { SYSREG (3, 0, 0, 5, 1), 0 },                             /* ID_AA64DFR1_EL1 */
  /* AES and PMULL, SHA1, SHA256, CRC32, atomics, RDM, DotProd, FlagM2. */
  { SYSREG (3, 0, 0, 6, 0), UINT64_C (0x0020100010211120) }, /* ID_AA64ISAR0_EL1 */
  /* DPB, JSCVT, FCMA, LRCPC2, SB. */
  { SYSREG (3, 0, 0, 6, 1), UINT64_C (0x0000001000211001) }, /* ID_AA64ISAR1_EL1 */
  { SYSREG (3, 0, 0, 6, 2), 0 },                             /* ID_AA64ISAR2_EL1 */
  /* 44 bits of physical address, 16-bit ASID, all granules. */
  { SYSREG (3, 0, 0, 7, 0), 0x00100024 }, /* ID_AA64MMFR0_EL1 */
  /* Access flag and dirty state by hardware, PAN with its AT. */
  { SYSREG (3, 0, 0, 7, 1), 0x00200002 },   /* ID_AA64MMFR1_EL1 */
  { SYSREG (3, 0, 0, 7, 2), A64_BIT (60) }, /* ID_AA64MMFR2_EL1: E0PD */
  { SYSREG (3, 0, 0, 0, 6), 0 },            /* REVIDR_EL1 */
  { SYSREG (3, 1, 0, 0, 0), 0 },            /* CCSIDR_EL1 */
  { SYSREG (3, 1, 0, 0, 1), 0 },            /* CLIDR_EL1 */
  { SYSREG (3, 1, 0, 0, 7), 0 },            /* AIDR_EL1 */
  { CTR_EL0, A64_CTR },
  { SYSREG (3, 3, 0, 0, 7), A64_DCZID }, /* DCZID_EL0 */
  { SYSREG (3, 3, 14, 0, 0), DIO_A64_TIMER_HZ },
};

/* ---- Plain registers ---- */

typedef struct {
  unsigned number;
  size_t offset;
  uint64_t writable;
} PlainRegister;

#define PLAIN(op0, op1, crn, crm, op2, member, writable)                                           \
  {                                                                                                \
    SYSREG (op0, op1, crn, crm, op2), offsetof (DioArm64, member), (writable)                      \
  }

static const PlainRegister plain_registers[] = {
  PLAIN (3, 0, 1, 0, 1, actlr, 0),
  PLAIN (3, 0, 4, 0, 0, spsr, 0xffffffff),
  PLAIN (3, 0, 4, 0, 1, elr, UINT64_MAX),
  PLAIN (3, 0, 4, 1, 0, sp[0], UINT64_MAX),
  PLAIN (3, 0, 5, 1, 0, afsr[0], 0),
  PLAIN (3, 0, 5, 1, 1, afsr[1], 0),
  PLAIN (3, 0, 5, 2, 0, esr, 0xffffffff),
  PLAIN (3, 0, 6, 0, 0, far, UINT64_MAX),
  PLAIN (3, 0, 7, 4, 0, par, UINT64_MAX),
  PLAIN (3, 0, 10, 2, 0, mair, UINT64_MAX),
  PLAIN (3, 0, 10, 3, 0, amair, 0),
  PLAIN (3, 0, 12, 0, 0, vbar, ~UINT64_C (0x7ff)),
  PLAIN (3, 0, 13, 0, 4, tpidr_el1, UINT64_MAX),
  PLAIN (3, 0, 14, 1, 0, cntkctl, 0x3ff),
  PLAIN (3, 0, 13, 0, 1, contextidr, 0xffffffff),
  PLAIN (3, 2, 0, 0, 0, csselr, 0xf),
  PLAIN (2, 0, 0, 2, 2, mdscr, 0),
  PLAIN (2, 0, 1, 0, 4, oslock, 0),
  PLAIN (3, 0, 0, 0, 0, midr, 0),
  PLAIN (3, 0, 0, 0, 5, mpidr, 0),
};

static bool
undefined (DioArm64 *cpu)
{
  dio_a64_raise (cpu, DIO_A64_UNDEFINED, 0);
  return false;
}

/* What EL1 has not allowed to EL0, with the instruction as syndrome (ESR_EL1, EC 0x18), so that a
 * system may do it for the program. */
bool
a64_trap_user (DioArm64 *cpu)
{
  uint32_t raw;
  if (!a64_fetch_loose (&cpu->interp, &raw))
    return undefined (cpu);
  cpu->exception.syndrome =
      A64_ESR (A64_EC_SYSREG, (raw >> 19 & 3) << 20 | (raw >> 5 & 7) << 17 | (raw >> 16 & 7) << 14
                                  | (raw >> 12 & 15) << 10 | (raw & 31) << 5 | (raw >> 8 & 15) << 1
                                  | (raw >> 21 & 1));
  cpu->exception.has_far = false;
  cpu->exception.after = false;
  return false;
}

/* ---- FPCR and FPSR ---- */

#define FPCR_AHP (1u << 26)
#define FPCR_DN (1u << 25)
#define FPCR_FZ (1u << 24)
#define FPCR_WRITABLE (FPCR_AHP | FPCR_DN | FPCR_FZ | 3u << 22)

void
dio_a64_set_fpcr (DioArm64 *cpu, uint32_t value)
{
  static const uint8_t roundings[4] = { DIO_FP_RNE, DIO_FP_RUP, DIO_FP_RDN, DIO_FP_RTZ };
  cpu->fpcr = value & FPCR_WRITABLE;
  cpu->fp_mode = roundings[value >> 22 & 3] | DIO_FP_RULES_ARM;
  if (value & FPCR_DN)
    cpu->fp_mode |= DIO_FP_NAN_DEFAULT;
  if (value & FPCR_FZ)
    cpu->fp_mode |= DIO_FP_FLUSH;
  if (value & FPCR_AHP)
    cpu->fp_mode |= DIO_FP_HALF_ALTERNATIVE;
}

uint32_t
dio_a64_fpsr (const DioArm64 *cpu)
{
  unsigned f = cpu->fp_flags;
  return (f & DIO_FP_NV ? 1u : 0) | (f & DIO_FP_DZ ? 2u : 0) | (f & DIO_FP_OF ? 4u : 0)
         | (f & DIO_FP_UF ? 8u : 0) | (f & DIO_FP_NX ? 16u : 0) | (f & DIO_FP_DENORMAL ? 128u : 0)
         | (cpu->saturated ? 1u << 27 : 0);
}

void
dio_a64_set_fpsr (DioArm64 *cpu, uint32_t value)
{
  cpu->fp_flags = (uint8_t) ((value & 1 ? DIO_FP_NV : 0) | (value & 2 ? DIO_FP_DZ : 0)
                             | (value & 4 ? DIO_FP_OF : 0) | (value & 8 ? DIO_FP_UF : 0)
                             | (value & 16 ? DIO_FP_NX : 0) | (value & 128 ? DIO_FP_DENORMAL : 0));
  cpu->saturated = value >> 27 & 1;
}

/* ---- Registers with a meaning ---- */

static bool
access_timer (DioArm64 *cpu, DioA64Timer *timer, unsigned op2, bool write, uint64_t *value)
{
  switch (op2) {
  case 0: /* TVAL */
    if (write)
      __atomic_store_n (&timer->compare, a64_time (cpu) + (uint64_t) (int64_t) (int32_t) *value,
                        __ATOMIC_RELEASE);
    else
      *value = (uint32_t) (timer->compare - a64_time (cpu));
    break;
  case 1: /* CTL */
    if (write)
      __atomic_store_n (&timer->control, *value & 3, __ATOMIC_RELEASE);
    else
      *value = timer->control | ((timer->control & 1) && a64_time (cpu) >= timer->compare ? 4u : 0);
    break;
  case 2: /* CVAL */
    if (write)
      __atomic_store_n (&timer->compare, *value, __ATOMIC_RELEASE);
    else
      *value = timer->compare;
    break;
  default:
    return undefined (cpu);
  }
  if (write)
    a64_timer_update (timer);
  return true;
}

/* Registers of EL0; *@done when it was one. */
static bool
access_user (DioArm64 *cpu, bool write, unsigned number, uint64_t *value, bool *done)
{
  *done = true;
  switch (number) {
  case SYSREG (3, 3, 4, 2, 0): /* NZCV */
    if (write)
      dio_a64_set_nzcv (cpu, *value);
    else
      *value = dio_a64_nzcv (cpu);
    return true;
  case SYSREG (3, 3, 4, 2, 1): /* DAIF */
    if (cpu->el == 0 && !(cpu->sctlr & A64_SCTLR_UMA))
      return a64_trap_user (cpu);
    if (write)
      cpu->pstate =
          (cpu->pstate & ~(uint32_t) A64_PSTATE_DAIF) | (uint32_t) (*value & A64_PSTATE_DAIF);
    else
      *value = cpu->pstate & A64_PSTATE_DAIF;
    return true;
  case SYSREG (3, 3, 4, 2, 6): /* SSBS */
    if (write)
      cpu->pstate =
          (cpu->pstate & ~(uint32_t) A64_PSTATE_SSBS) | (uint32_t) (*value & A64_PSTATE_SSBS);
    else
      *value = cpu->pstate & A64_PSTATE_SSBS;
    return true;
  case SYSREG (3, 3, 4, 4, 0): /* FPCR */
  case SYSREG (3, 3, 4, 4, 1): /* FPSR */
    if (cpu->fp_slow) {
      dio_a64_raise (cpu, DIO_A64_FP_OFF, 0);
      return false;
    }
    if (number & 1) {
      if (write)
        dio_a64_set_fpsr (cpu, (uint32_t) *value);
      else
        *value = dio_a64_fpsr (cpu);
    } else if (write) {
      dio_a64_set_fpcr (cpu, (uint32_t) *value);
    } else {
      *value = cpu->fpcr;
    }
    return true;
  case SYSREG (3, 3, 13, 0, 2):
  case SYSREG (3, 3, 13, 0, 3):
    if (write && (number & 1) && cpu->el == 0)
      return undefined (cpu);
    if (write)
      cpu->thread[number & 1] = *value;
    else
      *value = cpu->thread[number & 1];
    return true;
  case SYSREG (3, 3, 14, 0, 1): /* CNTPCT_EL0 */
  case SYSREG (3, 3, 14, 0, 2): /* CNTVCT_EL0 */
    if (write)
      return undefined (cpu);
    if (cpu->el == 0 && !(cpu->cntkctl & (number & 1 ? 1 : 2)))
      return a64_trap_user (cpu);
    *value = a64_time (cpu);
    return true;
  default:
    break;
  }
  if ((number & ~7u) == SYSREG (3, 3, 14, 2, 0) || (number & ~7u) == SYSREG (3, 3, 14, 3, 0)) {
    bool virtual = number & 8;
    if (cpu->el == 0 && !(cpu->cntkctl & (virtual ? 0x100 : 0x200)))
      return a64_trap_user (cpu);
    return access_timer (cpu,
                         &cpu->timers[virtual ? DIO_A64_TIMER_VIRTUAL : DIO_A64_TIMER_PHYSICAL],
                         number & 7, write, value);
  }
  *done = false;
  return true;
}

static uint64_t *
translation_register (DioArm64 *cpu, unsigned number)
{
  switch (number) {
  case SYSREG (3, 0, 1, 0, 0):
    return &cpu->sctlr;
  case SYSREG (3, 0, 2, 0, 0):
    return &cpu->ttbr[0];
  case SYSREG (3, 0, 2, 0, 1):
    return &cpu->ttbr[1];
  case SYSREG (3, 0, 2, 0, 2):
    return &cpu->tcr;
  default:
    return NULL;
  }
}

/* Of the tables only the number of the address space matters (in either): what else changes needs
 * a TLBI. */
static void
write_translation (DioArm64 *cpu, uint64_t *member, uint64_t value)
{
  if (member == &cpu->sctlr)
    value = (value & A64_SCTLR_WRITABLE) | A64_SCTLR_RES1;
  if (*member == value)
    return;
  *member = value;
  if (member != &cpu->ttbr[0] && member != &cpu->ttbr[1])
    a64_mmu_flush (cpu);
  a64_rights_update (cpu);
  a64_mmu_space_changed (cpu);
}

/* Registers of EL1. */
static bool
access_system (DioArm64 *cpu, bool write, unsigned number, uint64_t *value)
{
  uint64_t *translation = translation_register (cpu, number);
  if (translation) {
    if (write)
      write_translation (cpu, translation, *value);
    else
      *value = *translation;
    return true;
  }
  switch (number) {
  case SYSREG (3, 0, 1, 0, 2): /* CPACR_EL1 */
    if (write) {
      cpu->cpacr = *value & UINT64_C (3) << 20;
      a64_rights_update (cpu);
    } else {
      *value = cpu->cpacr;
    }
    return true;
  case SYSREG (3, 0, 4, 2, 0): /* SPSel */
    if (write)
      a64_set_spsel (cpu, *value & 1);
    else
      *value = cpu->spsel;
    return true;
  case SYSREG (3, 0, 4, 2, 2): /* CurrentEL */
    if (write)
      return undefined (cpu);
    *value = (uint64_t) cpu->el << 2;
    return true;
  case SYSREG (3, 0, 4, 2, 3): /* PAN */
    if (write) {
      cpu->pstate =
          (cpu->pstate & ~(uint32_t) A64_PSTATE_PAN) | (uint32_t) (*value & A64_PSTATE_PAN);
      a64_mmu_select (cpu);
    } else {
      *value = cpu->pstate & A64_PSTATE_PAN;
    }
    return true;
  case SYSREG (3, 0, 12, 1, 0): /* ISR_EL1 */
    if (write)
      return undefined (cpu);
    *value = (cpu->irq_lines & 1 ? 0x80u : 0) | (cpu->irq_lines & 2 ? 0x40u : 0);
    return true;
  case SYSREG (2, 0, 1, 0, 4): /* OSLAR_EL1 */
  case SYSREG (2, 0, 1, 3, 4): /* OSDLR_EL1 */
    if (!write)
      *value = 0;
    return true;
  case SYSREG (2, 0, 1, 1, 4): /* OSLSR_EL1: the lock is implemented and open */
    if (!write)
      *value = 8;
    return true;
  default:
    break;
  }
  for (unsigned i = 0; i < G_N_ELEMENTS (plain_registers); i++) {
    const PlainRegister *plain = &plain_registers[i];
    if (plain->number != number)
      continue;
    uint64_t *word = (uint64_t *) (void *) ((char *) cpu + plain->offset);
    if (!write)
      *value = *word;
    else
      *word = (*word & ~plain->writable) | (*value & plain->writable);
    return true;
  }
  /* Breakpoints and watchpoints: as if there were some that never hit. */
  if ((number & SYSREG (2, 7, 15, 0, 4)) == SYSREG (2, 0, 0, 0, 4)) {
    if (!write)
      *value = 0;
    return true;
  }
  /* The rest of the identification space reads as zero. */
  if ((number & ~SYSREG (0, 0, 0, 7, 7)) == SYSREG (3, 0, 0, 0, 0) && !write
      && (number >> 3 & 15) >= 1) {
    *value = 0;
    return true;
  }
  if (cpu->interface && cpu->interface->access (cpu->interface_opaque, cpu->interp.cpu.index, write ? DIO_A64_CSR_WRITE : DIO_A64_CSR_READ, number, value))
    return true;
  return undefined (cpu);
}

static bool
read_identification (DioArm64 *cpu, unsigned number, uint64_t *value)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (id_registers); i++) {
    if (id_registers[i].number != number)
      continue;
    bool user = (number >> 11 & 7) == 3;
    if (cpu->el == 0 && !user)
      return false;
    *value = id_registers[i].value;
    if (number == SYSREG (3, 0, 0, 4, 0) && cpu->interface)
      *value |= A64_BIT (24); /* GIC: the CPU interface is there */
    return true;
  }
  return false;
}

/* ---- PSTATE fields ---- */

static bool
write_pstate (DioArm64 *cpu, unsigned number, uint64_t value)
{
  uint32_t masks = (uint32_t) (value & 15) << 6;
  switch (number) {
  case DIO_A64_PSTATE_SPSEL:
    if (cpu->el == 0)
      return undefined (cpu);
    a64_set_spsel (cpu, value & 1);
    return true;
  case DIO_A64_PSTATE_PAN:
    if (cpu->el == 0)
      return undefined (cpu);
    cpu->pstate =
        (cpu->pstate & ~(uint32_t) A64_PSTATE_PAN) | (value & 1 ? (uint32_t) A64_PSTATE_PAN : 0);
    a64_mmu_select (cpu);
    return true;
  case DIO_A64_PSTATE_SSBS:
    cpu->pstate =
        (cpu->pstate & ~(uint32_t) A64_PSTATE_SSBS) | (value & 1 ? (uint32_t) A64_PSTATE_SSBS : 0);
    return true;
  default:
    if (cpu->el == 0 && !(cpu->sctlr & A64_SCTLR_UMA))
      return a64_trap_user (cpu);
    cpu->pstate = number == DIO_A64_PSTATE_DAIFSET ? cpu->pstate | masks : cpu->pstate & ~masks;
    return true;
  }
}

/* ---- System operations ---- */

/* Data and instruction caches. @user: also for programs, if they may. */
static bool
cache_operation (DioArm64 *cpu, unsigned number, uint64_t value)
{
  unsigned op1 = number >> 11 & 7, crm = number >> 3 & 15, op2 = number & 7;
  bool code = crm == 1 || crm == 5, by_address = op2 == 1 && crm != 1;
  if (cpu->el == 0 && op1 != 3)
    return undefined (cpu);
  if (cpu->el == 0 && !(cpu->sctlr & A64_SCTLR_UCI))
    return a64_trap_user (cpu);
  if (by_address) {
    A64Page page;
    int status = a64_probe (cpu, value, DIO_A64_LOAD, cpu->el == 0, &page);
    if (status >= 0 && !(code && (status & 0x3c) == A64_FSC_PERMISSION)) {
      a64_abort (cpu, value, DIO_A64_STORE, (unsigned) status | A64_ISS_CM);
      return false;
    }
  }
  if (code) {
    /* What was stored before counts as changed before others forget what they know of it. */
    dio_interp_await_marks (cpu->interp.cpu.machine->ram);
    a64_service_requests (cpu);
    cpu->forget_code = true;
    a64_request_others (cpu, A64_REQUEST_FORGET_CODE);
  }
  return true;
}

/* AT S1E1R and so on: the result goes to PAR_EL1, of memory that is not secure. Only S1E1RP and
 * S1E1WP (@pan) look at PAN. A table that cannot be read is no result but an abort. */
static bool
translate_address (DioArm64 *cpu, unsigned op2, bool pan, uint64_t value)
{
  A64Page page;
  uint32_t pstate = cpu->pstate;
  if (!pan)
    cpu->pstate &= ~(uint32_t) A64_PSTATE_PAN;
  int status = a64_probe (cpu, value, op2 & 1 ? DIO_A64_STORE : DIO_A64_LOAD, op2 & 2, &page);
  cpu->pstate = pstate;
  if ((status & ~3) == A64_FSC_EXTERNAL_WALK) {
    a64_abort (cpu, value, DIO_A64_STORE, (unsigned) status | A64_ISS_CM);
    return false;
  }
  if (status >= 0)
    cpu->par = A64_PAR_RES1 | (uint64_t) status << 1 | A64_PAR_F;
  else
    cpu->par = (uint64_t) page.attributes << 56 | page.gpa | A64_PAR_RES1 | A64_PAR_NS
               | (uint64_t) page.shareable << 7;
  return true;
}

static void
invalidate (DioArm64 *cpu, unsigned number, uint64_t value)
{
  unsigned crm = number >> 3 & 15, op2 = number & 7;
  bool broadcast = crm == 3 || crm == 1; /* inner and outer shareable */
  /* Addresses are shifted right by 12, and have bit 55 copied up. */
  DioGva va = (uint64_t) ((int64_t) (value << 20) >> 8);
  switch (op2) {
  case 0: /* VMALLE1 */
    a64_mmu_invalidate_all (cpu, broadcast);
    break;
  case 2: /* ASIDE1 */
    a64_mmu_invalidate_space (cpu, (unsigned) (value >> 48), broadcast);
    break;
  default: /* VAE1, VAAE1, VALE1, VAALE1 */
    a64_mmu_invalidate_page (cpu, va, broadcast);
    break;
  }
}

static bool
system_operation (DioArm64 *cpu, unsigned number, uint64_t value)
{
  unsigned op1 = number >> 11 & 7, crn = number >> 7 & 15, crm = number >> 3 & 15;
  if (crn == 7 && crm == 8 && op1 == 0 && (number & 7) < 4 && cpu->el != 0) {
    return translate_address (cpu, number & 7, false, value);
  }
  if (crn == 7 && crm == 9 && op1 == 0 && (number & 7) < 2 && cpu->el != 0) {
    return translate_address (cpu, number & 7, true, value);
  }
  if (crn == 8 && op1 == 0 && cpu->el != 0 && (crm == 3 || crm == 7 || crm == 1)) {
    invalidate (cpu, number, value);
    return true;
  }
  switch (number) {
  case SYSREG (1, 0, 7, 1, 0):  /* IC IALLUIS */
  case SYSREG (1, 0, 7, 5, 0):  /* IC IALLU */
  case SYSREG (1, 3, 7, 5, 1):  /* IC IVAU */
  case SYSREG (1, 0, 7, 6, 1):  /* DC IVAC */
  case SYSREG (1, 0, 7, 6, 2):  /* DC ISW */
  case SYSREG (1, 0, 7, 10, 2): /* DC CSW */
  case SYSREG (1, 0, 7, 14, 2): /* DC CISW */
  case SYSREG (1, 3, 7, 10, 1): /* DC CVAC */
  case SYSREG (1, 3, 7, 11, 1): /* DC CVAU */
  case SYSREG (1, 3, 7, 12, 1): /* DC CVAP */
  case SYSREG (1, 3, 7, 14, 1): /* DC CIVAC */
    return cache_operation (cpu, number, value);
  default:
    return undefined (cpu);
  }
}

/* ---- All of them ---- */

bool
dio_a64_csr_access (DioArm64 *cpu, DioA64CsrOp op, unsigned number, uint64_t *value)
{
  bool write = op == DIO_A64_CSR_WRITE, done;
  switch (number >> 14) {
  case 0:
    if ((number >> 7 & 15) == 4 && write)
      return write_pstate (cpu, number, *value);
    break;
  case 1:
    return write ? system_operation (cpu, number, *value) : undefined (cpu);
  default:
    break;
  }
  if (!write && cpu->el == 0 && number == CTR_EL0 && !(cpu->sctlr & A64_SCTLR_UCT))
    return a64_trap_user (cpu);
  if (!write && read_identification (cpu, number, value))
    return true;
  if (!access_user (cpu, write, number, value, &done))
    return false;
  if (done)
    return true;
  return cpu->el == 0 ? undefined (cpu) : access_system (cpu, write, number, value);
}
