/* SPDX-License-Identifier: GPL-3.0-or-later
 * The resources of virtio-gpu: pictures in host memory under a quota, and the guest memory behind
 * them. Everything with the device's lock held. */
#pragma once

#include <glib.h>

#include "core/backend/backend-display.h"
#include "core/mem/mem-space.h"
#include "core/state/state-visitor.h"

/* A run of guest memory behind a resource. */
typedef struct {
  uint64_t offset; /* of its first byte in the whole */
  uint64_t length;
  DioGpa gpa;
} DioGpuRun;

typedef struct {
  DioGpuRun *runs; /* NULL: none is attached */
  uint32_t n_runs, capacity;
  uint64_t size; /* bytes */
} DioGpuBacking;

typedef struct {
  uint32_t id, format, width, height;
  uint8_t *pixels; /* 4 * width bytes a row */
  DioGpuBacking backing;
} DioGpuResource;

typedef struct {
  DioSpace *space;
  GHashTable *table; /* id -> DioGpuResource, owned */
  uint64_t memory;   /* that they take */
  uint64_t limit;
} DioGpuStore;

void dio_gpu_store_init (DioGpuStore *store, DioSpace *space, uint64_t limit);
void dio_gpu_store_clear (DioGpuStore *store);

/* The meaning of one of the eight formats of the specification; false for others. */
bool dio_gpu_pixel_format (uint32_t format, DioPixelFormat *out);

DioGpuResource *dio_gpu_store_find (DioGpuStore *store, uint32_t id);

/* A new resource with zeroed pixels, or NULL and the response to give in @error. */
DioGpuResource *dio_gpu_store_create (DioGpuStore *store, uint32_t id, uint32_t format,
                                      uint32_t width, uint32_t height, uint32_t *error);
void dio_gpu_store_remove (DioGpuStore *store, DioGpuResource *resource);
void dio_gpu_store_remove_all (DioGpuStore *store);

/* An empty list with room for @entries; false and the response in @error. */
bool dio_gpu_backing_init (DioGpuBacking *backing, const DioGpuStore *store, uint32_t entries,
                           uint32_t *error);
/* Appends guest memory, checked for sense only: that it is RAM is checked when it is read. */
bool dio_gpu_backing_add (DioGpuBacking *backing, DioGpa gpa, uint64_t length);

/* Takes over @backing; the resource has none. */
void dio_gpu_store_attach (DioGpuStore *store, DioGpuResource *resource, DioGpuBacking *backing);
void dio_gpu_store_detach (DioGpuStore *store, DioGpuResource *resource);

/* Copies @length bytes at @offset of the backing, which is at least so large. False when the guest
 * gave memory that is not RAM. */
bool dio_gpu_store_read (DioGpuStore *store, const DioGpuResource *resource, uint64_t offset,
                         uint8_t *to, uint64_t length);

/* All resources with their pixels; when loading the store is empty. */
void dio_gpu_store_visit (DioGpuStore *store, DioVisitor *visitor);
