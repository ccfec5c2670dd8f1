/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes virtio-console over a line that takes as much as the input says. */
#include "hw/virtio/virtio.h"
#include "tests/fuzz/fuzz-virtio.h"

typedef struct {
  DioChar chr;
  DioLoop *loop;
  const DioCharHandlers *handlers;
  void *opaque;
  _Atomic uint32_t room;
} Line;

static Line *
the_line (void)
{
  static Line line;

  return &line;
}

static size_t
line_write (DioChar *chr, const uint8_t *data, size_t length)
{
  Line *line = (Line *) chr;

  return MIN (length, line->room & 0xfff);
}

static void
line_set_handlers (DioChar *chr, DioLoop *loop, const DioCharHandlers *handlers, void *opaque)
{
  Line *line = (Line *) chr;

  line->loop = loop;
  line->handlers = handlers;
  line->opaque = opaque;
}

static void
line_accept_input (DioChar *chr)
{
}

static void
set_up (DioDevice *dev, DioMachine *machine)
{
  static const DioCharOps ops = {
    .write = line_write,
    .set_handlers = line_set_handlers,
    .accept_input = line_accept_input,
  };

  the_line ()->chr.ops = &ops;
  the_line ()->room = UINT32_MAX;
  dio_virtio_console_set_char (dev, &the_line ()->chr);
}

typedef struct {
  const DioCharHandlers *handlers;
  void *opaque;
  uint32_t length;
} Feed;

static void
feed_cb (void *data)
{
  static const uint8_t bytes[4096];
  Feed *feed = data;
  size_t room = feed->handlers->can_receive (feed->opaque);

  feed->handlers->receive (feed->opaque, bytes, MIN (room, feed->length & 4095));
}

static void
event (DioDevice *dev, uint32_t what)
{
  Line *line = the_line ();
  Feed feed = { line->handlers, line->opaque, what >> 8 };

  if (what & 1)
    line->room = what >> 8;
  else
    dio_loop_call (line->loop, feed_cb, &feed);
}

const FuzzVirtio fuzz_virtio = {
  .type = &dio_virtio_console_type,
  .set_up = set_up,
  .event = event,
};
