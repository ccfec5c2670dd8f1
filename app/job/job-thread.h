/* SPDX-License-Identifier: GPL-3.0-or-later
 * Work on a thread of its own, with a GTask for its result. */
#pragma once

#include <gio/gio.h>

/* Runs @func on a new thread, as g_task_run_in_thread() does, but for one case: where no thread can
 * be had, GLib keeps the work in a queue that nobody serves, and its result never comes. Here it is
 * done at once on the calling thread, which waits for it. */
void dio_job_thread_run (GTask *task, GTaskThreadFunc func);
