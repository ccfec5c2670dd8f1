/* SPDX-License-Identifier: GPL-3.0-or-later
 * The PCI transport of virtio devices, modern only (virtio 1.3 section 4.1).
 *
 * BAR 0 holds one page each for the common configuration, interrupt status, device configuration
 * and notifications; BAR 1 the MSI-X tables. The region locks for itself, so that a notification
 * takes no lock and an interrupt acknowledgement never waits for a queue being worked. */
#include <string.h>

#include "hw/virtio/virtio-private.h"

enum {
  CAP_COMMON = 1,
  CAP_NOTIFY = 2,
  CAP_ISR = 3,
  CAP_DEVICE = 4,
  CAP_PCI = 5,
};

enum {
  AREA_COMMON = 0x0000,
  AREA_ISR = 0x1000,
  AREA_DEVICE = 0x2000,
  AREA_NOTIFY = 0x3000,
  AREA_SIZE = 0x1000,
  BAR_SIZE = 0x4000,
};

#define NOTIFY_MULTIPLIER 4

/* The common configuration as laid out for the driver. */
typedef struct __attribute__ ((packed)) {
  uint32_t device_feature_select;
  uint32_t device_feature;
  uint32_t driver_feature_select;
  uint32_t driver_feature;
  uint16_t config_msix_vector;
  uint16_t num_queues;
  uint8_t device_status;
  uint8_t config_generation;
  uint16_t queue_select;
  uint16_t queue_size;
  uint16_t queue_msix_vector;
  uint16_t queue_enable;
  uint16_t queue_notify_off;
  uint64_t queue_desc;
  uint64_t queue_driver;
  uint64_t queue_device;
  uint16_t queue_notif_config_data;
  uint16_t queue_reset;
} CommonConfig;

G_STATIC_ASSERT (sizeof (CommonConfig) == 60);

static unsigned
n_vectors (const DioVirtioDevice *vdev)
{
  return vdev->type->n_queues + 1;
}

/* The queue the driver selected, or NULL. */
static DioVirtioQueue *
selected (DioVirtioDevice *vdev)
{
  return vdev->queue_select < vdev->type->n_queues ? &vdev->queues[vdev->queue_select] : NULL;
}

static uint32_t
feature_word (uint64_t features, uint32_t select)
{
  return select < 2 ? (uint32_t) (features >> (32 * select)) : 0;
}

static uint32_t
common_read (DioVirtioDevice *vdev, unsigned offset, unsigned size)
{
  DioVirtioQueue *queue = selected (vdev);
  uint32_t value = 0;
  CommonConfig config = {
    .device_feature_select = GUINT32_TO_LE (vdev->device_feature_select),
    .device_feature = GUINT32_TO_LE (feature_word (vdev->offered, vdev->device_feature_select)),
    .driver_feature_select = GUINT32_TO_LE (vdev->driver_feature_select),
    .driver_feature = GUINT32_TO_LE (feature_word (vdev->negotiated, vdev->driver_feature_select)),
    .config_msix_vector = GUINT16_TO_LE (vdev->config_vector),
    .num_queues = GUINT16_TO_LE (vdev->type->n_queues),
    .device_status = vdev->status,
    .config_generation = vdev->config_generation,
    .queue_select = GUINT16_TO_LE (vdev->queue_select),
  };

  if (queue) {
    config.queue_size = GUINT16_TO_LE (queue->ring.size);
    config.queue_msix_vector = GUINT16_TO_LE (queue->msix_vector);
    config.queue_enable = GUINT16_TO_LE (queue->ring.enabled && !queue->resetting);
    config.queue_notify_off = GUINT16_TO_LE (queue->index);
    config.queue_desc = GUINT64_TO_LE (queue->ring.desc);
    config.queue_driver = GUINT64_TO_LE (queue->ring.driver);
    config.queue_device = GUINT64_TO_LE (queue->ring.device);
    config.queue_notif_config_data = GUINT16_TO_LE (queue->index);
    config.queue_reset = GUINT16_TO_LE (queue->resetting);
  }
  if (offset + size <= sizeof config)
    memcpy (&value, (const uint8_t *) &config + offset, size);
  return GUINT32_FROM_LE (value);
}

/* The driver's choice of a vector, NO_VECTOR when there is no such one. */
static uint16_t
checked_vector (const DioVirtioDevice *vdev, uint32_t value)
{
  return value < n_vectors (vdev) ? value : DIO_VIRTIO_NO_VECTOR;
}

static void
set_half (DioGpa *address, bool high, uint32_t value)
{
  *address = high ? (*address & 0xffffffff) | (uint64_t) value << 32
                  : (*address & ~UINT64_C (0xffffffff)) | value;
}

static void
queue_write (DioVirtioDevice *vdev, DioVirtioQueue *queue, unsigned offset, uint32_t value)
{
  bool high = offset & 4;

  switch (offset) {
  case offsetof (CommonConfig, queue_size):
    dio_virtio_set_queue_size (vdev, queue, value);
    return;
  case offsetof (CommonConfig, queue_msix_vector):
    queue->msix_vector = checked_vector (vdev, value);
    return;
  case offsetof (CommonConfig, queue_enable):
    if (value == 1)
      dio_virtio_enable_queue (vdev, queue);
    return;
  case offsetof (CommonConfig, queue_reset):
    if (value == 1)
      dio_virtio_reset_queue (vdev, queue);
    return;
  default:
    break;
  }

  if (queue->ring.enabled || queue->resetting)
    return;
  switch (offset & ~4u) {
  case offsetof (CommonConfig, queue_desc):
    set_half (&queue->ring.desc, high, value);
    break;
  case offsetof (CommonConfig, queue_driver):
    set_half (&queue->ring.driver, high, value);
    break;
  case offsetof (CommonConfig, queue_device):
    set_half (&queue->ring.device, high, value);
    break;
  default:
    break;
  }
}

/* The natural width of the writable field at @offset, 0 when there is none. 64-bit fields are
 * written in halves. */
static unsigned
field_width (unsigned offset)
{
  switch (offset) {
  case offsetof (CommonConfig, device_feature_select):
  case offsetof (CommonConfig, driver_feature_select):
  case offsetof (CommonConfig, driver_feature):
  case offsetof (CommonConfig, queue_desc):
  case offsetof (CommonConfig, queue_desc) + 4:
  case offsetof (CommonConfig, queue_driver):
  case offsetof (CommonConfig, queue_driver) + 4:
  case offsetof (CommonConfig, queue_device):
  case offsetof (CommonConfig, queue_device) + 4:
    return 4;
  case offsetof (CommonConfig, config_msix_vector):
  case offsetof (CommonConfig, queue_select):
  case offsetof (CommonConfig, queue_size):
  case offsetof (CommonConfig, queue_msix_vector):
  case offsetof (CommonConfig, queue_enable):
  case offsetof (CommonConfig, queue_reset):
    return 2;
  case offsetof (CommonConfig, device_status):
    return 1;
  default:
    return 0;
  }
}

static void
common_write (DioVirtioDevice *vdev, unsigned offset, unsigned size, uint32_t value)
{
  DioVirtioQueue *queue = selected (vdev);

  if (field_width (offset) != size) {
    dio_device_guest_error (&vdev->pci.dev, "no register for %u bytes at 0x%x", size, offset);
    return;
  }
  if (vdev->resetting)
    return;

  switch (offset) {
  case offsetof (CommonConfig, device_feature_select):
    vdev->device_feature_select = value;
    break;
  case offsetof (CommonConfig, driver_feature_select):
    vdev->driver_feature_select = value;
    break;
  case offsetof (CommonConfig, driver_feature):
    if (vdev->driver_feature_select < 2)
      dio_virtio_set_features (vdev, vdev->driver_feature_select, value);
    break;
  case offsetof (CommonConfig, config_msix_vector):
    vdev->config_vector = checked_vector (vdev, value);
    break;
  case offsetof (CommonConfig, device_status):
    dio_virtio_set_status (vdev, value);
    break;
  case offsetof (CommonConfig, queue_select):
    vdev->queue_select = value;
    break;
  default:
    if (queue)
      queue_write (vdev, queue, offset, value);
    break;
  }
}

static uint32_t
isr_read (DioVirtioDevice *vdev)
{
  uint8_t isr;

  pthread_mutex_lock (&vdev->isr_lock);
  isr = vdev->isr;
  vdev->isr = 0;
  if (isr)
    dio_pci_set_intx (&vdev->pci, false);
  pthread_mutex_unlock (&vdev->isr_lock);
  return isr;
}

static uint32_t
config_read (DioVirtioDevice *vdev, unsigned offset, unsigned size)
{
  uint32_t value = 0;

  if (offset + size <= vdev->type->config_size)
    memcpy (&value, vdev->config + offset, size);
  return GUINT32_FROM_LE (value);
}

static uint64_t
region_read (void *opaque, uint64_t offset, unsigned size)
{
  DioVirtioDevice *vdev = opaque;
  unsigned area = offset & ~(uint64_t) (AREA_SIZE - 1), within = offset & (AREA_SIZE - 1);
  uint32_t value = 0;

  if (area == AREA_ISR)
    return within == 0 ? isr_read (vdev) : 0;
  pthread_mutex_lock (&vdev->pci.dev.lock);
  if (area == AREA_COMMON)
    value = common_read (vdev, within, size);
  else if (area == AREA_DEVICE)
    value = config_read (vdev, within, size);
  pthread_mutex_unlock (&vdev->pci.dev.lock);
  return value;
}

static void
region_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  DioVirtioDevice *vdev = opaque;
  unsigned area = offset & ~(uint64_t) (AREA_SIZE - 1), within = offset & (AREA_SIZE - 1);

  if (area == AREA_NOTIFY) {
    if (within / NOTIFY_MULTIPLIER < vdev->type->n_queues)
      dio_virtio_queue_kick (vdev, within / NOTIFY_MULTIPLIER);
    return;
  }
  pthread_mutex_lock (&vdev->pci.dev.lock);
  if (area == AREA_COMMON)
    common_write (vdev, within, size, value);
  else if (area == AREA_DEVICE && within + size <= vdev->type->config_size
           && vdev->type->config_write && !vdev->resetting)
    vdev->type->config_write (vdev, within, size, value);
  pthread_mutex_unlock (&vdev->pci.dev.lock);
}

static const DioRegionOps region_ops = {
  .read = region_read,
  .write = region_write,
  .min_access = 1,
  .max_access = 4,
  .endian = DIO_ENDIAN_LITTLE,
};

static void
put32 (uint8_t *p, uint32_t value)
{
  value = GUINT32_TO_LE (value);
  memcpy (p, &value, 4);
}

/* Adds a capability that points to an area of BAR 0; @extra, unless 0, follows. */
static uint8_t
add_cap (DioVirtioDevice *vdev, uint8_t type, uint32_t offset, uint32_t length, bool has_extra,
         uint32_t extra)
{
  uint8_t data[18] = { has_extra ? 20 : 16, type };

  put32 (data + 6, offset);
  put32 (data + 10, length);
  put32 (data + 14, extra);
  return dio_pci_add_capability (&vdev->pci, DIO_PCI_CAP_VENDOR, data, has_extra ? 18 : 14);
}

/* The access that the capability for configuration-space access describes; false when the driver
 * left nonsense in it. */
static bool
cfg_access (DioVirtioDevice *vdev, uint32_t *offset, uint32_t *length)
{
  DioPciDevice *pci = &vdev->pci;
  unsigned cap = vdev->cfg_access;

  *offset = dio_pci_config_get (pci, cap + 8, 4);
  *length = dio_pci_config_get (pci, cap + 12, 4);
  return dio_pci_config_get (pci, cap + 4, 1) == 0 && (*length == 1 || *length == 2 || *length == 4)
         && *offset % *length == 0 && *offset < BAR_SIZE;
}

static bool
touches_cfg_data (DioVirtioDevice *vdev, uint16_t offset, unsigned size)
{
  unsigned data = vdev->cfg_access + 16;

  return offset < data + 4 && offset + size > data;
}

static void
pci_config_read (DioPciDevice *pci, uint16_t at, unsigned size)
{
  DioVirtioDevice *vdev = (DioVirtioDevice *) pci;
  uint32_t offset, length;

  if (touches_cfg_data (vdev, at, size) && cfg_access (vdev, &offset, &length))
    dio_pci_config_put (pci, vdev->cfg_access + 16, region_read (vdev, offset, length), 4);
}

static void
pci_config_written (DioPciDevice *pci, uint16_t at, unsigned size)
{
  DioVirtioDevice *vdev = (DioVirtioDevice *) pci;
  uint32_t offset, length;

  if (touches_cfg_data (vdev, at, size) && cfg_access (vdev, &offset, &length))
    region_write (vdev, offset, dio_pci_config_get (pci, vdev->cfg_access + 16, length), length);
}

void
dio_virtio_pci_interrupt (DioVirtioDevice *vdev, uint16_t vector, unsigned isr_bit)
{
  if (dio_pci_msix_enabled (&vdev->pci)) {
    if (vector != DIO_VIRTIO_NO_VECTOR)
      dio_pci_msix_notify (&vdev->pci, vector);
    return;
  }
  pthread_mutex_lock (&vdev->isr_lock);
  vdev->isr |= isr_bit;
  dio_pci_set_intx (&vdev->pci, true);
  pthread_mutex_unlock (&vdev->isr_lock);
}

void
dio_virtio_pci_realize (DioVirtioDevice *vdev)
{
  DioPciDevice *pci = &vdev->pci;

  pthread_mutex_init (&vdev->isr_lock, NULL);
  vdev->config_vector = DIO_VIRTIO_NO_VECTOR;
  dio_pci_set_ids (pci, 0x1af4, 0x1040 + vdev->type->id, vdev->type->class_code, 1, 0x1af4, 0x1100);

  vdev->region = (DioRegion){
    .name = vdev->pci.dev.name,
    .ops = &region_ops,
    .opaque = vdev,
    .size = BAR_SIZE,
  };
  dio_pci_add_bar (pci, 0, &vdev->region, false, false);
  add_cap (vdev, CAP_COMMON, AREA_COMMON, sizeof (CommonConfig), false, 0);
  add_cap (vdev, CAP_ISR, AREA_ISR, 1, false, 0);
  if (vdev->type->config_size)
    add_cap (vdev, CAP_DEVICE, AREA_DEVICE, vdev->type->config_size, false, 0);
  add_cap (vdev, CAP_NOTIFY, AREA_NOTIFY, vdev->type->n_queues * NOTIFY_MULTIPLIER, true,
           NOTIFY_MULTIPLIER);
  vdev->cfg_access = add_cap (vdev, CAP_PCI, 0, 0, true, 0);
  pci->writable[vdev->cfg_access + 4] = 0xff;
  memset (pci->writable + vdev->cfg_access + 8, 0xff, 12);
  dio_pci_add_msix (pci, 1, n_vectors (vdev));

  pci->config_read = pci_config_read;
  pci->config_written = pci_config_written;
}

void
dio_virtio_pci_finalize (DioVirtioDevice *vdev)
{
  pthread_mutex_destroy (&vdev->isr_lock);
}

void
dio_virtio_pci_reset (DioVirtioDevice *vdev)
{
  vdev->config_vector = DIO_VIRTIO_NO_VECTOR;
  vdev->queue_select = 0;
  vdev->device_feature_select = vdev->driver_feature_select = 0;
  pthread_mutex_lock (&vdev->isr_lock);
  vdev->isr = 0;
  dio_pci_set_intx (&vdev->pci, false);
  pthread_mutex_unlock (&vdev->isr_lock);
}

void
dio_virtio_pci_visit (DioVirtioDevice *vdev, DioVisitor *visitor)
{
  dio_pci_device_visit (&vdev->pci, visitor);
  dio_visit_u16 (visitor, "config-vector", &vdev->config_vector);
  dio_visit_u16 (visitor, "queue-select", &vdev->queue_select);
  dio_visit_u32 (visitor, "device-feature-select", &vdev->device_feature_select);
  dio_visit_u32 (visitor, "driver-feature-select", &vdev->driver_feature_select);
  dio_visit_u8 (visitor, "isr", &vdev->isr);
  for (unsigned i = 0; i < vdev->type->n_queues; i++)
    dio_visit_u16 (visitor, "queue-vector", &vdev->queues[i].msix_vector);
  if (!dio_visitor_is_loading (visitor) || dio_visitor_failed (visitor))
    return;
  vdev->config_vector = checked_vector (vdev, vdev->config_vector);
  for (unsigned i = 0; i < vdev->type->n_queues; i++)
    vdev->queues[i].msix_vector = checked_vector (vdev, vdev->queues[i].msix_vector);
  dio_pci_set_intx (&vdev->pci, vdev->isr != 0);
}
