/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of the rate-limited guest log. */
#include "core/base/base-log.h"

static unsigned lines;
static char *last;

static void
count_lines (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  lines++;
  g_free (last);
  last = g_strdup (message);
}

static void
test_rate (void)
{
  DioRateLimit limit = { 0 };
  lines = 0;
  for (int i = 0; i < 100000; i++)
    dio_log_guest (&limit, "serial0", "bad write %d", i);
  g_assert_cmpuint (lines, ==, 10);
  g_assert_cmpstr (last, ==, "serial0: bad write 9");

  /* Five seconds later lines pass again, and say what was lost. */
  limit.window_start -= 6 * G_USEC_PER_SEC;
  dio_log_guest (&limit, "serial0", "again");
  g_assert_cmpuint (lines, ==, 11);
  g_assert_cmpstr (last, ==, "serial0: again (99990 more lines before this one were dropped)");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_default_handler (count_lines, NULL);
  g_test_add_func ("/core/base/log/rate", test_rate);
  int result = g_test_run ();
  g_free (last);
  return result;
}
