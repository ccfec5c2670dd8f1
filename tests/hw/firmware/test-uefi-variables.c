/* SPDX-License-Identifier: GPL-3.0-or-later
 * What counts as a store of firmware variables. */
#include "hw/firmware/uefi-variables.h"

#include <string.h>

#include "core/base/base-error.h"
#include "hw/firmware/flash.h"
#include "tests/support/hw-bench.h"

#define BASE UINT64_C (0x4000000)
#define HEADER 72

typedef struct {
  DioHwBench *bench;
  DioDevice *flash;
  uint8_t store[HEADER + 28]; /* what EDK II writes first */
} Fixture;

static void
put (Fixture *f, unsigned offset, uint64_t value, unsigned size)
{
  value = GUINT64_TO_LE (value);
  memcpy (f->store + offset, &value, size);
}

static void
sum_up (Fixture *f)
{
  uint16_t sum = 0;

  put (f, 50, 0, 2);
  for (unsigned i = 0; i < HEADER; i += 2)
    sum = (uint16_t) (sum + f->store[i] + (f->store[i + 1] << 8));
  put (f, 50, (uint16_t) -sum, 2);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->bench = dio_hw_bench_new ();
  f->flash = dio_device_new (&dio_cfi_flash_type, "flash1");
  g_assert_true (dio_device_set (f->flash, "size", "1M", NULL));
  dio_hw_bench_add (f->bench, f->flash, BASE, 0);
  put (f, 32, 0xc0000, 8);
  memcpy (f->store + 40, "_FVH", 4);
  put (f, 48, HEADER, 2);
  put (f, HEADER + 16, 0x3ffb8, 4);
  put (f, HEADER + 20, 0xfe5a, 2);
  sum_up (f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_hw_bench_free (f->bench);
}

static void
expect (Fixture *f, bool good)
{
  g_autoptr (GError) error = NULL;

  dio_hw_bench_write (f->bench, BASE, 4, 0x200020);
  dio_hw_bench_write (f->bench, BASE, 4, 0xd000d0);
  for (unsigned i = 0; i < sizeof f->store; i += 4) {
    uint32_t word;
    memcpy (&word, f->store + i, 4);
    dio_hw_bench_write (f->bench, BASE + i, 4, 0x400040);
    dio_hw_bench_write (f->bench, BASE + i, 4, GUINT32_FROM_LE (word));
  }
  g_assert_cmpint (dio_uefi_variables_check (f->flash, "/the/file", &error), ==, good);
  if (good)
    return;
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "/the/file"));
}

static void
test_good (Fixture *f, gconstpointer data)
{
  g_assert_true (dio_uefi_variables_check (f->flash, "", NULL)); /* erased */
  expect (f, true);
}

/* Every byte of the headers that says something, wrong; and lengths that lead out of the flash. */
static void
test_damaged (Fixture *f, gconstpointer data)
{
  static const uint16_t lengths[] = { 0, 70, 73, 1026, 0xffff };

  for (unsigned i = 0; i < HEADER; i++) {
    f->store[i] ^= 0x10;
    expect (f, false);
    f->store[i] ^= 0x10;
  }
  for (unsigned i = 0; i < G_N_ELEMENTS (lengths); i++) {
    put (f, 48, lengths[i], 2);
    sum_up (f);
    expect (f, false);
  }
  put (f, 48, HEADER, 2);
  put (f, 32, 0x100001, 8);
  sum_up (f);
  expect (f, false);
  put (f, 32, 20, 8); /* less than its header */
  sum_up (f);
  expect (f, false);
  put (f, 32, 0xc0000, 8);
  sum_up (f);
  expect (f, true);
  put (f, HEADER + 16, 0xc0000, 4);
  expect (f, false);
  put (f, HEADER + 16, 27, 4);
  expect (f, false);
  put (f, HEADER + 16, 0x3ffb8, 4);
  put (f, HEADER + 20, 0x5a, 2);
  expect (f, false);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/hw/uefi-variables/good", Fixture, NULL, set_up, test_good, tear_down);
  g_test_add ("/hw/uefi-variables/damaged", Fixture, NULL, set_up, test_damaged, tear_down);
  return g_test_run ();
}
