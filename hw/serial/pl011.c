/* SPDX-License-Identifier: GPL-3.0-or-later
 * The PrimeCell UART PL011 (Arm DDI 0183): what drivers use of it, without modem lines and DMA.
 *
 * Output goes to the host at once; what the host does not take waits in the FIFO and is offered
 * again. Bytes of input below the trigger level are reported after 32 bit times, as in the chip. */
#include "hw/serial/pl011.h"

#include <libfdt.h>

#include "core/base/base-i18n.h"
#include "core/vm/vm-machine.h"
#include "hw/system-device.h"

#define FIFO_SIZE 32
#define RETRY_NS 1000000
#define TIMEOUT_NS 300000 /* 32 bits at 115200 */

enum {
  UARTDR = 0x00,
  UARTRSR = 0x04,
  UARTFR = 0x18,
  UARTILPR = 0x20,
  UARTIBRD = 0x24,
  UARTFBRD = 0x28,
  UARTLCR_H = 0x2c,
  UARTCR = 0x30,
  UARTIFLS = 0x34,
  UARTIMSC = 0x38,
  UARTRIS = 0x3c,
  UARTMIS = 0x40,
  UARTICR = 0x44,
  UARTDMACR = 0x48,
  UART_ID = 0xfe0, /* eight bytes, in a word each */
};

enum {
  FR_CTS = 1 << 0,
  FR_DSR = 1 << 1,
  FR_DCD = 1 << 2,
  FR_RXFE = 1 << 4,
  FR_TXFF = 1 << 5,
  FR_RXFF = 1 << 6,
  FR_TXFE = 1 << 7,
};

enum {
  LCR_FEN = 1 << 4,
  CR_UARTEN = 1 << 0,
  CR_LBE = 1 << 7,
  CR_RXE = 1 << 9,
};

/* Of IMSC, RIS, MIS and ICR. */
enum {
  INT_RX = 1 << 4,
  INT_TX = 1 << 5,
  INT_RT = 1 << 6,
  INT_OE = 1 << 10,
  INT_ALL = 0x7ff,
};

typedef struct {
  uint8_t data[FIFO_SIZE];
  uint8_t head, count;
} Fifo;

typedef struct {
  DioSystemDevice sys;
  DioChar *chr;
  DioTimer *retry;   /* of output that the host did not take */
  DioTimer *timeout; /* of input below the trigger level */

  uint16_t ibrd, control, mask, raised;
  uint8_t fbrd, lcr, levels, ilpr, dma;
  Fifo receive, transmit;
  uint8_t held;    /* what DR shows when there is nothing to read */
  bool line_level; /* of the interrupt line */
} DioPl011;

static unsigned
fifo_limit (const DioPl011 *uart)
{
  return uart->lcr & LCR_FEN ? FIFO_SIZE : 1;
}

static void
fifo_push (Fifo *fifo, uint8_t data)
{
  fifo->data[(fifo->head + fifo->count) % FIFO_SIZE] = data;
  fifo->count++;
}

static void
fifo_drop (Fifo *fifo, unsigned count)
{
  fifo->head = (uint8_t) ((fifo->head + count) % FIFO_SIZE);
  fifo->count -= (uint8_t) count;
}

/* Bytes at which a FIFO is reported, by a field of IFLS: 1/8, 1/4, 1/2, 3/4, 7/8. */
static unsigned
trigger (const DioPl011 *uart, unsigned field)
{
  static const uint8_t eighths[8] = { 1, 2, 4, 6, 7, 4, 4, 4 };
  return uart->lcr & LCR_FEN ? eighths[field & 7] * FIFO_SIZE / 8u : 1;
}

static void
update_irq (DioPl011 *uart)
{
  bool level = (uart->raised & uart->mask) != 0;
  if (level == uart->line_level)
    return;
  uart->line_level = level;
  dio_irq_set (&uart->sys.irqs[0], level);
}

/* ---- Output ---- */

/* Offers waiting output to the host. */
static void
flush_output (DioPl011 *uart)
{
  Fifo *fifo = &uart->transmit;
  while (fifo->count > 0) {
    unsigned run = MIN (fifo->count, FIFO_SIZE - fifo->head);
    size_t taken = run;
    if (uart->chr)
      taken = uart->chr->ops->write (uart->chr, fifo->data + fifo->head, run);
    fifo_drop (fifo, (unsigned) MIN (taken, run));
    if (taken < run)
      break;
  }
  if (fifo->count > 0)
    dio_timer_set (uart->retry, dio_clock_now (uart->sys.dev.machine->clock) + RETRY_NS);
  if (fifo->count <= trigger (uart, uart->levels))
    uart->raised |= INT_TX;
}

static void
retry_cb (void *data)
{
  DioPl011 *uart = data;
  pthread_mutex_lock (&uart->sys.dev.lock);
  if (uart->transmit.count > 0) {
    flush_output (uart);
    update_irq (uart);
  }
  pthread_mutex_unlock (&uart->sys.dev.lock);
}

static void receive_byte (DioPl011 *uart, uint8_t data);

static void
transmit_byte (DioPl011 *uart, uint8_t data)
{
  uart->raised &= (uint16_t) ~INT_TX;
  if (uart->control & CR_LBE) {
    receive_byte (uart, data);
    uart->raised |= INT_TX;
    return;
  }
  if (uart->transmit.count >= fifo_limit (uart))
    return; /* written while full: the byte is lost, as in the chip */
  fifo_push (&uart->transmit, data);
  flush_output (uart);
}

/* ---- Input ---- */

static void
restart_timeout (DioPl011 *uart)
{
  if (uart->receive.count > 0)
    dio_timer_set (uart->timeout, dio_clock_now (uart->sys.dev.machine->clock) + TIMEOUT_NS);
  else
    dio_timer_cancel (uart->timeout);
}

static void
timeout_cb (void *data)
{
  DioPl011 *uart = data;
  pthread_mutex_lock (&uart->sys.dev.lock);
  if (uart->receive.count > 0) {
    uart->raised |= INT_RT;
    update_irq (uart);
  }
  pthread_mutex_unlock (&uart->sys.dev.lock);
}

static void
receive_byte (DioPl011 *uart, uint8_t data)
{
  if (uart->receive.count >= fifo_limit (uart)) {
    uart->raised |= INT_OE;
    return;
  }
  fifo_push (&uart->receive, data);
  if (uart->receive.count >= trigger (uart, uart->levels >> 3))
    uart->raised |= INT_RX;
  restart_timeout (uart);
}

static uint8_t
read_data (DioPl011 *uart)
{
  if (uart->receive.count > 0) {
    uart->held = uart->receive.data[uart->receive.head];
    fifo_drop (&uart->receive, 1);
    restart_timeout (uart);
  }
  if (uart->receive.count < trigger (uart, uart->levels >> 3))
    uart->raised &= (uint16_t) ~INT_RX;
  if (uart->receive.count == 0)
    uart->raised &= (uint16_t) ~INT_RT;
  return uart->held;
}

static size_t
can_receive_cb (void *opaque)
{
  DioPl011 *uart = opaque;
  pthread_mutex_lock (&uart->sys.dev.lock);
  bool on = (uart->control & (CR_UARTEN | CR_RXE)) == (CR_UARTEN | CR_RXE);
  size_t room = on && !(uart->control & CR_LBE) && uart->receive.count < fifo_limit (uart)
                    ? fifo_limit (uart) - uart->receive.count
                    : 0;
  pthread_mutex_unlock (&uart->sys.dev.lock);
  return room;
}

static void
receive_cb (void *opaque, const uint8_t *data, size_t length)
{
  DioPl011 *uart = opaque;
  pthread_mutex_lock (&uart->sys.dev.lock);
  for (size_t i = 0; i < length; i++)
    receive_byte (uart, data[i]);
  update_irq (uart);
  pthread_mutex_unlock (&uart->sys.dev.lock);
}

static const DioCharHandlers char_handlers = {
  .can_receive = can_receive_cb,
  .receive = receive_cb,
};

void
dio_pl011_set_char (DioDevice *dev, DioChar *chr)
{
  DioPl011 *uart = (DioPl011 *) dev;
  g_return_if_fail (!uart->chr);
  uart->chr = chr;
  if (chr)
    chr->ops->set_handlers (chr, dev->machine->loop, &char_handlers, uart);
}

/* ---- Registers ---- */

static uint16_t
flags (const DioPl011 *uart)
{
  return (uint16_t) (FR_CTS | FR_DSR | FR_DCD | (uart->receive.count == 0 ? FR_RXFE : 0)
                     | (uart->receive.count >= fifo_limit (uart) ? FR_RXFF : 0)
                     | (uart->transmit.count == 0 ? FR_TXFE : 0)
                     | (uart->transmit.count >= fifo_limit (uart) ? FR_TXFF : 0));
}

static uint64_t
read_register (DioPl011 *uart, uint64_t offset)
{
  static const uint8_t id[8] = { 0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };
  switch (offset) {
  case UARTDR:
    return read_data (uart);
  case UARTFR:
    return flags (uart);
  case UARTILPR:
    return uart->ilpr;
  case UARTIBRD:
    return uart->ibrd;
  case UARTFBRD:
    return uart->fbrd;
  case UARTLCR_H:
    return uart->lcr;
  case UARTCR:
    return uart->control;
  case UARTIFLS:
    return uart->levels;
  case UARTIMSC:
    return uart->mask;
  case UARTRIS:
    return uart->raised;
  case UARTMIS:
    return uart->raised & uart->mask;
  case UARTDMACR:
    return uart->dma;
  default:
    return offset >= UART_ID ? id[(offset - UART_ID) / 4] : 0;
  }
}

static void
write_register (DioPl011 *uart, uint64_t offset, uint64_t value)
{
  switch (offset) {
  case UARTDR:
    transmit_byte (uart, (uint8_t) value);
    break;
  case UARTRSR: /* errors of bytes: there are none */
    break;
  case UARTILPR:
    uart->ilpr = (uint8_t) value;
    break;
  case UARTIBRD:
    uart->ibrd = (uint16_t) value;
    break;
  case UARTFBRD:
    uart->fbrd = value & 63;
    break;
  case UARTLCR_H:
    /* Turning the FIFOs on or off empties them. */
    if ((value ^ uart->lcr) & LCR_FEN)
      uart->receive.count = uart->transmit.count = 0;
    uart->lcr = (uint8_t) value;
    break;
  case UARTCR:
    uart->control = (uint16_t) value;
    break;
  case UARTIFLS:
    uart->levels = value & 63;
    break;
  case UARTIMSC:
    uart->mask = value & INT_ALL;
    break;
  case UARTICR:
    uart->raised &= (uint16_t) ~value;
    break;
  case UARTDMACR:
    uart->dma = value & 7;
    break;
  default:
    dio_device_guest_error (&uart->sys.dev, "write at 0x%x", (unsigned) offset);
    break;
  }
}

static uint64_t
uart_read (void *opaque, uint64_t offset, unsigned size)
{
  DioPl011 *uart = opaque;
  pthread_mutex_lock (&uart->sys.dev.lock);
  bool had_input = uart->receive.count > 0;
  uint64_t value = read_register (uart, offset);
  bool accept = had_input && uart->receive.count == 0;
  update_irq (uart);
  pthread_mutex_unlock (&uart->sys.dev.lock);
  if (accept && uart->chr)
    uart->chr->ops->accept_input (uart->chr);
  return value;
}

static void
uart_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  DioPl011 *uart = opaque;
  pthread_mutex_lock (&uart->sys.dev.lock);
  write_register (uart, offset, value);
  update_irq (uart);
  pthread_mutex_unlock (&uart->sys.dev.lock);
  if (uart->chr && (offset == UARTCR || offset == UARTLCR_H))
    uart->chr->ops->accept_input (uart->chr);
}

static const DioRegionOps uart_ops = {
  .read = uart_read,
  .write = uart_write,
  .min_access = 4,
  .max_access = 4,
};

/* ---- Life ---- */

static bool
uart_realize (DioDevice *dev, GError **error)
{
  DioPl011 *uart = (DioPl011 *) dev;
  dio_system_device_add_region (&uart->sys, "pl011", &uart_ops, DIO_PL011_SIZE, false);
  dio_system_device_set_irqs (&uart->sys, 1);
  uart->retry = dio_timer_new (dev->machine->loop, dev->machine->clock, retry_cb, uart);
  uart->timeout = dio_timer_new (dev->machine->loop, dev->machine->clock, timeout_cb, uart);
  return true;
}

static void
uart_reset (DioDevice *dev)
{
  DioPl011 *uart = (DioPl011 *) dev;
  uart->control = 0x300; /* transmit and receive, but not enabled */
  uart->levels = 0x12;
  uart->ibrd = uart->mask = uart->raised = 0;
  uart->fbrd = uart->lcr = uart->ilpr = uart->dma = uart->held = 0;
  uart->receive = uart->transmit = (Fifo){ .count = 0 };
  restart_timeout (uart);
  update_irq (uart);
}

static void
visit_fifo (DioVisitor *visitor, const char *name, Fifo *fifo)
{
  Fifo flat = { .count = fifo->count };
  /* From the head on, so that equal contents are equal bytes. */
  for (unsigned i = 0; i < fifo->count; i++)
    flat.data[i] = fifo->data[(fifo->head + i) % FIFO_SIZE];
  dio_visit_begin (visitor, name, 1);
  dio_visit_u8 (visitor, "count", &flat.count);
  dio_visit_bytes (visitor, "data", flat.data, FIFO_SIZE);
  dio_visit_end (visitor);
  if (flat.count > FIFO_SIZE) {
    dio_visitor_fail (visitor, "%s holds %u bytes", name, flat.count);
    return;
  }
  for (unsigned i = flat.count; i < FIFO_SIZE; i++)
    flat.data[i] = 0;
  if (!dio_visitor_failed (visitor))
    *fifo = flat;
}

static void
uart_state (DioDevice *dev, DioVisitor *visitor)
{
  DioPl011 *uart = (DioPl011 *) dev;
  dio_visit_u16 (visitor, "ibrd", &uart->ibrd);
  dio_visit_u8 (visitor, "fbrd", &uart->fbrd);
  dio_visit_u8 (visitor, "lcr", &uart->lcr);
  dio_visit_u16 (visitor, "control", &uart->control);
  dio_visit_u8 (visitor, "levels", &uart->levels);
  dio_visit_u16 (visitor, "mask", &uart->mask);
  dio_visit_u16 (visitor, "raised", &uart->raised);
  dio_visit_u8 (visitor, "ilpr", &uart->ilpr);
  dio_visit_u8 (visitor, "dma", &uart->dma);
  dio_visit_u8 (visitor, "held", &uart->held);
  visit_fifo (visitor, "receive", &uart->receive);
  visit_fifo (visitor, "transmit", &uart->transmit);
  if (!dio_visitor_is_loading (visitor))
    return;
  if (uart->receive.count > fifo_limit (uart) || uart->transmit.count > fifo_limit (uart))
    dio_visitor_fail (visitor, "more bytes than the FIFOs hold");
  if (dio_visitor_failed (visitor)) {
    uart_reset (dev); /* rather than half of something */
    return;
  }
  uart->fbrd &= 63;
  uart->levels &= 63;
  uart->mask &= INT_ALL;
  uart->raised &= INT_ALL;
  uart->dma &= 7;
  restart_timeout (uart);
  if (uart->transmit.count > 0)
    dio_timer_set (uart->retry, dio_clock_now (dev->machine->clock) + RETRY_NS);
  uart->line_level = (uart->raised & uart->mask) != 0;
  dio_irq_set (&uart->sys.irqs[0], uart->line_level);
}

static void
uart_describe_fdt (DioDevice *dev, void *fdt, int parent)
{
  static const char compatible[] = "arm,pl011\0arm,primecell";
  static const char clocks[] = "uartclk\0apb_pclk";
  dio_system_device_begin_fdt_node ((DioSystemDevice *) dev, fdt, "pl011", compatible,
                                    sizeof compatible);
  fdt_property (fdt, "clock-names", clocks, sizeof clocks);
  fdt_end_node (fdt);
}

static void
uart_finalize (DioDevice *dev)
{
  DioPl011 *uart = (DioPl011 *) dev;
  if (uart->chr)
    uart->chr->ops->set_handlers (uart->chr, NULL, NULL, NULL);
  dio_system_device_finalize (&uart->sys);
  g_clear_pointer (&uart->retry, dio_timer_free);
  g_clear_pointer (&uart->timeout, dio_timer_free);
}

const DioDeviceType dio_pl011_type = {
  .id = "pl011",
  .title = N_ ("Serial port (PL011)"),
  .description = N_ ("A serial line with a text console on the other end."),
  .bus = DIO_BUS_SYSTEM,
  .instance_size = sizeof (DioPl011),
  .realize = uart_realize,
  .reset = uart_reset,
  .state = uart_state,
  .state_version = 1,
  .finalize = uart_finalize,
  .describe_fdt = uart_describe_fdt,
};
