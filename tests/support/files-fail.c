/* SPDX-License-Identifier: GPL-3.0-or-later
 * Files that fail and files that dawdle. */
#include "tests/support/files-fail.h"

#include <glib.h>

#define SECTOR 512

static size_t
length_of (const DioFileCall *call)
{
  size_t length = 0;
  for (int i = 0; i < call->n_iov; i++)
    length += call->iov[i].iov_len;
  return length;
}

/* The call with the first @length bytes of its memory only. */
static int64_t
call_part (DioFiles *below, const DioFileCall *call, size_t length)
{
  struct iovec iov[64];
  DioFileCall part = *call;
  part.iov = iov;
  part.n_iov = 0;
  for (int i = 0; i < MIN (call->n_iov, 64) && length; i++) {
    size_t here = MIN (call->iov[i].iov_len, length);
    iov[part.n_iov++] = (struct iovec){ call->iov[i].iov_base, here };
    length -= here;
  }
  return below->call (below, &part);
}

static int64_t
fail (FilesFail *self, const DioFileCall *call)
{
  DioFiles *below = self->files.below;
  bool transfer = call->op == DIO_FILE_OP_READ || call->op == DIO_FILE_OP_WRITE;
  switch (self->how) {
  case FILES_FAIL_TORN:
    if (call->op == DIO_FILE_OP_WRITE && length_of (call) >= 2 * SECTOR)
      call_part (below, call, length_of (call) / 2 / SECTOR * SECTOR);
    break;
  case FILES_FAIL_AFTER:
    /* An opened file would be lost. */
    if (call->op != DIO_FILE_OP_OPEN)
      below->call (below, call);
    break;
  case FILES_FAIL_SHORT:
    return transfer ? call_part (below, call, MAX (length_of (call) / 3, 1))
                    : below->call (below, call);
  case FILES_FAIL:
    break;
  }
  /* The kernel closes a file whatever it answers. */
  if (call->op == DIO_FILE_OP_CLOSE && self->how != FILES_FAIL_AFTER)
    below->call (below, call);
  return -self->error;
}

static bool
must_fail (FilesFail *self, const DioFileCall *call)
{
  if (self->ops && !(self->ops & FILES_OP (call->op)))
    return false;
  unsigned count = atomic_fetch_add (&self->count, 1) + 1;
  if (!self->nth || count < self->nth || (count > self->nth && !self->for_ever))
    return false;
  atomic_fetch_add (&self->failed, 1);
  return true;
}

static int64_t
fail_call (DioFiles *files, const DioFileCall *call)
{
  FilesFail *self = (FilesFail *) files;
  return must_fail (self, call) ? fail (self, call) : files->below->call (files->below, call);
}

/* Of what is begun on a ring. */
static bool
fail_intercept (DioFiles *files, const DioFileCall *call, int64_t *result)
{
  FilesFail *self = (FilesFail *) files;
  if (!must_fail (self, call))
    return false;
  *result = fail (self, call);
  return true;
}

void
files_fail_init (FilesFail *self, DioFiles *below)
{
  *self = (FilesFail){ .files = { fail_call, below, fail_intercept } };
}

static int64_t
delay_call (DioFiles *files, const DioFileCall *call)
{
  FilesDelay *self = (FilesDelay *) files;
  g_usleep ((gulong) g_random_int_range (0, (gint32) self->most_us + 1));
  int64_t result = files->below->call (files->below, call);
  g_usleep ((gulong) g_random_int_range (0, (gint32) self->most_us + 1));
  return result;
}

void
files_delay_init (FilesDelay *self, DioFiles *below, unsigned most_us)
{
  *self = (FilesDelay){ { delay_call, below }, most_us };
}
