/* SPDX-License-Identifier: GPL-3.0-or-later
 * A port: the stream between two queues of a console device (virtio 1.3 section 5.3) and a
 * character back-end. */
#pragma once

#include "core/backend/backend-char.h"
#include "hw/virtio/virtio-device.h"

typedef struct {
  DioVirtioDevice *vdev;
  unsigned rx_queue, tx_queue; /* to the guest, from the guest */
  DioChar *chr;                /* may be NULL; borrowed */
  DioTimer *retry;
  uint64_t tx_offset; /* how much of the next chain is sent already */
  uint8_t *rx;        /* waits for the guest's buffers */
  size_t rx_length;
  bool deaf; /* nobody in the guest listens: what comes is taken and forgotten */
} DioVirtioPort;

/* Called by the device's realize(), finalize(). .chr was set before. */
void dio_virtio_port_realize (DioVirtioPort *port, DioVirtioDevice *vdev, unsigned rx_queue,
                              unsigned tx_queue);
void dio_virtio_port_finalize (DioVirtioPort *port);

/* For the device's hooks. Lock held. */
void dio_virtio_port_work (DioVirtioPort *port, unsigned queue);
void dio_virtio_port_reset (DioVirtioPort *port);
void dio_virtio_port_visit (DioVirtioPort *port, DioVisitor *visitor);

/* The guest can take bytes again, or listens or does not listen any more. Lock held. */
void dio_virtio_port_accept (DioVirtioPort *port);
void dio_virtio_port_set_deaf (DioVirtioPort *port, bool deaf);
