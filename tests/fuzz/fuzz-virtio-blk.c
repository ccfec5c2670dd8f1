/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes virtio-blk over a disk in memory that completes requests late and in any order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/virtio/virtio.h"
#include "tests/fuzz/fuzz-virtio.h"

#define DISK_SIZE (64 * 512)
#define MAX_HELD 256

typedef struct {
  DioBlock block;
  DioLoop *loop;
  uint8_t data[DISK_SIZE];
  pthread_mutex_t lock;
  DioBlockRequest *held[MAX_HELD];
  unsigned n_held;
  bool hold;
} Disk;

static Disk *
the_disk (void)
{
  static Disk disk = { .lock = PTHREAD_MUTEX_INITIALIZER };

  return &disk;
}

static void
complete_cb (void *data)
{
  DioBlockRequest *request = data;
  Disk *disk = the_disk ();
  uint64_t at = request->offset;

  if (request->op != DIO_BLOCK_FLUSH
      && (request->offset > DISK_SIZE || request->length > DISK_SIZE - request->offset))
    abort (); /* the device let it through */
  for (int i = 0; i < request->n_iov; i++) {
    if (request->op == DIO_BLOCK_READ)
      memcpy (request->iov[i].iov_base, disk->data + at, request->iov[i].iov_len);
    else if (request->op == DIO_BLOCK_WRITE)
      memcpy (disk->data + at, request->iov[i].iov_base, request->iov[i].iov_len);
    at += request->iov[i].iov_len;
  }
  dio_block_complete (&disk->block, request, at % 7 == 5 ? -EINVAL : 0);
}

static void
submit (DioBlock *block, DioBlockRequest *request)
{
  Disk *disk = (Disk *) block;
  bool held;

  pthread_mutex_lock (&disk->lock);
  held = disk->hold && disk->n_held < MAX_HELD;
  if (held)
    disk->held[disk->n_held++] = request;
  pthread_mutex_unlock (&disk->lock);
  if (!held)
    dio_loop_post (disk->loop, complete_cb, request);
}

static void
free_disk (DioBlock *block)
{
  if (the_disk ()->n_held)
    abort ();
}

static void
let_go (unsigned which, bool all)
{
  Disk *disk = the_disk ();

  pthread_mutex_lock (&disk->lock);
  while (disk->n_held) {
    which %= disk->n_held;
    dio_loop_post (disk->loop, complete_cb, disk->held[which]);
    disk->held[which] = disk->held[--disk->n_held];
    if (!all)
      break;
  }
  if (all)
    disk->hold = false;
  pthread_mutex_unlock (&disk->lock);
}

static void
set_up (DioDevice *dev, DioMachine *machine)
{
  static const DioBlockOps ops = { .submit = submit, .free = free_disk };
  Disk *disk = the_disk ();

  dio_block_init (&disk->block, &ops, DISK_SIZE, false);
  disk->loop = machine->loop;
  disk->hold = false;
  dio_virtio_blk_set_block (dev, &disk->block);
}

static size_t
command (const uint8_t c[8], DioGpa memory, uint8_t out[128], uint32_t *in)
{
  static const uint8_t types[] = { 0, 1, 4, 8, 11, 13, 14, 2 };
  uint64_t sector = c[7] & 1 ? UINT64_MAX >> (c[7] >> 2) : c[1] & 63;
  uint32_t type = types[c[0] & 7], n = c[2] % 5;

  memcpy (out, &type, 4);
  memcpy (out + 8, &sector, 8);
  *in = 1 + (type == 0 ? 512u * n : type == 8 ? c[3] : 0);
  if (type != 11 && type != 13)
    return type == 1 && c[7] & 2 ? 128 : 16;
  for (uint32_t i = 0; i < n; i++) {
    const uint64_t start = (c[3 + i] & 63) | (c[7] & 4 ? UINT64_C (1) << 55 : 0);
    const uint32_t words[2] = { c[4 + i], c[7] >> 3 & 3 };

    memcpy (out + 16 + 16 * (size_t) i, &start, 8);
    memcpy (out + 24 + 16 * (size_t) i, words, 8);
  }
  return 16 + 16 * (size_t) n;
}

static void
event (DioDevice *dev, uint32_t what)
{
  if (what & 1)
    the_disk ()->hold = true;
  else
    let_go (what >> 8, what & 2);
}

static void
release (DioDevice *dev)
{
  let_go (0, true);
}

const FuzzVirtio fuzz_virtio = {
  .type = &dio_virtio_blk_type,
  .set_up = set_up,
  .command = command,
  .event = event,
  .release = release,
};
