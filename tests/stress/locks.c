/* SPDX-License-Identifier: GPL-3.0-or-later
 * Stress by threads that wait for each other: a mutex, a condition variable, a futex, and atomic
 * operations whose results are known. */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/stress/stress.h"

#define THREADS 4

static void
run_threads (void *(*thread) (void *), void *data[THREADS])
{
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    if (pthread_create (&threads[i], NULL, thread, data[i]) != 0)
      stress_fail ("pthread_create");
  for (int i = 0; i < THREADS; i++)
    pthread_join (threads[i], NULL);
}

/* ---- Waiting ---- */

typedef struct {
  pthread_mutex_t mutex;
  pthread_cond_t cond;
  unsigned rounds, turn; /* whose turn it is to pass the word on, by condition variable */
  uint64_t word, locked;
  _Atomic uint32_t futex; /* the same, by futex */
  uint64_t passed;
} Waiting;

typedef struct {
  void *common;
  unsigned number;
} Member;

static void
wait_by_condition (Waiting *waiting, unsigned number)
{
  pthread_mutex_lock (&waiting->mutex);
  while (waiting->turn != number)
    pthread_cond_wait (&waiting->cond, &waiting->mutex);
  waiting->word = stress_mix (waiting->word, number);
  waiting->turn = (number + 1) % THREADS;
  pthread_cond_broadcast (&waiting->cond);
  pthread_mutex_unlock (&waiting->mutex);
}

static void
wait_by_futex (Waiting *waiting, unsigned number)
{
  uint32_t now;
  while ((now = atomic_load (&waiting->futex)) != number)
    syscall (SYS_futex, &waiting->futex, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
  waiting->passed = stress_mix (waiting->passed, number);
  atomic_store (&waiting->futex, (number + 1) % THREADS);
  syscall (SYS_futex, &waiting->futex, FUTEX_WAKE_PRIVATE, THREADS, NULL, NULL, 0);
}

static void *
wait_thread (void *data)
{
  Member *member = data;
  Waiting *waiting = member->common;
  for (unsigned round = 0; round < waiting->rounds; round++) {
    wait_by_condition (waiting, member->number);
    wait_by_futex (waiting, member->number);
    for (int i = 0; i < 50; i++) {
      pthread_mutex_lock (&waiting->mutex);
      waiting->locked = waiting->locked * 5 + 1;
      pthread_mutex_unlock (&waiting->mutex);
    }
  }
  stress_count (STRESS_WAKES, waiting->rounds);
  return NULL;
}

uint64_t
stress_locks (uint32_t seed)
{
  Waiting waiting = { .mutex = PTHREAD_MUTEX_INITIALIZER,
                      .cond = PTHREAD_COND_INITIALIZER,
                      .rounds = stress_times (800),
                      .locked = seed };
  Member members[THREADS];
  void *data[THREADS];
  uint64_t word = 0, locked = seed;
  for (unsigned i = 0; i < THREADS; i++) {
    members[i] = (Member){ &waiting, i };
    data[i] = &members[i];
  }
  run_threads (wait_thread, data);
  for (unsigned i = 0; i < waiting.rounds * THREADS; i++) {
    word = stress_mix (word, i % THREADS);
    for (int j = 0; j < 50; j++)
      locked = locked * 5 + 1;
  }
  if (waiting.word != word || waiting.passed != word || waiting.locked != locked)
    stress_differ ("words %llx, %llx, %llx, not %llx, %llx, %llx",
                   (unsigned long long) waiting.word, (unsigned long long) waiting.passed,
                   (unsigned long long) waiting.locked, (unsigned long long) word,
                   (unsigned long long) word, (unsigned long long) locked);
  return locked;
}

/* ---- Atomic operations ---- */

typedef struct {
  unsigned rounds;
  _Atomic uint64_t added, exchanged, most, bits; /* AMO; exchanged: compare and exchange, LR/SC */
  _Atomic uint32_t added32;
  _Atomic uint8_t bytes[4]; /* of one word, each thread its own */
  _Atomic uint16_t half;    /* shared */
  _Atomic uint64_t swapped, swap_sum;
  char pad[64];
  _Atomic uint64_t data;
  char pad2[64];
  _Atomic uint64_t flag;
} Atomics;

static void
count_atomically (Atomics *atomics, unsigned number, unsigned round)
{
  uint64_t old = atomic_load_explicit (&atomics->exchanged, memory_order_relaxed);
  atomic_fetch_add (&atomics->added, number + 1);
  atomic_fetch_add_explicit (&atomics->added32, 3, memory_order_relaxed);
  while (!atomic_compare_exchange_weak (&atomics->exchanged, &old, old + number + 1))
    ;
  atomic_fetch_add (&atomics->bytes[number], 1);
  atomic_fetch_add (&atomics->half, 1);
  atomic_fetch_xor (&atomics->bits, UINT64_C (1) << (number * 16 + round % 16));
#ifdef __riscv
  asm volatile("amomaxu.d zero, %1, %0"
               : "+A"(atomics->most)
               : "r"((uint64_t) round * THREADS + number)
               : "memory");
#endif
  /* Every value that goes in comes out once. */
  uint64_t value = (uint64_t) round * THREADS + number + 1;
  atomic_fetch_add (&atomics->swap_sum, atomic_exchange (&atomics->swapped, value));
}

/* Thread 0 writes data and then the flag, plain stores but for their order; who sees the flag sees
 * the data. */
static void
pass_message (Atomics *atomics, unsigned number, unsigned round)
{
  if (number == 0) {
    atomic_store_explicit (&atomics->data, round, memory_order_relaxed);
    atomic_store_explicit (&atomics->flag, round, memory_order_release);
  } else {
    uint64_t flag = atomic_load_explicit (&atomics->flag, memory_order_acquire);
    uint64_t data = atomic_load_explicit (&atomics->data, memory_order_relaxed);
    if (data < flag)
      stress_differ ("message %llu came before its data %llu", (unsigned long long) flag,
                     (unsigned long long) data);
  }
}

static void *
atomics_thread (void *data)
{
  Member *member = data;
  Atomics *atomics = member->common;
  for (unsigned round = 0; round < atomics->rounds; round++) {
    count_atomically (atomics, member->number, round);
    pass_message (atomics, member->number, round);
  }
  return NULL;
}

static uint64_t
expected_bits (unsigned rounds)
{
  uint64_t bits = 0;
  for (unsigned round = rounds / 32 * 32; round < rounds; round++)
    for (unsigned number = 0; number < THREADS; number++)
      bits ^= UINT64_C (1) << (number * 16 + round % 16);
  return bits;
}

static void
expect (const char *what, uint64_t got, uint64_t want)
{
  if (got != want)
    stress_differ ("%s is %llu, not %llu", what, (unsigned long long) got,
                   (unsigned long long) want);
}

static void
check_atomics (Atomics *atomics)
{
  uint64_t rounds = atomics->rounds, sum = rounds * THREADS * (THREADS + 1) / 2;
  uint64_t last = rounds * THREADS;
  expect ("a sum by AMO", atomics->added, sum);
  expect ("a sum of 32 bits by AMO", atomics->added32, (uint32_t) (rounds * THREADS * 3));
  expect ("a sum by LR and SC", atomics->exchanged, sum);
  expect ("a half word", atomics->half, (uint16_t) (rounds * THREADS));
  for (int i = 0; i < THREADS; i++)
    expect ("a byte", atomics->bytes[i], (uint8_t) rounds);
  expect ("bits", atomics->bits, expected_bits (atomics->rounds));
#ifdef __riscv
  expect ("a maximum", atomics->most, last - 1);
#endif
  expect ("a sum of what was swapped", atomics->swap_sum + atomics->swapped, last * (last + 1) / 2);
}

/* Dekker: of two who write and then read what the other writes, one must see the other. */
typedef struct {
  unsigned rounds;
  _Atomic uint32_t arrived[2];
  char pad[64];
  _Atomic uint32_t x;
  char pad2[64];
  _Atomic uint32_t y;
  char pad3[64];
  uint8_t *seen[2];
} Dekker;

static void *
dekker_thread (void *data)
{
  Member *member = data;
  Dekker *dekker = member->common;
  _Atomic uint32_t *mine = member->number ? &dekker->y : &dekker->x;
  _Atomic uint32_t *theirs = member->number ? &dekker->x : &dekker->y;
  for (unsigned round = 1; round <= dekker->rounds; round++) {
    atomic_store (&dekker->arrived[member->number], round);
    for (unsigned spins = 0; atomic_load (&dekker->arrived[!member->number]) < round; spins++)
      if (spins > 200)
        sched_yield ();
    atomic_store_explicit (mine, round, memory_order_relaxed);
    atomic_thread_fence (memory_order_seq_cst);
    dekker->seen[member->number][round - 1] =
        atomic_load_explicit (theirs, memory_order_relaxed) >= round;
  }
  return NULL;
}

static void
check_fences (unsigned rounds)
{
  Dekker dekker = { .rounds = rounds };
  Member members[2] = { { &dekker, 0 }, { &dekker, 1 } };
  pthread_t thread;
  for (int i = 0; i < 2; i++)
    dekker.seen[i] = stress_map (rounds, 3, false);
  if (pthread_create (&thread, NULL, dekker_thread, &members[1]) != 0)
    stress_fail ("pthread_create");
  dekker_thread (&members[0]);
  pthread_join (thread, NULL);
  for (unsigned i = 0; i < rounds; i++)
    if (!dekker.seen[0][i] && !dekker.seen[1][i])
      stress_differ ("a store passed a fence and a load");
}

uint64_t
stress_atomics (uint32_t seed)
{
  Atomics atomics = { .rounds = stress_times (60000) + seed };
  Member members[THREADS];
  void *data[THREADS];
  for (unsigned i = 0; i < THREADS; i++) {
    members[i] = (Member){ &atomics, i };
    data[i] = &members[i];
  }
  run_threads (atomics_thread, data);
  check_atomics (&atomics);
  check_fences (stress_times (3000));
  return atomics.added;
}
