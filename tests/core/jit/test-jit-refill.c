/* SPDX-License-Identifier: GPL-3.0-or-later
 * What compiled code does when the first level of the TLB does not have a page, against what the
 * functions of the TLB would do. */
#include <string.h>

#include "tests/core/jit/jit-run.h"

#define ROUNDS 60000
#define PAGES 8
#define SEED 5

/* The guest's pages: two that share a place in the first level, two that do in the second, two
 * where invalid tags of the first ones point to; and two of these in a block. */
static const DioGva page_addresses[PAGES] = {
  0x0,
  0x5000,
  0x5000 + DIO_TLB_ENTRIES *DIO_PAGE_SIZE,
  0xffffffff80006000,
  0xffffffff80006000 ^ (UINT64_C (1) << (DIO_PAGE_SHIFT + 2 * DIO_TLB_SECOND_BITS)),
  0xfffffffffffff000,
  DIO_TLB_ELSEWHERE,
  DIO_TLB_ELSEWHERE + DIO_PAGE_SIZE,
};

typedef struct {
  JitRun *run;
  DioTlb *tlb;
  GRand *rng;
  bool vectors;
  DioJitEntry *entries[DIO_IR_N_OPS];
  unsigned refills, calls;
} Test;

/* The pages of a block lie behind each other as they do there. */
static uint64_t
ram_offset_of (unsigned page)
{
  static const unsigned blocks[PAGES] = { 0, 0, 1, 2, 3, 4, 5, 5 };
  return (UINT64_C (32) << 20) + blocks[page] * DIO_TLB_BLOCK_SIZE
         + (page_addresses[page] & DIO_TLB_BLOCK_MASK);
}

static bool
is_vector (unsigned opcode)
{
  return opcode == DIO_IR_LOAD_V128 || opcode == DIO_IR_STORE_V128;
}

static bool
is_store (unsigned opcode)
{
  return opcode == DIO_IR_STORE_V128 || (opcode >= DIO_IR_STORE_8 && opcode <= DIO_IR_STORE_64);
}

static unsigned
size_of (unsigned opcode)
{
  static const unsigned sizes[] = { 1, 1, 2, 2, 4, 4, 8 };
  if (is_vector (opcode))
    return 16;
  return is_store (opcode) ? 1u << (opcode - DIO_IR_STORE_8) : sizes[opcode - DIO_IR_LOAD_S8];
}

/* Vectors are in x11 and x12, and go to x12 and x13. */
static void
compile_vectors (Test *t)
{
  for (unsigned opcode = DIO_IR_LOAD_V128; opcode <= DIO_IR_STORE_V128; opcode++) {
    DioIrBlock *block = dio_ir_block_new ();
    dio_ir_block_append (block, DIO_IR_INSN, 0, 0, 0, 0, 0);
    uint32_t va = dio_ir_block_append (block, DIO_IR_GET_X, 10, 0, 0, 0, 0);
    uint32_t low = dio_ir_block_append (block, DIO_IR_GET_X, 11, 0, 0, 0, 0);
    uint32_t high = dio_ir_block_append (block, DIO_IR_GET_X, 12, 0, 0, 0, 0);
    uint32_t vector = dio_ir_block_append (block, DIO_IR_VEC_MAKE, 0, low, high, 0, 0);
    uint32_t loaded = dio_ir_block_append (block, (DioIrOpcode) opcode, 0, va, vector, 0, 0);
    if (!is_store (opcode)) {
      low = dio_ir_block_append (block, DIO_IR_VEC_LOW, 0, loaded, 0, 0, 0);
      dio_ir_block_append (block, DIO_IR_SET_X, 12, low, 0, 0, 0);
      high = dio_ir_block_append (block, DIO_IR_VEC_HIGH, 0, loaded, 0, 0, 0);
      dio_ir_block_append (block, DIO_IR_SET_X, 13, high, 0, 0, 0);
    }
    dio_ir_block_append (block, DIO_IR_EXIT, DIO_PAGE_SIZE, 0, 0, 0, 0);
    t->entries[opcode] = jit_run_compile (t->run, block);
    g_assert_nonnull (t->entries[opcode]);
  }
}

static void
compile (Test *t)
{
  _Static_assert(DIO_IR_STORE_V128 == DIO_IR_LOAD_V128 + 1, "both are made in a loop");
  if (t->vectors)
    compile_vectors (t);
  for (unsigned opcode = DIO_IR_LOAD_S8; opcode <= DIO_IR_STORE_64; opcode++) {
    DioIrBlock *block = dio_ir_block_new ();
    dio_ir_block_append (block, DIO_IR_INSN, 0, 0, 0, 0, 0);
    uint32_t va = dio_ir_block_append (block, DIO_IR_GET_X, 10, 0, 0, 0, 0);
    uint32_t value = dio_ir_block_append (block, DIO_IR_GET_X, 11, 0, 0, 0, 0);
    uint32_t loaded = dio_ir_block_append (block, (DioIrOpcode) opcode, 0, va, value, 0, 0);
    if (!is_store (opcode))
      dio_ir_block_append (block, DIO_IR_SET_X, 12, loaded, 0, 0, 0);
    dio_ir_block_append (block, DIO_IR_EXIT, DIO_PAGE_SIZE, 0, 0, 0, 0);
    t->entries[opcode] = jit_run_compile (t->run, block);
    g_assert_nonnull (t->entries[opcode]);
  }
}

static unsigned
random_permissions (Test *t)
{
  return (unsigned) g_rand_int_range (t->rng, 0, 16) | (g_rand_boolean (t->rng) ? DIO_TLB_READ : 0);
}

/* Something that makes the levels differ. */
static void
change (Test *t)
{
  DioTlbSet *set = &t->tlb->sets[g_rand_int_range (t->rng, 0, JIT_RUN_SETS)];
  unsigned page = (unsigned) g_rand_int_range (t->rng, 0, PAGES);
  DioGva va = page_addresses[page];
  uint64_t offset = ram_offset_of (page);
  const uint8_t *host = t->run->ram->host + offset;
  unsigned permissions = random_permissions (t);
  _Atomic uint8_t *flags = &t->run->ram->page_flags[offset >> DIO_PAGE_SHIFT];
  switch (g_rand_int_range (t->rng, 0, 10)) {
  case 0:
    dio_tlb_flush_set (set);
    break;
  case 1:
    dio_tlb_flush_local (set);
    break;
  case 2:
    dio_tlb_second_drop (t->tlb, set, va);
    break;
  case 3:
    dio_tlb_select (t->tlb, (unsigned) (set - t->tlb->sets), 0);
    break;
  case 4:
    *flags = (uint8_t) (1 << g_rand_int_range (t->rng, 0, 4));
    dio_tlb_flush_write (t->tlb, host, NULL);
    break;
  case 5:
    *flags = 0;
    break;
  case 6:
    if (permissions & DIO_TLB_WRITE && *flags & DIO_PAGE_SLOW_WRITE)
      permissions -= DIO_TLB_WRITE;
    dio_tlb_fill (set, va, ~DIO_PAGE_MASK, host, permissions);
    break;
  case 7:
    dio_tlb_second_fill (t->tlb, set, va, ~DIO_TLB_BLOCK_MASK, offset, host, offset, permissions,
                         true);
    break;
  default:
    dio_tlb_second_fill (t->tlb, set, va, ~DIO_PAGE_MASK, offset, host, offset, permissions, false);
    break;
  }
}

/* Does the first level have it as compiled code looks for it? */
static bool
is_hit (const DioTlbSet *set, unsigned opcode, DioGva va)
{
  unsigned index = dio_tlb_index (va);
  return (is_store (opcode) ? set->table.write : set->table.read)[index]
         == dio_tlb_tag_unaligned (va, size_of (opcode));
}

/* What must come out of the second level: fills @set and returns true, or false for the slow way.
 */
static bool
refill (Test *t, DioTlbSet *set, unsigned opcode, DioGva va)
{
  unsigned permissions = is_store (opcode) ? DIO_TLB_WRITE : DIO_TLB_READ;
  DioTlbSecond found;
  if (!dio_tlb_second_find (t->tlb, t->tlb->data_set, va, permissions, &found)
      || (va & DIO_PAGE_MASK) + size_of (opcode) > DIO_PAGE_SIZE)
    return false;
  permissions = dio_tlb_second_permissions (&found);
  if (t->run->ram->page_flags[found.ram_offset >> DIO_PAGE_SHIFT] & DIO_PAGE_SLOW_WRITE) {
    if (is_store (opcode))
      return false;
    permissions &= ~(unsigned) DIO_TLB_WRITE;
  }
  dio_tlb_fill (set, va, ~DIO_PAGE_MASK, t->run->ram->host + found.ram_offset, permissions);
  return true;
}

static uint64_t
widened (unsigned opcode, const uint8_t *host)
{
  uint64_t value = 0;
  memcpy (&value, host, MIN (size_of (opcode), sizeof value));
  switch (opcode) {
  case DIO_IR_LOAD_S8:
    return (uint64_t) (int8_t) value;
  case DIO_IR_LOAD_S16:
    return (uint64_t) (int16_t) value;
  case DIO_IR_LOAD_S32:
    return (uint64_t) (int32_t) value;
  default:
    return value;
  }
}

static void
access_memory (Test *t, DioTlbSet *expected)
{
  unsigned opcode = (unsigned) g_rand_int_range (t->rng, DIO_IR_LOAD_S8, DIO_IR_STORE_64 + 1);
  if (t->vectors && g_rand_int_range (t->rng, 0, 4) == 0)
    opcode = g_rand_boolean (t->rng) ? DIO_IR_LOAD_V128 : DIO_IR_STORE_V128;
  unsigned page = (unsigned) g_rand_int_range (t->rng, 0, PAGES);
  uint64_t at = g_rand_boolean (t->rng)
                    ? (uint64_t) g_rand_int_range (t->rng, 0, DIO_PAGE_SIZE)
                    : DIO_PAGE_SIZE - (uint64_t) g_rand_int_range (t->rng, 1, 10);
  DioGva va = page_addresses[page] + at;
  uint8_t *host = t->run->ram->host + ram_offset_of (page) + at;
  IrEvalState state;
  ir_eval_randomize (&state, t->rng);
  state.pc = 0;
  state.frm = 0;
  state.fault_rate = 0;
  state.x[10] = va;
  uint64_t untouched[32], before = widened (opcode, host), before_high;
  uint64_t value[] = { state.x[11], state.x[12] };
  memcpy (&before_high, host + 8, sizeof before_high);
  memcpy (untouched, state.x, sizeof untouched);

  memcpy (expected, t->tlb->data_set, sizeof *expected);
  bool hit = is_hit (expected, opcode, va);
  bool refilled = !hit && refill (t, expected, opcode, va);
  jit_run (t->run, t->entries[opcode], &state);
  g_assert_cmpuint (jit_run_take_calls (t->run) > 0, ==, !hit && !refilled);
  t->refills += refilled;
  t->calls += !hit && !refilled;
  if ((hit || refilled) && is_store (opcode))
    g_assert_cmpmem (host, size_of (opcode), value, size_of (opcode));
  else
    untouched[12] = hit || refilled ? before : state.x[12];
  if (opcode == DIO_IR_LOAD_V128)
    untouched[13] = hit || refilled ? before_high : state.x[13];
  g_assert_cmpmem (state.x, sizeof state.x, untouched, sizeof untouched);

  const DioTlbSet *have = t->tlb->data_set;
  g_assert_cmpmem (&have->table, sizeof have->table, &expected->table, sizeof expected->table);
  g_assert_cmpmem (have->local, sizeof have->local, expected->local, sizeof expected->local);
  g_assert_cmpuint (have->used, ==, expected->used);
}

static void
test_refill (const void *vectors)
{
  Test t = { .run = vectors ? jit_run_new_with_vectors ("") : jit_run_new ("", 1),
             .rng = g_rand_new_with_seed (SEED),
             .vectors = vectors };
  DioTlbSet *expected = g_aligned_alloc (1, sizeof *expected, DIO_TLB_SET_ALIGNMENT);
  t.tlb = jit_run_tlb (t.run);
  compile (&t);
  for (unsigned page = 0; page < PAGES; page++)
    for (uint64_t i = 0; i < DIO_PAGE_SIZE; i++)
      t.run->ram->host[ram_offset_of (page) + i] = (uint8_t) ((page * 37 + i) * 131 >> 3);
  for (unsigned round = 0; round < ROUNDS; round++) {
    change (&t);
    access_memory (&t, expected);
  }
  g_assert_cmpuint (t.refills, >, ROUNDS / 50);
  g_assert_cmpuint (t.calls, >, ROUNDS / 20);
  g_aligned_free (expected);
  g_rand_free (t.rng);
  jit_run_free (t.run);
}

/* ---- Several accesses ---- */

#define GROUP_AT 0x10000
#define GROUP_PAGES 2

static uint8_t *
group_host (JitRun *run, uint64_t at)
{
  return run->ram->host + ram_offset_of ((unsigned) (at >> DIO_PAGE_SHIFT)) + (at & DIO_PAGE_MASK);
}

/* Accesses that share a probe: words at 0 and 24 to x12 and x13, x11 to that at 8. */
static DioJitEntry *
compile_group (JitRun *run)
{
  DioIrBlock *block = dio_ir_block_new ();
  dio_ir_block_append (block, DIO_IR_INSN, 0, 0, 0, 0, 0);
  uint32_t va = dio_ir_block_append (block, DIO_IR_GET_X, 10, 0, 0, 0, 0);
  uint32_t stored = dio_ir_block_append (block, DIO_IR_GET_X, 11, 0, 0, 0, 0);
  uint32_t first = dio_ir_block_append (block, DIO_IR_LOAD_U64, 0, va, 0, 0, 0);
  uint32_t last = dio_ir_block_append (block, DIO_IR_LOAD_U64, 24, va, 0, 0, 0);
  dio_ir_block_append (block, DIO_IR_STORE_64, 8, va, stored, 0, 0);
  dio_ir_block_append (block, DIO_IR_SET_X, 12, first, 0, 0, 0);
  dio_ir_block_append (block, DIO_IR_SET_X, 13, last, 0, 0, 0);
  dio_ir_block_append (block, DIO_IR_EXIT, DIO_PAGE_SIZE, 0, 0, 0, 0);
  return jit_run_compile (run, block);
}

/* Each page of the group in one of the levels. */
static void
place_group (JitRun *run, GRand *rng)
{
  DioTlb *tlb = jit_run_tlb (run);
  dio_tlb_select (tlb, (unsigned) g_rand_int_range (rng, 0, JIT_RUN_SETS), 0);
  for (unsigned page = 0; page < GROUP_PAGES; page++) {
    DioGva va = GROUP_AT + page * DIO_PAGE_SIZE;
    dio_tlb_flush_page (tlb->data_set, va);
    if (g_rand_boolean (rng))
      dio_tlb_fill (tlb->data_set, va, ~DIO_PAGE_MASK, run->ram->host + ram_offset_of (page),
                    DIO_TLB_READ | DIO_TLB_WRITE);
    else
      dio_tlb_second_fill (tlb, tlb->data_set, va, ~DIO_PAGE_MASK, ram_offset_of (page),
                           run->ram->host + ram_offset_of (page), ram_offset_of (page),
                           DIO_TLB_READ | DIO_TLB_WRITE, false);
  }
}

static bool
crosses (uint64_t at)
{
  return (at & DIO_PAGE_MASK) > DIO_PAGE_SIZE - 8;
}

/* Around the end of a page, at any alignment: what lies in one page never needs a function. */
static void
test_groups (void)
{
  JitRun *run = jit_run_new ("", 1);
  g_autoptr (GRand) rng = g_rand_new_with_seed (SEED);
  DioJitEntry *entry = compile_group (run);
  for (unsigned page = 0; page < GROUP_PAGES; page++)
    for (uint64_t i = 0; i < DIO_PAGE_SIZE; i++)
      run->ram->host[ram_offset_of (page) + i] = (uint8_t) g_rand_int (rng);
  for (unsigned round = 0; round < ROUNDS; round++) {
    uint64_t at = DIO_PAGE_SIZE - 48 + (uint64_t) g_rand_int_range (rng, 0, 56);
    if (crosses (at) || crosses (at + 8) || crosses (at + 24))
      continue;
    place_group (run, rng);
    IrEvalState state;
    ir_eval_randomize (&state, rng);
    state.pc = state.frm = 0;
    state.fault_rate = 0;
    state.x[10] = GROUP_AT + at;
    uint64_t stored = state.x[11], first, last;
    memcpy (&first, group_host (run, at), sizeof first);
    memcpy (&last, group_host (run, at + 24), sizeof last);
    jit_run (run, entry, &state);
    g_assert_cmpuint (jit_run_take_calls (run), ==, 0);
    g_assert_cmphex (state.x[12], ==, first);
    g_assert_cmphex (state.x[13], ==, last);
    g_assert_cmpmem (group_host (run, at + 8), 8, &stored, sizeof stored);
  }
  jit_run_free (run);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/core/jit/refill/words", NULL, test_refill);
  g_test_add_data_func ("/core/jit/refill/vectors", "vectors", test_refill);
  g_test_add_func ("/core/jit/refill/groups", test_groups);
  return g_test_run ();
}
