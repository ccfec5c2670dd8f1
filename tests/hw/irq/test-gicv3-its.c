/* SPDX-License-Identifier: GPL-3.0-or-later
 * LPIs and the ITS against their specification: commands, messages, tables that a guest filled with
 * nonsense, state. */
#include "hw/irq/gicv3-its.h"
#include "hw/irq/gicv3.h"
#include "tests/support/hw-bench.h"

#define DIST UINT64_C (0x8000000)
#define ITS UINT64_C (0x18080000)
#define REDIST UINT64_C (0x80a0000)
#define RD(cpu) (REDIST + DIO_GICV3_REDISTRIBUTOR_SIZE * (cpu))

#define SYSREG DIO_A64_SYSREG
#define PMR SYSREG (3, 0, 4, 6, 0)
#define RPR SYSREG (3, 0, 12, 11, 3)
#define IAR1 SYSREG (3, 0, 12, 12, 0)
#define EOIR1 SYSREG (3, 0, 12, 12, 1)
#define IGRPEN1 SYSREG (3, 0, 12, 12, 7)

#define SPURIOUS 1023
#define VALID (UINT64_C (1) << 63)

/* Where things are in memory, from its start on. */
enum {
  CONFIG = 0x0,
  PENDING = 0x10000,
  QUEUE = 0x20000, /* two pages */
  DEVICES = 0x30000,
  COLLECTIONS = 0xb0000,
  EVENTS = 0xc0000,
};
#define AT(offset) (DIO_HW_BENCH_RAM + (offset))

enum { CPUS = 4, DEVICE = 0x18 };

typedef struct {
  DioHwBench *bench;
  DioDevice *gic, *its;
  uint64_t writer;
} Fixture;

static void
wr (Fixture *f, DioGpa gpa, unsigned size, uint64_t value)
{
  dio_hw_bench_write (f->bench, gpa, size, value);
}

static uint64_t
rd (Fixture *f, DioGpa gpa, unsigned size)
{
  return dio_hw_bench_read (f->bench, gpa, size);
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
irq (Fixture *f, unsigned cpu)
{
  return dio_hw_bench_level (f->bench, 2 * cpu);
}

static void
put (Fixture *f, unsigned offset, const void *data, size_t length)
{
  g_assert_true (dio_dma_write (f->bench->machine->space, AT (offset), data, length));
}

static void
set_config (Fixture *f, unsigned lpi, uint8_t config)
{
  put (f, CONFIG + lpi - 8192, &config, 1);
}

/* Queues a command; @ring tells the ITS. */
static void
command (Fixture *f, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
  uint64_t words[4] = { GUINT64_TO_LE (a), GUINT64_TO_LE (b), GUINT64_TO_LE (c),
                        GUINT64_TO_LE (d) };
  put (f, QUEUE + (unsigned) f->writer, words, sizeof words);
  f->writer = (f->writer + 32) % 0x2000;
  wr (f, ITS + 0x88, 8, f->writer);
  g_assert_cmphex (rd (f, ITS + 0x90, 8), ==, f->writer);
}

static void
map_device (Fixture *f, unsigned device, unsigned bits, bool valid)
{
  command (f, (uint64_t) device << 32 | 0x08, bits - 1, AT (EVENTS) | (valid ? VALID : 0), 0);
}

static void
map_collection (Fixture *f, unsigned collection, unsigned cpu, bool valid)
{
  command (f, 0x09, 0, (uint64_t) cpu << 16 | collection | (valid ? VALID : 0), 0);
}

static void
map_event (Fixture *f, unsigned device, unsigned event, unsigned lpi, unsigned collection)
{
  command (f, (uint64_t) device << 32 | 0x0a, (uint64_t) lpi << 32 | event, collection, 0);
}

static void
event_command (Fixture *f, unsigned number, unsigned device, unsigned event, unsigned collection)
{
  command (f, (uint64_t) device << 32 | number, event, collection, 0);
}

static void
message (Fixture *f, unsigned device, unsigned event)
{
  DioMsiTarget target = dio_gicv3_its_get_msi_target (f->its);
  g_assert_true (target.send (target.opaque, device, ITS + 0x10040, event));
}

static void
make (Fixture *f)
{
  f->bench = dio_hw_bench_new ();
  f->writer = 0;
  f->gic = dio_device_new (&dio_gicv3_type, "gic");
  f->its = dio_device_new (&dio_gicv3_its_type, "its");
  g_assert_true (dio_device_set (f->gic, "cpus", "4", NULL));
  dio_hw_bench_add (f->bench, f->gic, DIST, 0);
  g_assert_true (dio_system_device_map ((DioSystemDevice *) f->gic, 1, REDIST, NULL));
  dio_hw_bench_add (f->bench, f->its, ITS, 0);
  dio_gicv3_its_connect (f->its, f->gic);
}

/* As Linux does it: collection n is CPU n. */
static void
set_up (Fixture *f, gconstpointer data)
{
  make (f);
  wr (f, DIST, 4, 2);
  for (unsigned lpi = 8192; lpi < 8192 + 64; lpi++)
    set_config (f, lpi, 0xa1);
  for (unsigned cpu = 0; cpu < CPUS; cpu++) {
    wr (f, RD (cpu) + 0x70, 8, AT (CONFIG) | 13);
    wr (f, RD (cpu) + 0x78, 8, AT (PENDING) | UINT64_C (1) << 62);
    wr (f, RD (cpu), 4, 1);
    set (f, cpu, PMR, 0xf0);
    set (f, cpu, IGRPEN1, 1);
  }
  wr (f, ITS + 0x100, 8, AT (DEVICES) | VALID | 7 | 2 << 8); /* 512 KiB in pages of 64 KiB */
  wr (f, ITS + 0x108, 8, AT (COLLECTIONS) | VALID);          /* 4 KiB */
  wr (f, ITS + 0x80, 8, AT (QUEUE) | VALID | 1);
  wr (f, ITS, 4, 1);
  for (unsigned cpu = 0; cpu < CPUS; cpu++)
    map_collection (f, cpu, cpu, true);
  map_device (f, DEVICE, 5, true);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_hw_bench_free (f->bench);
}

static void
test_identification (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (rd (f, DIST + 4, 4) >> 17 & 1, ==, 1);   /* LPIs */
  g_assert_cmphex (rd (f, DIST + 4, 4) >> 19 & 31, ==, 13); /* 14 bits of INTID */
  g_assert_cmphex (rd (f, RD (0) + 8, 8) & 1, ==, 1);
  g_assert_cmphex (rd (f, RD (0), 4), ==, 1);
  g_assert_cmphex (rd (f, RD (0) + 0x70, 8), ==, AT (CONFIG) | 13);
  g_assert_cmphex (rd (f, RD (0) + 0x78, 8), ==, AT (PENDING)); /* "zero" reads as 0 */
  g_assert_cmphex (rd (f, ITS + 0xffe8, 4), ==, 0x3b);
  g_assert_cmphex (rd (f, ITS + 8, 8) & 0xf1, ==, 0x71); /* physical LPIs, entries of 8 bytes */
  g_assert_cmphex (rd (f, ITS, 4), ==, 1);
  /* Types and entry sizes are fixed; there is no third table, no two-level one. */
  g_assert_cmphex (rd (f, ITS + 0x100, 8) >> 48, ==, 0x8107);
  g_assert_cmphex (rd (f, ITS + 0x10c, 4) >> 16, ==, 0x8407);
  wr (f, ITS, 4, 0);
  g_assert_cmphex (rd (f, ITS, 4), ==, UINT32_C (1) << 31);
  wr (f, ITS + 0x110, 8, UINT64_MAX);
  g_assert_cmphex (rd (f, ITS + 0x110, 8), ==, 0);
  wr (f, ITS + 0x100, 8, UINT64_MAX);
  g_assert_cmphex (rd (f, ITS + 0x100, 8) >> 62 & 1, ==, 0);
}

static void
test_message (Fixture *f, gconstpointer data)
{
  message (f, DEVICE, 3); /* not mapped yet */
  g_assert_false (irq (f, 1));
  map_event (f, DEVICE, 3, 8200, 1);
  message (f, DEVICE, 3);
  g_assert_false (irq (f, 0));
  g_assert_true (irq (f, 1));
  g_assert_cmpuint (get (f, 1, IAR1), ==, 8200);
  g_assert_cmphex (get (f, 1, RPR), ==, 0xa0);
  g_assert_false (irq (f, 1));
  /* There is no active state: the next one waits for the priority only. */
  message (f, DEVICE, 3);
  message (f, DEVICE, 3);
  g_assert_cmpuint (get (f, 1, IAR1), ==, SPURIOUS);
  set (f, 1, EOIR1, 8200);
  g_assert_cmphex (get (f, 1, RPR), ==, 0xff);
  g_assert_cmpuint (get (f, 1, IAR1), ==, 8200);
  set (f, 1, EOIR1, 8200);
  g_assert_cmpuint (get (f, 1, IAR1), ==, SPURIOUS);
  /* Others' events, and addresses that are not the ITS's. */
  message (f, DEVICE + 1, 3);
  message (f, DEVICE, 4);
  g_assert_false (irq (f, 1));
  DioMsiTarget target = dio_gicv3_its_get_msi_target (f->its);
  g_assert_false (target.send (target.opaque, DEVICE, ITS + 0x10044, 3));
  /* Off. */
  wr (f, ITS, 4, 0);
  message (f, DEVICE, 3);
  g_assert_false (irq (f, 1));
}

static void
test_commands (Fixture *f, gconstpointer data)
{
  command (f, (uint64_t) DEVICE << 32 | 0x0b, 9, 0, 0); /* MAPI: event 9 is no LPI */
  event_command (f, 0x03, DEVICE, 9, 0);
  g_assert_false (irq (f, 0));
  map_event (f, DEVICE, 0, 8192, 0);
  map_event (f, DEVICE, 31, 8193, 0);
  event_command (f, 0x03, DEVICE, 31, 0); /* INT */
  g_assert_true (irq (f, 0));
  event_command (f, 0x04, DEVICE, 31, 0); /* CLEAR */
  g_assert_false (irq (f, 0));
  /* MOVI takes what is pending along. */
  event_command (f, 0x03, DEVICE, 31, 0);
  event_command (f, 0x01, DEVICE, 31, 2);
  g_assert_false (irq (f, 0));
  g_assert_true (irq (f, 2));
  g_assert_cmpuint (get (f, 2, IAR1), ==, 8193);
  set (f, 2, EOIR1, 8193);
  message (f, DEVICE, 31);
  g_assert_true (irq (f, 2));
  /* MOVALL moves what is pending, and MAPC what comes. */
  command (f, 0x0e, 0, UINT64_C (2) << 16, UINT64_C (3) << 16);
  g_assert_false (irq (f, 2));
  g_assert_true (irq (f, 3));
  map_collection (f, 2, 1, true);
  event_command (f, 0x04, DEVICE, 31, 0);
  g_assert_true (irq (f, 3)); /* CLEAR is for where the event goes now */
  g_assert_cmpuint (get (f, 3, IAR1), ==, 8193);
  set (f, 3, EOIR1, 8193);
  message (f, DEVICE, 31);
  g_assert_true (irq (f, 1));
  /* DISCARD. */
  event_command (f, 0x0f, DEVICE, 31, 0);
  g_assert_false (irq (f, 1));
  message (f, DEVICE, 31);
  g_assert_false (irq (f, 1));
  /* Unmapped collections and devices. */
  map_collection (f, 0, 0, false);
  message (f, DEVICE, 0);
  g_assert_false (irq (f, 0));
  map_collection (f, 0, 0, true);
  message (f, DEVICE, 0);
  g_assert_true (irq (f, 0));
  g_assert_cmpuint (get (f, 0, IAR1), ==, 8192);
  set (f, 0, EOIR1, 8192);
  map_device (f, DEVICE, 5, false);
  message (f, DEVICE, 0);
  g_assert_false (irq (f, 0));
  command (f, 0x05, 0, 0, 0);
}

/* The configuration is what it was when it was asked for. */
static void
test_configuration (Fixture *f, gconstpointer data)
{
  map_event (f, DEVICE, 1, 8193, 0);
  map_event (f, DEVICE, 2, 8194, 0);
  set_config (f, 8193, 0xa0);
  message (f, DEVICE, 1);
  g_assert_true (irq (f, 0));
  event_command (f, 0x0c, DEVICE, 1, 0); /* INV: disabled now */
  g_assert_false (irq (f, 0));
  message (f, DEVICE, 2);
  set_config (f, 8193, 0x41);
  command (f, 0x0d, 0, 0, 0); /* INVALL: and more urgent than the other */
  g_assert_cmpuint (get (f, 0, IAR1), ==, 8193);
  g_assert_cmphex (get (f, 0, RPR), ==, 0x40);
  set (f, 0, EOIR1, 8193);
  g_assert_cmpuint (get (f, 0, IAR1), ==, 8194);
  set (f, 0, EOIR1, 8194);
  /* Turned off they are forgotten; turned on without "zero" they come from memory. */
  message (f, DEVICE, 2);
  wr (f, RD (0), 4, 0);
  g_assert_false (irq (f, 0));
  uint8_t bits = 1 << 2;
  put (f, PENDING + 1024, &bits, 1);
  wr (f, RD (0) + 0x78, 8, AT (PENDING));
  wr (f, RD (0), 4, 1);
  g_assert_cmpuint (get (f, 0, IAR1), ==, 8194);
}

/* Whatever is in memory or in a command: nothing is followed out of bounds, and the queue goes on.
 */
static void
test_hostile (Fixture *f, gconstpointer data)
{
  g_autofree uint8_t *noise = g_malloc (0x100000);
  g_autoptr (GRand) random = g_rand_new_with_seed (5);
  map_device (f, DEVICE, 33, true);      /* too many bits */
  map_device (f, 0x10000, 5, true);      /* no such device */
  map_collection (f, 0xffff, 0, true);   /* beyond its table */
  map_collection (f, 5, CPUS, true);     /* no such CPU */
  map_event (f, DEVICE, 32, 8192, 0);    /* beyond the device's events */
  map_event (f, DEVICE, 1, 8191, 0);     /* no LPI */
  map_event (f, DEVICE, 1, 8192 * 2, 0); /* more than there are */
  command (f, 0x0e, 0, UINT64_C (9) << 16, 0);
  command (f, 0xee, UINT64_MAX, UINT64_MAX, UINT64_MAX);
  for (unsigned round = 0; round < 20; round++) {
    for (unsigned i = 0; i < 0x100000; i += 4) {
      uint32_t value = g_rand_int (random) | (i % 8 ? 0 : 1);
      memcpy (noise + i, &value, 4);
    }
    for (unsigned i = QUEUE; i < QUEUE + 0x2000; i += 32)
      noise[i] &= 15;
    put (f, 0, noise, 0x100000);
    for (unsigned i = 0; i < 200; i++)
      message (f, g_rand_int (random) % 0x10000, g_rand_int (random) % 64);
    uint64_t end = (rd (f, ITS + 0x90, 8) - 32) & 0x1fff;
    wr (f, ITS + 0x88, 8, end);
    g_assert_cmphex (rd (f, ITS + 0x90, 8), ==, end);
  }
  /* A writer that is not in the queue, and a queue that is not in memory. */
  wr (f, ITS + 0x88, 8, UINT64_MAX);
  rd (f, ITS + 0x90, 8);
  wr (f, ITS, 4, 0);
  wr (f, ITS + 0x80, 8, UINT64_C (0x900000000000) | VALID | 0xff);
  wr (f, ITS, 4, 1);
  wr (f, ITS + 0x88, 8, 0xffe0);
  for (unsigned i = 0; i < 40 && rd (f, ITS + 0x90, 8) != 0xffe0; i++)
    continue;
  g_assert_cmphex (rd (f, ITS + 0x90, 8), ==, 0xffe0);
}

static void
test_state (Fixture *f, gconstpointer data)
{
  Fixture other;
  g_autofree uint8_t *memory = g_malloc (0x100000);
  map_event (f, DEVICE, 7, 8199, 1);
  message (f, DEVICE, 7);
  g_autoptr (GBytes) gic = dio_hw_bench_save (f->gic);
  g_autoptr (GBytes) its = dio_hw_bench_save (f->its);
  g_assert_true (dio_dma_read (f->bench->machine->space, AT (0), memory, 0x100000));
  make (&other);
  put (&other, 0, memory, 0x100000);
  dio_hw_bench_load (other.gic, gic, true);
  dio_hw_bench_load (other.its, its, true);
  other.writer = f->writer;
  g_assert_true (irq (&other, 1));
  g_assert_cmpuint (get (&other, 1, IAR1), ==, 8199);
  set (&other, 1, EOIR1, 8199);
  message (&other, DEVICE, 7);
  g_assert_true (irq (&other, 1));
  event_command (&other, 0x04, DEVICE, 7, 0);
  g_assert_false (irq (&other, 1));
  dio_device_reset (other.gic);
  dio_device_reset (other.its);
  g_assert_cmphex (rd (&other, RD (0), 4), ==, 0);
  g_assert_cmphex (rd (&other, ITS + 0x100, 8) >> 63, ==, 0);
  tear_down (&other, NULL);
}

#define ADD(name)                                                                                  \
  g_test_add ("/hw/irq/gicv3-its/" #name, Fixture, NULL, set_up, test_##name, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD (identification);
  ADD (message);
  ADD (commands);
  ADD (configuration);
  ADD (hostile);
  ADD (state);
  return g_test_run ();
}
