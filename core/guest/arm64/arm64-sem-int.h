/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the integer instructions and branches of A64 mean, in the vocabulary of
 * core/guest/guest-sem.h.
 *
 * Included by each file that gives the vocabulary a meaning; hence no include guard, and no
 * includes but of constants. Most functions are made for both widths: w (32 bits, whose upper half
 * is zero in results and anything in operands) and x. */
#include "core/guest/arm64/arm64-bitmask.h"

#define SET_w(r, v) SET_X (r, ZEXT32 (v))
#define SET_x(r, v) SET_X (r, v)
#define SET_SP_w(r, v) SET_SP (r, ZEXT32 (v))
#define SET_SP_x(r, v) SET_SP (r, v)
/* As an unsigned and a signed number; as it is when the upper half does not matter. */
#define UNSIGNED_w(v) ZEXT32 (v)
#define UNSIGNED_x(v) (v)
#define SIGNED_w(v) SEXT32 (v)
#define SIGNED_x(v) (v)
#define BITS_w 32
#define BITS_x 64
#define BOTH_WIDTHS(X) X (w) X (x)

/* The base of an address: the stack pointer must be aligned there, if the system wants it so
 * (ArmARM D1.8.2), which comes before everything else that may be wrong with the access. */
#define BASE(r)                                                                                    \
  ({                                                                                               \
    if ((r) == DIO_A64_SP)                                                                         \
      REQUIRE_STACK ();                                                                            \
    GET_SP (r);                                                                                    \
  })

/* ---- Immediates ---- */

#define IMM12 CONST ((int64_t) (uint16_t) o->imm << (o->rs3 ? 12 : 0))
#define BITMASK CONST (dio_a64_bitmask[(uint16_t) o->imm])

#define IMMEDIATES(W)                                                                              \
  SEM (add_imm_##W)                                                                                \
  {                                                                                                \
    SET_SP_##W (o->rd, ADD (GET_SP (o->rs1), IMM12));                                              \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (sub_imm_##W)                                                                                \
  {                                                                                                \
    SET_SP_##W (o->rd, SUB (GET_SP (o->rs1), IMM12));                                              \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (adds_imm_##W)                                                                               \
  {                                                                                                \
    Val a = GET_SP (o->rs1), b = IMM12;                                                            \
    FLAGS_ADD (BITS_##W, a, b);                                                                    \
    SET_##W (o->rd, ADD (a, b));                                                                   \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (subs_imm_##W)                                                                               \
  {                                                                                                \
    Val a = GET_SP (o->rs1), b = IMM12;                                                            \
    FLAGS_SUB (BITS_##W, a, b);                                                                    \
    SET_##W (o->rd, SUB (a, b));                                                                   \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (and_imm_##W)                                                                                \
  {                                                                                                \
    SET_SP_##W (o->rd, AND (GET_X (o->rs1), BITMASK));                                             \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (orr_imm_##W)                                                                                \
  {                                                                                                \
    SET_SP_##W (o->rd, OR (GET_X (o->rs1), BITMASK));                                              \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (eor_imm_##W)                                                                                \
  {                                                                                                \
    SET_SP_##W (o->rd, XOR (GET_X (o->rs1), BITMASK));                                             \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (ands_imm_##W)                                                                               \
  {                                                                                                \
    Val result = AND (GET_X (o->rs1), BITMASK);                                                    \
    FLAGS_LOGIC (BITS_##W, result);                                                                \
    SET_##W (o->rd, result);                                                                       \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (movz_##W)                                                                                   \
  {                                                                                                \
    SET_##W (o->rd, CONST ((uint64_t) (uint32_t) o->wide << (16 * o->rs3)));                       \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (movn_##W)                                                                                   \
  {                                                                                                \
    SET_##W (o->rd, CONST (~((uint64_t) (uint32_t) o->wide << (16 * o->rs3))));                    \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (movk_##W)                                                                                   \
  {                                                                                                \
    Val kept = AND (GET_X (o->rd), CONST (~(UINT64_C (0xffff) << (16 * o->rs3))));                 \
    SET_##W (o->rd, OR (kept, CONST ((uint64_t) (uint32_t) o->wide << (16 * o->rs3))));            \
    NEXT;                                                                                          \
  }

BOTH_WIDTHS (IMMEDIATES)

SEM (adr)
{
  SET_X (o->rd, ADD (PC, CONST (o->wide)));
  NEXT;
}

SEM (adrp)
{
  SET_X (o->rd, ADD (AND (PC, CONST (-4096)), CONST ((int64_t) o->wide * 4096)));
  NEXT;
}

/* ---- Bit fields: imm is immr and imms, of 6 bits each ---- */

#define IMMR (o->imm >> 6 & 63)
#define IMMS (o->imm & 63)
/* How far to the right a field goes whose highest bit was brought to bit 63. */
#define FIELD_BACK(width) (IMMS >= IMMR ? 63 - IMMS + IMMR : 63 - IMMS - ((width) -IMMR))
#define FIELD_MASK(width)                                                                          \
  (IMMS >= IMMR ? UINT64_MAX >> (63 - (IMMS - IMMR)) : UINT64_MAX >> (63 - IMMS) << ((width) -IMMR))
#define FIELD_MOVED(width, v)                                                                      \
  (IMMS >= IMMR ? SHR (v, CONST (IMMR)) : SHL (v, CONST ((width) -IMMR)))

#define FIELDS(W)                                                                                  \
  SEM (sbfm_##W)                                                                                   \
  {                                                                                                \
    Val top = SHL (GET_X (o->rs1), CONST (63 - IMMS));                                             \
    SET_##W (o->rd, SAR (top, CONST (FIELD_BACK (BITS_##W))));                                     \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (ubfm_##W)                                                                                   \
  {                                                                                                \
    Val top = SHL (GET_X (o->rs1), CONST (63 - IMMS));                                             \
    SET_##W (o->rd, SHR (top, CONST (FIELD_BACK (BITS_##W))));                                     \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (bfm_##W)                                                                                    \
  {                                                                                                \
    uint64_t mask = FIELD_MASK (BITS_##W);                                                         \
    Val field = AND (FIELD_MOVED (BITS_##W, GET_X (o->rs1)), CONST (mask));                        \
    SET_##W (o->rd, OR (AND (GET_X (o->rd), CONST (~mask)), field));                               \
    NEXT;                                                                                          \
  }

BOTH_WIDTHS (FIELDS)

/* Of one register twice it is ROR. */
SEM (extr_w)
{
  Val high = GET_X (o->rs1), low = GET_X (o->rs2);
  SET_w (o->rd, o->rs1 == o->rs2 ? ROTR32 (low, CONST (o->imm))
                                 : SHR (OR (SHL (high, CONST (32)), ZEXT32 (low)), CONST (o->imm)));
  NEXT;
}

SEM (extr_x)
{
  Val high = GET_X (o->rs1), low = GET_X (o->rs2);
  SET_X (o->rd, o->rs1 == o->rs2 ? ROTR (low, CONST (o->imm))
                : o->imm         ? OR (SHR (low, CONST (o->imm)), SHL (high, CONST (64 - o->imm)))
                                 : low);
  NEXT;
}

/* ---- Registers, the second one shifted or extended ---- */

#define ROTR_w(v, n) ROTR32 (v, n)
#define ROTR_x(v, n) ROTR (v, n)
#define SHIFTED(W, v)                                                                              \
  (o->imm == 0   ? (v)                                                                             \
   : o->rs3 == 0 ? SHL (v, CONST (o->imm))                                                         \
   : o->rs3 == 1 ? SHR (UNSIGNED_##W (v), CONST (o->imm))                                          \
   : o->rs3 == 2 ? SAR (SIGNED_##W (v), CONST (o->imm))                                            \
                 : ROTR_##W (v, CONST (o->imm)))
#define EXTENDED_1(option, v)                                                                      \
  ((option) == 0   ? ZEXT8 (v)                                                                     \
   : (option) == 1 ? ZEXT16 (v)                                                                    \
   : (option) == 2 ? ZEXT32 (v)                                                                    \
   : (option) == 4 ? SEXT8 (v)                                                                     \
   : (option) == 5 ? SEXT16 (v)                                                                    \
   : (option) == 6 ? SEXT32 (v)                                                                    \
                   : (v))
#define EXTENDED(v) SHL (EXTENDED_1 (o->imm, v), CONST (o->rs3))

#define LOGIC(name, W, expression)                                                                 \
  SEM (name##_reg_##W)                                                                             \
  {                                                                                                \
    Val a = GET_X (o->rs1), b = SHIFTED (W, GET_X (o->rs2));                                       \
    SET_##W (o->rd, expression);                                                                   \
    NEXT;                                                                                          \
  }
#define LOGIC_FLAGS(name, W, expression)                                                           \
  SEM (name##_reg_##W)                                                                             \
  {                                                                                                \
    Val a = GET_X (o->rs1), b = SHIFTED (W, GET_X (o->rs2));                                       \
    Val result = expression;                                                                       \
    FLAGS_LOGIC (BITS_##W, result);                                                                \
    SET_##W (o->rd, result);                                                                       \
    NEXT;                                                                                          \
  }
#define LOGICS(W)                                                                                  \
  LOGIC (and, W, AND (a, b))                                                                       \
  LOGIC (bic, W, AND (a, NOT (b)))                                                                 \
  LOGIC (orr, W, OR (a, b))                                                                        \
  LOGIC (orn, W, OR (a, NOT (b)))                                                                  \
  LOGIC (eor, W, XOR (a, b))                                                                       \
  LOGIC (eon, W, XOR (a, NOT (b)))                                                                 \
  LOGIC_FLAGS (ands, W, AND (a, b))                                                                \
  LOGIC_FLAGS (bics, W, AND (a, NOT (b)))

BOTH_WIDTHS (LOGICS)

#define ARITHMETIC(W)                                                                              \
  SEM (add_reg_##W)                                                                                \
  {                                                                                                \
    SET_##W (o->rd, ADD (GET_X (o->rs1), SHIFTED (W, GET_X (o->rs2))));                            \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (sub_reg_##W)                                                                                \
  {                                                                                                \
    SET_##W (o->rd, SUB (GET_X (o->rs1), SHIFTED (W, GET_X (o->rs2))));                            \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (adds_reg_##W)                                                                               \
  {                                                                                                \
    Val a = GET_X (o->rs1), b = SHIFTED (W, GET_X (o->rs2));                                       \
    FLAGS_ADD (BITS_##W, a, b);                                                                    \
    SET_##W (o->rd, ADD (a, b));                                                                   \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (subs_reg_##W)                                                                               \
  {                                                                                                \
    Val a = GET_X (o->rs1), b = SHIFTED (W, GET_X (o->rs2));                                       \
    FLAGS_SUB (BITS_##W, a, b);                                                                    \
    SET_##W (o->rd, SUB (a, b));                                                                   \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (add_ext_##W)                                                                                \
  {                                                                                                \
    SET_SP_##W (o->rd, ADD (GET_SP (o->rs1), EXTENDED (GET_X (o->rs2))));                          \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (sub_ext_##W)                                                                                \
  {                                                                                                \
    SET_SP_##W (o->rd, SUB (GET_SP (o->rs1), EXTENDED (GET_X (o->rs2))));                          \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (adds_ext_##W)                                                                               \
  {                                                                                                \
    Val a = GET_SP (o->rs1), b = EXTENDED (GET_X (o->rs2));                                        \
    FLAGS_ADD (BITS_##W, a, b);                                                                    \
    SET_##W (o->rd, ADD (a, b));                                                                   \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (subs_ext_##W)                                                                               \
  {                                                                                                \
    Val a = GET_SP (o->rs1), b = EXTENDED (GET_X (o->rs2));                                        \
    FLAGS_SUB (BITS_##W, a, b);                                                                    \
    SET_##W (o->rd, SUB (a, b));                                                                   \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (adc_##W)                                                                                    \
  {                                                                                                \
    SET_##W (o->rd, ADD (ADD (GET_X (o->rs1), GET_X (o->rs2)), CARRY ()));                         \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (sbc_##W)                                                                                    \
  {                                                                                                \
    SET_##W (o->rd, ADD (ADD (GET_X (o->rs1), NOT (GET_X (o->rs2))), CARRY ()));                   \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (adcs_##W)                                                                                   \
  {                                                                                                \
    Val a = GET_X (o->rs1), b = GET_X (o->rs2);                                                    \
    Val result = ADD (ADD (a, b), CARRY ());                                                       \
    FLAGS_ADC (BITS_##W, a, b);                                                                    \
    SET_##W (o->rd, result);                                                                       \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (sbcs_##W)                                                                                   \
  {                                                                                                \
    Val a = GET_X (o->rs1), b = NOT (GET_X (o->rs2));                                              \
    Val result = ADD (ADD (a, b), CARRY ());                                                       \
    FLAGS_ADC (BITS_##W, a, b);                                                                    \
    SET_##W (o->rd, result);                                                                       \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (ccmn_reg_##W)                                                                               \
  {                                                                                                \
    Val compare = CONDITION (o->rs3);                                                              \
    FLAGS_ADD (BITS_##W, GET_X (o->rs1), GET_X (o->rs2));                                          \
    FLAGS_UNLESS (compare, o->rd);                                                                 \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (ccmp_reg_##W)                                                                               \
  {                                                                                                \
    Val compare = CONDITION (o->rs3);                                                              \
    FLAGS_SUB (BITS_##W, GET_X (o->rs1), GET_X (o->rs2));                                          \
    FLAGS_UNLESS (compare, o->rd);                                                                 \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (ccmn_imm_##W)                                                                               \
  {                                                                                                \
    Val compare = CONDITION (o->rs3);                                                              \
    FLAGS_ADD (BITS_##W, GET_X (o->rs1), CONST (o->rs2));                                          \
    FLAGS_UNLESS (compare, o->rd);                                                                 \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (ccmp_imm_##W)                                                                               \
  {                                                                                                \
    Val compare = CONDITION (o->rs3);                                                              \
    FLAGS_SUB (BITS_##W, GET_X (o->rs1), CONST (o->rs2));                                          \
    FLAGS_UNLESS (compare, o->rd);                                                                 \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (csel_##W)                                                                                   \
  {                                                                                                \
    SET_##W (o->rd, SELECT (CONDITION (o->rs3), GET_X (o->rs1), GET_X (o->rs2)));                  \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (csinc_##W)                                                                                  \
  {                                                                                                \
    Val other = ADD (GET_X (o->rs2), CONST (1));                                                   \
    SET_##W (o->rd, SELECT (CONDITION (o->rs3), GET_X (o->rs1), other));                           \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (csinv_##W)                                                                                  \
  {                                                                                                \
    SET_##W (o->rd, SELECT (CONDITION (o->rs3), GET_X (o->rs1), NOT (GET_X (o->rs2))));            \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (csneg_##W)                                                                                  \
  {                                                                                                \
    SET_##W (o->rd, SELECT (CONDITION (o->rs3), GET_X (o->rs1), NEG (GET_X (o->rs2))));            \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (madd_##W)                                                                                   \
  {                                                                                                \
    SET_##W (o->rd, ADD (GET_X (o->rs3), MUL (GET_X (o->rs1), GET_X (o->rs2))));                   \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (msub_##W)                                                                                   \
  {                                                                                                \
    SET_##W (o->rd, SUB (GET_X (o->rs3), MUL (GET_X (o->rs1), GET_X (o->rs2))));                   \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (udiv_##W)                                                                                   \
  {                                                                                                \
    Val a = UNSIGNED_##W (GET_X (o->rs1)), b = UNSIGNED_##W (GET_X (o->rs2));                      \
    SET_##W (o->rd, SELECT (EQ (b, CONST (0)), CONST (0), DIVU (a, b)));                           \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (sdiv_##W)                                                                                   \
  {                                                                                                \
    Val a = SIGNED_##W (GET_X (o->rs1)), b = SIGNED_##W (GET_X (o->rs2));                          \
    SET_##W (o->rd, SELECT (EQ (b, CONST (0)), CONST (0), DIV (a, b)));                            \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (lslv_##W)                                                                                   \
  {                                                                                                \
    SET_##W (o->rd, SHL (GET_X (o->rs1), AND (GET_X (o->rs2), CONST (BITS_##W - 1))));             \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (lsrv_##W)                                                                                   \
  {                                                                                                \
    Val a = UNSIGNED_##W (GET_X (o->rs1));                                                         \
    SET_##W (o->rd, SHR (a, AND (GET_X (o->rs2), CONST (BITS_##W - 1))));                          \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (asrv_##W)                                                                                   \
  {                                                                                                \
    Val a = SIGNED_##W (GET_X (o->rs1));                                                           \
    SET_##W (o->rd, SAR (a, AND (GET_X (o->rs2), CONST (BITS_##W - 1))));                          \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (rorv_##W)                                                                                   \
  {                                                                                                \
    SET_##W (o->rd, ROTR_##W (GET_X (o->rs1), GET_X (o->rs2)));                                    \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (cbz_##W)                                                                                    \
  {                                                                                                \
    BRANCH_IF (EQ (UNSIGNED_##W (GET_X (o->rs3)), CONST (0)), o->wide);                            \
  }                                                                                                \
  SEM (cbnz_##W)                                                                                   \
  {                                                                                                \
    BRANCH_IF (NE (UNSIGNED_##W (GET_X (o->rs3)), CONST (0)), o->wide);                            \
  }

BOTH_WIDTHS (ARITHMETIC)

/* ---- Long multiplications ---- */

SEM (smaddl)
{
  Val product = MUL (SEXT32 (GET_X (o->rs1)), SEXT32 (GET_X (o->rs2)));
  SET_X (o->rd, ADD (GET_X (o->rs3), product));
  NEXT;
}

SEM (smsubl)
{
  Val product = MUL (SEXT32 (GET_X (o->rs1)), SEXT32 (GET_X (o->rs2)));
  SET_X (o->rd, SUB (GET_X (o->rs3), product));
  NEXT;
}

SEM (umaddl)
{
  Val product = MUL (ZEXT32 (GET_X (o->rs1)), ZEXT32 (GET_X (o->rs2)));
  SET_X (o->rd, ADD (GET_X (o->rs3), product));
  NEXT;
}

SEM (umsubl)
{
  Val product = MUL (ZEXT32 (GET_X (o->rs1)), ZEXT32 (GET_X (o->rs2)));
  SET_X (o->rd, SUB (GET_X (o->rs3), product));
  NEXT;
}

SEM (smulh_x)
{
  SET_X (o->rd, MULH (GET_X (o->rs1), GET_X (o->rs2)));
  NEXT;
}

SEM (umulh_x)
{
  SET_X (o->rd, MULHU (GET_X (o->rs1), GET_X (o->rs2)));
  NEXT;
}

/* ---- Bits ---- */

#define SWAP_GROUPS(v, n, mask)                                                                    \
  OR (AND (SHR (v, CONST (n)), CONST (UINT64_C (mask))),                                           \
      SHL (AND (v, CONST (UINT64_C (mask))), CONST (n)))

#define REVERSE_BITS(W, down)                                                                      \
  SEM (rbit_##W)                                                                                   \
  {                                                                                                \
    Val bytes = BSWAP (GET_X (o->rs1));                                                            \
    Val nibbles = SWAP_GROUPS (bytes, 4, 0x0f0f0f0f0f0f0f0f);                                      \
    Val pairs = SWAP_GROUPS (nibbles, 2, 0x3333333333333333);                                      \
    Val bits = SWAP_GROUPS (pairs, 1, 0x5555555555555555);                                         \
    SET_X (o->rd, SHR (bits, CONST (down)));                                                       \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (rev16_##W)                                                                                  \
  {                                                                                                \
    Val a = GET_X (o->rs1);                                                                        \
    SET_##W (o->rd, SWAP_GROUPS (a, 8, 0x00ff00ff00ff00ff));                                       \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (rev_##W)                                                                                    \
  {                                                                                                \
    SET_X (o->rd, SHR (BSWAP (GET_X (o->rs1)), CONST (down)));                                     \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (clz_##W)                                                                                    \
  {                                                                                                \
    SET_X (o->rd, SUB (CLZ (UNSIGNED_##W (GET_X (o->rs1))), CONST (down)));                        \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (cls_##W)                                                                                    \
  {                                                                                                \
    Val a = SIGNED_##W (GET_X (o->rs1));                                                           \
    SET_X (o->rd, SUB (CLZ (XOR (a, SAR (a, CONST (1)))), CONST ((down) + 1)));                    \
    NEXT;                                                                                          \
  }

REVERSE_BITS (w, 32)
REVERSE_BITS (x, 0)

SEM (rev32_x)
{
  SET_X (o->rd, ROTR (BSWAP (GET_X (o->rs1)), CONST (32)));
  NEXT;
}

#define CHECKSUM(name, polynomial, bytes)                                                          \
  SEM (name)                                                                                       \
  {                                                                                                \
    SET_X (o->rd, CRC32 (polynomial, bytes, GET_X (o->rs1), GET_X (o->rs2)));                      \
    NEXT;                                                                                          \
  }

CHECKSUM (crc32b_w, DIO_VEC_CRC32, 1)
CHECKSUM (crc32h_w, DIO_VEC_CRC32, 2)
CHECKSUM (crc32w_w, DIO_VEC_CRC32, 4)
CHECKSUM (crc32x, DIO_VEC_CRC32, 8)
CHECKSUM (crc32cb_w, DIO_VEC_CRC32C, 1)
CHECKSUM (crc32ch_w, DIO_VEC_CRC32C, 2)
CHECKSUM (crc32cw_w, DIO_VEC_CRC32C, 4)
CHECKSUM (crc32cx, DIO_VEC_CRC32C, 8)

/* ---- Branches ---- */

SEM (b)
{
  JUMP (o->wide);
}

SEM (bl)
{
  SET_X (30, NEXT_PC);
  JUMP (o->wide);
}

SEM (br)
{
  JUMP_REGISTER (GET_X (o->rs1));
}

SEM (blr)
{
  Val target = GET_X (o->rs1);
  SET_X (30, NEXT_PC);
  JUMP_REGISTER (target);
}

SEM (ret)
{
  JUMP_REGISTER (GET_X (o->rs1));
}

SEM (b_cond)
{
  BRANCH_IF (CONDITION (o->rd), o->wide);
}

SEM (tbz)
{
  BRANCH_IF (EQ (AND (GET_X (o->rs3), CONST (UINT64_C (1) << o->rd)), CONST (0)), o->wide);
}

SEM (tbnz)
{
  BRANCH_IF (NE (AND (GET_X (o->rs3), CONST (UINT64_C (1) << o->rd)), CONST (0)), o->wide);
}

/* ---- Flags ---- */

#define FLAG_N (INT64_C (1) << 31)
#define FLAG_Z (INT64_C (1) << 30)
#define FLAG_C (INT64_C (1) << 29)
#define FLAG_V (INT64_C (1) << 28)
#define HAS_FLAG(nzcv, flag) NE (AND (nzcv, CONST (flag)), CONST (0))
#define FLAG_IF(condition, flag) SELECT (condition, CONST (flag), CONST (0))

SEM (rmif)
{
  Val bits = SHL (AND (ROTR (GET_X (o->rs1), CONST (o->imm)), CONST (o->rd)), CONST (28));
  SET_NZCV (OR (AND (GET_NZCV (), CONST (~((int64_t) o->rd << 28))), bits));
  NEXT;
}

#define SET_FLAGS_OF(name, bits)                                                                   \
  SEM (name)                                                                                       \
  {                                                                                                \
    Val a = GET_X (o->rs1);                                                                        \
    Val n = SHL (AND (SHR (a, CONST ((bits) -1)), CONST (1)), CONST (31));                         \
    Val z = FLAG_IF (EQ (SHL (a, CONST (64 - (bits))), CONST (0)), FLAG_Z);                        \
    Val v = SHL (AND (XOR (SHR (a, CONST ((bits) -1)), SHR (a, CONST (bits))), CONST (1)),         \
                 CONST (28));                                                                      \
    SET_NZCV (OR (OR (AND (GET_NZCV (), CONST (FLAG_C)), n), OR (z, v)));                          \
    NEXT;                                                                                          \
  }

SET_FLAGS_OF (setf8, 8)
SET_FLAGS_OF (setf16, 16)

SEM (cfinv)
{
  SET_NZCV (XOR (GET_NZCV (), CONST (FLAG_C)));
  NEXT;
}

SEM (xaflag)
{
  Val nzcv = GET_NZCV ();
  Val z = AND (SHR (nzcv, CONST (30)), CONST (1)), carry = AND (SHR (nzcv, CONST (29)), CONST (1));
  Val no_carry = XOR (carry, CONST (1));
  Val n = SHL (AND (no_carry, XOR (z, CONST (1))), CONST (31));
  SET_NZCV (OR (OR (n, SHL (AND (z, carry), CONST (30))),
                OR (SHL (OR (carry, z), CONST (29)), SHL (AND (no_carry, z), CONST (28)))));
  NEXT;
}

SEM (axflag)
{
  Val nzcv = GET_NZCV ();
  Val v = AND (SHR (nzcv, CONST (28)), CONST (1));
  Val z = OR (AND (nzcv, CONST (FLAG_Z)), SHL (v, CONST (30)));
  Val carry = AND (AND (nzcv, CONST (FLAG_C)), NOT (SHL (v, CONST (29))));
  SET_NZCV (OR (z, carry));
  NEXT;
}

/* ---- System instructions that ask nothing of the system ---- */

/* Also all hints that are off or mean nothing here, such as BTI, PAuth and prefetches. */
SEM (nop)
{
  NEXT;
}

SEM (hint)
{
  NEXT;
}

/* The lowest bits say which accesses: 1 loads, 2 stores, 3 all. */
SEM (dmb)
{
  FENCE ((o->imm & 3) == 1 ? 0x23 : (o->imm & 3) == 2 ? 0x11 : 0x33);
  NEXT;
}

SEM (sb)
{
  NEXT;
}

SEM (msr_nzcv)
{
  SET_NZCV (AND (GET_X (o->rs3), CONST (INT64_C (0xf0000000))));
  NEXT;
}

SEM (mrs_nzcv)
{
  SET_X (o->rd, GET_NZCV ());
  NEXT;
}

SEM (msr_tpidr_el0)
{
  SET_THREAD (0, GET_X (o->rs3));
  NEXT;
}

SEM (mrs_tpidr_el0)
{
  SET_X (o->rd, GET_THREAD (0));
  NEXT;
}

SEM (mrs_tpidrro_el0)
{
  SET_X (o->rd, GET_THREAD (1));
  NEXT;
}
