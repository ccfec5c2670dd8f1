/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the slow paths of accesses share between guests: host memory and devices. For guests whose
 * byte order is the host's, little-endian. vCPU thread. */
#pragma once

#include <string.h>

#include "core/fp/fp.h"
#include "core/interp/interp-engine.h"

/* @size: 1, 2, 4 or 8. Aligned accesses are single-copy atomic. */
static inline uint64_t
dio_interp_host_read (const uint8_t *host, unsigned size)
{
  uint64_t value = 0;
  if (DIO_UNLIKELY ((uintptr_t) host & (size - 1))) {
    memcpy (&value, host, size);
    return value;
  }
  switch (size) {
  case 1:
    return __atomic_load_n (host, __ATOMIC_RELAXED);
  case 2:
    return __atomic_load_n ((const uint16_t *) (const void *) host, __ATOMIC_RELAXED);
  case 4:
    return __atomic_load_n ((const uint32_t *) (const void *) host, __ATOMIC_RELAXED);
  default:
    return __atomic_load_n ((const uint64_t *) (const void *) host, __ATOMIC_RELAXED);
  }
}

static inline void
dio_interp_host_write (uint8_t *host, unsigned size, uint64_t value)
{
  if (DIO_UNLIKELY ((uintptr_t) host & (size - 1))) {
    memcpy (host, &value, size);
    return;
  }
  switch (size) {
  case 1:
    __atomic_store_n (host, (uint8_t) value, __ATOMIC_RELAXED);
    break;
  case 2:
    __atomic_store_n ((uint16_t *) (void *) host, (uint16_t) value, __ATOMIC_RELAXED);
    break;
  case 4:
    __atomic_store_n ((uint32_t *) (void *) host, (uint32_t) value, __ATOMIC_RELAXED);
    break;
  default:
    __atomic_store_n ((uint64_t *) (void *) host, value, __ATOMIC_RELAXED);
    break;
  }
}

static DIO_ALWAYS_INLINE bool
dio_interp_crosses_page (DioGva va, unsigned size)
{
  return (va & DIO_PAGE_MASK) + size > DIO_PAGE_SIZE;
}

/* An access to what is no RAM; false: nothing is there. A device may use the host's FPU, which is
 * the guest's while compiled code runs. */
static inline bool
dio_interp_io_read (DioInterpCpu *cpu, DioGpa address, unsigned size, uint64_t *value)
{
  cpu->cpu.stats.mmio_reads++;
  uint64_t fp = dio_fp_host_enter ();
  bool done = dio_space_read (cpu->cpu.space, address, size, value) == DIO_ACCESS_OK;
  dio_fp_host_leave (fp);
  return done;
}

static inline bool
dio_interp_io_write (DioInterpCpu *cpu, DioGpa address, unsigned size, uint64_t value)
{
  cpu->cpu.stats.mmio_writes++;
  uint64_t fp = dio_fp_host_enter ();
  bool done = dio_space_write (cpu->cpu.space, address, size, value) == DIO_ACCESS_OK;
  dio_fp_host_leave (fp);
  return done;
}
