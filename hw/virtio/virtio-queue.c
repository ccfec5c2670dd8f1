/* SPDX-License-Identifier: GPL-3.0-or-later
 * Virtqueues, device side (virtio 1.3 sections 2.7 and 2.8).
 *
 * Memory ordering. The driver runs on other host threads. Its publication (available index; flags
 * of a packed descriptor) is loaded with acquire before anything it covers; ours (used index;
 * flags) is stored with release after it. Suppression is a Dekker pattern: each side stores its own
 * word, fences, and loads the other's. So arm() fences between asking for notifications and looking
 * at the ring again, and dio_virtqueue_take_interrupt() fences between publishing and looking
 * whether the driver wants to know. */
#include "hw/virtio/virtio-queue.h"

#include <glib.h>
#include <string.h>

enum {
  DESC_NEXT = 1 << 0,
  DESC_WRITE = 1 << 1,
  DESC_INDIRECT = 1 << 2,
  DESC_AVAIL = 1 << 7, /* packed */
  DESC_USED = 1 << 15, /* packed */

  SPLIT_USED_NO_NOTIFY = 1,
  SPLIT_AVAIL_NO_INTERRUPT = 1,

  PACKED_EVENT_ENABLE = 0,
  PACKED_EVENT_DISABLE = 1,
  PACKED_EVENT_DESC = 2,
};

#define DESC_SIZE 16

/* A descriptor of either kind after its one fetch. */
typedef struct {
  DioGpa gpa;
  uint32_t length;
  uint16_t flags;
  uint16_t next; /* split */
  uint16_t id;   /* packed */
} Desc;

/* What a chain adds up to while it is parsed into the scratch arrays. */
typedef struct {
  unsigned n_out, n_in;
  uint64_t out_size, in_size;
  bool writable; /* a device-writable descriptor was seen */
} Chain;

static uint16_t
load16 (const uint8_t *p)
{
  return GUINT16_FROM_LE (__atomic_load_n ((const uint16_t *) (const void *) p, __ATOMIC_ACQUIRE));
}

static void
store16 (uint8_t *p, uint16_t value)
{
  __atomic_store_n ((uint16_t *) (void *) p, GUINT16_TO_LE (value), __ATOMIC_RELEASE);
}

static void
store32 (uint8_t *p, uint32_t value)
{
  __atomic_store_n ((uint32_t *) (void *) p, GUINT32_TO_LE (value), __ATOMIC_RELAXED);
}

static bool
fail (DioVirtQueue *queue, const char *error)
{
  if (!queue->error)
    queue->error = error;
  return false;
}

void
dio_virtqueue_init (DioVirtQueue *queue, DioSpace *space)
{
  memset (queue, 0, sizeof *queue);
  queue->space = space;
  queue->scratch = g_new (struct iovec, DIO_VIRTQ_MAX_SEGMENTS);
  queue->scratch_gpa = g_new (DioGpa, DIO_VIRTQ_MAX_SEGMENTS);
  queue->scratch_indirect = g_malloc (DIO_VIRTQ_MAX_SEGMENTS * DESC_SIZE);
}

void
dio_virtqueue_clear (DioVirtQueue *queue)
{
  g_clear_pointer (&queue->scratch, g_free);
  g_clear_pointer (&queue->scratch_gpa, g_free);
  g_clear_pointer (&queue->scratch_indirect, g_free);
}

void
dio_virtqueue_reset (DioVirtQueue *queue)
{
  DioVirtQueue fresh = {
    .space = queue->space,
    .scratch = queue->scratch,
    .scratch_gpa = queue->scratch_gpa,
    .scratch_indirect = queue->scratch_indirect,
  };

  g_assert (queue->in_flight == 0);
  *queue = fresh;
}

static bool
map_area (DioVirtQueue *queue, uint8_t **area, DioGpa gpa, uint64_t length, unsigned alignment,
          bool for_write)
{
  if (gpa % alignment)
    return fail (queue, "a ring is misaligned");
  *area = dio_dma_map (queue->space, gpa, length, for_write);
  return *area ? true : fail (queue, "a ring is not in RAM");
}

bool
dio_virtqueue_enable (DioVirtQueue *queue, uint64_t features)
{
  uint64_t n = queue->size;

  queue->packed = features & DIO_VIRTIO_F_RING_PACKED;
  queue->indirect = features & DIO_VIRTIO_F_INDIRECT_DESC;
  queue->event_idx = features & DIO_VIRTIO_F_EVENT_IDX;

  if (n == 0 || n > DIO_VIRTQ_MAX_SIZE || (!queue->packed && (n & (n - 1))))
    return fail (queue, "a ring has an impossible size");

  if (queue->packed) {
    if (!map_area (queue, &queue->desc_ring, queue->desc, n * DESC_SIZE, 16, true)
        || !map_area (queue, &queue->driver_area, queue->driver, 4, 4, false)
        || !map_area (queue, &queue->device_area, queue->device, 4, 4, true))
      return false;
  } else {
    if (!map_area (queue, &queue->desc_ring, queue->desc, n * DESC_SIZE, 16, false)
        || !map_area (queue, &queue->driver_area, queue->driver, 6 + 2 * n, 2, false)
        || !map_area (queue, &queue->device_area, queue->device, 6 + 8 * n, 4, true))
      return false;
  }

  queue->last_avail = queue->used = queue->pushed = 0;
  queue->avail_wrap = queue->used_wrap = true;
  queue->notify_armed = true; /* the driver starts with zeroed areas */
  queue->enabled = true;
  return true;
}

/* Fetches a descriptor: the only look at these bytes. */
static Desc
fetch (const DioVirtQueue *queue, const uint8_t *table, unsigned index)
{
  uint8_t raw[DESC_SIZE];
  uint64_t gpa;
  uint32_t length;
  uint16_t a, b;

  memcpy (raw, table + (size_t) index * DESC_SIZE, sizeof raw);
  memcpy (&gpa, raw, 8);
  memcpy (&length, raw + 8, 4);
  memcpy (&a, raw + 12, 2);
  memcpy (&b, raw + 14, 2);
  a = GUINT16_FROM_LE (a);
  b = GUINT16_FROM_LE (b);

  return (Desc){
    .gpa = GUINT64_FROM_LE (gpa),
    .length = GUINT32_FROM_LE (length),
    .flags = queue->packed ? b : a,
    .next = queue->packed ? 0 : b,
    .id = queue->packed ? a : 0,
  };
}

/* The longest prefix of [gpa, gpa + length) that is one run of RAM, when the whole is not. */
static uint64_t
run_length (DioVirtQueue *queue, DioGpa gpa, uint64_t length, bool for_write)
{
  uint64_t good = 0, bad = length;

  while (bad - good > 1) {
    uint64_t middle = good + (bad - good) / 2;

    if (dio_dma_map (queue->space, gpa, middle, for_write))
      good = middle;
    else
      bad = middle;
  }
  return good;
}

static bool
chain_add (DioVirtQueue *queue, Chain *chain, const Desc *desc)
{
  bool write = desc->flags & DESC_WRITE;
  uint64_t length = desc->length;
  DioGpa gpa = desc->gpa, end;

  if (chain->writable && !write)
    return fail (queue, "a readable buffer follows a writable one");
  chain->writable |= write;

  if (__builtin_add_overflow (gpa, length, &end))
    return fail (queue, "a buffer wraps around the address space");
  if (chain->out_size + chain->in_size + length > DIO_VIRTQ_MAX_BYTES)
    return fail (queue, "a chain has too many bytes");
  *(write ? &chain->in_size : &chain->out_size) += length;

  while (length) {
    unsigned n = chain->n_out + chain->n_in;
    uint64_t run = length;
    uint8_t *host = dio_dma_map (queue->space, gpa, run, write);

    if (!host) {
      run = run_length (queue, gpa, length, write);
      host = run ? dio_dma_map (queue->space, gpa, run, write) : NULL;
    }
    if (!host)
      return fail (queue, "a buffer is not in RAM");
    if (n == DIO_VIRTQ_MAX_SEGMENTS)
      return fail (queue, "a chain has too many buffers");
    queue->scratch[n] = (struct iovec){ .iov_base = host, .iov_len = run };
    queue->scratch_gpa[n] = gpa;
    (*(write ? &chain->n_in : &chain->n_out))++;
    gpa += run;
    length -= run;
  }
  return true;
}

/* Parses the indirect table that @desc points to. It may be longer than the ring, as Linux makes
 * such tables, but no longer than what the scratch arrays take. */
static bool
chain_add_indirect (DioVirtQueue *queue, Chain *chain, const Desc *desc)
{
  unsigned count = desc->length / DESC_SIZE;
  unsigned index = 0;

  if (!queue->indirect)
    return fail (queue, "an indirect descriptor was not negotiated");
  if (desc->flags & DESC_NEXT)
    return fail (queue, "an indirect descriptor has a successor");
  if (desc->length % DESC_SIZE || count == 0 || count > DIO_VIRTQ_MAX_SEGMENTS)
    return fail (queue, "an indirect table has an impossible size");
  if (!dio_dma_read (queue->space, desc->gpa, queue->scratch_indirect, desc->length))
    return fail (queue, "an indirect table is not in RAM");

  for (unsigned steps = 0; steps < count; steps++) {
    Desc entry = fetch (queue, queue->scratch_indirect, index);

    if (entry.flags & DESC_INDIRECT)
      return fail (queue, "an indirect table holds an indirect descriptor");
    if (!chain_add (queue, chain, &entry))
      return false;
    if (queue->packed) {
      index++;
    } else {
      if (!(entry.flags & DESC_NEXT))
        return true;
      index = entry.next;
      if (index >= count)
        return fail (queue, "an indirect table links outside itself");
    }
  }
  return queue->packed ? true : fail (queue, "an indirect table has a loop");
}

static DioVirtElement *
make_element (DioVirtQueue *queue, const Chain *chain, uint16_t id, uint16_t slots)
{
  size_t n = chain->n_out + chain->n_in;
  DioVirtElement *element =
      g_try_malloc (sizeof *element + n * sizeof (struct iovec) + chain->n_in * sizeof (DioGpa));

  if (!element) {
    fail (queue, "the host has no memory for a chain");
    return NULL;
  }
  *element = (DioVirtElement){
    .id = id,
    .slots = slots,
    .n_out = chain->n_out,
    .n_in = chain->n_in,
    .out_size = chain->out_size,
    .in_size = chain->in_size,
    .out = (struct iovec *) (element + 1),
  };
  element->in = element->out + chain->n_out;
  element->in_gpa = (DioGpa *) (element->out + n);
  memcpy (element->out, queue->scratch, n * sizeof (struct iovec));
  memcpy (element->in_gpa, queue->scratch_gpa + chain->n_out, chain->n_in * sizeof (DioGpa));
  return element;
}

static bool
split_available (DioVirtQueue *queue)
{
  uint16_t count = (uint16_t) (load16 (queue->driver_area + 2) - queue->last_avail);

  if (count > queue->size)
    return fail (queue, "the available index jumped");
  return count > 0;
}

static bool
packed_available (DioVirtQueue *queue)
{
  uint16_t flags = load16 (queue->desc_ring + (size_t) queue->last_avail * DESC_SIZE + 14);

  return !!(flags & DESC_AVAIL) == queue->avail_wrap && !!(flags & DESC_USED) != queue->avail_wrap;
}

static bool
available (DioVirtQueue *queue)
{
  return queue->packed ? packed_available (queue) : split_available (queue);
}

/* Where the used ring's avail_event and the available ring's used_event are. */
static size_t
avail_event_offset (const DioVirtQueue *queue)
{
  return 4 + 8 * (size_t) queue->size;
}

static size_t
used_event_offset (const DioVirtQueue *queue)
{
  return 4 + 2 * (size_t) queue->size;
}

/* Before a write to the area that the driver only reads: the pointer to it is an old one. */
static void
begin_device_write (DioVirtQueue *queue)
{
  uint64_t n = queue->size;
  dio_dma_begin_write (queue->space, queue->device, queue->packed ? 4 : 6 + 8 * n);
}

/* Asks the driver to notify; the caller looks at the ring once more. */
static void
arm (DioVirtQueue *queue)
{
  begin_device_write (queue);
  if (queue->packed) {
    if (queue->event_idx)
      store16 (queue->device_area, queue->last_avail | (uint16_t) (queue->avail_wrap << 15));
    store16 (queue->device_area + 2, queue->event_idx ? PACKED_EVENT_DESC : PACKED_EVENT_ENABLE);
    dio_dma_note_write (queue->space, queue->device, 4);
  } else if (queue->event_idx) {
    store16 (queue->device_area + avail_event_offset (queue), queue->last_avail);
    dio_dma_note_write (queue->space, queue->device + avail_event_offset (queue), 2);
  } else {
    store16 (queue->device_area, 0);
    dio_dma_note_write (queue->space, queue->device, 2);
  }
  queue->notify_armed = true;
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
}

static void
disarm (DioVirtQueue *queue)
{
  if (!queue->notify_armed)
    return;
  queue->notify_armed = false;
  begin_device_write (queue);
  if (queue->packed) {
    store16 (queue->device_area + 2, PACKED_EVENT_DISABLE);
    dio_dma_note_write (queue->space, queue->device, 4);
  } else if (!queue->event_idx) {
    store16 (queue->device_area, SPLIT_USED_NO_NOTIFY);
    dio_dma_note_write (queue->space, queue->device, 2);
  } /* a passed event index is as good as a flag */
}

static DioVirtElement *
split_pop (DioVirtQueue *queue)
{
  unsigned mask = queue->size - 1;
  uint16_t head = load16 (queue->driver_area + 4 + 2 * (size_t) (queue->last_avail & mask));
  unsigned index = head;
  Chain chain = { 0 };
  DioVirtElement *element;

  if (head >= queue->size) {
    fail (queue, "the available ring names no descriptor");
    return NULL;
  }
  if (queue->in_flight >= queue->size) {
    fail (queue, "more chains are in flight than the ring holds");
    return NULL;
  }

  for (unsigned steps = 0;; steps++) {
    Desc desc;

    if (steps == queue->size) {
      fail (queue, "a chain has a loop");
      return NULL;
    }
    desc = fetch (queue, queue->desc_ring, index);
    if (desc.flags & DESC_INDIRECT) {
      if (!chain_add_indirect (queue, &chain, &desc))
        return NULL;
      break;
    }
    if (!chain_add (queue, &chain, &desc))
      return NULL;
    if (!(desc.flags & DESC_NEXT))
      break;
    index = desc.next;
    if (index >= queue->size) {
      fail (queue, "a chain links outside the ring");
      return NULL;
    }
  }

  element = make_element (queue, &chain, head, 1);
  if (element) {
    queue->last_avail++;
    queue->in_flight++;
  }
  return element;
}

static DioVirtElement *
packed_pop (DioVirtQueue *queue)
{
  unsigned position = queue->last_avail;
  bool wrap = queue->avail_wrap;
  uint16_t slots = 0, id;
  Chain chain = { 0 };
  DioVirtElement *element;

  for (;;) {
    Desc desc;

    if (slots >= queue->size - queue->in_flight) {
      fail (queue, "more descriptors are in flight than the ring holds");
      return NULL;
    }
    desc = fetch (queue, queue->desc_ring, position);
    slots++;
    if (++position == queue->size) {
      position = 0;
      wrap = !wrap;
    }
    id = desc.id;
    if (desc.flags & DESC_INDIRECT) {
      if (slots > 1) {
        fail (queue, "an indirect descriptor is part of a chain");
        return NULL;
      }
      if (!chain_add_indirect (queue, &chain, &desc))
        return NULL;
      break;
    }
    if (!chain_add (queue, &chain, &desc))
      return NULL;
    if (!(desc.flags & DESC_NEXT))
      break;
  }

  element = make_element (queue, &chain, id, slots);
  if (element) {
    queue->last_avail = position;
    queue->avail_wrap = wrap;
    queue->in_flight += slots;
  }
  return element;
}

DioVirtElement *
dio_virtqueue_pop (DioVirtQueue *queue)
{
  if (!queue->enabled || queue->error)
    return NULL;
  if (queue->budget == 0) {
    queue->budget_exhausted = true;
    return NULL;
  }
  if (!available (queue)) {
    if (queue->error)
      return NULL;
    arm (queue);
    if (!available (queue))
      return NULL;
  }
  disarm (queue);
  queue->budget--;
  return queue->packed ? packed_pop (queue) : split_pop (queue);
}

void
dio_virtqueue_unpop (DioVirtQueue *queue, DioVirtElement *element)
{
  if (!queue->packed) {
    queue->last_avail--;
  } else if (queue->last_avail >= element->slots) {
    queue->last_avail -= element->slots;
  } else {
    queue->last_avail += queue->size - element->slots;
    queue->avail_wrap = !queue->avail_wrap;
  }
  dio_virtqueue_drop (queue, element);
}

bool
dio_virtqueue_has_work (DioVirtQueue *queue)
{
  return queue->enabled && !queue->error && available (queue);
}

/* Tells the RAM that the first @written bytes of the writable part changed. */
static void
note_written (DioVirtQueue *queue, const DioVirtElement *element, uint64_t written)
{
  for (unsigned i = 0; i < element->n_in && written > 0; i++) {
    uint64_t length = MIN (written, element->in[i].iov_len);

    dio_dma_note_write (queue->space, element->in_gpa[i], length);
    written -= length;
  }
}

static void
split_push (DioVirtQueue *queue, const DioVirtElement *element, uint32_t written)
{
  size_t offset = 4 + 8 * (size_t) (queue->used & (queue->size - 1));

  begin_device_write (queue);
  store32 (queue->device_area + offset, element->id);
  store32 (queue->device_area + offset + 4, written);
  queue->used++;
  store16 (queue->device_area + 2, queue->used);
  dio_dma_note_write (queue->space, queue->device + offset, 8);
  dio_dma_note_write (queue->space, queue->device, 4);
}

static void
packed_push (DioVirtQueue *queue, const DioVirtElement *element, uint32_t written)
{
  size_t offset = (size_t) queue->used * DESC_SIZE;
  uint8_t *slot = queue->desc_ring + offset;
  uint16_t flags = (queue->used_wrap ? DESC_AVAIL | DESC_USED : 0) | (written ? DESC_WRITE : 0);

  dio_dma_begin_write (queue->space, queue->desc + offset, DESC_SIZE);
  store32 (slot + 8, written);
  __atomic_store_n ((uint16_t *) (void *) (slot + 12), GUINT16_TO_LE (element->id),
                    __ATOMIC_RELAXED);
  store16 (slot + 14, flags);
  dio_dma_note_write (queue->space, queue->desc + offset, DESC_SIZE);
  queue->used += element->slots;
  if (queue->used >= queue->size) {
    queue->used -= queue->size;
    queue->used_wrap = !queue->used_wrap;
  }
}

void
dio_virtqueue_push (DioVirtQueue *queue, DioVirtElement *element, uint64_t written)
{
  written = MIN (written, element->in_size);
  note_written (queue, element, written);
  if (queue->packed)
    packed_push (queue, element, (uint32_t) written);
  else
    split_push (queue, element, (uint32_t) written);
  queue->pushed += element->slots;
  dio_virtqueue_drop (queue, element);
}

void
dio_virtqueue_drop (DioVirtQueue *queue, DioVirtElement *element)
{
  g_assert (queue->in_flight >= element->slots);
  queue->in_flight -= element->slots;
  g_free (element);
}

/* True when the event index lies among the entries [old, new) just passed (2.7.10). */
static bool
event_passed (uint16_t event, uint16_t new_index, uint16_t old_index)
{
  return (uint16_t) (new_index - event - 1) < (uint16_t) (new_index - old_index);
}

bool
dio_virtqueue_take_interrupt (DioVirtQueue *queue)
{
  uint16_t pushed = queue->pushed;

  if (!queue->enabled || pushed == 0)
    return false;
  queue->pushed = 0;
  __atomic_thread_fence (__ATOMIC_SEQ_CST);

  if (!queue->packed) {
    if (!queue->event_idx)
      return !(load16 (queue->driver_area) & SPLIT_AVAIL_NO_INTERRUPT);
    return event_passed (load16 (queue->driver_area + used_event_offset (queue)), queue->used,
                         queue->used - pushed);
  } else {
    uint16_t flags = load16 (queue->driver_area + 2) & 3;
    uint16_t where = load16 (queue->driver_area);
    uint16_t event = where & 0x7fff;

    if (flags != PACKED_EVENT_DESC || !queue->event_idx)
      return flags != PACKED_EVENT_DISABLE;
    if ((where >> 15) != queue->used_wrap)
      event -= queue->size;
    return event_passed (event, queue->used, queue->used - pushed);
  }
}

void
dio_virtqueue_visit (DioVirtQueue *queue, DioVisitor *visitor, uint64_t features)
{
  bool enabled = queue->enabled;
  uint16_t position = queue->used;
  bool wrap = queue->used_wrap;

  if (!dio_visitor_is_loading (visitor) && queue->in_flight)
    dio_visitor_fail (visitor, "%u ring entries are still in flight", queue->in_flight);

  /* With nothing in flight, both positions of the ring are the same. */
  dio_visit_u16 (visitor, "size", &queue->size);
  dio_visit_u64 (visitor, "desc", &queue->desc);
  dio_visit_u64 (visitor, "driver", &queue->driver);
  dio_visit_u64 (visitor, "device", &queue->device);
  dio_visit_bool (visitor, "enabled", &enabled);
  dio_visit_u16 (visitor, "position", &position);
  dio_visit_bool (visitor, "wrap", &wrap);

  if (!dio_visitor_is_loading (visitor) || dio_visitor_failed (visitor))
    return;
  queue->enabled = false;
  queue->error = NULL;
  if (!enabled)
    return;
  if (!dio_virtqueue_enable (queue, features)) {
    dio_visitor_fail (visitor, "a virtqueue cannot be set up: %s", queue->error);
    queue->error = NULL;
    return;
  }
  if (queue->packed && position >= queue->size) {
    queue->enabled = false;
    dio_visitor_fail (visitor, "a virtqueue's position is outside the ring");
    return;
  }
  queue->last_avail = queue->used = position;
  queue->avail_wrap = queue->used_wrap = wrap;
}

size_t
dio_virt_element_read (const DioVirtElement *element, uint64_t offset, void *data, size_t size)
{
  uint8_t *to = data;
  size_t done = 0;

  for (unsigned i = 0; i < element->n_out && done < size; i++) {
    const struct iovec *iov = &element->out[i];
    size_t part;

    if (offset >= iov->iov_len) {
      offset -= iov->iov_len;
      continue;
    }
    part = MIN (size - done, iov->iov_len - offset);
    memcpy (to + done, (const uint8_t *) iov->iov_base + offset, part);
    done += part;
    offset = 0;
  }
  return done;
}

size_t
dio_virt_element_write (DioVirtElement *element, uint64_t offset, const void *data, size_t size)
{
  const uint8_t *from = data;
  size_t done = 0;

  for (unsigned i = 0; i < element->n_in && done < size; i++) {
    const struct iovec *iov = &element->in[i];
    size_t part;

    if (offset >= iov->iov_len) {
      offset -= iov->iov_len;
      continue;
    }
    part = MIN (size - done, iov->iov_len - offset);
    memcpy ((uint8_t *) iov->iov_base + offset, from + done, part);
    done += part;
    offset = 0;
  }
  return done;
}

unsigned
dio_virt_cut (const struct iovec *iov, unsigned n, uint64_t skip, uint64_t length,
              struct iovec *part)
{
  unsigned used = 0;

  for (unsigned i = 0; i < n && length > 0; i++) {
    if (skip >= iov[i].iov_len) {
      skip -= iov[i].iov_len;
      continue;
    }
    part[used].iov_base = (uint8_t *) iov[i].iov_base + skip;
    part[used].iov_len = MIN (iov[i].iov_len - skip, length);
    length -= part[used++].iov_len;
    skip = 0;
  }
  return used;
}
