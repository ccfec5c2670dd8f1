/* SPDX-License-Identifier: GPL-3.0-or-later
 * The ACPI tables of the arm64 board: placed as firmware does it, by the script in fw_cfg, whole
 * then, and understood by ACPICA's iasl, which is not ours. */
#include <string.h>

#include "core/guest/arm64/arm64-cpu.h"
#include "hw/board/virt-arm64.h"
#include "hw/firmware/fw-cfg.h"
#include "hw/hw.h"
#include "tests/support/support-machine.h"

#define CPUS 3
#define COMMAND_SIZE 128
#define NAME_SIZE 56
#define MAX_FILES 4

/* A file where firmware has put it. */
typedef struct {
  char name[NAME_SIZE];
  uint8_t *bytes;
  gsize size;
  uint64_t address; /* 0: nowhere yet */
} File;

typedef struct {
  char *directory;
  DioMachineConfig *config;
  DioMachineHost host;
  DioMachine *machine;
  File files[MAX_FILES];
  unsigned n_files;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->directory = g_dir_make_tmp ("dio-acpi-XXXXXX", NULL);
  f->config = dio_machine_config_new ();
  f->config->name = g_strdup ("test");
  f->config->arch = DIO_ARCH_ARM64;
  f->config->memory = UINT64_C (64) << 20;
  f->config->cpus = CPUS;
  f->host.boards = dio_hw_boards;
  f->host.devices = dio_hw_devices;
  f->host.pool = dio_pool_new (1);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_autofree char *remove = g_strdup_printf ("rm -r '%s'", f->directory);

  for (unsigned i = 0; i < f->n_files; i++)
    g_free (f->files[i].bytes);
  dio_machine_free (f->machine);
  dio_machine_config_free (f->config);
  dio_pool_free (f->host.pool);
  g_assert_true (g_spawn_command_line_sync (remove, NULL, NULL, NULL, NULL));
  g_free (f->directory);
}

static void
make (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  f->machine = dio_machine_new (f->config, &f->host, &error);
  g_assert_no_error (error);
}

/* ---- What firmware does ---- */

static uint64_t
get (const uint8_t *bytes, unsigned size)
{
  uint64_t value = 0;

  memcpy (&value, bytes, size);
  return GUINT64_FROM_LE (value);
}

static uint8_t *
read_item (Fixture *f, unsigned key, gsize length)
{
  uint8_t *bytes = g_malloc0 (length);
  uint64_t value;

  dio_space_write (f->machine->space, DIO_VIRT_ARM64_FW_CFG + 8, 2,
                   GUINT16_SWAP_LE_BE ((uint16_t) key));
  for (gsize i = 0; i < length; i++) {
    dio_space_read (f->machine->space, DIO_VIRT_ARM64_FW_CFG, 1, &value);
    bytes[i] = (uint8_t) value;
  }
  return bytes;
}

/* The file of that name, read once, or NULL. */
static File *
find_file (Fixture *f, const char *name)
{
  for (unsigned i = 0; i < f->n_files; i++)
    if (strcmp (f->files[i].name, name) == 0)
      return &f->files[i];
  g_autofree uint8_t *directory = read_item (f, DIO_FW_CFG_DIRECTORY, 4 + 64 * 64);
  for (unsigned i = 0; i < directory[3]; i++) {
    const uint8_t *entry = directory + 4 + 64 * i;
    if (strcmp ((const char *) entry + 8, name) != 0)
      continue;
    g_assert_cmpuint (f->n_files, <, MAX_FILES);
    File *file = &f->files[f->n_files++];
    g_strlcpy (file->name, name, sizeof file->name);
    file->size = GUINT32_FROM_BE ((uint32_t) get (entry, 4));
    file->bytes = read_item (f, (unsigned) entry[4] << 8 | entry[5], file->size);
    return file;
  }
  return NULL;
}

static File *
named (Fixture *f, const uint8_t *name)
{
  File *file = find_file (f, (const char *) name);

  g_assert_nonnull (file);
  return file;
}

static uint8_t
sum (const uint8_t *bytes, gsize length)
{
  uint8_t total = 0;

  for (gsize i = 0; i < length; i++)
    total = (uint8_t) (total + bytes[i]);
  return total;
}

static void
allocate (Fixture *f, const uint8_t *command)
{
  File *file = named (f, command + 4);
  uint64_t alignment = get (command + 60, 4);

  g_assert_cmpuint (file->address, ==, 0);
  g_assert_true (alignment && (alignment & (alignment - 1)) == 0);
  file->address = UINT64_C (0x123000000) + 0x100000 * (uint64_t) (file - f->files);
}

static void
point (Fixture *f, const uint8_t *command)
{
  File *file = named (f, command + 4), *into = named (f, command + 60);
  uint64_t offset = get (command + 116, 4);

  g_assert_cmpuint (command[120], ==, 8);
  g_assert_true (file->address && into->address);
  g_assert_cmpuint (offset + 8, <=, file->size);
  uint64_t value = get (file->bytes + offset, 8);
  g_assert_cmpuint (value, <, into->size);
  value = GUINT64_TO_LE (value + into->address);
  memcpy (file->bytes + offset, &value, 8);
}

static void
add_checksum (Fixture *f, const uint8_t *command)
{
  File *file = named (f, command + 4);
  uint64_t offset = get (command + 60, 4), start = get (command + 64, 4);
  uint64_t length = get (command + 68, 4);

  g_assert_cmpuint (start + length, <=, file->size);
  g_assert_cmpuint (offset, <, file->size);
  g_assert_cmpuint (file->bytes[offset], ==, 0);
  file->bytes[offset] = (uint8_t) -sum (file->bytes + start, length);
}

static void
run_script (Fixture *f)
{
  File *script = find_file (f, "etc/table-loader");

  g_assert_nonnull (script);
  g_assert_cmpuint (script->size % COMMAND_SIZE, ==, 0);
  for (gsize at = 0; at < script->size; at += COMMAND_SIZE) {
    const uint8_t *command = script->bytes + at;
    uint64_t kind = get (command, 4);
    if (kind == 1)
      allocate (f, command);
    else if (kind == 2)
      point (f, command);
    else if (kind == 3)
      add_checksum (f, command);
    else
      g_assert_not_reached ();
  }
}

/* ---- What is judged ---- */

/* The table at an address, whole. */
static const uint8_t *
table_at (Fixture *f, uint64_t address, const char *signature)
{
  const File *file = find_file (f, "etc/acpi/tables");

  g_assert_cmpuint (address, >=, file->address);
  uint64_t offset = address - file->address;
  g_assert_cmpuint (offset + 36, <=, file->size);
  const uint8_t *table = file->bytes + offset;
  g_assert_cmpuint (get (table + 4, 4), <=, file->size - offset);
  g_assert_cmpuint (sum (table, get (table + 4, 4)), ==, 0);
  if (signature)
    g_assert_cmpmem (table, 4, signature, 4);
  return table;
}

static void
run_iasl (Fixture *f, const char *options, const char *file)
{
  g_autofree char *command =
      g_strdup_printf ("sh -c 'cd \"%s\" && iasl %s %s 2>&1'", f->directory, options, file);
  g_autofree char *output = NULL;
  int status;

  g_assert_true (g_spawn_command_line_sync (command, &output, NULL, &status, NULL));
  if (status != 0
      || g_regex_match_simple ("(?i)error[^s]|[1-9][0-9]* (error|warning)|invalid|"
                               "could not|Unknown",
                               output, 0, 0))
    g_error ("iasl %s %s: %s", options, file, output);
}

/* Takes the table apart and, with what came out of it, puts it together again. */
static void
judge (Fixture *f, const uint8_t *table)
{
  g_autofree char *name = g_strdup_printf ("%.4s.dat", (const char *) table);
  g_autofree char *source = g_strdup_printf ("%.4s.dsl", (const char *) table);
  g_autofree char *path = g_build_filename (f->directory, name, NULL);

  g_assert_true (
      g_file_set_contents (path, (const char *) table, (gssize) get (table + 4, 4), NULL));
  run_iasl (f, "-d", name);
  run_iasl (f, "-we", source);
}

static const uint8_t *
root (Fixture *f)
{
  const File *rsdp = find_file (f, "etc/acpi/rsdp");

  g_assert_cmpmem (rsdp->bytes, 8, "RSD PTR ", 8);
  g_assert_cmpuint (rsdp->bytes[15], ==, 2);
  g_assert_cmpuint (sum (rsdp->bytes, 20), ==, 0);
  g_assert_cmpuint (sum (rsdp->bytes, 36), ==, 0);
  return table_at (f, get (rsdp->bytes + 24, 8), "XSDT");
}

static void
test_tables (Fixture *f, gconstpointer data)
{
  static const char *const wanted[] = { "FACP", "APIC", "GTDT", "MCFG", "SPCR", "DBG2", "IORT" };

  make (f);
  run_script (f);
  const uint8_t *xsdt = root (f);
  g_assert_cmpuint (get (xsdt + 4, 4), ==, 36 + 8 * G_N_ELEMENTS (wanted));
  for (unsigned i = 0; i < G_N_ELEMENTS (wanted); i++) {
    const uint8_t *table = table_at (f, get (xsdt + 36 + 8 * i, 8), wanted[i]);
    judge (f, table);
    if (i == 0)
      judge (f, table_at (f, get (table + 140, 8), "DSDT"));
  }
}

/* Each CPU is in the table of interrupt controllers, by the number that it has. */
static void
test_cpus (Fixture *f, gconstpointer data)
{
  unsigned found = 0;

  make (f);
  run_script (f);
  const uint8_t *madt = table_at (f, get (root (f) + 36 + 8, 8), "APIC");
  for (uint64_t at = 44; at < get (madt + 4, 4); at += madt[at + 1]) {
    g_assert_cmpuint (madt[at + 1], >, 2);
    if (madt[at] != 0x0b)
      continue;
    g_assert_cmpuint (get (madt + at + 8, 4), ==, found);
    g_assert_cmphex (get (madt + at + 68, 8), ==,
                     DIO_ARM64 (f->machine->cpus[found])->mpidr & UINT64_C (0xff00ffffff));
    found++;
  }
  g_assert_cmpuint (found, ==, CPUS);
}

static void
test_absent (Fixture *f, gconstpointer data)
{
  f->config->no_acpi = true;
  make (f);
  g_assert_null (find_file (f, "etc/table-loader"));
  g_assert_null (find_file (f, "etc/acpi/rsdp"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func)                                                                            \
  g_test_add ("/hw/board/virt-arm64-acpi/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("tables", test_tables);
  ADD ("cpus", test_cpus);
  ADD ("absent", test_absent);
#undef ADD
  return g_test_run ();
}
