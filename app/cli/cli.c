/* SPDX-License-Identifier: GPL-3.0-or-later
 * The `diorama` command: dispatch, help, errors. */
#include "app/cli/cli.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/bridge/bridge-control.h"
#include "app/cli/cli-private.h"
#include "app/model/model-machine-private.h"
#include "core/base/base-thread.h"

#define END_OF_OPTIONS "--"
#define STATUS_TIMEOUT_MS 3000
#define STARTING_US (10 * G_USEC_PER_SEC)
#define UNREACHABLE_US (2 * G_USEC_PER_SEC)
#define STARTING_POLL_US 20000
#define GLIB_THREADS 3 /* its worker, its pools' starter, and one to spare */

static const CliCommand *const groups[] = { cli_run_commands, cli_library_commands,
                                            cli_control_commands, cli_snapshot_commands };

static const char *
group_title (gsize group)
{
  switch (group) {
  case 0:
    return _ ("Running:");
  case 1:
    return _ ("The library:");
  case 3:
    return _ ("Snapshots:");
  default:
    return _ ("A machine that runs, in a window or elsewhere:");
  }
}

static const CliCommand *
find_command (const char *name)
{
  for (gsize group = 0; group < G_N_ELEMENTS (groups); group++)
    for (const CliCommand *command = groups[group]; command->name; command++)
      if (g_str_equal (command->name, name))
        return command;
  return NULL;
}

static void
print_help (void)
{
  g_print ("%s\n", _ ("Usage:"));
  g_print ("  diorama\n      %s\n", _ ("Open the library window"));
  g_print ("  diorama %s\n      %s\n", _ ("FILE"),
           _ ("The same, to make a machine from a disk or system file"));
  g_print ("  diorama %s\n      %s\n\n", _ ("COMMAND [ARGUMENT…]"),
           _ ("Make, run and control machines without it"));
  for (gsize group = 0; group < G_N_ELEMENTS (groups); group++) {
    g_print ("%s\n", group_title (group));
    for (const CliCommand *command = groups[group]; command->name; command++)
      g_print ("  %-12s %s\n", command->name, _ (command->summary));
    g_print ("\n");
  }
  g_print ("%s\n  --help       %s\n  --version    %s\n\n", _ ("Options:"), _ ("This text"),
           _ ("The version"));
  g_print ("%s\n", _ ("“diorama COMMAND --help” tells more about a command. Machines are kept in "
                      "$DIORAMA_LIBRARY\nor $XDG_DATA_HOME/diorama/machines."));
}

void
cli_message (const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_printerr ("diorama: %s\n", text);
}

int
cli_usage (Cli *cli, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  if (cli->command)
    cli_message (_ ("%s: %s. See “diorama %s --help”"), cli->command->name, text,
                 cli->command->name);
  else
    cli_message (_ ("%s. See “diorama --help”"), text);
  return DIO_CLI_USAGE;
}

int
cli_fail (const GError *error)
{
  cli_message ("%s", error->message);
  if (g_error_matches (error, DIO_ERROR, DIO_ERROR_BUSY))
    return DIO_CLI_BUSY;
  return DIO_CLI_ERROR;
}

static const char *
translate (const char *text, gpointer data)
{
  return _ (text);
}

int
cli_parse (Cli *cli, const GOptionEntry *entries, int *argc, char ***argv, int min, int max)
{
  static const GOptionEntry no_entries[] = { { NULL } };
  gboolean help = FALSE;
  const GOptionEntry help_entries[] = {
    { "help", 'h', 0, G_OPTION_ARG_NONE, &help, N_ ("This text"), NULL },
    { NULL },
  };
  const CliCommand *command = cli->command;
  g_autoptr (GOptionContext) context =
      g_option_context_new (*command->arguments ? _ (command->arguments) : NULL);
  g_autofree char *name = g_strconcat ("diorama ", command->name, NULL);
  g_autoptr (GError) error = NULL;
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_set_summary (context, _ (command->summary));
  g_option_context_set_description (context,
                                    command->description ? _ (command->description) : NULL);
  g_option_context_set_translate_func (context, translate, NULL, NULL);
  g_option_context_add_main_entries (context, entries ? entries : no_entries, GETTEXT_PACKAGE);
  g_option_context_add_main_entries (context, help_entries, GETTEXT_PACKAGE);
  /* The help names the program by what it was called with. */
  g_autofree char *old_name = g_strdup (g_get_prgname ());
  g_set_prgname (name);
  gboolean good = g_option_context_parse (context, argc, argv, &error);
  if (good && help) {
    g_autofree char *text = g_option_context_get_help (context, TRUE, NULL);
    g_print ("%s", text);
  }
  g_set_prgname (old_name);
  if (!good)
    return cli_usage (cli, "%s", error->message);
  if (help)
    return DIO_CLI_OK;
  if (*argc > 1 && g_str_equal ((*argv)[1], END_OF_OPTIONS)) {
    (*argv)++;
    (*argc)--;
  }
  if (*argc - 1 < min)
    return cli_usage (cli, "%s", _ ("an argument is missing"));
  if (*argc - 1 > max)
    return cli_usage (cli, _ ("“%s” is one argument too many"), (*argv)[max + 1]);
  return -1;
}

DioLibrary *
cli_library (Cli *cli)
{
  g_autoptr (GError) error = NULL;
  if (!cli->library) {
    cli->library = dio_library_new (NULL, cli->host, &error);
    if (!cli->library)
      cli_fail (error);
  }
  return cli->library;
}

DioMachineItem *
cli_find (Cli *cli, const char *name, int *code)
{
  *code = DIO_CLI_ERROR;
  DioLibrary *library = cli_library (cli);
  if (!library)
    return NULL;
  DioMachineItem *item = dio_library_find (library, name);
  if (!item)
    cli_message (_ ("There is no machine called “%s”. “diorama list” tells which there are"), name);
  return item;
}

JsonObject *
cli_ask_status (DioMachineItem *item)
{
  if (dio_machine_item_get_state (item) != DIO_ITEM_ELSEWHERE)
    return NULL;
  g_autoptr (JsonObject) request = json_object_new ();
  json_object_set_string_member (request, "command", "status");
  return dio_control_request (dio_machine_item_get_id (item), request, STATUS_TIMEOUT_MS, NULL);
}

void
cli_wait_started (DioMachineItem *item)
{
  gint64 begin = g_get_monotonic_time ();
  while (dio_machine_item_get_state (item) == DIO_ITEM_ELSEWHERE) {
    g_autoptr (JsonObject) status = cli_ask_status (item);
    const char *state =
        status ? json_object_get_string_member_with_default (status, "state", NULL) : NULL;
    gint64 patience = status ? STARTING_US : UNREACHABLE_US;
    if ((status && g_strcmp0 (state, "starting") != 0)
        || g_get_monotonic_time () - begin >= patience)
      return;
    g_usleep (STARTING_POLL_US);
    dio_machine_item_reload (item);
  }
}

static void
result_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

gboolean
cli_wait_command (DioMachineItem *item, CliItemCommand command, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;
  command (item, NULL, result_cb, &result);
  while (!result)
    g_main_context_iteration (NULL, TRUE);
  return dio_machine_item_command_finish (item, result, error);
}

void
cli_wait_flag (const gboolean *flag)
{
  while (!*flag)
    g_main_context_iteration (NULL, TRUE);
}

/* Messages for people, in their encoding and without timestamps. */
static GLogWriterOutput
log_writer (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if ((level & G_LOG_LEVEL_MASK) == G_LOG_LEVEL_WARNING
      || (level & G_LOG_LEVEL_MASK) == G_LOG_LEVEL_MESSAGE)
    for (gsize i = 0; i < n_fields; i++)
      if (g_str_equal (fields[i].key, "MESSAGE")) {
        cli_message ("%s", (const char *) fields[i].value);
        return G_LOG_WRITER_HANDLED;
      }
  return g_log_writer_default (level, fields, n_fields, data);
}

static int
run_command (Cli *cli, int argc, char **argv)
{
  cli->command = find_command (argv[0]);
  if (!cli->command)
    return cli_usage (cli, _ ("“%s” is not a command"), argv[0]);
  if (!g_getenv ("G_MESSAGES_DEBUG"))
    g_log_set_writer_func (log_writer, NULL, NULL);
  /* GOption wants room for a program name and moves pointers: a copy. */
  g_autofree char **arguments = g_new0 (char *, argc + 1);
  memcpy (arguments, argv, argc * sizeof *argv);
  char **moved = arguments;
  int code = cli->command->run (cli, argc, moved);
  g_clear_object (&cli->library);
  return code;
}

/* A command's name wins over a file that is called the same. */
static gboolean
is_file (const char *argument)
{
  return !find_command (argument)
         && (g_file_test (argument, G_FILE_TEST_EXISTS) || g_str_has_prefix (argument, "file://"));
}

int
dio_cli_main (int argc, char **argv, const DioMachineHost *host, const DioCliUi *ui)
{
  Cli cli = { .host = host, .ui = ui };
  const char *first = argc > 1 ? argv[1] : NULL;
  g_autoptr (GError) error = NULL;
  g_set_prgname ("diorama");
  if (!dio_thread_check_room (GLIB_THREADS, &error))
    return cli_fail (error);
  if (first
      && (g_str_equal (first, "--help") || g_str_equal (first, "-h")
          || (g_str_equal (first, "help") && argc == 2))) {
    print_help ();
    return DIO_CLI_OK;
  }
  if (first && g_str_equal (first, "--version")) {
    g_print ("diorama %s\n", DIO_VERSION);
    return DIO_CLI_OK;
  }
  if (first && g_str_equal (first, "help")) {
    char *help[] = { argv[2], (char *) "--help", NULL };
    return run_command (&cli, 2, help);
  }
  if (first && *first != '-' && !is_file (first))
    return run_command (&cli, argc - 1, argv + 1);
  /* Files, and what begins with a dash, are for the window: --display, --gapplication-service. */
  if (!ui || !ui->run) {
    cli_message ("%s", _ ("This build has no window. See “diorama --help” for what it can do"));
    return DIO_CLI_ERROR;
  }
  return ui->run (argc, argv, host);
}
