/* SPDX-License-Identifier: GPL-3.0-or-later
 * The vCPU threads: run, halt, kick, stop, and what they counted. */
#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/base/base-thread.h"
#include "core/vm/vm-private.h"

/* How often a stop is asked for again until all vCPUs have stopped. */
#define KICK_AGAIN_NS 2000000

/* ---- Kick and halt ---- */

void
dio_cpu_kick (DioCpu *cpu)
{
  if (atomic_exchange (&cpu->kicked, DIO_KICK_PENDING) == DIO_KICK_SLEEPING)
    syscall (SYS_futex, &cpu->kicked, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void
dio_cpu_sleep (DioCpu *cpu)
{
  uint32_t expected = DIO_KICK_NONE;
  if (!atomic_compare_exchange_strong (&cpu->kicked, &expected, DIO_KICK_SLEEPING))
    return;
  /* From here on every kick wakes; what was made known before is seen by has_work(). */
  if (cpu->type->has_work (cpu)) {
    expected = DIO_KICK_SLEEPING;
    atomic_compare_exchange_strong (&cpu->kicked, &expected, DIO_KICK_NONE);
    return;
  }
  while (atomic_load (&cpu->kicked) == DIO_KICK_SLEEPING)
    syscall (SYS_futex, &cpu->kicked, FUTEX_WAIT_PRIVATE, DIO_KICK_SLEEPING, NULL, NULL, 0);
}

/* ---- Threads ---- */

static void
run_until_stopped (DioMachine *machine, DioCpu *cpu)
{
  struct DioMachinePrivate *priv = machine->priv;
  for (;;) {
    /* In this order: whoever stops the vCPUs clears `go` before it kicks. */
    atomic_store (&cpu->kicked, DIO_KICK_NONE);
    if (!atomic_load (&priv->go))
      return;
    if (cpu->type->run (cpu) == DIO_EXIT_HALT) {
      dio_stat_add (&cpu->stats.exits_halt, 1);
      dio_cpu_sleep (cpu);
    } else {
      dio_stat_add (&cpu->stats.exits_kick, 1);
    }
  }
}

static void *
vcpu_thread (void *data)
{
  DioCpu *cpu = data;
  DioMachine *machine = cpu->machine;
  struct DioMachinePrivate *priv = machine->priv;

  pthread_mutex_lock (&priv->vcpu_lock);
  while (!priv->vcpu_quit) {
    if (!atomic_load (&priv->go)) {
      pthread_cond_wait (&priv->vcpu_wake, &priv->vcpu_lock);
      continue;
    }
    priv->vcpus_active++;
    pthread_mutex_unlock (&priv->vcpu_lock);
    run_until_stopped (machine, cpu);
    pthread_mutex_lock (&priv->vcpu_lock);
    if (--priv->vcpus_active == 0)
      pthread_cond_broadcast (&priv->vcpu_parked);
  }
  pthread_mutex_unlock (&priv->vcpu_lock);
  return NULL;
}

bool
dio_vcpus_start_threads (DioMachine *machine, GError **error)
{
  struct DioMachinePrivate *priv = machine->priv;
  if (!priv->vcpu_threads)
    priv->vcpu_threads = g_new0 (pthread_t, MAX (machine->n_cpus, 1));
  while (priv->n_vcpu_threads < machine->n_cpus) {
    unsigned index = priv->n_vcpu_threads;
    char name[16];
    g_snprintf (name, sizeof name, "dio-vcpu%u", index);
    if (!dio_thread_start (&priv->vcpu_threads[index], name, vcpu_thread, machine->cpus[index],
                           error))
      return false;
    priv->n_vcpu_threads++;
  }
  return true;
}

void
dio_vcpus_go (DioMachine *machine)
{
  struct DioMachinePrivate *priv = machine->priv;
  pthread_mutex_lock (&priv->vcpu_lock);
  if (!priv->run_since)
    priv->run_since = dio_host_now ();
  atomic_store (&priv->go, true);
  pthread_cond_broadcast (&priv->vcpu_wake);
  pthread_mutex_unlock (&priv->vcpu_lock);
}

void
dio_vcpus_request_stop (DioMachine *machine)
{
  atomic_store (&machine->priv->go, false);
  for (unsigned i = 0; i < machine->n_cpus; i++)
    dio_cpu_kick (machine->cpus[i]);
}

void
dio_vcpus_stop (DioMachine *machine)
{
  struct DioMachinePrivate *priv = machine->priv;
  dio_vcpus_request_stop (machine);
  pthread_mutex_lock (&priv->vcpu_lock);
  while (priv->vcpus_active) {
    struct timespec until;
    clock_gettime (CLOCK_MONOTONIC, &until);
    until.tv_nsec += KICK_AGAIN_NS;
    if (until.tv_nsec >= 1000000000) {
      until.tv_nsec -= 1000000000;
      until.tv_sec++;
    }
    if (pthread_cond_timedwait (&priv->vcpu_parked, &priv->vcpu_lock, &until) == ETIMEDOUT)
      dio_vcpus_request_stop (machine);
  }
  if (priv->run_since)
    priv->run_total += dio_host_now () - priv->run_since;
  priv->run_since = 0;
  pthread_mutex_unlock (&priv->vcpu_lock);
}

void
dio_vcpus_join (DioMachine *machine)
{
  struct DioMachinePrivate *priv = machine->priv;
  pthread_mutex_lock (&priv->vcpu_lock);
  priv->vcpu_quit = true;
  pthread_cond_broadcast (&priv->vcpu_wake);
  pthread_mutex_unlock (&priv->vcpu_lock);
  dio_vcpus_request_stop (machine);
  for (unsigned i = 0; i < priv->n_vcpu_threads; i++)
    pthread_join (priv->vcpu_threads[i], NULL);
  priv->n_vcpu_threads = 0;
  g_clear_pointer (&priv->vcpu_threads, g_free);
}

/* ---- For boards and devices ---- */

bool
dio_machine_add_cpus (DioMachine *machine, const DioCpuType *type, unsigned count, GError **error)
{
  DioCpu **cpus = g_renew (DioCpu *, machine->cpus, machine->n_cpus + count);
  machine->cpus = cpus;
  for (unsigned i = 0; i < count; i++) {
    DioCpu *cpu = type->create (machine, machine->n_cpus, error);
    if (!cpu)
      return false;
    cpu->type = type;
    cpu->machine = machine;
    cpu->space = machine->space;
    cpu->index = machine->n_cpus;
    machine->cpus[machine->n_cpus++] = cpu;
  }
  return true;
}

void
dio_machine_flush_write (DioMachine *machine, uint64_t ram_offset)
{
  for (unsigned i = 0; i < machine->n_cpus; i++)
    if (machine->cpus[i]->type->flush_write)
      machine->cpus[i]->type->flush_write (machine->cpus[i], ram_offset);
}

/* ---- Statistics ---- */

/* Counters are words that only the vCPU's thread writes. */
static void
add_counters (DioCpuStats *sum, const DioCpuStats *counters)
{
  enum { WORDS = sizeof *sum / sizeof (uint64_t) };
  uint64_t *to = (uint64_t *) sum;
  const uint64_t *from = (const uint64_t *) counters;
  for (unsigned i = 0; i < WORDS; i++)
    to[i] += __atomic_load_n (&from[i], __ATOMIC_RELAXED);
}

void
dio_machine_get_stats (DioMachine *machine, DioMachineStats *stats)
{
  struct DioMachinePrivate *priv = machine->priv;
  *stats = (DioMachineStats){ 0 };
  for (unsigned i = 0; i < machine->n_cpus; i++)
    add_counters (&stats->cpu, &machine->cpus[i]->stats);

  pthread_mutex_lock (&priv->vcpu_lock);
  for (unsigned i = 0; i < priv->n_vcpu_threads; i++) {
    clockid_t clock;
    struct timespec spent;
    if (pthread_getcpuclockid (priv->vcpu_threads[i], &clock) == 0
        && clock_gettime (clock, &spent) == 0)
      stats->vcpu_seconds += (double) spent.tv_sec + (double) spent.tv_nsec / 1e9;
  }
  int64_t run = priv->run_total + (priv->run_since ? dio_host_now () - priv->run_since : 0);
  pthread_mutex_unlock (&priv->vcpu_lock);
  stats->run_seconds = (double) run / 1e9;
  stats->has_jit = machine->jit != NULL;
  if (machine->jit)
    machine->compiler->get_stats (machine->jit, &stats->jit);
  if (machine->ram)
    stats->ram_resident = dio_ram_resident (machine->ram);
}
