/* SPDX-License-Identifier: GPL-3.0-or-later
 * Names of architectures. */
#include "core/base/base-types.h"

#include <glib.h>

static const char *const arch_names[] = {
  [DIO_ARCH_RISCV64] = "riscv64",
  [DIO_ARCH_ARM64] = "arm64",
  [DIO_ARCH_X86_64] = "x86_64",
  [DIO_ARCH_PPC64] = "ppc64",
};

const char *
dio_arch_to_string (DioArch arch)
{
  return (unsigned) arch < G_N_ELEMENTS (arch_names) ? arch_names[arch] : NULL;
}

DioArch
dio_arch_from_string (const char *name)
{
  for (unsigned i = 0; name && i < G_N_ELEMENTS (arch_names); i++)
    if (g_strcmp0 (arch_names[i], name) == 0)
      return i;
  return DIO_ARCH_NONE;
}
