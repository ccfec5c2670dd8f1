/* SPDX-License-Identifier: GPL-3.0-or-later
 * The memory words of vectors for the checker, besides those of tier-reference.h. */
#pragma once

#include "core/tier/tier-reference.h"

/* As dio_tier_replay(), with @n vectors as operands and one as the result. */
bool dio_tier_replay_vectors (DioTierReference *reference, unsigned opcode, uint64_t va,
                              const DioVec *operands, unsigned n, uint64_t *word, DioVec *vector);

#ifndef TIER_REFERENCE
#define TIER_REFERENCE (c->reference)
#endif

#define TIER_REPLAY_VECTORS(opcode, address, n, result, ...)                                       \
  ({                                                                                               \
    uint64_t word_ = 0;                                                                            \
    DioVec vector_ = { 0, 0 };                                                                     \
    const DioVec operands_[] = { __VA_ARGS__ };                                                    \
    if (!dio_tier_replay_vectors (TIER_REFERENCE, (opcode), (address), operands_, (n), &word_,     \
                                  &vector_))                                                       \
      return DIO_SEM_TRAP;                                                                         \
    result;                                                                                        \
  })
#define LOAD_V128(address) TIER_REPLAY_VECTORS (DIO_IR_LOAD_V128, address, 0, vector_, { 0 })
#define STORE_V128(address, vec)                                                                   \
  do {                                                                                             \
    (void) TIER_REPLAY_VECTORS (DIO_IR_STORE_V128, address, 1, word_, (vec));                      \
  } while (0)
#define LOAD_RESERVED_V128(address)                                                                \
  TIER_REPLAY_VECTORS (DIO_IR_LOAD_RESERVED_V128, address, 0, vector_, { 0 })
#define STORE_CONDITIONAL_V128(address, vec)                                                       \
  TIER_REPLAY_VECTORS (DIO_IR_STORE_CONDITIONAL_V128, address, 1, word_, (vec))
#define COMPARE_SWAP_V128(address, expected, vec)                                                  \
  TIER_REPLAY_VECTORS (DIO_IR_COMPARE_SWAP_V128, address, 2, vector_, (expected), (vec))
