/* SPDX-License-Identifier: GPL-3.0-or-later
 * Making of disk images. */
#include "core/backend/block/block-create.h"

#include <errno.h>
#include <inttypes.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

bool
dio_block_create_raw (DioFiles *files, const char *path, uint64_t size, GError **error)
{
  if (size == 0 || size % DIO_BLOCK_SECTOR || size > DIO_BLOCK_MAX_SIZE) {
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
