/* SPDX-License-Identifier: GPL-3.0-or-later
 * A rig for the instruction engine. */
#include "tests/core/guest/rig.h"

#include <stdatomic.h>
#include <string.h>

static uint64_t
uart_read (void *opaque, uint64_t offset, unsigned size)
{
  return offset == 5 ? 0x60 : 0; /* the transmitter is always empty */
}

static void
uart_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  Rig *rig = opaque;
  if (offset == 0)
    g_string_append_c (rig->output, (char) value);
}

static void
finisher_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  Rig *rig = opaque;
  rig->finished = true;
  rig->finish_value = (uint32_t) value;
  for (unsigned i = 0; i < rig->machine.n_cpus; i++)
    atomic_store (&rig->machine.cpus[i]->kicked, DIO_KICK_PENDING);
}

static uint64_t
zero_read (void *opaque, uint64_t offset, unsigned size)
{
  return 0;
}

static uint64_t
mtime_read (void *opaque, uint64_t offset, unsigned size)
{
  uint64_t ticks = (uint64_t) g_get_monotonic_time () * 10;
  return size == 8 ? ticks : (uint32_t) (ticks >> (offset & 4) * 8);
}

static void
no_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
}

static const DioRegionOps uart_ops = { .read = uart_read, .write = uart_write, .max_access = 1 };
static const DioRegionOps finisher_ops = {
  .read = zero_read,
  .write = finisher_write,
  .min_access = 4,
  .max_access = 4,
};
static const DioRegionOps mtime_ops = {
  .read = mtime_read,
  .write = no_write,
  .min_access = 4,
  .max_access = 8,
};

Rig *
rig_new (uint64_t memory, unsigned harts)
{
  return rig_new_configured (memory, harts, NULL);
}

Rig *
rig_new_configured (uint64_t memory, unsigned harts, DioMachineConfig *config)
{
  Rig *rig = g_new0 (Rig, 1);
  DioMachine *machine = &rig->machine;
  GError *error = NULL;

  rig->output = g_string_new (NULL);
  machine->config = config;
  machine->ram = dio_ram_new (memory, "rig", &error);
  g_assert_no_error (error);
  machine->space = dio_space_new ();
  dio_space_map_ram (machine->space, RIG_RAM, machine->ram, 0, memory, false);
  rig->regions[0] = (DioRegion){ "uart", &uart_ops, rig, NULL, 0x100 };
  rig->regions[1] = (DioRegion){ "finisher", &finisher_ops, rig, NULL, 0x1000 };
  rig->regions[2] = (DioRegion){ "mtime", &mtime_ops, rig, NULL, 8 };
  g_assert_true (dio_space_map_io (machine->space, 0x10000000, &rig->regions[0]));
  g_assert_true (dio_space_map_io (machine->space, RIG_FINISHER, &rig->regions[1]));
  g_assert_true (dio_space_map_io (machine->space, 0x200bff8, &rig->regions[2]));
  machine->clock = dio_clock_new ();
  machine->loop = dio_loop_new ("rig", &error);
  g_assert_no_error (error);
  machine->n_cpus = harts;
  machine->cpus = g_new0 (DioCpu *, harts);
  for (unsigned i = 0; i < harts; i++) {
    machine->cpus[i] = dio_cpu_riscv64.create (machine, i, &error);
    g_assert_no_error (error);
    dio_rv_set_entry (machine->cpus[i], RIG_RAM, i, 0, 0);
  }
  rig->hart = (DioRiscv64 *) machine->cpus[0];
  dio_clock_start (machine->clock);
  return rig;
}

void
rig_free (Rig *rig)
{
  DioMachine *machine = &rig->machine;
  for (unsigned i = 0; i < machine->n_cpus; i++)
    dio_cpu_riscv64.free (machine->cpus[i]);
  g_free (machine->cpus);
  if (machine->compiler)
    machine->compiler->free (machine->jit);
  dio_loop_free (machine->loop);
  dio_clock_free (machine->clock);
  for (unsigned i = 0; i < G_N_ELEMENTS (rig->regions); i++)
    dio_space_unmap_io (machine->space, &rig->regions[i]);
  dio_space_free (machine->space);
  dio_ram_free (machine->ram);
  g_string_free (rig->output, TRUE);
  g_free (rig);
}

void
rig_load (Rig *rig, DioGpa gpa, const void *data, size_t length)
{
  memcpy (rig->machine.ram->host + (gpa - RIG_RAM), data, length);
  dio_ram_note_write (rig->machine.ram, gpa - RIG_RAM, length);
}

typedef struct {
  DioCpu *cpu;
  GMutex mutex;
  GCond cond;
  bool done;
  int64_t until;
} Watchdog;

static void *
watchdog_thread (void *data)
{
  Watchdog *dog = data;
  g_mutex_lock (&dog->mutex);
  while (!dog->done && g_cond_wait_until (&dog->cond, &dog->mutex, dog->until)) {
  }
  g_mutex_unlock (&dog->mutex);
  dio_cpu_kick (dog->cpu);
  return NULL;
}

bool
rig_run (Rig *rig, int64_t timeout_us)
{
  DioCpu *cpu = &rig->hart->interp.cpu;
  Watchdog dog = { .cpu = cpu, .until = g_get_monotonic_time () + timeout_us };
  g_mutex_init (&dog.mutex);
  g_cond_init (&dog.cond);
  GThread *thread = g_thread_new ("watchdog", watchdog_thread, &dog);
  while (!rig->finished && g_get_monotonic_time () < dog.until) {
    atomic_store (&cpu->kicked, DIO_KICK_NONE);
    if (cpu->type->run (cpu) == DIO_EXIT_HALT)
      dio_cpu_sleep (cpu);
  }
  g_mutex_lock (&dog.mutex);
  dog.done = true;
  g_cond_signal (&dog.cond);
  g_mutex_unlock (&dog.mutex);
  g_thread_join (thread);
  g_mutex_clear (&dog.mutex);
  g_cond_clear (&dog.cond);
  return rig->finished;
}
