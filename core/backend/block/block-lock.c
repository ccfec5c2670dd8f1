/* SPDX-License-Identifier: GPL-3.0-or-later
 * The protocol of QEMU's raw-posix: a shared lock on byte 100 + n says "I use permission n", one on
 * byte 200 + n "I do not let others use permission n". Whoever opens the image takes its own locks,
 * then looks whether somebody else's contradict them. */
#include "core/backend/block/block-lock.h"

#include <errno.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

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

bool
dio_block_lock (DioFiles *files, int fd, const char *path, bool readonly, GError **error)
{
  static const uint8_t refused[] = { PERMISSION_WRITE, PERMISSION_RESIZE };
  const uint8_t used[] = { PERMISSION_CONSISTENT_READ, PERMISSION_WRITE };
  size_t n_used = readonly ? 1 : 2;
  int result = 0;
  for (size_t i = 0; i < n_used && result == 0; i++)
    result = take_lock (files, fd, USES_BASE + used[i]);
  for (size_t i = 0; i < G_N_ELEMENTS (refused) && result == 0; i++)
    result = take_lock (files, fd, REFUSES_BASE + refused[i]);
  if (result == -ENOLCK || dio_file_is_unsupported (result)) {
    g_message (
        "The disk “%s” lies on a file system without locks (%s); take care that nothing else "
        "uses it",
        path, g_strerror (-result));
    return true;
  }

  if (result < 0 && result != -EAGAIN) {
    dio_set_error_errno (error, -result, _ ("The disk “%s” could not be locked"), path);
    return false;
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

void
dio_block_unlock_write (DioFiles *files, int fd)
{
  struct flock lock = {
    .l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = USES_BASE + PERMISSION_WRITE, .l_len = 1
  };
  dio_file_lock (files, fd, F_OFD_SETLK, &lock);
}

void
dio_block_lock_share (DioFiles *files, int fd, bool share)
{
  struct flock lock = { .l_type = share ? F_UNLCK : F_RDLCK,
                        .l_whence = SEEK_SET,
                        .l_start = REFUSES_BASE + PERMISSION_WRITE,
                        .l_len = 1 };
  dio_file_lock (files, fd, F_OFD_SETLK, &lock);
}
