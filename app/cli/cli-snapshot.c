/* SPDX-License-Identifier: GPL-3.0-or-later
 * diorama snapshot: the tree of a machine's snapshots, whether it is off, or runs in a window or
 * another process. */
#include <inttypes.h>
#include <string.h>

#include "app/cli/cli-private.h"
#include "app/library/library-size.h"
#include "app/model/model-snapshots.h"

/* ---- Options ---- */

typedef struct {
  char *note;
  gboolean linked, discard, timing;
} Options;

static void
options_clear (Options *options)
{
  g_free (options->note);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

/* ---- Waiting ---- */

typedef struct {
  GAsyncResult *result;
} Answer;

static void
answer_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Answer *answer = user_data;
  answer->result = g_object_ref (result);
}

static gboolean
act (DioMachineItem *item, DioSnapshotAction action, const char *id, const char *name,
     const char *note, char **taken, GError **error)
{
  Answer answer = { NULL };
  cli_wait_started (item);
  dio_machine_item_snapshot_async (item, action, id, name, note, NULL, answer_cb, &answer);
  while (!answer.result)
    g_main_context_iteration (NULL, TRUE);
  gboolean good = dio_machine_item_snapshot_finish (item, answer.result, taken, error);
  g_object_unref (answer.result);
  return good;
}

/* The id of the snapshot that the person named; NULL after printing why there is none. */
static char *
find_id (DioMachineItem *item, const char *name, int *code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioSnapshots) tree = dio_machine_item_get_snapshots (item, &error);
  g_autoptr (DioSnapshotInfo) info = tree ? dio_snapshots_find (tree, name, &error) : NULL;
  if (!info)
    *code = cli_fail (error);
  return info ? g_strdup (info->id) : NULL;
}

static int
act_on (DioMachineItem *item, const char *snapshot, DioSnapshotAction action, const char *name,
        const char *note)
{
  int code = DIO_CLI_OK;
  g_autoptr (GError) error = NULL;
  g_autofree char *id = find_id (item, snapshot, &code);
  if (!id)
    return code;
  return act (item, action, id, name, note, NULL, &error) ? DIO_CLI_OK : cli_fail (error);
}

/* ---- Showing ---- */

static char *
date_of (const DioSnapshotInfo *info)
{
  g_autoptr (GDateTime) date = g_date_time_new_from_unix_local (info->time_s);
  return date ? g_date_time_format (date, "%Y-%m-%d %H:%M:%S") : g_strdup ("?");
}

static int
verb_list (DioMachineItem *item)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioSnapshots) tree = dio_machine_item_get_snapshots (item, &error);
  if (!tree)
    return cli_fail (error);
  g_autoptr (GPtrArray) list = dio_snapshots_list (tree);
  g_autofree char *current = dio_snapshots_get_current (tree);
  for (guint i = 0; i < list->len; i++) {
    const DioSnapshotInfo *info = g_ptr_array_index (list, i);
    g_autofree char *date = date_of (info);
    g_autofree char *size = dio_size_to_text (info->stored);
    g_print ("%.8s%s  %s  %10s  %s\n", info->id, g_strcmp0 (info->id, current) == 0 ? "*" : " ",
             date, size, info->name);
  }
  return DIO_CLI_OK;
}

/* The children of @parent, each with its own below it. */
static void
print_branch (GPtrArray *list, const char *parent, const char *current, const char *indent)
{
  guint count = 0, seen = 0;
  for (guint i = 0; i < list->len; i++)
    count += g_strcmp0 (((DioSnapshotInfo *) g_ptr_array_index (list, i))->parent, parent) == 0;
  for (guint i = 0; i < list->len; i++) {
    const DioSnapshotInfo *info = g_ptr_array_index (list, i);
    if (g_strcmp0 (info->parent, parent) != 0)
      continue;
    gboolean last = ++seen == count;
    g_autofree char *date = date_of (info);
    g_print ("%s%s %s  (%.8s, %s)%s\n", indent, last ? "└─" : "├─", info->name, info->id, date,
             g_strcmp0 (info->id, current) == 0 ? _ ("  ← now") : "");
    g_autofree char *deeper = g_strconcat (indent, last ? "   " : "│  ", NULL);
    print_branch (list, info->id, current, deeper);
  }
}

static int
verb_tree (DioMachineItem *item)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioSnapshots) tree = dio_machine_item_get_snapshots (item, &error);
  if (!tree)
    return cli_fail (error);
  g_autoptr (GPtrArray) list = dio_snapshots_list (tree);
  g_autofree char *current = dio_snapshots_get_current (tree);
  g_print ("%s\n", dio_machine_item_get_name (item));
  print_branch (list, NULL, current, "");
  return DIO_CLI_OK;
}

static int
verb_show (DioMachineItem *item, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioSnapshots) tree = dio_machine_item_get_snapshots (item, &error);
  g_autoptr (DioSnapshotInfo) info = tree ? dio_snapshots_find (tree, name, &error) : NULL;
  if (!info)
    return cli_fail (error);
  g_autofree char *date = date_of (info);
  g_autofree char *memory = dio_size_to_text (info->memory);
  g_autofree char *stored = dio_size_to_text (info->stored);
  g_print (_ ("Name:      %s\n"), info->name);
  g_print (_ ("Number:    %s\n"), info->id);
  g_print (_ ("Taken:     %s\n"), date);
  g_print (_ ("After:     %s\n"), info->parent ? info->parent : "-");
  g_print (_ ("Memory:    %s\n"), info->memory ? memory : _ ("none: the machine was off"));
  g_print (_ ("On disk:   %s\n"), stored);
  if (info->note)
    g_print (_ ("Note:      %s\n"), info->note);
  return DIO_CLI_OK;
}

/* ---- Doing ---- */

static int
verb_take (DioMachineItem *item, const char *name, const char *note, gboolean timing)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *id = NULL;
  if (!act (item, DIO_SNAPSHOT_TAKE, NULL, name, note, &id, &error))
    return cli_fail (error);
  g_print ("%s\n", id ? id : "");
  if (timing)
    g_print (_ ("It stood still for %.2f ms\n"),
             (double) dio_machine_item_get_snapshot_pause (item) / 1e6);
  return DIO_CLI_OK;
}

static int
verb_delete (DioMachineItem *item, const char *name)
{
  g_autoptr (GError) error = NULL;
  int code = act_on (item, name, DIO_SNAPSHOT_DELETE, NULL, NULL);
  if (code != DIO_CLI_OK)
    return code;
  return act (item, DIO_SNAPSHOT_PURGE, NULL, NULL, NULL, NULL, &error) ? DIO_CLI_OK
                                                                        : cli_fail (error);
}

static int
verb_verify (DioMachineItem *item)
{
  g_autoptr (GError) error = NULL;
  guint64 damaged = 0;
  g_autoptr (DioSnapshots) tree = dio_machine_item_get_snapshots (item, &error);
  if (!tree || !dio_snapshots_verify (tree, NULL, NULL, &damaged, &error))
    return cli_fail (error);
  if (!damaged)
    return DIO_CLI_OK;
  cli_message (_ ("%" PRIu64 " parts of the snapshots are damaged"), damaged);
  return DIO_CLI_ERROR;
}

/* ---- The command ---- */

static int
run_verb (Cli *cli, DioMachineItem *item, char **arguments, int count, const Options *options)
{
  const char *verb = arguments[0];
  const char *first = count > 2 ? arguments[2] : NULL, *second = count > 3 ? arguments[3] : NULL;
  if (g_str_equal (verb, "take"))
    return verb_take (item, first, options->note, options->timing);
  if (g_str_equal (verb, "list"))
    return verb_list (item);
  if (g_str_equal (verb, "tree"))
    return verb_tree (item);
  if (g_str_equal (verb, "show"))
    return verb_show (item, first);
  if (g_str_equal (verb, "revert"))
    return act_on (item, first, options->discard ? DIO_SNAPSHOT_DISCARD : DIO_SNAPSHOT_REVERT, NULL,
                   NULL);
  if (g_str_equal (verb, "delete"))
    return verb_delete (item, first);
  if (g_str_equal (verb, "rename"))
    return act_on (item, first, DIO_SNAPSHOT_RENAME, second, NULL);
  if (g_str_equal (verb, "note"))
    return act_on (item, first, DIO_SNAPSHOT_NOTE, NULL, second);
  if (g_str_equal (verb, "clone"))
    return act_on (item, first, DIO_SNAPSHOT_CLONE, second, options->linked ? "linked" : NULL);
  return verb_verify (item);
}

static const struct {
  const char *name;
  int min, max; /* arguments with the verb and the machine */
} verbs[] = {
  { "take", 2, 3 },   { "list", 2, 2 },   { "tree", 2, 2 }, { "show", 3, 3 },  { "revert", 3, 3 },
  { "delete", 3, 3 }, { "rename", 4, 4 }, { "note", 4, 4 }, { "clone", 4, 4 }, { "verify", 2, 2 },
};

static int
command_snapshot (Cli *cli, int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  const GOptionEntry entries[] = {
    { "note", 0, 0, G_OPTION_ARG_STRING, &options.note, N_ ("take: a note that goes with it"),
      N_ ("TEXT") },
    { "timing", 0, 0, G_OPTION_ARG_NONE, &options.timing,
      N_ ("take: say how long the machine stood still"), NULL },
    { "discard", 0, 0, G_OPTION_ARG_NONE, &options.discard,
      N_ ("revert: do not keep what is now as a snapshot first"), NULL },
    { "linked", 0, 0, G_OPTION_ARG_NONE, &options.linked,
      N_ ("clone: share files on the disk with this machine"), NULL },
    { NULL },
  };
  int code = cli_parse (cli, entries, &argc, &argv, 2, 4);
  if (code >= 0)
    return code;
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++) {
    if (!g_str_equal (argv[1], verbs[i].name))
      continue;
    if (argc - 1 < verbs[i].min || argc - 1 > verbs[i].max)
      return cli_usage (cli, _ ("“%s” has another number of arguments"), argv[1]);
    DioMachineItem *item = cli_find (cli, argv[2], &code);
    return item ? run_verb (cli, item, argv + 1, argc - 1, &options) : code;
  }
  return cli_usage (cli, _ ("“%s” is nothing that can be done with snapshots"), argv[1]);
}

static int
command_suspend (Cli *cli, int argc, char **argv)
{
  int code = cli_parse (cli, NULL, &argc, &argv, 1, 1);
  if (code >= 0)
    return code;
  g_autoptr (GError) error = NULL;
  DioMachineItem *item = cli_find (cli, argv[1], &code);
  if (!item)
    return code;
  return act (item, DIO_SNAPSHOT_SAVE, NULL, NULL, NULL, NULL, &error) ? DIO_CLI_OK
                                                                       : cli_fail (error);
}

static int
command_forget (Cli *cli, int argc, char **argv)
{
  int code = cli_parse (cli, NULL, &argc, &argv, 1, 1);
  if (code >= 0)
    return code;
  g_autoptr (GError) error = NULL;
  DioMachineItem *item = cli_find (cli, argv[1], &code);
  if (!item)
    return code;
  return act (item, DIO_SNAPSHOT_FORGET, NULL, NULL, NULL, NULL, &error) ? DIO_CLI_OK
                                                                         : cli_fail (error);
}

const CliCommand cli_snapshot_commands[] = {
  { "snapshot", N_ ("VERB NAME [ARGUMENT…]"), N_ ("Take snapshots, look at them, go back to them"),
    N_ ("  take NAME [SNAPSHOT]           keeps the state as it is now, while the machine runs\n"
        "  list NAME                      one a line: number, date, size on disk, name\n"
        "  tree NAME                      which came after which, and where the machine is now\n"
        "  show NAME SNAPSHOT             all that is known of one\n"
        "  revert NAME SNAPSHOT           goes back; what is now is kept as a snapshot first\n"
        "  delete NAME SNAPSHOT           in any order; others do not change\n"
        "  rename NAME SNAPSHOT NEW-NAME\n"
        "  note NAME SNAPSHOT TEXT\n"
        "  clone NAME SNAPSHOT NEW-NAME   makes a new machine that goes on from there\n"
        "  verify NAME                    reads everything and compares it with its checksums\n"
        "A snapshot is given by its name, its number or the beginning of that."),
    command_snapshot },
  { "suspend", N_ ("NAME"), N_ ("Keep its state and turn it off; the next start goes on from it"),
    NULL, command_suspend },
  { "forget", N_ ("NAME"), N_ ("Throw away the state of a suspended machine"), NULL,
    command_forget },
  { NULL },
};
