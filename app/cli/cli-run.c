/* SPDX-License-Identifier: GPL-3.0-or-later
 * Running a machine in the foreground: `run` and `start`. */
#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "app/cli/cli-private.h"
#include "app/model/model-stats.h"
#include "app/model/model-validate.h"
#include "core/vm/vm-board.h"

#define RETRY_SECONDS 2

typedef struct {
  Cli *cli;
  DioMachineItem *item;
  const CliRunOptions *options;
  gint64 start_us;
  gboolean over;
  gboolean interrupted;
  gboolean timed_out;
  gboolean has_terminal;
  struct termios terminal;
  int code;
  int reason;
  gboolean has_stats, wants_stats;
  DioMachineStats stats;
  guint retry;   /* source: a paused machine that nobody else could resume */
  char *trouble; /* the last that was said of it */
} Session;

void
cli_run_options_clear (CliRunOptions *options)
{
  g_free (options->serial);
  g_free (options->screenshot);
  g_free (options->stats);
}

static void
off_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  if (!dio_machine_item_command_finish (DIO_MACHINE_ITEM (object), result, &error))
    g_debug ("%s", error->message);
}

static void
force_off (Session *session)
{
  if (dio_machine_item_is_active (session->item))
    dio_machine_item_force_off_async (session->item, NULL, off_cb, NULL);
}

/* Ctrl+A X: the device's loop thread. */

static gboolean
quit_idle_cb (gpointer data)
{
  force_off (data);
  return G_SOURCE_REMOVE;
}

static void
quit_cb (void *data)
{
  g_idle_add (quit_idle_cb, data);
}

static gboolean
signal_cb (gpointer data)
{
  Session *session = data;
  if (session->interrupted) {
    /* Asked twice: somebody is in a hurry. */
    if (session->has_terminal)
      tcsetattr (STDIN_FILENO, TCSANOW, &session->terminal);
    _exit (DIO_CLI_INTERRUPTED);
  }
  session->interrupted = TRUE;
  force_off (session);
  return G_SOURCE_CONTINUE;
}

static gboolean
time_limit_cb (gpointer data)
{
  Session *session = data;
  session->timed_out = TRUE;
  force_off (session);
  return G_SOURCE_CONTINUE;
}

static const char *
reason_name (const Session *session)
{
  if (session->timed_out)
    return "time-limit";
  if (session->interrupted)
    return "interrupted";
  switch (session->reason) {
  case DIO_STOP_GUEST_OFF:
    return "guest-off";
  case DIO_STOP_FORCED:
    return "forced";
  case DIO_STOP_CRASHED:
    return "crashed";
  case DIO_STOP_ERROR:
    return "error";
  default:
    return "not-started";
  }
}

static void
add_outcome (Session *session, JsonObject *object)
{
  json_object_set_string_member (object, "reason", reason_name (session));
  json_object_set_int_member (object, "exit_code", session->code);
  json_object_set_int_member (object, "guest_exit_code",
                              dio_machine_item_get_exit_code (session->item));
}

static gboolean
write_stats (Session *session, gboolean stopped)
{
  g_autoptr (JsonObject) object =
      session->has_stats ? dio_stats_to_json (&session->stats) : json_object_new ();
  json_object_set_string_member (object, "state", stopped ? "stopped" : "running");
  if (stopped)
    add_outcome (session, object);
  json_object_set_double_member (object, "wall_seconds",
                                 (double) (g_get_monotonic_time () - session->start_us)
                                     / G_USEC_PER_SEC);
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  json_node_set_object (node, object);
  g_autofree char *text = json_to_string (node, TRUE);
  g_autofree char *line = g_strconcat (text, "\n", NULL);
  g_autoptr (GError) error = NULL;
  if (g_file_set_contents (session->options->stats, line, -1, &error))
    return TRUE;
  cli_message ("--stats: %s", error->message);
  return FALSE;
}

/* Where somebody has asked for them: of a machine that is not there yet as soon as it is. */
static void
write_wanted_stats (Session *session)
{
  DioMachineStats stats;
  if (!session->wants_stats || !dio_machine_item_get_stats (session->item, &stats))
    return;
  session->wants_stats = FALSE;
  session->stats = stats;
  session->has_stats = TRUE;
  write_stats (session, FALSE);
}

/* SIGUSR1: somebody who measures wants the figures of this moment. */
static gboolean
stats_signal_cb (gpointer data)
{
  Session *session = data;
  session->wants_stats = !session->over;
  write_wanted_stats (session);
  return G_SOURCE_CONTINUE;
}

/* The last moment at which the picture and the counters can be had. */
static void
state_cb (DioMachineItem *item, GParamSpec *pspec, gpointer data)
{
  Session *session = data;
  write_wanted_stats (session);
  if (dio_machine_item_get_state (item) != DIO_ITEM_STOPPING)
    return;
  session->has_stats = dio_machine_item_get_stats (item, &session->stats);
  g_autoptr (GError) error = NULL;
  if (session->options->screenshot
      && !dio_machine_item_save_screenshot (item, session->options->screenshot, &error)) {
    cli_message ("--screenshot-on-exit: %s", error->message);
    session->code = DIO_CLI_ERROR;
  }
}

static gboolean
retry_cb (gpointer data)
{
  Session *session = data;
  if (dio_machine_item_get_state (session->item) == DIO_ITEM_PAUSED)
    dio_machine_item_resume_async (session->item, NULL, off_cb, NULL);
  return G_SOURCE_CONTINUE;
}

/* What happens to a machine that goes on or waits, as for a disk without space. One of the library
 * is resumed by "diorama resume" or in its window; one that nobody can name tries by itself. */
static void
error_cb (DioMachineItem *item, GParamSpec *pspec, gpointer data)
{
  Session *session = data;
  DioItemState state = dio_machine_item_get_state (item);
  const char *error = dio_machine_item_get_error (item);
  if (!error || (state != DIO_ITEM_RUNNING && state != DIO_ITEM_PAUSED))
    return;
  if (g_strcmp0 (error, session->trouble) != 0)
    cli_message ("%s", error);
  g_free (session->trouble);
  session->trouble = g_strdup (error);
  if (!session->retry && session->options->headless && dio_machine_item_is_ephemeral (item))
    session->retry = g_timeout_add_seconds (RETRY_SECONDS, retry_cb, session);
}

static int
code_of_reason (DioStopReason reason)
{
  switch (reason) {
  case DIO_STOP_CRASHED:
    return DIO_CLI_CRASHED;
  case DIO_STOP_ERROR:
    return DIO_CLI_ERROR;
  case DIO_STOP_NONE:
  case DIO_STOP_GUEST_OFF:
  case DIO_STOP_FORCED:
    break;
  }
  return DIO_CLI_OK;
}

static void
stopped_cb (DioMachineItem *item, int reason, const char *message, gpointer data)
{
  Session *session = data;
  session->reason = reason;
  if (session->code == DIO_CLI_OK)
    session->code = code_of_reason (reason);
  if (reason == DIO_STOP_CRASHED)
    cli_message (_ ("%s (exit code %d)"), message, dio_machine_item_get_exit_code (item));
  else if (reason == DIO_STOP_ERROR)
    cli_message ("%s", message);
  session->over = TRUE;
}

static void
started_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Session *session = user_data;
  g_autoptr (GError) error = NULL;
  if (dio_machine_item_command_finish (DIO_MACHINE_ITEM (object), result, &error))
    return;
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    session->code = cli_fail (error);
  session->over = TRUE;
}

/* The host side of the serial port, NULL for none. FALSE after printing what is wrong. */
static gboolean
open_serial (Session *session, DioChar **serial, int *code)
{
  const char *target = session->options->serial;
  g_autoptr (GError) error = NULL;
  *serial = NULL;
  if (!target)
    target = session->options->headless ? "stdio" : "none";
  if (g_str_equal (target, "none"))
    return TRUE;
  if (g_str_equal (target, "stdio"))
    *serial = dio_char_stdio_new (quit_cb, session);
  else if (g_str_has_prefix (target, "file:") && target[5])
    *serial = dio_char_file_new (target + 5, &error);
  else if (g_str_has_prefix (target, "socket:") && target[7])
    *serial = dio_char_socket_new (target + 7, &error);
  else {
    *code = cli_usage (session->cli,
                       _ ("--serial: “%s” is none of stdio, none, file:PATH, socket:PATH"), target);
    return FALSE;
  }
  if (!*serial && error) {
    g_prefix_error (&error, "--serial: ");
    *code = cli_fail (error);
    return FALSE;
  }
  return TRUE;
}

static gboolean
tick_cb (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

/* Without a window: until it is over and really off. */
static void
run_headless (Session *session)
{
  dio_machine_item_start_async (session->item, NULL, started_cb, session);
  /* A state that somebody else changes is looked at now and then. */
  guint tick = g_timeout_add (1000, tick_cb, NULL);
  while (!session->over || dio_machine_item_is_active (session->item))
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (tick);
}

static void
run_window (Session *session)
{
  if (session->cli->ui->run_item (session->item, session->cli->host) != 0)
    session->code = DIO_CLI_ERROR;
  if (dio_machine_item_is_active (session->item)) {
    force_off (session);
    while (dio_machine_item_is_active (session->item))
      g_main_context_iteration (NULL, TRUE);
  }
  if (session->reason == DIO_STOP_NONE && dio_machine_item_get_error (session->item)) {
    cli_message ("%s", dio_machine_item_get_error (session->item));
    session->code = DIO_CLI_ERROR;
  }
}

static gboolean
has_display (void)
{
  const char *x11 = g_getenv ("DISPLAY");
  const char *wayland = g_getenv ("WAYLAND_DISPLAY");
  return (x11 && *x11) || (wayland && *wayland);
}

int
cli_run_item (Cli *cli, DioMachineItem *item, const CliRunOptions *options)
{
  Session session = { .cli = cli, .item = item, .options = options };
  int code;
  DioChar *serial;
  if (!options->headless && (!cli->ui || !cli->ui->run_item)) {
    cli_message ("%s", _ ("This build has no window; use --headless"));
    return DIO_CLI_ERROR;
  }
  if (!options->headless && !has_display ()) {
    cli_message ("%s", _ ("There is no display: neither DISPLAY nor WAYLAND_DISPLAY is set. Use "
                          "--headless to run without a window"));
    return DIO_CLI_ERROR;
  }
  if (options->time_limit < 0)
    return cli_usage (cli, "%s", _ ("--time-limit: it is negative"));
  session.has_terminal = tcgetattr (STDIN_FILENO, &session.terminal) == 0;
  if (!open_serial (&session, &serial, &code))
    return code;
  dio_machine_item_set_serial (item, serial);
  session.start_us = g_get_monotonic_time ();
  gulong stopped = g_signal_connect (item, "stopped", G_CALLBACK (stopped_cb), &session);
  gulong state = g_signal_connect (item, "notify::state", G_CALLBACK (state_cb), &session);
  gulong error = g_signal_connect (item, "notify::error", G_CALLBACK (error_cb), &session);
  guint sigint = g_unix_signal_add (SIGINT, signal_cb, &session);
  guint sigterm = g_unix_signal_add (SIGTERM, signal_cb, &session);
  guint sigusr1 = options->stats ? g_unix_signal_add (SIGUSR1, stats_signal_cb, &session) : 0;
  guint limit = options->time_limit
                    ? g_timeout_add_seconds (options->time_limit, time_limit_cb, &session)
                    : 0;
  if (options->headless)
    run_headless (&session);
  else
    run_window (&session);
  g_signal_handler_disconnect (item, stopped);
  g_signal_handler_disconnect (item, state);
  g_signal_handler_disconnect (item, error);
  g_source_remove (sigint);
  g_source_remove (sigterm);
  g_clear_handle_id (&session.retry, g_source_remove);
  g_clear_pointer (&session.trouble, g_free);
  if (sigusr1)
    g_source_remove (sigusr1);
  if (limit)
    g_source_remove (limit);
  if (session.code == DIO_CLI_OK && session.timed_out) {
    cli_message (_ ("The time limit of %d seconds was reached"), options->time_limit);
    session.code = DIO_CLI_TIME_LIMIT;
  }
  if (session.code == DIO_CLI_OK && session.interrupted)
    session.code = DIO_CLI_INTERRUPTED;
  if (options->stats && !write_stats (&session, TRUE) && session.code == DIO_CLI_OK)
    session.code = DIO_CLI_ERROR;
  return session.code;
}

static gboolean
starts_by_itself (Cli *cli, const DioMachineConfig *config)
{
  const DioBoardType *board = dio_validate_find_board (config, cli->host);
  return board && board->has_firmware;
}

static int
command_run (Cli *cli, int argc, char **argv)
{
  CliConfigOptions config_options = CLI_CONFIG_OPTIONS_INIT;
  CliRunOptions run_options = { 0 };
  g_autofree char *compiler = NULL;
  const GOptionEntry entries[] = { CLI_CONFIG_ENTRIES (config_options),
                                   CLI_RUN_ENTRIES (run_options),
                                   /* For who works on the compiler: see HACKING.md. */
                                   { "compiler", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING,
                                     &compiler, NULL, NULL },
                                   { NULL } };
  int code = cli_parse (cli, entries, &argc, &argv, 0, 0);
  if (code < 0) {
    g_autoptr (DioMachineConfig) config = cli_config (cli, &config_options, NULL);
    g_autoptr (GError) error = NULL;
    const char *field;
    if (!config)
      code = DIO_CLI_USAGE;
    else if (!config->kernel && !config->firmware && !starts_by_itself (cli, config))
      code = cli_usage (cli, "%s", _ ("nothing to start: give --kernel or --firmware"));
    else if (!dio_validate_config (config, cli->host, &field, &error))
      code = cli_fail (error);
    else {
      config->compiler = g_steal_pointer (&compiler);
      g_autoptr (DioMachineItem) item = dio_machine_item_new_ephemeral (config, cli->host);
      code = cli_run_item (cli, item, &run_options);
    }
  }
  cli_config_options_clear (&config_options);
  cli_run_options_clear (&run_options);
  return code;
}

static int
command_start (Cli *cli, int argc, char **argv)
{
  CliRunOptions options = { 0 };
  const GOptionEntry entries[] = { CLI_RUN_ENTRIES (options),
                                   { "disposable", 0, 0, G_OPTION_ARG_NONE, &options.disposable,
                                     N_ ("Throw away what is written to disks when it is off"),
                                     NULL },
                                   { NULL } };
  int code = cli_parse (cli, entries, &argc, &argv, 1, 1);
  if (code < 0) {
    DioMachineItem *item = cli_find (cli, argv[1], &code);
    if (item)
      dio_machine_item_set_disposable (item, options.disposable);
    if (item)
      code = cli_run_item (cli, item, &options);
  }
  cli_run_options_clear (&options);
  return code;
}

const CliCommand cli_run_commands[] = {
  { "run", "", N_ ("Run a machine that leaves nothing behind"),
    N_ ("With --serial stdio, Ctrl+A X forces the machine off.\n\n"
        "Exit codes: 0 the guest powered off, 1 error, 2 wrong usage, 3 the guest stopped with a\n"
        "failure, 4 time limit, 5 busy, 130 interrupted."),
    command_run },
  { "start", N_ ("NAME"), N_ ("Run a machine of the library"),
    N_ ("With --serial stdio, Ctrl+A X forces the machine off.\n\n"
        "Exit codes: 0 the guest powered off, 1 error, 2 wrong usage, 3 the guest stopped with a\n"
        "failure, 4 time limit, 5 the machine is in use, 130 interrupted."),
    command_start },
  { NULL },
};
