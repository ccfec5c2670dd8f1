/* SPDX-License-Identifier: GPL-3.0-or-later
 * Saved state of every registered device: what was saved loads into a fresh device, which then
 * saves to the same bytes and answers every read as the first one does (so nothing was left out);
 * what was damaged on the way never crashes and leaves a device that saves and loads.
 *
 * The table of devices is read, nothing here names one: a new device is tested by being listed. */
#include <string.h>

#include "hw/hw.h"
#include "hw/pci/pci-host-ecam.h"
#include "tests/support/hw-bench.h"

#define ECAM UINT64_C (0x30000000)
#define MMIO UINT64_C (0x40000000)
#define MMIO_SIZE UINT64_C (0x40000000)
#define SYSTEM UINT64_C (0x100000000)

#define SCRAMBLES 3000
#define MUTATIONS 60

typedef struct {
  DioHwBench *bench;
  DioDevice *dev;
  DioPciDevice *pci; /* the device again, or NULL */
} Rig;

/* A device of @type on a bench of its own, whose clock stands still: no timer changes anything
 * behind the test's back. */
static Rig
rig_new (const DioDeviceType *type)
{
  Rig rig = { .bench = dio_hw_bench_new () };
  g_autoptr (GError) error = NULL;

  dio_clock_stop (rig.bench->machine->clock);
  dio_clock_set (rig.bench->machine->clock, INT64_C (1000000000));
  rig.dev = dio_device_new (type, "device");
  for (const DioProperty *p = type->properties; p && p->name; p++)
    if (strcmp (p->name, "harts") == 0)
      g_assert_true (dio_device_set (rig.dev, "harts", "3", NULL));
  if (type->bus == DIO_BUS_SYSTEM) {
    dio_hw_bench_add (rig.bench, rig.dev, SYSTEM, 0);
    return rig;
  }

  DioDevice *host = dio_device_new (&dio_pci_host_ecam_type, "host");
  dio_hw_bench_add (rig.bench, host, ECAM, 0);
  DioPciBus *bus = dio_pci_host_get_bus (host);
  dio_pci_bus_add_window (bus, MMIO, MMIO_SIZE);
  rig.pci = (DioPciDevice *) rig.dev;
  g_assert_true (dio_pci_bus_plug (bus, rig.pci, 1, &error));
  dio_device_attach (rig.dev, rig.bench->machine, &error);
  g_assert_no_error (error);
  dio_device_reset (rig.dev);
  return rig;
}

static void
rig_free (Rig *rig)
{
  dio_hw_bench_free (rig->bench);
}

static void
quiesce (Rig *rig)
{
  if (rig->dev->type->drain)
    rig->dev->type->drain (rig->dev);
  for (unsigned i = 0; i < 3; i++) /* what a callback posts runs too */
    dio_hw_bench_sync (rig->bench);
}

static GBytes *
save (Rig *rig)
{
  quiesce (rig);
  return dio_hw_bench_save (rig->dev);
}

static bool
load (Rig *rig, GBytes *bytes)
{
  quiesce (rig);
  DioVisitor *visitor = dio_visitor_new_load (bytes);
  dio_device_visit (rig->dev, visitor);
  g_autoptr (GError) error = NULL;
  bool loaded = dio_visitor_finish_load (visitor, &error);
  if (error)
    g_test_message ("%s", error->message);
  return loaded;
}

static void
wake (Rig *rig)
{
  if (rig->dev->type->resume)
    rig->dev->type->resume (rig->dev);
}

/* A number as a driver might write it. */
static uint64_t
random_value (GRand *rand)
{
  switch (g_rand_int_range (rand, 0, 6)) {
  case 0:
    return g_rand_int_range (rand, 0, 16);
  case 1:
    return UINT64_C (1) << g_rand_int_range (rand, 0, 64);
  case 2:
    return UINT64_MAX;
  case 3:
    return DIO_HW_BENCH_RAM + g_rand_int_range (rand, 0, DIO_HW_BENCH_RAM_SIZE / 16) * 16;
  default:
    return (uint64_t) g_rand_int (rand) << 32 | g_rand_int (rand);
  }
}

/* Register blocks begin at round addresses: the first bytes of the first pages, and of the pages
 * after each power of two. Calls of @index from 0 on until UINT64_MAX give the pages. */
static uint64_t
page_of (unsigned index, uint64_t size)
{
  uint64_t page;

  if (index < 8)
    page = index;
  else if (index < 8 + 8 * 12)
    page = (UINT64_C (8) << (index - 8) / 8) + index % 8;
  else
    return UINT64_MAX;
  return page * 0x1000 < size ? page * 0x1000 : UINT64_MAX;
}

static uint64_t
random_offset (GRand *rand, uint64_t size)
{
  uint64_t page = g_rand_boolean (rand) ? page_of (g_rand_int_range (rand, 0, 104), size) : 0;

  return ((page == UINT64_MAX ? 0 : page) + g_rand_int_range (rand, 0, 256)) % size;
}

static void
poke (Rig *rig, GRand *rand, DioGpa base, uint64_t size)
{
  unsigned width = 1u << g_rand_int_range (rand, 0, 4);
  uint64_t offset = random_offset (rand, size) & ~(uint64_t) (width - 1);
  uint64_t value;

  if (g_rand_int_range (rand, 0, 4))
    dio_space_write (rig->bench->machine->space, base + offset, width, random_value (rand));
  else
    dio_space_read (rig->bench->machine->space, base + offset, width, &value);
}

/* Writes all over the device's registers, and over the memory that it may read. */
static void
scramble (Rig *rig, GRand *rand, unsigned count)
{
  DioSystemDevice *sys = (DioSystemDevice *) rig->dev;

  for (unsigned i = 0; i < 64; i++) {
    uint64_t value = random_value (rand);
    memcpy (rig->bench->machine->ram->host + g_rand_int_range (rand, 0, 0x1000) * 8, &value, 8);
  }
  if (rig->pci) {
    dio_pci_config_write (rig->pci, DIO_PCI_BAR0, MMIO, 4);
    dio_pci_config_write (rig->pci, DIO_PCI_BAR0 + 4, MMIO + 0x1000000, 4);
    dio_pci_config_write (rig->pci, DIO_PCI_COMMAND,
                          DIO_PCI_COMMAND_MEMORY | DIO_PCI_COMMAND_MASTER, 2);
  }
  for (unsigned i = 0; i < count && (rig->pci || sys->n_regions); i++) {
    unsigned which = g_rand_int_range (rand, 0, 8);
    if (!rig->pci)
      poke (rig, rand, SYSTEM, sys->regions[which % sys->n_regions].size);
    else if (which == 0 && g_rand_int_range (rand, 0, 4) == 0)
      poke (rig, rand, ECAM + 0x8000, 0x1000);
    else
      for (unsigned bar = 0; bar < 6; bar++)
        if (rig->pci->bars[bar] && rig->pci->bar_mapped[bar])
          poke (rig, rand, rig->pci->bar_address[bar], rig->pci->bars[bar]->size);
  }
}

/* Reads the first 256 bytes of such pages from both; a value that is not the same
 * twice in a row is time itself and is left out. Returns how many differ. */
static unsigned
compare_region (Rig *one, Rig *two, DioGpa base, uint64_t size, unsigned width)
{
  unsigned differences = 0;

  for (unsigned i = 0; i < 104; i++) {
    uint64_t page = page_of (i, size);
    for (uint64_t offset = page; page != UINT64_MAX && offset < MIN (page + 0x100, size);
         offset += width) {
      uint64_t a1 = dio_hw_bench_read (one->bench, base + offset, width);
      uint64_t a2 = dio_hw_bench_read (one->bench, base + offset, width);
      uint64_t b1 = dio_hw_bench_read (two->bench, base + offset, width);
      uint64_t b2 = dio_hw_bench_read (two->bench, base + offset, width);
      bool volatile_value = a1 != a2 && b1 != b2;
      if (!volatile_value && (a1 != b1 || a2 != b2)) {
        g_test_message ("%s differs at 0x%x: 0x%x, 0x%x", one->dev->type->id, (unsigned) offset,
                        (unsigned) a1, (unsigned) b1);
        differences++;
      }
    }
  }
  return differences;
}

static unsigned
compare (Rig *one, Rig *two)
{
  DioSystemDevice *sys = (DioSystemDevice *) one->dev;
  unsigned differences = 0;

  if (!one->pci && sys->n_regions == 0)
    return 0;
  if (!one->pci)
    return compare_region (one, two, SYSTEM, sys->regions[0].size,
                           MAX (sys->regions[0].ops->min_access, 1));
  for (unsigned bar = 0; bar < 6; bar++) {
    g_assert_cmpint (one->pci->bar_mapped[bar], ==, two->pci->bar_mapped[bar]);
    if (one->pci->bar_mapped[bar])
      differences +=
          compare_region (one, two, one->pci->bar_address[bar], one->pci->bars[bar]->size,
                          MAX (one->pci->bars[bar]->ops->min_access, 1));
  }
  return differences + compare_region (one, two, ECAM + 0x8000, 0x1000, 4);
}

static void
assert_round_trip (const DioDeviceType *type, GBytes *saved)
{
  Rig fresh = rig_new (type);
  g_assert_true (load (&fresh, saved));
  g_autoptr (GBytes) again = dio_hw_bench_save (fresh.dev);
  g_assert_cmpmem (g_bytes_get_data (saved, NULL), g_bytes_get_size (saved),
                   g_bytes_get_data (again, NULL), g_bytes_get_size (again));
  rig_free (&fresh);
}

static void
test_round_trip (gconstpointer data)
{
  const DioDeviceType *type = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (g_test_rand_int ());

  for (unsigned round = 0; round < 4; round++) {
    Rig rig = rig_new (type), twin = rig_new (type);
    scramble (&rig, rand, round ? SCRAMBLES : 0); /* the cold state as well */
    g_autoptr (GBytes) saved = save (&rig);
    assert_round_trip (type, saved);
    g_assert_true (load (&twin, saved));
    g_assert_cmpuint (compare (&rig, &twin), ==, 0);
    rig_free (&rig);
    rig_free (&twin);
  }
}

static void
test_truncated (gconstpointer data)
{
  const DioDeviceType *type = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (g_test_rand_int ());
  Rig rig = rig_new (type);

  scramble (&rig, rand, SCRAMBLES);
  g_autoptr (GBytes) saved = save (&rig);
  gsize size = g_bytes_get_size (saved);
  gsize step = MAX (1, size / 200);
  for (gsize length = 0; length < size; length += step) {
    g_autoptr (GBytes) part = g_bytes_new_from_bytes (saved, 0, length);
    g_assert_false (load (&rig, part));
    wake (&rig);
  }
  g_assert_true (load (&rig, saved));
  rig_free (&rig);
}

static void
test_mutated (gconstpointer data)
{
  const DioDeviceType *type = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (g_test_rand_int ());
  Rig rig = rig_new (type);

  scramble (&rig, rand, SCRAMBLES);
  g_autoptr (GBytes) saved = save (&rig);
  gsize size = g_bytes_get_size (saved);
  for (unsigned i = 0; i < MUTATIONS; i++) {
    g_autofree uint8_t *bytes = g_memdup2 (g_bytes_get_data (saved, NULL), size);
    for (int n = g_rand_int_range (rand, 1, 9); n > 0; n--)
      bytes[g_rand_int_range (rand, 0, size)] = g_rand_int (rand);
    g_autoptr (GBytes) mutated = g_bytes_new (bytes, size);
    load (&rig, mutated);
    wake (&rig);
    scramble (&rig, rand, 50);
    g_autoptr (GBytes) after = save (&rig);
    assert_round_trip (type, after);
    wake (&rig);
  }
  rig_free (&rig);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (const DioDeviceType *const *type = dio_hw_devices; *type; type++) {
    g_autofree char *trip = g_strdup_printf ("/hw/state/%s/round-trip", (*type)->id);
    g_autofree char *truncated = g_strdup_printf ("/hw/state/%s/truncated", (*type)->id);
    g_autofree char *mutated = g_strdup_printf ("/hw/state/%s/mutated", (*type)->id);
    g_test_add_data_func (trip, *type, test_round_trip);
    g_test_add_data_func (truncated, *type, test_truncated);
    g_test_add_data_func (mutated, *type, test_mutated);
  }
  return g_test_run ();
}
