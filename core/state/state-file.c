/* SPDX-License-Identifier: GPL-3.0-or-later
 * State files: a head of 64 bytes (magic, version, number of sections, hash of the table), a table
 * of 80 bytes for each section (name, place, sizes, hash of the compressed bytes), the sections. */
#include "core/state/state-file.h"

#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/base/base-memory.h"
#include "core/state/store-private.h"

#define VERSION 1
#define HEAD 64
#define ENTRY 80
#define NAME 16
#define LEVEL 3
#define MAX_FILE (UINT64_C (1) << 31)

static const char magic[8] = { 'D', 'I', 'O', 'S', 'T', 'A', 'T', 'E' };

typedef struct {
  char name[NAME];
  GBytes *bytes;
} Section;

struct DioStateFile {
  GArray *sections; /* of Section */
};

static void
clear_section (void *data)
{
  g_clear_pointer (&((Section *) data)->bytes, g_bytes_unref);
}

DioStateFile *
dio_state_file_new (void)
{
  DioStateFile *file = g_new0 (DioStateFile, 1);
  file->sections = g_array_new (FALSE, TRUE, sizeof (Section));
  g_array_set_clear_func (file->sections, clear_section);
  return file;
}

void
dio_state_file_free (DioStateFile *file)
{
  if (!file)
    return;
  g_array_unref (file->sections);
  g_free (file);
}

void
dio_state_file_add (DioStateFile *file, const char *name, GBytes *bytes)
{
  Section section = { .bytes = g_bytes_ref (bytes) };
  g_return_if_fail (strlen (name) < NAME && file->sections->len < DIO_STATE_FILE_MAX_SECTIONS);

  g_strlcpy (section.name, name, NAME);
  g_array_append_val (file->sections, section);
}

GBytes *
dio_state_file_get (DioStateFile *file, const char *name)
{
  for (guint i = 0; i < file->sections->len; i++) {
    const Section *section = &g_array_index (file->sections, Section, i);
    if (strcmp (section->name, name) == 0)
      return section->bytes;
  }
  return NULL;
}

static void
put64 (uint8_t *to, uint64_t value)
{
  value = GUINT64_TO_LE (value);
  memcpy (to, &value, sizeof value);
}

static uint64_t
get64 (const uint8_t *from)
{
  uint64_t value;
  memcpy (&value, from, sizeof value);
  return GUINT64_FROM_LE (value);
}

static uint64_t
total_bytes (const DioStateFile *file)
{
  uint64_t total = 0;
  for (guint i = 0; i < file->sections->len; i++)
    total += g_bytes_get_size (g_array_index (file->sections, Section, i).bytes);
  return total;
}

/* ---- Writing ---- */

typedef struct {
  uint8_t *data;
  size_t length, capacity;
} Output;

/* Appends the section to @out, and describes it in the table, which is in @out already. */
static bool
write_section (const Section *section, guint number, Output *out)
{
  gsize length;
  const void *data = g_bytes_get_data (section->bytes, &length);
  size_t bound = ZSTD_compressBound (length);
  if (!dio_memory_grow (&out->data, &out->capacity, out->length + bound, 1))
    return false;
  uint8_t *packed = out->data + out->length;
  size_t size = ZSTD_compress (packed, bound, data, length, LEVEL);
  DioChunkId sum;
  if (ZSTD_isError (size) || out->length + size > MAX_FILE || !dio_chunk_hash (packed, size, &sum))
    return false;
  uint64_t offset = out->length;
  out->length += size;
  uint8_t *entry = out->data + HEAD + (size_t) number * ENTRY;
  memcpy (entry, section->name, NAME);
  put64 (entry + 16, offset);
  put64 (entry + 24, size);
  put64 (entry + 32, length);
  memcpy (entry + 48, sum.bytes, sizeof sum.bytes);
  return true;
}

bool
dio_state_file_write (DioStateFile *file, DioFiles *files, int dir_fd, const char *name,
                      uint64_t *size, GError **error)
{
  guint n = file->sections->len;
  if (total_bytes (file) > DIO_STATE_FILE_MAX_BYTES) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED, "%s",
                 _ ("The state of the machine’s devices is too large for a snapshot"));
    return false;
  }
  Output out = { .length = HEAD + (size_t) n * ENTRY };
  bool good = dio_memory_grow (&out.data, &out.capacity, out.length, 1);
  if (good)
    memset (out.data, 0, out.length);
  for (guint i = 0; i < n && good; i++)
    good = write_section (&g_array_index (file->sections, Section, i), i, &out);
  g_autofree uint8_t *bytes = out.data;
  DioChunkId sum;
  if (!good || !dio_chunk_hash (bytes + HEAD, (size_t) n * ENTRY, &sum)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY, "%s",
                 _ ("There is not enough memory for making the snapshot"));
    return false;
  }
  memcpy (bytes, magic, sizeof magic);
  put64 (bytes + 8, VERSION);
  put64 (bytes + 16, n);
  memcpy (bytes + 24, sum.bytes, sizeof sum.bytes);
  if (size)
    *size = out.length;
  return dio_file_write_atomic (files, dir_fd, name, bytes, out.length, error);
}

/* ---- Reading ---- */

typedef struct {
  DioFiles *files;
  int fd;
  uint64_t size;
  const char *name;
} Source;

static bool
fail_format (const Source *source, GError **error)
{
  g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("The snapshot file “%s” is damaged"),
               source->name);
  return false;
}

static bool
fail_memory (const Source *source, GError **error)
{
  g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY,
               _ ("There is not enough memory for reading “%s”"), source->name);
  return false;
}

static bool
read_at (const Source *source, void *data, size_t length, uint64_t offset, GError **error)
{
  int64_t n = dio_file_read (source->files, source->fd, data, length, offset);
  if (n >= 0)
    return (size_t) n == length || fail_format (source, error);
  dio_set_error_errno (error, (int) -n, _ ("The snapshot file “%s” cannot be read"), source->name);
  return false;
}

static bool
read_section (DioStateFile *file, const Source *source, const uint8_t *entry, GError **error)
{
  uint64_t offset = get64 (entry + 16), size = get64 (entry + 24), length = get64 (entry + 32);
  DioChunkId sum;
  char name[NAME];
  memcpy (name, entry, NAME);
  /* Few bytes unpack to very many: what is there already counts. */
  if (memchr (name, 0, NAME) == NULL || length > DIO_STATE_FILE_MAX_BYTES - total_bytes (file)
      || offset > source->size || size > source->size - offset)
    return fail_format (source, error);
  g_autofree uint8_t *packed = g_try_malloc (MAX (size, 1));
  g_autofree uint8_t *bytes = g_try_malloc (MAX (length, 1));
  if (!packed || !bytes)
    return fail_memory (source, error);
  if (!read_at (source, packed, size, offset, error))
    return false;
  if (!dio_chunk_hash (packed, size, &sum) || memcmp (sum.bytes, entry + 48, sizeof sum.bytes) != 0)
    return fail_format (source, error);
  size_t unpacked = ZSTD_decompress (bytes, length, packed, size);
  if (ZSTD_isError (unpacked) && ZSTD_getErrorCode (unpacked) == ZSTD_error_memory_allocation)
    return fail_memory (source, error);
  if (unpacked != length)
    return fail_format (source, error);
  g_autoptr (GBytes) section = g_bytes_new_take (g_steal_pointer (&bytes), length);
  dio_state_file_add (file, name, section);
  return true;
}

static DioStateFile *
read_file (const Source *source, const char *only, GError **error)
{
  uint8_t head[HEAD];
  uint8_t table[ENTRY * DIO_STATE_FILE_MAX_SECTIONS];
  DioChunkId sum;
  if (source->size < HEAD || source->size > MAX_FILE) {
    fail_format (source, error);
    return NULL;
  }
  if (!read_at (source, head, HEAD, 0, error))
    return NULL;
  if (memcmp (head, magic, sizeof magic) == 0 && get64 (head + 8) > VERSION) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                 _ ("The snapshot file “%s” was made by a newer version of Diorama"), source->name);
    return NULL;
  }
  uint64_t n = get64 (head + 16);
  if (memcmp (head, magic, sizeof magic) != 0 || n > DIO_STATE_FILE_MAX_SECTIONS) {
    fail_format (source, error);
    return NULL;
  }
  if (!read_at (source, table, n * ENTRY, HEAD, error))
    return NULL;
  if (!dio_chunk_hash (table, n * ENTRY, &sum)
      || memcmp (sum.bytes, head + 24, sizeof sum.bytes) != 0) {
    fail_format (source, error);
    return NULL;
  }
  g_autoptr (DioStateFile) file = dio_state_file_new ();
  for (uint64_t i = 0; i < n; i++)
    if ((!only || strncmp ((const char *) table + i * ENTRY, only, NAME) == 0)
        && !read_section (file, source, table + i * ENTRY, error))
      return NULL;
  return g_steal_pointer (&file);
}

DioStateFile *
dio_state_file_read (DioFiles *files, int dir_fd, const char *name, const char *only,
                     GError **error)
{
  int fd = dio_file_open_inside (files, dir_fd, name, O_RDONLY, error);
  if (fd < 0)
    return NULL;
  int64_t size = dio_file_seek (files, fd, 0, SEEK_END);
  const Source source = { files, fd, size > 0 ? (uint64_t) size : 0, name };
  DioStateFile *file = read_file (&source, only, error);
  dio_file_close (files, fd);
  return file;
}
