/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes the reading of state files: the input is a file. With an odd first byte, which then
 * becomes what it has to be, the checksums are made right first, so that what lies behind them is
 * reached. What can be read is written and read again, and its memory is looked for in an empty
 * store. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/state/state-file.h"
#include "core/state/state-ram.h"
#include "core/state/store-private.h"

#define HEAD 64
#define ENTRY 80
#define FILE_NAME "fuzz.state"
#define COPY_NAME "copy.state"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static char folder[] = "/tmp/dio-fuzz-state-XXXXXX";
static int dir = -1;
static DioStore *store;

static void
silent (const char *domain, GLogLevelFlags level, const char *message, void *data)
{
}

static void
clean_up (void)
{
  dio_store_free (store);
  dio_file_remove_tree (dio_files_host (), AT_FDCWD, folder, NULL);
}

static void
set_up (void)
{
  if (dir >= 0)
    return;
  g_log_set_default_handler (silent, NULL);
  if (!mkdtemp (folder))
    abort ();
  dir = dio_file_open (dio_files_host (), AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
  store = dio_store_open (dio_files_host (), dir, true, NULL);
  if (!store)
    abort ();
  atexit (clean_up);
}

static uint64_t
get64 (const uint8_t *at)
{
  uint64_t value;
  memcpy (&value, at, sizeof value);
  return GUINT64_FROM_LE (value);
}

static void
put_sum (uint8_t *at, const uint8_t *data, size_t length)
{
  DioChunkId sum;
  if (dio_chunk_hash (data, length, &sum))
    memcpy (at, sum.bytes, sizeof sum.bytes);
}

/* The sums of all that lies within the file. */
static void
make_right (uint8_t *data, size_t size)
{
  uint64_t n = size >= HEAD ? get64 (data + 16) : 0;
  data[0] = 'D';
  if (n > DIO_STATE_FILE_MAX_SECTIONS || size < HEAD + n * ENTRY)
    return;
  for (uint64_t i = 0; i < n; i++) {
    uint8_t *entry = data + HEAD + i * ENTRY;
    uint64_t offset = get64 (entry + 16), length = get64 (entry + 24);
    if (offset <= size && length <= size - offset)
      put_sum (entry + 48, data + offset, length);
  }
  put_sum (data + 24, data + HEAD, n * ENTRY);
}

static void
write_file (const char *name, const uint8_t *data, size_t size)
{
  int fd = openat (dir, name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0 || write (fd, data, size) != (ssize_t) size)
    abort ();
  close (fd);
}

static void
look_at_memory (DioStateFile *file)
{
  GBytes *bytes = dio_state_file_get (file, DIO_STATE_RAM);
  if (!bytes)
    return;
  DioVisitor *visitor = dio_visitor_new_load (bytes);
  dio_ram_map_free (dio_ram_map_load (visitor, store, NULL, NULL));
  dio_visitor_finish_load (visitor, NULL);
}

static void
write_again (DioStateFile *file)
{
  static const char *const names[] = { DIO_STATE_DEVICES, DIO_STATE_RAM, DIO_STATE_CONFIG,
                                       DIO_STATE_THUMBNAIL };
  if (!dio_state_file_write (file, dio_files_host (), dir, COPY_NAME, NULL, NULL))
    abort ();
  g_autoptr (DioStateFile) copy =
      dio_state_file_read (dio_files_host (), dir, COPY_NAME, NULL, NULL);
  if (!copy)
    abort ();
  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++) {
    GBytes *old = dio_state_file_get (file, names[i]), *new = dio_state_file_get (copy, names[i]);
    if (!old != !new || (old && !g_bytes_equal (old, new)))
      abort ();
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  set_up ();
  g_autofree uint8_t *copy = g_memdup2 (data, size);
  if (size && data[0] & 1)
    make_right (copy, size);
  write_file (FILE_NAME, copy, size);
  g_autoptr (DioStateFile) one =
      dio_state_file_read (dio_files_host (), dir, FILE_NAME, DIO_STATE_CONFIG, NULL);
  g_autoptr (DioStateFile) file =
      dio_state_file_read (dio_files_host (), dir, FILE_NAME, NULL, NULL);
  if (!file)
    return 0;
  look_at_memory (file);
  write_again (file);
  return 0;
}
