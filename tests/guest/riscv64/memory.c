/* SPDX-License-Identifier: GPL-3.0-or-later
 * Memory that changes all the time, with a checksum: each hart writes and sums an area of its own
 * in an order that depends on all that it read before. One byte that is of another instant than the
 * rest (of a snapshot, say) makes every later sum wrong. */
#include "guest.h"

#ifndef WORDS            /* for another program of the same kind */
#define WORDS (1u << 19) /* 4 MiB for each hart */
#define ROUNDS 96
#define SUM 0x2da5745d3e433c01 /* what any processor computes */
#endif
#define MAX_HARTS 2

static uint64_t area[MAX_HARTS][WORDS];
static uint64_t sums[MAX_HARTS];
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
hart_main (unsigned hart)
{
  sums[hart] = run (area[hart]);
  __asm__ volatile("fence rw, rw\n\tamoadd.d x0, %1, (%0)" ::"r"(&done), "r"(1ull) : "memory");
}

static void
appear (unsigned hart __attribute__ ((unused)))
{
  __asm__ volatile("amoadd.d x0, %1, (%0)" ::"r"(&present), "r"(1ull) : "memory");
}

int
main (void)
{
  unsigned harts = 1;
  start_hart (1, appear);
  for (unsigned i = 0; i < 1000000 && !present; i++)
    __asm__ volatile("" ::: "memory");
  if (present)
    harts = 2;
  puts_ ("started\n");
  if (harts == 2)
    start_hart (1, hart_main);
  hart_main (0);
  while (done != harts)
    __asm__ volatile(".word 0x0100000f" ::: "memory");
  __asm__ volatile("fence rw, rw" ::: "memory");
  puts_ ("sum ");
  put_hex (sums[0]);
  puts_ ("\n");
  if (harts == 2)
    CHECK_EQ (sums[0], sums[1]);
  CHECK_EQ (sums[0], SUM);
  pass ();
}
