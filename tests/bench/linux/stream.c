/* SPDX-License-Identifier: GPL-3.0-or-later
 * The four loops that STREAM made usual over three arrays of 16 MiB. */
#include <stdlib.h>

#include "tests/bench/linux/suite.h"

#define COUNT (16u << 20 >> 3)

static double *a, *b, *c;

void
suite_stream_prepare (void)
{
  a = malloc (COUNT * sizeof *a);
  b = malloc (COUNT * sizeof *b);
  c = malloc (COUNT * sizeof *c);
  if (!a || !b || !c)
    suite_fail ("stream");
  for (unsigned i = 0; i < COUNT; i++) {
    a[i] = (double) (i & 1023);
    b[i] = 2;
    c[i] = 0;
  }
}

/* A function for each loop, so that none is merged with another. */

static __attribute__ ((noinline)) void
copy (double *to, const double *from)
{
  for (unsigned i = 0; i < COUNT; i++)
    to[i] = from[i];
}

static __attribute__ ((noinline)) void
scale (double *to, const double *from, double by)
{
  for (unsigned i = 0; i < COUNT; i++)
    to[i] = by * from[i];
}

static __attribute__ ((noinline)) void
add (double *to, const double *one, const double *two)
{
  for (unsigned i = 0; i < COUNT; i++)
    to[i] = one[i] + two[i];
}

static __attribute__ ((noinline)) void
triad (double *to, const double *one, const double *two, double by)
{
  for (unsigned i = 0; i < COUNT; i++)
    to[i] = one[i] + by * two[i];
}

uint64_t
suite_stream (unsigned rounds)
{
  for (unsigned round = 0; round < rounds; round++) {
    copy (c, a);
    scale (b, c, 0.5);
    add (c, a, b);
    triad (a, b, c, 0.25);
  }
  uint64_t sum = 0;
  for (unsigned i = 0; i < COUNT; i += COUNT / 64 + 1) {
    uint64_t bits;
    memcpy (&bits, &a[i], sizeof bits);
    sum = suite_mix (sum, bits);
  }
  return sum;
}
