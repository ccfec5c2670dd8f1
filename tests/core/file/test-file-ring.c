/* SPDX-License-Identifier: GPL-3.0-or-later
 * Calls that are begun on a ring: results, failures, layers, and how many may be under way. */
#include "core/file/file-ring.h"

#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/files-fail.h"

typedef struct {
  int fd;
  FilesFail fail;
  DioFileRing *ring; /* NULL where the kernel has none: others do the work then */
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  char path[] = "/tmp/dio-ring-XXXXXX";
  f->fd = mkstemp (path);
  g_assert_cmpint (f->fd, >=, 0);
  unlink (path);
  files_fail_init (&f->fail, dio_files_host ());
  f->ring = dio_file_ring_new (&f->fail.files, 4);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_file_ring_free (f->ring);
  close (f->fd);
}

/* Submits, and waits for one call to end. */
static int64_t
end_one (Fixture *f, void **data)
{
  int64_t result;
  g_assert_cmpint (dio_file_ring_submit (f->ring), ==, 0);
  while (!dio_file_ring_next (f->ring, data, &result)) {
    struct pollfd wait = { .fd = dio_file_ring_get_fd (f->ring), .events = POLLIN };
    g_assert_cmpint (poll (&wait, 1, 10000), ==, 1);
    dio_file_ring_reset (f->ring);
  }
  return result;
}

static int64_t
run (Fixture *f, DioFileOp op, int fd, void *memory, size_t length, uint64_t offset)
{
  void *data;
  const struct iovec iov = { memory, length };
  const DioFileCall call = { .op = op, .fd = fd, .iov = &iov, .n_iov = 1, .offset = offset };
  g_assert_true (dio_file_ring_begin (f->ring, &call, f));
  int64_t result = end_one (f, &data);
  g_assert_true (data == f);
  return result;
}

static void
test_calls (Fixture *f, gconstpointer unused)
{
  char out[3000], in[3000] = { 0 };
  if (!f->ring)
    return;
  memset (out, 'x', sizeof out);
  g_assert_cmpint (run (f, DIO_FILE_OP_WRITE, f->fd, out, sizeof out, 1000), ==, sizeof out);
  g_assert_cmpint (run (f, DIO_FILE_OP_DATASYNC, f->fd, NULL, 0, 0), ==, 0);
  g_assert_cmpint (run (f, DIO_FILE_OP_SYNC, f->fd, NULL, 0, 0), ==, 0);
  g_assert_cmpint (run (f, DIO_FILE_OP_READ, f->fd, in, sizeof in, 1000), ==, sizeof in);
  g_assert_cmpmem (in, sizeof in, out, sizeof out);
  g_assert_cmpint (run (f, DIO_FILE_OP_READ, f->fd, in, sizeof in, 3500), ==, 500);
  g_assert_cmpint (run (f, DIO_FILE_OP_READ, -1, in, sizeof in, 0), ==, -EBADF);
  g_assert_cmpint (run (f, DIO_FILE_OP_DATASYNC, -1, NULL, 0, 0), ==, -EBADF);
  g_assert_false (dio_file_ring_begin (
      f->ring, &(DioFileCall){ .op = DIO_FILE_OP_TRUNCATE, .fd = f->fd }, NULL));
  g_assert_cmpuint (f->fail.count, ==, 7); /* the layer has seen all */
}

/* A failure of a layer comes back as one of the kernel does. */
static void
test_layers (Fixture *f, gconstpointer unused)
{
  FilesDelay delay;
  char byte = 1;
  files_delay_init (&delay, &f->fail.files, 1);
  g_assert_null (dio_file_ring_new (&delay.files, 4)); /* it wants to do all itself */
  if (!f->ring)
    return;
  f->fail.nth = f->fail.count + 2;
  f->fail.error = ENOSPC;
  g_assert_cmpint (run (f, DIO_FILE_OP_WRITE, f->fd, &byte, 1, 0), ==, 1);
  g_assert_cmpint (run (f, DIO_FILE_OP_WRITE, f->fd, &byte, 1, 1), ==, -ENOSPC);
  g_assert_cmpint (run (f, DIO_FILE_OP_WRITE, f->fd, &byte, 1, 2), ==, 1);
  g_assert_cmpuint (f->fail.failed, ==, 1);
}

/* What is more than there is room for is refused, until some has ended. */
static void
test_full (Fixture *f, gconstpointer unused)
{
  char bytes[8] = "abcdefg";
  struct iovec iov[8];
  unsigned seen = 0;
  if (!f->ring)
    return;
  for (unsigned round = 0; round < 100; round++) {
    for (unsigned i = 0; i < 5; i++) {
      iov[i] = (struct iovec){ &bytes[i], 1 };
      const DioFileCall call = {
        .op = DIO_FILE_OP_WRITE, .fd = f->fd, .iov = &iov[i], .n_iov = 1, .offset = i
      };
      g_assert_true (dio_file_ring_begin (f->ring, &call, &bytes[i]) == (i < 4));
    }
    for (unsigned i = 0; i < 4; i++) {
      void *data;
      g_assert_cmpint (end_one (f, &data), ==, 1);
      seen |= 1u << ((char *) data - bytes);
    }
  }
  g_assert_cmphex (seen, ==, 15);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/file/ring/calls", Fixture, NULL, set_up, test_calls, tear_down);
  g_test_add ("/file/ring/layers", Fixture, NULL, set_up, test_layers, tear_down);
  g_test_add ("/file/ring/full", Fixture, NULL, set_up, test_full, tear_down);
  return g_test_run ();
}
