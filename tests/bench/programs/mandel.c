/* SPDX-License-Identifier: GPL-3.0-or-later
 * Escape times of the Mandelbrot set in single and double precision, with conversions. */
#include "bench.h"

static uint64_t
run (unsigned rounds)
{
  uint64_t sum = 0;
  for (unsigned round = 0; round < rounds; round++)
    for (int y = 0; y < 96; y++)
      for (int x = 0; x < 128; x++) {
        int n = 0, m = 0;
        double cr = x / 48.0 - 2.0, ci = y / 48.0 - 1.0, zr = 0, zi = 0;
        for (; n < 64 && zr * zr + zi * zi < 4; n++) {
          double t = zr * zr - zi * zi + cr;
          zi = 2 * zr * zi + ci;
          zr = t;
        }
        float fr = (float) cr, fi = (float) ci, wr = 0, wi = 0;
        for (; m < 64 && wr * wr + wi * wi < 4; m++) {
          float t = wr * wr - wi * wi + fr;
          wi = 2 * wr * wi + fi;
          wr = t;
        }
        sum = sum * 31 + (uint64_t) (n * 64 + m);
      }
  return sum;
}

const BenchProgram bench_mandel = { "mandel", 15, run };
