/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes the device side of a virtqueue: the input is the guest's memory and a program of pops,
 * pushes and changes of that memory. Whatever it holds, buffers lie in RAM, and what is in flight
 * never exceeds the ring. */
#include <stdlib.h>
#include <string.h>

#include "hw/virtio/virtio-queue.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define BASE UINT64_C (0x10000)
#define WINDOW 0x4000 /* addresses in the input reach a little beyond it */
#define HELD 64

typedef struct {
  const uint8_t *next;
  size_t left;
} Input;

static unsigned
take (Input *input, unsigned bytes)
{
  unsigned value = 0;

  for (unsigned i = 0; i < bytes && input->left; i++, input->left--)
    value |= (unsigned) *input->next++ << (8 * i);
  return value;
}

static void
check (DioRam *ram, const DioVirtElement *element)
{
  uint64_t sum = 0;

  for (unsigned i = 0; i < element->n_out + element->n_in; i++) {
    const uint8_t *at = element->out[i].iov_base;

    if (at < ram->host || element->out[i].iov_len > ram->size
        || at + element->out[i].iov_len > ram->host + ram->size || !element->out[i].iov_len)
      abort ();
    sum += element->out[i].iov_len;
  }
  if (sum != element->out_size + element->in_size || sum > DIO_VIRTQ_MAX_BYTES)
    abort ();
}

static bool
enable (DioVirtQueue *queue, Input *input, uint64_t features)
{
  queue->size = take (input, 2) % (DIO_VIRTQ_MAX_SIZE + 2);
  queue->desc = BASE + (take (input, 2) & 0x3ff0);
  queue->driver = BASE + (take (input, 2) & 0x3ffe);
  queue->device = BASE + (take (input, 2) & 0x3ffc);
  return dio_virtqueue_enable (queue, features);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static DioRam *ram;
  static DioSpace *space;
  Input input = { data, size };
  DioVirtElement *held[HELD];
  unsigned n_held = 0, mode = take (&input, 1);
  uint64_t features = DIO_VIRTIO_F_VERSION_1 | (mode & 1 ? DIO_VIRTIO_F_RING_PACKED : 0)
                      | (mode & 2 ? DIO_VIRTIO_F_EVENT_IDX : 0)
                      | (mode & 4 ? 0 : DIO_VIRTIO_F_INDIRECT_DESC);
  DioVirtQueue queue;

  if (!ram) {
    ram = dio_ram_new (2 << 20, "fuzz", NULL);
    space = dio_space_new ();
    dio_space_map_ram (space, BASE, ram, 0, WINDOW, false);
    dio_space_map_ram (space, BASE + WINDOW, ram, 0x8000, WINDOW / 4, false); /* another run */
  }
  memset (ram->host, 0, 0x10000);
  dio_virtqueue_init (&queue, space);
  enable (&queue, &input, features);
  for (unsigned steps = 0; input.left && steps < 2000; steps++) {
    DioVirtElement *element;
    unsigned op = take (&input, 1);

    switch (op & 7) {
    case 0: { /* the guest writes */
      unsigned at = take (&input, 2) % (WINDOW - 256), n = take (&input, 1);

      for (unsigned i = 0; i < n; i++)
        ram->host[at + i] = (uint8_t) take (&input, 1);
      break;
    }
    case 1: { /* a descriptor */
      unsigned at = (unsigned) (queue.desc - BASE) + 16 * (take (&input, 1) & 63);
      uint64_t gpa = BASE + take (&input, 2);
      uint32_t length = take (&input, 2), tail = take (&input, 4);

      memcpy (ram->host + at % WINDOW, &gpa, 8);
      memcpy (ram->host + (at + 8) % WINDOW, &length, 4);
      memcpy (ram->host + (at + 12) % WINDOW, &tail, 4);
      break;
    }
    case 2:
    case 3:
      queue.budget = 1 + (op >> 3);
      element = dio_virtqueue_pop (&queue);
      if (!element)
        break;
      check (ram, element);
      if (queue.in_flight > queue.size)
        abort ();
      if (n_held < HELD)
        held[n_held++] = element;
      else
        dio_virtqueue_push (&queue, element, UINT64_MAX);
      break;
    case 4:
      if (n_held) {
        unsigned which = (op >> 3) % n_held;

        element = held[which];
        held[which] = held[--n_held];
        dio_virt_element_write (element, take (&input, 2), data, size);
        dio_virtqueue_push (&queue, element, take (&input, 2));
      }
      break;
    case 5:
      dio_virtqueue_take_interrupt (&queue);
      break;
    case 6: /* the queue is reset, with what is in flight dropped */
      while (n_held)
        dio_virtqueue_drop (&queue, held[--n_held]);
      dio_virtqueue_reset (&queue);
      enable (&queue, &input, features);
      break;
    default:
      if (!n_held) {
        DioVisitor *visitor = dio_visitor_new_save ();
        GBytes *bytes;

        dio_virtqueue_visit (&queue, visitor, features);
        bytes = dio_visitor_finish_save (visitor);
        visitor = dio_visitor_new_load (bytes);
        dio_virtqueue_visit (&queue, visitor, features);
        if (!dio_visitor_finish_load (visitor, NULL))
          abort ();
        g_bytes_unref (bytes);
      }
      break;
    }
  }
  while (n_held)
    dio_virtqueue_drop (&queue, held[--n_held]);
  dio_virtqueue_clear (&queue);
  return 0;
}
