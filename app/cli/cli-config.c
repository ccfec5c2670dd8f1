/* SPDX-License-Identifier: GPL-3.0-or-later
 * A machine's configuration from options. */
#include <stdio.h>
#include <string.h>

#include "app/cli/cli-private.h"
#include "app/library/library-manifest.h"
#include "app/library/library-size.h"
#include "app/model/model-image.h"
#include "core/boot/boot-image.h"
#include "core/vm/vm-board.h"

#define DEFAULT_MEMORY (G_GUINT64_CONSTANT (1) << 30)

void
cli_config_options_clear (CliConfigOptions *options)
{
  g_free (options->arch);
  g_free (options->board);
  g_free (options->kernel);
  g_free (options->initrd);
  g_free (options->append);
  g_free (options->memory);
  g_strfreev (options->disks);
  g_free (options->disk_format);
  g_free (options->firmware);
  g_free (options->engine);
  g_free (options->acpi);
  g_free (options->installing);
  g_free (options->graphics);
  g_free (options->display);
}

static gboolean
parse_engine (const char *text, DioEngine *engine)
{
  static const char *const names[] = { "auto", "interpreter", "compiler" };
  static const DioEngine engines[] = { DIO_ENGINE_AUTO, DIO_ENGINE_INTERPRETER,
                                       DIO_ENGINE_COMPILER };
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (text, names[i])) {
      *engine = engines[i];
      return TRUE;
    }
  return FALSE;
}

/* A limit per second, as "bps=10M"; FALSE after printing a usage error. */
static gboolean
parse_limit (Cli *cli, const char *text, const char *option, DioBlockLimits *limits)
{
  g_autoptr (GError) error = NULL;
  const char *value = strchr (text, '=') + 1;
  gboolean good = *text == 'b' ? dio_size_parse (value, &limits->bytes, &error)
                               : g_ascii_string_to_unsigned (value, 10, 0, G_MAXINT64,
                                                             &limits->operations, &error);
  if (!good || !dio_manifest_check_limits (limits, &error))
    cli_usage (cli, "%s: %s: %s", option, text, error->message);
  return error == NULL;
}

gboolean
cli_config_take_limits (Cli *cli, char *text, const char *option, DioBlockLimits *limits)
{
  for (char *comma; (comma = strrchr (text, ','));) {
    if (!g_str_has_prefix (comma, ",bps=") && !g_str_has_prefix (comma, ",iops="))
      break;
    if (!parse_limit (cli, comma + 1, option, limits))
      return FALSE;
    *comma = '\0';
  }
  return TRUE;
}

static gboolean
take_suffix (char *text, const char *suffix)
{
  gboolean has = g_str_has_suffix (text, suffix);
  if (has)
    text[strlen (text) - strlen (suffix)] = '\0';
  return has;
}

/* A guest can do with a part of a disc, or a damaged one, so it is no error; but not with what it
 * looks for. */
static void
warn_of_condition (const char *path)
{
  DioBootIdentity identity;
  if (!dio_boot_identify_file (path, &identity, NULL))
    return;
  if (identity.condition == DIO_BOOT_INCOMPLETE)
    cli_message (_ ("“%s” is incomplete: its end is missing. Get it again"), path);
  else if (identity.condition == DIO_BOOT_DAMAGED)
    cli_message (_ ("“%s” is damaged: no firmware can start from it. Get it again"), path);
}

static gboolean
add_disk (Cli *cli, DioMachineConfig *config, const CliConfigOptions *options, const char *text)
{
  const char *format = options->disk_format ? options->disk_format : "raw";
  g_autofree char *path = g_strdup (text);
  DioBlockLimits limits = { 0 };
  gboolean cdrom = FALSE, readonly = FALSE;
  for (gsize length = 0; length != strlen (path);) {
    length = strlen (path);
    if (!cli_config_take_limits (cli, path, "--disk", &limits))
      return FALSE;
    cdrom |= take_suffix (path, ",cdrom");
    readonly |= take_suffix (path, ",readonly");
  }
  if (options->detect && !options->disk_format)
    format = dio_block_detect (dio_files_host (), path);
  if (cdrom)
    dio_machine_config_add_cdrom (config, path, format);
  else
    dio_machine_config_add_disk (config, path, format, readonly);
  ((DioDiskConfig *) g_ptr_array_index (config->disks, config->disks->len - 1))->limits = limits;
  warn_of_condition (path);
  return TRUE;
}

/* "1280x800" */
static gboolean
parse_display (const char *text, DioMachineConfig *config)
{
  unsigned width;
  unsigned height;
  char rest;
  if (sscanf (text, "%5ux%5u%c", &width, &height, &rest) != 2 || width < 320 || height < 200
      || width > DIO_DISPLAY_MAX_SIZE || height > DIO_DISPLAY_MAX_SIZE)
    return FALSE;
  config->width = width;
  config->height = height;
  return TRUE;
}

static gboolean
has_board (const DioMachineHost *host, DioArch arch)
{
  for (const DioBoardType *const *board = host->boards; board && *board; board++)
    if ((*board)->arch == arch)
      return TRUE;
  return FALSE;
}

/* What @file is for, if that can be told and there is a board for it. */
static DioArch
arch_of_file (const DioMachineHost *host, const char *file)
{
  g_autoptr (DioImage) image = file ? dio_image_probe_file (file, NULL) : NULL;
  DioArch arch = image ? dio_image_get_arch (image) : DIO_ARCH_NONE;
  return has_board (host, arch) ? arch : DIO_ARCH_NONE;
}

/* Of the kernel, else the firmware, else the first disk that tells. */
static DioArch
arch_of_files (const DioMachineHost *host, const DioMachineConfig *config)
{
  DioArch arch = arch_of_file (host, config->kernel);
  if (arch == DIO_ARCH_NONE)
    arch = arch_of_file (host, config->firmware);
  for (guint i = 0; arch == DIO_ARCH_NONE && config->disks && i < config->disks->len; i++)
    arch = arch_of_file (host, ((DioDiskConfig *) g_ptr_array_index (config->disks, i))->path);
  if (arch != DIO_ARCH_NONE)
    return arch;
  return has_board (host, DIO_ARCH_RISCV64) ? DIO_ARCH_RISCV64 : DIO_ARCH_NONE;
}

/* "" takes what is there away. */
static void
replace (char **value, const char *option)
{
  if (!option)
    return;
  g_free (*value);
  *value = *option ? g_strdup (option) : NULL;
}

static gboolean
apply_snapshots (Cli *cli, const CliConfigOptions *options, DioMachineConfig *config)
{
  int hours = options->snapshot_hours, keep = options->snapshot_keep;
  if (hours != G_MININT && (hours < 0 || hours > DIO_MANIFEST_MAX_SNAPSHOT_HOURS)) {
    cli_usage (cli, _ ("--snapshot-hours: %d is not between %d and %d"), hours, 0,
               DIO_MANIFEST_MAX_SNAPSHOT_HOURS);
    return FALSE;
  }
  if (keep != G_MININT && (keep < 1 || keep > DIO_MANIFEST_MAX_SNAPSHOT_KEEP)) {
    cli_usage (cli, _ ("--snapshot-keep: %d is not between %d and %d"), keep, 1,
               DIO_MANIFEST_MAX_SNAPSHOT_KEEP);
    return FALSE;
  }
  if (hours != G_MININT)
    config->snapshot_hours = (unsigned) hours;
  if (keep != G_MININT)
    config->snapshot_keep = (unsigned) keep;
  return TRUE;
}

static gboolean
parse_switch (const char *text, gboolean *on)
{
  *on = g_str_equal (text, "on");
  return *on || g_str_equal (text, "off");
}

gboolean
cli_config_apply (Cli *cli, const CliConfigOptions *options, DioMachineConfig *config)
{
  gboolean on;
  g_autoptr (GError) error = NULL;
  if (options->arch)
    config->arch = dio_arch_from_string (options->arch);
  if (options->arch && config->arch == DIO_ARCH_NONE) {
    cli_usage (cli, _ ("“%s” is not an architecture; riscv64 is one"), options->arch);
    return FALSE;
  }
  if (options->memory && !dio_size_parse (options->memory, &config->memory, &error)) {
    cli_usage (cli, "--memory: %s", error->message);
    return FALSE;
  }
  if (options->cpus != G_MININT)
    config->cpus = MAX (options->cpus, 0);
  if (options->engine && !parse_engine (options->engine, &config->engine)) {
    cli_usage (cli, _ ("--engine: “%s” is none of auto, interpreter, compiler"), options->engine);
    return FALSE;
  }
  if (options->acpi && !parse_switch (options->acpi, &on)) {
    cli_usage (cli, _ ("--acpi: “%s” is neither on nor off"), options->acpi);
    return FALSE;
  }
  if (options->acpi)
    config->no_acpi = !on;
  if (options->installing && !parse_switch (options->installing, &on)) {
    cli_usage (cli, _ ("--installing: “%s” is neither on nor off"), options->installing);
    return FALSE;
  }
  if (options->installing)
    config->installing = on;
  if (options->graphics && !dio_manifest_parse_graphics (options->graphics, &config->graphics)) {
    cli_usage (cli, _ ("--graphics: “%s” is none of virtio, ramfb"), options->graphics);
    return FALSE;
  }
  if (options->display && !parse_display (options->display, config)) {
    cli_usage (cli, _ ("--display: “%s” is not a size like 1280x800"), options->display);
    return FALSE;
  }
  if (!apply_snapshots (cli, options, config))
    return FALSE;
  replace (&config->board, options->board);
  replace (&config->kernel, options->kernel);
  replace (&config->initrd, options->initrd);
  replace (&config->append, options->append);
  replace (&config->firmware, options->firmware);
  for (char **disk = options->disks; disk && *disk; disk++)
    if (!add_disk (cli, config, options, *disk))
      return FALSE;
  return TRUE;
}

DioMachineConfig *
cli_config (Cli *cli, const CliConfigOptions *options, const char *name)
{
  g_autoptr (DioMachineConfig) config = dio_machine_config_new ();
  g_free (config->name);
  config->name = g_strdup (name);
  config->memory = DEFAULT_MEMORY;
  config->cpus = 1;
  if (!cli_config_apply (cli, options, config))
    return NULL;
  if (config->arch == DIO_ARCH_NONE)
    config->arch = arch_of_files (cli->host, config);
  if (config->arch == DIO_ARCH_NONE) {
    cli_usage (cli, "%s", _ ("--arch is missing"));
    return NULL;
  }
  return g_steal_pointer (&config);
}
