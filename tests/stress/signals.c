/* SPDX-License-Identifier: GPL-3.0-or-later
 * Stress by signals: queued ones between threads, none of which may be lost or come out of order;
 * and handlers that compute, under a thread that computes too. */
#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/stress/stress.h"

/* ---- Queued signals between two threads ---- */

typedef struct {
  int number; /* the signal it waits for */
  unsigned count;
  _Atomic (pthread_t) self;
  _Atomic bool ready;
} Receiver;

static void *
receive (void *data)
{
  Receiver *receiver = data;
  sigset_t mask;
  siginfo_t info;
  sigemptyset (&mask);
  sigaddset (&mask, receiver->number);
  atomic_store (&receiver->self, pthread_self ());
  atomic_store (&receiver->ready, true);
  for (unsigned i = 0; i < receiver->count; i++) {
    while (sigwaitinfo (&mask, &info) < 0)
      if (errno != EINTR)
        stress_fail ("sigwaitinfo");
    if ((unsigned) info.si_value.sival_int != i)
      stress_differ ("signal %u came as number %d", i, info.si_value.sival_int);
  }
  stress_count (STRESS_SIGNALS, receiver->count);
  return NULL;
}

static void
send_all (Receiver *receiver)
{
  while (!atomic_load (&receiver->ready))
    sched_yield ();
  for (unsigned i = 0; i < receiver->count; i++)
    while (pthread_sigqueue (atomic_load (&receiver->self), receiver->number,
                             (union sigval){ .sival_int = (int) i })
           != 0)
      sched_yield (); /* the queue is full */
}

static void
exchange_queued (unsigned count)
{
  Receiver receivers[2] = { { .number = SIGRTMIN + 1, .count = count },
                            { .number = SIGRTMIN + 2, .count = count } };
  pthread_t threads[2];
  for (int i = 0; i < 2; i++)
    if (pthread_create (&threads[i], NULL, receive, &receivers[i]) != 0)
      stress_fail ("pthread_create");
  for (int i = 0; i < 2; i++)
    send_all (&receivers[i]);
  for (int i = 0; i < 2; i++)
    pthread_join (threads[i], NULL);
}

/* ---- Handlers that compute ---- */

static _Atomic uint64_t handled;

static void
compute_cb (int number)
{
  int error = errno;
  fesetround (FE_UPWARD);
  feraiseexcept (FE_DIVBYZERO);
  volatile double value = 3;
  for (int i = 0; i < 20; i++)
    value = value / 1.1 + 1;
    /* The rest of the registers. */
#ifdef __riscv
  asm volatile("li t0, -1\n li t1, -1\n li t2, -1\n li t3, -1\n li a7, -1\n li a6, -1\n"
               "fmv.d.x ft0, t0\n fmv.d.x ft8, t0\n fmv.d.x fa0, t0\n fmv.d.x fs0, t0\n"
               "fmv.d.x fs1, t0\n li s2, -1\n li s3, -1"
               :
               :
               : "t0", "t1", "t2", "t3", "a7", "a6", "ft0", "ft8", "fa0", "fs0", "fs1", "s2", "s3");
#endif
  atomic_fetch_add (&handled, 1);
  errno = error;
}

typedef struct {
  uint32_t seed;
  unsigned rounds;
  uint64_t sum;
} Computer;

static uint64_t
compute (uint32_t seed, unsigned rounds)
{
  double a = 1 + seed % 7, b = 2;
  uint64_t sum = seed;
  for (unsigned i = 0; i < rounds; i++) {
    a = a * 0.999 + b / 3;
    b = b + a * 1e-3 - 0.01;
    sum = stress_mix (sum, (uint64_t) (int64_t) (a * 1e6) + i);
  }
  return sum;
}

static void *
compute_thread (void *data)
{
  Computer *computer = data;
  fesetround (FE_TONEAREST);
  feclearexcept (FE_ALL_EXCEPT);
  computer->sum = compute (computer->seed, computer->rounds);
  if (fegetround () != FE_TONEAREST || fetestexcept (FE_DIVBYZERO))
    stress_differ ("a handler's rounding mode %d or flags %#x stayed", fegetround (),
                   (unsigned) fetestexcept (FE_ALL_EXCEPT));
  return NULL;
}

static uint64_t
compute_under_signals (uint32_t seed, unsigned signals)
{
  struct sigaction action = { .sa_handler = compute_cb, .sa_flags = SA_RESTART };
  unsigned rounds = signals * 200;
  Computer computers[2] = { { .seed = seed, .rounds = rounds },
                            { .seed = seed + 1, .rounds = rounds } };
  pthread_t threads[2];
  sigaction (SIGUSR1, &action, NULL);
  atomic_store (&handled, 0);
  for (int i = 0; i < 2; i++)
    if (pthread_create (&threads[i], NULL, compute_thread, &computers[i]) != 0)
      stress_fail ("pthread_create");
  for (unsigned i = 0; i < signals; i++) {
    pthread_kill (threads[i % 2], SIGUSR1);
    if (i % 16 == 15)
      usleep (100);
  }
  for (int i = 0; i < 2; i++) {
    pthread_join (threads[i], NULL);
    if (computers[i].sum != compute (computers[i].seed, rounds))
      stress_differ ("a computation was disturbed by signals");
  }
  stress_count (STRESS_SIGNALS, atomic_load (&handled));
  return computers[0].sum;
}

uint64_t
stress_signals (uint32_t seed)
{
  sigset_t mask;
  sigemptyset (&mask);
  sigaddset (&mask, SIGRTMIN + 1);
  sigaddset (&mask, SIGRTMIN + 2);
  pthread_sigmask (SIG_BLOCK, &mask, NULL);
  exchange_queued (stress_times (3000));
  return compute_under_signals (seed, stress_times (3000));
}
