/* SPDX-License-Identifier: GPL-3.0-or-later
 * Quicksort with a median of three, and binary searches in the result: branches that do not
 * predict. */
#include "bench.h"

#define COUNT 20000

static void
sort (uint32_t *v, long low, long high)
{
  while (high - low > 12) {
    uint32_t a = v[low], b = v[(low + high) / 2], c = v[high];
    uint32_t pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
    long i = low, j = high;
    while (i <= j) {
      while (v[i] < pivot)
        i++;
      while (v[j] > pivot)
        j--;
      if (i <= j) {
        uint32_t t = v[i];
        v[i++] = v[j];
        v[j--] = t;
      }
    }
    sort (v, low, j);
    low = i;
  }
  for (long i = low + 1; i <= high; i++) {
    uint32_t t = v[i];
    long j = i;
    for (; j > low && v[j - 1] > t; j--)
      v[j] = v[j - 1];
    v[j] = t;
  }
}

static uint64_t
run (unsigned rounds)
{
  static uint32_t v[COUNT];
  uint32_t seed = 3;
  uint64_t sum = 0;
  for (unsigned round = 0; round < rounds; round++) {
    for (int i = 0; i < COUNT; i++)
      v[i] = bench_random (&seed);
    sort (v, 0, COUNT - 1);
    for (int i = 0; i < 2000; i++) {
      uint32_t wanted = bench_random (&seed);
      long low = 0, high = COUNT;
      while (low < high) {
        long middle = (low + high) / 2;
        if (v[middle] < wanted)
          low = middle + 1;
        else
          high = middle;
      }
      sum = sum * 31 + (uint64_t) low;
    }
  }
  return sum;
}

const BenchProgram bench_sort = { "sort", 60, run };
