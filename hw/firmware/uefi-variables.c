/* SPDX-License-Identifier: GPL-3.0-or-later
 * What UEFI firmware keeps in its flash. */
#include "hw/firmware/uefi-variables.h"

#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "hw/firmware/flash-private.h"

/* EFI_FIRMWARE_VOLUME_HEADER */
enum {
  VOLUME_LENGTH = 32,
  VOLUME_SIGNATURE = 40,
  VOLUME_HEADER_LENGTH = 48,
  VOLUME_LEAST = 72,
  VOLUME_MOST = 1024,
};

/* VARIABLE_STORE_HEADER, behind that of the volume */
enum {
  STORE_SIZE = 16,
  STORE_FORMAT = 20,
  STORE_STATE = 21,
  STORE_LEAST = 28,
  FORMATTED = 0x5a,
  HEALTHY = 0xfe,
};

static uint64_t
get (const DioFlash *flash, uint64_t offset, unsigned size)
{
  uint64_t value = 0;

  for (unsigned i = 0; i < size; i++)
    value |= (uint64_t) dio_flash_byte (flash, offset + i) << 8 * i;
  return value;
}

static bool
is_erased (const DioFlash *flash)
{
  for (uint64_t i = 0; i < VOLUME_MOST; i++)
    if (dio_flash_byte (flash, i) != 0xff)
      return false;
  return true;
}

static bool
is_volume (const DioFlash *flash, uint64_t header)
{
  static const char signature[4] = { '_', 'F', 'V', 'H' };
  uint16_t sum = 0;

  if (header < VOLUME_LEAST || header > VOLUME_MOST || header % 2)
    return false;
  for (uint64_t i = 0; i < header; i += 2)
    sum = (uint16_t) (sum + get (flash, i, 2));
  uint32_t found = GUINT32_TO_LE ((uint32_t) get (flash, VOLUME_SIGNATURE, 4));
  return memcmp (&found, signature, sizeof signature) == 0 && sum == 0
         && get (flash, VOLUME_LENGTH, 8) <= flash->size;
}

static bool
is_store (const DioFlash *flash, uint64_t start)
{
  uint64_t size = get (flash, start + STORE_SIZE, 4);

  return size >= STORE_LEAST && start + size <= get (flash, VOLUME_LENGTH, 8)
         && get (flash, start + STORE_FORMAT, 1) == FORMATTED
         && get (flash, start + STORE_STATE, 1) == HEALTHY;
}

bool
dio_uefi_variables_check (DioDevice *dev, const char *path, GError **error)
{
  DioFlash *flash = (DioFlash *) dev;

  pthread_mutex_lock (&dev->lock);
  uint64_t header = get (flash, VOLUME_HEADER_LENGTH, 2);
  bool good = is_erased (flash) || (is_volume (flash, header) && is_store (flash, header));
  pthread_mutex_unlock (&dev->lock);
  if (!good)
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT,
                 _ ("“%s” is damaged or does not hold the settings of UEFI firmware, which would "
                    "overwrite it; bring back a copy of it, or move it away and the machine starts "
                    "with new settings"),
                 path);
  return good;
}
