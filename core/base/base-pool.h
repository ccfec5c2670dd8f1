/* SPDX-License-Identifier: GPL-3.0-or-later
 * The worker pool: a few threads that all machines of the process share for blocking file I/O,
 * compression and compilation. */
#pragma once

#include "core/base/base-types.h"

typedef struct DioPool DioPool;

typedef enum {
  DIO_POOL_IO,      /* short, may block in the kernel; goes first */
  DIO_POOL_COMPUTE, /* long, at low priority */
} DioPoolClass;

/* A pool with at least @threads threads per class (0: by the number of host cores). */
DioPool *dio_pool_new (unsigned threads);

/* Finishes everything queued, joins the threads. */
void dio_pool_free (DioPool *pool);

/* Runs @func(@data) on a worker, FIFO within a class. Any thread, never blocks. */
void dio_pool_run (DioPool *pool, DioPoolClass klass, void (*func) (void *data), void *data);
