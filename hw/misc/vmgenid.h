/* SPDX-License-Identifier: GPL-3.0-or-later
 * The generation of a virtual machine: an identifier that changes when it goes on from a state that
 * it, or another machine, has been in before. */
#pragma once

#include "core/vm/vm-device.h"

#define DIO_VMGENID_SIZE UINT64_C (0x1000)
#define DIO_VMGENID_BYTES 16

extern const DioDeviceType dio_vmgenid_type;
