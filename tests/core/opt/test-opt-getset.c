/* SPDX-License-Identifier: GPL-3.0-or-later
 * Reads and writes of guest registers, before and after. */
#include "tests/core/opt/opt-test.h"

static void
test_get (void)
{
  /* After a read and after a write, each file for itself. */
  opt_assert (DIO_OPT_GETSET,
              "%1 = get x1\n"
              "%2 = get f1\n"
              "%3 = get x1\n"
              "%4 = get f1\n"
              "%5 = add %3, %4\n"
              "set x2, %5\n"
              "insn +4\n"
              "%8 = get x2\n"
              "set f2, %8\n"
              "insn +8\n"
              "%11 = get f2\n"
              "%12 = get x1\n"
              "%13 = add %11, %12\n"
              "set x3, %13\n",
              "%1 = get x1\n"
              "%2 = get f1\n"
              "%5 = add %1, %2\n"
              "set x2, %5\n"
              "insn +4\n"
              "set f2, %5\n"
              "insn +8\n"
              "%13 = add %5, %1\n"
              "set x3, %13\n");
}

static void
test_set (void)
{
  /* The first write of x1 is dead, that of x2 is not; of f1 either is alive. */
  opt_assert (DIO_OPT_GETSET,
              "%1 = const 1\n"
              "%2 = const 2\n"
              "set x1, %1\n"
              "set x2, %1\n"
              "set f1, %1\n"
              "insn +4\n"
              "set x1, %2\n",
              "%1 = const 1\n"
              "%2 = const 2\n"
              "set x2, %1\n"
              "set f1, %1\n"
              "insn +4\n"
              "set x1, %2\n");
  /* What the register holds already. */
  opt_assert (DIO_OPT_GETSET,
              "%1 = get x1\n"
              "set x1, %1\n"
              "insn +4\n"
              "%4 = const 1\n"
              "set x1, %4\n"
              "insn +8\n"
              "set x1, %4\n"
              "insn +12\n"
              "set x1, %1\n",
              "%1 = get x1\n"
              "insn +4\n"
              "%4 = const 1\n"
              "insn +8\n"
              "insn +12\n"
              "set x1, %1\n");
}

static void
test_vectors (void)
{
  /* v1 is neither x1 nor f1. */
  opt_assert (DIO_OPT_GETSET,
              "%1 = get x1\n"
              "%2 = get v1\n"
              "%3 = vec.low %2\n"
              "set x1, %3\n"
              "set f1, %3\n"
              "insn +4\n"
              "%7 = get v1\n"
              "%8 = vec.make %3, %3\n"
              "set v1, %7\n"
              "set v2, %7\n"
              "insn +8\n"
              "set v2, %8\n"
              "set v1, %8\n",
              "%1 = get x1\n"
              "%2 = get v1\n"
              "%3 = vec.low %2\n"
              "set x1, %3\n"
              "set f1, %3\n"
              "insn +4\n"
              "%8 = vec.make %3, %3\n"
              "insn +8\n"
              "set v2, %8\n"
              "set v1, %8\n");
}

/* A write that is overwritten behind @operation. */
static void
assert_between (const char *operation, bool alive)
{
  const char *start = "insn +0\n%1 = const 1\n%2 = const 2\n%3 = eq %1, %2 : i1\n";
  const char *end = "insn +8\nset x1, %2\n";
  g_autofree char *before =
      g_strconcat (start, "set x1, %1\ninsn +4\n", operation, "\n", end, NULL);
  g_autofree char *dead = g_strconcat (start, "insn +4\n", operation, "\n", end, NULL);
  opt_assert (DIO_OPT_GETSET, before, alive ? before : dead);
}

static void
test_observers (void)
{
  assert_between ("", false);
  assert_between ("%7 = add %1, %2", false);
  assert_between ("set x2, %1", false);
  assert_between ("%7 = get x2", false);
  assert_between ("%7 = fp.add64 %1, %1, %2", false);
  assert_between ("%7 = fp.test.lt64 %1, %2", false);
  assert_between ("%7 = load.u8 0, %1", true);
  assert_between ("store.8 0, %1, %2", true);
  assert_between ("%7 = lr.64 %1", true);
  assert_between ("%7 = sc.64 %1, %2", true);
  assert_between ("%7 = amo.add.32 %1, %2", true);
  assert_between ("fence 0xff", true);
  assert_between ("fp.require", true);
  assert_between ("%7 = fp.rounding", true);
  assert_between ("trap_if 1, %3, %1", true);
  assert_between ("illegal_if %3", true);
  assert_between ("system pause", true);
  assert_between ("%7 = csr.read 1, %1", true);
  assert_between ("cbo 1, %1", true);
  assert_between ("fence_vma 0, %1, %1", true);
  assert_between ("branch +40, %3", true);
}

/* System operations might change registers. */
static void
test_system (void)
{
  opt_assert_kept (DIO_OPT_GETSET, "%1 = get x1\n"
                                   "set x2, %1\n"
                                   "insn +4\n"
                                   "%4 = csr.read 1, %1\n"
                                   "insn +8\n"
                                   "%6 = get x1\n"
                                   "%7 = get x2\n"
                                   "%8 = add %6, %7\n"
                                   "set x3, %8\n"
                                   "insn +12\n"
                                   "system wfi\n"
                                   "insn +16\n"
                                   "set x3, %8\n");
}

/* A fault finds the registers as before its instruction, and the branch those behind it. */
static void
test_loop (void)
{
  opt_assert (DIO_OPT_GETSET,
              "%1 = get x1\n"
              "%2 = const 8\n"
              "%3 = add %1, %2\n"
              "set x1, %3\n"
              "insn +4\n"
              "%6 = get x1\n"
              "%7 = load.u64 0, %6\n"
              "set x1, %7\n"
              "insn +8\n"
              "%10 = get x1\n"
              "%11 = add %10, %2\n"
              "set x1, %11\n"
              "insn +12\n"
              "%14 = get x1\n"
              "%15 = ne %14, %2 : i1\n"
              "branch +0, %15\n",
              "%1 = get x1\n"
              "%2 = const 8\n"
              "%3 = add %1, %2\n"
              "set x1, %3\n"
              "insn +4\n"
              "%7 = load.u64 0, %3\n"
              "insn +8\n"
              "%11 = add %7, %2\n"
              "set x1, %11\n"
              "insn +12\n"
              "%15 = ne %11, %2 : i1\n"
              "branch +0, %15\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/opt/getset/get", test_get);
  g_test_add_func ("/core/opt/getset/set", test_set);
  g_test_add_func ("/core/opt/getset/observers", test_observers);
  g_test_add_func ("/core/opt/getset/system", test_system);
  g_test_add_func ("/core/opt/getset/loop", test_loop);
  g_test_add_func ("/core/opt/getset/vectors", test_vectors);
  return g_test_run ();
}
