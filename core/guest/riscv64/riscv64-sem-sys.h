/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the system instructions of riscv64 mean, in the vocabulary of core/guest/guest-sem.h.
 *
 * Included by each file that gives the vocabulary a meaning; hence no include guard and no
 * includes. */

SEM (illegal)
{
  ILLEGAL;
}

SEM (ecall)
{
  ENVIRONMENT_CALL;
}

SEM (ebreak)
{
  RAISE (DIO_RV_EXC_BREAKPOINT, PC);
}

/* csrrs and csrrc of nothing do not write (UnprivSpec, Zicsr). */
#define CSR_FORM(name, op, operand, writes)                                                        \
  SEM (name)                                                                                       \
  {                                                                                                \
    Val old = CSR ((writes) ? op : DIO_RV_CSR_READ, o->imm, operand);                              \
    SET_X (o->rd, old);                                                                            \
    NEXT_CHANGED (writes);                                                                         \
  }

CSR_FORM (csrrw, DIO_RV_CSR_WRITE, GET_X (o->rs1), true)
CSR_FORM (csrrs, DIO_RV_CSR_SET, GET_X (o->rs1), o->rs1 != 0)
CSR_FORM (csrrc, DIO_RV_CSR_CLEAR, GET_X (o->rs1), o->rs1 != 0)
CSR_FORM (csrrwi, DIO_RV_CSR_WRITE, CONST (o->rs1), true)
CSR_FORM (csrrsi, DIO_RV_CSR_SET, CONST (o->rs1), o->rs1 != 0)
CSR_FORM (csrrci, DIO_RV_CSR_CLEAR, CONST (o->rs1), o->rs1 != 0)

SEM (fence_i)
{
  SYSTEM0 (fence_i);
  NEXT_CHANGED (true);
}

/* The guest spins. */
SEM (pause)
{
  SYSTEM0 (pause);
  NEXT;
}

SEM (cbo_inval)
{
  CACHE_BLOCK (0, GET_X (o->rs1));
  NEXT;
}

SEM (cbo_clean)
{
  CACHE_BLOCK (1, GET_X (o->rs1));
  NEXT;
}

SEM (cbo_flush)
{
  CACHE_BLOCK (2, GET_X (o->rs1));
  NEXT;
}

SEM (cbo_zero)
{
  CACHE_BLOCK (4, GET_X (o->rs1));
  NEXT;
}

SEM (sret)
{
  SYSTEM0 (sret);
  RETURN_TO_PC;
}

SEM (mret)
{
  SYSTEM0 (mret);
  RETURN_TO_PC;
}

SEM (wfi)
{
  SYSTEM0 (wfi);
  NEXT_HALTED;
}

SEM (sfence_vma)
{
  FENCE_VMA (o->rs1 != 0, GET_X (o->rs1), o->rs2 != 0, GET_X (o->rs2));
  NEXT_CHANGED (true);
}

/* sfence.w.inval and sfence.inval.ir order sinval.vma, which acts at once here. */
SEM (sfence_w_inval)
{
  SYSTEM0 (sfence_inval);
  NEXT;
}
