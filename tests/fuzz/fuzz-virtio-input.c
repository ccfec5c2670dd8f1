/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes the virtio tablet and, as it shares all but its tables, the keyboard. */
#include "hw/input/virtio-input.h"
#include "hw/virtio/virtio.h"
#include "tests/fuzz/fuzz-virtio.h"

static void
prepare (DioMachineHost *host)
{
  host->input = dio_input_new ();
}

static void
event (DioDevice *dev, uint32_t what)
{
  const DioInputEvent events[3] = {
    { what & 3, (uint16_t) (what >> 4 & 0x3ff), (int32_t) (what >> 16) },
    { DIO_INPUT_ABS, (uint16_t) (what >> 2 & 1), (int32_t) what },
    { DIO_INPUT_SYNC, 0, 0 },
  };

  for (unsigned i = 0; i <= (what >> 8 & 0xff); i++)
    dio_virtio_input_events ((DioVirtioInput *) dev, events, 3);
}

const FuzzVirtio fuzz_virtio = {
  .type = &dio_virtio_tablet_type,
  .prepare = prepare,
  .event = event,
};
