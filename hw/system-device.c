/* SPDX-License-Identifier: GPL-3.0-or-later
 * Register blocks and interrupt lines of devices at fixed addresses. */
#include "hw/system-device.h"

#include <inttypes.h>
#include <libfdt.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/vm/vm-machine.h"

void
dio_system_device_add_region (DioSystemDevice *sys, const char *name, const DioRegionOps *ops,
                              uint64_t size, bool lock)
{
  g_return_if_fail (sys->n_regions < DIO_SYSTEM_MAX_REGIONS);

  DioRegion *region = &sys->regions[sys->n_regions++];
  region->name = name;
  region->ops = ops;
  region->opaque = sys;
  region->lock = lock ? &sys->dev.lock : NULL;
  region->size = size;
}

void
dio_system_device_set_irqs (DioSystemDevice *sys, unsigned count)
{
  g_return_if_fail (!sys->irqs);
  sys->irqs = g_new0 (DioIrq, count);
  sys->n_irqs = count;
}

bool
dio_system_device_map (DioSystemDevice *sys, unsigned region, DioGpa address, GError **error)
{
  g_return_val_if_fail (region < sys->n_regions && !sys->mapped[region], false);

  if (!dio_space_map_io (sys->dev.machine->space, address, &sys->regions[region])) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FAILED,
                 _ ("%s: something else is at address 0x%" PRIx64 " already"), sys->dev.name,
                 address);
    return false;
  }
  sys->addresses[region] = address;
  sys->mapped[region] = true;
  return true;
}

void
dio_system_device_connect (DioSystemDevice *sys, unsigned line, DioIrq irq)
{
  g_return_if_fail (line < sys->n_irqs);
  sys->irqs[line] = irq;
}

void
dio_system_device_begin_fdt_node (DioSystemDevice *sys, void *fdt, const char *name,
                                  const char *compatible, size_t compatible_size)
{
  g_autofree char *full = g_strdup_printf ("%s@%" PRIx64, name, sys->addresses[0]);
  fdt64_t reg[2] = { cpu_to_fdt64 (sys->addresses[0]), cpu_to_fdt64 (sys->regions[0].size) };

  fdt_begin_node (fdt, full);
  fdt_property (fdt, "compatible", compatible, compatible_size);
  fdt_property (fdt, "reg", reg, sizeof reg);
  if (sys->source)
    fdt_property_u32 (fdt, "interrupts", sys->source);
  if (sys->phandle)
    fdt_property_u32 (fdt, "phandle", sys->phandle);
  if (sys->describe_wiring)
    sys->describe_wiring (sys, fdt);
}

void
dio_system_device_finalize (DioSystemDevice *sys)
{
  for (unsigned i = 0; i < sys->n_regions; i++)
    if (sys->mapped[i]) {
      dio_space_unmap_io (sys->dev.machine->space, &sys->regions[i]);
      sys->mapped[i] = false;
    }
  g_clear_pointer (&sys->irqs, g_free);
  sys->n_irqs = 0;
}
