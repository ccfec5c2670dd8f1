/* SPDX-License-Identifier: GPL-3.0-or-later
 * The RISC-V core-local interruptor: software interrupts and timers of each hart. */
#pragma once

#include "core/vm/vm-device.h"

#define DIO_ACLINT_SIZE UINT64_C (0x10000)

extern const DioDeviceType dio_aclint_type;

/* System device "aclint". Outgoing lines: two per hart, software (2 * hart) and timer interrupt
 * (2 * hart + 1) of machine mode. */
