/* SPDX-License-Identifier: GPL-3.0-or-later
 * The driver's side of a virtqueue, for tests (virtio 1.3 sections 2.7 and 2.8). */
#include "tests/hw/virtio/driver-ring.h"

#include <glib.h>
#include <string.h>

enum {
  NEXT = 1,
  WRITE = 2,
  INDIRECT = 4,
  AVAIL = 1 << 7,
  USED = 1 << 15,
};

DioGpa
arena_alloc (Arena *arena, uint64_t size, uint64_t alignment)
{
  uint64_t at = (arena->next + alignment - 1) & ~(alignment - 1);

  g_assert_cmpuint (at + size, <=, arena->ram->size);
  arena->next = at + size;
  return arena->base + at;
}

void *
arena_at (Arena *arena, DioGpa gpa)
{
  return arena->ram->host + (gpa - arena->base);
}

static uint16_t *
half (DriverRing *ring, DioGpa gpa)
{
  return arena_at (ring->arena, gpa);
}

static uint16_t
load (DriverRing *ring, DioGpa gpa)
{
  return __atomic_load_n (half (ring, gpa), __ATOMIC_ACQUIRE);
}

static void
store (DriverRing *ring, DioGpa gpa, uint16_t value)
{
  __atomic_store_n (half (ring, gpa), value, __ATOMIC_RELEASE);
}

void
driver_ring_init (DriverRing *ring, Arena *arena, uint16_t size, bool packed, bool event_idx)
{
  memset (ring, 0, sizeof *ring);
  ring->arena = arena;
  ring->size = size;
  ring->packed = packed;
  ring->event_idx = event_idx;
  ring->desc = arena_alloc (arena, 16 * (uint64_t) size, 4096);
  ring->driver = arena_alloc (arena, packed ? 4 : 6 + 2 * (uint64_t) size, 4096);
  ring->device = arena_alloc (arena, packed ? 4 : 6 + 8 * (uint64_t) size, 4096);
  memset (arena_at (arena, ring->desc), 0, 16 * (size_t) size);
  memset (arena_at (arena, ring->driver), 0, packed ? 4 : 6 + 2 * (size_t) size);
  memset (arena_at (arena, ring->device), 0, packed ? 4 : 6 + 8 * (size_t) size);
  ring->n_free = size;
  for (unsigned i = 0; i < size; i++) {
    ring->free_ids[i] = (uint16_t) (size - 1 - i);
    ring->next_desc[i] = (uint16_t) (i + 1);
  }
  ring->n_free_ids = size;
  ring->avail_wrap = ring->used_wrap = true;
}

static void
write_desc (void *at, DioGpa gpa, uint32_t length, uint16_t c, uint16_t d)
{
  uint8_t *p = at;

  memcpy (p, &gpa, 8);
  memcpy (p + 8, &length, 4);
  memcpy (p + 12, &c, 2);
  memcpy (p + 14, &d, 2);
}

/* A table of @n descriptors somewhere else. */
static DioGpa
make_table (DriverRing *ring, const Sg *sg, unsigned n)
{
  DioGpa table = arena_alloc (ring->arena, 16 * (uint64_t) n, 16);

  for (unsigned i = 0; i < n; i++) {
    uint16_t flags = sg[i].write ? WRITE : 0;
    uint8_t *at = (uint8_t *) arena_at (ring->arena, table) + 16 * (size_t) i;

    if (ring->packed)
      write_desc (at, sg[i].gpa, sg[i].length, 0, flags);
    else
      write_desc (at, sg[i].gpa, sg[i].length, flags | (i + 1 < n ? NEXT : 0), (uint16_t) (i + 1));
  }
  return table;
}

static int
add_split (DriverRing *ring, const Sg *sg, unsigned n, DioGpa table)
{
  uint16_t head = ring->free_head, index = head;
  unsigned count = table ? 1 : n;

  for (unsigned i = 0; i < count; i++) {
    void *at = (uint8_t *) arena_at (ring->arena, ring->desc) + 16 * (size_t) index;
    uint16_t next = ring->next_desc[index];

    if (table)
      write_desc (at, table, 16 * n, INDIRECT, 0);
    else
      write_desc (at, sg[i].gpa, sg[i].length, (sg[i].write ? WRITE : 0) | (i + 1 < n ? NEXT : 0),
                  next);
    ring->free_head = next;
    if (i + 1 < count)
      index = next;
  }
  ring->slots[head] = (uint16_t) count;
  ring->n_free -= count;
  store (ring, ring->driver + 4 + 2 * (uint64_t) (ring->avail % ring->size), head);
  ring->avail++;
  store (ring, ring->driver + 2, ring->avail);
  return head;
}

static int
add_packed (DriverRing *ring, const Sg *sg, unsigned n, DioGpa table)
{
  uint16_t id = ring->free_ids[--ring->n_free_ids];
  unsigned count = table ? 1 : n;
  uint16_t first = ring->avail, first_flags = 0;

  for (unsigned i = 0; i < count; i++) {
    uint8_t *at = (uint8_t *) arena_at (ring->arena, ring->desc) + 16 * (size_t) ring->avail;
    uint16_t flags = ring->avail_wrap ? AVAIL : USED;

    if (table)
      flags |= INDIRECT;
    else
      flags |= (sg[i].write ? WRITE : 0) | (i + 1 < n ? NEXT : 0);
    /* The flags of the first descriptor come last: they publish the chain. */
    if (i == 0)
      first_flags = flags;
    write_desc (at, table ? table : sg[i].gpa, table ? 16 * n : sg[i].length, id,
                i == 0 ? load (ring, ring->desc + 16 * (uint64_t) first + 14) : flags);
    if (++ring->avail == ring->size) {
      ring->avail = 0;
      ring->avail_wrap = !ring->avail_wrap;
    }
  }
  ring->slots[id] = (uint16_t) count;
  ring->n_free -= count;
  ring->added += count;
  store (ring, ring->desc + 16 * (uint64_t) first + 14, first_flags);
  return id;
}

int
driver_ring_add (DriverRing *ring, const Sg *sg, unsigned n, bool indirect)
{
  DioGpa table;

  if (ring->n_free < (indirect ? 1 : n))
    return -1;
  table = indirect ? make_table (ring, sg, n) : 0;
  return ring->packed ? add_packed (ring, sg, n, table) : add_split (ring, sg, n, table);
}

static bool
passed (uint16_t event, uint16_t now, uint16_t before)
{
  return (uint16_t) (now - event - 1) < (uint16_t) (now - before);
}

bool
driver_ring_needs_kick (DriverRing *ring)
{
  bool wanted;

  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  if (ring->packed) {
    uint16_t where = load (ring, ring->device), flags = load (ring, ring->device + 2);
    uint16_t event = where & 0x7fff;

    if ((where >> 15) != ring->avail_wrap)
      event -= ring->size;
    wanted = flags == 2 ? passed (event, ring->avail, ring->avail - ring->added) : flags == 0;
    wanted = wanted && ring->added;
    ring->added = 0;
  } else {
    if (ring->event_idx)
      wanted = passed (load (ring, ring->device + 4 + 8 * (uint64_t) ring->size), ring->avail,
                       ring->kicked);
    else
      wanted = !(load (ring, ring->device) & 1);
    wanted = wanted && ring->avail != ring->kicked;
    ring->kicked = ring->avail;
  }
  return wanted;
}

static bool
get_split (DriverRing *ring, int *token, uint32_t *length)
{
  uint32_t entry[2];
  uint16_t index;

  if (load (ring, ring->device + 2) == ring->last_used)
    return false;
  memcpy (entry,
          arena_at (ring->arena, ring->device + 4 + 8 * (uint64_t) (ring->last_used % ring->size)),
          8);
  ring->last_used++;
  g_assert_cmpuint (entry[0], <, ring->size);
  *token = (int) entry[0];
  *length = entry[1];
  /* The chain goes back to the free list. */
  index = (uint16_t) entry[0];
  for (unsigned i = 1; i < ring->slots[entry[0]]; i++)
    index = ring->next_desc[index];
  ring->next_desc[index] = ring->free_head;
  ring->free_head = (uint16_t) entry[0];
  return true;
}

static bool
get_packed (DriverRing *ring, int *token, uint32_t *length)
{
  DioGpa slot = ring->desc + 16 * (uint64_t) ring->last_used;
  uint16_t flags = load (ring, slot + 14), id;

  if (!!(flags & AVAIL) != ring->used_wrap || !!(flags & USED) != ring->used_wrap)
    return false;
  memcpy (length, arena_at (ring->arena, slot + 8), 4);
  id = load (ring, slot + 12);
  g_assert_cmpuint (id, <, ring->size);
  *token = id;
  ring->last_used += ring->slots[id];
  if (ring->last_used >= ring->size) {
    ring->last_used -= ring->size;
    ring->used_wrap = !ring->used_wrap;
  }
  ring->free_ids[ring->n_free_ids++] = id;
  return true;
}

bool
driver_ring_get (DriverRing *ring, int *token, uint32_t *length)
{
  if (!(ring->packed ? get_packed (ring, token, length) : get_split (ring, token, length)))
    return false;
  g_assert_cmpuint (ring->slots[*token], >, 0); /* it was ours to give back */
  ring->n_free += ring->slots[*token];
  ring->slots[*token] = 0;
  return true;
}

void
driver_ring_want_interrupt (DriverRing *ring, bool want)
{
  if (ring->packed) {
    if (want && ring->event_idx)
      store (ring, ring->driver, ring->last_used | (uint16_t) (ring->used_wrap << 15));
    store (ring, ring->driver + 2, !want ? 1 : ring->event_idx ? 2 : 0);
  } else if (ring->event_idx) {
    /* An event index half a cycle away does not come. */
    store (ring, ring->driver + 4 + 2 * (uint64_t) ring->size,
           want ? ring->last_used : ring->last_used - 1);
  } else {
    store (ring, ring->driver, !want);
  }
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
}
