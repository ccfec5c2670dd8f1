/* SPDX-License-Identifier: GPL-3.0-or-later
 * Dead code, before and after. */
#include "tests/core/opt/opt-test.h"

static void
test_unused (void)
{
  opt_assert (DIO_OPT_DCE,
              "%1 = get x1\n"
              "%2 = get f1\n"
              "%3 = get x2\n"
              "%4 = const 1\n"
              "%5 = pc +0\n"
              "%6 = add %1, %4\n"
              "%7 = eq %6, %4 : i1\n"
              "%8 = widen %7\n"
              "%9 = fp.pure.class64 %2\n"
              "%10 = not %3\n"
              "set x2, %10\n",
              "%3 = get x2\n"
              "%10 = not %3\n"
              "set x2, %10\n");
}

/* What faults or has another effect stays, and so does what it uses. */
static void
test_kept (void)
{
  opt_assert_kept (DIO_OPT_DCE, "%1 = get x1\n"
                                "fp.require\n"
                                "%3 = fp.rounding\n"
                                "%4 = load.u64 0, %1\n"
                                "%5 = fp.add64 %3, %1, %1\n"
                                "%6 = fp.test.eq64 %1, %1\n"
                                "%7 = fp.sqrt32 %3, %1\n"
                                "insn +4\n"
                                "%9 = amo.add.64 %1, %1\n"
                                "insn +8\n"
                                "%11 = lr.32 %1\n"
                                "insn +12\n"
                                "%13 = sc.32 %1, %1\n"
                                "insn +16\n"
                                "%15 = csr.read 1, %1\n"
                                "insn +20\n"
                                "%17 = eq %1, %1 : i1\n"
                                "illegal_if %17\n"
                                "fence 0x11\n"
                                "insn +24\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/opt/dce/unused", test_unused);
  g_test_add_func ("/core/opt/dce/kept", test_kept);
  return g_test_run ();
}
