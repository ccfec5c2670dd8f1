/* SPDX-License-Identifier: GPL-3.0-or-later
 * The C library's string functions over 64 KiB: the code that it writes by hand for each processor,
 * most often with vectors. */
#include <stdlib.h>

#include "tests/bench/linux/suite.h"

#define SIZE 65536

/* Called through pointers that the compiler may not look behind. */
static void *(*volatile do_memcpy) (void *, const void *, size_t) = memcpy;
static void *(*volatile do_memset) (void *, int, size_t) = memset;
static size_t (*volatile do_strlen) (const char *) = strlen;
static int (*volatile do_memcmp) (const void *, const void *, size_t) = memcmp;
static void *(*volatile do_memchr) (const void *, int, size_t) = memchr;
static char *(*volatile do_strcpy) (char *, const char *) = strcpy;

static char *from, *to;

void
suite_strings_prepare (void)
{
  uint32_t seed = 31;
  from = aligned_alloc (64, SIZE + 64);
  to = aligned_alloc (64, SIZE + 64);
  if (!from || !to)
    suite_fail ("strings");
  for (unsigned i = 0; i < SIZE; i++)
    from[i] = (char) ('a' + bench_random (&seed) % 26);
  from[SIZE - 1] = 0;
  memset (to, 0, SIZE + 64);
}

/* The last letters differ from round to round; the rest stays text. */
static void
change (unsigned round)
{
  from[SIZE - 2 - round % 512] = (char) ('A' + round % 26);
}

uint64_t
suite_memcpy (unsigned rounds)
{
  uint64_t sum = 0;
  for (unsigned round = 0; round < rounds; round++) {
    change (round);
    do_memcpy (to, from, SIZE);
    sum = suite_mix (sum, (uint8_t) to[SIZE - 2 - round % 512]);
  }
  return sum;
}

uint64_t
suite_memset (unsigned rounds)
{
  uint64_t sum = 0;
  for (unsigned round = 0; round < rounds; round++) {
    do_memset (to, (int) round & 0xff, SIZE);
    sum = suite_mix (sum, (uint8_t) to[round % SIZE]);
  }
  return sum;
}

uint64_t
suite_strlen (unsigned rounds)
{
  uint64_t sum = 0;
  for (unsigned round = 0; round < rounds; round++)
    sum = suite_mix (sum, do_strlen (from + round % 64));
  return sum;
}

uint64_t
suite_memcmp (unsigned rounds)
{
  uint64_t sum = 0;
  memcpy (to, from, SIZE);
  for (unsigned round = 0; round < rounds; round++) {
    change (round);
    sum = suite_mix (sum, do_memcmp (from, to, SIZE) < 0);
    to[SIZE - 2 - round % 512] = from[SIZE - 2 - round % 512];
  }
  return sum;
}

uint64_t
suite_memchr (unsigned rounds)
{
  uint64_t sum = 0;
  for (unsigned round = 0; round < rounds; round++) {
    const char *start = from + round % 64;
    const char *found = do_memchr (start, 0, SIZE - round % 64);
    sum = suite_mix (sum, found ? (uint64_t) (found - from) : 0);
  }
  return sum;
}

uint64_t
suite_strcpy (unsigned rounds)
{
  uint64_t sum = 0;
  for (unsigned round = 0; round < rounds; round++) {
    change (round);
    do_strcpy (to, from);
    sum = suite_mix (sum, (uint8_t) to[SIZE - 2 - round % 512]);
  }
  return sum;
}

uint64_t
suite_strings (unsigned rounds)
{
  uint64_t sum = suite_memcpy (rounds);
  sum = suite_mix (sum, suite_memset (rounds));
  sum = suite_mix (sum, suite_strlen (rounds));
  sum = suite_mix (sum, suite_memcmp (rounds));
  sum = suite_mix (sum, suite_memchr (rounds));
  return suite_mix (sum, suite_strcpy (rounds));
}
