/* SPDX-License-Identifier: GPL-3.0-or-later
 * tree.json: reading, checking, writing. Hostile when read. */
#include <errno.h>
#include <string.h>

#include "app/library/library-json.h"
#include "app/library/library-snapshot-private.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/base/base-memory.h"

#define MAX_DEPTH 8
#define WRITTEN_BYTES (2 * DIO_SNAPSHOT_MAX_NOTE) /* of text for a snapshot or an image */

static const char *const kind_names[] = {
  [DIO_SNAPSHOT_MANUAL] = "manual",
  [DIO_SNAPSHOT_AUTOMATIC] = "automatic",
  [DIO_SNAPSHOT_SUSPEND] = "suspend",
};

void
dio_snapshot_info_free (DioSnapshotInfo *info)
{
  if (!info)
    return;
  g_free (info->id);
  g_free (info->parent);
  g_free (info->name);
  g_free (info->note);
  g_ptr_array_unref (info->disks);
  g_free (info);
}

GPtrArray *
dio_snapshot_disk_list (void)
{
  return g_ptr_array_new_with_free_func (g_free);
}

DioSnapshotInfo *
dio_snapshot_info_copy (const DioSnapshotInfo *info)
{
  DioSnapshotInfo *copy = g_memdup2 (info, sizeof *info);
  copy->id = g_strdup (info->id);
  copy->parent = g_strdup (info->parent);
  copy->name = g_strdup (info->name);
  copy->note = g_strdup (info->note);
  copy->disks = dio_snapshot_disk_list ();
  for (guint i = 0; i < info->disks->len; i++)
    g_ptr_array_add (copy->disks, g_strdup (g_ptr_array_index (info->disks, i)));
  return copy;
}

void
dio_snapshot_install_free (DioSnapshotInstall *install)
{
  g_free (install->from);
  g_free (install->to);
  g_free (install);
}

DioSnapshotInfo *
dio_snapshots_get_locked (DioSnapshots *self, const char *id)
{
  for (guint i = 0; id && i < self->infos->len; i++) {
    DioSnapshotInfo *info = g_ptr_array_index (self->infos, i);
    if (strcmp (info->id, id) == 0)
      return info;
  }
  return NULL;
}

gboolean
dio_snapshots_check_name (const char *name, GError **error)
{
  const char *reason = NULL;
  if (!*name)
    reason = _ ("it is empty");
  else if (!g_utf8_validate (name, -1, NULL))
    reason = _ ("it is not valid UTF-8");
  else if (g_utf8_strlen (name, -1) > DIO_SNAPSHOT_MAX_NAME)
    reason = _ ("it is too long");
  for (const char *p = name; !reason && *p; p = g_utf8_next_char (p))
    if (g_unichar_iscntrl (g_utf8_get_char (p)))
      reason = _ ("it has a control character");
  if (!reason)
    return TRUE;
  g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG, _ ("This cannot be the name of a snapshot: %s"),
               reason);
  return FALSE;
}

/* ---- Reading ---- */

/* A string member that is valid, or NULL; absent and null are NULL, too. */
static const char *
get_string (JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member (object, key);
  if (!node || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return NULL;
  return json_node_get_string (node);
}

static gint64
get_number (JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member (object, key);
  if (!node || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return 0;
  return MAX (json_node_get_int (node), 0);
}

static JsonArray *
get_array (JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member (object, key);
  return node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

static gboolean
is_id (const char *id)
{
  return id && g_uuid_string_is_valid (id);
}

/* A plain name of a file. */
static gboolean
is_file (const char *name)
{
  return name && *name != '.' && !strchr (name, '/') && dio_file_is_inside (name);
}

/* In the bundle, or in the folder of the snapshots. */
static gboolean
is_image_file (const char *name)
{
  if (name && g_str_has_prefix (name, DIO_SNAPSHOT_FOLDER "/"))
    name += strlen (DIO_SNAPSHOT_FOLDER "/");
  return is_file (name);
}

static gboolean
parse_disks (JsonObject *object, DioSnapshotInfo *info)
{
  JsonArray *disks = get_array (object, "disks");
  for (guint i = 0; disks && i < json_array_get_length (disks); i++) {
    JsonNode *node = json_array_get_element (disks, i);
    const char *file = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;
    if (!is_image_file (file) || i >= DIO_MANIFEST_MAX_DISKS)
      return FALSE;
    g_ptr_array_add (info->disks, g_strdup (file));
  }
  return TRUE;
}

static DioSnapshotInfo *
parse_info (JsonObject *object)
{
  const char *id = get_string (object, "id"), *name = get_string (object, "name");
  const char *kind = get_string (object, "kind"), *parent = get_string (object, "parent");
  const char *note = get_string (object, "note");
  if (!is_id (id) || !name || !dio_snapshots_check_name (name, NULL) || (parent && !is_id (parent))
      || (note && strlen (note) > DIO_SNAPSHOT_MAX_NOTE))
    return NULL;
  DioSnapshotInfo *info = g_new0 (DioSnapshotInfo, 1);
  info->id = g_strdup (id);
  info->parent = g_strdup (parent);
  info->name = g_strdup (name);
  info->note = g_strdup (note);
  info->time_s = get_number (object, "time");
  info->memory = (guint64) get_number (object, "memory");
  info->stored = (guint64) get_number (object, "stored");
  info->deleted_s = get_number (object, "deleted");
  for (guint i = 0; i < G_N_ELEMENTS (kind_names); i++)
    if (g_strcmp0 (kind, kind_names[i]) == 0)
      info->kind = i;
  info->disks = dio_snapshot_disk_list ();
  if (parse_disks (object, info))
    return info;
  dio_snapshot_info_free (info);
  return NULL;
}

static gboolean
refuse (const char *reason, GError **error)
{
  g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, "%s/%s: %s", DIO_SNAPSHOT_FOLDER,
               DIO_SNAPSHOT_TREE, reason);
  return FALSE;
}

static gboolean
parse_infos (DioSnapshots *self, JsonArray *array, GError **error)
{
  for (guint i = 0; array && i < json_array_get_length (array); i++) {
    JsonNode *node = json_array_get_element (array, i);
    DioSnapshotInfo *info =
        JSON_NODE_HOLDS_OBJECT (node) ? parse_info (json_node_get_object (node)) : NULL;
    if (!info || i >= DIO_SNAPSHOT_MAX || dio_snapshots_get_locked (self, info->id)) {
      g_clear_pointer (&info, dio_snapshot_info_free);
      return refuse (_ ("a snapshot in it is not described as it should be"), error);
    }
    /* Parents come first, so there are no loops. */
    if (info->parent && !dio_snapshots_get_locked (self, info->parent))
      g_clear_pointer (&info->parent, g_free);
    g_ptr_array_add (self->infos, info);
  }
  return TRUE;
}

static gboolean
parse_installs (DioSnapshots *self, JsonArray *array, GError **error)
{
  for (guint i = 0; array && i < json_array_get_length (array); i++) {
    JsonNode *node = json_array_get_element (array, i);
    JsonObject *object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
    const char *from = object ? get_string (object, "from") : NULL;
    const char *to = object ? get_string (object, "to") : NULL;
    if (!is_file (from) || !is_file (to))
      return refuse (_ ("a file in it has an impossible name"), error);
    DioSnapshotInstall *install = g_new0 (DioSnapshotInstall, 1);
    install->from = g_strdup (from);
    install->to = g_strdup (to);
    g_ptr_array_add (self->installs, install);
  }
  return TRUE;
}

static JsonObject *
get_object (JsonArray *array, guint i)
{
  JsonNode *node = json_array_get_element (array, i);
  return JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static gboolean
parse_image (DioSnapshots *self, JsonObject *object)
{
  const char *file = get_string (object, "file"), *format = get_string (object, "format");
  const char *backing = get_string (object, "backing");
  if (!is_image_file (file) || !dio_block_is_format (format)
      || dio_snapshots_find_image (self->images, file)
      || self->images->len >= DIO_SNAPSHOT_MAX_IMAGES)
    return FALSE;
  /* What they stand on comes first, so there are no loops. */
  if (backing && !dio_snapshots_find_image (self->images, backing))
    return FALSE;
  guint64 size = (guint64) get_number (object, "size");
  dio_snapshots_add_image (self->images, file, format, size, backing);
  return TRUE;
}

static gboolean
parse_images (DioSnapshots *self, JsonArray *array, GError **error)
{
  for (guint i = 0; array && i < json_array_get_length (array); i++) {
    JsonObject *object = get_object (array, i);
    if (!object || !parse_image (self, object))
      return refuse (_ ("a disk in it is not described as it should be"), error);
  }
  return TRUE;
}

static gboolean
parse_current_disks (DioSnapshots *self, JsonArray *array, GError **error)
{
  for (guint i = 0; array && i < json_array_get_length (array); i++) {
    JsonObject *object = get_object (array, i);
    const char *path = object ? get_string (object, "path") : NULL;
    const char *image = object ? get_string (object, "image") : NULL;
    if (!is_file (path) || !dio_snapshots_find_image (self->images, image)
        || i >= DIO_SNAPSHOT_MAX_IMAGES)
      return refuse (_ ("a disk in it is not described as it should be"), error);
    dio_snapshots_put_disk (self->disks, path, image);
  }
  return TRUE;
}

static gboolean
check_snapshot_disks (DioSnapshots *self, GError **error)
{
  for (guint i = 0; i < self->infos->len; i++) {
    const DioSnapshotInfo *info = g_ptr_array_index (self->infos, i);
    for (guint j = 0; j < info->disks->len; j++)
      if (!dio_snapshots_find_image (self->images, g_ptr_array_index (info->disks, j)))
        return refuse (_ ("a disk in it is not described as it should be"), error);
  }
  return TRUE;
}

/* Each disk of a snapshot was a whole copy, of the format that its configuration tells. */
static gboolean
upgrade_info (DioSnapshots *self, DioSnapshotInfo *info, GError **error)
{
  if (!info->disks->len)
    return TRUE;
  g_autoptr (DioManifest) manifest = dio_snapshots_load_manifest (self, info->id, error);
  g_autoptr (GPtrArray) disks = manifest ? dio_snapshots_written_disks (manifest->config) : NULL;
  if (!disks || disks->len != info->disks->len)
    return manifest == NULL ? FALSE
                            : refuse (_ ("a disk in it is not described as it should be"), error);
  for (guint i = 0; i < disks->len; i++) {
    const DioDiskConfig *disk = g_ptr_array_index (disks, i);
    char *file = g_strconcat (DIO_SNAPSHOT_FOLDER "/", g_ptr_array_index (info->disks, i), NULL);
    g_free (g_ptr_array_index (info->disks, i));
    g_ptr_array_index (info->disks, i) = file;
    dio_snapshots_add_image (self->images, file, disk->format, 0, NULL);
  }
  return TRUE;
}

static gboolean
upgrade (DioSnapshots *self, GError **error)
{
  for (guint i = 0; i < self->infos->len; i++)
    if (!upgrade_info (self, g_ptr_array_index (self->infos, i), error))
      return FALSE;
  return TRUE;
}

gboolean
dio_snapshots_parse_locked (DioSnapshots *self, const char *text, gsize length, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (JsonObject) root = dio_json_parse_object (text, length, MAX_DEPTH, &local);
  if (g_error_matches (local, DIO_ERROR, DIO_ERROR_MEMORY)) {
    dio_set_error_errno (error, ENOMEM, _ ("%s cannot be read"), DIO_SNAPSHOT_TREE);
    return FALSE;
  }
  if (!root)
    return refuse (local->message, error);
  gint64 version = get_number (root, "version");
  if (version < 1 || version > DIO_SNAPSHOT_TREE_VERSION)
    return refuse (_ ("it was written by a newer version of Diorama"), error);
  if (!parse_infos (self, get_array (root, "snapshots"), error)
      || !parse_installs (self, get_array (root, "install"), error))
    return FALSE;
  if (version == 1 ? !upgrade (self, error)
                   : !parse_images (self, get_array (root, "images"), error)
                         || !parse_current_disks (self, get_array (root, "disks"), error)
                         || !check_snapshot_disks (self, error))
    return FALSE;
  const char *current = get_string (root, "current"), *pending = get_string (root, "pending");
  if (dio_snapshots_get_locked (self, current))
    self->current = g_strdup (current);
  if (dio_snapshots_get_locked (self, pending))
    self->pending = g_strdup (pending);
  return TRUE;
}

/* ---- Writing ---- */

static void
set_string (JsonObject *object, const char *key, const char *value)
{
  if (value)
    json_object_set_string_member (object, key, value);
}

static void
set_number (JsonObject *object, const char *key, gint64 value)
{
  if (value)
    json_object_set_int_member (object, key, value);
}

static JsonObject *
write_info (const DioSnapshotInfo *info)
{
  JsonObject *object = json_object_new ();
  set_string (object, "id", info->id);
  set_string (object, "parent", info->parent);
  set_string (object, "name", info->name);
  set_string (object, "note", info->note);
  set_string (object, "kind", kind_names[info->kind]);
  set_number (object, "time", info->time_s);
  set_number (object, "memory", (gint64) info->memory);
  set_number (object, "stored", (gint64) info->stored);
  set_number (object, "deleted", info->deleted_s);
  JsonArray *disks = json_array_new ();
  for (guint i = 0; i < info->disks->len; i++)
    json_array_add_string_element (disks, g_ptr_array_index (info->disks, i));
  json_object_set_array_member (object, "disks", disks);
  return object;
}

static void
write_images (DioSnapshots *self, JsonObject *root)
{
  JsonArray *images = json_array_new (), *disks = json_array_new ();
  for (guint i = 0; i < self->images->len; i++) {
    const DioSnapshotImage *image = g_ptr_array_index (self->images, i);
    JsonObject *object = json_object_new ();
    set_string (object, "file", image->file);
    set_string (object, "format", image->format);
    set_number (object, "size", (gint64) image->size);
    set_string (object, "backing", image->backing);
    json_array_add_object_element (images, object);
  }
  for (guint i = 0; i < self->disks->len; i++) {
    const DioSnapshotDisk *disk = g_ptr_array_index (self->disks, i);
    JsonObject *object = json_object_new ();
    set_string (object, "path", disk->path);
    set_string (object, "image", disk->image);
    json_array_add_object_element (disks, object);
  }
  json_object_set_array_member (root, "images", images);
  json_object_set_array_member (root, "disks", disks);
}

static JsonObject *
write_tree (DioSnapshots *self)
{
  JsonObject *root = json_object_new ();
  json_object_set_int_member (root, "version", DIO_SNAPSHOT_TREE_VERSION);
  set_string (root, "current", self->current);
  set_string (root, "pending", self->pending);
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < self->infos->len; i++)
    json_array_add_object_element (array, write_info (g_ptr_array_index (self->infos, i)));
  json_object_set_array_member (root, "snapshots", array);
  write_images (self, root);
  if (!self->installs->len)
    return root;
  array = json_array_new ();
  for (guint i = 0; i < self->installs->len; i++) {
    const DioSnapshotInstall *install = g_ptr_array_index (self->installs, i);
    JsonObject *object = json_object_new ();
    set_string (object, "from", install->from);
    set_string (object, "to", install->to);
    json_array_add_object_element (array, object);
  }
  json_object_set_array_member (root, "install", array);
  return root;
}

gboolean
dio_snapshots_commit_locked (DioSnapshots *self, GError **error)
{
  /* What writes JSON cannot be told that there is no memory. */
  if (!dio_memory_is_there ((self->infos->len + self->images->len + 1) * WRITTEN_BYTES)) {
    dio_set_error_errno (error, ENOMEM, _ ("%s cannot be written"), DIO_SNAPSHOT_TREE);
    return FALSE;
  }
  g_autoptr (JsonObject) root = write_tree (self);
  g_autofree char *text = dio_json_object_to_text (root, TRUE);
  g_autofree char *line = g_strconcat (text, "\n", NULL);
  gboolean good = dio_file_write_atomic (self->files, self->dir_fd, DIO_SNAPSHOT_TREE, line,
                                         strlen (line), error);
  self->uncertain = !good;
  return good;
}

gboolean
dio_snapshots_may_start_from (DioSnapshots *self, const char *id)
{
  gsize length;
  g_autofree char *text = dio_file_load (self->files, self->dir_fd, DIO_SNAPSHOT_TREE,
                                         DIO_SNAPSHOT_TREE_MAX_BYTES, &length, NULL);
  g_autoptr (JsonObject) root = text ? dio_json_parse_object (text, length, MAX_DEPTH, NULL) : NULL;
  return !root || g_strcmp0 (get_string (root, "pending"), id) == 0;
}
