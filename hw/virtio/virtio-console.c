/* SPDX-License-Identifier: GPL-3.0-or-later
 * virtio-console: one port, hvc0 in Linux (virtio 1.3 section 5.3). */
#include "hw/virtio/virtio-port.h"
#include "hw/virtio/virtio.h"

#define F_EMERG_WRITE (UINT64_C (1) << 2)

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
  DioVirtioPort port;
} DioVirtioConsole;

static void
work (DioVirtioDevice *vdev, unsigned index)
{
  dio_virtio_port_work (&((DioVirtioConsole *) vdev)->port, index);
}

static void
config_write (DioVirtioDevice *vdev, unsigned offset, unsigned size, uint32_t value)
{
  DioVirtioConsole *console = (DioVirtioConsole *) vdev;
  uint8_t byte = (uint8_t) value;

  /* A single character, for a driver that has no queues yet. */
  if (offset == offsetof (Config, emerg_wr) && console->port.chr)
    console->port.chr->ops->write (console->port.chr, &byte, 1);
}

static void
started (DioVirtioDevice *vdev)
{
  dio_virtio_port_accept (&((DioVirtioConsole *) vdev)->port);
}

static void
reset (DioVirtioDevice *vdev)
{
  dio_virtio_port_reset (&((DioVirtioConsole *) vdev)->port);
}

static void
visit (DioVirtioDevice *vdev, DioVisitor *visitor)
{
  dio_virtio_port_visit (&((DioVirtioConsole *) vdev)->port, visitor);
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
  ((DioVirtioConsole *) dev)->port.chr = chr;
}

static bool
realize (DioDevice *dev, GError **error)
{
  DioVirtioConsole *console = (DioVirtioConsole *) dev;

  dio_virtio_device_realize (&console->vdev, &virtio_type, F_EMERG_WRITE);
  dio_virtio_port_realize (&console->port, &console->vdev, QUEUE_RX, QUEUE_TX);
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
  dio_virtio_port_finalize (&((DioVirtioConsole *) dev)->port);
  dio_virtio_device_finalize (dev);
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
