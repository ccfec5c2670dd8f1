/* SPDX-License-Identifier: GPL-3.0-or-later
 * Compressed clusters. A guest reads them in small pieces, so the last one is kept. */
#include <errno.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "core/backend/block/qcow2-private.h"

static int
inflate_cluster (const uint8_t *packed, size_t length, uint8_t *data, size_t size)
{
  z_stream stream = { .next_in = (Bytef *) packed,
                      .avail_in = (uInt) length,
                      .next_out = data,
                      .avail_out = (uInt) size };
  if (inflateInit2 (&stream, -12) != Z_OK)
    return -ENOMEM;
  int status = inflate (&stream, Z_FINISH);
  inflateEnd (&stream);
  /* What follows in the last sector is not part of it: the output alone decides. */
  bool done = status == Z_STREAM_END || status == Z_BUF_ERROR;
  return done && stream.avail_out == 0 ? 0 : -EIO;
}

static int
unzstd_cluster (const uint8_t *packed, size_t length, uint8_t *data, size_t size)
{
  ZSTD_DCtx *context = ZSTD_createDCtx ();
  ZSTD_inBuffer in = { packed, length, 0 };
  ZSTD_outBuffer out = { data, size, 0 };
  if (!context)
    return -ENOMEM;
  size_t left = 1;
  while (out.pos < out.size && left) {
    size_t before = in.pos + out.pos;
    left = ZSTD_decompressStream (context, &out, &in);
    if (ZSTD_isError (left) || in.pos + out.pos == before)
      break;
  }
  ZSTD_freeDCtx (context);
  return out.pos == out.size ? 0 : -EIO;
}

/* With `unpack_lock` held. */
static int
unpack_locked (Qcow2 *qcow2, uint64_t entry)
{
  DioBlockNode *node = &qcow2->node;
  Qcow2Span span = dio_qcow2_compressed_span (qcow2, entry);
  g_autofree uint8_t *packed = g_try_malloc (span.length);
  if (!packed)
    return -ENOMEM;
  if (!qcow2->unpacked)
    qcow2->unpacked = g_try_malloc (qcow2->cluster_size);
  if (!qcow2->unpacked)
    return -ENOMEM;
  qcow2->unpacked_entry = 0;
  int64_t got = dio_file_read (node->files, node->fd, packed, span.length, span.offset);
  if (got <= 0)
    return got < 0 ? (int) got : -EIO;
  int (*unpack) (const uint8_t *, size_t, uint8_t *, size_t) =
      qcow2->header.compression == QCOW2_ZSTD ? unzstd_cluster : inflate_cluster;
  int result = unpack (packed, (size_t) got, qcow2->unpacked, qcow2->cluster_size);
  if (result == 0)
    qcow2->unpacked_entry = entry;
  return result;
}

int
dio_qcow2_unpack (Qcow2 *qcow2, uint64_t entry, uint64_t skip, const struct iovec *iov, int n_iov)
{
  pthread_mutex_lock (&qcow2->unpack_lock);
  int result = qcow2->unpacked_entry == entry ? 0 : unpack_locked (qcow2, entry);
  if (result == 0)
    dio_iov_fill (iov, n_iov, qcow2->unpacked + skip);
  pthread_mutex_unlock (&qcow2->unpack_lock);
  return result;
}
