/* SPDX-License-Identifier: GPL-3.0-or-later
 * The driver's side of a virtqueue, for tests: split and packed, written from the specification and
 * not from our device side. */
#pragma once

#include <sys/uio.h>

#include "core/mem/mem-ram.h"
#include "core/mem/mem-space.h"

#define RING_MAX 1024

/* Guest memory that a test hands out piece by piece. */
typedef struct {
  DioRam *ram;
  DioGpa base; /* where the RAM is mapped */
  uint64_t next;
} Arena;

DioGpa arena_alloc (Arena *arena, uint64_t size, uint64_t alignment);
void *arena_at (Arena *arena, DioGpa gpa);

typedef struct {
  DioGpa gpa;
  uint32_t length;
  bool write; /* by the device */
} Sg;

typedef struct {
  Arena *arena;
  uint16_t size;
  bool packed, event_idx;
  DioGpa desc, driver, device;

  /* Bookkeeping. Tokens are buffer ids: heads for split rings. */
  uint16_t free_ids[RING_MAX], n_free_ids;
  uint16_t slots[RING_MAX]; /* descriptors that a token holds */
  uint16_t next_desc[RING_MAX];
  uint16_t free_head, n_free;
  uint16_t avail, last_used; /* split: free-running; packed: positions */
  bool avail_wrap, used_wrap;
  uint16_t kicked; /* split: avail index at the last kick */
  uint16_t added;  /* packed: descriptors since the last kick */
} DriverRing;

/* Lays a ring out in @arena. */
void driver_ring_init (DriverRing *ring, Arena *arena, uint16_t size, bool packed, bool event_idx);

/* Makes a chain available and returns its token, -1 when the ring is full. */
int driver_ring_add (DriverRing *ring, const Sg *sg, unsigned n, bool indirect);

/* True when the device wants to be told of what was added since the last call. */
bool driver_ring_needs_kick (DriverRing *ring);

/* Takes a used chain. */
bool driver_ring_get (DriverRing *ring, int *token, uint32_t *length);

/* Asks for an interrupt for the next used chain; or for none. */
void driver_ring_want_interrupt (DriverRing *ring, bool want);
