/* SPDX-License-Identifier: GPL-3.0-or-later
 * Whole files. Everything goes through the descriptor of a folder, so that a folder renamed
 * meanwhile stays the one that was meant. */
#include "core/file/file-util.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/base/base-memory.h"

#define COPY_CHUNK (UINT64_C (4) << 20)
#define READ_CHUNK 8192
#define TREE_MAX_DEPTH 64

/* ---- Writing and reading ---- */

/* Writes, syncs and closes @fd; 0 or -errno. */
static int
fill (DioFiles *files, int fd, const void *data, size_t length)
{
  int result = dio_file_write (files, fd, data, length, 0);
  if (result == 0)
    result = dio_file_sync (files, fd);
  int closed = dio_file_close (files, fd);
  return result ? result : closed;
}

bool
dio_file_write_atomic (DioFiles *files, int dir_fd, const char *name, const void *data,
                       size_t length, GError **error)
{
  g_autofree char *temporary = g_strdup_printf (".%s.%08x.tmp", name, g_random_int ());
  int fd = dio_file_open (files, dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (fd < 0) {
    dio_set_error_errno (error, -fd, _ ("%s cannot be written"), name);
    return false;
  }
  int result = fill (files, fd, data, length);
  if (result == 0)
    result = dio_file_rename (files, dir_fd, temporary, dir_fd, name, 0);
  if (result < 0) {
    dio_file_unlink (files, dir_fd, temporary, 0);
    dio_set_error_errno (error, -result, _ ("%s cannot be written"), name);
    return false;
  }
  result = dio_file_sync (files, dir_fd);
  if (result < 0 && result != -EINVAL) {
    dio_set_error_errno (error, -result, _ ("The folder of %s cannot be written"), name);
    return false;
  }
  return true;
}

/* Turns an open descriptor (or -errno) into one of a regular file, or fails. */
static int
require_regular (DioFiles *files, int fd, const char *name, GError **error)
{
  struct statx status;
  int result = fd;
  if (fd >= 0)
    result = dio_file_stat (files, fd, "", AT_EMPTY_PATH, &status);
  if (result >= 0 && S_ISREG (status.stx_mode))
    return fd;
  if (result == -ELOOP)
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT,
                 _ ("%s is a symbolic link, which is not followed here"), name);
  else if (result < 0)
    dio_set_error_errno (error, -result, _ ("%s cannot be opened"), name);
  else
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("%s is not a regular file"), name);
  if (fd >= 0)
    dio_file_close (files, fd);
  return -1;
}

/* All of @fd, or what comes first of it if that is more than @max; a zero byte behind it. */
static char *
load_all (DioFiles *files, int fd, size_t max, size_t *length, int64_t *result)
{
  g_autofree char *bytes = NULL;
  size_t capacity = 0;
  *length = 0;
  do {
    if (!dio_memory_grow (&bytes, &capacity, *length + READ_CHUNK + 1, 1)) {
      *result = -ENOMEM;
      return NULL;
    }
    *result = dio_file_read (files, fd, bytes + *length, READ_CHUNK, *length);
    if (*result < 0)
      return NULL;
    *length += (size_t) *result;
  } while (*result == READ_CHUNK && *length <= max);
  bytes[*length] = 0;
  return g_steal_pointer (&bytes);
}

char *
dio_file_load (DioFiles *files, int dir_fd, const char *name, size_t max, size_t *length,
               GError **error)
{
  int fd = dio_file_open (files, dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
  fd = require_regular (files, fd, name, error);
  if (fd < 0)
    return NULL;
  int64_t result;
  g_autofree char *bytes = load_all (files, fd, max, length, &result);
  dio_file_close (files, fd);
  if (!bytes) {
    dio_set_error_errno (error, (int) -result, _ ("%s cannot be read"), name);
    return NULL;
  }
  if (*length > max) {
    g_autofree char *size = g_format_size_full (max, G_FORMAT_SIZE_IEC_UNITS);
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("%s is larger than %s"), name, size);
    return NULL;
  }
  return g_steal_pointer (&bytes);
}

bool
dio_file_is_inside (const char *path)
{
  if (!*path || *path == '/')
    return false;
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);
  for (char **part = parts; *part; part++)
    if (!**part || g_str_equal (*part, ".") || g_str_equal (*part, ".."))
      return false;
  return true;
}

int
dio_file_open_inside (DioFiles *files, int dir_fd, const char *path, int flags, GError **error)
{
  if (!dio_file_is_inside (path)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("“%s” is not a plain name inside the machine’s folder"), path);
    return -1;
  }
  /* O_NONBLOCK: a FIFO put there must not hold us. */
  int fd = dio_file_open_beneath (files, dir_fd, path, flags | O_NONBLOCK, 0);
  return require_regular (files, fd, path, error);
}

/* ---- Copying ---- */

typedef struct {
  DioFiles *files;
  int in, out;
  uint64_t size, done;
  bool no_kernel_copy;
  char *buffer;
  DioFileProgress progress;
  void *data;
} Copy;

/* Copies some of [@offset, @end); returns how much, or -errno. */
static int64_t
copy_some (Copy *copy, uint64_t offset, uint64_t end)
{
  uint64_t length = MIN (end - offset, COPY_CHUNK);
  if (!copy->no_kernel_copy) {
    int64_t n = dio_file_copy_range (copy->files, copy->in, offset, copy->out, offset, length);
    if (n > 0 || (n < 0 && !dio_file_is_unsupported (n)))
      return n;
    copy->no_kernel_copy = true; /* also for 0: some pseudo file systems answer so */
  }
  if (!copy->buffer)
    copy->buffer = g_try_malloc (COPY_CHUNK);
  if (!copy->buffer)
    return -ENOMEM;
  int64_t n = dio_file_read (copy->files, copy->in, copy->buffer, length, offset);
  if (n <= 0)
    return n;
  int result = dio_file_write (copy->files, copy->out, copy->buffer, (size_t) n, offset);
  return result < 0 ? result : n;
}

static int
copy_extent (Copy *copy, uint64_t offset, uint64_t end)
{
  while (offset < end) {
    if (copy->progress && !copy->progress (copy->done, copy->size, copy->data))
      return -ECANCELED;
    int64_t n = copy_some (copy, offset, end);
    if (n < 0)
      return (int) n;
    if (n == 0)
      return 0; /* somebody made it shorter */
    offset += (uint64_t) n;
    copy->done = offset;
  }
  return 0;
}

/* With the cheapest call that works; 0 or -errno. */
static int
copy_contents (Copy *copy)
{
  int result = 0;
  bool cloned = dio_file_clone_range (copy->files, copy->in, 0, copy->out, 0, 0) == 0;
  if (!cloned)
    result = dio_file_truncate (copy->files, copy->out, copy->size);
  for (uint64_t at = 0; !cloned && result == 0 && at < copy->size;) {
    int64_t data = dio_file_seek (copy->files, copy->in, at, SEEK_DATA);
    if (data == -ENXIO)
      break;
    int64_t hole =
        data < 0 ? -1 : dio_file_seek (copy->files, copy->in, (uint64_t) data, SEEK_HOLE);
    uint64_t start = data < 0 ? at : (uint64_t) data;
    uint64_t end = hole < 0 ? copy->size : MIN ((uint64_t) hole, copy->size);
    result = copy_extent (copy, start, end);
    at = MAX (end, at + 1);
  }
  if (result == 0 && copy->progress && !copy->progress (copy->size, copy->size, copy->data))
    result = -ECANCELED;
  return result;
}

bool
dio_file_copy (DioFiles *files, const char *source, int dir_fd, const char *name,
               DioFileProgress progress, void *data, GError **error)
{
  int in = dio_file_open (files, AT_FDCWD, source, O_RDONLY | O_NONBLOCK, 0);
  in = require_regular (files, in, source, error);
  if (in < 0)
    return false;
  int out = dio_file_open (files, dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (out < 0) {
    dio_set_error_errno (error, -out, _ ("%s cannot be written"), name);
    dio_file_close (files, in);
    return false;
  }
  int64_t size = dio_file_seek (files, in, 0, SEEK_END);
  int result = (int) MIN (size, 0);
  if (result == 0) {
    Copy copy = { files, in, out, (uint64_t) size, .progress = progress, .data = data };
    result = copy_contents (&copy);
    g_free (copy.buffer);
  }
  dio_file_close (files, in);
  if (result == 0)
    result = dio_file_sync (files, out);
  int closed = dio_file_close (files, out);
  result = result ? result : closed;
  if (result == 0)
    return true;
  dio_file_unlink (files, dir_fd, name, 0);
  if (result == -ECANCELED)
    g_set_error_literal (error, DIO_ERROR, DIO_ERROR_CANCELLED, _ ("Cancelled"));
  else
    dio_set_error_errno (error, -result, _ ("%s cannot be copied into the machine"), source);
  return false;
}

/* ---- Trees ---- */

static int remove_tree (DioFiles *files, int dir_fd, const char *name, unsigned depth);

static int
empty_folder (DioFiles *files, int fd, unsigned depth)
{
  /* A descriptor of its own: closedir() closes what it was given behind the back of @files. */
  int listing = openat (fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = listing < 0 ? NULL : fdopendir (listing);
  if (!dir) {
    int reason = errno;
    if (listing >= 0)
      close (listing);
    return -reason;
  }
  int result = 0;
  for (struct dirent *entry; result == 0 && (entry = readdir (dir));)
    if (!g_str_equal (entry->d_name, ".") && !g_str_equal (entry->d_name, ".."))
      result = remove_tree (files, fd, entry->d_name, depth + 1);
  closedir (dir);
  return result;
}

static int
remove_tree (DioFiles *files, int dir_fd, const char *name, unsigned depth)
{
  int result = dio_file_unlink (files, dir_fd, name, 0);
  if (result == 0 || result == -ENOENT)
    return 0;
  if (result != -EISDIR && result != -EPERM)
    return result;
  if (depth >= TREE_MAX_DEPTH)
    return -ELOOP;
  int fd = dio_file_open (files, dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
  if (fd < 0)
    return fd;
  result = empty_folder (files, fd, depth);
  dio_file_close (files, fd);
  return result ? result : dio_file_unlink (files, dir_fd, name, AT_REMOVEDIR);
}

bool
dio_file_remove_tree (DioFiles *files, int dir_fd, const char *name, GError **error)
{
  int result = remove_tree (files, dir_fd, name, 0);
  if (result == 0)
    return true;
  dio_set_error_errno (error, -result, _ ("%s cannot be removed"), name);
  return false;
}

bool
dio_file_check_space (DioFiles *files, int dir_fd, uint64_t bytes, const char *where,
                      GError **error)
{
  int64_t available = dio_file_free_space (files, dir_fd);
  if (available < 0 || (uint64_t) available >= bytes)
    return true; /* when it is not known, the write itself will tell */
  g_autofree char *need = g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *have = g_format_size_full ((uint64_t) available, G_FORMAT_SIZE_IEC_UNITS);
  g_set_error (error, DIO_ERROR, DIO_ERROR_NO_SPACE,
               _ ("The disk of “%s” is full: %s are needed and %s are free. Free some space or "
                  "choose another library folder"),
               where, need, have);
  return false;
}
