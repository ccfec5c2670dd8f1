/* SPDX-License-Identifier: GPL-3.0-or-later
 * The PrimeCell GPIO PL061 (Arm DDI 0190): eight lines that are inputs or outputs, each with an
 * interrupt by level or edge. One has a power key on it; nothing is connected to the others.
 *
 * The key is held long enough for drivers that look at the line some time after its edge. */
#include "hw/misc/pl061.h"

#include <libfdt.h>

#include "core/base/base-i18n.h"
#include "core/vm/vm-machine.h"
#include "hw/system-device.h"

#define POWER_BIT (1u << DIO_PL061_POWER_KEY)

enum {
  GPIODATA = 0x000, /* to 0x3fc: bits 9 to 2 of the address are a mask */
  GPIODIR = 0x400,
  GPIOIS = 0x404,
  GPIOIBE = 0x408,
  GPIOIEV = 0x40c,
  GPIOIE = 0x410,
  GPIORIS = 0x414,
  GPIOMIS = 0x418,
  GPIOIC = 0x41c,
  GPIOAFSEL = 0x420,
  GPIO_ID = 0xfe0, /* eight bytes, in a word each */
};

typedef struct {
  DioSystemDevice sys;
  DioTimer *timer;     /* lets the key go */
  uint8_t inputs;      /* what comes from outside */
  uint8_t data;        /* what was written, for outputs */
  uint8_t direction;   /* 1: output */
  uint8_t levels;      /* interrupts: 1 by level, 0 by edge */
  uint8_t both, event; /* both edges; else the rising one, or the high level */
  uint8_t enabled, latched, alternate;
} DioPl061;

/* ---- Lines and interrupts ---- */

static uint8_t
values (const DioPl061 *gpio)
{
  return (gpio->inputs & ~gpio->direction) | (gpio->data & gpio->direction);
}

static uint8_t
raised (const DioPl061 *gpio)
{
  return (gpio->latched & ~gpio->levels) | (~(values (gpio) ^ gpio->event) & gpio->levels);
}

static void
update_irq (DioPl061 *gpio)
{
  dio_irq_set (&gpio->sys.irqs[0], raised (gpio) & gpio->enabled);
}

/* After a change of what the lines are, which were @before. */
static void
note_edges (DioPl061 *gpio, uint8_t before)
{
  uint8_t now = values (gpio), changed = now ^ before;
  gpio->latched |= changed & (gpio->both | ~(now ^ gpio->event)) & ~gpio->levels;
  update_irq (gpio);
}

static void
set_key (DioPl061 *gpio, bool pressed)
{
  uint8_t before = values (gpio);
  gpio->inputs = pressed ? gpio->inputs | POWER_BIT : gpio->inputs & ~POWER_BIT;
  if (pressed)
    dio_timer_set (gpio->timer, dio_clock_now (gpio->sys.dev.machine->clock) + DIO_PL061_PRESS_NS);
  else
    dio_timer_cancel (gpio->timer);
  note_edges (gpio, before);
}

static void
release_cb (void *data)
{
  DioPl061 *gpio = data;
  pthread_mutex_lock (&gpio->sys.dev.lock);
  set_key (gpio, false);
  pthread_mutex_unlock (&gpio->sys.dev.lock);
}

void
dio_pl061_press_power (void *data)
{
  DioPl061 *gpio = data;
  pthread_mutex_lock (&gpio->sys.dev.lock);
  set_key (gpio, true);
  pthread_mutex_unlock (&gpio->sys.dev.lock);
}

void
dio_pl061_take_power_button (DioDevice *gpio)
{
  dio_machine_set_power_button (gpio->machine, dio_pl061_press_power, gpio);
}

/* ---- Registers ---- */

static uint8_t *
plain_register (DioPl061 *gpio, uint64_t offset)
{
  switch (offset) {
  case GPIODIR:
    return &gpio->direction;
  case GPIOIS:
    return &gpio->levels;
  case GPIOIBE:
    return &gpio->both;
  case GPIOIEV:
    return &gpio->event;
  case GPIOIE:
    return &gpio->enabled;
  case GPIOAFSEL:
    return &gpio->alternate;
  default:
    return NULL;
  }
}

static uint64_t
gpio_read (void *opaque, uint64_t offset, unsigned size)
{
  static const uint8_t id[8] = { 0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };
  DioPl061 *gpio = opaque;
  const uint8_t *plain = plain_register (gpio, offset);
  if (offset < GPIODIR)
    return values (gpio) & (offset >> 2 & 0xff);
  if (plain)
    return *plain;
  if (offset == GPIORIS)
    return raised (gpio);
  if (offset == GPIOMIS)
    return raised (gpio) & gpio->enabled;
  return offset >= GPIO_ID ? id[(offset - GPIO_ID) / 4] : 0;
}

static void
gpio_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  DioPl061 *gpio = opaque;
  uint8_t *plain = plain_register (gpio, offset), before = values (gpio);
  uint8_t mask = (uint8_t) (offset >> 2 & 0xff);
  if (offset < GPIODIR)
    gpio->data = (uint8_t) ((gpio->data & ~mask) | (value & mask));
  else if (plain)
    *plain = (uint8_t) value;
  else if (offset == GPIOIC)
    gpio->latched &= (uint8_t) ~value;
  else
    dio_device_guest_error (&gpio->sys.dev, "write at 0x%x", (unsigned) offset);
  note_edges (gpio, before);
}

static const DioRegionOps gpio_ops = {
  .read = gpio_read,
  .write = gpio_write,
  .min_access = 4,
  .max_access = 4,
};

/* ---- Life ---- */

static bool
gpio_realize (DioDevice *dev, GError **error)
{
  DioPl061 *gpio = (DioPl061 *) dev;
  dio_system_device_add_region (&gpio->sys, "pl061", &gpio_ops, DIO_PL061_SIZE, true);
  dio_system_device_set_irqs (&gpio->sys, 1);
  gpio->timer = dio_timer_new (dev->machine->loop, dev->machine->clock, release_cb, gpio);
  return true;
}

static void
gpio_reset (DioDevice *dev)
{
  DioPl061 *gpio = (DioPl061 *) dev;
  gpio->inputs = gpio->data = gpio->direction = gpio->levels = gpio->both = gpio->event = 0;
  gpio->enabled = gpio->latched = gpio->alternate = 0;
  dio_timer_cancel (gpio->timer);
  update_irq (gpio);
}

static void
gpio_state (DioDevice *dev, DioVisitor *visitor)
{
  DioPl061 *gpio = (DioPl061 *) dev;
  dio_visit_u8 (visitor, "inputs", &gpio->inputs);
  dio_visit_u8 (visitor, "data", &gpio->data);
  dio_visit_u8 (visitor, "direction", &gpio->direction);
  dio_visit_u8 (visitor, "levels", &gpio->levels);
  dio_visit_u8 (visitor, "both", &gpio->both);
  dio_visit_u8 (visitor, "event", &gpio->event);
  dio_visit_u8 (visitor, "enabled", &gpio->enabled);
  dio_visit_u8 (visitor, "latched", &gpio->latched);
  dio_visit_u8 (visitor, "alternate", &gpio->alternate);
  if (!dio_visitor_is_loading (visitor))
    return;
  gpio->inputs &= POWER_BIT;
  if (gpio->inputs) /* and is let go as if it had been pressed now */
    dio_timer_set (gpio->timer, dio_clock_now (dev->machine->clock) + DIO_PL061_PRESS_NS);
  update_irq (gpio);
}

static void
gpio_describe_fdt (DioDevice *dev, void *fdt, int parent)
{
  static const char compatible[] = "arm,pl061\0arm,primecell";
  dio_system_device_begin_fdt_node ((DioSystemDevice *) dev, fdt, "pl061", compatible,
                                    sizeof compatible);
  fdt_property_string (fdt, "clock-names", "apb_pclk");
  fdt_property (fdt, "gpio-controller", NULL, 0);
  fdt_property_u32 (fdt, "#gpio-cells", 2);
  fdt_end_node (fdt);
}

static void
gpio_finalize (DioDevice *dev)
{
  DioPl061 *gpio = (DioPl061 *) dev;
  if (dev->machine)
    dio_machine_set_power_button (dev->machine, NULL, NULL);
  dio_system_device_finalize (&gpio->sys);
  g_clear_pointer (&gpio->timer, dio_timer_free);
}

const DioDeviceType dio_pl061_type = {
  .id = "pl061",
  .title = N_ ("General-purpose I/O (PL061)"),
  .description = N_ ("Eight lines, one of which is the power key."),
  .bus = DIO_BUS_SYSTEM,
  .instance_size = sizeof (DioPl061),
  .realize = gpio_realize,
  .reset = gpio_reset,
  .state = gpio_state,
  .state_version = 1,
  .finalize = gpio_finalize,
  .describe_fdt = gpio_describe_fdt,
};
