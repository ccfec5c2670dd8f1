/* SPDX-License-Identifier: GPL-3.0-or-later
 * A PCI bus: 32 slots, memory windows, four interrupt pins. Made by a host bridge. */
#pragma once

#include "hw/pci/pci-device.h"

#define DIO_PCI_SLOTS 32
#define DIO_PCI_PINS 4

/* Host bridges: a bus whose BARs are mapped into @space. Freed with its last reference; plugged
 * devices hold one each. */
DioPciBus *dio_pci_bus_new (DioSpace *space);
DioPciBus *dio_pci_bus_ref (DioPciBus *bus);
void dio_pci_bus_unref (DioPciBus *bus);

/* BARs are mapped only inside a window (at most two). Before devices are plugged. */
void dio_pci_bus_add_window (DioPciBus *bus, DioGpa base, uint64_t size);

/* Pin A (0) .. D (3) as they leave the bridge. The pin of a device in slot s goes to (pin + s) % 4.
 * Before devices are plugged. */
void dio_pci_bus_connect_pin (DioPciBus *bus, unsigned pin, DioIrq irq);

/* Where messages go; without one, devices show no MSI-X. Before devices are realized. */
void dio_pci_bus_set_msi_target (DioPciBus *bus, DioMsiTarget target);
bool dio_pci_bus_has_msi (DioPciBus *bus);

/* The function in @slot, or NULL. */
DioPciDevice *dio_pci_bus_get_device (DioPciBus *bus, unsigned slot);
