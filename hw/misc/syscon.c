/* SPDX-License-Identifier: GPL-3.0-or-later
 * The test finisher of SiFive's boards ("sifive,test0"), which guests use as a system controller:
 * power-off, failure with a code, reset. It has no state. */
#include "hw/misc/syscon.h"

#include <libfdt.h>

#include "core/base/base-i18n.h"
#include "core/vm/vm-machine.h"
#include "hw/system-device.h"

static uint64_t
syscon_read (void *opaque, uint64_t offset, unsigned size)
{
  return 0;
}

static void
syscon_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  DioSystemDevice *sys = opaque;

  if (offset == 0)
    switch (value & 0xffff) {
    case DIO_SYSCON_POWER_OFF:
      dio_machine_guest_power_off (sys->dev.machine, DIO_STOP_GUEST_OFF, value >> 16 & 0xffff);
      return;
    case DIO_SYSCON_FAIL:
      dio_machine_guest_power_off (sys->dev.machine, DIO_STOP_CRASHED, value >> 16 & 0xffff);
      return;
    case DIO_SYSCON_RESET:
      dio_machine_guest_reset (sys->dev.machine);
      return;
    }
  dio_device_guest_error (&sys->dev, "write of 0x%x at 0x%x", (unsigned) value, (unsigned) offset);
}

static const DioRegionOps syscon_ops = {
  .read = syscon_read,
  .write = syscon_write,
  .min_access = 2,
  .max_access = 4,
};

static bool
syscon_realize (DioDevice *dev, GError **error)
{
  dio_system_device_add_region ((DioSystemDevice *) dev, "syscon", &syscon_ops, DIO_SYSCON_SIZE,
                                false);
  return true;
}

static void
syscon_reset (DioDevice *dev)
{
}

static void
syscon_state (DioDevice *dev, DioVisitor *visitor)
{
}

static void
syscon_describe_fdt (DioDevice *dev, void *fdt, int parent)
{
  static const char compatible[] = "sifive,test1\0sifive,test0\0syscon";

  dio_system_device_begin_fdt_node ((DioSystemDevice *) dev, fdt, "test", compatible,
                                    sizeof compatible);
  fdt_end_node (fdt);
}

static void
syscon_finalize (DioDevice *dev)
{
  dio_system_device_finalize ((DioSystemDevice *) dev);
}

const DioDeviceType dio_syscon_type = {
  .id = "syscon",
  .title = N_ ("System controller"),
  .description = N_ ("Lets the guest power off, report failure and reset."),
  .bus = DIO_BUS_SYSTEM,
  .instance_size = sizeof (DioSystemDevice),
  .realize = syscon_realize,
  .reset = syscon_reset,
  .state = syscon_state,
  .state_version = 1,
  .finalize = syscon_finalize,
  .describe_fdt = syscon_describe_fdt,
};
