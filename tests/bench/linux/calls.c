/* SPDX-License-Identifier: GPL-3.0-or-later
 * Programs of little but calls and returns: a recursion whose returns go to two places, a sort that
 * asks a function about each pair, and small functions that are reached through pointers and call
 * others of a second level. */
#include <stdlib.h>

#include "tests/bench/linux/suite.h"

#define RECURSION 24
#define SORTED 4096
#define NODES 1023

static __attribute__ ((noinline, noipa)) uint64_t
fibonacci (unsigned n)
{
  return n < 2 ? n : fibonacci (n - 1) + fibonacci (n - 2);
}

uint64_t
suite_recursion (unsigned rounds)
{
  uint64_t sum = 0;
  for (unsigned r = 0; r < rounds; r++)
    sum = suite_mix (sum, fibonacci (RECURSION - (r & 1)));
  return sum;
}

static int
compare_numbers (const void *a, const void *b)
{
  uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;
  return x < y ? -1 : x > y;
}

uint64_t
suite_qsort (unsigned rounds)
{
  static uint32_t numbers[SORTED];
  uint64_t sum = 0;
  uint32_t state = 1;
  for (unsigned r = 0; r < rounds; r++) {
    for (unsigned i = 0; i < SORTED; i++)
      numbers[i] = bench_random (&state);
    qsort (numbers, SORTED, sizeof numbers[0], compare_numbers);
    sum = suite_mix (sum, numbers[r % SORTED]);
  }
  return sum;
}

typedef struct Node {
  uint64_t (*value) (const struct Node *node, unsigned depth);
  const struct Node *left, *right;
  uint64_t number;
} Node;

static __attribute__ ((noinline, noipa)) uint64_t
stir (uint64_t a, uint64_t b)
{
  return (a ^ b) * 31;
}

static uint64_t
value_of_leaf (const Node *node, unsigned depth)
{
  return stir (node->number, depth);
}

static uint64_t
value_of_sum (const Node *node, unsigned depth)
{
  return node->left->value (node->left, depth + 1) + node->right->value (node->right, depth + 1);
}

static uint64_t
value_of_stirred (const Node *node, unsigned depth)
{
  return stir (node->left->value (node->left, depth + 1),
               node->right->value (node->right, depth + 1));
}

/* A tree of expressions, all of whose nodes are called through pointers. */
uint64_t
suite_tree (unsigned rounds)
{
  static Node nodes[NODES];
  uint32_t state = 7;
  for (unsigned i = 0; i < NODES; i++) {
    nodes[i].number = bench_random (&state);
    if (2 * i + 2 < NODES) {
      nodes[i].left = &nodes[2 * i + 1];
      nodes[i].right = &nodes[2 * i + 2];
      nodes[i].value = nodes[i].number & 1 ? value_of_sum : value_of_stirred;
    } else {
      nodes[i].value = value_of_leaf;
    }
  }
  uint64_t sum = 0;
  for (unsigned r = 0; r < rounds; r++) {
    nodes[0].number = r;
    sum = suite_mix (sum, nodes[0].value (&nodes[0], r));
  }
  return sum;
}
