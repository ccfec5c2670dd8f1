/* SPDX-License-Identifier: GPL-3.0-or-later
 * Pictures of RAM: copy on write by flags of pages. */
#include "core/mem/mem-freeze.h"

#include <pthread.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* What may be put aside in any case. */
#define LEAST_ASIDE (UINT64_C (64) << 20)

struct DioRamFreeze {
  DioRam *ram;
  uint64_t n_pages;
  uint8_t *was;    /* the flags at that instant */
  uint8_t **aside; /* of each page: its old bytes, or NULL */
  pthread_mutex_t lock;
  pthread_cond_t room;
  uint64_t bytes, peak, limit; /* put aside */
  unsigned writers;            /* inside dio_ram_save_frozen() */
  bool ended;
  bool lost; /* there was no memory for old bytes */
};

/* Ors @flags into the flags of all pages, eight at a time. */
static void
set_all_flags (DioRam *ram, uint8_t flags)
{
  uint64_t n = ram->size >> DIO_PAGE_SHIFT; /* a multiple of 512 */
  uint64_t *words = (uint64_t *) (void *) ram->page_flags;
  for (uint64_t i = 0; i < n / 8; i++)
    __atomic_fetch_or (&words[i], flags * UINT64_C (0x0101010101010101), __ATOMIC_RELAXED);
}

static void
free_freeze (DioRamFreeze *freeze)
{
  for (uint64_t i = 0; freeze->aside && freeze->bytes && i < freeze->n_pages; i++)
    g_free (freeze->aside[i]);
  pthread_mutex_destroy (&freeze->lock);
  pthread_cond_destroy (&freeze->room);
  g_free (freeze->aside);
  g_free (freeze->was);
  g_free (freeze);
}

DioRamFreeze *
dio_ram_freeze (DioRam *ram, GError **error)
{
  if (atomic_load (&ram->freeze)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_BUSY, "%s",
                 _ ("Another snapshot of the machine is being written"));
    return NULL;
  }
  DioRamFreeze *freeze = g_new0 (DioRamFreeze, 1);
  freeze->ram = ram;
  freeze->n_pages = ram->size >> DIO_PAGE_SHIFT;
  freeze->limit = MAX (ram->size / 4, LEAST_ASIDE);
  pthread_mutex_init (&freeze->lock, NULL);
  pthread_cond_init (&freeze->room, NULL);
  freeze->was = g_try_malloc (freeze->n_pages);
  freeze->aside = g_try_malloc0_n (freeze->n_pages, sizeof *freeze->aside);
  if (!freeze->was || !freeze->aside) {
    free_freeze (freeze);
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY, "%s",
                 _ ("There is not enough memory for making the snapshot"));
    return NULL;
  }
  memcpy (freeze->was, (const void *) ram->page_flags, freeze->n_pages);
  atomic_store (&ram->freeze, freeze);
  set_all_flags (ram, DIO_PAGE_FROZEN | DIO_PAGE_CLEAN);
  return freeze;
}

bool
dio_ram_freeze_is_clean (const DioRamFreeze *freeze, uint64_t page)
{
  return freeze->was[page] & DIO_PAGE_CLEAN;
}

static bool
is_frozen (const DioRam *ram, uint64_t page)
{
  return atomic_load_explicit (&ram->page_flags[page], memory_order_relaxed) & DIO_PAGE_FROZEN;
}

static void
thaw (DioRam *ram, uint64_t page)
{
  atomic_fetch_and (&ram->page_flags[page], (uint8_t) ~DIO_PAGE_FROZEN);
}

/* ---- Writers ---- */

static void
put_aside_locked (DioRamFreeze *freeze, uint64_t page)
{
  uint8_t *copy = g_try_malloc (DIO_PAGE_SIZE);
  if (copy)
    memcpy (copy, freeze->ram->host + (page << DIO_PAGE_SHIFT), DIO_PAGE_SIZE);
  else
    freeze->lost = true;
  freeze->aside[page] = copy;
  freeze->bytes += copy ? DIO_PAGE_SIZE : 0;
  freeze->peak = MAX (freeze->peak, freeze->bytes);
  thaw (freeze->ram, page);
}

/* The freeze that is under way, kept until leave(); NULL when it just ended. Its memory may go any
 * moment until `writers` counts us, hence the lock of the RAM: it is taken once for each frozen
 * page that is written. */
static DioRamFreeze *
enter (DioRam *ram)
{
  pthread_mutex_lock (&ram->freeze_lock);
  DioRamFreeze *freeze = atomic_load (&ram->freeze);
  if (freeze)
    freeze->writers++;
  pthread_mutex_unlock (&ram->freeze_lock);
  return freeze;
}

static void
leave (DioRamFreeze *freeze)
{
  DioRam *ram = freeze->ram;
  pthread_mutex_lock (&ram->freeze_lock);
  bool last = --freeze->writers == 0 && freeze->ended;
  pthread_mutex_unlock (&ram->freeze_lock);
  if (last)
    free_freeze (freeze);
}

void
dio_ram_save_frozen (DioRam *ram, uint64_t offset, uint64_t length)
{
  uint64_t first = offset >> DIO_PAGE_SHIFT;
  uint64_t last = (offset + length - 1) >> DIO_PAGE_SHIFT;
  while (length && first <= last && !is_frozen (ram, first))
    first++;
  if (!length || first > last)
    return;
  DioRamFreeze *freeze = enter (ram);
  if (!freeze)
    return;
  for (uint64_t page = first; page <= last; page++) {
    if (!is_frozen (ram, page))
      continue;
    pthread_mutex_lock (&freeze->lock);
    while (freeze->bytes >= freeze->limit && !freeze->ended)
      pthread_cond_wait (&freeze->room, &freeze->lock);
    if (!freeze->ended && is_frozen (ram, page))
      put_aside_locked (freeze, page);
    pthread_mutex_unlock (&freeze->lock);
  }
  leave (freeze);
}

/* ---- The reader ---- */

static void
read_page_locked (DioRamFreeze *freeze, uint64_t page, bool hole, uint8_t *to)
{
  uint8_t *copy = freeze->aside[page];
  if (copy) {
    memcpy (to, copy, DIO_PAGE_SIZE);
    g_free (copy);
    freeze->aside[page] = NULL;
    freeze->bytes -= DIO_PAGE_SIZE;
  } else if (hole) {
    memset (to, 0, DIO_PAGE_SIZE);
  } else {
    memcpy (to, freeze->ram->host + (page << DIO_PAGE_SHIFT), DIO_PAGE_SIZE);
  }
  thaw (freeze->ram, page);
}

bool
dio_ram_freeze_read (DioRamFreeze *freeze, uint64_t first, uint64_t count, uint8_t *to)
{
  DioRam *ram = freeze->ram;
  dio_ram_make_present (ram, first << DIO_PAGE_SHIFT, count << DIO_PAGE_SHIFT);
  /* Asked before the lock: a page that is frozen still when we have it was not written meanwhile.
   */
  bool hole = dio_ram_is_hole (ram, first, count);
  pthread_mutex_lock (&freeze->lock);
  for (uint64_t i = 0; i < count; i++)
    read_page_locked (freeze, first + i, hole, to + (i << DIO_PAGE_SHIFT));
  bool good = !freeze->lost && !atomic_load (&ram->lost);
  if (freeze->bytes < freeze->limit)
    pthread_cond_broadcast (&freeze->room);
  pthread_mutex_unlock (&freeze->lock);
  return good;
}

void
dio_ram_freeze_skip (DioRamFreeze *freeze, uint64_t first, uint64_t count)
{
  pthread_mutex_lock (&freeze->lock);
  for (uint64_t page = first; page < first + count; page++) {
    if (freeze->aside[page])
      freeze->bytes -= DIO_PAGE_SIZE;
    g_clear_pointer (&freeze->aside[page], g_free);
    thaw (freeze->ram, page);
  }
  if (freeze->bytes < freeze->limit)
    pthread_cond_broadcast (&freeze->room);
  pthread_mutex_unlock (&freeze->lock);
}

uint64_t
dio_ram_freeze_peak (DioRamFreeze *freeze)
{
  pthread_mutex_lock (&freeze->lock);
  uint64_t peak = freeze->peak;
  pthread_mutex_unlock (&freeze->lock);
  return peak;
}

/* Pages that were dirty when it began count as dirty again. */
static void
restore_dirty (DioRamFreeze *freeze)
{
  for (uint64_t page = 0; page < freeze->n_pages; page++)
    if (!(freeze->was[page] & DIO_PAGE_CLEAN))
      atomic_fetch_and (&freeze->ram->page_flags[page], (uint8_t) ~DIO_PAGE_CLEAN);
}

void
dio_ram_freeze_end (DioRamFreeze *freeze, bool keep)
{
  DioRam *ram = freeze->ram;
  if (!keep)
    restore_dirty (freeze);
  pthread_mutex_lock (&ram->freeze_lock);
  pthread_mutex_lock (&freeze->lock);
  for (uint64_t page = 0; page < freeze->n_pages; page++)
    if (is_frozen (ram, page))
      thaw (ram, page);
  freeze->ended = true;
  atomic_store (&ram->freeze, NULL);
  bool unused = freeze->writers == 0;
  pthread_cond_broadcast (&freeze->room);
  pthread_mutex_unlock (&freeze->lock);
  pthread_mutex_unlock (&ram->freeze_lock);
  if (unused)
    free_freeze (freeze);
}
