/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tells perf(1) what compiled code is (tools/perf/Documentation/jit-interface.txt in Linux). */
#include "core/jit/jit-perf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define MAX_LINE 256

struct DioJitPerf {
  int fd;
};

/* The name can be guessed and the directory belongs to everybody: whatever is there is never
 * opened, and only a plain file of our own is taken away. */
static int
create_file (const char *path)
{
  const int flags = O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  int fd = open (path, flags, 0600);
  struct stat status;
  if (fd >= 0 || errno != EEXIST || lstat (path, &status) < 0)
    return fd;
  if (!S_ISREG (status.st_mode) || status.st_uid != geteuid ()) {
    errno = EEXIST;
    return -1;
  }
  return unlink (path) == 0 ? open (path, flags, 0600) : -1;
}

DioJitPerf *
dio_jit_perf_new (const char *directory, GError **error)
{
  g_autofree char *path =
      g_strdup_printf ("%s/perf-%d.map", directory ? directory : "/tmp", (int) getpid ());
  int fd = create_file (path);
  if (fd < 0) {
    dio_set_error_errno (error, errno, _ ("The map “%s” for perf could not be created"), path);
    return NULL;
  }
  DioJitPerf *perf = g_new0 (DioJitPerf, 1);
  perf->fd = fd;
  return perf;
}

void
dio_jit_perf_free (DioJitPerf *perf)
{
  if (!perf)
    return;
  close (perf->fd);
  g_free (perf);
}

/* What would end the line becomes a space. */
static void
clean (char *name)
{
  for (; *name; name++) {
    if ((unsigned char) *name < ' ')
      *name = ' ';
  }
}

/* One write() of a file that is open for appending: lines of threads do not mix. A full disk costs
 * lines of the map and nothing else. */
void
dio_jit_perf_add (DioJitPerf *perf, const void *code, size_t size, const char *format, ...)
{
  if (!perf)
    return;
  char line[MAX_LINE];
  int start = g_snprintf (line, sizeof line, "%" PRIxPTR " %zx ", (uintptr_t) code, size);
  va_list arguments;
  va_start (arguments, format);
  g_vsnprintf (line + start, sizeof line - (size_t) start - 1, format, arguments);
  va_end (arguments);
  clean (line + start);
  size_t length = strlen (line);
  line[length] = '\n';
  ssize_t written = write (perf->fd, line, length + 1);
  (void) written;
}
