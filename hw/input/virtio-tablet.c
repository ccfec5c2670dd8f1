/* SPDX-License-Identifier: GPL-3.0-or-later
 * A virtio tablet: absolute position, buttons and wheels, so that the pointer needs no grab. */
#include "hw/input/virtio-input.h"
#include "hw/virtio/virtio.h"

static unsigned
bits (uint8_t type, uint8_t bitmap[128])
{
  switch (type) {
  case EV_KEY:
    for (unsigned code = BTN_LEFT; code <= BTN_EXTRA; code++)
      dio_virtio_input_set_bit (bitmap, code);
    return BTN_EXTRA / 8 + 1;
  case EV_ABS:
    dio_virtio_input_set_bit (bitmap, ABS_X);
    dio_virtio_input_set_bit (bitmap, ABS_Y);
    return 1;
  case EV_REL:
    dio_virtio_input_set_bit (bitmap, REL_HWHEEL);
    dio_virtio_input_set_bit (bitmap, REL_WHEEL);
    return REL_WHEEL / 8 + 1;
  default:
    return 0;
  }
}

static const DioVirtioInputKind kind = {
  .name = "Diorama tablet",
  .product = 3,
  .wants = DIO_INPUT_WANTS_ABSOLUTE,
  .bits = bits,
  .absolute = true,
};

static bool
realize (DioDevice *dev, GError **error)
{
  return dio_virtio_input_realize ((DioVirtioInput *) dev, &kind);
}

static const DioProperty properties[] = {
  DIO_VIRTIO_PROPERTIES,
  { 0 },
};

const DioDeviceType dio_virtio_tablet_type = {
  .id = "virtio-tablet",
  .title = N_ ("Tablet (virtio)"),
  .description = N_ ("A pointer that follows the person's pointer, with buttons and wheels."),
  .bus = DIO_BUS_VIRTIO,
  .instance_size = sizeof (DioVirtioInput),
  .properties = properties,
  .realize = realize,
  .reset = dio_virtio_device_reset,
  .state = dio_virtio_device_visit,
  .state_version = 1,
  .drain = dio_virtio_device_drain,
  .resume = dio_virtio_device_resume,
  .finalize = dio_virtio_input_finalize,
};
