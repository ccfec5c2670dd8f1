/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the parts of the command share. */
#pragma once

#include <json-glib/json-glib.h>

#include "app/cli/cli.h"
#include "app/model/model-library.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

typedef struct Cli Cli;

typedef struct {
  const char *name;
  const char *arguments;   /* of the synopsis, N_(); "" for none */
  const char *summary;     /* one line, N_() */
  const char *description; /* below the options, N_(); may be NULL */
  int (*run) (Cli *cli, int argc, char **argv);
} CliCommand;

struct Cli {
  const DioMachineHost *host;
  const DioCliUi *ui;
  const CliCommand *command;
  DioLibrary *library;
};

/* The commands, terminated by a NULL name. */
extern const CliCommand cli_run_commands[];
extern const CliCommand cli_library_commands[];
int cli_command_set (Cli *cli, int argc, char **argv);
extern const CliCommand cli_control_commands[];
extern const CliCommand cli_snapshot_commands[];

/* `diorama disk`. */
int cli_disk (Cli *cli, int argc, char **argv);

/* Parses the options of the current command. Returns -1 when the command should go on, or the exit
 * code: --help was printed, or the usage is wrong (fewer than @min or more than @max arguments
 * left). @argv[1..] are the arguments left. */
int cli_parse (Cli *cli, const GOptionEntry *entries, int *argc, char ***argv, int min, int max);

/* "diorama: MESSAGE" on stderr. */
void cli_message (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* Prints a usage error and the way to the help; DIO_CLI_USAGE. */
int cli_usage (Cli *cli, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* Prints @error and gives its exit code. */
int cli_fail (const GError *error);

/* Opens the library once; NULL after printing why not. */
DioLibrary *cli_library (Cli *cli);

/* A machine by name or id; NULL after printing that there is none, with *@code set. */
DioMachineItem *cli_find (Cli *cli, const char *name, int *code);

/* What the process that runs @item says of it; NULL when none does, or when it does not answer. */
JsonObject *cli_ask_status (DioMachineItem *item);

/* Waits while another process is about to start @item, which refuses nearly everything then. Gives
 * up after 10 s, and after 2 s when that process cannot be reached: it may be one of another
 * XDG_RUNTIME_DIR, and what is asked of it next says so. */
void cli_wait_started (DioMachineItem *item);

typedef void (*CliItemCommand) (DioMachineItem *self, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data);

/* Runs an asynchronous command of @item to its end. */
gboolean cli_wait_command (DioMachineItem *item, CliItemCommand command, GError **error);

/* Iterates the main context until *@flag. */
void cli_wait_flag (const gboolean *flag);

/* The options that `run`, `create` and `set` share. */
typedef struct {
  char *arch;
  char *board;
  char *kernel;
  char *initrd;
  char *append;
  char *memory;
  int cpus;
  char **disks;
  char *disk_format;
  gboolean detect; /* the formats of disks, where none is given */
  char *firmware;
  char *engine;
  char *acpi;
  char *graphics;
  char *display;
  int snapshot_hours, snapshot_keep;
  char *installing;
} CliConfigOptions;

#define CLI_CONFIG_OPTIONS_INIT                                                                    \
  {                                                                                                \
    .cpus = G_MININT, .snapshot_hours = G_MININT, .snapshot_keep = G_MININT                        \
  }

/* The entries for @options, to be followed by the command's own and a NULL one. */
#define CLI_CONFIG_ENTRIES(options)                                                                \
  { "arch",                                                                                        \
    0,                                                                                             \
    0,                                                                                             \
    G_OPTION_ARG_STRING,                                                                           \
    &(options).arch,                                                                               \
    N_ ("Architecture of the machine: riscv64 or arm64"),                                          \
    N_ ("ARCH") },                                                                                 \
      { "board",                                                                                   \
        0,                                                                                         \
        0,                                                                                         \
        G_OPTION_ARG_STRING,                                                                       \
        &(options).board,                                                                          \
        N_ ("Board of the machine (default: the architecture's own)"),                             \
        N_ ("BOARD") },                                                                            \
      { "kernel",                                                                                  \
        0,                                                                                         \
        0,                                                                                         \
        G_OPTION_ARG_FILENAME,                                                                     \
        &(options).kernel,                                                                         \
        N_ ("Kernel to start: a Linux Image or an ELF file"),                                      \
        N_ ("FILE") },                                                                             \
      { "initrd",                                                                                  \
        0,                                                                                         \
        0,                                                                                         \
        G_OPTION_ARG_FILENAME,                                                                     \
        &(options).initrd,                                                                         \
        N_ ("Initial RAM disk for the kernel"),                                                    \
        N_ ("FILE") },                                                                             \
      { "append",                                                                                  \
        0,                                                                                         \
        0,                                                                                         \
        G_OPTION_ARG_STRING,                                                                       \
        &(options).append,                                                                         \
        N_ ("Command line for the kernel"),                                                        \
        N_ ("TEXT") },                                                                             \
      { "memory",                                                                                  \
        'm',                                                                                       \
        0,                                                                                         \
        G_OPTION_ARG_STRING,                                                                       \
        &(options).memory,                                                                         \
        N_ ("Memory, like 512M or 2G (default: 1G)"),                                              \
        N_ ("SIZE") },                                                                             \
      { "cpus",  0, 0, G_OPTION_ARG_INT, &(options).cpus, N_ ("Number of CPUs (default: 1)"),      \
        N_ ("N") },                                                                                \
      { "disk",                                                                                    \
        0,                                                                                         \
        0,                                                                                         \
        G_OPTION_ARG_FILENAME_ARRAY,                                                               \
        &(options).disks,                                                                          \
        N_ ("Disk image, also FILE,readonly ,cdrom ,bps=SIZE ,iops=N (see man)"),                  \
        N_ ("FILE") },                                                                             \
      { "disk-format",                                                                             \
        0,                                                                                         \
        0,                                                                                         \
        G_OPTION_ARG_STRING,                                                                       \
        &(options).disk_format,                                                                    \
        N_ ("Format of the disk images, like raw or qcow2 (default: looked up)"),                  \
        N_ ("FORMAT") },                                                                           \
      { "firmware",                                                                                \
        0,                                                                                         \
        0,                                                                                         \
        G_OPTION_ARG_FILENAME,                                                                     \
        &(options).firmware,                                                                       \
        N_ ("Firmware instead of the installed one (OpenSBI, UEFI)"),                              \
        N_ ("FILE") },                                                                             \
      { "engine",                                                                                  \
        0,                                                                                         \
        0,                                                                                         \
        G_OPTION_ARG_STRING,                                                                       \
        &(options).engine,                                                                         \
        N_ ("How guest code is run: auto (default), interpreter or compiler"),                     \
        N_ ("ENGINE") },                                                                           \
      { "acpi",                                                                                    \
        0,                                                                                         \
        0,                                                                                         \
        G_OPTION_ARG_STRING,                                                                       \
        &(options).acpi,                                                                           \
        N_ ("Whether firmware gets ACPI tables: on (default) or off"),                             \
        N_ ("STATE") },                                                                            \
      { "graphics",                                                                                \
        0,                                                                                         \
        0,                                                                                         \
        G_OPTION_ARG_STRING,                                                                       \
        &(options).graphics,                                                                       \
        N_ ("What shows the picture: virtio (default) or ramfb"),                                  \
        N_ ("KIND") },                                                                             \
  {                                                                                                \
    "display", 0, 0, G_OPTION_ARG_STRING, &(options).display,                                      \
        N_ ("First size of the screen (default: 1280x800)"), N_ ("WxH")                            \
  }

void cli_config_options_clear (CliConfigOptions *options);

/* Changes @config as the options that were given say; FALSE after printing a usage error. */
gboolean cli_config_apply (Cli *cli, const CliConfigOptions *options, DioMachineConfig *config);

/* Takes ",bps=10M" and ",iops=100" off the end of @text, an argument of @option; 0 is no limit.
 * FALSE after printing a usage error. */
gboolean cli_config_take_limits (Cli *cli, char *text, const char *option, DioBlockLimits *limits);

/* The configuration from the options; NULL after printing a usage error. */
DioMachineConfig *cli_config (Cli *cli, const CliConfigOptions *options, const char *name);

/* How a machine is run in the foreground. */
typedef struct {
  gboolean headless;
  gboolean disposable; /* of `start` */
  char *serial;
  char *screenshot;
  char *stats;
  int time_limit;
} CliRunOptions;

#define CLI_RUN_ENTRIES(options)                                                                   \
  { "headless", 0, 0, G_OPTION_ARG_NONE, &(options).headless, N_ ("Run without a window"), NULL }, \
      { "serial",                                                                                  \
        0,                                                                                         \
        0,                                                                                         \
        G_OPTION_ARG_STRING,                                                                       \
        &(options).serial,                                                                         \
        N_ ("Serial port: stdio (headless default), none, file:PATH, socket:PATH"),                \
        N_ ("TARGET") },                                                                           \
      { "screenshot-on-exit",                                                                      \
        0,                                                                                         \
        0,                                                                                         \
        G_OPTION_ARG_FILENAME,                                                                     \
        &(options).screenshot,                                                                     \
        N_ ("Write the last picture of the screen as PNG"),                                        \
        N_ ("FILE") },                                                                             \
      { "stats",                                                                                   \
        0,                                                                                         \
        0,                                                                                         \
        G_OPTION_ARG_FILENAME,                                                                     \
        &(options).stats,                                                                          \
        N_ ("Write statistics of the run as JSON"),                                                \
        N_ ("FILE") },                                                                             \
  {                                                                                                \
    "time-limit", 0, 0, G_OPTION_ARG_INT, &(options).time_limit,                                   \
        N_ ("Force the machine off after so many seconds"), N_ ("SECONDS")                         \
  }

void cli_run_options_clear (CliRunOptions *options);

/* Runs @item in the foreground until it is off; the exit code. */
int cli_run_item (Cli *cli, DioMachineItem *item, const CliRunOptions *options);
