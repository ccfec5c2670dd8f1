/* SPDX-License-Identifier: GPL-3.0-or-later
 * The generic timer: virtual and physical, what the control register shows, the line as a level, no
 * interrupt twice and none lost, also when it is due at the moment it is set. */
#include "guest.h"

/* Of the two timers, by number. */
static void
set_compare (unsigned timer, uint64_t value)
{
  if (timer)
    sysreg_write (cntp_cval_el0, value);
  else
    sysreg_write (cntv_cval_el0, value);
}

static void
set_interval (unsigned timer, int64_t value)
{
  if (timer)
    sysreg_write (cntp_tval_el0, value);
  else
    sysreg_write (cntv_tval_el0, value);
}

static void
set_control (unsigned timer, uint64_t value)
{
  if (timer)
    sysreg_write (cntp_ctl_el0, value);
  else
    sysreg_write (cntv_ctl_el0, value);
  isb ();
}

static uint64_t
control (unsigned timer)
{
  isb ();
  return timer ? sysreg_read (cntp_ctl_el0) : sysreg_read (cntv_ctl_el0);
}

static uint64_t
compare (unsigned timer)
{
  return timer ? sysreg_read (cntp_cval_el0) : sysreg_read (cntv_cval_el0);
}

static uint64_t
interval (unsigned timer)
{
  return timer ? sysreg_read (cntp_tval_el0) : sysreg_read (cntv_tval_el0);
}

static uint64_t
count_of (unsigned timer)
{
  isb ();
  return timer ? sysreg_read (cntpct_el0) : sysreg_read (cntvct_el0);
}

static const uint8_t intids[2] = { PPI_VIRTUAL, PPI_PHYSICAL };
enum { ENABLE = 1, IMASK = 2, ISTATUS = 4 };

static void
test_registers (unsigned timer)
{
  CHECK_EQ (sysreg_read (cntfrq_el0), TIMER_HZ);
  set_control (timer, 0);
  CHECK_EQ (control (timer) & (ENABLE | IMASK), 0);
  set_compare (timer, 0x123456789abcdef0);
  CHECK_EQ (compare (timer), 0x123456789abcdef0);
  /* The interval is the difference of the two, in 32 bits. */
  uint64_t before = count_of (timer);
  set_interval (timer, 1000000);
  uint64_t after = count_of (timer);
  CHECK (compare (timer) >= before + 1000000 && compare (timer) <= after + 1000000);
  uint64_t left = interval (timer);
  CHECK (left <= 1000000);
  set_interval (timer, -5);
  CHECK ((int32_t) interval (timer) < 0);
  CHECK (compare (timer) < count_of (timer));
  /* The status says whether the condition holds, masked or not. */
  set_control (timer, ENABLE);
  CHECK_EQ (control (timer), ENABLE | ISTATUS);
  set_control (timer, ENABLE | IMASK);
  CHECK_EQ (control (timer), ENABLE | IMASK | ISTATUS);
  set_compare (timer, UINT64_MAX);
  CHECK_EQ (control (timer), ENABLE | IMASK);
  set_control (timer, ENABLE);
  CHECK_EQ (control (timer), ENABLE);
  set_compare (timer, 0);
  CHECK_EQ (control (timer), ENABLE | ISTATUS);
  set_control (timer, 0xfffffffffffffff8);
  CHECK_EQ (control (timer) & ~(uint64_t) ISTATUS, 0);
}

/* The line follows the condition: pending comes and goes with it. */
static void
test_level (unsigned timer)
{
  unsigned id = intids[timer];
  set_control (timer, 0);
  CHECK (!gic_is_pending (id));
  set_compare (timer, 0);
  set_control (timer, ENABLE | IMASK);
  CHECK (!gic_is_pending (id));
  set_control (timer, ENABLE);
  CHECK (gic_is_pending (id));
  CHECK (gic_is_pending (id));
  set_control (timer, ENABLE | IMASK);
  CHECK (!gic_is_pending (id));
  set_control (timer, ENABLE);
  set_compare (timer, UINT64_MAX);
  CHECK (!gic_is_pending (id));
  set_interval (timer, (int64_t) (TIMER_HZ / 500));
  CHECK (!gic_is_pending (id));
  WAIT_FOR (gic_is_pending (id));
  CHECK (count_of (timer) >= compare (timer));
  set_control (timer, 0);
  CHECK (!gic_is_pending (id));
}

/* ---- Interrupts ---- */

static volatile uint64_t taken, early, spurious;

static void
on_irq (struct frame *frame, unsigned kind)
{
  (void) frame;
  unsigned id = icc_read (ICC_IAR1) & 0xffffff;
  CHECK_EQ (kind, IRQ);
  if (id == SPURIOUS) {
    spurious++;
    return;
  }
  unsigned timer = id == PPI_PHYSICAL;
  CHECK_EQ (id, intids[timer]);
  if (!(control (timer) & ISTATUS))
    early++;
  set_control (timer, ENABLE | IMASK);
  taken++;
  icc_write (ICC_EOIR1, id);
  isb ();
}

/* Waits for the next interrupt by @how: 0 by spinning, 1 by wfi. */
static void
await_at (int line, uint64_t before, unsigned how)
{
  uint64_t end = now () + 5 * TIMER_HZ;
  while (taken == before) {
    if (how) {
      irqs_off ();
      if (taken == before)
        wfi ();
      irqs_on ();
    }
    if (now () > end)
      fail (__FILE__, line, "lost interrupt", before, control (0));
  }
}
#define AWAIT(before, how) await_at (__LINE__, before, how)

/* One shot after the other, as Linux sets them: the comparator while the timer is masked, then
 * unmasked. The intervals are such that many are due while they are set. */
static void
test_shots (unsigned timer, unsigned rounds)
{
  uint64_t random = 1;
  irq_handler[0] = on_irq;
  gic_enable (intids[timer], true);
  taken = early = spurious = 0;
  set_control (timer, IMASK);
  irqs_on ();
  for (unsigned i = 0; i < rounds; i++) {
    random = random * 6364136223846793005ull + 1442695040888963407ull;
    uint64_t before = taken;
    set_compare (timer, count_of (timer) + (random >> 40) % (i % 4 ? 600 : 9000));
    set_control (timer, ENABLE);
    AWAIT (before, i % 3 == 0);
    CHECK_EQ (taken, before + 1);
  }
  irqs_off ();
  set_control (timer, 0);
  gic_enable (intids[timer], false);
  /* Each is taken once, and none before its time. */
  CHECK_EQ (taken, rounds);
  CHECK_EQ (early, 0);
  CHECK_EQ (spurious, 0);
}

/* The alarm is moved while it rings. What counts in the end is the last. */
static void
test_moves (unsigned timer, unsigned rounds)
{
  uint64_t random = 7;
  irq_handler[0] = on_irq;
  gic_enable (intids[timer], true);
  taken = early = spurious = 0;
  irqs_off ();
  for (unsigned i = 0; i < rounds; i++) {
    random = random * 6364136223846793005ull + 1442695040888963407ull;
    uint64_t due = count_of (timer) + (random >> 40) % 4000;
    set_compare (timer, due);
    set_control (timer, random >> 33 & 1 ? ENABLE : ENABLE | IMASK);
    while (count_of (timer) < due + (random >> 20) % 3000)
      continue;
    set_compare (timer, UINT64_MAX >> 1);
    set_control (timer, ENABLE);
    /* Nothing is due now, and nothing may be pending, also after others had their say. */
    for (unsigned k = 0; k < 3; k++) {
      if (gic_is_pending (intids[timer]))
        fail (__FILE__, __LINE__, "line without a condition", i, control (timer));
      relax ();
    }
    uint64_t before = taken;
    set_interval (timer, 500);
    irqs_on ();
    AWAIT (before, i % 2);
    irqs_off ();
    set_control (timer, 0);
  }
  gic_enable (intids[timer], false);
  CHECK_EQ (early, 0);
}

/* A level that nobody takes away comes again after every end, and goes when its reason goes. */
static void
test_storm (unsigned timer)
{
  gic_enable (intids[timer], true);
  set_compare (timer, 0);
  set_control (timer, ENABLE);
  for (unsigned i = 0; i < 5; i++) {
    CHECK_EQ (icc_read (ICC_IAR1) & 0xffffff, intids[timer]);
    CHECK (gic_is_active (intids[timer]));
    CHECK_EQ (icc_read (ICC_IAR1) & 0xffffff, SPURIOUS);
    icc_write (ICC_EOIR1, intids[timer]);
    isb ();
  }
  CHECK_EQ (icc_read (ICC_IAR1) & 0xffffff, intids[timer]);
  set_control (timer, ENABLE | IMASK);
  icc_write (ICC_EOIR1, intids[timer]);
  isb ();
  CHECK_EQ (icc_read (ICC_IAR1) & 0xffffff, SPURIOUS);
  set_control (timer, 0);
  gic_enable (intids[timer], false);
}

int
main (void)
{
  gic_init ();
  gic_init_cpu ();
  for (unsigned timer = 0; timer < 2; timer++) {
    test_registers (timer);
    test_level (timer);
    test_storm (timer);
    test_shots (timer, 1500);
    test_moves (timer, 400);
  }
  return 0;
}
