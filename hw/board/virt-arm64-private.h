/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the files of the arm64 board share. */
#pragma once

#include "hw/board/virt-arm64.h"
#include "hw/system-device.h"

/* machine->board_data. The devices are owned by the machine. */
typedef struct {
  DioSystemDevice *gic, *its, *uart, *rtc, *gpio, *vmgenid, *fw_cfg, *flash, *pci;
} DioVirtArm64;

/* The device tree for the guest, packed; @initrd_size 0: no initrd. */
GBytes *dio_virt_arm64_build_fdt (DioMachine *machine, DioGpa initrd, uint64_t initrd_size,
                                  GError **error);

/* Writes it into memory, at @address. */
bool dio_virt_arm64_place_fdt (DioMachine *machine, DioGpa address, GBytes *fdt, GError **error);

/* Is there firmware, and so its ROM, in a machine of @config? One with a kernel alone has none. */
bool dio_virt_arm64_has_firmware (const DioMachineConfig *config);
/* What firmware talks to: fw_cfg with what is for it, and the flash of its variables. */
bool dio_virt_arm64_build_firmware (DioMachine *machine, DioVirtArm64 *virt, GError **error);
/* The ACPI tables, in fw_cfg. */
void dio_virt_arm64_offer_acpi (DioMachine *machine, DioVirtArm64 *virt);
/* Which disks it tries, in their order; when they are there. */
void dio_virt_arm64_offer_disks (DioMachine *machine, DioVirtArm64 *virt);
/* The firmware into its ROM, which lies behind the guest's memory in machine->ram; the device tree
 * to the start of memory, where it looks for it. */
bool dio_virt_arm64_load_firmware (DioMachine *machine, GError **error);
