/* SPDX-License-Identifier: GPL-3.0-or-later
 * A 16550A serial port. */
#pragma once

#include "core/backend/backend-char.h"
#include "core/vm/vm-device.h"

#define DIO_NS16550_SIZE UINT64_C (0x100)
#define DIO_NS16550_CLOCK_HZ 3686400

extern const DioDeviceType dio_ns16550_type;

/* System device "ns16550"; one outgoing line. */

/* Connects the host side, borrowed, once, after attach; without one, output is dropped. The port
 * lets go of it when it is freed. */
void dio_ns16550_set_char (DioDevice *serial, DioChar *chr);
