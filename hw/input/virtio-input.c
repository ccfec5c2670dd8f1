/* SPDX-License-Identifier: GPL-3.0-or-later
 * The common part of virtio input devices. */
#include "hw/input/virtio-input.h"

#include <string.h>

#include "core/vm/vm-machine.h"

enum {
  QUEUE_EVENTS,
  QUEUE_STATUS,
};

enum {
  SELECT_NAME = 0x01,
  SELECT_SERIAL = 0x02,
  SELECT_IDS = 0x03,
  SELECT_PROPERTIES = 0x10,
  SELECT_EVENT_BITS = 0x11,
  SELECT_ABS_INFO = 0x12,
};

typedef struct {
  uint8_t select, subselect, size;
  uint8_t reserved[5];
  union {
    uint8_t bytes[128];
    struct {
      uint32_t min, max, fuzz, flat, resolution;
    } abs;
    struct {
      uint16_t bus, vendor, product, version;
    } ids;
  } u;
} Config;

G_STATIC_ASSERT (sizeof (Config) == 136);

typedef struct {
  uint16_t type, code;
  uint32_t value;
} WireEvent;

static Config *
config_of (DioVirtioInput *input)
{
  return (Config *) (void *) input->vdev.config;
}

/* Fills the configuration for what the driver selected. */
static void
describe (DioVirtioInput *input)
{
  Config *config = config_of (input);
  const DioVirtioInputKind *kind = input->kind;

  config->size = 0;
  memset (&config->u, 0, sizeof config->u);
  switch (config->select) {
  case SELECT_NAME:
  case SELECT_SERIAL: {
    const char *text = config->select == SELECT_NAME ? kind->name : input->vdev.pci.dev.name;

    config->size = MIN (strlen (text), sizeof config->u.bytes);
    memcpy (config->u.bytes, text, config->size);
    break;
  }
  case SELECT_IDS:
    config->size = sizeof config->u.ids;
    config->u.ids.bus = GUINT16_TO_LE (BUS_VIRTUAL);
    config->u.ids.vendor = GUINT16_TO_LE (0x1af4);
    config->u.ids.product = GUINT16_TO_LE (kind->product);
    config->u.ids.version = GUINT16_TO_LE (1);
    break;
  case SELECT_EVENT_BITS:
    config->size = kind->bits (config->subselect, config->u.bytes);
    break;
  case SELECT_ABS_INFO:
    if (kind->absolute && config->subselect <= ABS_Y) {
      config->size = sizeof config->u.abs;
      config->u.abs.max = GUINT32_TO_LE (DIO_INPUT_ABS_MAX);
    }
    break;
  case SELECT_PROPERTIES:
  default:
    break;
  }
}

static void
config_write (DioVirtioDevice *vdev, unsigned offset, unsigned size, uint32_t value)
{
  DioVirtioInput *input = (DioVirtioInput *) vdev;

  if (offset == offsetof (Config, select) && size == 1)
    config_of (input)->select = value;
  else if (offset == offsetof (Config, subselect) && size == 1)
    config_of (input)->subselect = value;
  else
    return;
  describe (input);
}

/* ---- Backlog ---- */

static bool
has_bit (const uint8_t *bitmap, unsigned code)
{
  return bitmap[code / 8] >> code % 8 & 1;
}

static void
put_bit (uint8_t *bitmap, unsigned code, bool on)
{
  bitmap[code / 8] = (bitmap[code / 8] & ~(1 << code % 8)) | on << code % 8;
}

/* Room that is not kept for releases: each may come as a group of its own, with its end. Two more
 * entries are kept for the end of the group being written. */
static int
room_locked (DioVirtioInput *input)
{
  return DIO_VIRTIO_INPUT_BACKLOG - (int) (input->tail - input->head) - 2 * (int) input->n_down - 2;
}

static void
append_locked (DioVirtioInput *input, uint16_t type, uint16_t code, uint32_t value)
{
  input->backlog[input->tail++ % DIO_VIRTIO_INPUT_BACKLOG] =
      (DioVirtioInputEvent){ .type = type, .code = code, .value = value };
}

/* True when the backlog ends with X, Y, end of group, and nothing of it was taken: newer motion
 * replaces it. */
static bool
replace_motion_locked (DioVirtioInput *input, const DioInputEvent *events, size_t count)
{
  DioVirtioInputEvent *old[3];

  if (count != 3 || input->tail - input->head < 3 || events[0].kind != DIO_INPUT_ABS
      || events[1].kind != DIO_INPUT_ABS || events[2].kind != DIO_INPUT_SYNC)
    return false;
  for (unsigned i = 0; i < 3; i++)
    old[i] = &input->backlog[(input->tail - 3 + i) % DIO_VIRTIO_INPUT_BACKLOG];
  if (old[0]->type != EV_ABS || old[1]->type != EV_ABS || old[2]->type != EV_SYN
      || old[0]->code != events[0].code || old[1]->code != events[1].code)
    return false;
  for (unsigned i = 0; i < 2; i++) {
    old[i]->value = (uint32_t) CLAMP (events[i].value, 0, DIO_INPUT_ABS_MAX);
    *(events[i].code == ABS_X ? &input->x : &input->y) = old[i]->value;
  }
  return true;
}

/* Adds one event of a group; false when it was dropped or carries nothing. */
static bool
add_locked (DioVirtioInput *input, const DioInputEvent *event)
{
  uint16_t code = event->code;

  switch (event->kind) {
  case DIO_INPUT_KEY:
    if (code >= DIO_VIRTIO_INPUT_CODES)
      return false;
    if (event->value) {
      if (has_bit (input->down, code) || room_locked (input) < 3)
        return false;
      put_bit (input->down, code, true);
      input->n_down++;
    } else {
      if (!has_bit (input->down, code))
        return false;
      put_bit (input->down, code, false);
      input->n_down--;
    }
    append_locked (input, EV_KEY, code, event->value != 0);
    return true;
  case DIO_INPUT_ABS:
    if (!input->kind->absolute || code > ABS_Y)
      return false;
    *(code == ABS_X ? &input->x : &input->y) =
        (uint32_t) CLAMP (event->value, 0, DIO_INPUT_ABS_MAX);
    if (room_locked (input) < 1) {
      input->position_owed = true;
      return false;
    }
    append_locked (input, EV_ABS, code, code == ABS_X ? input->x : input->y);
    return true;
  case DIO_INPUT_REL:
    if (room_locked (input) < 1)
      return false;
    append_locked (input, EV_REL, code, (uint32_t) event->value);
    return true;
  case DIO_INPUT_SYNC:
  default:
    return false;
  }
}

void
dio_virtio_input_events (DioVirtioInput *input, const DioInputEvent *events, size_t count)
{
  bool open = false; /* a group has begun */

  pthread_mutex_lock (&input->backlog_lock);
  if (replace_motion_locked (input, events, count))
    count = 0;
  for (size_t i = 0; i < count; i++) {
    if (events[i].kind != DIO_INPUT_SYNC)
      open |= add_locked (input, &events[i]);
    if (open && (events[i].kind == DIO_INPUT_SYNC || i == count - 1)) {
      append_locked (input, EV_SYN, SYN_REPORT, 0);
      open = false;
    }
  }
  pthread_mutex_unlock (&input->backlog_lock);
  dio_virtio_queue_kick (&input->vdev, QUEUE_EVENTS);
}

static void
sink_events (void *opaque, const DioInputEvent *events, size_t count)
{
  dio_virtio_input_events (opaque, events, count);
}

static const DioInputSinkOps sink_ops = { .events = sink_events };

/* Forgets what waits, and that anything is down. */
static void
clear_backlog (DioVirtioInput *input)
{
  pthread_mutex_lock (&input->backlog_lock);
  input->head = input->tail = 0;
  input->n_down = 0;
  memset (input->down, 0, sizeof input->down);
  memset (input->given, 0, sizeof input->given);
  input->position_owed = false;
  pthread_mutex_unlock (&input->backlog_lock);
}

/* ---- Queues ---- */

/* When motion was dropped and the backlog is empty, the last place is sent after all. */
static void
pay_position_locked (DioVirtioInput *input)
{
  if (!input->position_owed || input->head != input->tail)
    return;
  input->position_owed = false;
  append_locked (input, EV_ABS, ABS_X, input->x);
  append_locked (input, EV_ABS, ABS_Y, input->y);
  append_locked (input, EV_SYN, SYN_REPORT, 0);
}

static void
give_events (DioVirtioInput *input)
{
  for (;;) {
    DioVirtElement *element;
    DioVirtioInputEvent event;
    WireEvent wire;
    bool empty;

    pthread_mutex_lock (&input->backlog_lock);
    pay_position_locked (input);
    empty = input->head == input->tail;
    pthread_mutex_unlock (&input->backlog_lock);
    /* Only this thread takes from the backlog. */
    if (empty || !(element = dio_virtio_queue_pop (&input->vdev, QUEUE_EVENTS)))
      return;

    pthread_mutex_lock (&input->backlog_lock);
    event = input->backlog[input->head++ % DIO_VIRTIO_INPUT_BACKLOG];
    if (event.type == EV_KEY)
      put_bit (input->given, event.code, event.value);
    pthread_mutex_unlock (&input->backlog_lock);

    wire = (WireEvent){
      .type = GUINT16_TO_LE (event.type),
      .code = GUINT16_TO_LE (event.code),
      .value = GUINT32_TO_LE (event.value),
    };
    dio_virtio_queue_push (&input->vdev, QUEUE_EVENTS, element,
                           dio_virt_element_write (element, 0, &wire, sizeof wire));
  }
}

static void
take_status (DioVirtioInput *input)
{
  DioVirtElement *element;

  while ((element = dio_virtio_queue_pop (&input->vdev, QUEUE_STATUS))) {
    WireEvent wire;

    if (dio_virt_element_read (element, 0, &wire, sizeof wire) == sizeof wire
        && input->kind->status) {
      DioVirtioInputEvent event = {
        .type = GUINT16_FROM_LE (wire.type),
        .code = GUINT16_FROM_LE (wire.code),
        .value = GUINT32_FROM_LE (wire.value),
      };

      input->kind->status (&input->vdev, &event);
    }
    dio_virtio_queue_push (&input->vdev, QUEUE_STATUS, element, 0);
  }
}

static void
work (DioVirtioDevice *vdev, unsigned index)
{
  if (index == QUEUE_EVENTS)
    give_events ((DioVirtioInput *) vdev);
  else
    take_status ((DioVirtioInput *) vdev);
}

/* What was typed before the guest listened is not for it. */
static void
started (DioVirtioDevice *vdev)
{
  clear_backlog ((DioVirtioInput *) vdev);
}

static void
reset (DioVirtioDevice *vdev)
{
  DioVirtioInput *input = (DioVirtioInput *) vdev;

  clear_backlog (input);
  config_of (input)->select = config_of (input)->subselect = 0;
  describe (input);
}

/* Keys that a saved guest holds down are released after loading: the fingers have gone. */
static void
release_given (DioVirtioInput *input)
{
  pthread_mutex_lock (&input->backlog_lock);
  input->head = input->tail = 0;
  input->n_down = 0;
  memset (input->down, 0, sizeof input->down);
  input->position_owed = false;
  for (unsigned code = 0; code < DIO_VIRTIO_INPUT_CODES; code++)
    if (has_bit (input->given, code) && input->tail < DIO_VIRTIO_INPUT_BACKLOG - 1)
      append_locked (input, EV_KEY, code, 0);
  if (input->tail)
    append_locked (input, EV_SYN, SYN_REPORT, 0);
  pthread_mutex_unlock (&input->backlog_lock);
}

static void
visit (DioVirtioDevice *vdev, DioVisitor *visitor)
{
  DioVirtioInput *input = (DioVirtioInput *) vdev;

  dio_visit_u8 (visitor, "select", &config_of (input)->select);
  dio_visit_u8 (visitor, "subselect", &config_of (input)->subselect);
  dio_visit_bytes (visitor, "down", input->given, sizeof input->given);
  if (dio_visitor_is_loading (visitor) && !dio_visitor_failed (visitor)) {
    describe (input);
    release_given (input);
  }
}

static const DioVirtioType virtio_type = {
  .id = 18,
  .class_code = 0x098000,
  .n_queues = 2,
  .queue_size = { 64, 64 },
  .config_size = sizeof (Config),
  .work = work,
  .config_write = config_write,
  .started = started,
  .reset = reset,
  .visit = visit,
};

bool
dio_virtio_input_realize (DioVirtioInput *input, const DioVirtioInputKind *kind)
{
  DioInput *source = input->vdev.pci.dev.machine->host.input;

  input->kind = kind;
  pthread_mutex_init (&input->backlog_lock, NULL);
  dio_virtio_device_realize (&input->vdev, &virtio_type, 0);
  if (source) {
    input->sink = dio_input_add_sink (source, kind->wants, &sink_ops, input);
    input->has_sink = true;
  }
  return true;
}

void
dio_virtio_input_finalize (DioDevice *dev)
{
  DioVirtioInput *input = (DioVirtioInput *) dev;
  bool realized = input->kind;

  if (input->has_sink)
    dio_input_remove_sink (dev->machine->host.input, input->sink);
  dio_virtio_device_finalize (dev);
  if (realized)
    pthread_mutex_destroy (&input->backlog_lock);
}
