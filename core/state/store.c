/* SPDX-License-Identifier: GPL-3.0-or-later
 * The chunk store: opening, getting and putting. */
#include "core/state/store.h"

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/base/base-memory.h"
#include "core/state/store-private.h"

/* Level 1 of zstd: writing a snapshot competes with the guest for the host's cores. */
#define LEVEL 1

struct DioStoreWriter {
  DioStore *store;
  pthread_mutex_t lock;
  int fd; /* -1: nothing was put yet */
  char *name;
  uint64_t end;
  DioPackEntry *entries;
  size_t n_entries, capacity;
  DioSet known;    /* the names of @entries */
  GError *failure; /* the first; all later calls repeat it */
  bool committed;
  bool gives_way; /* of a sweep */
};

/* ---- Opening ---- */

bool
dio_store_pack_names (DioStore *store, const char *suffix, GPtrArray *names, GError **error)
{
  /* Reading a folder needs no `DioFiles`: it changes nothing. */
  int fd = openat (store->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;
  if (!dir) {
    dio_set_error_errno (error, errno, _ ("The folder of the snapshots cannot be read"));
    if (fd >= 0)
      close (fd);
    return false;
  }
  for (struct dirent *entry; (entry = readdir (dir));)
    if (entry->d_name[0] != '.' && g_str_has_suffix (entry->d_name, suffix))
      g_ptr_array_add (names, g_strdup (entry->d_name));
  closedir (dir);
  return true;
}

static bool
open_packs (DioStore *store, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  if (!dio_store_pack_names (store, DIO_PACK_SUFFIX, names, error))
    return false;
  for (guint i = 0; i < names->len; i++) {
    g_autoptr (GError) local = NULL;
    DioPack *pack =
        dio_pack_open (store->files, store->dir_fd, g_ptr_array_index (names, i), &local);
    if (pack) {
      g_ptr_array_add (store->packs, pack);
    } else if (g_error_matches (local, DIO_ERROR, DIO_ERROR_MEMORY)) {
      /* Nothing is wrong with it: a store without it would be one that lost snapshots. */
      g_propagate_error (error, g_steal_pointer (&local));
      return false;
    } else {
      g_debug ("%s", local->message);
      store->unusable++;
    }
  }
  return true;
}

static void
remove_unfinished (DioStore *store)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  if (!dio_store_pack_names (store, DIO_PACK_NEW_SUFFIX, names, NULL))
    return;
  for (guint i = 0; i < names->len; i++)
    dio_file_unlink (store->files, store->dir_fd, g_ptr_array_index (names, i), 0);
}

static void
free_compressor (void *context)
{
  ZSTD_freeCCtx (context);
}

static void
free_decompressor (void *context)
{
  ZSTD_freeDCtx (context);
}

DioStore *
dio_store_open (DioFiles *files, int dir_fd, bool writable, GError **error)
{
  int fd = dio_file_open (files, dir_fd, ".", O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0) {
    dio_set_error_errno (error, -fd, _ ("The folder of the snapshots cannot be opened"));
    return NULL;
  }
  DioStore *store = g_new0 (DioStore, 1);
  store->files = files;
  store->dir_fd = fd;
  store->writable = writable;
  store->packs = g_ptr_array_new_with_free_func ((GDestroyNotify) dio_pack_unref);
  store->compressors = g_ptr_array_new_with_free_func (free_compressor);
  store->decompressors = g_ptr_array_new_with_free_func (free_decompressor);
  pthread_rwlock_init (&store->lock, NULL);
  pthread_mutex_init (&store->writer_lock, NULL);
  pthread_mutex_init (&store->contexts_lock, NULL);
  if (writable)
    remove_unfinished (store);
  if (!open_packs (store, error))
    g_clear_pointer (&store, dio_store_free);
  return store;
}

void
dio_store_free (DioStore *store)
{
  if (!store)
    return;
  g_ptr_array_unref (store->packs);
  g_ptr_array_unref (store->compressors);
  g_ptr_array_unref (store->decompressors);
  pthread_rwlock_destroy (&store->lock);
  pthread_mutex_destroy (&store->writer_lock);
  pthread_mutex_destroy (&store->contexts_lock);
  dio_file_close (store->files, store->dir_fd);
  g_free (store);
}

void
dio_store_get_info (DioStore *store, DioStoreInfo *info)
{
  *info = (DioStoreInfo){ 0 };
  pthread_rwlock_rdlock (&store->lock);
  info->unusable = store->unusable;
  for (guint i = 0; i < store->packs->len; i++) {
    const DioPack *pack = g_ptr_array_index (store->packs, i);
    info->packs++;
    info->chunks += pack->n_entries;
    info->stored_bytes += pack->size;
    for (uint64_t j = 0; j < pack->n_entries; j++)
      info->raw_bytes += pack->entries[j].raw;
  }
  pthread_rwlock_unlock (&store->lock);
}

char **
dio_store_list_packs (DioStore *store)
{
  GPtrArray *names = g_ptr_array_new ();
  pthread_rwlock_rdlock (&store->lock);
  for (guint i = 0; i < store->packs->len; i++)
    g_ptr_array_add (names, g_strdup (((DioPack *) g_ptr_array_index (store->packs, i))->name));
  pthread_rwlock_unlock (&store->lock);
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (names, FALSE);
}

/* ---- Contexts of zstd: kept, as making one costs more than a chunk ---- */

static void *
take_context (DioStore *store, GPtrArray *contexts)
{
  pthread_mutex_lock (&store->contexts_lock);
  void *context = contexts->len ? g_ptr_array_steal_index_fast (contexts, contexts->len - 1) : NULL;
  pthread_mutex_unlock (&store->contexts_lock);
  return context;
}

static void
return_context (DioStore *store, GPtrArray *contexts, void *context)
{
  if (!context)
    return;
  pthread_mutex_lock (&store->contexts_lock);
  g_ptr_array_add (contexts, context);
  pthread_mutex_unlock (&store->contexts_lock);
}

/* 0 or an error of zstd when there is no memory. The checksum that zstd adds tells damage when
 * chunks are read one by one while a machine waits; hashing them again would take longer than all
 * the rest. */
static size_t
compress (DioStore *store, uint8_t *to, size_t size, const void *data, size_t length)
{
  ZSTD_CCtx *context = take_context (store, store->compressors);
  if (!context) {
    context = ZSTD_createCCtx ();
    if (!context)
      return 0;
    ZSTD_CCtx_setParameter (context, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter (context, ZSTD_c_checksumFlag, 1);
  }
  size_t result = ZSTD_compress2 (context, to, size, data, length);
  return_context (store, store->compressors, context);
  return result;
}

bool
dio_store_unpack (DioStore *store, const DioPack *pack, const DioPackEntry *entry,
                  const uint8_t *stored, void *data, GError **error)
{
  ZSTD_DCtx *context = take_context (store, store->decompressors);
  if (!context)
    context = ZSTD_createDCtx ();
  if (!context)
    return dio_store_fail_memory (error);
  size_t result = ZSTD_decompressDCtx (context, data, entry->raw, stored, entry->stored);
  return_context (store, store->decompressors, context);
  if (result == entry->raw)
    return true;
  g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("The snapshot file “%s” is damaged"),
               pack->name);
  return false;
}

/* ---- Getting ---- */

const DioPackEntry *
dio_store_find (DioStore *store, const DioChunkId *id, DioPack **pack)
{
  const DioPackEntry *entry = NULL;
  pthread_rwlock_rdlock (&store->lock);
  /* The newest first: most is asked for soon after it was written. */
  for (guint i = store->packs->len; i > 0 && !entry; i--) {
    *pack = g_ptr_array_index (store->packs, i - 1);
    entry = dio_pack_find (*pack, id);
  }
  if (entry)
    dio_pack_ref (*pack);
  pthread_rwlock_unlock (&store->lock);
  return entry;
}

bool
dio_store_has (DioStore *store, const DioChunkId *id)
{
  DioPack *pack;
  if (dio_chunk_id_is_zero (id))
    return true;
  if (!dio_store_find (store, id, &pack))
    return false;
  dio_pack_unref (pack);
  return true;
}

bool
dio_store_has_all (DioStore *store, const DioChunkId *ids, size_t count)
{
  size_t found = 0;
  pthread_rwlock_rdlock (&store->lock);
  for (bool there = true; found < count && there; found += there) {
    there = dio_chunk_id_is_zero (&ids[found]);
    for (guint i = store->packs->len; i > 0 && !there; i--)
      there = dio_pack_find (g_ptr_array_index (store->packs, i - 1), &ids[found]);
  }
  pthread_rwlock_unlock (&store->lock);
  return found == count;
}

bool
dio_store_get (DioStore *store, const DioChunkId *id, void *data, size_t length, GError **error)
{
  if (dio_chunk_id_is_zero (id)) {
    memset (data, 0, length);
    return true;
  }
  DioPack *pack;
  const DioPackEntry *entry = dio_store_find (store, id, &pack);
  if (!entry) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, "%s",
                 _ ("A part of the snapshot is missing: its files are damaged or incomplete"));
    return false;
  }
  bool good = false;
  if (entry->raw != length) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("The snapshot file “%s” is damaged"),
                 pack->name);
  } else {
    g_autofree uint8_t *stored = dio_pack_read (pack, entry, error);
    good = stored && dio_store_unpack (store, pack, entry, stored, data, error);
  }
  dio_pack_unref (pack);
  return good;
}

/* ---- Putting ---- */

DioStoreWriter *
dio_store_begin_locked (DioStore *store)
{
  DioStoreWriter *writer = g_new0 (DioStoreWriter, 1);
  writer->store = store;
  writer->fd = -1;
  writer->gives_way = true;
  dio_set_init (&writer->known, sizeof (DioChunkId));
  pthread_mutex_init (&writer->lock, NULL);
  return writer;
}

DioStoreWriter *
dio_store_begin (DioStore *store)
{
  g_return_val_if_fail (store->writable, NULL);

  atomic_fetch_add (&store->writers_wait, 1);
  pthread_mutex_lock (&store->writer_lock);
  atomic_fetch_sub (&store->writers_wait, 1);
  DioStoreWriter *writer = dio_store_begin_locked (store);
  writer->gives_way = false;
  return writer;
}

static bool
open_pack_locked (DioStoreWriter *writer, GError **error)
{
  if (writer->fd >= 0)
    return true;
  writer->name = g_strdup_printf ("%08x%08x", g_random_int (), g_random_int ());
  g_autofree char *name = g_strconcat (writer->name, DIO_PACK_NEW_SUFFIX, NULL);
  int fd = dio_file_open (writer->store->files, writer->store->dir_fd, name,
                          O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd < 0) {
    dio_set_error_errno (error, -fd, _ ("The snapshot file “%s” cannot be written"), name);
    return false;
  }
  writer->fd = fd;
  writer->end = DIO_PACK_HEAD;
  return dio_pack_write_head (writer->store->files, fd, name, error);
}

static bool
make_room_locked (DioStoreWriter *writer, GError **error)
{
  if (dio_memory_grow (&writer->entries, &writer->capacity, writer->n_entries + 1,
                       sizeof *writer->entries)
      && dio_set_reserve (&writer->known, 1))
    return true;
  g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY, "%s",
               _ ("There is not enough memory for making the snapshot"));
  return false;
}

/* Gives the chunk a place, unless another thread was faster: then *@place is 0. */
static bool
reserve (DioStoreWriter *writer, DioPackEntry *entry, GError **error)
{
  GError *failure = NULL;
  pthread_mutex_lock (&writer->lock);
  entry->offset = 0;
  if (!writer->failure && !dio_set_contains (&writer->known, &entry->id)
      && make_room_locked (writer, &writer->failure)
      && open_pack_locked (writer, &writer->failure)) {
    entry->offset = writer->end;
    writer->end += DIO_PACK_RECORD + (uint64_t) entry->stored;
    writer->entries[writer->n_entries++] = *entry;
    dio_set_add (&writer->known, &entry->id);
  }
  if (writer->failure)
    failure = g_error_copy (writer->failure);
  pthread_mutex_unlock (&writer->lock);
  if (!failure)
    return true;
  g_propagate_error (error, failure);
  return false;
}

bool
dio_store_put_stored (DioStoreWriter *writer, const DioPackEntry *old, const uint8_t *stored,
                      GError **error)
{
  DioPackEntry entry = *old;
  uint8_t record[DIO_PACK_RECORD];
  if (!reserve (writer, &entry, error))
    return false;
  if (!entry.offset)
    return true;
  dio_pack_encode_record (record, &entry);
  const struct iovec iov[] = { { record, sizeof record }, { (void *) stored, entry.stored } };
  int result = dio_file_writev (writer->store->files, writer->fd, iov, 2, entry.offset);
  if (result == 0)
    return true;
  GError *failure = NULL;
  dio_set_error_errno (&failure, -result, _ ("The snapshot file “%s” cannot be written"),
                       writer->name);
  pthread_mutex_lock (&writer->lock);
  if (!writer->failure)
    writer->failure = g_error_copy (failure);
  pthread_mutex_unlock (&writer->lock);
  g_propagate_error (error, failure);
  return false;
}

static bool
is_known (DioStoreWriter *writer, const DioChunkId *id)
{
  pthread_mutex_lock (&writer->lock);
  bool known = dio_set_contains (&writer->known, id);
  pthread_mutex_unlock (&writer->lock);
  return known || dio_store_has (writer->store, id);
}

static bool
is_zero (const uint8_t *data, size_t length)
{
  return !length || (data[0] == 0 && memcmp (data, data + 1, length - 1) == 0);
}

bool
dio_store_put (DioStoreWriter *writer, const void *data, size_t length, DioChunkId *id,
               GError **error)
{
  g_return_val_if_fail (length <= DIO_CHUNK_MAX, false);

  if (is_zero (data, length)) {
    *id = (DioChunkId){ 0 };
    return true;
  }
  DioPackEntry entry = { .raw = (uint32_t) length };
  size_t size = ZSTD_compressBound (length);
  g_autofree uint8_t *stored = NULL;
  size_t result = 0;
  if (dio_chunk_hash (data, length, &entry.id)) {
    *id = entry.id;
    if (is_known (writer, id))
      return true;
    stored = g_try_malloc (size);
    if (stored)
      result = compress (writer->store, stored, size, data, length);
  }
  if (!result || ZSTD_isError (result)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY, "%s",
                 _ ("There is not enough memory for making the snapshot"));
    return false;
  }
  entry.stored = (uint32_t) result;
  return dio_store_put_stored (writer, &entry, stored, error);
}

uint64_t
dio_store_writer_size (DioStoreWriter *writer)
{
  pthread_mutex_lock (&writer->lock);
  uint64_t size = writer->end;
  pthread_mutex_unlock (&writer->lock);
  return size;
}

static bool
publish (DioStoreWriter *writer, GError **error)
{
  DioStore *store = writer->store;
  g_autofree char *from = g_strconcat (writer->name, DIO_PACK_NEW_SUFFIX, NULL);
  g_autofree char *to = g_strconcat (writer->name, DIO_PACK_SUFFIX, NULL);
  if (!dio_pack_write_end (store->files, writer->fd, from, writer->end, writer->entries,
                           writer->n_entries, error))
    return false;
  int result = dio_file_sync (store->files, writer->fd);
  int closed = dio_file_close (store->files, writer->fd);
  writer->fd = -1;
  if (result == 0)
    result = closed;
  if (result == 0)
    result = dio_file_rename (store->files, store->dir_fd, from, store->dir_fd, to, 0);
  if (result == 0)
    result = dio_file_sync (store->files, store->dir_fd);
  if (result < 0) {
    dio_set_error_errno (error, -result, _ ("The snapshot file “%s” cannot be written"), from);
    return false;
  }
  DioPack *pack = dio_pack_open (store->files, store->dir_fd, to, error);
  if (!pack)
    return false;
  pthread_rwlock_wrlock (&store->lock);
  g_ptr_array_add (store->packs, pack);
  store->generation++;
  pthread_rwlock_unlock (&store->lock);
  return true;
}

bool
dio_store_commit (DioStoreWriter *writer, GError **error)
{
  g_return_val_if_fail (!writer->committed, false);

  if (writer->failure) {
    g_propagate_error (error, g_error_copy (writer->failure));
    return false;
  }
  writer->committed = !writer->n_entries || publish (writer, error);
  return writer->committed;
}

void
dio_store_writer_free (DioStoreWriter *writer)
{
  if (!writer)
    return;
  DioStore *store = writer->store;
  if (writer->fd >= 0)
    dio_file_close (store->files, writer->fd);
  if (!writer->committed && writer->name) {
    /* Either name: a commit may have failed after the rename. */
    g_autofree char *from = g_strconcat (writer->name, DIO_PACK_NEW_SUFFIX, NULL);
    dio_file_unlink (store->files, store->dir_fd, from, 0);
  }
  if (!writer->gives_way)
    pthread_mutex_unlock (&store->writer_lock);
  pthread_mutex_destroy (&writer->lock);
  g_free (writer->entries);
  dio_set_clear (&writer->known);
  g_clear_error (&writer->failure);
  g_free (writer->name);
  g_free (writer);
}

void
dio_store_remove_pack (DioStore *store, DioPack *pack)
{
  dio_file_unlink (store->files, store->dir_fd, pack->name, 0);
  pthread_rwlock_wrlock (&store->lock);
  g_ptr_array_remove_fast (store->packs, pack);
  pthread_rwlock_unlock (&store->lock);
}
