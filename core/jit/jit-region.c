/* SPDX-License-Identifier: GPL-3.0-or-later
 * Facts about a region, by data flow over its blocks. */
#include "core/jit/jit-region.h"

#include <string.h>

#include "core/opt/opt-bits.h"

/* A use in a loop counts as this many outside of it. */
#define LOOP_WEIGHT_SHIFT 3
#define MAX_DEPTH 4
/* A variable used less than this is not worth the load on entry and the store on exit. */
#define MIN_WEIGHT 3

static void
scan_block (DioJitRegion *region, DioJitBlock *block, uint32_t *weights)
{
  uint32_t weight = 1u << (LOOP_WEIGHT_SHIFT * MIN (block->depth, MAX_DEPTH));
  for (uint32_t i = 0; i < block->ir->ops->len; i++) {
    const DioIrOp *op = dio_ir_block_op (block->ir, i);
    int var = dio_jit_var (op);
    if (op->opcode >= DIO_IR_CSR_WRITE && op->opcode <= DIO_IR_CSR_CLEAR && op->immediate != 1)
      region->checks_fp = false; /* the rounding may change on the way */
    region->requires_fp |= op->opcode == DIO_IR_FP_REQUIRE;
    if ((op->opcode >= DIO_IR_UNBOX && op->opcode <= DIO_IR_FP_PURE1)
        || dio_ir_op_has_vectors (op->opcode))
      region->has_fp = true;
    if (var < 0)
      continue;
    uint64_t bit = UINT64_C (1) << var;
    weights[var] += weight;
    if (dio_jit_is_set (op))
      block->defined |= bit;
    else if (!(block->defined & bit))
      block->used |= bit;
  }
}

/* Gives the registers of @pool to the variables [first, first + 32) that are used most. */
static void
pin (DioJitRegion *region, unsigned first, const uint8_t *pool, unsigned n_pool, uint32_t *weights)
{
  for (unsigned k = 0; k < n_pool; k++) {
    unsigned best = first;
    for (unsigned var = first; var < first + 32; var++)
      if (weights[var] > weights[best])
        best = var;
    if (weights[best] < MIN_WEIGHT)
      return;
    weights[best] = 0;
    region->pinned |= UINT64_C (1) << best;
    region->host[best] = (int8_t) pool[k];
  }
}

static bool
flow (uint64_t *set, uint64_t more)
{
  uint64_t before = *set;
  *set |= more;
  return *set != before;
}

/* Forwards: what a block or one before it has written is dirty on the edges out of it. */
static void
find_dirty (DioJitRegion *region)
{
  for (bool changed = true; changed;) {
    changed = false;
    for (unsigned i = 0; i < region->n_blocks; i++) {
      DioJitBlock *block = &region->blocks[i];
      uint64_t out = (block->dirty | block->defined) & region->pinned;
      if (block->taken != DIO_JIT_NO_BLOCK)
        changed |= flow (&region->blocks[block->taken].dirty, out);
      if (block->next != DIO_JIT_NO_BLOCK)
        changed |= flow (&region->blocks[block->next].dirty, out);
    }
  }
}

/* Backwards: what is read before it is written; and what is dirty, as any fault or exit stores it.
 */
static void
find_needed (DioJitRegion *region)
{
  for (unsigned i = 0; i < region->n_blocks; i++)
    region->blocks[i].needed = (region->blocks[i].used | region->blocks[i].dirty) & region->pinned;
  for (bool changed = true; changed;) {
    changed = false;
    for (unsigned i = region->n_blocks; i-- > 0;) {
      DioJitBlock *block = &region->blocks[i];
      uint64_t out = 0;
      if (block->taken != DIO_JIT_NO_BLOCK)
        out |= region->blocks[block->taken].needed;
      if (block->next != DIO_JIT_NO_BLOCK)
        out |= region->blocks[block->next].needed;
      changed |= flow (&block->needed, out & ~block->defined);
    }
  }
}

/* Behind the block's last operation. A poll shows them. */
static DioJitFlags
flags_behind (const DioJitRegion *region, unsigned index)
{
  const DioJitBlock *block = &region->blocks[index];
  const uint8_t edges[] = { block->taken, block->next };
  const bool back[] = { block->taken_back, block->next_back };
  DioJitFlags most = DIO_JIT_FLAGS_DEAD;
  const DioIrOp *last = dio_ir_block_op (block->ir, block->ir->ops->len - 1);
  bool is_branch = block->taken != DIO_JIT_NO_BLOCK;
  for (uint32_t i = 0; i < block->ir->ops->len; i++)
    is_branch |= dio_ir_block_op (block->ir, i)->opcode == DIO_IR_BRANCH;
  if (last->opcode != DIO_IR_EXIT || block->end != DIO_JIT_END_JUMP)
    return DIO_JIT_FLAGS_SHOWN;
  for (unsigned i = is_branch ? 0 : 1; i < 2; i++) {
    bool leaves = edges[i] == DIO_JIT_NO_BLOCK || back[i];
    most = MAX (most, leaves ? DIO_JIT_FLAGS_LEFT : DIO_JIT_FLAGS_DEAD);
    if (edges[i] != DIO_JIT_NO_BLOCK)
      most = MAX (most, (DioJitFlags) region->blocks[edges[i]].flags);
  }
  return most;
}

/* May the guest's state be seen at @op? What asks whether the guest may compute does not if the
 * entries have asked. */
static bool
may_show (const DioJitRegion *region, const DioIrOp *op)
{
  if (op->opcode == DIO_IR_FP_REQUIRE && region->checks_fp)
    return false;
  return dio_ir_op_info[op->opcode].effects & DIO_IR_FAULT;
}

DioJitFlags
dio_jit_region_flags (const DioJitRegion *region, unsigned index, uint32_t from)
{
  const DioIrBlock *ir = region->blocks[index].ir;
  DioJitFlags least = DIO_JIT_FLAGS_DEAD;
  for (uint32_t i = from; i < ir->ops->len; i++) {
    const DioIrOp *op = dio_ir_block_op (ir, i);
    unsigned use = dio_ir_flags_use (op->opcode);
    if (use & DIO_IR_FLAGS_READ)
      return DIO_JIT_FLAGS_READ;
    if (use & DIO_IR_FLAGS_SET)
      return least;
    if (may_show (region, op))
      least = DIO_JIT_FLAGS_SHOWN;
  }
  return MAX (least, flags_behind (region, index));
}

static void
find_flags (DioJitRegion *region)
{
  for (unsigned i = 0; i < region->n_blocks; i++)
    region->blocks[i].flags = DIO_JIT_FLAGS_DEAD;
  for (bool changed = true; changed;) {
    changed = false;
    for (unsigned i = region->n_blocks; i-- > 0;) {
      DioJitFlags flags = dio_jit_region_flags (region, i, 0);
      if (flags == DIO_JIT_FLAGS_LEFT)
        flags = DIO_JIT_FLAGS_SHOWN; /* by another block than that which sets them */
      changed |= flags != region->blocks[i].flags;
      region->blocks[i].flags = (uint8_t) flags;
    }
  }
}

/* ---- Vectors that are single numbers ---- */

/* Of a block: vector registers that are read as numbers of 8 or 4 bytes, in a loop, or as vectors,
 * as they are on entry; and those that have zeros above at the end because it makes them so. */
typedef struct {
  uint64_t wanted[DIO_JIT_N_CLEAN], vectors, made[DIO_JIT_N_CLEAN];
  uint64_t limit; /* what DioJitBlock.clean can have */
} Clean;

/* GET of what the block was entered with; its variable as a set. */
static uint64_t
entered_with (const DioJitBlock *block, const DioIrOp *op)
{
  return op->opcode == DIO_IR_GET_V ? block->used & UINT64_C (1) << dio_jit_var (op) : 0;
}

static void
scan_numbers (const DioJitBlock *block, const DioIrOp *ops, uint32_t i, Clean *clean)
{
  const DioIrOp *op = &ops[i];
  for (unsigned a = 0; a < dio_ir_op_info[op->opcode].n_arguments; a++) {
    const DioIrOp *from = &ops[op->arguments[a]];
    bool single = op->opcode == DIO_IR_ZEXT32 && from->opcode == DIO_IR_VEC_LOW;
    if (single)
      from = &ops[from->arguments[0]];
    if (!single && op->opcode != DIO_IR_VEC_LOW)
      clean->vectors |= entered_with (block, from);
    else if (block->depth)
      clean->wanted[single ? DIO_JIT_CLEAN_4 : DIO_JIT_CLEAN_8] |= entered_with (block, from);
  }
}

static void
scan_clean (const DioJitBlock *block, GArray *room, Clean *clean)
{
  const DioIrOp *ops = (const DioIrOp *) (const void *) block->ir->ops->data;
  *clean = (Clean){ 0 };
  g_array_set_size (room, block->ir->ops->len);
  DioOptBits *bits = (DioOptBits *) (void *) room->data;
  for (uint32_t i = 0; i < block->ir->ops->len; i++) {
    bits[i] = dio_opt_bits (ops, i, bits);
    scan_numbers (block, ops, i, clean);
    if (ops[i].opcode != DIO_IR_SET_V)
      continue;
    uint32_t value = ops[i].arguments[0];
    uint64_t bit = UINT64_C (1) << dio_jit_var (&ops[i]);
    bool single =
        ops[value].opcode == DIO_IR_VEC_MAKE && bits[ops[value].arguments[0]].zero_from <= 32;
    clean->made[DIO_JIT_CLEAN_8] &= ~bit;
    clean->made[DIO_JIT_CLEAN_4] &= ~bit;
    if (bits[value].half)
      clean->made[DIO_JIT_CLEAN_8] |= bit;
    if (bits[value].half && single)
      clean->made[DIO_JIT_CLEAN_4] |= bit;
  }
}

/* Backwards: of which registers a loop is better off if they have zeros above. */
static void
find_wanted (DioJitRegion *region, const Clean *clean, unsigned k)
{
  for (bool changed = true; changed;) {
    changed = false;
    for (unsigned i = region->n_blocks; i-- > 0;) {
      DioJitBlock *block = &region->blocks[i];
      uint64_t out = 0;
      if (block->taken != DIO_JIT_NO_BLOCK)
        out |= region->blocks[block->taken].clean[k];
      if (block->next != DIO_JIT_NO_BLOCK)
        out |= region->blocks[block->next].clean[k];
      out = (out & ~block->defined) | clean[i].wanted[k];
      changed |= flow (&block->clean[k], out & clean[i].limit);
    }
  }
}

/* Forwards: of which they have them in fact, if that is so wherever the region is entered. */
static void
find_kept (DioJitRegion *region, const Clean *clean, unsigned k)
{
  for (bool changed = true; changed;) {
    changed = false;
    for (unsigned i = 0; i < region->n_blocks; i++) {
      const DioJitBlock *block = &region->blocks[i];
      const uint8_t edges[] = { block->taken, block->next };
      uint64_t out = (block->clean[k] & ~block->defined) | clean[i].made[k];
      for (unsigned e = 0; e < G_N_ELEMENTS (edges); e++) {
        if (edges[e] == DIO_JIT_NO_BLOCK)
          continue;
        uint64_t *to = &region->blocks[edges[e]].clean[k];
        changed |= (*to & ~out) != 0;
        *to &= out;
      }
    }
  }
}

/* Entries need not look at what is lost on the way. */
static void
find_clean (DioJitRegion *region)
{
  g_autofree Clean *clean = g_new (Clean, region->n_blocks);
  g_autoptr (GArray) room = g_array_new (FALSE, FALSE, sizeof (DioOptBits));
  for (unsigned i = 0; i < region->n_blocks; i++)
    scan_clean (&region->blocks[i], room, &clean[i]);
  for (unsigned k = 0; k < DIO_JIT_N_CLEAN; k++) {
    for (unsigned i = 0; i < region->n_blocks; i++)
      clean[i].limit = region->pinned & ~clean[i].vectors;
    find_wanted (region, clean, k);
    find_kept (region, clean, k);
    for (unsigned i = 0; i < region->n_blocks; i++) {
      clean[i].limit = region->blocks[i].clean[k];
      region->blocks[i].clean[k] = 0;
    }
    find_wanted (region, clean, k);
  }
}

void
dio_jit_region_analyse (DioJitRegion *region, const uint8_t *pool_x, unsigned n_pool_x,
                        const uint8_t *pool_f, unsigned n_pool_f)
{
  uint32_t weights[DIO_JIT_N_VARS] = { 0 };
  region->pinned = 0;
  region->has_fp = region->requires_fp = false;
  region->checks_fp = true;
  region->n_insns = 0;
  memset (region->host, -1, sizeof region->host);
  for (unsigned i = 0; i < region->n_blocks; i++) {
    DioJitBlock *block = &region->blocks[i];
    block->used = block->defined = block->dirty = block->needed = 0;
    memset (block->clean, 0, sizeof block->clean);
  }
  dio_jit_region_find_loops (region);
  dio_jit_region_find_order (region);
  for (unsigned i = 0; i < region->n_blocks; i++) {
    region->blocks[i].entry |= region->blocks[i].loop_head;
    scan_block (region, &region->blocks[i], weights);
    region->n_insns += region->blocks[i].n_insns;
  }
  region->checks_fp &= region->requires_fp;
  pin (region, 0, pool_x, n_pool_x, weights);
  pin (region, DIO_JIT_F, pool_f, n_pool_f, weights);
  find_dirty (region);
  find_needed (region);
  find_flags (region);
  if (region->pinned >> DIO_JIT_F)
    find_clean (region);
}
