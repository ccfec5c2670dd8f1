/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the common virtio code and its transport share. All with the device's lock held. */
#pragma once

#include "hw/virtio/virtio-device.h"

#define DIO_VIRTIO_NO_VECTOR 0xffff

/* Bits of the interrupt status. */
enum {
  DIO_VIRTIO_ISR_QUEUE = 1,
  DIO_VIRTIO_ISR_CONFIG = 2,
};

/* Transport. */
void dio_virtio_pci_realize (DioVirtioDevice *vdev);
void dio_virtio_pci_finalize (DioVirtioDevice *vdev);
void dio_virtio_pci_reset (DioVirtioDevice *vdev);
void dio_virtio_pci_visit (DioVirtioDevice *vdev, DioVisitor *visitor);
void dio_virtio_pci_interrupt (DioVirtioDevice *vdev, uint16_t vector, unsigned isr_bit);

/* Common code, called by the transport for what the driver writes. */
void dio_virtio_set_status (DioVirtioDevice *vdev, uint8_t value);
void dio_virtio_set_features (DioVirtioDevice *vdev, unsigned word, uint32_t value);
void dio_virtio_set_queue_size (DioVirtioDevice *vdev, DioVirtioQueue *queue, uint16_t size);
void dio_virtio_enable_queue (DioVirtioDevice *vdev, DioVirtioQueue *queue);
void dio_virtio_reset_queue (DioVirtioDevice *vdev, DioVirtioQueue *queue);
