/* SPDX-License-Identifier: GPL-3.0-or-later
 * Disk images of other programs (VMDK, VDI, VHD, VHDX), to be read and never written: what their
 * formats have in common.
 *
 * All of them cut the disk into grains of one size, and have tables that say where in the file each
 * grain is. A format reads its headers when the image is opened and answers for one grain at a time
 * afterwards; tables stay in the file and are read through a small cache, so that an image, which
 * may be anybody's, cannot ask for memory. */
#pragma once

#include <pthread.h>

#include "core/backend/block/block-node.h"
#include "core/base/base-bytes.h"

#define IMPORT_PAGE 4096u
#define IMPORT_PAGES 64u
#define IMPORT_MIN_GRAIN_BITS 12u
#define IMPORT_MAX_GRAIN_BITS 28u

typedef struct Import Import;

typedef struct {
  DioBlockExtentKind kind;
  uint64_t offset; /* in the file: of the grain, or of what it is packed into */
} ImportGrain;

/* A format. */
typedef struct {
  DioBlockDriver driver;
  /* Where grain @index is, which lies within the disk. 0 or -errno. */
  int (*find) (Import *import, uint64_t index, ImportGrain *grain);
  /* For grains of kind COMPRESSED: all of what is packed at @offset. 0 or -errno. */
  int (*unpack) (Import *import, uint64_t offset, uint8_t *data);
} ImportFormat;

typedef struct {
  uint64_t number; /* of the page in the file, plus 1; 0: nothing */
  uint32_t length; /* less than a page at the end of the file */
  uint8_t bytes[IMPORT_PAGE];
} ImportPage;

struct Import {
  DioBlockNode node;
  const ImportFormat *format;
  uint64_t file_size;
  unsigned grain_bits;
  /* What find() needs: each format says what these are. */
  uint64_t table, second, first_data;
  unsigned table_bits;
  pthread_mutex_t lock; /* of what follows */
  ImportPage *pages;    /* IMPORT_PAGES, by number */
  uint8_t *unpacked;    /* a grain */
  uint64_t unpacked_at; /* plus 1; 0: nothing */
};

/* The functions of a format's DioBlockDriver. */
int dio_import_read (DioBlockNode *node, uint64_t offset, const struct iovec *iov, int n_iov);
int dio_import_map (DioBlockNode *node, uint64_t offset, uint64_t length, DioBlockExtent *extent);
int dio_import_close (DioBlockNode *node);

#define IMPORT_DRIVER(name)                                                                        \
  {                                                                                                \
    .format = (name), .read = dio_import_read, .map = dio_import_map, .close = dio_import_close,   \
  }

/* An image of @format with a disk of @size bytes in grains of 1 << @grain_bits. NULL for sizes that
 * no such image has. */
Import *dio_import_new (const ImportFormat *format, const DioBlockNode *node, uint64_t file_size,
                        uint64_t size, unsigned grain_bits, GError **error);

/* Is @size a power of two that a grain can have? Then *@bits. */
bool dio_import_grain_bits (uint64_t size, unsigned *bits);

/* @size bytes of a table at @offset, both multiples of @size, a power of two. 0 or -errno. */
int dio_import_table (Import *import, uint64_t offset, void *entry, size_t size);

/* Reads @length bytes of a header at @offset; false and @error when the file has not got them. */
bool dio_import_header (const DioBlockNode *node, uint64_t offset, void *data, size_t length,
                        GError **error);

/* Do @count entries of @size bytes at @offset lie in the file? */
bool dio_import_fits (uint64_t file_size, uint64_t offset, uint64_t count, uint64_t size);

/* NULL, and an error that names the image and says @why, a translated sentence without its end. */
DioBlockNode *dio_import_refuse (const DioBlockNode *node, GError **error, const char *why);

/* Whether a file is such an image, from its first 512 bytes and its last. */
bool dio_import_is_vmdk (const uint8_t *first);
bool dio_import_is_vdi (const uint8_t *first);
bool dio_import_is_vhd (const uint8_t *first, const uint8_t *last);
bool dio_import_is_vhdx (const uint8_t *first);
