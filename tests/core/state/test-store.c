/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of the chunk store: what is put is got, once; sweeps keep what is marked; power cuts,
 * failing calls and damaged files. */
#include "core/state/store.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "core/base/base-error.h"
#include "tests/support/files-fail.h"
#include "tests/support/replay.h"

#define CHUNK 16384
#define N 64

typedef struct {
  char *folder;
  int dir;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->folder = g_dir_make_tmp ("dio-store-XXXXXX", NULL);
  f->dir = dio_file_open (dio_files_host (), AT_FDCWD, f->folder, O_RDONLY | O_DIRECTORY, 0);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_file_close (dio_files_host (), f->dir);
  g_assert_true (dio_file_remove_tree (dio_files_host (), AT_FDCWD, f->folder, NULL));
  g_free (f->folder);
}

/* Contents that differ for each @seed; every third kind cannot be compressed. */
static void
fill (uint8_t *data, unsigned seed)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  for (unsigned i = 0; i < CHUNK; i += 4) {
    uint32_t value = seed % 3 == 0 || i % 64 == 0 ? g_rand_int (random) : seed;
    memcpy (data + i, &value, 4);
  }
}

static void
put (DioStoreWriter *writer, unsigned seed, DioChunkId *id)
{
  uint8_t data[CHUNK];
  g_autoptr (GError) error = NULL;
  fill (data, seed);
  g_assert_true (dio_store_put (writer, data, sizeof data, id, &error));
  g_assert_no_error (error);
}

static bool
has (DioStore *store, unsigned seed, const DioChunkId *id)
{
  uint8_t data[CHUNK], expected[CHUNK];
  fill (expected, seed);
  return dio_store_get (store, id, data, sizeof data, NULL) && memcmp (data, expected, CHUNK) == 0;
}

/* Puts @count chunks from @first on and commits. */
static void
put_many (DioStore *store, unsigned first, unsigned count, DioChunkId *ids)
{
  g_autoptr (DioStoreWriter) writer = dio_store_begin (store);
  for (unsigned i = 0; i < count; i++)
    put (writer, first + i, &ids[first + i]);
  g_autoptr (GError) error = NULL;
  g_assert_true (dio_store_commit (writer, &error));
  g_assert_no_error (error);
}

static DioStore *
open_store (Fixture *f, DioFiles *files)
{
  g_autoptr (GError) error = NULL;
  DioStore *store = dio_store_open (files, f->dir, true, &error);
  g_assert_no_error (error);
  return store;
}

static void
test_round_trip (Fixture *f, gconstpointer data)
{
  DioChunkId ids[N + 1];
  DioStoreInfo info, again;
  uint8_t zeros[CHUNK] = { 0 }, other[CHUNK];
  g_autoptr (DioStore) store = open_store (f, dio_files_host ());
  put_many (store, 0, N, ids);
  dio_store_get_info (store, &info);
  g_assert_cmpuint (info.chunks, ==, N);
  g_assert_cmpuint (info.raw_bytes, ==, N * CHUNK);
  g_assert_cmpuint (info.stored_bytes, <, N * CHUNK);

  /* Duplicates and zeros take nothing, not even a pack. */
  put_many (store, 0, N, ids);
  g_autoptr (DioStoreWriter) writer = dio_store_begin (store);
  g_assert_true (dio_store_put (writer, zeros, sizeof zeros, &ids[N], NULL));
  g_assert_true (dio_chunk_id_is_zero (&ids[N]));
  g_assert_true (dio_store_commit (writer, NULL));
  dio_store_get_info (store, &again);
  g_assert_cmpmem (&info, sizeof info, &again, sizeof again);

  g_autoptr (DioStore) reader = dio_store_open (dio_files_host (), f->dir, false, NULL);
  for (unsigned i = 0; i < N; i++)
    g_assert_true (has (reader, i, &ids[i]));
  memset (other, 1, sizeof other);
  g_assert_true (dio_store_get (reader, &ids[N], other, sizeof other, NULL));
  g_assert_cmpmem (other, sizeof other, zeros, sizeof zeros);

  /* Neither another length nor another name. */
  ids[0].bytes[0] ^= 1;
  g_assert_false (has (reader, 0, &ids[0]));
  g_assert_false (dio_store_get (reader, &ids[1], other, CHUNK - 1, NULL));
}

static void
test_abort (Fixture *f, gconstpointer data)
{
  DioChunkId id;
  DioStoreInfo info;
  g_autoptr (DioStore) store = open_store (f, dio_files_host ());
  DioStoreWriter *writer = dio_store_begin (store);
  put (writer, 1, &id);
  dio_store_writer_free (writer);
  g_assert_false (dio_store_has (store, &id));
  dio_store_get_info (store, &info);
  g_assert_cmpuint (info.packs, ==, 0);
  g_autoptr (GDir) dir = g_dir_open (f->folder, 0, NULL);
  g_assert_null (g_dir_read_name (dir));
}

/* Marks @ids but for each @nth (0: all), then sweeps. */
static bool
sweep (DioStore *store, const DioChunkId *ids, unsigned count, unsigned nth, uint64_t *freed)
{
  g_autoptr (DioStoreMarks) marks = dio_store_marks_new (store, NULL);
  for (unsigned i = 0; i < count; i++)
    if (!nth || i % nth == 0) {
      g_assert_true (dio_store_mark (marks, &ids[i]));
      g_assert_false (dio_store_mark (marks, &ids[i]));
    }
  return dio_store_sweep (marks, NULL, NULL, freed, NULL);
}

static void
test_sweep (Fixture *f, gconstpointer data)
{
  DioChunkId ids[2 * N];
  DioStoreInfo before, after;
  uint64_t freed, damaged;
  g_autoptr (DioStore) store = open_store (f, dio_files_host ());
  put_many (store, 0, N, ids);
  put_many (store, N, N, ids);
  dio_store_get_info (store, &before);

  /* All wanted: nothing happens. A quarter wanted: what remains is that. */
  g_assert_true (sweep (store, ids, 2 * N, 0, &freed));
  g_assert_cmpuint (freed, ==, 0);
  g_assert_true (sweep (store, ids, 2 * N, 4, &freed));
  dio_store_get_info (store, &after);
  g_assert_cmpuint (after.chunks, ==, 2 * N / 4);
  /* Rewriting costs the index. */
  g_assert_cmpuint (after.stored_bytes, <, before.stored_bytes / 2);
  g_assert_cmpuint (freed, >, before.stored_bytes / 2);
  for (unsigned i = 0; i < 2 * N; i++)
    g_assert_true (has (store, i, &ids[i]) == (i % 4 == 0));

  g_autoptr (DioStore) again = open_store (f, dio_files_host ());
  for (unsigned i = 0; i < 2 * N; i++)
    g_assert_true (has (again, i, &ids[i]) == (i % 4 == 0));
  g_assert_true (dio_store_verify (again, NULL, NULL, &damaged, NULL));
  g_assert_cmpuint (damaged, ==, 0);

  g_assert_true (sweep (store, NULL, 0, 0, &freed));
  dio_store_get_info (store, &after);
  g_assert_cmpuint (after.packs, ==, 0);
}

static bool
stop_cb (uint64_t done, uint64_t total, void *data)
{
  return done < 1;
}

/* Marks from before a write are refused; a sweep may be cancelled anywhere. */
static void
test_stale (Fixture *f, gconstpointer data)
{
  DioChunkId ids[2 * N];
  g_autoptr (GError) error = NULL;
  g_autoptr (DioStore) store = open_store (f, dio_files_host ());
  put_many (store, 0, N, ids);
  g_autoptr (DioStoreMarks) marks = dio_store_marks_new (store, NULL);
  put_many (store, N, N, ids);
  g_assert_false (dio_store_sweep (marks, NULL, NULL, NULL, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_BUSY);
  g_clear_error (&error);

  g_autoptr (DioStoreMarks) fresh = dio_store_marks_new (store, NULL);
  g_assert_false (dio_store_sweep (fresh, stop_cb, NULL, NULL, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_CANCELLED);
  unsigned there = 0;
  for (unsigned i = 0; i < 2 * N; i++)
    there += has (store, i, &ids[i]);
  g_assert_cmpuint (there, ==, N); /* one pack went */
}

/* Every byte of a pack is changed in turn: never a wrong chunk, never an end. */
static void
test_damage (Fixture *f, gconstpointer data)
{
  DioChunkId ids[3];
  g_autoptr (DioStore) store = open_store (f, dio_files_host ());
  put_many (store, 0, 3, ids);
  g_auto (GStrv) packs = dio_store_list_packs (store);
  g_autofree char *path = g_build_filename (f->folder, packs[0], NULL);
  g_autofree char *text = NULL;
  gsize length;
  g_assert_true (g_file_get_contents (path, &text, &length, NULL));
  g_autoptr (GRand) random = g_rand_new_with_seed (5);
  for (unsigned i = 0; i < 600; i++) {
    gsize at = i < 320 ? length - 1 - i : (gsize) g_rand_int_range (random, 0, (int) length);
    g_autofree char *bad = g_memdup2 (text, length);
    bad[at] ^= (char) (1 << (i % 8));
    gsize kept = i % 5 == 4 ? at : length; /* or the file ends there */
    g_assert_true (g_file_set_contents (path, bad, (gssize) kept, NULL));
    g_autoptr (DioStore) broken = dio_store_open (dio_files_host (), f->dir, false, NULL);
    g_assert_nonnull (broken);
    for (unsigned j = 0; j < 3; j++) {
      uint8_t got[CHUNK], expected[CHUNK];
      fill (expected, j);
      if (dio_store_get (broken, &ids[j], got, CHUNK, NULL))
        g_assert_cmpmem (got, CHUNK, expected, CHUNK);
    }
  }
}

static void
remove_others (Fixture *f, const char *kept)
{
  const char *name;
  g_autoptr (GDir) dir = g_dir_open (f->folder, 0, NULL);
  while ((name = g_dir_read_name (dir)))
    if (strcmp (name, kept) != 0)
      dio_file_unlink (dio_files_host (), f->dir, name, 0);
}

/* Each call fails in turn: an error, or all is there. */
static void
test_failing_calls (Fixture *f, gconstpointer data)
{
  static const int errors[] = { EIO, ENOSPC };
  static const FilesFailHow hows[] = { FILES_FAIL, FILES_FAIL_TORN, FILES_FAIL_AFTER };
  DioChunkId ids[8], old;
  FilesFail fail;
  files_fail_init (&fail, dio_files_host ());
  g_autoptr (DioStore) first = open_store (f, dio_files_host ());
  put_many (first, 0, 1, &old);
  g_auto (GStrv) packs = dio_store_list_packs (first);
  unsigned injected = 0;
  for (unsigned kind = 0; kind < G_N_ELEMENTS (errors) * G_N_ELEMENTS (hows); kind++)
    for (unsigned nth = 1;; nth++) {
      fail.nth = nth;
      fail.count = fail.failed = 0;
      fail.error = errors[kind % 2];
      fail.how = hows[kind / 2];
      g_autoptr (GError) error = NULL;
      DioStore *store = dio_store_open (&fail.files, f->dir, true, &error);
      bool good = store != NULL;
      if (store) {
        DioStoreWriter *writer = dio_store_begin (store);
        for (unsigned i = 0; i < 8 && good; i++) {
          uint8_t chunk[CHUNK];
          fill (chunk, 100 + nth * 8 + i);
          good = dio_store_put (writer, chunk, CHUNK, &ids[i], &error);
        }
        good = good && dio_store_commit (writer, &error);
        dio_store_writer_free (writer);
        dio_store_free (store);
      }
      g_assert_true (good || error);
      fail.nth = 0;
      g_autoptr (DioStore) check = open_store (f, dio_files_host ());
      g_assert_true (has (check, 0, &old));
      for (unsigned i = 0; i < 8 && good; i++)
        g_assert_true (has (check, 100 + nth * 8 + i, &ids[i]));
      injected += fail.failed;
      remove_others (f, packs[0]);
      if (!fail.failed)
        break;
    }
  g_assert_cmpuint (injected, >, 60);
}

/* Power cuts during puts and sweeps: what was committed and stays marked is there. */
typedef struct {
  DioChunkId ids[3 * N];
  unsigned images;
} Cut;

enum {
  COMMITTED_FIRST = 1,
  COMMITTED_SECOND,
  SWEPT,
};

static void
check_cut_cb (const ReplayImage *image, void *data)
{
  Cut *cut = data;
  int dir = dio_file_open (dio_files_host (), AT_FDCWD, image->root, O_RDONLY | O_DIRECTORY, 0);
  g_autoptr (DioStore) store = dio_store_open (dio_files_host (), dir, true, NULL);
  g_assert_nonnull (store);
  DioStoreInfo info;
  dio_store_get_info (store, &info);
  if (info.unusable)
    g_error ("%s", image->how);
  for (unsigned i = 0; i < 2 * N; i++) {
    bool wanted = i % 4 == 0 && image->acknowledged >= (i < N ? COMMITTED_FIRST : COMMITTED_SECOND);
    if (wanted && !has (store, i, &cut->ids[i]))
      g_error ("chunk %u is lost: %s", i, image->how);
  }
  cut->images++;
  dio_file_close (dio_files_host (), dir);
}

static void
test_power_cut (Fixture *f, gconstpointer data)
{
  Cut cut = { 0 };
  FilesLog *log = files_log_new (dio_files_host (), f->folder);
  DioStore *store = open_store (f, &log->files);
  put_many (store, 0, N, cut.ids);
  files_log_mark (log, COMMITTED_FIRST);
  put_many (store, N, N, cut.ids);
  files_log_mark (log, COMMITTED_SECOND);
  g_assert_true (sweep (store, cut.ids, 2 * N, 4, NULL));
  files_log_mark (log, SWEPT);
  replay_images (log, 11, 300, check_cut_cb, &cut);
  g_assert_cmpuint (cut.images, >, 200);
  dio_store_free (store);
  files_log_free (log);
}

typedef struct {
  DioStoreWriter *writer;
  DioChunkId ids[N];
} Racer;

static gpointer
racer_thread (gpointer data)
{
  Racer *racer = data;
  for (unsigned i = 0; i < N; i++)
    put (racer->writer, i, &racer->ids[i]);
  return NULL;
}

/* Threads that put the same at one time. */
static void
test_threads (Fixture *f, gconstpointer data)
{
  Racer racers[4];
  GThread *threads[4];
  DioStoreInfo info;
  g_autoptr (DioStore) store = open_store (f, dio_files_host ());
  g_autoptr (DioStoreWriter) writer = dio_store_begin (store);
  for (unsigned i = 0; i < 4; i++) {
    racers[i].writer = writer;
    threads[i] = g_thread_new (NULL, racer_thread, &racers[i]);
  }
  for (unsigned i = 0; i < 4; i++)
    g_thread_join (threads[i]);
  g_assert_true (dio_store_commit (writer, NULL));
  dio_store_get_info (store, &info);
  g_assert_cmpuint (info.chunks, ==, N);
  for (unsigned i = 0; i < N; i++)
    g_assert_true (has (store, i, &racers[3].ids[i]));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func)                                                                            \
  g_test_add ("/core/state/store/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("round-trip", test_round_trip);
  ADD ("abort", test_abort);
  ADD ("sweep", test_sweep);
  ADD ("stale", test_stale);
  ADD ("failing-calls", test_failing_calls);
  ADD ("power-cut", test_power_cut);
  ADD ("threads", test_threads);
  ADD ("damage", test_damage);
#undef ADD
  return g_test_run ();
}
