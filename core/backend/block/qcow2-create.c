/* SPDX-License-Identifier: GPL-3.0-or-later
 * Empty qcow2 images: header, reference table, blocks of counts, L1, one after the other. */
#include <errno.h>
#include <string.h>

#include "core/backend/block/block-create.h"
#include "core/backend/block/qcow2-private.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define HEADER_LENGTH 112
#define MAX_BACKING_NAME 1023

typedef struct {
  unsigned cluster_bits, order, version;
  uint64_t cluster;
  uint64_t l1_size, l1_clusters;
  uint64_t n_blocks, reftable_clusters;
} Layout;

static unsigned
log2_of (uint64_t value)
{
  return (unsigned) (63 - __builtin_clzll (value));
}

static bool
is_power (uint64_t value)
{
  return value && (value & (value - 1)) == 0;
}

static uint64_t
divide_up (uint64_t value, uint64_t by)
{
  return (value + by - 1) / by;
}

static void
lay_out (const DioBlockCreate *create, Layout *layout)
{
  layout->cluster = create->cluster_size ? create->cluster_size : 65536;
  layout->cluster_bits = log2_of (layout->cluster);
  layout->version = create->version ? create->version : 3;
  layout->order = create->refcount_bits ? log2_of (create->refcount_bits) : 4;
  uint64_t entries = layout->cluster / (create->extended_l2 ? 16 : 8);
  layout->l1_size = divide_up (create->size, entries << layout->cluster_bits);
  layout->l1_clusters = divide_up (layout->l1_size * 8, layout->cluster);
  uint64_t counts = (layout->cluster * 8) >> layout->order;
  layout->n_blocks = layout->reftable_clusters = 1;
  for (unsigned i = 0; i < 8; i++) {
    uint64_t used = 1 + layout->reftable_clusters + layout->n_blocks + layout->l1_clusters;
    layout->n_blocks = divide_up (used, counts);
    layout->reftable_clusters = divide_up (layout->n_blocks * 8, layout->cluster);
  }
}

static bool
fail (GError **error, const char *reason)
{
  g_set_error_literal (error, DIO_ERROR, DIO_ERROR_CONFIG, reason);
  return false;
}

bool
dio_qcow2_check_create (const DioBlockCreate *create, GError **error)
{
  uint64_t cluster = create->cluster_size ? create->cluster_size : 65536;
  unsigned version = create->version ? create->version : 3;
  unsigned bits = create->refcount_bits ? create->refcount_bits : 16;
  Layout layout;
  if (!is_power (cluster) || cluster < 512 || cluster > 2u << 20)
    return fail (error, _ ("The cluster size must be a power of two between 512 bytes and 2 MiB"));
  if (version != 2 && version != 3)
    return fail (error, _ ("The version of qcow2 must be 2 or 3"));
  if (!is_power (bits) || bits > 64 || (version == 2 && bits != 16))
    return fail (error, _ ("The bits of reference counts must be 1, 2, 4, 8, 16, 32 or 64, and 16 "
                           "for version 2"));
  if (version == 2 && (create->lazy_refcounts || create->extended_l2))
    return fail (error, _ ("Version 2 of qcow2 has neither lazy reference counts nor subclusters"));
  if (create->extended_l2 && cluster < 16384)
    return fail (error, _ ("Subclusters need clusters of at least 16 KiB"));
  if (create->backing && strlen (create->backing) > MAX_BACKING_NAME)
    return fail (error, _ ("The name of the disk below is too long for qcow2"));
  if (create->backing && HEADER_LENGTH + 32 + strlen (create->backing) > cluster)
    return fail (error, _ ("The name of the disk below does not fit into such small clusters"));
  lay_out (create, &layout);
  if (layout.l1_size * 8 > QCOW2_MAX_L1_BYTES)
    return fail (error, _ ("Such a large disk needs larger clusters"));
  return true;
}

/* The header, the name and format of the image below. */
static void
fill_header (const DioBlockCreate *create, const Layout *layout, uint8_t *bytes)
{
  uint32_t length = layout->version == 2 ? 72 : HEADER_LENGTH;
  uint64_t at = length;
  dio_put_be32 (bytes, QCOW2_MAGIC);
  dio_put_be32 (bytes + 4, layout->version);
  dio_put_be32 (bytes + 20, layout->cluster_bits);
  dio_put_be64 (bytes + QCOW2_AT_SIZE, create->size);
  dio_put_be32 (bytes + QCOW2_AT_L1_SIZE, (uint32_t) layout->l1_size);
  dio_put_be64 (bytes + 40, (1 + layout->reftable_clusters + layout->n_blocks)
                                << layout->cluster_bits);
  dio_put_be64 (bytes + QCOW2_AT_REFTABLE, layout->cluster);
  dio_put_be32 (bytes + 56, (uint32_t) layout->reftable_clusters);
  if (layout->version >= 3) {
    dio_put_be64 (bytes + QCOW2_AT_INCOMPATIBLE, create->extended_l2 ? QCOW2_EXTENDED_L2 : 0);
    dio_put_be64 (bytes + 80, create->lazy_refcounts ? QCOW2_LAZY : 0);
    dio_put_be32 (bytes + 96, layout->order);
    dio_put_be32 (bytes + 100, length);
  }
  if (!create->backing)
    return;
  if (create->backing_format) {
    uint32_t format = (uint32_t) strlen (create->backing_format);
    dio_put_be32 (bytes + at, 0xe2792aca);
    dio_put_be32 (bytes + at + 4, format);
    memcpy (bytes + at + 8, create->backing_format, format);
    at += 8 + ((format + 7) & ~UINT64_C (7));
  }
  at += 8; /* the end of extensions is zeros */
  dio_put_be64 (bytes + 8, at);
  dio_put_be32 (bytes + 16, (uint32_t) strlen (create->backing));
  memcpy (bytes + at, create->backing, strlen (create->backing));
}

/* One block of counts: each cluster up to @used has one. */
static void
fill_block (uint8_t *block, unsigned order, uint64_t used)
{
  unsigned bits = 1u << order;
  for (uint64_t i = 0; i < used; i++) {
    if (order < 3)
      block[i * bits / 8] |= (uint8_t) (1u << (i * bits % 8));
    else
      block[(i + 1) * bits / 8 - 1] = 1; /* big-endian */
  }
}

int
dio_qcow2_write_empty (DioFiles *files, int fd, const DioBlockCreate *create)
{
  Layout layout;
  lay_out (create, &layout);
  uint64_t cluster = layout.cluster;
  uint64_t counts = (cluster * 8) >> layout.order;
  uint64_t used = 1 + layout.reftable_clusters + layout.n_blocks + layout.l1_clusters;
  uint64_t blocks_at = (1 + layout.reftable_clusters) * cluster;
  g_autofree uint64_t *reftable = g_try_malloc0 (layout.reftable_clusters * cluster);
  g_autofree uint8_t *block = g_try_malloc (cluster);
  g_autofree uint8_t *header = g_try_malloc0 (cluster);
  if (!reftable || !block || !header)
    return -ENOMEM;
  for (uint64_t i = 0; i < layout.n_blocks; i++)
    reftable[i] = GUINT64_TO_BE (blocks_at + i * cluster);
  /* Zeros for the L1 table and all else. */
  int result = dio_file_truncate (files, fd, used * cluster);
  if (result == 0)
    result = dio_file_write (files, fd, reftable, layout.reftable_clusters * cluster, cluster);
  for (uint64_t i = 0; i < layout.n_blocks && result == 0; i++) {
    memset (block, 0, cluster);
    fill_block (block, layout.order, MIN (used - i * counts, counts));
    result = dio_file_write (files, fd, block, cluster, blocks_at + i * cluster);
  }
  if (result == 0)
    result = dio_file_sync (files, fd);
  /* Only now it is an image. */
  fill_header (create, &layout, header);
  if (result == 0)
    result = dio_file_write (files, fd, header, cluster, 0);
  return result ? result : dio_file_sync (files, fd);
}
