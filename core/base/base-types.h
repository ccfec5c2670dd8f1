/* SPDX-License-Identifier: GPL-3.0-or-later
 * Basic types that every layer shares. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A guest-physical address; never a host pointer, never a virtual address. */
typedef uint64_t DioGpa;

/* A guest-virtual address, before translation. */
typedef uint64_t DioGva;

/* Guest (and host) architectures. The values are stable: they appear in saved state. */
typedef enum {
  DIO_ARCH_NONE = 0,
  DIO_ARCH_RISCV64 = 1,
  DIO_ARCH_ARM64 = 2,
  DIO_ARCH_X86_64 = 3,
  DIO_ARCH_PPC64 = 4,
} DioArch;

/* The architecture's name in configuration files and on the command line ("riscv64"), or NULL for
 * DIO_ARCH_NONE and values out of range. Static string. */
const char *dio_arch_to_string (DioArch arch);

/* The inverse of dio_arch_to_string(); DIO_ARCH_NONE when unknown. */
DioArch dio_arch_from_string (const char *name);

#define DIO_PAGE_SHIFT 12
#define DIO_PAGE_SIZE (UINT64_C (1) << DIO_PAGE_SHIFT)
#define DIO_PAGE_MASK (DIO_PAGE_SIZE - 1)

#define DIO_LIKELY(x) __builtin_expect (!!(x), 1)
#define DIO_UNLIKELY(x) __builtin_expect (!!(x), 0)
#define DIO_ALWAYS_INLINE inline __attribute__ ((always_inline))
#define DIO_NOINLINE __attribute__ ((noinline))
#define DIO_COLD __attribute__ ((cold, noinline))
