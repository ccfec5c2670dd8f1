/* SPDX-License-Identifier: GPL-3.0-or-later
 * The rate-limited log of guests' mistakes. */
#include "core/base/base-log.h"

#include <stdatomic.h>

enum {
  LINES_PER_WINDOW = 10,
  WINDOW_US = 5 * G_USEC_PER_SEC,
};

/* True when a line may pass; *dropped is how many did not since the last window. */
static bool
may_pass (DioRateLimit *limit, uint32_t *dropped)
{
  int64_t now = g_get_monotonic_time ();
  int64_t start = atomic_load_explicit (&limit->window_start, memory_order_relaxed);
  *dropped = 0;
  if (now - start > WINDOW_US
      && atomic_compare_exchange_strong (&limit->window_start, &start, now)) {
    uint32_t count = atomic_exchange (&limit->count, 0);
    *dropped = count > LINES_PER_WINDOW ? count - LINES_PER_WINDOW : 0;
  }
  /* Stop counting long before the counter could wrap and let lines pass again. */
  if (atomic_load_explicit (&limit->count, memory_order_relaxed) > UINT32_MAX / 2)
    return false;
  return atomic_fetch_add (&limit->count, 1) < LINES_PER_WINDOW;
}

void
dio_log_guest (DioRateLimit *limit, const char *who, const char *format, ...)
{
  uint32_t dropped;
  if (!may_pass (limit, &dropped))
    return;

  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  if (dropped)
    g_info ("%s: %s (%u more lines before this one were dropped)", who, text, dropped);
  else
    g_info ("%s: %s", who, text);
}
