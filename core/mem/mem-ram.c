/* SPDX-License-Identifier: GPL-3.0-or-later
 * Guest RAM: one anonymous mapping inside a large reservation that nothing else may enter.
 *
 * It is private memory, as kernels give huge pages to that when they are asked, and to shared
 * memory only where an administrator changed a setting. A guest that walks through 64 MiB at random
 * misses the host's TLB with every step otherwise. */
#include "core/mem/mem-ram.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/mem/mem-freeze.h"
#include "core/mem/mem-lazy.h"

/* Inaccessible address space before and behind the RAM: what a wrong 32-bit displacement reaches
 * costs nothing to reserve. */
#define GUARD_SIZE (UINT64_C (4) << 30)
#define HUGE_PAGE_SIZE (UINT64_C (2) << 20)
/* More than any host has; keeps all sums below far from overflow. */
#define MAX_SIZE (UINT64_C (1) << 46)

/* Bytes that the kernel says it can still give without swapping; UINT64_MAX when unknown. */
static uint64_t
available_memory (void)
{
  g_autofree char *text = NULL;
  unsigned long long kib;
  if (!g_file_get_contents ("/proc/meminfo", &text, NULL, NULL))
    return UINT64_MAX;
  const char *line = strstr (text, "\nMemAvailable:");
  if (!line || sscanf (line, "\nMemAvailable: %llu", &kib) != 1)
    return UINT64_MAX;
  return (uint64_t) kib * 1024;
}

static bool
fail_memory (uint64_t size, uint64_t available, GError **error)
{
  g_autofree char *wanted = g_format_size_full (size, G_FORMAT_SIZE_IEC_UNITS);
  if (available == UINT64_MAX) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY,
                 _ ("This computer cannot give the machine %s of memory. Close other programs, or "
                    "give the machine less memory"),
                 wanted);
  } else {
    g_autofree char *free_text = g_format_size_full (available, G_FORMAT_SIZE_IEC_UNITS);
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY,
                 _ ("The machine needs %s of memory, but this computer has only %s free. Close "
                    "other programs, or give the machine less memory"),
                 wanted, free_text);
  }
  return false;
}

static size_t
reservation_size (const DioRam *ram)
{
  return ram->size + 2 * GUARD_SIZE + HUGE_PAGE_SIZE;
}

/* Start of the reservation that ram->host lies in. */
static uint8_t *
map_reserved (DioRam *ram)
{
  uint8_t *reserved = mmap (NULL, reservation_size (ram), PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED)
    return NULL;
  uintptr_t start =
      ((uintptr_t) reserved + GUARD_SIZE + HUGE_PAGE_SIZE - 1) & ~(uintptr_t) (HUGE_PAGE_SIZE - 1);
  uint8_t *host = mmap ((void *) start, ram->size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
  if (host == MAP_FAILED) {
    munmap (reserved, reservation_size (ram));
    return NULL;
  }
  ram->host = host;
  return reserved;
}

static bool
allocate (DioRam *ram, const char *name, GError **error)
{
  ram->reserved = map_reserved (ram);
  ram->page_flags = g_try_malloc0_n (ram->size / DIO_PAGE_SIZE, sizeof *ram->page_flags);
  ram->page_write_gen = g_try_malloc0_n (ram->size / DIO_PAGE_SIZE, sizeof *ram->page_write_gen);
  if (!ram->reserved || !ram->page_flags || !ram->page_write_gen)
    return fail_memory (ram->size, UINT64_MAX, error);

  /* Each may fail, and nothing but speed or comfort is lost. */
  madvise (ram->host, ram->size, MADV_HUGEPAGE);
  madvise (ram->host, ram->size, MADV_DONTDUMP);
  madvise (ram->host, ram->size, MADV_DONTFORK);
  prctl (PR_SET_VMA, PR_SET_VMA_ANON_NAME, ram->host, ram->size, name);
  ram->page_map = open ("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  return true;
}

DioRam *
dio_ram_new (uint64_t size, const char *name, GError **error)
{
  if (size == 0 || size > MAX_SIZE) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("A machine cannot have %" PRIu64 " bytes of memory"), size);
    return NULL;
  }
  size = (size + HUGE_PAGE_SIZE - 1) & ~(HUGE_PAGE_SIZE - 1);
  uint64_t available = available_memory ();
  if (size > available) {
    fail_memory (size, available, error);
    return NULL;
  }

  DioRam *ram = g_new0 (DioRam, 1);
  ram->size = size;
  ram->page_map = -1;
  pthread_mutex_init (&ram->freeze_lock, NULL);
  if (!allocate (ram, name, error)) {
    dio_ram_free (ram);
    return NULL;
  }
  return ram;
}

void
dio_ram_free (DioRam *ram)
{
  if (!ram)
    return;
  dio_ram_set_source (ram, NULL, NULL);
  if (ram->reserved)
    munmap (ram->reserved, reservation_size (ram));
  if (ram->page_map >= 0)
    close (ram->page_map);
  g_free ((void *) ram->page_flags);
  g_free ((void *) ram->page_write_gen);
  pthread_mutex_destroy (&ram->freeze_lock);
  g_free (ram);
}

static void
free_cb (void *data)
{
  dio_ram_free (data);
}

void
dio_ram_free_later (DioRam *ram, DioPool *pool)
{
  if (!ram || !pool || available_memory () < 2 * ram->size) {
    dio_ram_free (ram);
    return;
  }
  dio_ram_set_source (ram, NULL, NULL); /* what it comes from may go now */
  dio_pool_run (pool, DIO_POOL_IO, free_cb, ram);
}

/* The flag goes before the generation: who reads the generation, then sets the flag, then decodes,
 * either has the new bytes or an old generation. */
static DIO_NOINLINE void
note_page (DioRam *ram, uint64_t page, uint8_t flags)
{
  /* Who notes before the write and did not say that one begins is right, too. */
  if (flags & DIO_PAGE_FROZEN)
    dio_ram_save_frozen (ram, page << DIO_PAGE_SHIFT, DIO_PAGE_SIZE);
  atomic_fetch_and (&ram->page_flags[page], (uint8_t) ~(DIO_PAGE_CODE | DIO_PAGE_CLEAN));
  if (flags & DIO_PAGE_CODE) {
    atomic_fetch_add (&ram->page_write_gen[page], 1);
    atomic_fetch_add (&ram->code_writes, 1);
  }
}

void
dio_ram_note_write (DioRam *ram, uint64_t offset, uint64_t length)
{
  if (!length)
    return;
  /* Either whoever sets a flag sees the new bytes, or the flag is seen here. */
  atomic_thread_fence (memory_order_seq_cst);
  uint64_t last = (offset + length - 1) >> DIO_PAGE_SHIFT;
  for (uint64_t page = offset >> DIO_PAGE_SHIFT; page <= last; page++) {
    uint8_t flags = atomic_load_explicit (&ram->page_flags[page], memory_order_relaxed);
    if (DIO_UNLIKELY (flags))
      note_page (ram, page, flags);
  }
}

void
dio_ram_doubt_code (DioRam *ram, uint64_t offset)
{
  bool all = offset == UINT64_MAX;
  uint64_t first = all ? 0 : offset >> DIO_PAGE_SHIFT;
  uint64_t end = all ? ram->size >> DIO_PAGE_SHIFT : first + 1;
  for (uint64_t page = first; page < end; page++) {
    uint8_t flags = atomic_load (&ram->page_flags[page]);
    if (flags & DIO_PAGE_CODE)
      note_page (ram, page, flags);
  }
}

void
dio_ram_clear (DioRam *ram)
{
  dio_ram_begin_write (ram, 0, ram->size);
  dio_ram_set_source (ram, NULL, NULL);
  if (madvise (ram->host, ram->size, MADV_DONTNEED) < 0)
    memset (ram->host, 0, ram->size);
  dio_ram_note_write (ram, 0, ram->size);
}

bool
dio_ram_is_hole (const DioRam *ram, uint64_t first, uint64_t count)
{
  /* A word for each page: Documentation/admin-guide/mm/pagemap.rst of Linux. */
  enum { AT_ONCE = 64 };
  const uint64_t somewhere = UINT64_C (3) << 62; /* in memory, or swapped out */
  uint64_t words[AT_ONCE];
  for (uint64_t done = 0; done < count; done += AT_ONCE) {
    size_t n = MIN (count - done, AT_ONCE);
    uint64_t page = ((uintptr_t) ram->host >> DIO_PAGE_SHIFT) + first + done;
    ssize_t length = (ssize_t) (n * sizeof *words);
    if (pread (ram->page_map, words, (size_t) length, (off_t) (page * sizeof *words)) != length)
      return false;
    for (size_t i = 0; i < n; i++)
      if (words[i] & somewhere)
        return false;
  }
  return true;
}

uint64_t
dio_ram_resident (const DioRam *ram)
{
  enum { AT_ONCE = 16384 };
  unsigned char there[AT_ONCE];
  uint64_t pages = 0;
  for (uint64_t page = 0; page < ram->size >> DIO_PAGE_SHIFT; page += AT_ONCE) {
    size_t n = MIN ((ram->size >> DIO_PAGE_SHIFT) - page, AT_ONCE);
    if (mincore (ram->host + (page << DIO_PAGE_SHIFT), n << DIO_PAGE_SHIFT, there) < 0)
      return 0;
    for (size_t i = 0; i < n; i++)
      pages += there[i] & 1;
  }
  return pages << DIO_PAGE_SHIFT;
}

void
dio_ram_dirty_start (DioRam *ram)
{
  for (uint64_t page = 0; page < ram->size >> DIO_PAGE_SHIFT; page++)
    atomic_fetch_or (&ram->page_flags[page], DIO_PAGE_CLEAN);
}

void
dio_ram_dirty_stop (DioRam *ram)
{
  for (uint64_t page = 0; page < ram->size >> DIO_PAGE_SHIFT; page++)
    atomic_fetch_and (&ram->page_flags[page], (uint8_t) ~DIO_PAGE_CLEAN);
}

uint64_t
dio_ram_take_dirty (DioRam *ram, uint64_t first, uint64_t count, uint64_t *bitmap)
{
  uint64_t pages = ram->size >> DIO_PAGE_SHIFT;
  uint64_t dirty = 0;
  memset (bitmap, 0, (count + 63) / 64 * sizeof *bitmap);
  for (uint64_t i = 0; i < count && first + i < pages; i++) {
    if (atomic_load_explicit (&ram->page_flags[first + i], memory_order_relaxed) & DIO_PAGE_CLEAN)
      continue;
    atomic_fetch_or (&ram->page_flags[first + i], DIO_PAGE_CLEAN);
    bitmap[i / 64] |= UINT64_C (1) << (i % 64);
    dirty++;
  }
  return dirty;
}
