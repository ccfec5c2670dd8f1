/* SPDX-License-Identifier: GPL-3.0-or-later
 * GICv3: the CPU interface, which is a set of system registers (Arm IHI 0069, 12.2). */
#include "hw/irq/gicv3-private.h"

#define SYSREG DIO_A64_SYSREG

enum {
  ICC_PMR = SYSREG (3, 0, 4, 6, 0),
  ICC_IAR0 = SYSREG (3, 0, 12, 8, 0),
  ICC_EOIR0 = SYSREG (3, 0, 12, 8, 1),
  ICC_HPPIR0 = SYSREG (3, 0, 12, 8, 2),
  ICC_BPR0 = SYSREG (3, 0, 12, 8, 3),
  ICC_AP0R0 = SYSREG (3, 0, 12, 8, 4),
  ICC_AP1R0 = SYSREG (3, 0, 12, 9, 0),
  ICC_DIR = SYSREG (3, 0, 12, 11, 1),
  ICC_RPR = SYSREG (3, 0, 12, 11, 3),
  ICC_SGI1R = SYSREG (3, 0, 12, 11, 5),
  ICC_ASGI1R = SYSREG (3, 0, 12, 11, 6),
  ICC_SGI0R = SYSREG (3, 0, 12, 11, 7),
  ICC_IAR1 = SYSREG (3, 0, 12, 12, 0),
  ICC_EOIR1 = SYSREG (3, 0, 12, 12, 1),
  ICC_HPPIR1 = SYSREG (3, 0, 12, 12, 2),
  ICC_BPR1 = SYSREG (3, 0, 12, 12, 3),
  ICC_CTLR = SYSREG (3, 0, 12, 12, 4),
  ICC_SRE = SYSREG (3, 0, 12, 12, 5),
  ICC_IGRPEN0 = SYSREG (3, 0, 12, 12, 6),
  ICC_IGRPEN1 = SYSREG (3, 0, 12, 12, 7),
};

enum {
  CTLR_CBPR = 1,
  CTLR_EOI_MODE = 2,   /* end of interrupt and deactivation are two things */
  CTLR_FIXED = 4 << 8, /* five bits of priority, 16 bits of INTID */
};

/* ---- Acknowledging and ending ---- */

static unsigned
acknowledge (DioGicv3 *gic, unsigned index, unsigned group)
{
  GicCpu *cpu = &gic->cpu[index];
  GicCandidate best = gicv3_best (gic, index);
  unsigned priority = gicv3_group_priority (cpu, best.group, best.priority);
  if (best.id == GIC_SPURIOUS || best.group != group || !cpu->enabled[group]
      || best.priority >= cpu->mask || priority >= gicv3_running_priority (cpu))
    return GIC_SPURIOUS;
  if (best.id >= GIC_FIRST_LPI) {
    gicv3_lpi_acknowledge (gic, index, best.id);
  } else {
    GicBank *bank = gicv3_bank (gic, index, best.id);
    uint32_t bit = UINT32_C (1) << (best.id % 32);
    bank->active |= bit;
    bank->pending &= ~bit;
  }
  cpu->running[group] |= UINT32_C (1) << (priority / 8);
  gicv3_update (gic, index);
  return best.id;
}

static void
deactivate (DioGicv3 *gic, unsigned index, unsigned id)
{
  GicBank *bank = gicv3_bank (gic, index, id);
  if (!bank)
    return;
  bank->active &= ~(UINT32_C (1) << (id % 32));
  if (id < GIC_PRIVATE)
    gicv3_update (gic, index);
  else
    gicv3_update_all (gic);
}

static void
end (DioGicv3 *gic, unsigned index, unsigned group, unsigned id)
{
  GicCpu *cpu = &gic->cpu[index];
  if (id >= 1020 && id < GIC_FIRST_LPI)
    return;
  cpu->running[group] &= cpu->running[group] - 1;
  if (!(cpu->control & CTLR_EOI_MODE))
    deactivate (gic, index, id);
  gicv3_update (gic, index);
}

static unsigned
highest_pending (const DioGicv3 *gic, unsigned index, unsigned group)
{
  GicCandidate best = gicv3_best (gic, index);
  return best.group == group ? best.id : GIC_SPURIOUS;
}

/* ---- Software-generated interrupts ---- */

static void
send_to (DioGicv3 *gic, unsigned target, unsigned id, unsigned group)
{
  GicBank *bank = &gic->cpu[target].bank;
  if ((bank->group >> id & 1) != group)
    return;
  bank->pending |= UINT32_C (1) << id;
  gicv3_update (gic, target);
}

/* To a list of the 16 CPUs of a cluster, or to all but the sender. */
static void
generate (DioGicv3 *gic, unsigned index, unsigned group, uint64_t value)
{
  unsigned id = value >> 24 & 15, range = value >> 44 & 15;
  uint32_t cluster = (uint32_t) (value >> 16 & 0xff) << 8 | (uint32_t) (value >> 32 & 0xff) << 16
                     | (uint32_t) (value >> 48 & 0xff) << 24;
  for (unsigned i = 0; i < gic->cpus; i++) {
    uint32_t affinity = gic->cpu[i].affinity, first = affinity & 0xff;
    bool listed =
        (affinity & ~0xffu) == cluster && first / 16 == range && value >> (first % 16) & 1;
    if (value >> 40 & 1 ? i != index : listed)
      send_to (gic, i, id, group);
  }
}

/* ---- Registers ---- */

static bool
read_register (DioGicv3 *gic, unsigned index, unsigned number, uint64_t *value)
{
  GicCpu *cpu = &gic->cpu[index];
  switch (number) {
  case ICC_PMR:
    *value = cpu->mask;
    return true;
  case ICC_IAR0:
  case ICC_IAR1:
    *value = acknowledge (gic, index, number == ICC_IAR1);
    return true;
  case ICC_HPPIR0:
  case ICC_HPPIR1:
    *value = highest_pending (gic, index, number == ICC_HPPIR1);
    return true;
  case ICC_BPR0:
    *value = cpu->binary[0];
    return true;
  case ICC_BPR1:
    *value = cpu->control & CTLR_CBPR ? MIN (cpu->binary[0] + 1, 7) : cpu->binary[1];
    return true;
  case ICC_AP0R0:
  case ICC_AP1R0:
    *value = cpu->running[number == ICC_AP1R0];
    return true;
  case ICC_RPR:
    *value = gicv3_running_priority (cpu);
    return true;
  case ICC_CTLR:
    *value = cpu->control | CTLR_FIXED;
    return true;
  case ICC_SRE: /* system registers, no bypass: always */
    *value = 7;
    return true;
  case ICC_IGRPEN0:
  case ICC_IGRPEN1:
    *value = cpu->enabled[number == ICC_IGRPEN1];
    return true;
  default:
    return false;
  }
}

static bool
write_register (DioGicv3 *gic, unsigned index, unsigned number, uint64_t value)
{
  GicCpu *cpu = &gic->cpu[index];
  switch (number) {
  case ICC_PMR:
    cpu->mask = value & GIC_PRIORITY_MASK;
    break;
  case ICC_EOIR0:
  case ICC_EOIR1:
    end (gic, index, number == ICC_EOIR1, value & 0xffffff);
    return true;
  case ICC_BPR0:
    cpu->binary[0] = (uint8_t) MAX (value & 7, 2);
    break;
  case ICC_BPR1:
    if (!(cpu->control & CTLR_CBPR))
      cpu->binary[1] = (uint8_t) MAX (value & 7, 3);
    break;
  case ICC_AP0R0:
  case ICC_AP1R0:
    cpu->running[number == ICC_AP1R0] = (uint32_t) value;
    break;
  case ICC_DIR:
    if (cpu->control & CTLR_EOI_MODE)
      deactivate (gic, index, value & 0xffffff);
    return true;
  case ICC_SGI0R:
  case ICC_SGI1R:
  case ICC_ASGI1R:
    generate (gic, index, number == ICC_SGI1R, value);
    return true;
  case ICC_CTLR:
    cpu->control = value & (CTLR_CBPR | CTLR_EOI_MODE);
    break;
  case ICC_SRE:
    return true;
  case ICC_IGRPEN0:
  case ICC_IGRPEN1:
    cpu->enabled[number == ICC_IGRPEN1] = value & 1;
    break;
  default:
    return false;
  }
  gicv3_update (gic, index);
  return true;
}

static bool
interface_access (void *opaque, unsigned index, DioA64CsrOp op, unsigned number, uint64_t *value)
{
  DioGicv3 *gic = opaque;
  pthread_mutex_lock (&gic->sys.dev.lock);
  bool known = op == DIO_A64_CSR_READ ? read_register (gic, index, number, value)
                                      : write_register (gic, index, number, *value);
  pthread_mutex_unlock (&gic->sys.dev.lock);
  return known;
}

const DioA64CpuInterface dio_gicv3_cpu_interface = { interface_access };
