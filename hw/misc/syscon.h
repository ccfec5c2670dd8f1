/* SPDX-License-Identifier: GPL-3.0-or-later
 * Power-off, failure and reset by one register. */
#pragma once

#include "core/vm/vm-device.h"

#define DIO_SYSCON_SIZE UINT64_C (0x1000)

/* What the guest writes: 16 bits of command, above them an exit code for FAIL. */
#define DIO_SYSCON_FAIL 0x3333
#define DIO_SYSCON_POWER_OFF 0x5555
#define DIO_SYSCON_RESET 0x7777

extern const DioDeviceType dio_syscon_type;

/* System device "syscon"; no lines. */
