/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the workers of the stress share.
 *
 * A worker does rounds. A round is decided by its seed alone and checks itself; what it returns is
 * a checksum that must be the same each time, and the host's where the worker is portable. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

typedef struct {
  const char *name;
  bool portable; /* the host has the same checksums */
  uint64_t (*round) (uint32_t seed);
} StressWorker;

/* What is counted over all workers, in memory that they share. */
typedef enum {
  STRESS_PROCESSES, /* started */
  STRESS_PATCHES,   /* of code */
  STRESS_FAULTS,    /* handled */
  STRESS_TIMERS,    /* waited for */
  STRESS_LATE,      /* of them later than STRESS_LATE_NS */
  STRESS_WORST,     /* the latest, nanoseconds */
  STRESS_SIGNALS,   /* taken */
  STRESS_WAKES,     /* by a futex */
  STRESS_N_COUNTS
} StressCount;

#define STRESS_LATE_NS INT64_C (200000000)

void stress_count (StressCount count, uint64_t more);
void stress_worst (StressCount count, uint64_t value);

/* Tells of a difference and counts it; the work goes on. From any thread and process. */
void stress_differ (const char *format, ...) __attribute__ ((format (printf, 1, 2)));
/* Ends the process: the system refused what the stress needs. */
void stress_fail (const char *what) __attribute__ ((noreturn));

/* How many times a round does what takes time: scaled by the command line. */
unsigned stress_times (unsigned count);

/* Waits for @child, which must end well. */
void stress_wait (pid_t child, const char *what);
pid_t stress_fork (void);
/* An anonymous mapping, private or shared. */
void *stress_map (size_t size, int protection, bool shared);

static inline uint64_t
stress_mix (uint64_t sum, uint64_t value)
{
  sum = ((sum ^ value) + 1) * UINT64_C (0x9e3779b97f4a7c15);
  return sum ^ sum >> 29;
}

static inline uint32_t
stress_random (uint32_t *seed)
{
  *seed = *seed * 1664525 + 1013904223;
  return *seed >> 8 ^ *seed << 16;
}

static inline int64_t
stress_now (void)
{
  struct timespec time;
  clock_gettime (CLOCK_MONOTONIC, &time);
  return (int64_t) time.tv_sec * 1000000000 + time.tv_nsec;
}

/* The workers. */
uint64_t stress_build (uint32_t seed);
uint64_t stress_jit (uint32_t seed);
uint64_t stress_patch (uint32_t seed);
uint64_t stress_protect (uint32_t seed);
uint64_t stress_timers (uint32_t seed);
uint64_t stress_signals (uint32_t seed);
uint64_t stress_locks (uint32_t seed);
uint64_t stress_atomics (uint32_t seed);
uint64_t stress_fp (uint32_t seed);
uint64_t stress_memory (uint32_t seed);

/* The programs that build starts: returns the exit status. */
int stress_tool (int argc, char **argv);
