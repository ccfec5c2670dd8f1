/* SPDX-License-Identifier: GPL-3.0-or-later
 * The system calls that disk images go through, and their repetition until everything is done. */
#include "core/backend/backend-file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

/* Vectors per call: keeps the copy that is consumed on the stack. */
enum { VECTORS = 64 };

static ssize_t
host_preadv (void *context, int fd, const struct iovec *iov, int n_iov, off_t offset)
{
  return preadv (fd, iov, n_iov, offset);
}

static ssize_t
host_pwritev (void *context, int fd, const struct iovec *iov, int n_iov, off_t offset)
{
  return pwritev (fd, iov, n_iov, offset);
}

static int
host_fdatasync (void *context, int fd)
{
  return fdatasync (fd);
}

static int
host_fallocate (void *context, int fd, int mode, off_t offset, off_t length)
{
  return fallocate (fd, mode, offset, length);
}

const DioFileIo dio_file_io_host = {
  .preadv = host_preadv,
  .pwritev = host_pwritev,
  .fdatasync = host_fdatasync,
  .fallocate = host_fallocate,
};

typedef ssize_t (*Transfer) (void *context, int fd, const struct iovec *iov, int n_iov,
                             off_t offset);

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

static int
transfer_all (Transfer transfer, void *context, int fd, const struct iovec *iov, int n_iov,
              uint64_t offset, uint64_t *done)
{
  struct iovec part[VECTORS];
  uint64_t total = 0;
  int result = 0;
  while (n_iov > 0 && result == 0) {
    int count = MIN (n_iov, VECTORS);
    memcpy (part, iov, (size_t) count * sizeof *part);
    iov += count;
    n_iov -= count;
    count = consume (part, count, 0);
    while (count > 0) {
      ssize_t got = transfer (context, fd, part, count, (off_t) (offset + total));
      if (got < 0 && errno == EINTR)
        continue;
      if (got <= 0) {
        result = got < 0 ? -errno : 1; /* 1: nothing more comes */
        break;
      }
      total += (uint64_t) got;
      count = consume (part, count, (size_t) got);
    }
  }
  if (done)
    *done = total;
  return result;
}

int
dio_file_read_all (const DioFileIo *io, void *context, int fd, const struct iovec *iov, int n_iov,
                   uint64_t offset, uint64_t *done)
{
  int result = transfer_all (io->preadv, context, fd, iov, n_iov, offset, done);
  return MIN (result, 0);
}

int
dio_file_write_all (const DioFileIo *io, void *context, int fd, const struct iovec *iov, int n_iov,
                    uint64_t offset)
{
  int result = transfer_all (io->pwritev, context, fd, iov, n_iov, offset, NULL);
  return result > 0 ? -EIO : result; /* a write of nothing without a reason */
}
