/* SPDX-License-Identifier: GPL-3.0-or-later
 * Shapes for one instruction of the host, before and after. */
#include "tests/core/opt/opt-test.h"

static void
test_displacement (void)
{
  /* All accesses to the same sum, and one to a sum of the sum. */
  opt_assert (DIO_OPT_FUSE,
              "%1 = get x1\n"
              "%2 = const 8\n"
              "%3 = add %1, %2\n"
              "%4 = load.u64 0, %3\n"
              "store.32 4, %3, %4\n"
              "insn +4\n"
              "%7 = const -16\n"
              "%8 = add %4, %7\n"
              "%9 = add %8, %2\n"
              "%10 = load.u8 1, %9\n"
              "set x2, %10\n",
              "%1 = get x1\n"
              "%2 = const 8\n"
              "%4 = load.u64 8, %1\n"
              "store.32 12, %1, %4\n"
              "insn +4\n"
              "%7 = const -16\n"
              "%10 = load.u8 -7, %4\n"
              "set x2, %10\n");
}

static void
test_no_displacement (void)
{
  /* The sum is needed anyway: in a register, as what is stored, by an atomic. */
  opt_assert_kept (DIO_OPT_FUSE, "%1 = get x1\n"
                                 "%2 = const 8\n"
                                 "%3 = add %1, %2\n"
                                 "%4 = load.u64 0, %3\n"
                                 "set x1, %3\n"
                                 "insn +4\n"
                                 "%7 = add %4, %2\n"
                                 "store.64 0, %7, %7\n"
                                 "insn +8\n"
                                 "%10 = const 16\n"
                                 "%11 = add %4, %10\n"
                                 "%12 = amo.add.64 %11, %1\n");
  /* It does not fit, or only with what is there. */
  opt_assert_kept (DIO_OPT_FUSE, "%1 = get x1\n"
                                 "%2 = const 2147483648\n"
                                 "%3 = add %1, %2\n"
                                 "%4 = load.u64 0, %3\n"
                                 "%5 = const 1\n"
                                 "%6 = add %1, %5\n"
                                 "%7 = load.u64 2147418112, %6\n"
                                 "%8 = const -9223372036854775808\n"
                                 "%9 = add %1, %8\n"
                                 "%10 = load.u64 -8, %9\n");
  opt_assert (DIO_OPT_FUSE,
              "%1 = get x1\n"
              "%2 = const 2147483648\n"
              "%3 = add %1, %2\n"
              "%4 = load.u64 -65536, %3\n",
              "%1 = get x1\n"
              "%2 = const 2147483648\n"
              "%4 = load.u64 2147418112, %1\n");
}

static void
test_shift (void)
{
  opt_assert (DIO_OPT_FUSE,
              "%1 = get x1\n"
              "%2 = get x2\n"
              "%3 = const 3\n"
              "%4 = shl %1, %3\n"
              "%5 = add %4, %2\n"
              "%6 = const 65\n"
              "%7 = shl %5, %6\n"
              "%8 = add %1, %7\n"
              "set x1, %8\n",
              "%1 = get x1\n"
              "%2 = get x2\n"
              "%3 = const 3\n"
              "%5 = add_shl 3, %2, %1\n"
              "%6 = const 65\n"
              "%8 = add_shl 1, %1, %5\n"
              "set x1, %8\n");
  /* Too far, by a variable, used twice, or with a constant, which may become a displacement. */
  opt_assert_kept (DIO_OPT_FUSE, "%1 = get x1\n"
                                 "%2 = get x2\n"
                                 "%3 = const 4\n"
                                 "%4 = shl %1, %3\n"
                                 "%5 = add %4, %2\n"
                                 "%6 = shl %1, %2\n"
                                 "%7 = add %6, %2\n"
                                 "%8 = const 2\n"
                                 "%9 = shl %1, %8\n"
                                 "%10 = add %9, %2\n"
                                 "%11 = add %9, %10\n"
                                 "%12 = shl %11, %8\n"
                                 "%13 = add %12, %8\n"
                                 "%14 = const 64\n"
                                 "%15 = shl %1, %14\n"
                                 "%16 = add %2, %15\n");
}

static void
test_product (void)
{
  opt_assert (DIO_OPT_FUSE,
              "%1 = get x1\n"
              "%2 = const 3\n"
              "%3 = mul %1, %2\n"
              "%4 = const 5\n"
              "%5 = mul %3, %4\n"
              "%6 = const 9\n"
              "%7 = mul %5, %6\n"
              "%8 = const 7\n"
              "%9 = mul %7, %8\n"
              "set x1, %9\n",
              "%1 = get x1\n"
              "%2 = const 3\n"
              "%3 = add_shl 1, %1, %1\n"
              "%4 = const 5\n"
              "%5 = add_shl 2, %3, %3\n"
              "%6 = const 9\n"
              "%7 = add_shl 3, %5, %5\n"
              "%8 = const 7\n"
              "%9 = mul %7, %8\n"
              "set x1, %9\n");
}

static void
test_truth (void)
{
  /* %8 leaves room. */
  opt_assert (DIO_OPT_FUSE,
              "%1 = get x1\n"
              "%2 = get x2\n"
              "%3 = lt %1, %2 : i1\n"
              "%4 = add %1, %2\n"
              "set x3, %4\n"
              "insn +4\n"
              "nop\n"
              "nop\n"
              "branch +8, %3\n",
              "%1 = get x1\n"
              "%2 = get x2\n"
              "%4 = add %1, %2\n"
              "set x3, %4\n"
              "insn +4\n"
              "%7 = lt %1, %2 : i1\n"
              "branch +8, %7\n");
  /* No room, two uses, or only NOPs in between. */
  opt_assert_kept (DIO_OPT_FUSE, "%1 = get x1\n"
                                 "%2 = get x2\n"
                                 "%3 = lt %1, %2 : i1\n"
                                 "%4 = select %3, %1, %2\n"
                                 "set x3, %4\n"
                                 "insn +4\n"
                                 "nop\n"
                                 "branch +8, %3\n"
                                 "insn +8\n"
                                 "%10 = eq %1, %2 : i1\n"
                                 "nop\n"
                                 "nop\n"
                                 "branch +8, %10\n"
                                 "insn +12\n"
                                 "%15 = eq %1, %4 : i1\n"
                                 "set x4, %4\n"
                                 "branch +8, %15\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/opt/fuse/displacement", test_displacement);
  g_test_add_func ("/core/opt/fuse/no-displacement", test_no_displacement);
  g_test_add_func ("/core/opt/fuse/shift", test_shift);
  g_test_add_func ("/core/opt/fuse/product", test_product);
  g_test_add_func ("/core/opt/fuse/truth", test_truth);
  return g_test_run ();
}
