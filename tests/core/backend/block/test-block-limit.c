/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of rate limits, on a clock that the test moves. */
#include "core/backend/block/block-limit.h"

#include <glib.h>

#define SECOND INT64_C (1000000000)

/* Takes pieces of @size as fast as it may from @now on; how many in @ns. */
static unsigned
take_for (DioBlockLimit *limit, int64_t *now, int64_t ns, uint64_t size)
{
  int64_t end = *now + ns;
  unsigned count = 0;
  while (*now < end) {
    int64_t wait = dio_block_limit_wait_ns (limit, *now);
    if (wait == 0) {
      dio_block_limit_take (limit, size);
      count++;
    }
    *now += MIN (wait, end - *now);
  }
  return count;
}

static void
test_rate (void)
{
  DioBlockLimit limit;
  int64_t now = 5 * SECOND;
  dio_block_limit_set (&limit, 1000, 0, now);
  /* A tenth of a second's worth is there at once, then the rate holds. */
  unsigned first = take_for (&limit, &now, SECOND, 10);
  g_assert_cmpuint (first, >=, 108);
  g_assert_cmpuint (first, <=, 112);
  unsigned ten = take_for (&limit, &now, 10 * SECOND, 10);
  g_assert_cmpuint (ten, >=, 998);
  g_assert_cmpuint (ten, <=, 1002);

  /* What was not used is not saved up for long. */
  now += 1000 * SECOND;
  g_assert_cmpuint (take_for (&limit, &now, SECOND / 100, 10), <=, 12);
}

/* One that is larger than all tokens goes at once, and what follows pays. */
static void
test_large (void)
{
  DioBlockLimit limit;
  int64_t now = 0;
  dio_block_limit_set (&limit, 1000, 0, now);
  g_assert_cmpint (dio_block_limit_wait_ns (&limit, now), ==, 0);
  dio_block_limit_take (&limit, 5100);
  int64_t wait = dio_block_limit_wait_ns (&limit, now);
  g_assert_cmpint (wait, >=, 5 * SECOND);
  g_assert_cmpint (wait, <, 5 * SECOND + 1000);
  g_assert_cmpint (dio_block_limit_wait_ns (&limit, now + wait), ==, 0);
}

static void
test_none (void)
{
  DioBlockLimit limit;
  dio_block_limit_set (&limit, 0, 0, 0);
  dio_block_limit_take (&limit, UINT64_MAX);
  g_assert_cmpint (dio_block_limit_wait_ns (&limit, 0), ==, 0);

  /* A clock that stands, or goes back, gives nothing. */
  dio_block_limit_set (&limit, 10, 0, SECOND);
  dio_block_limit_take (&limit, 11);
  g_assert_cmpint (dio_block_limit_wait_ns (&limit, 0), >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/backend/block/limit/rate", test_rate);
  g_test_add_func ("/core/backend/block/limit/large", test_large);
  g_test_add_func ("/core/backend/block/limit/none", test_none);
  return g_test_run ();
}
