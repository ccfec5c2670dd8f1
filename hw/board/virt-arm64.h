/* SPDX-License-Identifier: GPL-3.0-or-later
 * The arm64 board "virt": where things are. The same map as QEMU's machine of that name, so that
 * firmware and kernels need no changes. */
#pragma once

#include "core/boot/boot-kernel.h"
#include "core/vm/vm-board.h"

#define DIO_VIRT_ARM64_ROM UINT64_C (0) /* the flash of the firmware's code, which is read-only */
#define DIO_VIRT_ARM64_ROM_SIZE DIO_BOOT_ROM_SIZE
#define DIO_VIRT_ARM64_FLASH UINT64_C (0x4000000) /* of its variables */
#define DIO_VIRT_ARM64_GIC UINT64_C (0x8000000)
#define DIO_VIRT_ARM64_GIC_ITS UINT64_C (0x8080000)
#define DIO_VIRT_ARM64_GIC_REDISTRIBUTORS UINT64_C (0x80a0000)
#define DIO_VIRT_ARM64_UART UINT64_C (0x9000000)
#define DIO_VIRT_ARM64_RTC UINT64_C (0x9010000)
#define DIO_VIRT_ARM64_GPIO UINT64_C (0x9030000)
#define DIO_VIRT_ARM64_VMGENID UINT64_C (0x9050000)
#define DIO_VIRT_ARM64_FW_CFG UINT64_C (0x9020000)
#define DIO_VIRT_ARM64_PCI_MMIO UINT64_C (0x10000000)
#define DIO_VIRT_ARM64_PCI_MMIO_SIZE UINT64_C (0x2eff0000)
#define DIO_VIRT_ARM64_PCI_PIO UINT64_C (0x3eff0000)
#define DIO_VIRT_ARM64_RAM UINT64_C (0x40000000)
#define DIO_VIRT_ARM64_PCI_ECAM UINT64_C (0x4010000000)
#define DIO_VIRT_ARM64_PCI_MMIO64 UINT64_C (0x8000000000)
#define DIO_VIRT_ARM64_PCI_MMIO64_SIZE UINT64_C (0x8000000000)

/* Shared interrupts, from INTID 32 on. */
enum {
  DIO_VIRT_ARM64_IRQ_UART = 1,
  DIO_VIRT_ARM64_IRQ_RTC = 2,
  DIO_VIRT_ARM64_IRQ_PCI = 3, /* and the three after it */
  DIO_VIRT_ARM64_IRQ_GPIO = 7,
  DIO_VIRT_ARM64_IRQ_VMGENID = 8,
};

/* Private ones, from INTID 16 on. */
enum {
  DIO_VIRT_ARM64_PPI_HYPERVISOR_TIMER = 10,
  DIO_VIRT_ARM64_PPI_VIRTUAL_TIMER = 11,
  DIO_VIRT_ARM64_PPI_SECURE_TIMER = 13,
  DIO_VIRT_ARM64_PPI_PHYSICAL_TIMER = 14,
};

extern const DioBoardType dio_virt_arm64_board;
