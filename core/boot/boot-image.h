/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tells from its first bytes what a file is that a machine could start from. Everything read is
 * hostile: no content makes these functions fail, crash or take long. */
#pragma once

#include <glib.h>

#include "core/base/base-types.h"

typedef enum {
  DIO_BOOT_UNKNOWN,
  DIO_BOOT_LINUX_IMAGE, /* arm64/riscv64 "Image", with or without an EFI stub */
  DIO_BOOT_BZIMAGE,     /* x86 boot protocol */
  DIO_BOOT_ELF,
  DIO_BOOT_EFI,          /* PE/COFF program */
  DIO_BOOT_INITRD,       /* cpio archive */
  DIO_BOOT_ISO,          /* ISO 9660 */
  DIO_BOOT_DISK,         /* partition table (MBR, GPT) or file system */
  DIO_BOOT_QCOW2,        /* a qcow2 disk image, whatever is in it */
  DIO_BOOT_FOREIGN_DISK, /* a disk image in another format of its own: VMDK, VDI, VHDX */
  DIO_BOOT_DEVICE_TREE,  /* flattened */
  DIO_BOOT_UEFI,         /* UEFI firmware, for flash */
} DioBootKind;

typedef enum {
  DIO_COMPRESSION_NONE,
  DIO_COMPRESSION_GZIP,
  DIO_COMPRESSION_ZSTD,
  DIO_COMPRESSION_XZ,
  DIO_COMPRESSION_LZ4,
  DIO_COMPRESSION_BZIP2,
} DioCompression;

/* Of a disc; anything else is whole. */
typedef enum {
  DIO_BOOT_WHOLE,
  DIO_BOOT_INCOMPLETE, /* the file is only a part of it */
  DIO_BOOT_DAMAGED,    /* its boot catalogue is none: known by dio_boot_identify_file() only */
} DioBootCondition;

typedef struct {
  DioBootKind kind;           /* of what is inside when compressed with gzip, else UNKNOWN then */
  DioArch arch;               /* NONE when it cannot be told */
  DioCompression compression; /* of the file itself */
  uint16_t machine;           /* the ELF or PE machine number, 0: none */
  DioBootCondition condition;
  char version[64]; /* kernel version or volume name, printable ASCII; may be "" */
  char title[96];   /* for people, translated: "Linux kernel for riscv64, gzip" */
} DioBootIdentity;

/* How much of a file dio_boot_identify() wants to see. */
#define DIO_BOOT_PROBE_SIZE (72 * 1024)

/* Looks at the first @length bytes of a file of @file_size bytes. */
void dio_boot_identify (const void *data, size_t length, uint64_t file_size,
                        DioBootIdentity *identity);

/* Reads the start of a regular file or block device. False only when it cannot be read. */
bool dio_boot_identify_file (const char *path, DioBootIdentity *identity, GError **error);
