/* SPDX-License-Identifier: GPL-3.0-or-later
 * Configuration space of a PCI function. */
#include "hw/pci/pci-private.h"

#include <string.h>

#define STATUS_INTERRUPT 0x08    /* low byte */
#define STATUS_CAPABILITIES 0x10 /* low byte */
#define FIRST_CAPABILITY 0x40
#define CONVENTIONAL_SIZE 256

static uint32_t
get_bytes (const uint8_t *bytes, unsigned size)
{
  uint32_t value = 0;
  for (unsigned i = 0; i < size; i++)
    value |= (uint32_t) bytes[i] << (8 * i);
  return value;
}

static void
put_bytes (uint8_t *bytes, uint32_t value, unsigned size)
{
  for (unsigned i = 0; i < size; i++)
    bytes[i] = value >> (8 * i);
}

void
dio_pci_set_ids (DioPciDevice *pci, uint16_t vendor, uint16_t device, uint32_t class_code,
                 uint8_t revision, uint16_t subsystem_vendor, uint16_t subsystem)
{
  put_bytes (pci->config + DIO_PCI_VENDOR_ID, vendor, 2);
  put_bytes (pci->config + DIO_PCI_DEVICE_ID, device, 2);
  put_bytes (pci->config + DIO_PCI_REVISION, class_code << 8 | revision, 4);
  put_bytes (pci->config + DIO_PCI_SUBSYSTEM_VENDOR, subsystem_vendor, 2);
  put_bytes (pci->config + DIO_PCI_SUBSYSTEM, subsystem, 2);
  pci->config[DIO_PCI_INTERRUPT_PIN] = 1;
  pci->writable[DIO_PCI_INTERRUPT_LINE] = 0xff;
  put_bytes (pci->writable + DIO_PCI_COMMAND,
             DIO_PCI_COMMAND_MEMORY | DIO_PCI_COMMAND_MASTER | DIO_PCI_COMMAND_INTX_DISABLE, 2);
}

void
dio_pci_add_bar (DioPciDevice *pci, unsigned bar, DioRegion *region, bool bar64, bool prefetchable)
{
  g_return_if_fail (bar + (bar64 ? 1 : 0) < 6 && !pci->bars[bar]);
  g_return_if_fail (region->size >= 16 && (region->size & (region->size - 1)) == 0);
  g_return_if_fail (bar64 || region->size <= UINT64_C (1) << 31);

  uint64_t mask = ~(region->size - 1);
  unsigned offset = DIO_PCI_BAR0 + 4 * bar;
  pci->bars[bar] = region;
  put_bytes (pci->config + offset, (bar64 ? 4 : 0) | (prefetchable ? 8 : 0), 4);
  put_bytes (pci->writable + offset, mask, 4);
  if (bar64)
    put_bytes (pci->writable + offset + 4, mask >> 32, 4);
}

uint8_t
dio_pci_add_capability (DioPciDevice *pci, uint8_t id, const void *data, size_t length)
{
  unsigned at = pci->capabilities_end ? pci->capabilities_end : FIRST_CAPABILITY;
  unsigned link = DIO_PCI_CAPABILITIES;

  g_return_val_if_fail (length <= CONVENTIONAL_SIZE && at + 2 + length <= CONVENTIONAL_SIZE, 0);

  while (pci->config[link])
    link = pci->config[link] + 1;
  pci->config[link] = at;
  pci->config[at] = id;
  pci->config[at + 1] = 0;
  memcpy (pci->config + at + 2, data, length);
  pci->config[DIO_PCI_STATUS] |= STATUS_CAPABILITIES;
  pci->capabilities_end = (at + 2 + length + 3) & ~3u;
  return at;
}

void
dio_pci_set_intx (DioPciDevice *pci, bool level)
{
  g_return_if_fail (pci->bus);

  pthread_mutex_lock (&pci->bus->irq_lock);
  if (pci->intx_level != level) {
    pci->intx_level = level;
    dio_pci_update_pin_locked (pci);
  }
  pthread_mutex_unlock (&pci->bus->irq_lock);
}

bool
dio_pci_is_bus_master (DioPciDevice *pci)
{
  pthread_mutex_lock (&pci->bus->irq_lock);
  bool master = pci->irq_command & DIO_PCI_COMMAND_MASTER;
  pthread_mutex_unlock (&pci->bus->irq_lock);
  return master;
}

uint32_t
dio_pci_config_get (DioPciDevice *pci, uint16_t offset, unsigned size)
{
  g_return_val_if_fail (size <= 4 && offset <= DIO_PCI_CONFIG_SIZE - size, 0);

  pthread_mutex_lock (&pci->bus->lock);
  uint32_t value = get_bytes (pci->config + offset, size);
  pthread_mutex_unlock (&pci->bus->lock);
  return value;
}

void
dio_pci_config_put (DioPciDevice *pci, uint16_t offset, uint32_t value, unsigned size)
{
  g_return_if_fail (size <= 4 && offset <= DIO_PCI_CONFIG_SIZE - size);

  pthread_mutex_lock (&pci->bus->lock);
  put_bytes (pci->config + offset, value, size);
  pthread_mutex_unlock (&pci->bus->lock);
}

/* Everything that follows from the contents of configuration space. Bus lock held. */
static void
apply_config_locked (DioPciDevice *pci, bool mappings)
{
  DioPciBus *bus = pci->bus;

  if (mappings)
    dio_pci_bus_update_mappings_locked (bus);
  pthread_mutex_lock (&bus->irq_lock);
  pci->irq_command = get_bytes (pci->config + DIO_PCI_COMMAND, 2);
  if (pci->msix)
    dio_pci_msix_update_locked (pci, get_bytes (pci->config + pci->msix->capability + 2, 2));
  dio_pci_update_pin_locked (pci);
  pthread_mutex_unlock (&bus->irq_lock);
}

static bool
in_space (uint16_t offset, unsigned size)
{
  return (size == 1 || size == 2 || size == 4) && offset <= DIO_PCI_CONFIG_SIZE - size;
}

uint32_t
dio_pci_config_read (DioPciDevice *pci, uint16_t offset, unsigned size)
{
  uint32_t value;

  if (!in_space (offset, size))
    return UINT32_MAX;
  if (pci->config_read && offset >= FIRST_CAPABILITY)
    pci->config_read (pci, offset, size);

  pthread_mutex_lock (&pci->bus->lock);
  pthread_mutex_lock (&pci->bus->irq_lock);
  if (pci->intx_level)
    pci->config[DIO_PCI_STATUS] |= STATUS_INTERRUPT;
  else
    pci->config[DIO_PCI_STATUS] &= ~STATUS_INTERRUPT;
  pthread_mutex_unlock (&pci->bus->irq_lock);
  value = get_bytes (pci->config + offset, size);
  pthread_mutex_unlock (&pci->bus->lock);
  return value;
}

static bool
overlaps (unsigned offset, unsigned size, unsigned start, unsigned length)
{
  return offset < start + length && start < offset + size;
}

void
dio_pci_config_write (DioPciDevice *pci, uint16_t offset, uint32_t value, unsigned size)
{
  if (!in_space (offset, size))
    return;

  pthread_mutex_lock (&pci->bus->lock);
  for (unsigned i = 0; i < size; i++) {
    uint8_t mask = pci->writable[offset + i];
    uint8_t byte = value >> (8 * i);
    pci->config[offset + i] = (pci->config[offset + i] & ~mask) | (byte & mask);
  }
  bool command = overlaps (offset, size, DIO_PCI_COMMAND, 2);
  bool mappings = command || overlaps (offset, size, DIO_PCI_BAR0, 24);
  if (mappings || (pci->msix && overlaps (offset, size, pci->msix->capability, 4)))
    apply_config_locked (pci, mappings);
  pthread_mutex_unlock (&pci->bus->lock);

  if (pci->config_written && offset >= FIRST_CAPABILITY)
    pci->config_written (pci, offset, size);
}

void
dio_pci_device_reset (DioPciDevice *pci)
{
  DioPciBus *bus = pci->bus;

  pthread_mutex_lock (&bus->lock);
  for (unsigned i = 0; i < DIO_PCI_CONFIG_SIZE; i++)
    pci->config[i] &= ~pci->writable[i];
  pthread_mutex_lock (&bus->irq_lock);
  pci->intx_level = false;
  if (pci->msix)
    dio_pci_msix_reset_locked (pci);
  pthread_mutex_unlock (&bus->irq_lock);
  apply_config_locked (pci, true);
  pthread_mutex_unlock (&bus->lock);
}

void
dio_pci_device_visit (DioPciDevice *pci, DioVisitor *visitor)
{
  DioPciBus *bus = pci->bus;
  bool loading = dio_visitor_is_loading (visitor);
  uint8_t config[DIO_PCI_CONFIG_SIZE] = { 0 };
  bool level;

  /* Only what the guest can write is state; the rest comes from realize(). */
  pthread_mutex_lock (&bus->lock);
  for (unsigned i = 0; i < DIO_PCI_CONFIG_SIZE; i++)
    config[i] = pci->config[i] & pci->writable[i];
  pthread_mutex_unlock (&bus->lock);
  pthread_mutex_lock (&bus->irq_lock);
  level = pci->intx_level;
  pthread_mutex_unlock (&bus->irq_lock);

  dio_visit_begin (visitor, "pci", 1);
  dio_visit_bytes (visitor, "config", config, sizeof config);
  dio_visit_bool (visitor, "intx", &level);
  if (pci->msix)
    dio_pci_msix_visit (pci, visitor);
  dio_visit_end (visitor);
  if (!loading || dio_visitor_failed (visitor))
    return;

  pthread_mutex_lock (&bus->lock);
  for (unsigned i = 0; i < DIO_PCI_CONFIG_SIZE; i++)
    pci->config[i] = (pci->config[i] & ~pci->writable[i]) | (config[i] & pci->writable[i]);
  pthread_mutex_lock (&bus->irq_lock);
  pci->intx_level = level;
  pthread_mutex_unlock (&bus->irq_lock);
  apply_config_locked (pci, true);
  pthread_mutex_unlock (&bus->lock);
}

void
dio_pci_device_finalize (DioPciDevice *pci)
{
  DioPciBus *bus = pci->bus;

  if (!bus)
    return;
  pthread_mutex_lock (&bus->lock);
  for (unsigned bar = 0; bar < 6; bar++)
    if (pci->bar_mapped[bar]) {
      dio_space_unmap_io (bus->space, pci->bars[bar]);
      pci->bar_mapped[bar] = false;
    }
  bus->devices[pci->slot] = NULL;
  pthread_mutex_unlock (&bus->lock);
  pthread_mutex_lock (&bus->irq_lock);
  /* Without driving the pin: the interrupt controller may be gone already. */
  for (unsigned pin = 0; pin < DIO_PCI_PINS; pin++)
    bus->pin_levels[pin] &= ~(UINT32_C (1) << pci->slot);
  pthread_mutex_unlock (&bus->irq_lock);
  dio_pci_msix_free (pci);
  pci->bus = NULL;
  dio_pci_bus_unref (bus);
}
