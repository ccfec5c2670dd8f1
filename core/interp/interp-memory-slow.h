/* SPDX-License-Identifier: GPL-3.0-or-later
 * Memory words for slow handlers: translation, I/O, faults. The engine provides interp_load_slow(),
 * interp_store_slow() and interp_atomic_slow(), which leave the exception in the context and return
 * false, and interp_atomic_done(), after a write. Included between uses; no guard. */

#include "core/interp/interp-memory-none.h"

#define LOAD(kind, address)                                                                        \
  ({                                                                                               \
    uint64_t value_ = 0;                                                                           \
    if (!interp_load_slow (c, (address), INTERP_SIZE_##kind, &value_))                             \
      return DIO_SEM_TRAP;                                                                         \
    INTERP_WIDEN_##kind (value_);                                                                  \
  })

#define STORE(bits, address, v)                                                                    \
  do {                                                                                             \
    if (!interp_store_slow (c, (address), (bits) / 8, (v)))                                        \
      return DIO_SEM_TRAP;                                                                         \
  } while (0)

#define INTERP_ATOMIC(address, size, access)                                                       \
  ({                                                                                               \
    void *host_ = interp_atomic_slow (c, (address), (size), (access));                             \
    if (!host_)                                                                                    \
      return DIO_SEM_TRAP;                                                                         \
    host_;                                                                                         \
  })

#define AMO(op, bits, address, v)                                                                  \
  ({                                                                                               \
    void *pointer_ = INTERP_ATOMIC (address, (bits) / 8, true);                                    \
    Val old_ = interp_amo_##op##_##bits (pointer_, (v));                                           \
    interp_atomic_done (c, pointer_, (bits) / 8);                                                  \
    old_;                                                                                          \
  })

#define LOAD_RESERVED(bits, address)                                                               \
  ({                                                                                               \
    void *pointer_ = INTERP_ATOMIC (address, (bits) / 8, false);                                   \
    interp_load_reserved (c, pointer_, (bits) / 8);                                                \
  })

#define STORE_CONDITIONAL(bits, address, v)                                                        \
  ({                                                                                               \
    void *pointer_ = INTERP_ATOMIC (address, (bits) / 8, true);                                    \
    Val failed_ = interp_store_conditional (c, pointer_, (bits) / 8, (v));                         \
    interp_atomic_done (c, pointer_, (bits) / 8);                                                  \
    failed_;                                                                                       \
  })

/* For guests with these: interp_load_user_slow(), interp_store_user_slow(),
 * interp_load_v128_slow(), interp_store_v128_slow(). */
#define LOAD_USER(kind, address)                                                                   \
  ({                                                                                               \
    uint64_t value_ = 0;                                                                           \
    if (!interp_load_user_slow (c, (address), INTERP_SIZE_##kind, &value_))                        \
      return DIO_SEM_TRAP;                                                                         \
    INTERP_WIDEN_##kind (value_);                                                                  \
  })
#define STORE_USER(bits, address, v)                                                               \
  do {                                                                                             \
    if (!interp_store_user_slow (c, (address), (bits) / 8, (v)))                                   \
      return DIO_SEM_TRAP;                                                                         \
  } while (0)
#define LOAD_V128(address)                                                                         \
  ({                                                                                               \
    Vec value_;                                                                                    \
    if (!interp_load_v128_slow (c, (address), &value_))                                            \
      return DIO_SEM_TRAP;                                                                         \
    value_;                                                                                        \
  })
#define STORE_V128(address, vec)                                                                   \
  do {                                                                                             \
    if (!interp_store_v128_slow (c, (address), (vec)))                                             \
      return DIO_SEM_TRAP;                                                                         \
  } while (0)

#define COMPARE_SWAP(bits, address, expected, v)                                                   \
  ({                                                                                               \
    void *pointer_ = INTERP_ATOMIC (address, (bits) / 8, true);                                    \
    Val old_ = interp_compare_swap_##bits (pointer_, (expected), (v));                             \
    interp_atomic_done (c, pointer_, (bits) / 8);                                                  \
    old_;                                                                                          \
  })
#define COMPARE_SWAP_V128(address, expected, vec)                                                  \
  ({                                                                                               \
    void *pointer_ = INTERP_ATOMIC (address, 16, true);                                            \
    Vec old_ = dio_vec_compare_swap (pointer_, (expected), (vec));                                 \
    interp_atomic_done (c, pointer_, 16);                                                          \
    old_;                                                                                          \
  })
#define LOAD_RESERVED_V128(address)                                                                \
  ({                                                                                               \
    void *pointer_ = INTERP_ATOMIC (address, 16, false);                                           \
    interp_load_reserved_v128 (c, pointer_);                                                       \
  })
#define STORE_CONDITIONAL_V128(address, vec)                                                       \
  ({                                                                                               \
    void *pointer_ = INTERP_ATOMIC (address, 16, true);                                            \
    Val failed_ = interp_store_conditional_v128 (c, pointer_, (vec));                              \
    interp_atomic_done (c, pointer_, 16);                                                          \
    failed_;                                                                                       \
  })
