/* SPDX-License-Identifier: GPL-3.0-or-later
 * Rate limits. */
#include "core/backend/block/block-limit.h"

#include <glib.h>

void
dio_block_limit_set (DioBlockLimit *limit, uint64_t rate, uint64_t burst, int64_t now_ns)
{
  limit->rate = rate;
  limit->burst = MAX (MAX (burst, rate / 10), 1);
  limit->level = (double) limit->burst;
  limit->time_ns = now_ns;
}

int64_t
dio_block_limit_wait_ns (DioBlockLimit *limit, int64_t now_ns)
{
  if (!limit->rate)
    return 0;
  double gained = (double) (now_ns - limit->time_ns) * 1e-9 * (double) limit->rate;
  limit->level = MIN (limit->level + MAX (gained, 0), (double) limit->burst);
  limit->time_ns = now_ns;
  if (limit->level > 0)
    return 0;
  return (int64_t) (-limit->level * 1e9 / (double) limit->rate) + 1;
}

void
dio_block_limit_take (DioBlockLimit *limit, uint64_t tokens)
{
  if (limit->rate)
    limit->level -= (double) tokens;
}
