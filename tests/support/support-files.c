/* SPDX-License-Identifier: GPL-3.0-or-later
 * Files that look like kernels and programs. */
#include "tests/support/support-files.h"

#include <string.h>
#include <zlib.h>

void
support_put_bytes (GByteArray *array, size_t offset, const void *bytes, size_t length)
{
  size_t old = array->len;
  if (offset + length > old) {
    g_byte_array_set_size (array, (guint) (offset + length));
    memset (array->data + old, 0, offset + length - old);
  }
  memcpy (array->data + offset, bytes, length);
}

void
support_put (GByteArray *array, size_t offset, uint64_t value, unsigned size)
{
  value = GUINT64_TO_LE (value);
  support_put_bytes (array, offset, &value, size);
}

static GByteArray *
patterned (size_t length)
{
  GByteArray *array = g_byte_array_new ();
  g_byte_array_set_size (array, (guint) length);
  for (size_t i = 0; i < length; i++)
    array->data[i] = support_pattern (i);
  return array;
}

GByteArray *
support_linux_image (DioArch arch, size_t length, uint64_t text_offset, uint64_t image_size)
{
  GByteArray *image = patterned (length);
  memset (image->data, 0, 64);
  support_put (image, 8, text_offset, 8);
  support_put (image, 16, image_size, 8);
  if (arch == DIO_ARCH_RISCV64) {
    support_put_bytes (image, 48, "RISCV\0\0\0", 8);
    support_put_bytes (image, 56, "RSC\x05", 4);
  } else {
    support_put_bytes (image, 56, "ARM\x64", 4);
  }
  return image;
}

void
support_add_pe (GByteArray *image, uint16_t machine, uint32_t pe_size)
{
  support_put_bytes (image, 0, "MZ", 2);
  support_put (image, 0x3c, 64, 4);
  support_put_bytes (image, 64, "PE\0\0", 4);
  support_put (image, 64 + 4, machine, 2);
  support_put (image, 64 + 6, 1, 2);  /* one section */
  support_put (image, 64 + 20, 0, 2); /* no optional header */
  support_put (image, 64 + 24 + 16, pe_size - 512, 4);
  support_put (image, 64 + 24 + 20, 512, 4);
}

GByteArray *
support_elf (uint16_t machine, uint64_t address, uint64_t entry, size_t length, uint64_t memsz)
{
  enum { DATA = 4096 };
  GByteArray *elf = patterned (DATA + length);
  memset (elf->data, 0, DATA);
  support_put_bytes (elf, 0, "\177ELF\2\1\1", 7);
  support_put (elf, 16, 2, 2); /* ET_EXEC */
  support_put (elf, 18, machine, 2);
  support_put (elf, 20, 1, 4);
  support_put (elf, 24, entry, 8);
  support_put (elf, 32, 64, 8); /* program headers */
  support_put (elf, 52, 64, 2);
  support_put (elf, 54, 56, 2);
  support_put (elf, 56, 1, 2);
  support_put (elf, 64, 1, 4); /* PT_LOAD */
  support_put (elf, 64 + 8, DATA, 8);
  support_put (elf, 64 + 16, address, 8);
  support_put (elf, 64 + 24, address, 8);
  support_put (elf, 64 + 32, length, 8);
  support_put (elf, 64 + 40, memsz, 8);
  return elf;
}

GByteArray *
support_gzip (const GByteArray *data)
{
  z_stream stream = { .next_in = data->data, .avail_in = data->len };
  g_assert_cmpint (deflateInit2 (&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), ==,
                   Z_OK);
  GByteArray *packed = g_byte_array_new ();
  g_byte_array_set_size (packed, (guint) deflateBound (&stream, data->len));
  stream.next_out = packed->data;
  stream.avail_out = packed->len;
  g_assert_cmpint (deflate (&stream, Z_FINISH), ==, Z_STREAM_END);
  g_byte_array_set_size (packed, (guint) stream.total_out);
  deflateEnd (&stream);
  return packed;
}
