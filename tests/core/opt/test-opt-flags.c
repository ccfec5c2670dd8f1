/* SPDX-License-Identifier: GPL-3.0-or-later
 * Flags that nobody sees, before and after. */
#include "tests/core/opt/opt-test.h"

static void
test_set_anew (void)
{
  opt_assert (DIO_OPT_FLAGS,
              "%1 = get x1\n"
              "%2 = get x2\n"
              "flags.sub.64 %1, %2\n"
              "insn +4\n"
              "flags.adc.32 %1, %2\n"
              "%6 = lt %1, %2 : i1\n"
              "flags.unless 3, %6\n"
              "insn +8\n"
              "flags.logic.64 %2\n",
              "%1 = get x1\n"
              "%2 = get x2\n"
              "insn +4\n"
              "%6 = lt %1, %2 : i1\n"
              "insn +8\n"
              "flags.logic.64 %2\n");
}

static void
test_floating_point (void)
{
  opt_assert (DIO_OPT_FLAGS,
              "%1 = get x1\n"
              "%2 = fp.test.compare64 %1, %1\n"
              "flags.fp.64 %1, %1\n"
              "insn +4\n"
              "%5 = fp.holds.64 12, %1, %1 : i1\n"
              "%6 = widen %5\n"
              "set x2, %6\n"
              "insn +8\n"
              "flags.fp.32 %1, %6\n",
              "%1 = get x1\n"
              "%2 = fp.test.compare64 %1, %1\n"
              "insn +4\n"
              "%5 = fp.holds.64 12, %1, %1 : i1\n"
              "%6 = widen %5\n"
              "set x2, %6\n"
              "insn +8\n"
              "flags.fp.32 %1, %6\n");
}

/* What reads them, changes a part, may fault or leave finds them. */
static void
test_seen (void)
{
  opt_assert_kept (DIO_OPT_FLAGS, "%1 = get x1\n"
                                  "flags.add.64 %1, %1\n"
                                  "insn +4\n"
                                  "flags.adc.64 %1, %1\n"
                                  "insn +8\n"
                                  "%6 = load.u64 0, %1\n"
                                  "set.nzcv %6\n"
                                  "insn +12\n"
                                  "%9 = condition 3 : i1\n"
                                  "flags.sub.32 %1, %6\n"
                                  "insn +16\n"
                                  "%12 = carry\n"
                                  "flags.logic.32 %1\n"
                                  "insn +20\n"
                                  "%15 = get.nzcv\n"
                                  "flags.sub.32 %6, %1\n"
                                  "flags.unless 4, %9\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/opt/flags/set-anew", test_set_anew);
  g_test_add_func ("/core/opt/flags/floating-point", test_floating_point);
  g_test_add_func ("/core/opt/flags/seen", test_seen);
  return g_test_run ();
}
