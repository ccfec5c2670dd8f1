/* SPDX-License-Identifier: GPL-3.0-or-later
 * Looks into a disk image for what UEFI firmware would start from it (UEFI specification 2.10,
 * sections 3.5.1, 5.3 and 13.3; El Torito 1.0): for which architecture, that is. Hostile: a bounded
 * number of small reads, whatever the image says. */
#pragma once

#include "core/base/base-types.h"

/* Reads @length bytes of the disk; false when they are not there. */
typedef bool DioBootRead (void *data, uint64_t offset, void *bytes, size_t length);

/* Of the boot file in the EFI system partition, in a FAT file system without partitions, or in the
 * boot image of a disc; DIO_ARCH_NONE when there is none, or one for several. Blocks. */
DioArch dio_boot_find_efi (DioBootRead *read, void *data);

/* Is it a disc with a boot record whose catalogue does not begin as one must (El Torito 1.0,
 * section 2.1)? Firmware starts nothing from it then. False for what is not to be started from.
 * Blocks. */
bool dio_boot_is_catalogue_damaged (DioBootRead *read, void *data);
