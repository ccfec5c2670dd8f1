/* SPDX-License-Identifier: GPL-3.0-or-later
 * Narrowing and rotations, before and after. */
#include "tests/core/opt/opt-test.h"

static void
test_extensions (void)
{
  /* Only the low half of the sum is seen, and all of what is set. */
  opt_assert (DIO_OPT_NARROW,
              "%1 = get x1\n"
              "%2 = get x2\n"
              "%3 = add %1, %2\n"
              "%4 = sext32 %3\n"
              "%5 = zext32 %4\n"
              "%6 = mul %5, %2\n"
              "%7 = sext32 %6\n"
              "store.32 0, %1, %4\n"
              "set x3, %7\n",
              "%1 = get x1\n"
              "%2 = get x2\n"
              "%3 = add %1, %2\n"
              "%6 = mul %3, %2\n"
              "%7 = sext32 %6\n"
              "store.32 0, %1, %3\n"
              "set x3, %7\n");
  /* Right shifts, comparisons, addresses and whole words look at the upper half. */
  opt_assert_kept (DIO_OPT_NARROW, "%1 = get x1\n"
                                   "%2 = sext32 %1\n"
                                   "%3 = const 3\n"
                                   "%4 = shr %2, %3\n"
                                   "%5 = sext32 %4\n"
                                   "set x2, %5\n");
  opt_assert_kept (DIO_OPT_NARROW, "%1 = get x1\n"
                                   "%2 = sext32 %1\n"
                                   "%3 = get x2\n"
                                   "store.32 0, %2, %3\n");
  opt_assert_kept (DIO_OPT_NARROW, "%1 = get x1\n"
                                   "%2 = sext32 %1\n"
                                   "%3 = get x2\n"
                                   "store.64 0, %3, %2\n");
  opt_assert_kept (DIO_OPT_NARROW, "%1 = get x1\n"
                                   "%2 = sext32 %1\n"
                                   "%3 = get x2\n"
                                   "%4 = shl %3, %2\n"
                                   "%5 = sext32 %4\n"
                                   "set x2, %5\n");
}

static void
test_rotations (void)
{
  opt_assert (DIO_OPT_NARROW,
              "%1 = get x1\n"
              "%2 = const 7\n"
              "%3 = shl %1, %2\n"
              "%4 = zext32 %1\n"
              "%5 = const 25\n"
              "%6 = shr %4, %5\n"
              "%7 = or %6, %3\n"
              "%8 = sext32 %7\n"
              "set x2, %8\n",
              "%1 = get x1\n"
              "%2 = const 7\n"
              "%3 = shl %1, %2\n"
              "%4 = zext32 %1\n"
              "%5 = const 25\n"
              "%6 = shr %4, %5\n"
              "%7 = rotl32 %1, %2\n"
              "%8 = sext32 %7\n"
              "set x2, %8\n");
  /* Not by 32 in sum; not of the same value. */
  opt_assert_kept (DIO_OPT_NARROW, "%1 = get x1\n"
                                   "%2 = const 7\n"
                                   "%3 = shl %1, %2\n"
                                   "%4 = zext32 %1\n"
                                   "%5 = const 24\n"
                                   "%6 = shr %4, %5\n"
                                   "%7 = or %6, %3\n"
                                   "%8 = sext32 %7\n"
                                   "set x2, %8\n");
  opt_assert_kept (DIO_OPT_NARROW, "%1 = get x1\n"
                                   "%2 = const 7\n"
                                   "%3 = shl %1, %2\n"
                                   "%4 = get x3\n"
                                   "%5 = zext32 %4\n"
                                   "%6 = const 25\n"
                                   "%7 = shr %5, %6\n"
                                   "%8 = or %7, %3\n"
                                   "%9 = sext32 %8\n"
                                   "set x2, %9\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/opt/narrow/extensions", test_extensions);
  g_test_add_func ("/core/opt/narrow/rotations", test_rotations);
  return g_test_run ();
}
