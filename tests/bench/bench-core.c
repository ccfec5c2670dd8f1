/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the platform under guest and devices costs: an access to a device, DMA, waking a halted
 * vCPU, a notifier, a timer, a pause. Prints one line per measurement: name, value, unit. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "tests/support/support-machine.h"

#define MIB (UINT64_C (1) << 20)

static void
report (const char *name, double value, const char *unit)
{
  printf ("%-28s %10.2f %s\n", name, value, unit);
}

/* ---- Accesses ---- */

static uint64_t
read_one (void *opaque, uint64_t offset, unsigned size)
{
  return offset;
}

static void
bench_access (void)
{
  enum { COUNT = 5000000 };
  static const DioRegionOps ops = { .read = read_one, .max_access = 4 };
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  DioRegion regions[20];
  DioMachine *machine = support_machine_new (16 * MIB);
  for (unsigned i = 0; i < G_N_ELEMENTS (regions); i++) {
    regions[i] = (DioRegion){ .name = "r", .ops = &ops, .lock = &lock, .size = 0x1000 };
    dio_space_map_io (machine->space, 0x1000000 + i * 0x10000, &regions[i]);
  }
  uint64_t value, sum = 0;
  int64_t start = dio_host_now ();
  for (unsigned i = 0; i < COUNT; i++) {
    dio_space_read (machine->space, 0x1000000 + (i % 20) * 0x10000, 4, &value);
    sum += value;
  }
  report ("mmio-read", (double) (dio_host_now () - start) / COUNT, "ns");

  start = dio_host_now ();
  for (unsigned i = 0; i < COUNT; i++)
    sum += dio_space_lookup_page (machine->space, SUPPORT_RAM_BASE + i * 4096 % (16 * MIB)).io;
  report ("page-lookup", (double) (dio_host_now () - start) / COUNT, "ns");

  uint8_t descriptor[16];
  start = dio_host_now ();
  for (unsigned i = 0; i < COUNT; i++)
    sum += dio_dma_read (machine->space, SUPPORT_RAM_BASE + i * 16 % MIB, descriptor, 16);
  report ("dma-read-16", (double) (dio_host_now () - start) / COUNT, "ns");
  start = dio_host_now ();
  for (unsigned i = 0; i < COUNT; i++)
    sum += dio_dma_write (machine->space, SUPPORT_RAM_BASE + i * 16 % MIB, descriptor, 16);
  report ("dma-write-16", (double) (dio_host_now () - start) / COUNT, "ns");
  g_assert_cmpuint (sum, >, 0);
  support_machine_free (machine);
}

/* ---- Waking ---- */

static DioExit
answer (SupportCpu *cpu)
{
  if (!atomic_exchange (&cpu->pending, 0))
    return DIO_EXIT_HALT;
  atomic_fetch_add (&cpu->progress, 1);
  return DIO_EXIT_KICK;
}

static int
compare (const void *a, const void *b)
{
  int64_t difference = *(const int64_t *) a - *(const int64_t *) b;
  return (difference > 0) - (difference < 0);
}

static void
report_spread (const char *name, int64_t *samples, size_t count)
{
  g_autofree char *high = g_strdup_printf ("%s-p95", name);
  qsort (samples, count, sizeof *samples, compare);
  report (name, (double) samples[count / 2] / 1e3, "us");
  report (high, (double) samples[count * 95 / 100] / 1e3, "us");
}

static void
bench_halt (void)
{
  enum { COUNT = 2000 };
  int64_t samples[COUNT];
  DioMachine *machine = support_machine_new_full (4 * MIB, 1, answer, NULL, NULL);
  SupportCpu *cpu = support_machine_cpu (machine, 0);
  support_machine_do (machine, dio_machine_start, NULL);
  for (unsigned i = 0; i < COUNT; i++) {
    g_usleep (100); /* asleep by now */
    int64_t start = dio_host_now ();
    atomic_store (&cpu->pending, 1);
    dio_cpu_kick (&cpu->cpu);
    while (atomic_load (&cpu->progress) != i + 1)
      ;
    samples[i] = dio_host_now () - start;
  }
  report_spread ("halt-wake", samples, COUNT);

  for (unsigned i = 0; i < 200; i++) {
    int64_t start = dio_host_now ();
    support_machine_do (machine, dio_machine_pause, NULL);
    samples[i] = dio_host_now () - start;
    support_machine_do (machine, dio_machine_resume, NULL);
  }
  report_spread ("pause", samples, 200);
  support_machine_free (machine);
}

/* ---- The loop ---- */

typedef struct {
  DioClock *clock;
  _Atomic int64_t ran_at;
} Stamp;

static void
stamp (void *data)
{
  Stamp *self = data;
  atomic_store (&self->ran_at, dio_clock_now (self->clock));
}

static int64_t
wait_stamp (Stamp *self)
{
  int64_t at;
  while (!(at = atomic_exchange (&self->ran_at, 0)))
    g_usleep (20);
  return at;
}

static void
bench_loop (void)
{
  enum { COUNT = 1000 };
  int64_t samples[COUNT];
  DioLoop *loop = dio_loop_new ("bench", NULL);
  Stamp self = { .clock = dio_clock_new () };
  dio_clock_start (self.clock);
  DioNotifier *notifier = dio_notifier_new (loop, stamp, &self);
  DioTimer *timer = dio_timer_new (loop, self.clock, stamp, &self);
  for (unsigned i = 0; i < COUNT; i++) {
    g_usleep (50);
    int64_t start = dio_clock_now (self.clock);
    dio_notifier_signal (notifier);
    samples[i] = wait_stamp (&self) - start;
  }
  report_spread ("notifier", samples, COUNT);
  for (unsigned i = 0; i < COUNT; i++) {
    int64_t due = dio_clock_now (self.clock) + 200000;
    dio_timer_set (timer, due);
    samples[i] = wait_stamp (&self) - due;
  }
  report_spread ("timer-late", samples, COUNT);

  int64_t start = dio_host_now ();
  for (unsigned i = 0; i < 1000000; i++)
    dio_timer_set (timer, INT64_MAX - 1 - i);
  report ("timer-set", (double) (dio_host_now () - start) / 1e6, "ns");
  dio_timer_free (timer);
  dio_notifier_free (notifier);
  dio_loop_free (loop);
  dio_clock_free (self.clock);
}

int
main (void)
{
  bench_access ();
  bench_halt ();
  bench_loop ();
  return 0;
}
