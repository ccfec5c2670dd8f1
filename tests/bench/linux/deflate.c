/* SPDX-License-Identifier: GPL-3.0-or-later
 * Compression in the manner of deflate: matches found through hash chains in a window of 32 KiB,
 * then two canonical Huffman codes; and the way back, compared with the original. The stream is our
 * own, without deflate's headers: the code lengths come first, four bits each. */
#include <stdlib.h>

#include "tests/bench/linux/suite.h"

#define SIZE (256u << 10)
#define WINDOW 32768u
#define HASHES 32768u
#define TRIES 24
#define MIN_MATCH 3u
#define MAX_MATCH 258u
#define LITERALS 286
#define END 256
#define DISTANCES 30
#define MAX_BITS 15

static uint8_t plain[SIZE], again[SIZE + MAX_MATCH], packed[SIZE * 2];

/* A literal has distance 0 and its byte as length. */
typedef struct {
  uint16_t length;
  uint16_t distance;
} Token;

static Token tokens[SIZE + 1];

/* ---- Matches ---- */

static int32_t heads[HASHES], chain[WINDOW];

static unsigned
hash_at (unsigned at)
{
  uint32_t word = plain[at] | (uint32_t) plain[at + 1] << 8 | (uint32_t) plain[at + 2] << 16;
  return word * 2654435761u >> 17;
}

static void
remember (unsigned at)
{
  unsigned hash = hash_at (at);
  chain[at % WINDOW] = heads[hash];
  heads[hash] = (int32_t) at;
}

static unsigned
match_length (unsigned a, unsigned b)
{
  unsigned most = SIZE - b < MAX_MATCH ? SIZE - b : MAX_MATCH, length = 0;
  while (length < most && plain[a + length] == plain[b + length])
    length++;
  return length;
}

static Token
longest_match (unsigned at)
{
  Token best = { .length = plain[at] };
  unsigned length = MIN_MATCH - 1;
  int tries = TRIES;
  for (int32_t c = heads[hash_at (at)]; c >= 0 && at - (unsigned) c < WINDOW && tries--;
       c = chain[(unsigned) c % WINDOW]) {
    if (plain[(unsigned) c + length] != plain[at + length])
      continue;
    unsigned found = match_length ((unsigned) c, at);
    if (found > length) {
      length = found;
      best = (Token){ (uint16_t) found, (uint16_t) (at - (unsigned) c) };
      if (at + length >= SIZE)
        break;
    }
  }
  return best;
}

static unsigned
find_tokens (void)
{
  unsigned count = 0;
  memset (heads, 0xff, sizeof heads);
  for (unsigned at = 0; at < SIZE;) {
    Token token = { .length = plain[at] };
    if (at + MIN_MATCH < SIZE)
      token = longest_match (at);
    tokens[count++] = token;
    for (unsigned n = token.distance ? token.length : 1; n; n--, at++)
      if (at + MIN_MATCH <= SIZE)
        remember (at);
  }
  return count;
}

/* ---- Symbols: exponential classes with extra bits, four to a doubling for lengths and two for
 * distances ---- */

typedef struct {
  uint16_t symbol;
  uint8_t bits;
  uint16_t extra;
} Symbol;

static Symbol
classify (unsigned value, unsigned fraction)
{
  unsigned direct = 2u << fraction;
  if (value < direct)
    return (Symbol){ .symbol = (uint16_t) value };
  unsigned top = 31 - (unsigned) __builtin_clz (value), bits = top - fraction;
  unsigned class = ((bits + 1) << fraction) + (value >> bits & ((1u << fraction) - 1));
  return (Symbol){ (uint16_t) class, (uint8_t) bits, (uint16_t) (value & ((1u << bits) - 1)) };
}

static unsigned
declassify (unsigned symbol, unsigned fraction, unsigned *bits)
{
  unsigned direct = 2u << fraction;
  *bits = symbol < direct ? 0 : (symbol >> fraction) - 1;
  if (symbol < direct)
    return symbol;
  return ((1u << fraction) | (symbol & ((1u << fraction) - 1))) << *bits;
}

/* ---- Huffman codes ---- */

/* Both of one width: with bytes for the lengths gcc 12 for arm64 drops the calls of make_codes().
 */
typedef struct {
  uint16_t lengths[LITERALS];
  uint16_t codes[LITERALS];
} Code;

/* Lengths of a Huffman code by merging the two rarest trees again and again; frequencies are halved
 * until no code is longer than MAX_BITS. */
static void
make_lengths (Code *code, uint32_t *counts, int n)
{
  uint32_t weights[2 * LITERALS];
  int16_t parents[2 * LITERALS], live[LITERALS];
  for (;;) {
    int trees = 0, nodes = n, deepest = 0;
    for (int i = 0; i < n; i++)
      if ((weights[i] = counts[i]))
        live[trees++] = (int16_t) i;
    while (trees > 1) {
      int a = 0, b = 1;
      if (weights[live[b]] < weights[live[a]])
        a = 1, b = 0;
      for (int i = 2; i < trees; i++)
        if (weights[live[i]] < weights[live[a]])
          b = a, a = i;
        else if (weights[live[i]] < weights[live[b]])
          b = i;
      weights[nodes] = weights[live[a]] + weights[live[b]];
      parents[live[a]] = parents[live[b]] = (int16_t) nodes;
      live[a] = (int16_t) nodes++;
      live[b] = live[--trees];
    }
    for (int i = 0; i < n; i++) {
      int depth = 0;
      for (int node = i; counts[i] && node != nodes - 1; node = parents[node])
        depth++;
      code->lengths[i] = (uint16_t) depth;
      if (depth > deepest)
        deepest = depth;
    }
    if (deepest <= MAX_BITS)
      return;
    for (int i = 0; i < n; i++)
      counts[i] = counts[i] ? counts[i] / 2 + 1 : 0;
  }
}

static unsigned
reverse (unsigned code, unsigned length)
{
  unsigned out = 0;
  while (length--) {
    out = out << 1 | (code & 1);
    code >>= 1;
  }
  return out;
}

static void
make_codes (Code *code, int n)
{
  unsigned counts[MAX_BITS + 2] = { 0 }, next[MAX_BITS + 2] = { 0 };
  for (int i = 0; i < n; i++)
    counts[code->lengths[i]]++;
  counts[0] = 0;
  for (unsigned bits = 1; bits <= MAX_BITS; bits++)
    next[bits] = (next[bits - 1] + counts[bits - 1]) << 1;
  for (int i = 0; i < n; i++)
    code->codes[i] = (uint16_t) reverse (next[code->lengths[i]]++, code->lengths[i]);
}

/* ---- Bits, the lowest first ---- */

typedef struct {
  uint8_t *at;
  uint64_t held;
  unsigned count;
} Bits;

static void
put_bits (Bits *bits, unsigned value, unsigned count)
{
  bits->held |= (uint64_t) value << bits->count;
  for (bits->count += count; bits->count >= 8; bits->count -= 8) {
    *bits->at++ = (uint8_t) bits->held;
    bits->held >>= 8;
  }
}

static void
need_bits (Bits *bits)
{
  for (; bits->count <= 48; bits->count += 8)
    bits->held |= (uint64_t) *bits->at++ << bits->count;
}

static unsigned
get_bits (Bits *bits, unsigned count)
{
  need_bits (bits);
  unsigned value = (unsigned) (bits->held & ((UINT64_C (1) << count) - 1));
  bits->held >>= count;
  bits->count -= count;
  return value;
}

/* ---- Writing ---- */

static unsigned
compress (void)
{
  static Code literals, distances;
  uint32_t literal_counts[LITERALS] = { [END] = 1 }, distance_counts[DISTANCES] = { 1, 1 };
  unsigned count = find_tokens ();
  for (unsigned i = 0; i < count; i++)
    if (tokens[i].distance) {
      literal_counts[END + 1 + classify (tokens[i].length - MIN_MATCH, 2).symbol]++;
      distance_counts[classify (tokens[i].distance - 1u, 1).symbol]++;
    } else {
      literal_counts[tokens[i].length]++;
    }
  make_lengths (&literals, literal_counts, LITERALS);
  make_lengths (&distances, distance_counts, DISTANCES);
  make_codes (&literals, LITERALS);
  make_codes (&distances, DISTANCES);

  Bits bits = { .at = packed };
  for (int i = 0; i < LITERALS; i++)
    put_bits (&bits, literals.lengths[i], 4);
  for (int i = 0; i < DISTANCES; i++)
    put_bits (&bits, distances.lengths[i], 4);
  for (unsigned i = 0; i < count; i++) {
    if (!tokens[i].distance) {
      put_bits (&bits, literals.codes[tokens[i].length], literals.lengths[tokens[i].length]);
      continue;
    }
    Symbol length = classify (tokens[i].length - MIN_MATCH, 2);
    Symbol distance = classify (tokens[i].distance - 1u, 1);
    put_bits (&bits, literals.codes[END + 1 + length.symbol],
              literals.lengths[END + 1 + length.symbol]);
    put_bits (&bits, length.extra, length.bits);
    put_bits (&bits, distances.codes[distance.symbol], distances.lengths[distance.symbol]);
    put_bits (&bits, distance.extra, distance.bits);
  }
  put_bits (&bits, literals.codes[END], literals.lengths[END]);
  put_bits (&bits, 0, 7);
  return (unsigned) (bits.at - packed);
}

/* ---- Reading ---- */

/* For every sequence of MAX_BITS bits the symbol that it starts with, and its length. */
typedef struct {
  uint16_t symbols[1 << MAX_BITS];
  uint8_t lengths[1 << MAX_BITS];
} Table;

static void
make_table (Table *table, const Code *code, int n)
{
  for (int i = 0; i < n; i++)
    if (code->lengths[i])
      for (unsigned at = code->codes[i]; at < 1u << MAX_BITS; at += 1u << code->lengths[i]) {
        table->symbols[at] = (uint16_t) i;
        table->lengths[at] = (uint8_t) code->lengths[i];
      }
}

static unsigned
get_symbol (Bits *bits, const Table *table)
{
  need_bits (bits);
  unsigned at = (unsigned) bits->held & ((1u << MAX_BITS) - 1), length = table->lengths[at];
  bits->held >>= length;
  bits->count -= length;
  return table->symbols[at];
}

static unsigned
expand (void)
{
  static Code literals, distances;
  static Table literal_table, distance_table;
  Bits bits = { .at = packed };
  unsigned out = 0;
  for (int i = 0; i < LITERALS; i++)
    literals.lengths[i] = (uint16_t) get_bits (&bits, 4);
  for (int i = 0; i < DISTANCES; i++)
    distances.lengths[i] = (uint16_t) get_bits (&bits, 4);
  make_codes (&literals, LITERALS);
  make_codes (&distances, DISTANCES);
  make_table (&literal_table, &literals, LITERALS);
  make_table (&distance_table, &distances, DISTANCES);
  for (;;) {
    unsigned symbol = get_symbol (&bits, &literal_table), extra;
    if (symbol == END || out >= SIZE)
      return out;
    if (symbol < END) {
      again[out++] = (uint8_t) symbol;
      continue;
    }
    unsigned length = declassify (symbol - END - 1, 2, &extra) + MIN_MATCH;
    length += get_bits (&bits, extra);
    unsigned distance = declassify (get_symbol (&bits, &distance_table), 1, &extra) + 1;
    distance += get_bits (&bits, extra);
    for (unsigned from = out - distance; length; length--)
      again[out++] = again[from++];
  }
}

/* ---- The work ---- */

void
suite_deflate_prepare (void)
{
  static const char syllables[16][5] = { "ma",  "chi", "ne",  "disk", "gu", "est", "pa",  "ge",
                                         "fra", "me",  "key", "core", "of", "in",  "the", "tra" };
  uint32_t seed = 41;
  static uint16_t words[512];
  for (unsigned i = 0; i < 512; i++)
    words[i] = (uint16_t) bench_random (&seed);
  for (unsigned n = 0; n < SIZE;) {
    /* Some words are far more usual than others. */
    unsigned word = bench_random (&seed) % 512;
    word = words[word * (bench_random (&seed) % 512) / 512];
    for (unsigned part = 0; part <= (word & 3); part++)
      for (const char *c = syllables[word >> (4 * part) & 15]; *c && n < SIZE; c++)
        plain[n++] = (uint8_t) *c;
    if (n < SIZE)
      plain[n++] = (uint8_t) (bench_random (&seed) & 15 ? ' ' : bench_random (&seed));
  }
}

uint64_t
suite_deflate (unsigned rounds)
{
  uint64_t sum = 0;
  for (unsigned round = 0; round < rounds; round++) {
    unsigned length = compress ();
    unsigned back = expand ();
    sum = suite_mix (sum, length);
    sum = suite_mix (sum, back == SIZE && memcmp (plain, again, SIZE) == 0);
    plain[round * 97 % SIZE]++;
  }
  return sum;
}
