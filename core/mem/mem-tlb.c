/* SPDX-License-Identifier: GPL-3.0-or-later
 * Filling and flushing of the software TLB. */
#include "core/mem/mem-tlb.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

static const DioTlbEntry no_victim = {
  .read = DIO_TLB_INVALID,
  .write = DIO_TLB_INVALID,
  .execute = DIO_TLB_INVALID,
};

static DIO_ALWAYS_INLINE DioTlbEntry
get_entry (const DioTlbTable *table, unsigned index)
{
  return (DioTlbEntry){ .read = table->read[index],
                        .write = table->write[index],
                        .execute = table->execute[index],
                        .addend = table->addend[index] };
}

static DIO_ALWAYS_INLINE void
put_entry (DioTlbTable *table, unsigned index, const DioTlbEntry *entry)
{
  table->read[index] = entry->read;
  table->write[index] = entry->write;
  table->execute[index] = entry->execute;
  table->addend[index] = entry->addend;
}

/* @n entries from @first on become invalid. */
static DIO_ALWAYS_INLINE void
drop_entries (DioTlbTable *table, unsigned first, unsigned n)
{
  for (unsigned i = first; i < first + n; i++)
    table->read[i] = table->write[i] = table->execute[i] =
        dio_tlb_no_tag ((DioGva) i << DIO_PAGE_SHIFT);
}

static DIO_ALWAYS_INLINE bool
entry_is_of (const DioTlbEntry *entry, DioGva page)
{
  return entry->read == page || entry->write == page || entry->execute == page;
}

static DIO_ALWAYS_INLINE bool
entry_is_valid (const DioTlbEntry *entry)
{
  return (entry->read & entry->write & entry->execute & DIO_TLB_INVALID) == 0;
}

static DIO_ALWAYS_INLINE void
set_local (DioTlbSet *set, unsigned index, bool local)
{
  uint64_t bit = UINT64_C (1) << (index % 64);
  if (local)
    set->local[index / 64] |= bit;
  else
    set->local[index / 64] &= ~bit;
}

static DIO_ALWAYS_INLINE bool
is_local (const DioTlbSet *set, unsigned index)
{
  return (set->local[index / 64] >> (index % 64)) & 1;
}

void
dio_tlb_init_set (DioTlbSet *set, unsigned number)
{
  memset (set, 0, offsetof (DioTlbSet, table) + sizeof set->table); /* padding costs no memory */
  set->number = number;
  set->used = UINT64_MAX;
  set->victims_used = true;
  dio_tlb_flush_set (set);
}

bool
dio_tlb_init (DioTlb *tlb, unsigned n_sets, GError **error)
{
  *tlb = (DioTlb){ 0 };
  void *sets;
  if (posix_memalign (&sets, DIO_TLB_SET_ALIGNMENT, n_sets * sizeof (DioTlbSet)) != 0) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY, "%s",
                 _ ("This computer has not enough free memory for a CPU of the machine"));
    return false;
  }
  tlb->sets = sets;
  tlb->n_sets = n_sets;
  for (unsigned s = 0; s < n_sets; s++)
    dio_tlb_init_set (&tlb->sets[s], s);
  dio_tlb_select (tlb, 0, 0);
  return true;
}

void
dio_tlb_clear (DioTlb *tlb)
{
  for (unsigned s = 0; s < tlb->n_sets; s++)
    g_free (tlb->sets[s].jumps);
  free (tlb->second);
  free (tlb->sets);
  *tlb = (DioTlb){ 0 };
}

/* The mask of the smallest aligned range that covers both. */
static uint64_t
join_mask (DioGva base_a, uint64_t mask_a, DioGva base_b, uint64_t mask_b)
{
  uint64_t mask = mask_a & mask_b;
  uint64_t differ = base_a ^ base_b;
  return differ ? mask & ~(UINT64_MAX >> __builtin_clzll (differ)) : mask;
}

/* Remembers that @set holds slices of the big page at @va. When the list is full, the two ranges
 * that are nearest to each other become one: a guest kernel's direct map and its text stay apart,
 * and with them the addresses between. */
static void
note_big (DioTlbSet *set, DioGva va, uint64_t mask)
{
  for (unsigned i = 0; i < set->n_big; i++)
    if ((va & set->big[i].mask) == set->big[i].base
        && (mask & set->big[i].mask) == set->big[i].mask)
      return;
  set->big[set->n_big].base = va & mask;
  set->big[set->n_big].mask = mask;
  if (++set->n_big <= DIO_TLB_BIG)
    return;

  unsigned first = 0, second = 1;
  uint64_t best = 0;
  for (unsigned i = 0; i < set->n_big; i++)
    for (unsigned j = i + 1; j < set->n_big; j++) {
      uint64_t joined =
          join_mask (set->big[i].base, set->big[i].mask, set->big[j].base, set->big[j].mask);
      if (joined >= best) { /* more mask bits: a smaller range */
        best = joined;
        first = i;
        second = j;
      }
    }
  set->big[first].base &= best;
  set->big[first].mask = best;
  set->big[second] = set->big[--set->n_big];
}

/* Moves a first-level entry to the victim level. */
static DIO_ALWAYS_INLINE void
evict (DioTlbSet *set, unsigned index)
{
  unsigned v = set->victim_next++ % DIO_TLB_VICTIMS;
  set->victims[v] = get_entry (&set->table, index);
  set->victims_used = true;
  set->local_victims &= ~(1u << v);
  set->local_victims |= is_local (set, index) << v;
}

void
dio_tlb_fill (DioTlbSet *set, DioGva va, uint64_t va_mask, const uint8_t *host,
              unsigned permissions)
{
  DioGva page = va & ~DIO_PAGE_MASK;
  unsigned index = dio_tlb_index (va);
  DioTlbEntry entry = get_entry (&set->table, index);
  if (entry_is_valid (&entry) && !entry_is_of (&entry, page))
    evict (set, index);

  entry = dio_tlb_entry (va, host, permissions);
  put_entry (&set->table, index, &entry);
  set_local (set, index, permissions & DIO_TLB_LOCAL);
  set->used |= UINT64_C (1) << (index / DIO_TLB_GROUP_ENTRIES);
  if (va_mask != ~DIO_PAGE_MASK)
    note_big (set, va, va_mask);
}

bool
dio_tlb_recall (DioTlbSet *set, DioGva va, unsigned permissions)
{
  if (!set->victims_used)
    return false;
  DioGva page = va & ~DIO_PAGE_MASK;
  unsigned index = dio_tlb_index (va);
  for (unsigned v = 0; v < DIO_TLB_VICTIMS; v++) {
    DioTlbEntry found = set->victims[v];
    if (((permissions & DIO_TLB_READ) && found.read != page)
        || ((permissions & DIO_TLB_WRITE) && found.write != page)
        || ((permissions & DIO_TLB_EXECUTE) && found.execute != page))
      continue;
    bool local = (set->local_victims >> v) & 1;
    set->victims[v] = get_entry (&set->table, index);
    set->local_victims &= ~(1u << v);
    set->local_victims |= is_local (set, index) << v;
    put_entry (&set->table, index, &found);
    set_local (set, index, local);
    set->used |= UINT64_C (1) << (index / DIO_TLB_GROUP_ENTRIES);
    return true;
  }
  return false;
}

/* ---- Jump tables ---- */

static void
flush_jumps (DioTlbJumpTable *jumps)
{
  for (unsigned i = 0; i < DIO_TLB_JUMPS; i++)
    jumps->entries[i].target = DIO_TLB_NO_JUMP;
  jumps->used = jumps->local = false;
  for (unsigned i = 0; i < G_N_ELEMENTS (jumps->pages); i++)
    jumps->pages[i] = 0;
}

void
dio_tlb_add_jumps (DioTlb *tlb, unsigned set)
{
  DioTlbSet *of = &tlb->sets[set];
  of->jumps = g_new (DioTlbJumpTable, 1);
  flush_jumps (of->jumps);
  if (tlb->code_set == of)
    tlb->jumps = of->jumps->entries;
}

void
dio_tlb_fill_jump (DioTlb *tlb, DioGva va, const void *code)
{
  DioTlbJumpTable *jumps = tlb->code_set->jumps;
  if (!jumps)
    return;
  jumps->entries[dio_tlb_jump_index (va)] = (DioTlbJump){ .target = va, .code = code };
  jumps->used = true;
  jumps->local |= is_local (tlb->code_set, dio_tlb_index (va));
  unsigned bit = (va >> DIO_PAGE_SHIFT) & 255;
  jumps->pages[bit / 64] |= UINT64_C (1) << (bit % 64);
}

void
dio_tlb_flush_jumps (DioTlb *tlb)
{
  for (unsigned s = 0; s < tlb->n_sets; s++)
    if (tlb->sets[s].jumps && tlb->sets[s].jumps->used)
      flush_jumps (tlb->sets[s].jumps);
}

/* Only a few addresses of a page are in the table, but they may be anywhere in it. */
static void
flush_jumps_of_page (DioTlbJumpTable *jumps, DioGva page)
{
  unsigned bit = (page >> DIO_PAGE_SHIFT) & 255;
  if (!(jumps->pages[bit / 64] >> (bit % 64) & 1))
    return;
  for (unsigned i = 0; i < DIO_TLB_JUMPS; i++)
    if ((jumps->entries[i].target & ~DIO_PAGE_MASK) == page)
      jumps->entries[i].target = DIO_TLB_NO_JUMP;
}

/* ---- Flushes ---- */

void
dio_tlb_flush_set (DioTlbSet *set)
{
  set->generations[false]++;
  set->generations[true]++;
  if (set->jumps && set->jumps->used)
    flush_jumps (set->jumps);
  for (uint64_t used = set->used; used; used &= used - 1) {
    unsigned group = __builtin_ctzll (used);
    drop_entries (&set->table, group * DIO_TLB_GROUP_ENTRIES, DIO_TLB_GROUP_ENTRIES);
  }
  if (set->victims_used)
    for (unsigned v = 0; v < DIO_TLB_VICTIMS; v++)
      set->victims[v] = no_victim;
  set->used = 0;
  for (unsigned i = 0; i < G_N_ELEMENTS (set->local); i++)
    set->local[i] = 0;
  set->local_victims = 0;
  set->victims_used = false;
  set->n_big = 0;
}

void
dio_tlb_flush_all (DioTlb *tlb)
{
  for (unsigned s = 0; s < tlb->n_sets; s++)
    dio_tlb_flush_set (&tlb->sets[s]);
}

void
dio_tlb_flush_page (DioTlbSet *set, DioGva va)
{
  for (unsigned i = 0; i < set->n_big; i++)
    if ((va & set->big[i].mask) == set->big[i].base) {
      dio_tlb_flush_set (set);
      return;
    }
  DioGva page = va & ~DIO_PAGE_MASK;
  DioTlbEntry entry = get_entry (&set->table, dio_tlb_index (va));
  if (set->jumps)
    flush_jumps_of_page (set->jumps, page);
  if (entry_is_of (&entry, page))
    drop_entries (&set->table, dio_tlb_index (va), 1);
  if (set->victims_used)
    for (unsigned v = 0; v < DIO_TLB_VICTIMS; v++)
      if (entry_is_of (&set->victims[v], page))
        set->victims[v] = no_victim;
}

void
dio_tlb_flush_local (DioTlbSet *set)
{
  set->generations[true]++;
  if (set->jumps && set->jumps->local)
    flush_jumps (set->jumps);
  for (unsigned word = 0; word < G_N_ELEMENTS (set->local); word++) {
    for (uint64_t bits = set->local[word]; bits; bits &= bits - 1)
      drop_entries (&set->table, word * 64 + (unsigned) __builtin_ctzll (bits), 1);
    set->local[word] = 0;
  }
  for (unsigned bits = set->local_victims; bits; bits &= bits - 1)
    set->victims[__builtin_ctz (bits)] = no_victim;
  set->local_victims = 0;
}

static DIO_ALWAYS_INLINE void
drop_write (uint64_t *tag, uintptr_t addend, uint64_t no_tag, const uint8_t *host, DioRam *note)
{
  /* An invalid tag plus an addend is never page-aligned, so it equals no @host. */
  if (host ? *tag + addend != (uintptr_t) host : (*tag & DIO_TLB_INVALID) != 0)
    return;
  const uint8_t *page = (const uint8_t *) (*tag + addend);
  *tag = no_tag;
  if (note && page >= note->host && page < note->host + note->size)
    dio_ram_note_write (note, page - note->host, DIO_PAGE_SIZE);
}

void
dio_tlb_flush_write (DioTlb *tlb, const uint8_t *host, DioRam *note)
{
  for (unsigned s = 0; s < tlb->n_sets; s++) {
    DioTlbSet *set = &tlb->sets[s];
    DioTlbTable *table = &set->table;
    for (uint64_t used = set->used; used; used &= used - 1) {
      unsigned first = (unsigned) __builtin_ctzll (used) * DIO_TLB_GROUP_ENTRIES;
      for (unsigned i = first; i < first + DIO_TLB_GROUP_ENTRIES; i++)
        drop_write (&table->write[i], table->addend[i],
                    dio_tlb_no_tag ((DioGva) i << DIO_PAGE_SHIFT), host, note);
    }
    if (set->victims_used)
      for (unsigned v = 0; v < DIO_TLB_VICTIMS; v++)
        drop_write (&set->victims[v].write, set->victims[v].addend, DIO_TLB_INVALID, host, note);
  }
}
