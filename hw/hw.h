/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tables of everything in this library, generated from the lists in the meson.build files. The
 * application hands them to machines, as core may not include hw. */
#pragma once

#include "core/vm/vm-board.h"
#include "core/vm/vm-device.h"

/* NULL-terminated. */
extern const DioDeviceType *const dio_hw_devices[];
extern const DioBoardType *const dio_hw_boards[];

/* The type called @id, or NULL. */
const DioDeviceType *dio_hw_find_device (const DioDeviceType *const *devices, const char *id);
