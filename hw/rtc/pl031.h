/* SPDX-License-Identifier: GPL-3.0-or-later
 * The real-time clock of Arm systems (PrimeCell PL031). */
#pragma once

#include "core/vm/vm-device.h"

#define DIO_PL031_SIZE UINT64_C (0x1000)

/* System device "pl031", one interrupt line. */
extern const DioDeviceType dio_pl031_type;
