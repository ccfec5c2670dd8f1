/* SPDX-License-Identifier: GPL-3.0-or-later
 * The generation of a virtual machine: an identifier that changes when it goes on from a state that
 * it, or another machine, has been in before. */
#pragma once

#include "core/vm/vm-machine.h"

#define DIO_VMGENID_SIZE UINT64_C (0x1000)
#define DIO_VMGENID_BYTES DIO_GENERATION_BYTES

extern const DioDeviceType dio_vmgenid_type;

/* The identifier of the machine's present life, instead of the random one that the device has: of a
 * machine that starts cold, and of one that starts from a state that it or another has been in. All
 * zero changes nothing. Before the machine starts; control thread. */
void dio_vmgenid_set (DioDevice *dev, const uint8_t id[DIO_VMGENID_BYTES]);
