/* SPDX-License-Identifier: GPL-3.0-or-later
 * The serial port of Arm systems (PrimeCell PL011). */
#pragma once

#include "core/backend/backend-char.h"
#include "core/vm/vm-device.h"

#define DIO_PL011_SIZE UINT64_C (0x1000)

extern const DioDeviceType dio_pl011_type;

/* System device "pl011", one interrupt line. The other end of the line, before the machine runs;
 * @chr stays the caller's. NULL: nobody listens. */
void dio_pl011_set_char (DioDevice *uart, DioChar *chr);
