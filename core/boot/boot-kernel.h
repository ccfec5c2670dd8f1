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
