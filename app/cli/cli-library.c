/* SPDX-License-Identifier: GPL-3.0-or-later
 * The library on the command line: create, list, show, rename, delete, restore, images. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "app/bridge/bridge-control.h"
#include "app/cli/cli-private.h"
#include "app/library/library-journal.h"
#include "app/library/library-manifest.h"
#include "app/library/library-size.h"
#include "app/model/model-image.h"
#include "app/model/model-snapshots.h"

static void
print_json (JsonNode *node)
{
  g_autofree char *text = json_to_string (node, TRUE);
  g_print ("%s\n", text);
  json_node_unref (node);
}

/* create */

static void
created_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static int
create_machine (Cli *cli, const DioMachineConfig *config, guint64 disk_size, const char *format)
{
  DioLibrary *library = cli_library (cli);
  if (!library)
    return DIO_CLI_ERROR;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  dio_library_create_async (library, config, disk_size, format, NULL, created_cb, &result);
  while (!result)
    g_main_context_iteration (NULL, TRUE);
  g_autoptr (DioMachineItem) item = dio_library_create_finish (library, result, &error);
  if (!item)
    return cli_fail (error);
  g_print ("%s\n", dio_machine_item_get_id (item));
  return DIO_CLI_OK;
}

static int
command_create (Cli *cli, int argc, char **argv)
{
  CliConfigOptions options = CLI_CONFIG_OPTIONS_INIT;
  g_autofree char *disk_size = NULL;
  const GOptionEntry entries[] = {
    CLI_CONFIG_ENTRIES (options),
    { "disk-size", 0, 0, G_OPTION_ARG_STRING, &disk_size,
      N_ ("Make a new disk of this size in the machine, like 8G"), N_ ("SIZE") },
    { NULL },
  };
  int code = cli_parse (cli, entries, &argc, &argv, 1, 1);
  if (code < 0) {
    /* A person brings these files: what they are is found out once, and kept. */
    options.detect = TRUE;
    g_autoptr (DioMachineConfig) config = cli_config (cli, &options, argv[1]);
    g_autoptr (GError) error = NULL;
    guint64 bytes = 0;
    if (!config)
      code = DIO_CLI_USAGE;
    else if (options.disk_format && !dio_block_is_format (options.disk_format))
      code = cli_usage (cli, _ ("there is no disk format “%s”; there are %s"), options.disk_format,
                        DIO_BLOCK_FORMATS);
    else if (disk_size && !dio_size_parse (disk_size, &bytes, &error))
      code = cli_usage (cli, "--disk-size: %s", error->message);
    else
      code = create_machine (cli, config, bytes, options.disk_format);
  }
  cli_config_options_clear (&options);
  return code;
}

/* list and show */

/* The words of JSON; translated when printed for people. */
static const char *
state_name (DioItemState state)
{
  switch (state) {
  case DIO_ITEM_OFF:
    return N_ ("off");
  case DIO_ITEM_STARTING:
    return N_ ("starting");
  case DIO_ITEM_RUNNING:
  case DIO_ITEM_ELSEWHERE:
    return N_ ("running");
  case DIO_ITEM_PAUSED:
    return N_ ("paused");
  case DIO_ITEM_STOPPING:
    return N_ ("stopping");
  case DIO_ITEM_BROKEN:
    return N_ ("broken");
  }
  return "?";
}

static const char *
live_state (DioMachineItem *item, JsonObject *status)
{
  const char *state =
      status ? json_object_get_string_member_with_default (status, "state", NULL) : NULL;
  if (state)
    return state;
  return dio_machine_item_is_suspended (item) ? N_ ("suspended")
                                              : state_name (dio_machine_item_get_state (item));
}

static const char *
live_state_text (DioMachineItem *item, JsonObject *status)
{
  const char *state = live_state (item, status);
  return *state ? _ (state) : state;
}

static JsonObject *
describe (DioMachineItem *item)
{
  JsonObject *object = json_object_new ();
  g_autoptr (JsonObject) status = cli_ask_status (item);
  const DioMachineConfig *config = dio_machine_item_get_config (item);
  json_object_set_string_member (object, "id", dio_machine_item_get_id (item));
  json_object_set_string_member (object, "name", dio_machine_item_get_name (item));
  json_object_set_string_member (object, "state", live_state (item, status));
  json_object_set_string_member (object, "path", dio_machine_item_get_path (item));
  if (dio_machine_item_get_error (item))
    json_object_set_string_member (object, "error", dio_machine_item_get_error (item));
  if (config) {
    json_object_set_string_member (object, "arch", dio_arch_to_string (config->arch));
    json_object_set_int_member (object, "memory", config->memory);
    json_object_set_int_member (object, "cpus", config->cpus);
  }
  if (status && json_object_has_member (status, "statistics"))
    json_object_set_member (object, "statistics",
                            json_node_copy (json_object_get_member (status, "statistics")));
  return object;
}

/* Pads by what is seen, not by bytes. */
static void
print_padded (const char *text, int width)
{
  int columns = 0;
  for (const char *p = text; *p; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);
    columns += g_unichar_iszerowidth (c) ? 0 : g_unichar_iswide (c) ? 2 : 1;
  }
  g_print ("%s%*s", text, MAX (width - columns, 0) + 2, "");
}

static void
print_table (DioLibrary *library)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (library));
  if (n == 0)
    return;
  print_padded (_ ("NAME"), 28);
  print_padded (_ ("STATE"), 9);
  print_padded (_ ("ARCH"), 8);
  print_padded (_ ("MEMORY"), 9);
  g_print ("%s\n", _ ("CPUS"));
  for (guint i = 0; i < n; i++) {
    g_autoptr (DioMachineItem) item = g_list_model_get_item (G_LIST_MODEL (library), i);
    g_autoptr (JsonObject) status = cli_ask_status (item);
    const DioMachineConfig *config = dio_machine_item_get_config (item);
    g_autofree char *memory = config ? dio_size_to_text (config->memory) : g_strdup ("-");
    print_padded (dio_machine_item_get_name (item), 28);
    print_padded (live_state_text (item, status), 9);
    print_padded (config ? dio_arch_to_string (config->arch) : "-", 8);
    print_padded (memory, 9);
    g_print (config ? "%u\n" : "-\n", config ? config->cpus : 0);
  }
}

static int
command_list (Cli *cli, int argc, char **argv)
{
  gboolean json = FALSE;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, N_ ("Print JSON for programs"), NULL },
    { NULL },
  };
  int code = cli_parse (cli, entries, &argc, &argv, 0, 0);
  if (code >= 0)
    return code;
  DioLibrary *library = cli_library (cli);
  if (!library)
    return DIO_CLI_ERROR;
  if (!json) {
    print_table (library);
    return DIO_CLI_OK;
  }
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (library)); i++) {
    g_autoptr (DioMachineItem) item = g_list_model_get_item (G_LIST_MODEL (library), i);
    json_array_add_object_element (array, describe (item));
  }
  JsonNode *node = json_node_new (JSON_NODE_ARRAY);
  json_node_take_array (node, array);
  print_json (node);
  return DIO_CLI_OK;
}

static void
print_fact (const char *title, const char *value)
{
  if (!value)
    return;
  print_padded (title, 14);
  g_print ("%s\n", value);
}

static void
print_disks (const DioMachineConfig *config)
{
  for (guint i = 0; config->disks && i < config->disks->len; i++) {
    const DioDiskConfig *disk = g_ptr_array_index (config->disks, i);
    struct stat st;
    g_autofree char *size =
        stat (disk->path, &st) == 0 ? dio_size_to_text (st.st_size) : g_strdup (_ ("missing"));
    g_autofree char *limits = dio_manifest_describe_limits (&disk->limits);
    g_autofree char *text = g_strdup_printf ("%s (%s, %s%s%s%s)", disk->path, disk->format, size,
                                             disk->cdrom      ? _ (", in a CD-ROM drive")
                                             : disk->readonly ? _ (", read-only")
                                                              : "",
                                             limits ? ", " : "", limits ? limits : "");
    print_fact (_ ("Disk"), text);
  }
}

static void
print_event (const DioJournalEvent *event)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (event->time_us / G_USEC_PER_SEC);
  g_autofree char *when = time ? g_date_time_format (time, "%Y-%m-%d %H:%M:%S") : g_strdup ("?");
  g_print ("  %s  %s", when, event->kind);
  if (event->reason)
    g_print (" (%s)", event->reason);
  if (event->count > 1)
    g_print (" ×%u", event->count);
  if (event->message)
    g_print (": %s", event->message);
  g_print ("\n");
}

static JsonArray *
events_to_json (const GPtrArray *events)
{
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < events->len; i++) {
    const DioJournalEvent *event = g_ptr_array_index (events, i);
    JsonObject *object = json_object_new ();
    json_object_set_int_member (object, "time_us", event->time_us);
    json_object_set_string_member (object, "kind", event->kind);
    if (event->reason)
      json_object_set_string_member (object, "reason", event->reason);
    json_object_set_int_member (object, "exit_code", event->exit_code);
    json_object_set_int_member (object, "count", event->count);
    if (event->message)
      json_object_set_string_member (object, "message", event->message);
    json_array_add_object_element (array, object);
  }
  return array;
}

static void
print_machine (DioMachineItem *item, const GPtrArray *events)
{
  g_autoptr (JsonObject) status = cli_ask_status (item);
  const DioMachineConfig *config = dio_machine_item_get_config (item);
  print_fact (_ ("Name"), dio_machine_item_get_name (item));
  print_fact (_ ("Id"), dio_machine_item_get_id (item));
  print_fact (_ ("State"), live_state_text (item, status));
  print_fact (_ ("Folder"), dio_machine_item_get_path (item));
  print_fact (_ ("Error"), dio_machine_item_get_error (item));
  if (config) {
    g_autofree char *memory = dio_size_to_text (config->memory);
    g_autofree char *cpus = g_strdup_printf ("%u", config->cpus);
    print_fact (_ ("Architecture"), dio_arch_to_string (config->arch));
    print_fact (_ ("Memory"), memory);
    print_fact (_ ("CPUs"), cpus);
    print_fact (_ ("Firmware"), config->firmware);
    print_fact (_ ("Kernel"), config->kernel);
    print_fact (_ ("Initrd"), config->initrd);
    print_fact (_ ("Append"), config->append);
    print_disks (config);
  }
  if (events->len)
    g_print ("\n%s\n", _ ("Events:"));
  for (guint i = 0; i < events->len; i++)
    print_event (g_ptr_array_index (events, i));
}

static int
command_show (Cli *cli, int argc, char **argv)
{
  gboolean json = FALSE;
  int n_events = 10;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, N_ ("Print JSON for programs"), NULL },
    { "events", 0, 0, G_OPTION_ARG_INT, &n_events,
      N_ ("How many of the last events to show (default: 10)"), N_ ("N") },
    { NULL },
  };
  int code = cli_parse (cli, entries, &argc, &argv, 1, 1);
  if (code >= 0)
    return code;
  if (n_events < 0)
    return cli_usage (cli, "%s", _ ("--events: it is negative"));
  DioMachineItem *item = cli_find (cli, argv[1], &code);
  if (!item)
    return code;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) events =
      dio_journal_read (dio_machine_item_get_path (item), n_events, &error);
  if (!events) {
    cli_message ("%s", error->message);
    events = g_ptr_array_new ();
  }
  if (json) {
    JsonObject *object = describe (item);
    json_object_set_array_member (object, "events", events_to_json (events));
    JsonNode *node = json_node_new (JSON_NODE_OBJECT);
    json_node_take_object (node, object);
    print_json (node);
  } else
    print_machine (item, events);
  return DIO_CLI_OK;
}

/* rename, delete, restore */

static int
command_rename (Cli *cli, int argc, char **argv)
{
  int code = cli_parse (cli, NULL, &argc, &argv, 2, 2);
  if (code >= 0)
    return code;
  g_autoptr (GError) error = NULL;
  DioMachineItem *item = cli_find (cli, argv[1], &code);
  if (!item)
    return code;
  return dio_machine_item_rename (item, argv[2], &error) ? DIO_CLI_OK : cli_fail (error);
}

static int
command_delete (Cli *cli, int argc, char **argv)
{
  int code = cli_parse (cli, NULL, &argc, &argv, 1, 1);
  if (code >= 0)
    return code;
  g_autoptr (GError) error = NULL;
  DioMachineItem *item = cli_find (cli, argv[1], &code);
  if (!item)
    return code;
  g_autofree char *id = g_strdup (dio_machine_item_get_id (item));
  if (!dio_library_trash (cli->library, item, &error))
    return cli_fail (error);
  g_print (_ ("Moved to the trash for 30 days. “diorama restore %s” brings it back.\n"), id);
  return DIO_CLI_OK;
}

static int
command_restore (Cli *cli, int argc, char **argv)
{
  int code = cli_parse (cli, NULL, &argc, &argv, 1, 1);
  if (code >= 0)
    return code;
  g_autoptr (GError) error = NULL;
  DioLibrary *library = cli_library (cli);
  if (!library)
    return DIO_CLI_ERROR;
  g_autoptr (DioMachineItem) item = dio_library_restore (library, argv[1], &error);
  return item ? DIO_CLI_OK : cli_fail (error);
}

/* images */

static void
set_string (JsonObject *object, const char *name, const char *value)
{
  if (value)
    json_object_set_string_member (object, name, value);
}

static JsonObject *
image_to_json (DioImage *image)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "title", dio_image_get_title (image));
  set_string (object, "arch", dio_arch_to_string (dio_image_get_arch (image)));
  set_string (object, "kernel", dio_image_get_kernel (image));
  set_string (object, "initrd", dio_image_get_initrd (image));
  set_string (object, "disk", dio_image_get_disk (image));
  set_string (object, "append", dio_image_get_append (image));
  json_object_set_int_member (object, "memory", dio_image_get_recommended_memory (image));
  json_object_set_int_member (object, "disk-size", dio_image_get_recommended_disk (image));
  return object;
}

static int
command_images (Cli *cli, int argc, char **argv)
{
  gboolean json = FALSE;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, N_ ("Print JSON for programs"), NULL },
    { NULL },
  };
  int code = cli_parse (cli, entries, &argc, &argv, 0, 0);
  if (code >= 0)
    return code;
  g_autoptr (GPtrArray) images = dio_images_find ();
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < images->len; i++) {
    DioImage *image = g_ptr_array_index (images, i);
    if (json) {
      json_array_add_object_element (array, image_to_json (image));
      continue;
    }
    g_print ("%s (%s)\n", dio_image_get_title (image), dio_image_get_subtitle (image));
    const char *const files[] = { dio_image_get_kernel (image), dio_image_get_initrd (image),
                                  dio_image_get_disk (image) };
    for (gsize j = 0; j < G_N_ELEMENTS (files); j++)
      if (files[j])
        g_print ("  %s\n", files[j]);
  }
  JsonNode *node = json_node_new (JSON_NODE_ARRAY);
  json_node_take_array (node, array);
  if (json)
    print_json (node);
  else
    json_node_unref (node);
  return DIO_CLI_OK;
}

const CliCommand cli_library_commands[] = {
  { "create", N_ ("NAME"), N_ ("Make a machine and print its id"),
    N_ ("Kernel, initrd and firmware are copied into the machine; disk images are used where they\n"
        "are."),
    command_create },
  { "list", "", N_ ("List the machines"), NULL, command_list },
  { "show", N_ ("NAME"), N_ ("Tell about a machine and what happened to it"), NULL, command_show },
  { "set", N_ ("NAME"), N_ ("Change what a machine is made of"),
    N_ ("Only what is given changes, while the machine is off; an empty value takes a file away.\n"
        "Kernel, initrd and firmware are copied into the machine; a disk is attached beside the\n"
        "others. A disk that is removed keeps its file."),
    cli_command_set },
  { "rename", N_ ("NAME NEW-NAME"), N_ ("Give a machine another name"), NULL, command_rename },
  { "delete", N_ ("NAME"), N_ ("Move a machine to the library's trash"), NULL, command_delete },
  { "restore", N_ ("ID"), N_ ("Bring a deleted machine back"), NULL, command_restore },
  { "disk", N_ ("COMMAND [ARGUMENT…]"), N_ ("Make, check, convert and compact disk images"), NULL,
    cli_disk },
  { "images", "", N_ ("List images on this computer to make machines from"), NULL, command_images },
  { NULL },
};
