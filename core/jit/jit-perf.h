/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tells perf(1) what compiled code is: the map /tmp/perf-PID.map, one line for each piece. For
 * people who measure; it is written only when asked for, and stays when the process has ended, as
 * perf reads it after that. */
#pragma once

#include <glib.h>

#include "core/base/base-types.h"

typedef struct DioJitPerf DioJitPerf;

/* Starts the map of this process in @directory, NULL for /tmp, where perf looks. A process has one;
 * a file of that name that an earlier process or object of this user left is replaced. */
DioJitPerf *dio_jit_perf_new (const char *directory, GError **error);
void dio_jit_perf_free (DioJitPerf *perf);

/* Adds @size bytes of code at @code. Any thread, without a lock; nothing when @perf is NULL. */
void dio_jit_perf_add (DioJitPerf *perf, const void *code, size_t size, const char *format, ...)
    G_GNUC_PRINTF (4, 5);
