/* SPDX-License-Identifier: GPL-3.0-or-later
 * Memory that may be refused: arrays that grow, and a set by open addressing. */
#include "core/base/base-memory.h"

#include <string.h>

#define LEAST_ITEMS 16
#define LEAST_SLOTS 64 /* powers of two */
/* No object is so large, and some allocators end the process when asked for it. */
#define TOO_MUCH ((size_t) PTRDIFF_MAX)

bool
dio_memory_grow (void *array, size_t *capacity, size_t needed, size_t item)
{
  void *memory;
  size_t bytes, wanted;
  if (needed <= *capacity)
    return true;
  if (__builtin_add_overflow (needed, needed / 2, &wanted)
      || __builtin_mul_overflow (MAX (wanted, LEAST_ITEMS), item, &bytes) || bytes >= TOO_MUCH)
    return false;
  memcpy (&memory, array, sizeof memory);
  memory = g_try_realloc (memory, bytes);
  if (!memory)
    return false;
  memcpy (array, &memory, sizeof memory);
  *capacity = bytes / item;
  return true;
}

bool
dio_memory_is_there (size_t length)
{
  g_autofree void *memory = length < TOO_MUCH ? g_try_malloc (length) : NULL;
  return memory || !length;
}

/* ---- Sets ---- */

void
dio_set_init (DioSet *set, size_t key_size)
{
  *set = (DioSet){ .key_size = key_size };
  /* So that nobody can choose keys that all want the same place. */
  set->seed = (uint64_t) g_random_int () << 32 | g_random_int ();
}

void
dio_set_clear (DioSet *set)
{
  g_clear_pointer (&set->slots, g_free);
  set->n_slots = set->n = 0;
  set->has_zeros = false;
}

static uint8_t *
slot_at (const DioSet *set, size_t index)
{
  return set->slots + index * set->key_size;
}

static bool
is_empty (const DioSet *set, const uint8_t *key)
{
  uint64_t head;
  memcpy (&head, key, sizeof head);
  return head == 0
         && (set->key_size == sizeof head || memcmp (key, key + 1, set->key_size - 1) == 0);
}

/* Where @key would lie if nothing were in the way: the finalizer of MurmurHash3 over its start. */
static size_t
home_of (const DioSet *set, const void *key)
{
  uint64_t hash;
  memcpy (&hash, key, sizeof hash);
  hash ^= set->seed;
  hash = (hash ^ hash >> 33) * UINT64_C (0xff51afd7ed558ccd);
  hash = (hash ^ hash >> 33) * UINT64_C (0xc4ceb9fe1a85ec53);
  return (size_t) (hash ^ hash >> 33) & (set->n_slots - 1);
}

/* The slot of @key, or the empty one where it belongs. */
static size_t
find_slot (const DioSet *set, const void *key)
{
  size_t index = home_of (set, key);
  while (!is_empty (set, slot_at (set, index))
         && memcmp (slot_at (set, index), key, set->key_size) != 0)
    index = (index + 1) & (set->n_slots - 1);
  return index;
}

bool
dio_set_reserve (DioSet *set, size_t more)
{
  size_t wanted;
  if (__builtin_add_overflow (set->n, more, &wanted) || wanted > SIZE_MAX / 4)
    return false;
  if (wanted <= set->n_slots / 2)
    return true;
  DioSet larger = *set;
  larger.n_slots = MAX (set->n_slots, LEAST_SLOTS);
  while (larger.n_slots / 2 < wanted)
    larger.n_slots *= 2;
  larger.slots = g_try_malloc0_n (larger.n_slots, larger.key_size);
  if (!larger.slots)
    return false;
  for (size_t i = 0; i < set->n_slots; i++) {
    const uint8_t *key = slot_at (set, i);
    if (!is_empty (set, key))
      memcpy (slot_at (&larger, find_slot (&larger, key)), key, set->key_size);
  }
  g_free (set->slots);
  *set = larger;
  return true;
}

bool
dio_set_contains (const DioSet *set, const void *key)
{
  if (is_empty (set, key))
    return set->has_zeros;
  return set->n && !is_empty (set, slot_at (set, find_slot (set, key)));
}

bool
dio_set_add (DioSet *set, const void *key)
{
  if (is_empty (set, key)) {
    bool new = !set->has_zeros;
    set->has_zeros = true;
    return new;
  }
  g_return_val_if_fail (set->n_slots, false);
  uint8_t *slot = slot_at (set, find_slot (set, key));
  if (!is_empty (set, slot))
    return false;
  g_return_val_if_fail (set->n < set->n_slots / 2, false);
  memcpy (slot, key, set->key_size);
  set->n++;
  return true;
}

/* Closes the gap at @gap: what lies behind it and belongs there or before moves up. */
static void
close_gap (DioSet *set, size_t gap)
{
  size_t mask = set->n_slots - 1;
  for (size_t next = (gap + 1) & mask; !is_empty (set, slot_at (set, next));
       next = (next + 1) & mask) {
    size_t home = home_of (set, slot_at (set, next));
    if (((next - home) & mask) < ((next - gap) & mask))
      continue;
    memcpy (slot_at (set, gap), slot_at (set, next), set->key_size);
    gap = next;
  }
  memset (slot_at (set, gap), 0, set->key_size);
}

bool
dio_set_remove (DioSet *set, const void *key)
{
  if (is_empty (set, key)) {
    bool there = set->has_zeros;
    set->has_zeros = false;
    return there;
  }
  if (!set->n)
    return false;
  size_t index = find_slot (set, key);
  if (is_empty (set, slot_at (set, index)))
    return false;
  close_gap (set, index);
  set->n--;
  return true;
}
