/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the bare-metal measuring programs share: a program is one function that does @rounds rounds
 * of work and returns a checksum. */
#pragma once

#include <stddef.h>
#include <stdint.h>

extern const char bench_name[];
extern const unsigned bench_rounds;
uint64_t bench_run (unsigned rounds);

void *memset (void *to, int byte, size_t length);
void *memcpy (void *to, const void *from, size_t length);
int memcmp (const void *a, const void *b, size_t length);

/* A small generator for inputs, the same everywhere. */
static inline uint32_t
bench_random (uint32_t *state)
{
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

static inline double
bench_sqrt (double x)
{
  double root;
  __asm__("fsqrt.d %0, %1" : "=f"(root) : "f"(x));
  return root;
}
