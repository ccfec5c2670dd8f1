/* SPDX-License-Identifier: GPL-3.0-or-later
 * The virtio devices that every standard board has. */
#pragma once

#include "hw/pci/pci-device.h"

/* Makes, plugs and attaches display (if it is to be virtio's), keyboard, tablet, random numbers,
 * console, a disk per image of the configuration, the guest agent's port, and an adapter with the
 * CD-ROM drives if there are any, in this order of slots. */
bool dio_board_add_virtio (DioMachine *machine, DioPciBus *bus, GError **error);

/* The device type called @id in the machine's table, or NULL and @error. */
const DioDeviceType *dio_board_find_type (DioMachine *machine, const char *id, GError **error);
