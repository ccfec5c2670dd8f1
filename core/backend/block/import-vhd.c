/* SPDX-License-Identifier: GPL-3.0-or-later
 * VHD, the images of Virtual PC and early Hyper-V (Virtual Hard Disk Image Format Specification
 * 1.0): a footer, and in dynamic images a header and a table of blocks, each with a bitmap before
 * it; big-endian. Sectors whose bit is not set are zeros in the block as well, so the bitmaps need
 * not be read. `table` is where the table is (0: fixed), `first_data` the bytes of a bitmap. */
#include <errno.h>
#include <string.h>

#include "core/backend/block/import.h"
#include "core/base/base-i18n.h"

#define VHD_FOOTER 512
#define VHD_HEADER 1024
#define VHD_NONE 0xffffffffu
#define VHD_FIXED_GRAIN_BITS 21

enum { VHD_FIXED = 2, VHD_DYNAMIC = 3, VHD_DIFFERENCING = 4 };

static bool
is_footer (const uint8_t *bytes)
{
  return memcmp (bytes, "conectix", 8) == 0;
}

bool
dio_import_is_vhd (const uint8_t *first, const uint8_t *last)
{
  return is_footer (first) || is_footer (last);
}

/* The complement of the sum of all bytes but the checksum's own, which are at @at. */
static bool
checksum_is_right (const uint8_t *bytes, unsigned length, unsigned at)
{
  uint32_t sum = 0;
  for (unsigned i = 0; i < length; i++)
    sum += i >= at && i < at + 4 ? 0 : bytes[i];
  return ~sum == dio_get_be32 (bytes + at);
}

static int
vhd_find (Import *import, uint64_t index, ImportGrain *grain)
{
  *grain = (ImportGrain){ DIO_BLOCK_DATA, index << import->grain_bits };
  if (!import->table)
    return 0;
  uint32_t entry;
  int result = dio_import_table (import, import->table + index * 4, &entry, sizeof entry);
  entry = GUINT32_FROM_BE (entry);
  *grain = (ImportGrain){ entry == VHD_NONE ? DIO_BLOCK_ZERO : DIO_BLOCK_DATA,
                          entry * DIO_BLOCK_SECTOR + import->first_data };
  return result;
}

static const ImportFormat vhd = {
  .driver = IMPORT_DRIVER ("vhd"),
  .find = vhd_find,
};

static DioBlockNode *
open_fixed (const DioBlockNode *node, uint64_t file_size, uint64_t size, GError **error)
{
  if (size > file_size - VHD_FOOTER)
    return dio_import_refuse (node, error, _ ("a part of it is missing"));
  Import *import = dio_import_new (&vhd, node, file_size, size, VHD_FIXED_GRAIN_BITS, error);
  return import ? &import->node : NULL;
}

static DioBlockNode *
open_dynamic (const DioBlockNode *node, uint64_t file_size, uint64_t at, uint64_t size,
              GError **error)
{
  uint8_t header[VHD_HEADER];
  unsigned grain_bits;
  if (at > file_size)
    return dio_import_refuse (node, error, _ ("a part of it is missing"));
  if (!dio_import_header (node, at, header, sizeof header, error))
    return NULL;
  uint64_t table = dio_get_be64 (header + 16);
  uint32_t n_blocks = dio_get_be32 (header + 28);
  if (memcmp (header, "cxsparse", 8) != 0 || !checksum_is_right (header, sizeof header, 36)
      || !dio_import_grain_bits (dio_get_be32 (header + 32), &grain_bits) || table % 4 || !table
      || !dio_import_fits (file_size, table, n_blocks, 4) || size > DIO_BLOCK_MAX_SIZE
      || (size + (UINT64_C (1) << grain_bits) - 1) >> grain_bits > n_blocks)
    return dio_import_refuse (node, error, _ ("its header makes no sense"));
  Import *import = dio_import_new (&vhd, node, file_size, size, grain_bits, error);
  if (!import)
    return NULL;
  uint64_t bitmap = UINT64_C (1) << (grain_bits - 9 - 3);
  import->table = table;
  import->first_data = (bitmap + DIO_BLOCK_SECTOR - 1) & ~(DIO_BLOCK_SECTOR - 1);
  return &import->node;
}

DioBlockNode *
dio_block_vhd_open (const DioBlockNode *node, uint64_t file_size, DioBlockOpenFlags flags,
                    GError **error)
{
  uint8_t footer[VHD_FOOTER];
  if (file_size < VHD_FOOTER)
    return dio_import_refuse (node, error, _ ("it is not a VHD image"));
  /* Dynamic images have a copy at the start. */
  if (!dio_import_header (node, 0, footer, sizeof footer, error)
      || (!is_footer (footer)
          && !dio_import_header (node, file_size - VHD_FOOTER, footer, sizeof footer, error)))
    return NULL;
  if (!is_footer (footer) || dio_get_be32 (footer + 12) >> 16 != 1)
    return dio_import_refuse (node, error, _ ("it is not a VHD image"));
  if (!checksum_is_right (footer, sizeof footer, 64))
    return dio_import_refuse (node, error, _ ("its header is damaged"));
  uint64_t size = dio_get_be64 (footer + 48);
  switch (dio_get_be32 (footer + 60)) {
  case VHD_FIXED:
    return open_fixed (node, file_size, size, error);
  case VHD_DYNAMIC:
    return open_dynamic (node, file_size, dio_get_be64 (footer + 16), size, error);
  case VHD_DIFFERENCING:
    return dio_import_refuse (node, error,
                              _ ("it only has what differs from another image; merge the two with "
                                 "the program that made them"));
  default:
    return dio_import_refuse (node, error, _ ("it is not a VHD image"));
  }
}
