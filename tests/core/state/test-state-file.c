/* SPDX-License-Identifier: GPL-3.0-or-later
 * State files: sections come back as they were, damage is seen, and few bytes cannot become many.
 */
#include "core/state/state-file.h"

#include <string.h>
#include <sys/mman.h>
#include <zstd.h>

#include "core/base/base-error.h"
#include "core/state/store-private.h"

#define NAME "a.state"
#define HEAD 64
#define ENTRY 80

typedef struct {
  char *folder;
  int dir;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->folder = g_dir_make_tmp ("dio-state-XXXXXX", NULL);
  f->dir = dio_file_open (dio_files_host (), AT_FDCWD, f->folder, O_RDONLY | O_DIRECTORY, 0);
  g_assert_cmpint (f->dir, >=, 0);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_file_close (dio_files_host (), f->dir);
  g_assert_true (dio_file_remove_tree (dio_files_host (), AT_FDCWD, f->folder, NULL));
  g_free (f->folder);
}

static void
test_sections (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioStateFile) file = dio_state_file_new ();
  g_autoptr (GBytes) devices = g_bytes_new ("some devices", 12);
  g_autoptr (GBytes) none = g_bytes_new (NULL, 0);
  dio_state_file_add (file, DIO_STATE_DEVICES, devices);
  dio_state_file_add (file, DIO_STATE_THUMBNAIL, none);
  g_assert_true (dio_state_file_write (file, dio_files_host (), f->dir, NAME, NULL, &error));
  g_autoptr (DioStateFile) all =
      dio_state_file_read (dio_files_host (), f->dir, NAME, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (dio_state_file_get (all, DIO_STATE_DEVICES), devices));
  g_assert_true (g_bytes_equal (dio_state_file_get (all, DIO_STATE_THUMBNAIL), none));
  g_assert_null (dio_state_file_get (all, DIO_STATE_RAM));
  g_autoptr (DioStateFile) one =
      dio_state_file_read (dio_files_host (), f->dir, NAME, DIO_STATE_THUMBNAIL, &error);
  g_assert_nonnull (dio_state_file_get (one, DIO_STATE_THUMBNAIL));
  g_assert_null (dio_state_file_get (one, DIO_STATE_DEVICES));
}

/* What could not be read again is not written. */
static void
test_too_large (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  size_t half = DIO_STATE_FILE_MAX_BYTES / 2 + 1;
  void *zeros = mmap (NULL, half, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  g_assert_true (zeros != MAP_FAILED);
  g_autoptr (DioStateFile) file = dio_state_file_new ();
  g_autoptr (GBytes) bytes = g_bytes_new_static (zeros, half);
  dio_state_file_add (file, "one", bytes);
  dio_state_file_add (file, "two", bytes);
  g_assert_false (dio_state_file_write (file, dio_files_host (), f->dir, NAME, NULL, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED);
  munmap (zeros, half);
}

static void
put64 (uint8_t *at, uint64_t value)
{
  value = GUINT64_TO_LE (value);
  memcpy (at, &value, sizeof value);
}

/* A file of @n sections, all of the same few bytes that unpack to @length. */
static void
write_bomb (Fixture *f, unsigned n, size_t length)
{
  g_autofree uint8_t *zeros = g_malloc0 (length);
  g_autofree uint8_t *packed = g_malloc (ZSTD_compressBound (length));
  size_t size = ZSTD_compress (packed, ZSTD_compressBound (length), zeros, length, 3);
  size_t total = HEAD + n * ENTRY + size;
  g_autofree uint8_t *bytes = g_malloc0 (total);
  DioChunkId sum;
  memcpy (bytes, "DIOSTATE", 8);
  put64 (bytes + 8, 1);
  put64 (bytes + 16, n);
  memcpy (bytes + HEAD + n * ENTRY, packed, size);
  g_assert_true (dio_chunk_hash (packed, size, &sum));
  for (unsigned i = 0; i < n; i++) {
    uint8_t *entry = bytes + HEAD + i * ENTRY;
    memcpy (entry, "x", 2);
    put64 (entry + 16, HEAD + n * ENTRY);
    put64 (entry + 24, size);
    put64 (entry + 32, length);
    memcpy (entry + 48, sum.bytes, sizeof sum.bytes);
  }
  g_assert_true (dio_chunk_hash (bytes + HEAD, n * ENTRY, &sum));
  memcpy (bytes + 24, sum.bytes, sizeof sum.bytes);
  g_autofree char *path = g_build_filename (f->folder, NAME, NULL);
  g_assert_true (g_file_set_contents (path, (char *) bytes, (gssize) total, NULL));
}

/* Sixteen times 64 MiB out of some kilobytes: each is allowed, all of them are not. */
static void
test_bomb (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  write_bomb (f, 2, 1 << 20);
  g_autoptr (DioStateFile) two =
      dio_state_file_read (dio_files_host (), f->dir, NAME, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (two);
  write_bomb (f, 16, 64 << 20);
  g_assert_null (dio_state_file_read (dio_files_host (), f->dir, NAME, NULL, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/core/state/file/sections", Fixture, NULL, set_up, test_sections, tear_down);
  g_test_add ("/core/state/file/too-large", Fixture, NULL, set_up, test_too_large, tear_down);
  g_test_add ("/core/state/file/bomb", Fixture, NULL, set_up, test_bomb, tear_down);
  return g_test_run ();
}
