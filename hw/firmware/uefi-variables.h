/* SPDX-License-Identifier: GPL-3.0-or-later
 * What UEFI firmware keeps in its flash: a firmware volume with a store of variables (PI
 * specification, volume 3, section 3.2; EDK II, Guid/VariableFormat.h). */
#pragma once

#include "core/vm/vm-device.h"

/* Is what is in @flash a store, or erased? Firmware makes a new store over anything else, so that a
 * damaged one would be lost; the error names @path and the way out. Before the machine starts. */
bool dio_uefi_variables_check (DioDevice *flash, const char *path, GError **error);
