/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the files of the riscv64 board share. */
#pragma once

#include "hw/board/virt-riscv64.h"
#include "hw/system-device.h"

/* machine->board_data. The devices are owned by the machine. */
typedef struct {
  DioSystemDevice *plic, *aclint, *syscon, *rtc, *vmgenid, *uart, *pci;
  DioGpa mmio64; /* base of the window for 64-bit BARs */
} DioVirtRiscv64;

/* The device tree for the guest, packed; @initrd_size 0: no initrd. */
GBytes *dio_virt_riscv64_build_fdt (DioMachine *machine, DioGpa initrd, uint64_t initrd_size,
                                    GError **error);
