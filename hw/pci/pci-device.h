/* SPDX-License-Identifier: GPL-3.0-or-later
 * PCI functions as devices declare them.
 *
 * A device's type has bus == DIO_BUS_PCI and its instance starts with DioPciDevice. Whoever makes
 * it (a board) plugs it into a bus, then attaches it; its realize() sets identity, BARs and
 * capabilities. Its reset(), state() and finalize() call the common parts below.
 *
 * Locking: configuration space and BAR mappings are guarded by the bus lock, which is taken inside
 * the device's lock (reset(), state()) and never around a call into a device. BAR region ops must
 * not call configuration functions: moving a BAR waits for them with the bus lock held. Interrupt
 * functions take only a leaf lock and may be called from anywhere. */
#pragma once

#include "core/vm/vm-device.h"

typedef struct DioPciBus DioPciBus;
typedef struct DioPciDevice DioPciDevice;

#define DIO_PCI_CONFIG_SIZE 4096
#define DIO_PCI_MAX_MSIX 64

/* Offsets in configuration space. */
enum {
  DIO_PCI_VENDOR_ID = 0x00,
  DIO_PCI_DEVICE_ID = 0x02,
  DIO_PCI_COMMAND = 0x04,
  DIO_PCI_STATUS = 0x06,
  DIO_PCI_REVISION = 0x08,
  DIO_PCI_BAR0 = 0x10,
  DIO_PCI_SUBSYSTEM_VENDOR = 0x2c,
  DIO_PCI_SUBSYSTEM = 0x2e,
  DIO_PCI_CAPABILITIES = 0x34,
  DIO_PCI_INTERRUPT_LINE = 0x3c,
  DIO_PCI_INTERRUPT_PIN = 0x3d,
};

/* Bits of the command register. */
enum {
  DIO_PCI_COMMAND_MEMORY = 1 << 1,
  DIO_PCI_COMMAND_MASTER = 1 << 2,
  DIO_PCI_COMMAND_INTX_DISABLE = 1 << 10,
};

/* Capability ids. */
enum {
  DIO_PCI_CAP_VENDOR = 0x09,
  DIO_PCI_CAP_MSIX = 0x11,
};

/* Head of every PCI device's instance struct. */
struct DioPciDevice {
  DioDevice dev;
  DioPciBus *bus;
  uint8_t slot; /* device number; function 0 */
  uint8_t config[DIO_PCI_CONFIG_SIZE];
  uint8_t writable[DIO_PCI_CONFIG_SIZE]; /* mask of writable bits; those are 0 after reset */
  uint16_t capabilities_end;             /* where the next capability goes */
  DioRegion *bars[6];
  bool bar_mapped[6];
  DioGpa bar_address[6]; /* where it is mapped */
  /* MSI-X: table and PBA live in a BAR of the helper's own. NULL when the bus has no target for
   * messages: then the guest sees no such capability. */
  struct DioPciMsix *msix;
  /* Interrupts, guarded by the bus's interrupt lock. */
  bool intx_level;      /* what the device asks for, whatever the guest disabled */
  uint16_t irq_command; /* copy of the command register */
  /* Hooks around configuration accesses by the guest to offsets from 0x40 on; may be NULL. Called
   * with no lock held: after a write, and before a read (so that a window register can be filled
   * with dio_pci_config_put()). */
  void (*config_written) (DioPciDevice *pci, uint16_t offset, unsigned size);
  void (*config_read) (DioPciDevice *pci, uint16_t offset, unsigned size);
};

/* Set-up, from the device's realize(). Sets interrupt pin A. @class_code is 24 bits (base class,
 * subclass, interface). */
void dio_pci_set_ids (DioPciDevice *pci, uint16_t vendor, uint16_t device, uint32_t class_code,
                      uint8_t revision, uint16_t subsystem_vendor, uint16_t subsystem);
/* @region->size must be a power of two >= 16. @bar64 uses two slots. Regions are mapped when the
 * guest enables memory space. */
void dio_pci_add_bar (DioPciDevice *pci, unsigned bar, DioRegion *region, bool bar64,
                      bool prefetchable);
/* Appends a capability (id, then @length bytes after the 2-byte header); returns its offset. All
 * of it is read-only until the caller sets bits in @writable. */
uint8_t dio_pci_add_capability (DioPciDevice *pci, uint8_t id, const void *data, size_t length);
/* Makes the MSI-X capability with table and PBA in BAR @bar (32-bit, 4 KiB); does nothing when the
 * bus has no target for messages. */
void dio_pci_add_msix (DioPciDevice *pci, unsigned bar, unsigned vectors);

/* Interrupts; any thread. notify: MSI-X @vector if enabled (honouring masks, pending bits), returns
 * false if MSI-X is off, and the caller uses INTx. A vector out of range is swallowed. */
bool dio_pci_msix_enabled (DioPciDevice *pci);
bool dio_pci_msix_notify (DioPciDevice *pci, unsigned vector);
void dio_pci_set_intx (DioPciDevice *pci, bool level);

/* May the device do DMA now (bus master enable)? Any thread. */
bool dio_pci_is_bus_master (DioPciDevice *pci);

/* Little-endian bytes of configuration space, under the bus lock, without hooks and masks. @offset
 * + @size is within the space, @size 1, 2 or 4. */
uint32_t dio_pci_config_get (DioPciDevice *pci, uint16_t offset, unsigned size);
void dio_pci_config_put (DioPciDevice *pci, uint16_t offset, uint32_t value, unsigned size);

/* A guest's access to configuration space: masks, side effects, hooks. No lock held; @size 1, 2 or
 * 4, @offset aligned to it. */
uint32_t dio_pci_config_read (DioPciDevice *pci, uint16_t offset, unsigned size);
void dio_pci_config_write (DioPciDevice *pci, uint16_t offset, uint32_t value, unsigned size);

/* Common parts for the device's own reset()/state()/finalize(). */
void dio_pci_device_reset (DioPciDevice *pci);
void dio_pci_device_visit (DioPciDevice *pci, DioVisitor *visitor);
void dio_pci_device_finalize (DioPciDevice *pci);

/* Plugs @pci into the first free slot from 1 on (@slot < 0) or into @slot; call before attach. */
bool dio_pci_bus_plug (DioPciBus *bus, DioPciDevice *pci, int slot, GError **error);
