/* SPDX-License-Identifier: GPL-3.0-or-later
 * The flash: what firmware does with it, what it must not do, and the file behind it. */
#include "hw/firmware/flash.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base-error.h"
#include "tests/support/files-fail.h"
#include "tests/support/hw-bench.h"

#define BASE UINT64_C (0x4000000)
#define SECTORS 4
#define SIZE (SECTORS * DIO_FLASH_SECTOR)

/* A command for both chips. */
#define BOTH(byte) ((byte) | (byte) << 16)

typedef struct {
  DioHwBench *bench;
  DioDevice *flash;
  char *folder, *path;
} Fixture;

static DioDevice *
add_flash (DioHwBench *bench)
{
  DioDevice *dev = dio_device_new (&dio_cfi_flash_type, "flash1");

  g_assert_true (dio_device_set (dev, "size", "1M", NULL));
  dio_hw_bench_add (bench, dev, BASE, 0);
  return dev;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->bench = dio_hw_bench_new ();
  f->flash = add_flash (f->bench);
  f->folder = g_dir_make_tmp ("test-flash-XXXXXX", NULL);
  f->path = g_build_filename (f->folder, "variables.fd", NULL);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_hw_bench_free (f->bench);
  g_unlink (f->path);
  g_assert_cmpint (g_rmdir (f->folder), ==, 0); /* nothing else was left */
  g_free (f->folder);
  g_free (f->path);
}

static uint32_t
rd (Fixture *f, uint64_t offset)
{
  return (uint32_t) dio_hw_bench_read (f->bench, BASE + offset, 4);
}

static void
wr (Fixture *f, uint64_t offset, uint32_t value)
{
  dio_hw_bench_write (f->bench, BASE + offset, 4, value);
}

static void
command (Fixture *f, uint64_t offset, uint32_t byte)
{
  wr (f, offset, BOTH (byte));
}

static void
assert_ready (Fixture *f)
{
  g_assert_cmphex (rd (f, 0), ==, BOTH (0x80u));
}

static void
program (Fixture *f, uint64_t offset, uint32_t value)
{
  command (f, offset, 0x40);
  wr (f, offset, value);
  assert_ready (f);
  command (f, offset, 0xff);
}

static void
erase (Fixture *f, uint64_t offset)
{
  command (f, offset, 0x20);
  command (f, offset, 0xd0);
  assert_ready (f);
  command (f, offset, 0xff);
}

static void
test_query (Fixture *f, gconstpointer data)
{
  command (f, 0x55 * 4, 0x98);
  g_assert_cmphex (rd (f, 0x10 * 4), ==, BOTH ('Q'));
  g_assert_cmphex (rd (f, 0x11 * 4), ==, BOTH ('R'));
  g_assert_cmphex (rd (f, 0x12 * 4), ==, BOTH ('Y'));
  g_assert_cmphex (rd (f, 0x13 * 4), ==, BOTH (1));
  g_assert_cmphex (rd (f, 0x31 * 4), ==, BOTH ('P'));
  /* Sizes of one chip: bytes, buffer, sectors, their size in 256 bytes. */
  g_assert_cmpuint (UINT64_C (1) << (rd (f, 0x27 * 4) & 0xff), ==, SIZE / 2);
  g_assert_cmpuint (1u << (rd (f, 0x2a * 4) & 0xff), ==, 1024);
  g_assert_cmpuint (rd (f, 0x2c * 4) & 0xff, ==, 1);
  g_assert_cmpuint (rd (f, 0x2d * 4) & 0xff, ==, SECTORS - 1);
  g_assert_cmpuint ((rd (f, 0x30 * 4) & 0xff) << 16, ==, DIO_FLASH_SECTOR / 2);
  g_assert_cmphex (rd (f, 0), ==, 0);
  g_assert_cmphex (rd (f, 0x200 * 4), ==, 0);
  /* By bytes and halves, of which every second is the other chip's. */
  g_assert_cmphex (dio_hw_bench_read (f->bench, BASE + 0x40, 1), ==, 'Q');
  g_assert_cmphex (dio_hw_bench_read (f->bench, BASE + 0x41, 1), ==, 0);
  g_assert_cmphex (dio_hw_bench_read (f->bench, BASE + 0x42, 2), ==, 'Q');

  command (f, 0, 0x90);
  g_assert_cmphex (rd (f, 0), ==, BOTH (0x89u));
  g_assert_cmphex (rd (f, 4), ==, BOTH (0x18));
  g_assert_cmphex (rd (f, 8), ==, 0); /* not locked */
  command (f, 0, 0xff);
  g_assert_cmphex (rd (f, 0), ==, UINT32_MAX);
}

static void
test_program (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (rd (f, 0x100), ==, UINT32_MAX);
  program (f, 0x100, 0x12345678);
  g_assert_cmphex (rd (f, 0x100), ==, 0x12345678);
  g_assert_cmphex (rd (f, 0xfc), ==, UINT32_MAX);
  g_assert_cmphex (rd (f, 0x104), ==, UINT32_MAX);
  /* Ones do not come back but by erasing. */
  program (f, 0x100, 0xff00ff00);
  g_assert_cmphex (rd (f, 0x100), ==, 0x12005600);
  program (f, DIO_FLASH_SECTOR, 0xcafe);
  erase (f, 0x80);
  g_assert_cmphex (rd (f, 0x100), ==, UINT32_MAX);
  g_assert_cmphex (rd (f, DIO_FLASH_SECTOR), ==, 0xcafe);

  /* The last bytes there are, one by one. */
  command (f, 0, 0x40);
  dio_hw_bench_write (f->bench, BASE + SIZE - 1, 1, 0x5a);
  command (f, 0, 0xff);
  g_assert_cmphex (rd (f, SIZE - 4), ==, 0x5affffff);
}

static void
fill (Fixture *f, uint64_t offset, unsigned words, uint32_t first)
{
  command (f, offset, 0xe8);
  assert_ready (f);
  wr (f, offset, BOTH (words - 1));
  for (unsigned i = 0; i < words; i++)
    wr (f, offset + 4 * i, first + i);
}

static void
test_buffer (Fixture *f, gconstpointer data)
{
  fill (f, 0x1000, 32, 0x100);
  command (f, 0x1000, 0xd0);
  assert_ready (f);
  command (f, 0, 0xff);
  for (unsigned i = 0; i < 32; i++)
    g_assert_cmphex (rd (f, 0x1000 + 4 * i), ==, 0x100 + i);
  g_assert_cmphex (rd (f, 0xffc), ==, UINT32_MAX);
  g_assert_cmphex (rd (f, 0x1080), ==, UINT32_MAX);

  /* Nothing is programmed without the confirmation. */
  fill (f, 0x2000, 2, 7);
  command (f, 0x2000, 0xff);
  g_assert_cmphex (rd (f, 0) & 0x30, ==, 0x30);
  command (f, 0, 0x50);
  g_assert_cmphex (rd (f, 0x2000), ==, UINT32_MAX);
}

static void
test_misuse (Fixture *f, gconstpointer data)
{
  /* A buffer does not reach into the next one. */
  command (f, 0x7fc, 0xe8);
  wr (f, 0x7fc, BOTH (1));
  wr (f, 0x7fc, 1);
  wr (f, 0x800, 2);
  g_assert_cmphex (rd (f, 0), ==, BOTH (0x90u));
  command (f, 0, 0xd0);
  command (f, 0, 0x50);
  g_assert_cmphex (rd (f, 0x7fc), ==, UINT32_MAX);
  g_assert_cmphex (rd (f, 0x800), ==, UINT32_MAX);
  /* More words than it has. */
  command (f, 0, 0xe8);
  wr (f, 0, BOTH (0xffffu));
  g_assert_cmphex (rd (f, 0) & 0xff, ==, 0xb0);
  command (f, 0, 0x50);
  /* Erasing without, and with a wrong, confirmation. */
  program (f, 0, 0x1234);
  command (f, 0, 0x20);
  command (f, 0, 0xff);
  g_assert_cmphex (rd (f, 0), ==, 0x1234);
  command (f, 0, 0x20);
  command (f, 0, 0x10);
  g_assert_cmphex (rd (f, 0) & 0xff, ==, 0xb0);
  command (f, 0, 0x70); /* the errors stay until they are cleared */
  g_assert_cmphex (rd (f, 0) & 0xff, ==, 0xb0);
  command (f, 0, 0x50);
  g_assert_cmphex (rd (f, 0), ==, 0x1234);
  /* Locks are taken note of, and no more. */
  command (f, 0, 0x60);
  command (f, 0, 0x01);
  assert_ready (f);
  program (f, 4, 0x5678);
  g_assert_cmphex (rd (f, 4), ==, 0x5678);
  command (f, 0, 0x33);
  g_assert_cmphex (rd (f, 0), ==, 0x1234);
}

static void
set_file (Fixture *f, DioFiles *files)
{
  g_autoptr (GError) error = NULL;

  dio_flash_set_file (f->flash, files, f->path, &error);
  g_assert_no_error (error);
}

static void
flush (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  dio_flash_flush (f->flash, &error);
  g_assert_no_error (error);
}

/* The length and one word of the file. */
static void
assert_file (Fixture *f, size_t length, size_t offset, uint32_t value)
{
  g_autofree char *bytes = NULL;
  g_autoptr (GError) error = NULL;
  uint32_t word;
  gsize n;

  g_file_get_contents (f->path, &bytes, &n, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n, ==, length);
  if (!length)
    return;
  memcpy (&word, bytes + offset, sizeof word);
  g_assert_cmphex (GUINT32_FROM_LE (word), ==, value);
}

/* Another machine with the same file. */
static void
restart (Fixture *f)
{
  dio_hw_bench_free (f->bench);
  f->bench = dio_hw_bench_new ();
  f->flash = add_flash (f->bench);
}

static void
test_file (Fixture *f, gconstpointer data)
{
  set_file (f, dio_files_host ());
  flush (f);
  assert_file (f, 0, 0, 0);
  program (f, DIO_FLASH_SECTOR + 8, 0xabcd);
  flush (f);
  assert_file (f, 2 * DIO_FLASH_SECTOR, DIO_FLASH_SECTOR + 8, 0xabcd);
  assert_file (f, 2 * DIO_FLASH_SECTOR, 8, UINT32_MAX);
  /* The end of the machine waits for what is on its way, as pausing does. */
  program (f, 0, 0x1111);
  restart (f);
  assert_file (f, 2 * DIO_FLASH_SECTOR, 0, 0x1111);
  set_file (f, dio_files_host ());
  g_assert_cmphex (rd (f, 0), ==, 0x1111);
  g_assert_cmphex (rd (f, DIO_FLASH_SECTOR + 8), ==, 0xabcd);
  g_assert_cmphex (rd (f, 2 * DIO_FLASH_SECTOR), ==, UINT32_MAX);
  erase (f, DIO_FLASH_SECTOR);
  f->flash->type->drain (f->flash);
  assert_file (f, DIO_FLASH_SECTOR, 0, 0x1111);
}

/* Without being asked to. */
static void
test_writes_soon (Fixture *f, gconstpointer data)
{
  g_autofree char *bytes = NULL;
  gsize length = 0;

  set_file (f, dio_files_host ());
  program (f, 0, 0x2222);
  for (unsigned i = 0; i < 500 && length != DIO_FLASH_SECTOR; i++) {
    g_usleep (10000);
    g_clear_pointer (&bytes, g_free);
    g_file_get_contents (f->path, &bytes, &length, NULL);
  }
  g_assert_cmpuint (length, ==, DIO_FLASH_SECTOR);
}

/* A disk that is full takes nothing away, and what could not be written is written later. */
static void
test_failure (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  FilesFail fail;

  files_fail_init (&fail, dio_files_host ());
  set_file (f, &fail.files);
  program (f, 0, 0x3333);
  flush (f);
  fail.ops = FILES_OP (DIO_FILE_OP_WRITE);
  fail.error = ENOSPC;
  fail.for_ever = true;
  fail.count = 0;
  fail.nth = 1;
  program (f, 0, 0x3300);
  g_assert_false (f->flash->type->settle (f->flash, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_NO_SPACE);
  assert_file (f, DIO_FLASH_SECTOR, 0, 0x3333);
  g_assert_cmphex (rd (f, 0), ==, 0x3300);
  fail.nth = 0;
  flush (f);
  assert_file (f, DIO_FLASH_SECTOR, 0, 0x3300);
}

static void
test_template (Fixture *f, gconstpointer data)
{
  g_autofree char *bytes = g_malloc0 (SIZE);
  g_autofree char *source = g_build_filename (f->folder, "template.fd", NULL);
  g_autoptr (GError) error = NULL;

  memset (bytes, 0x77, 16);
  g_assert_true (g_file_set_contents (source, bytes, SIZE, NULL));
  dio_flash_load_template (f->flash, dio_files_host (), source, &error);
  g_assert_no_error (error);
  g_assert_cmphex (rd (f, 0), ==, 0x77777777);
  g_assert_cmphex (rd (f, 16), ==, 0);
  g_assert_cmphex (rd (f, DIO_FLASH_SECTOR), ==, UINT32_MAX);
  set_file (f, dio_files_host ());
  flush (f);
  assert_file (f, DIO_FLASH_SECTOR, 0, 0x77777777);
  /* Zeros of one's own are zeros. */
  program (f, DIO_FLASH_SECTOR, 0);
  restart (f);
  set_file (f, dio_files_host ());
  g_assert_cmphex (rd (f, DIO_FLASH_SECTOR), ==, 0);
  g_unlink (source);
}

static void
test_bad_files (Fixture *f, gconstpointer data)
{
  g_autofree char *bytes = g_malloc0 (SIZE + 1);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (f->path, bytes, SIZE + 1, NULL));
  g_assert_false (dio_flash_set_file (f->flash, dio_files_host (), f->path, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, f->path));
  g_clear_error (&error);
  g_assert_false (dio_flash_set_file (f->flash, dio_files_host (), f->folder, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_IO);
  g_clear_error (&error);
  g_unlink (f->path);
  g_assert_false (dio_flash_load_template (f->flash, dio_files_host (), f->path, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_cmpint (symlink ("/etc/passwd", f->path), ==, 0);
  g_assert_false (dio_flash_set_file (f->flash, dio_files_host (), f->path, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_IO);
  /* None of this was taken as the file. */
  program (f, 0, 1);
  flush (f);
}

/* Going back to a snapshot takes the file along. */
static void
test_snapshot (Fixture *f, gconstpointer data)
{
  set_file (f, dio_files_host ());
  program (f, 0, 0x4444);
  command (f, 0, 0xe8);
  g_autoptr (GBytes) saved = dio_hw_bench_save (f->flash);
  wr (f, 0, 0);
  wr (f, 4, 0x5555);
  command (f, 0, 0xd0);
  command (f, 0, 0xff);
  program (f, DIO_FLASH_SECTOR, 0x6666);
  flush (f);
  dio_hw_bench_load (f->flash, saved, true);
  assert_ready (f);
  flush (f);
  assert_file (f, 2 * DIO_FLASH_SECTOR, DIO_FLASH_SECTOR, 0x6666); /* it may yet not come to it */
  f->flash->type->resume (f->flash);
  flush (f);
  assert_file (f, DIO_FLASH_SECTOR, 0, 0x4444);
  wr (f, 0, 0); /* goes on where it was */
  wr (f, 4, 0x7777);
  command (f, 0, 0xd0);
  command (f, 0, 0xff);
  g_assert_cmphex (rd (f, 4), ==, 0x7777);
}

/* One that is damaged leaves the file alone, as the machine does not go on from it. */
static void
test_bad_snapshot (Fixture *f, gconstpointer data)
{
  set_file (f, dio_files_host ());
  program (f, DIO_FLASH_SECTOR, 0x8888);
  g_autoptr (GBytes) saved = dio_hw_bench_save (f->flash);
  program (f, 0, 0x9999);
  flush (f);
  for (gsize cut = 8; cut < g_bytes_get_size (saved); cut += 16000) {
    g_autoptr (GBytes) part = g_bytes_new_from_bytes (saved, 0, g_bytes_get_size (saved) - cut);
    dio_hw_bench_load (f->flash, part, false);
  }
  restart (f);
  assert_file (f, 2 * DIO_FLASH_SECTOR, 0, 0x9999);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                        \
  g_test_add ("/hw/firmware/flash/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("query", test_query);
  ADD ("program", test_program);
  ADD ("buffer", test_buffer);
  ADD ("misuse", test_misuse);
  ADD ("file", test_file);
  ADD ("writes-soon", test_writes_soon);
  ADD ("failure", test_failure);
  ADD ("template", test_template);
  ADD ("bad-files", test_bad_files);
  ADD ("snapshot", test_snapshot);
  ADD ("bad-snapshot", test_bad_snapshot);
#undef ADD
  return g_test_run ();
}
