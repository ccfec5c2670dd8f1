/* SPDX-License-Identifier: GPL-3.0-or-later
 * The riscv64 board: what it hands to the guest, and small programs that use its devices. */
#include "hw/board/virt-riscv64.h"

#include <glib/gstdio.h>
#include <libfdt.h>
#include <string.h>
#include <time.h>

#include "core/base/base-error.h"
#include "core/boot/boot-opensbi.h"
#include "core/guest/riscv64/riscv64-cpu.h"
#include "core/vm/vm-snapshot.h"
#include "hw/hw.h"
#include "tests/support/support-machine.h"

#define MIB (UINT64_C (1) << 20)

typedef struct {
  char *directory;
  DioMachineConfig *config;
  DioMachineHost host;
  DioMachine *machine;
  pthread_mutex_t mutex;
  pthread_cond_t cond;
  bool stopped;
  DioStopReason reason;
  int exit_code;
  unsigned resets;
} Fixture;

static void
event_cb (const DioMachineEvent *event, void *data)
{
  Fixture *f = data;

  pthread_mutex_lock (&f->mutex);
  if (event->kind == DIO_EVENT_RESET)
    f->resets++;
  if (event->kind == DIO_EVENT_STATE && event->state == DIO_MACHINE_STOPPED) {
    f->stopped = true;
    f->reason = event->reason;
    f->exit_code = event->exit_code;
  }
  pthread_cond_broadcast (&f->cond);
  pthread_mutex_unlock (&f->mutex);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  pthread_mutex_init (&f->mutex, NULL);
  pthread_cond_init (&f->cond, NULL);
  f->directory = g_dir_make_tmp ("dio-board-XXXXXX", NULL);
  f->config = dio_machine_config_new ();
  f->config->name = g_strdup ("test");
  f->config->arch = DIO_ARCH_RISCV64;
  f->config->memory = 64 * MIB;
  f->config->cpus = 1;
  f->host.boards = dio_hw_boards;
  f->host.devices = dio_hw_devices;
  f->host.pool = dio_pool_new (1);
  f->host.serial = dio_char_memory_new (1 << 16, NULL, NULL);
  f->host.input = dio_input_new ();
  f->host.event = event_cb;
  f->host.data = f;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_autofree char *remove = g_strdup_printf ("rm -r '%s'", f->directory);

  dio_machine_free (f->machine);
  dio_machine_config_free (f->config);
  dio_char_free (f->host.serial);
  dio_input_free (f->host.input);
  dio_pool_free (f->host.pool);
  g_assert_true (g_spawn_command_line_sync (remove, NULL, NULL, NULL, NULL));
  g_free (f->directory);
  pthread_cond_destroy (&f->cond);
  pthread_mutex_destroy (&f->mutex);
}

static char *
make_file (Fixture *f, const char *name, const void *data, gsize size)
{
  char *path = g_build_filename (f->directory, name, NULL);

  g_assert_true (g_file_set_contents (path, data, size, NULL));
  return path;
}

/* Sets a program of instruction words as firmware. */
#define SET_PROGRAM(f, ...)                                                                        \
  do {                                                                                             \
    static const uint32_t words[] = { __VA_ARGS__ };                                               \
    f->config->firmware = make_file (f, "program", words, sizeof words);                           \
  } while (0)

static void
make (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  f->machine = dio_machine_new (f->config, &f->host, &error);
  g_assert_no_error (error);
}

static void
start (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  support_machine_do (f->machine, dio_machine_start, &error);
  g_assert_no_error (error);
}

/* Waits until @condition is true, ten seconds at most. */
#define WAIT_FOR(f, condition)                                                                     \
  do {                                                                                             \
    struct timespec end;                                                                           \
    clock_gettime (CLOCK_REALTIME, &end);                                                          \
    end.tv_sec += 10;                                                                              \
    pthread_mutex_lock (&(f)->mutex);                                                              \
    while (!(condition) && pthread_cond_timedwait (&(f)->cond, &(f)->mutex, &end) == 0) {          \
    }                                                                                              \
    g_assert_true (condition);                                                                     \
    pthread_mutex_unlock (&(f)->mutex);                                                            \
  } while (0)

static char *
serial_text (Fixture *f)
{
  uint64_t position = 0;
  g_autoptr (GBytes) bytes = dio_char_memory_read (f->host.serial, &position);
  return g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

/* ---- The device tree ---- */

static const DioRiscv64 *
hart (Fixture *f, unsigned index)
{
  return (const DioRiscv64 *) f->machine->cpus[index];
}

static const uint8_t *
ram_at (Fixture *f, DioGpa gpa)
{
  g_assert_cmphex (gpa, >=, DIO_VIRT_RISCV64_RAM);
  g_assert_cmphex (gpa, <, DIO_VIRT_RISCV64_RAM + f->machine->ram->size);
  return f->machine->ram->host + (gpa - DIO_VIRT_RISCV64_RAM);
}

/* Loads without starting; the tree as the guest finds it. */
static const void *
load_fdt (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (dio_virt_riscv64_board.load (f->machine, &error));
  g_assert_no_error (error);
  const void *fdt = ram_at (f, hart (f, 0)->x[11]);
  g_assert_cmpint (fdt_check_full (fdt, 1 << 20), ==, 0);
  return fdt;
}

static int
node_at (const void *fdt, const char *path)
{
  int node = fdt_path_offset (fdt, path);
  if (node < 0)
    g_error ("no node %s", path);
  return node;
}

static const fdt32_t *
cells_of (const void *fdt, const char *path, const char *property, int count)
{
  int length;
  const fdt32_t *cells = fdt_getprop (fdt, node_at (fdt, path), property, &length);
  if (!cells)
    g_error ("%s has no %s", path, property);
  g_assert_cmpint (length, ==, count * 4);
  return cells;
}

static uint32_t
cell (const void *fdt, const char *path, const char *property)
{
  return fdt32_to_cpu (*cells_of (fdt, path, property, 1));
}

static void
assert_cells (const void *fdt, const char *path, const char *property, const uint32_t *expected,
              int count)
{
  const fdt32_t *cells = cells_of (fdt, path, property, count);
  for (int i = 0; i < count; i++)
    g_assert_cmphex (fdt32_to_cpu (cells[i]), ==, expected[i]);
}
#define ASSERT_CELLS(fdt, path, property, ...)                                                     \
  assert_cells (fdt, path, property, (const uint32_t[]){ __VA_ARGS__ },                            \
                G_N_ELEMENTS (((const uint32_t[]){ __VA_ARGS__ })))

static void
assert_string (const void *fdt, const char *path, const char *property, const char *expected)
{
  g_assert_cmpstr (fdt_getprop (fdt, node_at (fdt, path), property, NULL), ==, expected);
}

static void
assert_compatible (const void *fdt, const char *path, const char *wanted)
{
  if (fdt_node_check_compatible (fdt, node_at (fdt, path), wanted) != 0)
    g_error ("%s is not compatible with %s", path, wanted);
}

static void
test_tree (Fixture *f, gconstpointer data)
{
  SET_PROGRAM (f, 0x0000006f);
  f->config->cpus = 3;
  f->config->append = g_strdup ("console=ttyS0 quiet");
  make (f);
  const void *fdt = load_fdt (f);

  assert_string (fdt, "/chosen", "bootargs", "console=ttyS0 quiet");
  assert_string (fdt, "/chosen", "stdout-path", "/soc/serial@10000000");
  g_assert_null (fdt_getprop (fdt, node_at (fdt, "/chosen"), "linux,initrd-start", NULL));
  cells_of (fdt, "/chosen", "rng-seed", 8);
  ASSERT_CELLS (fdt, "/memory@80000000", "reg", 0, 0x80000000, 0, 64 * MIB);
  assert_string (fdt, "/memory@80000000", "device_type", "memory");

  g_assert_cmpuint (cell (fdt, "/cpus", "timebase-frequency"), ==, 10000000);
  assert_string (fdt, "/cpus/cpu@2", "device_type", "cpu");
  g_assert_cmpuint (cell (fdt, "/cpus/cpu@2", "reg"), ==, 2);
  g_assert_cmpint (strncmp (fdt_getprop (fdt, node_at (fdt, "/cpus/cpu@2"), "riscv,isa", NULL),
                            "rv64imafdc", 10),
                   ==, 0);
  assert_string (fdt, "/cpus/cpu@0", "riscv,isa-base", "rv64i");
  g_assert_cmpint (
      fdt_stringlist_search (fdt, node_at (fdt, "/cpus/cpu@0"), "riscv,isa-extensions", "zicsr"),
      >=, 0);
  assert_string (fdt, "/cpus/cpu@0", "mmu-type", "riscv,sv57");
  g_assert_cmpuint (cell (fdt, "/cpus/cpu@0", "riscv,cbom-block-size"), ==, 64);
  g_assert_cmpuint (cell (fdt, "/cpus/cpu@0", "riscv,cboz-block-size"), ==, 64);
  g_assert_cmpint (fdt_path_offset (fdt, "/cpus/cpu@3"), <, 0);
  g_assert_cmpuint (cell (fdt, "/cpus/cpu-map/cluster0/core1", "cpu"), ==,
                    cell (fdt, "/cpus/cpu@1", "phandle"));

  uint32_t intc[3], plic = cell (fdt, "/soc/plic@c000000", "phandle");
  for (unsigned i = 0; i < 3; i++) {
    g_autofree char *path = g_strdup_printf ("/cpus/cpu@%u/interrupt-controller", i);
    intc[i] = cell (fdt, path, "phandle");
    assert_compatible (fdt, path, "riscv,cpu-intc");
  }
  ASSERT_CELLS (fdt, "/soc/plic@c000000", "interrupts-extended", intc[0], 11, intc[0], 9, intc[1],
                11, intc[1], 9, intc[2], 11, intc[2], 9);
  ASSERT_CELLS (fdt, "/soc/clint@2000000", "interrupts-extended", intc[0], 3, intc[0], 7, intc[1],
                3, intc[1], 7, intc[2], 3, intc[2], 7);
  assert_compatible (fdt, "/soc/plic@c000000", "sifive,plic-1.0.0");
  assert_compatible (fdt, "/soc/plic@c000000", "riscv,plic0");
  assert_compatible (fdt, "/soc/clint@2000000", "sifive,clint0");
  assert_compatible (fdt, "/soc/clint@2000000", "riscv,clint0");
  ASSERT_CELLS (fdt, "/soc/plic@c000000", "reg", 0, 0x0c000000, 0, 0x600000);
  ASSERT_CELLS (fdt, "/soc/clint@2000000", "reg", 0, 0x02000000, 0, 0x10000);
  g_assert_cmpuint (cell (fdt, "/soc/plic@c000000", "riscv,ndev"), ==, 96);
  g_assert_cmpuint (cell (fdt, "/soc", "interrupt-parent"), ==, plic);

  assert_compatible (fdt, "/soc/serial@10000000", "ns16550a");
  ASSERT_CELLS (fdt, "/soc/serial@10000000", "interrupts", 10);
  ASSERT_CELLS (fdt, "/soc/serial@10000000", "reg", 0, 0x10000000, 0, 0x100);
  g_assert_cmpuint (cell (fdt, "/soc/serial@10000000", "clock-frequency"), ==, 3686400);
  assert_compatible (fdt, "/soc/rtc@101000", "google,goldfish-rtc");
  assert_compatible (fdt, "/soc/rng@102000", "microsoft,vmgenid");
  ASSERT_CELLS (fdt, "/soc/rtc@101000", "interrupts", 11);

  assert_compatible (fdt, "/soc/test@100000", "syscon");
  assert_compatible (fdt, "/soc/test@100000", "sifive,test0");
  uint32_t syscon = cell (fdt, "/soc/test@100000", "phandle");
  assert_compatible (fdt, "/poweroff", "syscon-poweroff");
  assert_compatible (fdt, "/reboot", "syscon-reboot");
  g_assert_cmpuint (cell (fdt, "/poweroff", "regmap"), ==, syscon);
  g_assert_cmphex (cell (fdt, "/poweroff", "value"), ==, 0x5555);
  g_assert_cmpuint (cell (fdt, "/reboot", "regmap"), ==, syscon);
  g_assert_cmphex (cell (fdt, "/reboot", "value"), ==, 0x7777);

  assert_compatible (fdt, "/soc/pci@30000000", "pci-host-ecam-generic");
  ASSERT_CELLS (fdt, "/soc/pci@30000000", "reg", 0, 0x30000000, 0, 0x10000000);
  ASSERT_CELLS (fdt, "/soc/pci@30000000", "ranges", 0x01000000, 0, 0, 0, 0x03000000, 0, 0x10000,
                0x02000000, 0, 0x40000000, 0, 0x40000000, 0, 0x40000000, 0x03000000, 4, 0, 4, 0, 4,
                0);
  ASSERT_CELLS (fdt, "/soc/pci@30000000", "interrupt-map-mask", 0x1800, 0, 0, 7);
  const fdt32_t *map = cells_of (fdt, "/soc/pci@30000000", "interrupt-map", 16 * 6);
  for (unsigned i = 0; i < 16; i++) {
    g_assert_cmphex (fdt32_to_cpu (map[6 * i]), ==, i / 4 << 11);
    g_assert_cmpuint (fdt32_to_cpu (map[6 * i + 3]), ==, i % 4 + 1);
    g_assert_cmpuint (fdt32_to_cpu (map[6 * i + 4]), ==, plic);
    g_assert_cmpuint (fdt32_to_cpu (map[6 * i + 5]), ==, 32 + (i / 4 + i % 4) % 4);
  }
}

static void
test_entry (Fixture *f, gconstpointer data)
{
  SET_PROGRAM (f, 0x0000006f, 0x12345678);
  f->config->cpus = 64;
  f->config->memory = 32 * MIB;
  make (f);
  const void *fdt = load_fdt (f);
  for (unsigned i = 0; i < 64; i++) {
    g_assert_cmphex (hart (f, i)->interp.pc, ==, DIO_VIRT_RISCV64_RAM);
    g_assert_cmpuint (hart (f, i)->x[10], ==, i);
    g_assert_cmphex (hart (f, i)->x[11], ==, hart (f, 0)->x[11]);
    g_assert_cmphex (hart (f, i)->x[12], ==, hart (f, 0)->x[12]);
  }
  g_assert_cmphex (hart (f, 0)->x[11] & (2 * MIB - 1), ==, 0);
  /* OpenSBI grows the tree in place. */
  g_assert_cmphex (hart (f, 0)->x[11] + fdt_totalsize (fdt) + 0x8000, <,
                   DIO_VIRT_RISCV64_RAM + 32 * MIB);
  g_assert_cmpmem (ram_at (f, DIO_VIRT_RISCV64_RAM), 8, "\x6f\0\0\0\x78\x56\x34\x12", 8);
}

/* An Image (the kernel's Documentation/arch/riscv/boot-image-header.rst) of @size bytes. */
static char *
make_kernel (Fixture *f, uint64_t size)
{
  g_autofree uint8_t *image = g_malloc0 (4096);
  uint64_t text_offset = GUINT64_TO_LE (2 * MIB), image_size = GUINT64_TO_LE (size);
  uint32_t version = GUINT32_TO_LE (2);

  memcpy (image + 8, &text_offset, 8);
  memcpy (image + 16, &image_size, 8);
  memcpy (image + 32, &version, 4);
  memcpy (image + 48, "RISCV\0\0\0", 8);
  memcpy (image + 56, "RSC\x05", 4);
  memset (image + 64, 0xaa, 4096 - 64);
  return make_file (f, "kernel", image, 4096);
}

static void
test_kernel (Fixture *f, gconstpointer data)
{
  g_autofree char *initrd = g_strnfill (10000, 'i');

  SET_PROGRAM (f, 0x0000006f);
  f->config->kernel = make_kernel (f, 8 * MIB);
  f->config->initrd = make_file (f, "initrd", initrd, 10000);
  make (f);
  const void *fdt = load_fdt (f);

  g_assert_cmpmem (ram_at (f, DIO_VIRT_RISCV64_RAM + 2 * MIB + 48), 5, "RISCV", 5);
  int length;
  const void *p = fdt_getprop (fdt, node_at (fdt, "/chosen"), "linux,initrd-start", &length);
  g_assert_cmpint (length, ==, 8);
  uint64_t first = fdt64_ld (p);
  p = fdt_getprop (fdt, node_at (fdt, "/chosen"), "linux,initrd-end", &length);
  g_assert_cmpuint (fdt64_ld (p) - first, ==, 10000);
  g_assert_cmpmem (ram_at (f, first), 10000, initrd, 10000);
  g_assert_cmphex (first, >=, DIO_VIRT_RISCV64_RAM + 10 * MIB);
  g_assert_cmphex (first + 10000, <=, hart (f, 0)->x[12]);

  /* The dynamic info of OpenSBI. */
  uint64_t info[6];
  memcpy (info, ram_at (f, hart (f, 0)->x[12]), sizeof info);
  g_assert_cmphex (info[0], ==, 0x4942534f);
  g_assert_cmpuint (info[1], ==, 2);
  g_assert_cmphex (info[2], ==, DIO_VIRT_RISCV64_RAM + 2 * MIB);
  g_assert_cmpuint (info[3], ==, 1);
}

static void
test_large_firmware (Fixture *f, gconstpointer data)
{
  g_autofree char *firmware = g_malloc0 (3 * MIB);

  /* The kernel starts behind it; and memory that ends at an odd place leaves the tree its room. */
  f->config->firmware = make_file (f, "firmware", firmware, 3 * MIB);
  f->config->kernel = make_kernel (f, 8 * MIB);
  f->config->memory = 64 * MIB + 16384;
  make (f);
  const void *fdt = load_fdt (f);
  g_assert_cmpmem (ram_at (f, DIO_VIRT_RISCV64_RAM + 4 * MIB + 48), 5, "RISCV", 5);
  g_assert_cmphex (hart (f, 0)->x[11] + fdt_totalsize (fdt) + 0x8000, <,
                   DIO_VIRT_RISCV64_RAM + f->config->memory);
}

static void
assert_start_fails (Fixture *f, int code, const char *word)
{
  g_autoptr (GError) error = NULL;

  if (!f->machine)
    f->machine = dio_machine_new (f->config, &f->host, &error);
  if (f->machine)
    g_assert_false (support_machine_do (f->machine, dio_machine_start, &error));
  g_assert_error (error, DIO_ERROR, code);
  if (!strstr (error->message, word))
    g_error ("“%s” does not say “%s”", error->message, word);
  g_clear_pointer (&f->machine, dio_machine_free);
}

static void
test_errors (Fixture *f, gconstpointer data)
{
  assert_start_fails (f, DIO_ERROR_CONFIG, "nothing to start");

  f->config->firmware = g_build_filename (f->directory, "absent", NULL);
  assert_start_fails (f, DIO_ERROR_NOT_FOUND, "absent");

  g_clear_pointer (&f->config->firmware, g_free);
  SET_PROGRAM (f, 0x0000006f);
  f->config->kernel = make_file (f, "notes.txt", "hello", 5);
  assert_start_fails (f, DIO_ERROR_FORMAT, "notes.txt");

  /* Kernel, initrd and tree must fit. */
  g_clear_pointer (&f->config->kernel, g_free);
  f->config->kernel = make_kernel (f, 61 * MIB);
  assert_start_fails (f, DIO_ERROR_CONFIG, "kernel");
  g_clear_pointer (&f->config->kernel, g_free);
  f->config->kernel = make_kernel (f, 50 * MIB);
  g_autofree char *large = g_malloc0 (11 * MIB);
  f->config->initrd = make_file (f, "large.gz", large, 11 * MIB);
  assert_start_fails (f, DIO_ERROR_CONFIG, "large.gz");
  g_clear_pointer (&f->config->initrd, g_free);

  /* A disk that is not there. */
  dio_machine_config_add_disk (f->config, "/nowhere/disk.img", "raw", false);
  assert_start_fails (f, DIO_ERROR_NOT_FOUND, "disk.img");
}

static void
test_limits (Fixture *f, gconstpointer data)
{
  SET_PROGRAM (f, 0x0000006f);
  f->config->cpus = 65;
  assert_start_fails (f, DIO_ERROR_CONFIG, "64");
  f->config->cpus = 1;
  f->config->memory = 8 * MIB;
  assert_start_fails (f, DIO_ERROR_CONFIG, "16");
  f->config->memory = 64 * MIB;
  f->config->graphics = DIO_GRAPHICS_RAMFB; /* which fw_cfg would be needed for */
  assert_start_fails (f, DIO_ERROR_UNSUPPORTED, "framebuffer");
}

static void
test_absent_device (Fixture *f, gconstpointer data)
{
  static const char *const needed[] = { "plic", "ns16550", "pci-host-ecam", "virtio-gpu" };
  g_autoptr (GPtrArray) types = g_ptr_array_new ();

  SET_PROGRAM (f, 0x0000006f);
  for (unsigned i = 0; i < G_N_ELEMENTS (needed); i++) {
    g_ptr_array_set_size (types, 0);
    for (const DioDeviceType *const *type = dio_hw_devices; *type; type++)
      if (strcmp ((*type)->id, needed[i]) != 0)
        g_ptr_array_add (types, (gpointer) *type);
    g_ptr_array_add (types, NULL);
    f->host.devices = (const DioDeviceType *const *) types->pdata;
    assert_start_fails (f, DIO_ERROR_UNSUPPORTED, needed[i]);
  }
}

/* ---- Programs ---- */

static void
test_power_off (Fixture *f, gconstpointer data)
{
  SET_PROGRAM (f, 0x100002b7, /* lui t0, 0x10000: UART */
               0x04800313,    /* li t1, 'H' */
               0x00628023,    /* sb t1, 0(t0) */
               0x06900313,    /* li t1, 'i' */
               0x00628023,    /* sb t1, 0(t0) */
               0x001002b7,    /* lui t0, 0x100: system controller */
               0x00005337,    /* lui t1, 5 */
               0x55530313,    /* addi t1, t1, 0x555 */
               0x0062a023,    /* sw t1, 0(t0) */
               0x0000006f);   /* j . */
  make (f);
  start (f);
  WAIT_FOR (f, f->stopped);
  g_assert_cmpint (f->reason, ==, DIO_STOP_GUEST_OFF);
  g_assert_cmpint (f->exit_code, ==, 0);
  g_autofree char *text = serial_text (f);
  g_assert_cmpstr (text, ==, "Hi");
}

static void
test_failure (Fixture *f, gconstpointer data)
{
  SET_PROGRAM (f, 0x001002b7, /* lui t0, 0x100 */
               0x00073337,    /* lui t1, 0x73 */
               0x33330313,    /* addi t1, t1, 0x333 */
               0x0062a023,    /* sw t1, 0(t0) */
               0x0000006f);
  make (f);
  start (f);
  WAIT_FOR (f, f->stopped);
  g_assert_cmpint (f->reason, ==, DIO_STOP_CRASHED);
  g_assert_cmpint (f->exit_code, ==, 7);
}

static void
test_reset (Fixture *f, gconstpointer data)
{
  /* Prints a byte of its own image, spoils it, resets: each time it must be whole again. */
  SET_PROGRAM (f, 0x00000397, /* auipc t2, 0 */
               0x03038303,    /* lb t1, 48(t2) */
               0x100002b7,    /* lui t0, 0x10000 */
               0x00628023,    /* sb t1, 0(t0) */
               0x07800e13,    /* li t3, 'x' */
               0x03c38823,    /* sb t3, 48(t2) */
               0x001002b7,    /* lui t0, 0x100 */
               0x00007337,    /* lui t1, 7 */
               0x77730313,    /* addi t1, t1, 0x777 */
               0x0062a023,    /* sw t1, 0(t0) */
               0x0000006f, 0, 'R');
  make (f);
  start (f);
  WAIT_FOR (f, f->resets >= 3);
  g_assert_true (support_machine_do (f->machine, dio_machine_stop, NULL));
  g_assert_cmpint (f->reason, ==, DIO_STOP_FORCED);
  g_autofree char *text = serial_text (f);
  g_assert_cmpuint (strlen (text), >=, 3);
  g_assert_cmpuint (strspn (text, "R"), ==, strlen (text));
}

static void
test_interrupt (Fixture *f, gconstpointer data)
{
  /* Serial input -> PLIC -> external interrupt -> WFI ends -> echo -> power-off. */
  SET_PROGRAM (f, 0x100002b7, /* lui t0, 0x10000 */
               0x00100313,    /* li t1, 1 */
               0x006280a3,    /* sb t1, 1(t0): receive interrupt */
               0x0c0003b7,    /* lui t2, 0xc000: PLIC */
               0x0263a423,    /* sw t1, 40(t2): priority of 10 */
               0x0c002e37,    /* lui t3, 0xc002 */
               0x40000313,    /* li t1, 1 << 10 */
               0x006e2023,    /* sw t1, 0(t3): enable for M of hart 0 */
               0x00001337,    /* lui t1, 1 */
               0x80030313,    /* addi t1, t1, -2048: MEIE */
               0x30431073,    /* csrw mie, t1 */
               0x10500073,    /* wfi */
               0x0c200eb7,    /* lui t4, 0xc200 */
               0x004eaf03,    /* lw t5, 4(t4): claim */
               0x00028f83,    /* lb t6, 0(t0) */
               0x01f28023,    /* sb t6, 0(t0) */
               0x030f0f13,    /* addi t5, t5, '0' */
               0x01e28023,    /* sb t5, 0(t0): 10 + '0' is ':' */
               0x001002b7,    /* lui t0, 0x100 */
               0x00005337,    /* lui t1, 5 */
               0x55530313,    /* addi t1, t1, 0x555 */
               0x0062a023,    /* sw t1, 0(t0) */
               0x0000006f);
  make (f);
  start (f);
  g_usleep (50000);
  dio_char_memory_feed (f->host.serial, "k", 1);
  WAIT_FOR (f, f->stopped);
  g_autofree char *text = serial_text (f);
  g_assert_cmpstr (text, ==, "k:");
}

static void
test_power_button (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  SET_PROGRAM (f, 0x10500073, 0xffdff06f); /* wfi; j -4 */
  make (f);
  start (f);
  g_assert_true (support_machine_do (f->machine, dio_machine_power_button, &error));
  g_assert_no_error (error);
}

/* ---- Starting from a state ---- */

static DioSnapshot *taken; /* of the one test that runs */
static DioRestore *loaded;

static void
snapshot_command (DioMachine *machine, DioMachineDone done, void *data)
{
  dio_machine_snapshot (machine, taken, done, data);
}

static void
restore_command (DioMachine *machine, DioMachineDone done, void *data)
{
  dio_machine_restore (machine, loaded, done, data);
}

static uint64_t
peek (Fixture *f, DioGpa address, unsigned size)
{
  uint64_t value;
  g_assert_cmpint (dio_space_read (f->machine->space, address, size, &value), ==, DIO_ACCESS_OK);
  return value;
}

static uint64_t
rtc_now (Fixture *f)
{
  uint64_t low = peek (f, DIO_VIRT_RISCV64_RTC, 4);
  return peek (f, DIO_VIRT_RISCV64_RTC + 4, 4) << 32 | low;
}

static uint64_t
mtime (Fixture *f)
{
  return peek (f, DIO_VIRT_RISCV64_ACLINT + 0xbff8, 8);
}

/* A paused machine that starts from the state; the old one is gone. */
static void
start_again (Fixture *f, DioStore *store, GBytes *devices, const DioRamMap *map, bool again)
{
  g_autoptr (GError) error = NULL;
  DioRamMap *copy = dio_ram_map_new (map->size);
  memcpy (copy->ids, map->ids, map->n * sizeof *map->ids);
  dio_machine_free (f->machine);
  make (f);
  DioRestore restore = {
    .devices = devices, .map = copy, .store = store, .paused = true, .again = again
  };
  loaded = &restore;
  g_assert_true (support_machine_do (f->machine, restore_command, &error));
  g_assert_no_error (error);
}

/* Dates go on with the host's: the RTC shows what time it is, and an alarm that has passed is due.
 * Intervals do not: the counter of the timers is where it was, so that nothing that the guest waits
 * for is late all at once. Whoever goes back is told so. */
static void
test_restore (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  DioSnapshot snapshot = { 0 };
  SET_PROGRAM (f, 0x10500073, 0xffdff06f); /* wfi; j -4 */
  make (f);
  start (f);
  uint64_t alarm = rtc_now (f) + 300000000;
  dio_space_write (f->machine->space, DIO_VIRT_RISCV64_RTC + 0xc, 4, alarm >> 32);
  dio_space_write (f->machine->space, DIO_VIRT_RISCV64_RTC + 8, 4, alarm & UINT32_MAX);
  g_assert_cmpuint (peek (f, DIO_VIRT_RISCV64_RTC + 0x18, 4), ==, 1);
  uint64_t id = peek (f, DIO_VIRT_RISCV64_VMGENID, 8);
  taken = &snapshot;
  snapshot.stay = true;
  g_assert_true (support_machine_do (f->machine, snapshot_command, &error));
  uint64_t ticks = mtime (f);

  int dir = dio_file_open (dio_files_host (), AT_FDCWD, f->directory, O_RDONLY | O_DIRECTORY, 0);
  DioStore *store = dio_store_open (dio_files_host (), dir, true, &error);
  DioStoreWriter *writer = dio_store_begin (store);
  g_autoptr (DioRamMap) map = dio_ram_save (snapshot.freeze, snapshot.memory, NULL, writer,
                                            f->host.pool, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  dio_ram_freeze_end (snapshot.freeze, true);
  g_assert_true (dio_store_commit (writer, &error));
  dio_store_writer_free (writer);
  g_usleep (500000);

  start_again (f, store, snapshot.devices, map, true);
  g_assert_cmpuint (mtime (f), ==, ticks);
  int64_t now = g_get_real_time () * 1000;
  g_assert_cmpint (ABS ((int64_t) rtc_now (f) - now), <, INT64_C (2000000000));
  g_assert_cmpuint (rtc_now (f), >, alarm);
  g_assert_cmpuint (peek (f, DIO_VIRT_RISCV64_VMGENID, 8), !=, id);
  support_machine_do (f->machine, dio_machine_resume, &error);
  g_assert_no_error (error);
  for (unsigned i = 0; i < 500 && peek (f, DIO_VIRT_RISCV64_RTC + 0x18, 4); i++)
    g_usleep (10000);
  g_assert_cmpuint (peek (f, DIO_VIRT_RISCV64_RTC + 0x18, 4), ==, 0); /* it fired */
  g_assert_cmpuint (mtime (f), >, ticks);

  /* As the one that was suspended. */
  start_again (f, store, snapshot.devices, map, false);
  g_assert_cmpuint (peek (f, DIO_VIRT_RISCV64_VMGENID, 8), ==, id);
  /* As one that keeps an identifier, which is that of the copy of a suspended one. */
  for (unsigned i = 0; i < DIO_GENERATION_BYTES; i++)
    f->config->generation[i] = (uint8_t) (i + 1);
  start_again (f, store, snapshot.devices, map, false);
  g_assert_cmphex (peek (f, DIO_VIRT_RISCV64_VMGENID, 8), ==, UINT64_C (0x0807060504030201));
  start_again (f, store, snapshot.devices, map, true);
  g_assert_cmphex (peek (f, DIO_VIRT_RISCV64_VMGENID + 8, 8), ==, UINT64_C (0x100f0e0d0c0b0a09));
  g_clear_pointer (&f->machine, dio_machine_free);
  make (f);
  g_assert_cmphex (peek (f, DIO_VIRT_RISCV64_VMGENID, 8), ==, UINT64_C (0x0807060504030201));
  g_clear_pointer (&f->machine, dio_machine_free); /* before the store */
  dio_store_free (store);
  dio_file_close (dio_files_host (), dir);
  g_bytes_unref (snapshot.devices);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                        \
  g_test_add ("/hw/board/virt-riscv64/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("tree", test_tree);
  ADD ("entry", test_entry);
  ADD ("kernel", test_kernel);
  ADD ("large-firmware", test_large_firmware);
  ADD ("errors", test_errors);
  ADD ("limits", test_limits);
  ADD ("absent-device", test_absent_device);
  ADD ("power-off", test_power_off);
  ADD ("failure", test_failure);
  ADD ("reset", test_reset);
  ADD ("interrupt", test_interrupt);
  ADD ("power-button", test_power_button);
  ADD ("restore", test_restore);
#undef ADD
  return g_test_run ();
}
