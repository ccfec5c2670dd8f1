/* SPDX-License-Identifier: GPL-3.0-or-later
 * Raw disk images: requests run on the worker pool, completions come back on the loop, many of them
 * per wake-up. */
#include "core/backend/backend-block.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define SECTOR_SIZE UINT64_C (512)
/* Zeros written per call where the file system cannot make them itself. */
#define ZERO_CHUNK (UINT64_C (256) << 10)
/* Offsets have to fit into off_t with room to spare. */
#define MAX_SIZE (UINT64_C (1) << 62)

typedef struct Raw Raw;

typedef struct Job {
  Raw *raw;
  DioBlockRequest *request;
  int result;
  struct Job *next;
} Job;

struct Raw {
  DioBlock block;
  int fd;
  uint64_t file_size; /* may end within the last sector */
  DioPool *pool;
  DioLoop *loop;
  DioFiles *files;
  DioNotifier *completed;
  _Atomic bool flush_failed;

  pthread_mutex_t lock;
  pthread_cond_t idle;
  Job *finished, **finished_tail;
  unsigned in_flight; /* submitted, done() not returned yet */
};

/* ---- The work, on pool threads; results are 0 or -errno ---- */

/* Zeros for what lies in the last, partial sector of the file; anything else missing is an error.
 */
static int
fill_end (Raw *raw, const DioBlockRequest *request, uint64_t done)
{
  if (request->offset + done < raw->file_size)
    return -EIO; /* somebody cut the file */
  uint64_t position = 0;
  for (int i = 0; i < request->n_iov; i++) {
    const struct iovec *iov = &request->iov[i];
    if (position + iov->iov_len > done) {
      size_t skip = done > position ? (size_t) (done - position) : 0;
      memset ((char *) iov->iov_base + skip, 0, iov->iov_len - skip);
    }
    position += iov->iov_len;
  }
  return 0;
}

static int
do_read (Raw *raw, const DioBlockRequest *request)
{
  int64_t done =
      dio_file_readv (raw->files, raw->fd, request->iov, request->n_iov, request->offset);
  if (done < 0)
    return (int) done;
  return (uint64_t) done < request->length ? fill_end (raw, request, (uint64_t) done) : 0;
}

static int
do_write (Raw *raw, const DioBlockRequest *request)
{
  return dio_file_writev (raw->files, raw->fd, request->iov, request->n_iov, request->offset);
}

static int
do_flush (Raw *raw)
{
  if (atomic_load (&raw->flush_failed))
    return -EIO;
  int result = dio_file_datasync (raw->files, raw->fd);
  if (result < 0)
    atomic_store (&raw->flush_failed, true);
  return result;
}

static int
allocate (Raw *raw, int mode, const DioBlockRequest *request)
{
  return dio_file_allocate (raw->files, raw->fd, mode | FALLOC_FL_KEEP_SIZE, request->offset,
                            request->length);
}

static int
do_discard (Raw *raw, const DioBlockRequest *request)
{
  int result = allocate (raw, FALLOC_FL_PUNCH_HOLE, request);
  return dio_file_is_unsupported (result) ? 0 : result; /* it is advice */
}

static int
write_zeros (Raw *raw, const DioBlockRequest *request)
{
  g_autofree void *zeros = g_malloc0 (ZERO_CHUNK);
  int result = 0;
  for (uint64_t done = 0; done < request->length && result == 0; done += ZERO_CHUNK) {
    size_t length = MIN (ZERO_CHUNK, request->length - done);
    result = dio_file_write (raw->files, raw->fd, zeros, length, request->offset + done);
  }
  return result;
}

static int
do_write_zeroes (Raw *raw, const DioBlockRequest *request)
{
  int result = -EOPNOTSUPP;
  if (request->unmap)
    result = allocate (raw, FALLOC_FL_PUNCH_HOLE, request);
  if (dio_file_is_unsupported (result))
    result = allocate (raw, FALLOC_FL_ZERO_RANGE, request);
  if (dio_file_is_unsupported (result))
    result = write_zeros (raw, request);
  return result;
}

static int
execute (Raw *raw, const DioBlockRequest *request)
{
  switch (request->op) {
  case DIO_BLOCK_READ:
    return do_read (raw, request);
  case DIO_BLOCK_WRITE:
    return do_write (raw, request);
  case DIO_BLOCK_FLUSH:
    return do_flush (raw);
  case DIO_BLOCK_DISCARD:
    return do_discard (raw, request);
  case DIO_BLOCK_WRITE_ZEROES:
    return do_write_zeroes (raw, request);
  }
  return -EINVAL;
}

/* ---- Submission and completion ---- */

static void
complete (Raw *raw, Job *job)
{
  pthread_mutex_lock (&raw->lock);
  *raw->finished_tail = job;
  raw->finished_tail = &job->next;
  /* Under the lock, so that nobody who saw all jobs finish frees the notifier meanwhile. */
  dio_notifier_signal (raw->completed);
  pthread_mutex_unlock (&raw->lock);
}

static void
run_job (void *data)
{
  Job *job = data;
  job->result = execute (job->raw, job->request);
  complete (job->raw, job);
}

static void
deliver (void *data)
{
  Raw *raw = data;
  pthread_mutex_lock (&raw->lock);
  Job *job = raw->finished;
  raw->finished = NULL;
  raw->finished_tail = &raw->finished;
  pthread_mutex_unlock (&raw->lock);

  unsigned delivered = 0;
  while (job) {
    Job *next = job->next;
    job->request->done (job->request, job->result);
    g_free (job);
    delivered++;
    job = next;
  }

  pthread_mutex_lock (&raw->lock);
  raw->in_flight -= delivered;
  if (raw->in_flight == 0)
    pthread_cond_broadcast (&raw->idle);
  pthread_mutex_unlock (&raw->lock);
}

/* 0 if the request is one that the image can take. */
static int
check (const DioBlock *block, const DioBlockRequest *request)
{
  if (request->op == DIO_BLOCK_FLUSH)
    return 0;
  if (request->op != DIO_BLOCK_READ && block->readonly)
    return -EROFS;
  if (request->length > block->size || request->offset > block->size - request->length)
    return -EINVAL;
  if (request->op != DIO_BLOCK_READ && request->op != DIO_BLOCK_WRITE)
    return 0;

  uint64_t sum = 0;
  for (int i = 0; i < request->n_iov; i++)
    if (__builtin_add_overflow (sum, request->iov[i].iov_len, &sum))
      return -EINVAL;
  return sum == request->length ? 0 : -EINVAL;
}

static void
raw_submit (DioBlock *block, DioBlockRequest *request)
{
  Raw *raw = (Raw *) block;
  Job *job = g_new (Job, 1);
  *job = (Job){ .raw = raw, .request = request, .result = check (block, request) };
  pthread_mutex_lock (&raw->lock);
  raw->in_flight++;
  pthread_mutex_unlock (&raw->lock);
  /* fallocate() refuses empty ranges. */
  bool nothing = request->op != DIO_BLOCK_FLUSH && request->length == 0;
  if (job->result || nothing)
    complete (raw, job);
  else
    dio_pool_run (raw->pool, DIO_POOL_IO, run_job, job);
}

static void
raw_drain (DioBlock *block)
{
  Raw *raw = (Raw *) block;
  g_return_if_fail (!dio_loop_is_current (raw->loop));

  pthread_mutex_lock (&raw->lock);
  while (raw->in_flight)
    pthread_cond_wait (&raw->idle, &raw->lock);
  pthread_mutex_unlock (&raw->lock);
}

static void
raw_free (DioBlock *block)
{
  Raw *raw = (Raw *) block;
  raw_drain (block);
  dio_notifier_free (raw->completed);
  dio_file_close (raw->files, raw->fd); /* and with it the locks */
  pthread_cond_destroy (&raw->idle);
  pthread_mutex_destroy (&raw->lock);
  g_free (raw->block.path);
  g_free (raw);
}

static const DioBlockOps raw_ops = {
  .submit = raw_submit,
  .drain = raw_drain,
  .free = raw_free,
};

/* ---- Locks ----
 *
 * The protocol of QEMU's raw-posix: a shared lock on byte 100 + n says "I use permission n", one on
 * byte 200 + n "I do not let others use permission n". Whoever opens the image takes its own locks,
 * then looks whether somebody else's contradict them. */

enum {
  PERMISSION_CONSISTENT_READ = 0,
  PERMISSION_WRITE = 1,
  PERMISSION_RESIZE = 3,
  USES_BASE = 100,
  REFUSES_BASE = 200,
};

static int
take_lock (DioFiles *files, int fd, off_t byte)
{
  struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
  return dio_file_lock (files, fd, F_OFD_SETLK, &lock);
}

static bool
is_locked_by_other (DioFiles *files, int fd, off_t byte)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
  return dio_file_lock (files, fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static bool
lock_image (DioFiles *files, int fd, const char *path, bool readonly, GError **error)
{
  static const uint8_t refused[] = { PERMISSION_WRITE, PERMISSION_RESIZE };
  const uint8_t used[] = { PERMISSION_CONSISTENT_READ, PERMISSION_WRITE };
  size_t n_used = readonly ? 1 : 2;
  int result = 0;
  for (size_t i = 0; i < n_used && result == 0; i++)
    result = take_lock (files, fd, USES_BASE + used[i]);
  for (size_t i = 0; i < G_N_ELEMENTS (refused) && result == 0; i++)
    result = take_lock (files, fd, REFUSES_BASE + refused[i]);
  if (result < 0 && result != -EAGAIN) {
    g_message (
        "The disk “%s” lies on a file system without locks (%s); take care that nothing else "
        "uses it",
        path, g_strerror (-result));
    return true;
  }

  bool contradicted = result < 0;
  for (size_t i = 0; i < n_used; i++)
    contradicted |= is_locked_by_other (files, fd, REFUSES_BASE + used[i]);
  for (size_t i = 0; i < G_N_ELEMENTS (refused); i++)
    contradicted |= is_locked_by_other (files, fd, USES_BASE + refused[i]);
  if (contradicted)
    g_set_error (error, DIO_ERROR, DIO_ERROR_BUSY,
                 _ ("The disk “%s” is in use by another machine or program; stop that first"),
                 path);
  return !contradicted;
}

/* ---- Opening ---- */

static int
open_image (DioFiles *files, const char *path, bool readonly, uint64_t *file_size, GError **error)
{
  struct statx status;
  int fd = dio_file_open (files, AT_FDCWD, path, (readonly ? O_RDONLY : O_RDWR) | O_NONBLOCK, 0);
  if (fd < 0) {
    int reason = -fd;
    if (!readonly && (reason == EACCES || reason == EPERM || reason == EROFS))
      g_set_error (error, DIO_ERROR, DIO_ERROR_IO,
                   _ ("%s “%s” could not be opened for writing: %s. Change its permissions, or "
                      "attach it read-only"),
                   _ ("The disk"), path, g_strerror (reason));
    else
      dio_set_error_errno (error, reason, _ ("%s “%s” could not be opened"), _ ("The disk"), path);
    return -1;
  }
  int64_t end = dio_file_seek (files, fd, 0, SEEK_END);
  if (dio_file_stat (files, fd, "", AT_EMPTY_PATH, &status) < 0
      || (!S_ISREG (status.stx_mode) && !S_ISBLK (status.stx_mode)) || end < 0
      || (uint64_t) end > MAX_SIZE) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("“%s” is not a disk image"), path);
    dio_file_close (files, fd);
    return -1;
  }
  if (end == 0) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("The disk “%s” is empty"), path);
    dio_file_close (files, fd);
    return -1;
  }
  *file_size = (uint64_t) end;
  if (!lock_image (files, fd, path, readonly, error)) {
    dio_file_close (files, fd);
    return -1;
  }
  return fd;
}

DioBlock *
dio_block_open (DioFiles *files, const char *path, const char *format, bool readonly, DioLoop *loop,
                DioPool *pool, GError **error)
{
  uint64_t file_size;
  if (g_strcmp0 (format, "raw") != 0) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                 _ ("The disk “%s” has the format “%s”; this version of Diorama takes “raw” only"),
                 path, format ? format : "");
    return NULL;
  }
  int fd = open_image (files, path, readonly, &file_size, error);
  if (fd < 0)
    return NULL;

  Raw *raw = g_new0 (Raw, 1);
  raw->block.ops = &raw_ops;
  raw->block.path = g_strdup (path);
  raw->block.size = (file_size + SECTOR_SIZE - 1) & ~(SECTOR_SIZE - 1);
  raw->block.readonly = readonly;
  raw->fd = fd;
  raw->file_size = file_size;
  raw->pool = pool;
  raw->loop = loop;
  raw->files = files;
  raw->finished_tail = &raw->finished;
  pthread_mutex_init (&raw->lock, NULL);
  pthread_cond_init (&raw->idle, NULL);
  raw->completed = dio_notifier_new (loop, deliver, raw);
  return &raw->block;
}

void
dio_block_submit (DioBlock *block, DioBlockRequest *request)
{
  block->ops->submit (block, request);
}

void
dio_block_drain (DioBlock *block)
{
  block->ops->drain (block);
}

void
dio_block_free (DioBlock *block)
{
  if (block)
    block->ops->free (block);
}

bool
dio_block_create_raw (DioFiles *files, const char *path, uint64_t size, GError **error)
{
  if (size == 0 || size % SECTOR_SIZE || size > MAX_SIZE) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("A disk of %" PRIu64 " bytes is not possible; sizes are multiples of "
                    "512 bytes"),
                 size);
    return false;
  }
  int fd = dio_file_open (files, AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd < 0) {
    dio_set_error_errno (error, -fd, _ ("The disk “%s” could not be created"), path);
    return false;
  }
  /* Sparse: the size alone is what the file system has to agree to. */
  int result = dio_file_truncate (files, fd, size);
  if (result == 0)
    result = dio_file_sync (files, fd);
  int closed = dio_file_close (files, fd);
  result = result ? result : closed;
  if (result < 0) {
    int reason = -result;
    g_autofree char *text = g_format_size_full (size, G_FORMAT_SIZE_IEC_UNITS);
    dio_file_unlink (files, AT_FDCWD, path, 0);
    if (reason == EFBIG || reason == EINVAL)
      g_set_error (error, DIO_ERROR, DIO_ERROR_NO_SPACE,
                   _ ("The file system cannot hold a file of %s at “%s”; choose a smaller disk or "
                      "another folder"),
                   text, path);
    else
      dio_set_error_errno (error, reason, _ ("The disk “%s” could not be made %s large"), path,
                           text);
    return false;
  }
  return true;
}
