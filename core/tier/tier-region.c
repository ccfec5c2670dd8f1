/* SPDX-License-Identifier: GPL-3.0-or-later
 * Finding the blocks of a region. First the places where blocks begin, by following direct jumps;
 * then each block up to the next such place or the end of its run. */
#include "core/tier/tier-region.h"

#include <string.h>

#include "core/guest/guest-insn.h"

#define PAGE ((unsigned) DIO_PAGE_SIZE)
#define SLOTS (PAGE / 2)

enum {
  LEADER = 1, /* a block begins here */
  ENTRY = 2,  /* and may be entered from outside */
  PASSED = 4, /* but what comes before it goes on through it, in a block of its own */
};

typedef struct {
  const DioTierGuest *guest;
  DioJitRegion *region;
  const uint8_t *page;
  DioTierWasRun was_run;
  void *data;
  uint8_t marks[SLOTS + 1];
  uint16_t queue[DIO_JIT_MAX_BLOCKS];
  unsigned n_leaders, n_insns;
} Finder;

static DioTierInsn
decode (const Finder *f, unsigned offset)
{
  DioTierInsn insn;
  f->guest->decode (f->page, offset, &insn);
  return insn;
}

static void
add_leader (Finder *f, int offset, unsigned marks)
{
  if (offset < 0 || offset >= (int) PAGE)
    return;
  uint8_t *mark = &f->marks[offset / 2];
  if (*mark & LEADER) {
    *mark = (uint8_t) ((*mark | marks) & ~PASSED);
    return;
  }
  if (f->n_leaders == DIO_JIT_MAX_BLOCKS
      || (f->n_leaders && f->was_run && !f->was_run (f->data, (unsigned) offset)))
    return;
  *mark |= (uint8_t) (LEADER | marks);
  f->queue[f->n_leaders++] = (uint16_t) offset;
}

/* What follows instruction @d at @offset, which ends a block. */
static void
follow (Finder *f, const DioTierInsn *d, unsigned offset)
{
  int next = (int) (offset + d->length);
  switch (d->kind) {
  case DIO_LEAF_BRANCH:
    add_leader (f, next, 0);
    add_leader (f, (int) offset + d->offset, 0);
    break;
  case DIO_LEAF_JUMP:
    if (d->call)
      add_leader (f, next, ENTRY);
    else
      add_leader (f, (int) offset + d->offset, 0);
    break;
  case DIO_LEAF_JUMP_REGISTER:
    if (d->call)
      add_leader (f, next, ENTRY);
    break;
  default:
    if (d->length)
      add_leader (f, next, ENTRY);
    break;
  }
}

static bool
ends_block (uint8_t kind)
{
  switch (kind) {
  case DIO_LEAF_BRANCH:
  case DIO_LEAF_JUMP:
  case DIO_LEAF_JUMP_REGISTER:
  case DIO_LEAF_SYSTEM:
  case DIO_LEAF_END:
    return true;
  default:
    return false;
  }
}

static bool
stops (const Finder *f, unsigned offset)
{
  return (f->marks[offset / 2] & (LEADER | PASSED)) == LEADER;
}

/* A region often starts at the branch that ends a loop, as that is where a poll goes on. The loop
 * must not be cut in two for it: the comparison before belongs to the branch. */
static void
find_leaders (Finder *f, unsigned start)
{
  add_leader (f, (int) start, ENTRY | (decode (f, start).kind == DIO_LEAF_BRANCH ? PASSED : 0));
  for (unsigned i = 0; i < f->n_leaders; i++) {
    for (unsigned at = f->queue[i]; at < PAGE && f->n_insns < DIO_JIT_MAX_INSNS;) {
      if (at != f->queue[i] && stops (f, at))
        break;
      DioTierInsn d = decode (f, at);
      f->n_insns++;
      if (ends_block (d.kind)) {
        follow (f, &d, at);
        break;
      }
      at += d.length;
    }
  }
}

/* ---- Blocks ---- */

static unsigned
block_at (const DioJitRegion *region, int64_t offset)
{
  for (unsigned i = 0; i < region->n_blocks; i++)
    if (region->blocks[i].offset == offset)
      return i;
  return DIO_JIT_NO_BLOCK;
}

static void
make_block (Finder *f, DioJitBlock *block, unsigned start)
{
  *block = (DioJitBlock){ .offset = (uint16_t) start,
                          .taken = DIO_JIT_NO_BLOCK,
                          .next = DIO_JIT_NO_BLOCK,
                          .entry = f->marks[start / 2] & ENTRY };
  unsigned at = start;
  while (at < PAGE && block->n_insns < DIO_JIT_MAX_INSNS) {
    if (at != start && stops (f, at))
      break;
    DioTierInsn d = decode (f, at);
    if (d.kind == DIO_LEAF_SYSTEM || d.kind == DIO_LEAF_END) {
      block->end = DIO_JIT_END_INTERPRET;
      break;
    }
    block->n_insns++;
    at += d.length;
    if (ends_block (d.kind))
      break;
  }
  block->bytes = (uint16_t) (at - start);
  block->ir = dio_ir_block_new ();
  f->guest->lift (block->ir, f->page + start, block->bytes, block->n_insns);
}

static void
connect (DioJitRegion *region, DioJitBlock *block)
{
  uint32_t n = block->ir->ops->len;
  const DioIrOp *last = dio_ir_block_op (block->ir, n - 1);
  if (block->end == DIO_JIT_END_INTERPRET || last->opcode != DIO_IR_EXIT)
    return;
  block->next = (uint8_t) block_at (region, block->offset + last->immediate);
  for (uint32_t i = n - 1; i-- > 0;) {
    const DioIrOp *op = dio_ir_block_op (block->ir, i);
    if (op->opcode == DIO_IR_BRANCH)
      block->taken = (uint8_t) block_at (region, block->offset + op->immediate);
    if (op->opcode != DIO_IR_NOP)
      break;
  }
}

static int
by_offset (const void *a, const void *b)
{
  return *(const uint16_t *) a - *(const uint16_t *) b;
}

void
dio_tier_region_build (const DioTierGuest *guest, DioJitRegion *region, const uint8_t *page,
                       unsigned start, DioTierWasRun was_run, void *data)
{
  Finder f = { .guest = guest, .region = region, .page = page, .was_run = was_run, .data = data };
  find_leaders (&f, start);
  qsort (f.queue, f.n_leaders, sizeof f.queue[0], by_offset);
  region->n_blocks = 0;
  for (unsigned i = 0; i < f.n_leaders; i++)
    make_block (&f, &region->blocks[region->n_blocks++], f.queue[i]);
  for (unsigned i = 0; i < region->n_blocks; i++)
    connect (region, &region->blocks[i]);
}

void
dio_tier_region_clear (DioJitRegion *region)
{
  for (unsigned i = 0; i < region->n_blocks; i++)
    g_clear_pointer (&region->blocks[i].ir, dio_ir_block_free);
  region->n_blocks = 0;
}
