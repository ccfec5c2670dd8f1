/* SPDX-License-Identifier: GPL-3.0-or-later
 * Looks into a raw disk image for what UEFI firmware would start from it (UEFI specification 2.10,
 * sections 3.5.1, 5.3 and 13.3): for which architecture, that is. Hostile: a bounded number of
 * small reads, whatever the image says. */
#pragma once

#include "core/base/base-types.h"

/* Of the boot file in the EFI system partition, or in a FAT file system without partitions, of the
 * image opened as @fd; DIO_ARCH_NONE when there is none, or one for several. Blocks. */
DioArch dio_boot_find_efi (int fd);
