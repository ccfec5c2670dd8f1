/* SPDX-License-Identifier: GPL-3.0-or-later
 * virtio-rng: entropy from the host's random number generator (virtio 1.3 section 5.4). */
#include <sys/random.h>

#include "core/vm/vm-machine.h"
#include "hw/virtio/virtio-device.h"
#include "hw/virtio/virtio.h"

#define PERIOD_NS INT64_C (100000000)
#define BYTES_PER_PERIOD (64 * 1024)
#define MAX_ANSWER 4096 /* per request; a short answer is legal */

typedef struct {
  DioVirtioDevice vdev;
  DioTimer *timer;
  int64_t period_end; /* virtual time */
  uint32_t left;      /* bytes that may still be given in this period */
} DioVirtioRng;

/* Refills the allowance, or arms the timer that will; false when there is none now. */
static bool
has_allowance (DioVirtioRng *rng)
{
  int64_t now = dio_clock_now (rng->vdev.pci.dev.machine->clock);

  if (now >= rng->period_end || rng->period_end > now + PERIOD_NS) {
    rng->period_end = now + PERIOD_NS;
    rng->left = BYTES_PER_PERIOD;
  }
  if (rng->left > 0)
    return true;
  dio_timer_set (rng->timer, rng->period_end);
  return false;
}

static void
work (DioVirtioDevice *vdev, unsigned index)
{
  DioVirtioRng *rng = (DioVirtioRng *) vdev;
  DioVirtElement *element;

  while (has_allowance (rng) && (element = dio_virtio_queue_pop (vdev, index))) {
    uint8_t bytes[MAX_ANSWER];
    size_t size = MIN (MIN (element->in_size, rng->left), sizeof bytes);
    ssize_t got = size ? getrandom (bytes, size, 0) : 0;

    size = dio_virt_element_write (element, 0, bytes, MAX (got, 0));
    /* A request costs something even when it asks for nothing. */
    rng->left -= MIN (rng->left, MAX (size, 16));
    dio_virtio_queue_push (vdev, index, element, size);
  }
}

static void
timer_cb (void *data)
{
  dio_virtio_queue_kick (data, 0);
}

static const DioVirtioType virtio_type = {
  .id = 4,
  .class_code = 0x00ff00,
  .n_queues = 1,
  .queue_size = { 64 },
  .work = work,
};

static bool
realize (DioDevice *dev, GError **error)
{
  DioVirtioRng *rng = (DioVirtioRng *) dev;

  dio_virtio_device_realize (&rng->vdev, &virtio_type, 0);
  rng->timer = dio_timer_new (dev->machine->loop, dev->machine->clock, timer_cb, rng);
  return true;
}

static void
finalize (DioDevice *dev)
{
  DioVirtioRng *rng = (DioVirtioRng *) dev;

  g_clear_pointer (&rng->timer, dio_timer_free);
  dio_virtio_device_finalize (dev);
}

static const DioProperty properties[] = {
  DIO_VIRTIO_PROPERTIES,
  { 0 },
};

const DioDeviceType dio_virtio_rng_type = {
  .id = "virtio-rng",
  .title = N_ ("Random numbers (virtio)"),
  .description = N_ ("Gives the guest entropy from the host."),
  .bus = DIO_BUS_VIRTIO,
  .instance_size = sizeof (DioVirtioRng),
  .properties = properties,
  .realize = realize,
  .reset = dio_virtio_device_reset,
  .state = dio_virtio_device_visit,
  .state_version = 1,
  .drain = dio_virtio_device_drain,
  .resume = dio_virtio_device_resume,
  .finalize = finalize,
};
