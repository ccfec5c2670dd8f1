/* SPDX-License-Identifier: GPL-3.0-or-later
 * Hashing: CRC-32 by table, FNV-1a, a 64-bit multiply-and-rotate hash, and an open-addressing table
 * of short strings. */
#include <stdlib.h>

#include "tests/bench/linux/suite.h"

#define SIZE 65536
#define SLOTS 8192
#define KEYS 5000

static uint8_t data[SIZE];
static uint32_t crc_table[256];

typedef struct {
  char key[12];
  uint32_t count;
} Slot;

static Slot slots[SLOTS];

static void
prepare (void)
{
  uint32_t seed = 17;
  for (unsigned i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; bit++)
      crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    crc_table[i] = crc;
  }
  for (unsigned i = 0; i < SIZE; i++)
    data[i] = (uint8_t) bench_random (&seed);
}

static uint32_t
hash_crc32 (const uint8_t *at, unsigned length)
{
  uint32_t crc = ~0u;
  while (length--)
    crc = crc >> 8 ^ crc_table[(crc ^ *at++) & 0xff];
  return ~crc;
}

static uint64_t
hash_fnv (const uint8_t *at, unsigned length)
{
  uint64_t hash = UINT64_C (0xcbf29ce484222325);
  while (length--)
    hash = (hash ^ *at++) * UINT64_C (0x100000001b3);
  return hash;
}

static uint64_t
hash_words (const uint8_t *at, unsigned length)
{
  uint64_t lanes[4] = { 1, 2, 3, 4 };
  for (; length >= 32; length -= 32)
    for (int lane = 0; lane < 4; lane++, at += 8) {
      uint64_t word;
      memcpy (&word, at, 8);
      uint64_t mixed = lanes[lane] + word * UINT64_C (0xc2b2ae3d27d4eb4f);
      lanes[lane] = (mixed << 31 | mixed >> 33) * UINT64_C (0x9e3779b185ebca87);
    }
  return lanes[0] ^ lanes[1] * 3 ^ lanes[2] * 5 ^ lanes[3] * 7;
}

/* Writes the letters of @number and returns their count. */
static unsigned
make_key (char key[12], uint32_t number)
{
  unsigned length = 0;
  memset (key, 0, 12);
  do
    key[length++] = (char) ('a' + number % 26);
  while ((number /= 26));
  return length;
}

static Slot *
find_slot (const char *key, unsigned length)
{
  unsigned at = (unsigned) (hash_fnv ((const uint8_t *) key, length) >> 20) % SLOTS;
  while (slots[at].key[0] && strcmp (slots[at].key, key) != 0)
    at = (at + 1) % SLOTS;
  return &slots[at];
}

static uint64_t
count_keys (uint32_t *seed)
{
  char key[12];
  uint64_t most = 0;
  memset (slots, 0, sizeof slots);
  for (int i = 0; i < 10000; i++) {
    unsigned length = make_key (key, bench_random (seed) % KEYS * 7919);
    Slot *slot = find_slot (key, length);
    if (!slot->key[0])
      memcpy (slot->key, key, sizeof key);
    if (++slot->count > most)
      most = slot->count;
  }
  return most;
}

uint64_t
suite_hash (unsigned rounds)
{
  uint32_t seed = 19;
  uint64_t sum = 0;
  prepare ();
  for (unsigned round = 0; round < rounds; round++) {
    data[round % SIZE]++;
    sum = suite_mix (sum, hash_crc32 (data, SIZE));
    sum = suite_mix (sum, hash_fnv (data, SIZE));
    sum = suite_mix (sum, hash_words (data, SIZE));
    sum = suite_mix (sum, count_keys (&seed));
  }
  return sum;
}
