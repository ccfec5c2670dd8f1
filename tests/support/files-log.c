/* SPDX-License-Identifier: GPL-3.0-or-later
 * Recording of file operations. Files are told apart by their inodes, under one lock that holds for
 * the operation as well: the order of the log is the order of what happened. */
#include "tests/support/files-log.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

static unsigned
add_object (FilesLog *log, ino_t inode, bool folder)
{
  FilesLogObject *object = g_new0 (FilesLogObject, 1);
  object->folder = folder;
  object->data = g_byte_array_new ();
  object->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_ptr_array_add (log->objects, object);
  /* A number that was in use before now means this one. */
  g_hash_table_insert (log->inodes, GSIZE_TO_POINTER (inode), GUINT_TO_POINTER (log->objects->len));
  return log->objects->len - 1;
}

/* The index of what @path in @fd is, -1 when it does not exist or lies elsewhere. */
static int
find (FilesLog *log, int fd, const char *path, int flags)
{
  struct stat status;
  if (fstatat (fd, path, &status, flags) != 0)
    return -1;
  gpointer index = g_hash_table_lookup (log->inodes, GSIZE_TO_POINTER (status.st_ino));
  return GPOINTER_TO_INT (index) - 1;
}

static int
find_fd (FilesLog *log, int fd)
{
  return find (log, fd, "", AT_EMPTY_PATH);
}

static int
find_parent (FilesLog *log, int fd, const char *path)
{
  g_autofree char *parent = g_path_get_dirname (path);
  return find (log, fd, parent, 0);
}

static unsigned
take_tree (FilesLog *log, int dir_fd, const char *path)
{
  struct stat status;
  g_assert_cmpint (fstatat (dir_fd, path, &status, AT_SYMLINK_NOFOLLOW), ==, 0);
  unsigned index = add_object (log, status.st_ino, S_ISDIR (status.st_mode));
  FilesLogObject *object = g_ptr_array_index (log->objects, index);
  int fd = openat (dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  g_assert_cmpint (fd, >=, 0);
  if (!object->folder) {
    g_byte_array_set_size (object->data, (guint) status.st_size);
    g_assert_cmpint (pread (fd, object->data->data, (size_t) status.st_size, 0), ==,
                     status.st_size);
    close (fd);
    return index;
  }
  DIR *dir = fdopendir (fd);
  for (struct dirent *entry; (entry = readdir (dir));)
    if (!g_str_equal (entry->d_name, ".") && !g_str_equal (entry->d_name, ".."))
      g_hash_table_insert (object->names, g_strdup (entry->d_name),
                           GUINT_TO_POINTER (take_tree (log, fd, entry->d_name) + 1));
  closedir (dir);
  return index;
}

/* ---- Entries ---- */

static FilesLogEntry *
append (FilesLog *log, DioFileOp op, int object)
{
  FilesLogEntry *entry = g_new0 (FilesLogEntry, 1);
  entry->op = op;
  entry->object = (unsigned) object;
  g_ptr_array_add (log->entries, entry);
  return entry;
}

static void
append_name (FilesLog *log, const DioFileCall *call, int parent, int target)
{
  if (parent < 0 || target < 0)
    return;
  FilesLogEntry *entry = append (log, call->op, parent);
  entry->target = (unsigned) target;
  entry->name = g_path_get_basename (call->path);
  entry->flags = call->flags;
  if (!call->other_path)
    return;
  int other = find_parent (log, call->other_fd, call->other_path);
  g_assert_cmpint (other, >=, 0);
  entry->other_object = (unsigned) other;
  entry->other_name = g_path_get_basename (call->other_path);
}

static void
append_write (FilesLog *log, int object, const DioFileCall *call, uint64_t length)
{
  FilesLogEntry *entry = append (log, DIO_FILE_OP_WRITE, object);
  entry->offset = call->offset;
  entry->length = length;
  entry->data = g_malloc (MAX (length, 1));
  uint64_t done = 0;
  for (int i = 0; i < call->n_iov && done < length; i++) {
    size_t here = MIN (call->iov[i].iov_len, length - done);
    memcpy (entry->data + done, call->iov[i].iov_base, here);
    done += here;
  }
}

/* What came from another file is read back. */
static void
append_copied (FilesLog *log, int object, const DioFileCall *call, uint64_t length)
{
  g_autofree uint8_t *data = g_malloc (MAX (length, 1));
  g_autofree char *self = g_strdup_printf ("/proc/self/fd/%d", call->fd);
  int fd = open (self, O_RDONLY | O_CLOEXEC);
  g_assert_cmpint (pread (fd, data, length, (off_t) call->offset), ==, (gint64) length);
  close (fd);
  struct iovec iov = { data, length };
  append_write (log, object, &(DioFileCall){ .iov = &iov, .n_iov = 1, .offset = call->offset },
                length);
}

static void
append_simple (FilesLog *log, int object, const DioFileCall *call)
{
  FilesLogEntry *entry = append (log, call->op, object);
  entry->flags = call->flags;
  entry->offset = call->offset;
  entry->length = call->length;
}

static void
record_data (FilesLog *log, const DioFileCall *call, int64_t result)
{
  struct stat status;
  int object = find_fd (log, call->fd);
  if (object < 0)
    return;
  switch (call->op) {
  case DIO_FILE_OP_WRITE:
    append_write (log, object, call, (uint64_t) result);
    break;
  case DIO_FILE_OP_COPY:
    append_copied (log, object, call, (uint64_t) result);
    break;
  case DIO_FILE_OP_CLONE:
    g_assert_cmpint (fstat (call->other_fd, &status), ==, 0);
    append_copied (log, object, call,
                   call->length ? call->length : (uint64_t) status.st_size - call->other_offset);
    break;
  default:
    append_simple (log, object, call);
    break;
  }
}

/* ---- Calls ---- */

static int64_t
log_open (FilesLog *log, const DioFileCall *call)
{
  DioFiles *below = log->files.below;
  struct stat status;
  int parent = find_parent (log, call->fd, call->path);
  bool was_there = fstatat (call->fd, call->path, &status, AT_SYMLINK_NOFOLLOW) == 0;
  int64_t fd = below->call (below, call);
  if (fd < 0 || parent < 0)
    return fd;
  if (!was_there) {
    g_assert_cmpint (fstat ((int) fd, &status), ==, 0);
    append_name (log, call, parent, (int) add_object (log, status.st_ino, false));
  } else if (call->flags & O_TRUNC) {
    append (log, DIO_FILE_OP_TRUNCATE, find_fd (log, (int) fd));
  }
  return fd;
}

static int64_t
log_name (FilesLog *log, const DioFileCall *call)
{
  DioFiles *below = log->files.below;
  struct stat status;
  int parent = find_parent (log, call->fd, call->path);
  int target = find (log, call->fd, call->path, AT_SYMLINK_NOFOLLOW);
  int64_t result = below->call (below, call);
  if (result < 0 || parent < 0)
    return result;
  if (call->op == DIO_FILE_OP_MKDIR) {
    g_assert_cmpint (fstatat (call->fd, call->path, &status, AT_SYMLINK_NOFOLLOW), ==, 0);
    target = (int) add_object (log, status.st_ino, true);
  }
  append_name (log, call, parent, target);
  return result;
}

static int64_t
log_call (DioFiles *files, const DioFileCall *call)
{
  FilesLog *log = (FilesLog *) files;
  int64_t result;
  pthread_mutex_lock (&log->lock);
  switch (call->op) {
  case DIO_FILE_OP_OPEN:
    result = log_open (log, call);
    break;
  case DIO_FILE_OP_RENAME:
  case DIO_FILE_OP_LINK:
  case DIO_FILE_OP_UNLINK:
  case DIO_FILE_OP_MKDIR:
    result = log_name (log, call);
    break;
  case DIO_FILE_OP_WRITE:
  case DIO_FILE_OP_SYNC:
  case DIO_FILE_OP_DATASYNC:
  case DIO_FILE_OP_TRUNCATE:
  case DIO_FILE_OP_ALLOCATE:
  case DIO_FILE_OP_COPY:
  case DIO_FILE_OP_CLONE:
    result = files->below->call (files->below, call);
    if (result >= 0)
      record_data (log, call, result);
    break;
  default:
    /* A wait for a lock must not keep others from giving it back. */
    pthread_mutex_unlock (&log->lock);
    return files->below->call (files->below, call);
  }
  pthread_mutex_unlock (&log->lock);
  return result;
}

void
files_log_mark (FilesLog *log, uint64_t value)
{
  pthread_mutex_lock (&log->lock);
  append (log, DIO_FILE_N_OPS, 0)->length = value;
  pthread_mutex_unlock (&log->lock);
}

static void
object_free (void *data)
{
  FilesLogObject *object = data;
  g_byte_array_unref (object->data);
  g_hash_table_unref (object->names);
  g_free (object);
}

static void
entry_free (void *data)
{
  FilesLogEntry *entry = data;
  g_free (entry->name);
  g_free (entry->other_name);
  g_free (entry->data);
  g_free (entry);
}

FilesLog *
files_log_new (DioFiles *below, const char *root)
{
  FilesLog *log = g_new0 (FilesLog, 1);
  log->files = (DioFiles){ log_call, below };
  pthread_mutex_init (&log->lock, NULL);
  log->objects = g_ptr_array_new_with_free_func (object_free);
  log->entries = g_ptr_array_new_with_free_func (entry_free);
  log->inodes = g_hash_table_new (NULL, NULL);
  take_tree (log, AT_FDCWD, root);
  return log;
}

void
files_log_free (FilesLog *log)
{
  g_ptr_array_unref (log->objects);
  g_ptr_array_unref (log->entries);
  g_hash_table_unref (log->inodes);
  pthread_mutex_destroy (&log->lock);
  g_free (log);
}
