/* SPDX-License-Identifier: GPL-3.0-or-later
 * `diorama set`: changes what a machine of the library is made of. */
#include <string.h>

#include "app/cli/cli-private.h"
#include "app/library/library-size.h"

static void
result_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

/* The disk that a person calls @text: its place in the list from 1 on, its path or its file name.
 * Its index, or -1. */
static int
find_disk (const DioMachineConfig *config, const char *text)
{
  g_autofree char *absolute = g_canonicalize_filename (text, NULL);
  guint count = config->disks ? config->disks->len : 0;
  guint64 number;
  if (g_ascii_string_to_unsigned (text, 10, 1, MAX (count, 1), &number, NULL) && number <= count)
    return (int) number - 1;
  for (guint i = 0; i < count; i++) {
    const DioDiskConfig *disk = g_ptr_array_index (config->disks, i);
    g_autofree char *name = g_path_get_basename (disk->path);
    if (g_str_equal (disk->path, absolute) || g_str_equal (name, text))
      return (int) i;
  }
  return -1;
}

/* Prints it when there is none. */
static int
demand_disk (const DioMachineConfig *config, const char *text)
{
  int index = find_disk (config, text);
  if (index < 0)
    cli_message (_ ("“%s” has no disk “%s”. “diorama show” tells which it has"), config->name,
                 text);
  return index;
}

static int
limit_disks (Cli *cli, DioMachineConfig *config, char **limited)
{
  for (char **text = limited; text && *text; text++) {
    g_autofree char *name = g_strdup (*text);
    DioBlockLimits limits = { 0 };
    if (!cli_config_take_limits (cli, name, "--limit-disk", &limits))
      return DIO_CLI_USAGE;
    int index = demand_disk (config, name);
    if (index < 0)
      return DIO_CLI_ERROR;
    ((DioDiskConfig *) g_ptr_array_index (config->disks, index))->limits = limits;
  }
  return DIO_CLI_OK;
}

static gboolean
remove_disks (const DioMachineConfig *old, DioMachineConfig *config, char **removed)
{
  gboolean gone[64] = { FALSE };
  for (char **text = removed; text && *text; text++) {
    int index = demand_disk (old, *text);
    if (index < 0 || index >= (int) G_N_ELEMENTS (gone))
      return FALSE;
    gone[index] = TRUE;
  }
  for (guint i = G_N_ELEMENTS (gone); i-- > 0;)
    if (gone[i])
      g_ptr_array_remove_index (config->disks, i);
  return TRUE;
}

static int
configure (DioMachineItem *item, const DioMachineConfig *config, guint64 disk_size,
           const char *disk_format)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  dio_machine_item_configure_async (item, config, disk_size, disk_format, NULL, result_cb, &result);
  while (!result)
    g_main_context_iteration (NULL, TRUE);
  return dio_machine_item_command_finish (item, result, &error) ? DIO_CLI_OK : cli_fail (error);
}

static int
set (Cli *cli, const char *name, const CliConfigOptions *options, char **limited, char **removed,
     guint64 disk_size)
{
  int code;
  DioMachineItem *item = cli_find (cli, name, &code);
  if (!item)
    return code;
  const DioMachineConfig *old = dio_machine_item_get_config (item);
  if (!old) {
    cli_message ("%s: %s", dio_machine_item_get_name (item), dio_machine_item_get_error (item));
    return DIO_CLI_ERROR;
  }
  g_autoptr (DioMachineConfig) config = dio_machine_config_copy (old);
  /* Disks have the numbers that they had: none is taken away before. */
  code = limit_disks (cli, config, limited);
  if (code != DIO_CLI_OK)
    return code;
  if (!remove_disks (old, config, removed))
    return DIO_CLI_ERROR;
  if (!cli_config_apply (cli, options, config))
    return DIO_CLI_USAGE;
  return configure (item, config, disk_size, options->disk_format);
}

int
cli_command_set (Cli *cli, int argc, char **argv)
{
  CliConfigOptions options = CLI_CONFIG_OPTIONS_INIT;
  g_autofree char *disk_size = NULL;
  g_auto (GStrv) limited = NULL, removed = NULL;
  const GOptionEntry entries[] = {
    CLI_CONFIG_ENTRIES (options),
    { "disk-size", 0, 0, G_OPTION_ARG_STRING, &disk_size,
      N_ ("Make a new disk of this size in the machine, like 8G"), N_ ("SIZE") },
    { "limit-disk", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &limited,
      N_ ("Limit a disk, by its number or name, as DISK,bps=SIZE,iops=N"), N_ ("DISK") },
    { "remove-disk", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &removed,
      N_ ("Take a disk away, by its number from 1 on or its name; may be repeated"), N_ ("DISK") },
    { "snapshot-hours", 0, 0, G_OPTION_ARG_INT, &options.snapshot_hours,
      N_ ("Take a snapshot every so many hours while it runs; 0: none"), N_ ("HOURS") },
    { "snapshot-keep", 0, 0, G_OPTION_ARG_INT, &options.snapshot_keep,
      N_ ("How many of these snapshots are kept"), N_ ("COUNT") },
    { "installing", 0, 0, G_OPTION_ARG_STRING, &options.installing,
      N_ ("Whether to take a snapshot before an installer’s reboot: on or off"), N_ ("STATE") },
    { NULL },
  };
  int code = cli_parse (cli, entries, &argc, &argv, 1, 1);
  if (code < 0) {
    g_autoptr (GError) error = NULL;
    guint64 bytes = 0;
    /* A person brings these files: what they are is found out once, and kept. */
    options.detect = TRUE;
    if (options.disk_format && !dio_block_is_format (options.disk_format))
      code = cli_usage (cli, _ ("there is no disk format “%s”; there are %s"), options.disk_format,
                        DIO_BLOCK_FORMATS);
    else if (disk_size && !dio_size_parse (disk_size, &bytes, &error))
      code = cli_usage (cli, "--disk-size: %s", error->message);
    else
      code = set (cli, argv[1], &options, limited, removed, bytes);
  }
  cli_config_options_clear (&options);
  return code;
}
