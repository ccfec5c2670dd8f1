/* SPDX-License-Identifier: GPL-3.0-or-later
 * virtio-serial: a console device with several ports (virtio 1.3 section 5.3) and no console. Port
 * 0 exists for drivers that know one port only and leads nowhere; port 1 has a name, by which the
 * guest agent finds it.
 *
 * What is told the driver is kept as a set, not as a queue: a driver that asks a thousand times is
 * answered once. */
#include <string.h>

#include "hw/virtio/virtio-port.h"
#include "hw/virtio/virtio.h"

#define F_MULTIPORT (UINT64_C (1) << 1)

#define AGENT 1 /* number of its port */
#define AGENT_NAME "org.qemu.guest_agent.0"

enum {
  QUEUE_RX0, /* to the guest */
  QUEUE_TX0,
  QUEUE_CONTROL_RX,
  QUEUE_CONTROL_TX,
  QUEUE_RX1,
  QUEUE_TX1,
  N_QUEUES,
};

typedef struct {
  uint16_t cols, rows;
  uint32_t max_nr_ports;
  uint32_t emerg_wr;
} Config;

/* Control messages, little-endian; a name follows the message of that kind. */
typedef struct {
  uint32_t id;
  uint16_t event;
  uint16_t value;
} Control;

enum {
  DEVICE_READY,
  DEVICE_ADD,
  DEVICE_REMOVE,
  PORT_READY,
  CONSOLE_PORT,
  RESIZE,
  PORT_OPEN,
  PORT_NAME,
};

/* What the driver has to be told of the agent's port, in this order. */
enum {
  TELL_ADD = 1,
  TELL_NAME = 2,
  TELL_OPEN = 4,
  TELL_ALL = 7,
};

typedef struct {
  DioVirtioDevice vdev;
  DioVirtioPort nothing, agent;
  uint8_t tell;
} DioVirtioSerial;

/* ---- Control ---- */

/* The next message for the driver; 0 when there is none. */
static size_t
next_message (DioVirtioSerial *serial, uint8_t message[static sizeof (Control) + 64])
{
  static const struct {
    uint8_t bit;
    uint16_t event;
    const char *name;
  } kinds[] = {
    { TELL_ADD, DEVICE_ADD, "" },
    { TELL_NAME, PORT_NAME, AGENT_NAME },
    { TELL_OPEN, PORT_OPEN, "" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (kinds); i++) {
    Control control = { GUINT32_TO_LE (AGENT), GUINT16_TO_LE (kinds[i].event), GUINT16_TO_LE (1) };
    size_t length = strlen (kinds[i].name);

    if (!(serial->tell & kinds[i].bit))
      continue;
    serial->tell &= (uint8_t) ~kinds[i].bit;
    memcpy (message, &control, sizeof control);
    memcpy (message + sizeof control, kinds[i].name, length);
    return sizeof control + length;
  }
  return 0;
}

static void
work_control_rx (DioVirtioSerial *serial)
{
  uint8_t message[sizeof (Control) + 64];
  DioVirtElement *element;

  while (serial->tell && (element = dio_virtio_queue_pop (&serial->vdev, QUEUE_CONTROL_RX))) {
    size_t length = next_message (serial, message);

    dio_virtio_queue_push (&serial->vdev, QUEUE_CONTROL_RX, element,
                           dio_virt_element_write (element, 0, message, length));
  }
}

static void
handle_control (DioVirtioSerial *serial, const Control *control)
{
  uint32_t id = GUINT32_FROM_LE (control->id);
  bool value = GUINT16_FROM_LE (control->value);

  switch (GUINT16_FROM_LE (control->event)) {
  case DEVICE_READY:
    if (value)
      serial->tell = TELL_ADD;
    break;
  case PORT_READY:
    if (value && id == AGENT)
      serial->tell |= TELL_NAME | TELL_OPEN;
    break;
  case PORT_OPEN:
    if (id == AGENT)
      dio_virtio_port_set_deaf (&serial->agent, !value);
    break;
  default:
    dio_device_guest_error (&serial->vdev.pci.dev, "ignores the control message %u of port %u",
                            GUINT16_FROM_LE (control->event), id);
  }
}

static void
work_control_tx (DioVirtioSerial *serial)
{
  DioVirtElement *element;
  Control control;

  while ((element = dio_virtio_queue_pop (&serial->vdev, QUEUE_CONTROL_TX))) {
    if (dio_virt_element_read (element, 0, &control, sizeof control) == sizeof control)
      handle_control (serial, &control);
    dio_virtio_queue_push (&serial->vdev, QUEUE_CONTROL_TX, element, 0);
  }
  dio_virtio_queue_kick (&serial->vdev, QUEUE_CONTROL_RX);
}

static void
work (DioVirtioDevice *vdev, unsigned index)
{
  DioVirtioSerial *serial = (DioVirtioSerial *) vdev;

  if (index <= QUEUE_TX0)
    dio_virtio_port_work (&serial->nothing, index);
  else if (!dio_virtio_has (vdev, F_MULTIPORT))
    return;
  else if (index == QUEUE_CONTROL_RX)
    work_control_rx (serial);
  else if (index == QUEUE_CONTROL_TX)
    work_control_tx (serial);
  else
    dio_virtio_port_work (&serial->agent, index);
}

/* ---- Life ---- */

static void
reset (DioVirtioDevice *vdev)
{
  DioVirtioSerial *serial = (DioVirtioSerial *) vdev;

  serial->tell = 0;
  dio_virtio_port_reset (&serial->nothing);
  dio_virtio_port_reset (&serial->agent);
  dio_virtio_port_set_deaf (&serial->agent, true);
}

static void
visit (DioVirtioDevice *vdev, DioVisitor *visitor)
{
  DioVirtioSerial *serial = (DioVirtioSerial *) vdev;
  bool deaf = serial->agent.deaf;

  dio_virtio_port_visit (&serial->nothing, visitor);
  dio_virtio_port_visit (&serial->agent, visitor);
  dio_visit_bool (visitor, "deaf", &deaf);
  dio_visit_u8 (visitor, "tell", &serial->tell);
  if (!dio_visitor_is_loading (visitor) || dio_visitor_failed (visitor))
    return;
  serial->agent.deaf = deaf;
  if (serial->tell & ~TELL_ALL || (deaf && serial->agent.rx_length))
    dio_visitor_fail (visitor, "the ports of %s are impossible", vdev->pci.dev.name);
}

static const DioVirtioType virtio_type = {
  .id = 3,
  .class_code = 0x078000,
  .n_queues = N_QUEUES,
  .queue_size = { 64, 64, 64, 64, 64, 64 },
  .config_size = sizeof (Config),
  .work = work,
  .reset = reset,
  .visit = visit,
};

void
dio_virtio_serial_set_agent (DioDevice *dev, DioChar *chr)
{
  ((DioVirtioSerial *) dev)->agent.chr = chr;
}

static bool
realize (DioDevice *dev, GError **error)
{
  DioVirtioSerial *serial = (DioVirtioSerial *) dev;
  const Config config = { .max_nr_ports = GUINT32_TO_LE (AGENT + 1) };

  dio_virtio_device_realize (&serial->vdev, &virtio_type, F_MULTIPORT);
  memcpy (serial->vdev.config, &config, sizeof config);
  serial->agent.deaf = true;
  dio_virtio_port_realize (&serial->nothing, &serial->vdev, QUEUE_RX0, QUEUE_TX0);
  dio_virtio_port_realize (&serial->agent, &serial->vdev, QUEUE_RX1, QUEUE_TX1);
  return true;
}

static void
resume (DioDevice *dev)
{
  DioVirtioSerial *serial = (DioVirtioSerial *) dev;

  dio_virtio_device_resume (dev);
  dio_virtio_port_accept (&serial->agent);
}

static void
finalize (DioDevice *dev)
{
  DioVirtioSerial *serial = (DioVirtioSerial *) dev;

  dio_virtio_port_finalize (&serial->nothing);
  dio_virtio_port_finalize (&serial->agent);
  dio_virtio_device_finalize (dev);
}

static const DioProperty properties[] = {
  DIO_VIRTIO_PROPERTIES,
  { 0 },
};

const DioDeviceType dio_virtio_serial_type = {
  .id = "virtio-serial",
  .title = N_ ("Port of the guest agent (virtio)"),
  .description = N_ ("A line by which the host asks a program in the guest, as for its clock."),
  .bus = DIO_BUS_VIRTIO,
  .instance_size = sizeof (DioVirtioSerial),
  .properties = properties,
  .realize = realize,
  .reset = dio_virtio_device_reset,
  .state = dio_virtio_device_visit,
  .state_version = 1,
  .since = 3,
  .drain = dio_virtio_device_drain,
  .resume = resume,
  .finalize = finalize,
};
