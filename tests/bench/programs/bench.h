/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the measuring programs share: a program is one function that does @rounds rounds of work and
 * returns a checksum. Those in this folder run on bare metal (with bench.c around them) and under
 * Linux (with ../linux/suite.c). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#if __STDC_HOSTED__
#include <string.h>
#else
void *memset (void *to, int byte, size_t length);
void *memcpy (void *to, const void *from, size_t length);
int memcmp (const void *a, const void *b, size_t length);
#endif

typedef struct {
  const char *name;
  unsigned rounds; /* what bare metal does */
  uint64_t (*run) (unsigned rounds);
} BenchProgram;

extern const BenchProgram bench_bytecode, bench_compress, bench_core, bench_lu, bench_mandel,
    bench_nbody, bench_sha256, bench_sort;

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
#ifdef __riscv
  double root;
  __asm__("fsqrt.d %0, %1" : "=f"(root) : "f"(x));
  return root;
#else
  return __builtin_sqrt (x);
#endif
}
