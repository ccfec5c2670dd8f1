/* SPDX-License-Identifier: GPL-3.0-or-later
 * A Lempel-Ziv compressor with hash chains, and its inverse, checked against each other. */
#include "bench.h"

#define SIZE 65536
#define HASHES 4096

static uint8_t plain[SIZE], packed[SIZE * 2], again[SIZE];
static int32_t heads[HASHES], chain[SIZE];

static unsigned
hash (const uint8_t *p)
{
  return ((unsigned) p[0] << 8 ^ (unsigned) p[1] << 4 ^ p[2]) & (HASHES - 1);
}

static unsigned
compress (void)
{
  unsigned out = 0, at = 0;
  for (int i = 0; i < HASHES; i++)
    heads[i] = -1;
  while (at < SIZE) {
    unsigned best = 0, distance = 0;
    if (at + 3 <= SIZE) {
      unsigned h = hash (plain + at);
      int tries = 16;
      for (int32_t c = heads[h]; c >= 0 && tries--; c = chain[c]) {
        unsigned length = 0;
        while (length < 255 && at + length < SIZE
               && plain[(unsigned) c + length] == plain[at + length])
          length++;
        if (length > best) {
          best = length;
          distance = at - (unsigned) c;
        }
      }
    }
    if (best >= 4 && distance < 65536) {
      packed[out++] = 1;
      packed[out++] = (uint8_t) best;
      packed[out++] = (uint8_t) distance;
      packed[out++] = (uint8_t) (distance >> 8);
    } else {
      best = 1;
      packed[out++] = 0;
      packed[out++] = plain[at];
    }
    for (; best; best--, at++)
      if (at + 3 <= SIZE) {
        unsigned h = hash (plain + at);
        chain[at] = heads[h];
        heads[h] = (int32_t) at;
      }
  }
  return out;
}

static void
expand (unsigned length)
{
  unsigned out = 0;
  for (unsigned at = 0; at < length;) {
    if (packed[at] == 0) {
      again[out++] = packed[at + 1];
      at += 2;
    } else {
      unsigned n = packed[at + 1], from = out - (packed[at + 2] | (unsigned) packed[at + 3] << 8);
      at += 4;
      while (n--)
        again[out++] = again[from++];
    }
  }
}

static uint64_t
run (unsigned rounds)
{
  static const char words[][8] = {
    "machine", "disk", "guest", "page", "frame", "key", "core", "of"
  };
  uint32_t seed = 5;
  unsigned n = 0;
  uint64_t sum = 0;
  while (n < SIZE) {
    const char *word = words[bench_random (&seed) & 7];
    for (; *word && n < SIZE; word++)
      plain[n++] = (uint8_t) *word;
    if (n < SIZE)
      plain[n++] = (uint8_t) (bench_random (&seed) & 7 ? ' ' : bench_random (&seed));
  }
  for (unsigned round = 0; round < rounds; round++) {
    unsigned length = compress ();
    expand (length);
    sum = sum * 31 + length + (uint64_t) (memcmp (plain, again, SIZE) != 0) * 1000003;
  }
  return sum;
}

const BenchProgram bench_compress = { "compress", 40, run };
