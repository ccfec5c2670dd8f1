/* SPDX-License-Identifier: GPL-3.0-or-later
 * The device tree of the riscv64 board. */
#include <inttypes.h>
#include <libfdt.h>
#include <sys/random.h>

#include "core/boot/boot-fdt.h"
#include "core/guest/riscv64/riscv64-cpu.h"
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

/* PCI address spaces in "ranges". */
enum {
  SPACE_IO = 0x01000000,
  SPACE_MEMORY32 = 0x02000000,
  SPACE_MEMORY64 = 0x03000000,
};

static void
add_chosen (DioFdt *fdt, DioMachine *machine, DioGpa initrd, uint64_t initrd_size)
{
  g_autofree char *serial = g_strdup_printf ("/soc/serial@%" PRIx64, DIO_VIRT_RISCV64_UART);
  uint8_t seed[32];

  dio_fdt_begin (fdt, "chosen");
  dio_fdt_string (fdt, "stdout-path", serial);
  if (machine->config->append)
    dio_fdt_string (fdt, "bootargs", machine->config->append);
  if (initrd_size) {
    dio_fdt_u64 (fdt, "linux,initrd-start", initrd);
    dio_fdt_u64 (fdt, "linux,initrd-end", initrd + initrd_size);
  }
  if (getrandom (seed, sizeof seed, 0) == sizeof seed)
    dio_fdt_bytes (fdt, "rng-seed", seed, sizeof seed);
  dio_fdt_end (fdt);
}

static void
add_memory (DioFdt *fdt, DioMachine *machine)
{
  dio_fdt_begin (fdt, "memory@%" PRIx64, DIO_VIRT_RISCV64_RAM);
  dio_fdt_string (fdt, "device_type", "memory");
  dio_fdt_reg (fdt, "reg", 1, DIO_VIRT_RISCV64_RAM, machine->config->memory & ~DIO_PAGE_MASK);
  dio_fdt_end (fdt);
}

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

static void
append_cells (GArray *array, const uint32_t *cells, unsigned count)
{
  for (unsigned i = 0; i < count; i++) {
    fdt32_t cell = cpu_to_fdt32 (cells[i]);
    g_array_append_val (array, cell);
  }
}

static void
write_cells (void *fdt, const char *name, GArray *cells)
{
  fdt_property (fdt, name, cells->data, cells->len * sizeof (fdt32_t));
}

/* Two lines into each hart, by their numbers at the hart's own controller. */
static void
describe_hart_lines (DioSystemDevice *sys, void *fdt, unsigned first, unsigned second)
{
  g_autoptr (GArray) cells = g_array_new (FALSE, FALSE, sizeof (fdt32_t));

  for (unsigned i = 0; i < sys->dev.machine->n_cpus; i++)
    append_cells (cells, (uint32_t[]){ PHANDLE_INTC + i, first, PHANDLE_INTC + i, second }, 4);
  write_cells (fdt, "interrupts-extended", cells);
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
append_range (GArray *cells, uint32_t space, DioGpa pci, DioGpa cpu, uint64_t size)
{
  append_cells (cells, (uint32_t[]){ space, pci >> 32, pci, cpu >> 32, cpu, size >> 32, size }, 7);
}

static void
describe_pci (DioSystemDevice *sys, void *fdt)
{
  DioVirtRiscv64 *virt = sys->dev.machine->board_data;
  g_autoptr (GArray) ranges = g_array_new (FALSE, FALSE, sizeof (fdt32_t));
  g_autoptr (GArray) map = g_array_new (FALSE, FALSE, sizeof (fdt32_t));
  g_autoptr (GArray) mask = g_array_new (FALSE, FALSE, sizeof (fdt32_t));

  append_range (ranges, SPACE_IO, 0, DIO_VIRT_RISCV64_PCI_PIO, DIO_PCI_HOST_PIO_SIZE);
  append_range (ranges, SPACE_MEMORY32, DIO_VIRT_RISCV64_PCI_MMIO, DIO_VIRT_RISCV64_PCI_MMIO,
                DIO_VIRT_RISCV64_PCI_MMIO_SIZE);
  append_range (ranges, SPACE_MEMORY64, virt->mmio64, virt->mmio64,
                DIO_VIRT_RISCV64_PCI_MMIO64_SIZE);
  write_cells (fdt, "ranges", ranges);

  /* The swizzle repeats every four slots: two bits of the slot number decide. */
  for (unsigned slot = 0; slot < DIO_PCI_PINS; slot++)
    for (unsigned pin = 0; pin < DIO_PCI_PINS; pin++)
      append_cells (map,
                    (uint32_t[]){ slot << 11, 0, 0, pin + 1, PHANDLE_PLIC,
                                  DIO_VIRT_RISCV64_IRQ_PCI + (slot + pin) % DIO_PCI_PINS },
                    6);
  write_cells (fdt, "interrupt-map", map);
  append_cells (mask, (uint32_t[]){ 3 << 11, 0, 0, 7 }, 4);
  write_cells (fdt, "interrupt-map-mask", mask);
}

static void
add_device (DioFdt *fdt, DioSystemDevice *sys)
{
  sys->dev.type->describe_fdt (&sys->dev, dio_fdt_raw (fdt), 0);
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
  add_device (fdt, virt->syscon);
  add_device (fdt, virt->rtc);
  add_device (fdt, virt->aclint);
  add_device (fdt, virt->plic);
  add_device (fdt, virt->uart);
  add_device (fdt, virt->pci);
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
  DioFdt *fdt = dio_fdt_new ();

  dio_fdt_u32 (fdt, "#address-cells", 2);
  dio_fdt_u32 (fdt, "#size-cells", 2);
  dio_fdt_string (fdt, "compatible", "riscv-virtio");
  dio_fdt_string (fdt, "model", "riscv-virtio,diorama");
  add_chosen (fdt, machine, initrd, initrd_size);
  add_memory (fdt, machine);
  add_cpus (fdt, machine);
  add_power (fdt, "poweroff", "syscon-poweroff", DIO_SYSCON_POWER_OFF);
  add_power (fdt, "reboot", "syscon-reboot", DIO_SYSCON_RESET);
  add_soc (fdt, machine->board_data);
  return dio_fdt_finish (fdt, error);
}
