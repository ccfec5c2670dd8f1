/* SPDX-License-Identifier: GPL-3.0-or-later
 * MSI-X of a PCI function (PCI 3.0 §6.8.2): table and pending bits in a BAR of its own. */
#include "hw/pci/pci-private.h"

#include <inttypes.h>
#include <string.h>

#define REGION_SIZE 4096
#define PBA_OFFSET 0x800
#define CONTROL_ENABLE 0x8000
#define CONTROL_MASK 0x4000
#define VECTOR_MASKED 1u

enum {
  ENTRY_LOW,
  ENTRY_HIGH,
  ENTRY_DATA,
  ENTRY_CONTROL,
};

G_STATIC_ASSERT (DIO_PCI_MAX_MSIX * 16 <= PBA_OFFSET && DIO_PCI_MAX_MSIX <= 64);

/* A message is a DMA write of the function, so it needs bus mastering. */
static bool
deliverable (DioPciDevice *pci, unsigned vector)
{
  struct DioPciMsix *msix = pci->msix;
  return msix->enabled && !msix->masked && !(msix->table[vector][ENTRY_CONTROL] & VECTOR_MASKED)
         && (pci->irq_command & DIO_PCI_COMMAND_MASTER);
}

static void
send_locked (DioPciDevice *pci, unsigned vector)
{
  struct DioPciMsix *msix = pci->msix;
  const uint32_t *entry = msix->table[vector];
  DioGpa address = (uint64_t) entry[ENTRY_HIGH] << 32 | entry[ENTRY_LOW];

  msix->pending &= ~(UINT64_C (1) << vector);
  if (!pci->bus->msi.send (pci->bus->msi.opaque, (uint32_t) pci->slot << 3, address,
                           entry[ENTRY_DATA]))
    dio_device_guest_error (&pci->dev, "MSI-X vector %u goes nowhere (0x%" PRIx64 ")", vector,
                            address);
}

static void
send_pending_locked (DioPciDevice *pci)
{
  for (unsigned vector = 0; vector < pci->msix->vectors; vector++)
    if ((pci->msix->pending >> vector & 1) && deliverable (pci, vector))
      send_locked (pci, vector);
}

static uint32_t
read_word (struct DioPciMsix *msix, uint64_t offset)
{
  if (offset < msix->vectors * 16)
    return msix->table[offset / 16][offset / 4 % 4];
  if (offset == PBA_OFFSET)
    return msix->pending;
  if (offset == PBA_OFFSET + 4)
    return msix->pending >> 32;
  return 0;
}

static uint64_t
region_read (void *opaque, uint64_t offset, unsigned size)
{
  DioPciDevice *pci = opaque;
  uint64_t value = read_word (pci->msix, offset);

  if (size == 8)
    value |= (uint64_t) read_word (pci->msix, offset + 4) << 32;
  return value;
}

static void
write_word (DioPciDevice *pci, uint64_t offset, uint32_t value)
{
  struct DioPciMsix *msix = pci->msix;
  unsigned vector = offset / 16, field = offset / 4 % 4;

  if (offset >= msix->vectors * 16)
    return; /* pending bits are read-only */
  if (field == ENTRY_CONTROL)
    value &= VECTOR_MASKED;
  else if (field == ENTRY_LOW)
    value &= ~UINT32_C (3);
  msix->table[vector][field] = value;
  if ((msix->pending >> vector & 1) && deliverable (pci, vector))
    send_locked (pci, vector);
}

static void
region_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  write_word (opaque, offset, value);
  if (size == 8)
    write_word (opaque, offset + 4, value >> 32);
}

static const DioRegionOps region_ops = {
  .read = region_read,
  .write = region_write,
  .min_access = 4,
  .max_access = 8,
};

void
dio_pci_add_msix (DioPciDevice *pci, unsigned bar, unsigned vectors)
{
  g_return_if_fail (pci->bus && !pci->msix);
  g_return_if_fail (vectors >= 1 && vectors <= DIO_PCI_MAX_MSIX && bar < 6);

  if (!dio_pci_bus_has_msi (pci->bus))
    return;

  struct DioPciMsix *msix = g_new0 (struct DioPciMsix, 1);
  uint32_t table = GUINT32_TO_LE (bar), pba = GUINT32_TO_LE (PBA_OFFSET | bar);
  uint8_t body[10] = { vectors - 1, 0 };
  memcpy (body + 2, &table, 4);
  memcpy (body + 6, &pba, 4);
  msix->vectors = vectors;
  msix->capability = dio_pci_add_capability (pci, DIO_PCI_CAP_MSIX, body, sizeof body);
  pci->writable[msix->capability + 3] = (CONTROL_ENABLE | CONTROL_MASK) >> 8;
  msix->region.name = "msix";
  msix->region.ops = &region_ops;
  msix->region.opaque = pci;
  msix->region.lock = &pci->bus->irq_lock;
  msix->region.size = REGION_SIZE;
  pci->msix = msix;
  dio_pci_msix_reset_locked (pci);
  dio_pci_add_bar (pci, bar, &msix->region, false, false);
}

bool
dio_pci_msix_enabled (DioPciDevice *pci)
{
  if (!pci->msix)
    return false;
  pthread_mutex_lock (&pci->bus->irq_lock);
  bool enabled = pci->msix->enabled;
  pthread_mutex_unlock (&pci->bus->irq_lock);
  return enabled;
}

bool
dio_pci_msix_notify (DioPciDevice *pci, unsigned vector)
{
  bool enabled;

  if (!pci->msix)
    return false;
  pthread_mutex_lock (&pci->bus->irq_lock);
  enabled = pci->msix->enabled;
  if (enabled && vector < pci->msix->vectors) {
    if (deliverable (pci, vector))
      send_locked (pci, vector);
    else
      pci->msix->pending |= UINT64_C (1) << vector;
  }
  pthread_mutex_unlock (&pci->bus->irq_lock);
  return enabled;
}

void
dio_pci_msix_update_locked (DioPciDevice *pci, uint16_t control)
{
  pci->msix->enabled = control & CONTROL_ENABLE;
  pci->msix->masked = control & CONTROL_MASK;
  send_pending_locked (pci);
}

void
dio_pci_msix_reset_locked (DioPciDevice *pci)
{
  struct DioPciMsix *msix = pci->msix;

  memset (msix->table, 0, sizeof msix->table);
  for (unsigned vector = 0; vector < msix->vectors; vector++)
    msix->table[vector][ENTRY_CONTROL] = VECTOR_MASKED;
  msix->pending = 0;
}

void
dio_pci_msix_visit (DioPciDevice *pci, DioVisitor *visitor)
{
  struct DioPciMsix *msix = pci->msix;
  uint32_t table[DIO_PCI_MAX_MSIX][4];
  uint64_t pending;

  pthread_mutex_lock (&pci->bus->irq_lock);
  memcpy (table, msix->table, sizeof table);
  pending = msix->pending;
  pthread_mutex_unlock (&pci->bus->irq_lock);

  dio_visit_begin (visitor, "msix", 1);
  for (unsigned vector = 0; vector < msix->vectors; vector++)
    for (unsigned field = 0; field < 4; field++)
      dio_visit_u32 (visitor, "entry", &table[vector][field]);
  dio_visit_u64 (visitor, "pending", &pending);
  dio_visit_end (visitor);
  if (!dio_visitor_is_loading (visitor) || dio_visitor_failed (visitor))
    return;

  pthread_mutex_lock (&pci->bus->irq_lock);
  for (unsigned vector = 0; vector < msix->vectors; vector++) {
    msix->table[vector][ENTRY_LOW] = table[vector][ENTRY_LOW] & ~UINT32_C (3);
    msix->table[vector][ENTRY_HIGH] = table[vector][ENTRY_HIGH];
    msix->table[vector][ENTRY_DATA] = table[vector][ENTRY_DATA];
    msix->table[vector][ENTRY_CONTROL] = table[vector][ENTRY_CONTROL] & VECTOR_MASKED;
  }
  msix->pending = pending & (UINT64_MAX >> (64 - msix->vectors));
  pthread_mutex_unlock (&pci->bus->irq_lock);
}

void
dio_pci_msix_free (DioPciDevice *pci)
{
  g_clear_pointer (&pci->msix, g_free);
}
