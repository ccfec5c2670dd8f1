/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the fast and the slow half of the interpreter share: words of the vocabulary that mean the
 * same in both, and the list of slow handlers.
 *
 * Every leaf has a fast handler (riscv64-interp.c): the semantic function inlined, with memory
 * accesses by TLB hit only, then a jump to the next handler. Engine state travels in argument
 * registers, so a handler touches memory for guest registers and its slot only; it makes no calls
 * and has no stack frame. What it cannot do it does not begin: it jumps to the leaf's slow handler
 * (riscv64-interp-slow.c), which calls the same semantic function compiled with the full memory
 * path. Leaves of kind system and end have only the slow one, those of kind plain only the fast. */
#pragma once

#include "core/fp/fp.h"
#include "core/guest/riscv64/riscv64-leaves.h"
#include "core/guest/riscv64/riscv64-priv.h"
#include "core/interp/interp-sem.h"

typedef struct {
  DioRiscv64 *hart;
  DioInterpSlot *ip;
  uint64_t bias;
  uint64_t target;
  DioTlbTable *tlb;
  unsigned length;
} Context;

#define CONTEXT(bytes)                                                                             \
  Context context = {                                                                              \
    .hart = (DioRiscv64 *) cpu, .ip = ip, .bias = bias, .tlb = tlb, .length = (bytes)              \
  }

#define RV_SHIFT 3
#define RV_SINK 32 /* x[32] takes what is written to x0 */

/* The slow handlers, by kind of leaf. */
#define DIO_RV_HAS_SLOW_plain(leaf)
#define DIO_RV_HAS_SLOW_load(leaf) DioInterpSlot *dio_rv_slow_##leaf (DIO_INTERP_ARGS);
#define DIO_RV_HAS_SLOW_store(leaf) DIO_RV_HAS_SLOW_load (leaf)
#define DIO_RV_HAS_SLOW_atomic(leaf) DIO_RV_HAS_SLOW_load (leaf)
#define DIO_RV_HAS_SLOW_fp(leaf) DIO_RV_HAS_SLOW_load (leaf)
#define DIO_RV_HAS_SLOW_fence(leaf) DIO_RV_HAS_SLOW_load (leaf)
#define DIO_RV_HAS_SLOW_branch(leaf)
#define DIO_RV_HAS_SLOW_jump(leaf)
#define DIO_RV_HAS_SLOW_jump_register(leaf)
#define DIO_RV_HAS_SLOW_system(leaf) DIO_RV_HAS_SLOW_load (leaf)
#define DIO_RV_HAS_SLOW_end(leaf) DIO_RV_HAS_SLOW_load (leaf)
#define DIO_RV_DECLARE_SLOW(leaf, sem, bytes, kind, pins) DIO_RV_HAS_SLOW_##kind (leaf)
DIO_RV_LEAVES (DIO_RV_DECLARE_SLOW)
DIO_RV_HAS_SLOW_end (illegal)

/* ---- Words of this guest ---- */

/* A destination x0 is the sink, in slots as in pinned operands; where the compiler sees that, it
 * need not write. Reading x[0] is right too. */
#define DIO_PIN_RD(number) ((number) ? (number) : RV_SINK)
#define IS_ZERO_REG(r) ((r) == 0 || (r) == RV_SINK)
#define IS_KNOWN_ZERO(r) (__builtin_constant_p (r) && IS_ZERO_REG (r))
#define GET_X(r) (IS_KNOWN_ZERO (r) ? 0 : c->hart->x[r])
#define SET_X(r, v)                                                                                \
  do {                                                                                             \
    Val set_ = (v);                                                                                \
    if (!IS_KNOWN_ZERO (r))                                                                        \
      c->hart->x[r] = set_;                                                                        \
  } while (0)
#define PC dio_interp_pc (c->ip, c->bias, RV_SHIFT)
#define NEXT_PC (PC + c->length)

#define GET_F(r) (c->hart->f[r])
#define SET_F(r, v)                                                                                \
  do {                                                                                             \
    c->hart->f[r] = (v);                                                                           \
  } while (0)
#define GET_F32(r) UNBOX (c->hart->f[r])
#define SET_F32(r, v) SET_F (r, BOX (v))

#define JUMP_REGISTER(v)                                                                           \
  do {                                                                                             \
    c->target = (v);                                                                               \
    return DIO_SEM_TARGET;                                                                         \
  } while (0)

#define FP_ROUNDING(rm)                                                                            \
  ({                                                                                               \
    unsigned rounding_ = (rm) == 7 ? c->hart->frm : (unsigned) (rm);                               \
    ILLEGAL_IF (rounding_ > DIO_FP_RMM);                                                           \
    (Val) rounding_;                                                                               \
  })

    static DIO_ALWAYS_INLINE uint64_t interp_load_reserved (Context *c, void *host, unsigned size)
{
  uint64_t value = size == 4 ? __atomic_load_n ((uint32_t *) host, __ATOMIC_SEQ_CST)
                             : __atomic_load_n ((uint64_t *) host, __ATOMIC_SEQ_CST);
  c->hart->reservation = (uintptr_t) host;
  c->hart->reservation_value = value;
  return size == 4 ? SEXT32 (value) : value;
}

/* By compare and swap on the remembered value, which guests cannot tell from a reservation unless
 * they depend on noticing that a word was changed and changed back. */
static DIO_ALWAYS_INLINE uint64_t
interp_store_conditional (Context *c, void *host, unsigned size, uint64_t value)
{
  bool held = c->hart->reservation == (uintptr_t) host;
  c->hart->reservation = UINT64_MAX;
  return !(held && interp_host_replace (host, size, c->hart->reservation_value, value));
}

/* Only a store followed by a load needs more of the host than program order, if the host is x86;
 * elsewhere the compiler's acquire-release fence is right for the weaker ones. */
static DIO_ALWAYS_INLINE void
interp_fence (unsigned sets)
{
  bool writes_before = sets & 0x50, reads_after = sets & 0x0a;
  if (writes_before && reads_after)
    atomic_thread_fence (memory_order_seq_cst);
  else
    atomic_thread_fence (memory_order_acq_rel);
}
