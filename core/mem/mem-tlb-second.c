/* SPDX-License-Identifier: GPL-3.0-or-later
 * The second level of the software TLB: pages and blocks of pages, both direct-mapped and of all
 * sets together. Compiled code does what dio_tlb_second_find() does in code of its own
 * (core/jit/x86_64/x64-refill.c). */
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
  const size_t size_of_blocks = DIO_TLB_BLOCKS * sizeof (DioTlbSecond);
  void *entries;
  if (posix_memalign (&entries, size, size + size_of_blocks) != 0) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY, "%s",
                 _ ("This computer has not enough free memory for a CPU of the machine"));
    return false;
  }
  madvise (entries, size, MADV_HUGEPAGE); /* only speed is lost where it fails */
  tlb->second = entries;
  for (unsigned i = 0; i < DIO_TLB_SECOND_ENTRIES + DIO_TLB_BLOCKS; i++)
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

/* How far its page lies behind the start of its block. */
static DIO_ALWAYS_INLINE uint64_t
behind_of (uint64_t address)
{
  return address & DIO_TLB_BLOCK_MASK & ~DIO_PAGE_MASK;
}

static DIO_ALWAYS_INLINE uint64_t
key_of_block (const DioTlbSet *set, DioGva va)
{
  return (va & ~DIO_TLB_BLOCK_MASK) | set->number;
}

static DIO_ALWAYS_INLINE DioTlbSecond *
slot_of_block (const DioTlb *tlb, const DioTlbSet *set, DioGva va)
{
  uint64_t index = (va >> DIO_TLB_BLOCK_SHIFT) + ((uint64_t) set->number << DIO_TLB_BLOCK_SALT);
  return &tlb->second[DIO_TLB_SECOND_ENTRIES + (index & (DIO_TLB_BLOCKS - 1))];
}

void
dio_tlb_second_fill (DioTlb *tlb, const DioTlbSet *set, DioGva va, uint64_t va_mask, DioGpa gpa,
                     const uint8_t *host, uint64_t ram_offset, unsigned permissions, bool block)
{
  bool local = permissions & DIO_TLB_LOCAL;
  uint64_t behind = block ? behind_of (va) : 0;
  DioTlbSecond *slot = slot_of_block (tlb, set, va);
  if (!block) {
    /* One that is no longer valid would keep the page from being found. */
    if (slot->key == key_of_block (set, va))
      slot->key = NO_KEY;
    slot = slot_of (tlb, set, va);
  }
  *slot = (DioTlbSecond){
    .key = key_of (set, va - behind),
    .generation = set->generations[local],
    .local = local,
    .entry = dio_tlb_entry (va - behind, host - behind, permissions),
    .ram_offset = ram_offset - behind,
    .page = ((gpa & ~DIO_PAGE_MASK) - behind) | (unsigned) __builtin_ctzll (va_mask),
  };
}

bool
dio_tlb_is_block (DioSpace *space, uint64_t va_mask, DioGpa gpa, const uint8_t *host)
{
  if (va_mask & DIO_TLB_BLOCK_MASK)
    return false;
  const uint8_t *start = dio_dma_map (space, gpa & ~DIO_TLB_BLOCK_MASK, DIO_TLB_BLOCK_SIZE, false);
  return start && start + behind_of (gpa) == host;
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

/* What is said of the page that lies @behind bytes after the first one of the block. */
static void
move_to_page (DioTlbSecond *found, uint64_t behind)
{
  found->entry.read += behind;
  found->entry.write += behind;
  found->entry.execute += behind;
  found->ram_offset += behind;
  found->page += behind;
}

/* A block goes before a page. */
bool
dio_tlb_second_find (const DioTlb *tlb, const DioTlbSet *set, DioGva va, unsigned permissions,
                     DioTlbSecond *found)
{
  const DioTlbSecond *slot = slot_of_block (tlb, set, va);
  bool is_block = slot->key == key_of_block (set, va);
  if (!is_block)
    slot = slot_of (tlb, set, va);
  if ((!is_block && slot->key != key_of (set, va))
      || slot->generation != set->generations[slot->local]
      || (permissions & ~dio_tlb_second_permissions (slot)))
    return false;
  *found = *slot;
  if (is_block)
    move_to_page (found, behind_of (va));
  return true;
}

void
dio_tlb_second_drop (DioTlb *tlb, const DioTlbSet *set, DioGva va)
{
  DioTlbSecond *page = slot_of (tlb, set, va), *block = slot_of_block (tlb, set, va);
  if (page->key == key_of (set, va))
    page->key = NO_KEY;
  if (block->key == key_of_block (set, va))
    block->key = NO_KEY;
}
