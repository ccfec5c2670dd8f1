/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of the guest-physical space. The central one goes over every offset and size against every
 * kind of declaration: a device never sees an access that it did not declare, and the bytes are
 * those that a plain array would give. */
#include "core/mem/mem-space.h"

#include <glib.h>
#include <stdatomic.h>
#include <string.h>

#define MIB (UINT64_C (1) << 20)

/* ---- A device that is an array, and checks what it is asked ---- */

enum { DEVICE_SIZE = 48 };

typedef struct {
  DioRegionOps ops;
  DioRegion region;
  uint8_t bytes[DEVICE_SIZE]; /* as the guest sees them in memory order */
  unsigned reads, writes;
} Array;

static void
check_access (const Array *array, uint64_t offset, unsigned size)
{
  unsigned min = array->ops.min_access ? array->ops.min_access : 1;
  unsigned max = array->ops.max_access ? array->ops.max_access : 8;
  g_assert_cmpuint (size, >=, min);
  g_assert_cmpuint (size, <=, max);
  g_assert_cmpuint (size & (size - 1), ==, 0);
  g_assert_cmpuint (offset % size, ==, 0);
  g_assert_cmpuint (offset + size, <=, DEVICE_SIZE);
}

static unsigned
byte_index (const Array *array, unsigned i, unsigned size)
{
  return array->ops.endian == DIO_ENDIAN_BIG ? size - 1 - i : i;
}

static uint64_t
array_read (void *opaque, uint64_t offset, unsigned size)
{
  Array *array = opaque;
  check_access (array, offset, size);
  array->reads++;
  /* Garbage above the size must not get through. */
  uint64_t value = size < 8 ? UINT64_C (0xa5a5a5a5a5a5a5a5) << (size * 8) : 0;
  for (unsigned i = 0; i < size; i++)
    value |= (uint64_t) array->bytes[offset + byte_index (array, i, size)] << (i * 8);
  return value;
}

static void
array_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  Array *array = opaque;
  check_access (array, offset, size);
  g_assert_true (size == 8 || value >> (size * 8) == 0);
  array->writes++;
  for (unsigned i = 0; i < size; i++)
    array->bytes[offset + byte_index (array, i, size)] = (uint8_t) (value >> (i * 8));
}

static void
array_init (Array *array, uint8_t min, uint8_t max, bool rmw, DioEndian endian)
{
  *array = (Array){ .ops = { .read = array_read,
                             .write = array_write,
                             .min_access = min,
                             .max_access = max,
                             .rmw = rmw,
                             .endian = endian } };
  array->region =
      (DioRegion){ .name = "array", .ops = &array->ops, .opaque = array, .size = DEVICE_SIZE };
}

static void
fill (uint8_t *bytes)
{
  for (unsigned i = 0; i < DEVICE_SIZE; i++)
    bytes[i] = (uint8_t) (i * 5 + 3);
}

/* What a write of less than the smallest access does to the bytes around it without rmw. */
static void
model_write (const Array *array, uint8_t *bytes, unsigned offset, unsigned size, uint64_t value)
{
  unsigned min = array->ops.min_access ? array->ops.min_access : 1;
  unsigned first = offset - offset % min;
  unsigned last = (offset + size + min - 1) / min * min;
  if (!array->ops.rmw) {
    memset (bytes + first, 0, offset - first);
    memset (bytes + offset + size, 0, last - offset - size);
  }
  for (unsigned i = 0; i < size; i++)
    bytes[offset + i] = (uint8_t) (value >> (i * 8));
}

static void
check_declaration (uint8_t min, uint8_t max, bool rmw, DioEndian endian)
{
  const DioGpa base = 0x10000000;
  static const unsigned sizes[] = { 1, 2, 4, 8 };
  const uint64_t pattern = UINT64_C (0x1122334455667788);
  Array array;
  array_init (&array, min, max, rmw, endian);
  DioSpace *space = dio_space_new ();
  g_assert_true (dio_space_map_io (space, base, &array.region));

  for (unsigned s = 0; s < 4; s++)
    for (int offset = -8; offset < DEVICE_SIZE + 8; offset++) {
      unsigned size = sizes[s];
      bool inside = offset >= 0 && offset + (int) size <= DEVICE_SIZE;
      DioGpa gpa = base + (uint64_t) (int64_t) offset;
      uint8_t expected[DEVICE_SIZE];
      uint64_t value = 0;
      fill (array.bytes);
      fill (expected);
      array.reads = array.writes = 0;

      DioAccess result = dio_space_read (space, gpa, size, &value);
      g_assert_cmpint (result, ==, inside ? DIO_ACCESS_OK : DIO_ACCESS_FAULT);
      for (unsigned i = 0; i < 8; i++)
        g_assert_cmpuint ((value >> (i * 8)) & 0xff, ==,
                          inside && i < size ? expected[offset + (int) i] : 0);
      g_assert_cmpuint (array.reads > 0, ==, inside);

      result = dio_space_write (space, gpa, size, pattern);
      g_assert_cmpint (result, ==, inside ? DIO_ACCESS_OK : DIO_ACCESS_FAULT);
      if (inside)
        model_write (&array, expected, (unsigned) offset, size, pattern);
      g_assert_cmpmem (array.bytes, DEVICE_SIZE, expected, DEVICE_SIZE);
      g_assert_cmpuint (array.writes > 0, ==, inside);
    }
  dio_space_free (space);
}

static void
test_every_access (void)
{
  static const uint8_t widths[] = { 0, 1, 2, 4, 8 };
  for (unsigned i = 0; i < 5; i++)
    for (unsigned j = 0; j < 5; j++)
      for (unsigned rmw = 0; rmw < 2; rmw++)
        for (unsigned endian = 0; endian < 2; endian++) {
          uint8_t min = widths[i], max = widths[j];
          if (MAX (min, 1) <= (max ? max : 8))
            check_declaration (min, max, rmw, endian);
        }
}

/* One guest access that fits the declaration is one device access. */
static void
test_no_needless_splits (void)
{
  Array array;
  array_init (&array, 1, 8, false, DIO_ENDIAN_LITTLE);
  DioSpace *space = dio_space_new ();
  dio_space_map_io (space, 0x1000, &array.region);
  uint64_t value;
  for (unsigned size = 1; size <= 8; size *= 2) {
    array.reads = array.writes = 0;
    dio_space_read (space, 0x1000 + size, size, &value);
    dio_space_write (space, 0x1000 + size, size, 0);
    g_assert_cmpuint (array.reads, ==, 1);
    g_assert_cmpuint (array.writes, ==, 1);
  }
  dio_space_free (space);
}

static void
test_missing_ops (void)
{
  static const DioRegionOps none = { 0 };
  DioRegion region = { .name = "none", .ops = &none, .size = 16 };
  DioSpace *space = dio_space_new ();
  uint64_t value = 1;
  g_assert_true (dio_space_map_io (space, 0, &region));
  g_assert_cmpint (dio_space_read (space, 8, 4, &value), ==, DIO_ACCESS_OK);
  g_assert_cmpuint (value, ==, 0);
  g_assert_cmpint (dio_space_write (space, 8, 4, 7), ==, DIO_ACCESS_OK);
  dio_space_free (space);
}

/* ---- RAM ---- */

static void
test_ram (void)
{
  g_autoptr (GError) error = NULL;
  DioRam *ram = dio_ram_new (2 * MIB, "test", &error);
  g_assert_no_error (error);
  DioSpace *space = dio_space_new ();
  dio_space_map_ram (space, 0x80000000, ram, 0, MIB, false);
  dio_space_map_ram (space, 0x80000000 + MIB, ram, MIB, MIB / 2, true);

  uint64_t value;
  for (unsigned size = 1; size <= 8; size *= 2)
    for (unsigned offset = 0; offset < 16; offset++) {
      uint64_t pattern = UINT64_C (0x8877665544332211);
      memset (ram->host, 0xee, 32);
      g_assert_cmpint (dio_space_write (space, 0x80000000 + offset, size, pattern), ==,
                       DIO_ACCESS_OK);
      for (unsigned i = 0; i < 32; i++)
        g_assert_cmpuint (ram->host[i], ==,
                          i >= offset && i < offset + size ? 0x11 * (i - offset + 1) : 0xee);
      g_assert_cmpint (dio_space_read (space, 0x80000000 + offset, size, &value), ==,
                       DIO_ACCESS_OK);
      g_assert_cmphex (value, ==, size == 8 ? pattern : pattern & ((1ull << (size * 8)) - 1));
    }

  /* From the writable into the read-only half, which ignores its part, and there alone. */
  g_assert_cmpint (dio_space_read (space, 0x80000000 + MIB - 4, 8, &value), ==, DIO_ACCESS_OK);
  memset (ram->host + MIB - 4, 0x55, 16);
  g_assert_cmpint (dio_space_write (space, 0x80000000 + MIB - 4, 8, 0), ==, DIO_ACCESS_OK);
  g_assert_cmpuint (ram->host[MIB - 1], ==, 0);
  g_assert_cmpuint (ram->host[MIB], ==, 0x55);
  g_assert_cmpint (dio_space_write (space, 0x80000000 + MIB, 8, 0), ==, DIO_ACCESS_OK);
  g_assert_cmpuint (ram->host[MIB], ==, 0x55);
  /* Across the end. */
  g_assert_cmpint (dio_space_read (space, 0x80000000 + MIB * 3 / 2 - 4, 8, &value), ==,
                   DIO_ACCESS_FAULT);
  g_assert_cmpint (dio_space_read (space, UINT64_MAX, 1, &value), ==, DIO_ACCESS_FAULT);
  g_assert_cmpint (dio_space_read (space, UINT64_MAX, 8, &value), ==, DIO_ACCESS_FAULT);

  DioPageInfo page = dio_space_lookup_page (space, 0x80001234);
  g_assert_true (page.ram == ram && page.ram_offset == 0x1000 && !page.readonly && !page.io);
  page = dio_space_lookup_page (space, 0x80000000 + MIB);
  g_assert_true (page.ram == ram && page.ram_offset == MIB && page.readonly);
  page = dio_space_lookup_page (space, 0x7ffff000);
  g_assert_true (!page.ram && !page.io);
  dio_space_free (space);
  dio_ram_free (ram);
}

/* RAM and a device side by side, half a page each: an access across both goes to both. */
static void
test_straddling (void)
{
  DioRam *ram = dio_ram_new (2 * MIB, "test", NULL);
  Array array;
  array_init (&array, 4, 4, true, DIO_ENDIAN_LITTLE);
  fill (array.bytes);
  DioSpace *space = dio_space_new ();
  dio_space_map_ram (space, 0x1000, ram, 0, 0x800, false);
  g_assert_true (dio_space_map_io (space, 0x1800, &array.region));
  uint64_t value;
  ram->host[0x7fe] = 0xaa;
  ram->host[0x7ff] = 0xbb;
  g_assert_cmpint (dio_space_read (space, 0x17fe, 4, &value), ==, DIO_ACCESS_OK);
  g_assert_cmphex (value, ==, 0x0803bbaa);
  g_assert_cmpint (dio_space_write (space, 0x17fe, 4, 0x44332211), ==, DIO_ACCESS_OK);
  g_assert_cmphex (ram->host[0x7ff], ==, 0x22);
  g_assert_cmphex (array.bytes[0], ==, 0x33);
  g_assert_cmphex (array.bytes[1], ==, 0x44);
  DioPageInfo page = dio_space_lookup_page (space, 0x1000);
  g_assert_true (!page.ram && page.io);
  dio_space_free (space);
  dio_ram_free (ram);
}

static void
test_write_notes (void)
{
  DioRam *ram = dio_ram_new (2 * MIB, "test", NULL);
  DioSpace *space = dio_space_new ();
  dio_space_map_ram (space, 0, ram, 0, 2 * MIB, false);
  atomic_store (&ram->page_flags[3], DIO_PAGE_CODE);
  uint8_t bytes[3 * 4096] = { 0 };
  uint32_t before = ram->page_write_gen[3];
  dio_space_write (space, 3 * 4096 + 8, 8, 1);
  g_assert_cmpuint (ram->page_write_gen[3], ==, before + 1);
  /* It is an ordinary page again, until somebody makes it code anew. */
  g_assert_cmpuint (ram->page_flags[3], ==, 0);
  dio_space_write (space, 3 * 4096 + 8, 8, 2);
  g_assert_cmpuint (ram->page_write_gen[3], ==, before + 1);
  atomic_store (&ram->page_flags[3], DIO_PAGE_CODE);
  dio_dma_write (space, 2 * 4096 + 100, bytes, 2 * 4096);
  g_assert_cmpuint (ram->page_write_gen[3], ==, before + 2);
  atomic_store (&ram->page_flags[3], DIO_PAGE_CODE);
  dio_dma_note_write (space, 3 * 4096, 1);
  g_assert_cmpuint (ram->page_write_gen[3], ==, before + 3);
  /* Reads, and writes beside it, are none of its business. */
  dio_dma_read (space, 2 * 4096, bytes, sizeof bytes);
  dio_space_write (space, 2 * 4096, 8, 1);
  g_assert_cmpuint (ram->page_write_gen[3], ==, before + 3);
  g_assert_cmpuint (ram->page_write_gen[2], ==, 0);
  dio_space_free (space);
  dio_ram_free (ram);
}

/* ---- DMA ---- */

static void
test_dma (void)
{
  DioRam *ram = dio_ram_new (2 * MIB, "test", NULL);
  Array array;
  array_init (&array, 0, 0, false, DIO_ENDIAN_LITTLE);
  DioSpace *space = dio_space_new ();
  /* Two runs that are neighbours for the guest but not in the RAM. */
  dio_space_map_ram (space, 0x10000, ram, 0x8000, 0x1000, false);
  dio_space_map_ram (space, 0x11000, ram, 0x2000, 0x1000, false);
  dio_space_map_ram (space, 0x12000, ram, 0x4000, 0x1000, true);
  dio_space_map_io (space, 0x20000, &array.region);

  uint8_t out[0x2000], in[0x2000] = { 0 };
  for (size_t i = 0; i < sizeof out; i++)
    out[i] = (uint8_t) (i ^ (i >> 7));
  g_assert_true (dio_dma_write (space, 0x10000, out, 0x2000));
  g_assert_cmpmem (ram->host + 0x8000, 0x1000, out, 0x1000);
  g_assert_cmpmem (ram->host + 0x2000, 0x1000, out + 0x1000, 0x1000);
  g_assert_true (dio_dma_read (space, 0x10000, in, 0x2000));
  g_assert_cmpmem (in, 0x2000, out, 0x2000);
  g_assert_true (dio_dma_read (space, 0x12ff0, in, 16));
  g_assert_true (dio_dma_read (space, 0x99999, in, 0));

  g_assert_false (dio_dma_write (space, 0x12000, out, 1));
  g_assert_false (dio_dma_write (space, 0x11ff0, out, 0x20));
  g_assert_false (dio_dma_read (space, 0x12ff0, in, 17));
  g_assert_false (dio_dma_read (space, 0x20000, in, 4));
  g_assert_false (dio_dma_write (space, 0x20000, out, 4));
  g_assert_false (dio_dma_read (space, UINT64_MAX - 3, in, 8));
  g_assert_cmpuint (array.reads + array.writes, ==, 0);

  g_assert_true (dio_dma_map (space, 0x10010, 0xff0, true) == ram->host + 0x8010);
  g_assert_null (dio_dma_map (space, 0x10010, 0xff1, true));
  g_assert_null (dio_dma_map (space, 0x12000, 1, true));
  g_assert_nonnull (dio_dma_map (space, 0x12000, 0x1000, false));
  g_assert_null (dio_dma_map (space, 0x10000, UINT64_MAX, false));
  g_assert_null (dio_dma_map (space, 0x10000, 0, false));
  g_assert_null (dio_dma_map (space, 0x20000, 1, false));
  dio_space_free (space);
  dio_ram_free (ram);
}

/* ---- Mapping ---- */

static void
test_overlap (void)
{
  Array a, b;
  array_init (&a, 0, 0, false, DIO_ENDIAN_LITTLE);
  array_init (&b, 0, 0, false, DIO_ENDIAN_LITTLE);
  DioSpace *space = dio_space_new ();
  uint64_t value;
  g_assert_true (dio_space_map_io (space, 0x1000, &a.region));
  g_assert_false (dio_space_map_io (space, 0x1000 + DEVICE_SIZE - 1, &b.region));
  g_assert_false (dio_space_map_io (space, 0x1000 - DEVICE_SIZE + 1, &b.region));
  g_assert_false (dio_space_map_io (space, 0x9000, &a.region)); /* mapped already */
  g_assert_false (dio_space_map_io (space, UINT64_MAX - 5, &b.region));
  g_assert_true (dio_space_map_io (space, 0x1000 + DEVICE_SIZE, &b.region));
  dio_space_unmap_io (space, &a.region);
  dio_space_unmap_io (space, &a.region);
  g_assert_cmpint (dio_space_read (space, 0x1000, 1, &value), ==, DIO_ACCESS_FAULT);
  g_assert_cmpint (dio_space_read (space, 0x1000 + DEVICE_SIZE, 1, &value), ==, DIO_ACCESS_OK);
  g_assert_true (dio_space_map_io (space, UINT64_MAX - DEVICE_SIZE + 1, &a.region));
  g_assert_cmpint (dio_space_read (space, UINT64_MAX, 1, &value), ==, DIO_ACCESS_OK);
  dio_space_free (space);
}

static void
test_many (void)
{
  enum { COUNT = 300 };
  g_autofree Array *arrays = g_new0 (Array, COUNT);
  DioSpace *space = dio_space_new ();
  uint64_t value;
  for (unsigned round = 0; round < 2; round++) {
    for (unsigned i = 0; i < COUNT; i++) {
      array_init (&arrays[i], 0, 0, false, DIO_ENDIAN_LITTLE);
      arrays[i].bytes[0] = (uint8_t) i;
      g_assert_true (dio_space_map_io (space, (i * 7 % COUNT) * 0x100, &arrays[i].region));
    }
    for (unsigned i = 0; i < COUNT; i++) {
      g_assert_cmpint (dio_space_read (space, (i * 7 % COUNT) * 0x100, 1, &value), ==,
                       DIO_ACCESS_OK);
      g_assert_cmpuint (value, ==, (uint8_t) i);
    }
    for (unsigned i = 0; i < COUNT; i++)
      dio_space_unmap_io (space, &arrays[i].region);
    g_assert_cmpint (dio_space_read (space, 0x100, 1, &value), ==, DIO_ACCESS_FAULT);
  }
  dio_space_free (space);
}

/* ---- Threads ---- */

/* A region that moves away while it is being written, as a BAR by a configuration access. */
typedef struct {
  DioSpace *space;
  DioRegion region;
  DioRegionOps ops;
  pthread_mutex_t lock;
  DioGpa gpa;
  unsigned moves;
} Mover;

static void
move_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  Mover *mover = opaque;
  dio_space_unmap_io (mover->space, &mover->region);
  mover->gpa = value;
  g_assert_true (dio_space_map_io (mover->space, value, &mover->region));
  mover->moves++;
}

static void
test_move_itself (void)
{
  for (unsigned locked = 0; locked < 2; locked++) {
    Mover mover = { .space = dio_space_new (), .ops = { .write = move_write }, .gpa = 0x1000 };
    pthread_mutex_init (&mover.lock, NULL);
    mover.region = (DioRegion){ .name = "mover",
                                .ops = &mover.ops,
                                .opaque = &mover,
                                .lock = locked ? &mover.lock : NULL,
                                .size = 0x100 };
    g_assert_true (dio_space_map_io (mover.space, mover.gpa, &mover.region));
    for (unsigned i = 0; i < 1000; i++)
      g_assert_cmpint (dio_space_write (mover.space, mover.gpa, 8, 0x1000 + (i % 5) * 0x1000), ==,
                       DIO_ACCESS_OK);
    g_assert_cmpuint (mover.moves, ==, 1000);
    dio_space_free (mover.space);
    pthread_mutex_destroy (&mover.lock);
  }
}

enum { THREADS = 3, REGIONS = 4, PLACES = 8 };

typedef struct {
  DioSpace *space;
  DioRam *ram;
  struct {
    DioRegion region;
    pthread_mutex_t lock;
    _Atomic bool mapped; /* cleared when unmapping has returned */
    unsigned plain;      /* under the region's lock */
  } regions[REGIONS];
  _Atomic bool stop;
  _Atomic unsigned hits;
} Stress;

typedef struct {
  Stress *stress;
  unsigned number;
} StressRegion;

static uint64_t
stress_read (void *opaque, uint64_t offset, unsigned size)
{
  StressRegion *self = opaque;
  g_assert_true (atomic_load (&self->stress->regions[self->number].mapped));
  if (self->stress->regions[self->number].region.lock)
    self->stress->regions[self->number].plain++;
  atomic_fetch_add (&self->stress->hits, 1);
  g_assert_true (atomic_load (&self->stress->regions[self->number].mapped));
  return self->number;
}

static const DioRegionOps stress_ops = { .read = stress_read };

static void *
stress_reader (void *data)
{
  Stress *stress = data;
  uint64_t value;
  uint8_t bytes[64];
  for (unsigned i = 0; !atomic_load (&stress->stop); i++) {
    dio_space_read (stress->space, 0x10000 + (i % PLACES) * 0x1000, 4, &value);
    g_assert_true (dio_dma_read (stress->space, 0x800000 + i % 4096, bytes, sizeof bytes));
    g_assert_true (dio_space_lookup_page (stress->space, 0x800000).ram == stress->ram);
  }
  return NULL;
}

/* Readers everywhere while regions come and go: no access gets in after unmapping returned, and the
 * RAM is always found. */
static void
test_remap_storm (void)
{
  Stress stress = { .space = dio_space_new (), .ram = dio_ram_new (2 * MIB, "test", NULL) };
  StressRegion selves[REGIONS];
  dio_space_map_ram (stress.space, 0x800000, stress.ram, 0, 2 * MIB, false);
  for (unsigned i = 0; i < REGIONS; i++) {
    selves[i] = (StressRegion){ &stress, i };
    pthread_mutex_init (&stress.regions[i].lock, NULL);
    stress.regions[i].region = (DioRegion){ .name = "stress",
                                            .ops = &stress_ops,
                                            .opaque = &selves[i],
                                            .lock = i % 2 ? &stress.regions[i].lock : NULL,
                                            .size = 0x1000 };
  }
  pthread_t threads[THREADS];
  for (unsigned i = 0; i < THREADS; i++)
    pthread_create (&threads[i], NULL, stress_reader, &stress);

  g_autoptr (GRand) random = g_rand_new_with_seed (3);
  for (unsigned i = 0; i < 100000 || (atomic_load (&stress.hits) < 100 && i < 10000000); i++) {
    unsigned number = (unsigned) g_rand_int_range (random, 0, REGIONS);
    DioRegion *region = &stress.regions[number].region;
    bool hold = region->lock && i % 3 == 0;
    if (hold)
      pthread_mutex_lock (region->lock);
    dio_space_unmap_io (stress.space, region);
    atomic_store (&stress.regions[number].mapped, false);
    if (hold)
      pthread_mutex_unlock (region->lock);
    atomic_store (&stress.regions[number].mapped, true);
    DioGpa place = 0x10000 + (uint64_t) g_rand_int_range (random, 0, PLACES) * 0x1000;
    if (!dio_space_map_io (stress.space, place, region))
      atomic_store (&stress.regions[number].mapped, false);
  }
  atomic_store (&stress.stop, true);
  for (unsigned i = 0; i < THREADS; i++)
    pthread_join (threads[i], NULL);
  g_assert_cmpuint (stress.hits, >, 0);
  for (unsigned i = 0; i < REGIONS; i++)
    pthread_mutex_destroy (&stress.regions[i].lock);
  dio_space_free (stress.space);
  dio_ram_free (stress.ram);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/mem/space/every-access", test_every_access);
  g_test_add_func ("/core/mem/space/no-needless-splits", test_no_needless_splits);
  g_test_add_func ("/core/mem/space/missing-ops", test_missing_ops);
  g_test_add_func ("/core/mem/space/ram", test_ram);
  g_test_add_func ("/core/mem/space/straddling", test_straddling);
  g_test_add_func ("/core/mem/space/write-notes", test_write_notes);
  g_test_add_func ("/core/mem/space/dma", test_dma);
  g_test_add_func ("/core/mem/space/overlap", test_overlap);
  g_test_add_func ("/core/mem/space/many", test_many);
  g_test_add_func ("/core/mem/space/move-itself", test_move_itself);
  g_test_add_func ("/core/mem/space/remap-storm", test_remap_storm);
  return g_test_run ();
}
