/* SPDX-License-Identifier: GPL-3.0-or-later
 * A serial line behind a listening UNIX socket. The last output is kept and sent to whoever
 * connects; a client that reads too slowly loses output, never the guest time. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/backend/backend-char-private.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

enum { RING_SIZE = 64 * 1024 };

static const char busy_text[] = "This console is in use by another program.\r\n";

typedef struct {
  DioChar chr;
  DioCharQueue queue;
  char *path;
  int listen_fd;
  DioLoopFd *listen_watch; /* while handlers are set; loop thread */

  pthread_mutex_t lock;
  uint8_t ring[RING_SIZE];
  uint64_t written;        /* bytes since the beginning */
  uint64_t sent;           /* of these to the client */
  int client;              /* -1: none */
  DioLoopFd *client_watch; /* loop thread */
  bool reading, writing;   /* what the watch waits for */
} Socket;

/* ---- The client ---- */

static void
watch_locked (Socket *sock, bool reading, bool writing)
{
  if (!sock->client_watch || (reading == sock->reading && writing == sock->writing))
    return;
  sock->reading = reading;
  sock->writing = writing;
  dio_loop_fd_set_events (sock->client_watch, (reading ? EPOLLIN : 0) | (writing ? EPOLLOUT : 0));
}

/* Sends what the client can take. A client that went away is noticed by reading. */
static void
send_locked (Socket *sock)
{
  if (sock->client < 0)
    return;
  if (sock->written - sock->sent > RING_SIZE)
    sock->sent = sock->written - RING_SIZE;
  while (sock->sent < sock->written) {
    size_t start = sock->sent % RING_SIZE;
    size_t length = MIN (sock->written - sock->sent, RING_SIZE - start);
    ssize_t count = send (sock->client, sock->ring + start, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      break;
    sock->sent += (uint64_t) count;
  }
  watch_locked (sock, sock->reading, sock->sent < sock->written);
}

/* Loop thread. */
static void
drop_client (Socket *sock)
{
  pthread_mutex_lock (&sock->lock);
  DioLoopFd *watch = g_steal_pointer (&sock->client_watch);
  int client = sock->client;
  sock->client = -1;
  pthread_mutex_unlock (&sock->lock);
  dio_loop_fd_free (watch);
  if (client >= 0)
    close (client);
  if (sock->listen_watch)
    dio_loop_fd_set_events (sock->listen_watch, EPOLLIN);
}

static void
client_ready (int fd, uint32_t events, void *data)
{
  Socket *sock = data;
  bool gone = false;
  if (events & EPOLLOUT) {
    pthread_mutex_lock (&sock->lock);
    send_locked (sock);
    pthread_mutex_unlock (&sock->lock);
  }
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
    uint8_t bytes[512];
    size_t room = MIN (dio_char_queue_room (&sock->queue), sizeof bytes);
    ssize_t length = room ? read (fd, bytes, room) : 0;
    if (length > 0) {
      dio_char_queue_push (&sock->queue, bytes, (size_t) length);
    } else if (!room && !(events & (EPOLLHUP | EPOLLERR))) {
      pthread_mutex_lock (&sock->lock);
      watch_locked (sock, false, sock->writing); /* until the device has taken some */
      pthread_mutex_unlock (&sock->lock);
    } else {
      gone = !room || length == 0 || (errno != EINTR && errno != EAGAIN);
    }
  }
  if (gone)
    drop_client (sock);
}

static void
input_room (void *source)
{
  Socket *sock = source;
  pthread_mutex_lock (&sock->lock);
  watch_locked (sock, true, sock->writing);
  pthread_mutex_unlock (&sock->lock);
}

static void
accept_client (int fd, uint32_t events, void *data)
{
  Socket *sock = data;
  int client = accept4 (fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) {
    /* Without descriptors left the client stays in the queue, and the loop would spin. */
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
      dio_loop_fd_set_events (sock->listen_watch, 0);
    return;
  }
  if (sock->client >= 0) {
    (void) !send (client, busy_text, strlen (busy_text), MSG_DONTWAIT | MSG_NOSIGNAL);
    close (client);
    return;
  }

  DioLoopFd *watch = dio_loop_fd_new (sock->queue.loop, client, EPOLLIN, client_ready, sock);
  if (!watch) {
    close (client);
    return;
  }
  pthread_mutex_lock (&sock->lock);
  sock->client = client;
  sock->client_watch = watch;
  sock->reading = true;
  sock->writing = false;
  sock->sent = sock->written > RING_SIZE ? sock->written - RING_SIZE : 0;
  send_locked (sock);
  pthread_mutex_unlock (&sock->lock);
}

/* ---- The device's side ---- */

static size_t
socket_write (DioChar *chr, const uint8_t *data, size_t length)
{
  Socket *sock = (Socket *) chr;
  pthread_mutex_lock (&sock->lock);
  for (size_t i = 0; i < length; i++)
    sock->ring[sock->written++ % RING_SIZE] = data[i];
  if (!sock->writing)
    send_locked (sock);
  pthread_mutex_unlock (&sock->lock);
  return length;
}

typedef struct {
  Socket *sock;
  DioLoop *loop;
} Attach;

static void
attach_watch (void *data)
{
  Attach *attach = data;
  Socket *sock = attach->sock;
  sock->listen_watch =
      dio_loop_fd_new (attach->loop, sock->listen_fd, EPOLLIN, accept_client, sock);
}

static void
detach_watch (void *data)
{
  Socket *sock = data;
  g_clear_pointer (&sock->listen_watch, dio_loop_fd_free);
  drop_client (sock);
}

static void
socket_set_handlers (DioChar *chr, DioLoop *loop, const DioCharHandlers *handlers, void *opaque)
{
  Socket *sock = (Socket *) chr;
  if (sock->queue.loop)
    dio_loop_call (sock->queue.loop, detach_watch, sock);
  dio_char_queue_set_handlers (&sock->queue, loop, handlers, opaque);
  if (handlers) {
    Attach attach = { sock, loop };
    dio_loop_call (loop, attach_watch, &attach);
  }
}

static void
socket_accept_input (DioChar *chr)
{
  dio_char_queue_accept (&((Socket *) chr)->queue);
}

static void
socket_free (DioChar *chr)
{
  Socket *sock = (Socket *) chr;
  if (sock->queue.loop)
    socket_set_handlers (chr, NULL, NULL, NULL);
  unlink (sock->path);
  close (sock->listen_fd);
  dio_char_queue_clear (&sock->queue);
  pthread_mutex_destroy (&sock->lock);
  g_free (sock->path);
  g_free (sock);
}

static const DioCharOps socket_ops = {
  .write = socket_write,
  .set_handlers = socket_set_handlers,
  .accept_input = socket_accept_input,
  .free = socket_free,
};

/* ---- Addresses ---- */

/* Addresses take 107 bytes; a longer path is named through its open folder. Returns the folder's
 * fd, which stays open while the address is used, -2 if none is needed, -1 with errno. */
static int
make_address (const char *path, struct sockaddr_un *address)
{
  memset (address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (strlen (path) < sizeof address->sun_path) {
    memcpy (address->sun_path, path, strlen (path));
    return -2;
  }
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);
  int fd = open (folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return -1;
  g_autofree char *text = g_strdup_printf ("/proc/self/fd/%d/%s", fd, name);
  if (strlen (text) >= sizeof address->sun_path) {
    close (fd);
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy (address->sun_path, text, strlen (text));
  return fd;
}

static void
close_folder (int fd)
{
  int saved = errno;
  if (fd >= 0)
    close (fd);
  errno = saved;
}

int
dio_char_socket_connect (const char *path, GError **error)
{
  struct sockaddr_un address;
  int folder = make_address (path, &address);
  int fd = folder == -1 ? -1 : socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool connected = fd >= 0 && connect (fd, (const struct sockaddr *) &address, sizeof address) == 0;
  close_folder (folder);
  if (connected)
    return fd;
  dio_set_error_errno (error, errno, _ ("The console “%s” could not be reached"), path);
  if (fd >= 0)
    close (fd);
  return -1;
}

/* A listening socket at @path, or -1 with errno. What a crashed process left there is replaced. */
static int
listen_at (const char *path)
{
  struct sockaddr_un address;
  int alive = dio_char_socket_connect (path, NULL);
  if (alive >= 0) {
    close (alive);
    errno = EADDRINUSE;
    return -1;
  }
  struct stat status;
  if (lstat (path, &status) == 0 && S_ISSOCK (status.st_mode))
    unlink (path);

  int folder = make_address (path, &address);
  int fd = folder == -1 ? -1 : socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  /* On Linux the mode of the socket before bind() becomes that of the file. */
  bool listening = fd >= 0 && fchmod (fd, 0600) == 0
                   && bind (fd, (const struct sockaddr *) &address, sizeof address) == 0
                   && listen (fd, 4) == 0;
  close_folder (folder);
  if (listening)
    return fd;
  close_folder (fd);
  return -1;
}

DioChar *
dio_char_socket_new (const char *path, GError **error)
{
  int fd = listen_at (path);
  if (fd < 0 && errno == EADDRINUSE) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_BUSY, _ ("The console socket “%s” is in use already"),
                 path);
    return NULL;
  }
  if (fd < 0) {
    dio_set_error_errno (error, errno, _ ("The console socket “%s” could not be made"), path);
    return NULL;
  }
  Socket *sock = g_new0 (Socket, 1);
  sock->chr.ops = &socket_ops;
  sock->path = g_strdup (path);
  sock->listen_fd = fd;
  sock->client = -1;
  pthread_mutex_init (&sock->lock, NULL);
  dio_char_queue_init (&sock->queue, input_room, sock);
  return &sock->chr;
}
