/* SPDX-License-Identifier: GPL-3.0-or-later
 * ACPI tables and the script that places them, which is QEMU's (hw/acpi/bios-linker-loader). */
#include "hw/firmware/acpi-tables.h"

#include <string.h>

#include "hw/firmware/fw-cfg.h"

#define TABLES "etc/acpi/tables"
#define ROOT "etc/acpi/rsdp"
#define SCRIPT "etc/table-loader"

#define LENGTH_AT 4
#define CHECKSUM_AT 9
#define COMMAND_SIZE 128
#define NAME_SIZE 56
#define ALIGNMENT 64

/* Commands of the script. */
enum {
  ALLOCATE = 1, /* file, alignment, zone */
  POINTER = 2,  /* file that has it, file it is into, offset, size */
  CHECKSUM = 3, /* file, offset, first byte, bytes */
};

enum {
  ZONE_HIGH = 1,
  ZONE_LOW = 2, /* where a system without UEFI looks for the root */
};

struct DioAcpi {
  GByteArray *tables;
  uint32_t start; /* of the table that is open */
  GArray *listed; /* of uint32_t: offsets of tables */
  /* Pointers have to be filled in before checksums are made. */
  GByteArray *allocations, *pointers, *checksums;
};

DioAcpi *
dio_acpi_new (void)
{
  DioAcpi *acpi = g_new0 (DioAcpi, 1);

  acpi->tables = g_byte_array_new ();
  acpi->listed = g_array_new (FALSE, FALSE, sizeof (uint32_t));
  acpi->allocations = g_byte_array_new ();
  acpi->pointers = g_byte_array_new ();
  acpi->checksums = g_byte_array_new ();
  return acpi;
}

void
dio_acpi_free (DioAcpi *acpi)
{
  g_byte_array_unref (acpi->tables);
  g_array_unref (acpi->listed);
  g_byte_array_unref (acpi->allocations);
  g_byte_array_unref (acpi->pointers);
  g_byte_array_unref (acpi->checksums);
  g_free (acpi);
}

static void
append (GByteArray *bytes, uint64_t value, unsigned size)
{
  value = GUINT64_TO_LE (value);
  g_byte_array_append (bytes, (const guint8 *) &value, size);
}

static void
append_zeros (GByteArray *bytes, unsigned count)
{
  guint at = bytes->len;

  if (count == 0)
    return; /* an array that is still empty has no place for its bytes */
  g_byte_array_set_size (bytes, at + count);
  memset (bytes->data + at, 0, count);
}

/* ---- The script ---- */

static void
append_name (GByteArray *script, const char *name)
{
  char field[NAME_SIZE] = { 0 };

  g_strlcpy (field, name, sizeof field);
  g_byte_array_append (script, (const guint8 *) field, sizeof field);
}

static void
fill_command (GByteArray *script)
{
  append_zeros (script, COMMAND_SIZE - script->len % COMMAND_SIZE);
}

static void
add_allocation (DioAcpi *acpi, const char *file, uint32_t alignment, unsigned zone)
{
  append (acpi->allocations, ALLOCATE, 4);
  append_name (acpi->allocations, file);
  append (acpi->allocations, alignment, 4);
  append (acpi->allocations, zone, 1);
  fill_command (acpi->allocations);
}

static void
add_pointer (DioAcpi *acpi, const char *file, uint32_t offset)
{
  append (acpi->pointers, POINTER, 4);
  append_name (acpi->pointers, file);
  append_name (acpi->pointers, TABLES);
  append (acpi->pointers, offset, 4);
  append (acpi->pointers, 8, 1);
  fill_command (acpi->pointers);
}

static void
add_checksum (DioAcpi *acpi, const char *file, uint32_t offset, uint32_t start, uint32_t length)
{
  append (acpi->checksums, CHECKSUM, 4);
  append_name (acpi->checksums, file);
  append (acpi->checksums, offset, 4);
  append (acpi->checksums, start, 4);
  append (acpi->checksums, length, 4);
  fill_command (acpi->checksums);
}

/* ---- Tables ---- */

void
dio_acpi_begin (DioAcpi *acpi, const char *signature, unsigned revision)
{
  append_zeros (acpi->tables, -acpi->tables->len % 8);
  acpi->start = acpi->tables->len;
  dio_acpi_bytes (acpi, signature, 4);
  dio_acpi_put (acpi, 0, 4); /* the length, known at the end */
  dio_acpi_put (acpi, revision, 1);
  dio_acpi_put (acpi, 0, 1); /* the checksum, the firmware's */
  dio_acpi_bytes (acpi, "DIORAMVIRT    ", 14);
  dio_acpi_put (acpi, 1, 4);
  dio_acpi_bytes (acpi, "DIOR", 4);
  dio_acpi_put (acpi, 1, 4);
}

uint32_t
dio_acpi_end (DioAcpi *acpi, bool listed)
{
  uint32_t length = acpi->tables->len - acpi->start;
  uint32_t wire = GUINT32_TO_LE (length);

  memcpy (acpi->tables->data + acpi->start + LENGTH_AT, &wire, sizeof wire);
  add_checksum (acpi, TABLES, acpi->start + CHECKSUM_AT, acpi->start, length);
  if (listed)
    g_array_append_val (acpi->listed, acpi->start);
  return acpi->start;
}

void
dio_acpi_put (DioAcpi *acpi, uint64_t value, unsigned size)
{
  append (acpi->tables, value, size);
}

void
dio_acpi_zeros (DioAcpi *acpi, unsigned count)
{
  append_zeros (acpi->tables, count);
}

void
dio_acpi_bytes (DioAcpi *acpi, const void *data, size_t size)
{
  g_byte_array_append (acpi->tables, data, (guint) size);
}

void
dio_acpi_address (DioAcpi *acpi, DioGpa address)
{
  dio_acpi_put (acpi, 0, 1);  /* memory */
  dio_acpi_put (acpi, 32, 1); /* bits */
  dio_acpi_put (acpi, 0, 1);
  dio_acpi_put (acpi, 3, 1); /* by 32 bits */
  dio_acpi_put (acpi, address, 8);
}

void
dio_acpi_pointer (DioAcpi *acpi, uint32_t offset)
{
  add_pointer (acpi, TABLES, acpi->tables->len);
  dio_acpi_put (acpi, offset, 8);
}

/* ---- The root ---- */

static uint32_t
build_xsdt (DioAcpi *acpi)
{
  dio_acpi_begin (acpi, "XSDT", 1);
  for (guint i = 0; i < acpi->listed->len; i++)
    dio_acpi_pointer (acpi, g_array_index (acpi->listed, uint32_t, i));
  return dio_acpi_end (acpi, false);
}

/* Section 5.2.5.3; the first checksum is of what ACPI 1.0 had. */
static GBytes *
build_rsdp (DioAcpi *acpi, uint32_t xsdt)
{
  GByteArray *root = g_byte_array_new ();

  g_byte_array_append (root, (const guint8 *) "RSD PTR ", 8);
  append (root, 0, 1);
  g_byte_array_append (root, (const guint8 *) "DIORAM", 6);
  append (root, 2, 1);
  append (root, 0, 4);
  append (root, 36, 4);
  append (root, xsdt, 8);
  append (root, 0, 4);
  add_pointer (acpi, ROOT, 24);
  add_checksum (acpi, ROOT, 8, 0, 20);
  add_checksum (acpi, ROOT, 32, 0, 36);
  return g_byte_array_free_to_bytes (root);
}

void
dio_acpi_offer (DioAcpi *acpi, DioDevice *fw_cfg)
{
  add_allocation (acpi, TABLES, ALIGNMENT, ZONE_HIGH);
  add_allocation (acpi, ROOT, 16, ZONE_LOW);
  g_autoptr (GBytes) root = build_rsdp (acpi, build_xsdt (acpi));
  g_autoptr (GBytes) tables = g_bytes_new (acpi->tables->data, acpi->tables->len);
  GByteArray *script = g_byte_array_new ();

  g_byte_array_append (script, acpi->allocations->data, acpi->allocations->len);
  g_byte_array_append (script, acpi->pointers->data, acpi->pointers->len);
  g_byte_array_append (script, acpi->checksums->data, acpi->checksums->len);
  g_autoptr (GBytes) commands = g_byte_array_free_to_bytes (script);
  dio_fw_cfg_set_file (fw_cfg, TABLES, tables);
  dio_fw_cfg_set_file (fw_cfg, ROOT, root);
  dio_fw_cfg_set_file (fw_cfg, SCRIPT, commands);
}
