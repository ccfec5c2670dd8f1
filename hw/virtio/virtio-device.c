/* SPDX-License-Identifier: GPL-3.0-or-later
 * The common part of virtio devices: status, features, life of the queues, saved state.
 *
 * Resets do not wait. A request in flight owns guest memory and a ring entry until its completion;
 * a reset of the device or of a queue marks it as resetting, from then on completions are dropped,
 * and the last one finishes the reset. The driver sees the status (or queue_reset) unchanged until
 * then, as virtio 1.3 sections 4.1.4.3.1 and 2.6.1 provide for. */
#include "hw/virtio/virtio-private.h"

#include "core/vm/vm-machine.h"

/* Bits of the status that a driver may set. */
#define DRIVER_STATUS                                                                              \
  (DIO_VIRTIO_ACKNOWLEDGE | DIO_VIRTIO_DRIVER | DIO_VIRTIO_DRIVER_OK | DIO_VIRTIO_FEATURES_OK      \
   | DIO_VIRTIO_FAILED)

bool
dio_virtio_is_live (DioVirtioDevice *vdev)
{
  return (vdev->status & (DIO_VIRTIO_DRIVER_OK | DIO_VIRTIO_NEEDS_RESET)) == DIO_VIRTIO_DRIVER_OK
         && !vdev->drained && !vdev->resetting && dio_pci_is_bus_master (&vdev->pci);
}

/* Runs the work hook for one budget; the loop calls again for the rest, so that other devices of
 * the machine get their turn. Loop thread. */
static void
work_cb (void *data)
{
  DioVirtioQueue *queue = data;
  DioVirtioDevice *vdev = queue->vdev;
  DioDevice *dev = &vdev->pci.dev;

  pthread_mutex_lock (&dev->lock);
  if (dio_virtio_is_live (vdev) && queue->ring.enabled && !queue->resetting) {
    queue->ring.budget = DIO_VIRTQ_BUDGET;
    queue->ring.budget_exhausted = false;
    vdev->type->work (vdev, queue->index);
    dio_virtio_queue_flush (vdev, queue->index);
    queue->ring.budget = 0;
    if (queue->ring.budget_exhausted)
      dio_notifier_signal (queue->notifier);
  }
  pthread_mutex_unlock (&dev->lock);
}

void
dio_virtio_device_realize (DioVirtioDevice *vdev, const DioVirtioType *type, uint64_t features)
{
  DioMachine *machine = vdev->pci.dev.machine;

  g_assert (type->n_queues <= DIO_VIRTIO_MAX_QUEUES);
  g_assert (type->config_size <= DIO_VIRTIO_MAX_CONFIG);

  vdev->type = type;
  vdev->offered = features | DIO_VIRTIO_F_VERSION_1 | DIO_VIRTIO_F_INDIRECT_DESC
                  | DIO_VIRTIO_F_EVENT_IDX | DIO_VIRTIO_F_RING_RESET
                  | (vdev->packed ? DIO_VIRTIO_F_RING_PACKED : 0);
  for (unsigned i = 0; i < type->n_queues; i++) {
    DioVirtioQueue *queue = &vdev->queues[i];

    queue->vdev = vdev;
    queue->index = i;
    queue->msix_vector = DIO_VIRTIO_NO_VECTOR;
    dio_virtqueue_init (&queue->ring, machine->space);
    queue->ring.size = type->queue_size[i];
    queue->notifier = dio_notifier_new (machine->loop, work_cb, queue);
  }
  dio_virtio_pci_realize (vdev);
}

void
dio_virtio_device_finalize (DioDevice *dev)
{
  DioVirtioDevice *vdev = (DioVirtioDevice *) dev;

  dio_pci_device_finalize (&vdev->pci);
  if (!vdev->type)
    return; /* never realized */
  for (unsigned i = 0; i < vdev->type->n_queues; i++) {
    g_clear_pointer (&vdev->queues[i].notifier, dio_notifier_free);
    dio_virtqueue_clear (&vdev->queues[i].ring);
  }
  dio_virtio_pci_finalize (vdev);
}

static void
queue_to_cold (DioVirtioDevice *vdev, DioVirtioQueue *queue)
{
  dio_virtqueue_reset (&queue->ring);
  queue->ring.size = vdev->type->queue_size[queue->index];
  queue->msix_vector = DIO_VIRTIO_NO_VECTOR;
  queue->resetting = false;
}

/* Finishes the device's reset when nothing is in flight any more. */
static void
try_finish_reset (DioVirtioDevice *vdev)
{
  for (unsigned i = 0; i < vdev->type->n_queues; i++)
    if (vdev->queues[i].ring.in_flight)
      return;
  for (unsigned i = 0; i < vdev->type->n_queues; i++)
    queue_to_cold (vdev, &vdev->queues[i]);
  vdev->status = 0;
  vdev->negotiated = 0;
  vdev->resetting = false;
  if (vdev->type->reset)
    vdev->type->reset (vdev);
  dio_virtio_pci_reset (vdev);
}

static void
begin_reset (DioVirtioDevice *vdev)
{
  vdev->resetting = true;
  try_finish_reset (vdev);
}

void
dio_virtio_device_reset (DioDevice *dev)
{
  DioVirtioDevice *vdev = (DioVirtioDevice *) dev;

  begin_reset (vdev);
  dio_pci_device_reset (&vdev->pci);
}

void
dio_virtio_device_break (DioVirtioDevice *vdev, const char *reason)
{
  dio_device_guest_error (&vdev->pci.dev, "%s; the device waits for a reset", reason);
  if (vdev->status & DIO_VIRTIO_NEEDS_RESET)
    return;
  vdev->status |= DIO_VIRTIO_NEEDS_RESET;
  if (vdev->status & DIO_VIRTIO_DRIVER_OK)
    dio_virtio_pci_interrupt (vdev, vdev->config_vector, DIO_VIRTIO_ISR_CONFIG);
}

static void
kick_all (DioVirtioDevice *vdev)
{
  for (unsigned i = 0; i < vdev->type->n_queues; i++)
    dio_notifier_signal (vdev->queues[i].notifier);
}

static bool
features_are_good (const DioVirtioDevice *vdev)
{
  return (vdev->negotiated & ~vdev->offered) == 0 && dio_virtio_has (vdev, DIO_VIRTIO_F_VERSION_1);
}

void
dio_virtio_set_status (DioVirtioDevice *vdev, uint8_t value)
{
  uint8_t set;

  if (vdev->resetting)
    return;
  if (value == 0) {
    begin_reset (vdev);
    return;
  }

  set = value & DRIVER_STATUS & ~vdev->status; /* bits are only ever added */
  if ((set & DIO_VIRTIO_FEATURES_OK) && !features_are_good (vdev)) {
    dio_device_guest_error (&vdev->pci.dev, "refused features 0x%" G_GINT64_MODIFIER "x",
                            vdev->negotiated);
    set &= ~DIO_VIRTIO_FEATURES_OK;
  }
  vdev->status |= set & ~DIO_VIRTIO_DRIVER_OK;
  if ((set & DIO_VIRTIO_DRIVER_OK) && (vdev->status & DIO_VIRTIO_FEATURES_OK)) {
    vdev->status |= DIO_VIRTIO_DRIVER_OK;
    if (vdev->type->started)
      vdev->type->started (vdev);
    kick_all (vdev);
  }
}

void
dio_virtio_set_features (DioVirtioDevice *vdev, unsigned word, uint32_t value)
{
  uint64_t mask = UINT64_C (0xffffffff) << (32 * word);

  if (vdev->resetting || (vdev->status & DIO_VIRTIO_FEATURES_OK))
    return;
  vdev->negotiated = (vdev->negotiated & ~mask) | (uint64_t) value << (32 * word);
}

void
dio_virtio_set_queue_size (DioVirtioDevice *vdev, DioVirtioQueue *queue, uint16_t size)
{
  if (vdev->resetting || queue->resetting || queue->ring.enabled)
    return;
  if (size == 0 || size > vdev->type->queue_size[queue->index]) {
    dio_device_guest_error (&vdev->pci.dev, "queue %u cannot have size %u", queue->index, size);
    return;
  }
  queue->ring.size = size;
}

void
dio_virtio_enable_queue (DioVirtioDevice *vdev, DioVirtioQueue *queue)
{
  if (vdev->resetting || queue->resetting || queue->ring.enabled
      || !(vdev->status & DIO_VIRTIO_FEATURES_OK))
    return;
  if (!dio_virtqueue_enable (&queue->ring, vdev->negotiated)) {
    dio_virtio_device_break (vdev, queue->ring.error);
    return;
  }
  dio_notifier_signal (queue->notifier);
}

static void
try_finish_queue_reset (DioVirtioDevice *vdev, DioVirtioQueue *queue)
{
  if (queue->ring.in_flight == 0)
    queue_to_cold (vdev, queue);
}

void
dio_virtio_reset_queue (DioVirtioDevice *vdev, DioVirtioQueue *queue)
{
  if (vdev->resetting || !dio_virtio_has (vdev, DIO_VIRTIO_F_RING_RESET))
    return;
  queue->resetting = true;
  try_finish_queue_reset (vdev, queue);
}

void
dio_virtio_queue_kick (DioVirtioDevice *vdev, unsigned index)
{
  dio_notifier_signal (vdev->queues[index].notifier);
}

DioVirtElement *
dio_virtio_queue_pop (DioVirtioDevice *vdev, unsigned index)
{
  DioVirtQueue *ring = &vdev->queues[index].ring;
  DioVirtElement *element = dio_virtio_is_live (vdev) ? dio_virtqueue_pop (ring) : NULL;

  if (!element && ring->error)
    dio_virtio_device_break (vdev, ring->error);
  return element;
}

void
dio_virtio_queue_push (DioVirtioDevice *vdev, unsigned index, DioVirtElement *element,
                       uint64_t written)
{
  DioVirtioQueue *queue = &vdev->queues[index];

  if (vdev->resetting) {
    dio_virtqueue_drop (&queue->ring, element);
    try_finish_reset (vdev);
  } else if (queue->resetting) {
    dio_virtqueue_drop (&queue->ring, element);
    try_finish_queue_reset (vdev, queue);
  } else {
    dio_virtqueue_push (&queue->ring, element, written);
  }
}

void
dio_virtio_queue_flush (DioVirtioDevice *vdev, unsigned index)
{
  DioVirtioQueue *queue = &vdev->queues[index];

  if (dio_virtqueue_take_interrupt (&queue->ring))
    dio_virtio_pci_interrupt (vdev, queue->msix_vector, DIO_VIRTIO_ISR_QUEUE);
}

void
dio_virtio_config_changed (DioVirtioDevice *vdev)
{
  vdev->config_generation++;
  if (vdev->status & DIO_VIRTIO_DRIVER_OK)
    dio_virtio_pci_interrupt (vdev, vdev->config_vector, DIO_VIRTIO_ISR_CONFIG);
}

void
dio_virtio_device_drain (DioDevice *dev)
{
  DioVirtioDevice *vdev = (DioVirtioDevice *) dev;

  pthread_mutex_lock (&dev->lock);
  vdev->drained = true;
  pthread_mutex_unlock (&dev->lock);
}

void
dio_virtio_device_resume (DioDevice *dev)
{
  DioVirtioDevice *vdev = (DioVirtioDevice *) dev;

  pthread_mutex_lock (&dev->lock);
  vdev->drained = false;
  kick_all (vdev);
  pthread_mutex_unlock (&dev->lock);
}

void
dio_virtio_device_visit (DioDevice *dev, DioVisitor *visitor)
{
  DioVirtioDevice *vdev = (DioVirtioDevice *) dev;
  bool loading = dio_visitor_is_loading (visitor);

  dio_virtio_pci_visit (vdev, visitor);
  dio_visit_u8 (visitor, "status", &vdev->status);
  dio_visit_u64 (visitor, "features", &vdev->negotiated);
  dio_visit_u8 (visitor, "generation", &vdev->config_generation);
  if (loading && !dio_visitor_failed (visitor)) {
    bool ok = vdev->status & DIO_VIRTIO_FEATURES_OK;

    if ((ok && !features_are_good (vdev)) || (!ok && (vdev->status & DIO_VIRTIO_DRIVER_OK)))
      dio_visitor_fail (visitor, "the features or the status of %s are impossible", dev->name);
  }
  for (unsigned i = 0; i < vdev->type->n_queues; i++) {
    DioVirtioQueue *queue = &vdev->queues[i];

    dio_virtqueue_visit (&queue->ring, visitor, vdev->negotiated);
    if (loading && !dio_visitor_failed (visitor)
        && (queue->ring.size == 0 || queue->ring.size > vdev->type->queue_size[i]))
      dio_visitor_fail (visitor, "a queue of %s has an impossible size", dev->name);
  }
  if (vdev->type->visit)
    vdev->type->visit (vdev, visitor);

  /* What was refused must not run: a failed load leaves a device that its driver has to reset. */
  if (loading && dio_visitor_failed (visitor)) {
    vdev->resetting = true;
    try_finish_reset (vdev);
  }
}
