/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the files of the chunk store share: packs.
 *
 * A pack is a head of 64 bytes, records (head of 48 bytes, compressed chunk), the index (entries of
 * 48 bytes, sorted by name) and a tail of 64 bytes. All numbers are little-endian. */
#pragma once

#include <pthread.h>
#include <zstd.h>

#include "core/state/store.h"

#define DIO_PACK_SUFFIX ".pack"
#define DIO_PACK_NEW_SUFFIX ".pack.new"
#define DIO_PACK_HEAD 64
#define DIO_PACK_TAIL 64
#define DIO_PACK_ENTRY 48
#define DIO_PACK_RECORD 48

typedef struct {
  DioChunkId id;
  uint64_t offset; /* of the record */
  uint32_t stored, raw;
} DioPackEntry;

typedef struct {
  gatomicrefcount references;
  DioFiles *files;
  int fd;
  char *name;
  uint64_t size;
  DioPackEntry *entries;
  uint64_t n_entries;
} DioPack;

struct DioStore {
  DioFiles *files;
  int dir_fd;
  bool writable;
  pthread_rwlock_t lock;
  GPtrArray *packs; /* of DioPack* */
  unsigned unusable;
  uint64_t generation;           /* counts what was committed */
  pthread_mutex_t writer_lock;   /* one writer or sweep */
  _Atomic unsigned writers_wait; /* a sweep gives way */
  pthread_mutex_t contexts_lock;
  GPtrArray *compressors, *decompressors; /* not in use */
};

/* store-pack.c */
bool dio_chunk_hash (const void *data, size_t length, DioChunkId *id);
DioPack *dio_pack_open (DioFiles *files, int dir_fd, const char *name, GError **error);
DioPack *dio_pack_ref (DioPack *pack);
void dio_pack_unref (DioPack *pack);
const DioPackEntry *dio_pack_find (const DioPack *pack, const DioChunkId *id);
/* Reads the stored bytes (to be freed) and checks that the record says the same as the index. */
uint8_t *dio_pack_read (const DioPack *pack, const DioPackEntry *entry, GError **error);
/* Writes the index and the tail behind @end; sorts @entries. */
bool dio_pack_write_end (DioFiles *files, int fd, const char *name, uint64_t end,
                         DioPackEntry *entries, uint64_t n_entries, GError **error);
bool dio_pack_write_head (DioFiles *files, int fd, const char *name, GError **error);
void dio_pack_encode_record (uint8_t *to, const DioPackEntry *entry);

/* store.c */
bool dio_store_unpack (DioStore *store, const DioPack *pack, const DioPackEntry *entry,
                       const uint8_t *stored, void *data, GError **error);
/* A pack's entry for @id with a reference to the pack; NULL when there is none. */
const DioPackEntry *dio_store_find (DioStore *store, const DioChunkId *id, DioPack **pack);
/* Puts a chunk that is stored already in another pack. */
bool dio_store_put_stored (DioStoreWriter *writer, const DioPackEntry *entry, const uint8_t *stored,
                           GError **error);
DioStoreWriter *dio_store_begin_locked (DioStore *store);
void dio_store_remove_pack (DioStore *store, DioPack *pack);
bool dio_store_pack_names (DioStore *store, const char *suffix, GPtrArray *names, GError **error);
