/* SPDX-License-Identifier: GPL-3.0-or-later
 * What boards do alike: system devices at their places, and parts of device trees. */
#pragma once

#include "core/boot/boot-fdt.h"
#include "hw/system-device.h"

/* Attaches a system device (owned by @machine in any case); its first region goes to @address. */
DioSystemDevice *dio_board_attach (DioMachine *machine, DioDevice *dev, DioGpa address,
                                   GError **error);
/* The same for a new device of the type called @id. */
DioSystemDevice *dio_board_add (DioMachine *machine, const char *id, const char *name,
                                DioGpa address, GError **error);

/* Cells of a property that are collected in a GArray of fdt32_t; into the node that is open. */
void dio_board_append_cells (GArray *array, const uint32_t *cells, unsigned count);
void dio_board_write_cells (void *fdt, const char *name, GArray *cells);

/* The node "chosen": console, command line, initrd (@initrd_size 0: none), seed. */
void dio_board_describe_chosen (DioFdt *fdt, DioMachine *machine, const char *console,
                                DioGpa initrd, uint64_t initrd_size);
/* The node of the RAM at @base. */
void dio_board_describe_memory (DioFdt *fdt, DioMachine *machine, DioGpa base);
/* The node of a device, which writes it itself. */
void dio_board_describe_device (DioFdt *fdt, DioSystemDevice *sys);

/* The windows and interrupts of a PCI host. */
typedef struct {
  DioGpa pio, mmio, mmio64;
  uint64_t mmio_size, mmio64_size;
  /* An interrupt at the parent, of pin A of slot 0: phandle, address and specifier; the number of
   * the interrupt is in cells[number]. */
  uint32_t cells[8];
  unsigned n_cells, number;
} DioBoardPci;

/* "ranges", "interrupt-map" and its mask, into the host's open node. */
void dio_board_describe_pci (void *fdt, const DioBoardPci *pci);
