/* SPDX-License-Identifier: GPL-3.0-or-later
 * virtio-blk over a disk in memory that can hold requests back, fail them, and complete them late.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/backend/block/block-create.h"
#include "hw/virtio/virtio.h"
#include "tests/hw/virtio/driver-pci.h"
#include "tests/support/files-fail.h"

#define SECTORS 2048
#define SECTOR 512

#define F_RO (UINT64_C (1) << 5)
#define F_FLUSH (UINT64_C (1) << 9)
#define F_CONFIG_WCE (UINT64_C (1) << 11)
#define F_DISCARD (UINT64_C (1) << 13)
#define F_WRITE_ZEROES (UINT64_C (1) << 14)

enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, WRITE_ZEROES = 13 };
enum { OK = 0, IOERR = 1, UNSUPP = 2, NOTHING = 0xee };

typedef struct {
  DioBlock block;
  DioLoop *loop;
  uint8_t data[SECTORS * SECTOR];
  pthread_mutex_t lock;
  bool hold;
  GPtrArray *held;
  int fail; /* errno for every request */
  unsigned count[5], max_in_flight;
  DioBlockOp last;
} FakeDisk;

typedef struct {
  FakeDisk *disk;
  DioBlockRequest *request;
} Pending;

static int
perform (FakeDisk *disk, DioBlockRequest *request)
{
  uint64_t offset = request->offset;

  disk->count[request->op]++;
  disk->last = request->op;
  if (disk->fail)
    return -disk->fail;
  switch (request->op) {
  case DIO_BLOCK_READ:
  case DIO_BLOCK_WRITE:
    for (int i = 0; i < request->n_iov; i++) {
      g_assert_cmpuint (offset + request->iov[i].iov_len, <=, sizeof disk->data);
      if (request->op == DIO_BLOCK_READ)
        memcpy (request->iov[i].iov_base, disk->data + offset, request->iov[i].iov_len);
      else
        memcpy (disk->data + offset, request->iov[i].iov_base, request->iov[i].iov_len);
      offset += request->iov[i].iov_len;
    }
    g_assert_cmpuint (offset - request->offset, ==, request->length);
    break;
  case DIO_BLOCK_WRITE_ZEROES:
  case DIO_BLOCK_DISCARD:
    g_assert_cmpuint (offset + request->length, <=, sizeof disk->data);
    memset (disk->data + offset, request->op == DIO_BLOCK_DISCARD ? 0xdd : 0, request->length);
    break;
  case DIO_BLOCK_FLUSH:
    break;
  }
  return 0;
}

static void
complete_cb (void *data)
{
  Pending *pending = data;

  dio_block_complete (&pending->disk->block, pending->request,
                      perform (pending->disk, pending->request));
  g_free (pending);
}

static void
fake_submit (DioBlock *block, DioBlockRequest *request)
{
  FakeDisk *disk = (FakeDisk *) block;
  Pending *pending = g_new (Pending, 1);

  *pending = (Pending){ disk, request };
  pthread_mutex_lock (&disk->lock);
  if (disk->hold) {
    g_ptr_array_add (disk->held, pending);
    disk->max_in_flight = MAX (disk->max_in_flight, disk->held->len);
    pending = NULL;
  }
  pthread_mutex_unlock (&disk->lock);
  if (pending)
    dio_loop_post (disk->loop, complete_cb, pending);
}

static void
fake_free (DioBlock *block)
{
  FakeDisk *disk = (FakeDisk *) block;

  g_assert_cmpuint (disk->held->len, ==, 0);
  g_ptr_array_unref (disk->held);
  dio_block_clear (block);
  g_free (disk);
}

static const DioBlockOps fake_ops = { .submit = fake_submit, .free = fake_free };

/* Lets what is held go, newest first. The last completion may free the disk. */
static void
release (FakeDisk *disk)
{
  g_autoptr (GPtrArray) held = NULL;
  DioLoop *loop = disk->loop;

  pthread_mutex_lock (&disk->lock);
  disk->hold = false;
  held = g_steal_pointer (&disk->held);
  disk->held = g_ptr_array_new ();
  pthread_mutex_unlock (&disk->lock);
  for (guint i = held->len; i > 0; i--)
    dio_loop_post (loop, complete_cb, held->pdata[i - 1]);
}

static guint
n_held (FakeDisk *disk)
{
  guint n;

  pthread_mutex_lock (&disk->lock);
  n = disk->held->len;
  pthread_mutex_unlock (&disk->lock);
  return n;
}

typedef struct {
  Bench *bench;
  Driver driver;
  FakeDisk *disk;
} Fixture;

static void
give_disk (DioDevice *dev, void *data)
{
  dio_virtio_blk_set_block (dev, data);
}

static void
make (Fixture *f, bool readonly, const char *const *properties)
{
  DioVirtioDevice *vdev;

  f->bench = bench_new (NULL, false);
  f->disk = g_new0 (FakeDisk, 1);
  dio_block_init (&f->disk->block, &fake_ops, SECTORS * SECTOR, readonly);
  f->disk->loop = f->bench->machine->loop;
  f->disk->held = g_ptr_array_new ();
  pthread_mutex_init (&f->disk->lock, NULL);
  for (unsigned i = 0; i < sizeof f->disk->data; i++)
    f->disk->data[i] = (uint8_t) (i / SECTOR + i);
  vdev = bench_add (f->bench, &dio_virtio_blk_type, "blk0", properties, give_disk, f->disk);
  bench_run (f->bench, dio_machine_start);
  driver_probe (&f->driver, f->bench, vdev);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  static const char *const properties[] = { "serial=diorama-disk-0001-too-long", NULL };

  make (f, data != NULL, properties);
  driver_start (&f->driver, UINT64_MAX, 64);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  bench_free (f->bench);
}

typedef struct {
  uint32_t type, reserved;
  uint64_t sector;
} Header;

typedef struct {
  Header header;
  int token;
  DioGpa header_gpa, data_gpa;
} Sent;

/* Makes a request available: header, data in pieces of @piece bytes, status. */
static Sent
send_request (Fixture *f, uint32_t type, uint64_t sector, const void *out, uint32_t length,
              uint32_t piece, bool indirect)
{
  Arena *arena = &f->bench->arena;
  Sent sent = { .header = { type, 0, sector } };
  Sg sg[64];
  unsigned n = 0;

  sent.header_gpa = arena_alloc (arena, sizeof (Header) + 1, 16);
  sent.data_gpa = arena_alloc (arena, MAX (length, 1), 16);
  memcpy (arena_at (arena, sent.header_gpa), &sent.header, sizeof (Header));
  *(uint8_t *) arena_at (arena, sent.header_gpa + sizeof (Header)) = NOTHING;
  if (out)
    memcpy (arena_at (arena, sent.data_gpa), out, length);
  else
    memset (arena_at (arena, sent.data_gpa), NOTHING, length);
  sg[n++] = (Sg){ sent.header_gpa, sizeof (Header), false };
  for (uint32_t at = 0; at < length; at += piece)
    sg[n++] = (Sg){ sent.data_gpa + at, MIN (piece, length - at), out == NULL };
  sg[n++] = (Sg){ sent.header_gpa + sizeof (Header), 1, true };
  sent.token = driver_add (&f->driver, 0, sg, n, indirect);
  return sent;
}

static uint8_t
status_of (Fixture *f, const Sent *sent)
{
  return *(volatile uint8_t *) arena_at (&f->bench->arena, sent->header_gpa + sizeof (Header));
}

static uint8_t
request (Fixture *f, uint32_t type, uint64_t sector, const void *out, void *in, uint32_t length,
         uint32_t piece, bool indirect)
{
  uint64_t mark = f->bench->arena.next;
  Sent sent = send_request (f, type, sector, out, length, piece, indirect);

  g_assert_cmpint (sent.token, >=, 0);
  g_assert_cmpint (driver_get (&f->driver, 0, NULL), ==, sent.token);
  if (in)
    memcpy (in, arena_at (&f->bench->arena, sent.data_gpa), length);
  f->bench->arena.next = mark;
  return status_of (f, &sent);
}

static void
test_read_write (Fixture *f, gconstpointer data)
{
  static uint8_t out[16 * SECTOR], in[16 * SECTOR];

  for (unsigned round = 0; round < 500; round++) {
    uint32_t sectors = g_test_rand_int_range (1, 17);
    uint32_t length = sectors * SECTOR;
    uint64_t sector = g_test_rand_int_range (0, SECTORS - 16);
    uint32_t piece = g_test_rand_int_range (200, 5000);
    bool indirect = round & 1;

    for (unsigned i = 0; i < length; i++)
      out[i] = (uint8_t) g_test_rand_int ();
    g_assert_cmpint (request (f, OUT, sector, out, NULL, length, piece, indirect), ==, OK);
    g_assert_cmpmem (f->disk->data + sector * SECTOR, length, out, length);
    g_assert_cmpint (request (f, IN, sector, NULL, in, length, piece, indirect), ==, OK);
    g_assert_cmpmem (in, length, out, length);
  }
}

static void
test_bounds (Fixture *f, gconstpointer data)
{
  static uint8_t buffer[4 * SECTOR];
  static const uint64_t bad[] = {
    SECTORS,
    SECTORS - 3,
    UINT64_MAX,
    UINT64_MAX / SECTOR,
    UINT64_C (1) << 55,
    (UINT64_C (1) << 55) - 1,
  };
  unsigned before = f->disk->count[DIO_BLOCK_READ] + f->disk->count[DIO_BLOCK_WRITE];

  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_assert_cmpint (request (f, IN, bad[i], NULL, NULL, sizeof buffer, 4096, false), ==, IOERR);
    g_assert_cmpint (request (f, OUT, bad[i], buffer, NULL, sizeof buffer, 4096, false), ==, IOERR);
  }
  g_assert_cmpint (request (f, IN, 0, NULL, NULL, 100, 4096, false), ==, IOERR);
  g_assert_cmpuint (f->disk->count[DIO_BLOCK_READ] + f->disk->count[DIO_BLOCK_WRITE], ==, before);
  g_assert_cmpint (request (f, IN, SECTORS - 4, NULL, buffer, sizeof buffer, 4096, false), ==, OK);
  g_assert_cmpint (request (f, IN, SECTORS, NULL, NULL, 0, 1, false), ==, OK);
  g_assert_cmpint (request (f, 77, 0, NULL, NULL, 512, 512, false), ==, UNSUPP);
}

static void
test_id_and_config (Fixture *f, gconstpointer data)
{
  char id[21] = "";

  g_assert_cmpint (request (f, GET_ID, 0, NULL, id, 20, 20, false), ==, OK);
  g_assert_cmpstr (id, ==, "diorama-disk-0001-to");
  g_assert_cmpuint (driver_read (&f->driver, f->driver.config, 8), ==, SECTORS);
  g_assert_cmpuint (driver_read (&f->driver, f->driver.config + 20, 4), ==, SECTOR);
}

static void
test_errors (Fixture *f, gconstpointer data)
{
  uint8_t buffer[SECTOR] = { 0 };

  f->disk->fail = EINVAL;
  g_assert_cmpint (request (f, IN, 0, NULL, NULL, SECTOR, SECTOR, false), ==, IOERR);
  g_assert_cmpint (request (f, OUT, 0, buffer, NULL, SECTOR, SECTOR, false), ==, IOERR);
  g_assert_cmpint (request (f, FLUSH, 0, NULL, NULL, 0, 1, false), ==, IOERR);
  f->disk->fail = 0;
  g_assert_cmpint (request (f, IN, 0, NULL, NULL, SECTOR, SECTOR, false), ==, OK);
}

typedef struct {
  uint64_t sector;
  uint32_t n, flags;
} Range;

static void
test_ranges (Fixture *f, gconstpointer data)
{
  const Range two[2] = { { 8, 8, 0 }, { 100, 1, 0 } };
  const Range unmap = { 8, 8, 1 }, unknown = { 8, 8, 2 }, outside = { SECTORS - 1, 2, 0 };
  const Range wild = { UINT64_MAX, UINT32_MAX, 0 };
  static Range many[17];

  memset (f->disk->data, 0x55, sizeof f->disk->data);
  g_assert_cmpint (request (f, WRITE_ZEROES, 0, two, NULL, sizeof two, 16, false), ==, OK);
  g_assert_cmphex (f->disk->data[8 * SECTOR - 1], ==, 0x55);
  g_assert_cmphex (f->disk->data[8 * SECTOR], ==, 0);
  g_assert_cmphex (f->disk->data[16 * SECTOR - 1], ==, 0);
  g_assert_cmphex (f->disk->data[16 * SECTOR], ==, 0x55);
  g_assert_cmphex (f->disk->data[100 * SECTOR + 511], ==, 0);
  g_assert_cmpint (request (f, DISCARD, 0, two, NULL, sizeof two, 7, false), ==, OK);
  g_assert_cmphex (f->disk->data[100 * SECTOR], ==, 0xdd);
  g_assert_cmpint (request (f, WRITE_ZEROES, 0, &unmap, NULL, 16, 16, false), ==, OK);
  g_assert_cmpint (request (f, WRITE_ZEROES, 0, &unknown, NULL, 16, 16, false), ==, UNSUPP);
  g_assert_cmpint (request (f, DISCARD, 0, &unmap, NULL, 16, 16, false), ==, UNSUPP);
  g_assert_cmpint (request (f, DISCARD, 0, &outside, NULL, 16, 16, false), ==, IOERR);
  g_assert_cmpint (request (f, WRITE_ZEROES, 0, &wild, NULL, 16, 16, false), ==, IOERR);
  g_assert_cmpint (request (f, WRITE_ZEROES, 0, two, NULL, 24, 24, false), ==, IOERR);
  g_assert_cmpint (request (f, DISCARD, 0, many, NULL, sizeof many, 1000, false), ==, IOERR);
  g_assert_cmphex (f->disk->data[SECTORS * SECTOR - 1], ==, 0x55);
  f->disk->fail = ENOTSUP; /* a discard is a hint, zeroes are not */
  g_assert_cmpint (request (f, DISCARD, 0, two, NULL, sizeof two, 16, false), ==, OK);
  g_assert_cmpint (request (f, WRITE_ZEROES, 0, two, NULL, sizeof two, 16, false), ==, IOERR);
  f->disk->fail = 0;
}

/* What is acknowledged is on the disk when the driver asked for that. */
static void
test_write_through (Fixture *f, gconstpointer data)
{
  const uint8_t buffer[SECTOR] = { 1 };
  Driver *driver = &f->driver;

  g_assert_cmpint (request (f, OUT, 0, buffer, NULL, SECTOR, SECTOR, false), ==, OK);
  g_assert_cmpint (f->disk->last, ==, DIO_BLOCK_WRITE);
  driver_write (driver, driver->config + 32, 1, 0);
  g_assert_cmpint (driver_read (driver, driver->config + 32, 1), ==, 0);
  g_assert_cmpint (request (f, OUT, 0, buffer, NULL, SECTOR, SECTOR, false), ==, OK);
  g_assert_cmpint (f->disk->last, ==, DIO_BLOCK_FLUSH);
  driver_start (driver, ~(F_FLUSH | F_CONFIG_WCE), 64);
  g_assert_cmpint (request (f, OUT, 0, buffer, NULL, SECTOR, SECTOR, false), ==, OK);
  g_assert_cmpint (f->disk->last, ==, DIO_BLOCK_FLUSH);
  driver_start (driver, UINT64_MAX, 64);
  g_assert_cmpint (driver_read (driver, driver->config + 32, 1), ==, 1);
}

static void
test_readonly (Fixture *f, gconstpointer data)
{
  const uint8_t buffer[SECTOR] = { 0 };
  const Range range = { 0, 1, 0 };

  g_assert_true (f->driver.features & F_RO);
  g_assert_false (f->driver.features & (F_DISCARD | F_WRITE_ZEROES));
  g_assert_cmpint (request (f, OUT, 0, buffer, NULL, SECTOR, SECTOR, false), ==, IOERR);
  g_assert_cmpint (request (f, WRITE_ZEROES, 0, &range, NULL, 16, 16, false), ==, UNSUPP);
  g_assert_cmpint (request (f, IN, 0, NULL, NULL, SECTOR, SECTOR, false), ==, OK);
  g_assert_cmpuint (f->disk->count[DIO_BLOCK_WRITE], ==, 0);
}

/* Many requests at once, completed in the opposite order. */
static void
test_parallel (Fixture *f, gconstpointer data)
{
  Sent sent[64];
  bool seen[64] = { false };
  unsigned n = 0;

  f->disk->hold = true;
  for (; n < 64; n++) {
    sent[n] = send_request (f, IN, n, NULL, SECTOR, SECTOR, true);
    if (sent[n].token < 0)
      break;
  }
  g_assert_cmpuint (n, ==, 64);
  while (n_held (f->disk) < n)
    g_usleep (1000);
  g_assert_false (driver_ring_get (&f->driver.rings[0], &(int){ 0 }, &(uint32_t){ 0 }));
  release (f->disk);
  for (unsigned i = 0; i < n; i++) {
    int token = driver_get (&f->driver, 0, NULL);

    for (unsigned k = 0; k < n; k++)
      if (sent[k].token == token) {
        g_assert_false (seen[k]);
        seen[k] = true;
        g_assert_cmpint (status_of (f, &sent[k]), ==, OK);
        g_assert_cmpmem (arena_at (&f->bench->arena, sent[k].data_gpa), SECTOR,
                         f->disk->data + k * SECTOR, SECTOR);
      }
  }
}

/* A driver that resets while requests are in flight: the reset is not finished before they are, the
 * ring is left alone, and a write goes where it was meant to. */
static void
test_reset_in_flight (Fixture *f, gconstpointer data)
{
  Driver *driver = &f->driver;
  uint8_t buffer[SECTOR];

  for (unsigned kind = 0; kind < 4; kind++) {
    bool queue_only = kind & 1, packed = kind & 2;
    uint64_t mark;
    uint8_t first[SECTOR];
    Sent sent[3];

    driver_start (driver, packed ? UINT64_MAX : ~DIO_VIRTIO_F_RING_PACKED, 64);
    mark = f->bench->arena.next;
    memcpy (first, f->disk->data, SECTOR);
    memset (buffer, 0xa0 + kind, SECTOR);
    f->disk->hold = true;
    sent[0] = send_request (f, OUT, 1000 + kind, buffer, SECTOR, SECTOR, false);
    sent[1] = send_request (f, IN, 7, NULL, SECTOR, SECTOR, false);
    sent[2] = send_request (f, FLUSH, 0, NULL, 0, 1, false);
    while (n_held (f->disk) < 3)
      g_usleep (1000);

    if (queue_only) {
      driver_select_queue (driver, 0);
      driver_write (driver, driver->common + 58, 2, 1);
      g_assert_cmpuint (driver_read (driver, driver->common + 58, 2), ==, 1);
    } else {
      driver_set_status (driver, 0);
      g_assert_cmpint (driver_status (driver), !=, 0);
      /* What a driver must not do meanwhile has no effect. */
      driver_set_status (driver, 1);
      driver_write (driver, driver->notify, 2, 0);
    }
    release (f->disk);
    for (unsigned i = 0; i < 5000; i++) {
      if (queue_only ? !driver_read (driver, driver->common + 58, 2) : !driver_status (driver))
        break;
      g_usleep (1000);
    }
    g_assert_cmpint (
        queue_only ? driver_read (driver, driver->common + 58, 2) : driver_status (driver), ==, 0);
    for (unsigned i = 0; i < 3; i++)
      g_assert_cmpint (status_of (f, &sent[i]), ==, NOTHING);
    g_assert_false (driver_ring_get (&driver->rings[0], &(int){ 0 }, &(uint32_t){ 0 }));
    g_assert_cmpmem (f->disk->data, SECTOR, first, SECTOR);
    g_assert_cmpmem (f->disk->data + (1000 + kind) * SECTOR, SECTOR, buffer, SECTOR);
    f->bench->arena.next = mark;

    if (queue_only)
      driver_enable_queue (driver, 0, 32);
    else
      driver_start (driver, UINT64_MAX, 64);
    g_assert_cmpint (request (f, IN, 0, NULL, NULL, SECTOR, SECTOR, false), ==, OK);
  }
}

static void *
release_later (void *data)
{
  g_usleep (20000);
  release (data);
  return NULL;
}

/* Pausing and resetting the machine wait for what is in flight. */
static void
test_drain (Fixture *f, gconstpointer data)
{
  Sent sent;
  pthread_t thread;
  static uint8_t ram[4096];

  f->disk->hold = true;
  sent = send_request (f, IN, 3, NULL, SECTOR, SECTOR, false);
  while (n_held (f->disk) < 1)
    g_usleep (1000);
  pthread_create (&thread, NULL, release_later, f->disk);
  bench_run (f->bench, dio_machine_pause);
  pthread_join (thread, NULL);
  g_assert_cmpint (status_of (f, &sent), ==, OK);
  bench_round_trip (&f->driver.vdev->pci.dev);
  bench_run (f->bench, dio_machine_resume);
  driver_get (&f->driver, 0, NULL);

  f->disk->hold = true;
  sent = send_request (f, IN, 4, NULL, SECTOR, SECTOR, false);
  while (n_held (f->disk) < 1)
    g_usleep (1000);
  pthread_create (&thread, NULL, release_later, f->disk);
  bench_run (f->bench, dio_machine_reset);
  pthread_join (thread, NULL);
  bench_settle (f->bench);
  /* The memory of the new start is not written by the old one. */
  g_assert_cmpmem (arena_at (&f->bench->arena, sent.header_gpa & ~UINT64_C (4095)), 4096, ram,
                   4096);
}

static void
wait_for_state (Fixture *f, DioMachineState state)
{
  for (unsigned i = 0; i < 5000 && dio_machine_get_state (f->bench->machine) != state; i++)
    g_usleep (1000);
  g_assert_cmpint (dio_machine_get_state (f->bench->machine), ==, state);
}

/* A host that is full: the machine pauses, and nothing is lost. */
static void
test_trouble (Fixture *f, gconstpointer data)
{
  static const int errors[] = { ENOSPC, EDQUOT, EIO };
  uint8_t buffer[SECTOR];
  Sent sent[3];

  for (unsigned i = 0; i < G_N_ELEMENTS (errors); i++) {
    memset (buffer, 0x60 + i, SECTOR);
    f->bench->errors = 0;
    f->disk->fail = errors[i];
    sent[0] = send_request (f, OUT, 50 + i, buffer, SECTOR, SECTOR, false);
    sent[1] = send_request (f, IN, 7, NULL, SECTOR, SECTOR, false);
    sent[2] = send_request (f, FLUSH, 0, NULL, 0, 1, false);
    wait_for_state (f, DIO_MACHINE_PAUSED);
    bench_run (f->bench, dio_machine_pause); /* after the message */
    g_assert_cmpuint (f->bench->errors, ==, 1);
    for (unsigned k = 0; k < 3; k++)
      g_assert_cmpint (status_of (f, &sent[k]), ==, NOTHING);

    /* Too early. */
    bench_run (f->bench, dio_machine_resume);
    wait_for_state (f, DIO_MACHINE_PAUSED);
    bench_run (f->bench, dio_machine_pause);
    g_assert_cmpuint (f->bench->errors, ==, 2);
    f->disk->fail = 0;
    bench_run (f->bench, dio_machine_resume);
    for (unsigned k = 0; k < 3; k++)
      driver_get (&f->driver, 0, NULL);
    for (unsigned k = 0; k < 3; k++)
      g_assert_cmpint (status_of (f, &sent[k]), ==, OK);
    g_assert_cmpmem (f->disk->data + (50 + i) * SECTOR, SECTOR, buffer, SECTOR);
    g_assert_cmpuint (f->bench->errors, ==, 2);
  }

  /* A reset of the machine forgets them, and so does its end. */
  f->disk->fail = ENOSPC;
  sent[0] = send_request (f, OUT, 60, buffer, SECTOR, SECTOR, false);
  wait_for_state (f, DIO_MACHINE_PAUSED);
  bench_run (f->bench, dio_machine_reset);
  f->disk->fail = 0;
  bench_run (f->bench, dio_machine_resume);
  bench_settle (f->bench);
  driver_probe (&f->driver, f->bench, f->driver.vdev);
  driver_start (&f->driver, UINT64_MAX, 64);
  g_assert_cmpint (request (f, IN, 0, NULL, NULL, SECTOR, SECTOR, false), ==, OK);
  f->disk->fail = EIO;
  send_request (f, IN, 1, NULL, SECTOR, SECTOR, false);
  wait_for_state (f, DIO_MACHINE_PAUSED);
}

/* On a real qcow2 image, on a host that is full now and then: what the guest wrote is there. */
static void
test_image (void)
{
  static uint8_t model[SECTORS * SECTOR], in[16 * SECTOR];
  const DioBlockCreate create = { .format = "qcow2", .size = sizeof model, .cluster_size = 4096 };
  g_autofree char *folder = g_dir_make_tmp ("dio-blk-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "disk.qcow2", NULL);
  FilesFail fail;
  Fixture f = { .bench = bench_new (NULL, false) };
  Fixture *fixture = &f;

  files_fail_init (&fail, dio_files_host ());
  fail.ops = FILES_OP (DIO_FILE_OP_WRITE);
  fail.error = ENOSPC;
  g_assert_true (dio_block_create (dio_files_host (), path, &create, NULL));
  DioBlock *block = dio_block_open (&fail.files, path, "qcow2", false, f.bench->machine->loop,
                                    f.bench->pool, NULL);
  DioVirtioDevice *vdev = bench_add (f.bench, &dio_virtio_blk_type, "blk0", NULL, give_disk, block);
  bench_run (f.bench, dio_machine_start);
  driver_probe (&f.driver, f.bench, vdev);
  driver_start (&f.driver, UINT64_MAX, 64);
  for (unsigned round = 0; round < 300; round++) {
    uint32_t sectors = g_test_rand_int_range (1, 17);
    uint64_t sector = g_test_rand_int_range (0, SECTORS - 16);
    uint64_t mark = f.bench->arena.next;
    uint8_t *bytes = model + sector * SECTOR;

    memset (bytes, g_test_rand_int_range (0, 256), sectors * SECTOR);
    fail.count = 0;
    fail.for_ever = true;
    fail.nth = round % 20 == 19 ? 1 : 0;
    Sent sent = send_request (fixture, OUT, sector, bytes, sectors * SECTOR, 4096, false);
    if (fail.nth) {
      wait_for_state (fixture, DIO_MACHINE_PAUSED);
      fail.nth = 0;
      bench_run (f.bench, dio_machine_resume);
    }
    g_assert_cmpint (driver_get (&f.driver, 0, NULL), ==, sent.token);
    g_assert_cmpint (status_of (fixture, &sent), ==, OK);
    f.bench->arena.next = mark;
    if (round % 10 == 5)
      g_assert_cmpint (request (fixture, FLUSH, 0, NULL, NULL, 0, 1, false), ==, OK);
    g_assert_cmpint (request (fixture, IN, sector, NULL, in, sectors * SECTOR, 4096, false), ==,
                     OK);
    g_assert_cmpmem (in, sectors * SECTOR, bytes, sectors * SECTOR);
  }
  g_assert_cmpuint (f.bench->errors, ==, 15);
  bench_free (f.bench);

  DioBlockNode *node =
      dio_block_node_open (dio_files_host (), path, "qcow2", DIO_BLOCK_OPEN_READONLY, NULL, NULL);
  g_assert_nonnull (node);
  for (unsigned at = 0; at < sizeof model; at += sizeof in) {
    g_assert_cmpint (dio_block_node_read (node, at, in, sizeof in), ==, 0);
    g_assert_cmpmem (in, sizeof in, model + at, sizeof in);
  }
  dio_block_node_close (node);
  unlink (path);
  rmdir (folder);
}

/* The device goes away with requests in flight. */
static void
test_free_in_flight (Fixture *f, gconstpointer data)
{
  pthread_t thread;

  f->disk->hold = true;
  send_request (f, IN, 3, NULL, SECTOR, SECTOR, false);
  while (n_held (f->disk) < 1)
    g_usleep (1000);
  pthread_create (&thread, NULL, release_later, f->disk);
  bench_free (f->bench);
  pthread_join (thread, NULL);
  make (f, false, NULL);
}

static void
test_malformed (Fixture *f, gconstpointer data)
{
  Driver *driver = &f->driver;
  DioGpa at = arena_alloc (&f->bench->arena, 64, 16);
  const Sg no_status = { at, 16, false }, no_header = { at, 1, true };
  const Sg short_header[2] = { { at, 15, false }, { at, 1, true } };
  const struct {
    const Sg *sg;
    unsigned n;
  } bad[] = { { &no_status, 1 }, { &no_header, 1 }, { short_header, 2 } };

  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++) {
    driver_add (driver, 0, bad[i].sg, bad[i].n, false);
    for (unsigned k = 0; !(driver_status (driver) & DIO_VIRTIO_NEEDS_RESET) && k < 5000; k++)
      g_usleep (1000);
    g_assert_true (driver_status (driver) & DIO_VIRTIO_NEEDS_RESET);
    driver_start (driver, UINT64_MAX, 64);
    g_assert_cmpint (request (f, IN, 0, NULL, NULL, SECTOR, SECTOR, false), ==, OK);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, readonly, func)                                                                  \
  g_test_add ("/hw/virtio/blk/" name, Fixture, readonly ? "ro" : NULL, set_up, func, tear_down)
  ADD ("read-write", false, test_read_write);
  ADD ("bounds", false, test_bounds);
  ADD ("id-and-config", false, test_id_and_config);
  ADD ("errors", false, test_errors);
  ADD ("ranges", false, test_ranges);
  ADD ("write-through", false, test_write_through);
  ADD ("readonly", true, test_readonly);
  ADD ("parallel", false, test_parallel);
  ADD ("reset-in-flight", false, test_reset_in_flight);
  ADD ("drain", false, test_drain);
  ADD ("trouble", false, test_trouble);
  ADD ("free-in-flight", false, test_free_in_flight);
  ADD ("malformed", false, test_malformed);
  g_test_add_func ("/hw/virtio/blk/image", test_image);
  return g_test_run ();
}
