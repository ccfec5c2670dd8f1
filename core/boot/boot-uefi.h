/* SPDX-License-Identifier: GPL-3.0-or-later
 * UEFI firmware as distributions ship it. */
#pragma once

#include <glib.h>

#include "core/base/base-types.h"

/* The path of an image of UEFI firmware for @arch: $DIORAMA_UEFI if set, else where distributions
 * install it. Owned by the caller; NULL and DIO_ERROR_NOT_FOUND with the way out. */
char *dio_uefi_find (DioArch arch, GError **error);
