/* SPDX-License-Identifier: GPL-3.0-or-later
 * Character back-ends that need no file descriptor watch: memory, file, multiplexer; and the queue
 * towards the device that all share. */
#include "core/backend/backend-char.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/backend/backend-char-private.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* ---- The queue ---- */

void
dio_char_queue_init (DioCharQueue *queue, void (*room) (void *source), void *source)
{
  memset (queue, 0, sizeof *queue);
  pthread_mutex_init (&queue->lock, NULL);
  queue->room = room;
  queue->source = source;
}

void
dio_char_queue_clear (DioCharQueue *queue)
{
  dio_notifier_free (queue->pump);
  pthread_mutex_destroy (&queue->lock);
}

/* Copies up to @length bytes out of the ring. */
static size_t
pop (DioCharQueue *queue, uint8_t *data, size_t length)
{
  pthread_mutex_lock (&queue->lock);
  size_t count = MIN (length, queue->count);
  for (size_t i = 0; i < count; i++)
    data[i] = queue->bytes[(queue->first + i) % DIO_CHAR_QUEUE_SIZE];
  queue->first = (queue->first + count) % DIO_CHAR_QUEUE_SIZE;
  queue->count -= count;
  pthread_mutex_unlock (&queue->lock);
  return count;
}

/* On the loop, without locks: the device takes its own. */
static void
pump (void *data)
{
  DioCharQueue *queue = data;
  uint8_t bytes[256];
  bool moved = false;
  for (;;) {
    size_t room = queue->handlers->can_receive (queue->opaque);
    size_t count = room ? pop (queue, bytes, MIN (room, sizeof bytes)) : 0;
    if (!count)
      break;
    queue->handlers->receive (queue->opaque, bytes, count);
    moved = true;
  }
  if (moved && queue->room)
    queue->room (queue->source);
}

void
dio_char_queue_set_handlers (DioCharQueue *queue, DioLoop *loop, const DioCharHandlers *handlers,
                             void *opaque)
{
  pthread_mutex_lock (&queue->lock);
  DioNotifier *old = g_steal_pointer (&queue->pump);
  pthread_mutex_unlock (&queue->lock);
  dio_notifier_free (old);

  pthread_mutex_lock (&queue->lock);
  queue->loop = handlers ? loop : NULL;
  queue->handlers = handlers;
  queue->opaque = opaque;
  if (handlers) {
    queue->pump = dio_notifier_new (loop, pump, queue);
    if (queue->count)
      dio_notifier_signal (queue->pump);
  }
  pthread_mutex_unlock (&queue->lock);
}

size_t
dio_char_queue_push (DioCharQueue *queue, const uint8_t *data, size_t length)
{
  pthread_mutex_lock (&queue->lock);
  size_t count = MIN (length, DIO_CHAR_QUEUE_SIZE - queue->count);
  for (size_t i = 0; i < count; i++)
    queue->bytes[(queue->first + queue->count + i) % DIO_CHAR_QUEUE_SIZE] = data[i];
  queue->count += count;
  if (count && queue->pump)
    dio_notifier_signal (queue->pump);
  pthread_mutex_unlock (&queue->lock);
  return count;
}

size_t
dio_char_queue_room (DioCharQueue *queue)
{
  pthread_mutex_lock (&queue->lock);
  size_t room = DIO_CHAR_QUEUE_SIZE - queue->count;
  pthread_mutex_unlock (&queue->lock);
  return room;
}

void
dio_char_queue_accept (DioCharQueue *queue)
{
  pthread_mutex_lock (&queue->lock);
  if (queue->count && queue->pump)
    dio_notifier_signal (queue->pump);
  pthread_mutex_unlock (&queue->lock);
}

void
dio_char_free (DioChar *chr)
{
  if (chr)
    chr->ops->free (chr);
}

/* ---- Memory ---- */

typedef struct {
  DioChar chr;
  DioCharQueue queue;
  pthread_mutex_t lock;
  uint8_t *ring;
  size_t capacity;
  uint64_t written; /* since the beginning; the ring has the last `capacity` of them */
  GByteArray *fed;  /* what did not fit into the queue yet */
  void (*notify) (void *data);
  void *notify_data;
} Memory;

/* What people paste is kept up to this; more is dropped. */
#define MAX_FED (UINT32_C (1) << 20)

static void
memory_room (void *source)
{
  Memory *memory = source;
  pthread_mutex_lock (&memory->lock);
  size_t taken = dio_char_queue_push (&memory->queue, memory->fed->data, memory->fed->len);
  if (taken)
    g_byte_array_remove_range (memory->fed, 0, (guint) taken);
  pthread_mutex_unlock (&memory->lock);
}

static size_t
memory_write (DioChar *chr, const uint8_t *data, size_t length)
{
  Memory *memory = (Memory *) chr;
  pthread_mutex_lock (&memory->lock);
  for (size_t i = 0; i < length; i++)
    memory->ring[memory->written++ % memory->capacity] = data[i];
  pthread_mutex_unlock (&memory->lock);
  if (memory->notify && length)
    memory->notify (memory->notify_data);
  return length;
}

static void
memory_set_handlers (DioChar *chr, DioLoop *loop, const DioCharHandlers *handlers, void *opaque)
{
  Memory *memory = (Memory *) chr;
  dio_char_queue_set_handlers (&memory->queue, loop, handlers, opaque);
}

static void
memory_accept_input (DioChar *chr)
{
  dio_char_queue_accept (&((Memory *) chr)->queue);
}

static void
memory_free (DioChar *chr)
{
  Memory *memory = (Memory *) chr;
  dio_char_queue_clear (&memory->queue);
  pthread_mutex_destroy (&memory->lock);
  g_byte_array_unref (memory->fed);
  g_free (memory->ring);
  g_free (memory);
}

static const DioCharOps memory_ops = {
  .write = memory_write,
  .set_handlers = memory_set_handlers,
  .accept_input = memory_accept_input,
  .free = memory_free,
};

DioChar *
dio_char_memory_new (size_t capacity, void (*notify) (void *data), void *data)
{
  Memory *memory = g_new0 (Memory, 1);
  memory->chr.ops = &memory_ops;
  memory->capacity = MAX (capacity, 1);
  memory->ring = g_malloc (memory->capacity);
  memory->fed = g_byte_array_new ();
  memory->notify = notify;
  memory->notify_data = data;
  pthread_mutex_init (&memory->lock, NULL);
  dio_char_queue_init (&memory->queue, memory_room, memory);
  return &memory->chr;
}

void
dio_char_memory_feed (DioChar *chr, const void *data, size_t length)
{
  g_return_if_fail (chr->ops == &memory_ops);
  Memory *memory = (Memory *) chr;
  pthread_mutex_lock (&memory->lock);
  size_t taken = 0;
  if (!memory->fed->len)
    taken = dio_char_queue_push (&memory->queue, data, length);
  size_t rest = MIN (length - taken, MAX_FED - memory->fed->len);
  if (rest)
    g_byte_array_append (memory->fed, (const uint8_t *) data + taken, (guint) rest);
  pthread_mutex_unlock (&memory->lock);
}

GBytes *
dio_char_memory_read (DioChar *chr, uint64_t *position)
{
  g_return_val_if_fail (chr->ops == &memory_ops, NULL);
  Memory *memory = (Memory *) chr;
  pthread_mutex_lock (&memory->lock);
  uint64_t oldest = memory->written > memory->capacity ? memory->written - memory->capacity : 0;
  uint64_t start = CLAMP (*position, oldest, memory->written);
  size_t length = (size_t) (memory->written - start);
  uint8_t *copy = g_malloc (MAX (length, 1));
  for (size_t i = 0; i < length; i++)
    copy[i] = memory->ring[(start + i) % memory->capacity];
  *position = memory->written;
  pthread_mutex_unlock (&memory->lock);
  return g_bytes_new_take (copy, length);
}

/* ---- File ---- */

typedef struct {
  DioChar chr;
  int fd;
  char *path;
  _Atomic bool warned;
} File;

/* A full disk must not stop the guest: what cannot be written is dropped, once with a warning. */
static size_t
file_write (DioChar *chr, const uint8_t *data, size_t length)
{
  File *file = (File *) chr;
  for (size_t done = 0; done < length;) {
    ssize_t count = write (file->fd, data + done, length - done);
    if (count > 0) {
      done += (size_t) count;
    } else if (count == 0 || errno != EINTR) {
      if (!file->warned)
        g_warning ("Output to “%s” is lost: %s", file->path, g_strerror (errno));
      file->warned = true;
      break;
    }
  }
  return length;
}

static void
file_set_handlers (DioChar *chr, DioLoop *loop, const DioCharHandlers *handlers, void *opaque)
{
}

static void
file_accept_input (DioChar *chr)
{
}

static void
file_free (DioChar *chr)
{
  File *file = (File *) chr;
  close (file->fd);
  g_free (file->path);
  g_free (file);
}

static const DioCharOps file_ops = {
  .write = file_write,
  .set_handlers = file_set_handlers,
  .accept_input = file_accept_input,
  .free = file_free,
};

DioChar *
dio_char_file_new (const char *path, GError **error)
{
  /* Non-blocking: the path may be a FIFO or a terminal. */
  int fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
  if (fd < 0) {
    dio_set_error_errno (error, errno,
                         _ ("The file “%s” could not be opened for the serial output"), path);
    return NULL;
  }
  File *file = g_new0 (File, 1);
  file->chr.ops = &file_ops;
  file->fd = fd;
  file->path = g_strdup (path);
  return &file->chr;
}

/* ---- Multiplexer ---- */

typedef struct {
  DioChar chr;
  DioChar *parts[2];
} Mux;

/* The first one sets the pace; what it takes, the second one gets. */
static size_t
mux_write (DioChar *chr, const uint8_t *data, size_t length)
{
  Mux *mux = (Mux *) chr;
  size_t taken = mux->parts[0]->ops->write (mux->parts[0], data, length);
  mux->parts[1]->ops->write (mux->parts[1], data, taken);
  return taken;
}

static void
mux_set_handlers (DioChar *chr, DioLoop *loop, const DioCharHandlers *handlers, void *opaque)
{
  Mux *mux = (Mux *) chr;
  for (unsigned i = 0; i < 2; i++)
    mux->parts[i]->ops->set_handlers (mux->parts[i], loop, handlers, opaque);
}

static void
mux_accept_input (DioChar *chr)
{
  Mux *mux = (Mux *) chr;
  for (unsigned i = 0; i < 2; i++)
    mux->parts[i]->ops->accept_input (mux->parts[i]);
}

static void
mux_free (DioChar *chr)
{
  Mux *mux = (Mux *) chr;
  for (unsigned i = 0; i < 2; i++)
    dio_char_free (mux->parts[i]);
  g_free (mux);
}

static const DioCharOps mux_ops = {
  .write = mux_write,
  .set_handlers = mux_set_handlers,
  .accept_input = mux_accept_input,
  .free = mux_free,
};

DioChar *
dio_char_mux_new (DioChar *first, DioChar *second)
{
  Mux *mux = g_new0 (Mux, 1);
  mux->chr.ops = &mux_ops;
  mux->parts[0] = first;
  mux->parts[1] = second;
  return &mux->chr;
}
