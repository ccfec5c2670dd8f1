/* SPDX-License-Identifier: GPL-3.0-or-later
 * The PrimeCell real-time clock PL031 (Arm DDI 0224): seconds since 1970 and one alarm.
 *
 * It shows the host's real time plus what the guest set it off by, and goes on while the machine is
 * paused, as a clock with a battery does. The alarm's timer runs on virtual time, which stands
 * still then: it looks at the real time again at least once a second. */
#include "hw/rtc/pl031.h"

#include <libfdt.h>
#include <time.h>

#include "core/base/base-i18n.h"
#include "core/vm/vm-machine.h"
#include "hw/system-device.h"

#define LONGEST_SLEEP_NS INT64_C (1000000000)

enum {
  RTCDR = 0x00,
  RTCMR = 0x04,
  RTCLR = 0x08,
  RTCCR = 0x0c,
  RTCIMSC = 0x10,
  RTCRIS = 0x14,
  RTCMIS = 0x18,
  RTCICR = 0x1c,
  RTC_ID = 0xfe0, /* eight bytes, in a word each */
};

typedef struct {
  DioSystemDevice sys;
  DioTimer *timer;
  uint32_t offset; /* guest time - host time, modulo 2^32 */
  uint32_t loaded, match;
  bool armed, raised, mask; /* mask: as IMSC has it, true lets through */
} DioPl031;

static uint32_t
guest_now (const DioPl031 *rtc)
{
  return (uint32_t) time (NULL) + rtc->offset;
}

static void
update_irq (DioPl031 *rtc)
{
  dio_irq_set (&rtc->sys.irqs[0], rtc->raised && rtc->mask);
}

/* Fires the alarm if it is time, or waits for it. */
static void
check_alarm (DioPl031 *rtc)
{
  if (!rtc->armed) {
    dio_timer_cancel (rtc->timer);
  } else if ((int32_t) (rtc->match - guest_now (rtc)) <= 0) {
    rtc->armed = false;
    rtc->raised = true;
    dio_timer_cancel (rtc->timer);
  } else {
    int64_t wait = (int64_t) (rtc->match - guest_now (rtc)) * 1000000000;
    dio_timer_set (rtc->timer,
                   dio_clock_now (rtc->sys.dev.machine->clock) + MIN (wait, LONGEST_SLEEP_NS));
  }
  update_irq (rtc);
}

static void
timer_cb (void *data)
{
  DioPl031 *rtc = data;
  pthread_mutex_lock (&rtc->sys.dev.lock);
  check_alarm (rtc);
  pthread_mutex_unlock (&rtc->sys.dev.lock);
}

static uint64_t
rtc_read (void *opaque, uint64_t offset, unsigned size)
{
  static const uint8_t id[8] = { 0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };
  DioPl031 *rtc = opaque;
  switch (offset) {
  case RTCDR:
    return guest_now (rtc);
  case RTCMR:
    return rtc->match;
  case RTCLR:
    return rtc->loaded;
  case RTCCR:
    return 1; /* it always runs */
  case RTCIMSC:
    return rtc->mask;
  case RTCRIS:
    return rtc->raised;
  case RTCMIS:
    return rtc->raised && rtc->mask;
  default:
    return offset >= RTC_ID ? id[(offset - RTC_ID) / 4] : 0;
  }
}

static void
rtc_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  DioPl031 *rtc = opaque;
  switch (offset) {
  case RTCMR:
    rtc->match = (uint32_t) value;
    rtc->armed = true;
    break;
  case RTCLR:
    rtc->loaded = (uint32_t) value;
    rtc->offset = (uint32_t) value - (uint32_t) time (NULL);
    break;
  case RTCCR:
    break;
  case RTCIMSC:
    rtc->mask = value & 1;
    break;
  case RTCICR:
    rtc->raised &= !(value & 1);
    break;
  default:
    dio_device_guest_error (&rtc->sys.dev, "write at 0x%x", (unsigned) offset);
    return;
  }
  check_alarm (rtc);
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
  DioPl031 *rtc = (DioPl031 *) dev;
  dio_system_device_add_region (&rtc->sys, "pl031", &rtc_ops, DIO_PL031_SIZE, true);
  dio_system_device_set_irqs (&rtc->sys, 1);
  rtc->timer = dio_timer_new (dev->machine->loop, dev->machine->clock, timer_cb, rtc);
  return true;
}

static void
rtc_reset (DioDevice *dev)
{
  DioPl031 *rtc = (DioPl031 *) dev;
  /* The time itself survives a reset. */
  rtc->match = rtc->loaded = 0;
  rtc->armed = rtc->raised = rtc->mask = false;
  check_alarm (rtc);
}

static void
rtc_state (DioDevice *dev, DioVisitor *visitor)
{
  DioPl031 *rtc = (DioPl031 *) dev;
  dio_visit_u32 (visitor, "offset", &rtc->offset);
  dio_visit_u32 (visitor, "loaded", &rtc->loaded);
  dio_visit_u32 (visitor, "match", &rtc->match);
  dio_visit_bool (visitor, "armed", &rtc->armed);
  dio_visit_bool (visitor, "raised", &rtc->raised);
  dio_visit_bool (visitor, "mask", &rtc->mask);
  if (!dio_visitor_is_loading (visitor))
    return;
  update_irq (rtc);
  if (rtc->armed) /* looks at the time when the machine runs, not before */
    dio_timer_set (rtc->timer, dio_clock_now (dev->machine->clock));
}

static void
rtc_describe_fdt (DioDevice *dev, void *fdt, int parent)
{
  static const char compatible[] = "arm,pl031\0arm,primecell";
  dio_system_device_begin_fdt_node ((DioSystemDevice *) dev, fdt, "pl031", compatible,
                                    sizeof compatible);
  fdt_property_string (fdt, "clock-names", "apb_pclk");
  fdt_end_node (fdt);
}

static void
rtc_finalize (DioDevice *dev)
{
  DioPl031 *rtc = (DioPl031 *) dev;
  dio_system_device_finalize (&rtc->sys);
  g_clear_pointer (&rtc->timer, dio_timer_free);
}

const DioDeviceType dio_pl031_type = {
  .id = "pl031",
  .title = N_ ("Real-time clock (PL031)"),
  .description = N_ ("Tells the guest the date and time, and can wake it."),
  .bus = DIO_BUS_SYSTEM,
  .instance_size = sizeof (DioPl031),
  .realize = rtc_realize,
  .reset = rtc_reset,
  .state = rtc_state,
  .state_version = 1,
  .finalize = rtc_finalize,
  .describe_fdt = rtc_describe_fdt,
};
