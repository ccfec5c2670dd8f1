/* SPDX-License-Identifier: GPL-3.0-or-later
 * A port of a console device. Threads: queues and the back-end's callbacks come on the machine's
 * loop. */
#include "hw/virtio/virtio-port.h"

#include <string.h>

#include "core/vm/vm-machine.h"

#define RX_CAPACITY 4096
#define RETRY_NS INT64_C (5000000) /* until a full back-end is asked again */

/* Sends what is left of @element; false when the back-end is full. */
static bool
send_element (DioVirtioPort *port, const DioVirtElement *element)
{
  uint8_t bytes[1024];
  size_t length;

  while ((length = dio_virt_element_read (element, port->tx_offset, bytes, sizeof bytes))) {
    size_t taken = port->chr ? port->chr->ops->write (port->chr, bytes, length) : length;

    port->tx_offset += taken;
    if (taken < length)
      return false;
  }
  port->tx_offset = 0;
  return true;
}

/* A chain that the back-end did not take whole goes back into the ring, so that none is in flight
 * however long that lasts. */
static void
work_tx (DioVirtioPort *port)
{
  DioMachine *machine = port->vdev->pci.dev.machine;
  DioVirtElement *element;

  while ((element = dio_virtio_queue_pop (port->vdev, port->tx_queue))) {
    if (!send_element (port, element)) {
      dio_virtqueue_unpop (&port->vdev->queues[port->tx_queue].ring, element);
      dio_timer_set (port->retry, dio_clock_now (machine->clock) + RETRY_NS);
      return;
    }
    dio_virtio_queue_push (port->vdev, port->tx_queue, element, 0);
  }
}

static void
work_rx (DioVirtioPort *port)
{
  size_t before = port->rx_length;
  DioVirtElement *element;

  while (port->rx_length && (element = dio_virtio_queue_pop (port->vdev, port->rx_queue))) {
    size_t length = dio_virt_element_write (element, 0, port->rx, port->rx_length);

    port->rx_length -= length;
    memmove (port->rx, port->rx + length, port->rx_length);
    dio_virtio_queue_push (port->vdev, port->rx_queue, element, length);
  }
  if (port->rx_length < before && port->chr)
    port->chr->ops->accept_input (port->chr);
}

void
dio_virtio_port_work (DioVirtioPort *port, unsigned queue)
{
  if (queue == port->rx_queue)
    work_rx (port);
  else if (queue == port->tx_queue)
    work_tx (port);
}

static void
retry_cb (void *data)
{
  DioVirtioPort *port = data;

  dio_virtio_queue_kick (port->vdev, port->tx_queue);
}

/* ---- The host's side ---- */

static size_t
can_receive (void *opaque)
{
  DioVirtioPort *port = opaque;
  DioDevice *dev = &port->vdev->pci.dev;
  size_t room;

  pthread_mutex_lock (&dev->lock);
  if (port->deaf)
    room = RX_CAPACITY;
  else
    room = dio_virtio_is_live (port->vdev) ? RX_CAPACITY - port->rx_length : 0;
  pthread_mutex_unlock (&dev->lock);
  return room;
}

static void
receive (void *opaque, const uint8_t *data, size_t length)
{
  DioVirtioPort *port = opaque;
  DioDevice *dev = &port->vdev->pci.dev;

  pthread_mutex_lock (&dev->lock);
  length = port->deaf ? 0 : MIN (length, RX_CAPACITY - port->rx_length);
  memcpy (port->rx + port->rx_length, data, length);
  port->rx_length += length;
  pthread_mutex_unlock (&dev->lock);
  dio_virtio_queue_kick (port->vdev, port->rx_queue);
}

static const DioCharHandlers handlers = {
  .can_receive = can_receive,
  .receive = receive,
};

/* ---- Life ---- */

void
dio_virtio_port_accept (DioVirtioPort *port)
{
  if (port->chr)
    port->chr->ops->accept_input (port->chr);
}

void
dio_virtio_port_set_deaf (DioVirtioPort *port, bool deaf)
{
  port->deaf = deaf;
  if (deaf)
    port->rx_length = 0;
  dio_virtio_port_accept (port);
}

void
dio_virtio_port_reset (DioVirtioPort *port)
{
  port->rx_length = 0;
  port->tx_offset = 0;
}

void
dio_virtio_port_visit (DioVirtioPort *port, DioVisitor *visitor)
{
  uint32_t length = (uint32_t) port->rx_length;

  dio_visit_u64 (visitor, "sent", &port->tx_offset);
  dio_visit_u32 (visitor, "received", &length);
  if (dio_visitor_is_loading (visitor) && length > RX_CAPACITY) {
    dio_visitor_fail (visitor, "%s has received too much", port->vdev->pci.dev.name);
    return;
  }
  dio_visit_bytes (visitor, "input", port->rx, length);
  if (!dio_visitor_failed (visitor))
    port->rx_length = length;
}

void
dio_virtio_port_realize (DioVirtioPort *port, DioVirtioDevice *vdev, unsigned rx_queue,
                         unsigned tx_queue)
{
  DioMachine *machine = vdev->pci.dev.machine;

  port->vdev = vdev;
  port->rx_queue = rx_queue;
  port->tx_queue = tx_queue;
  port->rx = g_malloc0 (RX_CAPACITY);
  port->retry = dio_timer_new (machine->loop, machine->clock, retry_cb, port);
  if (port->chr)
    port->chr->ops->set_handlers (port->chr, machine->loop, &handlers, port);
}

void
dio_virtio_port_finalize (DioVirtioPort *port)
{
  if (port->chr && port->rx)
    port->chr->ops->set_handlers (port->chr, NULL, NULL, NULL);
  g_clear_pointer (&port->retry, dio_timer_free);
  g_clear_pointer (&port->rx, g_free);
}
