/* SPDX-License-Identifier: GPL-3.0-or-later
 * The vocabulary of core/guest/guest-sem.h with immediate evaluation: what makes semantic functions
 * an interpreter.
 *
 * A guest's engine includes this, defines the words that touch its registers and system functions,
 * and includes its semantic files twice: with interp-memory-fast.h, where memory accesses take the
 * software TLB or give up, and with interp-memory-slow.h, where they do everything. */
#pragma once

#include "core/fp/fp-types.h"
#include "core/guest/guest-sem.h"
#include "core/mem/mem-tlb.h"
#include "core/vec/vec.h"

typedef uint64_t Val;
typedef DioVec Vec;

#define CONST(n) ((Val) (int64_t) (n))

#define INTERP_BINARY(name, expression)                                                            \
  static DIO_ALWAYS_INLINE Val name (Val a, Val b)                                                 \
  {                                                                                                \
    return expression;                                                                             \
  }
#define INTERP_UNARY(name, expression)                                                             \
  static DIO_ALWAYS_INLINE Val name (Val a)                                                        \
  {                                                                                                \
    return expression;                                                                             \
  }

INTERP_BINARY (ADD, a + b)
INTERP_BINARY (SUB, a - b)
INTERP_BINARY (MUL, a *b)
INTERP_BINARY (AND, a &b)
INTERP_BINARY (OR, a | b)
INTERP_BINARY (XOR, a ^ b)
INTERP_UNARY (NOT, ~a)
INTERP_UNARY (NEG, 0 - a)

INTERP_BINARY (MULH, (Val) (((__int128) (int64_t) a * (int64_t) b) >> 64))
INTERP_BINARY (MULHU, (Val) (((unsigned __int128) a * b) >> 64))
INTERP_BINARY (MULHSU, (Val) (((__int128) (int64_t) a * (__int128) b) >> 64))
INTERP_BINARY (DIV, b == 0               ? ~UINT64_C (0)
                    : b == ~UINT64_C (0) ? 0 - a
                                         : (Val) ((int64_t) a / (int64_t) b))
INTERP_BINARY (DIVU, b == 0 ? ~UINT64_C (0) : a / b)
INTERP_BINARY (REM, b == 0 ? a : b == ~UINT64_C (0) ? 0 : (Val) ((int64_t) a % (int64_t) b))
INTERP_BINARY (REMU, b == 0 ? a : a % b)

INTERP_BINARY (SHL, a << (b & 63))
INTERP_BINARY (SHR, a >> (b & 63))
INTERP_BINARY (SAR, (Val) ((int64_t) a >> (b & 63)))
INTERP_BINARY (ROTL, a << (b & 63) | a >> (-b & 63))
INTERP_BINARY (ROTR, a >> (b & 63) | a << (-b & 63))
INTERP_BINARY (ROTL32, (uint32_t) a << (b & 31) | (uint32_t) a >> (-b & 31))
INTERP_BINARY (ROTR32, (uint32_t) a >> (b & 31) | (uint32_t) a << (-b & 31))

INTERP_UNARY (CLZ, a ? (Val) __builtin_clzll (a) : 64)
INTERP_UNARY (CTZ, a ? (Val) __builtin_ctzll (a) : 64)
INTERP_UNARY (CPOP, (Val) __builtin_popcountll (a))
INTERP_UNARY (BSWAP, __builtin_bswap64 (a))

static DIO_ALWAYS_INLINE Val
ORC_B (Val a)
{
  /* The top bit of each byte: is the byte non-zero? Then spread it over the byte. */
  uint64_t low = UINT64_C (0x7f7f7f7f7f7f7f7f);
  uint64_t top = (((a & low) + low) | a) & ~low;
  return (top >> 7) * 255;
}

INTERP_UNARY (SEXT8, (Val) (int64_t) (int8_t) a)
INTERP_UNARY (SEXT16, (Val) (int64_t) (int16_t) a)
INTERP_UNARY (SEXT32, (Val) (int64_t) (int32_t) a)
INTERP_UNARY (ZEXT8, (uint8_t) a)
INTERP_UNARY (ZEXT16, (uint16_t) a)
INTERP_UNARY (ZEXT32, (uint32_t) a)

INTERP_BINARY (EQ, a == b)
INTERP_BINARY (NE, a != b)
INTERP_BINARY (LT, (int64_t) a < (int64_t) b)
INTERP_BINARY (GE, (int64_t) a >= (int64_t) b)
INTERP_BINARY (LTU, a < b)
INTERP_BINARY (GEU, a >= b)

static DIO_ALWAYS_INLINE Val
SELECT (Val c, Val a, Val b)
{
  return c ? a : b;
}

/* Single precision in a register of 64 bits: boxed in a NaN, and a number that is not boxed reads
 * as the canonical NaN. */
INTERP_UNARY (BOX, a | UINT64_C (0xffffffff00000000))
INTERP_UNARY (UNBOX, DIO_LIKELY (a >> 32 == 0xffffffff) ? (uint32_t) a : DIO_FP32_NAN)

/* Guest memory as the host sees it. RISC guests order weakly and every other guest orders
 * through FENCE-like words of its own, so plain accesses are relaxed atomics: single-copy atomic
 * when aligned, and no ordering. */

static DIO_ALWAYS_INLINE Val
interp_host_load_u8 (const void *host)
{
  return __atomic_load_n ((const uint8_t *) host, __ATOMIC_RELAXED);
}

static DIO_ALWAYS_INLINE Val
interp_host_load_u16 (const void *host)
{
  return __atomic_load_n ((const uint16_t *) host, __ATOMIC_RELAXED);
}

static DIO_ALWAYS_INLINE Val
interp_host_load_u32 (const void *host)
{
  return __atomic_load_n ((const uint32_t *) host, __ATOMIC_RELAXED);
}

static DIO_ALWAYS_INLINE Val
interp_host_load_u64 (const void *host)
{
  return __atomic_load_n ((const uint64_t *) host, __ATOMIC_RELAXED);
}

static DIO_ALWAYS_INLINE void
interp_host_store (void *host, unsigned size, Val value)
{
  switch (size) {
  case 1:
    __atomic_store_n ((uint8_t *) host, (uint8_t) value, __ATOMIC_RELAXED);
    break;
  case 2:
    __atomic_store_n ((uint16_t *) host, (uint16_t) value, __ATOMIC_RELAXED);
    break;
  case 4:
    __atomic_store_n ((uint32_t *) host, (uint32_t) value, __ATOMIC_RELAXED);
    break;
  default:
    __atomic_store_n ((uint64_t *) host, value, __ATOMIC_RELAXED);
    break;
  }
}

/* What a loaded value is extended from: size in bytes, how to load it, how to widen it. */
#define INTERP_SIZE_s8 1
#define INTERP_SIZE_u8 1
#define INTERP_SIZE_s16 2
#define INTERP_SIZE_u16 2
#define INTERP_SIZE_s32 4
#define INTERP_SIZE_u32 4
#define INTERP_SIZE_u64 8
#define INTERP_HOST_LOAD_s8(host) SEXT8 (interp_host_load_u8 (host))
#define INTERP_HOST_LOAD_u8(host) interp_host_load_u8 (host)
#define INTERP_HOST_LOAD_s16(host) SEXT16 (interp_host_load_u16 (host))
#define INTERP_HOST_LOAD_u16(host) interp_host_load_u16 (host)
#define INTERP_HOST_LOAD_s32(host) SEXT32 (interp_host_load_u32 (host))
#define INTERP_HOST_LOAD_u32(host) interp_host_load_u32 (host)
#define INTERP_HOST_LOAD_u64(host) interp_host_load_u64 (host)
#define INTERP_WIDEN_s8(v) SEXT8 (v)
#define INTERP_WIDEN_u8(v) ZEXT8 (v)
#define INTERP_WIDEN_s16(v) SEXT16 (v)
#define INTERP_WIDEN_u16(v) ZEXT16 (v)
#define INTERP_WIDEN_s32(v) SEXT32 (v)
#define INTERP_WIDEN_u32(v) ZEXT32 (v)
#define INTERP_WIDEN_u64(v) (v)

/* Read-modify-write on host memory, sequentially consistent; the old value, sign-extended. Minimum
 * and maximum have no host instruction: compare and swap. */
#define INTERP_AMO_FETCH(name, builtin)                                                            \
  static DIO_ALWAYS_INLINE Val interp_amo_##name##_8 (void *host, Val v)                           \
  {                                                                                                \
    return SEXT8 ((Val) builtin ((uint8_t *) host, (uint8_t) v, __ATOMIC_SEQ_CST));                \
  }                                                                                                \
  static DIO_ALWAYS_INLINE Val interp_amo_##name##_16 (void *host, Val v)                          \
  {                                                                                                \
    return SEXT16 ((Val) builtin ((uint16_t *) host, (uint16_t) v, __ATOMIC_SEQ_CST));             \
  }                                                                                                \
  static DIO_ALWAYS_INLINE Val interp_amo_##name##_32 (void *host, Val v)                          \
  {                                                                                                \
    return SEXT32 ((Val) builtin ((uint32_t *) host, (uint32_t) v, __ATOMIC_SEQ_CST));             \
  }                                                                                                \
  static DIO_ALWAYS_INLINE Val interp_amo_##name##_64 (void *host, Val v)                          \
  {                                                                                                \
    return builtin ((uint64_t *) host, v, __ATOMIC_SEQ_CST);                                       \
  }
#define INTERP_AMO_CHOOSE_1(name, bits, type, op)                                                  \
  static inline Val interp_amo_##name##_##bits (void *host, Val v)                                 \
  {                                                                                                \
    uint##bits##_t old = __atomic_load_n ((uint##bits##_t *) host, __ATOMIC_RELAXED);              \
    while (!__atomic_compare_exchange_n ((uint##bits##_t *) host, &old,                            \
                                         (type) old op (type) v ? old : (uint##bits##_t) v, true,  \
                                         __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {                    \
    }                                                                                              \
    return (Val) (int64_t) (int##bits##_t) old;                                                    \
  }
#define INTERP_AMO_CHOOSE(name, type, op)                                                          \
  INTERP_AMO_CHOOSE_1 (name, 8, type##8_t, op)                                                     \
  INTERP_AMO_CHOOSE_1 (name, 16, type##16_t, op)                                                   \
  INTERP_AMO_CHOOSE_1 (name, 32, type##32_t, op)                                                   \
  INTERP_AMO_CHOOSE_1 (name, 64, type##64_t, op)
#define INTERP_COMPARE_SWAP(bits)                                                                  \
  static DIO_ALWAYS_INLINE Val interp_compare_swap_##bits (void *host, Val expected, Val v)        \
  {                                                                                                \
    uint##bits##_t old = (uint##bits##_t) expected;                                                \
    __atomic_compare_exchange_n ((uint##bits##_t *) host, &old, (uint##bits##_t) v, false,         \
                                 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                              \
    return (Val) (int64_t) (int##bits##_t) old;                                                    \
  }

INTERP_AMO_FETCH (swap, __atomic_exchange_n)
INTERP_AMO_FETCH (add, __atomic_fetch_add)
INTERP_AMO_FETCH (xor, __atomic_fetch_xor)
INTERP_AMO_FETCH (and, __atomic_fetch_and)
INTERP_AMO_FETCH (or, __atomic_fetch_or)
INTERP_AMO_CHOOSE (min, int, <)
INTERP_AMO_CHOOSE (max, int, >)
INTERP_AMO_CHOOSE (minu, uint, <)
INTERP_AMO_CHOOSE (maxu, uint, >)
INTERP_COMPARE_SWAP (8)
INTERP_COMPARE_SWAP (16)
INTERP_COMPARE_SWAP (32)
INTERP_COMPARE_SWAP (64)

/* The store half of a conditional store: true when @host held @expected and now holds @value. */
static DIO_ALWAYS_INLINE bool
interp_host_replace (void *host, unsigned size, uint64_t expected, uint64_t value)
{
  switch (size) {
  case 1:
    return interp_compare_swap_8 (host, expected, value) == SEXT8 (expected);
  case 2:
    return interp_compare_swap_16 (host, expected, value) == SEXT16 (expected);
  case 4:
    return interp_compare_swap_32 (host, expected, value) == SEXT32 (expected);
  default:
    return interp_compare_swap_64 (host, expected, value) == expected;
  }
}

/* ---- Vectors ---- */

#define VEC_MAKE(low, high) dio_vec_make (low, high)
#define VEC_LOW(vec) ((vec)[0])
#define VEC_HIGH(vec) ((vec)[1])
#define VEC1(name, n, a) dio_vec_##name ((n), (a))
#define VEC2(name, n, a, b) dio_vec_##name ((n), (a), (b))
#define VEC3(name, n, a, b, d) dio_vec_##name ((n), (a), (b), (d))
#define VEC_DUP(n, v) dio_vec_dup ((n), (v))
#define VEC_LANE(n, index, vec) dio_vec_lane ((n), (index), (vec))
#define VEC_INSERT(n, index, vec, v) dio_vec_insert ((n), (index), (vec), (v))
#define CRC32(polynomial, bytes, crc, v)                                                           \
  ((Val) dio_vec_crc32 (polynomial, bytes, (uint32_t) (crc), (v)))

static DIO_ALWAYS_INLINE Vec
interp_host_load_v128 (const void *host)
{
  const uint64_t *words = host;
  return dio_vec_make (interp_host_load_u64 (words), interp_host_load_u64 (words + 1));
}

static DIO_ALWAYS_INLINE void
interp_host_store_v128 (void *host, Vec value)
{
  uint64_t *words = host;
  interp_host_store (words, 8, value[0]);
  interp_host_store (words + 1, 8, value[1]);
}

/* Enders whose meaning is the same for all guests. */
#define NEXT return DIO_SEM_NEXT
#define BRANCH_IF(c, offset) return DIO_LIKELY (c) ? DIO_SEM_BRANCH : DIO_SEM_NEXT
#define JUMP(offset) return DIO_SEM_JUMP
#define NEXT_CHANGED(whether) return (whether) ? DIO_SEM_CHANGED : DIO_SEM_NEXT
#define NEXT_HALTED return DIO_SEM_HALT
#define RETURN_TO_PC return DIO_SEM_RETURN
