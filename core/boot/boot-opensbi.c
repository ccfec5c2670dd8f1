/* SPDX-License-Identifier: GPL-3.0-or-later
 * OpenSBI as the distribution ships it. */
#include "core/boot/boot-opensbi.h"

#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* struct fw_dynamic_info of OpenSBI, include/sbi/fw_dynamic.h: six little-endian 64-bit words. */
#define INFO_MAGIC UINT64_C (0x4942534f) /* "OSBI" */
#define INFO_VERSION 2
#define NEXT_MODE_S 1

static const char *const places[] = {
  "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin", /* Debian, Ubuntu */
  "/usr/share/opensbi/lp64/generic/firmware/fw_dynamic.bin",   /* Arch, upstream's own layout */
  "/usr/share/edk2/riscv/fw_dynamic.bin",
  "/usr/share/opensbi/generic/fw_dynamic.bin",
  "/app/share/diorama/firmware/fw_dynamic.bin", /* Flatpak */
};

char *
dio_opensbi_find (GError **error)
{
  const char *chosen = g_getenv ("DIORAMA_OPENSBI");
  if (chosen && *chosen) {
    if (g_file_test (chosen, G_FILE_TEST_IS_REGULAR))
      return g_strdup (chosen);
    g_set_error (
        error, DIO_ERROR, DIO_ERROR_NOT_FOUND,
        _ ("The firmware “%s”, which the environment variable DIORAMA_OPENSBI names, is not "
           "a file; correct the variable or unset it"),
        chosen);
    return NULL;
  }
  for (size_t i = 0; i < G_N_ELEMENTS (places); i++)
    if (g_file_test (places[i], G_FILE_TEST_IS_REGULAR))
      return g_strdup (places[i]);
  g_set_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND,
               _ ("The firmware OpenSBI was not found, and riscv64 machines need it. Install the "
                  "package “opensbi” or choose a firmware file"));
  return NULL;
}

void
dio_opensbi_info (uint8_t info[DIO_OPENSBI_INFO_SIZE], DioGpa next, uint64_t boot_hart)
{
  const uint64_t words[DIO_OPENSBI_INFO_SIZE / 8] = {
    GUINT64_TO_LE (INFO_MAGIC), GUINT64_TO_LE (INFO_VERSION),
    GUINT64_TO_LE (next),       GUINT64_TO_LE (NEXT_MODE_S),
    GUINT64_TO_LE (0), /* options: none */
    GUINT64_TO_LE (boot_hart),
  };
  memcpy (info, words, sizeof words);
}
