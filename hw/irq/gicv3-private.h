/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the files of the GICv3 share. */
#pragma once

#include "hw/irq/gicv3.h"
#include "hw/system-device.h"

#define GIC_PRIVATE 32u /* SGIs and PPIs of each CPU */
#define GIC_MAX_SPIS 988u
#define GIC_MAX_CPUS 64u
#define GIC_SPURIOUS 1023u
#define GIC_PRIORITY_MASK 0xf8u /* five bits */
#define GIC_IDLE 0xffu
#define GIC_FIRST_LPI 8192u
#define GIC_LPI_BITS 14 /* of INTIDs with LPIs */
#define GIC_LPIS ((1u << GIC_LPI_BITS) - GIC_FIRST_LPI)

/* 32 interrupts, one bit each. */
typedef struct {
  uint32_t group; /* 1: group 1 */
  uint32_t enabled;
  uint32_t level;   /* of the line */
  uint32_t pending; /* latched: by an edge, a message or by writing */
  uint32_t active;
  uint32_t edge; /* configured as edge-triggered */
  uint8_t priority[32];
} GicBank;

typedef struct {
  GicBank bank; /* SGIs and PPIs */
  bool asleep;  /* GICR_WAKER.ProcessorSleep */
  uint32_t affinity;
  /* The CPU interface. */
  uint8_t mask;        /* ICC_PMR */
  uint8_t binary[2];   /* ICC_BPR of each group */
  bool enabled[2];     /* ICC_IGRPEN */
  uint8_t control;     /* ICC_CTLR: CBPR, EOImode */
  uint32_t running[2]; /* ICC_AP0R0, ICC_AP1R0: priorities of what runs, 8 apart */
  bool outputs[2];     /* IRQ, FIQ */
  /* LPIs: gicv3-lpi.c. */
  bool lpis_enabled;
  uint64_t lpi_config_base, lpi_pending_base; /* GICR_PROPBASER, GICR_PENDBASER */
  uint64_t lpi_pending[GIC_LPIS / 64];
  uint64_t lpi_words[GIC_LPIS / 4096]; /* one bit for each of these that is not 0 */
} GicCpu;

typedef struct {
  DioSystemDevice sys;
  uint64_t sources, cpus; /* properties */
  unsigned n_banks;       /* of SPIs */
  uint8_t control;        /* GICD_CTLR: EnableGrp0, EnableGrp1 */
  GicBank banks[(GIC_MAX_SPIS + 31) / 32];
  uint64_t route[GIC_MAX_SPIS]; /* GICD_IROUTER */
  uint8_t target[GIC_MAX_SPIS]; /* the CPU that this means, or GIC_NOBODY */
  GicCpu cpu[GIC_MAX_CPUS];
  uint8_t lpi_config[GIC_LPIS]; /* as last read: priority, and 1 for enabled */
  DioDevice *its;               /* NULL: there are no LPIs */
} DioGicv3;

#define GIC_NOBODY 0xff

/* What would interrupt a CPU next. */
typedef struct {
  unsigned id; /* GIC_SPURIOUS: nothing */
  unsigned priority, group;
} GicCandidate;

/* All with the device's lock held. */

/* The pending, enabled interrupt of the highest priority that is not active. */
GicCandidate gicv3_best (const DioGicv3 *gic, unsigned cpu);
/* Sets the lines into @cpu by what is pending; into all. */
void gicv3_update (DioGicv3 *gic, unsigned cpu);
void gicv3_update_all (DioGicv3 *gic);
/* The bank of INTID @id as @cpu sees it, NULL: there is no such interrupt. */
GicBank *gicv3_bank (DioGicv3 *gic, unsigned cpu, unsigned id);
/* Who is meant by an affinity (Aff3 in bits 31 to 24); GIC_NOBODY. */
unsigned gicv3_find_cpu (const DioGicv3 *gic, uint32_t affinity);
/* GICD_IROUTER of SPI @spi. */
void gicv3_set_route (DioGicv3 *gic, unsigned spi, uint64_t route);
/* The priority of the bits of @priority that may preempt, by the binary point of @group. */
unsigned gicv3_group_priority (const GicCpu *cpu, unsigned group, unsigned priority);
/* Of what runs on the CPU; GIC_IDLE: nothing. */
unsigned gicv3_running_priority (const GicCpu *cpu);

/* LPIs, with the lock held. */
void gicv3_lpi_consider (const DioGicv3 *gic, unsigned cpu, GicCandidate *best);
void gicv3_lpi_acknowledge (DioGicv3 *gic, unsigned cpu, unsigned id);
void gicv3_lpi_enable (DioGicv3 *gic, unsigned cpu, bool on);
void gicv3_lpi_write_base (DioGicv3 *gic, unsigned cpu, bool of_pending, uint64_t value);
uint64_t gicv3_lpi_read_base (const DioGicv3 *gic, unsigned cpu, bool of_pending);
void gicv3_lpi_reset (DioGicv3 *gic);
void gicv3_lpi_visit (DioGicv3 *gic, DioVisitor *visitor);
/* LPIs, for the ITS, without the lock; @id is one that exists, CPUs are some that there are. The
 * last two read the configuration in memory again. */
bool gicv3_lpi_exists (unsigned id);
void gicv3_lpi_set (DioGicv3 *gic, unsigned cpu, unsigned id, bool pending);
void gicv3_lpi_move (DioGicv3 *gic, unsigned from, unsigned to, unsigned id);
void gicv3_lpi_move_all (DioGicv3 *gic, unsigned from, unsigned to);
void gicv3_lpi_reload (DioGicv3 *gic, unsigned cpu, unsigned id);
void gicv3_lpi_reload_all (DioGicv3 *gic, unsigned cpu);

extern const DioRegionOps gicv3_distributor_ops;
extern const DioRegionOps gicv3_redistributor_ops;
