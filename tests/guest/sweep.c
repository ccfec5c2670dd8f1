/* SPDX-License-Identifier: GPL-3.0-or-later
 * Loops over whole pages: they read what was written, forwards and backwards and across page
 * borders, and when they write over code that has run what runs next is the new code. */
#include "guest.h"

#define PAGE_BYTES 4096
#define PAGES 8
#define WORDS (PAGES * PAGE_BYTES / 8)
#define CALLS 300
#define ROUNDS 40

static uint64_t area[WORDS] __attribute__ ((aligned (PAGE_BYTES)));
static uint64_t code[WORDS] __attribute__ ((aligned (PAGE_BYTES)));

/* The loop stays as it is written. */
#define KEEP(variable) __asm__ volatile("" : "+r"(variable))

static __attribute__ ((noinline)) void
fill (uint64_t *to, uint64_t n, uint64_t value, uint64_t more)
{
  for (uint64_t *end = to + n; to != end; to++) {
    KEEP (to);
    *to = value;
    value += more;
  }
}

static __attribute__ ((noinline)) uint64_t
sum_backwards (const uint64_t *from, uint64_t n)
{
  uint64_t sum = 0;
  for (const uint64_t *at = from + n; at != from;) {
    at--;
    KEEP (at);
    sum = sum * 3 + *at;
  }
  return sum;
}

static __attribute__ ((noinline)) void
add_into (uint64_t *to, const uint64_t *from, uint64_t n)
{
  for (uint64_t i = 0; i != n; i++) {
    KEEP (i);
    to[i] += from[i];
  }
}

static void
test_words (void)
{
  for (uint64_t round = 1; round <= ROUNDS; round++) {
    uint64_t n = WORDS / 2 - round * 7, expected = 0;
    fill (area, WORDS, round, 0);
    fill (area + round, n, 5, round);
    add_into (area + WORDS / 2, area + round, WORDS / 2 - round);
    for (uint64_t i = WORDS; i-- > 0;) {
      uint64_t first = i - round < n ? 5 + (i - round) * round : round;
      uint64_t k = i - WORDS / 2;
      if (k < WORDS / 2 - round)
        first = round + (k < n ? 5 + k * round : round);
      expected = expected * 3 + first;
      __asm__ volatile("" ::: "memory");
    }
    CHECK_EQ (sum_backwards (area, WORDS), expected);
  }
}

/* A function that returns @value, in eight bytes. */
static uint64_t
function_of (unsigned value)
{
#ifdef __riscv
  return (0x513 | value << 20) | 0x8067ull << 32; /* addi a0, zero, value; ret */
#else
  return (0xd2800000 | value << 5) | 0xd65f03c0ull << 32; /* movz x0, value; ret */
#endif
}

static void
see_new_code (void)
{
#ifdef __riscv
  __asm__ volatile("fence.i" ::: "memory");
#else
  for (uint64_t at = (uint64_t) code; at < (uint64_t) (code + WORDS); at += 16)
    __asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0" ::"r"(at) : "memory");
  __asm__ volatile("dsb ish\n\tisb" ::: "memory");
#endif
}

/* Each call goes to another page. The new code is written from the last word before them on, so
 * that the second round is the first in a page that may be read but not be written unseen. */
static void
test_code (void)
{
  const unsigned first = PAGE_BYTES / 8 - 1;
  for (unsigned round = 1; round <= ROUNDS; round++) {
    uint64_t sum = sum_backwards (code, WORDS);
    fill (code + first, WORDS - first, function_of (round), 0);
    see_new_code ();
    CHECK (sum_backwards (code, WORDS) != sum);
    for (unsigned call = 0; call < CALLS; call++) {
      unsigned page = 1 + call % (PAGES - 1), word = (round + call) % (PAGE_BYTES / 8);
      CHECK_EQ (((uint64_t (*) (void)) (uint64_t) &code[page * PAGE_BYTES / 8 + word]) (), round);
    }
  }
}

int
main (void)
{
  test_words ();
  test_code ();
  pass ();
}
