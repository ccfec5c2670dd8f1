/* SPDX-License-Identifier: GPL-3.0-or-later
 * Devices that a board maps at fixed addresses: what DIO_BUS_SYSTEM devices start with.
 *
 * realize() declares register blocks and outgoing interrupt lines; the board then maps and connects
 * them by number. */
#pragma once

#include "core/vm/vm-device.h"

#define DIO_SYSTEM_MAX_REGIONS 4

typedef struct DioSystemDevice DioSystemDevice;

struct DioSystemDevice {
  DioDevice dev;
  DioRegion regions[DIO_SYSTEM_MAX_REGIONS];
  unsigned n_regions;
  DioGpa addresses[DIO_SYSTEM_MAX_REGIONS]; /* of mapped regions */
  bool mapped[DIO_SYSTEM_MAX_REGIONS];
  DioIrq *irqs; /* outgoing lines */
  unsigned n_irqs;

  /* Set by the board, for the device tree. */
  uint32_t source;  /* of line 0 at the main interrupt controller; 0: not connected there */
  uint32_t phandle; /* 0: none */
  void (*describe_wiring) (DioSystemDevice *sys, void *fdt); /* further properties; may be NULL */
};

/* From realize(): one more block of registers (at most DIO_SYSTEM_MAX_REGIONS), or the outgoing
 * lines. With @lock the dispatch holds the device's lock around @ops. */
void dio_system_device_add_region (DioSystemDevice *sys, const char *name, const DioRegionOps *ops,
                                   uint64_t size, bool lock);
void dio_system_device_set_irqs (DioSystemDevice *sys, unsigned count);

/* From boards, after attach. mapping fails when something is there already. */
bool dio_system_device_map (DioSystemDevice *sys, unsigned region, DioGpa address, GError **error);
void dio_system_device_connect (DioSystemDevice *sys, unsigned line, DioIrq irq);

/* For describe_fdt() (libfdt sequential write): opens the node NAME@ADDRESS and writes "compatible"
 * (@compatible holds @compatible_size bytes: one or more strings with their NULs), "reg" of region
 * 0 (two cells each) and what the board chose: "interrupts", "phandle", properties of its own. The
 * caller adds the device's and closes with fdt_end_node(). */
void dio_system_device_begin_fdt_node (DioSystemDevice *sys, void *fdt, const char *name,
                                       const char *compatible, size_t compatible_size);

/* Common part of finalize(): unmaps. */
void dio_system_device_finalize (DioSystemDevice *sys);
