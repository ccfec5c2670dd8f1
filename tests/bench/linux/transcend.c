/* SPDX-License-Identifier: GPL-3.0-or-later
 * The C library's transcendental functions. Their last bits differ between libraries and hosts, so
 * the sums are rounded before they enter the checksum. */
#include <math.h>

#include "tests/bench/linux/suite.h"

/* Far coarser than the differences, far finer than a wrong result. */
static uint64_t
rounded (double sum)
{
  return (uint64_t) llround (sum * 1000);
}

uint64_t
suite_transcend (unsigned rounds)
{
  double waves = 0, powers = 0, angles = 0, growth = 0;
  float singles = 0;
  uint32_t seed = 23;
  for (unsigned round = 0; round < rounds; round++) {
    double x = (double) (bench_random (&seed) & 0xfffff) / 65536.0 + 0.001;
    double y = (double) (bench_random (&seed) & 0xfffff) / 262144.0 - 2;
    waves += sin (x * 11) * cos (y) + tan (y / 3);
    powers += pow (x, y) / (1 + x * x) + cbrt (x);
    angles += atan2 (y, x) + asin (y / 4) + hypot (x, y);
    growth += exp (y) - log (x) + tanh (y) + log2 (1 + x);
    singles = singles * 0.5f + sinf ((float) x) + expf ((float) y);
  }
  uint64_t sum = suite_mix (rounded (waves), rounded (powers));
  sum = suite_mix (sum, rounded (angles));
  sum = suite_mix (sum, rounded (growth));
  return suite_mix (sum, rounded (singles));
}
