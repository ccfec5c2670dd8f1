/* SPDX-License-Identifier: GPL-3.0-or-later
 * The Arm generic interrupt controller, version 3. */
#pragma once

#include "core/guest/arm64/arm64-cpu.h"
#include "core/vm/vm-device.h"

#define DIO_GICV3_DISTRIBUTOR_SIZE UINT64_C (0x10000)
#define DIO_GICV3_REDISTRIBUTOR_SIZE UINT64_C (0x20000) /* of one CPU */

extern const DioDeviceType dio_gicv3_type;

/* System device "gicv3". Regions: 0 the distributor, 1 the redistributors. Outgoing lines: two per
 * CPU, IRQ (2 * cpu) and FIQ (2 * cpu + 1), as many as its property "cpus" asks for. */

/* The line of the shared interrupt @number (0 up to the property "sources"), which is INTID 32 +
 * @number. Any thread, any device lock held. */
DioIrq dio_gicv3_get_spi (DioDevice *gic, unsigned number);
/* The line of the private interrupt @number (0 to 15) of @cpu: INTID 16 + @number. */
DioIrq dio_gicv3_get_ppi (DioDevice *gic, unsigned cpu, unsigned number);

/* The CPU interface: system registers ICC_*_EL1; the opaque is the device. */
extern const DioA64CpuInterface dio_gicv3_cpu_interface;
