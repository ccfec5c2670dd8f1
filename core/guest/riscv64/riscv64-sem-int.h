/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the integer instructions of riscv64 mean, in the vocabulary of core/guest/guest-sem.h.
 *
 * Included by each file that gives the vocabulary a meaning; hence no include guard and no
 * includes. Compressed instructions name the function of the instruction they stand for. */

/* RV64I. */

SEM (lui)
{
  SET_X (o->rd, CONST (o->wide));
  NEXT;
}

SEM (auipc)
{
  SET_X (o->rd, ADD (PC, CONST (o->wide)));
  NEXT;
}

SEM (jal)
{
  SET_X (o->rd, NEXT_PC);
  JUMP (o->wide);
}

SEM (jalr)
{
  Val target = AND (ADD (GET_X (o->rs1), CONST (o->imm)), CONST (-2));
  SET_X (o->rd, NEXT_PC);
  JUMP_REGISTER (target);
}

SEM (beq)
{
  BRANCH_IF (EQ (GET_X (o->rs1), GET_X (o->rs2)), o->imm);
}

SEM (bne)
{
  BRANCH_IF (NE (GET_X (o->rs1), GET_X (o->rs2)), o->imm);
}

SEM (blt)
{
  BRANCH_IF (LT (GET_X (o->rs1), GET_X (o->rs2)), o->imm);
}

SEM (bge)
{
  BRANCH_IF (GE (GET_X (o->rs1), GET_X (o->rs2)), o->imm);
}

SEM (bltu)
{
  BRANCH_IF (LTU (GET_X (o->rs1), GET_X (o->rs2)), o->imm);
}

SEM (bgeu)
{
  BRANCH_IF (GEU (GET_X (o->rs1), GET_X (o->rs2)), o->imm);
}

#define ADDRESS ADD (GET_X (o->rs1), CONST (o->imm))

SEM (lb)
{
  SET_X (o->rd, LOAD (s8, ADDRESS));
  NEXT;
}

SEM (lh)
{
  SET_X (o->rd, LOAD (s16, ADDRESS));
  NEXT;
}

SEM (lw)
{
  SET_X (o->rd, LOAD (s32, ADDRESS));
  NEXT;
}

SEM (ld)
{
  SET_X (o->rd, LOAD (u64, ADDRESS));
  NEXT;
}

SEM (lbu)
{
  SET_X (o->rd, LOAD (u8, ADDRESS));
  NEXT;
}

SEM (lhu)
{
  SET_X (o->rd, LOAD (u16, ADDRESS));
  NEXT;
}

SEM (lwu)
{
  SET_X (o->rd, LOAD (u32, ADDRESS));
  NEXT;
}

SEM (sb)
{
  STORE (8, ADDRESS, GET_X (o->rs2));
  NEXT;
}

SEM (sh)
{
  STORE (16, ADDRESS, GET_X (o->rs2));
  NEXT;
}

SEM (sw)
{
  STORE (32, ADDRESS, GET_X (o->rs2));
  NEXT;
}

SEM (sd)
{
  STORE (64, ADDRESS, GET_X (o->rs2));
  NEXT;
}

SEM (addi)
{
  SET_X (o->rd, ADD (GET_X (o->rs1), CONST (o->imm)));
  NEXT;
}

SEM (slti)
{
  SET_X (o->rd, LT (GET_X (o->rs1), CONST (o->imm)));
  NEXT;
}

SEM (sltiu)
{
  SET_X (o->rd, LTU (GET_X (o->rs1), CONST (o->imm)));
  NEXT;
}

SEM (xori)
{
  SET_X (o->rd, XOR (GET_X (o->rs1), CONST (o->imm)));
  NEXT;
}

SEM (ori)
{
  SET_X (o->rd, OR (GET_X (o->rs1), CONST (o->imm)));
  NEXT;
}

SEM (andi)
{
  SET_X (o->rd, AND (GET_X (o->rs1), CONST (o->imm)));
  NEXT;
}

SEM (slli)
{
  SET_X (o->rd, SHL (GET_X (o->rs1), CONST (o->imm)));
  NEXT;
}

SEM (srli)
{
  SET_X (o->rd, SHR (GET_X (o->rs1), CONST (o->imm)));
  NEXT;
}

SEM (srai)
{
  SET_X (o->rd, SAR (GET_X (o->rs1), CONST (o->imm)));
  NEXT;
}

/* SET_X (rd, WORD (GET_X (rs1), GET_X (rs2))) for all that needs no more words. */
#define REGISTER_FORM(name, WORD)                                                                  \
  SEM (name)                                                                                       \
  {                                                                                                \
    SET_X (o->rd, WORD (GET_X (o->rs1), GET_X (o->rs2)));                                          \
    NEXT;                                                                                          \
  }

REGISTER_FORM (add, ADD)
REGISTER_FORM (sub, SUB)
REGISTER_FORM (sll, SHL)
REGISTER_FORM (slt, LT)
REGISTER_FORM (sltu, LTU)
REGISTER_FORM (xor, XOR)
REGISTER_FORM (srl, SHR)
REGISTER_FORM (sra, SAR)
REGISTER_FORM (or, OR)
REGISTER_FORM (and, AND)

SEM (addiw)
{
  SET_X (o->rd, SEXT32 (ADD (GET_X (o->rs1), CONST (o->imm))));
  NEXT;
}

SEM (slliw)
{
  SET_X (o->rd, SEXT32 (SHL (GET_X (o->rs1), CONST (o->imm))));
  NEXT;
}

SEM (srliw)
{
  SET_X (o->rd, SEXT32 (SHR (ZEXT32 (GET_X (o->rs1)), CONST (o->imm))));
  NEXT;
}

SEM (sraiw)
{
  SET_X (o->rd, SAR (SEXT32 (GET_X (o->rs1)), CONST (o->imm)));
  NEXT;
}

SEM (addw)
{
  SET_X (o->rd, SEXT32 (ADD (GET_X (o->rs1), GET_X (o->rs2))));
  NEXT;
}

SEM (subw)
{
  SET_X (o->rd, SEXT32 (SUB (GET_X (o->rs1), GET_X (o->rs2))));
  NEXT;
}

#define SHAMT5 AND (GET_X (o->rs2), CONST (31))

SEM (sllw)
{
  SET_X (o->rd, SEXT32 (SHL (GET_X (o->rs1), SHAMT5)));
  NEXT;
}

SEM (srlw)
{
  SET_X (o->rd, SEXT32 (SHR (ZEXT32 (GET_X (o->rs1)), SHAMT5)));
  NEXT;
}

SEM (sraw)
{
  SET_X (o->rd, SAR (SEXT32 (GET_X (o->rs1)), SHAMT5));
  NEXT;
}

SEM (fence)
{
  FENCE (o->imm);
  NEXT;
}

/* Prefetches and other hints. */
SEM (nop)
{
  NEXT;
}

/* M. */

REGISTER_FORM (mul, MUL)
REGISTER_FORM (mulh, MULH)
REGISTER_FORM (mulhsu, MULHSU)
REGISTER_FORM (mulhu, MULHU)
REGISTER_FORM (div, DIV)
REGISTER_FORM (divu, DIVU)
REGISTER_FORM (rem, REM)
REGISTER_FORM (remu, REMU)

SEM (mulw)
{
  SET_X (o->rd, SEXT32 (MUL (GET_X (o->rs1), GET_X (o->rs2))));
  NEXT;
}

/* In 64 bits the quotient of words cannot overflow, and dividing by 0 gives -1 and the dividend as
 * it does in 32. */
SEM (divw)
{
  SET_X (o->rd, SEXT32 (DIV (SEXT32 (GET_X (o->rs1)), SEXT32 (GET_X (o->rs2)))));
  NEXT;
}

SEM (divuw)
{
  SET_X (o->rd, SEXT32 (DIVU (ZEXT32 (GET_X (o->rs1)), ZEXT32 (GET_X (o->rs2)))));
  NEXT;
}

SEM (remw)
{
  SET_X (o->rd, SEXT32 (REM (SEXT32 (GET_X (o->rs1)), SEXT32 (GET_X (o->rs2)))));
  NEXT;
}

SEM (remuw)
{
  SET_X (o->rd, SEXT32 (REMU (ZEXT32 (GET_X (o->rs1)), ZEXT32 (GET_X (o->rs2)))));
  NEXT;
}

/* A. Ordering bits need nothing: every atomic is sequentially consistent. */

#define AMO_FORM(name, op, bits)                                                                   \
  SEM (name)                                                                                       \
  {                                                                                                \
    Val old = AMO (op, bits, GET_X (o->rs1), GET_X (o->rs2));                                      \
    SET_X (o->rd, old);                                                                            \
    NEXT;                                                                                          \
  }

AMO_FORM (amoswap_w, swap, 32)
AMO_FORM (amoadd_w, add, 32)
AMO_FORM (amoxor_w, xor, 32)
AMO_FORM (amoand_w, and, 32)
AMO_FORM (amoor_w, or, 32)
AMO_FORM (amomin_w, min, 32)
AMO_FORM (amomax_w, max, 32)
AMO_FORM (amominu_w, minu, 32)
AMO_FORM (amomaxu_w, maxu, 32)
AMO_FORM (amoswap_d, swap, 64)
AMO_FORM (amoadd_d, add, 64)
AMO_FORM (amoxor_d, xor, 64)
AMO_FORM (amoand_d, and, 64)
AMO_FORM (amoor_d, or, 64)
AMO_FORM (amomin_d, min, 64)
AMO_FORM (amomax_d, max, 64)
AMO_FORM (amominu_d, minu, 64)
AMO_FORM (amomaxu_d, maxu, 64)

SEM (lr_w)
{
  SET_X (o->rd, LOAD_RESERVED (32, GET_X (o->rs1)));
  NEXT;
}

SEM (lr_d)
{
  SET_X (o->rd, LOAD_RESERVED (64, GET_X (o->rs1)));
  NEXT;
}

SEM (sc_w)
{
  Val failed = STORE_CONDITIONAL (32, GET_X (o->rs1), GET_X (o->rs2));
  SET_X (o->rd, failed);
  NEXT;
}

SEM (sc_d)
{
  Val failed = STORE_CONDITIONAL (64, GET_X (o->rs1), GET_X (o->rs2));
  SET_X (o->rd, failed);
  NEXT;
}

/* Zba. */

#define SHIFT_ADD(name, amount, EXTEND)                                                            \
  SEM (name)                                                                                       \
  {                                                                                                \
    SET_X (o->rd, ADD (SHL (EXTEND (GET_X (o->rs1)), CONST (amount)), GET_X (o->rs2)));            \
    NEXT;                                                                                          \
  }
#define AS_IS(a) (a)

SHIFT_ADD (sh1add, 1, AS_IS)
SHIFT_ADD (sh2add, 2, AS_IS)
SHIFT_ADD (sh3add, 3, AS_IS)
SHIFT_ADD (add_uw, 0, ZEXT32)
SHIFT_ADD (sh1add_uw, 1, ZEXT32)
SHIFT_ADD (sh2add_uw, 2, ZEXT32)
SHIFT_ADD (sh3add_uw, 3, ZEXT32)

SEM (slli_uw)
{
  SET_X (o->rd, SHL (ZEXT32 (GET_X (o->rs1)), CONST (o->imm)));
  NEXT;
}

/* Zbb. */

#define ANDN(a, b) AND (a, NOT (b))
#define ORN(a, b) OR (a, NOT (b))
#define XNOR(a, b) NOT (XOR (a, b))
#define SIGNED_MIN(a, b) SELECT (LT (a, b), a, b)
#define SIGNED_MAX(a, b) SELECT (LT (a, b), b, a)
#define UNSIGNED_MIN(a, b) SELECT (LTU (a, b), a, b)
#define UNSIGNED_MAX(a, b) SELECT (LTU (a, b), b, a)

REGISTER_FORM (andn, ANDN)
REGISTER_FORM (orn, ORN)
REGISTER_FORM (xnor, XNOR)
REGISTER_FORM (min, SIGNED_MIN)
REGISTER_FORM (max, SIGNED_MAX)
REGISTER_FORM (minu, UNSIGNED_MIN)
REGISTER_FORM (maxu, UNSIGNED_MAX)
REGISTER_FORM (rol, ROTL)
REGISTER_FORM (ror, ROTR)

#define UNARY_FORM(name, WORD)                                                                     \
  SEM (name)                                                                                       \
  {                                                                                                \
    SET_X (o->rd, WORD (GET_X (o->rs1)));                                                          \
    NEXT;                                                                                          \
  }

UNARY_FORM (clz, CLZ)
UNARY_FORM (ctz, CTZ)
UNARY_FORM (cpop, CPOP)
UNARY_FORM (sext_b, SEXT8)
UNARY_FORM (sext_h, SEXT16)
UNARY_FORM (zext_h, ZEXT16)
UNARY_FORM (orc_b, ORC_B)
UNARY_FORM (rev8, BSWAP)

SEM (clzw)
{
  SET_X (o->rd, SUB (CLZ (ZEXT32 (GET_X (o->rs1))), CONST (32)));
  NEXT;
}

SEM (ctzw)
{
  SET_X (o->rd, CTZ (OR (GET_X (o->rs1), CONST (INT64_C (1) << 32))));
  NEXT;
}

SEM (cpopw)
{
  SET_X (o->rd, CPOP (ZEXT32 (GET_X (o->rs1))));
  NEXT;
}

SEM (rori)
{
  SET_X (o->rd, ROTR (GET_X (o->rs1), CONST (o->imm)));
  NEXT;
}

SEM (rolw)
{
  SET_X (o->rd, SEXT32 (ROTL32 (GET_X (o->rs1), GET_X (o->rs2))));
  NEXT;
}

SEM (rorw)
{
  SET_X (o->rd, SEXT32 (ROTR32 (GET_X (o->rs1), GET_X (o->rs2))));
  NEXT;
}

SEM (roriw)
{
  SET_X (o->rd, SEXT32 (ROTR32 (GET_X (o->rs1), CONST (o->imm))));
  NEXT;
}

/* Zbs; SHL and SHR take the low 6 bits of the amount. */

#define BCLR(a, b) AND (a, NOT (SHL (CONST (1), b)))
#define BEXT(a, b) AND (SHR (a, b), CONST (1))
#define BINV(a, b) XOR (a, SHL (CONST (1), b))
#define BSET(a, b) OR (a, SHL (CONST (1), b))

REGISTER_FORM (bclr, BCLR)
REGISTER_FORM (bext, BEXT)
REGISTER_FORM (binv, BINV)
REGISTER_FORM (bset, BSET)

SEM (bclri)
{
  SET_X (o->rd, BCLR (GET_X (o->rs1), CONST (o->imm)));
  NEXT;
}

SEM (bexti)
{
  SET_X (o->rd, BEXT (GET_X (o->rs1), CONST (o->imm)));
  NEXT;
}

SEM (binvi)
{
  SET_X (o->rd, BINV (GET_X (o->rs1), CONST (o->imm)));
  NEXT;
}

SEM (bseti)
{
  SET_X (o->rd, BSET (GET_X (o->rs1), CONST (o->imm)));
  NEXT;
}

/* Zicond. */

SEM (czero_eqz)
{
  SET_X (o->rd, SELECT (GET_X (o->rs2), GET_X (o->rs1), CONST (0)));
  NEXT;
}

SEM (czero_nez)
{
  SET_X (o->rd, SELECT (GET_X (o->rs2), CONST (0), GET_X (o->rs1)));
  NEXT;
}
