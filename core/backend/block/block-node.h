/* SPDX-License-Identifier: GPL-3.0-or-later
 * Disk images and the chains that overlays make of them: what a format driver does, and the
 * functions that work on any format.
 *
 * All of this blocks; block.h makes it asynchronous. Functions with an offset may be called by any
 * number of threads at a time; the others only while nothing else uses the node. Results are 0 or
 * -errno.
 *
 * No name inside of an image is ever opened: whoever opens an overlay gives the node of its backing
 * image, as the manifest has it, and each format comes from there as well. */
#pragma once

#include <glib.h>
#include <sys/uio.h>

#include "core/file/file-util.h"

#define DIO_BLOCK_SECTOR UINT64_C (512)
#define DIO_BLOCK_MAX_SIZE (UINT64_C (1) << 62) /* offsets fit into off_t with room to spare */
#define DIO_BLOCK_MAX_CHAIN 64

typedef struct DioBlockNode DioBlockNode;

typedef enum {
  DIO_BLOCK_DATA,        /* in this image */
  DIO_BLOCK_COMPRESSED,  /* the same, to be decompressed */
  DIO_BLOCK_ZERO,        /* reads as zeros, whatever lies below */
  DIO_BLOCK_UNALLOCATED, /* what the backing image has, or zeros */
} DioBlockExtentKind;

typedef struct {
  DioBlockExtentKind kind;
  uint64_t length;      /* from the offset asked for */
  uint64_t host_offset; /* of DATA: where in the file */
} DioBlockExtent;

typedef struct {
  const char *format; /* in manifests and on the command line */
  int (*read) (DioBlockNode *node, uint64_t offset, const struct iovec *iov, int n_iov);
  int (*write) (DioBlockNode *node, uint64_t offset, const struct iovec *iov, int n_iov);
  int (*flush) (DioBlockNode *node);
  int (*discard) (DioBlockNode *node, uint64_t offset, uint64_t length);
  int (*write_zeroes) (DioBlockNode *node, uint64_t offset, uint64_t length, bool unmap);
  int (*map) (DioBlockNode *node, uint64_t offset, uint64_t length, DioBlockExtent *extent);
  bool (*resize) (DioBlockNode *node, uint64_t size, GError **error);
  /* The one call on the file that does all of this read or write (@write), or this flush (@iov
   * NULL), if there is such a one and it needs no preparation that could take time; false: none.
   * @ended is told its result and gives that of the request. May be NULL. */
  bool (*plan) (DioBlockNode *node, bool write, uint64_t offset, const struct iovec *iov, int n_iov,
                DioFileCall *call);
  int (*ended) (DioBlockNode *node, const DioFileCall *call, int64_t result);
  /* Does what was put off, as nothing will be written any more. May be NULL. */
  int (*seal) (DioBlockNode *node);
  /* Everything to the disk, if that is possible; frees what the driver owns. */
  int (*close) (DioBlockNode *node);
} DioBlockDriver;

struct DioBlockNode {
  const DioBlockDriver *driver;
  DioFiles *files;
  int fd;
  char *path; /* for messages */
  bool readonly;
  uint64_t size;         /* bytes, a multiple of DIO_BLOCK_SECTOR */
  DioBlockNode *backing; /* owned; NULL: none */
};

typedef enum {
  DIO_BLOCK_OPEN_READONLY = 1 << 0,
  /* For the image itself, not what is in it: what keeps an image from being used is no error. */
  DIO_BLOCK_OPEN_CHECK = 1 << 1,
  DIO_BLOCK_OPEN_UNLOCKED = 1 << 2, /* only with READONLY: look at it whoever uses it */
  /* @backing stays the caller's when this fails: it is in use, and goes on without the overlay. */
  DIO_BLOCK_OPEN_KEEP = 1 << 3,
} DioBlockOpenFlags;

/* True for the formats that there are: "raw", "qcow2", and those that are only read. */
bool dio_block_is_format (const char *format);

/* True for the images of other programs, which are only read: "vmdk", "vdi", "vhd", "vhdx". */
bool dio_block_is_import (const char *format);

/* Names of all formats, for messages: "raw, qcow2, ...". */
#define DIO_BLOCK_FORMATS "raw, qcow2, vmdk, vdi, vhd, vhdx"

/* The format that the file @path seems to have. Only for a file that a person brings, and only
 * once: what is in a raw disk is up to its guest, so the answer belongs into the manifest. */
const char *dio_block_detect (DioFiles *files, const char *path);

/* True when there is no image at @path, or nothing was ever written to it. */
bool dio_block_is_blank (DioFiles *files, const char *path, const char *format);

/* Opens the image @path of @format. @backing is consumed in any case; an image that needs one (or
 * must not have one) and is not given it is an error. Takes the locks that QEMU respects (OFD byte
 * locks 100+/200+); DIO_ERROR_BUSY when another process holds them. */
DioBlockNode *dio_block_node_open (DioFiles *files, const char *path, const char *format,
                                   DioBlockOpenFlags flags, DioBlockNode *backing, GError **error);

/* One image of a chain, as a manifest has it. */
typedef struct {
  char *path;
  char *format;
} DioBlockImage;

/* Opens the @n images of a chain, the lowest first; all but the last are only read. @flags are for
 * the last; UNLOCKED counts for all. */
DioBlockNode *dio_block_node_open_chain (DioFiles *files, const DioBlockImage *images, unsigned n,
                                         DioBlockOpenFlags flags, GError **error);

/* Makes a node, whose data is flushed, one that is only read from now on: what its driver defers is
 * done, and others may not be kept from reading it. It is read-only whatever the result. */
int dio_block_node_seal (DioBlockNode *node);

/* Opens the image below @above once more, for writing, and puts that in the place of the node that
 * is there, which only reads and is closed. False: all is as it was. */
bool dio_block_node_reopen_below (DioBlockNode *above, GError **error);

/* Takes the backing node out of @node and closes the rest. Returns it. */
DioBlockNode *dio_block_node_unstack (DioBlockNode *node);

/* Flushes and closes the whole chain. The result tells whether all that was written is on the
 * disk. NULL is fine. */
int dio_block_node_close (DioBlockNode *node);

static inline void
dio_block_node_free (DioBlockNode *node)
{
  dio_block_node_close (node);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DioBlockNode, dio_block_node_free)

int dio_block_node_readv (DioBlockNode *node, uint64_t offset, const struct iovec *iov, int n_iov);
int dio_block_node_writev (DioBlockNode *node, uint64_t offset, const struct iovec *iov, int n_iov);
int dio_block_node_read (DioBlockNode *node, uint64_t offset, void *data, size_t length);
int dio_block_node_write (DioBlockNode *node, uint64_t offset, const void *data, size_t length);

/* What was written by calls that returned before is on the disk afterwards. Once it has failed it
 * always fails: the kernel may have dropped the data. */
int dio_block_node_flush (DioBlockNode *node);

/* Contents become undefined and may take no space any more; advice only. */
int dio_block_node_discard (DioBlockNode *node, uint64_t offset, uint64_t length);

/* @unmap: the space may be given back. */
int dio_block_node_write_zeroes (DioBlockNode *node, uint64_t offset, uint64_t length, bool unmap);

/* What is at @offset of this image alone; extent->length is at most @length and never 0. */
int dio_block_node_map (DioBlockNode *node, uint64_t offset, uint64_t length,
                        DioBlockExtent *extent);

/* The same for the chain: UNALLOCATED means that no image has it. @depth (may be NULL) says which
 * one decides: 0 for @node. */
int dio_block_node_map_chain (DioBlockNode *node, uint64_t offset, uint64_t length,
                              DioBlockExtent *extent, unsigned *depth);

/* Grows or shrinks; what is gained reads as zeros. */
bool dio_block_node_resize (DioBlockNode *node, uint64_t size, GError **error);

/* ---- For drivers ---- */

/* A driver's open takes what is in the base @node (its backing only on success) into a node of its
 * own; NULL leaves @node as it was. */
typedef DioBlockNode *(*DioBlockOpen) (const DioBlockNode *node, uint64_t file_size,
                                       DioBlockOpenFlags flags, GError **error);
DioBlockNode *dio_block_raw_open (const DioBlockNode *node, uint64_t file_size,
                                  DioBlockOpenFlags flags, GError **error);
DioBlockNode *dio_block_qcow2_open (const DioBlockNode *node, uint64_t file_size,
                                    DioBlockOpenFlags flags, GError **error);
DioBlockNode *dio_block_vmdk_open (const DioBlockNode *node, uint64_t file_size,
                                   DioBlockOpenFlags flags, GError **error);
DioBlockNode *dio_block_vdi_open (const DioBlockNode *node, uint64_t file_size,
                                  DioBlockOpenFlags flags, GError **error);
DioBlockNode *dio_block_vhd_open (const DioBlockNode *node, uint64_t file_size,
                                  DioBlockOpenFlags flags, GError **error);
DioBlockNode *dio_block_vhdx_open (const DioBlockNode *node, uint64_t file_size,
                                   DioBlockOpenFlags flags, GError **error);

/* Reads what the backing image has, zeros where it ends or there is none. */
int dio_block_node_read_backing (DioBlockNode *node, uint64_t offset, const struct iovec *iov,
                                 int n_iov);

/* False, and the @error for a size that -@result says the file cannot have. */
bool dio_block_fail_resize (DioBlockNode *node, uint64_t size, int result, GError **error);

/* Punches a hole into the file, or leaves it: advice. */
int dio_block_node_punch (DioBlockNode *node, uint64_t offset, uint64_t length);

/* Vectors of memory. A part of @iov, from @skip on, @length bytes; returns how many vectors of @out
 * (as many as @iov has) are used. */
uint64_t dio_iov_length (const struct iovec *iov, int n_iov);
int dio_iov_slice (struct iovec *out, const struct iovec *iov, int n_iov, uint64_t skip,
                   uint64_t length);
void dio_iov_zero (const struct iovec *iov, int n_iov, uint64_t skip);
void dio_iov_fill (const struct iovec *iov, int n_iov, const void *data);
