/* SPDX-License-Identifier: GPL-3.0-or-later
 * The bridge (order, coalescing, bounds, results of commands), the control socket against hostile
 * clients, and typing. */
#include <errno.h>
#include <linux/input-event-codes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/bridge/bridge-control.h"
#include "app/bridge/bridge.h"
#include "app/library/library-json.h"
#include "app/model/model-keys.h"
#include "app/model/model-typing.h"
#include "tests/app/app-fixture.h"

/* The bridge. */

typedef struct {
  GThread *thread;
  GString *story;
  unsigned calls;
  unsigned resets;
  DioMachineState state;
  gboolean done;
  GError *error;
} Heard;

static void
event_cb (const DioBridgeEvent *event, gpointer data)
{
  Heard *heard = data;
  g_assert_true (g_thread_self () == heard->thread);
  heard->calls++;
  if (event->kind == DIO_EVENT_RESET)
    heard->resets += event->count;
  if (event->kind == DIO_EVENT_STATE)
    heard->state = event->state;
  g_string_append_printf (heard->story, "%d.%d ", event->kind, event->state);
}

static const DioBridgeCallbacks callbacks = { .event = event_cb };

static void
post (DioBridge *bridge, DioMachineEventKind kind, int state, const char *message)
{
  DioMachineEvent event = { .kind = kind, .state = state, .message = message };
  dio_bridge_post_event (bridge, &event);
}

static void
run_pending (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    continue;
}

static void
test_order (void)
{
  Heard heard = { .thread = g_thread_self (), .story = g_string_new (NULL) };
  DioBridge *bridge = dio_bridge_new (&callbacks, &heard);
  post (bridge, DIO_EVENT_STATE, DIO_MACHINE_RUNNING, NULL);
  for (int i = 0; i < 1000; i++)
    post (bridge, DIO_EVENT_RESET, DIO_MACHINE_RUNNING, NULL);
  post (bridge, DIO_EVENT_STATE, DIO_MACHINE_PAUSED, NULL);
  post (bridge, DIO_EVENT_RESET, DIO_MACHINE_PAUSED, NULL);
  post (bridge, DIO_EVENT_ERROR, DIO_MACHINE_PAUSED, "a");
  post (bridge, DIO_EVENT_ERROR, DIO_MACHINE_PAUSED, "b");
  post (bridge, DIO_EVENT_ERROR, DIO_MACHINE_PAUSED, "b");
  post (bridge, DIO_EVENT_STATE, DIO_MACHINE_STOPPED, NULL);
  g_assert_cmpuint (heard.calls, ==, 0);
  run_pending ();
  g_assert_cmpstr (heard.story->str, ==, "0.1 1.1 0.2 1.2 2.2 2.2 0.3 ");
  g_assert_cmpuint (heard.resets, ==, 1001);
  dio_bridge_unref (bridge);
  g_string_free (heard.story, TRUE);
}

static gpointer
flood_thread (gpointer data)
{
  DioBridge *bridge = data;
  for (int i = 0; i < 20000; i++) {
    g_autofree char *message = g_strdup_printf ("message %d", i);
    post (bridge, DIO_EVENT_ERROR, DIO_MACHINE_RUNNING, message);
    post (bridge, DIO_EVENT_STATE, i % 2 ? DIO_MACHINE_RUNNING : DIO_MACHINE_PAUSED, NULL);
  }
  post (bridge, DIO_EVENT_STATE, DIO_MACHINE_STOPPED, NULL);
  return NULL;
}

/* Nobody listens for a while: memory stays bounded, and the last state arrives. */
static void
test_bounds (void)
{
  Heard heard = { .thread = g_thread_self (), .story = g_string_new (NULL) };
  DioBridge *bridge = dio_bridge_new (&callbacks, &heard);
  g_thread_join (g_thread_new ("flood", flood_thread, bridge));
  run_pending ();
  g_assert_cmpuint (heard.calls, ==, DIO_BRIDGE_MAX_EVENTS);
  g_assert_cmpint (heard.state, ==, DIO_MACHINE_STOPPED);
  /* And with somebody listening at the same time. */
  heard.state = DIO_MACHINE_CREATED;
  GThread *thread = g_thread_new ("flood", flood_thread, bridge);
  while (heard.state != DIO_MACHINE_STOPPED)
    g_main_context_iteration (NULL, TRUE);
  g_thread_join (thread);
  dio_bridge_unref (bridge);
  g_string_free (heard.story, TRUE);
}

static void
launched_cb (GObject *object, GAsyncResult *result, gpointer data)
{
  Heard *heard = data;
  g_task_propagate_boolean (G_TASK (result), &heard->error);
  heard->done = TRUE;
}

static void
wait_done (Heard *heard)
{
  fixture_wait_flag (&heard->done);
  heard->done = FALSE;
}

static void
test_commands (void)
{
  Heard heard = { .thread = g_thread_self (), .story = g_string_new (NULL) };
  g_autoptr (DioMachineConfig) config = dio_machine_config_new ();
  DioMachineHost host = { .boards = dio_dummy_boards, .devices = dio_dummy_devices };
  DioBridge *bridge = dio_bridge_new (&callbacks, &heard);
  DioMachineStats stats;
  dio_bridge_command_async (bridge, DIO_BRIDGE_PAUSE, launched_cb, &heard);
  wait_done (&heard);
  g_assert_error (heard.error, DIO_ERROR, DIO_ERROR_BUSY);
  g_clear_error (&heard.error);
  g_assert_false (dio_bridge_get_stats (bridge, &stats));
  dio_bridge_launch_async (bridge, config, &host, NULL, launched_cb, &heard);
  wait_done (&heard);
  g_assert_no_error (heard.error);
  g_assert_cmpint (heard.state, ==, DIO_MACHINE_RUNNING);
  /* Results come in order, each after the event it caused. */
  Heard second = { 0 };
  dio_bridge_command_async (bridge, DIO_BRIDGE_PAUSE, launched_cb, &heard);
  dio_bridge_command_async (bridge, DIO_BRIDGE_PAUSE, launched_cb, &second);
  wait_done (&heard);
  g_assert_no_error (heard.error);
  g_assert_cmpint (heard.state, ==, DIO_MACHINE_PAUSED);
  wait_done (&second);
  g_assert_error (second.error, DIO_ERROR, DIO_ERROR_BUSY);
  g_clear_error (&second.error);
  g_assert_true (dio_bridge_get_stats (bridge, &stats));
  dio_bridge_close_async (bridge, launched_cb, &heard);
  wait_done (&heard);
  g_assert_cmpint (heard.state, ==, DIO_MACHINE_STOPPED);
  g_assert_true (dio_bridge_get_stats (bridge, &stats));
  g_assert_cmpint (dio_dummy_machines (), ==, 0);
  dio_bridge_unref (bridge);
  g_string_free (heard.story, TRUE);
}

/* The control socket. */

#define ID "0123abcd-0123-0123-0123-0123456789ab"

static DioControlCall *kept_call;

static void
handler_cb (DioControlCall *call, const char *command, JsonObject *request, gpointer data)
{
  unsigned *calls = data;
  ++*calls;
  if (g_str_equal (command, "keep"))
    kept_call = call;
  else if (g_str_equal (command, "fail") || g_str_equal (command, "last")) {
    int code = g_str_equal (command, "fail") ? DIO_ERROR_BUSY : DIO_ERROR_LAST;
    g_autoptr (GError) error = g_error_new_literal (DIO_ERROR, code, "no");
    dio_control_call_fail (call, error);
  } else {
    JsonObject *reply = json_object_new ();
    json_object_set_string_member (reply, "echo", command);
    dio_control_call_reply (call, reply);
  }
}

typedef struct {
  const char *command;
  JsonObject *reply;
  GError *error;
  gboolean done;
} Request;

static gpointer
request_thread (gpointer data)
{
  Request *request = data;
  g_autoptr (JsonObject) object = json_object_new ();
  json_object_set_string_member (object, "command", request->command);
  request->reply = dio_control_request (ID, object, 5000, &request->error);
  __atomic_store_n (&request->done, TRUE, __ATOMIC_RELEASE);
  return NULL;
}

static void
ask (Request *request, const char *command)
{
  *request = (Request){ .command = command };
  GThread *thread = g_thread_new ("request", request_thread, request);
  fixture_wait_flag (&request->done);
  g_thread_join (thread);
}

static int
raw_connect (void)
{
  g_autofree char *path = dio_control_path (ID, "sock", NULL);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  return fd;
}

/* What the server answers to bytes that may be anything; "" when it hangs up. */
static char *
raw_exchange (const char *data, gsize length)
{
  int fd = raw_connect ();
  gsize sent = 0;
  GString *answer = g_string_new (NULL);
  gint64 deadline = g_get_monotonic_time () + 3 * G_USEC_PER_SEC;
  for (;;) {
    g_assert_cmpint (g_get_monotonic_time (), <, deadline);
    if (sent < length) {
      ssize_t n = send (fd, data + sent, length - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0)
        sent += n;
      else if (errno != EAGAIN)
        break;
    }
    g_main_context_iteration (NULL, FALSE);
    char chunk[512];
    ssize_t n = recv (fd, chunk, sizeof chunk, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN))
      break;
    if (n > 0)
      g_string_append_len (answer, chunk, n);
    if (strchr (answer->str, '\n'))
      break;
  }
  close (fd);
  run_pending ();
  return g_string_free (answer, FALSE);
}

static void
test_control (void)
{
  unsigned calls = 0;
  g_autoptr (GError) error = NULL;
  Request request;
  ask (&request, "hello");
  g_assert_error (request.error, DIO_ERROR, DIO_ERROR_NOT_FOUND);
  g_clear_error (&request.error);
  DioControl *control = dio_control_new (ID, handler_cb, &calls, &error);
  g_assert_no_error (error);
  g_autofree char *path = dio_control_path (ID, "sock", NULL);
  struct stat st;
  g_assert_cmpint (stat (path, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0600);
  g_assert_null (dio_control_new (ID, handler_cb, &calls, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_BUSY);
  ask (&request, "hello");
  g_assert_no_error (request.error);
  g_assert_cmpstr (json_object_get_string_member (request.reply, "echo"), ==, "hello");
  json_object_unref (request.reply);
  ask (&request, "fail");
  g_assert_error (request.error, DIO_ERROR, DIO_ERROR_BUSY);
  g_assert_cmpstr (request.error->message, ==, "no");
  g_clear_error (&request.error);
  ask (&request, "last");
  g_assert_error (request.error, DIO_ERROR, DIO_ERROR_LAST);
  g_clear_error (&request.error);
  g_assert_cmpuint (calls, ==, 3);

  static const char *const bad[] = {
    "\n",
    "x\n",
    "{}\n",
    "[]\n",
    "{\"command\":7}\n",
    "{\"command\":null}\n",
    "{\"command\":\n",
    "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}\n",
    "\xff\xfe\n",
  };
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autofree char *answer = raw_exchange (bad[i], strlen (bad[i]));
    g_assert_true (strstr (answer, "\"ok\":false") != NULL);
  }
  /* A line without end is cut off, not collected. */
  g_autofree char *lengthy = g_strnfill (DIO_CONTROL_MAX_LINE + 4096, 'x');
  g_autofree char *answer = raw_exchange (lengthy, strlen (lengthy));
  g_assert_cmpstr (answer, ==, "");
  g_assert_cmpuint (calls, ==, 3);
  /* More clients than there may be: the others still work when they are gone. */
  int fds[DIO_CONTROL_MAX_CLIENTS + 8];
  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++) {
    fds[i] = raw_connect ();
    run_pending ();
  }
  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  run_pending ();
  ask (&request, "again");
  g_assert_no_error (request.error);
  json_object_unref (request.reply);
  /* A client that leaves before its answer, and one that still waits when the server goes. */
  int fd = raw_connect ();
  static const char keep[] = "{\"command\":\"keep\"}\n";
  g_assert_cmpint (send (fd, keep, strlen (keep), 0), ==, strlen (keep));
  while (!kept_call)
    g_main_context_iteration (NULL, TRUE);
  close (fd);
  dio_control_call_reply (g_steal_pointer (&kept_call), NULL);
  fd = raw_connect ();
  g_assert_cmpint (send (fd, keep, strlen (keep), 0), ==, strlen (keep));
  while (!kept_call)
    g_main_context_iteration (NULL, TRUE);
  dio_control_free (control);
  dio_control_call_reply (g_steal_pointer (&kept_call), NULL);
  char reply[64] = "";
  g_assert_cmpint (recv (fd, reply, sizeof reply - 1, 0), >, 0);
  g_assert_nonnull (strstr (reply, "\"ok\":true"));
  close (fd);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

/* Typing. */

typedef struct {
  GArray *codes; /* of int: +code down, -code up */
  int x, y;      /* of the pointer */
} Sink;

static void
sink_cb (void *opaque, const DioInputEvent *events, size_t count)
{
  Sink *sink = opaque;
  for (size_t i = 0; i < count; i++)
    if (events[i].kind == DIO_INPUT_KEY) {
      int code = events[i].value ? events[i].code : -(int) events[i].code;
      g_array_append_val (sink->codes, code);
    } else if (events[i].kind == DIO_INPUT_ABS)
      *(events[i].code ? &sink->y : &sink->x) = events[i].value;
}

static void
test_typing_map (void)
{
  /* Every printable character has a key, and a key with Shift makes one character only. */
  gboolean seen[2][KEY_MAX] = { 0 };
  for (gunichar c = ' '; c < 0x7f; c++) {
    guint16 code = 0;
    gboolean shift = FALSE;
    g_assert_true (dio_typing_lookup (c, &code, &shift));
    g_assert_false (seen[shift][code]);
    seen[shift][code] = TRUE;
  }
  static const struct {
    gunichar c;
    guint16 code;
    gboolean shift;
  } cases[] = {
    { 'a', KEY_A, FALSE },        { 'A', KEY_A, TRUE },          { '!', KEY_1, TRUE },
    { '@', KEY_2, TRUE },         { '"', KEY_APOSTROPHE, TRUE }, { '\\', KEY_BACKSLASH, FALSE },
    { '|', KEY_BACKSLASH, TRUE }, { '~', KEY_GRAVE, TRUE },      { '\n', KEY_ENTER, FALSE },
    { '?', KEY_SLASH, TRUE },     { '0', KEY_0, FALSE },         { ')', KEY_0, TRUE },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    guint16 code;
    gboolean shift;
    g_assert_true (dio_typing_lookup (cases[i].c, &code, &shift));
    g_assert_cmpint (code, ==, cases[i].code);
    g_assert_cmpint (shift, ==, cases[i].shift);
  }
  guint16 code;
  gboolean shift;
  g_assert_false (dio_typing_lookup (0, &code, &shift));
  g_assert_false (dio_typing_lookup (1, &code, &shift));
  g_assert_false (dio_typing_lookup (0xe9, &code, &shift));
  g_assert_false (dio_typing_lookup (0x161, &code, &shift));
}

static void
told_cb (gboolean sent, gpointer data)
{
  g_string_append_c (data, sent ? '1' : '0');
}

static void
test_typer (void)
{
  static const DioInputSinkOps ops = { sink_cb };
  Sink sink = { g_array_new (FALSE, FALSE, sizeof (int)) };
  DioInput *input = dio_input_new ();
  unsigned id =
      dio_input_add_sink (input, DIO_INPUT_WANTS_KEYBOARD | DIO_INPUT_WANTS_ABSOLUTE, &ops, &sink);
  DioTyper *typer = dio_typer_new (input);
  g_autoptr (GError) error = NULL;
  g_assert_true (dio_typer_add_text (typer, "aB\r\n", &error));
  guint16 chord[] = { KEY_LEFTCTRL, KEY_C };
  dio_typer_add_chord (typer, chord, 2);
  static const int expected[] = { KEY_A,        -KEY_A,         KEY_LEFTSHIFT, KEY_B,
                                  -KEY_B,       -KEY_LEFTSHIFT, KEY_ENTER,     -KEY_ENTER,
                                  KEY_LEFTCTRL, KEY_C,          -KEY_C,        -KEY_LEFTCTRL };
  gint64 start = g_get_monotonic_time ();
  while (dio_typer_get_pending (typer))
    g_main_context_iteration (NULL, TRUE);
  gint64 took = g_get_monotonic_time () - start;
  g_assert_cmpuint (sink.codes->len, ==, G_N_ELEMENTS (expected));
  g_assert_cmpmem (sink.codes->data, sink.codes->len * sizeof (int), expected, sizeof expected);
  /* A click is where the pointer was moved to before it. */
  g_array_set_size (sink.codes, 0);
  dio_typer_add_click (typer, 1000, DIO_INPUT_ABS_MAX, BTN_RIGHT);
  while (dio_typer_get_pending (typer))
    g_main_context_iteration (NULL, TRUE);
  static const int clicked[] = { BTN_RIGHT, -BTN_RIGHT };
  g_assert_cmpmem (sink.codes->data, sink.codes->len * sizeof (int), clicked, sizeof clicked);
  dio_typer_add_click (typer, 7, 8, 0);
  g_assert_cmpint (sink.x, ==, 1000);
  g_assert_cmpint (sink.y, ==, DIO_INPUT_ABS_MAX);
  while (dio_typer_get_pending (typer))
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (sink.codes->len, ==, 2);
  g_assert_cmpint (sink.x, ==, 7);
  g_assert_cmpint (sink.y, ==, 8);
  g_assert_cmpint (took, >=, (gint64) G_N_ELEMENTS (expected) * DIO_TYPING_STEP_MS * 900);
  /* Nothing of a text that cannot be typed whole is typed. */
  g_assert_false (dio_typer_add_text (typer, "abc€", &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "U+20AC"));
  g_clear_error (&error);
  g_assert_cmpuint (dio_typer_get_pending (typer), ==, 0);
  g_autofree char *novel = g_strnfill (DIO_TYPING_MAX_BYTES + 1, 'x');
  g_assert_false (dio_typer_add_text (typer, novel, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_CONFIG);
  g_clear_error (&error);
  /* Held: nothing goes out. */
  dio_typer_set_held (typer, TRUE);
  guint before = sink.codes->len;
  g_assert_true (dio_typer_add_text (typer, "x", &error));
  fixture_iterate (60);
  g_assert_cmpuint (sink.codes->len, ==, before);
  dio_typer_set_held (typer, FALSE);
  while (dio_typer_get_pending (typer))
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (sink.codes->len, ==, before + 2);

  /* Who waits is told when what was queued then is sent, waits, or is forgotten; in order. */
  g_autoptr (GString) told = g_string_new (NULL);
  dio_typer_notify (typer, told_cb, told);
  g_assert_cmpstr (told->str, ==, "1");
  g_assert_true (dio_typer_add_text (typer, "xy", &error));
  dio_typer_notify (typer, told_cb, told);
  dio_typer_add_chord (typer, chord, 2);
  g_assert_cmpstr (told->str, ==, "1");
  while (told->len == 1)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (dio_typer_get_pending (typer), ==, 4);
  dio_typer_notify (typer, told_cb, told);
  dio_typer_set_held (typer, TRUE);
  g_assert_cmpstr (told->str, ==, "111");
  dio_typer_set_held (typer, FALSE);
  dio_typer_notify (typer, told_cb, told);
  dio_typer_free (typer);
  g_assert_cmpstr (told->str, ==, "1110");
  dio_input_remove_sink (input, id);
  dio_input_free (input);
  g_array_unref (sink.codes);
}

static void
test_key_names (void)
{
  guint16 codes[DIO_KEYS_MAX_CHORD];
  gsize count;
  g_assert_true (dio_keys_parse ("Ctrl+Alt+Delete", codes, &count, NULL));
  g_assert_cmpuint (count, ==, 3);
  g_assert_cmpint (codes[0], ==, KEY_LEFTCTRL);
  g_assert_cmpint (codes[1], ==, KEY_LEFTALT);
  g_assert_cmpint (codes[2], ==, KEY_DELETE);
  g_assert_true (dio_keys_parse ("F12", codes, &count, NULL));
  g_assert_cmpint (codes[0], ==, KEY_F12);
  for (const char *const *name = dio_keys_names (); *name; name++)
    g_assert_true (dio_keys_parse (*name, codes, &count, NULL));
  static const char *const bad[] = { "", "+", "a+", "nokey", "a b", "a+b+c+d+e+f+g+h+i", "é" };
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_false (dio_keys_parse (bad[i], codes, &count, &error));
    g_assert_error (error, DIO_ERROR, DIO_ERROR_CONFIG);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/app/bridge/order", test_order);
  g_test_add_func ("/app/bridge/bounds", test_bounds);
  g_test_add_func ("/app/bridge/commands", test_commands);
  g_test_add_func ("/app/bridge/control", test_control);
  g_test_add_func ("/app/typing/map", test_typing_map);
  g_test_add_func ("/app/typing/typer", test_typer);
  g_test_add_func ("/app/typing/key-names", test_key_names);
  return fixture_run_tests ();
}
