/* SPDX-License-Identifier: GPL-3.0-or-later
 * The terminal (or whatever stdin and stdout are) as a serial line.
 *
 * Output goes through a ring and a thread of its own, since stdout may block and may not be made
 * non-blocking: other processes share it. A full ring makes write() take less, so a guest cannot
 * outrun a slow reader without end. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <termios.h>
#include <unistd.h>

#include "core/backend/backend-char-private.h"
#include "core/base/base-thread.h"

enum {
  RING_SIZE = 64 * 1024,
  /* A pipe that poll() calls writable takes this many bytes without blocking (PIPE_BUF). */
  CHUNK = 4096,
  CONTROL_A = 1,
  POLL_MS = 100,
  LAST_CHANCE_MS = 1000, /* for a reader that stalls while the back-end is freed */
};

typedef struct {
  DioChar chr;
  DioCharQueue queue;
  int in, out;
  void (*quit) (void *data);
  void *quit_data;

  /* Terminal. */
  bool is_terminal, raw;
  struct termios saved;
  bool escaped; /* the byte before was Ctrl+A */

  /* Input; the watch exists while handlers are set. */
  DioLoopFd *watch;
  bool ended;

  /* Output. */
  pthread_t writer;
  bool writer_started;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  uint8_t ring[RING_SIZE];
  size_t first, count;
  bool closing;
} Stdio;

/* ---- Output ---- */

/* Waits until the output takes bytes; false when it is broken, or closing and too slow. */
static bool
wait_writable (Stdio *stdio)
{
  struct pollfd poll_fd = { .fd = stdio->out, .events = POLLOUT };
  for (int waited = 0;; waited += POLL_MS) {
    int ready = poll (&poll_fd, 1, POLL_MS);
    if (ready > 0)
      return !(poll_fd.revents & (POLLERR | POLLNVAL));
    if (ready < 0 && errno != EINTR)
      return false;
    pthread_mutex_lock (&stdio->lock);
    bool give_up = stdio->closing && waited >= LAST_CHANCE_MS;
    pthread_mutex_unlock (&stdio->lock);
    if (give_up)
      return false;
  }
}

static void *
writer_thread (void *data)
{
  Stdio *stdio = data;
  bool broken = false;
  pthread_mutex_lock (&stdio->lock);
  for (;;) {
    while (!stdio->count && !stdio->closing)
      pthread_cond_wait (&stdio->wake, &stdio->lock);
    if (!stdio->count)
      break;
    size_t length = MIN (MIN (stdio->count, RING_SIZE - stdio->first), CHUNK);
    const uint8_t *bytes = stdio->ring + stdio->first;
    pthread_mutex_unlock (&stdio->lock);

    ssize_t written = (ssize_t) length;
    if (!broken) {
      broken = !wait_writable (stdio);
      if (!broken)
        written = write (stdio->out, bytes, length);
      if (written < 0) {
        broken = errno != EINTR && errno != EAGAIN;
        written = 0;
      }
    } /* of a broken output everything is taken and dropped */

    pthread_mutex_lock (&stdio->lock);
    stdio->first = (stdio->first + (size_t) written) % RING_SIZE;
    stdio->count -= (size_t) written;
  }
  pthread_mutex_unlock (&stdio->lock);
  return NULL;
}

static size_t
stdio_write (DioChar *chr, const uint8_t *data, size_t length)
{
  Stdio *stdio = (Stdio *) chr;
  if (!stdio->writer_started)
    return length;
  pthread_mutex_lock (&stdio->lock);
  size_t count = MIN (length, RING_SIZE - stdio->count);
  for (size_t i = 0; i < count; i++)
    stdio->ring[(stdio->first + stdio->count + i) % RING_SIZE] = data[i];
  bool was_empty = stdio->count == 0;
  stdio->count += count;
  if (was_empty && count)
    pthread_cond_signal (&stdio->wake);
  pthread_mutex_unlock (&stdio->lock);
  return count;
}

/* ---- Input ---- */

/* Filters Ctrl+A sequences out of @data in place; returns how many bytes are left for the guest. */
static size_t
handle_escapes (Stdio *stdio, uint8_t *data, size_t length)
{
  size_t kept = 0;
  for (size_t i = 0; i < length; i++) {
    uint8_t byte = data[i];
    if (!stdio->escaped && byte == CONTROL_A) {
      stdio->escaped = true;
      continue;
    }
    bool escaped = stdio->escaped;
    stdio->escaped = false;
    if (!escaped)
      data[kept++] = byte;
    else if (byte == 'x' || byte == 'X')
      stdio->quit (stdio->quit_data);
    else if (byte == 'a' || byte == 'A' || byte == CONTROL_A)
      data[kept++] = CONTROL_A;
    /* Anything else after Ctrl+A means nothing. */
  }
  return kept;
}

static void
input_ready (int fd, uint32_t events, void *data)
{
  Stdio *stdio = data;
  uint8_t bytes[512];
  size_t room = MIN (dio_char_queue_room (&stdio->queue), sizeof bytes);
  ssize_t length = room ? read (fd, bytes, room) : 0;
  if (!room) {
    dio_loop_fd_set_events (stdio->watch, 0); /* until the device has taken some */
  } else if (length > 0) {
    size_t kept = (size_t) length;
    if (stdio->is_terminal && stdio->quit)
      kept = handle_escapes (stdio, bytes, kept);
    dio_char_queue_push (&stdio->queue, bytes, kept);
  } else if (length == 0 || (errno != EINTR && errno != EAGAIN)) {
    stdio->ended = true;
    dio_loop_fd_set_events (stdio->watch, 0);
  }
}

static void
input_room (void *source)
{
  Stdio *stdio = source;
  if (stdio->watch && !stdio->ended)
    dio_loop_fd_set_events (stdio->watch, EPOLLIN);
}

typedef struct {
  Stdio *stdio;
  DioLoop *loop;
} Attach;

/* On the loop: stdio->watch is touched there only. */
static void
attach_watch (void *data)
{
  Attach *attach = data;
  Stdio *stdio = attach->stdio;
  if (!stdio->ended)
    stdio->watch = dio_loop_fd_new (attach->loop, stdio->in, EPOLLIN, input_ready, stdio);
}

static void
detach_watch (void *data)
{
  Stdio *stdio = data;
  g_clear_pointer (&stdio->watch, dio_loop_fd_free);
}

static void
stdio_set_handlers (DioChar *chr, DioLoop *loop, const DioCharHandlers *handlers, void *opaque)
{
  Stdio *stdio = (Stdio *) chr;
  if (stdio->queue.loop)
    dio_loop_call (stdio->queue.loop, detach_watch, stdio);
  dio_char_queue_set_handlers (&stdio->queue, loop, handlers, opaque);
  if (handlers) {
    Attach attach = { stdio, loop };
    dio_loop_call (loop, attach_watch, &attach);
  }
}

static void
stdio_accept_input (DioChar *chr)
{
  dio_char_queue_accept (&((Stdio *) chr)->queue);
}

/* ---- Terminal ---- */

static void
make_raw (Stdio *stdio)
{
  stdio->is_terminal = isatty (stdio->in);
  /* A background process that touches its terminal's settings is stopped. */
  if (!stdio->is_terminal || tcgetpgrp (stdio->in) != getpgrp ()
      || tcgetattr (stdio->in, &stdio->saved) < 0)
    return;
  struct termios raw = stdio->saved;
  cfmakeraw (&raw);
  stdio->raw = tcsetattr (stdio->in, TCSANOW, &raw) == 0;
}

static void
stdio_free (DioChar *chr)
{
  Stdio *stdio = (Stdio *) chr;
  if (stdio->queue.loop)
    stdio_set_handlers (chr, NULL, NULL, NULL);
  pthread_mutex_lock (&stdio->lock);
  stdio->closing = true;
  pthread_cond_signal (&stdio->wake);
  pthread_mutex_unlock (&stdio->lock);
  if (stdio->writer_started)
    pthread_join (stdio->writer, NULL);
  if (stdio->raw)
    tcsetattr (stdio->in, TCSADRAIN, &stdio->saved);
  dio_char_queue_clear (&stdio->queue);
  pthread_cond_destroy (&stdio->wake);
  pthread_mutex_destroy (&stdio->lock);
  g_free (stdio);
}

static const DioCharOps stdio_ops = {
  .write = stdio_write,
  .set_handlers = stdio_set_handlers,
  .accept_input = stdio_accept_input,
  .free = stdio_free,
};

DioChar *
dio_char_fd_new (int in, int out, void (*quit) (void *data), void *data)
{
  g_autoptr (GError) error = NULL;
  Stdio *stdio = g_new0 (Stdio, 1);
  stdio->chr.ops = &stdio_ops;
  stdio->in = in;
  stdio->out = out;
  stdio->quit = quit;
  stdio->quit_data = data;
  pthread_mutex_init (&stdio->lock, NULL);
  pthread_cond_init (&stdio->wake, NULL);
  dio_char_queue_init (&stdio->queue, input_room, stdio);
  stdio->writer_started =
      dio_thread_start (&stdio->writer, "dio-stdout", writer_thread, stdio, &error);
  if (!stdio->writer_started)
    g_warning ("%s", error->message);
  make_raw (stdio);
  return &stdio->chr;
}

DioChar *
dio_char_stdio_new (void (*quit) (void *data), void *data)
{
  return dio_char_fd_new (STDIN_FILENO, STDOUT_FILENO, quit, data);
}
