/* SPDX-License-Identifier: GPL-3.0-or-later
 * virtio-scsi: a host adapter whose targets are CD-ROM drives (virtio 1.3 section 5.6).
 *
 * Target t, logical unit 0 is drive t. A command is copied and checked when it is taken from the
 * ring; what needs the disc owns its buffers until the back-end completes it. What cannot be read
 * is an error of the medium, which the guest knows how to show. */
#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/vm/vm-machine.h"
#include "hw/scsi/scsi-cdrom.h"
#include "hw/virtio/virtio-device.h"
#include "hw/virtio/virtio.h"

enum {
  QUEUE_CONTROL,
  QUEUE_EVENT, /* nothing is ever told by it */
  QUEUE_REQUEST,
  N_QUEUES,
};

#define QUEUE_SIZE 128
#define MAX_IN_FLIGHT 64
#define CDB_SIZE 32 /* initial values of the configuration, which are not changed here */
#define SENSE_SIZE 96

/* Responses. */
enum {
  OK = 0,
  OVERRUN = 1,
  BAD_TARGET = 3,
  FUNCTION_REJECTED = 11,
  INCORRECT_LUN = 12,
};

/* Control requests, and the task management functions that the device takes. */
enum {
  CONTROL_TMF = 0,
  CONTROL_AN_QUERY = 1,
  CONTROL_AN_SUBSCRIBE = 2,
};
enum {
  TMF_ABORT_TASK = 0,
  TMF_ABORT_TASK_SET = 1,
  TMF_CLEAR_TASK_SET = 3,
  TMF_I_T_NEXUS_RESET = 4,
  TMF_LOGICAL_UNIT_RESET = 5,
};

typedef struct __attribute__ ((packed)) {
  uint32_t num_queues, seg_max, max_sectors, cmd_per_lun;
  uint32_t event_info_size, sense_size, cdb_size;
  uint16_t max_channel, max_target;
  uint32_t max_lun;
} Config;

typedef struct __attribute__ ((packed)) {
  uint8_t lun[8];
  uint64_t id;
  uint8_t task_attr, prio, crn;
  uint8_t cdb[CDB_SIZE];
} Command;

typedef struct __attribute__ ((packed)) {
  uint32_t sense_length;
  uint32_t residual;
  uint16_t status_qualifier;
  uint8_t status;
  uint8_t response;
  uint8_t sense[SENSE_SIZE];
} Response;

typedef struct __attribute__ ((packed)) {
  uint32_t type;
  uint32_t subtype; /* or, of asynchronous notifications, the first half of lun */
  uint8_t lun[8];
  uint64_t id;
} Control;

G_STATIC_ASSERT (sizeof (Config) == 36 && sizeof (Command) == 51 && sizeof (Response) == 108);

typedef struct {
  DioScsiCdrom cdrom;
  DioBlock *block;
} Drive;

typedef struct {
  DioVirtioDevice vdev;
  unsigned n_drives;
  Drive drives[DIO_VIRTIO_SCSI_MAX_DRIVES];
  unsigned in_flight;
  pthread_cond_t idle; /* nothing is in flight */
} DioVirtioScsi;

typedef struct {
  DioBlockRequest block;
  DioVirtioScsi *scsi;
  DioVirtElement *element;
  uint32_t residual;
  struct iovec iov[];
} Request;

/* ---- Commands ---- */

/* Single-level addressing (virtio 1.3 section 5.6.6.1); NULL: there is no such target. */
static Drive *
find_drive (DioVirtioScsi *scsi, const uint8_t *lun, bool *unit0)
{
  *unit0 = !(lun[2] & 0x3f) && !lun[3];
  return lun[0] == 1 && lun[1] < scsi->n_drives ? &scsi->drives[lun[1]] : NULL;
}

/* Gives @element back. @written: bytes of data behind the response, of which @residual less than
 * the guest asked for. */
static void
respond (DioVirtioScsi *scsi, DioVirtElement *element, uint8_t response, DioScsiSense sense,
         uint32_t residual, uint64_t written)
{
  Response answer = { .response = response, .residual = GUINT32_TO_LE (residual) };

  if (sense) {
    answer.status = DIO_SCSI_CHECK_CONDITION;
    answer.sense_length = GUINT32_TO_LE (DIO_SCSI_SENSE_SIZE);
    dio_scsi_put_sense (sense, answer.sense);
  }
  dio_virt_element_write (element, 0, &answer, sizeof answer);
  dio_virtio_queue_push (&scsi->vdev, QUEUE_REQUEST, element, sizeof answer + written);
}

/* Loop thread. */
static void
done_cb (DioBlockRequest *block, int result)
{
  Request *request = (Request *) block;
  DioVirtioScsi *scsi = request->scsi;
  DioVirtioDevice *vdev = &scsi->vdev;
  uint64_t length = block->length;

  pthread_mutex_lock (&vdev->pci.dev.lock);
  /* Nothing is written to a guest that asked for a reset: push() drops the element then. */
  if (vdev->resetting || vdev->queues[QUEUE_REQUEST].resetting)
    dio_virtio_queue_push (vdev, QUEUE_REQUEST, request->element, 0);
  else if (result < 0)
    respond (scsi, request->element, OK, DIO_SCSI_READ_ERROR, request->residual + (uint32_t) length,
             0);
  else
    respond (scsi, request->element, OK, DIO_SCSI_NO_SENSE, request->residual, length);
  dio_virtio_queue_flush (vdev, QUEUE_REQUEST);
  g_free (request);
  if (scsi->in_flight-- == MAX_IN_FLIGHT)
    dio_virtio_queue_kick (vdev, QUEUE_REQUEST);
  if (!scsi->in_flight) {
    dio_virtio_queue_kick (vdev, QUEUE_CONTROL);
    pthread_cond_broadcast (&scsi->idle);
  }
  pthread_mutex_unlock (&vdev->pci.dev.lock);
}

static void
start_read (DioVirtioScsi *scsi, Drive *drive, DioVirtElement *element, const DioScsiReply *reply,
            uint32_t residual)
{
  Request *request = g_malloc0 (sizeof *request + element->n_in * sizeof (struct iovec));

  request->block.op = DIO_BLOCK_READ;
  request->block.done = done_cb;
  request->block.offset = reply->offset;
  request->block.length = reply->length;
  request->block.iov = request->iov;
  request->block.n_iov = (int) dio_virt_cut (element->in, element->n_in, sizeof (Response),
                                             reply->length, request->iov);
  request->scsi = scsi;
  request->element = element;
  request->residual = residual;
  scsi->in_flight++;
  dio_block_submit (drive->block, &request->block);
}

static void
run_command (DioVirtioScsi *scsi, Drive *drive, DioVirtElement *element, const uint8_t *cdb)
{
  uint64_t room = element->in_size - sizeof (Response);
  DioScsiReply reply;

  dio_scsi_cdrom_command (&drive->cdrom, cdb, &reply);
  if (reply.read && reply.length > room) {
    respond (scsi, element, OVERRUN, DIO_SCSI_NO_SENSE, 0, 0);
    return;
  }
  reply.length = (uint32_t) MIN (reply.length, room);
  uint32_t residual = (uint32_t) MIN (room - reply.length, UINT32_MAX);
  if (reply.read) {
    start_read (scsi, drive, element, &reply, residual);
    return;
  }
  dio_virt_element_write (element, sizeof (Response), reply.data, reply.length);
  respond (scsi, element, OK, reply.sense, residual, reply.length);
}

/* Of another logical unit than 0: that is not there, which INQUIRY tells by a type (SPC-4 section
 * 6.6.2). */
static void
run_nowhere (DioVirtioScsi *scsi, DioVirtElement *element, uint8_t code)
{
  static const uint8_t nothing[36] = { [0] = 0x7f, [4] = 36 - 5 };
  uint64_t room = element->in_size - sizeof (Response);

  if (code != 0x12) {
    respond (scsi, element, OK, DIO_SCSI_NO_SUCH_UNIT, (uint32_t) MIN (room, UINT32_MAX), 0);
    return;
  }
  uint64_t length = MIN (room, sizeof nothing);
  dio_virt_element_write (element, sizeof (Response), nothing, length);
  respond (scsi, element, OK, DIO_SCSI_NO_SENSE, (uint32_t) MIN (room - length, UINT32_MAX),
           length);
}

static void
handle (DioVirtioScsi *scsi, DioVirtElement *element)
{
  Command command;
  bool unit0;

  if (element->in_size < sizeof (Response)
      || dio_virt_element_read (element, 0, &command, sizeof command) < sizeof command) {
    dio_virtio_device_break (&scsi->vdev, "a request has no header or no response");
    dio_virtio_queue_push (&scsi->vdev, QUEUE_REQUEST, element, 0);
    return;
  }
  Drive *drive = find_drive (scsi, command.lun, &unit0);
  if (!drive)
    respond (scsi, element, BAD_TARGET, DIO_SCSI_NO_SENSE, 0, 0);
  else if (!unit0)
    run_nowhere (scsi, element, command.cdb[0]);
  else
    run_command (scsi, drive, element, command.cdb);
}

/* ---- Control ---- */

/* Nothing is in flight when this is asked, so whatever was to be aborted has ended. */
static uint8_t
manage (DioVirtioScsi *scsi, const Control *control)
{
  bool unit0;
  Drive *drive = find_drive (scsi, control->lun, &unit0);

  if (!drive)
    return BAD_TARGET;
  if (!unit0)
    return INCORRECT_LUN;
  switch (GUINT32_FROM_LE (control->subtype)) {
  case TMF_I_T_NEXUS_RESET:
  case TMF_LOGICAL_UNIT_RESET:
    dio_scsi_cdrom_reset (&drive->cdrom);
    return OK;
  case TMF_ABORT_TASK:
  case TMF_ABORT_TASK_SET:
  case TMF_CLEAR_TASK_SET:
    return OK;
  default:
    return FUNCTION_REJECTED;
  }
}

static void
handle_control (DioVirtioScsi *scsi, DioVirtElement *element)
{
  Control control = { 0 };
  /* No event is known; the answer of a function has no place for any. */
  uint8_t answer[5] = { 0 };
  size_t size = dio_virt_element_read (element, 0, &control, sizeof control);
  uint32_t type = size < sizeof control.type ? UINT32_MAX : GUINT32_FROM_LE (control.type);
  bool function = type == CONTROL_TMF;

  if (function && size == sizeof control)
    answer[4] = manage (scsi, &control);
  else if (type != CONTROL_AN_QUERY && type != CONTROL_AN_SUBSCRIBE)
    answer[4] = FUNCTION_REJECTED;
  dio_virtio_queue_push (&scsi->vdev, QUEUE_CONTROL, element,
                         function ? dio_virt_element_write (element, 0, answer + 4, 1)
                                  : dio_virt_element_write (element, 0, answer, sizeof answer));
}

static void
work (DioVirtioDevice *vdev, unsigned index)
{
  DioVirtioScsi *scsi = (DioVirtioScsi *) vdev;
  DioVirtElement *element;

  if (index == QUEUE_REQUEST)
    while (scsi->in_flight < MAX_IN_FLIGHT && (element = dio_virtio_queue_pop (vdev, index)))
      handle (scsi, element);
  else if (index == QUEUE_CONTROL)
    while (!scsi->in_flight && (element = dio_virtio_queue_pop (vdev, index)))
      handle_control (scsi, element);
}

/* ---- Life ---- */

static void
reset (DioVirtioDevice *vdev)
{
  DioVirtioScsi *scsi = (DioVirtioScsi *) vdev;

  for (unsigned i = 0; i < scsi->n_drives; i++)
    dio_scsi_cdrom_reset (&scsi->drives[i].cdrom);
}

static void
visit (DioVirtioDevice *vdev, DioVisitor *visitor)
{
  DioVirtioScsi *scsi = (DioVirtioScsi *) vdev;
  uint32_t n_drives = scsi->n_drives;

  dio_visit_u32 (visitor, "drives", &n_drives);
  if (n_drives != scsi->n_drives) {
    dio_visitor_fail (visitor, "%s had %u drives when it was saved", vdev->pci.dev.name, n_drives);
    return;
  }
  for (unsigned i = 0; i < scsi->n_drives; i++)
    dio_scsi_cdrom_visit (&scsi->drives[i].cdrom, visitor);
}

static const DioVirtioType virtio_type = {
  .id = 8,
  .class_code = 0x010000,
  .n_queues = N_QUEUES,
  .queue_size = { 16, 16, QUEUE_SIZE },
  .config_size = sizeof (Config),
  .work = work,
  .reset = reset,
  .visit = visit,
};

bool
dio_virtio_scsi_add_cdrom (DioDevice *dev, DioBlock *block)
{
  DioVirtioScsi *scsi = (DioVirtioScsi *) dev;

  if (scsi->n_drives == DIO_VIRTIO_SCSI_MAX_DRIVES)
    return false;
  Drive *drive = &scsi->drives[scsi->n_drives++];
  drive->block = block;
  dio_scsi_cdrom_init (&drive->cdrom, block ? block->size : 0);
  return true;
}

unsigned
dio_virtio_scsi_count_drives (DioDevice *dev)
{
  return ((DioVirtioScsi *) dev)->n_drives;
}

static bool
realize (DioDevice *dev, GError **error)
{
  DioVirtioScsi *scsi = (DioVirtioScsi *) dev;
  const Config config = {
    .num_queues = GUINT32_TO_LE (1),
    .seg_max = GUINT32_TO_LE (QUEUE_SIZE - 2),
    .max_sectors = GUINT32_TO_LE (2048), /* of 512 bytes */
    .cmd_per_lun = GUINT32_TO_LE (MAX_IN_FLIGHT),
    .sense_size = GUINT32_TO_LE (SENSE_SIZE),
    .cdb_size = GUINT32_TO_LE (CDB_SIZE),
    .max_target = GUINT16_TO_LE ((uint16_t) (scsi->n_drives ? scsi->n_drives - 1 : 0)),
  };

  pthread_cond_init (&scsi->idle, NULL);
  dio_virtio_device_realize (&scsi->vdev, &virtio_type, 0);
  memcpy (scsi->vdev.config, &config, sizeof config);
  return true;
}

static void
set_urgent (DioVirtioScsi *scsi, bool urgent)
{
  for (unsigned i = 0; i < scsi->n_drives; i++)
    if (scsi->drives[i].block)
      dio_block_set_urgent (scsi->drives[i].block, urgent);
}

static void
drain (DioDevice *dev)
{
  DioVirtioScsi *scsi = (DioVirtioScsi *) dev;

  dio_virtio_device_drain (dev);
  set_urgent (scsi, true);
  pthread_mutex_lock (&dev->lock);
  while (scsi->in_flight)
    pthread_cond_wait (&scsi->idle, &dev->lock);
  pthread_mutex_unlock (&dev->lock);
}

static void
resume (DioDevice *dev)
{
  set_urgent ((DioVirtioScsi *) dev, false);
  dio_virtio_device_resume (dev);
}

static void
finalize (DioDevice *dev)
{
  DioVirtioScsi *scsi = (DioVirtioScsi *) dev;

  if (scsi->vdev.type) {
    drain (dev);
    scsi->vdev.resetting = true;
    pthread_cond_destroy (&scsi->idle);
  }
  dio_virtio_device_finalize (dev);
  for (unsigned i = 0; i < scsi->n_drives; i++)
    g_clear_pointer (&scsi->drives[i].block, dio_block_free);
}

static const DioProperty properties[] = {
  DIO_VIRTIO_PROPERTIES,
  { 0 },
};

const DioDeviceType dio_virtio_scsi_type = {
  .id = "virtio-scsi",
  .title = N_ ("CD-ROM drives (virtio)"),
  .description = N_ ("Drives for discs, which the guest reaches through SCSI commands."),
  .bus = DIO_BUS_VIRTIO,
  .instance_size = sizeof (DioVirtioScsi),
  .properties = properties,
  .realize = realize,
  .reset = dio_virtio_device_reset,
  .state = dio_virtio_device_visit,
  .state_version = 1,
  .drain = drain,
  .resume = resume,
  .finalize = finalize,
};
