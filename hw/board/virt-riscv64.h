/* SPDX-License-Identifier: GPL-3.0-or-later
 * The riscv64 board "virt": where things are. The same map as QEMU's machine of that name, so that
 * firmware and kernels need no changes. */
#pragma once

#include "core/vm/vm-board.h"

#define DIO_VIRT_RISCV64_SYSCON UINT64_C (0x100000)
#define DIO_VIRT_RISCV64_RTC UINT64_C (0x101000)
#define DIO_VIRT_RISCV64_VMGENID UINT64_C (0x102000)
#define DIO_VIRT_RISCV64_ACLINT UINT64_C (0x2000000)
#define DIO_VIRT_RISCV64_PCI_PIO UINT64_C (0x3000000)
#define DIO_VIRT_RISCV64_PLIC UINT64_C (0xc000000)
#define DIO_VIRT_RISCV64_UART UINT64_C (0x10000000)
#define DIO_VIRT_RISCV64_PCI_ECAM UINT64_C (0x30000000)
#define DIO_VIRT_RISCV64_PCI_MMIO UINT64_C (0x40000000)
#define DIO_VIRT_RISCV64_PCI_MMIO_SIZE UINT64_C (0x40000000)
#define DIO_VIRT_RISCV64_RAM UINT64_C (0x80000000)
/* The window for 64-bit BARs is as large as its alignment, at the first such address above RAM. */
#define DIO_VIRT_RISCV64_PCI_MMIO64_SIZE UINT64_C (0x400000000)

/* Interrupt sources of the PLIC. */
enum {
  DIO_VIRT_RISCV64_IRQ_UART = 10,
  DIO_VIRT_RISCV64_IRQ_RTC = 11,
  DIO_VIRT_RISCV64_IRQ_VMGENID = 12,
  DIO_VIRT_RISCV64_IRQ_PCI = 32, /* and the three after it */
};

extern const DioBoardType dio_virt_riscv64_board;
