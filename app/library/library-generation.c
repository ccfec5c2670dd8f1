/* SPDX-License-Identifier: GPL-3.0-or-later
 * The file "generation" of a bundle: the identifier beside what the file itself is, in one line,
 *
 *   1 MACHINE INODE SECONDS NANOSECONDS IDENTIFIER
 *
 * A copy of a file has another inode or was made at another time, and so the line in it is about
 * another file. Moving and renaming the bundle change neither. */
#include "app/library/library-generation.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/file/file-util.h"

#define TEMPORARY ".generation.tmp"
#define MAX_BYTES 256

/* The line up to the identifier. */
static char *
describe (const char *machine, const struct statx *file)
{
  return g_strdup_printf ("1 %s %" PRIu64 " %" PRId64 " %" PRIu32 " ", machine,
                          (uint64_t) file->stx_ino, (int64_t) file->stx_btime.tv_sec,
                          (uint32_t) file->stx_btime.tv_nsec);
}

static gboolean
parse (const char *text, uint8_t id[DIO_GENERATION_BYTES])
{
  for (unsigned i = 0; i < DIO_GENERATION_BYTES; i++) {
    int high = g_ascii_xdigit_value (text[2 * i]);
    int low = high < 0 ? -1 : g_ascii_xdigit_value (text[2 * i + 1]);
    if (low < 0)
      return FALSE;
    id[i] = (uint8_t) (high << 4 | low);
  }
  return strcmp (text + 2 * DIO_GENERATION_BYTES, "\n") == 0;
}

static gboolean
load (DioFiles *files, int bundle_fd, const char *machine, uint8_t id[DIO_GENERATION_BYTES])
{
  struct statx file;
  size_t length;
  g_autofree char *text =
      dio_file_load (files, bundle_fd, DIO_GENERATION_FILE, MAX_BYTES, &length, NULL);
  if (!text
      || dio_file_stat (files, bundle_fd, DIO_GENERATION_FILE, AT_SYMLINK_NOFOLLOW, &file) < 0)
    return FALSE;
  g_autofree char *expected = describe (machine, &file);
  return g_str_has_prefix (text, expected) && parse (text + strlen (expected), id);
}

static int
write_line (DioFiles *files, int fd, const char *machine, const uint8_t id[DIO_GENERATION_BYTES])
{
  struct statx file;
  int result = dio_file_stat (files, fd, "", AT_EMPTY_PATH, &file);
  if (result < 0)
    return result;
  g_autofree char *start = describe (machine, &file);
  g_autoptr (GString) line = g_string_new (start);
  for (unsigned i = 0; i < DIO_GENERATION_BYTES; i++)
    g_string_append_printf (line, "%02x", id[i]);
  g_string_append_c (line, '\n');
  result = dio_file_write (files, fd, line->str, line->len, 0);
  return result == 0 ? dio_file_sync (files, fd) : result;
}

static gboolean
save (DioFiles *files, int bundle_fd, const char *machine, const uint8_t id[DIO_GENERATION_BYTES])
{
  dio_file_unlink (files, bundle_fd, TEMPORARY, 0); /* of somebody who did not come to the end */
  int fd =
      dio_file_open (files, bundle_fd, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (fd < 0)
    return FALSE;
  int result = write_line (files, fd, machine, id);
  int closed = dio_file_close (files, fd);
  if (result == 0)
    result = closed;
  if (result == 0)
    result = dio_file_rename (files, bundle_fd, TEMPORARY, bundle_fd, DIO_GENERATION_FILE, 0);
  if (result < 0)
    dio_file_unlink (files, bundle_fd, TEMPORARY, 0);
  else
    result = dio_file_sync (files, bundle_fd);
  return result == 0;
}

void
dio_generation_take (DioFiles *files, int bundle_fd, const char *machine,
                     uint8_t id[DIO_GENERATION_BYTES])
{
  if (load (files, bundle_fd, machine, id))
    return;
  /* Without it the guest gets one that nobody else has, and another at the next start. */
  if (getrandom (id, DIO_GENERATION_BYTES, 0) != DIO_GENERATION_BYTES
      || !save (files, bundle_fd, machine, id))
    memset (id, 0, DIO_GENERATION_BYTES);
}

gboolean
dio_generation_forget (DioFiles *files, int bundle_fd, GError **error)
{
  int result = dio_file_unlink (files, bundle_fd, DIO_GENERATION_FILE, 0);
  if (result == -ENOENT)
    return TRUE;
  if (result == 0)
    result = dio_file_sync (files, bundle_fd);
  if (result < 0)
    dio_set_error_errno (error, -result, _ ("%s cannot be removed"), DIO_GENERATION_FILE);
  return result == 0;
}
