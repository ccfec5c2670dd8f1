/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of serial lines: memory, file, terminal, socket, multiplexer. */
#include "core/backend/backend-char.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/base-error.h"

/* ---- A device with a small FIFO ---- */

typedef struct {
  pthread_mutex_t lock;
  size_t room;
  GString *got;
  _Atomic unsigned bytes;
} Device;

static size_t
device_can_receive (void *opaque)
{
  Device *device = opaque;
  pthread_mutex_lock (&device->lock);
  size_t room = device->room;
  pthread_mutex_unlock (&device->lock);
  return room;
}

static void
device_receive (void *opaque, const uint8_t *data, size_t length)
{
  Device *device = opaque;
  pthread_mutex_lock (&device->lock);
  g_assert_cmpuint (length, >, 0);
  g_assert_cmpuint (length, <=, device->room);
  device->room -= length;
  g_string_append_len (device->got, (const char *) data, (gssize) length);
  atomic_fetch_add (&device->bytes, (unsigned) length);
  pthread_mutex_unlock (&device->lock);
}

static const DioCharHandlers handlers = { device_can_receive, device_receive };

typedef struct {
  DioLoop *loop;
  Device device;
  char *folder;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->loop = dio_loop_new ("test", NULL);
  f->device.got = g_string_new (NULL);
  f->device.room = SIZE_MAX;
  pthread_mutex_init (&f->device.lock, NULL);
  f->folder = g_dir_make_tmp ("dio-char-XXXXXX", NULL);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_loop_free (f->loop);
  g_string_free (f->device.got, TRUE);
  g_assert_cmpint (rmdir (f->folder), ==, 0);
  g_free (f->folder);
}

static void
attach (Fixture *f, DioChar *chr)
{
  chr->ops->set_handlers (chr, f->loop, &handlers, &f->device);
}

static void
detach (Fixture *f, DioChar *chr)
{
  chr->ops->set_handlers (chr, NULL, NULL, NULL);
}

static void
give_room (Fixture *f, DioChar *chr, size_t room)
{
  /* As a device does: with its lock held. */
  pthread_mutex_lock (&f->device.lock);
  f->device.room = room;
  chr->ops->accept_input (chr);
  pthread_mutex_unlock (&f->device.lock);
}

static void
wait_bytes (Fixture *f, unsigned least)
{
  for (unsigned i = 0; i < 100000 && atomic_load (&f->device.bytes) < least; i++)
    g_usleep (100);
  g_assert_cmpuint (atomic_load (&f->device.bytes), >=, least);
}

static size_t
emit (DioChar *chr, const char *text)
{
  return chr->ops->write (chr, (const uint8_t *) text, strlen (text));
}

/* Reads until @text has come, up to ten seconds; fails on anything else. */
static void
expect_read (int fd, const char *text)
{
  for (size_t done = 0; text[done];) {
    struct pollfd poll_fd = { fd, POLLIN, 0 };
    char bytes[4096];
    g_assert_cmpint (poll (&poll_fd, 1, 10000), ==, 1);
    ssize_t length = read (fd, bytes, MIN (sizeof bytes, strlen (text + done)));
    g_assert_cmpint (length, >, 0);
    g_assert_cmpmem (bytes, length, text + done, length);
    done += (size_t) length;
  }
}

/* ---- Memory ---- */

static void
count_notify (void *data)
{
  atomic_fetch_add ((_Atomic unsigned *) data, 1);
}

static void
expect_memory (DioChar *chr, uint64_t *position, const char *text)
{
  g_autoptr (GBytes) bytes = dio_char_memory_read (chr, position);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), text, strlen (text));
}

static void
test_memory (Fixture *f, gconstpointer data)
{
  _Atomic unsigned notified = 0;
  uint64_t position = 0, other = 0;
  DioChar *chr = dio_char_memory_new (8, count_notify, (void *) &notified);
  expect_memory (chr, &position, "");
  g_assert_cmpuint (emit (chr, "hello"), ==, 5);
  g_assert_cmpuint (notified, ==, 1);
  expect_memory (chr, &position, "hello");
  expect_memory (chr, &position, "");
  emit (chr, " world");
  expect_memory (chr, &position, " world");
  expect_memory (chr, &other, "lo world"); /* the oldest is gone */
  other = 99999;
  expect_memory (chr, &other, "");
  g_assert_cmpuint (other, ==, 11);

  /* Input before there is a device waits; a device without room is not overrun. */
  dio_char_memory_feed (chr, "abc", 3);
  f->device.room = 2;
  attach (f, chr);
  wait_bytes (f, 2);
  g_usleep (2000);
  g_assert_cmpstr (f->device.got->str, ==, "ab");
  give_room (f, chr, 1);
  wait_bytes (f, 3);
  give_room (f, chr, SIZE_MAX);
  g_autofree char *paste = g_malloc (100001);
  for (unsigned i = 0; i < 100000; i++)
    paste[i] = (char) ('a' + i % 26);
  paste[100000] = 0;
  dio_char_memory_feed (chr, paste, 100000);
  wait_bytes (f, 100003);
  g_assert_cmpstr (f->device.got->str + 3, ==, paste);
  detach (f, chr);
  dio_char_memory_feed (chr, "x", 1);
  g_usleep (2000);
  g_assert_cmpuint (f->device.bytes, ==, 100003);
  dio_char_free (chr);
}

/* ---- File ---- */

static void
test_file (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (f->folder, "serial.log", NULL);
  g_autofree char *text = NULL;
  for (unsigned i = 0; i < 2; i++) {
    DioChar *chr = dio_char_file_new (path, &error);
    g_assert_no_error (error);
    attach (f, chr);
    g_assert_cmpuint (emit (chr, "line\n"), ==, 5);
    detach (f, chr);
    dio_char_free (chr);
  }
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "line\nline\n");
  unlink (path);

  g_assert_null (dio_char_file_new ("/nowhere/file", &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND);

  /* A full disk is a warning, once, and no stopped guest. */
  DioChar *full = dio_char_file_new ("/dev/full", NULL);
  g_test_expect_message ("diorama-core", G_LOG_LEVEL_WARNING, "*lost*");
  g_assert_cmpuint (emit (full, "x"), ==, 1);
  g_assert_cmpuint (emit (full, "y"), ==, 1);
  g_test_assert_expected_messages ();
  dio_char_free (full);
}

/* ---- Terminal and pipes ---- */

static void
test_pipes (Fixture *f, gconstpointer data)
{
  int in[2], out[2];
  g_assert_cmpint (pipe2 (in, O_CLOEXEC), ==, 0);
  g_assert_cmpint (pipe2 (out, O_CLOEXEC), ==, 0);
  DioChar *chr = dio_char_fd_new (in[0], out[1], NULL, NULL);
  g_assert_cmpint (write (in[1], "early", 5), ==, 5);
  attach (f, chr);
  wait_bytes (f, 5);
  /* Ctrl+A is a byte like others on a pipe. */
  g_assert_cmpint (write (in[1], "\1x", 2), ==, 2);
  wait_bytes (f, 7);
  g_assert_cmpstr (f->device.got->str, ==, "early\1x");
  emit (chr, "output");
  expect_read (out[0], "output");

  /* A reader that does not read: the guest's writes become short, nothing blocks. */
  g_autofree char *much = g_malloc0 (300001);
  memset (much, 'm', 300000);
  size_t taken = emit (chr, much);
  g_assert_cmpuint (taken, <, 300000);
  g_assert_cmpuint (taken, >=, 60000);
  much[taken] = 0;
  expect_read (out[0], much);
  close (in[1]); /* end of input is no event */
  emit (chr, "after");
  expect_read (out[0], "after");
  close (out[0]);
  emit (chr, "nobody reads"); /* SIGPIPE does not end the process */
  g_usleep (5000);
  emit (chr, "still");
  detach (f, chr);
  dio_char_free (chr);
  close (in[0]);
  close (out[1]);
}

static void
test_pipe_backpressure (Fixture *f, gconstpointer data)
{
  int in[2];
  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  g_assert_cmpint (pipe2 (in, O_CLOEXEC | O_NONBLOCK), ==, 0);
  f->device.room = 10;
  DioChar *chr = dio_char_fd_new (in[0], null, NULL, NULL);
  attach (f, chr);
  size_t written = 0;
  char bytes[1024];
  memset (bytes, 'z', sizeof bytes);
  for (ssize_t count; (count = write (in[1], bytes, sizeof bytes)) > 0;)
    written += (size_t) count;
  wait_bytes (f, 10);
  g_usleep (3000);
  g_assert_cmpuint (f->device.bytes, ==, 10);
  while (atomic_load (&f->device.bytes) < written) {
    unsigned before = f->device.bytes;
    give_room (f, chr, 777);
    wait_bytes (f, MIN (before + 1, written));
  }
  close (in[1]);
  detach (f, chr);
  dio_char_free (chr);
  close (in[0]);
  close (null);
}

/* /dev/null, which epoll does not take, ends at once. */
static void
test_dev_null (Fixture *f, gconstpointer data)
{
  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  DioChar *chr = dio_char_fd_new (null, null, NULL, NULL);
  attach (f, chr);
  emit (chr, "gone");
  g_usleep (2000);
  g_assert_cmpuint (f->device.bytes, ==, 0);
  detach (f, chr);
  attach (f, chr); /* a second device */
  detach (f, chr);
  dio_char_free (chr);
  close (null);
}

static void
test_terminal (Fixture *f, gconstpointer data)
{
  _Atomic unsigned quits = 0;
  int master = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_assert_cmpint (grantpt (master), ==, 0);
  g_assert_cmpint (unlockpt (master), ==, 0);
  char name[64];
  g_assert_cmpint (ptsname_r (master, name, sizeof name), ==, 0);
  int slave = open (name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  struct termios raw;
  g_assert_cmpint (tcgetattr (slave, &raw), ==, 0);
  cfmakeraw (&raw); /* it is not our controlling terminal, so the back-end leaves it alone */
  g_assert_cmpint (tcsetattr (slave, TCSANOW, &raw), ==, 0);

  DioChar *chr = dio_char_fd_new (slave, slave, count_notify, (void *) &quits);
  attach (f, chr);
  g_assert_cmpint (write (master, "a\1\1b\1ac\1?d", 10), ==, 10);
  wait_bytes (f, 6);
  g_assert_cmpstr (f->device.got->str, ==, "a\1b\1cd");
  g_assert_cmpuint (quits, ==, 0);
  g_assert_cmpint (write (master, "\1", 1), ==, 1);
  g_usleep (2000);
  g_assert_cmpint (write (master, "x", 1), ==, 1);
  for (unsigned i = 0; i < 100000 && !quits; i++)
    g_usleep (100);
  g_assert_cmpuint (quits, ==, 1);
  g_assert_cmpuint (f->device.bytes, ==, 6);
  emit (chr, "out");
  expect_read (master, "out");
  detach (f, chr);
  dio_char_free (chr);
  close (slave);
  close (master);
}

/* In a session of its own, whose controlling terminal the back-end may change. */
static void
controlling_terminal (void)
{
  struct termios before, during, after;
  char name[64];
  int master = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (getsid (0) != getpid ())
    g_assert_cmpint (setsid (), >, 0);
  g_assert_cmpint (grantpt (master), ==, 0);
  g_assert_cmpint (unlockpt (master), ==, 0);
  g_assert_cmpint (ptsname_r (master, name, sizeof name), ==, 0);
  int slave = open (name, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (tcgetattr (slave, &before), ==, 0);
  g_assert_true (before.c_lflag & ICANON);

  DioChar *chr = dio_char_fd_new (slave, slave, NULL, NULL);
  g_assert_cmpint (tcgetattr (slave, &during), ==, 0);
  g_assert_false (during.c_lflag & (ICANON | ECHO | ISIG)); /* Ctrl+C is the guest's */
  emit (chr, "last words");
  dio_char_free (chr);
  g_assert_cmpint (tcgetattr (slave, &after), ==, 0);
  g_assert_cmpuint (after.c_lflag, ==, before.c_lflag);
  g_assert_cmpuint (after.c_iflag, ==, before.c_iflag);
  g_assert_cmpuint (after.c_oflag, ==, before.c_oflag);
  expect_read (master, "last words");
}

static void
test_terminal_restored (void)
{
  if (g_test_subprocess ()) {
    pid_t child = fork ();
    if (child == 0) {
      controlling_terminal ();
      _exit (0);
    }
    int status;
    g_assert_cmpint (waitpid (child, &status, 0), ==, child);
    g_assert_cmpint (status, ==, 0);
    return;
  }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

/* ---- Socket ---- */

static void
check_socket (Fixture *f, const char *path)
{
  g_autoptr (GError) error = NULL;
  struct stat status;
  DioChar *chr = dio_char_socket_new (path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (stat (path, &status), ==, 0);
  g_assert_cmpint (status.st_mode & 0777, ==, 0600);
  emit (chr, "boot messages\n"); /* before anyone is there */
  attach (f, chr);

  int client = dio_char_socket_connect (path, &error);
  g_assert_no_error (error);
  expect_read (client, "boot messages\n");
  emit (chr, "login: ");
  expect_read (client, "login: ");
  g_assert_cmpint (write (client, "root\n", 5), ==, 5);
  wait_bytes (f, 5);
  g_assert_cmpstr (f->device.got->str, ==, "root\n");

  int second = dio_char_socket_connect (path, NULL);
  char end;
  expect_read (second, "This console is in use by another program.\r\n");
  g_assert_cmpint (read (second, &end, 1), ==, 0);
  close (second);

  /* Whoever does not read loses the oldest output, and the guest goes on. */
  g_autofree char *much = g_malloc (1000001);
  for (unsigned i = 0; i < 1000000; i++)
    much[i] = (char) ('0' + i % 10);
  much[1000000] = 0;
  g_assert_cmpuint (emit (chr, much), ==, 1000000);
  close (client);

  /* The next one gets the last 64 KiB. */
  for (unsigned i = 0; i < 100; i++) {
    g_usleep (1000); /* until the loop has noticed the hang-up */
    client = dio_char_socket_connect (path, &error);
    struct pollfd poll_fd = { client, POLLIN, 0 };
    char first;
    g_assert_cmpint (poll (&poll_fd, 1, 10000), ==, 1);
    g_assert_cmpint (recv (client, &first, 1, MSG_PEEK), ==, 1);
    if (first != 'T')
      break;
    close (client);
  }
  expect_read (client, much + 1000000 - 65536);
  detach (f, chr);
  char byte;
  g_assert_cmpint (read (client, &byte, 1), ==, 0);
  close (client);
  dio_char_free (chr);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

static void
test_socket (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->folder, "console.sock", NULL);
  check_socket (f, path);
}

/* Longer than an address can be. */
static void
test_socket_long_path (Fixture *f, gconstpointer data)
{
  g_autofree char *name = g_strnfill (120, 'n');
  g_autofree char *folder = g_build_filename (f->folder, name, NULL);
  g_autofree char *path = g_build_filename (folder, "console.sock", NULL);
  g_assert_cmpint (mkdir (folder, 0700), ==, 0);
  check_socket (f, path);
  g_assert_cmpint (rmdir (folder), ==, 0);
}

static void
test_socket_taken (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (f->folder, "console.sock", NULL);
  DioChar *first = dio_char_socket_new (path, NULL);
  g_assert_null (dio_char_socket_new (path, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_BUSY);
  g_clear_error (&error);
  dio_char_free (first);

  /* What a crashed process left behind is replaced; a file of another kind is not. */
  int stale = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (bind (stale, (struct sockaddr *) &address, sizeof address), ==, 0);
  close (stale);
  first = dio_char_socket_new (path, &error);
  g_assert_no_error (error);
  dio_char_free (first);
  g_assert_true (g_file_set_contents (path, "precious", -1, NULL));
  g_assert_null (dio_char_socket_new (path, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  g_assert_true (g_file_test (path, G_FILE_TEST_IS_REGULAR));
  unlink (path);
  g_assert_null (dio_char_socket_new ("/nowhere/at/all.sock", &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_cmpint (dio_char_socket_connect (path, &error), ==, -1);
  g_assert_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND);
}

/* ---- Multiplexer ---- */

static void
test_mux (Fixture *f, gconstpointer data)
{
  uint64_t a = 0, b = 0;
  DioChar *first = dio_char_memory_new (100, NULL, NULL);
  DioChar *second = dio_char_memory_new (100, NULL, NULL);
  DioChar *mux = dio_char_mux_new (first, second);
  attach (f, mux);
  emit (mux, "both");
  expect_memory (first, &a, "both");
  expect_memory (second, &b, "both");
  dio_char_memory_feed (first, "1", 1);
  wait_bytes (f, 1);
  dio_char_memory_feed (second, "2", 1);
  wait_bytes (f, 2);
  g_assert_cmpstr (f->device.got->str, ==, "12");
  give_room (f, mux, 1);
  detach (f, mux);
  dio_char_free (mux);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add (name, Fixture, NULL, set_up, func, tear_down)
  ADD ("/core/backend/char/memory", test_memory);
  ADD ("/core/backend/char/file", test_file);
  ADD ("/core/backend/char/pipes", test_pipes);
  ADD ("/core/backend/char/pipe-backpressure", test_pipe_backpressure);
  ADD ("/core/backend/char/dev-null", test_dev_null);
  ADD ("/core/backend/char/terminal", test_terminal);
  ADD ("/core/backend/char/socket", test_socket);
  ADD ("/core/backend/char/socket-long-path", test_socket_long_path);
  ADD ("/core/backend/char/socket-taken", test_socket_taken);
  ADD ("/core/backend/char/mux", test_mux);
#undef ADD
  g_test_add_func ("/core/backend/char/terminal-restored", test_terminal_restored);
  return g_test_run ();
}
