/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes the qcow2 driver: the input is an image, that somebody opens, looks at, checks, changes
 * and repairs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/backend/block/qcow2.h"

#define PIECE 5000

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

typedef struct {
  int fd;
  char *path;
} Image;

static DioBlockNode *
open_image (const Image *image, DioBlockOpenFlags flags)
{
  return dio_block_node_open (dio_files_host (), image->path, "qcow2", flags, NULL, NULL);
}

/* A few places: the start, the end, and wherever the input says. */
static uint64_t
place (const DioBlockNode *node, const uint8_t *data, size_t size, unsigned which)
{
  uint64_t where = 0;
  if (node->size <= PIECE * 2)
    return 0;
  memcpy (&where, data + size - MIN (size, 8 * (which + 1)), MIN (size, 8));
  switch (which) {
  case 0:
    return 0;
  case 1:
    return (node->size - PIECE) / 512 * 512;
  default:
    return where % (node->size - PIECE) / 512 * 512;
  }
}

static void
look (DioBlockNode *node, const uint8_t *data, size_t size)
{
  uint8_t bytes[PIECE];
  DioBlockExtent extent;
  for (unsigned i = 0; i < 4; i++) {
    uint64_t at = place (node, data, size, i);
    uint64_t length = MIN (PIECE, node->size - at);
    if (!length)
      continue;
    dio_block_node_read (node, at, bytes, length);
    if (dio_block_node_map_chain (node, at, node->size - at, &extent, NULL) == 0
        && (extent.length == 0 || extent.length > node->size - at))
      abort ();
  }
}

static void
check (DioBlockNode *node, DioQcow2Repair repair)
{
  DioQcow2Check result = { .text = g_string_new (NULL) };
  dio_qcow2_check (node, repair, &result, NULL, NULL, NULL);
  g_string_free (result.text, TRUE);
}

static void
change (DioBlockNode *node, const uint8_t *data, size_t size)
{
  uint8_t bytes[4096];
  for (unsigned i = 0; i < 4; i++) {
    uint64_t at = place (node, data, size, i);
    uint64_t length = MIN (sizeof bytes, node->size - at);
    memset (bytes, (int) i, sizeof bytes);
    dio_block_node_write (node, at, bytes, length);
    dio_block_node_discard (node, at, length);
    dio_block_node_write (node, at, bytes, length / 2 / 512 * 512);
    dio_block_node_write_zeroes (node, at, length, i & 1);
    if (i == 2)
      dio_block_node_flush (node);
  }
}

static void
silent (const char *domain, GLogLevelFlags level, const char *message, void *data)
{
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (!size)
    return 0;
  Image image = { .fd = memfd_create ("image", MFD_CLOEXEC) };
  g_log_set_default_handler (silent, NULL);
  if (write (image.fd, data, size) != (ssize_t) size)
    abort ();
  image.path = g_strdup_printf ("/proc/self/fd/%d", image.fd);
  DioBlockNode *node = open_image (&image, DIO_BLOCK_OPEN_READONLY | DIO_BLOCK_OPEN_CHECK);
  if (node) {
    look (node, data, size);
    check (node, DIO_QCOW2_REPAIR_NOTHING);
    g_autoptr (GPtrArray) snapshots = dio_qcow2_list_snapshots (node, NULL);
    if (snapshots && snapshots->len
        && dio_qcow2_show_snapshot (
            node, ((DioQcow2Snapshot *) g_ptr_array_index (snapshots, 0))->id, NULL))
      look (node, data, size);
    dio_block_node_close (node);
  }
  node = open_image (&image, 0);
  if (node) {
    change (node, data, size);
    look (node, data, size);
    dio_block_node_close (node);
  }
  node = open_image (&image, DIO_BLOCK_OPEN_CHECK);
  if (node) {
    check (node, DIO_QCOW2_REPAIR_ALL);
    dio_block_node_close (node);
  }
  g_free (image.path);
  close (image.fd);
  return 0;
}
