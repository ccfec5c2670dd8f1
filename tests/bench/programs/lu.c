/* SPDX-License-Identifier: GPL-3.0-or-later
 * LU decomposition of a matrix with partial pivoting. */
#include "bench.h"

#ifdef BENCH_LU_SIZE
#define N BENCH_LU_SIZE
#else
#define N 96
#endif

static double a[N][N];

static double
absolute (double x)
{
  return x < 0 ? -x : x;
}

static uint64_t
run (unsigned rounds)
{
  uint32_t seed = 13;
  double trace = 0;
  for (unsigned round = 0; round < rounds; round++) {
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++)
        a[i][j] = (double) (bench_random (&seed) & 0xffff) / 1024.0 - 32;
    for (int k = 0; k < N; k++) {
      int pivot = k;
      for (int i = k + 1; i < N; i++)
        if (absolute (a[i][k]) > absolute (a[pivot][k]))
          pivot = i;
      for (int j = 0; j < N; j++) {
        double t = a[k][j];
        a[k][j] = a[pivot][j];
        a[pivot][j] = t;
      }
      for (int i = k + 1; i < N; i++) {
        double factor = a[i][k] /= a[k][k];
        for (int j = k + 1; j < N; j++)
          a[i][j] -= factor * a[k][j];
      }
    }
    for (int i = 0; i < N; i++)
      trace += a[i][i];
  }
  uint64_t bits;
  memcpy (&bits, &trace, sizeof bits);
  return bits;
}

const BenchProgram bench_lu = { "lu", 60, run };
