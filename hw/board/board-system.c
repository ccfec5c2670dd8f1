/* SPDX-License-Identifier: GPL-3.0-or-later
 * What boards do alike. */
#include "hw/board/board-system.h"

#include <inttypes.h>
#include <libfdt.h>
#include <sys/random.h>

#include "core/vm/vm-machine.h"
#include "hw/board/board-virtio.h"
#include "hw/pci/pci-host-ecam.h"

/* PCI address spaces in "ranges". */
enum {
  SPACE_IO = 0x01000000,
  SPACE_MEMORY32 = 0x02000000,
  SPACE_MEMORY64 = 0x03000000,
};

/* ---- System devices ---- */

DioSystemDevice *
dio_board_attach (DioMachine *machine, DioDevice *dev, DioGpa address, GError **error)
{
  DioSystemDevice *sys = (DioSystemDevice *) dev;

  if (!dio_device_attach (dev, machine, error) || !dio_system_device_map (sys, 0, address, error))
    return NULL;
  return sys;
}

DioSystemDevice *
dio_board_add (DioMachine *machine, const char *id, const char *name, DioGpa address,
               GError **error)
{
  const DioDeviceType *type = dio_board_find_type (machine, id, error);
  return type ? dio_board_attach (machine, dio_device_new (type, name), address, error) : NULL;
}

/* ---- Device trees ---- */

void
dio_board_append_cells (GArray *array, const uint32_t *cells, unsigned count)
{
  for (unsigned i = 0; i < count; i++) {
    fdt32_t cell = cpu_to_fdt32 (cells[i]);
    g_array_append_val (array, cell);
  }
}

void
dio_board_write_cells (void *fdt, const char *name, GArray *cells)
{
  fdt_property (fdt, name, cells->data, (int) (cells->len * sizeof (fdt32_t)));
}

void
dio_board_describe_chosen (DioFdt *fdt, DioMachine *machine, const char *console, DioGpa initrd,
                           uint64_t initrd_size)
{
  uint8_t seed[32];

  dio_fdt_begin (fdt, "chosen");
  dio_fdt_string (fdt, "stdout-path", console);
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

void
dio_board_describe_memory (DioFdt *fdt, DioMachine *machine, DioGpa base)
{
  dio_fdt_begin (fdt, "memory@%" PRIx64, base);
  dio_fdt_string (fdt, "device_type", "memory");
  dio_fdt_reg (fdt, "reg", 1, base, machine->config->memory & ~DIO_PAGE_MASK);
  dio_fdt_end (fdt);
}

void
dio_board_describe_device (DioFdt *fdt, DioSystemDevice *sys)
{
  sys->dev.type->describe_fdt (&sys->dev, dio_fdt_raw (fdt), 0);
}

static void
append_range (GArray *cells, uint32_t space, DioGpa pci, DioGpa cpu, uint64_t size)
{
  dio_board_append_cells (cells,
                          (uint32_t[]){ space, pci >> 32, (uint32_t) pci, cpu >> 32, (uint32_t) cpu,
                                        size >> 32, (uint32_t) size },
                          7);
}

/* The swizzle repeats every four slots: two bits of the slot number decide. */
static void
append_interrupt (GArray *map, const DioBoardPci *pci, unsigned slot, unsigned pin)
{
  uint32_t cells[G_N_ELEMENTS (pci->cells)];

  for (unsigned i = 0; i < pci->n_cells; i++)
    cells[i] = pci->cells[i] + (i == pci->number ? (slot + pin) % DIO_PCI_PINS : 0);
  dio_board_append_cells (map, (uint32_t[]){ slot << 11, 0, 0, pin + 1 }, 4);
  dio_board_append_cells (map, cells, pci->n_cells);
}

void
dio_board_describe_pci (void *fdt, const DioBoardPci *pci)
{
  g_autoptr (GArray) ranges = g_array_new (FALSE, FALSE, sizeof (fdt32_t));
  g_autoptr (GArray) map = g_array_new (FALSE, FALSE, sizeof (fdt32_t));
  g_autoptr (GArray) mask = g_array_new (FALSE, FALSE, sizeof (fdt32_t));

  append_range (ranges, SPACE_IO, 0, pci->pio, DIO_PCI_HOST_PIO_SIZE);
  append_range (ranges, SPACE_MEMORY32, pci->mmio, pci->mmio, pci->mmio_size);
  append_range (ranges, SPACE_MEMORY64, pci->mmio64, pci->mmio64, pci->mmio64_size);
  dio_board_write_cells (fdt, "ranges", ranges);
  for (unsigned slot = 0; slot < DIO_PCI_PINS; slot++)
    for (unsigned pin = 0; pin < DIO_PCI_PINS; pin++)
      append_interrupt (map, pci, slot, pin);
  dio_board_write_cells (fdt, "interrupt-map", map);
  dio_board_append_cells (mask, (uint32_t[]){ 3 << 11, 0, 0, 7 }, 4);
  dio_board_write_cells (fdt, "interrupt-map-mask", mask);
}
