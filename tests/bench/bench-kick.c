/* SPDX-License-Identifier: GPL-3.0-or-later
 * How long a vCPU that is busy in compiled code takes to notice dio_cpu_kick(), which is how
 * interrupts and timers come to it. A loop without a memory access, and one whose every access
 * misses both levels of the TLB and the host's caches: as slow as instructions get. Counted is the
 * processor time of the vCPU's thread, so that other load of the host does not matter.
 * usage: bench-kick [--samples N] */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/core/guest/rig.h"

#define MEMORY (UINT64_C (128) << 20)

static const uint32_t spin[] = {
  0x0000006f, /* j . */
};

/* Every 17th cache line of every page of 64 MiB, which are more pages than the TLB has room for. */
static const uint32_t misses[] = {
  0x01000597, /* auipc a1, 0x1000 */
  0x000016b7, /* lui a3, 1 */
  0x44068693, /* addi a3, a3, 17 * 64 */
  0x04000837, /* lui a6, 0x4000 */
  0xfff80813, /* addi a6, a6, -1 */
  0x00000713, /* li a4, 0 */
  0x00d70733, /* loop: add a4, a4, a3 */
  0x01077733, /* and a4, a4, a6 */
  0x00e587b3, /* add a5, a1, a4 */
  0x0007b603, /* ld a2, 0(a5) */
  0x00c70733, /* add a4, a4, a2: nothing, but the next address waits for it */
  0xfedff06f, /* j loop */
};

typedef struct {
  DioCpu *cpu;
  _Atomic bool stop;
  _Atomic uint32_t left;  /* how often run() has returned */
  _Atomic int64_t moment; /* of the last time, by the thread's own processor time */
  clockid_t clock;
} Side;

static int64_t
now (const Side *side)
{
  struct timespec t;
  clock_gettime (side->clock, &t);
  return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *
vcpu_thread (void *data)
{
  Side *side = data;
  while (!atomic_load (&side->stop)) {
    side->cpu->type->run (side->cpu);
    atomic_store (&side->moment, now (side));
    atomic_store (&side->cpu->kicked, DIO_KICK_NONE);
    atomic_fetch_add (&side->left, 1);
  }
  return NULL;
}

static int
by_value (const void *a, const void *b)
{
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

static double
kick (Side *side)
{
  uint32_t before = atomic_load (&side->left);
  int64_t start = now (side);
  dio_cpu_kick (side->cpu);
  while (atomic_load (&side->left) == before)
    g_usleep (20);
  return (double) (atomic_load (&side->moment) - start) / 1000;
}

static void
measure (const char *name, const uint32_t *code, size_t size, unsigned samples)
{
  DioMachineConfig *config = dio_machine_config_new ();
  config->engine = DIO_ENGINE_COMPILER;
  Rig *rig = rig_new_configured (MEMORY, 1, config);
  rig_load (rig, RIG_RAM, code, size);
  Side side = { .cpu = &rig->hart->interp.cpu, .clock = CLOCK_MONOTONIC };
  pthread_t thread;
  if (pthread_create (&thread, NULL, vcpu_thread, &side) != 0
      || pthread_getcpuclockid (thread, &side.clock) != 0)
    exit (1);
  g_usleep (100000);
  double *latencies = g_new (double, samples);
  for (unsigned i = 0; i < samples; i++) {
    g_usleep (300 + i % 97 * 7);
    latencies[i] = kick (&side);
  }
  atomic_store (&side.stop, true);
  dio_cpu_kick (side.cpu);
  pthread_join (thread, NULL);
  qsort (latencies, samples, sizeof *latencies, by_value);
  printf ("%-10s kick to exit, us: median %7.1f  99 %% %7.1f  most %8.1f\n", name,
          latencies[samples / 2], latencies[samples * 99 / 100], latencies[samples - 1]);
  g_free (latencies);
  rig_free (rig);
  dio_machine_config_free (config);
}

int
main (int argc, char **argv)
{
  unsigned samples = argc > 2 && !strcmp (argv[1], "--samples") ? (unsigned) atoi (argv[2]) : 2000;
  samples = MAX (samples, 1);
  measure ("spin", spin, sizeof spin, samples);
  measure ("misses", misses, sizeof misses, samples);
  return 0;
}
