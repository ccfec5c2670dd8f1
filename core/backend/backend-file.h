/* SPDX-License-Identifier: GPL-3.0-or-later
 * The system calls that disk images go through, as a table, so that tests can log them, make them
 * fail, and cut the power between any two. */
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include "core/base/base-types.h"

/* Results as of the system calls: -1 and errno on failure. Called from pool threads, several at a
 * time. @context is what came with the table. */
typedef struct {
  ssize_t (*preadv) (void *context, int fd, const struct iovec *iov, int n_iov, off_t offset);
  ssize_t (*pwritev) (void *context, int fd, const struct iovec *iov, int n_iov, off_t offset);
  int (*fdatasync) (void *context, int fd);
  int (*fallocate) (void *context, int fd, int mode, off_t offset, off_t length);
} DioFileIo;

/* The system calls themselves. */
extern const DioFileIo dio_file_io_host;

/* All of @length bytes described by @iov, however many calls it takes; 0 or -errno. Reading stops
 * at the end of the file: *done (may be NULL) says how far it came. */
int dio_file_read_all (const DioFileIo *io, void *context, int fd, const struct iovec *iov,
                       int n_iov, uint64_t offset, uint64_t *done);
int dio_file_write_all (const DioFileIo *io, void *context, int fd, const struct iovec *iov,
                        int n_iov, uint64_t offset);
