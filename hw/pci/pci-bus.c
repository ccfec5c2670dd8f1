/* SPDX-License-Identifier: GPL-3.0-or-later
 * The PCI bus: slots, BAR mappings and interrupt pins. */
#include "hw/pci/pci-private.h"

#include <inttypes.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

DioPciBus *
dio_pci_bus_new (DioSpace *space)
{
  DioPciBus *bus = g_new0 (DioPciBus, 1);
  bus->references = 1;
  bus->space = space;
  pthread_mutex_init (&bus->lock, NULL);
  pthread_mutex_init (&bus->irq_lock, NULL);
  return bus;
}

DioPciBus *
dio_pci_bus_ref (DioPciBus *bus)
{
  bus->references++;
  return bus;
}

void
dio_pci_bus_unref (DioPciBus *bus)
{
  if (--bus->references > 0)
    return;
  pthread_mutex_destroy (&bus->lock);
  pthread_mutex_destroy (&bus->irq_lock);
  g_free (bus);
}

void
dio_pci_bus_add_window (DioPciBus *bus, DioGpa base, uint64_t size)
{
  g_return_if_fail (bus->n_windows < DIO_PCI_MAX_WINDOWS);
  g_return_if_fail (size > 0 && base <= UINT64_MAX - size);

  bus->windows[bus->n_windows].base = base;
  bus->windows[bus->n_windows].size = size;
  bus->n_windows++;
}

void
dio_pci_bus_connect_pin (DioPciBus *bus, unsigned pin, DioIrq irq)
{
  g_return_if_fail (pin < DIO_PCI_PINS);
  bus->pins[pin] = irq;
}

void
dio_pci_bus_set_msi_target (DioPciBus *bus, DioMsiTarget target)
{
  bus->msi = target;
}

bool
dio_pci_bus_has_msi (DioPciBus *bus)
{
  return bus->msi.send != NULL;
}

DioPciDevice *
dio_pci_bus_get_device (DioPciBus *bus, unsigned slot)
{
  return slot < DIO_PCI_SLOTS ? bus->devices[slot] : NULL;
}

bool
dio_pci_bus_plug (DioPciBus *bus, DioPciDevice *pci, int slot, GError **error)
{
  g_return_val_if_fail (!pci->bus, false);

  if (slot < 0) {
    slot = 1;
    while (slot < DIO_PCI_SLOTS && bus->devices[slot])
      slot++;
  }
  if (slot >= DIO_PCI_SLOTS) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("%s: the PCI bus has no free slot left; remove a device"), pci->dev.name);
    return false;
  }
  if (bus->devices[slot]) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG, _ ("%s: PCI slot %d is taken by %s"),
                 pci->dev.name, slot, bus->devices[slot]->dev.name);
    return false;
  }
  pthread_mutex_lock (&bus->lock);
  bus->devices[slot] = pci;
  pthread_mutex_unlock (&bus->lock);
  pci->bus = dio_pci_bus_ref (bus);
  pci->slot = slot;
  return true;
}

/* Where the guest placed @bar, if it decodes at all and lies in a window. */
static bool
bar_wanted (DioPciBus *bus, DioPciDevice *pci, unsigned bar, DioGpa *address)
{
  const uint8_t *config = pci->config + DIO_PCI_BAR0 + 4 * bar;
  uint32_t low, high = 0;
  uint64_t size = pci->bars[bar]->size;

  if (!(pci->config[DIO_PCI_COMMAND] & DIO_PCI_COMMAND_MEMORY))
    return false;
  memcpy (&low, config, 4);
  low = GUINT32_FROM_LE (low);
  if (low & 4) {
    memcpy (&high, config + 4, 4);
    high = GUINT32_FROM_LE (high);
  }
  *address = ((uint64_t) high << 32) | (low & ~UINT32_C (15));
  for (unsigned i = 0; i < bus->n_windows; i++) {
    uint64_t base = bus->windows[i].base, length = bus->windows[i].size;
    if (*address >= base && size <= length && *address - base <= length - size)
      return true;
  }
  return false;
}

/* Of BARs that overlap, the one of the lowest slot and number wins: a rule without history, so that
 * a loaded machine maps what the saved one did. The loser comes back when the winner moves away. */
void
dio_pci_bus_update_mappings_locked (DioPciBus *bus)
{
  struct {
    DioPciDevice *pci;
    unsigned bar;
    DioGpa address;
  } chosen[DIO_PCI_SLOTS * 6];
  unsigned n = 0;

  for (unsigned slot = 0; slot < DIO_PCI_SLOTS; slot++) {
    DioPciDevice *pci = bus->devices[slot];
    for (unsigned bar = 0; pci && bar < 6; bar++) {
      DioGpa address;
      bool wanted = pci->bars[bar] && bar_wanted (bus, pci, bar, &address);
      for (unsigned i = 0; wanted && i < n; i++)
        if (address < chosen[i].address + chosen[i].pci->bars[chosen[i].bar]->size
            && chosen[i].address < address + pci->bars[bar]->size) {
          dio_device_guest_error (&pci->dev, "BAR %u overlaps that of %s", bar,
                                  chosen[i].pci->dev.name);
          wanted = false;
        }
      if (pci->bar_mapped[bar] && (!wanted || pci->bar_address[bar] != address)) {
        dio_space_unmap_io (bus->space, pci->bars[bar]);
        pci->bar_mapped[bar] = false;
      }
      if (wanted) {
        chosen[n].pci = pci;
        chosen[n].bar = bar;
        chosen[n++].address = address;
      }
    }
  }

  for (unsigned i = 0; i < n; i++) {
    DioPciDevice *pci = chosen[i].pci;
    unsigned bar = chosen[i].bar;
    if (pci->bar_mapped[bar])
      continue;
    pci->bar_mapped[bar] = dio_space_map_io (bus->space, chosen[i].address, pci->bars[bar]);
    pci->bar_address[bar] = chosen[i].address;
    if (!pci->bar_mapped[bar])
      dio_device_guest_error (&pci->dev, "BAR %u cannot be mapped at 0x%" PRIx64, bar,
                              chosen[i].address);
  }
}

void
dio_pci_update_pin_locked (DioPciDevice *pci)
{
  DioPciBus *bus = pci->bus;
  unsigned function_pin = pci->config[DIO_PCI_INTERRUPT_PIN];
  bool level = pci->intx_level && !(pci->irq_command & DIO_PCI_COMMAND_INTX_DISABLE)
               && !(pci->msix && pci->msix->enabled);
  unsigned pin;
  uint32_t before;

  if (function_pin < 1 || function_pin > DIO_PCI_PINS)
    return;
  pin = (function_pin - 1 + pci->slot) % DIO_PCI_PINS;
  before = bus->pin_levels[pin];
  if (level)
    bus->pin_levels[pin] |= UINT32_C (1) << pci->slot;
  else
    bus->pin_levels[pin] &= ~(UINT32_C (1) << pci->slot);
  if ((before != 0) != (bus->pin_levels[pin] != 0))
    dio_irq_set (&bus->pins[pin], bus->pin_levels[pin] != 0);
}
