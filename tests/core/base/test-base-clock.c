/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of virtual time. */
#include "core/base/base-clock.h"

#include <glib.h>

static void
test_stands_still (void)
{
  DioClock *clock = dio_clock_new ();
  g_assert_cmpint (dio_clock_now (clock), ==, 0);
  g_assert_false (dio_clock_is_running (clock));
  g_assert_cmpint (dio_clock_to_host (clock, 5), ==, INT64_MAX);

  dio_clock_start (clock);
  g_usleep (2000);
  dio_clock_stop (clock);
  int64_t stopped = dio_clock_now (clock);
  g_assert_cmpint (stopped, >=, 2000000);
  g_usleep (2000);
  g_assert_cmpint (dio_clock_now (clock), ==, stopped);

  /* Starting goes on from there, and twice is once. */
  dio_clock_start (clock);
  dio_clock_start (clock);
  int64_t now = dio_clock_now (clock);
  g_assert_cmpint (now, >=, stopped);
  g_assert_cmpint (now, <, stopped + 1000000000);
  dio_clock_free (clock);
}

static void
test_set (void)
{
  DioClock *clock = dio_clock_new ();
  dio_clock_set (clock, INT64_C (7200000000000));
  g_assert_cmpint (dio_clock_now (clock), ==, INT64_C (7200000000000));
  dio_clock_start (clock);
  dio_clock_set (clock, 100);
  int64_t now = dio_clock_now (clock);
  g_assert_cmpint (now, >=, 100);
  g_assert_cmpint (now, <, 1000000000);
  dio_clock_free (clock);
}

static void
test_to_host (void)
{
  DioClock *clock = dio_clock_new ();
  dio_clock_start (clock);
  int64_t host = dio_clock_to_host (clock, dio_clock_now (clock) + 5000000);
  int64_t distance = host - dio_host_now ();
  g_assert_cmpint (distance, <=, 5000000);
  g_assert_cmpint (distance, >, 5000000 - 1000000000);
  g_assert_cmpint (dio_clock_to_host (clock, INT64_MAX), ==, INT64_MAX);
  g_assert_cmpint (dio_clock_to_host (clock, INT64_MIN), >=, 0);
  dio_clock_free (clock);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/base/clock/stands-still", test_stands_still);
  g_test_add_func ("/core/base/clock/set", test_set);
  g_test_add_func ("/core/base/clock/to-host", test_to_host);
  return g_test_run ();
}
