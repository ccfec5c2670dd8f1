/* SPDX-License-Identifier: GPL-3.0-or-later
 * virtio-console over a line that takes a few bytes at a time. */
#include <string.h>

#include "hw/virtio/virtio.h"
#include "tests/hw/virtio/driver-pci.h"

typedef struct {
  DioChar chr;
  pthread_mutex_t lock;
  GString *out;
  size_t room; /* bytes that the next writes take */
  DioLoop *loop;
  const DioCharHandlers *handlers;
  void *opaque;
  unsigned accepted;
} FakeLine;

static size_t
line_write (DioChar *chr, const uint8_t *data, size_t length)
{
  FakeLine *line = (FakeLine *) chr;

  pthread_mutex_lock (&line->lock);
  length = MIN (length, line->room);
  line->room -= length;
  g_string_append_len (line->out, (const char *) data, (gssize) length);
  pthread_mutex_unlock (&line->lock);
  return length;
}

static void
line_set_handlers (DioChar *chr, DioLoop *loop, const DioCharHandlers *handlers, void *opaque)
{
  FakeLine *line = (FakeLine *) chr;

  line->loop = loop;
  line->handlers = handlers;
  line->opaque = opaque;
}

static void
line_accept_input (DioChar *chr)
{
  ((FakeLine *) chr)->accepted++;
}

static const DioCharOps line_ops = {
  .write = line_write,
  .set_handlers = line_set_handlers,
  .accept_input = line_accept_input,
};

typedef struct {
  Bench *bench;
  Driver driver;
  FakeLine line;
} Fixture;

static void
give_line (DioDevice *dev, void *data)
{
  dio_virtio_console_set_char (dev, data);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  DioVirtioDevice *vdev;

  f->line.chr.ops = &line_ops;
  pthread_mutex_init (&f->line.lock, NULL);
  f->line.out = g_string_new (NULL);
  f->line.room = SIZE_MAX;
  f->bench = bench_new (NULL, false);
  vdev = bench_add (f->bench, &dio_virtio_console_type, "console", NULL, give_line, &f->line);
  bench_run (f->bench, dio_machine_start);
  driver_probe (&f->driver, f->bench, vdev);
  driver_start (&f->driver, data ? ~DIO_VIRTIO_F_RING_PACKED : UINT64_MAX, 16);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  bench_free (f->bench);
  g_assert_null (f->line.handlers);
  g_string_free (f->line.out, TRUE);
}

static void
test_output (Fixture *f, gconstpointer data)
{
  for (unsigned i = 0; i < 100; i++)
    driver_call (&f->driver, 1, "hello, world\n", 13, NULL, 0);
  g_assert_cmpuint (f->line.out->len, ==, 1300);
  g_assert_true (g_str_has_prefix (f->line.out->str, "hello, world\nhello"));
  driver_write (&f->driver, f->driver.config + 8, 4, '!');
  g_assert_cmpint (f->line.out->str[1300], ==, '!');
}

/* A slow line: nothing is lost, nothing is sent twice, also over a pause with saved state. */
static void
test_slow_output (Fixture *f, gconstpointer data)
{
  Arena *arena = &f->bench->arena;
  DioGpa at = arena_alloc (arena, 3000, 16);
  const Sg sg[2] = { { at, 1000, false }, { at + 1000, 2000, false } };

  for (unsigned i = 0; i < 3000; i++)
    *(uint8_t *) arena_at (arena, at + i) = (uint8_t) ('a' + i % 26);
  f->line.room = 700;
  driver_add (&f->driver, 1, sg, 2, false);
  bench_settle (f->bench);
  g_assert_cmpuint (f->line.out->len, ==, 700);
  g_assert_false (driver_ring_get (&f->driver.rings[1], &(int){ 0 }, &(uint32_t){ 0 }));
  bench_run (f->bench, dio_machine_pause);
  bench_round_trip (&f->driver.vdev->pci.dev);
  bench_run (f->bench, dio_machine_resume);
  f->line.room = SIZE_MAX;
  driver_get (&f->driver, 1, NULL);
  g_assert_cmpuint (f->line.out->len, ==, 3000);
  for (unsigned i = 0; i < 3000; i++)
    g_assert_cmpint (f->line.out->str[i], ==, 'a' + i % 26);
}

typedef struct {
  Fixture *f;
  const char *text;
  size_t length, taken;
} Feed;

static void
feed_cb (void *data)
{
  Feed *feed = data;
  FakeLine *line = &feed->f->line;

  feed->taken = MIN (line->handlers->can_receive (line->opaque), feed->length);
  line->handlers->receive (line->opaque, (const uint8_t *) feed->text, feed->taken);
}

static size_t
feed (Fixture *f, const char *text, size_t length)
{
  Feed feed = { f, text, length, 0 };

  dio_loop_call (f->bench->machine->loop, feed_cb, &feed);
  return feed.taken;
}

static void
test_input (Fixture *f, gconstpointer data)
{
  DioGpa at = arena_alloc (&f->bench->arena, 64, 16);
  const Sg sg = { at, 5, true };
  uint32_t length;
  char big[8192];

  g_assert_cmpuint (feed (f, "typed ahead", 11), ==, 11);
  bench_run (f->bench, dio_machine_pause);
  bench_round_trip (&f->driver.vdev->pci.dev);
  bench_run (f->bench, dio_machine_resume);
  driver_add (&f->driver, 0, &sg, 1, false);
  driver_get (&f->driver, 0, &length);
  g_assert_cmpmem (arena_at (&f->bench->arena, at), length, "typed", 5);
  driver_add (&f->driver, 0, &sg, 1, false);
  driver_get (&f->driver, 0, &length);
  g_assert_cmpmem (arena_at (&f->bench->arena, at), length, " ahea", 5);
  g_assert_cmpuint (f->line.accepted, >=, 2);

  /* What is not taken by the guest stops the line, and does not grow. */
  memset (big, 'x', sizeof big);
  g_assert_cmpuint (feed (f, big, sizeof big), ==, 4095);
  g_assert_cmpuint (feed (f, big, sizeof big), ==, 0);
  driver_reset (&f->driver);
  g_assert_cmpuint (feed (f, big, sizeof big), ==, 0); /* nobody listens */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func)                                                                            \
  g_test_add ("/hw/virtio/console/packed/" name, Fixture, NULL, set_up, func, tear_down);          \
  g_test_add ("/hw/virtio/console/split/" name, Fixture, "split", set_up, func, tear_down)
  ADD ("output", test_output);
  ADD ("slow-output", test_slow_output);
  ADD ("input", test_input);
  return g_test_run ();
}
