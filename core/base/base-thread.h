/* SPDX-License-Identifier: GPL-3.0-or-later
 * Starts the engine's threads, all in the same way. */
#pragma once

#include <glib.h>
#include <pthread.h>

#include "core/base/base-types.h"

/* Starts @func(@data) on a joinable thread called @name (cut to 15 bytes). Asynchronous signals are
 * blocked in it, so that those of the process reach the application's main thread. */
bool dio_thread_start (pthread_t *thread, const char *name, void *(*func) (void *data), void *data,
                       GError **error);

/* False when this process cannot have @count threads more. GLib and GTK end the program without a
 * word to the person where one of theirs cannot be started, so this is asked before. */
bool dio_thread_check_room (unsigned count, GError **error);

/* Makes the calling thread yield to everything that a person waits for. */
void dio_thread_lower_priority (void);
