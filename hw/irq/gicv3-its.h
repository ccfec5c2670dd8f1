/* SPDX-License-Identifier: GPL-3.0-or-later
 * The interrupt translation service of a GICv3: messages of PCI devices become interrupts. */
#pragma once

#include "core/vm/vm-device.h"

#define DIO_GICV3_ITS_SIZE UINT64_C (0x20000)

extern const DioDeviceType dio_gicv3_its_type;

/* System device "gicv3-its", one region: the registers, and 64 KiB behind them the page that
 * messages are written to. Connects it to the controller, which from then on has LPIs and describes
 * the ITS in its node of the device tree. Before the machine runs. */
void dio_gicv3_its_connect (DioDevice *its, DioDevice *gic);

/* Where a PCI bus sends its messages. */
DioMsiTarget dio_gicv3_its_get_msi_target (DioDevice *its);
