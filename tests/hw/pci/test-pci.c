/* SPDX-License-Identifier: GPL-3.0-or-later
 * PCI: configuration space through ECAM, BARs that move, INTx, MSI-X. */
#include "hw/pci/pci-host-ecam.h"

#include <string.h>

#include "tests/support/hw-bench.h"

#define ECAM UINT64_C (0x30000000)
#define PIO UINT64_C (0x3000000)
#define MMIO UINT64_C (0x40000000)
#define MMIO_SIZE UINT64_C (0x40000000)
#define MMIO64 UINT64_C (0x400000000)
#define MMIO64_SIZE UINT64_C (0x400000000)

#define SMALL_SIZE 0x1000
#define LARGE_SIZE 0x10000
#define N_VECTORS 5

/* A function with a 32-bit BAR 0, a 64-bit BAR 2 and MSI-X in BAR 1. */
typedef struct {
  DioPciDevice pci;
  DioRegion small, large;
  uint32_t value;
  unsigned hook_writes, hook_reads;
  uint16_t hook_offset;
  uint8_t vendor_cap;
} FakePci;

static uint64_t
fake_read (void *opaque, uint64_t offset, unsigned size)
{
  return ((FakePci *) opaque)->value;
}

static void
fake_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  ((FakePci *) opaque)->value = value;
}

static const DioRegionOps fake_ops = {
  .read = fake_read,
  .write = fake_write,
  .min_access = 4,
  .max_access = 4,
};

static void
fake_config_written (DioPciDevice *pci, uint16_t offset, unsigned size)
{
  FakePci *fake = (FakePci *) pci;
  fake->hook_writes++;
  fake->hook_offset = offset;
}

static void
fake_config_read (DioPciDevice *pci, uint16_t offset, unsigned size)
{
  FakePci *fake = (FakePci *) pci;
  fake->hook_reads++;
  dio_pci_config_put (pci, fake->vendor_cap + 4, 0xcafe, 2);
}

static bool
fake_realize (DioDevice *dev, GError **error)
{
  FakePci *fake = (FakePci *) dev;
  static const uint8_t body[] = { 8, 0, 1, 2, 3, 4 };

  dio_pci_set_ids (&fake->pci, 0x1234, 0x5678, 0x020001, 3, 0xaaaa, 0xbbbb);
  fake->small = (DioRegion){ "small", &fake_ops, fake, &dev->lock, SMALL_SIZE };
  fake->large = (DioRegion){ "large", &fake_ops, fake, NULL, LARGE_SIZE };
  dio_pci_add_bar (&fake->pci, 0, &fake->small, false, false);
  dio_pci_add_bar (&fake->pci, 2, &fake->large, true, true);
  fake->vendor_cap = dio_pci_add_capability (&fake->pci, DIO_PCI_CAP_VENDOR, body, sizeof body);
  fake->pci.writable[fake->vendor_cap + 6] = 0x0f;
  dio_pci_add_msix (&fake->pci, 1, N_VECTORS);
  fake->pci.config_written = fake_config_written;
  fake->pci.config_read = fake_config_read;
  return true;
}

static void
fake_reset (DioDevice *dev)
{
  dio_pci_device_reset ((DioPciDevice *) dev);
}

static void
fake_state (DioDevice *dev, DioVisitor *visitor)
{
  dio_pci_device_visit ((DioPciDevice *) dev, visitor);
}

static void
fake_finalize (DioDevice *dev)
{
  dio_pci_device_finalize ((DioPciDevice *) dev);
}

static const DioDeviceType fake_type = {
  .id = "fake",
  .bus = DIO_BUS_PCI,
  .instance_size = sizeof (FakePci),
  .realize = fake_realize,
  .reset = fake_reset,
  .state = fake_state,
  .state_version = 1,
  .finalize = fake_finalize,
};

typedef struct {
  DioHwBench *bench;
  DioDevice *host;
  DioPciBus *bus;
  FakePci *one, *two;
  /* Messages received. */
  unsigned messages;
  uint32_t requester;
  DioGpa address;
  uint32_t data;
} Fixture;

static bool
receive_message (void *opaque, uint32_t requester, DioGpa address, uint32_t data)
{
  Fixture *f = opaque;
  f->messages++;
  f->requester = requester;
  f->address = address;
  f->data = data;
  return address != 0xdead0000;
}

static FakePci *
add_fake (Fixture *f, const char *name, int slot)
{
  DioDevice *dev = dio_device_new (&fake_type, name);
  g_autoptr (GError) error = NULL;

  g_assert_true (dio_pci_bus_plug (f->bus, (DioPciDevice *) dev, slot, &error));
  g_assert_true (dio_device_attach (dev, f->bench->machine, &error));
  dio_device_reset (dev);
  return (FakePci *) dev;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  bool msi = data != NULL;

  f->bench = dio_hw_bench_new ();
  f->host = dio_device_new (&dio_pci_host_ecam_type, "pci");
  dio_hw_bench_add (f->bench, f->host, ECAM, 0);
  g_assert_true (dio_system_device_map ((DioSystemDevice *) f->host, DIO_PCI_HOST_PIO, PIO, NULL));
  f->bus = dio_pci_host_get_bus (f->host);
  dio_pci_bus_add_window (f->bus, MMIO, MMIO_SIZE);
  dio_pci_bus_add_window (f->bus, MMIO64, MMIO64_SIZE);
  for (unsigned pin = 0; pin < DIO_PCI_PINS; pin++)
    dio_pci_bus_connect_pin (f->bus, pin, dio_hw_bench_irq (f->bench, pin));
  if (msi)
    dio_pci_bus_set_msi_target (f->bus, (DioMsiTarget){ receive_message, f });
  f->one = add_fake (f, "one", -1);
  f->two = add_fake (f, "two", -1);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_hw_bench_free (f->bench);
}

static uint32_t
cfg_read (Fixture *f, unsigned slot, unsigned offset, unsigned size)
{
  return dio_hw_bench_read (f->bench, ECAM + (slot << 15) + offset, size);
}

static void
cfg_write (Fixture *f, unsigned slot, unsigned offset, unsigned size, uint32_t value)
{
  dio_hw_bench_write (f->bench, ECAM + (slot << 15) + offset, size, value);
}

static bool
is_mapped (Fixture *f, DioGpa gpa)
{
  uint64_t value;
  return dio_space_read (f->bench->machine->space, gpa, 4, &value) == DIO_ACCESS_OK;
}

static void
test_config_space (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (cfg_read (f, 0, 0x08, 4) >> 8, ==, 0x060000);
  g_assert_cmphex (cfg_read (f, 1, 0x00, 4), ==, 0x56781234);
  g_assert_cmphex (cfg_read (f, 1, 0x08, 4), ==, 0x02000103);
  g_assert_cmphex (cfg_read (f, 1, 0x2c, 4), ==, 0xbbbbaaaa);
  g_assert_cmphex (cfg_read (f, 1, 0x02, 2), ==, 0x5678);
  g_assert_cmphex (cfg_read (f, 1, 0x03, 1), ==, 0x56);
  g_assert_cmphex (cfg_read (f, 1, 0x3c, 2), ==, 0x0100);
  /* Nothing: other slots, other functions, other buses. */
  g_assert_cmphex (cfg_read (f, 3, 0x00, 4), ==, 0xffffffff);
  g_assert_cmphex (cfg_read (f, 1, 0x1000, 4), ==, 0xffffffff);
  g_assert_cmphex (cfg_read (f, 32 + 1, 0x00, 4), ==, 0xffffffff);
  g_assert_cmphex (cfg_read (f, 31, 0x7ffc, 4), ==, 0xffffffff);
  cfg_write (f, 3, 0x04, 2, 0xffff);
  cfg_write (f, 32 + 1, 0x04, 2, 0xffff);

  /* Only what is writable is written. */
  for (unsigned offset = 0; offset < 4096; offset += 4) {
    uint32_t before = cfg_read (f, 1, offset, 4);
    cfg_write (f, 1, offset, 4, 0xffffffff);
    uint32_t after = cfg_read (f, 1, offset, 4);
    switch (offset) {
    case 0x04:
      g_assert_cmphex (after, ==, 0x00100406);
      break;
    case 0x10:
      g_assert_cmphex (after, ==, 0xfffff000);
      break;
    case 0x18:
      g_assert_cmphex (after, ==, 0xffff000c);
      break;
    case 0x1c:
      g_assert_cmphex (after, ==, 0xffffffff);
      break;
    case 0x3c:
      g_assert_cmphex (after, ==, 0x000001ff);
      break;
    default:
      if (offset == f->one->vendor_cap + 4u)
        g_assert_cmphex (after, ==, (before & ~0x000f0000u) | 0x000f0000u);
      else
        g_assert_cmphex (after, ==, before);
      break;
    }
  }
  g_assert_cmphex (dio_hw_bench_read (f->bench, PIO + 0x3f8, 1), ==, 0xff);
  g_assert_cmphex (dio_hw_bench_read (f->bench, PIO + 0xfffc, 4), ==, 0xffffffff);
  dio_hw_bench_write (f->bench, PIO, 4, 0);
}

static void
test_capabilities (Fixture *f, gconstpointer data)
{
  /* Without a target for messages there is one capability, and BAR 1 does not exist. */
  unsigned at = cfg_read (f, 1, 0x34, 1);
  g_assert_cmpuint (at, ==, 0x40);
  g_assert_cmphex (cfg_read (f, 1, 0x06, 2) & 0x10, ==, 0x10);
  g_assert_cmphex (cfg_read (f, 1, at, 4), ==, 0x00080009);
  g_assert_cmphex (cfg_read (f, 1, at + 4, 4), ==, 0x0400cafe); /* the writable 3 was reset */
  g_assert_cmphex (cfg_read (f, 1, 0x14, 4), ==, 0);
  g_assert_false (dio_pci_msix_enabled (&f->one->pci));
  g_assert_false (dio_pci_msix_notify (&f->one->pci, 0));
  /* The bridge itself has none. */
  g_assert_cmphex (cfg_read (f, 0, 0x06, 2) & 0x10, ==, 0);
}

static void
test_hooks (Fixture *f, gconstpointer data)
{
  unsigned reads = f->one->hook_reads;
  cfg_read (f, 1, 0x3c, 4);
  cfg_write (f, 1, 0x04, 2, 0);
  g_assert_cmpuint (f->one->hook_reads, ==, reads);
  g_assert_cmpuint (f->one->hook_writes, ==, 0);
  g_assert_cmphex (cfg_read (f, 1, f->one->vendor_cap + 4, 2), ==, 0xcafe);
  cfg_write (f, 1, 0x80, 1, 5);
  g_assert_cmpuint (f->one->hook_writes, ==, 1);
  g_assert_cmphex (f->one->hook_offset, ==, 0x80);
}

static void
test_bars (Fixture *f, gconstpointer data)
{
  cfg_write (f, 1, 0x10, 4, MMIO + 0x5000);
  g_assert_false (is_mapped (f, MMIO + 0x5000));
  cfg_write (f, 1, 0x04, 2, DIO_PCI_COMMAND_MEMORY);
  g_assert_true (is_mapped (f, MMIO + 0x5000));
  dio_hw_bench_write (f->bench, MMIO + 0x5ffc, 4, 0x11112222);
  g_assert_cmphex (f->one->value, ==, 0x11112222);
  g_assert_false (is_mapped (f, MMIO + 0x6000));
  g_assert_false (is_mapped (f, MMIO + 0x4ffc));

  /* It moves while it is enabled, also byte by byte. */
  cfg_write (f, 1, 0x11, 1, 0x70);
  g_assert_false (is_mapped (f, MMIO + 0x5000));
  g_assert_true (is_mapped (f, MMIO + 0x7000));

  /* 64 bits: only the whole address counts. */
  cfg_write (f, 1, 0x18, 4, 0x00120000);
  g_assert_false (is_mapped (f, MMIO64 + 0x120000));
  cfg_write (f, 1, 0x1c, 4, 4);
  g_assert_true (is_mapped (f, MMIO64 + 0x120000));
  g_assert_true (is_mapped (f, MMIO64 + 0x12fffc));
  g_assert_false (is_mapped (f, MMIO64 + 0x130000));

  cfg_write (f, 1, 0x04, 2, 0);
  g_assert_false (is_mapped (f, MMIO + 0x7000));
  g_assert_false (is_mapped (f, MMIO64 + 0x120000));
}

static void
test_hostile_bars (Fixture *f, gconstpointer data)
{
  static const DioGpa outside[] = {
    0, 0x1000, 0x100000, 0xc000000, 0x30000000, 0x3ffff000, DIO_HW_BENCH_RAM, 0xfffff000,
  };

  cfg_write (f, 1, 0x04, 2, DIO_PCI_COMMAND_MEMORY);
  /* Outside the windows: not over other devices, not over RAM. */
  for (unsigned i = 0; i < G_N_ELEMENTS (outside); i++) {
    cfg_write (f, 1, 0x10, 4, outside[i]);
    g_assert_false (f->one->pci.bar_mapped[0]);
  }
  cfg_write (f, 1, 0x1c, 4, 0xffffffff);
  cfg_write (f, 1, 0x18, 4, 0xffffffff);
  g_assert_false (f->one->pci.bar_mapped[2]);
  /* The last place of a window. */
  cfg_write (f, 1, 0x10, 4, MMIO + MMIO_SIZE - SMALL_SIZE);
  g_assert_true (f->one->pci.bar_mapped[0]);

  /* Two BARs at one address: the lower slot has it; when it goes the other comes. */
  cfg_write (f, 2, 0x04, 2, DIO_PCI_COMMAND_MEMORY);
  cfg_write (f, 2, 0x18, 4, MMIO);
  cfg_write (f, 2, 0x1c, 4, 0);
  g_assert_true (f->two->pci.bar_mapped[2]);
  cfg_write (f, 1, 0x10, 4, MMIO + 0x8000);
  g_assert_true (f->one->pci.bar_mapped[0]);
  g_assert_false (f->two->pci.bar_mapped[2]);
  dio_hw_bench_write (f->bench, MMIO + 0x8000, 4, 77);
  g_assert_cmpuint (f->one->value, ==, 77);
  g_assert_false (is_mapped (f, MMIO));
  cfg_write (f, 1, 0x04, 2, 0);
  g_assert_true (f->two->pci.bar_mapped[2]);
  dio_hw_bench_write (f->bench, MMIO + 0x8000, 4, 88);
  g_assert_cmpuint (f->two->value, ==, 88);
  /* Two BARs of one function at the same place. */
  cfg_write (f, 2, 0x10, 4, MMIO + 0x3000);
  g_assert_true (f->two->pci.bar_mapped[0]);
  g_assert_false (f->two->pci.bar_mapped[2]);
}

static void
test_intx (Fixture *f, gconstpointer data)
{
  /* Slot 1's pin A leaves as B, slot 2's as C; slot 5 shares with slot 1. */
  FakePci *five = add_fake (f, "five", 5);
  dio_pci_set_intx (&f->one->pci, true);
  g_assert_true (dio_hw_bench_level (f->bench, 1));
  g_assert_cmphex (cfg_read (f, 1, 0x06, 2) & 8, ==, 8);
  g_assert_cmphex (cfg_read (f, 2, 0x06, 2) & 8, ==, 0);
  dio_pci_set_intx (&f->two->pci, true);
  g_assert_true (dio_hw_bench_level (f->bench, 2));
  dio_pci_set_intx (&five->pci, true);
  dio_pci_set_intx (&f->one->pci, false);
  g_assert_true (dio_hw_bench_level (f->bench, 1));
  dio_pci_set_intx (&five->pci, false);
  g_assert_false (dio_hw_bench_level (f->bench, 1));
  g_assert_cmphex (cfg_read (f, 1, 0x06, 2) & 8, ==, 0);

  /* Disabled: no level, but the status bit tells. */
  cfg_write (f, 2, 0x04, 2, DIO_PCI_COMMAND_INTX_DISABLE);
  g_assert_false (dio_hw_bench_level (f->bench, 2));
  g_assert_cmphex (cfg_read (f, 2, 0x06, 2) & 8, ==, 8);
  cfg_write (f, 2, 0x04, 2, 0);
  g_assert_true (dio_hw_bench_level (f->bench, 2));
  dio_device_reset (&f->two->pci.dev);
  g_assert_false (dio_hw_bench_level (f->bench, 2));
  g_assert_false (dio_hw_bench_level (f->bench, 0));
  g_assert_false (dio_hw_bench_level (f->bench, 3));
}

static void
test_bus_master (Fixture *f, gconstpointer data)
{
  g_assert_false (dio_pci_is_bus_master (&f->one->pci));
  cfg_write (f, 1, 0x04, 2, DIO_PCI_COMMAND_MASTER);
  g_assert_true (dio_pci_is_bus_master (&f->one->pci));
  dio_device_reset (&f->one->pci.dev);
  g_assert_false (dio_pci_is_bus_master (&f->one->pci));
}

static void
test_slots (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  FakePci extra = { .pci.dev.name = (char *) "extra" };
  char name[8];

  g_assert_cmpuint (f->one->pci.slot, ==, 1);
  g_assert_cmpuint (f->two->pci.slot, ==, 2);
  g_assert_false (dio_pci_bus_plug (f->bus, &extra.pci, 2, &error));
  g_assert_nonnull (strstr (error->message, "two"));
  g_clear_error (&error);
  g_assert_false (dio_pci_bus_plug (f->bus, &extra.pci, 32, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  for (unsigned slot = 3; slot < 32; slot++) {
    g_snprintf (name, sizeof name, "s%u", slot);
    g_assert_cmpuint (add_fake (f, name, -1)->pci.slot, ==, slot);
  }
  g_assert_false (dio_pci_bus_plug (f->bus, &extra.pci, -1, &error));
  g_assert_nonnull (strstr (error->message, "extra"));
}

/* Places the MSI-X BAR of slot 1 and returns the offset of the capability. */
static unsigned
set_up_msix (Fixture *f)
{
  unsigned at = cfg_read (f, 1, 0x34, 1);

  while (cfg_read (f, 1, at, 1) != DIO_PCI_CAP_MSIX) {
    at = cfg_read (f, 1, at + 1, 1);
    g_assert_cmpuint (at, !=, 0);
  }
  cfg_write (f, 1, 0x14, 4, MMIO + 0x100000);
  cfg_write (f, 1, 0x04, 2, DIO_PCI_COMMAND_MEMORY | DIO_PCI_COMMAND_MASTER);
  return at;
}

static void
set_vector (Fixture *f, unsigned vector, DioGpa address, uint32_t data, uint32_t control)
{
  DioGpa entry = MMIO + 0x100000 + 16 * vector;

  dio_hw_bench_write (f->bench, entry, 8, address);
  dio_hw_bench_write (f->bench, entry + 8, 4, data);
  dio_hw_bench_write (f->bench, entry + 12, 4, control);
}

static void
test_msix (Fixture *f, gconstpointer data)
{
  unsigned at = set_up_msix (f);
  DioGpa bar = MMIO + 0x100000;

  g_assert_cmphex (cfg_read (f, 1, at + 2, 2), ==, N_VECTORS - 1);
  g_assert_cmphex (cfg_read (f, 1, at + 4, 4) & 7, ==, 1);
  g_assert_cmphex (cfg_read (f, 1, at + 8, 4) & 7, ==, 1);
  DioGpa pba = bar + (cfg_read (f, 1, at + 8, 4) & ~7u);
  for (unsigned vector = 0; vector < N_VECTORS; vector++)
    g_assert_cmphex (dio_hw_bench_read (f->bench, bar + 16 * vector + 12, 4), ==, 1);

  /* Off: the caller has to use INTx. */
  g_assert_false (dio_pci_msix_notify (&f->one->pci, 0));
  cfg_write (f, 1, at + 2, 2, 0x8000);
  g_assert_true (dio_pci_msix_enabled (&f->one->pci));
  dio_pci_set_intx (&f->one->pci, true);
  g_assert_false (dio_hw_bench_level (f->bench, 1));
  dio_pci_set_intx (&f->one->pci, false);

  set_vector (f, 2, UINT64_C (0x123456789abcdef7), 0xfeedbeef, 0);
  g_assert_cmphex (dio_hw_bench_read (f->bench, bar + 32, 8), ==, UINT64_C (0x123456789abcdef4));
  g_assert_true (dio_pci_msix_notify (&f->one->pci, 2));
  g_assert_cmpuint (f->messages, ==, 1);
  g_assert_cmphex (f->address, ==, UINT64_C (0x123456789abcdef4));
  g_assert_cmphex (f->data, ==, 0xfeedbeef);
  g_assert_cmphex (f->requester, ==, f->one->pci.slot << 3);

  /* A masked vector waits. */
  dio_hw_bench_write (f->bench, bar + 32 + 12, 4, 0xffffffff);
  g_assert_cmphex (dio_hw_bench_read (f->bench, bar + 32 + 12, 4), ==, 1);
  g_assert_true (dio_pci_msix_notify (&f->one->pci, 2));
  g_assert_cmpuint (f->messages, ==, 1);
  g_assert_cmphex (dio_hw_bench_read (f->bench, pba, 8), ==, 4);
  dio_hw_bench_write (f->bench, pba, 8, 0);
  g_assert_cmphex (dio_hw_bench_read (f->bench, pba, 4), ==, 4);
  dio_hw_bench_write (f->bench, bar + 32 + 12, 4, 0);
  g_assert_cmpuint (f->messages, ==, 2);
  g_assert_cmphex (dio_hw_bench_read (f->bench, pba, 8), ==, 0);

  /* So it does behind the function mask, and without bus mastering. */
  cfg_write (f, 1, at + 2, 2, 0xc000);
  g_assert_true (dio_pci_msix_notify (&f->one->pci, 2));
  g_assert_cmpuint (f->messages, ==, 2);
  cfg_write (f, 1, at + 2, 2, 0x8000);
  g_assert_cmpuint (f->messages, ==, 3);
  cfg_write (f, 1, 0x04, 2, DIO_PCI_COMMAND_MEMORY);
  g_assert_true (dio_pci_msix_notify (&f->one->pci, 2));
  g_assert_cmpuint (f->messages, ==, 3);
  cfg_write (f, 1, 0x04, 2, DIO_PCI_COMMAND_MEMORY | DIO_PCI_COMMAND_MASTER);
  g_assert_cmpuint (f->messages, ==, 4);

  /* Vectors that do not exist, addresses that nobody claims, the rest of the BAR. */
  g_assert_true (dio_pci_msix_notify (&f->one->pci, N_VECTORS));
  g_assert_true (dio_pci_msix_notify (&f->one->pci, 100000));
  set_vector (f, N_VECTORS, 0x1000, 1, 0);
  g_assert_cmphex (dio_hw_bench_read (f->bench, bar + 16 * N_VECTORS, 8), ==, 0);
  set_vector (f, 0, 0xdead0000, 1, 0);
  g_assert_true (dio_pci_msix_notify (&f->one->pci, 0));
  g_assert_cmpuint (f->messages, ==, 5);
  for (unsigned offset = 0; offset < 4096; offset += 4)
    dio_hw_bench_read (f->bench, bar + offset, 4);

  dio_device_reset (&f->one->pci.dev);
  g_assert_false (dio_pci_msix_enabled (&f->one->pci));
}

static void
test_state (Fixture *f, gconstpointer data)
{
  unsigned at = set_up_msix (f);

  cfg_write (f, 1, at + 2, 2, 0x8000);
  set_vector (f, 1, 0x1000, 5, 0);
  set_vector (f, 3, 0x2000, 6, 1);
  dio_pci_msix_notify (&f->one->pci, 3);
  cfg_write (f, 1, 0x10, 4, MMIO + 0x8000);
  g_autoptr (GBytes) saved = dio_hw_bench_save (&f->one->pci.dev);
  dio_device_reset (&f->one->pci.dev);
  g_assert_false (is_mapped (f, MMIO + 0x8000));
  dio_hw_bench_load (&f->one->pci.dev, saved, true);
  g_assert_true (is_mapped (f, MMIO + 0x8000));
  g_assert_true (is_mapped (f, MMIO + 0x100000));
  g_assert_true (dio_pci_msix_notify (&f->one->pci, 1));
  g_assert_cmphex (f->data, ==, 5);
  set_vector (f, 3, 0x2000, 6, 0);
  g_assert_cmphex (f->data, ==, 6);
  g_autoptr (GBytes) again = dio_hw_bench_save (&f->one->pci.dev);
  g_assert_cmpuint (g_bytes_get_size (again), ==, g_bytes_get_size (saved));

  /* Read-only bits do not come from a file. */
  gsize size;
  uint8_t *evil = g_memdup2 (g_bytes_get_data (saved, &size), g_bytes_get_size (saved));
  uint8_t *where = memmem (evil, size, "config", 6);
  g_assert_nonnull (where);
  for (unsigned i = 16; i < 4096; i++)
    where[i] = 0xff;
  g_autoptr (GBytes) bytes = g_bytes_new_take (evil, size);
  dio_hw_bench_load (&f->one->pci.dev, bytes, true);
  g_assert_cmphex (cfg_read (f, 1, 0x00, 4), ==, 0x56781234);
  g_assert_cmphex (cfg_read (f, 1, 0x18, 4), ==, 0xffff000c);
}

/* One vCPU moves a BAR while another one uses it: neither waits for ever, neither crashes. */
static gpointer
mover (gpointer data)
{
  Fixture *f = data;

  for (unsigned i = 0; i < 2000; i++) {
    cfg_write (f, 1, 0x10, 4, MMIO + 0x1000 * (i % 3));
    cfg_write (f, 1, 0x04, 2, i % 5 ? DIO_PCI_COMMAND_MEMORY : 0);
  }
  return NULL;
}

static void
test_race (Fixture *f, gconstpointer data)
{
  GThread *threads[2] = { g_thread_new ("one", mover, f), g_thread_new ("two", mover, f) };
  uint64_t value;

  for (unsigned i = 0; i < 20000; i++) {
    dio_space_write (f->bench->machine->space, MMIO + 0x1000 * (i % 3), 4, i);
    dio_space_read (f->bench->machine->space, MMIO + 0x1000 * (i % 3), 4, &value);
    dio_pci_set_intx (&f->one->pci, i & 1);
  }
  for (unsigned i = 0; i < 2; i++)
    g_thread_join (threads[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, msi, function)                                                                   \
  g_test_add ("/hw/pci/" name, Fixture, msi ? "msi" : NULL, set_up, function, tear_down)
  ADD ("config-space", false, test_config_space);
  ADD ("capabilities", false, test_capabilities);
  ADD ("hooks", false, test_hooks);
  ADD ("bars", false, test_bars);
  ADD ("hostile-bars", false, test_hostile_bars);
  ADD ("intx", false, test_intx);
  ADD ("bus-master", false, test_bus_master);
  ADD ("slots", false, test_slots);
  ADD ("msix", true, test_msix);
  ADD ("state", true, test_state);
  ADD ("race", true, test_race);
#undef ADD
  return g_test_run ();
}
