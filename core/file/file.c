/* SPDX-License-Identifier: GPL-3.0-or-later
 * Calls on files, repeated until they are done. */
#include "core/file/file.h"

#include <errno.h>
#include <glib.h>
#include <linux/openat2.h>
#include <string.h>

/* Vectors per call: keeps the copy that is consumed on the stack. */
enum { VECTORS = 64 };

static int64_t
perform (DioFiles *files, const DioFileCall *call)
{
  int64_t result;
  do
    result = files->call (files, call);
  while (result == -EINTR);
  return result;
}

int
dio_file_open (DioFiles *files, int dir_fd, const char *path, int flags, mode_t mode)
{
  return (int) perform (files, &(DioFileCall){ .op = DIO_FILE_OP_OPEN,
                                               .fd = dir_fd,
                                               .path = path,
                                               .flags = flags | O_CLOEXEC,
                                               .mode = mode });
}

int
dio_file_open_beneath (DioFiles *files, int dir_fd, const char *path, int flags, mode_t mode)
{
  return (int) perform (files, &(DioFileCall){ .op = DIO_FILE_OP_OPEN,
                                               .fd = dir_fd,
                                               .path = path,
                                               .flags = flags | O_CLOEXEC | O_NOFOLLOW,
                                               .mode = mode,
                                               .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS });
}

int
dio_file_close (DioFiles *files, int fd)
{
  /* Never twice: on Linux the descriptor is gone even when a signal came. */
  int64_t result = files->call (files, &(DioFileCall){ .op = DIO_FILE_OP_CLOSE, .fd = fd });
  return result == -EINTR ? 0 : (int) result;
}

/* ---- Data ---- */

/* Drops @done bytes from the front of @iov; returns how many vectors are left. */
static int
consume (struct iovec *iov, int n_iov, size_t done)
{
  int first = 0;
  while (first < n_iov && done >= iov[first].iov_len)
    done -= iov[first++].iov_len;
  n_iov -= first;
  memmove (iov, iov + first, (size_t) n_iov * sizeof *iov);
  if (n_iov) {
    iov[0].iov_base = (char *) iov[0].iov_base + done;
    iov[0].iov_len -= done;
  }
  return n_iov;
}

/* Returns how far it came, or -errno. */
static int64_t
transfer (DioFiles *files, DioFileOp op, int fd, const struct iovec *iov, int n_iov,
          uint64_t offset)
{
  struct iovec part[VECTORS];
  int64_t total = 0;
  while (n_iov > 0) {
    int count = MIN (n_iov, VECTORS);
    memcpy (part, iov, (size_t) count * sizeof *part);
    iov += count;
    n_iov -= count;
    count = consume (part, count, 0);
    while (count > 0) {
      int64_t got = perform (files, &(DioFileCall){ .op = op,
                                                    .fd = fd,
                                                    .iov = part,
                                                    .n_iov = count,
                                                    .offset = offset + (uint64_t) total });
      if (got < 0)
        return got;
      if (got == 0)
        return total;
      total += got;
      count = consume (part, count, (size_t) got);
    }
  }
  return total;
}

int64_t
dio_file_readv (DioFiles *files, int fd, const struct iovec *iov, int n_iov, uint64_t offset)
{
  return transfer (files, DIO_FILE_OP_READ, fd, iov, n_iov, offset);
}

int
dio_file_writev (DioFiles *files, int fd, const struct iovec *iov, int n_iov, uint64_t offset)
{
  int64_t length = 0;
  for (int i = 0; i < n_iov; i++)
    length += (int64_t) iov[i].iov_len;
  int64_t result = transfer (files, DIO_FILE_OP_WRITE, fd, iov, n_iov, offset);
  if (result >= 0 && result < length)
    return -EIO; /* a write of nothing without a reason */
  return (int) MIN (result, 0);
}

int64_t
dio_file_read (DioFiles *files, int fd, void *data, size_t length, uint64_t offset)
{
  struct iovec iov = { data, length };
  return dio_file_readv (files, fd, &iov, 1, offset);
}

int
dio_file_write (DioFiles *files, int fd, const void *data, size_t length, uint64_t offset)
{
  struct iovec iov = { (void *) data, length };
  return dio_file_writev (files, fd, &iov, 1, offset);
}

int
dio_file_sync (DioFiles *files, int fd)
{
  return (int) perform (files, &(DioFileCall){ .op = DIO_FILE_OP_SYNC, .fd = fd });
}

int
dio_file_datasync (DioFiles *files, int fd)
{
  return (int) perform (files, &(DioFileCall){ .op = DIO_FILE_OP_DATASYNC, .fd = fd });
}

int
dio_file_truncate (DioFiles *files, int fd, uint64_t length)
{
  return (int) perform (files,
                        &(DioFileCall){ .op = DIO_FILE_OP_TRUNCATE, .fd = fd, .length = length });
}

int
dio_file_allocate (DioFiles *files, int fd, int mode, uint64_t offset, uint64_t length)
{
  return (int) perform (files, &(DioFileCall){ .op = DIO_FILE_OP_ALLOCATE,
                                               .fd = fd,
                                               .flags = mode,
                                               .offset = offset,
                                               .length = length });
}

bool
dio_file_is_unsupported (int64_t result)
{
  return result == -EOPNOTSUPP || result == -ENOSYS || result == -EINVAL || result == -ENODEV
         || result == -EXDEV || result == -ENOTTY;
}

int64_t
dio_file_seek (DioFiles *files, int fd, uint64_t offset, int whence)
{
  return perform (
      files, &(DioFileCall){ .op = DIO_FILE_OP_SEEK, .fd = fd, .offset = offset, .flags = whence });
}

int64_t
dio_file_copy_range (DioFiles *files, int source, uint64_t source_offset, int fd, uint64_t offset,
                     uint64_t length)
{
  return perform (files, &(DioFileCall){ .op = DIO_FILE_OP_COPY,
                                         .fd = fd,
                                         .offset = offset,
                                         .other_fd = source,
                                         .other_offset = source_offset,
                                         .length = length });
}

int
dio_file_clone_range (DioFiles *files, int source, uint64_t source_offset, int fd, uint64_t offset,
                      uint64_t length)
{
  return (int) perform (files, &(DioFileCall){ .op = DIO_FILE_OP_CLONE,
                                               .fd = fd,
                                               .offset = offset,
                                               .other_fd = source,
                                               .other_offset = source_offset,
                                               .length = length });
}

/* ---- What is where ---- */

int
dio_file_stat (DioFiles *files, int fd, const char *path, int flags, struct statx *status)
{
  return (int) perform (
      files,
      &(DioFileCall){
          .op = DIO_FILE_OP_STAT, .fd = fd, .path = path, .flags = flags, .status = status });
}

int64_t
dio_file_free_space (DioFiles *files, int fd)
{
  return perform (files, &(DioFileCall){ .op = DIO_FILE_OP_SPACE, .fd = fd });
}

int
dio_file_lock (DioFiles *files, int fd, int command, struct flock *lock)
{
  int64_t result = perform (
      files, &(DioFileCall){ .op = DIO_FILE_OP_LOCK, .fd = fd, .flags = command, .lock = lock });
  return result == -EACCES ? -EAGAIN : (int) result; /* the same, says POSIX */
}

int
dio_file_rename (DioFiles *files, int dir_fd, const char *path, int new_dir_fd,
                 const char *new_path, int flags)
{
  return (int) perform (files, &(DioFileCall){ .op = DIO_FILE_OP_RENAME,
                                               .fd = dir_fd,
                                               .path = path,
                                               .other_fd = new_dir_fd,
                                               .other_path = new_path,
                                               .flags = flags });
}

int
dio_file_link (DioFiles *files, int dir_fd, const char *path, int new_dir_fd, const char *new_path)
{
  return (int) perform (files, &(DioFileCall){ .op = DIO_FILE_OP_LINK,
                                               .fd = dir_fd,
                                               .path = path,
                                               .other_fd = new_dir_fd,
                                               .other_path = new_path });
}

int
dio_file_unlink (DioFiles *files, int dir_fd, const char *path, int flags)
{
  return (int) perform (
      files,
      &(DioFileCall){ .op = DIO_FILE_OP_UNLINK, .fd = dir_fd, .path = path, .flags = flags });
}

int
dio_file_mkdir (DioFiles *files, int dir_fd, const char *path, mode_t mode)
{
  return (int) perform (
      files, &(DioFileCall){ .op = DIO_FILE_OP_MKDIR, .fd = dir_fd, .path = path, .mode = mode });
}
