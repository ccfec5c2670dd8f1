/* SPDX-License-Identifier: GPL-3.0-or-later
 * The device tree of the arm64 board. */
#include <inttypes.h>
#include <libfdt.h>
#include <linux/input-event-codes.h>

#include "core/guest/arm64/arm64-cpu.h"
#include "hw/board/board-system.h"
#include "hw/board/virt-arm64-private.h"
#include "hw/misc/pl061.h"

#define CLOCK_HZ 24000000 /* of the serial port and the RTC, which do not care */

/* Phandles. */
enum {
  PHANDLE_GIC = 1,
  PHANDLE_CLOCK = 2,
  PHANDLE_ITS = 3,
  PHANDLE_GPIO = 4,
  PHANDLE_CPU = 0x100,
};

/* Interrupts at the GIC: kind, number, trigger. */
enum {
  GIC_SPI = 0,
  GIC_PPI = 1,
  LEVEL_HIGH = 4,
};

static void
add_cpu (DioFdt *fdt, const DioMachine *machine, unsigned index)
{
  uint32_t affinity = (uint32_t) (DIO_ARM64 (machine->cpus[index])->mpidr & 0xffffff);

  dio_fdt_begin (fdt, "cpu@%x", affinity);
  dio_fdt_string (fdt, "device_type", "cpu");
  dio_fdt_string (fdt, "compatible", "arm,armv8");
  dio_fdt_u32 (fdt, "reg", affinity);
  dio_fdt_string (fdt, "enable-method", "psci");
  dio_fdt_u32 (fdt, "phandle", PHANDLE_CPU + index);
  dio_fdt_end (fdt);
}

static void
add_cpus (DioFdt *fdt, const DioMachine *machine)
{
  dio_fdt_begin (fdt, "cpus");
  dio_fdt_u32 (fdt, "#address-cells", 1);
  dio_fdt_u32 (fdt, "#size-cells", 0);
  for (unsigned i = 0; i < machine->n_cpus; i++)
    add_cpu (fdt, machine, i);

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
add_psci (DioFdt *fdt)
{
  dio_fdt_begin (fdt, "psci");
  dio_fdt_strings (fdt, "compatible", "arm,psci-1.0", "arm,psci-0.2", NULL);
  dio_fdt_string (fdt, "method", "hvc");
  dio_fdt_end (fdt);
}

static void
add_timer (DioFdt *fdt)
{
  static const uint32_t ppis[] = {
    DIO_VIRT_ARM64_PPI_SECURE_TIMER,
    DIO_VIRT_ARM64_PPI_PHYSICAL_TIMER,
    DIO_VIRT_ARM64_PPI_VIRTUAL_TIMER,
    DIO_VIRT_ARM64_PPI_HYPERVISOR_TIMER,
  };
  uint32_t cells[3 * G_N_ELEMENTS (ppis)];

  for (unsigned i = 0; i < G_N_ELEMENTS (ppis); i++) {
    cells[3 * i] = GIC_PPI;
    cells[3 * i + 1] = ppis[i];
    cells[3 * i + 2] = LEVEL_HIGH;
  }
  dio_fdt_begin (fdt, "timer");
  dio_fdt_strings (fdt, "compatible", "arm,armv8-timer", NULL);
  dio_fdt_empty (fdt, "always-on");
  dio_fdt_cells (fdt, "interrupts", cells, G_N_ELEMENTS (cells));
  dio_fdt_end (fdt);
}

static void
add_clock (DioFdt *fdt)
{
  dio_fdt_begin (fdt, "apb-pclk");
  dio_fdt_string (fdt, "compatible", "fixed-clock");
  dio_fdt_u32 (fdt, "#clock-cells", 0);
  dio_fdt_u32 (fdt, "clock-frequency", CLOCK_HZ);
  dio_fdt_string (fdt, "clock-output-names", "clk24mhz");
  dio_fdt_u32 (fdt, "phandle", PHANDLE_CLOCK);
  dio_fdt_end (fdt);
}

static void
write_interrupt (void *fdt, unsigned spi)
{
  fdt32_t cells[3] = { cpu_to_fdt32 (GIC_SPI), cpu_to_fdt32 (spi), cpu_to_fdt32 (LEVEL_HIGH) };
  fdt_property (fdt, "interrupts", cells, sizeof cells);
}

static void
describe_uart (DioSystemDevice *sys, void *fdt)
{
  fdt32_t clocks[2] = { cpu_to_fdt32 (PHANDLE_CLOCK), cpu_to_fdt32 (PHANDLE_CLOCK) };
  write_interrupt (fdt, DIO_VIRT_ARM64_IRQ_UART);
  fdt_property (fdt, "clocks", clocks, sizeof clocks);
}

static void
describe_rtc (DioSystemDevice *sys, void *fdt)
{
  write_interrupt (fdt, DIO_VIRT_ARM64_IRQ_RTC);
  fdt_property_u32 (fdt, "clocks", PHANDLE_CLOCK);
}

static void
describe_gpio (DioSystemDevice *sys, void *fdt)
{
  write_interrupt (fdt, DIO_VIRT_ARM64_IRQ_GPIO);
  fdt_property_u32 (fdt, "clocks", PHANDLE_CLOCK);
}

static void
describe_vmgenid (DioSystemDevice *sys, void *fdt)
{
  write_interrupt (fdt, DIO_VIRT_ARM64_IRQ_VMGENID);
}

static void
add_power_key (DioFdt *fdt)
{
  const uint32_t line[3] = { PHANDLE_GPIO, DIO_PL061_POWER_KEY, 0 };

  dio_fdt_begin (fdt, "gpio-keys");
  dio_fdt_string (fdt, "compatible", "gpio-keys");
  dio_fdt_begin (fdt, "poweroff");
  dio_fdt_string (fdt, "label", "GPIO Key Poweroff");
  dio_fdt_u32 (fdt, "linux,code", KEY_POWER);
  dio_fdt_cells (fdt, "gpios", line, G_N_ELEMENTS (line));
  dio_fdt_end (fdt);
  dio_fdt_end (fdt);
}

static void
describe_pci (DioSystemDevice *sys, void *fdt)
{
  const DioBoardPci pci = {
    .pio = DIO_VIRT_ARM64_PCI_PIO,
    .mmio = DIO_VIRT_ARM64_PCI_MMIO,
    .mmio_size = DIO_VIRT_ARM64_PCI_MMIO_SIZE,
    .mmio64 = DIO_VIRT_ARM64_PCI_MMIO64,
    .mmio64_size = DIO_VIRT_ARM64_PCI_MMIO64_SIZE,
    .cells = { PHANDLE_GIC, 0, 0, GIC_SPI, DIO_VIRT_ARM64_IRQ_PCI, LEVEL_HIGH },
    .n_cells = 6,
    .number = 4,
  };
  /* Messages of all functions go to the ITS, which knows them by their numbers. */
  const fdt32_t msi_map[4] = { 0, cpu_to_fdt32 (PHANDLE_ITS), 0, cpu_to_fdt32 (0x10000) };
  dio_board_describe_pci (fdt, &pci);
  fdt_property (fdt, "msi-map", msi_map, sizeof msi_map);
}

static void
add_devices (DioFdt *fdt, DioVirtArm64 *virt)
{
  virt->gic->phandle = PHANDLE_GIC;
  virt->its->phandle = PHANDLE_ITS;
  virt->gpio->phandle = PHANDLE_GPIO;
  virt->uart->describe_wiring = describe_uart;
  virt->rtc->describe_wiring = describe_rtc;
  virt->gpio->describe_wiring = describe_gpio;
  virt->vmgenid->describe_wiring = describe_vmgenid;
  virt->pci->describe_wiring = describe_pci;
  dio_board_describe_device (fdt, virt->gic);
  dio_board_describe_device (fdt, virt->uart);
  dio_board_describe_device (fdt, virt->rtc);
  dio_board_describe_device (fdt, virt->gpio);
  dio_board_describe_device (fdt, virt->vmgenid);
  dio_board_describe_device (fdt, virt->fw_cfg);
  dio_board_describe_device (fdt, virt->flash);
  dio_board_describe_device (fdt, virt->pci);
}

GBytes *
dio_virt_arm64_build_fdt (DioMachine *machine, DioGpa initrd, uint64_t initrd_size, GError **error)
{
  g_autofree char *serial = g_strdup_printf ("/pl011@%" PRIx64, DIO_VIRT_ARM64_UART);
  DioFdt *fdt = dio_fdt_new ();

  dio_fdt_u32 (fdt, "#address-cells", 2);
  dio_fdt_u32 (fdt, "#size-cells", 2);
  dio_fdt_u32 (fdt, "interrupt-parent", PHANDLE_GIC);
  dio_fdt_string (fdt, "compatible", "linux,dummy-virt");
  dio_fdt_string (fdt, "model", "linux,dummy-virt");
  dio_fdt_empty (fdt, "dma-coherent");
  dio_board_describe_chosen (fdt, machine, serial, initrd, initrd_size);
  dio_board_describe_memory (fdt, machine, DIO_VIRT_ARM64_RAM);
  add_cpus (fdt, machine);
  add_psci (fdt);
  add_timer (fdt);
  add_clock (fdt);
  add_devices (fdt, machine->board_data);
  add_power_key (fdt);
  return dio_fdt_finish (fdt, error);
}
