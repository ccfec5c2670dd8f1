/* SPDX-License-Identifier: GPL-3.0-or-later
 * Memory words for fast handlers: the software TLB answers, or the handler gives up before any
 * effect (DIO_SEM_SLOW) and the slow variant does the whole instruction again. Included between
 * uses; no guard. The context `c` has tlb (DioTlbEntry *) and the reservation accessors. */

#undef LOAD
#undef STORE
#undef AMO
#undef LOAD_RESERVED
#undef STORE_CONDITIONAL

#define LOAD(kind, address)                                                                        \
  ({                                                                                               \
    uint64_t va_ = (address);                                                                      \
    const DioTlbEntry *entry_ = &c->tlb[dio_tlb_index (va_)];                                      \
    if (DIO_UNLIKELY (entry_->read != dio_tlb_tag (va_, INTERP_SIZE_##kind)))                      \
      return DIO_SEM_SLOW;                                                                         \
    INTERP_HOST_LOAD_##kind ((const void *) (uintptr_t) (va_ + entry_->addend));                   \
  })

/* The host address of a naturally aligned, writable access. */
#define INTERP_WRITABLE(address, size)                                                             \
  ({                                                                                               \
    uint64_t va_ = (address);                                                                      \
    const DioTlbEntry *entry_ = &c->tlb[dio_tlb_index (va_)];                                      \
    if (DIO_UNLIKELY (entry_->write != dio_tlb_tag (va_, (size))))                                 \
      return DIO_SEM_SLOW;                                                                         \
    (void *) (uintptr_t) (va_ + entry_->addend);                                                   \
  })

#define STORE(bits, address, v)                                                                    \
  do {                                                                                             \
    void *host_ = INTERP_WRITABLE (address, (bits) / 8);                                           \
    interp_host_store (host_, (bits) / 8, (v));                                                    \
  } while (0)

#define AMO(op, bits, address, v)                                                                  \
  ({                                                                                               \
    void *host_ = INTERP_WRITABLE (address, (bits) / 8);                                           \
    interp_amo_##op##_##bits (host_, (v));                                                         \
  })

#define LOAD_RESERVED(bits, address)                                                               \
  ({                                                                                               \
    uint64_t va_ = (address);                                                                      \
    const DioTlbEntry *entry_ = &c->tlb[dio_tlb_index (va_)];                                      \
    if (DIO_UNLIKELY (entry_->read != dio_tlb_tag (va_, (bits) / 8)))                              \
      return DIO_SEM_SLOW;                                                                         \
    interp_load_reserved (c, (void *) (uintptr_t) (va_ + entry_->addend), (bits) / 8);             \
  })

#define STORE_CONDITIONAL(bits, address, v)                                                        \
  ({                                                                                               \
    void *host_ = INTERP_WRITABLE (address, (bits) / 8);                                           \
    interp_store_conditional (c, host_, (bits) / 8, (v));                                          \
  })
