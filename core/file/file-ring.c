/* SPDX-License-Identifier: GPL-3.0-or-later
 * The ring of calls on liburing; without that library there is none. */
#include "core/file/file-ring.h"

#include <glib.h>

#ifdef HAVE_LIBURING

#include <errno.h>
#include <limits.h>
#include <liburing.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A call that a layer has done. */
typedef struct {
  void *data;
  int64_t result;
} Done;

struct DioFileRing {
  DioFiles *files;
  struct io_uring uring;
  int event_fd;
  unsigned entries, under_way; /* in the kernel or to be submitted */
  Done *done;                  /* of layers; `entries` of them fit */
  unsigned n_done;
};

static bool
layers_allow (const DioFiles *files)
{
  for (; files->below; files = files->below)
    if (!files->intercept)
      return false;
  return files == dio_files_host ();
}

DioFileRing *
dio_file_ring_new (DioFiles *files, unsigned entries)
{
  if (!layers_allow (files))
    return NULL;
  DioFileRing *ring = g_new0 (DioFileRing, 1);
  ring->files = files;
  ring->entries = entries;
  ring->event_fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
  /* -ENOSYS, -EPERM of a sandbox or of kernel.io_uring_disabled, -ENOMEM: all mean threads. */
  int result = ring->event_fd < 0 ? -errno : io_uring_queue_init (entries, &ring->uring, 0);
  if (result == 0) {
    io_uring_ring_dontfork (&ring->uring);
    result = io_uring_register_eventfd (&ring->uring, ring->event_fd);
    if (result < 0)
      io_uring_queue_exit (&ring->uring);
  }
  if (result < 0) {
    g_debug ("There is no io_uring here: %s", g_strerror (-result));
    if (ring->event_fd >= 0)
      close (ring->event_fd);
    g_free (ring);
    return NULL;
  }
  ring->done = g_new (Done, entries);
  return ring;
}

void
dio_file_ring_free (DioFileRing *ring)
{
  if (!ring)
    return;
  io_uring_queue_exit (&ring->uring);
  close (ring->event_fd);
  g_free (ring->done);
  g_free (ring);
}

int
dio_file_ring_get_fd (DioFileRing *ring)
{
  return ring->event_fd;
}

static bool
is_possible (const DioFileCall *call)
{
  return ((call->op == DIO_FILE_OP_READ || call->op == DIO_FILE_OP_WRITE) && call->n_iov <= IOV_MAX)
         || call->op == DIO_FILE_OP_SYNC || call->op == DIO_FILE_OP_DATASYNC;
}

static void
prepare (struct io_uring_sqe *sqe, const DioFileCall *call)
{
  unsigned flags = call->op == DIO_FILE_OP_DATASYNC ? IORING_FSYNC_DATASYNC : 0;
  if (call->op == DIO_FILE_OP_READ)
    io_uring_prep_readv (sqe, call->fd, call->iov, (unsigned) call->n_iov, call->offset);
  else if (call->op == DIO_FILE_OP_WRITE)
    io_uring_prep_writev (sqe, call->fd, call->iov, (unsigned) call->n_iov, call->offset);
  else
    io_uring_prep_fsync (sqe, call->fd, flags);
}

/* True when a layer has done the call. */
static bool
ask_layers (DioFileRing *ring, const DioFileCall *call, void *data)
{
  for (DioFiles *files = ring->files; files->below; files = files->below) {
    int64_t result;
    if (files->intercept (files, call, &result)) {
      ring->done[ring->n_done++] = (Done){ data, result };
      return true;
    }
  }
  return false;
}

bool
dio_file_ring_begin (DioFileRing *ring, const DioFileCall *call, void *data)
{
  if (ring->under_way + ring->n_done >= ring->entries || !is_possible (call))
    return false;
  if (ask_layers (ring, call, data)) {
    eventfd_write (ring->event_fd, 1);
    return true;
  }
  /* There is a free one, as no more than `entries` are under way. */
  struct io_uring_sqe *sqe = io_uring_get_sqe (&ring->uring);
  if (!sqe)
    return false;
  prepare (sqe, call);
  io_uring_sqe_set_data (sqe, data);
  ring->under_way++;
  return true;
}

int
dio_file_ring_submit (DioFileRing *ring)
{
  if (!io_uring_sq_ready (&ring->uring))
    return 0;
  int result = io_uring_submit (&ring->uring);
  return MIN (result, 0);
}

void
dio_file_ring_reset (DioFileRing *ring)
{
  eventfd_t count;
  eventfd_read (ring->event_fd, &count);
}

bool
dio_file_ring_next (DioFileRing *ring, void **data, int64_t *result)
{
  struct io_uring_cqe *cqe;
  if (ring->n_done) {
    ring->n_done--;
    *data = ring->done[ring->n_done].data;
    *result = ring->done[ring->n_done].result;
    return true;
  }
  if (io_uring_peek_cqe (&ring->uring, &cqe) != 0)
    return false;
  *data = io_uring_cqe_get_data (cqe);
  *result = cqe->res;
  io_uring_cqe_seen (&ring->uring, cqe);
  ring->under_way--;
  return true;
}

#else

DioFileRing *
dio_file_ring_new (DioFiles *files, unsigned entries)
{
  return NULL;
}

void
dio_file_ring_free (DioFileRing *ring)
{
}

int
dio_file_ring_get_fd (DioFileRing *ring)
{
  return -1;
}

bool
dio_file_ring_begin (DioFileRing *ring, const DioFileCall *call, void *data)
{
  return false;
}

int
dio_file_ring_submit (DioFileRing *ring)
{
  return 0;
}

void
dio_file_ring_reset (DioFileRing *ring)
{
}

bool
dio_file_ring_next (DioFileRing *ring, void **data, int64_t *result)
{
  return false;
}

#endif
