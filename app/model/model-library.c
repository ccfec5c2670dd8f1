/* SPDX-License-Identifier: GPL-3.0-or-later
 * The library: a list model over the folder of bundles, kept in step by file monitors, and by a
 * slow look at machines that another process runs (a process that dies says nothing). */
#include "app/model/model-library.h"

#include <string.h>
#include <sys/stat.h>

#include "app/job/job-thread.h"
#include "app/model/model-machine-private.h"
#include "app/model/model-validate.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define RESCAN_MS 200
#define ELSEWHERE_MS 2000

struct _DioLibrary {
  GObject parent_instance;
  char *path;
  DioMachineHost host;
  GPtrArray *items; /* of Entry* */
  GFileMonitor *monitor;
  guint rescan_id;
  guint elsewhere_id;
};

typedef struct {
  DioMachineItem *item;
  GFileMonitor *monitor;
  gint64 created_s;
} Entry;

static GType
get_item_type (GListModel *model)
{
  return DIO_TYPE_MACHINE_ITEM;
}

static guint
get_n_items (GListModel *model)
{
  return DIO_LIBRARY (model)->items->len;
}

static gpointer
get_item (GListModel *model, guint position)
{
  DioLibrary *self = DIO_LIBRARY (model);
  if (position >= self->items->len)
    return NULL;
  Entry *entry = g_ptr_array_index (self->items, position);
  return g_object_ref (entry->item);
}

static void
list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (DioLibrary, dio_library, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, list_model_init))

static void
entry_free (gpointer data)
{
  Entry *entry = data;
  if (entry->monitor)
    g_file_monitor_cancel (entry->monitor);
  g_clear_object (&entry->monitor);
  g_object_unref (entry->item);
  g_free (entry);
}

static Entry *
entry_at (DioLibrary *self, guint index)
{
  return g_ptr_array_index (self->items, index);
}

/* Keeping in step. */

static void
bundle_changed_cb (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event,
                   gpointer user_data)
{
  g_autofree char *name = g_file_get_basename (file);
  g_autofree char *other_name = other ? g_file_get_basename (other) : NULL;
  /* The journal and the disks change all the time. */
  if (g_strcmp0 (name, DIO_MANIFEST_FILE) == 0 || g_strcmp0 (name, DIO_LOCK_FILE) == 0
      || g_strcmp0 (other_name, DIO_MANIFEST_FILE) == 0)
    dio_machine_item_reload (DIO_MACHINE_ITEM (user_data));
}

static gint64
created_time (const char *path)
{
  g_autoptr (DioManifest) manifest = dio_bundle_load (dio_files_host (), path, NULL);
  struct stat st;
  if (manifest && manifest->created_s)
    return manifest->created_s;
  return stat (path, &st) == 0 ? st.st_mtime : 0;
}

static Entry *
entry_new (DioLibrary *self, const char *path)
{
  Entry *entry = g_new0 (Entry, 1);
  entry->item = dio_machine_item_new_bundle (path, &self->host);
  entry->created_s = created_time (path);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  entry->monitor = g_file_monitor_directory (file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
  if (entry->monitor) {
    g_file_monitor_set_rate_limit (entry->monitor, 100);
    g_signal_connect_object (entry->monitor, "changed", G_CALLBACK (bundle_changed_cb), entry->item,
                             0);
  }
  return entry;
}

/* Where @entry belongs: by age, then by folder. */
static guint
position_for (DioLibrary *self, const Entry *entry)
{
  for (guint i = 0; i < self->items->len; i++) {
    const Entry *other = entry_at (self, i);
    if (other->created_s > entry->created_s
        || (other->created_s == entry->created_s
            && strcmp (dio_machine_item_get_path (other->item),
                       dio_machine_item_get_path (entry->item))
                   > 0))
      return i;
  }
  return self->items->len;
}

static Entry *
find_path (DioLibrary *self, const char *path)
{
  for (guint i = 0; i < self->items->len; i++)
    if (g_str_equal (dio_machine_item_get_path (entry_at (self, i)->item), path))
      return entry_at (self, i);
  return NULL;
}

static Entry *
add_path (DioLibrary *self, const char *path)
{
  Entry *entry = find_path (self, path);
  if (entry)
    return entry;
  entry = entry_new (self, path);
  /* A folder copied by hand carries the identity of its origin: the copy is given its own. */
  for (guint i = 0; i < self->items->len; i++)
    if (g_strcmp0 (dio_machine_item_get_id (entry_at (self, i)->item),
                   dio_machine_item_get_id (entry->item))
            == 0
        && dio_machine_item_get_state (entry->item) == DIO_ITEM_OFF) {
      g_autoptr (GError) error = NULL;
      if (!dio_bundle_renew_identity (dio_files_host (), path, &error))
        g_warning ("%s is a copy and could not be given an identity: %s", path, error->message);
      entry_free (entry);
      entry = entry_new (self, path);
      break;
    }
  guint position = position_for (self, entry);
  g_ptr_array_insert (self->items, position, entry);
  g_list_model_items_changed (G_LIST_MODEL (self), position, 0, 1);
  return entry;
}

static void
remove_at (DioLibrary *self, guint index)
{
  g_ptr_array_remove_index (self->items, index);
  g_list_model_items_changed (G_LIST_MODEL (self), index, 1, 0);
}

static void
rescan (DioLibrary *self)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) paths = dio_bundle_list (self->path, &error);
  if (!paths) {
    g_warning ("%s", error->message);
    return;
  }
  for (guint i = self->items->len; i-- > 0;) {
    DioMachineItem *item = entry_at (self, i)->item;
    if (!g_strv_contains ((const char *const *) paths, dio_machine_item_get_path (item))
        && !dio_machine_item_is_active (item))
      remove_at (self, i);
  }
  for (char **path = paths; *path; path++)
    add_path (self, *path);
}

static gboolean
rescan_cb (gpointer data)
{
  DioLibrary *self = data;
  self->rescan_id = 0;
  rescan (self);
  return G_SOURCE_REMOVE;
}

static void
library_changed_cb (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event,
                    gpointer user_data)
{
  DioLibrary *self = user_data;
  if (!self->rescan_id)
    self->rescan_id = g_timeout_add (RESCAN_MS, rescan_cb, self);
}

static gboolean
elsewhere_cb (gpointer data)
{
  DioLibrary *self = data;
  for (guint i = 0; i < self->items->len; i++)
    if (dio_machine_item_get_state (entry_at (self, i)->item) == DIO_ITEM_ELSEWHERE)
      dio_machine_item_reload (entry_at (self, i)->item);
  return G_SOURCE_CONTINUE;
}

DioLibrary *
dio_library_new (const char *path, const DioMachineHost *host, GError **error)
{
  g_autofree char *folder =
      path ? g_canonicalize_filename (path, NULL) : dio_bundle_default_library ();
  if (g_mkdir_with_parents (folder, 0700) != 0) {
    dio_set_error_errno (error, errno, _ ("The library folder “%s” cannot be made"), folder);
    return NULL;
  }
  dio_bundle_clean_library (dio_files_host (), folder);
  g_auto (GStrv) paths = dio_bundle_list (folder, error);
  if (!paths)
    return NULL;
  DioLibrary *self = g_object_new (DIO_TYPE_LIBRARY, NULL);
  self->path = g_steal_pointer (&folder);
  self->host = *host;
  for (char **bundle = paths; *bundle; bundle++)
    add_path (self, *bundle);
  g_autoptr (GFile) file = g_file_new_for_path (self->path);
  self->monitor = g_file_monitor_directory (file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
  if (self->monitor)
    g_signal_connect (self->monitor, "changed", G_CALLBACK (library_changed_cb), self);
  self->elsewhere_id = g_timeout_add (ELSEWHERE_MS, elsewhere_cb, self);
  return self;
}

const char *
dio_library_get_path (DioLibrary *self)
{
  g_return_val_if_fail (DIO_IS_LIBRARY (self), NULL);
  return self->path;
}

DioMachineItem *
dio_library_find (DioLibrary *self, const char *id_or_name)
{
  g_return_val_if_fail (DIO_IS_LIBRARY (self), NULL);
  DioMachineItem *found = NULL;
  for (guint i = 0; i < self->items->len; i++) {
    DioMachineItem *item = entry_at (self, i)->item;
    if (g_strcmp0 (dio_machine_item_get_id (item), id_or_name) == 0)
      return item;
  }
  for (guint i = 0; i < self->items->len; i++) {
    DioMachineItem *item = entry_at (self, i)->item;
    if (!dio_bundle_same_name (dio_machine_item_get_name (item), id_or_name))
      continue;
    if (found)
      return NULL;
    found = item;
  }
  return found;
}

static gboolean
name_is_taken (DioLibrary *self, const char *name)
{
  for (guint i = 0; i < self->items->len; i++)
    if (dio_bundle_same_name (dio_machine_item_get_name (entry_at (self, i)->item), name))
      return TRUE;
  return FALSE;
}

char *
dio_library_free_name (DioLibrary *self, const char *base)
{
  g_return_val_if_fail (DIO_IS_LIBRARY (self), NULL);
  char *name = g_strdup (base);
  for (unsigned n = 2; name_is_taken (self, name); n++) {
    g_free (name);
    name = g_strdup_printf ("%s %u", base, n);
  }
  return name;
}

guint
dio_library_count_active (DioLibrary *self)
{
  g_return_val_if_fail (DIO_IS_LIBRARY (self), 0);
  guint count = 0;
  for (guint i = 0; i < self->items->len; i++)
    count += dio_machine_item_is_active (entry_at (self, i)->item);
  return count;
}

/* Making machines. */

gboolean
dio_library_validate (DioLibrary *self, const DioMachineConfig *config, guint64 new_disk_size,
                      const char **field, GError **error)
{
  g_return_val_if_fail (DIO_IS_LIBRARY (self), FALSE);
  const char *ignored;
  if (!field)
    field = &ignored;
  *field = "name";
  if (!dio_manifest_check_name (config->name, error))
    return FALSE;
  if (name_is_taken (self, config->name)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_EXISTS, _ ("There is already a machine called “%s”"),
                 config->name);
    return FALSE;
  }
  return dio_validate_config (config, &self->host, field, error)
         && dio_validate_new_disk (self->path, new_disk_size, field, error);
}

typedef struct {
  char *library;
  DioMachineConfig *config;
  guint64 new_disk_size;
  char *new_disk_format;
} Creation;

static void
creation_free (gpointer data)
{
  Creation *creation = data;
  dio_machine_config_free (creation->config);
  g_free (creation->library);
  g_free (creation->new_disk_format);
  g_free (creation);
}

static void
create_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Creation *creation = task_data;
  GError *error = NULL;
  const char *field;
  if (!dio_validate_loads (creation->config, &field, &error)) {
    g_task_return_error (task, error);
    return;
  }
  char *path = dio_bundle_create (dio_files_host (), creation->library, creation->config,
                                  creation->new_disk_size, creation->new_disk_format, cancellable,
                                  NULL, NULL, &error);
  if (path)
    g_task_return_pointer (task, path, g_free);
  else
    g_task_return_error (task, error);
}

void
dio_library_create_async (DioLibrary *self, const DioMachineConfig *config, guint64 new_disk_size,
                          const char *new_disk_format, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (DIO_IS_LIBRARY (self));
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, dio_library_create_async);
  /* A cancelled creation still reports what became of it. */
  g_task_set_check_cancellable (task, FALSE);
  GError *error = NULL;
  if (!dio_library_validate (self, config, new_disk_size, NULL, &error)) {
    g_task_return_error (task, error);
    return;
  }
  Creation *creation = g_new0 (Creation, 1);
  creation->library = g_strdup (self->path);
  creation->config = dio_machine_config_copy (config);
  creation->new_disk_size = new_disk_size;
  creation->new_disk_format = g_strdup (new_disk_format);
  g_task_set_task_data (task, creation, creation_free);
  dio_job_thread_run (task, create_thread);
}

DioMachineItem *
dio_library_create_finish (DioLibrary *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (DIO_IS_LIBRARY (self), NULL);
  g_autofree char *path = g_task_propagate_pointer (G_TASK (result), error);
  return path ? g_object_ref (add_path (self, path)->item) : NULL;
}

/* The trash. */

gboolean
dio_library_trash (DioLibrary *self, DioMachineItem *item, GError **error)
{
  g_return_val_if_fail (DIO_IS_LIBRARY (self), FALSE);
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (item), FALSE);
  const char *name = dio_machine_item_get_name (item);
  const char *path = dio_machine_item_get_path (item);
  if (dio_machine_item_is_active (item)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_BUSY, _ ("“%s” is running; turn it off first"), name);
    return FALSE;
  }
  if (!dio_bundle_trash (dio_files_host (), path, dio_machine_item_get_id (item), name, error))
    return FALSE;
  for (guint i = 0; i < self->items->len; i++)
    if (entry_at (self, i)->item == item) {
      remove_at (self, i);
      break;
    }
  return TRUE;
}

DioMachineItem *
dio_library_restore (DioLibrary *self, const char *id, GError **error)
{
  g_return_val_if_fail (DIO_IS_LIBRARY (self), NULL);
  g_autofree char *path = dio_bundle_restore (dio_files_host (), self->path, id, error);
  return path ? g_object_ref (add_path (self, path)->item) : NULL;
}

static void
dio_library_finalize (GObject *object)
{
  DioLibrary *self = DIO_LIBRARY (object);
  g_clear_handle_id (&self->rescan_id, g_source_remove);
  g_clear_handle_id (&self->elsewhere_id, g_source_remove);
  if (self->monitor) {
    g_signal_handlers_disconnect_by_data (self->monitor, self);
    g_file_monitor_cancel (self->monitor);
  }
  g_clear_object (&self->monitor);
  g_ptr_array_unref (self->items);
  g_free (self->path);
  G_OBJECT_CLASS (dio_library_parent_class)->finalize (object);
}

static void
dio_library_class_init (DioLibraryClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = dio_library_finalize;
}

static void
dio_library_init (DioLibrary *self)
{
  self->items = g_ptr_array_new_with_free_func (entry_free);
}
