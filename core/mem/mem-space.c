/* SPDX-License-Identifier: GPL-3.0-or-later
 * The guest-physical address space.
 *
 * Two views, of which one is current. `sequence` counts the changes, its lowest bit says which view
 * is current. A reader remembers the sequence, searches, and looks whether the sequence is still
 * the same; a view is only written again by the change after the one that retired it, so one change
 * during a look-up already sends the reader back, before it could use anything half written. Views
 * that became too small are kept until the end: their sizes double, so that this is bounded.
 *
 * A thread inside a region's ops is on record in one of the slots, for dio_space_unmap_io(): it
 * takes the region's lock, takes a slot, and looks at the sequence once more. Both sides use
 * sequentially consistent accesses, so either the thread sees the change and leaves again, or the
 * unmapping thread sees the slot and waits. Threads that still wait for the region's lock need no
 * waiting for; therefore a device may unmap a region while holding that region's lock. */
#include "core/mem/mem-space.h"

#include <glib.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

enum {
  SLOTS = 128, /* threads inside ops at one time; more wait */
  INITIAL_CAPACITY = 32,
};

typedef struct {
  _Atomic DioGpa start;
  _Atomic DioGpa last;
  _Atomic (DioRegion *) region; /* of I/O, else NULL */
  _Atomic (DioRam *) ram;
  _Atomic uint64_t ram_offset;
  _Atomic bool readonly;
} Entry;

typedef struct {
  uint32_t capacity;
  _Atomic uint32_t count;
  Entry entries[];
} View;

/* What a look-up found, copied out of the view. */
typedef struct {
  DioGpa start;
  DioGpa last;
  DioRegion *region;
  DioRam *ram; /* both NULL: nothing there up to and including `last` */
  uint64_t ram_offset;
  bool readonly;
  uint64_t sequence;
} Found;

typedef struct {
  _Atomic (DioRegion *) region;
  _Atomic uintptr_t owner; /* 0 while not known */
} __attribute__ ((aligned (64))) Slot;

struct DioSpace {
  _Atomic uint64_t sequence;
  _Atomic (View *) views[2];
  Slot slots[SLOTS];

  pthread_mutex_t lock; /* of those who change */
  GArray *ranges;       /* of Found, sorted: what the current view says */
  GPtrArray *outgrown;  /* of View */
};

/* ---- Reading ---- */

#define get_relaxed(object) atomic_load_explicit (&(object), memory_order_relaxed)
#define set_relaxed(object, value) atomic_store_explicit (&(object), (value), memory_order_relaxed)

/* Finds what covers @gpa in @view; all of it may be nonsense if the view changes meanwhile. */
static Found
search (View *view, DioGpa gpa)
{
  uint32_t low = 0;
  uint32_t count = get_relaxed (view->count);
  uint32_t high = MIN (count, view->capacity);
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (get_relaxed (view->entries[middle].last) < gpa)
      low = middle + 1;
    else
      high = middle;
  }

  Found found = { .start = gpa, .last = UINT64_MAX };
  if (low >= MIN (count, view->capacity))
    return found;
  Entry *entry = &view->entries[low];
  DioGpa start = get_relaxed (entry->start);
  if (start > gpa) {
    found.last = start - 1;
    return found;
  }
  found.start = start;
  found.last = get_relaxed (entry->last);
  found.region = get_relaxed (entry->region);
  found.ram = get_relaxed (entry->ram);
  found.ram_offset = get_relaxed (entry->ram_offset);
  found.readonly = get_relaxed (entry->readonly);
  return found;
}

static Found
look_up (DioSpace *space, DioGpa gpa)
{
  for (;;) {
    uint64_t sequence = atomic_load_explicit (&space->sequence, memory_order_acquire);
    View *view = atomic_load_explicit (&space->views[sequence & 1], memory_order_acquire);
    Found found = search (view, gpa);
    atomic_thread_fence (memory_order_acquire);
    if (DIO_LIKELY (get_relaxed (space->sequence) == sequence)) {
      found.sequence = sequence;
      return found;
    }
  }
}

DioPageInfo
dio_space_lookup_page (DioSpace *space, DioGpa gpa)
{
  DioGpa page = gpa & ~DIO_PAGE_MASK;
  DioPageInfo info = { 0 };
  Found found = look_up (space, page);
  bool whole = found.last - page >= DIO_PAGE_SIZE - 1;
  if (found.ram && whole) {
    info.ram = found.ram;
    info.ram_offset = found.ram_offset + (page - found.start);
    info.readonly = found.readonly;
    dio_ram_make_present (info.ram, info.ram_offset, DIO_PAGE_SIZE);
  } else {
    info.io = found.ram || found.region || !whole;
  }
  return info;
}

/* ---- Region ops: width, alignment, order of bytes ---- */

static uint64_t
swap_bytes (uint64_t value, unsigned size)
{
  return __builtin_bswap64 (value) >> (64 - size * 8);
}

static uint64_t
mask_of (unsigned size)
{
  return size >= 8 ? UINT64_MAX : (UINT64_C (1) << (size * 8)) - 1;
}

/* One access as declared; the value has the byte of the lowest address in its lowest bits. */
static uint64_t
device_read (DioRegion *region, uint64_t offset, unsigned size)
{
  if (!region->ops->read)
    return 0;
  uint64_t value = region->ops->read (region->opaque, offset, size) & mask_of (size);
  return region->ops->endian == DIO_ENDIAN_BIG ? swap_bytes (value, size) : value;
}

static void
device_write (DioRegion *region, uint64_t offset, uint64_t value, unsigned size)
{
  if (!region->ops->write)
    return;
  if (region->ops->endian == DIO_ENDIAN_BIG)
    value = swap_bytes (value, size);
  region->ops->write (region->opaque, offset, value & mask_of (size), size);
}

/* The next piece of an access: @width bytes at @base go to the device, of which @take bytes from
 * @skip on belong to the access. */
typedef struct {
  uint64_t base;
  unsigned width;
  unsigned skip;
  unsigned take;
} Piece;

static Piece
next_piece (const DioRegionOps *ops, uint64_t offset, unsigned remaining)
{
  unsigned min = ops->min_access ? ops->min_access : 1;
  unsigned max = ops->max_access ? ops->max_access : 8;
  unsigned width = max;
  while (width > min && (width > remaining || offset % width))
    width /= 2;
  unsigned skip = (unsigned) (offset % width);
  return (Piece){
    .base = offset - skip,
    .width = width,
    .skip = skip,
    .take = MIN (width - skip, remaining),
  };
}

static uint64_t
region_read (DioRegion *region, uint64_t offset, unsigned size)
{
  uint64_t value = 0;
  for (unsigned done = 0; done < size;) {
    Piece piece = next_piece (region->ops, offset + done, size - done);
    uint64_t got = device_read (region, piece.base, piece.width) >> (piece.skip * 8);
    value |= (got & mask_of (piece.take)) << (done * 8);
    done += piece.take;
  }
  return value;
}

static void
region_write (DioRegion *region, uint64_t offset, unsigned size, uint64_t value)
{
  for (unsigned done = 0; done < size;) {
    Piece piece = next_piece (region->ops, offset + done, size - done);
    uint64_t wanted = (value >> (done * 8)) & mask_of (piece.take);
    uint64_t whole = wanted << (piece.skip * 8);
    if (piece.take < piece.width && region->ops->rmw)
      whole |= device_read (region, piece.base, piece.width)
               & ~(mask_of (piece.take) << (piece.skip * 8));
    device_write (region, piece.base, whole, piece.width);
    done += piece.take;
  }
}

/* ---- Being inside a region ---- */

static Slot *
take_slot (DioSpace *space, DioRegion *region)
{
  uintptr_t self = (uintptr_t) pthread_self ();
  /* Stacks of threads lie megabytes apart: the hash spreads them. */
  unsigned first = (unsigned) (((uint64_t) self * UINT64_C (0x9e3779b97f4a7c15)) >> 57);
  for (unsigned i = first;; i++) {
    Slot *slot = &space->slots[i % SLOTS];
    DioRegion *expected = NULL;
    if (!get_relaxed (slot->region)
        && atomic_compare_exchange_strong (&slot->region, &expected, region)) {
      set_relaxed (slot->owner, self);
      return slot;
    }
    if (i == first + SLOTS - 1)
      sched_yield ();
  }
}

static void
leave_slot (Slot *slot)
{
  set_relaxed (slot->owner, 0);
  atomic_store_explicit (&slot->region, NULL, memory_order_release);
}

/* False: the mapping changed before the thread got in; look up again. */
static bool
enter (DioSpace *space, const Found *found, Slot **slot)
{
  DioRegion *region = found->region;
  if (region->lock)
    pthread_mutex_lock (region->lock);
  *slot = take_slot (space, region);
  if (DIO_LIKELY (atomic_load (&space->sequence) == found->sequence))
    return true;
  leave_slot (*slot);
  if (region->lock)
    pthread_mutex_unlock (region->lock);
  return false;
}

static void
leave (DioRegion *region, Slot *slot)
{
  leave_slot (slot);
  if (region->lock)
    pthread_mutex_unlock (region->lock);
}

/* ---- CPU accesses ---- */

static uint64_t
ram_read (const uint8_t *host, unsigned size)
{
  uint64_t value = 0;
  if ((uintptr_t) host % size) {
    memcpy (&value, host, size);
    return GUINT64_FROM_LE (value);
  }
  /* Aligned accesses are single-copy atomic, as guests with several vCPUs expect. */
  switch (size) {
  case 1:
    return __atomic_load_n (host, __ATOMIC_RELAXED);
  case 2:
    return GUINT16_FROM_LE (
        __atomic_load_n ((const uint16_t *) (const void *) host, __ATOMIC_RELAXED));
  case 4:
    return GUINT32_FROM_LE (
        __atomic_load_n ((const uint32_t *) (const void *) host, __ATOMIC_RELAXED));
  default:
    return GUINT64_FROM_LE (
        __atomic_load_n ((const uint64_t *) (const void *) host, __ATOMIC_RELAXED));
  }
}

static void
ram_write (uint8_t *host, unsigned size, uint64_t value)
{
  if ((uintptr_t) host % size) {
    value = GUINT64_TO_LE (value);
    memcpy (host, &value, size);
    return;
  }
  switch (size) {
  case 1:
    __atomic_store_n (host, (uint8_t) value, __ATOMIC_RELAXED);
    break;
  case 2:
    __atomic_store_n ((uint16_t *) (void *) host, GUINT16_TO_LE ((uint16_t) value),
                      __ATOMIC_RELAXED);
    break;
  case 4:
    __atomic_store_n ((uint32_t *) (void *) host, GUINT32_TO_LE ((uint32_t) value),
                      __ATOMIC_RELAXED);
    break;
  default:
    __atomic_store_n ((uint64_t *) (void *) host, GUINT64_TO_LE (value), __ATOMIC_RELAXED);
    break;
  }
}

/* Of an access that is partly in one thing and partly in another each byte goes its own way, but
 * only if there is something under every byte. */
static bool
all_there (DioSpace *space, DioGpa gpa, unsigned size)
{
  for (unsigned i = 0; i < size; i++) {
    Found found = look_up (space, gpa + i);
    if (!found.ram && !found.region)
      return false;
  }
  return true;
}

static DioAccess
read_straddling (DioSpace *space, DioGpa gpa, unsigned size, uint64_t *value)
{
  uint64_t result = 0;
  if (size == 1 || !all_there (space, gpa, size))
    return DIO_ACCESS_FAULT;
  for (unsigned i = 0; i < size; i++) {
    uint64_t byte;
    if (dio_space_read (space, gpa + i, 1, &byte) != DIO_ACCESS_OK)
      return DIO_ACCESS_FAULT;
    result |= byte << (i * 8);
  }
  *value = result;
  return DIO_ACCESS_OK;
}

static DioAccess
write_straddling (DioSpace *space, DioGpa gpa, unsigned size, uint64_t value)
{
  if (size == 1 || !all_there (space, gpa, size))
    return DIO_ACCESS_FAULT;
  for (unsigned i = 0; i < size; i++)
    if (dio_space_write (space, gpa + i, 1, (value >> (i * 8)) & 0xff) != DIO_ACCESS_OK)
      return DIO_ACCESS_FAULT;
  return DIO_ACCESS_OK;
}

DioAccess
dio_space_read (DioSpace *space, DioGpa gpa, unsigned size, uint64_t *value)
{
  for (;;) {
    Found found = look_up (space, gpa);
    if ((!found.ram && !found.region) || size - 1 > found.last - gpa)
      return read_straddling (space, gpa, size, value);
    if (found.ram) {
      uint64_t offset = found.ram_offset + (gpa - found.start);
      dio_ram_make_present (found.ram, offset, size);
      *value = ram_read (found.ram->host + offset, size);
      return DIO_ACCESS_OK;
    }
    Slot *slot;
    if (!enter (space, &found, &slot))
      continue;
    *value = region_read (found.region, gpa - found.start, size);
    leave (found.region, slot);
    return DIO_ACCESS_OK;
  }
}

DioAccess
dio_space_write (DioSpace *space, DioGpa gpa, unsigned size, uint64_t value)
{
  for (;;) {
    Found found = look_up (space, gpa);
    if ((!found.ram && !found.region) || size - 1 > found.last - gpa)
      return write_straddling (space, gpa, size, value);
    if (found.ram) {
      if (found.readonly)
        return DIO_ACCESS_OK;
      uint64_t offset = found.ram_offset + (gpa - found.start);
      dio_ram_make_present (found.ram, offset, size);
      dio_ram_begin_write (found.ram, offset, size);
      ram_write (found.ram->host + offset, size, value);
      dio_ram_note_write (found.ram, offset, size);
      return DIO_ACCESS_OK;
    }
    Slot *slot;
    if (!enter (space, &found, &slot))
      continue;
    region_write (found.region, gpa - found.start, size, value);
    leave (found.region, slot);
    return DIO_ACCESS_OK;
  }
}

/* ---- DMA ---- */

/* The RAM at @gpa: its host address, and in *run how many of @length bytes follow there; ready to
 * be read or, @for_write, written. */
static uint8_t *
dma_run (DioSpace *space, DioGpa gpa, uint64_t length, bool for_write, Found *found, uint64_t *run)
{
  *found = look_up (space, gpa);
  if (!found->ram || (for_write && found->readonly))
    return NULL;
  *run = MIN (length - 1, found->last - gpa) + 1;
  uint64_t offset = found->ram_offset + (gpa - found->start);
  dio_ram_make_present (found->ram, offset, *run);
  if (for_write)
    dio_ram_begin_write (found->ram, offset, *run);
  return found->ram->host + offset;
}

static bool
dma_wraps (DioGpa gpa, uint64_t length)
{
  return length && gpa + (length - 1) < gpa;
}

bool
dio_dma_read (DioSpace *space, DioGpa gpa, void *data, uint64_t length)
{
  uint8_t *to = data;
  if (dma_wraps (gpa, length))
    return false;
  while (length) {
    Found found;
    uint64_t run;
    const uint8_t *host = dma_run (space, gpa, length, false, &found, &run);
    if (!host)
      return false;
    memcpy (to, host, run);
    to += run;
    gpa += run;
    length -= run;
  }
  return true;
}

bool
dio_dma_write (DioSpace *space, DioGpa gpa, const void *data, uint64_t length)
{
  const uint8_t *from = data;
  if (dma_wraps (gpa, length))
    return false;
  while (length) {
    Found found;
    uint64_t run;
    uint8_t *host = dma_run (space, gpa, length, true, &found, &run);
    if (!host)
      return false;
    memcpy (host, from, run);
    dio_ram_note_write (found.ram, found.ram_offset + (gpa - found.start), run);
    from += run;
    gpa += run;
    length -= run;
  }
  return true;
}

uint8_t *
dio_dma_map (DioSpace *space, DioGpa gpa, uint64_t length, bool for_write)
{
  Found found;
  uint64_t run;
  if (!length || dma_wraps (gpa, length))
    return NULL;
  uint8_t *host = dma_run (space, gpa, length, for_write, &found, &run);
  return host && run == length ? host : NULL;
}

void
dio_dma_begin_write (DioSpace *space, DioGpa gpa, uint64_t length)
{
  if (dma_wraps (gpa, length))
    return;
  while (length) {
    Found found;
    uint64_t run;
    if (!dma_run (space, gpa, length, true, &found, &run))
      return;
    gpa += run;
    length -= run;
  }
}

void
dio_dma_note_write (DioSpace *space, DioGpa gpa, uint64_t length)
{
  if (dma_wraps (gpa, length))
    return;
  while (length) {
    Found found = look_up (space, gpa);
    if (!found.ram || found.readonly)
      return;
    uint64_t run = MIN (length - 1, found.last - gpa) + 1;
    dio_ram_note_write (found.ram, found.ram_offset + (gpa - found.start), run);
    gpa += run;
    length -= run;
  }
}

/* ---- Changing ---- */

static View *
view_new (uint32_t capacity)
{
  View *view = g_malloc0 (sizeof (View) + capacity * sizeof (Entry));
  view->capacity = capacity;
  return view;
}

/* Makes space->ranges what readers see. */
static void
publish_locked (DioSpace *space)
{
  uint64_t sequence = get_relaxed (space->sequence) + 1;
  View *view = get_relaxed (space->views[sequence & 1]);
  uint32_t count = space->ranges->len;
  if (count > view->capacity) {
    g_ptr_array_add (space->outgrown, view);
    view = view_new (MAX (count, view->capacity * 2));
    atomic_store_explicit (&space->views[sequence & 1], view, memory_order_release);
  }

  /* Readers of this view from two changes ago must find the sequence changed before they can find
   * the new contents; the fence keeps that order. */
  atomic_thread_fence (memory_order_release);
  for (uint32_t i = 0; i < count; i++) {
    const Found *range = &g_array_index (space->ranges, Found, i);
    Entry *entry = &view->entries[i];
    set_relaxed (entry->start, range->start);
    set_relaxed (entry->last, range->last);
    set_relaxed (entry->region, range->region);
    set_relaxed (entry->ram, range->ram);
    set_relaxed (entry->ram_offset, range->ram_offset);
    set_relaxed (entry->readonly, range->readonly);
  }
  set_relaxed (view->count, count);
  atomic_store (&space->sequence, sequence);
}

static bool
insert_locked (DioSpace *space, const Found *range)
{
  guint position = 0;
  for (; position < space->ranges->len; position++) {
    const Found *other = &g_array_index (space->ranges, Found, position);
    if (other->start > range->last)
      break;
    if (other->last >= range->start)
      return false;
  }
  g_array_insert_val (space->ranges, position, *range);
  publish_locked (space);
  return true;
}

void
dio_space_map_ram (DioSpace *space, DioGpa gpa, DioRam *ram, uint64_t offset, uint64_t length,
                   bool readonly)
{
  g_return_if_fail (length > 0 && length <= ram->size && offset <= ram->size - length);
  g_return_if_fail (gpa + (length - 1) >= gpa);

  Found range = {
    .start = gpa,
    .last = gpa + (length - 1),
    .ram = ram,
    .ram_offset = offset,
    .readonly = readonly,
  };
  pthread_mutex_lock (&space->lock);
  bool inserted = insert_locked (space, &range);
  pthread_mutex_unlock (&space->lock);
  if (!inserted)
    g_critical ("RAM at 0x%" G_GINT64_MODIFIER "x overlaps another mapping", gpa);
}

static bool
width_is_valid (unsigned width)
{
  return width <= 8 && !(width & (width - 1));
}

static bool
region_is_valid (const DioRegion *region)
{
  unsigned min = region->ops->min_access;
  unsigned max = region->ops->max_access ? region->ops->max_access : 8;
  return width_is_valid (min) && width_is_valid (max) && min <= max
         && region->size % MAX (min, 1) == 0;
}

bool
dio_space_map_io (DioSpace *space, DioGpa gpa, DioRegion *region)
{
  g_return_val_if_fail (region_is_valid (region), false);
  if (!region->size || gpa + (region->size - 1) < gpa)
    return false;

  Found range = { .start = gpa, .last = gpa + (region->size - 1), .region = region };
  pthread_mutex_lock (&space->lock);
  bool free_region = true;
  for (guint i = 0; i < space->ranges->len; i++)
    free_region &= g_array_index (space->ranges, Found, i).region != region;
  bool inserted = free_region && insert_locked (space, &range);
  pthread_mutex_unlock (&space->lock);
  return inserted;
}

static bool
remove_locked (DioSpace *space, DioRegion *region)
{
  for (guint i = 0; i < space->ranges->len; i++)
    if (g_array_index (space->ranges, Found, i).region == region) {
      g_array_remove_index (space->ranges, i);
      publish_locked (space);
      return true;
    }
  return false;
}

void
dio_space_unmap_io (DioSpace *space, DioRegion *region)
{
  pthread_mutex_lock (&space->lock);
  bool removed = remove_locked (space, region);
  pthread_mutex_unlock (&space->lock);
  if (!removed)
    return;

  uintptr_t self = (uintptr_t) pthread_self ();
  for (unsigned i = 0; i < SLOTS; i++) {
    Slot *slot = &space->slots[i];
    while (atomic_load (&slot->region) == region
           && atomic_load_explicit (&slot->owner, memory_order_relaxed) != self)
      sched_yield ();
  }
}

DioSpace *
dio_space_new (void)
{
  DioSpace *space = g_aligned_alloc0 (1, sizeof (DioSpace), G_ALIGNOF (DioSpace));
  pthread_mutex_init (&space->lock, NULL);
  space->ranges = g_array_new (FALSE, FALSE, sizeof (Found));
  space->outgrown = g_ptr_array_new_with_free_func (g_free);
  for (unsigned i = 0; i < 2; i++)
    atomic_init (&space->views[i], view_new (INITIAL_CAPACITY));
  return space;
}

void
dio_space_free (DioSpace *space)
{
  if (!space)
    return;
  g_array_unref (space->ranges);
  g_ptr_array_unref (space->outgrown);
  for (unsigned i = 0; i < 2; i++)
    g_free (space->views[i]);
  pthread_mutex_destroy (&space->lock);
  g_aligned_free (space);
}
