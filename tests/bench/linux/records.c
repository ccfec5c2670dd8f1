/* SPDX-License-Identifier: GPL-3.0-or-later
 * The mix that Dhrystone made usual: records behind pointers, short strings compared and copied,
 * small arrays, enumerations, and many calls of small functions. */
#include <stdlib.h>

#include "tests/bench/linux/suite.h"

#define NOINLINE __attribute__ ((noinline))
#define TEXT 31

typedef enum { PLAIN, BOLD, ITALIC, STYLES } Style;

typedef struct Record {
  struct Record *next;
  Style style;
  int width, height;
  char text[TEXT];
} Record;

typedef struct {
  int row[50];
  int grid[50][50];
} Tables;

static Record first, second;
static Tables tables;
static int counter;
static char letter;

static NOINLINE Style
choose_style (Style style, int width)
{
  switch (style) {
  case PLAIN:
    return width > 100 ? BOLD : ITALIC;
  case BOLD:
    return ITALIC;
  default:
    return PLAIN;
  }
}

static NOINLINE int
same_letter (char a, char b)
{
  char copy = a;
  if (copy != b)
    return 0;
  letter = copy;
  return 1;
}

static NOINLINE int
comes_before (const char *a, const char *b)
{
  int at = 2;
  while (at <= 2 && !same_letter (a[at], b[at + 1]))
    at++;
  if (strcmp (a, b) > 0) {
    counter += at;
    return 1;
  }
  return 0;
}

static NOINLINE void
add_offset (int a, int b, int *sum)
{
  *sum = a + b + 2;
}

static NOINLINE void
fill_tables (Tables *t, int index, int value)
{
  int at = index + 5;
  t->row[at] = value;
  t->row[at + 1] = t->row[at];
  t->row[at + 30] = at;
  for (int column = at; column <= at + 1; column++)
    t->grid[at][column] = at;
  t->grid[at][at - 1]++;
  t->grid[at + 20][at] = t->row[at];
}

static NOINLINE void
update_next (Record *record)
{
  Record *next = record->next;
  *next = *record;
  next->next = record;
  next->width = record->width + 5;
  record->style = choose_style (record->style, next->width);
  add_offset (record->height, next->height & 0xff, &next->height);
  if (next->style == PLAIN) {
    next->width = 6;
    add_offset (next->width, 10, &next->width);
  }
}

static NOINLINE void
count_if (char limit)
{
  if (letter == limit)
    counter++;
  letter = 'B';
}

static NOINLINE uint64_t
one_round (unsigned round)
{
  char one[TEXT], two[TEXT];
  int a = 2, b = 3, c = 0;
  strcpy (one, "MEASURING RECORDS, 1'ST STRING");
  strcpy (two, round & 1 ? "MEASURING RECORDS, 2'ND STRING" : "MEASURING RECORDS, 0'TH STRING");
  Style style = comes_before (two, one) ? BOLD : PLAIN;
  while (a < b) {
    c = 5 * a - b;
    add_offset (a, b, &c);
    a++;
  }
  fill_tables (&tables, a, c);
  update_next (&first);
  for (char l = 'A'; l <= 'A' + (char) (round & 3); l++)
    if (same_letter (l, 'C'))
      style = choose_style (style, 101);
  b = b * a;
  a = b / (c | 1);
  b = 7 * (b - c) - a;
  count_if ('C');
  return (uint64_t) (unsigned) (a ^ b) + (uint64_t) style + (uint64_t) (unsigned) second.width;
}

uint64_t
suite_records (unsigned rounds)
{
  uint64_t sum = 0;
  first = (Record){ .next = &second, .style = ITALIC, .width = 40, .height = 7 };
  strcpy (first.text, "MEASURING RECORDS, SOME STRING");
  for (unsigned round = 0; round < rounds; round++)
    sum = suite_mix (sum, one_round (round));
  return suite_mix (sum, (uint64_t) (unsigned) counter);
}
