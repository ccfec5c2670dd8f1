/* SPDX-License-Identifier: GPL-3.0-or-later
 * Which loops sweep over memory, and what by: hand-made blocks. */
#include "core/jit/jit-sweep.h"

#define LOOP(body)                                                                                 \
  "insn +0\n" body "%90 = get x9\n%91 = ne %90, %90 : i1\nbranch +0, %91\nexit +4\n"

static bool
find (const char *text, uint8_t taken, bool checks_fp, DioJitSweep *sweep)
{
  g_autoptr (GError) error = NULL;
  DioJitRegion *region = g_new0 (DioJitRegion, 1);
  region->n_blocks = 1;
  region->checks_fp = checks_fp;
  region->blocks[0] = (DioJitBlock){
    .n_insns = 4, .taken = taken, .next = DIO_JIT_NO_BLOCK, .ir = dio_ir_block_parse (text, &error)
  };
  g_assert_no_error (error);
  bool found = dio_jit_sweep_find (region, 0, sweep);
  dio_ir_block_free (region->blocks[0].ir);
  g_free (region);
  return found;
}

/* Two pointers, one that loads and stores on both sides of where it is changed, and a sum. */
static void
test_pointers (void)
{
  DioJitSweep sweep;
  g_assert_true (find (LOOP ("%1 = get x1\n%2 = load.u64 -8, %1\n%3 = const 24\n%4 = add %1, %3\n"
                             "set x1, %4\n%6 = get x1\nstore.32 16, %6, %2\n"
                             "%8 = get x2\n%9 = get x3\n%10 = add_shl 3, %8, %9\n"
                             "%11 = load.u8 1, %10\n%12 = const 1\n%13 = sub %9, %12\n"
                             "set x3, %13\n"),
                       0, false, &sweep));
  g_assert_cmpuint (sweep.n, ==, 2);
  const DioJitSweepPointer *p = sweep.pointers;
  g_assert_cmpuint (p[0].n_terms, ==, 1);
  g_assert_cmpuint (p[0].vars[0], ==, 1);
  g_assert_cmpint (p[0].step, ==, 24);
  g_assert_cmpint (p[0].low, ==, -8);
  g_assert_cmpint (p[0].high, ==, 44);
  g_assert_true (p[0].write);
  g_assert_cmpuint (p[1].n_terms, ==, 2);
  g_assert_cmpuint (p[1].vars[0], ==, 2);
  g_assert_cmpuint (p[1].vars[1], ==, 3);
  g_assert_cmpuint (p[1].shifts[0], ==, 0);
  g_assert_cmpuint (p[1].shifts[1], ==, 3);
  g_assert_cmpint (p[1].step, ==, -8);
  g_assert_cmpint (p[1].low, ==, 1);
  g_assert_cmpint (p[1].high, ==, 2);
  g_assert_false (p[1].write);
  g_assert_cmpuint (sweep.pointer[2], ==, 0);
  g_assert_cmpuint (sweep.pointer[7], ==, 0);
  g_assert_cmpuint (sweep.pointer[11], ==, 1);
  g_assert_cmpuint (sweep.pointer[12], ==, DIO_JIT_SWEEP_NO_POINTER);
}

/* What is in every respect like a loop that does, but for one thing. */
static void
test_others (void)
{
  static const struct {
    const char *text;
    uint8_t taken;
    bool found;
  } cases[] = {
    { LOOP ("%1 = get x1\n%2 = load.u64 0, %1\n"), 0, true },
    { LOOP ("%1 = get x1\n%2 = load.u64 0, %1\n"), DIO_JIT_NO_BLOCK, false },
    { LOOP ("%1 = get x1\n"), 0, false },
    /* The address was loaded, is a constant, a product, an absolute place. */
    { LOOP ("%1 = get x1\n%2 = load.u64 0, %1\n%3 = load.u64 0, %2\n"), 0, false },
    { LOOP ("%1 = get x1\n%2 = load.u64 0, %1\nset x1, %2\n"), 0, false },
    { LOOP ("%1 = const 64\n%2 = load.u64 0, %1\n"), 0, false },
    { LOOP ("%1 = get x1\n%2 = mul %1, %1\n%3 = load.u64 0, %2\n"), 0, false },
    /* Moves by what is not constant; three times as far as an index; too far. */
    { LOOP ("%1 = get x1\n%2 = load.u64 0, %1\n%3 = get x2\n%4 = add %1, %3\nset x1, %4\n"), 0,
      false },
    { LOOP ("%1 = get x1\n%2 = add %1, %1\n%3 = add %2, %1\n%4 = load.u64 0, %3\n"), 0, false },
    { LOOP ("%1 = get x1\n%2 = add %1, %1\n%4 = load.u64 0, %2\n"), 0, true },
    { LOOP ("%1 = get x1\n%2 = load.u64 0, %1\n%3 = const 1024\n%4 = add %1, %3\nset x1, %4\n"), 0,
      true },
    { LOOP ("%1 = get x1\n%2 = load.u64 0, %1\n%3 = const 1025\n%4 = add %1, %3\nset x1, %4\n"), 0,
      false },
    { LOOP ("%1 = get x1\n%2 = load.u64 0, %1\n%3 = const 1025\n%4 = sub %1, %3\nset x1, %4\n"), 0,
      false },
    /* A sum of three; of four; of two that is one again. */
    { LOOP ("%1 = get x1\n%2 = get x2\n%3 = get x3\n%4 = add %1, %2\n%5 = add %4, %3\n"
            "%6 = load.u64 0, %5\n"),
      0, true },
    { LOOP ("%1 = get x1\n%2 = get x2\n%3 = get x3\n%4 = get x4\n%5 = add %1, %2\n"
            "%6 = add %5, %3\n%7 = add %6, %4\n%8 = load.u64 0, %7\n"),
      0, false },
    { LOOP ("%1 = get x1\n%2 = get x2\n%4 = add %1, %2\n%5 = sub %4, %2\n%6 = load.u64 0, %5\n"), 0,
      true },
    /* What may leave, or change the TLB. */
    { LOOP ("%1 = get x1\n%2 = load.u64 0, %1\nfence 0xff\n"), 0, false },
    { LOOP ("%1 = get x1\n%2 = load.u64 0, %1\n%3 = amo.add.32 %1, %2\n"), 0, false },
    { LOOP ("fp.require\n%2 = get x1\n%3 = load.u64 0, %2\n"), 0, false },
  };
  DioJitSweep sweep;
  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    if (find (cases[i].text, cases[i].taken, false, &sweep) != cases[i].found)
      g_error ("case %u is wrong:\n%s", i, cases[i].text);
  /* A region that makes sure on entry that the guest may compute. */
  g_assert_true (find (LOOP ("fp.require\n%2 = get x1\n%3 = load.u64 0, %2\n"), 0, true, &sweep));
}

/* Accesses of one pointer that are far apart are two pointers, and there are not too many. */
static void
test_many (void)
{
  DioJitSweep sweep;
  g_assert_true (
      find (LOOP ("%1 = get x1\n%2 = load.u64 0, %1\n%3 = load.u64 504, %1\n"), 0, false, &sweep));
  g_assert_cmpuint (sweep.n, ==, 1);
  g_assert_true (
      find (LOOP ("%1 = get x1\n%2 = load.u64 0, %1\n%3 = load.u64 505, %1\n"), 0, false, &sweep));
  g_assert_cmpuint (sweep.n, ==, 2);
  for (unsigned n = DIO_JIT_SWEEP_POINTERS; n <= DIO_JIT_SWEEP_POINTERS + 1; n++) {
    g_autoptr (GString) text = g_string_new ("insn +0\n%1 = get x1\n");
    for (unsigned i = 0; i < n; i++)
      g_string_append_printf (text, "%%%u = load.u8 %u, %%1\n", 2 + i, 1000 * i);
    g_string_append (text, "%90 = ne %1, %1 : i1\nbranch +0, %90\nexit +4\n");
    g_assert_cmpint (find (text->str, 0, false, &sweep), ==, n == DIO_JIT_SWEEP_POINTERS);
  }
}

/* Addresses that are a register that stays and a value, and such that only look like it. */
static void
test_indexed (void)
{
  static const struct {
    const char *text;
    bool indexed;
    unsigned base;
  } cases[] = {
    { LOOP ("%1 = get x1\n%2 = get x2\n%3 = add %1, %2\n%4 = load.u64 0, %3\n%5 = const 8\n"
            "%6 = add %2, %5\nset x2, %6\n"),
      true, 1 },
    { LOOP ("%1 = get x1\n%2 = get x2\n%3 = add %1, %2\n%4 = load.u64 0, %3\n%5 = const 8\n"
            "%6 = add %1, %5\nset x1, %6\n"),
      true, 2 },
    /* Both move; one register; one that is shifted. */
    { LOOP ("%1 = get x1\n%2 = get x2\n%3 = add %1, %2\n%4 = load.u64 0, %3\n%5 = const 8\n"
            "%6 = add %1, %5\nset x1, %6\n%8 = sub %2, %5\nset x2, %8\n"),
      false, 0 },
    { LOOP ("%1 = get x1\n%2 = const 64\n%3 = add %1, %2\n%4 = load.u64 0, %3\n"), false, 0 },
    { LOOP ("%1 = get x1\n%2 = get x2\n%3 = add_shl 3, %1, %2\n%4 = load.u64 0, %3\n%5 = const 1\n"
            "%6 = add %2, %5\nset x2, %6\n"),
      false, 0 },
    /* Of two addresses one is the sum of sums. */
    { LOOP ("%1 = get x1\n%2 = get x2\n%3 = add %1, %2\n%4 = load.u64 0, %3\n%5 = const 8\n"
            "%6 = add %3, %5\n%7 = load.u64 0, %6\nset x3, %7\n%9 = add %2, %5\nset x2, %9\n"),
      false, 0 },
    /* A sum of three whose last stays, or moves. */
    { LOOP ("%1 = get x3\n%2 = get x2\n%3 = add %1, %2\n%4 = get x4\n%5 = add %3, %4\n"
            "%6 = load.u64 0, %5\n%7 = const 8\n%8 = add %2, %7\nset x2, %8\n"),
      true, 4 },
    { LOOP ("%1 = get x3\n%2 = get x2\n%3 = add %1, %2\n%4 = get x4\n%5 = add %3, %4\n"
            "%6 = load.u64 0, %5\n%7 = const 8\n%8 = add %4, %7\nset x4, %8\n"),
      false, 0 },
  };
  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++) {
    DioJitSweep sweep;
    g_autoptr (GError) error = NULL;
    g_autoptr (DioIrBlock) ir = dio_ir_block_parse (cases[i].text, &error);
    g_assert_no_error (error);
    g_assert_true (find (cases[i].text, 0, false, &sweep));
    if (sweep.pointers[0].indexed != cases[i].indexed
        || (cases[i].indexed && sweep.pointers[0].base != cases[i].base))
      g_error ("case %u is wrong:\n%s", i, cases[i].text);
    uint32_t load = 1;
    while (dio_ir_block_op (ir, load)->opcode != DIO_IR_LOAD_U64)
      load++;
    uint32_t address = dio_ir_block_op (ir, load)->arguments[0];
    const DioIrOp *sum = dio_ir_block_op (ir, address);
    const DioIrOp *first = dio_ir_block_op (ir, sum->arguments[0]);
    bool is_first = first->opcode == DIO_IR_GET_X && first->immediate == cases[i].base;
    dio_jit_sweep_index (ir, &sweep);
    g_assert_cmpuint (dio_ir_block_op (ir, load)->arguments[0], ==,
                      cases[i].indexed ? sum->arguments[is_first] : address);
  }
}

#define STORE_PAIR                                                                                 \
  "%1 = get x3\n%2 = get x4\n%3 = get x5\n%4 = vec.make %2, %3\nstore.v128 0, %1, %4\n"
#define LOAD_PAIR                                                                                  \
  "%6 = load.v128 16, %1\n%7 = vec.low %6\n%8 = vec.high %6\nset x4, %7\nset x5, %8\n"

/* Registers that are the halves of a vector, and such that are something else too. */
static void
test_pairs (void)
{
  static const struct {
    const char *text;
    bool found, written;
  } cases[] = {
    { LOOP (STORE_PAIR LOAD_PAIR), true, true },
    { LOOP (STORE_PAIR), true, false },
    { LOOP ("%1 = get x3\n%2 = load.v128 16, %1\n%3 = vec.low %2\n%4 = vec.high %2\n"
            "set x4, %3\nset x5, %4\n"),
      false, false },
    /* Another use of one before, between, behind. */
    { LOOP ("%1 = get x3\n%2 = get x4\n%3 = get x5\nset x6, %2\n%5 = vec.make %2, %3\n"
            "store.v128 0, %1, %5\n"),
      false, false },
    { LOOP (STORE_PAIR LOAD_PAIR "%11 = get x5\nset x6, %11\n"), false, false },
    /* Of a half that was loaded: no use of the register. */
    { LOOP (STORE_PAIR LOAD_PAIR "set x6, %8\n"), true, true },
    /* One is set alone, both the wrong way round or to halves of different vectors, or of one that
     * was not loaded. */
    { LOOP (STORE_PAIR "%6 = const 1\nset x4, %6\n"), false, false },
    { LOOP (STORE_PAIR "%6 = const 1\nset x5, %6\n"), false, false },
    { LOOP (STORE_PAIR "%6 = load.v128 16, %1\n%7 = vec.low %6\n%8 = vec.high %6\n"
                       "set x4, %8\nset x5, %7\n"),
      false, false },
    { LOOP (STORE_PAIR "%6 = load.v128 16, %1\n%7 = vec.low %6\n%8 = vec.high %6\n"
                       "set x5, %8\nset x4, %7\n"),
      false, false },
    { LOOP (STORE_PAIR "%6 = load.v128 16, %1\n%7 = vec.low %6\n%8 = load.v128 16, %1\n"
                       "%9 = vec.high %8\nset x4, %7\nset x5, %9\n"),
      false, false },
    { LOOP (STORE_PAIR "%6 = get v1\n%7 = vec.low %6\n%8 = vec.high %6\nset x4, %7\nset x5, %8\n"),
      false, false },
    /* Read before they are set, joined behind. */
    { LOOP ("%1 = get x3\n%2 = get x4\n%3 = get x5\n%4 = load.v128 16, %1\n%5 = vec.low %4\n"
            "%6 = vec.high %4\nset x4, %5\nset x5, %6\n%9 = vec.make %2, %3\n"
            "store.v128 0, %1, %9\n"),
      false, false },
    /* The same one twice; the wrong way round as well. */
    { LOOP ("%1 = get x3\n%2 = get x4\n%3 = get x4\n%4 = vec.make %2, %3\nstore.v128 0, %1, %4\n"),
      false, false },
    { LOOP (STORE_PAIR "%6 = vec.make %3, %2\nstore.v128 16, %1, %6\n"), false, false },
  };
  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (DioIrBlock) ir = dio_ir_block_parse (cases[i].text, &error);
    g_assert_no_error (error);
    g_autofree DioJitRegion *region = g_new0 (DioJitRegion, 1);
    region->pinned = UINT64_C (1) << DIO_JIT_F;
    DioJitSweepPair pairs[DIO_JIT_SWEEP_PAIRS];
    unsigned n = dio_jit_sweep_find_pairs (region, ir, pairs, G_N_ELEMENTS (pairs));
    if (n != cases[i].found || (n && pairs[0].written != cases[i].written))
      g_error ("case %u is wrong:\n%s", i, cases[i].text);
    if (!n)
      continue;
    g_assert_cmpuint (pairs[0].low, ==, 4);
    g_assert_cmpuint (pairs[0].high, ==, 5);
    g_assert_cmpuint (pairs[0].vector, ==, DIO_JIT_F + 1);
    g_autoptr (DioIrBlock) joined = dio_jit_sweep_join_pairs (ir, pairs, n);
    g_assert_true (dio_ir_block_verify (joined, &error));
    g_assert_cmpuint (joined->ops->len, ==, ir->ops->len);
    g_assert_cmpuint (dio_jit_sweep_find_pairs (region, joined, pairs, 1), ==, 0);
  }
}

/* No more than asked for, each with another variable. */
static void
test_many_pairs (void)
{
  g_autoptr (GString) text = g_string_new ("insn +0\n%1 = get x1\n");
  for (unsigned i = 0; i < 4; i++)
    g_string_append_printf (
        text,
        "%%%u = get x%u\n%%%u = get x%u\n%%%u = vec.make %%%u, %%%u\nstore.v128 %u, %%1, %%%u\n",
        2 + 4 * i, 10 + i, 3 + 4 * i, 20 + i, 4 + 4 * i, 2 + 4 * i, 3 + 4 * i, 16 * i, 4 + 4 * i);
  g_string_append (text, "%90 = ne %1, %1 : i1\nbranch +0, %90\nexit +4\n");
  g_autoptr (GError) error = NULL;
  g_autoptr (DioIrBlock) ir = dio_ir_block_parse (text->str, &error);
  g_assert_no_error (error);
  g_autofree DioJitRegion *region = g_new0 (DioJitRegion, 1);
  DioJitSweepPair pairs[4];
  g_assert_cmpuint (dio_jit_sweep_find_pairs (region, ir, pairs, 3), ==, 3);
  g_assert_cmpuint (dio_jit_sweep_find_pairs (region, ir, pairs, 4), ==, 4);
  for (unsigned i = 0; i < 4; i++)
    g_assert_cmpuint (pairs[i].vector, ==, DIO_JIT_F + i);
  region->pinned = UINT64_MAX << (DIO_JIT_F + 2);
  g_assert_cmpuint (dio_jit_sweep_find_pairs (region, ir, pairs, 4), ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jit-sweep/pointers", test_pointers);
  g_test_add_func ("/jit-sweep/others", test_others);
  g_test_add_func ("/jit-sweep/many", test_many);
  g_test_add_func ("/jit-sweep/indexed", test_indexed);
  g_test_add_func ("/jit-sweep/pairs", test_pairs);
  g_test_add_func ("/jit-sweep/many-pairs", test_many_pairs);
  return g_test_run ();
}
