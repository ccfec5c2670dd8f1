/* SPDX-License-Identifier: GPL-3.0-or-later
 * Threads: the same work by one and by two, a mutex that two want, a word that goes to and fro. */
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/bench/linux/suite.h"

typedef struct {
  unsigned first, step, end;
  uint64_t sum;
} Share;

#define NUMBERS 512

/* Shell sort of numbers of its own, on the thread's stack. */
static uint64_t
sort_some (uint32_t seed)
{
  uint32_t numbers[NUMBERS];
  uint64_t sum = 0;
  for (int i = 0; i < NUMBERS; i++)
    numbers[i] = bench_random (&seed);
  for (int gap = NUMBERS / 2; gap; gap /= 2)
    for (int i = gap; i < NUMBERS; i++) {
      uint32_t number = numbers[i];
      int at = i;
      for (; at >= gap && numbers[at - gap] > number; at -= gap)
        numbers[at] = numbers[at - gap];
      numbers[at] = number;
    }
  for (int i = 0; i < NUMBERS; i += 37)
    sum = suite_mix (sum, numbers[i]);
  return sum;
}

/* Rounds first, first + step, ... */
static void *
work_thread (void *data)
{
  Share *share = data;
  for (unsigned round = share->first; round < share->end; round += share->step)
    share->sum += sort_some (round);
  return NULL;
}

static void
start_thread (pthread_t *thread, void *(*start) (void *), void *data)
{
  if (pthread_create (thread, NULL, start, data) != 0)
    suite_fail ("pthread_create");
}

uint64_t
suite_parallel1 (unsigned rounds)
{
  Share share = { 0, 1, rounds, 0 };
  work_thread (&share);
  return share.sum;
}

uint64_t
suite_parallel2 (unsigned rounds)
{
  Share shares[2] = { { 0, 2, rounds, 0 }, { 1, 2, rounds, 0 } };
  pthread_t thread;
  start_thread (&thread, work_thread, &shares[1]);
  work_thread (&shares[0]);
  pthread_join (thread, NULL);
  return shares[0].sum + shares[1].sum;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t protected;

static void *
lock_thread (void *data)
{
  for (unsigned left = *(unsigned *) data; left; left--) {
    pthread_mutex_lock (&mutex);
    protected = protected * 5 + 1;
    pthread_mutex_unlock (&mutex);
  }
  return NULL;
}

uint64_t
suite_mutex (unsigned rounds)
{
  pthread_t thread;
  start_thread (&thread, lock_thread, &rounds);
  lock_thread (&rounds);
  pthread_join (thread, NULL);
  return protected;
}

/* 0 is one thread's turn, 1 the other's. */
static _Atomic uint32_t turn;
static uint64_t passed;

static void
take_turns (unsigned rounds, uint32_t mine)
{
  for (unsigned round = 0; round < rounds; round++) {
    while (atomic_load (&turn) != mine)
      syscall (SYS_futex, &turn, FUTEX_WAIT_PRIVATE, !mine, NULL, NULL, 0);
    passed = suite_mix (passed, mine);
    atomic_store (&turn, !mine);
    syscall (SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
  }
}

static void *
turn_thread (void *data)
{
  take_turns (*(unsigned *) data, 1);
  return NULL;
}

uint64_t
suite_futex (unsigned rounds)
{
  pthread_t thread;
  start_thread (&thread, turn_thread, &rounds);
  take_turns (rounds, 0);
  pthread_join (thread, NULL);
  return passed;
}
