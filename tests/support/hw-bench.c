/* SPDX-License-Identifier: GPL-3.0-or-later
 * A bench for single devices. */
#include "tests/support/hw-bench.h"

static void
line_set (void *opaque, unsigned number, bool level)
{
  DioHwBench *bench = opaque;

  if (!bench->lines[number].level && level)
    bench->lines[number].rises++;
  bench->lines[number].level = level;
}

DioHwBench *
dio_hw_bench_new (void)
{
  DioHwBench *bench = g_new0 (DioHwBench, 1);

  bench->machine = support_machine_new (DIO_HW_BENCH_RAM_SIZE);
  dio_clock_start (bench->machine->clock);
  return bench;
}

void
dio_hw_bench_free (DioHwBench *bench)
{
  support_machine_free (bench->machine);
  g_free (bench);
}

void
dio_hw_bench_add (DioHwBench *bench, DioDevice *dev, DioGpa gpa, unsigned line)
{
  DioSystemDevice *sys = (DioSystemDevice *) dev;
  g_autoptr (GError) error = NULL;

  dio_device_attach (dev, bench->machine, &error);
  g_assert_no_error (error);
  if (sys->n_regions)
    dio_system_device_map (sys, 0, gpa, &error);
  g_assert_no_error (error);
  for (unsigned i = 0; i < sys->n_irqs; i++)
    dio_system_device_connect (sys, i, dio_hw_bench_irq (bench, line + i));
  dio_device_reset (dev);
}

DioIrq
dio_hw_bench_irq (DioHwBench *bench, unsigned line)
{
  g_assert_cmpuint (line, <, DIO_HW_BENCH_LINES);
  return (DioIrq){ line_set, bench, line };
}

bool
dio_hw_bench_level (DioHwBench *bench, unsigned line)
{
  return bench->lines[line].level;
}

unsigned
dio_hw_bench_rises (DioHwBench *bench, unsigned line)
{
  unsigned rises = bench->lines[line].rises;
  bench->lines[line].rises -= rises;
  return rises;
}

bool
dio_hw_bench_wait (DioHwBench *bench, unsigned line, bool level)
{
  for (unsigned i = 0; i < 5000 && bench->lines[line].level != level; i++)
    g_usleep (1000);
  return bench->lines[line].level == level;
}

uint64_t
dio_hw_bench_read (DioHwBench *bench, DioGpa gpa, unsigned size)
{
  uint64_t value = 0;

  g_assert_cmpint (dio_space_read (bench->machine->space, gpa, size, &value), ==, DIO_ACCESS_OK);
  return value;
}

void
dio_hw_bench_write (DioHwBench *bench, DioGpa gpa, unsigned size, uint64_t value)
{
  g_assert_cmpint (dio_space_write (bench->machine->space, gpa, size, value), ==, DIO_ACCESS_OK);
}

GBytes *
dio_hw_bench_save (DioDevice *dev)
{
  DioVisitor *visitor = dio_visitor_new_save ();

  dio_device_visit (dev, visitor);
  return dio_visitor_finish_save (visitor);
}

void
dio_hw_bench_load (DioDevice *dev, GBytes *bytes, bool expect)
{
  DioVisitor *visitor = dio_visitor_new_load (bytes);
  g_autoptr (GError) error = NULL;

  dio_device_visit (dev, visitor);
  bool loaded = dio_visitor_finish_load (visitor, &error);
  if (expect)
    g_assert_no_error (error);
  g_assert_cmpint (loaded, ==, expect);
}

static void
nothing (void *data)
{
}

void
dio_hw_bench_sync (DioHwBench *bench)
{
  dio_loop_call (bench->machine->loop, nothing, NULL);
}
