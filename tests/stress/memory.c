/* SPDX-License-Identifier: GPL-3.0-or-later
 * Stress by page faults: memory that a process and its children share until they write, that is
 * given back, moved, and mapped from files. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/stress/stress.h"

#define PAGE 4096
#define PAGES 256
#define WORDS (PAGE / sizeof (uint64_t))

static void
fill (uint64_t *page, uint64_t value)
{
  for (unsigned i = 0; i < WORDS; i++)
    page[i] = value + i;
}

static void
check (const uint64_t *page, uint64_t value, const char *what)
{
  for (unsigned i = 0; i < WORDS; i++)
    if (page[i] != value + i) {
      stress_differ ("%s: word %u is %llx, not %llx", what, i, (unsigned long long) page[i],
                     (unsigned long long) (value + i));
      return;
    }
}

static uint64_t
value_of (uint32_t seed, unsigned page)
{
  return stress_mix (seed, page);
}

/* A child writes each third page; nobody else sees it. */
static void
share_with_child (uint64_t *pages, uint32_t seed)
{
  pid_t child = stress_fork ();
  if (child == 0) {
    for (unsigned i = 0; i < PAGES; i += 3)
      fill (pages + i * WORDS, value_of (seed + 1, i));
    for (unsigned i = 0; i < PAGES; i++)
      check (pages + i * WORDS, value_of (i % 3 ? seed : seed + 1, i), "child");
    _exit (0);
  }
  for (unsigned i = 1; i < PAGES; i += 3)
    fill (pages + i * WORDS, value_of (seed + 2, i));
  stress_wait (child, "memory");
  for (unsigned i = 0; i < PAGES; i++)
    check (pages + i * WORDS, value_of (i % 3 == 1 ? seed + 2 : seed, i), "parent");
}

static void
give_back (uint64_t *pages, uint32_t seed)
{
  for (unsigned i = 0; i < PAGES; i += 4)
    madvise (pages + i * WORDS, PAGE, MADV_DONTNEED);
  for (unsigned i = 0; i < PAGES; i += 4)
    for (unsigned word = 0; word < WORDS; word += 7)
      if (pages[i * WORDS + word] != 0)
        stress_differ ("memory that was given back is not 0");
  for (unsigned i = 2; i < PAGES; i += 4)
    check (pages + i * WORDS, value_of (i % 3 == 1 ? seed + 2 : seed, i), "kept");
}

/* Moved to another place and back, by page tables alone. */
static uint64_t *
move (uint64_t *pages, uint32_t seed)
{
  uint64_t *place = stress_map (PAGES * PAGE, PROT_NONE, false);
  uint64_t *moved =
      mremap (pages, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
  if (moved != place)
    stress_fail ("mremap");
  for (unsigned i = 2; i < PAGES; i += 4)
    check (moved + i * WORDS, value_of (i % 3 == 1 ? seed + 2 : seed, i), "moved");
  return moved;
}

static uint64_t
map_file (uint32_t seed)
{
  uint64_t page[WORDS], sum = 0;
  int file = memfd_create ("memory", 0);
  if (file < 0)
    stress_fail ("memfd_create");
  for (unsigned i = 0; i < PAGES / 4; i++) {
    fill (page, value_of (seed, i));
    if (write (file, page, PAGE) != PAGE)
      stress_fail ("memfd");
  }
  uint64_t *mine = mmap (NULL, PAGES / 4 * PAGE, 3, MAP_PRIVATE, file, 0);
  uint64_t *all = mmap (NULL, PAGES / 4 * PAGE, 3, MAP_SHARED, file, 0);
  if (mine == MAP_FAILED || all == MAP_FAILED)
    stress_fail ("mmap");
  for (unsigned i = 0; i < PAGES / 4; i += 2)
    fill (mine + i * WORDS, value_of (seed + 3, i));
  for (unsigned i = 1; i < PAGES / 4; i += 2)
    fill (all + i * WORDS, value_of (seed + 4, i));
  for (unsigned i = 0; i < PAGES / 4; i++) {
    check (mine + i * WORDS, value_of (seed + (i % 2 ? 4 : 3), i), "private");
    check (all + i * WORDS, value_of (seed + (i % 2 ? 4 : 0), i), "shared");
    if (pread (file, page, PAGE, (off_t) i * PAGE) != PAGE)
      stress_fail ("memfd");
    check (page, value_of (seed + (i % 2 ? 4 : 0), i), "file");
    sum = stress_mix (sum, page[i % WORDS]);
  }
  munmap (mine, PAGES / 4 * PAGE);
  munmap (all, PAGES / 4 * PAGE);
  close (file);
  return sum;
}

uint64_t
stress_memory (uint32_t seed)
{
  uint64_t sum = 0;
  for (unsigned left = stress_times (20); left; left--) {
    uint64_t *pages = stress_map (PAGES * PAGE, PROT_READ | PROT_WRITE, false);
    for (unsigned i = 0; i < PAGES; i++)
      fill (pages + i * WORDS, value_of (seed, i));
    share_with_child (pages, seed);
    give_back (pages, seed);
    pages = move (pages, seed);
    munmap (pages, PAGES * PAGE);
    sum = stress_mix (sum, map_file (seed + left));
  }
  return sum;
}
