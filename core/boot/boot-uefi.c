/* SPDX-License-Identifier: GPL-3.0-or-later
 * UEFI firmware as distributions ship it. */
#include "core/boot/boot-uefi.h"

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

static const struct {
  DioArch arch;
  const char *path;
} places[] = {
  { DIO_ARCH_ARM64, "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd" }, /* Debian, Ubuntu */
  { DIO_ARCH_ARM64, "/usr/share/AAVMF/AAVMF_CODE.fd" },
  { DIO_ARCH_ARM64, "/usr/share/edk2/aarch64/QEMU_EFI.fd" },     /* Fedora */
  { DIO_ARCH_ARM64, "/usr/share/edk2/aarch64/QEMU_CODE.fd" },    /* Arch */
  { DIO_ARCH_ARM64, "/usr/share/qemu/aavmf-aarch64-code.bin" },  /* openSUSE */
  { DIO_ARCH_ARM64, "/app/share/diorama/firmware/QEMU_EFI.fd" }, /* Flatpak */
};

char *
dio_uefi_find (DioArch arch, GError **error)
{
  const char *chosen = g_getenv ("DIORAMA_UEFI");

  if (chosen && *chosen) {
    if (g_file_test (chosen, G_FILE_TEST_IS_REGULAR))
      return g_strdup (chosen);
    g_set_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND,
                 _ ("The firmware “%s”, which the environment variable DIORAMA_UEFI names, is not "
                    "a file; correct the variable or unset it"),
                 chosen);
    return NULL;
  }
  for (size_t i = 0; i < G_N_ELEMENTS (places); i++)
    if (places[i].arch == arch && g_file_test (places[i].path, G_FILE_TEST_IS_REGULAR))
      return g_strdup (places[i].path);
  g_set_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND,
               _ ("UEFI firmware for %s was not found, and a machine without a kernel needs it. "
                  "Install the package “qemu-efi-aarch64”, or choose a kernel or a firmware file"),
               dio_arch_to_string (arch));
  return NULL;
}
