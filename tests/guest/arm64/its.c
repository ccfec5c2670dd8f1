/* SPDX-License-Identifier: GPL-3.0-or-later
 * The ITS as a kernel uses it: events of a device become LPIs of CPUs, which take them out of wfi;
 * they are masked, moved between CPUs while they come, and none is lost or comes twice. */
#include "guest.h"

#define FIRST 8192
#define EVENTS 32
#define DEVICE 0x10
#define ROUNDS 2000

static uint8_t config[8192] __attribute__ ((aligned (1 << 16)));
static uint8_t pending[8][1 << 16] __attribute__ ((aligned (1 << 16)));
static uint64_t devices[1 << 16] __attribute__ ((aligned (1 << 16)));
static uint64_t collections[1 << 13] __attribute__ ((aligned (1 << 16)));
static uint64_t events[EVENTS * 2] __attribute__ ((aligned (256)));
static uint64_t queue[4096 / 8] __attribute__ ((aligned (1 << 16)));
static unsigned cpus;
static uint64_t writer;

static void
command (uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
  volatile uint64_t *words = &queue[writer / 8];
  words[0] = a;
  words[1] = b;
  words[2] = c;
  words[3] = d;
  dsb ();
  writer = (writer + 32) % 4096;
  *mmio64 (GITS + 0x88) = writer;
  WAIT_FOR (*mmio64 (GITS + 0x90) == writer);
}

static void
event_command (unsigned number, unsigned event, unsigned collection)
{
  command ((uint64_t) DEVICE << 32 | number, event, collection, 0);
}
#define INT(event) event_command (0x03, event, 0)
#define INV(event) event_command (0x0c, event, 0)
#define MOVI(event, to) event_command (0x01, event, to)

/* Addresses of tables, with the size of an entry that the ITS tells. */
static void
set_up (void)
{
  CHECK_EQ (*mmio32 (GITS + 0xffe8) >> 4 & 15, 3);
  CHECK (*mmio32 (GICD + 4) & 1 << 17);
  for (unsigned i = 0; i < sizeof config; i++)
    config[i] = 0xa1;
  *mmio64 (GITS + 0x100) = (uint64_t) devices | BIT (63) | 2 << 8 | 7;
  *mmio64 (GITS + 0x108) = (uint64_t) collections | BIT (63) | 2 << 8;
  *mmio64 (GITS + 0x80) = (uint64_t) queue | BIT (63);
  *mmio32 (GITS) = 1;
  command ((uint64_t) DEVICE << 32 | 0x08, 4, (uint64_t) events | BIT (63), 0);
}

static void
set_up_cpu (unsigned cpu)
{
  gic_init_cpu ();
  *mmio64 (gicr (cpu) + 0x70) = (uint64_t) config | 13;
  *mmio64 (gicr (cpu) + 0x78) = (uint64_t) pending[cpu] | BIT (62);
  *mmio32 (gicr (cpu)) = 1;
}

static void
map_all (unsigned unused __attribute__ ((unused)))
{
  for (unsigned i = 0; i < cpus; i++) {
    unsigned number = *mmio64 (gicr (i) + 8) >> 8 & 0xffff;
    command (0x09, 0, BIT (63) | (uint64_t) number << 16 | i, 0);
    command (0x0d, 0, i, 0);
  }
  for (unsigned i = 0; i < EVENTS; i++)
    command ((uint64_t) DEVICE << 32 | 0x0a, (uint64_t) (FIRST + i) << 32 | i, i % cpus, 0);
}

/* ---- On one CPU, by hand ---- */

static unsigned
acknowledge (void)
{
  dsb ();
  return icc_read (ICC_IAR1) & 0xffffff;
}

static void
end (unsigned id)
{
  icc_write (ICC_EOIR1, id);
  isb ();
}

static void
test_by_hand (void)
{
  for (unsigned i = 0; i < EVENTS; i++)
    MOVI (i, 0);
  CHECK_EQ (acknowledge (), SPURIOUS);
  INT (3);
  INT (3); /* an edge: pending is pending */
  CHECK_EQ (acknowledge (), FIRST + 3);
  CHECK_EQ (icc_read (ICC_RPR), 0xa0);
  CHECK_EQ (acknowledge (), SPURIOUS);
  INT (3);
  end (FIRST + 3);
  CHECK_EQ (icc_read (ICC_RPR), 0xff);
  CHECK_EQ (acknowledge (), FIRST + 3);
  end (FIRST + 3);
  CHECK_EQ (acknowledge (), SPURIOUS);
  /* By priority, then by number; among other interrupts. */
  config[5] = 0x81;
  INV (5);
  gic_priority (4, 0x90);
  gic_enable (4, true);
  gic_set_pending (4, true);
  INT (9);
  INT (2);
  INT (5);
  static const uint16_t order[] = { FIRST + 5, 4, FIRST + 2, FIRST + 9 };
  for (unsigned i = 0; i < 4; i++) {
    CHECK_EQ (acknowledge (), order[i]);
    end (order[i]);
  }
  config[5] = 0xa1;
  INV (5);
  /* Masked it waits. */
  config[7] = 0xa0;
  INV (7);
  INT (7);
  CHECK_EQ (acknowledge (), SPURIOUS);
  config[7] = 0xa1;
  INV (7);
  CHECK_EQ (acknowledge (), FIRST + 7);
  end (FIRST + 7);
  INT (7);
  event_command (0x04, 7, 0); /* CLEAR */
  CHECK_EQ (acknowledge (), SPURIOUS);
  for (unsigned i = 0; i < EVENTS; i++)
    MOVI (i, i % cpus);
}

/* ---- On all ---- */

static volatile uint64_t taken[EVENTS], wanted[EVENTS], stop;

static void
on_lpi (struct frame *frame, unsigned kind)
{
  (void) frame;
  (void) kind;
  unsigned id = icc_read (ICC_IAR1) & 0xffffff;
  if (id == SPURIOUS)
    return;
  CHECK (id >= FIRST && id < FIRST + EVENTS);
  __atomic_fetch_add (&taken[id - FIRST], 1, __ATOMIC_SEQ_CST);
  icc_write (ICC_EOIR1, id);
  isb ();
}

/* CPU 0 raises events, moves them and waits for each; the others sleep. */
static void
work (unsigned cpu)
{
  set_up_cpu (cpu);
  irq_handler[cpu] = on_lpi;
  barrier (cpus);
  if (cpu == 0)
    map_all (0);
  barrier (cpus);
  irqs_on ();
  if (cpu) {
    while (!stop)
      wfi ();
    irqs_off ();
    return;
  }
  uint64_t random = 3, rounds = cpus > 2 ? ROUNDS / 4 : ROUNDS;
  for (unsigned i = 0; i < rounds; i++) {
    random = random * 6364136223846793005ull + 1442695040888963407ull;
    unsigned event = (random >> 40) % EVENTS;
    wanted[event]++;
    INT (event);
    if (random >> 60 & 1)
      MOVI (event, (random >> 50) % cpus); /* maybe while it is pending */
    WAIT_FOR (taken[event] == wanted[event]);
  }
  irqs_off ();
  stop = 1;
  for (unsigned i = 1; i < cpus; i++)
    MOVI (i, i);
  for (unsigned i = 1; i < cpus; i++) /* the last one wakes who sleeps */
    INT (i);
  for (unsigned i = 0; i < EVENTS; i++)
    CHECK (taken[i] >= wanted[i] && taken[i] <= wanted[i] + 1);
}

int
main (void)
{
  cpus = count_cpus ();
  gic_init ();
  set_up ();
  set_up_cpu (0);
  map_all (0);
  test_by_hand ();
  everywhere (cpus, work);
  return 0;
}
