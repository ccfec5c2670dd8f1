/* SPDX-License-Identifier: GPL-3.0-or-later
 * A mixed load that checks itself: one static program for a guest that runs Linux, and for the host
 * to tell what the results are.
 *
 *   stress run SECONDS SEED SCALE [WORKER...]  all workers at once, each in a process, round after
 *                                              round
 *   stress sums SCALE                          prints "sum WORKER SEED CHECKSUM" for the portable
 *                                              workers
 *   stress tool ...                            what the worker "build" starts
 *
 * While it runs it prints
 *
 *   stress: round WORKER NUMBER SEED CHECKSUM SECONDS
 *   stress: DIFFERENCE WORKER SEED: TEXT
 *   stress: counts NAME=VALUE...
 *   stress: N rounds, N differences */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/stress/stress.h"

/* Each worker has so many different rounds. */
#define SEEDS 8
#define COUNTS_SECONDS 10

static const StressWorker workers[] = {
  /* clang-format off */
  { "build",   true,  stress_build },
  { "fp",      true,  stress_fp },
  { "memory",  true,  stress_memory },
#ifdef __riscv
  { "jit",     false, stress_jit },
  { "patch",   false, stress_patch },
  { "protect", false, stress_protect },
#endif
  { "timers",  false, stress_timers },
  { "signals", false, stress_signals },
  { "locks",   false, stress_locks },
  { "atomics", false, stress_atomics },
  /* clang-format on */
};

#define N_WORKERS (sizeof workers / sizeof workers[0])

static const char *const count_names[STRESS_N_COUNTS] = { "processes", "patches", "faults",
                                                          "timers",    "late",    "worst_ns",
                                                          "signals",   "wakes" };

/* In memory that all processes share. */
typedef struct {
  _Atomic uint64_t counts[STRESS_N_COUNTS];
  _Atomic uint64_t rounds, differences;
} Shared;

static Shared *shared;
static const char *worker_name = "-";
static uint32_t worker_seed;
static double scale = 1;

void
stress_count (StressCount count, uint64_t more)
{
  atomic_fetch_add (&shared->counts[count], more);
}

void
stress_worst (StressCount count, uint64_t value)
{
  uint64_t old = atomic_load (&shared->counts[count]);
  while (old < value && !atomic_compare_exchange_weak (&shared->counts[count], &old, value))
    ;
}

/* One write, so that lines of several processes do not mix. */
static void
say (const char *format, ...)
{
  char line[512];
  va_list arguments;
  va_start (arguments, format);
  int length = vsnprintf (line, sizeof line, format, arguments);
  va_end (arguments);
  if (length > (int) sizeof line - 1)
    length = sizeof line - 1;
  if (write (STDOUT_FILENO, line, (size_t) length) != length)
    _exit (1);
}

void
stress_differ (const char *format, ...)
{
  char text[256];
  va_list arguments;
  va_start (arguments, format);
  vsnprintf (text, sizeof text, format, arguments);
  va_end (arguments);
  atomic_fetch_add (&shared->differences, 1);
  say ("stress: DIFFERENCE %s %u: %s\n", worker_name, worker_seed, text);
}

void
stress_fail (const char *what)
{
  stress_differ ("%s: %s", what, strerror (errno));
  _exit (1);
}

unsigned
stress_times (unsigned count)
{
  double times = count * scale;
  return times < 1 ? 1 : (unsigned) times;
}

pid_t
stress_fork (void)
{
  pid_t child = fork ();
  if (child < 0)
    stress_fail ("fork");
  if (child > 0)
    stress_count (STRESS_PROCESSES, 1);
  return child;
}

void
stress_wait (pid_t child, const char *what)
{
  int status;
  while (waitpid (child, &status, 0) < 0)
    if (errno != EINTR)
      stress_fail ("waitpid");
  if (status != 0)
    stress_differ ("%s ended with status %#x", what, (unsigned) status);
}

void *
stress_map (size_t size, int protection, bool is_shared)
{
  void *at =
      mmap (NULL, size, protection, (is_shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED)
    stress_fail ("mmap");
  return at;
}

/* ---- Rounds ---- */

static void
work (const StressWorker *worker, uint32_t first, int64_t end)
{
  uint64_t sums[SEEDS];
  bool known[SEEDS] = { false };
  worker_name = worker->name;
  for (unsigned number = 0; number == 0 || stress_now () < end; number++) {
    uint32_t seed = (first + number) % SEEDS;
    worker_seed = seed;
    int64_t start = stress_now ();
    uint64_t sum = worker->round (seed);
    if (known[seed] && sum != sums[seed])
      stress_differ ("checksum %016llx, was %016llx", (unsigned long long) sum,
                     (unsigned long long) sums[seed]);
    known[seed] = true;
    sums[seed] = sum;
    atomic_fetch_add (&shared->rounds, 1);
    say ("stress: round %s %u %u %016llx %.3f\n", worker->name, number, seed,
         (unsigned long long) sum, (double) (stress_now () - start) / 1e9);
  }
}

static void
say_counts (void)
{
  char text[400];
  size_t length = 0;
  for (int i = 0; i < STRESS_N_COUNTS; i++)
    length += (size_t) snprintf (text + length, sizeof text - length, " %s=%llu", count_names[i],
                                 (unsigned long long) atomic_load (&shared->counts[i]));
  say ("stress: counts rounds=%llu%s\n", (unsigned long long) atomic_load (&shared->rounds), text);
}

static bool
is_wanted (const char *name, char **wanted)
{
  for (char **at = wanted; *at; at++)
    if (strcmp (*at, name) == 0)
      return true;
  return !*wanted;
}

static int
run (int64_t seconds, uint32_t seed, char **wanted)
{
  pid_t children[N_WORKERS];
  unsigned left = 0, kept = 0;
  int64_t end = stress_now () + seconds * 1000000000;
  for (unsigned i = 0; i < N_WORKERS; i++)
    if (is_wanted (workers[i].name, wanted)) {
      children[kept] = stress_fork ();
      if (children[kept++] == 0) {
        work (&workers[i], seed, end);
        _exit (0);
      }
    }
  for (left = kept; left > 0;) {
    sleep (COUNTS_SECONDS);
    say_counts ();
    for (unsigned i = 0; i < kept; i++) {
      int status = 0;
      if (children[i] > 0 && waitpid (children[i], &status, WNOHANG) == children[i]) {
        if (status != 0)
          stress_differ ("a worker ended with status %#x", (unsigned) status);
        children[i] = 0;
        left--;
      }
    }
  }
  uint64_t differences = atomic_load (&shared->differences);
  say ("stress: %llu rounds, %llu differences\n",
       (unsigned long long) atomic_load (&shared->rounds), (unsigned long long) differences);
  return differences != 0;
}

static int
tell_sums (void)
{
  for (unsigned i = 0; i < N_WORKERS; i++)
    for (uint32_t seed = 0; workers[i].portable && seed < SEEDS; seed++) {
      worker_name = workers[i].name;
      worker_seed = seed;
      say ("sum %s %u %016llx\n", workers[i].name, seed,
           (unsigned long long) workers[i].round (seed));
    }
  return atomic_load (&shared->differences) != 0;
}

int
main (int argc, char **argv)
{
  if (argc >= 3 && strcmp (argv[1], "tool") == 0)
    return stress_tool (argc - 2, argv + 2);
  shared = mmap (NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED)
    return 1;
  if (argc == 3 && strcmp (argv[1], "sums") == 0) {
    scale = atof (argv[2]);
    return tell_sums ();
  }
  if (argc >= 5 && strcmp (argv[1], "run") == 0) {
    scale = atof (argv[4]);
    return run (atoll (argv[2]), (uint32_t) atoll (argv[3]), argv + 5);
  }
  fprintf (stderr, "usage: %s run SECONDS SEED SCALE [WORKER...] | sums SCALE\n", argv[0]);
  return 2;
}
