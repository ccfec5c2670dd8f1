/* SPDX-License-Identifier: GPL-3.0-or-later
 * A small database: rows are parsed from text, kept in encoded records, indexed by a B-tree over
 * numbers and a hash over names, and asked for points, ranges and groups. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/linux/suite.h"

#define ROWS 4000
#define ORDER 32
#define BUCKETS 1024
#define CITIES 16

/* ---- Records: a tag byte and a value for each column ---- */

enum { TAG_END, TAG_NUMBER, TAG_TEXT };

typedef struct {
  int64_t id;
  int64_t amount;
  const char *name;
  unsigned name_length;
  unsigned city;
} Row;

static uint8_t *
put_number (uint8_t *at, int64_t value)
{
  uint64_t rest = (uint64_t) value << 1 ^ (uint64_t) (value >> 63);
  *at++ = TAG_NUMBER;
  for (; rest >= 0x80; rest >>= 7)
    *at++ = (uint8_t) (rest | 0x80);
  *at++ = (uint8_t) rest;
  return at;
}

static const uint8_t *
get_number (const uint8_t *at, int64_t *value)
{
  uint64_t rest = 0;
  int shift = 0;
  at++;
  do
    rest |= (uint64_t) (*at & 0x7f) << shift;
  while (shift += 7, *at++ & 0x80);
  *value = (int64_t) (rest >> 1 ^ -(rest & 1));
  return at;
}

static uint8_t *
encode (uint8_t *at, const Row *row)
{
  at = put_number (at, row->id);
  at = put_number (at, row->amount);
  at = put_number (at, row->city);
  *at++ = TAG_TEXT;
  *at++ = (uint8_t) row->name_length;
  memcpy (at, row->name, row->name_length);
  at += row->name_length;
  *at++ = TAG_END;
  return at;
}

static void
decode (const uint8_t *at, Row *row)
{
  int64_t city;
  at = get_number (at, &row->id);
  at = get_number (at, &row->amount);
  at = get_number (at, &city);
  row->city = (unsigned) city;
  row->name_length = at[1];
  row->name = (const char *) at + 2;
}

/* ---- The B-tree: from a number to where its record is ---- */

typedef struct Page {
  unsigned count;
  int leaf;
  int64_t keys[ORDER];
  union {
    struct Page *children[ORDER + 1];
    uint32_t records[ORDER];
  };
} Page;

static Page pages[ROWS / 8];
static unsigned page_count;

static Page *
new_page (int leaf)
{
  Page *page = &pages[page_count++];
  page->count = 0;
  page->leaf = leaf;
  return page;
}

/* The number of keys that are at most @key (in inner pages: the child to go to). */
static unsigned
find_place (const Page *page, int64_t key)
{
  unsigned low = 0, high = page->count;
  while (low < high) {
    unsigned middle = (low + high) / 2;
    if (page->keys[middle] <= key)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Child @at of @parent is full: its upper half becomes a page of its own. */
static void
split_child (Page *parent, unsigned at)
{
  Page *full = parent->children[at], *upper = new_page (full->leaf);
  unsigned half = ORDER / 2;
  int64_t middle = full->keys[half];
  if (full->leaf) {
    upper->count = ORDER - half;
    memcpy (upper->keys, full->keys + half, upper->count * sizeof *upper->keys);
    memcpy (upper->records, full->records + half, upper->count * sizeof *upper->records);
  } else {
    upper->count = ORDER - half - 1;
    memcpy (upper->keys, full->keys + half + 1, upper->count * sizeof *upper->keys);
    memcpy (upper->children, full->children + half + 1, (upper->count + 1) * sizeof (Page *));
  }
  full->count = half;
  unsigned after = parent->count - at;
  memmove (parent->keys + at + 1, parent->keys + at, after * sizeof *parent->keys);
  memmove (parent->children + at + 2, parent->children + at + 1, after * sizeof (Page *));
  parent->keys[at] = middle;
  parent->children[at + 1] = upper;
  parent->count++;
}

static Page *
tree_insert (Page *root, int64_t key, uint32_t record)
{
  if (root->count == ORDER) {
    Page *top = new_page (0);
    top->children[0] = root;
    split_child (top, 0);
    root = top;
  }
  Page *page = root;
  while (!page->leaf) {
    unsigned at = find_place (page, key);
    if (page->children[at]->count == ORDER) {
      split_child (page, at);
      at += page->keys[at] <= key;
    }
    page = page->children[at];
  }
  unsigned at = find_place (page, key), after = page->count - at;
  memmove (page->keys + at + 1, page->keys + at, after * sizeof *page->keys);
  memmove (page->records + at + 1, page->records + at, after * sizeof *page->records);
  page->keys[at] = key;
  page->records[at] = record;
  page->count++;
  return root;
}

static int
tree_find (const Page *page, int64_t key, uint32_t *record)
{
  while (!page->leaf)
    page = page->children[find_place (page, key)];
  unsigned at = find_place (page, key);
  if (at == 0 || page->keys[at - 1] != key)
    return 0;
  *record = page->records[at - 1];
  return 1;
}

typedef void (*Visit) (const uint8_t *record, void *data);

static void
tree_range (const Page *page, const uint8_t *heap, int64_t low, int64_t high, Visit visit,
            void *data)
{
  unsigned at = find_place (page, low - 1);
  if (page->leaf) {
    for (; at < page->count && page->keys[at] <= high; at++)
      visit (heap + page->records[at], data);
    return;
  }
  for (;; at++) {
    tree_range (page->children[at], heap, low, high, visit, data);
    if (at == page->count || page->keys[at] > high)
      return;
  }
}

/* ---- The hash: from a name to the records that have it ---- */

static uint32_t buckets[BUCKETS];
static uint32_t same_bucket[ROWS + 1];
static uint32_t record_of[ROWS + 1];

static unsigned
hash_name (const char *name, unsigned length)
{
  uint32_t hash = 5381;
  while (length--)
    hash = hash * 33 + (uint8_t) *name++;
  return hash % BUCKETS;
}

static void
index_name (unsigned number, const Row *row, uint32_t record)
{
  unsigned bucket = hash_name (row->name, row->name_length);
  same_bucket[number] = buckets[bucket];
  record_of[number] = record;
  buckets[bucket] = number;
}

static int64_t
sum_of_name (const uint8_t *heap, const char *name)
{
  unsigned length = (unsigned) strlen (name);
  int64_t sum = 0;
  for (unsigned n = buckets[hash_name (name, length)]; n; n = same_bucket[n]) {
    Row row;
    decode (heap + record_of[n], &row);
    if (row.name_length == length && memcmp (row.name, name, length) == 0)
      sum += row.amount;
  }
  return sum;
}

/* ---- Text to rows ---- */

static const char *const cities[CITIES] = {
  "Aachen", "Bergen", "Cork",   "Dresden", "Espoo",  "Faro",  "Graz", "Haarlem",
  "Ikast",  "Jena",   "Kassel", "Lille",   "Malaga", "Narva", "Oulu", "Porto",
};

static char *
write_text (uint32_t *seed)
{
  char *text = malloc (ROWS * 64), *at = text;
  if (!text)
    suite_fail ("database");
  for (unsigned i = 0; i < ROWS; i++) {
    uint32_t person = bench_random (seed) % 700;
    const char *city = cities[bench_random (seed) % CITIES];
    int amount = (int) (bench_random (seed) % 200000) - 50000;
    at += sprintf (at, "%u,person%u,%s,%d\n", (i * 2654435761u) >> 8, person, city, amount);
  }
  return text;
}

static const char *
parse_row (const char *at, Row *row)
{
  char *end;
  row->id = strtoll (at, &end, 10);
  row->name = end + 1;
  at = strchr (row->name, ',');
  row->name_length = (unsigned) (at - row->name);
  const char *city = at + 1;
  at = strchr (city, ',');
  row->city = 0;
  while (strncmp (cities[row->city], city, (size_t) (at - city)) != 0)
    row->city++;
  row->amount = strtoll (at + 1, &end, 10);
  return end + 1;
}

/* ---- Questions ---- */

typedef struct {
  int64_t sums[CITIES];
  unsigned counts[CITIES];
} Groups;

static void
add_to_group (const uint8_t *record, void *data)
{
  Groups *groups = data;
  Row row;
  decode (record, &row);
  groups->sums[row.city] += row.amount;
  groups->counts[row.city]++;
}

static uint64_t
ask (const Page *root, const uint8_t *heap, uint32_t *seed)
{
  uint64_t sum = 0;
  char name[24];
  for (int i = 0; i < 4000; i++) {
    uint32_t record;
    Row row;
    int64_t id = (bench_random (seed) % (ROWS * 2) * 2654435761u) >> 8;
    if (!tree_find (root, id, &record))
      continue;
    decode (heap + record, &row);
    sum = suite_mix (sum, (uint64_t) row.amount);
  }
  for (int i = 0; i < 300; i++) {
    sprintf (name, "person%u", bench_random (seed) % 700);
    sum = suite_mix (sum, (uint64_t) sum_of_name (heap, name));
  }
  for (int i = 0; i < 10; i++) {
    Groups groups = { 0 };
    int64_t low = bench_random (seed) % (1 << 23);
    tree_range (root, heap, low, low + (1 << 22), add_to_group, &groups);
    for (int city = 0; city < CITIES; city++)
      sum = suite_mix (sum, (uint64_t) groups.sums[city] + groups.counts[city]);
  }
  return sum;
}

uint64_t
suite_database (unsigned rounds)
{
  static uint8_t heap[ROWS * 48];
  uint32_t seed = 37;
  uint64_t sum = 0;
  char *text = write_text (&seed);
  for (unsigned round = 0; round < rounds; round++) {
    const char *at = text;
    uint8_t *end = heap;
    page_count = 0;
    Page *root = new_page (1);
    memset (buckets, 0, sizeof buckets);
    for (unsigned n = 1; n <= ROWS; n++) {
      Row row;
      uint32_t record = (uint32_t) (end - heap);
      at = parse_row (at, &row);
      end = encode (end, &row);
      root = tree_insert (root, row.id, record);
      index_name (n, &row, record);
    }
    sum = suite_mix (sum, ask (root, heap, &seed));
  }
  free (text);
  return sum;
}
