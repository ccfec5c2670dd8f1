/* SPDX-License-Identifier: GPL-3.0-or-later
 * Machines for tests. */
#include "tests/support/support-machine.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- The CPU ---- */

static DioCpu *
cpu_create (DioMachine *machine, unsigned index, GError **error)
{
  SupportCpu *self = g_new0 (SupportCpu, 1);
  return &self->cpu;
}

static void
cpu_free (DioCpu *cpu)
{
  g_free (cpu);
}

static void
cpu_reset (DioCpu *cpu)
{
  SupportCpu *self = (SupportCpu *) cpu;
  atomic_fetch_add (&self->resets, 1);
}

static DioExit
cpu_run (DioCpu *cpu)
{
  SupportCpu *self = (SupportCpu *) cpu;
  if (!self->guest)
    return DIO_EXIT_HALT;
  while (atomic_load (&cpu->kicked) == DIO_KICK_NONE)
    if (self->guest (self) == DIO_EXIT_HALT)
      return DIO_EXIT_HALT;
  return DIO_EXIT_KICK;
}

static bool
cpu_has_work (DioCpu *cpu)
{
  SupportCpu *self = (SupportCpu *) cpu;
  return atomic_load (&self->pending) != 0;
}

static void
cpu_state (DioCpu *cpu, DioVisitor *visitor)
{
}

static void
cpu_dump (DioCpu *cpu, GString *out)
{
  g_string_append (out, "a test's CPU\n");
}

static const DioCpuType support_cpu_type = {
  .id = "test",
  .arch = DIO_ARCH_RISCV64,
  .create = cpu_create,
  .free = cpu_free,
  .reset = cpu_reset,
  .run = cpu_run,
  .has_work = cpu_has_work,
  .state = cpu_state,
  .dump = cpu_dump,
};

/* ---- The board ---- */

static bool
board_build (DioMachine *machine, GError **error)
{
  machine->ram = dio_ram_new (machine->config->memory, "test-ram", error);
  if (!machine->ram)
    return false;
  dio_space_map_ram (machine->space, SUPPORT_RAM_BASE, machine->ram, 0, machine->ram->size, false);
  return dio_machine_add_cpus (machine, &support_cpu_type, machine->config->cpus, error);
}

const DioBoardType support_board = {
  .id = "test",
  .title = "Test board",
  .arch = DIO_ARCH_RISCV64,
  .cpu = &support_cpu_type,
  .minimum_memory = 4096,
  .maximum_memory = UINT64_C (1) << 30,
  .maximum_cpus = 4,
  .build = board_build,
};

/* ---- Machines ---- */

DioMachine *
support_machine_new_full (uint64_t memory, unsigned cpus, SupportGuest guest,
                          void (*event) (const DioMachineEvent *event, void *data), void *data)
{
  static const DioBoardType *const boards[] = { &support_board, NULL };
  static const DioDeviceType *const devices[] = { NULL };
  g_autoptr (DioMachineConfig) config = dio_machine_config_new ();
  g_autoptr (GError) error = NULL;
  config->arch = DIO_ARCH_RISCV64;
  config->memory = memory;
  config->cpus = cpus;
  const DioMachineHost host = {
    .boards = boards,
    .devices = devices,
    .pool = dio_pool_new (2),
    .event = event,
    .data = data,
  };
  DioMachine *machine = dio_machine_new (config, &host, &error);
  g_assert_no_error (error);
  for (unsigned i = 0; i < cpus; i++)
    support_machine_cpu (machine, i)->guest = guest;
  return machine;
}

DioMachine *
support_machine_new (uint64_t memory)
{
  return support_machine_new_full (memory, 1, NULL, NULL, NULL);
}

void
support_machine_free (DioMachine *machine)
{
  DioPool *pool = machine->host.pool;
  dio_machine_free (machine);
  dio_pool_free (pool);
}

SupportCpu *
support_machine_cpu (DioMachine *machine, unsigned index)
{
  return (SupportCpu *) machine->cpus[index];
}

typedef struct {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool done;
  GError *error;
} Wait;

static void
finished (DioMachine *machine, const GError *error, void *data)
{
  Wait *wait = data;
  pthread_mutex_lock (&wait->lock);
  wait->done = true;
  wait->error = error ? g_error_copy (error) : NULL;
  pthread_cond_signal (&wait->wake);
  pthread_mutex_unlock (&wait->lock);
}

bool
support_machine_do (DioMachine *machine, SupportCommand command, GError **error)
{
  Wait wait = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, NULL };
  command (machine, finished, &wait);
  pthread_mutex_lock (&wait.lock);
  while (!wait.done)
    pthread_cond_wait (&wait.wake, &wait.lock);
  pthread_mutex_unlock (&wait.lock);
  if (!wait.error)
    return true;
  g_propagate_error (error, wait.error);
  return false;
}
