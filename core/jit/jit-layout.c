/* SPDX-License-Identifier: GPL-3.0-or-later
 * The loops of a region, and the order in which its blocks are put into memory. Sets of blocks are
 * words of 64 bits. */
#include "core/jit/jit-region.h"

_Static_assert(DIO_JIT_MAX_BLOCKS <= 64, "a set of blocks is a word");

static uint64_t
bit_of (unsigned block)
{
  return block == DIO_JIT_NO_BLOCK ? 0 : UINT64_C (1) << block;
}

/* ---- Loops ---- */

typedef struct {
  DioJitRegion *region;
  uint64_t seen;                        /* blocks that the walk has come to */
  uint64_t on_path;                     /* and not left yet */
  uint64_t before[DIO_JIT_MAX_BLOCKS];  /* blocks with an edge to this one */
  uint64_t latches[DIO_JIT_MAX_BLOCKS]; /* those whose edge closes a loop */
} Loops;

/* Depth first: an edge to a block that is on the path closes a loop, and every loop has one. As
 * deep as there are blocks. */
static void
walk (Loops *loops, unsigned index)
{
  DioJitBlock *block = &loops->region->blocks[index];
  unsigned edges[] = { block->next, block->taken };
  bool *back[] = { &block->next_back, &block->taken_back };
  loops->seen |= bit_of (index);
  loops->on_path |= bit_of (index);
  for (unsigned i = 0; i < G_N_ELEMENTS (edges); i++) {
    unsigned to = edges[i];
    if (to == DIO_JIT_NO_BLOCK)
      continue;
    loops->before[to] |= bit_of (index);
    if (loops->on_path & bit_of (to)) {
      *back[i] = true;
      loops->latches[to] |= bit_of (index);
    } else if (!(loops->seen & bit_of (to))) {
      walk (loops, to);
    }
  }
  loops->on_path &= ~bit_of (index);
}

/* The head, and all from where an edge that closes the loop is reached without passing it. */
static uint64_t
body_of (const Loops *loops, unsigned head)
{
  uint64_t body = bit_of (head);
  for (uint64_t more = loops->latches[head] & ~body; more;) {
    unsigned index = (unsigned) __builtin_ctzll (more);
    body |= bit_of (index);
    more = (more | loops->before[index]) & ~body;
  }
  return body;
}

void
dio_jit_region_find_loops (DioJitRegion *region)
{
  Loops loops = { .region = region };
  for (unsigned i = 0; i < region->n_blocks; i++) {
    DioJitBlock *block = &region->blocks[i];
    block->next_back = block->taken_back = block->loop_head = false;
    block->depth = 0;
  }
  for (unsigned i = 0; i < region->n_blocks; i++)
    if (!(loops.seen & bit_of (i)))
      walk (&loops, i);
  for (unsigned i = 0; i < region->n_blocks; i++) {
    if (!loops.latches[i])
      continue;
    region->blocks[i].loop_head = true;
    for (uint64_t body = body_of (&loops, i); body; body &= body - 1)
      region->blocks[__builtin_ctzll (body)].depth++;
  }
}

/* ---- Order ---- */

/* @index and what follows it without a jump. */
static uint64_t
place (DioJitRegion *region, unsigned index, uint64_t placed, unsigned *n)
{
  while (index != DIO_JIT_NO_BLOCK && !(placed & bit_of (index))) {
    const DioJitBlock *block = &region->blocks[index];
    placed |= bit_of (index);
    region->order[(*n)++] = (uint8_t) index;
    unsigned next = block->next;
    index = next != DIO_JIT_NO_BLOCK && block->offset + block->bytes == region->blocks[next].offset
                ? next
                : DIO_JIT_NO_BLOCK;
  }
  return placed;
}

void
dio_jit_region_find_order (DioJitRegion *region)
{
  uint64_t placed = 0;
  unsigned n = 0;
  for (unsigned i = 0; i < region->n_blocks; i++)
    placed = place (region, i, placed, &n);
}
