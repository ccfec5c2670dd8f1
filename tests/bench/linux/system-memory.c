/* SPDX-License-Identifier: GPL-3.0-or-later
 * Page faults and mappings. */
#include <sys/mman.h>

#include "tests/bench/linux/suite.h"

/* Four KiB everywhere: what is touched, not what the kernel maps. */
#define PAGE 4096u
#define PAGES 4096u

static uint8_t *
map (size_t size)
{
  uint8_t *memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    suite_fail ("mmap");
  return memory;
}

/* 16 MiB touched page by page; huge pages would make it a measurement of memset. */
uint64_t
suite_fault (unsigned rounds)
{
  uint64_t sum = 0;
  for (unsigned round = 0; round < rounds; round++) {
    uint8_t *memory = map (PAGE * PAGES);
    /* Fails where the kernel has no huge pages. */
    madvise (memory, PAGE * PAGES, MADV_NOHUGEPAGE);
    for (unsigned i = 0; i < PAGES; i++)
      memory[i * PAGE] = (uint8_t) (i + round);
    for (unsigned i = 0; i < PAGES; i += 97)
      sum = suite_mix (sum, memory[i * PAGE]);
    munmap (memory, PAGE * PAGES);
  }
  return sum;
}

/* Small mappings made, touched once, protected and removed. */
uint64_t
suite_mmap (unsigned rounds)
{
  uint64_t sum = 0;
  for (unsigned round = 0; round < rounds; round++) {
    uint8_t *memory = map (16 * PAGE);
    memory[round % 16 * PAGE] = (uint8_t) round;
    if (mprotect (memory, 16 * PAGE, PROT_READ) != 0)
      suite_fail ("mprotect");
    sum = suite_mix (sum, memory[round % 16 * PAGE]);
    munmap (memory, 16 * PAGE);
  }
  return sum;
}
