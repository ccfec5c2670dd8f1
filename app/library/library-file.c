/* SPDX-License-Identifier: GPL-3.0-or-later
 * Files of a library. Everything goes through the file descriptor of a folder, so that a folder
 * renamed meanwhile stays the one that was meant. */
#include "app/library/library-file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define COPY_CHUNK (4u << 20)
#define TREE_MAX_DEPTH 64

static gboolean
write_all (int fd, const char *data, gsize length)
{
  while (length) {
    ssize_t n = write (fd, data, length);
    if (n < 0) {
      if (errno == EINTR)
        continue;
      return FALSE;
    }
    data += n;
    length -= n;
  }
  return TRUE;
}

/* Closes @fd in any case; an error of close() counts (quotas and network file systems). */
static gboolean
sync_and_close (int fd)
{
  gboolean good = fsync (fd) == 0;
  int saved = errno;
  if (close (fd) != 0 && good)
    return FALSE;
  errno = saved;
  return good;
}

gboolean
dio_file_write_atomic (int dir_fd, const char *name, const void *data, gsize length, GError **error)
{
  g_autofree char *temporary = g_strdup_printf (".%s.%08x.tmp", name, g_random_int ());
  int fd = openat (dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    dio_set_error_errno (error, errno, _ ("%s cannot be written"), name);
    return FALSE;
  }
  gboolean good = write_all (fd, data, length);
  int saved = errno;
  if (good) {
    good = sync_and_close (fd);
    saved = errno;
  } else
    close (fd);
  if (good && renameat (dir_fd, temporary, dir_fd, name) != 0) {
    good = FALSE;
    saved = errno;
  }
  if (!good) {
    unlinkat (dir_fd, temporary, 0);
    dio_set_error_errno (error, saved, _ ("%s cannot be written"), name);
    return FALSE;
  }
  if (fsync (dir_fd) != 0 && errno != EINVAL) {
    dio_set_error_errno (error, errno, _ ("The folder of %s cannot be written"), name);
    return FALSE;
  }
  return TRUE;
}

/* Turns an open descriptor (or -1 with errno) into one of a regular file, or fails. */
static int
require_regular (int fd, const char *name, GError **error)
{
  struct stat st;
  if (fd < 0 || fstat (fd, &st) != 0) {
    int saved = errno;
    if (saved == ELOOP)
      g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT,
                   _ ("%s is a symbolic link, which is not followed here"), name);
    else
      dio_set_error_errno (error, saved, _ ("%s cannot be opened"), name);
    if (fd >= 0)
      close (fd);
    return -1;
  }
  if (!S_ISREG (st.st_mode)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("%s is not a regular file"), name);
    close (fd);
    return -1;
  }
  return fd;
}

char *
dio_file_read (int dir_fd, const char *name, gsize max, gsize *length, GError **error)
{
  int fd = require_regular (openat (dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK),
                            name, error);
  if (fd < 0)
    return NULL;
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  char chunk[8192];
  ssize_t n;
  while ((n = read (fd, chunk, sizeof chunk)) != 0) {
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 || bytes->len + (gsize) n > max)
      break;
    g_byte_array_append (bytes, (guint8 *) chunk, n);
  }
  int saved = errno;
  close (fd);
  if (n < 0) {
    dio_set_error_errno (error, saved, _ ("%s cannot be read"), name);
    return NULL;
  }
  if (n > 0) {
    g_autofree char *size = g_format_size_full (max, G_FORMAT_SIZE_IEC_UNITS);
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("%s is larger than %s"), name, size);
    return NULL;
  }
  *length = bytes->len;
  g_byte_array_append (bytes, (const guint8 *) "", 1);
  return (char *) g_byte_array_free (g_steal_pointer (&bytes), FALSE);
}

gboolean
dio_file_is_inside (const char *path)
{
  if (!*path || *path == '/')
    return FALSE;
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);
  for (char **part = parts; *part; part++)
    if (!**part || g_str_equal (*part, ".") || g_str_equal (*part, ".."))
      return FALSE;
  return TRUE;
}

int
dio_file_open_inside (int dir_fd, const char *path, GError **error)
{
  if (!dio_file_is_inside (path)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("“%s” is not a plain name inside the machine’s folder"), path);
    return -1;
  }
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);
  int at = dir_fd;
  for (char **part = parts; part[1]; part++) {
    int next = openat (at, *part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int saved = errno;
    if (at != dir_fd)
      close (at);
    if (next < 0) {
      dio_set_error_errno (error, saved, _ ("%s cannot be opened"), path);
      return -1;
    }
    at = next;
  }
  /* O_NONBLOCK: a FIFO put there must not hold us. */
  int fd =
      openat (at, parts[g_strv_length (parts) - 1], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  int saved = errno;
  if (at != dir_fd)
    close (at);
  errno = saved;
  return require_regular (fd, path, error);
}

/* Copies with the cheapest call that works; FALSE with errno. */
static gboolean
copy_contents (int in, int out, GCancellable *cancellable, DioFileProgress progress,
               gpointer user_data)
{
  if (ioctl (out, FICLONE, in) == 0)
    return TRUE;
  guint64 total = 0;
  gboolean in_kernel = TRUE;
  g_autofree char *buffer = NULL;
  for (;;) {
    if (g_cancellable_is_cancelled (cancellable)) {
      errno = ECANCELED;
      return FALSE;
    }
    ssize_t n;
    if (in_kernel) {
      n = copy_file_range (in, NULL, out, NULL, COPY_CHUNK, 0);
      if (n < 0 && total == 0
          && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
        in_kernel = FALSE;
        continue;
      }
      /* Some pseudo file systems answer 0 at once: read() knows better. */
      if (n == 0 && total == 0) {
        in_kernel = FALSE;
        continue;
      }
    } else {
      if (!buffer)
        buffer = g_malloc (COPY_CHUNK);
      n = read (in, buffer, COPY_CHUNK);
      if (n > 0 && !write_all (out, buffer, n))
        return FALSE;
    }
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return FALSE;
    if (n == 0)
      return TRUE;
    total += n;
    if (progress)
      progress (total, user_data);
  }
}

gboolean
dio_file_copy (const char *source, int dir_fd, const char *name, GCancellable *cancellable,
               DioFileProgress progress, gpointer data, GError **error)
{
  int in = require_regular (open (source, O_RDONLY | O_CLOEXEC | O_NONBLOCK), source, error);
  if (in < 0)
    return FALSE;
  int out = openat (dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (out < 0) {
    dio_set_error_errno (error, errno, _ ("%s cannot be written"), name);
    close (in);
    return FALSE;
  }
  posix_fadvise (in, 0, 0, POSIX_FADV_SEQUENTIAL);
  gboolean good = copy_contents (in, out, cancellable, progress, data);
  int saved = errno;
  close (in);
  if (good) {
    good = sync_and_close (out);
    saved = errno;
  } else
    close (out);
  if (good)
    return TRUE;
  unlinkat (dir_fd, name, 0);
  if (saved == ECANCELED)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _ ("Cancelled"));
  else
    dio_set_error_errno (error, saved, _ ("%s cannot be copied into the machine"), source);
  return FALSE;
}

static gboolean
remove_tree (int dir_fd, const char *name, unsigned depth)
{
  if (unlinkat (dir_fd, name, 0) == 0 || errno == ENOENT)
    return TRUE;
  if (errno != EISDIR && errno != EPERM)
    return FALSE;
  if (depth >= TREE_MAX_DEPTH) {
    errno = ELOOP;
    return FALSE;
  }
  int fd = openat (dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return FALSE;
  DIR *dir = fdopendir (fd);
  if (!dir) {
    close (fd);
    return FALSE;
  }
  gboolean good = TRUE;
  int saved = 0;
  for (struct dirent *entry; good && (entry = readdir (dir));)
    if (!g_str_equal (entry->d_name, ".") && !g_str_equal (entry->d_name, "..")) {
      good = remove_tree (fd, entry->d_name, depth + 1);
      saved = errno;
    }
  closedir (dir);
  errno = saved;
  return good && unlinkat (dir_fd, name, AT_REMOVEDIR) == 0;
}

gboolean
dio_file_remove_tree (int dir_fd, const char *name, GError **error)
{
  if (remove_tree (dir_fd, name, 0))
    return TRUE;
  dio_set_error_errno (error, errno, _ ("%s cannot be removed"), name);
  return FALSE;
}

gboolean
dio_file_check_space (int dir_fd, guint64 bytes, const char *where, GError **error)
{
  struct statvfs st;
  if (fstatvfs (dir_fd, &st) != 0)
    return TRUE; /* not known: the write itself will tell */
  guint64 available = (guint64) st.f_bavail * st.f_frsize;
  if (available >= bytes)
    return TRUE;
  g_autofree char *need = g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *have = g_format_size_full (available, G_FORMAT_SIZE_IEC_UNITS);
  g_set_error (error, DIO_ERROR, DIO_ERROR_NO_SPACE,
               _ ("The disk of “%s” is full: %s are needed and %s are free. Free some space or "
                  "choose another library folder"),
               where, need, have);
  return FALSE;
}
