/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the files of this folder share: the bus and MSI-X in full. */
#pragma once

#include "hw/pci/pci-bus.h"

#define DIO_PCI_MAX_WINDOWS 2

/* A reference to a bus is held by its bridge and by each plugged device, so that the order in which
 * a machine frees its devices does not matter.
 *
 * Lock order: device lock -> lock -> irq_lock -> interrupt controller. */
struct DioPciBus {
  _Atomic int references;
  DioSpace *space;
  pthread_mutex_t lock;     /* configuration spaces, mappings */
  pthread_mutex_t irq_lock; /* pins and MSI-X state */
  DioPciDevice *devices[DIO_PCI_SLOTS];
  struct {
    DioGpa base;
    uint64_t size;
  } windows[DIO_PCI_MAX_WINDOWS];
  unsigned n_windows;
  DioIrq pins[DIO_PCI_PINS];
  uint32_t pin_levels[DIO_PCI_PINS]; /* one bit per slot: wired OR */
  DioMsiTarget msi;
};

/* MSI-X of one function, guarded by the bus's irq_lock. */
struct DioPciMsix {
  DioRegion region;
  unsigned vectors;
  uint8_t capability; /* offset */
  bool enabled;
  bool masked;                         /* function mask */
  uint32_t table[DIO_PCI_MAX_MSIX][4]; /* address low, high, data, control */
  uint64_t pending;
};

/* Makes mappings what the command registers and BARs ask for. Bus lock held. */
void dio_pci_bus_update_mappings_locked (DioPciBus *bus);

/* Drives the pin of @pci from its level, command register and MSI-X state. irq_lock held. */
void dio_pci_update_pin_locked (DioPciDevice *pci);

/* Takes over the control word after a configuration write; sends what became deliverable. irq_lock
 * held. */
void dio_pci_msix_update_locked (DioPciDevice *pci, uint16_t control);
void dio_pci_msix_reset_locked (DioPciDevice *pci);
void dio_pci_msix_visit (DioPciDevice *pci, DioVisitor *visitor);
void dio_pci_msix_free (DioPciDevice *pci);
