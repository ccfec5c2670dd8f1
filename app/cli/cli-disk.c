/* SPDX-License-Identifier: GPL-3.0-or-later
 * Disk images on the command line: `diorama disk COMMAND`.
 *
 * The format of an image comes from --format or from the name, never from what is in it: a guest
 * can write anything into a raw disk. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/cli/cli-private.h"
#include "app/library/library-json.h"
#include "app/library/library-size.h"
#include "app/library/library-snapshot.h"
#include "core/backend/block/block-job.h"
#include "core/backend/block/qcow2.h"

/* ---- Options ---- */

typedef struct {
  char *format;
  char *to;
  char *cluster_size;
  char **backing;
  char *repair;
  char *snapshot;
  gboolean json, shrink, quiet;
} DiskOptions;

static void
options_clear (DiskOptions *options)
{
  g_free (options->format);
  g_free (options->to);
  g_free (options->cluster_size);
  g_free (options->repair);
  g_free (options->snapshot);
  g_strfreev (options->backing);
}

#define FORMAT_ENTRY(options)                                                                      \
  {                                                                                                \
    "format", 'f', 0, G_OPTION_ARG_STRING, &(options).format,                                      \
        N_ ("Format of FILE: raw, qcow2, vmdk, vdi, vhd or vhdx (default: by its name)"),          \
        N_ ("FORMAT")                                                                              \
  }
#define BACKING_ENTRY(options)                                                                     \
  {                                                                                                \
    "backing", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &(options).backing,                              \
        N_ ("Image below FILE; repeated: the ones below that"), N_ ("FILE")                        \
  }
#define JSON_ENTRY(options)                                                                        \
  {                                                                                                \
    "json", 0, 0, G_OPTION_ARG_NONE, &(options).json, N_ ("Print JSON for programs"), NULL         \
  }
#define QUIET_ENTRY(options)                                                                       \
  {                                                                                                \
    "quiet", 'q', 0, G_OPTION_ARG_NONE, &(options).quiet, N_ ("Do not tell how far it is"), NULL   \
  }

/* The format that @asked or the end of @path names; NULL after printing a usage error. */
static const char *
format_of (Cli *cli, const char *asked, const char *path)
{
  static const struct {
    const char *suffix, *format;
  } names[] = {
    { ".qcow2", "qcow2" }, { ".raw", "raw" }, { ".img", "raw" }, { ".iso", "raw" },
    { ".vmdk", "vmdk" },   { ".vdi", "vdi" }, { ".vhd", "vhd" }, { ".vhdx", "vhdx" },
  };
  if (asked && dio_block_is_format (asked))
    return asked;
  for (gsize i = 0; !asked && i < G_N_ELEMENTS (names); i++)
    if (g_str_has_suffix (path, names[i].suffix))
      return names[i].format;
  if (asked)
    cli_usage (cli, _ ("there is no disk format “%s”; there are %s"), asked, DIO_BLOCK_FORMATS);
  else
    cli_usage (cli,
               _ ("the name of “%s” does not tell its format; say --format raw or "
                  "--format qcow2"),
               path);
  return NULL;
}

/* ---- Progress and Ctrl+C ---- */

static volatile sig_atomic_t interrupted;

static void
interrupt_cb (int number)
{
  interrupted = 1;
}

typedef struct {
  const char *what; /* "Copying", translated */
  gboolean show;
  int percent;
} Progress;

static bool
progress_cb (uint64_t done, uint64_t total, void *data)
{
  Progress *progress = data;
  int percent = total ? (int) ((double) done * 100 / (double) total) : 0;
  if (progress->show && percent != progress->percent) {
    progress->percent = percent;
    fprintf (stderr, "\r%s %3d %%", progress->what, percent);
    fflush (stderr);
  }
  return !interrupted;
}

/* From here on Ctrl+C cancels instead of ending the process. */
static DioBlockJob
begin_job (Progress *progress, const char *what, const DiskOptions *options)
{
  const struct sigaction action = { .sa_handler = interrupt_cb };
  *progress = (Progress){ what, !options->quiet && isatty (STDERR_FILENO), -1 };
  interrupted = 0;
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  return (DioBlockJob){ progress_cb, progress };
}

static int
end_job (const Progress *progress, bool good, const GError *error)
{
  signal (SIGINT, SIG_DFL);
  signal (SIGTERM, SIG_DFL);
  if (progress->show && progress->percent >= 0)
    fprintf (stderr, "\r\033[K");
  if (good)
    return DIO_CLI_OK;
  if (!g_error_matches (error, DIO_ERROR, DIO_ERROR_CANCELLED))
    return cli_fail (error);
  cli_message ("%s", _ ("Cancelled; nothing was changed"));
  return DIO_CLI_INTERRUPTED;
}

/* ---- Opening ---- */

/* The images that @options name below, the lowest first. False after printing why not. */
static bool
open_backing (Cli *cli, const DiskOptions *options, DioBlockOpenFlags flags, DioBlockNode **node,
              int *code)
{
  guint n = options->backing ? g_strv_length (options->backing) : 0;
  *node = NULL;
  for (guint i = n; i > 0; i--) {
    g_autoptr (GError) error = NULL;
    const char *format = format_of (cli, NULL, options->backing[i - 1]);
    if (!format) {
      dio_block_node_close (*node);
      *code = DIO_CLI_USAGE;
      return false;
    }
    /* Only the uppermost of them is ever written to. */
    DioBlockOpenFlags own = i == 1 ? flags : DIO_BLOCK_OPEN_READONLY;
    *node = dio_block_node_open (dio_files_host (), options->backing[i - 1], format, own, *node,
                                 &error);
    if (!*node) {
      *code = cli_fail (error);
      return false;
    }
  }
  return true;
}

static DioBlockNode *
open_disk (Cli *cli, const DiskOptions *options, const char *path, DioBlockOpenFlags flags,
           DioBlockOpenFlags backing_flags, int *code)
{
  g_autoptr (GError) error = NULL;
  DioBlockNode *backing;
  const char *format = format_of (cli, options->format, path);
  *code = DIO_CLI_USAGE;
  if (!format || !open_backing (cli, options, backing_flags, &backing, code))
    return NULL;
  DioBlockNode *node =
      dio_block_node_open (dio_files_host (), path, format, flags, backing, &error);
  if (!node)
    *code = cli_fail (error);
  return node;
}

/* False after printing why the file @path must not be changed. */
static bool
may_change (const char *path, bool resize, int *code)
{
  g_autoptr (GError) error = NULL;
  if (dio_snapshots_check_file (dio_files_host (), path, resize, &error))
    return true;
  *code = cli_fail (error);
  return false;
}

/* ---- create ---- */

static int
parse_size (Cli *cli, const char *what, const char *text, guint64 *bytes)
{
  g_autoptr (GError) error = NULL;
  if (dio_size_parse (text, bytes, &error))
    return -1;
  return cli_usage (cli, "%s: %s", what, error->message);
}

static int
disk_create (Cli *cli, int argc, char **argv)
{
  DiskOptions options = { 0 };
  const GOptionEntry entries[] = {
    { "format", 'f', 0, G_OPTION_ARG_STRING, &options.format,
      N_ ("Format of FILE: raw or qcow2 (default: by its name)"), N_ ("FORMAT") },
    { "cluster-size", 0, 0, G_OPTION_ARG_STRING, &options.cluster_size,
      N_ ("Cluster size of qcow2, 512 to 2M (default: 64K)"), N_ ("SIZE") },
    { NULL },
  };
  g_autoptr (GError) error = NULL;
  DioBlockCreate create = { 0 };
  int code = cli_parse (cli, entries, &argc, &argv, 2, 2);
  if (code < 0 && !(create.format = format_of (cli, options.format, argv[1])))
    code = DIO_CLI_USAGE;
  if (code < 0)
    code = parse_size (cli, argv[2], argv[2], &create.size);
  if (code < 0 && options.cluster_size)
    code = parse_size (cli, "--cluster-size", options.cluster_size, &create.cluster_size);
  if (code < 0)
    code = dio_block_create (dio_files_host (), argv[1], &create, &error) ? DIO_CLI_OK
                                                                          : cli_fail (error);
  options_clear (&options);
  return code;
}

/* ---- info ---- */

static guint64
allocated_bytes (const char *path)
{
  struct stat st;
  return stat (path, &st) == 0 ? (guint64) st.st_blocks * 512 : 0;
}

static JsonArray *
snapshots_to_json (DioBlockNode *node)
{
  JsonArray *array = json_array_new ();
  g_autoptr (GPtrArray) snapshots = dio_qcow2_list_snapshots (node, NULL);
  for (guint i = 0; snapshots && i < snapshots->len; i++) {
    const DioQcow2Snapshot *snapshot = g_ptr_array_index (snapshots, i);
    JsonObject *object = json_object_new ();
    g_autofree char *id = g_utf8_make_valid (snapshot->id, -1);
    g_autofree char *name = g_utf8_make_valid (snapshot->name, -1);
    json_object_set_string_member (object, "id", id);
    json_object_set_string_member (object, "name", name);
    json_object_set_int_member (object, "time", snapshot->date_s);
    json_object_set_int_member (object, "size", (gint64) snapshot->size);
    json_object_set_int_member (object, "state-size", (gint64) snapshot->state_size);
    json_array_add_object_element (array, object);
  }
  return array;
}

static void
set_string (JsonObject *object, const char *key, const char *value)
{
  g_autofree char *valid = value ? g_utf8_make_valid (value, -1) : NULL;
  if (valid)
    json_object_set_string_member (object, key, valid);
}

static JsonObject *
describe (DioBlockNode *node)
{
  JsonObject *object = json_object_new ();
  DioQcow2Info info;
  json_object_set_string_member (object, "format", node->driver->format);
  json_object_set_int_member (object, "size", (gint64) node->size);
  json_object_set_int_member (object, "allocated", (gint64) allocated_bytes (node->path));
  if (!g_str_equal (node->driver->format, "qcow2"))
    return object;
  dio_qcow2_get_info (node, &info);
  json_object_set_int_member (object, "version", info.version);
  json_object_set_int_member (object, "cluster-size", (gint64) info.cluster_size);
  json_object_set_int_member (object, "refcount-bits", info.refcount_bits);
  json_object_set_string_member (object, "compression", info.compression);
  json_object_set_boolean_member (object, "lazy-refcounts", info.lazy_refcounts);
  json_object_set_boolean_member (object, "extended-l2", info.extended_l2);
  json_object_set_boolean_member (object, "dirty", info.dirty);
  json_object_set_boolean_member (object, "corrupt", info.corrupt);
  set_string (object, "backing", info.backing_name);
  set_string (object, "backing-format", info.backing_format);
  json_object_set_array_member (object, "snapshots", snapshots_to_json (node));
  return object;
}

/* What is in a file that others made must not reach the terminal's controls. */
static char *
visible (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *result = g_string_new (NULL);
  for (const char *p = valid; *p; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);
    g_string_append_unichar (result, g_unichar_iscntrl (c) ? 0xfffd : c);
  }
  return g_string_free (result, FALSE);
}

/* One line each: number, date, name. */
static void
print_snapshots (DioBlockNode *node)
{
  g_autoptr (GPtrArray) snapshots = dio_qcow2_list_snapshots (node, NULL);
  for (guint i = 0; snapshots && i < snapshots->len; i++) {
    const DioQcow2Snapshot *snapshot = g_ptr_array_index (snapshots, i);
    g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (snapshot->date_s);
    g_autofree char *date = time ? g_date_time_format (time, "%Y-%m-%d %H:%M:%S") : g_strdup ("?");
    g_autofree char *id = visible (snapshot->id);
    g_autofree char *name = visible (snapshot->name);
    g_print ("  %-4s %s  %s\n", id, date, name);
  }
}

static void
print_json (JsonObject *object)
{
  g_autofree char *text = dio_json_object_to_text (object, TRUE);
  g_print ("%s\n", text);
}

static void
print_info (DioBlockNode *node)
{
  DioQcow2Info info;
  g_autofree char *size = dio_size_to_text (node->size);
  g_autofree char *used = dio_size_to_text (allocated_bytes (node->path));
  g_print (_ ("Format: %s\n"), node->driver->format);
  g_print (_ ("Size: %s (%" PRIu64 " bytes)\n"), size, node->size);
  g_print (_ ("Space taken: %s\n"), used);
  if (!g_str_equal (node->driver->format, "qcow2"))
    return;
  dio_qcow2_get_info (node, &info);
  g_autofree char *cluster = dio_size_to_text (info.cluster_size);
  g_print (_ ("Version: %u\n"), info.version);
  g_print (_ ("Cluster size: %s\n"), cluster);
  if (info.backing_name) {
    g_autofree char *name = g_strescape (info.backing_name, NULL);
    g_print (_ ("Stands on: %s\n"), name);
  }
  if (info.n_snapshots)
    g_print (_ ("Snapshots inside: %u\n"), info.n_snapshots);
  print_snapshots (node);
  if (info.dirty)
    g_print ("%s\n", _ ("It was not closed; it is put in order when it is used again"));
  if (info.corrupt)
    g_print ("%s\n", _ ("It is marked as damaged; see “diorama disk check --repair”"));
}

static int
disk_info (Cli *cli, int argc, char **argv)
{
  DiskOptions options = { 0 };
  const GOptionEntry entries[] = { FORMAT_ENTRY (options), JSON_ENTRY (options), { NULL } };
  int code = cli_parse (cli, entries, &argc, &argv, 1, 1);
  DioBlockNode *node = NULL;
  if (code < 0)
    node = open_disk (cli, &options, argv[1],
                      DIO_BLOCK_OPEN_READONLY | DIO_BLOCK_OPEN_CHECK | DIO_BLOCK_OPEN_UNLOCKED, 0,
                      &code);
  if (node) {
    g_autoptr (JsonObject) object = describe (node);
    if (options.json)
      print_json (object);
    else
      print_info (node);
    code = DIO_CLI_OK;
  }
  dio_block_node_close (node);
  options_clear (&options);
  return code;
}

/* ---- check ---- */

static void
print_check (const DioQcow2Check *check, bool json)
{
  if (json) {
    g_autoptr (JsonObject) object = json_object_new ();
    json_object_set_int_member (object, "corruptions", (gint64) check->corruptions);
    json_object_set_int_member (object, "leaks", (gint64) check->leaks);
    json_object_set_int_member (object, "errors", (gint64) check->errors);
    json_object_set_int_member (object, "fixed", (gint64) check->fixed);
    json_object_set_int_member (object, "used-clusters", (gint64) check->used);
    json_object_set_int_member (object, "image-end", (gint64) check->image_end);
    print_json (object);
    return;
  }
  g_print ("%s", check->text->str);
  if (!check->corruptions && !check->errors && !check->leaks)
    g_print ("%s\n", _ ("The disk is in order."));
  if (check->leaks)
    g_print (_ ("%" PRIu64 " clusters are lost space, which costs no data.\n"), check->leaks);
  if (check->corruptions + check->errors)
    g_print (_ ("%" PRIu64 " faults that may cost data.\n"), check->corruptions + check->errors);
  if (check->fixed)
    g_print (_ ("%" PRIu64 " of all that were repaired.\n"), check->fixed);
}

static int
run_check (DioBlockNode *node, DioQcow2Repair repair, const DiskOptions *options)
{
  Progress progress;
  g_autoptr (GError) error = NULL;
  DioQcow2Check check = { .text = g_string_new (NULL) };
  DioBlockJob job = begin_job (&progress, _ ("Checking"), options);
  bool good = dio_qcow2_check (node, repair, &check, job.progress, job.data, &error);
  int code = end_job (&progress, good, error);
  if (good) {
    print_check (&check, options->json);
    bool bad = check.corruptions + check.errors > 0 && check.fixed < check.corruptions;
    bool leaks = check.leaks > 0 && repair == DIO_QCOW2_REPAIR_NOTHING;
    code = bad || check.errors || leaks ? DIO_CLI_ERROR : DIO_CLI_OK;
    if (code != DIO_CLI_OK)
      cli_message (_ ("The disk “%s” is not in order. See “diorama disk check --help” for repairs"),
                   node->path);
  }
  g_string_free (check.text, TRUE);
  return code;
}

static int
parse_repair (Cli *cli, const char *text, DioQcow2Repair *repair)
{
  *repair = DIO_QCOW2_REPAIR_NOTHING;
  if (g_strcmp0 (text, "leaks") == 0)
    *repair = DIO_QCOW2_REPAIR_LEAKS;
  else if (g_strcmp0 (text, "all") == 0)
    *repair = DIO_QCOW2_REPAIR_ALL;
  else if (text)
    return cli_usage (cli, _ ("--repair: “%s” is neither leaks nor all"), text);
  return -1;
}

static int
disk_check (Cli *cli, int argc, char **argv)
{
  DiskOptions options = { 0 };
  DioQcow2Repair repair;
  const GOptionEntry entries[] = {
    FORMAT_ENTRY (options),
    { "repair", 'r', 0, G_OPTION_ARG_STRING, &options.repair,
      N_ ("Repair: leaks (lost space only) or all"), N_ ("WHAT") },
    JSON_ENTRY (options),
    QUIET_ENTRY (options),
    { NULL },
  };
  int code = cli_parse (cli, entries, &argc, &argv, 1, 1);
  DioBlockNode *node = NULL;
  if (code < 0)
    code = parse_repair (cli, options.repair, &repair);
  if (code < 0) {
    DioBlockOpenFlags flags = DIO_BLOCK_OPEN_CHECK | (repair ? 0 : DIO_BLOCK_OPEN_READONLY);
    node = open_disk (cli, &options, argv[1], flags, 0, &code);
  }
  if (node && g_str_equal (node->driver->format, "qcow2"))
    code = run_check (node, repair, &options);
  else if (node)
    code = cli_usage (cli, _ ("a disk of the format %s has nothing that could be checked"),
                      node->driver->format);
  dio_block_node_close (node);
  options_clear (&options);
  return code;
}

/* ---- convert, compact, merge, resize ---- */

/* The @node as it was in the snapshot @id inside of it. False after printing why not. */
static bool
show_snapshot (DioBlockNode *node, const char *id, int *code)
{
  g_autoptr (GError) error = NULL;
  if (!g_str_equal (node->driver->format, "qcow2")) {
    cli_message (_ ("A disk of the format %s has no snapshots inside"), node->driver->format);
    *code = DIO_CLI_ERROR;
    return false;
  }
  if (dio_qcow2_show_snapshot (node, id, &error))
    return true;
  *code = cli_fail (error);
  return false;
}

static int
disk_convert (Cli *cli, int argc, char **argv)
{
  DiskOptions options = { 0 };
  DioBlockCreate create = { 0 };
  DioBlockNode *node = NULL;
  const GOptionEntry entries[] = {
    FORMAT_ENTRY (options),
    BACKING_ENTRY (options),
    { "to", 0, 0, G_OPTION_ARG_STRING, &options.to,
      N_ ("Format of NEW-FILE: raw or qcow2 (default: by its name)"), N_ ("FORMAT") },
    { "cluster-size", 0, 0, G_OPTION_ARG_STRING, &options.cluster_size,
      N_ ("Cluster size of qcow2, 512 to 2M (default: 64K)"), N_ ("SIZE") },
    { "snapshot", 0, 0, G_OPTION_ARG_STRING, &options.snapshot,
      N_ ("Copy what FILE was in this snapshot inside of it; see “diorama disk info”"),
      N_ ("SNAPSHOT") },
    QUIET_ENTRY (options),
    { NULL },
  };
  int code = cli_parse (cli, entries, &argc, &argv, 2, 2);
  if (code < 0 && !(create.format = format_of (cli, options.to, argv[2])))
    code = DIO_CLI_USAGE;
  if (code < 0 && options.cluster_size)
    code = parse_size (cli, "--cluster-size", options.cluster_size, &create.cluster_size);
  if (code < 0)
    node =
        open_disk (cli, &options, argv[1], DIO_BLOCK_OPEN_READONLY, DIO_BLOCK_OPEN_READONLY, &code);
  if (node && (!options.snapshot || show_snapshot (node, options.snapshot, &code))) {
    Progress progress;
    g_autoptr (GError) error = NULL;
    DioBlockJob job = begin_job (&progress, _ ("Copying"), &options);
    bool good = dio_block_convert (node, argv[2], &create, &job, &error);
    code = end_job (&progress, good, error);
  }
  dio_block_node_close (node);
  options_clear (&options);
  return code;
}

static int
disk_compact (Cli *cli, int argc, char **argv)
{
  DiskOptions options = { 0 };
  const GOptionEntry entries[] = {
    FORMAT_ENTRY (options), BACKING_ENTRY (options), QUIET_ENTRY (options), { NULL }
  };
  int code = cli_parse (cli, entries, &argc, &argv, 1, 1);
  const char *format = code < 0 ? format_of (cli, options.format, argv[1]) : NULL;
  DioBlockNode *backing;
  if (code < 0 && !format)
    code = DIO_CLI_USAGE;
  if (code < 0 && may_change (argv[1], false, &code)
      && open_backing (cli, &options, DIO_BLOCK_OPEN_READONLY, &backing, &code)) {
    Progress progress;
    g_autoptr (GError) error = NULL;
    guint64 before = allocated_bytes (argv[1]);
    DioBlockJob job = begin_job (&progress, _ ("Compacting"), &options);
    bool good = dio_block_compact (dio_files_host (), argv[1], format, backing, &job, &error);
    code = end_job (&progress, good, error);
    g_autofree char *old = dio_size_to_text (before);
    g_autofree char *new = dio_size_to_text (allocated_bytes (argv[1]));
    if (good && !options.quiet)
      g_print (_ ("It took %s and takes %s now.\n"), old, new);
  }
  options_clear (&options);
  return code;
}

static int
disk_merge (Cli *cli, int argc, char **argv)
{
  DiskOptions options = { 0 };
  const GOptionEntry entries[] = {
    FORMAT_ENTRY (options), BACKING_ENTRY (options), QUIET_ENTRY (options), { NULL }
  };
  int code = cli_parse (cli, entries, &argc, &argv, 1, 1);
  DioBlockNode *node = NULL;
  if (code < 0 && !options.backing)
    code = cli_usage (cli, "%s", _ ("--backing is missing: the image to merge into"));
  if (code < 0 && may_change (argv[1], true, &code) && may_change (options.backing[0], true, &code))
    node = open_disk (cli, &options, argv[1], 0, 0, &code);
  if (node) {
    Progress progress;
    g_autoptr (GError) error = NULL;
    DioBlockJob job = begin_job (&progress, _ ("Merging"), &options);
    bool good = dio_block_merge (node, &job, &error);
    code = end_job (&progress, good, error);
    if (good && !options.quiet)
      g_print (_ ("“%s” has all of it now; “%s” is not needed any more.\n"), options.backing[0],
               argv[1]);
  }
  dio_block_node_close (node);
  options_clear (&options);
  return code;
}

static int
disk_resize (Cli *cli, int argc, char **argv)
{
  DiskOptions options = { 0 };
  const GOptionEntry entries[] = {
    FORMAT_ENTRY (options),
    BACKING_ENTRY (options),
    { "shrink", 0, 0, G_OPTION_ARG_NONE, &options.shrink,
      N_ ("Allow a smaller size: what lies behind it is lost"), NULL },
    { NULL },
  };
  guint64 size = 0;
  int code = cli_parse (cli, entries, &argc, &argv, 2, 2);
  DioBlockNode *node = NULL;
  if (code < 0)
    code = parse_size (cli, argv[2], argv[2], &size);
  if (code < 0 && may_change (argv[1], true, &code))
    node = open_disk (cli, &options, argv[1], 0, DIO_BLOCK_OPEN_READONLY, &code);
  if (node && size < node->size && !options.shrink) {
    cli_message (_ ("“%s” is larger than that. Make the file systems in it smaller first, then say "
                    "--shrink"),
                 argv[1]);
    code = DIO_CLI_ERROR;
  } else if (node) {
    g_autoptr (GError) error = NULL;
    code = dio_block_node_resize (node, size, &error) ? DIO_CLI_OK : cli_fail (error);
  }
  int closed = dio_block_node_close (node);
  if (code == DIO_CLI_OK && closed < 0) {
    cli_message (_ ("The disk “%s” could not be written"), argv[1]);
    code = DIO_CLI_ERROR;
  }
  options_clear (&options);
  return code;
}

/* ---- map ---- */

static const char *
kind_name (DioBlockExtentKind kind)
{
  static const char *const names[] = { [DIO_BLOCK_DATA] = "data",
                                       [DIO_BLOCK_COMPRESSED] = "compressed",
                                       [DIO_BLOCK_ZERO] = "zero",
                                       [DIO_BLOCK_UNALLOCATED] = "none" };
  return names[kind];
}

/* One line per extent: offset, length, what is there, how many images down. */
static int
print_map (DioBlockNode *node)
{
  for (uint64_t at = 0; at < node->size;) {
    DioBlockExtent extent = { 0 }, last = { 0 };
    unsigned depth, last_depth = 0;
    uint64_t start = at;
    do {
      int result = dio_block_node_map_chain (node, at, node->size - at, &extent, &depth);
      if (result < 0) {
        cli_message (_ ("The disk “%s” could not be read: %s"), node->path, g_strerror (-result));
        return DIO_CLI_ERROR;
      }
      if (at > start && (extent.kind != last.kind || depth != last_depth))
        break;
      last = extent;
      last_depth = depth;
      at += extent.length;
    } while (at < node->size);
    g_print ("%14" PRIu64 " %14" PRIu64 "  %-10s %u\n", start, at - start, kind_name (last.kind),
             last_depth);
  }
  return DIO_CLI_OK;
}

static int
disk_map (Cli *cli, int argc, char **argv)
{
  DiskOptions options = { 0 };
  const GOptionEntry entries[] = { FORMAT_ENTRY (options), BACKING_ENTRY (options), { NULL } };
  int code = cli_parse (cli, entries, &argc, &argv, 1, 1);
  DioBlockNode *node = NULL;
  if (code < 0)
    node =
        open_disk (cli, &options, argv[1], DIO_BLOCK_OPEN_READONLY, DIO_BLOCK_OPEN_READONLY, &code);
  if (node)
    code = print_map (node);
  dio_block_node_close (node);
  options_clear (&options);
  return code;
}

/* ---- The command ---- */

static const CliCommand disk_commands[] = {
  { "disk create", N_ ("FILE SIZE"), N_ ("Make an empty disk image"), NULL, disk_create },
  { "disk info", N_ ("FILE"), N_ ("Tell about a disk image"), NULL, disk_info },
  { "disk check", N_ ("FILE"), N_ ("Look for faults, and repair them"), NULL, disk_check },
  { "disk convert", N_ ("FILE NEW-FILE"), N_ ("Copy into an image of another format"), NULL,
    disk_convert },
  { "disk resize", N_ ("FILE SIZE"), N_ ("Make the disk larger or smaller"), NULL, disk_resize },
  { "disk compact", N_ ("FILE"), N_ ("Give unused space back"), NULL, disk_compact },
  { "disk merge", N_ ("FILE"), N_ ("Write an overlay into the image below it"), NULL, disk_merge },
  { "disk map", N_ ("FILE"), N_ ("List what is where"), NULL, disk_map },
  { NULL },
};

static const CliCommand *
find_disk_command (const char *name)
{
  for (const CliCommand *command = disk_commands; command->name; command++)
    if (g_str_equal (strchr (command->name, ' ') + 1, name))
      return command;
  return NULL;
}

int
cli_disk (Cli *cli, int argc, char **argv)
{
  const char *name = argc > 1 ? argv[1] : "--help";
  const CliCommand *command = find_disk_command (name);
  if (command) {
    cli->command = command;
    return command->run (cli, argc - 1, argv + 1);
  }
  if (*name != '-')
    return cli_usage (cli, _ ("“%s” is not a command"), name);
  g_print ("%s\n  diorama %s %s\n\n", _ ("Usage:"), "disk", _ ("COMMAND [ARGUMENT…]"));
  for (command = disk_commands; command->name; command++)
    g_print ("  %-14s %s\n", command->name, _ (command->summary));
  g_print ("\n%s\n", _ ("“diorama disk COMMAND --help” tells more about a command."));
  bool asked = argc > 1 && (g_str_equal (name, "--help") || g_str_equal (name, "-h"));
  return asked ? DIO_CLI_OK : DIO_CLI_USAGE;
}
