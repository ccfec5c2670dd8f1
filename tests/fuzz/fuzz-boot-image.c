/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes the identification of files. */
#include <stdlib.h>
#include <string.h>

#include "core/boot/boot-image.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  DioBootIdentity identity;
  dio_boot_identify (data, size, size, &identity);
  if (!memchr (identity.title, 0, sizeof identity.title)
      || !memchr (identity.version, 0, sizeof identity.version)
      || !g_utf8_validate (identity.title, -1, NULL)
      || (identity.arch && !dio_arch_to_string (identity.arch)))
    abort ();
  return 0;
}
