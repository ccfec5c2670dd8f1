/* SPDX-License-Identifier: GPL-3.0-or-later
 * Making of disk images. */
#include "core/backend/block/block-create.h"

#include <errno.h>
#include <inttypes.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

static bool
check_options (const DioBlockCreate *create, GError **error)
{
  if (!dio_block_is_format (create->format) || dio_block_is_import (create->format)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("Disks of the format “%s” cannot be made; “raw” and “qcow2” can"),
                 create->format ? create->format : "");
    return false;
  }
  if (create->size == 0 || create->size % DIO_BLOCK_SECTOR || create->size > DIO_BLOCK_MAX_SIZE) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("A disk of %" PRIu64 " bytes is not possible; sizes are multiples of "
                    "512 bytes"),
                 create->size);
    return false;
  }
  return g_strcmp0 (create->format, "qcow2") != 0 || dio_qcow2_check_create (create, error);
}

/* 0 or -errno. */
static int
fill (DioFiles *files, int fd, const DioBlockCreate *create)
{
  if (g_str_equal (create->format, "qcow2"))
    return dio_qcow2_write_empty (files, fd, create);
  /* Sparse: the size alone is what the file system has to agree to. */
  int result = dio_file_truncate (files, fd, create->size);
  return result ? result : dio_file_sync (files, fd);
}

/* The name, too, has to be on the disk. */
static int
sync_folder (DioFiles *files, const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  int fd = dio_file_open (files, AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0)
    return fd;
  int result = dio_file_sync (files, fd);
  dio_file_close (files, fd);
  return result == -EINVAL ? 0 : result;
}

bool
dio_block_create (DioFiles *files, const char *path, const DioBlockCreate *create, GError **error)
{
  if (!check_options (create, error))
    return false;
  int fd = dio_file_open (files, AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd < 0) {
    dio_set_error_errno (error, -fd, _ ("The disk “%s” could not be created"), path);
    return false;
  }
  int result = fill (files, fd, create);
  int closed = dio_file_close (files, fd);
  result = result ? result : closed;
  if (result == 0)
    result = sync_folder (files, path);
  if (result == 0)
    return true;
  dio_file_unlink (files, AT_FDCWD, path, 0);
  DioBlockNode node = { .path = (char *) path };
  return dio_block_fail_resize (&node, create->size, result, error);
}
