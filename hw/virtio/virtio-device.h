/* SPDX-License-Identifier: GPL-3.0-or-later
 * Virtio devices: what a device type declares, and what the common code does for it.
 *
 * A virtio device is one object: its head is the PCI function that carries it (virtio-pci.c), so
 * one lock, one section of saved state and one life-time serve both. To make one:
 *
 *   DioDevice *dev = dio_device_new (&dio_virtio_blk_type, "blk0");
 *   dio_virtio_blk_set_block (dev, block);
 *   dio_pci_bus_plug (bus, (DioPciDevice *) dev, -1, error) && dio_device_attach (dev, machine,
 * ...)
 *
 * Threads: register accesses come on vCPU threads; queues are worked on the machine's loop only, as
 * a notification just signals a DioNotifier. Every hook below runs with DioDevice.lock held. */
#pragma once

#include "core/base/base-i18n.h"
#include "hw/pci/pci-device.h"
#include "hw/virtio/virtio-queue.h"

typedef struct DioVirtioDevice DioVirtioDevice;

#define DIO_VIRTIO_MAX_QUEUES 8
#define DIO_VIRTIO_MAX_CONFIG 256

/* Device status bits (virtio 1.3 section 2.1). */
enum {
  DIO_VIRTIO_ACKNOWLEDGE = 1,
  DIO_VIRTIO_DRIVER = 2,
  DIO_VIRTIO_DRIVER_OK = 4,
  DIO_VIRTIO_FEATURES_OK = 8,
  DIO_VIRTIO_NEEDS_RESET = 64,
  DIO_VIRTIO_FAILED = 128,
};

/* What a kind of virtio device is. Static const. */
typedef struct {
  uint16_t id;         /* virtio device id: 2 is a block device */
  uint32_t class_code; /* PCI: class << 16 | subclass << 8 | interface */
  unsigned n_queues;
  uint16_t queue_size[DIO_VIRTIO_MAX_QUEUES]; /* largest size of each; powers of two */
  size_t config_size;                         /* of the device-specific configuration */

  /* Work on queue @index: pop, do, push, until pop() gives NULL. Loop thread. */
  void (*work) (DioVirtioDevice *vdev, unsigned index);
  /* The driver wrote [offset, offset + size) of the configuration; the bytes are not stored
   * unless the hook does so. NULL: read-only. */
  void (*config_write) (DioVirtioDevice *vdev, unsigned offset, unsigned size, uint32_t value);
  /* DRIVER_OK was set. May be NULL. */
  void (*started) (DioVirtioDevice *vdev);
  /* Back to cold state, nothing in flight any more. May be NULL. */
  void (*reset) (DioVirtioDevice *vdev);
  /* The device's own part of the saved state, after the common part. May be NULL. */
  void (*visit) (DioVirtioDevice *vdev, DioVisitor *visitor);
} DioVirtioType;

typedef struct {
  DioVirtioDevice *vdev;
  unsigned index;
  DioVirtQueue ring;
  uint16_t msix_vector;
  bool resetting; /* by queue_reset, waiting for what is in flight */
  DioNotifier *notifier;
} DioVirtioQueue;

/* Head of every virtio device's instance struct. */
struct DioVirtioDevice {
  DioPciDevice pci;
  const DioVirtioType *type;
  bool packed; /* property: offer packed rings */

  uint64_t offered;    /* features */
  uint64_t negotiated; /* what the driver wrote; final with FEATURES_OK */
  uint8_t status;
  bool resetting; /* the driver wrote status 0; waits for what is in flight */
  bool drained;   /* between drain() and resume() */
  uint8_t config_generation;
  uint8_t config[DIO_VIRTIO_MAX_CONFIG];
  DioVirtioQueue queues[DIO_VIRTIO_MAX_QUEUES];

  /* Transport. */
  uint16_t config_vector, queue_select;
  uint32_t device_feature_select, driver_feature_select;
  pthread_mutex_t isr_lock; /* leaf: .isr and the INTx level change together */
  uint8_t isr;
  DioRegion region;
  uint8_t cfg_access; /* offset of the capability for access through configuration space */
};

/* Properties that every virtio device has; first in its list. */
/* clang-format off */
#define DIO_VIRTIO_PROPERTIES                                                                     \
  {                                                                                               \
      .name = "packed",                                                                           \
      .title = N_ ("Packed rings"),                                                               \
      .kind = DIO_PROPERTY_BOOL,                                                                  \
      .maximum = 1,                                                                               \
      .initial = 1,                                                                               \
      .offset = offsetof (DioVirtioDevice, packed),                                               \
  }
/* clang-format on */

/* To be called first by the device type's realize(), finalize(). @features: those of the device's
 * own kind; ring features are added here. The device then fills vdev->config. */
void dio_virtio_device_realize (DioVirtioDevice *vdev, const DioVirtioType *type,
                                uint64_t features);
void dio_virtio_device_finalize (DioDevice *dev);

/* For the device type's reset, state, drain, resume: whole implementations. */
void dio_virtio_device_reset (DioDevice *dev);
void dio_virtio_device_visit (DioDevice *dev, DioVisitor *visitor);
void dio_virtio_device_drain (DioDevice *dev);
void dio_virtio_device_resume (DioDevice *dev);

/* True when the driver negotiated every bit of @features. Lock held. */
static inline bool
dio_virtio_has (const DioVirtioDevice *vdev, uint64_t features)
{
  return (vdev->negotiated & features) == features;
}

/* True when queues may be worked: DRIVER_OK, not broken, not drained, not being reset, and the
 * function is a bus master. Lock held. */
bool dio_virtio_is_live (DioVirtioDevice *vdev);

/* Runs the work hook of queue @index on the loop soon. Any thread, with or without the lock. */
void dio_virtio_queue_kick (DioVirtioDevice *vdev, unsigned index);

/* The next chain of a queue, or NULL; a broken queue breaks the device. Lock held. */
DioVirtElement *dio_virtio_queue_pop (DioVirtioDevice *vdev, unsigned index);

/* Gives a chain back, or, when the queue is being reset, drops it and goes on with the reset.
 * Interrupts are sent after the work hook; outside of it call dio_virtio_queue_flush(). Lock held.
 */
void dio_virtio_queue_push (DioVirtioDevice *vdev, unsigned index, DioVirtElement *element,
                            uint64_t written);
void dio_virtio_queue_flush (DioVirtioDevice *vdev, unsigned index);

/* The device changed vdev->config: new generation, and an interrupt if the driver is up. */
void dio_virtio_config_changed (DioVirtioDevice *vdev);

/* The driver did what it must not: DEVICE_NEEDS_RESET, and no more work until then. Lock held. */
void dio_virtio_device_break (DioVirtioDevice *vdev, const char *reason);
