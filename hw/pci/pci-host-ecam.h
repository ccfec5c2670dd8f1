/* SPDX-License-Identifier: GPL-3.0-or-later
 * The generic PCI Express host bridge: configuration space in memory (ECAM), nothing else. */
#pragma once

#include "hw/pci/pci-bus.h"

extern const DioDeviceType dio_pci_host_ecam_type;

/* Regions and lines of the system device "pci-host-ecam". */
enum {
  DIO_PCI_HOST_ECAM, /* 256 MiB: 256 buses */
  DIO_PCI_HOST_PIO,  /* 64 KiB of I/O ports, none of them used */
};
#define DIO_PCI_HOST_ECAM_SIZE UINT64_C (0x10000000)
#define DIO_PCI_HOST_PIO_SIZE UINT64_C (0x10000)

/* The bus behind an attached bridge; the board gives it windows, pins and a target for messages
 * (dio_pci_bus_*). */
DioPciBus *dio_pci_host_get_bus (DioDevice *host);
