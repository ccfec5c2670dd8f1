/* SPDX-License-Identifier: GPL-3.0-or-later
 * Several CPUs: exclusives and LSE atomics under contention, message passing and store buffering,
 * SGIs, WFI and WFE with SEV, shared interrupts, TLB maintenance and changes of code that all see,
 * PSCI. */
#include "guest.h"

static unsigned cpus;

/* How often to do what needs all CPUs at once: the host may have fewer. */
static uint64_t
rounds (uint64_t wanted)
{
  return cpus > 2 ? wanted / 10 : wanted;
}

/* ---- Counters and locks ---- */

#define COUNT 4000
static volatile uint32_t lock;
static volatile uint64_t plain, lse, exclusive;
static volatile uint64_t pair[2] __attribute__ ((aligned (16)));

static void
count (unsigned cpu)
{
  (void) cpu;
  for (unsigned i = 0; i < COUNT; i++) {
    uint32_t value, failed;
    /* The lock of the Arm ARM: a waiter sleeps until the holder's store. */
    __asm__ volatile("sevl\n"
                     "1: wfe\n"
                     "2: ldaxr %w0, [%2]\n\t"
                     "cbnz %w0, 1b\n\t"
                     "stxr %w1, %w3, [%2]\n\t"
                     "cbnz %w1, 2b"
                     : "=&r"(value), "=&r"(failed)
                     : "r"(&lock), "r"(1)
                     : "memory");
    plain++;
    __asm__ volatile("stlr wzr, [%0]" ::"r"(&lock) : "memory");
    __asm__ volatile(".arch_extension lse\n\tldadd %1, xzr, [%0]" ::"r"(&lse), "r"(1ull)
                     : "memory");
    uint64_t old;
    __asm__ volatile("1: ldxr %0, [%2]\n\t"
                     "add %0, %0, #1\n\t"
                     "stxr %w1, %0, [%2]\n\t"
                     "cbnz %w1, 1b"
                     : "=&r"(old), "=&r"(failed)
                     : "r"(&exclusive)
                     : "memory");
    /* Both words of a pair, at once. */
    uint64_t a, b;
    __asm__ volatile("1: ldaxp %0, %1, [%3]\n\t"
                     "add %0, %0, #1\n\t"
                     "sub %1, %1, #1\n\t"
                     "stlxp %w2, %0, %1, [%3]\n\t"
                     "cbnz %w2, 1b"
                     : "=&r"(a), "=&r"(b), "=&r"(failed)
                     : "r"(pair)
                     : "memory");
    if (a + b != 0)
      fail (__FILE__, __LINE__, "pair", a, b);
  }
}

/* Compare and swap, and the others of LSE, by what must come out whoever was first. */
static volatile uint64_t stack_top, bits, highest, lowest, xored;

static void
swap (unsigned cpu)
{
  for (unsigned i = 0; i < COUNT / 4; i++) {
    uint64_t expected = stack_top, seen;
    for (;;) {
      seen = expected;
      __asm__ volatile(".arch_extension lse\n\tcasal %0, %2, [%1]"
                       : "+r"(seen)
                       : "r"(&stack_top), "r"(expected + 3)
                       : "memory");
      if (seen == expected)
        break;
      expected = seen;
    }
    uint64_t value = (uint64_t) cpu * COUNT + i;
    __asm__ volatile(".arch_extension lse\n\t"
                     "ldset %4, xzr, [%0]\n\t"
                     "ldumax %5, xzr, [%1]\n\t"
                     "ldsmin %6, xzr, [%2]\n\t"
                     "ldeor %5, xzr, [%3]" ::"r"(&bits),
                     "r"(&highest), "r"(&lowest), "r"(&xored), "r"(BIT (value % 64)), "r"(value),
                     "r"(-(int64_t) value)
                     : "memory");
  }
}

static void
test_atomics (void)
{
  everywhere (cpus, count);
  CHECK_EQ (plain, (uint64_t) cpus * COUNT);
  CHECK_EQ (lse, (uint64_t) cpus * COUNT);
  CHECK_EQ (exclusive, (uint64_t) cpus * COUNT);
  CHECK_EQ (pair[0], (uint64_t) cpus * COUNT);
  everywhere (cpus, swap);
  CHECK_EQ (stack_top, 3ull * cpus * (COUNT / 4));
  CHECK_EQ (bits, UINT64_MAX);
  uint64_t last = (uint64_t) (cpus - 1) * COUNT + COUNT / 4 - 1, expected = 0;
  CHECK_EQ (highest, last);
  CHECK_EQ (lowest, -last);
  for (unsigned c = 0; c < cpus; c++)
    for (unsigned i = 0; i < COUNT / 4; i++)
      expected ^= (uint64_t) c * COUNT + i;
  CHECK_EQ (xored, expected);
}

/* A store of another CPU ends a reservation. */
static volatile uint64_t reserved, step;

static void
disturb (unsigned cpu)
{
  if (cpu == 0) {
    for (unsigned i = 0; i < rounds (200); i++) {
      uint64_t value, failed;
      __asm__ volatile("ldxr %0, [%1]" : "=r"(value) : "r"(&reserved));
      step = 2 * i + 1;
      while (step != 2 * i + 2)
        relax ();
      __asm__ volatile("stxr %w0, %2, [%1]"
                       : "=&r"(failed)
                       : "r"(&reserved), "r"(UINT64_MAX)
                       : "memory");
      CHECK_EQ (failed & 1, 1);
      CHECK_EQ (reserved, i + 1);
    }
  } else if (cpu == 1) {
    for (unsigned i = 0; i < rounds (200); i++) {
      while (step != 2 * i + 1)
        relax ();
      reserved = i + 1;
      dsb ();
      step = 2 * i + 2;
    }
  }
}

/* ---- Order ---- */

static volatile uint64_t flag, data, seen_x, seen_y, x, y;

static void
order (unsigned cpu)
{
  for (unsigned i = 1; i <= rounds (800); i++) {
    /* Message passing by store-release and load-acquire. */
    if (cpu == 0) {
      data = i;
      __asm__ volatile("stlr %1, [%0]" ::"r"(&flag), "r"((uint64_t) i) : "memory");
    } else if (cpu == 1) {
      uint64_t value;
      do
        __asm__ volatile("ldar %0, [%1]" : "=r"(value) : "r"(&flag) : "memory");
      while (value < i);
      CHECK (data >= i);
    }
    /* Store buffering: not both may see the old values behind a full barrier. */
    barrier (cpus);
    if (cpu == 0) {
      x = i;
      __asm__ volatile("dmb ish" ::: "memory");
      seen_y = y;
    } else if (cpu == 1) {
      y = i;
      __asm__ volatile("dmb ish" ::: "memory");
      seen_x = x;
    }
    barrier (cpus);
    if (cpu == 0)
      CHECK (seen_x == i || seen_y == i);
    barrier (cpus);
  }
}

/* ---- Interrupts between CPUs ---- */

static volatile uint64_t received[8];

static void
on_sgi (struct frame *frame, unsigned kind)
{
  (void) frame;
  (void) kind;
  unsigned id = icc_read (ICC_IAR1) & 0xffffff;
  if (id == SPURIOUS)
    return;
  CHECK (id < 16 || id == 70);
  icc_write (ICC_EOIR1, id);
  isb ();
  __atomic_fetch_add (&received[cpu_id ()], 1, __ATOMIC_SEQ_CST);
}

static void
listen (unsigned cpu)
{
  gic_init_cpu ();
  for (unsigned id = 0; id < 16; id++)
    gic_enable (id, true);
  irq_handler[cpu] = on_sgi;
  received[cpu] = 0;
  barrier (cpus);
}

/* Ping and pong: each SGI wakes its target from wfi and is taken once. */
static void
ping (unsigned cpu)
{
  uint64_t n = rounds (1500);
  listen (cpu);
  if (cpu < 2) {
    for (unsigned i = 0; i < n; i++) {
      if (cpu == 1 || i) {
        uint64_t end = now () + 10 * TIMER_HZ;
        while (received[cpu] != i + cpu) {
          wfi ();
          irqs_on ();
          isb ();
          irqs_off ();
          if (now () > end)
            fail (__FILE__, __LINE__, "lost SGI", received[cpu], i);
        }
      }
      send_sgi (i % 16, !cpu);
    }
  }
  barrier (cpus);
  irqs_on ();
  isb ();
  irqs_off ();
  if (cpu < 2)
    CHECK_EQ (received[cpu], n);
}

/* To all but the sender; and only to those that are meant. */
static void
broadcast (unsigned cpu)
{
  listen (cpu);
  irqs_on ();
  for (unsigned from = 0; from < cpus; from++) {
    uint64_t before = received[cpu];
    barrier (cpus);
    if (cpu == from) {
      icc_write (ICC_SGI1R, 5ull << 24 | BIT (40));
      isb ();
      for (unsigned i = 0; i < 100; i++)
        relax ();
      CHECK_EQ (received[cpu], before);
    } else {
      WAIT_FOR (received[cpu] == before + 1);
    }
    barrier (cpus);
    before = received[cpu];
    barrier (cpus);
    if (cpu == from)
      send_sgi (6, (from + 1) % cpus);
    if (cpu == (from + 1) % cpus)
      WAIT_FOR (received[cpu] == before + 1);
    barrier (cpus);
    CHECK_EQ (received[cpu], before + (cpu == (from + 1) % cpus));
    barrier (cpus);
  }
  irqs_off ();
}

/* A shared interrupt goes where it is routed to, and moves while it is pending. */
static void
route (unsigned cpu)
{
  listen (cpu);
  if (cpu == 0) {
    gic_edge (70, true);
    gic_enable (70, true);
  }
  irqs_on ();
  for (unsigned i = 0; i < 4 * cpus; i++) {
    uint64_t before = received[cpu];
    barrier (cpus);
    if (cpu == 0) {
      gic_route (70, i % cpus);
      gic_set_pending (70, true);
    }
    if (cpu == i % cpus)
      WAIT_FOR (received[cpu] == before + 1);
    barrier (cpus);
    CHECK_EQ (received[cpu], before + (cpu == i % cpus));
    barrier (cpus);
  }
  irqs_off ();
  if (cpu == 0) {
    gic_route (70, 7); /* nobody is there */
    gic_set_pending (70, true);
    CHECK_EQ (icc_read (ICC_HPPIR1) & 0xffffff, SPURIOUS);
    gic_route (70, 0);
    CHECK_EQ (icc_read (ICC_HPPIR1) & 0xffffff, 70);
    gic_set_pending (70, false);
  }
  barrier (cpus);
}

/* WFE: an event that came before is not lost. */
static volatile uint64_t events;

static void
wait_events (unsigned cpu)
{
  for (unsigned i = 0; i < rounds (1000); i++) {
    if (cpu == 0) {
      events = i + 1;
      sev ();
    } else {
      while (events < i + 1)
        wfe ();
    }
  }
}

/* ---- What all must see ---- */

static uint64_t *root;
static uint8_t pages[2][4096] __attribute__ ((aligned (4096)));
static volatile uint64_t generation, stop;

#define VA 0x800000000000ull

/* One CPU moves a page; after its barrier nobody sees the old one. */
static void
shoot (unsigned cpu)
{
  mmu_on (root, 12, 1, 0);
  barrier (cpus);
  uint64_t n = rounds (1000);
  if (cpu == 0) {
    for (uint64_t i = 1; i <= n; i++) {
      *(volatile uint64_t *) pages[i & 1] = i;
      *pte_of (root, 12, VA, 3) = leaf ((uint64_t) pages[i & 1], 3, PTE_RW | (i & 2 ? PTE_NG : 0));
      if (i % 3)
        tlbi (vae1is, VA >> 12 | 1ull << 48);
      else
        __asm__ volatile("dsb ish\n\ttlbi vmalle1is\n\tdsb ish\n\tisb" ::: "memory");
      generation = i;
    }
    stop = 1;
  } else {
    while (!stop) {
      uint64_t before = generation;
      __asm__ volatile("dmb ish" ::: "memory");
      uint64_t value = *(volatile uint64_t *) VA;
      if (value < before)
        fail (__FILE__, __LINE__, "an old page", value, before);
    }
  }
  barrier (cpus);
  mmu_off ();
}

/* One CPU writes a function, cleans, invalidates and tells; the others run it after an isb. */
static uint32_t function[2] __attribute__ ((aligned (64)));

/* Makes the function return @value: movz x0, #value. */
static void
return_now (uint64_t value)
{
  ((volatile uint32_t *) function)[0] = 0xd2800000 | (uint32_t) (value & 0xffff) << 5;
}

/* Until all is over: after an isb the function returns no less than what was told before it. */
static void
run_what_was_told (const char *failure)
{
  while (!stop) {
    uint64_t before = generation;
    __asm__ volatile("dmb ish\n\tisb" ::: "memory");
    uint64_t value = ((uint64_t (*) (void)) function) ();
    if (value < before)
      fail (__FILE__, __LINE__, failure, value, before);
  }
}

static void
change (unsigned cpu)
{
  uint64_t n = rounds (1000);
  if (cpu == 0) {
    for (uint64_t i = 1; i <= n; i++) {
      return_now (i);
      __asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0\n\tdsb ish" ::"r"(function)
                       : "memory");
      generation = i;
    }
    stop = 1;
  } else {
    run_what_was_told ("old code");
  }
  barrier (cpus);
}

/* The same by three: one CPU writes, another, which has not written, cleans, invalidates and tells,
 * and runs it too; the rest run it after an isb. */
static volatile uint64_t written;

static void
change_by_three (unsigned cpu)
{
  uint64_t n = rounds (60);
  if (cpu == 0) {
    for (uint64_t i = 1; i <= n; i++) {
      return_now (i);
      __asm__ volatile("dsb ish" ::: "memory");
      written = i;
      /* Now and then without waiting: the other's barriers meet stores. */
      while (i % 4 && generation < i)
        relax ();
    }
  } else if (cpu == 1) {
    while (generation < n) {
      uint64_t value, before = written;
      if (before == generation) {
        relax ();
        continue;
      }
      __asm__ volatile(
          "dmb ish\n\tdc cvau, %0\n\tdsb ish\n\tic ivau, %0\n\tdsb ish\n\tisb" ::"r"(function)
          : "memory");
      generation = before;
      value = ((uint64_t (*) (void)) function) ();
      if (value < before)
        fail (__FILE__, __LINE__, "old code of another", value, before);
    }
    stop = 1;
  } else {
    run_what_was_told ("old code after another's barrier");
  }
  barrier (cpus);
}

/* ---- PSCI ---- */

static volatile uint64_t born, context_seen;
static uint64_t other_stack[512] __attribute__ ((aligned (16)));
static void __attribute__ ((used)) newborn (uint64_t context);

static void
newborn (uint64_t context)
{
  context_seen = context;
  born++;
  dsb ();
  psci (PSCI_CPU_OFF, 0, 0, 0);
  fail (__FILE__, __LINE__, "CPU_OFF returned", 0, 0);
}

extern const char newborn_entry[];
__asm__("  .text\n"
        "newborn_entry:\n"
        "  adrp x1, other_stack_end\n"
        "  ldr x1, [x1, :lo12:other_stack_end]\n"
        "  mov sp, x1\n"
        "  b newborn\n");
uint64_t *other_stack_end = other_stack + 512;

/* The last CPU goes off, is started anew with another context, and again. */
static void
test_power (void)
{
  unsigned last = cpus - 1;
  CHECK_EQ (psci (0x84000000, 0, 0, 0) & 0xffff0000, 0x10000);
  CHECK_EQ (psci (0x8400000a, PSCI_CPU_ON, 0, 0), 0);
  CHECK_EQ (psci (0x8400000a, 0x8400ffff, 0, 0), -1);
  CHECK_EQ (psci (PSCI_CPU_ON, cpus, (uint64_t) newborn_entry, 0), -2);
  CHECK_EQ (psci (PSCI_CPU_ON, 0, (uint64_t) newborn_entry, 0), -4);
  CHECK_EQ (psci (PSCI_AFFINITY_INFO, 0, 0, 0), 0);
  for (unsigned i = 0; i < 50; i++) {
    CHECK_EQ (psci (PSCI_AFFINITY_INFO, last, 0, 0), 1);
    CHECK_EQ (psci (PSCI_CPU_ON, last, (uint64_t) newborn_entry, 1000 + i), 0);
    WAIT_FOR (born == i + 1);
    CHECK_EQ (context_seen, 1000 + i);
    WAIT_FOR (psci (PSCI_AFFINITY_INFO, last, 0, 0) == 1);
  }
}

int
main (void)
{
  cpus = count_cpus ();
  CHECK (cpus >= 2);
  test_power ();
  gic_init ();
  test_atomics ();
  everywhere (cpus, disturb);
  everywhere (cpus, order);
  everywhere (cpus, ping);
  everywhere (cpus, broadcast);
  everywhere (cpus, route);
  everywhere (cpus, wait_events);
  root = new_root (12);
  *pte_of (root, 12, VA, 3) = leaf ((uint64_t) pages[0], 3, PTE_RW);
  everywhere (cpus, shoot);
  generation = stop = 0;
  function[0] = 0xd2800000;
  function[1] = 0xd65f03c0;
  __asm__ volatile("dsb ish\n\tic ialluis\n\tdsb ish\n\tisb" ::: "memory");
  everywhere (cpus, change);
  generation = stop = 0;
  function[0] = 0xd2800000;
  __asm__ volatile("dsb ish\n\tic ialluis\n\tdsb ish\n\tisb" ::: "memory");
  everywhere (cpus, change_by_three);
  /* The end by PSCI instead of the finisher; it does not return. */
  puts_ ("pass\n");
  psci (PSCI_SYSTEM_OFF, 0, 0, 0);
  fail (__FILE__, __LINE__, "SYSTEM_OFF returned", 0, 0);
}
