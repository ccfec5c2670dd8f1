/* SPDX-License-Identifier: GPL-3.0-or-later
 * Five bodies under gravity: double multiply, add, divide and square root. */
#include "bench.h"

typedef struct {
  double x[3], v[3], mass;
} Body;

static uint64_t
run (unsigned rounds)
{
  Body b[5];
  uint32_t seed = 11;
  for (int i = 0; i < 5; i++) {
    for (int k = 0; k < 3; k++) {
      b[i].x[k] = (double) (bench_random (&seed) & 0xffff) / 4096.0 + i * 4;
      b[i].v[k] = (double) (bench_random (&seed) & 0xffff) / 65536.0 - 0.5;
    }
    b[i].mass = i ? 0.01 * i : 40.0;
  }
  for (unsigned round = 0; round < rounds; round++) {
    for (int i = 0; i < 5; i++)
      for (int j = i + 1; j < 5; j++) {
        double d[3], square = 0;
        for (int k = 0; k < 3; k++) {
          d[k] = b[i].x[k] - b[j].x[k];
          square += d[k] * d[k];
        }
        double magnitude = 0.001 / (square * bench_sqrt (square));
        for (int k = 0; k < 3; k++) {
          b[i].v[k] -= d[k] * b[j].mass * magnitude;
          b[j].v[k] += d[k] * b[i].mass * magnitude;
        }
      }
    for (int i = 0; i < 5; i++)
      for (int k = 0; k < 3; k++)
        b[i].x[k] += 0.001 * b[i].v[k];
  }
  uint64_t bits;
  memcpy (&bits, &b[0].x[0], sizeof bits);
  return bits;
}

const BenchProgram bench_nbody = { "nbody", 100000, run };
