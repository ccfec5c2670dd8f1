/* SPDX-License-Identifier: GPL-3.0-or-later
 * The device tree of the riscv64 board. */
#include <inttypes.h>
#include <libfdt.h>

#include "core/guest/riscv64/riscv64-cpu.h"
#include "hw/board/board-system.h"
#include "hw/board/virt-riscv64-private.h"
#include "hw/misc/syscon.h"
#include "hw/pci/pci-bus.h"
#include "hw/pci/pci-host-ecam.h"

#define CACHE_BLOCK 64
#define MMU_TYPE "riscv,sv57"

/* Phandles. */
enum {
  PHANDLE_PLIC = 1,
  PHANDLE_SYSCON = 2,
  PHANDLE_CPU = 0x100,
  PHANDLE_INTC = 0x200,
};

static void
add_cpu (DioFdt *fdt, unsigned index)
{
  dio_fdt_begin (fdt, "cpu@%x", index);
  dio_fdt_string (fdt, "device_type", "cpu");
  dio_fdt_u32 (fdt, "reg", index);
  dio_fdt_string (fdt, "status", "okay");
  dio_fdt_string (fdt, "compatible", "riscv");
  dio_fdt_string (fdt, "riscv,isa", dio_rv_isa_string);
  dio_fdt_string (fdt, "riscv,isa-base", "rv64i");
  dio_fdt_strv (fdt, "riscv,isa-extensions", dio_rv_isa_extensions);
  dio_fdt_string (fdt, "mmu-type", MMU_TYPE);
  dio_fdt_u32 (fdt, "riscv,cbom-block-size", CACHE_BLOCK);
  dio_fdt_u32 (fdt, "riscv,cbop-block-size", CACHE_BLOCK);
  dio_fdt_u32 (fdt, "riscv,cboz-block-size", CACHE_BLOCK);
  dio_fdt_u32 (fdt, "phandle", PHANDLE_CPU + index);

  dio_fdt_begin (fdt, "interrupt-controller");
  dio_fdt_string (fdt, "compatible", "riscv,cpu-intc");
  dio_fdt_u32 (fdt, "#address-cells", 0);
  dio_fdt_u32 (fdt, "#interrupt-cells", 1);
  dio_fdt_empty (fdt, "interrupt-controller");
  dio_fdt_u32 (fdt, "phandle", PHANDLE_INTC + index);
  dio_fdt_end (fdt);
  dio_fdt_end (fdt);
}

static void
add_cpus (DioFdt *fdt, DioMachine *machine)
{
  dio_fdt_begin (fdt, "cpus");
  dio_fdt_u32 (fdt, "#address-cells", 1);
  dio_fdt_u32 (fdt, "#size-cells", 0);
  dio_fdt_u32 (fdt, "timebase-frequency", DIO_RV_TIMEBASE_HZ);
  for (unsigned i = 0; i < machine->n_cpus; i++)
    add_cpu (fdt, i);

  dio_fdt_begin (fdt, "cpu-map");
  dio_fdt_begin (fdt, "cluster0");
  for (unsigned i = 0; i < machine->n_cpus; i++) {
    dio_fdt_begin (fdt, "core%u", i);
    dio_fdt_u32 (fdt, "cpu", PHANDLE_CPU + i);
    dio_fdt_end (fdt);
  }
  dio_fdt_end (fdt);
  dio_fdt_end (fdt);
  dio_fdt_end (fdt);
}

/* Two lines into each hart, by their numbers at the hart's own controller. */
static void
describe_hart_lines (DioSystemDevice *sys, void *fdt, unsigned first, unsigned second)
{
  g_autoptr (GArray) cells = g_array_new (FALSE, FALSE, sizeof (fdt32_t));

  for (unsigned i = 0; i < sys->dev.machine->n_cpus; i++)
    dio_board_append_cells (cells,
                            (uint32_t[]){ PHANDLE_INTC + i, first, PHANDLE_INTC + i, second }, 4);
  dio_board_write_cells (fdt, "interrupts-extended", cells);
}

static void
describe_plic (DioSystemDevice *sys, void *fdt)
{
  describe_hart_lines (sys, fdt, DIO_RV_IRQ_MEIP, DIO_RV_IRQ_SEIP);
}

static void
describe_aclint (DioSystemDevice *sys, void *fdt)
{
  describe_hart_lines (sys, fdt, DIO_RV_IRQ_MSIP, DIO_RV_IRQ_MTIP);
}

static void
describe_pci (DioSystemDevice *sys, void *fdt)
{
  const DioVirtRiscv64 *virt = sys->dev.machine->board_data;
  const DioBoardPci pci = {
    .pio = DIO_VIRT_RISCV64_PCI_PIO,
    .mmio = DIO_VIRT_RISCV64_PCI_MMIO,
    .mmio_size = DIO_VIRT_RISCV64_PCI_MMIO_SIZE,
    .mmio64 = virt->mmio64,
    .mmio64_size = DIO_VIRT_RISCV64_PCI_MMIO64_SIZE,
    .cells = { PHANDLE_PLIC, DIO_VIRT_RISCV64_IRQ_PCI },
    .n_cells = 2,
    .number = 1,
  };
  dio_board_describe_pci (fdt, &pci);
}

static void
add_soc (DioFdt *fdt, DioVirtRiscv64 *virt)
{
  virt->plic->phandle = PHANDLE_PLIC;
  virt->plic->describe_wiring = describe_plic;
  virt->aclint->describe_wiring = describe_aclint;
  virt->syscon->phandle = PHANDLE_SYSCON;
  virt->pci->describe_wiring = describe_pci;

  dio_fdt_begin (fdt, "soc");
  dio_fdt_string (fdt, "compatible", "simple-bus");
  dio_fdt_u32 (fdt, "#address-cells", 2);
  dio_fdt_u32 (fdt, "#size-cells", 2);
  dio_fdt_u32 (fdt, "interrupt-parent", PHANDLE_PLIC);
  dio_fdt_empty (fdt, "ranges");
  dio_board_describe_device (fdt, virt->syscon);
  dio_board_describe_device (fdt, virt->rtc);
  dio_board_describe_device (fdt, virt->vmgenid);
  dio_board_describe_device (fdt, virt->aclint);
  dio_board_describe_device (fdt, virt->plic);
  dio_board_describe_device (fdt, virt->uart);
  dio_board_describe_device (fdt, virt->pci);
  dio_fdt_end (fdt);
}

static void
add_power (DioFdt *fdt, const char *name, const char *compatible, uint32_t value)
{
  dio_fdt_begin (fdt, "%s", name);
  dio_fdt_string (fdt, "compatible", compatible);
  dio_fdt_u32 (fdt, "regmap", PHANDLE_SYSCON);
  dio_fdt_u32 (fdt, "offset", 0);
  dio_fdt_u32 (fdt, "value", value);
  dio_fdt_end (fdt);
}

GBytes *
dio_virt_riscv64_build_fdt (DioMachine *machine, DioGpa initrd, uint64_t initrd_size,
                            GError **error)
{
  g_autofree char *serial = g_strdup_printf ("/soc/serial@%" PRIx64, DIO_VIRT_RISCV64_UART);
  DioFdt *fdt = dio_fdt_new ();

  dio_fdt_u32 (fdt, "#address-cells", 2);
  dio_fdt_u32 (fdt, "#size-cells", 2);
  dio_fdt_string (fdt, "compatible", "riscv-virtio");
  dio_fdt_string (fdt, "model", "riscv-virtio,diorama");
  dio_board_describe_chosen (fdt, machine, serial, initrd, initrd_size);
  dio_board_describe_memory (fdt, machine, DIO_VIRT_RISCV64_RAM);
  add_cpus (fdt, machine);
  add_power (fdt, "poweroff", "syscon-poweroff", DIO_SYSCON_POWER_OFF);
  add_power (fdt, "reboot", "syscon-reboot", DIO_SYSCON_RESET);
  add_soc (fdt, machine->board_data);
  return dio_fdt_finish (fdt, error);
}
