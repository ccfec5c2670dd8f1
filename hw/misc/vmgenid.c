/* SPDX-License-Identifier: GPL-3.0-or-later
 * The generation identifier of Microsoft's specification "Virtual Machine Generation ID", as device
 * trees describe it ("microsoft,vmgenid"): 16 bytes and an interrupt.
 *
 * A guest that goes back to a snapshot, or is a clone, would use random numbers, addresses and keys
 * a second time that it thinks nobody has. It gets another identifier before it runs, and an
 * interrupt that is there until it has read that; Linux then stirs its random numbers. A machine
 * that was suspended goes on once and keeps its identifier, and so it does at a reset and at a cold
 * start: the machine keeps it for us while we are not there (dio_vmgenid_set()). A suspended one
 * whose saved identifier is not the one that is kept was copied, or is older than it seems.
 *
 * The binding knows no acknowledgement; reading any byte is taken for one, so that the line is
 * right for controllers that look at its level and for those that look at its edge. */
#include "hw/misc/vmgenid.h"

#include <libfdt.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/base-i18n.h"
#include "hw/system-device.h"

typedef struct {
  DioSystemDevice sys;
  uint8_t id[DIO_VMGENID_BYTES];
  uint8_t kept[DIO_VMGENID_BYTES]; /* of the machine, if it keeps one */
  bool has_kept;
  bool changed; /* and not read since */
} DioVmgenid;

static void
update_irq (DioVmgenid *gen)
{
  dio_irq_set (&gen->sys.irqs[0], gen->changed);
}

static void
renew (DioVmgenid *gen)
{
  /* Fails for no number of bytes as small as this. */
  if (getrandom (gen->id, sizeof gen->id, 0) != sizeof gen->id)
    g_warning ("There are no random numbers");
}

static uint64_t
vmgenid_read (void *opaque, uint64_t offset, unsigned size)
{
  DioVmgenid *gen = opaque;
  uint64_t value = 0;

  if (offset > sizeof gen->id - size)
    return 0;
  memcpy (&value, gen->id + offset, size);
  gen->changed = false;
  update_irq (gen);
  return GUINT64_FROM_LE (value);
}

static void
vmgenid_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  DioVmgenid *gen = opaque;
  dio_device_guest_error (&gen->sys.dev, "write at 0x%x", (unsigned) offset);
}

static const DioRegionOps vmgenid_ops = {
  .read = vmgenid_read,
  .write = vmgenid_write,
  .min_access = 1,
  .max_access = 8,
};

static bool
vmgenid_realize (DioDevice *dev, GError **error)
{
  DioVmgenid *gen = (DioVmgenid *) dev;

  dio_system_device_add_region (&gen->sys, "vmgenid", &vmgenid_ops, DIO_VMGENID_SIZE, true);
  dio_system_device_set_irqs (&gen->sys, 1);
  renew (gen);
  return true;
}

static void
vmgenid_reset (DioDevice *dev)
{
  DioVmgenid *gen = (DioVmgenid *) dev;

  gen->changed = false;
  update_irq (gen);
}

static void
vmgenid_state (DioDevice *dev, DioVisitor *visitor)
{
  DioVmgenid *gen = (DioVmgenid *) dev;

  dio_visit_bytes (visitor, "id", gen->id, sizeof gen->id);
  dio_visit_bool (visitor, "changed", &gen->changed);
  if (dio_visitor_is_loading (visitor))
    update_irq (gen);
}

static void
vmgenid_restored (DioDevice *dev, bool again)
{
  DioVmgenid *gen = (DioVmgenid *) dev;
  bool other = gen->has_kept && memcmp (gen->id, gen->kept, sizeof gen->id) != 0;

  if (!again && !other)
    return;
  if (other)
    memcpy (gen->id, gen->kept, sizeof gen->id);
  else
    renew (gen);
  gen->changed = true;
  update_irq (gen);
}

void
dio_vmgenid_set (DioDevice *dev, const uint8_t id[DIO_VMGENID_BYTES])
{
  static const uint8_t none[DIO_VMGENID_BYTES];
  DioVmgenid *gen = (DioVmgenid *) dev;

  g_return_if_fail (dev->type == &dio_vmgenid_type);
  gen->has_kept = memcmp (id, none, sizeof none) != 0;
  if (!gen->has_kept)
    return;
  memcpy (gen->kept, id, sizeof gen->kept);
  memcpy (gen->id, id, sizeof gen->id);
}

static void
vmgenid_describe_fdt (DioDevice *dev, void *fdt, int parent)
{
  static const char compatible[] = "microsoft,vmgenid";

  dio_system_device_begin_fdt_node ((DioSystemDevice *) dev, fdt, "rng", compatible,
                                    sizeof compatible);
  fdt_end_node (fdt);
}

static void
vmgenid_finalize (DioDevice *dev)
{
  dio_system_device_finalize ((DioSystemDevice *) dev);
}

const DioDeviceType dio_vmgenid_type = {
  .id = "vmgenid",
  .title = N_ ("Generation identifier"),
  .description = N_ ("Tells the guest that it went back to a snapshot or is a copy."),
  .bus = DIO_BUS_SYSTEM,
  .instance_size = sizeof (DioVmgenid),
  .realize = vmgenid_realize,
  .reset = vmgenid_reset,
  .state = vmgenid_state,
  .state_version = 1,
  .since = 2,
  .restored = vmgenid_restored,
  .finalize = vmgenid_finalize,
  .describe_fdt = vmgenid_describe_fdt,
};
