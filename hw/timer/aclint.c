/* SPDX-License-Identifier: GPL-3.0-or-later
 * The RISC-V core-local interruptor, in the layout of SiFive's CLINT, which is also that of an
 * ACLINT's MSWI and MTIMER side by side.
 *
 * mtime is the machine's clock at 10 MHz, the same that rdtime reads, and therefore cannot be
 * written: the two must never differ. Each hart has a timer on the loop for its compare value. */
#include "hw/timer/aclint.h"

#include <libfdt.h>

#include "core/base/base-i18n.h"
#include "core/vm/vm-machine.h"
#include "hw/system-device.h"

#define MAX_HARTS 64
#define TICK_NS 100 /* 10 MHz */

#define MSIP_BASE 0x0
#define MTIMECMP_BASE 0x4000
#define MTIME 0xbff8

typedef struct DioAclint DioAclint;

typedef struct {
  DioAclint *aclint;
  unsigned index;
  uint64_t compare;
  bool software, timer_level;
  DioTimer *timer;
} AclintHart;

struct DioAclint {
  DioSystemDevice sys;
  uint64_t n_harts; /* property */
  AclintHart harts[MAX_HARTS];
};

static uint64_t
mtime_now (const DioAclint *aclint)
{
  return (uint64_t) dio_clock_now (aclint->sys.dev.machine->clock) / TICK_NS;
}

static void
set_software (AclintHart *hart, bool level)
{
  hart->software = level;
  dio_irq_set (&hart->aclint->sys.irqs[2 * hart->index], level);
}

/* Drives the timer line and arms the timer for its next change. Device lock held. */
static void
update_timer (AclintHart *hart)
{
  DioAclint *aclint = hart->aclint;
  bool level = mtime_now (aclint) >= hart->compare;

  if (level || hart->compare > INT64_MAX / TICK_NS)
    dio_timer_cancel (hart->timer);
  else
    dio_timer_set (hart->timer, hart->compare * TICK_NS);
  if (level != hart->timer_level) {
    hart->timer_level = level;
    dio_irq_set (&aclint->sys.irqs[2 * hart->index + 1], level);
  }
}

static void
timer_cb (void *data)
{
  AclintHart *hart = data;

  pthread_mutex_lock (&hart->aclint->sys.dev.lock);
  update_timer (hart);
  pthread_mutex_unlock (&hart->aclint->sys.dev.lock);
}

static uint32_t
read_word (DioAclint *aclint, uint64_t offset)
{
  if (offset < MTIMECMP_BASE) {
    uint64_t hart = (offset - MSIP_BASE) / 4;
    return hart < aclint->n_harts ? aclint->harts[hart].software : 0;
  }
  if (offset < MTIME) {
    uint64_t hart = (offset - MTIMECMP_BASE) / 8;
    if (hart >= aclint->n_harts)
      return 0;
    return aclint->harts[hart].compare >> (offset & 4 ? 32 : 0);
  }
  if (offset < MTIME + 8)
    return mtime_now (aclint) >> (offset & 4 ? 32 : 0);
  return 0;
}

static uint64_t
aclint_read (void *opaque, uint64_t offset, unsigned size)
{
  DioAclint *aclint = opaque;

  if (size == 8 && offset == MTIME)
    return mtime_now (aclint); /* both halves of one moment */
  uint64_t value = read_word (aclint, offset);
  if (size == 8)
    value |= (uint64_t) read_word (aclint, offset + 4) << 32;
  return value;
}

static void
aclint_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  DioAclint *aclint = opaque;

  if (offset < MTIMECMP_BASE) {
    for (unsigned i = 0; i < size / 4; i++) {
      uint64_t hart = (offset - MSIP_BASE) / 4 + i;
      if (hart < aclint->n_harts)
        set_software (&aclint->harts[hart], value >> (32 * i) & 1);
    }
    return;
  }
  if (offset < MTIME) {
    uint64_t index = (offset - MTIMECMP_BASE) / 8;
    if (index >= aclint->n_harts)
      return;
    AclintHart *hart = &aclint->harts[index];
    if (size == 8)
      hart->compare = value;
    else if (offset & 4)
      hart->compare = (hart->compare & UINT32_MAX) | value << 32;
    else
      hart->compare = (hart->compare & ~(uint64_t) UINT32_MAX) | (value & UINT32_MAX);
    update_timer (hart);
    return;
  }
  dio_device_guest_error (&aclint->sys.dev, "write at 0x%x", (unsigned) offset);
}

static const DioRegionOps aclint_ops = {
  .read = aclint_read,
  .write = aclint_write,
  .min_access = 4,
  .max_access = 8,
};

static bool
aclint_realize (DioDevice *dev, GError **error)
{
  DioAclint *aclint = (DioAclint *) dev;

  dio_system_device_add_region (&aclint->sys, "aclint", &aclint_ops, DIO_ACLINT_SIZE, true);
  dio_system_device_set_irqs (&aclint->sys, 2 * aclint->n_harts);
  for (unsigned i = 0; i < aclint->n_harts; i++) {
    AclintHart *hart = &aclint->harts[i];
    hart->aclint = aclint;
    hart->index = i;
    hart->compare = UINT64_MAX;
    hart->timer = dio_timer_new (dev->machine->loop, dev->machine->clock, timer_cb, hart);
  }
  return true;
}

static void
aclint_reset (DioDevice *dev)
{
  DioAclint *aclint = (DioAclint *) dev;

  for (unsigned i = 0; i < aclint->n_harts; i++) {
    aclint->harts[i].compare = UINT64_MAX;
    set_software (&aclint->harts[i], false);
    update_timer (&aclint->harts[i]);
  }
}

static void
aclint_state (DioDevice *dev, DioVisitor *visitor)
{
  DioAclint *aclint = (DioAclint *) dev;

  for (unsigned i = 0; i < aclint->n_harts; i++) {
    AclintHart *hart = &aclint->harts[i];
    dio_visit_bool (visitor, "software", &hart->software);
    dio_visit_u64 (visitor, "compare", &hart->compare);
    if (dio_visitor_is_loading (visitor)) {
      set_software (hart, hart->software);
      hart->timer_level = false;
      dio_irq_set (&aclint->sys.irqs[2 * i + 1], false);
      update_timer (hart);
    }
  }
}

static void
aclint_describe_fdt (DioDevice *dev, void *fdt, int parent)
{
  static const char compatible[] = "sifive,clint0\0riscv,clint0";

  dio_system_device_begin_fdt_node ((DioSystemDevice *) dev, fdt, "clint", compatible,
                                    sizeof compatible);
  fdt_end_node (fdt);
}

static void
aclint_finalize (DioDevice *dev)
{
  DioAclint *aclint = (DioAclint *) dev;

  dio_system_device_finalize (&aclint->sys);
  for (unsigned i = 0; i < MAX_HARTS; i++)
    g_clear_pointer (&aclint->harts[i].timer, dio_timer_free);
}

/* clang-format off */
static const DioProperty aclint_properties[] = {
  { "harts", N_ ("Processors"), DIO_PROPERTY_UINT, 1, MAX_HARTS, 1, NULL, NULL,
    offsetof (DioAclint, n_harts) },
  { NULL },
};
/* clang-format on */

const DioDeviceType dio_aclint_type = {
  .id = "aclint",
  .title = N_ ("Timer and software interrupts (CLINT)"),
  .description = N_ ("Gives each RISC-V processor its timer and interrupts between processors."),
  .bus = DIO_BUS_SYSTEM,
  .instance_size = sizeof (DioAclint),
  .properties = aclint_properties,
  .realize = aclint_realize,
  .reset = aclint_reset,
  .state = aclint_state,
  .state_version = 1,
  .finalize = aclint_finalize,
  .describe_fdt = aclint_describe_fdt,
};
