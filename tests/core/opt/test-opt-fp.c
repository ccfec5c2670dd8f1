/* SPDX-License-Identifier: GPL-3.0-or-later
 * Floating-point preconditions, before and after. */
#include "tests/core/opt/opt-test.h"

static void
test_once (void)
{
  opt_assert (DIO_OPT_FP,
              "insn +0\n"
              "fp.require\n"
              "%2 = fp.rounding\n"
              "%3 = get f1\n"
              "%4 = fp.add64 %2, %3, %3\n"
              "set f2, %4\n"
              "insn +4\n"
              "fp.require\n"
              "%8 = fp.rounding\n"
              "%9 = fp.mul64 %8, %4, %4\n"
              "set f3, %9\n",
              "insn +0\n"
              "fp.require\n"
              "%2 = fp.rounding\n"
              "%3 = get f1\n"
              "%4 = fp.add64 %2, %3, %3\n"
              "set f2, %4\n"
              "insn +4\n"
              "%9 = fp.mul64 %2, %4, %4\n"
              "set f3, %9\n");
}

/* Loads, stores, branches and traps that are not taken change nothing. */
static void
test_kept_up (void)
{
  opt_assert (DIO_OPT_FP,
              "insn +0\n"
              "fp.require\n"
              "%2 = get x1\n"
              "%3 = load.u64 0, %2\n"
              "store.64 0, %2, %3\n"
              "insn +4\n"
              "%6 = eq %2, %3 : i1\n"
              "trap_if 3, %6, %2\n"
              "fence 0xff\n"
              "branch +8, %6\n"
              "insn +8\n"
              "fp.require\n",
              "insn +0\n"
              "fp.require\n"
              "%2 = get x1\n"
              "%3 = load.u64 0, %2\n"
              "store.64 0, %2, %3\n"
              "insn +4\n"
              "%6 = eq %2, %3 : i1\n"
              "trap_if 3, %6, %2\n"
              "fence 0xff\n"
              "branch +8, %6\n"
              "insn +8\n");
}

static void
assert_barrier (const char *operation)
{
  g_autofree char *text = g_strconcat ("insn +0\n"
                                       "fp.require\n"
                                       "%2 = fp.rounding\n"
                                       "set x1, %2\n"
                                       "%4 = const 1\n"
                                       "insn +4\n",
                                       operation,
                                       "\ninsn +8\n"
                                       "fp.require\n"
                                       "%10 = fp.rounding\n"
                                       "set x2, %10\n",
                                       NULL);
  opt_assert_kept (DIO_OPT_FP, text);
}

static void
test_barriers (void)
{
  assert_barrier ("system wfi");
  assert_barrier ("%6 = csr.read 2, %4");
  assert_barrier ("%6 = csr.write 2, %4");
  assert_barrier ("%6 = csr.set 768, %4");
  assert_barrier ("%6 = csr.clear 768, %4");
  assert_barrier ("cbo 1, %4");
  assert_barrier ("fence_vma 1, %4, %4");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/opt/fp/once", test_once);
  g_test_add_func ("/core/opt/fp/kept-up", test_kept_up);
  g_test_add_func ("/core/opt/fp/barriers", test_barriers);
  return g_test_run ();
}
