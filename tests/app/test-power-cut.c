/* SPDX-License-Identifier: GPL-3.0-or-later
 * Power cuts while machines are made, renamed, thrown away and brought back: every state of the
 * library that may be found afterwards is one before or after. */
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "app/library/library-bundle.h"
#include "core/backend/block/block-node.h"
#include "tests/support/replay.h"

typedef struct {
  char *library, *kernel;
  DioMachineConfig *config;
  FilesLog *log;
  DioFiles *files;
  unsigned images, with, without;
  bool must_be_there; /* the machine was there before */
  const char *names[2];
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->library = g_dir_make_tmp ("dio-cut-XXXXXX", NULL);
  f->kernel = g_strconcat (f->library, ".kernel", NULL);
  g_assert_true (g_file_set_contents (f->kernel, "a kernel", 8, NULL));
  f->config = dio_machine_config_new ();
  f->config->name = g_strdup ("one");
  f->config->arch = DIO_ARCH_RISCV64;
  f->config->memory = 1 << 30;
  f->config->kernel = g_strdup (f->kernel);
  f->names[0] = f->names[1] = "one";
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  files_log_free (f->log);
  dio_machine_config_free (f->config);
  g_assert_true (dio_file_remove_tree (dio_files_host (), AT_FDCWD, f->library, NULL));
  unlink (f->kernel);
  g_free (f->library);
  g_free (f->kernel);
}

static char *
create (Fixture *f, DioFiles *files)
{
  g_autoptr (GError) error = NULL;
  char *path =
      dio_bundle_create (files, f->library, f->config, 1 << 20, NULL, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return path;
}

static void
start_log (Fixture *f)
{
  f->log = files_log_new (dio_files_host (), f->library);
  f->files = &f->log->files;
}

/* A machine that is shown is whole: it can be read, and its files are there. */
static void
judge_machine (Fixture *f, const char *path, const char *how)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioManifest) manifest = dio_bundle_load (dio_files_host (), path, &error);
  if (!manifest)
    g_error ("%s: %s", how, error->message);
  g_assert_true (g_str_equal (manifest->config->name, f->names[0])
                 || g_str_equal (manifest->config->name, f->names[1]));
  g_autoptr (DioMachineConfig) config =
      dio_bundle_prepare (dio_files_host (), path, manifest, &error);
  if (!config)
    g_error ("%s: %s", how, error->message);
  g_autofree char *kernel = NULL;
  g_assert_true (g_file_get_contents (config->kernel, &kernel, NULL, NULL));
  g_assert_cmpstr (kernel, ==, "a kernel");
  const DioDiskConfig *disk = g_ptr_array_index (config->disks, 0);
  DioBlockNode *node =
      dio_block_node_open (dio_files_host (), disk->path, disk->format, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (node->size, ==, 1 << 20);
  dio_block_node_close (node);
}

static void
judge_cb (const ReplayImage *image, void *data)
{
  Fixture *f = data;
  g_auto (GStrv) bundles = dio_bundle_list (image->root, NULL);
  f->images++;
  for (char **path = bundles; *path; path++)
    judge_machine (f, *path, image->how);
  if (bundles[0])
    f->with++;
  else
    f->without++;
  if ((image->acknowledged == 1 || f->must_be_there) && !bundles[0])
    g_error ("%s: the machine is gone", image->how);
  if (image->acknowledged == 2 && bundles[0])
    g_error ("%s: the machine is there again", image->how);
  /* What was left behind is cleaned without harm. */
  dio_bundle_clean_library (dio_files_host (), image->root);
  g_auto (GStrv) after = dio_bundle_list (image->root, NULL);
  g_assert_cmpuint (g_strv_length (after), ==, g_strv_length (bundles));
}

static void
judge (Fixture *f)
{
  replay_images (f->log, g_test_rand_int (), 400, judge_cb, f);
  g_test_message ("%u images, %u with the machine", f->images, f->with);
  g_assert_cmpuint (f->images, >=, 5);
}

static void
test_create (Fixture *f, gconstpointer data)
{
  start_log (f);
  g_free (create (f, f->files));
  files_log_mark (f->log, 1);
  judge (f);
  g_assert_cmpuint (f->with, >, 0);
  g_assert_cmpuint (f->without, >, 0);
}

static void
test_rename (Fixture *f, gconstpointer data)
{
  g_autofree char *path = create (f, dio_files_host ());
  f->must_be_there = true;
  f->names[1] = "another";
  start_log (f);
  g_assert_true (dio_bundle_rename (f->files, path, "another", NULL));
  judge (f);
}

static void
test_trash (Fixture *f, gconstpointer data)
{
  g_autofree char *path = create (f, dio_files_host ());
  g_autoptr (DioManifest) manifest = dio_bundle_load (dio_files_host (), path, NULL);
  start_log (f);
  g_assert_true (dio_bundle_trash (f->files, path, manifest->id, "one", NULL));
  files_log_mark (f->log, 2);
  files_log_mark (f->log, 3); /* on the way back: either */
  g_autofree char *back = dio_bundle_restore (f->files, f->library, manifest->id, NULL);
  g_assert_nonnull (back);
  files_log_mark (f->log, 1);
  judge (f);
}

int
main (int argc, char **argv)
{
  if (g_access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", FALSE);
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/app/power-cut/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("create", test_create);
  ADD ("rename", test_rename);
  ADD ("trash", test_trash);
#undef ADD
  return g_test_run ();
}
