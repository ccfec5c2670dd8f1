/* SPDX-License-Identifier: GPL-3.0-or-later
 * No memory for the flash: what the guest programs is refused by the status, files and snapshots by
 * an error, and all goes on afterwards. */
#include <glib/gstdio.h>
#include <string.h>

#include "core/base/base-error.h"
#include "hw/firmware/flash.h"
#include "tests/support/hw-bench.h"
#include "tests/support/oom.h"

#define BASE UINT64_C (0x4000000)
#define SIZE (4 * DIO_FLASH_SECTOR)
#define BOTH(byte) ((byte) | (byte) << 16)

typedef struct {
  DioHwBench *bench;
  DioDevice *flash;
  char *folder, *path;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->bench = dio_hw_bench_new ();
  f->flash = dio_device_new (&dio_cfi_flash_type, "flash1");
  g_assert_true (dio_device_set (f->flash, "size", "1M", NULL));
  dio_hw_bench_add (f->bench, f->flash, BASE, 0);
  f->folder = g_dir_make_tmp ("test-flash-XXXXXX", NULL);
  f->path = g_build_filename (f->folder, "variables.fd", NULL);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_hw_bench_free (f->bench);
  g_unlink (f->path);
  g_assert_cmpint (g_rmdir (f->folder), ==, 0);
  g_free (f->folder);
  g_free (f->path);
}

/* Programs one word and gives the status. */
static uint32_t
program (Fixture *f, uint64_t offset, uint32_t value)
{
  dio_hw_bench_write (f->bench, BASE + offset, 4, BOTH (0x50u));
  dio_hw_bench_write (f->bench, BASE + offset, 4, BOTH (0x40u));
  dio_hw_bench_write (f->bench, BASE + offset, 4, value);
  uint32_t status = (uint32_t) dio_hw_bench_read (f->bench, BASE, 4);
  dio_hw_bench_write (f->bench, BASE, 4, BOTH (0xffu));
  return status;
}

static void
test_program (Fixture *f, gconstpointer data)
{
  oom_arm (1);
  g_assert_cmphex (program (f, 0, 0x12345678), ==, BOTH (0x90u));
  g_assert_true (oom_disarm ());
  g_assert_cmphex (dio_hw_bench_read (f->bench, BASE, 4), ==, UINT32_MAX);
  g_assert_cmphex (program (f, 0, 0x12345678), ==, BOTH (0x80u));
  g_assert_cmphex (dio_hw_bench_read (f->bench, BASE, 4), ==, 0x12345678);
}

static void
test_files (Fixture *f, gconstpointer is_template)
{
  g_autofree char *contents = g_malloc (SIZE);
  unsigned failures = 0;
  memset (contents, 0x5a, SIZE);
  g_assert_true (g_file_set_contents (f->path, contents, (gssize) SIZE, NULL));
  for (;;) {
    g_autoptr (GError) error = NULL;
    oom_arm (failures + 1);
    bool good = is_template ? dio_flash_load_template (f->flash, dio_files_host (), f->path, &error)
                            : dio_flash_set_file (f->flash, dio_files_host (), f->path, &error);
    bool failed = oom_disarm ();
    g_assert_true (good == !failed);
    if (good)
      break;
    g_assert_error (error, DIO_ERROR, DIO_ERROR_MEMORY);
    failures++;
  }
  g_assert_cmpuint (failures, ==, 5); /* the file and four sectors */
  g_assert_cmphex (dio_hw_bench_read (f->bench, BASE + SIZE - 4, 4), ==, 0x5a5a5a5a);
}

/* The file is as it was, and is written when there is memory again. */
static void
test_write (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_assert_true (dio_flash_set_file (f->flash, dio_files_host (), f->path, &error));
  g_assert_cmphex (program (f, 4, 0x11111111), ==, BOTH (0x80u));
  g_assert_true (dio_flash_flush (f->flash, &error));
  /* Refused to the worker or to the flush, whoever comes first. */
  oom_arm (1);
  g_assert_cmphex (program (f, 8, 0x22222222), ==, BOTH (0x80u));
  bool good = dio_flash_flush (f->flash, &error);
  g_assert_true (oom_disarm ());
  if (!good)
    g_assert_error (error, DIO_ERROR, DIO_ERROR_MEMORY);
  g_assert_true (dio_flash_flush (f->flash, NULL));
  g_autofree char *contents = NULL;
  gsize length;
  g_assert_true (g_file_get_contents (f->path, &contents, &length, NULL));
  g_assert_cmpmem (contents, MIN (length, 12), "\xff\xff\xff\xff\x11\x11\x11\x11\x22\x22\x22\x22",
                   12);
}

static bool
load (Fixture *f, GBytes *bytes, GError **error)
{
  DioVisitor *visitor = dio_visitor_new_load (bytes);
  dio_device_visit (f->flash, visitor);
  return dio_visitor_finish_load (visitor, error);
}

static void
test_snapshot (Fixture *f, gconstpointer data)
{
  unsigned failures = 0;
  for (uint64_t at = 0; at < SIZE; at += DIO_FLASH_SECTOR)
    program (f, at, 0x01020304);
  g_autoptr (GBytes) bytes = NULL;
  for (; !bytes; failures++) {
    DioVisitor *visitor = dio_visitor_new_save ();
    oom_arm (failures + 1);
    dio_device_visit (f->flash, visitor);
    bytes = dio_visitor_finish_save (visitor);
    g_assert_true (oom_disarm () == !bytes);
  }
  g_assert_cmpuint (failures, >, 2);
  for (failures = 0;; failures++) {
    g_autoptr (GError) error = NULL;
    program (f, 0, 0);
    oom_arm (failures + 1);
    bool good = load (f, bytes, &error);
    g_assert_true (oom_disarm () == !good);
    g_assert_cmphex (dio_hw_bench_read (f->bench, BASE, 4), ==, good ? 0x01020304 : 0);
    if (good)
      break;
    g_assert_error (error, DIO_ERROR, DIO_ERROR_MEMORY);
  }
  g_assert_cmpuint (failures, ==, 4);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func, data)                                                                      \
  g_test_add ("/hw/firmware/flash/oom/" name, Fixture, data, set_up, func, tear_down)
  ADD ("program", test_program, NULL);
  ADD ("file", test_files, NULL);
  ADD ("template", test_files, "template");
  ADD ("write", test_write, NULL);
  ADD ("snapshot", test_snapshot, NULL);
#undef ADD
  return g_test_run ();
}
