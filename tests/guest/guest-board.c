/* SPDX-License-Identifier: GPL-3.0-or-later
 * A board for bare-metal programs: RAM, harts and the few devices that the programs use, at the
 * addresses of the board virt. */
#include "tests/guest/guest-board.h"

#include "core/base/base-error.h"
#include "core/guest/riscv64/riscv64-cpu.h"
#include "hw/irq/plic.h"
#include "hw/serial/ns16550.h"
#include "hw/system-device.h"

#define RAM_BASE UINT64_C (0x80000000)
#define UART_SOURCE 10

/* By name and not through dio_hw_devices: the programs need no more than these. */
extern const DioDeviceType dio_aclint_type, dio_syscon_type;

static DioDevice *
add (DioMachine *machine, const DioDeviceType *type, DioGpa address, GError **error)
{
  DioDevice *dev = dio_device_new (type, type->id);
  for (const DioProperty *property = type->properties; property && property->name; property++)
    if (g_str_equal (property->name, "harts")) {
      g_autofree char *harts = g_strdup_printf ("%u", machine->n_cpus);
      g_assert (dio_device_set (dev, "harts", harts, NULL));
    }
  if (!dio_device_attach (dev, machine, error)
      || !dio_system_device_map ((DioSystemDevice *) dev, 0, address, error))
    return NULL;
  return dev;
}

static void
connect (DioMachine *machine, DioDevice *dev, unsigned first, unsigned second)
{
  for (unsigned i = 0; i < machine->n_cpus; i++) {
    dio_system_device_connect ((DioSystemDevice *) dev, 2 * i, dio_rv_irq (machine, i, first));
    dio_system_device_connect ((DioSystemDevice *) dev, 2 * i + 1, dio_rv_irq (machine, i, second));
  }
}

static bool
build (DioMachine *machine, GError **error)
{
  machine->ram = dio_ram_new (machine->config->memory, "guest-test", error);
  if (!machine->ram)
    return false;
  dio_space_map_ram (machine->space, RAM_BASE, machine->ram, 0, machine->ram->size, false);
  if (!dio_machine_add_cpus (machine, &dio_cpu_riscv64, machine->config->cpus, error))
    return false;
  DioDevice *plic = add (machine, &dio_plic_type, 0x0c000000, error);
  DioDevice *aclint = plic ? add (machine, &dio_aclint_type, 0x02000000, error) : NULL;
  DioDevice *uart = aclint ? add (machine, &dio_ns16550_type, 0x10000000, error) : NULL;
  if (!uart || !add (machine, &dio_syscon_type, 0x00100000, error))
    return false;
  connect (machine, plic, DIO_RV_IRQ_MEIP, DIO_RV_IRQ_SEIP);
  connect (machine, aclint, DIO_RV_IRQ_MSIP, DIO_RV_IRQ_MTIP);
  dio_system_device_connect ((DioSystemDevice *) uart, 0, dio_plic_get_input (plic, UART_SOURCE));
  dio_ns16550_set_char (uart, machine->host.serial);
  return true;
}

static bool
load (DioMachine *machine, GError **error)
{
  g_autofree char *image = NULL;
  gsize length;
  if (!g_file_get_contents (machine->config->firmware, &image, &length, error))
    return false;
  if (!dio_dma_write (machine->space, RAM_BASE, image, length)) {
    g_set_error_literal (error, DIO_ERROR, DIO_ERROR_FORMAT, "The program does not fit");
    return false;
  }
  for (unsigned i = 0; i < machine->n_cpus; i++)
    dio_rv_set_entry (machine->cpus[i], RAM_BASE, i, 0, 0);
  return true;
}

const DioBoardType guest_board = {
  .id = "guest",
  .title = "Board for tests",
  .arch = DIO_ARCH_RISCV64,
  .cpu = &dio_cpu_riscv64,
  .minimum_memory = 1 << 20,
  .maximum_memory = UINT64_C (1) << 32,
  .maximum_cpus = 8,
  .build = build,
  .load = load,
};
