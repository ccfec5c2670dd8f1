/* SPDX-License-Identifier: GPL-3.0-or-later
 * The arm64 board "virt": memory, CPUs, devices, and what they start with. */
#include "hw/board/virt-arm64.h"

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/guest/arm64/arm64-cpu.h"
#include "hw/board/board-system.h"
#include "hw/board/board-virtio.h"
#include "hw/board/virt-arm64-private.h"
#include "hw/irq/gicv3-its.h"
#include "hw/irq/gicv3.h"
#include "hw/misc/pl061.h"
#include "hw/misc/vmgenid.h"
#include "hw/pci/pci-host-ecam.h"
#include "hw/serial/pl011.h"

#define MIB (UINT64_C (1) << 20)
#define GIB (UINT64_C (1) << 30)
#define MAX_CPUS 64

#define FDT_ALIGN (2 * MIB)
#define FDT_LIMIT (4 * GIB)

static bool
build_gic (DioMachine *machine, DioVirtArm64 *virt, GError **error)
{
  const DioDeviceType *type = dio_board_find_type (machine, "gicv3", error);
  g_autofree char *cpus = g_strdup_printf ("%u", machine->n_cpus);

  if (!type)
    return false;
  DioDevice *dev = dio_device_new (type, "gic");
  if (!dio_device_set (dev, "cpus", cpus, error)) {
    dio_device_free (dev);
    return false;
  }
  virt->gic = dio_board_attach (machine, dev, DIO_VIRT_ARM64_GIC, error);
  if (!virt->gic || !dio_system_device_map (virt->gic, 1, DIO_VIRT_ARM64_GIC_REDISTRIBUTORS, error))
    return false;
  virt->its = dio_board_add (machine, "gicv3-its", "its", DIO_VIRT_ARM64_GIC_ITS, error);
  if (virt->its)
    dio_gicv3_its_connect (&virt->its->dev, &virt->gic->dev);
  return virt->its;
}

/* Lines of the controller into the CPUs, of their timers into the controller. */
static void
connect_cpu (DioMachine *machine, DioVirtArm64 *virt, unsigned index)
{
  DioDevice *gic = &virt->gic->dev;
  DioArm64 *cpu = DIO_ARM64 (machine->cpus[index]);

  dio_system_device_connect (virt->gic, 2 * index, dio_a64_irq (machine, index, 0));
  dio_system_device_connect (virt->gic, 2 * index + 1, dio_a64_irq (machine, index, 1));
  cpu->interface = &dio_gicv3_cpu_interface;
  cpu->interface_opaque = gic;
  cpu->timers[DIO_A64_TIMER_VIRTUAL].irq =
      dio_gicv3_get_ppi (gic, index, DIO_VIRT_ARM64_PPI_VIRTUAL_TIMER);
  cpu->timers[DIO_A64_TIMER_PHYSICAL].irq =
      dio_gicv3_get_ppi (gic, index, DIO_VIRT_ARM64_PPI_PHYSICAL_TIMER);
}

/* The interrupt controller comes first: devices go in reverse order, so nobody drives a line into
 * one that is gone. */
static bool
build_system (DioMachine *machine, DioVirtArm64 *virt, GError **error)
{
  if (!build_gic (machine, virt, error))
    return false;
  for (unsigned i = 0; i < machine->n_cpus; i++)
    connect_cpu (machine, virt, i);
  virt->rtc = dio_board_add (machine, "pl031", "rtc", DIO_VIRT_ARM64_RTC, error);
  if (!virt->rtc)
    return false;
  dio_system_device_connect (virt->rtc, 0,
                             dio_gicv3_get_spi (&virt->gic->dev, DIO_VIRT_ARM64_IRQ_RTC));
  virt->uart = dio_board_add (machine, "pl011", "serial0", DIO_VIRT_ARM64_UART, error);
  if (!virt->uart)
    return false;
  dio_system_device_connect (virt->uart, 0,
                             dio_gicv3_get_spi (&virt->gic->dev, DIO_VIRT_ARM64_IRQ_UART));
  dio_pl011_set_char (&virt->uart->dev, machine->host.serial);
  virt->gpio = dio_board_add (machine, "pl061", "gpio", DIO_VIRT_ARM64_GPIO, error);
  if (!virt->gpio)
    return false;
  dio_system_device_connect (virt->gpio, 0,
                             dio_gicv3_get_spi (&virt->gic->dev, DIO_VIRT_ARM64_IRQ_GPIO));
  virt->vmgenid = dio_board_add (machine, "vmgenid", "vmgenid", DIO_VIRT_ARM64_VMGENID, error);
  if (!virt->vmgenid)
    return false;
  dio_system_device_connect (virt->vmgenid, 0,
                             dio_gicv3_get_spi (&virt->gic->dev, DIO_VIRT_ARM64_IRQ_VMGENID));
  dio_vmgenid_set (&virt->vmgenid->dev, machine->config->generation);
  return true;
}

static bool
build_pci (DioMachine *machine, DioVirtArm64 *virt, GError **error)
{
  virt->pci = dio_board_add (machine, "pci-host-ecam", "pci", DIO_VIRT_ARM64_PCI_ECAM, error);
  if (!virt->pci
      || !dio_system_device_map (virt->pci, DIO_PCI_HOST_PIO, DIO_VIRT_ARM64_PCI_PIO, error))
    return false;

  DioPciBus *bus = dio_pci_host_get_bus (&virt->pci->dev);
  dio_pci_bus_set_msi_target (bus, dio_gicv3_its_get_msi_target (&virt->its->dev));
  dio_pci_bus_add_window (bus, DIO_VIRT_ARM64_PCI_MMIO, DIO_VIRT_ARM64_PCI_MMIO_SIZE);
  dio_pci_bus_add_window (bus, DIO_VIRT_ARM64_PCI_MMIO64, DIO_VIRT_ARM64_PCI_MMIO64_SIZE);
  for (unsigned pin = 0; pin < DIO_PCI_PINS; pin++)
    dio_pci_bus_connect_pin (bus, pin,
                             dio_gicv3_get_spi (&virt->gic->dev, DIO_VIRT_ARM64_IRQ_PCI + pin));
  return true;
}

static bool
virt_build (DioMachine *machine, GError **error)
{
  DioVirtArm64 *virt = machine->board_data = g_new0 (DioVirtArm64, 1);
  uint64_t memory = machine->config->memory & ~DIO_PAGE_MASK;

  uint64_t rom = dio_virt_arm64_has_firmware (machine->config) ? DIO_VIRT_ARM64_ROM_SIZE : 0;

  /* The ROM is the end of the RAM: code in it is compiled, saved and restored like any other. */
  machine->ram = dio_ram_new (memory + rom, machine->config->name, error);
  if (!machine->ram)
    return false;
  dio_space_map_ram (machine->space, DIO_VIRT_ARM64_RAM, machine->ram, 0, memory, false);
  if (rom)
    dio_space_map_ram (machine->space, DIO_VIRT_ARM64_ROM, machine->ram, memory, rom, true);
  if (!dio_machine_add_cpus (machine, &dio_cpu_arm64, machine->config->cpus, error)
      || !build_system (machine, virt, error)
      || !dio_virt_arm64_build_firmware (machine, virt, error) || !build_pci (machine, virt, error))
    return false;
  if (!dio_board_add_virtio (machine, dio_pci_host_get_bus (&virt->pci->dev), error))
    return false;
  /* From the keyboard, which has one too, as what is for every board. */
  dio_pl061_take_power_button (&virt->gpio->dev);
  dio_virt_arm64_offer_disks (machine, virt);
  return true;
}

bool
dio_virt_arm64_place_fdt (DioMachine *machine, DioGpa address, GBytes *fdt, GError **error)
{
  if (g_bytes_get_size (fdt) <= FDT_ALIGN
      && dio_dma_write (machine->space, address, g_bytes_get_data (fdt, NULL),
                        g_bytes_get_size (fdt)))
    return true;
  g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
               _ ("The machine has too little memory for its device tree"));
  return false;
}

/* Where the pieces go. The kernel lies at the start of RAM, the device tree high, the initrd below
 * it. */
static bool
load_images (DioMachine *machine, DioBootLoaded *kernel, DioGpa *fdt_at, GError **error)
{
  const DioMachineConfig *config = machine->config;
  DioGpa end = DIO_VIRT_ARM64_RAM + (config->memory & ~DIO_PAGE_MASK);
  DioBootLoaded initrd = { 0 };

  *fdt_at = (MIN (end, FDT_LIMIT) - FDT_ALIGN) & ~(FDT_ALIGN - 1);
  if (!dio_boot_load_kernel (machine->space, DIO_ARCH_ARM64, config->kernel, DIO_VIRT_ARM64_RAM,
                             DIO_VIRT_ARM64_RAM, *fdt_at, kernel, error))
    return false;
  if (config->initrd
      && !dio_boot_load_initrd (machine->space, config->initrd, kernel->end, *fdt_at, &initrd,
                                error))
    return false;
  g_autoptr (GBytes) fdt =
      dio_virt_arm64_build_fdt (machine, initrd.start, initrd.end - initrd.start, error);
  return fdt && dio_virt_arm64_place_fdt (machine, *fdt_at, fdt, error);
}

static bool
virt_load (DioMachine *machine, GError **error)
{
  DioBootLoaded kernel = { .entry = DIO_VIRT_ARM64_ROM };
  DioGpa fdt_at = DIO_VIRT_ARM64_RAM;
  bool loaded = dio_virt_arm64_has_firmware (machine->config)
                    ? dio_virt_arm64_load_firmware (machine, error)
                    : load_images (machine, &kernel, &fdt_at, error);

  /* The others wait for PSCI. */
  if (loaded)
    dio_a64_set_entry (machine->cpus[0], kernel.entry, fdt_at);
  return loaded;
}

static void
virt_finalize (DioMachine *machine)
{
  g_clear_pointer (&machine->board_data, g_free);
}

const DioBoardType dio_virt_arm64_board = {
  .id = "virt",
  .title = N_ ("Standard Arm board (virt)"),
  .arch = DIO_ARCH_ARM64,
  .cpu = &dio_cpu_arm64,
  .minimum_memory = 64 * MIB,
  .maximum_memory = 255 * GIB,
  .maximum_cpus = MAX_CPUS,
  .has_firmware = true,
  .has_ramfb = true,
  .build = virt_build,
  .load = virt_load,
  .finalize = virt_finalize,
};
