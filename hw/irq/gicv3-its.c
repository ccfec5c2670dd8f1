/* SPDX-License-Identifier: GPL-3.0-or-later
 * The interrupt translation service (Arm IHI 0069, chapter 5 and 12.18): who sent a message and
 * what it says are looked up in tables and become an LPI of a CPU.
 *
 * The tables are in guest memory, as the architecture wants; what entries look like is ours. Every
 * entry is eight bytes and valid with bit 0:
 *   device      address of its table of events (bits 51 to 8), bits of event less one (5 to 1)
 *   collection  number of the CPU (bits 31 to 16)
 *   event       INTID (bits 31 to 16), collection (bits 47 to 32)
 * A guest may write into them what it likes: whatever is read is checked when it is used, and
 * nothing is followed that was not. Commands are carried out when their writer moves, so many at a
 * time; who waits for them reads on.
 *
 * DioDevice.lock guards everything; the controller's lock is taken inside it. */
#include "hw/irq/gicv3-its.h"

#include <inttypes.h>
#include <libfdt.h>

#include "core/base/base-i18n.h"
#include "core/vm/vm-machine.h"
#include "hw/irq/gicv3-private.h"

enum {
  GITS_CTLR = 0x0000,
  GITS_IIDR = 0x0004,
  GITS_TYPER = 0x0008,
  GITS_CBASER = 0x0080,
  GITS_CWRITER = 0x0088,
  GITS_CREADR = 0x0090,
  GITS_BASER = 0x0100,
  GITS_BASER_END = 0x0140,
  GITS_PIDR2 = 0xffe8,
  GITS_TRANSLATER = 0x10040,
};

#define CTLR_ENABLED 1u
#define CTLR_QUIESCENT (UINT32_C (1) << 31)
#define PRODUCT 0x43b
#define ARCHITECTURE_3 0x3b

/* Physical LPIs, entries of 8 bytes, 16 bits of event, device and collection, CPUs by number. */
#define DEVICE_BITS 16
#define EVENT_BITS 16
#define ENTRY_SIZE 8u
#define TYPE                                                                                       \
  (UINT64_C (1) | (ENTRY_SIZE - 1) << 4 | (EVENT_BITS - 1) << 8 | (DEVICE_BITS - 1) << 13)

#define VALID (UINT64_C (1) << 63)
#define BASER_ADDRESS UINT64_C (0x0000fffffffff000)
/* Valid, cacheability, shareability, address, size of a page, number of pages. */
#define BASER_WRITABLE UINT64_C (0xb8e0ffffffffffff)
#define CBASER_WRITABLE UINT64_C (0xb8efffffffffffff)
#define COMMAND_SIZE 32u
#define POINTER_MASK UINT64_C (0xfffe0)
#define BATCH 1024 /* commands at a time */

enum {
  TABLE_DEVICES,
  TABLE_COLLECTIONS,
  N_TABLES,
};
static const uint8_t table_types[N_TABLES] = { 1, 4 };

enum {
  COMMAND_MOVI = 0x01,
  COMMAND_INT = 0x03,
  COMMAND_CLEAR = 0x04,
  COMMAND_SYNC = 0x05,
  COMMAND_MAPD = 0x08,
  COMMAND_MAPC = 0x09,
  COMMAND_MAPTI = 0x0a,
  COMMAND_MAPI = 0x0b,
  COMMAND_INV = 0x0c,
  COMMAND_INVALL = 0x0d,
  COMMAND_MOVALL = 0x0e,
  COMMAND_DISCARD = 0x0f,
};

typedef struct {
  DioSystemDevice sys;
  DioGicv3 *gic;
  bool enabled;
  uint64_t tables[N_TABLES]; /* GITS_BASER */
  uint64_t queue;            /* GITS_CBASER */
  uint64_t writer, reader;   /* GITS_CWRITER, GITS_CREADR */
} DioGicv3Its;

/* An event that was looked up. */
typedef struct {
  DioGpa at; /* of its entry */
  unsigned intid, collection;
} Event;

/* ---- Tables ---- */

static bool
read_entry (DioGicv3Its *its, DioGpa at, uint64_t *entry)
{
  uint64_t raw;
  if (!dio_dma_read (its->sys.dev.machine->space, at, &raw, sizeof raw))
    return false;
  *entry = GUINT64_FROM_LE (raw);
  return true;
}

static bool
write_entry (DioGicv3Its *its, DioGpa at, uint64_t entry)
{
  uint64_t raw = GUINT64_TO_LE (entry);
  return dio_dma_write (its->sys.dev.machine->space, at, &raw, sizeof raw);
}

/* The address of entry @index of a table, false when it has no such one. */
static bool
entry_of (const DioGicv3Its *its, unsigned table, unsigned index, DioGpa *at)
{
  static const uint8_t shifts[4] = { 12, 14, 16, 16 };
  uint64_t base = its->tables[table];
  unsigned shift = shifts[base >> 8 & 3];
  uint64_t size = ((base & 0xff) + 1) << shift;
  if (!(base & VALID) || (uint64_t) index * ENTRY_SIZE >= size)
    return false;
  *at = (base & BASER_ADDRESS & ~((UINT64_C (1) << shift) - 1)) + (uint64_t) index * ENTRY_SIZE;
  return true;
}

/* The address of the entry of an event of a device. */
static bool
find_place (DioGicv3Its *its, unsigned device, unsigned event, DioGpa *at)
{
  DioGpa place;
  uint64_t entry;
  if (device >> DEVICE_BITS || !entry_of (its, TABLE_DEVICES, device, &place)
      || !read_entry (its, place, &entry) || !(entry & 1))
    return false;
  unsigned bits = (entry >> 1 & 31) + 1;
  if (bits > EVENT_BITS || event >> bits)
    return false;
  *at = (entry & UINT64_C (0x000fffffffffff00)) + (uint64_t) event * ENTRY_SIZE;
  return true;
}

static bool
find_event (DioGicv3Its *its, unsigned device, unsigned event, Event *found)
{
  uint64_t entry;
  if (!find_place (its, device, event, &found->at) || !read_entry (its, found->at, &entry)
      || !(entry & 1))
    return false;
  found->intid = entry >> 16 & 0xffff;
  found->collection = entry >> 32 & 0xffff;
  return gicv3_lpi_exists (found->intid);
}

static bool
write_event (DioGicv3Its *its, const Event *event)
{
  return write_entry (its, event->at,
                      1 | (uint64_t) event->intid << 16 | (uint64_t) event->collection << 32);
}

/* Of the controller, if there is one. */
static unsigned
n_cpus (const DioGicv3Its *its)
{
  return its->gic ? (unsigned) its->gic->cpus : 0;
}

/* The CPU of a collection. */
static bool
find_cpu (DioGicv3Its *its, unsigned collection, unsigned *cpu)
{
  DioGpa at;
  uint64_t entry;
  if (!entry_of (its, TABLE_COLLECTIONS, collection, &at) || !read_entry (its, at, &entry)
      || !(entry & 1))
    return false;
  *cpu = entry >> 16 & 0xffff;
  return *cpu < n_cpus (its);
}

static bool
signal_event (DioGicv3Its *its, unsigned device, unsigned event, bool pending)
{
  Event found;
  unsigned cpu;
  if (!find_event (its, device, event, &found) || !find_cpu (its, found.collection, &cpu))
    return false;
  gicv3_lpi_set (its->gic, cpu, found.intid, pending);
  return true;
}

/* ---- Commands: false when it is none that can be carried out ---- */

static bool
map_device (DioGicv3Its *its, const uint64_t *words)
{
  unsigned device = words[0] >> 32, size = words[1] & 31;
  DioGpa at;
  if (device >> DEVICE_BITS || !entry_of (its, TABLE_DEVICES, device, &at))
    return false;
  if (!(words[2] & VALID))
    return write_entry (its, at, 0);
  if (size >= EVENT_BITS)
    return false;
  return write_entry (its, at, 1 | size << 1 | (words[2] & UINT64_C (0x000fffffffffff00)));
}

static bool
map_collection (DioGicv3Its *its, const uint64_t *words)
{
  unsigned cpu = words[2] >> 16 & 0xffff;
  DioGpa at;
  if (!entry_of (its, TABLE_COLLECTIONS, words[2] & 0xffff, &at))
    return false;
  if (!(words[2] & VALID))
    return write_entry (its, at, 0);
  return cpu < n_cpus (its) && write_entry (its, at, 1 | (uint64_t) cpu << 16);
}

static bool
map_event (DioGicv3Its *its, const uint64_t *words, bool same)
{
  unsigned event = (uint32_t) words[1];
  Event entry = { .intid = same ? event : words[1] >> 32, .collection = words[2] & 0xffff };
  return gicv3_lpi_exists (entry.intid) && find_place (its, words[0] >> 32, event, &entry.at)
         && write_event (its, &entry);
}

static bool
move_event (DioGicv3Its *its, const uint64_t *words)
{
  Event event;
  unsigned from, to;
  if (!find_event (its, words[0] >> 32, (uint32_t) words[1], &event)
      || !find_cpu (its, event.collection, &from) || !find_cpu (its, words[2] & 0xffff, &to))
    return false;
  event.collection = words[2] & 0xffff;
  if (!write_event (its, &event))
    return false;
  gicv3_lpi_move (its->gic, from, to, event.intid);
  return true;
}

static bool
move_all (DioGicv3Its *its, const uint64_t *words)
{
  unsigned from = words[2] >> 16 & 0xffff, to = words[3] >> 16 & 0xffff;
  if (from >= n_cpus (its) || to >= n_cpus (its))
    return false;
  gicv3_lpi_move_all (its->gic, from, to);
  return true;
}

static bool
discard (DioGicv3Its *its, const uint64_t *words)
{
  unsigned device = words[0] >> 32, event = (uint32_t) words[1];
  DioGpa at;
  signal_event (its, device, event, false);
  return find_place (its, device, event, &at) && write_entry (its, at, 0);
}

static bool
reload_event (DioGicv3Its *its, const uint64_t *words)
{
  Event event;
  unsigned cpu;
  if (!find_event (its, words[0] >> 32, (uint32_t) words[1], &event)
      || !find_cpu (its, event.collection, &cpu))
    return false;
  gicv3_lpi_reload (its->gic, cpu, event.intid);
  return true;
}

static bool
reload_collection (DioGicv3Its *its, const uint64_t *words)
{
  unsigned cpu;
  if (!find_cpu (its, words[2] & 0xffff, &cpu))
    return false;
  gicv3_lpi_reload_all (its->gic, cpu);
  return true;
}

static bool
carry_out (DioGicv3Its *its, const uint64_t *words)
{
  switch (words[0] & 0xff) {
  case COMMAND_MOVI:
    return move_event (its, words);
  case COMMAND_INT:
  case COMMAND_CLEAR:
    return signal_event (its, words[0] >> 32, (uint32_t) words[1],
                         (words[0] & 0xff) == COMMAND_INT);
  case COMMAND_SYNC: /* everything has happened already */
    return true;
  case COMMAND_MAPD:
    return map_device (its, words);
  case COMMAND_MAPC:
    return map_collection (its, words);
  case COMMAND_MAPTI:
  case COMMAND_MAPI:
    return map_event (its, words, (words[0] & 0xff) == COMMAND_MAPI);
  case COMMAND_INV:
    return reload_event (its, words);
  case COMMAND_INVALL:
    return reload_collection (its, words);
  case COMMAND_MOVALL:
    return move_all (its, words);
  case COMMAND_DISCARD:
    return discard (its, words);
  default:
    return false;
  }
}

/* From the reader to the writer, which is an offset into the queue that wraps at its end; no more
 * than a batch. */
static void
work (DioGicv3Its *its)
{
  uint64_t size = ((its->queue & 0xff) + 1) << 12;
  if (!its->enabled || !(its->queue & VALID) || its->writer >= size || its->reader >= size)
    return;
  for (unsigned i = 0; i < BATCH && its->reader != its->writer; i++) {
    uint64_t words[4];
    DioGpa at = (its->queue & UINT64_C (0x000ffffffffff000)) + its->reader;
    bool done = dio_dma_read (its->sys.dev.machine->space, at, words, sizeof words);
    for (unsigned k = 0; k < 4 && done; k++)
      words[k] = GUINT64_FROM_LE (words[k]);
    if (!done || !carry_out (its, words))
      dio_device_guest_error (&its->sys.dev, "a command at 0x%" PRIx64 " that makes no sense", at);
    its->reader = (its->reader + COMMAND_SIZE) % size;
  }
}

/* ---- Registers ---- */

static uint64_t
read_register (DioGicv3Its *its, unsigned offset)
{
  switch (offset) {
  case GITS_CTLR: /* and the one after it */
    return (its->enabled ? CTLR_ENABLED : CTLR_QUIESCENT) | (uint64_t) PRODUCT << 32;
  case GITS_TYPER:
    return TYPE;
  case GITS_CBASER:
    return its->queue;
  case GITS_CWRITER:
    return its->writer;
  case GITS_CREADR:
    work (its);
    return its->reader;
  case GITS_PIDR2:
    return ARCHITECTURE_3;
  default:
    break;
  }
  unsigned table = (offset - GITS_BASER) / 8;
  if (offset < GITS_BASER || table >= N_TABLES)
    return 0;
  return its->tables[table] | (uint64_t) table_types[table] << 56
         | (uint64_t) (ENTRY_SIZE - 1) << 48;
}

static void
write_register (DioGicv3Its *its, unsigned offset, uint64_t value)
{
  switch (offset) {
  case GITS_CTLR:
    its->enabled = value & CTLR_ENABLED;
    work (its);
    return;
  case GITS_CBASER:
    if (!its->enabled) {
      its->queue = value & CBASER_WRITABLE;
      its->reader = 0;
    }
    return;
  case GITS_CWRITER:
    its->writer = value & POINTER_MASK;
    work (its);
    return;
  default:
    break;
  }
  unsigned table = (offset - GITS_BASER) / 8;
  if (offset >= GITS_BASER && table < N_TABLES && !its->enabled)
    its->tables[table] = value & BASER_WRITABLE;
}

static uint64_t
region_read (void *opaque, uint64_t offset, unsigned size)
{
  if (offset >= 0x10000)
    return 0;
  uint64_t value = read_register (opaque, (unsigned) offset & ~7u);
  return size == 8 ? value : (uint32_t) (value >> (offset & 4) * 8);
}

/* The other half of a register is kept. */
static void
region_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  unsigned at = (unsigned) offset & ~7u, shift = (offset & 4) * 8;
  if (offset >= 0x10000) /* from a CPU, which is no device */
    return;
  if (size == 4 && at != GITS_CTLR) {
    uint64_t old = at == GITS_CREADR ? 0 : read_register (opaque, at);
    value = (old & ~(UINT64_C (0xffffffff) << shift)) | (value & 0xffffffff) << shift;
  } else if (at == GITS_CTLR && shift) {
    return;
  }
  write_register (opaque, at, value);
}

static const DioRegionOps its_ops = {
  .read = region_read,
  .write = region_write,
  .min_access = 4,
  .max_access = 8,
};

/* ---- Messages ---- */

static bool
send_message (void *opaque, uint32_t requester, DioGpa address, uint32_t data)
{
  DioGicv3Its *its = opaque;
  if (address != its->sys.addresses[0] + GITS_TRANSLATER)
    return false;
  pthread_mutex_lock (&its->sys.dev.lock);
  if (its->enabled && !signal_event (its, requester, data, true))
    dio_device_guest_error (&its->sys.dev, "message %u of device 0x%x is not mapped", data,
                            requester);
  pthread_mutex_unlock (&its->sys.dev.lock);
  return true;
}

DioMsiTarget
dio_gicv3_its_get_msi_target (DioDevice *its)
{
  return (DioMsiTarget){ send_message, its };
}

void
dio_gicv3_its_connect (DioDevice *its, DioDevice *gic)
{
  ((DioGicv3Its *) its)->gic = (DioGicv3 *) gic;
  ((DioGicv3 *) gic)->its = its;
}

/* ---- Life ---- */

static bool
its_realize (DioDevice *dev, GError **error)
{
  dio_system_device_add_region ((DioSystemDevice *) dev, "gic-its", &its_ops, DIO_GICV3_ITS_SIZE,
                                true);
  return true;
}

static void
its_reset (DioDevice *dev)
{
  DioGicv3Its *its = (DioGicv3Its *) dev;
  its->enabled = false;
  its->queue = its->writer = its->reader = 0;
  for (unsigned i = 0; i < N_TABLES; i++)
    its->tables[i] = 0;
}

static void
its_state (DioDevice *dev, DioVisitor *visitor)
{
  DioGicv3Its *its = (DioGicv3Its *) dev;
  dio_visit_bool (visitor, "enabled", &its->enabled);
  dio_visit_u64 (visitor, "queue", &its->queue);
  dio_visit_u64 (visitor, "writer", &its->writer);
  dio_visit_u64 (visitor, "reader", &its->reader);
  dio_visit_u64 (visitor, "devices", &its->tables[TABLE_DEVICES]);
  dio_visit_u64 (visitor, "collections", &its->tables[TABLE_COLLECTIONS]);
  its->queue &= CBASER_WRITABLE;
  its->writer &= POINTER_MASK;
  its->reader &= POINTER_MASK;
  for (unsigned i = 0; i < N_TABLES; i++)
    its->tables[i] &= BASER_WRITABLE;
}

static void
its_describe_fdt (DioDevice *dev, void *fdt, int parent)
{
  static const char compatible[] = "arm,gic-v3-its";
  dio_system_device_begin_fdt_node ((DioSystemDevice *) dev, fdt, "its", compatible,
                                    sizeof compatible);
  fdt_property (fdt, "msi-controller", NULL, 0);
  fdt_property_u32 (fdt, "#msi-cells", 1);
  fdt_end_node (fdt);
}

static void
its_finalize (DioDevice *dev)
{
  DioGicv3Its *its = (DioGicv3Its *) dev;
  if (its->gic)
    its->gic->its = NULL;
  dio_system_device_finalize (&its->sys);
}

const DioDeviceType dio_gicv3_its_type = {
  .id = "gicv3-its",
  .title = N_ ("Interrupt translation service (GICv3 ITS)"),
  .description = N_ ("Turns messages of PCI devices into interrupts of Arm processors."),
  .bus = DIO_BUS_SYSTEM,
  .instance_size = sizeof (DioGicv3Its),
  .realize = its_realize,
  .reset = its_reset,
  .state = its_state,
  .state_version = 1,
  .finalize = its_finalize,
  .describe_fdt = its_describe_fdt,
};
