/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of the event loop: order, coalescing, timers on virtual time, and what may be freed when.
 */
#include "core/base/base-loop.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MS INT64_C (1000000)

static DioLoop *
new_loop (void)
{
  g_autoptr (GError) error = NULL;
  DioLoop *loop = dio_loop_new ("a name longer than fifteen bytes", &error);
  g_assert_no_error (error);
  return loop;
}

/* Waits up to ten seconds until *@value is at least @least. */
static void
wait_for (_Atomic unsigned *value, unsigned least)
{
  for (unsigned i = 0; i < 100000 && atomic_load (value) < least; i++)
    g_usleep (100);
  g_assert_cmpuint (atomic_load (value), >=, least);
}

static void
nothing (void *data)
{
}

static void
count (void *data)
{
  atomic_fetch_add ((_Atomic unsigned *) data, 1);
}

/* ---- Posting ---- */

typedef struct {
  DioLoop *loop;
  unsigned next[4];
  _Atomic unsigned ran;
} Order;

typedef struct {
  Order *order;
  unsigned thread, number;
} Item;

static void
check_order (void *data)
{
  Item *item = data;
  g_assert_true (dio_loop_is_current (item->order->loop));
  g_assert_cmpuint (item->order->next[item->thread]++, ==, item->number);
  atomic_fetch_add (&item->order->ran, 1);
  g_free (item);
}

static void *
post_in_order (void *data)
{
  Item *first = data;
  for (unsigned i = 0; i < 5000; i++) {
    Item *item = g_new (Item, 1);
    *item = (Item){ first->order, first->thread, i };
    dio_loop_post (first->order->loop, check_order, item);
  }
  return NULL;
}

static void
test_post_order (void)
{
  Order order = { .loop = new_loop () };
  pthread_t threads[4];
  Item firsts[4];
  for (unsigned i = 0; i < 4; i++) {
    firsts[i] = (Item){ &order, i, 0 };
    pthread_create (&threads[i], NULL, post_in_order, &firsts[i]);
  }
  for (unsigned i = 0; i < 4; i++)
    pthread_join (threads[i], NULL);
  dio_loop_free (order.loop); /* runs the rest */
  g_assert_cmpuint (order.ran, ==, 4 * 5000);
}

typedef struct {
  DioLoop *loop;
  unsigned depth;
} Nested;

static void
call_nested (void *data)
{
  Nested *nested = data;
  if (nested->depth++ < 3)
    dio_loop_call (nested->loop, call_nested, nested);
}

static void
test_call (void)
{
  Nested nested = { .loop = new_loop () };
  g_assert_false (dio_loop_is_current (nested.loop));
  dio_loop_call (nested.loop, call_nested, &nested);
  g_assert_cmpuint (nested.depth, ==, 4);
  for (unsigned i = 0; i < 5000; i++) {
    unsigned before = nested.depth;
    dio_loop_call (nested.loop, call_nested, &nested);
    g_assert_cmpuint (nested.depth, ==, before + 1);
  }
  dio_loop_free (nested.loop);
}

/* ---- Notifiers ---- */

typedef struct {
  DioNotifier *notifier;
  _Atomic unsigned produced;
  unsigned consumed;
  _Atomic unsigned runs;
} Stream;

static void
consume (void *data)
{
  Stream *stream = data;
  stream->consumed = atomic_load_explicit (&stream->produced, memory_order_relaxed);
  atomic_fetch_add (&stream->runs, 1);
}

static void *
produce (void *data)
{
  Stream *stream = data;
  for (unsigned i = 0; i < 100000; i++) {
    atomic_fetch_add_explicit (&stream->produced, 1, memory_order_relaxed);
    dio_notifier_signal (stream->notifier);
  }
  return NULL;
}

/* No signal is lost: the last run has seen all that was produced before the last signal. */
static void
test_notifier_stress (void)
{
  DioLoop *loop = new_loop ();
  Stream stream = { 0 };
  stream.notifier = dio_notifier_new (loop, consume, &stream);
  pthread_t threads[2];
  for (unsigned i = 0; i < 2; i++)
    pthread_create (&threads[i], NULL, produce, &stream);
  for (unsigned i = 0; i < 2; i++)
    pthread_join (threads[i], NULL);
  dio_loop_call (loop, nothing, NULL);
  g_assert_cmpuint (stream.consumed, ==, 200000);
  g_assert_cmpuint (stream.runs, <=, 200000);

  /* A function that is posted after a signal runs after its callback. */
  for (unsigned i = 0; i < 20000; i++) {
    atomic_fetch_add (&stream.produced, 1);
    dio_notifier_signal (stream.notifier);
    dio_loop_call (loop, nothing, NULL);
    g_assert_cmpuint (stream.consumed, ==, 200001 + i);
  }
  dio_notifier_free (stream.notifier);
  dio_loop_free (loop);
}

static void
block_on (void *data)
{
  pthread_mutex_lock (data);
  pthread_mutex_unlock (data);
}

typedef struct {
  pthread_mutex_t lock;
  _Atomic unsigned entered;
} Gate;

static void
enter_gate (void *data)
{
  Gate *gate = data;
  atomic_fetch_add (&gate->entered, 1);
  block_on (&gate->lock);
}

/* Holds the loop's thread until the gate's lock is given back. */
static void
close_gate (Gate *gate, DioLoop *loop)
{
  unsigned before = gate->entered;
  pthread_mutex_lock (&gate->lock);
  dio_loop_post (loop, enter_gate, gate);
  wait_for (&gate->entered, before + 1);
}

static void
test_notifier_coalesces (void)
{
  DioLoop *loop = new_loop ();
  _Atomic unsigned runs = 0;
  Gate gate = { .lock = PTHREAD_MUTEX_INITIALIZER };
  DioNotifier *notifier = dio_notifier_new (loop, count, (void *) &runs);
  close_gate (&gate, loop);
  for (unsigned i = 0; i < 1000; i++)
    dio_notifier_signal (notifier);
  pthread_mutex_unlock (&gate.lock);
  dio_loop_call (loop, nothing, NULL);
  g_assert_cmpuint (runs, ==, 1);

  /* Freed while pending: it never runs. */
  close_gate (&gate, loop);
  dio_notifier_signal (notifier);
  dio_notifier_free (notifier);
  pthread_mutex_unlock (&gate.lock);
  dio_loop_call (loop, nothing, NULL);
  g_assert_cmpuint (runs, ==, 1);
  dio_loop_free (loop);
}

typedef struct {
  DioNotifier *notifier;
  DioTimer *timer;
  DioLoopFd *watch;
  _Atomic unsigned freed;
} Suicide;

static void
free_notifier_inside (void *data)
{
  Suicide *s = data;
  dio_notifier_signal (s->notifier);
  dio_notifier_free (s->notifier);
  atomic_fetch_add (&s->freed, 1);
}

static void
free_timer_inside (void *data)
{
  Suicide *s = data;
  dio_timer_set (s->timer, 0);
  dio_timer_free (s->timer);
  atomic_fetch_add (&s->freed, 1);
}

static void
free_watch_inside (int fd, uint32_t events, void *data)
{
  Suicide *s = data;
  dio_loop_fd_free (s->watch);
  atomic_fetch_add (&s->freed, 1);
}

static void
test_free_inside (void)
{
  DioLoop *loop = new_loop ();
  DioClock *clock = dio_clock_new ();
  Suicide s = { 0 };
  int ends[2];
  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  g_assert_cmpint (write (ends[1], "x", 1), ==, 1);
  dio_clock_start (clock);

  s.notifier = dio_notifier_new (loop, free_notifier_inside, &s);
  dio_notifier_signal (s.notifier);
  wait_for (&s.freed, 1);
  s.timer = dio_timer_new (loop, clock, free_timer_inside, &s);
  dio_timer_set (s.timer, 0);
  wait_for (&s.freed, 2);
  pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock (&gate); /* s.watch is set before the callback can run */
  dio_loop_post (loop, block_on, &gate);
  s.watch = dio_loop_fd_new (loop, ends[0], EPOLLIN, free_watch_inside, &s);
  pthread_mutex_unlock (&gate);
  wait_for (&s.freed, 3);

  dio_loop_call (loop, nothing, NULL);
  dio_loop_free (loop);
  dio_clock_free (clock);
  g_assert_cmpuint (s.freed, ==, 3);
  close (ends[0]);
  close (ends[1]);
}

/* ---- Timers ---- */

typedef struct {
  DioClock *clock;
  int64_t fired_at[64];
  unsigned order[64];
  _Atomic unsigned fired;
} TimerLog;

typedef struct {
  TimerLog *log;
  unsigned number;
  DioTimer *timer;
} Alarm;

static void
log_alarm (void *data)
{
  Alarm *alarm = data;
  unsigned index = atomic_load (&alarm->log->fired);
  g_assert_cmpuint (index, <, 64);
  alarm->log->fired_at[index] = dio_clock_now (alarm->log->clock);
  alarm->log->order[index] = alarm->number;
  atomic_fetch_add (&alarm->log->fired, 1);
}

static void
test_timer_order (void)
{
  DioLoop *loop = new_loop ();
  TimerLog log = { .clock = dio_clock_new () };
  Alarm alarms[40];
  /* 7 and 40 have no common factor: every slot once, in no order. */
  for (unsigned i = 0; i < 40; i++) {
    alarms[i] = (Alarm){ &log, i, NULL };
    alarms[i].timer = dio_timer_new (loop, log.clock, log_alarm, &alarms[i]);
    dio_timer_set (alarms[i].timer, (5 + (i * 7) % 40) * MS / 2);
  }
  dio_timer_cancel (alarms[3].timer);
  dio_timer_set (alarms[4].timer, 1 * MS / 4);
  g_usleep (5000);
  g_assert_cmpuint (log.fired, ==, 0); /* the clock does not run yet */

  dio_clock_start (log.clock);
  dio_loop_clock_changed (loop);
  wait_for (&log.fired, 39);
  g_usleep (2000);
  g_assert_cmpuint (log.fired, ==, 39);
  g_assert_cmpuint (log.order[0], ==, 4);
  int64_t before = 0;
  for (unsigned i = 1; i < 39; i++) {
    int64_t due = (5 + (log.order[i] * 7) % 40) * MS / 2;
    g_assert_cmpuint (log.order[i], !=, 3);
    g_assert_cmpint (due, >, before);
    g_assert_cmpint (log.fired_at[i], >=, due);
    before = due;
  }
  for (unsigned i = 0; i < 40; i++)
    dio_timer_free (alarms[i].timer);
  dio_loop_free (loop);
  dio_clock_free (log.clock);
}

static void
test_timer_paused (void)
{
  DioLoop *loop = new_loop ();
  TimerLog log = { .clock = dio_clock_new () };
  Alarm alarm = { &log, 0, NULL };
  alarm.timer = dio_timer_new (loop, log.clock, log_alarm, &alarm);
  dio_clock_start (log.clock);
  dio_timer_set (alarm.timer, dio_clock_now (log.clock) + 10 * MS);
  dio_clock_stop (log.clock);
  g_usleep (30000);
  g_assert_cmpuint (log.fired, ==, 0);
  int64_t stopped = dio_clock_now (log.clock);
  dio_clock_start (log.clock);
  dio_loop_clock_changed (loop);
  wait_for (&log.fired, 1);
  g_assert_cmpint (log.fired_at[0], >=, stopped);

  /* A jump of the clock makes what lies behind due. */
  dio_timer_set (alarm.timer, dio_clock_now (log.clock) + 3600 * 1000 * MS);
  dio_clock_set (log.clock, dio_clock_now (log.clock) + 7200 * 1000 * MS);
  dio_loop_clock_changed (loop);
  wait_for (&log.fired, 2);
  dio_timer_set (alarm.timer, INT64_MAX);
  dio_timer_set (alarm.timer, INT64_MIN);
  wait_for (&log.fired, 3);
  dio_timer_free (alarm.timer);
  dio_loop_free (loop);
  dio_clock_free (log.clock);
}

typedef struct {
  DioTimer *timer;
  _Atomic unsigned runs;
} Restless;

static void
always_late (void *data)
{
  Restless *restless = data;
  atomic_fetch_add (&restless->runs, 1);
  dio_timer_set (restless->timer, 0);
}

/* A timer that is always late starves nobody. */
static void
test_timer_late (void)
{
  DioLoop *loop = new_loop ();
  DioClock *clock = dio_clock_new ();
  dio_clock_start (clock);
  Restless restless = { 0 };
  restless.timer = dio_timer_new (loop, clock, always_late, &restless);
  dio_timer_set (restless.timer, 0);
  for (unsigned i = 0; i < 100; i++)
    dio_loop_call (loop, nothing, NULL);
  wait_for (&restless.runs, 100);
  dio_timer_free (restless.timer);
  dio_loop_free (loop);
  dio_clock_free (clock);
}

typedef struct {
  DioLoop *loop;
  DioClock *clock;
  _Atomic bool stop;
  bool alive; /* not atomic on purpose: ThreadSanitizer watches it */
} Churn;

static void
touch (void *data)
{
  Churn *churn = data;
  g_assert_true (churn->alive);
}

static void
touch_fd (int fd, uint32_t events, void *data)
{
  char byte;
  touch (data);
  (void) !read (fd, &byte, 1);
}

static void *
churn_thread (void *data)
{
  Churn shared = *(Churn *) data;
  int ends[2];
  g_assert_cmpint (pipe2 (ends, O_CLOEXEC | O_NONBLOCK), ==, 0);
  for (unsigned i = 0; i < 3000; i++) {
    Churn *churn = g_new (Churn, 1);
    churn->alive = true;
    DioTimer *timer = dio_timer_new (shared.loop, shared.clock, touch, churn);
    DioNotifier *notifier = dio_notifier_new (shared.loop, touch, churn);
    DioLoopFd *watch = dio_loop_fd_new (shared.loop, ends[0], EPOLLIN, touch_fd, churn);
    dio_timer_set (timer, dio_clock_now (shared.clock) + i % 50 * 1000);
    dio_notifier_signal (notifier);
    (void) !write (ends[1], "x", 1);
    if (i % 3 == 0)
      g_usleep (i % 40);
    dio_timer_free (timer);
    dio_notifier_free (notifier);
    dio_loop_fd_free (watch);
    churn->alive = false; /* nobody may look any more */
    g_free (churn);
  }
  close (ends[0]);
  close (ends[1]);
  return NULL;
}

/* After free returns no callback is entered, whatever the threads do. */
static void
test_free_storm (void)
{
  Churn shared = { .loop = new_loop (), .clock = dio_clock_new () };
  dio_clock_start (shared.clock);
  pthread_t threads[3];
  for (unsigned i = 0; i < 3; i++)
    pthread_create (&threads[i], NULL, churn_thread, &shared);
  for (unsigned i = 0; i < 3; i++)
    pthread_join (threads[i], NULL);
  dio_loop_free (shared.loop);
  dio_clock_free (shared.clock);
}

/* ---- File descriptors ---- */

typedef struct {
  GString *text;
  _Atomic unsigned bytes;
  _Atomic unsigned hangups;
  DioLoopFd *watch;
} Reader;

static void
read_some (int fd, uint32_t events, void *data)
{
  Reader *reader = data;
  char buffer[16];
  ssize_t length = read (fd, buffer, sizeof buffer);
  if (length > 0) {
    g_string_append_len (reader->text, buffer, length);
    atomic_fetch_add (&reader->bytes, (unsigned) length);
  } else {
    dio_loop_fd_set_events (reader->watch, 0);
    atomic_fetch_add (&reader->hangups, 1);
  }
}

static void
test_fd (void)
{
  DioLoop *loop = new_loop ();
  Reader reader = { .text = g_string_new (NULL) };
  int ends[2];
  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  reader.watch = dio_loop_fd_new (loop, ends[0], 0, read_some, &reader);
  g_assert_cmpint (write (ends[1], "hello", 5), ==, 5);
  g_usleep (3000);
  g_assert_cmpuint (reader.bytes, ==, 0);
  dio_loop_fd_set_events (reader.watch, EPOLLIN);
  wait_for (&reader.bytes, 5);
  g_assert_cmpstr (reader.text->str, ==, "hello");
  close (ends[1]);
  wait_for (&reader.hangups, 1);
  g_usleep (3000);
  g_assert_cmpuint (reader.hangups, ==, 1); /* no storm of EPOLLHUP */
  dio_loop_fd_free (reader.watch);
  g_assert_null (dio_loop_fd_new (loop, 1000000, EPOLLIN, read_some, &reader));
  dio_loop_free (loop);
  close (ends[0]);
  g_string_free (reader.text, TRUE);
}

/* epoll does not take regular files; the loop does. */
static void
test_fd_regular_file (void)
{
  DioLoop *loop = new_loop ();
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("dio-loop-XXXXXX", &path, NULL);
  g_assert_cmpint (write (fd, "abcdefghijklmnopqrstuvwxyz", 26), ==, 26);
  lseek (fd, 0, SEEK_SET);
  Reader reader = { .text = g_string_new (NULL) };
  pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock (&gate);
  dio_loop_post (loop, block_on, &gate);
  reader.watch = dio_loop_fd_new (loop, fd, EPOLLIN, read_some, &reader);
  pthread_mutex_unlock (&gate);
  wait_for (&reader.hangups, 1);
  g_assert_cmpstr (reader.text->str, ==, "abcdefghijklmnopqrstuvwxyz");
  dio_loop_fd_free (reader.watch);
  dio_loop_free (loop);
  close (fd);
  unlink (path);
  g_string_free (reader.text, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/base/loop/post-order", test_post_order);
  g_test_add_func ("/core/base/loop/call", test_call);
  g_test_add_func ("/core/base/loop/notifier-stress", test_notifier_stress);
  g_test_add_func ("/core/base/loop/notifier-coalesces", test_notifier_coalesces);
  g_test_add_func ("/core/base/loop/free-inside", test_free_inside);
  g_test_add_func ("/core/base/loop/timer-order", test_timer_order);
  g_test_add_func ("/core/base/loop/timer-paused", test_timer_paused);
  g_test_add_func ("/core/base/loop/timer-late", test_timer_late);
  g_test_add_func ("/core/base/loop/free-storm", test_free_storm);
  g_test_add_func ("/core/base/loop/fd", test_fd);
  g_test_add_func ("/core/base/loop/fd-regular-file", test_fd_regular_file);
  return g_test_run ();
}
