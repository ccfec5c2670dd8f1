/* SPDX-License-Identifier: GPL-3.0-or-later
 * Boards for bare-metal programs: RAM, CPUs and the few devices that the programs use, at the
 * addresses of the boards "virt". */
#include "tests/guest/guest-board.h"

#include "core/base/base-error.h"
#include "core/guest/arm64/arm64-cpu.h"
#include "core/guest/riscv64/riscv64-cpu.h"
#include "hw/board/virt-arm64.h"
#include "hw/irq/gicv3-its.h"
#include "hw/irq/gicv3.h"
#include "hw/irq/plic.h"
#include "hw/serial/ns16550.h"
#include "hw/serial/pl011.h"
#include "hw/system-device.h"

#define RISCV64_RAM UINT64_C (0x80000000)
#define RISCV64_UART_SOURCE 10
#define SYSCON UINT64_C (0x100000)

/* By name and not through dio_hw_devices: the programs need no more than these. */
extern const DioDeviceType dio_aclint_type, dio_syscon_type;

/* ---- What both do ---- */

static DioDevice *
add (DioMachine *machine, const DioDeviceType *type, DioGpa address, GError **error)
{
  DioDevice *dev = dio_device_new (type, type->id);
  for (const DioProperty *property = type->properties; property && property->name; property++)
    if (g_str_equal (property->name, "harts") || g_str_equal (property->name, "cpus")) {
      g_autofree char *cpus = g_strdup_printf ("%u", machine->n_cpus);
      g_assert (dio_device_set (dev, property->name, cpus, NULL));
    }
  if (!dio_device_attach (dev, machine, error)
      || !dio_system_device_map ((DioSystemDevice *) dev, 0, address, error))
    return NULL;
  return dev;
}

static bool
add_ram (DioMachine *machine, DioGpa base, GError **error)
{
  machine->ram = dio_ram_new (machine->config->memory, "guest-test", error);
  if (!machine->ram)
    return false;
  dio_space_map_ram (machine->space, base, machine->ram, 0, machine->ram->size, false);
  return true;
}

static bool
load (DioMachine *machine, DioGpa base, GError **error)
{
  g_autofree char *image = NULL;
  gsize length;
  if (!g_file_get_contents (machine->config->firmware, &image, &length, error))
    return false;
  if (!dio_dma_write (machine->space, base, image, length)) {
    g_set_error_literal (error, DIO_ERROR, DIO_ERROR_FORMAT, "The program does not fit");
    return false;
  }
  return true;
}

/* ---- riscv64 ---- */

static void
connect_harts (DioMachine *machine, DioDevice *dev, unsigned first, unsigned second)
{
  for (unsigned i = 0; i < machine->n_cpus; i++) {
    dio_system_device_connect ((DioSystemDevice *) dev, 2 * i, dio_rv_irq (machine, i, first));
    dio_system_device_connect ((DioSystemDevice *) dev, 2 * i + 1, dio_rv_irq (machine, i, second));
  }
}

static bool
build_riscv64 (DioMachine *machine, GError **error)
{
  if (!add_ram (machine, RISCV64_RAM, error)
      || !dio_machine_add_cpus (machine, &dio_cpu_riscv64, machine->config->cpus, error))
    return false;
  DioDevice *plic = add (machine, &dio_plic_type, 0x0c000000, error);
  DioDevice *aclint = plic ? add (machine, &dio_aclint_type, 0x02000000, error) : NULL;
  DioDevice *uart = aclint ? add (machine, &dio_ns16550_type, 0x10000000, error) : NULL;
  if (!uart || !add (machine, &dio_syscon_type, SYSCON, error))
    return false;
  connect_harts (machine, plic, DIO_RV_IRQ_MEIP, DIO_RV_IRQ_SEIP);
  connect_harts (machine, aclint, DIO_RV_IRQ_MSIP, DIO_RV_IRQ_MTIP);
  dio_system_device_connect ((DioSystemDevice *) uart, 0,
                             dio_plic_get_input (plic, RISCV64_UART_SOURCE));
  dio_ns16550_set_char (uart, machine->host.serial);
  return true;
}

static bool
load_riscv64 (DioMachine *machine, GError **error)
{
  if (!load (machine, RISCV64_RAM, error))
    return false;
  for (unsigned i = 0; i < machine->n_cpus; i++)
    dio_rv_set_entry (machine->cpus[i], RISCV64_RAM, i, 0, 0);
  return true;
}

const DioBoardType guest_board_riscv64 = {
  .id = "guest",
  .title = "Board for tests",
  .arch = DIO_ARCH_RISCV64,
  .cpu = &dio_cpu_riscv64,
  .minimum_memory = 1 << 20,
  .maximum_memory = UINT64_C (1) << 32,
  .maximum_cpus = 8,
  .build = build_riscv64,
  .load = load_riscv64,
};

/* ---- arm64 ---- */

static void
connect_cpu (DioMachine *machine, DioDevice *gic, unsigned index)
{
  DioArm64 *cpu = DIO_ARM64 (machine->cpus[index]);
  DioSystemDevice *sys = (DioSystemDevice *) gic;
  for (unsigned line = 0; line < 2; line++)
    dio_system_device_connect (sys, 2 * index + line, dio_a64_irq (machine, index, line));
  cpu->interface = &dio_gicv3_cpu_interface;
  cpu->interface_opaque = gic;
  cpu->timers[DIO_A64_TIMER_VIRTUAL].irq =
      dio_gicv3_get_ppi (gic, index, DIO_VIRT_ARM64_PPI_VIRTUAL_TIMER);
  cpu->timers[DIO_A64_TIMER_PHYSICAL].irq =
      dio_gicv3_get_ppi (gic, index, DIO_VIRT_ARM64_PPI_PHYSICAL_TIMER);
}

static bool
build_arm64 (DioMachine *machine, GError **error)
{
  if (!add_ram (machine, DIO_VIRT_ARM64_RAM, error)
      || !dio_machine_add_cpus (machine, &dio_cpu_arm64, machine->config->cpus, error))
    return false;
  DioDevice *gic = add (machine, &dio_gicv3_type, DIO_VIRT_ARM64_GIC, error);
  if (!gic
      || !dio_system_device_map ((DioSystemDevice *) gic, 1, DIO_VIRT_ARM64_GIC_REDISTRIBUTORS,
                                 error))
    return false;
  for (unsigned i = 0; i < machine->n_cpus; i++)
    connect_cpu (machine, gic, i);
  DioDevice *its = add (machine, &dio_gicv3_its_type, DIO_VIRT_ARM64_GIC_ITS, error);
  if (!its)
    return false;
  dio_gicv3_its_connect (its, gic);
  DioDevice *uart = add (machine, &dio_pl011_type, DIO_VIRT_ARM64_UART, error);
  if (!uart || !add (machine, &dio_syscon_type, SYSCON, error))
    return false;
  dio_system_device_connect ((DioSystemDevice *) uart, 0,
                             dio_gicv3_get_spi (gic, DIO_VIRT_ARM64_IRQ_UART));
  dio_pl011_set_char (uart, machine->host.serial);
  return true;
}

static bool
load_arm64 (DioMachine *machine, GError **error)
{
  if (!load (machine, DIO_VIRT_ARM64_RAM, error))
    return false;
  dio_a64_set_entry (machine->cpus[0], DIO_VIRT_ARM64_RAM, 0);
  return true;
}

const DioBoardType guest_board_arm64 = {
  .id = "guest",
  .title = "Board for tests",
  .arch = DIO_ARCH_ARM64,
  .cpu = &dio_cpu_arm64,
  .minimum_memory = 1 << 20,
  .maximum_memory = UINT64_C (1) << 32,
  .maximum_cpus = 8,
  .build = build_arm64,
  .load = load_arm64,
};

const DioBoardType *
guest_board_find (const char *name)
{
  if (g_str_equal (name, "riscv64"))
    return &guest_board_riscv64;
  if (g_str_equal (name, "arm64"))
    return &guest_board_arm64;
  g_printerr ("%s is no guest architecture\n", name);
  return NULL;
}
