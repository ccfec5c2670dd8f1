/* SPDX-License-Identifier: GPL-3.0-or-later
 * Reading of images that are made of grains. */
#include "core/backend/block/import.h"

#include <errno.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* ---- Opening ---- */

DioBlockNode *
dio_import_refuse (const DioBlockNode *node, GError **error, const char *why)
{
  g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("The disk “%s” cannot be read: %s"),
               node->path, why);
  return NULL;
}

bool
dio_import_header (const DioBlockNode *node, uint64_t offset, void *data, size_t length,
                   GError **error)
{
  int64_t got = dio_file_read (node->files, node->fd, data, length, offset);
  if (got < 0)
    dio_set_error_errno (error, (int) -got, _ ("The disk “%s” cannot be read"), node->path);
  else if ((size_t) got < length)
    dio_import_refuse (node, error, _ ("a part of it is missing"));
  return got >= 0 && (size_t) got == length;
}

bool
dio_import_fits (uint64_t file_size, uint64_t offset, uint64_t count, uint64_t size)
{
  return offset <= file_size && count <= (file_size - offset) / size;
}

bool
dio_import_grain_bits (uint64_t size, unsigned *bits)
{
  *bits = size ? (unsigned) __builtin_ctzll (size) : 0;
  return size && !(size & (size - 1)) && *bits >= IMPORT_MIN_GRAIN_BITS
         && *bits <= IMPORT_MAX_GRAIN_BITS;
}

Import *
dio_import_new (const ImportFormat *format, const DioBlockNode *node, uint64_t file_size,
                uint64_t size, unsigned grain_bits, GError **error)
{
  if (node->backing) {
    dio_import_refuse (node, error, _ ("images of this format cannot stand on others"));
    return NULL;
  }
  if (!node->readonly) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                 _ ("The disk “%s” has the format “%s”, which Diorama only reads. Convert it with "
                    "“diorama disk convert”, or attach it read-only"),
                 node->path, format->driver.format);
    return NULL;
  }
  if (size == 0 || size > DIO_BLOCK_MAX_SIZE) {
    dio_import_refuse (node, error, _ ("its size makes no sense"));
    return NULL;
  }
  Import *import = g_new0 (Import, 1);
  import->node = *node;
  import->node.driver = &format->driver;
  import->node.size = (size + DIO_BLOCK_SECTOR - 1) & ~(DIO_BLOCK_SECTOR - 1);
  import->format = format;
  import->file_size = file_size;
  import->grain_bits = grain_bits;
  import->pages = g_try_new0 (ImportPage, IMPORT_PAGES);
  if (!import->pages) {
    dio_set_error_errno (error, ENOMEM, _ ("The disk “%s” could not be read"), node->path);
    g_free (import);
    return NULL;
  }
  pthread_mutex_init (&import->lock, NULL);
  return import;
}

int
dio_import_close (DioBlockNode *node)
{
  Import *import = (Import *) node;
  pthread_mutex_destroy (&import->lock);
  g_free (import->pages);
  g_free (import->unpacked);
  return 0;
}

/* ---- Tables ---- */

static int
load_page (Import *import, uint64_t number, ImportPage *page)
{
  if (page->number == number + 1)
    return 0;
  page->number = 0;
  int64_t got = dio_file_read (import->node.files, import->node.fd, page->bytes, IMPORT_PAGE,
                               number * IMPORT_PAGE);
  if (got < 0)
    return (int) got;
  page->length = (uint32_t) got;
  page->number = number + 1;
  return 0;
}

int
dio_import_table (Import *import, uint64_t offset, void *entry, size_t size)
{
  uint64_t number = offset / IMPORT_PAGE;
  size_t within = (size_t) (offset % IMPORT_PAGE);
  ImportPage *page = &import->pages[number % IMPORT_PAGES];
  if (offset > DIO_BLOCK_MAX_SIZE || within % size)
    return -EIO;
  pthread_mutex_lock (&import->lock);
  int result = load_page (import, number, page);
  if (result == 0 && within + size > page->length)
    result = -EIO;
  if (result == 0)
    memcpy (entry, page->bytes + within, size);
  pthread_mutex_unlock (&import->lock);
  return result;
}

/* ---- Requests ---- */

static int
read_plain (Import *import, uint64_t offset, const struct iovec *iov, int n_iov)
{
  uint64_t length = dio_iov_length (iov, n_iov);
  if (!dio_import_fits (import->file_size, offset, length, 1))
    return -EIO;
  int64_t got = dio_file_readv (import->node.files, import->node.fd, iov, n_iov, offset);
  return got < 0 ? (int) got : (uint64_t) got < length ? -EIO : 0;
}

/* A guest reads a packed grain in small pieces, so the last one is kept. */
static int
read_packed (Import *import, uint64_t offset, uint64_t skip, const struct iovec *iov, int n_iov)
{
  int result = 0;
  pthread_mutex_lock (&import->lock);
  if (import->unpacked_at != offset + 1) {
    if (!import->unpacked)
      import->unpacked = g_try_malloc ((size_t) 1 << import->grain_bits);
    import->unpacked_at = 0;
    result = import->unpacked ? import->format->unpack (import, offset, import->unpacked) : -ENOMEM;
    if (result == 0)
      import->unpacked_at = offset + 1;
  }
  if (result == 0)
    dio_iov_fill (iov, n_iov, import->unpacked + skip);
  pthread_mutex_unlock (&import->lock);
  return result;
}

static int
read_within_grain (Import *import, uint64_t index, uint64_t skip, const struct iovec *iov,
                   int n_iov)
{
  ImportGrain grain = { DIO_BLOCK_ZERO, 0 };
  int result = import->format->find (import, index, &grain);
  if (result < 0)
    return result;
  if (grain.kind == DIO_BLOCK_DATA)
    return read_plain (import, grain.offset + skip, iov, n_iov);
  if (grain.kind == DIO_BLOCK_COMPRESSED)
    return read_packed (import, grain.offset, skip, iov, n_iov);
  dio_iov_zero (iov, n_iov, 0);
  return 0;
}

int
dio_import_read (DioBlockNode *node, uint64_t offset, const struct iovec *iov, int n_iov)
{
  Import *import = (Import *) node;
  uint64_t grain = UINT64_C (1) << import->grain_bits;
  uint64_t length = dio_iov_length (iov, n_iov);
  g_autofree struct iovec *part = g_new (struct iovec, n_iov);
  int result = 0;
  for (uint64_t done = 0; done < length && result == 0;) {
    uint64_t at = offset + done, skip = at & (grain - 1);
    uint64_t here = MIN (length - done, grain - skip);
    int n = dio_iov_slice (part, iov, n_iov, done, here);
    result = read_within_grain (import, at >> import->grain_bits, skip, part, n);
    done += here;
  }
  return result;
}

int
dio_import_map (DioBlockNode *node, uint64_t offset, uint64_t length, DioBlockExtent *extent)
{
  Import *import = (Import *) node;
  uint64_t grain_size = UINT64_C (1) << import->grain_bits;
  uint64_t skip = offset & (grain_size - 1);
  ImportGrain grain = { DIO_BLOCK_ZERO, 0 };
  int result = import->format->find (import, offset >> import->grain_bits, &grain);
  *extent = (DioBlockExtent){ grain.kind, MIN (length, grain_size - skip), grain.offset + skip };
  return result;
}
