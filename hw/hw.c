/* SPDX-License-Identifier: GPL-3.0-or-later
 * Look-up in the table of devices. */
#include "hw/hw.h"

const DioDeviceType *
dio_hw_find_device (const DioDeviceType *const *devices, const char *id)
{
  for (; devices && *devices; devices++)
    if (g_strcmp0 ((*devices)->id, id) == 0)
      return *devices;
  return NULL;
}
