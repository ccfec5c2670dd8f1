/* SPDX-License-Identifier: GPL-3.0-or-later
 * virtio-scsi and its CD-ROM drives, by commands of a driver. */
#include <errno.h>
#include <string.h>

#include "hw/virtio/virtio.h"
#include "tests/hw/virtio/driver-pci.h"

#define BLOCK 2048u
#define BLOCKS 100u
#define ROOM 8192u

enum { CONTROL, EVENT, REQUEST };
enum { OK = 0, OVERRUN = 1, BAD_TARGET = 3, REJECTED = 11, INCORRECT_LUN = 12 };

/* Sense key, additional sense code, qualifier. */
enum {
  NONE = 0,
  NO_MEDIUM = 0x023a00,
  TRAY_OPEN = 0x023a02,
  READ_ERROR = 0x031100,
  UNKNOWN = 0x052000,
  OUT_OF_RANGE = 0x052100,
  BAD_FIELD = 0x052400,
  NO_UNIT = 0x052500,
  PREVENTED = 0x055302,
  CHANGED = 0x062800,
  POWER_ON = 0x062900,
};

typedef struct {
  DioBlock block;
  DioLoop *loop;
  uint8_t data[BLOCKS * BLOCK + 512]; /* the end of the image is no whole block */
  _Atomic bool hold, fail;
  DioBlockRequest *held;
} Disc;

typedef struct {
  Bench *bench;
  Driver driver;
  Disc *disc;
  DioDevice *dev;
} Fixture;

static void
complete_cb (void *data)
{
  DioBlockRequest *request = data;
  Disc *disc = request->opaque;
  uint64_t at = request->offset;

  g_assert_cmpint (request->op, ==, DIO_BLOCK_READ);
  for (int i = 0; i < request->n_iov; i++) {
    g_assert_cmpuint (at + request->iov[i].iov_len, <=, BLOCKS * BLOCK);
    memcpy (request->iov[i].iov_base, disc->data + at, request->iov[i].iov_len);
    at += request->iov[i].iov_len;
  }
  g_assert_cmpuint (at - request->offset, ==, request->length);
  dio_block_complete (&disc->block, request, disc->fail ? -EIO : 0);
}

static void
submit (DioBlock *block, DioBlockRequest *request)
{
  Disc *disc = (Disc *) block;

  request->opaque = disc;
  if (disc->hold)
    disc->held = request;
  else
    dio_loop_post (disc->loop, complete_cb, request);
}

static void
free_disc (DioBlock *block)
{
  dio_block_clear (block);
  g_free (block);
}

static const DioBlockOps ops = { .submit = submit, .free = free_disc };

/* Drive 0 has the disc, drive 1 none. */
static void
give_discs (DioDevice *dev, void *data)
{
  g_assert_true (dio_virtio_scsi_add_cdrom (dev, data));
  g_assert_true (dio_virtio_scsi_add_cdrom (dev, NULL));
}

static Disc *
new_disc (DioLoop *loop, uint64_t size)
{
  Disc *disc = g_new0 (Disc, 1);

  dio_block_init (&disc->block, &ops, size, true);
  disc->loop = loop;
  for (unsigned i = 0; i < sizeof disc->data; i++)
    disc->data[i] = (uint8_t) (i / BLOCK * 7 + i);
  return disc;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->bench = bench_new (NULL, false);
  f->disc = new_disc (f->bench->machine->loop, sizeof f->disc->data);
  DioVirtioDevice *vdev =
      bench_add (f->bench, &dio_virtio_scsi_type, "cdrom", NULL, give_discs, f->disc);
  f->dev = &vdev->pci.dev;
  bench_run (f->bench, dio_machine_start);
  driver_probe (&f->driver, f->bench, vdev);
  driver_start (&f->driver, UINT64_MAX, 16);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  bench_free (f->bench);
}

/* ---- Commands ---- */

typedef struct {
  unsigned sense, status, response;
  uint32_t length; /* of data */
  uint32_t residual;
  uint8_t data[ROOM];
} Answer;

static uint32_t
le32 (const uint8_t *at)
{
  return at[0] | (uint32_t) at[1] << 8 | (uint32_t) at[2] << 16 | (uint32_t) at[3] << 24;
}

static uint32_t
be32 (const uint8_t *at)
{
  return GUINT32_SWAP_LE_BE (le32 (at));
}

static unsigned
be16 (const uint8_t *at)
{
  return be32 (at) >> 16;
}

static void
put_request (uint8_t request[51], uint8_t target, uint8_t lun, const uint8_t *cdb, size_t size)
{
  memset (request, 0, 51);
  request[0] = 1;
  request[1] = target;
  request[2] = 0x40;
  request[3] = lun;
  memcpy (request + 19, cdb, size);
}

static Answer
send_to (Fixture *f, uint8_t target, uint8_t lun, const uint8_t *cdb, size_t size, uint32_t room)
{
  uint8_t request[51], buffer[108 + ROOM];
  Answer answer = { 0 };

  put_request (request, target, lun, cdb, size);
  uint32_t written = driver_call (&f->driver, REQUEST, request, sizeof request, buffer, 108 + room);
  g_assert_cmpuint (written, >=, 108);
  answer.length = written - 108;
  answer.residual = le32 (buffer + 4);
  answer.status = buffer[10];
  answer.response = buffer[11];
  if (le32 (buffer)) {
    g_assert_cmpuint (le32 (buffer), ==, 18);
    g_assert_cmphex (buffer[12], ==, 0x70);
    answer.sense = (unsigned) buffer[14] << 16 | (unsigned) buffer[24] << 8 | buffer[25];
  }
  g_assert_cmpuint (answer.status, ==, answer.sense ? 2 : 0);
  memcpy (answer.data, buffer + 108, answer.length);
  return answer;
}

#define SEND(f, room, ...)                                                                         \
  send_to (f, 0, 0, (const uint8_t[]){ __VA_ARGS__ }, sizeof (const uint8_t[]){ __VA_ARGS__ }, room)
#define SEND_1(f, room, ...)                                                                       \
  send_to (f, 1, 0, (const uint8_t[]){ __VA_ARGS__ }, sizeof (const uint8_t[]){ __VA_ARGS__ }, room)

static unsigned
ready (Fixture *f)
{
  return SEND (f, 0, 0x00, 0, 0, 0, 0, 0).sense;
}

static unsigned
start_stop (Fixture *f, uint8_t how)
{
  return SEND (f, 0, 0x1b, 0, 0, 0, how, 0).sense;
}

static void
wake (Fixture *f)
{
  g_assert_cmphex (ready (f), ==, POWER_ON);
  g_assert_cmphex (ready (f), ==, NONE);
}

static void
test_who (Fixture *f, gconstpointer data)
{
  Answer answer = SEND (f, 96, 0x12, 0, 0, 0, 96, 0);

  g_assert_cmpuint (answer.length, ==, 36);
  g_assert_cmpuint (answer.residual, ==, 60);
  g_assert_cmphex (answer.data[0], ==, 5);
  g_assert_cmphex (answer.data[1], ==, 0x80);
  g_assert_cmpmem (answer.data + 8, 8, "DIORAMA ", 8);
  /* No more than the guest asked for, nor than it has room. */
  g_assert_cmpuint (SEND (f, 96, 0x12, 0, 0, 0, 5, 0).length, ==, 5);
  g_assert_cmpuint (SEND (f, 7, 0x12, 0, 0, 0, 96, 0).length, ==, 7);
  g_assert_cmphex (SEND (f, 96, 0x12, 1, 0x83, 0, 96, 0).data[1], ==, 0x83);
  g_assert_cmphex (SEND (f, 96, 0x12, 1, 0x55, 0, 96, 0).sense, ==, BAD_FIELD);
  answer = SEND (f, 64, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0);
  g_assert_cmpuint (answer.length, ==, 16);
  g_assert_cmpuint (be32 (answer.data), ==, 8);
  /* Other units and targets are not there. */
  const uint8_t inquiry[] = { 0x12, 0, 0, 0, 96, 0 }, test[] = { 0 };
  g_assert_cmphex (send_to (f, 0, 3, inquiry, sizeof inquiry, 96).data[0], ==, 0x7f);
  g_assert_cmphex (send_to (f, 0, 3, test, sizeof test, 0).sense, ==, NO_UNIT);
  g_assert_cmpuint (send_to (f, 2, 0, inquiry, sizeof inquiry, 96).response, ==, BAD_TARGET);
  g_assert_cmpuint (driver_read (&f->driver, f->driver.config + 30, 2), ==, 1);
}

static void
test_read (Fixture *f, gconstpointer data)
{
  wake (f);
  Answer answer = SEND (f, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  g_assert_cmpuint (be32 (answer.data), ==, BLOCKS - 1);
  g_assert_cmpuint (be32 (answer.data + 4), ==, BLOCK);

  answer = SEND (f, 3 * BLOCK, 0x28, 0, 0, 0, 0, 97, 0, 0, 3, 0);
  g_assert_cmpmem (answer.data, answer.length, f->disc->data + 97 * BLOCK, 3 * BLOCK);
  answer = SEND (f, ROOM, 0xa8, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0);
  g_assert_cmpmem (answer.data, answer.length, f->disc->data + 5 * BLOCK, BLOCK);
  g_assert_cmpuint (answer.residual, ==, ROOM - BLOCK);
  g_assert_cmpuint (SEND (f, BLOCK, 0x28, 0, 0, 0, 0, 100, 0, 0, 0, 0).sense, ==, NONE);

  g_assert_cmphex (SEND (f, ROOM, 0x28, 0, 0, 0, 0, 98, 0, 0, 3, 0).sense, ==, OUT_OF_RANGE);
  g_assert_cmphex (SEND (f, ROOM, 0x28, 0, 255, 255, 255, 255, 0, 0, 1, 0).sense, ==, OUT_OF_RANGE);
  g_assert_cmphex (SEND (f, ROOM, 0xa8, 0, 0, 0, 0, 1, 255, 255, 255, 255, 0, 0).sense, ==,
                   OUT_OF_RANGE);
  g_assert_cmpuint (SEND (f, BLOCK, 0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0).response, ==, OVERRUN);
  g_assert_cmphex (SEND (f, 0, 0x2b, 0, 0, 0, 0, 99, 0, 0, 0, 0).sense, ==, NONE);
  g_assert_cmphex (SEND (f, 0, 0x2b, 0, 0, 0, 0, 100, 0, 0, 0, 0).sense, ==, OUT_OF_RANGE);
  g_assert_cmphex (SEND (f, BLOCK, 0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0).sense, ==, UNKNOWN);
  f->disc->fail = true;
  answer = SEND (f, BLOCK, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
  g_assert_cmphex (answer.sense, ==, READ_ERROR);
  g_assert_cmpuint (answer.residual, ==, BLOCK);
}

static void
test_disc (Fixture *f, gconstpointer data)
{
  wake (f);
  Answer toc = SEND (f, 100, 0x43, 0, 0, 0, 0, 0, 0, 0, 100, 0);
  g_assert_cmpuint (toc.length, ==, 20);
  g_assert_cmpuint (be16 (toc.data), ==, 18);
  g_assert_cmphex (toc.data[14], ==, 0xaa);
  g_assert_cmpuint (be32 (toc.data + 16), ==, BLOCKS);
  toc = SEND (f, 100, 0x43, 2, 0, 0, 0, 0, 0xaa, 0, 100, 0);
  g_assert_cmpuint (toc.length, ==, 12);
  g_assert_cmpmem (toc.data + 8, 4, "\0\0\3\31", 4); /* 250 frames */
  g_assert_cmphex (SEND (f, 100, 0x43, 0, 5, 0, 0, 0, 0, 0, 100, 0).sense, ==, BAD_FIELD);

  Answer features = SEND (f, 256, 0x46, 0, 0, 0, 0, 0, 0, 1, 0, 0);
  g_assert_cmpuint (be32 (features.data), ==, features.length - 4);
  g_assert_cmphex (be16 (features.data + 6), ==, 8); /* a CD-ROM */
  for (uint32_t at = 8; at < features.length; at += 4u + features.data[at + 3])
    g_assert_cmpuint (at + 4 + features.data[at + 3], <=, features.length);
  g_assert_cmpuint (SEND (f, 256, 0x46, 2, 0, 0x10, 0, 0, 0, 1, 0, 0).length, ==, 20);

  Answer mode = SEND (f, 200, 0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 200, 0);
  g_assert_cmpuint (be16 (mode.data), ==, mode.length - 2);
  g_assert_cmphex (mode.data[8], ==, 0x2a);
  mode = SEND (f, 200, 0x1a, 0, 0x3f, 0, 200, 0);
  g_assert_cmpuint (mode.data[0], ==, mode.length - 1);
  g_assert_cmphex (SEND (f, 200, 0x1a, 0, 0x08, 0, 200, 0).sense, ==, BAD_FIELD);
  g_assert_cmpuint (SEND (f, 100, 0x51, 0, 0, 0, 0, 0, 0, 0, 100, 0).length, ==, 34);
}

static void
test_tray (Fixture *f, gconstpointer data)
{
  static const uint8_t closed_event[] = { 0, 6, 4, 0x10, 2, 2, 0, 0 };

  wake (f);
  /* The guest locks it: then nothing opens. */
  SEND (f, 0, 0x1e, 0, 0, 0, 1, 0);
  g_assert_cmphex (start_stop (f, 2), ==, PREVENTED);
  g_assert_cmphex (ready (f), ==, NONE);
  SEND (f, 0, 0x1e, 0, 0, 0, 0, 0);
  g_assert_cmphex (start_stop (f, 2), ==, NONE);
  g_assert_cmphex (ready (f), ==, TRAY_OPEN);
  g_assert_cmphex (SEND (f, BLOCK, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0).sense, ==, TRAY_OPEN);
  Answer event = SEND (f, 8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0);
  g_assert_cmphex (event.data[4], ==, 3); /* removed */
  g_assert_cmphex (event.data[5], ==, 1);
  g_assert_cmphex (SEND (f, 8, 0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8).data[1], ==, 0x10);

  /* It stays open over resets of the guest. */
  driver_start (&f->driver, UINT64_MAX, 16);
  g_assert_cmphex (ready (f), ==, POWER_ON);
  g_assert_cmphex (ready (f), ==, TRAY_OPEN);

  g_assert_cmphex (start_stop (f, 3), ==, NONE);
  g_assert_cmphex (ready (f), ==, CHANGED);
  g_assert_cmphex (ready (f), ==, NONE);
  event = SEND (f, 8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0);
  g_assert_cmpmem (event.data, event.length, closed_event, sizeof closed_event);
  g_assert_cmphex (SEND (f, 8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0).data[4], ==, 0); /* told once */
  g_assert_cmphex (SEND (f, 8, 0x4a, 1, 0, 0, 0x40, 0, 0, 0, 8, 0).data[2], ==, 0x80);
  g_assert_cmphex (SEND (f, 8, 0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8, 0).sense, ==, BAD_FIELD);

  /* The drive without a disc. */
  g_assert_cmphex (SEND_1 (f, 0, 0x00).sense, ==, POWER_ON);
  g_assert_cmphex (SEND_1 (f, 0, 0x00).sense, ==, NO_MEDIUM);
  g_assert_cmphex (SEND_1 (f, 8, 0x25).sense, ==, NO_MEDIUM);
}

static void
test_attention (Fixture *f, gconstpointer data)
{
  /* Who it is may be asked first, and it is told once. */
  g_assert_cmphex (SEND (f, 96, 0x12, 0, 0, 0, 96, 0).sense, ==, NONE);
  g_assert_cmphex (SEND (f, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0).sense, ==, POWER_ON);
  g_assert_cmphex (SEND (f, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0).sense, ==, NONE);
  start_stop (f, 2);
  start_stop (f, 3);
  Answer sense = SEND (f, 18, 0x03, 0, 0, 0, 18, 0);
  g_assert_cmphex (sense.data[2], ==, 6);
  g_assert_cmphex (sense.data[12], ==, 0x28);
  g_assert_cmphex (SEND (f, 18, 0x03, 0, 0, 0, 18, 0).data[2], ==, 0);
  g_assert_cmphex (ready (f), ==, NONE);
}

/* ---- Control ---- */

static int
manage (Fixture *f, uint32_t type, uint32_t subtype, uint8_t target, uint8_t lun)
{
  uint8_t request[24] = {
    (uint8_t) type, 0, 0, 0, (uint8_t) subtype, 0, 0, 0, 1, target, 0x40, lun
  };
  uint8_t answer[5] = { 0xee, 0xee, 0xee, 0xee, 0xee };
  uint32_t written =
      driver_call (&f->driver, CONTROL, request, sizeof request, answer, type ? 5 : 1);

  g_assert_cmpuint (written, ==, type ? 5 : 1);
  return answer[type ? 4 : 0];
}

static void
test_control (Fixture *f, gconstpointer data)
{
  wake (f);
  g_assert_cmpint (manage (f, 0, 5, 0, 0), ==, OK);
  g_assert_cmphex (ready (f), ==, POWER_ON);
  g_assert_cmpint (manage (f, 0, 0, 0, 0), ==, OK);
  g_assert_cmpint (manage (f, 0, 5, 9, 0), ==, BAD_TARGET);
  g_assert_cmpint (manage (f, 0, 5, 0, 9), ==, INCORRECT_LUN);
  g_assert_cmpint (manage (f, 0, 99, 0, 0), ==, REJECTED);
  g_assert_cmpint (manage (f, 1, 0, 0, 0), ==, OK);
  g_assert_cmpint (manage (f, 77, 0, 0, 0), ==, REJECTED);
}

static void
release_cb (void *data)
{
  Disc *disc = data;

  disc->hold = false;
  complete_cb (g_steal_pointer (&disc->held));
}

/* Makes a read available that the disc holds back. */
static int
send_held (Fixture *f, DioGpa *at)
{
  static const uint8_t read[] = { 0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0 };

  *at = arena_alloc (&f->bench->arena, 51 + 108 + BLOCK, 16);
  put_request (arena_at (&f->bench->arena, *at), 0, 0, read, sizeof read);
  f->disc->hold = true;
  const Sg sg[] = { { *at, 51, false }, { *at + 51, 108 + BLOCK, true } };
  int token = driver_add (&f->driver, REQUEST, sg, 2, false);
  bench_settle (f->bench);
  g_assert_nonnull (f->disc->held);
  return token;
}

/* What is to abort waits for what it aborts. */
static void
test_order (Fixture *f, gconstpointer data)
{
  DioGpa read, control = arena_alloc (&f->bench->arena, 25, 16);
  uint8_t *request = arena_at (&f->bench->arena, control);
  const Sg sg[] = { { control, 24, false }, { control + 24, 1, true } };

  wake (f);
  int held = send_held (f, &read);
  memset (request, 0, 24);
  request[8] = 1;
  request[24] = 0xee;
  driver_add (&f->driver, CONTROL, sg, 2, false);
  bench_settle (f->bench);
  g_assert_cmphex (request[24], ==, 0xee);
  dio_loop_post (f->disc->loop, release_cb, f->disc);
  g_assert_cmpint (driver_get (&f->driver, REQUEST, NULL), ==, held);
  driver_get (&f->driver, CONTROL, NULL);
  g_assert_cmphex (request[24], ==, OK);
}

/* A reset waits for what is under way, and writes nothing after it. */
static void
test_reset (Fixture *f, gconstpointer data)
{
  DioGpa read;

  wake (f);
  send_held (f, &read);
  uint8_t *answer = (uint8_t *) arena_at (&f->bench->arena, read) + 51;
  answer[11] = 0xee;
  driver_set_status (&f->driver, 0);
  g_assert_cmphex (driver_status (&f->driver), !=, 0);
  dio_loop_post (f->disc->loop, release_cb, f->disc);
  for (unsigned k = 0; driver_status (&f->driver) && k < 5000; k++)
    g_usleep (1000);
  g_assert_cmphex (driver_status (&f->driver), ==, 0);
  g_assert_cmphex (answer[11], ==, 0xee);
}

static void
test_malformed (Fixture *f, gconstpointer data)
{
  DioGpa at = arena_alloc (&f->bench->arena, 256, 16);
  const Sg no_answer = { at, 51, false };
  const Sg short_answer[] = { { at, 51, false }, { at + 51, 107, true } };
  const Sg short_command[] = { { at, 50, false }, { at + 51, 108, true } };
  const struct {
    const Sg *sg;
    unsigned n;
  } bad[] = { { &no_answer, 1 }, { short_answer, 2 }, { short_command, 2 } };

  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++) {
    driver_add (&f->driver, REQUEST, bad[i].sg, bad[i].n, false);
    for (unsigned k = 0; !(driver_status (&f->driver) & DIO_VIRTIO_NEEDS_RESET) && k < 5000; k++)
      g_usleep (1000);
    g_assert_true (driver_status (&f->driver) & DIO_VIRTIO_NEEDS_RESET);
    driver_start (&f->driver, UINT64_MAX, 16);
    wake (f);
  }
}

/* ---- State ---- */

static void
test_state (Fixture *f, gconstpointer data)
{
  wake (f);
  start_stop (f, 2);
  bench_run (f->bench, dio_machine_pause);
  bench_round_trip (f->dev);
  g_autoptr (GBytes) open = bench_save (f->dev);
  bench_run (f->bench, dio_machine_resume);
  start_stop (f, 3);
  g_assert_cmphex (ready (f), ==, CHANGED);
  bench_run (f->bench, dio_machine_pause);
  g_assert_true (bench_load (f->dev, open));
  bench_run (f->bench, dio_machine_resume);
  driver_start (&f->driver, UINT64_MAX, 16); /* the driver's rings went on meanwhile */
  g_assert_cmphex (ready (f), ==, POWER_ON);
  g_assert_cmphex (ready (f), ==, TRAY_OPEN);
}

/* A state with another disc is not loaded. */
static void
test_other_disc (Fixture *f, gconstpointer data)
{
  Fixture other = { .bench = bench_new (NULL, false) };

  other.disc = new_disc (other.bench->machine->loop, BLOCK);
  DioVirtioDevice *vdev =
      bench_add (other.bench, &dio_virtio_scsi_type, "cdrom", NULL, give_discs, other.disc);
  bench_run (other.bench, dio_machine_start);
  bench_run (other.bench, dio_machine_pause);
  bench_run (f->bench, dio_machine_pause);
  g_autoptr (GBytes) state = bench_save (f->dev);
  g_assert_false (bench_load (&vdev->pci.dev, state));
  bench_free (other.bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/hw/virtio/scsi/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("who", test_who);
  ADD ("read", test_read);
  ADD ("disc", test_disc);
  ADD ("tray", test_tray);
  ADD ("attention", test_attention);
  ADD ("control", test_control);
  ADD ("order", test_order);
  ADD ("reset", test_reset);
  ADD ("malformed", test_malformed);
  ADD ("state", test_state);
  ADD ("other-disc", test_other_disc);
  return g_test_run ();
}
