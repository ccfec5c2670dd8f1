/* SPDX-License-Identifier: GPL-3.0-or-later
 * Memory words for slow handlers: translation, I/O, faults. The engine provides interp_load_slow(),
 * interp_store_slow() and interp_atomic_slow(), which leave the exception in the context and return
 * false, and interp_atomic_done(), after a write. Included between uses; no guard. */

#undef LOAD
#undef STORE
#undef AMO
#undef LOAD_RESERVED
#undef STORE_CONDITIONAL

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
