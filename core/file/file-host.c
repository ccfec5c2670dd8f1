/* SPDX-License-Identifier: GPL-3.0-or-later
 * The system calls that files are reached with, one function for each operation. */
#include <errno.h>
#include <glib.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/file/file.h"

typedef int64_t (*Operation) (const DioFileCall *call);

static int64_t
result_of (int64_t result)
{
  return result < 0 ? -errno : result;
}

/* One component after the other, for kernels and sandboxes without openat2(). */
static int64_t
walk (const DioFileCall *call)
{
  g_auto (GStrv) parts = g_strsplit (call->path, "/", -1);
  guint last = g_strv_length (parts) - 1;
  int at = call->fd;
  for (guint i = 0; i <= last; i++) {
    int flags = i < last ? O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW : call->flags;
    int next = -1;
    errno = EXDEV; /* what openat2() says of ".." and absolute paths */
    if (*parts[i] && strcmp (parts[i], "..") != 0)
      next = openat (at, parts[i], flags, call->mode);
    int reason = errno;
    if (at != call->fd)
      close (at);
    if (next < 0)
      return -reason;
    at = next;
  }
  return at;
}

static int64_t
host_open (const DioFileCall *call)
{
  if (!call->resolve)
    return result_of (openat (call->fd, call->path, call->flags, call->mode));
  struct open_how how = { .flags = (uint64_t) (unsigned) call->flags,
                          .mode = call->flags & O_CREAT ? call->mode : 0,
                          .resolve = call->resolve };
  int64_t result = result_of (syscall (SYS_openat2, call->fd, call->path, &how, sizeof how));
  return result == -ENOSYS || result == -EPERM ? walk (call) : result;
}

static int64_t
host_close (const DioFileCall *call)
{
  return result_of (close (call->fd));
}

static int64_t
host_read (const DioFileCall *call)
{
  return result_of (preadv (call->fd, call->iov, call->n_iov, (off_t) call->offset));
}

static int64_t
host_write (const DioFileCall *call)
{
  return result_of (pwritev (call->fd, call->iov, call->n_iov, (off_t) call->offset));
}

static int64_t
host_sync (const DioFileCall *call)
{
  return result_of (fsync (call->fd));
}

static int64_t
host_datasync (const DioFileCall *call)
{
  return result_of (fdatasync (call->fd));
}

static int64_t
host_truncate (const DioFileCall *call)
{
  return result_of (ftruncate (call->fd, (off_t) call->length));
}

static int64_t
host_allocate (const DioFileCall *call)
{
  return result_of (fallocate (call->fd, call->flags, (off_t) call->offset, (off_t) call->length));
}

static int64_t
host_seek (const DioFileCall *call)
{
  return result_of (lseek (call->fd, (off_t) call->offset, call->flags));
}

static int64_t
host_copy (const DioFileCall *call)
{
  off_t from = (off_t) call->other_offset;
  off_t to = (off_t) call->offset;
  return result_of (copy_file_range (call->other_fd, &from, call->fd, &to, call->length, 0));
}

static int64_t
host_clone (const DioFileCall *call)
{
  struct file_clone_range range = { .src_fd = call->other_fd,
                                    .src_offset = call->other_offset,
                                    .src_length = call->length,
                                    .dest_offset = call->offset };
  return result_of (ioctl (call->fd, FICLONERANGE, &range));
}

static int64_t
host_stat (const DioFileCall *call)
{
  return result_of (
      statx (call->fd, call->path, call->flags, STATX_BASIC_STATS | STATX_BTIME, call->status));
}

static int64_t
host_space (const DioFileCall *call)
{
  struct statvfs status;
  if (fstatvfs (call->fd, &status) != 0)
    return -errno;
  uint64_t bytes;
  if (__builtin_mul_overflow ((uint64_t) status.f_bavail, (uint64_t) status.f_frsize, &bytes))
    return INT64_MAX;
  return (int64_t) MIN (bytes, (uint64_t) INT64_MAX);
}

static int64_t
host_lock (const DioFileCall *call)
{
  return result_of (fcntl (call->fd, call->flags, call->lock));
}

static int64_t
host_rename (const DioFileCall *call)
{
  if (!call->flags)
    return result_of (renameat (call->fd, call->path, call->other_fd, call->other_path));
  return result_of (
      renameat2 (call->fd, call->path, call->other_fd, call->other_path, (unsigned) call->flags));
}

static int64_t
host_link (const DioFileCall *call)
{
  return result_of (linkat (call->fd, call->path, call->other_fd, call->other_path, 0));
}

static int64_t
host_unlink (const DioFileCall *call)
{
  return result_of (unlinkat (call->fd, call->path, call->flags));
}

static int64_t
host_mkdir (const DioFileCall *call)
{
  return result_of (mkdirat (call->fd, call->path, call->mode));
}

static const Operation operations[DIO_FILE_N_OPS] = {
  [DIO_FILE_OP_OPEN] = host_open,         [DIO_FILE_OP_CLOSE] = host_close,
  [DIO_FILE_OP_READ] = host_read,         [DIO_FILE_OP_WRITE] = host_write,
  [DIO_FILE_OP_SYNC] = host_sync,         [DIO_FILE_OP_DATASYNC] = host_datasync,
  [DIO_FILE_OP_TRUNCATE] = host_truncate, [DIO_FILE_OP_ALLOCATE] = host_allocate,
  [DIO_FILE_OP_SEEK] = host_seek,         [DIO_FILE_OP_COPY] = host_copy,
  [DIO_FILE_OP_CLONE] = host_clone,       [DIO_FILE_OP_STAT] = host_stat,
  [DIO_FILE_OP_SPACE] = host_space,       [DIO_FILE_OP_LOCK] = host_lock,
  [DIO_FILE_OP_RENAME] = host_rename,     [DIO_FILE_OP_LINK] = host_link,
  [DIO_FILE_OP_UNLINK] = host_unlink,     [DIO_FILE_OP_MKDIR] = host_mkdir,
};

static int64_t
host_call (DioFiles *self, const DioFileCall *call)
{
  return operations[call->op](call);
}

DioFiles *
dio_files_host (void)
{
  /* Nothing writes to it: it has no state, and callers have no business inside. */
  static const DioFiles host = { .call = host_call };
  return (DioFiles *) &host;
}
