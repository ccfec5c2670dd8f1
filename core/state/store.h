/* SPDX-License-Identifier: GPL-3.0-or-later
 * The chunk store of a machine: pieces of memory under the hash of their contents, so that what is
 * equal is stored once and what was stored once is never written again.
 *
 * Chunks lie in packs, files that are written from front to back, made visible by one rename, and
 * never changed afterwards. A writer makes one pack. Unreachable chunks go when a sweep removes or
 * rewrites packs; at any instant every chunk that is wanted is in some complete pack.
 *
 * What is on disk is hostile: each number is checked, and a chunk that is not what its name says is
 * an error. One process at a time writes (the lock of the bundle sees to that); several may read.
 * Any thread; all but the marks may block. */
#pragma once

#include <glib.h>

#include "core/file/file-util.h"

#define DIO_CHUNK_MAX (1u << 20) /* bytes */

/* SHA-256 of the contents; all zero stands for nothing but zeros, which are not stored. SHA-256 for
 * its strength (guests choose contents, and clones share chunks) and because processors have
 * instructions for it: 1.8 GB/s on one core where BLAKE2b gave 0.9. */
typedef struct {
  uint8_t bytes[32];
} DioChunkId;

static inline bool
dio_chunk_id_is_zero (const DioChunkId *id)
{
  uint64_t words[4];
  __builtin_memcpy (words, id->bytes, sizeof words);
  return !(words[0] | words[1] | words[2] | words[3]);
}

typedef struct DioStore DioStore;
typedef struct DioStoreWriter DioStoreWriter;
typedef struct DioStoreMarks DioStoreMarks;

/* Opens the store in the folder @dir_fd (copied), which may be empty. @writable removes what
 * crashed writers left. A pack that cannot be used is no error here, as others may do without it:
 * what needs its chunks finds them missing. */
DioStore *dio_store_open (DioFiles *files, int dir_fd, bool writable, GError **error);
void dio_store_free (DioStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DioStore, dio_store_free)

/* The @length bytes (at most DIO_CHUNK_MAX) called @id. */
bool dio_store_get (DioStore *store, const DioChunkId *id, void *data, size_t length,
                    GError **error);
bool dio_store_has (DioStore *store, const DioChunkId *id);
bool dio_store_has_all (DioStore *store, const DioChunkId *ids, size_t count);

typedef struct {
  uint64_t packs, chunks;
  uint64_t raw_bytes;    /* what is in them */
  uint64_t stored_bytes; /* what they take on the disk */
  unsigned unusable;     /* packs */
} DioStoreInfo;
void dio_store_get_info (DioStore *store, DioStoreInfo *info);

/* Names of the packs, to be linked into another store. Free with g_strfreev(). */
char **dio_store_list_packs (DioStore *store);

/* Starts writing; waits for another writer, and interrupts a sweep. */
DioStoreWriter *dio_store_begin (DioStore *store);

/* Stores @length bytes unless they are there; their name goes to *@id. */
bool dio_store_put (DioStoreWriter *writer, const void *data, size_t length, DioChunkId *id,
                    GError **error);

/* What was put is on the disk afterwards, and can be got. */
bool dio_store_commit (DioStoreWriter *writer, GError **error);

/* Bytes that the writer's pack takes so far. */
uint64_t dio_store_writer_size (DioStoreWriter *writer);

/* Until then no sweep looks at the store: free it when what names the chunks is on the disk. What
 * was not committed is removed. */
void dio_store_writer_free (DioStoreWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DioStoreWriter, dio_store_writer_free)

/* False, and the @error that there is no memory for the tables of chunks. */
bool dio_store_fail_memory (GError **error);

/* The chunks that are wanted: add all of them, then sweep. NULL when there is no memory. */
DioStoreMarks *dio_store_marks_new (DioStore *store, GError **error);
void dio_store_marks_free (DioStoreMarks *marks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DioStoreMarks, dio_store_marks_free)

/* Several threads at a time. True when it was not marked before (or is missing). */
bool dio_store_mark (DioStoreMarks *marks, const DioChunkId *id);

/* Removes packs without marked chunks and rewrites those that have few. Fails with DIO_ERROR_BUSY
 * when something was written since the marks were made or a writer wants to begin, with
 * DIO_ERROR_CANCELLED when @progress says so; what was done until then stays done. *@freed (may be
 * NULL) gets the bytes that the store became smaller by. */
bool dio_store_sweep (DioStoreMarks *marks, DioFileProgress progress, void *data, uint64_t *freed,
                      GError **error);

/* Reads every chunk and compares it with its name. *@damaged gets how many are not as they should
 * be. False when it could not be done. */
bool dio_store_verify (DioStore *store, DioFileProgress progress, void *data, uint64_t *damaged,
                       GError **error);
