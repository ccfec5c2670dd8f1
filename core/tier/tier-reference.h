/* SPDX-License-Identifier: GPL-3.0-or-later
 * For the checker: what both sides compute, what compiled code did with memory, and the memory
 * words of semantic functions that do that again.
 *
 * A guest compiles its semantic functions with immediate evaluation once more, against a context c
 * that has `DioTierReference *reference`, and with LOAD and so on from here. */
#pragma once

#include "core/interp/interp-sem.h"
#include "core/tier/tier.h"

/* An access of compiled code. */
typedef struct {
  uint16_t opcode; /* DioIrOpcode */
  bool done;       /* or it has faulted */
  uint8_t fp_flags;
  uint32_t control; /* DioTierChecked.control() after it */
  uint64_t va, value, result;
  uint64_t reservation, reservation_value; /* after it */
  uint64_t vectors[4], vector[2];          /* operands, result */
} DioTierAccess;

/* The head of the state that both sides compute; the guest's registers follow. */
struct DioTierState {
  uint64_t pc;
  uint64_t count; /* instructions */
  uint64_t reservation, reservation_value;
  uint8_t fp_flags;
};

/* The interpreter's side. */
struct DioTierReference {
  DioTierState *state;
  const GArray *accesses;    /* of DioTierAccess */
  const DioTierAccess *last; /* replayed */
  unsigned next;             /* access to come */
  bool faulted;
  const char *why; /* what is different, or NULL */
};

/* Does the access that comes next as it was recorded. False: it faulted, or is another one. */
bool dio_tier_replay (DioTierReference *reference, unsigned opcode, uint64_t va, uint64_t value,
                      uint64_t *result);

/* Where the context has it. */
#ifndef TIER_REFERENCE
#define TIER_REFERENCE (c->reference)
#endif

#define TIER_REPLAY(opcode, address, v)                                                            \
  ({                                                                                               \
    uint64_t result_ = 0;                                                                          \
    if (!dio_tier_replay (TIER_REFERENCE, (opcode), (address), (v), &result_))                     \
      return DIO_SEM_TRAP;                                                                         \
    result_;                                                                                       \
  })

#define TIER_LOAD_s8(X) DIO_IR_##X##_S8
#define TIER_LOAD_u8(X) DIO_IR_##X##_U8
#define TIER_LOAD_s16(X) DIO_IR_##X##_S16
#define TIER_LOAD_u16(X) DIO_IR_##X##_U16
#define TIER_LOAD_s32(X) DIO_IR_##X##_S32
#define TIER_LOAD_u32(X) DIO_IR_##X##_U32
#define TIER_LOAD_u64(X) DIO_IR_##X##_U64
#define LOAD(kind, address)                                                                        \
  ({                                                                                               \
    uint64_t loaded_ = TIER_REPLAY (TIER_LOAD_##kind (LOAD), address, 0);                          \
    INTERP_WIDEN_##kind (loaded_);                                                                 \
  })
#define LOAD_USER(kind, address)                                                                   \
  ({                                                                                               \
    uint64_t loaded_ = TIER_REPLAY (TIER_LOAD_##kind (LOAD_USER), address, 0);                     \
    INTERP_WIDEN_##kind (loaded_);                                                                 \
  })
#define TIER_OPCODE(name, bits) TIER_OPCODE_1 (name, bits)
#define TIER_OPCODE_1(name, bits) DIO_IR_##name##_##bits
#define STORE(bits, address, v)                                                                    \
  do {                                                                                             \
    (void) TIER_REPLAY (TIER_OPCODE (STORE, bits), address, v);                                    \
  } while (0)
#define STORE_USER(bits, address, v)                                                               \
  do {                                                                                             \
    (void) TIER_REPLAY (TIER_OPCODE (STORE_USER, bits), address, v);                               \
  } while (0)
#define AMO(op, bits, address, v) TIER_REPLAY (DIO_IR_AMO_##op##_##bits, address, v)
#define LOAD_RESERVED(bits, address) TIER_REPLAY (DIO_IR_LOAD_RESERVED_##bits, address, 0)
#define STORE_CONDITIONAL(bits, address, v)                                                        \
  TIER_REPLAY (DIO_IR_STORE_CONDITIONAL_##bits, address, v)
#define FENCE(sets)                                                                                \
  do {                                                                                             \
  } while (0)
