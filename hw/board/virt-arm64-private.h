/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the files of the arm64 board share. */
#pragma once

#include "hw/board/virt-arm64.h"
#include "hw/system-device.h"

/* machine->board_data. The devices are owned by the machine. */
typedef struct {
  DioSystemDevice *gic, *uart, *rtc, *pci;
} DioVirtArm64;

/* The device tree for the guest, packed; @initrd_size 0: no initrd. */
GBytes *dio_virt_arm64_build_fdt (DioMachine *machine, DioGpa initrd, uint64_t initrd_size,
                                  GError **error);
