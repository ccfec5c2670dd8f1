/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes a board, of riscv64 or, with FUZZ_ARM64, of arm64, as a hostile guest sees it: accesses of
 * any width to any device, PCI configuration and BARs that move, queues of virtio devices set up
 * and rung, memory that devices read, resets in between, and device state loaded from damaged
 * bytes.
 *
 * One machine lives for all inputs; each input starts from the cold state. Its vCPUs are dummies,
 * its clock and loop run. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "core/backend/backend-char.h"
#include "core/guest/arm64/arm64-cpu.h"
#include "core/guest/riscv64/riscv64-cpu.h"
#include "hw/board/virt-arm64.h"
#include "hw/board/virt-riscv64.h"
#include "hw/hw.h"
#include "hw/irq/gicv3-its.h"
#include "hw/irq/gicv3.h"
#include "hw/misc/pl061.h"
#include "hw/pci/pci-bus.h"
#include "hw/pci/pci-host-ecam.h"

#define MEMORY (UINT64_C (64) << 20)
#define RAM_USED 0x40000 /* what inputs write to, and what is cleared between them */
#define MAX_OPS 400

/* ---- Dummies for what the boards need of CPUs ---- */

static DioCpu *
cpu_create (DioMachine *machine, unsigned index, GError **error)
{
  DioArm64 *arm = aligned_alloc (_Alignof(DioArm64), sizeof (DioArm64));
  memset (arm, 0, sizeof *arm);
  DioCpu *cpu = &arm->interp.cpu;
  cpu->machine = machine;
  cpu->space = machine->space;
  cpu->index = index;
  return cpu;
}

static void
cpu_free (DioCpu *cpu)
{
  free (cpu);
}

const DioCpuType dio_cpu_riscv64 = {
  .id = "riscv64",
  .arch = DIO_ARCH_RISCV64,
  .create = cpu_create,
  .free = cpu_free,
};

const char dio_rv_isa_string[] = "rv64imafdc";
const char *const dio_rv_isa_extensions[] = { "i", NULL };

static void
line_set (void *opaque, unsigned number, bool level)
{
  /* What a hart would do with a line of a guest's making: nothing that a device could notice. */
}

DioIrq
dio_rv_irq (DioMachine *machine, unsigned index, unsigned irq)
{
  return (DioIrq){ line_set, machine, irq };
}

void
dio_rv_set_entry (DioCpu *cpu, uint64_t pc, uint64_t a0, uint64_t a1, uint64_t a2)
{
}

const DioCpuType dio_cpu_arm64 = {
  .id = "arm64",
  .arch = DIO_ARCH_ARM64,
  .create = cpu_create,
  .free = cpu_free,
};

DioIrq
dio_a64_irq (DioMachine *machine, unsigned index, unsigned line)
{
  return (DioIrq){ line_set, machine, line };
}

void
dio_a64_set_entry (DioCpu *cpu, uint64_t pc, uint64_t x0)
{
}

/* ---- The board ---- */

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

typedef struct {
  const uint8_t *data;
  size_t size;
} Input;

/* The other end of the serial line: takes as much as an input allows. */
typedef struct {
  DioChar chr;
  _Atomic uint32_t room;
  const DioCharHandlers *handlers;
  void *opaque;
} Line;

typedef struct {
  DioMachine *machine;
  DioPciBus *bus;
  DioDevice *gic, *its, *gpio; /* or NULL */
  Line line;
  DioInput *input;
  DioDisplay display;
} Board;

typedef struct {
  DioGpa base;
  uint64_t size;
} Area;

#ifdef FUZZ_ARM64
#define ARCH DIO_ARCH_ARM64
#define RAM DIO_VIRT_ARM64_RAM
#define PCI_ECAM DIO_VIRT_ARM64_PCI_ECAM
#define PCI_MMIO DIO_VIRT_ARM64_PCI_MMIO
static const Area areas[] = {
  { DIO_VIRT_ARM64_GIC, 0x10000 },     { DIO_VIRT_ARM64_GIC_ITS, 0x20000 },
  { DIO_VIRT_ARM64_RTC, 0x1000 },      { DIO_VIRT_ARM64_GIC_REDISTRIBUTORS, 0x40000 },
  { DIO_VIRT_ARM64_UART, 0x1000 },     { DIO_VIRT_ARM64_GPIO, 0x1000 },
  { DIO_VIRT_ARM64_PCI_PIO, 0x10000 }, { DIO_VIRT_ARM64_PCI_ECAM, 0x10000000 },
  { DIO_VIRT_ARM64_GIC_ITS, 0x120 },   { DIO_VIRT_ARM64_PCI_MMIO, 0x100000 },
  { DIO_VIRT_ARM64_RAM - 8, 0x100 },
};
#else
#define ARCH DIO_ARCH_RISCV64
#define RAM DIO_VIRT_RISCV64_RAM
#define PCI_ECAM DIO_VIRT_RISCV64_PCI_ECAM
#define PCI_MMIO DIO_VIRT_RISCV64_PCI_MMIO
static const Area areas[] = {
  { DIO_VIRT_RISCV64_SYSCON, 0x1000 },       { DIO_VIRT_RISCV64_RTC, 0x1000 },
  { DIO_VIRT_RISCV64_ACLINT, 0x10000 },      { DIO_VIRT_RISCV64_PLIC, 0x600000 },
  { DIO_VIRT_RISCV64_UART, 0x100 },          { DIO_VIRT_RISCV64_PCI_PIO, 0x10000 },
  { DIO_VIRT_RISCV64_PCI_ECAM, 0x10000000 }, { DIO_VIRT_RISCV64_PCI_MMIO, 0x100000 },
  { DIO_VIRT_RISCV64_RAM - 8, 0x100 },
};
#endif

static uint8_t
next_u8 (Input *input)
{
  if (!input->size)
    return 0;
  input->size--;
  return *input->data++;
}

static uint64_t
next (Input *input, unsigned bytes)
{
  uint64_t value = 0;

  for (unsigned i = 0; i < bytes; i++)
    value |= (uint64_t) next_u8 (input) << (8 * i);
  return value;
}

/* A value of few bytes of input, of the kinds that registers know. */
static uint64_t
next_value (Input *input)
{
  uint8_t kind = next_u8 (input);

  switch (kind >> 5) {
  case 0:
    return kind & 31;
  case 1:
    return UINT64_C (1) << (kind & 31);
  case 2:
    return UINT64_C (1) << 32 << (kind & 31);
  case 3:
    return RAM + ((uint64_t) (kind & 31) << 12);
  case 4:
    return UINT64_MAX - (kind & 31);
  case 5:
    return PCI_MMIO + ((uint64_t) (kind & 31) << 14);
  default:
    return next (input, 1 + (kind & 7));
  }
}

static size_t
line_write (DioChar *chr, const uint8_t *data, size_t length)
{
  Line *line = (Line *) chr;
  size_t taken = MIN (length, line->room);
  line->room -= taken;
  return taken;
}

static void
line_set_handlers (DioChar *chr, DioLoop *loop, const DioCharHandlers *handlers, void *opaque)
{
  ((Line *) chr)->handlers = handlers;
  ((Line *) chr)->opaque = opaque;
}

static void
line_accept_input (DioChar *chr)
{
}

static const DioCharOps line_ops = {
  .write = line_write,
  .set_handlers = line_set_handlers,
  .accept_input = line_accept_input,
};

typedef struct {
  Line *line;
  uint8_t text[8];
  size_t length;
} Feed;

static void
feed_cb (void *data)
{
  Feed *feed = data;
  size_t room = feed->line->handlers->can_receive (feed->line->opaque);

  if (room > 16)
    __builtin_trap ();
  feed->line->handlers->receive (feed->line->opaque, feed->text, MIN (room, feed->length));
}

static void
display_update (DioDisplay *display, uint32_t scanout, const DioSurface *surface,
                const DioRect *rect)
{
  /* Reads what it was promised. */
  if (surface && surface->width && surface->height) {
    volatile uint8_t last = surface->pixels[(size_t) surface->stride * (surface->height - 1)];
    (void) last;
    if (rect->x + rect->width > surface->width || rect->y + rect->height > surface->height)
      __builtin_trap ();
  }
}

static void
display_cursor_define (DioDisplay *display, uint32_t scanout, const uint8_t *pixels, uint32_t width,
                       uint32_t height, uint32_t hot_x, uint32_t hot_y)
{
}

static void
display_cursor_move (DioDisplay *display, uint32_t scanout, int32_t x, int32_t y)
{
}

static void
display_set_source (DioDisplay *display, const DioDisplaySourceOps *ops, void *opaque)
{
}

static const DioDisplayOps display_ops = {
  .update = display_update,
  .cursor_define = display_cursor_define,
  .cursor_move = display_cursor_move,
  .set_source = display_set_source,
};

static void
no_log (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
}

static void
nothing (void *data)
{
}

static void
sync_loop (Board *board)
{
  dio_loop_call (board->machine->loop, nothing, NULL);
}

static Board *
board_new (void)
{
  Board *board = g_new0 (Board, 1);
  g_autoptr (DioMachineConfig) config = dio_machine_config_new ();
  g_autoptr (GError) error = NULL;

  g_log_set_handler (NULL, G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG, no_log, NULL);
  g_log_set_handler ("diorama-core", G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG, no_log, NULL);
  board->line.chr.ops = &line_ops;
  board->input = dio_input_new ();
  board->display.ops = &display_ops;
  config->name = g_strdup ("fuzz");
  config->arch = ARCH;
  config->memory = MEMORY;
  config->cpus = 2;
  g_autofree char *disk = NULL;
  int fd = g_file_open_tmp ("dio-fuzz-XXXXXX", &disk, &error);
  if (fd < 0 || ftruncate (fd, 1 << 20) < 0)
    g_error ("no disk to fuzz with");
  close (fd);
  dio_machine_config_add_disk (config, disk, "raw", false);
  DioMachineHost host = {
    .boards = dio_hw_boards,
    .devices = dio_hw_devices,
    .pool = dio_pool_new (1),
    .serial = &board->line.chr,
    .input = board->input,
    .display = &board->display,
  };
  board->machine = dio_machine_new (config, &host, &error);
  if (!board->machine)
    g_error ("%s", error->message);
  g_unlink (disk);
  for (guint i = 0; i < board->machine->devices->len; i++) {
    DioDevice *dev = g_ptr_array_index (board->machine->devices, i);
    if (strcmp (dev->type->id, "pci-host-ecam") == 0)
      board->bus = dio_pci_host_get_bus (dev);
    if (dev->type == &dio_gicv3_type)
      board->gic = dev;
    if (dev->type == &dio_gicv3_its_type)
      board->its = dev;
    if (dev->type == &dio_pl061_type)
      board->gpio = dev;
  }
  dio_clock_start (board->machine->clock);
  return board;
}

static DioGpa
ecam (unsigned slot, unsigned offset)
{
  return PCI_ECAM + ((slot & 31) << 15) + (offset & 0xfff);
}

static void
write_io (Board *board, DioGpa gpa, unsigned size, uint64_t value)
{
  dio_space_write (board->machine->space, gpa, size, value);
}

/* BARs to places of their own, memory and DMA on: what firmware and kernels do. */
static void
map_bars (Board *board)
{
  for (unsigned slot = 1; slot < DIO_PCI_SLOTS && dio_pci_bus_get_device (board->bus, slot);
       slot++) {
    write_io (board, ecam (slot, DIO_PCI_BAR0), 4, PCI_MMIO + (slot << 16));
    write_io (board, ecam (slot, DIO_PCI_COMMAND), 2,
              DIO_PCI_COMMAND_MEMORY | DIO_PCI_COMMAND_MASTER);
  }
}

/* Tables, commands and LPIs of an ITS in the memory that inputs write to; device 8 to 15 are the
 * functions in slot 1. */
static void
start_its (Board *board)
{
  static const uint64_t commands[][4] = {
    { 0x09, 0, UINT64_C (1) << 63, 0 },
    { UINT64_C (8) << 32 | 0x08, 4, UINT64_C (1) << 63 | (RAM + 0x3000), 0 },
    { UINT64_C (8) << 32 | 0x0a, UINT64_C (8192) << 32, 0, 0 },
  };
  const DioGpa its = DIO_VIRT_ARM64_GIC_ITS, redistributors = DIO_VIRT_ARM64_GIC_REDISTRIBUTORS;
  const uint64_t valid = UINT64_C (1) << 63;

  for (unsigned cpu = 0; cpu < 2; cpu++) {
    DioGpa at = redistributors + cpu * DIO_GICV3_REDISTRIBUTOR_SIZE;
    write_io (board, at + 0x70, 8, (RAM + 0x4000) | 13);
    write_io (board, at + 0x78, 8, RAM + 0x10000);
    write_io (board, at, 4, 1);
  }
  memcpy (board->machine->ram->host + 0x2000, commands, sizeof commands);
  write_io (board, its + 0x100, 8, valid | RAM);
  write_io (board, its + 0x108, 8, valid | (RAM + 0x1000));
  write_io (board, its + 0x80, 8, valid | (RAM + 0x2000));
  write_io (board, its, 4, 1);
  write_io (board, its + 0x88, 8, sizeof commands);
}

/* The driver's part up to DRIVER_OK with one split or packed queue in RAM, then a notification
 * (virtio 1.3 section 4.1.4.3; the layout of BAR 0 is this implementation's). */
static void
start_queue (Board *board, unsigned slot, unsigned queue, uint64_t features, uint16_t size)
{
  DioGpa bar = PCI_MMIO + ((slot & 31) << 16);
  DioGpa ring = RAM + 0x10000 + queue % 8 * 0x4000;

  map_bars (board);
  write_io (board, bar + 0x14, 1, 0);
  write_io (board, bar + 0x14, 1, 1);
  write_io (board, bar + 0x14, 1, 3);
  for (unsigned word = 0; word < 2; word++) {
    uint64_t offered = 0;
    write_io (board, bar + 0x00, 4, word);
    dio_space_read (board->machine->space, bar + 0x04, 4, &offered);
    write_io (board, bar + 0x08, 4, word);
    write_io (board, bar + 0x0c, 4, offered & ((features >> (32 * word)) | (word & 1)));
  }
  write_io (board, bar + 0x14, 1, 11);
  write_io (board, bar + 0x16, 2, queue);
  if (size)
    write_io (board, bar + 0x18, 2, size);
  write_io (board, bar + 0x20, 4, ring);
  write_io (board, bar + 0x28, 4, ring + 0x1000);
  write_io (board, bar + 0x30, 4, ring + 0x2000);
  write_io (board, bar + 0x1c, 2, 1);
  write_io (board, bar + 0x14, 1, 15);
  write_io (board, bar + 0x3000 + 4 * queue, 2, queue);
}

/* A chain in the split ring of @queue, made available. */
static void
offer_chain (Board *board, unsigned queue, Input *input)
{
  uint8_t *ring = board->machine->ram->host + 0x10000 + queue % 8 * 0x4000;
  unsigned count = 1 + next_u8 (input) % 6;
  uint16_t index;

  for (unsigned i = 0; i < count; i++) {
    uint8_t *desc = ring + 16 * i;
    uint8_t shape = next_u8 (input);
    uint64_t address = RAM + 0x8000 + (shape & 7) * 0x800;
    uint32_t length = shape & 8 ? next (input, 2) : 8u << (shape >> 4 & 7);
    uint16_t flags = (i + 1 < count ? 1 : 0) | (shape & 0x80 ? 2 : 0);
    uint16_t link = shape == 0xff ? next_u8 (input) : i + 1;
    memcpy (desc, &address, 8);
    memcpy (desc + 8, &length, 4);
    memcpy (desc + 12, &flags, 2);
    memcpy (desc + 14, &link, 2);
  }
  memcpy (&index, ring + 0x1002, 2);
  memset (ring + 0x1004 + 2 * (index % 16), 0, 2);
  index++;
  memcpy (ring + 0x1002, &index, 2);
}

static void
write_ram (Board *board, Input *input)
{
  unsigned offset = next (input, 2) * 4;
  unsigned length = next_u8 (input) % 33;

  for (unsigned i = 0; i < length; i++)
    board->machine->ram->host[(offset + i) % RAM_USED] = next_u8 (input);
}

static DioDevice *
next_device (Board *board, Input *input)
{
  return g_ptr_array_index (board->machine->devices,
                            next_u8 (input) % board->machine->devices->len);
}

/* Saves a device, damages the bytes, loads them. */
static void
reload (Board *board, Input *input)
{
  DioDevice *dev = next_device (board, input);
  DioVisitor *visitor = dio_visitor_new_save ();

  if (dev->type->drain)
    dev->type->drain (dev);
  sync_loop (board);
  dio_device_visit (dev, visitor);
  g_autoptr (GBytes) saved = dio_visitor_finish_save (visitor);
  gsize size = g_bytes_get_size (saved);
  g_autofree uint8_t *bytes = g_memdup2 (g_bytes_get_data (saved, NULL), size);
  for (unsigned i = next_u8 (input) % 4; i > 0; i--) {
    gsize at = next (input, 2) % size;
    bytes[at] = next_u8 (input);
  }
  g_autoptr (GBytes) damaged = g_bytes_new (bytes, size);
  visitor = dio_visitor_new_load (damaged);
  dio_device_visit (dev, visitor);
  dio_visitor_finish_load (visitor, NULL);
  if (dev->type->resume)
    dev->type->resume (dev);
}

/* A register of the interrupt controller's CPU interface: S3_0_C4_C6_0, S3_0_C12_C8_0 to C12_7. */
static void
access_interface (Board *board, Input *input, bool write)
{
  uint8_t which = next_u8 (input);
  unsigned number = which & 0x7f ? DIO_A64_SYSREG (3, 0, 12, 8, 0) + (which & 0x3f)
                                 : DIO_A64_SYSREG (3, 0, 4, 6, 0);
  uint64_t value = write ? next_value (input) : 0;

  dio_gicv3_cpu_interface.access (board->gic, which >> 7,
                                  write ? DIO_A64_CSR_WRITE : DIO_A64_CSR_READ, number, &value);
}

/* As a function would with MSI-X. */
static void
send_message (Board *board, Input *input)
{
  DioMsiTarget target = dio_gicv3_its_get_msi_target (board->its);
  uint32_t requester = next_u8 (input);
  target.send (target.opaque, requester, DIO_VIRT_ARM64_GIC_ITS + 0x10040,
               (uint32_t) next_value (input));
}

static void
access_area (Board *board, Input *input, bool write)
{
  uint8_t which = next_u8 (input);
  if (board->gic && (which & 0x38) == 0x38) {
    access_interface (board, input, write);
    return;
  }
  unsigned area = which % G_N_ELEMENTS (areas), width = 1u << (which >> 6);
  DioGpa gpa =
      areas[area].base + next (input, areas[area].size > 0x10000 ? 3 : 2) % areas[area].size;
  uint64_t value;

  if (write)
    write_io (board, gpa, width, next_value (input));
  else
    dio_space_read (board->machine->space, gpa, width, &value);
}

static void
run_op (Board *board, Input *input)
{
  uint8_t op = next_u8 (input);
  Feed feed = { .line = &board->line };
  unsigned slot, queue;

  switch (op & 15) {
  case 0:
    sync_loop (board);
    break;
  case 1:
    access_area (board, input, false);
    break;
  case 2:
  case 3:
    access_area (board, input, true);
    break;
  case 4: /* a register of a virtio function, where map_bars() put it */
    slot = op >> 4;
    queue = next (input, 2) & 0x3fff;
    write_io (board, PCI_MMIO + (slot << 16) + queue, 1u << (queue & 3) >> 1 | 1,
              next_value (input));
    break;
  case 5:
    slot = next_u8 (input);
    write_io (board, ecam (slot & 7, next (input, 2)), 1u << (slot >> 6), next_value (input));
    break;
  case 6: /* a BAR goes somewhere */
    slot = next_u8 (input);
    write_io (board, ecam (slot & 7, DIO_PCI_BAR0 + 4 * (slot >> 5)), 4, next_value (input));
    break;
  case 7:
    map_bars (board);
    if (board->gic && op & 0x80)
      start_its (board);
    if (board->gic && op & 0x40)
      send_message (board, input);
    if (board->gpio && op & 0x20)
      dio_pl061_press_power (board->gpio);
    break;
  case 8:
    queue = next_u8 (input);
    start_queue (board, 1 + (op >> 4) % 6, queue & 3, next_value (input), queue >> 2 & 16);
    break;
  case 9:
    queue = next_u8 (input) & 3;
    offer_chain (board, queue, input);
    write_io (board, PCI_MMIO + ((1 + (op >> 4) % 6) << 16) + 0x3000 + 4 * queue, 2, queue);
    break;
  case 10:
  case 11:
    write_ram (board, input);
    break;
  case 12:
    dio_device_reset (next_device (board, input));
    break;
  case 13:
    for (unsigned i = 0; i < sizeof feed.text; i++)
      feed.text[i] = next_u8 (input);
    feed.length = 1 + (op >> 5);
    board->line.room = feed.text[0] & 63;
    dio_loop_call (board->machine->loop, feed_cb, &feed);
    break;
  case 14:
    dio_input_key (board->input, next_u8 (input), op >> 7);
    dio_input_move_absolute (board->input, next (input, 2) & 0x7fff, op << 7);
    break;
  case 15:
    reload (board, input);
    break;
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static Board *board;
  Input input = { data, size };

  if (!board)
    board = board_new ();
  for (guint i = 0; i < board->machine->devices->len; i++)
    dio_device_reset (g_ptr_array_index (board->machine->devices, i));
  memset (board->machine->ram->host, 0, RAM_USED);
  for (unsigned i = 0; i < MAX_OPS && input.size; i++)
    run_op (board, &input);
  sync_loop (board);
  return 0;
}
