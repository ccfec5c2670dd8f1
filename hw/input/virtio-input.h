/* SPDX-License-Identifier: GPL-3.0-or-later
 * What virtio input devices share: description, backlog and event queue (virtio 1.3 section 5.8).
 *
 * Events come from any thread and wait in a backlog until the guest gives buffers. The backlog is
 * bounded: for every key that it presses it keeps room for the release, so presses and motion may
 * be dropped but a release never is, and a release whose press was dropped is dropped too. */
#pragma once

#include <linux/input.h>

#include "core/backend/backend-input.h"
#include "hw/virtio/virtio-device.h"

#define DIO_VIRTIO_INPUT_BACKLOG 1024 /* events; a power of two */
#define DIO_VIRTIO_INPUT_CODES 0x300  /* KEY_CNT */

/* An event as the guest sees it, in host endianness. */
typedef struct {
  uint16_t type, code;
  uint32_t value;
} DioVirtioInputEvent;

/* What a kind of input device is. Static const. */
typedef struct {
  const char *name;
  uint16_t product;
  unsigned wants; /* DIO_INPUT_WANTS_* */
  /* The bits of event type @type that the device has, and their count in bytes; 0: not this type.
   */
  unsigned (*bits) (uint8_t type, uint8_t bitmap[128]);
  bool absolute; /* has ABS_X and ABS_Y */
  /* The driver sent an event (lights). Lock held; may be NULL. */
  void (*status) (DioVirtioDevice *vdev, const DioVirtioInputEvent *event);
} DioVirtioInputKind;

/* Head of every virtio input device's instance struct. */
typedef struct {
  DioVirtioDevice vdev;
  const DioVirtioInputKind *kind;
  unsigned sink; /* id in the machine's DioInput */
  bool has_sink;

  pthread_mutex_t backlog_lock; /* leaf; guards what follows */
  DioVirtioInputEvent backlog[DIO_VIRTIO_INPUT_BACKLOG];
  uint32_t head, tail;                       /* free-running */
  uint32_t n_down;                           /* keys down at the end of the backlog */
  uint8_t down[DIO_VIRTIO_INPUT_CODES / 8];  /* they */
  uint8_t given[DIO_VIRTIO_INPUT_CODES / 8]; /* keys down in what the guest has got */
  bool position_owed;                        /* motion was dropped; the last place is: */
  uint32_t x, y;
} DioVirtioInput;

/* Parts of the device type. */
bool dio_virtio_input_realize (DioVirtioInput *input, const DioVirtioInputKind *kind);
void dio_virtio_input_finalize (DioDevice *dev);

/* Queues events as if they came from a person. Any thread; never blocks. */
void dio_virtio_input_events (DioVirtioInput *input, const DioInputEvent *events, size_t count);

/* Sets bit @code. */
static inline void
dio_virtio_input_set_bit (uint8_t bitmap[128], unsigned code)
{
  bitmap[code / 8] |= 1 << code % 8;
}
