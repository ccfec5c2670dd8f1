/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of the device-tree writer, read back by libfdt. */
#include "core/boot/boot-fdt.h"

#include <libfdt.h>
#include <string.h>

#include "core/base/base-error.h"

static void
test_tree (void)
{
  static const char *const list[] = { "one", "two", NULL };
  static const uint32_t cells[] = { 1, 2, 0xdeadbeef };
  g_autoptr (GError) error = NULL;
  DioFdt *fdt = dio_fdt_new ();
  dio_fdt_u32 (fdt, "#address-cells", 2);
  uint32_t phandle = dio_fdt_new_phandle (fdt);
  g_assert_cmpuint (phandle, !=, dio_fdt_new_phandle (fdt));
  dio_fdt_begin (fdt, "uart@%x", 0x10000000);
  dio_fdt_reg (fdt, "reg", 1, UINT64_C (0x110000000), UINT64_C (0x100));
  dio_fdt_string (fdt, "compatible", "ns16550a");
  dio_fdt_strings (fdt, "names", "rx", "tx", NULL);
  dio_fdt_strv (fdt, "list", list);
  dio_fdt_empty (fdt, "dma-coherent");
  dio_fdt_u64 (fdt, "big", UINT64_C (0x0123456789abcdef));
  dio_fdt_cells (fdt, "cells", cells, 3);
  g_assert_cmpint (fdt_property_u32 (dio_fdt_raw (fdt), "raw", 7), ==, 0);
  dio_fdt_begin (fdt, "inner");
  dio_fdt_end (fdt);
  dio_fdt_end (fdt);
  g_autoptr (GBytes) bytes = dio_fdt_finish (fdt, &error);
  g_assert_no_error (error);

  const void *tree = g_bytes_get_data (bytes, NULL);
  g_assert_cmpint (fdt_check_full (tree, g_bytes_get_size (bytes)), ==, 0);
  int node = fdt_path_offset (tree, "/uart@10000000");
  int length;
  g_assert_cmpint (node, >, 0);
  const uint8_t *reg = fdt_getprop (tree, node, "reg", &length);
  g_assert_cmpmem (reg, length, "\0\0\0\1\x10\0\0\0\0\0\0\0\0\0\1\0", 16);
  g_assert_cmpmem (fdt_getprop (tree, node, "names", &length), 6, "rx\0tx", 6);
  g_assert_cmpint (length, ==, 6);
  g_assert_cmpint (fdt_stringlist_count (tree, node, "list"), ==, 2);
  g_assert_nonnull (fdt_getprop (tree, node, "dma-coherent", &length));
  g_assert_cmpint (length, ==, 0);
  g_assert_cmpmem (fdt_getprop (tree, node, "big", NULL), 8, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
  g_assert_cmpmem (fdt_getprop (tree, node, "cells", NULL), 12, "\0\0\0\1\0\0\0\2\xde\xad\xbe\xef",
                   12);
  g_assert_cmpmem (fdt_getprop (tree, node, "raw", NULL), 4, "\0\0\0\7", 4);
  g_assert_cmpint (fdt_path_offset (tree, "/uart@10000000/inner"), >, 0);
}

/* A mistake in the middle comes out at the end. */
static void
test_failure (void)
{
  g_autoptr (GError) error = NULL;
  DioFdt *fdt = dio_fdt_new ();
  dio_fdt_begin (fdt, "a");
  dio_fdt_end (fdt);
  dio_fdt_end (fdt);
  dio_fdt_string (fdt, "outside", "of everything");
  g_assert_null (dio_fdt_finish (fdt, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FAILED);

  g_clear_error (&error);
  fdt = dio_fdt_new ();
  dio_fdt_begin (fdt, "left-open");
  g_assert_null (dio_fdt_finish (fdt, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FAILED);

  g_clear_error (&error);
  fdt = dio_fdt_new ();
  g_autofree char *huge = g_malloc0 (1 << 20);
  dio_fdt_bytes (fdt, "huge", huge, 1 << 20);
  g_assert_null (dio_fdt_finish (fdt, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FAILED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/boot/fdt/tree", test_tree);
  g_test_add_func ("/core/boot/fdt/failure", test_failure);
  return g_test_run ();
}
