/* SPDX-License-Identifier: GPL-3.0-or-later
 * The GICv3 against its specification, by its registers and the CPU interface. */
#include "hw/irq/gicv3.h"

#include "tests/support/hw-bench.h"

#define DIST UINT64_C (0x8000000)
#define REDIST UINT64_C (0x80a0000)
#define RD(cpu) (REDIST + DIO_GICV3_REDISTRIBUTOR_SIZE * (cpu))
#define SGI(cpu) (RD (cpu) + 0x10000)

#define CTLR 0x0
#define TYPER 0x4
#define SETSPI 0x40
#define IGROUPR 0x80
#define ISENABLER 0x100
#define ICENABLER 0x180
#define ISPENDR 0x200
#define ICPENDR 0x280
#define ISACTIVER 0x300
#define ICACTIVER 0x380
#define IPRIORITYR 0x400
#define ICFGR 0xc00
#define IROUTER 0x6000

#define SYSREG DIO_A64_SYSREG
#define PMR SYSREG (3, 0, 4, 6, 0)
#define IAR0 SYSREG (3, 0, 12, 8, 0)
#define EOIR0 SYSREG (3, 0, 12, 8, 1)
#define AP1R0 SYSREG (3, 0, 12, 9, 0)
#define DIR SYSREG (3, 0, 12, 11, 1)
#define RPR SYSREG (3, 0, 12, 11, 3)
#define SGI1R SYSREG (3, 0, 12, 11, 5)
#define IAR1 SYSREG (3, 0, 12, 12, 0)
#define EOIR1 SYSREG (3, 0, 12, 12, 1)
#define HPPIR1 SYSREG (3, 0, 12, 12, 2)
#define BPR1 SYSREG (3, 0, 12, 12, 3)
#define ICC_CTLR SYSREG (3, 0, 12, 12, 4)
#define SRE SYSREG (3, 0, 12, 12, 5)
#define IGRPEN0 SYSREG (3, 0, 12, 12, 6)
#define IGRPEN1 SYSREG (3, 0, 12, 12, 7)

#define SPURIOUS 1023

/* The bench's lines. */
enum { IRQ0, FIQ0, IRQ1, FIQ1, IRQ2 };

typedef struct {
  DioHwBench *bench;
  DioDevice *gic;
} Fixture;

static uint64_t
rd (Fixture *f, DioGpa gpa, unsigned size)
{
  return dio_hw_bench_read (f->bench, gpa, size);
}

static void
wr (Fixture *f, DioGpa gpa, uint32_t value)
{
  dio_hw_bench_write (f->bench, gpa, 4, value);
}

static uint64_t
get (Fixture *f, unsigned cpu, unsigned number)
{
  uint64_t value = 0;
  g_assert_true (dio_gicv3_cpu_interface.access (f->gic, cpu, DIO_A64_CSR_READ, number, &value));
  return value;
}

static void
set (Fixture *f, unsigned cpu, unsigned number, uint64_t value)
{
  g_assert_true (dio_gicv3_cpu_interface.access (f->gic, cpu, DIO_A64_CSR_WRITE, number, &value));
}

static bool
irq (Fixture *f, unsigned line)
{
  return dio_hw_bench_level (f->bench, line);
}

static void
spi (Fixture *f, unsigned number, bool level)
{
  DioIrq line = dio_gicv3_get_spi (f->gic, number);
  dio_irq_set (&line, level);
}

static void
ppi (Fixture *f, unsigned cpu, unsigned number, bool level)
{
  DioIrq line = dio_gicv3_get_ppi (f->gic, cpu, number);
  dio_irq_set (&line, level);
}

/* As Linux sets it up: all in group 1, priority 0xa0, both groups forwarded. */
static void
set_up (Fixture *f, gconstpointer data)
{
  f->bench = dio_hw_bench_new ();
  f->gic = dio_device_new (&dio_gicv3_type, "gic");
  g_assert_true (dio_device_set (f->gic, "cpus", "18", NULL));
  dio_hw_bench_add (f->bench, f->gic, DIST, 0);
  g_assert_true (dio_system_device_map ((DioSystemDevice *) f->gic, 1, REDIST, NULL));
  wr (f, DIST + CTLR, 3);
  for (unsigned i = 1; i < 9; i++)
    wr (f, DIST + IGROUPR + 4 * i, UINT32_MAX);
  for (unsigned i = 8; i < 72; i++)
    wr (f, DIST + IPRIORITYR + 4 * i, 0xa0a0a0a0);
  for (unsigned cpu = 0; cpu < 18; cpu++) {
    wr (f, SGI (cpu) + IGROUPR, UINT32_MAX);
    for (unsigned i = 0; i < 8; i++)
      wr (f, SGI (cpu) + IPRIORITYR + 4 * i, 0xa0a0a0a0);
    set (f, cpu, PMR, 0xf0);
    set (f, cpu, IGRPEN0, 1);
    set (f, cpu, IGRPEN1, 1);
  }
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_hw_bench_free (f->bench);
}

static void
enable_spi (Fixture *f, unsigned number)
{
  wr (f, DIST + ISENABLER + 4 * (1 + number / 32), UINT32_C (1) << (number % 32));
}

static void
test_identification (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (rd (f, DIST + TYPER, 4) & 0x1f, ==, 8); /* 288 interrupts */
  g_assert_cmphex (rd (f, DIST + CTLR, 4), ==, 0x53);
  g_assert_cmphex (rd (f, DIST + 0xffe8, 4) & 0xf0, ==, 0x30);
  g_assert_cmphex (rd (f, RD (0) + 8, 8), ==, 0);
  g_assert_cmphex (rd (f, RD (17) + 8, 8), ==, UINT64_C (0x0000010100001110)); /* 1.1, the last */
  g_assert_cmphex (rd (f, RD (17) + 12, 4), ==, 0x101);
  g_assert_cmphex (get (f, 0, SRE), ==, 7);
  uint64_t value;
  g_assert_false (dio_gicv3_cpu_interface.access (f->gic, 0, DIO_A64_CSR_READ,
                                                  SYSREG (3, 0, 12, 13, 0), &value));
  /* Asleep after reset, and awake when asked. */
  g_assert_cmphex (rd (f, RD (3) + 0x14, 4), ==, 6);
  wr (f, RD (3) + 0x14, 0);
  g_assert_cmphex (rd (f, RD (3) + 0x14, 4), ==, 0);
}

static void
test_registers (Fixture *f, gconstpointer data)
{
  /* Private interrupts are in no register of the distributor. */
  wr (f, DIST + ISENABLER, UINT32_MAX);
  g_assert_cmphex (rd (f, DIST + ISENABLER, 4), ==, 0);
  g_assert_cmphex (rd (f, SGI (0) + ISENABLER, 4), ==, 0);
  wr (f, SGI (1) + ISENABLER, 0x80000001);
  wr (f, SGI (1) + ICENABLER, 0x80000000);
  g_assert_cmphex (rd (f, SGI (1) + ISENABLER, 4), ==, 1);
  g_assert_cmphex (rd (f, SGI (0) + ISENABLER, 4), ==, 0);
  /* Priorities by bytes, five bits each. */
  dio_hw_bench_write (f->bench, DIST + IPRIORITYR + 41, 1, 0xff);
  g_assert_cmphex (rd (f, DIST + IPRIORITYR + 40, 4), ==, 0xa0a0f8a0);
  /* SGIs are edges, whatever is written. */
  wr (f, SGI (0) + ICFGR, 0);
  g_assert_cmphex (rd (f, SGI (0) + ICFGR, 4), ==, 0xaaaaaaaa);
  wr (f, DIST + ICFGR + 12, 0x80000008);
  g_assert_cmphex (rd (f, DIST + ICFGR + 12, 4), ==, 0x80000008);
  g_assert_cmphex (rd (f, DIST + ICFGR + 8, 4), ==, 0);
  /* Routes by halves. */
  dio_hw_bench_write (f->bench, DIST + IROUTER + 8 * 40, 8, 0x100);
  wr (f, DIST + IROUTER + 8 * 40 + 4, 0xff);
  g_assert_cmphex (rd (f, DIST + IROUTER + 8 * 40, 8), ==, UINT64_C (0xff00000100));
  /* What is not there. */
  wr (f, DIST + ISENABLER + 4 * 20, UINT32_MAX);
  g_assert_cmphex (rd (f, DIST + ISENABLER + 4 * 20, 4), ==, 0);
}

static void
test_level (Fixture *f, gconstpointer data)
{
  spi (f, 5, true);
  g_assert_false (irq (f, IRQ0));
  enable_spi (f, 5);
  g_assert_true (irq (f, IRQ0));
  g_assert_false (irq (f, FIQ0));
  g_assert_cmpuint (get (f, 0, HPPIR1), ==, 37);
  g_assert_cmpuint (get (f, 0, IAR1), ==, 37);
  g_assert_cmphex (get (f, 0, RPR), ==, 0xa0);
  g_assert_cmphex (rd (f, DIST + ISACTIVER + 4, 4), ==, 1 << 5);
  g_assert_false (irq (f, IRQ0));
  g_assert_cmpuint (get (f, 0, IAR1), ==, SPURIOUS);
  /* Still high: again after the end. */
  set (f, 0, EOIR1, 37);
  g_assert_cmphex (get (f, 0, RPR), ==, 0xff);
  g_assert_true (irq (f, IRQ0));
  g_assert_cmpuint (get (f, 0, IAR1), ==, 37);
  spi (f, 5, false);
  set (f, 0, EOIR1, 37);
  g_assert_false (irq (f, IRQ0));
  /* A level that falls takes the interrupt with it. */
  spi (f, 5, true);
  spi (f, 5, false);
  g_assert_false (irq (f, IRQ0));
}

static void
test_edge (Fixture *f, gconstpointer data)
{
  wr (f, DIST + ICFGR + 8, 2u << (2 * 5));
  enable_spi (f, 5);
  spi (f, 5, true);
  spi (f, 5, false);
  g_assert_true (irq (f, IRQ0));
  g_assert_cmpuint (get (f, 0, IAR1), ==, 37);
  /* An edge while it is active is kept. */
  spi (f, 5, true);
  g_assert_false (irq (f, IRQ0));
  set (f, 0, EOIR1, 37);
  g_assert_true (irq (f, IRQ0));
  g_assert_cmpuint (get (f, 0, IAR1), ==, 37);
  set (f, 0, EOIR1, 37);
  g_assert_false (irq (f, IRQ0));
  /* By a message, and taken back. */
  wr (f, DIST + SETSPI, 37);
  g_assert_true (irq (f, IRQ0));
  wr (f, DIST + ICPENDR + 4, 1 << 5);
  g_assert_false (irq (f, IRQ0));
}

static void
test_priorities (Fixture *f, gconstpointer data)
{
  enable_spi (f, 1);
  enable_spi (f, 2);
  dio_hw_bench_write (f->bench, DIST + IPRIORITYR + 34, 1, 0x80);
  spi (f, 1, true);
  g_assert_cmpuint (get (f, 0, IAR1), ==, 33);
  /* A more urgent one preempts, an equal one does not. */
  spi (f, 2, true);
  g_assert_true (irq (f, IRQ0));
  g_assert_cmpuint (get (f, 0, IAR1), ==, 34);
  g_assert_cmphex (get (f, 0, RPR), ==, 0x80);
  g_assert_cmphex (get (f, 0, AP1R0), ==, 1u << 16 | 1u << 20);
  set (f, 0, EOIR1, 34);
  g_assert_cmphex (get (f, 0, RPR), ==, 0xa0);
  spi (f, 2, false);
  set (f, 0, EOIR1, 33);
  /* The mask. */
  set (f, 0, PMR, 0xa0);
  g_assert_false (irq (f, IRQ0));
  g_assert_cmpuint (get (f, 0, IAR1), ==, SPURIOUS);
  set (f, 0, PMR, 0xa8);
  g_assert_true (irq (f, IRQ0));
  /* With a coarse binary point nothing of the same group of priorities preempts. */
  set (f, 0, BPR1, 7);
  g_assert_cmpuint (get (f, 0, IAR1), ==, 33);
  spi (f, 2, true);
  g_assert_false (irq (f, IRQ0));
  set (f, 0, BPR1, 0);
  g_assert_cmpuint (get (f, 0, BPR1), ==, 3);
}

static void
test_two_steps (Fixture *f, gconstpointer data)
{
  set (f, 0, ICC_CTLR, 2);
  enable_spi (f, 0);
  spi (f, 0, true);
  g_assert_cmpuint (get (f, 0, IAR1), ==, 32);
  set (f, 0, EOIR1, 32);
  g_assert_cmphex (get (f, 0, RPR), ==, 0xff);
  g_assert_false (irq (f, IRQ0)); /* still active */
  set (f, 0, DIR, 32);
  g_assert_true (irq (f, IRQ0));
}

static void
test_groups (Fixture *f, gconstpointer data)
{
  wr (f, DIST + IGROUPR + 4, ~UINT32_C (1));
  enable_spi (f, 0);
  spi (f, 0, true);
  g_assert_true (irq (f, FIQ0));
  g_assert_false (irq (f, IRQ0));
  g_assert_cmpuint (get (f, 0, IAR1), ==, SPURIOUS);
  g_assert_cmpuint (get (f, 0, IAR0), ==, 32);
  set (f, 0, EOIR0, 32);
  set (f, 0, IGRPEN0, 0);
  g_assert_false (irq (f, FIQ0));
  set (f, 0, IGRPEN0, 1);
  g_assert_true (irq (f, FIQ0));
  wr (f, DIST + CTLR, 2);
  g_assert_false (irq (f, FIQ0));
}

static void
test_routes (Fixture *f, gconstpointer data)
{
  enable_spi (f, 8);
  spi (f, 8, true);
  g_assert_true (irq (f, IRQ0));
  dio_hw_bench_write (f->bench, DIST + IROUTER + 8 * 40, 8, 1);
  g_assert_false (irq (f, IRQ0));
  g_assert_true (irq (f, IRQ1));
  g_assert_cmpuint (get (f, 0, IAR1), ==, SPURIOUS);
  /* Affinity 0.0.1.1 is CPU 17; nobody is 0.0.9.0. */
  dio_hw_bench_write (f->bench, DIST + IROUTER + 8 * 40, 8, 0x101);
  g_assert_false (irq (f, IRQ1));
  g_assert_true (irq (f, 2 * 17));
  dio_hw_bench_write (f->bench, DIST + IROUTER + 8 * 40, 8, 0x900);
  g_assert_false (irq (f, 2 * 17));
  dio_hw_bench_write (f->bench, DIST + IROUTER + 8 * 40, 8, UINT64_C (1) << 31);
  g_assert_true (irq (f, IRQ0));
}

static void
test_private (Fixture *f, gconstpointer data)
{
  wr (f, SGI (1) + ISENABLER, 1u << 27);
  ppi (f, 0, 11, true);
  g_assert_false (irq (f, IRQ0));
  ppi (f, 1, 11, true);
  g_assert_true (irq (f, IRQ1));
  g_assert_cmpuint (get (f, 1, IAR1), ==, 27);
  ppi (f, 1, 11, false);
  set (f, 1, EOIR1, 27);
  g_assert_false (irq (f, IRQ1));
}

static void
test_sgi (Fixture *f, gconstpointer data)
{
  for (unsigned cpu = 0; cpu < 18; cpu++)
    wr (f, SGI (cpu) + ISENABLER, 0xffff);
  /* CPUs 1 and 2 of cluster 0. */
  set (f, 0, SGI1R, UINT64_C (3) << 24 | 6);
  g_assert_false (irq (f, IRQ0));
  g_assert_true (irq (f, IRQ1));
  g_assert_true (irq (f, IRQ2));
  g_assert_cmpuint (get (f, 1, IAR1), ==, 3);
  set (f, 1, EOIR1, 3);
  g_assert_false (irq (f, IRQ1));
  /* Cluster 1 has two. */
  set (f, 0, SGI1R, UINT64_C (4) << 24 | 1 << 16 | 0xffff);
  g_assert_true (irq (f, 2 * 16));
  g_assert_true (irq (f, 2 * 17));
  g_assert_cmpuint (get (f, 17, IAR1), ==, 4);
  /* All but itself. */
  set (f, 17, EOIR1, 4);
  set (f, 17, SGI1R, UINT64_C (1) << 40 | UINT64_C (5) << 24);
  g_assert_true (irq (f, IRQ0));
  g_assert_true (irq (f, IRQ1));
  g_assert_false (irq (f, 2 * 17));
}

/* Everything pending, active and running goes on in another controller. */
static void
test_state (Fixture *f, gconstpointer data)
{
  Fixture other;
  enable_spi (f, 3);
  enable_spi (f, 4);
  dio_hw_bench_write (f->bench, DIST + IPRIORITYR + 36, 1, 0x40);
  spi (f, 3, true);
  g_assert_cmpuint (get (f, 0, IAR1), ==, 35);
  spi (f, 4, true);
  g_autoptr (GBytes) bytes = dio_hw_bench_save (f->gic);
  set_up (&other, NULL);
  dio_hw_bench_load (other.gic, bytes, true);
  g_assert_true (irq (&other, IRQ0));
  g_assert_cmphex (get (&other, 0, RPR), ==, 0xa0);
  g_assert_cmpuint (get (&other, 0, IAR1), ==, 36);
  set (&other, 0, EOIR1, 36);
  set (&other, 0, EOIR1, 35);
  g_assert_cmpuint (get (&other, 0, IAR1), ==, 36); /* the line is still high */
  tear_down (&other, NULL);
}

static void
test_reset (Fixture *f, gconstpointer data)
{
  enable_spi (f, 3);
  spi (f, 3, true);
  g_assert_true (irq (f, IRQ0));
  dio_device_reset (f->gic);
  g_assert_false (irq (f, IRQ0));
  g_assert_cmphex (rd (f, DIST + ISENABLER + 4, 4), ==, 0);
  g_assert_cmphex (rd (f, DIST + ISPENDR + 4, 4), ==, 1 << 3); /* the line itself */
  g_assert_cmphex (get (f, 0, PMR), ==, 0);
}

#define ADD(name) g_test_add ("/hw/irq/gicv3/" #name, Fixture, NULL, set_up, test_##name, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD (identification);
  ADD (registers);
  ADD (level);
  ADD (edge);
  ADD (priorities);
  ADD (two_steps);
  ADD (groups);
  ADD (routes);
  ADD (private);
  ADD (sgi);
  ADD (state);
  ADD (reset);
  return g_test_run ();
}
