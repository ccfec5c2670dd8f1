/* SPDX-License-Identifier: GPL-3.0-or-later
 * More code than a small cache of compiled code holds, run again and again in another order: what
 * is thrown out comes back right. On several harts at once, each with functions of its own and with
 * common ones. */
#include "emit.h"

#define FUNCTIONS 400
#define LENGTH 200 /* instructions */
#define ROUNDS 4
#define CALLS 6

static uint8_t area[3][FUNCTIONS][4 * LENGTH + 16] __attribute__ ((aligned (4096)));
static volatile uint64_t done;

/* a0 = what LENGTH steps, chosen by @seed, make of a0. Uses all registers that a call may change.
 */
static void
put_function (uint8_t *at, uint64_t seed)
{
  static const uint8_t registers[] = { T0, T1, T2, A1, A2, A3, A4, A5, A6, A7, 28, 29 };
  struct emitter e = { (uint16_t *) at };
  unsigned last = A0;
  for (unsigned i = 0; i < LENGTH; i++) {
    unsigned rd = registers[(seed + i) % 12];
    emit (&e, i & 1 ? XORI (rd, last, (int) ((seed * 31 + i) & 1023))
                    : ADDI (rd, last, (int) ((seed * 7 + i * 3) & 1023)));
    last = rd;
  }
  emit (&e, ADDI (A0, last, 0));
  emit (&e, RET);
}

static uint64_t
expected (uint64_t seed, uint64_t value)
{
  for (unsigned i = 0; i < LENGTH; i++)
    value = i & 1 ? value ^ ((seed * 31 + i) & 1023) : value + ((seed * 7 + i * 3) & 1023);
  return value;
}

static uint64_t
call (const void *at, uint64_t value)
{
  uint64_t (*function) (uint64_t) = (uint64_t (*) (uint64_t)) at;
  __asm__ volatile("" : "+r"(function));
  return function (value);
}

static uint64_t
seed_of (unsigned group, unsigned function)
{
  return group * 1000 + function;
}

static void
run (unsigned hart)
{
  fence_i ();
  for (unsigned round = 0; round < ROUNDS; round++)
    for (unsigned i = 0; i < FUNCTIONS; i++) {
      unsigned group = i & 1 ? 0 : 1 + hart;
      unsigned function = (i * (2 * round + 3) + hart) % FUNCTIONS;
      uint64_t seed = seed_of (group, function);
      for (uint64_t k = 0; k < CALLS; k++)
        CHECK_EQ (call (area[group][function], k), expected (seed, k));
    }
  __asm__ volatile("fence rw, rw\namoadd.d x0, %1, (%0)" ::"r"(&done), "r"(1ull) : "memory");
}

int
main (void)
{
  for (unsigned group = 0; group < 3; group++)
    for (unsigned i = 0; i < FUNCTIONS; i++)
      put_function (area[group][i], seed_of (group, i));
  __asm__ volatile("fence rw, rw" ::: "memory");
  done = 0;
  start_cpu (1, run);
  run (0);
  while (done != 2)
    __asm__ volatile(".word 0x0100000f" ::: "memory");
  return 0;
}
