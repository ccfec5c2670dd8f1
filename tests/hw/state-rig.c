/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/hw/state-rig.h"

#include <string.h>

#include "hw/pci/pci-host-ecam.h"

#define ECAM UINT64_C (0x30000000)
#define MMIO UINT64_C (0x40000000)
#define MMIO_SIZE UINT64_C (0x40000000)
#define SYSTEM UINT64_C (0x100000000)

/* A device of @type on a bench of its own, whose clock stands still: no timer changes anything
 * behind the test's back. */
StateRig
state_rig_new (const DioDeviceType *type)
{
  StateRig rig = { .bench = dio_hw_bench_new () };
  g_autoptr (GError) error = NULL;

  dio_clock_stop (rig.bench->machine->clock);
  dio_clock_set (rig.bench->machine->clock, INT64_C (1000000000));
  rig.dev = dio_device_new (type, "device");
  for (const DioProperty *p = type->properties; p && p->name; p++)
    if (strcmp (p->name, "harts") == 0)
      g_assert_true (dio_device_set (rig.dev, "harts", "3", NULL));
  if (type->bus == DIO_BUS_SYSTEM) {
    dio_hw_bench_add (rig.bench, rig.dev, SYSTEM, 0);
    return rig;
  }

  DioDevice *host = dio_device_new (&dio_pci_host_ecam_type, "host");
  dio_hw_bench_add (rig.bench, host, ECAM, 0);
  DioPciBus *bus = dio_pci_host_get_bus (host);
  dio_pci_bus_add_window (bus, MMIO, MMIO_SIZE);
  rig.pci = (DioPciDevice *) rig.dev;
  g_assert_true (dio_pci_bus_plug (bus, rig.pci, 1, &error));
  dio_device_attach (rig.dev, rig.bench->machine, &error);
  g_assert_no_error (error);
  dio_device_reset (rig.dev);
  return rig;
}

void
state_rig_free (StateRig *rig)
{
  dio_hw_bench_free (rig->bench);
}

static void
quiesce (StateRig *rig)
{
  if (rig->dev->type->drain)
    rig->dev->type->drain (rig->dev);
  for (unsigned i = 0; i < 3; i++) /* what a callback posts runs too */
    dio_hw_bench_sync (rig->bench);
}

GBytes *
state_rig_save (StateRig *rig)
{
  quiesce (rig);
  return dio_hw_bench_save (rig->dev);
}

bool
state_rig_load (StateRig *rig, GBytes *bytes)
{
  quiesce (rig);
  DioVisitor *visitor = dio_visitor_new_load (bytes);
  dio_device_visit (rig->dev, visitor);
  g_autoptr (GError) error = NULL;
  bool loaded = dio_visitor_finish_load (visitor, &error);
  if (error)
    g_test_message ("%s", error->message);
  return loaded;
}

void
state_rig_wake (StateRig *rig)
{
  if (rig->dev->type->resume)
    rig->dev->type->resume (rig->dev);
}

/* A number as a driver might write it. */
static uint64_t
random_value (GRand *rand)
{
  switch (g_rand_int_range (rand, 0, 6)) {
  case 0:
    return g_rand_int_range (rand, 0, 16);
  case 1:
    return UINT64_C (1) << g_rand_int_range (rand, 0, 64);
  case 2:
    return UINT64_MAX;
  case 3:
    return DIO_HW_BENCH_RAM + g_rand_int_range (rand, 0, DIO_HW_BENCH_RAM_SIZE / 16) * 16;
  default:
    return (uint64_t) g_rand_int (rand) << 32 | g_rand_int (rand);
  }
}

/* Register blocks begin at round addresses: the first bytes of the first pages, and of the pages
 * after each power of two. Calls of @index from 0 on until UINT64_MAX give the pages. */
uint64_t
state_rig_page (unsigned index, uint64_t size)
{
  uint64_t page;

  if (index < 8)
    page = index;
  else if (index < 8 + 8 * 12)
    page = (UINT64_C (8) << (index - 8) / 8) + index % 8;
  else
    return UINT64_MAX;
  return page * 0x1000 < size ? page * 0x1000 : UINT64_MAX;
}

static uint64_t
random_offset (GRand *rand, uint64_t size)
{
  uint64_t page =
      g_rand_boolean (rand) ? state_rig_page (g_rand_int_range (rand, 0, 104), size) : 0;

  return ((page == UINT64_MAX ? 0 : page) + g_rand_int_range (rand, 0, 256)) % size;
}

static void
poke (StateRig *rig, GRand *rand, DioGpa base, uint64_t size)
{
  unsigned width = 1u << g_rand_int_range (rand, 0, 4);
  uint64_t offset = random_offset (rand, size) & ~(uint64_t) (width - 1);
  uint64_t value;

  if (g_rand_int_range (rand, 0, 4))
    dio_space_write (rig->bench->machine->space, base + offset, width, random_value (rand));
  else
    dio_space_read (rig->bench->machine->space, base + offset, width, &value);
}

/* Writes all over the device's registers, and over the memory that it may read. */
void
state_rig_scramble (StateRig *rig, GRand *rand, unsigned count)
{
  DioSystemDevice *sys = (DioSystemDevice *) rig->dev;

  for (unsigned i = 0; i < 64; i++) {
    uint64_t value = random_value (rand);
    memcpy (rig->bench->machine->ram->host + g_rand_int_range (rand, 0, 0x1000) * 8, &value, 8);
  }
  if (rig->pci) {
    dio_pci_config_write (rig->pci, DIO_PCI_BAR0, MMIO, 4);
    dio_pci_config_write (rig->pci, DIO_PCI_BAR0 + 4, MMIO + 0x1000000, 4);
    dio_pci_config_write (rig->pci, DIO_PCI_COMMAND,
                          DIO_PCI_COMMAND_MEMORY | DIO_PCI_COMMAND_MASTER, 2);
  }
  for (unsigned i = 0; i < count && (rig->pci || sys->n_regions); i++) {
    unsigned which = g_rand_int_range (rand, 0, 8);
    if (!rig->pci)
      poke (rig, rand, SYSTEM, sys->regions[which % sys->n_regions].size);
    else if (which == 0 && g_rand_int_range (rand, 0, 4) == 0)
      poke (rig, rand, ECAM + 0x8000, 0x1000);
    else
      for (unsigned bar = 0; bar < 6; bar++)
        if (rig->pci->bars[bar] && rig->pci->bar_mapped[bar])
          poke (rig, rand, rig->pci->bar_address[bar], rig->pci->bars[bar]->size);
  }
}

unsigned
state_rig_regions (StateRig *rig, StateRegion regions[STATE_REGIONS])
{
  DioSystemDevice *sys = (DioSystemDevice *) rig->dev;
  unsigned n = 0;

  if (!rig->pci && sys->n_regions)
    regions[n++] =
        (StateRegion){ 0, SYSTEM, sys->regions[0].size, MAX (sys->regions[0].ops->min_access, 1) };
  for (unsigned bar = 0; rig->pci && bar < 6; bar++)
    if (rig->pci->bar_mapped[bar])
      regions[n++] = (StateRegion){ bar, rig->pci->bar_address[bar], rig->pci->bars[bar]->size,
                                    MAX (rig->pci->bars[bar]->ops->min_access, 1) };
  if (rig->pci)
    regions[n++] = (StateRegion){ 6, ECAM + 0x8000, 0x1000, 4 };
  return n;
}
