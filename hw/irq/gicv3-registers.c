/* SPDX-License-Identifier: GPL-3.0-or-later
 * GICv3: the registers of the distributor (Arm IHI 0069, 12.8) and the redistributors (12.10).
 *
 * Both have the same registers for the state of interrupts, 32 at a time; those of the
 * redistributors are for SGIs and PPIs. Registers of 64 bits may be accessed by halves, priorities
 * by bytes. */
#include "hw/irq/gicv3-private.h"

#define ARCHITECTURE_3 0x3b /* PIDR2 */
#define PIDR2 0xffe8
#define PRODUCT 0x43b /* IIDR: designed by Arm */

enum {
  GICD_CTLR = 0x0000,
  GICD_TYPER = 0x0004,
  GICD_IIDR = 0x0008,
  GICD_SETSPI = 0x0040,
  GICD_CLRSPI = 0x0048,
  GICD_IGROUPR = 0x0080,
  GICD_ISENABLER = 0x0100,
  GICD_ICENABLER = 0x0180,
  GICD_ISPENDR = 0x0200,
  GICD_ICPENDR = 0x0280,
  GICD_ISACTIVER = 0x0300,
  GICD_ICACTIVER = 0x0380,
  GICD_IPRIORITYR = 0x0400,
  GICD_ITARGETSR = 0x0800,
  GICD_ICFGR = 0x0c00,
  GICD_IGRPMODR = 0x0d00,
  GICD_IROUTER = 0x6000,
  GICD_IROUTER_END = 0x8000,

  GICR_CTLR = 0x0000,
  GICR_IIDR = 0x0004,
  GICR_TYPER = 0x0008,
  GICR_WAKER = 0x0014,
  GICR_PROPBASER = 0x0070,
  GICR_PENDBASER = 0x0078,
  GICR_SGI_FRAME = 0x10000,
};

enum {
  CTLR_GROUPS = 3,
  CTLR_ARE = 1 << 4, /* always */
  CTLR_DS = 1 << 6,  /* one security state */
};

#define ROUTE_ANY (UINT64_C (1) << 31) /* to any CPU: the first */
#define ROUTE_WRITABLE UINT64_C (0xff80ffffff)

/* ---- State of interrupts ---- */

static uint32_t
spread_edges (uint32_t edges)
{
  uint32_t value = 0;
  for (unsigned i = 0; i < 16; i++)
    value |= (edges >> i & 1) << (2 * i + 1);
  return value;
}

static uint32_t
gather_edges (uint32_t value)
{
  uint32_t edges = 0;
  for (unsigned i = 0; i < 16; i++)
    edges |= (value >> (2 * i + 1) & 1) << i;
  return edges;
}

/* The word of one of the bit registers, whose offset within its kind is gone. */
static uint32_t
read_bits (const GicBank *bank, unsigned kind)
{
  switch (kind) {
  case GICD_IGROUPR:
    return bank->group;
  case GICD_ISENABLER:
  case GICD_ICENABLER:
    return bank->enabled;
  case GICD_ISPENDR:
  case GICD_ICPENDR:
    return bank->pending | (bank->level & ~bank->edge);
  case GICD_ISACTIVER:
  case GICD_ICACTIVER:
    return bank->active;
  default:
    return 0;
  }
}

static void
write_bits (GicBank *bank, unsigned kind, uint32_t value)
{
  switch (kind) {
  case GICD_IGROUPR:
    bank->group = value;
    break;
  case GICD_ISENABLER:
    bank->enabled |= value;
    break;
  case GICD_ICENABLER:
    bank->enabled &= ~value;
    break;
  case GICD_ISPENDR:
    bank->pending |= value;
    break;
  case GICD_ICPENDR:
    bank->pending &= ~value;
    break;
  case GICD_ISACTIVER:
    bank->active |= value;
    break;
  case GICD_ICACTIVER:
    bank->active &= ~value;
    break;
  default:
    break;
  }
}

/* Bits, priorities and triggers, at @offset of the distributor or of a redistributor's SGI frame.
 * *@id is the first interrupt that a register is about; false: no such register. */
static bool
decode (unsigned offset, unsigned *kind, unsigned *id)
{
  if (offset >= GICD_IGROUPR && offset < GICD_IPRIORITYR) {
    *kind = offset & ~0x7fu;
    *id = (offset & 0x7c) * 8;
    return true;
  }
  if (offset >= GICD_IPRIORITYR && offset < GICD_ITARGETSR) {
    *kind = GICD_IPRIORITYR;
    *id = offset - GICD_IPRIORITYR;
    return true;
  }
  *kind = GICD_ICFGR;
  *id = (offset - GICD_ICFGR) * 4;
  return offset >= GICD_ICFGR && offset < GICD_IGRPMODR;
}

static uint32_t
read_state (DioGicv3 *gic, unsigned cpu, unsigned offset, unsigned size)
{
  unsigned kind, id;
  uint32_t value = 0;
  GicBank *bank = decode (offset, &kind, &id) ? gicv3_bank (gic, cpu, id) : NULL;
  if (!bank)
    return 0;
  if (kind == GICD_ICFGR)
    return spread_edges (bank->edge >> (id % 32));
  if (kind != GICD_IPRIORITYR)
    return read_bits (bank, kind);
  for (unsigned i = 0; i < size; i++)
    value |= (uint32_t) bank->priority[(id + i) % 32] << (8 * i);
  return value;
}

static void
write_state (DioGicv3 *gic, unsigned cpu, unsigned offset, unsigned size, uint32_t value)
{
  unsigned kind, id;
  GicBank *bank = decode (offset, &kind, &id) ? gicv3_bank (gic, cpu, id) : NULL;
  if (!bank)
    return;
  if (kind == GICD_ICFGR) {
    uint32_t mask = UINT32_C (0xffff) << (id % 32);
    if (id >= 16) /* SGIs are edges */
      bank->edge = (bank->edge & ~mask) | gather_edges (value) << (id % 32);
  } else if (kind != GICD_IPRIORITYR) {
    write_bits (bank, kind, value);
  } else {
    for (unsigned i = 0; i < size; i++)
      bank->priority[(id + i) % 32] = (uint8_t) (value >> (8 * i) & GIC_PRIORITY_MASK);
  }
  if (id < GIC_PRIVATE)
    gicv3_update (gic, cpu);
  else
    gicv3_update_all (gic);
}

/* ---- The distributor ---- */

void
gicv3_set_route (DioGicv3 *gic, unsigned spi, uint64_t route)
{
  uint32_t affinity = (uint32_t) (route & 0xffffff) | (uint32_t) (route >> 32) << 24;
  gic->route[spi] = route & ROUTE_WRITABLE;
  gic->target[spi] = route & ROUTE_ANY ? 0 : (uint8_t) gicv3_find_cpu (gic, affinity);
}

static uint32_t
distributor_type (const DioGicv3 *gic)
{
  uint32_t lines = gic->n_banks; /* ITLinesNumber: 32 * (n + 1) interrupts */
  uint32_t bits = gic->its ? (GIC_LPI_BITS - 1) << 19 | 1u << 17 : 9u << 19; /* of INTID; LPIs */
  return lines | bits | 1u << 25;                                            /* no 1-of-N */
}

static uint64_t
read_route (const DioGicv3 *gic, unsigned offset, unsigned size)
{
  unsigned id = (offset - GICD_IROUTER) / 8;
  if (id < GIC_PRIVATE || id - GIC_PRIVATE >= gic->sources)
    return 0;
  uint64_t route = gic->route[id - GIC_PRIVATE];
  return size == 8 ? route : (uint32_t) (route >> (offset & 4) * 8);
}

static void
write_route (DioGicv3 *gic, unsigned offset, unsigned size, uint64_t value)
{
  unsigned id = (offset - GICD_IROUTER) / 8, shift = (offset & 4) * 8;
  if (id < GIC_PRIVATE || id - GIC_PRIVATE >= gic->sources)
    return;
  uint64_t mask = size == 8 ? UINT64_MAX : UINT64_C (0xffffffff) << shift;
  uint64_t old = gic->route[id - GIC_PRIVATE];
  gicv3_set_route (gic, id - GIC_PRIVATE, (old & ~mask) | (value << (size == 8 ? 0 : shift)));
  gicv3_update_all (gic);
}

static uint64_t
distributor_read (void *opaque, uint64_t at, unsigned size)
{
  DioGicv3 *gic = opaque;
  unsigned offset = (unsigned) at;
  if (offset >= GICD_IROUTER && offset < GICD_IROUTER_END)
    return read_route (gic, offset, size);
  switch (offset) {
  case GICD_CTLR:
    return gic->control | CTLR_ARE | CTLR_DS;
  case GICD_TYPER:
    return distributor_type (gic);
  case GICD_IIDR:
    return PRODUCT;
  case PIDR2:
    return ARCHITECTURE_3;
  default:
    break;
  }
  /* Of private interrupts this frame knows nothing. */
  unsigned kind, id;
  bool private = decode (offset, &kind, &id) && id < GIC_PRIVATE;
  return private ? 0 : read_state (gic, 0, offset, MIN (size, 4));
}

/* A message that makes an SPI pending, or no longer. */
static void
message (DioGicv3 *gic, unsigned id, bool set)
{
  GicBank *bank = id >= GIC_PRIVATE ? gicv3_bank (gic, 0, id) : NULL;
  if (!bank)
    return;
  write_bits (bank, set ? GICD_ISPENDR : GICD_ICPENDR, UINT32_C (1) << (id % 32));
  gicv3_update_all (gic);
}

static void
distributor_write (void *opaque, uint64_t at, uint64_t value, unsigned size)
{
  DioGicv3 *gic = opaque;
  unsigned offset = (unsigned) at, kind, id;
  if (offset >= GICD_IROUTER && offset < GICD_IROUTER_END) {
    write_route (gic, offset, size, value);
    return;
  }
  switch (offset) {
  case GICD_CTLR:
    gic->control = value & CTLR_GROUPS;
    gicv3_update_all (gic);
    return;
  case GICD_SETSPI:
  case GICD_CLRSPI:
    message (gic, value & 0x3ff, offset == GICD_SETSPI);
    return;
  default:
    break;
  }
  if (!decode (offset, &kind, &id) || id >= GIC_PRIVATE)
    write_state (gic, 0, offset, MIN (size, 4), (uint32_t) value);
}

const DioRegionOps gicv3_distributor_ops = {
  .read = distributor_read,
  .write = distributor_write,
  .min_access = 1,
  .max_access = 8,
};

/* ---- The redistributors ---- */

static uint64_t
redistributor_type (const DioGicv3 *gic, unsigned index)
{
  bool last = index + 1 == gic->cpus;
  return (uint64_t) gic->cpu[index].affinity << 32 | (uint64_t) index << 8 | (last ? 1u << 4 : 0)
         | (gic->its ? 1 : 0);
}

static uint64_t
redistributor_read (void *opaque, uint64_t at, unsigned size)
{
  DioGicv3 *gic = opaque;
  unsigned index = (unsigned) (at / DIO_GICV3_REDISTRIBUTOR_SIZE);
  unsigned offset = (unsigned) (at % DIO_GICV3_REDISTRIBUTOR_SIZE);
  if (offset >= GICR_SGI_FRAME) {
    unsigned kind, id;
    bool private = decode (offset - GICR_SGI_FRAME, &kind, &id) && id < GIC_PRIVATE;
    return private ? read_state (gic, index, offset - GICR_SGI_FRAME, MIN (size, 4)) : 0;
  }
  if ((offset & ~15u) == GICR_PROPBASER) {
    uint64_t base = gicv3_lpi_read_base (gic, index, offset >= GICR_PENDBASER);
    return size == 8 ? base : (uint32_t) (base >> (offset & 4) * 8);
  }
  switch (offset) {
  case GICR_CTLR:
    return gic->cpu[index].lpis_enabled;
  case GICR_IIDR:
    return PRODUCT;
  case GICR_TYPER:
    return size == 8 ? redistributor_type (gic, index) : (uint32_t) redistributor_type (gic, index);
  case GICR_TYPER + 4:
    return redistributor_type (gic, index) >> 32;
  case GICR_WAKER: /* ProcessorSleep, ChildrenAsleep */
    return gic->cpu[index].asleep ? 6 : 0;
  case PIDR2:
    return ARCHITECTURE_3;
  default:
    return 0;
  }
}

static void
write_base (DioGicv3 *gic, unsigned index, unsigned offset, unsigned size, uint64_t value)
{
  bool of_pending = offset >= GICR_PENDBASER;
  unsigned shift = (offset & 4) * 8;
  uint64_t mask = size == 8 ? UINT64_MAX : UINT64_C (0xffffffff) << shift;
  uint64_t old = gicv3_lpi_read_base (gic, index, of_pending);
  gicv3_lpi_write_base (gic, index, of_pending,
                        (old & ~mask) | (size == 8 ? value : value << shift));
}

static void
redistributor_write (void *opaque, uint64_t at, uint64_t value, unsigned size)
{
  DioGicv3 *gic = opaque;
  unsigned index = (unsigned) (at / DIO_GICV3_REDISTRIBUTOR_SIZE);
  unsigned offset = (unsigned) (at % DIO_GICV3_REDISTRIBUTOR_SIZE), kind, id;
  if (offset == GICR_WAKER)
    gic->cpu[index].asleep = value & 2;
  else if (offset == GICR_CTLR)
    gicv3_lpi_enable (gic, index, value & 1);
  else if ((offset & ~15u) == GICR_PROPBASER)
    write_base (gic, index, offset, size, value);
  else if (offset >= GICR_SGI_FRAME && decode (offset - GICR_SGI_FRAME, &kind, &id)
           && id < GIC_PRIVATE)
    write_state (gic, index, offset - GICR_SGI_FRAME, MIN (size, 4), (uint32_t) value);
}

const DioRegionOps gicv3_redistributor_ops = {
  .read = redistributor_read,
  .write = redistributor_write,
  .min_access = 1,
  .max_access = 8,
};
