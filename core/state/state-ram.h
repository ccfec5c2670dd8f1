/* SPDX-License-Identifier: GPL-3.0-or-later
 * Guest RAM in the chunk store: the list of its chunks, writing it from a freeze, and giving it
 * back on demand. */
#pragma once

#include "core/base/base-pool.h"
#include "core/mem/mem-freeze.h"
#include "core/mem/mem-lazy.h"
#include "core/state/state-visitor.h"
#include "core/state/store.h"

/* Four pages: what a TLB miss waits for when it has to be fetched is about 20 us, and a guest that
 * writes here and there makes no more than four times the chunks that pages would. */
#define DIO_RAM_CHUNK UINT64_C (16384)

typedef struct {
  uint64_t size;   /* bytes of RAM */
  uint64_t n;      /* chunks */
  DioChunkId *ids; /* of each */
} DioRamMap;

DioRamMap *dio_ram_map_new (uint64_t size);
void dio_ram_map_free (DioRamMap *map);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DioRamMap, dio_ram_map_free)

/* The map itself goes into the store in leaves of a thousand chunks, so that what does not change
 * takes nothing; the visitor gets the names of the leaves. Saving puts them through @writer. */
bool dio_ram_map_save (const DioRamMap *map, DioStoreWriter *writer, DioVisitor *visitor,
                       GError **error);

/* The names of the leaves come from a visitor; then the leaves from the store. With @marks all of
 * it is marked, in leaves not marked before. */
DioRamMap *dio_ram_map_load (DioVisitor *visitor, DioStore *store, DioStoreMarks *marks,
                             GError **error);

/* True when the store has every chunk of the map. */
bool dio_ram_map_is_complete (const DioRamMap *map, DioStore *store);

typedef struct {
  uint64_t changed_bytes; /* of RAM, to be looked at */
  uint64_t put_bytes;     /* of these, not zeros */
} DioRamSaveStats;

/* Writes what @freeze holds: all of it, or with @parent only what was written since that map was
 * made. Uses the calling thread and those of @pool (may be NULL); returns when all is put. NULL
 * when it fails or @progress says so. */
DioRamMap *dio_ram_save (DioRamFreeze *freeze, uint64_t size, const DioRamMap *parent,
                         DioStoreWriter *writer, DioPool *pool, DioFileProgress progress,
                         void *data, DioRamSaveStats *stats, GError **error);

/* Gives @ram, which is all zeros, the contents of @map (consumed) from @store, which outlives the
 * RAM: on demand, and ahead of demand by a thread of @pool (may be NULL). @failed is called once,
 * from any thread, when a chunk cannot be had. Dirty tracking begins. */
bool dio_ram_load (DioRam *ram, DioRamMap *map, DioStore *store, DioPool *pool,
                   void (*failed) (const GError *error, void *data), void *data, GError **error);
