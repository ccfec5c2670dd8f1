/* SPDX-License-Identifier: GPL-3.0-or-later
 * VHDX, the images of Hyper-V ([MS-VHDX]): headers, a table of regions, metadata, and a table of
 * blocks with an entry for a bitmap after every so many; little-endian, with CRC-32C. `table` is
 * where the table of blocks is, `second` its entries; `table_bits` says how many blocks come before
 * an entry that is for a bitmap. */
#include <errno.h>
#include <string.h>

#include "core/backend/block/import.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/vec/vec.h"

#define KIB UINT64_C (1024)
#define VHDX_HEADER 4096
#define VHDX_REGIONS (64 * KIB)
#define VHDX_GUID 16
#define VHDX_MAX_ITEMS 2047
#define VHDX_OFFSET (~UINT64_C (0xfffff)) /* of a block, in its entry */

enum { VHDX_ZERO = 2, VHDX_UNMAPPED = 3, VHDX_FULL = 6, VHDX_PARTIAL = 7 };

typedef struct {
  uint64_t offset;
  uint32_t length;
} Region;

typedef struct {
  uint32_t block_size, sector_size;
  uint64_t size;
  bool has_parent;
} Metadata;

/* As they lie in the file. */
static const uint8_t bat_region[VHDX_GUID] = { 0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42,
                                               0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08 };
static const uint8_t metadata_region[VHDX_GUID] = {
  0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b, 0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e
};
static const uint8_t file_parameters[VHDX_GUID] = {
  0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d, 0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b
};
static const uint8_t virtual_size[VHDX_GUID] = { 0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48,
                                                 0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8 };
static const uint8_t logical_sector[VHDX_GUID] = { 0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47,
                                                   0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f };

bool
dio_import_is_vhdx (const uint8_t *first)
{
  return memcmp (first, "vhdxfile", 8) == 0;
}

/* Of a structure with its own checksum at byte 4. */
static bool
checksum_is_right (const uint8_t *bytes, size_t length)
{
  uint32_t crc = UINT32_MAX;
  for (size_t i = 0; i < length; i++)
    crc = dio_vec_crc32 (DIO_VEC_CRC32C, 1, crc, i >= 4 && i < 8 ? 0 : bytes[i]);
  return ~crc == dio_get_le32 (bytes + 4);
}

/* The newer of the two headers, both at @bytes; NULL: none is whole. */
static const uint8_t *
current_header (const uint8_t *bytes)
{
  const uint8_t *best = NULL;
  for (unsigned i = 0; i < 2; i++, bytes += VHDX_HEADER)
    if (memcmp (bytes, "head", 4) == 0 && checksum_is_right (bytes, VHDX_HEADER)
        && (!best || dio_get_le64 (bytes + 8) > dio_get_le64 (best + 8)))
      best = bytes;
  return best;
}

static bool
check_header (const DioBlockNode *node, GError **error)
{
  static const uint8_t none[VHDX_GUID];
  g_autofree uint8_t *bytes = g_malloc (2 * VHDX_HEADER);
  if (!dio_import_header (node, 0, bytes, 512, error))
    return false;
  bool is_vhdx = dio_import_is_vhdx (bytes);
  if (is_vhdx
      && (!dio_import_header (node, 64 * KIB, bytes, VHDX_HEADER, error)
          || !dio_import_header (node, 128 * KIB, bytes + VHDX_HEADER, VHDX_HEADER, error)))
    return false;
  const uint8_t *header = is_vhdx ? current_header (bytes) : NULL;
  const char *why = NULL;
  if (!is_vhdx)
    why = _ ("it is not a VHDX image");
  else if (!header)
    why = _ ("its header is damaged");
  else if (dio_get_le16 (header + 66) != 1)
    why = _ ("it is not a VHDX image of version 1");
  else if (memcmp (header + 48, none, VHDX_GUID) != 0)
    why = _ ("it was not closed and has a log to be written back; attach it once in the program "
             "that made it");
  if (why)
    dio_import_refuse (node, error, why);
  return !why;
}

static bool
find_regions (const DioBlockNode *node, const uint8_t *table, Region *bat, Region *metadata)
{
  uint32_t n = dio_get_le32 (table + 8);
  if (memcmp (table, "regi", 4) != 0 || !checksum_is_right (table, VHDX_REGIONS)
      || n > VHDX_MAX_ITEMS)
    return false;
  for (const uint8_t *entry = table + 16; n > 0; n--, entry += 32) {
    Region region = { dio_get_le64 (entry + 16), dio_get_le32 (entry + 24) };
    if (memcmp (entry, bat_region, VHDX_GUID) == 0)
      *bat = region;
    else if (memcmp (entry, metadata_region, VHDX_GUID) == 0)
      *metadata = region;
    else if (dio_get_le32 (entry + 28) & 1)
      return false; /* something without which it must not be used */
  }
  return bat->length && metadata->length;
}

static bool
read_regions (const DioBlockNode *node, uint64_t file_size, Region *bat, Region *metadata,
              GError **error)
{
  g_autofree uint8_t *table = g_try_malloc (VHDX_REGIONS);
  if (!table) {
    dio_set_error_errno (error, ENOMEM, _ ("The disk “%s” could not be read"), node->path);
    return false;
  }
  bool found = false;
  for (uint64_t at = 192 * KIB; at <= 256 * KIB && !found; at += 64 * KIB) {
    if (!dio_import_header (node, at, table, VHDX_REGIONS, error))
      return false;
    found = find_regions (node, table, bat, metadata)
            && dio_import_fits (file_size, bat->offset, bat->length, 1) && bat->offset % 8 == 0
            && dio_import_fits (file_size, metadata->offset, metadata->length, 1);
  }
  if (!found)
    dio_import_refuse (node, error, _ ("its table of regions is damaged"));
  return found;
}

/* The value of one item of the metadata, which lies at @bytes; false: it is not known. */
static bool
take_item (Metadata *metadata, const uint8_t *guid, const uint8_t *bytes, uint32_t length)
{
  if (memcmp (guid, file_parameters, VHDX_GUID) == 0 && length >= 8) {
    metadata->block_size = dio_get_le32 (bytes);
    metadata->has_parent = dio_get_le32 (bytes + 4) & 2;
  } else if (memcmp (guid, virtual_size, VHDX_GUID) == 0 && length >= 8) {
    metadata->size = dio_get_le64 (bytes);
  } else if (memcmp (guid, logical_sector, VHDX_GUID) == 0 && length >= 4) {
    metadata->sector_size = dio_get_le32 (bytes);
  }
  return true;
}

static bool
parse_metadata (const uint8_t *bytes, uint32_t length, Metadata *metadata)
{
  unsigned n = dio_get_le16 (bytes + 10);
  if (memcmp (bytes, "metadata", 8) != 0 || n > VHDX_MAX_ITEMS || 32 + n * 32 > length)
    return false;
  for (const uint8_t *entry = bytes + 32; n > 0; n--, entry += 32) {
    uint32_t offset = dio_get_le32 (entry + 16), size = dio_get_le32 (entry + 20);
    if (!dio_import_fits (length, offset, size, 1)
        || !take_item (metadata, entry, bytes + offset, size))
      return false;
  }
  return metadata->sector_size == 512 || metadata->sector_size == 4096;
}

static bool
read_metadata (const DioBlockNode *node, const Region *region, Metadata *metadata, GError **error)
{
  uint32_t length = (uint32_t) MIN (region->length, 1024 * KIB);
  g_autofree uint8_t *bytes = g_try_malloc0 (MAX (length, 64));
  if (!bytes) {
    dio_set_error_errno (error, ENOMEM, _ ("The disk “%s” could not be read"), node->path);
    return false;
  }
  if (!dio_import_header (node, region->offset, bytes, length, error))
    return false;
  bool good = parse_metadata (bytes, length, metadata);
  if (!good)
    dio_import_refuse (node, error, _ ("its metadata is damaged"));
  return good;
}

static int
vhdx_find (Import *import, uint64_t index, ImportGrain *grain)
{
  uint64_t entry, place = index + (index >> import->table_bits);
  if (place >= import->second)
    return -EIO;
  int result = dio_import_table (import, import->table + place * 8, &entry, sizeof entry);
  if (result < 0)
    return result;
  entry = GUINT64_FROM_LE (entry);
  switch (entry & 7) {
  case VHDX_FULL:
    *grain = (ImportGrain){ DIO_BLOCK_DATA, entry & VHDX_OFFSET };
    return 0;
  case VHDX_PARTIAL:
    return -EIO; /* only of images that stand on others */
  default:
    *grain = (ImportGrain){ DIO_BLOCK_ZERO, 0 };
    return 0;
  }
}

static const ImportFormat vhdx = {
  .driver = IMPORT_DRIVER ("vhdx"),
  .find = vhdx_find,
};

DioBlockNode *
dio_block_vhdx_open (const DioBlockNode *node, uint64_t file_size, DioBlockOpenFlags flags,
                     GError **error)
{
  Region bat = { 0 }, region = { 0 };
  Metadata metadata = { 0 };
  unsigned grain_bits;
  if (!check_header (node, error) || !read_regions (node, file_size, &bat, &region, error)
      || !read_metadata (node, &region, &metadata, error))
    return NULL;
  if (metadata.has_parent)
    return dio_import_refuse (node, error,
                              _ ("it only has what differs from another image; merge the two with "
                                 "the program that made them"));
  uint64_t span = metadata.sector_size * (UINT64_C (1) << 23);
  if (!dio_import_grain_bits (metadata.block_size, &grain_bits) || metadata.size % 512)
    return dio_import_refuse (node, error, _ ("its header makes no sense"));
  Import *import = dio_import_new (&vhdx, node, file_size, metadata.size, grain_bits, error);
  if (!import)
    return NULL;
  import->table = bat.offset;
  import->second = bat.length / 8;
  import->table_bits = (unsigned) __builtin_ctzll (span) - grain_bits;
  return &import->node;
}
