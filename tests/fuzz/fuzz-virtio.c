/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes one virtio device from the guest's side: registers, configuration space, guest memory and
 * chains, mixed with events of the host, resets and saved state. The device is set up by rule at
 * first, so that most inputs reach its queues. */
#include "tests/fuzz/fuzz-virtio.h"

#include <stdlib.h>
#include <string.h>

#include "core/vm/vm-board.h"
#include "hw/pci/pci-bus.h"
#include "hw/virtio/virtio-device.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define RAM_BASE UINT64_C (0x80000000)
#define WINDOW 0x20000 /* that the input reaches, and that is cleared each time */
#define RING_AREA 0x1000
#define BUFFERS 0x10000
#define MMIO UINT64_C (0x40000000)
#define QUEUE_SIZE 16

enum {
  COMMON = 0x0000,
  DEVICE = 0x2000,
  NOTIFY = 0x3000,
};

typedef struct {
  const uint8_t *next;
  size_t left;
} Input;

typedef struct {
  DioMachine *machine;
  DioPciBus *bus;
  DioDevice *dev;
  Input input;
  bool packed;
  uint16_t next_desc[DIO_VIRTIO_MAX_QUEUES];
  uint16_t avail[DIO_VIRTIO_MAX_QUEUES];
  bool wrap[DIO_VIRTIO_MAX_QUEUES];
  uint32_t next_buffer;
} Fuzz;

static uint32_t
take (Fuzz *fuzz, unsigned bytes)
{
  uint32_t value = 0;

  for (unsigned i = 0; i < bytes && fuzz->input.left; i++, fuzz->input.left--)
    value |= (uint32_t) *fuzz->input.next++ << (8 * i);
  return value;
}

static void
ignore_irq (void *opaque, unsigned number, bool level)
{
}

static bool
ignore_message (void *opaque, uint32_t requester, DioGpa address, uint32_t data)
{
  return true;
}

static bool
build (DioMachine *machine, GError **error)
{
  machine->ram = dio_ram_new (2 << 20, "fuzz", error);
  dio_space_map_ram (machine->space, RAM_BASE, machine->ram, 0, machine->ram->size, false);
  return true;
}

static const DioCpuType no_cpu = { .id = "none", .arch = DIO_ARCH_RISCV64 };

static const DioBoardType board = {
  .id = "fuzz",
  .title = "Fuzzer",
  .arch = DIO_ARCH_RISCV64,
  .cpu = &no_cpu,
  .minimum_memory = 1,
  .maximum_memory = UINT64_MAX,
  .maximum_cpus = 1,
  .build = build,
};

static void
make_machine (Fuzz *fuzz)
{
  static const DioBoardType *const boards[] = { &board, NULL };
  DioMachineConfig *config = dio_machine_config_new ();
  DioMachineHost host = { .boards = boards };

  config->arch = DIO_ARCH_RISCV64;
  config->memory = 2 << 20;
  config->cpus = 1;
  host.pool = dio_pool_new (1);
  if (fuzz_virtio.prepare)
    fuzz_virtio.prepare (&host);
  fuzz->machine = dio_machine_new (config, &host, NULL);
  dio_machine_config_free (config);
  if (!fuzz->machine)
    abort ();
  dio_clock_start (fuzz->machine->clock);
  dio_loop_clock_changed (fuzz->machine->loop);
  fuzz->bus = dio_pci_bus_new (fuzz->machine->space);
  dio_pci_bus_add_window (fuzz->bus, MMIO, 0x100000);
  for (unsigned pin = 0; pin < DIO_PCI_PINS; pin++)
    dio_pci_bus_connect_pin (fuzz->bus, pin, (DioIrq){ ignore_irq, NULL, pin });
  dio_pci_bus_set_msi_target (fuzz->bus, (DioMsiTarget){ ignore_message, NULL });
}

static void
nothing (void *data)
{
}

static void
settle (Fuzz *fuzz)
{
  dio_loop_call (fuzz->machine->loop, nothing, NULL);
}

static void
mmio_write (Fuzz *fuzz, uint32_t offset, unsigned size, uint32_t value)
{
  dio_space_write (fuzz->machine->space, MMIO + offset, size, value);
}

static uint32_t
mmio_read (Fuzz *fuzz, uint32_t offset, unsigned size)
{
  uint64_t value = 0;

  dio_space_read (fuzz->machine->space, MMIO + offset, size, &value);
  return (uint32_t) value;
}

static uint32_t
ring_at (unsigned queue, unsigned part)
{
  return RING_AREA + queue * 0xc00 + part * 0x400;
}

/* What a well-behaved driver does first, but for the bits of @mode. */
static void
start_driver (Fuzz *fuzz, uint32_t mode)
{
  unsigned n_queues;

  memset (fuzz->next_desc, 0, sizeof fuzz->next_desc);
  memset (fuzz->avail, 0, sizeof fuzz->avail);
  memset (fuzz->wrap, 1, sizeof fuzz->wrap);
  memset (fuzz->machine->ram->host + RING_AREA, 0, BUFFERS - RING_AREA);
  fuzz->packed = mode & 1;
  dio_pci_config_write ((DioPciDevice *) fuzz->dev, DIO_PCI_BAR0, (uint32_t) MMIO, 4);
  dio_pci_config_write ((DioPciDevice *) fuzz->dev, DIO_PCI_BAR0 + 4, (uint32_t) MMIO + 0x8000, 4);
  dio_pci_config_write ((DioPciDevice *) fuzz->dev, DIO_PCI_COMMAND, 6, 2);
  mmio_write (fuzz, COMMON + 20, 1, 0);
  mmio_write (fuzz, COMMON + 20, 1, 3);
  for (unsigned i = 0; i < 2; i++) {
    uint32_t features;

    mmio_write (fuzz, COMMON, 4, i);
    features = mmio_read (fuzz, COMMON + 4, 4);
    if (i == 1 && !fuzz->packed)
      features &= ~4u;
    if (i == 0 && mode & 2)
      features &= ~(1u << 29);
    if (i == 0 && mode & 4)
      features &= 1u << 28;
    mmio_write (fuzz, COMMON + 8, 4, i);
    mmio_write (fuzz, COMMON + 12, 4, features);
  }
  mmio_write (fuzz, COMMON + 20, 1, 11);
  n_queues = mmio_read (fuzz, COMMON + 18, 2);
  for (unsigned i = 0; i < n_queues; i++) {
    mmio_write (fuzz, COMMON + 22, 2, i);
    mmio_write (fuzz, COMMON + 24, 2, QUEUE_SIZE);
    for (unsigned part = 0; part < 3; part++)
      mmio_write (fuzz, COMMON + 32 + 8 * part, 4, (uint32_t) RAM_BASE + ring_at (i, part));
    mmio_write (fuzz, COMMON + 28, 2, 1);
  }
  mmio_write (fuzz, COMMON + 20, 1, 15);
}

static void
put_desc (Fuzz *fuzz, unsigned queue, unsigned index, uint64_t gpa, uint32_t length, uint16_t c,
          uint16_t d)
{
  uint8_t *p = fuzz->machine->ram->host + ring_at (queue, 0) + 16 * (index % QUEUE_SIZE);

  memcpy (p, &gpa, 8);
  memcpy (p + 8, &length, 4);
  memcpy (p + 12, &c, 2);
  memcpy (p + 14, &d, 2);
}

/* Makes a chain of @out readable bytes (@data, or from the input) and @in writable ones. */
static void
add_chain (Fuzz *fuzz, unsigned queue, const uint8_t *data, uint32_t out, uint32_t in)
{
  uint8_t *host = fuzz->machine->ram->host;
  uint32_t at = BUFFERS + fuzz->next_buffer % (WINDOW - BUFFERS - 0x2000);
  unsigned n = 1 + (out && in);

  fuzz->next_buffer += 0x100;
  for (uint32_t i = 0; i < out; i++)
    host[at + i] = data ? data[i] : (uint8_t) take (fuzz, 1);
  for (unsigned i = 0; i < n; i++) {
    bool write = i == 1 || !out;
    uint64_t gpa = RAM_BASE + at + (i ? out : 0);
    uint32_t length = write ? in : out;
    uint16_t flags = (uint16_t) ((write ? 2 : 0) | (i + 1 < n ? 1 : 0));

    if (fuzz->packed) {
      put_desc (fuzz, queue, fuzz->next_desc[queue], gpa, length, fuzz->next_desc[queue],
                flags | (fuzz->wrap[queue] ? 1 << 7 : 1 << 15));
      if (++fuzz->next_desc[queue] == QUEUE_SIZE) {
        fuzz->next_desc[queue] = 0;
        fuzz->wrap[queue] = !fuzz->wrap[queue];
      }
    } else {
      put_desc (fuzz, queue, fuzz->next_desc[queue] + i, gpa, length, flags,
                (uint16_t) ((fuzz->next_desc[queue] + i + 1) % QUEUE_SIZE));
    }
  }
  if (!fuzz->packed) {
    uint8_t *ring = host + ring_at (queue, 1);
    uint16_t head = fuzz->next_desc[queue] % QUEUE_SIZE;

    memcpy (ring + 4 + 2 * (size_t) (fuzz->avail[queue]++ % QUEUE_SIZE), &head, 2);
    memcpy (ring + 2, &fuzz->avail[queue], 2);
    fuzz->next_desc[queue] = (uint16_t) ((head + n) % QUEUE_SIZE);
  }
  mmio_write (fuzz, NOTIFY + 4 * queue, 2, queue);
}

static void
add_command (Fuzz *fuzz, unsigned queue)
{
  uint8_t choice[8], out[128] = { 0 };
  uint32_t in = 0;
  size_t length;

  for (unsigned i = 0; i < sizeof choice; i++)
    choice[i] = (uint8_t) take (fuzz, 1);
  length = fuzz_virtio.command (choice, RAM_BASE + BUFFERS, out, &in);
  add_chain (fuzz, queue, out, (uint32_t) length, in);
}

static void
pause_device (Fuzz *fuzz)
{
  if (fuzz_virtio.release)
    fuzz_virtio.release (fuzz->dev);
  if (fuzz->dev->type->drain)
    fuzz->dev->type->drain (fuzz->dev);
  settle (fuzz);
}

/* What was saved must load, and give the same bytes again. */
static void
round_trip (Fuzz *fuzz)
{
  GBytes *first, *second;
  DioVisitor *visitor = dio_visitor_new_save ();

  dio_device_visit (fuzz->dev, visitor);
  first = dio_visitor_finish_save (visitor);
  visitor = dio_visitor_new_load (first);
  dio_device_visit (fuzz->dev, visitor);
  if (!dio_visitor_finish_load (visitor, NULL))
    abort ();
  visitor = dio_visitor_new_save ();
  dio_device_visit (fuzz->dev, visitor);
  second = dio_visitor_finish_save (visitor);
  if (!g_bytes_equal (first, second))
    abort ();
  g_bytes_unref (first);
  g_bytes_unref (second);
}

static void
load_garbage (Fuzz *fuzz)
{
  DioVisitor *visitor = dio_visitor_new_save ();
  GBytes *bytes, *bad;
  uint8_t *copy;
  gsize size;

  dio_device_visit (fuzz->dev, visitor);
  bytes = dio_visitor_finish_save (visitor);
  copy = g_memdup2 (g_bytes_get_data (bytes, NULL), size = g_bytes_get_size (bytes));
  for (unsigned i = take (fuzz, 1) % 4; i < 4; i++) {
    size_t at = take (fuzz, 3) % size;

    copy[at] = (uint8_t) take (fuzz, 1);
  }
  bad = g_bytes_new_take (copy, size);
  visitor = dio_visitor_new_load (bad);
  dio_device_visit (fuzz->dev, visitor);
  dio_visitor_finish_load (visitor, NULL);
  g_bytes_unref (bad);
  g_bytes_unref (bytes);
}

static void
step (Fuzz *fuzz)
{
  uint32_t op = take (fuzz, 1);
  unsigned queue = op >> 4 & 1;

  switch (op & 15) {
  case 0:
  case 1:
  case 2:
  case 3: {
    uint32_t sizes;

    if (fuzz_virtio.command && (op & 15)) {
      add_command (fuzz, queue);
      break;
    }
    sizes = take (fuzz, 2);
    add_chain (fuzz, queue, NULL, sizes & 0x7f, (sizes >> 8 & 0xff) << (op >> 5 & 3));
    break;
  }
  case 4:
    settle (fuzz);
    break;
  case 5: /* a register of the common configuration */
    mmio_write (fuzz, COMMON + take (fuzz, 1) % 64, 1u << (op >> 4 & 3), take (fuzz, 4));
    break;
  case 6:
    mmio_write (fuzz, DEVICE + take (fuzz, 1), 1u << (op >> 4 & 3), take (fuzz, 4));
    break;
  case 7:
    mmio_read (fuzz, take (fuzz, 2) & 0x3fff, 1u << (op >> 4 & 3));
    break;
  case 8: { /* the guest writes its memory */
    uint32_t at = take (fuzz, 3) % (WINDOW - 256), n = take (fuzz, 1);

    for (uint32_t i = 0; i < n; i++)
      fuzz->machine->ram->host[at + i] = (uint8_t) take (fuzz, 1);
    break;
  }
  case 9: {
    uint16_t at = (uint16_t) (take (fuzz, 1) & ~3u);

    dio_pci_config_write ((DioPciDevice *) fuzz->dev, at, take (fuzz, 4), 4);
    dio_pci_config_read ((DioPciDevice *) fuzz->dev, at, 4);
    break;
  }
  case 10:
  case 11:
    if (fuzz_virtio.event)
      fuzz_virtio.event (fuzz->dev, take (fuzz, 4));
    break;
  case 12:
    pause_device (fuzz);
    round_trip (fuzz);
    fuzz->dev->type->resume (fuzz->dev);
    break;
  case 13:
    if (op >> 4 < 4) {
      pause_device (fuzz);
      load_garbage (fuzz);
      fuzz->dev->type->resume (fuzz->dev);
    }
    break;
  case 14:
    if (op & 16) {
      pause_device (fuzz);
      dio_device_reset (fuzz->dev);
      fuzz->dev->type->resume (fuzz->dev);
    }
    start_driver (fuzz, op >> 5);
    break;
  default:
    mmio_write (fuzz, NOTIFY + 4 * queue, 2, 0);
    break;
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static Fuzz fuzz; /* the machine and its threads outlive an input */

  if (!fuzz.machine)
    make_machine (&fuzz);
  memset (fuzz.machine->ram->host, 0, WINDOW);
  fuzz.input = (Input){ data, size };
  fuzz.next_buffer = 0;

  fuzz.dev = dio_device_new (fuzz_virtio.type, "fuzz");
  if (!dio_pci_bus_plug (fuzz.bus, (DioPciDevice *) fuzz.dev, 1, NULL))
    abort ();
  if (fuzz_virtio.set_up)
    fuzz_virtio.set_up (fuzz.dev, fuzz.machine);
  if (!dio_device_attach (fuzz.dev, fuzz.machine, NULL))
    abort ();
  dio_device_reset (fuzz.dev);
  start_driver (&fuzz, take (&fuzz, 1));
  for (unsigned steps = 0; fuzz.input.left && steps < 300; steps++)
    step (&fuzz);
  pause_device (&fuzz);
  g_ptr_array_remove (fuzz.machine->devices, fuzz.dev);
  dio_device_free (fuzz.dev);
  settle (&fuzz);
  return 0;
}
