/* SPDX-License-Identifier: GPL-3.0-or-later
 * Logging. Host trouble goes to g_warning()/g_message(); what a guest does wrong goes through
 * dio_log_guest(), which is rate-limited so that no guest can fill a disk or slow the process. */
#pragma once

#include <glib.h>

#include "core/base/base-types.h"

/* Zero-initialised, one per place or device. At most 10 lines per 5 s pass; the next line after a
 * gap says how many were dropped. */
typedef struct {
  _Atomic int64_t window_start;
  _Atomic uint32_t count;
} DioRateLimit;

/* Logs a guest's mistake at debug/info level under @who ("virtio-blk"). Any thread. */
void dio_log_guest (DioRateLimit *limit, const char *who, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
