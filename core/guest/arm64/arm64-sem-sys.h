/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the system instructions of A64 mean, in the vocabulary of core/guest/guest-sem.h. Included
 * after arm64-sem-int.h; no include guard. */

SEM (illegal)
{
  ILLEGAL;
}

SEM (udf)
{
  ILLEGAL;
}

/* The guest spins. */
SEM (yield)
{
  SYSTEM0 (yield);
  NEXT;
}

SEM (wfe)
{
  SYSTEM0 (wfe);
  NEXT;
}

SEM (wfi)
{
  SYSTEM0 (wfi);
  NEXT_HALTED;
}

SEM (svc)
{
  RAISE (DIO_A64_SVC, CONST (o->wide));
}

/* What they ask for is done by the machine, and may be that the CPU stops. */
SEM (hvc)
{
  SYSTEM0 (hvc);
  NEXT_HALTED;
}

SEM (smc)
{
  SYSTEM0 (smc);
  NEXT_HALTED;
}

SEM (brk)
{
  RAISE (DIO_A64_BRK, CONST (o->wide));
}

SEM (hlt)
{
  ILLEGAL;
}

SEM (eret)
{
  SYSTEM0 (eret);
  RETURN_TO_PC;
}

SEM (clrex)
{
  SYSTEM0 (clrex);
  NEXT;
}

SEM (dsb)
{
  SYSTEM0 (dsb);
  NEXT_CHANGED (true);
}

SEM (isb)
{
  SYSTEM0 (isb);
  NEXT_CHANGED (true);
}

#define PSTATE_FIELD(name, field)                                                                  \
  SEM (name)                                                                                       \
  {                                                                                                \
    (void) CSR (DIO_A64_CSR_WRITE, field, CONST (o->imm));                                         \
    NEXT_CHANGED (true);                                                                           \
  }

PSTATE_FIELD (msr_spsel, DIO_A64_PSTATE_SPSEL)
PSTATE_FIELD (msr_pan, DIO_A64_PSTATE_PAN)
PSTATE_FIELD (msr_ssbs, DIO_A64_PSTATE_SSBS)
PSTATE_FIELD (msr_daifset, DIO_A64_PSTATE_DAIFSET)
PSTATE_FIELD (msr_daifclr, DIO_A64_PSTATE_DAIFCLR)

SEM (msr)
{
  (void) CSR (DIO_A64_CSR_WRITE, o->wide, GET_X (o->rs3));
  NEXT_CHANGED (true);
}

SEM (mrs)
{
  Val value = CSR (DIO_A64_CSR_READ, o->wide, CONST (0));
  SET_X (o->rd, value);
  NEXT;
}

SEM (sys)
{
  (void) CSR (DIO_A64_CSR_WRITE, o->wide, GET_X (o->rs3));
  NEXT_CHANGED (true);
}

SEM (sysl)
{
  Val value = CSR (DIO_A64_CSR_READ, o->wide, CONST (0));
  SET_X (o->rd, value);
  NEXT;
}

SEM (dc_zva)
{
  CACHE_BLOCK (4, GET_X (o->rs3));
  NEXT;
}
