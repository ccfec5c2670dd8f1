/* SPDX-License-Identifier: GPL-3.0-or-later
 * The riscv64 board "virt": memory, harts, devices, and what they start with. */
#include "hw/board/virt-riscv64.h"

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/boot/boot-kernel.h"
#include "core/boot/boot-opensbi.h"
#include "core/guest/riscv64/riscv64-cpu.h"
#include "hw/board/board-system.h"
#include "hw/board/board-virtio.h"
#include "hw/board/virt-riscv64-private.h"
#include "hw/irq/plic.h"
#include "hw/misc/vmgenid.h"
#include "hw/pci/pci-host-ecam.h"
#include "hw/serial/ns16550.h"

#define MIB (UINT64_C (1) << 20)
#define GIB (UINT64_C (1) << 30)
#define MAX_CPUS 64

/* The firmware's own memory at the start of RAM; the kernel starts behind it. */
#define FIRMWARE_SIZE (2 * MIB)
#define FIRMWARE_FDT_ROOM (64 * 1024) /* OpenSBI grows the tree where it lies */
#define FDT_LIMIT (3 * GIB)           /* below this address, so that 32-bit code reaches it */

/* One with a property "harts" and two lines into each of them. */
static DioSystemDevice *
add_per_hart (DioMachine *machine, const char *id, DioGpa address, unsigned first, unsigned second,
              GError **error)
{
  const DioDeviceType *type = dio_board_find_type (machine, id, error);
  g_autofree char *harts = g_strdup_printf ("%u", machine->n_cpus);

  if (!type)
    return NULL;
  DioDevice *dev = dio_device_new (type, id);
  if (!dio_device_set (dev, "harts", harts, error)) {
    dio_device_free (dev);
    return NULL;
  }
  DioSystemDevice *sys = dio_board_attach (machine, dev, address, error);
  for (unsigned i = 0; sys && i < machine->n_cpus; i++) {
    dio_system_device_connect (sys, 2 * i, dio_rv_irq (machine, i, first));
    dio_system_device_connect (sys, 2 * i + 1, dio_rv_irq (machine, i, second));
  }
  return sys;
}

static void
connect_plic (DioVirtRiscv64 *virt, DioSystemDevice *sys, unsigned source)
{
  dio_system_device_connect (sys, 0, dio_plic_get_input (&virt->plic->dev, source));
  sys->source = source;
}

/* The interrupt controllers come first: devices go in reverse order, so nobody drives a line into
 * one that is gone. */
static bool
build_system (DioMachine *machine, DioVirtRiscv64 *virt, GError **error)
{
  virt->plic = add_per_hart (machine, "plic", DIO_VIRT_RISCV64_PLIC, DIO_RV_IRQ_MEIP,
                             DIO_RV_IRQ_SEIP, error);
  if (!virt->plic)
    return false;
  virt->aclint = add_per_hart (machine, "aclint", DIO_VIRT_RISCV64_ACLINT, DIO_RV_IRQ_MSIP,
                               DIO_RV_IRQ_MTIP, error);
  if (!virt->aclint)
    return false;
  virt->syscon = dio_board_add (machine, "syscon", "syscon", DIO_VIRT_RISCV64_SYSCON, error);
  if (!virt->syscon)
    return false;
  virt->rtc = dio_board_add (machine, "goldfish-rtc", "rtc", DIO_VIRT_RISCV64_RTC, error);
  if (!virt->rtc)
    return false;
  connect_plic (virt, virt->rtc, DIO_VIRT_RISCV64_IRQ_RTC);
  virt->vmgenid = dio_board_add (machine, "vmgenid", "vmgenid", DIO_VIRT_RISCV64_VMGENID, error);
  if (!virt->vmgenid)
    return false;
  connect_plic (virt, virt->vmgenid, DIO_VIRT_RISCV64_IRQ_VMGENID);
  dio_vmgenid_set (&virt->vmgenid->dev, machine->config->generation);
  virt->uart = dio_board_add (machine, "ns16550", "serial0", DIO_VIRT_RISCV64_UART, error);
  if (!virt->uart)
    return false;
  connect_plic (virt, virt->uart, DIO_VIRT_RISCV64_IRQ_UART);
  dio_ns16550_set_char (&virt->uart->dev, machine->host.serial);
  return true;
}

static bool
build_pci (DioMachine *machine, DioVirtRiscv64 *virt, GError **error)
{
  virt->pci = dio_board_add (machine, "pci-host-ecam", "pci", DIO_VIRT_RISCV64_PCI_ECAM, error);
  if (!virt->pci
      || !dio_system_device_map (virt->pci, DIO_PCI_HOST_PIO, DIO_VIRT_RISCV64_PCI_PIO, error))
    return false;

  /* No target for messages: a PLIC cannot take them, and so devices show no MSI-X. */
  DioPciBus *bus = dio_pci_host_get_bus (&virt->pci->dev);
  dio_pci_bus_add_window (bus, DIO_VIRT_RISCV64_PCI_MMIO, DIO_VIRT_RISCV64_PCI_MMIO_SIZE);
  dio_pci_bus_add_window (bus, virt->mmio64, DIO_VIRT_RISCV64_PCI_MMIO64_SIZE);
  for (unsigned pin = 0; pin < DIO_PCI_PINS; pin++)
    dio_pci_bus_connect_pin (bus, pin,
                             dio_plic_get_input (&virt->plic->dev, DIO_VIRT_RISCV64_IRQ_PCI + pin));
  return true;
}

static bool
virt_build (DioMachine *machine, GError **error)
{
  DioVirtRiscv64 *virt = machine->board_data = g_new0 (DioVirtRiscv64, 1);
  uint64_t memory = machine->config->memory & ~DIO_PAGE_MASK;

  virt->mmio64 = (DIO_VIRT_RISCV64_RAM + memory + DIO_VIRT_RISCV64_PCI_MMIO64_SIZE - 1)
                 & ~(DIO_VIRT_RISCV64_PCI_MMIO64_SIZE - 1);
  machine->ram = dio_ram_new (memory, machine->config->name, error);
  if (!machine->ram)
    return false;
  dio_space_map_ram (machine->space, DIO_VIRT_RISCV64_RAM, machine->ram, 0, memory, false);
  if (!dio_machine_add_cpus (machine, &dio_cpu_riscv64, machine->config->cpus, error)
      || !build_system (machine, virt, error) || !build_pci (machine, virt, error))
    return false;
  /* The power button is the keyboard's power key: every systemd and every desktop knows it. */
  return dio_board_add_virtio (machine, dio_pci_host_get_bus (&virt->pci->dev), error);
}

/* Where the pieces go. The device tree lies high, the dynamic info in the page before it, the
 * initrd below both, the kernel behind the firmware. */
static bool
load_images (DioMachine *machine, const char *firmware, DioBootLoaded *firmware_at, DioGpa *fdt_at,
             GError **error)
{
  const DioMachineConfig *config = machine->config;
  DioGpa end = DIO_VIRT_RISCV64_RAM + (config->memory & ~DIO_PAGE_MASK);
  DioBootLoaded kernel = { .entry = DIO_VIRT_RISCV64_RAM + FIRMWARE_SIZE }, initrd = { 0 };
  uint8_t info[DIO_OPENSBI_INFO_SIZE];

  /* Its size does not depend on where the initrd is. */
  g_autoptr (GBytes) draft = dio_virt_riscv64_build_fdt (machine, end, 1, error);
  if (!draft)
    return false;
  uint64_t fdt_size = g_bytes_get_size (draft) + FIRMWARE_FDT_ROOM;
  *fdt_at = (MIN (end, FDT_LIMIT) - fdt_size) & ~(2 * MIB - 1);
  DioGpa info_at = *fdt_at - DIO_PAGE_SIZE;

  if (!dio_boot_load_firmware (machine->space, DIO_ARCH_RISCV64, firmware, DIO_VIRT_RISCV64_RAM,
                               info_at, firmware_at, error))
    return false;
  DioGpa low = MAX (firmware_at->end, DIO_VIRT_RISCV64_RAM + FIRMWARE_SIZE);
  if (config->kernel) {
    if (!dio_boot_load_kernel (machine->space, DIO_ARCH_RISCV64, config->kernel,
                               DIO_VIRT_RISCV64_RAM, low, info_at, &kernel, error))
      return false;
    low = kernel.end;
  }
  if (config->initrd
      && !dio_boot_load_initrd (machine->space, config->initrd, low, info_at, &initrd, error))
    return false;

  g_autoptr (GBytes) fdt =
      dio_virt_riscv64_build_fdt (machine, initrd.start, initrd.end - initrd.start, error);
  if (!fdt)
    return false;
  dio_opensbi_info (info, kernel.entry, 0);
  if (!dio_dma_write (machine->space, *fdt_at, g_bytes_get_data (fdt, NULL), g_bytes_get_size (fdt))
      || !dio_dma_write (machine->space, info_at, info, sizeof info)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("The machine has too little memory for its device tree"));
    return false;
  }
  return true;
}

static bool
virt_load (DioMachine *machine, GError **error)
{
  const DioMachineConfig *config = machine->config;
  g_autofree char *firmware = g_strdup (config->firmware);
  DioBootLoaded firmware_at;
  DioGpa fdt_at;

  if (!config->kernel && !config->firmware) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("There is nothing to start: give the machine a kernel or firmware"));
    return false;
  }
  if (!firmware && !(firmware = dio_opensbi_find (error)))
    return false;
  if (!load_images (machine, firmware, &firmware_at, &fdt_at, error))
    return false;
  for (unsigned i = 0; i < machine->n_cpus; i++)
    dio_rv_set_entry (machine->cpus[i], firmware_at.entry, i, fdt_at, fdt_at - DIO_PAGE_SIZE);
  return true;
}

static void
virt_finalize (DioMachine *machine)
{
  g_clear_pointer (&machine->board_data, g_free);
}

const DioBoardType dio_virt_riscv64_board = {
  .id = "virt",
  .title = N_ ("Standard RISC-V board (virt)"),
  .arch = DIO_ARCH_RISCV64,
  .cpu = &dio_cpu_riscv64,
  .minimum_memory = 16 * MIB,
  .maximum_memory = 1024 * GIB,
  .maximum_cpus = MAX_CPUS,
  .build = virt_build,
  .load = virt_load,
  .finalize = virt_finalize,
};
