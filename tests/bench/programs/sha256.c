/* SPDX-License-Identifier: GPL-3.0-or-later
 * SHA-256 (FIPS 180-4) over a buffer: rotates, xors and adds on words. */
#include "bench.h"

static uint32_t constants[64];

/* The constants are the fractions of the cube roots of the first primes: found by integer search.
 */
static void
make_constants (void)
{
  int n = 0;
  for (uint64_t p = 2; n < 64; p++) {
    int prime = 1;
    for (uint64_t d = 2; d * d <= p; d++)
      prime &= p % d != 0;
    if (!prime)
      continue;
    uint64_t low = 0, high = UINT64_C (8) << 32;
    while (high - low > 1) {
      uint64_t middle = (low + high) / 2;
      unsigned __int128 square = (unsigned __int128) middle * middle >> 32;
      if (square * middle >> 32 < (unsigned __int128) p << 32)
        low = middle;
      else
        high = middle;
    }
    constants[n++] = (uint32_t) low;
  }
}

static inline uint32_t
rotate (uint32_t x, int n)
{
  return x >> n | x << (32 - n);
}

static void
compress (uint32_t state[8], const uint8_t *block)
{
  uint32_t w[64], s[8];
  for (int i = 0; i < 16; i++)
    w[i] = (uint32_t) block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8
           | block[4 * i + 3];
  for (int i = 16; i < 64; i++) {
    uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + (rotate (a, 7) ^ rotate (a, 18) ^ a >> 3) + w[i - 7]
           + (rotate (b, 17) ^ rotate (b, 19) ^ b >> 10);
  }
  memcpy (s, state, sizeof s);
  for (int i = 0; i < 64; i++) {
    uint32_t e = s[4], a = s[0];
    uint32_t t1 = s[7] + (rotate (e, 6) ^ rotate (e, 11) ^ rotate (e, 25))
                  + ((e & s[5]) ^ (~e & s[6])) + constants[i] + w[i];
    uint32_t t2 = (rotate (a, 2) ^ rotate (a, 13) ^ rotate (a, 22))
                  + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
    s[7] = s[6];
    s[6] = s[5];
    s[5] = e;
    s[4] = s[3] + t1;
    s[3] = s[2];
    s[2] = s[1];
    s[1] = a;
    s[0] = t1 + t2;
  }
  for (int i = 0; i < 8; i++)
    state[i] += s[i];
}

static uint64_t
run (unsigned rounds)
{
  static uint8_t data[8192];
  uint32_t state[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
  uint32_t seed = 7;
  make_constants ();
  for (unsigned i = 0; i < sizeof data; i++)
    data[i] = (uint8_t) bench_random (&seed);
  for (unsigned round = 0; round < rounds; round++)
    for (unsigned i = 0; i < sizeof data; i += 64)
      compress (state, data + i);
  return (uint64_t) state[0] << 32 | state[7];
}

const BenchProgram bench_sha256 = { "sha256", 400, run };
