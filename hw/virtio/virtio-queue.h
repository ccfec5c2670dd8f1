/* SPDX-License-Identifier: GPL-3.0-or-later
 * Virtqueues, device side: split and packed rings, indirect descriptors, event index.
 *
 * A queue knows only guest memory. Everything the guest wrote is fetched once into host memory and
 * checked there: the guest may change it at any moment. What the driver must not do (loops, wild
 * addresses, bad order, too many chains in flight) breaks the queue: dio_virtqueue_pop() returns
 * NULL from then on and .error says why; the owner then tells the driver DEVICE_NEEDS_RESET.
 * The owner serialises all calls (the device lock). */
#pragma once

#include <sys/uio.h>

#include "core/mem/mem-space.h"
#include "core/state/state-visitor.h"

/* Caps on what a guest can make the host allocate or walk. */
#define DIO_VIRTQ_MAX_SIZE 1024     /* descriptors of a ring */
#define DIO_VIRTQ_MAX_SEGMENTS 1024 /* of one chain, after splitting at ends of RAM (IOV_MAX) */
#define DIO_VIRTQ_MAX_BYTES (UINT64_C (256) << 20) /* of one chain */
#define DIO_VIRTQ_BUDGET 256                       /* chains per run of a queue's handler */

/* Feature bits of the ring (virtio 1.3 section 6). */
#define DIO_VIRTIO_F_INDIRECT_DESC (UINT64_C (1) << 28)
#define DIO_VIRTIO_F_EVENT_IDX (UINT64_C (1) << 29)
#define DIO_VIRTIO_F_VERSION_1 (UINT64_C (1) << 32)
#define DIO_VIRTIO_F_RING_PACKED (UINT64_C (1) << 34)
#define DIO_VIRTIO_F_RING_RESET (UINT64_C (1) << 40)

typedef struct DioVirtQueue DioVirtQueue;

/* A chain of buffers that the driver made available: first what the device reads, then what it
 * writes. The host pointers stay valid as long as the machine lives. */
typedef struct {
  uint16_t id;    /* split: index of the head; packed: buffer id */
  uint16_t slots; /* ring entries it occupies (packed) */
  unsigned n_out, n_in;
  uint64_t out_size, in_size;
  struct iovec *out; /* readable by the device */
  struct iovec *in;  /* writable by the device */
  DioGpa *in_gpa;    /* where in[i] is in the guest */
} DioVirtElement;

struct DioVirtQueue {
  DioSpace *space;

  /* What the driver configured. */
  uint16_t size;
  DioGpa desc, driver, device;
  bool enabled;

  /* Negotiated; fixed while enabled. */
  bool packed, indirect, event_idx;

  /* The rings in host memory. */
  uint8_t *desc_ring;   /* split: descriptor table; packed: descriptor ring */
  uint8_t *driver_area; /* split: available ring; packed: driver event suppression */
  uint8_t *device_area; /* split: used ring; packed: device event suppression */

  uint16_t last_avail; /* split: free-running; packed: position */
  uint16_t used;       /* split: free-running; packed: position */
  bool avail_wrap, used_wrap;
  uint32_t in_flight;        /* ring entries popped and not pushed */
  uint16_t pushed;           /* used entries since the driver was last interrupted */
  bool notify_armed;         /* the driver was asked to notify us */
  unsigned budget;           /* chains that may still be popped in this run */
  bool budget_exhausted;     /* pop() stopped because of it */
  const char *error;         /* static string; the queue is broken */
  struct iovec *scratch;     /* DIO_VIRTQ_MAX_SEGMENTS */
  DioGpa *scratch_gpa;       /* the same */
  uint8_t *scratch_indirect; /* a whole indirect table */
};

/* A disabled queue on @space. */
void dio_virtqueue_init (DioVirtQueue *queue, DioSpace *space);
void dio_virtqueue_clear (DioVirtQueue *queue);

/* Forgets everything the driver set up. Nothing may be in flight. */
void dio_virtqueue_reset (DioVirtQueue *queue);

/* Starts the queue with .size, .desc, .driver, .device and the negotiated @features; false (and
 * .error) when the size or an address is impossible. */
bool dio_virtqueue_enable (DioVirtQueue *queue, uint64_t features);

/* The next available chain, or NULL: the ring is empty (then the driver has been asked to notify),
 * the budget is used up, or the queue is broken. To be pushed or dropped. */
DioVirtElement *dio_virtqueue_pop (DioVirtQueue *queue);

/* True when pop() would have something to do; asks for no notification. */
bool dio_virtqueue_has_work (DioVirtQueue *queue);

/* Puts the chain popped last back, as if it had not been popped; frees @element. */
void dio_virtqueue_unpop (DioVirtQueue *queue, DioVirtElement *element);

/* Gives @element back to the driver, the first @written bytes of its .in filled, and frees it. */
void dio_virtqueue_push (DioVirtQueue *queue, DioVirtElement *element, uint64_t written);

/* Frees @element without telling the driver: the queue is being reset. */
void dio_virtqueue_drop (DioVirtQueue *queue, DioVirtElement *element);

/* True when the driver wants an interrupt for what was pushed since the last call. */
bool dio_virtqueue_take_interrupt (DioVirtQueue *queue);

/* Saves or loads the ring's position; @features as negotiated. Nothing may be in flight. */
void dio_virtqueue_visit (DioVirtQueue *queue, DioVisitor *visitor, uint64_t features);

/* Copy bytes from the readable, to the writable part, from @offset on; return how many there were.
 */
size_t dio_virt_element_read (const DioVirtElement *element, uint64_t offset, void *data,
                              size_t size);
size_t dio_virt_element_write (DioVirtElement *element, uint64_t offset, const void *data,
                               size_t size);

/* Puts the @length bytes behind the first @skip of the @n buffers @iov into @part, which has room
 * for as many; returns how many buffers these are. */
unsigned dio_virt_cut (const struct iovec *iov, unsigned n, uint64_t skip, uint64_t length,
                       struct iovec *part);
