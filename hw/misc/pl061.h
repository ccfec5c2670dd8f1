/* SPDX-License-Identifier: GPL-3.0-or-later
 * The general-purpose I/O of Arm systems (PrimeCell PL061), with a power key. */
#pragma once

#include "core/vm/vm-device.h"

#define DIO_PL061_SIZE UINT64_C (0x1000)
#define DIO_PL061_POWER_KEY 3 /* the line of the power key; high while it is pressed */
#define DIO_PL061_PRESS_NS INT64_C (100000000)

extern const DioDeviceType dio_pl061_type;

/* System device "pl061", one interrupt line. Takes over the machine's power button: a press of it
 * is one of the power key, DIO_PL061_PRESS_NS long. */
void dio_pl061_take_power_button (DioDevice *gpio);

/* Such a press. Any thread. */
void dio_pl061_press_power (void *gpio);
