/* SPDX-License-Identifier: GPL-3.0-or-later
 * The PL031: time, setting it, alarm, identification. */
#include "hw/rtc/pl031.h"

#include "tests/support/hw-bench.h"

#define BASE UINT64_C (0x9010000)

enum { DR = 0, MR = 4, LR = 8, CR = 12, IMSC = 16, RIS = 20, MIS = 24, ICR = 28 };

typedef struct {
  DioHwBench *bench;
  DioDevice *rtc;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->bench = dio_hw_bench_new ();
  f->rtc = dio_device_new (&dio_pl031_type, "rtc");
  dio_hw_bench_add (f->bench, f->rtc, BASE, 0);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_hw_bench_free (f->bench);
}

static uint32_t
rd (Fixture *f, unsigned reg)
{
  return (uint32_t) dio_hw_bench_read (f->bench, BASE + reg, 4);
}

static void
wr (Fixture *f, unsigned reg, uint32_t value)
{
  dio_hw_bench_write (f->bench, BASE + reg, 4, value);
}

static void
test_time (Fixture *f, gconstpointer data)
{
  uint32_t before = (uint32_t) (g_get_real_time () / G_USEC_PER_SEC);
  g_assert_cmpuint (rd (f, DR) - before, <=, 1);
  wr (f, LR, 1000);
  g_assert_cmpuint (rd (f, DR) - 1000, <=, 1);
  g_assert_cmpuint (rd (f, LR), ==, 1000);
  /* It goes on through a reset. */
  dio_device_reset (f->rtc);
  g_assert_cmpuint (rd (f, DR) - 1000, <=, 1);
  g_assert_cmpuint (rd (f, CR), ==, 1);
}

static void
test_alarm (Fixture *f, gconstpointer data)
{
  wr (f, IMSC, 1);
  wr (f, MR, rd (f, DR) + 1);
  g_assert_false (dio_hw_bench_level (f->bench, 0));
  g_assert_true (dio_hw_bench_wait (f->bench, 0, true));
  g_assert_cmpuint (rd (f, RIS), ==, 1);
  g_assert_cmpuint (rd (f, MIS), ==, 1);
  wr (f, IMSC, 0);
  g_assert_false (dio_hw_bench_level (f->bench, 0));
  wr (f, IMSC, 1);
  wr (f, ICR, 1);
  g_assert_false (dio_hw_bench_level (f->bench, 0));
  g_assert_cmpuint (rd (f, RIS), ==, 0);
  /* In the past: at once. */
  wr (f, MR, rd (f, DR) - 5);
  g_assert_true (dio_hw_bench_level (f->bench, 0));
}

/* By which drivers find it. */
static void
test_identification (Fixture *f, gconstpointer data)
{
  static const uint8_t id[] = { 0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };
  for (unsigned i = 0; i < sizeof id; i++)
    g_assert_cmphex (rd (f, 0xfe0 + 4 * i), ==, id[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/hw/rtc/pl031/time", Fixture, NULL, set_up, test_time, tear_down);
  g_test_add ("/hw/rtc/pl031/alarm", Fixture, NULL, set_up, test_alarm, tear_down);
  g_test_add ("/hw/rtc/pl031/identification", Fixture, NULL, set_up, test_identification,
              tear_down);
  return g_test_run ();
}
