/* SPDX-License-Identifier: GPL-3.0-or-later
 * The Goldfish real-time clock. */
#pragma once

#include "core/vm/vm-device.h"

#define DIO_GOLDFISH_RTC_SIZE UINT64_C (0x1000)

extern const DioDeviceType dio_goldfish_rtc_type;

/* System device "goldfish-rtc"; one outgoing line. */
