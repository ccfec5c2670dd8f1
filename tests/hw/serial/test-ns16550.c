/* SPDX-License-Identifier: GPL-3.0-or-later
 * The 16550A against its data sheet, with a host side that can be slow. */
#include "hw/serial/ns16550.h"

#include <string.h>

#include "tests/support/hw-bench.h"

#define BASE UINT64_C (0x10000000)

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };

/* Interrupts as read from IIR without FIFOs. */
enum {
  MODEM = 0x00,
  NONE = 0x01,
  TRANSMIT = 0x02,
  RECEIVE = 0x04,
  LINE = 0x06,
  TIMEOUT = 0x0c,
};

/* The host side. */
typedef struct {
  DioChar chr;
  pthread_mutex_t mutex;
  GString *output;
  size_t room; /* how many bytes it still takes */
  const DioCharHandlers *handlers;
  void *opaque;
  _Atomic unsigned accepts;
} FakeChar;

static size_t
fake_write (DioChar *chr, const uint8_t *data, size_t length)
{
  FakeChar *fake = (FakeChar *) chr;

  pthread_mutex_lock (&fake->mutex);
  length = MIN (length, fake->room);
  fake->room -= length;
  g_string_append_len (fake->output, (const char *) data, length);
  pthread_mutex_unlock (&fake->mutex);
  return length;
}

static void
fake_set_handlers (DioChar *chr, DioLoop *loop, const DioCharHandlers *handlers, void *opaque)
{
  FakeChar *fake = (FakeChar *) chr;

  fake->handlers = handlers;
  fake->opaque = opaque;
}

static void
fake_accept_input (DioChar *chr)
{
  ((FakeChar *) chr)->accepts++;
}

static const DioCharOps fake_ops = {
  .write = fake_write,
  .set_handlers = fake_set_handlers,
  .accept_input = fake_accept_input,
};

typedef struct {
  DioHwBench *bench;
  DioDevice *uart;
  FakeChar fake;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->bench = dio_hw_bench_new ();
  f->uart = dio_device_new (&dio_ns16550_type, "serial");
  dio_hw_bench_add (f->bench, f->uart, BASE, 0);
  f->fake.chr.ops = &fake_ops;
  pthread_mutex_init (&f->fake.mutex, NULL);
  f->fake.output = g_string_new (NULL);
  f->fake.room = SIZE_MAX;
  dio_ns16550_set_char (f->uart, &f->fake.chr);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_hw_bench_free (f->bench);
  g_assert_null (f->fake.handlers); /* let go of */
  g_string_free (f->fake.output, TRUE);
  pthread_mutex_destroy (&f->fake.mutex);
}

static uint8_t
rd (Fixture *f, unsigned reg)
{
  return dio_hw_bench_read (f->bench, BASE + reg, 1);
}

static void
wr (Fixture *f, unsigned reg, uint8_t value)
{
  dio_hw_bench_write (f->bench, BASE + reg, 1, value);
}

static bool
irq (Fixture *f)
{
  return dio_hw_bench_level (f->bench, 0);
}

/* Input from the host: as much as the device takes. */
typedef struct {
  FakeChar *fake;
  const char *text;
  size_t taken;
} Feed;

static void
feed_cb (void *data)
{
  Feed *feed = data;
  size_t room = feed->fake->handlers->can_receive (feed->fake->opaque);

  feed->taken = MIN (room, strlen (feed->text));
  if (feed->taken)
    feed->fake->handlers->receive (feed->fake->opaque, (const uint8_t *) feed->text, feed->taken);
}

static size_t
feed (Fixture *f, const char *text)
{
  Feed data = { &f->fake, text, 0 };
  dio_loop_call (f->bench->machine->loop, feed_cb, &data);
  return data.taken;
}

static void
set_room (Fixture *f, size_t room)
{
  pthread_mutex_lock (&f->fake.mutex);
  f->fake.room = room;
  pthread_mutex_unlock (&f->fake.mutex);
}

/* So slow that no time-out comes in between. */
static void
set_slow_line (Fixture *f)
{
  wr (f, LCR, 0x83);
  wr (f, DATA, 0xff);
  wr (f, IER, 0x7f);
  wr (f, LCR, 0x03);
}

static void
test_reset_values (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (rd (f, IER), ==, 0);
  g_assert_cmphex (rd (f, IIR), ==, NONE);
  g_assert_cmphex (rd (f, LCR), ==, 0);
  g_assert_cmphex (rd (f, MCR), ==, 0);
  g_assert_cmphex (rd (f, LSR), ==, 0x60);
  g_assert_cmphex (rd (f, MSR), ==, 0xb0);
  g_assert_false (irq (f));

  wr (f, SCR, 0xa5);
  g_assert_cmphex (rd (f, SCR), ==, 0xa5);
  wr (f, IER, 0xf8);
  g_assert_cmphex (rd (f, IER), ==, 0x08);
  wr (f, MCR, 0xec);
  g_assert_cmphex (rd (f, MCR), ==, 0x0c);
  /* The rest of the window reads as zero. */
  g_assert_cmphex (rd (f, 8), ==, 0);
  g_assert_cmphex (rd (f, 0xff), ==, 0);
  wr (f, 0x80, 0xff);

  dio_device_reset (f->uart);
  g_assert_cmphex (rd (f, SCR), ==, 0);
  g_assert_cmphex (rd (f, IER), ==, 0);
}

static void
test_divisor (Fixture *f, gconstpointer data)
{
  wr (f, IER, 0x01);
  wr (f, LCR, 0x83);
  wr (f, DATA, 0x34);
  wr (f, IER, 0x12);
  g_assert_cmphex (rd (f, DATA), ==, 0x34);
  g_assert_cmphex (rd (f, IER), ==, 0x12);
  wr (f, LCR, 0x03);
  g_assert_cmphex (rd (f, IER), ==, 0x01);
  g_assert_cmpuint (f->fake.output->len, ==, 0);
}

static void
test_transmit (Fixture *f, gconstpointer data)
{
  for (const char *p = "hello"; *p; p++) {
    g_assert_cmphex (rd (f, LSR) & 0x60, ==, 0x60);
    wr (f, DATA, *p);
  }
  g_assert_cmpstr (f->fake.output->str, ==, "hello");
}

static void
test_transmit_interrupt (Fixture *f, gconstpointer data)
{
  /* Enabling it while the holding register is empty raises it; reading IIR takes it away. */
  wr (f, IER, 0x02);
  g_assert_true (irq (f));
  g_assert_cmphex (rd (f, IIR), ==, TRANSMIT);
  g_assert_false (irq (f));
  g_assert_cmphex (rd (f, IIR), ==, NONE);
  /* A byte that left raises it again. */
  wr (f, DATA, 'x');
  g_assert_true (irq (f));
  /* Writing IER with the bit still set does not. */
  g_assert_cmphex (rd (f, IIR), ==, TRANSMIT);
  wr (f, IER, 0x02);
  g_assert_false (irq (f));
  /* Clearing and setting it does. */
  wr (f, IER, 0x00);
  wr (f, IER, 0x02);
  g_assert_true (irq (f));
  /* Reading IIR for another interrupt leaves it pending. */
  wr (f, IER, 0x03);
  g_assert_cmpuint (feed (f, "a"), ==, 1);
  g_assert_cmphex (rd (f, IIR), ==, RECEIVE);
  g_assert_cmphex (rd (f, DATA), ==, 'a');
  g_assert_cmphex (rd (f, IIR), ==, TRANSMIT);
}

static void
test_slow_host (Fixture *f, gconstpointer data)
{
  set_room (f, 2);
  wr (f, IIR, 0x01); /* FIFOs on */
  wr (f, IER, 0x02);
  g_assert_true (irq (f));
  for (const char *p = "abcdefgh"; *p; p++)
    wr (f, DATA, *p);
  /* The host took two; the rest waits, and the guest sees a busy transmitter and no interrupt. */
  g_assert_cmpstr (f->fake.output->str, ==, "ab");
  g_assert_false (irq (f));
  g_assert_cmphex (rd (f, LSR) & 0x60, ==, 0);
  g_assert_false (irq (f));
  for (unsigned i = 0; i < 20; i++) /* what does not fit is lost */
    wr (f, DATA, 'z');
  set_room (f, SIZE_MAX);
  g_assert_true (dio_hw_bench_wait (f->bench, 0, true));
  g_assert_cmpstr (f->fake.output->str, ==, "abcdefghzzzzzzzzzz");
  g_assert_cmphex (rd (f, IIR), ==, 0xc0 | TRANSMIT);
  g_assert_cmphex (rd (f, LSR) & 0x60, ==, 0x60);
}

static void
test_receive (Fixture *f, gconstpointer data)
{
  /* Without FIFOs: one byte, flow control by can_receive(). */
  wr (f, IER, 0x01);
  g_assert_cmpuint (feed (f, "xy"), ==, 1);
  g_assert_cmpuint (feed (f, "y"), ==, 0);
  g_assert_true (irq (f));
  g_assert_cmphex (rd (f, LSR), ==, 0x61);
  g_assert_cmphex (rd (f, IIR), ==, RECEIVE);
  g_assert_true (irq (f)); /* reading IIR does not help, reading the byte does */
  g_assert_cmpuint (f->fake.accepts, ==, 0);
  g_assert_cmphex (rd (f, DATA), ==, 'x');
  g_assert_false (irq (f));
  g_assert_cmphex (rd (f, LSR), ==, 0x60);
  g_assert_cmpuint (f->fake.accepts, ==, 1);
  g_assert_cmphex (rd (f, DATA), ==, 'x'); /* the register keeps it */
  g_assert_cmpuint (feed (f, "y"), ==, 1);
  g_assert_cmphex (rd (f, DATA), ==, 'y');
}

static void
test_fifo (Fixture *f, gconstpointer data)
{
  static const struct {
    uint8_t fcr;
    unsigned trigger;
  } levels[] = { { 0x01, 1 }, { 0x41, 4 }, { 0x81, 8 }, { 0xc1, 14 } };

  set_slow_line (f);
  wr (f, IER, 0x01);
  for (unsigned i = 0; i < G_N_ELEMENTS (levels); i++) {
    wr (f, IIR, levels[i].fcr | 0x06);
    g_assert_cmphex (rd (f, IIR), ==, 0xc0 | NONE);
    for (unsigned n = 1; n <= 16; n++) {
      g_assert_cmpuint (feed (f, "q"), ==, 1);
      g_assert_cmpint (irq (f), ==, n >= levels[i].trigger);
    }
    g_assert_cmphex (rd (f, IIR), ==, 0xc0 | RECEIVE);
    g_assert_cmpuint (feed (f, "q"), ==, 0);
    for (unsigned n = 16; n > 0; n--) {
      g_assert_cmpint (irq (f), ==, n >= levels[i].trigger);
      g_assert_cmphex (rd (f, LSR) & 1, ==, 1);
      g_assert_cmphex (rd (f, DATA), ==, 'q');
    }
    g_assert_cmphex (rd (f, LSR) & 1, ==, 0);
  }
}

static void
test_fifo_order_and_clear (Fixture *f, gconstpointer data)
{
  wr (f, IIR, 0x01);
  g_assert_cmpuint (feed (f, "0123456789abcdefgh"), ==, 16);
  for (const char *p = "01234567"; *p; p++)
    g_assert_cmphex (rd (f, DATA), ==, *p);
  g_assert_cmpuint (feed (f, "ghijklmnop"), ==, 8);
  for (const char *p = "89abcdefghij"; *p; p++)
    g_assert_cmphex (rd (f, DATA), ==, *p);
  wr (f, IIR, 0x03); /* clear the receiver */
  g_assert_cmphex (rd (f, LSR) & 1, ==, 0);
  g_assert_cmpuint (f->fake.accepts, >, 0);
  g_assert_cmpuint (feed (f, "rs"), ==, 2);
  wr (f, IIR, 0x00); /* turning the FIFOs off clears them */
  g_assert_cmphex (rd (f, LSR) & 1, ==, 0);
  g_assert_cmphex (rd (f, IIR), ==, NONE);
}

static void
test_timeout (Fixture *f, gconstpointer data)
{
  wr (f, IIR, 0xc1); /* trigger at 14 */
  wr (f, IER, 0x01);
  g_assert_cmpuint (feed (f, "ab"), ==, 2);
  g_assert_true (dio_hw_bench_wait (f->bench, 0, true));
  g_assert_cmphex (rd (f, IIR), ==, 0xc0 | TIMEOUT);
  g_assert_cmphex (rd (f, DATA), ==, 'a');
  g_assert_true (dio_hw_bench_wait (f->bench, 0, true)); /* for the byte that is left */
  g_assert_cmphex (rd (f, IIR), ==, 0xc0 | TIMEOUT);
  g_assert_cmphex (rd (f, DATA), ==, 'b');
  g_assert_false (irq (f));
  g_usleep (20000);
  g_assert_false (irq (f));
}

static void
test_loopback (Fixture *f, gconstpointer data)
{
  wr (f, MCR, 0x10);
  rd (f, MSR);
  g_assert_cmphex (rd (f, MSR), ==, 0x00);
  /* RTS, DTR, OUT1, OUT2 come back as CTS, DSR, RI, DCD. */
  wr (f, MCR, 0x12);
  g_assert_cmphex (rd (f, MSR), ==, 0x11);
  wr (f, MCR, 0x11);
  g_assert_cmphex (rd (f, MSR), ==, 0x23);
  wr (f, MCR, 0x14);
  g_assert_cmphex (rd (f, MSR), ==, 0x42); /* RI: only its trailing edge counts */
  wr (f, MCR, 0x18);
  g_assert_cmphex (rd (f, MSR), ==, 0x8c);
  g_assert_cmphex (rd (f, MSR), ==, 0x80); /* reading cleared the changes */

  /* Bytes come back too, and the host neither sees nor sends any. */
  g_assert_cmpuint (feed (f, "h"), ==, 0);
  wr (f, DATA, 'L');
  g_assert_cmpuint (f->fake.output->len, ==, 0);
  g_assert_cmphex (rd (f, LSR), ==, 0x61);
  g_assert_cmphex (rd (f, DATA), ==, 'L');
  wr (f, MCR, 0x00);
  g_assert_cmphex (rd (f, MSR) & 0xf0, ==, 0xb0);
  g_assert_cmpuint (f->fake.accepts, >, 0);
  g_assert_cmpuint (feed (f, "h"), ==, 1);
}

static void
test_line_errors (Fixture *f, gconstpointer data)
{
  wr (f, MCR, 0x10);
  wr (f, IER, 0x05);
  /* Overrun without FIFOs: the newer byte stays. */
  wr (f, DATA, 'a');
  wr (f, DATA, 'b');
  g_assert_cmphex (rd (f, IIR), ==, LINE); /* the most urgent one */
  g_assert_cmphex (rd (f, LSR), ==, 0x63);
  g_assert_cmphex (rd (f, IIR), ==, RECEIVE);
  g_assert_cmphex (rd (f, DATA), ==, 'b');

  /* With FIFOs the older ones stay. */
  wr (f, IIR, 0x01);
  for (unsigned i = 0; i < 17; i++)
    wr (f, DATA, 'A' + i);
  g_assert_cmphex (rd (f, LSR) & 0x02, ==, 0x02);
  g_assert_cmphex (rd (f, LSR) & 0x02, ==, 0);
  for (unsigned i = 0; i < 16; i++)
    g_assert_cmphex (rd (f, DATA), ==, 'A' + i);
  g_assert_cmphex (rd (f, LSR) & 1, ==, 0);

  /* A break is a zero byte whose error shows when it is on top; bit 7 tells before. */
  wr (f, DATA, 'n');
  wr (f, LCR, 0x40);
  wr (f, LCR, 0x00);
  g_assert_cmphex (rd (f, LSR), ==, 0xe1);
  g_assert_cmphex (rd (f, IIR), ==, 0xc0 | RECEIVE);
  g_assert_cmphex (rd (f, DATA), ==, 'n');
  g_assert_cmphex (rd (f, IIR), ==, 0xc0 | LINE);
  g_assert_cmphex (rd (f, LSR), ==, 0xf1);
  g_assert_cmphex (rd (f, LSR), ==, 0x61);
  g_assert_cmphex (rd (f, DATA), ==, 0);
}

static void
test_modem_interrupt (Fixture *f, gconstpointer data)
{
  wr (f, MCR, 0x10);
  rd (f, MSR);
  wr (f, IER, 0x08);
  g_assert_false (irq (f));
  wr (f, MCR, 0x12);
  g_assert_true (irq (f));
  g_assert_cmphex (rd (f, IIR), ==, MODEM);
  g_assert_true (irq (f));
  rd (f, MSR);
  g_assert_false (irq (f));
}

static void
test_state (Fixture *f, gconstpointer data)
{
  set_slow_line (f);
  set_room (f, 0);
  wr (f, IIR, 0x81);
  wr (f, IER, 0x03);
  rd (f, IIR);
  wr (f, DATA, 'o');
  wr (f, DATA, 'k');
  g_assert_cmpuint (feed (f, "123456789"), ==, 9);
  rd (f, DATA);
  g_autoptr (GBytes) saved = dio_hw_bench_save (f->uart);

  dio_device_reset (f->uart);
  g_assert_false (irq (f));
  g_usleep (10000); /* timers of before are over */
  dio_hw_bench_load (f->uart, saved, true);
  g_assert_true (irq (f));
  g_autoptr (GBytes) again = dio_hw_bench_save (f->uart);
  g_assert_true (g_bytes_equal (saved, again));
  for (const char *p = "23456789"; *p; p++)
    g_assert_cmphex (rd (f, DATA), ==, *p);
  /* What was not sent yet is sent. */
  set_room (f, SIZE_MAX);
  g_assert_true (dio_hw_bench_wait (f->bench, 0, true));
  g_assert_cmpstr (f->fake.output->str, ==, "ok");
}

static void
test_no_host (void)
{
  DioHwBench *bench = dio_hw_bench_new ();
  DioDevice *uart = dio_device_new (&dio_ns16550_type, "serial");

  dio_hw_bench_add (bench, uart, BASE, 0);
  dio_ns16550_set_char (uart, NULL);
  for (unsigned i = 0; i < 100; i++)
    dio_hw_bench_write (bench, BASE + DATA, 1, 'x');
  g_assert_cmphex (dio_hw_bench_read (bench, BASE + LSR, 1), ==, 0x60);
  dio_hw_bench_free (bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                        \
  g_test_add ("/hw/serial/ns16550/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("reset-values", test_reset_values);
  ADD ("divisor", test_divisor);
  ADD ("transmit", test_transmit);
  ADD ("transmit-interrupt", test_transmit_interrupt);
  ADD ("slow-host", test_slow_host);
  ADD ("receive", test_receive);
  ADD ("fifo", test_fifo);
  ADD ("fifo-order", test_fifo_order_and_clear);
  ADD ("timeout", test_timeout);
  ADD ("loopback", test_loopback);
  ADD ("line-errors", test_line_errors);
  ADD ("modem-interrupt", test_modem_interrupt);
  ADD ("state", test_state);
#undef ADD
  g_test_add_func ("/hw/serial/ns16550/no-host", test_no_host);
  return g_test_run ();
}
