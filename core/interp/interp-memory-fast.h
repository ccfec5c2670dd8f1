/* SPDX-License-Identifier: GPL-3.0-or-later
 * Memory words for fast handlers: the software TLB answers, or the handler gives up before any
 * effect (DIO_SEM_SLOW) and the slow variant does the whole instruction again. Included between
 * uses; no guard. The context `c` has tlb (DioTlbTable *) and the reservation accessors. A guest
 * that may access any alignment (but for atomics) defines INTERP_UNALIGNED, one with accesses as
 * programs would do them INTERP_USER_TLB. */

#include "core/interp/interp-memory-none.h"

#ifdef INTERP_UNALIGNED
#define INTERP_TAG dio_tlb_tag_unaligned
#else
#define INTERP_TAG dio_tlb_tag
#endif

/* The host address of an access that the TLB entries @table allow: @right is read or write. */
#define INTERP_REACH(table, right, tag, address, size)                                             \
  ({                                                                                               \
    uint64_t va_ = (address);                                                                      \
    unsigned index_ = dio_tlb_index (va_);                                                         \
    if (DIO_UNLIKELY ((table)->right[index_] != tag (va_, (size))))                                \
      return DIO_SEM_SLOW;                                                                         \
    (void *) (uintptr_t) (va_ + (table)->addend[index_]);                                          \
  })
/* A naturally aligned, writable access. */
#define INTERP_WRITABLE(address, size) INTERP_REACH (c->tlb, write, dio_tlb_tag, address, size)

#define INTERP_LOAD(table, kind, address)                                                          \
  ({                                                                                               \
    const void *from_ = INTERP_REACH (table, read, INTERP_TAG, address, INTERP_SIZE_##kind);       \
    INTERP_HOST_LOAD_##kind (from_);                                                               \
  })
#define INTERP_STORE(table, bits, address, v)                                                      \
  do {                                                                                             \
    void *host_ = INTERP_REACH (table, write, INTERP_TAG, address, (bits) / 8);                    \
    interp_host_store (host_, (bits) / 8, (v));                                                    \
  } while (0)
#define LOAD(kind, address) INTERP_LOAD (c->tlb, kind, address)
#define STORE(bits, address, v) INTERP_STORE (c->tlb, bits, address, v)
#define LOAD_USER(kind, address) INTERP_LOAD (INTERP_USER_TLB, kind, address)
#define STORE_USER(bits, address, v) INTERP_STORE (INTERP_USER_TLB, bits, address, v)

#define LOAD_V128(address)                                                                         \
  interp_host_load_v128 (INTERP_REACH (c->tlb, read, dio_tlb_tag_unaligned, address, 16))
#define STORE_V128(address, vec)                                                                   \
  do {                                                                                             \
    void *host_ = INTERP_REACH (c->tlb, write, dio_tlb_tag_unaligned, address, 16);                \
    interp_host_store_v128 (host_, (vec));                                                         \
  } while (0)

#define AMO(op, bits, address, v)                                                                  \
  ({                                                                                               \
    void *host_ = INTERP_WRITABLE (address, (bits) / 8);                                           \
    interp_amo_##op##_##bits (host_, (v));                                                         \
  })

#define COMPARE_SWAP(bits, address, expected, v)                                                   \
  ({                                                                                               \
    void *host_ = INTERP_WRITABLE (address, (bits) / 8);                                           \
    interp_compare_swap_##bits (host_, (expected), (v));                                           \
  })
#define COMPARE_SWAP_V128(address, expected, vec)                                                  \
  ({                                                                                               \
    void *host_ = INTERP_WRITABLE (address, 16);                                                   \
    dio_vec_compare_swap (host_, (expected), (vec));                                               \
  })

#define LOAD_RESERVED(bits, address)                                                               \
  ({                                                                                               \
    void *host_ = INTERP_REACH (c->tlb, read, dio_tlb_tag, address, (bits) / 8);                   \
    interp_load_reserved (c, host_, (bits) / 8);                                                   \
  })
#define LOAD_RESERVED_V128(address)                                                                \
  ({                                                                                               \
    void *host_ = INTERP_REACH (c->tlb, read, dio_tlb_tag, address, 16);                           \
    interp_load_reserved_v128 (c, host_);                                                          \
  })

#define STORE_CONDITIONAL(bits, address, v)                                                        \
  ({                                                                                               \
    void *host_ = INTERP_WRITABLE (address, (bits) / 8);                                           \
    interp_store_conditional (c, host_, (bits) / 8, (v));                                          \
  })
#define STORE_CONDITIONAL_V128(address, vec)                                                       \
  ({                                                                                               \
    void *host_ = INTERP_WRITABLE (address, 16);                                                   \
    interp_store_conditional_v128 (c, host_, (vec));                                               \
  })
