/* SPDX-License-Identifier: GPL-3.0-or-later
 * Memory that changes all the time, with a checksum: each CPU writes and sums an area of its own
 * in an order that depends on all that it read before. One byte that is of another instant than the
 * rest (of a snapshot, say) makes every later sum wrong. */
#include "guest.h"

#ifndef WORDS            /* for another program of the same kind */
#define WORDS (1u << 19) /* 4 MiB for each CPU */
#define ROUNDS 192
#define SUM 0x32331ec1eb44c548 /* what any processor computes */
#endif
#define MAX_CPUS 2

static uint64_t area[MAX_CPUS][WORDS];
static uint64_t sums[MAX_CPUS];
static volatile uint64_t done, present;

static uint64_t
mix (uint64_t value)
{
  value ^= value >> 30;
  value *= 0xbf58476d1ce4e5b9;
  value ^= value >> 27;
  value *= 0x94d049bb133111eb;
  return value ^ value >> 31;
}

/* Every write depends on what was read at a place that depends on all before. */
static uint64_t
run (uint64_t *words)
{
  uint64_t state = 1;
  for (unsigned round = 0; round < ROUNDS; round++)
    for (unsigned i = 0; i < WORDS / 8; i++) {
      uint64_t *place = &words[mix (state + i) % WORDS];
      state = mix (state ^ *place);
      *place += state;
    }
  for (unsigned i = 0; i < WORDS; i++)
    state = mix (state ^ words[i]);
  return state;
}

static void
cpu_main (unsigned cpu)
{
  sums[cpu] = run (area[cpu]);
  __atomic_fetch_add (&done, 1, __ATOMIC_SEQ_CST);
}

static void
appear (unsigned cpu __attribute__ ((unused)))
{
  __atomic_fetch_add (&present, 1, __ATOMIC_SEQ_CST);
}

int
main (void)
{
  unsigned cpus = 1;
  start_cpu (1, appear);
  for (unsigned i = 0; i < 1000000 && !present; i++)
    __asm__ volatile("" ::: "memory");
  if (present)
    cpus = 2;
  puts_ ("started\n");
  if (cpus == 2)
    start_cpu (1, cpu_main);
  cpu_main (0);
  while (done != cpus)
    relax ();
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  puts_ ("sum ");
  put_hex (sums[0]);
  puts_ ("\n");
  if (cpus == 2)
    CHECK_EQ (sums[0], sums[1]);
  CHECK_EQ (sums[0], SUM);
  pass ();
}
