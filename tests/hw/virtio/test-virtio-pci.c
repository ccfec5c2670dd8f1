/* SPDX-License-Identifier: GPL-3.0-or-later
 * The virtio-pci transport and the common device code, driven through configuration space and BAR
 * with virtio-rng as the device. */
#include <string.h>

#include "hw/virtio/virtio.h"
#include "tests/hw/virtio/driver-pci.h"

#define ALL UINT64_MAX
#define SPLIT (~DIO_VIRTIO_F_RING_PACKED)

typedef struct {
  Bench *bench;
  Driver driver;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->bench = bench_new (NULL, GPOINTER_TO_INT (data));
  DioVirtioDevice *vdev = bench_add (f->bench, &dio_virtio_rng_type, "rng0", NULL, NULL, NULL);
  bench_run (f->bench, dio_machine_start);
  driver_probe (&f->driver, f->bench, vdev);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  bench_free (f->bench);
}

static void
get_entropy (Driver *driver)
{
  uint8_t bytes[64], before[64];

  memset (before, 0xee, sizeof before);
  g_assert_cmpuint (driver_call (driver, 0, NULL, 0, bytes, sizeof bytes), ==, sizeof bytes);
  g_assert_cmpint (memcmp (bytes, before, sizeof bytes), !=, 0);
}

static void
test_identity (Fixture *f, gconstpointer data)
{
  DioPciDevice *pci = &f->driver.vdev->pci;

  g_assert_cmphex (dio_pci_config_read (pci, DIO_PCI_DEVICE_ID, 2), ==, 0x1044);
  g_assert_cmphex (dio_pci_config_read (pci, DIO_PCI_REVISION, 4), ==, 0x00ff0001);
  g_assert_cmpint (dio_pci_config_read (pci, DIO_PCI_INTERRUPT_PIN, 1), ==, 1);
}

static void
test_rings (Fixture *f, gconstpointer data)
{
  static const uint64_t wanted[] = {
    0,
    SPLIT,
    ALL,
    DIO_VIRTIO_F_RING_PACKED,
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (wanted); i++) {
    driver_start (&f->driver, wanted[i], 8);
    for (unsigned round = 0; round < 50; round++)
      get_entropy (&f->driver);
  }
}

static void
test_negotiation (Fixture *f, gconstpointer data)
{
  Driver *driver = &f->driver;
  uint64_t offered = driver_device_features (driver);

  g_assert_true (offered & DIO_VIRTIO_F_VERSION_1);
  g_assert_true (offered & DIO_VIRTIO_F_RING_PACKED);
  g_assert_true (offered & DIO_VIRTIO_F_RING_RESET);

  /* Without VERSION_1, or with what was not offered, there is no FEATURES_OK. */
  driver_set_status (driver, 3);
  driver_set_status (driver, 11);
  g_assert_cmpint (driver_status (driver), ==, 3);
  driver_write (driver, driver->common + 8, 4, 1);
  driver_write (driver, driver->common + 12, 4, 1 | 1u << 31);
  driver_set_status (driver, 11);
  g_assert_cmpint (driver_status (driver), ==, 3);
  /* DRIVER_OK without it is ignored. */
  driver_set_status (driver, 7);
  g_assert_cmpint (driver_status (driver), ==, 3);
  driver_write (driver, driver->common + 12, 4, 1);
  driver_set_status (driver, 11);
  g_assert_cmpint (driver_status (driver), ==, 11);
  /* From now on they are fixed, and status bits cannot be taken back. */
  driver_write (driver, driver->common + 12, 4, 0);
  g_assert_cmphex (driver_read (driver, driver->common + 12, 4), ==, 1);
  driver_set_status (driver, 1);
  g_assert_cmpint (driver_status (driver), ==, 11);
  driver_reset (driver);
  g_assert_cmphex (driver_read (driver, driver->common + 12, 4), ==, 0);
}

/* Registers that do not exist, widths that do not fit: nothing happens. */
static void
test_odd_accesses (Fixture *f, gconstpointer data)
{
  Driver *driver = &f->driver;

  for (unsigned size = 1; size <= 8; size *= 2)
    for (DioGpa at = driver->bar; at + size <= driver->bar + 0x4000;
         at += (at & 0xfff) < 0x100 ? 1 : 0x8f) {
      driver_read (driver, at, size);
      driver_write (driver, at, size, UINT64_MAX);
    }
  driver_start (driver, ALL, 8);
  get_entropy (driver);

  /* A queue that is not there. */
  driver_select_queue (driver, 1);
  g_assert_cmpuint (driver_read (driver, driver->common + 24, 2), ==, 0);
  driver_write (driver, driver->common + 28, 2, 1);
  driver_write (driver, driver->notify + 4, 2, 1);
  get_entropy (driver);
  /* A size that is too large. */
  driver_reset (driver);
  driver_select_queue (driver, 0);
  driver_write (driver, driver->common + 24, 2, 4096);
  g_assert_cmpuint (driver_read (driver, driver->common + 24, 2), ==, 64);
}

static void
wait_for_status (Driver *driver, uint8_t bit)
{
  for (unsigned i = 0; !(driver_status (driver) & bit) && i < 5000; i++)
    g_usleep (1000);
  g_assert_true (driver_status (driver) & bit);
}

/* A wild descriptor: the device asks for a reset, does nothing until then, and works after it. */
static void
test_break (Fixture *f, gconstpointer data)
{
  Driver *driver = &f->driver;
  const Sg wild = { 0x10, 64, true };

  for (unsigned round = 0; round < 4; round++) {
    driver_start (driver, round & 1 ? ALL : SPLIT, 8);
    driver_read (driver, driver->isr, 1);
    driver_add (driver, 0, &wild, 1, round & 2);
    wait_for_status (driver, DIO_VIRTIO_NEEDS_RESET);
    if (!f->bench->msi)
      g_assert_cmpint (driver_read (driver, driver->isr, 1), ==, 2);
    driver_write (driver, driver->notify, 2, 0);
    bench_settle (f->bench);
    g_assert_false (driver_ring_get (&driver->rings[0], &(int){ 0 }, &(uint32_t){ 0 }));
  }
  driver_start (driver, ALL, 8);
  get_entropy (driver);

  /* A ring outside of RAM. */
  driver_reset (driver);
  driver_start (driver, 0, 8);
  driver_reset (driver);
  driver_set_status (driver, 3);
  driver_write (driver, driver->common + 8, 4, 1);
  driver_write (driver, driver->common + 12, 4, 1);
  driver_set_status (driver, 11);
  driver_write (driver, driver->common + 32, 4, 0x1000);
  driver_write (driver, driver->common + 28, 2, 1);
  g_assert_true (driver_status (driver) & DIO_VIRTIO_NEEDS_RESET);
  driver_start (driver, ALL, 8);
  get_entropy (driver);
}

static void
test_interrupts (Fixture *f, gconstpointer data)
{
  Driver *driver = &f->driver;
  unsigned pin = driver->vdev->pci.slot % DIO_PCI_PINS;

  driver_start (driver, SPLIT, 8);
  get_entropy (driver);
  bench_settle (f->bench);
  g_assert_true (f->bench->intx[pin]);
  g_assert_cmpint (driver_read (driver, driver->isr, 1), ==, 1);
  g_assert_false (f->bench->intx[pin]);
  g_assert_cmpint (driver_read (driver, driver->isr, 1), ==, 0);
  /* Reset takes the line back. */
  get_entropy (driver);
  driver_reset (driver);
  g_assert_false (f->bench->intx[pin]);
}

static void
test_msix (Fixture *f, gconstpointer data)
{
  Driver *driver = &f->driver;
  DioPciDevice *pci = &driver->vdev->pci;
  DioGpa table = driver->bar + 0x8000;
  unsigned cap = dio_pci_config_read (pci, DIO_PCI_CAPABILITIES, 1);
  unsigned before;

  while (cap && dio_pci_config_read (pci, cap, 1) != DIO_PCI_CAP_MSIX)
    cap = dio_pci_config_read (pci, cap + 1, 1);
  g_assert_cmpint (cap, !=, 0);
  for (unsigned vector = 0; vector < 2; vector++) {
    driver_write (driver, table + 16 * vector, 4, 0xfee00000);
    driver_write (driver, table + 16 * vector + 8, 4, vector + 3);
    driver_write (driver, table + 16 * vector + 12, 4, 0);
  }
  dio_pci_config_write (pci, cap + 2, 0x8000, 2);

  driver_start (driver, SPLIT, 8);
  driver_select_queue (driver, 0);
  driver_write (driver, driver->common + 16, 2, 0);
  driver_write (driver, driver->common + 26, 2, 7); /* no such vector */
  g_assert_cmphex (driver_read (driver, driver->common + 26, 2), ==, 0xffff);
  driver_write (driver, driver->common + 26, 2, 1);
  g_assert_cmphex (driver_read (driver, driver->common + 26, 2), ==, 1);
  driver_ring_want_interrupt (&driver->rings[0], true);
  before = f->bench->messages[4];
  get_entropy (driver);
  bench_settle (f->bench);
  g_assert_cmpuint (f->bench->messages[4], ==, before + 1);
  g_assert_cmpuint (f->bench->messages[3], ==, 0);
  g_assert_cmpint (driver_read (driver, driver->isr, 1), ==, 0);

  driver_add (driver, 0, &(Sg){ 0x10, 64, true }, 1, false);
  wait_for_status (driver, DIO_VIRTIO_NEEDS_RESET);
  bench_settle (f->bench);
  g_assert_cmpuint (f->bench->messages[3], ==, 1); /* configuration vector */
}

static void
test_queue_reset (Fixture *f, gconstpointer data)
{
  Driver *driver = &f->driver;

  driver_start (driver, ALL, 8);
  get_entropy (driver);
  for (unsigned round = 0; round < 5; round++) {
    driver_select_queue (driver, 0);
    driver_write (driver, driver->common + 58, 2, 1);
    g_assert_cmpuint (driver_read (driver, driver->common + 58, 2), ==, 0);
    g_assert_cmpuint (driver_read (driver, driver->common + 28, 2), ==, 0);
    driver_enable_queue (driver, 0, round + 2);
    g_assert_cmpuint (driver_read (driver, driver->common + 28, 2), ==, 1);
    get_entropy (driver);
  }
}

/* Registers through the capability in configuration space. */
static void
test_cfg_access (Fixture *f, gconstpointer data)
{
  Driver *driver = &f->driver;
  DioPciDevice *pci = &driver->vdev->pci;
  unsigned cap = driver->cfg_cap;

  g_assert_cmpint (cap, !=, 0);
  driver_set_status (driver, 1);
  dio_pci_config_write (pci, cap + 4, 0, 1);
  dio_pci_config_write (pci, cap + 8, (uint32_t) (driver->common - driver->bar) + 20, 4);
  dio_pci_config_write (pci, cap + 12, 1, 4);
  g_assert_cmpint (dio_pci_config_read (pci, cap + 16, 1), ==, 1);
  dio_pci_config_write (pci, cap + 16, 3, 1);
  g_assert_cmpint (driver_status (driver), ==, 3);
  g_assert_cmpint (dio_pci_config_read (pci, cap + 16, 4), ==, 3);
  /* Nonsense in it. */
  dio_pci_config_write (pci, cap + 12, 3, 4);
  dio_pci_config_write (pci, cap + 16, 15, 1);
  dio_pci_config_write (pci, cap + 12, 4, 4);
  dio_pci_config_write (pci, cap + 8, 0xfffffffc, 4);
  dio_pci_config_write (pci, cap + 16, 0xffffffff, 4);
  dio_pci_config_read (pci, cap + 16, 4);
  g_assert_cmpint (driver_status (driver), ==, 3);
}

/* No bus mastering, no DMA. */
static void
test_bus_master (Fixture *f, gconstpointer data)
{
  Driver *driver = &f->driver;
  const Sg sg = { arena_alloc (&f->bench->arena, 16, 16), 16, true };

  driver_start (driver, ALL, 8);
  dio_pci_config_write (&driver->vdev->pci, DIO_PCI_COMMAND, DIO_PCI_COMMAND_MEMORY, 2);
  driver_add (driver, 0, &sg, 1, false);
  bench_settle (f->bench);
  g_assert_false (driver_ring_get (&driver->rings[0], &(int){ 0 }, &(uint32_t){ 0 }));
  dio_pci_config_write (&driver->vdev->pci, DIO_PCI_COMMAND,
                        DIO_PCI_COMMAND_MEMORY | DIO_PCI_COMMAND_MASTER, 2);
  driver_write (driver, driver->notify, 2, 0);
  driver_get (driver, 0, NULL);
}

/* While paused nothing changes; the work is done on resume. */
static void
test_pause (Fixture *f, gconstpointer data)
{
  Driver *driver = &f->driver;
  const Sg sg = { arena_alloc (&f->bench->arena, 16, 16), 16, true };

  driver_start (driver, ALL, 8);
  bench_run (f->bench, dio_machine_pause);
  driver_add (driver, 0, &sg, 1, false);
  driver_write (driver, driver->notify, 2, 0);
  bench_settle (f->bench);
  g_assert_false (driver_ring_get (&driver->rings[0], &(int){ 0 }, &(uint32_t){ 0 }));
  bench_round_trip (&driver->vdev->pci.dev);
  bench_run (f->bench, dio_machine_resume);
  driver_get (driver, 0, NULL);
  get_entropy (driver);

  bench_run (f->bench, dio_machine_reset);
  driver_probe (driver, f->bench, driver->vdev);
  g_assert_cmpint (driver_status (driver), ==, 0);
  driver_start (driver, ALL, 8);
  get_entropy (driver);
}

/* Saved bytes are hostile: flipped bits load or are refused, and the device lives on. */
static void
test_bad_state (Fixture *f, gconstpointer data)
{
  Driver *driver = &f->driver;
  DioDevice *dev = &driver->vdev->pci.dev;
  g_autoptr (GBytes) good = NULL;
  unsigned refused = 0;

  driver_start (driver, ALL, 8);
  get_entropy (driver);
  bench_run (f->bench, dio_machine_pause);
  good = bench_save (dev);
  for (unsigned round = 0; round < 3000; round++) {
    gsize size;
    const void *bytes = g_bytes_get_data (good, &size);
    uint8_t *copy = g_memdup2 (bytes, size);
    g_autoptr (GBytes) bad = NULL;

    for (unsigned i = 0; i < 1 + round % 3; i++)
      copy[g_test_rand_int_range (0, (int) size)] ^= 1 << g_test_rand_int_range (0, 8);
    bad = g_bytes_new_take (copy, round % 7 ? size : size - round % size);
    refused += !bench_load (dev, bad);
  }
  g_assert_cmpuint (refused, >, 100);
  g_assert_true (bench_load (dev, good));
  bench_run (f->bench, dio_machine_resume);
  get_entropy (driver);
}

/* The host's generator is not the guest's to drain. */
static void
test_rng_rate (Fixture *f, gconstpointer data)
{
  static uint8_t bytes[4096];
  Driver *driver = &f->driver;
  int64_t begin = g_get_monotonic_time ();

  driver_start (driver, ALL, 8);
  for (unsigned i = 0; i < 40; i++) /* two and a half periods' worth */
    driver_call (driver, 0, NULL, 0, bytes, sizeof bytes);
  g_assert_cmpint (g_get_monotonic_time () - begin, >, 150 * 1000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, msi, func)                                                                       \
  g_test_add ("/hw/virtio/pci/" name, Fixture, GINT_TO_POINTER (msi), set_up, func, tear_down)
  ADD ("identity", false, test_identity);
  ADD ("rings", false, test_rings);
  ADD ("negotiation", false, test_negotiation);
  ADD ("odd-accesses", false, test_odd_accesses);
  ADD ("break", false, test_break);
  ADD ("interrupts", false, test_interrupts);
  ADD ("msix", true, test_msix);
  ADD ("queue-reset", false, test_queue_reset);
  ADD ("cfg-access", false, test_cfg_access);
  ADD ("bus-master", false, test_bus_master);
  ADD ("pause", true, test_pause);
  ADD ("bad-state", true, test_bad_state);
  ADD ("rng-rate", false, test_rng_rate);
  return g_test_run ();
}
