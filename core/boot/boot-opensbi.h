/* SPDX-License-Identifier: GPL-3.0-or-later
 * OpenSBI as the distribution ships it: where its fw_dynamic firmware is, and what it wants to be
 * told. It is entered in M-mode on every hart with a0 = hart id, a1 = device tree, a2 = address of
 * the dynamic info. */
#pragma once

#include <glib.h>

#include "core/base/base-types.h"

#define DIO_OPENSBI_INFO_SIZE 48

/* The path of fw_dynamic.bin: $DIORAMA_OPENSBI if set, else where distributions install it. Owned
 * by the caller; NULL and DIO_ERROR_NOT_FOUND with the way out. */
char *dio_opensbi_find (GError **error);

/* Builds struct fw_dynamic_info version 2: go on at @next in S-mode, on hart @boot_hart. */
void dio_opensbi_info (uint8_t info[DIO_OPENSBI_INFO_SIZE], DioGpa next, uint64_t boot_hart);
