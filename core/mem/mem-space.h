/* SPDX-License-Identifier: GPL-3.0-or-later
 * The guest-physical address space: RAM and I/O regions at guest-physical addresses.
 *
 * Readers (vCPU slow paths, DMA) take no lock and write nothing to look up a sorted view. Changes
 * (a BAR is moved) fill a second view and switch to it; a reader that was overtaken looks again.
 * All I/O goes through dio_space_read()/write(): width, alignment, endianness and bounds are made
 * right there, so a device sees only accesses its region declared. */
#pragma once

#include <pthread.h>

#include "core/base/base-types.h"
#include "core/mem/mem-ram.h"

typedef struct DioSpace DioSpace;
typedef struct DioRegion DioRegion;

typedef enum {
  DIO_ENDIAN_LITTLE,
  DIO_ENDIAN_BIG,
} DioEndian;

/* What a device declares about a block of registers. Static const.
 * @offset is relative to the region, aligned to @size, @offset + @size within it; @size is between
 * min_access and max_access. Narrower guest accesses are widened (read: shifted out; write:
 * read-modify-write only when @rmw, else the other bytes are written as zero), wider or misaligned
 * ones are split, lowest address first. Without @read zeros are read, without @write writes are
 * ignored. Called with the region's lock held (DioRegion.lock) throughout one guest access, from
 * any vCPU thread. */
typedef struct {
  uint64_t (*read) (void *opaque, uint64_t offset, unsigned size);
  void (*write) (void *opaque, uint64_t offset, uint64_t value, unsigned size);
  uint8_t min_access; /* 1, 2, 4 or 8; 0 means 1 */
  uint8_t max_access; /* 1, 2, 4 or 8; 0 means 8 */
  bool rmw;           /* widen narrow writes by reading first */
  DioEndian endian;
} DioRegionOps;

struct DioRegion {
  const char *name;
  const DioRegionOps *ops;
  void *opaque;
  pthread_mutex_t *lock; /* the owning device's lock, or NULL: the device locks for itself */
  uint64_t size;         /* a multiple of ops->min_access */
};

DioSpace *dio_space_new (void);
void dio_space_free (DioSpace *space);

/* Maps @length bytes of @ram from @offset at @gpa, readable and (unless @readonly) writable. What a
 * CPU stores to read-only memory is ignored, as by a ROM; firmware that runs from one does that.
 * Overlap is a programmer's error. Any thread. */
void dio_space_map_ram (DioSpace *space, DioGpa gpa, DioRam *ram, uint64_t offset, uint64_t length,
                        bool readonly);

/* Maps an I/O region at @gpa. A mapping that would overlap an existing one, or is mapped already,
 * is refused with false (a guest chooses BAR addresses). The region and its lock must stay in
 * memory until no vCPU runs any more, unmapped or not. Any thread. */
bool dio_space_map_io (DioSpace *space, DioGpa gpa, DioRegion *region);

/* Removes the mapping of @region, if there is one; when it returns no thread is inside its ops
 * through this mapping and none will be (unless called from those very ops). It waits for threads
 * inside the ops: hold no lock that the ops take themselves. Holding region->lock is fine, as those
 * who still wait for it find the mapping gone. Any thread. */
void dio_space_unmap_io (DioSpace *space, DioRegion *region);

/* What is at a guest-physical page. */
typedef struct {
  DioRam *ram;         /* NULL for I/O and holes */
  uint64_t ram_offset; /* of the start of the page */
  bool readonly;
  bool io; /* something covers part of the page: use dio_space_read()/write() */
} DioPageInfo;
DioPageInfo dio_space_lookup_page (DioSpace *space, DioGpa gpa);

typedef enum {
  DIO_ACCESS_OK,
  DIO_ACCESS_FAULT, /* nothing there: the guest's architecture says what follows */
} DioAccess;

/* A CPU access of @size 1, 2, 4, 8 bytes, guest-little-endian value, to RAM or I/O. A store to RAM
 * is noted (dio_ram_note_write()). vCPU threads and the debugger; may call device code. */
DioAccess dio_space_read (DioSpace *space, DioGpa gpa, unsigned size, uint64_t *value);
DioAccess dio_space_write (DioSpace *space, DioGpa gpa, unsigned size, uint64_t value);

/* Device DMA: reaches RAM only, never another device. False when any byte is not RAM (nothing is
 * promised about the rest then) or, for writes, is read-only. Any thread. */
bool dio_dma_read (DioSpace *space, DioGpa gpa, void *data, uint64_t length);
bool dio_dma_write (DioSpace *space, DioGpa gpa, const void *data, uint64_t length);

/* A direct pointer to [gpa, gpa+length) if it is one run of RAM, else NULL. RAM stays mapped as
 * long as the machine lives. The guest may change the bytes at any time: read once, check copies.
 * After writing through it call dio_dma_note_write(). A pointer that is kept while the machine may
 * be frozen (between callbacks of the loop) needs dio_dma_begin_write() before each write. */
uint8_t *dio_dma_map (DioSpace *space, DioGpa gpa, uint64_t length, bool for_write);
void dio_dma_begin_write (DioSpace *space, DioGpa gpa, uint64_t length);
void dio_dma_note_write (DioSpace *space, DioGpa gpa, uint64_t length);
