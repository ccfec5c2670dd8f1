/* SPDX-License-Identifier: GPL-3.0-or-later
 * The control and status registers of a riscv64 hart. */
#include "core/guest/riscv64/riscv64-priv.h"
#include "core/vm/vm-machine.h"

enum {
  CSR_FFLAGS = 0x001,
  CSR_FRM = 0x002,
  CSR_FCSR = 0x003,
  CSR_CYCLE = 0xc00,
  CSR_TIME = 0xc01,
  CSR_INSTRET = 0xc02,
  CSR_HPMCOUNTER3 = 0xc03,
  CSR_HPMCOUNTER31 = 0xc1f,

  CSR_SSTATUS = 0x100,
  CSR_SIE = 0x104,
  CSR_STVEC = 0x105,
  CSR_SCOUNTEREN = 0x106,
  CSR_SENVCFG = 0x10a,
  CSR_SSCRATCH = 0x140,
  CSR_SEPC = 0x141,
  CSR_SCAUSE = 0x142,
  CSR_STVAL = 0x143,
  CSR_SIP = 0x144,
  CSR_STIMECMP = 0x14d,
  CSR_SATP = 0x180,

  CSR_MVENDORID = 0xf11,
  CSR_MARCHID = 0xf12,
  CSR_MIMPID = 0xf13,
  CSR_MHARTID = 0xf14,
  CSR_MCONFIGPTR = 0xf15,
  CSR_MSTATUS = 0x300,
  CSR_MISA = 0x301,
  CSR_MEDELEG = 0x302,
  CSR_MIDELEG = 0x303,
  CSR_MIE = 0x304,
  CSR_MTVEC = 0x305,
  CSR_MCOUNTEREN = 0x306,
  CSR_MENVCFG = 0x30a,
  CSR_MCOUNTINHIBIT = 0x320,
  CSR_MHPMEVENT3 = 0x323,
  CSR_MHPMEVENT31 = 0x33f,
  CSR_MSCRATCH = 0x340,
  CSR_MEPC = 0x341,
  CSR_MCAUSE = 0x342,
  CSR_MTVAL = 0x343,
  CSR_MIP = 0x344,
  CSR_PMPCFG0 = 0x3a0,
  CSR_PMPCFG2 = 0x3a2,
  CSR_PMPADDR0 = 0x3b0,
  CSR_PMPADDR15 = 0x3bf,
  CSR_MCYCLE = 0xb00,
  CSR_MINSTRET = 0xb02,
  CSR_MHPMCOUNTER3 = 0xb03,
  CSR_MHPMCOUNTER31 = 0xb1f,
  CSR_TSELECT = 0x7a0,
  CSR_TDATA1 = 0x7a1,
  CSR_TDATA2 = 0x7a2,
  CSR_TDATA3 = 0x7a3,
  CSR_TINFO = 0x7a4,
};

#define MISA_EXTENSION(letter) RV_BIT ((letter) - 'A')
#define MISA_VALUE                                                                                 \
  ((UINT64_C (2) << 62) | MISA_EXTENSION ('A') | MISA_EXTENSION ('C') | MISA_EXTENSION ('D')       \
   | MISA_EXTENSION ('F') | MISA_EXTENSION ('I') | MISA_EXTENSION ('M') | MISA_EXTENSION ('S')     \
   | MISA_EXTENSION ('U'))

/* Debug spec 5.7.4: the trigger chosen by tselect does not exist. */
#define TINFO_NO_TRIGGER 1

/* ---- WARL filters ---- */

uint64_t
rv_legal_satp (uint64_t value, uint64_t old)
{
  unsigned mode = value >> RV_SATP_MODE_SHIFT;
  if (mode == RV_SATP_BARE)
    return 0;
  return mode >= RV_SATP_SV39 && mode <= RV_SATP_SV57 ? value : old;
}

uint64_t
rv_legal_tvec (uint64_t value)
{
  return value & ~UINT64_C (2); /* modes: direct, vectored */
}

uint64_t
rv_legal_envcfg (uint64_t value, uint64_t old, uint64_t writable)
{
  if ((value & RV_ENVCFG_CBIE) >> RV_ENVCFG_CBIE_SHIFT == 2) /* reserved */
    value = (value & ~RV_ENVCFG_CBIE) | (old & RV_ENVCFG_CBIE);
  return value & writable;
}

uint8_t
rv_legal_pmpcfg (uint8_t value)
{
  value &= 0x9f;
  if ((value & (RV_PMP_R | RV_PMP_W)) == RV_PMP_W) /* reserved */
    value &= ~RV_PMP_W;
  return value;
}

/* ---- mstatus ---- */

uint64_t
rv_mstatus (const DioRiscv64 *hart)
{
  uint64_t status = hart->mstatus | RV_MSTATUS_UXL | RV_MSTATUS_SXL;
  if ((status & RV_MSTATUS_FS) == RV_MSTATUS_FS)
    status |= RV_MSTATUS_SD;
  return status;
}

void
rv_set_mstatus (DioRiscv64 *hart, uint64_t value, uint64_t mask)
{
  uint64_t old = hart->mstatus;
  if ((value & RV_MSTATUS_MPP) == UINT64_C (2) << RV_MSTATUS_MPP_SHIFT)
    mask &= ~RV_MSTATUS_MPP; /* there is no such privilege: unchanged */
  hart->mstatus = (old & ~mask) | (value & mask & RV_MSTATUS_WRITABLE);
  hart->fp_slow = (hart->mstatus & RV_MSTATUS_FS) != RV_MSTATUS_FS;
  uint64_t changed = old ^ hart->mstatus;
  if ((changed & (RV_MSTATUS_SUM | RV_MSTATUS_MXR | RV_MSTATUS_MPRV))
      || ((changed & RV_MSTATUS_MPP) && (hart->mstatus & RV_MSTATUS_MPRV)))
    rv_mmu_select (hart);
}

/* ---- Counters ----
 * The hart counts instructions; a cycle is an instruction. The offsets make the value that the
 * guest wrote; while a counter is inhibited its offset is the frozen value. */

static uint64_t
inhibit_bit (bool instret)
{
  return instret ? RV_COUNTER_IR : RV_COUNTER_CY;
}

uint64_t
rv_counter_read (DioRiscv64 *hart, bool instret)
{
  uint64_t offset = instret ? hart->instret_offset : hart->cycle_offset;
  if (hart->mcountinhibit & inhibit_bit (instret))
    return offset;
  return hart->interp.cpu.stats.instructions + offset;
}

void
rv_counter_write (DioRiscv64 *hart, bool instret, uint64_t value)
{
  uint64_t *offset = instret ? &hart->instret_offset : &hart->cycle_offset;
  if (hart->mcountinhibit & inhibit_bit (instret))
    *offset = value;
  else
    *offset = value - hart->interp.cpu.stats.instructions;
}

static void
write_countinhibit (DioRiscv64 *hart, uint64_t value)
{
  uint64_t cycle = rv_counter_read (hart, false);
  uint64_t instret = rv_counter_read (hart, true);
  hart->mcountinhibit = value & (RV_COUNTER_CY | RV_COUNTER_IR);
  rv_counter_write (hart, false, cycle);
  rv_counter_write (hart, true, instret);
}

/* mcounteren guards S and U, scounteren U. */
static bool
counter_allowed (const DioRiscv64 *hart, unsigned csr)
{
  uint64_t bit = RV_BIT (csr & 31);
  if (hart->priv == DIO_RV_M)
    return true;
  if (!(hart->mcounteren & bit))
    return false;
  return hart->priv == DIO_RV_S || (hart->scounteren & bit);
}

/* ---- PMP ---- */

static uint64_t
read_pmpcfg (const DioRiscv64 *hart, unsigned csr)
{
  uint64_t value = 0;
  for (unsigned i = 0; i < 8; i++)
    value |= hart->pmpcfg[(csr - CSR_PMPCFG0) * 4 + i] << (8 * i);
  return value;
}

static void
write_pmpcfg (DioRiscv64 *hart, unsigned csr, uint64_t value)
{
  bool changed = false;
  for (unsigned i = 0; i < 8; i++) {
    uint64_t *config = &hart->pmpcfg[(csr - CSR_PMPCFG0) * 4 + i];
    uint8_t legal = rv_legal_pmpcfg (value >> (8 * i));
    if ((*config & RV_PMP_L) || *config == legal)
      continue;
    *config = legal;
    changed = true;
  }
  if (changed)
    rv_mmu_pmp_changed (hart);
}

/* A locked entry locks its address, and as the top of a range also the address below. */
static bool
pmpaddr_locked (const DioRiscv64 *hart, unsigned entry)
{
  if (hart->pmpcfg[entry] & RV_PMP_L)
    return true;
  if (entry + 1 >= RV_PMP_ENTRIES)
    return false;
  uint64_t next = hart->pmpcfg[entry + 1];
  return (next & RV_PMP_L) && ((next >> RV_PMP_A_SHIFT) & 3) == 1;
}

static void
write_pmpaddr (DioRiscv64 *hart, unsigned entry, uint64_t value)
{
  value &= RV_PMPADDR_MASK;
  if (pmpaddr_locked (hart, entry) || hart->pmpaddr[entry] == value)
    return;
  hart->pmpaddr[entry] = value;
  rv_mmu_pmp_changed (hart);
}

/* ---- Reading ---- */

/* Reads with the checks that depend on the hart's state; privilege and read-only are checked by the
 * caller. DIO_RV_EXC_ILLEGAL for what does not exist. */
static DioRvExc
read_csr (DioRiscv64 *hart, unsigned csr, uint64_t *value)
{
  switch (csr) {
  case CSR_FFLAGS:
  case CSR_FRM:
  case CSR_FCSR:
    if (!(hart->mstatus & RV_MSTATUS_FS))
      return DIO_RV_EXC_ILLEGAL;
    *value = csr == CSR_FFLAGS ? hart->fflags
             : csr == CSR_FRM  ? hart->frm
                               : (uint64_t) hart->frm << 5 | hart->fflags;
    break;
  case CSR_CYCLE ... CSR_HPMCOUNTER31:
    if (!counter_allowed (hart, csr))
      return DIO_RV_EXC_ILLEGAL;
    *value = csr == CSR_TIME      ? rv_time (hart)
             : csr == CSR_CYCLE   ? rv_counter_read (hart, false)
             : csr == CSR_INSTRET ? rv_counter_read (hart, true)
                                  : 0;
    break;

  case CSR_SSTATUS:
    *value = rv_mstatus (hart) & (RV_SSTATUS_WRITABLE | RV_MSTATUS_UXL | RV_MSTATUS_SD);
    break;
  case CSR_SIE:
    *value = hart->mie & hart->mideleg;
    break;
  case CSR_STVEC:
    *value = hart->stvec;
    break;
  case CSR_SCOUNTEREN:
    *value = hart->scounteren;
    break;
  case CSR_SENVCFG:
    *value = hart->senvcfg;
    break;
  case CSR_SSCRATCH:
    *value = hart->sscratch;
    break;
  case CSR_SEPC:
    *value = hart->sepc;
    break;
  case CSR_SCAUSE:
    *value = hart->scause;
    break;
  case CSR_STVAL:
    *value = hart->stval;
    break;
  case CSR_SIP:
    *value = rv_interrupts (hart) & hart->mideleg;
    break;
  case CSR_STIMECMP:
    if (hart->priv != DIO_RV_M
        && (!(hart->menvcfg & RV_ENVCFG_STCE) || !(hart->mcounteren & RV_COUNTER_TM)))
      return DIO_RV_EXC_ILLEGAL;
    *value = hart->stimecmp;
    break;
  case CSR_SATP:
    if (hart->priv == DIO_RV_S && (hart->mstatus & RV_MSTATUS_TVM))
      return DIO_RV_EXC_ILLEGAL;
    *value = hart->satp;
    break;

  case CSR_MVENDORID:
  case CSR_MARCHID:
  case CSR_MIMPID:
  case CSR_MCONFIGPTR:
    *value = 0;
    break;
  case CSR_MHARTID:
    *value = hart->interp.cpu.index;
    break;
  case CSR_MSTATUS:
    *value = rv_mstatus (hart);
    break;
  case CSR_MISA:
    *value = MISA_VALUE;
    break;
  case CSR_MEDELEG:
    *value = hart->medeleg;
    break;
  case CSR_MIDELEG:
    *value = hart->mideleg;
    break;
  case CSR_MIE:
    *value = hart->mie;
    break;
  case CSR_MTVEC:
    *value = hart->mtvec;
    break;
  case CSR_MCOUNTEREN:
    *value = hart->mcounteren;
    break;
  case CSR_MENVCFG:
    *value = hart->menvcfg;
    break;
  case CSR_MCOUNTINHIBIT:
    *value = hart->mcountinhibit;
    break;
  case CSR_MHPMEVENT3 ... CSR_MHPMEVENT31:
  case CSR_MHPMCOUNTER3 ... CSR_MHPMCOUNTER31:
    *value = 0;
    break;
  case CSR_MSCRATCH:
    *value = hart->mscratch;
    break;
  case CSR_MEPC:
    *value = hart->mepc;
    break;
  case CSR_MCAUSE:
    *value = hart->mcause;
    break;
  case CSR_MTVAL:
    *value = hart->mtval;
    break;
  case CSR_MIP:
    *value = rv_interrupts (hart);
    break;
  case CSR_PMPCFG0:
  case CSR_PMPCFG2:
    *value = read_pmpcfg (hart, csr);
    break;
  case CSR_PMPADDR0 ... CSR_PMPADDR15:
    *value = hart->pmpaddr[csr - CSR_PMPADDR0];
    break;
  case CSR_MCYCLE:
    *value = rv_counter_read (hart, false);
    break;
  case CSR_MINSTRET:
    *value = rv_counter_read (hart, true);
    break;
  case CSR_TSELECT:
  case CSR_TDATA1:
  case CSR_TDATA2:
  case CSR_TDATA3:
    *value = 0;
    break;
  case CSR_TINFO:
    *value = TINFO_NO_TRIGGER;
    break;
  default:
    return DIO_RV_EXC_ILLEGAL;
  }
  return DIO_RV_EXC_NONE;
}

/* ---- Writing ---- */

static void
write_menvcfg (DioRiscv64 *hart, uint64_t value)
{
  uint64_t old = hart->menvcfg;
  hart->menvcfg = rv_legal_envcfg (value, old, RV_MENVCFG_WRITABLE);
  uint64_t changed = old ^ hart->menvcfg;
  if (changed & (RV_ENVCFG_PBMTE | RV_ENVCFG_ADUE))
    rv_mmu_flush (hart);
  if (changed & RV_ENVCFG_STCE) {
    hart->mip_soft &= ~RV_STIP; /* under Sstc not software's; without, it starts clear */
    rv_stimer_update (hart);
  }
}

/* Writes a CSR that read_csr() accepted. @mask: the bits that the instruction means to change. */
static void
write_csr (DioRiscv64 *hart, unsigned csr, uint64_t value, uint64_t mask)
{
  switch (csr) {
  case CSR_FFLAGS:
    dio_rv_fp_dirty (hart);
    hart->fflags = value & 0x1f;
    break;
  case CSR_FRM:
    dio_rv_fp_dirty (hart);
    hart->frm = value & 7;
    break;
  case CSR_FCSR:
    dio_rv_fp_dirty (hart);
    hart->fflags = value & 0x1f;
    hart->frm = (value >> 5) & 7;
    break;

  case CSR_SSTATUS:
    rv_set_mstatus (hart, value, RV_SSTATUS_WRITABLE);
    break;
  case CSR_SIE:
    hart->mie = (hart->mie & ~hart->mideleg) | (value & hart->mideleg);
    break;
  case CSR_STVEC:
    hart->stvec = rv_legal_tvec (value);
    break;
  case CSR_SCOUNTEREN:
    hart->scounteren = (uint32_t) value;
    break;
  case CSR_SENVCFG:
    hart->senvcfg = rv_legal_envcfg (value, hart->senvcfg, RV_SENVCFG_WRITABLE);
    break;
  case CSR_SSCRATCH:
    hart->sscratch = value;
    break;
  case CSR_SEPC:
    hart->sepc = value & ~UINT64_C (1);
    break;
  case CSR_SCAUSE:
    hart->scause = value;
    break;
  case CSR_STVAL:
    hart->stval = value;
    break;
  case CSR_SIP:
    mask &= hart->mideleg & RV_SSIP;
    hart->mip_soft = (hart->mip_soft & ~mask) | (value & mask);
    break;
  case CSR_STIMECMP:
    __atomic_store_n (&hart->stimecmp, value, __ATOMIC_SEQ_CST);
    rv_stimer_update (hart);
    break;
  case CSR_SATP:
    value = rv_legal_satp (value, hart->satp);
    if (value != hart->satp) {
      hart->satp = value;
      rv_mmu_satp_changed (hart);
    }
    break;

  case CSR_MSTATUS:
    rv_set_mstatus (hart, value, RV_MSTATUS_WRITABLE);
    break;
  case CSR_MEDELEG:
    hart->medeleg = value & RV_MEDELEG_WRITABLE;
    break;
  case CSR_MIDELEG:
    hart->mideleg = value & RV_S_INTERRUPTS;
    break;
  case CSR_MIE:
    hart->mie = value & RV_ALL_INTERRUPTS;
    break;
  case CSR_MTVEC:
    hart->mtvec = rv_legal_tvec (value);
    break;
  case CSR_MCOUNTEREN:
    hart->mcounteren = (uint32_t) value;
    break;
  case CSR_MENVCFG:
    write_menvcfg (hart, value);
    break;
  case CSR_MCOUNTINHIBIT:
    write_countinhibit (hart, value);
    break;
  case CSR_MSCRATCH:
    hart->mscratch = value;
    break;
  case CSR_MEPC:
    hart->mepc = value & ~UINT64_C (1);
    break;
  case CSR_MCAUSE:
    hart->mcause = value;
    break;
  case CSR_MTVAL:
    hart->mtval = value;
    break;
  case CSR_MIP:
    mask &= hart->menvcfg & RV_ENVCFG_STCE ? RV_SSIP | RV_SEIP : RV_S_INTERRUPTS;
    hart->mip_soft = (hart->mip_soft & ~mask) | (value & mask);
    break;
  case CSR_PMPCFG0:
  case CSR_PMPCFG2:
    write_pmpcfg (hart, csr, value);
    break;
  case CSR_PMPADDR0 ... CSR_PMPADDR15:
    write_pmpaddr (hart, csr - CSR_PMPADDR0, value);
    break;
  /* The instruction that writes a counter does not count itself. */
  case CSR_MCYCLE:
    rv_counter_write (hart, false, value - !(hart->mcountinhibit & RV_COUNTER_CY));
    break;
  case CSR_MINSTRET:
    rv_counter_write (hart, true, value - !(hart->mcountinhibit & RV_COUNTER_IR));
    break;
  default: /* read-only zero and the like: writes are ignored */
    break;
  }
}

DioRvExc
dio_rv_csr_access (DioRiscv64 *hart, unsigned csr, DioRvCsrOp op, uint64_t operand, uint64_t *old)
{
  if (((csr >> 8) & 3) > hart->priv)
    return DIO_RV_EXC_ILLEGAL;
  if (op != DIO_RV_CSR_READ && csr >> 10 == 3) /* read-only */
    return DIO_RV_EXC_ILLEGAL;
  DioRvExc exc = read_csr (hart, csr, old);
  if (exc != DIO_RV_EXC_NONE)
    return exc;
  switch (op) {
  case DIO_RV_CSR_READ:
    break;
  case DIO_RV_CSR_WRITE:
    write_csr (hart, csr, operand, UINT64_MAX);
    break;
  case DIO_RV_CSR_SET:
    write_csr (hart, csr, *old | operand, operand);
    break;
  case DIO_RV_CSR_CLEAR:
    write_csr (hart, csr, *old & ~operand, operand);
    break;
  }
  return DIO_RV_EXC_NONE;
}
