/* SPDX-License-Identifier: GPL-3.0-or-later
 * The Goldfish clock: time, setting it, alarm. */
#include "hw/rtc/goldfish-rtc.h"

#include "tests/support/hw-bench.h"

#define BASE UINT64_C (0x101000)
#define MS UINT64_C (1000000)

enum {
  TIME_LOW = 0x00,
  TIME_HIGH = 0x04,
  ALARM_LOW = 0x08,
  ALARM_HIGH = 0x0c,
  IRQ_ENABLED = 0x10,
  CLEAR_ALARM = 0x14,
  ALARM_STATUS = 0x18,
  CLEAR_INTERRUPT = 0x1c,
};

typedef struct {
  DioHwBench *bench;
  DioDevice *rtc;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->bench = dio_hw_bench_new ();
  f->rtc = dio_device_new (&dio_goldfish_rtc_type, "rtc");
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
  return dio_hw_bench_read (f->bench, BASE + reg, 4);
}

static void
wr (Fixture *f, unsigned reg, uint32_t value)
{
  dio_hw_bench_write (f->bench, BASE + reg, 4, value);
}

static uint64_t
now (Fixture *f)
{
  uint64_t low = rd (f, TIME_LOW);
  return (uint64_t) rd (f, TIME_HIGH) << 32 | low;
}

static void
set_alarm (Fixture *f, uint64_t when)
{
  wr (f, ALARM_HIGH, when >> 32);
  wr (f, ALARM_LOW, when);
}

static void
test_time (Fixture *f, gconstpointer data)
{
  int64_t before = g_get_real_time ();
  uint64_t shown = now (f);
  int64_t after = g_get_real_time ();
  g_assert_cmpuint (shown, >=, (uint64_t) before * 1000);
  g_assert_cmpuint (shown, <=, (uint64_t) after * 1000 + 1000);

  /* The high half belongs to the last read of the low half. */
  uint32_t high = rd (f, TIME_HIGH);
  wr (f, TIME_HIGH, 0x12345678);
  wr (f, TIME_LOW, 0);
  g_assert_cmphex (rd (f, TIME_HIGH), ==, high);
  shown = now (f);
  g_assert_cmpuint (shown, >=, UINT64_C (0x1234567800000000));
  g_assert_cmpuint (shown, <, UINT64_C (0x1234567800000000) + 5000 * MS);

  /* The clock's battery outlasts a reset. */
  dio_device_reset (f->rtc);
  g_assert_cmphex (now (f) >> 40, ==, 0x123456);
}

static void
test_alarm (Fixture *f, gconstpointer data)
{
  wr (f, IRQ_ENABLED, 1);
  g_assert_cmphex (rd (f, IRQ_ENABLED), ==, 1);
  uint64_t when = now (f) + 250 * MS;
  set_alarm (f, when);
  g_assert_cmphex (rd (f, ALARM_LOW), ==, when & 0xffffffff);
  g_assert_cmphex (rd (f, ALARM_HIGH), ==, when >> 32);
  g_assert_cmpuint (rd (f, ALARM_STATUS), ==, 1);
  g_assert_false (dio_hw_bench_level (f->bench, 0));
  g_assert_true (dio_hw_bench_wait (f->bench, 0, true));
  g_assert_cmpuint (now (f), >=, when);
  g_assert_cmpuint (rd (f, ALARM_STATUS), ==, 0);
  /* Only one of these takes the interrupt away. */
  wr (f, CLEAR_ALARM, 1);
  g_assert_true (dio_hw_bench_level (f->bench, 0));
  wr (f, IRQ_ENABLED, 0);
  g_assert_false (dio_hw_bench_level (f->bench, 0));
  wr (f, IRQ_ENABLED, 1);
  g_assert_true (dio_hw_bench_level (f->bench, 0));
  wr (f, CLEAR_INTERRUPT, 1);
  g_assert_false (dio_hw_bench_level (f->bench, 0));
}

static void
test_alarm_edges (Fixture *f, gconstpointer data)
{
  wr (f, IRQ_ENABLED, 1);
  /* The past fires at once. */
  set_alarm (f, now (f) - 1);
  g_assert_true (dio_hw_bench_level (f->bench, 0));
  wr (f, CLEAR_INTERRUPT, 1);
  /* A cleared alarm does not. */
  set_alarm (f, now (f) + 250 * MS);
  wr (f, CLEAR_ALARM, 1);
  g_assert_cmpuint (rd (f, ALARM_STATUS), ==, 0);
  g_usleep (300000);
  g_assert_false (dio_hw_bench_level (f->bench, 0));
  /* Setting the clock past the alarm fires it. */
  set_alarm (f, UINT64_C (0x7000000000000000));
  g_assert_false (dio_hw_bench_level (f->bench, 0));
  wr (f, TIME_HIGH, 0x70000000);
  wr (f, TIME_LOW, 1);
  g_assert_true (dio_hw_bench_level (f->bench, 0));
  wr (f, CLEAR_INTERRUPT, 1);
  /* The end of time is far away. */
  set_alarm (f, UINT64_MAX);
  g_assert_false (dio_hw_bench_level (f->bench, 0));
  dio_device_reset (f->rtc);
  g_assert_cmpuint (rd (f, ALARM_STATUS), ==, 0);
  g_assert_cmpuint (rd (f, IRQ_ENABLED), ==, 0);
}

static void
test_state (Fixture *f, gconstpointer data)
{
  wr (f, TIME_HIGH, 0x22222222);
  wr (f, TIME_LOW, 0);
  wr (f, IRQ_ENABLED, 1);
  set_alarm (f, now (f) + 300 * MS);
  g_autoptr (GBytes) saved = dio_hw_bench_save (f->rtc);
  dio_device_reset (f->rtc);
  wr (f, TIME_HIGH, 0);
  wr (f, TIME_LOW, 0);
  dio_hw_bench_load (f->rtc, saved, true);
  g_assert_cmphex (now (f) >> 32, ==, 0x22222222);
  g_assert_cmpuint (rd (f, ALARM_STATUS), ==, 1);
  g_assert_true (dio_hw_bench_wait (f->bench, 0, true));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                        \
  g_test_add ("/hw/rtc/goldfish/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("time", test_time);
  ADD ("alarm", test_alarm);
  ADD ("alarm-edges", test_alarm_edges);
  ADD ("state", test_state);
#undef ADD
  return g_test_run ();
}
