/* SPDX-License-Identifier: GPL-3.0-or-later
 * The PL011: bytes both ways, FIFOs, interrupts, identification. */
#include "hw/serial/pl011.h"

#include <string.h>

#include "tests/support/hw-bench.h"

#define BASE UINT64_C (0x9000000)

enum {
  DR = 0x00,
  FR = 0x18,
  LCR_H = 0x2c,
  CR = 0x30,
  IFLS = 0x34,
  IMSC = 0x38,
  RIS = 0x3c,
  MIS = 0x40,
  ICR = 0x44,
};

enum {
  RXFE = 0x10,
  TXFF = 0x20,
  RXFF = 0x40,
  TXFE = 0x80,
  INT_RX = 0x10,
  INT_TX = 0x20,
  INT_RT = 0x40
};

/* A host that takes at most @room bytes. */
typedef struct {
  DioChar base;
  char taken[200];
  size_t length, room;
  const DioCharHandlers *handlers;
  void *opaque;
  _Atomic unsigned accepted;
} Host;

typedef struct {
  DioHwBench *bench;
  DioDevice *uart;
  Host host;
} Fixture;

static size_t
host_write (DioChar *chr, const uint8_t *data, size_t length)
{
  Host *host = (Host *) chr;
  size_t n = MIN (length, host->room);
  memcpy (host->taken + host->length, data, n);
  host->length += n;
  host->room -= n;
  return n;
}

static void
host_set_handlers (DioChar *chr, DioLoop *loop, const DioCharHandlers *handlers, void *opaque)
{
  Host *host = (Host *) chr;
  host->handlers = handlers;
  host->opaque = opaque;
}

static void
host_accept (DioChar *chr)
{
  ((Host *) chr)->accepted++;
}

static const DioCharOps host_ops = {
  .write = host_write,
  .set_handlers = host_set_handlers,
  .accept_input = host_accept,
};

static uint32_t
rd (Fixture *f, unsigned reg)
{
  return (uint32_t) dio_hw_bench_read (f->bench, BASE + reg, 4);
}

static void
wr (Fixture *f, unsigned reg, uint32_t value)
{
  dio_hw_bench_write (f->bench, BASE + reg, 4, value);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  memset (&f->host, 0, sizeof f->host);
  f->host.base.ops = &host_ops;
  f->host.room = 100;
  f->bench = dio_hw_bench_new ();
  f->uart = dio_device_new (&dio_pl011_type, "serial0");
  dio_hw_bench_add (f->bench, f->uart, BASE, 0);
  dio_pl011_set_char (f->uart, &f->host.base);
  wr (f, LCR_H, 0x70);
  wr (f, CR, 0x301);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_hw_bench_free (f->bench);
}

static void
feed (Fixture *f, const char *text)
{
  g_assert_cmpuint (f->host.handlers->can_receive (f->host.opaque), >=, strlen (text));
  f->host.handlers->receive (f->host.opaque, (const uint8_t *) text, strlen (text));
}

static void
test_output (Fixture *f, gconstpointer data)
{
  wr (f, DR, 'a');
  wr (f, DR, 'b');
  g_assert_cmpmem (f->host.taken, f->host.length, "ab", 2);
  g_assert_cmphex (rd (f, FR) & (TXFE | TXFF), ==, TXFE);
  g_assert_cmphex (rd (f, RIS) & INT_TX, ==, INT_TX);
  wr (f, ICR, INT_TX);
  g_assert_cmphex (rd (f, RIS) & INT_TX, ==, 0);
  /* What the host does not take waits, and is offered again. */
  f->host.room = 1;
  for (unsigned i = 0; i < 33; i++)
    wr (f, DR, '0' + i);
  g_assert_cmphex (rd (f, FR) & (TXFE | TXFF), ==, TXFF);
  f->host.room = 100;
  for (unsigned i = 0; i < 1000 && !(rd (f, FR) & TXFE); i++)
    g_usleep (1000);
  g_assert_cmpuint (f->host.length, ==, 2 + 33);
  g_assert_cmpint (f->host.taken[34], ==, '0' + 32);
}

static void
test_input (Fixture *f, gconstpointer data)
{
  wr (f, IMSC, INT_RX | INT_RT);
  g_assert_cmphex (rd (f, FR) & RXFE, ==, RXFE);
  feed (f, "xyz");
  /* Below the trigger level it is told after a while. */
  g_assert_true (dio_hw_bench_wait (f->bench, 0, true));
  g_assert_cmphex (rd (f, MIS), ==, INT_RT);
  g_assert_cmphex (rd (f, DR), ==, 'x');
  g_assert_cmphex (rd (f, DR), ==, 'y');
  unsigned before = f->host.accepted;
  g_assert_cmphex (rd (f, DR), ==, 'z');
  g_assert_cmpuint (f->host.accepted, ==, before + 1);
  g_assert_false (dio_hw_bench_level (f->bench, 0));
  /* At the level at once. */
  feed (f, "0123456789abcdef");
  g_assert_cmphex (rd (f, MIS) & INT_RX, ==, INT_RX);
  rd (f, DR);
  g_assert_cmphex (rd (f, MIS) & INT_RX, ==, 0);
  feed (f, "0123456789abcdefg");
  g_assert_cmphex (rd (f, FR) & RXFF, ==, RXFF);
  g_assert_cmpuint (f->host.handlers->can_receive (f->host.opaque), ==, 0);
  /* Turned off it takes nothing. */
  wr (f, LCR_H, 0x60);
  g_assert_cmphex (rd (f, FR) & RXFE, ==, RXFE);
  wr (f, CR, 0);
  g_assert_cmpuint (f->host.handlers->can_receive (f->host.opaque), ==, 0);
}

static void
test_loop_back (Fixture *f, gconstpointer data)
{
  wr (f, CR, 0x381);
  wr (f, DR, 'q');
  g_assert_cmpuint (f->host.length, ==, 0);
  g_assert_cmphex (rd (f, DR), ==, 'q');
}

/* By which drivers find it. */
static void
test_identification (Fixture *f, gconstpointer data)
{
  static const uint8_t id[] = { 0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };
  for (unsigned i = 0; i < sizeof id; i++)
    g_assert_cmphex (rd (f, 0xfe0 + 4 * i), ==, id[i]);
}

#define ADD(name)                                                                                  \
  g_test_add ("/hw/serial/pl011/" #name, Fixture, NULL, set_up, test_##name, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD (output);
  ADD (input);
  ADD (loop_back);
  ADD (identification);
  return g_test_run ();
}
