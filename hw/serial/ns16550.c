/* SPDX-License-Identifier: GPL-3.0-or-later
 * A 16550A serial port (facts: PC16550D data sheet), registers one byte apart.
 *
 * Output is as fast as the host takes it: a byte written leaves at once, and the transmitter is
 * empty again. When the host does not take it, the bytes wait in the FIFO, the guest sees a busy
 * transmitter, and a timer tries again; a vCPU never waits. Input comes only as fast as the guest
 * reads: the host side asks can_receive() and goes on after accept_input(). The char back-end is
 * called without the device's lock for input, with it for output (its write() never calls back). */
#include "hw/serial/ns16550.h"

#include <libfdt.h>
#include <string.h>

#include "core/base/base-i18n.h"
#include "core/vm/vm-machine.h"
#include "hw/system-device.h"

#define FIFO_SIZE 16
#define RETRY_NS (2 * 1000 * 1000)
#define MIN_TIMEOUT_NS (100 * 1000)

enum {
  REG_DATA, /* RBR, THR; DLL with DLAB */
  REG_IER,  /* DLM with DLAB */
  REG_IIR,  /* FCR when written */
  REG_LCR,
  REG_MCR,
  REG_LSR,
  REG_MSR,
  REG_SCR,
};

enum {
  IER_RECEIVE = 1,
  IER_TRANSMIT = 2,
  IER_LINE = 4,
  IER_MODEM = 8,
  IER_ALL = 15,
};

/* Interrupt identification, in order of priority. */
enum {
  IIR_LINE = 6,
  IIR_RECEIVE = 4,
  IIR_TIMEOUT = 12,
  IIR_TRANSMIT = 2,
  IIR_MODEM = 0,
  IIR_NONE = 1,
  IIR_FIFO = 0xc0,
};

enum {
  FCR_ENABLE = 1,
  FCR_CLEAR_RECEIVE = 2,
  FCR_CLEAR_TRANSMIT = 4,
  FCR_DMA = 8,
  FCR_TRIGGER = 0xc0,
};

enum {
  LCR_BREAK = 0x40,
  LCR_DLAB = 0x80,
};

enum {
  MCR_DTR = 1,
  MCR_RTS = 2,
  MCR_OUT1 = 4,
  MCR_OUT2 = 8,
  MCR_LOOP = 16,
  MCR_ALL = 31,
};

enum {
  LSR_READY = 1,
  LSR_OVERRUN = 2,
  LSR_PARITY = 4,
  LSR_FRAMING = 8,
  LSR_BREAK = 16,
  LSR_THRE = 32,
  LSR_TEMT = 64,
  LSR_FIFO_ERROR = 128,
  LSR_CHARACTER = LSR_PARITY | LSR_FRAMING | LSR_BREAK, /* go with one received byte */
  LSR_ERRORS = LSR_OVERRUN | LSR_CHARACTER,
};

enum {
  MSR_DELTA_CTS = 1,
  MSR_DELTA_DSR = 2,
  MSR_TRAILING_RI = 4,
  MSR_DELTA_DCD = 8,
  MSR_CTS = 16,
  MSR_DSR = 32,
  MSR_RI = 64,
  MSR_DCD = 128,
  MSR_DELTAS = 15,
};

typedef struct {
  uint8_t data[FIFO_SIZE];
  uint8_t errors[FIFO_SIZE]; /* LSR_CHARACTER bits of each byte; receive only */
  uint8_t head, count;
} Fifo;

typedef struct {
  DioSystemDevice sys;
  DioChar *chr;
  DioTimer *retry;   /* of output that the host did not take */
  DioTimer *timeout; /* character time-out of the receive FIFO */

  uint16_t divisor;
  uint8_t ier, fcr, lcr, mcr, msr, scr;
  uint8_t overrun;      /* LSR_OVERRUN or 0 */
  uint8_t line_errors;  /* errors of the byte on top, until LSR is read */
  bool transmit_raised; /* the THR-empty interrupt */
  bool timed_out;       /* the time-out interrupt */
  Fifo receive, transmit;
  uint8_t held;    /* what RBR shows when there is nothing to read */
  bool line_level; /* of the interrupt line */
} DioNs16550;

static unsigned
fifo_limit (const DioNs16550 *uart)
{
  return uart->fcr & FCR_ENABLE ? FIFO_SIZE : 1;
}

static void
fifo_push (Fifo *fifo, uint8_t data, uint8_t errors)
{
  unsigned at = (fifo->head + fifo->count) % FIFO_SIZE;

  fifo->data[at] = data;
  fifo->errors[at] = errors;
  fifo->count++;
}

static void
fifo_drop (Fifo *fifo, unsigned count)
{
  fifo->head = (fifo->head + count) % FIFO_SIZE;
  fifo->count -= count;
}

static unsigned
trigger_level (const DioNs16550 *uart)
{
  static const uint8_t levels[] = { 1, 4, 8, 14 };
  return uart->fcr & FCR_ENABLE ? levels[uart->fcr >> 6] : 1;
}

/* The most urgent enabled interrupt, as IIR shows it without the FIFO bits. */
static uint8_t
interrupt_id (const DioNs16550 *uart)
{
  if ((uart->ier & IER_LINE) && (uart->overrun || uart->line_errors))
    return IIR_LINE;
  if ((uart->ier & IER_RECEIVE) && uart->receive.count >= trigger_level (uart))
    return IIR_RECEIVE;
  if ((uart->ier & IER_RECEIVE) && uart->timed_out)
    return IIR_TIMEOUT;
  if ((uart->ier & IER_TRANSMIT) && uart->transmit_raised)
    return IIR_TRANSMIT;
  if ((uart->ier & IER_MODEM) && (uart->msr & MSR_DELTAS))
    return IIR_MODEM;
  return IIR_NONE;
}

static void
update_irq (DioNs16550 *uart)
{
  bool level = interrupt_id (uart) != IIR_NONE;

  if (level == uart->line_level)
    return;
  uart->line_level = level;
  dio_irq_set (&uart->sys.irqs[0], level);
}

/* Four character times at the programmed speed: when bytes below the trigger level have waited so
 * long, the guest is told. */
static int64_t
timeout_ns (const DioNs16550 *uart)
{
  unsigned bits = 1 + 5 + (uart->lcr & 3) + (uart->lcr & 8 ? 1 : 0) + (uart->lcr & 4 ? 2 : 1);
  int64_t ns =
      (int64_t) 4 * bits * 16 * uart->divisor * (1000000000 / 1000) / (DIO_NS16550_CLOCK_HZ / 1000);
  return MAX (ns, MIN_TIMEOUT_NS);
}

/* Restarts the time-out after any receive FIFO activity. */
static void
restart_timeout (DioNs16550 *uart)
{
  uart->timed_out = false;
  if ((uart->fcr & FCR_ENABLE) && uart->receive.count > 0)
    dio_timer_set (uart->timeout, dio_clock_now (uart->sys.dev.machine->clock) + timeout_ns (uart));
  else
    dio_timer_cancel (uart->timeout);
}

static void
timeout_cb (void *data)
{
  DioNs16550 *uart = data;

  pthread_mutex_lock (&uart->sys.dev.lock);
  if ((uart->fcr & FCR_ENABLE) && uart->receive.count > 0) {
    uart->timed_out = true;
    update_irq (uart);
  }
  pthread_mutex_unlock (&uart->sys.dev.lock);
}

/* The errors of the byte that comes to the top become visible in LSR. */
static void
top_changed (DioNs16550 *uart)
{
  if (uart->receive.count > 0) {
    uart->line_errors |= uart->receive.errors[uart->receive.head];
    uart->receive.errors[uart->receive.head] = 0;
  }
}

static void
receive_byte (DioNs16550 *uart, uint8_t data, uint8_t errors)
{
  if (uart->receive.count >= fifo_limit (uart)) {
    uart->overrun = LSR_OVERRUN;
    if (uart->fcr & FCR_ENABLE)
      return; /* the shift register is overwritten, the FIFO is not */
    uart->receive.count = 0;
  }
  fifo_push (&uart->receive, data, errors);
  if (uart->receive.count == 1)
    top_changed (uart);
  restart_timeout (uart);
}

/* Offers waiting output to the host. */
static void
flush_output (DioNs16550 *uart)
{
  Fifo *fifo = &uart->transmit;

  while (fifo->count > 0) {
    unsigned run = MIN (fifo->count, FIFO_SIZE - fifo->head);
    size_t taken = run;
    if (uart->chr)
      taken = uart->chr->ops->write (uart->chr, fifo->data + fifo->head, run);
    fifo_drop (fifo, MIN (taken, run));
    if (taken < run)
      break;
  }
  if (fifo->count > 0) {
    dio_timer_set (uart->retry, dio_clock_now (uart->sys.dev.machine->clock) + RETRY_NS);
    return;
  }
  uart->transmit_raised = true;
}

static void
retry_cb (void *data)
{
  DioNs16550 *uart = data;

  pthread_mutex_lock (&uart->sys.dev.lock);
  if (uart->transmit.count > 0) {
    flush_output (uart);
    update_irq (uart);
  }
  pthread_mutex_unlock (&uart->sys.dev.lock);
}

static void
transmit_byte (DioNs16550 *uart, uint8_t data)
{
  uart->transmit_raised = false;
  if (uart->mcr & MCR_LOOP) {
    receive_byte (uart, data, 0);
    uart->transmit_raised = true;
    return;
  }
  if (uart->transmit.count >= fifo_limit (uart))
    return; /* written while full: the byte is lost, as in the chip */
  fifo_push (&uart->transmit, data, 0);
  if (uart->transmit.count == 1 || uart->transmit.count == fifo_limit (uart))
    flush_output (uart);
}

/* The modem lines as they are now: those of a connected host, or MCR's own in loop-back. */
static void
update_modem_lines (DioNs16550 *uart)
{
  uint8_t lines = MSR_CTS | MSR_DSR | MSR_DCD, changed;

  if (uart->mcr & MCR_LOOP)
    lines = (uart->mcr & MCR_RTS ? MSR_CTS : 0) | (uart->mcr & MCR_DTR ? MSR_DSR : 0)
            | (uart->mcr & MCR_OUT1 ? MSR_RI : 0) | (uart->mcr & MCR_OUT2 ? MSR_DCD : 0);
  changed = (uart->msr ^ lines) & ~MSR_DELTAS;
  uart->msr = (uart->msr & MSR_DELTAS) | lines;
  if (changed & MSR_CTS)
    uart->msr |= MSR_DELTA_CTS;
  if (changed & MSR_DSR)
    uart->msr |= MSR_DELTA_DSR;
  if (changed & MSR_DCD)
    uart->msr |= MSR_DELTA_DCD;
  if ((changed & MSR_RI) && !(lines & MSR_RI))
    uart->msr |= MSR_TRAILING_RI;
}

static uint8_t
read_data (DioNs16550 *uart)
{
  if (uart->receive.count > 0) {
    uart->held = uart->receive.data[uart->receive.head];
    fifo_drop (&uart->receive, 1);
    top_changed (uart);
    restart_timeout (uart);
  }
  return uart->held;
}

static uint8_t
read_lsr (DioNs16550 *uart)
{
  uint8_t value = uart->overrun | uart->line_errors;
  uint8_t queued = uart->line_errors;

  for (unsigned i = 0; i < uart->receive.count; i++)
    queued |= uart->receive.errors[(uart->receive.head + i) % FIFO_SIZE];
  if ((uart->fcr & FCR_ENABLE) && queued)
    value |= LSR_FIFO_ERROR;
  if (uart->receive.count > 0)
    value |= LSR_READY;
  if (uart->transmit.count == 0)
    value |= LSR_THRE | LSR_TEMT;
  uart->overrun = 0;
  uart->line_errors = 0;
  return value;
}

static uint8_t
read_iir (DioNs16550 *uart)
{
  uint8_t id = interrupt_id (uart);

  if (id == IIR_TRANSMIT)
    uart->transmit_raised = false;
  return id | (uart->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static uint8_t
read_msr (DioNs16550 *uart)
{
  uint8_t value = uart->msr;
  uart->msr &= ~MSR_DELTAS;
  return value;
}

static uint64_t
uart_read (void *opaque, uint64_t offset, unsigned size)
{
  DioNs16550 *uart = opaque;
  uint8_t value = 0;

  pthread_mutex_lock (&uart->sys.dev.lock);
  bool dlab = uart->lcr & LCR_DLAB;
  bool had_input = uart->receive.count > 0;
  switch (offset) {
  case REG_DATA:
    value = dlab ? uart->divisor & 0xff : read_data (uart);
    break;
  case REG_IER:
    value = dlab ? uart->divisor >> 8 : uart->ier;
    break;
  case REG_IIR:
    value = read_iir (uart);
    break;
  case REG_LCR:
    value = uart->lcr;
    break;
  case REG_MCR:
    value = uart->mcr;
    break;
  case REG_LSR:
    value = read_lsr (uart);
    break;
  case REG_MSR:
    value = read_msr (uart);
    break;
  case REG_SCR:
    value = uart->scr;
    break;
  }
  update_irq (uart);
  bool accept = had_input && uart->receive.count == 0;
  pthread_mutex_unlock (&uart->sys.dev.lock);

  if (accept && uart->chr)
    uart->chr->ops->accept_input (uart->chr);
  return value;
}

static void
clear_receive (DioNs16550 *uart)
{
  uart->receive.head = uart->receive.count = 0;
  uart->line_errors = 0;
  restart_timeout (uart);
}

static void
write_fcr (DioNs16550 *uart, uint8_t value)
{
  /* Turning the FIFOs on or off clears them; the other bits count only while they are on. */
  if ((value ^ uart->fcr) & FCR_ENABLE)
    value |= FCR_CLEAR_RECEIVE | FCR_CLEAR_TRANSMIT;
  uart->fcr = value & FCR_ENABLE ? value & (FCR_ENABLE | FCR_DMA | FCR_TRIGGER) : 0;
  if (value & FCR_CLEAR_RECEIVE)
    clear_receive (uart);
  if (value & FCR_CLEAR_TRANSMIT) {
    uart->transmit.head = uart->transmit.count = 0;
    uart->transmit_raised = true;
  }
}

static void
write_lcr (DioNs16550 *uart, uint8_t value)
{
  /* A break that we send ourselves is one zero byte with the break bit; the host side has none. */
  if ((value & ~uart->lcr & LCR_BREAK) && (uart->mcr & MCR_LOOP))
    receive_byte (uart, 0, LSR_BREAK);
  uart->lcr = value;
}

static void
uart_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  DioNs16550 *uart = opaque;
  bool accept = false;

  pthread_mutex_lock (&uart->sys.dev.lock);
  bool dlab = uart->lcr & LCR_DLAB;
  switch (offset) {
  case REG_DATA:
    if (dlab)
      uart->divisor = (uart->divisor & 0xff00) | (value & 0xff);
    else
      transmit_byte (uart, value);
    break;
  case REG_IER:
    if (dlab) {
      uart->divisor = (uart->divisor & 0xff) | (value & 0xff) << 8;
    } else {
      /* Enabling the transmitter's interrupt while it is empty raises it. */
      if ((value & ~uart->ier & IER_TRANSMIT) && uart->transmit.count == 0)
        uart->transmit_raised = true;
      uart->ier = value & IER_ALL;
    }
    break;
  case REG_IIR:
    write_fcr (uart, value);
    accept = true;
    break;
  case REG_LCR:
    write_lcr (uart, value);
    break;
  case REG_MCR:
    accept = (uart->mcr & MCR_LOOP) && !(value & MCR_LOOP);
    uart->mcr = value & MCR_ALL;
    update_modem_lines (uart);
    break;
  case REG_SCR:
    uart->scr = value;
    break;
  }
  update_irq (uart);
  pthread_mutex_unlock (&uart->sys.dev.lock);

  if (accept && uart->chr)
    uart->chr->ops->accept_input (uart->chr);
}

/* Locks for itself, as accept_input() is called without the lock. */
static const DioRegionOps uart_ops = {
  .read = uart_read,
  .write = uart_write,
  .min_access = 1,
  .max_access = 1,
};

static size_t
can_receive_cb (void *opaque)
{
  DioNs16550 *uart = opaque;

  pthread_mutex_lock (&uart->sys.dev.lock);
  /* In loop-back the receiver is cut off from its pin. */
  size_t room = 0;
  if (!(uart->mcr & MCR_LOOP) && uart->receive.count < fifo_limit (uart))
    room = fifo_limit (uart) - uart->receive.count;
  pthread_mutex_unlock (&uart->sys.dev.lock);
  return room;
}

static void
receive_cb (void *opaque, const uint8_t *data, size_t length)
{
  DioNs16550 *uart = opaque;

  pthread_mutex_lock (&uart->sys.dev.lock);
  for (size_t i = 0; i < length; i++)
    receive_byte (uart, data[i], 0);
  update_irq (uart);
  pthread_mutex_unlock (&uart->sys.dev.lock);
}

static const DioCharHandlers char_handlers = {
  .can_receive = can_receive_cb,
  .receive = receive_cb,
};

void
dio_ns16550_set_char (DioDevice *dev, DioChar *chr)
{
  DioNs16550 *uart = (DioNs16550 *) dev;

  g_return_if_fail (!uart->chr);
  uart->chr = chr;
  if (chr)
    chr->ops->set_handlers (chr, dev->machine->loop, &char_handlers, uart);
}

static bool
uart_realize (DioDevice *dev, GError **error)
{
  DioNs16550 *uart = (DioNs16550 *) dev;

  dio_system_device_add_region (&uart->sys, "ns16550", &uart_ops, DIO_NS16550_SIZE, false);
  dio_system_device_set_irqs (&uart->sys, 1);
  uart->retry = dio_timer_new (dev->machine->loop, dev->machine->clock, retry_cb, uart);
  uart->timeout = dio_timer_new (dev->machine->loop, dev->machine->clock, timeout_cb, uart);
  return true;
}

static void
uart_reset (DioDevice *dev)
{
  DioNs16550 *uart = (DioNs16550 *) dev;

  uart->divisor = 12; /* 19200; the data sheet leaves it open */
  uart->ier = uart->fcr = uart->lcr = uart->mcr = uart->scr = 0;
  uart->overrun = uart->held = 0;
  uart->transmit.head = uart->transmit.count = 0;
  uart->transmit_raised = false;
  clear_receive (uart);
  update_modem_lines (uart);
  uart->msr &= ~MSR_DELTAS;
  update_irq (uart);
}

static void
visit_fifo (DioVisitor *visitor, const char *name, Fifo *fifo)
{
  Fifo flat = { .count = fifo->count };

  /* From the head on, so that equal contents are equal bytes. */
  for (unsigned i = 0; i < fifo->count; i++) {
    flat.data[i] = fifo->data[(fifo->head + i) % FIFO_SIZE];
    flat.errors[i] = fifo->errors[(fifo->head + i) % FIFO_SIZE];
  }
  dio_visit_begin (visitor, name, 1);
  dio_visit_u8 (visitor, "count", &flat.count);
  dio_visit_bytes (visitor, "data", flat.data, FIFO_SIZE);
  dio_visit_bytes (visitor, "errors", flat.errors, FIFO_SIZE);
  dio_visit_end (visitor);
  if (flat.count > FIFO_SIZE) {
    dio_visitor_fail (visitor, "%s holds %u bytes", name, flat.count);
    return;
  }
  for (unsigned i = 0; i < FIFO_SIZE; i++) {
    flat.errors[i] &= LSR_CHARACTER;
    if (i >= flat.count)
      flat.data[i] = flat.errors[i] = 0;
  }
  if (!dio_visitor_failed (visitor))
    *fifo = flat;
}

static void
uart_state (DioDevice *dev, DioVisitor *visitor)
{
  DioNs16550 *uart = (DioNs16550 *) dev;

  dio_visit_u16 (visitor, "divisor", &uart->divisor);
  dio_visit_u8 (visitor, "ier", &uart->ier);
  dio_visit_u8 (visitor, "fcr", &uart->fcr);
  dio_visit_u8 (visitor, "lcr", &uart->lcr);
  dio_visit_u8 (visitor, "mcr", &uart->mcr);
  dio_visit_u8 (visitor, "msr", &uart->msr);
  dio_visit_u8 (visitor, "scr", &uart->scr);
  dio_visit_u8 (visitor, "overrun", &uart->overrun);
  dio_visit_u8 (visitor, "line-errors", &uart->line_errors);
  dio_visit_bool (visitor, "transmit-raised", &uart->transmit_raised);
  dio_visit_bool (visitor, "timed-out", &uart->timed_out);
  dio_visit_u8 (visitor, "held", &uart->held);
  visit_fifo (visitor, "receive", &uart->receive);
  visit_fifo (visitor, "transmit", &uart->transmit);
  if (uart->receive.count > fifo_limit (uart) || uart->transmit.count > fifo_limit (uart))
    dio_visitor_fail (visitor, "more bytes than the FIFOs hold");
  if (!dio_visitor_is_loading (visitor))
    return;
  if (dio_visitor_failed (visitor)) {
    uart_reset (dev); /* rather than half of something */
    return;
  }

  uart->ier &= IER_ALL;
  uart->fcr &= FCR_ENABLE | FCR_DMA | FCR_TRIGGER;
  uart->mcr &= MCR_ALL;
  uart->overrun &= LSR_OVERRUN;
  uart->line_errors &= LSR_CHARACTER;
  bool timed_out = uart->timed_out && uart->receive.count > 0;
  restart_timeout (uart);
  uart->timed_out = timed_out;
  if (uart->transmit.count > 0)
    dio_timer_set (uart->retry, dio_clock_now (dev->machine->clock) + RETRY_NS);
  uart->line_level = interrupt_id (uart) != IIR_NONE;
  dio_irq_set (&uart->sys.irqs[0], uart->line_level);
}

static void
uart_describe_fdt (DioDevice *dev, void *fdt, int parent)
{
  static const char compatible[] = "ns16550a";

  dio_system_device_begin_fdt_node ((DioSystemDevice *) dev, fdt, "serial", compatible,
                                    sizeof compatible);

  fdt_property_u32 (fdt, "clock-frequency", DIO_NS16550_CLOCK_HZ);
  fdt_end_node (fdt);
}

static void
uart_finalize (DioDevice *dev)
{
  DioNs16550 *uart = (DioNs16550 *) dev;

  if (uart->chr)
    uart->chr->ops->set_handlers (uart->chr, NULL, NULL, NULL);
  dio_system_device_finalize (&uart->sys);
  g_clear_pointer (&uart->retry, dio_timer_free);
  g_clear_pointer (&uart->timeout, dio_timer_free);
}

const DioDeviceType dio_ns16550_type = {
  .id = "ns16550",
  .title = N_ ("Serial port (16550A)"),
  .description = N_ ("A serial line with a text console on the other end."),
  .bus = DIO_BUS_SYSTEM,
  .instance_size = sizeof (DioNs16550),
  .realize = uart_realize,
  .reset = uart_reset,
  .state = uart_state,
  .state_version = 1,
  .finalize = uart_finalize,
  .describe_fdt = uart_describe_fdt,
};
