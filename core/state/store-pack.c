/* SPDX-License-Identifier: GPL-3.0-or-later
 * Packs: the files of the chunk store. */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/state/store-private.h"

#define VERSION 1
#define RECORD_MAGIC 0x4b484344u /* "DCHK" */

static const char head_magic[8] = "DIOPACK";
static const char tail_magic[8] = "DIOPKEN";

bool
dio_chunk_hash (const void *data, size_t length, DioChunkId *id)
{
  unsigned size = sizeof id->bytes;
  return EVP_Digest (data, length, id->bytes, &size, EVP_sha256 (), NULL) == 1;
}

/* ---- Numbers ---- */

static void
put32 (uint8_t *to, uint32_t value)
{
  value = GUINT32_TO_LE (value);
  memcpy (to, &value, sizeof value);
}

static void
put64 (uint8_t *to, uint64_t value)
{
  value = GUINT64_TO_LE (value);
  memcpy (to, &value, sizeof value);
}

static uint32_t
get32 (const uint8_t *from)
{
  uint32_t value;
  memcpy (&value, from, sizeof value);
  return GUINT32_FROM_LE (value);
}

static uint64_t
get64 (const uint8_t *from)
{
  uint64_t value;
  memcpy (&value, from, sizeof value);
  return GUINT64_FROM_LE (value);
}

static void
encode_entry (uint8_t *to, const DioPackEntry *entry)
{
  memcpy (to, entry->id.bytes, sizeof entry->id.bytes);
  put64 (to + 32, entry->offset);
  put32 (to + 40, entry->stored);
  put32 (to + 44, entry->raw);
}

static void
decode_entry (const uint8_t *from, DioPackEntry *entry)
{
  memcpy (entry->id.bytes, from, sizeof entry->id.bytes);
  entry->offset = get64 (from + 32);
  entry->stored = get32 (from + 40);
  entry->raw = get32 (from + 44);
}

void
dio_pack_encode_record (uint8_t *to, const DioPackEntry *entry)
{
  put32 (to, RECORD_MAGIC);
  put32 (to + 4, entry->stored);
  put32 (to + 8, entry->raw);
  put32 (to + 12, 0);
  memcpy (to + 16, entry->id.bytes, sizeof entry->id.bytes);
}

/* ---- Writing ---- */

static bool
fail_write (int result, const char *name, GError **error)
{
  dio_set_error_errno (error, -result, _ ("The snapshot file “%s” cannot be written"), name);
  return false;
}

bool
dio_pack_write_head (DioFiles *files, int fd, const char *name, GError **error)
{
  uint8_t head[DIO_PACK_HEAD] = { 0 };
  memcpy (head, head_magic, sizeof head_magic);
  put32 (head + 8, VERSION);
  int result = dio_file_write (files, fd, head, sizeof head, 0);
  return result == 0 || fail_write (result, name, error);
}

static int
compare_entries (const void *a, const void *b)
{
  const DioPackEntry *one = a, *other = b;
  return memcmp (one->id.bytes, other->id.bytes, sizeof one->id.bytes);
}

bool
dio_pack_write_end (DioFiles *files, int fd, const char *name, uint64_t end, DioPackEntry *entries,
                    uint64_t n_entries, GError **error)
{
  uint64_t index_size = n_entries * DIO_PACK_ENTRY;
  uint8_t *bytes = g_try_malloc (index_size + DIO_PACK_TAIL);
  if (!bytes)
    return fail_write (-ENOMEM, name, error);
  qsort (entries, n_entries, sizeof *entries, compare_entries);
  for (uint64_t i = 0; i < n_entries; i++)
    encode_entry (bytes + i * DIO_PACK_ENTRY, &entries[i]);

  uint8_t *tail = bytes + index_size;
  DioChunkId sum;
  memset (tail, 0, DIO_PACK_TAIL);
  memcpy (tail, tail_magic, sizeof tail_magic);
  put64 (tail + 8, n_entries);
  put64 (tail + 16, end);
  int result = dio_chunk_hash (bytes, index_size + 24, &sum) ? 0 : -ENOMEM;
  memcpy (tail + 24, sum.bytes, sizeof sum.bytes);
  if (result == 0)
    result = dio_file_write (files, fd, bytes, index_size + DIO_PACK_TAIL, end);
  g_free (bytes);
  return result == 0 || fail_write (result, name, error);
}

/* ---- Reading ---- */

bool
dio_store_fail_memory (GError **error)
{
  g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY, "%s",
               _ ("There is not enough memory for the index of the snapshots"));
  return false;
}

static bool
fail_format (const char *name, GError **error)
{
  g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("The snapshot file “%s” is damaged"), name);
  return false;
}

static bool
read_all (const DioPack *pack, void *data, size_t length, uint64_t offset, GError **error)
{
  int64_t n = dio_file_read (pack->files, pack->fd, data, length, offset);
  if (n < 0) {
    dio_set_error_errno (error, (int) -n, _ ("The snapshot file “%s” cannot be read"), pack->name);
    return false;
  }
  return (size_t) n == length || fail_format (pack->name, error);
}

static bool
entry_is_good (const DioPackEntry *entry, uint64_t end)
{
  return entry->offset >= DIO_PACK_HEAD && entry->offset <= end
         && DIO_PACK_RECORD + (uint64_t) entry->stored <= end - entry->offset && entry->raw > 0
         && entry->raw <= DIO_CHUNK_MAX && entry->stored <= ZSTD_COMPRESSBOUND (DIO_CHUNK_MAX);
}

static bool
decode_index (DioPack *pack, const uint8_t *bytes, uint64_t end, GError **error)
{
  pack->entries = g_try_malloc_n (MAX (pack->n_entries, 1), sizeof *pack->entries);
  if (!pack->entries)
    return dio_store_fail_memory (error);
  for (uint64_t i = 0; i < pack->n_entries; i++) {
    decode_entry (bytes + i * DIO_PACK_ENTRY, &pack->entries[i]);
    if (!entry_is_good (&pack->entries[i], end)
        || (i && compare_entries (&pack->entries[i - 1], &pack->entries[i]) >= 0))
      return fail_format (pack->name, error);
  }
  return true;
}

static bool
load_index (DioPack *pack, GError **error)
{
  uint8_t head[DIO_PACK_HEAD], tail[DIO_PACK_TAIL];
  if (pack->size < DIO_PACK_HEAD + DIO_PACK_TAIL)
    return fail_format (pack->name, error);
  if (!read_all (pack, head, sizeof head, 0, error)
      || !read_all (pack, tail, sizeof tail, pack->size - sizeof tail, error))
    return false;
  uint64_t end = get64 (tail + 16);
  pack->n_entries = get64 (tail + 8);
  if (memcmp (head, head_magic, sizeof head_magic) != 0
      || memcmp (tail, tail_magic, sizeof tail_magic) != 0)
    return fail_format (pack->name, error);
  if (get32 (head + 8) != VERSION) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                 _ ("The snapshot file “%s” was made by a newer version of Diorama"), pack->name);
    return false;
  }
  if (end < DIO_PACK_HEAD || end > pack->size - DIO_PACK_TAIL
      || pack->n_entries != (pack->size - DIO_PACK_TAIL - end) / DIO_PACK_ENTRY
      || end + pack->n_entries * DIO_PACK_ENTRY + DIO_PACK_TAIL != pack->size)
    return fail_format (pack->name, error);

  /* No more than the file has. */
  uint64_t index_size = pack->n_entries * DIO_PACK_ENTRY;
  g_autofree uint8_t *bytes = g_try_malloc (index_size + 24);
  if (!bytes)
    return dio_store_fail_memory (error);
  if (!read_all (pack, bytes, index_size + 24, end, error))
    return false;
  DioChunkId sum;
  if (!dio_chunk_hash (bytes, index_size + 24, &sum)
      || memcmp (sum.bytes, tail + 24, sizeof sum.bytes) != 0)
    return fail_format (pack->name, error);
  return decode_index (pack, bytes, end, error);
}

DioPack *
dio_pack_open (DioFiles *files, int dir_fd, const char *name, GError **error)
{
  int fd = dio_file_open_inside (files, dir_fd, name, O_RDONLY, error);
  if (fd < 0)
    return NULL;
  DioPack *pack = g_new0 (DioPack, 1);
  g_atomic_ref_count_init (&pack->references);
  pack->files = files;
  pack->fd = fd;
  pack->name = g_strdup (name);
  int64_t size = dio_file_seek (files, fd, 0, SEEK_END);
  pack->size = size > 0 ? (uint64_t) size : 0;
  if (!load_index (pack, error)) {
    dio_pack_unref (pack);
    return NULL;
  }
  return pack;
}

DioPack *
dio_pack_ref (DioPack *pack)
{
  g_atomic_ref_count_inc (&pack->references);
  return pack;
}

void
dio_pack_unref (DioPack *pack)
{
  if (!g_atomic_ref_count_dec (&pack->references))
    return;
  dio_file_close (pack->files, pack->fd);
  g_free (pack->name);
  g_free (pack->entries);
  g_free (pack);
}

/* The first 64 bits of a name. */
static uint64_t
head_of (const DioChunkId *id)
{
  uint64_t head;
  memcpy (&head, id->bytes, sizeof head);
  return GUINT64_FROM_BE (head);
}

/* Names are spread evenly, so the place of one is known nearly: a few steps from there instead of
 * the seventeen of a binary search, each in another line of the cache. */
const DioPackEntry *
dio_pack_find (const DioPack *pack, const DioChunkId *id)
{
  uint64_t n = pack->n_entries;
  if (!n)
    return NULL;
  uint64_t at = (uint64_t) ((unsigned __int128) head_of (id) * n >> 64);
  int direction = memcmp (pack->entries[at].id.bytes, id->bytes, sizeof id->bytes);
  if (direction == 0)
    return &pack->entries[at];
  /* Each step is twice as long as the one before, until the name is between two places. */
  uint64_t low = at, high = at, step = 1;
  if (direction < 0) {
    do {
      low = high;
      high = MIN (n - low > step ? low + step : n, n);
      step *= 2;
    } while (high < n && memcmp (pack->entries[high].id.bytes, id->bytes, sizeof id->bytes) < 0);
    low++;
    high = MIN (high + 1, n);
  } else {
    do {
      high = low;
      low = high > step ? high - step : 0;
      step *= 2;
    } while (low && memcmp (pack->entries[low].id.bytes, id->bytes, sizeof id->bytes) > 0);
  }
  const DioPackEntry key = { .id = *id };
  return bsearch (&key, pack->entries + low, high - low, sizeof key, compare_entries);
}

uint8_t *
dio_pack_read (const DioPack *pack, const DioPackEntry *entry, GError **error)
{
  uint8_t expected[DIO_PACK_RECORD];
  g_autofree uint8_t *bytes = g_try_malloc (DIO_PACK_RECORD + (size_t) entry->stored);
  if (!bytes) {
    dio_store_fail_memory (error);
    return NULL;
  }
  if (!read_all (pack, bytes, DIO_PACK_RECORD + (size_t) entry->stored, entry->offset, error))
    return NULL;
  dio_pack_encode_record (expected, entry);
  if (memcmp (bytes, expected, sizeof expected) != 0) {
    fail_format (pack->name, error);
    return NULL;
  }
  memmove (bytes, bytes + DIO_PACK_RECORD, entry->stored);
  return g_steal_pointer (&bytes);
}
