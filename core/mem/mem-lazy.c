/* SPDX-License-Identifier: GPL-3.0-or-later
 * RAM that is filled on demand. */
#include "core/mem/mem-lazy.h"

#include <pthread.h>
#include <string.h>

/* Chunks that share a lock: enough for a few vCPUs and the one who fetches ahead. */
#define LOCKS 64

struct DioRamLazy {
  DioRamSource source;
  _Atomic uint64_t absent; /* chunks */
  pthread_mutex_t locks[LOCKS];
};

static bool
is_absent (const DioRam *ram, uint64_t offset)
{
  return atomic_load_explicit (&ram->page_flags[offset >> DIO_PAGE_SHIFT], memory_order_acquire)
         & DIO_PAGE_ABSENT;
}

static void
set_absent (DioRam *ram, uint64_t offset, uint64_t length, bool absent)
{
  uint64_t end = MIN (offset + length, ram->size) >> DIO_PAGE_SHIFT;
  for (uint64_t page = offset >> DIO_PAGE_SHIFT; page < end; page++)
    if (absent)
      atomic_fetch_or (&ram->page_flags[page], DIO_PAGE_ABSENT);
    else
      atomic_fetch_and_explicit (&ram->page_flags[page], (uint8_t) ~DIO_PAGE_ABSENT,
                                 memory_order_release);
}

static void
lock_all (DioRamLazy *lazy)
{
  for (unsigned i = 0; i < LOCKS; i++)
    pthread_mutex_lock (&lazy->locks[i]);
}

static void
unlock_all (DioRamLazy *lazy)
{
  for (unsigned i = 0; i < LOCKS; i++)
    pthread_mutex_unlock (&lazy->locks[i]);
}

/* Makes nothing absent; the object stays, as other threads may hold its locks. */
static void
retire (DioRam *ram)
{
  DioRamLazy *lazy = atomic_load (&ram->lazy);
  if (!lazy)
    return;
  lock_all (lazy);
  for (uint64_t offset = 0; offset < ram->size; offset += lazy->source.chunk)
    if (is_absent (ram, offset))
      set_absent (ram, offset, lazy->source.chunk, false);
  atomic_store (&lazy->absent, 0);
  atomic_store (&ram->lazy, NULL);
  unlock_all (lazy);
}

static void
free_source (DioRam *ram)
{
  DioRamLazy *lazy = ram->source;
  if (!lazy)
    return;
  if (lazy->source.free)
    lazy->source.free (lazy->source.opaque);
  for (unsigned i = 0; i < LOCKS; i++)
    pthread_mutex_destroy (&lazy->locks[i]);
  g_free (lazy);
  ram->source = NULL;
}

void
dio_ram_set_source (DioRam *ram, const DioRamSource *source, const uint8_t *absent)
{
  retire (ram);
  free_source (ram);
  atomic_store (&ram->lost, false);
  if (!source)
    return;
  DioRamLazy *lazy = g_new0 (DioRamLazy, 1);
  lazy->source = *source;
  for (unsigned i = 0; i < LOCKS; i++)
    pthread_mutex_init (&lazy->locks[i], NULL);
  uint64_t count = 0;
  for (uint64_t i = 0; i * source->chunk < ram->size; i++)
    if ((absent[i / 8] >> (i % 8)) & 1) {
      set_absent (ram, i * source->chunk, source->chunk, true);
      count++;
    }
  atomic_store (&lazy->absent, count);
  ram->source = lazy;
  if (count)
    atomic_store (&ram->lazy, lazy);
}

static void
fetch_chunk (DioRam *ram, DioRamLazy *lazy, uint64_t start)
{
  uint64_t length = MIN (lazy->source.chunk, ram->size - start);
  pthread_mutex_t *lock = &lazy->locks[(start / lazy->source.chunk) % LOCKS];
  pthread_mutex_lock (lock);
  if (is_absent (ram, start)) {
    /* Straight into the RAM: nobody else may look at the pages before the flags go. */
    if (!lazy->source.fetch (lazy->source.opaque, start, ram->host + start)) {
      memset (ram->host + start, 0, length);
      atomic_store (&ram->lost, true);
    }
    set_absent (ram, start, length, false);
    if (atomic_fetch_sub (&lazy->absent, 1) == 1)
      atomic_store (&ram->lazy, NULL);
  }
  pthread_mutex_unlock (lock);
}

void
dio_ram_fetch_absent (DioRam *ram, uint64_t offset, uint64_t length)
{
  DioRamLazy *lazy = atomic_load (&ram->lazy);
  if (!lazy || !length)
    return;
  uint64_t end = offset + length;
  for (uint64_t at = offset & ~(lazy->source.chunk - 1); at < end; at += lazy->source.chunk)
    if (is_absent (ram, at))
      fetch_chunk (ram, lazy, at);
}

uint64_t
dio_ram_count_absent (DioRam *ram)
{
  DioRamLazy *lazy = atomic_load (&ram->lazy);
  return lazy ? atomic_load (&lazy->absent) * lazy->source.chunk : 0;
}
