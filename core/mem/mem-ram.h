/* SPDX-License-Identifier: GPL-3.0-or-later
 * Guest RAM: one anonymous mapping with guard regions around it and flags per 4 KiB page. */
#pragma once

#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>

#include "core/base/base-pool.h"

/* Flags of a page, in DioRam.page_flags. A page with any flag of DIO_PAGE_SLOW_WRITE set must not
 * be entered into a TLB as directly writable: stores to it go through the slow path, which calls
 * dio_ram_note_write(). Whoever sets such a flag then flushes the write TLB entries of that page
 * on every vCPU (dio_machine_flush_write()) before relying on it. A noted write clears the flags:
 * what was decoded is out of date by its generation, and the page is an ordinary one again. Who
 * decodes a page reads its generation first, then sets DIO_PAGE_CODE, then reads the bytes. */
enum {
  DIO_PAGE_CODE = 1 << 0,   /* decoded or translated instructions exist for this page */
  DIO_PAGE_CLEAN = 1 << 1,  /* dirty tracking is on and the page was not written since */
  DIO_PAGE_FROZEN = 1 << 2, /* a freeze wants the old bytes: see mem-freeze.h */
  DIO_PAGE_ABSENT = 1 << 3, /* the bytes are still elsewhere: see mem-lazy.h */
};
#define DIO_PAGE_SLOW_WRITE (DIO_PAGE_CODE | DIO_PAGE_CLEAN | DIO_PAGE_FROZEN)

typedef struct DioRamFreeze DioRamFreeze;
typedef struct DioRamLazy DioRamLazy;

typedef struct DioRam {
  uint8_t *host;                    /* page 0 of the RAM in host memory; zero-filled at first */
  uint64_t size;                    /* bytes, a multiple of 4 KiB */
  int page_map;                     /* what the kernel says of our pages, or -1 */
  _Atomic uint8_t *page_flags;      /* one per page, DIO_PAGE_* */
  _Atomic uint32_t *page_write_gen; /* one per page: bumped by a noted write to a CODE page */
  _Atomic uint64_t code_writes;     /* how often a generation was bumped, of any page */
  _Atomic unsigned code_marks;     /* who has set DIO_PAGE_CODE and not asked others to flush yet */
  uint8_t *reserved;               /* the mapping with its guard regions */
  _Atomic (DioRamFreeze *) freeze; /* NULL: no page is FROZEN */
  pthread_mutex_t freeze_lock;     /* of who is inside of it */
  _Atomic (DioRamLazy *) lazy;     /* NULL: no page is ABSENT */
  DioRamLazy *source;              /* the last one, kept until the end */
  _Atomic bool lost;               /* bytes that were elsewhere could not be had */
} DioRam;

/* Maps @size bytes (rounded up to 2 MiB) of lazily filled guest RAM; asks for huge pages and falls
 * back silently. @name is for people who read the list of mappings. DIO_ERROR_MEMORY when the host
 * does not have it (checked against MemAvailable and the mapping itself). */
DioRam *dio_ram_new (uint64_t size, const char *name, GError **error);
void dio_ram_free (DioRam *ram);

/* The same; but where the host has memory enough for another such RAM, the kernel's work of taking
 * this one back (0.2 s for 1 GiB in use) is done on a thread of @pool. NULL is fine for both. */
void dio_ram_free_later (DioRam *ram, DioPool *pool);

/* Must come before every store to RAM that does not go through a fast TLB entry: saves the old
 * bytes of frozen pages. Where a fast entry is given out it is called for the whole page instead.
 * Any thread; a load of one pointer when nothing is frozen. May wait for whoever reads the frozen
 * pages, so hold no lock that they may want. */
void dio_ram_save_frozen (DioRam *ram, uint64_t offset, uint64_t length);
static inline void
dio_ram_begin_write (DioRam *ram, uint64_t offset, uint64_t length)
{
  if (DIO_UNLIKELY (atomic_load_explicit (&ram->freeze, memory_order_relaxed)))
    dio_ram_save_frozen (ram, offset, length);
}

/* Must come before every access to RAM, reading or writing, where a look-up gives out a pointer.
 * Any thread; a load of one pointer when everything is there. */
void dio_ram_fetch_absent (DioRam *ram, uint64_t offset, uint64_t length);
static inline void
dio_ram_make_present (DioRam *ram, uint64_t offset, uint64_t length)
{
  if (DIO_UNLIKELY (atomic_load_explicit (&ram->lazy, memory_order_relaxed)))
    dio_ram_fetch_absent (ram, offset, length);
}

/* Must follow every store to RAM that did not go through a fast TLB entry: device DMA, loaders,
 * slow-path stores. Bumps page_write_gen of CODE pages in the range and clears the flags. Any
 * thread; a few ns when no flag is set. @offset + @length is inside the RAM. */
void dio_ram_note_write (DioRam *ram, uint64_t offset, uint64_t length);

/* Makes what was decoded of a page out of date, or of all pages with UINT64_MAX: somebody may have
 * stored to it through a TLB entry that is still to be flushed. Any thread. */
void dio_ram_doubt_code (DioRam *ram, uint64_t offset);

/* Fills the RAM with zeros again, which gives its memory back to the host. Machine stopped. */
void dio_ram_clear (DioRam *ram);

/* Bytes of host memory that the RAM takes now, without what is swapped out. Any thread; a system
 * call for each 64 MiB. */
uint64_t dio_ram_resident (const DioRam *ram);

/* True when the host has no memory for any of @count pages from page @first on: they are zeros, and
 * reading would make it. False when that cannot be known. Any thread. */
bool dio_ram_is_hole (const DioRam *ram, uint64_t first, uint64_t count);

/* Dirty tracking. start: marks every page CLEAN (the caller then flushes all write TLBs).
 * take_dirty: moves the dirty bits of pages [first, first+count) into @bitmap (bit i = page
 * first+i) and makes them CLEAN again; returns how many were dirty. */
void dio_ram_dirty_start (DioRam *ram);
void dio_ram_dirty_stop (DioRam *ram);
uint64_t dio_ram_take_dirty (DioRam *ram, uint64_t first, uint64_t count, uint64_t *bitmap);
