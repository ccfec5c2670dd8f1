/* SPDX-License-Identifier: GPL-3.0-or-later
 * Machines that another process runs: stop, pause, screenshot, type, console and so on. */
#include <errno.h>
#include <linux/input-event-codes.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "app/bridge/bridge-control.h"
#include "app/cli/cli-private.h"
#include "app/model/model-keys.h"
#include "app/model/model-machine-private.h"

#define REQUEST_TIMEOUT_MS 15000
/* The answer comes when all is typed, behind what others type: four events a character. */
#define TYPING_TIMEOUT_MS (REQUEST_TIMEOUT_MS + DIO_TYPING_MAX_BYTES * 4 * DIO_TYPING_STEP_MS)
#define POLL_US 50000
#define FORCE_WAIT_SECONDS 30
#define ESCAPE 1 /* Ctrl+A */

/* A machine that runs; NULL after printing why not. */
static DioMachineItem *
find_running (Cli *cli, const char *name, int *code)
{
  DioMachineItem *item = cli_find (cli, name, code);
  if (!item)
    return NULL;
  cli_wait_started (item);
  if (dio_machine_item_get_state (item) == DIO_ITEM_ELSEWHERE)
    return item;
  if (dio_machine_item_get_state (item) == DIO_ITEM_BROKEN) {
    cli_message ("%s: %s", name, dio_machine_item_get_error (item));
    *code = DIO_CLI_ERROR;
  } else {
    cli_message (_ ("“%s” is not running"), dio_machine_item_get_name (item));
    *code = DIO_CLI_BUSY;
  }
  return NULL;
}

/* Commands without arguments. */
static int
simple (Cli *cli, int argc, char **argv, CliItemCommand command)
{
  int code = cli_parse (cli, NULL, &argc, &argv, 1, 1);
  if (code >= 0)
    return code;
  g_autoptr (GError) error = NULL;
  DioMachineItem *item = find_running (cli, argv[1], &code);
  if (!item)
    return code;
  return cli_wait_command (item, command, &error) ? DIO_CLI_OK : cli_fail (error);
}

static int
command_pause (Cli *cli, int argc, char **argv)
{
  return simple (cli, argc, argv, dio_machine_item_pause_async);
}

static int
command_resume (Cli *cli, int argc, char **argv)
{
  return simple (cli, argc, argv, dio_machine_item_resume_async);
}

static int
command_reset (Cli *cli, int argc, char **argv)
{
  return simple (cli, argc, argv, dio_machine_item_reset_async);
}

static gboolean
wait_until_off (DioMachineItem *item, int seconds)
{
  gint64 deadline = g_get_monotonic_time () + seconds * G_USEC_PER_SEC;
  for (;;) {
    dio_machine_item_reload (item);
    if (dio_machine_item_get_state (item) != DIO_ITEM_ELSEWHERE)
      return TRUE;
    if (g_get_monotonic_time () >= deadline)
      return FALSE;
    g_usleep (POLL_US);
  }
}

static int
command_stop (Cli *cli, int argc, char **argv)
{
  gboolean force = FALSE;
  int wait = 60;
  const GOptionEntry entries[] = {
    { "force", 'f', 0, G_OPTION_ARG_NONE, &force, N_ ("Force it off, as pulling the plug would"),
      NULL },
    { "wait", 0, 0, G_OPTION_ARG_INT, &wait,
      N_ ("How long the guest may take to power off (default: 60)"), N_ ("SECONDS") },
    { NULL },
  };
  int code = cli_parse (cli, entries, &argc, &argv, 1, 1);
  if (code >= 0)
    return code;
  if (wait < 0)
    return cli_usage (cli, "%s", _ ("--wait: it is negative"));
  g_autoptr (GError) error = NULL;
  DioMachineItem *item = find_running (cli, argv[1], &code);
  if (!item)
    return code;
  if (!cli_wait_command (
          item, force ? dio_machine_item_force_off_async : dio_machine_item_power_button_async,
          &error)) {
    if (g_error_matches (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED))
      cli_message ("%s", _ ("“diorama stop --force” stops it in any case"));
    return cli_fail (error);
  }
  if (wait_until_off (item, force ? FORCE_WAIT_SECONDS : wait))
    return DIO_CLI_OK;
  cli_message (force ? _ ("“%s” does not stop")
                     : _ ("“%s” did not power off in time; “diorama stop --force” does it"),
               dio_machine_item_get_name (item));
  return DIO_CLI_BUSY;
}

/* Sends @request (consumed) to the process that runs @item. */
static int
ask (DioMachineItem *item, JsonObject *request, unsigned timeout_ms)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) reply =
      dio_control_request (dio_machine_item_get_id (item), request, timeout_ms, &error);
  json_object_unref (request);
  return reply ? DIO_CLI_OK : cli_fail (error);
}

static JsonObject *
new_request (const char *command)
{
  JsonObject *request = json_object_new ();
  json_object_set_string_member (request, "command", command);
  return request;
}

static int
command_screenshot (Cli *cli, int argc, char **argv)
{
  int code = cli_parse (cli, NULL, &argc, &argv, 2, 2);
  if (code >= 0)
    return code;
  DioMachineItem *item = find_running (cli, argv[1], &code);
  if (!item)
    return code;
  g_autofree char *path = g_canonicalize_filename (argv[2], NULL);
  JsonObject *request = new_request ("screenshot");
  json_object_set_string_member (request, "path", path);
  return ask (item, request, REQUEST_TIMEOUT_MS);
}

/* Backslash escapes: \n, \t, \\, \e, \b. */
static char *
unescape (const char *text)
{
  GString *plain = g_string_new (NULL);
  for (const char *p = text; *p; p++) {
    static const char from[] = "nteb\\";
    static const char to[] = "\n\t\033\b\\";
    const char *found = *p == '\\' && p[1] ? strchr (from, p[1]) : NULL;
    if (found) {
      g_string_append_c (plain, to[found - from]);
      p++;
    } else
      g_string_append_c (plain, *p);
  }
  return g_string_free (plain, FALSE);
}

static int
command_type (Cli *cli, int argc, char **argv)
{
  int code = cli_parse (cli, NULL, &argc, &argv, 2, 2);
  if (code >= 0)
    return code;
  DioMachineItem *item = find_running (cli, argv[1], &code);
  if (!item)
    return code;
  g_autofree char *text = unescape (argv[2]);
  if (!g_utf8_validate (text, -1, NULL))
    return cli_usage (cli, "%s", _ ("the text is not valid UTF-8"));
  JsonObject *request = new_request ("type");
  json_object_set_string_member (request, "text", text);
  return ask (item, request, TYPING_TIMEOUT_MS);
}

static int
command_key (Cli *cli, int argc, char **argv)
{
  int code = cli_parse (cli, NULL, &argc, &argv, 2, 64);
  if (code >= 0)
    return code;
  g_autoptr (GError) error = NULL;
  guint16 codes[DIO_KEYS_MAX_CHORD];
  gsize count;
  for (int i = 2; i < argc; i++)
    if (!dio_keys_parse (argv[i], codes, &count, &error))
      return cli_usage (cli, "%s", error->message);
  DioMachineItem *item = find_running (cli, argv[1], &code);
  if (!item)
    return code;
  for (int i = 2; i < argc; i++) {
    dio_keys_parse (argv[i], codes, &count, NULL);
    JsonArray *array = json_array_new ();
    for (gsize j = 0; j < count; j++)
      json_array_add_int_element (array, codes[j]);
    JsonObject *request = new_request ("keys");
    json_object_set_array_member (request, "codes", array);
    code = ask (item, request, TYPING_TIMEOUT_MS);
    if (code != DIO_CLI_OK)
      return code;
  }
  return DIO_CLI_OK;
}

/* A number of pixels from the picture's left or top edge. */
static gboolean
parse_pixel (const char *text, guint *pixel)
{
  guint64 value;

  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT16, &value, NULL))
    return FALSE;
  *pixel = value;
  return TRUE;
}

static gboolean
parse_button (const char *text, guint16 *button)
{
  static const struct {
    const char *name;
    guint16 code;
  } buttons[] = {
    { "left", BTN_LEFT },
    { "middle", BTN_MIDDLE },
    { "right", BTN_RIGHT },
    { "none", 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (buttons); i++)
    if (g_str_equal (text, buttons[i].name)) {
      *button = buttons[i].code;
      return TRUE;
    }
  return FALSE;
}

static int
command_click (Cli *cli, int argc, char **argv)
{
  int code = cli_parse (cli, NULL, &argc, &argv, 3, 4);
  guint16 button = BTN_LEFT;
  guint x, y;

  if (code >= 0)
    return code;
  if (!parse_pixel (argv[2], &x) || !parse_pixel (argv[3], &y))
    return cli_usage (cli, "%s", _ ("X and Y are numbers of pixels"));
  if (argc > 4 && !parse_button (argv[4], &button))
    return cli_usage (cli, _ ("“%s” is not a button: left, middle, right or none"), argv[4]);
  DioMachineItem *item = find_running (cli, argv[1], &code);
  if (!item)
    return code;
  JsonObject *request = new_request ("click");
  json_object_set_int_member (request, "x", x);
  json_object_set_int_member (request, "y", y);
  json_object_set_int_member (request, "button", button);
  return ask (item, request, TYPING_TIMEOUT_MS);
}

/* console */

static gboolean
write_all (int fd, const char *data, gsize length)
{
  while (length) {
    ssize_t n = write (fd, data, length);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (n < 0)
      return FALSE;
    data += n;
    length -= n;
  }
  return TRUE;
}

/* Bytes from the keyboard: Ctrl+A X ends, Ctrl+A Ctrl+A is one Ctrl+A. FALSE at the end. */
static gboolean
forward_input (int fd, const char *data, gsize length, gboolean *escaped)
{
  for (gsize i = 0; i < length; i++) {
    char c = data[i];
    if (!*escaped && c == ESCAPE) {
      *escaped = TRUE;
      continue;
    }
    if (*escaped && (c == 'x' || c == 'X'))
      return FALSE;
    if (*escaped && c != ESCAPE) {
      char prefix = ESCAPE;
      if (!write_all (fd, &prefix, 1))
        return FALSE;
    }
    *escaped = FALSE;
    if (!write_all (fd, &c, 1))
      return FALSE;
  }
  return TRUE;
}

static void
relay (int fd)
{
  gboolean escaped = FALSE;
  struct pollfd polled[] = { { fd, POLLIN, 0 }, { STDIN_FILENO, POLLIN, 0 } };
  char data[4096];
  for (;;) {
    if (poll (polled, G_N_ELEMENTS (polled), -1) < 0) {
      if (errno == EINTR)
        continue;
      return;
    }
    if (polled[0].revents) {
      ssize_t n = read (fd, data, sizeof data);
      if (n <= 0 || !write_all (STDOUT_FILENO, data, n))
        return;
    }
    if (polled[1].revents) {
      ssize_t n = read (STDIN_FILENO, data, sizeof data);
      if (n <= 0)
        polled[1].fd = -1; /* go on showing */
      else if (!forward_input (fd, data, n, &escaped))
        return;
    }
  }
}

static int
connect_console (const char *path, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect (fd, (struct sockaddr *) &address, sizeof address) == 0)
    return fd;
  dio_set_error_errno (error, errno, _ ("The machine’s serial port cannot be reached"));
  if (fd >= 0)
    close (fd);
  return -1;
}

static int
command_console (Cli *cli, int argc, char **argv)
{
  int code = cli_parse (cli, NULL, &argc, &argv, 1, 1);
  if (code >= 0)
    return code;
  DioMachineItem *item = find_running (cli, argv[1], &code);
  if (!item)
    return code;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = dio_control_path (dio_machine_item_get_id (item), "serial", &error);
  int fd = path ? connect_console (path, &error) : -1;
  if (fd < 0)
    return cli_fail (error);
  struct termios saved;
  gboolean terminal = tcgetattr (STDIN_FILENO, &saved) == 0;
  if (terminal) {
    cli_message (_ ("Connected to “%s”; Ctrl+A X leaves"), dio_machine_item_get_name (item));
    struct termios raw = saved;
    cfmakeraw (&raw);
    tcsetattr (STDIN_FILENO, TCSANOW, &raw);
  }
  relay (fd);
  close (fd);
  if (terminal) {
    tcsetattr (STDIN_FILENO, TCSANOW, &saved);
    g_printerr ("\n");
  }
  return DIO_CLI_OK;
}

const CliCommand cli_control_commands[] = {
  { "stop", N_ ("NAME"), N_ ("Press its power button, or force it off"), NULL, command_stop },
  { "reset", N_ ("NAME"), N_ ("Restart it at once, as the reset button would"), NULL,
    command_reset },
  { "pause", N_ ("NAME"), N_ ("Let it stand still"), NULL, command_pause },
  { "resume", N_ ("NAME"), N_ ("Let a paused machine go on"), NULL, command_resume },
  { "screenshot", N_ ("NAME FILE"), N_ ("Write the picture on its screen as PNG"), NULL,
    command_screenshot },
  { "type", N_ ("NAME TEXT"), N_ ("Type text on its keyboard"),
    N_ ("The text is typed for a US keyboard layout. \\n is Enter, \\t Tab, \\e Escape, \\b\n"
        "Backspace and \\\\ a backslash."),
    command_type },
  { "key", N_ ("NAME KEY…"), N_ ("Press keys or combinations on its keyboard"),
    N_ ("A key is a character or a name: enter, esc, tab, up, down, left, right, f1…f12, ctrl, "
        "alt,\nshift, super, delete and so on; a combination is written ctrl+alt+delete."),
    command_key },
  { "click", N_ ("NAME X Y [BUTTON]"), N_ ("Click with its pointer"),
    N_ ("X and Y are pixels of the picture, from the top left corner. BUTTON is left (the "
        "default),\nmiddle, right, or none to move the pointer only."),
    command_click },
  { "console", N_ ("NAME"), N_ ("Connect this terminal to its serial port"),
    N_ ("Ctrl+A X leaves, Ctrl+A Ctrl+A sends one Ctrl+A."), command_console },
  { NULL },
};
