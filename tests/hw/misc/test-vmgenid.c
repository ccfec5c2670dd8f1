/* SPDX-License-Identifier: GPL-3.0-or-later
 * The generation identifier: when it changes, and how the guest hears of it. */
#include "hw/misc/vmgenid.h"

#include <string.h>

#include "tests/support/hw-bench.h"

#define BASE UINT64_C (0x102000)

typedef struct {
  DioHwBench *bench;
  DioDevice *dev;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->bench = dio_hw_bench_new ();
  f->dev = dio_device_new (&dio_vmgenid_type, "vmgenid");
  dio_hw_bench_add (f->bench, f->dev, BASE, 0);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_hw_bench_free (f->bench);
}

static void
get_id (Fixture *f, uint8_t *id)
{
  for (unsigned i = 0; i < DIO_VMGENID_BYTES; i++)
    id[i] = (uint8_t) dio_hw_bench_read (f->bench, BASE + i, 1);
}

static void
restored (Fixture *f, bool again)
{
  pthread_mutex_lock (&f->dev->lock);
  f->dev->type->restored (f->dev, again);
  pthread_mutex_unlock (&f->dev->lock);
}

static void
test_id (Fixture *f, gconstpointer data)
{
  static const uint8_t nothing[DIO_VMGENID_BYTES];
  uint8_t first[DIO_VMGENID_BYTES], now[DIO_VMGENID_BYTES];
  get_id (f, first);
  g_assert_true (memcmp (first, nothing, sizeof first) != 0);
  g_assert_false (dio_hw_bench_level (f->bench, 0));
  /* Bytes in order, however wide they are read. */
  uint64_t low = GUINT64_TO_LE (dio_hw_bench_read (f->bench, BASE, 8));
  uint32_t word = GUINT32_TO_LE ((uint32_t) dio_hw_bench_read (f->bench, BASE + 12, 4));
  g_assert_true (memcmp (&low, first, 8) == 0 && memcmp (&word, first + 12, 4) == 0);
  g_assert_cmphex (dio_hw_bench_read (f->bench, BASE + 16, 8), ==, 0);
  /* Nobody writes it, and a reset is no new life. */
  dio_hw_bench_write (f->bench, BASE, 8, 1);
  dio_device_reset (f->dev);
  get_id (f, now);
  g_assert_cmpmem (first, sizeof first, now, sizeof now);
  /* Another machine has another. */
  Fixture other;
  set_up (&other, NULL);
  get_id (&other, now);
  g_assert_true (memcmp (first, now, sizeof now) != 0);
  tear_down (&other, NULL);
}

static void
test_again (Fixture *f, gconstpointer data)
{
  uint8_t first[DIO_VMGENID_BYTES], now[DIO_VMGENID_BYTES], third[DIO_VMGENID_BYTES];
  get_id (f, first);
  g_autoptr (GBytes) state = dio_hw_bench_save (f->dev);
  /* A suspended machine is what it was. */
  dio_hw_bench_load (f->dev, state, true);
  restored (f, false);
  g_assert_false (dio_hw_bench_level (f->bench, 0));
  get_id (f, now);
  g_assert_cmpmem (first, sizeof first, now, sizeof now);
  /* One that was here before is told so, until it has looked. */
  dio_hw_bench_load (f->dev, state, true);
  restored (f, true);
  g_assert_true (dio_hw_bench_level (f->bench, 0));
  g_autoptr (GBytes) waiting = dio_hw_bench_save (f->dev);
  get_id (f, now);
  g_assert_false (dio_hw_bench_level (f->bench, 0));
  g_assert_true (memcmp (first, now, sizeof now) != 0);
  /* And each time with another. */
  dio_hw_bench_load (f->dev, state, true);
  restored (f, true);
  get_id (f, third);
  g_assert_true (memcmp (now, third, sizeof now) != 0);
  /* What was not seen before a suspend is seen after it. */
  dio_hw_bench_load (f->dev, waiting, true);
  restored (f, false);
  g_assert_true (dio_hw_bench_level (f->bench, 0));
  get_id (f, third);
  g_assert_cmpmem (now, sizeof now, third, sizeof third);
}

/* What the machine keeps: across cold starts and a suspend, not where it is another. */
static void
test_kept (Fixture *f, gconstpointer data)
{
  static const uint8_t nothing[DIO_VMGENID_BYTES];
  uint8_t kept[DIO_VMGENID_BYTES], other[DIO_VMGENID_BYTES], now[DIO_VMGENID_BYTES];
  memset (kept, 0x51, sizeof kept);
  memset (other, 0xa7, sizeof other);
  get_id (f, now);
  dio_vmgenid_set (f->dev, nothing);
  get_id (f, other);
  g_assert_cmpmem (now, sizeof now, other, sizeof other);
  memset (other, 0xa7, sizeof other);

  dio_vmgenid_set (f->dev, kept);
  dio_device_reset (f->dev);
  get_id (f, now);
  g_assert_cmpmem (now, sizeof now, kept, sizeof kept);
  g_assert_false (dio_hw_bench_level (f->bench, 0));
  g_autoptr (GBytes) state = dio_hw_bench_save (f->dev);
  dio_hw_bench_load (f->dev, state, true);
  restored (f, false);
  g_assert_false (dio_hw_bench_level (f->bench, 0));
  get_id (f, now);
  g_assert_cmpmem (now, sizeof now, kept, sizeof kept);
  /* Nobody knows why it is told to change without another one. */
  restored (f, true);
  g_assert_true (dio_hw_bench_level (f->bench, 0));
  get_id (f, now);
  g_assert_true (memcmp (now, kept, sizeof now) != 0);
  /* Another machine has the state; it does not matter whether that was suspended. */
  for (unsigned again = 0; again < 2; again++) {
    dio_vmgenid_set (f->dev, other);
    dio_hw_bench_load (f->dev, state, true);
    restored (f, again != 0);
    g_assert_true (dio_hw_bench_level (f->bench, 0));
    get_id (f, now);
    g_assert_cmpmem (now, sizeof now, other, sizeof other);
    g_assert_false (dio_hw_bench_level (f->bench, 0));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/hw/misc/vmgenid/id", Fixture, NULL, set_up, test_id, tear_down);
  g_test_add ("/hw/misc/vmgenid/again", Fixture, NULL, set_up, test_again, tear_down);
  g_test_add ("/hw/misc/vmgenid/kept", Fixture, NULL, set_up, test_kept, tear_down);
  return g_test_run ();
}
