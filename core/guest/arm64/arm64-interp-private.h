/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the fast and the slow half of arm64's interpreter share: words of the vocabulary that mean
 * the same in both, and the list of slow handlers. See core/guest/riscv64/riscv64-interp-private.h,
 * which has the same shape. */
#pragma once

#include "core/fp/fp.h"
#include "core/guest/arm64/arm64-leaves.h"
#include "core/guest/arm64/arm64-priv.h"
#include "core/interp/interp-sem.h"

#define A64_SHIFT 2 /* slot addresses are PCs times 4 */

typedef struct {
  DioArm64 *cpu;
  DioInterpSlot *ip;
  uint64_t bias;
  uint64_t target;
  DioTlbTable *tlb;
} Context;

#define CONTEXT Context context = { .cpu = DIO_ARM64 (cpu), .ip = ip, .bias = bias, .tlb = tlb }

/* The slow handlers, by kind of leaf. */
#define A64_HAS_SLOW_plain(leaf)
#define A64_HAS_SLOW_load(leaf) DioInterpSlot *a64_slow_##leaf (DIO_INTERP_ARGS);
#define A64_HAS_SLOW_store(leaf) A64_HAS_SLOW_load (leaf)
#define A64_HAS_SLOW_atomic(leaf) A64_HAS_SLOW_load (leaf)
#define A64_HAS_SLOW_fp(leaf) A64_HAS_SLOW_load (leaf)
#define A64_HAS_SLOW_call(leaf) A64_HAS_SLOW_load (leaf)
#define A64_HAS_SLOW_fence(leaf) A64_HAS_SLOW_load (leaf)
#define A64_HAS_SLOW_branch(leaf)
#define A64_HAS_SLOW_jump(leaf)
#define A64_HAS_SLOW_jump_register(leaf)
#define A64_HAS_SLOW_system(leaf) A64_HAS_SLOW_load (leaf)
#define A64_HAS_SLOW_end(leaf) A64_HAS_SLOW_load (leaf)
#define A64_DECLARE_SLOW(leaf, sem, bytes, kind, pins) A64_HAS_SLOW_##kind (leaf)
DIO_A64_LEAVES (A64_DECLARE_SLOW)
A64_HAS_SLOW_end (illegal)
    /* Register 31 is the zero register where the operand is of type x: read from one place, written
     * to another. */
    void a64_place_zero_registers (DioInsn *insn);

/* ---- Words of this guest ---- */

#define DIO_PIN_RD(number) (number)
#define GET_X(r) (c->cpu->x[r])
#define SET_X(r, v)                                                                                \
  do {                                                                                             \
    c->cpu->x[r] = (v);                                                                            \
  } while (0)
#define GET_SP(r) GET_X (r)
#define REQUIRE_STACK()                                                                            \
  TRAP_IF (c->cpu->x[DIO_A64_SP] & c->cpu->stack_mask, DIO_A64_SP_ALIGNMENT, 0)
#define SET_SP(r, v) SET_X (r, v)
/* The second of a pair of registers, of which the first has an even number. */
#define GET_X_AFTER(r) GET_X ((r) == 30 ? DIO_A64_ZERO : (r) + 1)
#define SET_X_AFTER(r, v) SET_X ((r) == 30 ? DIO_A64_SINK : (r) + 1, v)
#define GET_V(r) (c->cpu->v[r])
#define SET_V(r, vec)                                                                              \
  do {                                                                                             \
    c->cpu->v[r] = (vec);                                                                          \
  } while (0)
#define PC dio_interp_pc (c->ip, c->bias, A64_SHIFT)
#define NEXT_PC (PC + 4)
#define GET_THREAD(n) (c->cpu->thread[n])
#define SET_THREAD(n, v)                                                                           \
  do {                                                                                             \
    c->cpu->thread[n] = (v);                                                                       \
  } while (0)

#define JUMP_REGISTER(v)                                                                           \
  do {                                                                                             \
    c->target = (v);                                                                               \
    return DIO_SEM_TARGET;                                                                         \
  } while (0)

#define FP_MODE() ((Val) c->cpu->fp_mode)

/* ---- Vectors ---- */

#define VEC_SAT1(name, n, a) dio_vec_##name ((n), &c->cpu->saturated, (a))
#define VEC_SAT2(name, n, a, b) dio_vec_##name ((n), &c->cpu->saturated, (a), (b))
#define VEC_SAT3(name, n, a, b, d) dio_vec_##name ((n), &c->cpu->saturated, (a), (b), (d))

typedef union {
  DioVec vec;
  uint32_t u32[4];
  uint64_t u64[2];
} InterpLanes;

#define INTERP_FP_LANES(W, lanes, operands, expression)                                            \
  ({                                                                                               \
    InterpLanes operands, r_ = { { 0, 0 } };                                                       \
    for (int i_ = 0; i_ < (int) (lanes); i_++)                                                     \
      r_.u##W[i_] = (uint##W##_t) (expression);                                                    \
    r_.vec;                                                                                        \
  })
#define INTERP_LIST(...) __VA_ARGS__
#define VEC_FP1(name, W, lanes, mode, a)                                                           \
  INTERP_FP_LANES (W, lanes, a_ = { (a) },                                                         \
                   dio_fp_##name ((DioFpMode) (mode), &c->cpu->fp_flags, a_.u##W[i_]))
#define VEC_FP2(name, W, lanes, mode, a, b)                                                        \
  INTERP_FP_LANES (                                                                                \
      W, lanes, INTERP_LIST (a_ = { (a) }, b_ = { (b) }),                                          \
      dio_fp_##name ((DioFpMode) (mode), &c->cpu->fp_flags, a_.u##W[i_], b_.u##W[i_]))
#define VEC_FP3(name, W, lanes, mode, a, b, d)                                                     \
  INTERP_FP_LANES (W, lanes, INTERP_LIST (a_ = { (a) }, b_ = { (b) }, d_ = { (d) }),               \
                   dio_fp_##name ((DioFpMode) (mode), &c->cpu->fp_flags, a_.u##W[i_], b_.u##W[i_], \
                                  d_.u##W[i_]))
#define VEC_FP_TEST2(name, W, lanes, a, b)                                                         \
  INTERP_FP_LANES (W, lanes, INTERP_LIST (a_ = { (a) }, b_ = { (b) }),                             \
                   dio_fp_##name (&c->cpu->fp_flags, a_.u##W[i_], b_.u##W[i_]) ? -1 : 0)

/* ---- Flags ---- */

static DIO_ALWAYS_INLINE void
interp_set_flags (DioArm64 *cpu, uint64_t result, uint64_t carry, uint64_t overflow)
{
  cpu->nf = cpu->zf = result;
  cpu->cf = carry;
  cpu->vf = overflow;
}

#define INTERP_FLAGS(bits, up)                                                                     \
  static DIO_ALWAYS_INLINE void interp_flags_add_##bits (DioArm64 *cpu, uint64_t x, uint64_t y)    \
  {                                                                                                \
    uint##bits##_t a = (uint##bits##_t) x, b = (uint##bits##_t) y, sum = a + b;                    \
    interp_set_flags (cpu, (uint64_t) (int64_t) (int##bits##_t) sum, sum < a,                      \
                      (uint64_t) ((a ^ sum) & (b ^ sum)) << (up));                                 \
  }                                                                                                \
  static DIO_ALWAYS_INLINE void interp_flags_sub_##bits (DioArm64 *cpu, uint64_t x, uint64_t y)    \
  {                                                                                                \
    uint##bits##_t a = (uint##bits##_t) x, b = (uint##bits##_t) y, rest = a - b;                   \
    interp_set_flags (cpu, (uint64_t) (int64_t) (int##bits##_t) rest, a >= b,                      \
                      (uint64_t) ((a ^ b) & (a ^ rest)) << (up));                                  \
  }                                                                                                \
  static DIO_ALWAYS_INLINE void interp_flags_adc_##bits (DioArm64 *cpu, uint64_t x, uint64_t y)    \
  {                                                                                                \
    uint##bits##_t a = (uint##bits##_t) x, b = (uint##bits##_t) y;                                 \
    uint##bits##_t sum = a + b + (uint##bits##_t) cpu->cf;                                         \
    interp_set_flags (cpu, (uint64_t) (int64_t) (int##bits##_t) sum, cpu->cf ? sum <= a : sum < a, \
                      (uint64_t) ((a ^ sum) & (b ^ sum)) << (up));                                 \
  }                                                                                                \
  static DIO_ALWAYS_INLINE void interp_flags_logic_##bits (DioArm64 *cpu, uint64_t result)         \
  {                                                                                                \
    interp_set_flags (cpu, (uint64_t) (int64_t) (int##bits##_t) result, 0, 0);                     \
  }

INTERP_FLAGS (32, 32)
INTERP_FLAGS (64, 0)

#define INTERP_FLAGS_OF(name, bits) INTERP_FLAGS_OF_1 (name, bits)
#define INTERP_FLAGS_OF_1(name, bits) interp_flags_##name##_##bits
#define FLAGS_ADD(bits, a, b) INTERP_FLAGS_OF (add, bits) (c->cpu, (a), (b))
#define FLAGS_SUB(bits, a, b) INTERP_FLAGS_OF (sub, bits) (c->cpu, (a), (b))
#define FLAGS_ADC(bits, a, b) INTERP_FLAGS_OF (adc, bits) (c->cpu, (a), (b))
#define FLAGS_LOGIC(bits, v) INTERP_FLAGS_OF (logic, bits) (c->cpu, (v))
#define CARRY() (c->cpu->cf)

static DIO_ALWAYS_INLINE uint64_t
interp_get_nzcv (const DioArm64 *cpu)
{
  return (cpu->nf >> 63) << 31 | (uint64_t) (cpu->zf == 0) << 30 | cpu->cf << 29
         | (cpu->vf >> 63) << 28;
}

static DIO_ALWAYS_INLINE void
interp_set_nzcv (DioArm64 *cpu, uint64_t nzcv)
{
  cpu->nf = nzcv << 32;
  cpu->zf = !(nzcv & UINT64_C (1) << 30);
  cpu->cf = nzcv >> 29 & 1;
  cpu->vf = nzcv << 35;
}

#define GET_NZCV() interp_get_nzcv (c->cpu)
#define SET_NZCV(v) interp_set_nzcv (c->cpu, (v))
#define FLAGS_COMPARE(name, bits, a, b)                                                            \
  do {                                                                                             \
    Val nzcv_ = FP_TEST2 (name##bits, (a), (b));                                                   \
    SET_NZCV (nzcv_);                                                                              \
  } while (0)
#define FLAGS_UNLESS(condition, nzcv)                                                              \
  do {                                                                                             \
    if (!(condition))                                                                              \
      interp_set_nzcv (c->cpu, (uint64_t) (nzcv) << 28);                                           \
  } while (0)

static DIO_ALWAYS_INLINE uint64_t
interp_condition (const DioArm64 *cpu, unsigned condition)
{
  bool holds;
  switch (condition >> 1) {
  case 0:
    holds = cpu->zf == 0;
    break;
  case 1:
    holds = cpu->cf;
    break;
  case 2:
    holds = (int64_t) cpu->nf < 0;
    break;
  case 3:
    holds = (int64_t) cpu->vf < 0;
    break;
  case 4:
    holds = cpu->cf && cpu->zf != 0;
    break;
  case 5:
    holds = (int64_t) (cpu->nf ^ cpu->vf) >= 0;
    break;
  case 6:
    holds = (int64_t) (cpu->nf ^ cpu->vf) >= 0 && cpu->zf != 0;
    break;
  default:
    return true;
  }
  return holds ^ (condition & 1);
}

#define CONDITION(condition) interp_condition (c->cpu, (condition))

/* ---- Exclusive accesses: see riscv64's ---- */

static DIO_ALWAYS_INLINE uint64_t
interp_load_reserved (Context *c, void *host, unsigned size)
{
  uint64_t value = size == 1   ? SEXT8 (__atomic_load_n ((uint8_t *) host, __ATOMIC_SEQ_CST))
                   : size == 2 ? SEXT16 (__atomic_load_n ((uint16_t *) host, __ATOMIC_SEQ_CST))
                   : size == 4 ? SEXT32 (__atomic_load_n ((uint32_t *) host, __ATOMIC_SEQ_CST))
                               : __atomic_load_n ((uint64_t *) host, __ATOMIC_SEQ_CST);
  c->cpu->reservation = (uintptr_t) host;
  c->cpu->reservation_value[0] = value;
  return value;
}

/* A pair is read as one piece only if the store succeeds (ArmARM B2.9.5), which compares both. */
static DIO_ALWAYS_INLINE Vec
interp_load_reserved_v128 (Context *c, void *host)
{
  Vec value = interp_host_load_v128 (host);
  atomic_thread_fence (memory_order_acquire);
  c->cpu->reservation = (uintptr_t) host;
  c->cpu->reservation_value[0] = value[0];
  c->cpu->reservation_value[1] = value[1];
  return value;
}

static DIO_ALWAYS_INLINE uint64_t
interp_store_conditional (Context *c, void *host, unsigned size, uint64_t value)
{
  bool held = c->cpu->reservation == (uintptr_t) host;
  c->cpu->reservation = UINTPTR_MAX;
  return !(held && interp_host_replace (host, size, c->cpu->reservation_value[0], value));
}

static DIO_ALWAYS_INLINE uint64_t
interp_store_conditional_v128 (Context *c, void *host, Vec value)
{
  bool held = c->cpu->reservation == (uintptr_t) host;
  Vec expected = dio_vec_make (c->cpu->reservation_value[0], c->cpu->reservation_value[1]);
  c->cpu->reservation = UINTPTR_MAX;
  if (!held)
    return 1;
  Vec old = dio_vec_compare_swap (host, expected, value);
  return old[0] != expected[0] || old[1] != expected[1];
}

/* Only a store followed by a load needs more of the host than program order, if the host is x86;
 * elsewhere the compiler's acquire-release fence is right for the weaker ones. */
#define FENCE(sets)                                                                                \
  do {                                                                                             \
    if (((sets) &0x50) && ((sets) &0x0a))                                                          \
      atomic_thread_fence (memory_order_seq_cst);                                                  \
    else                                                                                           \
      atomic_thread_fence (memory_order_acq_rel);                                                  \
  } while (0)
