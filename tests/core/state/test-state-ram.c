/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of pictures of RAM: frozen while others write, written to a store in full and in part, and
 * given back on demand. */
#include "core/state/state-ram.h"

#include <stdatomic.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/mem/mem-space.h"

#define MIB (UINT64_C (1) << 20)
#define SIZE (32 * MIB)
#define BASE UINT64_C (0x80000000)

typedef struct {
  char *folder;
  int dir;
  DioStore *store;
  DioRam *ram;
  DioSpace *space;
  DioPool *pool;
  _Atomic unsigned failures;
} Fixture;

static void
new_ram (Fixture *f)
{
  if (f->space)
    dio_space_free (f->space);
  dio_ram_free (f->ram);
  f->ram = dio_ram_new (SIZE, "test", NULL);
  f->space = dio_space_new ();
  dio_space_map_ram (f->space, BASE, f->ram, 0, SIZE, false);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->folder = g_dir_make_tmp ("dio-ram-XXXXXX", NULL);
  f->dir = dio_file_open (dio_files_host (), AT_FDCWD, f->folder, O_RDONLY | O_DIRECTORY, 0);
  f->store = dio_store_open (dio_files_host (), f->dir, true, NULL);
  f->pool = dio_pool_new (2);
  new_ram (f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_space_free (f->space);
  dio_ram_free (f->ram);
  dio_pool_free (f->pool);
  dio_store_free (f->store);
  dio_file_close (dio_files_host (), f->dir);
  g_assert_true (dio_file_remove_tree (dio_files_host (), AT_FDCWD, f->folder, NULL));
  g_free (f->folder);
}

/* Writes @length bytes that depend on @seed through the way of devices. */
static void
write_at (Fixture *f, uint64_t offset, uint64_t length, uint32_t seed)
{
  g_autofree uint8_t *bytes = g_malloc (length);
  for (uint64_t i = 0; i < length; i++)
    bytes[i] = (uint8_t) (seed * 31 + i * seed / 7);
  g_assert_true (dio_dma_write (f->space, BASE + offset, bytes, length));
}

/* Freezes and saves. */
static DioRamMap *
take (Fixture *f, const DioRamMap *parent, DioRamSaveStats *stats)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioStoreWriter) writer = dio_store_begin (f->store);
  DioRamFreeze *freeze = dio_ram_freeze (f->ram, &error);
  g_assert_no_error (error);
  DioRamMap *map = dio_ram_save (freeze, SIZE, parent, writer, f->pool, NULL, NULL, stats, &error);
  g_assert_no_error (error);
  dio_ram_freeze_end (freeze, true);
  g_assert_true (dio_store_commit (writer, &error));
  return map;
}

static void
failed_cb (const GError *error, void *data)
{
  Fixture *f = data;
  atomic_fetch_add (&f->failures, 1);
}

static DioRamMap *
copy_map (const DioRamMap *map)
{
  DioRamMap *copy = dio_ram_map_new (map->size);
  memcpy (copy->ids, map->ids, map->n * sizeof *map->ids);
  return copy;
}

/* A new RAM with the contents of @map. */
static void
load (Fixture *f, const DioRamMap *map, DioPool *pool)
{
  g_autoptr (GError) error = NULL;
  new_ram (f);
  g_assert_true (dio_ram_load (f->ram, copy_map (map), f->store, pool, failed_cb, f, &error));
  g_assert_no_error (error);
}

static uint8_t *
read_all (Fixture *f)
{
  uint8_t *bytes = g_malloc (SIZE);
  g_assert_true (dio_dma_read (f->space, BASE, bytes, SIZE));
  return bytes;
}

static void
test_full_and_part (Fixture *f, gconstpointer data)
{
  DioRamSaveStats stats;
  write_at (f, 5 * MIB + 100, 3 * MIB, 7);
  g_autofree uint8_t *first = read_all (f);
  g_autoptr (DioRamMap) one = take (f, NULL, &stats);
  g_assert_cmpuint (stats.changed_bytes, ==, SIZE);
  g_assert_cmpuint (stats.put_bytes, <=, 3 * MIB + 2 * DIO_RAM_CHUNK);

  /* Of two pages of one chunk and one of another. */
  write_at (f, 6 * MIB, 5000, 9);
  write_at (f, 20 * MIB - 1, 1, 10);
  g_autofree uint8_t *second = read_all (f);
  g_autoptr (DioRamMap) two = take (f, one, &stats);
  g_assert_cmpuint (stats.changed_bytes, ==, 2 * DIO_RAM_CHUNK);
  g_autoptr (DioRamMap) three = take (f, two, &stats);
  g_assert_cmpuint (stats.changed_bytes, ==, 0);
  g_assert_cmpmem (two->ids, two->n * 32, three->ids, three->n * 32);

  load (f, one, NULL);
  g_assert_cmpuint (dio_ram_count_absent (f->ram), >, 0);
  g_autofree uint8_t *got = read_all (f);
  g_assert_cmpmem (got, SIZE, first, SIZE);
  g_assert_cmpuint (dio_ram_count_absent (f->ram), ==, 0);

  /* What was loaded is the parent of what comes, whether it was fetched or not. */
  load (f, two, NULL);
  write_at (f, 1 * MIB, 1, 1);
  g_autoptr (DioRamMap) four = take (f, two, &stats);
  g_assert_cmpuint (stats.changed_bytes, ==, DIO_RAM_CHUNK);
  load (f, four, f->pool);
  g_autofree uint8_t *again = read_all (f);
  second[1 * MIB] = 31;
  g_assert_cmpmem (again, SIZE, second, SIZE);
  g_assert_cmpuint (f->failures, ==, 0);
}

typedef struct {
  Fixture *f;
  _Atomic bool stop;
  unsigned number;
  uint64_t writes;
} Scribbler;

static gpointer
scribble_thread (gpointer data)
{
  Scribbler *self = data;
  g_autoptr (GRand) random = g_rand_new_with_seed (self->number);
  for (; !atomic_load (&self->stop); self->writes++)
    write_at (self->f, (uint64_t) g_rand_int_range (random, 0, SIZE - 6000), 6000,
              g_rand_int (random));
  return NULL;
}

/* The picture is that of the instant, whatever is written meanwhile. */
static void
test_while_written (Fixture *f, gconstpointer data)
{
  write_at (f, 0, SIZE, 3);
  g_autofree uint8_t *expected = read_all (f);
  g_autoptr (GError) error = NULL;
  g_autoptr (DioStoreWriter) writer = dio_store_begin (f->store);
  DioRamFreeze *freeze = dio_ram_freeze (f->ram, &error);
  g_assert_null (dio_ram_freeze (f->ram, NULL)); /* one at a time */
  Scribbler scribblers[2] = { { .f = f, .number = 1 }, { .f = f, .number = 2 } };
  GThread *threads[2];
  for (unsigned i = 0; i < 2; i++)
    threads[i] = g_thread_new (NULL, scribble_thread, &scribblers[i]);
  g_usleep (20000);
  g_autoptr (DioRamMap) map =
      dio_ram_save (freeze, SIZE, NULL, writer, f->pool, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (dio_ram_freeze_peak (freeze), >, 0);
  dio_ram_freeze_end (freeze, true);
  for (unsigned i = 0; i < 2; i++) {
    atomic_store (&scribblers[i].stop, true);
    g_thread_join (threads[i]);
    g_assert_cmpuint (scribblers[i].writes, >, 0);
  }
  g_assert_true (dio_store_commit (writer, NULL));
  load (f, map, f->pool);
  g_autofree uint8_t *got = read_all (f);
  g_assert_cmpmem (got, SIZE, expected, SIZE);
}

/* Clearing the RAM (a guest that resets) does not hurt the picture. */
static gpointer
clear_thread (gpointer data)
{
  dio_ram_clear (data);
  return NULL;
}

static void
test_cleared (Fixture *f, gconstpointer data)
{
  write_at (f, 0, SIZE, 5);
  g_autofree uint8_t *expected = read_all (f);
  g_autoptr (DioStoreWriter) writer = dio_store_begin (f->store);
  DioRamFreeze *freeze = dio_ram_freeze (f->ram, NULL);
  GThread *thread = g_thread_new (NULL, clear_thread, f->ram);
  g_autoptr (DioRamMap) map =
      dio_ram_save (freeze, SIZE, NULL, writer, NULL, NULL, NULL, NULL, NULL);
  g_thread_join (thread);
  dio_ram_freeze_end (freeze, true);
  g_assert_true (dio_store_commit (writer, NULL));
  g_assert_cmpuint (f->ram->host[4096], ==, 0);
  load (f, map, NULL);
  g_autofree uint8_t *got = read_all (f);
  g_assert_cmpmem (got, SIZE, expected, SIZE);
}

static bool
cancel_cb (uint64_t done, uint64_t total, void *data)
{
  return false;
}

/* A picture that came to nothing leaves what is dirty dirty. */
static void
test_cancelled (Fixture *f, gconstpointer data)
{
  DioRamSaveStats stats;
  g_autoptr (GError) error = NULL;
  g_autoptr (DioRamMap) one = take (f, NULL, NULL);
  write_at (f, 3 * MIB, 100, 1);
  DioStoreWriter *writer = dio_store_begin (f->store);
  DioRamFreeze *freeze = dio_ram_freeze (f->ram, NULL);
  g_assert_null (dio_ram_save (freeze, SIZE, one, writer, f->pool, cancel_cb, NULL, NULL, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_CANCELLED);
  dio_ram_freeze_end (freeze, false);
  dio_store_writer_free (writer);
  dio_ram_map_free (take (f, one, &stats));
  g_assert_cmpuint (stats.changed_bytes, ==, DIO_RAM_CHUNK);
}

/* The map goes through the store, and what it names survives a sweep. */
static void
test_map (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  write_at (f, 0, 2 * MIB, 3);
  g_autoptr (DioRamMap) map = take (f, NULL, NULL);
  DioStoreWriter *writer = dio_store_begin (f->store);
  DioVisitor *visitor = dio_visitor_new_save ();
  g_assert_true (dio_ram_map_save (map, writer, visitor, &error));
  g_autoptr (GBytes) bytes = dio_visitor_finish_save (visitor);
  g_assert_cmpuint (g_bytes_get_size (bytes), <, 300);
  g_assert_true (dio_store_commit (writer, NULL));
  dio_store_writer_free (writer);

  g_autoptr (DioStoreMarks) marks = dio_store_marks_new (f->store, NULL);
  visitor = dio_visitor_new_load (bytes);
  dio_ram_map_free (dio_ram_map_load (visitor, f->store, marks, &error));
  g_assert_true (dio_visitor_finish_load (visitor, &error));
  g_assert_true (dio_store_sweep (marks, NULL, NULL, NULL, &error));
  visitor = dio_visitor_new_load (bytes);
  g_autoptr (DioRamMap) again = dio_ram_map_load (visitor, f->store, NULL, &error);
  g_assert_true (dio_visitor_finish_load (visitor, &error));
  g_assert_cmpmem (again->ids, again->n * 32, map->ids, map->n * 32);
  g_assert_true (dio_ram_map_is_complete (again, f->store));

  /* Without the chunks it is refused. */
  g_autoptr (DioStoreMarks) none = dio_store_marks_new (f->store, NULL);
  g_assert_true (dio_store_sweep (none, NULL, NULL, NULL, NULL));
  new_ram (f);
  g_assert_false (dio_ram_load (f->ram, copy_map (map), f->store, NULL, failed_cb, f, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
}

/* A chunk that is damaged: the guest sees zeros, and is told once. */
static void
test_lost (Fixture *f, gconstpointer data)
{
  write_at (f, 0, 2 * MIB, 3);
  g_autoptr (DioRamMap) map = take (f, NULL, NULL);
  g_auto (GStrv) packs = dio_store_list_packs (f->store);
  int fd = dio_file_open (dio_files_host (), f->dir, packs[0], O_RDWR, 0);
  for (uint64_t at = 64; at < 20000; at += 64)
    g_assert_cmpint (dio_file_write (dio_files_host (), fd, "damage", 6, at), ==, 0);
  dio_file_close (dio_files_host (), fd);
  load (f, map, NULL);
  g_free (read_all (f));
  g_assert_cmpuint (f->failures, ==, 1);
  g_assert_true (f->ram->lost);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/core/state/ram/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("full-and-part", test_full_and_part);
  ADD ("while-written", test_while_written);
  ADD ("cleared", test_cleared);
  ADD ("cancelled", test_cancelled);
  ADD ("map", test_map);
  ADD ("lost", test_lost);
#undef ADD
  return g_test_run ();
}
