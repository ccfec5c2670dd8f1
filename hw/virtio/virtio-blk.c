/* SPDX-License-Identifier: GPL-3.0-or-later
 * virtio-blk: a disk (virtio 1.3 section 5.2).
 *
 * A request is copied and checked when it is taken from the ring; from then on it owns its offset,
 * its list of buffers and its ring entry until the back-end completes it, whatever the guest does
 * meanwhile. A reset drops the result but waits for the completion (see virtio-device.c), so a
 * request never writes into memory that the driver has got back.
 *
 * A request that the host cannot do (no space, storage that fails) does not fail for the guest: the
 * block holds it, the machine is paused and says why, and resuming tries again. */
#include <errno.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/vm/vm-machine.h"
#include "hw/virtio/virtio-device.h"
#include "hw/virtio/virtio.h"

#define F_SIZE_MAX (UINT64_C (1) << 1)
#define F_SEG_MAX (UINT64_C (1) << 2)
#define F_RO (UINT64_C (1) << 5)
#define F_BLK_SIZE (UINT64_C (1) << 6)
#define F_FLUSH (UINT64_C (1) << 9)
#define F_TOPOLOGY (UINT64_C (1) << 10)
#define F_CONFIG_WCE (UINT64_C (1) << 11)
#define F_DISCARD (UINT64_C (1) << 13)
#define F_WRITE_ZEROES (UINT64_C (1) << 14)

enum {
  REQ_IN = 0,
  REQ_OUT = 1,
  REQ_FLUSH = 4,
  REQ_GET_ID = 8,
  REQ_DISCARD = 11,
  REQ_WRITE_ZEROES = 13,
};

enum {
  STATUS_OK = 0,
  STATUS_IOERR = 1,
  STATUS_UNSUPP = 2,
};

#define SECTOR 512u
#define ID_LENGTH 20
#define QUEUE_SIZE 256
#define MAX_SEGMENTS (QUEUE_SIZE - 2)
#define MAX_SEGMENT_SIZE (1u << 20) /* MAX_SEGMENTS of them stay below DIO_VIRTQ_MAX_BYTES */
#define MAX_IN_FLIGHT 128
#define MAX_RANGES 16
#define MAX_RANGE_SECTORS (1u << 22) /* of one discard or write-zeroes range: 2 GiB */
#define RANGE_UNMAP 1

G_STATIC_ASSERT ((uint64_t) MAX_SEGMENTS *MAX_SEGMENT_SIZE + 17 <= DIO_VIRTQ_MAX_BYTES);

typedef struct __attribute__ ((packed)) {
  uint64_t capacity; /* sectors */
  uint32_t size_max;
  uint32_t seg_max;
  uint16_t cylinders;
  uint8_t heads, sectors;
  uint32_t blk_size;
  uint8_t physical_block_exp, alignment_offset;
  uint16_t min_io_size;
  uint32_t opt_io_size;
  uint8_t writeback;
  uint8_t unused0;
  uint16_t num_queues;
  uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
  uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
  uint8_t write_zeroes_may_unmap;
  uint8_t unused1[3];
} Config;

G_STATIC_ASSERT (sizeof (Config) == 60);

typedef struct __attribute__ ((packed)) {
  uint32_t type;
  uint32_t reserved;
  uint64_t sector;
} Header;

typedef struct __attribute__ ((packed)) {
  uint64_t sector;
  uint32_t n_sectors;
  uint32_t flags;
} Range;

typedef struct {
  DioVirtioDevice vdev;
  char *serial; /* property */
  bool readonly;
  DioBlock *block;
  unsigned in_flight;
  pthread_cond_t idle; /* something in flight was done or held */
  bool troubled;       /* the person was told, and has not resumed yet */
} DioVirtioBlk;

typedef struct {
  DioBlockRequest block;
  DioVirtioBlk *blk;
  DioVirtElement *element;
  bool flush_after; /* write-through */
  unsigned n_ranges, next_range;
  Range ranges[MAX_RANGES]; /* of discard and write-zeroes, host endianness, checked */
  struct iovec iov[];
} Request;

static Config *
config_of (DioVirtioBlk *blk)
{
  return (Config *) (void *) blk->vdev.config;
}

/* Gives @element back with its status byte set. */
static void
complete (DioVirtioBlk *blk, DioVirtElement *element, uint8_t status)
{
  dio_virt_element_write (element, element->in_size - 1, &status, 1);
  dio_virtio_queue_push (&blk->vdev, 0, element, element->in_size);
}

static void
finish (Request *request, int result)
{
  DioVirtioBlk *blk = request->blk;
  DioVirtioDevice *vdev = &blk->vdev;

  if (result == -ENOTSUP && request->block.op == DIO_BLOCK_DISCARD)
    result = 0; /* only a hint */
  /* Nothing is written to a guest that asked for a reset: push() drops the element then. */
  if (vdev->resetting || vdev->queues[0].resetting)
    dio_virtio_queue_push (vdev, 0, request->element, 0);
  else
    complete (blk, request->element, result < 0 ? STATUS_IOERR : STATUS_OK);
  dio_virtio_queue_flush (vdev, 0);
  g_free (request);
  if (blk->in_flight-- == MAX_IN_FLIGHT)
    dio_virtio_queue_kick (vdev, 0);
  pthread_cond_broadcast (&blk->idle);
}

/* Points the back-end's request at the next range. */
static void
load_range (Request *request)
{
  const Range *range = &request->ranges[request->next_range++];

  request->block.offset = range->sector * SECTOR;
  request->block.length = (uint64_t) range->n_sectors * SECTOR;
  request->block.unmap = range->flags & RANGE_UNMAP;
}

/* Loop thread. Goes on with the next part of the request, if there is one. */
static void
done_cb (DioBlockRequest *block, int result)
{
  Request *request = (Request *) block;
  DioVirtioBlk *blk = request->blk;
  DioVirtioDevice *vdev = &blk->vdev;
  bool again = false;

  pthread_mutex_lock (&vdev->pci.dev.lock);
  if (result >= 0 && !vdev->resetting && !vdev->queues[0].resetting) {
    if (request->next_range < request->n_ranges) {
      load_range (request);
      again = true;
    } else if (request->flush_after) {
      request->flush_after = false;
      request->block.op = DIO_BLOCK_FLUSH;
      request->block.offset = request->block.length = 0;
      request->block.n_iov = 0;
      again = true;
    }
  }
  if (!again)
    finish (request, result);
  pthread_mutex_unlock (&vdev->pci.dev.lock);
  if (again)
    dio_block_submit (blk->block, &request->block);
}

/* True when the whole of [sector, sector + length) is on the disk. */
static bool
in_bounds (DioVirtioBlk *blk, uint64_t sector, uint64_t length)
{
  uint64_t size = blk->block ? blk->block->size : 0;
  uint64_t offset;

  return !__builtin_mul_overflow (sector, (uint64_t) SECTOR, &offset) && offset <= size
         && length <= size - offset;
}

static bool
is_write_through (DioVirtioBlk *blk)
{
  if (!dio_virtio_has (&blk->vdev, F_FLUSH))
    return true;
  return dio_virtio_has (&blk->vdev, F_CONFIG_WCE) && !config_of (blk)->writeback;
}

static Request *
new_request (DioVirtioBlk *blk, DioVirtElement *element, DioBlockOp op, unsigned max_iov)
{
  Request *request = g_malloc0 (sizeof *request + max_iov * sizeof (struct iovec));

  request->block.op = op;
  request->block.done = done_cb;
  request->block.iov = request->iov;
  request->blk = blk;
  request->element = element;
  return request;
}

/* The data of a transfer: @n buffers without the first @skip bytes, up to @length. */
static void
set_data (Request *request, const struct iovec *iov, unsigned n, uint64_t skip, uint64_t length)
{
  request->block.length = length;
  request->block.n_iov = (int) dio_virt_cut (iov, n, skip, length, request->iov);
}

/* Each of these makes a request for the back-end, or sets @status to what the driver gets. */
static Request *
make_transfer (DioVirtioBlk *blk, DioVirtElement *element, bool write, uint64_t sector,
               uint8_t *status)
{
  uint64_t length = write ? element->out_size - sizeof (Header) : element->in_size - 1;
  Request *request;

  if (length % SECTOR || !in_bounds (blk, sector, length) || (write && blk->readonly)) {
    *status = STATUS_IOERR;
    return NULL;
  }
  if (length == 0) {
    *status = STATUS_OK;
    return NULL;
  }
  request = new_request (blk, element, write ? DIO_BLOCK_WRITE : DIO_BLOCK_READ,
                         write ? element->n_out : element->n_in);
  request->block.offset = sector * SECTOR;
  request->flush_after = write && is_write_through (blk);
  if (write)
    set_data (request, element->out, element->n_out, sizeof (Header), length);
  else
    set_data (request, element->in, element->n_in, 0, length);
  return request;
}

static Request *
make_ranges (DioVirtioBlk *blk, DioVirtElement *element, bool zeroes, uint8_t *status)
{
  uint64_t length = element->out_size - sizeof (Header);
  uint32_t known_flags = zeroes ? RANGE_UNMAP : 0;
  unsigned n = length / sizeof (Range);
  Range ranges[MAX_RANGES];
  Request *request;

  *status = STATUS_IOERR;
  if (!dio_virtio_has (&blk->vdev, zeroes ? F_WRITE_ZEROES : F_DISCARD)) {
    *status = STATUS_UNSUPP;
    return NULL;
  }
  if (length % sizeof (Range) || n == 0 || length > sizeof ranges || blk->readonly)
    return NULL;
  dio_virt_element_read (element, sizeof (Header), ranges, length);
  for (unsigned i = 0; i < n; i++) {
    Range *range = &ranges[i];

    range->sector = GUINT64_FROM_LE (range->sector);
    range->n_sectors = GUINT32_FROM_LE (range->n_sectors);
    range->flags = GUINT32_FROM_LE (range->flags);
    if (range->flags & ~known_flags) {
      *status = STATUS_UNSUPP;
      return NULL;
    }
    if (range->n_sectors > MAX_RANGE_SECTORS
        || !in_bounds (blk, range->sector, (uint64_t) range->n_sectors * SECTOR))
      return NULL;
  }
  request = new_request (blk, element, zeroes ? DIO_BLOCK_WRITE_ZEROES : DIO_BLOCK_DISCARD, 0);
  memcpy (request->ranges, ranges, n * sizeof (Range));
  request->n_ranges = n;
  request->flush_after = zeroes && is_write_through (blk);
  load_range (request);
  return request;
}

static uint8_t
get_id (DioVirtioBlk *blk, DioVirtElement *element)
{
  char id[ID_LENGTH] = "";

  if (blk->serial)
    memcpy (id, blk->serial, strnlen (blk->serial, ID_LENGTH));
  dio_virt_element_write (element, 0, id, MIN (element->in_size - 1, ID_LENGTH));
  return STATUS_OK;
}

/* Starts or answers the request in @element. */
static void
handle (DioVirtioBlk *blk, DioVirtElement *element)
{
  DioVirtioDevice *vdev = &blk->vdev;
  Request *request = NULL;
  uint8_t status = STATUS_UNSUPP;
  Header header;

  if (element->in_size < 1
      || dio_virt_element_read (element, 0, &header, sizeof header) < sizeof header) {
    dio_virtio_device_break (vdev, "a request has no header or no status");
    dio_virtio_queue_push (vdev, 0, element, 0);
    return;
  }
  switch (GUINT32_FROM_LE (header.type)) {
  case REQ_IN:
    request = make_transfer (blk, element, false, GUINT64_FROM_LE (header.sector), &status);
    break;
  case REQ_OUT:
    request = make_transfer (blk, element, true, GUINT64_FROM_LE (header.sector), &status);
    break;
  case REQ_FLUSH:
    if (blk->block)
      request = new_request (blk, element, DIO_BLOCK_FLUSH, 0);
    else
      status = STATUS_IOERR;
    break;
  case REQ_GET_ID:
    status = get_id (blk, element);
    break;
  case REQ_DISCARD:
    request = make_ranges (blk, element, false, &status);
    break;
  case REQ_WRITE_ZEROES:
    request = make_ranges (blk, element, true, &status);
    break;
  default:
    break;
  }

  if (request) {
    blk->in_flight++;
    dio_block_submit (blk->block, &request->block);
  } else {
    complete (blk, element, status);
  }
}

static void
work (DioVirtioDevice *vdev, unsigned index)
{
  DioVirtioBlk *blk = (DioVirtioBlk *) vdev;
  DioVirtElement *element;

  while (blk->in_flight < MAX_IN_FLIGHT && (element = dio_virtio_queue_pop (vdev, index)))
    handle (blk, element);
}

static void
config_write (DioVirtioDevice *vdev, unsigned offset, unsigned size, uint32_t value)
{
  if (offset == offsetof (Config, writeback) && size == 1 && value <= 1
      && dio_virtio_has (vdev, F_CONFIG_WCE))
    config_of ((DioVirtioBlk *) vdev)->writeback = value;
}

static void
started (DioVirtioDevice *vdev)
{
  if (!dio_virtio_has (vdev, F_CONFIG_WCE))
    config_of ((DioVirtioBlk *) vdev)->writeback = dio_virtio_has (vdev, F_FLUSH);
}

static void
reset (DioVirtioDevice *vdev)
{
  config_of ((DioVirtioBlk *) vdev)->writeback = 1;
}

static void
visit (DioVirtioDevice *vdev, DioVisitor *visitor)
{
  DioVirtioBlk *blk = (DioVirtioBlk *) vdev;
  Config *config = config_of (blk);
  uint64_t capacity = GUINT64_FROM_LE (config->capacity), saved = capacity;

  /* What is held is in no ring: a load would lose it. */
  if (!dio_visitor_is_loading (visitor) && blk->in_flight)
    dio_visitor_fail (visitor, "requests of %s wait for space on the host", vdev->pci.dev.name);
  dio_visit_u8 (visitor, "writeback", &config->writeback);
  dio_visit_u64 (visitor, "capacity", &saved);
  if (dio_visitor_is_loading (visitor) && !dio_visitor_failed (visitor)) {
    config->writeback &= 1;
    if (saved != capacity)
      dio_visitor_fail (visitor, "the disk of %s has another size than when it was saved",
                        vdev->pci.dev.name);
  }
}

static const DioVirtioType virtio_type = {
  .id = 2,
  .class_code = 0x010000,
  .n_queues = 1,
  .queue_size = { QUEUE_SIZE },
  .config_size = sizeof (Config),
  .work = work,
  .config_write = config_write,
  .started = started,
  .reset = reset,
  .visit = visit,
};

/* Loop thread: requests are held now. One message for all of them. */
static void
trouble_cb (DioBlock *block, DioBlockOp op, int result, void *data)
{
  DioVirtioBlk *blk = data;
  DioMachine *machine = blk->vdev.pci.dev.machine;
  const char *path = block->path ? block->path : blk->vdev.pci.dev.name;

  pthread_mutex_lock (&blk->vdev.pci.dev.lock);
  bool told = blk->troubled;
  blk->troubled = true;
  pthread_cond_broadcast (&blk->idle);
  pthread_mutex_unlock (&blk->vdev.pci.dev.lock);
  if (told)
    return;
  if (result == -ENOSPC || result == -EDQUOT)
    dio_machine_report (machine, false,
                        _ ("There is no space left for the disk “%s”. The machine is paused and "
                           "nothing is lost: free some space there, then resume it"),
                        path);
  else if (op == DIO_BLOCK_READ)
    dio_machine_report (machine, false,
                        _ ("The disk “%s” cannot be read: %s. The machine is paused: check the "
                           "host’s storage, then resume it to try again"),
                        path, g_strerror (-result));
  else
    dio_machine_report (machine, false,
                        _ ("The disk “%s” cannot be written: %s. The machine is paused: check the "
                           "host’s storage, then resume it to try again"),
                        path, g_strerror (-result));
  dio_machine_pause (machine, NULL, NULL);
}

void
dio_virtio_blk_set_block (DioDevice *dev, DioBlock *block)
{
  DioVirtioBlk *blk = (DioVirtioBlk *) dev;

  blk->block = block;
  dio_block_set_trouble (block, trouble_cb, blk);
}

static bool
realize (DioDevice *dev, GError **error)
{
  DioVirtioBlk *blk = (DioVirtioBlk *) dev;
  Config *config = config_of (blk);
  uint64_t features = F_SIZE_MAX | F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY | F_CONFIG_WCE;

  blk->readonly |= blk->block && blk->block->readonly;
  features |= blk->readonly ? F_RO : F_DISCARD | F_WRITE_ZEROES;
  pthread_cond_init (&blk->idle, NULL);
  dio_virtio_device_realize (&blk->vdev, &virtio_type, features);

  *config = (Config){
    .capacity = GUINT64_TO_LE (blk->block ? blk->block->size / SECTOR : 0),
    .size_max = GUINT32_TO_LE (MAX_SEGMENT_SIZE),
    .seg_max = GUINT32_TO_LE (MAX_SEGMENTS),
    .blk_size = GUINT32_TO_LE (SECTOR),
    .physical_block_exp = 3, /* 4 KiB, as host file systems have */
    .min_io_size = GUINT16_TO_LE (8),
    .writeback = 1,
    .num_queues = GUINT16_TO_LE (1),
    .max_discard_sectors = GUINT32_TO_LE (MAX_RANGE_SECTORS),
    .max_discard_seg = GUINT32_TO_LE (MAX_RANGES),
    .discard_sector_alignment = GUINT32_TO_LE (8),
    .max_write_zeroes_sectors = GUINT32_TO_LE (MAX_RANGE_SECTORS),
    .max_write_zeroes_seg = GUINT32_TO_LE (MAX_RANGES),
    .write_zeroes_may_unmap = 1,
  };
  return true;
}

/* Until nothing is in flight but what is held. */
static void
wait_idle (DioVirtioBlk *blk)
{
  DioDevice *dev = &blk->vdev.pci.dev;

  pthread_mutex_lock (&dev->lock);
  while (blk->in_flight && blk->in_flight > dio_block_count_held (blk->block))
    pthread_cond_wait (&blk->idle, &dev->lock);
  pthread_mutex_unlock (&dev->lock);
}

static void
drain (DioDevice *dev)
{
  DioVirtioBlk *blk = (DioVirtioBlk *) dev;

  dio_virtio_device_drain (dev);
  if (blk->block)
    dio_block_set_urgent (blk->block, true);
  wait_idle (blk);
}

static void
resume (DioDevice *dev)
{
  DioVirtioBlk *blk = (DioVirtioBlk *) dev;

  pthread_mutex_lock (&dev->lock);
  blk->troubled = false;
  pthread_mutex_unlock (&dev->lock);
  if (blk->block) {
    dio_block_set_urgent (blk->block, false);
    dio_block_retry (blk->block);
  }
  dio_virtio_device_resume (dev);
}

/* Requests that are held are in no state that could be saved. */
static bool
settle (DioDevice *dev, GError **error)
{
  DioVirtioBlk *blk = (DioVirtioBlk *) dev;
  DioBlockNode *node = blk->block ? dio_block_get_node (blk->block) : NULL;
  int result = node && !node->readonly ? dio_block_node_flush (node) : 0;

  if (blk->block && dio_block_count_held (blk->block))
    g_set_error (error, DIO_ERROR, DIO_ERROR_BUSY, "%s",
                 _ ("A disk of the machine waits for the host; let the machine go on first"));
  else if (result < 0)
    dio_set_error_errno (error, -result, _ ("A disk of the machine cannot be written"));
  else
    return true;
  return false;
}

static void
give_up_cb (void *data)
{
  DioVirtioBlk *blk = data;

  dio_block_give_up (blk->block);
}

/* Power-on: what is held belongs to a driver that is no more. */
static void
reset_device (DioDevice *dev)
{
  DioVirtioBlk *blk = (DioVirtioBlk *) dev;

  dio_virtio_device_reset (dev);
  blk->troubled = false;
  if (blk->in_flight)
    dio_loop_post (dev->machine->loop, give_up_cb, blk);
}

static void
finalize (DioDevice *dev)
{
  DioVirtioBlk *blk = (DioVirtioBlk *) dev;

  if (blk->vdev.type) {
    drain (dev);
    blk->vdev.resetting = true;
    if (blk->block)
      dio_block_give_up (blk->block);
    pthread_cond_destroy (&blk->idle);
  }
  dio_virtio_device_finalize (dev);
  g_clear_pointer (&blk->block, dio_block_free);
}

static const DioProperty properties[] = {
  DIO_VIRTIO_PROPERTIES,
  {
      .name = "serial",
      .title = N_ ("Serial number"),
      .kind = DIO_PROPERTY_STRING,
      .initial_string = "",
      .offset = offsetof (DioVirtioBlk, serial),
  },
  {
      .name = "readonly",
      .title = N_ ("Read-only"),
      .kind = DIO_PROPERTY_BOOL,
      .maximum = 1,
      .offset = offsetof (DioVirtioBlk, readonly),
  },
  { 0 },
};

const DioDeviceType dio_virtio_blk_type = {
  .id = "virtio-blk",
  .title = N_ ("Disk (virtio)"),
  .description = N_ ("A disk that the guest reaches through virtio."),
  .bus = DIO_BUS_VIRTIO,
  .instance_size = sizeof (DioVirtioBlk),
  .properties = properties,
  .realize = realize,
  .reset = reset_device,
  .state = dio_virtio_device_visit,
  .state_version = 1,
  .drain = drain,
  .resume = resume,
  .settle = settle,
  .finalize = finalize,
};
