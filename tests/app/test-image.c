/* SPDX-License-Identifier: GPL-3.0-or-later
 * Images that machines are made from: the list of them tells systems apart that have the same name.
 */
#include "app/model/model-image.h"

#include <glib/gstdio.h>
#include <string.h>

static void
add_image (const char *root, const char *name, const char *title, const char *arch)
{
  g_autofree char *folder = g_build_filename (root, name, NULL);
  g_autofree char *kernel = g_build_filename (folder, "linux", NULL);
  g_autofree char *description = g_build_filename (folder, "image.json", NULL);
  g_autofree char *json = g_strdup_printf (
      "{ \"title\": \"%s\", \"arch\": \"%s\", \"kernel\": \"linux\" }", title, arch);

  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (kernel, "kernel", -1, NULL));
  g_assert_true (g_file_set_contents (description, json, -1, NULL));
}

static void
test_names (void)
{
  static const char *const expected[] = {
    "Little", "Penguin 1 (Arm)", "Penguin 1 (RISC-V)", "Penguin 2", "Twin", "Twin",
  };
  g_autofree char *root = g_dir_make_tmp ("dio-images-XXXXXX", NULL);
  g_autofree char *remove = g_strdup_printf ("rm -r '%s'", root);
  guint found = 0;

  add_image (root, "a", "Penguin 1", "riscv64");
  add_image (root, "b", "Penguin 2", "arm64");
  add_image (root, "c", "Penguin 1", "arm64");
  add_image (root, "d", "Twin", "arm64");
  add_image (root, "e", "Twin", "arm64");
  add_image (root, "f", "Little", "riscv64");
  g_setenv ("DIORAMA_IMAGES", root, TRUE);
  g_autoptr (GPtrArray) images = dio_images_find ();
  for (guint i = 0; i < images->len; i++) {
    DioImage *image = g_ptr_array_index (images, i);
    const char *kernel = dio_image_get_kernel (image);
    /* There may be others, of this computer. */
    if (!kernel || !g_str_has_prefix (kernel, root))
      continue;
    g_assert_cmpuint (found, <, G_N_ELEMENTS (expected));
    g_assert_cmpstr (dio_image_get_title (image), ==, expected[found++]);
  }
  g_assert_cmpuint (found, ==, G_N_ELEMENTS (expected));
  g_assert_true (g_spawn_command_line_sync (remove, NULL, NULL, NULL, NULL));
}

/* A disc that was not got to its end, or that nothing can start from, says so where people choose
 * it. */
static void
test_conditions (void)
{
  enum { SIZE = 40960, DESCRIPTOR = 32768 };
  g_autofree char *folder = g_dir_make_tmp ("dio-disc-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "disc.iso", NULL);
  g_autofree char *disc = g_malloc0 (SIZE);
  memcpy (disc + DESCRIPTOR + 1, "CD001", 5);
  memcpy (disc + DESCRIPTOR + 80, "\x14\0\0\0", 4); /* blocks of 2048 bytes: all there are */
  memcpy (disc + DESCRIPTOR + 128, "\0\x08", 2);
  static const char *const says[] = { NULL, "damaged: get it again", "incomplete: get it again" };
  for (unsigned i = 0; i < G_N_ELEMENTS (says); i++) {
    if (i == 1) {
      memcpy (disc + DESCRIPTOR + 2049, "CD001", 5);
      strcpy (disc + DESCRIPTOR + 2055, "EL TORITO SPECIFICATION");
    }
    disc[DESCRIPTOR + 82] = (char) (i == 2); /* and 65536 more */
    g_assert_true (g_file_set_contents (path, disc, SIZE, NULL));
    g_autoptr (DioImage) image = dio_image_probe_file (path, NULL);
    g_assert_nonnull (image);
    g_assert_cmpint (dio_image_get_kind (image), ==, DIO_IMAGE_ISO);
    for (unsigned k = 1; k < G_N_ELEMENTS (says); k++)
      g_assert_cmpint (strstr (dio_image_get_subtitle (image), says[k]) != NULL, ==, k == i);
  }
  g_remove (path);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/app/image/names", test_names);
  g_test_add_func ("/app/image/conditions", test_conditions);
  return g_test_run ();
}
