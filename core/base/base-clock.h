/* SPDX-License-Identifier: GPL-3.0-or-later
 * Virtual time of a machine: monotonic nanoseconds that stand still while the machine is paused. */
#pragma once

#include "core/base/base-types.h"

typedef struct DioClock DioClock;

/* A stopped clock at 0. */
DioClock *dio_clock_new (void);
void dio_clock_free (DioClock *clock);

/* Virtual now in nanoseconds. Any thread, lock-free, a few ns (TSC-backed clock_gettime). */
int64_t dio_clock_now (DioClock *clock);

/* Lets time run, stops it, sets it (restore of a snapshot). Control thread only. Timers of a
 * stopped clock do not fire; they are re-armed by dio_clock_start(). */
void dio_clock_start (DioClock *clock);
void dio_clock_stop (DioClock *clock);
void dio_clock_set (DioClock *clock, int64_t now);
bool dio_clock_is_running (DioClock *clock);

/* When, on the host's CLOCK_MONOTONIC, the virtual time @when comes; INT64_MAX (never) while the
 * clock stands still. Any thread, lock-free. */
int64_t dio_clock_to_host (DioClock *clock, int64_t when);

/* CLOCK_MONOTONIC of the host in nanoseconds. */
int64_t dio_host_now (void);
