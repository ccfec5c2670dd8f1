/* SPDX-License-Identifier: GPL-3.0-or-later
 * The Arm generic interrupt controller, version 3 (Arm IHI 0069), with one security state and
 * affinity routing, which is all that kernels of today use: the state of interrupts, who gets
 * which, and the life of the device. Registers are in gicv3-registers.c, the CPU interface in
 * gicv3-cpu.c.
 *
 * DioDevice.lock guards everything and is the leaf lock of DioIrq: nothing but the CPUs' interrupt
 * lines is called with it held. */
#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

#include "core/base/base-i18n.h"
#include "core/vm/vm-machine.h"
#include "hw/irq/gicv3-private.h"

/* ---- Which interrupt is next ---- */

static uint32_t
pending_bits (const GicBank *bank)
{
  return (bank->pending | (bank->level & ~bank->edge)) & bank->enabled & ~bank->active;
}

/* Interrupts of groups that the distributor forwards. */
static uint32_t
forwarded_bits (const DioGicv3 *gic, const GicBank *bank)
{
  uint32_t groups = (gic->control & 1 ? ~bank->group : 0) | (gic->control & 2 ? bank->group : 0);
  return pending_bits (bank) & groups;
}

static void
consider (const GicBank *bank, unsigned bit, unsigned id, GicCandidate *best)
{
  if (bank->priority[bit] < best->priority)
    *best = (GicCandidate){ id, bank->priority[bit], bank->group >> bit & 1 };
}

GicCandidate
gicv3_best (const DioGicv3 *gic, unsigned index)
{
  const GicBank *private = &gic->cpu[index].bank;
  GicCandidate best = { GIC_SPURIOUS, GIC_IDLE, 0 };
  for (uint32_t bits = forwarded_bits (gic, private); bits; bits &= bits - 1) {
    unsigned bit = (unsigned) __builtin_ctz (bits);
    consider (private, bit, bit, &best);
  }
  for (unsigned i = 0; i < gic->n_banks; i++)
    for (uint32_t bits = forwarded_bits (gic, &gic->banks[i]); bits; bits &= bits - 1) {
      unsigned bit = (unsigned) __builtin_ctz (bits), spi = i * 32 + bit;
      if (gic->target[spi] == index)
        consider (&gic->banks[i], bit, GIC_PRIVATE + spi, &best);
    }
  gicv3_lpi_consider (gic, index, &best);
  return best;
}

unsigned
gicv3_group_priority (const GicCpu *cpu, unsigned group, unsigned priority)
{
  /* With the common binary point group 1 goes by that of group 0, which counts one bit less. */
  unsigned point = group && !(cpu->control & 1) ? cpu->binary[1] : cpu->binary[0] + 1u;
  return priority & (0xff << point) & GIC_IDLE;
}

unsigned
gicv3_running_priority (const GicCpu *cpu)
{
  uint32_t running = cpu->running[0] | cpu->running[1];
  return running ? (unsigned) __builtin_ctz (running) * 8 : GIC_IDLE;
}

void
gicv3_update (DioGicv3 *gic, unsigned index)
{
  GicCpu *cpu = &gic->cpu[index];
  GicCandidate best = gicv3_best (gic, index);
  bool signalled =
      best.id != GIC_SPURIOUS && cpu->enabled[best.group] && best.priority < cpu->mask
      && gicv3_group_priority (cpu, best.group, best.priority) < gicv3_running_priority (cpu);
  for (unsigned line = 0; line < 2; line++) {
    bool output = signalled && best.group != line; /* group 1 is IRQ, group 0 FIQ */
    if (output == cpu->outputs[line])
      continue;
    cpu->outputs[line] = output;
    dio_irq_set (&gic->sys.irqs[2 * index + line], output);
  }
}

void
gicv3_update_all (DioGicv3 *gic)
{
  for (unsigned i = 0; i < gic->cpus; i++)
    gicv3_update (gic, i);
}

GicBank *
gicv3_bank (DioGicv3 *gic, unsigned cpu, unsigned id)
{
  if (id < GIC_PRIVATE)
    return &gic->cpu[cpu].bank;
  return id - GIC_PRIVATE < gic->sources ? &gic->banks[id / 32 - 1] : NULL;
}

unsigned
gicv3_find_cpu (const DioGicv3 *gic, uint32_t affinity)
{
  for (unsigned i = 0; i < gic->cpus; i++)
    if (gic->cpu[i].affinity == affinity)
      return i;
  return GIC_NOBODY;
}

/* ---- Lines of devices ---- */

static void
set_line (GicBank *bank, unsigned bit, bool level)
{
  uint32_t mask = UINT32_C (1) << bit;
  if (level && !(bank->level & mask) && bank->edge & mask)
    bank->pending |= mask;
  bank->level = level ? bank->level | mask : bank->level & ~mask;
}

static void
spi_set (void *opaque, unsigned number, bool level)
{
  DioGicv3 *gic = opaque;
  pthread_mutex_lock (&gic->sys.dev.lock);
  set_line (&gic->banks[number / 32], number % 32, level);
  if (gic->target[number] != GIC_NOBODY)
    gicv3_update (gic, gic->target[number]);
  pthread_mutex_unlock (&gic->sys.dev.lock);
}

static void
ppi_set (void *opaque, unsigned number, bool level)
{
  DioGicv3 *gic = opaque;
  pthread_mutex_lock (&gic->sys.dev.lock);
  set_line (&gic->cpu[number / GIC_PRIVATE].bank, number % GIC_PRIVATE, level);
  gicv3_update (gic, number / GIC_PRIVATE);
  pthread_mutex_unlock (&gic->sys.dev.lock);
}

DioIrq
dio_gicv3_get_spi (DioDevice *dev, unsigned number)
{
  DioGicv3 *gic = (DioGicv3 *) dev;
  g_return_val_if_fail (number < gic->sources, (DioIrq){ NULL });
  return (DioIrq){ spi_set, gic, number };
}

DioIrq
dio_gicv3_get_ppi (DioDevice *dev, unsigned cpu, unsigned number)
{
  DioGicv3 *gic = (DioGicv3 *) dev;
  g_return_val_if_fail (cpu < gic->cpus && number < 16, (DioIrq){ NULL });
  return (DioIrq){ ppi_set, gic, cpu * GIC_PRIVATE + 16 + number };
}

/* ---- Life ---- */

/* As the CPUs number themselves: 16 of them share a cluster. */
static uint32_t
affinity_of (unsigned index)
{
  return (index & 15) | (index >> 4) << 8;
}

static bool
gic_realize (DioDevice *dev, GError **error)
{
  DioGicv3 *gic = (DioGicv3 *) dev;
  gic->sources &= ~UINT64_C (31);
  gic->n_banks = (unsigned) gic->sources / 32;
  for (unsigned i = 0; i < gic->cpus; i++)
    gic->cpu[i].affinity = affinity_of (i);
  dio_system_device_add_region (&gic->sys, "gic-distributor", &gicv3_distributor_ops,
                                DIO_GICV3_DISTRIBUTOR_SIZE, true);
  dio_system_device_add_region (&gic->sys, "gic-redistributors", &gicv3_redistributor_ops,
                                DIO_GICV3_REDISTRIBUTOR_SIZE * gic->cpus, true);
  dio_system_device_set_irqs (&gic->sys, (unsigned) gic->cpus * 2);
  return true;
}

/* Levels belong to the devices, which are reset on their own, in any order. */
static void
reset_bank (GicBank *bank, uint32_t edge)
{
  uint32_t level = bank->level;
  *bank = (GicBank){ .level = level, .edge = edge };
}

static void
gic_reset (DioDevice *dev)
{
  DioGicv3 *gic = (DioGicv3 *) dev;
  gic->control = 0;
  for (unsigned i = 0; i < gic->n_banks; i++)
    reset_bank (&gic->banks[i], 0);
  memset (gic->route, 0, sizeof gic->route);
  memset (gic->target, 0, sizeof gic->target);
  for (unsigned i = 0; i < gic->cpus; i++) {
    GicCpu *cpu = &gic->cpu[i];
    reset_bank (&cpu->bank, 0xffff);
    cpu->asleep = true;
    cpu->mask = 0;
    cpu->binary[0] = 2;
    cpu->binary[1] = 3;
    cpu->enabled[0] = cpu->enabled[1] = false;
    cpu->control = 0;
    cpu->running[0] = cpu->running[1] = 0;
  }
  gicv3_lpi_reset (gic);
  gicv3_update_all (gic);
}

/* ---- State ---- */

static void
visit_bank (DioVisitor *visitor, const char *name, GicBank *bank)
{
  dio_visit_begin (visitor, name, 1);
  dio_visit_u32 (visitor, "group", &bank->group);
  dio_visit_u32 (visitor, "enabled", &bank->enabled);
  dio_visit_u32 (visitor, "level", &bank->level);
  dio_visit_u32 (visitor, "pending", &bank->pending);
  dio_visit_u32 (visitor, "active", &bank->active);
  dio_visit_u32 (visitor, "edge", &bank->edge);
  dio_visit_bytes (visitor, "priority", bank->priority, sizeof bank->priority);
  dio_visit_end (visitor);
  for (unsigned i = 0; i < 32; i++)
    bank->priority[i] &= GIC_PRIORITY_MASK;
}

static void
visit_cpu (DioVisitor *visitor, GicCpu *cpu)
{
  dio_visit_begin (visitor, "cpu", 1);
  visit_bank (visitor, "private", &cpu->bank);
  dio_visit_bool (visitor, "asleep", &cpu->asleep);
  dio_visit_u8 (visitor, "mask", &cpu->mask);
  dio_visit_u8 (visitor, "binary0", &cpu->binary[0]);
  dio_visit_u8 (visitor, "binary1", &cpu->binary[1]);
  dio_visit_bool (visitor, "enabled0", &cpu->enabled[0]);
  dio_visit_bool (visitor, "enabled1", &cpu->enabled[1]);
  dio_visit_u8 (visitor, "control", &cpu->control);
  dio_visit_u32 (visitor, "running0", &cpu->running[0]);
  dio_visit_u32 (visitor, "running1", &cpu->running[1]);
  dio_visit_end (visitor);
  cpu->mask &= GIC_PRIORITY_MASK;
  cpu->binary[0] = CLAMP (cpu->binary[0], 2, 7);
  cpu->binary[1] = CLAMP (cpu->binary[1], 3, 7);
  cpu->control &= 3;
}

static void
gic_state (DioDevice *dev, DioVisitor *visitor)
{
  DioGicv3 *gic = (DioGicv3 *) dev;
  dio_visit_u8 (visitor, "control", &gic->control);
  gic->control &= 3;
  for (unsigned i = 0; i < gic->n_banks; i++)
    visit_bank (visitor, "shared", &gic->banks[i]);
  for (unsigned i = 0; i < gic->sources; i++) {
    dio_visit_u64 (visitor, "route", &gic->route[i]);
    gicv3_set_route (gic, i, gic->route[i]);
  }
  for (unsigned i = 0; i < gic->cpus; i++)
    visit_cpu (visitor, &gic->cpu[i]);
  gicv3_lpi_visit (gic, visitor);
  if (!dio_visitor_is_loading (visitor))
    return;
  /* Whatever the CPUs saw last, they see it anew. */
  for (unsigned i = 0; i < gic->cpus; i++) {
    gic->cpu[i].outputs[0] = gic->cpu[i].outputs[1] = true;
    gicv3_update (gic, i);
    for (unsigned line = 0; line < 2; line++)
      dio_irq_set (&gic->sys.irqs[2 * i + line], gic->cpu[i].outputs[line]);
  }
}

/* ---- The device tree ---- */

static void
gic_describe_fdt (DioDevice *dev, void *fdt, int parent)
{
  const DioSystemDevice *sys = (DioSystemDevice *) dev;
  DioDevice *its = ((DioGicv3 *) dev)->its;
  g_autofree char *name = g_strdup_printf ("intc@%" PRIx64, sys->addresses[0]);
  fdt64_t reg[4];
  for (unsigned i = 0; i < 2; i++) {
    reg[2 * i] = cpu_to_fdt64 (sys->addresses[i]);
    reg[2 * i + 1] = cpu_to_fdt64 (sys->regions[i].size);
  }
  fdt_begin_node (fdt, name);
  fdt_property_string (fdt, "compatible", "arm,gic-v3");
  fdt_property (fdt, "reg", reg, sizeof reg);
  fdt_property_u32 (fdt, "#interrupt-cells", 3);
  fdt_property_u32 (fdt, "#redistributor-regions", 1);
  fdt_property (fdt, "interrupt-controller", NULL, 0);
  fdt_property (fdt, "ranges", NULL, 0);
  fdt_property_u32 (fdt, "#address-cells", 2);
  fdt_property_u32 (fdt, "#size-cells", 2);
  fdt_property_u32 (fdt, "phandle", sys->phandle);
  if (its)
    its->type->describe_fdt (its, fdt, 0);
  fdt_end_node (fdt);
}

static void
gic_finalize (DioDevice *dev)
{
  dio_system_device_finalize ((DioSystemDevice *) dev);
}

/* clang-format off */
static const DioProperty gic_properties[] = {
  { "sources", N_ ("Interrupt sources"), DIO_PROPERTY_UINT, 32, 960, 256, NULL, NULL,
    offsetof (DioGicv3, sources) },
  { "cpus", N_ ("Processors"), DIO_PROPERTY_UINT, 1, GIC_MAX_CPUS, 1, NULL, NULL,
    offsetof (DioGicv3, cpus) },
  { NULL },
};
/* clang-format on */

const DioDeviceType dio_gicv3_type = {
  .id = "gicv3",
  .title = N_ ("Interrupt controller (GICv3)"),
  .description = N_ ("Routes the interrupts of devices to Arm processors."),
  .bus = DIO_BUS_SYSTEM,
  .instance_size = sizeof (DioGicv3),
  .properties = gic_properties,
  .realize = gic_realize,
  .reset = gic_reset,
  .state = gic_state,
  .state_version = 1,
  .finalize = gic_finalize,
  .describe_fdt = gic_describe_fdt,
};
