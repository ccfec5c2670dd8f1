/* SPDX-License-Identifier: GPL-3.0-or-later
 * machine.json: reading, checking, writing. */
#include "app/library/library-manifest.h"

#include <inttypes.h>
#include <math.h>
#include <errno.h>
#include <string.h>

#include "app/library/library-json.h"
#include "app/library/library-size.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/file/file-util.h"

#define MAX_DEPTH 32

/* The parser's state: which file and key is looked at, and the first error. */
typedef struct {
  const char *file;
  GError *error;
} Parse;

static gboolean refuse (Parse *parse, const char *key, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

static gboolean
refuse (Parse *parse, const char *key, const char *format, ...)
{
  if (parse->error)
    return FALSE;
  va_list args;
  va_start (args, format);
  g_autofree char *reason = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (&parse->error, DIO_ERROR, DIO_ERROR_CONFIG, "%s: %s: %s", parse->file, key, reason);
  return FALSE;
}

/* A copy of a string, NULL when absent or refused. */
static char *
get_string (Parse *parse, JsonObject *object, const char *member_name, const char *key,
            gboolean required, gsize max_bytes)
{
  JsonNode *node = json_object_get_member (object, member_name);
  if (!node) {
    if (required)
      refuse (parse, key, "%s", _ ("this key is missing"));
    return NULL;
  }
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING) {
    refuse (parse, key, "%s", _ ("a string is expected"));
    return NULL;
  }
  const char *value = json_node_get_string (node);
  if (strlen (value) > max_bytes) {
    refuse (parse, key, _ ("longer than %zu bytes"), max_bytes);
    return NULL;
  }
  return g_strdup (value);
}

/* A whole number between 0 and 2^63-1; 0 when refused. */
static gboolean
get_whole (Parse *parse, JsonObject *object, const char *member_name, const char *key,
           gboolean required, guint64 *value)
{
  JsonNode *node = json_object_get_member (object, member_name);
  if (!node)
    return required ? refuse (parse, key, "%s", _ ("this key is missing")) : FALSE;
  GType type = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_INVALID;
  double real = type == G_TYPE_INT64    ? (double) json_node_get_int (node)
                : type == G_TYPE_DOUBLE ? json_node_get_double (node)
                                        : NAN;
  if (isnan (real) || real != floor (real))
    return refuse (parse, key, "%s", _ ("a whole number is expected"));
  if (real < 0)
    return refuse (parse, key, "%s", _ ("it is negative"));
  if (real > 9007199254740992.0)
    return refuse (parse, key, "%s", _ ("it is too large"));
  *value = (guint64) real;
  return TRUE;
}

static void
parse_id (Parse *parse, JsonObject *root, DioManifest *manifest)
{
  manifest->id = get_string (parse, root, "id", "id", TRUE, 64);
  gboolean good = manifest->id && strlen (manifest->id) == 36;
  for (int i = 0; good && i < 36; i++) {
    char c = manifest->id[i];
    gboolean dash = i == 8 || i == 13 || i == 18 || i == 23;
    good = dash ? c == '-' : g_ascii_isdigit (c) || (c >= 'a' && c <= 'f');
  }
  if (!good)
    refuse (parse, "id", "%s", _ ("it is not a UUID in lower case"));
}

static void
parse_created (Parse *parse, JsonObject *root, DioManifest *manifest)
{
  g_autofree char *text = get_string (parse, root, "created", "created", FALSE, 64);
  if (!text)
    return;
  g_autoptr (GDateTime) time = g_date_time_new_from_iso8601 (text, NULL);
  if (time && g_str_has_suffix (text, "Z"))
    manifest->created_s = g_date_time_to_unix (time);
  else
    refuse (parse, "created", "%s", _ ("it is not a time like 2026-01-31T12:00:00Z"));
}

static void
parse_memory (Parse *parse, JsonObject *root, DioMachineConfig *config)
{
  if (!get_whole (parse, root, "memory", "memory", TRUE, &config->memory))
    return;
  g_autofree char *size = dio_size_to_text (config->memory);
  if (config->memory < DIO_MANIFEST_MIN_MEMORY) {
    g_autofree char *limit = dio_size_to_text (DIO_MANIFEST_MIN_MEMORY);
    refuse (parse, "memory", _ ("%s is less than the minimum of %s"), size, limit);
  } else if (config->memory > DIO_MANIFEST_MAX_MEMORY) {
    g_autofree char *limit = dio_size_to_text (DIO_MANIFEST_MAX_MEMORY);
    refuse (parse, "memory", _ ("%s is more than the maximum of %s"), size, limit);
  } else if (config->memory % DIO_PAGE_SIZE)
    refuse (parse, "memory", _ ("%" PRIu64 " is not a multiple of 4096 bytes"), config->memory);
}

static void
parse_cpus (Parse *parse, JsonObject *root, DioMachineConfig *config)
{
  guint64 cpus;
  if (!get_whole (parse, root, "cpus", "cpus", TRUE, &cpus))
    return;
  if (cpus < 1 || cpus > DIO_MANIFEST_MAX_CPUS)
    refuse (parse, "cpus", _ ("%" PRIu64 " is not between 1 and %d"), cpus, DIO_MANIFEST_MAX_CPUS);
  config->cpus = cpus;
}

static void
parse_engine (Parse *parse, JsonObject *root, DioMachineConfig *config)
{
  g_autofree char *text = get_string (parse, root, "engine", "engine", FALSE, 64);
  if (!text)
    return;
  if (g_str_equal (text, "auto"))
    config->engine = DIO_ENGINE_AUTO;
  else if (g_str_equal (text, "interpreter"))
    config->engine = DIO_ENGINE_INTERPRETER;
  else if (g_str_equal (text, "compiler"))
    config->engine = DIO_ENGINE_COMPILER;
  else
    refuse (parse, "engine", _ ("“%s” is none of auto, interpreter, compiler"), text);
}

/* A member that is true or false; false if it is not there. */
static gboolean
parse_flag (Parse *parse, JsonObject *object, const char *where, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);
  if (!node)
    return FALSE;
  if (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_BOOLEAN)
    return json_node_get_boolean (node);
  g_autofree char *key = where ? g_strconcat (where, ".", name, NULL) : g_strdup (name);
  refuse (parse, key, "%s", _ ("true or false is expected"));
  return FALSE;
}

static void
parse_acpi (Parse *parse, JsonObject *root, DioMachineConfig *config)
{
  JsonNode *node = json_object_get_member (root, "acpi");
  if (node && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_BOOLEAN)
    config->no_acpi = !json_node_get_boolean (node);
  else if (node)
    refuse (parse, "acpi", "%s", _ ("true or false is expected"));
}

static void
parse_graphics (Parse *parse, JsonObject *root, DioMachineConfig *config)
{
  g_autofree char *text = get_string (parse, root, "graphics", "graphics", FALSE, 64);
  if (text && !dio_manifest_parse_graphics (text, &config->graphics))
    refuse (parse, "graphics", _ ("“%s” is none of virtio, ramfb"), text);
}

/* The name of a file inside the bundle. */
static void
parse_file (Parse *parse, JsonObject *root, const char *key, char **file)
{
  *file = get_string (parse, root, key, key, FALSE, 1024);
  if (*file && !dio_file_is_inside (*file))
    refuse (parse, key, _ ("“%s” is not a plain name inside the machine’s folder"), *file);
}

static void
parse_limits (Parse *parse, JsonObject *disk, const char *where, DioBlockLimits *limits)
{
  JsonNode *node = json_object_get_member (disk, "limits");
  g_autofree char *key = g_strconcat (where, ".limits", NULL);
  g_autofree char *bytes_key = g_strconcat (key, ".bytes", NULL);
  g_autofree char *operations_key = g_strconcat (key, ".operations", NULL);
  g_autoptr (GError) error = NULL;
  if (!node)
    return;
  if (!JSON_NODE_HOLDS_OBJECT (node)) {
    refuse (parse, key, "%s", _ ("an object is expected"));
    return;
  }
  JsonObject *object = json_node_get_object (node);
  get_whole (parse, object, "bytes", bytes_key, FALSE, &limits->bytes);
  get_whole (parse, object, "operations", operations_key, FALSE, &limits->operations);
  if (!dio_manifest_check_limits (limits, &error))
    refuse (parse, key, "%s", error->message);
}

static void
parse_disk (Parse *parse, JsonNode *node, unsigned index, DioMachineConfig *config)
{
  g_autofree char *key = g_strdup_printf ("disks[%u]", index);
  if (!JSON_NODE_HOLDS_OBJECT (node)) {
    refuse (parse, key, "%s", _ ("an object is expected"));
    return;
  }
  JsonObject *disk = json_node_get_object (node);
  g_autofree char *path_key = g_strconcat (key, ".path", NULL);
  g_autofree char *format_key = g_strconcat (key, ".format", NULL);
  g_autofree char *path = get_string (parse, disk, "path", path_key, TRUE, 4096);
  g_autofree char *format = get_string (parse, disk, "format", format_key, TRUE, 64);
  gboolean readonly = parse_flag (parse, disk, key, "readonly");
  gboolean cdrom = parse_flag (parse, disk, key, "cdrom");
  DioBlockLimits limits = { 0 };
  parse_limits (parse, disk, key, &limits);
  if (path && !dio_file_is_inside (*path == '/' ? path + 1 : path))
    refuse (parse, path_key,
            _ ("“%s” is neither a plain name inside the machine’s folder nor an absolute path"),
            path);
  if (format && !dio_block_is_format (format))
    refuse (parse, format_key, _ ("“%s” is not known; this version knows %s"), format,
            DIO_BLOCK_FORMATS);
  if (parse->error)
    return;
  if (cdrom)
    dio_machine_config_add_cdrom (config, path, format);
  else
    dio_machine_config_add_disk (config, path, format, readonly);
  ((DioDiskConfig *) g_ptr_array_index (config->disks, config->disks->len - 1))->limits = limits;
}

static void
parse_disks (Parse *parse, JsonObject *root, DioMachineConfig *config)
{
  JsonNode *node = json_object_get_member (root, "disks");
  if (!node)
    return;
  if (!JSON_NODE_HOLDS_ARRAY (node)) {
    refuse (parse, "disks", "%s", _ ("an array is expected"));
    return;
  }
  JsonArray *disks = json_node_get_array (node);
  guint count = json_array_get_length (disks);
  if (count > DIO_MANIFEST_MAX_DISKS) {
    refuse (parse, "disks", _ ("more than %d disks"), DIO_MANIFEST_MAX_DISKS);
    return;
  }
  for (guint i = 0; i < count && !parse->error; i++)
    parse_disk (parse, json_array_get_element (disks, i), i, config);
}

static void
parse_display (Parse *parse, JsonObject *root, DioMachineConfig *config)
{
  JsonNode *node = json_object_get_member (root, "display");
  if (!node)
    return;
  if (!JSON_NODE_HOLDS_OBJECT (node)) {
    refuse (parse, "display", "%s", _ ("an object is expected"));
    return;
  }
  JsonObject *display = json_node_get_object (node);
  guint64 width = 0;
  guint64 height = 0;
  get_whole (parse, display, "width", "display.width", TRUE, &width);
  get_whole (parse, display, "height", "display.height", TRUE, &height);
  if (width < 320 || width > DIO_DISPLAY_MAX_SIZE)
    refuse (parse, "display.width", _ ("%" PRIu64 " is not between %d and %d"), width, 320,
            DIO_DISPLAY_MAX_SIZE);
  if (height < 200 || height > DIO_DISPLAY_MAX_SIZE)
    refuse (parse, "display.height", _ ("%" PRIu64 " is not between %d and %d"), height, 200,
            DIO_DISPLAY_MAX_SIZE);
  config->width = width;
  config->height = height;
}

static void
parse_snapshots (Parse *parse, JsonObject *root, DioMachineConfig *config)
{
  JsonNode *node = json_object_get_member (root, "snapshots");
  if (!node)
    return;
  if (!JSON_NODE_HOLDS_OBJECT (node)) {
    refuse (parse, "snapshots", "%s", _ ("an object is expected"));
    return;
  }
  JsonObject *object = json_node_get_object (node);
  guint64 hours = 0, keep = DIO_MANIFEST_SNAPSHOT_KEEP;
  get_whole (parse, object, "hours", "snapshots.hours", TRUE, &hours);
  get_whole (parse, object, "keep", "snapshots.keep", FALSE, &keep);
  if (hours > DIO_MANIFEST_MAX_SNAPSHOT_HOURS)
    refuse (parse, "snapshots.hours", _ ("%" PRIu64 " is not between %d and %d"), hours, 0,
            DIO_MANIFEST_MAX_SNAPSHOT_HOURS);
  if (keep < 1 || keep > DIO_MANIFEST_OLD_SNAPSHOT_KEEP)
    refuse (parse, "snapshots.keep", _ ("%" PRIu64 " is not between %d and %d"), keep, 1,
            DIO_MANIFEST_MAX_SNAPSHOT_KEEP);
  config->snapshot_hours = (unsigned) hours;
  config->snapshot_keep = (unsigned) MIN (keep, DIO_MANIFEST_MAX_SNAPSHOT_KEEP);
}

static gboolean
parse_version (Parse *parse, JsonObject *root)
{
  guint64 version;
  if (!get_whole (parse, root, "version", "version", TRUE, &version))
    return FALSE;
  if (version < 1)
    return refuse (parse, "version", "%s", _ ("0 is not a version"));
  if (version == DIO_MANIFEST_VERSION)
    return TRUE;
  g_set_error (&parse->error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
               _ ("%s: version: %" PRIu64 " is newer than this Diorama, which knows "
                  "versions up to %d. Update Diorama to use this machine"),
               parse->file, version, DIO_MANIFEST_VERSION);
  return FALSE;
}

static void
parse_root (Parse *parse, JsonObject *root, DioManifest *manifest)
{
  /* The version comes first: everything else may mean something different in another one. */
  if (!parse_version (parse, root))
    return;
  DioMachineConfig *config = manifest->config;
  parse_id (parse, root, manifest);
  parse_created (parse, root, manifest);
  g_autoptr (GError) name_error = NULL;
  config->name = get_string (parse, root, "name", "name", TRUE, 4096);
  if (config->name && !dio_manifest_check_name (config->name, &name_error))
    refuse (parse, "name", "%s", name_error->message);
  g_autofree char *arch = get_string (parse, root, "arch", "arch", TRUE, 64);
  config->arch = dio_arch_from_string (arch);
  if (config->arch == DIO_ARCH_NONE)
    refuse (parse, "arch", _ ("“%s” is not known"), arch ? arch : "");
  config->board = get_string (parse, root, "board", "board", FALSE, 64);
  if (config->board && !*config->board)
    refuse (parse, "board", "%s", _ ("it is empty"));
  parse_memory (parse, root, config);
  parse_cpus (parse, root, config);
  parse_engine (parse, root, config);
  parse_file (parse, root, "firmware", &config->firmware);
  parse_file (parse, root, "kernel", &config->kernel);
  parse_file (parse, root, "initrd", &config->initrd);
  config->append = get_string (parse, root, "append", "append", FALSE, DIO_MANIFEST_MAX_APPEND);
  parse_disks (parse, root, config);
  parse_acpi (parse, root, config);
  parse_graphics (parse, root, config);
  parse_display (parse, root, config);
  parse_snapshots (parse, root, config);
  config->installing = parse_flag (parse, root, NULL, "installing");
}

static const char *const graphics_names[] = {
  [DIO_GRAPHICS_VIRTIO] = "virtio",
  [DIO_GRAPHICS_RAMFB] = "ramfb",
};

gboolean
dio_manifest_parse_graphics (const char *text, DioGraphics *graphics)
{
  for (gsize i = 0; i < G_N_ELEMENTS (graphics_names); i++)
    if (g_str_equal (text, graphics_names[i])) {
      *graphics = (DioGraphics) i;
      return TRUE;
    }
  return FALSE;
}

DioManifest *
dio_manifest_parse (const char *text, gsize length, const char *file, GError **error)
{
  g_autoptr (GError) json_error = NULL;
  g_autoptr (JsonObject) root = dio_json_parse_object (text, length, MAX_DEPTH, &json_error);
  if (!root) {
    if (g_error_matches (json_error, DIO_ERROR, DIO_ERROR_MEMORY))
      dio_set_error_errno (error, ENOMEM, _ ("%s cannot be read"), file);
    else
      g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, "%s:%s", file, json_error->message);
    return NULL;
  }
  Parse parse = { file, NULL };
  g_autoptr (DioManifest) manifest = g_new0 (DioManifest, 1);
  manifest->config = dio_machine_config_new ();
  manifest->config->arch = DIO_ARCH_NONE;
  parse_root (&parse, root, manifest);
  if (parse.error) {
    g_propagate_error (error, parse.error);
    return NULL;
  }
  manifest->raw = g_steal_pointer (&root);
  return g_steal_pointer (&manifest);
}

DioManifest *
dio_manifest_new (const DioMachineConfig *config)
{
  DioManifest *manifest = g_new0 (DioManifest, 1);
  manifest->id = g_uuid_string_random ();
  manifest->created_s = g_get_real_time () / G_USEC_PER_SEC;
  manifest->config = dio_machine_config_copy (config);
  return manifest;
}

void
dio_manifest_free (DioManifest *manifest)
{
  if (!manifest)
    return;
  g_free (manifest->id);
  g_clear_pointer (&manifest->config, dio_machine_config_free);
  g_clear_pointer (&manifest->raw, json_object_unref);
  g_free (manifest);
}

/* A mutable copy of @raw, one level deep (deeper values are shared and stay as they are). */
static JsonObject *
copy_object (JsonObject *raw)
{
  JsonObject *copy = json_object_new ();
  if (!raw)
    return copy;
  g_autoptr (GList) keys = json_object_get_members (raw);
  for (GList *key = keys; key; key = key->next)
    json_object_set_member (copy, key->data,
                            json_node_copy (json_object_get_member (raw, key->data)));
  return copy;
}

static void
set_string (JsonObject *object, const char *key, const char *value)
{
  if (value)
    json_object_set_string_member (object, key, value);
  else if (json_object_has_member (object, key))
    json_object_remove_member (object, key);
}

static void
set_limit (JsonObject *object, const char *key, guint64 value)
{
  if (value)
    json_object_set_int_member (object, key, (gint64) value);
  else if (json_object_has_member (object, key))
    json_object_remove_member (object, key);
}

/* Only where there are some; other keys of them stay. */
static void
limits_to_json (JsonObject *disk, const DioBlockLimits *limits)
{
  gboolean has = json_object_has_member (disk, "limits");
  if (!has && !limits->bytes && !limits->operations)
    return;
  JsonObject *object =
      has ? copy_object (json_object_get_object_member (disk, "limits")) : json_object_new ();
  set_limit (object, "bytes", limits->bytes);
  set_limit (object, "operations", limits->operations);
  json_object_set_object_member (disk, "limits", object);
  if (json_object_get_size (object) == 0)
    json_object_remove_member (disk, "limits");
}

static JsonArray *
disks_to_json (const DioManifest *manifest)
{
  JsonArray *array = json_array_new ();
  JsonArray *old = NULL;
  if (manifest->raw && json_object_has_member (manifest->raw, "disks"))
    old = json_object_get_array_member (manifest->raw, "disks");
  const GPtrArray *disks = manifest->config->disks;
  for (guint i = 0; disks && i < disks->len; i++) {
    const DioDiskConfig *disk = g_ptr_array_index (disks, i);
    /* The entry of the same path in the old file keeps its unknown keys. */
    JsonObject *object = NULL;
    for (guint j = 0; old && !object && j < json_array_get_length (old); j++) {
      JsonObject *entry = json_array_get_object_element (old, j);
      if (g_strcmp0 (json_object_get_string_member (entry, "path"), disk->path) == 0)
        object = copy_object (entry);
    }
    if (!object)
      object = json_object_new ();
    json_object_set_string_member (object, "path", disk->path);
    json_object_set_string_member (object, "format", disk->format ? disk->format : "raw");
    if (disk->readonly || json_object_has_member (object, "readonly"))
      json_object_set_boolean_member (object, "readonly", disk->readonly);
    if (disk->cdrom || json_object_has_member (object, "cdrom"))
      json_object_set_boolean_member (object, "cdrom", disk->cdrom);
    limits_to_json (object, &disk->limits);
    json_array_add_object_element (array, object);
  }
  return array;
}

/* Only where something is to be said; other keys of it stay. */
static void
snapshots_to_json (JsonObject *root, const DioMachineConfig *config)
{
  gboolean has = json_object_has_member (root, "snapshots");
  if (!has && !config->snapshot_hours)
    return;
  JsonObject *object =
      has ? copy_object (json_object_get_object_member (root, "snapshots")) : json_object_new ();
  json_object_set_int_member (object, "hours", config->snapshot_hours);
  guint64 keep = config->snapshot_keep ? config->snapshot_keep : DIO_MANIFEST_SNAPSHOT_KEEP;
  if (json_object_has_member (object, "keep") || keep != DIO_MANIFEST_SNAPSHOT_KEEP)
    json_object_set_int_member (object, "keep", (gint64) keep);
  json_object_set_object_member (root, "snapshots", object);
}

char *
dio_manifest_to_text (const DioManifest *manifest, gsize *length)
{
  static const char *const engines[] = {
    [DIO_ENGINE_AUTO] = "auto",
    [DIO_ENGINE_INTERPRETER] = "interpreter",
    [DIO_ENGINE_COMPILER] = "compiler",
  };
  const DioMachineConfig *config = manifest->config;
  g_autoptr (JsonObject) root = copy_object (manifest->raw);
  json_object_set_int_member (root, "version", DIO_MANIFEST_VERSION);
  json_object_set_string_member (root, "id", manifest->id);
  json_object_set_string_member (root, "name", config->name);
  g_autoptr (GDateTime) created = g_date_time_new_from_unix_utc (manifest->created_s);
  if (manifest->created_s && created) {
    g_autofree char *text = g_date_time_format (created, "%Y-%m-%dT%H:%M:%SZ");
    json_object_set_string_member (root, "created", text);
  }
  json_object_set_string_member (root, "arch", dio_arch_to_string (config->arch));
  set_string (root, "board", config->board);
  json_object_set_int_member (root, "memory", config->memory);
  json_object_set_int_member (root, "cpus", config->cpus);
  json_object_set_string_member (root, "engine", engines[config->engine]);
  set_string (root, "firmware", config->firmware);
  set_string (root, "kernel", config->kernel);
  set_string (root, "initrd", config->initrd);
  set_string (root, "append", config->append);
  json_object_set_array_member (root, "disks", disks_to_json (manifest));
  if (config->no_acpi || json_object_has_member (root, "acpi"))
    json_object_set_boolean_member (root, "acpi", !config->no_acpi);
  if (config->graphics != DIO_GRAPHICS_VIRTIO || json_object_has_member (root, "graphics"))
    json_object_set_string_member (root, "graphics", graphics_names[config->graphics]);
  if (config->width && config->height) {
    JsonObject *display = NULL;
    if (json_object_has_member (root, "display"))
      display = copy_object (json_object_get_object_member (root, "display"));
    else
      display = json_object_new ();
    json_object_set_int_member (display, "width", config->width);
    json_object_set_int_member (display, "height", config->height);
    json_object_set_object_member (root, "display", display);
  }
  snapshots_to_json (root, config);
  if (config->installing || json_object_has_member (root, "installing"))
    json_object_set_boolean_member (root, "installing", config->installing);
  g_autofree char *text = dio_json_object_to_text (root, TRUE);
  char *result = g_strconcat (text, "\n", NULL);
  if (length)
    *length = strlen (result);
  return result;
}

static void
make_absolute (char **file, const char *folder)
{
  if (*file && **file != '/') {
    char *absolute = g_build_filename (folder, *file, NULL);
    g_free (*file);
    *file = absolute;
  }
}

DioMachineConfig *
dio_manifest_resolve (const DioManifest *manifest, const char *path)
{
  DioMachineConfig *config = dio_machine_config_copy (manifest->config);
  make_absolute (&config->firmware, path);
  make_absolute (&config->kernel, path);
  make_absolute (&config->initrd, path);
  for (guint i = 0; config->disks && i < config->disks->len; i++) {
    DioDiskConfig *disk = g_ptr_array_index (config->disks, i);
    make_absolute (&disk->path, path);
    for (guint j = 0; disk->chain && j < disk->chain->len; j++)
      make_absolute (&((DioBlockImage *) g_ptr_array_index (disk->chain, j))->path, path);
  }
  return config;
}

gboolean
dio_manifest_check_limits (const DioBlockLimits *limits, GError **error)
{
  if (limits->bytes
      && (limits->bytes < DIO_MANIFEST_MIN_DISK_BYTES
          || limits->bytes > DIO_MANIFEST_MAX_DISK_BYTES)) {
    g_autofree char *asked = dio_size_to_text (limits->bytes);
    g_autofree char *least = dio_size_to_text (DIO_MANIFEST_MIN_DISK_BYTES);
    g_autofree char *most = dio_size_to_text (DIO_MANIFEST_MAX_DISK_BYTES);
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("A disk cannot be limited to %s per second; %s to %s are possible"), asked,
                 least, most);
    return FALSE;
  }
  if (limits->operations
      && (limits->operations < DIO_MANIFEST_MIN_DISK_OPERATIONS
          || limits->operations > DIO_MANIFEST_MAX_DISK_OPERATIONS)) {
    g_set_error (
        error, DIO_ERROR, DIO_ERROR_CONFIG,
        _ ("A disk cannot be limited to %" PRIu64 " operations per second; %d to %d are possible"),
        limits->operations, DIO_MANIFEST_MIN_DISK_OPERATIONS, DIO_MANIFEST_MAX_DISK_OPERATIONS);
    return FALSE;
  }
  return TRUE;
}

char *
dio_manifest_describe_limits (const DioBlockLimits *limits)
{
  g_autofree char *bytes = dio_size_to_text (limits->bytes);
  if (limits->bytes && limits->operations)
    return g_strdup_printf (_ ("at most %s and %" PRIu64 " operations per second"), bytes,
                            limits->operations);
  if (limits->bytes)
    return g_strdup_printf (_ ("at most %s per second"), bytes);
  if (limits->operations)
    return g_strdup_printf (_ ("at most %" PRIu64 " operations per second"), limits->operations);
  return NULL;
}

gboolean
dio_manifest_check_name (const char *name, GError **error)
{
  const char *reason = NULL;
  if (!name || !g_utf8_validate (name, -1, NULL))
    reason = _ ("The name is not valid text");
  else if (g_utf8_strlen (name, -1) > DIO_MANIFEST_MAX_NAME)
    reason = _ ("The name is longer than 100 characters");
  else {
    gboolean visible = FALSE;
    for (const char *p = name; *p && !reason; p = g_utf8_next_char (p)) {
      gunichar c = g_utf8_get_char (p);
      if (g_unichar_iscntrl (c))
        reason = _ ("The name holds a control character");
      visible |= g_unichar_isgraph (c);
    }
    if (!reason && !visible)
      reason = _ ("The name is empty");
  }
  if (reason)
    g_set_error_literal (error, DIO_ERROR, DIO_ERROR_CONFIG, reason);
  return reason == NULL;
}
