/* SPDX-License-Identifier: GPL-3.0-or-later
 * Common subexpressions, before and after. */
#include "tests/core/opt/opt-test.h"

static void
test_shared (void)
{
  opt_assert (DIO_OPT_CSE,
              "%1 = get x1\n"
              "%2 = const 8\n"
              "%3 = const 8\n"
              "%4 = pc +4\n"
              "%5 = pc +4\n"
              "%6 = add %1, %2\n"
              "%7 = add %1, %3\n"
              "%8 = sub %6, %4\n"
              "%9 = sub %7, %5\n"
              "set x1, %8\n"
              "insn +4\n"
              "set x2, %9\n",
              "%1 = get x1\n"
              "%2 = const 8\n"
              "%4 = pc +4\n"
              "%6 = add %1, %2\n"
              "%8 = sub %6, %4\n"
              "set x1, %8\n"
              "insn +4\n"
              "set x2, %8\n");
}

static void
test_vectors (void)
{
  /* Names and lanes count. */
  opt_assert (DIO_OPT_CSE,
              "%1 = get v1\n"
              "%2 = vec.low %1\n"
              "%3 = vec.low %1\n"
              "%4 = vec.high %1\n"
              "%5 = vec.make %2, %3\n"
              "%6 = vec.make %3, %2\n"
              "%7 = vec.make %2, %4\n"
              "set v1, %5\n"
              "set v2, %6\n"
              "set v3, %7\n",
              "%1 = get v1\n"
              "%2 = vec.low %1\n"
              "%4 = vec.high %1\n"
              "%5 = vec.make %2, %2\n"
              "%7 = vec.make %2, %4\n"
              "set v1, %5\n"
              "set v2, %5\n"
              "set v3, %7\n");
}

static void
test_commuted (void)
{
  opt_assert (DIO_OPT_CSE,
              "%1 = get x1\n"
              "%2 = get x2\n"
              "%3 = mul %2, %1\n"
              "%4 = mul %1, %2\n"
              "%5 = shl %2, %1\n"
              "%6 = shl %1, %2\n"
              "set x3, %3\n"
              "set x4, %4\n"
              "set x5, %5\n"
              "set x6, %6\n",
              "%1 = get x1\n"
              "%2 = get x2\n"
              "%3 = mul %1, %2\n"
              "%5 = shl %2, %1\n"
              "%6 = shl %1, %2\n"
              "set x3, %3\n"
              "set x4, %3\n"
              "set x5, %5\n"
              "set x6, %6\n");
  /* A constant stays behind. */
  opt_assert_kept (DIO_OPT_CSE, "%1 = const 3\n"
                                "%2 = get x1\n"
                                "%3 = add %2, %1\n"
                                "set x1, %3\n");
}

/* What differs in one thing, and what is not a function of its arguments. */
static void
test_different (void)
{
  opt_assert_kept (DIO_OPT_CSE, "%1 = get x1\n"
                                "%2 = get x2\n"
                                "%3 = const 4\n"
                                "%4 = const 5\n"
                                "%5 = pc +4\n"
                                "%6 = add_shl 1, %1, %2\n"
                                "%7 = add_shl 2, %1, %2\n"
                                "%8 = fp.pure.class32 %1\n"
                                "%9 = fp.pure.class64 %1\n"
                                "%10 = sext32 %1\n"
                                "%11 = zext32 %1\n"
                                "%12 = load.u64 0, %1\n"
                                "%13 = load.u64 0, %1\n"
                                "%14 = fp.add64 %1, %1, %2\n"
                                "%15 = fp.add64 %1, %1, %2\n"
                                "%16 = eq %1, %2 : i1\n"
                                "%17 = eq %1, %2 : i1\n"
                                "%18 = get x1\n"
                                "%19 = select %16, %1, %2\n"
                                "%20 = select %17, %1, %2\n"
                                "set x3, %19\n");
}

/* More than the table has room for at first, all different, and then all the same. */
static void
test_many (void)
{
  g_autoptr (DioIrBlock) block = dio_ir_block_new ();
  g_autoptr (DioOptContext) context = dio_opt_context_new ();
  dio_ir_block_append (block, DIO_IR_INSN, 0, 0, 0, 0, 0);
  for (int i = 0; i < 5000; i++)
    dio_ir_block_append (block, DIO_IR_CONST, i, 0, 0, 0, 0);
  dio_ir_block_append (block, DIO_IR_EXIT, 0, 0, 0, 0, 0);
  g_assert_cmpuint (dio_opt_cse (context, block), ==, 0);
  for (unsigned i = 1; i <= 5000; i++)
    g_array_index (block->ops, DioIrOp, i).immediate %= 7;
  g_assert_cmpuint (dio_opt_cse (context, block), ==, 5000 - 7);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/opt/cse/shared", test_shared);
  g_test_add_func ("/core/opt/cse/commuted", test_commuted);
  g_test_add_func ("/core/opt/cse/different", test_different);
  g_test_add_func ("/core/opt/cse/many", test_many);
  g_test_add_func ("/core/opt/cse/vectors", test_vectors);
  return g_test_run ();
}
