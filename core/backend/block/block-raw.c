/* SPDX-License-Identifier: GPL-3.0-or-later
 * Raw images: the file is the disk. */
#include <errno.h>
#include <stdatomic.h>

#include "core/backend/block/block-node.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* Zeros written per call where the file system cannot make them itself. */
#define ZERO_CHUNK (UINT64_C (256) << 10)

typedef struct {
  DioBlockNode node;
  _Atomic uint64_t file_size; /* may end within the last sector */
  _Atomic bool flush_failed;
} Raw;

static int
raw_read (DioBlockNode *node, uint64_t offset, const struct iovec *iov, int n_iov)
{
  Raw *raw = (Raw *) node;
  uint64_t length = dio_iov_length (iov, n_iov);
  int64_t done = dio_file_readv (node->files, node->fd, iov, n_iov, offset);
  if (done < 0)
    return (int) done;
  if ((uint64_t) done == length)
    return 0;
  /* Zeros for what lies in the last, partial sector of the file; anything else missing is an error:
   * somebody cut the file. */
  if (offset + (uint64_t) done < atomic_load (&raw->file_size))
    return -EIO;
  dio_iov_zero (iov, n_iov, (uint64_t) done);
  return 0;
}

static int
raw_write (DioBlockNode *node, uint64_t offset, const struct iovec *iov, int n_iov)
{
  return dio_file_writev (node->files, node->fd, iov, n_iov, offset);
}

static int
raw_flush (DioBlockNode *node)
{
  Raw *raw = (Raw *) node;
  if (atomic_load (&raw->flush_failed))
    return -EIO;
  int result = dio_file_datasync (node->files, node->fd);
  if (result < 0)
    atomic_store (&raw->flush_failed, true);
  return result;
}

static int
allocate (DioBlockNode *node, int mode, uint64_t offset, uint64_t length)
{
  return dio_file_allocate (node->files, node->fd, mode | FALLOC_FL_KEEP_SIZE, offset, length);
}

static int
write_zeros (DioBlockNode *node, uint64_t offset, uint64_t length)
{
  g_autofree void *zeros = g_try_malloc0 (ZERO_CHUNK);
  int result = zeros ? 0 : -ENOMEM;
  for (uint64_t done = 0; done < length && result == 0; done += ZERO_CHUNK)
    result = dio_file_write (node->files, node->fd, zeros, MIN (ZERO_CHUNK, length - done),
                             offset + done);
  return result;
}

static int
raw_write_zeroes (DioBlockNode *node, uint64_t offset, uint64_t length, bool unmap)
{
  int result = -EOPNOTSUPP;
  if (unmap)
    result = allocate (node, FALLOC_FL_PUNCH_HOLE, offset, length);
  if (dio_file_is_unsupported (result))
    result = allocate (node, FALLOC_FL_ZERO_RANGE, offset, length);
  if (dio_file_is_unsupported (result))
    result = write_zeros (node, offset, length);
  return result;
}

static int
raw_map (DioBlockNode *node, uint64_t offset, uint64_t length, DioBlockExtent *extent)
{
  Raw *raw = (Raw *) node;
  uint64_t size = atomic_load (&raw->file_size);
  int64_t data = dio_file_seek (node->files, node->fd, offset, SEEK_DATA);
  *extent = (DioBlockExtent){ DIO_BLOCK_DATA, length, offset };
  if (data == -ENXIO || (data >= 0 && (uint64_t) data > offset)) {
    extent->kind = DIO_BLOCK_ZERO;
    if (data >= 0 && (uint64_t) data < size)
      extent->length = MIN (length, (uint64_t) data - offset);
    return 0;
  }
  int64_t hole = data < 0 ? data : dio_file_seek (node->files, node->fd, offset, SEEK_HOLE);
  if (hole > (int64_t) offset && (uint64_t) hole < size)
    extent->length = MIN (length, (uint64_t) hole - offset);
  return 0;
}

static bool
raw_resize (DioBlockNode *node, uint64_t size, GError **error)
{
  Raw *raw = (Raw *) node;
  int result = dio_file_truncate (node->files, node->fd, size);
  if (result == 0)
    result = dio_file_sync (node->files, node->fd);
  if (result < 0)
    return dio_block_fail_resize (node, size, result, error);
  atomic_store (&raw->file_size, size);
  node->size = size;
  return true;
}

static int
raw_close (DioBlockNode *node)
{
  return node->readonly ? 0 : raw_flush (node);
}

static bool
raw_plan (DioBlockNode *node, bool write, uint64_t offset, const struct iovec *iov, int n_iov,
          DioFileCall *call)
{
  Raw *raw = (Raw *) node;
  if (!iov) {
    *call = (DioFileCall){ .op = DIO_FILE_OP_DATASYNC, .fd = node->fd };
    return !atomic_load (&raw->flush_failed);
  }
  *call = (DioFileCall){ .op = write ? DIO_FILE_OP_WRITE : DIO_FILE_OP_READ,
                         .fd = node->fd,
                         .iov = iov,
                         .n_iov = n_iov,
                         .offset = offset };
  return offset + dio_iov_length (iov, n_iov) <= atomic_load (&raw->file_size);
}

static int
raw_ended (DioBlockNode *node, const DioFileCall *call, int64_t result)
{
  Raw *raw = (Raw *) node;
  if (call->op == DIO_FILE_OP_DATASYNC && result < 0)
    atomic_store (&raw->flush_failed, true);
  return (int) MIN (result, 0);
}

static const DioBlockDriver raw_driver = {
  .format = "raw",
  .read = raw_read,
  .write = raw_write,
  .flush = raw_flush,
  .discard = dio_block_node_punch,
  .write_zeroes = raw_write_zeroes,
  .map = raw_map,
  .resize = raw_resize,
  .plan = raw_plan,
  .ended = raw_ended,
  .close = raw_close,
};

DioBlockNode *
dio_block_raw_open (const DioBlockNode *node, uint64_t file_size, DioBlockOpenFlags flags,
                    GError **error)
{
  if (node->backing) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT,
                 _ ("The disk “%s” is raw and cannot be an overlay of another"), node->path);
    return NULL;
  }
  Raw *raw = g_new0 (Raw, 1);
  raw->node = *node;
  raw->node.driver = &raw_driver;
  raw->node.size = (file_size + DIO_BLOCK_SECTOR - 1) & ~(DIO_BLOCK_SECTOR - 1);
  raw->file_size = file_size;
  return &raw->node;
}
