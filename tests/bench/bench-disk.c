/* SPDX-License-Identifier: GPL-3.0-or-later
 * Throughput of disk images through DioBlock, as a device uses it. One JSON line per measurement:
 * format, work, MiB/s, operations/s. bench-disk.py runs it beside qemu-img bench.
 *
 * usage: bench-disk FILE FORMAT MIB DEPTH */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/backend/block/block-create.h"
#include "core/backend/block/block.h"

#define MIB (UINT64_C (1) << 20)

typedef struct Bench Bench;

typedef struct {
  DioBlockRequest request;
  struct iovec iov;
  Bench *bench;
} Slot;

struct Bench {
  DioBlock *block;
  Slot *slots;
  DioBlockOp op;
  uint64_t size, piece;
  bool random;
  uint64_t next, left;
  uint32_t state;
  _Atomic unsigned running;
};

/* Loop thread, and the main one before anything runs. */
static void
submit_next (Slot *slot)
{
  Bench *bench = slot->bench;
  uint64_t pieces = bench->size / bench->piece;
  uint64_t index = bench->next++ % pieces;
  if (bench->random) {
    bench->state = bench->state * 1664525 + 1013904223;
    index = bench->state % pieces;
  }
  bench->left--;
  slot->iov.iov_len = bench->piece;
  slot->request.op = bench->op;
  slot->request.offset = index * bench->piece;
  slot->request.length = bench->piece;
  dio_block_submit (bench->block, &slot->request);
}

static void
done_cb (DioBlockRequest *request, int result)
{
  Slot *slot = request->opaque;
  if (result < 0) {
    fprintf (stderr, "a request failed: %s\n", g_strerror (-result));
    exit (1);
  }
  if (slot->bench->left)
    submit_next (slot);
  else
    slot->bench->running--;
}

typedef struct {
  Bench *bench;
  unsigned depth;
} Start;

static void
start_cb (void *data)
{
  Start *start = data;
  for (unsigned i = 0; i < start->depth; i++)
    submit_next (&start->bench->slots[i]);
}

static void
count_cb (DioBlockRequest *request, int result)
{
  *(_Atomic bool *) request->opaque = true;
}

static void
flush (DioBlock *block)
{
  _Atomic bool done = false;
  DioBlockRequest request = { .op = DIO_BLOCK_FLUSH, .done = count_cb, .opaque = (void *) &done };
  dio_block_submit (block, &request);
  dio_block_drain (block);
}

static void
measure (Bench *bench, DioLoop *loop, const char *format, const char *work, DioBlockOp op,
         uint64_t piece, bool random, uint64_t count, unsigned depth)
{
  bench->op = op;
  bench->piece = piece;
  bench->random = random;
  bench->next = 0;
  bench->left = count;
  bench->running = depth;
  gint64 start = g_get_monotonic_time ();
  dio_loop_call (loop, start_cb, &(Start){ bench, depth });
  while (bench->running)
    g_usleep (500);
  if (op == DIO_BLOCK_WRITE)
    flush (bench->block);
  double seconds = (double) (g_get_monotonic_time () - start) / 1e6;
  printf ("{\"format\": \"%s\", \"work\": \"%s\", \"mib_per_s\": %.1f, \"ops_per_s\": %.0f}\n",
          format, work, (double) (count * piece) / (double) MIB / seconds,
          (double) count / seconds);
  fflush (stdout);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  if (argc != 5)
    return 2;
  const char *path = argv[1], *format = argv[2];
  uint64_t size = strtoull (argv[3], NULL, 10) * MIB;
  unsigned depth = (unsigned) atoi (argv[4]);
  const DioBlockCreate create = { .format = format, .size = size };
  DioLoop *loop = dio_loop_new ("bench", &error);
  DioPool *pool = dio_pool_new (0);
  unlink (path);
  if (!dio_block_create (dio_files_host (), path, &create, &error)) {
    fprintf (stderr, "%s\n", error->message);
    return 1;
  }
  Bench bench = { .size = size, .slots = g_new0 (Slot, depth), .state = 1 };
  bench.block = dio_block_open (dio_files_host (), path, format, false, loop, pool, &error);
  for (unsigned i = 0; i < depth; i++) {
    Slot *slot = &bench.slots[i];
    slot->bench = &bench;
    slot->iov.iov_base = g_malloc (MIB);
    memset (slot->iov.iov_base, (int) i + 1, MIB);
    slot->request =
        (DioBlockRequest){ .iov = &slot->iov, .n_iov = 1, .done = done_cb, .opaque = slot };
  }
  uint64_t ops = size / 65536;
  measure (&bench, loop, format, "first write 64K", DIO_BLOCK_WRITE, 65536, false, ops, depth);
  measure (&bench, loop, format, "write 64K", DIO_BLOCK_WRITE, 65536, false, ops, depth);
  measure (&bench, loop, format, "read 64K", DIO_BLOCK_READ, 65536, false, ops, depth);
  measure (&bench, loop, format, "random write 4K", DIO_BLOCK_WRITE, 4096, true, 50000, depth);
  measure (&bench, loop, format, "random read 4K", DIO_BLOCK_READ, 4096, true, 50000, depth);
  dio_block_free (bench.block);
  unlink (path);
  dio_block_create (dio_files_host (), path, &create, NULL);
  bench.block = dio_block_open (dio_files_host (), path, format, false, loop, pool, &error);
  measure (&bench, loop, format, "first random write 4K", DIO_BLOCK_WRITE, 4096, true, 20000,
           depth);
  dio_block_free (bench.block);
  for (unsigned i = 0; i < depth; i++)
    g_free (bench.slots[i].iov.iov_base);
  g_free (bench.slots);
  dio_loop_free (loop);
  dio_pool_free (pool);
  unlink (path);
  return 0;
}
