/* SPDX-License-Identifier: GPL-3.0-or-later
 * The cache of compiled code: entries from several threads, pages that are written, segments that
 * are thrown out and used again. */
#include "tests/core/jit/jit-run.h"

#define THREADS 4
#define ADDRESSES 20000

/* Sets x5 to @value. */
static DioIrBlock *
constant_block (int64_t value)
{
  DioIrBlock *block = dio_ir_block_new ();
  dio_ir_block_append (block, DIO_IR_INSN, 0, 0, 0, 0, 0);
  uint32_t constant = dio_ir_block_append (block, DIO_IR_CONST, value, 0, 0, 0, 0);
  dio_ir_block_append (block, DIO_IR_SET_X, 5, constant, 0, 0, 0);
  dio_ir_block_append (block, DIO_IR_EXIT, 4, 0, 0, 0, 0);
  return block;
}

/* The same, and about @operations more instructions of the host. */
static DioIrBlock *
long_block (int64_t value, unsigned operations)
{
  DioIrBlock *block = dio_ir_block_new ();
  dio_ir_block_append (block, DIO_IR_INSN, 0, 0, 0, 0, 0);
  uint32_t sum = dio_ir_block_append (block, DIO_IR_CONST, value, 0, 0, 0, 0);
  for (unsigned i = 0; i < operations; i++) {
    uint32_t more = dio_ir_block_append (block, DIO_IR_GET_X, 6 + i % 20, 0, 0, 0, 0);
    sum = dio_ir_block_append (block, i & 1 ? DIO_IR_XOR : DIO_IR_ADD, 0, sum, more, 0, 0);
  }
  dio_ir_block_append (block, DIO_IR_SET_X, 5, sum, 0, 0, 0);
  dio_ir_block_append (block, DIO_IR_EXIT, 4, 0, 0, 0, 0);
  return block;
}

static void
assert_runs (JitRun *run, DioJitEntry *entry, DioIrBlock *block)
{
  IrEvalState expected = { .pc = UINT64_C (0x7000) + (entry->address & DIO_PAGE_MASK) };
  for (unsigned r = 1; r < 32; r++)
    expected.x[r] = r * UINT64_C (0x123456789);
  IrEvalState actual = expected;
  IrEvalExit want = ir_eval_block (block, &expected, NULL);
  IrEvalExit have = jit_run (run, entry, &actual);
  g_assert_cmphex (actual.x[5], ==, expected.x[5]);
  g_assert_cmphex (have.target, ==, want.target);
}

/* ---- Entries ---- */

typedef struct {
  DioJit *jit;
  unsigned number;
  DioJitEntry *entries[ADDRESSES];
} Maker;

static void *
make_entries (void *data)
{
  Maker *maker = data;
  /* Each in another order. */
  static const unsigned steps[THREADS] = { 1, 7, 9, 11 };
  for (unsigned i = 0; i < ADDRESSES; i++) {
    unsigned k = (unsigned) ((uint64_t) i * steps[maker->number] % ADDRESSES);
    maker->entries[k] = dio_jit_entry (maker->jit, 2 * (uint64_t) k);
  }
  return NULL;
}

static void
test_entries (void)
{
  JitRun *run = jit_run_new ("", 1);
  Maker *makers = g_new0 (Maker, THREADS);
  GThread *threads[THREADS];
  for (unsigned i = 0; i < THREADS; i++) {
    makers[i].jit = run->jit;
    makers[i].number = i;
    threads[i] = g_thread_new ("maker", make_entries, &makers[i]);
  }
  for (unsigned i = 0; i < THREADS; i++)
    g_thread_join (threads[i]);
  for (unsigned k = 0; k < ADDRESSES; k++) {
    g_assert_nonnull (makers[0].entries[k]);
    g_assert_cmpuint (makers[0].entries[k]->address, ==, 2 * k);
    g_assert_null (dio_jit_entry_far (run->jit, makers[0].entries[k]));
    for (unsigned i = 1; i < THREADS; i++)
      g_assert_true (makers[i].entries[k] == makers[0].entries[k]);
  }
  g_free (makers);
  jit_run_free (run);
}

/* When there are no more entries, what has one is compiled and run as before, and code leaves for
 * places without one. */
static void
test_no_entries (void)
{
  JitRun *run = jit_run_new ("", 1);
  g_autoptr (DioIrBlock) one = constant_block (1);
  unsigned made = 0;
  while (2 * (uint64_t) made < JIT_RUN_RAM && dio_jit_entry (run->jit, 2 * (uint64_t) made))
    made++;
  g_assert_cmpuint (made, >=, 100000);
  g_assert_cmpuint (2 * (uint64_t) made, <, JIT_RUN_RAM);
  g_assert_null (dio_jit_entry (run->jit, JIT_RUN_RAM - 2));
  g_assert_nonnull (dio_jit_entry (run->jit, 2));
  /* Its way out, four bytes on, is the first place without an entry. */
  uint64_t last = 2 * (uint64_t) made - 4;
  if ((last & DIO_PAGE_MASK) > DIO_PAGE_SIZE - 16)
    last -= 16;
  DioJitEntry *entry = jit_run_compile_at (run, last, constant_block (1));
  g_assert_nonnull (entry);
  assert_runs (run, entry, one);
  jit_run_free (run);
}

/* One compiles, others find it so. */
static void
test_begin (void)
{
  JitRun *run = jit_run_new ("", 1);
  DioJitEntry *entry = dio_jit_entry (run->jit, 64);
  g_assert_true (dio_jit_begin (run->jit, entry));
  g_assert_false (dio_jit_begin (run->jit, entry));
  DioJitEntry *other = jit_run_compile_at (run, 128, constant_block (1));
  g_assert_nonnull (other);
  g_assert_false (dio_jit_begin (run->jit, other));
  jit_run_free (run);
}

/* ---- Writes ---- */

static void
test_writes (void)
{
  JitRun *run = jit_run_new ("", 1);
  g_autoptr (DioIrBlock) one = constant_block (1);
  g_autoptr (DioIrBlock) two = constant_block (2);
  DioJitEntry *written = jit_run_compile_at (run, 3 * DIO_PAGE_SIZE + 8, constant_block (1));
  DioJitEntry *kept = jit_run_compile_at (run, 4 * DIO_PAGE_SIZE + 8, constant_block (2));
  assert_runs (run, written, one);
  assert_runs (run, kept, two);
  g_assert_false (dio_jit_synchronise (run->jit, 0));

  dio_ram_note_write (run->ram, 3 * DIO_PAGE_SIZE + 100, 4);
  /* Until the next look it may still be run. */
  g_assert_nonnull (dio_jit_entry_far (run->jit, written));
  g_assert_true (dio_jit_synchronise (run->jit, 0));
  g_assert_null (dio_jit_entry_far (run->jit, written));
  g_assert_nonnull (dio_jit_entry_far (run->jit, kept));
  g_assert_false (dio_jit_synchronise (run->jit, 0));
  dio_jit_outside (run->jit, 0);

  /* It is compiled again from what is there then. */
  g_assert_true (jit_run_compile_at (run, written->address, constant_block (2)) == written);
  assert_runs (run, written, two);

  /* A write while it is compiled: in vain, and not for good. */
  dio_ram_note_write (run->ram, 4 * DIO_PAGE_SIZE, 4);
  g_assert_true (dio_jit_synchronise (run->jit, 0));
  dio_jit_outside (run->jit, 0);
  DioJitRegion *region = g_new0 (DioJitRegion, 1);
  region->page = 4 * DIO_PAGE_SIZE;
  region->n_blocks = 1;
  region->blocks[0] = (DioJitBlock){ .offset = 8,
                                     .bytes = 4,
                                     .n_insns = 1,
                                     .taken = DIO_JIT_NO_BLOCK,
                                     .next = DIO_JIT_NO_BLOCK,
                                     .entry = true,
                                     .ir = two };
  uint32_t generation = atomic_load (&run->ram->page_write_gen[4]);
  g_assert_true (dio_jit_begin (run->jit, kept));
  atomic_fetch_or (&run->ram->page_flags[4], DIO_PAGE_CODE);
  dio_ram_note_write (run->ram, 4 * DIO_PAGE_SIZE, 4);
  g_assert_false (dio_jit_finish (run->jit, kept, region, generation));
  g_assert_null (dio_jit_entry_far (run->jit, kept));
  g_assert_nonnull (jit_run_compile_at (run, kept->address, constant_block (2)));
  assert_runs (run, kept, two);
  g_free (region);
  jit_run_free (run);
}

/* Each vCPU is told once that its jump tables lead to what has gone. */
static void
test_tables (void)
{
  JitRun *run = jit_run_new ("", 3);
  jit_run_compile_at (run, 0, constant_block (1));
  for (unsigned vcpu = 0; vcpu < 3; vcpu++) {
    dio_jit_synchronise (run->jit, vcpu);
    g_assert_false (dio_jit_synchronise (run->jit, vcpu));
  }
  dio_ram_note_write (run->ram, 0, 8);
  for (unsigned vcpu = 0; vcpu < 3; vcpu++) {
    g_assert_true (dio_jit_synchronise (run->jit, vcpu));
    g_assert_false (dio_jit_synchronise (run->jit, vcpu));
  }
  jit_run_free (run);
}

/* ---- Room ---- */

#define SMALL "cache=1 segment=256"
#define LONG 1500
#define OLD 100

static uint64_t
evicted (JitRun *run)
{
  DioJitStats stats;
  dio_jit_get_stats (run->jit, &stats);
  return stats.evicted_segments;
}

/* Several times what fits: the newest code runs, old code has gone; but for that in the first
 * segment, where the common pieces are. */
static void
test_eviction (void)
{
  JitRun *run = jit_run_new (SMALL, 1);
  DioJitEntry *old = NULL;
  for (unsigned i = 0; i < 1500; i++) {
    g_autoptr (DioIrBlock) block = long_block (i, LONG);
    DioJitEntry *entry = jit_run_compile (run, long_block (i, LONG));
    g_assert_nonnull (entry);
    assert_runs (run, entry, block);
    if (i == OLD)
      old = entry;
  }
  g_assert_cmpuint (evicted (run), >, 8);
  g_assert_null (dio_jit_entry_far (run->jit, old));
  g_autoptr (DioIrBlock) block = long_block (7, 10);
  g_assert_true (jit_run_compile_at (run, old->address, long_block (7, 10)) == old);
  assert_runs (run, old, block);
  jit_run_free (run);
}

/* While another vCPU is in compiled code, nothing that it may be in is used again: then there is
 * no room, and there is when it has come out. */
static void
test_inside (void)
{
  JitRun *run = jit_run_new (SMALL, 2);
  dio_jit_synchronise (run->jit, 1);
  unsigned made = 0;
  while (jit_run_compile (run, long_block (made, LONG)) && made < 3000)
    made++;
  g_assert_cmpuint (made, <, 3000);
  g_assert_cmpuint (made, >, 20);
  g_assert_null (jit_run_compile (run, long_block (0, LONG)));
  dio_jit_outside (run->jit, 1);
  for (unsigned i = 0; i < 300; i++) {
    g_autoptr (DioIrBlock) block = long_block (i, LONG);
    DioJitEntry *entry = jit_run_compile (run, long_block (i, LONG));
    g_assert_nonnull (entry);
    assert_runs (run, entry, block);
  }
  jit_run_free (run);
}

/* ---- Traps ---- */

/* v2 = v0 + v1, or what else the function @name makes of two doubles. */
static DioIrBlock *
fp_block (int64_t name)
{
  DioIrBlock *block = dio_ir_block_new ();
  dio_ir_block_append (block, DIO_IR_INSN, 0, 0, 0, 0, 0);
  dio_ir_block_append (block, DIO_IR_FP_REQUIRE, 0, 0, 0, 0, 0);
  uint32_t mode = dio_ir_block_append (block, DIO_IR_FP_MODE, 0, 0, 0, 0, 0), low[2];
  for (unsigned i = 0; i < 2; i++)
    low[i] =
        dio_ir_block_append (block, DIO_IR_VEC_LOW, 0,
                             dio_ir_block_append (block, DIO_IR_GET_V, i, 0, 0, 0, 0), 0, 0, 0);
  uint32_t sum = dio_ir_block_append (block, DIO_IR_FP_CALL2, name, mode, low[0], low[1], 0);
  uint32_t zero = dio_ir_block_append (block, DIO_IR_CONST, 0, 0, 0, 0, 0);
  dio_ir_block_append (block, DIO_IR_SET_V, 2,
                       dio_ir_block_append (block, DIO_IR_VEC_MAKE, 0, sum, zero, 0, 0), 0, 0, 0);
  dio_ir_block_append (block, DIO_IR_EXIT, 4, 0, 0, 0, 0);
  return block;
}

/* What relies on traps is thrown out, once, when a vCPU without them comes to it, and code that is
 * made afterwards looks by itself. */
static void
test_traps (void)
{
  JitRun *run = jit_run_new_with_traps ();
  DioJitEntry *entry = jit_run_compile (run, fp_block (DIO_IR_FP_add64));
  g_assert_true (dio_jit_fp_traps (run->jit));
  IrEvalState state = { .pc = 0x7000 + (entry->address & DIO_PAGE_MASK),
                        .fp_mode = DIO_FP_RULES_ARM };
  state.v[0][0] = UINT64_C (0x7ff0000000000000);
  state.v[1][0] = UINT64_C (0xfff0000000000000);
  jit_run (run, entry, &state);
  g_assert_cmphex (state.v[2][0], ==, UINT64_C (0x7ff8000000000000));
  g_assert_cmpuint (dio_jit_stats (run->jit)->traps, ==, 1);

  g_assert_true (dio_jit_drop_trapping (run->jit, entry->address));
  g_assert_null (dio_jit_entry_far (run->jit, entry));
  g_assert_false (dio_jit_fp_traps (run->jit));
  g_assert_true (jit_run_compile_at (run, entry->address, fp_block (DIO_IR_FP_add64)) == entry);
  g_assert_false (dio_jit_drop_trapping (run->jit, entry->address));
  state.v[2][0] = 0;
  state.pc = 0x7000 + (entry->address & DIO_PAGE_MASK);
  jit_run (run, entry, &state);
  g_assert_cmphex (state.v[2][0], ==, UINT64_C (0x7ff8000000000000));
  g_assert_cmpuint (dio_jit_stats (run->jit)->traps, ==, 1);
  jit_run_free (run);
}

/* A product just below the smallest normal number becomes that one: it was tiny, and inexact. That
 * number times 1 is neither. */
static void
test_tiny (void)
{
  static const struct {
    uint64_t a, b;
    uint8_t flags;
  } cases[] = {
    { UINT64_C (0x3fe0000000400000), UINT64_C (0x001fffffff800000), DIO_FP_UF | DIO_FP_NX },
    { UINT64_C (0xbfe0000000400000), UINT64_C (0x001fffffff800000), DIO_FP_UF | DIO_FP_NX },
    { UINT64_C (0x3ff0000000000000), UINT64_C (0x0010000000000000), 0 },
    { UINT64_C (0x3ff8000000000000), UINT64_C (0x0010000000000000), 0 },
  };
  JitRun *run = jit_run_new_with_traps ();
  DioJitEntry *entry = jit_run_compile (run, fp_block (DIO_IR_FP_mul64));
  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++) {
    IrEvalState state = { .pc = 0x7000 + (entry->address & DIO_PAGE_MASK),
                          .fp_mode = DIO_FP_RULES_ARM };
    state.v[0][0] = cases[i].a;
    state.v[1][0] = cases[i].b;
    jit_run (run, entry, &state);
    uint64_t smallest = i == 3 ? UINT64_C (0x0018000000000000) : UINT64_C (0x0010000000000000);
    g_assert_cmphex (state.v[2][0], ==, smallest | (cases[i].a & UINT64_C (1) << 63));
    g_assert_cmphex (state.fflags, ==, cases[i].flags);
  }
  g_assert_cmpuint (dio_jit_stats (run->jit)->traps, ==, G_N_ELEMENTS (cases));
  jit_run_free (run);
}

/* Traps are given up when they are many. */
static void
test_many_traps (void)
{
  JitRun *run = jit_run_new_with_traps ();
  DioJitEntry *entry = jit_run_compile (run, fp_block (DIO_IR_FP_add64));
  for (unsigned i = 0; dio_jit_fp_traps (run->jit); i++) {
    IrEvalState state = { .pc = 0x7000 + (entry->address & DIO_PAGE_MASK),
                          .fp_mode = DIO_FP_RULES_ARM };
    state.v[0][0] = UINT64_C (0x7ff0000000000000);
    state.v[1][0] = UINT64_C (0xfff0000000000000);
    jit_run (run, entry, &state);
    g_assert_cmphex (state.v[2][0], ==, UINT64_C (0x7ff8000000000000));
    g_assert_cmpuint (i, <, 1000000);
  }
  g_assert_cmpuint (dio_jit_stats (run->jit)->traps, >, 100);
  jit_run_free (run);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/jit/cache/entries", test_entries);
  g_test_add_func ("/core/jit/cache/no-entries", test_no_entries);
  g_test_add_func ("/core/jit/cache/begin", test_begin);
  g_test_add_func ("/core/jit/cache/writes", test_writes);
  g_test_add_func ("/core/jit/cache/tables", test_tables);
  g_test_add_func ("/core/jit/cache/eviction", test_eviction);
  g_test_add_func ("/core/jit/cache/inside", test_inside);
  g_test_add_func ("/core/jit/cache/traps", test_traps);
  g_test_add_func ("/core/jit/cache/tiny", test_tiny);
  g_test_add_func ("/core/jit/cache/many-traps", test_many_traps);
  return g_test_run ();
}
