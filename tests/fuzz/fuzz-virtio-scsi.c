/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes virtio-scsi with a drive whose disc is in memory, and an empty one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/virtio/virtio.h"
#include "tests/fuzz/fuzz-virtio.h"

#define BLOCK 2048u
#define DISC_SIZE (16 * BLOCK + 512)

typedef struct {
  DioBlock block;
  DioLoop *loop;
  uint8_t data[DISC_SIZE];
} Disc;

static void
complete_cb (void *data)
{
  DioBlockRequest *request = data;
  Disc *disc = request->opaque;
  uint64_t at = request->offset;

  if (request->op != DIO_BLOCK_READ || at > DISC_SIZE || request->length > DISC_SIZE - at)
    abort (); /* the device let it through */
  for (int i = 0; i < request->n_iov; i++) {
    memcpy (request->iov[i].iov_base, disc->data + at, request->iov[i].iov_len);
    at += request->iov[i].iov_len;
  }
  if (at != request->offset + request->length)
    abort ();
  dio_block_complete (&disc->block, request, at % 7 == 5 ? -EIO : 0);
}

static void
submit (DioBlock *block, DioBlockRequest *request)
{
  request->opaque = block;
  dio_loop_post (((Disc *) block)->loop, complete_cb, request);
}

static void
free_disc (DioBlock *block)
{
}

static void
set_up (DioDevice *dev, DioMachine *machine)
{
  static const DioBlockOps ops = { .submit = submit, .free = free_disc };
  static Disc disc;

  dio_block_init (&disc.block, &ops, DISC_SIZE, true);
  disc.loop = machine->loop;
  if (!dio_virtio_scsi_add_cdrom (dev, &disc.block) || !dio_virtio_scsi_add_cdrom (dev, NULL))
    abort ();
}

static size_t
command (const uint8_t c[8], DioGpa memory, uint8_t out[128], uint32_t *in)
{
  static const uint8_t codes[] = { 0x00, 0x03, 0x12, 0x1a, 0x1b, 0x1e, 0x25, 0x28, 0x2b,
                                   0x43, 0x46, 0x4a, 0x51, 0x5a, 0xa0, 0xa8, 0xbd };
  uint8_t *cdb = out + 19;

  out[0] = 1;
  out[1] = c[7] & 1;
  out[3] = c[7] & 0x1e ? 0 : 1;
  cdb[0] = codes[c[0] % sizeof codes];
  for (unsigned i = 1; i < 12; i++)
    cdb[i] = c[i % 7] & (c[7] & 0x20 ? 0xff : 3);
  *in = 108 + BLOCK * (c[6] & 3u) + c[5];
  return 51;
}

const FuzzVirtio fuzz_virtio = {
  .type = &dio_virtio_scsi_type,
  .set_up = set_up,
  .command = command,
};
