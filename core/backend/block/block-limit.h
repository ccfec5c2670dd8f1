/* SPDX-License-Identifier: GPL-3.0-or-later
 * A token bucket: how much may happen in a time. Not locked. */
#pragma once

#include "core/base/base-types.h"

typedef struct {
  uint64_t rate;  /* tokens per second; 0: no limit */
  uint64_t burst; /* tokens at most that are saved up */
  double level;   /* tokens; may be negative */
  int64_t time_ns;
} DioBlockLimit;

/* A burst of a tenth of a second, or @burst tokens if that is more. Starts full. */
void dio_block_limit_set (DioBlockLimit *limit, uint64_t rate, uint64_t burst, int64_t now_ns);

/* How long to wait until something may happen: 0 for at once. */
int64_t dio_block_limit_wait_ns (DioBlockLimit *limit, int64_t now_ns);

/* It happens, with @tokens. More than there are make what follows wait. */
void dio_block_limit_take (DioBlockLimit *limit, uint64_t tokens);
