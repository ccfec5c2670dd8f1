/* SPDX-License-Identifier: GPL-3.0-or-later
 * Guest RAM in the chunk store. */
#include "core/state/state-ram.h"

#include <stdatomic.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* Chunks in a leaf of the map: 16 MiB of RAM, 32 KiB of names. */
#define LEAF 1024
#define MAX_SIZE (UINT64_C (1) << 46)
#define CHUNK_PAGES (DIO_RAM_CHUNK / DIO_PAGE_SIZE)
#define MAX_WORKERS 16

/* ---- The map ---- */

static uint64_t
count_leaves (const DioRamMap *map)
{
  return (map->n + LEAF - 1) / LEAF;
}

static size_t
leaf_bytes (const DioRamMap *map, uint64_t leaf)
{
  return MIN (LEAF, map->n - leaf * LEAF) * sizeof (DioChunkId);
}

DioRamMap *
dio_ram_map_new (uint64_t size)
{
  DioRamMap *map = g_new0 (DioRamMap, 1);
  map->size = size;
  map->n = size / DIO_RAM_CHUNK;
  map->ids = g_try_malloc0_n (map->n, sizeof *map->ids);
  if (map->n && !map->ids)
    g_clear_pointer (&map, g_free);
  return map;
}

void
dio_ram_map_free (DioRamMap *map)
{
  if (!map)
    return;
  g_free (map->ids);
  g_free (map);
}

bool
dio_ram_map_save (const DioRamMap *map, DioStoreWriter *writer, DioVisitor *visitor, GError **error)
{
  uint64_t size = map->size;
  size_t length = count_leaves (map) * sizeof (DioChunkId);
  g_autofree DioChunkId *leaves = g_try_malloc (MAX (length, 1));
  if (!leaves) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY, "%s",
                 _ ("There is not enough memory for making the snapshot"));
    return false;
  }
  for (uint64_t i = 0; i < count_leaves (map); i++)
    if (!dio_store_put (writer, &map->ids[i * LEAF], leaf_bytes (map, i), &leaves[i], error))
      return false;
  uint8_t *bytes = (uint8_t *) leaves;
  dio_visit_begin (visitor, "ram", 1);
  dio_visit_u64 (visitor, "size", &size);
  dio_visit_buffer (visitor, "leaves", &bytes, &length, length);
  dio_visit_end (visitor);
  return true;
}

static DioRamMap *
load_leaves (uint64_t size, const DioChunkId *leaves, DioStore *store, DioStoreMarks *marks,
             GError **error)
{
  g_autoptr (DioRamMap) map = dio_ram_map_new (size);
  if (!map) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY, "%s",
                 _ ("There is not enough memory for the index of the snapshots"));
    return NULL;
  }
  for (uint64_t i = 0; i < count_leaves (map); i++) {
    if (marks && !dio_store_mark (marks, &leaves[i]))
      continue; /* of another snapshot; all below is marked, too */
    if (!dio_store_get (store, &leaves[i], &map->ids[i * LEAF], leaf_bytes (map, i), error))
      return NULL;
    for (uint64_t j = i * LEAF; marks && j < MIN (map->n, (i + 1) * LEAF); j++)
      dio_store_mark (marks, &map->ids[j]);
  }
  return g_steal_pointer (&map);
}

DioRamMap *
dio_ram_map_load (DioVisitor *visitor, DioStore *store, DioStoreMarks *marks, GError **error)
{
  uint64_t size = 0;
  size_t length = 0;
  g_autofree uint8_t *bytes = NULL;
  dio_visit_begin (visitor, "ram", 1);
  dio_visit_u64 (visitor, "size", &size);
  if (size > MAX_SIZE || size % DIO_RAM_CHUNK)
    dio_visitor_fail (visitor, "the memory has an impossible size");
  size_t expected = (size / DIO_RAM_CHUNK + LEAF - 1) / LEAF * sizeof (DioChunkId);
  dio_visit_buffer (visitor, "leaves", &bytes, &length, expected);
  if (length != expected)
    dio_visitor_fail (visitor, "the memory has too few parts");
  dio_visit_end (visitor);
  if (dio_visitor_failed (visitor))
    return NULL; /* the visitor tells */
  return load_leaves (size, (const DioChunkId *) bytes, store, marks, error);
}

bool
dio_ram_map_is_complete (const DioRamMap *map, DioStore *store)
{
  return dio_store_has_all (store, map->ids, map->n);
}

/* ---- Saving ---- */

typedef struct {
  DioRamFreeze *freeze;
  const DioRamMap *parent;
  DioRamMap *map;
  DioStoreWriter *writer;
  _Atomic uint64_t next, done, changed, put;
  _Atomic bool stop;
  pthread_mutex_t lock;
  pthread_cond_t idle;
  unsigned workers; /* of the pool, not finished */
  GError *error;
} Save;

static bool
is_unchanged (const Save *save, uint64_t chunk)
{
  if (!save->parent)
    return false;
  for (uint64_t page = chunk * CHUNK_PAGES; page < (chunk + 1) * CHUNK_PAGES; page++)
    if (!dio_ram_freeze_is_clean (save->freeze, page))
      return false;
  return true;
}

static void
fail_save (Save *save, GError *error)
{
  pthread_mutex_lock (&save->lock);
  if (!save->error)
    save->error = error;
  else
    g_clear_error (&error);
  pthread_mutex_unlock (&save->lock);
  atomic_store (&save->stop, true);
}

static bool
save_chunk (Save *save, uint64_t chunk, uint8_t *buffer)
{
  GError *error = NULL;
  DioChunkId *id = &save->map->ids[chunk];
  if (is_unchanged (save, chunk)) {
    *id = save->parent->ids[chunk];
    dio_ram_freeze_skip (save->freeze, chunk * CHUNK_PAGES, CHUNK_PAGES);
    return true;
  }
  atomic_fetch_add (&save->changed, DIO_RAM_CHUNK);
  if (!dio_ram_freeze_read (save->freeze, chunk * CHUNK_PAGES, CHUNK_PAGES, buffer))
    g_set_error (&error, DIO_ERROR, DIO_ERROR_MEMORY, "%s",
                 _ ("There is not enough memory for making the snapshot"));
  if (!error && dio_store_put (save->writer, buffer, DIO_RAM_CHUNK, id, &error)) {
    if (!dio_chunk_id_is_zero (id))
      atomic_fetch_add (&save->put, DIO_RAM_CHUNK);
    return true;
  }
  fail_save (save, error);
  return false;
}

/* Chunks as long as there are any; @progress on the calling thread only, before the first and then
 * whatever others did of what came since. */
static void
save_some (Save *save, DioFileProgress progress, void *data)
{
  g_autofree uint8_t *buffer = g_malloc (DIO_RAM_CHUNK);
  uint64_t tell = 0;
  while (!atomic_load (&save->stop)) {
    uint64_t done = atomic_load (&save->done);
    if (progress && done >= tell) {
      tell = done + 64;
      if (!progress (done * DIO_RAM_CHUNK, save->map->size, data)) {
        fail_save (save, g_error_new (DIO_ERROR, DIO_ERROR_CANCELLED, "%s", _ ("Cancelled")));
        return;
      }
    }
    uint64_t chunk = atomic_fetch_add (&save->next, 1);
    if (chunk >= save->map->n || !save_chunk (save, chunk, buffer))
      return;
    atomic_fetch_add (&save->done, 1);
  }
}

static void
worker (void *data)
{
  Save *save = data;
  save_some (save, NULL, NULL);
  pthread_mutex_lock (&save->lock);
  if (--save->workers == 0)
    pthread_cond_signal (&save->idle);
  pthread_mutex_unlock (&save->lock);
}

DioRamMap *
dio_ram_save (DioRamFreeze *freeze, uint64_t size, const DioRamMap *parent, DioStoreWriter *writer,
              DioPool *pool, DioFileProgress progress, void *data, DioRamSaveStats *stats,
              GError **error)
{
  Save save = {
    .freeze = freeze,
    .parent = parent && parent->size == size ? parent : NULL,
    .map = dio_ram_map_new (size),
    .writer = writer,
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .idle = PTHREAD_COND_INITIALIZER,
  };
  if (!save.map) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY, "%s",
                 _ ("There is not enough memory for making the snapshot"));
    return NULL;
  }
  /* Those of the pool that there are take part; the queue may be long. */
  save.workers = pool ? MIN (g_get_num_processors () - 1, MAX_WORKERS) : 0;
  for (unsigned i = save.workers; i > 0; i--)
    dio_pool_run (pool, DIO_POOL_COMPUTE, worker, &save);
  save_some (&save, progress, data);
  pthread_mutex_lock (&save.lock);
  while (save.workers)
    pthread_cond_wait (&save.idle, &save.lock);
  pthread_mutex_unlock (&save.lock);
  if (stats)
    *stats = (DioRamSaveStats){ .changed_bytes = save.changed, .put_bytes = save.put };
  if (!save.error)
    return save.map;
  dio_ram_map_free (save.map);
  g_propagate_error (error, save.error);
  return NULL;
}

/* ---- Loading ---- */

/* Chunks that are fetched ahead before others get the pool's thread. */
#define AHEAD 256

typedef struct {
  DioRam *ram;
  DioRamMap *map;
  DioStore *store;
  DioPool *pool;
  void (*failed) (const GError *error, void *data);
  void *data;
  _Atomic bool told, stop;
  uint64_t next; /* to be fetched ahead */
  pthread_mutex_t lock;
  pthread_cond_t idle;
  bool ahead; /* a function is queued or runs */
} Load;

static bool
fetch (void *opaque, uint64_t offset, uint8_t *to)
{
  Load *load = opaque;
  g_autoptr (GError) error = NULL;
  if (dio_store_get (load->store, &load->map->ids[offset / DIO_RAM_CHUNK], to, DIO_RAM_CHUNK,
                     &error))
    return true;
  if (!atomic_exchange (&load->told, true) && load->failed)
    load->failed (error, load->data);
  return false;
}

static void
free_load (void *opaque)
{
  Load *load = opaque;
  atomic_store (&load->stop, true);
  pthread_mutex_lock (&load->lock);
  while (load->ahead)
    pthread_cond_wait (&load->idle, &load->lock);
  pthread_mutex_unlock (&load->lock);
  dio_ram_map_free (load->map);
  g_free (load);
}

static void
fetch_ahead (void *data)
{
  Load *load = data;
  for (unsigned i = 0; i < AHEAD && load->next < load->map->n && !atomic_load (&load->stop);
       load->next++) {
    if (dio_chunk_id_is_zero (&load->map->ids[load->next]))
      continue;
    dio_ram_make_present (load->ram, load->next * DIO_RAM_CHUNK, DIO_RAM_CHUNK);
    i++;
  }
  if (load->next < load->map->n && !atomic_load (&load->stop)) {
    dio_pool_run (load->pool, DIO_POOL_COMPUTE, fetch_ahead, load);
    return;
  }
  pthread_mutex_lock (&load->lock);
  load->ahead = false;
  pthread_cond_signal (&load->idle);
  pthread_mutex_unlock (&load->lock);
}

bool
dio_ram_load (DioRam *ram, DioRamMap *map, DioStore *store, DioPool *pool,
              void (*failed) (const GError *error, void *data), void *data, GError **error)
{
  if (map->size != ram->size || !dio_ram_map_is_complete (map, store)) {
    g_set_error (
        error, DIO_ERROR, DIO_ERROR_FORMAT, "%s",
        map->size != ram->size
            ? _ ("The snapshot is of a machine with another memory size")
            : _ ("A part of the snapshot is missing: its files are damaged or incomplete"));
    dio_ram_map_free (map);
    return false;
  }
  g_autofree uint8_t *absent = g_try_malloc0 (map->n / 8 + 1);
  if (!absent) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY, "%s",
                 _ ("There is not enough memory for the index of the snapshots"));
    dio_ram_map_free (map);
    return false;
  }
  Load *load = g_new0 (Load, 1);
  load->ram = ram;
  load->map = map;
  load->store = store;
  load->pool = pool;
  load->failed = failed;
  load->data = data;
  load->ahead = pool != NULL;
  pthread_mutex_init (&load->lock, NULL);
  pthread_cond_init (&load->idle, NULL);
  for (uint64_t i = 0; i < map->n; i++)
    if (!dio_chunk_id_is_zero (&map->ids[i]))
      absent[i / 8] |= (uint8_t) (1u << (i % 8));
  const DioRamSource source = { DIO_RAM_CHUNK, fetch, free_load, load };
  dio_ram_set_source (ram, &source, absent);
  dio_ram_dirty_start (ram);
  if (pool)
    dio_pool_run (pool, DIO_POOL_COMPUTE, fetch_ahead, load);
  return true;
}
