/* SPDX-License-Identifier: GPL-3.0-or-later
 * The resources of virtio-gpu. */
#include "hw/display/gpu-resource.h"

#include <stdlib.h>

#include "hw/display/gpu-protocol.h"

#define MAX_RESOURCES 8192
#define MAX_SIDE 16384
#define MAX_ENTRIES 65536                     /* of one backing: 256 MiB page by page */
#define MAX_BACKING_SIZE (UINT64_C (1) << 48) /* so many entries cannot say more */
#define RESOURCE_COST 256                     /* what an empty resource counts */

bool
dio_gpu_pixel_format (uint32_t format, DioPixelFormat *out)
{
  static const struct {
    uint32_t format;
    DioPixelFormat meaning;
  } formats[] = {
    { 1, DIO_FORMAT_BGRA8888 },   { 2, DIO_FORMAT_BGRX8888 },   { 3, DIO_FORMAT_ARGB8888 },
    { 4, DIO_FORMAT_XRGB8888 },   { 67, DIO_FORMAT_RGBA8888 },  { 68, DIO_FORMAT_XBGR8888 },
    { 121, DIO_FORMAT_ABGR8888 }, { 134, DIO_FORMAT_RGBX8888 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++)
    if (formats[i].format == format) {
      *out = formats[i].meaning;
      return true;
    }
  return false;
}

static void
resource_free (gpointer data)
{
  DioGpuResource *resource = data;

  g_free (resource->pixels);
  g_free (resource->backing.runs);
  g_free (resource);
}

void
dio_gpu_store_init (DioGpuStore *store, DioSpace *space, uint64_t limit)
{
  *store = (DioGpuStore){ .space = space, .limit = limit };
  store->table = g_hash_table_new_full (NULL, NULL, NULL, resource_free);
}

void
dio_gpu_store_clear (DioGpuStore *store)
{
  g_clear_pointer (&store->table, g_hash_table_destroy);
}

static uint64_t
pixel_bytes (const DioGpuResource *resource)
{
  return (uint64_t) resource->width * resource->height * 4;
}

static uint64_t
backing_cost (uint32_t n_runs)
{
  return (uint64_t) n_runs * sizeof (DioGpuRun);
}

DioGpuResource *
dio_gpu_store_find (DioGpuStore *store, uint32_t id)
{
  return g_hash_table_lookup (store->table, GUINT_TO_POINTER (id));
}

DioGpuResource *
dio_gpu_store_create (DioGpuStore *store, uint32_t id, uint32_t format, uint32_t width,
                      uint32_t height, uint32_t *error)
{
  uint64_t bytes = (uint64_t) width * height * 4;
  DioPixelFormat unused;
  DioGpuResource *resource;
  uint8_t *pixels;

  if (id == 0 || dio_gpu_store_find (store, id)) {
    *error = RESP_ERR_INVALID_RESOURCE_ID;
    return NULL;
  }
  if (width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE
      || !dio_gpu_pixel_format (format, &unused)) {
    *error = RESP_ERR_INVALID_PARAMETER;
    return NULL;
  }
  *error = RESP_ERR_OUT_OF_MEMORY;
  if (g_hash_table_size (store->table) >= MAX_RESOURCES
      || store->memory + RESOURCE_COST + bytes > store->limit)
    return NULL;
  pixels = g_try_malloc0 (bytes);
  if (!pixels)
    return NULL;
  resource = g_new0 (DioGpuResource, 1);
  resource->id = id;
  resource->format = format;
  resource->width = width;
  resource->height = height;
  resource->pixels = pixels;
  store->memory += RESOURCE_COST + bytes;
  g_hash_table_insert (store->table, GUINT_TO_POINTER (id), resource);
  return resource;
}

void
dio_gpu_store_remove (DioGpuStore *store, DioGpuResource *resource)
{
  dio_gpu_store_detach (store, resource);
  store->memory -= RESOURCE_COST + pixel_bytes (resource);
  g_hash_table_remove (store->table, GUINT_TO_POINTER (resource->id));
}

void
dio_gpu_store_remove_all (DioGpuStore *store)
{
  g_hash_table_remove_all (store->table);
  store->memory = 0;
}

bool
dio_gpu_backing_init (DioGpuBacking *backing, const DioGpuStore *store, uint32_t entries,
                      uint32_t *error)
{
  *backing = (DioGpuBacking){ .capacity = entries };
  if (entries > MAX_ENTRIES) {
    *error = RESP_ERR_INVALID_PARAMETER;
    return false;
  }
  *error = RESP_ERR_OUT_OF_MEMORY;
  if (store->memory + backing_cost (entries) > store->limit)
    return false;
  backing->runs = g_try_malloc (MAX (backing_cost (entries), 1));
  return backing->runs != NULL;
}

bool
dio_gpu_backing_add (DioGpuBacking *backing, DioGpa gpa, uint64_t length)
{
  DioGpuRun *last = backing->n_runs ? &backing->runs[backing->n_runs - 1] : NULL;
  DioGpa end;

  if (__builtin_add_overflow (gpa, length, &end) || length > MAX_BACKING_SIZE - backing->size)
    return false;
  if (last && last->gpa + last->length == gpa) {
    last->length += length;
  } else if (length) {
    if (backing->n_runs == backing->capacity)
      return false;
    backing->runs[backing->n_runs++] =
        (DioGpuRun){ .offset = backing->size, .length = length, .gpa = gpa };
  }
  backing->size += length;
  return true;
}

void
dio_gpu_store_attach (DioGpuStore *store, DioGpuResource *resource, DioGpuBacking *backing)
{
  backing->runs = g_realloc (backing->runs, MAX (backing_cost (backing->n_runs), 1));
  backing->capacity = backing->n_runs;
  store->memory += backing_cost (backing->n_runs);
  resource->backing = *backing;
}

void
dio_gpu_store_detach (DioGpuStore *store, DioGpuResource *resource)
{
  store->memory -= backing_cost (resource->backing.n_runs);
  g_free (resource->backing.runs);
  resource->backing = (DioGpuBacking){ 0 };
}

bool
dio_gpu_store_read (DioGpuStore *store, const DioGpuResource *resource, uint64_t offset,
                    uint8_t *to, uint64_t length)
{
  const DioGpuRun *runs = resource->backing.runs;
  uint32_t low = 0, high = resource->backing.n_runs;

  while (high - low > 1) { /* the run that holds @offset */
    uint32_t middle = low + (high - low) / 2;

    if (runs[middle].offset <= offset)
      low = middle;
    else
      high = middle;
  }
  for (; length > 0; low++) {
    uint64_t skip = offset - runs[low].offset;
    uint64_t part = MIN (length, runs[low].length - skip);

    if (!dio_dma_read (store->space, runs[low].gpa + skip, to, part))
      return false;
    offset += part;
    to += part;
    length -= part;
  }
  return true;
}

/* ---- Saved state ---- */

static int
compare_ids (const void *a, const void *b)
{
  uint32_t id_a = GPOINTER_TO_UINT (*(gpointer const *) a);
  uint32_t id_b = GPOINTER_TO_UINT (*(gpointer const *) b);

  return id_a < id_b ? -1 : id_a > id_b;
}

static void
save_resource (DioGpuResource *resource, DioVisitor *visitor)
{
  dio_visit_u32 (visitor, "id", &resource->id);
  dio_visit_u32 (visitor, "format", &resource->format);
  dio_visit_u32 (visitor, "width", &resource->width);
  dio_visit_u32 (visitor, "height", &resource->height);
  dio_visit_bytes (visitor, "pixels", resource->pixels, pixel_bytes (resource));
  dio_visit_u32 (visitor, "runs", &resource->backing.n_runs);
  for (uint32_t i = 0; i < resource->backing.n_runs; i++) {
    dio_visit_u64 (visitor, "gpa", &resource->backing.runs[i].gpa);
    dio_visit_u64 (visitor, "length", &resource->backing.runs[i].length);
  }
}

static void
load_resource (DioGpuStore *store, DioVisitor *visitor)
{
  uint32_t id = 0, format = 0, width = 0, height = 0, n = 0, error;
  DioGpuResource *resource;
  DioGpuBacking backing;

  dio_visit_u32 (visitor, "id", &id);
  dio_visit_u32 (visitor, "format", &format);
  dio_visit_u32 (visitor, "width", &width);
  dio_visit_u32 (visitor, "height", &height);
  if (dio_visitor_failed (visitor))
    return;
  resource = dio_gpu_store_create (store, id, format, width, height, &error);
  if (!resource) {
    dio_visitor_fail (visitor, "a display resource of %ux%u is impossible", width, height);
    return;
  }
  dio_visit_bytes (visitor, "pixels", resource->pixels, pixel_bytes (resource));
  dio_visit_u32 (visitor, "runs", &n);
  if (dio_visitor_failed (visitor) || n == 0)
    return;
  if (!dio_gpu_backing_init (&backing, store, n, &error)) {
    dio_visitor_fail (visitor, "a display resource has too many pages");
    return;
  }
  for (uint32_t i = 0; i < n && !dio_visitor_failed (visitor); i++) {
    uint64_t gpa = 0, length = 0;

    dio_visit_u64 (visitor, "gpa", &gpa);
    dio_visit_u64 (visitor, "length", &length);
    if (!dio_gpu_backing_add (&backing, gpa, length))
      dio_visitor_fail (visitor, "a display resource has impossible pages");
  }
  dio_gpu_store_attach (store, resource, &backing);
}

void
dio_gpu_store_visit (DioGpuStore *store, DioVisitor *visitor)
{
  uint32_t count = g_hash_table_size (store->table);

  dio_visit_u32 (visitor, "resources", &count);
  if (dio_visitor_is_loading (visitor)) {
    for (uint32_t i = 0; i < count && !dio_visitor_failed (visitor); i++)
      load_resource (store, visitor);
  } else {
    guint n;
    g_autofree gpointer *ids = g_hash_table_get_keys_as_array (store->table, &n);

    if (n)
      qsort (ids, n, sizeof *ids, compare_ids); /* the same state gives the same bytes */
    for (guint i = 0; i < n; i++)
      save_resource (g_hash_table_lookup (store->table, ids[i]), visitor);
  }
}
