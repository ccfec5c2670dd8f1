/* SPDX-License-Identifier: GPL-3.0-or-later
 * The Goldfish real-time clock: nanoseconds since 1970 and one alarm.
 *
 * It shows the host's real time plus what the guest set it off by, and goes on while the machine is
 * paused, as a clock with a battery does. The alarm's timer runs on virtual time, which stands
 * still then: it looks at the real time again at least once a second. */
#include "hw/rtc/goldfish-rtc.h"

#include <libfdt.h>
#include <time.h>

#include "core/base/base-i18n.h"
#include "core/vm/vm-machine.h"
#include "hw/system-device.h"

#define LONGEST_SLEEP_NS INT64_C (1000000000)

enum {
  REG_TIME_LOW = 0x00, /* a read latches the high half */
  REG_TIME_HIGH = 0x04,
  REG_ALARM_LOW = 0x08, /* a write arms the alarm with the high half written before */
  REG_ALARM_HIGH = 0x0c,
  REG_IRQ_ENABLED = 0x10,
  REG_CLEAR_ALARM = 0x14,
  REG_ALARM_STATUS = 0x18,
  REG_CLEAR_INTERRUPT = 0x1c,
};

typedef struct {
  DioSystemDevice sys;
  DioTimer *timer;
  uint64_t offset; /* guest time - host time, modulo 2^64 */
  uint64_t alarm;
  uint32_t time_high;  /* latched by reading TIME_LOW */
  uint32_t write_high; /* waits for TIME_LOW to be written */
  bool armed, pending, irq_enabled;
} DioGoldfishRtc;

static uint64_t
host_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_REALTIME, &now);
  return (uint64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

static void
update_irq (DioGoldfishRtc *rtc)
{
  dio_irq_set (&rtc->sys.irqs[0], rtc->pending && rtc->irq_enabled);
}

/* Fires the alarm if it is time, or waits for it. */
static void
check_alarm (DioGoldfishRtc *rtc)
{
  uint64_t now = host_now () + rtc->offset;

  if (!rtc->armed) {
    dio_timer_cancel (rtc->timer);
  } else if (rtc->alarm <= now) {
    rtc->armed = false;
    rtc->pending = true;
    dio_timer_cancel (rtc->timer);
  } else {
    uint64_t wait = MIN (rtc->alarm - now, (uint64_t) LONGEST_SLEEP_NS);
    dio_timer_set (rtc->timer, dio_clock_now (rtc->sys.dev.machine->clock) + (int64_t) wait);
  }
  update_irq (rtc);
}

static void
timer_cb (void *data)
{
  DioGoldfishRtc *rtc = data;

  pthread_mutex_lock (&rtc->sys.dev.lock);
  check_alarm (rtc);
  pthread_mutex_unlock (&rtc->sys.dev.lock);
}

static uint64_t
rtc_read (void *opaque, uint64_t offset, unsigned size)
{
  DioGoldfishRtc *rtc = opaque;
  uint64_t now;

  switch (offset) {
  case REG_TIME_LOW:
    now = host_now () + rtc->offset;
    rtc->time_high = now >> 32;
    return now & UINT32_MAX;
  case REG_TIME_HIGH:
    return rtc->time_high;
  case REG_ALARM_LOW:
    return rtc->alarm & UINT32_MAX;
  case REG_ALARM_HIGH:
    return rtc->alarm >> 32;
  case REG_IRQ_ENABLED:
    return rtc->irq_enabled;
  case REG_ALARM_STATUS:
    return rtc->armed;
  }
  return 0;
}

static void
rtc_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  DioGoldfishRtc *rtc = opaque;

  switch (offset) {
  case REG_TIME_LOW:
    rtc->offset = ((uint64_t) rtc->write_high << 32 | value) - host_now ();
    check_alarm (rtc);
    break;
  case REG_TIME_HIGH:
    rtc->write_high = value;
    break;
  case REG_ALARM_LOW:
    rtc->alarm = (rtc->alarm & ~(uint64_t) UINT32_MAX) | value;
    rtc->armed = true;
    check_alarm (rtc);
    break;
  case REG_ALARM_HIGH:
    rtc->alarm = (rtc->alarm & UINT32_MAX) | value << 32;
    break;
  case REG_IRQ_ENABLED:
    rtc->irq_enabled = value & 1;
    update_irq (rtc);
    break;
  case REG_CLEAR_ALARM:
    rtc->armed = false;
    check_alarm (rtc);
    break;
  case REG_CLEAR_INTERRUPT:
    rtc->pending = false;
    update_irq (rtc);
    break;
  default:
    dio_device_guest_error (&rtc->sys.dev, "write at 0x%x", (unsigned) offset);
    break;
  }
}

static const DioRegionOps rtc_ops = {
  .read = rtc_read,
  .write = rtc_write,
  .min_access = 4,
  .max_access = 4,
};

static bool
rtc_realize (DioDevice *dev, GError **error)
{
  DioGoldfishRtc *rtc = (DioGoldfishRtc *) dev;

  dio_system_device_add_region (&rtc->sys, "goldfish-rtc", &rtc_ops, DIO_GOLDFISH_RTC_SIZE, true);
  dio_system_device_set_irqs (&rtc->sys, 1);
  rtc->timer = dio_timer_new (dev->machine->loop, dev->machine->clock, timer_cb, rtc);
  return true;
}

static void
rtc_reset (DioDevice *dev)
{
  DioGoldfishRtc *rtc = (DioGoldfishRtc *) dev;

  /* The time itself survives a reset. */
  rtc->alarm = 0;
  rtc->time_high = rtc->write_high = 0;
  rtc->armed = rtc->pending = rtc->irq_enabled = false;
  check_alarm (rtc);
}

static void
rtc_state (DioDevice *dev, DioVisitor *visitor)
{
  DioGoldfishRtc *rtc = (DioGoldfishRtc *) dev;

  dio_visit_u64 (visitor, "offset", &rtc->offset);
  dio_visit_u64 (visitor, "alarm", &rtc->alarm);
  dio_visit_u32 (visitor, "time-high", &rtc->time_high);
  dio_visit_u32 (visitor, "write-high", &rtc->write_high);
  dio_visit_bool (visitor, "armed", &rtc->armed);
  dio_visit_bool (visitor, "pending", &rtc->pending);
  dio_visit_bool (visitor, "irq-enabled", &rtc->irq_enabled);
  if (!dio_visitor_is_loading (visitor))
    return;
  update_irq (rtc);
  if (rtc->armed) /* looks at the time when the machine runs, not before */
    dio_timer_set (rtc->timer, dio_clock_now (dev->machine->clock));
}

static void
rtc_describe_fdt (DioDevice *dev, void *fdt, int parent)
{
  static const char compatible[] = "google,goldfish-rtc";

  dio_system_device_begin_fdt_node ((DioSystemDevice *) dev, fdt, "rtc", compatible,
                                    sizeof compatible);
  fdt_end_node (fdt);
}

static void
rtc_finalize (DioDevice *dev)
{
  DioGoldfishRtc *rtc = (DioGoldfishRtc *) dev;

  dio_system_device_finalize (&rtc->sys);
  g_clear_pointer (&rtc->timer, dio_timer_free);
}

const DioDeviceType dio_goldfish_rtc_type = {
  .id = "goldfish-rtc",
  .title = N_ ("Real-time clock (Goldfish)"),
  .description = N_ ("Tells the guest the date and time, and can wake it."),
  .bus = DIO_BUS_SYSTEM,
  .instance_size = sizeof (DioGoldfishRtc),
  .realize = rtc_realize,
  .reset = rtc_reset,
  .state = rtc_state,
  .state_version = 1,
  .finalize = rtc_finalize,
  .describe_fdt = rtc_describe_fdt,
};
