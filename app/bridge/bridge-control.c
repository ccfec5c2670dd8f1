/* SPDX-License-Identifier: GPL-3.0-or-later
 * The control socket: server on the main context, blocking client. */
#include "app/bridge/bridge-control.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/library/library-json.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define MAX_DEPTH 8

typedef struct Client Client;

struct DioControl {
  char *path;
  int fd;
  GSource *source;
  GMainContext *context;
  GPtrArray *clients; /* of Client* */
  DioControlHandler handler;
  gpointer data;
};

struct Client {
  DioControl *control; /* NULL once dropped */
  int fd;
  GSource *read_source;    /* absent while a call is being answered */
  GSource *timeout_source; /* while a line is awaited */
  GByteArray *line;
  DioControlCall *call;
};

struct DioControlCall {
  Client *client; /* NULL when the client went away */
};

static void
clear_source (GSource **source)
{
  if (*source)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

char *
dio_control_path (const char *id, const char *kind, GError **error)
{
  g_autofree char *folder = g_build_filename (g_get_user_runtime_dir (), "diorama", NULL);
  struct stat st;
  if (g_mkdir_with_parents (folder, 0700) != 0 || lstat (folder, &st) != 0) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_IO,
                 _ ("The folder “%s” cannot be made: %s. Set XDG_RUNTIME_DIR to a folder of yours"),
                 folder, g_strerror (errno));
    return NULL;
  }
  if (!S_ISDIR (st.st_mode) || st.st_uid != geteuid ()) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_IO, _ ("“%s” is not a folder of this user"), folder);
    return NULL;
  }
  g_autofree char *path = g_strdup_printf ("%s/%s.%s", folder, id, kind);
  if (strlen (path) >= sizeof ((struct sockaddr_un *) 0)->sun_path) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                 _ ("“%s” is too long for the name of a socket. Set XDG_RUNTIME_DIR to a shorter "
                    "folder"),
                 path);
    return NULL;
  }
  return g_steal_pointer (&path);
}

static int
new_socket (const char *path, struct sockaddr_un *address)
{
  memset (address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy (address->sun_path, path, strlen (path) + 1);
  return socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Clients. */

static void
client_drop (Client *client)
{
  if (client->control)
    g_ptr_array_remove_fast (client->control->clients, client);
  if (client->call)
    client->call->client = NULL;
  clear_source (&client->read_source);
  clear_source (&client->timeout_source);
  close (client->fd);
  g_byte_array_unref (client->line);
  g_free (client);
}

static gboolean
timeout_cb (gpointer data)
{
  client_drop (data);
  return G_SOURCE_REMOVE;
}

static void client_listen (Client *client);

/* Sends a line; answers are small, so that a client whose buffer is full is not reading. */
static void
client_send (Client *client, JsonObject *reply)
{
  g_autofree char *text = dio_json_object_to_text (reply, FALSE);
  g_autofree char *line = g_strconcat (text, "\n", NULL);
  size_t length = strlen (line);
  if (send (client->fd, line, length, MSG_NOSIGNAL) != (ssize_t) length)
    client_drop (client);
  else
    client_listen (client);
}

void
dio_control_call_reply (DioControlCall *call, JsonObject *reply)
{
  JsonObject *object = reply ? reply : json_object_new ();
  json_object_set_boolean_member (object, "ok", TRUE);
  Client *client = call->client;
  g_free (call);
  if (client) {
    client->call = NULL;
    client_send (client, object);
  }
  json_object_unref (object);
}

void
dio_control_call_fail (DioControlCall *call, const GError *error)
{
  g_autoptr (JsonObject) object = json_object_new ();
  json_object_set_boolean_member (object, "ok", FALSE);
  json_object_set_int_member (object, "code",
                              error->domain == DIO_ERROR ? error->code : DIO_ERROR_FAILED);
  json_object_set_string_member (object, "error", error->message);
  Client *client = call->client;
  g_free (call);
  if (client) {
    client->call = NULL;
    client_send (client, object);
  }
}

/* One line (without its end) from the client. May drop it. */
static void
client_handle (Client *client, const char *line, gsize length)
{
  DioControlCall *call = g_new0 (DioControlCall, 1);
  call->client = client;
  client->call = call;
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) request = dio_json_parse_object (line, length, MAX_DEPTH, &error);
  JsonNode *command = request ? json_object_get_member (request, "command") : NULL;
  if (!request)
    dio_control_call_fail (call, error);
  else if (!command || !JSON_NODE_HOLDS_VALUE (command)
           || json_node_get_value_type (command) != G_TYPE_STRING) {
    error = g_error_new (DIO_ERROR, DIO_ERROR_FORMAT, "%s", _ ("The request has no command"));
    dio_control_call_fail (call, error);
  } else
    client->control->handler (call, json_node_get_string (command), request, client->control->data);
}

static gboolean
client_read_cb (int fd, GIOCondition condition, gpointer data)
{
  Client *client = data;
  char chunk[4096];
  ssize_t n = recv (fd, chunk, sizeof chunk, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  if (n <= 0 || client->line->len + n > DIO_CONTROL_MAX_LINE) {
    client_drop (client);
    return G_SOURCE_REMOVE;
  }
  g_byte_array_append (client->line, (guint8 *) chunk, n);
  const guint8 *end = memchr (client->line->data, '\n', client->line->len);
  if (!end)
    return G_SOURCE_CONTINUE;
  /* One call at a time: nothing more is read until it is answered. */
  clear_source (&client->read_source);
  clear_source (&client->timeout_source);
  gsize length = end - client->line->data;
  g_autofree char *line = g_strndup ((char *) client->line->data, length);
  g_byte_array_remove_range (client->line, 0, length + 1);
  client_handle (client, line, length);
  return G_SOURCE_REMOVE;
}

/* Awaits the next line. A pipelined second request is not worth a queue: it is refused by its
 * sender waiting for an answer, as the protocol says. */
static void
client_listen (Client *client)
{
  if (!client->control || client->line->len) {
    client_drop (client);
    return;
  }
  client->read_source = g_unix_fd_source_new (client->fd, G_IO_IN);
  g_source_set_callback (client->read_source, G_SOURCE_FUNC (client_read_cb), client, NULL);
  g_source_attach (client->read_source, client->control->context);
  client->timeout_source = g_timeout_source_new (DIO_CONTROL_TIMEOUT_MS);
  g_source_set_callback (client->timeout_source, timeout_cb, client, NULL);
  g_source_attach (client->timeout_source, client->control->context);
}

/* The server. */

static gboolean
accept_cb (int fd, GIOCondition condition, gpointer data)
{
  DioControl *control = data;
  int peer = accept4 (fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (peer < 0)
    return G_SOURCE_CONTINUE;
  struct ucred who;
  socklen_t length = sizeof who;
  if (getsockopt (peer, SOL_SOCKET, SO_PEERCRED, &who, &length) != 0
      || (who.uid != geteuid () && who.uid != 0)
      || control->clients->len >= DIO_CONTROL_MAX_CLIENTS) {
    close (peer);
    return G_SOURCE_CONTINUE;
  }
  Client *client = g_new0 (Client, 1);
  client->control = control;
  client->fd = peer;
  client->line = g_byte_array_new ();
  g_ptr_array_add (control->clients, client);
  client_listen (client);
  return G_SOURCE_CONTINUE;
}

/* True when a process still answers on the socket at @path. */
static gboolean
somebody_listens (const char *path)
{
  struct sockaddr_un address;
  int fd = new_socket (path, &address);
  gboolean alive = fd >= 0 && connect (fd, (struct sockaddr *) &address, sizeof address) == 0;
  if (fd >= 0)
    close (fd);
  return alive;
}

DioControl *
dio_control_new (const char *id, DioControlHandler handler, gpointer data, GError **error)
{
  g_autofree char *path = dio_control_path (id, "sock", error);
  if (!path)
    return NULL;
  if (somebody_listens (path)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_BUSY, _ ("Another process listens on “%s”"), path);
    return NULL;
  }
  unlink (path);
  struct sockaddr_un address;
  int fd = new_socket (path, &address);
  /* The folder is 0700, so that the moment before chmod() exposes nothing. */
  if (fd < 0 || bind (fd, (struct sockaddr *) &address, sizeof address) != 0
      || chmod (path, 0600) != 0 || listen (fd, DIO_CONTROL_MAX_CLIENTS) != 0) {
    dio_set_error_errno (error, errno, _ ("The socket “%s” cannot be made"), path);
    if (fd >= 0)
      close (fd);
    return NULL;
  }
  DioControl *control = g_new0 (DioControl, 1);
  control->path = g_steal_pointer (&path);
  control->fd = fd;
  control->handler = handler;
  control->data = data;
  control->clients = g_ptr_array_new ();
  control->context = g_main_context_ref_thread_default ();
  control->source = g_unix_fd_source_new (fd, G_IO_IN);
  g_source_set_callback (control->source, G_SOURCE_FUNC (accept_cb), control, NULL);
  g_source_attach (control->source, control->context);
  return control;
}

void
dio_control_free (DioControl *control)
{
  if (!control)
    return;
  clear_source (&control->source);
  for (guint i = control->clients->len; i-- > 0;) {
    Client *client = g_ptr_array_index (control->clients, i);
    /* One that waits for an answer (to "stop", say) still gets it. */
    if (client->call)
      client->control = NULL;
    else
      client_drop (client);
  }
  unlink (control->path);
  close (control->fd);
  g_ptr_array_unref (control->clients);
  g_main_context_unref (control->context);
  g_free (control->path);
  g_free (control);
}

/* The client's side. */

static gboolean
wait_for (int fd, short events, gint64 deadline)
{
  for (;;) {
    gint64 left = (deadline - g_get_monotonic_time ()) / 1000;
    struct pollfd poll_fd = { fd, events, 0 };
    int n = poll (&poll_fd, 1, MAX (left, 0));
    if (n > 0)
      return TRUE;
    if (n == 0 || errno != EINTR) {
      if (n == 0)
        errno = ETIMEDOUT;
      return FALSE;
    }
  }
}

static gboolean
exchange (int fd, const char *line, GByteArray *answer, gint64 deadline)
{
  for (size_t left = strlen (line); left;) {
    ssize_t n = send (fd, line, left, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
      if (!wait_for (fd, POLLOUT, deadline))
        return FALSE;
      continue;
    }
    if (n < 0)
      return FALSE;
    line += n;
    left -= n;
  }
  for (;;) {
    char chunk[4096];
    if (!wait_for (fd, POLLIN, deadline))
      return FALSE;
    ssize_t n = recv (fd, chunk, sizeof chunk, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      continue;
    if (n <= 0 || answer->len + n > DIO_CONTROL_MAX_LINE) {
      if (n >= 0)
        errno = ECONNRESET;
      return FALSE;
    }
    g_byte_array_append (answer, (guint8 *) chunk, n);
    if (memchr (answer->data, '\n', answer->len))
      return TRUE;
  }
}

JsonObject *
dio_control_request (const char *id, JsonObject *request, unsigned timeout_ms, GError **error)
{
  g_autofree char *path = dio_control_path (id, "sock", error);
  if (!path)
    return NULL;
  g_autofree char *text = dio_json_object_to_text (request, FALSE);
  g_autofree char *line = g_strconcat (text, "\n", NULL);
  if (strlen (line) > DIO_CONTROL_MAX_LINE) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG, _ ("The text is longer than %u KiB"),
                 DIO_CONTROL_MAX_LINE / 1024);
    return NULL;
  }
  struct sockaddr_un address;
  int fd = new_socket (path, &address);
  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) != 0) {
    int reason = errno;
    g_set_error (
        error, DIO_ERROR, reason == ENOENT ? DIO_ERROR_NOT_FOUND : DIO_ERROR_IO,
        _ ("The process that runs the machine cannot be reached at “%s”: %s. Use the machine "
           "where it was started, or set XDG_RUNTIME_DIR as it is there"),
        path, g_strerror (reason));
    if (fd >= 0)
      close (fd);
    return NULL;
  }
  g_autoptr (GByteArray) answer = g_byte_array_new ();
  gboolean good = exchange (fd, line, answer, g_get_monotonic_time () + timeout_ms * 1000LL);
  int saved = errno;
  close (fd);
  if (!good) {
    dio_set_error_errno (error, saved, _ ("The process that runs the machine does not answer"));
    return NULL;
  }
  gsize length = (const guint8 *) memchr (answer->data, '\n', answer->len) - answer->data;
  g_autoptr (JsonObject) reply =
      dio_json_parse_object ((char *) answer->data, length, MAX_DEPTH, error);
  if (!reply)
    return NULL;
  if (json_object_get_boolean_member_with_default (reply, "ok", FALSE))
    return g_steal_pointer (&reply);
  gint64 code = json_object_get_int_member_with_default (reply, "code", DIO_ERROR_FAILED);
  if (code < DIO_ERROR_FAILED || code > DIO_ERROR_LAST)
    code = DIO_ERROR_FAILED;
  g_set_error_literal (error, DIO_ERROR, code,
                       json_object_get_string_member_with_default (reply, "error", "?"));
  return NULL;
}
