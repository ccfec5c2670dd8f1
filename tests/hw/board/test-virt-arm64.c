/* SPDX-License-Identifier: GPL-3.0-or-later
 * The arm64 board: firmware in its ROM, what it finds there, and what is refused. */
#include "hw/board/virt-arm64.h"

#include <glib/gstdio.h>
#include <libfdt.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/vm/vm-snapshot.h"
#include "hw/firmware/fw-cfg.h"
#include "hw/hw.h"
#include "hw/misc/vmgenid.h"
#include "tests/support/support-machine.h"

#define MIB (UINT64_C (1) << 20)
#define MEMORY (64 * MIB)

typedef struct {
  char *directory;
  DioMachineConfig *config;
  DioMachineHost host;
  DioMachine *machine;
  _Atomic int reason; /* DioStopReason */
} Fixture;

static void
event_cb (const DioMachineEvent *event, void *data)
{
  Fixture *f = data;

  if (event->kind == DIO_EVENT_STATE && event->state == DIO_MACHINE_STOPPED)
    f->reason = (int) event->reason;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->directory = g_dir_make_tmp ("dio-board-XXXXXX", NULL);
  f->config = dio_machine_config_new ();
  f->config->name = g_strdup ("test");
  f->config->arch = DIO_ARCH_ARM64;
  f->config->memory = MEMORY;
  f->config->cpus = 2;
  f->host.boards = dio_hw_boards;
  f->host.devices = dio_hw_devices;
  f->host.pool = dio_pool_new (1);
  f->host.event = event_cb;
  f->host.data = f;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_autofree char *remove = g_strdup_printf ("rm -r '%s'", f->directory);

  dio_machine_free (f->machine);
  dio_machine_config_free (f->config);
  dio_pool_free (f->host.pool);
  g_assert_true (g_spawn_command_line_sync (remove, NULL, NULL, NULL, NULL));
  g_free (f->directory);
}

static char *
make_file (Fixture *f, const char *name, const void *data, gsize size)
{
  char *path = g_build_filename (f->directory, name, NULL);

  g_assert_true (g_file_set_contents (path, data, (gssize) size, NULL));
  return path;
}

/* Looks at the ROM, which keeps what it is, at the device tree that x0 names, at fw_cfg and at the
 * empty flash, and turns the machine off if all is right. */
static const uint32_t program[] = {
  0x10000001,             /* adr x1, . */
  0xb9400022, 0xb900003f, /* ldr w2, [x1]; str wzr, [x1] */
  0xb9400023, 0x6b03005f, /* ldr w3, [x1]; cmp w2, w3 */
  0x54000281,             /* b.ne fail */
  0xb9400004,             /* ldr w4, [x0] */
  0x5281ba05, 0x72bdbfc5, /* mov w5, #0xedfe0dd0 */
  0x6b05009f, 0x540001e1, /* cmp w4, w5; b.ne fail */
  0x52812046, 0x53103cc6, /* mov w6, #0x9020000 */
  0x52800007, 0x790010c7, /* mov w7, #0; strh w7, [x6, #8] */
  0x394000c7, 0x710144ff, /* ldrb w7, [x6]; cmp w7, #'Q' */
  0x54000101,             /* b.ne fail */
  0x52a08006, 0xb94000c7, /* mov w6, #0x4000000; ldr w7, [x6] */
  0x310004ff, 0x54000081, /* cmn w7, #1; b.ne fail */
  0x52800100, 0x72b08000, /* mov w0, #0x84000008: SYSTEM_OFF */
  0xd4000002,             /* hvc #0 */
  0x14000000,             /* fail: b . */
};

static void
make (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  f->machine = dio_machine_new (f->config, &f->host, &error);
  g_assert_no_error (error);
}

static void
run (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  support_machine_do (f->machine, dio_machine_start, &error);
  g_assert_no_error (error);
  for (int i = 0; i < 10000 && f->reason == DIO_STOP_NONE; i++)
    g_usleep (1000);
  g_assert_cmpint (f->reason, ==, DIO_STOP_GUEST_OFF);
}

static void
test_rom (Fixture *f, gconstpointer data)
{
  f->config->firmware = make_file (f, "program", program, sizeof program);
  make (f);
  run (f);
}

/* The last byte of the ROM may be used, and one more is too much. */
static void
test_size (Fixture *f, gconstpointer data)
{
  gsize size = DIO_VIRT_ARM64_ROM_SIZE;
  g_autofree uint8_t *bytes = g_malloc0 (size);
  uint64_t value;

  memcpy (bytes, program, sizeof program);
  bytes[size - 1] = 0x5a;
  f->config->firmware = make_file (f, "program", bytes, size);
  make (f);
  run (f);
  g_assert_cmpint (dio_space_read (f->machine->space, size - 1, 1, &value), ==, DIO_ACCESS_OK);
  g_assert_cmphex (value, ==, 0x5a);
  g_assert_false (dio_dma_write (f->machine->space, 0, program, 4));
  /* The zeros cost nothing. */
  g_assert_cmpuint (dio_ram_resident (f->machine->ram), <, 16 * MIB);
}

static void
assert_node (const void *fdt, const char *path, const char *compatible, uint64_t address,
             uint64_t size)
{
  int length, node = fdt_path_offset (fdt, path);
  const uint8_t *reg = fdt_getprop (fdt, node, "reg", &length);

  g_assert_cmpint (length, ==, 16);
  if (compatible)
    g_assert_cmpint (fdt_node_check_compatible (fdt, node, compatible), ==, 0);
  g_assert_cmphex (fdt64_ld ((const fdt64_t *) (const void *) reg), ==, address);
  g_assert_cmphex (fdt64_ld ((const fdt64_t *) (const void *) (reg + 8)), ==, size);
}

static void
test_tree (Fixture *f, gconstpointer data)
{
  f->config->firmware = make_file (f, "program", program, sizeof program);
  make (f);
  run (f);
  const void *fdt = f->machine->ram->host; /* the start of memory */
  g_assert_cmpint (fdt_check_full (fdt, MIB), ==, 0);
  assert_node (fdt, "/flash@4000000", "cfi-flash", DIO_VIRT_ARM64_FLASH, 0x4000000);
  assert_node (fdt, "/fw-cfg@9020000", "qemu,fw-cfg-mmio", DIO_VIRT_ARM64_FW_CFG, DIO_FW_CFG_SIZE);
  assert_node (fdt, "/rng@9050000", "microsoft,vmgenid", DIO_VIRT_ARM64_VMGENID, DIO_VMGENID_SIZE);
  assert_node (fdt, "/memory@40000000", NULL, DIO_VIRT_ARM64_RAM, MEMORY);
}

/* What fw_cfg says under a number. */
static char *
read_item (Fixture *f, unsigned key, gsize length)
{
  char *text = g_malloc0 (length + 1);
  uint64_t value;

  dio_space_write (f->machine->space, DIO_VIRT_ARM64_FW_CFG + 8, 2,
                   GUINT16_SWAP_LE_BE ((uint16_t) key));
  for (gsize i = 0; i < length; i++) {
    dio_space_read (f->machine->space, DIO_VIRT_ARM64_FW_CFG, 1, &value);
    text[i] = (char) value;
  }
  return text;
}

/* The contents of a file of fw_cfg, or NULL. */
static char *
read_file (Fixture *f, const char *name)
{
  g_autofree char *directory = read_item (f, DIO_FW_CFG_DIRECTORY, 4 + 64 * 64);
  const uint8_t *bytes = (const uint8_t *) directory;

  for (unsigned i = 0; i < bytes[3]; i++) {
    const uint8_t *entry = bytes + 4 + 64 * i;
    if (strcmp ((const char *) entry + 8, name) == 0)
      return read_item (f, (unsigned) entry[4] << 8 | entry[5], (gsize) entry[2] << 8 | entry[3]);
  }
  return NULL;
}

/* The firmware is told of the disks, which follow five other devices. */
static void
test_disks (Fixture *f, gconstpointer data)
{
  g_autofree char *zeros = g_malloc0 (MIB);
  g_autofree char *one = make_file (f, "one", zeros, MIB);
  g_autofree char *two = make_file (f, "two", zeros, MIB);

  f->config->firmware = make_file (f, "program", program, sizeof program);
  dio_machine_config_add_disk (f->config, one, "raw", false);
  dio_machine_config_add_disk (f->config, two, "raw", true);
  make (f);
  run (f);
  g_autofree char *order = read_file (f, "bootorder");
  g_assert_cmpstr (order, ==, "/pci@i0cf8/scsi@6/disk@0,0\n/pci@i0cf8/scsi@7/disk@0,0\n");
  g_autofree char *wait = read_file (f, "etc/boot-menu-wait");
  g_assert_cmpmem (wait, 2, "\xd0\x07", 2);
}

static char *
make_kernel (Fixture *f, const char magic[4])
{
  char image[4096] = { 0 };

  memcpy (image + 56, magic, 4);
  return make_file (f, "kernel", image, sizeof image);
}

/* With firmware it is the firmware that starts the kernel. */
static void
test_kernel (Fixture *f, gconstpointer data)
{
  f->config->firmware = make_file (f, "program", program, sizeof program);
  f->config->kernel = make_kernel (f, "ARM\x64");
  f->config->initrd = make_file (f, "initrd", "070701", 6);
  f->config->append = g_strdup ("quiet");
  make (f);
  run (f);
  g_autofree char *size = read_item (f, DIO_FW_CFG_KERNEL_SIZE, 4);
  g_assert_cmpmem (size, 4, "\0\x10\0\0", 4);
  g_autofree char *kernel = read_item (f, DIO_FW_CFG_KERNEL, 60);
  g_assert_cmpmem (kernel + 56, 4, "ARM\x64", 4);
  g_autofree char *initrd = read_item (f, DIO_FW_CFG_INITRD, 7);
  g_assert_cmpstr (initrd, ==, "070701");
  g_autofree char *line = read_item (f, DIO_FW_CFG_COMMAND_LINE, 9);
  g_assert_cmpstr (line, ==, "quiet");
  g_assert_null (read_file (f, "bootorder"));
}

static void
assert_fails (Fixture *f, int code, const char *word)
{
  g_autoptr (GError) error = NULL;

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
  g_setenv ("DIORAMA_UEFI", "/nowhere/uefi.fd", TRUE);
  assert_fails (f, DIO_ERROR_NOT_FOUND, "/nowhere/uefi.fd");
  g_unsetenv ("DIORAMA_UEFI");
  f->config->firmware = make_file (f, "program", program, sizeof program);
  f->config->kernel = make_kernel (f, "RSC\x05");
  assert_fails (f, DIO_ERROR_WRONG_ARCH, "riscv64");
}

/* ---- The generation ---- */

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

static void
assert_generation (Fixture *f, uint8_t byte)
{
  uint64_t expected, value;

  memset (&expected, byte, sizeof expected);
  for (unsigned i = 0; i < DIO_VMGENID_BYTES; i += 8) {
    g_assert_cmpint (dio_space_read (f->machine->space, DIO_VIRT_ARM64_VMGENID + i, 8, &value), ==,
                     DIO_ACCESS_OK);
    g_assert_cmphex (value, ==, expected);
  }
}

/* A paused machine of the generation @byte that starts from @devices; the old one is gone. */
static void
start_again (Fixture *f, DioStore *store, GBytes *devices, bool again, uint8_t byte)
{
  g_autoptr (GError) error = NULL;
  DioRestore restore = { .devices = devices,
                         .map = dio_ram_map_new (MEMORY),
                         .store = store,
                         .paused = true,
                         .again = again };

  g_clear_pointer (&f->machine, dio_machine_free);
  memset (f->config->generation, byte, sizeof f->config->generation);
  make (f);
  loaded = &restore;
  g_assert_true (support_machine_do (f->machine, restore_command, &error));
  g_assert_no_error (error);
}

/* The device has what the machine keeps, at a cold start, and after it went back, is a clone, or is
 * the copy of a suspended one. */
static void
test_generation (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  DioSnapshot snapshot = { .stay = true };

  f->config->kernel = make_kernel (f, "ARM\x64");
  memset (f->config->generation, 0x31, sizeof f->config->generation);
  make (f);
  assert_generation (f, 0x31);
  support_machine_do (f->machine, dio_machine_start, &error);
  g_assert_no_error (error);
  taken = &snapshot;
  g_assert_true (support_machine_do (f->machine, snapshot_command, &error));
  dio_ram_freeze_end (snapshot.freeze, true);
  assert_generation (f, 0x31);

  int dir = dio_file_open (dio_files_host (), AT_FDCWD, f->directory, O_RDONLY | O_DIRECTORY, 0);
  DioStore *store = dio_store_open (dio_files_host (), dir, true, &error);
  g_assert_no_error (error);
  start_again (f, store, snapshot.devices, false, 0x31);
  assert_generation (f, 0x31);
  start_again (f, store, snapshot.devices, true, 0x32);
  assert_generation (f, 0x32);
  start_again (f, store, snapshot.devices, false, 0x33);
  assert_generation (f, 0x33);
  g_clear_pointer (&f->machine, dio_machine_free); /* before the store */
  dio_store_free (store);
  dio_file_close (dio_files_host (), dir);
  g_bytes_unref (snapshot.devices);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func)                                                                            \
  g_test_add ("/hw/board/virt-arm64/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("rom", test_rom);
  ADD ("size", test_size);
  ADD ("tree", test_tree);
  ADD ("disks", test_disks);
  ADD ("kernel", test_kernel);
  ADD ("errors", test_errors);
  ADD ("generation", test_generation);
#undef ADD
  return g_test_run ();
}
