/* SPDX-License-Identifier: GPL-3.0-or-later
 * Stress by timers of all kinds. How late one may be depends on the host, so that is only counted;
 * none may be early, or miss an expiration. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tests/stress/stress.h"

static void
note_wait (const char *what, int64_t since, int64_t wanted)
{
  int64_t late = stress_now () - since - wanted;
  stress_count (STRESS_TIMERS, 1);
  if (late < 0)
    stress_differ ("%s ended %lld ns early", what, (long long) -late);
  else
    stress_worst (STRESS_WORST, (uint64_t) late);
  if (late > STRESS_LATE_NS)
    stress_count (STRESS_LATE, 1);
}

static void
sleep_some (uint32_t *seed)
{
  int64_t wanted = stress_random (seed) % 20000000;
  struct timespec time = { .tv_nsec = wanted };
  int64_t start = stress_now ();
  while (nanosleep (&time, &time) != 0 && errno == EINTR)
    ;
  note_wait ("nanosleep", start, wanted);
}

static void
poll_some (uint32_t *seed)
{
  int milliseconds = (int) (stress_random (seed) % 15);
  int64_t start = stress_now ();
  if (poll (NULL, 0, milliseconds) == 0)
    note_wait ("poll", start, (int64_t) milliseconds * 1000000);
}

/* All expirations of a period are told, however late they are read. */
static void
count_expirations (uint32_t *seed)
{
  int64_t period = 1000000 + stress_random (seed) % 3000000;
  struct timespec time = { .tv_nsec = period };
  int timer = timerfd_create (CLOCK_MONOTONIC, 0);
  uint64_t expired = 0, more;
  if (timer < 0)
    stress_fail ("timerfd_create");
  int64_t before = stress_now ();
  timerfd_settime (timer, 0, &(struct itimerspec){ time, time }, NULL);
  int64_t after = stress_now ();
  for (int i = 0; i < 10; i++) {
    int64_t least = (stress_now () - after) / period;
    if (read (timer, &more, sizeof more) != sizeof more)
      stress_fail ("timerfd");
    expired += more;
    if ((int64_t) expired < least)
      stress_differ ("timerfd: %llu expirations, not %lld", (unsigned long long) expired,
                     (long long) least);
    note_wait ("timerfd", before, (int64_t) expired * period);
  }
  close (timer);
}

static volatile sig_atomic_t alarms;

static void
alarm_cb (int number)
{
  alarms++;
}

static void
wait_for_alarms (uint32_t *seed)
{
  int64_t period = 2000000 + stress_random (seed) % 2000000;
  struct timeval time = { .tv_usec = period / 1000 };
  sigset_t mask, old;
  struct sigaction action = { .sa_handler = alarm_cb };
  sigaction (SIGALRM, &action, NULL);
  sigemptyset (&mask);
  sigaddset (&mask, SIGALRM);
  sigprocmask (SIG_BLOCK, &mask, &old);
  alarms = 0;
  int64_t start = stress_now ();
  setitimer (ITIMER_REAL, &(struct itimerval){ time, time }, NULL);
  for (int i = 1; i <= 10; i++) {
    while (alarms < i)
      sigsuspend (&old);
    /* Alarms of a periodic timer that is late become one. Another may have expired since this one
     * was taken; the one after that comes when it would have without it. */
    note_wait ("setitimer", start, (int64_t) i * time.tv_usec * 1000);
    if (stress_now () - start > (i + 1) * period)
      start = stress_now () - (i + 2) * period;
  }
  setitimer (ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
  sigprocmask (SIG_SETMASK, &old, NULL);
}

uint64_t
stress_timers (uint32_t seed)
{
  for (unsigned left = stress_times (10); left; left--) {
    for (int i = 0; i < 10; i++)
      sleep_some (&seed);
    for (int i = 0; i < 5; i++)
      poll_some (&seed);
    count_expirations (&seed);
    wait_for_alarms (&seed);
  }
  return 0;
}
