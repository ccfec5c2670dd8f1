/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of the map for perf: its lines, several threads, and what others may have put in its place.
 */
#include "core/jit/jit-perf.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base-error.h"
#include "core/base/base-thread.h"
#include "core/jit/jit-private.h"

typedef struct {
  char *directory, *path, *other;
} Place;

static void
set_up (Place *place, gconstpointer data)
{
  place->directory = g_dir_make_tmp ("dio-perf-XXXXXX", NULL);
  g_assert_nonnull (place->directory);
  place->path = g_strdup_printf ("%s/perf-%d.map", place->directory, (int) getpid ());
  place->other = g_strdup_printf ("%s/other", place->directory);
}

static void
tear_down (Place *place, gconstpointer data)
{
  unlink (place->path);
  unlink (place->other);
  rmdir (place->directory);
  g_free (place->directory);
  g_free (place->path);
  g_free (place->other);
}

static char *
read_all (const char *path)
{
  char *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
}

static DioJitPerf *
start (Place *place)
{
  g_autoptr (GError) error = NULL;
  DioJitPerf *perf = dio_jit_perf_new (place->directory, &error);
  g_assert_no_error (error);
  return perf;
}

static void
test_lines (Place *place, gconstpointer data)
{
  DioJitPerf *perf = start (place);
  dio_jit_perf_add (perf, (void *) 0x7f0012345678, 0x40, "rv64 0x%x", 0x80200000);
  dio_jit_perf_add (perf, (void *) 0x1000, 7, "two\nlines\tand more");
  g_autofree char *long_name = g_strnfill (1000, 'x');
  dio_jit_perf_add (perf, (void *) 0x2000, 8, "%s", long_name);
  dio_jit_perf_add (NULL, (void *) 0x3000, 9, "nobody wants this");
  dio_jit_perf_free (perf);
  dio_jit_perf_free (NULL);

  g_autofree char *text = read_all (place->path);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, 4);
  g_assert_cmpstr (lines[0], ==, "7f0012345678 40 rv64 0x80200000");
  g_assert_cmpstr (lines[1], ==, "1000 7 two lines and more");
  g_assert_true (g_str_has_prefix (lines[2], "2000 8 xxxx"));
  g_assert_cmpuint (strlen (lines[2]), ==, 254);
  g_assert_cmpstr (lines[3], ==, "");
  struct stat status;
  g_assert_cmpint (stat (place->path, &status), ==, 0);
  g_assert_cmphex (status.st_mode & 0777, ==, 0600);
}

static void
test_replaces_own (Place *place, gconstpointer data)
{
  g_assert_true (g_file_set_contents (place->path, "old\n", -1, NULL));
  DioJitPerf *perf = start (place);
  dio_jit_perf_add (perf, (void *) 0x1000, 1, "new");
  dio_jit_perf_free (perf);
  g_autofree char *text = read_all (place->path);
  g_assert_cmpstr (text, ==, "1000 1 new\n");
}

static void
test_keeps_links (Place *place, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_assert_true (g_file_set_contents (place->other, "precious\n", -1, NULL));
  g_assert_cmpint (symlink (place->other, place->path), ==, 0);
  g_assert_null (dio_jit_perf_new (place->directory, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_EXISTS);
  g_assert_nonnull (strstr (error->message, place->path));
  g_autofree char *text = read_all (place->other);
  g_assert_cmpstr (text, ==, "precious\n");

  /* A hard link of ours is another name of the file: only the name goes. */
  g_assert_cmpint (unlink (place->path), ==, 0);
  g_assert_cmpint (link (place->other, place->path), ==, 0);
  DioJitPerf *perf = start (place);
  dio_jit_perf_add (perf, (void *) 0x1000, 1, "new");
  dio_jit_perf_free (perf);
  g_autofree char *after = read_all (place->other);
  g_assert_cmpstr (after, ==, "precious\n");
}

static void
test_no_directory (void)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (dio_jit_perf_new ("/nonexistent/place", &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND);
}

#define THREADS 4
#define LINES 500

static void *
add_many (void *data)
{
  for (size_t i = 0; i < LINES; i++)
    dio_jit_perf_add (data, (void *) (i << 12), i, "a name that is long enough to be torn apart");
  return NULL;
}

static void
test_threads (Place *place, gconstpointer data)
{
  DioJitPerf *perf = start (place);
  pthread_t threads[THREADS];
  for (unsigned i = 0; i < THREADS; i++)
    g_assert_true (dio_thread_start (&threads[i], "perf", add_many, perf, NULL));
  for (unsigned i = 0; i < THREADS; i++)
    pthread_join (threads[i], NULL);
  dio_jit_perf_free (perf);

  g_autofree char *text = read_all (place->path);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, THREADS * LINES + 1);
  unsigned seen[LINES] = { 0 };
  for (unsigned i = 0; i < THREADS * LINES; i++) {
    g_auto (GStrv) words = g_strsplit (lines[i], " ", 3);
    uint64_t number = g_ascii_strtoull (words[1], NULL, 16);
    g_assert_cmpuint (number, <, LINES);
    g_assert_cmphex (g_ascii_strtoull (words[0], NULL, 16), ==, number << 12);
    g_assert_cmpstr (words[2], ==, "a name that is long enough to be torn apart");
    seen[number]++;
  }
  for (unsigned i = 0; i < LINES; i++)
    g_assert_cmpuint (seen[i], ==, THREADS);
}

/* What is set to nothing is not asked for. */
static void
test_empty (void)
{
  g_setenv ("DIORAMA_JIT_DUMP", "", TRUE);
  g_setenv ("DIORAMA_JIT_PERF", "", TRUE);
  g_assert_null (dio_jit_debug_new ());
  g_unsetenv ("DIORAMA_JIT_DUMP");
  g_unsetenv ("DIORAMA_JIT_PERF");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function)                                                                        \
  g_test_add ("/core/jit/perf/" path, Place, NULL, set_up, function, tear_down)
  ADD ("lines", test_lines);
  ADD ("replaces-own", test_replaces_own);
  ADD ("keeps-links", test_keeps_links);
  ADD ("threads", test_threads);
  g_test_add_func ("/core/jit/perf/no-directory", test_no_directory);
  g_test_add_func ("/core/jit/perf/empty", test_empty);
  return g_test_run ();
}
