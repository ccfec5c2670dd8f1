/* SPDX-License-Identifier: GPL-3.0-or-later
 * Locks between processes. Open file description locks (F_OFD_SETLK) belong to the descriptor, not
 * to the process, so that closing some other descriptor of the file does not drop them and two
 * libraries in one process exclude each other as well. */
#include "app/library/library-lock.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "app/library/library-json.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define WHO_MAX_BYTES 4096

struct DioLock {
  DioFiles *files;
  int fd;
};

static struct flock
whole_file (void)
{
  return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
}

static char *
read_who (DioFiles *files, int fd)
{
  char text[WHO_MAX_BYTES + 1];
  int64_t n = dio_file_read (files, fd, text, sizeof text, 0);
  if (n <= 0 || n > WHO_MAX_BYTES)
    return NULL;
  g_autoptr (JsonObject) who = dio_json_parse_object (text, n, 4, NULL);
  if (!who)
    return NULL;
  gint64 pid = json_object_get_int_member_with_default (who, "pid", 0);
  const char *program = json_object_get_string_member_with_default (who, "program", NULL);
  if (pid <= 0 || !program)
    return NULL;
  g_autofree char *clean = g_strndup (program, 64);
  for (char *p = clean; *p; p++)
    if (!g_ascii_isalnum (*p) && !strchr (" -._", *p))
      *p = '?';
  return g_strdup_printf (_ ("%s, process %" PRId64), clean, pid);
}

static void
write_who (DioFiles *files, int fd)
{
  g_autoptr (JsonObject) who = json_object_new ();
  json_object_set_int_member (who, "pid", getpid ());
  const char *program = g_get_prgname ();
  json_object_set_string_member (who, "program", program ? program : "diorama");
  g_autofree char *text = dio_json_object_to_text (who, FALSE);
  /* Only a help for people: a full disk does not matter here. */
  int result = dio_file_truncate (files, fd, 0);
  if (result == 0)
    result = dio_file_write (files, fd, text, strlen (text), 0);
  if (result < 0)
    g_debug ("the owner of a lock could not be noted: %s", g_strerror (-result));
}

static int
open_lock (DioFiles *files, int dir_fd, const char *name, const char *what, GError **error)
{
  struct statx status;
  int fd = dio_file_open (files, dir_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (fd >= 0 && dio_file_stat (files, fd, "", AT_EMPTY_PATH, &status) == 0
      && S_ISREG (status.stx_mode))
    return fd;
  if (fd >= 0)
    dio_file_close (files, fd);
  dio_set_error_errno (error, fd >= 0 ? EINVAL : -fd, _ ("“%s” cannot be locked"), what);
  return -1;
}

static DioLock *
take (DioFiles *files, int dir_fd, const char *name, const char *what, gboolean wait,
      GError **error)
{
  int fd = open_lock (files, dir_fd, name, what, error);
  if (fd < 0)
    return NULL;
  struct flock range = whole_file ();
  int result = dio_file_lock (files, fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &range);
  if (result == 0) {
    write_who (files, fd);
    DioLock *lock = g_new (DioLock, 1);
    *lock = (DioLock){ files, fd };
    return lock;
  }
  if (result == -EAGAIN) {
    g_autofree char *who = read_who (files, fd);
    g_set_error (
        error, DIO_ERROR, DIO_ERROR_BUSY,
        _ ("“%s” is in use by another process (%s). Stop it there first, or with “diorama stop”"),
        what, who ? who : _ ("unknown"));
  } else
    dio_set_error_errno (error, -result, _ ("“%s” cannot be locked"), what);
  dio_file_close (files, fd);
  return NULL;
}

DioLock *
dio_lock_take (DioFiles *files, int dir_fd, const char *name, const char *what, GError **error)
{
  return take (files, dir_fd, name, what, FALSE, error);
}

DioLock *
dio_lock_wait (DioFiles *files, int dir_fd, const char *name, const char *what, GError **error)
{
  return take (files, dir_fd, name, what, TRUE, error);
}

void
dio_lock_release (DioLock *lock)
{
  if (!lock)
    return;
  /* Emptied first: watchers of the file see that, and find it unlocked a moment later. */
  int result = dio_file_truncate (lock->files, lock->fd, 0);
  if (result < 0)
    g_debug ("a lock file could not be emptied: %s", g_strerror (-result));
  dio_file_close (lock->files, lock->fd);
  g_free (lock);
}

gboolean
dio_lock_is_held (DioFiles *files, int dir_fd, const char *name, char **who)
{
  if (who)
    *who = NULL;
  int fd = dio_file_open (files, dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
  if (fd < 0)
    return FALSE;
  struct flock range = whole_file ();
  gboolean held = dio_file_lock (files, fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
  if (held && who)
    *who = read_who (files, fd);
  dio_file_close (files, fd);
  return held;
}
