/* SPDX-License-Identifier: GPL-3.0-or-later
 * Long work on disk images. */
#include "core/backend/block/block-job.h"

#include <errno.h>
#include <string.h>
#include <stdio.h>

#include "core/backend/block/qcow2.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define CHUNK (UINT64_C (2) << 20)
#define ZERO_UNIT (UINT64_C (64) << 10)

static bool
fail (GError **error, int result, const DioBlockNode *node, bool reading)
{
  if (result == -ECANCELED)
    g_set_error_literal (error, DIO_ERROR, DIO_ERROR_CANCELLED, _ ("Cancelled"));
  else if (reading)
    dio_set_error_errno (error, -result, _ ("The disk “%s” could not be read"), node->path);
  else
    dio_set_error_errno (error, -result, _ ("The disk “%s” could not be written"), node->path);
  return false;
}

static bool
go_on (const DioBlockJob *job, uint64_t done, uint64_t total)
{
  return !job || !job->progress || job->progress (done, total, job->data);
}

static bool
is_zero (const uint8_t *data, uint64_t length)
{
  return data[0] == 0 && memcmp (data, data + 1, length - 1) == 0;
}

/* ---- Copying ---- */

/* Writes the pieces of @data that are not zeros. */
static int
write_data (DioBlockNode *to, uint64_t offset, const uint8_t *data, uint64_t length)
{
  uint64_t start = 0;
  for (uint64_t at = 0; at < length;) {
    uint64_t unit = MIN (ZERO_UNIT - (offset + at) % ZERO_UNIT, length - at);
    bool zero = is_zero (data + at, unit);
    uint64_t next = at + unit;
    if (zero || next == length) {
      uint64_t end = zero ? at : next;
      int result =
          end > start ? dio_block_node_write (to, offset + start, data + start, end - start) : 0;
      if (result < 0)
        return result;
      start = next;
    }
    at = next;
  }
  return 0;
}

/* What a job does with one extent. The data of it is in @data when @extent has some. 0 or -errno,
 * of writing. */
typedef int (*Visit) (DioBlockNode *to, uint64_t offset, const DioBlockExtent *extent,
                      const uint8_t *data);

/* Calls @visit for all extents of @from: of its whole chain, or (@alone) of its own. */
static bool
visit_extents (DioBlockNode *from, bool alone, DioBlockNode *to, Visit visit,
               const DioBlockJob *job, GError **error)
{
  g_autofree uint8_t *buffer = g_try_malloc (CHUNK);
  if (!buffer)
    return fail (error, -ENOMEM, from, true);
  for (uint64_t at = 0; at < from->size;) {
    DioBlockExtent extent;
    uint64_t length = MIN (from->size - at, CHUNK - at % CHUNK);
    if (!go_on (job, at, from->size))
      return fail (error, -ECANCELED, from, true);
    int result = alone ? dio_block_node_map (from, at, length, &extent)
                       : dio_block_node_map_chain (from, at, length, &extent, NULL);
    bool has_data = extent.kind == DIO_BLOCK_DATA || extent.kind == DIO_BLOCK_COMPRESSED;
    if (result == 0 && has_data)
      result = dio_block_node_read (from, at, buffer, extent.length);
    if (result < 0)
      return fail (error, result, from, true);
    result = visit (to, at, &extent, has_data ? buffer : NULL);
    if (result < 0)
      return fail (error, result, to, false);
    at += extent.length;
  }
  if (!go_on (job, from->size, from->size))
    return fail (error, -ECANCELED, from, true);
  int result = to ? dio_block_node_flush (to) : 0;
  return result == 0 || fail (error, result, to, false);
}

static int
copy_cb (DioBlockNode *to, uint64_t offset, const DioBlockExtent *extent, const uint8_t *data)
{
  return data ? write_data (to, offset, data, extent->length) : 0;
}

bool
dio_block_copy (DioBlockNode *from, DioBlockNode *to, const DioBlockJob *job, GError **error)
{
  return visit_extents (from, false, to, copy_cb, job, error);
}

/* An overlay, or what is merged: zeros count. */
static int
apply_cb (DioBlockNode *to, uint64_t offset, const DioBlockExtent *extent, const uint8_t *data)
{
  if (data)
    return dio_block_node_write (to, offset, data, extent->length);
  if (extent->kind == DIO_BLOCK_ZERO)
    return dio_block_node_write_zeroes (to, offset, extent->length, true);
  return 0;
}

bool
dio_block_verify (DioBlockNode *a, DioBlockNode *b, const DioBlockJob *job, GError **error)
{
  g_autofree uint8_t *first = g_try_malloc (CHUNK);
  g_autofree uint8_t *second = g_try_malloc (CHUNK);
  if (!first || !second)
    return fail (error, -ENOMEM, a, true);
  for (uint64_t at = 0; at < a->size; at += CHUNK) {
    uint64_t length = MIN (CHUNK, a->size - at);
    if (!go_on (job, at, a->size))
      return fail (error, -ECANCELED, a, true);
    int result = dio_block_node_read (a, at, first, length);
    if (result < 0)
      return fail (error, result, a, true);
    result = dio_block_node_read (b, at, second, length);
    if (result < 0)
      return fail (error, result, b, true);
    if (memcmp (first, second, length) != 0) {
      g_set_error (error, DIO_ERROR, DIO_ERROR_IO,
                   _ ("The copy “%s” of the disk “%s” is not the same. Check the host’s memory and "
                      "storage; the disk is as it was"),
                   b->path, a->path);
      return false;
    }
  }
  return true;
}

/* ---- New files for old ---- */

/* The first half of the progress is the copy, the second its verification. */
typedef struct {
  const DioBlockJob *job;
  unsigned half;
} Halves;

static bool
half_cb (uint64_t done, uint64_t total, void *data)
{
  Halves *halves = data;
  return go_on (halves->job, halves->half * (total / 2) + done / 2, total);
}

/* A name beside @path that no other program looks at. */
static char *
temporary_name (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *hidden = g_strdup_printf (".%s.%08x.tmp", name, g_random_int ());
  return g_build_filename (folder, hidden, NULL);
}

static int
sync_folder (DioFiles *files, const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  int fd = dio_file_open (files, AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
  int result = fd < 0 ? fd : dio_file_sync (files, fd);
  if (fd >= 0)
    dio_file_close (files, fd);
  return result == -EINVAL ? 0 : result;
}

/* Makes the image @temporary and fills it from @from; it is on the disk then and nobody has it
 * open. */
static bool
make_copy (DioBlockNode *from, const char *temporary, const DioBlockCreate *create,
           DioBlockNode *backing, const DioBlockJob *job, GError **error)
{
  DioFiles *files = from->files;
  Halves halves = { job, 0 };
  DioBlockJob half = { half_cb, &halves };
  if (!dio_block_create (files, temporary, create, error)) {
    dio_block_node_close (backing);
    return false;
  }
  DioBlockNode *to = dio_block_node_open (files, temporary, create->format, 0, backing, error);
  bool good = to != NULL;
  if (good && create->backing)
    good = visit_extents (from, true, to, apply_cb, &half, error);
  else if (good)
    good = dio_block_copy (from, to, &half, error);
  halves.half = 1;
  good = good && dio_block_verify (from, to, &half, error);
  int closed = dio_block_node_close (to);
  if (good && closed < 0)
    good = fail (error, closed, &(DioBlockNode){ .path = (char *) temporary }, false);
  return good;
}

/* Gives @temporary its name. */
static bool
show_copy (DioFiles *files, const char *temporary, const char *path, unsigned flags, GError **error)
{
  int result = dio_file_rename (files, AT_FDCWD, temporary, AT_FDCWD, path, (int) flags);
  if (result == -EINVAL && flags) { /* a file system that cannot promise */
    result = dio_file_link (files, AT_FDCWD, temporary, AT_FDCWD, path);
    if (result == 0)
      dio_file_unlink (files, AT_FDCWD, temporary, 0);
  }
  if (result == 0)
    result = sync_folder (files, path);
  if (result < 0)
    dio_set_error_errno (error, -result, _ ("The disk “%s” could not be created"), path);
  return result == 0;
}

bool
dio_block_convert (DioBlockNode *from, const char *path, const DioBlockCreate *options,
                   const DioBlockJob *job, GError **error)
{
  DioFiles *files = from->files;
  DioBlockCreate create = *options;
  struct statx status;
  if (!create.size)
    create.size = from->size;
  if (dio_file_stat (files, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &status) == 0) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_EXISTS, _ ("“%s” is there already"), path);
    return false;
  }
  g_autofree char *temporary = temporary_name (path);
  bool good = make_copy (from, temporary, &create, NULL, job, error)
              && show_copy (files, temporary, path, RENAME_NOREPLACE, error);
  if (!good)
    dio_file_unlink (files, AT_FDCWD, temporary, 0);
  return good;
}

/* The options that made @node. */
static bool
get_options (DioBlockNode *node, DioBlockCreate *create, GError **error)
{
  DioQcow2Info info;
  *create = (DioBlockCreate){ .format = node->driver->format, .size = node->size };
  if (strcmp (create->format, "qcow2") != 0)
    return true;
  dio_qcow2_get_info (node, &info);
  create->cluster_size = info.cluster_size;
  create->version = info.version;
  create->refcount_bits = info.refcount_bits;
  create->lazy_refcounts = info.lazy_refcounts;
  create->extended_l2 = info.extended_l2;
  create->backing = info.backing_name;
  create->backing_format = info.backing_format;
  if (!info.n_snapshots)
    return true;
  g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
               _ ("The disk “%s” has snapshots inside, which compacting would lose; delete them "
                  "first, or leave it as it is"),
               node->path);
  return false;
}

/* The chain below @node, opened once more for the copy. */
static bool
open_again (DioBlockNode *node, DioBlockNode **again, GError **error)
{
  *again = NULL;
  if (!node)
    return true;
  DioBlockNode *below;
  if (!open_again (node->backing, &below, error))
    return false;
  *again = dio_block_node_open (node->files, node->path, node->driver->format,
                                DIO_BLOCK_OPEN_READONLY, below, error);
  return *again != NULL;
}

bool
dio_block_compact (DioFiles *files, const char *path, const char *format, DioBlockNode *backing,
                   const DioBlockJob *job, GError **error)
{
  DioBlockCreate create;
  DioBlockNode *below;
  /* For writing: nobody else may use it, and lazy counts are put in order. */
  DioBlockNode *from = dio_block_node_open (files, path, format, 0, backing, error);
  if (!from)
    return false;
  g_autofree char *temporary = temporary_name (path);
  bool good = get_options (from, &create, error) && open_again (from->backing, &below, error)
              && make_copy (from, temporary, &create, below, job, error)
              && show_copy (files, temporary, path, 0, error);
  if (!good)
    dio_file_unlink (files, AT_FDCWD, temporary, 0);
  dio_block_node_close (from);
  return good;
}

/* ---- Merging ---- */

bool
dio_block_merge (DioBlockNode *top, const DioBlockJob *job, GError **error)
{
  DioBlockNode *below = top->backing;
  g_return_val_if_fail (below && !below->readonly, false);
  int result = dio_block_node_flush (top);
  if (result < 0)
    return fail (error, result, top, false);
  if (below->size < top->size && !dio_block_node_resize (below, top->size, error))
    return false;
  if (!visit_extents (top, true, below, apply_cb, job, error))
    return false;
  return below->size == top->size || dio_block_node_resize (below, top->size, error);
}
