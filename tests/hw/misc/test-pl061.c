/* SPDX-License-Identifier: GPL-3.0-or-later
 * The PL061 against its manual, and the power key. */
#include "hw/misc/pl061.h"

#include "tests/support/hw-bench.h"

#define BASE UINT64_C (0x9030000)
#define KEY (1u << DIO_PL061_POWER_KEY)

enum {
  ALL = 0x3fc, /* of the data */
  GPIODIR = 0x400,
  IS = 0x404,
  IBE = 0x408,
  IEV = 0x40c,
  IE = 0x410,
  RIS = 0x414,
  MIS = 0x418,
  IC = 0x41c,
};

typedef struct {
  DioHwBench *bench;
  DioDevice *gpio;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->bench = dio_hw_bench_new ();
  f->gpio = dio_device_new (&dio_pl061_type, "gpio");
  dio_hw_bench_add (f->bench, f->gpio, BASE, 0);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_hw_bench_free (f->bench);
}

static unsigned
rd (Fixture *f, unsigned offset)
{
  return (unsigned) dio_hw_bench_read (f->bench, BASE + offset, 4);
}

static void
wr (Fixture *f, unsigned offset, unsigned value)
{
  dio_hw_bench_write (f->bench, BASE + offset, 4, value);
}

static void
test_data (Fixture *f, gconstpointer data)
{
  static const uint8_t id[8] = { 0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };
  for (unsigned i = 0; i < 8; i++)
    g_assert_cmphex (rd (f, 0xfe0 + 4 * i), ==, id[i]);
  wr (f, ALL, 0xff); /* nothing is an output */
  g_assert_cmphex (rd (f, ALL), ==, 0);
  wr (f, GPIODIR, 0xf0);
  g_assert_cmphex (rd (f, ALL), ==, 0xf0);
  wr (f, 0x30 << 2, 0); /* these two only */
  g_assert_cmphex (rd (f, ALL), ==, 0xc0);
  g_assert_cmphex (rd (f, 0x40 << 2), ==, 0x40);
  dio_device_reset (f->gpio);
  g_assert_cmphex (rd (f, GPIODIR), ==, 0);
  g_assert_cmphex (rd (f, ALL), ==, 0);
}

/* As drivers of keys have it: both edges, and the state some time after. */
static void
test_key (Fixture *f, gconstpointer data)
{
  wr (f, IBE, KEY);
  wr (f, IE, KEY);
  g_assert_false (dio_hw_bench_level (f->bench, 0));
  dio_pl061_press_power (f->gpio);
  g_assert_true (dio_hw_bench_level (f->bench, 0));
  g_assert_cmphex (rd (f, MIS), ==, KEY);
  wr (f, IC, KEY);
  g_assert_false (dio_hw_bench_level (f->bench, 0));
  g_assert_cmphex (rd (f, ALL), ==, KEY);
  g_assert_true (dio_hw_bench_wait (f->bench, 0, true)); /* it is let go */
  g_assert_cmphex (rd (f, ALL), ==, 0);
  g_assert_cmphex (rd (f, RIS), ==, KEY);
  wr (f, IE, 0);
  g_assert_cmphex (rd (f, MIS), ==, 0);
  g_assert_false (dio_hw_bench_level (f->bench, 0));
}

static void
test_triggers (Fixture *f, gconstpointer data)
{
  /* Outputs make interrupts as inputs do. */
  wr (f, GPIODIR, 0xff);
  wr (f, IE, 0xff);
  wr (f, ALL, 1);
  g_assert_cmphex (rd (f, RIS), ==, 0); /* the falling edge is meant */
  wr (f, ALL, 0);
  g_assert_cmphex (rd (f, RIS), ==, 1);
  wr (f, IC, 1);
  wr (f, IEV, 2);
  wr (f, ALL, 3);
  g_assert_cmphex (rd (f, RIS), ==, 2);
  wr (f, IC, 2);
  wr (f, ALL, 0);
  g_assert_cmphex (rd (f, RIS), ==, 1);
  wr (f, IC, 0xff);
  /* A level cannot be cleared. */
  wr (f, IS, 0xff);
  g_assert_cmphex (rd (f, RIS), ==, 0xfd);
  wr (f, IC, 0xff);
  g_assert_cmphex (rd (f, RIS), ==, 0xfd);
  wr (f, ALL, 2);
  g_assert_cmphex (rd (f, RIS), ==, 0xff);
  wr (f, ALL, 0xfd);
  g_assert_cmphex (rd (f, RIS), ==, 0);
  g_assert_false (dio_hw_bench_level (f->bench, 0));
}

/* A key that is down when the state is saved is let go in the other machine too. */
static void
test_state (Fixture *f, gconstpointer data)
{
  Fixture other;
  wr (f, IBE, KEY);
  wr (f, IE, KEY);
  dio_pl061_press_power (f->gpio);
  wr (f, IC, KEY);
  g_autoptr (GBytes) bytes = dio_hw_bench_save (f->gpio);
  set_up (&other, NULL);
  dio_hw_bench_load (other.gpio, bytes, true);
  g_assert_cmphex (rd (&other, ALL), ==, KEY);
  g_assert_true (dio_hw_bench_wait (other.bench, 0, true));
  g_assert_cmphex (rd (&other, ALL), ==, 0);
  tear_down (&other, NULL);
}

#define ADD(name)                                                                                  \
  g_test_add ("/hw/misc/pl061/" #name, Fixture, NULL, set_up, test_##name, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD (data);
  ADD (key);
  ADD (triggers);
  ADD (state);
  return g_test_run ();
}
