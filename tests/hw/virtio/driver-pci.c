/* SPDX-License-Identifier: GPL-3.0-or-later
 * A machine without CPUs and a virtio-pci driver in the test's own thread. */
#include "tests/hw/virtio/driver-pci.h"

#include <string.h>

enum {
  COMMON_DEVICE_FEATURE_SELECT = 0,
  COMMON_DEVICE_FEATURE = 4,
  COMMON_DRIVER_FEATURE_SELECT = 8,
  COMMON_DRIVER_FEATURE = 12,
  COMMON_NUM_QUEUES = 18,
  COMMON_STATUS = 20,
  COMMON_QUEUE_SELECT = 22,
  COMMON_QUEUE_SIZE = 24,
  COMMON_QUEUE_MSIX = 26,
  COMMON_QUEUE_ENABLE = 28,
  COMMON_QUEUE_NOTIFY_OFF = 30,
  COMMON_QUEUE_DESC = 32,
  COMMON_QUEUE_DRIVER = 40,
  COMMON_QUEUE_DEVICE = 48,
};

static Bench *
bench_of (DioMachine *machine)
{
  return machine->host.data;
}

static void
set_pin (void *opaque, unsigned number, bool level)
{
  ((Bench *) opaque)->intx[number] = level;
}

static bool
send_message (void *opaque, uint32_t requester, DioGpa address, uint32_t data)
{
  Bench *bench = opaque;

  if (address != 0xfee00000 || data >= G_N_ELEMENTS (bench->messages))
    return false;
  bench->messages[data]++;
  return true;
}

static bool
build (DioMachine *machine, GError **error)
{
  Bench *bench = bench_of (machine);
  uint64_t half = BENCH_RAM_SIZE / 2;

  machine->ram = dio_ram_new (BENCH_RAM_SIZE, "test", error);
  if (!machine->ram)
    return false;
  dio_space_map_ram (machine->space, BENCH_RAM_BASE, machine->ram, 0, BENCH_RAM_SIZE, false);
  dio_space_map_ram (machine->space, BENCH_SPLIT_BASE, machine->ram, half, half, false);
  dio_space_map_ram (machine->space, BENCH_SPLIT_BASE + half, machine->ram, 0, half, false);

  bench->bus = dio_pci_bus_new (machine->space);
  dio_pci_bus_add_window (bench->bus, BENCH_MMIO, 0x10000000);
  for (unsigned pin = 0; pin < DIO_PCI_PINS; pin++)
    dio_pci_bus_connect_pin (bench->bus, pin, (DioIrq){ set_pin, bench, pin });
  if (bench->msi)
    dio_pci_bus_set_msi_target (bench->bus, (DioMsiTarget){ send_message, bench });
  return true;
}

static const DioCpuType no_cpu = { .id = "none", .arch = DIO_ARCH_RISCV64 };

static const DioBoardType board = {
  .id = "bench",
  .title = "Test bench",
  .arch = DIO_ARCH_RISCV64,
  .cpu = &no_cpu,
  .minimum_memory = 1,
  .maximum_memory = UINT64_MAX,
  .maximum_cpus = 1,
  .build = build,
};

static void
event_cb (const DioMachineEvent *event, void *data)
{
  Bench *bench = data;

  if (event->kind == DIO_EVENT_ERROR)
    bench->errors++;
}

Bench *
bench_new (const DioMachineHost *host, bool msi)
{
  static const DioBoardType *const boards[] = { &board, NULL };
  g_autoptr (DioMachineConfig) config = dio_machine_config_new ();
  g_autoptr (GError) error = NULL;
  Bench *bench = g_new0 (Bench, 1);
  DioMachineHost own = host ? *host : (DioMachineHost){ 0 };

  bench->msi = msi;
  bench->pool = dio_pool_new (2);
  own.boards = boards;
  own.pool = bench->pool;
  own.data = bench;
  if (!own.event)
    own.event = event_cb;
  config->arch = DIO_ARCH_RISCV64;
  config->memory = BENCH_RAM_SIZE;
  config->cpus = 1;
  bench->machine = dio_machine_new (config, &own, &error);
  g_assert_no_error (error);
  bench->arena = (Arena){ .ram = bench->machine->ram, .base = BENCH_RAM_BASE, .next = 0x1000 };
  bench->next_bar = BENCH_MMIO;
  return bench;
}

void
bench_free (Bench *bench)
{
  dio_machine_free (bench->machine);
  dio_pci_bus_unref (bench->bus);
  dio_pool_free (bench->pool);
  g_free (bench);
}

DioVirtioDevice *
bench_add (Bench *bench, const DioDeviceType *type, const char *name, const char *const *properties,
           void (*set_up) (DioDevice *, void *), void *data)
{
  g_autoptr (GError) error = NULL;
  DioDevice *dev = dio_device_new (type, name);

  for (; properties && *properties; properties++) {
    g_auto (GStrv) pair = g_strsplit (*properties, "=", 2);

    dio_device_set (dev, pair[0], pair[1], &error);
    g_assert_no_error (error);
  }
  if (set_up)
    set_up (dev, data);
  dio_pci_bus_plug (bench->bus, (DioPciDevice *) dev, -1, &error);
  g_assert_no_error (error);
  dio_device_attach (dev, bench->machine, &error);
  g_assert_no_error (error);
  return (DioVirtioDevice *) dev;
}

typedef struct {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool done;
} Wait;

static void
done_cb (DioMachine *machine, const GError *error, void *data)
{
  Wait *wait = data;

  g_assert_no_error (error);
  pthread_mutex_lock (&wait->lock);
  wait->done = true;
  pthread_cond_signal (&wait->wake);
  pthread_mutex_unlock (&wait->lock);
}

void
bench_run (Bench *bench, void (*command) (DioMachine *machine, DioMachineDone done, void *data))
{
  Wait wait = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };

  command (bench->machine, done_cb, &wait);
  pthread_mutex_lock (&wait.lock);
  while (!wait.done)
    pthread_cond_wait (&wait.wake, &wait.lock);
  pthread_mutex_unlock (&wait.lock);
}

static void
nothing (void *data)
{
}

void
bench_settle (Bench *bench)
{
  /* Twice: the first round may still have been on its way when notifiers were signalled. */
  dio_loop_call (bench->machine->loop, nothing, NULL);
  dio_loop_call (bench->machine->loop, nothing, NULL);
}

uint64_t
driver_read (Driver *driver, DioGpa at, unsigned size)
{
  uint64_t value = 0;

  g_assert_cmpint (dio_space_read (driver->bench->machine->space, at, size, &value), ==,
                   DIO_ACCESS_OK);
  return value;
}

void
driver_write (Driver *driver, DioGpa at, unsigned size, uint64_t value)
{
  g_assert_cmpint (dio_space_write (driver->bench->machine->space, at, size, value), ==,
                   DIO_ACCESS_OK);
}

void
driver_probe (Driver *driver, Bench *bench, DioVirtioDevice *vdev)
{
  DioPciDevice *pci = &vdev->pci;
  uint8_t cap = (uint8_t) dio_pci_config_read (pci, DIO_PCI_CAPABILITIES, 1);
  unsigned seen = 0;

  memset (driver, 0, sizeof *driver);
  driver->bench = bench;
  driver->vdev = vdev;
  g_assert_cmphex (dio_pci_config_read (pci, DIO_PCI_VENDOR_ID, 2), ==, 0x1af4);
  driver->bar = bench->next_bar;
  bench->next_bar += 0x10000;
  dio_pci_config_write (pci, DIO_PCI_BAR0, (uint32_t) driver->bar, 4);
  if (bench->msi)
    dio_pci_config_write (pci, DIO_PCI_BAR0 + 4, (uint32_t) driver->bar + 0x8000, 4);
  dio_pci_config_write (pci, DIO_PCI_COMMAND, DIO_PCI_COMMAND_MEMORY | DIO_PCI_COMMAND_MASTER, 2);

  for (unsigned steps = 0; cap && steps < 48; steps++) {
    if (dio_pci_config_read (pci, cap, 1) == DIO_PCI_CAP_VENDOR) {
      unsigned type = dio_pci_config_read (pci, cap + 3, 1);
      DioGpa at = driver->bar + dio_pci_config_read (pci, cap + 8, 4);

      seen |= 1u << type;
      if (type == 1)
        driver->common = at;
      else if (type == 2) {
        driver->notify = at;
        driver->multiplier = dio_pci_config_read (pci, cap + 16, 4);
      } else if (type == 3)
        driver->isr = at;
      else if (type == 4)
        driver->config = at;
      else if (type == 5)
        driver->cfg_cap = cap;
    }
    cap = (uint8_t) dio_pci_config_read (pci, cap + 1, 1);
  }
  g_assert_cmphex (seen & 0x2e, ==, 0x2e);
}

uint8_t
driver_status (Driver *driver)
{
  return (uint8_t) driver_read (driver, driver->common + COMMON_STATUS, 1);
}

void
driver_set_status (Driver *driver, uint8_t status)
{
  driver_write (driver, driver->common + COMMON_STATUS, 1, status);
}

uint64_t
driver_device_features (Driver *driver)
{
  uint64_t features = 0;

  for (unsigned i = 0; i < 2; i++) {
    driver_write (driver, driver->common + COMMON_DEVICE_FEATURE_SELECT, 4, i);
    features |= driver_read (driver, driver->common + COMMON_DEVICE_FEATURE, 4) << (32 * i);
  }
  return features;
}

void
driver_reset (Driver *driver)
{
  driver_set_status (driver, 0);
  for (unsigned i = 0; driver_status (driver) && i < 5000; i++)
    g_usleep (1000);
  g_assert_cmpint (driver_status (driver), ==, 0);
}

void
driver_select_queue (Driver *driver, unsigned index)
{
  driver_write (driver, driver->common + COMMON_QUEUE_SELECT, 2, index);
}

void
driver_enable_queue (Driver *driver, unsigned index, uint16_t size)
{
  DriverRing *ring = &driver->rings[index];
  DioGpa c = driver->common;
  uint16_t max;

  driver_select_queue (driver, index);
  max = (uint16_t) driver_read (driver, c + COMMON_QUEUE_SIZE, 2);
  g_assert_cmpuint (max, >, 0);
  size = MIN (size, max);
  driver_ring_init (ring, &driver->bench->arena, size, driver->features & DIO_VIRTIO_F_RING_PACKED,
                    driver->features & DIO_VIRTIO_F_EVENT_IDX);
  driver_write (driver, c + COMMON_QUEUE_SIZE, 2, size);
  for (unsigned i = 0; i < 2; i++) {
    driver_write (driver, c + COMMON_QUEUE_DESC + 4 * i, 4, ring->desc >> (32 * i) & 0xffffffff);
    driver_write (driver, c + COMMON_QUEUE_DRIVER + 4 * i, 4,
                  ring->driver >> (32 * i) & 0xffffffff);
    driver_write (driver, c + COMMON_QUEUE_DEVICE + 4 * i, 4,
                  ring->device >> (32 * i) & 0xffffffff);
  }
  driver_write (driver, c + COMMON_QUEUE_ENABLE, 2, 1);
}

void
driver_start (Driver *driver, uint64_t wanted, uint16_t size)
{
  unsigned n_queues;

  driver_reset (driver);
  driver_set_status (driver, 1);
  driver_set_status (driver, 3);
  driver->features = driver_device_features (driver) & (wanted | DIO_VIRTIO_F_VERSION_1);
  for (unsigned i = 0; i < 2; i++) {
    driver_write (driver, driver->common + COMMON_DRIVER_FEATURE_SELECT, 4, i);
    driver_write (driver, driver->common + COMMON_DRIVER_FEATURE, 4,
                  driver->features >> (32 * i) & 0xffffffff);
  }
  driver_set_status (driver, 3 | DIO_VIRTIO_FEATURES_OK);
  g_assert_cmpint (driver_status (driver), ==, 3 | DIO_VIRTIO_FEATURES_OK);
  n_queues = (unsigned) driver_read (driver, driver->common + COMMON_NUM_QUEUES, 2);
  for (unsigned i = 0; i < n_queues; i++)
    driver_enable_queue (driver, i, size);
  driver_set_status (driver, 7 | DIO_VIRTIO_FEATURES_OK);
  g_assert_cmpint (driver_status (driver), ==, 7 | DIO_VIRTIO_FEATURES_OK);
}

int
driver_add (Driver *driver, unsigned queue, const Sg *sg, unsigned n, bool indirect)
{
  DriverRing *ring = &driver->rings[queue];
  int token = driver_ring_add (ring, sg, n, indirect);

  if (token >= 0 && driver_ring_needs_kick (ring))
    driver_write (driver, driver->notify + (uint64_t) driver->multiplier * queue, 2, queue);
  return token;
}

int
driver_get (Driver *driver, unsigned queue, uint32_t *length)
{
  DriverRing *ring = &driver->rings[queue];
  int64_t deadline = g_get_monotonic_time () + 5 * G_USEC_PER_SEC;
  uint32_t ignored;
  int token;

  while (!driver_ring_get (ring, &token, length ? length : &ignored)) {
    if (g_get_monotonic_time () > deadline)
      g_error ("queue %u of %s gives nothing back", queue, driver->vdev->pci.dev.name);
    g_usleep (50);
  }
  return token;
}

uint32_t
driver_call (Driver *driver, unsigned queue, const void *out, uint32_t out_size, void *in,
             uint32_t in_size)
{
  Arena *arena = &driver->bench->arena;
  uint64_t mark = arena->next;
  DioGpa gpa = arena_alloc (arena, (uint64_t) out_size + in_size, 16);
  Sg sg[2];
  unsigned n = 0;
  uint32_t length;
  int token;

  if (out_size) {
    memcpy (arena_at (arena, gpa), out, out_size);
    sg[n++] = (Sg){ gpa, out_size, false };
  }
  if (in_size) {
    memset (arena_at (arena, gpa + out_size), 0xee, in_size);
    sg[n++] = (Sg){ gpa + out_size, in_size, true };
  }
  token = driver_add (driver, queue, sg, n, false);
  g_assert_cmpint (token, >=, 0);
  g_assert_cmpint (driver_get (driver, queue, &length), ==, token);
  if (in_size)
    memcpy (in, arena_at (arena, gpa + out_size), in_size);
  arena->next = mark;
  return length;
}

GBytes *
bench_save (DioDevice *dev)
{
  DioVisitor *visitor = dio_visitor_new_save ();

  dio_device_visit (dev, visitor);
  return dio_visitor_finish_save (visitor);
}

bool
bench_load (DioDevice *dev, GBytes *bytes)
{
  DioVisitor *visitor = dio_visitor_new_load (bytes);

  dio_device_visit (dev, visitor);
  return dio_visitor_finish_load (visitor, NULL);
}

void
bench_round_trip (DioDevice *dev)
{
  g_autoptr (GBytes) first = bench_save (dev), second = NULL;

  g_assert_true (bench_load (dev, first));
  second = bench_save (dev);
  g_assert_cmpmem (g_bytes_get_data (first, NULL), g_bytes_get_size (first),
                   g_bytes_get_data (second, NULL), g_bytes_get_size (second));
}
