/* SPDX-License-Identifier: GPL-3.0-or-later
 * A block back-end: asynchronous requests on one disk image. */
#pragma once

#include <glib.h>
#include <sys/uio.h>

#include "core/base/base-loop.h"
#include "core/base/base-pool.h"
#include "core/file/file.h"

typedef struct DioBlock DioBlock;

typedef enum {
  DIO_BLOCK_READ,
  DIO_BLOCK_WRITE,
  DIO_BLOCK_FLUSH,
  DIO_BLOCK_DISCARD,      /* contents become undefined (zero for raw files) */
  DIO_BLOCK_WRITE_ZEROES, /* read back as zero */
} DioBlockOp;

/* A request. The caller keeps it and the memory of @iov alive until @done; @done runs on the loop
 * given to dio_block_open*(), with @result 0 or -errno. Offsets and lengths are bytes within the
 * image; the back-end checks them again. */
typedef struct DioBlockRequest {
  DioBlockOp op;
  uint64_t offset;
  uint64_t length;
  const struct iovec *iov; /* READ, WRITE */
  int n_iov;
  bool unmap; /* WRITE_ZEROES may deallocate */
  void (*done) (struct DioBlockRequest *request, int result);
  void *opaque;
} DioBlockRequest;

typedef struct {
  void (*submit) (DioBlock *block, DioBlockRequest *request);
  void (*drain) (DioBlock *block);
  void (*free) (DioBlock *block);
} DioBlockOps;

struct DioBlock {
  const DioBlockOps *ops;
  uint64_t size; /* bytes, multiple of 512 */
  bool readonly;
  char *path; /* for messages; may be NULL */
};

/* Opens an image through @files, which outlives the block. @format is "raw". Takes the locks that
 * qemu-img respects (OFD byte locks 100+/200+), DIO_ERROR_BUSY when another process holds it.
 * Requests run on @pool, complete on
 * @loop. */
DioBlock *dio_block_open (DioFiles *files, const char *path, const char *format, bool readonly,
                          DioLoop *loop, DioPool *pool, GError **error);

/* Any thread; never blocks. Requests may complete in any order. After a FLUSH has failed, all later
 * ones fail: the kernel may have dropped the data. */
void dio_block_submit (DioBlock *block, DioBlockRequest *request);

/* Waits until nothing is in flight (completions delivered). Not from the loop. */
void dio_block_drain (DioBlock *block);
void dio_block_free (DioBlock *block);

/* Creates a sparse raw image of @size bytes, mode 0600, failing if it exists; checks that the file
 * system can hold the file's size. */
bool dio_block_create_raw (DioFiles *files, const char *path, uint64_t size, GError **error);
