/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the loads, stores and atomics of A64 mean, but for those of vector registers, in the
 * vocabulary of core/guest/guest-sem.h. Included after arm64-sem-int.h; no include guard. */

#define ADDRESS ADD (BASE (o->rs1), CONST (o->imm))
/* imm: how the index is extended, and whether it is scaled. */
#define INDEX(log2)                                                                                \
  ((o->imm >> 1) == 2 ? SHL (ZEXT32 (GET_X (o->rs2)), CONST (o->imm & 1 ? (log2) : 0))             \
   : o->imm >> 1 == 6 ? SHL (SEXT32 (GET_X (o->rs2)), CONST (o->imm & 1 ? (log2) : 0))             \
                      : SHL (GET_X (o->rs2), CONST (o->imm & 1 ? (log2) : 0)))
#define INDEXED(log2) ADD (BASE (o->rs1), INDEX (log2))

/* ---- Loads and stores of one register ---- */

#define LOADS(name, W, kind, log2)                                                                 \
  SEM (name##_uimm_##W)                                                                            \
  {                                                                                                \
    Val value = LOAD (kind, ADDRESS);                                                              \
    SET_##W (o->rd, value);                                                                        \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (name##_post_##W)                                                                            \
  {                                                                                                \
    Val address = BASE (o->rs1);                                                                   \
    Val value = LOAD (kind, address);                                                              \
    SET_##W (o->rd, value);                                                                        \
    SET_SP (o->rs1, ADD (address, CONST (o->imm)));                                                \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (name##_pre_##W)                                                                             \
  {                                                                                                \
    Val address = ADDRESS;                                                                         \
    Val value = LOAD (kind, address);                                                              \
    SET_##W (o->rd, value);                                                                        \
    SET_SP (o->rs1, address);                                                                      \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (name##_reg_##W)                                                                             \
  {                                                                                                \
    Val value = LOAD (kind, INDEXED (log2));                                                       \
    SET_##W (o->rd, value);                                                                        \
    NEXT;                                                                                          \
  }
#define LOADS_USER(name, W, kind)                                                                  \
  SEM (name##_t_##W)                                                                               \
  {                                                                                                \
    Val value = LOAD_USER (kind, ADDRESS);                                                         \
    SET_##W (o->rd, value);                                                                        \
    NEXT;                                                                                          \
  }

LOADS (ldrb, w, u8, 0)
LOADS (ldrh, w, u16, 1)
LOADS (ldr, w, u32, 2)
LOADS (ldr, x, u64, 3)
LOADS (ldrsb, w, s8, 0)
LOADS (ldrsh, w, s16, 1)
LOADS (ldrsb, x, s8, 0)
LOADS (ldrsh, x, s16, 1)
LOADS (ldrsw, x, s32, 2)
LOADS_USER (ldtrb, w, u8)
LOADS_USER (ldtrh, w, u16)
LOADS_USER (ldtr, w, u32)
LOADS_USER (ldtr, x, u64)
LOADS_USER (ldtrsb, w, s8)
LOADS_USER (ldtrsh, w, s16)
LOADS_USER (ldtrsb, x, s8)
LOADS_USER (ldtrsh, x, s16)
LOADS_USER (ldtrsw, x, s32)

#define STORES(name, user, W, bits, log2)                                                          \
  SEM (name##_uimm_##W)                                                                            \
  {                                                                                                \
    STORE (bits, ADDRESS, GET_X (o->rs3));                                                         \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (name##_post_##W)                                                                            \
  {                                                                                                \
    Val address = BASE (o->rs1);                                                                   \
    STORE (bits, address, GET_X (o->rs3));                                                         \
    SET_SP (o->rs1, ADD (address, CONST (o->imm)));                                                \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (name##_pre_##W)                                                                             \
  {                                                                                                \
    Val address = ADDRESS;                                                                         \
    STORE (bits, address, GET_X (o->rs3));                                                         \
    SET_SP (o->rs1, address);                                                                      \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (name##_reg_##W)                                                                             \
  {                                                                                                \
    STORE (bits, INDEXED (log2), GET_X (o->rs3));                                                  \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (user##_t_##W)                                                                               \
  {                                                                                                \
    STORE_USER (bits, ADDRESS, GET_X (o->rs3));                                                    \
    NEXT;                                                                                          \
  }

STORES (strb, sttrb, w, 8, 0)
STORES (strh, sttrh, w, 16, 1)
STORES (str, sttr, w, 32, 2)
STORES (str, sttr, x, 64, 3)

#define LOAD_LITERAL(name, W, kind)                                                                \
  SEM (name##_lit_##W)                                                                             \
  {                                                                                                \
    Val value = LOAD (kind, ADD (PC, CONST (o->wide)));                                            \
    SET_##W (o->rd, value);                                                                        \
    NEXT;                                                                                          \
  }

LOAD_LITERAL (ldr, w, u32)
LOAD_LITERAL (ldr, x, u64)
LOAD_LITERAL (ldrsw, x, s32)

/* ---- Pairs ---- */

#define LOADED_w                                                                                   \
  Val pair = LOAD (u64, address);                                                                  \
  Val first = ZEXT32 (pair), second = SHR (pair, CONST (32))
#define LOADED_sw                                                                                  \
  Val pair = LOAD (u64, address);                                                                  \
  Val first = SEXT32 (pair), second = SAR (pair, CONST (32))
#define LOADED_x                                                                                   \
  Vec pair = LOAD_V128 (address);                                                                  \
  Val first = VEC_LOW (pair), second = VEC_HIGH (pair)
#define STORE_PAIR_w                                                                               \
  STORE (64, address, OR (ZEXT32 (GET_X (o->rs3)), SHL (GET_X (o->rs2), CONST (32))))
#define STORE_PAIR_x STORE_V128 (address, VEC_MAKE (GET_X (o->rs3), GET_X (o->rs2)))

#define LOAD_PAIRS(name, W, how)                                                                   \
  SEM (name##_off_##W)                                                                             \
  {                                                                                                \
    Val address = ADDRESS;                                                                         \
    LOADED_##how;                                                                                  \
    SET_X (o->rd, first);                                                                          \
    SET_X (o->rs3, second);                                                                        \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (name##_post_##W)                                                                            \
  {                                                                                                \
    Val address = BASE (o->rs1);                                                                   \
    LOADED_##how;                                                                                  \
    SET_X (o->rd, first);                                                                          \
    SET_X (o->rs3, second);                                                                        \
    SET_SP (o->rs1, ADD (address, CONST (o->imm)));                                                \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (name##_pre_##W)                                                                             \
  {                                                                                                \
    Val address = ADDRESS;                                                                         \
    LOADED_##how;                                                                                  \
    SET_X (o->rd, first);                                                                          \
    SET_X (o->rs3, second);                                                                        \
    SET_SP (o->rs1, address);                                                                      \
    NEXT;                                                                                          \
  }
LOAD_PAIRS (ldp, w, w)
LOAD_PAIRS (ldp, x, x)
LOAD_PAIRS (ldpsw, x, sw)

#define STORE_PAIRS(W)                                                                             \
  SEM (stp_off_##W)                                                                                \
  {                                                                                                \
    Val address = ADDRESS;                                                                         \
    STORE_PAIR_##W;                                                                                \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (stp_post_##W)                                                                               \
  {                                                                                                \
    Val address = BASE (o->rs1);                                                                   \
    STORE_PAIR_##W;                                                                                \
    SET_SP (o->rs1, ADD (address, CONST (o->imm)));                                                \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (stp_pre_##W)                                                                                \
  {                                                                                                \
    Val address = ADDRESS;                                                                         \
    STORE_PAIR_##W;                                                                                \
    SET_SP (o->rs1, address);                                                                      \
    NEXT;                                                                                          \
  }
BOTH_WIDTHS (STORE_PAIRS)

/* ---- Ordered ----
 * A load-acquire is not passed by what follows it, a store-release does not pass what precedes it,
 * and a load-acquire does not pass a store-release. */

#define ORDER_ACQUIRE 0x23
#define ORDER_RELEASE 0x31
#define ORDER_STORE_LOAD 0x12
#define ORDER_FULL 0x33

#define REQUIRE_ALIGNED(address, bits)                                                             \
  TRAP_IF (NE (AND (address, CONST ((bits) / 8 - 1)), CONST (0)), DIO_A64_ALIGNMENT, address)

#define LOAD_ORDERED(name, W, kind, bits)                                                          \
  SEM (name)                                                                                       \
  {                                                                                                \
    Val address = ADDRESS;                                                                         \
    REQUIRE_ALIGNED (address, bits);                                                               \
    Val value = LOAD (kind, address);                                                              \
    FENCE (ORDER_ACQUIRE);                                                                         \
    SET_##W (o->rd, value);                                                                        \
    NEXT;                                                                                          \
  }
#define STORE_ORDERED(name, bits)                                                                  \
  SEM (name)                                                                                       \
  {                                                                                                \
    Val address = ADDRESS;                                                                         \
    REQUIRE_ALIGNED_STORE (address, bits);                                                         \
    FENCE (ORDER_RELEASE);                                                                         \
    STORE (bits, address, GET_X (o->rs3));                                                         \
    FENCE (ORDER_STORE_LOAD);                                                                      \
    NEXT;                                                                                          \
  }
#define REQUIRE_ALIGNED_STORE(address, bits)                                                       \
  TRAP_IF (NE (AND (address, CONST ((bits) / 8 - 1)), CONST (0)), DIO_A64_ALIGNMENT_STORE, address)

LOAD_ORDERED (ldar_b, w, u8, 8)
LOAD_ORDERED (ldar_h, w, u16, 16)
LOAD_ORDERED (ldar_w, w, u32, 32)
LOAD_ORDERED (ldar_x, x, u64, 64)
LOAD_ORDERED (ldapur_b, w, u8, 8)
LOAD_ORDERED (ldapur_h, w, u16, 16)
LOAD_ORDERED (ldapur_w, w, u32, 32)
LOAD_ORDERED (ldapur_x, x, u64, 64)
LOAD_ORDERED (ldapursb_w, w, s8, 8)
LOAD_ORDERED (ldapursh_w, w, s16, 16)
LOAD_ORDERED (ldapursb_x, x, s8, 8)
LOAD_ORDERED (ldapursh_x, x, s16, 16)
LOAD_ORDERED (ldapursw_x, x, s32, 32)
STORE_ORDERED (stlr_b, 8)
STORE_ORDERED (stlr_h, 16)
STORE_ORDERED (stlr_w, 32)
STORE_ORDERED (stlr_x, 64)
STORE_ORDERED (stlur_b, 8)
STORE_ORDERED (stlur_h, 16)
STORE_ORDERED (stlur_w, 32)
STORE_ORDERED (stlur_x, 64)

/* ---- Exclusive: reservations are sequentially consistent ---- */

#define EXCLUSIVE(suffix, bits, ZERO_EXTEND)                                                       \
  SEM (ldxr_##suffix)                                                                              \
  {                                                                                                \
    Val value = LOAD_RESERVED (bits, BASE (o->rs1));                                               \
    SET_X (o->rd, ZERO_EXTEND (value));                                                            \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (stxr_##suffix)                                                                              \
  {                                                                                                \
    Val failed = STORE_CONDITIONAL (bits, BASE (o->rs1), GET_X (o->rs3));                          \
    SET_X (o->rd, failed);                                                                         \
    NEXT;                                                                                          \
  }

EXCLUSIVE (b, 8, ZEXT8)
EXCLUSIVE (h, 16, ZEXT16)
EXCLUSIVE (w, 32, ZEXT32)
EXCLUSIVE (x, 64, UNSIGNED_x)

SEM (ldxp_w)
{
  Val pair = LOAD_RESERVED (64, BASE (o->rs1));
  SET_X (o->rd, ZEXT32 (pair));
  SET_X (o->rs3, SHR (pair, CONST (32)));
  NEXT;
}

SEM (ldxp_x)
{
  Vec pair = LOAD_RESERVED_V128 (BASE (o->rs1));
  SET_X (o->rd, VEC_LOW (pair));
  SET_X (o->rs3, VEC_HIGH (pair));
  NEXT;
}

SEM (stxp_w)
{
  Val pair = OR (ZEXT32 (GET_X (o->rs3)), SHL (GET_X (o->rs2), CONST (32)));
  Val failed = STORE_CONDITIONAL (64, BASE (o->rs1), pair);
  SET_X (o->rd, failed);
  NEXT;
}

SEM (stxp_x)
{
  Vec pair = VEC_MAKE (GET_X (o->rs3), GET_X (o->rs2));
  Val failed = STORE_CONDITIONAL_V128 (BASE (o->rs1), pair);
  SET_X (o->rd, failed);
  NEXT;
}

/* ---- Atomics. The register that a compare-and-swap compares with is rs2, and rd the same one as a
 * destination. ---- */

#define ATOMIC(name, op, suffix, bits, ZERO_EXTEND, operand)                                       \
  SEM (name##_##suffix)                                                                            \
  {                                                                                                \
    Val old = AMO (op, bits, BASE (o->rs1), operand);                                              \
    SET_X (o->rd, ZERO_EXTEND (old));                                                              \
    NEXT;                                                                                          \
  }
#define ATOMICS(suffix, bits, ZERO_EXTEND)                                                         \
  ATOMIC (ldadd, add, suffix, bits, ZERO_EXTEND, GET_X (o->rs2))                                   \
  ATOMIC (ldclr, and, suffix, bits, ZERO_EXTEND, NOT (GET_X (o->rs2)))                             \
  ATOMIC (ldeor, xor, suffix, bits, ZERO_EXTEND, GET_X (o->rs2))                                   \
  ATOMIC (ldset, or, suffix, bits, ZERO_EXTEND, GET_X (o->rs2))                                    \
  ATOMIC (ldsmax, max, suffix, bits, ZERO_EXTEND, GET_X (o->rs2))                                  \
  ATOMIC (ldsmin, min, suffix, bits, ZERO_EXTEND, GET_X (o->rs2))                                  \
  ATOMIC (ldumax, maxu, suffix, bits, ZERO_EXTEND, GET_X (o->rs2))                                 \
  ATOMIC (ldumin, minu, suffix, bits, ZERO_EXTEND, GET_X (o->rs2))                                 \
  ATOMIC (swp, swap, suffix, bits, ZERO_EXTEND, GET_X (o->rs2))                                    \
  SEM (cas_##suffix)                                                                               \
  {                                                                                                \
    Val old = COMPARE_SWAP (bits, BASE (o->rs1), GET_X (o->rs2), GET_X (o->rs3));                  \
    SET_X (o->rd, ZERO_EXTEND (old));                                                              \
    NEXT;                                                                                          \
  }

ATOMICS (b, 8, ZEXT8)
ATOMICS (h, 16, ZEXT16)
ATOMICS (w, 32, ZEXT32)
ATOMICS (x, 64, UNSIGNED_x)

SEM (casp_w)
{
  Val expected = OR (ZEXT32 (GET_X (o->rs2)), SHL (GET_X_AFTER (o->rs2), CONST (32)));
  Val desired = OR (ZEXT32 (GET_X (o->rs3)), SHL (GET_X_AFTER (o->rs3), CONST (32)));
  Val old = COMPARE_SWAP (64, BASE (o->rs1), expected, desired);
  SET_X (o->rd, ZEXT32 (old));
  SET_X_AFTER (o->rd, SHR (old, CONST (32)));
  NEXT;
}

SEM (casp_x)
{
  Vec expected = VEC_MAKE (GET_X (o->rs2), GET_X_AFTER (o->rs2));
  Vec desired = VEC_MAKE (GET_X (o->rs3), GET_X_AFTER (o->rs3));
  Vec old = COMPARE_SWAP_V128 (BASE (o->rs1), expected, desired);
  SET_X (o->rd, VEC_LOW (old));
  SET_X_AFTER (o->rd, VEC_HIGH (old));
  NEXT;
}
