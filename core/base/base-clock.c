/* SPDX-License-Identifier: GPL-3.0-or-later
 * Virtual time of a machine.
 *
 * The whole state is one word, so that readers need no lock: the lowest bit says whether time runs;
 * the other 63 hold the host time of virtual zero when it does, and the virtual time when it does
 * not. 63 bits of nanoseconds are 146 years either way. */
#include "core/base/base-clock.h"

#include <glib.h>
#include <stdatomic.h>
#include <time.h>

struct DioClock {
  _Atomic int64_t state;
};

enum { RUNNING = 1 };

static int64_t
pack (int64_t value, bool running)
{
  return (int64_t) ((uint64_t) value << 1) | (running ? RUNNING : 0);
}

int64_t
dio_host_now (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

DioClock *
dio_clock_new (void)
{
  return g_new0 (DioClock, 1);
}

void
dio_clock_free (DioClock *clock)
{
  g_free (clock);
}

int64_t
dio_clock_now (DioClock *clock)
{
  int64_t state = atomic_load_explicit (&clock->state, memory_order_acquire);
  return state & RUNNING ? dio_host_now () - (state >> 1) : state >> 1;
}

int64_t
dio_clock_to_host (DioClock *clock, int64_t when)
{
  int64_t state = atomic_load_explicit (&clock->state, memory_order_acquire);
  int64_t host;
  if (!(state & RUNNING))
    return INT64_MAX;
  if (__builtin_add_overflow (when, state >> 1, &host))
    return when > 0 ? INT64_MAX : 0;
  return MAX (host, 0);
}

void
dio_clock_start (DioClock *clock)
{
  int64_t state = atomic_load (&clock->state);
  if (!(state & RUNNING))
    atomic_store (&clock->state, pack (dio_host_now () - (state >> 1), true));
}

void
dio_clock_stop (DioClock *clock)
{
  if (atomic_load (&clock->state) & RUNNING)
    atomic_store (&clock->state, pack (dio_clock_now (clock), false));
}

void
dio_clock_set (DioClock *clock, int64_t now)
{
  bool running = atomic_load (&clock->state) & RUNNING;
  atomic_store (&clock->state, pack (running ? dio_host_now () - now : now, running));
}

bool
dio_clock_is_running (DioClock *clock)
{
  return atomic_load (&clock->state) & RUNNING;
}
