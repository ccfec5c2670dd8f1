/* SPDX-License-Identifier: GPL-3.0-or-later
 * virtio-serial: its control messages, and the agent's port. */
#include <string.h>

#include "hw/virtio/virtio.h"
#include "tests/hw/virtio/driver-pci.h"

#define MULTIPORT (UINT64_C (1) << 1)
#define SIZE 64 /* of a buffer for control messages */

enum { RX0, TX0, CONTROL_RX, CONTROL_TX, RX1, TX1 };

typedef struct {
  Bench *bench;
  Driver driver;
  DioChar *line;
  uint64_t position;
  DioGpa buffer;
} Fixture;

static void
give_line (DioDevice *dev, void *data)
{
  dio_virtio_serial_set_agent (dev, data);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  DioVirtioDevice *vdev;

  f->line = dio_char_memory_new (4096, NULL, NULL);
  f->bench = bench_new (NULL, false);
  vdev = bench_add (f->bench, &dio_virtio_serial_type, "serial", NULL, give_line, f->line);
  bench_run (f->bench, dio_machine_start);
  driver_probe (&f->driver, f->bench, vdev);
  driver_start (&f->driver, data ? ~MULTIPORT : UINT64_MAX, 16);
  f->buffer = arena_alloc (&f->bench->arena, SIZE, 16);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  bench_free (f->bench);
  dio_char_free (f->line);
}

static void
tell (Fixture *f, uint32_t id, uint16_t event, uint16_t value)
{
  uint8_t message[8] = { (uint8_t) id, 0, 0, 0, (uint8_t) event, 0, (uint8_t) value, 0 };

  driver_call (&f->driver, CONTROL_TX, message, sizeof message, NULL, 0);
}

/* The next message of the device must be this. */
static void
expect (Fixture *f, uint32_t id, uint16_t event, const char *name)
{
  const Sg sg = { f->buffer, SIZE, true };
  const uint8_t *message = arena_at (&f->bench->arena, f->buffer);
  uint32_t length;

  driver_add (&f->driver, CONTROL_RX, &sg, 1, false);
  driver_get (&f->driver, CONTROL_RX, &length);
  g_assert_cmpuint (length, ==, 8 + strlen (name));
  g_assert_cmpuint (message[0], ==, id);
  g_assert_cmpuint (message[4], ==, event);
  g_assert_cmpuint (message[6], ==, 1);
  g_assert_cmpmem (message + 8, length - 8, name, strlen (name));
}

/* As Linux does it. */
static void
open_port (Fixture *f)
{
  tell (f, 0, 0, 1);
  expect (f, 1, 1, "");
  tell (f, 1, 3, 1);
  expect (f, 1, 7, "org.qemu.guest_agent.0");
  expect (f, 1, 6, "");
  tell (f, 1, 6, 1);
}

static void
expect_output (Fixture *f, const char *text)
{
  g_autoptr (GBytes) bytes = dio_char_memory_read (f->line, &f->position);

  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), text, strlen (text));
}

static void
expect_input (Fixture *f, const char *text)
{
  const Sg sg = { f->buffer, SIZE, true };
  uint32_t length;

  driver_add (&f->driver, RX1, &sg, 1, false);
  driver_get (&f->driver, RX1, &length);
  g_assert_cmpmem (arena_at (&f->bench->arena, f->buffer), length, text, strlen (text));
}

static void
test_ports (Fixture *f, gconstpointer data)
{
  g_assert_cmpuint (driver_read (&f->driver, f->driver.config + 4, 4), ==, 2);
  open_port (f);
  driver_call (&f->driver, TX1, "to the host", 11, NULL, 0);
  expect_output (f, "to the host");
  dio_char_memory_feed (f->line, "to the guest", 12);
  expect_input (f, "to the guest");
}

/* What is sent while nobody listens does not wait for who listens later. */
static void
test_closed (Fixture *f, gconstpointer data)
{
  dio_char_memory_feed (f->line, "nobody", 6);
  bench_settle (f->bench);
  open_port (f);
  dio_char_memory_feed (f->line, "one", 3);
  expect_input (f, "one");
  dio_char_memory_feed (f->line, "two", 3);
  bench_settle (f->bench);
  tell (f, 1, 6, 0);
  dio_char_memory_feed (f->line, "three", 5);
  bench_settle (f->bench);
  tell (f, 1, 6, 1);
  dio_char_memory_feed (f->line, "four", 4);
  expect_input (f, "four");
  driver_start (&f->driver, UINT64_MAX, 16);
  dio_char_memory_feed (f->line, "five", 4);
  bench_settle (f->bench);
  open_port (f);
  dio_char_memory_feed (f->line, "six", 3);
  expect_input (f, "six");
}

/* The open port, what waits in it, and what is still to be told, go through a saved state. */
static void
test_state (Fixture *f, gconstpointer data)
{
  tell (f, 0, 0, 1);
  expect (f, 1, 1, "");
  tell (f, 1, 3, 1);
  tell (f, 1, 6, 1);
  dio_char_memory_feed (f->line, "waits", 5);
  bench_settle (f->bench);
  bench_run (f->bench, dio_machine_pause);
  bench_round_trip (&f->driver.vdev->pci.dev);
  bench_run (f->bench, dio_machine_resume);
  expect (f, 1, 7, "org.qemu.guest_agent.0");
  expect (f, 1, 6, "");
  expect_input (f, "waits");
}

/* A thousand requests without a buffer for the answers, ports that there are not, half messages. */
static void
test_hostile (Fixture *f, gconstpointer data)
{
  for (unsigned i = 0; i < 1000; i++) {
    tell (f, 0, 0, 1);
    tell (f, i % 200, 3, 1);
    tell (f, 0xff, (uint16_t) (i % 256), 0xff);
  }
  driver_call (&f->driver, CONTROL_TX, "abc", 3, NULL, 0);
  tell (f, 1, 3, 1);
  expect (f, 1, 1, "");
  expect (f, 1, 7, "org.qemu.guest_agent.0");
  expect (f, 1, 6, "");
}

/* A driver that knows one port only has one that leads nowhere. */
static void
test_single (Fixture *f, gconstpointer data)
{
  driver_call (&f->driver, TX0, "hello", 5, NULL, 0);
  dio_char_memory_feed (f->line, "nobody", 6);
  bench_settle (f->bench);
  expect_output (f, "");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, data, func)                                                                      \
  g_test_add ("/hw/virtio/serial/" name, Fixture, data, set_up, func, tear_down)
  ADD ("ports", NULL, test_ports);
  ADD ("closed", NULL, test_closed);
  ADD ("state", NULL, test_state);
  ADD ("hostile", NULL, test_hostile);
  ADD ("single", "single", test_single);
  return g_test_run ();
}
