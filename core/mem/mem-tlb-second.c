/* SPDX-License-Identifier: GPL-3.0-or-later
 * The second level of the software TLB: direct-mapped, of all sets together. Compiled code does
 * what dio_tlb_second_find() does in code of its own (core/jit/x86_64/x64-refill.c). */
#include "core/mem/mem-tlb.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* No set has so high a number. */
#define NO_KEY UINT64_MAX

bool
dio_tlb_add_second (DioTlb *tlb, GError **error)
{
  const size_t size = DIO_TLB_SECOND_ENTRIES * sizeof (DioTlbSecond);
  void *entries;
  if (posix_memalign (&entries, size, size) != 0) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY, "%s",
                 _ ("This computer has not enough free memory for a CPU of the machine"));
    return false;
  }
  madvise (entries, size, MADV_HUGEPAGE); /* only speed is lost where it fails */
  tlb->second = entries;
  for (unsigned i = 0; i < DIO_TLB_SECOND_ENTRIES; i++)
    tlb->second[i] = (DioTlbSecond){ .key = NO_KEY };
  return true;
}

static DIO_ALWAYS_INLINE uint64_t
key_of (const DioTlbSet *set, DioGva va)
{
  return (va & ~DIO_PAGE_MASK) | set->number;
}

/* Sums, so that the slot of the next page is the next one. */
static DIO_ALWAYS_INLINE DioTlbSecond *
slot_of (const DioTlb *tlb, const DioTlbSet *set, DioGva va)
{
  uint64_t page = va >> DIO_PAGE_SHIFT;
  uint64_t index =
      page + (page >> DIO_TLB_SECOND_BITS) + ((uint64_t) set->number << DIO_TLB_SECOND_SALT);
  return &tlb->second[index & (DIO_TLB_SECOND_ENTRIES - 1)];
}

void
dio_tlb_second_fill (DioTlb *tlb, const DioTlbSet *set, DioGva va, uint64_t va_mask, DioGpa gpa,
                     const uint8_t *host, uint64_t ram_offset, unsigned permissions)
{
  bool local = permissions & DIO_TLB_LOCAL;
  *slot_of (tlb, set, va) = (DioTlbSecond){
    .key = key_of (set, va),
    .generation = set->generations[local],
    .local = local,
    .entry = dio_tlb_entry (va, host, permissions),
    .ram_offset = ram_offset,
    .page = (gpa & ~DIO_PAGE_MASK) | (unsigned) __builtin_ctzll (va_mask),
  };
}

unsigned
dio_tlb_second_permissions (const DioTlbSecond *found)
{
  const DioTlbEntry *entry = &found->entry;
  return (entry->read & DIO_TLB_INVALID ? 0 : DIO_TLB_READ)
         | (entry->write & DIO_TLB_INVALID ? 0 : DIO_TLB_WRITE)
         | (entry->execute & DIO_TLB_INVALID ? 0 : DIO_TLB_EXECUTE)
         | (found->local ? DIO_TLB_LOCAL : 0);
}

const DioTlbSecond *
dio_tlb_second_find (const DioTlb *tlb, const DioTlbSet *set, DioGva va, unsigned permissions)
{
  const DioTlbSecond *slot = slot_of (tlb, set, va);
  if (slot->key != key_of (set, va) || slot->generation != set->generations[slot->local]
      || (permissions & ~dio_tlb_second_permissions (slot)))
    return NULL;
  return slot;
}

void
dio_tlb_second_drop (DioTlb *tlb, const DioTlbSet *set, DioGva va)
{
  DioTlbSecond *slot = slot_of (tlb, set, va);
  if (slot->key == key_of (set, va))
    slot->key = NO_KEY;
}
