/* SPDX-License-Identifier: GPL-3.0-or-later
 * VDI, the images of VirtualBox: a header and one table of blocks, little-endian. `table` is where
 * the table is, `first_data` where block 0 is. */
#include <errno.h>

#include "core/backend/block/import.h"
#include "core/base/base-i18n.h"

#define VDI_SIGNATURE 0xbeda107fu
#define VDI_HEADER 512
#define VDI_NONE 0xfffffffeu /* and above: never written, or given back */

enum { VDI_DYNAMIC = 1, VDI_STATIC = 2 };

bool
dio_import_is_vdi (const uint8_t *first)
{
  return dio_get_le32 (first + 64) == VDI_SIGNATURE;
}

static int
vdi_find (Import *import, uint64_t index, ImportGrain *grain)
{
  uint32_t entry;
  int result = dio_import_table (import, import->table + index * 4, &entry, sizeof entry);
  entry = GUINT32_FROM_LE (entry);
  if (result == 0 && entry < VDI_NONE)
    *grain = (ImportGrain){ DIO_BLOCK_DATA,
                            import->first_data + ((uint64_t) entry << import->grain_bits) };
  return result;
}

static const ImportFormat vdi = {
  .driver = IMPORT_DRIVER ("vdi"),
  .find = vdi_find,
};

static bool
has_parent (const uint8_t *header)
{
  uint8_t any = 0;
  for (unsigned i = 440; i < 456; i++)
    any |= header[i];
  return any != 0;
}

DioBlockNode *
dio_block_vdi_open (const DioBlockNode *node, uint64_t file_size, DioBlockOpenFlags flags,
                    GError **error)
{
  uint8_t header[VDI_HEADER];
  unsigned grain_bits;
  if (!dio_import_header (node, 0, header, sizeof header, error))
    return NULL;
  uint32_t type = dio_get_le32 (header + 76), n_blocks = dio_get_le32 (header + 384);
  uint32_t table = dio_get_le32 (header + 340);
  uint64_t size = dio_get_le64 (header + 368);
  if (!dio_import_is_vdi (header) || dio_get_le32 (header + 68) >> 16 != 1)
    return dio_import_refuse (node, error, _ ("it is not a VDI image of version 1"));
  if ((type != VDI_DYNAMIC && type != VDI_STATIC) || has_parent (header))
    return dio_import_refuse (node, error,
                              _ ("it only has what differs from another image; clone it to one "
                                 "that is whole with “VBoxManage clonemedium”"));
  if (!dio_import_grain_bits (dio_get_le32 (header + 376), &grain_bits)
      || dio_get_le32 (header + 380) || table % 4
      || !dio_import_fits (file_size, table, n_blocks, 4) || size > DIO_BLOCK_MAX_SIZE
      || (size + (UINT64_C (1) << grain_bits) - 1) >> grain_bits > n_blocks)
    return dio_import_refuse (node, error, _ ("its header makes no sense"));
  Import *import = dio_import_new (&vdi, node, file_size, size, grain_bits, error);
  if (!import)
    return NULL;
  import->table = table;
  import->first_data = dio_get_le32 (header + 344);
  return &import->node;
}
