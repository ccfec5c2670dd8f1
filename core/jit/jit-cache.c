/* SPDX-License-Identifier: GPL-3.0-or-later
 * The code cache of a machine: entries, units, segments. See jit.h.
 *
 * Code memory is filled segment by segment. When the last free one is opened the oldest full one is
 * retired: nothing leads to its units any more, and it is used again once every vCPU that was in
 * compiled code then has been outside of it, with jump tables emptied. No vCPU waits for that;
 * while there is no room, code stays interpreted. */
#include "core/jit/jit-private.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define STUBS_SIZE ((size_t) 128 << 10)
#define MAX_ENTRIES (1u << 18)
#define OUTSIDE UINT64_MAX
#define REACH ((size_t) 0x60000000)
#define ENTRIES_STEP ((size_t) 16 << 20)
#define MEMORY_TRIES 8
/* Of code for one guest instruction and one block at most, in general. */
#define INSN_BYTES 96
#define BLOCK_BYTES 320

typedef struct {
  uint64_t number;
  uint32_t generation;
  DioJitUnit *units;
} DioJitPage;

/* ---- Entries ---- */

static uint32_t
bucket_of (uint64_t address)
{
  return (uint32_t) ((address >> 1) * UINT64_C (0x9e3779b97f4a7c15) >> 49);
}
_Static_assert(DIO_JIT_BUCKETS == 1 << 15, "bucket_of() gives 15 bits");

static DioJitEntry *
find_entry (DioJitEntry *from, const DioJitEntry *to, uint64_t address)
{
  for (; from != to; from = atomic_load_explicit (&from->next, memory_order_acquire))
    if (from->address == address)
      return from;
  return NULL;
}

DioJitEntry *
dio_jit_entry (DioJit *jit, uint64_t address)
{
  _Atomic (DioJitEntry *) *bucket = &jit->buckets[bucket_of (address)];
  DioJitEntry *head = atomic_load_explicit (bucket, memory_order_acquire);
  DioJitEntry *entry = find_entry (head, NULL, address);
  if (DIO_LIKELY (entry))
    return entry;
  if (atomic_load_explicit (&jit->n_entries, memory_order_relaxed) >= jit->max_entries)
    return NULL;
  uint32_t number = atomic_fetch_add (&jit->n_entries, 1);
  if (number >= jit->max_entries)
    return NULL;
  entry = &jit->entries[number];
  entry->address = address;
  atomic_store_explicit (&entry->code, jit->stubs.miss, memory_order_relaxed);
  DioJitEntry *seen = head;
  do {
    /* Somebody else may have made the same one: this one then stays unused. */
    DioJitEntry *other = find_entry (head, seen, address);
    if (other)
      return other;
    seen = head;
    atomic_store_explicit (&entry->next, head, memory_order_relaxed);
  } while (!atomic_compare_exchange_weak (bucket, &head, entry));
  return entry;
}

const uint8_t *
dio_jit_entry_far (const DioJit *jit, const DioJitEntry *entry)
{
  const uint8_t *code = atomic_load_explicit (&entry->code, memory_order_acquire);
  return code == jit->stubs.miss ? NULL : code - DIO_JIT_FAR_BYTES;
}

/* ---- Units ---- */

static void
free_unit (void *data)
{
  DioJitUnit *unit = data;
  g_free (unit->sites);
  g_free (unit->places);
  g_free (unit->traps);
  g_free (unit->entries);
  g_free (unit);
}

/* Nothing leads to @unit any more; it stays in its segment, as somebody may be in it. */
static void
unpublish (DioJit *jit, DioJitUnit *unit)
{
  for (unsigned i = 0; i < unit->n_entries; i++) {
    DioJitEntry *entry = unit->entries[i];
    if (entry->unit != unit)
      continue;
    entry->unit = NULL;
    entry->compiling = false;
    atomic_store_explicit (&entry->heat, 0, memory_order_relaxed);
    atomic_store_explicit (&entry->code, jit->stubs.miss, memory_order_release);
  }
  jit->stats.live_units--;
  jit->stats.live_bytes -= unit->size;
}

static void
drop_page (DioJit *jit, DioJitPage *page)
{
  for (DioJitUnit *unit = page->units; unit; unit = unit->page_next) {
    unpublish (jit, unit);
    unit->page = UINT64_MAX;
    jit->stats.invalidated_units++;
  }
  page->units = NULL;
  atomic_fetch_add (&jit->epoch, 1);
}

static DioJitPage *
page_of (DioJit *jit, uint64_t address)
{
  uint64_t number = address >> DIO_PAGE_SHIFT;
  DioJitPage *page = g_hash_table_lookup (jit->pages, &number);
  if (!page) {
    page = g_new0 (DioJitPage, 1);
    page->number = number;
    g_hash_table_insert (jit->pages, &page->number, page);
  }
  return page;
}

static uint32_t
generation_of (const DioJit *jit, uint64_t number)
{
  return atomic_load (&jit->ram->page_write_gen[number]);
}

static gboolean
drop_stale (void *key, void *value, void *data)
{
  DioJit *jit = data;
  DioJitPage *page = value;
  (void) key;
  if (page->units && page->generation == generation_of (jit, page->number))
    return FALSE;
  if (page->units)
    drop_page (jit, page);
  return TRUE;
}

bool
dio_jit_is_current (DioJit *jit, uint64_t address, const uint8_t *far_code, uint32_t *generation)
{
  const DioJitEntry *entry = dio_jit_entry (jit, address);
  pthread_mutex_lock (&jit->lock);
  const DioJitPage *page = page_of (jit, address);
  *generation = generation_of (jit, page->number);
  bool current = entry && dio_jit_entry_far (jit, entry) == far_code && page->units
                 && page->generation == *generation;
  pthread_mutex_unlock (&jit->lock);
  return current;
}

bool
dio_jit_synchronise (DioJit *jit, unsigned vcpu)
{
  uint64_t writes = atomic_load (&jit->ram->code_writes);
  if (DIO_UNLIKELY (writes != atomic_load_explicit (&jit->code_writes, memory_order_relaxed))) {
    /* Last, as it lets others pass: they must find the epoch of what was dropped. */
    pthread_mutex_lock (&jit->lock);
    g_hash_table_foreach_remove (jit->pages, drop_stale, jit);
    atomic_store (&jit->code_writes, writes);
    pthread_mutex_unlock (&jit->lock);
  }
  uint64_t epoch;
  do {
    epoch = atomic_load (&jit->epoch);
    atomic_store (&jit->inside[vcpu], epoch);
  } while (epoch != atomic_load (&jit->epoch));
  if (DIO_LIKELY (jit->emptied[vcpu] == epoch))
    return false;
  jit->emptied[vcpu] = epoch;
  return true;
}

void
dio_jit_outside (DioJit *jit, unsigned vcpu)
{
  atomic_store (&jit->inside[vcpu], OUTSIDE);
}

/* ---- Segments ---- */

static void
retire (DioJit *jit, unsigned number)
{
  DioJitSegment *segment = &jit->segments[number];
  for (unsigned i = 0; i < segment->units->len; i++) {
    DioJitUnit *unit = segment->units->pdata[i];
    if (unit->page == UINT64_MAX)
      continue;
    unpublish (jit, unit);
    DioJitUnit **link = &page_of (jit, unit->page)->units;
    while (*link && *link != unit)
      link = &(*link)->page_next;
    if (*link)
      *link = unit->page_next;
  }
  segment->state = SEGMENT_RETIRED;
  segment->epoch = atomic_fetch_add (&jit->epoch, 1) + 1;
  jit->stats.evicted_segments++;
}

static bool
is_quiet (const DioJit *jit, const DioJitSegment *segment)
{
  if (segment->pending)
    return false;
  for (unsigned i = 0; i < jit->n_vcpus; i++)
    if (atomic_load (&jit->inside[i]) < segment->epoch)
      return false;
  return true;
}

/* Makes retired segments free that nobody is in. */
static void
reclaim (DioJit *jit)
{
  for (unsigned i = 0; i < jit->n_segments; i++) {
    DioJitSegment *segment = &jit->segments[i];
    if (segment->state != SEGMENT_RETIRED || !is_quiet (jit, segment))
      continue;
    g_ptr_array_set_size (segment->units, 0);
    segment->used = 0;
    segment->state = SEGMENT_FREE;
    dio_jit_segment_release (jit->memory, i);
  }
}

/* Opens another segment in the order in which they were filled, and retires the one that will be
 * wanted after that. */
static bool
open_next (DioJit *jit)
{
  unsigned next = (jit->open + 1) % jit->n_segments;
  if (next == 0)
    next = 1 % jit->n_segments; /* 0 holds the stubs */
  reclaim (jit);
  if (jit->segments[next].state == SEGMENT_FULL)
    retire (jit, next);
  if (jit->segments[next].state != SEGMENT_FREE)
    return false;
  if (!dio_jit_segment_take (jit->memory, next))
    return false;
  jit->segments[jit->open].state = SEGMENT_FULL;
  jit->segments[next].state = SEGMENT_OPEN;
  jit->open = next;
  unsigned after = (next + 1) % jit->n_segments;
  if (after == 0)
    after = 1 % jit->n_segments;
  if (jit->segments[after].state == SEGMENT_FULL && after != next)
    retire (jit, after);
  return true;
}

/* ---- Compiling ---- */

bool
dio_jit_begin (DioJit *jit, DioJitEntry *entry)
{
  pthread_mutex_lock (&jit->lock);
  bool mine = !entry->compiling && entry->code == jit->stubs.miss;
  if (mine)
    entry->compiling = true;
  pthread_mutex_unlock (&jit->lock);
  return mine;
}

void
dio_jit_abandon (DioJit *jit, DioJitEntry *entry)
{
  (void) jit;
  (void) entry; /* `compiling` stays: it would be tried in vain again */
}

/* A later attempt may do better. */
static bool
put_off (DioJit *jit, DioJitEntry *entry)
{
  pthread_mutex_lock (&jit->lock);
  entry->compiling = false;
  atomic_store (&entry->heat, 0);
  pthread_mutex_unlock (&jit->lock);
  return false;
}

typedef struct {
  unsigned segment;
  size_t start, size; /* in the segment */
} Room;

static bool
reserve (DioJit *jit, size_t size, Room *room)
{
  pthread_mutex_lock (&jit->lock);
  bool ok = size <= jit->options.segment
            && (jit->segments[jit->open].used + size <= jit->options.segment || open_next (jit));
  if (ok) {
    DioJitSegment *segment = &jit->segments[jit->open];
    *room = (Room){ .segment = jit->open, .start = segment->used, .size = size };
    segment->used += size;
    segment->pending++;
  }
  pthread_mutex_unlock (&jit->lock);
  return ok;
}

/* Under the lock: gives back what was reserved and not used, if nobody has come behind. */
static void
settle (DioJit *jit, const Room *room, size_t used)
{
  DioJitSegment *segment = &jit->segments[room->segment];
  segment->pending--;
  used = (used + 15) & ~(size_t) 15;
  if (segment->used == room->start + room->size)
    segment->used = room->start + used;
}

static DioJitUnit *
make_unit (DioJit *jit, const DioJitRegion *region, DioJitCode *code, const Room *room,
           const uint8_t *exec)
{
  DioJitUnit *unit = g_new0 (DioJitUnit, 1);
  unit->code = exec;
  unit->size = (uint32_t) code->size;
  unit->segment = room->segment;
  unit->page = region->page;
  unit->n_insns = (uint16_t) region->n_insns;
  unit->n_blocks = (uint16_t) region->n_blocks;
  unit->n_sites = (uint16_t) code->sites->len;
  unit->sites = g_memdup2 (code->sites->data, code->sites->len * sizeof (DioJitSite));
  unit->places = g_memdup2 (code->places->data, code->places->len * sizeof (DioJitPlace));
  unit->traps = g_memdup2 (code->traps->data, code->traps->len * sizeof (DioJitTrap));
  unit->n_traps = code->traps->len;
  unit->trapping = code->trapping;
  unit->entries = g_new (DioJitEntry *, region->n_blocks);
  memcpy (unit->host, region->host, sizeof unit->host);
  for (unsigned i = 0; i < region->n_blocks; i++) {
    if (!code->entries[i])
      continue;
    DioJitEntry *entry = dio_jit_entry (jit, region->page + region->blocks[i].offset);
    if (entry)
      unit->entries[unit->n_entries++] = entry;
  }
  return unit;
}

/* Under the lock. Newer code of a place is better: it knows more of what surrounds it. */
static void
publish (DioJit *jit, DioJitUnit *unit, const DioJitRegion *region, const DioJitCode *code)
{
  unsigned n = 0;
  for (unsigned i = 0; i < region->n_blocks && n < unit->n_entries; i++) {
    if (!code->entries[i] || unit->entries[n]->address != region->page + region->blocks[i].offset)
      continue;
    unit->entries[n]->unit = unit;
    atomic_store_explicit (&unit->entries[n]->code, unit->code + code->entries[i],
                           memory_order_release);
    n++;
  }
  DioJitPage *page = page_of (jit, unit->page);
  unit->page_next = page->units;
  page->units = unit;
  /* Kept by address, for dio_jit_sync_site(). */
  GPtrArray *units = jit->segments[unit->segment].units;
  unsigned at = units->len;
  while (at && ((DioJitUnit *) units->pdata[at - 1])->code > unit->code)
    at--;
  g_ptr_array_insert (units, (int) at, unit);
  jit->stats.units++;
  jit->stats.live_units++;
  jit->stats.insns += unit->n_insns;
  jit->stats.code_bytes += unit->size;
  jit->stats.live_bytes += unit->size;
}

static bool
commit (DioJit *jit, DioJitRegion *region, DioJitCode *code, const Room *room, const uint8_t *exec,
        uint32_t generation)
{
  DioJitUnit *unit = make_unit (jit, region, code, room, exec);
  pthread_mutex_lock (&jit->lock);
  settle (jit, room, code->size);
  /* The segment may have been retired meanwhile, by vCPUs that compile faster. */
  bool valid = generation_of (jit, region->page >> DIO_PAGE_SHIFT) == generation
               && jit->segments[room->segment].state != SEGMENT_RETIRED;
  if (valid) {
    DioJitPage *page = page_of (jit, region->page);
    if (page->units && page->generation != generation)
      drop_page (jit, page);
    page->generation = generation;
    publish (jit, unit, region, code);
  }
  pthread_mutex_unlock (&jit->lock);
  if (!valid)
    free_unit (unit);
  return valid;
}

static uint64_t
now_ns (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
}

/* Blocks that go round to themselves may have a second version. */
static size_t
likely_size (const DioJitRegion *region)
{
  size_t size = 512 + region->n_insns * INSN_BYTES + region->n_blocks * BLOCK_BYTES;
  for (unsigned i = 0; i < region->n_blocks; i++)
    if (region->blocks[i].taken == i)
      size += region->blocks[i].n_insns * INSN_BYTES + BLOCK_BYTES;
  return size;
}

bool
dio_jit_finish (DioJit *jit, DioJitEntry *entry, DioJitRegion *region, uint32_t generation)
{
  const uint8_t *pool_x, *pool_f;
  unsigned n_x, n_f;
  uint64_t began = now_ns ();
  dio_jit_host_pools (&pool_x, &n_x, &pool_f, &n_f);
  dio_jit_region_analyse (region, pool_x, n_x, pool_f, n_f);
  unsigned size_of_pools = 1;
  DioJitCode code = { .sites = g_array_new (FALSE, FALSE, sizeof (DioJitSite)),
                      .places = g_array_new (FALSE, FALSE, sizeof (DioJitPlace)),
                      .traps = g_array_new (FALSE, FALSE, sizeof (DioJitTrap)) };
  size_t size = likely_size (region);
  bool generated = false, done = false;
  Room room;
  const uint8_t *exec = NULL;
  for (unsigned attempt = 0; attempt < 4 && !generated; attempt++) {
    if (code.failed) {
      /* Too few registers for values: give guest registers fewer. */
      size_of_pools *= 2;
      dio_jit_region_analyse (region, pool_x, n_x / size_of_pools, pool_f, n_f / size_of_pools);
      code.failed = false;
    } else if (attempt) {
      size *= 3;
    }
    if (!reserve (jit, size, &room))
      break;
    size_t offset = room.segment * jit->options.segment + room.start;
    exec = dio_jit_memory_executable (jit->memory, offset);
    g_array_set_size (code.sites, 0);
    g_array_set_size (code.places, 0);
    g_array_set_size (code.traps, 0);
    memset (code.entries, 0, sizeof code.entries);
    generated = dio_jit_host_generate (jit, region, dio_jit_memory_writable (jit->memory, offset),
                                       size, exec, &code);
    if (!generated) {
      pthread_mutex_lock (&jit->lock);
      settle (jit, &room, 0);
      pthread_mutex_unlock (&jit->lock);
    }
  }
  if (generated)
    done = commit (jit, region, &code, &room, exec, generation);
  if (jit->debug)
    dio_jit_debug_region (jit->debug, region, &code, exec, done);
  __atomic_fetch_add (&jit->stats.compile_ns, now_ns () - began, __ATOMIC_RELAXED);
  g_array_unref (code.sites);
  g_array_unref (code.places);
  g_array_unref (code.traps);
  __atomic_fetch_add (&jit->stats.failed, code.failed, __ATOMIC_RELAXED);
  if (!done && !code.failed)
    return put_off (jit, entry);
  return done;
}

/* ---- Running ---- */

void
dio_jit_run (DioJit *jit, void *vcpu, const uint8_t *code)
{
  DioJitVcpu *state = (DioJitVcpu *) (void *) ((uint8_t *) vcpu + jit->guest->jit);
  if (jit->guest->fp_traps) {
    state->runs = jit;
    dio_jit_host_trap_for (state);
  }
  jit->stubs.enter ((uint8_t *) vcpu + jit->guest->base, code);
  if (jit->guest->fp_traps)
    dio_jit_host_trap_for (NULL);
  jit->stats.refills += state->refills;
  state->refills = 0;
  jit->stats.sweeps += state->sweeps;
  state->sweeps = 0;
}

static DioJitUnit *
find_unit (DioJit *jit, const uint8_t *at)
{
  size_t offset = (size_t) (at - (const uint8_t *) dio_jit_memory_executable (jit->memory, 0));
  GPtrArray *units = jit->segments[offset / jit->options.segment].units;
  unsigned low = 0, high = units->len;
  while (low + 1 < high) {
    unsigned middle = (low + high) / 2;
    if (((DioJitUnit *) units->pdata[middle])->code <= at)
      low = middle;
    else
      high = middle;
  }
  g_assert (low < units->len);
  return units->pdata[low];
}

void
dio_jit_code_around (DioJit *jit, const uint8_t *at, const uint8_t **code, uint32_t *size)
{
  pthread_mutex_lock (&jit->lock);
  const DioJitUnit *unit = find_unit (jit, at);
  *code = unit->code;
  *size = unit->size;
  pthread_mutex_unlock (&jit->lock);
}

static const DioJitSite *
find_site (const DioJitUnit *unit, uint32_t at)
{
  unsigned low = 0, high = unit->n_sites;
  while (low + 1 < high) {
    unsigned middle = (low + high) / 2;
    if (unit->sites[middle].at <= at)
      low = middle;
    else
      high = middle;
  }
  g_assert (low < unit->n_sites && unit->sites[low].at == at);
  return &unit->sites[low];
}

/* @value: one word, or two of a vector. */
static void
set_var (const DioJitGuest *guest, uint8_t *cpu, unsigned var, const uint64_t *value)
{
  if (var < DIO_JIT_F)
    memcpy (cpu + guest->x + 8 * var, value, 8);
  else if (guest->v)
    memcpy (cpu + guest->v + 16 * (var - DIO_JIT_F), value, 16);
  else
    memcpy (cpu + guest->f + 8 * (var - DIO_JIT_F), value, 8);
}

static void
restore_place (const DioJitGuest *guest, uint8_t *cpu, const DioJitPlace *place,
               const uint64_t *saved, uint64_t page)
{
  uint64_t value = (uint64_t) place->value + (place->kind == DIO_JIT_PLACE_PC ? page : 0);
  set_var (guest, cpu, place->var,
           place->kind == DIO_JIT_PLACE_SAVED ? &saved[place->slot] : &value);
}

void
dio_jit_sync_site (DioJit *jit, void *vcpu, const uint8_t *at, const uint64_t *saved)
{
  const DioJitGuest *guest = jit->guest;
  uint8_t *cpu = vcpu;
  DioJitVcpu *state = (DioJitVcpu *) (void *) (cpu + guest->jit);
  pthread_mutex_lock (&jit->lock);
  const DioJitUnit *unit = find_unit (jit, at);
  pthread_mutex_unlock (&jit->lock);
  const DioJitSite *site = find_site (unit, (uint32_t) (at - unit->code));
  for (uint64_t dirty = site->dirty; dirty; dirty &= dirty - 1) {
    unsigned var = (unsigned) __builtin_ctzll (dirty);
    unsigned host = (unsigned) unit->host[var];
    set_var (guest, cpu, var, &saved[var < DIO_JIT_F ? host : 16 + 2 * host]);
  }
  for (uint32_t i = site->places; i < site->places + site->n_places; i++)
    restore_place (guest, cpu, &unit->places[i], saved, state->page);
  *(uint64_t *) (void *) (cpu + guest->pc) = state->page + site->offset;
  state->budget -= site->retired;
}

/* ---- Traps ---- */

bool
dio_jit_fp_traps (const DioJit *jit)
{
  return jit->guest->fp_traps && !atomic_load_explicit (&jit->forgoes_traps, memory_order_relaxed);
}

void
dio_jit_forgo_traps (DioJit *jit)
{
  if (!jit->options.traps)
    atomic_store (&jit->forgoes_traps, true);
}

bool
dio_jit_drop_trapping (DioJit *jit, uint64_t address)
{
  const DioJitEntry *entry = dio_jit_entry (jit, address);
  dio_jit_forgo_traps (jit);
  pthread_mutex_lock (&jit->lock);
  bool drop = entry && entry->unit && entry->unit->trapping && !dio_jit_fp_traps (jit);
  if (drop)
    drop_page (jit, page_of (jit, address));
  pthread_mutex_unlock (&jit->lock);
  return drop;
}

/* The thread is in compiled code, and so has no lock. */
const uint8_t *
dio_jit_trap_target (DioJit *jit, const uint8_t *at, bool *inside)
{
  size_t offset = (size_t) (at - (const uint8_t *) dio_jit_memory_executable (jit->memory, 0));
  const uint8_t *target = NULL;
  *inside = offset < jit->n_segments * jit->options.segment;
  if (!*inside)
    return NULL;
  pthread_mutex_lock (&jit->lock);
  if (jit->segments[offset / jit->options.segment].units->len) {
    const DioJitUnit *unit = find_unit (jit, at);
    size_t from = (size_t) (at - unit->code);
    for (uint32_t i = 0; i < unit->n_traps && !target; i++)
      if (from >= unit->traps[i].from && from < unit->traps[i].to)
        target = unit->code + unit->traps[i].target;
  }
  pthread_mutex_unlock (&jit->lock);
  return target;
}

/* ---- Life ---- */

/* Entries must be within reach of rip-relative operands: the nearest free place around the code. */
static bool
map_entries (DioJit *jit, size_t cache_size)
{
  size_t size = (MAX_ENTRIES * sizeof (DioJitEntry) + DIO_PAGE_MASK) & ~(size_t) DIO_PAGE_MASK;
  uint8_t *code = dio_jit_memory_executable (jit->memory, 0);
  for (size_t away = 0; away < REACH; away += ENTRIES_STEP) {
    uint8_t *hints[] = { code + cache_size + away, code - size - away };
    for (unsigned i = 0; i < G_N_ELEMENTS (hints); i++) {
      void *at = mmap (hints[i], size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
      if (at == MAP_FAILED)
        continue;
      if (at == hints[i]) {
        jit->entries = at;
        jit->max_entries = MAX_ENTRIES;
        return true;
      }
      munmap (at, size); /* by a kernel that does not know the flag */
    }
  }
  return false;
}

/* Code memory with room for the entries near it. Where there is none, as in an address space that
 * is crowded, another place is tried while the first is held. */
static bool
make_memory (DioJit *jit, size_t cache_size, GError **error)
{
  DioJitMemory *crowded[MEMORY_TRIES];
  unsigned n = 0;
  bool done = false;
  while (!done && n < MEMORY_TRIES) {
    jit->memory = dio_jit_memory_new (cache_size, jit->options.segment, error);
    if (!jit->memory)
      break;
    done = map_entries (jit, cache_size);
    if (!done)
      crowded[n++] = g_steal_pointer (&jit->memory);
  }
  while (n > 0)
    dio_jit_memory_free (crowded[--n]);
  return done;
}

static bool
make_stubs (DioJit *jit)
{
  if (!dio_jit_segment_take (jit->memory, 0))
    return false;
  size_t used = dio_jit_host_stubs (jit, dio_jit_memory_writable (jit->memory, 0), STUBS_SIZE,
                                    dio_jit_memory_executable (jit->memory, 0));
  jit->segments[0].state = SEGMENT_OPEN;
  jit->segments[0].used = (used + 63) & ~(size_t) 63;
  return used != 0;
}

DioJit *
dio_jit_new (const DioJitGuest *guest, DioRam *ram, unsigned n_vcpus, const DioJitOptions *options,
             GError **error)
{
  DioJit *jit = g_new0 (DioJit, 1);
  jit->own = *guest;
  jit->guest = &jit->own;
  jit->ram = ram;
  jit->n_vcpus = MIN (n_vcpus, DIO_JIT_MAX_VCPUS);
  jit->options = *options;
  jit->n_segments = (unsigned) CLAMP (options->cache / options->segment, 4, DIO_JIT_MAX_SEGMENTS);
  size_t cache_size = jit->n_segments * options->segment;
  pthread_mutex_init (&jit->lock, NULL);
  jit->pages = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, g_free);
  jit->buckets = g_new0 (_Atomic (DioJitEntry *), DIO_JIT_BUCKETS);
  jit->epoch = 1;
  jit->debug = dio_jit_debug_new ();
  for (unsigned i = 0; i < jit->n_segments; i++)
    jit->segments[i].units = g_ptr_array_new_with_free_func (free_unit);
  for (unsigned i = 0; i < DIO_JIT_MAX_VCPUS; i++)
    jit->inside[i] = OUTSIDE;
  bool made = make_memory (jit, cache_size, error) && dio_jit_host_init (jit, error);
  if (made && jit->own.fp_traps && !dio_jit_host_has_traps (jit))
    jit->own.fp_traps = false;
  if (!made || !make_stubs (jit)) {
    if (error && !*error)
      g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY, "%s",
                   _ ("No memory for compiled code; the machine can run on the interpreter: choose "
                      "the engine \"interpreter\""));
    dio_jit_free (jit);
    return NULL;
  }
  return jit;
}

void
dio_jit_free (DioJit *jit)
{
  if (!jit)
    return;
  for (unsigned i = 0; i < jit->n_segments; i++)
    g_ptr_array_unref (jit->segments[i].units);
  g_hash_table_unref (jit->pages);
  g_free (jit->buckets);
  if (jit->entries)
    munmap (jit->entries,
            (MAX_ENTRIES * sizeof (DioJitEntry) + DIO_PAGE_MASK) & ~(size_t) DIO_PAGE_MASK);
  dio_jit_host_free (jit);
  dio_jit_debug_free (jit->debug);
  dio_jit_memory_free (jit->memory);
  pthread_mutex_destroy (&jit->lock);
  g_free (jit);
}

DioJitStats *
dio_jit_stats (DioJit *jit)
{
  return &jit->stats;
}

void
dio_jit_get_stats (DioJit *jit, DioJitStats *stats)
{
  pthread_mutex_lock (&jit->lock);
  *stats = jit->stats;
  pthread_mutex_unlock (&jit->lock);
}

const DioJitOptions *
dio_jit_options (const DioJit *jit)
{
  return &jit->options;
}
