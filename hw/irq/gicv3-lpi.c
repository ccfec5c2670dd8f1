/* SPDX-License-Identifier: GPL-3.0-or-later
 * GICv3: locality-specific interrupts (Arm IHI 0069, chapter 5), which an ITS makes out of
 * messages. They are edges of group 1 and never active.
 *
 * Priority and enable are a byte each in memory. It is read when software says so: when LPIs are
 * turned on and by INV and INVALL; between these the copy here counts, as the architecture allows.
 * What is pending is kept here, and read from memory only when a redistributor is told to. */
#include <inttypes.h>
#include <string.h>

#include "core/vm/vm-machine.h"
#include "hw/irq/gicv3-private.h"

#define CONFIG_ENABLED 1

#define PROPBASER_ADDRESS UINT64_C (0x000ffffffffff000)
#define PROPBASER_ID_BITS 31
#define PROPBASER_WRITABLE (PROPBASER_ADDRESS | UINT64_C (7) << 56 | UINT64_C (0xf80) | 31)
#define PENDBASER_ADDRESS UINT64_C (0x000fffffffff0000)
#define PENDBASER_ZERO (UINT64_C (1) << 62)
#define PENDBASER_WRITABLE (PENDBASER_ADDRESS | UINT64_C (7) << 56 | UINT64_C (0xf80))

/* ---- What is pending ---- */

static void
set_bit (GicCpu *cpu, unsigned lpi, bool pending)
{
  uint64_t *word = &cpu->lpi_pending[lpi / 64], bit = UINT64_C (1) << (lpi % 64);
  *word = pending ? *word | bit : *word & ~bit;
  uint64_t *summary = &cpu->lpi_words[lpi / 4096], of = UINT64_C (1) << (lpi / 64 % 64);
  *summary = *word ? *summary | of : *summary & ~of;
}

static bool
is_pending (const GicCpu *cpu, unsigned lpi)
{
  return cpu->lpi_pending[lpi / 64] >> (lpi % 64) & 1;
}

void
gicv3_lpi_consider (const DioGicv3 *gic, unsigned index, GicCandidate *best)
{
  const GicCpu *cpu = &gic->cpu[index];
  if (!cpu->lpis_enabled || !(gic->control & 2))
    return;
  for (unsigned i = 0; i < G_N_ELEMENTS (cpu->lpi_words); i++)
    for (uint64_t words = cpu->lpi_words[i]; words; words &= words - 1) {
      unsigned word = i * 64 + (unsigned) __builtin_ctzll (words);
      for (uint64_t bits = cpu->lpi_pending[word]; bits; bits &= bits - 1) {
        unsigned lpi = word * 64 + (unsigned) __builtin_ctzll (bits);
        uint8_t config = gic->lpi_config[lpi];
        if ((config & CONFIG_ENABLED) && (config & GIC_PRIORITY_MASK) < best->priority)
          *best = (GicCandidate){ GIC_FIRST_LPI + lpi, config & GIC_PRIORITY_MASK, 1 };
      }
    }
}

void
gicv3_lpi_acknowledge (DioGicv3 *gic, unsigned index, unsigned id)
{
  set_bit (&gic->cpu[index], id - GIC_FIRST_LPI, false);
}

/* ---- For the ITS ---- */

bool
gicv3_lpi_exists (unsigned id)
{
  return id >= GIC_FIRST_LPI && id - GIC_FIRST_LPI < GIC_LPIS;
}

void
gicv3_lpi_set (DioGicv3 *gic, unsigned index, unsigned id, bool pending)
{
  pthread_mutex_lock (&gic->sys.dev.lock);
  if (gic->cpu[index].lpis_enabled) {
    set_bit (&gic->cpu[index], id - GIC_FIRST_LPI, pending);
    gicv3_update (gic, index);
  }
  pthread_mutex_unlock (&gic->sys.dev.lock);
}

static void
move (GicCpu *from, GicCpu *to, unsigned lpi)
{
  if (from == to || !is_pending (from, lpi))
    return;
  set_bit (from, lpi, false);
  if (to->lpis_enabled)
    set_bit (to, lpi, true);
}

void
gicv3_lpi_move (DioGicv3 *gic, unsigned from, unsigned to, unsigned id)
{
  pthread_mutex_lock (&gic->sys.dev.lock);
  move (&gic->cpu[from], &gic->cpu[to], id - GIC_FIRST_LPI);
  gicv3_update (gic, from);
  gicv3_update (gic, to);
  pthread_mutex_unlock (&gic->sys.dev.lock);
}

void
gicv3_lpi_move_all (DioGicv3 *gic, unsigned from, unsigned to)
{
  pthread_mutex_lock (&gic->sys.dev.lock);
  for (unsigned lpi = 0; lpi < GIC_LPIS; lpi++)
    move (&gic->cpu[from], &gic->cpu[to], lpi);
  gicv3_update (gic, from);
  gicv3_update (gic, to);
  pthread_mutex_unlock (&gic->sys.dev.lock);
}

/* ---- Configuration in memory ---- */

/* How many LPIs the guest's table has, of those that there are. */
static unsigned
configured (const GicCpu *cpu)
{
  unsigned bits = (unsigned) (cpu->lpi_config_base & PROPBASER_ID_BITS) + 1;
  if (bits >= GIC_LPI_BITS)
    return GIC_LPIS;
  return bits < 14 ? 0 : (1u << bits) - GIC_FIRST_LPI;
}

static void
reload (DioGicv3 *gic, unsigned index, unsigned first, unsigned count)
{
  const GicCpu *cpu = &gic->cpu[index];
  DioGpa at = cpu->lpi_config_base & PROPBASER_ADDRESS;
  if (first + count > configured (cpu)
      || !dio_dma_read (gic->sys.dev.machine->space, at + first, gic->lpi_config + first, count)) {
    memset (gic->lpi_config + first, 0, count);
    dio_device_guest_error (&gic->sys.dev, "no configuration of LPIs at 0x%" PRIx64, at);
  }
}

void
gicv3_lpi_reload (DioGicv3 *gic, unsigned index, unsigned id)
{
  pthread_mutex_lock (&gic->sys.dev.lock);
  if (gic->cpu[index].lpis_enabled)
    reload (gic, index, id - GIC_FIRST_LPI, 1);
  gicv3_update_all (gic);
  pthread_mutex_unlock (&gic->sys.dev.lock);
}

void
gicv3_lpi_reload_all (DioGicv3 *gic, unsigned index)
{
  pthread_mutex_lock (&gic->sys.dev.lock);
  if (gic->cpu[index].lpis_enabled)
    reload (gic, index, 0, configured (&gic->cpu[index]));
  gicv3_update_all (gic);
  pthread_mutex_unlock (&gic->sys.dev.lock);
}

/* The table of what is pending has a bit for every INTID; that of LPIs begins after the others. */
static void
load_pending (DioGicv3 *gic, unsigned index)
{
  GicCpu *cpu = &gic->cpu[index];
  uint8_t bits[GIC_LPIS / 8];
  DioGpa at = (cpu->lpi_pending_base & PENDBASER_ADDRESS) + GIC_FIRST_LPI / 8;
  if ((cpu->lpi_pending_base & PENDBASER_ZERO)
      || !dio_dma_read (gic->sys.dev.machine->space, at, bits, sizeof bits))
    return;
  for (unsigned lpi = 0; lpi < configured (cpu); lpi++)
    if (bits[lpi / 8] >> (lpi % 8) & 1)
      set_bit (cpu, lpi, true);
}

static void
forget_pending (GicCpu *cpu)
{
  memset (cpu->lpi_pending, 0, sizeof cpu->lpi_pending);
  memset (cpu->lpi_words, 0, sizeof cpu->lpi_words);
}

/* ---- Registers of the redistributor ---- */

void
gicv3_lpi_enable (DioGicv3 *gic, unsigned index, bool on)
{
  GicCpu *cpu = &gic->cpu[index];
  if (!gic->its || on == cpu->lpis_enabled)
    return;
  cpu->lpis_enabled = on;
  forget_pending (cpu);
  if (on) {
    reload (gic, index, 0, configured (cpu));
    load_pending (gic, index);
  }
  gicv3_update_all (gic);
}

void
gicv3_lpi_write_base (DioGicv3 *gic, unsigned index, bool of_pending, uint64_t value)
{
  GicCpu *cpu = &gic->cpu[index];
  if (!gic->its || cpu->lpis_enabled)
    return;
  if (of_pending)
    cpu->lpi_pending_base = value & (PENDBASER_WRITABLE | PENDBASER_ZERO);
  else
    cpu->lpi_config_base = value & PROPBASER_WRITABLE;
}

uint64_t
gicv3_lpi_read_base (const DioGicv3 *gic, unsigned index, bool of_pending)
{
  const GicCpu *cpu = &gic->cpu[index];
  return of_pending ? cpu->lpi_pending_base & ~PENDBASER_ZERO : cpu->lpi_config_base;
}

/* ---- Life ---- */

void
gicv3_lpi_reset (DioGicv3 *gic)
{
  memset (gic->lpi_config, 0, sizeof gic->lpi_config);
  for (unsigned i = 0; i < gic->cpus; i++) {
    gic->cpu[i].lpis_enabled = false;
    gic->cpu[i].lpi_config_base = gic->cpu[i].lpi_pending_base = 0;
    forget_pending (&gic->cpu[i]);
  }
}

void
gicv3_lpi_visit (DioGicv3 *gic, DioVisitor *visitor)
{
  dio_visit_begin (visitor, "lpis", 1);
  dio_visit_bytes (visitor, "config", gic->lpi_config, sizeof gic->lpi_config);
  for (unsigned i = 0; i < gic->cpus; i++) {
    GicCpu *cpu = &gic->cpu[i];
    dio_visit_bool (visitor, "enabled", &cpu->lpis_enabled);
    dio_visit_u64 (visitor, "config-base", &cpu->lpi_config_base);
    dio_visit_u64 (visitor, "pending-base", &cpu->lpi_pending_base);
    dio_visit_bytes (visitor, "pending", cpu->lpi_pending, sizeof cpu->lpi_pending);
    cpu->lpi_config_base &= PROPBASER_WRITABLE;
    cpu->lpi_pending_base &= PENDBASER_WRITABLE | PENDBASER_ZERO;
    for (unsigned word = 0; word < GIC_LPIS / 64; word++) {
      uint64_t bit = UINT64_C (1) << (word % 64);
      uint64_t *summary = &cpu->lpi_words[word / 64];
      *summary = cpu->lpi_pending[word] ? *summary | bit : *summary & ~bit;
    }
  }
  dio_visit_end (visitor);
}
