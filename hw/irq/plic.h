/* SPDX-License-Identifier: GPL-3.0-or-later
 * The RISC-V platform-level interrupt controller. */
#pragma once

#include "core/vm/vm-device.h"

#define DIO_PLIC_SIZE UINT64_C (0x600000)

extern const DioDeviceType dio_plic_type;

/* System device "plic". Outgoing lines: two per hart, machine (2 * hart) and supervisor external
 * (2 * hart + 1), as many as its property "harts" asks for. */

/* The level-sensitive line of @source (1 up to the property "sources"). Any thread, any device lock
 * held. */
DioIrq dio_plic_get_input (DioDevice *plic, unsigned source);
