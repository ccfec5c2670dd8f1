/* SPDX-License-Identifier: GPL-3.0-or-later
 * The event loop of a machine: one thread on epoll that runs posted functions, file descriptor
 * watches, coalescing notifiers and timers. Callbacks run on the loop's thread, one at a time and
 * with no lock of the loop held, so they may call anything here. */
#pragma once

#include <glib.h>

#include "core/base/base-clock.h"

typedef struct DioLoop DioLoop;
typedef struct DioLoopFd DioLoopFd;
typedef struct DioNotifier DioNotifier;
typedef struct DioTimer DioTimer;

typedef void (*DioLoopFunc) (void *data);
typedef void (*DioLoopFdFunc) (int fd, uint32_t epoll_events, void *data);

/* Starts a loop thread called @name (15 bytes at most are kept). NULL and @error on failure. */
DioLoop *dio_loop_new (const char *name, GError **error);

/* Runs what is already posted, stops the thread, joins it and frees the loop. All watches,
 * notifiers and timers must have been freed. Not from the loop's own thread. */
void dio_loop_free (DioLoop *loop);

bool dio_loop_is_current (DioLoop *loop);

/* Runs @func on the loop's thread, in order of posting, and after the notifiers that the same
 * thread signalled before. Any thread. */
void dio_loop_post (DioLoop *loop, DioLoopFunc func, void *data);

/* The same, but returns after @func has run. Runs it at once when called on the loop's thread.
 * The caller must hold no lock that a loop callback may take. */
void dio_loop_call (DioLoop *loop, DioLoopFunc func, void *data);

/* Freeing a watch, notifier or timer waits for its callback if that runs just then on the loop's
 * thread: hold no lock that the callback takes. From within callbacks, its own included, freeing
 * never waits. */

/* Watches @fd for @epoll_events (EPOLLIN, ...); level-triggered. The fd stays the caller's.
 * A file that epoll does not
 * take (regular files, /dev/null) counts as always ready. Without events nothing is reported, not
 * even EPOLLHUP. Add, change and free: any thread. After free returns, @func will not be entered
 * again. NULL when the kernel refuses (errno is set). */
DioLoopFd *dio_loop_fd_new (DioLoop *loop, int fd, uint32_t epoll_events, DioLoopFdFunc func,
                            void *data);
void dio_loop_fd_set_events (DioLoopFd *watch, uint32_t epoll_events);
void dio_loop_fd_free (DioLoopFd *watch);

/* A coalescing wake-up: any number of signals before the loop gets to it run @func once. Signal is
 * lock-free, cheap when already pending, and may be called from vCPU threads. No signal may
 * race with free. After free returns, @func will not be entered again. */
DioNotifier *dio_notifier_new (DioLoop *loop, DioLoopFunc func, void *data);
void dio_notifier_signal (DioNotifier *notifier);
void dio_notifier_free (DioNotifier *notifier);

/* One-shot timers on virtual time. set/cancel: any thread; setting replaces an earlier deadline.
 * A deadline in the past fires as soon as possible. A timer may fire once more after cancel() if it
 * was already due; callbacks therefore check their own state. After free returns it never fires. */
DioTimer *dio_timer_new (DioLoop *loop, DioClock *clock, DioLoopFunc func, void *data);
void dio_timer_set (DioTimer *timer, int64_t deadline_ns);
void dio_timer_cancel (DioTimer *timer);
void dio_timer_free (DioTimer *timer);

/* To be called after dio_clock_start()/set(): recomputes when the timers of @clock are due. */
void dio_loop_clock_changed (DioLoop *loop);
