/* SPDX-License-Identifier: GPL-3.0-or-later
 * The core-local interruptor: software interrupts, compare registers, time. */
#include "hw/timer/aclint.h"

#include "tests/support/hw-bench.h"

#define BASE UINT64_C (0x2000000)
#define MSIP(hart) (BASE + 4 * (hart))
#define MTIMECMP(hart) (BASE + 0x4000 + 8 * (hart))
#define MTIME (BASE + 0xbff8)

/* Lines. */
#define SOFTWARE(hart) (2 * (hart))
#define TIMER(hart) (2 * (hart) + 1)

typedef struct {
  DioHwBench *bench;
  DioDevice *aclint;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->bench = dio_hw_bench_new ();
  f->aclint = dio_device_new (&dio_aclint_type, "aclint");
  g_assert_true (dio_device_set (f->aclint, "harts", "3", NULL));
  dio_hw_bench_add (f->bench, f->aclint, BASE, 0);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_hw_bench_free (f->bench);
}

static void
test_software (Fixture *f, gconstpointer data)
{
  dio_hw_bench_write (f->bench, MSIP (1), 4, 0xffffffff);
  g_assert_cmphex (dio_hw_bench_read (f->bench, MSIP (1), 4), ==, 1);
  g_assert_true (dio_hw_bench_level (f->bench, SOFTWARE (1)));
  g_assert_false (dio_hw_bench_level (f->bench, SOFTWARE (0)));
  g_assert_false (dio_hw_bench_level (f->bench, SOFTWARE (2)));
  dio_hw_bench_write (f->bench, MSIP (1), 4, 0xfffffffe);
  g_assert_false (dio_hw_bench_level (f->bench, SOFTWARE (1)));

  /* A wide access reaches two harts. */
  dio_hw_bench_write (f->bench, MSIP (0), 8, UINT64_C (0x100000001));
  g_assert_true (dio_hw_bench_level (f->bench, SOFTWARE (0)));
  g_assert_true (dio_hw_bench_level (f->bench, SOFTWARE (1)));
  g_assert_cmphex (dio_hw_bench_read (f->bench, MSIP (0), 8), ==, UINT64_C (0x100000001));

  dio_hw_bench_write (f->bench, MSIP (0), 8, UINT64_C (0x100000000));
  g_assert_false (dio_hw_bench_level (f->bench, SOFTWARE (0)));
  g_assert_true (dio_hw_bench_level (f->bench, SOFTWARE (1)));

  /* Harts that do not exist. */
  dio_hw_bench_write (f->bench, MSIP (3), 4, 1);
  dio_hw_bench_write (f->bench, MSIP (4095), 4, 1);
  g_assert_cmphex (dio_hw_bench_read (f->bench, MSIP (3), 4), ==, 0);
  dio_hw_bench_write (f->bench, MTIMECMP (3), 8, 0);
  dio_hw_bench_write (f->bench, MTIMECMP (4094), 8, 0);
  g_assert_cmphex (dio_hw_bench_read (f->bench, MTIMECMP (4094), 8), ==, 0);
}

static void
test_time (Fixture *f, gconstpointer data)
{
  /* 10 MHz of virtual time. */
  dio_clock_stop (f->bench->machine->clock);
  dio_clock_set (f->bench->machine->clock, INT64_C (123456789012345));
  g_assert_cmpuint (dio_hw_bench_read (f->bench, MTIME, 8), ==, UINT64_C (1234567890123));
  g_assert_cmpuint (dio_hw_bench_read (f->bench, MTIME, 4), ==, 1234567890123 & 0xffffffff);
  g_assert_cmpuint (dio_hw_bench_read (f->bench, MTIME + 4, 4), ==, 1234567890123 >> 32);
  dio_hw_bench_write (f->bench, MTIME, 8, 0);
  g_assert_cmpuint (dio_hw_bench_read (f->bench, MTIME, 8), ==, UINT64_C (1234567890123));
}

static void
test_compare (Fixture *f, gconstpointer data)
{
  for (unsigned hart = 0; hart < 3; hart++)
    g_assert_false (dio_hw_bench_level (f->bench, TIMER (hart)));

  /* In 3 ms. */
  uint64_t deadline = dio_hw_bench_read (f->bench, MTIME, 8) + 30000;
  dio_hw_bench_write (f->bench, MTIMECMP (2), 8, deadline);
  g_assert_cmpuint (dio_hw_bench_read (f->bench, MTIMECMP (2), 8), ==, deadline);
  g_assert_true (dio_hw_bench_wait (f->bench, TIMER (2), true));
  g_assert_cmpuint (dio_hw_bench_read (f->bench, MTIME, 8), >=, deadline);
  g_assert_false (dio_hw_bench_level (f->bench, TIMER (0)));

  /* Moving the compare register on takes the interrupt back at once. */
  dio_hw_bench_write (f->bench, MTIMECMP (2), 8, deadline + 10000000000);
  g_assert_false (dio_hw_bench_level (f->bench, TIMER (2)));
  /* The past counts at once, the end of time never. */
  dio_hw_bench_write (f->bench, MTIMECMP (2), 8, 0);
  g_assert_true (dio_hw_bench_level (f->bench, TIMER (2)));
  dio_hw_bench_write (f->bench, MTIMECMP (2), 8, UINT64_MAX);
  g_assert_false (dio_hw_bench_level (f->bench, TIMER (2)));
  dio_hw_bench_write (f->bench, MTIMECMP (2), 8, INT64_MAX / 100 + 1);
  g_assert_false (dio_hw_bench_level (f->bench, TIMER (2)));
}

static void
test_halves (Fixture *f, gconstpointer data)
{
  /* As 32-bit software writes it (PrivSpec 3.2.1): no spurious interrupt in between. */
  dio_hw_bench_write (f->bench, MTIMECMP (0) + 4, 4, 0xffffffff);
  dio_hw_bench_write (f->bench, MTIMECMP (0), 4, 0x11223344);
  g_assert_false (dio_hw_bench_level (f->bench, TIMER (0)));
  dio_hw_bench_write (f->bench, MTIMECMP (0) + 4, 4, 0x55667788);
  g_assert_cmphex (dio_hw_bench_read (f->bench, MTIMECMP (0), 8), ==,
                   UINT64_C (0x5566778811223344));
  g_assert_cmphex (dio_hw_bench_read (f->bench, MTIMECMP (0), 4), ==, 0x11223344);
  g_assert_cmphex (dio_hw_bench_read (f->bench, MTIMECMP (0) + 4, 4), ==, 0x55667788);
}

static void
test_pause (Fixture *f, gconstpointer data)
{
  /* Time that stands still brings no interrupt; afterwards it comes. */
  uint64_t deadline = dio_hw_bench_read (f->bench, MTIME, 8) + 1500000;
  dio_hw_bench_write (f->bench, MTIMECMP (1), 8, deadline);
  dio_clock_stop (f->bench->machine->clock);
  g_usleep (200000);
  g_assert_false (dio_hw_bench_level (f->bench, TIMER (1)));
  dio_clock_start (f->bench->machine->clock);
  dio_loop_clock_changed (f->bench->machine->loop);
  g_assert_true (dio_hw_bench_wait (f->bench, TIMER (1), true));
}

static void
test_reset (Fixture *f, gconstpointer data)
{
  dio_hw_bench_write (f->bench, MTIMECMP (1), 8, 0);
  dio_hw_bench_write (f->bench, MSIP (2), 4, 1);
  dio_device_reset (f->aclint);
  g_assert_false (dio_hw_bench_level (f->bench, TIMER (1)));
  g_assert_false (dio_hw_bench_level (f->bench, SOFTWARE (2)));
  g_assert_cmphex (dio_hw_bench_read (f->bench, MTIMECMP (1), 8), ==, UINT64_MAX);
}

static void
test_state (Fixture *f, gconstpointer data)
{
  dio_hw_bench_write (f->bench, MTIMECMP (1), 8, 1);
  dio_hw_bench_write (f->bench, MSIP (2), 4, 1);
  g_autoptr (GBytes) saved = dio_hw_bench_save (f->aclint);
  dio_device_reset (f->aclint);
  dio_hw_bench_load (f->aclint, saved, true);
  g_assert_true (dio_hw_bench_level (f->bench, TIMER (1)));
  g_assert_true (dio_hw_bench_level (f->bench, SOFTWARE (2)));
  g_assert_false (dio_hw_bench_level (f->bench, TIMER (0)));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                        \
  g_test_add ("/hw/timer/aclint/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("software", test_software);
  ADD ("time", test_time);
  ADD ("compare", test_compare);
  ADD ("halves", test_halves);
  ADD ("pause", test_pause);
  ADD ("reset", test_reset);
  ADD ("state", test_state);
#undef ADD
  return g_test_run ();
}
