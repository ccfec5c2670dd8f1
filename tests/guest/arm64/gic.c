/* SPDX-License-Identifier: GPL-3.0-or-later
 * The interrupt controller as its own CPU sees it: priorities, masks, binary points, preemption and
 * the running priority, both modes of ending, edges and levels, groups, and a device's line. */
#include "guest.h"

#define ID(value) ((value) &0xffffff)

static unsigned
acknowledge (void)
{
  dsb ();
  return ID (icc_read (ICC_IAR1));
}

static void
end (unsigned id)
{
  icc_write (ICC_EOIR1, id);
  isb ();
}

static bool
signalled (void)
{
  return sysreg_read (isr_el1) & PSTATE_I;
}

static void
begin (void)
{
  gic_init ();
  gic_init_cpu ();
}

/* ---- Registers ---- */

static void
test_registers (void)
{
  begin ();
  CHECK_EQ (*mmio32 (GICD + 0xffe8) >> 4 & 15, 3);
  CHECK_EQ (*mmio32 (GICD) & 0x52, 0x52); /* one security state, affinity routing */
  CHECK_EQ (*mmio32 (gicr (0) + 0x14) & 6, 0);
  CHECK_EQ (icc_read (ICC_SRE) & 1, 1);
  CHECK_EQ (icc_read (ICC_CTLR) >> 8 & 7, 4); /* five bits of priority */
  CHECK_EQ (icc_read (ICC_BPR0), 2);
  CHECK_EQ (icc_read (ICC_BPR1), 3);
  icc_write (ICC_PMR, 0xff);
  CHECK_EQ (icc_read (ICC_PMR), 0xf8);
  CHECK_EQ (icc_read (ICC_RPR), 0xff);
  CHECK_EQ (acknowledge (), SPURIOUS);
  CHECK_EQ (ID (icc_read (ICC_HPPIR1)), SPURIOUS);
  /* Bits that set and bits that clear, the widths of a register of priorities. */
  gic_enable (40, true);
  gic_enable (41, true);
  CHECK_EQ (*mmio32 (GICD + 0x104), 0x300);
  gic_enable (40, false);
  CHECK_EQ (*mmio32 (GICD + 0x184), 0x200);
  *mmio32 (GICD + 0x400 + 40) = 0x1f2f3f4f;
  CHECK_EQ (*mmio32 (GICD + 0x400 + 40), 0x18283848);
  CHECK_EQ (*mmio8 (GICD + 0x400 + 42), 0x28);
  gic_edge (41, true);
  CHECK_EQ (*mmio32 (GICD + 0xc08), 2u << 18);
  gic_edge (41, false);
  CHECK_EQ (*mmio32 (gicr (0) + 0x10c00), 0xaaaaaaaa); /* SGIs are edges */
  gic_route (50, 0);
  *mmio32 (GICD + 0x6000 + 8 * 50 + 4) = 0x12;
  CHECK_EQ (*mmio64 (GICD + 0x6000 + 8 * 50), 0x1200000000);
  gic_route (50, 0);
  /* Interrupts that there are not. */
  CHECK_EQ (*mmio32 (GICD + 0x100), 0);
  *mmio32 (GICD + 0x17c) = UINT32_MAX;
  CHECK_EQ (*mmio32 (GICD + 0x17c), 0);
}

/* ---- Order ---- */

static void
test_priorities (void)
{
  begin ();
  static const uint8_t ids[] = { 3, 20, 7, 40, 100, 41, 12 };
  static const uint8_t priorities[] = { 0x80, 0x40, 0x40, 0x20, 0x80, 0xf0, 0x38 };
  /* By priority, then by number. */
  static const uint8_t order[] = { 40, 12, 7, 20, 3, 100, 41 };
  for (unsigned i = 0; i < sizeof ids; i++) {
    gic_priority (ids[i], priorities[i]);
    gic_enable (ids[i], true);
    gic_set_pending (ids[i], true);
  }
  CHECK (signalled ());
  for (unsigned i = 0; i < sizeof order; i++) {
    CHECK_EQ (ID (icc_read (ICC_HPPIR1)), order[i]);
    CHECK_EQ (acknowledge (), order[i]);
    CHECK (gic_is_active (order[i]) && !gic_is_pending (order[i]));
    end (order[i]);
    CHECK (!gic_is_active (order[i]));
  }
  CHECK (!signalled ());
  CHECK_EQ (acknowledge (), SPURIOUS);

  /* The mask lets through what is more urgent than it. */
  gic_set_pending (3, true); /* 0x80 */
  for (unsigned mask = 0; mask < 0x100; mask += 8) {
    icc_write (ICC_PMR, mask);
    isb ();
    CHECK_EQ (signalled (), mask > 0x80);
    if (mask <= 0x80)
      CHECK_EQ (acknowledge (), SPURIOUS);
    CHECK_EQ (ID (icc_read (ICC_HPPIR1)), 3);
  }
  gic_enable (3, false);
  CHECK (!signalled ());
  gic_enable (3, true);
  icc_write (ICC_IGRPEN1, 0);
  isb ();
  CHECK (!signalled ());
  icc_write (ICC_IGRPEN1, 1);
  isb ();
  *mmio32 (GICD) = 0x10; /* the distributor forwards nothing */
  CHECK (!signalled ());
  *mmio32 (GICD) = 0x12;
  CHECK (signalled ());
  gic_set_pending (3, false);
  CHECK (!signalled ());
}

/* What runs is interrupted by what is more urgent, as far as the binary point lets it. */
static void
test_preemption (void)
{
  for (unsigned point = 3; point < 8; point++) {
    begin ();
    icc_write (ICC_BPR1, point);
    isb ();
    CHECK_EQ (icc_read (ICC_BPR1), point);
    unsigned group = 0xff << point & 0xff;
    gic_enable (5, true);
    gic_enable (6, true);
    gic_priority (5, 0x68);
    gic_set_pending (5, true);
    CHECK_EQ (acknowledge (), 5);
    CHECK_EQ (icc_read (ICC_RPR), 0x68 & group);
    for (unsigned priority = 0; priority < 0x100; priority += 8) {
      gic_priority (6, priority);
      gic_set_pending (6, true);
      bool preempts = (priority & group) < (0x68 & group);
      CHECK_EQ (signalled (), preempts);
      CHECK_EQ (acknowledge (), preempts ? 6 : SPURIOUS);
      if (preempts) {
        CHECK_EQ (icc_read (ICC_RPR), priority & group);
        CHECK_EQ (icc_read (ICC_AP1R0), 1u << (priority & group) / 8 | 1u << (0x68 & group) / 8);
        end (6);
        CHECK_EQ (icc_read (ICC_RPR), 0x68 & group);
      }
    }
    gic_set_pending (6, false);
    end (5);
    CHECK_EQ (icc_read (ICC_RPR), 0xff);
    CHECK_EQ (icc_read (ICC_AP1R0), 0);
  }
}

/* Priority drop and deactivation as two things. */
static void
test_ends (void)
{
  begin ();
  icc_write (ICC_CTLR, 2);
  isb ();
  gic_enable (5, true);
  gic_enable (6, true);
  gic_set_pending (5, true);
  CHECK_EQ (acknowledge (), 5);
  gic_set_pending (6, true); /* of the same priority */
  CHECK_EQ (acknowledge (), SPURIOUS);
  end (5);
  CHECK (gic_is_active (5));
  CHECK_EQ (icc_read (ICC_RPR), 0xff);
  CHECK_EQ (acknowledge (), 6);
  gic_set_pending (5, true); /* active and pending: not again before it is deactivated */
  end (6);
  CHECK_EQ (acknowledge (), SPURIOUS);
  icc_write (ICC_DIR, 5);
  isb ();
  CHECK_EQ (acknowledge (), 5);
  end (5);
  icc_write (ICC_DIR, 5);
  icc_write (ICC_DIR, 6);
  isb ();
  CHECK (!gic_is_active (5) && !gic_is_active (6));
  icc_write (ICC_CTLR, 0);
  /* Ends of nothing do nothing. */
  end (SPURIOUS);
  end (1022);
  CHECK_EQ (icc_read (ICC_RPR), 0xff);
}

/* ---- Edges and levels ---- */

static void
test_triggers (void)
{
  begin ();
  /* The serial port has nothing to send: its line is high as soon as it may be. */
  *mmio32 (UART + 0x30) = 0x301;
  *mmio32 (UART + 0x38) = 0;
  gic_enable (UART_INTID, true);
  CHECK (!gic_is_pending (UART_INTID));
  /* Receive time-out needs input; transmit fires when the FIFO gets below its mark. */
  *mmio8 (UART) = '\n';
  *mmio32 (UART + 0x38) = 1 << 5;
  WAIT_FOR (gic_is_pending (UART_INTID));
  CHECK (signalled ());
  for (unsigned i = 0; i < 3; i++) {
    CHECK_EQ (acknowledge (), UART_INTID);
    CHECK (gic_is_pending (UART_INTID) && gic_is_active (UART_INTID));
    CHECK (!signalled ());
    end (UART_INTID);
    CHECK (signalled ());
  }
  /* Clearing the latch does not clear a level. */
  gic_set_pending (UART_INTID, false);
  CHECK (gic_is_pending (UART_INTID));
  *mmio32 (UART + 0x38) = 0;
  CHECK (!gic_is_pending (UART_INTID) && !signalled ());
  /* A level that software asked for stays until it is taken. */
  gic_set_pending (UART_INTID, true);
  CHECK_EQ (acknowledge (), UART_INTID);
  CHECK (!gic_is_pending (UART_INTID));
  end (UART_INTID);
  CHECK (!signalled ());

  /* The same line as an edge: once for each rise, also while it is active. */
  gic_edge (UART_INTID, true);
  *mmio32 (UART + 0x38) = 1 << 5;
  CHECK_EQ (acknowledge (), UART_INTID);
  CHECK (!gic_is_pending (UART_INTID));
  *mmio32 (UART + 0x38) = 0;
  *mmio32 (UART + 0x38) = 1 << 5;
  CHECK (gic_is_pending (UART_INTID));
  end (UART_INTID);
  CHECK_EQ (acknowledge (), UART_INTID);
  end (UART_INTID);
  CHECK_EQ (acknowledge (), SPURIOUS);
  *mmio32 (UART + 0x38) = 0;
  CHECK (!gic_is_pending (UART_INTID));
  gic_edge (UART_INTID, false);

  /* Messages: SETSPI and CLRSPI. */
  gic_enable (60, true);
  *mmio32 (GICD + 0x40) = 60;
  CHECK (gic_is_pending (60));
  *mmio32 (GICD + 0x48) = 60;
  CHECK (!gic_is_pending (60) && !signalled ());
}

/* ---- Groups ---- */

static void
test_groups (void)
{
  begin ();
  *mmio32 (gicr (0) + 0x10080) = ~(1u << 9); /* SGI 9 is of group 0 */
  *mmio32 (GICD) = 0x13;
  gic_enable (9, true);
  gic_set_pending (9, true);
  CHECK_EQ (sysreg_read (isr_el1), 0);
  icc_write (ICC_IGRPEN0, 1);
  isb ();
  CHECK_EQ (sysreg_read (isr_el1), PSTATE_F); /* FIQ */
  CHECK_EQ (acknowledge (), SPURIOUS);        /* not of group 1 */
  CHECK_EQ (ID (icc_read (ICC_HPPIR0)), 9);
  struct outcome o = probe_spsr (EL0, p_spin, 0, 0);
  CHECK_EQ (o.vector, FROM_LOWER + FIQ);
  CHECK_EQ (o.elr, probe_address (EL0, p_spin));
  CHECK_EQ (ID (icc_read (ICC_IAR0)), 9);
  CHECK_EQ (icc_read (ICC_AP0R0), 1u << 0xa0 / 8);
  icc_write (ICC_EOIR0, 9);
  isb ();
  CHECK_EQ (icc_read (ICC_AP0R0), 0);
  /* An SGI reaches whom it is sent to in the group that it is sent in only. */
  icc_write (ICC_SGI1R, 9ull << 24 | 1);
  isb ();
  CHECK (!gic_is_pending (9));
  icc_write (ICC_SGI0R, 9ull << 24 | 1);
  isb ();
  CHECK (gic_is_pending (9));
  gic_set_pending (9, false);
  icc_write (ICC_IGRPEN0, 0);
}

/* ---- Interrupts as exceptions ---- */

static volatile unsigned taken, depth, deepest, order[16];

/* Ends what it takes, and lets more urgent ones in meanwhile. */
static void
nest (struct frame *frame, unsigned kind)
{
  (void) kind;
  unsigned id = acknowledge ();
  order[taken++ & 15] = id;
  if (++depth > deepest)
    deepest = depth;
  if (id < 8)
    gic_set_pending (id + 1, true);
  uint64_t elr = frame->elr, spsr = frame->spsr;
  irqs_on ();
  for (unsigned i = 0; i < 100; i++)
    relax ();
  irqs_off ();
  frame->elr = elr;
  frame->spsr = spsr;
  depth--;
  end (id);
}

static void
test_nesting (void)
{
  begin ();
  for (unsigned i = 1; i < 9; i++) {
    gic_priority (i, 0xa0 - 0x10 * i);
    gic_enable (i, true);
  }
  taken = depth = deepest = 0;
  irq_handler[0] = nest;
  irqs_on ();
  gic_set_pending (1, true);
  WAIT_FOR (taken == 8 && depth == 0);
  irqs_off ();
  CHECK_EQ (deepest, 8);
  for (unsigned i = 0; i < 8; i++)
    CHECK_EQ (order[i], i + 1);
  CHECK_EQ (icc_read (ICC_RPR), 0xff);
  irq_handler[0] = NULL;
}

/* Taken before the next instruction after what let it in; not where it is masked. */
static void
test_masks (void)
{
  begin ();
  gic_enable (2, true);
  gic_set_pending (2, true);
  for (unsigned mode = 0; mode < 2; mode++) {
    struct outcome o = probe_spsr (mode ? EL1 : EL0, p_nop, 0, 0);
    CHECK_EQ (o.vector, (mode ? FROM_SAME : FROM_LOWER) + IRQ);
    CHECK_EQ (o.elr, probe_address (mode ? EL1 : EL0, p_nop));
    CHECK_EQ (probe_spsr (PSTATE_I | (mode ? EL1 : EL0), p_nop, 0, 0).vector, -1);
    CHECK_EQ (probe_spsr (PSTATE_F | (mode ? EL1 : EL0), p_nop, 0, 0).vector,
              (mode ? FROM_SAME : FROM_LOWER) + IRQ);
  }
  /* A masked one ends a wfi. */
  for (unsigned i = 0; i < 100; i++)
    wfi ();
  CHECK_EQ (acknowledge (), 2);
  end (2);
}

int
main (void)
{
  test_registers ();
  test_priorities ();
  test_preemption ();
  test_ends ();
  test_triggers ();
  test_groups ();
  test_nesting ();
  test_masks ();
  return 0;
}
