/* SPDX-License-Identifier: GPL-3.0-or-later
 * PCI functions as devices declare them, and the bus they sit on. */
#pragma once

#include "core/vm/vm-device.h"

typedef struct DioPciBus DioPciBus;
typedef struct DioPciDevice DioPciDevice;

#define DIO_PCI_CONFIG_SIZE 4096
#define DIO_PCI_MAX_MSIX 64

/* Head of every PCI device's instance struct. */
struct DioPciDevice {
  DioDevice dev;
  DioPciBus *bus;
  uint8_t slot; /* device number; function 0 */
  uint8_t config[DIO_PCI_CONFIG_SIZE];
  uint8_t writable[DIO_PCI_CONFIG_SIZE]; /* mask of writable bits */
  DioRegion *bars[6];
  bool bar_mapped[6];
  /* MSI-X: table and PBA live in a BAR of the helper's own. */
  struct DioPciMsix *msix;
  bool intx_level;
  /* Hook after a configuration write (may be NULL); bus lock held. */
  void (*config_written) (DioPciDevice *pci, uint16_t offset, unsigned size);
  /* Hook before a configuration read that may refresh .config (may be NULL); bus lock held. Both
   * hooks may take the device's lock: so the bus lock is never taken with a device's lock held, and
   * the interrupt functions below do not take it. */
  void (*config_read) (DioPciDevice *pci, uint16_t offset, unsigned size);
};

/* Set-up, from the device's realize(). */
void dio_pci_set_ids (DioPciDevice *pci, uint16_t vendor, uint16_t device, uint32_t class_code,
                      uint8_t revision, uint16_t subsystem_vendor, uint16_t subsystem);
/* @region->size must be a power of two >= 16. @bar64 uses two slots. Regions are mapped when the
 * guest enables memory space. */
void dio_pci_add_bar (DioPciDevice *pci, unsigned bar, DioRegion *region, bool bar64,
                      bool prefetchable);
/* Appends a capability (id, then @length bytes after the 2-byte header); returns its offset. */
uint8_t dio_pci_add_capability (DioPciDevice *pci, uint8_t id, const void *data, size_t length);
/* Makes the MSI-X capability with table and PBA in BAR @bar. */
void dio_pci_add_msix (DioPciDevice *pci, unsigned bar, unsigned vectors);

/* Interrupts; any thread. notify: MSI-X @vector if enabled (honouring masks, pending bits), returns
 * false if MSI-X is off, and the caller uses INTx. */
bool dio_pci_msix_enabled (DioPciDevice *pci);
bool dio_pci_msix_notify (DioPciDevice *pci, unsigned vector);
void dio_pci_set_intx (DioPciDevice *pci, bool level);

/* Common parts for the device's own reset()/state(). */
void dio_pci_device_reset (DioPciDevice *pci);
void dio_pci_device_visit (DioPciDevice *pci, DioVisitor *visitor);
void dio_pci_device_finalize (DioPciDevice *pci);

/* The bus: made by the host bridge. Plugs @pci into the first free slot from 1 on (or @slot); call
 * before attach. */
bool dio_pci_bus_plug (DioPciBus *bus, DioPciDevice *pci, int slot, GError **error);
