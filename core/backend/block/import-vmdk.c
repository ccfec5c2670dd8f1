/* SPDX-License-Identifier: GPL-3.0-or-later
 * VMDK, the images of VMware (Virtual Disk Format 5.0) and what OVA files have in them: sparse
 * extents in one file, plain or with compressed grains (streamOptimized). A directory of tables of
 * grains, little-endian, in sectors. `table` is where the directory is, `second` its entries,
 * `table_bits` the grains of a table, `first_data` whether entries of 1 are grains of zeros. */
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "core/backend/block/import.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define VMDK_HEADER 512
#define VMDK_FOOTER 1024 /* from the end of the file */
#define VMDK_AT_END UINT64_MAX
#define VMDK_MARKER 12 /* before a compressed grain: its first sector, and its length */
#define VMDK_MAX_DESCRIPTOR (UINT64_C (64) << 10)
#define VMDK_MAX_TABLE_BITS 16u

enum { VMDK_ZERO_GRAINS = 1 << 2, VMDK_COMPRESSED = 1 << 16, VMDK_MARKERS = 1 << 17 };

static const char descriptor_magic[] = "# Disk DescriptorFile";

static bool
is_sparse (const uint8_t *bytes)
{
  return memcmp (bytes, "KDMV", 4) == 0;
}

static bool
is_descriptor (const uint8_t *bytes)
{
  return memcmp (bytes, descriptor_magic, strlen (descriptor_magic)) == 0;
}

bool
dio_import_is_vmdk (const uint8_t *first)
{
  return is_sparse (first) || is_descriptor (first);
}

/* ---- Grains ---- */

static int
vmdk_find (Import *import, uint64_t index, ImportGrain *grain)
{
  uint32_t table, entry;
  uint64_t directory = import->table + (index >> import->table_bits) * 4;
  uint64_t within = index & ((UINT64_C (1) << import->table_bits) - 1);
  *grain = (ImportGrain){ DIO_BLOCK_ZERO, 0 };
  if (index >> import->table_bits >= import->second)
    return -EIO;
  int result = dio_import_table (import, directory, &table, sizeof table);
  table = GUINT32_FROM_LE (table);
  if (result < 0 || !table)
    return result;
  result = dio_import_table (import, table * DIO_BLOCK_SECTOR + within * 4, &entry, sizeof entry);
  entry = GUINT32_FROM_LE (entry);
  if (result < 0 || !entry || (entry == 1 && import->first_data))
    return result;
  *grain = (ImportGrain){ import->format->unpack ? DIO_BLOCK_COMPRESSED : DIO_BLOCK_DATA,
                          entry * DIO_BLOCK_SECTOR };
  return 0;
}

static int
inflate_grain (uint8_t *packed, uint32_t length, uint8_t *data, size_t size)
{
  z_stream stream = { .next_in = packed, .avail_in = length, .next_out = data };
  stream.avail_out = (uInt) size;
  if (inflateInit (&stream) != Z_OK)
    return -ENOMEM;
  int status = inflate (&stream, Z_FINISH);
  inflateEnd (&stream);
  /* The last grain may be short. */
  memset (data + (size - stream.avail_out), 0, stream.avail_out);
  return status == Z_STREAM_END || (status == Z_BUF_ERROR && stream.avail_out == 0) ? 0 : -EIO;
}

static int
vmdk_unpack (Import *import, uint64_t offset, uint8_t *data)
{
  uint8_t marker[VMDK_MARKER];
  size_t size = (size_t) 1 << import->grain_bits;
  int64_t got = dio_file_read (import->node.files, import->node.fd, marker, sizeof marker, offset);
  uint32_t length = dio_get_le32 (marker + 8);
  if (got < (int64_t) sizeof marker)
    return got < 0 ? (int) got : -EIO;
  if (length > 2 * size + IMPORT_PAGE)
    return -EIO; /* more than any grain takes */
  g_autofree uint8_t *packed = g_try_malloc (length + 1);
  if (!packed)
    return -ENOMEM;
  got = dio_file_read (import->node.files, import->node.fd, packed, length, offset + sizeof marker);
  if (got < (int64_t) length)
    return got < 0 ? (int) got : -EIO;
  return inflate_grain (packed, length, data, size);
}

static const ImportFormat vmdk = {
  .driver = IMPORT_DRIVER ("vmdk"),
  .find = vmdk_find,
};

static const ImportFormat vmdk_packed = {
  .driver = IMPORT_DRIVER ("vmdk"),
  .find = vmdk_find,
  .unpack = vmdk_unpack,
};

/* ---- Opening ---- */

/* False unless the text inside says that the image stands alone. */
static bool
check_descriptor (const DioBlockNode *node, uint64_t offset, uint64_t length, GError **error)
{
  g_autofree char *text = g_try_malloc0 (VMDK_MAX_DESCRIPTOR + 1);
  int64_t got = text ? dio_file_read (node->files, node->fd, text,
                                      (size_t) MIN (length, VMDK_MAX_DESCRIPTOR), offset)
                     : -ENOMEM;
  if (!text) {
    dio_set_error_errno (error, ENOMEM, _ ("The disk “%s” could not be read"), node->path);
    return false;
  }
  if (got < 0 || !is_descriptor ((const uint8_t *) text)) {
    dio_import_refuse (node, error, _ ("its description is damaged"));
    return false;
  }
  const char *parent = strstr (text, "parentCID=");
  if (parent && g_ascii_strncasecmp (parent + strlen ("parentCID="), "ffffffff", 8) != 0) {
    dio_import_refuse (node, error,
                       _ ("it only has what differs from another image; merge the two with the "
                          "program that made them"));
    return false;
  }
  return true;
}

static bool
check_kind (const DioBlockNode *node, const uint8_t *header, GError **error)
{
  uint32_t version = dio_get_le32 (header + 4), flags = dio_get_le32 (header + 8);
  const char *why = NULL;
  if (is_descriptor (header))
    why = _ ("it only describes a disk that is in other files. Choose the file whose name ends in "
             "“-flat.vmdk” as a raw disk, or make one file of them with the program that made "
             "them");
  else if (!is_sparse (header) || version < 1 || version > 3)
    why = _ ("it is not a VMDK image of version 1 to 3");
  else if (!dio_get_le64 (header + 28))
    why = _ ("it is one of several files; make one of them with the program that made them");
  else if (!!(flags & VMDK_COMPRESSED) != !!(flags & VMDK_MARKERS)
           || (flags & VMDK_COMPRESSED && dio_get_le16 (header + 77) != 1))
    why = _ ("it is compressed in a way that is not known");
  if (why)
    dio_import_refuse (node, error, why);
  return !why;
}

static DioBlockNode *
open_sparse (const DioBlockNode *node, uint64_t file_size, const uint8_t *header, GError **error)
{
  uint64_t sectors = dio_get_le64 (header + 12), grain = dio_get_le64 (header + 20);
  uint64_t directory = dio_get_le64 (header + 56);
  uint32_t per_table = dio_get_le32 (header + 44), flags = dio_get_le32 (header + 8);
  unsigned grain_bits, table_bits = per_table ? (unsigned) __builtin_ctz (per_table) : 0;
  if (sectors > DIO_BLOCK_MAX_SIZE / DIO_BLOCK_SECTOR || grain > file_size
      || directory > file_size / DIO_BLOCK_SECTOR || !per_table || per_table & (per_table - 1)
      || table_bits > VMDK_MAX_TABLE_BITS
      || !dio_import_grain_bits (grain * DIO_BLOCK_SECTOR, &grain_bits))
    return dio_import_refuse (node, error, _ ("its header makes no sense"));
  unsigned bits = grain_bits - 9 + table_bits;
  uint64_t n_tables = (sectors + (UINT64_C (1) << bits) - 1) >> bits;
  if (!dio_import_fits (file_size, directory * DIO_BLOCK_SECTOR, n_tables, 4))
    return dio_import_refuse (node, error, _ ("a part of it is missing"));
  Import *import = dio_import_new (flags & VMDK_COMPRESSED ? &vmdk_packed : &vmdk, node, file_size,
                                   sectors * DIO_BLOCK_SECTOR, grain_bits, error);
  if (!import)
    return NULL;
  import->table = directory * DIO_BLOCK_SECTOR;
  import->second = n_tables;
  import->table_bits = table_bits;
  import->first_data = flags & VMDK_ZERO_GRAINS;
  return &import->node;
}

DioBlockNode *
dio_block_vmdk_open (const DioBlockNode *node, uint64_t file_size, DioBlockOpenFlags flags,
                     GError **error)
{
  uint8_t header[VMDK_HEADER] = { 0 };
  /* A description alone may be shorter than a sector. */
  size_t length = (size_t) MIN (file_size, sizeof header);
  if (!dio_import_header (node, 0, header, length, error) || !check_kind (node, header, error)
      || !check_descriptor (node, dio_get_le64 (header + 28) * DIO_BLOCK_SECTOR,
                            dio_get_le64 (header + 36) * DIO_BLOCK_SECTOR, error))
    return NULL;
  /* Streams have their directory behind the data, and another header at their end. */
  if (dio_get_le64 (header + 56) == VMDK_AT_END
      && (file_size < VMDK_FOOTER
          || !dio_import_header (node, file_size - VMDK_FOOTER, header, sizeof header, error)
          || !is_sparse (header)))
    return error && *error ? NULL : dio_import_refuse (node, error, _ ("a part of it is missing"));
  return open_sparse (node, file_size, header, error);
}
