/* SPDX-License-Identifier: GPL-3.0-or-later
 * PSCI SYSTEM_RESET: does not return, and everything is as after power-on but for the time, which
 * tells the first life from the second. */
#include "guest.h"

bool
begins_translated (void)
{
  return false;
}

#define BORN_AGAIN (TIMER_HZ / 2)

static uint64_t trace = 0x600d;
static volatile uint64_t awake;

static void
stay (unsigned cpu __attribute__ ((unused)))
{
  awake++;
  for (;;)
    wfi ();
}

static void
check_cold (void)
{
  CHECK_EQ (trace, 0x600d); /* from the image again */
  CHECK_EQ (awake, 0);
  CHECK_EQ (sysreg_read (cntv_ctl_el0) & 1, 0);
  CHECK_EQ (sysreg_read (sctlr_el1) & SCTLR_M, 0);
  CHECK_EQ (sysreg_read (daif), PSTATE_DAIF);
  CHECK_EQ (*mmio32 (GICD) & 3, 0);
  CHECK_EQ (*mmio32 (gicr (0) + 0x10100), 0); /* nothing is enabled */
  CHECK_EQ (icc_read (ICC_PMR), 0);
  CHECK_EQ (icc_read (ICC_RPR), 0xff);
  for (unsigned i = 1; i < count_cpus (); i++)
    CHECK_EQ (psci (PSCI_AFFINITY_INFO, i, 0, 0), 1);
}

int
main (void)
{
  bool again = now () > BORN_AGAIN;
  check_cold ();
  if (again)
    pass ();
  unsigned others = count_cpus () - 1;
  for (unsigned i = 1; i <= others; i++) {
    start_cpu (i, stay);
    WAIT_FOR (awake == i);
  }
  trace = 0xbad;
  gic_init ();
  gic_init_cpu ();
  gic_enable (PPI_VIRTUAL, true);
  sysreg_write (cntv_cval_el0, 0);
  sysreg_write (cntv_ctl_el0, 1);
  isb ();
  CHECK_EQ (icc_read (ICC_IAR1) & 0xffffff, PPI_VIRTUAL); /* and it stays active */
  WAIT_FOR (now () > BORN_AGAIN);
  psci (PSCI_SYSTEM_RESET, 0, 0, 0);
  fail (__FILE__, __LINE__, "SYSTEM_RESET returned", 0, 0);
}
