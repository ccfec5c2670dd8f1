/* SPDX-License-Identifier: GPL-3.0-or-later
 * Stress by floating point: processes and threads, each with a rounding mode of its own, do the
 * same operations, give the processor up now and then, and must have the results and the exception
 * flags that they have alone. */
#include <fenv.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/stress/stress.h"

#define MODES 4
#define LANES 8

typedef struct {
  uint32_t seed;
  unsigned mode, rounds;
  uint64_t sum;
} Kernel;

static const int modes[MODES] = { FE_TONEAREST, FE_TOWARDZERO, FE_UPWARD, FE_DOWNWARD };

/* The same bits everywhere. */
static uint64_t
flags (void)
{
  static const int known[] = { FE_INEXACT, FE_UNDERFLOW, FE_OVERFLOW, FE_DIVBYZERO, FE_INVALID };
  int raised = fetestexcept (FE_ALL_EXCEPT);
  uint64_t bits = 0;
  for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
    bits |= (uint64_t) ((raised & known[i]) != 0) << i;
  return bits;
}

static uint64_t
bits_of (double value)
{
  uint64_t bits;
  memcpy (&bits, &value, sizeof bits);
  /* NaNs differ between processors. */
  return isnan (value) ? 1 : bits;
}

static uint64_t
bits_of_single (float value)
{
  uint32_t bits;
  memcpy (&bits, &value, sizeof bits);
  return isnan (value) ? 1 : bits;
}

static double
random_double (uint32_t *seed)
{
  double value = (double) (int32_t) stress_random (seed) / 65536.0;
  return stress_random (seed) % 16 == 0 ? value * 1e300 : value;
}

/* Doubles: a chain in each lane, so that errors stay. */
static uint64_t
step_double (double lanes[LANES], double value)
{
  for (int i = 0; i < LANES; i++) {
    double a = lanes[i], b = value + i;
    a = a * 0.75 + b / 3.0;
    a = a - b * (1.0 / 7);
    a = sqrt (fabs (a)) + fma (a, 0.125, b);
    lanes[i] = a;
  }
  return bits_of (lanes[0]) ^ bits_of (lanes[LANES - 1]);
}

static uint64_t
step_single (float lanes[LANES], float value)
{
  for (int i = 0; i < LANES; i++) {
    float a = lanes[i], b = value - (float) i;
    a = a * 0.75f + b / 3.0f;
    a = sqrtf (fabsf (a)) - b * 0.3f;
    lanes[i] = a;
  }
  return bits_of_single (lanes[0]) ^ (uint64_t) (int64_t) rint (lanes[1] * 1e-3);
}

static void
run_kernel (Kernel *kernel)
{
  double lanes[LANES] = { 0 };
  float singles[LANES] = { 0 };
  uint32_t seed = kernel->seed;
  uint64_t sum = kernel->mode;
  fesetround (modes[kernel->mode]);
  for (unsigned round = 0; round < kernel->rounds; round++) {
    double value = random_double (&seed);
    feclearexcept (FE_ALL_EXCEPT);
    uint64_t none = flags ();
    sum = stress_mix (sum, step_double (lanes, value));
    sum = stress_mix (sum, step_single (singles, (float) (seed % 1000)));
    sum = stress_mix (sum, flags ());
    if (none != 0 || fegetround () != modes[kernel->mode])
      stress_differ ("flags %llx and rounding %d instead of none and %d", (unsigned long long) none,
                     fegetround (), modes[kernel->mode]);
    if (round % 64 == 0)
      sched_yield ();
    if (fegetround () != modes[kernel->mode])
      stress_differ ("the rounding mode became %d", fegetround ());
  }
  kernel->sum = sum;
  fesetround (FE_TONEAREST);
}

static void *
kernel_thread (void *data)
{
  run_kernel (data);
  return NULL;
}

/* The four modes in threads of one process. */
static uint64_t
run_modes (uint32_t seed, unsigned rounds)
{
  pthread_t threads[MODES];
  Kernel kernels[MODES];
  uint64_t sum = 0;
  for (unsigned i = 0; i < MODES; i++) {
    kernels[i] = (Kernel){ .seed = seed, .mode = i, .rounds = rounds };
    if (pthread_create (&threads[i], NULL, kernel_thread, &kernels[i]) != 0)
      stress_fail ("pthread_create");
  }
  for (unsigned i = 0; i < MODES; i++) {
    pthread_join (threads[i], NULL);
    sum = stress_mix (sum, kernels[i].sum);
  }
  return sum;
}

uint64_t
stress_fp (uint32_t seed)
{
  enum { PROCESSES = 3 };
  unsigned rounds = stress_times (8000);
  uint64_t *sums = stress_map (4096, 3, true);
  pid_t children[PROCESSES];
  for (int i = 0; i < PROCESSES; i++) {
    children[i] = stress_fork ();
    if (children[i] == 0) {
      sums[i] = run_modes (seed, rounds);
      _exit (0);
    }
  }
  uint64_t sum = run_modes (seed, rounds);
  for (int i = 0; i < PROCESSES; i++) {
    stress_wait (children[i], "fp");
    if (sums[i] != sum)
      stress_differ ("process %d has %016llx, not %016llx", i, (unsigned long long) sums[i],
                     (unsigned long long) sum);
  }
  munmap (sums, 4096);
  return sum;
}
