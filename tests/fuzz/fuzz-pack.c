/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes the packs of the chunk store: the input is one. With an odd first byte, which then becomes
 * what it has to be, the checksum of the index is made right first, so that what lies behind it is
 * reached. What can be got from it is got, marked but for every third, and swept; what was marked
 * is there afterwards as it was. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/state/store-private.h"

#define PACK_NAME "fuzz.pack"
#define SUMMED 24     /* bytes of the tail that its sum covers */
#define MAX_CHUNKS 64 /* that are looked at */

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static char folder[] = "/tmp/dio-fuzz-pack-XXXXXX";
static int dir = -1;

static void
silent (const char *domain, GLogLevelFlags level, const char *message, void *data)
{
}

static void
clean_up (void)
{
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
make_right (uint8_t *data, size_t size)
{
  data[0] = 'D';
  if (size < DIO_PACK_HEAD + DIO_PACK_TAIL)
    return;
  uint8_t *tail = data + size - DIO_PACK_TAIL;
  uint64_t end = get64 (tail + 16);
  DioChunkId sum;
  if (end <= size - DIO_PACK_TAIL
      && dio_chunk_hash (data + end, size - DIO_PACK_TAIL - end + SUMMED, &sum))
    memcpy (tail + SUMMED, sum.bytes, sizeof sum.bytes);
}

static void
write_pack (const uint8_t *data, size_t size)
{
  int fd = openat (dir, PACK_NAME, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0 || write (fd, data, size) != (ssize_t) size)
    abort ();
  close (fd);
}

/* The chunks of all packs, up to MAX_CHUNKS. */
static GArray *
list_chunks (DioStore *store)
{
  GArray *entries = g_array_new (FALSE, FALSE, sizeof (DioPackEntry));
  for (guint i = 0; i < store->packs->len; i++) {
    const DioPack *pack = g_ptr_array_index (store->packs, i);
    for (uint64_t j = 0; j < pack->n_entries && entries->len < MAX_CHUNKS; j++)
      g_array_append_val (entries, pack->entries[j]);
  }
  return entries;
}

static bool
get_hash (DioStore *store, const DioPackEntry *entry, DioChunkId *hash)
{
  g_autofree uint8_t *chunk = g_malloc (entry->raw);
  return dio_store_get (store, &entry->id, chunk, entry->raw, NULL)
         && dio_chunk_hash (chunk, entry->raw, hash);
}

static void
look_and_sweep (DioStore *store)
{
  DioChunkId before[MAX_CHUNKS], after;
  bool good[MAX_CHUNKS];
  uint64_t damaged, freed;
  g_autoptr (GArray) entries = list_chunks (store);
  g_autoptr (DioStoreMarks) marks = dio_store_marks_new (store, NULL);
  for (guint i = 0; i < entries->len; i++) {
    const DioPackEntry *entry = &g_array_index (entries, DioPackEntry, i);
    if (!dio_store_has (store, &entry->id))
      abort ();
    good[i] = get_hash (store, entry, &before[i]);
    if (i % 3)
      dio_store_mark (marks, &entry->id);
  }
  dio_store_verify (store, NULL, NULL, &damaged, NULL);
  if (!dio_store_sweep (marks, NULL, NULL, &freed, NULL))
    return;
  for (guint i = 0; i < entries->len; i++) {
    const DioPackEntry *entry = &g_array_index (entries, DioPackEntry, i);
    if (i % 3 && good[i]
        && (!get_hash (store, entry, &after) || memcmp (&after, &before[i], sizeof after) != 0))
      abort ();
  }
}

static void
remove_packs (void)
{
  g_autoptr (DioStore) store = dio_store_open (dio_files_host (), dir, true, NULL);
  g_auto (GStrv) names = dio_store_list_packs (store);
  for (char **name = names; *name; name++)
    dio_file_unlink (dio_files_host (), dir, *name, 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  set_up ();
  g_autofree uint8_t *copy = g_memdup2 (data, size);
  if (size && data[0] & 1)
    make_right (copy, size);
  write_pack (copy, size);
  DioStore *store = dio_store_open (dio_files_host (), dir, true, NULL);
  if (!store)
    abort ();
  DioStoreInfo info;
  dio_store_get_info (store, &info);
  if (info.packs)
    look_and_sweep (store);
  dio_store_free (store);
  remove_packs ();
  return 0;
}
