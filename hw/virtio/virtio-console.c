/* SPDX-License-Identifier: GPL-3.0-or-later
 * virtio-console: one port, hvc0 in Linux (virtio 1.3 section 5.3). */
#include <string.h>

#include "core/vm/vm-machine.h"
#include "hw/virtio/virtio-device.h"
#include "hw/virtio/virtio.h"

#define F_EMERG_WRITE (UINT64_C (1) << 2)

#define RX_CAPACITY 4096
#define RETRY_NS INT64_C (5000000) /* until a full back-end is asked again */

enum {
  QUEUE_RX, /* to the guest */
  QUEUE_TX,
};

typedef struct {
  uint16_t cols, rows;
  uint32_t max_nr_ports;
  uint32_t emerg_wr;
} Config;

typedef struct {
  DioVirtioDevice vdev;
  DioChar *chr; /* may be NULL */
  DioTimer *retry;
  uint64_t tx_offset; /* how much of the next chain is sent already */
  uint8_t *rx;        /* waits for the guest's buffers; RX_CAPACITY */
  size_t rx_length;
} DioVirtioConsole;

/* Sends what is left of @element; false when the back-end is full. */
static bool
send_element (DioVirtioConsole *console, const DioVirtElement *element)
{
  uint8_t bytes[1024];
  size_t length;

  while ((length = dio_virt_element_read (element, console->tx_offset, bytes, sizeof bytes))) {
    size_t taken = console->chr ? console->chr->ops->write (console->chr, bytes, length) : length;

    console->tx_offset += taken;
    if (taken < length)
      return false;
  }
  console->tx_offset = 0;
  return true;
}

/* A chain that the back-end did not take whole goes back into the ring, so that none is in flight
 * however long that lasts. */
static void
work_tx (DioVirtioConsole *console)
{
  DioMachine *machine = console->vdev.pci.dev.machine;
  DioVirtElement *element;

  while ((element = dio_virtio_queue_pop (&console->vdev, QUEUE_TX))) {
    if (!send_element (console, element)) {
      dio_virtqueue_unpop (&console->vdev.queues[QUEUE_TX].ring, element);
      dio_timer_set (console->retry, dio_clock_now (machine->clock) + RETRY_NS);
      return;
    }
    dio_virtio_queue_push (&console->vdev, QUEUE_TX, element, 0);
  }
}

static void
work_rx (DioVirtioConsole *console)
{
  size_t before = console->rx_length;
  DioVirtElement *element;

  while (console->rx_length && (element = dio_virtio_queue_pop (&console->vdev, QUEUE_RX))) {
    size_t length = dio_virt_element_write (element, 0, console->rx, console->rx_length);

    console->rx_length -= length;
    memmove (console->rx, console->rx + length, console->rx_length);
    dio_virtio_queue_push (&console->vdev, QUEUE_RX, element, length);
  }
  if (console->rx_length < before && console->chr)
    console->chr->ops->accept_input (console->chr);
}

static void
work (DioVirtioDevice *vdev, unsigned index)
{
  if (index == QUEUE_RX)
    work_rx ((DioVirtioConsole *) vdev);
  else
    work_tx ((DioVirtioConsole *) vdev);
}

static void
retry_cb (void *data)
{
  dio_virtio_queue_kick (data, QUEUE_TX);
}

/* ---- The host's side ---- */

static size_t
can_receive (void *opaque)
{
  DioVirtioConsole *console = opaque;
  DioDevice *dev = &console->vdev.pci.dev;
  size_t room;

  pthread_mutex_lock (&dev->lock);
  room = dio_virtio_is_live (&console->vdev) ? RX_CAPACITY - console->rx_length : 0;
  pthread_mutex_unlock (&dev->lock);
  return room;
}

static void
receive (void *opaque, const uint8_t *data, size_t length)
{
  DioVirtioConsole *console = opaque;
  DioDevice *dev = &console->vdev.pci.dev;

  pthread_mutex_lock (&dev->lock);
  length = MIN (length, RX_CAPACITY - console->rx_length);
  memcpy (console->rx + console->rx_length, data, length);
  console->rx_length += length;
  pthread_mutex_unlock (&dev->lock);
  dio_virtio_queue_kick (&console->vdev, QUEUE_RX);
}

static const DioCharHandlers handlers = {
  .can_receive = can_receive,
  .receive = receive,
};

/* ---- Life ---- */

static void
config_write (DioVirtioDevice *vdev, unsigned offset, unsigned size, uint32_t value)
{
  DioVirtioConsole *console = (DioVirtioConsole *) vdev;
  uint8_t byte = (uint8_t) value;

  /* A single character, for a driver that has no queues yet. */
  if (offset == offsetof (Config, emerg_wr) && console->chr)
    console->chr->ops->write (console->chr, &byte, 1);
}

static void
started (DioVirtioDevice *vdev)
{
  DioVirtioConsole *console = (DioVirtioConsole *) vdev;

  if (console->chr)
    console->chr->ops->accept_input (console->chr);
}

static void
reset (DioVirtioDevice *vdev)
{
  DioVirtioConsole *console = (DioVirtioConsole *) vdev;

  console->rx_length = 0;
  console->tx_offset = 0;
}

static void
visit (DioVirtioDevice *vdev, DioVisitor *visitor)
{
  DioVirtioConsole *console = (DioVirtioConsole *) vdev;
  uint32_t length = (uint32_t) console->rx_length;

  dio_visit_u64 (visitor, "sent", &console->tx_offset);
  dio_visit_u32 (visitor, "received", &length);
  if (dio_visitor_is_loading (visitor) && length > RX_CAPACITY) {
    dio_visitor_fail (visitor, "%s has received too much", vdev->pci.dev.name);
    return;
  }
  dio_visit_bytes (visitor, "input", console->rx, length);
  if (!dio_visitor_failed (visitor))
    console->rx_length = length;
}

static const DioVirtioType virtio_type = {
  .id = 3,
  .class_code = 0x078000,
  .n_queues = 2,
  .queue_size = { 64, 64 },
  .config_size = sizeof (Config),
  .work = work,
  .config_write = config_write,
  .started = started,
  .reset = reset,
  .visit = visit,
};

void
dio_virtio_console_set_char (DioDevice *dev, DioChar *chr)
{
  ((DioVirtioConsole *) dev)->chr = chr;
}

static bool
realize (DioDevice *dev, GError **error)
{
  DioVirtioConsole *console = (DioVirtioConsole *) dev;

  dio_virtio_device_realize (&console->vdev, &virtio_type, F_EMERG_WRITE);
  console->rx = g_malloc0 (RX_CAPACITY);
  console->retry = dio_timer_new (dev->machine->loop, dev->machine->clock, retry_cb, console);
  if (console->chr)
    console->chr->ops->set_handlers (console->chr, dev->machine->loop, &handlers, console);
  return true;
}

static void
resume (DioDevice *dev)
{
  dio_virtio_device_resume (dev);
  started ((DioVirtioDevice *) dev);
}

static void
finalize (DioDevice *dev)
{
  DioVirtioConsole *console = (DioVirtioConsole *) dev;

  if (console->chr && console->rx)
    console->chr->ops->set_handlers (console->chr, NULL, NULL, NULL);
  g_clear_pointer (&console->retry, dio_timer_free);
  dio_virtio_device_finalize (dev);
  g_free (console->rx);
}

static const DioProperty properties[] = {
  DIO_VIRTIO_PROPERTIES,
  { 0 },
};

const DioDeviceType dio_virtio_console_type = {
  .id = "virtio-console",
  .title = N_ ("Console (virtio)"),
  .description = N_ ("A text terminal that the guest reaches through virtio."),
  .bus = DIO_BUS_VIRTIO,
  .instance_size = sizeof (DioVirtioConsole),
  .properties = properties,
  .realize = realize,
  .reset = dio_virtio_device_reset,
  .state = dio_virtio_device_visit,
  .state_version = 1,
  .drain = dio_virtio_device_drain,
  .resume = resume,
  .finalize = finalize,
};
