/* SPDX-License-Identifier: GPL-3.0-or-later
 * Devices describe themselves: one file, one const DioDeviceType.
 *
 * The descriptor feeds the configuration parser, the settings pages, the documentation and the
 * generated save/load test. Locking: DioDevice.lock guards the device's state; the central I/O
 * dispatch takes it around region ops; loop callbacks take it themselves. Lock order: device lock
 * -> interrupt controller lock -> vCPU. A device never calls another device with its lock held,
 * except through DioIrq/DioMsiTarget. */
#pragma once

#include <pthread.h>

#include "core/base/base-log.h"
#include "core/base/base-loop.h"
#include "core/base/base-pool.h"
#include "core/mem/mem-space.h"
#include "core/state/state-visitor.h"
#include "core/vm/vm-irq.h"

typedef struct DioDevice DioDevice;
typedef struct DioDeviceType DioDeviceType;
typedef struct DioMachine DioMachine;

typedef enum {
  DIO_PROPERTY_BOOL,
  DIO_PROPERTY_UINT,
  DIO_PROPERTY_STRING,
  DIO_PROPERTY_ENUM, /* one of .choices */
} DioPropertyKind;

/* A typed property of a device, settable before it is attached. */
typedef struct {
  const char *name;  /* "size", as in machine.json */
  const char *title; /* N_() */
  DioPropertyKind kind;
  uint64_t minimum, maximum, initial; /* BOOL, UINT */
  const char *initial_string;         /* STRING, ENUM */
  const char *const *choices;         /* ENUM, NULL-terminated */
  size_t offset; /* of a bool, uint64_t or char* (owned by the core) in the instance */
} DioProperty;

typedef enum {
  DIO_BUS_SYSTEM, /* mapped by the board at a fixed address */
  DIO_BUS_PCI,    /* struct starts with DioPciDevice (hw/pci) */
  DIO_BUS_VIRTIO, /* struct starts with DioVirtioDevice (hw/virtio), which is a PCI device too */
} DioBusKind;

struct DioDeviceType {
  const char *id;          /* "virtio-blk": configuration, saved state, documentation */
  const char *title;       /* N_(), for people */
  const char *description; /* N_(), one sentence */
  DioBusKind bus;
  size_t instance_size;
  const DioProperty *properties; /* terminated by name == NULL; may be NULL */

  /* Called once with properties set, before attach to the machine's clock, loop and memory are
   * usable through dev->machine. */
  bool (*realize) (DioDevice *dev, GError **error);
  /* Cold state, as after power-on. Called with dev->lock held and all vCPUs stopped. */
  void (*reset) (DioDevice *dev);
  /* Saves or loads the whole guest-visible state. vCPUs stopped, device drained, lock held. */
  void (*state) (DioDevice *dev, DioVisitor *visitor);
  unsigned state_version;
  /* The version of machines' states (vm-snapshot.c) that has this device first; older ones load
   * without it, and it stays in its cold state. 0: all have it. */
  unsigned since;
  /* After everything was loaded, before the guest runs. @again: the guest may have been here
   * before, as after a revert or in a clone, other than a suspended one that goes on. Lock held.
   * May be NULL. */
  void (*restored) (DioDevice *dev, bool again);
  /* Finishes or cancels host work in flight (block requests), so that nothing changes until
   * resume(). Control thread. May be NULL. */
  void (*drain) (DioDevice *dev);
  void (*resume) (DioDevice *dev);
  /* Between these two, before files of disks are copied: what was written is in them, and no
   * request waits. May be NULL. */
  bool (*settle) (DioDevice *dev, GError **error);
  /* Frees what realize() made; also called after a realize() that failed midway. Machine stopped.
   */
  void (*finalize) (DioDevice *dev);
  /* Adds this device's node to the flattened device tree (libfdt sequential write); system bus
   * devices only. @phandle of the interrupt parent is the board's business. May be NULL. */
  void (*describe_fdt) (DioDevice *dev, void *fdt, int parent_node);
};

struct DioDevice {
  const DioDeviceType *type;
  char *name; /* unique in the machine: "blk0" */
  DioMachine *machine;
  pthread_mutex_t lock;
  DioRateLimit log_limit;
  bool realized; /* realize() was called */
};

/* A new instance with initial property values and an initialised lock; not realized. */
DioDevice *dio_device_new (const DioDeviceType *type, const char *name);

/* Sets a property from text, with range check. Booleans are true/false/on/off/yes/no/1/0; numbers
 * are decimal or 0x hexadecimal, with K, M, G or T for powers of 1024. Before attach. */
bool dio_device_set (DioDevice *dev, const char *property, const char *value, GError **error);

/* Realizes @dev and hands it to @machine, which owns it on success and failure alike. */
bool dio_device_attach (DioDevice *dev, DioMachine *machine, GError **error);

void dio_device_free (DioDevice *dev);

/* Puts the device into its cold state. Takes its lock. */
void dio_device_reset (DioDevice *dev);

/* Visits the device's section, as snapshots do. Takes its lock. */
void dio_device_visit (DioDevice *dev, DioVisitor *visitor);

#define dio_device_guest_error(dev, ...) dio_log_guest (&(dev)->log_limit, (dev)->name, __VA_ARGS__)
