/* SPDX-License-Identifier: GPL-3.0-or-later
 * Collection of chunks that nobody wants any more, and the check of all that are there.
 *
 * Marking needs no lock: the packs of the marks do not change, and a mark is one atomic bit, so any
 * number of threads may walk the snapshots at a time. Sweeping goes pack by pack; each step leaves
 * a complete store, so it may end anywhere, by a wish or by a power cut. */
#include <stdatomic.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/state/store-private.h"

typedef struct {
  DioPack *pack;
  _Atomic uint8_t *bits;
} Marked;

struct DioStoreMarks {
  DioStore *store;
  uint64_t generation;
  Marked *packs;
  guint n_packs;
};

DioStoreMarks *
dio_store_marks_new (DioStore *store, GError **error)
{
  bool good = true;
  DioStoreMarks *marks = g_new0 (DioStoreMarks, 1);
  marks->store = store;
  pthread_rwlock_rdlock (&store->lock);
  marks->generation = store->generation;
  marks->n_packs = store->packs->len;
  marks->packs = g_new0 (Marked, marks->n_packs + 1);
  for (guint i = 0; i < marks->n_packs; i++) {
    Marked *marked = &marks->packs[i];
    marked->pack = dio_pack_ref (g_ptr_array_index (store->packs, i));
    marked->bits = g_try_malloc0 (marked->pack->n_entries / 8 + 1);
    good &= marked->bits != NULL;
  }
  pthread_rwlock_unlock (&store->lock);
  if (!good) {
    g_clear_pointer (&marks, dio_store_marks_free);
    dio_store_fail_memory (error);
  }
  return marks;
}

void
dio_store_marks_free (DioStoreMarks *marks)
{
  if (!marks)
    return;
  for (guint i = 0; i < marks->n_packs; i++) {
    dio_pack_unref (marks->packs[i].pack);
    g_free ((void *) marks->packs[i].bits);
  }
  g_free (marks->packs);
  g_free (marks);
}

bool
dio_store_mark (DioStoreMarks *marks, const DioChunkId *id)
{
  if (dio_chunk_id_is_zero (id))
    return false;
  /* Of a chunk that is there twice, one is enough; always the same one. */
  for (guint i = 0; i < marks->n_packs; i++) {
    const DioPackEntry *entry = dio_pack_find (marks->packs[i].pack, id);
    if (!entry)
      continue;
    size_t number = (size_t) (entry - marks->packs[i].pack->entries);
    uint8_t bit = (uint8_t) (1u << (number % 8));
    return !(atomic_fetch_or (&marks->packs[i].bits[number / 8], bit) & bit);
  }
  return true;
}

static bool
is_marked (const Marked *marked, uint64_t number)
{
  return (marked->bits[number / 8] >> (number % 8)) & 1;
}

/* Bytes of the pack that are wanted. */
static uint64_t
wanted_bytes (const Marked *marked)
{
  uint64_t bytes = 0;
  for (uint64_t i = 0; i < marked->pack->n_entries; i++)
    if (is_marked (marked, i))
      bytes += DIO_PACK_RECORD + DIO_PACK_ENTRY + (uint64_t) marked->pack->entries[i].stored;
  return bytes;
}

static bool
interrupted (DioStore *store, GError **error)
{
  if (!atomic_load (&store->writers_wait))
    return false;
  g_set_error (error, DIO_ERROR, DIO_ERROR_BUSY, "%s", _ ("A snapshot is being taken"));
  return true;
}

/* Copies what is wanted; contents are compared with their names, so that damage does not spread. */
static bool
copy_wanted (DioStore *store, const Marked *marked, DioStoreWriter *writer, GError **error)
{
  g_autofree uint8_t *data = g_try_malloc (DIO_CHUNK_MAX);
  if (!data)
    return dio_store_fail_memory (error);
  for (uint64_t i = 0; i < marked->pack->n_entries; i++) {
    const DioPackEntry *entry = &marked->pack->entries[i];
    DioChunkId id;
    if (!is_marked (marked, i))
      continue;
    if (interrupted (store, error))
      return false;
    g_autofree uint8_t *stored = dio_pack_read (marked->pack, entry, error);
    if (!stored || !dio_store_unpack (store, marked->pack, entry, stored, data, error))
      return false;
    if (!dio_chunk_hash (data, entry->raw, &id)
        || memcmp (id.bytes, entry->id.bytes, sizeof id.bytes) != 0) {
      g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("The snapshot file “%s” is damaged"),
                   marked->pack->name);
      return false;
    }
    if (!dio_store_put_stored (writer, entry, stored, error))
      return false;
  }
  return dio_store_commit (writer, error);
}

/* One pack; *@freed grows. */
static bool
sweep_pack (DioStore *store, const Marked *marked, uint64_t *freed, GError **error)
{
  uint64_t wanted = wanted_bytes (marked);
  if (wanted > marked->pack->size / 2)
    return true;
  uint64_t taken = 0;
  if (wanted) {
    g_autoptr (GError) local = NULL;
    g_autoptr (DioStoreWriter) writer = dio_store_begin_locked (store);
    if (!copy_wanted (store, marked, writer, &local)) {
      /* A damaged pack stays as it is: some of it may be saved yet. */
      if (g_error_matches (local, DIO_ERROR, DIO_ERROR_FORMAT))
        return true;
      g_propagate_error (error, g_steal_pointer (&local));
      return false;
    }
    taken = dio_store_writer_size (writer);
  }
  *freed += marked->pack->size - MIN (taken, marked->pack->size);
  dio_store_remove_pack (store, marked->pack);
  return true;
}

static bool
sweep_all (DioStoreMarks *marks, DioFileProgress progress, void *data, uint64_t *freed,
           GError **error)
{
  DioStore *store = marks->store;
  for (guint i = 0; i < marks->n_packs; i++) {
    if (progress && !progress (i, marks->n_packs, data)) {
      g_set_error (error, DIO_ERROR, DIO_ERROR_CANCELLED, "%s", _ ("Cancelled"));
      return false;
    }
    if (interrupted (store, error) || !sweep_pack (store, &marks->packs[i], freed, error))
      return false;
  }
  return true;
}

bool
dio_store_sweep (DioStoreMarks *marks, DioFileProgress progress, void *data, uint64_t *freed,
                 GError **error)
{
  DioStore *store = marks->store;
  uint64_t sum = 0;
  g_return_val_if_fail (store->writable, false);

  if (freed)
    *freed = 0;
  bool good = false;
  pthread_mutex_lock (&store->writer_lock);
  if (store->generation != marks->generation)
    g_set_error (error, DIO_ERROR, DIO_ERROR_BUSY, "%s", _ ("A snapshot is being taken"));
  else
    good = sweep_all (marks, progress, data, &sum, error);
  /* The marks are used up: what they say of rewritten packs is no longer so. */
  marks->generation = UINT64_MAX;
  if (sum)
    dio_file_sync (store->files, store->dir_fd);
  pthread_mutex_unlock (&store->writer_lock);
  if (freed)
    *freed = sum;
  return good;
}

/* ---- Verifying ---- */

/* False with an @error only when it could not be found out. */
static bool
is_as_named (DioStore *store, const DioPack *pack, const DioPackEntry *entry, uint8_t *data,
             GError **error)
{
  DioChunkId id;
  g_autoptr (GError) local = NULL;
  g_autofree uint8_t *stored = dio_pack_read (pack, entry, &local);
  if (stored && dio_store_unpack (store, pack, entry, stored, data, &local))
    return dio_chunk_hash (data, entry->raw, &id)
           && memcmp (id.bytes, entry->id.bytes, sizeof id.bytes) == 0;
  if (g_error_matches (local, DIO_ERROR, DIO_ERROR_MEMORY))
    g_propagate_error (error, g_steal_pointer (&local));
  return false;
}

bool
dio_store_verify (DioStore *store, DioFileProgress progress, void *data, uint64_t *damaged,
                  GError **error)
{
  g_autoptr (DioStoreMarks) packs = dio_store_marks_new (store, error);
  g_autofree uint8_t *chunk = g_try_malloc (DIO_CHUNK_MAX);
  uint64_t total = 0, done = 0;
  *damaged = 0;
  if (!packs)
    return false;
  if (!chunk)
    return dio_store_fail_memory (error);
  for (guint i = 0; i < packs->n_packs; i++)
    total += packs->packs[i].pack->n_entries;
  for (guint i = 0; i < packs->n_packs; i++) {
    const DioPack *pack = packs->packs[i].pack;
    for (uint64_t j = 0; j < pack->n_entries; j++, done++) {
      if (progress && done % 256 == 0 && !progress (done, total, data)) {
        g_set_error (error, DIO_ERROR, DIO_ERROR_CANCELLED, "%s", _ ("Cancelled"));
        return false;
      }
      GError *local = NULL;
      if (!is_as_named (store, pack, &pack->entries[j], chunk, &local))
        ++*damaged;
      if (local) {
        g_propagate_error (error, local);
        return false;
      }
    }
  }
  return true;
}
