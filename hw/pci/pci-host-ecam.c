/* SPDX-License-Identifier: GPL-3.0-or-later
 * The generic PCI Express host bridge ("pci-host-ecam-generic" of device trees). */
#include "hw/pci/pci-host-ecam.h"

#include <libfdt.h>

#include "core/base/base-i18n.h"
#include "core/vm/vm-machine.h"
#include "hw/system-device.h"

#define CLASS_HOST_BRIDGE 0x060000

typedef struct {
  DioSystemDevice sys;
  DioPciBus *bus;
  DioPciDevice root; /* the bridge as function 0 of slot 0 */
} DioPciHost;

/* The function at an ECAM offset. What counts as slot 32 and up here is another bus; there is none,
 * and no function but 0. */
static DioPciDevice *
find_function (DioPciHost *host, uint64_t offset)
{
  if (offset >> 12 & 7)
    return NULL;
  return dio_pci_bus_get_device (host->bus, offset >> 15);
}

static uint64_t
ecam_read (void *opaque, uint64_t offset, unsigned size)
{
  DioPciDevice *pci = find_function (opaque, offset);
  return pci ? dio_pci_config_read (pci, offset & 0xfff, size) : UINT32_MAX;
}

static void
ecam_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  DioPciDevice *pci = find_function (opaque, offset);
  if (pci)
    dio_pci_config_write (pci, offset & 0xfff, value, size);
}

static const DioRegionOps ecam_ops = {
  .read = ecam_read,
  .write = ecam_write,
  .min_access = 1,
  .max_access = 4,
};

static uint64_t
pio_read (void *opaque, uint64_t offset, unsigned size)
{
  return UINT64_MAX;
}

static void
pio_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
}

/* Port I/O to an absent device ends in all ones, as on a PC: drivers probe that way. */
static const DioRegionOps pio_ops = {
  .read = pio_read,
  .write = pio_write,
  .min_access = 1,
  .max_access = 8,
};

static bool
host_realize (DioDevice *dev, GError **error)
{
  DioPciHost *host = (DioPciHost *) dev;

  /* ECAM locks for itself (the bus lock), as configuration writes move other devices' BARs. */
  dio_system_device_add_region (&host->sys, "pci-ecam", &ecam_ops, DIO_PCI_HOST_ECAM_SIZE, false);
  dio_system_device_add_region (&host->sys, "pci-pio", &pio_ops, DIO_PCI_HOST_PIO_SIZE, false);
  host->bus = dio_pci_bus_new (dev->machine->space);
  host->root.dev.name = dev->name;
  if (!dio_pci_bus_plug (host->bus, &host->root, 0, error))
    return false;
  dio_pci_set_ids (&host->root, 0x1b36, 0x0008, CLASS_HOST_BRIDGE, 0, 0x1af4, 0x1100);
  host->root.config[DIO_PCI_INTERRUPT_PIN] = 0;
  return true;
}

DioPciBus *
dio_pci_host_get_bus (DioDevice *dev)
{
  return ((DioPciHost *) dev)->bus;
}

static void
host_reset (DioDevice *dev)
{
  dio_pci_device_reset (&((DioPciHost *) dev)->root);
}

static void
host_state (DioDevice *dev, DioVisitor *visitor)
{
  dio_pci_device_visit (&((DioPciHost *) dev)->root, visitor);
}

static void
host_describe_fdt (DioDevice *dev, void *fdt, int parent)
{
  static const char compatible[] = "pci-host-ecam-generic";
  fdt32_t range[2] = { cpu_to_fdt32 (0), cpu_to_fdt32 (0xff) };

  dio_system_device_begin_fdt_node ((DioSystemDevice *) dev, fdt, "pci", compatible,
                                    sizeof compatible);

  fdt_property_string (fdt, "device_type", "pci");
  fdt_property_u32 (fdt, "#address-cells", 3);
  fdt_property_u32 (fdt, "#size-cells", 2);
  fdt_property_u32 (fdt, "#interrupt-cells", 1);
  fdt_property_u32 (fdt, "linux,pci-domain", 0);
  fdt_property (fdt, "bus-range", range, sizeof range);
  fdt_property (fdt, "dma-coherent", NULL, 0);
  fdt_end_node (fdt);
}

static void
host_finalize (DioDevice *dev)
{
  DioPciHost *host = (DioPciHost *) dev;

  dio_system_device_finalize (&host->sys);
  if (!host->bus)
    return;
  dio_pci_device_finalize (&host->root);
  g_clear_pointer (&host->bus, dio_pci_bus_unref);
}

const DioDeviceType dio_pci_host_ecam_type = {
  .id = "pci-host-ecam",
  .title = N_ ("PCI Express host bridge"),
  .description = N_ ("The bridge that PCI devices sit behind, with memory-mapped configuration."),
  .bus = DIO_BUS_SYSTEM,
  .instance_size = sizeof (DioPciHost),
  .realize = host_realize,
  .reset = host_reset,
  .state = host_state,
  .state_version = 1,
  .finalize = host_finalize,
  .describe_fdt = host_describe_fdt,
};
