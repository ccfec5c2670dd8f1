/* SPDX-License-Identifier: GPL-3.0-or-later
 * Loads kernels, initial RAM disks and firmware into guest memory. The files are hostile: sizes and
 * addresses in them are checked, and nothing outside of the range given is written. Errors name the
 * file, say what it is instead, and what to do. Blocking; control thread. */
#pragma once

#include <glib.h>

#include "core/mem/mem-space.h"

/* Where something was loaded: the bytes [start, end), of which the guest enters at @entry. */
typedef struct {
  DioGpa entry;
  DioGpa start;
  DioGpa end; /* includes what the kernel says it needs behind its file (bss) */
} DioBootLoaded;

/* A Linux Image (plain, gzip'd, or with an EFI stub) or ELF kernel for @arch. An Image goes to
 * @base + its text offset, rounded as the architecture asks; @base is the start of RAM and
 * @minimum the lowest address that it may use (above the firmware). An ELF file goes where it says,
 * inside [@minimum, @limit). */
bool dio_boot_load_kernel (DioSpace *space, DioArch arch, const char *path, DioGpa base,
                           DioGpa minimum, DioGpa limit, DioBootLoaded *loaded, GError **error);

/* A file as it is, ending as high as possible below @limit, page-aligned, not below @minimum. */
bool dio_boot_load_initrd (DioSpace *space, const char *path, DioGpa minimum, DioGpa limit,
                           DioBootLoaded *loaded, GError **error);

/* Firmware: an ELF file where it says, anything else flat at @base; inside [@base, @limit). */
bool dio_boot_load_firmware (DioSpace *space, DioArch arch, const char *path, DioGpa base,
                             DioGpa limit, DioBootLoaded *loaded, GError **error);

/* What boards have for firmware that runs from flash. */
#define DIO_BOOT_ROM_SIZE UINT64_C (0x4000000)

/* Firmware that runs where it lies: the file goes to @offset of @ram, where @size bytes of zeros
 * are; a file that ends in zeros costs no memory for them. @ram NULL: the file is only checked. */
bool dio_boot_load_rom (DioRam *ram, uint64_t offset, uint64_t size, DioArch arch, const char *path,
                        GError **error);

/* The contents of a kernel for @arch, or of an initial RAM disk, as they are: for firmware that
 * takes them from the board. */
GBytes *dio_boot_read_kernel (DioArch arch, const char *path, GError **error);
GBytes *dio_boot_read_initrd (const char *path, GError **error);
