/* SPDX-License-Identifier: GPL-3.0-or-later
 * A machine without CPUs and a virtio-pci driver in the test's own thread: everything goes through
 * configuration space, the BAR and guest memory, as a guest would. */
#pragma once

#include "core/vm/vm-board.h"
#include "core/vm/vm-machine.h"
#include "hw/pci/pci-bus.h"
#include "hw/virtio/virtio-device.h"
#include "tests/hw/virtio/driver-ring.h"

#define BENCH_RAM_BASE UINT64_C (0x80000000)
#define BENCH_RAM_SIZE (UINT64_C (64) << 20)
/* The last half of the RAM is mapped once more, right behind a copy of the first half that is not
 * contiguous with it in host memory: a buffer across this border spans two runs. */
#define BENCH_SPLIT_BASE UINT64_C (0x90000000)
#define BENCH_MMIO UINT64_C (0x40000000)

typedef struct {
  DioMachine *machine;
  DioPciBus *bus;
  DioPool *pool;
  Arena arena;
  bool msi; /* the machine has a target for messages */
  _Atomic bool intx[DIO_PCI_PINS];
  _Atomic unsigned messages[8]; /* by data */
  _Atomic unsigned errors;      /* that the person was told of, unless the host has an event() */
  DioGpa next_bar;
} Bench;

/* @host may be NULL. */
Bench *bench_new (const DioMachineHost *host, bool msi);
void bench_free (Bench *bench);

/* A device of @type with @properties "name=value" (NULL-terminated, may be NULL); @set_up, unless
 * NULL, gives it its host side before it is attached. The machine is not started. */
DioVirtioDevice *bench_add (Bench *bench, const DioDeviceType *type, const char *name,
                            const char *const *properties, void (*set_up) (DioDevice *, void *),
                            void *data);

/* Runs a command and waits for it. */
void bench_run (Bench *bench,
                void (*command) (DioMachine *machine, DioMachineDone done, void *data));

/* Waits until the loop has run what was signalled before. */
void bench_settle (Bench *bench);

typedef struct {
  Bench *bench;
  DioVirtioDevice *vdev;
  DioGpa bar, common, isr, config, notify;
  uint32_t multiplier;
  uint8_t cfg_cap;
  uint64_t features;
  DriverRing rings[DIO_VIRTIO_MAX_QUEUES];
} Driver;

/* Finds the capabilities, maps the BAR, makes the function a bus master. */
void driver_probe (Driver *driver, Bench *bench, DioVirtioDevice *vdev);

uint64_t driver_read (Driver *driver, DioGpa at, unsigned size);
void driver_write (Driver *driver, DioGpa at, unsigned size, uint64_t value);
uint64_t driver_device_features (Driver *driver);
uint8_t driver_status (Driver *driver);
void driver_set_status (Driver *driver, uint8_t status);

/* Resets and waits until the device has done so. */
void driver_reset (Driver *driver);

/* Reset, features (those of @wanted that there are), all queues of at most @size entries,
 * DRIVER_OK.
 */
void driver_start (Driver *driver, uint64_t wanted, uint16_t size);
void driver_enable_queue (Driver *driver, unsigned index, uint16_t size);
void driver_select_queue (Driver *driver, unsigned index);

/* Makes a chain available and notifies if the device wants it. */
int driver_add (Driver *driver, unsigned queue, const Sg *sg, unsigned n, bool indirect);

/* Waits up to 5 s for a used chain; fails the test otherwise. */
int driver_get (Driver *driver, unsigned queue, uint32_t *length);

/* One request with a readable and a writable part (each may be empty): copies in, waits, copies
 * out; returns how much the device wrote. */
uint32_t driver_call (Driver *driver, unsigned queue, const void *out, uint32_t out_size, void *in,
                      uint32_t in_size);

/* Saves @dev, loads it again, saves that: the bytes must be equal. The machine is paused. */
GBytes *bench_save (DioDevice *dev);
bool bench_load (DioDevice *dev, GBytes *bytes);
void bench_round_trip (DioDevice *dev);
