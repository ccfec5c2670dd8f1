/* SPDX-License-Identifier: GPL-3.0-or-later
 * Files that look like kernels and programs, made by tests. */
#pragma once

#include <glib.h>

#include "core/base/base-types.h"

/* A Linux Image for riscv64 or arm64 of @length bytes, filled with a pattern behind its header. */
GByteArray *support_linux_image (DioArch arch, size_t length, uint64_t text_offset,
                                 uint64_t image_size);

/* The same with a PE header that asks for @pe_size bytes. */
void support_add_pe (GByteArray *image, uint16_t machine, uint32_t pe_size);

/* A 64-bit ELF program: one segment of @length pattern bytes at @address, @memsz in memory. */
GByteArray *support_elf (uint16_t machine, uint64_t address, uint64_t entry, size_t length,
                         uint64_t memsz);

GByteArray *support_gzip (const GByteArray *data);

/* Little-endian @size-byte number into @array at @offset, which grows as needed. */
void support_put (GByteArray *array, size_t offset, uint64_t value, unsigned size);
void support_put_bytes (GByteArray *array, size_t offset, const void *bytes, size_t length);

/* The byte that the pattern has at @offset. */
static inline uint8_t
support_pattern (size_t offset)
{
  return (uint8_t) (offset * 7 + (offset >> 8) + 1);
}
