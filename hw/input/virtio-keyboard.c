/* SPDX-License-Identifier: GPL-3.0-or-later
 * A virtio keyboard; its power key is the machine's power button. */
#include "core/vm/vm-machine.h"
#include "hw/input/virtio-input.h"
#include "hw/virtio/virtio.h"

#define FIRST_KEY KEY_ESC
#define LAST_KEY KEY_MICMUTE

typedef struct {
  DioVirtioInput input;
  unsigned leds; /* bit 0 num, 1 caps, 2 scroll lock */
} DioVirtioKeyboard;

static unsigned
bits (uint8_t type, uint8_t bitmap[128])
{
  switch (type) {
  case EV_KEY:
    for (unsigned code = FIRST_KEY; code <= LAST_KEY; code++)
      dio_virtio_input_set_bit (bitmap, code);
    return LAST_KEY / 8 + 1;
  case EV_REP:
    dio_virtio_input_set_bit (bitmap, REP_DELAY);
    dio_virtio_input_set_bit (bitmap, REP_PERIOD);
    return 1;
  case EV_LED:
    dio_virtio_input_set_bit (bitmap, LED_NUML);
    dio_virtio_input_set_bit (bitmap, LED_CAPSL);
    dio_virtio_input_set_bit (bitmap, LED_SCROLLL);
    return 1;
  default:
    return 0;
  }
}

static void
set_leds (DioVirtioKeyboard *keyboard, unsigned leds)
{
  DioInput *source = keyboard->input.vdev.pci.dev.machine->host.input;

  keyboard->leds = leds;
  if (source)
    dio_input_set_leds (source, leds);
}

static void
status (DioVirtioDevice *vdev, const DioVirtioInputEvent *event)
{
  DioVirtioKeyboard *keyboard = (DioVirtioKeyboard *) vdev;

  /* The evdev numbers of the lights are those of the bits. */
  if (event->type == EV_LED && event->code <= LED_SCROLLL)
    set_leds (keyboard,
              (keyboard->leds & ~(1u << event->code)) | (event->value ? 1u << event->code : 0));
}

static const DioVirtioInputKind kind = {
  .name = "Diorama keyboard",
  .product = 1,
  .wants = DIO_INPUT_WANTS_KEYBOARD,
  .bits = bits,
  .status = status,
};

/* Any thread. */
static void
press_power (void *data)
{
  static const DioInputEvent events[] = {
    { DIO_INPUT_KEY, KEY_POWER, 1 },
    { DIO_INPUT_SYNC, 0, 0 },
    { DIO_INPUT_KEY, KEY_POWER, 0 },
    { DIO_INPUT_SYNC, 0, 0 },
  };

  dio_virtio_input_events (data, events, G_N_ELEMENTS (events));
}

static bool
realize (DioDevice *dev, GError **error)
{
  dio_virtio_input_realize ((DioVirtioInput *) dev, &kind);
  dio_machine_set_power_button (dev->machine, press_power, dev);
  return true;
}

static void
reset (DioDevice *dev)
{
  dio_virtio_device_reset (dev);
  set_leds ((DioVirtioKeyboard *) dev, 0);
}

static void
state (DioDevice *dev, DioVisitor *visitor)
{
  DioVirtioKeyboard *keyboard = (DioVirtioKeyboard *) dev;
  uint32_t leds = keyboard->leds;

  dio_virtio_device_visit (dev, visitor);
  dio_visit_u32 (visitor, "leds", &leds);
  if (dio_visitor_is_loading (visitor) && !dio_visitor_failed (visitor))
    set_leds (keyboard, leds & 7);
}

static void
finalize (DioDevice *dev)
{
  if (dev->machine && ((DioVirtioInput *) dev)->kind)
    dio_machine_set_power_button (dev->machine, NULL, NULL);
  dio_virtio_input_finalize (dev);
}

static const DioProperty properties[] = {
  DIO_VIRTIO_PROPERTIES,
  { 0 },
};

const DioDeviceType dio_virtio_keyboard_type = {
  .id = "virtio-keyboard",
  .title = N_ ("Keyboard (virtio)"),
  .description = N_ ("A keyboard with lights and a power key."),
  .bus = DIO_BUS_VIRTIO,
  .instance_size = sizeof (DioVirtioKeyboard),
  .properties = properties,
  .realize = realize,
  .reset = reset,
  .state = state,
  .state_version = 1,
  .drain = dio_virtio_device_drain,
  .resume = dio_virtio_device_resume,
  .finalize = finalize,
};
