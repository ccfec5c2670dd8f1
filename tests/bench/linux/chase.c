/* SPDX-License-Identifier: GPL-3.0-or-later
 * A chain of pointers through 64 MiB in an order without a pattern: every step misses the caches
 * and the TLB. */
#include <stdlib.h>

#include "tests/bench/linux/suite.h"

#define NODES (1u << 20)

typedef struct Node {
  struct Node *next;
  uint64_t value;
  uint64_t rest[6]; /* to a cache line */
} Node;

static Node *nodes;

/* A linear congruential generator of full period visits every node once. */
void
suite_chase_prepare (void)
{
  nodes = aligned_alloc (64, sizeof *nodes * NODES);
  if (!nodes)
    suite_fail ("chase");
  for (unsigned i = 0; i < NODES; i++)
    nodes[i] = (Node){ .next = &nodes[(i * 668265u + 374761393u) % NODES], .value = i * 31u };
}

uint64_t
suite_chase (unsigned rounds)
{
  uint64_t sum = 0;
  const Node *node = nodes;
  for (unsigned round = 0; round < rounds; round++) {
    sum += node->value ^ round;
    node = node->next;
  }
  return suite_mix (sum, (uint64_t) (node - nodes));
}
