/* SPDX-License-Identifier: GPL-3.0-or-later
 * What all formats have in common: opening of files, checks of requests, chains. */
#include "core/backend/block/block-node.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/backend/block/block-lock.h"
#include "core/backend/block/import.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* ---- Opening ---- */

static const struct {
  const char *format;
  DioBlockOpen open;
  bool import; /* only read */
} formats[] = {
  { "raw", dio_block_raw_open, false },  { "qcow2", dio_block_qcow2_open, false },
  { "vmdk", dio_block_vmdk_open, true }, { "vdi", dio_block_vdi_open, true },
  { "vhd", dio_block_vhd_open, true },   { "vhdx", dio_block_vhdx_open, true },
};

static int
find_format (const char *format)
{
  for (size_t i = 0; i < G_N_ELEMENTS (formats); i++)
    if (g_strcmp0 (format, formats[i].format) == 0)
      return (int) i;
  return -1;
}

bool
dio_block_is_format (const char *format)
{
  return find_format (format) >= 0;
}

bool
dio_block_is_import (const char *format)
{
  int found = find_format (format);
  return found >= 0 && formats[found].import;
}

static const char *
detect (const uint8_t *first, const uint8_t *last)
{
  if (memcmp (first, "QFI\xfb\0\0\0", 7) == 0 && (first[7] == 2 || first[7] == 3))
    return "qcow2";
  if (dio_import_is_vmdk (first))
    return "vmdk";
  if (dio_import_is_vdi (first))
    return "vdi";
  if (dio_import_is_vhdx (first))
    return "vhdx";
  return dio_import_is_vhd (first, last) ? "vhd" : "raw";
}

const char *
dio_block_detect (DioFiles *files, const char *path)
{
  uint8_t first[DIO_BLOCK_SECTOR] = { 0 }, last[DIO_BLOCK_SECTOR] = { 0 };
  int fd = dio_file_open (files, AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0);
  if (fd < 0)
    return "raw";
  int64_t end = dio_file_seek (files, fd, 0, SEEK_END);
  if (end > 0)
    dio_file_read (files, fd, first, sizeof first, 0);
  if (end >= (int64_t) sizeof last)
    dio_file_read (files, fd, last, sizeof last, (uint64_t) end - sizeof last);
  dio_file_close (files, fd);
  return detect (first, last);
}

static bool
fail_open (const DioBlockNode *node, int reason, GError **error)
{
  if (!node->readonly && (reason == EACCES || reason == EPERM || reason == EROFS))
    g_set_error (error, DIO_ERROR, DIO_ERROR_IO,
                 _ ("%s “%s” could not be opened for writing: %s. Change its permissions, or "
                    "attach it read-only"),
                 _ ("The disk"), node->path, g_strerror (reason));
  else
    dio_set_error_errno (error, reason, _ ("%s “%s” could not be opened"), _ ("The disk"),
                         node->path);
  return false;
}

/* Opens and locks the file of @node. */
static bool
open_file (DioBlockNode *node, DioBlockOpenFlags flags, uint64_t *file_size, GError **error)
{
  struct statx status;
  int access = node->readonly ? O_RDONLY : O_RDWR;
  node->fd = dio_file_open (node->files, AT_FDCWD, node->path, access | O_NONBLOCK, 0);
  if (node->fd < 0)
    return fail_open (node, -node->fd, error);
  int64_t end = dio_file_seek (node->files, node->fd, 0, SEEK_END);
  if (dio_file_stat (node->files, node->fd, "", AT_EMPTY_PATH, &status) < 0
      || (!S_ISREG (status.stx_mode) && !S_ISBLK (status.stx_mode)) || end < 0
      || (uint64_t) end > DIO_BLOCK_MAX_SIZE) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("“%s” is not a disk image"), node->path);
    return false;
  }
  if (end == 0) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("The disk “%s” is empty"), node->path);
    return false;
  }
  *file_size = (uint64_t) end;
  bool unlocked = node->readonly && flags & DIO_BLOCK_OPEN_UNLOCKED;
  return unlocked || dio_block_lock (node->files, node->fd, node->path, node->readonly, error);
}

static unsigned
chain_length (const DioBlockNode *node)
{
  unsigned length = 0;
  for (; node; node = node->backing)
    length++;
  return length;
}

static void
free_node (DioBlockNode *node)
{
  if (node->fd >= 0)
    dio_file_close (node->files, node->fd); /* and with it the locks */
  g_free (node->path);
}

DioBlockNode *
dio_block_node_open (DioFiles *files, const char *path, const char *format, DioBlockOpenFlags flags,
                     DioBlockNode *backing, GError **error)
{
  int found = find_format (format);
  DioBlockNode base = { .files = files,
                        .fd = -1,
                        .path = g_strdup (path),
                        .readonly = flags & DIO_BLOCK_OPEN_READONLY,
                        .backing = backing };
  DioBlockNode *node = NULL;
  uint64_t file_size;
  if (found < 0)
    g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                 _ ("The disk “%s” has the format “%s”; this version of Diorama takes %s"), path,
                 format ? format : "", DIO_BLOCK_FORMATS);
  else if (chain_length (backing) >= DIO_BLOCK_MAX_CHAIN)
    g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                 _ ("The disk “%s” stands on more than %d others; merge some of them"), path,
                 DIO_BLOCK_MAX_CHAIN - 1);
  else if (open_file (&base, flags, &file_size, error))
    node = formats[found].open (&base, file_size, flags, error);
  if (!node) {
    free_node (&base);
    if (!(flags & DIO_BLOCK_OPEN_KEEP))
      dio_block_node_close (backing);
  }
  return node;
}

DioBlockNode *
dio_block_node_open_chain (DioFiles *files, const DioBlockImage *images, unsigned n,
                           DioBlockOpenFlags flags, GError **error)
{
  DioBlockOpenFlags below = DIO_BLOCK_OPEN_READONLY | (flags & DIO_BLOCK_OPEN_UNLOCKED);
  DioBlockNode *node = NULL;
  for (unsigned i = 0; i < n; i++) {
    node = dio_block_node_open (files, images[i].path, images[i].format, i + 1 < n ? below : flags,
                                node, error);
    if (!node)
      return NULL;
  }
  return node;
}

int
dio_block_node_seal (DioBlockNode *node)
{
  int result = 0;
  if (node->readonly)
    return 0;
  if (node->driver->seal)
    result = node->driver->seal (node);
  node->readonly = true;
  dio_block_unlock_write (node->files, node->fd);
  return result;
}

bool
dio_block_node_reopen_below (DioBlockNode *above, GError **error)
{
  DioBlockNode *old = above->backing;
  g_return_val_if_fail (old && old->readonly, false);
  dio_block_lock_share (old->files, old->fd, true);
  DioBlockNode *new = dio_block_node_open (old->files, old->path, old->driver->format,
                                           DIO_BLOCK_OPEN_KEEP, old->backing, error);
  if (!new) {
    dio_block_lock_share (old->files, old->fd, false);
    return false;
  }
  above->backing = new;
  dio_block_node_unstack (old);
  return true;
}

DioBlockNode *
dio_block_node_unstack (DioBlockNode *node)
{
  DioBlockNode *backing = node->backing;
  node->backing = NULL;
  dio_block_node_close (node);
  return backing;
}

int
dio_block_node_close (DioBlockNode *node)
{
  if (!node)
    return 0;
  int result = node->driver->close (node);
  int below = dio_block_node_close (node->backing);
  free_node (node);
  g_free (node);
  return result ? result : below;
}

/* ---- Requests ---- */

static int
check_range (const DioBlockNode *node, uint64_t offset, uint64_t length)
{
  return length > node->size || offset > node->size - length ? -EINVAL : 0;
}

static int
check_change (const DioBlockNode *node, uint64_t offset, uint64_t length)
{
  return node->readonly ? -EROFS : check_range (node, offset, length);
}

int
dio_block_node_readv (DioBlockNode *node, uint64_t offset, const struct iovec *iov, int n_iov)
{
  uint64_t length = dio_iov_length (iov, n_iov);
  int result = check_range (node, offset, length);
  return result || !length ? result : node->driver->read (node, offset, iov, n_iov);
}

int
dio_block_node_writev (DioBlockNode *node, uint64_t offset, const struct iovec *iov, int n_iov)
{
  uint64_t length = dio_iov_length (iov, n_iov);
  int result = check_change (node, offset, length);
  return result || !length ? result : node->driver->write (node, offset, iov, n_iov);
}

int
dio_block_node_read (DioBlockNode *node, uint64_t offset, void *data, size_t length)
{
  struct iovec iov = { data, length };
  return dio_block_node_readv (node, offset, &iov, 1);
}

int
dio_block_node_write (DioBlockNode *node, uint64_t offset, const void *data, size_t length)
{
  struct iovec iov = { (void *) data, length };
  return dio_block_node_writev (node, offset, &iov, 1);
}

int
dio_block_node_flush (DioBlockNode *node)
{
  return node->readonly ? 0 : node->driver->flush (node);
}

int
dio_block_node_discard (DioBlockNode *node, uint64_t offset, uint64_t length)
{
  int result = check_change (node, offset, length);
  return result || !length ? result : node->driver->discard (node, offset, length);
}

int
dio_block_node_write_zeroes (DioBlockNode *node, uint64_t offset, uint64_t length, bool unmap)
{
  int result = check_change (node, offset, length);
  return result || !length ? result : node->driver->write_zeroes (node, offset, length, unmap);
}

int
dio_block_node_map (DioBlockNode *node, uint64_t offset, uint64_t length, DioBlockExtent *extent)
{
  int result = length ? check_range (node, offset, length) : -EINVAL;
  return result ? result : node->driver->map (node, offset, length, extent);
}

int
dio_block_node_map_chain (DioBlockNode *node, uint64_t offset, uint64_t length,
                          DioBlockExtent *extent, unsigned *depth)
{
  for (unsigned at = 0;; at++) {
    int result = dio_block_node_map (node, offset, length, extent);
    length = extent->length;
    if (depth)
      *depth = at;
    if (result || extent->kind != DIO_BLOCK_UNALLOCATED || !node->backing)
      return result;
    node = node->backing;
    if (offset >= node->size)
      return 0; /* it ends before */
    length = MIN (length, node->size - offset);
  }
}

bool
dio_block_node_resize (DioBlockNode *node, uint64_t size, GError **error)
{
  if (node->readonly) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_BUSY, _ ("The disk “%s” is read-only"), node->path);
    return false;
  }
  if (size == 0 || size % DIO_BLOCK_SECTOR || size > DIO_BLOCK_MAX_SIZE) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("A disk of %" PRIu64 " bytes is not possible; sizes are multiples of "
                    "512 bytes"),
                 size);
    return false;
  }
  return node->driver->resize (node, size, error);
}

bool
dio_block_is_blank (DioFiles *files, const char *path, const char *format)
{
  struct statx status;
  if (dio_file_stat (files, AT_FDCWD, path, 0, &status) < 0)
    return true;
  if (g_strcmp0 (format, "qcow2") != 0)
    return S_ISREG (status.stx_mode) && status.stx_blocks == 0;
  DioBlockNode *node = dio_block_node_open (
      files, path, format, DIO_BLOCK_OPEN_READONLY | DIO_BLOCK_OPEN_CHECK | DIO_BLOCK_OPEN_UNLOCKED,
      NULL, NULL);
  bool blank = node != NULL;
  for (uint64_t at = 0; blank && at < node->size;) {
    DioBlockExtent extent;
    blank = dio_block_node_map (node, at, node->size - at, &extent) == 0
            && (extent.kind == DIO_BLOCK_UNALLOCATED || extent.kind == DIO_BLOCK_ZERO);
    at += extent.length;
  }
  dio_block_node_close (node);
  return blank;
}

/* ---- For drivers ---- */

int
dio_block_node_read_backing (DioBlockNode *node, uint64_t offset, const struct iovec *iov,
                             int n_iov)
{
  DioBlockNode *backing = node->backing;
  uint64_t length = dio_iov_length (iov, n_iov);
  uint64_t there = backing && offset < backing->size ? MIN (length, backing->size - offset) : 0;
  if (there) {
    g_autofree struct iovec *part = g_new (struct iovec, n_iov);
    int used = dio_iov_slice (part, iov, n_iov, 0, there);
    int result = dio_block_node_readv (backing, offset, part, used);
    if (result < 0)
      return result;
  }
  dio_iov_zero (iov, n_iov, there);
  return 0;
}

int
dio_block_node_punch (DioBlockNode *node, uint64_t offset, uint64_t length)
{
  int result = dio_file_allocate (node->files, node->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                  offset, length);
  return dio_file_is_unsupported (result) ? 0 : result;
}

bool
dio_block_fail_resize (DioBlockNode *node, uint64_t size, int result, GError **error)
{
  g_autofree char *text = g_format_size_full (size, G_FORMAT_SIZE_IEC_UNITS);
  if (result == -EFBIG || result == -EINVAL)
    g_set_error (error, DIO_ERROR, DIO_ERROR_NO_SPACE,
                 _ ("The file system cannot hold a file of %s at “%s”; choose a smaller disk or "
                    "another folder"),
                 text, node->path);
  else
    dio_set_error_errno (error, -result, _ ("The disk “%s” could not be made %s large"), node->path,
                         text);
  return false;
}
