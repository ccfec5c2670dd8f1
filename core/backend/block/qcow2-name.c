/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the header of an overlay calls the image below it (qcow2 specification, "Header" and "Header
 * extensions"). Nobody here opens such a name; it is for those who take the file to another
 * program.
 *
 * The file may be open at the same time, as an image that a machine writes: then nothing else is
 * touched than what only this file ever writes, the name, its place and the extension before it. */
#include <errno.h>
#include <string.h>

#include "core/backend/block/qcow2-private.h"
#include "core/backend/block/qcow2.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* All of it lies in the first sector, so that no part of a change is ever torn. */
#define HEAD 512
#define AT_BACKING 8
#define BACKING_FORMAT 0xe2792aca
#define EXTENSION 16 /* with a name of up to eight bytes */

typedef struct {
  uint8_t bytes[HEAD];
  uint64_t first;          /* where the extension of the format is */
  uint64_t offset, length; /* of the name */
  uint64_t new_offset, new_length;
} Head;

/* False for all that dio_block_create() would not have made. */
static bool
parse (Head *head)
{
  const uint8_t *bytes = head->bytes;
  uint32_t version = dio_get_be32 (bytes + 4);
  if (dio_get_be32 (bytes) != QCOW2_MAGIC || (version != 2 && version != 3))
    return false;
  head->first = version == 2 ? 72 : dio_get_be32 (bytes + 100);
  head->offset = dio_get_be64 (bytes + AT_BACKING);
  head->length = dio_get_be32 (bytes + AT_BACKING + 8);
  return head->first >= 72 && head->first <= HEAD - EXTENSION - 8
         && head->offset >= head->first + EXTENSION + 8 && head->offset <= HEAD
         && head->length <= HEAD - head->offset
         && dio_get_be32 (bytes + head->first) == BACKING_FORMAT
         && dio_get_be32 (bytes + head->first + 4) <= 8
         && dio_get_be32 (bytes + head->first + EXTENSION) == 0;
}

/* Beside the old name, which counts until the place of the new one does. */
static bool
find_place (Head *head)
{
  uint64_t start = head->first + EXTENSION + 8;
  uint64_t behind = (head->offset + head->length + 7) & ~UINT64_C (7);
  head->new_offset = start + head->new_length <= head->offset ? start : behind;
  return head->new_offset + head->new_length <= HEAD;
}

static bool
is_as_wanted (const Head *head, const uint8_t *extension, const char *name)
{
  return head->length == head->new_length
         && memcmp (head->bytes + head->offset, name, head->length) == 0
         && memcmp (head->bytes + head->first, extension, EXTENSION) == 0;
}

static int
change (DioFiles *files, int fd, const Head *head, const uint8_t *extension, const char *name)
{
  uint8_t place[12];
  dio_put_be64 (place, head->new_offset);
  dio_put_be32 (place + 8, (uint32_t) head->new_length);
  int result = dio_file_write (files, fd, extension, EXTENSION, head->first);
  if (result == 0)
    result = dio_file_write (files, fd, name, head->new_length, head->new_offset);
  if (result == 0)
    result = dio_file_sync (files, fd);
  if (result == 0)
    result = dio_file_write (files, fd, place, sizeof place, AT_BACKING);
  return result == 0 ? dio_file_sync (files, fd) : result;
}

static int
set_name (DioFiles *files, int fd, const char *name, const char *format)
{
  Head head = { .new_length = strlen (name) };
  uint8_t extension[EXTENSION] = { 0 };
  size_t length = strlen (format);
  int64_t got = dio_file_read (files, fd, head.bytes, sizeof head.bytes, 0);
  if (got != HEAD || length > 8 || !parse (&head))
    return got < 0 ? (int) got : -ENOTSUP;
  dio_put_be32 (extension, BACKING_FORMAT);
  dio_put_be32 (extension + 4, (uint32_t) length);
  memcpy (extension + 8, format, length);
  if (is_as_wanted (&head, extension, name))
    return 0;
  return find_place (&head) ? change (files, fd, &head, extension, name) : -ENOTSUP;
}

bool
dio_qcow2_set_backing_name (DioFiles *files, int dir_fd, const char *file, const char *name,
                            const char *format, GError **error)
{
  int fd = dio_file_open_inside (files, dir_fd, file, O_RDWR, error);
  if (fd < 0)
    return false;
  int result = set_name (files, fd, name, format);
  dio_file_close (files, fd);
  if (result < 0)
    dio_set_error_errno (error, -result, _ ("The disk “%s” could not be written"), file);
  return result == 0;
}
