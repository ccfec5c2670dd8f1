/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes virtio-serial, its control messages and the agent's port. */
#include "core/backend/backend-char.h"
#include "hw/virtio/virtio.h"
#include "tests/fuzz/fuzz-virtio.h"

static DioChar **
the_line (void)
{
  static DioChar *line;

  return &line;
}

static void
set_up (DioDevice *dev, DioMachine *machine)
{
  if (!*the_line ())
    *the_line () = dio_char_memory_new (256, NULL, NULL);
  dio_virtio_serial_set_agent (dev, *the_line ());
}

static void
event (DioDevice *dev, uint32_t what)
{
  static const uint8_t bytes[4096];

  dio_char_memory_feed (*the_line (), bytes, what & 4095);
}

const FuzzVirtio fuzz_virtio = {
  .type = &dio_virtio_serial_type,
  .set_up = set_up,
  .event = event,
};
