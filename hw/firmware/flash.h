/* SPDX-License-Identifier: GPL-3.0-or-later
 * NOR flash with the Intel command set (CFI 0001), in which UEFI firmware keeps its variables.
 *
 * What the guest sees are two 16-bit chips beside each other, as on QEMU's boards: 4 bytes wide,
 * sectors of 256 KiB. The contents survive in a file that is written anew, whole and atomically,
 * whenever they changed: what is on disk is always what the flash held at one moment, which is what
 * firmware is made to recover from. The file ends behind the last sector that is not erased. */
#pragma once

#include "core/file/file.h"
#include "core/vm/vm-device.h"

#define DIO_FLASH_SECTOR UINT64_C (0x40000)
#define DIO_FLASH_MAX_SIZE UINT64_C (0x4000000)
#define DIO_FLASH_DEFAULT_SIZE UINT64_C (0x4000000)

extern const DioDeviceType dio_cfi_flash_type;

/* Reads the contents from @path, which need not exist (all erased then), and from now on keeps them
 * there. After attach, before the machine starts; @files outlives the device. */
bool dio_flash_set_file (DioDevice *dev, DioFiles *files, const char *path, GError **error);

/* Reads the contents from the file @path without keeping them there: what a machine without a place
 * of its own starts with. Sectors of zeros count as erased, as templates of distributions are
 * filled up so. */
bool dio_flash_load_template (DioDevice *dev, DioFiles *files, const char *path, GError **error);

/* Waits until the file holds what the flash holds. Not from a region's ops. */
bool dio_flash_flush (DioDevice *dev, GError **error);
