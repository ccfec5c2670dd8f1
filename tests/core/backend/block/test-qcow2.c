/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of qcow2 images against a model in memory and against QEMU's tools. */
#include "tests/core/backend/block/rig.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base-error.h"

typedef struct {
  char *folder, *path, *raw;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->folder = rig_folder_new ();
  f->path = g_build_filename (f->folder, "disk.qcow2", NULL);
  f->raw = g_build_filename (f->folder, "model.raw", NULL);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  rig_folder_free (f->folder);
  g_free (f->path);
  g_free (f->raw);
}

/* qemu-img sees the same bytes as the model. */
static void
compare_with_qemu (Fixture *f, const char *path, const uint8_t *bytes, uint64_t size)
{
  g_autofree char *output = NULL;
  g_assert_true (g_file_set_contents (f->raw, (const char *) bytes, (gssize) size, NULL));
  int status =
      rig_run (&output, "qemu-img", "compare", "-f", "qcow2", "-F", "raw", path, f->raw, NULL);
  if (status)
    g_error ("qemu-img compare: %s", output);
}

static void
check_own (DioBlockNode *node)
{
  g_autoptr (GError) error = NULL;
  DioQcow2Check check = { .text = g_string_new (NULL) };
  g_assert_true (dio_qcow2_check (node, DIO_QCOW2_REPAIR_NOTHING, &check, NULL, NULL, &error));
  g_assert_no_error (error);
  if (check.corruptions || check.leaks || check.errors)
    g_error ("%s: %s", node->path, check.text->str);
  g_string_free (check.text, TRUE);
}

/* Random changes of all kinds of images, opened anew now and then. */
static void
test_random (Fixture *f, gconstpointer data)
{
  const RigKind *kind = data;
  uint64_t size = 5 * MIB + 3 * 512;
  RigModel model = { .bytes = g_malloc0 (size), .most = 400 * KIB };
  model.random = g_rand_new_with_seed (g_test_rand_int ());
  rig_create (dio_files_host (), f->path, kind, size);
  rig_check_clean (f->path);
  for (unsigned round = 0; round < 4; round++) {
    uint64_t offset, length;
    model.node = rig_open (dio_files_host (), f->path, "qcow2", 0, NULL);
    g_assert_cmpuint (model.node->size, ==, size);
    for (unsigned i = 0; i < 120; i++)
      g_assert_cmpint (rig_change (&model, &offset, &length), ==, 0);
    rig_compare (model.node, model.bytes);
    g_assert_cmpint (dio_block_node_flush (model.node), ==, 0);
    rig_compare (model.node, model.bytes);
    g_assert_cmpint (dio_block_node_close (model.node), ==, 0);
    rig_check_clean (f->path);
    compare_with_qemu (f, f->path, model.bytes, size);
    DioBlockNode *node =
        rig_open (dio_files_host (), f->path, "qcow2", DIO_BLOCK_OPEN_READONLY, NULL);
    rig_compare (node, model.bytes);
    check_own (node);
    dio_block_node_close (node);
  }
  g_rand_free (model.random);
  g_free (model.bytes);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (const RigKind *kind = rig_kinds; kind->name; kind++) {
    g_autofree char *name = g_strconcat ("/core/backend/block/qcow2/random/", kind->name, NULL);
    g_test_add (name, Fixture, kind, set_up, test_random, tear_down);
  }
  return g_test_run ();
}
