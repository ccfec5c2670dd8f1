/* SPDX-License-Identifier: GPL-3.0-or-later
 * The event loop of a machine.
 *
 * One lock guards all lists; it is never held while a callback runs. What must be cheap is not
 * under it: a notifier is a flag and a lock-free stack. The object whose callback runs is
 * remembered in `running`: freeing it from elsewhere waits until it is not running any more,
 * freeing it from its own callback clears the memory of it, so that the loop does not touch it
 * again.
 *
 * Both the eventfd and the timerfd are edge-triggered, so neither is ever read. Setting a timer
 * that is due before all others arms the timerfd from the calling thread: a vCPU that programs its
 * next tick does not wake the loop for that. */
#include "core/base/base-loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/base/base-thread.h"

enum {
  EVENTS_PER_ROUND = 32,
  TIMERS_PER_ROUND = 64, /* so that a timer that is always late cannot starve the rest */
};

typedef struct Posted {
  struct Posted *next;
  DioLoopFunc func;
  void *data;
} Posted;

/* The timers of one clock: a binary heap, the earliest first. */
typedef struct {
  DioClock *clock;
  GPtrArray *heap; /* of DioTimer */
  unsigned users;  /* timers that exist, set or not */
} TimerQueue;

struct DioTimer {
  DioLoop *loop;
  TimerQueue *queue;
  DioLoopFunc func;
  void *data;
  int64_t deadline;
  unsigned position; /* in the heap, from 1; 0: not set */
};

struct DioNotifier {
  DioLoop *loop;
  DioLoopFunc func;
  void *data;
  _Atomic bool pending;
  bool dead;         /* freed while pending: whoever takes it off the stack releases it */
  DioNotifier *next; /* on the stack of signalled ones */
};

struct DioLoopFd {
  DioLoop *loop;
  DioLoopFdFunc func;
  void *data;
  int fd;
  uint32_t events;
  bool in_epoll;
  bool always_ready; /* epoll does not take this kind of file */
  bool dead;
  DioLoopFd *next; /* in the list of always ready or dead ones */
};

struct DioLoop {
  pthread_t thread;
  int epoll_fd, event_fd, timer_fd;
  _Atomic bool woken; /* the eventfd was written since the loop last looked */
  _Atomic (DioNotifier *) signalled;

  pthread_mutex_t lock;
  pthread_cond_t done; /* `running` changed, or a dio_loop_call() has run */
  const void *running;
  bool quit;
  Posted *posted, **posted_tail;
  GPtrArray *timer_queues; /* of TimerQueue */
  int64_t armed;           /* host time the timerfd is set to, INT64_MAX: none */
  DioLoopFd *always_ready;
  DioLoopFd *dead_fds; /* may still be in the events just taken from epoll */
};

bool
dio_loop_is_current (DioLoop *loop)
{
  return pthread_equal (loop->thread, pthread_self ());
}

/* Makes epoll_wait() return. On the loop's own thread the next round looks anyway. */
static void
wake (DioLoop *loop)
{
  if (dio_loop_is_current (loop) || atomic_exchange (&loop->woken, true))
    return;
  uint64_t one = 1;
  while (write (loop->event_fd, &one, sizeof one) < 0 && errno == EINTR)
    ;
}

/* ---- One callback at a time ---- */

/* Notes that the callback of @object begins, and unlocks. */
static void
begin_locked (DioLoop *loop, const void *object)
{
  loop->running = object;
  pthread_mutex_unlock (&loop->lock);
}

static void
finish_lock (DioLoop *loop)
{
  pthread_mutex_lock (&loop->lock);
  loop->running = NULL;
  pthread_cond_broadcast (&loop->done);
}

/* Returns when @object's callback does not run, or is the caller. */
static void
settle_locked (DioLoop *loop, const void *object)
{
  if (dio_loop_is_current (loop))
    return;
  while (loop->running == object)
    pthread_cond_wait (&loop->done, &loop->lock);
}

/* ---- Posted functions ---- */

void
dio_loop_post (DioLoop *loop, DioLoopFunc func, void *data)
{
  Posted *posted = g_new (Posted, 1);
  *posted = (Posted){ .func = func, .data = data };
  pthread_mutex_lock (&loop->lock);
  *loop->posted_tail = posted;
  loop->posted_tail = &posted->next;
  pthread_mutex_unlock (&loop->lock);
  wake (loop);
}

typedef struct {
  DioLoop *loop;
  DioLoopFunc func;
  void *data;
  bool finished;
} Call;

static void
run_call (void *data)
{
  Call *call = data;
  call->func (call->data);
  pthread_mutex_lock (&call->loop->lock);
  call->finished = true;
  pthread_cond_broadcast (&call->loop->done);
  pthread_mutex_unlock (&call->loop->lock);
}

void
dio_loop_call (DioLoop *loop, DioLoopFunc func, void *data)
{
  if (dio_loop_is_current (loop)) {
    func (data);
    return;
  }
  Call call = { .loop = loop, .func = func, .data = data };
  dio_loop_post (loop, run_call, &call);
  pthread_mutex_lock (&loop->lock);
  while (!call.finished)
    pthread_cond_wait (&loop->done, &loop->lock);
  pthread_mutex_unlock (&loop->lock);
}

static Posted *
take_posted (DioLoop *loop)
{
  pthread_mutex_lock (&loop->lock);
  Posted *posted = loop->posted;
  loop->posted = NULL;
  loop->posted_tail = &loop->posted;
  pthread_mutex_unlock (&loop->lock);
  return posted;
}

static void
run_posted (Posted *posted)
{
  while (posted) {
    Posted *next = posted->next;
    posted->func (posted->data);
    g_free (posted);
    posted = next;
  }
}

/* ---- Notifiers ---- */

DioNotifier *
dio_notifier_new (DioLoop *loop, DioLoopFunc func, void *data)
{
  DioNotifier *notifier = g_new0 (DioNotifier, 1);
  notifier->loop = loop;
  notifier->func = func;
  notifier->data = data;
  return notifier;
}

void
dio_notifier_signal (DioNotifier *notifier)
{
  /* A full barrier on both sides: either the caller sees that the callback has yet to begin, or the
   * callback sees all that the caller wrote before. */
  if (atomic_exchange (&notifier->pending, true))
    return;

  DioLoop *loop = notifier->loop;
  notifier->next = atomic_load_explicit (&loop->signalled, memory_order_relaxed);
  while (!atomic_compare_exchange_weak (&loop->signalled, &notifier->next, notifier))
    ;
  wake (loop);
}

void
dio_notifier_free (DioNotifier *notifier)
{
  if (!notifier)
    return;

  DioLoop *loop = notifier->loop;
  pthread_mutex_lock (&loop->lock);
  settle_locked (loop, notifier);
  if (loop->running == notifier)
    loop->running = NULL;
  notifier->dead = true;
  bool on_stack = atomic_exchange (&notifier->pending, true);
  pthread_mutex_unlock (&loop->lock);
  if (!on_stack)
    g_free (notifier);
}

static void
run_signalled (DioLoop *loop)
{
  DioNotifier *taken = atomic_exchange (&loop->signalled, NULL);
  DioNotifier *first = NULL;
  while (taken) { /* the stack has the newest first */
    DioNotifier *next = taken->next;
    taken->next = first;
    first = taken;
    taken = next;
  }

  pthread_mutex_lock (&loop->lock);
  while (first) {
    DioNotifier *notifier = first;
    first = notifier->next;
    if (notifier->dead) {
      g_free (notifier);
      continue;
    }
    begin_locked (loop, notifier);
    atomic_exchange (&notifier->pending, false);
    notifier->func (notifier->data);
    finish_lock (loop);
  }
  pthread_mutex_unlock (&loop->lock);
}

/* ---- Timers ---- */

static DioTimer *
heap_at (TimerQueue *queue, unsigned position)
{
  return g_ptr_array_index (queue->heap, position - 1);
}

static void
heap_put (TimerQueue *queue, unsigned position, DioTimer *timer)
{
  g_ptr_array_index (queue->heap, position - 1) = timer;
  timer->position = position;
}

/* Moves @timer from the free place @position to where it belongs. */
static void
heap_settle (TimerQueue *queue, unsigned position, DioTimer *timer)
{
  while (position > 1 && heap_at (queue, position / 2)->deadline > timer->deadline) {
    heap_put (queue, position, heap_at (queue, position / 2));
    position /= 2;
  }
  unsigned count = queue->heap->len;
  for (unsigned child; (child = position * 2) <= count; position = child) {
    if (child < count && heap_at (queue, child + 1)->deadline < heap_at (queue, child)->deadline)
      child++;
    if (heap_at (queue, child)->deadline >= timer->deadline)
      break;
    heap_put (queue, position, heap_at (queue, child));
  }
  heap_put (queue, position, timer);
}

static void
heap_remove (TimerQueue *queue, DioTimer *timer)
{
  unsigned position = timer->position;
  if (!position)
    return;
  timer->position = 0;
  DioTimer *last = heap_at (queue, queue->heap->len);
  g_ptr_array_set_size (queue->heap, (int) queue->heap->len - 1);
  if (last != timer)
    heap_settle (queue, position, last);
}

/* Sets the timerfd if it would come too late for @host_time. */
static void
arm_locked (DioLoop *loop, int64_t host_time)
{
  if (host_time >= loop->armed)
    return;
  loop->armed = host_time;
  int64_t at = MAX (host_time, 1); /* 0 would disarm */
  struct itimerspec spec = {
    .it_value = { .tv_sec = at / 1000000000, .tv_nsec = at % 1000000000 },
  };
  timerfd_settime (loop->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static int64_t
queue_due_locked (TimerQueue *queue)
{
  if (!queue->heap->len)
    return INT64_MAX;
  return dio_clock_to_host (queue->clock, heap_at (queue, 1)->deadline);
}

static void
arm_all_locked (DioLoop *loop)
{
  for (unsigned i = 0; i < loop->timer_queues->len; i++)
    arm_locked (loop, queue_due_locked (g_ptr_array_index (loop->timer_queues, i)));
}

static TimerQueue *
queue_of_locked (DioLoop *loop, DioClock *clock)
{
  for (unsigned i = 0; i < loop->timer_queues->len; i++) {
    TimerQueue *queue = g_ptr_array_index (loop->timer_queues, i);
    if (queue->clock == clock)
      return queue;
  }
  TimerQueue *queue = g_new0 (TimerQueue, 1);
  queue->clock = clock;
  queue->heap = g_ptr_array_new ();
  g_ptr_array_add (loop->timer_queues, queue);
  return queue;
}

DioTimer *
dio_timer_new (DioLoop *loop, DioClock *clock, DioLoopFunc func, void *data)
{
  DioTimer *timer = g_new0 (DioTimer, 1);
  timer->loop = loop;
  timer->func = func;
  timer->data = data;
  pthread_mutex_lock (&loop->lock);
  timer->queue = queue_of_locked (loop, clock);
  timer->queue->users++;
  pthread_mutex_unlock (&loop->lock);
  return timer;
}

void
dio_timer_set (DioTimer *timer, int64_t deadline_ns)
{
  DioLoop *loop = timer->loop;
  TimerQueue *queue = timer->queue;
  pthread_mutex_lock (&loop->lock);
  if (!timer->position) {
    g_ptr_array_add (queue->heap, timer);
    timer->position = queue->heap->len;
  }
  timer->deadline = deadline_ns;
  heap_settle (queue, timer->position, timer);
  if (timer->position == 1)
    arm_locked (loop, dio_clock_to_host (queue->clock, deadline_ns));
  pthread_mutex_unlock (&loop->lock);
}

void
dio_timer_cancel (DioTimer *timer)
{
  pthread_mutex_lock (&timer->loop->lock);
  heap_remove (timer->queue, timer);
  pthread_mutex_unlock (&timer->loop->lock);
}

void
dio_timer_free (DioTimer *timer)
{
  if (!timer)
    return;

  DioLoop *loop = timer->loop;
  TimerQueue *queue = timer->queue;
  pthread_mutex_lock (&loop->lock);
  settle_locked (loop, timer);
  heap_remove (queue, timer); /* after settling: the callback may have set it again */
  if (loop->running == timer)
    loop->running = NULL;
  if (--queue->users == 0) {
    g_ptr_array_unref (queue->heap);
    g_ptr_array_remove_fast (loop->timer_queues, queue);
    g_free (queue);
  }
  pthread_mutex_unlock (&loop->lock);
  g_free (timer);
}

/* A timer that is due, taken off its heap, or NULL. */
static DioTimer *
take_due_locked (DioLoop *loop)
{
  for (unsigned i = 0; i < loop->timer_queues->len; i++) {
    TimerQueue *queue = g_ptr_array_index (loop->timer_queues, i);
    if (!queue->heap->len || !dio_clock_is_running (queue->clock))
      continue;
    DioTimer *timer = heap_at (queue, 1);
    if (timer->deadline <= dio_clock_now (queue->clock)) {
      heap_remove (queue, timer);
      return timer;
    }
  }
  return NULL;
}

static void
run_timers (DioLoop *loop)
{
  pthread_mutex_lock (&loop->lock);
  for (unsigned i = 0; i < TIMERS_PER_ROUND; i++) {
    DioTimer *timer = take_due_locked (loop);
    if (!timer)
      break;
    begin_locked (loop, timer);
    timer->func (timer->data);
    finish_lock (loop);
  }
  pthread_mutex_unlock (&loop->lock);
}

void
dio_loop_clock_changed (DioLoop *loop)
{
  pthread_mutex_lock (&loop->lock);
  arm_all_locked (loop);
  pthread_mutex_unlock (&loop->lock);
}

/* ---- File descriptors ---- */

/* Brings epoll in line with watch->events; false with errno set. */
static bool
apply_events_locked (DioLoopFd *watch)
{
  DioLoop *loop = watch->loop;
  struct epoll_event event = { .events = watch->events, .data.ptr = watch };
  int operation;
  if (watch->always_ready)
    return true;
  if (!watch->events && !watch->in_epoll)
    return true;
  if (!watch->events)
    operation = EPOLL_CTL_DEL; /* else EPOLLHUP would be reported again and again */
  else
    operation = watch->in_epoll ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

  if (epoll_ctl (loop->epoll_fd, operation, watch->fd, &event) == 0) {
    watch->in_epoll = operation != EPOLL_CTL_DEL;
    return true;
  }
  if (errno != EPERM || operation != EPOLL_CTL_ADD)
    return false;
  watch->always_ready = true;
  watch->next = loop->always_ready;
  loop->always_ready = watch;
  return true;
}

DioLoopFd *
dio_loop_fd_new (DioLoop *loop, int fd, uint32_t epoll_events, DioLoopFdFunc func, void *data)
{
  DioLoopFd *watch = g_new0 (DioLoopFd, 1);
  watch->loop = loop;
  watch->fd = fd;
  watch->events = epoll_events;
  watch->func = func;
  watch->data = data;

  pthread_mutex_lock (&loop->lock);
  bool added = apply_events_locked (watch);
  int saved_errno = errno;
  bool look = watch->always_ready;
  pthread_mutex_unlock (&loop->lock);
  if (!added) {
    g_free (watch);
    errno = saved_errno;
    return NULL;
  }
  if (look)
    wake (loop);
  return watch;
}

void
dio_loop_fd_set_events (DioLoopFd *watch, uint32_t epoll_events)
{
  pthread_mutex_lock (&watch->loop->lock);
  watch->events = epoll_events;
  if (!apply_events_locked (watch))
    g_warning ("Watching a file descriptor failed: %s", g_strerror (errno));
  bool look = watch->always_ready && epoll_events;
  pthread_mutex_unlock (&watch->loop->lock);
  if (look)
    wake (watch->loop);
}

void
dio_loop_fd_free (DioLoopFd *watch)
{
  if (!watch)
    return;

  DioLoop *loop = watch->loop;
  pthread_mutex_lock (&loop->lock);
  settle_locked (loop, watch);
  if (loop->running == watch)
    loop->running = NULL;
  watch->dead = true;
  watch->events = 0;
  apply_events_locked (watch);
  if (watch->always_ready)
    for (DioLoopFd **link = &loop->always_ready; *link; link = &(*link)->next)
      if (*link == watch) {
        *link = watch->next;
        break;
      }
  watch->next = loop->dead_fds;
  loop->dead_fds = watch;
  pthread_mutex_unlock (&loop->lock);
}

static void
run_fd (DioLoop *loop, DioLoopFd *watch, uint32_t events)
{
  pthread_mutex_lock (&loop->lock);
  /* Errors and hang-ups count as asked for, as long as anything is. */
  events &= watch->events | EPOLLERR | EPOLLHUP;
  if (!watch->dead && watch->events && events) {
    begin_locked (loop, watch);
    watch->func (watch->fd, events, watch->data);
    finish_lock (loop);
  }
  pthread_mutex_unlock (&loop->lock);
}

/* Files that are always ready get one turn each per round. */
static void
run_always_ready (DioLoop *loop)
{
  DioLoopFd *turns[EVENTS_PER_ROUND];
  unsigned count = 0;
  pthread_mutex_lock (&loop->lock);
  for (DioLoopFd *watch = loop->always_ready; watch && count < G_N_ELEMENTS (turns);
       watch = watch->next)
    if (watch->events)
      turns[count++] = watch;
  pthread_mutex_unlock (&loop->lock);
  for (unsigned i = 0; i < count; i++)
    run_fd (loop, turns[i], EPOLLIN | EPOLLOUT);
}

/* Nobody can refer to them between two rounds. */
static void
release_dead_fds_locked (DioLoop *loop)
{
  while (loop->dead_fds) {
    DioLoopFd *dead = loop->dead_fds;
    loop->dead_fds = dead->next;
    g_free (dead);
  }
}

/* ---- The thread ---- */

/* 0: something waits already; -1: sleep. False when the loop shall end. */
static bool
prepare_round (DioLoop *loop, int *timeout)
{
  pthread_mutex_lock (&loop->lock);
  release_dead_fds_locked (loop);
  arm_all_locked (loop);
  bool ready = loop->posted || atomic_load (&loop->signalled);
  for (DioLoopFd *watch = loop->always_ready; watch && !ready; watch = watch->next)
    ready = watch->events != 0;
  *timeout = ready ? 0 : -1;
  bool go_on = !loop->quit || loop->posted;
  pthread_mutex_unlock (&loop->lock);
  return go_on;
}

static void *
loop_thread (void *data)
{
  DioLoop *loop = data;
  struct epoll_event events[EVENTS_PER_ROUND];
  int timeout;

  /* dio_loop_new() holds the lock until loop->thread is set. */
  while (prepare_round (loop, &timeout)) {
    int count = epoll_wait (loop->epoll_fd, events, G_N_ELEMENTS (events), timeout);
    atomic_store (&loop->woken, false);

    bool timer_fired = false;
    for (int i = 0; i < count; i++)
      timer_fired |= events[i].data.ptr == &loop->timer_fd;
    if (timer_fired) {
      pthread_mutex_lock (&loop->lock);
      loop->armed = INT64_MAX;
      pthread_mutex_unlock (&loop->lock);
    }
    /* Taken first and run last: what was signalled before a function was posted runs before it. */
    Posted *posted = take_posted (loop);
    run_timers (loop);
    run_signalled (loop);
    for (int i = 0; i < count; i++)
      if (events[i].data.ptr != &loop->timer_fd && events[i].data.ptr != &loop->event_fd)
        run_fd (loop, events[i].data.ptr, events[i].events);
    run_always_ready (loop);
    run_posted (posted);
  }
  return NULL;
}

static bool
open_fds (DioLoop *loop, GError **error)
{
  loop->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  loop->event_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  loop->timer_fd = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.ptr = &loop->event_fd };
  struct epoll_event timer = { .events = EPOLLIN | EPOLLET, .data.ptr = &loop->timer_fd };
  if (loop->epoll_fd < 0 || loop->event_fd < 0 || loop->timer_fd < 0
      || epoll_ctl (loop->epoll_fd, EPOLL_CTL_ADD, loop->event_fd, &event) < 0
      || epoll_ctl (loop->epoll_fd, EPOLL_CTL_ADD, loop->timer_fd, &timer) < 0) {
    dio_set_error_errno (error, errno, _ ("The machine's event loop could not be made"));
    return false;
  }
  return true;
}

static void
release (DioLoop *loop)
{
  const int fds[] = { loop->epoll_fd, loop->event_fd, loop->timer_fd };
  for (size_t i = 0; i < G_N_ELEMENTS (fds); i++)
    if (fds[i] >= 0)
      close (fds[i]);
  g_ptr_array_unref (loop->timer_queues);
  pthread_cond_destroy (&loop->done);
  pthread_mutex_destroy (&loop->lock);
  g_free (loop);
}

DioLoop *
dio_loop_new (const char *name, GError **error)
{
  DioLoop *loop = g_new0 (DioLoop, 1);
  loop->epoll_fd = loop->event_fd = loop->timer_fd = -1;
  loop->posted_tail = &loop->posted;
  loop->timer_queues = g_ptr_array_new ();
  loop->armed = INT64_MAX;
  pthread_mutex_init (&loop->lock, NULL);
  pthread_cond_init (&loop->done, NULL);

  bool started = false;
  if (open_fds (loop, error)) {
    pthread_mutex_lock (&loop->lock);
    started = dio_thread_start (&loop->thread, name, loop_thread, loop, error);
    pthread_mutex_unlock (&loop->lock);
  }
  if (!started) {
    release (loop);
    return NULL;
  }
  return loop;
}

void
dio_loop_free (DioLoop *loop)
{
  if (!loop)
    return;
  g_return_if_fail (!dio_loop_is_current (loop));

  pthread_mutex_lock (&loop->lock);
  loop->quit = true;
  pthread_mutex_unlock (&loop->lock);
  wake (loop);
  pthread_join (loop->thread, NULL);

  run_signalled (loop); /* releases notifiers that were freed while pending */
  if (loop->timer_queues->len)
    g_warning ("An event loop is freed before its timers");
  release_dead_fds_locked (loop);
  release (loop);
}
