/* SPDX-License-Identifier: GPL-3.0-or-later
 * A 128-bit vector of a guest, as the host holds it. */
#pragma once

#include "core/base/base-types.h"

typedef uint64_t DioVec __attribute__ ((vector_size (16)));

/* Polynomials of dio_vec_crc32(). */
typedef enum {
  DIO_VEC_CRC32,  /* 0x04c11db7 */
  DIO_VEC_CRC32C, /* 0x1edc6f41 */
} DioVecCrc;

static DIO_ALWAYS_INLINE DioVec
dio_vec_make (uint64_t low, uint64_t high)
{
  return (DioVec){ low, high };
}

/* Compares the 16 bytes at @host (aligned) with @expected and replaces them by @desired if they are
 * equal, as one atomic operation; gives what was there. */
DioVec dio_vec_compare_swap (void *host, DioVec expected, DioVec desired);

/* The checksum @crc continued over the low @bytes (1, 2, 4, 8) of @data. Any thread. */
uint32_t dio_vec_crc32 (DioVecCrc polynomial, unsigned bytes, uint32_t crc, uint64_t data);
