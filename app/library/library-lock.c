/* SPDX-License-Identifier: GPL-3.0-or-later
 * Locks between processes. Open file description locks (F_OFD_SETLK) belong to the descriptor, not
 * to the process, so that closing some other descriptor of the file does not drop them and two
 * libraries in one process exclude each other as well. */
#include "app/library/library-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/library/library-json.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define WHO_MAX_BYTES 4096

struct DioLock {
  int fd;
};

static struct flock
whole_file (void)
{
  return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
}

static char *
read_who (int fd)
{
  char text[WHO_MAX_BYTES + 1];
  ssize_t n = pread (fd, text, sizeof text, 0);
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
write_who (int fd)
{
  g_autoptr (JsonObject) who = json_object_new ();
  json_object_set_int_member (who, "pid", getpid ());
  const char *program = g_get_prgname ();
  json_object_set_string_member (who, "program", program ? program : "diorama");
  g_autofree char *text = dio_json_object_to_text (who, FALSE);
  /* Only a help for people: a full disk does not matter here. */
  if (ftruncate (fd, 0) != 0 || pwrite (fd, text, strlen (text), 0) < 0)
    g_debug ("the owner of a lock could not be noted: %s", g_strerror (errno));
}

static int
open_lock (int dir_fd, const char *name, const char *what, GError **error)
{
  int fd = openat (dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  struct stat st;
  if (fd >= 0 && fstat (fd, &st) == 0 && S_ISREG (st.st_mode))
    return fd;
  if (fd >= 0) {
    close (fd);
    errno = EINVAL;
  }
  dio_set_error_errno (error, errno, _ ("“%s” cannot be locked"), what);
  return -1;
}

static DioLock *
take (int dir_fd, const char *name, const char *what, gboolean wait, GError **error)
{
  int fd = open_lock (dir_fd, name, what, error);
  if (fd < 0)
    return NULL;
  struct flock range = whole_file ();
  int result;
  do
    result = fcntl (fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &range);
  while (result != 0 && errno == EINTR);
  if (result == 0) {
    write_who (fd);
    DioLock *lock = g_new (DioLock, 1);
    lock->fd = fd;
    return lock;
  }
  if (errno == EAGAIN || errno == EACCES) {
    g_autofree char *who = read_who (fd);
    g_set_error (
        error, DIO_ERROR, DIO_ERROR_BUSY,
        _ ("“%s” is in use by another process (%s). Stop it there first, or with “diorama stop”"),
        what, who ? who : _ ("unknown"));
  } else
    dio_set_error_errno (error, errno, _ ("“%s” cannot be locked"), what);
  close (fd);
  return NULL;
}

DioLock *
dio_lock_take (int dir_fd, const char *name, const char *what, GError **error)
{
  return take (dir_fd, name, what, FALSE, error);
}

DioLock *
dio_lock_wait (int dir_fd, const char *name, const char *what, GError **error)
{
  return take (dir_fd, name, what, TRUE, error);
}

void
dio_lock_release (DioLock *lock)
{
  if (!lock)
    return;
  /* Emptied first: watchers of the file see that, and find it unlocked a moment later. */
  if (ftruncate (lock->fd, 0) != 0)
    g_debug ("a lock file could not be emptied: %s", g_strerror (errno));
  close (lock->fd);
  g_free (lock);
}

gboolean
dio_lock_is_held (int dir_fd, const char *name, char **who)
{
  if (who)
    *who = NULL;
  int fd = openat (dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0)
    return FALSE;
  struct flock range = whole_file ();
  gboolean held = fcntl (fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
  if (held && who)
    *who = read_who (fd);
  close (fd);
  return held;
}
