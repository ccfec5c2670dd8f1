/* SPDX-License-Identifier: GPL-3.0-or-later
 * A complex fast Fourier transform of 4096 points, forward and back, in place. The roots of unity
 * come from square roots and products, which are exact to the bit everywhere. */
#include <stdlib.h>

#include "tests/bench/linux/suite.h"

#define BITS 12
#define N (1u << BITS)

typedef struct {
  double re, im;
} Complex;

static Complex roots[N / 2];
static Complex points[N];

static Complex
product (Complex a, Complex b)
{
  return (Complex){ a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re };
}

/* Root k is the product of the roots of the powers of two in k, and those come from halving a right
 * angle again and again. */
void
suite_fft_prepare (void)
{
  Complex halves[BITS];
  halves[BITS - 2] = (Complex){ 0, 1 };
  for (int bit = BITS - 3; bit >= 0; bit--) {
    double c = halves[bit + 1].re;
    halves[bit] = (Complex){ bench_sqrt ((1 + c) / 2), bench_sqrt ((1 - c) / 2) };
  }
  for (unsigned k = 0; k < N / 2; k++) {
    roots[k] = (Complex){ 1, 0 };
    for (int bit = 0; bit < BITS - 1; bit++)
      if (k >> bit & 1)
        roots[k] = product (roots[k], halves[bit]);
  }
}

static void
reverse_bits (void)
{
  for (unsigned i = 0, j = 0; i < N; i++) {
    if (i < j) {
      Complex t = points[i];
      points[i] = points[j];
      points[j] = t;
    }
    unsigned bit = N / 2;
    for (; bit && (j & bit); bit /= 2)
      j ^= bit;
    j |= bit;
  }
}

static void
transform (int back)
{
  reverse_bits ();
  for (unsigned half = 1; half < N; half *= 2)
    for (unsigned start = 0; start < N; start += half * 2)
      for (unsigned k = 0; k < half; k++) {
        Complex root = roots[k * (N / 2 / half)];
        if (back)
          root.im = -root.im;
        Complex *a = &points[start + k], *b = &points[start + k + half];
        Complex t = product (*b, root);
        *b = (Complex){ a->re - t.re, a->im - t.im };
        *a = (Complex){ a->re + t.re, a->im + t.im };
      }
}

uint64_t
suite_fft (unsigned rounds)
{
  uint32_t seed = 29;
  uint64_t sum = 0;
  for (unsigned i = 0; i < N; i++) {
    points[i].re = (double) (bench_random (&seed) & 0xffff) / 65536.0;
    points[i].im = (double) (bench_random (&seed) & 0xffff) / 65536.0;
  }
  for (unsigned round = 0; round < rounds; round++) {
    uint64_t bits;
    transform (0);
    memcpy (&bits, &points[round % N].re, sizeof bits);
    sum = suite_mix (sum, bits);
    transform (1);
    for (unsigned i = 0; i < N; i++)
      points[i] = (Complex){ points[i].re / N, points[i].im / N };
  }
  return sum;
}
